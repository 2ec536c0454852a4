//! Every column, with values that nobody would write to it.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::{CHANGES, QUESTIONS, ask, ask_all, capture, change, forged, report};
use crate::support::long::{seed, short_or_long};
use crate::support::numbers::Numbers;

/// A column of a table of a capture.
struct Column {
    table: String,
    name: String,
}

fn columns(db: &Connection) -> Vec<Column> {
    db.prepare(
        "SELECT s.name, c.name FROM sqlite_schema AS s, pragma_table_info(s.name) AS c WHERE s.type = 'table'",
    )
    .unwrap()
    .query_map([], |row| {
        Ok(Column {
            table: row.get(0)?,
            name: row.get(1)?,
        })
    })
    .unwrap()
    .map(Result::unwrap)
    .collect()
}

/// A zstd frame of this many zeros.
fn bomb(bytes: usize) -> Vec<u8> {
    zstd::bulk::compress(&vec![0; bytes], 19).unwrap()
}

/// A zstd frame whose head says that it holds 4 GiB. RFC 8878, section 3.1.1: a descriptor with an 8-byte size, one segment.
fn liar() -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
    frame.extend((4_u64 << 30).to_le_bytes());
    // One last block that repeats a byte 128 KiB times.
    frame.extend([0x03, 0x00, 0x10, 0x00]);
    frame
}

fn values() -> Vec<Value> {
    let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    vec![
        Value::Null,
        Value::Integer(i64::MAX),
        Value::Integer(i64::MIN),
        Value::Integer(i64::MAX - 1),
        Value::Integer(-1),
        Value::Integer(0),
        Value::Integer(255),
        Value::Integer(1 << 32),
        Value::Integer(1 << 60),
        Value::Real(1e300),
        Value::Text("\x1b]0;title\x07\x1b[2J\u{202e}\r\n\0=1+1".to_owned()),
        Value::Text("x".repeat(1 << 20)),
        Value::Blob(Vec::new()),
        // Numbers of ten bytes, and one that does not end.
        Value::Blob(largest.repeat(3)),
        Value::Blob(vec![0xff; 100]),
        // A million members, or ids.
        Value::Blob([0, 2].repeat(1 << 20)),
        Value::Blob(vec![1; 3 << 20]),
        Value::Blob(bomb(100 << 20)),
        Value::Blob(bomb(1 << 20)),
        Value::Blob(liar()),
    ]
}

/// Which rows are changed.
#[derive(Debug, Clone, Copy)]
enum Rows {
    All,
    First,
    Last,
}

/// Writes a value, whatever the table says of it; `false` if SQLite does not store such a row.
fn write(db: &Connection, column: &Column, value: &Value, rows: Rows) -> bool {
    // What a table says of itself does not matter to what lies in it.
    let definitions: Vec<(String, String)> = db
        .prepare(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        )
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    db.execute(
        "UPDATE sqlite_schema SET sql = replace(replace(replace(sql, ') STRICT, ', ') '), ') STRICT', ')'), ' NOT NULL', '')
         WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        [],
    )
    .unwrap();
    read_schema_again(db);
    let Column { table, name } = column;
    let count: i64 = db
        .query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| {
            row.get(0)
        })
        .unwrap();
    let written = if count == 0 {
        fill(db, table, name, value)
    } else {
        let which = match rows {
            Rows::All => String::new(),
            Rows::First => format!("WHERE {name} IS (SELECT MIN({name}) FROM {table})"),
            Rows::Last => format!("WHERE {name} IS (SELECT MAX({name}) FROM {table})"),
        };
        db.execute(
            &format!("UPDATE OR REPLACE {table} SET {name} = ?1 {which}"),
            params![value],
        )
    };
    for (name, sql) in definitions {
        db.execute(
            "UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1",
            params![name, sql],
        )
        .unwrap();
    }
    read_schema_again(db);
    written.is_ok_and(|count| count > 0)
}

/// Adds a row to an empty table, in which everything else is 1.
fn fill(db: &Connection, table: &str, name: &str, value: &Value) -> rusqlite::Result<usize> {
    let names: Vec<String> = columns(db)
        .into_iter()
        .filter(|column| column.table == table)
        .map(|column| column.name)
        .collect();
    let values: Vec<_> = names
        .iter()
        .map(|other| if other == name { "?1" } else { "1" })
        .collect();
    db.execute(
        &format!(
            "INSERT INTO {table} ({}) VALUES ({})",
            names.join(", "),
            values.join(", ")
        ),
        params![value],
    )
}

fn read_schema_again(db: &Connection) {
    let version: i64 = db
        .query_row("PRAGMA schema_version", [], |row| row.get(0))
        .unwrap();
    db.pragma_update(None, "schema_version", version + 1)
        .unwrap();
}

fn all_columns(path: &Path) -> Vec<Column> {
    columns(&Connection::open(path).unwrap())
}

#[test]
fn every_column_with_every_kind_of_value() {
    let env = capture();
    let mut lots = Numbers::new(seed("values"));
    let values = values();
    let (mut faults, mut files) = (Vec::new(), 0);
    let columns = all_columns(&env.db());
    for column in &columns {
        // A part of them, as each takes a while.
        if lots.below(short_or_long(4, 1)) > 0 {
            continue;
        }
        let few = [lots.below(values.len())];
        let all: Vec<_> = (0..values.len()).collect();
        for value in short_or_long(&few[..], &all) {
            let rows = lots.pick(&[Rows::All, Rows::First, Rows::Last]);
            let mut is_written = false;
            let path = forged(&env, |db| {
                is_written = write(db, column, &values[*value], rows);
            });
            if !is_written {
                continue;
            }
            files += 1;
            let story = |fault: String| {
                let (table, name) = (&column.table, &column.name);
                let shown: String = format!("{:?}", values[*value]).chars().take(60).collect();
                format!("{table}.{name} = {shown} in {rows:?}: {fault}")
            };
            for _ in 0..short_or_long(2, 6) {
                let question = lots.pick(QUESTIONS);
                faults.extend(ask(&env, &path, question).err().map(story));
            }
            if lots.below(5) == 0 {
                let request = lots.pick(CHANGES);
                faults.extend(change(&env, &path, request).err().map(story));
            }
        }
    }
    println!("{files} files");
    assert!(files > columns.len() / 8, "{files} files");
    report(&faults);
}

/// Ids that are so far apart that nobody can go through all between them, and ends before beginnings.
#[test]
fn ids_that_nobody_gives() {
    let env = capture();
    let mut faults = Vec::new();
    for change in [
        "UPDATE OR REPLACE blocks SET id = -9223372036854775808",
        "UPDATE events SET id = 1 << 60 WHERE id = (SELECT MIN(id) FROM events)",
        "UPDATE batches SET last_id = 0 WHERE first_id = (SELECT MAX(first_id) FROM batches)",
    ] {
        let path = forged(&env, |db| {
            assert!(db.execute(change, []).unwrap() > 0, "{change}");
        });
        let found = ask_all(&env, &path).into_iter();
        faults.extend(found.map(|fault| format!("{change}: {fault}")));
    }
    report(&faults);
}
