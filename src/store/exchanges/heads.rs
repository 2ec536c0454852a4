//! Heads of messages, some hundred compressed together.
//!
//! A block is a run of members: the exchange (LEB128), the half (0 request, 1 response), the length (LEB128) and the head
//! ([`super::encode`]). Which block holds a head is decided when the head is stored, and stands in its exchange's row;
//! until the block is full, its heads wait in `head_tail`.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, params};

use super::encode;
use crate::http::exchange::{MessageHead, Side};
use crate::store::block::{Codec, Compressor, decompress};
use crate::store::error::{At, Error};
use crate::store::reader::Reader;
use crate::store::varint;

/// A block is closed when it holds this many bytes, before compression.
const TARGET_BYTES: usize = 64 << 10;

/// The number of a half in the file.
pub(super) fn part(side: Side) -> u8 {
    match side {
        Side::Request => 0,
        Side::Response => 1,
    }
}

/// Adds heads.
pub(super) struct HeadWriter {
    block: i64,
    waiting: Vec<u8>,
    compressor: Compressor,
}

impl HeadWriter {
    /// Takes up the block that is open.
    pub(super) fn new(db: &Connection) -> rusqlite::Result<Self> {
        let block = db.query_row(
            "SELECT 1 + MAX(COALESCE((SELECT MAX(id) FROM head_blocks), 0), COALESCE((SELECT MAX(block_id) - 1 FROM head_tail), 0))",
            [],
            |row| row.get(0),
        )?;
        let mut waiting = Vec::new();
        let mut statement = db.prepare(
            "SELECT exchange_id, part, data FROM head_tail WHERE block_id = ?1 ORDER BY exchange_id, part",
        )?;
        let mut rows = statement.query([block])?;
        while let Some(row) = rows.next()? {
            let data = row.get_ref("data")?.as_blob()?;
            push_member(
                &mut waiting,
                row.get("exchange_id")?,
                row.get("part")?,
                data,
            );
        }
        Ok(Self {
            block,
            waiting,
            compressor: Compressor::new()
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?,
        })
    }

    /// Stores a head and tells the block that it is in.
    pub(super) fn add(
        &mut self,
        db: &Connection,
        exchange: i64,
        side: Side,
        head: &MessageHead,
    ) -> rusqlite::Result<i64> {
        let data = encode::head(head);
        let block = self.block;
        db.prepare_cached(
            "INSERT OR REPLACE INTO head_tail (block_id, exchange_id, part, data) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![block, exchange, part(side), data])?;
        push_member(&mut self.waiting, exchange, part(side), &data);
        if self.waiting.len() >= TARGET_BYTES {
            self.close(db)?;
        }
        Ok(block)
    }

    /// Compresses what waits.
    pub(super) fn close(&mut self, db: &Connection) -> rusqlite::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let (codec, data) = self
            .compressor
            .compress(&self.waiting)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        db.prepare_cached(
            "INSERT INTO head_blocks (id, raw_bytes, codec, data) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![self.block, self.waiting.len(), codec.code(), data])?;
        db.prepare_cached("DELETE FROM head_tail WHERE block_id = ?1")?
            .execute([self.block])?;
        self.waiting.clear();
        self.block += 1;
        Ok(())
    }
}

fn push_member(out: &mut Vec<u8>, exchange: i64, part: u8, data: &[u8]) {
    varint::push(out, exchange.cast_unsigned());
    out.push(part);
    varint::push(out, data.len() as u64);
    out.extend_from_slice(data);
}

/// The block that was read last.
#[derive(Default)]
pub(in crate::store) struct HeadCache {
    block: i64,
    raw: Bytes,
    /// Where each head is, by exchange and part.
    places: HashMap<(i64, u8), Range<usize>, RandomState>,
}

/// The head of a half, from the block that its exchange names.
pub(super) fn read(
    reader: &Reader,
    block: i64,
    exchange: i64,
    side: Side,
) -> Result<MessageHead, Error> {
    let corrupt = |detail: String| Error::Corrupt {
        path: reader.path.clone(),
        detail,
    };
    let missing = || {
        corrupt(format!(
            "the {} head of exchange {exchange} is missing",
            side.name()
        ))
    };
    let waiting = || {
        reader
            .db
            .prepare_cached(
                "SELECT data FROM head_tail WHERE block_id = ?1 AND exchange_id = ?2 AND part = ?3",
            )
            .and_then(|mut statement| {
                statement
                    .query_row(params![block, exchange, part(side)], |row| {
                        row.get::<_, Vec<u8>>("data")
                    })
                    .optional()
            })
            .at(&reader.path)
    };
    let is_cached = reader.heads.borrow().block == block;
    if !is_cached && !load(reader, block)? {
        // It may have been closed between the two.
        if let Some(data) = waiting()? {
            return encode::read_head(&data)
                .ok_or_else(|| corrupt(format!("the head of exchange {exchange} is damaged")));
        }
        if !load(reader, block)? {
            return Err(missing());
        }
    }
    let cache = reader.heads.borrow();
    let place = cache.places.get(&(exchange, part(side)));
    let data = place
        .and_then(|place| cache.raw.get(place.clone()))
        .ok_or_else(missing)?;
    encode::read_head(data)
        .ok_or_else(|| corrupt(format!("the head of exchange {exchange} is damaged")))
}

/// Puts a closed block into the cache; `false` if there is none.
fn load(reader: &Reader, block: i64) -> Result<bool, Error> {
    let found = reader
        .db
        .prepare_cached("SELECT raw_bytes, codec, data FROM head_blocks WHERE id = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([block], |row| {
                    Ok((
                        row.get::<_, usize>("raw_bytes")?,
                        row.get::<_, u8>("codec")?,
                        row.get::<_, Vec<u8>>("data")?,
                    ))
                })
                .optional()
        })
        .at(&reader.path)?;
    let Some((raw_bytes, codec, data)) = found else {
        return Ok(false);
    };
    let raw = Codec::from_code(codec)
        .and_then(|codec| decompress(codec, data, raw_bytes))
        .ok_or_else(|| Error::Corrupt {
            path: reader.path.clone(),
            detail: format!("block {block} of heads cannot be decompressed"),
        })?;
    let raw = Bytes::from(raw);
    let mut rest = raw.as_ref();
    let mut places = HashMap::default();
    while let Some((id, in_part, data)) = take_member(&mut rest) {
        let end = raw.len() - rest.len();
        // A final response takes the place of an interim one.
        places.insert((id, in_part), end - data.len()..end);
    }
    *reader.heads.borrow_mut() = HeadCache { block, raw, places };
    Ok(true)
}

fn take_member<'a>(bytes: &mut &'a [u8]) -> Option<(i64, u8, &'a [u8])> {
    let id = varint::take(bytes)?.cast_signed();
    let (part, rest) = bytes.split_first()?;
    *bytes = rest;
    let length = usize::try_from(varint::take(bytes)?).ok()?;
    let (data, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some((id, *part, data))
}
