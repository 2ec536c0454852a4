//! What is known about an event apart from its payload, and the values that fields have by it.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use super::field_id::FieldId;
use crate::event::{
    Content, Direction, Endpoints, Event, HttpHead, Identity, Kind, Probe, Provenance, Role,
    StoredEvent, Timestamp,
};
use crate::http::exchange::{Defects, Ending, Exchange};

/// What is known about an event apart from its payload. What is unknown, or not asked about, is absent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// When it happened.
    pub time: Option<Timestamp>,
    /// When its frame was received.
    pub received: Option<Timestamp>,
    /// Its number.
    pub id: Option<i64>,
    /// The URL or file that it came from.
    pub source: Option<&'a str>,
    /// The process name.
    pub pname: Option<&'a str>,
    /// The process id.
    pub pid: Option<u32>,
    /// The thread id.
    pub tid: Option<u32>,
    /// The user id.
    pub uid: Option<u32>,
    /// The file that the process runs.
    pub exe: Option<&'a str>,
    /// The parent's process id.
    pub ppid: Option<u32>,
    /// The container.
    pub container: Option<&'a str>,
    /// The descriptor.
    pub fd: Option<u32>,
    /// The ends of the connection.
    pub endpoints: Endpoints,
    /// Which end the process is.
    pub role: Option<Role>,
    /// The connection's number.
    pub connection: Option<i64>,
    /// Whether the process read or wrote.
    pub direction: Option<Direction>,
    /// The kind of event.
    pub kind: Option<Kind>,
    /// What the payload starts with.
    pub content: Option<Content>,
    /// The probe.
    pub probe: Option<Probe>,
    /// eCapture's type number.
    pub ecapture_type: Option<u32>,
    /// What happened to the bytes on the way.
    pub provenance: Option<Provenance>,
    /// The size of the payload in bytes.
    pub payload_bytes: Option<u64>,
    /// The request method.
    pub method: Option<&'a str>,
    /// The request's host.
    pub host: Option<&'a str>,
    /// The request target.
    pub path: Option<&'a str>,
    /// The response's status.
    pub status: Option<u16>,
    /// The content type; of an exchange, that of the response.
    pub content_type: Option<&'a str>,
    /// The content type of an exchange's request.
    pub request_type: Option<&'a str>,
    /// How long an exchange took, in nanoseconds.
    pub elapsed_ns: Option<i64>,
    /// The HTTP/2 stream of an exchange.
    pub http2_stream: Option<u32>,
    /// Whether an exchange is HTTP/2; of events, the content tells.
    pub is_http2: Option<bool>,
    /// The sizes of an exchange's bodies, of the request and of the response.
    pub body_bytes: [Option<u64>; 2],
    /// How the halves of an exchange ended.
    pub endings: [Option<Ending>; 2],
    /// What is wrong with an exchange.
    pub defects: Option<Defects>,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    Int(i64),
    /// A point in time.
    Time(Timestamp),
    /// Text or bytes.
    Bytes(Cow<'a, [u8]>),
    /// An address.
    Ip(IpAddr),
    /// An address with its port.
    Endpoint(SocketAddr),
    /// Yes or no.
    Bool(bool),
}

impl Value<'_> {
    /// The value with bytes of its own.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Int(number) => Value::Int(number),
            Self::Time(time) => Value::Time(time),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Ip(ip) => Value::Ip(ip),
            Self::Endpoint(end) => Value::Endpoint(end),
            Self::Bool(is_so) => Value::Bool(is_so),
        }
    }

    /// The value as bytes for people and programs: numbers in decimal, times in RFC 3339, addresses as usual, text and
    /// bytes as they are.
    pub fn to_bytes(&self) -> Cow<'_, [u8]> {
        let text = match self {
            Self::Bytes(bytes) => return Cow::Borrowed(bytes),
            Self::Int(number) => number.to_string(),
            Self::Time(time) => time.to_string(),
            Self::Ip(ip) => ip.to_string(),
            Self::Endpoint(end) => end.to_string(),
            Self::Bool(is_so) => is_so.to_string(),
        };
        Cow::Owned(text.into_bytes())
    }
}

impl<'a> Value<'a> {
    fn text(text: &'a str) -> Self {
        Self::Bytes(Cow::Borrowed(text.as_bytes()))
    }
}

impl<'a> Facts<'a> {
    /// The facts of an event that is being captured.
    pub fn of_event(event: &'a Event, payload_bytes: u64) -> Self {
        let http = event.http.as_ref();
        let text =
            |part: fn(&HttpHead) -> &Option<String>| http.and_then(|head| part(head).as_deref());
        Self {
            time: Some(event.time),
            received: Some(event.received),
            pname: event.process.pname.as_deref(),
            pid: event.process.pid,
            tid: event.process.tid,
            uid: event.process.uid,
            fd: event.fd,
            direction: event.direction,
            kind: Some(event.kind),
            content: Some(event.content),
            probe: event.probe,
            ecapture_type: event.ecapture_type,
            provenance: Some(event.provenance),
            payload_bytes: Some(payload_bytes),
            method: text(|head| &head.method),
            host: text(|head| &head.host),
            path: text(|head| &head.path),
            status: http.and_then(|head| head.status),
            content_type: text(|head| &head.content_type),
            ..Self::default()
        }
    }

    /// The facts of a stored event. `source` is the URL or file that its run came from.
    pub fn of_stored(stored: &'a StoredEvent, source: Option<&'a str>) -> Self {
        Self {
            id: Some(stored.id.number()),
            source,
            endpoints: stored.endpoints,
            role: stored.role,
            connection: stored.connection.map(crate::event::ConnectionId::number),
            ..Self::of_event(&stored.event, stored.payload_bytes)
        }
        .with_identity(stored.identity.as_deref())
    }

    /// The facts of an exchange without its heads. `source` is the URL or file that its run came from.
    pub fn of_exchange(exchange: &'a Exchange, source: Option<&'a str>) -> Self {
        let halves = [&exchange.request, &exchange.response];
        let mut defects = None;
        for message in halves.into_iter().flatten() {
            defects = Some(defects.unwrap_or(Defects::empty()) | message.defects);
        }
        Self {
            time: Some(exchange.time()),
            id: Some(exchange.id),
            source,
            pid: exchange.process.pid,
            uid: exchange.process.uid,
            fd: exchange.fd,
            endpoints: exchange.endpoints,
            role: exchange.role,
            connection: exchange.connection.map(crate::event::ConnectionId::number),
            elapsed_ns: exchange.elapsed_ns(),
            http2_stream: exchange.http2_stream,
            is_http2: Some(exchange.http2_stream.is_some()),
            body_bytes: halves.map(|half| half.as_ref().map(|message| message.body_bytes)),
            endings: halves.map(|half| half.as_ref().map(|message| message.ending)),
            defects,
            ..Self::default()
        }
        .with_identity(exchange.identity.as_deref())
    }

    /// With what was read of the process; a user id that the event tells stays.
    #[must_use]
    pub fn with_identity(self, identity: Option<&'a Identity>) -> Self {
        let Some(identity) = identity else {
            return self;
        };
        Self {
            uid: self.uid.or(identity.uid),
            exe: identity.exe.as_deref(),
            ppid: identity.ppid,
            container: identity.container.as_deref(),
            ..self
        }
    }

    /// Gives the values of a field that is not about the payload to `each`, until it says that it has enough.
    pub(super) fn values(&self, field: FieldId, mut each: impl FnMut(Value<'a>) -> bool) -> bool {
        if let Some(many) = self.many(field, &mut each) {
            return many;
        }
        self.one(field).is_some_and(each)
    }

    /// The fields that can have several values; `None` for another one.
    fn many(&self, field: FieldId, each: &mut impl FnMut(Value<'a>) -> bool) -> Option<bool> {
        let found = match field {
            FieldId::Ip => self.ends().any(|end| each(ip(end))),
            FieldId::Port => self.ends().any(|end| each(port(end))),
            FieldId::Addr => self.ends().any(|end| each(Value::Endpoint(end))),
            FieldId::Type => self.types(each),
            FieldId::Host => self.hosts().any(|host| each(Value::text(host))),
            FieldId::Ctype => {
                let types = self.content_type.into_iter().chain(self.request_type);
                types.map(Value::text).any(each)
            }
            FieldId::Ending => {
                let endings = self.endings.into_iter().flatten();
                endings.map(|ending| Value::text(ending.name())).any(each)
            }
            FieldId::Defect => self
                .defects
                .into_iter()
                .flat_map(Defects::names)
                .any(|name| each(Value::text(name))),
            FieldId::Provenance => self
                .provenance
                .into_iter()
                .flat_map(Provenance::names)
                .any(|name| each(Value::text(name))),
            _ => return None,
        };
        Some(found)
    }

    /// The ends that are known, each once.
    fn ends(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        let Endpoints {
            client,
            server,
            local,
            remote,
            ..
        } = self.endpoints;
        let first = client.or(local);
        let second = if client.is_some() { server } else { remote };
        first.into_iter().chain(second)
    }

    fn types(&self, each: &mut impl FnMut(Value<'a>) -> bool) -> bool {
        self.kind.is_some_and(|kind| each(Value::text(kind.name())))
            || self
                .content
                .is_some_and(|content| each(Value::text(content.name())))
            || self.ecapture_type.is_some_and(|number| {
                each(Value::Bytes(Cow::Owned(number.to_string().into_bytes())))
            })
    }

    /// The host as sent and, if it has a port, also without.
    fn hosts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let bare = self.host.and_then(|host| {
            let (name, port) = host.rsplit_once(':')?;
            let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            (is_port && !name.is_empty()).then_some(name)
        });
        self.host.into_iter().chain(bare)
    }

    fn one(&self, field: FieldId) -> Option<Value<'a>> {
        let int = |number: u32| Value::Int(i64::from(number));
        let size = |bytes: Option<u64>| {
            bytes.map(|bytes| Value::Int(i64::try_from(bytes).unwrap_or(i64::MAX)))
        };
        let Endpoints {
            client,
            server,
            local,
            remote,
            ..
        } = self.endpoints;
        match field {
            FieldId::Time => self.time.map(Value::Time),
            FieldId::Received => self.received.map(Value::Time),
            FieldId::Id => self.id.map(Value::Int),
            FieldId::Source => self.source.map(Value::text),
            FieldId::Pname => self.pname.map(Value::text),
            FieldId::Pid => self.pid.map(int),
            FieldId::Tid => self.tid.map(int),
            FieldId::Uid => self.uid.map(int),
            FieldId::Exe => self.exe.map(Value::text),
            FieldId::Ppid => self.ppid.map(int),
            FieldId::Container => self.container.map(Value::text),
            FieldId::Fd => self.fd.map(int),
            FieldId::Src => client.map(Value::Endpoint),
            FieldId::SrcIp => client.map(ip),
            FieldId::SrcPort => client.map(port),
            FieldId::Dst => server.map(Value::Endpoint),
            FieldId::DstIp => server.map(ip),
            FieldId::DstPort => server.map(port),
            FieldId::Local => local.map(Value::Endpoint),
            FieldId::LocalIp => local.map(ip),
            FieldId::LocalPort => local.map(port),
            FieldId::Remote => remote.map(Value::Endpoint),
            FieldId::RemoteIp => remote.map(ip),
            FieldId::RemotePort => remote.map(port),
            FieldId::Conn => self.connection.map(Value::Int),
            FieldId::Direction => self.direction.map(|way| Value::text(way.name())),
            FieldId::Role => self.role.map(|role| Value::text(role.name())),
            FieldId::Kind => self.kind.map(|kind| Value::text(kind.name())),
            FieldId::Content => self.content.map(|content| Value::text(content.name())),
            FieldId::TypeRaw => self.ecapture_type.map(int),
            FieldId::Probe => self.probe.map(|probe| Value::text(probe.name())),
            FieldId::Len => size(self.payload_bytes),
            FieldId::Method => self.method.map(Value::text),
            FieldId::Path => self.path.map(Value::text),
            FieldId::Query => self
                .path
                .and_then(|path| path.split_once('?'))
                .map(|(_, query)| Value::text(query)),
            FieldId::Url => self.url(),
            FieldId::Status => self.status.map(|status| Value::Int(i64::from(status))),
            FieldId::Http1 => self.is_http2().map(|is_so| Value::Bool(!is_so)),
            FieldId::Http2 => self.is_http2().map(Value::Bool),
            FieldId::Elapsed => self.elapsed_ns.map(Value::Int),
            FieldId::Stream => self.http2_stream.map(int),
            FieldId::ReqLen => size(self.body_bytes[0]),
            FieldId::RespLen => size(self.body_bytes[1]),
            FieldId::Truncated => self.provenance.map(|what| {
                Value::Bool(what.intersects(Provenance::INCOMPLETE | Provenance::CUT_AT_NUL))
            }),
            FieldId::Lossy => self.provenance.map(|what| {
                Value::Bool(what.intersects(
                    Provenance::INCOMPLETE
                        | Provenance::CUT_AT_NUL
                        | Provenance::RESERIALIZED
                        | Provenance::LISTING,
                ))
            }),
            // Those with several values, and those about the payload.
            FieldId::Ip
            | FieldId::Port
            | FieldId::Addr
            | FieldId::Type
            | FieldId::Host
            | FieldId::Ctype
            | FieldId::Ending
            | FieldId::Defect
            | FieldId::Provenance
            | FieldId::Version
            | FieldId::Header
            | FieldId::ReqHeader
            | FieldId::RespHeader
            | FieldId::Cookie
            | FieldId::Body
            | FieldId::ReqBody
            | FieldId::RespBody
            | FieldId::Payload
            | FieldId::Any
            | FieldId::Text
            | FieldId::Sha256 => None,
        }
    }

    /// Whether it is HTTP/2 rather than HTTP/1, if it is one of them.
    fn is_http2(&self) -> Option<bool> {
        match self.content {
            Some(Content::Http1Request | Content::Http1Response) => Some(false),
            Some(Content::Http2Preface | Content::Http2Frames | Content::Http2Listing) => {
                Some(true)
            }
            Some(Content::Empty | Content::Text | Content::Binary) => None,
            None => self.is_http2,
        }
    }

    /// Everything was TLS. An absolute target says all of it by itself (RFC 9112 section 3.2.2).
    fn url(&self) -> Option<Value<'a>> {
        let path = self.path?;
        if path.contains("://") {
            return Some(Value::text(path));
        }
        let host = self.host?;
        path.starts_with('/')
            .then(|| Value::Bytes(Cow::Owned(format!("https://{host}{path}").into_bytes())))
    }
}

fn ip<'a>(end: SocketAddr) -> Value<'a> {
    Value::Ip(end.ip().to_canonical())
}

fn port<'a>(end: SocketAddr) -> Value<'a> {
    Value::Int(i64::from(end.port()))
}
