//! The facts that a group of events has in common.

use rusqlite::{Result, Row};

use super::row::{RowError, read_tuple};
use crate::event::{
    Content, Direction, Endpoints, Kind, Probe, Provenance, Role, Tuple, TupleSource,
};
use crate::filter::Facts;

/// The groups in `temp.groups`, with what their numbers stand for.
pub(super) const SELECT: &str = "
    SELECT g.events, g.bytes, g.first_ns, g.last_ns,
        p.pid, p.pname, COALESCE(p.uid, i.uid) AS uid, i.exe, i.ppid, i.container,
        COALESCE(so.name, so.url) AS source, c.id AS connection_id, c.fd,
        c.src_ip, c.src_port, c.dst_ip, c.dst_port, c.sense, c.tuple_source, c.role,
        sh.kind, sh.content, sh.direction, sh.probe, sh.ecapture_type, sh.provenance,
        h.method, h.host, h.status, h.content_type, pa.path
    FROM temp.groups AS g
    LEFT JOIN streams AS s ON s.id = g.stream_id
    LEFT JOIN processes AS p ON p.id = s.process_id
    LEFT JOIN identities AS i ON i.id = p.identity_id
    LEFT JOIN connections AS c ON c.id = s.connection_id
    LEFT JOIN runs AS r ON r.id = s.run_id
    LEFT JOIN sources AS so ON so.id = r.source_id
    LEFT JOIN shapes AS sh ON sh.id = g.shape_id
    LEFT JOIN heads AS h ON h.id = g.head_id
    LEFT JOIN paths AS pa ON pa.id = g.path_id";

/// The texts of a row, and its facts without them.
pub(super) struct Owned {
    process: ProcessFacts,
    source: Option<String>,
    method: Option<String>,
    host: Option<String>,
    content_type: Option<String>,
    path: Option<String>,
    rest: Facts<'static>,
}

impl Owned {
    /// The facts.
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            source: self.source.as_deref(),
            method: self.method.as_deref(),
            host: self.host.as_deref(),
            content_type: self.content_type.as_deref(),
            path: self.path.as_deref(),
            ..self.process.facts(&self.rest)
        }
    }
}

/// Reads a row of [`SELECT`].
pub(super) fn read(row: &Row<'_>) -> Result<Owned> {
    let shape = if row.get::<_, Option<u8>>("kind")?.is_some() {
        shape_facts(row)?
    } else {
        Facts::default()
    };
    Ok(Owned {
        process: ProcessFacts::read(row)?,
        source: row.get("source")?,
        method: row.get("method")?,
        host: row.get("host")?,
        content_type: row.get("content_type")?,
        path: row.get("path")?,
        rest: Facts {
            status: row.get("status")?,
            kind: shape.kind,
            content: shape.content,
            direction: shape.direction,
            probe: shape.probe,
            ecapture_type: shape.ecapture_type,
            provenance: shape.provenance,
            ..connection_facts(row, "connection_id")?
        },
    })
}

/// The facts about a process and its identity.
#[derive(Debug, Default)]
pub(super) struct ProcessFacts {
    pid: Option<u32>,
    uid: Option<u32>,
    pname: Option<String>,
    exe: Option<String>,
    ppid: Option<u32>,
    container: Option<String>,
}

impl ProcessFacts {
    /// Reads them from the columns of these names.
    pub(super) fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            pid: row.get("pid")?,
            uid: row.get("uid")?,
            pname: row.get("pname")?,
            exe: row.get("exe")?,
            ppid: row.get("ppid")?,
            container: row.get("container")?,
        })
    }

    /// Together with what else is known.
    pub(super) fn facts<'a>(&'a self, rest: &Facts<'a>) -> Facts<'a> {
        Facts {
            pid: self.pid,
            uid: self.uid,
            pname: self.pname.as_deref(),
            exe: self.exe.as_deref(),
            ppid: self.ppid,
            container: self.container.as_deref(),
            ..*rest
        }
    }
}

/// The facts about a shape.
pub(super) fn shape_facts(row: &Row<'_>) -> Result<Facts<'static>> {
    let (direction, probe): (Option<u8>, Option<u8>) = (row.get("direction")?, row.get("probe")?);
    Ok(Facts {
        kind: Kind::from_code(row.get("kind")?),
        content: Content::from_code(row.get("content")?),
        direction: direction.and_then(Direction::from_code),
        probe: probe.and_then(Probe::from_code),
        ecapture_type: row.get("ecapture_type")?,
        provenance: Some(Provenance::from_bits_retain(row.get("provenance")?)),
        ..Facts::default()
    })
}

/// The facts about a connection, whose id is in the column `id`.
pub(super) fn connection_facts(row: &Row<'_>, id: &str) -> Result<Facts<'static>> {
    let role: Option<u8> = row.get("role")?;
    let role = role.and_then(Role::from_code);
    let endpoints = match read_tuple(row) {
        Ok(ends) => ends.map_or_else(
            Endpoints::default,
            |(tuple, source): (Tuple, TupleSource)| Endpoints::new(tuple, source, role),
        ),
        Err(RowError::Sqlite(error)) => return Err(error),
        // A damaged row has no ends; reading an event of that connection says so.
        Err(RowError::Unknown(_)) => Endpoints::default(),
    };
    Ok(Facts {
        connection: row.get(id)?,
        fd: row.get("fd")?,
        endpoints,
        role,
        ..Facts::default()
    })
}
