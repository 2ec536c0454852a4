//! From a batch to rows.

use rusqlite::{Connection, OptionalExtension, Statement, params};

use super::batch::{Batch, Counters, NewEvent};
use super::block::Class;
use super::chain::{Chain, ChainKey, Commit};
use super::digest::{BatchHasher, append_fields};
use super::grams;
use super::intern::Interner;
use super::postings::Postings;
use super::press::Press;
use super::prune::Gone;
use super::span_writer::SpanWriter;
use super::stream_ends::{NO_DIRECTION, StreamEnds};
use super::surroundings;
use super::tail::{Tail, TailError};
use super::vault::{Column, Place, Vault};
use crate::event::{
    ConnectionId, Details, Direction, Envelope, Event, EventId, RecordingId, Timestamp,
};

/// Turns batches into rows. Knows nothing of transactions.
pub(super) struct RowWriter {
    /// A recording a source; the first leads the others.
    recordings: Vec<RecordingId>,
    interner: Interner,
    tail: Tail,
    press: Press,
    postings: Postings,
    ends: StreamEnds,
    spans: SpanWriter,
    chain: Chain,
    vault: Vault,
}

impl RowWriter {
    pub(super) fn new(
        db: &Connection,
        recordings: Vec<RecordingId>,
        next_connection: ConnectionId,
        chain_key: Option<ChainKey>,
        vault: Vault,
    ) -> Result<Self, TailError> {
        // What an earlier recorder left in the tail has lost its surroundings.
        db.execute_batch("INSERT OR IGNORE INTO junctions (event_id) SELECT event_id FROM tail")?;
        let next = |sql| db.query_row(sql, [], |row| row.get::<_, i64>(0));
        Ok(Self {
            ends: StreamEnds::new(
                next("SELECT COALESCE(MAX(id), 0) + 1 FROM streams")?,
                next("SELECT COALESCE(MAX(last_id), 0) + 1 FROM batches")?
                    .max(next("SELECT COALESCE(MAX(last_id), 0) + 1 FROM removals")?),
            ),
            recordings,
            interner: Interner::new(db, next_connection)?,
            tail: Tail::new(db, vault.clone())?,
            press: Press::new(vault.clone())?,
            postings: Postings::new(db)?,
            spans: SpanWriter::default(),
            chain: Chain::new(db, chain_key)?,
            vault,
        })
    }

    /// The newest link of the chain, if there is one.
    pub(super) fn chain_head(&self) -> Option<&[u8]> {
        self.chain.head()
    }

    /// Forgets events that were pruned: their payloads must not go into a block, nor their ids into a list.
    pub(super) fn forget_events(&mut self, gone: &Gone) {
        let is_gone = |id: i64| match gone {
            Gone::Through(last) => id <= *last,
            Gone::Events(ids) => ids.binary_search(&id).is_ok(),
        };
        self.tail.forget(&is_gone);
        self.postings.forget(&is_gone);
    }

    /// Forgets the rows that events share: what no event needs is about to be swept.
    pub(super) fn forget_shared(&mut self) {
        self.interner.forget();
    }

    /// Writes a batch of each recording.
    pub(super) fn write(
        &mut self,
        db: &Connection,
        batches: &[&Batch],
        now: Timestamp,
    ) -> Result<(), TailError> {
        for (recording, batch) in self.recordings.iter().zip(batches) {
            surroundings::write(db, *recording, batch)?;
            for connection in &batch.connections {
                surroundings::add_connection(db, connection)?;
            }
        }
        // First, so that the events of a batch go to the streams of those before.
        for (recording, batch) in self.recordings.iter().zip(batches) {
            for identified in &batch.identified {
                self.interner.identify(db, *recording, identified)?;
            }
        }
        match batches {
            [batch] => self.write_events(db, batch.events.iter(), now)?,
            _ => self.write_events(db, in_order(batches).into_iter(), now)?,
        }
        for batch in batches {
            for update in &batch.connection_updates {
                surroundings::update_connection(db, update)?;
            }
            self.move_events(db, &batch.moves)?;
        }
        self.tail.save(db)?;
        self.postings.save(db)?;
        let counters = batches.iter().map(|batch| &batch.counters);
        self.write_counters(db, counters, now)?;
        Ok(())
    }

    fn move_events(
        &mut self,
        db: &Connection,
        moves: &[(EventId, ConnectionId)],
    ) -> rusqlite::Result<()> {
        let mut moved = Vec::new();
        let mut streams = Vec::new();
        for (event, connection) in moves {
            let id = event.number();
            if let Some(stream) = self.interner.moved_stream(db, id, *connection)? {
                streams.push(stream);
                streams.extend(
                    db.prepare_cached("SELECT stream_id FROM events WHERE id = ?1")?
                        .query_row([id], |row| row.get::<_, i64>(0))
                        .optional()?,
                );
                db.prepare_cached("UPDATE events SET stream_id = ?2 WHERE id = ?1")?
                    .execute(params![id, stream])?;
                self.postings.add_moved(db, stream, id)?;
                moved.push((id, stream));
            }
        }
        let Some((first, _)) = moved.first() else {
            return Ok(());
        };
        if let Some(junctions) = self.ends.move_events(&moved) {
            for event in junctions {
                grams::add_junction(db, event)?;
            }
            return Ok(());
        }
        // Where it is not known which events follow the moved ones, all that can are looked at.
        for stream in streams {
            db.prepare_cached(
                "INSERT OR IGNORE INTO junctions (event_id)
                 SELECT id FROM events WHERE id >= ?1 AND +stream_id = ?2",
            )?
            .execute([*first, stream])?;
            self.ends.forget(stream);
        }
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        db: &Connection,
        counters: &[Counters],
        now: Timestamp,
    ) -> Result<(), TailError> {
        self.tail.flush(db, &mut self.press)?;
        self.postings.flush(db)?;
        self.write_counters(db, counters.iter(), now)?;
        for recording in &self.recordings {
            db.execute(
                "UPDATE recordings SET ended_ns = ?2, is_clean = 1 WHERE id = ?1",
                params![recording.number(), now.as_nanos()],
            )?;
        }
        Ok(())
    }

    /// Writes events in order of id, and the batch that they are.
    fn write_events<'a>(
        &mut self,
        db: &Connection,
        events: impl DoubleEndedIterator<Item = &'a NewEvent> + Clone,
        now: Timestamp,
    ) -> Result<(), TailError> {
        let (Some(lead), Some(first), Some(last)) = (
            self.recordings.first().copied(),
            events.clone().next(),
            events.clone().next_back(),
        ) else {
            return Ok(());
        };
        self.press
            .begin_batch(BatchHasher::new(lead, first.id, last.id))?;
        let mut insert = db.prepare_cached(INSERT_EVENT)?;
        for new in events {
            let (event, payload) = (&new.captured.event, &new.captured.payload);
            let event = &*self.vault.indexed(event);
            let id = new.id.number();
            let stream = self.interner.stream(db, new)?;
            let payload_bytes = payload.len() as u64;
            add_event(
                db,
                (&mut insert, &mut self.interner),
                (new.id, stream, payload_bytes),
                event,
            )?;
            if event.details != Details::default() {
                add_details(db, new.id, &event.details)?;
            }
            add_envelope(db, &self.vault, new.id, &new.captured.envelope)?;
            let place = new.connection.map(|_| {
                let direction = event.direction.map_or(NO_DIRECTION, Direction::code);
                (stream, direction)
            });
            let before = self.ends.add(id, place, payload);
            if !before.is_known() {
                grams::add_junction(db, id)?;
            }
            if let Some(class) = Class::of(event.content, payload_bytes) {
                self.tail
                    .add(db, &mut self.press, id, class, (payload, before))?;
            }
            self.press.add_event(payload, |out| {
                let envelope = &new.captured.envelope;
                append_fields(out, &self.vault, new.id, event, envelope, payload_bytes);
            })?;
            self.postings.add(stream, id);
            self.spans.add(db, id, event.time.as_nanos())?;
        }
        self.spans.save(db)?;
        let digest = self.press.end_batch()?;
        self.tail.store(db, &mut self.press, true)?;
        let commit = Commit::new((first.id, last.id), lead, now, digest);
        self.chain.add(db, &commit)?;
        Ok(())
    }

    fn write_counters<'a>(
        &self,
        db: &Connection,
        counters: impl Iterator<Item = &'a Counters>,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let mut update = db.prepare_cached(
            "UPDATE recordings SET
                last_commit_ns = ?2, received_frames = ?3, received_bytes = ?4, stored_events = ?5,
                unreadable_frames = ?6, dropped_frames = ?7, dropped_bytes = ?8, withheld_keys = ?9,
                destroyed_sockets = ?10, replayed_logs = ?11, stored_logs = ?12, heartbeats = ?13, lost_samples = ?14,
                filtered_events = ?15, filtered_bytes = ?16, shortened_events = ?17, shortened_bytes = ?18,
                gone_processes = ?19, unlike_processes = ?20, skipped_processes = ?21,
                redacted_secrets = ?22, opaque_events = ?23, opaque_bytes = ?24
             WHERE id = ?1",
        )?;
        for (recording, counters) in self.recordings.iter().zip(counters) {
            update.execute(params![
                recording.number(),
                now.as_nanos(),
                counters.received_frames,
                counters.received_bytes,
                counters.stored_events,
                counters.unreadable_frames,
                counters.dropped_frames,
                counters.dropped_bytes,
                counters.withheld_keys,
                counters.destroyed_sockets,
                counters.replayed_logs,
                counters.stored_logs,
                counters.heartbeats,
                counters.lost_samples,
                counters.filtered_events,
                counters.filtered_bytes,
                counters.shortened_events,
                counters.shortened_bytes,
                counters.gone_processes,
                counters.unlike_processes,
                counters.skipped_processes,
                counters.redacted_secrets,
                counters.opaque_events,
                counters.opaque_bytes
            ])?;
        }
        Ok(())
    }
}

/// The events of all batches in order of arrival.
fn in_order<'a>(batches: &[&'a Batch]) -> Vec<&'a NewEvent> {
    let mut events: Vec<_> = batches.iter().flat_map(|batch| &batch.events).collect();
    // Each batch is in order by itself, and runs of it are what this sort is made for.
    events.sort_by_key(|event| event.id);
    events
}

/// Takes the row of an event.
pub(super) const INSERT_EVENT: &str = "INSERT INTO events
        (id, time_ns, received_after_ns, stream_id, shape_id, head_id, path_id, tid_after_pid, payload_bytes)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// Adds the row of an event, which is what may stand in the clear of it, through the statement [`INSERT_EVENT`], and those of the rows
/// that it shares with others that say how it is to be read. `stream` is its row of `streams`.
pub(super) fn add_event(
    db: &Connection,
    (insert, interner): (&mut Statement<'_>, &mut Interner),
    (id, stream, payload_bytes): (EventId, i64, u64),
    event: &Event,
) -> rusqlite::Result<()> {
    let shape = interner.shape(db, event)?;
    let head = event
        .http
        .as_ref()
        .map(|head| interner.head(db, head))
        .transpose()?;
    let (head, path) = head.map_or((None, None), |(head, path)| (Some(head), path));
    let process = &event.process;
    let tid_after_pid = process
        .tid
        .map(|tid| i64::from(tid) - i64::from(process.pid.unwrap_or(0)));
    insert.execute(params![
        id.number(),
        event.time.as_nanos(),
        event
            .received
            .as_nanos()
            .wrapping_sub(event.time.as_nanos()),
        stream,
        shape,
        head,
        path,
        tid_after_pid,
        payload_bytes
    ])?;
    Ok(())
}

/// Adds what only some probes say.
pub(super) fn add_details(db: &Connection, id: EventId, details: &Details) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO details
            (event_id, return_value, status, total_bytes, monotonic_ns, interface_index, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        id.number(),
        details.return_value,
        details.status,
        details.total_bytes.map(u64::cast_signed),
        details.monotonic_ns.map(u64::cast_signed),
        details.interface_index,
        details.reason
    ])?;
    Ok(())
}

/// Adds what of a frame its event and payload do not give again.
pub(super) fn add_envelope(
    db: &Connection,
    vault: &Vault,
    id: EventId,
    envelope: &Envelope,
) -> rusqlite::Result<()> {
    let (before, after) = match envelope {
        Envelope::Rendered => return Ok(()),
        Envelope::Around { head, tail } => (head, Some(tail.as_ref())),
        Envelope::Whole(frame) => (frame, None),
    };
    let before = vault.encrypt(Place::new(Column::EnvelopeBefore, id.number()), before)?;
    let after = after
        .map(|after| vault.encrypt(Place::new(Column::EnvelopeAfter, id.number()), after))
        .transpose()?;
    db.prepare_cached("INSERT INTO envelopes (event_id, before, after) VALUES (?1, ?2, ?3)")?
        .execute(params![id.number(), before, after])?;
    Ok(())
}
