//! A look into a capture: through the library's reader, and through plain SQLite.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ecq::event::{Envelope, EventId, Fault, RecordingId, StoredEvent};
use ecq::store::{BatchHasher, EventHasher, Order, Reader, Vault, Verification, verify};
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
    // Of one that was killed when it was made, the changes that are to be taken back.
    for suffix in ["-wal", "-journal"] {
        let log = beside(path, suffix);
        if log.exists() {
            fs::copy(log, beside(&target, suffix)).unwrap();
        }
    }
    Copy {
        db: Connection::open(&target).unwrap(),
        _folder: Some(folder),
    }
}

/// How large a capture is, with what lies beside it, in bytes.
pub(crate) fn size(path: &Path) -> u64 {
    ["", "-wal", "-shm"]
        .map(|suffix| fs::metadata(beside(path, suffix)).map_or(0, |file| file.len()))
        .iter()
        .sum()
}

/// How many events were removed from a capture that a recorder is writing.
pub(crate) fn removed(path: &Path) -> i64 {
    live(path).number("SELECT COALESCE(SUM(events), 0) FROM removals")
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

/// The digest of every batch, computed again, is the one in the file; of events that were pruned out of one, their digests
/// stand for them. How many batches there are.
#[track_caller]
pub(crate) fn check_digests(path: &Path) -> usize {
    let copy = copy(path);
    assert_eq!(copy.texts("PRAGMA integrity_check"), ["ok"]);
    let events = events(path);
    let mut digests = removed_digests(&copy);
    for Whole {
        stored,
        payload,
        envelope,
    } in &events
    {
        let length = payload.len() as u64;
        let mut event = EventHasher::new(
            &Vault::default(),
            stored.id,
            &stored.event,
            envelope,
            length,
        );
        event.update(payload);
        let before = digests.insert(stored.id.number(), event.finish());
        assert_eq!(before, None, "event {} was not removed", stored.id);
    }
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
        for (_, event) in digests.range(first..=last) {
            hasher.update(event);
            seen += 1;
        }
        assert_eq!(
            hasher.finish().to_vec(),
            digest,
            "batch of {first} to {last}"
        );
        count += 1;
    }
    assert_eq!(seen, digests.len(), "every event is in a batch");
    count
}

/// The digests of events that were pruned out of batches that stay.
fn removed_digests(copy: &Copy) -> BTreeMap<i64, [u8; 32]> {
    if copy.number("PRAGMA user_version") < 4 {
        return BTreeMap::new();
    }
    copy.db
        .prepare("SELECT event_id, digest FROM removed_events")
        .unwrap()
        .query_map([], |row| Ok((row.get("event_id")?, row.get("digest")?)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// SQLite finds nothing wrong, no reference dangles, and nothing is left that no event needs, but for the newest rows.
#[track_caller]
pub(crate) fn check_sound(path: &Path) {
    let copy = copy(path);
    assert_eq!(copy.texts("PRAGMA integrity_check"), ["ok"]);
    let dangling = copy
        .texts("SELECT \"table\" || ' ' || rowid || ' ' || parent FROM pragma_foreign_key_check");
    assert_eq!(dangling, Vec::<String>::new());
    for sql in [
        "SELECT COUNT(*) FROM details WHERE event_id NOT IN (SELECT id FROM events)",
        "SELECT COUNT(*) FROM envelopes WHERE event_id NOT IN (SELECT id FROM events)",
        "SELECT COUNT(*) FROM tail WHERE event_id NOT IN (SELECT id FROM events)",
        "SELECT COUNT(*) FROM block_data WHERE id NOT IN (SELECT id FROM blocks)",
        "SELECT COUNT(*) FROM exchange_parts WHERE exchange_id NOT IN (SELECT id FROM exchanges)",
        "SELECT COUNT(*) FROM exchanges
         WHERE request_first_id NOT IN (SELECT id FROM events) OR response_first_id NOT IN (SELECT id FROM events)",
    ] {
        assert_eq!(copy.number(sql), 0, "{sql}");
    }
}

/// Nothing is wrong with a capture: SQLite says so, every digest fits, and so says `verify`. How many batches there are.
#[track_caller]
pub(crate) fn assert_sound(path: &Path) -> usize {
    check_sound(path);
    let batches = check_digests(path);
    let mut reader = Reader::open_damaged(path).unwrap();
    let mut faults = Vec::new();
    let mut note = |fault: &Fault| faults.push(fault.clone());
    verify(&mut reader, &Verification::default(), &mut note).unwrap();
    assert_eq!(faults, [], "{}", path.display());
    batches
}

/// Nothing is left that no event needs, but for the newest rows, which keep ids from being given twice.
#[track_caller]
pub(crate) fn check_swept(path: &Path) {
    let copy = copy(path);
    for sql in [
        "SELECT COUNT(*) FROM streams WHERE id NOT IN (SELECT stream_id FROM events)
            AND id NOT IN (SELECT stream_id FROM exchanges) AND id < (SELECT MAX(id) FROM streams)",
        "SELECT COUNT(*) FROM connections WHERE id NOT IN (SELECT connection_id FROM streams WHERE connection_id IS NOT NULL)
            AND id < (SELECT MAX(id) FROM connections)",
        "SELECT COUNT(*) FROM processes WHERE id NOT IN (SELECT process_id FROM streams)
            AND id < (SELECT MAX(id) FROM processes)",
        "SELECT COUNT(*) FROM identities WHERE id NOT IN (SELECT identity_id FROM processes WHERE identity_id IS NOT NULL)
            AND id < (SELECT MAX(id) FROM identities)",
        "SELECT COUNT(*) FROM shapes WHERE id NOT IN (SELECT shape_id FROM events)",
        "SELECT COUNT(*) FROM heads WHERE id NOT IN (SELECT head_id FROM events WHERE head_id IS NOT NULL)",
        "SELECT COUNT(*) FROM paths WHERE id NOT IN (SELECT path_id FROM events WHERE path_id IS NOT NULL)",
        "SELECT COUNT(*) FROM postings WHERE stream_id NOT IN (SELECT stream_id FROM events)",
        "SELECT COUNT(*) FROM exchange_facts WHERE id NOT IN (SELECT facts_id FROM exchanges)",
        "SELECT COUNT(*) FROM exchange_paths
         WHERE id NOT IN (SELECT path_id FROM exchanges WHERE path_id IS NOT NULL)",
        "SELECT COUNT(*) FROM grams WHERE block_id NOT IN (SELECT id FROM blocks)",
        "SELECT COUNT(*) FROM head_blocks WHERE id < (SELECT MAX(id) FROM head_blocks)
            AND id NOT IN (SELECT request_head_block FROM exchanges WHERE request_head_block IS NOT NULL
                UNION SELECT response_head_block FROM exchanges WHERE response_head_block IS NOT NULL)",
    ] {
        assert_eq!(copy.number(sql), 0, "{sql}");
    }
}
