//! Captures of earlier schema versions.

use std::path::PathBuf;

use rusqlite::Connection;

use crate::support::env::TestEnv;

/// `tests/data/README.md` says how it was made.
fn version_1() -> TestEnv {
    let env = TestEnv::new();
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/schema/v0001.db");
    std::fs::copy(data, env.db()).unwrap();
    env
}

fn schema(db: &Connection) -> Vec<(String, String)> {
    let mut statement = db
        .prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
        .unwrap();
    let one_line = |sql: String| sql.split_whitespace().collect::<Vec<_>>().join(" ");
    statement
        .query_map([], |row| {
            let sql: Option<String> = row.get(1)?;
            Ok((row.get(0)?, one_line(sql.unwrap_or_default())))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn is_read_as_it_is() {
    let env = version_1();
    let before = std::fs::read(env.db()).unwrap();
    assert_eq!(env.events::<&str>([]).len(), 12);
    env.query(["--grep", "s3cr3t"])
        .exits(0)
        .says("ecq-query reindex");
    assert_eq!(
        env.events(["--pname", "curl", "--host", "127.0.0.1"]).len(),
        3
    );
    assert_eq!(
        env.query(["--count", "any contains \"HTTP/1.1 200\""])
            .exits(0)
            .text(),
        "2\n"
    );
    env.query(["--pname", "nothing"]).exits(1).says("0 matches");
    env.query(["stats"]).exits(0);
    env.query(["sql", "SELECT count(*) FROM packets"]).exits(0);
    assert!(
        std::fs::read(env.db()).unwrap() == before,
        "reading changed the file"
    );
}

#[test]
fn is_brought_up_to_date() {
    let env = version_1();
    let events = env.events::<&str>([]);
    env.query(["reindex"])
        .exits(0)
        .says("blocks got a search filter");
    assert_eq!(env.events::<&str>([]), events);
    assert_eq!(env.events(["--grep", "s3cr3t"]).len(), 1);
    env.query(["--grep", "s3cr3t"])
        .exits(0)
        .never_says("reindex");
    let upgraded = Connection::open(env.db()).unwrap();
    let check: String = upgraded
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let without: i64 = upgraded
        .query_row("SELECT COUNT(*) FROM blocks WHERE class <> 3 AND id NOT IN (SELECT block_id FROM grams)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(without, 0);
    let fresh = super::sample();
    assert_eq!(
        schema(&upgraded),
        schema(&Connection::open(fresh.db()).unwrap())
    );
    // A second run has nothing to do.
    env.query(["reindex"]).exits(0).says(" 0 blocks got");
    env.query(["reindex", "--rebuild"])
        .exits(0)
        .never_says(" 0 blocks got");
    env.query_alone(["reindex", "--db", "nowhere.db"])
        .exits(2)
        .says("no such file");
    assert!(!env.path("nowhere.db").exists());
}
