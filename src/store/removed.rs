//! What was removed for good: whole batches, and single events out of batches that stay.

use std::collections::VecDeque;

use rusqlite::{Connection, params};

use super::patience;

/// How many are read at once.
const READ: usize = 256;

/// The digests of events that were removed, of one batch and in order of id.
pub(super) struct Removed {
    after: i64,
    last: i64,
    ready: VecDeque<(i64, Vec<u8>)>,
    is_over: bool,
}

impl Removed {
    /// Those from `first` to `last`; none in a capture that cannot have any.
    pub(super) fn new((first, last): (i64, i64), is_possible: bool) -> Self {
        Self {
            after: first.saturating_sub(1),
            last,
            ready: VecDeque::new(),
            is_over: !is_possible,
        }
    }

    /// The next with an id below this one.
    pub(super) fn next_below(
        &mut self,
        db: &Connection,
        id: i64,
    ) -> rusqlite::Result<Option<(i64, Vec<u8>)>> {
        if self.ready.is_empty() && !self.is_over {
            let mut statement = db.prepare_cached(
                "SELECT event_id, digest FROM removed_events
                 WHERE event_id > ?1 AND event_id <= ?2 ORDER BY event_id LIMIT ?3",
            )?;
            let mut rows = statement.query(params![self.after, self.last, READ])?;
            while let Some(row) = rows.next()? {
                let id = row.get("event_id")?;
                if id <= self.after {
                    return Err(patience::not_rising());
                }
                self.after = id;
                self.ready.push_back((id, row.get("digest")?));
            }
            self.is_over = self.ready.len() < READ;
        }
        match self.ready.front() {
            Some((next, _)) if *next < id => Ok(self.ready.pop_front()),
            _ => Ok(None),
        }
    }
}

/// What was removed between two events that are there.
pub(super) struct RemovedBatches {
    /// Up to here nothing else is missing.
    pub(super) through: i64,
    /// From which link the chain goes on.
    pub(super) last_link: Option<Vec<u8>>,
}

impl RemovedBatches {
    /// All of those behind `after` and before `first`, whatever rules they went by; `None` if there are none.
    pub(super) fn between(
        db: &Connection,
        after: i64,
        first: i64,
    ) -> rusqlite::Result<Option<Self>> {
        let mut statement = db.prepare_cached(
            "SELECT first_id, last_id, last_link FROM removals
             WHERE batches > 0 AND last_id > ?1 AND last_id < ?2 ORDER BY last_id, id",
        )?;
        let mut rows = statement.query(params![after, first])?;
        let mut removed = None;
        while let Some(row) = rows.next()? {
            let Self { mut through, .. } = removed.unwrap_or(Self {
                through: after,
                last_link: None,
            });
            if row.get::<_, i64>("first_id")? <= through.saturating_add(1) {
                through = through.max(row.get("last_id")?);
            }
            removed = Some(Self {
                through,
                last_link: row.get("last_link")?,
            });
        }
        Ok(removed)
    }
}
