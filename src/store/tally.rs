//! Counts by key, however many keys there are: in a private database ([`super::scratch`]).

use rusqlite::{Connection, params};

use super::error::{At, Error};
use super::scratch::{self, place};
use crate::event::Timestamp;

/// How many changes are made before they are written out.
const CHANGES: u32 = 50_000;

/// The values of a key, in order; an absent one is `None`.
pub type Key = Vec<Option<Vec<u8>>>;

/// Counts by key.
pub struct Tally {
    db: Connection,
    changes: u32,
}

/// What was counted for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The key.
    pub key: Key,
    /// How many events.
    pub events: u64,
    /// The bytes of their payloads.
    pub bytes: u64,
    /// The earliest of them.
    pub first: Timestamp,
    /// The latest of them.
    pub last: Timestamp,
}

/// How counts are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountOrder {
    /// The most events first, then by key.
    MostEvents,
    /// By key.
    Key,
    /// The earliest first, then by key.
    First,
}

impl Tally {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// When there is no room for a temporary file.
    pub fn new() -> Result<Self, Error> {
        let db = scratch::open(
            "CREATE TABLE counts (
                key BLOB PRIMARY KEY,
                events INTEGER NOT NULL,
                bytes INTEGER NOT NULL,
                first_ns INTEGER NOT NULL,
                last_ns INTEGER NOT NULL
             ) STRICT, WITHOUT ROWID",
        )?;
        Ok(Self { db, changes: 0 })
    }

    /// Adds to what was counted for a key.
    ///
    /// # Errors
    /// When there is no room in the temporary file.
    pub fn add(&mut self, count: &Count) -> Result<(), Error> {
        self.db
            .prepare_cached(
                "INSERT INTO counts (key, events, bytes, first_ns, last_ns) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (key) DO UPDATE SET
                    events = events + excluded.events, bytes = bytes + excluded.bytes,
                    first_ns = MIN(first_ns, excluded.first_ns), last_ns = MAX(last_ns, excluded.last_ns)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    encode(&count.key),
                    count.events,
                    count.bytes,
                    count.first.as_nanos(),
                    count.last.as_nanos()
                ])
            })
            .at(&place())?;
        self.changes += 1;
        if self.changes >= CHANGES {
            self.changes = 0;
            self.db.execute_batch("COMMIT; BEGIN").at(&place())?;
        }
        Ok(())
    }

    /// How many keys there are.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub fn keys(&self) -> Result<u64, Error> {
        self.db
            .query_row("SELECT COUNT(*) FROM counts", [], |row| row.get(0))
            .at(&place())
    }

    /// Gives the counts to `each` in this order, at most `limit` of them, of those whose first event is not before
    /// `since`.
    ///
    /// # Errors
    /// When the temporary file cannot be read, and what `each` says.
    pub fn for_each<E: From<Error>>(
        &self,
        order: CountOrder,
        since: Option<Timestamp>,
        limit: Option<u64>,
        mut each: impl FnMut(&Count) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = match order {
            CountOrder::MostEvents => {
                "SELECT key, events, bytes, first_ns, last_ns FROM counts
                 WHERE first_ns >= ?1 ORDER BY events DESC, key LIMIT ?2"
            }
            CountOrder::Key => {
                "SELECT key, events, bytes, first_ns, last_ns FROM counts
                 WHERE first_ns >= ?1 ORDER BY key LIMIT ?2"
            }
            CountOrder::First => {
                "SELECT key, events, bytes, first_ns, last_ns FROM counts
                 WHERE first_ns >= ?1 ORDER BY first_ns, key LIMIT ?2"
            }
        };
        let since = since.map_or(i64::MIN, Timestamp::as_nanos);
        let limit = limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let mut statement = self.db.prepare(sql).at(&place())?;
        let mut rows = statement.query(params![since, limit]).at(&place())?;
        while let Some(row) = rows.next().at(&place())? {
            each(&read(row).at(&place())?)?;
        }
        Ok(())
    }
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Count> {
    Ok(Count {
        key: decode(row.get_ref("key")?.as_blob()?),
        events: row.get("events")?,
        bytes: row.get("bytes")?,
        first: Timestamp::from_nanos(row.get("first_ns")?),
        last: Timestamp::from_nanos(row.get("last_ns")?),
    })
}

/// The values one after another, so that keys are ordered as their values are: each byte string ends with two zero bytes,
/// and a zero in it is followed by 0xff. An absent value is a single zero byte and comes first.
fn encode(key: &Key) -> Vec<u8> {
    let mut out = Vec::new();
    for value in key {
        match value {
            None => out.push(0),
            Some(bytes) => {
                out.push(1);
                for byte in bytes {
                    out.push(*byte);
                    if *byte == 0 {
                        out.push(0xff);
                    }
                }
                out.extend_from_slice(&[0, 0]);
            }
        }
    }
    out
}

fn decode(bytes: &[u8]) -> Key {
    let mut key = Key::new();
    let mut bytes = bytes.iter();
    while let Some(mark) = bytes.next() {
        if *mark == 0 {
            key.push(None);
            continue;
        }
        let mut value = Vec::new();
        while let Some(byte) = bytes.next() {
            if *byte == 0 && bytes.next() == Some(&0) {
                break;
            }
            value.push(*byte);
        }
        key.push(Some(value));
    }
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(key: &[&str], events: u64, time: i64) -> Count {
        Count {
            key: key
                .iter()
                .map(|value| Some(value.as_bytes().to_vec()))
                .collect(),
            events,
            bytes: events * 10,
            first: Timestamp::from_seconds(time),
            last: Timestamp::from_seconds(time),
        }
    }

    fn all(
        tally: &Tally,
        order: CountOrder,
        since: Option<Timestamp>,
        limit: Option<u64>,
    ) -> Vec<String> {
        let mut found = Vec::new();
        tally
            .for_each::<Error>(order, since, limit, |count| {
                let values = count
                    .key
                    .iter()
                    .map(|value| value.as_deref().map_or("-".into(), String::from_utf8_lossy));
                found.push(format!(
                    "{} {}",
                    values.collect::<Vec<_>>().join(","),
                    count.events
                ));
                Ok(())
            })
            .unwrap();
        found
    }

    #[test]
    fn counts_are_added_up_and_ordered() {
        let mut tally = Tally::new().unwrap();
        for each in [
            count(&["b"], 1, 5),
            count(&["a"], 2, 9),
            count(&["b"], 3, 2),
            count(&["c"], 2, 3),
        ] {
            tally.add(&each).unwrap();
        }
        assert_eq!(tally.keys().unwrap(), 3);
        assert_eq!(
            all(&tally, CountOrder::MostEvents, None, None),
            ["b 4", "a 2", "c 2"]
        );
        assert_eq!(all(&tally, CountOrder::Key, None, Some(2)), ["a 2", "b 4"]);
        let since = Some(Timestamp::from_seconds(3));
        assert_eq!(all(&tally, CountOrder::First, since, None), ["c 2", "a 2"]);
    }

    proptest! {
        #[test]
        fn keys_round_trip_in_order(
            left in proptest::collection::vec(proptest::option::of(proptest::collection::vec(0_u8..3, 0..5)), 2),
            right in proptest::collection::vec(proptest::option::of(proptest::collection::vec(0_u8..3, 0..5)), 2),
        ) {
            prop_assert_eq!(&decode(&encode(&left)), &left);
            prop_assert_eq!(encode(&left).cmp(&encode(&right)), left.cmp(&right));
        }
    }
}
