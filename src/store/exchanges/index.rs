//! Makes the index of exchanges: goes through events in order, has conversations read them, and stores what they say.
//!
//! One way for a live recording, for `reindex` and for a query that finds the index wanting: events that are committed
//! are read back, up to where they are old enough that no later one belongs before them. So the index never holds a
//! recording up, and what it lacks can be caught up on at any time. `progress` says up to which event it is complete. A
//! connection of which events were read earlier, and whose conversation is not at hand any more, is read again from its
//! beginning; its exchanges keep their numbers.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::open::{OpenExchanges, Renumbered};
use super::removal;
use super::source::{ConnectionEvents, PLACES, Place, Waiting};
use super::writer::ExchangeWriter;
use crate::event::{EventId, Timestamp};
use crate::http::conversation::{Conversation, Piece};
use crate::store::error::{At, Error};
use crate::store::payload::Payload;
use crate::store::reader::Reader;
use crate::store::watch::Watch;

/// How many events are read in one statement.
const READ_EVENTS: i64 = 1024;

/// How many conversations are kept at hand. Beyond that, the longest idle half is put aside.
const MAX_CONVERSATIONS: usize = 1024;

/// How many exchanges that are not over they may have, all together: some 2 KiB each. Beyond that, the longest idle are put
/// aside, too.
const MAX_OPEN: usize = 32 * 1024;

/// What is to be stored is stored when so many events were read,
const STORE_EVENTS: u64 = 8 * 1024;

/// or when the heads and the pieces of bodies that wait take so many bytes.
const STORE_BYTES: usize = 8 << 20;

/// The version of what reads conversations. It counts up when that gets better, so that `reindex` makes the index anew.
const READER: i64 = 5;

/// A connection whose conversation is at hand.
#[derive(Default)]
struct Entry {
    conversation: Conversation,
    open: OpenExchanges,
    used: u64,
    /// The row of `streams` of the event that was read last.
    stream: i64,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Indexed {
    /// How many events were read.
    pub events: u64,
    /// How many of them have a payload that cannot be read.
    pub damaged: u64,
}

/// Makes the index from what a reader gives, in the tables that a connection reaches.
pub(in crate::store) struct Indexer<'a> {
    reader: &'a Reader,
    db: &'a Connection,
    writer: ExchangeWriter,
    entries: HashMap<i64, Entry, RandomState>,
    changed: HashSet<i64, RandomState>,
    /// Exchanges that are over and whose text has to be read back.
    unread: Vec<i64>,
    waiting: Waiting,
    /// The last event that was read.
    after: i64,
    /// The event up to which the stored index is complete.
    stored: i64,
    /// Connections up to this one may have been read before.
    seen_connections: i64,
    clock: u64,
    unstored_events: u64,
    unstored_bytes: usize,
    done: Indexed,
}

/// Up to which event the index is complete.
pub(in crate::store) fn indexed(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT event_id FROM exchange_progress")?
        .query_row([], |row| row.get("event_id"))
        .optional()
        .map(|id| id.unwrap_or(0))
}

/// Whether an earlier version of the reader made the index, or a part of it.
pub(in crate::store) fn is_outdated(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row(
        "SELECT EXISTS (SELECT 1 FROM exchange_progress WHERE reader < ?1)",
        [READER],
        |row| row.get(0),
    )
}

/// Empties the index.
pub(in crate::store) fn clear(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(
        "BEGIN IMMEDIATE;
         DELETE FROM exchange_parts WHERE true;
         DELETE FROM head_blocks WHERE true;
         DELETE FROM head_tail WHERE true;
         DELETE FROM text_grams WHERE true;
         DELETE FROM exchanges WHERE true;
         DELETE FROM exchange_facts WHERE true;
         DELETE FROM exchange_paths WHERE true;
         DELETE FROM exchange_progress WHERE true;
         COMMIT",
    )
}

impl<'a> Indexer<'a> {
    /// Goes on where the tables end.
    pub(in crate::store) fn new(reader: &'a Reader, db: &'a Connection) -> Result<Self, Error> {
        let path = &reader.path;
        let after = indexed(db).at(path)?;
        // Also where all that was read had to wait for the first event, and progress is none.
        let seen_connections = db
            .query_row(
                "SELECT COALESCE(MAX(id), 0) FROM connections WHERE EXISTS (SELECT 1 FROM exchanges)",
                [],
                |row| row.get(0),
            )
            .at(path)?;
        Ok(Self {
            reader,
            db,
            writer: ExchangeWriter::new(db, &reader.vault).at(path)?,
            entries: HashMap::default(),
            changed: HashSet::default(),
            unread: Vec::new(),
            waiting: Waiting::default(),
            after,
            stored: after,
            seen_connections,
            clock: 0,
            unstored_events: 0,
            unstored_bytes: 0,
            done: Indexed::default(),
        })
    }

    /// What was done so far.
    pub(in crate::store) fn done(&self) -> Indexed {
        self.done
    }

    /// Reads the events up to the id `upper`, and stores what they say. The last of them may have to wait for others.
    pub(in crate::store) fn advance(&mut self, upper: i64, watch: &Watch) -> Result<(), Error> {
        while self.after < upper && !watch.is_stopped() {
            let (places, last) = self.read(upper)?;
            for place in places {
                // Up to here and no further: what a replay reads must not be what is still to come of this batch.
                self.after = place.id;
                self.waiting.push(place);
                self.take_waiting(watch)?;
                if watch.is_stopped() {
                    break;
                }
            }
            if !watch.is_stopped() {
                self.after = last;
            }
            self.store_if_due()?;
        }
        if self.unstored_events > 0 {
            self.store()?;
        }
        Ok(())
    }

    /// Reads what waits and stores what it says: nothing came for so long that nothing earlier will.
    pub(in crate::store) fn settle(&mut self, watch: &Watch) -> Result<(), Error> {
        self.take_all(watch)?;
        if self.unstored_events > 0 || self.stored < self.after {
            self.store()?;
        }
        Ok(())
    }

    fn take_all(&mut self, watch: &Watch) -> Result<(), Error> {
        while self.take_next(true, watch)? {
            self.store_if_due()?;
        }
        Ok(())
    }

    /// Takes what has waited enough.
    fn take_waiting(&mut self, watch: &Watch) -> Result<(), Error> {
        while self.take_next(false, watch)? {}
        Ok(())
    }

    /// Takes the earliest that waits, if it has waited enough, or `at_once`.
    fn take_next(&mut self, at_once: bool, watch: &Watch) -> Result<bool, Error> {
        if watch.is_stopped() {
            return Ok(false);
        }
        let Some(place) = self.waiting.pop(at_once) else {
            return Ok(false);
        };
        let is_taken = self.take(&place, watch)?;
        if !is_taken {
            self.waiting.put_back(place);
        }
        Ok(is_taken)
    }

    /// Reads what waits, ends every conversation and stores the rest: there is nothing behind the last event.
    pub(in crate::store) fn finish(mut self, watch: &Watch) -> Result<Indexed, Error> {
        self.take_all(watch)?;
        if !watch.is_stopped() {
            for (connection, entry) in &mut self.entries {
                let Entry {
                    conversation,
                    open,
                    stream,
                    ..
                } = entry;
                conversation.end(&mut |part| open.take(*stream, &part));
                self.changed.insert(*connection);
            }
        }
        self.store()?;
        if !watch.is_stopped() {
            self.writer.finish(self.db, self.reader)?;
        }
        Ok(self.done)
    }

    /// The next events, and the last id that was looked at.
    fn read(&self, upper: i64) -> Result<(Vec<Place>, i64), Error> {
        let (db, path) = (&self.reader.db, &self.reader.path);
        let Some(next) = self.reader.next_id(self.after, upper)? else {
            return Ok((Vec::new(), upper));
        };
        let last = next.saturating_add(READ_EVENTS).min(upper);
        let mut statement = db
            .prepare_cached(&format!(
                "{PLACES} WHERE e.id > ?1 AND e.id <= ?2 ORDER BY e.id"
            ))
            .at(path)?;
        let places: rusqlite::Result<Vec<_>> = statement
            .query_map([self.after, last], Place::read)
            .at(path)?
            .filter_map(Result::transpose)
            .collect();
        Ok((places.at(path)?, last))
    }

    /// Has the event read by the conversation of its connection. `false` if it was told to stop before it came to that.
    fn take(&mut self, place: &Place, watch: &Watch) -> Result<bool, Error> {
        if !self.entries.contains_key(&place.connection) {
            let entry = if place.connection <= self.seen_connections {
                let Some(entry) = self.replay(place, watch)? else {
                    return Ok(false);
                };
                entry
            } else {
                Entry::default()
            };
            self.seen_connections = self.seen_connections.max(place.connection);
            self.entries.insert(place.connection, entry);
        }
        self.clock += 1;
        let Some(entry) = self.entries.get_mut(&place.connection) else {
            return Ok(true);
        };
        entry.used = self.clock;
        let before = entry.open.bytes;
        if !feed(self.reader, entry, place)? {
            self.done.damaged += 1;
        }
        self.unstored_bytes += entry.open.bytes.saturating_sub(before);
        self.done.events += 1;
        self.unstored_events += 1;
        self.changed.insert(place.connection);
        watch.add_scanned(place.payload_bytes);
        Ok(true)
    }

    /// Reads the events of a connection again that were read before `next`: all that came up to `after` and do not wait.
    /// `None` if it was told to stop; half a conversation would count its exchanges wrongly.
    fn replay(&mut self, next: &Place, watch: &Watch) -> Result<Option<Entry>, Error> {
        let path = &self.reader.path;
        let mut entry = Entry::default();
        entry.open.is_replayed = true;
        if removal::newest_removed(self.db).at(path)? > 0 {
            entry.open.renumbered = Some(Renumbered::default());
        }
        let mut waiting = Waiting::default();
        let mut events =
            ConnectionEvents::new(&self.reader.db, next.connection, self.after).at(path)?;
        while let Some(id) = events.next(&self.reader.db).at(path)? {
            if watch.is_stopped() {
                return Ok(None);
            }
            if id == next.id || self.waiting.has(id) {
                continue;
            }
            let place = place_of(self.reader, id)?;
            // A listed event may have moved to another connection since.
            if let Some(place) = place.filter(|place| place.connection == next.connection) {
                waiting.push(place);
            }
            while let Some(place) = waiting.pop(false) {
                self.replay_one(&mut entry, &place)?;
            }
        }
        while let Some(place) = waiting.pop(true) {
            self.replay_one(&mut entry, &place)?;
        }
        Ok(Some(entry))
    }

    fn replay_one(&mut self, entry: &mut Entry, place: &Place) -> Result<(), Error> {
        feed(self.reader, entry, place)?;
        if entry.open.bytes >= STORE_BYTES {
            let transaction = begin(self.db, self.reader)?;
            self.writer
                .keep_up(&transaction)
                .and_then(|()| {
                    self.writer.write(
                        &transaction,
                        place.connection,
                        &mut entry.open,
                        &mut self.unread,
                    )
                })
                .and_then(|()| self.writer.store(&transaction))
                .and_then(|()| transaction.commit())
                .at(&self.reader.path)?;
        }
        Ok(())
    }

    fn store_if_due(&mut self) -> Result<(), Error> {
        if self.unstored_events >= STORE_EVENTS || self.unstored_bytes >= STORE_BYTES {
            self.store()
        } else {
            Ok(())
        }
    }

    /// Stores what changed, in one transaction, and then the text of the exchanges that are over, in another.
    fn store(&mut self) -> Result<(), Error> {
        let path = &self.reader.path;
        let transaction = begin(self.db, self.reader)?;
        self.writer.keep_up(&transaction).at(path)?;
        let mut changed: Vec<_> = self.changed.drain().collect();
        changed.sort_unstable();
        // Ids in the order in which exchanges began.
        let mut begun = Vec::new();
        for connection in &changed {
            if let Some(entry) = self.entries.get(connection) {
                begun.extend(entry.open.begun(*connection));
            }
        }
        begun.sort_unstable();
        for (_, connection, number) in begun {
            if let Some(entry) = self.entries.get_mut(&connection) {
                self.writer
                    .give_id(&transaction, connection, number, &mut entry.open)
                    .at(path)?;
            }
        }
        for connection in changed {
            if let Some(entry) = self.entries.get_mut(&connection) {
                self.writer
                    .write(&transaction, connection, &mut entry.open, &mut self.unread)
                    .at(path)?;
            }
        }
        self.writer.store(&transaction).at(path)?;
        // What waits has not been read.
        let complete = self
            .waiting
            .smallest_id()
            .map_or(self.after, |first| first.saturating_sub(1));
        transaction
            .prepare_cached(
                // What an earlier version of the reader made stays what it is.
                "INSERT INTO exchange_progress (id, event_id, reader) VALUES (1, ?1, ?2)
                 ON CONFLICT (id) DO UPDATE SET event_id = excluded.event_id, reader = MIN(reader, excluded.reader)",
            )
            .and_then(|mut statement| statement.execute(params![complete, READER]))
            .at(path)?;
        transaction.commit().at(path)?;
        self.stored = complete;
        self.unstored_events = 0;
        self.unstored_bytes = 0;
        self.put_aside();
        self.writer
            .take_texts(self.db, self.reader, &mut self.unread)
    }

    /// Puts conversations aside if they, or what they have begun, are too many. What they said is stored.
    fn put_aside(&mut self) {
        let open = |entry: &Entry| entry.open.stored.len();
        let all: usize = self.entries.values().map(open).sum();
        if self.entries.len() <= MAX_CONVERSATIONS && all <= MAX_OPEN {
            return;
        }
        let mut by_use: Vec<_> = (self.entries.values())
            .map(|entry| (entry.used, open(entry)))
            .collect();
        by_use.sort_unstable_by(|one, other| other.cmp(one));
        // The one that was used last stays, however much it has begun.
        let (mut kept, mut begun, mut oldest) = (0, 0_usize, u64::MAX);
        for (used, open) in by_use {
            begun = begun.saturating_add(open);
            if kept > 0 && (kept >= MAX_CONVERSATIONS / 2 || begun > MAX_OPEN / 2) {
                break;
            }
            (kept, oldest) = (kept + 1, used);
        }
        self.entries.retain(|_, entry| entry.used >= oldest);
    }
}

/// Gives an event to the conversation; `false` if its payload cannot be read.
fn feed(reader: &Reader, entry: &mut Entry, place: &Place) -> Result<bool, Error> {
    let payload = Payload::of(reader, place.id, place.class(), place.payload_bytes);
    let Some(mut payload) = unless_lost(payload)? else {
        return Ok(false);
    };
    let Some(mut next) = unless_lost(payload.next_piece())? else {
        return Ok(false);
    };
    let Some(direction) = place.direction(next.as_deref().unwrap_or_default()) else {
        return Ok(true);
    };
    entry.stream = place.stream;
    let Entry {
        conversation, open, ..
    } = entry;
    let mut sink = |part: crate::http::conversation::Part<'_>| open.take(place.stream, &part);
    let mut piece = Piece {
        event: EventId::new(place.id),
        time: Timestamp::from_nanos(place.time),
        direction,
        content: place.content(),
        provenance: place.provenance(),
        offset: 0,
        bytes: &[],
        is_last: true,
    };
    if place.payload_bytes == 0 {
        conversation.push(&piece, &mut sink);
        return Ok(true);
    }
    while let Some(bytes) = next {
        let end = piece.offset + bytes.len() as u64;
        conversation.push(
            &Piece {
                bytes: &bytes,
                is_last: end >= place.payload_bytes,
                ..piece
            },
            &mut sink,
        );
        piece.offset = end;
        next = match unless_lost(payload.next_piece())? {
            Some(next) => next,
            None => return Ok(false),
        };
    }
    Ok(true)
}

/// What was read; `None` if it is lost, as an event is that never came.
fn unless_lost<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Error::Corrupt { .. } | Error::Pruned { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An event's place; `None` if it is gone.
pub(super) fn place_of(reader: &Reader, id: i64) -> Result<Option<Place>, Error> {
    reader
        .db
        .prepare_cached(&format!("{PLACES} WHERE e.id = ?1"))
        .and_then(|mut statement| statement.query_row([id], Place::read).optional())
        .map(Option::flatten)
        .at(&reader.path)
}

/// Begins a transaction; waits for the recorder's if need be.
pub(super) fn begin<'d>(db: &'d Connection, reader: &Reader) -> Result<Transaction<'d>, Error> {
    Transaction::new_unchecked(db, TransactionBehavior::Immediate).at(&reader.path)
}
