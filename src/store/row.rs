//! From rows to events.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use rusqlite::Row;

use super::error::{At, Error};
use crate::event::{
    Clock, ClockKind, ConnectionId, Content, Details, Direction, Endpoints, Event, EventId, Form,
    HttpHead, Kind, Probe, Process, Provenance, RecordingId, Role, RunId, Sense, StoredEvent,
    StreamId, Timestamp, Tuple, TupleSource,
};

/// Everything about one event but its payload and envelope.
pub(super) const EVENT_BY_ID: &str = "
    SELECT
        e.id, e.time_ns, e.received_after_ns, e.stream_id, e.head_id, e.tid_after_pid, e.payload_bytes,
        s.run_id, s.connection_id,
        p.pid, p.pname, p.uid,
        sh.kind, sh.content, sh.direction, sh.probe, sh.ecapture_type, sh.form, sh.provenance, sh.clock, sh.clock_offset_ns,
        c.fd, c.src_ip, c.src_port, c.dst_ip, c.dst_port, c.sense, c.tuple_source, c.role,
        h.method, h.host, pa.path, h.status AS http_status, h.content_type,
        d.event_id AS has_details, d.return_value, d.status, d.total_bytes, d.monotonic_ns, d.interface_index, d.reason,
        r.id AS recording_id, r.is_received_estimated
    FROM events AS e
    LEFT JOIN recordings AS r
        ON r.id = (SELECT recording_id FROM batches WHERE first_id <= e.id ORDER BY first_id DESC LIMIT 1)
    JOIN streams AS s ON s.id = e.stream_id
    JOIN processes AS p ON p.id = s.process_id
    JOIN shapes AS sh ON sh.id = e.shape_id
    LEFT JOIN connections AS c ON c.id = s.connection_id
    LEFT JOIN heads AS h ON h.id = e.head_id
    LEFT JOIN paths AS pa ON pa.id = e.path_id
    LEFT JOIN details AS d ON d.event_id = e.id
    WHERE e.id = ?1";

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

/// Reads the row of `EVENT_BY_ID`.
pub(super) fn read(row: &Row<'_>) -> Result<StoredEvent, RowError> {
    let time = Timestamp::from_nanos(row.get("time_ns")?);
    let direction: Option<u8> = row.get("direction")?;
    let probe: Option<u8> = row.get("probe")?;
    let form = known(Form::from_code(row.get("form")?), "form")?;
    let ends = read_tuple(row)?;
    let pid: Option<u32> = row.get("pid")?;
    let tid_after_pid: Option<i64> = row.get("tid_after_pid")?;
    let tid =
        tid_after_pid.map(|after| u32::try_from(i64::from(pid.unwrap_or(0)).saturating_add(after)));
    let event = Event {
        time,
        clock: Clock {
            kind: known(ClockKind::from_code(row.get("clock")?), "clock")?,
            offset_ns: row.get("clock_offset_ns")?,
        },
        received: Timestamp::from_nanos(
            time.as_nanos().wrapping_add(row.get("received_after_ns")?),
        ),
        process: Process {
            pid,
            tid: tid
                .transpose()
                .map_err(|_| RowError::Unknown("tid_after_pid"))?,
            uid: row.get("uid")?,
            pname: row.get("pname")?,
        },
        fd: row.get("fd")?,
        direction: direction
            .map(|code| known(Direction::from_code(code), "direction"))
            .transpose()?,
        tuple: ends
            .filter(|_| form.tuple_source().is_some())
            .map(|(tuple, _)| tuple),
        kind: known(Kind::from_code(row.get("kind")?), "kind")?,
        content: known(Content::from_code(row.get("content")?), "content")?,
        probe: probe
            .map(|code| known(Probe::from_code(code), "probe"))
            .transpose()?,
        ecapture_type: row.get("ecapture_type")?,
        form,
        provenance: Provenance::from_bits_retain(row.get("provenance")?),
        http: read_head(row)?,
        details: read_details(row)?,
    };
    let role: Option<u8> = row.get("role")?;
    let role = role
        .map(|code| known(Role::from_code(code), "role"))
        .transpose()?;
    Ok(StoredEvent {
        id: EventId::new(row.get("id")?),
        recording: RecordingId::new(row.get::<_, Option<i64>>("recording_id")?.unwrap_or(0)),
        is_received_estimated: row.get::<_, Option<bool>>("is_received_estimated")? == Some(true),
        run: RunId::new(row.get("run_id")?),
        stream: StreamId::of(row.get("stream_id")?, event.direction),
        connection: row
            .get::<_, Option<i64>>("connection_id")?
            .map(ConnectionId::new),
        endpoints: ends.map_or_else(Endpoints::default, |(tuple, source)| {
            Endpoints::new(tuple, source, role)
        }),
        event,
        payload_bytes: row.get("payload_bytes")?,
    })
}

/// Reads the addresses of a connection, from the columns of that name.
pub(super) fn read_tuple(row: &Row<'_>) -> Result<Option<(Tuple, TupleSource)>, RowError> {
    let Some(source) = row.get::<_, Option<u8>>("tuple_source")? else {
        return Ok(None);
    };
    let address = |ip: &str, port: &str| -> Result<SocketAddr, RowError> {
        let octets: Vec<u8> = row.get(ip)?;
        let ip = if let Ok(v4) = <[u8; 4]>::try_from(octets.as_slice()) {
            IpAddr::V4(Ipv4Addr::from(v4))
        } else {
            let v6 = <[u8; 16]>::try_from(octets.as_slice())
                .map_err(|_| RowError::Unknown("src_ip or dst_ip"))?;
            IpAddr::V6(Ipv6Addr::from(v6))
        };
        Ok(SocketAddr::new(ip, row.get(port)?))
    };
    let tuple = Tuple {
        src: address("src_ip", "src_port")?,
        dst: address("dst_ip", "dst_port")?,
        sense: known(Sense::from_code(row.get("sense")?), "sense")?,
    };
    Ok(Some((
        tuple,
        known(TupleSource::from_code(source), "tuple_source")?,
    )))
}

fn read_head(row: &Row<'_>) -> Result<Option<HttpHead>, RowError> {
    if row.get::<_, Option<i64>>("head_id")?.is_none() {
        return Ok(None);
    }
    Ok(Some(HttpHead {
        method: row.get("method")?,
        host: row.get("host")?,
        path: row.get("path")?,
        status: row.get("http_status")?,
        content_type: row.get("content_type")?,
    }))
}

fn read_details(row: &Row<'_>) -> Result<Details, RowError> {
    if row.get::<_, Option<i64>>("has_details")?.is_none() {
        return Ok(Details::default());
    }
    Ok(Details {
        return_value: row.get("return_value")?,
        status: row.get("status")?,
        total_bytes: row
            .get::<_, Option<i64>>("total_bytes")?
            .map(i64::cast_unsigned),
        monotonic_ns: row
            .get::<_, Option<i64>>("monotonic_ns")?
            .map(i64::cast_unsigned),
        interface_index: row.get("interface_index")?,
        reason: row.get("reason")?,
    })
}
