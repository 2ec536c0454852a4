//! The messages of eCapture's, as plain data.

use std::io;

use bytes::Bytes;

use super::{json, protobuf};
use crate::event::{Carrier, Timestamp};

/// What one WebSocket message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// Something was captured.
    Event(WireEvent),
    /// eCapture is alive.
    Heartbeat(Heartbeat),
    /// A line of eCapture's own log.
    Log(RunLog),
    /// No message of eCapture's.
    Unreadable {
        /// Why, in words.
        reason: String,
    },
}

/// A sign of life: every 60 s up to 1.4.3; on connecting and every 15 s since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The capturing host's clock, in seconds since 1970.
    pub timestamp_seconds: i64,
    /// Counts the heartbeats of one connection, from 0.
    pub count: i64,
    /// `heartbeat:` and the count.
    pub message: String,
    /// The frame itself, if those three do not give it again.
    pub raw: Option<Bytes>,
    /// How it was sent: `Json` or `Protobuf`.
    pub carrier: Carrier,
}

impl Heartbeat {
    /// Writes the frame, byte for byte as it was received.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_frame(&self, out: &mut impl io::Write) -> io::Result<()> {
        match &self.raw {
            Some(raw) => out.write_all(raw),
            None => out.write_all(&self.rendered()),
        }
    }

    fn rendered(&self) -> Vec<u8> {
        match self.carrier {
            Carrier::Json => json::heartbeat_frame(self),
            _ => protobuf::heartbeat_frame(self),
        }
    }

    /// Keeps `frame` if it is not what would be rendered.
    pub(super) fn with_frame(mut self, frame: &Bytes) -> Self {
        self.raw = (self.rendered() != *frame).then(|| frame.clone());
        self
    }
}

/// A line of eCapture's own log. The first 129 lines are sent again to each new client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLog {
    /// The line as sent. In protobuf that is the string with its newline; in dialect A it is the exact JSON text of
    /// `payload`.
    pub text: String,
    /// How it was sent: `Json` or `Protobuf`.
    pub carrier: Carrier,
    /// The frame itself, if `text` does not give it again.
    pub raw: Option<Bytes>,
    /// `level`.
    pub level: Option<String>,
    /// `time`, to the second.
    pub time: Option<Timestamp>,
    /// The offset from UTC that `time` was written with: the zone of eCapture's process.
    pub zone_offset_seconds: Option<i32>,
    /// `Version`, as in `linux_amd64:v2.5.1:6.8.0`. Within the first 129 lines of each run.
    pub version: Option<String>,
    /// `lostSamples`: how many samples the kernel dropped, as logged up to 1.5.2 (user/module/imodule.go:336@v1.5.2).
    pub lost_samples: Option<u64>,
}

impl RunLog {
    /// Writes the frame, byte for byte as it was received.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_frame(&self, out: &mut impl io::Write) -> io::Result<()> {
        match &self.raw {
            Some(raw) => out.write_all(raw),
            None => out.write_all(&self.rendered()),
        }
    }

    fn rendered(&self) -> Vec<u8> {
        match self.carrier {
            Carrier::Json => json::run_log_frame(&self.text),
            _ => protobuf::run_log_frame(&self.text),
        }
    }

    /// Keeps `frame` if it is not what would be rendered.
    pub(super) fn with_frame(mut self, frame: &Bytes) -> Self {
        self.raw = (self.rendered() != *frame).then(|| frame.clone());
        self
    }
}

/// An event, as far as its carrier shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireEvent {
    /// With fields (1.4.0 to 1.5.2).
    Structured(Structured),
    /// Text alone: dialect D, and the holes of dialect B.
    Text {
        /// `ProtobufText`, `BareText`, `EventLine` or `ConsoleLine`.
        carrier: Carrier,
        /// The whole text; a slice of the frame, but for `EventLine`, where it stood as JSON.
        text: Bytes,
    },
}

/// An event with fields, as sent; absent fields are zero or empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structured {
    /// `Json`, `Protobuf`, `BareJson` or `EventLine`.
    pub carrier: Carrier,
    /// Seconds (A) or nanoseconds (B) since 1970.
    pub timestamp: i64,
    /// The stream key; see `docs/wire.md`.
    pub uuid: String,
    /// The connection's initiator.
    pub src_ip: String,
    /// Its port.
    pub src_port: u32,
    /// The connection's acceptor.
    pub dst_ip: String,
    /// Its port.
    pub dst_port: u32,
    /// The process id.
    pub pid: i64,
    /// The command name, in places padded with NUL bytes to 16.
    pub pname: String,
    /// `type`; its meaning depends on the probe.
    pub event_type: u32,
    /// `length`, as sent.
    pub length: u32,
    /// The payload, without base64. A slice of the frame if it stood there as it is.
    pub payload: Bytes,
}
