//! The index on time, read in order: between which times the events of some hundred neighboring ids lie.

use std::cmp::Reverse;
use std::collections::VecDeque;

use rusqlite::{OptionalExtension, params};

use super::error::{At, Error};
use super::plan::Bounds;
use super::reader::Reader;

/// How results are ordered: by event time, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

/// How many spans are looked up at once.
const SPAN_PAGE: usize = 64;

/// A place in the order, turned so that the largest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Newest(i64, i64),
    Oldest(Reverse<i64>, Reverse<i64>),
}

impl Place {
    pub(super) fn new(order: Order, time: i64, id: i64) -> Self {
        match order {
            Order::NewestFirst => Self::Newest(time, id),
            Order::OldestFirst => Self::Oldest(Reverse(time), Reverse(id)),
        }
    }

    pub(super) fn id(self) -> i64 {
        match self {
            Self::Newest(_, id) | Self::Oldest(_, Reverse(id)) => id,
        }
    }

    pub(super) fn time(self) -> i64 {
        match self {
            Self::Newest(time, _) | Self::Oldest(Reverse(time), _) => time,
        }
    }
}

/// A span: the time at which it must be opened, and its ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    edge: i64,
    pub(super) first: i64,
    pub(super) last: i64,
}

#[cfg(test)]
impl Span {
    /// One with these ids.
    pub(super) fn of(first: i64, last: i64) -> Self {
        Self {
            edge: 0,
            first,
            last,
        }
    }
}

/// Spans in order of their newest (or oldest) time.
pub(super) struct Spans {
    order: Order,
    bounds: Bounds,
    /// The first id of the span that a recorder may be adding to: it comes first, as its edges can move past the place
    /// where the look-up is.
    growing: i64,
    found: VecDeque<Span>,
    /// The last span that was looked up; `None` when there are no more.
    cursor: Option<(i64, i64)>,
}

impl Spans {
    /// Those within the bounds, with ids up to `upper`.
    pub(super) fn new(
        reader: &Reader,
        order: Order,
        bounds: Bounds,
        upper: i64,
    ) -> Result<Self, Error> {
        let start = match order {
            Order::NewestFirst => i64::MAX,
            Order::OldestFirst => i64::MIN,
        };
        let growing = reader
            .db
            .prepare_cached(
                "SELECT first_id, last_id FROM spans WHERE first_id <= ?1 ORDER BY first_id DESC LIMIT 1",
            )
            .at(&reader.path)?
            .query_row([upper], |row| {
                Ok(Span {
                    edge: start,
                    first: row.get("first_id")?,
                    last: row.get("last_id")?,
                })
            })
            .optional()
            .at(&reader.path)?;
        Ok(Self {
            order,
            bounds,
            growing: growing.map_or(i64::MAX, |span| span.first),
            found: growing.into_iter().collect(),
            cursor: Some((start, start)),
        })
    }

    /// The next span, without taking it.
    pub(super) fn peek(&mut self, reader: &Reader) -> Result<Option<Span>, Error> {
        if self.found.is_empty() {
            self.look_up(reader)?;
        }
        Ok(self.found.front().copied())
    }

    /// The next span.
    pub(super) fn take(&mut self, reader: &Reader) -> Result<Option<Span>, Error> {
        let span = self.peek(reader)?;
        self.found.pop_front();
        Ok(span)
    }

    /// The first place that an event of a span can have. With the id, or events of one time would all have to be
    /// gathered first, and in an import without receive times there can be any number of those.
    pub(super) fn first_of(&self, span: Span) -> Place {
        let id = match self.order {
            Order::NewestFirst => span.last,
            Order::OldestFirst => span.first,
        };
        Place::new(self.order, span.edge, id)
    }

    fn look_up(&mut self, reader: &Reader) -> Result<(), Error> {
        let Some((edge, first)) = self.cursor else {
            return Ok(());
        };
        let sql = match self.order {
            Order::NewestFirst => {
                "SELECT first_id, last_id, max_ns AS edge FROM spans
                 WHERE (max_ns, first_id) < (?1, ?2) AND max_ns >= ?3 AND min_ns <= ?4
                    AND first_id < ?6 AND first_id <= ?8 AND last_id >= ?7
                 ORDER BY max_ns DESC, first_id DESC LIMIT ?5"
            }
            Order::OldestFirst => {
                "SELECT first_id, last_id, min_ns AS edge FROM spans
                 WHERE (min_ns, first_id) > (?1, ?2) AND max_ns >= ?3 AND min_ns <= ?4
                    AND first_id < ?6 AND first_id <= ?8 AND last_id >= ?7
                 ORDER BY min_ns, first_id LIMIT ?5"
            }
        };
        let mut statement = reader.db.prepare_cached(sql).at(&reader.path)?;
        let found = statement
            .query_map(
                params![
                    edge,
                    first,
                    self.bounds.since,
                    self.bounds.until,
                    SPAN_PAGE,
                    self.growing,
                    self.bounds.first_id,
                    self.bounds.last_id
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
            .at(&reader.path)?;
        self.cursor = found.back().map(|span| (span.edge, span.first));
        self.found = found;
        Ok(())
    }
}
