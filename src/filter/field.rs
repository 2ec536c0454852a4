//! The fields of the filter language: the one table from which names, help, `docs/filter.md` and plans come.

use super::field_id::FieldId;
use crate::event::{Content, Direction, Kind, Probe};
use crate::http::exchange::{Defects, Ending};

/// What a field is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum About {
    /// Events and exchanges alike.
    Both,
    /// HTTP: an exchange has it, and an event as far as it holds the message.
    Http,
    /// Events alone.
    Events,
    /// Exchanges alone.
    Exchanges,
}

/// What sort of values a field has, and so which literals it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A point in time.
    Time,
    /// A whole number.
    Int,
    /// A length of time: a number with `ns`, `us`, `ms`, `s`, `m` or `h`.
    Duration,
    /// A size in bytes: a whole number, with `k`, `M` or `G` for 1000, 1000² or 1000³ and `Ki`, `Mi`, `Gi` for 1024, ….
    Size,
    /// A status code: a whole number, or a class such as `5xx`.
    Status,
    /// Text.
    Text,
    /// Bytes: a string or bytes such as `50:4b:03:04`.
    Bytes,
    /// An IP address, compared with an address, a network or a range.
    Ip,
    /// An address with a port, compared with an address, a network, a port `:443` or both.
    Endpoint,
    /// One word of a list.
    Word,
    /// One word of a list, or a number.
    WordOrNumber,
    /// Yes or no.
    Bool,
}

/// Where the values of a field are stored, and so what a plan decides it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// The table of processes.
    Process,
    /// The table of sources, by the run.
    Source,
    /// The table of connections.
    Connection,
    /// The table of shapes.
    Shape,
    /// The table of HTTP heads.
    Head,
    /// The table of request targets.
    Path,
    /// HTTP head and target together.
    HeadAndPath,
    /// The event's own row.
    Row,
    /// The payload.
    Payload,
    /// The exchange's own row.
    Exchange,
}

/// A field of the language.
#[derive(Debug)]
pub struct Field {
    /// Which it is.
    pub id: FieldId,
    /// Its name.
    pub name: &'static str,
    /// Other names for it: Wireshark's, eCaptureQ's columns, short ones.
    pub aliases: &'static [&'static str],
    /// What sort of values it has.
    pub kind: Type,
    /// Where they are stored.
    pub level: Level,
    /// Whether it is written with a name in brackets, as in `header["cookie"]`.
    pub takes_key: bool,
    /// Whether its values are compared without regard to the case of ASCII letters.
    pub ignores_case: bool,
    /// Whether an event can have several values of it.
    pub has_many: bool,
    /// What it is, for the reference.
    pub help: &'static str,
    /// A filter that uses it.
    pub example: &'static str,
}

const fn field(
    id: FieldId,
    name: &'static str,
    aliases: &'static [&'static str],
    kind: Type,
    level: Level,
    help: &'static str,
    example: &'static str,
) -> Field {
    Field {
        id,
        name,
        aliases,
        kind,
        level,
        takes_key: false,
        ignores_case: false,
        has_many: false,
        help,
        example,
    }
}

impl Field {
    const fn many(mut self) -> Self {
        self.has_many = true;
        self
    }

    const fn without_case(mut self) -> Self {
        self.ignores_case = true;
        self
    }

    const fn keyed(mut self) -> Self {
        self.takes_key = true;
        self.has_many = true;
        self
    }

    /// The field of this name or alias, as written in a filter; case matters.
    pub fn named(name: &str) -> Option<&'static Self> {
        FIELDS
            .iter()
            .find(|field| field.name == name || field.aliases.contains(&name))
    }

    /// The field.
    pub fn of(id: FieldId) -> &'static Self {
        FIELDS
            .iter()
            .find(|field| field.id == id)
            .expect("every id has a line in the table, as a test holds")
    }

    /// Whether it is about events, exchanges or both.
    pub fn about(&self) -> About {
        match self.id {
            FieldId::Received
            | FieldId::Tid
            | FieldId::Direction
            | FieldId::Type
            | FieldId::Kind
            | FieldId::Content
            | FieldId::TypeRaw
            | FieldId::Probe
            | FieldId::Len
            | FieldId::Payload
            | FieldId::Text
            | FieldId::Provenance
            | FieldId::Truncated
            | FieldId::Lossy => About::Events,
            FieldId::Method
            | FieldId::Host
            | FieldId::Path
            | FieldId::Query
            | FieldId::Url
            | FieldId::Status
            | FieldId::Ctype
            | FieldId::Version
            | FieldId::Http1
            | FieldId::Http2
            | FieldId::Header
            | FieldId::ReqHeader
            | FieldId::RespHeader
            | FieldId::Cookie
            | FieldId::Body
            | FieldId::ReqBody
            | FieldId::RespBody
            | FieldId::Sha256 => About::Http,
            FieldId::Elapsed
            | FieldId::Stream
            | FieldId::ReqLen
            | FieldId::RespLen
            | FieldId::Ending
            | FieldId::Defect => About::Exchanges,
            _ => About::Both,
        }
    }

    /// The words that its values can be, where they are words of a list.
    pub fn words(&self) -> Vec<&'static str> {
        let kinds = || Kind::ALL.map(Kind::name).to_vec();
        let contents = || Content::ALL.map(Content::name).to_vec();
        match self.id {
            FieldId::Direction => vec![Direction::Inbound.name(), Direction::Outbound.name()],
            FieldId::Role => vec!["client", "server"],
            FieldId::Kind => kinds(),
            FieldId::Content => contents(),
            FieldId::Type => [kinds(), contents()].concat(),
            FieldId::Probe => Probe::ALL.map(Probe::name).to_vec(),
            FieldId::Ending => Ending::ALL.map(Ending::name).to_vec(),
            FieldId::Defect => Defects::all().names(),
            FieldId::Provenance => vec![
                "wire",
                "reserialized",
                "hex_undone",
                "listing",
                "maybe_truncated",
                "cut_at_nul",
                "text_file",
                "shortened",
                "lost",
                "redacted",
            ],
            _ => Vec::new(),
        }
    }
}

/// Every field, in the order of the reference.
pub static FIELDS: [Field; 66] = [
    field(FieldId::Time, "time", &["frame.time", "timestamp"], Type::Time, Level::Row,
        "When it happened, as far as eCapture tells; else when it was received", "time >= -10m"),
    field(FieldId::Received, "received", &[], Type::Time, Level::Row,
        "When the frame reached the recorder", "received >= today"),
    field(FieldId::Id, "id", &["frame.number", "index"], Type::Int, Level::Row,
        "The event's number, in order of arrival", "id in {53, 60..70}"),
    field(FieldId::Source, "source", &[], Type::Text, Level::Source,
        "Which eCapture: the name it was given, else the URL it was reached at, or `file:` and the name of an imported file",
        "source contains \"28257\""),
    field(FieldId::Pname, "pname", &["comm", "proc"], Type::Text, Level::Process,
        "The process name, at most 15 bytes", "pname == \"curl\""),
    field(FieldId::Pid, "pid", &[], Type::Int, Level::Process, "The process id", "pid == 11836"),
    field(FieldId::Tid, "tid", &[], Type::Int, Level::Row, "The thread id", "tid == 11837"),
    field(FieldId::Uid, "uid", &[], Type::Int, Level::Process, "The user id: of shells as they tell it, of other processes as it was read of them", "uid == 0"),
    field(FieldId::Exe, "exe", &[], Type::Text, Level::Process,
        "The file that the process runs, as `/proc` of the recorder's host told; ` (deleted)` follows where it was gone",
        "exe == \"/usr/bin/curl\""),
    field(FieldId::Ppid, "ppid", &[], Type::Int, Level::Process,
        "The process id of the parent, as `/proc` told", "ppid == 1"),
    field(FieldId::Container, "container", &[], Type::Text, Level::Process,
        "The container that the process ran in: its id of 64 digits, or its name, as the cgroup told",
        "container matches \"^4f3c0a9b1122\""),
    field(FieldId::Fd, "fd", &[], Type::Int, Level::Connection,
        "The descriptor of the socket; 0 where eCapture does not know it", "fd == 5"),
    field(FieldId::Ip, "ip", &["ip.addr", "ipv6.addr"], Type::Ip, Level::Connection,
        "An address at either end", "ip == 10.0.0.0/8").many(),
    field(FieldId::Port, "port", &["tcp.port"], Type::Int, Level::Connection,
        "A port at either end", "port in {80, 8000..8100}").many(),
    field(FieldId::Addr, "addr", &[], Type::Endpoint, Level::Connection,
        "An end of the connection, address and port", "addr == 10.0.0.5:54321 && addr == 1.2.3.4:443").many(),
    field(FieldId::Src, "src", &["client"], Type::Endpoint, Level::Connection,
        "The end that opened the connection, whichever way the bytes went", "src == 10.0.0.0/8"),
    field(FieldId::SrcIp, "src.ip", &["ip.src", "ipv6.src", "src_ip"], Type::Ip, Level::Connection,
        "Its address", "src.ip == 10.0.0.5"),
    field(FieldId::SrcPort, "src.port", &["tcp.srcport", "src_port"], Type::Int, Level::Connection,
        "Its port", "src.port == 54321"),
    field(FieldId::Dst, "dst", &["server"], Type::Endpoint, Level::Connection,
        "The end that accepted the connection, whichever way the bytes went", "dst == :443"),
    field(FieldId::DstIp, "dst.ip", &["ip.dst", "ipv6.dst", "dst_ip"], Type::Ip, Level::Connection,
        "Its address", "not dst.ip == 10.0.0.0/8"),
    field(FieldId::DstPort, "dst.port", &["tcp.dstport", "dst_port"], Type::Int, Level::Connection,
        "Its port", "dst.port == 443"),
    field(FieldId::Local, "local", &[], Type::Endpoint, Level::Connection,
        "The end that the process holds", "local == :22"),
    field(FieldId::LocalIp, "local.ip", &[], Type::Ip, Level::Connection, "Its address", "local.ip == ::1"),
    field(FieldId::LocalPort, "local.port", &[], Type::Int, Level::Connection, "Its port", "local.port < 1024"),
    field(FieldId::Remote, "remote", &[], Type::Endpoint, Level::Connection,
        "The end that the process talks to", "remote == 192.0.2.7:443"),
    field(FieldId::RemoteIp, "remote.ip", &[], Type::Ip, Level::Connection,
        "Its address", "not remote.ip in {10.0.0.0/8, 192.168.0.0/16}"),
    field(FieldId::RemotePort, "remote.port", &[], Type::Int, Level::Connection, "Its port", "remote.port == 25"),
    field(FieldId::Conn, "conn", &["tcp.stream"], Type::Int, Level::Connection,
        "The connection's number, as `show` tells it", "conn == 2"),
    field(FieldId::Direction, "direction", &[], Type::Word, Level::Shape,
        "Whether the process read (`in`) or wrote (`out`)", "direction == \"out\""),
    field(FieldId::Role, "role", &[], Type::Word, Level::Connection,
        "Which end the process is, where the traffic shows it", "role == \"server\""),
    field(FieldId::Type, "type", &[], Type::WordOrNumber, Level::Shape,
        "The kind of event, what its payload starts with, or eCapture's own number", "type == \"http1_request\"").many(),
    field(FieldId::Kind, "kind", &[], Type::Word, Level::Shape, "The kind of event", "kind == \"shell\""),
    field(FieldId::Content, "content", &[], Type::Word, Level::Shape,
        "What the payload starts with", "content == \"http2_frames\""),
    field(FieldId::TypeRaw, "type.raw", &[], Type::Int, Level::Shape,
        "eCapture's own type number; its meaning depends on the probe", "type.raw == 3"),
    field(FieldId::Probe, "probe", &[], Type::Word, Level::Shape,
        "eCapture's probe, where the frame shows it", "probe == \"gotls\""),
    field(FieldId::Len, "len", &["frame.len", "length"], Type::Size, Level::Row,
        "The payload's size in bytes", "len > 100k"),
    field(FieldId::Method, "method", &["http.request.method"], Type::Text, Level::Head,
        "The method of an HTTP request", "method == \"POST\"").without_case(),
    field(FieldId::Host, "host", &["http.host"], Type::Text, Level::Head,
        "The host of an HTTP request, with its port and, if it has one, also without", "host == \"api.example.com\"")
        .without_case().many(),
    field(FieldId::Path, "path", &["http.request.uri"], Type::Text, Level::Path,
        "The target of an HTTP request, with its query", "path matches \"^/login\""),
    field(FieldId::Query, "query", &["http.request.uri.query"], Type::Text, Level::Path,
        "What follows the first `?` of the target", "query contains \"token=\""),
    field(FieldId::Url, "url", &["http.request.full_uri"], Type::Text, Level::HeadAndPath,
        "`https://`, host and target of an HTTP request", "url contains \"example.com/login\""),
    field(FieldId::Status, "status", &["http.response.code"], Type::Status, Level::Head,
        "The status of an HTTP response", "status == 5xx"),
    field(FieldId::Ctype, "ctype", &["http.content_type"], Type::Text, Level::Head,
        "The content type of an HTTP message", "ctype contains \"json\"").without_case(),
    field(FieldId::Version, "version", &["http.request.version", "http.response.version"], Type::Text, Level::Payload,
        "The version of an HTTP/1 message: 1.0 or 1.1; of an exchange also 2", "version == \"1.0\""),
    field(FieldId::Http1, "http1", &[], Type::Bool, Level::Shape,
        "Whether an exchange is HTTP/1, or a payload starts as such a message does", "http1 && status == 5xx"),
    field(FieldId::Http2, "http2", &[], Type::Bool, Level::Shape,
        "Whether an exchange is HTTP/2, or a payload holds such frames, or a listing of them", "http2 && status == 5xx"),
    field(FieldId::Header, "header", &[], Type::Bytes, Level::Payload,
        "The values of a header field of an HTTP/1 message", "header[\"x-api-key\"]").keyed(),
    field(FieldId::ReqHeader, "req.header", &[], Type::Bytes, Level::Payload,
        "The same, of a request", "req.header[\"authorization\"]").keyed(),
    field(FieldId::RespHeader, "resp.header", &[], Type::Bytes, Level::Payload,
        "The same, of a response", "resp.header[\"server\"] contains \"nginx\"").keyed(),
    field(FieldId::Cookie, "cookie", &[], Type::Bytes, Level::Payload,
        "A cookie that an HTTP/1 message sends or sets", "cookie[\"session\"] == \"4f3c\"").keyed(),
    field(FieldId::Body, "body", &["http.file_data"], Type::Bytes, Level::Payload,
        "The body of an HTTP/1 message, codings removed, as far as this event holds it", "body matches \"password\""),
    field(FieldId::ReqBody, "req.body", &[], Type::Bytes, Level::Payload,
        "The same, of a request", "req.body contains \"user=\""),
    field(FieldId::RespBody, "resp.body", &[], Type::Bytes, Level::Payload,
        "The same, of a response", "resp.body contains \"secret\""),
    field(FieldId::Payload, "payload", &["tcp.payload", "frame", "payload_utf8", "payload_binary"],
        Type::Bytes, Level::Payload,
        "The payload as stored", "payload contains 50:4b:03:04"),
    field(FieldId::Any, "any", &[], Type::Bytes, Level::Payload,
        "The payload, and the decoded body where that differs: what `--grep` looks at", "any contains \"s3cr3t\"").many(),
    field(FieldId::Text, "text", &[], Type::Bool, Level::Payload,
        "Whether the whole payload is text: UTF-8 without control characters other than tab and line ends", "text"),
    field(FieldId::Sha256, "sha256", &[], Type::Text, Level::Payload,
        "SHA-256 in hexadecimal digits of the decoded body, or of the payload where there is no HTTP/1 message",
        "sha256 == \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"").without_case(),
    field(FieldId::Provenance, "provenance", &[], Type::Word, Level::Shape,
        "What happened to the bytes before they reached the recorder; `wire` if nothing did", "provenance == \"reserialized\"").many(),
    field(FieldId::Truncated, "truncated", &[], Type::Bool, Level::Shape,
        "Whether more may have followed that was not captured, or more was not stored", "truncated"),
    field(FieldId::Lossy, "lossy", &[], Type::Bool, Level::Shape,
        "Whether the payload may not be all that was on the wire: truncated, re-serialized or a listing", "not lossy"),
    field(FieldId::Elapsed, "elapsed", &["http.time"], Type::Duration, Level::Exchange,
        "From the first event of the request to the last of the response", "elapsed > 500ms"),
    field(FieldId::Stream, "stream", &["http2.streamid"], Type::Int, Level::Exchange,
        "The HTTP/2 stream", "stream == 5"),
    field(FieldId::ReqLen, "req.len", &[], Type::Size, Level::Exchange,
        "The size of the request's body, as sent", "req.len > 1M"),
    field(FieldId::RespLen, "resp.len", &[], Type::Size, Level::Exchange,
        "The size of the response's body, as sent", "resp.len > 1M"),
    field(FieldId::Ending, "ending", &[], Type::Word, Level::Exchange,
        "How a half ended: `complete` if nothing can be missing, `consistent` if its framing comes out even, `closed` with \
         the connection, `open` if its end was not captured, `broken` if bytes are known to be missing", "ending == \"broken\"").many(),
    field(FieldId::Defect, "defect", &[], Type::Word, Level::Exchange,
        "What is wrong with a half, or is to be known about how it was read", "defect == \"lost_bytes\"").many(),
];

/// Wireshark's names for header fields, as aliases: `http.user_agent` is `header["user-agent"]`.
pub static HEADER_ALIASES: [&str; 26] = [
    "http.accept",
    "http.accept_encoding",
    "http.accept_language",
    "http.authorization",
    "http.cache_control",
    "http.connection",
    "http.content_encoding",
    "http.content_length",
    "http.cookie",
    "http.date",
    "http.last_modified",
    "http.location",
    "http.proxy_authenticate",
    "http.proxy_authorization",
    "http.referer",
    "http.sec_websocket_accept",
    "http.sec_websocket_key",
    "http.sec_websocket_protocol",
    "http.sec_websocket_version",
    "http.server",
    "http.set_cookie",
    "http.transfer_encoding",
    "http.upgrade",
    "http.user_agent",
    "http.www_authenticate",
    "http.x_forwarded_for",
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let mut seen = HashSet::new();
        for field in &FIELDS {
            assert!(seen.insert(field.name), "{}", field.name);
            for alias in field.aliases {
                assert!(seen.insert(alias), "{alias}");
            }
            assert!(std::ptr::eq(Field::of(field.id), field), "{}", field.name);
        }
        for alias in HEADER_ALIASES {
            assert!(seen.insert(alias), "{alias}");
        }
    }
}
