//! A recorder that stores only some events.

use ecq::event::{ConnectionId, Frame, Kind, Opcode, Timestamp};
use serde_json::Value;

use super::{play, server};
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{Whole, check_digests, copy, events};
use crate::support::env::{RECORD, TestEnv, run};
use crate::support::folder::names;
use crate::support::frames::{RECEIVED, data, frame, openssl, save, text_event};
use crate::support::live::Recorder;

/// What each stored event is, without what depends on which others are stored.
fn comparable(mut events: Vec<Value>) -> Vec<Value> {
    for event in &mut events {
        for number in ["id", "stream"] {
            event.as_object_mut().unwrap().remove(number);
        }
    }
    events
}

#[track_caller]
fn check_import(file: &std::path::Path, filter: &str) {
    let whole = TestEnv::new();
    whole.import::<&str>(file, []);
    let all = whole.events::<&str>([]).len();
    let expected = comparable(whole.events([filter]));
    assert!(!expected.is_empty() && expected.len() < all, "{filter}");

    let some = TestEnv::new();
    let left_out = all - expected.len();
    some.import(file, ["--filter", filter])
        .says(&format!("stored {} events", expected.len()))
        .says(&format!("not stored: {left_out} by --filter ("));
    let stored = comparable(some.events::<&str>([]));
    assert_eq!(stored.len(), expected.len(), "{filter}");
    for (stored, expected) in stored.iter().zip(&expected) {
        assert_eq!(stored, expected, "{filter}");
    }
    check_digests(&some.db());
    let (whole, some) = (copy(&whole.db()), copy(&some.db()));
    assert_eq!(
        some.counter("filtered_events"),
        i64::try_from(left_out).unwrap()
    );
    assert_eq!(some.number("SELECT COUNT(*) = MAX(id) FROM events"), 1);
    for table in ["connections", "links", "run_logs", "heartbeats", "runs"] {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(some.number(&sql), whole.number(&sql), "{table}");
    }
}

#[test]
fn what_the_filter_is_true_of_is_stored_and_the_rest_is_counted() {
    for name in ["text", "hex"] {
        let file = data(&format!("real/ecapture-2.5.1-{name}.frames"));
        for filter in [
            "pname == \"curl\"",
            "pname != \"curl\"",
            "content == text || payload contains \"hello\"",
            "status >= 200 and status < 300",
            "any contains \"HTTP/1.1\"",
            "direction == in && len > 1000",
            "source contains \"2.5.1\" and method",
        ] {
            check_import(&file, filter);
        }
    }
}

/// Live, and with moves: a stored event's number is that of no other one.
#[test]
fn a_live_recording_is_filtered() {
    let traffic = || Traffic::new(3, Corpus::Realistic).take(600);
    let (server, _) = server(|_| {});
    let whole = TestEnv::new();
    let recorder = Recorder::linked::<&str>(&whole, &server, []);
    play(&server, traffic());
    recorder.stop().exits(0).never_says("by --filter");
    let all = events(&whole.db());
    let filter = "direction == out && !(any contains \"HTTP/1.1\")";
    let wanted = whole.events([filter]).len();
    assert!(wanted > 10 && wanted < all.len());

    let some = TestEnv::new();
    let recorder = Recorder::linked(&some, &server, ["--filter", filter]);
    play(&server, traffic());
    recorder
        .stop()
        .exits(0)
        .says(&format!("stored {wanted} events"))
        .says(&format!("{} by --filter", all.len() - wanted));
    let stored = events(&some.db());
    let mut rest = all.iter();
    for event in &stored {
        let same = rest.find(|other| {
            other.payload == event.payload
                && other.stored.event.process == event.stored.event.process
                && other.stored.connection == event.stored.connection
                && other.stored.endpoints == event.stored.endpoints
        });
        assert!(same.is_some(), "event {}", event.stored.id);
    }
    assert_eq!(stored.len(), wanted);
    check_digests(&some.db());
}

const DATE: &str = "2026-11-23 10:40:40.000";

/// A recording of these messages, each so many milliseconds after the first.
pub(super) fn recorded<'a>(
    messages: impl IntoIterator<Item = (i64, bytes::Bytes)>,
    args: impl IntoIterator<Item = &'a str>,
) -> TestEnv {
    let frames: Vec<_> = messages
        .into_iter()
        .map(|(millis, message)| Frame {
            received: Timestamp::from_nanos(RECEIVED.as_nanos() + millis * 1_000_000),
            ..frame(Opcode::Binary, message)
        })
        .collect();
    let env = TestEnv::new();
    let file = env.path("frames");
    save(&file, &frames);
    env.import(&file, args);
    env
}

pub(super) fn data_on(descriptor: u32, way: &str, payload: &str) -> bytes::Bytes {
    let who = format!("PID:10 TID:10 Comm:client FD:{descriptor}");
    openssl(DATE, &who, way, payload.as_bytes())
}

fn payloads(env: &TestEnv) -> Vec<String> {
    let text = |event: &Whole| String::from_utf8(event.payload.clone()).unwrap();
    events(&env.db()).iter().map(text).collect()
}

#[test]
fn a_text_may_begin_in_an_event_that_is_left_out() {
    let messages = [
        data_on(5, "WRITE", "user=me pass"),
        data_on(5, "READ", "word of the other direction"),
        data_on(6, "WRITE", "word of another connection"),
        data_on(5, "WRITE", "wo"),
        data_on(5, "WRITE", "rd=x"),
        data_on(5, "WRITE", "word of nothing"),
        data_on(6, "WRITE", "a password"),
    ];
    let messages = || (0..).zip(messages.clone());
    let filter = "any contains \"password\"";
    let some = recorded(messages(), ["--filter", filter]);
    assert_eq!(payloads(&some), ["rd=x", "a password"]);
    // It is what a query finds in the whole.
    let whole = recorded(messages(), []);
    assert_eq!(
        whole.events([filter]).len(),
        usize::try_from(copy(&some.db()).counter("stored_events")).unwrap()
    );
}

/// An event that is left out has no number, and the one that gets its number stays where it is.
#[test]
fn only_what_is_stored_moves_to_another_connection() {
    let connection = "PID:10, Comm:client, TID:10, FD:5, Tuple: [10.0.0.1]:5000->[10.0.0.2]:443\n";
    let messages = [
        (0, data_on(5, "WRITE", "keep the first")),
        (10_000, data_on(5, "WRITE", "keep what moves")),
        (10_100, data_on(5, "WRITE", "drop")),
        (10_200, data_on(6, "WRITE", "keep the other")),
        (10_300, data_on(5, "WRITE", "drop")),
        (10_400, text_event(connection.as_bytes())),
        (10_500, data_on(5, "WRITE", "keep the last")),
    ];
    let filter = "payload contains \"keep\"";
    let env = recorded(messages.clone(), ["--filter", filter]);
    let stored: Vec<_> = events(&env.db())
        .iter()
        .map(|event| {
            let connection = event.stored.connection.map(ConnectionId::number);
            let has_ends = event.stored.endpoints.client.is_some();
            (event.stored.id.number(), connection, has_ends)
        })
        .collect();
    let expected = [
        (1, Some(1), false),
        (2, Some(3), true),
        (3, Some(2), false),
        (4, Some(3), true),
    ];
    assert_eq!(stored, expected);
    // What becomes known later was not known when the event came.
    let env = recorded(
        messages,
        ["--filter", "src == 10.0.0.1 and kind == tls_data"],
    );
    assert_eq!(payloads(&env), ["keep the last"]);
}

#[test]
fn what_could_not_be_read_is_stored_whatever_the_filter_says() {
    let messages = [
        data_on(5, "WRITE", "data"),
        text_event(b"a line that no eCapture writes"),
        bytes::Bytes::from_static(b"\xff\xff\xff no message"),
    ];
    let env = recorded((0..).zip(messages), ["--filter", "pname == nobody"]);
    let kinds: Vec<_> = events(&env.db())
        .iter()
        .map(|event| event.stored.event.kind)
        .collect();
    assert_eq!(kinds, [Kind::UnknownText, Kind::Unreadable]);
    assert_eq!(copy(&env.db()).counter("filtered_events"), 1);
}

#[test]
fn the_filter_and_what_it_left_out_are_told() {
    let env = recorded(
        [
            (0, data_on(5, "WRITE", "data")),
            (1, data_on(5, "WRITE", "other")),
        ],
        ["--filter", "pname==\"client\"   and len<5"],
    );
    let stats = env.query(["stats"]).exits(0);
    assert!(stats.text().contains(", 1 left out by --filter (5 B)\n"));
    assert!(
        stats
            .text()
            .contains("     only pname == \"client\" && len < 5\n")
    );
    let stats = env.query(["stats", "--output", "jsonl"]).exits(0).json();
    let recording = &stats[0]["recordings"][0];
    assert_eq!(recording["filtered_events"], 1);
    assert_eq!(recording["filter"], "pname == \"client\" && len < 5");
    let words = "1 recording stored only what its --filter let through";
    env.query(["pid == 99"]).exits(1).says(words);
    // Without one there is nothing to tell.
    let env = recorded([(0, data_on(5, "WRITE", "data"))], []);
    let stats = env.query(["stats", "--output", "jsonl"]).exits(0).json();
    let recording = &stats[0]["recordings"][0];
    assert_eq!(recording["filtered_events"], 0);
    assert_eq!(recording.get("filter"), None);
    env.query(["pid == 99"]).exits(1).never_says("--filter");
}

/// Captures of the first version know of no filter.
#[test]
fn an_older_capture_has_left_out_nothing() {
    let env = TestEnv::new();
    std::fs::copy(data("schema/v0001.db"), env.db()).unwrap();
    let stats = env.query(["stats", "--output", "jsonl"]).exits(0).json();
    let recording = &stats[0]["recordings"][0];
    assert_eq!(recording["filtered_events"], 0);
    assert_eq!(recording.get("filter"), None);
}

#[test]
fn a_filter_that_is_none_is_refused_before_anything_is_made() {
    let env = TestEnv::new();
    let file = data("real/ecapture-2.5.1-text.frames");
    for (filter, words) in [
        ("pname == ", "^"),
        ("pnam == curl", "^"),
        (
            "pname == \"a\" && id > 5",
            "gets its id only when it is stored",
        ),
        (" ", "nothing is given"),
    ] {
        for is_import in [false, true] {
            let mut command = env.command(RECORD, ["--filter", filter, "--quiet"]);
            if is_import {
                command.arg("--import").arg(&file);
            }
            run(command)
                .exits(2)
                .says("failed to read --filter")
                .says(words);
        }
    }
    assert!(
        names(&env.path("home")).is_empty(),
        "{:?}",
        names(&env.path("home"))
    );
    assert!(names(&env.path("db")).is_empty());
}
