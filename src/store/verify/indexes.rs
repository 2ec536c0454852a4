//! Whether the index on time and the lists of streams lead to an event.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::postings;

/// How many rows of lists are looked through for an event that is not where it should be: it moved.
const ROWS: i64 = 1000;

/// How many ids of a list are looked at.
const IDS: usize = 16 * 1024;

/// How many ids are remembered, 8 bytes each.
const REMEMBERED: usize = 1 << 20;

/// The index on time.
#[derive(Default)]
pub(super) struct Spans {
    /// The span that was looked up last: its ids and its times.
    span: Option<[i64; 4]>,
}

impl Spans {
    /// Whether a search by time finds the event.
    pub(super) fn has(&mut self, db: &Connection, id: i64, time: i64) -> rusqlite::Result<bool> {
        let is_in = |[first, last, ..]: &[i64; 4]| (*first..=*last).contains(&id);
        if !self.span.as_ref().is_some_and(is_in) {
            self.span = span_of(db, id)?;
        }
        Ok(self
            .span
            .is_some_and(|span| is_in(&span) && (span[2]..=span[3]).contains(&time)))
    }
}

/// The span that an event is in, if one is: its ids and its times.
pub(super) fn span_of(db: &Connection, id: i64) -> rusqlite::Result<Option<[i64; 4]>> {
    let span = db
        .prepare_cached(
            "SELECT first_id, last_id, min_ns, max_ns FROM spans
             WHERE first_id <= ?1 ORDER BY first_id DESC LIMIT 1",
        )?
        .query_row([id], |row| {
            Ok([
                row.get("first_id")?,
                row.get("last_id")?,
                row.get("min_ns")?,
                row.get("max_ns")?,
            ])
        })
        .optional()?;
    Ok(span.filter(|[_, last, ..]| *last >= id))
}

/// The lists of the events of streams.
pub(super) struct Lists {
    /// Up to which event they are complete.
    listed: i64,
    known: HashMap<i64, Vec<i64>>,
    remembered: usize,
}

impl Lists {
    pub(super) fn new(db: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            listed: postings::listed(db)?,
            known: HashMap::new(),
            remembered: 0,
        })
    }

    /// Whether a search by stream finds the event.
    pub(super) fn has(&mut self, db: &Connection, stream: i64, id: i64) -> rusqlite::Result<bool> {
        if id > self.listed || self.is_known(stream, id) {
            return Ok(true);
        }
        let mut statement = db.prepare_cached(
            "SELECT first_id, later FROM postings
             WHERE stream_id = ?1 AND first_id <= ?2 ORDER BY first_id DESC LIMIT ?3",
        )?;
        let mut rows = statement.query(params![stream, id, ROWS])?;
        while let Some(row) = rows.next()? {
            let later = row.get_ref("later")?.as_blob()?;
            let ids: Vec<_> = postings::ids(row.get("first_id")?, later)
                .take(IDS)
                .collect();
            if ids.binary_search(&id).is_ok() {
                self.remember(stream, ids);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_known(&self, stream: i64, id: i64) -> bool {
        self.known
            .get(&stream)
            .is_some_and(|ids| ids.binary_search(&id).is_ok())
    }

    fn remember(&mut self, stream: i64, ids: Vec<i64>) {
        if ids.len() == 1 {
            return;
        }
        if self.remembered >= REMEMBERED {
            self.known.clear();
            self.remembered = 0;
        }
        self.remembered += ids.len();
        self.known.insert(stream, ids);
    }
}
