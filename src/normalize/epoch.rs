//! An epoch of a descriptor: one connection, as far as its events show where it begins and ends.
//!
//! When the next one begins is told in the head of [`super::connections`].

use std::time::Duration;

use crate::event::{
    Captured, Carrier, ConnectionId, Content, Direction, Event, Kind, Role, Timestamp, Tuple,
    TupleSource,
};

/// After the end of the stream, what is written this much later is taken for another conversation.
const LONG_SILENCE: Duration = Duration::from_secs(10);

bitflags::bitflags! {
    /// What was seen in an epoch.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct Marks: u8 {
        /// The process read data.
        const DATA_IN = 1;
        /// The process wrote data.
        const DATA_OUT = 2;
        /// The process read the end of the stream.
        const ENDED = 4;
        /// An HTTP/2 client preface went by.
        const PREFACE = 8;
        /// An event had address fields that were not filled: what becomes known later is not about its connection.
        const NAMELESS = 16;
        /// Addresses were inferred, and then another connection of the process came up: the next data may be its.
        const DOUBTFUL = 32;
    }
}

impl Marks {
    pub(super) const DATA: Self = Self::DATA_IN.union(Self::DATA_OUT);

    pub(super) fn data(direction: Direction) -> Self {
        match direction {
            Direction::Inbound => Self::DATA_IN,
            Direction::Outbound => Self::DATA_OUT,
        }
    }
}

/// The current epoch of a key.
#[derive(Debug)]
pub(super) struct Epoch {
    pub(super) id: ConnectionId,
    pub(super) tuple: Option<(Tuple, TupleSource)>,
    pub(super) role: Option<Role>,
    pub(super) began: Timestamp,
    pub(super) last: Timestamp,
    pub(super) marks: Marks,
    /// Whether the file that is being written has it.
    pub(super) is_told: bool,
}

impl Epoch {
    /// Whether this event is the start of a new conversation, and not the next piece of this one.
    pub(super) fn starts_anew(&self, captured: &Captured) -> bool {
        let event = &captured.event;
        let Some(direction) = event.direction else {
            return false;
        };
        if captured.payload.is_empty() {
            return false;
        }
        let continues = self.marks.contains(Marks::data(direction));
        let has_ended = self.marks.contains(Marks::ENDED);
        match (direction, event.content) {
            (_, Content::Http2Preface) if continues && self.marks.contains(Marks::PREFACE) => true,
            // Nothing can be read after the end of a stream that something was read from.
            (Direction::Inbound, _) => has_ended && continues,
            // An answer can still be written, and the end of an older stream can arrive late.
            (Direction::Outbound, _) if !has_ended || !self.marks.intersects(Marks::DATA) => false,
            (Direction::Outbound, Content::Http2Preface | Content::Http1Request) => true,
            (Direction::Outbound, content) => {
                (content == Content::Http2Frames && is_server_preface(&captured.payload))
                    || event.received >= self.last.plus(LONG_SILENCE)
            }
        }
    }

    pub(super) fn see(&mut self, captured: &Captured) {
        let event = &captured.event;
        if event.kind != Kind::TlsData {
            return;
        }
        let is_inbound = event.direction == Some(Direction::Inbound);
        if !captured.payload.is_empty() {
            self.marks |= event.direction.map_or(Marks::empty(), Marks::data);
        } else if is_inbound {
            self.marks |= Marks::ENDED;
        }
        if event.content == Content::Http2Preface {
            self.marks |= Marks::PREFACE;
        }
        if event.tuple.is_none() && is_structured(event) {
            self.marks |= Marks::NAMELESS;
        }
    }
}

/// Whether the event came with fields for addresses.
pub(super) fn is_structured(event: &Event) -> bool {
    matches!(
        event.form.carrier,
        Carrier::Json | Carrier::Protobuf | Carrier::BareJson
    )
}

/// A SETTINGS frame that is no acknowledgement: the server's first frame on an HTTP/2 connection (RFC 9113 section 3.4).
fn is_server_preface(payload: &[u8]) -> bool {
    matches!(payload, [_, _, _, 4, 0, 0, 0, 0, 0, ..])
}
