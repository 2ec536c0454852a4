//! The text of exchanges that no search of events finds, for the search filter.
//!
//! A search of events finds what stands in payloads as it is, also over the border between two events, and in the body
//! of an HTTP/1 message that lies in one event. It does not find the fields of HTTP/2, which are compressed, bodies
//! whose codings or frames go over several events or that are in another charset than UTF-8 or compressed messages of gRPC
//! (`http::view::legible`), the heads of interim responses, and the messages of a WebSocket, of which the client masks its own
//! and both sides may compress theirs. That text is taken from exchanges when they are over, and some of them share a filter
//! (`grams`). Which one is told when the text is taken; the filter is stored when it is full. Exchanges without one are
//! always looked at.

use std::io::Read as _;

use rusqlite::{Connection, Result, params};

use super::index::begin;
use crate::http::body::may_be_marked;
use crate::http::exchange::{
    Bodies as _, BodyForm, Defects, Ending, Exchange, Message, MessageHead, Side, Version,
};
use crate::http::view::{legible, tunnel};
use crate::store::block::TARGET_BYTES;
use crate::store::error::{At, Error};
use crate::store::grams::{Filter, FilterMaker, Searched};
use crate::store::reader::Reader;
use crate::store::vault::{Column, Place, Vault};

/// Bodies of which more bytes than this are decoded have no filter.
const MAX_BYTES: u64 = 8 << 20;

/// How many bytes tell whether a body begins with the mark of a coding.
const START_BYTES: usize = 4;

/// What parts a text from the next: no word goes over it.
const BETWEEN: &[u8] = b"\r\n";

/// How many exchanges without a filter are read at once.
const READ_EXCHANGES: usize = 256;

/// What stands in `exchanges.text_id` where a search of events finds everything.
pub(super) const NO_TEXT: i64 = 0;

/// Whether a search of events does not find the fields: those of HTTP/2, and those that went over several lines. Trailers
/// without a head are of HTTP/2, as HTTP/1 shows them by its head alone. Listings have them as text, but in quotes.
fn hides_fields(message: &Message) -> bool {
    let is_http2 = match &message.head {
        Some(head) => head.version == Version::Http2,
        None => !message.trailers.is_empty(),
    };
    let is_listed = || message.defects.contains(Defects::LISTING);
    message.defects.contains(Defects::BAD_HEAD)
        || is_http2 && (!is_listed() || is_quoted_otherwise(message))
}

/// Whether something of the fields is not itself in quotes.
fn is_quoted_otherwise(message: &Message) -> bool {
    let is_itself = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    let pseudo = message
        .heads()
        .flat_map(|head| [&head.method, &head.target, &head.scheme, &head.authority]);
    pseudo
        .chain(
            message
                .fields()
                .flat_map(|field| [&field.name, &field.value]),
        )
        .flatten()
        .any(|part| !part.iter().all(is_itself))
}

/// The first bytes of a body as sent, as many as tell a mark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Start {
    bytes: [u8; START_BYTES],
    length: usize,
}

impl Start {
    /// Of a body that begins so.
    pub(super) fn of(body: &[u8]) -> Self {
        let mut start = Self::default();
        for (to, from) in start.bytes.iter_mut().zip(body) {
            *to = *from;
            start.length += 1;
        }
        start
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// What of a body tells whether a search of events finds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyStart {
    /// How many pieces it is in.
    pub(super) pieces: usize,
    /// With what it begins.
    pub(super) start: Start,
}

/// Whether a search of events does not find all of the body.
fn hides_body(message: &Message, body: BodyStart) -> bool {
    let BodyStart { pieces, start } = body;
    if message.body_bytes == 0 {
        return false;
    }
    if legible::may_differ(message.head.as_ref(), start.bytes()) {
        return true;
    }
    let may_be_marked = may_be_marked(start.bytes());
    let Some(head) = &message.head else {
        // A body without a head is searched as it is, piece by piece.
        return pieces > 1 || may_be_marked;
    };
    let is_coded = head.is_coded() || may_be_marked && head.implies_coding();
    if message.ending == Ending::Complete && head.version != Version::Http2 {
        return false;
    }
    if head.version == Version::Http2 {
        return pieces > 1 || is_coded;
    }
    is_coded || head.values("transfer-encoding").next().is_some()
}

/// The text of an exchange that no search of events finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hidden {
    /// There is none.
    Nothing,
    /// That of its heads.
    Heads(Vec<u8>),
    /// It has to be read back: it is in bodies, or the exchange is not over.
    Unread,
}

impl Hidden {
    /// Of these halves.
    pub(super) fn of(halves: [Option<(&Message, BodyStart)>; 2]) -> Self {
        let mut text = Vec::new();
        for half in halves {
            // Of what is not there yet, nobody knows.
            let Some((message, body)) = half else {
                return Self::Unread;
            };
            let is_over = message.ending != Ending::Open;
            let has_messages = (message.head.as_ref()).is_some_and(tunnel::may_start_websocket);
            if !is_over || has_messages || hides_body(message, body) {
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

/// Adds the fields of a message, if a search of its events does not find them. Interim heads come before the first of these.
fn push_fields(text: &mut Vec<u8>, message: &Message) {
    if hides_fields(message) {
        text.extend_from_slice(&message.heads_to_text());
        return;
    }
    for head in &message.interim {
        text.extend_from_slice(&head.to_text(&[]));
    }
}

/// Makes the filters of exchanges.
pub(super) struct TextWriter {
    maker: FilterMaker,
    /// Texts that share the next filter.
    waiting: Vec<Vec<u8>>,
    bytes: usize,
    /// The number of the next filter.
    next: i64,
    /// Filters that are to be stored.
    made: Vec<(i64, Filter)>,
    vault: Vault,
}

impl TextWriter {
    /// Goes on behind the last filter. What waited for the next one when the last writer ended waits no more.
    pub(super) fn new(db: &Connection, vault: Vault) -> Result<Self> {
        let last: i64 = db.query_row(
            "SELECT COALESCE(MAX(text_id), 0) AS last FROM text_grams WHERE part = 0",
            [],
            |row| row.get("last"),
        )?;
        db.execute(
            "UPDATE exchanges SET text_id = NULL WHERE text_id > ?1 AND text_id IS NOT 0",
            [last],
        )?;
        Ok(Self {
            maker: FilterMaker::new(),
            waiting: Vec::new(),
            bytes: 0,
            next: last.saturating_add(1),
            made: Vec::new(),
            vault,
        })
    }

    /// Takes a text and tells the filter that it will be in.
    pub(super) fn add(&mut self, text: Vec<u8>) -> i64 {
        let number = self.next;
        self.bytes += text.len();
        self.waiting.push(text);
        if self.bytes >= TARGET_BYTES {
            self.close();
        }
        number
    }

    /// Stores the filters that are full.
    pub(super) fn store(&mut self, db: &Connection) -> Result<()> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO text_grams (part, text_id, covers, bits) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (number, filter) in self.made.drain(..) {
            for (part, bits) in filter.parts.iter().enumerate() {
                let place = Place::part(Column::TextGrams, number, part);
                let bits = self.vault.encrypt(place, bits)?;
                insert.execute(params![part, number, filter.covers.code(), bits])?;
            }
        }
        Ok(())
    }

    /// Reads these exchanges back for their texts.
    pub(super) fn take(
        &mut self,
        db: &Connection,
        reader: &Reader,
        unread: &mut Vec<i64>,
    ) -> std::result::Result<(), Error> {
        let mut numbers = Vec::new();
        for id in unread.drain(..) {
            if let Some(text) = Self::read(reader, id)? {
                let number = if text.is_empty() {
                    NO_TEXT
                } else {
                    self.add(text)
                };
                numbers.push((id, number));
            }
        }
        if numbers.is_empty() && self.made.is_empty() {
            return Ok(());
        }
        let transaction = begin(db, reader)?;
        self.store(&transaction)
            .and_then(|()| {
                let mut update = transaction
                    .prepare_cached("UPDATE exchanges SET text_id = ?2 WHERE id = ?1")?;
                numbers
                    .iter()
                    .try_for_each(|(id, number)| update.execute([id, number]).map(drop))
            })
            .and_then(|()| transaction.commit())
            .at(&reader.path)
    }

    /// Takes the text of all exchanges that have no filter yet, and stores what waits.
    pub(super) fn finish(
        &mut self,
        db: &Connection,
        reader: &Reader,
    ) -> std::result::Result<(), Error> {
        let mut after = 0_i64;
        loop {
            let mut ids: Vec<i64> = reader
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
            self.take(db, reader, &mut ids)?;
        }
        self.close();
        self.take(db, reader, &mut Vec::new())
    }

    /// Reads an exchange back for its text; `None` if it can have no filter: a search that gets there says why.
    fn read(reader: &Reader, id: i64) -> std::result::Result<Option<Vec<u8>>, Error> {
        let Some(summary) = reader.exchange_summary(id)? else {
            return Ok(None);
        };
        match reader.whole_exchange(&summary) {
            Ok(exchange) => Self::text(reader, &exchange),
            Err(Error::Corrupt { .. } | Error::Pruned { .. }) => Ok(None),
            Err(error) => Err(error),
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
            let begins = text.len();
            let read = body_start(reader, message).and_then(|body| {
                if !hides_body(message, body) {
                    return Ok(None);
                }
                let body = reader.open(message, BodyForm::Decoded)?;
                body.take(MAX_BYTES + 1).read_to_end(&mut text).map(Some)
            });
            match read {
                Ok(None) => {}
                Ok(Some(bytes)) if bytes as u64 <= MAX_BYTES => {
                    push_legible(&mut text, begins, message.head.as_ref());
                    text.extend_from_slice(BETWEEN);
                }
                Ok(Some(_)) => return Ok(None),
                Err(error) => match unwrapped(error, reader) {
                    Error::Corrupt { .. } | Error::Pruned { .. } => return Ok(None),
                    error => return Err(error),
                },
            }
        }
        let limit = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
        let is_long = tunnel::find_message(exchange, reader, limit, &mut |message| {
            text.extend_from_slice(message);
            text.extend_from_slice(BETWEEN);
            text.len() > limit
        });
        match is_long.map_err(|error| unwrapped(error, reader)) {
            Ok(is_long) => Ok((!is_long).then_some(text)),
            Err(Error::Corrupt { .. } | Error::Pruned { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the filter of what waits.
    fn close(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let searched: Vec<_> = self
            .waiting
            .iter()
            .map(|text| Searched {
                id: 0,
                before: b"",
                payload: text,
            })
            .collect();
        let filter = self.maker.make(&searched);
        self.waiting.clear();
        self.made.push((self.next, filter));
        self.next = self.next.saturating_add(1);
        self.bytes = 0;
    }
}

/// Looks at the beginning of a body.
fn body_start(reader: &Reader, message: &Message) -> std::io::Result<BodyStart> {
    let mut start = Vec::new();
    if message.body_bytes > 0 {
        reader
            .open(message, BodyForm::AsSent)?
            .take(START_BYTES as u64)
            .read_to_end(&mut start)?;
    }
    Ok(BodyStart {
        pieces: message.body.len(),
        start: Start::of(&start),
    })
}

/// Adds what a person reads in the body that begins there, and its bytes do not show.
fn push_legible(text: &mut Vec<u8>, begins: usize, head: Option<&MessageHead>) {
    let mut legible = Vec::new();
    let body = text.get(begins..).unwrap_or_default();
    let limit = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    legible::each_text(head, body, limit, &mut |more| {
        legible.extend_from_slice(BETWEEN);
        legible.extend_from_slice(more);
        false
    });
    text.extend_from_slice(&legible);
}

/// The error of the store that a reader of bodies gave.
pub(in crate::store) fn unwrapped(error: std::io::Error, reader: &Reader) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::from_io(&reader.path, error),
    }
}
