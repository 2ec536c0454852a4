//! Every frame of eCapture's own code and of the real captures, through the real programs and back.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ecq::event::{Carrier, Frame, Opcode};
use ecq::wire::{Heartbeat, RunLog};
use serde_json::Value;

use crate::support::capture::{Copy, Whole, check_digests, copy, events};
use crate::support::env::TestEnv;
use crate::support::frames::{Vector, frame, real, save, vectors};

/// Imports frames, with keys or without.
fn import(frames: &[Frame], keys: bool) -> TestEnv {
    let env = TestEnv::new();
    let file = env.path("frames");
    save(&file, frames);
    let args: &[&str] = if keys { &["--keep-keys"] } else { &[] };
    env.import(&file, args);
    env
}

fn is_stored(vector: &Vector, keys: bool) -> bool {
    match vector.expect["kind"].as_str().unwrap() {
        "log" | "heartbeat" | "conn_destroy" => false,
        "key_material" => keys,
        _ => true,
    }
}

fn messages(frames: impl IntoIterator<Item = Frame>) -> Vec<Bytes> {
    frames.into_iter().map(|frame| frame.message).collect()
}

/// The frames that the tables of heartbeats and run logs give again.
fn other_frames(copy: &Copy) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut statement = copy
        .db
        .prepare("SELECT * FROM heartbeats ORDER BY id")
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let count = row.get_unwrap("count");
        let message: Option<String> = row.get_unwrap("message");
        let raw: Option<Vec<u8>> = row.get_unwrap("frame");
        let heartbeat = Heartbeat {
            timestamp_seconds: row.get_unwrap("timestamp_seconds"),
            count,
            message: message.unwrap_or_else(|| format!("heartbeat:{count}")),
            raw: raw.map(Bytes::from),
            carrier: Carrier::from_code(row.get_unwrap("carrier")).unwrap(),
        };
        let mut frame = Vec::new();
        heartbeat.write_frame(&mut frame).unwrap();
        frames.push(frame);
    }
    let mut statement = copy
        .db
        .prepare("SELECT * FROM run_logs ORDER BY id")
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let raw: Option<Vec<u8>> = row.get_unwrap("frame");
        let log = RunLog {
            text: row.get_unwrap("line"),
            carrier: Carrier::from_code(row.get_unwrap("carrier")).unwrap(),
            raw: raw.map(Bytes::from),
            level: None,
            time: None,
            zone_offset_seconds: None,
            version: None,
            lost_samples: None,
        };
        let mut frame = Vec::new();
        log.write_frame(&mut frame).unwrap();
        frames.push(frame);
    }
    frames
}

#[test]
fn every_vector_comes_back_byte_for_byte() {
    let vectors = vectors();
    for keys in [false, true] {
        let env = import(
            &vectors
                .iter()
                .map(|vector| vector.frame.clone())
                .collect::<Vec<_>>(),
            keys,
        );
        let kept: Vec<_> = vectors
            .iter()
            .filter(|vector| is_stored(vector, keys))
            .collect();
        let events = events(&env.db());
        assert_eq!(events.len(), kept.len());
        for (event, vector) in events.iter().zip(&kept) {
            assert_eq!(
                Bytes::from(event.frame()),
                vector.frame.message,
                "{}",
                vector.id
            );
        }
        let copy = copy(&env.db());
        let mut others = other_frames(&copy);
        let kinds = ["heartbeat", "log"];
        let mut expected: Vec<_> = vectors
            .iter()
            .filter(|vector| kinds.contains(&vector.expect["kind"].as_str().unwrap()))
            .map(|vector| vector.frame.message.to_vec())
            .collect();
        others.sort();
        expected.sort();
        assert_eq!(others, expected);
        check_counters(&copy, &vectors, keys);
        assert!(check_digests(&env.db()) > 0);
    }
}

fn check_counters(copy: &Copy, vectors: &[Vector], keys: bool) {
    let count = |kind: &str| {
        let count = vectors
            .iter()
            .filter(|vector| vector.expect["kind"] == kind)
            .count();
        i64::try_from(count).unwrap()
    };
    let stored = i64::try_from(
        vectors
            .iter()
            .filter(|vector| is_stored(vector, keys))
            .count(),
    );
    let withheld = if keys { 0 } else { count("key_material") };
    for (counter, expected) in [
        ("received_frames", i64::try_from(vectors.len()).unwrap()),
        ("stored_events", stored.unwrap()),
        ("withheld_keys", withheld),
        ("destroyed_sockets", count("conn_destroy")),
        ("heartbeats", count("heartbeat")),
        ("stored_logs", count("log")),
        ("replayed_logs", 0),
        ("dropped_frames", 0),
        ("unreadable_frames", 0),
    ] {
        assert_eq!(copy.counter(counter), expected, "{counter}");
    }
}

#[test]
fn no_byte_of_a_key_is_stored_unless_asked_for() {
    let frames: Vec<_> = vectors().into_iter().map(|vector| vector.frame).collect();
    // The secrets that the vectors were made with.
    let secret = b"ClientRandom";
    let holds = |keys| {
        let env = import(&frames, keys);
        let bytes = std::fs::read(env.db()).unwrap();
        let is_in_file = bytes.windows(secret.len()).any(|window| window == secret);
        is_in_file
            || events(&env.db()).iter().any(|event| {
                event
                    .payload
                    .windows(secret.len())
                    .any(|window| window == secret)
            })
    };
    assert!(!holds(false));
    assert!(holds(true));
}

#[test]
fn replayed_logs_are_counted_and_stored_once() {
    let logs: Vec<_> = vectors()
        .into_iter()
        .filter(|vector| vector.expect["kind"] == "log" && vector.id.starts_with("v2.5.1-text"))
        .map(|vector| vector.frame)
        .collect();
    let again = logs.iter().map(|frame| Frame {
        link: 2,
        ..frame.clone()
    });
    let env = import(
        &logs.iter().cloned().chain(again).collect::<Vec<_>>(),
        false,
    );
    let copy = copy(&env.db());
    assert_eq!(copy.counter("stored_logs"), 3);
    assert_eq!(copy.counter("replayed_logs"), 3);
    assert_eq!(copy.number("SELECT COUNT(*) FROM run_logs"), 3);
    assert_eq!(copy.number("SELECT COUNT(*) FROM runs"), 1);
    assert_eq!(copy.number("SELECT COUNT(*) FROM links"), 2);
}

#[test]
fn every_real_frame_comes_back_byte_for_byte() {
    for name in ["ecapture-2.5.1-text", "ecapture-2.5.1-hex"] {
        let frames: Vec<_> = real(name)
            .into_iter()
            .map(|message| frame(Opcode::Binary, message))
            .collect();
        let env = import(&frames, true);
        let mut found: Vec<_> = events(&env.db()).iter().map(Whole::frame).collect();
        let others = other_frames(&copy(&env.db()));
        assert_eq!(found.len() + others.len(), frames.len());
        found.extend(others);
        let mut expected: Vec<_> = messages(frames).into_iter().map(Vec::from).collect();
        found.sort();
        expected.sort();
        assert!(found == expected, "{name}");
    }
}

#[test]
fn what_is_printed_agrees_with_what_is_expected() {
    let vectors = vectors();
    let env = import(
        &vectors
            .iter()
            .map(|vector| vector.frame.clone())
            .collect::<Vec<_>>(),
        true,
    );
    let mut lines = env.events::<&str>([]);
    lines.sort_by_key(|line| line["id"].as_i64());
    let kept: Vec<_> = vectors
        .iter()
        .filter(|vector| is_stored(vector, true))
        .collect();
    assert_eq!(lines.len(), kept.len());
    for (line, vector) in lines.iter().zip(kept) {
        check_line(line, vector);
    }
}

fn check_line(line: &Value, vector: &Vector) {
    let (expect, id) = (&vector.expect, &vector.id);
    for field in ["kind", "pid", "tid", "uid", "pname", "fd", "probe"] {
        assert_eq!(line[field], expect[field], "{field} of {id}");
    }
    let direction = match expect["direction"].as_str() {
        Some("read") => "in".into(),
        Some("write") => "out".into(),
        _ => Value::Null,
    };
    assert_eq!(line["direction"], direction, "{id}");
    check_addresses(line, vector);
    check_payload(line, vector);
    let details = &line["details"];
    let returned = expect["retvalue"].as_i64().or(expect["status"].as_i64());
    assert_eq!(details["return_value"].as_i64(), returned, "{id}");
    assert_eq!(
        details["status"].as_str(),
        expect["status"].as_str(),
        "{id}"
    );
    let total = expect["total"].as_i64().or(expect["length"].as_i64());
    assert_eq!(details["total_bytes"].as_i64(), total, "{id}");
    assert_eq!(details["monotonic_ns"], expect["ktime_ns"], "{id}");
    assert_eq!(details["interface_index"], expect["ifindex"], "{id}");
    if let Some(nanos) = expect["time_unix_ns"].as_i64() {
        assert_eq!(line["time_ns"], nanos, "{id}");
        assert_eq!(line["time_source"], "field", "{id}");
    } else if let Some(text) = expect["time_text"].as_str() {
        // The run log says that the zone is UTC.
        let time = text.replace(' ', "T") + "000000Z";
        assert_eq!(
            (&line["time"], &line["time_source"]),
            (&time.into(), &"text".into()),
            "{id}"
        );
    }
}

/// `expect` has what is printed, which for gotls is the direction of the data.
fn check_addresses(line: &Value, vector: &Vector) {
    let expect = &vector.expect["tuple"];
    let address = |ip: &str, port: &str| {
        let ip = expect[ip].as_str()?.parse().unwrap();
        let port = u16::try_from(expect[port].as_u64()?).unwrap();
        Some(SocketAddr::new(ip, port).to_string())
    };
    let printed = (address("src", "sport"), address("dst", "dport"));
    let text = |field: &str| line[field].as_str().map(str::to_owned);
    let is_turned = line["tuple_sense"] == "local_to_remote" && line["direction"] == "in";
    let found = if is_turned {
        (text("dst"), text("src"))
    } else {
        (text("src"), text("dst"))
    };
    assert_eq!(found, printed, "{}", vector.id);
}

fn check_payload(line: &Value, vector: &Vector) {
    let (expect, id) = (&vector.expect, &vector.id);
    let expected = match (expect["payload_b64"].as_str(), expect["text"].as_str()) {
        (Some(payload), _) => STANDARD.decode(payload).unwrap(),
        (None, text) => text.unwrap_or_default().as_bytes().to_vec(),
    };
    let found = match (line["payload"].as_str(), line["payload_base64"].as_str()) {
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(text)) => STANDARD.decode(text).unwrap(),
        _ => panic!("{id}: {line}"),
    };
    if !["conn", "packet"].contains(&expect["kind"].as_str().unwrap()) {
        assert_eq!(found, expected, "{id}");
    }
    assert_eq!(line["length"], found.len(), "{id}");
    let provenance = line["provenance"].as_array().unwrap();
    let has = |name: &str| provenance.iter().any(|each| each == name);
    assert_eq!(
        has("maybe_truncated"),
        expect["maybe_truncated"] == true,
        "{id}"
    );
    let form = match expect["payload_form"].as_str() {
        Some("http1_rebuilt") => "reserialized",
        Some("http2_text") => "listing",
        Some("hexdump") => "hex_undone",
        Some("text_cut_at_first_nul") => "cut_at_nul",
        _ => return,
    };
    assert!(has(form), "{id}: {provenance:?}");
}
