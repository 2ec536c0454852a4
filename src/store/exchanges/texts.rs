//! The text of exchanges that no search of events finds, for the search filter.
//!
//! A search of events finds what stands in payloads as it is, also over the border between two events, and in the body
//! of an HTTP/1 message that lies in one event. It does not find the fields of HTTP/2, which are compressed, and bodies
//! whose codings or frames go over several events. That text is taken from exchanges when they are over, and some of
//! them share a filter (`grams`). Exchanges without one are always looked at.

use std::io::Read as _;

use rusqlite::{Connection, Result, params};

use super::index::begin;
use super::writer::Finished;
use crate::http::exchange::{
    Bodies as _, BodyForm, Defects, Ending, Exchange, Message, Side, Version,
};
use crate::store::block::TARGET_BYTES;
use crate::store::error::{At, Error};
use crate::store::grams::{Filter, FilterMaker, Searched};
use crate::store::reader::Reader;

/// Bodies of which more bytes than this are decoded have no filter.
const MAX_BYTES: u64 = 8 << 20;

/// How many exchanges without a filter are read at once.
const READ_EXCHANGES: usize = 256;

/// What stands in `exchanges.text_id` where a search of events finds everything.
pub(super) const NO_TEXT: i64 = 0;

/// Whether a search of events does not find the fields.
fn hides_fields(message: &Message) -> bool {
    message
        .head
        .as_ref()
        .is_some_and(|head| head.version == Version::Http2)
        && !message.defects.contains(Defects::LISTING)
}

/// Whether a search of events does not find all of the body, which is in so many pieces.
fn hides_body(message: &Message, pieces: usize) -> bool {
    let Some(head) = &message.head else {
        // A body without a head is searched as it is, piece by piece.
        return pieces > 1;
    };
    if message.body_bytes == 0
        || message.ending == Ending::Complete && head.version != Version::Http2
    {
        return false;
    }
    if head.version == Version::Http2 {
        return pieces > 1 || head.is_coded();
    }
    head.is_coded() || head.values("transfer-encoding").next().is_some()
}

/// The text of an exchange that no search of events finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Hidden {
    /// There is none.
    Nothing,
    /// That of its heads.
    Heads(Vec<u8>),
    /// It has to be read back: it is in bodies, or the exchange is not over.
    #[default]
    Unread,
}

impl Hidden {
    /// Of these halves, each with how many pieces its body is in.
    pub(super) fn of(halves: [Option<(&Message, usize)>; 2]) -> Self {
        let mut text = Vec::new();
        for half in halves {
            // Of what is not there yet, nobody knows.
            let Some((message, pieces)) = half else {
                return Self::Unread;
            };
            if message.ending == Ending::Open || hides_body(message, pieces) {
                return Self::Unread;
            }
            push_fields(&mut text, message);
        }
        if text.is_empty() {
            Self::Nothing
        } else {
            Self::Heads(text)
        }
    }
}

/// Adds the fields of a message, if a search of events does not find them.
fn push_fields(text: &mut Vec<u8>, message: &Message) {
    if let (true, Some(head)) = (hides_fields(message), &message.head) {
        text.extend_from_slice(&head.to_text(&message.trailers));
    }
}

/// Makes the filters of exchanges.
pub(super) struct TextWriter {
    maker: FilterMaker,
    /// What shares the next filter: exchanges with a piece of their text.
    waiting: Vec<(i64, Vec<u8>)>,
    /// Exchanges that need none.
    plain: Vec<i64>,
    bytes: usize,
    next: i64,
    /// What is to be stored.
    made: Vec<(Filter, Vec<i64>)>,
}

impl TextWriter {
    pub(super) fn new(db: &Connection) -> Result<Self> {
        Ok(Self {
            maker: FilterMaker::new(),
            waiting: Vec::new(),
            plain: Vec::new(),
            bytes: 0,
            next: db.query_row(
                "SELECT COALESCE(MAX(text_id), 0) + 1 FROM text_grams WHERE part = 0",
                [],
                |row| row.get(0),
            )?,
            made: Vec::new(),
        })
    }

    /// Takes the text of these exchanges, and stores the filters that are full.
    pub(super) fn take(
        &mut self,
        db: &Connection,
        reader: &Reader,
        finished: &mut Vec<Finished>,
    ) -> std::result::Result<(), Error> {
        for Finished { id, hidden } in finished.drain(..) {
            match hidden {
                // Its row says so already.
                Hidden::Nothing => {}
                Hidden::Heads(text) => self.add(id, text),
                Hidden::Unread => self.read(reader, id)?,
            }
        }
        if !self.made.is_empty() || !self.plain.is_empty() {
            let transaction = begin(db, reader)?;
            self.store(&transaction)
                .and_then(|()| transaction.commit())
                .at(&reader.path)?;
        }
        Ok(())
    }

    /// Takes the text of all exchanges that have no filter yet, and stores what waits.
    pub(super) fn finish(
        &mut self,
        db: &Connection,
        reader: &Reader,
    ) -> std::result::Result<(), Error> {
        // Those that wait are taken again.
        self.waiting.clear();
        self.bytes = 0;
        let mut after = 0_i64;
        loop {
            let ids: Vec<i64> = reader
                .db
                .prepare_cached(
                    "SELECT id FROM exchanges WHERE id > ?1 AND text_id IS NULL ORDER BY id LIMIT ?2",
                )
                .and_then(|mut statement| {
                    statement
                        .query_map(params![after, READ_EXCHANGES], |row| row.get("id"))?
                        .collect()
                })
                .at(&reader.path)?;
            let Some(last) = ids.last() else { break };
            after = *last;
            let unread = |id| Finished {
                id,
                hidden: Hidden::Unread,
            };
            let mut finished = ids.into_iter().map(unread).collect();
            self.take(db, reader, &mut finished)?;
        }
        self.close();
        let transaction = begin(db, reader)?;
        self.store(&transaction)
            .and_then(|()| transaction.commit())
            .at(&reader.path)
    }

    /// Reads an exchange back for its text.
    fn read(&mut self, reader: &Reader, id: i64) -> std::result::Result<(), Error> {
        let Some(summary) = reader.exchange_summary(id)? else {
            return Ok(());
        };
        let exchange = match reader.whole_exchange(&summary) {
            Ok(exchange) => exchange,
            // It has no filter then, and a search that gets there says so.
            Err(Error::Corrupt { .. } | Error::Pruned { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        match Self::text(reader, &exchange)? {
            None => {}
            Some(text) if text.is_empty() => self.plain.push(id),
            Some(text) => self.add(id, text),
        }
        Ok(())
    }

    fn add(&mut self, id: i64, text: Vec<u8>) {
        self.bytes += text.len();
        self.waiting.push((id, text));
        if self.bytes >= TARGET_BYTES {
            self.close();
        }
    }

    /// The hidden text of an exchange; `None` if it is too long for a filter, or cannot be read.
    fn text(reader: &Reader, exchange: &Exchange) -> std::result::Result<Option<Vec<u8>>, Error> {
        let mut text = Vec::new();
        for side in Side::BOTH {
            let Some(message) = exchange.half(side) else {
                continue;
            };
            push_fields(&mut text, message);
            if hides_body(message, message.body.len()) {
                let read = reader
                    .open(message, BodyForm::Decoded)
                    .and_then(|body| body.take(MAX_BYTES + 1).read_to_end(&mut text));
                match read {
                    Ok(bytes) if bytes as u64 <= MAX_BYTES => {}
                    Ok(_) => return Ok(None),
                    Err(error) => match unwrapped(error, reader) {
                        Error::Corrupt { .. } | Error::Pruned { .. } => return Ok(None),
                        error => return Err(error),
                    },
                }
                // So that no text goes from one body to the next.
                text.extend_from_slice(b"\r\n");
            }
        }
        Ok(Some(text))
    }

    /// Makes the filter of what waits.
    fn close(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let searched: Vec<_> = self
            .waiting
            .iter()
            .map(|(id, text)| Searched {
                id: *id,
                before: b"",
                payload: text,
            })
            .collect();
        let filter = self.maker.make(&searched);
        let ids = self.waiting.drain(..).map(|(id, _)| id).collect();
        self.made.push((filter, ids));
        self.bytes = 0;
    }

    fn store(&mut self, db: &Connection) -> Result<()> {
        let mut update = db.prepare_cached("UPDATE exchanges SET text_id = ?2 WHERE id = ?1")?;
        for id in self.plain.drain(..) {
            update.execute([id, NO_TEXT])?;
        }
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO text_grams (part, text_id, covers, bits) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (filter, ids) in self.made.drain(..) {
            for (part, bits) in filter.parts.iter().enumerate() {
                insert.execute(params![part, self.next, filter.covers.code(), bits])?;
            }
            for id in ids {
                update.execute([id, self.next])?;
            }
            self.next += 1;
        }
        Ok(())
    }
}

/// The error of the store that a reader of bodies gave.
pub(in crate::store) fn unwrapped(error: std::io::Error, reader: &Reader) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::from_io(&reader.path, error),
    }
}
