//! What a plan is made from, and the plan.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::{events, jumps, shrink};
use crate::event::Timestamp;
use crate::store::error::{At, Error};
use crate::store::exchanges::removal::progress;
use crate::store::reader::Reader;
use crate::store::retention::{self, Commit, Goes, Plan, Rules, State};

/// What is known of a capture that is only read, of whatever version.
pub(super) fn state_of(
    reader: &Reader,
    now: Timestamp,
    disk: Option<(u64, u64)>,
) -> std::result::Result<State, Error> {
    read_state(&reader.db, &reader.path, (now, disk), reader.has_chain())
}

/// What is known of the capture.
pub(super) fn state(
    db: &Connection,
    path: &Path,
    now: Timestamp,
    disk: Option<(u64, u64)>,
) -> std::result::Result<State, Error> {
    read_state(db, path, (now, disk), true)
}

fn read_state(
    db: &Connection,
    path: &Path,
    (now, disk): (Timestamp, Option<(u64, u64)>),
    has_jumps: bool,
) -> std::result::Result<State, Error> {
    let read = || -> Result<State> {
        let ids: (Option<i64>, Option<i64>) = db
            .prepare_cached(
                "SELECT (SELECT first_id FROM batches ORDER BY first_id LIMIT 1) AS first_id,
                    (SELECT last_id FROM batches ORDER BY first_id DESC LIMIT 1) AS last_id",
            )?
            .query_row([], |row| Ok((row.get("first_id")?, row.get("last_id")?)))?;
        let ids = ids.0.zip(ids.1);
        let jumps = match ids {
            Some((first, _)) if has_jumps => jumps::since(db, first)?,
            _ => Vec::new(),
        };
        Ok(State {
            now,
            ids,
            jumps,
            size: shrink::size(db, path, disk)?,
        })
    };
    read().at(path)
}

/// The plan.
pub(super) fn plan(
    db: &Connection,
    path: &Path,
    rules: &Rules,
    state: &State,
) -> std::result::Result<Plan, Error> {
    retention::plan(
        rules,
        state,
        &mut |level| match &level.goes {
            Goes::Events(filter) => progress(db, &events::work_of(filter)),
            Goes::Commits => Ok(0),
        },
        &mut |id| commit_at(db, id),
    )
    .at(path)
}

/// The commit that holds an event, or the last before it. It was received when its last event was that is left.
pub(super) fn commit_at(db: &Connection, id: i64) -> Result<Option<Commit>> {
    let found: Option<(i64, i64, i64)> = db
        .prepare_cached(
            "SELECT first_id, last_id, committed_ns FROM batches WHERE first_id <= ?1 ORDER BY first_id DESC LIMIT 1",
        )?
        .query_row([id], |row| {
            Ok((
                row.get("first_id")?,
                row.get("last_id")?,
                row.get("committed_ns")?,
            ))
        })
        .optional()?;
    let Some((first, last, committed)) = found else {
        return Ok(None);
    };
    let received: Option<i64> = db
        .prepare_cached(
            "SELECT time_ns, received_after_ns FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![first, last], |row| {
            let time: i64 = row.get("time_ns")?;
            Ok(time.wrapping_add(row.get("received_after_ns")?))
        })
        .optional()?;
    Ok(Some(Commit {
        first,
        last,
        received: Timestamp::from_nanos(received.unwrap_or(committed)),
    }))
}

/// The last event of the last commit but one.
pub(super) fn last_but_one(db: &Connection) -> Result<Option<i64>> {
    db.prepare_cached("SELECT last_id FROM batches ORDER BY first_id DESC LIMIT 1 OFFSET 1")?
        .query_row([], |row| row.get("last_id"))
        .optional()
}

/// The last event that went with its commit; the first possible if none did.
pub(super) fn pruned(db: &Connection) -> Result<i64> {
    db.query_row(
        "SELECT COALESCE(MAX(last_id), -9223372036854775808) FROM removals WHERE batches > 0",
        [],
        |row| row.get(0),
    )
}

/// How many ids there are from the oldest event to the newest.
pub(super) fn width(db: &Connection) -> Result<u64> {
    db.query_row(
        "SELECT COALESCE(MAX(id) - (SELECT MIN(id) FROM events) + 1, 0) FROM events",
        [],
        |row| row.get(0),
    )
}
