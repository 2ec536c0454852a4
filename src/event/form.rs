//! How a frame was laid out, so that it can be written out again from what is stored.

use bytes::Bytes;

use super::{Opcode, TupleSource};

/// What carried an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// Dialect A: `{"log_type":2,"payload":{…,"payload_base64":"…"}}` in a text frame.
    Json,
    /// Dialect B: a protobuf `LogEntry` whose `Event` has its fields filled.
    Protobuf,
    /// Dialect D: a protobuf `LogEntry` whose `Event` has only `length` and `payload`, the payload being text.
    ProtobufText,
    /// Dialect B's holes: an event's JSON alone, with the bytes in `payload`.
    BareJson,
    /// Dialect B's holes: text alone.
    BareText,
    /// A line of an event file of 1.x (`--eventaddr`): JSON with a time and the event's text.
    EventLine,
    /// What 2.x prints of an event on its standard output, with a time before it and a field behind.
    ConsoleLine,
    /// None that we know.
    Unknown,
}

/// The shape of what is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Nothing is recognised; the payload is all of it.
    Unknown,
    /// Structured: `PID_TID_COMM_FD_DIR_SRC-DST`, addresses in the fields.
    OpensslFields,
    /// Structured: the same, with empty address fields because the addresses are IPv6.
    OpensslUuid,
    /// Structured: `sock:PID_TID_COMM_FD_DIR_0.0.0.0:0-0.0.0.0:0_0`, address fields `0.0.0.0` and 0.
    OpensslUnknown,
    /// Structured: `PID_TID_COMM16_DIR`.
    Gnutls,
    /// Structured: `PID_TID_COMM16`.
    Gotls,
    /// Structured: `PID_COMM16` (mysqld and postgres of 1.5).
    Sql,
    /// Structured: none of the above, so that only the fields say something.
    Fields,
    /// Text of 2.x openssl.
    OpensslText,
    /// Text of 2.x openssl for a connection.
    ConnectionText,
    /// Text of 2.x gotls with a tuple.
    GotlsText,
    /// Text of 2.x gotls with the placeholder for an unknown tuple.
    GotlsTextUnknown,
    /// Text of 2.x bash.
    BashText,
    /// Text of 2.x zsh.
    ZshText,
    /// Text of 2.x mysqld.
    MysqldText,
    /// Text of 2.x postgres.
    PostgresText,
    /// Text of 2.x for a packet.
    PacketText,
    /// Text of 2.x for key material.
    KeyText,
    /// Bare text of 1.x bash.
    BashBare,
    /// Bare text of 1.x zsh.
    ZshBare,
    /// Bare text of 1.4.3 mysqld.
    MysqldBare,
    /// Bare text of 1.4.3 postgres.
    PostgresBare,
    /// Text in event files up to 1.3.1, with a stream key.
    KeyedLine,
    /// Text in event files from 1.4.1 to 1.5.2, with addresses.
    AddressedLine,
    /// Text in event files of 1.5 gotls.
    GotlsLine,
}

/// How the payload's bytes are written in the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As they are (JSON carriers add base64).
    Plain,
    /// As a hex dump in the manner of Go's `encoding/hex.Dump`.
    GoHexDump,
    /// As 2.x `--hex` writes it for the probe in question.
    Hex,
}

/// How a frame was laid out. With the stored columns and the payload it gives the frame's bytes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Form {
    /// Text or binary frame.
    pub opcode: Opcode,
    /// What carried the event.
    pub carrier: Carrier,
    /// The shape of what is carried.
    pub layout: Layout,
    /// How the payload is written in it.
    pub encoding: Encoding,
}

const CARRIERS: [Carrier; 8] = [
    Carrier::Unknown,
    Carrier::Json,
    Carrier::Protobuf,
    Carrier::ProtobufText,
    Carrier::BareJson,
    Carrier::BareText,
    Carrier::EventLine,
    Carrier::ConsoleLine,
];

const LAYOUTS: [Layout; 25] = [
    Layout::Unknown,
    Layout::OpensslFields,
    Layout::OpensslUuid,
    Layout::OpensslUnknown,
    Layout::Gnutls,
    Layout::Gotls,
    Layout::Sql,
    Layout::Fields,
    Layout::OpensslText,
    Layout::ConnectionText,
    Layout::GotlsText,
    Layout::GotlsTextUnknown,
    Layout::BashText,
    Layout::ZshText,
    Layout::MysqldText,
    Layout::PostgresText,
    Layout::PacketText,
    Layout::KeyText,
    Layout::BashBare,
    Layout::ZshBare,
    Layout::MysqldBare,
    Layout::PostgresBare,
    Layout::KeyedLine,
    Layout::AddressedLine,
    Layout::GotlsLine,
];

const ENCODINGS: [Encoding; 3] = [Encoding::Plain, Encoding::GoHexDump, Encoding::Hex];

fn position<T: PartialEq>(all: &[T], one: &T) -> u32 {
    all.iter()
        .position(|other| other == one)
        .and_then(|found| u32::try_from(found).ok())
        .unwrap_or(0)
}

impl Carrier {
    /// The number that stands for it in a capture file.
    pub fn code(self) -> u32 {
        position(&CARRIERS, &self)
    }

    /// The carrier that `code` stands for.
    pub fn from_code(code: u32) -> Option<Self> {
        CARRIERS.get(usize::try_from(code).ok()?).copied()
    }
}

impl Form {
    /// The number that stands for it in a capture file: opcode (1 or 2) + 10 × encoding + 100 × carrier + 1000 × layout,
    /// each counted from 0 in the order of this file's tables.
    pub fn code(self) -> u32 {
        u32::from(self.opcode.code())
            + 10 * position(&ENCODINGS, &self.encoding)
            + 100 * position(&CARRIERS, &self.carrier)
            + 1000 * position(&LAYOUTS, &self.layout)
    }

    /// Where an event of this form has its addresses from, if it has any.
    pub fn tuple_source(&self) -> Option<TupleSource> {
        match self.layout {
            Layout::OpensslFields
            | Layout::Gnutls
            | Layout::Gotls
            | Layout::Sql
            | Layout::Fields
            | Layout::AddressedLine => Some(TupleSource::Field),
            Layout::OpensslUuid | Layout::OpensslUnknown | Layout::KeyedLine => {
                Some(TupleSource::Uuid)
            }
            Layout::ConnectionText => Some(TupleSource::ConnectionEvent),
            Layout::GotlsText => Some(TupleSource::Text),
            _ => None,
        }
    }

    /// The form that `code` stands for.
    pub fn from_code(code: u32) -> Option<Self> {
        let digit = |unit: u32| usize::try_from(code / unit % 10).ok();
        Some(Self {
            opcode: Opcode::from_code(u8::try_from(code % 10).ok()?)?,
            encoding: *ENCODINGS.get(digit(10)?)?,
            carrier: *CARRIERS.get(digit(100)?)?,
            layout: *LAYOUTS.get(usize::try_from(code / 1000).ok()?)?,
        })
    }
}

/// What of an event's frame its columns and payload do not reproduce.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Envelope {
    /// Nothing: the form gives the frame again, byte for byte.
    #[default]
    Rendered,
    /// The payload stands in the frame as it is, between these bytes.
    Around {
        /// What comes before the payload.
        head: Bytes,
        /// What comes after it.
        tail: Bytes,
    },
    /// The frame is kept whole.
    Whole(Bytes),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_its_own_code() {
        let mut seen = std::collections::HashSet::new();
        for carrier in CARRIERS {
            for layout in LAYOUTS {
                for encoding in ENCODINGS {
                    for opcode in [Opcode::Text, Opcode::Binary] {
                        let form = Form {
                            opcode,
                            carrier,
                            layout,
                            encoding,
                        };
                        assert!(seen.insert(form.code()), "{form:?}");
                        assert_eq!(Form::from_code(form.code()), Some(form));
                    }
                }
            }
        }
        assert_eq!(Form::from_code(0), None);
        assert_eq!(Form::from_code(u32::MAX), None);
    }
}
