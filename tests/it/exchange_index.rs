//! The index of exchanges is the same however it comes about: in one go or with stops, whatever the times of receipt.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ecq::event::{Opcode, Timestamp};
use ecq::store::{Reindexed, Watch, reindex};
use rusqlite::Connection;
use serde_json::Value;

use crate::stand_in::START_NS;
use crate::stand_in::dialect::Dialect;
use crate::stand_in::options::Options;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::copy;
use crate::support::env::TestEnv;
use crate::support::frames::{frame, save};

/// How much slower than the stand-in's own pace: 24 connections with some 10 events a second each, for 10 s. Their
/// numbers are in the order in which they were first heard of, which is not the one in which they have something to say.
const SLOWER: i64 = 10;
const EVENTS: usize = 2_500;

/// Traffic that goes on for seconds, received when it happened, or all of it at its end.
fn recorded(seed: u64, is_received_at_once: bool) -> TestEnv {
    let mut options = Options::for_dialect(Dialect::Text);
    options.start_ns = Some(START_NS);
    let encoder = options.encoder();
    let traffic = Traffic::new(seed, Corpus::Small).only_tls().take(EVENTS);
    let end = START_NS + 60_000_000_000;
    let frames: Vec<_> = traffic
        .filter_map(|event| {
            let time = START_NS + event.offset_ns * SLOWER;
            let message = encoder.encode(&event, time)?;
            let mut frame = frame(Opcode::from_code(message.opcode)?, message.bytes);
            frame.received = Timestamp::from_nanos(if is_received_at_once { end } else { time });
            Some(frame)
        })
        .collect();
    let env = TestEnv::new();
    let file = env.path("traffic.frames");
    save(&file, &frames);
    env.import::<&str>(&file, []);
    env
}

/// What the exchanges are, in the order of their connections. Their own numbers depend on when they were stored, and where
/// all was received later, times are those of receipt.
fn exchanges(env: &TestEnv) -> Vec<Value> {
    let run = env.query(["--exchanges", "-o", "jsonl", "-n", "all", "-q"]);
    let mut lines = run.exits(0).json();
    for line in &mut lines {
        line.as_object_mut().unwrap().remove("id");
        without_times(line);
    }
    lines.sort_by_key(|line| (line["connection"].as_i64(), line["number"].as_i64()));
    lines
}

fn without_times(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|name, _| name != "time" && !name.ends_with("_ns"));
        fields.values_mut().for_each(without_times);
    }
}

/// No event begins the same half twice.
fn assert_none_is_there_twice(lines: &[Value]) {
    for half in ["request", "response"] {
        let mut seen = HashSet::new();
        for line in lines {
            let Some(event) = line[half]["first_event"].as_i64() else {
                continue;
            };
            // Frames of several streams share an event, as do pipelined messages of HTTP/1, which this traffic has not.
            let stream = line["http2_stream"].as_i64();
            assert!(seen.insert((event, stream)), "{half} of event {event}");
        }
    }
}

/// Makes the index anew, and stops each time that so many bytes more were read.
fn made_with_stops(path: &Path, bytes: u64) -> u32 {
    let db = Connection::open(path).unwrap();
    let is_old = "UPDATE exchange_progress SET reader = 1";
    assert_eq!(db.execute(is_old, []).unwrap(), 1);
    db.close().unwrap();
    let mut stops = 0;
    loop {
        let flag = Arc::new(AtomicBool::new(false));
        let watch = Watch::stopped_by(Arc::clone(&flag));
        let done: Reindexed = thread::scope(|scope| {
            let making = scope.spawn(|| reindex(path, None, false, &watch).unwrap());
            while !making.is_finished() {
                if watch.scanned() >= bytes {
                    flag.store(true, Ordering::Relaxed);
                }
                thread::yield_now();
            }
            making.join().unwrap()
        });
        assert!(done.damaged == 0 && stops < 1_000, "{done:?}");
        if !watch.is_stopped() {
            return stops;
        }
        stops += 1;
    }
}

#[test]
fn it_is_the_same_whatever_the_times_of_receipt() {
    for seed in 1..=3 {
        let at_once = exchanges(&recorded(seed, true));
        assert!(at_once.len() > EVENTS / 10, "{}", at_once.len());
        assert_none_is_there_twice(&at_once);
        let env = recorded(seed, false);
        let in_time = exchanges(&env);
        assert_none_is_there_twice(&in_time);
        assert_eq!(in_time, at_once, "seed {seed}");
        env.query(["reindex", "--rebuild"]).exits(0);
        assert_eq!(exchanges(&env), at_once, "seed {seed}, made anew");
    }
}

#[test]
fn it_is_the_same_if_it_was_stopped_on_the_way() {
    let env = recorded(4, false);
    let whole = exchanges(&env);
    let bytes = copy(&env.db()).number("SELECT SUM(payload_bytes) FROM events");
    for parts in [3, 17] {
        let part = u64::try_from(bytes / parts).unwrap();
        assert!(made_with_stops(&env.db(), part) > 0);
        assert_eq!(exchanges(&env), whole, "in {parts} parts");
    }
}
