//! Events in order of (event time, id), without an index on time for each.
//!
//! Spans are opened in order of their newest (or oldest) time, and an event is given out once no span that is still
//! closed can hold an earlier one in the order. A filter that few events can fit goes through the postings of its streams
//! instead, and one that SQL alone does not decide has its spans judged by [`super::scan`], some of them ahead. Either way
//! events are fetched some at a time, in read transactions that are over before the caller sees any: a long export keeps
//! no recorder from beginning or from checkpointing. What is committed after the query began is not part of it.

use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use rusqlite::{Transaction, TransactionBehavior};

use super::error::{At, Error};
use super::gram_search::OpenBlocks;
use super::plan::Plan;
use super::postings;
use super::reader::Reader;
use super::scan::{self, Found, Ranges, Scan};
use super::span_writer::SPAN_EVENTS;
use super::spans::{Order, Place, Span, Spans};
use crate::event::{EventId, StoredEvent, Timestamp};
use crate::filter::Expr;

/// How many candidates the index on streams may give before reading by time is the better way. Bounds memory.
const FEW: usize = 20_000;

/// How many events are fetched in one read transaction.
const FETCHED: usize = 64;

/// About how many bytes of payloads are judged in one unit. Blocks at its ends are opened for its neighbor as well.
const UNIT_BYTES: i64 = 16 << 20;

/// How many spans a unit has at most.
const UNIT_SPANS: i64 = 256;

/// Events, one at a time.
pub struct Rows<'a> {
    reader: &'a Reader,
    plan: Plan,
    order: Order,
    left: u64,
    upper: i64,
    ready: BinaryHeap<Place>,
    fetched: VecDeque<StoredEvent>,
    closed: Closed,
}

/// What has not been looked into yet.
enum Closed {
    /// Nothing: everything that may fit is ready. What is left of the filter is judged when its turn comes.
    Listed(Option<Expr>),
    /// Spans, decided by SQL.
    Spans(Spans),
    /// Spans, judged by threads some at a time.
    Scanned(Box<Scanned>),
}

struct Scanned {
    spans: Spans,
    scan: Scan,
    open: Arc<OpenBlocks>,
    /// The first place that an event of a unit can have, for each unit that was asked for.
    asked: VecDeque<Place>,
    unit_spans: i64,
    most_spans: i64,
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        reader: &'a Reader,
        filter: Option<&Expr>,
        order: Order,
        limit: Option<u64>,
    ) -> Result<Self, Error> {
        let plan = Plan::new(&reader.db, filter, limit).at(&reader.path)?;
        let upper = reader
            .db
            .query_row("SELECT COALESCE(MAX(id), 0) FROM events", [], |row| {
                row.get(0)
            })
            .at(&reader.path)?;
        let mut rows = Self {
            reader,
            plan,
            order,
            left: limit.unwrap_or(u64::MAX),
            upper,
            ready: BinaryHeap::new(),
            fetched: VecDeque::with_capacity(FETCHED),
            closed: Closed::Listed(None),
        };
        if let Some(few) = rows.by_stream()? {
            rows.ready = few;
            if !rows.plan.is_exact() {
                rows.closed = Closed::Listed(filter.cloned());
            }
            return Ok(rows);
        }
        let spans = Spans::new(reader, order, rows.plan.bounds, upper)?;
        rows.closed = match filter.filter(|_| !rows.plan.is_exact()) {
            None => Closed::Spans(spans),
            Some(filter) => {
                let open = rows.open_blocks()?;
                Closed::Scanned(Box::new(Scanned {
                    spans,
                    scan: Scan::new(reader, filter, &open, upper),
                    open,
                    asked: VecDeque::new(),
                    unit_spans: 1,
                    most_spans: most_spans(reader)?,
                }))
            }
        };
        Ok(rows)
    }

    /// The plan.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How events are found, in words.
    pub(super) fn way(&self) -> String {
        match &self.closed {
            Closed::Listed(_) => format!(
                "{} events of the streams that fit, through their lists",
                self.ready.len()
            ),
            Closed::Spans(_) => "through the index on time".to_owned(),
            Closed::Scanned(scanned) => scanned.open.to_string(),
        }
    }

    /// The newest event that is looked at.
    pub fn upper(&self) -> EventId {
        EventId::new(self.upper)
    }

    /// The plan and the newest event, if SQL decides the filter and no short list of events was found.
    pub(super) fn plan_of_all(&self) -> Option<(&Plan, i64)> {
        matches!(self.closed, Closed::Spans(_)).then_some((&self.plan, self.upper))
    }

    /// Which blocks have to be opened, by what the filter requires of an event's text.
    fn open_blocks(&self) -> Result<Arc<OpenBlocks>, Error> {
        let required = self
            .plan
            .required
            .as_ref()
            .filter(|_| self.reader.has_search_filter() && self.reader.uses_search_filter);
        let open = match required {
            None => OpenBlocks::everything(),
            Some(required) => {
                let (first, last) = self.ids_in_period()?;
                OpenBlocks::new(self.reader, required, first, last).at(&self.reader.path)?
            }
        };
        self.reader.watch().add_total(open.open_bytes);
        Ok(Arc::new(open))
    }

    /// Between which ids the events of the plan's period lie.
    fn ids_in_period(&self) -> Result<(i64, i64), Error> {
        let bounds = self.plan.bounds;
        let (first, last): (Option<i64>, Option<i64>) = self
            .reader
            .db
            .query_row(
                "SELECT MIN(first_id), MAX(last_id) FROM spans WHERE max_ns >= ?1 AND min_ns <= ?2",
                [bounds.since, bounds.until],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .at(&self.reader.path)?;
        Ok((
            first.unwrap_or(1).max(bounds.first_id),
            last.unwrap_or(0).min(bounds.last_id).min(self.upper),
        ))
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn next_event(&mut self) -> Result<Option<StoredEvent>, Error> {
        while self.fetched.is_empty() && self.left > 0 {
            self.fetch()?;
        }
        Ok(self.fetched.pop_front())
    }

    /// The time and id of the next event, without reading more of it; `None` at the end. Not to be mixed with
    /// [`Rows::next_event`].
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn next_id(&mut self) -> Result<Option<(Timestamp, EventId)>, Error> {
        while self.left > 0 {
            let Some(place) = self.next_place()? else {
                self.left = 0;
                break;
            };
            if self.is_fitting(place)? {
                self.left -= 1;
                let time = Timestamp::from_nanos(place.time());
                return Ok(Some((time, EventId::new(place.id()))));
            }
        }
        Ok(None)
    }

    /// Fetches some events in one short read transaction: a lock for each statement would cost a third of the time.
    fn fetch(&mut self) -> Result<(), Error> {
        let places = self.next_places()?;
        if places.is_empty() {
            self.left = 0;
            return Ok(());
        }
        let reader = self.reader;
        let transaction = Transaction::new_unchecked(&reader.db, TransactionBehavior::Deferred)
            .at(&reader.path)?;
        for place in places {
            if self.left == 0 {
                break;
            }
            if !self.is_fitting(place)? {
                continue;
            }
            // An event that was pruned since is not there any more.
            let Some(event) = reader.event(EventId::new(place.id()))? else {
                continue;
            };
            self.left -= 1;
            self.fetched.push_back(event);
        }
        transaction.finish().at(&reader.path)?;
        Ok(())
    }

    /// The places of the next events: those that are ready, and if none is, what the search finds next. However long that
    /// takes, no transaction is open meanwhile.
    fn next_places(&mut self) -> Result<Vec<Place>, Error> {
        let mut places: Vec<_> = self.next_place()?.into_iter().collect();
        while places.len() < FETCHED && !places.is_empty() {
            match self.next_ready()? {
                Some(place) => places.push(place),
                None => break,
            }
        }
        Ok(places)
    }

    fn is_fitting(&self, place: Place) -> Result<bool, Error> {
        match &self.closed {
            Closed::Listed(Some(filter)) => scan::fits(self.reader, place.id(), filter),
            _ => Ok(true),
        }
    }

    fn next_place(&mut self) -> Result<Option<Place>, Error> {
        while !self.reader.watch().is_stopped() {
            if let Some(place) = self.next_ready()? {
                return Ok(Some(place));
            }
            if !self.open()? {
                break;
            }
        }
        Ok(None)
    }

    /// The next place, if nothing has to be opened for it.
    fn next_ready(&mut self) -> Result<Option<Place>, Error> {
        let closed = match &mut self.closed {
            Closed::Listed(_) => None,
            Closed::Spans(spans) => spans.peek(self.reader)?.map(|span| spans.first_of(span)),
            Closed::Scanned(scanned) => scanned.peek(self.reader)?,
        };
        let is_ready = match (self.ready.peek(), closed) {
            (Some(place), Some(closed)) => *place > closed,
            (place, _) => place.is_some() && closed.is_none(),
        };
        Ok(is_ready.then(|| self.ready.pop()).flatten())
    }

    /// Looks into what is closed and comes first; `false` if nothing is.
    fn open(&mut self) -> Result<bool, Error> {
        let found = match &mut self.closed {
            Closed::Listed(_) => return Ok(false),
            Closed::Spans(spans) => match spans.take(self.reader)? {
                None => return Ok(false),
                Some(Span { first, last, .. }) => self.select(first, last)?,
            },
            Closed::Scanned(scanned) => {
                if scanned.asked.pop_front().is_none() {
                    return Ok(false);
                }
                scanned.scan.answer(self.reader)?
            }
        };
        let order = self.order;
        self.ready.extend(
            found
                .into_iter()
                .map(|(time, id)| Place::new(order, time, id)),
        );
        Ok(true)
    }

    /// The events with these ids that SQL lets through.
    fn select(&self, first: i64, last: i64) -> Result<Found, Error> {
        self.plan
            .find(&self.reader.db, first, last.min(self.upper))
            .at(&self.reader.path)
    }

    /// Goes from the wanted streams to their events, if they are few.
    fn by_stream(&self) -> Result<Option<BinaryHeap<Place>>, Error> {
        let Some(streams) = self.plan.streams else {
            return Ok(None);
        };
        let path = &self.reader.path;
        // First, as a recorder may write lists meanwhile: what it lists then is looked through as well.
        let listed = postings::listed(&self.reader.db).at(path)?;
        let Some(mut ids) = self.listed_ids(streams).at(path)? else {
            return Ok(None);
        };
        ids.retain(|id| *id <= listed);
        // An event that moved is listed under both streams.
        ids.sort_unstable();
        ids.dedup();
        let mut places = BinaryHeap::with_capacity(ids.len());
        let listed_ranges = ids.into_iter().map(|id| (id, id));
        for (first, last) in listed_ranges.chain([(listed.saturating_add(1), self.upper)]) {
            let found = self.select(first, last)?;
            places.extend(
                found
                    .into_iter()
                    .map(|(time, id)| Place::new(self.order, time, id)),
            );
        }
        Ok(Some(places))
    }

    /// The ids that are listed for the wanted streams; `None` if they are many.
    fn listed_ids(&self, streams: i64) -> rusqlite::Result<Option<Vec<i64>>> {
        let mut statement = self.reader.db.prepare_cached(
            "SELECT p.first_id, p.later FROM temp.wanted AS w
             CROSS JOIN postings AS p ON p.stream_id = w.id
             WHERE w.list = ?1",
        )?;
        let mut ids = Vec::new();
        let mut rows = statement.query([streams])?;
        while let Some(row) = rows.next()? {
            let later = row.get_ref("later")?.as_blob()?;
            ids.extend(
                postings::ids(row.get("first_id")?, later)
                    .filter(|id| *id <= self.upper)
                    .take(FEW + 1),
            );
            if ids.len() > FEW {
                return Ok(None);
            }
        }
        Ok(Some(ids))
    }
}

impl Scanned {
    /// The first place that an event can have which was not looked at yet.
    fn peek(&mut self, reader: &Reader) -> Result<Option<Place>, Error> {
        while !self.scan.is_full() && self.ask(reader)? {}
        Ok(self.asked.front().copied())
    }

    /// The next span in which anything has to be looked at.
    fn take_touched(&mut self, reader: &Reader) -> Result<Option<Span>, Error> {
        while let Some(span) = self.spans.take(reader)? {
            if self.open.touches(span.first, span.last) {
                return Ok(Some(span));
            }
        }
        Ok(None)
    }

    /// Asks for the next unit; `false` if there is none. The first are small, as few events may be wanted.
    fn ask(&mut self, reader: &Reader) -> Result<bool, Error> {
        let mut taken = Vec::new();
        let mut place = None;
        for _ in 0..self.unit_spans {
            let Some(span) = self.take_touched(reader)? else {
                break;
            };
            place.get_or_insert_with(|| self.spans.first_of(span));
            taken.push(span);
        }
        let Some(place) = place else { return Ok(false) };
        self.scan.ask(reader, joined(taken))?;
        self.asked.push_back(place);
        self.unit_spans = (self.unit_spans * 2).min(self.most_spans);
        Ok(true)
    }
}

/// The ids of spans, neighbors joined.
fn joined(mut spans: Vec<Span>) -> Ranges {
    spans.sort_unstable_by_key(|span| span.first);
    let mut ranges = Ranges::new();
    for span in spans {
        match ranges.last_mut() {
            Some(range) if range.end().checked_add(1) == Some(span.first) => {
                *range = *range.start()..=span.last;
            }
            _ => ranges.push(span.first..=span.last),
        }
    }
    ranges
}

/// How many spans have about [`UNIT_BYTES`] of payloads.
fn most_spans(reader: &Reader) -> Result<i64, Error> {
    // The last blocks are like the others, and summing up all of them takes as long as a short query.
    let bytes_a_span: Option<f64> = reader
        .db
        .query_row(
            "SELECT SUM(raw_bytes) * CAST(?1 AS REAL) / MAX(1, MAX(last_id) - MIN(first_id) + 1)
             FROM (SELECT raw_bytes, first_id, last_id FROM blocks ORDER BY id DESC LIMIT 64)",
            [SPAN_EVENTS],
            |row| row.get(0),
        )
        .at(&reader.path)?;
    #[expect(clippy::cast_possible_truncation, reason = "it is a size, and clamped")]
    let bytes = bytes_a_span.unwrap_or(1.0).clamp(1.0, 1e15) as i64;
    Ok((UNIT_BYTES / bytes).clamp(1, UNIT_SPANS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_are_neighbors_are_joined() {
        let joined = |spans: &[(i64, i64)]| {
            let spans = spans.iter().map(|(first, last)| Span::of(*first, *last));
            joined(spans.collect())
        };
        assert_eq!(joined(&[(5, 8), (1, 4), (10, 12)]), [1..=8, 10..=12]);
        // What a file claims can be anything.
        let ends = joined(&[(1, i64::MAX), (i64::MIN, 0), (2, 3)]);
        assert_eq!(ends, [i64::MIN..=i64::MAX, 2..=3]);
    }
}
