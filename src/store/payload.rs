//! Payloads read back: from the tail, from a block, or part by part.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use bytes::Bytes;
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};

use super::block::{Class, Codec, Member, PART_BYTES, decode_members, decompress};
use super::error::{At, Error};
use super::reader::Reader;
use super::vault::{Column, Place};
use crate::event::{EventId, StoredEvent};

/// How many decoded blocks are kept, at most 1 MiB each: neighbors in time are neighbors in a block, in each class.
const CACHED_BLOCKS: usize = 12;

/// A block in the clear.
pub(super) struct Block {
    id: i64,
    first: i64,
    last: i64,
    /// Its events, in order of id.
    pub(super) members: Vec<Member>,
    /// Their payloads.
    pub(super) raw: Bytes,
}

impl Block {
    fn payload(&self, event: i64) -> Option<Bytes> {
        let at = self
            .members
            .binary_search_by_key(&event, |member| member.id)
            .ok()?;
        let member = self.members.get(at)?;
        let end = member.offset.checked_add(member.length)?;
        (end <= self.raw.len()).then(|| self.raw.slice(member.offset..end))
    }
}

/// The blocks that were read last.
#[derive(Default)]
pub(super) struct BlockCache {
    blocks: VecDeque<Block>,
}

impl BlockCache {
    /// A payload from a block that is at hand; the block counts as just read.
    pub(super) fn payload(&mut self, event: i64) -> Option<Bytes> {
        let (at, payload) = self.blocks.iter().enumerate().find_map(|(at, block)| {
            let is_within = (block.first..=block.last).contains(&event);
            Some((at, is_within.then(|| block.payload(event))??))
        })?;
        let block = self.blocks.remove(at)?;
        self.blocks.push_front(block);
        Some(payload)
    }

    /// Keeps a block that was just read, which is no part of a large payload.
    pub(super) fn keep(&mut self, block: Block) {
        self.blocks.retain(|other| other.id != block.id);
        self.blocks.truncate(CACHED_BLOCKS - 1);
        self.blocks.push_front(block);
    }
}

/// The header of a block.
pub(super) struct BlockHeader {
    /// Its id.
    pub(super) id: i64,
    /// Its first event.
    pub(super) first: i64,
    /// Its last event.
    pub(super) last: i64,
    /// Its size before compression.
    pub(super) raw_bytes: usize,
    codec: u8,
    members: Vec<u8>,
}

/// The payload of one event, read piece by piece.
pub struct Payload<'a> {
    reader: &'a Reader,
    event: i64,
    left: u64,
    rest: Rest,
}

/// Where the rest of a payload is.
enum Rest {
    /// Nothing is left.
    End,
    /// In one piece, at hand.
    Piece(Bytes),
    /// At hand, however long.
    Given(Bytes),
    /// In parts, the next of which begins here.
    Parts(usize),
}

impl<'a> Payload<'a> {
    pub(super) fn new(reader: &'a Reader, event: &StoredEvent) -> Result<Self, Error> {
        let class = Class::of(event.event.content, event.payload_bytes);
        Self::of(reader, event.id.number(), class, event.payload_bytes)
    }

    /// The payload of an event of which only this is known.
    pub(super) fn of(
        reader: &'a Reader,
        id: i64,
        class: Option<Class>,
        payload_bytes: u64,
    ) -> Result<Self, Error> {
        let rest = match class {
            None => Rest::End,
            Some(Class::Large) => Rest::Parts(0),
            Some(class) => Rest::Piece(small(reader, class, id)?),
        };
        Ok(Self {
            reader,
            event: id,
            left: payload_bytes,
            rest,
        })
    }

    /// A payload that takes the place of the one in the file.
    pub(super) fn given(reader: &'a Reader, id: EventId, payload: Bytes) -> Self {
        Self {
            reader,
            event: id.number(),
            left: payload.len() as u64,
            rest: Rest::Given(payload),
        }
    }

    /// The next piece, at most 1 MiB; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged. What was read before is good.
    pub fn next_piece(&mut self) -> Result<Option<Bytes>, Error> {
        let piece = match std::mem::replace(&mut self.rest, Rest::End) {
            Rest::End => None,
            Rest::Piece(piece) => Some(piece),
            Rest::Given(payload) if payload.is_empty() => None,
            Rest::Given(mut payload) => {
                let piece = payload.split_to(payload.len().min(PART_BYTES));
                self.rest = Rest::Given(payload);
                Some(piece)
            }
            Rest::Parts(_) if self.left == 0 => None,
            Rest::Parts(at) => {
                let part = part(self.reader, self.event, at)?;
                self.rest = Rest::Parts(at + PART_BYTES);
                Some(part)
            }
        };
        match &piece {
            Some(piece) => {
                self.left = self.left.checked_sub(piece.len() as u64).ok_or_else(|| {
                    damaged(self.reader, self.event, "is longer than its event says")
                })?;
            }
            None if self.left > 0 => {
                return Err(damaged(
                    self.reader,
                    self.event,
                    "is shorter than its event says",
                ));
            }
            None => {}
        }
        Ok(piece)
    }

    /// Its last bytes, at most `count` of them.
    pub(super) fn end(mut self, count: usize) -> Result<Vec<u8>, Error> {
        if let Rest::Parts(_) = self.rest {
            let skipped = usize::try_from(self.left)
                .unwrap_or(usize::MAX)
                .saturating_sub(count);
            let first = skipped - skipped % PART_BYTES;
            self.left -= first as u64;
            self.rest = Rest::Parts(first);
        }
        let mut end = Vec::new();
        while let Some(piece) = self.next_piece()? {
            end.extend_from_slice(&piece);
        }
        end.drain(..end.len().saturating_sub(count));
        Ok(end)
    }

    /// Its first bytes in one piece, at most `limit` of them.
    ///
    /// # Errors
    /// As for [`Payload::next_piece`].
    pub fn start(mut self, limit: usize) -> Result<Bytes, Error> {
        let Some(first) = self.next_piece()? else {
            return Ok(Bytes::new());
        };
        if first.len() >= limit {
            return Ok(first.slice(..limit));
        }
        let mut start = Vec::from(first);
        while start.len() < limit {
            let Some(piece) = self.next_piece()? else {
                break;
            };
            start.extend_from_slice(piece.get(..limit - start.len()).unwrap_or(&piece));
        }
        Ok(Bytes::from(start))
    }
}

/// What is missing of a payload was pruned if its event is gone; else it is damage.
fn missing(reader: &Reader, event: i64, what: &str) -> Error {
    let is_there = reader
        .db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM events WHERE id = ?1)")
        .and_then(|mut statement| statement.query_row([event], |row| row.get::<_, bool>(0)))
        .at(&reader.path);
    match is_there {
        Ok(true) => damaged(reader, event, what),
        Ok(false) => Error::Pruned {
            path: reader.path.clone(),
            what: format!("event {event}"),
        },
        Err(error) => error,
    }
}

fn damaged(reader: &Reader, event: i64, what: &str) -> Error {
    Error::Corrupt {
        path: reader.path.clone(),
        detail: format!("the payload of event {event} {what}"),
    }
}

/// A payload that is whole in one block or in the tail.
fn small(reader: &Reader, class: Class, event: i64) -> Result<Bytes, Error> {
    if let Some(payload) = reader.blocks.borrow_mut().payload(event) {
        return Ok(payload);
    }
    // One state of the file: a pruner may write a block anew between its header and its bytes.
    let transaction = if reader.db.is_autocommit() {
        let begun = Transaction::new_unchecked(&reader.db, TransactionBehavior::Deferred);
        Some(begun.at(&reader.path)?)
    } else {
        None
    };
    let payload = small_in_transaction(reader, class, event);
    if let Some(transaction) = transaction {
        transaction.finish().at(&reader.path)?;
    }
    payload
}

fn small_in_transaction(reader: &Reader, class: Class, event: i64) -> Result<Bytes, Error> {
    if let Some(header) = find_block(reader, class, event)? {
        let block = load(reader, &header)?;
        let payload = block.payload(event);
        reader.blocks.borrow_mut().keep(block);
        if let Some(payload) = payload {
            return Ok(payload);
        }
    }
    let waiting = reader
        .db
        .prepare_cached("SELECT data FROM tail WHERE event_id = ?1")
        .at(&reader.path)?
        .query_row([event], |row| row.get::<_, Vec<u8>>("data"))
        .optional()
        .at(&reader.path)?;
    if let Some(payload) = waiting {
        let place = Place::new(Column::Tail, event);
        let payload = reader.vault.decrypt(place, payload).at(&reader.path)?;
        return Ok(Bytes::from(payload.into_owned()));
    }
    Err(missing(
        reader,
        event,
        "is neither in a block nor in the tail",
    ))
}

/// The block that holds this event's payload, if one does.
fn find_block(reader: &Reader, class: Class, event: i64) -> Result<Option<BlockHeader>, Error> {
    let header = reader
        .db
        .prepare_cached(
            "SELECT id, first_id, last_id, raw_bytes, codec, members FROM blocks
             WHERE class = ?1 AND first_id <= ?2
             ORDER BY first_id DESC LIMIT 1",
        )
        .at(&reader.path)?
        .query_row(params![class.code(), event], read_header)
        .optional()
        .at(&reader.path)?;
    Ok(header.filter(|header| header.last >= event))
}

/// The headers of the blocks of a class that can hold events of a range, in order. Not for large payloads.
pub(super) fn blocks_of(
    reader: &Reader,
    class: Class,
    range: &RangeInclusive<i64>,
) -> Result<Vec<BlockHeader>, Error> {
    let mut statement = reader
        .db
        .prepare_cached(
            "SELECT id, first_id, last_id, raw_bytes, codec, members FROM blocks
             WHERE class = ?1 AND last_id >= ?2 AND first_id <= ?3
                AND first_id >= COALESCE((SELECT MAX(first_id) FROM blocks WHERE class = ?1 AND first_id <= ?2), ?2)
             ORDER BY first_id",
        )
        .at(&reader.path)?;
    statement
        .query_map(
            params![class.code(), range.start(), range.end()],
            read_header,
        )
        .and_then(Iterator::collect)
        .at(&reader.path)
}

pub(super) fn part(reader: &Reader, event: i64, at: usize) -> Result<Bytes, Error> {
    let header = reader
        .db
        .prepare_cached(
            "SELECT id, first_id, last_id, raw_bytes, codec, members FROM blocks
             WHERE class = ?1 AND first_id = ?2 AND part_bytes = ?3",
        )
        .at(&reader.path)?
        .query_row(params![Class::Large.code(), event, at], read_header)
        .optional()
        .at(&reader.path)?
        .ok_or_else(|| missing(reader, event, "lacks a part"))?;
    let block = load(reader, &header)?;
    block
        .payload(event)
        .ok_or_else(|| damaged(reader, event, "lacks a part"))
}

/// Looks whether a payload is where it should be, without reading it.
pub(super) fn check_place(reader: &Reader, stored: &StoredEvent) -> Result<(), Error> {
    let event = stored.id.number();
    let exists = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        reader
            .db
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(values, |row| row.get::<_, bool>(0)))
            .at(&reader.path)
    };
    let Some(class) = Class::of(stored.event.content, stored.payload_bytes) else {
        return Ok(());
    };
    if class == Class::Large {
        for at in (0..stored.payload_bytes).step_by(PART_BYTES) {
            let sql = "SELECT EXISTS (
                SELECT 1 FROM blocks AS b JOIN block_data AS d ON d.id = b.id
                WHERE b.class = ?1 AND b.first_id = ?2 AND b.part_bytes = ?3)";
            if !exists(sql, &[&class.code(), &event, &at])? {
                return Err(missing(reader, event, "lacks a part"));
            }
        }
        return Ok(());
    }
    if let Some(header) = find_block(reader, class, event)? {
        let members = decode_members(header.first, &header.members).unwrap_or_default();
        if members.iter().any(|member| member.id == event) {
            let sql = "SELECT EXISTS (SELECT 1 FROM block_data WHERE id = ?1)";
            return if exists(sql, &[&header.id])? {
                Ok(())
            } else {
                Err(missing(reader, event, "has lost its block"))
            };
        }
    }
    if exists(
        "SELECT EXISTS (SELECT 1 FROM tail WHERE event_id = ?1)",
        &[&event],
    )? {
        return Ok(());
    }
    Err(missing(
        reader,
        event,
        "is neither in a block nor in the tail",
    ))
}

fn read_header(row: &rusqlite::Row<'_>) -> rusqlite::Result<BlockHeader> {
    Ok(BlockHeader {
        id: row.get("id")?,
        first: row.get("first_id")?,
        last: row.get("last_id")?,
        raw_bytes: row.get("raw_bytes")?,
        codec: row.get("codec")?,
        members: row.get("members")?,
    })
}

/// The block of this header.
pub(super) fn load(reader: &Reader, header: &BlockHeader) -> Result<Block, Error> {
    let data: Vec<u8> = reader
        .db
        .prepare_cached("SELECT data FROM block_data WHERE id = ?1")
        .at(&reader.path)?
        .query_row([header.id], |row| row.get("data"))
        .optional()
        .at(&reader.path)?
        .ok_or_else(|| missing(reader, header.last, "has lost its block"))?;
    let corrupt = |what: &str| Error::Corrupt {
        path: reader.path.clone(),
        detail: format!("block {} {what}", header.id),
    };
    let codec = Codec::from_code(header.codec).ok_or_else(|| corrupt("has an unknown codec"))?;
    let place = Place::new(Column::BlockData, header.id);
    let data = reader.vault.decrypt(place, data).at(&reader.path)?;
    let raw = decompress(codec, data.into_owned(), header.raw_bytes)
        .ok_or_else(|| corrupt("cannot be decompressed"))?;
    let members = decode_members(header.first, &header.members)
        .ok_or_else(|| corrupt("has a damaged list of members"))?;
    Ok(Block {
        id: header.id,
        first: header.first,
        last: header.last,
        members,
        raw: Bytes::from(raw),
    })
}
