//! Rows that many events share: processes, streams, shapes and heads, each found again or made.
//!
//! What was seen lately is remembered, within limits; what is forgotten is looked up in the file where a second row
//! would mean something (processes, streams) and written again where it would not (shapes, heads).

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, Result, named_params, params};

use super::batch::{Identified, NewEvent};
use super::identities;
use super::unidentified::{Unidentified, Waiting};
use crate::event::{
    ConnectionId, Direction, Event, HttpHead, Identity, Process, RecordingId, RunId, Timestamp,
};

/// How many rows of each table are remembered.
const REMEMBERED: usize = 16 * 1024;

/// Longer texts than this many bytes are not remembered, but written each time: they are rarely the same twice.
const LONGEST: usize = 256;

/// A map that forgets everything when it is full.
struct Memory<K> {
    ids: HashMap<K, i64, RandomState>,
    next: i64,
}

impl<K: Eq + Hash> Memory<K> {
    fn new(db: &Connection, table: &'static str) -> Result<Self> {
        let sql = match table {
            "processes" => "SELECT COALESCE(MAX(id), 0) + 1 FROM processes",
            "streams" => "SELECT COALESCE(MAX(id), 0) + 1 FROM streams",
            "shapes" => "SELECT COALESCE(MAX(id), 0) + 1 FROM shapes",
            "paths" => "SELECT COALESCE(MAX(id), 0) + 1 FROM paths",
            _ => "SELECT COALESCE(MAX(id), 0) + 1 FROM heads",
        };
        Ok(Self {
            ids: HashMap::default(),
            next: db.query_row(sql, [], |row| row.get(0))?,
        })
    }

    fn take_next(&mut self) -> i64 {
        let id = self.next;
        self.next += 1;
        id
    }

    fn remember(&mut self, key: K, id: i64) {
        if self.ids.len() >= REMEMBERED {
            self.ids.clear();
        }
        self.ids.insert(key, id);
    }
}

/// What `processes` holds: pid, name, user, identity.
type ProcessKey = (Option<u32>, Option<String>, Option<u32>, Option<i64>);
/// What `streams` holds: run, process, connection.
type StreamKey = (RunId, i64, Option<ConnectionId>);
/// What `shapes` holds, as in the table.
type ShapeKey = (
    u8,
    u8,
    Option<u8>,
    Option<u8>,
    Option<u32>,
    u32,
    u16,
    u8,
    i64,
);

/// The rows that events share.
pub(super) struct Interner {
    processes: Memory<ProcessKey>,
    streams: Memory<StreamKey>,
    shapes: Memory<ShapeKey>,
    heads: Memory<HttpHead>,
    paths: Memory<String>,
    last_process: Option<(ProcessKey, i64)>,
    unidentified: Unidentified,
    /// Connections from this one on had no stream when streams were last forgotten: all of theirs are remembered.
    fresh_from: ConnectionId,
    /// The newest connection that has a stream.
    newest: ConnectionId,
}

impl Interner {
    /// `next_connection` is the id that the next connection will get.
    pub(super) fn new(db: &Connection, next_connection: ConnectionId) -> Result<Self> {
        Ok(Self {
            processes: Memory::new(db, "processes")?,
            streams: Memory::new(db, "streams")?,
            shapes: Memory::new(db, "shapes")?,
            heads: Memory::new(db, "heads")?,
            paths: Memory::new(db, "paths")?,
            last_process: None,
            unidentified: Unidentified::default(),
            fresh_from: next_connection,
            newest: ConnectionId::new(next_connection.number() - 1),
        })
    }

    /// Forgets which rows there are. What is met again is looked up, or written again.
    pub(super) fn forget(&mut self) {
        self.processes.ids.clear();
        self.streams.ids.clear();
        self.shapes.ids.clear();
        self.heads.ids.clear();
        self.paths.ids.clear();
        self.last_process = None;
        self.unidentified.forget();
        self.fresh_from = ConnectionId::new(self.newest.number() + 1);
    }

    /// The row for a process under one name.
    fn process(
        &mut self,
        db: &Connection,
        process: &Process,
        identity: Option<&Identity>,
    ) -> Result<i64> {
        let identity_id = identity.map(|identity| identity.id.number());
        if let Some((key, id)) = &self.last_process
            && (key.0, key.1.as_deref(), key.2, key.3)
                == (
                    process.pid,
                    process.pname.as_deref(),
                    process.uid,
                    identity_id,
                )
        {
            return Ok(*id);
        }
        let key: ProcessKey = (process.pid, process.pname.clone(), process.uid, identity_id);
        let id = match self.processes.ids.get(&key) {
            Some(id) => *id,
            None => self.find_or_add_process(db, &key, identity)?,
        };
        self.last_process = Some((key, id));
        Ok(id)
    }

    fn find_or_add_process(
        &mut self,
        db: &Connection,
        key: &ProcessKey,
        identity: Option<&Identity>,
    ) -> Result<i64> {
        let parameters =
            named_params! { ":pname": key.1, ":pid": key.0, ":uid": key.2, ":identity": key.3 };
        let found = db
            .prepare_cached(
                "SELECT id FROM processes
                 WHERE pname IS :pname AND pid IS :pid AND uid IS :uid AND +identity_id IS :identity LIMIT 1",
            )?
            .query_row(parameters, |row| row.get(0))
            .optional()?;
        let id = if let Some(id) = found {
            id
        } else {
            if let Some(identity) = identity {
                identities::add(db, identity)?;
            }
            let id = self.processes.take_next();
            db.prepare_cached("INSERT INTO processes (id, pid, pname, uid, identity_id) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![id, key.0, key.1, key.2, key.3])?;
            id
        };
        self.processes.remember(key.clone(), id);
        Ok(id)
    }

    /// The row for the streams of an event's connection.
    pub(super) fn stream(&mut self, db: &Connection, new: &NewEvent) -> Result<i64> {
        let event = &new.captured.event;
        let process = self.process(db, &event.process, new.identity.as_deref())?;
        let (stream, is_new) = self.stream_of(db, (new.run, process, new.connection))?;
        if is_new && new.identity.is_none() {
            let waiting = Waiting {
                stream,
                run: new.run,
                process,
                uid: event.process.uid,
                connection: new.connection,
                first_received: event.received,
            };
            self.note(&event.process, is_new, waiting);
        }
        Ok(stream)
    }

    fn note(&mut self, process: &Process, is_new: bool, waiting: Waiting) {
        if let (Some(pid), Some(pname)) = (process.pid, &process.pname) {
            self.unidentified.note((pid, pname), is_new, waiting);
        }
    }

    /// The row for streams like those of a stored event, but of another connection.
    pub(super) fn moved_stream(
        &mut self,
        db: &Connection,
        event_id: i64,
        connection: ConnectionId,
    ) -> Result<Option<i64>> {
        let found = db
            .prepare_cached(
                "SELECT s.run_id, s.process_id, p.pid, p.pname, p.uid, p.identity_id,
                    e.time_ns + e.received_after_ns AS received_ns
                 FROM events AS e
                 JOIN streams AS s ON s.id = e.stream_id
                 JOIN processes AS p ON p.id = s.process_id
                 WHERE e.id = ?1",
            )?
            .query_row(params![event_id], |row| {
                let process = Process {
                    pid: row.get("pid")?,
                    tid: None,
                    uid: row.get("uid")?,
                    pname: row.get("pname")?,
                };
                let waiting = Waiting {
                    stream: 0,
                    run: RunId::new(row.get("run_id")?),
                    process: row.get("process_id")?,
                    uid: process.uid,
                    connection: Some(connection),
                    first_received: Timestamp::from_nanos(row.get("received_ns")?),
                };
                let is_identified = row.get::<_, Option<i64>>("identity_id")?.is_some();
                Ok((process, waiting, is_identified))
            })
            .optional()?;
        let Some((process, waiting, is_identified)) = found else {
            return Ok(None);
        };
        let key = (waiting.run, waiting.process, waiting.connection);
        let (stream, is_new) = self.stream_of(db, key)?;
        if !is_identified {
            self.note(&process, is_new, Waiting { stream, ..waiting });
        }
        Ok(Some(stream))
    }

    /// Gives the streams of a process that has become known their identity, if they are of this recording and all their
    /// events were received since it started.
    pub(super) fn identify(
        &mut self,
        db: &Connection,
        recording: RecordingId,
        identified: &Identified,
    ) -> Result<()> {
        let Identified { pname, identity } = identified;
        let waiting = self
            .unidentified
            .take((identity.pid, pname), identity.started);
        for waiting in waiting {
            // Several eCaptures of one recorder can tell of one process; each has its own identities.
            let is_of_recording: bool = db
                .prepare_cached(
                    "SELECT EXISTS (
                        SELECT 1 FROM streams AS s
                        JOIN runs AS r ON r.id = s.run_id
                        JOIN recordings AS m ON m.source_id = r.source_id
                        WHERE s.id = ?1 AND m.id = ?2)",
                )?
                .query_row([waiting.stream, recording.number()], |row| row.get(0))?;
            if !is_of_recording {
                self.unidentified.note((identity.pid, pname), true, waiting);
                continue;
            }
            let process = Process {
                pid: Some(identity.pid),
                tid: None,
                uid: waiting.uid,
                pname: Some(pname.clone()),
            };
            let row = self.process(db, &process, Some(identity))?;
            db.prepare_cached("UPDATE streams SET process_id = ?2 WHERE id = ?1")?
                .execute([waiting.stream, row])?;
            let Waiting {
                run, connection, ..
            } = waiting;
            self.streams.ids.remove(&(run, waiting.process, connection));
            self.remember_stream((run, row, connection), waiting.stream);
        }
        Ok(())
    }

    /// The row, and whether it was made for that.
    fn stream_of(&mut self, db: &Connection, key: StreamKey) -> Result<(i64, bool)> {
        if let Some(id) = self.streams.ids.get(&key) {
            return Ok((*id, false));
        }
        let (run, process, connection) = key;
        let is_fresh = connection.is_some_and(|connection| connection >= self.fresh_from);
        let parameters = named_params! {
            ":run": run.number(),
            ":process": process,
            ":connection": connection.map(ConnectionId::number),
        };
        let found: Option<i64> = if is_fresh {
            None
        } else if connection.is_some() {
            db.prepare_cached(
                "SELECT id FROM streams
                 WHERE connection_id = :connection AND process_id = :process AND run_id = :run
                 LIMIT 1",
            )?
            .query_row(parameters, |row| row.get(0))
            .optional()?
        } else {
            db.prepare_cached(
                "SELECT id FROM streams
                 WHERE process_id = :process AND connection_id IS :connection AND run_id = :run
                 LIMIT 1",
            )?
            .query_row(parameters, |row| row.get(0))
            .optional()?
        };
        let is_new = found.is_none();
        let id = if let Some(id) = found {
            id
        } else {
            let id = self.streams.take_next();
            db.prepare_cached(
                "INSERT INTO streams (id, run_id, process_id, connection_id) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                id,
                run.number(),
                process,
                connection.map(ConnectionId::number)
            ])?;
            id
        };
        self.newest = self.newest.max(connection.unwrap_or(self.newest));
        self.remember_stream(key, id);
        Ok((id, is_new))
    }

    fn remember_stream(&mut self, key: StreamKey, id: i64) {
        if self.streams.ids.len() >= REMEMBERED {
            self.fresh_from = ConnectionId::new(self.newest.number() + 1);
        }
        self.streams.remember(key, id);
    }

    /// The row for how an event is to be read.
    pub(super) fn shape(&mut self, db: &Connection, event: &Event) -> Result<i64> {
        let key: ShapeKey = (
            event.kind.code(),
            event.content.code(),
            event.direction.map(Direction::code),
            event.probe.map(crate::event::Probe::code),
            event.ecapture_type,
            event.form.code(),
            event.provenance.bits(),
            event.clock.kind.code(),
            event.clock.offset_ns,
        );
        if let Some(id) = self.shapes.ids.get(&key) {
            return Ok(*id);
        }
        let id = self.shapes.take_next();
        db.prepare_cached(
            "INSERT INTO shapes
                (id, kind, content, direction, probe, ecapture_type, form, provenance, clock, clock_offset_ns)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![id, key.0, key.1, key.2, key.3, key.4, key.5, key.6, key.7, key.8])?;
        self.shapes.remember(key, id);
        Ok(id)
    }

    /// The rows for the facts of an HTTP head: all but its path, and its path.
    pub(super) fn head(&mut self, db: &Connection, head: &HttpHead) -> Result<(i64, Option<i64>)> {
        let path = head
            .path
            .as_ref()
            .map(|path| self.path(db, path))
            .transpose()?;
        let key = HttpHead {
            path: None,
            ..head.clone()
        };
        if let Some(id) = self.heads.ids.get(&key) {
            return Ok((*id, path));
        }
        let id = self.heads.take_next();
        db.prepare_cached("INSERT INTO heads (id, method, host, status, content_type) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![id, key.method, key.host, key.status, key.content_type])?;
        if key.host.as_ref().map_or(0, String::len)
            + key.content_type.as_ref().map_or(0, String::len)
            <= LONGEST
        {
            self.heads.remember(key, id);
        }
        Ok((id, path))
    }

    fn path(&mut self, db: &Connection, path: &str) -> Result<i64> {
        if let Some(id) = self.paths.ids.get(path) {
            return Ok(*id);
        }
        let id = self.paths.take_next();
        db.prepare_cached("INSERT INTO paths (id, path) VALUES (?1, ?2)")?
            .execute(params![id, path])?;
        if path.len() <= LONGEST {
            self.paths.remember(path.to_owned(), id);
        }
        Ok(id)
    }
}
