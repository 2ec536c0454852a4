//! What a recorder is told to leave out: processes, and the rest of long payloads.

use ecq::event::{Kind, Provenance};
use serde_json::Value;

use super::filters::{data_on, recorded};
use super::{play, server};
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{check_digests, copy, events};
use crate::support::env::{RECORD, TestEnv, run};
use crate::support::frames::{data, openssl, text_event};
use crate::support::live::Recorder;

const DATE: &str = "2026-11-23 10:40:40.000";

fn of(name: &str, payload: &str) -> bytes::Bytes {
    let who = format!("PID:10 TID:10 Comm:{name} FD:5");
    openssl(DATE, &who, "WRITE", payload.as_bytes())
}

#[test]
fn processes_are_left_out_by_their_names() {
    let messages = || {
        let all = ["curl", "cupsd", "nginx", "wget", "CURL"];
        (0..).zip(all.map(|name| of(name, "12345")))
    };
    let names = |env: &TestEnv| -> Vec<String> {
        let name = |event: &Value| event["pname"].as_str().unwrap().to_owned();
        env.events::<&str>([]).iter().map(name).collect()
    };
    let env = recorded(
        messages(),
        ["--exclude-pname", "cu*", "--exclude-pname", "wge?"],
    );
    assert_eq!(names(&env), ["nginx", "CURL"]);
    assert_eq!(copy(&env.db()).counter("filtered_events"), 3);
    assert_eq!(copy(&env.db()).counter("filtered_bytes"), 15);
    let stats = env.query(["stats"]).exits(0);
    assert!(
        stats.text().contains(", 3 left out by --filter (15 B)\n"),
        "{}",
        stats.story()
    );
    env.query(["pid == 99"])
        .exits(1)
        .says("1 recording stored only what its --filter let through");
    // With a filter, both have to let an event in; and what is stored of them is a filter again.
    let env = recorded(
        messages(),
        [
            "--exclude-pname",
            "nginx",
            "--filter",
            "pname == nginx || pname ~ \"(?i)curl\"",
        ],
    );
    assert_eq!(names(&env), ["curl", "CURL"]);
    let filter = copy(&env.db())
        .texts("SELECT filter FROM recordings")
        .remove(0);
    assert_eq!(env.events([filter.as_str()]).len(), 2, "{filter}");
}

#[test]
fn an_event_without_a_process_name_is_not_left_out() {
    let packet = b"Packet captured: len=74 bytes, timestamp=12, interface=2\n";
    let messages = [(0, of("curl", "12345")), (1, text_event(packet))];
    let env = recorded(messages, ["--exclude-pname", "*"]);
    let stored = events(&env.db());
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].stored.event.kind, Kind::Packet);
}

#[test]
fn what_no_process_can_be_called_is_refused() {
    let env = TestEnv::new();
    for (flag, value, words) in [
        ("--exclude-pname", "!curl", "`!` has no meaning here"),
        ("--exclude-pname", "", "failed to read --exclude-pname"),
        ("--snaplen", "0", "a size from 1 to 1G is wanted"),
        ("--snaplen", "2G", "a size from 1 to 1G is wanted"),
        ("--snaplen", "1q", "is no unit"),
    ] {
        let args = ["--url", "ws://127.0.0.1:9/", flag, value];
        run(env.with_db(RECORD, args)).exits(2).says(words);
        assert!(!env.db().exists(), "{flag} {value}");
    }
}

#[test]
fn of_payloads_the_first_bytes_are_kept() {
    let messages = [
        (0, data_on(5, "WRITE", "password=12345678")),
        (1, data_on(5, "READ", "none")),
        (2, data_on(5, "READ", "more than that")),
    ];
    // A filter sees all of it.
    let env = recorded(
        messages,
        [
            "--snaplen",
            "4",
            "--filter",
            "payload contains \"5678\" || direction == in",
        ],
    );
    let stored = events(&env.db());
    let payloads: Vec<_> = stored
        .iter()
        .map(|event| event.payload.as_slice())
        .collect();
    assert_eq!(payloads, [b"pass", b"none", b"more"]);
    let totals: Vec<_> = stored
        .iter()
        .map(|event| {
            let is_shortened = event
                .stored
                .event
                .provenance
                .contains(Provenance::SHORTENED);
            (is_shortened, event.stored.event.details.total_bytes)
        })
        .collect();
    assert_eq!(totals, [(true, Some(17)), (false, None), (true, Some(14))]);
    // What is stored is what the digest is over; the frame of what was shortened is not to be had, and not made up.
    check_digests(&env.db());
    stored[1].frame();
    for place in [0, 2] {
        let event = &stored[place];
        let mut frame = Vec::new();
        let (facts, envelope) = (&event.stored.event, &event.envelope);
        let is_whole =
            ecq::normalize::rebuild(facts, &event.payload, envelope, &mut frame).unwrap();
        assert!(!is_whole && frame.is_empty());
    }
    // Nothing of the rest is in the file.
    let file = std::fs::read(env.db()).unwrap();
    assert!(!file.windows(8).any(|bytes| bytes == b"=1234567"));

    let ids = |filter: &str| -> Vec<i64> {
        let id = |event: &Value| event["id"].as_i64().unwrap();
        env.events([filter]).iter().map(id).collect()
    };
    assert_eq!(ids("provenance == \"shortened\""), [1, 3]);
    assert_eq!(ids("truncated"), [1, 3]);
    let event = &env.events(["id == 1"])[0];
    assert_eq!(event["length"], 4);
    assert_eq!(event["details"]["total_bytes"], 17);
    assert_eq!(event["provenance"], serde_json::json!(["shortened"]));
    env.query(["pid == 99"])
        .exits(1)
        .says("1 recording stored only the first bytes of payloads (--snaplen)")
        .says("2 events of these recordings had more bytes than were stored");
    let stats = env.query(["stats", "--output", "jsonl"]).exits(0).json();
    let recording = &stats[0]["recordings"][0];
    assert_eq!(recording["snaplen_bytes"], 4);
    assert_eq!(recording["shortened_events"], 2);
    assert_eq!(recording["shortened_bytes"], 23);
    assert_eq!(stats[0]["coverage"]["shortened_events"], 2);
    let text = env.query(["stats"]).exits(0);
    let words = "only the first 4 bytes of payloads (--snaplen): 2 events had 23 B more";
    assert!(text.text().contains(words), "{}", text.story());
}

/// What was read in a payload is as without the limit.
#[test]
fn facts_and_exchanges_outlive_their_payloads() {
    for name in ["text", "hex"] {
        let frames = data(&format!("real/ecapture-2.5.1-{name}.frames"));
        let whole = TestEnv::new();
        whole.import::<&str>(&frames, []);
        let some = TestEnv::new();
        some.import(&frames, ["--snaplen", "200"])
            .says("payloads beyond --snaplen (");
        check_digests(&some.db());
        let facts = |env: &TestEnv| -> Vec<Value> {
            let mut events = env.events::<&str>([]);
            for event in &mut events {
                for field in [
                    "length",
                    "payload",
                    "payload_base64",
                    "provenance",
                    "details",
                ] {
                    event.as_object_mut().unwrap().remove(field);
                }
            }
            events
        };
        assert_eq!(facts(&some), facts(&whole), "{name}");
        let longest = "SELECT MAX(payload_bytes) FROM events";
        assert_eq!(copy(&some.db()).number(longest), 200);
        // No envelope holds what was left out.
        let envelopes = "SELECT COUNT(*) FROM envelopes AS v JOIN events AS e ON e.id = v.event_id
             WHERE e.payload_bytes = 200 AND LENGTH(v.before) > 300";
        assert_eq!(copy(&some.db()).number(envelopes), 0);
        let exchanges = some.query(["--exchanges", "--output", "jsonl"]);
        assert!(
            exchanges.text().contains("maybe_truncated"),
            "{}",
            exchanges.story()
        );
    }
}

#[test]
fn a_live_recording_tells_what_it_leaves_out() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, ["--snaplen", "100"]);
    play(&server, Traffic::new(1, Corpus::Realistic).take(300));
    recorder
        .stop()
        .exits(0)
        .says(" payloads beyond --snaplen (");
    check_digests(&env.db());
    let copy = copy(&env.db());
    assert_eq!(copy.number("SELECT MAX(payload_bytes) FROM events"), 100);
    let counted = "SELECT (SELECT COUNT(*) FROM details WHERE total_bytes > 100) = shortened_events
            AND (SELECT SUM(total_bytes - 100) FROM details WHERE total_bytes > 100) = shortened_bytes
         FROM recordings";
    assert_eq!(copy.number(counted), 1);
}
