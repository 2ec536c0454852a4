//! Who processes were: rows of `identities`, written once and read again.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::error::{At, Error, is_damage};
use super::reader::Reader;
use crate::event::{Identity, IdentityId, RecordingId, Timestamp};

/// The schema version from which on there are identities.
pub(super) const SINCE_VERSION: i64 = 5;

/// How many identities a reader remembers. Beyond that it forgets all of them.
const REMEMBERED: usize = 4096;

/// Identities that were read; `None` for a row that is not there.
pub(super) type IdentityCache = HashMap<i64, Option<Arc<Identity>>>;

/// Writes an identity, unless it is there.
pub(super) fn add(db: &Connection, identity: &Identity) -> Result<()> {
    db.prepare_cached(
        "INSERT OR IGNORE INTO identities
            (id, recording_id, pid, started_ns, read_ns, exe, ppid, parent, uid, cgroup, container, cmdline)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        identity.id.number(),
        identity.recording.number(),
        identity.pid,
        identity.started.as_nanos(),
        identity.read.as_nanos(),
        identity.exe,
        identity.ppid,
        identity.parent,
        identity.uid,
        identity.cgroup,
        identity.container,
        identity.cmdline
    ])?;
    Ok(())
}

fn read(db: &Connection, id: i64) -> Result<Option<Identity>> {
    db.prepare_cached(
        "SELECT id, recording_id, pid, started_ns, read_ns, exe, ppid, parent, uid, cgroup, container, cmdline
         FROM identities WHERE id = ?1",
    )?
    .query_row([id], |row| {
        Ok(Identity {
            id: IdentityId::new(row.get("id")?),
            recording: RecordingId::new(row.get("recording_id")?),
            pid: row.get("pid")?,
            started: Timestamp::from_nanos(row.get("started_ns")?),
            read: Timestamp::from_nanos(row.get("read_ns")?),
            exe: row.get("exe")?,
            ppid: row.get("ppid")?,
            parent: row.get("parent")?,
            uid: row.get("uid")?,
            cgroup: row.get("cgroup")?,
            container: row.get("container")?,
            cmdline: row.get("cmdline")?,
        })
    })
    .optional()
}

impl Reader {
    /// The identity with this row. One that is damaged is absent, as what it was read for can do without; that the file is
    /// damaged is for `verify` to tell.
    pub(super) fn identity(&self, row: Option<i64>) -> Result<Option<Arc<Identity>>, Error> {
        let Some(row) = row else {
            return Ok(None);
        };
        if let Some(known) = self.identities.borrow().get(&row) {
            return Ok(known.clone());
        }
        let found = match read(&self.db, row) {
            Err(error) if is_damage(&error) => None,
            found => found.at(&self.path)?.map(Arc::new),
        };
        let mut known = self.identities.borrow_mut();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(row, found.clone());
        Ok(found)
    }
}
