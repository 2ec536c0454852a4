//! What eCapture's own frames become, and that every frame comes back byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::Value;

use super::civil::Civil;
use super::*;
use crate::event::{ClockKind, Direction, Opcode, Probe, Sense, Timestamp, TupleSource};
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

fn number<T: TryFrom<u64>>(value: &Value) -> Option<T> {
    value.as_u64().and_then(|number| T::try_from(number).ok())
}

/// Compares with `expect` what it says, and that nothing is said beyond it.
fn check_event(vector: &Vector, captured: &Captured) {
    let (event, expect, id) = (&captured.event, &vector.expect, &vector.id);
    let text = |key: &str| expect[key].as_str();
    assert_eq!(Some(event.kind.name()), text("kind"), "{id}");
    assert_eq!(event.process.pid, number(&expect["pid"]), "{id}");
    assert_eq!(event.process.tid, number(&expect["tid"]), "{id}");
    assert_eq!(event.process.uid, number(&expect["uid"]), "{id}");
    assert_eq!(event.fd, number(&expect["fd"]), "{id}");
    assert_eq!(event.process.pname.as_deref(), text("pname"), "{id}");
    let direction = event.direction.map(|direction| match direction {
        Direction::Inbound => "read",
        Direction::Outbound => "write",
    });
    assert_eq!(direction, text("direction"), "{id}");
    assert_eq!(event.probe.map(Probe::name), text("probe"), "{id}");
    check_tuple(vector, event);
    check_payload(vector, captured);
    check_details(vector, event);
    check_time(vector, event);
}

fn check_tuple(vector: &Vector, event: &Event) {
    let expect = &vector.expect["tuple"];
    let address = |ip: &str, port: &str| -> SocketAddr {
        SocketAddr::new(
            expect[ip].as_str().unwrap().parse().unwrap(),
            number(&expect[port]).unwrap(),
        )
    };
    let found = event.tuple.map(|tuple| {
        // `expect` has what is printed, which for gotls is the direction of the data.
        let turned =
            tuple.sense == Sense::LocalToRemote && event.direction == Some(Direction::Inbound);
        if turned {
            (tuple.dst, tuple.src)
        } else {
            (tuple.src, tuple.dst)
        }
    });
    let expected = expect
        .is_object()
        .then(|| (address("src", "sport"), address("dst", "dport")));
    assert_eq!(found, expected, "{}", vector.id);
    if let Some((src, _)) = found
        && event.form.carrier != Carrier::ProtobufText
    {
        let source = if src.is_ipv6() {
            TupleSource::Uuid
        } else {
            TupleSource::Field
        };
        assert_eq!(event.form.tuple_source(), Some(source), "{}", vector.id);
    }
}

fn check_payload(vector: &Vector, captured: &Captured) {
    let (expect, id) = (&vector.expect, &vector.id);
    let expected = match (expect["payload_b64"].as_str(), expect["text"].as_str()) {
        (Some(payload), _) => STANDARD.decode(payload).unwrap(),
        (None, Some(text)) => text.as_bytes().to_vec(),
        (None, None) => {
            assert!(matches!(
                captured.event.kind,
                Kind::Connection | Kind::Packet
            ));
            return;
        }
    };
    assert_eq!(captured.payload, expected, "{id}");
    let provenance = captured.event.provenance;
    let cut = expect["maybe_truncated"].as_bool().unwrap_or(false);
    assert_eq!(
        provenance.contains(Provenance::MAYBE_TRUNCATED),
        cut,
        "{id}"
    );
    let hex = captured.event.form.encoding == Encoding::Hex;
    assert_eq!(
        hex,
        provenance.contains(Provenance::HEX_UNDONE) && expect["payload_form"].is_null()
    );
    let rest = provenance - Provenance::MAYBE_TRUNCATED;
    match expect["payload_form"].as_str() {
        None if hex => assert_eq!(rest, Provenance::HEX_UNDONE, "{id}"),
        None | Some("raw") => assert_eq!(rest, Provenance::empty(), "{id}"),
        Some("http1_rebuilt") => assert_eq!(rest, Provenance::RESERIALIZED, "{id}"),
        Some("http2_text") => assert_eq!(rest, Provenance::LISTING, "{id}"),
        Some("hexdump") => assert_eq!(rest, Provenance::HEX_UNDONE, "{id}"),
        Some("text_cut_at_first_nul") => assert_eq!(rest, Provenance::CUT_AT_NUL, "{id}"),
        Some(other) => panic!("{id}: {other}"),
    }
}

fn check_details(vector: &Vector, event: &Event) {
    let (expect, id, details) = (&vector.expect, &vector.id, &event.details);
    let returned = expect["retvalue"].as_i64().or(expect["status"].as_i64());
    assert_eq!(details.return_value, returned, "{id}");
    assert_eq!(details.status.as_deref(), expect["status"].as_str(), "{id}");
    let total = number(&expect["total"]).or(number(&expect["length"]));
    assert_eq!(details.total_bytes, total, "{id}");
    assert_eq!(details.monotonic_ns, number(&expect["ktime_ns"]), "{id}");
    assert_eq!(details.interface_index, number(&expect["ifindex"]), "{id}");
    assert_eq!(
        details.reason.is_some(),
        event.kind == Kind::UnknownText,
        "{id}"
    );
    let parser = match event.ecapture_type {
        Some(_) if event.probe == Some(Probe::Gotls) || event.kind == Kind::Sql => None,
        Some(0) => Some("default"),
        Some(1) => Some("http1_request"),
        Some(2) => Some("http2_request"),
        Some(3) => Some("http1_response"),
        Some(4) => Some("http2_response"),
        _ => None,
    };
    assert_eq!(parser, expect["parser"].as_str(), "{id}");
}

fn check_time(vector: &Vector, event: &Event) {
    let (expect, id) = (&vector.expect, &vector.id);
    if let Some(nanos) = expect["time_unix_ns"].as_i64() {
        assert_eq!(event.time, Timestamp::from_nanos(nanos), "{id}");
        assert_eq!(event.clock.kind.name(), "field", "{id}");
    } else if let Some(text) = expect["time_text"].as_str() {
        let mut printed = Vec::new();
        let reading = event.clock.reading_ns(event.time);
        Civil::from_nanos(reading)
            .unwrap()
            .write(&mut printed)
            .unwrap();
        assert_eq!(String::from_utf8(printed).unwrap(), text, "{id}");
        // The vectors' run log says UTC, and the receive time, ten minutes later, does not contradict it enough.
        assert!(event.clock.kind.name().starts_with("text"), "{id}");
    } else if event.details.monotonic_ns.is_some()
        || (event.probe == Some(Probe::Openssl) && event.form.encoding == Encoding::Hex)
    {
        assert_eq!(event.clock.kind, ClockKind::Monotonic, "{id}");
    } else {
        assert_eq!(
            (event.clock, event.time),
            (Clock::RECEIVED, RECEIVED),
            "{id}"
        );
    }
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
        check_event(&vector, &captured);
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

#[derive(Debug, Clone)]
enum Change {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        (place(), 1..=255_u8).prop_map(|(place, mask)| Change::Flip(place, mask)),
        place().prop_map(Change::Cut),
        (place(), prop::collection::vec(any::<u8>(), 1..5))
            .prop_map(|(place, bytes)| Change::Insert(place, bytes)),
        place().prop_map(Change::Remove),
    ]
}

fn changed(message: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut message = message.to_vec();
    for change in changes {
        if message.is_empty() {
            break;
        }
        let length = message.len();
        match change {
            Change::Flip(place, mask) => message[place.index(length)] ^= mask,
            Change::Cut(place) => message.truncate(place.index(length)),
            Change::Insert(place, bytes) => {
                let at = place.index(length);
                message.splice(at..at, bytes.iter().copied());
            }
            Change::Remove(place) => {
                message.remove(place.index(length));
            }
        }
    }
    message
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..200), text in any::<bool>()) {
        let opcode = if text { Opcode::Text } else { Opcode::Binary };
        read(&mut Normalizer::new(), &frame(opcode, bytes));
    }

    #[test]
    fn changed_vectors_come_back(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..4),
        estimated in any::<bool>(),
    ) {
        let vectors = VECTORS.with(Clone::clone);
        let vector = which.get(&vectors);
        let mut normalizer = Normalizer::new();
        normalizer.set_received_estimated(estimated);
        let message = changed(&vector.message, &changes);
        read(&mut normalizer, &frame(vector.opcode, message));
    }

    #[test]
    fn changed_texts_come_back(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..4),
    ) {
        let vectors = VECTORS.with(Clone::clone);
        let vector = which.get(&vectors);
        // The text alone: changes then hit the text and not the protobuf around it.
        let start = vector.message.iter().position(|byte| b"[PM{".contains(byte)).unwrap_or(0);
        let message = changed(&vector.message[start..], &changes);
        read(&mut Normalizer::new(), &frame(vector.opcode, message));
    }
}

thread_local! {
    static VECTORS: std::rc::Rc<Vec<Frame>> =
        std::rc::Rc::new(vectors().into_iter().map(|vector| vector.frame).collect());
}
