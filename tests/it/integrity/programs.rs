//! The programs: keys, words, exit status, a live capture, and what cannot be opened.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rusqlite::Connection;

use crate::stand_in::dialect::Dialect;
use crate::stand_in::options::Options;
use crate::stand_in::server::StandIn;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::live;
use crate::support::env::TestEnv;
use crate::support::folder::{fingerprint, names};
use crate::support::frames::data;
use crate::support::live::Recorder;
use crate::support::wait::{LONG, until_true};

fn write_key(env: &TestEnv, name: &str, bytes: &[u8], mode: u32) -> String {
    let path = env.path(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_recording_with_a_key() {
    let env = TestEnv::new();
    let frames = data("real/ecapture-2.5.1-text.frames");
    let key = write_key(&env, "key", &[7; 32], 0o600);
    let other = write_key(&env, "other", &[8; 40], 0o600);
    for (name, bytes, mode, says) in [
        (
            "short",
            &[7; 31][..],
            0o600,
            "has 31 bytes, and a key has at least 32",
        ),
        (
            "open",
            &[7; 32][..],
            0o640,
            "others may read or write the key",
        ),
    ] {
        let key = write_key(&env, name, bytes, mode);
        let frames = frames.to_str().unwrap();
        env.record(["--import", frames, "--chain-key", &key])
            .exits(2)
            .says(says);
    }
    assert_eq!(names(&env.path("db")), [""; 0], "and nothing is made");
    env.import(&frames, ["--chain-key", &key]);
    // Without it nothing is added, and it is said why.
    let frames = frames.to_str().unwrap();
    env.record(["--import", frames, "--again"])
        .exits(2)
        .says("--chain-key");
    env.record(["--import", frames, "--again", "--chain-key", &other])
        .exits(2)
        .says("another key");
    let before = fingerprint(&env.path("db"));
    let run = env.query(["verify", "--chain-key", &key]).exits(0);
    assert!(
        run.text().contains("nobody without the key changed"),
        "{}",
        run.story()
    );
    let run = env.query(["verify"]).exits(0);
    assert!(
        run.text().contains("no proof against tampering"),
        "{}",
        run.story()
    );
    assert!(
        run.text().contains("give it with --chain-key"),
        "{}",
        run.story()
    );
    env.query(["verify", "--chain-key", &other]).exits(1);
    let run = env
        .query(["verify", "-o", "jsonl", "--chain-key", &key])
        .exits(0);
    let lines = run.json();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["is_sound"], true);
    assert_eq!(lines[0]["keyed"], "checked");
    let head = lines[0]["head"]["link"].as_str().unwrap();
    let run = env.query(["verify", "--expect-head", head]).exits(0);
    assert!(run.text().contains("expected  found"), "{}", run.story());
    let run = env
        .query(["verify", "--expect-head", &"00".repeat(32)])
        .exits(1);
    assert!(
        run.text().contains("expected  not found"),
        "{}",
        run.story()
    );
    env.query(["verify", "--expect-head", "12"])
        .exits(2)
        .says("64 hexadecimal digits");
    assert_eq!(fingerprint(&env.path("db")), before);
}

#[test]
fn a_capture_of_the_first_version() {
    let env = TestEnv::new();
    fs::copy(data("schema/v0001.db"), env.db()).unwrap();
    let run = env.query(["verify"]).exits(0);
    assert!(
        run.text().contains("1 commits of an earlier version"),
        "{}",
        run.story()
    );
    env.import::<&str>(&data("real/ecapture-2.5.1-text.frames"), []);
    let run = env.query(["verify", "-o", "jsonl"]).exits(0);
    let whole = &run.json()[0];
    assert_eq!(
        (&whole["unchained_commits"], &whole["links"]),
        (&1.into(), &1.into())
    );
    let saved = env.path("saved.db");
    env.query(["salvage", "-o", saved.to_str().unwrap()])
        .exits(0);
}

#[test]
fn a_damaged_file_is_salvaged() {
    let env = TestEnv::new();
    env.import::<&str>(&data("real/ecapture-2.5.1-text.frames"), []);
    let events = env.events::<&str>([]).len();
    Connection::open(env.db())
        .unwrap()
        .execute_batch("UPDATE block_data SET data = zeroblob(length(data)) WHERE id = 1; DELETE FROM events WHERE id = 7")
        .unwrap();
    let run = env.query(["verify"]).exits(1);
    assert!(
        run.text().contains("block 1 cannot be decompressed"),
        "{}",
        run.story()
    );
    assert!(run.text().contains("of curl"), "{}", run.story());
    assert!(run.text().contains("salvage"), "{}", run.story());
    let before = fingerprint(&env.path("db"));
    let saved = env.path("saved.db");
    let to = saved.to_str().unwrap();
    env.query(["salvage", "-o", to])
        .exits(1)
        .says("1 events are lost")
        .says("lost their payload");
    assert_eq!(fingerprint(&env.path("db")), before);
    assert_eq!(
        saved.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    env.query(["salvage", "-o", to])
        .exits(2)
        .says("exists already");
    env.query(["salvage", "-o", env.db().to_str().unwrap()])
        .exits(2)
        .says("exists already");
    assert_eq!(fingerprint(&env.path("db")), before);
    fs::copy(&saved, env.db()).unwrap();
    env.query(["verify"]).exits(0);
    assert_eq!(env.events::<&str>([]).len(), events - 1);
    let run = env.query(["--count", "provenance == lost"]).exits(0);
    assert_ne!(run.text(), "0\n");
    let stats = env.query(["stats"]).exits(0);
    assert!(
        stats.text().contains("what could be read of it"),
        "{}",
        stats.story()
    );
    assert!(
        stats.text().contains("damaged, 1 frames"),
        "{}",
        stats.story()
    );
}

#[test]
fn what_is_no_capture() {
    let env = TestEnv::new();
    fs::write(
        env.db(),
        b"this is something else, and longer than a header. ".repeat(90),
    )
    .unwrap();
    for args in [&["verify"][..], &["salvage", "-o", "x.db"]] {
        env.query(args).exits(2).says("not an SQLite database");
    }
    assert!(!env.path("x.db").exists());
}

#[test]
fn while_it_is_recorded_and_after_a_kill() {
    let env = TestEnv::new();
    let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    for seed in 1..=3 {
        let before = live(&env.db()).number("SELECT COUNT(*) FROM events");
        server.play(Traffic::new(seed, Corpus::Realistic).take(300), None);
        until_true("more events", || {
            live(&env.db()).number("SELECT COUNT(*) FROM events") > before
        });
        env.query(["verify"]).exits(0).never_says("copy");
    }
    assert!(server.wait_for_empty_queues(LONG));
    recorder.kill();
    env.query(["verify"]).exits(0).says("private copy");
    let saved = env.path("saved.db");
    env.query(["salvage", "-o", saved.to_str().unwrap()])
        .exits(0);
    // Without its log: what was written back is there.
    for name in ["test.db-wal", "test.db-shm"] {
        fs::remove_file(env.path("db").join(name)).unwrap();
    }
    let run = env.query(["verify"]).says("-wal file is missing");
    assert!(
        run.status == Some(0) || run.status == Some(1),
        "{}",
        run.story()
    );
    let saved = env.path("saved2.db");
    let run = env.query(["salvage", "-o", saved.to_str().unwrap()]);
    assert!(
        run.status == Some(0) || run.status == Some(1),
        "{}",
        run.story()
    );
    fs::copy(&saved, env.db()).unwrap();
    env.query(["verify"]).exits(0);
}
