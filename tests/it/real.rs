//! What real eCapture captured, asked of the programs as a user would.

use serde_json::Value;

use crate::support::env::TestEnv;
use crate::support::frames::{data, real};

/// The payload of an openssl event by eCapture's own rule: exactly as many bytes as its header says follow it.
fn payload(message: &[u8]) -> Option<Vec<u8>> {
    let (length, rest, hex) = header(message)?;
    if !hex {
        return Some(rest[..length].to_vec());
    }
    let mut bytes = Vec::new();
    for line in rest.split(|byte| *byte == b'\n') {
        let digits = line.iter().skip(4).filter(|byte| **byte != b' ');
        let digits: Vec<_> = digits
            .take(2 * (length - bytes.len()).min(32))
            .copied()
            .collect();
        for pair in digits.chunks(2) {
            let pair = std::str::from_utf8(pair).unwrap();
            bytes.push(u8::from_str_radix(pair, 16).unwrap());
        }
        if bytes.len() == length {
            break;
        }
    }
    assert_eq!(bytes.len(), length);
    Some(bytes)
}

/// How many bytes follow, the rest of the message, and whether it is a hex dump.
fn header(message: &[u8]) -> Option<(usize, &[u8], bool)> {
    let start = message.windows(5).position(|window| window == b" PID:")?;
    let open = start + message[start..].iter().position(|byte| *byte == b'(')?;
    let end = open + message[open..].iter().position(|byte| *byte == b'\n')?;
    let words = std::str::from_utf8(&message[open + 1..end]).ok()?;
    let hex = words.ends_with(" bytes, hex):");
    let digits = words.split(' ').next()?;
    Some((digits.parse().ok()?, &message[end + 1..], hex))
}

const TEXT: &str = "ecapture-2.5.1-text";
const HEX: &str = "ecapture-2.5.1-hex";

fn imported(name: &str) -> TestEnv {
    let env = TestEnv::new();
    env.import::<&str>(&data(&format!("real/{name}.frames")), [])
        .says("the file does not say when its frames were received");
    env
}

/// The payloads of a file's events, in the order of arrival.
fn payloads(name: &str) -> Vec<Vec<u8>> {
    real(name)
        .iter()
        .filter_map(|message| payload(message))
        .collect()
}

fn ids(events: &[Value]) -> Vec<i64> {
    events
        .iter()
        .map(|event| event["id"].as_i64().unwrap())
        .collect()
}

/// The numbers of the events whose header has this text, by the frames alone.
fn with_header(name: &str, texts: &[&str]) -> Vec<i64> {
    let events: Vec<_> = real(name)
        .into_iter()
        .filter(|message| header(message).is_some())
        .collect();
    let has = |message: &[u8]| {
        let end = message.iter().rposition(|_| true).unwrap_or(0);
        let until = header(message).map_or(end, |(_, rest, _)| message.len() - rest.len());
        let line = String::from_utf8_lossy(&message[..until]).into_owned();
        texts.iter().all(|text| line.contains(text))
    };
    (1..)
        .zip(&events)
        .filter(|(_, message)| has(message))
        .map(|(id, _)| id)
        .collect()
}

fn sorted(mut ids: Vec<i64>) -> Vec<i64> {
    ids.sort_unstable();
    ids
}

#[test]
fn questions_are_answered() {
    for name in [TEXT, HEX] {
        let env = imported(name);
        let curl = env.events(["--pname", "curl"]);
        assert!(!curl.is_empty());
        assert_eq!(sorted(ids(&curl)), with_header(name, &["Comm:curl "]));
        // curl hands OpenSSL a BIO of its own: its descriptor is 0, which is what was sent.
        assert!(curl.iter().all(|event| event["fd"] == 0), "{curl:?}");
        let inbound = env.events(["--pname", "nghttpd", "--direction", "in"]);
        assert_eq!(
            sorted(ids(&inbound)),
            with_header(name, &["Comm:nghttpd ", " READ "])
        );
        let secret: Vec<i64> = (1..)
            .zip(payloads(name))
            .filter(|(_, payload)| payload.windows(6).any(|window| window == b"s3cr3t"))
            .map(|(id, _)| id)
            .collect();
        assert!(!secret.is_empty());
        assert_eq!(sorted(ids(&env.events(["--grep", "s3cr3t"]))), secret);
        env.query(["--grep", "no such thing"])
            .exits(1)
            .says("0 matches; link time is not known");
    }
}

#[test]
fn show_raw_gives_the_exact_bytes() {
    for name in [TEXT, HEX] {
        let env = imported(name);
        let expected = payloads(name);
        assert!(expected.len() > 50);
        for (id, payload) in (1..).zip(expected) {
            let id = i32::to_string(&id);
            let shown = env.query(["show", &id, "--raw"]).exits(0);
            assert!(shown.stdout == payload, "event {id} of {name}");
        }
        env.query(["show", "1000", "--raw"])
            .exits(1)
            .says("there is no event 1000");
    }
}

#[test]
fn zero_byte_reads_are_kept() {
    for name in [TEXT, HEX] {
        let env = imported(name);
        let empty: Vec<_> = env
            .events::<&str>([])
            .into_iter()
            .filter(|event| event["length"] == 0)
            .collect();
        let expected: Vec<i64> = (1..)
            .zip(payloads(name))
            .filter(|(_, payload)| payload.is_empty())
            .map(|(id, _)| id)
            .collect();
        assert!(!expected.is_empty());
        assert_eq!(sorted(ids(&empty)), expected);
        assert!(empty.iter().all(|event| event["content"] == "empty"));
    }
}

#[test]
fn a_descriptor_that_is_used_again_is_several_connections() {
    for (name, expected) in [(TEXT, 3), (HEX, 3)] {
        let env = imported(name);
        let events = env.events(["--pname", "nghttpd"]);
        let mut connections: Vec<_> = events
            .iter()
            .filter(|event| event["fd"] == 12)
            .map(|event| event["connection"].as_i64().unwrap())
            .collect();
        connections.sort_unstable();
        connections.dedup();
        assert_eq!(connections.len(), expected, "{name}");
    }
}

#[test]
fn events_are_ordered_by_time_and_not_by_arrival() {
    let env = imported(TEXT);
    let events = env.events::<&str>([]);
    let keys: Vec<_> = events
        .iter()
        .map(|event| (event["time_ns"].as_i64(), event["id"].as_i64()))
        .collect();
    assert!(keys.is_sorted());
    assert!(
        !ids(&events).is_sorted(),
        "the capture has events out of order"
    );
    let mut newest_first = env.query(["--output", "jsonl"]).exits(0).json();
    newest_first.reverse();
    assert_eq!(ids(&newest_first), ids(&events));
}

/// The hex mode prints the monotonic clock as if it were a date: finer than text mode, and in the order of the host.
#[test]
fn hex_mode_is_ordered_by_the_monotonic_clock() {
    let env = imported(HEX);
    let events = env.events::<&str>([]);
    let dates: Vec<String> = real(HEX)
        .iter()
        .filter(|message| header(message).is_some())
        .map(|message| {
            let open = message.iter().position(|byte| *byte == b'[').unwrap();
            let close = message.iter().position(|byte| *byte == b']').unwrap();
            String::from_utf8(message[open + 1..close].to_vec()).unwrap()
        })
        .collect();
    let mut expected: Vec<_> = (1_i64..).zip(dates).map(|(id, date)| (date, id)).collect();
    // Years of the same length: the order of the text is that of the time.
    assert!(
        expected
            .iter()
            .all(|(date, _)| date.len() == expected[0].0.len())
    );
    expected.sort();
    let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
    assert!(!expected.is_sorted());
    assert_eq!(ids(&events), expected);
    assert!(
        events
            .iter()
            .all(|event| event["time_source"] == "monotonic")
    );
}
