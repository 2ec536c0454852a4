//! Exchanges that go with their events.
//!
//! An exchange goes with the first of its events that goes: half of it would be no answer. What else of the index nothing
//! refers to any more is swept afterwards (`store::prune`).

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Result, params};

/// How many exchanges in a row that stay tell that no older one has to go: more than are open at once in most captures, and
/// few enough to be read in a moment.
const STRAGGLERS: usize = 4096;

/// Removes the exchanges that began with an event up to `through`: those of the connections of these streams, and among the
/// oldest of all those that are not found that way. An event may have gone over to another connection after it was read, and
/// of two exchanges of a connection the first may have begun with the later event, where events came out of order.
pub(in crate::store) fn remove_begun(
    db: &Connection,
    streams: &BTreeSet<i64>,
    through: i64,
) -> Result<()> {
    remove_of_streams(db, streams, through)?;
    let mut begun = Vec::new();
    let mut stay = 0;
    {
        let mut statement = db.prepare_cached(
            "SELECT id, MIN(COALESCE(request_first_id, response_first_id), COALESCE(response_first_id, request_first_id))
                AS first_id
             FROM exchanges ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        while stay < STRAGGLERS
            && let Some(row) = rows.next()?
        {
            let first: Option<i64> = row.get("first_id")?;
            if first.is_some_and(|first| first <= through) {
                begun.push(row.get("id")?);
                stay = 0;
            } else {
                stay += 1;
            }
        }
    }
    remove(db, &begun)
}

/// Removes the exchanges of these streams' connections that began with an event up to `through`.
fn remove_of_streams(db: &Connection, streams: &BTreeSet<i64>, through: i64) -> Result<()> {
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

/// Removes exchanges.
pub(super) fn remove(db: &Connection, ids: &[i64]) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A capture with these exchanges: id, connection, number and first event.
    fn capture(exchanges: &[(i64, i64, i64, i64)]) -> Connection {
        let mut db = Connection::open_in_memory().unwrap();
        crate::store::migrate::climb(&mut db, std::path::Path::new("test")).unwrap();
        db.pragma_update(None, "foreign_keys", false).unwrap();
        for (stream, connection) in [(1, 1), (2, 2)] {
            db.execute(
                "INSERT INTO streams (id, run_id, process_id, connection_id) VALUES (?1, 1, 1, ?2)",
                [stream, connection],
            )
            .unwrap();
        }
        for (id, connection, number, first) in exchanges {
            db.execute(
                "INSERT INTO exchanges (id, time_ns, connection_id, number, stream_id, facts_id, request_first_id,
                    request_first_after_ns, request_last_id, request_last_after_ns, request_body_bytes, request_tunnel_bytes,
                    request_ending, request_defects)
                 VALUES (?1, 0, ?2, ?3, ?2, 1, ?4, 0, ?4, 0, 0, 0, 0, 0)",
                params![id, connection, number, first],
            )
            .unwrap();
        }
        db
    }

    #[track_caller]
    fn check(exchanges: &[(i64, i64, i64, i64)], streams: &[i64], through: i64, left: &[i64]) {
        let db = capture(exchanges);
        remove_begun(&db, &streams.iter().copied().collect(), through).unwrap();
        let found: Vec<i64> = db
            .prepare("SELECT id FROM exchanges ORDER BY id")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(
            found, left,
            "{exchanges:?} of {streams:?} through {through}"
        );
        let newest = exchanges.iter().map(|exchange| exchange.0);
        let newest = newest.filter(|id| !left.contains(id)).max().unwrap_or(0);
        assert_eq!(newest_removed(&db).unwrap(), newest);
    }

    #[test]
    fn exchanges_go_with_their_first_event() {
        let exchanges = [(1, 1, 1, 100), (2, 2, 1, 101), (3, 1, 2, 104)];
        check(&exchanges, &[1, 2], 99, &[1, 2, 3]);
        check(&exchanges, &[1, 2], 101, &[3]);
        check(&exchanges, &[1, 2], 104, &[]);
    }

    #[test]
    fn events_that_came_out_of_order() {
        // The later exchange began with the earlier event.
        check(
            &[(1, 1, 1, 105), (2, 1, 2, 104), (3, 1, 3, 106)],
            &[1],
            104,
            &[1, 3],
        );
    }

    #[test]
    fn an_event_that_went_over_to_another_connection() {
        check(&[(1, 1, 1, 100), (2, 1, 2, 103)], &[2], 101, &[2]);
    }

    #[test]
    fn only_the_oldest_are_looked_at() {
        let count = i64::try_from(STRAGGLERS).unwrap();
        let mut exchanges: Vec<_> = (1..=count).map(|id| (id, 1, id, 1000 + id)).collect();
        exchanges.push((count + 1, 2, 1, 5));
        let all: Vec<_> = (1..=count + 1).collect();
        check(&exchanges, &[1], 10, &all);
        check(&exchanges, &[2], 10, &all[..STRAGGLERS]);
    }
}
