//! A capture that somebody made by hand, to be opened by somebody else: whatever is in it, `ecq-query` ends by itself, in
//! words, with little memory, and writes nowhere.

mod following;
mod places;
mod schema;
mod trees;
mod values;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tempfile::TempDir;

use crate::support::bounded::run_bounded;
use crate::support::env::{QUERY, Run, TestEnv};
use crate::support::folder::{contents, names};
use crate::support::frames::data;

/// What only reads, with `FILE` for a file that may be made.
const QUESTIONS: &[&[&str]] = &[
    &["--events", "-n", "all"],
    &["--events", "-n", "all", "-r", "-o", "jsonl"],
    &[
        "--events",
        "-n",
        "all",
        "--grep",
        "hello|e[a-z]+x",
        "--coverage",
    ],
    &["-n", "all", "--fixed", "--grep", "HTTP/1.1"],
    &["-n", "all", "--hex", "48545450"],
    &[
        "pname == \"curl\" || host contains \"e\" || payload contains \"GET\"",
        "--events",
        "-n",
        "all",
    ],
    &["--exchanges", "-n", "all"],
    &[
        "--exchanges",
        "-n",
        "all",
        "-o",
        "jsonl",
        "--sort",
        "-elapsed",
    ],
    &[
        "--exchanges",
        "--header",
        "host: e",
        "--status",
        "2xx",
        "-n",
        "all",
    ],
    &["--events", "--sort", "-length", "-n", "20"],
    &["--count"],
    &["--count", "body contains \"e\""],
    &["--top", "pname,host"],
    &["--field", "path"],
    &["--histogram", "1h"],
    &["--explain", "host == \"a\" && payload contains \"hello\""],
    &["--conn", "3"],
    &["--since", "1971-01-01", "--until", "2100-01-01", "-n", "5"],
    &["first-seen", "--since", "1980-01-01"],
    &["show", "9"],
    &["show", "x2"],
    &["show", "x2", "--raw"],
    &["show", "9", "--raw"],
    &["follow-stream", "3"],
    &["follow-stream", "3", "--events"],
    &["follow-stream", "3", "--raw", "in"],
    &["stats"],
    &["stats", "-o", "jsonl"],
    &["export", "jsonl", "--events"],
    &["export", "csv", "--events"],
    &["export", "jsonl", "--exchanges"],
    &["export", "csv", "--exchanges"],
    &["export", "har"],
    &["export", "pcapng"],
    &["export", "curl"],
    &["export", "raw"],
    &["export", "parquet", "--events", "-o", "FILE"],
    &["export", "parquet", "--exchanges", "-o", "FILE"],
    &["export", "db", "--pname", "*", "-o", "FILE"],
    &["export", "--extract", "FILE"],
    &["verify"],
    &["verify", "-o", "jsonl"],
    &["salvage", "-o", "FILE"],
    &["prune", "--keep", "1d"],
    &[
        "prune",
        "--max-size",
        "100k",
        "--keep-where",
        "pname == \"curl\"=9d",
    ],
    &["sql", "SELECT * FROM packets", "--timeout", "5s"],
    &["sql", "SELECT * FROM event_list", "--timeout", "5s"],
    &["sql", "SELECT * FROM exchange_list", "--timeout", "5s"],
    &["sql", "payload_utf8 LIKE '%e%'", "--timeout", "5s"],
];

/// What writes to the capture, and is asked to.
const CHANGES: &[&[&str]] = &[
    &["reindex"],
    &["reindex", "--rebuild"],
    &["prune", "--keep", "1d", "--yes"],
    &["prune", "--max-size", "100k", "--yes"],
];

/// A capture with something in most of its tables.
fn capture() -> TestEnv {
    let env = TestEnv::new();
    fs::create_dir(env.path("forged")).unwrap();
    for mode in ["text", "hex"] {
        env.import::<&str>(&data(&format!("real/ecapture-2.5.1-{mode}.frames")), []);
    }
    env
}

/// What asks a question of a capture, and the folder for what is made by that.
fn asking(env: &TestEnv, db: &Path, question: &[&str]) -> (TempDir, Command) {
    let made = tempfile::tempdir_in(env.path("")).unwrap();
    let file = made.path().join("made");
    let args = question.iter().map(|arg| match *arg {
        "FILE" => file.as_os_str(),
        other => other.as_ref(),
    });
    let mut command = env.command(QUERY, args);
    command.arg("--db").arg(db);
    (made, command)
}

/// Asks one question of the capture of a place. What is wrong with the answer.
fn ask(env: &TestEnv, db: &Path, question: &[&str]) -> Result<Run, String> {
    let folder = db.parent().unwrap();
    let before = contents(folder);
    let (_made, command) = asking(env, db, question);
    let run = run_bounded(command)?;
    let story = |what: &str| Err(format!("{what}\n{}", run.story()));
    if contents(folder) != before {
        return story("the folder of the capture is another one");
    }
    if !names(&env.path("tmp")).is_empty() || !names(&env.path("home")).is_empty() {
        return story("something is left behind");
    }
    if run.stdout.contains(&0x1b) && !writes_bytes(question) || run.stderr.contains('\x1b') {
        return story("something reaches the terminal as it is");
    }
    Ok(run)
}

/// Whether a question is for bytes as they were captured. All others are escaped, also in a file: JSON and CSV have their
/// own ways.
fn writes_bytes(question: &[&str]) -> bool {
    ["--raw", "csv", "pcapng", "raw", "curl"]
        .iter()
        .any(|word| question.contains(word))
}

/// Asks to change a copy of a capture, which may do so in that file alone.
fn change(env: &TestEnv, db: &Path, request: &[&str]) -> Result<Run, String> {
    let folder = tempfile::tempdir_in(env.path("")).unwrap();
    let copy = folder.path().join("copy.db");
    fs::copy(db, &copy).unwrap();
    let before = contents(db.parent().unwrap());
    let mut command = env.command(QUERY, request);
    command.arg("--db").arg(&copy);
    let run = run_bounded(command)?;
    let story = |what: &str| Err(format!("{what}\n{}", run.story()));
    if contents(db.parent().unwrap()) != before || !names(&env.path("tmp")).is_empty() {
        return story("something else is changed");
    }
    let is_own = |name: &String| ["copy.db", "copy.db-wal", "copy.db-shm"].contains(&name.as_str());
    if !names(folder.path()).iter().all(is_own) {
        return story("something else is written");
    }
    Ok(run)
}

/// Asks all questions and all changes; what is wrong.
fn ask_all(env: &TestEnv, db: &Path) -> Vec<String> {
    let asked = QUESTIONS.iter().map(|question| ask(env, db, question));
    let changed = CHANGES.iter().map(|request| change(env, db, request));
    asked.chain(changed).filter_map(Result::err).collect()
}

/// A copy of a capture, which is changed.
fn forged(env: &TestEnv, forge: impl FnOnce(&Connection)) -> PathBuf {
    let path = env.path("forged/forged.db");
    fs::copy(env.db(), &path).unwrap();
    let db = Connection::open(&path).unwrap();
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, true)
        .unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
        .unwrap();
    forge(&db);
    drop(db);
    path
}

/// Says all that is wrong, if anything is.
#[track_caller]
fn report(faults: &[String]) {
    let shown: Vec<_> = faults.iter().take(20).map(String::as_str).collect();
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        shown.join("\n\n")
    );
}
