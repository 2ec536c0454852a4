//! What recording costs: processor time beside a plain table, size beside plain zstd. `cargo bench --bench ingest`.
//!
//! Flags after `--`: `--events N` and `--rounds N`, `--only TEXT` for the lines with that text in their first words,
//! `--no-time`, `--no-size`, `--encrypt` for encrypted captures, and `--profile`, which only records, for a profiler to watch.

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

use std::path::Path;

use ecq::event::Frame;
use rusqlite::Connection;

use harness::recording::{Cut, FULL_SPEED, TRICKLE};
use harness::reference::Settings;
use harness::{Arguments, Measured, Table, number};
use harness::{recording, reference};
use stand_in::dialect::Dialect;
use stand_in::traffic::Corpus;

const SEED: u64 = 20_261_123;

fn main() {
    let arguments = Arguments::read();
    // A new file has a page for each table and index, which the size of a small one is mostly made of.
    let (events, kept) = (
        arguments.number("--events", 50_000),
        arguments.number("--events", 200_000),
    );
    let rounds = arguments.number("--rounds", 5);
    if arguments.has("--profile") {
        return profile(events, rounds);
    }
    let mut table = Table::default();
    println!(
        "{events} events a round, {kept} for sizes, medians of {rounds} interleaved rounds (min-max)"
    );
    if !arguments.has("--no-time") {
        time(&mut table, events, rounds, arguments.text("--only"));
    }
    if !arguments.has("--no-time") {
        redaction(&mut table, events, rounds, arguments.text("--only"));
    }
    if !arguments.has("--no-size") {
        size(&mut table, kept, arguments.text("--only"));
    }
    table.conclude();
}

/// Nothing but recording.
fn profile(events: usize, rounds: usize) {
    let frames: Vec<Frame> =
        recording::frames(Dialect::Text, SEED, events, Corpus::Realistic).collect();
    for _ in 0..rounds {
        recording::record(
            &harness::file("ingest.db"),
            frames.iter().cloned(),
            FULL_SPEED,
        );
    }
}

/// Ingest, from the bytes of frames to the commit, beside inserting the same into one table without an index.
fn time(table: &mut Table, events: usize, rounds: usize, only: &str) {
    let (db, plain) = (harness::file("ingest.db"), harness::file("plain.db"));
    table.heading("processor time of the writer's thread, commits of 10,000 events or 8 MiB, FULL");
    for (name, dialect, corpus) in [
        ("B, realistic", Dialect::Fields, Corpus::Realistic),
        ("D, realistic", Dialect::Text, Corpus::Realistic),
        ("B, incompressible", Dialect::Fields, Corpus::Incompressible),
        ("D, incompressible", Dialect::Text, Corpus::Incompressible),
        ("B, small", Dialect::Fields, Corpus::Small),
        ("D, small", Dialect::Text, Corpus::Small),
    ] {
        if !name.contains(only) {
            continue;
        }
        let frames: Vec<Frame> = recording::frames(dialect, SEED, events, corpus).collect();
        let batches = recording::batches(&db, &frames, FULL_SPEED);
        let stored = number(batches.iter().map(Vec::len).sum::<usize>() as u64);
        let (mut ours, mut theirs, mut ratios) = <(Measured, Measured, Measured)>::default();
        let (mut intake, mut end, mut defaults) = <(Measured, Measured, Measured)>::default();
        let mut all = Measured::default();
        for _ in 0..rounds {
            let cost = recording::record(&db, frames.iter().cloned(), FULL_SPEED);
            let reference = reference::write(&plain, &batches, Settings::Ours);
            let usual = reference::write(&plain, &batches, Settings::Defaults);
            all.push(harness::ratio(cost.all, reference));
            ours.push(cost.ingest.as_secs_f64() * 1e6 / stored);
            intake.push(cost.intake.as_secs_f64() * 1e6 / stored);
            end.push(cost.end.as_secs_f64() * 1e6 / stored);
            theirs.push(reference.as_secs_f64() * 1e6 / stored);
            ratios.push(harness::ratio(cost.ingest, reference));
            defaults.push(harness::ratio(cost.ingest, usual));
        }
        table.judge(&format!("{name}: ingest / plain table"), &ratios, 1.3, "x");
        table.state(
            &format!("{name}: ingest / plain table, SQLite's defaults"),
            &defaults,
            "x",
        );
        table.state(
            &format!("{name}: ingest on all threads / plain table"),
            &all,
            "x",
        );
        table.state(&format!("{name}: ingest"), &ours, "us/ev");
        table.state(
            &format!("{name}:   of that up to the batch"),
            &intake,
            "us/ev",
        );
        table.state(&format!("{name}:   then, the clean end"), &end, "us/ev");
        table.state(&format!("{name}: plain table"), &theirs, "us/ev");
        table.print();
    }
    harness::remove(&db);
    harness::remove(&plain);
}

/// Recording with `--redact`, beside recording the same without it.
fn redaction(table: &mut Table, events: usize, rounds: usize, only: &str) {
    let db = harness::file("ingest.db");
    table.heading("processor time of the writer's thread with --redact");
    for (name, dialect, corpus) in [
        ("B, realistic", Dialect::Fields, Corpus::Realistic),
        ("D, realistic", Dialect::Text, Corpus::Realistic),
        ("D, small", Dialect::Text, Corpus::Small),
    ] {
        let name = format!("{name}, redacted");
        if !name.contains(only) {
            continue;
        }
        let frames: Vec<Frame> = recording::frames(dialect, SEED, events, corpus).collect();
        let count = number(events as u64);
        let (mut ratios, mut intake, mut redacted) = <(Measured, Measured, Measured)>::default();
        for _ in 0..rounds {
            let plain = recording::record(&db, frames.iter().cloned(), FULL_SPEED);
            let cost = recording::record_redacted(&db, frames.iter().cloned(), FULL_SPEED);
            ratios.push(harness::ratio(cost.ingest, plain.ingest));
            intake.push(harness::ratio(cost.intake, plain.intake));
            redacted.push(cost.ingest.as_secs_f64() * 1e6 / count);
        }
        table.state(&format!("{name}: ingest with / without"), &ratios, "x");
        table.state(
            &format!("{name}:   of that up to the batch, with / without"),
            &intake,
            "x",
        );
        table.state(&format!("{name}: ingest"), &redacted, "us/frame");
        table.print();
    }
    harness::remove(&db);
}

/// The file after a clean end, beside zstd of the same payloads.
fn size(table: &mut Table, events: usize, only: &str) {
    let db = harness::file("size.db");
    table.heading("file after a clean close");
    for (name, corpus) in [
        ("realistic", Corpus::Realistic),
        ("incompressible", Corpus::Incompressible),
    ] {
        for (dialect_name, dialect) in [("B", Dialect::Fields), ("D", Dialect::Text)] {
            for (rate, cut) in [("full speed", FULL_SPEED), ("20 events a commit", TRICKLE)] {
                let name = format!("{dialect_name}, {name}, {rate}");
                if !name.contains(only) {
                    continue;
                }
                measure_size(table, &name, &db, dialect, corpus, cut, events);
            }
        }
    }
    harness::remove(&db);
}

fn measure_size(
    table: &mut Table,
    name: &str,
    db: &Path,
    dialect: Dialect,
    corpus: Corpus,
    cut: Cut,
    events: usize,
) {
    let frames: Vec<Frame> = recording::frames(dialect, SEED, events, corpus).collect();
    let batches = recording::batches(db, &frames, FULL_SPEED);
    let payloads: Vec<&[u8]> = batches
        .iter()
        .flatten()
        .map(|row| row.new.captured.payload.as_ref())
        .collect();
    let stored = number(payloads.len() as u64);
    let raw: usize = payloads.iter().map(|payload| payload.len()).sum();
    let best = zstd_of(&payloads);
    recording::record(db, frames.into_iter(), cut);
    let file_bytes = std::fs::metadata(db).unwrap().len();
    let blocks = Connection::open(db)
        .unwrap()
        .query_row("SELECT SUM(LENGTH(data)) FROM block_data", [], |row| {
            row.get::<_, u64>(0)
        })
        .unwrap();
    let exact = |value| Measured::exact(value);
    table.judge(
        &format!("{name}: file / zstd-3"),
        &exact(number(file_bytes) / number(best)),
        1.25,
        "x",
    );
    table.judge(
        &format!("{name}: beyond payloads"),
        &exact(number(file_bytes - blocks) / stored),
        60.0,
        "B/ev",
    );
    table.state(
        &format!("{name}: blocks / zstd-3"),
        &exact(number(blocks) / number(best)),
        "x",
    );
    table.state(
        &format!("{name}: zstd-3 / raw"),
        &exact(number(best) / number(raw as u64)),
        "x",
    );
    table.print();
}

/// The size of the payloads, one after the other, in blocks of 1 MiB through zstd at level 3.
fn zstd_of(payloads: &[&[u8]]) -> u64 {
    payloads
        .concat()
        .chunks(1 << 20)
        .map(|block| zstd::bulk::compress(block, 3).unwrap().len() as u64)
        .sum()
}
