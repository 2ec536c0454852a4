//! What is known about an exchange beside its heads and bodies, in JSON: shared by the exporters that write JSON.

use serde::Serialize;

use super::identity::Who;
use super::json::Captured;
use crate::event::{ConnectionId, Role, TupleSource};
use crate::http::body::State;
use crate::http::exchange::{Exchange, Field, Message, MessageHead};

/// Where an exchange comes from. What is unknown is absent.
#[derive(Debug, Serialize)]
pub(super) struct Facts<'a> {
    /// The capture, where several are read as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    capture: Option<&'a str>,
    /// The exchange's number in its capture.
    id: i64,
    /// The run of `ecq-record`, the run of eCapture, and the stream of its first event.
    recording: i64,
    run: i64,
    stream: i64,
    /// The connection, and its place among the exchanges of that, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<i64>,
    number: u64,
    /// The HTTP/2 stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    http2_stream: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pname: Option<&'a str>,
    #[serde(flatten)]
    who: Who<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fd: Option<u32>,
    /// Which end the process is: `client` or `server`.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote: Option<String>,
    /// Where the four come from, and whether it is inferred which end is whose; as for events.
    #[serde(skip_serializing_if = "Option::is_none")]
    address_source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_inferred: Option<bool>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(capture: Option<&'a str>, exchange: &'a Exchange) -> Self {
        let ends = &exchange.endpoints;
        let process = &exchange.process;
        Self {
            capture,
            id: exchange.id,
            recording: exchange.recording.number(),
            run: exchange.run.number(),
            stream: exchange.stream.number(),
            connection: exchange.connection.map(ConnectionId::number),
            number: exchange.number,
            http2_stream: exchange.http2_stream,
            pid: process.pid,
            tid: process.tid,
            uid: process.uid_or(exchange.identity.as_deref()),
            pname: process.pname.as_deref(),
            who: Who::of(exchange.identity.as_deref()),
            fd: exchange.fd,
            role: exchange.role.map(Role::name),
            client: ends.client.map(|end| end.to_string()),
            server: ends.server.map(|end| end.to_string()),
            local: ends.local.map(|end| end.to_string()),
            remote: ends.remote.map(|end| end.to_string()),
            address_source: ends.source.map(TupleSource::name),
            role_inferred: ends.source.map(|_| ends.role_inferred),
        }
    }
}

/// How one half was captured.
#[derive(Debug, Serialize)]
pub(super) struct HalfFacts {
    /// `complete`, `consistent`, `closed`, `open` or `broken`.
    ending: &'static str,
    /// What is wrong with it; absent if nothing is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    defects: Vec<&'static str>,
    /// Its first and its last event, and their times in nanoseconds since 1970.
    first_event: i64,
    first_time_ns: i64,
    last_event: i64,
    last_time_ns: i64,
    /// The size of the body, without framing and with codings.
    body_bytes: u64,
    /// How many bytes followed after the exchange turned into a tunnel; absent if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel_bytes: Option<u64>,
    /// How far the codings of the body were undone.
    #[serde(flatten)]
    decoding: Option<Decoding>,
}

impl HalfFacts {
    /// `state` is that of the body, if it was read.
    pub(super) fn of(message: &Message, state: Option<State>) -> Self {
        Self {
            ending: message.ending.name(),
            defects: message.defects.names(),
            first_event: message.first.0.number(),
            first_time_ns: message.first.1.as_nanos(),
            last_event: message.last.0.number(),
            last_time_ns: message.last.1.as_nanos(),
            body_bytes: message.body_bytes,
            tunnel_bytes: Some(message.tunnel_bytes).filter(|bytes| *bytes > 0),
            decoding: state.map(Decoding::of),
        }
    }
}

/// The head of an interim response.
#[derive(Debug, Serialize)]
pub(super) struct Interim<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Captured::is_unknown")]
    reason: Captured<'a>,
    headers: Vec<[Captured<'a>; 2]>,
}

impl<'a> Interim<'a> {
    /// All of a half, in their order.
    pub(super) fn of(message: &'a Message) -> Vec<Self> {
        let of_head = |head: &'a MessageHead| Self {
            status: head.status,
            reason: Captured(head.reason.as_deref()),
            headers: pairs(&head.fields),
        };
        message.interim.iter().map(of_head).collect()
    }
}

/// Fields in their order, each as its name and its value.
pub(super) fn pairs(fields: &[Field]) -> Vec<[Captured<'_>; 2]> {
    fields
        .iter()
        .map(|Field { name, value }| [Captured(name.as_deref()), Captured(value.as_deref())])
        .collect()
}

/// How far the codings of a body were undone.
#[derive(Debug, Serialize)]
pub(super) struct Decoding {
    /// `as_sent`: there are none; `decoded`: all of them; `partial`: not all, or not to the end.
    decoding: &'static str,
    /// Why it is partial: `cut_off`, `damaged`, `too_large` or `unknown_coding`.
    #[serde(skip_serializing_if = "Option::is_none")]
    decoding_defect: Option<&'static str>,
}

impl Decoding {
    pub(super) fn of(state: State) -> Self {
        let (decoding, defect) = match state {
            State::AsSent => ("as_sent", None),
            State::Decoded => ("decoded", None),
            State::Partial(defect) => ("partial", Some(defect.name())),
        };
        Self {
            decoding,
            decoding_defect: defect,
        }
    }
}
