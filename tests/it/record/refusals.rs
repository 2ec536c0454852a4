//! What is no capture of ours is refused, and not one byte of it changes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use rusqlite::Connection;

use crate::support::env::{QUERY, RECORD, Run, TestEnv, run};
use crate::support::folder::fingerprint;
use crate::support::frames::data;

fn record(env: &TestEnv, db: &Path) -> Run {
    let mut command = env.command(RECORD, ["--url", "ws://127.0.0.1:9/", "--db"]);
    command.arg(db);
    run(command)
}

fn query(env: &TestEnv, db: &Path) -> Run {
    let mut command = env.command(QUERY, ["--db"]);
    command.arg(db);
    run(command)
}

#[test]
fn what_is_no_capture_is_refused() {
    let env = TestEnv::new();
    let folder = env.path("db");
    fs::create_dir(folder.join("folder.db")).unwrap();
    fs::write(folder.join("text.db"), "These are words.\n".repeat(100)).unwrap();
    fs::write(folder.join("short.db"), "x").unwrap();
    let foreign = Connection::open(folder.join("foreign.db")).unwrap();
    let songs =
        "PRAGMA auto_vacuum = FULL; CREATE TABLE songs (name TEXT); PRAGMA application_id = 7";
    foreign.execute_batch(songs).unwrap();
    drop(foreign);
    let plain = Connection::open(folder.join("plain.db")).unwrap();
    plain
        .execute_batch("CREATE TABLE songs (name TEXT)")
        .unwrap();
    drop(plain);
    let before = fingerprint(&folder);
    for (name, words) in [
        ("folder.db", "not a regular file"),
        ("text.db", "is not a capture: not an SQLite database"),
        ("short.db", "is not a capture: not an SQLite database"),
        ("foreign.db", "an SQLite database of another program"),
        ("plain.db", "an SQLite database of another program"),
        ("missing/x.db", "no such directory"),
    ] {
        let path = folder.join(name);
        record(&env, &path)
            .exits(2)
            .says(words)
            .says(folder.to_str().unwrap());
        query(&env, &path).exits(2).says(path.to_str().unwrap());
        assert_eq!(fingerprint(&folder), before, "{name}");
    }
    query(&env, &folder.join("missing.db"))
        .exits(2)
        .says("ecq-record");
    assert_eq!(fingerprint(&folder), before);
}

#[test]
fn a_recorder_does_not_write_through_a_link() {
    let env = TestEnv::new();
    env.import::<&str>(&data("real/ecapture-2.5.1-text.frames"), []);
    let link = env.path("db/link.db");
    std::os::unix::fs::symlink(env.db(), &link).unwrap();
    std::os::unix::fs::symlink(env.path("nowhere.db"), env.path("db/dangling.db")).unwrap();
    let before = fingerprint(&env.path("db"));
    record(&env, &link).exits(2).says("is a symbolic link");
    record(&env, &env.path("db/dangling.db"))
        .exits(2)
        .says("is a symbolic link");
    assert_eq!(fingerprint(&env.path("db")), before);
    assert!(!env.path("nowhere.db").exists());
    query(&env, &link).exits(0);
}

#[test]
fn a_capture_of_another_user_is_refused() {
    let env = TestEnv::new();
    env.import::<&str>(&data("real/ecapture-2.5.1-text.frames"), []);
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        crate::support::skip::skip("captures of others", "only root can become another user");
        return;
    }
    for folder in ["", "db"] {
        fs::set_permissions(env.path(folder), fs::Permissions::from_mode(0o755)).unwrap();
    }
    for (mode, words) in [
        (0o644, "permission denied"),
        (0o666, "belongs to user id 0"),
    ] {
        fs::set_permissions(env.db(), fs::Permissions::from_mode(mode)).unwrap();
        let before = fingerprint(&env.path("db"));
        let mut command = env.command(RECORD, ["--url", "ws://127.0.0.1:9/", "--db"]);
        command.arg(env.db()).uid(65_534).gid(65_534);
        run(command).exits(2).says(words).says("test.db");
        assert_eq!(fingerprint(&env.path("db")), before);
    }
    fs::set_permissions(env.db(), fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = env.command(QUERY, ["--db"]);
    command.arg(env.db()).uid(65_534).gid(65_534);
    run(command).exits(2).says("denied").says("sudo");
    // In a folder that it may not write to, it creates nothing.
    let mut command = env.command(RECORD, ["--url", "ws://127.0.0.1:9/", "--db"]);
    command.arg(env.path("db/new.db")).uid(65_534).gid(65_534);
    run(command)
        .exits(2)
        .says("permission denied")
        .says("new.db");
}

#[test]
fn a_newer_capture_is_refused_in_words() {
    let env = TestEnv::new();
    env.import::<&str>(&data("real/ecapture-2.5.1-text.frames"), []);
    let db = Connection::open(env.db()).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let before = fingerprint(&env.path("db"));
    let words = "schema version 99 is newer than this program's 4";
    query(&env, &env.db()).exits(2).says(words).says("test.db");
    assert_eq!(fingerprint(&env.path("db")), before);
    record(&env, &env.db()).exits(2).says(words).says("test.db");
    assert_eq!(fingerprint(&env.path("db")), before);
}

#[test]
fn a_url_that_is_none_is_refused_before_anything_is_made() {
    let env = TestEnv::new();
    for url in [
        "127.0.0.1:28257",
        "http://127.0.0.1:28257/",
        "ws://",
        "not a url",
    ] {
        env.record(["--url", url]).exits(2).says(url);
    }
    assert!(!env.db().exists());
}
