//! From exchanges to rows.

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::encode;
use super::heads::HeadWriter;
use super::index::begin;
use super::open::{OpenExchanges, Renumbered, Stored, place, time_of};
use super::removal;
use super::shared::{ExchangeFacts, Shared, path};
use super::texts::{BodyStart, Hidden, NO_TEXT, TextWriter};
use crate::event::Timestamp;
use crate::http::conversation::Collected;
use crate::http::exchange::{Message, Side};
use crate::store::error::{At, Error};
use crate::store::reader::Reader;
use crate::store::vault::{Column, Place, Vault};

/// The parts of an exchange in `exchange_parts`.
pub(super) const BODY: u8 = 0;
pub(super) const TUNNEL: u8 = 2;
/// Trailers as earlier versions wrote them, in the clear.
pub(super) const PLAIN_TRAILERS: u8 = 4;
pub(super) const TRAILERS: u8 = 6;
/// How many there are.
pub(super) const PARTS: usize = 8;

/// The number of a part of a half.
pub(super) fn part(of: u8, side: Side) -> u8 {
    of + super::heads::part(side)
}

/// Where the trailers of a half stand, put together from their rows.
pub(super) fn place_of_trailers(exchange: i64, side: Side) -> Place {
    Place::part(
        Column::Trailers,
        exchange,
        usize::from(part(TRAILERS, side)),
    )
}

/// A statement that writes the row of an exchange.
macro_rules! row {
    ($verb:literal) => {
        concat!(
            $verb,
            " INTO exchanges (
                id, time_ns, connection_id, number, stream_id, facts_id, path_id, http2_stream, elapsed_ns,
                request_first_id, request_first_after_ns, request_last_id, request_last_after_ns,
                request_body_bytes, request_tunnel_bytes, request_ending, request_defects, request_head_block,
                response_first_id, response_first_after_ns, response_last_id, response_last_after_ns,
                response_body_bytes, response_tunnel_bytes, response_ending, response_defects, response_head_block,
                text_id
             ) VALUES (
                ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28
             )"
        )
    };
}

/// Writes exchanges. Knows nothing of transactions, but that what is said of one is stored in it.
pub(super) struct ExchangeWriter {
    shared: Shared,
    heads: HeadWriter,
    texts: TextWriter,
    next: i64,
    /// How many sweeps there had been when the rows were read that are remembered.
    sweeps: i64,
    /// Whether events were removed, and exchanges with them.
    has_removed_events: bool,
    vault: Vault,
}

impl ExchangeWriter {
    pub(super) fn new(db: &Connection, vault: &Vault) -> Result<Self> {
        Ok(Self {
            shared: Shared::new(db)?,
            heads: HeadWriter::new(db, vault.clone())?,
            texts: TextWriter::new(db, vault.clone())?,
            next: db
                .query_row("SELECT COALESCE(MAX(id), 0) FROM exchanges", [], |row| {
                    row.get::<_, i64>(0)
                })?
                .max(removal::newest_removed(db)?)
                .saturating_add(1),
            sweeps: removal::progress(db, removal::SWEEPS)?,
            has_removed_events: false,
            vault: vault.clone(),
        })
    }

    /// Gives an exchange its id.
    pub(super) fn give_id(
        &mut self,
        db: &Connection,
        connection: i64,
        number: u64,
        open: &mut OpenExchanges,
    ) -> Result<()> {
        let is_replayed = open.is_replayed;
        // Of a connection that lost its beginning, the first event tells which exchange it is.
        match (open.stored.get_mut(&number), &open.renumbered) {
            (Some(stored), None) if stored.id.is_none() => {
                self.find_or_give_id(db, (connection, number), is_replayed, stored)
            }
            _ => Ok(()),
        }
    }

    /// Stores what changed of a connection's exchanges, all of which have an id, and forgets those that are over; tells
    /// those whose text has to be read back.
    pub(super) fn write(
        &mut self,
        db: &Connection,
        connection: i64,
        open: &mut OpenExchanges,
        unread: &mut Vec<i64>,
    ) -> Result<()> {
        let OpenExchanges {
            assembler,
            stored,
            bytes,
            is_replayed,
            renumbered,
        } = open;
        assembler.drain(&mut |exchange| {
            let Some(stored) = stored.get_mut(&exchange.number) else {
                return Ok(());
            };
            stored.is_gone =
                stored.is_gone || self.has_removed_events && is_gone(db, firsts(exchange), stored)?;
            if let (false, None, Some(renumbered)) = (stored.is_gone, stored.id, &mut *renumbered) {
                renumber(db, connection, exchange, (stored, renumbered))?;
            }
            if stored.is_gone {
                return Ok(());
            }
            self.write_one(db, connection, *is_replayed, exchange, stored)
        })?;
        *bytes = 0;
        stored.retain(|number, stored| {
            let is_held = assembler.holds(*number);
            if let (false, None, Some(id), false) =
                (is_held, stored.text, stored.id, stored.is_gone)
            {
                unread.push(id);
            }
            is_held
        });
        Ok(())
    }

    /// Stores what was only noted so far: the last of a transaction.
    pub(super) fn store(&mut self, db: &Connection) -> Result<()> {
        self.heads.store(db)?;
        self.texts.store(db)
    }

    /// Reads the texts of these exchanges back.
    pub(super) fn take_texts(
        &mut self,
        db: &Connection,
        reader: &Reader,
        unread: &mut Vec<i64>,
    ) -> std::result::Result<(), Error> {
        self.texts.take(db, reader, unread)
    }

    /// Compresses what waits for that, and makes the filters of all texts: nothing more is coming.
    pub(super) fn finish(
        mut self,
        db: &Connection,
        reader: &Reader,
    ) -> std::result::Result<(), Error> {
        let transaction = begin(db, reader)?;
        self.heads
            .close(&transaction)
            .and_then(|()| transaction.commit())
            .at(&reader.path)?;
        self.texts.finish(db, reader)
    }

    fn write_one(
        &mut self,
        db: &Connection,
        connection: i64,
        is_replayed: bool,
        exchange: &Collected,
        stored: &mut Stored,
    ) -> Result<()> {
        if stored.id.is_none() {
            let number = stored.number.unwrap_or(exchange.number);
            self.find_or_give_id(db, (connection, number), is_replayed, stored)?;
        }
        let Some(id) = stored.id else { return Ok(()) };
        for side in Side::BOTH {
            let half = match side {
                Side::Request => exchange.request(),
                Side::Response => exchange.response(),
            };
            let Some(message) = half else { continue };
            if let Some(pieces) = stored.pieces.get_mut(place(side)) {
                *pieces += message.body.len();
            }
            if let (Some(head), Some(known)) = (&message.head, stored.heads.get_mut(place(side)))
                && known.is_none_or(|(_, status, interim)| {
                    (status, interim) != (head.status, message.interim.len())
                })
            {
                let block = self.heads.add(db, id, side, head, &message.interim)?;
                *known = Some((block, head.status, message.interim.len()));
            }
            for (of, rows, is_once) in [
                (BODY, encode::spans(&message.body), false),
                (TUNNEL, encode::spans(&message.tunnel), false),
                (TRAILERS, self.trailers(id, side, message)?, true),
            ] {
                let part = part(of, side);
                let Some(number) = stored.rows.get_mut(usize::from(part)) else {
                    continue;
                };
                if is_once && *number > 0 {
                    continue;
                }
                for data in rows {
                    insert_part(db, id, part, *number, &data)?;
                    *number += 1;
                }
            }
        }
        let body = |side| BodyStart {
            pieces: stored.pieces.get(place(side)).copied().unwrap_or(0),
            start: stored
                .starts
                .get(place(side))
                .copied()
                .flatten()
                .unwrap_or_default(),
        };
        let of = |message, side| (message, body(side));
        let hidden = Hidden::of([
            exchange.request().map(|message| of(message, Side::Request)),
            exchange
                .response()
                .map(|message| of(message, Side::Response)),
        ]);
        stored.text = match (hidden, stored.text) {
            (Hidden::Nothing, _) => Some(NO_TEXT),
            (Hidden::Heads(_), Some(known)) if known != NO_TEXT => Some(known),
            (Hidden::Heads(text), _) => Some(self.texts.add(text)),
            (Hidden::Unread, _) => None,
        };
        self.write_row(db, id, connection, exchange, stored)?;
        stored.has_row = true;
        Ok(())
    }

    /// The trailers of a half, in rows.
    fn trailers(&self, id: i64, side: Side, message: &Message) -> Result<Vec<Vec<u8>>> {
        if message.trailers.is_empty() {
            return Ok(Vec::new());
        }
        let fields = encode::fields(&message.trailers);
        let fields = self.vault.encrypt(place_of_trailers(id, side), &fields)?;
        Ok(fields
            .chunks(encode::ROW_BYTES)
            .map(<[u8]>::to_vec)
            .collect())
    }

    /// Forgets what it knows of shared rows if some were swept since, and sees whether exchanges may be gone: the first of a
    /// transaction.
    pub(super) fn keep_up(&mut self, db: &Connection) -> Result<()> {
        let sweeps = removal::progress(db, removal::SWEEPS)?;
        if sweeps != self.sweeps {
            self.shared.forget();
            self.sweeps = sweeps;
        }
        self.has_removed_events = removal::has_removed_events(db)?;
        Ok(())
    }

    /// Gives the exchange its id: the one that it had before, where its connection is read again.
    fn find_or_give_id(
        &mut self,
        db: &Connection,
        (connection, number): (i64, u64),
        is_replayed: bool,
        stored: &mut Stored,
    ) -> Result<()> {
        let known: Option<i64> = if is_replayed {
            db.prepare_cached("SELECT id FROM exchanges WHERE connection_id = ?1 AND number = ?2")?
                .query_row(params![connection, number], |row| row.get("id"))
                .optional()?
        } else {
            None
        };
        if let Some(id) = known {
            db.prepare_cached("DELETE FROM exchange_parts WHERE exchange_id = ?1")?
                .execute([id])?;
            stored.id = Some(id);
            stored.has_row = true;
        } else {
            stored.id = Some(self.next);
            // Where all are used up, SQLite refuses the next.
            self.next = self.next.saturating_add(1);
        }
        Ok(())
    }

    fn write_row(
        &mut self,
        db: &Connection,
        id: i64,
        connection: i64,
        exchange: &Collected,
        stored: &Stored,
    ) -> Result<()> {
        let (request, response) = (exchange.request(), exchange.response());
        let time = time_of(exchange);
        let facts = self
            .shared
            .facts(db, ExchangeFacts::of(request, response))?;
        let path = path(request)
            .map(|path| self.vault.indexed_path(&path).to_owned())
            .map(|path| self.shared.path(db, path))
            .transpose()?;
        let elapsed = request
            .zip(response)
            .and_then(|(request, response)| crate::http::exchange::elapsed_ns(request, response));
        let mut insert = db.prepare_cached(if stored.has_row {
            row!("INSERT OR REPLACE")
        } else {
            row!("INSERT")
        })?;
        let before = params![
            id,
            time.as_nanos(),
            connection,
            stored.number.unwrap_or(exchange.number),
            stored.stream,
            facts,
            path,
            exchange.http2_stream,
            elapsed
        ];
        for (place, value) in (1..).zip(before) {
            insert.raw_bind_parameter(place, value)?;
        }
        let [request_head, response_head] = stored.heads;
        for (first, message, head) in [(10, request, request_head), (19, response, response_head)] {
            let Some(message) = message else { continue };
            let after = |at: Timestamp| at.nanos_since(time);
            let values = params![
                message.first.0.number(),
                after(message.first.1),
                message.last.0.number(),
                after(message.last.1),
                message.body_bytes,
                message.tunnel_bytes,
                message.ending.code(),
                message.defects.bits(),
                head.map(|(block, ..)| block)
            ];
            for (place, value) in (first..).zip(values) {
                insert.raw_bind_parameter(place, value)?;
            }
        }
        insert.raw_bind_parameter(28, stored.text)?;
        insert.raw_execute()?;
        Ok(())
    }
}

/// Finds the number of an exchange of a connection of which the conversation does not know the beginning. What is
/// left of an exchange that was pruned is gone.
fn renumber(
    db: &Connection,
    connection: i64,
    exchange: &Collected,
    (stored, renumbered): (&mut Stored, &mut Renumbered),
) -> Result<()> {
    let counted = i64::try_from(exchange.number).unwrap_or(i64::MAX);
    if renumbered.shift.is_none() {
        let [request, response] = firsts(exchange);
        let known: Option<i64> = db
            .prepare_cached(
                "SELECT number FROM exchanges
                 WHERE connection_id = ?1 AND (request_first_id = ?2 OR response_first_id = ?3)
                 ORDER BY number LIMIT 1",
            )?
            .query_row(params![connection, request, response], |row| {
                row.get("number")
            })
            .optional()?;
        let (newest, last): (Option<i64>, Option<i64>) = db
            .prepare_cached(
                "SELECT MAX(number) AS number,
                    MAX(MAX(COALESCE(request_first_id, 0), COALESCE(response_first_id, 0))) AS last_id
                 FROM exchanges WHERE connection_id = ?1",
            )?
            .query_row([connection], |row| Ok((row.get("number")?, row.get("last_id")?)))?;
        let is_new = request.max(response) > last;
        renumbered.shift = match (known, newest) {
            (Some(known), _) => Some(known.saturating_sub(counted)),
            (None, Some(newest)) if is_new => {
                Some(newest.saturating_add(1).saturating_sub(counted))
            }
            (None, None) => Some(0),
            (None, Some(_)) => None,
        };
    }
    match renumbered.shift {
        Some(shift) => {
            stored.number = u64::try_from(counted.saturating_add(shift)).ok();
        }
        None => stored.is_gone = true,
    }
    Ok(())
}

/// The first events of its halves.
fn firsts(exchange: &Collected) -> [Option<i64>; 2] {
    [exchange.request(), exchange.response()]
        .map(|half| half.map(|message| message.first.0.number()))
}

/// Whether an exchange was pruned: its row, or the first event of one of its halves, is not there any more. A row that is left
/// of it goes, too.
fn is_gone(db: &Connection, firsts: [Option<i64>; 2], stored: &Stored) -> Result<bool> {
    if stored.has_row {
        let is_gone = db
            .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM exchanges WHERE id = ?1)")?
            .query_row([stored.id], |row| row.get(0))?;
        if is_gone {
            return Ok(true);
        }
    }
    let mut statement =
        db.prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM events WHERE id = ?1)")?;
    for first in firsts.into_iter().flatten() {
        if statement.query_row([first], |row| row.get(0))? {
            let row: Vec<_> = stored.id.filter(|_| stored.has_row).into_iter().collect();
            removal::remove(db, &row)?;
            return Ok(true);
        }
    }
    Ok(false)
}

fn insert_part(db: &Connection, id: i64, part: u8, number: u32, data: &[u8]) -> Result<()> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO exchange_parts (exchange_id, part, number, data) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![id, part, number, data])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the events 100 and 200, and the exchange 1.
    fn capture() -> Connection {
        let mut db = Connection::open_in_memory().unwrap();
        crate::store::migrate::climb(&mut db, std::path::Path::new("test")).unwrap();
        db.execute_batch(
            "PRAGMA foreign_keys = OFF;
             INSERT INTO events (id, time_ns, received_after_ns, stream_id, shape_id, payload_bytes)
                VALUES (100, 0, 0, 1, 1, 1), (200, 0, 0, 1, 1, 1);
             INSERT INTO exchanges (id, time_ns, connection_id, number, stream_id, facts_id) VALUES (1, 0, 1, 1, 1, 1)",
        )
        .unwrap();
        db
    }

    #[track_caller]
    fn check(id: Option<i64>, has_row: bool, firsts: [Option<i64>; 2], expected: (bool, i64)) {
        let db = capture();
        let stored = Stored {
            id,
            has_row,
            ..Stored::new(1)
        };
        let is_gone = is_gone(&db, firsts, &stored).unwrap();
        let rows = db
            .query_row("SELECT COUNT(*) FROM exchanges", [], |row| row.get(0))
            .unwrap();
        assert_eq!((is_gone, rows), expected, "{id:?} {has_row} {firsts:?}");
    }

    /// Events can be pruned after they were read and before what they say is stored.
    #[test]
    fn what_was_pruned_meanwhile_is_not_stored() {
        check(None, false, [Some(100), Some(200)], (false, 1));
        check(None, false, [Some(100), None], (false, 1));
        check(None, false, [Some(99), None], (true, 1));
        check(None, false, [None, Some(99)], (true, 1));
        // It has an id and no row yet.
        check(Some(2), false, [Some(99), None], (true, 1));
        check(Some(1), true, [Some(100), Some(200)], (false, 1));
        // Its row was pruned.
        check(Some(2), true, [Some(100), None], (true, 1));
        // Its row was stored before the half was read whose first event is gone by now.
        check(Some(1), true, [Some(100), Some(99)], (true, 0));
    }
}
