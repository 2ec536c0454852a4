//! Single events that a finer rule takes out of commits that stay.
//!
//! Each leaves its digest behind, so that its batch can still be checked. A block loses the members that are gone from its
//! list at once, and is written anew when less than half of its bytes are needed.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::anchors::{self, Removed};
use super::commits::drop_block;
use crate::event::{EventId, StoredEvent, Timestamp};
use crate::filter::Expr;
use crate::store::block::{
    Class, Codec, Compressor, Member, decode_members, decompress, encode_members,
};
use crate::store::digest::EventHasher;
use crate::store::error::{At, Error};
use crate::store::exchanges::removal;
use crate::store::postings;
use crate::store::reader::Reader;
use crate::store::retention::Removal;
use crate::store::spans::Order;
use crate::store::vault::{Column, Place, Vault, VaultError};

/// How many events are looked at in one step.
const STEP_EVENTS: i64 = 4096;

/// How many events of large payloads, in bytes, end a step early.
const STEP_BYTES: u64 = 32 << 20;

/// An event that is to go.
pub(super) struct Going {
    pub(super) id: i64,
    stream: i64,
    direction: Option<u8>,
    class: Option<Class>,
    time: i64,
    received: i64,
    payload_bytes: u64,
    digest: [u8; 32],
}

/// What one step found.
pub(super) struct Found {
    pub(super) going: Vec<Going>,
    /// Up to here, everything was looked at.
    pub(super) looked_at: i64,
}

/// The name of the work of a rule in `progress`.
pub(super) fn work_of(filter: &Expr) -> String {
    format!("keep {filter}")
}

/// Finds the next events of a removal that its filter is true of, and computes their digests.
pub(super) fn find(
    reader: &Reader,
    filter: &Expr,
    removal: &Removal,
) -> std::result::Result<Found, Error> {
    let mut found = Found {
        going: Vec::new(),
        looked_at: removal.through,
    };
    let Some(first) = reader.next_id(removal.after, removal.through)? else {
        return Ok(found);
    };
    let last = first.saturating_add(STEP_EVENTS).min(removal.through);
    found.looked_at = last;
    let bounds = [
        Expr::after(EventId::new(first - 1)),
        Expr::up_to(EventId::new(last)),
    ];
    let filter = Expr::all([filter.clone()].into_iter().chain(bounds));
    let mut rows = reader.events(filter.as_ref(), Order::OldestFirst, None)?;
    let mut ids = Vec::new();
    while let Some((_, id)) = rows.next_id()? {
        ids.push(id);
    }
    ids.sort_unstable();
    let mut bytes = 0_u64;
    for id in ids {
        let Some(event) = reader.event(id)? else {
            continue;
        };
        bytes = bytes.saturating_add(event.payload_bytes);
        found.going.push(going(reader, &event)?);
        if bytes >= STEP_BYTES {
            found.looked_at = id.number();
            break;
        }
    }
    Ok(found)
}

fn going(reader: &Reader, stored: &StoredEvent) -> std::result::Result<Going, Error> {
    let StoredEvent {
        id,
        event,
        payload_bytes,
        ..
    } = stored;
    let envelope = reader.envelope(*id)?;
    let mut hasher = EventHasher::new(&reader.vault, *id, event, &envelope, *payload_bytes);
    let read = reader.payload(stored).and_then(|mut payload| {
        while let Some(piece) = payload.next_piece()? {
            hasher.update(&piece);
        }
        Ok(())
    });
    match read {
        // A payload that is damaged is not kept for that. Its digest tells that it was.
        Ok(()) | Err(Error::Corrupt { .. }) => {}
        Err(error) => return Err(error),
    }
    let stream = reader
        .db
        .prepare_cached("SELECT stream_id FROM events WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([id.number()], |row| row.get("stream_id")))
        .at(&reader.path)?;
    Ok(Going {
        id: id.number(),
        stream,
        direction: event.direction.map(crate::event::Direction::code),
        class: Class::of(event.content, *payload_bytes),
        time: event.time.as_nanos(),
        received: event.received.as_nanos(),
        payload_bytes: *payload_bytes,
        digest: hasher.finish(),
    })
}

/// Removes them.
pub(super) fn remove(
    db: &Connection,
    vault: &Vault,
    filter: &Expr,
    rule: &str,
    found: &Found,
    at: Timestamp,
) -> Result<()> {
    let mut removed = Removed::default();
    for going in &found.going {
        removed.add(going.id, going.time, going.received, going.payload_bytes);
    }
    if let Some(newest) = found.going.iter().map(|going| going.id).max() {
        removal::note_events(db, newest)?;
        let removal = anchors::note(db, rule, &removed, at)?;
        for going in &found.going {
            remove_rows(db, removal, going)?;
        }
        for going in &found.going {
            note_cut(db, going)?;
        }
        remove_payloads(db, vault, &found.going)?;
    }
    db.prepare_cached("INSERT OR REPLACE INTO progress (work, event_id) VALUES (?1, ?2)")?
        .execute(params![work_of(filter), found.looked_at])?;
    Ok(())
}

fn remove_rows(db: &Connection, removal: i64, going: &Going) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO removed_events (event_id, removal_id, digest) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![going.id, removal, going.digest])?;
    removal::remove_around(db, going.stream, going.id)?;
    for sql in [
        "DELETE FROM events WHERE id = ?1",
        "DELETE FROM details WHERE event_id = ?1",
        "DELETE FROM envelopes WHERE event_id = ?1",
        "DELETE FROM junctions WHERE event_id = ?1",
        "DELETE FROM undecoded WHERE event_id = ?1",
        "DELETE FROM cuts WHERE event_id = ?1",
        "DELETE FROM tail WHERE event_id = ?1",
    ] {
        db.prepare_cached(sql)?.execute([going.id])?;
    }
    Ok(())
}

/// Notes that the next event of the stream, if there is one, does not follow the one before it any more.
fn note_cut(db: &Connection, going: &Going) -> Result<()> {
    let listed = postings::listed(db)?;
    let mut next = None;
    {
        let mut statement = db.prepare_cached(
            "SELECT first_id, later FROM postings
             WHERE stream_id = ?1
                AND first_id >= COALESCE((SELECT MAX(first_id) FROM postings WHERE stream_id = ?1 AND first_id <= ?2), ?2)
             ORDER BY first_id",
        )?;
        let mut lists = statement.query([going.stream, going.id])?;
        while let (None, Some(list)) = (next, lists.next()?) {
            let later = list.get_ref("later")?.as_blob()?;
            for id in postings::ids(list.get("first_id")?, later).filter(|id| *id > going.id) {
                if is_in_stream(db, going, id)? {
                    next = Some(id);
                    break;
                }
            }
        }
    }
    if next.is_none() {
        next = db
            .prepare_cached(
                "SELECT e.id FROM events AS e JOIN shapes AS sh ON sh.id = e.shape_id
                 WHERE e.id > MAX(?1, ?2) AND +e.stream_id = ?3 AND sh.direction IS ?4 ORDER BY e.id LIMIT 1",
            )?
            .query_row(
                params![listed, going.id, going.stream, going.direction],
                |row| row.get("id"),
            )
            .optional()?;
    }
    if let Some(next) = next {
        db.prepare_cached("INSERT OR IGNORE INTO cuts (event_id) VALUES (?1)")?
            .execute([next])?;
    }
    Ok(())
}

fn is_in_stream(db: &Connection, going: &Going, id: i64) -> Result<bool> {
    db.prepare_cached(
        "SELECT EXISTS (
            SELECT 1 FROM events AS e JOIN shapes AS sh ON sh.id = e.shape_id
            WHERE e.id = ?1 AND e.stream_id = ?2 AND sh.direction IS ?3)",
    )?
    .query_row(params![id, going.stream, going.direction], |row| row.get(0))
}

/// Removes payloads from their blocks.
fn remove_payloads(db: &Connection, vault: &Vault, going: &[Going]) -> Result<()> {
    let mut of_block: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for Going { id, class, .. } in going {
        let Some(class) = class else { continue };
        if *class == Class::Large {
            let parts: Vec<i64> = db
                .prepare_cached("SELECT id FROM blocks WHERE class = ?1 AND first_id = ?2")?
                .query_map(params![class.code(), id], |row| row.get("id"))?
                .collect::<Result<_>>()?;
            for part in parts {
                drop_block(db, part)?;
            }
            continue;
        }
        let block: Option<(i64, i64)> = db
            .prepare_cached(
                "SELECT id, last_id FROM blocks WHERE class = ?1 AND first_id <= ?2 ORDER BY first_id DESC LIMIT 1",
            )?
            .query_row(params![class.code(), id], |row| {
                Ok((row.get("id")?, row.get("last_id")?))
            })
            .optional()?;
        if let Some((block, _)) = block.filter(|(_, last)| last >= id) {
            of_block.entry(block).or_default().push(*id);
        }
    }
    for (block, ids) in of_block {
        remove_members(db, vault, block, &ids)?;
    }
    Ok(())
}

/// Takes members out of a block; `ids` are in order.
fn remove_members(db: &Connection, vault: &Vault, block: i64, ids: &[i64]) -> Result<()> {
    let (first, raw_bytes, codec, members): (i64, usize, u8, Vec<u8>) = db
        .prepare_cached("SELECT first_id, raw_bytes, codec, members FROM blocks WHERE id = ?1")?
        .query_row([block], |row| {
            Ok((
                row.get("first_id")?,
                row.get("raw_bytes")?,
                row.get("codec")?,
                row.get("members")?,
            ))
        })?;
    let Some(mut members) = decode_members(first, &members) else {
        return Ok(());
    };
    members.retain(|member| ids.binary_search(&member.id).is_err());
    let (Some(first), Some(last)) = (
        members.first().map(|member| member.id),
        members.last().map(|member| member.id),
    ) else {
        return drop_block(db, block);
    };
    let needed: usize = members.iter().map(|member| member.length).sum();
    if needed < raw_bytes / 2
        && let Some(codec) = Codec::from_code(codec)
    {
        let data: Vec<u8> = db
            .prepare_cached("SELECT data FROM block_data WHERE id = ?1")?
            .query_row([block], |row| row.get("data"))?;
        let data = match vault.decrypt(Place::new(Column::BlockData, block), data) {
            Ok(data) => Some(data.into_owned()),
            Err(VaultError::Broken(_)) => None,
            Err(error) => return Err(error.into()),
        };
        // What is damaged stays as it is, to be told by whoever reads it.
        if let Some(raw) = data.and_then(|data| decompress(codec, data, raw_bytes))
            && let Some((members, raw)) = packed(&members, &raw)
        {
            return rewrite(db, vault, block, (first, last), &members, &raw);
        }
    }
    db.prepare_cached("UPDATE blocks SET first_id = ?2, last_id = ?3, members = ?4 WHERE id = ?1")?
        .execute(params![block, first, last, encode_members(first, &members)])?;
    Ok(())
}

/// The members side by side.
fn packed(members: &[Member], raw: &[u8]) -> Option<(Vec<Member>, Vec<u8>)> {
    let mut out = Vec::new();
    let mut moved = Vec::with_capacity(members.len());
    for member in members {
        let bytes = raw.get(member.offset..member.offset.checked_add(member.length)?)?;
        moved.push(Member {
            offset: out.len(),
            ..*member
        });
        out.extend_from_slice(bytes);
    }
    Some((moved, out))
}

fn rewrite(
    db: &Connection,
    vault: &Vault,
    block: i64,
    (first, last): (i64, i64),
    members: &[Member],
    raw: &[u8],
) -> Result<()> {
    let mut compressor = Compressor::new().map_err(no_memory)?;
    let (codec, data) = compressor.compress(raw).map_err(no_memory)?;
    let data = vault.encrypt(Place::new(Column::BlockData, block), data)?;
    db.prepare_cached(
        "UPDATE blocks SET first_id = ?2, last_id = ?3, raw_bytes = ?4, stored_bytes = ?5, codec = ?6, members = ?7
         WHERE id = ?1",
    )?
    .execute(params![
        block,
        first,
        last,
        raw.len(),
        data.len(),
        codec.code(),
        encode_members(first, members)
    ])?;
    db.prepare_cached("UPDATE block_data SET data = ?2 WHERE id = ?1")?
        .execute(params![block, data])?;
    Ok(())
}

fn no_memory(error: std::io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
