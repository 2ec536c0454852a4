//! Damage and tampering in encrypted captures.

use rusqlite::{Connection, params};

use super::{EVENTS, ask, check_hidden, encrypted, write_secret};
use crate::support::env::{Run, TestEnv};

fn change(env: &TestEnv, sql: &str) {
    let changed = Connection::open(env.db()).unwrap().execute_batch(sql);
    changed.unwrap();
}

/// The events that can be read whole, as far as each can be told by itself.
fn readable(env: &TestEnv, key: &str) -> Vec<i64> {
    (1..=EVENTS)
        .filter(|id| ask(env, key, &["show", &id.to_string(), "--raw"]).status == Some(0))
        .collect()
}

fn members(env: &TestEnv, block: i64) -> (i64, i64) {
    let db = Connection::open(env.db()).unwrap();
    let range = db.query_row(
        "SELECT first_id, last_id FROM blocks WHERE id = ?1",
        [block],
        |row| Ok((row.get(0)?, row.get(1)?)),
    );
    range.unwrap()
}

/// The block of class `text` that has most members.
const TEXT_BLOCK: &str =
    "SELECT id FROM blocks WHERE class = 1 ORDER BY last_id - first_id DESC LIMIT 1";

fn text_block(env: &TestEnv) -> i64 {
    let db = Connection::open(env.db()).unwrap();
    db.query_row(TEXT_BLOCK, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_flipped_byte_is_damage_of_that_block_and_no_other() {
    let (env, key) = encrypted();
    let block = text_block(&env);
    let (first, last) = members(&env, block);
    let db = Connection::open(env.db()).unwrap();
    let mut data: Vec<u8> = db
        .query_row(
            "SELECT data FROM block_data WHERE id = ?1",
            [block],
            |row| row.get(0),
        )
        .unwrap();
    data[100] ^= 1;
    db.execute(
        "UPDATE block_data SET data = ?2 WHERE id = ?1",
        params![block, data],
    )
    .unwrap();
    drop(db);
    let run = ask(&env, &key, &["verify"]).exits(1);
    let text = run.text();
    assert!(
        text.contains(&format!("damaged or changed: block {block}")),
        "{}",
        run.story()
    );
    // Without the key it does not show, and that is said.
    let run = env.query(["verify"]).exits(0);
    assert!(run.text().contains("were not checked"), "{}", run.story());
    let readable = readable(&env, &key);
    let all = usize::try_from(EVENTS).unwrap();
    assert!(readable.len() < all && readable.iter().any(|id| *id > last || *id < first));
    for id in 1..=EVENTS {
        let is_in = text_member(&env, block, id);
        assert_eq!(!is_in, readable.contains(&id), "event {id}");
    }
    // What is left goes to a new file, with the same key.
    let output = env.path("db/saved.db");
    let run = ask(
        &env,
        &key,
        &["salvage", "--output", output.to_str().unwrap()],
    )
    .exits(1);
    let lost = all - readable.len();
    run.says(&format!("{lost} events lost their payload"));
    let saved = |args: &[&str]| -> Run {
        let mut command = env.command(crate::support::env::QUERY, args);
        command.arg("--db").arg(&output);
        crate::support::env::run(command)
    };
    saved(&["--count"]).exits(2).says("is encrypted");
    let whole = saved(&["verify", "-o", "jsonl", "--key-file", &key])
        .exits(0)
        .json();
    assert_eq!(whole[0]["is_sound"], true, "{whole:?}");
    let found = saved(&["--grep", "NeedleInABody", "--count", "--key-file", &key]).exits(0);
    assert_eq!(found.text(), "1\n");
    check_hidden(&env);
}

/// Whether the event is in the list of members of the block, by the library's own reading of the file: of its class, and
/// between its first and last.
fn text_member(env: &TestEnv, block: i64, id: i64) -> bool {
    let db = Connection::open(env.db()).unwrap();
    db.query_row(
        "SELECT EXISTS (
            SELECT 1 FROM blocks AS b
            JOIN events AS e ON e.id BETWEEN b.first_id AND b.last_id
            JOIN shapes AS s ON s.id = e.shape_id
            WHERE b.id = ?1 AND e.id = ?2 AND e.payload_bytes BETWEEN 1 AND 262144
                AND CASE WHEN s.content = 1 THEN 0 WHEN s.content IN (0, 2, 5, 6) THEN 1 ELSE 2 END = b.class)",
        [block, id],
        |row| row.get(0),
    )
    .unwrap()
}

/// Blocks that changed places are not taken for each other.
#[test]
fn rows_cannot_be_swapped() {
    let (env, key) = encrypted();
    let db = Connection::open(env.db()).unwrap();
    let blocks: Vec<(i64, Vec<u8>)> = db
        .prepare("SELECT d.id, d.data FROM block_data AS d JOIN blocks AS b ON b.id = d.id WHERE b.class = 1 ORDER BY d.id")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let [(one, of_one), (two, of_two), ..] = blocks.as_slice() else {
        panic!("there are several blocks");
    };
    for (block, data) in [(one, of_two), (two, of_one)] {
        db.execute(
            "UPDATE block_data SET data = ?2 WHERE id = ?1",
            params![block, data],
        )
        .unwrap();
        db.execute(
            "UPDATE blocks SET stored_bytes = ?2 WHERE id = ?1",
            params![block, data.len()],
        )
        .unwrap();
    }
    drop(db);
    let run = ask(&env, &key, &["verify"]).exits(1);
    for block in [one, two] {
        let said = format!("damaged or changed: block {block}");
        assert!(run.text().contains(&said), "{}", run.story());
    }
    // Filters of other blocks do not mislead either: what cannot be decrypted says nothing.
    change(&env, "UPDATE grams SET bits = zeroblob(60)");
    let (whole, key_of_whole) = encrypted();
    change(&whole, "UPDATE grams SET bits = zeroblob(60)");
    let found = ask(
        &whole,
        &key_of_whole,
        &["--grep", "NeedleInABody", "--fixed", "--count"],
    );
    assert_eq!(found.exits(0).text(), "1\n");
}

/// A lost block shows without the key.
#[test]
fn what_is_missing_shows_without_the_key() {
    let (env, _) = encrypted();
    let block = text_block(&env);
    change(&env, &format!("DELETE FROM block_data WHERE id = {block}"));
    let run = env.query(["verify"]).exits(1);
    assert!(
        run.text().contains(&format!("block {block} has no bytes")),
        "{}",
        run.story()
    );
    assert!(run.text().contains("has lost its block"), "{}", run.story());
}

/// The row of the key can be damaged, too. That is told from another key.
#[test]
fn a_damaged_key_of_the_file() {
    let (env, key) = encrypted();
    let other = write_secret(&env, "other", &[9; 32]);
    change(&env, "UPDATE encryption SET wrapped_key = zeroblob(72)");
    ask(&env, &key, &["--count"])
        .exits(2)
        .says("the key of the file is damaged");
    ask(&env, &other, &["--count"])
        .exits(2)
        .says("another one is given");
    change(&env, "UPDATE encryption SET wrapped_key = x'00'");
    ask(&env, &key, &["--count"]).exits(2).says("is damaged");
    // Without the row it is no plain capture either: nothing is shown for what was captured.
    change(&env, "DELETE FROM encryption");
    ask(&env, &key, &["show", "1", "--raw"]).exits(2);
}
