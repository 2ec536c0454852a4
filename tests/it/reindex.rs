//! Captures of an earlier version: read as they are, brought up to date by a recorder, and given a search filter.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ecq::filter::{Expr, Field, FieldId, Form, Needle, Operand, Test};
use ecq::store::{Error, Order, Reader, Reindexed, Watch, Writer, newest_version, reindex};

use crate::support::batches::start;
use crate::support::capture::{Whole, beside, check_digests, copy, events};
use crate::support::env::TestEnv;
use crate::support::folder::fingerprint;
use crate::support::frames::data;

/// A copy of the capture that the first version made.
fn first_version() -> TestEnv {
    let env = TestEnv::new();
    let db = env.db();
    fs::create_dir_all(db.parent().unwrap()).unwrap();
    fs::copy(data("schema/v0001.db"), db).unwrap();
    env
}

fn contains(text: &str) -> Expr {
    let needle = Needle::new(text.as_bytes().to_vec(), Form::Plain).unwrap();
    Expr::Test(Test::Contains(
        Operand::field(Field::of(FieldId::Any)),
        needle,
    ))
}

/// The events that hold the text, and how a search for it goes about it.
fn search(path: &Path, text: &str) -> (Vec<i64>, String) {
    let reader = Reader::open(path).unwrap();
    let filter = contains(text);
    let mut rows = reader
        .events(Some(&filter), Order::OldestFirst, None)
        .unwrap();
    let mut found = Vec::new();
    while let Some((_, id)) = rows.next_id().unwrap() {
        found.push(id.number());
    }
    found.sort_unstable();
    let lines = reader.explain(Some(&filter)).unwrap();
    let (_, way) = lines.into_iter().find(|(what, _)| *what == "rows").unwrap();
    (found, way)
}

fn all(path: &Path) -> Reindexed {
    reindex(path, None, false, &Watch::default()).unwrap()
}

#[test]
fn a_capture_of_the_first_version_is_read_as_it_is() {
    let old = first_version();
    let new = TestEnv::new();
    new.import::<&str>(&data("real/ecapture-2.5.1-text.frames"), []);
    let before = fingerprint(old.db().parent().unwrap());
    for args in [
        &["-n", "all", "-o", "jsonl", "--utc"][..],
        &["-n", "all", "--grep", "HTTP", "-o", "jsonl", "--utc"],
        &[
            "-n",
            "all",
            "--host",
            "127.0.0.1*",
            "--events",
            "-o",
            "jsonl",
            "--utc",
        ],
    ] {
        // The old capture holds the first messages of the file.
        let payloads = |env: &TestEnv| -> Vec<_> {
            let rows = env.query(args).exits(0).json();
            let known = rows
                .into_iter()
                .filter(|row| row["id"].as_i64() <= Some(12));
            let mut known: Vec<_> = known
                .map(|row| (row["id"].as_i64(), row["payload"].to_string()))
                .collect();
            known.sort_unstable();
            known
        };
        let found = payloads(&old);
        assert!(!found.is_empty() && found == payloads(&new), "{args:?}");
    }
    old.query(["stats"]).exits(0);
    assert_eq!(fingerprint(old.db().parent().unwrap()), before);
}

#[test]
fn a_recorder_brings_it_to_the_newest_schema() {
    let old = first_version();
    let new = TestEnv::new();
    for env in [&old, &new] {
        env.import::<&str>(&data("real/ecapture-2.5.1-hex.frames"), []);
    }
    let schema = |env: &TestEnv| {
        copy(&env.db()).texts(
            "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema
             WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 1",
        )
    };
    assert_eq!(schema(&old), schema(&new));
    let names = "SELECT domain || ' ' || code || ' ' || name FROM names ORDER BY 1";
    assert_eq!(copy(&old.db()).texts(names), copy(&new.db()).texts(names));
    assert_eq!(
        copy(&old.db()).number("PRAGMA user_version"),
        newest_version()
    );
    check_digests(&old.db());
    // The blocks that were there have no filter yet, and nobody knows which of their bodies cannot be decoded.
    let undecoded = || {
        let reader = Reader::open(&old.db()).unwrap();
        reader.undecoded(&contains("http")).unwrap()
    };
    assert_eq!(undecoded(), None);
    assert_eq!(all(&old.db()).blocks, 2);
    assert_eq!(undecoded(), Some(std::collections::BTreeMap::new()));
}

#[test]
fn an_old_capture_gets_its_filters_and_keeps_all_else() {
    let env = first_version();
    let db = env.db();
    let frames = |path: &Path| events(path).iter().map(Whole::frame).collect::<Vec<_>>();
    let before = frames(&db);
    let digests = copy(&db).texts("SELECT hex(digest) FROM batches");
    let (found, way) = search(&db, "http/1.1");
    assert!(way.contains("every block is opened"), "{way}");
    assert_eq!(
        all(&db),
        Reindexed {
            blocks: 2,
            damaged: 0,
            exchanges: 3
        }
    );
    assert!(!beside(&db, "-wal").exists());
    assert_eq!(copy(&db).texts("PRAGMA journal_mode"), ["delete"]);
    assert_eq!(copy(&db).number("PRAGMA user_version"), newest_version());
    assert_eq!(frames(&db), before);
    assert_eq!(copy(&db).texts("SELECT hex(digest) FROM batches"), digests);
    check_digests(&db);
    assert_eq!(search(&db, "http/1.1").0, found);
    let (absent, way) = search(&db, "there is no such text");
    assert_eq!(absent, [0_i64; 0]);
    assert!(way.contains("leaves 0 of 2 blocks"), "{way}");
    // Nothing is left to do, unless it is asked for.
    assert_eq!(all(&db).blocks, 0);
    assert_eq!(
        reindex(&db, None, true, &Watch::default()).unwrap().blocks,
        2
    );
    assert_eq!(copy(&db).number("SELECT COUNT(*) FROM junctions"), 0);
}

#[test]
fn one_that_was_stopped_goes_on() {
    let env = first_version();
    let db = env.db();
    let stopped = Watch::stopped_by(Arc::new(AtomicBool::new(true)));
    assert_eq!(reindex(&db, None, false, &stopped).unwrap().blocks, 0);
    assert_eq!(all(&db).blocks, 2);
}

#[test]
fn a_damaged_block_stays_open_and_what_follows_it_is_looked_at() {
    let env = first_version();
    let db = env.db();
    // As if answers stood in the same stream as requests: what is before them then cannot be read.
    rusqlite::Connection::open(&db)
        .unwrap()
        .execute_batch(
            "UPDATE block_data SET data = x'00' WHERE id = 1;
             UPDATE shapes SET direction = (SELECT direction FROM shapes WHERE id = 1);",
        )
        .unwrap();
    assert_eq!(
        all(&db),
        Reindexed {
            blocks: 1,
            damaged: 3,
            exchanges: 3
        }
    );
    let copy = copy(&db);
    let filtered = copy.texts("SELECT DISTINCT CAST(block_id AS TEXT) FROM grams");
    assert_eq!(filtered, ["2"]);
    let junctions = copy.texts("SELECT CAST(event_id AS TEXT) FROM junctions");
    assert_eq!(junctions, ["2", "5", "7"]);
}

#[test]
fn what_is_refused() {
    let env = TestEnv::new();
    let missing = env.path("missing.db");
    assert!(matches!(
        reindex(&missing, None, false, &Watch::default()),
        Err(Error::Missing { .. })
    ));
    assert!(!missing.exists());
    let foreign = env.path("foreign.db");
    rusqlite::Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    assert!(matches!(
        reindex(&foreign, None, false, &Watch::default()),
        Err(Error::Foreign { .. })
    ));
    let live = env.path("live.db");
    let writer = Writer::open(&live, &start("ws://test/")).unwrap();
    assert!(matches!(
        reindex(&live, None, false, &Watch::default()),
        Err(Error::InUse { .. })
    ));
    drop(writer);
}
