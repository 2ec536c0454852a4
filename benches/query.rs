//! What asking costs, beside fetching the same rows by their key, and how that grows; what searching costs, beside the
//! least that it can; what a check of all of it costs; and what other tools need for the same. `cargo bench --bench query`.
//!
//! The captures that are asked are made once and kept in cargo's target folder. Flags after `--`: `--small N` and
//! `--large N` events (`--full` stands for 1 and 10 million), `--searched N` events for the search, `--rounds N`,
//! `--rebuild`, `--no-rows`, `--no-search`, `--no-memory`, `--no-others`, `--python PROGRAM` with the module `duckdb`.

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

#[path = "query/others.rs"]
mod others;
#[path = "query/peaks.rs"]
mod peaks;
#[path = "query/search.rs"]
mod search;
#[path = "query/verify.rs"]
mod verify;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ecq::event::{EventId, StoredEvent};
use ecq::filter::{AddressPattern, Expr, flags};
use ecq::render::table::FIRST_LINE_BYTES;
use ecq::store::{Order, Reader};
use rusqlite::Connection;

use harness::recording::{self, FULL_SPEED};
use harness::reference::{self, Settings};
use harness::{Arguments, Measured, Table, number};
use stand_in::dialect::Dialect;
use stand_in::traffic::Corpus;

const SEED: u64 = 20_261_124;

/// A search of all payloads takes longer than a list.
const SEARCH_ROUNDS: usize = 7;

/// As `ecq-query` lists without `-n`: one more than is shown.
const SHOWN: usize = 50;

/// How many connections are asked for.
const CONNECTIONS: i64 = 20;

/// The size of the plain table; a fetch by key does not depend on it.
const PLAIN_EVENTS: usize = 100_000;

fn main() {
    let arguments = Arguments::read();
    let full = arguments.has("--full");
    let small = arguments.number("--small", if full { 1_000_000 } else { 200_000 });
    let large = arguments.number("--large", if full { 10_000_000 } else { 2_000_000 });
    let rounds = arguments.number("--rounds", 15);
    let rebuild = arguments.has("--rebuild");
    let searched = arguments.number("--searched", if full { 1_000_000 } else { 200_000 });
    let mut table = Table::default();
    if !arguments.has("--no-search") {
        let rounds = rounds.min(SEARCH_ROUNDS);
        search::measure(&mut table, searched, rounds, rebuild);
        verify::measure(&mut table, &search::plain(searched, false), rounds);
    }
    if !arguments.has("--no-others") {
        let python = arguments.text("--python");
        others::measure(&mut table, searched, python, rebuild);
    }
    if !arguments.has("--no-rows") {
        rows(&mut table, [small, large], rounds, rebuild);
    }
    if !arguments.has("--no-memory") {
        peaks::queries(&mut table, &capture(large, rebuild));
        peaks::recorders(&mut table);
    }
    table.conclude();
}

/// Rows by time and by connection, and how their cost grows with the capture.
fn rows(table: &mut Table, sizes: [usize; 2], rounds: usize, rebuild: bool) {
    let [small, large] = sizes;
    let paths = sizes.map(|events| capture(events, rebuild));
    let plain = plain_table(rebuild);
    println!(
        "{small} and {large} small events, processor time, medians of {rounds} interleaved rounds (min-max)"
    );
    let mut before: Option<Medians> = None;
    for (path, events) in paths.iter().zip(sizes) {
        table.heading(&format!("{events} events"));
        let medians = ask(table, path, &plain, rounds);
        if let Some(before) = before {
            table.heading(&format!("from {small} to {events} events"));
            for (name, now, then) in [
                ("newest 50", medians.newest, before.newest),
                ("exact 5-tuple", medians.tuple, before.tuple),
            ] {
                let growth = Measured::exact(now / then);
                table.judge(&format!("{name}: growth"), &growth, 1.5, "x");
            }
            let growth = Measured::exact(medians.pname / before.pname);
            table.state("newest 50 of a process name: growth", &growth, "x");
        }
        before = Some(medians);
        table.print();
    }
}

/// A capture of so many small events.
fn capture(events: usize, rebuild: bool) -> PathBuf {
    let path = harness::file(&format!("small-{events}.db"));
    if rebuild || !path.exists() {
        let part = harness::file("part.db");
        let frames = recording::frames(Dialect::Fields, SEED, events, Corpus::Small);
        let began = Instant::now();
        recording::record(&part, frames, FULL_SPEED);
        std::fs::rename(&part, &path).unwrap();
        println!("made {} in {:.0?}", path.display(), began.elapsed());
    }
    path
}

/// The events of a plain table.
fn plain_table(rebuild: bool) -> PathBuf {
    let path = harness::file("plain-small.db");
    if rebuild || !path.exists() {
        let part = harness::file("part.db");
        let frames: Vec<_> =
            recording::frames(Dialect::Fields, SEED, PLAIN_EVENTS, Corpus::Small).collect();
        let batches = recording::batches(&part, &frames, FULL_SPEED);
        reference::write(&path, &batches, Settings::Ours);
        harness::remove(&part);
    }
    path
}

/// Times in microseconds.
#[derive(Debug, Clone, Copy)]
struct Medians {
    newest: f64,
    tuple: f64,
    pname: f64,
}

/// Asks the capture at `path`, each time as a program that has just opened it.
fn ask(table: &mut Table, path: &Path, plain: &Path, rounds: usize) -> Medians {
    let tuples = tuples(path);
    let named = flags::pname_glob(&["curl"]).unwrap();
    let (mut newest, mut newest_key, mut newest_plain) =
        <(Measured, Measured, Measured)>::default();
    let (mut tuple, mut tuple_key, mut tuple_plain) = <(Measured, Measured, Measured)>::default();
    let mut pname = Measured::default();
    let mut rows = 0;
    for _ in 0..rounds {
        let (ids, cost) = fresh(path, |reader| list(reader, None));
        newest.push(micros(cost));
        let ((), cost) = fresh(path, |reader| by_key(reader, &ids));
        newest_key.push(micros(cost));
        newest_plain.push(micros(reference::fetch(plain, &spread(ids.len())).1));

        let mut total = [Duration::ZERO; 3];
        let mut found = 0;
        for selection in &tuples {
            let (ids, cost) = fresh(path, |reader| whole(reader, selection));
            found += ids.len();
            let ((), cost_key) = fresh(path, |reader| by_key(reader, &ids));
            let (_, cost_plain) = reference::fetch(plain, &spread(ids.len()));
            for (total, cost) in total.iter_mut().zip([cost, cost_key, cost_plain]) {
                *total += cost;
            }
        }
        rows = found;
        let [a, b, c] = total.map(|total| micros(total) / number(tuples.len() as u64));
        tuple.push(a);
        tuple_key.push(b);
        tuple_plain.push(c);

        pname.push(micros(fresh(path, |reader| list(reader, Some(&named))).1));
    }
    table.judge(
        "newest 50 / the same by key",
        &newest.over(&newest_key),
        3.0,
        "x",
    );
    table.state("newest 50", &newest, "us");
    table.state("  the same rows and payloads by key", &newest_key, "us");
    table.state(
        "  as many rows by key from a plain table",
        &newest_plain,
        "us",
    );
    table.judge(
        "exact 5-tuple / the same by key",
        &tuple.over(&tuple_key),
        5.0,
        "x",
    );
    table.state("exact 5-tuple", &tuple, "us");
    table.state(
        "  rows each",
        &Measured::exact(number(rows as u64) / number(tuples.len() as u64)),
        "",
    );
    table.state("  the same rows and payloads by key", &tuple_key, "us");
    table.state(
        "  as many rows by key from a plain table",
        &tuple_plain,
        "us",
    );
    table.state("newest 50 of a process name", &pname, "us");
    Medians {
        newest: newest.median(),
        tuple: tuple.median(),
        pname: pname.median(),
    }
}

/// Opens the capture, and then times `work`.
fn fresh<T>(path: &Path, work: impl FnOnce(&Reader) -> T) -> (T, Duration) {
    let reader = Reader::open(path).unwrap();
    // The schema is read with the first statement, whichever that is.
    reader.newest_time().unwrap();
    harness::timed(|| work(&reader))
}

/// As the table does: rows, and the start of each payload.
fn list(reader: &Reader, filter: Option<&Expr>) -> Vec<i64> {
    let limit = Some(SHOWN as u64);
    let mut rows = reader.events(filter, Order::NewestFirst, limit).unwrap();
    let mut ids = Vec::new();
    while let Some(event) = rows.next_event().unwrap() {
        let start = reader.payload(&event).unwrap().start(FIRST_LINE_BYTES);
        std::hint::black_box(start.unwrap());
        ids.push(event.id.number());
    }
    ids
}

/// Rows and whole payloads.
fn whole(reader: &Reader, filter: &Expr) -> Vec<i64> {
    let mut rows = reader
        .events(Some(filter), Order::NewestFirst, None)
        .unwrap();
    let mut ids = Vec::new();
    while let Some(event) = rows.next_event().unwrap() {
        read(reader, &event);
        ids.push(event.id.number());
    }
    ids
}

fn by_key(reader: &Reader, ids: &[i64]) {
    for id in ids {
        let event = reader.event(EventId::new(*id)).unwrap().unwrap();
        read(reader, &event);
    }
}

fn read(reader: &Reader, event: &StoredEvent) {
    let mut payload = reader.payload(event).unwrap();
    while let Some(piece) = payload.next_piece().unwrap() {
        std::hint::black_box(piece);
    }
}

/// The 5-tuples of connections from all over the capture.
fn tuples(path: &Path) -> Vec<Expr> {
    let db = Connection::open(path).unwrap();
    let mut select = db
        .prepare(
            "SELECT src_ip, src_port, dst_ip, dst_port FROM connections
             WHERE src_ip IS NOT NULL AND id >= ?1 ORDER BY id LIMIT 1",
        )
        .unwrap();
    let last: i64 = db
        .query_row("SELECT MAX(id) FROM connections", [], |row| row.get(0))
        .unwrap();
    let address = |octets: Vec<u8>, port: u16| {
        let ip = match <[u8; 4]>::try_from(octets.as_slice()) {
            Ok(v4) => IpAddr::from(v4),
            Err(_) => IpAddr::from(<[u8; 16]>::try_from(octets.as_slice()).unwrap()),
        };
        let end = SocketAddr::new(ip, port);
        [AddressPattern {
            net: Some(end.ip().into()),
            port: Some(end.port()),
        }]
    };
    (0..CONNECTIONS)
        .map(|place| {
            select
                .query_row([last * (2 * place + 1) / (2 * CONNECTIONS)], |row| {
                    let src = flags::src(&address(row.get(0)?, row.get(1)?));
                    let dst = flags::dst(&address(row.get(2)?, row.get(3)?));
                    Ok(Expr::all([src.unwrap(), dst.unwrap()]).unwrap())
                })
                .unwrap()
        })
        .collect()
}

/// So many ids of the plain table, some apart as the events of one connection are.
fn spread(count: usize) -> Vec<i64> {
    (0..count)
        .map(|place| i64::try_from(PLAIN_EVENTS / 2 + place * 7).unwrap())
        .collect()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
