//! What the recorder is measured against: the same payloads and columns in one table without an index, written with one
//! prepared statement, in the same transactions and with the same settings of SQLite.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use ecq::event::{Content, Direction, Kind};
use rusqlite::{Connection, params};

use super::recording::Row;

const CREATE: &str = "
    CREATE TABLE event (
        id INTEGER PRIMARY KEY, time_ns INTEGER, received_ns INTEGER, pid INTEGER, tid INTEGER, uid INTEGER,
        pname TEXT, fd INTEGER, direction INTEGER, kind INTEGER, content INTEGER, src_ip BLOB, src_port INTEGER,
        dst_ip BLOB, dst_port INTEGER, type INTEGER, uuid TEXT, method TEXT, host TEXT, path TEXT, status INTEGER,
        content_type TEXT, provenance INTEGER, payload_bytes INTEGER, payload BLOB
    ) STRICT";

const INSERT: &str = "
    INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// How SQLite is set up, beyond WAL and FULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settings {
    /// As in `src/store/open.rs`.
    Ours,
    /// As it comes.
    Defaults,
}

/// Writes `batches` to a new file at `path`; gives the processor time from the first row to the last commit.
pub(crate) fn write(path: &Path, batches: &[Vec<Row>], settings: Settings) -> Duration {
    super::remove(path);
    let db = Connection::open(path).expect("the file can be made");
    db.set_prepared_statement_cache_capacity(64);
    if settings == Settings::Ours {
        db.execute_batch(
            "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA cache_size = -16384;
             PRAGMA wal_autocheckpoint = 4096;",
        )
        .expect("SQLite has these settings");
    }
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
        .expect("SQLite has these settings");
    db.execute_batch(CREATE).expect("the statement is right");
    let mut insert = db.prepare(INSERT).expect("the statement is right");
    let ((), cpu) = super::timed(|| {
        for batch in batches {
            db.execute_batch("BEGIN IMMEDIATE")
                .expect("nobody else writes");
            for row in batch {
                insert_row(&mut insert, row).expect("the row fits");
            }
            db.execute_batch("COMMIT").expect("the disk has room");
        }
    });
    cpu
}

/// Reads all columns of these rows by primary key; gives the bytes of payload.
pub(crate) fn fetch(path: &Path, ids: &[i64]) -> (usize, Duration) {
    let db = Connection::open(path).expect("the file is there");
    let columns = 25;
    db.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(()))
        .expect("it is a database");
    super::timed(|| {
        let mut select = db
            .prepare("SELECT * FROM event WHERE id = ?1")
            .expect("the statement is right");
        let mut bytes = 0;
        for id in ids {
            let mut rows = select.query([id]).expect("the statement is right");
            while let Some(row) = rows.next().expect("the file is sound") {
                for column in 0..columns - 1 {
                    let value: rusqlite::types::Value = row.get(column).expect("it is there");
                    std::hint::black_box(value);
                }
                let payload: Vec<u8> = row.get(columns - 1).expect("it is there");
                bytes += payload.len();
            }
        }
        bytes
    })
}

fn insert_row(insert: &mut rusqlite::Statement<'_>, row: &Row) -> rusqlite::Result<usize> {
    let event = &row.new.captured.event;
    let payload = &row.new.captured.payload;
    let ends = event.tuple.map(|tuple| {
        (
            Octets::new(tuple.src.ip()),
            tuple.src.port(),
            Octets::new(tuple.dst.ip()),
            tuple.dst.port(),
        )
    });
    let http = event.http.as_ref();
    insert.execute(params![
        row.new.id.number(),
        event.time.as_nanos(),
        event.received.as_nanos(),
        event.process.pid,
        event.process.tid,
        event.process.uid,
        event.process.pname,
        event.fd,
        event.direction.map(Direction::code),
        Kind::code(event.kind),
        Content::code(event.content),
        ends.as_ref().map(|(ip, ..)| ip.bytes()),
        ends.as_ref().map(|(_, port, ..)| port),
        ends.as_ref().map(|(_, _, ip, _)| ip.bytes()),
        ends.as_ref().map(|(.., port)| port),
        event.ecapture_type,
        row.uuid,
        http.and_then(|http| http.method.as_deref()),
        http.and_then(|http| http.host.as_deref()),
        http.and_then(|http| http.path.as_deref()),
        http.and_then(|http| http.status),
        http.and_then(|http| http.content_type.as_deref()),
        event.provenance.bits(),
        payload.len(),
        payload.as_ref(),
    ])
}

/// An address in network order.
struct Octets([u8; 16], usize);

impl Octets {
    fn new(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => {
                let mut octets = [0; 16];
                for (to, from) in octets.iter_mut().zip(ip.octets()) {
                    *to = from;
                }
                Self(octets, 4)
            }
            IpAddr::V6(ip) => Self(ip.octets(), 16),
        }
    }

    fn bytes(&self) -> &[u8] {
        self.0.get(..self.1).unwrap_or(&self.0)
    }
}
