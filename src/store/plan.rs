//! From a selection to what SQLite does about it.
//!
//! The parts of a selection that many events share (process, addresses, direction, type, HTTP facts) are decided once,
//! on the small tables that hold them; what fits is listed in temporary tables, and an event is then judged by the
//! numbers in its row. No value ever becomes SQL text.

use rusqlite::{Connection, Result, Row, params};

use super::row::{RowError, read_tuple};
use crate::event::{Content, Endpoints, Kind, Role, Timestamp};
use crate::filter::{AddressPattern, Selection};

/// What was decided, and what is left for each event's row.
pub(super) struct Plan {
    /// Event time from here on, in nanoseconds.
    pub(super) since: i64,
    /// Event time up to here, in nanoseconds, inclusive.
    pub(super) until: i64,
    /// Whether only streams in `temp.wanted_streams` are asked for.
    pub(super) by_stream: bool,
    /// Whether only shapes in `temp.wanted_shapes` are asked for.
    pub(super) by_shape: bool,
    /// Whether only heads in `temp.wanted_heads` are asked for.
    pub(super) by_head: bool,
}

impl Plan {
    /// The conditions on an event's row `e` beyond time, as SQL.
    pub(super) fn conditions(&self) -> String {
        let mut sql = String::new();
        if self.by_stream {
            // The plus keeps SQLite from going through the index on streams, once for each wanted stream, where a
            // range of ids is asked for.
            sql.push_str(" AND +e.stream_id IN (SELECT id FROM temp.wanted_streams)");
        }
        if self.by_shape {
            sql.push_str(" AND e.shape_id IN (SELECT id FROM temp.wanted_shapes)");
        }
        if self.by_head {
            sql.push_str(" AND e.head_id IN (SELECT id FROM temp.wanted_heads)");
        }
        sql
    }
}

/// Decides what can be decided before looking at events.
pub(super) fn prepare(db: &Connection, selection: &Selection) -> Result<Plan> {
    for table in [
        "wanted_processes",
        "wanted_connections",
        "wanted_streams",
        "wanted_shapes",
        "wanted_heads",
    ] {
        // The names are those of this array, never input.
        db.execute_batch(&format!(
            "CREATE TEMP TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY); DELETE FROM temp.{table};"
        ))?;
    }
    let by_process = !(selection.pids.is_empty() && selection.pnames.is_empty());
    let by_connection = selection.asks_endpoints();
    if by_process {
        list_processes(db, selection)?;
    }
    if by_connection {
        list_connections(db, selection)?;
    }
    let by_stream = by_process || by_connection;
    if by_stream {
        list_streams(db, by_process, by_connection)?;
    }
    let by_shape = !selection.types.is_empty() || selection.direction.is_some();
    if by_shape {
        list_shapes(db, selection)?;
    }
    let by_head = !(selection.methods.is_empty()
        && selection.hosts.is_empty()
        && selection.statuses.is_empty());
    if by_head {
        list_heads(db, selection)?;
    }
    Ok(Plan {
        since: selection.since.map_or(i64::MIN, Timestamp::as_nanos),
        until: selection
            .until
            .map_or(i64::MAX, |until| until.as_nanos().saturating_sub(1)),
        by_stream,
        by_shape,
        by_head,
    })
}

/// Runs `judge` on each row and lists the ids for which it says yes.
fn list(
    db: &Connection,
    select: &str,
    parameters: impl rusqlite::Params,
    insert: &str,
    mut judge: impl FnMut(&Row<'_>) -> Result<bool>,
) -> Result<()> {
    let mut insert = db.prepare_cached(insert)?;
    let mut statement = db.prepare(select)?;
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        if judge(row)? {
            insert.execute([row.get::<_, i64>("id")?])?;
        }
    }
    Ok(())
}

fn list_processes(db: &Connection, selection: &Selection) -> Result<()> {
    let judge = |row: &Row<'_>| -> Result<bool> {
        let pid: Option<u32> = row.get("pid")?;
        let pname: Option<String> = row.get("pname")?;
        Ok(
            (selection.pids.is_empty() || pid.is_some_and(|pid| selection.pids.contains(&pid)))
                && selection.fits_pname(pname.as_deref()),
        )
    };
    let insert = "INSERT OR IGNORE INTO temp.wanted_processes (id) VALUES (?1)";
    if !selection.pids.is_empty() {
        for pid in &selection.pids {
            list(
                db,
                "SELECT id, pid, pname FROM processes WHERE pid = ?1",
                [pid],
                insert,
                judge,
            )?;
        }
        return Ok(());
    }
    let literals: Option<Vec<&str>> = selection
        .pnames
        .iter()
        .map(|pattern| pattern.literal().filter(|_| !pattern.negated))
        .collect();
    match literals {
        Some(names) => {
            for name in names {
                list(
                    db,
                    "SELECT id, pid, pname FROM processes WHERE pname = ?1",
                    [name],
                    insert,
                    judge,
                )?;
            }
            Ok(())
        }
        None => list(
            db,
            "SELECT id, pid, pname FROM processes",
            [],
            insert,
            judge,
        ),
    }
}

/// The single addresses of a set of patterns, if it has nothing but those.
fn single_addresses(
    patterns: impl Iterator<Item = AddressPattern>,
) -> Option<Vec<(Vec<u8>, Option<u16>)>> {
    let mut found = Vec::new();
    for pattern in patterns {
        let net = pattern
            .net
            .filter(|net| net.prefix_len() == net.max_prefix_len())?;
        match net.addr() {
            std::net::IpAddr::V4(ip) => {
                found.push((ip.octets().to_vec(), pattern.port));
                found.push((ip.to_ipv6_mapped().octets().to_vec(), pattern.port));
            }
            std::net::IpAddr::V6(ip) => found.push((ip.octets().to_vec(), pattern.port)),
        }
    }
    (!found.is_empty()).then_some(found)
}

fn list_connections(db: &Connection, selection: &Selection) -> Result<()> {
    const BY_SRC: &str = "
        SELECT id, src_ip, src_port, dst_ip, dst_port, sense, tuple_source, role FROM connections
        WHERE src_ip = ?1 AND (?2 IS NULL OR src_port = ?2)";
    const BY_DST: &str = "
        SELECT id, src_ip, src_port, dst_ip, dst_port, sense, tuple_source, role FROM connections
        WHERE dst_ip = ?1 AND (?2 IS NULL OR dst_port = ?2)";
    const BY_SRC_PORT: &str = "
        SELECT id, src_ip, src_port, dst_ip, dst_port, sense, tuple_source, role FROM connections
        WHERE src_ip = ?1 AND src_port = ?2";
    const BY_DST_PORT: &str = "
        SELECT id, src_ip, src_port, dst_ip, dst_port, sense, tuple_source, role FROM connections
        WHERE dst_ip = ?1 AND dst_port = ?2";
    const ALL: &str = "
        SELECT id, src_ip, src_port, dst_ip, dst_port, sense, tuple_source, role FROM connections
        WHERE tuple_source IS NOT NULL";
    let insert = "INSERT OR IGNORE INTO temp.wanted_connections (id) VALUES (?1)";
    let judge = |row: &Row<'_>| -> Result<bool> {
        let role: Option<u8> = row.get("role")?;
        match read_tuple(row) {
            Ok(ends) => Ok(ends.is_some_and(|(tuple, source)| {
                selection.fits_endpoints(&Endpoints::new(
                    tuple,
                    source,
                    role.and_then(Role::from_code),
                ))
            })),
            Err(RowError::Sqlite(error)) => Err(error),
            // A damaged row fits nothing; reading an event of that connection says so.
            Err(RowError::Unknown(_)) => Ok(false),
        }
    };
    let ips = selection.ips.iter().map(|net| AddressPattern {
        net: Some(*net),
        port: None,
    });
    let addresses = single_addresses(selection.src.iter().copied())
        .or_else(|| single_addresses(selection.dst.iter().copied()))
        .or_else(|| single_addresses(ips));
    let Some(addresses) = addresses else {
        return list(db, ALL, [], insert, judge);
    };
    for (ip, port) in addresses {
        let statements = if port.is_some() {
            [BY_SRC_PORT, BY_DST_PORT]
        } else {
            [BY_SRC, BY_DST]
        };
        for sql in statements {
            list(db, sql, params![ip, port], insert, judge)?;
        }
    }
    Ok(())
}

fn list_streams(db: &Connection, by_process: bool, by_connection: bool) -> Result<()> {
    // CROSS JOIN keeps the order: from the few that are wanted to their streams.
    let sql = match (by_process, by_connection) {
        (_, false) => {
            "INSERT INTO temp.wanted_streams
             SELECT s.id FROM temp.wanted_processes AS w CROSS JOIN streams AS s ON s.process_id = w.id"
        }
        (false, true) => {
            "INSERT INTO temp.wanted_streams
             SELECT s.id FROM temp.wanted_connections AS w CROSS JOIN streams AS s ON s.connection_id = w.id"
        }
        (true, true) => {
            "INSERT INTO temp.wanted_streams
             SELECT s.id FROM temp.wanted_connections AS w CROSS JOIN streams AS s ON s.connection_id = w.id
             WHERE s.process_id IN (SELECT id FROM temp.wanted_processes)"
        }
    };
    db.prepare_cached(sql)?.execute([])?;
    Ok(())
}

fn list_shapes(db: &Connection, selection: &Selection) -> Result<()> {
    list(
        db,
        "SELECT id, kind, content, direction, ecapture_type FROM shapes",
        [],
        "INSERT INTO temp.wanted_shapes (id) VALUES (?1)",
        |row| {
            let kind = Kind::from_code(row.get("kind")?);
            let content = Content::from_code(row.get("content")?);
            let direction: Option<u8> = row.get("direction")?;
            let number: Option<u32> = row.get("ecapture_type")?;
            if selection
                .direction
                .is_some_and(|wanted| direction != Some(wanted.code()))
            {
                return Ok(false);
            }
            Ok(selection.types.is_empty()
                || selection
                    .types
                    .iter()
                    .any(|pattern| pattern.fits(kind, content, number)))
        },
    )
}

fn list_heads(db: &Connection, selection: &Selection) -> Result<()> {
    list(
        db,
        "SELECT id, method, host, status FROM heads",
        [],
        "INSERT INTO temp.wanted_heads (id) VALUES (?1)",
        |row| {
            let method: Option<String> = row.get("method")?;
            let host: Option<String> = row.get("host")?;
            Ok(selection.fits_head(method.as_deref(), host.as_deref(), row.get("status")?))
        },
    )
}
