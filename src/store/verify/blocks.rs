//! The headers of blocks and their lists of members, against the events. Their bytes are read with the events.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::found::Found;
use crate::event::{Content, EventId, Part, Scope, Soundness, Timestamp};
use crate::store::block::{Class, Codec, Member, PART_BYTES, decode_members, decompress};
use crate::store::error::{At, Error};
use crate::store::reader::Reader;
use crate::store::vault::{Column, Place, Vault};
use crate::store::walk::{Step, Walk, seek};

/// The header of a block, and how many bytes of it there are.
struct Header {
    class: u8,
    first: i64,
    last: i64,
    part_bytes: u64,
    raw_bytes: usize,
    stored_bytes: u64,
    codec: u8,
    members: Vec<u8>,
    data_bytes: Option<u64>,
}

/// Checks every block.
pub(super) fn check(
    reader: &Reader,
    upper: i64,
    found: &mut Found<'_>,
    done: &mut Soundness,
) -> Result<(), Error> {
    let Reader {
        db, path, vault, ..
    } = reader;
    let mut walk = Walk::new(seek!("blocks", "id"), i64::MIN, i64::MAX);
    while let Some(step) = walk.next(reader).at(path)?
        && !reader.watch().is_stopped()
    {
        let id = match step {
            Step::Row(id) => id,
            Step::Hole(..) => {
                let detail = "rows of blocks cannot be read";
                found.add(Part::Block, detail, Scope::default());
                continue;
            }
        };
        let transaction = Transaction::new_unchecked(db, TransactionBehavior::Deferred).at(path)?;
        let result = check_block(db, vault, id, upper).at(path);
        match found.pass(Part::Block, result, Scope::default())? {
            // It cannot be read, which was said.
            None => {}
            Some(Ok(is_there)) => done.blocks += u64::from(is_there),
            Some(Err(Wrong { detail, scope })) => {
                found.add(Part::Block, format!("block {id} {detail}"), scope);
                done.blocks += 1;
            }
        }
        transaction.finish().at(path)?;
    }
    Ok(())
}

/// What is wrong with a block.
struct Wrong {
    detail: String,
    scope: Scope,
}

/// Whether the block is there (a recorder may have removed it since), and what is wrong with it.
fn check_block(
    db: &Connection,
    vault: &Vault,
    id: i64,
    upper: i64,
) -> rusqlite::Result<Result<bool, Wrong>> {
    let Some(header) = read(db, id)? else {
        return Ok(Ok(false));
    };
    let wrong = |detail: &str| {
        let mut scope = Scope::default();
        scope.add_range(EventId::new(header.first), EventId::new(header.last), 0);
        Ok(Err(Wrong {
            detail: detail.to_owned(),
            scope,
        }))
    };
    if Codec::from_code(header.codec).is_none() {
        return wrong("has an unknown codec");
    }
    match header.data_bytes {
        None => return wrong("has no bytes"),
        Some(bytes) if bytes != header.stored_bytes => {
            return wrong("has another size than its header says");
        }
        Some(_) => {}
    }
    let Some(members) = decode_members(header.first, &header.members) else {
        return wrong("has a damaged list of members");
    };
    let (Some(first), Some(last)) = (members.first(), members.last()) else {
        return wrong("has no members");
    };
    let is_ordered = members
        .iter()
        .zip(members.iter().skip(1))
        .all(|(a, b)| a.id < b.id);
    let is_inside = first.id >= header.first
        && last.id <= header.last
        && last.offset + last.length <= header.raw_bytes;
    if !is_ordered || !is_inside {
        return wrong("has members that are not in it");
    }
    let mut unfit = Scope::default();
    let mut needed = 0_u64;
    for member in &members {
        if let Some(event) = event(db, member.id)? {
            needed += 1;
            if !event.fits(&header, member) {
                unfit.add(EventId::new(member.id));
                unfit.add_time(event.time);
            }
        }
    }
    if unfit.events > 0 {
        return Ok(Err(Wrong {
            detail: "has members of another size or class than their events say".to_owned(),
            scope: unfit,
        }));
    }
    // Of the others, the bytes are read with the events.
    if needed == 0
        && header.first <= upper
        && vault.lock().is_none()
        && !can_be_decompressed(db, vault, id, &header)?
    {
        return wrong("cannot be decompressed, and no event needs it");
    }
    Ok(Ok(true))
}

fn read(db: &Connection, id: i64) -> rusqlite::Result<Option<Header>> {
    db.prepare_cached(
        "SELECT b.class, b.first_id, b.last_id, b.part_bytes, b.raw_bytes, b.stored_bytes, b.codec, b.members,
            (SELECT length(d.data) FROM block_data AS d WHERE d.id = b.id) AS data_bytes
         FROM blocks AS b WHERE b.id = ?1",
    )?
    .query_row([id], |row| {
        Ok(Header {
            class: row.get("class")?,
            first: row.get("first_id")?,
            last: row.get("last_id")?,
            part_bytes: row.get("part_bytes")?,
            raw_bytes: row.get("raw_bytes")?,
            stored_bytes: row.get("stored_bytes")?,
            codec: row.get("codec")?,
            members: row.get("members")?,
            data_bytes: row.get("data_bytes")?,
        })
    })
    .optional()
}

/// What an event says about its payload.
struct Payload {
    class: Option<Class>,
    bytes: u64,
    time: Timestamp,
}

impl Payload {
    fn fits(&self, header: &Header, member: &Member) -> bool {
        let bytes = match self.class {
            None => return false,
            Some(Class::Large) => self
                .bytes
                .saturating_sub(header.part_bytes)
                .min(PART_BYTES as u64),
            Some(_) => self.bytes,
        };
        self.class.map(Class::code) == Some(header.class) && bytes == member.length as u64
    }
}

fn event(db: &Connection, id: i64) -> rusqlite::Result<Option<Payload>> {
    db.prepare_cached(
        "SELECT e.payload_bytes, e.time_ns, sh.content FROM events AS e JOIN shapes AS sh ON sh.id = e.shape_id
         WHERE e.id = ?1",
    )?
    .query_row([id], |row| {
        let bytes = row.get("payload_bytes")?;
        let content = Content::from_code(row.get("content")?);
        Ok(Payload {
            class: content.and_then(|content| Class::of(content, bytes)),
            bytes,
            time: Timestamp::from_nanos(row.get("time_ns")?),
        })
    })
    .optional()
}

fn can_be_decompressed(
    db: &Connection,
    vault: &Vault,
    id: i64,
    header: &Header,
) -> rusqlite::Result<bool> {
    let data: Vec<u8> = db
        .prepare_cached("SELECT data FROM block_data WHERE id = ?1")?
        .query_row([id], |row| row.get("data"))?;
    let Ok(data) = vault.decrypt(Place::new(Column::BlockData, id), data) else {
        return Ok(false);
    };
    let data = data.into_owned();
    Ok(Codec::from_code(header.codec)
        .is_some_and(|codec| decompress(codec, data, header.raw_bytes).is_some()))
}
