//! The memory of queries over a large capture, and of recorders.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ecq::record::{write_frame, write_header};
use rusqlite::Connection;

use crate::SEED;
use crate::harness::memory::{self, Peak};
use crate::harness::{self, Measured, Table, recording};
use crate::stand_in::START_NS;
use crate::stand_in::dialect::Dialect;
use crate::stand_in::event::GeneratedEvent;
use crate::stand_in::options::Options;
use crate::stand_in::server::StandIn;
use crate::stand_in::traffic::{Corpus, Traffic};

const LARGE_MESSAGE: usize = 100 << 20;

/// The memory of queries over a large file, and of one large payload.
pub(crate) fn queries(table: &mut Table, large: &Path) {
    table.heading("peak memory");
    let query = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecq-query"));
        command.arg("--db");
        command
    };
    for arguments in [
        &["--grep", "no such text", "-n", "all"][..],
        &["--pname", "curl", "-n", "all", "-r"],
        &["-n", "all", "--output", "jsonl"],
        &["--count"],
        &["--top", "pname,host"],
        &["--histogram", "1h"],
        &["--sort", "-len", "-n", "10"],
        &["--grep", "curl", "-n", "all"],
        &["-F", "host"],
    ] {
        let name = format!("ecq-query {}", arguments.join(" "));
        let peak = memory::peak_of(query().arg(large).args(arguments));
        table.judge(&name, &Measured::exact(peak), 64.0, "MiB");
    }
    for (name, arguments) in [
        ("ecq-query stats", &["stats"][..]),
        ("ecq-query sql", &["sql", "SELECT count(*) FROM packets"]),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecq-query"));
        let peak = memory::peak_of(command.args(arguments).arg("--db").arg(large));
        table.judge(name, &Measured::exact(peak), 64.0, "MiB");
    }
    let (frames, db) = (harness::file("large.frames"), harness::file("large.db"));
    write_large(&frames);
    harness::remove(&db);
    let peak = memory::peak_of(
        Command::new(env!("CARGO_BIN_EXE_ecq-record"))
            .arg("--import")
            .arg(&frames)
            .arg("--db")
            .arg(&db),
    );
    // No queue; the message, three times.
    table.judge(
        "ecq-record --import, a message of 100 MiB",
        &Measured::exact(peak),
        364.0,
        "MiB",
    );
    let id: i64 = Connection::open(&db)
        .unwrap()
        .query_row(
            "SELECT id FROM events WHERE payload_bytes > 100000000",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let show = memory::peak_of(
        Command::new(env!("CARGO_BIN_EXE_ecq-query"))
            .args(["show", &id.to_string(), "--raw", "--db"])
            .arg(&db),
    );
    table.judge(
        "ecq-query show --raw, 100 MiB",
        &Measured::exact(show),
        64.0,
        "MiB",
    );
    let grep = memory::peak_of(query().arg(&db).args(["--grep", "no such text"]));
    table.judge(
        "ecq-query --grep, 100 MiB",
        &Measured::exact(grep),
        64.0,
        "MiB",
    );
    let jsonl = memory::peak_of(query().arg(&db).args(["--output", "jsonl"]));
    table.judge(
        "ecq-query --output jsonl, 100 MiB",
        &Measured::exact(jsonl),
        64.0,
        "MiB",
    );
    std::fs::remove_file(&frames).unwrap();
    harness::remove(&db);
    table.print();
}

/// An event with a payload of 100 MiB.
fn large_event() -> GeneratedEvent {
    let mut text = Vec::with_capacity(LARGE_MESSAGE);
    let mut line = 0_u64;
    while text.len() < LARGE_MESSAGE {
        writeln!(
            text,
            "line {line} of {:x}",
            line.wrapping_mul(0x9E37_79B9_7F4A_7C15)
        )
        .unwrap();
        line += 1;
    }
    let mut event = Traffic::new(SEED, Corpus::Small).only_tls().next().unwrap();
    event.payload = Bytes::from(text);
    event
}

fn write_large(path: &Path) {
    let encoder = Options::for_dialect(Dialect::Text).encoder();
    let message = encoder.encode(&large_event(), START_NS).unwrap();
    let frame = recording::frames(Dialect::Text, SEED, 1, Corpus::Small)
        .next()
        .unwrap();
    let mut out = BufWriter::new(File::create(path).unwrap());
    write_header(&mut out).unwrap();
    write_frame(
        &mut out,
        &ecq::event::Frame {
            message: message.bytes,
            ..frame
        },
    )
    .unwrap();
    out.flush().unwrap();
}

/// The memory of a live recorder: at full speed, and with a message of 100 MiB.
pub(crate) fn recorders(table: &mut Table) {
    let db = harness::file("live.db");
    for large in [false, true] {
        harness::remove(&db);
        let stand_in = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_ecq-record"))
            .arg("--url")
            .arg(stand_in.url())
            .arg("--db")
            .arg(&db)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut peak = Peak::default();
        assert!(
            stand_in.wait_for_clients(1, Duration::from_secs(10)),
            "the recorder connects"
        );
        if large {
            stand_in.send_event(&large_event());
        } else {
            stand_in.play(Traffic::new(SEED, Corpus::Realistic).take(100_000), None);
        }
        stand_in.wait_for_empty_queues(Duration::from_secs(20));
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until {
            peak.look(&child);
            std::thread::sleep(Duration::from_millis(5));
        }
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        while child.try_wait().unwrap().is_none() {
            peak.look(&child);
            std::thread::sleep(Duration::from_millis(1));
        }
        let (name, target) = if large {
            ("ecq-record, a message of 100 MiB", 64.0 + 300.0 + 64.0)
        } else {
            ("ecq-record, 100,000 realistic events at full speed", 128.0)
        };
        table.judge(name, &Measured::exact(peak.mebibytes()), target, "MiB");
    }
    harness::remove(&db);
}
