//! Recordings that go on in another file: rings, and SIGHUP.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use super::{messages, play, server};
use crate::stand_in::dialect::Message;
use crate::stand_in::server::StandIn;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{Whole, beside, check_digests, check_sound, copy, events};
use crate::support::env::{QUERY, RECORD, TestEnv, run};
use crate::support::frames::{openssl, text_event};
use crate::support::live::Recorder;
use crate::support::wait::{LONG, until_true};

/// The captures beside the one that is named, in the order of their names.
pub(super) fn files(env: &TestEnv) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(env.path("db")).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "db"))
        .collect();
    // What goes by the name itself is the newest.
    files.sort_by_key(|path| (*path == env.db(), path.clone()));
    files
}

/// Each is a capture by itself, and nothing lies beside it.
#[track_caller]
pub(super) fn check_each(env: &TestEnv, files: &[PathBuf]) {
    let beside = std::fs::read_dir(env.path("db")).unwrap().count();
    assert_eq!(beside, files.len(), "{files:?}");
    for file in files {
        check_sound(file);
        check_digests(file);
        verify(env, file);
    }
}

#[track_caller]
fn verify(env: &TestEnv, file: &Path) {
    let mut command = env.command(QUERY, ["verify", "--db"]);
    command.arg(file);
    run(command).exits(0);
}

/// The events of all of these files.
fn all(files: &[PathBuf]) -> Vec<Whole> {
    files.iter().flat_map(|file| events(file)).collect()
}

/// Events are those that were sent, from `first` on, and their numbers follow each other.
#[track_caller]
fn check_events(stored: &[Whole], sent: &[Message], first: usize) {
    for ((event, message), id) in stored.iter().zip(sent.iter().skip(first - 1)).zip(first..) {
        assert_eq!(usize::try_from(event.stored.id.number()).unwrap(), id);
        assert!(event.frame() == message.bytes, "event {id}");
    }
    assert_eq!(stored.len(), sent.len() - (first - 1));
}

#[test]
fn a_ring_over_many_files_loses_nothing() {
    let env = TestEnv::new();
    let (server, encoder) = server(|_| {});
    let recorder = Recorder::linked(
        &env,
        &server,
        ["-b", "events:150", "--chain-key", &key(&env)],
    );
    let sent = messages(&encoder, Traffic::new(1, Corpus::Small).take(1500));
    play(&server, Traffic::new(1, Corpus::Small).take(1500));
    until_true("all of it", || {
        recorder.said().matches("goes on in").count() >= sent.len() / 150
    });
    recorder
        .stop()
        .exits(0)
        .says(&format!("stored {} events", sent.len()))
        .says(" 0 dropped by us")
        .says("1 links")
        .says(&format!("the last of {} files", sent.len() / 150 + 1));
    let written = files(&env);
    assert_eq!(written.len(), sent.len() / 150 + 1);
    check_each(&env, &written);
    check_events(&all(&written), &sent, 1);
    let mut head: Option<String> = None;
    for (number, file) in (1..).zip(&written) {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with(&format!("test_{number:05}_2")), "{name}");
        let copy = copy(file);
        assert_eq!(
            copy.number("SELECT stored_events = (SELECT COUNT(*) FROM events) FROM recordings"),
            1
        );
        assert_eq!(copy.number("SELECT is_clean FROM recordings"), 1);
        assert_eq!(
            copy.number("SELECT COUNT(*) FROM links WHERE ended_ns IS NULL"),
            0
        );
        // The chain goes on from file to file.
        let link = "SELECT hex(last_link) FROM removals";
        assert_eq!(copy.texts(link).pop(), head);
        head = copy
            .texts("SELECT hex(link) FROM batches ORDER BY first_id DESC LIMIT 1")
            .pop();
        let indexed = "SELECT COUNT(*) FROM exchanges";
        assert!(number > 10 || copy.number(indexed) > 0, "{name}");
    }
    // All of them are asked as one, also with an index of exchanges each.
    let mut command = env.command(QUERY, ["--count", "--events", "--db", "db/test_*.db"]);
    command.arg("-q");
    let count = run(command).exits(0);
    assert_eq!(count.text().trim(), sent.len().to_string());
    // Nothing says that something was pruned.
    let mut command = env.command(QUERY, ["--coverage", "--events", "-n", "1", "--db"]);
    command.arg(&written[3]);
    run(command).exits(0).never_says("prune");
    // Each names the file before it, with what `--expect-head` can be asked about there.
    let before = written[2].file_name().unwrap().to_str().unwrap();
    for (command, last) in [("stats", "up to event 450"), ("verify", "and link ")] {
        let mut command = env.command(QUERY, [command, "--db"]);
        command.arg(&written[3]);
        let run = run(command).exits(0);
        assert!(run.text().contains(before), "{}", run.text());
        assert!(run.text().contains(last), "{}", run.text());
    }
}

/// A file with a key.
fn key(env: &TestEnv) -> String {
    let path = env.path("key");
    std::fs::write(&path, [7; 32]).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_oldest_files_go_and_it_stops_after_so_many() {
    let env = TestEnv::new();
    let (server, encoder) = server(|_| {});
    // Of an earlier recording: it stays.
    let other = env.path("db/test_00001_20200101000000.db");
    std::fs::write(&other, "").unwrap();
    let args = ["-b", "events:100", "-b", "files:3", "-a", "files:7"];
    let recorder = Recorder::linked(&env, &server, args);
    let sent = messages(&encoder, Traffic::new(1, Corpus::Small).take(1500));
    play(&server, Traffic::new(1, Corpus::Small).take(1500));
    recorder
        .end()
        .exits(0)
        .says("the limit of --autostop is reached")
        .says("stored 700 events")
        .says("the last of 7 files");
    assert!(other.exists());
    std::fs::remove_file(other).unwrap();
    let written = files(&env);
    assert_eq!(written.len(), 3);
    check_each(&env, &written);
    check_events(&all(&written), &sent[..700], 401);
}

#[test]
fn files_end_by_size_and_by_time() {
    let env = TestEnv::new();
    let (server, encoder) = server(|_| {});
    let args = [
        "-b",
        "filesize:1M",
        "-b",
        "files:2",
        "--metrics",
        "127.0.0.1:0",
    ];
    let recorder = Recorder::linked(&env, &server, args);
    let mut sent = Vec::new();
    for seed in 1..=6 {
        let traffic = || Traffic::new(seed, Corpus::Incompressible).take(800);
        sent.extend(messages(&encoder, traffic()));
        play(&server, traffic());
        let before = recorder.said().matches("goes on in").count();
        until_true("another file", || {
            recorder.said().matches("goes on in").count() > before
        });
    }
    let metrics = || {
        let said = recorder.said();
        let (_, rest) = said.split_once("http://").unwrap();
        let address = rest.split_once("/metrics").unwrap().0.parse().unwrap();
        super::service::ask(address, "GET /metrics HTTP/1.1")
    };
    // Counters go on over files.
    let stored = format!("\"}} {}\n", sent.len());
    until_true("all of it in the metrics", || metrics().contains(&stored));
    assert!(metrics().contains("\necq_files_total "));
    recorder.stop().exits(0).says(" 0 dropped by us");
    let written = files(&env);
    assert_eq!(written.len(), 2);
    check_each(&env, &written);
    let stored = all(&written);
    let first = sent.len() - stored.len() + 1;
    check_events(&stored, &sent, first);

    let env = TestEnv::new();
    let recorder = Recorder::linked(&env, &server, ["-b", "interval:1", "-a", "files:3"]);
    recorder.end().exits(0).says("the last of 3 files");
    let recorder = Recorder::linked(&env, &server, ["-b", "duration:0.3", "-a", "files:3"]);
    recorder.end().exits(0).says("the last of 3 files");
    let written = files(&env);
    assert_eq!(written.len(), 6);
    check_each(&env, &written);
    // Each says what it covers, also without an event.
    let up = "SELECT COUNT(*) FROM links WHERE connected_ns >= (SELECT started_ns FROM recordings)";
    assert!(written[1..3].iter().all(|file| copy(file).number(up) == 1));
}

fn send(server: &StandIn, name: &str, text: &str) {
    let who = format!("PID:100 TID:100 Comm:{name} FD:5");
    let bytes = openssl("2026-11-23 10:51:41.000", &who, "WRITE", text.as_bytes());
    server.send(&Message { opcode: 2, bytes });
}

/// How many events there are; none where the file is only just made.
fn stored(path: &Path) -> i64 {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    rusqlite::Connection::open_with_flags(path, flags)
        .and_then(|db| db.query_row("SELECT COUNT(*) FROM events", [], |row| row.get(0)))
        .unwrap_or(0)
}

#[test]
fn what_is_known_of_a_connection_goes_along() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked::<&str>(&env, &server, ["-b", "events:2"]);
    let connect = b"PID:100, Comm:curl, TID:100, FD:5, Tuple: [10.1.1.1]:4000->[10.2.2.2]:443\n";
    server.send(&Message {
        opcode: 2,
        bytes: text_event(connect),
    });
    for text in ["GET / HTTP/1.1\r\n\r\n", "a", "b", "c", "d"] {
        send(&server, "curl", text);
    }
    until_true("the files", || files(&env).len() == 4);
    recorder.stop().exits(0);
    let written = files(&env);
    check_each(&env, &written);
    for file in &written[..3] {
        let mut command = env.command(QUERY, ["-o", "jsonl", "--events", "--dst", "10.2.2.2:443"]);
        command.arg("--db").arg(file);
        let events = run(command).exits(0).json();
        assert_eq!(events.len(), 2, "{}", file.display());
        assert!(events.iter().all(|event| event["pname"] == "curl"));
        let mut command = env.command(QUERY, ["--coverage", "-n", "1", "--events", "--db"]);
        command.arg(file);
        run(command).exits(0).says("2.5.1");
    }
}

#[test]
fn killed_in_the_middle_of_it_all_files_are_sound() {
    let env = TestEnv::new();
    let (server, _) = server(|options| options.crashes = false);
    let mut total = 0;
    for round in 0_u64..8 {
        let is_ring = round % 2 == 0;
        let args: &[&str] = if is_ring {
            &["-b", "events:25", "-b", "files:5"]
        } else {
            &[]
        };
        let recorder = Recorder::linked(&env, &server, args);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let load = Traffic::new(round, Corpus::Small)
                    .take(100_000)
                    .take_while(|_| !is_over.load(Ordering::Relaxed));
                server.play(load, Some(1000.0))
            });
            until_true("another file", || {
                if !is_ring {
                    recorder.signal(Signal::HUP);
                }
                recorder.said().contains("goes on in /")
            });
            std::thread::sleep(Duration::from_millis(round * 17));
            recorder.kill();
            is_over.store(true, Ordering::Relaxed);
        });
        assert!(server.wait_for_nobody(LONG));
        let written = files(&env);
        assert!(written.len() > total, "round {round}: {written:?}");
        total = written.len();
        for file in written {
            // Killed when it was made, it is empty, or will be when its journal is taken back.
            let is_made = !beside(&file, "-journal").exists();
            if is_made && std::fs::metadata(&file).unwrap().len() > 0 {
                check_sound(&file);
                check_digests(&file);
                verify(&env, &file);
            }
        }
    }
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    recorder.stop().exits(0);
    verify(&env, &env.db());
}

#[test]
fn a_hangup_sets_the_file_aside() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    // Nothing is in it yet.
    recorder.signal(Signal::HUP);
    recorder.wait_for("this one has no events yet");
    send(&server, "curl", "first");
    until_true("a commit", || stored(&env.db()) == 1);
    recorder.signal(Signal::HUP);
    recorder.wait_for("what was recorded so far is in");
    // In the middle of it: nothing is in the next file yet.
    recorder.signal(Signal::HUP);
    until_true("the second one", || {
        recorder
            .said()
            .matches("this one has no events yet")
            .count()
            == 2
    });
    assert_eq!(files(&env).len(), 2);
    send(&server, "curl", "second");
    until_true("a commit", || stored(&env.db()) == 1);
    recorder.signal(Signal::HUP);
    until_true("the next one", || files(&env).len() == 3);
    send(&server, "wget", "third");
    until_true("a commit", || stored(&env.db()) == 1);
    recorder
        .stop()
        .exits(0)
        .says("stored 3 events")
        .says("1 links")
        .says("the last of 3 files");
    let written = files(&env);
    assert_eq!(written.last(), Some(&env.db()), "{written:?}");
    check_each(&env, &written);
    for (file, id) in written.iter().zip(1..) {
        let events = events(file);
        let ids: Vec<_> = events
            .iter()
            .map(|event| event.stored.id.number())
            .collect();
        assert_eq!(ids, [id], "{}", file.display());
    }
    // The name is that of the newest, and a later recording goes on in it.
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    send(&server, "curl", "fourth");
    until_true("a commit", || stored(&env.db()) == 2);
    recorder.signal(Signal::HUP);
    until_true("it is set aside", || files(&env).len() == 4);
    recorder.wait_for("goes on in");
    recorder.stop().exits(0);
    check_each(&env, &files(&env));
    assert_eq!(all(&files(&env)).len(), 4);
}

/// However many signals come, and when: there is no file without events but the last, and no event is lost.
#[test]
fn hangups_in_a_row_make_no_empty_files() {
    let env = TestEnv::new();
    let (server, encoder) = server(|_| {});
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    let sent = messages(&encoder, Traffic::new(1, Corpus::Small).take(3000));
    std::thread::scope(|scope| {
        let playing =
            scope.spawn(|| server.play(Traffic::new(1, Corpus::Small).take(3000), Some(1000.0)));
        while !playing.is_finished() {
            recorder.signal(Signal::HUP);
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    assert!(server.wait_for_empty_queues(LONG));
    recorder
        .stop()
        .exits(0)
        .says(&format!("stored {} events", sent.len()))
        .says(" 0 dropped by us");
    let mut written = files(&env);
    check_each(&env, &written);
    // The one that goes by the name is the newest, and sorts behind the others.
    check_events(&all(&written), &sent, 1);
    written.pop();
    assert!(written.len() > 1, "{written:?}");
    for file in written {
        assert!(!events(&file).is_empty(), "{}", file.display());
    }
}

#[test]
fn a_file_that_was_moved_away_before_is_told_of() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    send(&server, "curl", "first");
    until_true("a commit", || stored(&env.db()) == 1);
    // What logrotate does.
    let old = env.path("db/old.db");
    std::fs::rename(env.db(), &old).unwrap();
    recorder.signal(Signal::HUP);
    recorder.wait_for("was moved away while it is recorded to");
    send(&server, "curl", "second");
    std::fs::rename(&old, env.db()).unwrap();
    until_true("a commit", || stored(&env.db()) == 2);
    recorder.signal(Signal::HUP);
    recorder.wait_for("goes on in");
    recorder.stop().exits(0);
    check_each(&env, &files(&env));
    assert_eq!(all(&files(&env)).len(), 2);
}

#[test]
fn a_file_that_a_reader_holds_keeps_its_name() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    send(&server, "curl", "first");
    until_true("a commit", || stored(&env.db()) == 1);
    let reader = rusqlite::Connection::open(env.db()).unwrap();
    reader
        .execute_batch("BEGIN; SELECT COUNT(*) FROM events")
        .unwrap();
    recorder.signal(Signal::HUP);
    recorder.wait_for("goes on in");
    assert!(recorder.said().contains("keep its -wal file with it"));
    drop(reader);
    let next = files(&env).remove(0);
    assert_ne!(next, env.db());
    send(&server, "curl", "second");
    until_true("a commit", || stored(&next) == 1);
    recorder.stop().exits(0);
    for file in [&env.db(), &next] {
        check_sound(file);
        verify(&env, file);
        assert_eq!(events(file).len(), 1);
    }
}

#[test]
fn a_next_file_that_cannot_be_begun_is_tried_again_and_nothing_is_lost() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, ["-b", "events:1"]);
    let first = files(&env).remove(0);
    std::fs::rename(env.path("db"), env.path("moved")).unwrap();
    for text in ["a", "b", "c"] {
        send(&server, "curl", text);
    }
    recorder.wait_for("the next file cannot be begun");
    std::fs::rename(env.path("moved"), env.path("db")).unwrap();
    until_true("the commits", || stored(&first) == 3);
    recorder.stop().exits(0).says("stored 3 events");
    check_each(&env, &[first]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let env = TestEnv::new();
    for (args, words) in [
        (
            &["-b", "files:3"][..],
            "nothing says when the next is begun",
        ),
        (&["-a", "files:3"], "there is no --ring-buffer"),
        (&["-b", "duration:9", "-a", "filesize:9"], "-a files:COUNT"),
        (&["-b", "filesize:0"], "interval:SECONDS"),
        (
            &["-b", "interval:1h", "--import", "x"],
            "cannot be used with",
        ),
    ] {
        env.record(args).exits(2).says(words);
    }
    assert_eq!(std::fs::read_dir(env.path("db")).unwrap().count(), 0);
    let mut command = env.command(QUERY, ["--db", "db/test_*.db"]);
    command.arg("-q");
    run(command).exits(2).says("no file matches");
    // A name with such a character is a name.
    let mut command = env.command(RECORD, ["--db", "db/a*.db", "--import"]);
    command.arg(crate::support::frames::data(
        "real/ecapture-2.5.1-text.frames",
    ));
    run(command).exits(0);
    run(env.command(QUERY, ["--count", "--db", "db/a*.db"])).exits(0);
}
