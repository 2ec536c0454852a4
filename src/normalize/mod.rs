//! From a message of eCapture's to an event: one shape for what four dialects and seven probes say.
//!
//! Nothing is lost on the way. Each event is written out again in its form as soon as it is made, and compared with
//! its frame; what differs is kept in the envelope, so that `rebuild` gives the frame byte for byte in any case.
//! Nothing here does I/O or takes a clock: the result depends on the frames of the run alone.

mod civil;
mod classify;
mod clocks;
mod compare;
mod connections;
mod console;
mod dump;
mod epoch;
mod http2;
mod reading;
mod render;
mod runs;
mod scan;
mod structured;
mod text;
mod tuple;
mod uuid;

#[cfg(test)]
mod tests;

pub use classify::classify;
pub use connections::{Connections, Placement, REACH_BACK};
pub use render::{rebuild, render};
pub use runs::{LogLine, REPLAYED_LINES, Runs};

use bytes::Bytes;

use crate::event::{
    Captured, Carrier, Clock, Details, Encoding, Envelope, Event, Form, Frame, Kind, Layout,
    Process, Provenance,
};
use crate::wire::{RunLog, WireEvent};
use clocks::Clocks;
use compare::Comparer;
use reading::Reading;

/// Makes events of messages, and learns the capturing host's clocks on the way. One for each link.
#[derive(Debug, Default)]
pub struct Normalizer {
    clocks: Clocks,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every message is an event, and none is kept in this type"
)]
pub enum Normalized {
    /// An event.
    Captured(Captured),
    /// Some socket on the host was destroyed; eCapture does not say which, so it is only counted.
    ConnectionDestroyed,
}

impl Normalizer {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says whether the receive times of frames are only stand-ins, as when a bare file is imported. They are then not
    /// used to judge any other time.
    pub fn set_received_estimated(&mut self, estimated: bool) {
        self.clocks.estimated = estimated;
    }

    /// Forgets the clocks: a new run of eCapture begins.
    pub fn start_run(&mut self) {
        self.clocks.start_run();
    }

    /// Learns the zone of the capturing host from a line of eCapture's log, if it tells.
    pub fn learn(&mut self, log: &RunLog) {
        if let Some(offset_seconds) = log.zone_offset_seconds {
            self.clocks.learn_zone(offset_seconds);
        }
    }

    /// Makes an event of a message that came in `frame`.
    pub fn event(&mut self, frame: &Frame, event: WireEvent) -> Normalized {
        let (carrier, reading) = match event {
            WireEvent::Structured(event) => (event.carrier, structured::read(event)),
            WireEvent::Text { carrier, text } => {
                // Only if nothing else is in the frame, which then is the text alone, or has 8 bytes before it: the
                // entry's type, the event's key and size, its length, and the payload's key and size.
                let around = frame.message.len().saturating_sub(text.len());
                let is_alone = matches!(around, 0 | 8) || carrier == Carrier::ConsoleLine;
                if is_alone && text::is_destroyed(&text) {
                    return Normalized::ConnectionDestroyed;
                }
                let reading = match carrier {
                    Carrier::EventLine => text::read_event_line(&text),
                    Carrier::ConsoleLine => console::read(&text),
                    _ => text::read(&text),
                };
                (carrier, reading)
            }
        };
        Normalized::Captured(self.captured(frame, carrier, reading))
    }

    fn captured(&mut self, frame: &Frame, carrier: Carrier, reading: Reading) -> Captured {
        let (clock, time) = self.clocks.tell(reading.told, frame.received);
        let payload = reading.payload;
        let (content, http) = classify(&payload, reading.kind);
        let event = Event {
            time,
            clock,
            received: frame.received,
            process: reading.process,
            fd: reading.fd,
            direction: reading.direction,
            tuple: reading.tuple,
            kind: reading.kind,
            content,
            probe: reading.probe,
            ecapture_type: reading.ecapture_type,
            form: Form {
                opcode: frame.opcode,
                carrier,
                layout: reading.layout,
                encoding: reading.encoding,
            },
            provenance: reading.provenance,
            http,
            details: reading.details,
        };
        let envelope = envelope(frame, &event, &payload);
        Captured {
            event,
            payload,
            envelope,
        }
    }

    /// Keeps a frame that is no message of eCapture's.
    pub fn unreadable(&mut self, frame: &Frame, reason: String) -> Captured {
        let payload = frame.message.clone();
        let (content, http) = classify(&payload, Kind::Unreadable);
        let event = Event {
            time: frame.received,
            clock: Clock::RECEIVED,
            received: frame.received,
            process: Process::default(),
            fd: None,
            direction: None,
            tuple: None,
            kind: Kind::Unreadable,
            content,
            probe: None,
            ecapture_type: None,
            form: Form {
                opcode: frame.opcode,
                carrier: Carrier::Unknown,
                layout: Layout::Unknown,
                encoding: Encoding::Plain,
            },
            provenance: Provenance::empty(),
            http,
            details: Details {
                reason: Some(reason),
                ..Details::default()
            },
        };
        Captured {
            event,
            payload,
            envelope: Envelope::Rendered,
        }
    }
}

/// What of the frame the event and its payload do not give again.
fn envelope(frame: &Frame, event: &Event, payload: &Bytes) -> Envelope {
    let mut comparer = Comparer::new(&frame.message);
    let rendered = render(event, payload, &mut comparer);
    if matches!(rendered, Ok(true)) && comparer.is_same() {
        return Envelope::Rendered;
    }
    around(&frame.message, payload).unwrap_or_else(|| Envelope::Whole(frame.message.clone()))
}

/// The frame without its payload, if the payload is a slice of it.
fn around(message: &Bytes, payload: &Bytes) -> Option<Envelope> {
    if payload.is_empty() {
        return None;
    }
    let start = (payload.as_ptr().addr()).checked_sub(message.as_ptr().addr())?;
    let end = start.checked_add(payload.len())?;
    (message.get(start..end)? == payload).then(|| Envelope::Around {
        head: message.slice(..start),
        tail: message.slice(end..),
    })
}
