//! What eCapture's own frames become, and that every frame comes back byte for byte.

mod changes;
mod connections;
mod expect;
mod inverse;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::*;
use crate::event::{ClockKind, Opcode, Probe, Timestamp};
use crate::wire::{Incoming, decode};

/// Shortly after the vectors were captured, so that their dates are plausible.
const RECEIVED: Timestamp = Timestamp::from_seconds(1_795_431_100);

struct Vector {
    id: String,
    frame: Frame,
    expect: Value,
}

fn data(path: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn frame(opcode: Opcode, message: impl Into<Bytes>) -> Frame {
    Frame {
        link: 1,
        received: RECEIVED,
        opcode,
        message: message.into(),
    }
}

fn vectors() -> Vec<Vector> {
    String::from_utf8(data("wire/vectors.jsonl"))
        .unwrap()
        .lines()
        .map(|line| {
            let mut value: Value = serde_json::from_str(line).unwrap();
            let opcode = value["opcode"].as_u64().unwrap();
            Vector {
                id: value["id"].as_str().unwrap().to_owned(),
                frame: frame(
                    Opcode::from_code(u8::try_from(opcode).unwrap()).unwrap(),
                    STANDARD
                        .decode(value["frame_b64"].as_str().unwrap())
                        .unwrap(),
                ),
                expect: value["expect"].take(),
            }
        })
        .collect()
}

fn real(name: &str) -> Vec<Frame> {
    let bytes = data(&format!("real/{name}.frames"));
    let (mut rest, mut frames) = (&bytes[..], Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap();
        let (message, after) = after.split_at(length);
        frames.push(frame(Opcode::Binary, message.to_vec()));
        rest = after;
    }
    frames
}

/// Reads a frame and checks that it comes back; the event, if it is one.
fn read(normalizer: &mut Normalizer, frame: &Frame) -> Option<Captured> {
    let mut out = Vec::new();
    let captured = match decode(frame.opcode, &frame.message) {
        Incoming::Event(event) => match normalizer.event(frame, event) {
            Normalized::Captured(captured) => captured,
            Normalized::ConnectionDestroyed => return None,
        },
        Incoming::Unreadable { reason } => normalizer.unreadable(frame, reason),
        Incoming::Heartbeat(heartbeat) => {
            heartbeat.write_frame(&mut out).unwrap();
            assert_eq!(out, frame.message);
            return None;
        }
        Incoming::Log(log) => {
            normalizer.learn(&log);
            log.write_frame(&mut out).unwrap();
            assert_eq!(out, frame.message);
            return None;
        }
    };
    let Captured {
        event,
        payload,
        envelope,
    } = &captured;
    assert!(rebuild(event, payload, envelope, &mut out).unwrap());
    assert_eq!(Bytes::from(out), frame.message);
    Some(captured)
}

fn name(envelope: &Envelope) -> &'static str {
    match envelope {
        Envelope::Rendered => "rendered",
        Envelope::Around { .. } => "around",
        Envelope::Whole(_) => "whole",
    }
}

#[test]
fn every_vector_reads_as_expected_and_comes_back() {
    let mut envelopes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for vector in vectors() {
        let mut normalizer = Normalizer::new();
        let Some(captured) = read(&mut normalizer, &vector.frame) else {
            let kind = vector.expect["kind"].as_str().unwrap();
            assert!(
                ["log", "heartbeat", "conn_destroy"].contains(&kind),
                "{}",
                vector.id
            );
            continue;
        };
        expect::check_event(&vector, &captured);
        envelopes
            .entry(name(&captured.envelope))
            .or_default()
            .push(vector.id);
    }
    // The one whose command name is no UTF-8, with a dump for a payload.
    assert_eq!(envelopes["whole"], ["v2.5.1-hex-tls_data-openssl-07"]);
    assert_eq!(envelopes["rendered"].len(), 69);
    assert_eq!(envelopes.len(), 2);
}

#[test]
fn messages_that_are_no_events_are_read() {
    for vector in vectors() {
        let expect = &vector.expect;
        match decode(vector.frame.opcode, &vector.frame.message) {
            Incoming::Log(log) => {
                let fields = &expect["log"];
                assert_eq!(log.level.as_deref(), fields["level"].as_str());
                assert_eq!(log.version.as_deref(), fields["Version"].as_str());
                let text: Value = serde_json::from_str(&log.text).unwrap();
                assert_eq!(&text, fields);
                assert_eq!(log.raw, None, "{}", vector.id);
                assert!(log.zone_offset_seconds.is_some());
            }
            Incoming::Heartbeat(heartbeat) => {
                assert_eq!(
                    Some(heartbeat.timestamp_seconds),
                    expect["timestamp"].as_i64()
                );
                assert_eq!(Some(heartbeat.count), expect["count"].as_i64());
                assert_eq!(heartbeat.raw, None, "{}", vector.id);
            }
            Incoming::Event(_) => assert!(
                !["log", "heartbeat"].contains(&expect["kind"].as_str().unwrap()),
                "{}",
                vector.id
            ),
            Incoming::Unreadable { reason } => panic!("{}: {reason}", vector.id),
        }
    }
}

#[test]
fn the_opcode_is_only_a_hint() {
    for vector in vectors() {
        let binary = decode(Opcode::Binary, &vector.frame.message);
        assert_eq!(
            decode(vector.frame.opcode, &vector.frame.message),
            binary,
            "{}",
            vector.id
        );
    }
}

#[test]
fn every_real_frame_is_rendered() {
    for (file, events, inversions) in [
        ("ecapture-2.5.1-text", 53, 1),
        ("ecapture-2.5.1-hex", 59, 2),
    ] {
        let mut normalizer = Normalizer::new();
        normalizer.set_received_estimated(true);
        let captured: Vec<Captured> = real(file)
            .iter()
            .filter_map(|frame| read(&mut normalizer, frame))
            .collect();
        assert_eq!(captured.len(), events, "{file}");
        for captured in &captured {
            assert_eq!(captured.envelope, Envelope::Rendered);
            assert_eq!(captured.event.probe, Some(Probe::Openssl));
        }
        // Arrival is not the order of time, if only by milliseconds.
        let times: Vec<Timestamp> = captured
            .iter()
            .map(|captured| captured.event.time)
            .collect();
        let late = times.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert_eq!(late, inversions, "{file}");
        let curl_first = captured.iter().min_by_key(|captured| captured.event.time);
        assert_eq!(
            curl_first.and_then(|captured| captured.event.http.as_ref()?.path.as_deref()),
            Some("/index.json"),
            "{file}"
        );
    }
}

#[test]
fn the_zone_is_learned_from_the_log() {
    let mut normalizer = Normalizer::new();
    for vector in vectors() {
        if let Incoming::Log(log) = decode(vector.frame.opcode, &vector.frame.message)
            && vector.id.starts_with("v2.5.1-text")
        {
            normalizer.learn(&log);
        }
    }
    for vector in vectors() {
        if vector.expect["time_text"].is_string() && vector.id.starts_with("v2.5.1-text") {
            let mut frame = vector.frame.clone();
            frame.received = Timestamp::from_seconds(1_795_430_440);
            let captured = read(&mut normalizer, &frame).unwrap();
            assert_eq!(captured.event.clock.kind, ClockKind::LocalText);
            assert_eq!(captured.event.time.as_nanos() / 10_000_000_000, 179_543_043);
        }
    }
}

#[test]
fn unknown_protobuf_fields_survive() {
    // tid=12, fd=13, version=14, data_type=15, as proposed in gojue/ecapture#993.
    let unknown = b"\x60\x07\x68\x05\x70\x01\x78\x02";
    for vector in vectors() {
        let message = &vector.frame.message;
        let Some((length, event)) = message
            .strip_prefix(b"\x08\x02\x12")
            .and_then(|rest| rest.split_first())
        else {
            continue;
        };
        if usize::from(*length) != event.len()
            || event.len() + unknown.len() > 127
            || event.is_empty()
        {
            continue;
        }
        let mut changed = b"\x08\x02\x12".to_vec();
        changed.push(u8::try_from(event.len() + unknown.len()).unwrap());
        changed.extend_from_slice(event);
        changed.extend_from_slice(unknown);
        let plain = read(&mut Normalizer::new(), &vector.frame);
        let found = read(&mut Normalizer::new(), &frame(Opcode::Binary, changed));
        if plain.is_none() {
            // A destroyed connection says nothing, but a frame that says more than that is kept.
            let envelope = found.map(|captured| captured.envelope);
            assert!(matches!(envelope, Some(Envelope::Whole(_))), "{envelope:?}");
            continue;
        }
        assert_eq!(
            plain.as_ref().map(|captured| &captured.event),
            found.as_ref().map(|captured| &captured.event),
            "{}",
            vector.id
        );
        if let Some(found) = found
            && !found.payload.is_empty()
            && found.event.form.encoding == Encoding::Plain
        {
            let Envelope::Around { tail, .. } = found.envelope else {
                panic!("{}: {:?}", vector.id, found.envelope);
            };
            assert!(tail.ends_with(unknown));
        }
    }
}

#[test]
fn forms_survive_their_numbers() {
    for vector in vectors() {
        let Some(captured) = read(&mut Normalizer::new(), &vector.frame) else {
            continue;
        };
        let form = captured.event.form;
        assert_eq!(Form::from_code(form.code()), Some(form), "{}", vector.id);
    }
}
