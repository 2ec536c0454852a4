//! An event that can be read, with its place in new blocks and indexes.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, params};

use super::losses::{Loss, Losses, Salvaged};
use super::tables::ensure_recording;
use crate::event::{Envelope, Provenance, StoredEvent, Timestamp};
use crate::store::error::{At, Error};
use crate::store::row::{self, EVENT_BY_ID};
use crate::store::row_writer::add_envelope;
use crate::store::subset::copy::{Copying, Key, Rows, rows};
use crate::store::subset::placer::Placer;

/// How many streams are remembered, to know whether something was lost since their last event.
const STREAMS: usize = 64 * 1024;

const EVENT: Rows = rows!(
    "events",
    [
        "id, time_ns, received_after_ns, stream_id, shape_id, head_id, path_id, tid_after_pid, payload_bytes"
    ],
    "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9",
    ""
);

const DETAILS: Rows = rows!(
    "details",
    ["event_id, return_value, status, total_bytes, monotonic_ns, interface_index, reason"],
    "?1, ?2, ?3, ?4, ?5, ?6, ?7",
    ""
);

/// An event that is in the new file now.
pub(super) struct Saved {
    pub(super) digest: [u8; 32],
    pub(super) received: Timestamp,
    /// Whether nothing of it is lost.
    pub(super) is_whole: bool,
}

/// Saves events, in order of id. Knows nothing of the new file's transactions.
pub(super) struct Saver<'a> {
    pub(super) copying: Copying<'a>,
    placer: Placer<'a>,
    pub(super) losses: Losses,
    /// The shapes of events that have lost their payload, by the shapes that they had.
    shapes: HashMap<i64, i64>,
    /// How often something was lost before the last event of each stream.
    seen: HashMap<i64, u64>,
    lost: u64,
    /// The recording of the commit that is saved.
    pub(super) recording: Option<i64>,
    pub(super) done: Salvaged,
}

impl<'a> Saver<'a> {
    pub(super) fn new(copying: Copying<'a>) -> Result<Self, Error> {
        Ok(Self {
            copying,
            placer: Placer::new(copying)?,
            losses: Losses::default(),
            shapes: HashMap::new(),
            seen: HashMap::new(),
            lost: 0,
            recording: None,
            done: Salvaged::default(),
        })
    }

    /// Ends a commit: writes lists if enough has come.
    pub(super) fn end_commit(&mut self) -> Result<(), Error> {
        self.placer.save_lists()
    }

    /// Writes what waits.
    pub(super) fn finish(mut self) -> Result<Salvaged, Error> {
        let Copying { db, path, .. } = self.copying;
        self.losses.finish(db).at(path)?;
        self.placer.finish()?;
        Ok(self.done)
    }

    /// Notes events that cannot be read.
    pub(super) fn lose(&mut self, first: i64, last: i64) -> Result<(), Error> {
        let events = u64::try_from(last.saturating_sub(first))
            .unwrap_or(0)
            .saturating_add(1)
            .min(i64::MAX.unsigned_abs());
        self.lose_some(first, last, events)
    }

    /// Notes so many events between these that cannot be read.
    pub(super) fn lose_some(&mut self, first: i64, last: i64, events: u64) -> Result<(), Error> {
        let Copying { db, path, .. } = self.copying;
        self.lost += 1;
        self.done.lost_events = self.done.lost_events.saturating_add(events);
        self.done.upper = self.done.upper.max(last);
        self.losses
            .add(db, Loss::Event, (first, last), events)
            .at(path)
    }

    /// Saves an event; `None` if it is lost.
    pub(super) fn save(&mut self, id: i64) -> Result<Option<Saved>, Error> {
        let Copying {
            reader,
            db,
            path,
            vault,
            ..
        } = self.copying;
        let is_copied = unless_damaged(self.copying.copy_row(&EVENT, (Key::Id, 0), id))?;
        let details = unless_damaged(self.copying.copy_row(&DETAILS, (Key::EventId, 0), id))?;
        let mut has_facts = details.is_some();
        let stored = if is_copied == Some(true) {
            has_facts &= self.has_head(id)?;
            self.read_back(id)?
        } else {
            None
        };
        let Some(mut stored) = stored else {
            for sql in [
                "DELETE FROM events WHERE id = ?1",
                "DELETE FROM details WHERE event_id = ?1",
            ] {
                db.execute(sql, [id]).at(path)?;
            }
            self.lose(id, id)?;
            return Ok(None);
        };
        let envelope = unless_damaged(reader.envelope(stored.id))?;
        has_facts &= envelope.is_some();
        let has_payload = self.can_be_read(&stored)?;
        let envelope = envelope
            .filter(|_| has_payload)
            .unwrap_or(Envelope::Rendered);
        add_envelope(db, vault, stored.id, &envelope).at(path)?;
        if !has_payload {
            self.lose_payload(&mut stored)?;
        }
        if !has_facts {
            self.done.lost_facts += 1;
            self.losses.add(db, Loss::Facts, (id, id), 1).at(path)?;
        }
        let stream = stored.stream.row();
        self.note_cut(id, stream)?;
        let digest = self.placer.place(&stored, stream, &envelope, None)?;
        let received = stored.event.received;
        let recording = self.recording.unwrap_or(1);
        ensure_recording(db, recording, received.as_nanos()).at(path)?;
        self.losses
            .note_read(db, received.as_nanos(), recording)
            .at(path)?;
        self.done.events += 1;
        self.done.upper = self.done.upper.max(id);
        reader.watch().add_scanned(stored.payload_bytes);
        Ok(Some(Saved {
            digest,
            received,
            is_whole: has_payload && has_facts,
        }))
    }

    /// Whether the HTTP head that the event names was saved. If not, it names none any more.
    fn has_head(&self, id: i64) -> Result<bool, Error> {
        let Copying { db, path, .. } = self.copying;
        let changed = db
            .prepare_cached(
                "UPDATE events SET
                    head_id = (SELECT h.id FROM heads AS h WHERE h.id = head_id),
                    path_id = (SELECT p.id FROM paths AS p WHERE p.id = path_id)
                 WHERE id = ?1
                    AND (head_id IS NOT NULL AND head_id NOT IN (SELECT id FROM heads)
                        OR path_id IS NOT NULL AND path_id NOT IN (SELECT id FROM paths))",
            )
            .and_then(|mut statement| statement.execute([id]))
            .at(path)?;
        Ok(changed == 0)
    }

    /// The event as the new file has it; `None` if that is none: it names what was lost, or says what no event says.
    fn read_back(&self, id: i64) -> Result<Option<StoredEvent>, Error> {
        let Copying { db, path, .. } = self.copying;
        let mut statement = db.prepare_cached(EVENT_BY_ID).at(path)?;
        let found = statement
            .query_row([id], |row| Ok(row::read(row)))
            .optional()
            .at(path)?;
        let found = found.transpose().map_err(|error| error.at(path));
        Ok(unless_damaged(found)?.flatten().map(|(event, _)| event))
    }

    /// Whether all of the payload can be read.
    fn can_be_read(&self, stored: &StoredEvent) -> Result<bool, Error> {
        let payload = self.copying.reader.payload(stored);
        let read = payload.and_then(|mut payload| {
            while payload.next_piece()?.is_some() {}
            Ok(())
        });
        Ok(unless_damaged(read)?.is_some())
    }

    /// Makes it an event whose payload is lost.
    fn lose_payload(&mut self, stored: &mut StoredEvent) -> Result<(), Error> {
        let Copying { db, path, .. } = self.copying;
        let id = stored.id.number();
        let shape: i64 = db
            .prepare_cached("SELECT shape_id FROM events WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([id], |row| row.get("shape_id")))
            .at(path)?;
        let lost = if let Some(lost) = self.shapes.get(&shape) {
            *lost
        } else {
            db.execute(
                "INSERT INTO shapes (kind, content, direction, probe, ecapture_type, form, provenance, clock, clock_offset_ns)
                 SELECT kind, content, direction, probe, ecapture_type, form, provenance | ?2, clock, clock_offset_ns
                 FROM shapes WHERE id = ?1",
                params![shape, Provenance::LOST.bits()],
            )
            .at(path)?;
            db.last_insert_rowid()
        };
        self.shapes.insert(shape, lost);
        db.prepare_cached("UPDATE events SET shape_id = ?2, payload_bytes = 0 WHERE id = ?1")
            .and_then(|mut statement| statement.execute([id, lost]))
            .at(path)?;
        self.done.lost_payloads += 1;
        let bytes = &mut self.done.lost_payload_bytes;
        *bytes = bytes.saturating_add(stored.payload_bytes);
        self.losses.add(db, Loss::Payload, (id, id), 1).at(path)?;
        stored.payload_bytes = 0;
        stored.event.provenance |= Provenance::LOST;
        self.lost += 1;
        Ok(())
    }

    /// Notes that something may be missing before the event in its stream, so that no text is found that never was.
    fn note_cut(&mut self, id: i64, stream: i64) -> Result<(), Error> {
        let Copying { db, path, .. } = self.copying;
        if self.seen.len() >= STREAMS {
            self.seen.clear();
            self.lost += 1;
        }
        let before = self.seen.insert(stream, self.lost);
        if before.unwrap_or(0) < self.lost {
            db.prepare_cached("INSERT OR IGNORE INTO cuts (event_id) VALUES (?1)")
                .and_then(|mut statement| statement.execute([id]))
                .at(path)?;
        }
        Ok(())
    }
}

/// The result; `None` if what was read is damaged.
pub(super) fn unless_damaged<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_damage() => Ok(None),
        Err(error) => Err(error),
    }
}
