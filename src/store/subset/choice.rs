//! Which events a subset has: their ids, however many there are.

use rusqlite::{Connection, OptionalExtension, params};

use super::Wanted;
use crate::event::Timestamp;
use crate::filter::Expr;
use crate::http::exchange::{Exchange, Side};
use crate::store::error::{At, Error};
use crate::store::exchanges::ConnectionEvents;
use crate::store::reader::Reader;
use crate::store::scratch::{self, place};
use crate::store::spans::Order;

/// How many ids are given at once.
const GIVEN: usize = 64;

/// The ids that were chosen, in a temporary file.
pub(super) struct Chosen {
    db: Connection,
    /// Whether they are all events.
    pub(super) is_everything: bool,
    /// The newest event that was looked at.
    pub(super) upper: i64,
    /// How many events there are up to it.
    pub(super) of_events: u64,
    /// The size of the payloads of those that were chosen.
    pub(super) payload_bytes: u64,
}

impl Chosen {
    /// Finds the events that are wanted. Ends early, with some of them, when it is stopped.
    pub(super) fn find(reader: &Reader, wanted: Wanted<'_>) -> Result<Self, Error> {
        let db = scratch::open(
            "CREATE TABLE chosen (id INTEGER PRIMARY KEY, is_cut INTEGER NOT NULL) STRICT;
             CREATE TABLE connections (id INTEGER PRIMARY KEY, last_id INTEGER NOT NULL, last_ns INTEGER NOT NULL) STRICT",
        )?;
        let mut chosen = Self {
            db,
            is_everything: matches!(wanted, Wanted::Events(None)),
            upper: 0,
            of_events: 0,
            payload_bytes: 0,
        };
        match wanted {
            Wanted::Events(filter) => chosen.find_events(reader, filter)?,
            Wanted::Exchanges(filter) => chosen.find_exchanges(reader, filter)?,
        }
        chosen.of_events = reader
            .db
            .query_row(
                "SELECT COUNT(*) FROM events WHERE id <= ?1",
                [chosen.upper],
                |row| row.get(0),
            )
            .at(&reader.path)?;
        Ok(chosen)
    }

    fn find_events(&mut self, reader: &Reader, filter: Option<&Expr>) -> Result<(), Error> {
        let mut rows = reader.events(filter, Order::OldestFirst, None)?;
        self.upper = rows.upper().number();
        while let Some((_, id)) = rows.next_id()? {
            let id = id.number();
            let payload_bytes: Option<u64> = reader
                .db
                .prepare_cached("SELECT payload_bytes FROM events WHERE id = ?1")
                .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
                .at(&reader.path)?;
            if let Some(payload_bytes) = payload_bytes {
                self.add((id, false), payload_bytes)?;
            }
        }
        Ok(())
    }

    fn find_exchanges(&mut self, reader: &Reader, filter: Option<&Expr>) -> Result<(), Error> {
        self.upper = reader.newest_id()?;
        let mut exchanges = reader.exchanges(filter, Order::OldestFirst, None)?;
        while let Some(summary) = exchanges.next_exchange()? {
            self.add_exchange(&summary.exchange)?;
        }
        let mut after = i64::MIN;
        while let Some(connection) = self.next_connection(after)?
            && !reader.watch().is_stopped()
        {
            after = connection.id;
            self.add_connection(reader, &connection)?;
        }
        Ok(())
    }

    /// Notes how far an exchange's connection is wanted.
    fn add_exchange(&mut self, exchange: &Exchange) -> Result<(), Error> {
        let Some(connection) = exchange.connection else {
            return Ok(());
        };
        for message in Side::BOTH.iter().filter_map(|side| exchange.half(*side)) {
            for (event, time) in [message.first, message.last] {
                self.db
                    .prepare_cached(
                        "INSERT INTO connections (id, last_id, last_ns) VALUES (?1, ?2, ?3)
                         ON CONFLICT (id) DO UPDATE SET
                            last_id = MAX(last_id, excluded.last_id), last_ns = MAX(last_ns, excluded.last_ns)",
                    )
                    .and_then(|mut statement| {
                        statement.execute(params![
                            connection.number(),
                            event.number(),
                            Timestamp::as_nanos(time)
                        ])
                    })
                    .at(&place())?;
            }
        }
        Ok(())
    }

    fn next_connection(&self, after: i64) -> Result<Option<WantedConnection>, Error> {
        self.db
            .prepare_cached(
                "SELECT id, last_id, last_ns FROM connections WHERE id > ?1 ORDER BY id LIMIT 1",
            )
            .and_then(|mut statement| {
                statement
                    .query_row([after], |row| {
                        Ok(WantedConnection {
                            id: row.get("id")?,
                            last_id: row.get("last_id")?,
                            last_ns: row.get("last_ns")?,
                        })
                    })
                    .optional()
            })
            .at(&place())
    }

    /// Adds the events of a connection that can have been read before its last exchange was over: they are read in the
    /// order of their times, which is not quite that of their ids.
    fn add_connection(
        &mut self,
        reader: &Reader,
        connection: &WantedConnection,
    ) -> Result<(), Error> {
        let path = &reader.path;
        let mut events = ConnectionEvents::new(&reader.db, connection.id, self.upper).at(path)?;
        let mut is_cut = false;
        while let Some(id) = events.next(&reader.db).at(path)? {
            // A listed event may have moved to another connection since.
            let found: Option<(i64, u64)> = reader
                .db
                .prepare_cached(
                    "SELECT e.time_ns, e.payload_bytes FROM events AS e JOIN streams AS s ON s.id = e.stream_id
                     WHERE e.id = ?1 AND s.connection_id = ?2",
                )
                .and_then(|mut statement| {
                    statement
                        .query_row([id, connection.id], |row| {
                            Ok((row.get("time_ns")?, row.get("payload_bytes")?))
                        })
                        .optional()
                })
                .at(path)?;
            let Some((time, payload_bytes)) = found else {
                continue;
            };
            if id <= connection.last_id || time <= connection.last_ns {
                self.add((id, is_cut), payload_bytes)?;
                is_cut = false;
            } else {
                is_cut = true;
            }
        }
        Ok(())
    }

    fn add(&mut self, (id, is_cut): (i64, bool), payload_bytes: u64) -> Result<(), Error> {
        let added = self
            .db
            .prepare_cached("INSERT OR IGNORE INTO chosen (id, is_cut) VALUES (?1, ?2)")
            .and_then(|mut statement| statement.execute(params![id, is_cut]))
            .at(&place())?;
        if added > 0 {
            self.payload_bytes = self.payload_bytes.saturating_add(payload_bytes);
        }
        Ok(())
    }

    /// The next ids behind this one, in order, each with whether an event of its connection before it was looked at and not
    /// chosen.
    pub(super) fn after(&self, id: i64) -> Result<Vec<(i64, bool)>, Error> {
        self.db
            .prepare_cached("SELECT id, is_cut FROM chosen WHERE id > ?1 ORDER BY id LIMIT ?2")
            .and_then(|mut statement| {
                statement
                    .query_map(params![id, GIVEN], |row| {
                        Ok((row.get("id")?, row.get("is_cut")?))
                    })?
                    .collect()
            })
            .at(&place())
    }

    /// Whether an event was chosen.
    pub(super) fn has(&self, id: i64) -> Result<bool, Error> {
        self.db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM chosen WHERE id = ?1)")
            .and_then(|mut statement| statement.query_row([id], |row| row.get(0)))
            .at(&place())
    }
}

/// A connection with chosen exchanges, and the last event and the latest time of them.
struct WantedConnection {
    id: i64,
    last_id: i64,
    last_ns: i64,
}
