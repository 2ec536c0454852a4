//! The jumps of the recorder's clock: what ages leave out.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::event::{EventId, Timestamp};
use crate::store::retention::Jump;

/// How many jumps behind the same event have rows of their own. All further ones are one, so that a clock that is set
/// over and over while nothing comes takes no room.
const MAX_BEHIND_EVENT: usize = 16;

/// How many jumps stay that no event is left of, the newest.
const MAX_WITHOUT_EVENT: i64 = 4096;

/// How many rows are looked at in one step, the oldest.
const STEP_ROWS: i64 = 4096;

/// A jump, as it is noted.
struct Noted {
    noticed: Timestamp,
    before: i64,
    by_ns: i64,
}

/// Notes that the clock was set after an event.
pub(in crate::store) fn note(
    db: &Connection,
    noticed: Timestamp,
    before: EventId,
    by_ns: i64,
) -> Result<()> {
    let newest: Vec<(i64, i64, i64)> = db
        .prepare_cached("SELECT id, before_id, by_ns FROM clock_jumps ORDER BY id DESC LIMIT ?1")?
        .query_map([MAX_BEHIND_EVENT], |row| {
            Ok((row.get("id")?, row.get("before_id")?, row.get("by_ns")?))
        })?
        .collect::<Result<_>>()?;
    let is_full =
        newest.len() == MAX_BEHIND_EVENT && newest.iter().all(|(_, id, _)| *id == before.number());
    let sum = newest
        .first()
        .filter(|_| is_full)
        .and_then(|(id, _, by)| Some((id, by.checked_add(by_ns)?)));
    match sum {
        Some((id, sum)) => db
            .prepare_cached("UPDATE clock_jumps SET noticed_ns = ?2, by_ns = ?3 WHERE id = ?1")?
            .execute(params![id, noticed.as_nanos(), sum])?,
        None => db
            .prepare_cached(
                "INSERT INTO clock_jumps (noticed_ns, before_id, by_ns) VALUES (?1, ?2, ?3)",
            )?
            .execute([noticed.as_nanos(), before.number(), by_ns])?,
    };
    Ok(())
}

/// Takes in what is noted, the newest first, until `take` gives false.
fn each(db: &Connection, mut take: impl FnMut(Noted) -> bool) -> Result<()> {
    let mut statement =
        db.prepare_cached("SELECT noticed_ns, before_id, by_ns FROM clock_jumps ORDER BY id DESC")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let noted = Noted {
            noticed: Timestamp::from_nanos(row.get("noticed_ns")?),
            before: row.get("before_id")?,
            by_ns: row.get("by_ns")?,
        };
        if !take(noted) {
            break;
        }
    }
    Ok(())
}

/// What the age of an event from `first` on leaves out; neighbors behind the same event are one. A jump of the time
/// before a recording is noted in it, and so not in the order of events: all are looked at.
pub(super) fn since(db: &Connection, first: i64) -> Result<Vec<Jump>> {
    let mut jumps: Vec<Jump> = Vec::new();
    each(db, |noted| {
        let by_ns = i128::from(noted.by_ns);
        match jumps.last_mut() {
            _ if noted.before < first => {}
            Some(last) if last.before == noted.before => last.by_ns += by_ns,
            _ => jumps.push(Jump {
                before: noted.before,
                by_ns,
            }),
        }
        true
    })?;
    Ok(jumps)
}

/// How far the clock, within this age, can have been behind the one that shows `now`. What was set forth and back again
/// cancels out.
pub(super) fn most_behind(db: &Connection, now: Timestamp, age: Duration) -> Result<Duration> {
    let age = i128::try_from(age.as_nanos()).unwrap_or(i128::MAX);
    let (mut sum, mut most) = (0_i128, 0_i128);
    each(db, |noted| {
        let ago = i128::from(now.as_nanos()) - i128::from(noted.noticed.as_nanos()) - sum;
        if ago > age {
            return false;
        }
        sum += i128::from(noted.by_ns);
        most = most.max(sum);
        true
    })?;
    Ok(Duration::from_nanos(
        u64::try_from(most).unwrap_or(u64::MAX),
    ))
}

/// When the first jump behind an event, or a later one, was noticed by the clock that was set.
pub(super) fn least_noticed(db: &Connection, event: i64) -> Result<Option<Timestamp>> {
    let mut least: Option<Timestamp> = None;
    each(db, |noted| {
        if noted.before >= event {
            least = Some(least.map_or(noted.noticed, |least| least.min(noted.noticed)));
        }
        true
    })?;
    Ok(least)
}

/// Removes jumps that no event is left of, and nothing of the times that they touch from `horizon` on.
pub(super) fn remove(db: &Connection, horizon: Timestamp) -> Result<()> {
    let oldest: Option<i64> = db
        .prepare_cached("SELECT first_id FROM batches ORDER BY first_id LIMIT 1")?
        .query_row([], |row| row.get("first_id"))
        .optional()?;
    db.prepare_cached(
        "DELETE FROM clock_jumps
         WHERE id IN (SELECT id FROM clock_jumps ORDER BY id LIMIT ?4) AND before_id < COALESCE(?1, before_id + 1)
            AND (noticed_ns < ?2 AND noticed_ns - by_ns < ?2
                OR id <= (SELECT id FROM clock_jumps ORDER BY id DESC LIMIT 1 OFFSET ?3))",
    )?
    .execute(params![
        oldest,
        horizon.as_nanos(),
        MAX_WITHOUT_EVENT,
        STEP_ROWS
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;
    const AGE: Duration = Duration::from_secs(7200);

    /// With jumps: when each was noticed, after which event, and by how many hours.
    fn capture(jumps: &[(i64, i64, i64)]) -> Connection {
        let mut db = Connection::open_in_memory().unwrap();
        crate::store::migrate::climb(&mut db, std::path::Path::new("test")).unwrap();
        for (noticed, before, hours) in jumps {
            let noticed = Timestamp::from_nanos(noticed * HOUR);
            note(&db, noticed, EventId::new(*before), hours * HOUR).unwrap();
        }
        db
    }

    fn count(db: &Connection) -> i64 {
        db.query_row("SELECT COUNT(*) FROM clock_jumps", [], |row| row.get(0))
            .unwrap()
    }

    fn behind(db: &Connection, now: i64) -> i64 {
        let behind = most_behind(db, Timestamp::from_nanos(now * HOUR), AGE).unwrap();
        i64::try_from(behind.as_nanos()).unwrap() / HOUR
    }

    fn left(jumps: &[(i64, i64, i64)], first: Option<i64>, horizon: i64) -> i64 {
        let db = capture(jumps);
        if let Some(first) = first {
            db.pragma_update(None, "foreign_keys", false).unwrap();
            db.execute(
                "INSERT INTO batches (first_id, last_id, recording_id, committed_ns, digest)
                 VALUES (?1, ?1, 1, 0, x'')",
                [first],
            )
            .unwrap();
        }
        remove(&db, Timestamp::from_nanos(horizon * HOUR)).unwrap();
        count(&db)
    }

    #[test]
    fn no_jump_is_forgotten_while_an_event_is_left_that_came_before_it() {
        let jumps: Vec<_> = (1..=3000).map(|id| (id, id, 2)).collect();
        let found = since(&capture(&jumps), 11).unwrap();
        assert_eq!(found.len(), 2990);
        let sum: i128 = found.iter().map(|jump| jump.by_ns).sum();
        assert_eq!(sum, 2990 * 2 * i128::from(HOUR));
    }

    #[test]
    fn jumps_while_nothing_comes_take_no_room() {
        let jumps: Vec<_> = (1..=3000).map(|noticed| (noticed, 7, 1)).collect();
        let db = capture(&jumps);
        assert_eq!(count(&db), 16);
        let found = since(&db, 7).unwrap();
        let by_ns = 3000 * i128::from(HOUR);
        assert_eq!(found, [Jump { before: 7, by_ns }]);
        let mut newest = None;
        each(&db, |noted| {
            newest = Some(noted.noticed);
            false
        })
        .unwrap();
        assert_eq!(newest, Some(Timestamp::from_nanos(3000 * HOUR)));
        // What no row can hold has more of them.
        for by_ns in [i64::MAX, i64::MAX] {
            note(&db, Timestamp::MIN, EventId::new(7), by_ns).unwrap();
        }
        let found = since(&db, 7).unwrap();
        assert_eq!(found[0].by_ns, by_ns + 2 * i128::from(i64::MAX));
    }

    #[test]
    fn what_was_set_forth_and_back_cancels_out() {
        assert_eq!(behind(&capture(&[]), 100), 0);
        assert_eq!(behind(&capture(&[(150, 1, 50)]), 151), 50);
        assert_eq!(behind(&capture(&[(150, 1, 50), (101, 2, -50)]), 102), 0);
        assert_eq!(behind(&capture(&[(50, 1, -50), (101, 2, 50)]), 102), 50);
        assert_eq!(behind(&capture(&[(50, 1, -50)]), 51), 0);
        // As it is noted by one that began after it.
        assert_eq!(behind(&capture(&[(151, 1, 50), (101, 1, -50)]), 101), 0);
        // Longer ago than the age, by the clock without its jumps.
        assert_eq!(behind(&capture(&[(150, 1, 50)]), 153), 0);
        let jumps = [(150, 1, 50), (151, 2, -7), (145, 3, 1)];
        assert_eq!(behind(&capture(&jumps), 146), 44);
        assert_eq!(behind(&capture(&jumps), 147), 1);
    }

    #[test]
    fn jumps_go_once_nothing_is_left_of_their_time() {
        let jumps = [(150, 5, 50), (101, 9, -50), (110, 20, 3)];
        assert_eq!(left(&jumps, Some(9), 200), 2);
        assert_eq!(left(&jumps, Some(10), 200), 1);
        assert_eq!(left(&jumps, None, 200), 0);
        // The time before a jump back is later than that after it.
        assert_eq!(left(&jumps, None, 120), 2);
        assert_eq!(left(&jumps, None, 105), 3);
        // And in any case when there are too many.
        let jumps: Vec<_> = (1..=5000).map(|id| (i64::MAX / HOUR, id, 1)).collect();
        assert_eq!(left(&jumps, None, 0), 4096);
        assert_eq!(left(&jumps, Some(101), 0), 4900);
        assert_eq!(left(&jumps, Some(1), 0), 5000);
    }
}
