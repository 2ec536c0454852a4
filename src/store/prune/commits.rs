//! Whole commits that go, the oldest first, and the blocks that are left without members.

use std::collections::BTreeSet;

use rusqlite::{Connection, Result, params};

use super::anchors::{self, GoneBatch, Removed};
use crate::event::Timestamp;
use crate::store::block::{decode_members, encode_members};
use crate::store::exchanges::removal;
use crate::store::grams::PARTS;
use crate::store::{postings, varint};

/// How many events go in one transaction, if a commit has no more.
const STEP_EVENTS: i64 = 10_000;

/// How many bytes of blocks go in one transaction, unless a single one is larger.
const STEP_BYTES: u64 = 8 << 20;

/// Removes the oldest commits up to the event `through`, some thousand events of them, and no more than it takes for so
/// many bytes of payloads. Gives the last event that went; `None` if there was no such commit.
pub(super) fn remove(
    db: &Connection,
    (through, bytes): (i64, u64),
    rule: &str,
    at: Timestamp,
) -> Result<Option<(i64, u64)>> {
    let mut removed = Removed {
        batches: oldest(db, through, bytes)?,
        ..Removed::default()
    };
    let Some(last) = removed.batches.last().map(|batch| batch.last) else {
        return Ok(None);
    };
    let mut streams = BTreeSet::new();
    {
        let mut statement = db.prepare_cached(
            "SELECT id, time_ns, received_after_ns, stream_id, payload_bytes FROM events WHERE id <= ?1",
        )?;
        let mut rows = statement.query([last])?;
        while let Some(row) = rows.next()? {
            let time: i64 = row.get("time_ns")?;
            let received = time.wrapping_add(row.get("received_after_ns")?);
            removed.add(row.get("id")?, time, received, row.get("payload_bytes")?);
            streams.insert(row.get::<_, i64>("stream_id")?);
        }
    }
    removal::remove_begun(db, &streams, last)?;
    for stream in &streams {
        trim_postings(db, *stream, last)?;
    }
    for sql in [
        "DELETE FROM events WHERE id <= ?1",
        "DELETE FROM details WHERE event_id <= ?1",
        "DELETE FROM envelopes WHERE event_id <= ?1",
        "DELETE FROM junctions WHERE event_id <= ?1",
        "DELETE FROM undecoded WHERE event_id <= ?1",
        "DELETE FROM cuts WHERE event_id <= ?1",
        "DELETE FROM tail WHERE event_id <= ?1",
        "DELETE FROM removed_events WHERE event_id <= ?1",
        "DELETE FROM spans WHERE first_id <= ?1 AND last_id <= ?1",
        "DELETE FROM batches WHERE first_id <= ?1 AND last_id <= ?1",
    ] {
        db.prepare_cached(sql)?.execute([last])?;
    }
    removal::note_events(db, last)?;
    anchors::note(db, rule, &removed, at)?;
    Ok(Some((last, removed.events)))
}

/// The oldest batches up to an event: some thousand events of them or so many bytes of payloads, and at least one
/// batch.
fn oldest(db: &Connection, through: i64, bytes: u64) -> Result<Vec<GoneBatch>> {
    let mut payloads = db.prepare_cached(
        "SELECT COALESCE(SUM(payload_bytes), 0) FROM events WHERE id BETWEEN ?1 AND ?2",
    )?;
    let mut found = 0_u64;
    let mut statement = db.prepare_cached(
        // One that ends before it begins is none of ours, and would stay.
        "SELECT first_id, last_id, digest, link FROM batches
         WHERE last_id BETWEEN first_id AND ?1 ORDER BY first_id",
    )?;
    let mut rows = statement.query([through])?;
    let mut batches: Vec<GoneBatch> = Vec::new();
    while let Some(row) = rows.next()? {
        let last: i64 = row.get("last_id")?;
        let begin = batches.first().map(|batch| batch.first);
        if begin.is_some_and(|first| last.saturating_sub(first) >= STEP_EVENTS || found >= bytes) {
            break;
        }
        let first: i64 = row.get("first_id")?;
        if bytes < u64::MAX {
            let of_batch: u64 = payloads.query_row([first, last], |row| row.get(0))?;
            found = found.saturating_add(of_batch);
        }
        batches.push(GoneBatch {
            first,
            last,
            digest: row.get("digest")?,
            link: row.get("link")?,
        });
    }
    Ok(batches)
}

/// Takes what went out of the lists of a stream.
fn trim_postings(db: &Connection, stream: i64, through: i64) -> Result<()> {
    let lists: Vec<(i64, Vec<u8>)> = db
        .prepare_cached(
            "SELECT first_id, later FROM postings WHERE stream_id = ?1 AND first_id <= ?2",
        )?
        .query_map(params![stream, through], |row| {
            Ok((row.get("first_id")?, row.get("later")?))
        })?
        .collect::<Result<_>>()?;
    for (first, later) in lists {
        db.prepare_cached("DELETE FROM postings WHERE stream_id = ?1 AND first_id = ?2")?
            .execute([stream, first])?;
        let mut left = postings::ids(first, &later).filter(|id| *id > through);
        let Some(first) = left.next() else { continue };
        let (mut later, mut before) = (Vec::new(), first);
        for id in left {
            varint::push(&mut later, id.abs_diff(before));
            before = id;
        }
        db.prepare_cached(
            "INSERT OR IGNORE INTO postings (stream_id, first_id, later) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![stream, first, later])?;
    }
    Ok(())
}

/// Removes blocks of which every member is gone up to the event `through`, some megabytes of them, and takes what is gone out
/// of the lists of the others. Whether there may be more.
pub(super) fn drop_blocks(db: &Connection, through: i64) -> Result<bool> {
    let mut bytes = 0_u64;
    for class in 0_u8..=3 {
        let blocks: Vec<(i64, i64, i64, u64)> = db
            .prepare_cached(
                "SELECT id, first_id, last_id, stored_bytes FROM blocks
                 WHERE class = ?1 AND first_id <= ?2 ORDER BY first_id LIMIT 256",
            )?
            .query_map(params![class, through], |row| {
                Ok((
                    row.get("id")?,
                    row.get("first_id")?,
                    row.get("last_id")?,
                    row.get("stored_bytes")?,
                ))
            })?
            .collect::<Result<_>>()?;
        let is_all = blocks.len() < 256;
        for (id, first, last, stored) in blocks {
            if bytes >= STEP_BYTES {
                return Ok(true);
            }
            bytes = bytes.saturating_add(stored);
            if last <= through {
                drop_block(db, id)?;
            } else {
                trim_block(db, (id, first), through)?;
            }
        }
        if !is_all {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes a block.
pub(super) fn drop_block(db: &Connection, id: i64) -> Result<()> {
    db.prepare_cached("DELETE FROM block_data WHERE id = ?1")?
        .execute([id])?;
    let mut delete = db.prepare_cached("DELETE FROM grams WHERE part = ?1 AND block_id = ?2")?;
    for part in 0..PARTS {
        delete.execute(params![part, id])?;
    }
    db.prepare_cached("DELETE FROM blocks WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

/// Takes what is gone out of the list of a block's members. Its bytes stay until the last member goes.
fn trim_block(db: &Connection, (id, first): (i64, i64), through: i64) -> Result<()> {
    let members: Vec<u8> = db
        .prepare_cached("SELECT members FROM blocks WHERE id = ?1")?
        .query_row([id], |row| row.get("members"))?;
    let Some(mut members) = decode_members(first, &members) else {
        // What is damaged is left to whoever reads it; it goes when its last member does.
        return Ok(());
    };
    members.retain(|member| member.id > through);
    let Some(first) = members.first().map(|member| member.id) else {
        return drop_block(db, id);
    };
    db.prepare_cached("UPDATE blocks SET first_id = ?2, members = ?3 WHERE id = ?1")?
        .execute(params![id, first, encode_members(first, &members)])?;
    Ok(())
}
