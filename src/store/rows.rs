//! Events in order of (event time, id), without an index on time for each.
//!
//! `spans` says between which times the events of some hundred neighboring ids lie. Spans are opened in order of their
//! newest (or oldest) time, and an event is given out once no span that is still closed can hold an earlier one in the
//! order. A selection that few events can fit goes through the postings of its streams instead. Either way events are
//! fetched some at a time, in read transactions that are over before the caller sees any: a long export keeps no recorder
//! from beginning or from checkpointing. What is committed after the query began is not part of it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};

use super::error::{At, Error};
use super::plan::Plan;
use super::postings;
use super::reader::Reader;
use super::search;
use crate::event::{EventId, StoredEvent};

/// How results are ordered: by event time, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

/// How many candidates the index on streams may give before reading by time is the better way. Bounds memory.
const FEW: usize = 20_000;

/// How many events are fetched in one read transaction,
const FETCHED: usize = 64;

/// and how many are looked at for that: what a pattern is searched in takes longest.
const LOOKED_AT: usize = 512;

/// How many spans are looked up at once.
const SPAN_PAGE: usize = 64;

/// A place in the order, turned so that the largest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Newest(i64, i64),
    Oldest(Reverse<i64>, Reverse<i64>),
}

impl Place {
    fn new(order: Order, time: i64, id: i64) -> Self {
        match order {
            Order::NewestFirst => Self::Newest(time, id),
            Order::OldestFirst => Self::Oldest(Reverse(time), Reverse(id)),
        }
    }

    fn id(self) -> i64 {
        match self {
            Self::Newest(_, id) | Self::Oldest(_, Reverse(id)) => id,
        }
    }
}

/// A closed span: the time at which it must be opened, and its ids.
#[derive(Debug, Clone, Copy)]
struct Span {
    edge: i64,
    first: i64,
    last: i64,
}

/// Events, one at a time.
pub struct Rows<'a> {
    reader: &'a Reader,
    plan: Plan,
    grep: Option<regex::bytes::Regex>,
    order: Order,
    left: u64,
    upper: i64,
    /// The first id of the span that may still grow.
    growing: i64,
    ready: BinaryHeap<Place>,
    fetched: VecDeque<StoredEvent>,
    spans: VecDeque<Span>,
    /// The last span that was looked up; `None` when there are no more.
    cursor: Option<(i64, i64)>,
    in_span: String,
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        reader: &'a Reader,
        plan: Plan,
        grep: Option<regex::bytes::Regex>,
        order: Order,
        limit: Option<u64>,
    ) -> Result<Self, Error> {
        let upper = reader
            .db
            .query_row("SELECT COALESCE(MAX(id), 0) FROM events", [], |row| {
                row.get(0)
            })
            .at(&reader.path)?;
        let start = match order {
            Order::NewestFirst => (i64::MAX, i64::MAX),
            Order::OldestFirst => (i64::MIN, i64::MIN),
        };
        let in_span = format!(
            "SELECT e.id, e.time_ns FROM events AS e
             WHERE e.id BETWEEN ?1 AND ?2 AND e.time_ns BETWEEN ?3 AND ?4{}",
            plan.conditions()
        );
        let mut rows = Self {
            reader,
            plan,
            grep,
            order,
            left: limit.unwrap_or(u64::MAX),
            upper,
            growing: i64::MAX,
            ready: BinaryHeap::new(),
            fetched: VecDeque::with_capacity(FETCHED),
            spans: VecDeque::new(),
            cursor: Some(start),
            in_span,
        };
        if let Some(few) = rows.by_stream()? {
            rows.ready = few;
            rows.cursor = None;
        } else {
            rows.open_growing_span()?;
        }
        Ok(rows)
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

    /// Fetches some events in one short read transaction: a lock for each statement would cost a third of the time.
    fn fetch(&mut self) -> Result<(), Error> {
        let reader = self.reader;
        let transaction = Transaction::new_unchecked(&reader.db, TransactionBehavior::Deferred)
            .at(&reader.path)?;
        for _ in 0..LOOKED_AT {
            if self.left == 0 || self.fetched.len() >= FETCHED {
                break;
            }
            let Some(place) = self.next_place()? else {
                self.left = 0;
                break;
            };
            // An event that was pruned since is not there any more.
            let Some(event) = reader.event(EventId::new(place.id()))? else {
                continue;
            };
            if let Some(pattern) = &self.grep
                && !search::contains(reader.payload(&event)?, pattern)?
            {
                continue;
            }
            self.left -= 1;
            self.fetched.push_back(event);
        }
        transaction.finish().at(&reader.path)?;
        Ok(())
    }

    fn next_place(&mut self) -> Result<Option<Place>, Error> {
        loop {
            self.look_up_spans()?;
            match (self.ready.peek(), self.spans.front()) {
                (None, None) => return Ok(None),
                (Some(_), None) => return Ok(self.ready.pop()),
                (Some(place), Some(span)) if *place > self.first_of(*span) => {
                    return Ok(self.ready.pop());
                }
                (_, Some(_)) => self.open_span()?,
            }
        }
    }

    /// The first place that an event of a closed span can have. With the id, or events of one time would all have to be
    /// gathered first, and in an import without receive times there can be any number of those.
    fn first_of(&self, span: Span) -> Place {
        let id = match self.order {
            Order::NewestFirst => span.last,
            Order::OldestFirst => span.first,
        };
        Place::new(self.order, span.edge, id)
    }

    /// Goes from the wanted streams to their events, if they are few.
    fn by_stream(&self) -> Result<Option<BinaryHeap<Place>>, Error> {
        if !self.plan.by_stream {
            return Ok(None);
        }
        let path = &self.reader.path;
        // First, as a recorder may write lists meanwhile: what it lists then is looked through as well.
        let listed = postings::listed(&self.reader.db).at(path)?;
        let Some(mut ids) = self.listed_ids().at(path)? else {
            return Ok(None);
        };
        ids.retain(|id| *id <= listed);
        let mut judge = self.reader.db.prepare_cached(&self.in_span).at(path)?;
        let mut places = BinaryHeap::with_capacity(ids.len());
        // An event that moved is listed under both streams.
        ids.sort_unstable();
        ids.dedup();
        let listed_ranges = ids.into_iter().map(|id| (id, id));
        for (first, last) in listed_ranges.chain([(listed + 1, self.upper)]) {
            let mut rows = judge
                .query(params![first, last, self.plan.since, self.plan.until])
                .at(path)?;
            while let Some(row) = rows.next().at(path)? {
                let (id, time) = (row.get("id").at(path)?, row.get("time_ns").at(path)?);
                places.push(Place::new(self.order, time, id));
            }
        }
        Ok(Some(places))
    }

    /// The ids that are listed for the wanted streams; `None` if they are many.
    fn listed_ids(&self) -> rusqlite::Result<Option<Vec<i64>>> {
        let mut statement = self.reader.db.prepare_cached(
            "SELECT p.first_id, p.later FROM temp.wanted_streams AS w
             CROSS JOIN postings AS p ON p.stream_id = w.id",
        )?;
        let mut ids = Vec::new();
        let mut rows = statement.query([])?;
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

    fn look_up_spans(&mut self) -> Result<(), Error> {
        if !self.spans.is_empty() {
            return Ok(());
        }
        let Some((edge, first)) = self.cursor else {
            return Ok(());
        };
        let sql = match self.order {
            Order::NewestFirst => {
                "SELECT first_id, last_id, max_ns AS edge FROM spans
                 WHERE (max_ns, first_id) < (?1, ?2) AND max_ns >= ?3 AND min_ns <= ?4 AND first_id < ?6
                 ORDER BY max_ns DESC, first_id DESC LIMIT ?5"
            }
            Order::OldestFirst => {
                "SELECT first_id, last_id, min_ns AS edge FROM spans
                 WHERE (min_ns, first_id) > (?1, ?2) AND max_ns >= ?3 AND min_ns <= ?4 AND first_id < ?6
                 ORDER BY min_ns, first_id LIMIT ?5"
            }
        };
        let mut statement = self.reader.db.prepare_cached(sql).at(&self.reader.path)?;
        let found = statement
            .query_map(
                params![
                    edge,
                    first,
                    self.plan.since,
                    self.plan.until,
                    SPAN_PAGE,
                    self.growing
                ],
                |row| {
                    Ok(Span {
                        edge: row.get("edge")?,
                        first: row.get("first_id")?,
                        last: row.get("last_id")?,
                    })
                },
            )
            .and_then(Iterator::collect::<rusqlite::Result<VecDeque<_>>>)
            .at(&self.reader.path)?;
        self.cursor = found.back().map(|span| (span.edge, span.first));
        self.spans = found;
        Ok(())
    }

    /// Opens the span that a recorder may be adding to: its edges can move past the place where the look-up is.
    fn open_growing_span(&mut self) -> Result<(), Error> {
        let path = &self.reader.path;
        let growing = self
            .reader
            .db
            .query_row("SELECT first_id, last_id FROM spans WHERE first_id <= ?1 ORDER BY first_id DESC LIMIT 1", [self.upper], |row| {
                Ok(Span { edge: 0, first: row.get("first_id")?, last: row.get("last_id")? })
            })
            .optional()
            .at(path)?;
        let Some(growing) = growing else {
            return Ok(());
        };
        self.growing = growing.first;
        self.spans.push_front(growing);
        self.open_span()
    }

    fn open_span(&mut self) -> Result<(), Error> {
        let Some(span) = self.spans.pop_front() else {
            return Ok(());
        };
        let path = &self.reader.path;
        let mut statement = self.reader.db.prepare_cached(&self.in_span).at(path)?;
        let mut rows = statement
            .query(params![
                span.first,
                span.last.min(self.upper),
                self.plan.since,
                self.plan.until
            ])
            .at(path)?;
        while let Some(row) = rows.next().at(path)? {
            let (id, time) = (row.get("id").at(path)?, row.get("time_ns").at(path)?);
            self.ready.push(Place::new(self.order, time, id));
        }
        Ok(())
    }
}
