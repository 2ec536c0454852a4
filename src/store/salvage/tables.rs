//! The tables that are not about single events, row by row.

use rusqlite::Connection;

use crate::store::error::{At, Error};
use crate::store::subset::ORIGINS;
use crate::store::subset::copy::{Copying, Key, Rows, rows};
use crate::store::subset::shared::{HEAD, PATH, SHAPE, STREAM};
use crate::store::subset::surroundings::{
    CLOCK_JUMPS, END_SURROUNDINGS, GAPS, HEARTBEATS, LINKS, RUN_LOGS, recordings,
};
use crate::store::walk::{Seek, Step, Walk, seek};

/// A table.
struct Table {
    name: &'static str,
    seek: Seek,
    key: Key,
    rows: &'static Rows,
    /// How many columns stand before those of the table in `rows`.
    columns_before: usize,
}

/// Defines a [`Table`] whose key is `id`.
macro_rules! table {
    ($name:literal, $rows:expr, $before:literal) => {
        Table {
            name: $name,
            seek: seek!($name, "id"),
            key: Key::Id,
            rows: $rows,
            columns_before: $before,
        }
    };
}

const CUTS: Rows = rows!("cuts", ["event_id"], "?1", "");

const REMOVALS: Rows = rows!(
    "removals",
    [
        "id, at_ns, first_id, last_id, min_ns, max_ns, min_received_ns, max_received_ns, events, payload_bytes, rule, batches,
         digest"
    ],
    "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13",
    ""
);

const REMOVED_EVENTS: Rows = rows!(
    "removed_events",
    ["event_id, removal_id, digest"],
    "?1, ?2, ?3",
    ""
);

/// Copies what can be read, and puts rows without facts where others name one that cannot. The names of the tables of which
/// rows are lost.
pub(super) fn copy(copying: &Copying<'_>) -> Result<Vec<&'static str>, Error> {
    let reader = copying.reader;
    let [streams, processes, identities, connections, runs, sources] = &STREAM;
    let ([shapes], [heads], [paths]) = (&SHAPE, &HEAD, &PATH);
    let mut tables = vec![
        table!("sources", sources, 0),
        table!("recordings", recordings(reader), 0),
        table!("runs", runs, 0),
        table!("links", &LINKS, 2),
        table!("gaps", &GAPS, 2),
        table!("heartbeats", &HEARTBEATS, 2),
        table!("run_logs", &RUN_LOGS, 2),
        table!("identities", identities, 0),
        table!("processes", processes, 0),
        table!("connections", connections, 0),
        table!("streams", streams, 0),
        table!("shapes", shapes, 0),
        table!("heads", heads, 0),
        table!("paths", paths, 0),
    ];
    let of_events = |name, seek, rows| Table {
        name,
        seek,
        key: Key::EventId,
        rows,
        columns_before: 0,
    };
    if reader.has_origins() {
        tables.push(table!("origins", &ORIGINS, 0));
        tables.push(of_events("cuts", seek!("cuts", "event_id"), &CUTS));
    }
    if reader.has_chain() {
        tables.push(table!("clock_jumps", &CLOCK_JUMPS, 0));
        tables.push(table!("removals", &REMOVALS, 0));
        let seek = seek!("removed_events", "event_id");
        tables.push(of_events("removed_events", seek, &REMOVED_EVENTS));
    }
    let mut lost = Vec::new();
    for table in &tables {
        if !reader.with_frames(|| copy_table(copying, table))? {
            lost.push(table.name);
        }
    }
    copying.db.execute_batch(FILL).at(copying.path)?;
    Ok(lost)
}

/// Copies the rows of a table that can be read; whether all could.
fn copy_table(copying: &Copying<'_>, table: &Table) -> Result<bool, Error> {
    let reader = copying.reader;
    let mut is_whole = true;
    let mut walk = Walk::new(table.seek, i64::MIN, i64::MAX);
    while let Some(step) = walk.next(reader).at(&reader.path)?
        && !reader.watch().is_stopped()
    {
        let Step::Row(id) = step else {
            is_whole = false;
            continue;
        };
        match copying.copy_row(table.rows, (table.key, table.columns_before), id) {
            Ok(is_copied) => is_whole &= is_copied,
            Err(error) if error.is_damage() => is_whole = false,
            Err(error) => return Err(error),
        }
    }
    Ok(is_whole)
}

/// Rows in place of those that are named and could not be read: they say nothing but that they were there.
const FILL: &str = "
    DELETE FROM removed_events WHERE removal_id NOT IN (SELECT id FROM removals);
    INSERT INTO links (id, recording_id, number, connected_ns, last_frame_ns, ended_ns, end_reason)
        SELECT link_id, 0, 0, MIN(received_ns), MAX(received_ns), MAX(received_ns), 'not known: the row was damaged'
        FROM (SELECT link_id, received_ns FROM heartbeats UNION ALL SELECT link_id, received_ns FROM run_logs)
        WHERE link_id NOT IN (SELECT id FROM links) GROUP BY link_id;
    UPDATE links SET recording_id = (SELECT MIN(id) FROM recordings)
        WHERE recording_id = 0 AND EXISTS (SELECT 1 FROM recordings);
    INSERT INTO recordings (id, source_id, program, started_ns, last_commit_ns, ended_ns, is_clean)
        SELECT recording_id, 0, 'not known: the row was damaged', MIN(at_ns), MAX(at_ns), MAX(at_ns), 0
        FROM (SELECT recording_id, connected_ns AS at_ns FROM links UNION ALL SELECT recording_id, started_ns FROM gaps
            UNION ALL SELECT recording_id, read_ns FROM identities)
        WHERE recording_id NOT IN (SELECT id FROM recordings) GROUP BY recording_id;
    INSERT INTO runs (id, source_id)
        SELECT DISTINCT run_id, 0 FROM (SELECT run_id FROM streams UNION SELECT run_id FROM run_logs)
        WHERE run_id NOT IN (SELECT id FROM runs);
    UPDATE runs SET source_id = (SELECT MIN(id) FROM sources) WHERE source_id = 0 AND EXISTS (SELECT 1 FROM sources);
    UPDATE recordings SET source_id = (SELECT MIN(id) FROM sources) WHERE source_id = 0 AND EXISTS (SELECT 1 FROM sources);
    INSERT INTO sources (id, url)
        SELECT DISTINCT source_id, 'not known: the row was damaged'
        FROM (SELECT source_id FROM runs UNION SELECT source_id FROM recordings)
        WHERE source_id NOT IN (SELECT id FROM sources);
    UPDATE processes SET identity_id = NULL WHERE identity_id NOT IN (SELECT id FROM identities);
    INSERT INTO processes (id)
        SELECT DISTINCT process_id FROM streams WHERE process_id NOT IN (SELECT id FROM processes);
    INSERT INTO connections (id)
        SELECT DISTINCT connection_id FROM streams
        WHERE connection_id IS NOT NULL AND connection_id NOT IN (SELECT id FROM connections)";

/// The same for the recording of a commit.
pub(super) fn ensure_recording(
    db: &Connection,
    id: i64,
    committed_ns: i64,
) -> rusqlite::Result<()> {
    let is_there = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM recordings WHERE id = ?1)")?
        .query_row([id], |row| row.get::<_, bool>(0))?;
    if is_there {
        return Ok(());
    }
    db.execute(
        "INSERT OR IGNORE INTO sources (id, url)
         SELECT 1, 'not known: the row was damaged' WHERE NOT EXISTS (SELECT 1 FROM sources)",
        [],
    )?;
    db.execute(
        "INSERT INTO recordings (id, source_id, program, started_ns, last_commit_ns, ended_ns, is_clean)
         VALUES (?1, (SELECT MIN(id) FROM sources), 'not known: the row was damaged', ?2, ?2, ?2, 0)",
        [id, committed_ns],
    )?;
    Ok(())
}

/// Ends what goes on in the original. If its recorder was killed, that stays on the record.
pub(super) fn finish(db: &Connection, is_killed: bool) -> rusqlite::Result<()> {
    db.execute_batch(END_SURROUNDINGS)?;
    db.execute(
        "UPDATE recordings SET ended_ns = last_commit_ns, is_clean = ?1 WHERE ended_ns IS NULL",
        [!is_killed],
    )?;
    Ok(())
}
