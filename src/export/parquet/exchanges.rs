//! Exchanges as a table, one row each: request and response side by side.

use std::borrow::Cow;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::super::identity::cmdline;
use super::body::Body;
use super::events::{ip, port};
use super::table::{Cell, Sort, Table};
use crate::event::{ConnectionId, Identity, Role, TupleSource};
use crate::http::body::State;
use crate::http::exchange::{Bodies, Exchange, Field, Message, MessageHead, Side};

/// What a row is made of.
struct Row<'a> {
    capture: Option<&'a str>,
    exchange: &'a Exchange,
    request_body: Option<Body>,
    response_body: Option<Body>,
}

impl Row<'_> {
    fn who(&self) -> Option<&Identity> {
        self.exchange.identity.as_deref()
    }

    fn half(&self, side: Side) -> Option<&Message> {
        self.exchange.half(side)
    }

    fn head(&self, side: Side) -> Option<&MessageHead> {
        self.exchange.head(side)
    }

    fn request_text(&self, part: impl FnOnce(&MessageHead) -> Option<&Bytes>) -> Cell<'_> {
        lossy(self.head(Side::Request).and_then(part))
    }

    fn body(&self, side: Side) -> Option<&Body> {
        match side {
            Side::Request => self.request_body.as_ref(),
            Side::Response => self.response_body.as_ref(),
        }
    }
}

/// How the value of a column is found.
#[derive(Clone, Copy)]
enum MakeCell {
    /// Once for the exchange.
    Whole(for<'a, 'b> fn(&'a Row<'b>) -> Cell<'a>),
    /// For each half, the column's name behind `request_` and `response_`.
    Half(for<'a, 'b> fn(&'a Row<'b>, Side) -> Cell<'a>),
}

use MakeCell::{Half, Whole};

/// The columns, in the order of the file. Names of halves are given in full, request and response.
const COLUMNS: &[([&str; 2], Sort, MakeCell)] = &[
    (
        ["capture", ""],
        Sort::Text,
        Whole(|row| Cell::text(row.capture)),
    ),
    (
        ["id", ""],
        Sort::Int,
        Whole(|row| Cell::Int(row.exchange.id)),
    ),
    // Of its first event.
    (
        ["time", ""],
        Sort::Time,
        Whole(|row| Cell::Int(row.exchange.time().as_nanos())),
    ),
    // From the first event of the request to the last of the response.
    (
        ["elapsed_ns", ""],
        Sort::Int,
        Whole(|row| Cell::int(row.exchange.elapsed_ns())),
    ),
    (
        ["recording", ""],
        Sort::Int,
        Whole(|row| Cell::Int(row.exchange.recording.number())),
    ),
    (
        ["run", ""],
        Sort::Int,
        Whole(|row| Cell::Int(row.exchange.run.number())),
    ),
    (
        ["stream", ""],
        Sort::Int,
        Whole(|row| Cell::Int(row.exchange.stream.number())),
    ),
    (
        ["connection", ""],
        Sort::Int,
        Whole(|row| Cell::int(row.exchange.connection.map(ConnectionId::number))),
    ),
    // Its place among those of its connection.
    (
        ["number", ""],
        Sort::Int,
        Whole(|row| Cell::large(row.exchange.number)),
    ),
    (
        ["http2_stream", ""],
        Sort::Int,
        Whole(|row| Cell::int(row.exchange.http2_stream)),
    ),
    (
        ["pid", ""],
        Sort::Int,
        Whole(|row| Cell::int(row.exchange.process.pid)),
    ),
    (
        ["tid", ""],
        Sort::Int,
        Whole(|row| Cell::int(row.exchange.process.tid)),
    ),
    (
        ["uid", ""],
        Sort::Int,
        Whole(|row| Cell::int(row.exchange.process.uid_or(row.who()))),
    ),
    (
        ["pname", ""],
        Sort::Text,
        Whole(|row| Cell::text(row.exchange.process.pname.as_deref())),
    ),
    (
        ["exe", ""],
        Sort::Text,
        Whole(|row| Cell::text(row.who().and_then(|who| who.exe.as_deref()))),
    ),
    (
        ["ppid", ""],
        Sort::Int,
        Whole(|row| Cell::int(row.who().and_then(|who| who.ppid))),
    ),
    (
        ["parent", ""],
        Sort::Text,
        Whole(|row| Cell::text(row.who().and_then(|who| who.parent.as_deref()))),
    ),
    (
        ["cgroup", ""],
        Sort::Text,
        Whole(|row| Cell::text(row.who().and_then(|who| who.cgroup.as_deref()))),
    ),
    (
        ["container", ""],
        Sort::Text,
        Whole(|row| Cell::text(row.who().and_then(|who| who.container.as_deref()))),
    ),
    (
        ["cmdline", ""],
        Sort::Json,
        Whole(|row| Cell::made(row.who().and_then(cmdline))),
    ),
    (
        ["process_started", ""],
        Sort::Time,
        Whole(|row| Cell::int(row.who().map(|who| who.started.as_nanos()))),
    ),
    (
        ["process_read", ""],
        Sort::Time,
        Whole(|row| Cell::int(row.who().map(|who| who.read.as_nanos()))),
    ),
    (
        ["fd", ""],
        Sort::Int,
        Whole(|row| Cell::int(row.exchange.fd)),
    ),
    (
        ["client_ip", ""],
        Sort::Text,
        Whole(|row| ip(row.exchange.endpoints.client)),
    ),
    (
        ["client_port", ""],
        Sort::Int,
        Whole(|row| port(row.exchange.endpoints.client)),
    ),
    (
        ["server_ip", ""],
        Sort::Text,
        Whole(|row| ip(row.exchange.endpoints.server)),
    ),
    (
        ["server_port", ""],
        Sort::Int,
        Whole(|row| port(row.exchange.endpoints.server)),
    ),
    (
        ["local_ip", ""],
        Sort::Text,
        Whole(|row| ip(row.exchange.endpoints.local)),
    ),
    (
        ["local_port", ""],
        Sort::Int,
        Whole(|row| port(row.exchange.endpoints.local)),
    ),
    (
        ["remote_ip", ""],
        Sort::Text,
        Whole(|row| ip(row.exchange.endpoints.remote)),
    ),
    (
        ["remote_port", ""],
        Sort::Int,
        Whole(|row| port(row.exchange.endpoints.remote)),
    ),
    (
        ["address_source", ""],
        Sort::Text,
        Whole(|row| Cell::text(row.exchange.endpoints.source.map(TupleSource::name))),
    ),
    // Which end the process is.
    (
        ["role", ""],
        Sort::Text,
        Whole(|row| Cell::text(row.exchange.role.map(Role::name))),
    ),
    (
        ["method", ""],
        Sort::Text,
        Whole(|row| row.request_text(|head| head.method.as_ref())),
    ),
    (
        ["scheme", ""],
        Sort::Text,
        Whole(|row| row.request_text(|head| head.scheme.as_ref())),
    ),
    (
        ["host", ""],
        Sort::Text,
        Whole(|row| Cell::made(row.exchange.host())),
    ),
    (
        ["target", ""],
        Sort::Text,
        Whole(|row| row.request_text(|head| head.target.as_ref())),
    ),
    (
        ["url", ""],
        Sort::Text,
        Whole(|row| Cell::made(row.exchange.url())),
    ),
    (
        ["status", ""],
        Sort::Int,
        Whole(|row| Cell::int(row.head(Side::Response).and_then(|head| head.status))),
    ),
    (
        ["reason", ""],
        Sort::Text,
        Whole(|row| {
            lossy(
                row.head(Side::Response)
                    .and_then(|head| head.reason.as_ref()),
            )
        }),
    ),
    // `1.0`, `1.1` or `2`.
    (
        ["request_version", "response_version"],
        Sort::Text,
        Half(|row, side| Cell::text(row.head(side).map(|head| head.version.name()))),
    ),
    // The first and the last event, and when they were.
    (
        ["request_first_event", "response_first_event"],
        Sort::Int,
        Half(|row, side| Cell::int(row.half(side).map(|half| half.first.0.number()))),
    ),
    (
        ["request_last_event", "response_last_event"],
        Sort::Int,
        Half(|row, side| Cell::int(row.half(side).map(|half| half.last.0.number()))),
    ),
    (
        ["request_started", "response_started"],
        Sort::Time,
        Half(|row, side| Cell::int(row.half(side).map(|half| half.first.1.as_nanos()))),
    ),
    (
        ["request_ended", "response_ended"],
        Sort::Time,
        Half(|row, side| Cell::int(row.half(side).map(|half| half.last.1.as_nanos()))),
    ),
    // An array of pairs of name and value, in their order. Unknown is null; what is not UTF-8 is `{"base64": …}`.
    (
        ["request_headers", "response_headers"],
        Sort::Json,
        Half(|row, side| Cell::made(row.head(side).map(|head| pairs(&head.fields)))),
    ),
    (
        ["request_trailers", "response_trailers"],
        Sort::Json,
        Half(|row, side| {
            let trailers = row.half(side).map(|half| &half.trailers);
            Cell::made(
                trailers
                    .filter(|fields| !fields.is_empty())
                    .map(|fields| pairs(fields)),
            )
        }),
    ),
    // `complete`, `consistent`, `closed`, `open` or `broken`.
    (
        ["request_ending", "response_ending"],
        Sort::Text,
        Half(|row, side| Cell::text(row.half(side).map(|half| half.ending.name()))),
    ),
    // Several with commas between them; null if there are none.
    (
        ["request_defects", "response_defects"],
        Sort::Text,
        Half(|row, side| {
            let defects = row.half(side).map(|half| half.defects);
            Cell::made(
                defects
                    .filter(|defects| !defects.is_empty())
                    .map(|defects| defects.names().join(",")),
            )
        }),
    ),
    // What followed after the exchange turned into a tunnel.
    (
        ["request_tunnel_bytes", "response_tunnel_bytes"],
        Sort::Int,
        Half(|row, side| Cell::large(row.half(side).map(|half| half.tunnel_bytes))),
    ),
    // The size of the body as it was sent, with its codings.
    (
        ["request_body_sent_bytes", "response_body_sent_bytes"],
        Sort::Int,
        Half(|row, side| Cell::large(row.half(side).map(|half| half.body_bytes))),
    ),
    // The full size of the decoded body, whatever is cut off.
    (
        ["request_body_bytes", "response_body_bytes"],
        Sort::Int,
        Half(|row, side| Cell::large(row.body(side).map(|body| body.bytes))),
    ),
    // `as_sent`, `decoded`, or why it is not decoded to its end.
    (
        ["request_body_state", "response_body_state"],
        Sort::Text,
        Half(|row, side| Cell::text(row.body(side).map(|body| state(body.state)))),
    ),
    (
        ["request_body_truncated", "response_body_truncated"],
        Sort::Bool,
        Half(|row, side| {
            row.body(side)
                .map_or(Cell::Null, |body| Cell::Bool(body.is_truncated()))
        }),
    ),
    (
        ["request_body", "response_body"],
        Sort::Bytes,
        Half(|row, side| {
            row.body(side)
                .map_or(Cell::Null, |body| Cell::Bytes(body.start.as_slice().into()))
        }),
    ),
];

/// Writes exchanges as a table, with their bodies decoded; see [`super`].
#[derive(Debug)]
pub struct ParquetExchanges<W: Write + Send> {
    table: Table<W>,
}

impl<W: Write + Send> ParquetExchanges<W> {
    /// Begins the file.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn new(out: W) -> io::Result<Self> {
        let columns = COLUMNS.iter().flat_map(|([name, second], sort, cell)| {
            let second = matches!(cell, Half(_)).then_some((*second, *sort));
            std::iter::once((*name, *sort)).chain(second)
        });
        Ok(Self {
            table: Table::new(out, "exchange", columns)?,
        })
    }

    /// Writes one exchange of this capture, where there are several. Bodies are read to their ends, to know their sizes
    /// and whether they could be decoded.
    ///
    /// # Errors
    ///
    /// What `bodies` says, or `out`.
    pub fn write(
        &mut self,
        capture: Option<&str>,
        exchange: &Exchange,
        bodies: &dyn Bodies,
    ) -> io::Result<()> {
        let read = |side| {
            exchange
                .half(side)
                .map(|half| Body::read(half, bodies))
                .transpose()
        };
        let row = Row {
            capture,
            exchange,
            request_body: read(Side::Request)?,
            response_body: read(Side::Response)?,
        };
        let mut cells = Vec::new();
        for (_, _, cell) in COLUMNS {
            match cell {
                Whole(cell) => cells.push(cell(&row)),
                Half(cell) => cells.extend(Side::BOTH.map(|side| cell(&row, side))),
            }
        }
        self.table.push(&cells)
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

fn lossy(bytes: Option<&Bytes>) -> Cell<'_> {
    bytes.map_or(Cell::Null, |bytes| {
        Cell::Bytes(match String::from_utf8_lossy(bytes) {
            Cow::Borrowed(text) => text.as_bytes().into(),
            Cow::Owned(text) => text.into_bytes().into(),
        })
    })
}

fn pairs(fields: &[Field]) -> String {
    let value = |bytes: &Option<Bytes>| match bytes {
        None => Json::Null,
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Json::from(text),
            Err(_) => json!({"base64": STANDARD.encode(bytes)}),
        },
    };
    let pairs = fields
        .iter()
        .map(|field| Json::Array(vec![value(&field.name), value(&field.value)]));
    Json::Array(pairs.collect()).to_string()
}

fn state(state: State) -> &'static str {
    match state {
        State::AsSent => "as_sent",
        State::Decoded => "decoded",
        State::Partial(defect) => defect.name(),
    }
}
