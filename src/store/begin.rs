//! The beginning of a recording: what is in the file already, and what an earlier recorder left behind.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::batch::{GapReason, NextIds, RecordingStart, UncleanEnd};
use super::error::{At, Error};
use crate::event::{RecordingId, SourceId, Timestamp};

pub(super) fn refuse_second_import(
    db: &Connection,
    path: &Path,
    sha256: &[u8; 32],
    start: &RecordingStart,
) -> Result<(), Error> {
    let earlier = db
        .query_row(
            "SELECT id, started_ns FROM recordings WHERE import_sha256 = ?1 LIMIT 1",
            [sha256],
            |row| {
                Ok((
                    row.get("id")?,
                    Timestamp::from_nanos(row.get("started_ns")?),
                ))
            },
        )
        .optional()
        .at(path)?;
    match earlier {
        Some((recording, when)) => Err(Error::AlreadyImported {
            import: start.url.clone(),
            recording,
            when,
        }),
        None => Ok(()),
    }
}

pub(super) fn note_unclean_ends(
    db: &Connection,
    now: Timestamp,
) -> rusqlite::Result<Vec<UncleanEnd>> {
    let mut statement =
        db.prepare("SELECT id, last_commit_ns FROM recordings WHERE ended_ns IS NULL ORDER BY id")?;
    let unclean: Vec<_> = statement
        .query_map([], |row| {
            Ok(UncleanEnd {
                recording: RecordingId::new(row.get("id")?),
                last_commit: Timestamp::from_nanos(row.get("last_commit_ns")?),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    for end in &unclean {
        let (recording, last_commit) = (end.recording.number(), end.last_commit.as_nanos());
        db.execute(
            "UPDATE recordings SET ended_ns = ?2, is_clean = 0 WHERE id = ?1",
            params![recording, last_commit],
        )?;
        db.execute(
            "UPDATE links SET ended_ns = ?2, end_reason = 'the recorder ended without a word'
             WHERE recording_id = ?1 AND ended_ns IS NULL",
            params![recording, last_commit],
        )?;
        db.execute(
            "UPDATE gaps SET ended_ns = ?2 WHERE recording_id = ?1 AND ended_ns IS NULL",
            params![recording, last_commit],
        )?;
        // An import misses nothing while no import runs.
        db.execute(
            "INSERT INTO gaps (recording_id, reason, started_ns, ended_ns, detail)
             SELECT ?1, ?2, ?3, ?4, 'the recorder ended without a word; noted at the next start'
             FROM recordings WHERE id = ?1 AND import_sha256 IS NULL",
            params![
                recording,
                GapReason::UncleanEnd.code(),
                last_commit,
                now.as_nanos()
            ],
        )?;
    }
    Ok(unclean)
}

fn find_or_add_source(db: &Connection, start: &RecordingStart) -> rusqlite::Result<SourceId> {
    let parameters = named_params! {
        ":url": start.url,
        ":name": start.name,
        ":host_name": start.host_name,
        ":boot_id": start.boot_id
    };
    let found = db
        .query_row(
            "SELECT id FROM sources
             WHERE url = :url AND name IS :name AND host_name IS :host_name AND boot_id IS :boot_id",
            parameters,
            |row| row.get(0),
        )
        .optional()?;
    if let Some(id) = found {
        return Ok(SourceId::new(id));
    }
    db.execute(
        "INSERT INTO sources (url, name, host_name, boot_id) VALUES (:url, :name, :host_name, :boot_id)",
        parameters,
    )?;
    Ok(SourceId::new(db.last_insert_rowid()))
}

/// Adds a recording; `lead` is the first of those that are begun together.
fn add_recording(
    db: &Connection,
    source: SourceId,
    start: &RecordingStart,
    lead: Option<RecordingId>,
) -> rusqlite::Result<RecordingId> {
    db.execute(
        "INSERT INTO recordings
            (source_id, program, started_ns, last_commit_ns, is_received_estimated, import_sha256, filter, lead_id,
             snaplen_bytes, redaction_key)
         VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            source.number(),
            start.program,
            start.started.as_nanos(),
            start.is_received_estimated,
            start.import_sha256,
            start.filter,
            lead.map(RecordingId::number),
            start.snaplen_bytes,
            start.redaction_key
        ],
    )?;
    Ok(RecordingId::new(db.last_insert_rowid()))
}

/// A recording that was begun, and its source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    pub(super) recording: RecordingId,
    pub(super) source: SourceId,
}

/// Adds recordings that begin together, in this order.
pub(super) fn add_recordings(
    db: &Connection,
    starts: &[RecordingStart],
) -> rusqlite::Result<Vec<Begun>> {
    let mut begun: Vec<Begun> = Vec::with_capacity(starts.len());
    for start in starts {
        let source = find_or_add_source(db, start)?;
        let lead = begun.first().map(|first| first.recording);
        let recording = add_recording(db, source, start, lead)?;
        begun.push(Begun { recording, source });
    }
    if let (Some(first), true) = (begun.first(), begun.len() > 1) {
        let lead = first.recording.number();
        db.execute("UPDATE recordings SET lead_id = ?1 WHERE id = ?1", [lead])?;
    }
    Ok(begun)
}

pub(super) fn next_ids(db: &Connection, recording: RecordingId) -> rusqlite::Result<NextIds> {
    let next = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0));
    Ok(NextIds {
        recording,
        // Batches outlive their events, and removals outlive batches, so that no id is given twice.
        event: next("SELECT COALESCE(MAX(last_id), 0) + 1 FROM batches")?
            .max(next("SELECT COALESCE(MAX(last_id), 0) + 1 FROM removals")?)
            .max(next("SELECT COALESCE(MAX(id), 0) + 1 FROM events")?),
        connection: next("SELECT COALESCE(MAX(id), 0) + 1 FROM connections")?,
        run: next("SELECT COALESCE(MAX(id), 0) + 1 FROM runs")?,
        link: next("SELECT COALESCE(MAX(id), 0) + 1 FROM links")?,
        gap: next("SELECT COALESCE(MAX(id), 0) + 1 FROM gaps")?,
        identity: next("SELECT COALESCE(MAX(id), 0) + 1 FROM identities")?,
    })
}
