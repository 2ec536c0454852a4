//! What is known to be missing between two events of the original, so that nothing is taken to go on from the one to the other.

use std::collections::HashMap;

use rusqlite::{Connection, ToSql, named_params};

use crate::event::{RecordingId, StoredEvent};
use crate::store::error::{At, Error};
use crate::store::reader::Reader;

/// How far back times of receipt may go, in nanoseconds, without the clock having been set: several sources are not quite in
/// order.
const OUT_OF_ORDER_NS: i64 = 100_000_000;

/// What is missing of a recording, from when until when: its gaps, and what went between two links. What was received when a
/// gap ended, or a link began, is behind that.
const GAPS: &str = "
    WITH missing (first, last) AS (
        SELECT g.started_ns, MAX(g.started_ns, COALESCE(g.ended_ns, r.ended_ns, r.last_commit_ns))
        FROM gaps AS g JOIN recordings AS r ON r.id = g.recording_id WHERE r.id = :of
        UNION ALL SELECT connected_ns, connected_ns FROM links WHERE recording_id = :of)
    SELECT COALESCE(MAX(first <= :to AND last > :from), 0) AS is_missing, MIN(CASE WHEN first > :to THEN first END) AS next,
        MAX(CASE WHEN first <= :to AND last >= :to THEN last END) AS until
    FROM missing";

/// The same of events that were removed, by their ids.
const REMOVALS: &str = "
    SELECT COALESCE(MAX(first_id <= :to AND last_id > :from), 0) AS is_missing,
        MIN(CASE WHEN first_id > :to THEN first_id END) AS next,
        MAX(CASE WHEN first_id <= :to AND last_id >= :to THEN last_id END) AS until
    FROM removals";

/// Tells what is missing before each of a row of events.
#[derive(Default)]
pub(super) struct Losses {
    recordings: HashMap<RecordingId, OfRecording>,
    removals: Known,
    last_id: Option<i64>,
}

/// What is known of a recording.
struct OfRecording {
    /// Whether nothing is missing in it.
    is_whole: bool,
    /// When the last event of it was received.
    received_ns: i64,
    gaps: Known,
}

impl Losses {
    /// Whether something is known to be missing between this event and the last one that was asked about: of any connection of
    /// its recording.
    pub(super) fn before(&mut self, reader: &Reader, stored: &StoredEvent) -> Result<bool, Error> {
        let id = stored.id.number();
        let is_pruned = match self.last_id.replace(id) {
            Some(last) if reader.has_chain() => self
                .removals
                .is_missing(&reader.db, (REMOVALS, None), (last, id))
                .at(&reader.path)?,
            _ => false,
        };
        Ok(self.is_gap_before(reader, stored)? || is_pruned)
    }

    fn is_gap_before(&mut self, reader: &Reader, stored: &StoredEvent) -> Result<bool, Error> {
        let received_ns = stored.event.received.as_nanos();
        let Some(recording) = self.recordings.get_mut(&stored.recording) else {
            let of = OfRecording::begin(&reader.db, stored.recording, received_ns);
            self.recordings
                .insert(stored.recording, of.at(&reader.path)?);
            return Ok(false);
        };
        let before_ns = std::mem::replace(&mut recording.received_ns, received_ns);
        if recording.is_whole {
            return Ok(false);
        }
        // Where times do not tell, nothing goes on.
        if stored.is_received_estimated || before_ns.saturating_sub(received_ns) > OUT_OF_ORDER_NS {
            return Ok(true);
        }
        let period = (before_ns.min(received_ns), before_ns.max(received_ns));
        recording
            .gaps
            .is_missing(&reader.db, (GAPS, Some(stored.recording.number())), period)
            .at(&reader.path)
    }
}

impl OfRecording {
    fn begin(db: &Connection, recording: RecordingId, received_ns: i64) -> rusqlite::Result<Self> {
        let is_whole = db
            .prepare_cached(
                "SELECT NOT EXISTS (SELECT 1 FROM gaps WHERE recording_id = ?1)
                    AND (SELECT COUNT(*) FROM links WHERE recording_id = ?1) < 2",
            )?
            .query_row([recording.number()], |row| row.get(0))?;
        Ok(Self {
            is_whole,
            received_ns,
            gaps: Known::default(),
        })
    }
}

/// What was found out last about times, or ids: from where to where nothing is missing, and where something is all the time.
#[derive(Default)]
struct Known {
    whole: Option<(i64, i64)>,
    missing: Option<(i64, i64)>,
}

impl Known {
    /// Whether something is missing behind the first of these two and up to the second, by a statement about what it is of.
    fn is_missing(
        &mut self,
        db: &Connection,
        (sql, of): (&str, Option<i64>),
        (from, to): (i64, i64),
    ) -> rusqlite::Result<bool> {
        let is_in =
            |span: Option<(i64, i64)>| span.filter(|(first, last)| *first <= from && to <= *last);
        if is_in(self.whole).is_some() {
            return Ok(false);
        }
        if is_in(self.missing).is_some_and(|(_, last)| last > from) {
            return Ok(true);
        }
        let mut parameters: Vec<(&str, &dyn ToSql)> =
            named_params! { ":from": from, ":to": to }.to_vec();
        parameters.extend(of.as_ref().map(|of| (":of", of as &dyn ToSql)));
        let (is_missing, next, until): (bool, Option<i64>, Option<i64>) =
            db.prepare_cached(sql)?.query_row(&*parameters, |row| {
                Ok((row.get("is_missing")?, row.get("next")?, row.get("until")?))
            })?;
        if is_missing {
            self.missing = until.map(|until| (to, until));
        } else {
            self.whole = Some((from, next.map_or(i64::MAX, |next| next.saturating_sub(1))));
        }
        Ok(is_missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is remembered, the answer is that of looking anew.
    #[test]
    fn what_is_remembered_is_true() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE removals (first_id INTEGER, last_id INTEGER);
             INSERT INTO removals VALUES (10, 20), (12, 15), (30, 30), (41, 60)",
        )
        .unwrap();
        let removed = [(10, 20), (12, 15), (30, 30), (41, 60)];
        for step in 0..12 {
            let mut known = Known::default();
            for from in (0..80).step_by(step.max(1)) {
                let to = from + i64::try_from(step).unwrap();
                let expected = removed
                    .iter()
                    .any(|(first, last)| *first <= to && *last > from);
                let found = known.is_missing(&db, (REMOVALS, None), (from, to)).unwrap();
                assert_eq!(found, expected, "{from} to {to}");
            }
        }
    }
}
