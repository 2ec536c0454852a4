//! From bytes to a message of eCapture's: which of its four dialects a frame speaks, and what it carries.
//!
//! Decoding is by shape and never by version: the WebSocket opcode is a hint at most, because frames imported from
//! files have lost it. Every input ends in a value; what cannot be read is `Unreadable`, with the reason in words.
//! Nothing here interprets text or addresses; that is `normalize`. Strings and payloads are bounded by the frame.
//!
//! The dialects (`docs/wire.md`): A is JSON (1.4.0 to 1.4.2), B is protobuf with filled events and holes of bare text
//! or bare JSON (1.4.3 to 1.5.2), C has no events (2.0.x), D is protobuf with rendered text (2.1.0 and later).

mod json;
mod line;
mod message;
mod protobuf;
mod run_log;
mod shape;

pub use line::{LineKind, line_start};
pub use message::{Heartbeat, Incoming, RunLog, Structured, WireEvent};

use bytes::Bytes;

use crate::event::{Carrier, Opcode};

/// Reads one WebSocket message.
///
/// JSON is recognized whatever the opcode, and so are lines of the files that eCapture writes; then text that starts like one of eCapture's; then a protobuf `LogEntry`,
/// strictly; then any other text. A text frame is never unreadable.
pub fn decode(opcode: Opcode, message: &Bytes) -> Incoming {
    if message.first() == Some(&b'{')
        && let Some(incoming) = json::decode(message).or_else(|| line::decode_json(message))
    {
        return incoming;
    }
    if let Some(incoming) = line::decode_console(message) {
        return incoming;
    }
    if opcode == Opcode::Text || shape::starts_like_text(message) {
        return bare_text(message);
    }
    match protobuf::decode(message) {
        Ok(incoming) => incoming,
        Err(_) if shape::is_text(message) => bare_text(message),
        Err(reason) => Incoming::Unreadable { reason },
    }
}

fn bare_text(message: &Bytes) -> Incoming {
    Incoming::Event(WireEvent::Text {
        carrier: Carrier::BareText,
        text: message.clone(),
    })
}

/// No heartbeat is larger: a time, a count and `heartbeat:` with the count again.
const MAX_HEARTBEAT_BYTES: usize = 256;

/// Whether a message is a heartbeat. Looks at small messages only, so that it can be asked of every message that comes.
pub fn is_heartbeat(opcode: Opcode, message: &Bytes) -> bool {
    message.len() <= MAX_HEARTBEAT_BYTES
        && matches!(decode(opcode, message), Incoming::Heartbeat(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Incoming {
        decode(Opcode::Binary, &Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn an_empty_event_is_empty_text() {
        assert_eq!(
            read(b"\x08\x02\x12\x00"),
            Incoming::Event(WireEvent::Text {
                carrier: Carrier::ProtobufText,
                text: Bytes::new()
            })
        );
    }

    #[test]
    fn what_is_no_message_is_unreadable() {
        for bytes in [&b""[..], b"\x08\x02", b"\x08\x07\xff\x00", b"\xff\xfe\xfd"] {
            assert!(
                matches!(read(bytes), Incoming::Unreadable { .. }),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn text_is_text_whatever_protobuf_makes_of_it() {
        for bytes in [&b"PID:1, x"[..], b" PID:1", b"hello, world", b"{not json"] {
            assert!(
                matches!(
                    read(bytes),
                    Incoming::Event(WireEvent::Text {
                        carrier: Carrier::BareText,
                        ..
                    })
                ),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn payload_is_a_slice_of_the_frame() {
        let frame = Bytes::from_static(b"\x08\x02\x12\x06P\x02Z\x02hi");
        let Incoming::Event(WireEvent::Text { text, .. }) = decode(Opcode::Binary, &frame) else {
            panic!("not text");
        };
        assert_eq!(text.as_ptr(), frame[8..].as_ptr());
    }
}
