//! The writing side of payloads: they wait in the tail until there are enough of their class for a block.
//!
//! At high rates most payloads of a batch go into blocks at once and never touch the tail. At low rates each waits there
//! for at most [`TARGET_BYTES`] of its class, so that blocks are as large, and compress as well, as at high rates.

use std::path::Path;

use bytes::Bytes;
use rusqlite::{Connection, params};

use super::block::{Class, Compressor, Member, PART_BYTES, TARGET_BYTES, encode_members};
use super::error::Error;

/// Payloads of one class that are not in a block yet.
#[derive(Default)]
struct Waiting {
    payloads: Vec<(i64, Bytes)>,
    bytes: usize,
    /// How many of `payloads` stand in the table `tail`.
    in_table: usize,
}

/// Puts payloads into blocks.
pub(super) struct Tail {
    waiting: [Waiting; 3],
    compressor: Compressor,
    next_block: i64,
    raw: Vec<u8>,
}

/// What can fail: SQLite, or zstd for want of memory.
pub(super) enum TailError {
    Sqlite(rusqlite::Error),
    Zstd(std::io::Error),
}

impl TailError {
    /// As an error of the file at `path`.
    pub(super) fn at(self, path: &Path) -> Error {
        match self {
            Self::Sqlite(error) => Error::from_sqlite(path, error),
            Self::Zstd(error) => Error::from_io(path, error),
        }
    }
}

impl From<rusqlite::Error> for TailError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<std::io::Error> for TailError {
    fn from(error: std::io::Error) -> Self {
        Self::Zstd(error)
    }
}

impl Tail {
    /// Takes up what an earlier recorder left in the table.
    pub(super) fn new(db: &Connection) -> Result<Self, TailError> {
        let mut tail = Self {
            waiting: Default::default(),
            compressor: Compressor::new()?,
            next_block: db.query_row("SELECT COALESCE(MAX(id), 0) + 1 FROM blocks", [], |row| {
                row.get(0)
            })?,
            raw: Vec::with_capacity(2 * TARGET_BYTES),
        };
        let mut statement =
            db.prepare("SELECT event_id, class, data FROM tail ORDER BY event_id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let data: Vec<u8> = row.get("data")?;
            if let Some(waiting) = tail.waiting.get_mut(row.get::<_, usize>("class")?) {
                waiting.bytes += data.len();
                waiting
                    .payloads
                    .push((row.get("event_id")?, Bytes::from(data)));
                waiting.in_table += 1;
            }
        }
        Ok(tail)
    }

    /// Takes in one payload. Payloads of one class come in order of id.
    pub(super) fn add(
        &mut self,
        db: &Connection,
        id: i64,
        class: Class,
        payload: &Bytes,
    ) -> Result<(), TailError> {
        if class == Class::Large {
            return self.write_parts(db, id, payload);
        }
        let index = usize::from(class.code());
        let Some(waiting) = self.waiting.get_mut(index) else {
            return Ok(());
        };
        waiting.bytes += payload.len();
        waiting.payloads.push((id, payload.clone()));
        if waiting.bytes >= TARGET_BYTES {
            self.write_block(db, class)?;
        }
        Ok(())
    }

    /// Puts what still waits into the table: the end of a batch.
    pub(super) fn save(&mut self, db: &Connection) -> Result<(), TailError> {
        let mut statement =
            db.prepare_cached("INSERT INTO tail (event_id, class, data) VALUES (?1, ?2, ?3)")?;
        for (class, waiting) in self.waiting.iter_mut().enumerate() {
            for (id, payload) in waiting.payloads.iter_mut().skip(waiting.in_table) {
                statement.execute(params![*id, class, payload.as_ref()])?;
                // The payload may be a small part of a large frame: do not keep that alive.
                *payload = Bytes::copy_from_slice(payload);
            }
            waiting.in_table = waiting.payloads.len();
        }
        Ok(())
    }

    /// Puts everything into blocks: the end of a recording.
    pub(super) fn flush(&mut self, db: &Connection) -> Result<(), TailError> {
        for class in [Class::Requests, Class::Text, Class::Binary] {
            self.write_block(db, class)?;
        }
        Ok(())
    }

    fn write_block(&mut self, db: &Connection, class: Class) -> Result<(), TailError> {
        let Some(waiting) = self.waiting.get_mut(usize::from(class.code())) else {
            return Ok(());
        };
        let (Some((first, _)), Some((last, _))) =
            (waiting.payloads.first(), waiting.payloads.last())
        else {
            return Ok(());
        };
        let (first, last, in_table) = (*first, *last, waiting.in_table > 0);
        self.raw.clear();
        let mut members = Vec::with_capacity(waiting.payloads.len());
        for (id, payload) in waiting.payloads.drain(..) {
            members.push(Member {
                id,
                offset: self.raw.len(),
                length: payload.len(),
            });
            self.raw.extend_from_slice(&payload);
        }
        *waiting = Waiting {
            payloads: std::mem::take(&mut waiting.payloads),
            bytes: 0,
            in_table: 0,
        };
        let raw = std::mem::take(&mut self.raw);
        self.insert(db, class, (first, last), 0, &members, &raw)?;
        self.raw = raw;
        if in_table {
            db.prepare_cached("DELETE FROM tail WHERE event_id BETWEEN ?1 AND ?2 AND class = ?3")?
                .execute(params![first, last, class.code()])?;
        }
        Ok(())
    }

    fn write_parts(&mut self, db: &Connection, id: i64, payload: &Bytes) -> Result<(), TailError> {
        for (index, part) in payload.chunks(PART_BYTES).enumerate() {
            let member = Member {
                id,
                offset: 0,
                length: part.len(),
            };
            self.insert(
                db,
                Class::Large,
                (id, id),
                index * PART_BYTES,
                &[member],
                part,
            )?;
        }
        Ok(())
    }

    fn insert(
        &mut self,
        db: &Connection,
        class: Class,
        (first, last): (i64, i64),
        part_bytes: usize,
        members: &[Member],
        raw: &[u8],
    ) -> Result<(), TailError> {
        let (codec, data) = self.compressor.compress(raw)?;
        db.prepare_cached(
            "INSERT INTO blocks
                (id, class, first_id, last_id, part_bytes, raw_bytes, stored_bytes, codec, members)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            self.next_block,
            class.code(),
            first,
            last,
            part_bytes,
            raw.len(),
            data.len(),
            codec.code(),
            encode_members(first, members)
        ])?;
        db.prepare_cached("INSERT INTO block_data (id, data) VALUES (?1, ?2)")?
            .execute(params![self.next_block, data])?;
        self.next_block += 1;
        Ok(())
    }
}
