//! From rows to events.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use rusqlite::types::{FromSql, FromSqlResult, ValueRef};
use rusqlite::{Row, RowIndex};

use super::error::{At, Error};
use crate::event::{
    Clock, ClockKind, ConnectionId, Content, Details, Direction, Endpoints, Event, EventId, Form,
    HttpHead, Kind, Probe, Process, Provenance, RecordingId, Role, RunId, Sense, StoredEvent,
    StreamId, Timestamp, Tuple, TupleSource,
};

/// Defines a statement and where its columns are, from one list, so that they cannot drift apart.
macro_rules! select {
    (
        $(#[$statement_doc:meta])* $statement:ident,
        $(#[$column_doc:meta])* $column:ident {
            $first:ident = $first_sql:literal, $($name:ident = $sql:literal,)*
        }
        $from:literal
    ) => {
        $(#[$statement_doc])*
        pub(super) const $statement: &str =
            concat!("SELECT ", $first_sql, $(", ", $sql,)* " ", $from);

        $(#[$column_doc])*
        #[derive(Debug, Clone, Copy)]
        enum $column { $first, $($name,)* }
    };
}
pub(super) use select;

select!(
    /// Everything about one event but its payload and envelope.
    EVENT_BY_ID,
    /// The columns of `EVENT_BY_ID`. Rows that are few are read by name. This one is read for every
    /// event that is listed or exported, and looking for 40 names among 40 columns each time took a quarter of an export.
    Column {
        Id = "e.id",
        Time = "e.time_ns",
        ReceivedAfter = "e.received_after_ns",
        Stream = "e.stream_id",
        Head = "e.head_id",
        TidAfterPid = "e.tid_after_pid",
        PayloadBytes = "e.payload_bytes",
        Run = "s.run_id",
        Connection = "s.connection_id",
        Direction = "sh.direction",
        Pid = "p.pid",
        Pname = "p.pname",
        Uid = "p.uid",
        Identity = "p.identity_id",
        Kind = "sh.kind",
        Content = "sh.content",
        Probe = "sh.probe",
        EcaptureType = "sh.ecapture_type",
        Form = "sh.form",
        Provenance = "sh.provenance",
        Clock = "sh.clock",
        ClockOffset = "sh.clock_offset_ns",
        Fd = "c.fd",
        SrcIp = "c.src_ip",
        SrcPort = "c.src_port",
        DstIp = "c.dst_ip",
        DstPort = "c.dst_port",
        Sense = "c.sense",
        TupleSource = "c.tuple_source",
        Role = "c.role",
        Method = "h.method",
        Host = "h.host",
        Path = "pa.path",
        HttpStatus = "h.status",
        ContentType = "h.content_type",
        Details = "d.event_id",
        ReturnValue = "d.return_value",
        Status = "d.status",
        TotalBytes = "d.total_bytes",
        Monotonic = "d.monotonic_ns",
        InterfaceIndex = "d.interface_index",
        Reason = "d.reason",
        // Of recordings that were begun together a batch names the first, and the source says which it is.
        Recording = "COALESCE(
            (SELECT m.id FROM runs AS ru CROSS JOIN recordings AS m ON m.id >= r.id AND m.source_id = ru.source_id
             WHERE ru.id = s.run_id ORDER BY m.id LIMIT 1),
            r.id)",
        IsReceivedEstimated = "r.is_received_estimated",
    }
    "FROM events AS e
        LEFT JOIN recordings AS r
            ON r.id = (SELECT recording_id FROM batches WHERE first_id <= e.id ORDER BY first_id DESC LIMIT 1)
        JOIN streams AS s ON s.id = e.stream_id
        JOIN processes AS p ON p.id = s.process_id
        JOIN shapes AS sh ON sh.id = e.shape_id
        LEFT JOIN connections AS c ON c.id = s.connection_id
        LEFT JOIN heads AS h ON h.id = e.head_id
        LEFT JOIN paths AS pa ON pa.id = e.path_id
        LEFT JOIN details AS d ON d.event_id = e.id
        WHERE e.id = ?1"
);

/// A row of `EVENT_BY_ID`.
struct Columns<'a>(&'a Row<'a>);

impl Columns<'_> {
    fn get<T: FromSql>(&self, column: Column) -> rusqlite::Result<T> {
        self.0.get(column as usize)
    }
}

/// Why a row is no event.
pub(super) enum RowError {
    Sqlite(rusqlite::Error),
    /// A code that this version of the file does not define, or a number out of its range.
    Unknown(&'static str),
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl RowError {
    /// As an error of the file at `path`.
    pub(super) fn at(self, path: &Path) -> Error {
        match self {
            Self::Sqlite(error) => Err::<(), _>(error)
                .at(path)
                .expect_err("an error stays one"),
            Self::Unknown(column) => Error::Corrupt {
                path: path.to_owned(),
                detail: format!("no such value in column {column}"),
            },
        }
    }
}

fn known<T>(value: Option<T>, column: &'static str) -> Result<T, RowError> {
    value.ok_or(RowError::Unknown(column))
}

/// Reads the row of `EVENT_BY_ID`: the event without its identity, and the row of that.
pub(super) fn read(row: &Row<'_>) -> Result<(StoredEvent, Option<i64>), RowError> {
    let row = &Columns(row);
    let time = Timestamp::from_nanos(row.get(Column::Time)?);
    let direction: Option<u8> = row.get(Column::Direction)?;
    let probe: Option<u8> = row.get(Column::Probe)?;
    let form = known(Form::from_code(row.get(Column::Form)?), "form")?;
    let ends = tuple_at(
        row.0,
        Column::TupleSource as usize,
        [Column::SrcIp as usize, Column::DstIp as usize],
        [Column::SrcPort as usize, Column::DstPort as usize],
        Column::Sense as usize,
    )?;
    let pid: Option<u32> = row.get(Column::Pid)?;
    let tid_after_pid: Option<i64> = row.get(Column::TidAfterPid)?;
    let tid =
        tid_after_pid.map(|after| u32::try_from(i64::from(pid.unwrap_or(0)).saturating_add(after)));
    let event = Event {
        time,
        clock: Clock {
            kind: known(ClockKind::from_code(row.get(Column::Clock)?), "clock")?,
            offset_ns: row.get(Column::ClockOffset)?,
        },
        received: Timestamp::from_nanos(
            time.as_nanos()
                .wrapping_add(row.get(Column::ReceivedAfter)?),
        ),
        process: Process {
            pid,
            tid: tid
                .transpose()
                .map_err(|_| RowError::Unknown("tid_after_pid"))?,
            uid: row.get(Column::Uid)?,
            pname: row.get(Column::Pname)?,
        },
        fd: row.get(Column::Fd)?,
        direction: direction
            .map(|code| known(Direction::from_code(code), "direction"))
            .transpose()?,
        tuple: ends
            .filter(|_| form.tuple_source().is_some())
            .map(|(tuple, _)| tuple),
        kind: known(Kind::from_code(row.get(Column::Kind)?), "kind")?,
        content: known(Content::from_code(row.get(Column::Content)?), "content")?,
        probe: probe
            .map(|code| known(Probe::from_code(code), "probe"))
            .transpose()?,
        ecapture_type: row.get(Column::EcaptureType)?,
        form,
        provenance: Provenance::from_bits_retain(row.get(Column::Provenance)?),
        http: read_head(row)?,
        details: read_details(row)?,
    };
    let role: Option<u8> = row.get(Column::Role)?;
    let role = role
        .map(|code| known(Role::from_code(code), "role"))
        .transpose()?;
    let stored = StoredEvent {
        id: EventId::new(row.get(Column::Id)?),
        recording: RecordingId::new(row.get::<Option<i64>>(Column::Recording)?.unwrap_or(0)),
        is_received_estimated: row.get::<Option<bool>>(Column::IsReceivedEstimated)? == Some(true),
        run: RunId::new(row.get(Column::Run)?),
        stream: StreamId::of(row.get(Column::Stream)?, event.direction),
        connection: row
            .get::<Option<i64>>(Column::Connection)?
            .map(ConnectionId::new),
        endpoints: ends.map_or_else(Endpoints::default, |(tuple, source)| {
            Endpoints::new(tuple, source, role)
        }),
        role,
        identity: None,
        event,
        payload_bytes: row.get(Column::PayloadBytes)?,
    };
    Ok((stored, row.get(Column::Identity)?))
}

/// Reads the addresses of a connection, from the columns of that name.
pub(super) fn read_tuple(row: &Row<'_>) -> Result<Option<(Tuple, TupleSource)>, RowError> {
    tuple_at(
        row,
        "tuple_source",
        ["src_ip", "dst_ip"],
        ["src_port", "dst_port"],
        "sense",
    )
}

/// Reads the addresses of a connection, from these columns.
pub(super) fn tuple_at<I: RowIndex + Copy>(
    row: &Row<'_>,
    source: I,
    [src_ip, dst_ip]: [I; 2],
    [src_port, dst_port]: [I; 2],
    sense: I,
) -> Result<Option<(Tuple, TupleSource)>, RowError> {
    let Some(source) = row.get::<_, Option<u8>>(source)? else {
        return Ok(None);
    };
    let address = |ip: I, port: I| -> Result<SocketAddr, RowError> {
        let Address(ip) = row.get(ip)?;
        let ip = known(ip, "src_ip or dst_ip")?;
        Ok(SocketAddr::new(ip, row.get(port)?))
    };
    let tuple = Tuple {
        src: address(src_ip, src_port)?,
        dst: address(dst_ip, dst_port)?,
        sense: known(Sense::from_code(row.get(sense)?), "sense")?,
    };
    Ok(Some((
        tuple,
        known(TupleSource::from_code(source), "tuple_source")?,
    )))
}

/// An address of 4 or 16 bytes; `None` if there are another number of them.
struct Address(Option<IpAddr>);

impl FromSql for Address {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let octets = value.as_blob()?;
        let v4 = octets.try_into().map(|octets: [u8; 4]| octets.into());
        let v6 = || octets.try_into().map(|octets: [u8; 16]| octets.into());
        Ok(Self(v4.or_else(|_| v6()).ok()))
    }
}

fn read_head(row: &Columns<'_>) -> Result<Option<HttpHead>, RowError> {
    if row.get::<Option<i64>>(Column::Head)?.is_none() {
        return Ok(None);
    }
    Ok(Some(HttpHead {
        method: row.get(Column::Method)?,
        host: row.get(Column::Host)?,
        path: row.get(Column::Path)?,
        status: row.get(Column::HttpStatus)?,
        content_type: row.get(Column::ContentType)?,
    }))
}

fn read_details(row: &Columns<'_>) -> Result<Details, RowError> {
    if row.get::<Option<i64>>(Column::Details)?.is_none() {
        return Ok(Details::default());
    }
    Ok(Details {
        return_value: row.get(Column::ReturnValue)?,
        status: row.get(Column::Status)?,
        total_bytes: row
            .get::<Option<i64>>(Column::TotalBytes)?
            .map(i64::cast_unsigned),
        monotonic_ns: row
            .get::<Option<i64>>(Column::Monotonic)?
            .map(i64::cast_unsigned),
        interface_index: row.get(Column::InterfaceIndex)?,
        reason: row.get(Column::Reason)?,
    })
}
