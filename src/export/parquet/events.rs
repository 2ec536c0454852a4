//! Events as a table, one row each.

use std::io::{self, Write};
use std::net::SocketAddr;

use bytes::Bytes;

use super::super::identity::cmdline;
use super::table::{Cell, MAX_CELL_BYTES, Sort, Table};
use crate::event::{
    ConnectionId, Details, Direction, Event, HttpHead, Identity, Probe, Role, Sense, StoredEvent,
    Tuple, TupleSource,
};

/// What a row is made of.
struct Row<'a> {
    capture: Option<&'a str>,
    stored: &'a StoredEvent,
    payload: &'a [u8],
    is_truncated: bool,
}

impl Row<'_> {
    fn event(&self) -> &Event {
        &self.stored.event
    }

    fn who(&self) -> Option<&Identity> {
        self.stored.identity.as_deref()
    }

    fn details(&self) -> &Details {
        &self.stored.event.details
    }

    fn http<T>(&self, part: impl FnOnce(&HttpHead) -> Option<T>) -> Option<T> {
        self.stored.event.http.as_ref().and_then(part)
    }
}

type MakeCell = for<'a, 'b> fn(&'a Row<'b>) -> Cell<'a>;

/// The columns, in the order of the file. What they hold is said in `export/line.rs`, where JSON has the same names.
const COLUMNS: &[(&str, Sort, MakeCell)] = &[
    ("capture", Sort::Text, |row| Cell::text(row.capture)),
    ("id", Sort::Int, |row| Cell::Int(row.stored.id.number())),
    ("time", Sort::Time, |row| {
        Cell::Int(row.event().time.as_nanos())
    }),
    ("time_source", Sort::Text, |row| {
        Cell::text(Some(row.event().clock.kind.name()))
    }),
    ("received", Sort::Time, |row| {
        Cell::Int(row.event().received.as_nanos())
    }),
    ("received_estimated", Sort::Bool, |row| {
        Cell::Bool(row.stored.is_received_estimated)
    }),
    ("recording", Sort::Int, |row| {
        Cell::Int(row.stored.recording.number())
    }),
    ("run", Sort::Int, |row| Cell::Int(row.stored.run.number())),
    ("stream", Sort::Int, |row| {
        Cell::Int(row.stored.stream.number())
    }),
    ("connection", Sort::Int, |row| {
        Cell::int(row.stored.connection.map(ConnectionId::number))
    }),
    ("pid", Sort::Int, |row| Cell::int(row.event().process.pid)),
    ("tid", Sort::Int, |row| Cell::int(row.event().process.tid)),
    ("uid", Sort::Int, |row| Cell::int(row.stored.uid())),
    ("pname", Sort::Text, |row| {
        Cell::text(row.event().process.pname.as_deref())
    }),
    ("exe", Sort::Text, |row| {
        Cell::text(row.who().and_then(|who| who.exe.as_deref()))
    }),
    ("ppid", Sort::Int, |row| {
        Cell::int(row.who().and_then(|who| who.ppid))
    }),
    ("parent", Sort::Text, |row| {
        Cell::text(row.who().and_then(|who| who.parent.as_deref()))
    }),
    ("cgroup", Sort::Text, |row| {
        Cell::text(row.who().and_then(|who| who.cgroup.as_deref()))
    }),
    ("container", Sort::Text, |row| {
        Cell::text(row.who().and_then(|who| who.container.as_deref()))
    }),
    ("cmdline", Sort::Json, |row| {
        Cell::made(row.who().and_then(cmdline))
    }),
    ("process_started", Sort::Time, |row| {
        Cell::int(row.who().map(|who| who.started.as_nanos()))
    }),
    ("process_read", Sort::Time, |row| {
        Cell::int(row.who().map(|who| who.read.as_nanos()))
    }),
    ("fd", Sort::Int, |row| Cell::int(row.event().fd)),
    ("direction", Sort::Text, |row| {
        Cell::text(row.event().direction.map(Direction::name))
    }),
    ("kind", Sort::Text, |row| {
        Cell::text(Some(row.event().kind.name()))
    }),
    ("content", Sort::Text, |row| {
        Cell::text(Some(row.event().content.name()))
    }),
    ("probe", Sort::Text, |row| {
        Cell::text(row.event().probe.map(Probe::name))
    }),
    ("type", Sort::Int, |row| {
        Cell::int(row.event().ecapture_type)
    }),
    ("client_ip", Sort::Text, |row| {
        ip(row.stored.endpoints.client)
    }),
    ("client_port", Sort::Int, |row| {
        port(row.stored.endpoints.client)
    }),
    ("server_ip", Sort::Text, |row| {
        ip(row.stored.endpoints.server)
    }),
    ("server_port", Sort::Int, |row| {
        port(row.stored.endpoints.server)
    }),
    ("local_ip", Sort::Text, |row| ip(row.stored.endpoints.local)),
    ("local_port", Sort::Int, |row| {
        port(row.stored.endpoints.local)
    }),
    ("remote_ip", Sort::Text, |row| {
        ip(row.stored.endpoints.remote)
    }),
    ("remote_port", Sort::Int, |row| {
        port(row.stored.endpoints.remote)
    }),
    ("address_source", Sort::Text, |row| {
        Cell::text(row.stored.endpoints.source.map(TupleSource::name))
    }),
    ("role", Sort::Text, |row| {
        Cell::text(row.stored.role.map(Role::name))
    }),
    ("role_inferred", Sort::Bool, |row| {
        let ends = &row.stored.endpoints;
        ends.source
            .map_or(Cell::Null, |_| Cell::Bool(ends.role_inferred))
    }),
    ("src_ip", Sort::Text, |row| {
        ip(row.event().tuple.map(|tuple| tuple.src))
    }),
    ("src_port", Sort::Int, |row| {
        port(row.event().tuple.map(|tuple| tuple.src))
    }),
    ("dst_ip", Sort::Text, |row| {
        ip(row.event().tuple.map(|tuple| tuple.dst))
    }),
    ("dst_port", Sort::Int, |row| {
        port(row.event().tuple.map(|tuple| tuple.dst))
    }),
    ("tuple_sense", Sort::Text, |row| {
        Cell::text(row.event().tuple.map(sense))
    }),
    ("http_method", Sort::Text, |row| {
        Cell::made(row.http(|http| http.method.clone()))
    }),
    ("http_host", Sort::Text, |row| {
        Cell::made(row.http(|http| http.host.clone()))
    }),
    ("http_path", Sort::Text, |row| {
        Cell::made(row.http(|http| http.path.clone()))
    }),
    ("http_status", Sort::Int, |row| {
        Cell::int(row.http(|http| http.status))
    }),
    ("http_content_type", Sort::Text, |row| {
        Cell::made(row.http(|http| http.content_type.clone()))
    }),
    // Several with commas between them.
    ("provenance", Sort::Text, |row| {
        Cell::made(Some(row.event().provenance.names().join(",")))
    }),
    ("details_return_value", Sort::Int, |row| {
        Cell::int(row.details().return_value)
    }),
    ("details_status", Sort::Text, |row| {
        Cell::text(row.details().status.as_deref())
    }),
    ("details_total_bytes", Sort::Int, |row| {
        Cell::large(row.details().total_bytes)
    }),
    ("details_monotonic_ns", Sort::Int, |row| {
        Cell::large(row.details().monotonic_ns)
    }),
    ("details_interface_index", Sort::Int, |row| {
        Cell::int(row.details().interface_index)
    }),
    ("details_reason", Sort::Text, |row| {
        Cell::text(row.details().reason.as_deref())
    }),
    // The full size, whatever is cut off.
    ("payload_bytes", Sort::Int, |row| {
        Cell::large(row.stored.payload_bytes)
    }),
    ("payload_truncated", Sort::Bool, |row| {
        Cell::Bool(row.is_truncated)
    }),
    ("payload", Sort::Bytes, |row| {
        Cell::Bytes(row.payload.into())
    }),
];

/// Writes events as a table. Its columns are those of the JSON lines; see [`super`].
#[derive(Debug)]
pub struct ParquetEvents<W: Write + Send> {
    table: Table<W>,
}

impl<W: Write + Send> ParquetEvents<W> {
    /// Begins the file.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn new(out: W) -> io::Result<Self> {
        let columns = COLUMNS.iter().map(|(name, sort, _)| (*name, *sort));
        Ok(Self {
            table: Table::new(out, "event", columns)?,
        })
    }

    /// Writes one event of this capture, where there are several. `next_piece` gives the payload piece by piece, then
    /// `None`; it is not asked for more than fits into a cell.
    ///
    /// # Errors
    ///
    /// What `next_piece` says, or `out`.
    pub fn write<E: From<io::Error>>(
        &mut self,
        capture: Option<&str>,
        stored: &StoredEvent,
        mut next_piece: impl FnMut() -> Result<Option<Bytes>, E>,
    ) -> Result<(), E> {
        let mut payload = Vec::new();
        while payload.len() < MAX_CELL_BYTES {
            let Some(piece) = next_piece()? else {
                break;
            };
            let room = MAX_CELL_BYTES.saturating_sub(payload.len());
            payload.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        }
        let row = Row {
            capture,
            stored,
            payload: &payload,
            is_truncated: u64::try_from(payload.len()).unwrap_or(u64::MAX) < stored.payload_bytes,
        };
        let cells: Vec<_> = COLUMNS.iter().map(|(_, _, cell)| cell(&row)).collect();
        self.table.push(&cells)?;
        Ok(())
    }

    /// Ends the file. Without this it cannot be read.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn finish(self) -> io::Result<()> {
        self.table.finish()
    }
}

/// The address of an end.
pub(super) fn ip(end: Option<SocketAddr>) -> Cell<'static> {
    Cell::made(end.map(|end| end.ip().to_string()))
}

/// The port of an end.
pub(super) fn port(end: Option<SocketAddr>) -> Cell<'static> {
    Cell::int(end.map(|end| end.port()))
}

fn sense(tuple: Tuple) -> &'static str {
    match tuple.sense {
        Sense::InitiatorToAcceptor => "initiator_to_acceptor",
        Sense::LocalToRemote => "local_to_remote",
    }
}
