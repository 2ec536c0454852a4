//! Events in an order of their own, however many there are: sorted by SQLite in a temporary file, as [`super::Tally`] is
//! kept.

use std::net::IpAddr;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params};

use super::error::{At, Error};
use super::scratch::{self, place};
use crate::event::{EventId, Timestamp};
use crate::filter::Value;

/// How many bytes of a text decide the order.
const MAX_KEY_BYTES: usize = 4096;

/// Events of several captures, to be sorted by a value.
pub struct Sorted {
    db: Connection,
}

impl Sorted {
    /// Nothing yet.
    ///
    /// # Errors
    /// When there is no room for a temporary file.
    pub fn new() -> Result<Self, Error> {
        let db = scratch::open(
            "CREATE TABLE events (key ANY, time_ns INTEGER NOT NULL, capture INTEGER NOT NULL, id INTEGER NOT NULL) STRICT",
        )?;
        Ok(Self { db })
    }

    /// Takes in an event of a capture, with the value that it is sorted by.
    ///
    /// # Errors
    /// When there is no room in the temporary file.
    pub fn add(
        &mut self,
        key: Option<&Value<'_>>,
        time: Timestamp,
        capture: usize,
        id: EventId,
    ) -> Result<(), Error> {
        self.db
            .prepare_cached(
                "INSERT INTO events (key, time_ns, capture, id) VALUES (?1, ?2, ?3, ?4)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    key.map(to_sql),
                    time.as_nanos(),
                    capture,
                    id.number()
                ])
            })
            .at(&place())?;
        Ok(())
    }

    /// Gives captures and ids to `each`, by value and then by time, at most `limit` of them. Events without a value come
    /// last either way.
    ///
    /// # Errors
    /// When the temporary file cannot be read, and what `each` says.
    pub fn for_each<E: From<Error>>(
        &self,
        is_descending: bool,
        limit: Option<u64>,
        mut each: impl FnMut(usize, EventId) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = if is_descending {
            "SELECT capture, id FROM events ORDER BY key IS NULL, key DESC, time_ns, capture, id LIMIT ?1"
        } else {
            "SELECT capture, id FROM events ORDER BY key IS NULL, key, time_ns, capture, id LIMIT ?1"
        };
        let limit = limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let mut statement = self.db.prepare(sql).at(&place())?;
        let mut rows = statement.query([limit]).at(&place())?;
        while let Some(row) = rows.next().at(&place())? {
            let capture = row.get("capture").at(&place())?;
            each(capture, EventId::new(row.get("id").at(&place())?))?;
        }
        Ok(())
    }
}

/// Values of one field are all of one sort, and in this form ordered as they are.
fn to_sql(value: &Value<'_>) -> Sql {
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    match value {
        Value::Int(number) => Sql::Integer(*number),
        Value::Time(time) => Sql::Integer(time.as_nanos()),
        Value::Bool(is_so) => Sql::Integer(i64::from(*is_so)),
        Value::Bytes(bytes) => Sql::Blob(bytes.get(..MAX_KEY_BYTES).unwrap_or(bytes).to_vec()),
        Value::Ip(ip) => Sql::Blob(octets(*ip)),
        Value::Endpoint(end) => {
            let mut bytes = octets(end.ip());
            bytes.extend_from_slice(&end.port().to_be_bytes());
            Sql::Blob(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn by_value_then_by_time() {
        let mut sorted = Sorted::new().unwrap();
        let bytes = |text: &'static str| Some(Value::Bytes(Cow::Borrowed(text.as_bytes())));
        for (id, key, time) in [
            (1, bytes("b"), 3),
            (2, None, 1),
            (3, bytes("a"), 2),
            (4, bytes("b"), 1),
        ] {
            sorted
                .add(
                    key.as_ref(),
                    Timestamp::from_seconds(time),
                    0,
                    EventId::new(id),
                )
                .unwrap();
        }
        let order = |is_descending, limit| {
            let mut ids = Vec::new();
            sorted
                .for_each::<Error>(is_descending, limit, |_, id| {
                    ids.push(id.number());
                    Ok(())
                })
                .unwrap();
            ids
        };
        assert_eq!(order(false, None), [3, 4, 1, 2]);
        assert_eq!(order(true, None), [4, 1, 3, 2]);
        assert_eq!(order(true, Some(1)), [4]);
    }
}
