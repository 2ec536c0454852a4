//! Goes through the ids of a table of a damaged file: what cannot be read is a hole, and what is behind it is found.
//!
//! Rows lie in pages in order of id. Where a page cannot be read, a look-up of an id behind it mostly can: the smallest
//! such id is searched for by doubling and halving the step. Ids only grow here, whatever a damaged page says, so that
//! every walk ends.

use std::collections::VecDeque;

use rusqlite::{Connection, params};

use super::error::is_damage;
use super::reader::Reader;

/// How many ids are read at once.
const READ: usize = 256;

/// What comes next in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A row with this id.
    Row(i64),
    /// Rows with ids from the first to the last of these, if there are any, cannot be read.
    Hole(i64, i64),
}

/// A statement that gives ids above `?1` and up to `?2` in order, at most `?3`.
pub(super) type Seek = &'static str;

/// Defines a [`Seek`] by table and column.
macro_rules! seek {
    ($table:literal, $id:literal) => {
        concat!(
            "SELECT ",
            $id,
            " FROM ",
            $table,
            " WHERE ",
            $id,
            " > ?1 AND ",
            $id,
            " <= ?2 ORDER BY ",
            $id,
            " LIMIT ?3"
        )
    };
}
pub(super) use seek;

/// A way through a table.
pub(super) struct Walk {
    seek: Seek,
    after: i64,
    last: i64,
    ready: VecDeque<i64>,
    /// Whether what is behind the ready ids cannot be read.
    is_broken: bool,
    is_over: bool,
}

impl Walk {
    /// Through all rows with ids from `first` to `last`.
    pub(super) fn new(seek: Seek, first: i64, last: i64) -> Self {
        Self {
            seek,
            after: first.saturating_sub(1),
            last,
            ready: VecDeque::new(),
            is_broken: false,
            is_over: false,
        }
    }

    /// The next step; `None` at the end.
    ///
    /// # Errors
    /// What SQLite says if it is no damage.
    pub(super) fn next(&mut self, reader: &Reader) -> rusqlite::Result<Option<Step>> {
        if let Some(patience) = &reader.patience {
            patience.of_a_row();
        }
        self.next_in(&reader.db)
    }

    fn next_in(&mut self, db: &Connection) -> rusqlite::Result<Option<Step>> {
        if self.ready.is_empty() && !self.is_broken && !self.is_over {
            self.fill(db)?;
        }
        if let Some(id) = self.ready.pop_front() {
            self.after = id;
            return Ok(Some(Step::Row(id)));
        }
        if !self.is_broken {
            return Ok(None);
        }
        self.is_broken = false;
        let first = self.after.saturating_add(1);
        let last = self.end_of_hole(db)?;
        self.is_over = last >= self.last;
        self.after = last;
        Ok(Some(Step::Hole(first, last)))
    }

    fn fill(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let result = read(
            db,
            self.seek,
            (self.after, self.last),
            READ,
            &mut self.ready,
        );
        match result {
            Ok(()) => self.is_over = self.ready.len() < READ,
            Err(error) if is_damage(&error) => self.is_broken = true,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The last id of a hole that begins behind `after`.
    fn end_of_hole(&self, db: &Connection) -> rusqlite::Result<i64> {
        let mut lower = self.after;
        let mut step = 1_u64;
        let mut upper = loop {
            let probe = self.after.saturating_add_unsigned(step).min(self.last);
            if probe >= self.last {
                break None;
            }
            match self.probe(db, probe)? {
                Some(found) => break Some((probe, found)),
                None => lower = probe,
            }
            step = step.saturating_mul(2);
        };
        if upper.is_none() && lower < self.last {
            // The last step was cut short: what is just before the end may be readable.
            upper = self
                .probe(db, self.last - 1)?
                .map(|found| (self.last - 1, found));
        }
        let Some((mut upper, mut found)) = upper else {
            return Ok(self.last);
        };
        while upper.abs_diff(lower) > 1 {
            let middle = lower.midpoint(upper);
            match self.probe(db, middle)? {
                Some(behind) => (upper, found) = (middle, behind),
                None => lower = middle,
            }
        }
        Ok(found - 1)
    }

    /// The first id behind this one, the end if there is none; `None` if that cannot be read.
    fn probe(&self, db: &Connection, after: i64) -> rusqlite::Result<Option<i64>> {
        let mut found = VecDeque::new();
        match read(db, self.seek, (after, self.last), 1, &mut found) {
            Ok(()) => Ok(Some(
                found
                    .pop_front()
                    .unwrap_or_else(|| self.last.saturating_add(1)),
            )),
            Err(error) if is_damage(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Reads ids, as far as they grow and SQLite gives them.
fn read(
    db: &Connection,
    seek: Seek,
    (after, last): (i64, i64),
    limit: usize,
    ids: &mut VecDeque<i64>,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(seek)?;
    let mut rows = statement.query(params![after, last, limit])?;
    let mut before = after;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if id <= before || id > last {
            return Err(rusqlite::Error::IntegralValueOutOfRange(0, id));
        }
        ids.push_back(id);
        before = id;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(db: &Connection, first: i64, last: i64) -> Vec<Step> {
        let mut walk = Walk::new(seek!("t", "id"), first, last);
        std::iter::from_fn(|| walk.next_in(db).unwrap()).collect()
    }

    fn filled(rows: i64) -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("PRAGMA page_size = 512; CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
            .unwrap();
        for id in 1..=rows {
            db.execute("INSERT INTO t VALUES (?1, zeroblob(50))", [id * 3])
                .unwrap();
        }
        db
    }

    #[test]
    fn all_ids_in_order() {
        let db = filled(1000);
        let rows = |ids: std::ops::RangeInclusive<i64>| -> Vec<_> {
            ids.map(|id| Step::Row(id * 3)).collect()
        };
        assert_eq!(steps(&db, i64::MIN, i64::MAX), rows(1..=1000));
        assert_eq!(steps(&db, 6, 1202), rows(2..=400));
        assert_eq!(steps(&db, 3001, i64::MAX), []);
        assert_eq!(steps(&db, 5, 5), []);
    }

    #[test]
    fn nothing_can_be_read() {
        let db = Connection::open_in_memory().unwrap();
        for (first, last) in [(i64::MIN, i64::MAX), (1, i64::MAX), (5, 5), (1, 2)] {
            let hole = Step::Hole(first.max(i64::MIN + 1), last);
            assert_eq!(steps(&db, first, last), [hole]);
        }
    }

    /// Of a file in which pages are overwritten, in turn, what can be read is still found.
    #[test]
    fn what_is_behind_a_hole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        filled(300)
            .execute("VACUUM INTO ?1", [path.to_str().unwrap()])
            .unwrap();
        let whole = std::fs::read(&path).unwrap();
        let pages = whole.len() / 512;
        let mut behind_holes = 0;
        for page in 2..pages {
            let mut damaged = whole.clone();
            damaged[page * 512..page * 512 + 512].fill(0xa5);
            std::fs::write(&path, &damaged).unwrap();
            let db = Connection::open(&path).unwrap();
            let steps = steps(&db, 1, 900);
            let mut next = 1;
            for step in &steps {
                let (first, last) = match step {
                    Step::Row(id) => (*id, *id),
                    Step::Hole(first, last) => (*first, *last),
                };
                assert!(next <= first && first <= last, "page {page}: {steps:?}");
                next = last + 1;
            }
            let is_hole = |step: &Step| matches!(step, Step::Hole(..));
            let hole = steps.iter().position(is_hole).unwrap();
            assert_eq!(steps.iter().filter(|step| is_hole(step)).count(), 1);
            behind_holes += usize::from(hole + 1 < steps.len());
            assert!(steps.len() > 300 - 12, "one page has few rows: {steps:?}");
        }
        assert!(behind_holes > pages / 2);
    }
}
