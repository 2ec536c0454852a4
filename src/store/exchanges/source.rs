//! The events that exchanges are made of, in the order in which they are read.
//!
//! Events arrive out of the order of their times by some milliseconds (`docs/wire.md`), and the two directions of a
//! connection must be read as they happened. So events wait for a moment, and the earliest goes first.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use rusqlite::{Connection, Row, params};

use crate::event::{Content, Direction, Kind, Provenance};
use crate::http::exchange::Side;
use crate::http::h2;
use crate::store::block::Class;
use crate::store::postings;
use crate::store::row::select;

/// How long events wait for one that happened earlier, by the times of their receipt. Events come in order of receipt: one
/// that was received so much earlier than one before it was received after the clock was set back.
const WAIT_NS: i64 = 1_000_000_000;

/// How many wait at most: some 150 bytes each.
const MAX_WAITING: usize = 16 * 1024;

/// An event that says something about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// When it happened, in nanoseconds since 1970. The first to compare by, and the id the second.
    pub(super) time: i64,
    pub(super) id: i64,
    pub(super) received: i64,
    pub(super) stream: i64,
    pub(super) connection: i64,
    direction: Option<u8>,
    pub(super) content: u8,
    pub(super) provenance: u16,
    pub(super) payload_bytes: u64,
}

select!(
    /// What gives [`Place`]s, up to the condition: the plaintext of connections.
    PLACES,
    /// The columns of `PLACES`.
    Column {
        Id = "e.id",
        Time = "e.time_ns",
        ReceivedAfter = "e.received_after_ns",
        Stream = "e.stream_id",
        PayloadBytes = "e.payload_bytes",
        Connection = "s.connection_id",
        Direction = "sh.direction",
        Content = "sh.content",
        Provenance = "sh.provenance",
        Kind = "sh.kind",
    }
    "FROM events AS e JOIN shapes AS sh ON sh.id = e.shape_id JOIN streams AS s ON s.id = e.stream_id"
);

impl Place {
    /// Reads a row of [`PLACES`]; `None` if it says nothing about a connection.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        let connection: Option<i64> = row.get(Column::Connection as usize)?;
        let Some(connection) = connection else {
            return Ok(None);
        };
        if row.get::<_, u8>(Column::Kind as usize)? != Kind::TlsData.code() {
            return Ok(None);
        }
        let time: i64 = row.get(Column::Time as usize)?;
        Ok(Some(Self {
            time,
            id: row.get(Column::Id as usize)?,
            received: time.wrapping_add(row.get(Column::ReceivedAfter as usize)?),
            stream: row.get(Column::Stream as usize)?,
            connection,
            direction: row.get(Column::Direction as usize)?,
            content: row.get(Column::Content as usize)?,
            provenance: row.get(Column::Provenance as usize)?,
            payload_bytes: row.get(Column::PayloadBytes as usize)?,
        }))
    }

    /// Whether the process read or wrote it. Files of eCapture 1.4.1 to 1.5.2 do not tell (`docs/wire.md`, section 8). Of a
    /// message that it wrote anew it is the one that the process would have as a client, which keeps requests and responses
    /// apart; `start` is the beginning of the payload.
    pub(super) fn direction(&self, start: &[u8]) -> Option<Direction> {
        if let Some(direction) = self.direction {
            return Direction::from_code(direction);
        }
        let anew = Provenance::RESERIALIZED | Provenance::LISTING;
        let side = match self.content() {
            _ if !self.provenance().intersects(anew) => None,
            Content::Http1Request => Some(Side::Request),
            Content::Http1Response => Some(Side::Response),
            Content::Http2Listing => h2::listed_side(start),
            _ => None,
        };
        side.map(|side| match side {
            Side::Request => Direction::Outbound,
            Side::Response => Direction::Inbound,
        })
    }

    pub(super) fn content(&self) -> Content {
        Content::from_code(self.content).unwrap_or(Content::Binary)
    }

    pub(super) fn provenance(&self) -> Provenance {
        Provenance::from_bits_retain(self.provenance)
    }

    pub(super) fn class(&self) -> Option<Class> {
        Class::of(self.content(), self.payload_bytes)
    }
}

/// Events that wait for earlier ones.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    places: BinaryHeap<Reverse<Place>>,
    ids: BTreeSet<i64>,
    newest: i64,
    /// What came after the clock was set back: all others are before it, whatever their times say. They go before another
    /// one comes.
    behind: Option<Place>,
}

impl Waiting {
    /// Takes in the next event in order of arrival.
    pub(super) fn push(&mut self, place: Place) {
        self.ids.insert(place.id);
        let is_set_back =
            !self.places.is_empty() && self.newest.saturating_sub(place.received) > WAIT_NS;
        if is_set_back {
            self.behind = Some(place);
        } else {
            self.place(place);
        }
    }

    fn place(&mut self, place: Place) {
        self.newest = if self.places.is_empty() {
            place.received
        } else {
            self.newest.max(place.received)
        };
        self.places.push(Reverse(place));
    }

    /// The earliest, if it has waited enough, or `at_once`.
    pub(super) fn pop(&mut self, at_once: bool) -> Option<Place> {
        if self.places.is_empty() {
            let next = self.behind.take()?;
            self.place(next);
        }
        let Reverse(first) = self.places.peek()?;
        let has_waited =
            self.behind.is_some() || self.newest.saturating_sub(first.received) >= WAIT_NS;
        if !at_once && !has_waited && self.places.len() < MAX_WAITING {
            return None;
        }
        let Reverse(first) = self.places.pop()?;
        self.ids.remove(&first.id);
        Some(first)
    }

    /// Has one wait again that was the earliest.
    pub(super) fn put_back(&mut self, place: Place) {
        self.ids.insert(place.id);
        self.places.push(Reverse(place));
    }

    /// The smallest id that waits.
    pub(super) fn smallest_id(&self) -> Option<i64> {
        self.ids.first().copied()
    }

    /// Whether the event waits.
    pub(super) fn has(&self, id: i64) -> bool {
        self.ids.contains(&id)
    }
}

/// The ids of the events of one connection, in order of arrival, without holding them all.
pub(in crate::store) struct ConnectionEvents {
    connection: i64,
    /// The list that was read last.
    list: (i64, i64),
    /// Ids of lists that were read, which come before those of the lists that were not.
    ready: BTreeSet<i64>,
    /// The first id of the next list; `None` when all were read.
    next_list: Option<(i64, i64)>,
    /// Events up to this one are listed; those behind are looked through.
    listed: i64,
    upper: i64,
    is_tail_read: bool,
}

impl ConnectionEvents {
    /// Of the events up to the id `upper`.
    pub(in crate::store) fn new(
        db: &Connection,
        connection: i64,
        upper: i64,
    ) -> rusqlite::Result<Self> {
        let mut events = Self {
            connection,
            list: (0, 0),
            ready: BTreeSet::new(),
            next_list: None,
            listed: postings::listed(db)?,
            upper,
            is_tail_read: false,
        };
        events.find_next_list(db)?;
        Ok(events)
    }

    /// The next id.
    pub(in crate::store) fn next(&mut self, db: &Connection) -> rusqlite::Result<Option<i64>> {
        loop {
            let first = self.ready.first().copied();
            match (first, self.next_list) {
                (Some(id), Some((first_of_next, _))) if id < first_of_next => break,
                (_, Some(list)) => self.read_list(db, list)?,
                (None, None) if !self.is_tail_read => self.read_tail(db)?,
                _ => break,
            }
        }
        Ok(self.ready.pop_first())
    }

    fn find_next_list(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut statement = db.prepare_cached(
            "SELECT p.first_id, p.stream_id FROM streams AS s CROSS JOIN postings AS p ON p.stream_id = s.id
             WHERE s.connection_id = ?1 AND p.first_id <= ?4 AND (p.first_id, p.stream_id) > (?2, ?3)
             ORDER BY p.first_id, p.stream_id LIMIT 1",
        )?;
        let mut rows = statement.query(params![
            self.connection,
            self.list.0,
            self.list.1,
            self.upper
        ])?;
        self.next_list = match rows.next()? {
            Some(row) => Some((row.get("first_id")?, row.get("stream_id")?)),
            None => None,
        };
        Ok(())
    }

    fn read_list(&mut self, db: &Connection, list: (i64, i64)) -> rusqlite::Result<()> {
        {
            let mut statement = db.prepare_cached(
                "SELECT later FROM postings WHERE stream_id = ?2 AND first_id = ?1",
            )?;
            let mut rows = statement.query(params![list.0, list.1])?;
            if let Some(row) = rows.next()? {
                let later = row.get_ref("later")?.as_blob()?;
                let upper = self.upper;
                self.ready
                    .extend(postings::ids(list.0, later).take_while(|id| *id <= upper));
            }
        }
        self.list = list;
        self.find_next_list(db)
    }

    fn read_tail(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut statement = db.prepare_cached(
            "SELECT e.id FROM events AS e JOIN streams AS s ON s.id = e.stream_id
             WHERE e.id > ?1 AND e.id <= ?2 AND s.connection_id = ?3 ORDER BY e.id",
        )?;
        let mut rows = statement.query(params![self.listed, self.upper, self.connection])?;
        while let Some(row) = rows.next()? {
            self.ready.insert(row.get("id")?);
        }
        self.is_tail_read = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(id: i64, second: i64) -> Place {
        let time = second * 1_000_000_000;
        Place {
            time,
            id,
            received: time,
            stream: 1,
            connection: 1,
            direction: Some(0),
            content: 0,
            provenance: 0,
            payload_bytes: 0,
        }
    }

    /// The order in which events come out that come in with these ids and seconds, and the smallest that waits on.
    fn order(places: &[(i64, i64)]) -> (Vec<i64>, Option<i64>) {
        let mut waiting = Waiting::default();
        let mut out = Vec::new();
        for (id, second) in places {
            waiting.push(place(*id, *second));
            while let Some(place) = waiting.pop(false) {
                out.push(place.id);
            }
        }
        (out, waiting.smallest_id())
    }

    #[test]
    fn events_wait_for_earlier_ones() {
        let (out, waiting) = order(&[(1, 101), (2, 100), (3, 102), (4, 104)]);
        assert_eq!((out, waiting), (vec![2, 1, 3], Some(4)));
    }

    #[test]
    fn what_came_before_the_clock_was_set_back_is_before() {
        let (out, waiting) = order(&[(1, 9000), (2, 9000), (3, 100), (4, 100), (5, 99), (6, 5000)]);
        assert_eq!((out, waiting), (vec![1, 2, 5, 3, 4], Some(6)));
        let (out, waiting) = order(&[(1, 9000), (2, 5000), (3, 100), (4, 100)]);
        assert_eq!((out, waiting), (vec![1, 2], Some(3)));
        // As much as a daemon sets it by that keeps the time.
        let (out, waiting) = order(&[(1, 20), (2, 21), (3, 11), (4, 12), (5, 11), (6, 13)]);
        assert_eq!((out, waiting), (vec![1, 2, 3, 5, 4], Some(6)));
    }
}
