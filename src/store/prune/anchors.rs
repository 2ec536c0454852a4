//! What was removed, on the record: one row for neighboring removals by one rule.

use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::event::{EventId, Timestamp};
use crate::store::digest::RemovalHasher;

/// What one step removed.
#[derive(Debug, Clone, Default)]
pub(super) struct Removed {
    /// The first and the last event that went.
    pub(super) ids: Option<(i64, i64)>,
    /// The least and greatest event time.
    pub(super) times: Option<(i64, i64)>,
    /// The least and greatest time of receipt.
    pub(super) received: Option<(i64, i64)>,
    /// How many events went.
    pub(super) events: u64,
    /// How many bytes of payload.
    pub(super) payload_bytes: u64,
    /// The batches that went.
    pub(super) batches: Vec<GoneBatch>,
}

/// A batch that goes.
#[derive(Debug, Clone)]
pub(super) struct GoneBatch {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) digest: Vec<u8>,
    /// Its link in the chain of commits, if it has one.
    pub(super) link: Option<Vec<u8>>,
}

impl Removed {
    /// Takes in an event.
    pub(super) fn add(&mut self, id: i64, time: i64, received: i64, payload_bytes: u64) {
        widen(&mut self.ids, id);
        widen(&mut self.times, time);
        widen(&mut self.received, received);
        self.events += 1;
        self.payload_bytes = self.payload_bytes.saturating_add(payload_bytes);
    }
}

fn widen(range: &mut Option<(i64, i64)>, value: i64) {
    let (least, greatest) = range.unwrap_or((value, value));
    *range = Some((least.min(value), greatest.max(value)));
}

/// Notes a removal, so that the table does not grow with every step: of commits in the row of the last one if that was by the
/// same rule, as a row is of neighbors; of single events in the row of that rule. Gives the row's id.
pub(super) fn note(db: &Connection, rule: &str, removed: &Removed, at: Timestamp) -> Result<i64> {
    let has_batches = !removed.batches.is_empty();
    let before: Option<(i64, String, Option<[u8; 32]>)> = db
        .prepare_cached(
            "SELECT id, rule, digest FROM removals WHERE (batches > 0) = ?1 AND (?1 OR rule = ?2) ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![has_batches, rule], |row| {
            Ok((row.get("id")?, row.get("rule")?, row.get("digest")?))
        })
        .optional()?
        .filter(|(_, before, _): &(i64, String, Option<[u8; 32]>)| before == rule);
    let digest = has_batches.then(|| {
        let mut hasher = RemovalHasher::new(before.as_ref().and_then(|(.., digest)| *digest));
        for batch in &removed.batches {
            let (first, last) = (EventId::new(batch.first), EventId::new(batch.last));
            hasher.update(first, last, &batch.digest, batch.link.as_deref());
        }
        hasher.finish()
    });
    let edges = removed
        .batches
        .first()
        .zip(removed.batches.last())
        .map(|(first, last)| (first.first, last.last));
    let (first, last) = edges.or(removed.ids).unwrap_or_default();
    let (min, max) = removed.times.unzip();
    let (min_received, max_received) = removed.received.unzip();
    let values = params![
        at.as_nanos(),
        first,
        last,
        min,
        max,
        min_received,
        max_received,
        removed.events,
        removed.payload_bytes,
        rule,
        removed.batches.len(),
        digest,
        // From here the chain goes on.
        removed.batches.last().and_then(|last| last.link.as_ref())
    ];
    let Some((id, ..)) = before else {
        db.prepare_cached(
            "INSERT INTO removals
                (at_ns, first_id, last_id, min_ns, max_ns, min_received_ns, max_received_ns, events, payload_bytes, rule,
                batches, digest, last_link)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(values)?;
        return Ok(db.last_insert_rowid());
    };
    let mut update = db.prepare_cached(
        "UPDATE removals SET
            at_ns = ?1, first_id = MIN(first_id, ?2), last_id = MAX(last_id, ?3),
            min_ns = COALESCE(MIN(min_ns, ?4), min_ns, ?4), max_ns = COALESCE(MAX(max_ns, ?5), max_ns, ?5),
            min_received_ns = COALESCE(MIN(min_received_ns, ?6), min_received_ns, ?6),
            max_received_ns = COALESCE(MAX(max_received_ns, ?7), max_received_ns, ?7),
            events = events + ?8, payload_bytes = payload_bytes + ?9, batches = batches + ?11,
            digest = COALESCE(?12, digest), last_link = COALESCE(?13, last_link)
         WHERE id = ?14 AND rule = ?10",
    )?;
    for (place, value) in (1..).zip(values) {
        update.raw_bind_parameter(place, value)?;
    }
    update.raw_bind_parameter(14, id)?;
    update.raw_execute()?;
    Ok(id)
}
