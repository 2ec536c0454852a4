//! Dialect A's JSON, `{"log_type":N,"payload":…}` (pkg/ecaptureq/proto.go:21-32@v1.4.0), and dialect B's bare events.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Heartbeat, Incoming, Structured, WireEvent, run_log};
use crate::event::Carrier;

#[derive(Deserialize)]
struct Entry<'a> {
    log_type: u32,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// user/event/event_base.go:20-32@v1.4.0; 1.4.3's gotls calls the last key `payload`.
#[derive(Deserialize)]
struct Event<'a> {
    timestamp: i64,
    #[serde(borrow)]
    uuid: Cow<'a, str>,
    #[serde(borrow, default)]
    src_ip: Cow<'a, str>,
    #[serde(default)]
    src_port: u32,
    #[serde(borrow, default)]
    dst_ip: Cow<'a, str>,
    #[serde(default)]
    dst_port: u32,
    #[serde(default)]
    pid: i64,
    #[serde(borrow, default)]
    pname: Cow<'a, str>,
    #[serde(default, rename = "type")]
    kind: u32,
    #[serde(default)]
    length: u32,
    #[serde(borrow, default, alias = "payload")]
    payload_base64: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Beat {
    timestamp: i64,
    count: i64,
    message: String,
}

/// Reads JSON, if it is a message of eCapture's.
pub(super) fn decode(message: &Bytes) -> Option<Incoming> {
    let Ok(entry) = serde_json::from_slice::<Entry<'_>>(message) else {
        return event(message, Carrier::BareJson);
    };
    let payload = entry.payload.get();
    match entry.log_type {
        0 => {
            let beat: Beat = serde_json::from_str(payload).ok()?;
            Some(Incoming::Heartbeat(
                Heartbeat {
                    timestamp_seconds: beat.timestamp,
                    count: beat.count,
                    message: beat.message,
                    raw: None,
                    carrier: Carrier::Json,
                }
                .with_frame(message),
            ))
        }
        1 => Some(Incoming::Log(
            run_log::parse(payload.to_owned(), Carrier::Json).with_frame(message),
        )),
        2 => event(payload.as_bytes(), Carrier::Json),
        _ => None,
    }
}

/// Reads an event with fields.
pub(super) fn event(json: &[u8], carrier: Carrier) -> Option<Incoming> {
    let event: Event<'_> = serde_json::from_slice(json).ok()?;
    let payload = STANDARD.decode(event.payload_base64.as_bytes()).ok()?;
    Some(Incoming::Event(WireEvent::Structured(Structured {
        carrier,
        timestamp: event.timestamp,
        uuid: event.uuid.into_owned(),
        src_ip: event.src_ip.into_owned(),
        src_port: event.src_port,
        dst_ip: event.dst_ip.into_owned(),
        dst_port: event.dst_port,
        pid: event.pid,
        pname: event.pname.into_owned(),
        event_type: event.kind,
        length: event.length,
        payload: Bytes::from(payload),
    })))
}

/// The frame 1.4.0 sends for a heartbeat.
pub(super) fn heartbeat_frame(heartbeat: &Heartbeat) -> Vec<u8> {
    // The message is `heartbeat:%d`; one that Go escapes otherwise is kept as a frame.
    let message = serde_json::Value::from(heartbeat.message.as_str());
    format!(
        r#"{{"log_type":0,"payload":{{"timestamp":{},"count":{},"message":{message}}}}}"#,
        heartbeat.timestamp_seconds, heartbeat.count
    )
    .into_bytes()
}

/// The frame 1.4.0 sends for a line of its log.
pub(super) fn run_log_frame(text: &str) -> Vec<u8> {
    format!(r#"{{"log_type":1,"payload":{text}}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Option<Incoming> {
        decode(&Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn knows_the_two_keys_of_the_payload() {
        for (text, carrier) in [
            (
                r#"{"timestamp":1,"uuid":"a","payload":"aGk="}"#,
                Carrier::BareJson,
            ),
            (
                r#"{"log_type":2,"payload":{"timestamp":1,"uuid":"a","payload_base64":"aGk="}}"#,
                Carrier::Json,
            ),
        ] {
            let Some(Incoming::Event(WireEvent::Structured(event))) = read(text) else {
                panic!("{text}");
            };
            assert_eq!(event.carrier, carrier);
            assert_eq!(event.payload, "hi");
        }
    }

    #[test]
    fn other_json_is_not_ours() {
        for text in [
            "{}",
            r#"{"log_type":9,"payload":{}}"#,
            r#"{"log_type":2,"payload":{"timestamp":1,"uuid":"a","payload_base64":"?"}}"#,
            r#"{"log_type":0,"payload":{"count":"x"}}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn keeps_the_log_line_as_it_stands() {
        let text = r#"{"log_type":1,"payload":{"b":1, "a":"\u003c"}}"#;
        let Some(Incoming::Log(log)) = read(text) else {
            panic!("no log");
        };
        assert_eq!(log.text, r#"{"b":1, "a":"\u003c"}"#);
        assert_eq!(log.raw, None);
    }
}
