//! From exchanges to rows.

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::encode;
use super::heads::HeadWriter;
use super::open::{Open, OpenExchanges, place};
use super::shared::{ExchangeFacts, Shared, path};
use crate::event::Timestamp;
use crate::http::exchange::Side;

/// The parts of an exchange in `exchange_parts`.
pub(super) const BODY: u8 = 0;
pub(super) const TUNNEL: u8 = 2;
pub(super) const TRAILERS: u8 = 4;

/// The number of a part of a half.
pub(super) fn part(of: u8, side: Side) -> u8 {
    of + super::heads::part(side)
}

/// Writes exchanges. Knows nothing of transactions.
pub(super) struct ExchangeWriter {
    shared: Shared,
    heads: HeadWriter,
    next: i64,
}

/// An exchange that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) id: i64,
}

impl ExchangeWriter {
    pub(super) fn new(db: &Connection) -> Result<Self> {
        Ok(Self {
            shared: Shared::new(db)?,
            heads: HeadWriter::new(db)?,
            next: db.query_row(
                "SELECT COALESCE(MAX(id), 0) + 1 FROM exchanges",
                [],
                |row| row.get(0),
            )?,
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
        match open.by_number.get_mut(&number) {
            Some(open) => self.id_of(db, connection, number, open).map(drop),
            None => Ok(()),
        }
    }

    /// Stores what changed of a connection's exchanges, and forgets those that are over, which it tells.
    pub(super) fn write(
        &mut self,
        db: &Connection,
        connection: i64,
        open: &mut OpenExchanges,
        finished: &mut Vec<Finished>,
    ) -> Result<()> {
        for (number, exchange) in &mut open.by_number {
            if exchange.is_changed {
                self.write_one(db, connection, *number, exchange)?;
                exchange.is_changed = false;
            }
        }
        open.bytes = 0;
        open.by_number.retain(|_, exchange| {
            let is_over = exchange.is_over();
            if let (true, Some(id)) = (is_over, exchange.id) {
                finished.push(Finished { id });
            }
            !is_over
        });
        Ok(())
    }

    /// Compresses what waits for that: nothing more is coming.
    pub(super) fn finish(&mut self, db: &Connection) -> Result<()> {
        self.heads.close(db)
    }

    fn write_one(
        &mut self,
        db: &Connection,
        connection: i64,
        number: u64,
        open: &mut Open,
    ) -> Result<()> {
        let id = match open.id {
            Some(id) => id,
            None => self.id_of(db, connection, number, open)?,
        };
        for side in Side::BOTH {
            let Some(half) = open.halves.get_mut(place(side)).and_then(Option::as_mut) else {
                continue;
            };
            if let (true, Some(head)) = (half.is_head_new, &half.message.head) {
                half.head_block = Some(self.heads.add(db, id, side, head)?);
                half.is_head_new = false;
            }
            if half.are_trailers_new {
                let data = encode::fields(&half.message.trailers);
                insert_part(db, id, part(TRAILERS, side), 0, &data)?;
                half.are_trailers_new = false;
            }
            for (of, spans) in [
                (BODY, std::mem::take(&mut half.message.body)),
                (TUNNEL, std::mem::take(&mut half.message.tunnel)),
            ] {
                let part = part(of, side);
                if let (false, Some(row)) = (spans.is_empty(), open.rows.get_mut(usize::from(part)))
                {
                    insert_part(db, id, part, *row, &encode::spans(&spans))?;
                    *row += 1;
                }
            }
        }
        self.write_row(db, id, connection, number, open)
    }

    /// The exchange's id: the one that it had before, where its connection is read again.
    fn id_of(
        &mut self,
        db: &Connection,
        connection: i64,
        number: u64,
        open: &mut Open,
    ) -> Result<i64> {
        let known: Option<i64> = db
            .prepare_cached("SELECT id FROM exchanges WHERE connection_id = ?1 AND number = ?2")?
            .query_row(params![connection, number], |row| row.get("id"))
            .optional()?;
        let id = match known {
            Some(id) => {
                db.prepare_cached("DELETE FROM exchange_parts WHERE exchange_id = ?1")?
                    .execute([id])?;
                id
            }
            None => {
                let id = self.next;
                self.next += 1;
                id
            }
        };
        open.id = Some(id);
        Ok(id)
    }

    fn write_row(
        &mut self,
        db: &Connection,
        id: i64,
        connection: i64,
        number: u64,
        open: &Open,
    ) -> Result<()> {
        let (request, response) = (open.half(Side::Request), open.half(Side::Response));
        let time = open.time();
        let (asked, answered) = (
            request.map(|half| &half.message),
            response.map(|half| &half.message),
        );
        let facts = self.shared.facts(db, ExchangeFacts::of(asked, answered))?;
        let path = path(asked)
            .map(|path| self.shared.path(db, path))
            .transpose()?;
        let elapsed = asked
            .zip(answered)
            .and_then(|(request, response)| crate::http::exchange::elapsed_ns(request, response));
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO exchanges (
                id, time_ns, connection_id, number, stream_id, facts_id, path_id, http2_stream, elapsed_ns,
                request_first_id, request_first_after_ns, request_last_id, request_last_after_ns,
                request_body_bytes, request_tunnel_bytes, request_ending, request_defects, request_head_block,
                response_first_id, response_first_after_ns, response_last_id, response_last_after_ns,
                response_body_bytes, response_tunnel_bytes, response_ending, response_defects, response_head_block
             ) VALUES (
                ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27
             )",
        )?;
        let before = params![
            id,
            time.as_nanos(),
            connection,
            number,
            open.stream,
            facts,
            path,
            open.http2_stream,
            elapsed
        ];
        for (place, value) in (1..).zip(before) {
            insert.raw_bind_parameter(place, value)?;
        }
        for (first, half) in [(10, request), (19, response)] {
            let Some(half) = half else { continue };
            let message = &half.message;
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
                half.head_block
            ];
            for (place, value) in (first..).zip(values) {
                insert.raw_bind_parameter(place, value)?;
            }
        }
        insert.raw_execute()?;
        Ok(())
    }
}

fn insert_part(db: &Connection, id: i64, part: u8, number: u32, data: &[u8]) -> Result<()> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO exchange_parts (exchange_id, part, number, data) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![id, part, number, data])?;
    Ok(())
}
