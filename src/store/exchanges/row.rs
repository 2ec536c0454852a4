//! From rows to exchanges.

use rusqlite::{OptionalExtension, Row};

use super::encode;
use super::heads;
use super::writer::{BODY, TRAILERS, TUNNEL, part};
use crate::event::{
    ConnectionId, Endpoints, EventId, Process, RecordingId, Role, RunId, StreamId, Timestamp,
};
use crate::http::exchange::{Defects, Ending, Exchange, Message, Side, Span};
use crate::store::error::{At, Error};
use crate::store::reader::Reader;
use crate::store::row::{RowError, read_tuple};

/// Everything about one exchange but heads, trailers and where its bodies are.
pub(super) const EXCHANGE_BY_ID: &str = "
    SELECT x.*, s.run_id, p.pid, p.pname, p.uid, c.fd, c.src_ip, c.src_port, c.dst_ip, c.dst_port, c.sense,
        c.tuple_source, c.role, f.method, f.host, f.status, f.request_type, f.response_type, pa.path,
        (SELECT recording_id FROM batches
            WHERE first_id <= COALESCE(x.request_first_id, x.response_first_id)
            ORDER BY first_id DESC LIMIT 1) AS recording_id
    FROM exchanges AS x
    JOIN exchange_facts AS f ON f.id = x.facts_id
    LEFT JOIN exchange_paths AS pa ON pa.id = x.path_id
    LEFT JOIN streams AS s ON s.id = x.stream_id
    LEFT JOIN processes AS p ON p.id = s.process_id
    LEFT JOIN connections AS c ON c.id = x.connection_id
    WHERE x.id = ?1";

/// An exchange as it is listed: everything but heads, trailers and where its bodies are, which are read when asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeSummary {
    /// The exchange; its heads are absent, and its bodies have no pieces.
    pub exchange: Exchange,
    /// The method of the request.
    pub method: Option<String>,
    /// The host that the request names, in lower case, with the port if it has one.
    pub host: Option<String>,
    /// The request target, with its query.
    pub path: Option<String>,
    /// The status of the response.
    pub status: Option<u16>,
    /// The content type of the request.
    pub request_type: Option<String>,
    /// The content type of the response.
    pub response_type: Option<String>,
    /// The blocks of the heads, of those that are there.
    head_blocks: [Option<i64>; 2],
}

/// Reads a row of [`EXCHANGE_BY_ID`].
fn read(row: &Row<'_>) -> Result<ExchangeSummary, RowError> {
    let ends = read_tuple(row)?;
    let role: Option<u8> = row.get("role")?;
    let role = role.and_then(Role::from_code);
    let time: i64 = row.get("time_ns")?;
    let exchange = Exchange {
        id: row.get("id")?,
        recording: RecordingId::new(row.get::<_, Option<i64>>("recording_id")?.unwrap_or(0)),
        run: RunId::new(row.get::<_, Option<i64>>("run_id")?.unwrap_or(0)),
        stream: StreamId::of(row.get("stream_id")?, None),
        connection: Some(ConnectionId::new(row.get("connection_id")?)),
        number: row.get("number")?,
        http2_stream: row.get("http2_stream")?,
        process: Process {
            pid: row.get("pid")?,
            tid: None,
            uid: row.get("uid")?,
            pname: row.get("pname")?,
        },
        fd: row.get("fd")?,
        endpoints: ends.map_or_else(Endpoints::default, |(tuple, source)| {
            Endpoints::new(tuple, source, role)
        }),
        role,
        request: half(row, time, &REQUEST)?,
        response: half(row, time, &RESPONSE)?,
    };
    Ok(ExchangeSummary {
        exchange,
        method: row.get("method")?,
        host: row.get("host")?,
        path: row.get("path")?,
        status: row.get("status")?,
        request_type: row.get("request_type")?,
        response_type: row.get("response_type")?,
        head_blocks: [
            row.get("request_head_block")?,
            row.get("response_head_block")?,
        ],
    })
}

/// The names of a half's columns.
struct Columns {
    first: &'static str,
    first_after: &'static str,
    last: &'static str,
    last_after: &'static str,
    body: &'static str,
    tunnel: &'static str,
    ending: &'static str,
    defects: &'static str,
}

const REQUEST: Columns = Columns {
    first: "request_first_id",
    first_after: "request_first_after_ns",
    last: "request_last_id",
    last_after: "request_last_after_ns",
    body: "request_body_bytes",
    tunnel: "request_tunnel_bytes",
    ending: "request_ending",
    defects: "request_defects",
};

const RESPONSE: Columns = Columns {
    first: "response_first_id",
    first_after: "response_first_after_ns",
    last: "response_last_id",
    last_after: "response_last_after_ns",
    body: "response_body_bytes",
    tunnel: "response_tunnel_bytes",
    ending: "response_ending",
    defects: "response_defects",
};

fn half(row: &Row<'_>, time: i64, columns: &Columns) -> Result<Option<Message>, RowError> {
    let Some(first) = row.get::<_, Option<i64>>(columns.first)? else {
        return Ok(None);
    };
    let at = |after: i64| Timestamp::from_nanos(time.saturating_add(after));
    Ok(Some(Message {
        head: None,
        trailers: Vec::new(),
        first: (EventId::new(first), at(row.get(columns.first_after)?)),
        last: (
            EventId::new(row.get(columns.last)?),
            at(row.get(columns.last_after)?),
        ),
        body_bytes: row.get(columns.body)?,
        body: Vec::new(),
        tunnel_bytes: row.get(columns.tunnel)?,
        tunnel: Vec::new(),
        ending: Ending::from_code(row.get(columns.ending)?)
            .ok_or(RowError::Unknown("request_ending or response_ending"))?,
        defects: Defects::from_bits_retain(row.get(columns.defects)?),
    }))
}

impl Reader {
    /// One exchange as it is listed; `None` if there is none with this number.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn exchange_summary(&self, id: i64) -> Result<Option<ExchangeSummary>, Error> {
        let found = self
            .db
            .prepare_cached(EXCHANGE_BY_ID)
            .at(&self.path)?
            .query_row([id], |row| Ok(read(row)))
            .optional()
            .at(&self.path)?;
        found.transpose().map_err(|error| error.at(&self.path))
    }

    /// The whole exchange.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn whole_exchange(&self, summary: &ExchangeSummary) -> Result<Exchange, Error> {
        let mut exchange = summary.exchange.clone();
        let id = exchange.id;
        for (side, block) in Side::BOTH.into_iter().zip(summary.head_blocks) {
            let half = match side {
                Side::Request => &mut exchange.request,
                Side::Response => &mut exchange.response,
            };
            let Some(message) = half else { continue };
            if let Some(block) = block {
                message.head = Some(heads::read(self, block, id, side)?);
            }
            message.body = self.spans(id, part(BODY, side))?;
            message.tunnel = self.spans(id, part(TUNNEL, side))?;
            let trailers = self.parts(id, part(TRAILERS, side))?;
            for data in trailers {
                message.trailers = encode::read_fields(&data)
                    .ok_or_else(|| self.damaged_exchange(id, "trailers"))?;
            }
        }
        Ok(exchange)
    }

    fn damaged_exchange(&self, id: i64, what: &str) -> Error {
        Error::Corrupt {
            path: self.path.clone(),
            detail: format!("the {what} of exchange {id} are damaged"),
        }
    }

    fn spans(&self, id: i64, part: u8) -> Result<Vec<Span>, Error> {
        let mut spans = Vec::new();
        for data in self.parts(id, part)? {
            spans.extend(
                encode::read_spans(&data).ok_or_else(|| self.damaged_exchange(id, "pieces"))?,
            );
        }
        Ok(spans)
    }

    fn parts(&self, id: i64, part: u8) -> Result<Vec<Vec<u8>>, Error> {
        self.db
            .prepare_cached(
                "SELECT data FROM exchange_parts WHERE exchange_id = ?1 AND part = ?2 ORDER BY number",
            )
            .and_then(|mut statement| {
                statement
                    .query_map(rusqlite::params![id, part], |row| row.get("data"))?
                    .collect()
            })
            .at(&self.path)
    }
}
