//! What surrounds the events of a subset: recordings with their links, gaps, heartbeats and run logs.

use std::collections::HashMap;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::copy::{Copying, Rows, Secret, rows};
use crate::store::error::{At, Error};
use crate::store::reader::{Access, Reader};

const RECORDINGS: Rows = rows!(
    "recordings",
    [
        "id, source_id, program, started_ns, last_commit_ns, ended_ns, is_clean, is_received_estimated, import_sha256,
         received_frames, received_bytes, stored_events, unreadable_frames, dropped_frames, dropped_bytes, withheld_keys,
         destroyed_sockets, replayed_logs, stored_logs, heartbeats, lost_samples, filtered_events, filter, lead_id,
         filtered_bytes, snaplen_bytes, shortened_events, shortened_bytes, gone_processes, unlike_processes,
         skipped_processes, redaction_key, redacted_secrets, opaque_events, opaque_bytes"
    ],
    "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25,
     ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35",
    ""
)
.hiding(&[("import_sha256", Secret::Blank), ("filter", Secret::Filter)]);

/// The same of a capture of the first version, which knows of no filter.
const FIRST_RECORDINGS: Rows = rows!(
    "recordings",
    [
        "id, source_id, program, started_ns, last_commit_ns, ended_ns, is_clean, is_received_estimated, import_sha256,
         received_frames, received_bytes, stored_events, unreadable_frames, dropped_frames, dropped_bytes, withheld_keys,
         destroyed_sockets, replayed_logs, stored_logs, heartbeats, lost_samples"
    ],
    "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21",
    ""
)
.hiding(&[("import_sha256", Secret::Blank)]);

const RECORDING_SOURCES: Rows = rows!(
    "sources",
    ["id, url, host_name, boot_id, name"],
    "?1, ?2, ?3, ?4, ?5",
    "WHERE id = (SELECT source_id FROM recordings WHERE id = ?1)"
);

/// Before their columns, these have their recording and their time.
pub(in crate::store) const LINKS: Rows = rows!(
    "links",
    "recording_id, connected_ns, ",
    ["id, recording_id, number, connected_ns, last_frame_ns, ended_ns, end_reason"],
    "?1, ?2, ?3, ?4, ?5, ?6, ?7",
    ""
);

pub(in crate::store) const GAPS: Rows = rows!(
    "gaps",
    "recording_id, started_ns, ",
    ["id, recording_id, reason, started_ns, ended_ns, frames, bytes, detail"],
    "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8",
    ""
);

pub(in crate::store) const HEARTBEATS: Rows = rows!(
    "heartbeats",
    "(SELECT recording_id FROM links WHERE id = heartbeats.link_id), received_ns, ",
    ["id, link_id, received_ns, timestamp_seconds, count, message, carrier, frame"],
    "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8",
    ""
)
.hiding(&[("message", Secret::Text), ("frame", Secret::Gone)]);

pub(in crate::store) const RUN_LOGS: Rows = rows!(
    "run_logs",
    "(SELECT recording_id FROM links WHERE id = run_logs.link_id), received_ns, ",
    ["id, run_id, link_id, received_ns, line, carrier, frame"],
    "?1, ?2, ?3, ?4, ?5, ?6, ?7",
    ""
)
.hiding(&[("line", Secret::Text), ("frame", Secret::Gone)]);

/// Whatever is chosen: they tell what times mean.
pub(in crate::store) const CLOCK_JUMPS: Rows = rows!(
    "clock_jumps",
    ["id, noticed_ns, before_id, by_ns"],
    "?1, ?2, ?3, ?4",
    ""
);

const RUNS: Rows = rows!(
    "runs",
    ["id, source_id, first_log, version, started_ns, zone_offset_seconds"],
    "?1, ?2, ?3, ?4, ?5, ?6",
    "WHERE id = ?1"
)
.hiding(&[("first_log", Secret::Text)]);

const RUN_SOURCES: Rows = rows!(
    "sources",
    ["id, url, host_name, boot_id, name"],
    "?1, ?2, ?3, ?4, ?5",
    "WHERE id = (SELECT source_id FROM runs WHERE id = ?1)"
);

/// The statement that copies recordings, which depends on the version of the original.
pub(in crate::store) fn recordings(reader: &Reader) -> &'static Rows {
    if reader.has_search_filter() {
        &RECORDINGS
    } else {
        &FIRST_RECORDINGS
    }
}

/// Copies all recordings: which of them have chosen events shows later, and how far each goes is to be known before the
/// newest event is looked for.
pub(super) fn begin(copying: &Copying<'_>) -> Result<(), Error> {
    copying.copy(recordings(copying.reader), &[])
}

/// Leaves the recordings that have chosen events, with those that were begun together with them, and copies what belongs
/// to them.
pub(super) fn finish(copying: &Copying<'_>) -> Result<(), Error> {
    let Copying {
        reader, db, path, ..
    } = *copying;
    db.execute_batch(
        "DELETE FROM recordings WHERE COALESCE(lead_id, id) NOT IN (SELECT recording_id FROM batches)",
    )
    .at(path)?;
    let is_live = reader.access() == Access::Live;
    let limits = limits(db, is_live).at(path)?;
    let transaction =
        Transaction::new_unchecked(&reader.db, TransactionBehavior::Deferred).at(&reader.path)?;
    reader.with_frames(|| {
        for rows in [&LINKS, &GAPS, &HEARTBEATS, &RUN_LOGS] {
            copying.copy_if(rows, (&[], 2), |row| {
                let (recording, time): (Option<i64>, i64) = (row.get(0)?, row.get(1)?);
                let limit = recording.and_then(|recording| limits.get(&recording));
                Ok(limit.is_some_and(|limit| time <= *limit))
            })?;
        }
        Ok(())
    })?;
    if reader.has_chain() {
        copying.copy(&CLOCK_JUMPS, &[])?;
    }
    for recording in limits.keys() {
        copying.copy(&RECORDING_SOURCES, &[*recording])?;
    }
    for run in runs_of_logs(db).at(path)? {
        copying.copy(&RUNS, &[run])?;
        copying.copy(&RUN_SOURCES, &[run])?;
    }
    transaction.finish().at(&reader.path)?;
    if is_live {
        db.execute_batch(END_SURROUNDINGS)
            .and_then(|()| db.execute_batch(END_RECORDINGS))
            .at(path)?;
    }
    Ok(())
}

/// The recordings, each with the time up to which it is copied. Of one that goes on, that is the last commit before the
/// newest event was fixed.
fn limits(db: &Connection, is_live: bool) -> rusqlite::Result<HashMap<i64, i64>> {
    db.prepare("SELECT id, last_commit_ns, ended_ns IS NULL AS is_open FROM recordings")?
        .query_map([], |row| {
            let limit = if is_live && row.get("is_open")? {
                row.get("last_commit_ns")?
            } else {
                i64::MAX
            };
            Ok((row.get("id")?, limit))
        })?
        .collect()
}

/// Ends what goes on in the original: nobody writes to the subset, and the next recorder is not to say that a recorder
/// ended here without a word.
const END_RECORDINGS: &str =
    "UPDATE recordings SET ended_ns = last_commit_ns, is_clean = 1 WHERE ended_ns IS NULL";

/// The same of links and gaps, before the recordings.
pub(in crate::store) const END_SURROUNDINGS: &str = "
    DELETE FROM heartbeats WHERE link_id NOT IN (SELECT id FROM links);
    DELETE FROM run_logs WHERE link_id NOT IN (SELECT id FROM links);
    UPDATE links SET
        last_frame_ns = MIN(links.last_frame_ns, r.last_commit_ns), ended_ns = r.last_commit_ns,
        end_reason = 'up when the subset was taken'
    FROM recordings AS r
    WHERE r.id = links.recording_id AND r.ended_ns IS NULL
        AND (links.ended_ns IS NULL OR links.ended_ns > r.last_commit_ns);
    UPDATE gaps SET ended_ns = r.last_commit_ns
    FROM recordings AS r
    WHERE r.id = gaps.recording_id AND r.ended_ns IS NULL
        AND (gaps.ended_ns IS NULL OR gaps.ended_ns > r.last_commit_ns)";

/// The runs that logs name and that have no event here.
fn runs_of_logs(db: &Connection) -> rusqlite::Result<Vec<i64>> {
    db.prepare("SELECT DISTINCT run_id FROM run_logs WHERE run_id NOT IN (SELECT id FROM runs)")?
        .query_map([], |row| row.get("run_id"))?
        .collect()
}
