//! How much of a period was recorded.
//!
//! Rows are gone through in order of time and merged as they come, however many there are.

use rusqlite::{Connection, Result, Transaction, TransactionBehavior, named_params, params};

use super::batch::GapReason;
use super::error::{At, Error};
use super::reader::{Access, Reader};
use crate::event::{ClockJump, Coverage, Removed, SourceCoverage, Timestamp, release};

/// How long the version in a run log may be, in bytes, to be named.
const MAX_VERSION_BYTES: usize = 128;

/// A row a recording, with the time that it covers: an import that of its links and not the moment of the import. To be
/// put before a SELECT.
macro_rules! recorded {
    () => {
        "WITH linked AS (
             SELECT recording_id, MIN(connected_ns) AS began_ns,
                 MAX(COALESCE(last_frame_ns, connected_ns)) AS finished_ns
             FROM links GROUP BY recording_id
         ),
         recorded AS (
             SELECT r.id, r.started_ns, r.last_commit_ns, r.ended_ns, r.is_clean, r.is_received_estimated, r.unreadable_frames,
                 CASE WHEN r.import_sha256 IS NULL THEN r.started_ns ELSE COALESCE(k.began_ns, r.started_ns) END AS began_ns,
                 CASE WHEN r.import_sha256 IS NULL THEN COALESCE(r.ended_ns, r.last_commit_ns)
                     ELSE COALESCE(k.finished_ns, r.started_ns)
                 END AS finished_ns
             FROM recordings AS r LEFT JOIN linked AS k ON k.recording_id = r.id
         )
         "
    };
}
/// A row a link, with the time up to which it is known to have been up. CROSS JOIN keeps SQLite from going through all
/// links for each recording. To be put behind `recorded!` or `WITH`.
macro_rules! up {
    () => {
        "up AS (
             SELECT r.source_id, l.recording_id, l.connected_ns,
                 -- What a killed import left was given the moment of its end.
                 CASE WHEN r.import_sha256 IS NULL THEN COALESCE(l.ended_ns, r.last_commit_ns)
                     ELSE COALESCE(l.last_frame_ns, l.connected_ns)
                 END AS until_ns
             FROM links AS l CROSS JOIN recordings AS r ON r.id = l.recording_id
         )
         "
    };
}

/// Whether a gap `g` of a recording `r` touches the period.
macro_rules! touching {
    () => {
        "g.started_ns <= :ended
         -- One that is open lasts as long as its recorder runs.
         AND COALESCE(g.ended_ns, CASE WHEN :is_live THEN :ended ELSE MAX(g.started_ns, r.last_commit_ns) END) >= :started"
    };
}

pub(super) use recorded;
pub(super) use up;

impl Reader {
    /// How much of the period from `since` on and before `until` was recorded.
    ///
    /// Without `since`, from the start of the first recording on. Without `until`, up to `now`; without both, up to the end of
    /// the last recording, which is its last commit while it runs. No period reaches further than `now` or that end.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn coverage(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Coverage, Error> {
        let is_live = self.access() == Access::Live;
        // One state of a file that is being written.
        Transaction::new_unchecked(&self.db, TransactionBehavior::Deferred)
            .and_then(|transaction| {
                let pruned = if self.has_chain() {
                    first_pruned(&transaction)?
                } else {
                    None
                };
                let mut coverage = cover(&transaction, (since, until, now), pruned, is_live)?;
                if self.has_search_filter() {
                    count_filtered(&transaction, &mut coverage)?;
                }
                if self.has_origins() {
                    let sql = "SELECT EXISTS (SELECT 1 FROM origins)";
                    coverage.is_subset = transaction.query_row(sql, [], |row| row.get(0))?;
                }
                if self.has_chain() {
                    find_removals(&transaction, &mut coverage)?;
                    find_jumps(&transaction, &mut coverage)?;
                }
                transaction.finish()?;
                Ok(coverage)
            })
            .at(&self.path)
    }
}

fn cover(
    db: &Connection,
    (since, until, now): (Option<Timestamp>, Option<Timestamp>, Timestamp),
    pruned: Option<Timestamp>,
    is_live: bool,
) -> Result<Coverage> {
    let time = |time: Option<i64>| time.map(Timestamp::from_nanos);
    let (first, last) = db.query_row(
        concat!(
            recorded!(),
            "SELECT MIN(began_ns) AS first_ns, MAX(finished_ns) AS last_ns FROM recorded"
        ),
        [],
        |row| Ok((time(row.get("first_ns")?), time(row.get("last_ns")?))),
    )?;
    // What was pruned was recorded, also where nothing is left that says so.
    let first = [first, pruned].into_iter().flatten().min();
    let latest = last.map_or(now, |last| last.max(now));
    let ended = match (since, until) {
        (_, Some(until)) => until.min(latest),
        (Some(_), None) => latest,
        (None, None) => last.unwrap_or(now),
    };
    let started = since.or(first).unwrap_or(ended);
    let ended = ended.max(started);
    let mut coverage = Coverage {
        started,
        ended,
        nothing_before: first.filter(|first| started < *first),
        nothing_after: last.filter(|last| *last < ended && !is_live),
        last_commit: last.filter(|last| *last < ended && is_live),
        ..Coverage::default()
    };
    count_links(db, &mut coverage)?;
    count_recordings(db, &mut coverage, is_live)?;
    count_gaps(db, &mut coverage, is_live)?;
    cover_sources(db, &mut coverage, is_live)?;
    if coverage.links > 0 {
        find_releases(db, &mut coverage)?;
        count_lost_samples(db, &mut coverage)?;
    }
    Ok(coverage)
}

fn count_links(db: &Connection, coverage: &mut Coverage) -> Result<()> {
    let mut statement = db.prepare(concat!(
        "WITH ",
        up!(),
        "SELECT connected_ns, until_ns FROM up
         WHERE until_ns >= :started AND connected_ns <= :ended ORDER BY connected_ns"
    ))?;
    let mut rows = statement.query(named_params! {
        ":started": coverage.started.as_nanos(),
        ":ended": coverage.ended.as_nanos(),
    })?;
    let mut union = Union::new(coverage.started, coverage.ended);
    while let Some(row) = rows.next()? {
        coverage.links += 1;
        union.add(
            Timestamp::from_nanos(row.get("connected_ns")?),
            Timestamp::from_nanos(row.get("until_ns")?),
        );
    }
    coverage.link_up = union.length().min(coverage.period());
    Ok(())
}

fn count_recordings(db: &Connection, coverage: &mut Coverage, is_live: bool) -> Result<()> {
    let mut statement = db.prepare(concat!(
        recorded!(),
        "SELECT COALESCE(is_clean, ended_ns IS NULL AND :is_live) AS is_in_order, is_received_estimated, unreadable_frames
         FROM recorded WHERE finished_ns >= :started AND began_ns <= :ended"
    ))?;
    let mut rows = statement.query(named_params! {
        ":started": coverage.started.as_nanos(),
        ":ended": coverage.ended.as_nanos(),
        ":is_live": is_live,
    })?;
    while let Some(row) = rows.next()? {
        coverage.recordings += 1;
        coverage.unclean_recordings += u64::from(!row.get::<_, bool>("is_in_order")?);
        coverage.is_received_estimated |= row.get::<_, bool>("is_received_estimated")?;
        let unreadable = row.get("unreadable_frames")?;
        coverage.unreadable_frames = coverage.unreadable_frames.saturating_add(unreadable);
    }
    Ok(())
}

/// Each eCapture by itself. The name tells them apart: the same one after its host was booted anew is no other.
fn cover_sources(db: &Connection, coverage: &mut Coverage, is_live: bool) -> Result<()> {
    let mut statement = db.prepare(
        "SELECT DISTINCT COALESCE(s.name, s.url) AS name
         FROM recordings AS r JOIN sources AS s ON s.id = r.source_id
         WHERE r.import_sha256 IS NULL AND COALESCE(r.ended_ns, r.last_commit_ns) >= :started AND r.started_ns <= :ended
         ORDER BY name",
    )?;
    let mut rows = statement.query(named_params! {
        ":started": coverage.started.as_nanos(),
        ":ended": coverage.ended.as_nanos(),
    })?;
    while let Some(row) = rows.next()? {
        coverage.source_count += 1;
        if coverage.sources.len() < Coverage::MAX_SOURCES {
            let source = cover_source(db, coverage, row.get("name")?, is_live)?;
            coverage.sources.push(source);
        }
    }
    Ok(())
}

fn cover_source(
    db: &Connection,
    coverage: &Coverage,
    name: String,
    is_live: bool,
) -> Result<SourceCoverage> {
    let mut statement = db.prepare_cached(
        "SELECT l.connected_ns, COALESCE(l.ended_ns, r.last_commit_ns) AS until_ns
         FROM links AS l CROSS JOIN recordings AS r ON r.id = l.recording_id JOIN sources AS s ON s.id = r.source_id
         WHERE r.import_sha256 IS NULL AND COALESCE(s.name, s.url) = :name
            AND COALESCE(l.ended_ns, r.last_commit_ns) >= :started AND l.connected_ns <= :ended
         ORDER BY l.connected_ns",
    )?;
    let mut rows = statement.query(named_params! {
        ":name": name,
        ":started": coverage.started.as_nanos(),
        ":ended": coverage.ended.as_nanos(),
    })?;
    let mut union = Union::new(coverage.started, coverage.ended);
    while let Some(row) = rows.next()? {
        union.add(
            Timestamp::from_nanos(row.get("connected_ns")?),
            Timestamp::from_nanos(row.get("until_ns")?),
        );
    }
    let gaps = db
        .prepare_cached(concat!(
            "SELECT COUNT(*) FROM gaps AS g CROSS JOIN recordings AS r ON r.id = g.recording_id
             JOIN sources AS s ON s.id = r.source_id
             WHERE r.import_sha256 IS NULL AND COALESCE(s.name, s.url) = :name AND ",
            touching!()
        ))?
        .query_row(
            named_params! {
                ":name": name,
                ":started": coverage.started.as_nanos(),
                ":ended": coverage.ended.as_nanos(),
                ":is_live": is_live,
            },
            |row| row.get(0),
        )?;
    Ok(SourceCoverage {
        name,
        link_up: union.length().min(coverage.period()),
        gaps,
    })
}

/// Captures of the first version know of no filter.
fn count_filtered(db: &Connection, coverage: &mut Coverage) -> Result<()> {
    let mut statement = db.prepare(concat!(
        recorded!(),
        "SELECT r.filter IS NOT NULL AS is_filtered, r.snaplen_bytes IS NOT NULL AS has_snaplen, r.shortened_events,
            r.redaction_key IS NOT NULL AS is_redacted
         FROM recorded AS k JOIN recordings AS r ON r.id = k.id
         WHERE k.finished_ns >= :started AND k.began_ns <= :ended"
    ))?;
    let mut rows = statement.query(named_params! {
        ":started": coverage.started.as_nanos(),
        ":ended": coverage.ended.as_nanos(),
    })?;
    while let Some(row) = rows.next()? {
        coverage.filtered_recordings += u64::from(row.get::<_, bool>("is_filtered")?);
        coverage.snaplen_recordings += u64::from(row.get::<_, bool>("has_snaplen")?);
        coverage.redacted_recordings += u64::from(row.get::<_, bool>("is_redacted")?);
        let shortened = row.get("shortened_events")?;
        coverage.shortened_events = coverage.shortened_events.saturating_add(shortened);
    }
    Ok(())
}

/// When the first event was received that was pruned.
fn first_pruned(db: &Connection) -> Result<Option<Timestamp>> {
    db.query_row(
        "SELECT MIN(min_received_ns) FROM removals WHERE events > 0",
        [],
        |row| row.get::<_, Option<i64>>(0),
    )
    .map(|first| first.map(Timestamp::from_nanos))
}

/// What was pruned.
fn find_removals(db: &Connection, coverage: &mut Coverage) -> Result<()> {
    let mut statement = db.prepare(
        "SELECT rule, events, payload_bytes, at_ns,
            MIN(COALESCE(min_ns, min_received_ns), COALESCE(min_received_ns, min_ns)) AS first_ns,
            MAX(COALESCE(max_ns, max_received_ns), COALESCE(max_received_ns, max_ns)) AS last_ns
         FROM removals WHERE events > 0 AND first_ns <= ?2 AND last_ns >= ?1 ORDER BY id DESC LIMIT ?3",
    )?;
    let (started, ended) = (coverage.started.as_nanos(), coverage.ended.as_nanos());
    let rows = statement.query_map(params![started, ended, Coverage::MAX_REMOVALS], |row| {
        Ok(Removed {
            rule: row.get("rule")?,
            events: row.get("events")?,
            payload_bytes: row.get("payload_bytes")?,
            first: Timestamp::from_nanos(row.get("first_ns")?),
            last: Timestamp::from_nanos(row.get("last_ns")?),
            at: Timestamp::from_nanos(row.get("at_ns")?),
        })
    })?;
    coverage.removals = rows.collect::<Result<_>>()?;
    coverage.removals.reverse();
    Ok(())
}

/// When the clock was set. In between the time before and that after it lies what was never lived through, or twice.
fn find_jumps(db: &Connection, coverage: &mut Coverage) -> Result<()> {
    let mut statement = db.prepare(
        "SELECT noticed_ns, by_ns, COUNT(*) OVER () AS jumps FROM clock_jumps
         WHERE MIN(noticed_ns, noticed_ns - by_ns) <= ?2 AND MAX(noticed_ns, noticed_ns - by_ns) >= ?1
            AND by_ns <> 0
         ORDER BY id DESC LIMIT ?3",
    )?;
    let (started, ended) = (coverage.started.as_nanos(), coverage.ended.as_nanos());
    let mut rows = statement.query(params![started, ended, Coverage::MAX_CLOCK_JUMPS])?;
    while let Some(row) = rows.next()? {
        coverage.clock_jumps = row.get("jumps")?;
        coverage.newest_clock_jumps.push(ClockJump {
            noticed: Timestamp::from_nanos(row.get("noticed_ns")?),
            by_ns: row.get("by_ns")?,
        });
    }
    coverage.newest_clock_jumps.reverse();
    Ok(())
}

fn count_gaps(db: &Connection, coverage: &mut Coverage, is_live: bool) -> Result<()> {
    let mut statement = db.prepare(concat!(
        "SELECT g.reason, g.frames FROM gaps AS g CROSS JOIN recordings AS r ON r.id = g.recording_id WHERE ",
        touching!()
    ))?;
    let mut rows = statement.query(named_params! {
        ":started": coverage.started.as_nanos(),
        ":ended": coverage.ended.as_nanos(),
        ":is_live": is_live,
    })?;
    while let Some(row) = rows.next()? {
        coverage.gaps += 1;
        let reason = GapReason::from_code(row.get("reason")?);
        if reason == Some(GapReason::QueueOverflow) {
            let frames = row.get::<_, Option<u64>>("frames")?.unwrap_or(0);
            coverage.dropped_frames = coverage.dropped_frames.saturating_add(frames);
        }
    }
    Ok(())
}

/// A run of eCapture lasts from its first log line up to that of the next run of its source.
fn find_releases(db: &Connection, coverage: &mut Coverage) -> Result<()> {
    let mut statement = db.prepare(concat!(
        "WITH ",
        up!(),
        ", seen AS (
             SELECT id, source_id, version,
                 COALESCE(
                     (SELECT received_ns FROM run_logs WHERE run_id = runs.id ORDER BY id LIMIT 1),
                     -- Its log is in the file that the recording was in before.
                     (SELECT MIN(started_ns) FROM recordings AS r WHERE r.source_id = runs.source_id)
                 ) AS seen_ns
             FROM runs
             WHERE source_id IN (SELECT source_id FROM up WHERE until_ns >= :started AND connected_ns <= :ended)
         ),
         lasting AS (
             SELECT version, seen_ns,
                 LEAD(seen_ns) OVER (PARTITION BY source_id ORDER BY seen_ns, id) AS next_ns
             FROM seen WHERE seen_ns IS NOT NULL
         )
         SELECT version FROM lasting
         WHERE version IS NOT NULL AND seen_ns <= :ended AND (next_ns IS NULL OR next_ns >= :started)
         ORDER BY seen_ns"
    ))?;
    let mut rows = statement.query(named_params! {
        ":started": coverage.started.as_nanos(),
        ":ended": coverage.ended.as_nanos(),
    })?;
    while let Some(row) = rows.next()? {
        let version: String = row.get("version")?;
        let Some(release) = release(&version).filter(|_| version.len() <= MAX_VERSION_BYTES) else {
            continue;
        };
        let known = &mut coverage.ecapture_releases;
        if known.iter().any(|known| known == release) {
            continue;
        }
        if known.len() == Coverage::MAX_RELEASES {
            coverage.has_more_releases = true;
            break;
        }
        known.push(release.to_owned());
    }
    Ok(())
}

/// The field is that of eCapture 1.x (`imodule.go:336`@v1.5.2). A recording's counter has it too, but for its whole length.
fn count_lost_samples(db: &Connection, coverage: &mut Coverage) -> Result<()> {
    let mut statement = db.prepare(
        "SELECT CASE
                WHEN JSON_VALID(line) AND JSON_TYPE(line, '$.lostSamples') = 'integer'
                THEN MAX(0, JSON_EXTRACT(line, '$.lostSamples'))
                ELSE 0
            END AS lost
         FROM run_logs WHERE received_ns BETWEEN :started AND :ended AND INSTR(line, 'lostSamples') > 0",
    )?;
    let mut rows = statement.query(named_params! {
        ":started": coverage.started.as_nanos(),
        ":ended": coverage.ended.as_nanos(),
    })?;
    while let Some(row) = rows.next()? {
        // What is larger than an integer of SQLite's comes as a float; nobody lost so many.
        let lost = row.get::<_, u64>("lost").unwrap_or(0);
        coverage.lost_samples = coverage.lost_samples.saturating_add(lost);
    }
    Ok(())
}

/// How much of a period is covered by spans that come in the order of their starts.
#[derive(Debug)]
struct Union {
    /// Up to here, everything is counted.
    counted: Timestamp,
    ended: Timestamp,
    nanos: u64,
}

impl Union {
    fn new(started: Timestamp, ended: Timestamp) -> Self {
        Self {
            counted: started,
            ended,
            nanos: 0,
        }
    }

    fn add(&mut self, from: Timestamp, to: Timestamp) {
        let (from, to) = (from.max(self.counted), to.min(self.ended));
        if from < to {
            let length = to.as_nanos().abs_diff(from.as_nanos());
            self.nanos = self.nanos.saturating_add(length);
            self.counted = to;
        }
    }

    fn length(&self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.nanos)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Second by second.
        #[test]
        fn the_union_is_what_any_span_covers(
            mut spans in prop::collection::vec((0_i64..60, -5_i64..30), 0..12),
            started in 0_i64..60,
            length in 0_i64..60,
        ) {
            spans.sort_unstable_by_key(|(from, _)| *from);
            let ended = started + length;
            let mut union = Union::new(Timestamp::from_seconds(started), Timestamp::from_seconds(ended));
            for (from, length) in &spans {
                union.add(Timestamp::from_seconds(*from), Timestamp::from_seconds(from + length));
            }
            let is_covered = |second: &i64| {
                spans.iter().any(|(from, length)| (*from..from + length).contains(second))
            };
            let expected = (started..ended).filter(is_covered).count();
            prop_assert_eq!(union.length().as_secs(), expected as u64);
        }
    }

    #[test]
    fn all_of_time_is_not_too_long() {
        let mut union = Union::new(Timestamp::MIN, Timestamp::MAX);
        union.add(Timestamp::MIN, Timestamp::MAX);
        union.add(Timestamp::MIN, Timestamp::MAX);
        assert_eq!(union.length(), std::time::Duration::from_nanos(u64::MAX));
    }
}
