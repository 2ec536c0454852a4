//! The words of the project: what a captured event is, in plain data.
//!
//! Nothing here does I/O, takes a clock or knows how eCapture, SQLite or a terminal write things down. Unknown is
//! always `None`, never a placeholder address, zero or empty string.

mod address;
mod clock;
mod connection;
mod content;
mod coverage;
mod form;
mod hazard;
mod hex;
mod id;
mod identity;
mod origin;
mod process;
mod provenance;
#[cfg(test)]
pub(crate) mod samples;
mod soundness;
mod stored;
mod time;
mod zone;

pub use address::{Direction, Endpoints, Sense, Tuple, TupleSource};
pub use clock::{Clock, ClockKind};
pub use connection::{Connection, ConnectionUpdate, Role};
pub use content::{Content, HttpHead, Kind, Probe};
pub use coverage::{
    ClockJump, Counted, Coverage, Gap, IdentityCounts, RecordingStats, Removed, SourceCoverage,
    Stats, release,
};
pub use form::{Carrier, Encoding, Envelope, Form, Layout};
pub use hazard::is_hazard;
pub use hex::hex;
pub use id::{ConnectionId, EventId, IdentityId, LinkId, RecordingId, RunId, SourceId, StreamId};
pub use identity::{Identity, is_container_id};
pub use origin::{Origin, Predecessor, Taken};
pub use process::Process;
pub use provenance::Provenance;
pub use soundness::{ChainLink, Fault, Keyed, Noted, Part, Scope, Soundness};
pub use stored::StoredEvent;
pub use time::Timestamp;
pub use zone::Zone;

use bytes::Bytes;

/// How a WebSocket message was marked: eCapture sends text frames up to 1.4.2 and binary frames since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// RFC 6455 opcode 1.
    Text,
    /// RFC 6455 opcode 2.
    Binary,
}

impl Opcode {
    /// The number RFC 6455 section 5.2 gives it.
    pub fn code(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Binary => 2,
        }
    }

    /// The opcode with this RFC 6455 number, if it is one of the two that carry data.
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            _ => None,
        }
    }
}

/// One WebSocket message as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Which link of this recording it came over, counted from 1.
    pub link: u32,
    /// When the last byte of it was in our hands.
    pub received: Timestamp,
    /// Text or binary.
    pub opcode: Opcode,
    /// The whole message.
    pub message: Bytes,
}

/// What one event says, its payload apart. Immutable once made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it happened, as well as `clock` knows.
    pub time: Timestamp,
    /// Where `time` comes from, and how to get back to the number or text that eCapture sent.
    pub clock: Clock,
    /// When the frame reached us.
    pub received: Timestamp,
    /// Who did it.
    pub process: Process,
    /// The file descriptor of the socket. eCapture sends 0 where it does not know it.
    pub fd: Option<u32>,
    /// Whether the process read or wrote.
    pub direction: Option<Direction>,
    /// The addresses that this event itself carried; in dialect D they come with another event.
    pub tuple: Option<Tuple>,
    /// What sort of event it is.
    pub kind: Kind,
    /// What its payload holds, from its first bytes.
    pub content: Content,
    /// Which eCapture probe made it, where its frame shows that.
    pub probe: Option<Probe>,
    /// The `type` field as sent. Its meaning depends on the probe; see `docs/wire.md`.
    pub ecapture_type: Option<u32>,
    /// How the frame was laid out, so that it can be written out again.
    pub form: Form,
    /// What happened to the payload's bytes before they reached us.
    pub provenance: Provenance,
    /// The facts of the HTTP/1 head (or of the first headers in an HTTP/2 listing) that the payload starts with.
    pub http: Option<HttpHead>,
    /// What only some probes say.
    pub details: Details,
}

/// What only some probes say about an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// bash: the exit status of the command. mysqld in 1.5.x: the dispatcher's return value, which can be negative.
    pub return_value: Option<i64>,
    /// mysqld: the status word.
    pub status: Option<String>,
    /// The full length in bytes of what was captured in part, as a mysqld query or a network packet; else, of a payload
    /// of which only the first bytes were stored.
    pub total_bytes: Option<u64>,
    /// The kernel's monotonic clock in nanoseconds, where the text shows it beside or in place of a time.
    pub monotonic_ns: Option<u64>,
    /// Packet events: the index of the network interface.
    pub interface_index: Option<u32>,
    /// Why a frame could not be read, in words. Set on `Kind::Unreadable` and `Kind::UnknownText` only.
    pub reason: Option<String>,
}

/// An event as it comes out of normalisation: what it says, its bytes, and what it takes to rebuild its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// What it says.
    pub event: Event,
    /// The captured bytes; for what could not be read, the bytes of the text or the frame.
    pub payload: Bytes,
    /// What of the frame `event` and `payload` do not reproduce.
    pub envelope: Envelope,
}
