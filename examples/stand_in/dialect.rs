//! Which release speaks how: from an event to the message that carries it.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use bytes::Bytes;

use super::event::GeneratedEvent;
use super::protobuf::{self, EventFields};
use super::{fields, text};

/// A way of writing events down; see wire.md section 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A, 1.4.0 to 1.4.2: JSON in text frames.
    Json,
    /// B, 1.4.3 to 1.5.2: protobuf with its fields filled, and bare text where that was forgotten.
    Fields,
    /// C, 2.0.x: no events.
    LogsOnly,
    /// D, 2.1.0 to 2.5.1: protobuf around a text.
    Text,
}

impl Dialect {
    /// The dialect of a letter, `a` to `d`.
    pub(crate) fn from_letter(letter: &str) -> Option<Self> {
        match letter {
            "a" => Some(Self::Json),
            "b" => Some(Self::Fields),
            "c" => Some(Self::LogsOnly),
            "d" => Some(Self::Text),
            _ => None,
        }
    }

    /// The newest release that speaks it.
    pub(crate) fn newest_release(self) -> Release {
        match self {
            Self::Json => Release::new(1, 4, 2),
            Self::Fields => Release::new(1, 5, 2),
            Self::LogsOnly => Release::new(2, 0, 1),
            Self::Text => Release::new(2, 5, 1),
        }
    }
}

/// A release of eCapture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release {
    major: u8,
    minor: u8,
    patch: u8,
}

impl Release {
    /// By its three numbers.
    pub(crate) const fn new(major: u8, minor: u8, patch: u8) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// How it writes events down.
    pub(crate) fn dialect(self) -> Dialect {
        match (self.major, self.minor, self.patch) {
            (..=1, ..=3, _) | (..=1, 4, ..=2) => Dialect::Json,
            (..=1, ..) => Dialect::Fields,
            (2, 0, _) => Dialect::LogsOnly,
            _ => Dialect::Text,
        }
    }

    /// Whether everything is JSON in text frames.
    pub(crate) fn sends_json(self) -> bool {
        self.dialect() == Dialect::Json
    }

    /// Whether it sends a heartbeat on connect and then every 15 seconds, and not only every 60. It is these
    /// releases that a client can crash by leaving early.
    pub(crate) fn greets(self) -> bool {
        self >= Self::new(1, 5, 0)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// From `2.5.1`; missing numbers are 0.
impl FromStr for Release {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let mut numbers = text.trim_start_matches('v').split('.');
        let mut next = || numbers.next().unwrap_or("0").parse();
        Ok(Self::new(next()?, next()?, next()?))
    }
}

/// One WebSocket message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// RFC 6455: 1 text, 2 binary.
    pub(crate) opcode: u8,
    /// The whole message.
    pub(crate) bytes: Bytes,
}

impl Message {
    /// A text message.
    pub(crate) fn text(bytes: impl Into<Bytes>) -> Self {
        Self {
            opcode: 1,
            bytes: bytes.into(),
        }
    }

    /// A binary message.
    pub(crate) fn binary(bytes: impl Into<Bytes>) -> Self {
        Self {
            opcode: 2,
            bytes: bytes.into(),
        }
    }
}

/// Writes events as one eCapture with its settings does.
///
/// Every event is taken as a burst of its own: the merging of chunks that 1.x does is not imitated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoder {
    /// The release.
    pub(crate) release: Release,
    /// Whether it runs with `--hex`.
    pub(crate) hex: bool,
    /// The capturing host's zone, in seconds east of Greenwich.
    pub(crate) zone_seconds: i32,
    /// When the capturing host's monotonic clock was 0, in nanoseconds since 1970.
    pub(crate) boot_ns: i64,
}

impl Encoder {
    /// The message for an event that happened at `unix_ns`, or nothing where this release sends nothing.
    pub(crate) fn encode(&self, event: &GeneratedEvent, unix_ns: i64) -> Option<Message> {
        match self.release.dialect() {
            Dialect::Json => fields::json(self, event, unix_ns),
            Dialect::Fields => fields::protobuf(self, event, unix_ns),
            Dialect::LogsOnly => None,
            Dialect::Text => {
                let mut text = text::of_event(self, event, unix_ns)?;
                if text.last() != Some(&b'\n') {
                    text.push(b'\n');
                }
                Some(Message::binary(protobuf::event(&EventFields {
                    length: u32::try_from(text.len()).unwrap_or(u32::MAX),
                    payload: &text,
                    ..EventFields::default()
                })))
            }
        }
    }

    /// The reading of the host's monotonic clock at `unix_ns`.
    pub(crate) fn monotonic_ns(&self, unix_ns: i64) -> i64 {
        unix_ns.saturating_sub(self.boot_ns)
    }
}
