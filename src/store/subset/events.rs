//! The events of a subset, one after another in order of id: rows, payloads, indexes and digests.

use std::collections::HashMap;

use bytes::Bytes;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

use super::choice::Chosen;
use super::copy::{Copying, Rows, rows};
use super::losses::Losses;
use super::placer::Placer;
use super::redaction::{Missing, Redact};
use super::shared::Shared;
use crate::event::{Captured, ConnectionId, Details, Envelope, EventId, RecordingId, StoredEvent};
use crate::store::batch::Counters;
use crate::store::chain::{Chain, Commit};
use crate::store::digest::BatchHasher;
use crate::store::error::{At, Error};
use crate::store::intern::Interner;
use crate::store::row_writer::{INSERT_EVENT, add_details, add_envelope, add_event};
use crate::store::stream_text;

/// The row of an event.
const EVENT: Rows = rows!(
    "events",
    [
        "id, time_ns, received_after_ns, stream_id, shape_id, head_id, path_id, tid_after_pid, payload_bytes"
    ],
    "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9",
    "WHERE id = ?1"
);

/// The rows that an event names.
struct Named {
    shape: i64,
    head: Option<i64>,
    path: Option<i64>,
}

impl Named {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            shape: row.get("shape_id")?,
            head: row.get("head_id")?,
            path: row.get("path_id")?,
        })
    }
}

/// A batch with chosen events.
struct Batch {
    first: i64,
    last: i64,
    recording: i64,
    committed: i64,
    hasher: BatchHasher,
}

/// How much was copied.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Copied {
    pub(super) events: u64,
    pub(super) payload_bytes: u64,
    pub(super) redacted: Counters,
}

/// Copies events. Knows nothing of the subset's transactions.
pub(super) struct Copier<'a> {
    copying: Copying<'a>,
    chosen: &'a Chosen,
    streams: Shared,
    shapes: Shared,
    heads: Shared,
    paths: Shared,
    placer: Placer<'a>,
    batch: Option<Batch>,
    chain: Chain,
    redacting: Option<Redacting<'a>>,
    done: Copied,
}

/// What it takes to take secrets out of events.
struct Redacting<'a> {
    redact: &'a dyn Redact,
    losses: Losses,
    /// What says how events are to be read is not that of the original.
    interner: Interner,
    counted: HashMap<RecordingId, Counters>,
}

impl<'a> Copier<'a> {
    pub(super) fn new(copying: Copying<'a>, chosen: &'a Chosen) -> Result<Self, Error> {
        let Copying {
            db, path, redact, ..
        } = copying;
        let redacting = redact.map(|redact| Redacting::new(db, redact));
        let redacting = redacting.transpose().at(path)?;
        Ok(Self {
            copying,
            chosen,
            redacting,
            streams: Shared::streams(),
            shapes: Shared::shapes(),
            heads: Shared::heads(),
            paths: Shared::paths(),
            placer: Placer::new(copying)?,
            batch: None,
            chain: Chain::new(db, None).at(path)?,
            done: Copied::default(),
        })
    }

    /// Copies all that were chosen, some in each short read transaction. Ends early when it is stopped.
    pub(super) fn run(mut self) -> Result<Copied, Error> {
        let Copying { reader, .. } = self.copying;
        let mut after = i64::MIN;
        loop {
            let ids = self.chosen.after(after)?;
            let Some((last, _)) = ids.last() else { break };
            after = *last;
            let transaction = Transaction::new_unchecked(&reader.db, TransactionBehavior::Deferred)
                .at(&reader.path)?;
            for id in ids {
                if reader.watch().is_stopped() {
                    return Ok(self.done);
                }
                self.take(id)?;
            }
            transaction.finish().at(&reader.path)?;
            self.placer.save_lists()?;
        }
        self.end_batch()?;
        if let Some(redacting) = &self.redacting {
            redacting.note(self.copying.db).at(self.copying.path)?;
            let counted = redacting.counted.values();
            self.done.redacted = counted.fold(Counters::default(), |all, one| all.plus(one));
        }
        self.placer.finish()?;
        Ok(self.done)
    }

    /// Takes an event over. `is_connection_cut` says that one of its connection before it is left out.
    fn take(&mut self, (id, is_connection_cut): (i64, bool)) -> Result<(), Error> {
        let Copying {
            reader,
            db,
            path,
            vault,
            ..
        } = self.copying;
        // An event that was pruned since is not there any more.
        let Some(mut stored) = reader.event(EventId::new(id))? else {
            return Ok(());
        };
        let stream = stored.stream.row();
        self.streams.copy(&self.copying, stream)?;
        let mut envelope = reader.envelope(stored.id)?;
        let is_cut = self.is_cut(&stored)?;
        let scanned_bytes = stored.payload_bytes;
        let payload = if let Some(redacting) = &mut self.redacting {
            let is_cut = is_cut || is_connection_cut;
            Some(redacting.take(&self.copying, (&mut stored, &mut envelope), is_cut)?)
        } else {
            self.copy(id)?;
            None
        };
        if stored.event.details != Details::default() {
            add_details(db, stored.id, &stored.event.details).at(path)?;
        }
        add_envelope(db, vault, stored.id, &envelope).at(path)?;
        let digest = self
            .placer
            .place(&stored, stream, &envelope, payload.as_ref())?;
        self.add_to_batch(id, digest)?;
        if is_cut {
            db.prepare_cached("INSERT INTO cuts (event_id) VALUES (?1)")
                .and_then(|mut statement| statement.execute([id]))
                .at(path)?;
        }
        self.done.events += 1;
        let bytes = &mut self.done.payload_bytes;
        *bytes = bytes.saturating_add(stored.payload_bytes);
        reader.watch().add_scanned(scanned_bytes);
        Ok(())
    }

    /// Copies the row of an event as it is, and what says how it is to be read.
    fn copy(&mut self, id: i64) -> Result<(), Error> {
        let Copying { reader, .. } = self.copying;
        let named = reader
            .db
            .prepare_cached("SELECT shape_id, head_id, path_id FROM events WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([id], Named::read))
            .at(&reader.path)?;
        self.shapes.copy(&self.copying, named.shape)?;
        if let Some(head) = named.head {
            self.heads.copy(&self.copying, head)?;
        }
        if let Some(shared) = named.path {
            self.paths.copy(&self.copying, shared)?;
        }
        self.copying.copy(&EVENT, &[id])
    }

    /// Whether what came before the event in its stream is not in the subset.
    fn is_cut(&self, stored: &StoredEvent) -> Result<bool, Error> {
        let Copying { reader, .. } = self.copying;
        let id = stored.id.number();
        if stored.connection.is_none() {
            return Ok(false);
        }
        if self.chosen.is_everything || reader.is_cut(id)? {
            return reader.is_cut(id);
        }
        match stream_text::previous(reader, id)? {
            Some(previous) => Ok(!self.chosen.has(previous)?),
            None => Ok(false),
        }
    }

    fn add_to_batch(&mut self, id: i64, digest: [u8; 32]) -> Result<(), Error> {
        if self.batch.as_ref().is_some_and(|batch| batch.last < id) {
            self.end_batch()?;
        }
        if self.batch.is_none() {
            self.batch = self.batch_of(id)?;
        }
        if let Some(batch) = &mut self.batch {
            batch.hasher.update(&digest);
        }
        Ok(())
    }

    /// The batch that the event was committed with; `None` if the capture knows of none.
    fn batch_of(&self, id: i64) -> Result<Option<Batch>, Error> {
        let Copying { reader, .. } = self.copying;
        let batch = reader
            .db
            .prepare_cached(
                "SELECT first_id, last_id, recording_id, committed_ns FROM batches
                 WHERE first_id <= ?1 ORDER BY first_id DESC LIMIT 1",
            )
            .and_then(|mut statement| {
                let mut rows = statement.query([id])?;
                rows.next()?.map(Batch::read).transpose()
            })
            .at(&reader.path)?;
        Ok(batch.filter(|batch| batch.last >= id))
    }

    fn end_batch(&mut self) -> Result<(), Error> {
        let Copying { db, path, .. } = self.copying;
        let Some(batch) = self.batch.take() else {
            return Ok(());
        };
        let commit = Commit {
            first: batch.first,
            last: batch.last,
            recording: batch.recording,
            committed_ns: batch.committed,
            digest: batch.hasher.finish().to_vec(),
        };
        self.chain.add(db, &commit).at(path)
    }
}

impl<'a> Redacting<'a> {
    fn new(db: &Connection, redact: &'a dyn Redact) -> rusqlite::Result<Self> {
        Ok(Self {
            redact,
            losses: Losses::default(),
            // No stream is looked for.
            interner: Interner::new(db, ConnectionId::new(1))?,
            counted: HashMap::new(),
        })
    }

    /// Takes the secrets out of an event, adds its row, and gives its payload.
    fn take(
        &mut self,
        copying: &Copying<'_>,
        (stored, envelope): (&mut StoredEvent, &mut Envelope),
        is_cut: bool,
    ) -> Result<Bytes, Error> {
        let Copying {
            reader,
            db,
            path,
            vault,
            ..
        } = *copying;
        let missing = if self.losses.before(reader, stored)? {
            Missing::OfAny
        } else if is_cut {
            Missing::OfConnection
        } else {
            Missing::Nothing
        };
        let mut captured = Captured {
            event: stored.event.clone(),
            payload: reader.payload(stored)?.start(usize::MAX)?,
            envelope: std::mem::take(envelope),
        };
        let counted = self.redact.event(&mut captured, stored.connection, missing);
        let all = self.counted.entry(stored.recording).or_default();
        *all = all.plus(&counted);
        stored.event = vault.indexed(&captured.event).into_owned();
        stored.payload_bytes = captured.payload.len() as u64;
        *envelope = captured.envelope;
        let mut insert = db.prepare_cached(INSERT_EVENT).at(path)?;
        let row = (stored.id, stored.stream.row(), stored.payload_bytes);
        add_event(db, (&mut insert, &mut self.interner), row, &stored.event).at(path)?;
        Ok(captured.payload)
    }

    /// Notes what was done in the recordings, beside what their recorders did.
    fn note(&self, db: &Connection) -> rusqlite::Result<()> {
        db.execute(
            "UPDATE recordings SET redaction_key = CASE
                WHEN redaction_key <> ?1 THEN redaction_key || ', ' || ?1 ELSE ?1 END",
            [self.redact.key()],
        )?;
        for (recording, counted) in &self.counted {
            db.prepare_cached(
                "UPDATE recordings SET redacted_secrets = redacted_secrets + ?2, opaque_events = opaque_events + ?3,
                    opaque_bytes = opaque_bytes + ?4
                 WHERE id = ?1",
            )?
            .execute(params![
                recording.number(),
                counted.redacted_secrets,
                counted.opaque_events,
                counted.opaque_bytes
            ])?;
        }
        Ok(())
    }
}

impl Batch {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (first, last, recording) = (
            row.get("first_id")?,
            row.get("last_id")?,
            row.get("recording_id")?,
        );
        Ok(Self {
            first,
            last,
            recording,
            committed: row.get("committed_ns")?,
            hasher: BatchHasher::new(
                RecordingId::new(recording),
                EventId::new(first),
                EventId::new(last),
            ),
        })
    }
}
