//! What one would do without ecq: the same two questions to other tools, about the same events.
//!
//! They answer less: what a compressed body holds, and what is split over two events, they do not find.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use ecq::event::Frame;
use rusqlite::Connection;

use crate::harness::recording::{self, FULL_SPEED};
use crate::harness::reference::{self, Settings};
use crate::harness::{self, Measured, Table};
use crate::search::{self, WORD};

/// How often each is asked. Some take long.
const ROUNDS: usize = 3;

/// The process whose events are counted.
const PNAME: &str = "curl";

/// The files that the tools read.
struct Files {
    db: PathBuf,
    jsonl: PathBuf,
    parquet: PathBuf,
    plain: PathBuf,
}

/// Asks ecq and the others, in turns.
pub(crate) fn measure(table: &mut Table, events: usize, python: &str, rebuild: bool) {
    let python = if python.is_empty() { "python3" } else { python };
    let files = Files {
        db: search::plain(events, rebuild),
        jsonl: harness::file(&format!("search-{events}.jsonl.zst")),
        parquet: harness::file(&format!("search-{events}.parquet")),
        plain: harness::file(&format!("search-{events}-plain.db")),
    };
    let has_rg = runs(Command::new("rg").arg("--version"));
    let has_jq = runs(Command::new("jq").arg("--version"));
    let has_duckdb = runs(Command::new(python).args(["-c", "import duckdb"]));
    make(&files, events, has_duckdb.then_some(python), rebuild);
    table.heading(&format!(
        "{events} events of realistic traffic, elapsed time beside other tools"
    ));
    for (found, name) in [
        (has_rg, "rg (grep stands in)"),
        (has_jq, "jq"),
        (has_duckdb, "duckdb for Python"),
    ] {
        if !found {
            table.heading(&format!("  {name} is missing"));
        }
    }
    for (question, is_search) in [
        ("find an absent word", true),
        ("count the events of a process", false),
    ] {
        let ours = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_ecq-query"));
            command.arg("--db").arg(&files.db).arg("--count");
            if is_search {
                command.args(["--fixed", "--grep", WORD]);
            } else {
                command.args(["--pname", PNAME]);
            }
            elapsed(&mut command)
        };
        let text = if is_search {
            WORD.to_owned()
        } else {
            format!("\"pname\":\"{PNAME}\"")
        };
        let grep = if has_rg { "rg" } else { "grep" };
        let mut ways: Vec<Way<'_>> = vec![
            ("ecq-query", Box::new(ours)),
            (
                if has_rg {
                    "zstdcat | rg -c"
                } else {
                    "zstdcat | grep -c"
                },
                Box::new(|| piped(&files.jsonl, &[grep, "-c", "-F", &text])),
            ),
        ];
        if has_jq {
            let filter = if is_search {
                format!("select(tostring | contains(\"{WORD}\"))")
            } else {
                format!("select(.pname == \"{PNAME}\")")
            };
            ways.push((
                "zstdcat | jq",
                Box::new({
                    let jsonl = &files.jsonl;
                    move || piped(jsonl, &["jq", "-c", &filter])
                }),
            ));
        }
        if has_duckdb {
            ways.push((
                "duckdb over Parquet (zstd), without its start",
                Box::new(|| duckdb(python, &files.parquet, is_search)),
            ));
        }
        ways.push((
            "SQLite over one table without an index",
            Box::new(|| sqlite(&files.plain, is_search)),
        ));
        ask(table, question, &mut ways);
    }
    table.print();
}

type Way<'a> = (&'a str, Box<dyn FnMut() -> Duration + 'a>);

fn ask(table: &mut Table, question: &str, ways: &mut [Way<'_>]) {
    let mut times = vec![Measured::default(); ways.len()];
    for _ in 0..ROUNDS {
        for ((_, way), times) in ways.iter_mut().zip(&mut times) {
            times.push(way().as_secs_f64() * 1e3);
        }
    }
    let Some((ours, others)) = times.split_first() else {
        return;
    };
    table.state(&format!("{question}: ecq-query"), ours, "ms");
    for ((name, _), times) in ways.iter().skip(1).zip(others) {
        table.state(&format!("  {name}"), times, "ms");
        table.state("    / ecq-query", &times.over(ours), "x");
    }
}

/// Makes the files that are not there.
fn make(files: &Files, events: usize, duckdb: Option<&str>, rebuild: bool) {
    let lacks = |path: &Path| rebuild || !path.exists();
    if lacks(&files.jsonl) {
        let script = "\"$0\" --db \"$1\" -n all -r -q -o jsonl | zstd -q -3 -f -o \"$2.part\" && mv \"$2.part\" \"$2\"";
        let mut command = Command::new("sh");
        command
            .args(["-c", script, env!("CARGO_BIN_EXE_ecq-query")])
            .args([&files.db, &files.jsonl]);
        assert!(runs(&mut command), "zstd is there");
    }
    if let Some(python) = duckdb.filter(|_| lacks(&files.parquet)) {
        let script = "import duckdb, sys, os
duckdb.sql(f\"COPY (SELECT * FROM read_json_auto('{sys.argv[1]}', format='newline_delimited', maximum_object_size=67108864)) TO '{sys.argv[2]}.part' (FORMAT parquet, COMPRESSION zstd)\")
os.rename(sys.argv[2] + '.part', sys.argv[2])";
        let mut command = Command::new(python);
        command
            .args(["-c", script])
            .args([&files.jsonl, &files.parquet]);
        assert!(runs(&mut command), "DuckDB reads the events");
    }
    if lacks(&files.plain) {
        let frames: Vec<Frame> = search::plain_frames(events).collect();
        let part = harness::file("part.db");
        let batches = recording::batches(&part, &frames, FULL_SPEED);
        harness::remove(&part);
        reference::write(&part, &batches, Settings::Ours);
        std::fs::rename(&part, &files.plain).unwrap();
    }
}

/// Whether a program is there and succeeds.
fn runs(command: &mut Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn elapsed(command: &mut Command) -> Duration {
    let began = Instant::now();
    let output = command.stderr(Stdio::null()).output().unwrap();
    let time = began.elapsed();
    check(&output, command);
    time
}

/// 1 says that nothing was found.
fn check(output: &Output, command: &Command) {
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)), "{command:?} fails");
}

/// The events, decompressed by another program, through a tool.
fn piped(jsonl: &Path, tool: &[&str]) -> Duration {
    let began = Instant::now();
    let mut cat = Command::new("zstdcat")
        .arg(jsonl)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (program, arguments) = tool.split_first().unwrap();
    let mut command = Command::new(program);
    command.args(arguments).stdin(cat.stdout.take().unwrap());
    let output = command.output().unwrap();
    cat.wait().unwrap();
    let time = began.elapsed();
    check(&output, &command);
    time
}

/// The time that the query says that it took: the start of Python is not that of the query.
fn duckdb(python: &str, parquet: &Path, is_search: bool) -> Duration {
    let condition = if is_search {
        format!("contains(CAST(e AS VARCHAR), '{WORD}')")
    } else {
        format!("pname = '{PNAME}'")
    };
    let script = format!(
        "import duckdb, sys, time
began = time.perf_counter()
duckdb.sql(f\"SELECT count(*) FROM '{{sys.argv[1]}}' AS e WHERE {condition}\").fetchall()
print(time.perf_counter() - began)"
    );
    let output = Command::new(python)
        .args(["-c", &script])
        .arg(parquet)
        .output()
        .unwrap();
    if !output.status.success() {
        std::io::stderr().write_all(&output.stderr).unwrap();
    }
    // It can draw a bar of its progress first.
    let text = String::from_utf8_lossy(&output.stdout);
    let seconds = text.split_whitespace().next_back().unwrap_or_default();
    Duration::from_secs_f64(seconds.parse().unwrap())
}

fn sqlite(plain: &Path, is_search: bool) -> Duration {
    let (sql, value) = if is_search {
        (
            "SELECT COUNT(*) FROM event WHERE instr(payload, CAST(?1 AS BLOB)) > 0",
            WORD,
        )
    } else {
        ("SELECT COUNT(*) FROM event WHERE pname = ?1", PNAME)
    };
    let began = Instant::now();
    let db = Connection::open(plain).unwrap();
    let count: i64 = db.query_row(sql, [value], |row| row.get(0)).unwrap();
    assert_eq!(count == 0, is_search, "the process has events");
    began.elapsed()
}
