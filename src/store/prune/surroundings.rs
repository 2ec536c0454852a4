//! Logs, heartbeats, gaps and links of a time of which no event is left.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::jumps;
use crate::event::Timestamp;
use crate::store::exchanges::removal;

/// How many rows go in one transaction. A row that is younger than its neighbors, because the clock was set, holds up so
/// many behind it and no more.
const STEP_ROWS: i64 = 4096;

/// How many of the first lines of the newest run of a source stay: they tell what it replays (`Writer::known_run`).
const REPLAYED: i64 = 256;

/// A jump of the clock is noticed sooner than this.
const NOTICED_WITHIN: Duration = Duration::from_secs(60);

/// The name under which `progress` tells that logs or heartbeats have gone: the counters of recordings stay.
const WORK: &str = "removed surroundings";

/// Whether logs or heartbeats have gone.
pub(in crate::store) fn have_gone(db: &Connection) -> Result<bool> {
    Ok(removal::progress(db, WORK)? > 0)
}

/// Removes what was received before `horizon`, some thousand rows of it. Whether there may be more.
pub(super) fn remove(db: &Connection, horizon: Timestamp) -> Result<bool> {
    let horizon = horizon.as_nanos();
    find_kept_logs(db)?;
    let mut most = 0;
    for sql in [
        "DELETE FROM heartbeats
         WHERE id IN (SELECT id FROM heartbeats ORDER BY id LIMIT ?2) AND received_ns < ?1",
        "DELETE FROM run_logs
         WHERE id IN (
            SELECT id FROM run_logs WHERE id NOT IN (SELECT id FROM temp.kept_logs) ORDER BY id LIMIT ?2)
            AND received_ns < ?1",
    ] {
        most = most.max(db.prepare_cached(sql)?.execute(params![horizon, STEP_ROWS])?);
    }
    if most > 0 {
        removal::note(db, WORK, 1)?;
        return Ok(true);
    }
    db.prepare_cached("DELETE FROM gaps WHERE ended_ns < ?1 AND id < (SELECT MAX(id) FROM gaps)")?
        .execute([horizon])?;
    db.prepare_cached(
        "DELETE FROM links
         WHERE ended_ns < ?1 AND id < (SELECT MAX(id) FROM links)
            AND id NOT IN (SELECT link_id FROM heartbeats UNION SELECT link_id FROM run_logs)",
    )?
    .execute([horizon])?;
    jumps::remove(db, Timestamp::from_nanos(horizon))?;
    Ok(false)
}

/// The first lines of the newest run of each source.
fn find_kept_logs(db: &Connection) -> Result<()> {
    db.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS kept_logs (id INTEGER PRIMARY KEY) STRICT;
         DELETE FROM temp.kept_logs",
    )?;
    let runs: Vec<i64> = db
        .prepare_cached(
            "SELECT MAX(id) AS id FROM runs WHERE first_log IS NOT NULL GROUP BY source_id",
        )?
        .query_map([], |row| row.get("id"))?
        .collect::<Result<_>>()?;
    for run in runs {
        db.prepare_cached(
            "INSERT INTO temp.kept_logs (id) SELECT id FROM run_logs WHERE run_id = ?1 ORDER BY id LIMIT ?2",
        )?
        .execute([run, REPLAYED])?;
    }
    Ok(())
}

/// Nothing that is left was received before this. Events are in order of arrival, and each time that the clock was set
/// since the oldest of them, it could begin anew.
pub(super) fn oldest_received(db: &Connection) -> Result<Option<Timestamp>> {
    let found: Option<(i64, i64, i64)> = db
        .prepare_cached("SELECT id, time_ns, received_after_ns FROM events ORDER BY id LIMIT 1")?
        .query_row([], |row| {
            Ok((
                row.get("id")?,
                row.get("time_ns")?,
                row.get("received_after_ns")?,
            ))
        })
        .optional()?;
    let Some((id, time, after)) = found else {
        return Ok(None);
    };
    let received = Timestamp::from_nanos(time.wrapping_add(after));
    let begun = jumps::least_noticed(db, id)?.map(|noticed| noticed.minus(NOTICED_WITHIN));
    Ok(begun.into_iter().chain([received]).min())
}

/// What has this age, which is longer ago by the clock if that was set forward in the meantime.
pub(super) fn of_age(db: &Connection, now: Timestamp, age: Duration) -> Result<Timestamp> {
    let behind = jumps::most_behind(db, now, age)?;
    Ok(now.minus(age).minus(behind))
}
