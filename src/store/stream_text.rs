//! What comes before an event in its stream: the ends of the payloads of the events with smaller ids in it.
//!
//! A stream is one direction of one connection; events without a connection are in none. In a subset of another capture,
//! a stream is cut where events were left out: nothing is before the next one.

use rusqlite::{OptionalExtension, Row, params};

use super::block::Class;
use super::error::{At, Error};
use super::payload::Payload;
use super::postings;
use super::reader::Reader;
use super::stream_ends::{NO_DIRECTION, Stream};
use crate::event::Content;

/// An event's place in its stream, and its payload.
pub(super) struct Place {
    pub(super) id: i64,
    pub(super) stream: Stream,
    pub(super) has_connection: bool,
    pub(super) class: Option<Class>,
    pub(super) payload_bytes: u64,
}

/// What gives [`Place`]s, up to the condition.
const PLACES: &str = "SELECT e.id, e.stream_id, sh.direction, s.connection_id IS NOT NULL AS has_connection, sh.content, e.payload_bytes
    FROM events AS e JOIN shapes AS sh ON sh.id = e.shape_id JOIN streams AS s ON s.id = e.stream_id";

impl Place {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let payload_bytes = row.get("payload_bytes")?;
        let content = Content::from_code(row.get("content")?);
        let direction: Option<u8> = row.get("direction")?;
        Ok(Self {
            id: row.get("id")?,
            stream: (row.get("stream_id")?, direction.unwrap_or(NO_DIRECTION)),
            has_connection: row.get("has_connection")?,
            class: content.and_then(|content| Class::of(content, payload_bytes)),
            payload_bytes,
        })
    }
}

/// The last `count` bytes before the event in its stream, fewer if there are not so many.
pub(super) fn before(reader: &Reader, event: i64, count: usize) -> Result<Vec<u8>, Error> {
    let Some(mut earlier) = Earlier::of(reader, event)? else {
        return Ok(Vec::new());
    };
    let mut ends = Vec::new();
    let mut missing = count;
    while missing > 0 {
        let Some(found) = earlier.next(reader)? else {
            break;
        };
        let end = Payload::of(reader, found.id, found.class, found.payload_bytes)
            .and_then(|payload| payload.end(missing));
        let end = match end {
            // What was pruned meanwhile is no longer before anything.
            Err(Error::Pruned { .. }) => break,
            end => end?,
        };
        missing -= end.len();
        ends.push(end);
    }
    ends.reverse();
    Ok(ends.concat())
}

/// The event before this one in its stream, if there is one and none was left out in between.
pub(super) fn previous(reader: &Reader, event: i64) -> Result<Option<i64>, Error> {
    let Some(mut earlier) = Earlier::of(reader, event)? else {
        return Ok(None);
    };
    Ok(earlier.next(reader)?.map(|place| place.id))
}

fn find(reader: &Reader, event: i64) -> Result<Option<Place>, Error> {
    reader
        .db
        .prepare_cached(&format!("{PLACES} WHERE e.id = ?1"))
        .and_then(|mut statement| statement.query_row([event], Place::read).optional())
        .at(&reader.path)
}

/// The places of the events behind this one in order of id, at most `count` of them.
pub(super) fn places_after(reader: &Reader, event: i64, count: i64) -> Result<Vec<Place>, Error> {
    reader
        .db
        .prepare_cached(&format!("{PLACES} WHERE e.id > ?1 ORDER BY e.id LIMIT ?2"))
        .and_then(|mut statement| statement.query_map([event, count], Place::read)?.collect())
        .at(&reader.path)
}

/// The events of a stream before one of them, the nearest first. Where events were left out, it ends.
struct Earlier {
    stream: Stream,
    /// Ids that are known to be the next of the row of `streams`, the smallest first.
    known: Vec<i64>,
    /// Ids of lists among which another list may have some.
    unsure: Vec<i64>,
    /// Lists that begin here or behind it were looked at; `None` when there are no more.
    below: Option<i64>,
    event: i64,
    /// The event that was given last.
    last: i64,
}

impl Earlier {
    /// Before this event; `None` if it is in no stream.
    fn of(reader: &Reader, event: i64) -> Result<Option<Self>, Error> {
        let Some(place) = find(reader, event)?.filter(|place| place.has_connection) else {
            return Ok(None);
        };
        let listed = postings::listed(&reader.db).at(&reader.path)?;
        // Behind the lists, the few thousand newest events are looked through.
        let known = reader
            .db
            .prepare_cached(
                "SELECT id FROM events WHERE id > ?1 AND id < ?2 AND +stream_id = ?3 ORDER BY id",
            )
            .and_then(|mut statement| {
                statement
                    .query_map(params![listed, place.id, place.stream.0], |row| {
                        row.get("id")
                    })?
                    .collect()
            })
            .at(&reader.path)?;
        Ok(Some(Self {
            stream: place.stream,
            known,
            unsure: Vec::new(),
            below: Some(place.id),
            event: place.id,
            last: place.id,
        }))
    }

    fn next(&mut self, reader: &Reader) -> Result<Option<Place>, Error> {
        if reader.is_cut(self.last)? {
            return Ok(None);
        }
        while let Some(id) = self.next_of_row(reader)? {
            // A listed event may have moved to another stream since.
            if let Some(place) = find(reader, id)?.filter(|place| place.stream == self.stream) {
                self.last = place.id;
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// The next event that is listed for the row of `streams`, whatever its direction.
    fn next_of_row(&mut self, reader: &Reader) -> Result<Option<i64>, Error> {
        while self.known.is_empty() && self.below.is_some() {
            self.look_up(reader)?;
        }
        Ok(self.known.pop())
    }

    /// Looks at the next list. Lists were written one after another, so the ids of one are all smaller than those of the
    /// next; but an event that moved has a list of its own. So what is gathered is complete once there is a list of more
    /// than one.
    fn look_up(&mut self, reader: &Reader) -> Result<(), Error> {
        let list = reader
            .db
            .prepare_cached(
                "SELECT first_id, later FROM postings WHERE stream_id = ?1 AND first_id < ?2
                 ORDER BY first_id DESC LIMIT 1",
            )
            .at(&reader.path)?
            .query_row(params![self.stream.0, self.below], |row| {
                let first: i64 = row.get("first_id")?;
                let later = row.get_ref("later")?.as_blob()?;
                Ok((first, postings::ids(first, later).collect::<Vec<_>>()))
            })
            .optional()
            .at(&reader.path)?;
        let is_complete = match list {
            None => {
                self.below = None;
                true
            }
            Some((first, ids)) => {
                self.below = Some(first);
                self.unsure
                    .extend(ids.iter().filter(|id| **id < self.event));
                ids.len() > 1
            }
        };
        if is_complete {
            self.known = std::mem::take(&mut self.unsure);
            self.known.sort_unstable();
            self.known.dedup();
        }
        Ok(())
    }
}
