//! From rows to exchanges.

use rusqlite::types::FromSql;
use rusqlite::{OptionalExtension, Row};

use super::encode;
use super::heads;
use super::writer::{BODY, PLAIN_TRAILERS, TRAILERS, TUNNEL, part, place_of_trailers};
use crate::event::{
    ConnectionId, Endpoints, EventId, Process, RecordingId, Role, RunId, StreamId, Timestamp,
};
use crate::http::exchange::{Defects, Ending, Exchange, Field, Message, Side, Span};
use crate::store::error::{At, Error};
use crate::store::reader::Reader;
use crate::store::row::{RowError, select, tuple_at};

select!(
    /// Everything about one exchange but heads, trailers and where its bodies are.
    EXCHANGE_BY_ID,
    /// The columns of `EXCHANGE_BY_ID`.
    Column {
        Id = "x.id",
        Time = "x.time_ns",
        Connection = "x.connection_id",
        Number = "x.number",
        Stream = "x.stream_id",
        Http2Stream = "x.http2_stream",
        Run = "s.run_id",
        Pid = "p.pid",
        Pname = "p.pname",
        Uid = "p.uid",
        Identity = "p.identity_id",
        Fd = "c.fd",
        SrcIp = "c.src_ip",
        SrcPort = "c.src_port",
        DstIp = "c.dst_ip",
        DstPort = "c.dst_port",
        Sense = "c.sense",
        TupleSource = "c.tuple_source",
        Role = "c.role",
        Method = "f.method",
        Host = "f.host",
        Status = "f.status",
        RequestType = "f.request_type",
        ResponseType = "f.response_type",
        Path = "pa.path",
        RequestHeadBlock = "x.request_head_block",
        ResponseHeadBlock = "x.response_head_block",
        // As for an event: the one of the batch, or the one that was begun with it for the source.
        Recording = "(SELECT COALESCE(
                (SELECT m.id FROM runs AS ru
                 CROSS JOIN recordings AS m ON m.id >= b.recording_id AND m.source_id = ru.source_id
                 WHERE ru.id = s.run_id ORDER BY m.id LIMIT 1),
                b.recording_id)
            FROM batches AS b
            WHERE b.first_id <= COALESCE(x.request_first_id, x.response_first_id)
            ORDER BY b.first_id DESC LIMIT 1)",
        RequestFirst = "x.request_first_id",
        RequestFirstAfter = "x.request_first_after_ns",
        RequestLast = "x.request_last_id",
        RequestLastAfter = "x.request_last_after_ns",
        RequestBody = "x.request_body_bytes",
        RequestTunnel = "x.request_tunnel_bytes",
        RequestEnding = "x.request_ending",
        RequestDefects = "x.request_defects",
        ResponseFirst = "x.response_first_id",
        ResponseFirstAfter = "x.response_first_after_ns",
        ResponseLast = "x.response_last_id",
        ResponseLastAfter = "x.response_last_after_ns",
        ResponseBody = "x.response_body_bytes",
        ResponseTunnel = "x.response_tunnel_bytes",
        ResponseEnding = "x.response_ending",
        ResponseDefects = "x.response_defects",
    }
    "FROM exchanges AS x
    JOIN exchange_facts AS f ON f.id = x.facts_id
    LEFT JOIN exchange_paths AS pa ON pa.id = x.path_id
    LEFT JOIN streams AS s ON s.id = x.stream_id
    LEFT JOIN processes AS p ON p.id = s.process_id
    LEFT JOIN connections AS c ON c.id = x.connection_id
    WHERE x.id = ?1"
);

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

/// A row of `EXCHANGE_BY_ID`.
struct Columns<'a>(&'a Row<'a>);

impl Columns<'_> {
    fn get<T: FromSql>(&self, column: Column) -> rusqlite::Result<T> {
        self.0.get(column as usize)
    }
}

/// Reads the row of `EXCHANGE_BY_ID`: the exchange without its identity, and the row of that.
fn read(row: &Row<'_>) -> Result<(ExchangeSummary, Option<i64>), RowError> {
    let row = &Columns(row);
    let ends = tuple_at(
        row.0,
        Column::TupleSource as usize,
        [Column::SrcIp as usize, Column::DstIp as usize],
        [Column::SrcPort as usize, Column::DstPort as usize],
        Column::Sense as usize,
    )?;
    let role: Option<u8> = row.get(Column::Role)?;
    let role = role.and_then(Role::from_code);
    let time: i64 = row.get(Column::Time)?;
    let number =
        |column| -> rusqlite::Result<i64> { Ok(row.get::<Option<i64>>(column)?.unwrap_or(0)) };
    let exchange = Exchange {
        id: row.get(Column::Id)?,
        recording: RecordingId::new(number(Column::Recording)?),
        run: RunId::new(number(Column::Run)?),
        stream: StreamId::of(row.get(Column::Stream)?, None),
        connection: Some(ConnectionId::new(row.get(Column::Connection)?)),
        number: row.get(Column::Number)?,
        http2_stream: row.get(Column::Http2Stream)?,
        process: Process {
            pid: row.get(Column::Pid)?,
            tid: None,
            uid: row.get(Column::Uid)?,
            pname: row.get(Column::Pname)?,
        },
        identity: None,
        fd: row.get(Column::Fd)?,
        endpoints: ends.map_or_else(Endpoints::default, |(tuple, source)| {
            Endpoints::new(tuple, source, role)
        }),
        role,
        request: half(row, time, &REQUEST)?,
        response: half(row, time, &RESPONSE)?,
    };
    let summary = ExchangeSummary {
        exchange,
        method: row.get(Column::Method)?,
        host: row.get(Column::Host)?,
        path: row.get(Column::Path)?,
        status: row.get(Column::Status)?,
        request_type: row.get(Column::RequestType)?,
        response_type: row.get(Column::ResponseType)?,
        head_blocks: [
            row.get(Column::RequestHeadBlock)?,
            row.get(Column::ResponseHeadBlock)?,
        ],
    };
    Ok((summary, row.get(Column::Identity)?))
}

/// Where a half is in a row.
struct Half {
    first: Column,
    first_after: Column,
    last: Column,
    last_after: Column,
    body: Column,
    tunnel: Column,
    ending: Column,
    defects: Column,
}

const REQUEST: Half = Half {
    first: Column::RequestFirst,
    first_after: Column::RequestFirstAfter,
    last: Column::RequestLast,
    last_after: Column::RequestLastAfter,
    body: Column::RequestBody,
    tunnel: Column::RequestTunnel,
    ending: Column::RequestEnding,
    defects: Column::RequestDefects,
};

const RESPONSE: Half = Half {
    first: Column::ResponseFirst,
    first_after: Column::ResponseFirstAfter,
    last: Column::ResponseLast,
    last_after: Column::ResponseLastAfter,
    body: Column::ResponseBody,
    tunnel: Column::ResponseTunnel,
    ending: Column::ResponseEnding,
    defects: Column::ResponseDefects,
};

fn half(row: &Columns<'_>, time: i64, at: &Half) -> Result<Option<Message>, RowError> {
    let Some(first) = row.get::<Option<i64>>(at.first)? else {
        return Ok(None);
    };
    let after = |after: i64| Timestamp::from_nanos(time.saturating_add(after));
    Ok(Some(Message {
        head: None,
        interim: Vec::new(),
        trailers: Vec::new(),
        first: (EventId::new(first), after(row.get(at.first_after)?)),
        last: (
            EventId::new(row.get(at.last)?),
            after(row.get(at.last_after)?),
        ),
        body_bytes: row.get(at.body)?,
        body: Vec::new(),
        tunnel_bytes: row.get(at.tunnel)?,
        tunnel: Vec::new(),
        ending: Ending::from_code(row.get(at.ending)?)
            .ok_or(RowError::Unknown("request_ending or response_ending"))?,
        defects: Defects::from_bits_retain(row.get(at.defects)?),
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
        let found = found.transpose().map_err(|error| error.at(&self.path))?;
        let Some((mut summary, identity)) = found else {
            return Ok(None);
        };
        summary.exchange.identity = self.identity(identity)?;
        Ok(Some(summary))
    }

    /// The whole exchange.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn whole_exchange(&self, summary: &ExchangeSummary) -> Result<Exchange, Error> {
        let mut exchange = summary.exchange.clone();
        let id = exchange.id;
        let parts = self.parts(id)?;
        for (side, block) in Side::BOTH.into_iter().zip(summary.head_blocks) {
            let half = match side {
                Side::Request => &mut exchange.request,
                Side::Response => &mut exchange.response,
            };
            let Some(message) = half else { continue };
            if let Some(block) = block {
                let (head, interim) = heads::read(self, block, id, side)?;
                (message.head, message.interim) = (Some(head), interim);
            }
            message.body = self.spans(id, &parts, part(BODY, side))?;
            message.tunnel = self.spans(id, &parts, part(TUNNEL, side))?;
            message.trailers = self.trailers(id, &parts, side)?;
        }
        Ok(exchange)
    }

    fn damaged_exchange(&self, id: i64, what: &str) -> Error {
        Error::Corrupt {
            path: self.path.clone(),
            detail: format!("the {what} of exchange {id} are damaged"),
        }
    }

    fn trailers(&self, id: i64, parts: &[(u8, Vec<u8>)], side: Side) -> Result<Vec<Field>, Error> {
        let whole = |of| -> Vec<u8> { of_part(parts, part(of, side)).flatten().copied().collect() };
        let stored = whole(TRAILERS);
        let fields = if stored.is_empty() {
            whole(PLAIN_TRAILERS)
        } else {
            let fields = self.vault.decrypt(place_of_trailers(id, side), stored);
            fields.at(&self.path)?.into_owned()
        };
        if fields.is_empty() {
            return Ok(Vec::new());
        }
        encode::read_fields(&fields).ok_or_else(|| self.damaged_exchange(id, "trailers"))
    }

    fn spans(&self, id: i64, parts: &[(u8, Vec<u8>)], part: u8) -> Result<Vec<Span>, Error> {
        let mut spans = Vec::new();
        for data in of_part(parts, part) {
            spans.extend(
                encode::read_spans(data).ok_or_else(|| self.damaged_exchange(id, "pieces"))?,
            );
        }
        // Each byte of a body arrived once. A list that names the same ones over and over would be a body without an end.
        if encode::overlap(&spans) {
            return Err(self.damaged_exchange(id, "pieces"));
        }
        Ok(spans)
    }

    /// Where its bodies are, and its trailers.
    fn parts(&self, id: i64) -> Result<Vec<(u8, Vec<u8>)>, Error> {
        self.db
            .prepare_cached(
                "SELECT part, data FROM exchange_parts WHERE exchange_id = ?1 ORDER BY part, number",
            )
            .and_then(|mut statement| {
                statement
                    .query_map([id], |row| Ok((row.get("part")?, row.get("data")?)))?
                    .collect()
            })
            .at(&self.path)
    }
}

fn of_part(parts: &[(u8, Vec<u8>)], wanted: u8) -> impl Iterator<Item = &[u8]> {
    parts
        .iter()
        .filter(move |(part, _)| *part == wanted)
        .map(|(_, data)| data.as_slice())
}
