//! Tables, views and indexes that are others than those of a capture.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{CHANGES, QUESTIONS, ask, ask_all, capture, change, forged, report};
use crate::support::env::TestEnv;
use crate::support::long::{is_long, seed, short_or_long};
use crate::support::numbers::Numbers;

/// Rows without an end.
const ENDLESS: &str = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)";

fn texts(db: &Connection, sql: &str) -> Vec<String> {
    db.prepare(sql)
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// Gives a table another definition, its rows as they are.
fn redefine(db: &Connection, table: &str, change: impl FnOnce(String) -> String) {
    let sql = "SELECT sql FROM sqlite_schema WHERE name = ?1";
    let before: String = db.query_row(sql, [table], |row| row.get(0)).unwrap();
    let after = change(before.clone());
    assert_ne!(after, before, "{table}");
    db.execute(
        "UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1",
        params![table, after],
    )
    .unwrap();
}

/// Asks some questions, or all in the long form; what is wrong, with what was done to the file.
fn ask_some(env: &TestEnv, db: &Path, lots: &mut Numbers, what: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if is_long() {
        faults = ask_all(env, db);
    } else {
        for _ in 0..2 {
            faults.extend(ask(env, db, lots.pick(QUESTIONS)).err());
        }
        faults.extend(change(env, db, lots.pick(CHANGES)).err());
    }
    faults
        .iter()
        .map(|fault| format!("{what}: {fault}"))
        .collect()
}

#[test]
fn a_view_in_place_of_a_table() {
    let env = capture();
    let mut lots = Numbers::new(seed("views"));
    let tables = texts(
        &Connection::open(env.db()).unwrap(),
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
    );
    let mut faults = Vec::new();
    for table in tables {
        // A part of them, as each takes a while.
        if lots.below(short_or_long(4, 1)) > 0 {
            continue;
        }
        let path = forged(&env, |db| {
            let columns = texts(
                db,
                &format!("SELECT name FROM pragma_table_info('{table}')"),
            );
            let columns: Vec<_> = columns.iter().map(|name| format!("x AS {name}")).collect();
            db.execute_batch(&format!(
                "DROP TABLE {table}; CREATE VIEW {table} AS {ENDLESS} SELECT {} FROM n",
                columns.join(", ")
            ))
            .unwrap();
        });
        for question in [["--events", "-n", "5"].as_slice(), &["stats"], &["verify"]] {
            faults.extend(ask(&env, &path, question).err());
        }
        faults.extend(ask_some(&env, &path, &mut lots, &table));
    }
    report(&faults);
}

/// Forges a capture in one way after the other, and asks about each.
struct Forge {
    env: TestEnv,
    lots: Numbers,
    faults: Vec<String>,
}

impl Forge {
    fn new(what: &str) -> Self {
        Self {
            env: capture(),
            lots: Numbers::new(seed(what)),
            faults: Vec::new(),
        }
    }

    fn check(&mut self, what: &str, forge: &dyn Fn(&Connection)) {
        let path = forged(&self.env, forge);
        let through_all = [
            ["--events", "-n", "5"].as_slice(),
            &["stats"],
            &["verify"],
            &["salvage", "-o", "FILE"],
        ];
        for question in through_all {
            let fault = ask(&self.env, &path, question).err();
            self.faults
                .extend(fault.map(|fault| format!("{what}: {fault}")));
        }
        let faults = ask_some(&self.env, &path, &mut self.lots, what);
        self.faults.extend(faults);
    }
}

#[test]
fn columns_that_compute() {
    let mut forge = Forge::new("columns_that_compute");
    forge.check("a generated column", &|db| {
        redefine(db, "paths", |sql| {
            sql.replace("path TEXT", "path TEXT AS (hex(zeroblob(1 << 20)))")
        });
    });
    forge.check("a costly check", &|db| {
        redefine(db, "paths", |sql| {
            sql.replace("path TEXT", "path TEXT CHECK (length(hex(zeroblob(900000000))) > 0 AND length(hex(randomblob(900000000))) > 0)")
        });
    });
    forge.check("an order that nobody knows", &|db| {
        redefine(db, "processes", |sql| {
            sql.replace("pname TEXT", "pname TEXT COLLATE nowhere")
        });
    });
    forge.check("a function that nobody knows", &|db| {
        redefine(db, "heads", |sql| {
            sql.replace("host TEXT", "host TEXT AS (nowhere(1))")
        });
    });
    forge.check("a library", &|db| {
        redefine(db, "heads", |sql| {
            sql.replace("host TEXT", "host TEXT AS (load_extension('/tmp/x'))")
        });
    });
    report(&forge.faults);
}

#[test]
fn tables_of_other_kinds() {
    let mut forge = Forge::new("tables_of_other_kinds");
    for module in ["nowhere", "fts3", "fts5", "rtree", "dbstat", "csv"] {
        forge.check(module, &|db| {
            db.execute_batch("DROP TABLE paths").unwrap();
            db.execute(
                "INSERT INTO sqlite_schema VALUES ('table', 'paths', 'paths', 0, ?1)",
                [format!(
                    "CREATE VIRTUAL TABLE paths USING {module}(id, path)"
                )],
            )
            .unwrap();
        });
    }
    report(&forge.faults);
}

#[test]
fn triggers_views_and_names() {
    let mut forge = Forge::new("triggers_views_and_names");
    let endless = format!("({ENDLESS} SELECT COUNT(*) FROM n)");
    forge.check("triggers", &|db| {
        for table in [
            "events",
            "blocks",
            "grams",
            "exchanges",
            "removals",
            "batches",
        ] {
            for on in ["INSERT", "DELETE", "UPDATE"] {
                db.execute_batch(&format!(
                    "CREATE TRIGGER {table}_{on} BEFORE {on} ON {table} BEGIN SELECT {endless}; END"
                ))
                .unwrap();
            }
        }
    });
    forge.check("views of views", &|db| {
        db.execute_batch("DROP VIEW event_list; CREATE VIEW v0 AS SELECT 1 AS x")
            .unwrap();
        for number in 1..40 {
            let before = number - 1;
            db.execute_batch(&format!(
                "CREATE VIEW v{number} AS SELECT x FROM v{before} UNION ALL SELECT x FROM v{before}"
            ))
            .unwrap();
        }
        db.execute_batch("CREATE VIEW event_list AS SELECT x FROM v39")
            .unwrap();
    });
    forge.check("names that are no names", &|db| {
        db.execute_batch("CREATE TABLE \"\x1b]0;title\x07\x1b[2J\" (a TEXT NOT NULL);")
            .unwrap();
        db.execute_batch("CREATE INDEX \"\x1b[31mred\" ON events (payload_bytes)")
            .unwrap();
        let root: i64 = db
            .query_row(
                "SELECT rootpage FROM sqlite_schema WHERE name = 'events'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        db.execute(
            "UPDATE sqlite_schema SET rootpage = ?1 WHERE name LIKE '%title%' OR name LIKE '%red'",
            [root],
        )
        .unwrap();
    });
    report(&forge.faults);
}

#[test]
fn indexes_and_numbers() {
    let mut forge = Forge::new("indexes_and_numbers");
    forge.check("indexes on what is costly", &|db| {
        db.execute(
            "UPDATE sqlite_schema SET sql = 'CREATE INDEX spans_min ON spans (abs(hex(zeroblob(100000000))))'
             WHERE type = 'index' AND tbl_name = 'spans' AND sql IS NOT NULL",
            [],
        )
        .unwrap();
    });
    forge.check("statistics", &|db| {
        db.execute_batch(
            "UPDATE sqlite_stat1 SET stat = '-1 9223372036854775807 unordered noskipscan sz=-5 x y z';
             INSERT INTO sqlite_stat1 VALUES ('events', NULL, zeroblob(3000000)), (NULL, NULL, NULL), ('nowhere', 'x', '1');
             INSERT INTO sqlite_stat4 SELECT tbl, idx, '1 1', '1 1', '-1', x'ffffffff00ff' FROM sqlite_stat1",
        )
        .unwrap();
    });
    forge.check("many tables", &|db| {
        db.execute_batch("BEGIN").unwrap();
        for number in 0..5000 {
            db.execute(
                "INSERT INTO sqlite_schema VALUES ('table', ?1, ?1, 3, ?2)",
                params![
                    format!("t{number}"),
                    format!("CREATE TABLE t{number} (a, b, c)")
                ],
            )
            .unwrap();
        }
        db.execute_batch("COMMIT").unwrap();
    });
    forge.check("no tables", &|db| {
        for kind in ["view", "table"] {
            for name in texts(
                db,
                &format!(
                    "SELECT name FROM sqlite_schema WHERE type = '{kind}' AND name NOT LIKE 'sqlite%'"
                ),
            ) {
                db.execute_batch(&format!("DROP {kind} {name}")).unwrap();
            }
        }
    });
    forge.check("no indexes", &|db| {
        for name in texts(
            db,
            "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL",
        ) {
            db.execute_batch(&format!("DROP INDEX {name}")).unwrap();
        }
    });
    for version in [1, 2, 3] {
        forge.check("a version that it is not", &|db| {
            db.pragma_update(None, "user_version", version).unwrap();
        });
    }
    forge.check("text in UTF-16", &|db| {
        // The header says so; the text is as it was. SQLite's file format, section 1.3.13.
        let path = db.path().unwrap().to_owned();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[56..60].copy_from_slice(&2_u32.to_be_bytes());
        std::fs::write(&path, bytes).unwrap();
    });
    report(&forge.faults);
}
