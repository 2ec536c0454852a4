//! Counting the events of a filter instead of listing them.
//!
//! Where SQL decides the whole filter and the key is about what many events share, SQLite counts, some ten thousand events
//! at a time, each in a short read transaction; else event by event.

use bytes::Bytes;
use rusqlite::types::Value;
use rusqlite::{Row, params};

use super::error::{At, Error};
use super::group_facts;
use super::plan::Plan;
use super::reader::Reader;
use super::rows::Rows;
use super::scan::StoredPayload;
use super::spans::Order;
use super::tally::{Count, Key, Tally};
use crate::event::{EventId, Timestamp};
use crate::filter::{Content, Expr, Facts, Level, Operand, Searched};

/// How many events are counted in one statement.
const CHUNK_EVENTS: i64 = 65_536;

/// How many values of one key an event counts for, at most,
const MAX_VALUES: usize = 64;

/// and how many bytes of a value are told apart.
const MAX_KEY_BYTES: usize = 4096;

/// A period that times are divided into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    /// Where one of them begins.
    pub origin: Timestamp,
    /// How long each is, in nanoseconds; at least 1.
    pub width_ns: i64,
}

impl Buckets {
    /// The beginning of the bucket that `time` lies in; saturates.
    pub fn start_of(self, time: Timestamp) -> Timestamp {
        let number = (i128::from(time.as_nanos()) - i128::from(self.origin.as_nanos()))
            .div_euclid(i128::from(self.width_ns.max(1)));
        let start = i128::from(self.origin.as_nanos()) + number * i128::from(self.width_ns.max(1));
        let edge = if start < 0 { i64::MIN } else { i64::MAX };
        Timestamp::from_nanos(i64::try_from(start).unwrap_or(edge))
    }
}

impl Buckets {
    /// Where the empty buckets between two that are not begin; more than `most` of them are a single `None`.
    pub fn between(
        self,
        before: Option<Timestamp>,
        next: Timestamp,
        most: i64,
    ) -> Vec<Option<Timestamp>> {
        let width = self.width_ns.max(1);
        let Some(before) = before else {
            return Vec::new();
        };
        let count = next.nanos_since(before) / width - 1;
        if count > most {
            return vec![None];
        }
        (1..=count)
            .map(|number| Some(before.plus_nanos(number.saturating_mul(width))))
            .collect()
    }
}

/// How many events there are and how many bytes of payloads they have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// Events.
    pub events: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

/// How many events that were found one by one are counted in one statement.
const GATHERED: usize = 4096;

/// What events are grouped by before they are counted.
#[derive(Clone, Copy)]
enum Group {
    /// All are one group.
    All,
    /// The bucket of their time.
    Time(Buckets),
    /// The rows that say what they have in common; those that are not asked about are left out.
    Rows {
        stream: bool,
        shape: bool,
        head: bool,
        path: bool,
    },
}

impl Reader {
    /// Counts the events that the filter is true of.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn count(&self, filter: Option<&Expr>) -> Result<Total, Error> {
        let mut total = Total::default();
        self.each_group(filter, Group::All, &mut |row| {
            let group = read_count(row).at(&self.path)?;
            total.events = total.events.saturating_add(group.events);
            total.bytes = total.bytes.saturating_add(group.bytes);
            Ok(())
        })?;
        Ok(total)
    }

    /// Counts the events that the filter is true of by time. The key in `tally` is the start of a bucket in RFC 3339.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged, or there is no room for a temporary file.
    pub fn count_by_time(
        &self,
        filter: Option<&Expr>,
        buckets: Buckets,
        tally: &mut Tally,
    ) -> Result<(), Error> {
        self.each_group(filter, Group::Time(buckets), &mut |row| {
            let mut count = read_count(row).at(&self.path)?;
            let start = buckets.start_of(count.first).to_string();
            count.key = vec![Some(start.into_bytes())];
            tally.add(&count)
        })
    }

    /// Counts the events that the filter is true of by the values of `keys`. An event with several values of a key counts
    /// for each of them; one without counts under its absence.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged, or there is no room for a temporary file.
    pub fn count_by(
        &self,
        filter: Option<&Expr>,
        keys: &[Operand],
        tally: &mut Tally,
    ) -> Result<(), Error> {
        let is_about = |level: &[Level]| keys.iter().any(|key| level.contains(&key.field.level));
        if is_about(&[Level::Row, Level::Payload]) {
            return self.count_one_by_one(filter, keys, tally);
        }
        let group = Group::Rows {
            stream: is_about(&[Level::Process, Level::Source, Level::Connection]),
            shape: is_about(&[Level::Shape]),
            head: is_about(&[Level::Head, Level::HeadAndPath]),
            path: is_about(&[Level::Path, Level::HeadAndPath]),
        };
        self.db
            .execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS groups (
                    stream_id INTEGER NOT NULL, shape_id INTEGER NOT NULL, head_id INTEGER NOT NULL, path_id INTEGER NOT NULL,
                    events INTEGER NOT NULL, bytes INTEGER NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,
                    PRIMARY KEY (stream_id, shape_id, head_id, path_id)
                 ) STRICT, WITHOUT ROWID;
                 DELETE FROM temp.groups;",
            )
            .at(&self.path)?;
        let mut add = self
            .db
            .prepare(
                "INSERT INTO temp.groups VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT DO UPDATE SET
                    events = events + excluded.events, bytes = bytes + excluded.bytes,
                    first_ns = MIN(first_ns, excluded.first_ns), last_ns = MAX(last_ns, excluded.last_ns)",
            )
            .at(&self.path)?;
        let mut add_group = |row: &Row<'_>| {
            let id =
                |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.unwrap_or(0));
            add.execute(params![
                id("stream_id")?,
                id("shape_id")?,
                id("head_id")?,
                id("path_id")?,
                row.get::<_, i64>("events")?,
                row.get::<_, i64>("bytes")?,
                row.get::<_, i64>("first_ns")?,
                row.get::<_, i64>("last_ns")?
            ])
        };
        self.each_group(filter, group, &mut |row| {
            add_group(row).at(&self.path)?;
            Ok(())
        })?;
        drop(add);
        self.name_groups(keys, tally)
    }

    /// Turns the groups' numbers into the values of the keys.
    fn name_groups(&self, keys: &[Operand], tally: &mut Tally) -> Result<(), Error> {
        let mut statement = self.db.prepare(group_facts::SELECT).at(&self.path)?;
        let mut rows = statement.query([]).at(&self.path)?;
        while let Some(row) = rows.next().at(&self.path)? {
            let count = read_count(row).at(&self.path)?;
            let owned = group_facts::read(row).at(&self.path)?;
            let nothing = Bytes::new();
            let Ok(combined) = combinations(keys, &owned.facts(), &Content::new(&nothing));
            for key in combined {
                tally.add(&Count {
                    key,
                    ..count.clone()
                })?;
            }
        }
        Ok(())
    }

    fn count_one_by_one(
        &self,
        filter: Option<&Expr>,
        keys: &[Operand],
        tally: &mut Tally,
    ) -> Result<(), Error> {
        let mut rows = self.events(filter, Order::OldestFirst, None)?;
        while let Some(event) = rows.next_event()? {
            let source = self.source_of(event.run)?;
            let payload = StoredPayload::of(self, &event);
            let facts = Facts::of_stored(&event, source.as_deref());
            for key in combinations(keys, &facts, &Content::new(&payload))? {
                tally.add(&Count {
                    key,
                    events: 1,
                    bytes: event.payload_bytes,
                    first: event.event.time,
                    last: event.event.time,
                })?;
            }
        }
        Ok(())
    }

    /// Counts by group, and gives the groups of some ten thousand events at a time to `each`: a group comes again with the
    /// next ones.
    fn each_group(
        &self,
        filter: Option<&Expr>,
        group: Group,
        each: &mut dyn FnMut(&Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut rows = self.events(filter, Order::OldestFirst, None)?;
        match rows.plan_of_all() {
            Some((plan, upper)) => self.each_group_of_all(plan, upper, group, each),
            None => self.each_group_of_found(&mut rows, group, each),
        }
    }

    /// Lets SQLite find the events.
    fn each_group_of_all(
        &self,
        plan: &Plan,
        upper: i64,
        group: Group,
        each: &mut dyn FnMut(&Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let sql = format!(
            "SELECT {} FROM events AS e WHERE {} GROUP BY {KEYS}",
            group.columns(plan.next_parameter()),
            plan.conditions()
        );
        let mut statement = self.db.prepare(&sql).at(&self.path)?;
        let (first, last) = (plan.bounds.first_id.max(1), plan.bounds.last_id.min(upper));
        let mut next = self.next_id(first.saturating_sub(1), last)?;
        while let Some(from) = next
            && !self.watch().is_stopped()
        {
            let to = last.min(from.saturating_add(CHUNK_EVENTS - 1));
            if self.has_time_in(plan, from, to)? {
                let mut parameters = plan.values(from, to);
                parameters.extend(group.parameters());
                let mut rows = statement
                    .query(rusqlite::params_from_iter(parameters))
                    .at(&self.path)?;
                while let Some(row) = rows.next().at(&self.path)? {
                    each(row)?;
                }
            }
            next = self.next_id(to, last)?;
        }
        Ok(())
    }

    /// Whether events with these ids can lie in the plan's period.
    fn has_time_in(&self, plan: &Plan, first: i64, last: i64) -> Result<bool, Error> {
        self.db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM spans
                    WHERE first_id <= ?2
                        AND first_id >= COALESCE((SELECT MAX(first_id) FROM spans WHERE first_id <= ?1), ?1)
                        AND last_id >= ?1 AND max_ns >= ?3 AND min_ns <= ?4)",
            )
            .at(&self.path)?
            .query_row(
                params![first, last, plan.bounds.since, plan.bounds.until],
                |row| row.get(0),
            )
            .at(&self.path)
    }

    /// Counts events that are found one by one.
    fn each_group_of_found(
        &self,
        rows: &mut Rows<'_>,
        group: Group,
        each: &mut dyn FnMut(&Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.db
            .execute_batch("CREATE TEMP TABLE IF NOT EXISTS found (id INTEGER PRIMARY KEY) STRICT")
            .at(&self.path)?;
        let sql = format!(
            "SELECT {} FROM temp.found AS f CROSS JOIN events AS e ON e.id = f.id GROUP BY {KEYS}",
            group.columns(1)
        );
        let mut count = self.db.prepare(&sql).at(&self.path)?;
        let mut is_over = false;
        while !is_over {
            let mut ids = Vec::with_capacity(GATHERED);
            while ids.len() < GATHERED && !is_over {
                match rows.next_id()? {
                    Some((_, id)) => ids.push(id),
                    None => is_over = true,
                }
            }
            self.replace_found(&ids).at(&self.path)?;
            let mut groups = count
                .query(rusqlite::params_from_iter(group.parameters()))
                .at(&self.path)?;
            while let Some(row) = groups.next().at(&self.path)? {
                each(row)?;
            }
        }
        Ok(())
    }

    fn replace_found(&self, ids: &[EventId]) -> rusqlite::Result<()> {
        self.db.execute_batch("DELETE FROM temp.found")?;
        let mut insert = self
            .db
            .prepare_cached("INSERT OR IGNORE INTO temp.found (id) VALUES (?1)")?;
        for id in ids {
            insert.execute([id.number()])?;
        }
        Ok(())
    }
}

/// The columns that groups are told apart by, by their place: their names are also those of columns of `events`.
const KEYS: &str = "1, 2, 3, 4, 5";

impl Group {
    /// The columns of a statement that counts, with its parameters from this number on. An absent key is one group.
    fn columns(self, parameter: usize) -> String {
        let [stream, shape, head, path] = match self {
            Self::Rows {
                stream,
                shape,
                head,
                path,
            } => [stream, shape, head, path],
            Self::All | Self::Time(_) => [false; 4],
        };
        let if_asked = |is_asked, column| if is_asked { column } else { "NULL" };
        let bucket = match self {
            Self::Time(_) => {
                let (phase, width) = (parameter, parameter + 1);
                // Division rounds towards zero, and times before the phase belong to the bucket before it.
                format!(
                    "(e.time_ns - ?{phase}) / ?{width} - ((e.time_ns - ?{phase}) % ?{width} < 0)"
                )
            }
            Self::All | Self::Rows { .. } => "NULL".to_owned(),
        };
        format!(
            "{} AS stream_id, {} AS shape_id, {} AS head_id, {} AS path_id, {bucket} AS bucket,
             COUNT(*) AS events, SUM(e.payload_bytes) AS bytes, MIN(e.time_ns) AS first_ns, MAX(e.time_ns) AS last_ns",
            if_asked(stream, "+e.stream_id"),
            if_asked(shape, "e.shape_id"),
            if_asked(head, "e.head_id"),
            if_asked(path, "e.path_id"),
        )
    }

    fn parameters(self) -> Vec<Value> {
        match self {
            Self::Time(buckets) => {
                let width = buckets.width_ns.max(1);
                let phase = buckets.origin.as_nanos().rem_euclid(width);
                vec![Value::Integer(phase), Value::Integer(width)]
            }
            Self::All | Self::Rows { .. } => Vec::new(),
        }
    }
}

fn read_count(row: &Row<'_>) -> rusqlite::Result<Count> {
    Ok(Count {
        key: Vec::new(),
        events: row.get("events")?,
        bytes: row.get("bytes")?,
        first: Timestamp::from_nanos(row.get("first_ns")?),
        last: Timestamp::from_nanos(row.get("last_ns")?),
    })
}

/// Every combination of the keys' values.
pub(super) fn combinations<C: Searched>(
    keys: &[Operand],
    facts: &Facts<'_>,
    content: &C,
) -> Result<Vec<Key>, C::Error> {
    let mut combined = vec![Key::new()];
    for key in keys {
        let mut values = Vec::new();
        key.for_each_shown(facts, content, |value| {
            if values.len() < MAX_VALUES {
                let bytes = value.to_bytes();
                let kept = bytes.get(..MAX_KEY_BYTES).unwrap_or(&bytes);
                values.push(Some(kept.to_vec()));
            }
        })?;
        values.dedup();
        if values.is_empty() {
            values.push(None);
        }
        combined = combined
            .iter()
            .flat_map(|before| {
                values.iter().map(move |value| {
                    let mut key = before.clone();
                    key.push(value.clone());
                    key
                })
            })
            .collect();
    }
    Ok(combined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_begin_where_they_should() {
        let buckets = Buckets {
            origin: Timestamp::from_nanos(3),
            width_ns: 10,
        };
        for (time, start) in [(3, 3), (12, 3), (13, 13), (2, -7), (-7, -7), (-8, -17)] {
            assert_eq!(
                buckets.start_of(Timestamp::from_nanos(time)),
                Timestamp::from_nanos(start),
                "{time}"
            );
        }
    }
}
