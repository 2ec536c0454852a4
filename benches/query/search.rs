//! What it costs to look for something in payloads: without the search filter, beside what any search of these blocks
//! costs, and with it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ecq::event::{Frame, Opcode, Timestamp};
use ecq::filter::{Expr, flags};
use ecq::store::{Order, Reader};
use memchr::memmem::Finder;
use rusqlite::{Connection, OpenFlags};

use crate::harness::recording::{self, FULL_SPEED};
use crate::harness::{self, Measured, Table, number};
use crate::stand_in::START_NS;
use crate::stand_in::dialect::Dialect;
use crate::stand_in::event::GeneratedEvent;
use crate::stand_in::options::Options;
use crate::stand_in::traffic::{Corpus, Traffic};

const SEED: u64 = 20_261_125;

/// In no event. Without the search filter, every block is opened for it.
pub(crate) const WORD: &str = "Quetzalcoatlus-northropi";

/// In no event: a secret of 20 characters.
const SECRET: &str = "sk_live_51Hq9Zx0Vb7K";

/// As somebody types it who does not mind the case.
const SECRET_IN_LOWER_CASE: &str = "sk_live_51hq9zx0vb7k";

/// In some [`HITS`] events.
const TOKEN: &str = "ghp_16C7e42F292c6912E7";

const HITS: usize = 5;

/// How much text a compressed body is made of.
const BODY_BYTES: usize = 6 * 1024;

/// What a capture for the search holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bodies {
    /// The realistic traffic.
    Plain,
    /// A response with a compressed body in each event.
    Compressed,
}

/// The capture of so many events of realistic traffic.
pub(crate) fn plain(events: usize, rebuild: bool) -> PathBuf {
    capture(Bodies::Plain, events, rebuild)
}

/// Measures the search of captures of so many events.
pub(crate) fn measure(table: &mut Table, events: usize, rounds: usize, rebuild: bool) {
    for (bodies, events, name) in [
        (Bodies::Plain, events, "realistic traffic"),
        (
            Bodies::Compressed,
            events / 4,
            "responses with compressed bodies",
        ),
    ] {
        let path = capture(bodies, events, rebuild);
        table.heading(&format!("search of {events} events, {name}, elapsed time"));
        scan(table, bodies, &path, rounds);
        filtered(table, &path, rounds);
        table.print();
    }
}

/// The search without the search filter, beside the limit.
fn scan(table: &mut Table, bodies: Bodies, path: &Path, rounds: usize) {
    let word = flags::grep(WORD, true, false).unwrap();
    let (mut ours, mut limit, mut speed, mut work) =
        <(Measured, Measured, Measured, Measured)>::default();
    let mut bytes = 0;
    for _ in 0..rounds {
        let began = spent();
        let (found, time) = ask(path, &word, false);
        let cost = spent().since(&began);
        assert_eq!(found, 0, "the word is in no event");
        let began = spent();
        bytes = at_best(path, WORD);
        let best = spent().since(&began);
        ours.push(millis(time));
        limit.push(millis(best.elapsed));
        speed.push(harness::ratio(best.elapsed, time));
        work.push(harness::ratio(best.cpu, cost.cpu));
    }
    let name = "speed of the full scan / of decompressing and memmem";
    match bodies {
        Bodies::Plain => table.judge_at_least(name, &speed, 0.8, "x"),
        // The limit does not look into these bodies.
        Bodies::Compressed => table.state(name, &speed, "x"),
    }
    table.state("  the same in processor time", &work, "x");
    table.state("full scan", &ours, "ms");
    table.state("  decompressing the blocks and memmem", &limit, "ms");
    let mebibytes = number(bytes) / f64::from(1 << 20);
    table.state(
        "  bytes in these blocks",
        &Measured::exact(mebibytes),
        "MiB",
    );
    let rate = Measured::exact(mebibytes / ours.median() * 1e3);
    table.state("  of the full scan", &rate, "MiB/s");
}

/// The search with the search filter, beside that without.
fn filtered(table: &mut Table, path: &Path, rounds: usize) {
    for (name, pattern, is_text, target) in [
        ("an absent secret", SECRET, true, Some(50.0)),
        (
            "the same whatever the case",
            SECRET_IN_LOWER_CASE,
            false,
            Some(50.0),
        ),
        ("a token in a few events", TOKEN, true, None),
    ] {
        let filter = flags::grep(pattern, is_text, false).unwrap();
        let (mut with, mut without, mut gain) = <(Measured, Measured, Measured)>::default();
        let mut hits = 0;
        for _ in 0..rounds {
            let (found, time) = ask(path, &filter, true);
            let (found_without, time_without) = ask(path, &filter, false);
            assert_eq!(found, found_without, "{name}");
            assert_eq!(found == 0, target.is_some(), "{name}");
            hits = found;
            with.push(millis(time));
            without.push(millis(time_without));
            gain.push(harness::ratio(time_without, time));
        }
        let line = format!("{name}: full scan / with the search filter");
        match target {
            Some(target) => table.judge_at_least(&line, &gain, target, "x"),
            None => table.state(&line, &gain, "x"),
        }
        table.state("  with the search filter", &with, "ms");
        table.state("  full scan", &without, "ms");
        if target.is_none() {
            table.state("  events", &Measured::exact(number(hits as u64)), "");
        }
    }
}

/// Finds all events that the filter is true of, in a capture that has just been opened.
fn ask(path: &Path, filter: &Expr, with_search_filter: bool) -> (usize, Duration) {
    let mut reader = Reader::open(path).unwrap();
    reader.newest_time().unwrap();
    reader.use_search_filter(with_search_filter);
    let began = Instant::now();
    let mut rows = reader
        .events(Some(filter), Order::NewestFirst, None)
        .unwrap();
    let mut found = 0;
    while rows.next_event().unwrap().is_some() {
        found += 1;
    }
    (found, began.elapsed())
}

/// Decompresses every block and searches it, on all cores; gives how many bytes that were.
fn at_best(path: &Path, word: &str) -> u64 {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let open = || Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let ids: Vec<i64> = open()
        .prepare("SELECT id FROM blocks ORDER BY id")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let next = AtomicUsize::new(0);
    let searched = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let db = open();
                let mut select = db
                    .prepare(
                        "SELECT b.codec, b.raw_bytes, d.data FROM blocks AS b JOIN block_data AS d USING (id)
                         WHERE id = ?1",
                    )
                    .unwrap();
                let finder = Finder::new(word);
                let mut bytes = 0;
                while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (codec, raw_bytes, data): (u8, usize, Vec<u8>) = select
                        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                        .unwrap();
                    let raw = match codec {
                        0 => data,
                        _ => zstd::bulk::decompress(&data, raw_bytes).unwrap(),
                    };
                    assert!(finder.find(&raw).is_none(), "the word is in no event");
                    bytes += raw.len() as u64;
                }
                *searched.lock().unwrap() += bytes;
            });
        }
    });
    searched.into_inner().unwrap()
}

/// Where the clocks stand, or how far they went.
struct Spent {
    at: Instant,
    cpu: Duration,
    elapsed: Duration,
}

fn spent() -> Spent {
    Spent {
        at: Instant::now(),
        cpu: harness::process_cpu(),
        elapsed: Duration::ZERO,
    }
}

impl Spent {
    fn since(self, before: &Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            elapsed: self.at - before.at,
            ..self
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn capture(bodies: Bodies, events: usize, rebuild: bool) -> PathBuf {
    let name = match bodies {
        Bodies::Plain => "plain",
        Bodies::Compressed => "compressed",
    };
    let path = harness::file(&format!("search-{name}-{events}.db"));
    if rebuild || !path.exists() {
        let part = harness::file("part.db");
        let began = Instant::now();
        recording::record(&part, frames(bodies, events), FULL_SPEED);
        std::fs::rename(&part, &path).unwrap();
        println!("made {} in {:.0?}", path.display(), began.elapsed());
    }
    path
}

/// The frames of so many events, as a recorder receives them.
pub(crate) fn plain_frames(events: usize) -> impl Iterator<Item = Frame> {
    frames(Bodies::Plain, events)
}

fn frames(bodies: Bodies, events: usize) -> impl Iterator<Item = Frame> {
    let every = (events / HITS) as u64;
    let mut traffic = Traffic::new(SEED, Corpus::Realistic);
    if bodies == Bodies::Compressed {
        traffic = traffic.only_tls();
    } else {
        traffic = traffic.with_needle(every, TOKEN);
    }
    let encoder = Options::for_dialect(Dialect::Text).encoder();
    let mut texts = Vec::new();
    let mut made = 0_u64;
    traffic
        .filter_map(move |mut event| {
            if bodies == Bodies::Compressed {
                let source = std::mem::take(&mut event.payload);
                if std::str::from_utf8(&source).is_ok() {
                    texts.extend_from_slice(&source);
                }
                if texts.len() < BODY_BYTES {
                    return None;
                }
                made += 1;
                if made.is_multiple_of(every) {
                    texts.extend_from_slice(TOKEN.as_bytes());
                }
                compress(&mut event, &texts);
                texts.clear();
            }
            encoder.encode(&event, START_NS + event.offset_ns)
        })
        .take(events)
        .zip(0_i64..)
        .map(|(message, index)| Frame {
            link: 1,
            received: Timestamp::from_nanos(START_NS + index * 400_000),
            opcode: Opcode::from_code(message.opcode).unwrap(),
            message: message.bytes,
        })
}

/// Makes the event a response with this body, compressed.
fn compress(event: &mut GeneratedEvent, body: &[u8]) {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(body).unwrap();
    let body = encoder.finish().unwrap();
    let mut payload = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    payload.extend_from_slice(&body);
    event.payload = Bytes::from(payload);
}
