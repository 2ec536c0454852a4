//! How a recording ends.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{messages, play, server};
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{beside, check_digests, copy, live};
use crate::support::env::{RECORD, TestEnv};
use crate::support::folder::names;
use crate::support::live::Recorder;
use crate::support::wait::{LONG, until_true};

#[test]
fn a_signal_leaves_one_self_contained_file_for_its_owner() {
    for (umask, signal) in [
        ("0", Signal::INT),
        ("022", Signal::TERM),
        ("077", Signal::INT),
    ] {
        let env = TestEnv::new();
        let (server, _) = server(|_| {});
        let script = format!("umask {umask}; exec \"$@\"");
        let mut command = env.command("/bin/sh", ["-c", &script, "sh", RECORD, "--db"]);
        command.arg(env.db()).args(["--url", &server.url()]);
        let recorder = Recorder::spawn(command);
        recorder.wait_for("connected to eCapture");
        assert!(server.wait_for_clients(1, LONG));
        play(&server, Traffic::new(1, Corpus::Small).take(200));
        until_true("a commit", || {
            live(&env.db()).number("SELECT COUNT(*) FROM events") > 0
        });
        for suffix in ["", "-wal", "-shm"] {
            let mode = fs::metadata(beside(&env.db(), suffix)).unwrap().mode();
            assert_eq!(mode & 0o777, 0o600, "{suffix} under umask {umask}");
        }
        recorder.signal(signal);
        recorder
            .end()
            .exits(0)
            .says("stopping")
            .says("received ")
            .says("stored ");
        assert_eq!(names(&env.path("db")), ["test.db"]);
        let header = fs::read(env.db()).unwrap();
        assert_eq!(header[18..20], [1, 1], "not in WAL mode");
        assert_eq!(fs::metadata(env.db()).unwrap().mode() & 0o777, 0o600);
        assert_eq!(copy(&env.db()).texts("PRAGMA journal_mode"), ["delete"]);
        assert_eq!(
            copy(&env.db()).number("PRAGMA auto_vacuum"),
            2,
            "incremental"
        );
        assert_eq!(copy(&env.db()).number("PRAGMA page_size"), 4096);
        assert_eq!(copy(&env.db()).counter("is_clean"), 1);
        assert!(check_digests(&env.db()) > 0);
        assert!(!server.crashed());
    }
}

/// From 1.5.0 to 2.5.1 a client that leaves before its first heartbeat kills eCapture.
#[test]
fn stopping_while_it_connects_never_crashes_ecapture() {
    let (server, _) = server(|options| options.first_heartbeat_after = Duration::from_millis(500));
    std::thread::scope(|scope| {
        for worker in 0..4_u64 {
            let server = &server;
            scope.spawn(move || {
                let env = TestEnv::new();
                for round in 0..5 {
                    let recorder = Recorder::start::<&str>(&env, server, []);
                    let moment = Duration::from_millis((worker * 5 + round) * 613 % 650);
                    std::thread::sleep(moment);
                    recorder.interrupt();
                    let run = recorder.end();
                    // Before its handlers are there the signal kills it, but then it has not connected either.
                    let is_early = run.status.is_none() && !run.stderr.contains("connected");
                    assert!(is_early || run.status == Some(0), "{}", run.story());
                }
            });
        }
    });
    assert!(!server.crashed());
    assert!(server.handshakes().0 > 5, "{:?}", server.handshakes());
}

/// A link is held two seconds at most.
#[test]
fn stopping_does_not_wait_for_a_heartbeat_for_ever() {
    let env = TestEnv::new();
    let (server, _) = server(|options| {
        options.first_heartbeat_after = Duration::from_secs(60);
        options.crashes = false;
    });
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    let began = Instant::now();
    recorder.stop().exits(0);
    let held = began.elapsed();
    assert!(
        held > Duration::from_millis(1900) && held < Duration::from_secs(10),
        "{held:?}"
    );
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    play(&server, Traffic::new(1, Corpus::Small).take(100));
    until_true("a commit", || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") > 0
    });
    let blocker = rusqlite::Connection::open(env.db()).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    play(&server, Traffic::new(2, Corpus::Small).take(100));
    recorder.wait_for("another program holds the capture's write lock");
    recorder.interrupt();
    recorder.wait_for("stopping");
    // What comes in the first moment is taken for the same signal.
    until_true("the end at once", || {
        recorder.interrupt();
        recorder.said().contains("ended at once")
    });
    recorder.end().exits(130).says("check that it still runs");
    drop(blocker);
    assert!(check_digests(&env.db()) > 0);
    Recorder::linked::<&str>(&env, &server, [])
        .stop()
        .exits(0)
        .says("ended without a word");
}

/// Asked to stop while somebody holds the write lock, it waits for it and stores what is waiting. `timeout` and others pass a
/// signal on to the process and to its group, which is no reason to end at once.
#[test]
fn a_signal_during_a_stall_loses_nothing() {
    let env = TestEnv::new();
    let (server, encoder) = server(|_| {});
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    play(&server, Traffic::new(1, Corpus::Small).take(50));
    until_true("a commit", || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") > 0
    });
    let blocker = rusqlite::Connection::open(env.db()).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    play(&server, Traffic::new(2, Corpus::Small).take(500));
    recorder.wait_for("another program holds the capture's write lock");
    // Both are there when it goes on.
    for signal in [Signal::STOP, Signal::TERM, Signal::INT, Signal::CONT] {
        recorder.signal(signal);
    }
    recorder.wait_for("stopping");
    assert!(server.wait_for_nobody(LONG), "it stops reading at once");
    drop(blocker);
    recorder.end().exits(0).says(" 0 dropped by us");
    let sent = [(1, 50), (2, 500)].map(|(seed, count)| {
        messages(&encoder, Traffic::new(seed, Corpus::Small).take(count)).len()
    });
    let stored = usize::try_from(copy(&env.db()).counter("stored_events")).unwrap();
    assert_eq!(stored, sent.iter().sum::<usize>());
    assert_eq!(names(&env.path("db")), ["test.db"]);
}

#[test]
fn a_second_recorder_is_refused() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let first = Recorder::linked::<&str>(&env, &server, []);
    let path = env.db().display().to_string();
    Recorder::start::<&str>(&env, &server, [])
        .end()
        .exits(2)
        .says("is in use by another program")
        .says(&path);
    play(&server, Traffic::new(1, Corpus::Small).take(50));
    first.stop().exits(0);
    assert_eq!(server.handshakes().0, 1, "the second never connected");
    assert_eq!(copy(&env.db()).number("SELECT COUNT(*) FROM recordings"), 1);
}

#[test]
fn quiet_is_quiet() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::start(&env, &server, ["--quiet"]);
    assert!(server.wait_for_clients(1, LONG));
    play(&server, Traffic::new(1, Corpus::Small).take(50));
    until_true("a commit", || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") > 0
    });
    let run = recorder.stop().exits(0);
    assert_eq!(run.stderr, "");
}

/// A query that is under way when the recording ends is waited for, for a while.
#[test]
fn a_query_that_holds_the_file_is_waited_for() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    let reader = ecq::store::Reader::open(&env.db()).unwrap();
    recorder.interrupt();
    assert!(server.wait_for_nobody(LONG));
    until_true("the end of the recording", || {
        copy(&env.db()).counter("is_clean IS 1") == 1
    });
    drop(reader);
    recorder.end().exits(0).never_says("keep its -wal");
    assert_eq!(names(&env.path("db")), ["test.db"]);
}

/// If it goes on, SQLite cannot put everything into one file.
#[test]
fn a_query_that_goes_on_is_told_of_and_harms_nothing() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    play(&server, Traffic::new(1, Corpus::Small).take(200));
    until_true("a commit", || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") > 0
    });
    let reader = ecq::store::Reader::open(&env.db()).unwrap();
    assert_eq!(reader.access(), ecq::store::Access::Live);
    recorder.stop().exits(0).says("keep its -wal file with it");
    drop(reader);
    assert_eq!(copy(&env.db()).counter("is_clean"), 1);
    assert!(check_digests(&env.db()) > 0);
    env.query(["-n", "1"])
        .exits(0)
        .says("reading a private copy")
        .never_says("without a word");
    Recorder::linked::<&str>(&env, &server, [])
        .stop()
        .exits(0)
        .never_says("without a word");
    assert_eq!(names(&env.path("db")), ["test.db"]);
}
