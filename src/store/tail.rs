//! The writing side of payloads: they wait in the tail until there are enough of their class for a block.
//!
//! At high rates most payloads of a batch go into blocks at once and never touch the tail. At low rates each waits there
//! for at most [`TARGET_BYTES`] of its class, so that blocks are as large, and compress as well, as at high rates.

use std::path::Path;

use bytes::Bytes;
use rusqlite::{Connection, params};

use super::block::{Class, Member, PART_BYTES, TARGET_BYTES, encode_members};
use super::error::Error;
use super::grams;
use super::press::{Block, Press, Pressed, Raw};
use super::stream_ends::End;
use super::vault::{Column, Place, Vault, VaultError};

/// Payloads of one class that are not in a block yet.
#[derive(Default)]
struct Waiting {
    payloads: Vec<(i64, Bytes, End)>,
    bytes: usize,
    /// How many of `payloads` stand in the table `tail`.
    in_table: usize,
}

/// Puts payloads into blocks.
pub(super) struct Tail {
    waiting: [Waiting; 3],
    next_block: i64,
    /// A buffer that the last block left.
    spare: Vec<u8>,
    vault: Vault,
}

/// What can fail: SQLite, or the press for want of memory.
pub(super) enum TailError {
    Sqlite(rusqlite::Error),
    Press(std::io::Error),
}

impl TailError {
    /// As an error of the file at `path`.
    pub(super) fn at(self, path: &Path) -> Error {
        match self {
            Self::Sqlite(error) => Error::from_sqlite(path, error),
            Self::Press(error) => Error::from_io(path, error),
        }
    }
}

impl From<rusqlite::Error> for TailError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<VaultError> for TailError {
    fn from(error: VaultError) -> Self {
        Self::Sqlite(error.into())
    }
}

impl From<std::io::Error> for TailError {
    fn from(error: std::io::Error) -> Self {
        Self::Press(error)
    }
}

impl Tail {
    /// Takes up what an earlier recorder left in the table.
    pub(super) fn new(db: &Connection, vault: Vault) -> Result<Self, TailError> {
        let mut tail = Self {
            waiting: Default::default(),
            next_block: db.query_row("SELECT COALESCE(MAX(id), 0) + 1 FROM blocks", [], |row| {
                row.get(0)
            })?,
            spare: Vec::new(),
            vault,
        };
        let mut statement =
            db.prepare("SELECT event_id, class, data FROM tail ORDER BY event_id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get("event_id")?;
            let data: Vec<u8> = row.get("data")?;
            let data = tail.vault.decrypt(Place::new(Column::Tail, id), data)?;
            let data = data.into_owned();
            if let Some(waiting) = tail.waiting.get_mut(row.get::<_, usize>("class")?) {
                waiting.bytes += data.len();
                waiting
                    .payloads
                    .push((id, Bytes::from(data), End::default()));
                waiting.in_table += 1;
            }
        }
        Ok(tail)
    }

    /// Forgets payloads of events that are gone, from the table as well.
    pub(super) fn forget(&mut self, is_gone: &dyn Fn(i64) -> bool) {
        for waiting in &mut self.waiting {
            let mut in_table = 0;
            let (mut at, before) = (0, waiting.in_table);
            waiting.payloads.retain(|(id, ..)| {
                let is_kept = !is_gone(*id);
                in_table += usize::from(is_kept && at < before);
                at += 1;
                is_kept
            });
            waiting.in_table = in_table;
            waiting.bytes = waiting
                .payloads
                .iter()
                .map(|(_, payload, _)| payload.len())
                .sum();
        }
    }

    /// Takes in one payload, with the text before it in its stream. Payloads of one class come in order of id.
    pub(super) fn add(
        &mut self,
        db: &Connection,
        press: &mut Press,
        id: i64,
        class: Class,
        (payload, before): (&Bytes, End),
    ) -> Result<(), TailError> {
        let index = usize::from(class.code());
        let Some(waiting) = self.waiting.get_mut(index) else {
            return self.cut(db, press, id, payload);
        };
        waiting.bytes += payload.len();
        waiting.payloads.push((id, payload.clone(), before));
        if waiting.bytes >= TARGET_BYTES {
            self.join(db, press, class)?;
        }
        Ok(())
    }

    /// Stores the blocks that are ready; with `all`, waits for the rest.
    pub(super) fn store(
        &mut self,
        db: &Connection,
        press: &mut Press,
        all: bool,
    ) -> Result<(), TailError> {
        let pressed = press.take_blocks(all)?;
        grams::store_undecoded(db, &press.take_undecoded())?;
        for pressed in pressed {
            self.insert(db, &pressed)?;
            if let Raw::Joined(raw) = pressed.block.raw {
                self.spare = raw;
            }
        }
        Ok(())
    }

    /// Puts what still waits into the table: the end of a batch.
    pub(super) fn save(&mut self, db: &Connection) -> Result<(), TailError> {
        let mut statement =
            db.prepare_cached("INSERT INTO tail (event_id, class, data) VALUES (?1, ?2, ?3)")?;
        for (class, waiting) in self.waiting.iter_mut().enumerate() {
            for (id, payload, _) in waiting.payloads.iter_mut().skip(waiting.in_table) {
                let data = self.vault.encrypt(Place::new(Column::Tail, *id), payload)?;
                statement.execute(params![*id, class, data])?;
                // The payload may be a small part of a large frame: do not keep that alive.
                *payload = Bytes::copy_from_slice(payload);
            }
            waiting.in_table = waiting.payloads.len();
        }
        Ok(())
    }

    /// Puts everything into blocks: the end of a recording.
    pub(super) fn flush(&mut self, db: &Connection, press: &mut Press) -> Result<(), TailError> {
        for class in [Class::Requests, Class::Text, Class::Binary] {
            self.join(db, press, class)?;
        }
        self.store(db, press, true)
    }

    /// Joins what waits of a class to a block.
    fn join(&mut self, db: &Connection, press: &mut Press, class: Class) -> Result<(), TailError> {
        let Some(waiting) = self.waiting.get_mut(usize::from(class.code())) else {
            return Ok(());
        };
        let (Some((first, ..)), Some((last, ..))) =
            (waiting.payloads.first(), waiting.payloads.last())
        else {
            return Ok(());
        };
        let (first, last, in_table) = (*first, *last, waiting.in_table > 0);
        let mut raw = std::mem::take(&mut self.spare);
        raw.clear();
        raw.reserve(waiting.bytes);
        let mut members = Vec::with_capacity(waiting.payloads.len());
        let mut ends = Vec::with_capacity(waiting.payloads.len());
        for (id, payload, before) in waiting.payloads.drain(..) {
            let (offset, length) = (raw.len(), payload.len());
            members.push(Member { id, offset, length });
            ends.push(before);
            raw.extend_from_slice(&payload);
        }
        (waiting.bytes, waiting.in_table) = (0, 0);
        let raw = Raw::Joined(raw);
        let id = self.take_block();
        press.add_block(Block {
            id,
            class,
            first,
            last,
            part_bytes: 0,
            members,
            before: ends,
            raw,
        })?;
        if in_table {
            db.prepare_cached("DELETE FROM tail WHERE event_id BETWEEN ?1 AND ?2 AND class = ?3")?
                .execute(params![first, last, class.code()])?;
        }
        self.store(db, press, false)
    }

    /// Cuts a large payload into parts.
    fn cut(
        &mut self,
        db: &Connection,
        press: &mut Press,
        id: i64,
        payload: &Bytes,
    ) -> Result<(), TailError> {
        press.add_large(id, payload)?;
        for part_bytes in (0..payload.len()).step_by(PART_BYTES) {
            let part = payload.slice(part_bytes..payload.len().min(part_bytes + PART_BYTES));
            self.add_part(db, press, id, (part_bytes, part))?;
        }
        Ok(())
    }

    /// Takes in a part of a large payload, with where in it the part begins. All but the last are [`PART_BYTES`] long.
    pub(super) fn add_part(
        &mut self,
        db: &Connection,
        press: &mut Press,
        id: i64,
        (part_bytes, part): (usize, Bytes),
    ) -> Result<(), TailError> {
        press.add_block(Block {
            id: self.take_block(),
            class: Class::Large,
            first: id,
            last: id,
            part_bytes,
            members: vec![Member {
                id,
                offset: 0,
                length: part.len(),
            }],
            before: Vec::new(),
            raw: Raw::Part(part),
        })?;
        self.store(db, press, false)
    }

    fn insert(&self, db: &Connection, pressed: &Pressed) -> Result<(), TailError> {
        let Block {
            id: block,
            class,
            first,
            last,
            part_bytes,
            members,
            before: _,
            raw,
        } = &pressed.block;
        let raw = raw.bytes();
        let data = pressed.data.as_deref().unwrap_or(raw);
        db.prepare_cached(
            "INSERT INTO blocks
                (id, class, first_id, last_id, part_bytes, raw_bytes, stored_bytes, codec, members)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            block,
            class.code(),
            first,
            last,
            part_bytes,
            raw.len(),
            data.len(),
            pressed.codec.code(),
            encode_members(*first, members)
        ])?;
        db.prepare_cached("INSERT INTO block_data (id, data) VALUES (?1, ?2)")?
            .execute(params![block, data])?;
        if let Some(filter) = &pressed.filter {
            filter.store(db, &self.vault, *block)?;
        }
        Ok(())
    }

    /// The number of the next block. They are stored in the order in which they are taken in.
    fn take_block(&mut self) -> i64 {
        self.next_block += 1;
        self.next_block - 1
    }
}
