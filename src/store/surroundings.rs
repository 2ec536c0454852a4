//! Rows about what surrounds events: runs, links, gaps, heartbeats, logs and connections.

use std::net::IpAddr;

use rusqlite::{Connection, Result, params};

use super::batch::Batch;
use crate::event::{
    Connection as Known, ConnectionUpdate, RecordingId, Role, Timestamp, Tuple, TupleSource,
};

/// Writes runs, links, gaps, heartbeats and logs; what is there already is brought up to date.
pub(super) fn write(db: &Connection, recording: RecordingId, batch: &Batch) -> Result<()> {
    for run in &batch.runs {
        db.prepare_cached(
            "INSERT INTO runs (id, source_id, first_log, version, started_ns, zone_offset_seconds)
             VALUES (?1, (SELECT source_id FROM recordings WHERE id = ?2), ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET
                first_log = excluded.first_log, version = excluded.version, started_ns = excluded.started_ns,
                zone_offset_seconds = excluded.zone_offset_seconds",
        )?
        .execute(params![
            run.id.number(),
            recording.number(),
            run.first_log,
            run.version,
            run.started.map(Timestamp::as_nanos),
            run.zone_offset_seconds
        ])?;
    }
    for link in &batch.links {
        db.prepare_cached(
            "INSERT INTO links (id, recording_id, number, connected_ns, last_frame_ns, ended_ns, end_reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET
                last_frame_ns = excluded.last_frame_ns, ended_ns = excluded.ended_ns,
                end_reason = excluded.end_reason",
        )?
        .execute(params![
            link.id.number(),
            recording.number(),
            link.number,
            link.connected.as_nanos(),
            link.last_frame.map(Timestamp::as_nanos),
            link.ended.map(Timestamp::as_nanos),
            link.end_reason
        ])?;
    }
    for gap in &batch.gaps {
        db.prepare_cached(
            "INSERT INTO gaps (id, recording_id, reason, started_ns, ended_ns, frames, bytes, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET
                ended_ns = excluded.ended_ns, frames = excluded.frames, bytes = excluded.bytes,
                detail = excluded.detail",
        )?
        .execute(params![
            gap.id,
            recording.number(),
            gap.reason.code(),
            gap.started.as_nanos(),
            gap.ended.map(Timestamp::as_nanos),
            gap.frames,
            gap.bytes,
            gap.detail
        ])?;
    }
    for heartbeat in &batch.heartbeats {
        let is_usual = heartbeat.message == format!("heartbeat:{}", heartbeat.count);
        db.prepare_cached(
            "INSERT INTO heartbeats (link_id, received_ns, timestamp_seconds, count, message, carrier, frame)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            heartbeat.link.number(),
            heartbeat.received.as_nanos(),
            heartbeat.timestamp_seconds,
            heartbeat.count,
            (!is_usual).then_some(&heartbeat.message),
            heartbeat.carrier.code(),
            heartbeat.frame.as_deref()
        ])?;
    }
    for log in &batch.logs {
        db.prepare_cached(
            "INSERT INTO run_logs (run_id, link_id, received_ns, line, carrier, frame)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            log.run.number(),
            log.link.number(),
            log.received.as_nanos(),
            log.line,
            log.carrier.code(),
            log.frame.as_deref()
        ])?;
    }
    Ok(())
}

/// The columns of a tuple: addresses in network order, ports, sense and source.
type TupleColumns = (
    Option<Vec<u8>>,
    Option<u16>,
    Option<Vec<u8>>,
    Option<u16>,
    Option<u8>,
    Option<u8>,
);

fn tuple_columns(tuple: Option<(Tuple, TupleSource)>) -> TupleColumns {
    let Some((tuple, source)) = tuple else {
        return TupleColumns::default();
    };
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    (
        Some(octets(tuple.src.ip())),
        Some(tuple.src.port()),
        Some(octets(tuple.dst.ip())),
        Some(tuple.dst.port()),
        Some(tuple.sense.code()),
        Some(source.code()),
    )
}

/// Adds a connection.
pub(super) fn add_connection(db: &Connection, row: &Known) -> Result<()> {
    let (src_ip, src_port, dst_ip, dst_port, sense, source) = tuple_columns(row.tuple);
    db.prepare_cached(
        "INSERT INTO connections
            (id, fd, tid, src_ip, src_port, dst_ip, dst_port, sense, tuple_source, role)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        row.id.number(),
        row.fd,
        row.tid,
        src_ip,
        src_port,
        dst_ip,
        dst_port,
        sense,
        source,
        row.role.map(Role::code)
    ])?;
    Ok(())
}

/// Notes what became known about a connection.
pub(super) fn update_connection(db: &Connection, update: &ConnectionUpdate) -> Result<()> {
    match update {
        ConnectionUpdate::Tuple(id, tuple, source) => {
            let (src_ip, src_port, dst_ip, dst_port, sense, source) =
                tuple_columns(Some((*tuple, *source)));
            db.prepare_cached(
                "UPDATE connections SET
                    src_ip = ?2, src_port = ?3, dst_ip = ?4, dst_port = ?5, sense = ?6, tuple_source = ?7
                 WHERE id = ?1",
            )?
            .execute(params![id.number(), src_ip, src_port, dst_ip, dst_port, sense, source])?;
        }
        ConnectionUpdate::Role(id, role) => {
            db.prepare_cached("UPDATE connections SET role = ?2 WHERE id = ?1")?
                .execute(params![id.number(), role.code()])?;
        }
    }
    Ok(())
}
