//! What is no file, and what lies beside one.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::{QUESTIONS, ask, capture, report};
use crate::support::env::TestEnv;
use crate::support::frames::data;

/// Asks a few questions; what is wrong, or is answered although it must not be.
fn check(env: &TestEnv, name: &str, expected: &[i32]) -> Vec<String> {
    let path = env.path("db").join(name);
    let mut faults = Vec::new();
    for question in [
        QUESTIONS[0],
        &["stats"],
        &["verify"],
        &["salvage", "-o", "FILE"],
        &["prune", "--keep", "1d"],
        &["sql", "1 = 1"],
    ] {
        match ask(env, &path, question) {
            Ok(run) if !run.status.is_some_and(|status| expected.contains(&status)) => {
                faults.push(run.story());
            }
            Ok(_) => {}
            Err(fault) => faults.push(fault),
        }
    }
    faults
}

#[test]
fn what_is_no_file() {
    let env = capture();
    let folder = env.path("db");
    fs::create_dir(folder.join("folder.db")).unwrap();
    symlink("/dev/zero", folder.join("device.db")).unwrap();
    symlink("loop.db", folder.join("loop.db")).unwrap();
    let is_made = Command::new("mkfifo").arg(folder.join("pipe.db")).status();
    assert!(is_made.unwrap().success());
    let socket = std::os::unix::net::UnixListener::bind(folder.join("socket.db")).unwrap();
    let mut faults = Vec::new();
    for name in ["folder.db", "device.db", "loop.db", "pipe.db", "socket.db"] {
        faults.extend(check(&env, name, &[2]));
    }
    drop(socket);
    report(&faults);
}

#[test]
fn a_name_with_control_characters() {
    let env = capture();
    let name = "a\nb\x1b[31mc\x07.db";
    fs::rename(env.db(), env.path("db").join(name)).unwrap();
    let faults = check(&env, name, &[0, 1, 2]);
    report(&faults);
    let missing = check(&env, "gone\n\x1b[31m.db", &[2]);
    report(&missing);
}

/// What lies beside the file in place of its log is not followed, not waited for, and not written to.
#[test]
fn what_is_no_log() {
    let mut faults = Vec::new();
    for suffix in ["-wal", "-journal", "-shm"] {
        for kind in [
            "pipe",
            "device",
            "folder",
            "link",
            "garbage",
            "empty",
            "of another",
        ] {
            let env = capture();
            let beside = env.path(format!("db/test.db{suffix}"));
            let target = env.path("home/target");
            match kind {
                "pipe" => assert!(
                    Command::new("mkfifo")
                        .arg(&beside)
                        .status()
                        .unwrap()
                        .success()
                ),
                "device" => symlink("/dev/zero", &beside).unwrap(),
                "folder" => fs::create_dir(&beside).unwrap(),
                "link" => {
                    // To a file that would be there to be written.
                    fs::write(&target, "x".repeat(70_000)).unwrap();
                    symlink(&target, &beside).unwrap();
                }
                "garbage" => fs::write(&beside, vec![0xa5; 70_000]).unwrap(),
                "empty" => fs::write(&beside, "").unwrap(),
                _ => fs::write(&beside, another_log()).unwrap(),
            }
            let kept = fs::read(&target).ok();
            fs::rename(env.path("home"), env.path("elsewhere")).unwrap();
            fs::create_dir(env.path("home")).unwrap();
            if kind == "link" {
                fs::remove_file(&beside).unwrap();
                symlink(env.path("elsewhere/target"), &beside).unwrap();
            }
            for fault in check(&env, "test.db", &[0, 1, 2]) {
                faults.push(format!("{kind} as {suffix}: {fault}"));
            }
            assert_eq!(fs::read(env.path("elsewhere/target")).ok(), kept);
        }
    }
    report(&faults);
}

/// The log of a recorder that was killed, of another capture.
fn another_log() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(40000))",
    )
    .unwrap();
    let log = fs::read(folder.path().join("other.db-wal")).unwrap();
    assert!(log.len() > 40_000);
    assert!(data("real").is_dir());
    log
}
