//! Exchanges that go with their events.
//!
//! An exchange goes with the first of its events that goes: half of it would be no answer. What else of the index nothing
//! refers to any more is swept afterwards (`store::prune`).

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Result, params};

/// Removes the exchanges of these streams' connections that began with an event up to `through`.
pub(in crate::store) fn remove_begun(
    db: &Connection,
    streams: &BTreeSet<i64>,
    through: i64,
) -> Result<()> {
    let mut connections = BTreeSet::new();
    for stream in streams {
        connections.extend(connection_of(db, *stream)?);
    }
    for connection in connections {
        let mut begun = Vec::new();
        {
            let mut statement = db.prepare_cached(
                "SELECT id, MIN(COALESCE(request_first_id, response_first_id), COALESCE(response_first_id, request_first_id))
                    AS first_id
                 FROM exchanges WHERE connection_id = ?1 ORDER BY number",
            )?;
            let mut rows = statement.query([connection])?;
            // Exchanges of a connection begin in the order of their numbers.
            while let Some(row) = rows.next()? {
                if row
                    .get::<_, Option<i64>>("first_id")?
                    .is_none_or(|first| first > through)
                {
                    break;
                }
                begun.push(row.get("id")?);
            }
        }
        remove(db, &begun)?;
    }
    Ok(())
}

/// Removes the exchanges of a stream's connection among whose events this one can be.
pub(in crate::store) fn remove_around(db: &Connection, stream: i64, event: i64) -> Result<()> {
    let Some(connection) = connection_of(db, stream)? else {
        return Ok(());
    };
    let ids: Vec<i64> = db
        .prepare_cached(
            "SELECT id FROM exchanges
             WHERE connection_id = ?1
                AND (request_first_id <= ?2 AND request_last_id >= ?2 OR response_first_id <= ?2 AND response_last_id >= ?2)",
        )?
        .query_map([connection, event], |row| row.get("id"))?
        .collect::<Result<_>>()?;
    remove(db, &ids)
}

fn connection_of(db: &Connection, stream: i64) -> Result<Option<i64>> {
    db.prepare_cached("SELECT connection_id FROM streams WHERE id = ?1")?
        .query_row([stream], |row| row.get("connection_id"))
        .optional()
        .map(Option::flatten)
}

fn remove(db: &Connection, ids: &[i64]) -> Result<()> {
    let Some(newest) = ids.iter().max() else {
        return Ok(());
    };
    for id in ids {
        db.prepare_cached("DELETE FROM exchange_parts WHERE exchange_id = ?1")?
            .execute([id])?;
        db.prepare_cached("DELETE FROM exchanges WHERE id = ?1")?
            .execute([id])?;
    }
    // So that no number of an exchange is given twice either.
    note(db, REMOVED_EXCHANGES, *newest)
}

/// Notes that events were removed, the newest of which is this one.
pub(in crate::store) fn note_events(db: &Connection, newest: i64) -> Result<()> {
    note(db, REMOVED_EVENTS, newest)
}

/// Notes up to where a piece of work is done, or that it was done at all.
pub(in crate::store) fn note(db: &Connection, work: &str, newest: i64) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO progress (work, event_id) VALUES (?1, ?2)
         ON CONFLICT (work) DO UPDATE SET event_id = MAX(event_id, excluded.event_id)",
    )?
    .execute(params![work, newest])?;
    Ok(())
}

/// The row of `progress` with the newest event that was removed.
const REMOVED_EVENTS: &str = "removed events";

/// Whether events were ever removed.
pub(super) fn has_removed_events(db: &Connection) -> Result<bool> {
    Ok(progress(db, REMOVED_EVENTS)? > 0)
}

/// The row of `progress` with the newest exchange that was removed.
const REMOVED_EXCHANGES: &str = "removed exchanges";

/// The newest exchange that was removed; 0 if none was.
pub(super) fn newest_removed(db: &Connection) -> Result<i64> {
    progress(db, REMOVED_EXCHANGES)
}

/// How often what nothing refers to was swept: whoever remembers rows by their id forgets them when that changes.
pub(in crate::store) const SWEEPS: &str = "sweeps";

/// What stands in a row of `progress`.
pub(in crate::store) fn progress(db: &Connection, work: &str) -> Result<i64> {
    db.prepare_cached("SELECT event_id FROM progress WHERE work = ?1")?
        .query_row([work], |row| row.get("event_id"))
        .optional()
        .map(Option::unwrap_or_default)
}
