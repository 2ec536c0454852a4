//! What recordings counted, against the rows that are there, and rows that belong to no event.

use rusqlite::Connection;

use super::found::Found;
use crate::event::{EventId, Part, Scope, Soundness};
use crate::store::error::{At, Error};
use crate::store::prune::surroundings;
use crate::store::reader::Reader;

/// Compares counts. Each is one statement, so that a recorder changes nothing meanwhile.
pub(super) fn check(reader: &Reader, found: &mut Found<'_>, done: &Soundness) -> Result<(), Error> {
    if reader.watch().is_stopped() {
        return Ok(());
    }
    let db = &reader.db;
    for (what, sql) in ORPHANS {
        let orphans = reader.bounded(|| orphans(db, sql)).at(&reader.path);
        let orphans = found.pass(Part::Count, orphans, Scope::default())?;
        if let Some(scope) = orphans.filter(|scope| scope.events > 0) {
            let detail = format!("{what} of an event that is not there");
            found.add(Part::Count, detail, scope);
        }
    }
    // A subset has the counters of the whole.
    if done.is_subset {
        return Ok(());
    }
    let removed = (done.removals, done.removed_events);
    compare(reader, found, EVENTS, &|counted, present| {
        is_plausible(counted, present, removed)
    })?;
    let gone = reader
        .bounded(|| surroundings::have_gone(db))
        .at(&reader.path);
    let gone = found.pass(Part::Count, gone, Scope::default())?;
    // How many of the others have gone is nowhere noted.
    if done.removals == 0 && gone == Some(false) {
        for what in OTHERS {
            compare(reader, found, what, &|counted, present| counted == present)?;
        }
    }
    Ok(())
}

/// Compares what recordings counted with what is there.
fn compare(
    reader: &Reader,
    found: &mut Found<'_>,
    (what, sql): (&str, &str),
    is_plausible: &dyn Fn(u64, u64) -> bool,
) -> Result<(), Error> {
    let counts = reader
        .bounded(|| {
            let db = &reader.db;
            db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .at(&reader.path);
    if let Some((counted, present)) = found.pass(Part::Count, counts, Scope::default())?
        && !is_plausible(counted, present)
    {
        let detail = format!("recordings counted {counted} {what}, and {present} are there");
        found.add(Part::Count, detail, Scope::default());
    }
    Ok(())
}

/// Whether so many events were recorded as counted. Once some were removed, the counters of their recordings can have gone
/// with them.
fn is_plausible(counted: u64, present: u64, (removals, removed): (u64, u64)) -> bool {
    if removals == 0 {
        counted == present
    } else {
        counted <= present.saturating_add(removed)
    }
}

/// No row has the id 0. Without a condition, SQLite counts in one step of its machine, which nothing ends where pages lead in
/// circles.
const EVENTS: (&str, &str) = (
    "events",
    "SELECT (SELECT COALESCE(SUM(stored_events), 0) FROM recordings), (SELECT COUNT(*) FROM events WHERE id <> 0)",
);

const OTHERS: [(&str, &str); 2] = [
    (
        "heartbeats",
        "SELECT (SELECT COALESCE(SUM(heartbeats), 0) FROM recordings), (SELECT COUNT(*) FROM heartbeats WHERE id <> 0)",
    ),
    (
        "lines of run logs",
        "SELECT (SELECT COALESCE(SUM(stored_logs), 0) FROM recordings), (SELECT COUNT(*) FROM run_logs WHERE id <> 0)",
    ),
];

const ORPHANS: [(&str, &str); 3] = [
    (
        "a payload",
        "SELECT COUNT(*), MIN(event_id), MAX(event_id) FROM tail WHERE event_id NOT IN (SELECT id FROM events)",
    ),
    (
        "details",
        "SELECT COUNT(*), MIN(event_id), MAX(event_id) FROM details WHERE event_id NOT IN (SELECT id FROM events)",
    ),
    (
        "an envelope",
        "SELECT COUNT(*), MIN(event_id), MAX(event_id) FROM envelopes WHERE event_id NOT IN (SELECT id FROM events)",
    ),
];

fn orphans(db: &Connection, sql: &str) -> rusqlite::Result<Scope> {
    db.query_row(sql, [], |row| {
        let mut scope = Scope::default();
        if let (Some(first), Some(last)) = (row.get(1)?, row.get(2)?) {
            scope.add_range(EventId::new(first), EventId::new(last), row.get(0)?);
        }
        Ok(scope)
    })
}

#[cfg(test)]
mod tests {
    use super::is_plausible;

    #[test]
    fn counters_are_kept_when_events_are_removed() {
        for (counted, present, removed, expected) in [
            (5, 5, (0, 0), true),
            (5, 4, (0, 0), false),
            (4, 5, (0, 0), false),
            (9, 5, (1, 4), true),
            // The recording of the removed ones has gone, too.
            (5, 5, (1, 4), true),
            (10, 5, (1, 4), false),
        ] {
            assert_eq!(
                is_plausible(counted, present, removed),
                expected,
                "{counted} {present} {removed:?}"
            );
        }
    }
}
