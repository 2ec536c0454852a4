//! Captures of earlier schema versions are read as they are, and brought up to date by what writes to them.

use std::fs;
use std::sync::Arc;

use ecq::store::{MIGRATIONS, Watch, newest_version, reindex};
use rusqlite::Connection;

use super::sample;
use crate::support::capture::copy;
use crate::support::env::TestEnv;
use crate::support::folder::fingerprint;
use crate::support::frames::data;

/// A capture of schema version 1 with twelve events.
fn of_version_1() -> TestEnv {
    let env = TestEnv::new();
    fs::copy(data("schema/v0001.db"), env.db()).unwrap();
    assert_eq!(copy(&env.db()).number("PRAGMA user_version"), 1);
    env
}

/// The same of a later schema version, as a writer of that brought it up to date.
fn of_version(last: i64) -> TestEnv {
    let env = of_version_1();
    let db = Connection::open(env.db()).unwrap();
    let steps = (1..=last).zip(MIGRATIONS).skip(1);
    for (version, (_, sql)) in steps {
        db.execute_batch(sql).unwrap();
        db.pragma_update(None, "user_version", version).unwrap();
    }
    drop(db);
    assert_eq!(copy(&env.db()).number("PRAGMA user_version"), last);
    env
}

/// What the capture consists of: tables, indexes and views with their definitions, however these are laid out.
fn schema(env: &TestEnv) -> Vec<String> {
    let definitions = copy(&env.db()).texts(
        "SELECT type || ' ' || name || ' ' || tbl_name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY type, name",
    );
    definitions
        .iter()
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// It has the schema of a new capture, is sound, and has the events that it had and `added` more.
fn check_upgraded(env: &TestEnv, added: i64) {
    let fresh = sample();
    assert_eq!(schema(env), schema(&fresh));
    let copy = copy(&env.db());
    assert_eq!(copy.texts("PRAGMA integrity_check"), ["ok"]);
    assert_eq!(copy.number("PRAGMA user_version"), newest_version());
    assert_eq!(copy.number("SELECT COUNT(*) FROM events"), 12 + added);
}

#[test]
fn it_is_read_as_it_is() {
    let env = of_version_1();
    let before = fingerprint(&env.path("db"));
    let ids: Vec<_> = env
        .events::<&str>([])
        .iter()
        .map(|event| event["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, (1..=12).collect::<Vec<_>>());
    assert_eq!(env.query(["--count"]).exits(0).text(), "12\n");
    // The same search by a look at every payload.
    for text in ["HTTP/1.1", "curl", "no such text"] {
        let holding: Vec<_> = ids
            .iter()
            .copied()
            .filter(|id| {
                let shown = env.query(["show", &id.to_string(), "--raw"]).exits(0);
                String::from_utf8_lossy(&shown.stdout).contains(text)
            })
            .collect();
        let run = env.query(["--grep", text, "--fixed", "-o", "jsonl", "-r"]);
        let run = run.exits(i32::from(holding.is_empty()));
        let found: Vec<_> = run
            .json()
            .iter()
            .map(|event| event["id"].as_i64().unwrap())
            .collect();
        assert_eq!(found, holding, "{}", run.story());
        assert_eq!(holding.is_empty(), text == "no such text");
    }
    assert_eq!(fingerprint(&env.path("db")), before);
}

/// Nobody was identified then: what asks for that finds nothing, and everything else is as it was.
#[test]
fn later_ones_are_read_as_they_are_and_brought_up_to_date() {
    for env in [of_version_1(), of_version(4), of_version(5), of_version(6)] {
        let before = fingerprint(&env.path("db"));
        let events = env.query(["-o", "jsonl"]).exits(0);
        env.query(["exe or ppid >= 0 or container"]).exits(1);
        assert_eq!(env.query(["--count", "not exe"]).exits(0).text(), "12\n");
        let top = env.query(["--top", "exe,pname", "-o", "jsonl"]).exits(0);
        assert!(!top.text().contains("\"exe\""), "{}", top.story());
        env.query(["show", "1"]).exits(0);
        env.query(["stats"]).exits(0);
        let subset = env.path("subset.db");
        env.query(["export", "db", "--output", subset.to_str().unwrap()])
            .exits(0);
        assert_eq!(copy(&subset).number("SELECT COUNT(*) FROM events"), 12);
        assert_eq!(
            copy(&subset).number("PRAGMA user_version"),
            newest_version()
        );
        assert_eq!(fingerprint(&env.path("db")), before);
        reindex(&env.db(), None, false, &Watch::stopped_by(Arc::default())).unwrap();
        check_upgraded(&env, 0);
        assert_eq!(env.query(["-o", "jsonl"]).exits(0).stdout, events.stdout);
    }
}

#[test]
fn a_reindex_brings_it_up_to_date() {
    let env = of_version_1();
    let before = env.query(["-o", "jsonl"]).exits(0);
    let done = reindex(&env.db(), None, false, &Watch::stopped_by(Arc::default())).unwrap();
    assert!(done.blocks > 0);
    assert_eq!(done.damaged, 0);
    check_upgraded(&env, 0);
    assert_eq!(env.query(["-o", "jsonl"]).exits(0).stdout, before.stdout);
}

#[test]
fn a_recording_brings_it_up_to_date() {
    let env = of_version_1();
    let before = env.query(["-o", "jsonl", "-r"]).exits(0);
    let added = sample();
    env.import::<&str>(&added.path("frames"), []);
    check_upgraded(&env, 10);
    let after = env.query(["-o", "jsonl", "-r", "id <= 12"]);
    assert_eq!(after.text(), before.text());
    assert_eq!(env.query(["--count", "id > 12"]).exits(0).text(), "10\n");
}

/// A version that this program does not know is not touched.
#[test]
fn a_newer_one_is_refused() {
    let env = of_version_1();
    let newer = newest_version() + 1;
    Connection::open(env.db())
        .unwrap()
        .pragma_update(None, "user_version", newer)
        .unwrap();
    let before = fs::read(env.db()).unwrap();
    env.query::<&str>([]).exits(2).says(&newer.to_string());
    env.query(["reindex"]).exits(2).says(&newer.to_string());
    assert_eq!(fs::read(env.db()).unwrap(), before);
}
