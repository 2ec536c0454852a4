//! The index from a stream to its events: lists of ids instead of an entry for each.
//!
//! An index of SQLite's own would cost 13 bytes an event and a place in the middle of a tree for each. Here the ids of a
//! stream's events are collected while some thousands of events arrive, and written as one row: the first id, and the
//! differences between it and those that follow as unsigned LEB128 numbers. Up to which event that was done is in
//! `progress`; the few thousand events behind it are looked through. A listed event may have moved to another stream
//! since, or be gone: its own row decides.

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::varint;

/// The lists are written when this many events have come since they were last.
const EVENTS: usize = 4096;

/// The ids that are not in a list yet.
pub(super) struct Postings {
    waiting: Vec<(i64, i64)>,
    newest: i64,
    /// Up to which event the lists are complete.
    listed: i64,
}

impl Postings {
    /// Takes up what an earlier recorder left undone.
    pub(super) fn new(db: &Connection) -> Result<Self> {
        let listed = listed(db)?;
        let mut statement =
            db.prepare("SELECT stream_id, id FROM events WHERE id > ?1 ORDER BY id")?;
        let waiting = statement
            .query_map([listed], |row| Ok((row.get("stream_id")?, row.get("id")?)))?
            .collect::<Result<Vec<(i64, i64)>>>()?;
        let newest = waiting.last().map_or(listed, |(_, id)| *id);
        Ok(Self {
            waiting,
            newest,
            listed,
        })
    }

    /// Forgets events that are gone.
    pub(super) fn forget(&mut self, is_gone: &dyn Fn(i64) -> bool) {
        self.waiting.retain(|(_, id)| !is_gone(*id));
    }

    /// Takes in an event.
    pub(super) fn add(&mut self, stream: i64, id: i64) {
        self.waiting.push((stream, id));
        self.newest = self.newest.max(id);
    }

    /// Takes in an event that turned out to belong to another stream. Lists that are written already get it at once:
    /// nobody looks for it behind them.
    pub(super) fn add_moved(&mut self, db: &Connection, stream: i64, id: i64) -> Result<()> {
        if id > self.listed {
            self.add(stream, id);
            return Ok(());
        }
        db.prepare_cached(
            "INSERT OR IGNORE INTO postings (stream_id, first_id, later) VALUES (?1, ?2, x'')",
        )?
        .execute(params![stream, id])?;
        Ok(())
    }

    /// Writes the lists if enough has come: the end of a batch.
    pub(super) fn save(&mut self, db: &Connection) -> Result<()> {
        if self.waiting.len() >= EVENTS {
            self.flush(db)
        } else {
            Ok(())
        }
    }

    /// Writes the lists: the end of a recording.
    pub(super) fn flush(&mut self, db: &Connection) -> Result<()> {
        self.waiting.sort_unstable();
        self.waiting.dedup();
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO postings (stream_id, first_id, later) VALUES (?1, ?2, ?3)",
        )?;
        let mut later = Vec::new();
        for list in self
            .waiting
            .chunk_by(|(stream, _), (other, _)| stream == other)
        {
            let Some((stream, first)) = list.first() else {
                continue;
            };
            later.clear();
            let mut before = *first;
            for (_, id) in list.iter().skip(1) {
                varint::push(&mut later, id.abs_diff(before));
                before = *id;
            }
            insert.execute(params![stream, first, later])?;
        }
        db.prepare_cached(
            "INSERT OR REPLACE INTO progress (work, event_id) VALUES ('postings', ?1)",
        )?
        .execute([self.newest])?;
        self.listed = self.newest;
        self.waiting.clear();
        Ok(())
    }
}

/// Up to which event the lists are complete.
pub(super) fn listed(db: &Connection) -> Result<i64> {
    let listed = db
        .query_row(
            "SELECT event_id FROM progress WHERE work = 'postings'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(listed.unwrap_or(0))
}

/// The ids of a list; ends early where it is damaged.
pub(super) fn ids(first: i64, mut later: &[u8]) -> impl Iterator<Item = i64> + '_ {
    let mut id = Some(first);
    std::iter::from_fn(move || {
        let current = id?;
        id = varint::take(&mut later).and_then(|step| current.checked_add_unsigned(step));
        Some(current)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_round_trip() {
        let mut later = Vec::new();
        for step in [1, 300, 2] {
            varint::push(&mut later, step);
        }
        assert_eq!(ids(7, &later).collect::<Vec<_>>(), [7, 8, 308, 310]);
        assert_eq!(ids(7, &[]).collect::<Vec<_>>(), [7]);
        assert_eq!(ids(7, &[0x80]).collect::<Vec<_>>(), [7]);
    }

    #[test]
    fn a_moved_event_is_listed_at_once_if_its_neighbors_are() {
        let mut db = Connection::open_in_memory().unwrap();
        crate::store::migrate::climb(&mut db, std::path::Path::new("test")).unwrap();
        let lists = |db: &Connection| -> Vec<(i64, i64)> {
            db.prepare("SELECT stream_id, first_id FROM postings ORDER BY 1, 2")
                .unwrap()
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap()
                .map(Result::unwrap)
                .collect()
        };
        db.pragma_update(None, "foreign_keys", false).unwrap();
        let mut postings = Postings::new(&db).unwrap();
        postings.add(1, 1);
        postings.add(1, 2);
        postings.flush(&db).unwrap();
        postings.add(1, 3);
        postings.add_moved(&db, 2, 2).unwrap();
        postings.add_moved(&db, 2, 3).unwrap();
        assert_eq!(lists(&db), [(1, 1), (2, 2)]);
        postings.flush(&db).unwrap();
        assert_eq!(lists(&db), [(1, 1), (1, 3), (2, 2), (2, 3)]);
        assert_eq!(listed(&db).unwrap(), 3);
    }
}
