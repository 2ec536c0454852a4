//! A look into a capture: through the library's reader, and through plain SQLite.

use std::fs;
use std::path::Path;

use ecq::event::{Envelope, EventId, RecordingId, StoredEvent};
use ecq::store::{BatchHasher, EventHasher, Order, Reader};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

/// An event with all that is stored about it.
pub(crate) struct Whole {
    pub(crate) stored: StoredEvent,
    pub(crate) payload: Vec<u8>,
    pub(crate) envelope: Envelope,
}

impl Whole {
    /// The frame that it came in.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        let event = &self.stored.event;
        let is_whole =
            ecq::normalize::rebuild(event, &self.payload, &self.envelope, &mut frame).unwrap();
        assert!(is_whole, "event {} does not give its frame", self.stored.id);
        frame
    }
}

/// The payload of an event.
pub(crate) fn payload(reader: &Reader, event: &StoredEvent) -> Vec<u8> {
    let mut payload = reader.payload(event).unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = payload.next_piece().unwrap() {
        bytes.extend_from_slice(&piece);
    }
    bytes
}

/// Every event, in the order of arrival.
pub(crate) fn events(path: &Path) -> Vec<Whole> {
    let reader = Reader::open(path).unwrap();
    let mut rows = reader.events(None, Order::OldestFirst, None).unwrap();
    let mut events = Vec::new();
    while let Some(stored) = rows.next_event().unwrap() {
        let payload = payload(&reader, &stored);
        let envelope = reader.envelope(stored.id).unwrap();
        events.push(Whole {
            stored,
            payload,
            envelope,
        });
    }
    events.sort_by_key(|event| event.stored.id);
    events
}

/// A capture in plain SQLite: mostly a copy of the file and its log.
pub(crate) struct Copy {
    pub(crate) db: Connection,
    _folder: Option<TempDir>,
}

/// A look into a capture that a recorder is writing.
pub(crate) fn live(path: &Path) -> Copy {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    db.busy_timeout(super::wait::LONG).unwrap();
    Copy { db, _folder: None }
}

/// Copies a capture.
pub(crate) fn copy(path: &Path) -> Copy {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("copy.db");
    fs::copy(path, &target).unwrap();
    let log = beside(path, "-wal");
    if log.exists() {
        fs::copy(log, beside(&target, "-wal")).unwrap();
    }
    Copy {
        db: Connection::open(&target).unwrap(),
        _folder: Some(folder),
    }
}

/// The name of a file beside a capture.
pub(crate) fn beside(path: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Copy {
    /// One number.
    #[track_caller]
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.db.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// One column of text.
    #[track_caller]
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        let mut statement = self.db.prepare(sql).unwrap();
        let texts = statement
            .query_map([], |row| row.get::<_, Option<String>>(0))
            .unwrap();
        texts
            .map(|text| text.unwrap().unwrap_or_default())
            .collect()
    }

    /// A counter of the newest recording.
    #[track_caller]
    pub(crate) fn counter(&self, name: &str) -> i64 {
        self.number(&format!(
            "SELECT {name} FROM recordings ORDER BY id DESC LIMIT 1"
        ))
    }
}

/// The digest of every batch, computed again, is the one in the file. How many there are.
#[track_caller]
pub(crate) fn check_digests(path: &Path) -> usize {
    let copy = copy(path);
    assert_eq!(copy.texts("PRAGMA integrity_check"), ["ok"]);
    let events = events(path);
    let mut statement = copy
        .db
        .prepare("SELECT first_id, last_id, recording_id, digest FROM batches ORDER BY first_id")
        .unwrap();
    let batches = statement
        .query_map([], |row| {
            let digest: Vec<u8> = row.get("digest")?;
            Ok((
                row.get("first_id")?,
                row.get("last_id")?,
                row.get("recording_id")?,
                digest,
            ))
        })
        .unwrap();
    let (mut count, mut seen) = (0, 0);
    for batch in batches {
        let (first, last, recording, digest): (i64, i64, i64, _) = batch.unwrap();
        let mut hasher = BatchHasher::new(
            RecordingId::new(recording),
            EventId::new(first),
            EventId::new(last),
        );
        let members = events
            .iter()
            .filter(|event| (first..=last).contains(&event.stored.id.number()));
        for Whole {
            stored,
            payload,
            envelope,
        } in members
        {
            let length = payload.len() as u64;
            let mut event = EventHasher::new(stored.id, &stored.event, envelope, length);
            event.update(payload);
            hasher.update(&event.finish());
            seen += 1;
        }
        assert_eq!(
            hasher.finish().to_vec(),
            digest,
            "batch of {first} to {last}"
        );
        count += 1;
    }
    assert_eq!(seen, events.len(), "every event is in a batch");
    count
}
