//! The work on one unit.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use rusqlite::{Transaction, TransactionBehavior, params};

use super::finder::Finder;
use super::{Found, Ranges};
use crate::event::{EventId, StoredEvent};
use crate::filter::{Content, Expr, Facts, PayloadBytes};
use crate::store::block::Class;
use crate::store::error::{At, Error};
use crate::store::gram_search::OpenBlocks;
use crate::store::payload::{self, Payload};
use crate::store::plan::Plan;
use crate::store::reader::Reader;
use crate::store::stream_text;
use crate::store::vault::{Column, Place};

/// From how many events on they are asked for as a range, and not one by one.
const MANY: usize = 32;

/// What is asked of each unit.
pub(in crate::store) struct Judge {
    plan: Plan,
    finder: Option<Finder>,
    open: Arc<OpenBlocks>,
    upper: i64,
}

/// The events of a unit that SQL lets through; `None` if that are all.
type Wanted = Option<Vec<(i64, i64)>>;

impl Judge {
    pub(super) fn new(
        reader: &Reader,
        filter: &Expr,
        open: Arc<OpenBlocks>,
        upper: i64,
    ) -> Result<Self, Error> {
        let plan = Plan::new(&reader.db, Some(filter), None).at(&reader.path)?;
        Ok(Self {
            finder: plan.required.as_ref().and_then(Finder::new),
            plan,
            open,
            upper,
        })
    }

    /// The events of the unit that fit.
    pub(super) fn unit(
        &self,
        reader: &Reader,
        ranges: &Ranges,
        stop: &AtomicBool,
    ) -> Result<Found, Error> {
        let transaction = Transaction::new_unchecked(&reader.db, TransactionBehavior::Deferred)
            .at(&reader.path)?;
        let mut found = Vec::new();
        for range in ranges {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            self.range(reader, range, stop, &mut found)?;
        }
        transaction.finish().at(&reader.path)?;
        Ok(found)
    }

    fn range(
        &self,
        reader: &Reader,
        range: &RangeInclusive<i64>,
        stop: &AtomicBool,
        found: &mut Found,
    ) -> Result<(), Error> {
        let (first, last) = (*range.start(), (*range.end()).min(self.upper));
        let Some(payload) = &self.plan.payload else {
            return self.residual(reader, self.select(reader, first, last)?, found);
        };
        let wanted = if self.plan.has_condition() {
            let wanted = self.select(reader, first, last)?;
            if wanted.is_empty() {
                return Ok(());
            }
            Some(wanted)
        } else {
            None
        };
        let mut ids = Vec::new();
        let mut search = Search {
            judge: self,
            reader,
            payload,
            wanted: &wanted,
            range: first..=last,
            stop,
            found: &mut ids,
        };
        search.blocks()?;
        search.junctions()?;
        search.tail()?;
        search.large()?;
        search.empty()?;
        ids.sort_unstable();
        ids.dedup();
        let fitting = self.with_times(reader, &wanted, &ids)?;
        self.residual(reader, fitting, found)
    }

    /// The times and ids of the events among these that SQL lets through.
    fn select(&self, reader: &Reader, first: i64, last: i64) -> Result<Found, Error> {
        self.plan.find(&reader.db, first, last).at(&reader.path)
    }

    fn with_times(&self, reader: &Reader, wanted: &Wanted, ids: &[i64]) -> Result<Found, Error> {
        let among = |all: &[(i64, i64)]| -> Found {
            all.iter()
                .filter(|(_, id)| ids.binary_search(id).is_ok())
                .copied()
                .collect()
        };
        if let Some(wanted) = wanted {
            return Ok(among(wanted));
        }
        if let (Some(first), Some(last), true) = (ids.first(), ids.last(), ids.len() >= MANY) {
            return Ok(among(&self.select(reader, *first, *last)?));
        }
        let mut found = Vec::new();
        for id in ids {
            found.extend(self.select(reader, *id, *id)?);
        }
        Ok(found)
    }

    /// Judges what is to be judged on the event with its payload.
    fn residual(&self, reader: &Reader, fitting: Found, found: &mut Found) -> Result<(), Error> {
        let Some(residual) = &self.plan.residual else {
            found.extend(fitting);
            return Ok(());
        };
        for (time, id) in fitting {
            if fits(reader, id, residual)? {
                found.push((time, id));
            }
        }
        Ok(())
    }
}

/// Whether an event fits a filter, judged on the event with its payload.
pub(in crate::store) fn fits(reader: &Reader, id: i64, filter: &Expr) -> Result<bool, Error> {
    // An event that was pruned since is not there any more.
    let Some(event) = reader.event(EventId::new(id))? else {
        return Ok(false);
    };
    let source = reader.source_of(event.run)?;
    let payload = StoredPayload::of(reader, &event);
    match filter.matches(
        &Facts::of_stored(&event, source.as_deref()),
        &Content::new(&payload),
    ) {
        Err(Error::Pruned { .. }) => Ok(false),
        judged => judged,
    }
}

/// The payload of a stored event.
pub(in crate::store) struct StoredPayload<'a> {
    reader: &'a Reader,
    id: i64,
    class: Option<Class>,
    payload_bytes: u64,
}

impl<'a> StoredPayload<'a> {
    /// Of this event.
    pub(in crate::store) fn of(reader: &'a Reader, event: &StoredEvent) -> Self {
        Self {
            reader,
            id: event.id.number(),
            class: Class::of(event.event.content, event.payload_bytes),
            payload_bytes: event.payload_bytes,
        }
    }
}

impl PayloadBytes for StoredPayload<'_> {
    type Error = Error;

    fn size(&self) -> u64 {
        self.payload_bytes
    }

    fn whole(&self) -> Result<Bytes, Error> {
        let payload = Payload::of(self.reader, self.id, self.class, self.payload_bytes)?;
        payload.start(usize::MAX)
    }

    fn pieces(&self, each: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Error> {
        let mut payload = Payload::of(self.reader, self.id, self.class, self.payload_bytes)?;
        while let Some(piece) = payload.next_piece()? {
            if each(&piece) {
                break;
            }
        }
        Ok(())
    }

    fn before(&self, count: usize) -> Result<Vec<u8>, Error> {
        stream_text::before(self.reader, self.id, count)
    }
}

/// A payload that is at hand.
struct AtHand<'a> {
    reader: &'a Reader,
    id: i64,
    bytes: Bytes,
}

impl PayloadBytes for AtHand<'_> {
    type Error = Error;

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn whole(&self) -> Result<Bytes, Error> {
        Ok(self.bytes.clone())
    }

    fn pieces(&self, each: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Error> {
        each(&self.bytes);
        Ok(())
    }

    fn before(&self, count: usize) -> Result<Vec<u8>, Error> {
        stream_text::before(self.reader, self.id, count)
    }
}

/// The search through the payloads of a range of events.
struct Search<'a> {
    judge: &'a Judge,
    reader: &'a Reader,
    payload: &'a Expr,
    wanted: &'a Wanted,
    range: RangeInclusive<i64>,
    stop: &'a AtomicBool,
    found: &'a mut Vec<i64>,
}

impl Search<'_> {
    fn is_wanted(&self, id: i64) -> bool {
        self.range.contains(&id)
            && self
                .wanted
                .as_ref()
                .is_none_or(|wanted| wanted.binary_search_by_key(&id, |(_, id)| *id).is_ok())
    }

    fn wants_any(&self, first: i64, last: i64) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| {
            let behind = wanted.partition_point(|(_, id)| *id < first);
            wanted.get(behind).is_some_and(|(_, id)| *id <= last)
        })
    }

    fn blocks(&mut self) -> Result<(), Error> {
        for class in [Class::Requests, Class::Text, Class::Binary] {
            for header in payload::blocks_of(self.reader, class, &self.range)? {
                if self.stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                if !self.judge.open.is_open(header.id) {
                    continue;
                }
                if self.wants_any(header.first, header.last) {
                    self.block(&header)?;
                }
                self.reader.watch().add_scanned(header.raw_bytes as u64);
            }
        }
        Ok(())
    }

    fn block(&mut self, header: &payload::BlockHeader) -> Result<(), Error> {
        let block = payload::load(self.reader, header)?;
        let mut places = Vec::new();
        match &self.judge.finder {
            Some(finder) => {
                finder.candidates(&block.raw, &block.members, |place| places.push(place));
                for (place, member) in block.members.iter().enumerate() {
                    let start = block.raw.get(member.offset..member.offset + member.length);
                    if start.is_some_and(|start| self.payload.may_end_in(start)) {
                        places.push(place);
                    }
                }
                places.sort_unstable();
                places.dedup();
            }
            None => places.extend(0..block.members.len()),
        }
        let mut candidates = Vec::with_capacity(places.len());
        for member in places
            .into_iter()
            .filter_map(|place| block.members.get(place))
        {
            let end = member.offset + member.length;
            if self.is_wanted(member.id) && end <= block.raw.len() {
                candidates.push((member.id, block.raw.slice(member.offset..end)));
            }
        }
        // What comes before a candidate in its stream is often in the same block, or in one that was just read.
        self.reader.blocks.borrow_mut().keep(block);
        for (id, bytes) in candidates {
            self.judge(id, bytes)?;
        }
        Ok(())
    }

    /// Events of which the filter of their block does not know what came before them.
    fn junctions(&mut self) -> Result<(), Error> {
        if !self.reader.has_search_filter() {
            return Ok(());
        }
        let junctions = self.ids(
            "SELECT j.event_id AS id, e.payload_bytes FROM junctions AS j CROSS JOIN events AS e ON e.id = j.event_id
             WHERE j.event_id BETWEEN ?1 AND ?2",
        )?;
        for (id, _) in junctions {
            if self.is_wanted(id)
                && let Some(event) = self.reader.event(EventId::new(id))?
            {
                self.judge_payload(id, &StoredPayload::of(self.reader, &event))?;
            }
        }
        Ok(())
    }

    /// Payloads that are in no block yet.
    fn tail(&mut self) -> Result<(), Error> {
        let mut statement = self
            .reader
            .db
            .prepare_cached("SELECT event_id, data FROM tail WHERE event_id BETWEEN ?1 AND ?2")
            .at(&self.reader.path)?;
        let mut rows = statement
            .query([self.range.start(), self.range.end()])
            .at(&self.reader.path)?;
        while let Some(row) = rows.next().at(&self.reader.path)? {
            let id = row.get("event_id").at(&self.reader.path)?;
            if self.is_wanted(id) {
                let data: Vec<u8> = row.get("data").at(&self.reader.path)?;
                let place = Place::new(Column::Tail, id);
                let data = self.reader.vault.decrypt(place, data);
                let data = data.at(&self.reader.path)?.into_owned();
                self.judge(id, Bytes::from(data))?;
            }
        }
        Ok(())
    }

    /// Payloads that are in blocks of their own, part by part.
    fn large(&mut self) -> Result<(), Error> {
        let large = self.ids(
            "SELECT b.first_id AS id, e.payload_bytes FROM blocks AS b JOIN events AS e ON e.id = b.first_id
             WHERE b.class = 3 AND b.part_bytes = 0 AND b.first_id BETWEEN ?1 AND ?2",
        )?;
        for (id, payload_bytes) in large {
            if self.is_wanted(id) && !self.stop.load(Ordering::Relaxed) {
                let payload = StoredPayload {
                    reader: self.reader,
                    id,
                    class: Some(Class::Large),
                    payload_bytes,
                };
                self.judge_payload(id, &payload)?;
            }
        }
        Ok(())
    }

    /// Events with nothing in them. They hold nothing that could be required.
    fn empty(&mut self) -> Result<(), Error> {
        if self.judge.plan.required.is_some() {
            return Ok(());
        }
        let empty = self.ids(
            "SELECT id, payload_bytes FROM events WHERE id BETWEEN ?1 AND ?2 AND payload_bytes = 0",
        )?;
        for (id, _) in empty {
            if self.is_wanted(id) {
                self.judge(id, Bytes::new())?;
            }
        }
        Ok(())
    }

    fn ids(&self, sql: &str) -> Result<Vec<(i64, u64)>, Error> {
        self.reader
            .db
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement
                    .query_map(params![self.range.start(), self.range.end()], |row| {
                        Ok((row.get("id")?, row.get("payload_bytes")?))
                    })?
                    .collect()
            })
            .at(&self.reader.path)
    }

    fn judge(&mut self, id: i64, bytes: Bytes) -> Result<(), Error> {
        let payload = AtHand {
            reader: self.reader,
            id,
            bytes,
        };
        self.judge_payload(id, &payload)
    }

    fn judge_payload(
        &mut self,
        id: i64,
        payload: &impl PayloadBytes<Error = Error>,
    ) -> Result<(), Error> {
        if self
            .payload
            .matches(&Facts::default(), &Content::new(payload))?
        {
            self.found.push(id);
        }
        Ok(())
    }
}
