//! What exchanges cost: to index them behind a recording, to ask the index, and to export them, beside the least that it
//! can be. `cargo bench --bench export`.
//!
//! Flags after `--`: `--exchanges N`, `--large BYTES` (of one body), `--rounds N`, `--mitmdump PROGRAM`, and `--only PART`,
//! which is `index`, `ask`, `export` or `memory`.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints what it measured, and has nobody to report a failure to"
)]

#[path = "../examples/stand_in/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "each program uses a part of it, and cargo sets `test` for a benchmark without its harness"
)]
mod stand_in;

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod harness;

#[path = "export/traffic.rs"]
mod traffic;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ecq::event::{Frame, Opcode, Timestamp, Zone};
use ecq::filter;
use ecq::store::{Order, Reader, Watch, reindex};
use rusqlite::Connection;

use harness::recording::{self, FULL_SPEED};
use harness::{Arguments, Measured, Table, memory, number, process_cpu};
use stand_in::START_NS;
use stand_in::dialect::Dialect;
use stand_in::event::GeneratedEvent;
use stand_in::options::Options;

fn main() {
    let arguments = Arguments::read();
    let exchanges = arguments.number("--exchanges", 100_000) as u64;
    let large = arguments.number("--large", 1 << 30) as u64;
    let rounds = arguments.number("--rounds", 5);
    let mut table = Table::default();
    let db = indexing(&mut table, exchanges, rounds.min(3));
    let only = arguments.text("--only");
    let has = |part| only.is_empty() || only == part;
    if has("ask") {
        asking(&mut table, &db, rounds);
    }
    if has("export") {
        exporting(&mut table, &db, rounds.min(3), arguments.text("--mitmdump"));
    }
    if has("memory") {
        memories(&mut table, &db, large);
    }
    harness::remove(&db);
    table.conclude();
}

/// Frames as the socket reader hands them over.
fn frames(events: impl Iterator<Item = GeneratedEvent>) -> impl Iterator<Item = Frame> {
    let encoder = Options::for_dialect(Dialect::Text).encoder();
    events.filter_map(move |event| {
        let at = START_NS + event.offset_ns;
        let message = encoder.encode(&event, at)?;
        Some(Frame {
            link: 1,
            received: Timestamp::from_nanos(at),
            opcode: Opcode::Binary,
            message: message.bytes,
        })
    })
}

/// What indexing costs beside recording, in processor time of all threads; gives the capture.
fn indexing(table: &mut Table, exchanges: u64, rounds: usize) -> PathBuf {
    let db = harness::file("exchanges.db");
    let frames: Vec<_> = frames(traffic::exchanges(exchanges, 80)).collect();
    let (mut recorded, mut both) = (Measured::default(), Measured::default());
    let mut bytes = Measured::default();
    let mut events = 0;
    for _ in 0..rounds {
        let cost = recording::record(&db, frames.iter().cloned(), FULL_SPEED);
        let size = |path: &Path| number(std::fs::metadata(path).unwrap().len());
        let plain = size(&db);
        let before = process_cpu();
        reindex(&db, None, false, &Watch::default()).unwrap();
        let indexed = process_cpu().saturating_sub(before);
        let without = cost.all + cost.end;
        recorded.push(without.as_secs_f64());
        both.push((without + indexed).as_secs_f64());
        events = frames.len();
        bytes.push((size(&db) - plain) / number(exchanges));
    }
    table.heading(&format!(
        "{exchanges} exchanges in {events} events, 80 % of them HTTP/2"
    ));
    table.judge(
        "recording with the index of exchanges, to recording without",
        &both.over(&recorded),
        2.0,
        "",
    );
    table.state("index, bytes an exchange", &bytes, "B");
    table.print();
    db
}

/// What an answer from the index costs beside reconstructing everything.
fn asking(table: &mut Table, db: &Path, rounds: usize) {
    let text = format!("host == \"{}\" && status >= 500", traffic::RARE_HOST);
    let filter = filter::parse(&text, Timestamp::default(), Zone::Utc).unwrap();
    // A copy whose index is gone is reconstructed by whoever asks.
    let bare = harness::file("exchanges-bare.db");
    std::fs::copy(db, &bare).unwrap();
    Connection::open(&bare)
        .unwrap()
        .execute_batch("DELETE FROM exchange_progress")
        .unwrap();
    let ask = |path: &Path| -> (usize, Duration) {
        let began = Instant::now();
        let reader = Reader::open(path).unwrap();
        reader.prepare_exchanges().unwrap();
        let mut found = reader
            .exchanges(Some(&filter), Order::NewestFirst, None)
            .unwrap();
        let mut count = 0;
        while found.next_exchange().unwrap().is_some() {
            count += 1;
        }
        (count, began.elapsed())
    };
    let (mut quick, mut slow) = (Measured::default(), Measured::default());
    for _ in 0..rounds {
        let (count, elapsed) = ask(db);
        quick.push(elapsed.as_secs_f64());
        let (all, whole) = ask(&bare);
        slow.push(whole.as_secs_f64());
        assert!(count > 0 && count == all, "{count} of {all}");
    }
    table.heading(&format!("`{text}` over the whole file"));
    table.judge_at_least(
        "reconstructing everything, to the index",
        &slow.over(&quick),
        50.0,
        "",
    );
    let millis = Measured::exact(quick.median() * 1000.0);
    table.state("from the index", &millis, "ms");
    table.print();
    harness::remove(&bare);
}

fn query(db: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecq-query"));
    command.arg("--db").arg(db);
    command
}

/// The speed of each export beside that of decompressing the same payloads.
fn exporting(table: &mut Table, db: &Path, rounds: usize, mitmdump: &str) {
    let raw = payload_bytes(db);
    let har = harness::file("exchanges.har");
    let run = |command: &mut Command| {
        let began = Instant::now();
        let status = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{command:?}");
        began.elapsed()
    };
    let speed = |elapsed: Duration| number(raw) / 1e6 / elapsed.as_secs_f64();
    let formats = ["raw", "jsonl", "csv", "har", "pcapng", "parquet", "curl"];
    let mut speeds = vec![Measured::default(); formats.len()];
    let mut limit = Measured::default();
    let mut theirs = Measured::default();
    for _ in 0..rounds {
        limit.push(speed(decompress(db)));
        for (format, measured) in formats.iter().zip(&mut speeds) {
            let mut command = query(db);
            command.args(["export", format]);
            if *format != "pcapng" {
                command.arg("--exchanges");
            }
            measured.push(speed(run(&mut command)));
        }
        if !mitmdump.is_empty() {
            std::fs::remove_file(&har).ok();
            run(query(db).args(["export", "har", "--output"]).arg(&har));
            theirs.push(speed(run(Command::new(mitmdump)
                .arg("-nr")
                .arg(&har)
                .args(["--set", "hardump=/dev/null"]))));
        }
    }
    table.heading(&format!(
        "export of {:.0} MB of payloads, elapsed",
        number(raw) / 1e6
    ));
    table.state("decompressing the payloads", &limit, "MB/s");
    for (format, measured) in formats.iter().zip(&speeds) {
        table.state(&format!("export {format}"), measured, "MB/s");
    }
    if mitmdump.is_empty() {
        table.heading("  mitmdump was not named");
    } else {
        table.state("mitmdump from HAR to HAR", &theirs, "MB/s");
    }
    table.print();
    std::fs::remove_file(&har).ok();
}

fn payload_bytes(db: &Path) -> u64 {
    Connection::open(db)
        .unwrap()
        .query_row("SELECT SUM(payload_bytes) FROM events", [], |row| {
            row.get(0)
        })
        .unwrap()
}

/// How long it takes to decompress all blocks.
fn decompress(db: &Path) -> Duration {
    let db = Connection::open(db).unwrap();
    let mut statement = db
        .prepare("SELECT d.data, b.codec, b.raw_bytes FROM blocks AS b JOIN block_data AS d ON d.id = b.id")
        .unwrap();
    let began = Instant::now();
    let mut rows = statement.query([]).unwrap();
    let mut total = 0;
    while let Some(row) = rows.next().unwrap() {
        let data = row.get_ref(0).unwrap().as_blob().unwrap();
        if row.get::<_, u8>(1).unwrap() == 1 {
            total += zstd::bulk::decompress(data, row.get(2).unwrap())
                .unwrap()
                .len();
        }
    }
    assert!(total > 0);
    began.elapsed()
}

/// The peak memory of exports of many exchanges, and of one large body.
fn memories(table: &mut Table, db: &Path, large: u64) {
    table.heading("peak memory");
    let formats = ["har", "pcapng", "jsonl", "csv", "parquet", "raw", "curl"];
    for format in formats {
        let peak = memory::peak_of(query(db).args(["export", format]));
        table.judge(
            &format!("export {format}, many exchanges"),
            &Measured::exact(peak),
            64.0,
            "MiB",
        );
    }
    let big = harness::file("large-body.db");
    recording::record(&big, frames(traffic::large_body(large)), FULL_SPEED);
    reindex(&big, None, false, &Watch::default()).unwrap();
    for format in formats {
        let peak = memory::peak_of(query(&big).args(["export", format, "--exchanges"]));
        table.judge(
            &format!("export {format}, a body of {} MiB", large >> 20),
            &Measured::exact(peak),
            64.0,
            "MiB",
        );
    }
    table.print();
    harness::remove(&big);
}
