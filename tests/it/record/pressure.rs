//! A disk that does not keep up, and messages that are too large.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{messages, play, server, server_encoder};
use crate::stand_in::dialect::Message;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{check_digests, copy, events, live};
use crate::support::env::TestEnv;
use crate::support::live::Recorder;
use crate::support::wait::{LONG, until_true};

/// How long the write lock is held by somebody else: many times what eCapture's window of 256 messages spans.
const STALL: Duration = Duration::from_secs(3);

#[test]
fn a_stall_loses_nothing_and_gets_nobody_kicked() {
    let env = TestEnv::new();
    let (server, encoder) = server(|_| {});
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    let traffic = || Traffic::new(8, Corpus::Small).take(6000);
    std::thread::scope(|scope| {
        let player = scope.spawn(|| server.play(traffic(), Some(1500.0)));
        until_true("a commit", || {
            live(&env.db()).number("SELECT COUNT(*) FROM events") > 0
        });
        let blocker = Connection::open(env.db()).unwrap();
        blocker.busy_timeout(LONG).unwrap();
        blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
        let began = Instant::now();
        recorder.wait_for("another program holds the capture's write lock");
        std::thread::sleep(STALL.saturating_sub(began.elapsed()));
        let before = live(&env.db()).number("SELECT COUNT(*) FROM events");
        blocker.execute_batch("COMMIT").unwrap();
        drop(blocker);
        recorder.wait_for("write lock is free again");
        assert!(before < 5000, "the lock held it up");
        assert_eq!(player.join().unwrap(), 6000);
    });
    assert!(server.wait_for_empty_queues(LONG));
    assert_eq!(server.kicked(), 0);
    recorder
        .stop()
        .exits(0)
        .says(" 0 dropped by us")
        .says("1 links, 0 gaps");
    let expected = messages(&encoder, traffic());
    let stored = events(&env.db());
    assert_eq!(stored.len(), expected.len());
    assert!(
        stored
            .iter()
            .zip(&expected)
            .all(|(event, message)| event.frame() == message.bytes)
    );
    check_digests(&env.db());
}

#[test]
fn what_the_queue_has_no_room_for_is_counted_and_a_gap() {
    let env = TestEnv::new();
    let (server, encoder) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, ["--queue", "64k"]);
    play(&server, Traffic::new(1, Corpus::Small).take(20));
    until_true("a commit", || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") > 0
    });
    let blocker = Connection::open(env.db()).unwrap();
    blocker.busy_timeout(LONG).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    play(&server, Traffic::new(2, Corpus::Small).take(100));
    recorder.wait_for("another program holds the capture's write lock");
    // The writer waits with its batch; from here on the queue fills.
    play(&server, Traffic::new(3, Corpus::Realistic).take(2000));
    blocker.execute_batch("COMMIT").unwrap();
    drop(blocker);
    recorder.wait_for("write lock is free again");
    recorder.wait_for("the disk did not keep up");
    play(&server, Traffic::new(4, Corpus::Small).take(20));
    let run = recorder
        .stop()
        .exits(0)
        .says("were dropped because the disk did not keep up");
    assert_eq!(server.kicked(), 0);

    let copy = copy(&env.db());
    let dropped = copy.counter("dropped_frames");
    assert!(dropped > 500, "{}", run.story());
    let gap = "FROM gaps WHERE reason = 2";
    assert_eq!(copy.number(&format!("SELECT SUM(frames) {gap}")), dropped);
    assert_eq!(
        copy.number(&format!("SELECT SUM(bytes) {gap}")),
        copy.counter("dropped_bytes")
    );
    assert_eq!(
        copy.number(&format!("SELECT COUNT(*) {gap} AND ended_ns < started_ns")),
        0
    );
    let taken = [
        "stored_events",
        "stored_logs",
        "heartbeats",
        "destroyed_sockets",
    ];
    let kept: i64 = taken.iter().map(|name| copy.counter(name)).sum();
    assert_eq!(copy.counter("received_frames"), kept + dropped);
    // The newest were dropped: what was sent first and last is there.
    let stored = events(&env.db());
    let first = messages(&encoder, Traffic::new(2, Corpus::Small).take(100));
    let last = messages(&encoder, Traffic::new(4, Corpus::Small).take(20));
    let begins = messages(&encoder, Traffic::new(1, Corpus::Small).take(20)).len();
    let same = |stored: &[crate::support::capture::Whole], sent: &[Message]| {
        stored
            .iter()
            .zip(sent)
            .all(|(event, message)| event.frame() == message.bytes)
    };
    assert!(same(&stored[begins..], &first));
    assert!(same(&stored[stored.len() - last.len()..], &last));
}

#[test]
fn a_message_that_is_too_large_is_a_gap_and_ends_the_link() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, ["--max-message", "64k"]);
    play(&server, Traffic::new(1, Corpus::Small).take(50));
    server.send(&Message::binary(vec![b'x'; 100_000]));
    recorder.wait_for("a message of 100000 bytes is larger than the limit");
    // Not again at once: the next one may be as large.
    recorder.wait_for("next attempt in 5 s");
    assert_eq!(server.handshakes().0, 1);
    recorder
        .stop()
        .exits(0)
        .says("larger --max-message")
        .says("1 links, 1 gaps");
    let copy = copy(&env.db());
    let gap = "SELECT COUNT(*) FROM gaps WHERE reason = 3 AND frames = 1 AND bytes = 100000";
    assert_eq!(copy.number(gap), 1);
    assert!(!server.crashed());
    // What came before it is there.
    let sent = messages(&server_encoder(), Traffic::new(1, Corpus::Small).take(50));
    assert_eq!(
        copy.counter("stored_events"),
        i64::try_from(sent.len()).unwrap()
    );
}

#[test]
fn what_is_no_message_of_ecaptures_is_kept_as_it_is() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    let oddities: [&[u8]; 4] = [b"\xff\xfe\x00\x01", b"\x08\x02\x12\xff\x01", b"", b"\x00"];
    for oddity in oddities {
        server.send(&Message::binary(oddity.to_vec()));
    }
    server.send(&Message::text(b"plain words".to_vec()));
    assert!(server.wait_for_empty_queues(LONG));
    recorder.stop().exits(0);
    let frames: Vec<_> = events(&env.db())
        .iter()
        .map(crate::support::capture::Whole::frame)
        .collect();
    let expected: Vec<_> = oddities
        .iter()
        .map(|bytes| bytes.to_vec())
        .chain([b"plain words".to_vec()])
        .collect();
    assert_eq!(frames, expected);
    let unreadable = env.events(["--type", "unreadable"]);
    assert!(!unreadable.is_empty());
    assert!(
        unreadable
            .iter()
            .all(|event| event["details"]["reason"].is_string())
    );
}

/// Not more than the queue, three of the largest messages and 64 MiB, whatever comes.
#[test]
fn memory_is_bounded() {
    const MIB: usize = 1 << 20;
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, ["--queue", "24M", "--max-message", "8M"]);
    let header = "PID:1 TID:1 Comm:curl FD:3";
    let payload: Vec<u8> = (0..7 * MIB)
        .map(|at| u8::try_from(at * at % 251).unwrap())
        .collect();
    let event = |number: usize| {
        let date = format!("2026-11-23 10:51:{:02}.000", number % 60);
        Message::binary(crate::support::frames::openssl(
            &date, header, "READ", &payload,
        ))
    };
    for number in 0..6 {
        server.send(&event(number));
        let stored = i64::try_from(number).unwrap() + 1;
        until_true("a large event in the file", || {
            live(&env.db()).number("SELECT COUNT(*) FROM events") == stored
        });
    }
    let blocker = Connection::open(env.db()).unwrap();
    blocker.busy_timeout(LONG).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    for number in 0..10 {
        server.send(&event(number));
        assert!(server.wait_for_empty_queues(LONG));
    }
    recorder.wait_for("another program holds the capture's write lock");
    server.send(&event(10));
    assert!(server.wait_for_empty_queues(LONG));
    drop(blocker);
    recorder.wait_for("the disk did not keep up");
    let peak = recorder.peak_kib();
    recorder.stop().exits(0);
    let limit = (24 + 3 * 8 + 64) << 10;
    assert!(peak <= limit, "{peak} KiB, and {limit} are allowed");
    let stored = events(&env.db());
    assert!(stored.len() > 7);
    assert!(stored.iter().all(|event| event.payload == payload));
}
