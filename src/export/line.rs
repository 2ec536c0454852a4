//! The fields of an event in JSON.

use serde::Serialize;

use super::identity::Who;
use crate::event::{
    ConnectionId, Details, Direction, HttpHead, Probe, Sense, StoredEvent, TupleSource,
};

/// One line, without the payload, which follows as the last field: `payload`, a string, if the bytes are UTF-8 and
/// not more than 4 MiB; `payload_base64` otherwise. What is unknown is absent; nothing is ever null.
///
/// Times are RFC 3339 in UTC with nine digits, and again as nanoseconds since 1970. Addresses are `10.0.0.1:443` or
/// `[2001:db8::1]:443`. Characters that steer a terminal are always written as `\u` escapes, so that a line can be
/// looked at; a JSON parser gives them back as they were.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    /// The capture, where several are read as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    capture: Option<&'a str>,
    /// The event's number in its capture.
    id: i64,
    /// When it happened.
    time: String,
    /// The same in nanoseconds since 1970.
    time_ns: i64,
    /// Where the time comes from: `field`, `text`, `text_inferred`, `monotonic` or `received`.
    time_source: &'static str,
    /// When the frame reached the recorder.
    received: String,
    /// The same in nanoseconds since 1970.
    received_ns: i64,
    /// Set when the receive time is only a stand-in: the event was imported from a file that tells none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    received_estimated: bool,
    /// The run of `ecq-record`, the run of eCapture, and the stream that it belongs to.
    recording: i64,
    run: i64,
    stream: i64,
    /// The connection that it belongs to, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<u32>,
    /// The user: shells tell it, of other processes it is read with what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    /// The command name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pname: Option<&'a str>,
    #[serde(flatten)]
    who: Who<'a>,
    /// The file descriptor.
    #[serde(skip_serializing_if = "Option::is_none")]
    fd: Option<u32>,
    /// `in`: the process read; `out`: it wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    /// What it is, and what its payload holds; the names that `--type` takes.
    kind: &'static str,
    content: &'static str,
    /// The eCapture probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<&'static str>,
    /// eCapture's own type number.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    ecapture_type: Option<u32>,
    /// The end that opened the connection and the one that accepted it, whichever way the bytes went.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    /// The end that the process holds and the one that it talks to.
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote: Option<String>,
    /// Where the four come from: `field`, `uuid`, `connection_event`, `inferred` or `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    address_source: Option<&'static str>,
    /// Whether it is inferred which end is whose. There with `address_source`.
    #[serde(skip_serializing_if = "Option::is_none")]
    role_inferred: Option<bool>,
    /// The two addresses that the event itself carried, and what their order means: `initiator_to_acceptor` or
    /// `local_to_remote`.
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tuple_sense: Option<&'static str>,
    /// From the head of an HTTP message.
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http<'a>>,
    /// What happened to the bytes before they reached the recorder: `wire` (nothing), or some of `reserialized`,
    /// `hex_undone`, `listing`, `maybe_truncated`, `cut_at_nul`,
    /// `text_file`.
    provenance: Vec<&'static str>,
    /// What only some probes say.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<More<'a>>,
    /// The size of the payload in bytes.
    length: u64,
}

/// The facts of an HTTP head.
#[derive(Debug, Serialize)]
struct Http<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    /// In lower case, with the port if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    /// With its query.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
}

/// What only some probes say.
#[derive(Debug, Serialize)]
struct More<'a> {
    /// bash: the exit status. mysqld: what the dispatcher returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    return_value: Option<i64>,
    /// mysqld: the status word.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    /// The full length of what was captured in part.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_bytes: Option<u64>,
    /// The kernel's monotonic clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    monotonic_ns: Option<u64>,
    /// The network interface of a packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    interface_index: Option<u32>,
    /// Why a frame could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> Line<'a> {
    pub(super) fn of(capture: Option<&'a str>, stored: &'a StoredEvent) -> Self {
        let event = &stored.event;
        let ends = &stored.endpoints;
        Self {
            capture,
            id: stored.id.number(),
            time: event.time.to_string(),
            time_ns: event.time.as_nanos(),
            time_source: event.clock.kind.name(),
            received: event.received.to_string(),
            received_ns: event.received.as_nanos(),
            received_estimated: stored.is_received_estimated,
            recording: stored.recording.number(),
            run: stored.run.number(),
            stream: stored.stream.number(),
            connection: stored.connection.map(ConnectionId::number),
            pid: event.process.pid,
            tid: event.process.tid,
            uid: stored.uid(),
            pname: event.process.pname.as_deref(),
            who: Who::of(stored.identity.as_deref()),
            fd: event.fd,
            direction: event.direction.map(Direction::name),
            kind: event.kind.name(),
            content: event.content.name(),
            probe: event.probe.map(Probe::name),
            ecapture_type: event.ecapture_type,
            client: ends.client.map(|end| end.to_string()),
            server: ends.server.map(|end| end.to_string()),
            local: ends.local.map(|end| end.to_string()),
            remote: ends.remote.map(|end| end.to_string()),
            address_source: ends.source.map(TupleSource::name),
            role_inferred: ends.source.map(|_| ends.role_inferred),
            src: event.tuple.map(|tuple| tuple.src.to_string()),
            dst: event.tuple.map(|tuple| tuple.dst.to_string()),
            tuple_sense: event.tuple.map(|tuple| match tuple.sense {
                Sense::InitiatorToAcceptor => "initiator_to_acceptor",
                Sense::LocalToRemote => "local_to_remote",
            }),
            http: event.http.as_ref().map(Http::of),
            provenance: event.provenance.names(),
            details: More::of(&event.details),
            length: stored.payload_bytes,
        }
    }
}

impl<'a> Http<'a> {
    fn of(http: &'a HttpHead) -> Self {
        Self {
            method: http.method.as_deref(),
            host: http.host.as_deref(),
            path: http.path.as_deref(),
            status: http.status,
            content_type: http.content_type.as_deref(),
        }
    }
}

impl<'a> More<'a> {
    fn of(details: &'a Details) -> Option<Self> {
        (*details != Details::default()).then_some(Self {
            return_value: details.return_value,
            status: details.status.as_deref(),
            total_bytes: details.total_bytes,
            monotonic_ns: details.monotonic_ns,
            interface_index: details.interface_index,
            reason: details.reason.as_deref(),
        })
    }
}
