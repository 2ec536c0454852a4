//! Rows that the events of a subset share.

use std::collections::HashSet;

use super::copy::{Copying, Rows, Secret, rows};
use crate::store::error::Error;

/// How many rows of the tables that events share are remembered as copied, some 50 bytes each.
const REMEMBERED: usize = 64 * 1024;

/// What belongs to a row of `streams`.
pub(in crate::store) const STREAM: [Rows; 6] = [
    rows!(
        "streams",
        ["id, run_id, process_id, connection_id"],
        "?1, ?2, ?3, ?4",
        "WHERE id = ?1"
    ),
    rows!(
        "processes",
        ["id, pid, pname, uid, identity_id"],
        "?1, ?2, ?3, ?4, ?5",
        "WHERE id = (SELECT process_id FROM streams WHERE id = ?1)"
    ),
    rows!(
        "identities",
        [
            "id, recording_id, pid, started_ns, read_ns, exe, ppid, parent, uid, cgroup, container, cmdline"
        ],
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12",
        "WHERE id = (SELECT p.identity_id FROM streams AS s JOIN processes AS p ON p.id = s.process_id WHERE s.id = ?1)"
    )
    .hiding(&[("cmdline", Secret::Gone)]),
    rows!(
        "connections",
        ["id, fd, tid, src_ip, src_port, dst_ip, dst_port, sense, tuple_source, role"],
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10",
        "WHERE id = (SELECT connection_id FROM streams WHERE id = ?1)"
    ),
    rows!(
        "runs",
        ["id, source_id, first_log, version, started_ns, zone_offset_seconds"],
        "?1, ?2, ?3, ?4, ?5, ?6",
        "WHERE id = (SELECT run_id FROM streams WHERE id = ?1)"
    )
    .hiding(&[("first_log", Secret::Text)]),
    rows!(
        "sources",
        ["id, url, host_name, boot_id, name"],
        "?1, ?2, ?3, ?4, ?5",
        "WHERE id = (SELECT r.source_id FROM streams AS s JOIN runs AS r ON r.id = s.run_id WHERE s.id = ?1)"
    ),
];

/// What belongs to a row of `shapes`.
pub(in crate::store) const SHAPE: [Rows; 1] = [rows!(
    "shapes",
    [
        "id, kind, content, direction, probe, ecapture_type, form, provenance, clock, clock_offset_ns"
    ],
    "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10",
    "WHERE id = ?1"
)];

/// What belongs to a row of `heads`.
pub(in crate::store) const HEAD: [Rows; 1] = [rows!(
    "heads",
    ["id, method, host, status, content_type"],
    "?1, ?2, ?3, ?4, ?5",
    "WHERE id = ?1"
)];

/// What belongs to a row of `paths`.
pub(in crate::store) const PATH: [Rows; 1] =
    [rows!("paths", ["id, path"], "?1, ?2", "WHERE id = ?1")];

/// Rows that events share, each copied when the first event names it.
pub(super) struct Shared {
    rows: &'static [Rows],
    copied: HashSet<i64>,
}

impl Shared {
    /// Those of `streams`, with their process, its identity, connection, run and source.
    pub(super) fn streams() -> Self {
        Self::new(&STREAM)
    }

    /// Those of `shapes`.
    pub(super) fn shapes() -> Self {
        Self::new(&SHAPE)
    }

    /// Those of `heads`.
    pub(super) fn heads() -> Self {
        Self::new(&HEAD)
    }

    /// Those of `paths`.
    pub(super) fn paths() -> Self {
        Self::new(&PATH)
    }

    fn new(rows: &'static [Rows]) -> Self {
        Self {
            rows,
            copied: HashSet::new(),
        }
    }

    /// Copies what belongs to this row, unless that was done.
    pub(super) fn copy(&mut self, copying: &Copying<'_>, id: i64) -> Result<(), Error> {
        if self.copied.contains(&id) {
            return Ok(());
        }
        for rows in self.rows {
            copying.copy(rows, &[id])?;
        }
        // What is forgotten is tried again, and is there.
        if self.copied.len() >= REMEMBERED {
            self.copied.clear();
        }
        self.copied.insert(id);
        Ok(())
    }
}
