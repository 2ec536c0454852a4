//! Whether a capture is as it was recorded: what `verify` finds, and what `salvage` saves of a damaged one.

mod damage;
mod programs;
mod removals;
mod tampering;

use std::fmt::Write as _;
use std::path::Path;

use ecq::event::{
    ConnectionId, Direction, Endpoints, Envelope, EventId, Fault, Kind, RunId, Soundness,
    Timestamp, Tuple, TupleSource,
};
use ecq::store::{
    Batch, ChainKey, EventHasher, NewEvent, Reader, RecordingStart, Vault, Verification, Writer,
    verify,
};
use rusqlite::Connection;

use crate::support::batches;
use crate::support::numbers::Numbers;

/// How many events a commit of [`capture`] has, and how many commits each of its two recordings.
const EVENTS: i64 = 12;
const COMMITS: i64 = 3;

/// All events of [`capture`].
const ALL: i64 = EVENTS * COMMITS * 2;

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(1_795_431_600 + second)
}

fn key(byte: u8) -> ChainKey {
    ChainKey::new(vec![byte; 32]).unwrap()
}

fn event(id: i64, random: &mut Numbers) -> NewEvent {
    let connection = id % 4 + 1;
    let mut body = String::new();
    for _ in 0..=random.below(40) {
        write!(body, "{:x}/", random.below(1 << 30)).unwrap();
    }
    let payload = match id % 3 {
        0 => format!("GET /{body} HTTP/1.1\r\nHost: host{connection}.test\r\n\r\n").into_bytes(),
        1 => format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
        _ => body
            .bytes()
            .flat_map(|byte| [byte & 0x0f, 0, 0xff])
            .collect(),
    };
    let mut captured = batches::captured(Kind::TlsData, payload.into(), at(id));
    captured.event.direction = Some(if id % 3 == 0 {
        Direction::Outbound
    } else {
        Direction::Inbound
    });
    captured.event.process.pid = Some(u32::try_from(100 + connection).unwrap());
    captured.event.process.pname = Some(format!("program{connection}"));
    if id % 7 == 0 {
        captured.event.details.reason = Some(format!("reason {id}"));
    }
    if id % 5 == 0 {
        captured.envelope = Envelope::Around {
            head: format!("head {id}").into_bytes().into(),
            tail: (&b"tail"[..]).into(),
        };
    }
    NewEvent {
        id: EventId::new(id),
        run: RunId::new(1),
        identity: None,
        connection: Some(ConnectionId::new(connection)),
        captured,
    }
}

/// Writes commits to a capture; the counters are as a recorder counts.
fn write(path: &Path, key: Option<ChainKey>, first: i64, is_ended: bool) {
    let start = RecordingStart {
        started: at(first),
        chain_key: key,
        ..batches::start("ws://test/")
    };
    let mut writer = Writer::open(path, &start).unwrap();
    let mut random = Numbers::new(first.unsigned_abs());
    let mut batch = Batch::default();
    if first == 1 {
        batch.runs.push(batches::first_run());
        for id in 1..=4 {
            let mut connection = batches::connection(id);
            let end = |port| ([10, 0, 0, 1], port).into();
            connection.tuple = Some((
                Tuple {
                    src: end(u16::try_from(id).unwrap()),
                    dst: end(443),
                    sense: ecq::event::Sense::LocalToRemote,
                },
                TupleSource::Field,
            ));
            batch.connections.push(connection);
        }
    }
    for commit in 0..COMMITS {
        let first = first + commit * EVENTS;
        batch.events = (first..first + EVENTS)
            .map(|id| event(id, &mut random))
            .collect();
        batch.counters.stored_events += EVENTS.unsigned_abs();
        writer.commit(&batch, at(first + EVENTS)).unwrap();
        batch.clear();
    }
    if is_ended {
        writer.end(&batch.counters, at(first + 100)).unwrap();
        writer.seal().unwrap();
    }
}

/// A capture of two recordings. The first has put its payloads into blocks, those of the second wait in the tail: its
/// recorder was killed, and the log written back.
fn capture(path: &Path, key: Option<ChainKey>) {
    write(path, key.clone(), 1, true);
    write(path, key, 1 + COMMITS * EVENTS, false);
    let db = Connection::open(path).unwrap();
    db.pragma_update(None, "journal_mode", "delete").unwrap();
    db.close().unwrap();
    let copy = Connection::open(path).unwrap();
    let number = |sql| copy.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("SELECT COUNT(*) FROM events"), ALL);
    assert_eq!(number("SELECT COUNT(DISTINCT class) FROM blocks"), 3);
    assert_eq!(number("SELECT COUNT(*) FROM tail"), ALL / 2);
}

/// What a check finds; `None` if the file cannot be opened.
fn check(path: &Path, against: &Verification) -> Option<(Soundness, Vec<Fault>)> {
    let mut reader = Reader::open_damaged(path).ok()?;
    let mut faults = Vec::new();
    let done = verify(&mut reader, against, &mut |fault| {
        faults.push(fault.clone());
    })
    .unwrap();
    assert_eq!(done.faults, faults.len() as u64);
    assert!(done.readable_events <= done.events);
    Some((done, faults))
}

/// It is sound.
#[track_caller]
fn check_sound(path: &Path, against: &Verification) -> Soundness {
    let (done, faults) = check(path, against).unwrap();
    assert_eq!(faults, []);
    done
}

/// The details of faults.
fn details(faults: &[Fault]) -> Vec<&str> {
    faults.iter().map(|fault| fault.detail.as_str()).collect()
}

/// The digest of an event, if all of it can be read.
fn digest(reader: &Reader, id: i64) -> Option<[u8; 32]> {
    let stored = reader.event(EventId::new(id)).ok()??;
    let envelope = reader.envelope(stored.id).ok()?;
    let mut hasher = EventHasher::new(
        &Vault::default(),
        stored.id,
        &stored.event,
        &envelope,
        stored.payload_bytes,
    );
    let mut payload = reader.payload(&stored).ok()?;
    while let Some(piece) = payload.next_piece().ok()? {
        hasher.update(&piece);
    }
    Some(hasher.finish())
}

#[test]
fn an_untouched_capture_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, None);
    let done = check_sound(&path, &Verification::default());
    assert_eq!((done.events, done.readable_events), (72, 72));
    assert_eq!((done.commits, done.proven_commits, done.links), (6, 6, 6));
    assert_eq!(done.head.unwrap().last, EventId::new(ALL));
    assert!(done.blocks >= 3 && done.payload_bytes > 1000);
    let reader = Reader::open(&path).unwrap();
    let event = reader.event(EventId::new(1)).unwrap().unwrap();
    assert_ne!(event.endpoints, Endpoints::default());
}
