//! Makes what a capture lacks of search filters and of the index of exchanges: one that an earlier version recorded, or
//! all of it anew.
//!
//! Events are gone through in order of id, as they were recorded, and the filter of a block is made when its last event
//! was met; some blocks share a short transaction. An interrupted run goes on where it stopped. What came before an event
//! in its stream is remembered, or else looked up, so that afterwards no event has to be looked at without the filter.
//! Nothing else of the capture changes.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use bytes::Bytes;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::block::Class;
use super::error::{At, Error};
use super::exchanges::{Indexer, index};
use super::grams::{self, CROSSING_BYTES, Filter, FilterMaker, Searched};
use super::payload::{self, Payload};
use super::reader::Reader;
use super::stream_ends::Stream;
use super::stream_text::Place;
use super::vault::Secret;
use super::watch::Watch;
use super::{migrate, open, stream_text, undecoded};
use crate::filter::push_end;
use crate::http::body::Defect;

/// How many filters are stored in one transaction.
const BLOCKS: usize = 64;

/// How many events are read at once.
const EVENTS: i64 = 4096;

/// How many streams are remembered.
const STREAMS: usize = 64 * 1024;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reindexed {
    /// How many blocks got a filter.
    pub blocks: u64,
    /// How many events have a payload that cannot be read; their blocks have no filter, and every search opens them.
    pub damaged: u64,
    /// How many exchanges the index has now.
    pub exchanges: u64,
}

/// Makes what the index of exchanges lacks, and tells how many exchanges it has then.
fn catch_up(db: &Connection, reader: &Reader, watch: &Watch) -> Result<u64, Error> {
    let path = &reader.path;
    let newest = reader.newest_id()?;
    let indexed = index::indexed(db).at(path)?;
    let missing: u64 = db
        .query_row(
            "SELECT COALESCE(SUM(payload_bytes), 0) FROM events WHERE id > ?1",
            [indexed],
            |row| row.get(0),
        )
        .at(path)?;
    watch.add_total(missing);
    if indexed < newest {
        let mut indexer = Indexer::new(reader, db)?;
        indexer.advance(newest, watch)?;
        indexer.finish(watch)?;
    }
    // No row has the id 0. Without a condition, nothing would end this where pages lead in circles.
    let sql = "SELECT COUNT(*) FROM exchanges WHERE id <> 0";
    db.query_row(sql, [], |row| row.get(0)).at(path)
}

/// Makes the filters that the capture at `path` lacks, or with `anew` all of them, and brings it to this version's schema.
/// Leaves one file, as a recorder does. `secret` opens an encrypted capture. `watch` can stop it; what was made stays.
///
/// # Errors
/// When the file is not ours to write, a recorder has it, `secret` does not open it, it is newer than this program, or it cannot be read or written.
pub fn reindex(
    path: &Path,
    secret: Option<&Secret>,
    anew: bool,
    watch: &Watch,
) -> Result<Reindexed, Error> {
    let path = open::resolve(path)?;
    let (_lock, db, vault) = migrate::open_to_change(&path, secret)?;
    if anew {
        // Row by row, which can be ended where pages lead in circles.
        db.execute_batch("DELETE FROM grams WHERE true").at(&path)?;
    }
    if anew || index::is_outdated(&db).at(&path)? {
        index::clear(&db).at(&path)?;
    }
    // The reader looks at the file before SQLite does, and closing it would give up the locks of a connection that is
    // open meanwhile (POSIX fcntl). Ours is the recorder's lock: it takes the file for a live one.
    drop(db);
    let reader = Reader::open_with(&path, &vault)?;
    let mut db = open::open_for_writing(&path)?;
    if let Some(patience) = reader.patience() {
        patience.watch_over(&mut db, None).at(&path)?;
    }
    open::prepare_for_writing(&db, &path)?;
    let mut done = Reindex::new(&db, &reader).run(watch)?;
    done.exchanges = catch_up(&db, &reader, watch)?;
    drop(reader);
    open::leave_one_file(&db).at(&path)?;
    Ok(done)
}

/// A block whose filter is to be made.
struct Lacking {
    id: i64,
    last: i64,
    /// The end of what comes before each event in its stream, unless that cannot be read; and its payload.
    events: Vec<(i64, Option<Vec<u8>>, Bytes)>,
    is_damaged: bool,
}

/// A filter that is to be stored.
struct Made {
    block: i64,
    filter: Filter,
    /// The block's events, and whether the filter knows all that comes before each of them.
    events: Vec<(i64, bool)>,
}

struct Reindex<'a> {
    db: &'a Connection,
    reader: &'a Reader,
    maker: FilterMaker,
    /// The last bytes of streams, complete for those that are here.
    ends: HashMap<Stream, Vec<u8>>,
    /// The open block of each class.
    lacking: BTreeMap<u8, Lacking>,
    made: Vec<Made>,
    done: Reindexed,
}

impl<'a> Reindex<'a> {
    fn new(db: &'a Connection, reader: &'a Reader) -> Self {
        Self {
            db,
            reader,
            maker: FilterMaker::new(),
            ends: HashMap::new(),
            lacking: BTreeMap::new(),
            made: Vec::new(),
            done: Reindexed::default(),
        }
    }

    fn run(mut self, watch: &Watch) -> Result<Reindexed, Error> {
        let path = &self.reader.path;
        let (total, mut after): (u64, Option<i64>) = self
            .db
            .query_row(
                // In a capture without any filter, large payloads were not looked at either.
                "SELECT
                    COALESCE(SUM(b.raw_bytes), 0) AS total,
                    IIF(EXISTS (SELECT 1 FROM grams), MIN(b.first_id) - 1, 0) AS after
                 FROM blocks AS b
                 WHERE b.class <> ?1 AND NOT EXISTS (SELECT 1 FROM grams AS g WHERE g.part = 0 AND g.block_id = b.id)",
                [Class::Large.code()],
                |row| Ok((row.get("total")?, row.get("after")?)),
            )
            .at(path)?;
        watch.add_total(total);
        while let Some(last) = after
            && !watch.is_stopped()
        {
            let events = stream_text::places_after(self.reader, last, EVENTS)?;
            after = events.last().map(|event| event.id);
            for event in events {
                if watch.is_stopped() {
                    break;
                }
                self.take(&event, watch)?;
            }
        }
        self.store()?;
        Ok(self.done)
    }

    /// Takes an event into the filter of its block, and into the end of its stream.
    fn take(&mut self, event: &Place, watch: &Watch) -> Result<(), Error> {
        let Some(class) = event.class else {
            return Ok(());
        };
        if class == Class::Large {
            return self.take_large(event);
        }
        let payload = Payload::of(self.reader, event.id, Some(class), event.payload_bytes)
            .and_then(|payload| payload.start(usize::MAX));
        let Some(payload) = unless_damaged(payload)? else {
            self.done.damaged += 1;
            self.ends.remove(&event.stream);
            if let Some(block) = self.lacking.get_mut(&class.code()) {
                block.is_damaged |= block.last >= event.id;
            }
            return Ok(());
        };
        let before = self.before(event)?;
        self.remember(event, before.as_deref(), &payload);
        let is_new = self
            .lacking
            .get(&class.code())
            .is_none_or(|block| block.last < event.id);
        if is_new {
            self.finish(class);
            if let Some((id, last)) = self.block_of(class, event.id)? {
                let block = Lacking {
                    id,
                    last,
                    events: Vec::new(),
                    is_damaged: false,
                };
                self.lacking.insert(class.code(), block);
            }
            if self.made.len() >= BLOCKS {
                self.store()?;
            }
        }
        if let Some(block) = self.lacking.get_mut(&class.code()) {
            watch.add_scanned(payload.len() as u64);
            block.events.push((event.id, before, payload));
            if block.last == event.id {
                self.finish(class);
            }
        }
        Ok(())
    }

    fn take_large(&mut self, event: &Place) -> Result<(), Error> {
        let Some((end, defect)) = unless_damaged(self.read_large(event))? else {
            self.done.damaged += 1;
            self.ends.remove(&event.stream);
            return Ok(());
        };
        self.remember(event, None, &end);
        match defect {
            Some(defect) => {
                grams::store_undecoded(self.db, &[(event.id, defect)]).at(&self.reader.path)
            }
            None => Ok(()),
        }
    }

    /// The last bytes of a large payload, and why its body cannot be decoded.
    fn read_large(&self, event: &Place) -> Result<(Vec<u8>, Option<Defect>), Error> {
        let payload = || {
            Payload::of(
                self.reader,
                event.id,
                Some(Class::Large),
                event.payload_bytes,
            )
        };
        let defect = undecoded::defect_of_large(payload()?, event.payload_bytes)?;
        Ok((payload()?.end(CROSSING_BYTES)?, defect))
    }

    /// The last bytes before an event in its stream; `None` if they cannot be read.
    fn before(&mut self, event: &Place) -> Result<Option<Vec<u8>>, Error> {
        if !event.has_connection {
            return Ok(Some(Vec::new()));
        }
        match self.ends.get(&event.stream) {
            Some(end) => Ok(Some(end.clone())),
            None => unless_damaged(stream_text::before(self.reader, event.id, CROSSING_BYTES)),
        }
    }

    /// Remembers the end of the event's stream, if it is known.
    fn remember(&mut self, event: &Place, before: Option<&[u8]>, payload: &[u8]) {
        if !event.has_connection {
            return;
        }
        if before.is_none() && payload.len() < CROSSING_BYTES {
            self.ends.remove(&event.stream);
            return;
        }
        if self.ends.len() >= STREAMS {
            self.ends.clear();
        }
        let mut end = before.unwrap_or_default().to_vec();
        push_end(&mut end, payload, CROSSING_BYTES);
        self.ends.insert(event.stream, end);
    }

    /// The block of an event, with its last event, if it lacks a filter.
    fn block_of(&self, class: Class, event: i64) -> Result<Option<(i64, i64)>, Error> {
        let header = payload::blocks_of(self.reader, class, &(event..=event))?
            .into_iter()
            .next_back();
        let Some(header) = header else {
            return Ok(None);
        };
        let has_filter: bool = self
            .db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM grams WHERE part = 0 AND block_id = ?1)")
            .at(&self.reader.path)?
            .query_row([header.id], |row| row.get(0))
            .at(&self.reader.path)?;
        // A run that goes on may begin within a block, of which it then has not all events.
        let is_whole = header.first == event;
        Ok((!has_filter && is_whole).then_some((header.id, header.last)))
    }

    /// Makes the filter of the open block of a class.
    fn finish(&mut self, class: Class) {
        let Some(block) = self.lacking.remove(&class.code()) else {
            return;
        };
        if block.is_damaged {
            return;
        }
        let events: Vec<_> = block
            .events
            .iter()
            .map(|(id, before, payload)| Searched {
                id: *id,
                before: before.as_deref().unwrap_or_default(),
                payload,
            })
            .collect();
        let known = block.events.iter();
        self.made.push(Made {
            block: block.id,
            filter: self.maker.make(&events),
            events: known
                .map(|(id, before, _)| (*id, before.is_some()))
                .collect(),
        });
    }

    fn store(&mut self) -> Result<(), Error> {
        let path = &self.reader.path;
        let transaction =
            Transaction::new_unchecked(self.db, TransactionBehavior::Immediate).at(path)?;
        for made in self.made.drain(..) {
            made.filter
                .store(&transaction, &self.reader.vault, made.block)
                .at(path)?;
            let mut delete = transaction
                .prepare_cached("DELETE FROM junctions WHERE event_id = ?1")
                .at(path)?;
            for (event, is_known) in made.events {
                if is_known {
                    delete.execute([event]).at(path)?;
                } else {
                    grams::add_junction(&transaction, event).at(path)?;
                }
            }
            self.done.blocks += 1;
        }
        transaction.commit().at(path)
    }
}

/// What was read; `None` if the file is damaged there, of which a search tells when it gets there.
fn unless_damaged<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Error::Corrupt { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
