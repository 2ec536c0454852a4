//! What no remaining event needs: streams, connections, processes, identities, runs, shapes, heads and paths, and what exchanges shared.
//!
//! There is no index from these to their events: it would cost more than they do. So the ids that are in use are gathered in
//! a temporary file, some thousand events at a time, and afterwards the rows that are not in it go, some thousand at a time. Whoever
//! adds events meanwhile has forgotten which rows it knew when the sweep began, and its events are gathered as well
//! before anything goes.

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::removed_exchanges::{BOUNDED, Shared};
use crate::store::error::{At, Error};
use crate::store::exchanges::removal::SWEEPS;
use crate::store::grams::PARTS;
use crate::store::scratch::{self, place};

/// How many events, or rows, are looked at in one step.
const STEP_ROWS: i64 = 8 * 1024;

/// What of an event, and of an exchange, is gathered. The number is the kind in the temporary file.
const OF_EVENTS: [(u8, &str); 4] = [
    (
        STREAM,
        "SELECT DISTINCT stream_id AS id FROM events WHERE id > ?1 AND id <= ?2",
    ),
    (
        SHAPE,
        "SELECT DISTINCT shape_id AS id FROM events WHERE id > ?1 AND id <= ?2",
    ),
    (
        HEAD,
        "SELECT DISTINCT head_id AS id FROM events WHERE id > ?1 AND id <= ?2 AND head_id IS NOT NULL",
    ),
    (
        PATH,
        "SELECT DISTINCT path_id AS id FROM events WHERE id > ?1 AND id <= ?2 AND path_id IS NOT NULL",
    ),
];

const STREAM: u8 = 0;
const SHAPE: u8 = 1;
const HEAD: u8 = 2;
const PATH: u8 = 3;
const RUN: u8 = 4;

/// A table whose rows are looked at in order of id, and what is done to a row that is not in use.
struct Swept {
    kind: Option<u8>,
    /// Gives the next ids behind ?1, at most ?2 of them. The newest row stays, so that no id is given twice.
    next: &'static str,
    /// Deletes the row ?1, if nothing that the statement itself can see refers to it.
    delete: &'static [&'static str],
}

/// In an order in which what refers goes before what is referred to.
const SWEPT: [Swept; 8] = [
    Swept {
        kind: Some(STREAM),
        next: "SELECT id FROM streams WHERE id > ?1 AND id < (SELECT MAX(id) FROM streams) ORDER BY id LIMIT ?2",
        delete: &[
            "DELETE FROM postings WHERE stream_id = ?1",
            "DELETE FROM streams WHERE id = ?1",
        ],
    },
    Swept {
        kind: None,
        next: "SELECT id FROM connections WHERE id > ?1 AND id < (SELECT MAX(id) FROM connections) ORDER BY id LIMIT ?2",
        delete: &["DELETE FROM connections WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM streams WHERE connection_id = ?1)
             AND NOT EXISTS (SELECT 1 FROM exchanges WHERE connection_id = ?1)"],
    },
    Swept {
        kind: None,
        next: "SELECT id FROM processes WHERE id > ?1 AND id < (SELECT MAX(id) FROM processes) ORDER BY id LIMIT ?2",
        delete: &["DELETE FROM processes WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM streams WHERE process_id = ?1)"],
    },
    // The recorder knows what it read of processes, and writes it again for one that comes back.
    Swept {
        kind: None,
        next: "SELECT id FROM identities WHERE id > ?1 AND id < (SELECT MAX(id) FROM identities) ORDER BY id LIMIT ?2",
        delete: &["DELETE FROM identities WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM processes WHERE identity_id = ?1)"],
    },
    Swept {
        kind: Some(RUN),
        next: "SELECT id FROM runs WHERE id > ?1 AND id < (SELECT MAX(id) FROM runs AS r WHERE r.source_id = runs.source_id)
             ORDER BY id LIMIT ?2",
        delete: &["DELETE FROM runs WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM run_logs WHERE run_id = ?1)"],
    },
    Swept {
        kind: Some(SHAPE),
        next: "SELECT id FROM shapes WHERE id > ?1 ORDER BY id LIMIT ?2",
        delete: &["DELETE FROM shapes WHERE id = ?1"],
    },
    Swept {
        kind: Some(HEAD),
        next: "SELECT id FROM heads WHERE id > ?1 ORDER BY id LIMIT ?2",
        delete: &["DELETE FROM heads WHERE id = ?1"],
    },
    Swept {
        kind: Some(PATH),
        next: "SELECT id FROM paths WHERE id > ?1 ORDER BY id LIMIT ?2",
        delete: &["DELETE FROM paths WHERE id = ?1"],
    },
];

/// A sweep that is under way.
pub(super) struct Sweep {
    used: Connection,
    /// Events up to this one were gathered.
    gathered: i64,
    /// The last exchange that was gathered; `None` when all were.
    exchanges: Option<i64>,
    shared: Shared,
    /// The table of [`SWEPT`], and behind those of [`BOUNDED`], that is being swept, and the last row that was looked at.
    table: usize,
    after: i64,
}

impl Sweep {
    /// Begins: whoever remembers rows forgets them.
    pub(super) fn begin(db: &Connection) -> Result<Self, Error> {
        let used = scratch::open(
            "CREATE TABLE used (kind INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID",
        )?;
        db.prepare_cached(
            "INSERT INTO progress (work, event_id) VALUES (?1, 1)
             ON CONFLICT (work) DO UPDATE SET event_id = event_id + 1",
        )
        .and_then(|mut statement| statement.execute([SWEEPS]))
        .at(&place())?;
        Ok(Self {
            used,
            gathered: i64::MIN,
            exchanges: Some(0),
            shared: Shared::of(db).at(&place())?,
            table: 0,
            after: 0,
        })
    }

    /// Goes on. Whether it is over. `is_live` tells connections that may get events again.
    pub(super) fn step(
        &mut self,
        db: &Connection,
        is_live: &dyn Fn(i64) -> bool,
    ) -> Result<bool, Error> {
        let path = place();
        if !self.gather(db).at(&path)? || !self.gather_exchanges(db).at(&path)? {
            return Ok(false);
        }
        if let Some(swept) = SWEPT.get(self.table) {
            let is_connections = self.table == 1;
            self.sweep(db, swept, is_connections, is_live).at(&path)?;
            return Ok(false);
        }
        let Some(bounded) = BOUNDED.get(self.table - SWEPT.len()) else {
            return Ok(true);
        };
        let ids = next_ids(db, bounded.next, self.after).at(&path)?;
        let bound = self.shared.bound(bounded.kind);
        for id in &ids {
            if *id <= bound && !self.is_used(bounded.kind, *id).at(&path)? {
                for sql in bounded.delete {
                    db.prepare_cached(sql)
                        .and_then(|mut statement| statement.execute([id]))
                        .at(&path)?;
                }
                if bounded.has_parts {
                    let mut delete = db
                        .prepare_cached("DELETE FROM text_grams WHERE part = ?1 AND text_id = ?2")
                        .at(&path)?;
                    for part in 0..PARTS {
                        delete.execute(params![part, id]).at(&path)?;
                    }
                }
            }
        }
        self.turn(&ids);
        Ok(false)
    }

    /// Gathers what events use, some thousand at a time; `true` when there are no more.
    fn gather(&mut self, db: &Connection) -> Result<bool> {
        let range: Option<(i64, i64)> = db
            .prepare_cached(
                "SELECT (SELECT MIN(id) FROM events WHERE id > ?1) AS first_id, MAX(id) AS last_id FROM events",
            )?
            .query_row([self.gathered], |row| {
                Ok(row
                    .get::<_, Option<i64>>("first_id")?
                    .zip(row.get::<_, Option<i64>>("last_id")?))
            })?;
        let Some((first, newest)) = range else {
            return Ok(true);
        };
        let last = first.saturating_add(STEP_ROWS).min(newest);
        for (kind, sql) in OF_EVENTS {
            let mut statement = db.prepare_cached(sql)?;
            let mut rows = statement.query([first - 1, last])?;
            while let Some(row) = rows.next()? {
                self.use_row(kind, row.get("id")?)?;
            }
        }
        self.gathered = last;
        Ok(last == newest)
    }

    fn gather_exchanges(&mut self, db: &Connection) -> Result<bool> {
        let Some(after) = self.exchanges else {
            return Ok(true);
        };
        let mut statement = db.prepare_cached(
            "SELECT id, stream_id, path_id, facts_id, request_head_block, response_head_block, text_id FROM exchanges
             WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let mut rows = statement.query([after, STEP_ROWS])?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            last = Some(row.get("id")?);
            self.use_row(STREAM, row.get("stream_id")?)?;
            for (kind, column) in super::removed_exchanges::COLUMNS {
                if let Some(id) = row.get::<_, Option<i64>>(column)? {
                    self.use_row(kind, id)?;
                }
            }
        }
        self.exchanges = last;
        Ok(last.is_none())
    }

    fn sweep(
        &mut self,
        db: &Connection,
        swept: &Swept,
        is_connections: bool,
        is_live: &dyn Fn(i64) -> bool,
    ) -> Result<()> {
        let ids = next_ids(db, swept.next, self.after)?;
        for id in &ids {
            let is_used = match swept.kind {
                Some(kind) => self.is_used(kind, *id)?,
                None => is_connections && is_live(*id),
            };
            if swept.kind == Some(STREAM) && (is_used || is_in_exchanges(db, *id)?) {
                self.use_run_of(db, *id)?;
            } else if !is_used {
                for sql in swept.delete {
                    db.prepare_cached(sql)?.execute([id])?;
                }
            }
        }
        if swept.kind == Some(STREAM) && ids.is_empty() {
            // The newest stream is not looked at, and stays.
            if let Some(newest) = db.query_row("SELECT MAX(id) FROM streams", [], |row| {
                row.get::<_, Option<i64>>(0)
            })? {
                self.use_run_of(db, newest)?;
                if !self.is_used(STREAM, newest)? {
                    Self::drop_lists(db, newest)?;
                }
            }
        }
        self.turn(&ids);
        Ok(())
    }

    /// Drops the lists of the newest stream, which has no event: but for one that went over to it since events were gathered,
    /// and has a list of its own.
    fn drop_lists(db: &Connection, stream: i64) -> Result<()> {
        db.prepare_cached(
            "DELETE FROM postings WHERE stream_id = ?1
                AND NOT EXISTS (SELECT 1 FROM events AS e WHERE e.id = first_id AND e.stream_id = ?1)",
        )?
        .execute([stream])?;
        Ok(())
    }

    /// Goes on behind these rows, or with the next table.
    fn turn(&mut self, ids: &[i64]) {
        if let Some(last) = ids.last() {
            self.after = *last;
        } else {
            self.table += 1;
            self.after = 0;
        }
    }

    fn use_run_of(&self, db: &Connection, stream: i64) -> Result<()> {
        let run: Option<i64> = db
            .prepare_cached("SELECT run_id FROM streams WHERE id = ?1")?
            .query_row([stream], |row| row.get("run_id"))
            .optional()?;
        run.map_or(Ok(()), |run| self.use_row(RUN, run))
    }

    fn use_row(&self, kind: u8, id: i64) -> Result<()> {
        self.used
            .prepare_cached("INSERT OR IGNORE INTO used (kind, id) VALUES (?1, ?2)")?
            .execute(params![kind, id])?;
        Ok(())
    }

    fn is_used(&self, kind: u8, id: i64) -> Result<bool> {
        self.used
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM used WHERE kind = ?1 AND id = ?2)")?
            .query_row(params![kind, id], |row| row.get(0))
    }
}

/// Whether an exchange that was stored since exchanges were gathered names the stream.
fn is_in_exchanges(db: &Connection, stream: i64) -> Result<bool> {
    db.prepare_cached(
        "SELECT EXISTS (
            SELECT 1 FROM streams AS s CROSS JOIN exchanges AS x ON x.connection_id = s.connection_id
            WHERE s.id = ?1 AND +x.stream_id = ?1)",
    )?
    .query_row([stream], |row| row.get(0))
}

fn next_ids(db: &Connection, sql: &str, after: i64) -> Result<Vec<i64>> {
    db.prepare_cached(sql)?
        .query_map([after, STEP_ROWS / 4], |row| row.get("id"))?
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture() -> Connection {
        let mut db = Connection::open_in_memory().unwrap();
        crate::store::migrate::climb(&mut db, std::path::Path::new("test")).unwrap();
        db.pragma_update(None, "foreign_keys", false).unwrap();
        db.execute_batch(
            "INSERT INTO streams (id, run_id, process_id) VALUES (1, 1, 1), (2, 1, 1);
             INSERT INTO postings (stream_id, first_id, later) VALUES (1, 1, x''), (2, 2, x'0103'), (2, 30, x'01')",
        )
        .unwrap();
        add_events(&db, &[(1, 1), (40, 1)]);
        db
    }

    fn add_events(db: &Connection, events: &[(i64, i64)]) {
        for (id, stream) in events {
            db.execute(
                "INSERT INTO events (id, time_ns, received_after_ns, stream_id, shape_id, payload_bytes)
                 VALUES (?1, 0, 0, ?2, 1, 1)",
                [id, stream],
            )
            .unwrap();
        }
    }

    fn lists(db: &Connection) -> Vec<(i64, i64)> {
        db.prepare("SELECT stream_id, first_id FROM postings ORDER BY 1, 2")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    /// Sweeps; `meanwhile` happens when everything was gathered.
    fn sweep(db: &Connection, meanwhile: impl FnOnce()) {
        let mut sweep = Sweep::begin(db).unwrap();
        while !sweep.gather(db).unwrap() {}
        meanwhile();
        while !sweep.step(db, &|_| false).unwrap() {}
    }

    #[test]
    fn lists_of_the_newest_stream_go_with_its_events() {
        let db = capture();
        sweep(&db, || {});
        assert_eq!(lists(&db), [(1, 1)]);
        let streams: i64 = db
            .query_row("SELECT COUNT(*) FROM streams", [], |row| row.get(0))
            .unwrap();
        assert_eq!(streams, 2, "so that no number is given twice");
    }

    #[test]
    fn lists_of_the_newest_stream_stay_as_long_as_it_has_events() {
        let db = capture();
        add_events(&db, &[(31, 2)]);
        sweep(&db, || {});
        assert_eq!(lists(&db), [(1, 1), (2, 2), (2, 30)]);
    }

    #[test]
    fn what_comes_to_the_newest_stream_meanwhile_is_listed() {
        let db = capture();
        sweep(&db, || {
            db.execute_batch(
                "UPDATE events SET stream_id = 2 WHERE id = 40;
                 INSERT INTO postings (stream_id, first_id, later) VALUES (2, 40, x'')",
            )
            .unwrap();
        });
        assert_eq!(lists(&db), [(1, 1), (2, 40)]);
        // One that is new is gathered in time.
        let db = capture();
        sweep(&db, || add_events(&db, &[(50, 2)]));
        assert_eq!(lists(&db), [(1, 1), (2, 2), (2, 30)]);
    }
}
