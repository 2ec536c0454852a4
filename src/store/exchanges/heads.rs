//! Heads of messages, some hundred compressed together.
//!
//! A block is a run of members: the exchange (LEB128), what it is, the length (LEB128) and that: 0 the head of the request,
//! 1 that of the response, 3 the heads of the interim responses before it, if there are any, in the same block
//! ([`super::encode`]). Who does not know 3 passes it over. Which block holds a head is decided when the head is added, and stands in its exchange's row;
//! until the block is full, its members wait in `head_tail`, those of one transaction in a row.

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
use crate::store::vault::{Column, Place, Vault};

/// A block is closed when it holds this many bytes, before compression.
const TARGET_BYTES: usize = 64 << 10;

/// The number of a half in the file.
pub(super) fn part(side: Side) -> u8 {
    match side {
        Side::Request => 0,
        Side::Response => 1,
    }
}

/// The number of the interim heads of a half.
fn interim_part(side: Side) -> u8 {
    part(side) + 2
}

/// Adds heads.
pub(super) struct HeadWriter {
    block: i64,
    /// The members of the block that is open.
    waiting: Vec<u8>,
    /// How many bytes of them are in `head_tail`.
    stored: usize,
    vault: Vault,
    compressor: Compressor,
}

impl HeadWriter {
    /// Takes up the block that is open.
    pub(super) fn new(db: &Connection, vault: Vault) -> rusqlite::Result<Self> {
        let block = db.query_row(
            "SELECT 1 + MAX(COALESCE((SELECT MAX(id) FROM head_blocks), 0), COALESCE((SELECT MAX(block_id) - 1 FROM head_tail), 0))",
            [],
            |row| row.get(0),
        )?;
        let (waiting, _) = open_members(db, &vault, block)?;
        Ok(Self {
            block,
            stored: waiting.len(),
            waiting,
            vault,
            compressor: Compressor::new()
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?,
        })
    }

    /// Adds a head, with the interim ones before it, and tells the block that they are in. They are stored with [`Self::store`], in the same transaction.
    pub(super) fn add(
        &mut self,
        db: &Connection,
        exchange: i64,
        side: Side,
        head: &MessageHead,
        interim: &[MessageHead],
    ) -> rusqlite::Result<i64> {
        let data = encode::head(head);
        let block = self.block;
        push_member(&mut self.waiting, exchange, part(side), &data);
        if !interim.is_empty() {
            let data = encode::heads(interim);
            push_member(&mut self.waiting, exchange, interim_part(side), &data);
        }
        if self.waiting.len() >= TARGET_BYTES {
            self.close(db)?;
        }
        Ok(block)
    }

    /// Stores what was added since.
    pub(super) fn store(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let new = self.waiting.get(self.stored..).unwrap_or_default();
        if !new.is_empty() {
            let place = Place::part(Column::HeadTail, self.block, self.stored);
            let new = self.vault.encrypt(place, new)?;
            db.prepare_cached("INSERT INTO head_tail (block_id, data) VALUES (?1, ?2)")?
                .execute(params![self.block, new])?;
            self.stored = self.waiting.len();
        }
        Ok(())
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
        let place = Place::new(Column::HeadBlock, self.block);
        let data = self.vault.encrypt(place, data)?;
        db.prepare_cached(
            "INSERT INTO head_blocks (id, raw_bytes, codec, data) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![self.block, self.waiting.len(), codec.code(), data])?;
        if self.stored > 0 {
            db.prepare_cached("DELETE FROM head_tail")?.execute([])?;
        }
        self.waiting.clear();
        self.stored = 0;
        self.block = self.block.saturating_add(1);
        Ok(())
    }
}

/// The members of a block that is open, and in how many rows they are.
fn open_members(db: &Connection, vault: &Vault, block: i64) -> rusqlite::Result<(Vec<u8>, i64)> {
    let mut statement =
        db.prepare_cached("SELECT data FROM head_tail WHERE block_id = ?1 ORDER BY id")?;
    let mut rows = statement.query([block])?;
    let (mut members, mut count) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let place = Place::part(Column::HeadTail, block, members.len());
        let data = vault.decrypt(place, row.get_ref("data")?.as_blob()?)?;
        members.extend_from_slice(&data);
        count += 1;
    }
    Ok((members, count))
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
    /// In how many rows it waits; `None` when it is closed, and stays as it is.
    rows: Option<i64>,
    raw: Bytes,
    /// Where each head is, by exchange and part.
    places: HashMap<(i64, u8), Range<usize>, RandomState>,
}

impl HeadCache {
    fn new(block: i64, rows: Option<i64>, raw: Vec<u8>) -> Self {
        let raw = Bytes::from(raw);
        let mut rest = raw.as_ref();
        let mut places = HashMap::default();
        while let Some((id, in_part, data)) = take_member(&mut rest) {
            let end = raw.len() - rest.len();
            // What was added later takes the place of what there was.
            places.insert((id, in_part), end - data.len()..end);
        }
        Self {
            block,
            rows,
            raw,
            places,
        }
    }

    /// Whether it is this block as it is in the file.
    fn is(&self, block: i64, db: &Connection) -> rusqlite::Result<bool> {
        if self.block != block {
            return Ok(false);
        }
        let Some(rows) = self.rows else {
            return Ok(true);
        };
        let now: i64 = db
            .prepare_cached("SELECT COUNT(*) AS rows FROM head_tail WHERE block_id = ?1")?
            .query_row([block], |row| row.get("rows"))?;
        Ok(now == rows)
    }
}

/// The head of a half and the interim ones before it, from the block that its exchange names.
pub(super) fn read(
    reader: &Reader,
    block: i64,
    exchange: i64,
    side: Side,
) -> Result<(MessageHead, Vec<MessageHead>), Error> {
    let corrupt = |what: &str| Error::Corrupt {
        path: reader.path.clone(),
        detail: format!("the {} head of exchange {exchange} is {what}", side.name()),
    };
    // What is missing was pruned if its exchange is gone; else it is damage.
    let missing = || {
        let is_there = reader
            .db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM exchanges WHERE id = ?1)")
            .and_then(|mut statement| statement.query_row([exchange], |row| row.get(0)))
            .at(&reader.path);
        match is_there {
            Ok(true) => corrupt("missing"),
            Ok(false) => Error::Pruned {
                path: reader.path.clone(),
                what: format!("exchange {exchange}"),
            },
            Err(error) => error,
        }
    };
    let is_cached = reader
        .heads
        .borrow()
        .is(block, &reader.db)
        .at(&reader.path)?;
    if !is_cached {
        let loaded = load(reader, block)?;
        *reader.heads.borrow_mut() = loaded.ok_or_else(missing)?;
    }
    let cache = reader.heads.borrow();
    let data = |part| {
        let place = cache.places.get(&(exchange, part));
        place.and_then(|place| cache.raw.get(place.clone()))
    };
    let head = data(part(side)).ok_or_else(missing)?;
    let interim = data(interim_part(side)).unwrap_or_default();
    encode::read_head(head)
        .zip(encode::read_heads(interim))
        .ok_or_else(|| corrupt("damaged"))
}

/// A block, closed or not; `None` if there is none.
fn load(reader: &Reader, block: i64) -> Result<Option<HeadCache>, Error> {
    if let Some(raw) = closed(reader, block)? {
        return Ok(Some(HeadCache::new(block, None, raw)));
    }
    let (members, rows) = open_members(&reader.db, &reader.vault, block).at(&reader.path)?;
    if rows > 0 {
        return Ok(Some(HeadCache::new(block, Some(rows), members)));
    }
    // It may have been closed between the two.
    let raw = closed(reader, block)?;
    Ok(raw.map(|raw| HeadCache::new(block, None, raw)))
}

/// The members of a block that is closed.
fn closed(reader: &Reader, block: i64) -> Result<Option<Vec<u8>>, Error> {
    let found = reader
        .db
        .prepare_cached("SELECT raw_bytes, codec, data FROM head_blocks WHERE id = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([block], |row| {
                    let data: Vec<u8> = row.get("data")?;
                    let place = Place::new(Column::HeadBlock, block);
                    let data = reader.vault.decrypt(place, data)?.into_owned();
                    let codec = Codec::from_code(row.get("codec")?);
                    let raw_bytes = row.get("raw_bytes")?;
                    Ok(codec.and_then(|codec| decompress(codec, data, raw_bytes)))
                })
                .optional()
        })
        .at(&reader.path)?;
    let damaged = || Error::Corrupt {
        path: reader.path.clone(),
        detail: format!("block {block} of heads cannot be decompressed"),
    };
    found.map(|raw| raw.ok_or_else(damaged)).transpose()
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
