//! What a capture holds and what it misses, counted.

use rusqlite::{Connection, Result, params};

use super::batch::GapReason;
use super::coverage::{recorded, up};
use super::error::{At, Error};
use super::open;
use super::reader::Reader;
use crate::event::{Counted, Coverage, Gap, IdentityCounts, RecordingStats, Stats, Timestamp};

/// How many processes and hosts are listed.
const LISTED: usize = 20;

impl Reader {
    /// Counts what lies in the period from `since` on and before `until`. Recordings and gaps are those that touch it. `None`
    /// if it was stopped.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn stats(
        &mut self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Stats>, Error> {
        let stats = self.while_watched(|reader| reader.count_all(since, until, now));
        match stats {
            _ if self.watch().is_stopped() => Ok(None),
            stats => stats.map(Some),
        }
    }

    fn count_all(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Stats, Error> {
        let coverage = self.coverage(since, until, now)?;
        let since = since.map_or(i64::MIN, Timestamp::as_nanos);
        let until = until.map_or(i64::MAX, |until| until.as_nanos().saturating_sub(1));
        let mut stats = count(&self.db, since, until).at(&self.path)?;
        if self.has_search_filter() {
            for recording in &mut stats.recordings {
                add_filter(&self.db, recording).at(&self.path)?;
            }
        }
        Ok(Stats {
            file_bytes: open::bytes_of(&self.path),
            coverage,
            origins: self.origins()?,
            predecessor: self.predecessor()?,
            ..stats
        })
    }
}

fn count(db: &Connection, since: i64, until: i64) -> Result<Stats> {
    let (events, payload_bytes, first, last) = db.query_row(
        "SELECT COUNT(*), COALESCE(SUM(payload_bytes), 0), MIN(time_ns), MAX(time_ns) FROM events
         WHERE time_ns BETWEEN ?1 AND ?2",
        params![since, until],
        |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get::<_, Option<i64>>(2)?,
                row.get::<_, Option<i64>>(3)?,
            ))
        },
    )?;
    let stored_payload_bytes = db.query_row(
        "SELECT (SELECT COALESCE(SUM(stored_bytes), 0) FROM blocks) + (SELECT COALESCE(SUM(LENGTH(data)), 0) FROM tail)",
        [],
        |row| row.get::<_, u64>(0),
    )?;
    let all_payload_bytes: u64 = db.query_row(
        "SELECT COALESCE(SUM(payload_bytes), 0) FROM events",
        [],
        |row| row.get(0),
    )?;
    Ok(Stats {
        events,
        payload_bytes,
        // Blocks hold neighbors in time: a period's share is taken to be that of its payloads.
        stored_payload_bytes: share(stored_payload_bytes, payload_bytes, all_payload_bytes),
        file_bytes: 0,
        first: first.map(Timestamp::from_nanos),
        last: last.map(Timestamp::from_nanos),
        processes: counted(
            db,
            "SELECT COALESCE(p.pname, '?') AS name, COUNT(*) AS events, SUM(e.payload_bytes) AS bytes
             FROM events AS e
             JOIN streams AS s ON s.id = e.stream_id
             JOIN processes AS p ON p.id = s.process_id
             WHERE e.time_ns BETWEEN ?1 AND ?2
             GROUP BY p.pname ORDER BY events DESC, name LIMIT ?3",
            since,
            until,
        )?,
        hosts: counted(
            db,
            "SELECT h.host AS name, COUNT(*) AS events, SUM(e.payload_bytes) AS bytes
             FROM events AS e JOIN heads AS h ON h.id = e.head_id
             WHERE e.time_ns BETWEEN ?1 AND ?2 AND h.host IS NOT NULL
             GROUP BY h.host ORDER BY events DESC, name LIMIT ?3",
            since,
            until,
        )?,
        coverage: Coverage::default(),
        predecessor: None,
        recordings: recordings(db, since, until)?,
        recording_count: db.query_row(
            concat!(
                recorded!(),
                "SELECT COUNT(*) FROM recorded WHERE finished_ns >= ?1 AND began_ns <= ?2"
            ),
            params![since, until],
            |row| row.get(0),
        )?,
        gaps: gaps(db, since, until)?,
        gap_count: db.query_row(
            "SELECT COUNT(*) FROM gaps WHERE COALESCE(ended_ns, ?2) >= ?1 AND started_ns <= ?2",
            params![since, until],
            |row| row.get(0),
        )?,
        origins: Vec::new(),
    })
}

fn share(whole: u64, part: u64, all: u64) -> u64 {
    let scaled = u128::from(whole) * u128::from(part) / u128::from(all.max(1));
    u64::try_from(scaled).unwrap_or(whole)
}

fn counted(db: &Connection, sql: &str, since: i64, until: i64) -> Result<Vec<Counted>> {
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map(params![since, until, LISTED], |row| {
        Ok(Counted {
            name: row.get("name")?,
            events: row.get("events")?,
            bytes: row.get("bytes")?,
        })
    })?;
    rows.collect()
}

fn recordings(db: &Connection, since: i64, until: i64) -> Result<Vec<RecordingStats>> {
    // In seconds, as a difference in nanoseconds can be more than SQLite's integers hold: the times in an imported file
    // are whatever somebody wrote there.
    let mut statement = db.prepare(concat!(
        recorded!(),
        ", ",
        up!(),
        "SELECT r.id, COALESCE(s.name, s.url) AS source, CASE WHEN s.name IS NOT NULL THEN s.url END AS url, r.is_clean, k.began_ns,
            CASE WHEN r.ended_ns IS NOT NULL THEN k.finished_ns END AS ended_ns,
            r.stored_events, r.received_frames,
            r.unreadable_frames, r.dropped_frames, r.withheld_keys,
            (SELECT ru.version FROM batches AS b
             JOIN events AS e ON e.id = b.last_id
             JOIN streams AS st ON st.id = e.stream_id
             JOIN runs AS ru ON ru.id = st.run_id
             WHERE b.recording_id = r.id AND ru.source_id = r.source_id ORDER BY b.first_id DESC LIMIT 1) AS event_version,
            (SELECT ru.version FROM run_logs AS g
             JOIN links AS l ON l.id = g.link_id
             JOIN runs AS ru ON ru.id = g.run_id
             WHERE l.recording_id = r.id ORDER BY g.id DESC LIMIT 1) AS log_version,
            (SELECT TOTAL(MAX(0, MIN(?2, u.until_ns) - MAX(?1, u.connected_ns)) / 1e9)
             FROM up AS u WHERE u.recording_id = r.id) AS up_seconds
         FROM recorded AS k
         JOIN recordings AS r ON r.id = k.id
         JOIN sources AS s ON s.id = r.source_id
         WHERE k.finished_ns >= ?1 AND k.began_ns <= ?2
         ORDER BY r.id DESC LIMIT ?3"
    ))?;
    let rows = statement.query_map(params![since, until, Stats::MAX_LISTED], |row| {
        Ok(RecordingStats {
            number: row.get("id")?,
            source: row.get("source")?,
            url: row.get("url")?,
            ecapture_version: row
                .get::<_, Option<String>>("event_version")?
                .or(row.get("log_version")?),
            started: Timestamp::from_nanos(row.get("began_ns")?),
            ended: row
                .get::<_, Option<i64>>("ended_ns")?
                .map(Timestamp::from_nanos),
            ended_cleanly: row.get::<_, Option<bool>>("is_clean")? == Some(true),
            events: row.get("stored_events")?,
            link_up_seconds: row.get("up_seconds")?,
            frames_received: row.get("received_frames")?,
            unreadable: row.get("unreadable_frames")?,
            dropped_by_us: row.get("dropped_frames")?,
            keys_withheld: row.get("withheld_keys")?,
            ..RecordingStats::default()
        })
    })?;
    oldest_first(rows)
}

/// Adds what the recorder was told to leave out, what it left out, and whom it knew. Captures of the first version know of nothing such.
fn add_filter(db: &Connection, recording: &mut RecordingStats) -> Result<()> {
    db.prepare_cached(
        "SELECT filtered_events, filtered_bytes, filter, snaplen_bytes, shortened_events, shortened_bytes,
            (SELECT COUNT(*) FROM identities WHERE recording_id = ?1) AS identities,
            gone_processes, unlike_processes, skipped_processes, redaction_key, redacted_secrets, opaque_events,
            opaque_bytes
         FROM recordings WHERE id = ?1",
    )?
    .query_row([recording.number], |row| {
        recording.filtered_events = row.get("filtered_events")?;
        recording.filtered_bytes = row.get("filtered_bytes")?;
        recording.filter = row.get("filter")?;
        recording.snaplen_bytes = row.get("snaplen_bytes")?;
        recording.shortened_events = row.get("shortened_events")?;
        recording.shortened_bytes = row.get("shortened_bytes")?;
        recording.redaction_key = row.get("redaction_key")?;
        recording.redacted_secrets = row.get("redacted_secrets")?;
        recording.opaque_events = row.get("opaque_events")?;
        recording.opaque_bytes = row.get("opaque_bytes")?;
        recording.identities = IdentityCounts {
            identified: row.get("identities")?,
            gone: row.get("gone_processes")?,
            unlike: row.get("unlike_processes")?,
            skipped: row.get("skipped_processes")?,
        };
        Ok(())
    })
}

fn gaps(db: &Connection, since: i64, until: i64) -> Result<Vec<Gap>> {
    let mut statement = db.prepare(
        "SELECT g.started_ns, g.ended_ns, g.reason, g.frames, g.bytes, g.detail,
            (SELECT COALESCE(s.name, s.url) FROM recordings AS r JOIN sources AS s ON s.id = r.source_id
             WHERE r.id = g.recording_id AND (SELECT COUNT(*) FROM (SELECT 1 FROM sources LIMIT 2)) > 1) AS source
         FROM gaps AS g
         WHERE COALESCE(g.ended_ns, ?2) >= ?1 AND g.started_ns <= ?2
         ORDER BY g.started_ns DESC, g.id DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(params![since, until, Stats::MAX_LISTED], |row| {
        Ok(Gap {
            source: row.get("source")?,
            started: Timestamp::from_nanos(row.get("started_ns")?),
            ended: row
                .get::<_, Option<i64>>("ended_ns")?
                .map(Timestamp::from_nanos),
            reason: GapReason::from_code(row.get("reason")?)
                .map_or("unknown", GapReason::name)
                .to_owned(),
            frames: row.get("frames")?,
            bytes: row.get("bytes")?,
            detail: row.get("detail")?,
        })
    })?;
    oldest_first(rows)
}

fn oldest_first<T>(newest_first: impl Iterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut rows = newest_first.collect::<Result<Vec<_>>>()?;
    rows.reverse();
    Ok(rows)
}
