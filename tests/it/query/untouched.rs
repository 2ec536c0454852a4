//! A query changes not one byte of a capture and creates nothing beside it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use super::sample;
use crate::stand_in::dialect::Dialect;
use crate::stand_in::options::Options;
use crate::stand_in::server::StandIn;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::live;
use crate::support::env::{QUERY, Run, TestEnv, run};
use crate::support::folder::{fingerprint, names};
use crate::support::live::Recorder;
use crate::support::wait::until_true;

const QUESTIONS: [&[&str]; 7] = [
    &[],
    &["--pname", "*"],
    &["-o", "jsonl", "--grep", "e"],
    &["stats"],
    &["show", "1", "--raw"],
    &["sql", "SELECT pname, count(*) FROM packets GROUP BY pname"],
    &["sql", "is_binary = false AND payload_utf8 LIKE '%e%'"],
];

/// Asks as this user and, where that is root, as one who may only read; looks at every byte before and after.
fn check(env: &TestEnv, judge: impl Fn(Run) -> Run) {
    let folder = env.path("db");
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for name in names(&folder) {
        mode(&folder.join(name), 0o444);
    }
    mode(&folder, 0o555);
    mode(&env.path(""), 0o755);
    mode(&env.path("tmp"), 0o777);
    let before = fingerprint(&folder);
    for args in QUESTIONS {
        let users: &[Option<u32>] = if rustix::process::geteuid().is_root() {
            &[None, Some(65_534)]
        } else {
            &[None]
        };
        for user in users {
            let mut command = env.with_db(QUERY, args);
            if let Some(user) = user {
                command.uid(*user).gid(*user);
            }
            judge(run(command).exits(0));
            assert_eq!(fingerprint(&folder), before, "{args:?} as {user:?}");
            assert_eq!(names(&env.path("tmp")), [""; 0], "{args:?} as {user:?}");
        }
    }
    mode(&folder, 0o755);
}

/// The folder of a recorder that was killed.
fn killed() -> TestEnv {
    let env = TestEnv::new();
    let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    server.play(Traffic::new(6, Corpus::Realistic).take(200), None);
    until_true("a commit", || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") > 0
    });
    recorder.kill();
    assert_eq!(
        names(&env.path("db")),
        ["test.db", "test.db-shm", "test.db-wal"]
    );
    env
}

#[test]
fn a_finished_file() {
    check(&sample(), |run| {
        run.never_says("copy").never_says("missing")
    });
}

#[test]
fn a_file_whose_recorder_was_killed() {
    check(&killed(), |run| {
        run.says("reading a private copy").says("-wal")
    });
}

#[test]
fn a_killed_recorders_file_without_its_index() {
    let env = killed();
    fs::remove_file(env.path("db/test.db-shm")).unwrap();
    check(&env, |run| run.says("reading a private copy"));
}

/// Somebody took the file along and left its log behind. What was checkpointed is there.
#[test]
fn a_file_whose_log_is_missing() {
    let env = killed();
    let db = rusqlite::Connection::open(env.db()).unwrap();
    db.pragma_update(None, "wal_checkpoint", "TRUNCATE").ok();
    drop(db);
    for name in names(&env.path("db")) {
        if name != "test.db" {
            fs::remove_file(env.path("db").join(name)).unwrap();
        }
    }
    check(&env, |run| run.says("its -wal file is missing"));
}

/// The log of a short recording is all there is of it, and still the file says what it is.
#[test]
fn a_new_file_whose_log_is_missing() {
    let env = killed();
    for name in ["test.db-shm", "test.db-wal"] {
        fs::remove_file(env.path("db").join(name)).unwrap();
    }
    let before = fingerprint(&env.path("db"));
    env.query::<&str>([])
        .exits(1)
        .says("its -wal file is missing")
        .says("holds no events");
    assert_eq!(fingerprint(&env.path("db")), before);
}

#[test]
fn while_it_is_recorded_answers_come_from_the_live_file() {
    let env = TestEnv::new();
    let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    for seed in 1..=3 {
        let before = live(&env.db()).number("SELECT COUNT(*) FROM events");
        server.play(Traffic::new(seed, Corpus::Small).take(100), None);
        until_true("more events", || {
            live(&env.db()).number("SELECT COUNT(*) FROM events") > before
        });
        let events = env.events(["-n", "all"]);
        assert!(events.len() > usize::try_from(before).unwrap());
        for args in QUESTIONS {
            env.query(args)
                .exits(0)
                .never_says("copy")
                .never_says("missing");
        }
        assert_eq!(names(&env.path("tmp")), [""; 0]);
    }
    recorder.stop().exits(0).never_says("a query held");
    assert_eq!(names(&env.path("db")), ["test.db"]);
}
