//! The protobuf `LogEntry` (1.4.3 and later).

use bytes::Bytes;
use prost::Message as _;

use super::{Heartbeat, Incoming, Structured, WireEvent, run_log};
use crate::event::Carrier;

/// What `build.rs` makes of `proto/ecaptureq.proto`. Private to this file.
mod schema {
    #![expect(
        clippy::all,
        clippy::pedantic,
        unnameable_types,
        unreachable_pub,
        reason = "generated code"
    )]
    include!(concat!(env!("OUT_DIR"), "/event.rs"));
}

use schema::log_entry::Payload;

/// Reads a `LogEntry`: wire types are checked, and a member of the oneof must be there, because `log_type` is omitted
/// when it is 0. Unknown fields are passed over. The error is the reason in words.
pub(super) fn decode(message: &Bytes) -> Result<Incoming, String> {
    if message.is_empty() {
        return Err("the frame is empty".to_owned());
    }
    let entry = schema::LogEntry::decode(message.clone())
        .map_err(|error| format!("no protobuf LogEntry: {error}"))?;
    match entry.payload {
        Some(Payload::EventPayload(event)) => Ok(Incoming::Event(from_event(event))),
        Some(Payload::HeartbeatPayload(heartbeat)) => Ok(Incoming::Heartbeat(
            Heartbeat {
                timestamp_seconds: heartbeat.timestamp,
                count: heartbeat.count,
                message: heartbeat.message,
                raw: None,
                carrier: Carrier::Protobuf,
            }
            .with_frame(message),
        )),
        Some(Payload::RunLog(text)) => Ok(Incoming::Log(
            run_log::parse(text, Carrier::Protobuf).with_frame(message),
        )),
        None => Err("a protobuf LogEntry with nothing in it".to_owned()),
    }
}

/// From 2.1.0 on, only `length` and `payload` are filled (internal/probe/base/base_probe.go:103-107@v2.1.0), and the
/// payload is text.
fn from_event(event: schema::Event) -> WireEvent {
    let text_only = event.pid == 0
        && event.timestamp == 0
        && event.uuid.is_empty()
        && event.pname.is_empty()
        && event.src_ip.is_empty()
        && event.dst_ip.is_empty();
    if text_only {
        return WireEvent::Text {
            carrier: Carrier::ProtobufText,
            text: event.payload,
        };
    }
    WireEvent::Structured(Structured {
        carrier: Carrier::Protobuf,
        timestamp: event.timestamp,
        uuid: event.uuid,
        src_ip: event.src_ip,
        src_port: event.src_port,
        dst_ip: event.dst_ip,
        dst_port: event.dst_port,
        pid: event.pid,
        pname: event.pname,
        event_type: event.r#type,
        length: event.length,
        payload: event.payload,
    })
}

/// The frame eCapture sends for a heartbeat; `log_type` is 0 and so omitted.
pub(super) fn heartbeat_frame(heartbeat: &Heartbeat) -> Vec<u8> {
    entry(
        schema::LogType::Heartbeat,
        Payload::HeartbeatPayload(schema::Heartbeat {
            timestamp: heartbeat.timestamp_seconds,
            count: heartbeat.count,
            message: heartbeat.message.clone(),
        }),
    )
}

/// The frame eCapture sends for a line of its log.
pub(super) fn run_log_frame(text: &str) -> Vec<u8> {
    entry(
        schema::LogType::ProcessLog,
        Payload::RunLog(text.to_owned()),
    )
}

fn entry(log_type: schema::LogType, payload: Payload) -> Vec<u8> {
    schema::LogEntry {
        log_type: log_type.into(),
        payload: Some(payload),
    }
    .encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(bytes: &'static [u8]) -> String {
        decode(&Bytes::from_static(bytes)).unwrap_err()
    }

    #[test]
    fn says_why_not() {
        assert_eq!(reason(b""), "the frame is empty");
        assert_eq!(
            reason(b"\x08\x02"),
            "a protobuf LogEntry with nothing in it"
        );
        assert!(reason(b"\x12\x05a").starts_with("no protobuf LogEntry: "));
    }

    #[test]
    fn keeps_what_would_not_be_rendered() {
        for (bytes, kept) in [
            (&b"\x1a\x0f\x08\x01\x1a\x0bheartbeat:0"[..], false),
            (b"\x08\x00\x1a\x0f\x08\x01\x1a\x0bheartbeat:0", true),
            (b"\x08\x01\x22\x03{}\n", false),
            (b"\x22\x03{}\n", true),
        ] {
            let frame = Bytes::from_static(bytes);
            let (raw, mut written) = (decode(&frame).unwrap(), Vec::new());
            let raw = match raw {
                Incoming::Heartbeat(heartbeat) => {
                    heartbeat.write_frame(&mut written).unwrap();
                    heartbeat.raw
                }
                Incoming::Log(log) => {
                    log.write_frame(&mut written).unwrap();
                    log.raw
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(raw.is_some(), kept, "{bytes:?}");
            assert_eq!(written, bytes);
        }
    }
}
