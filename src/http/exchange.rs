//! A request with its response, as captured events show them: heads, where the bodies' bytes are, and what is wrong.
//!
//! Nothing here holds a body: [`Message::body`] says which bytes of which events it is, in order, with the framing
//! (chunks, frames) taken off and the codings (gzip and so on) still on. Every defect is a value, never an error.

use std::sync::Arc;

pub use super::message_head::{Field, MessageHead};
use crate::event::{
    ConnectionId, Endpoints, EventId, Identity, Process, RecordingId, Role, RunId, StreamId,
    Timestamp,
};

/// One half of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// What the client sent.
    Request,
    /// What the server answered.
    Response,
}

impl Side {
    /// Both, in their order.
    pub const BOTH: [Self; 2] = [Self::Request, Self::Response];

    /// The other half.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Request => Self::Response,
            Self::Response => Self::Request,
        }
    }

    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// The version of HTTP that a message was sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

impl Version {
    /// Every version.
    pub const ALL: [Self; 3] = [Self::Http10, Self::Http11, Self::Http2];

    /// The number that stands for it in a capture file.
    pub fn code(self) -> u8 {
        match self {
            Self::Http10 => 10,
            Self::Http11 => 11,
            Self::Http2 => 20,
        }
    }

    /// The version that `code` stands for.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.code() == code)
    }

    /// What follows `HTTP/`: `1.0`, `1.1` or `2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2",
        }
    }
}

/// Bytes of an event's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The event.
    pub event: EventId,
    /// Where in its payload they begin.
    pub offset: u64,
    /// How many there are; never 0.
    pub length: u64,
}

/// How a message ended, as far as its framing shows it.
///
/// eCapture loses events, and numbers none. So framing that comes out even proves a message whole only where no event
/// boundary lies within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Nothing of it can be missing: it lies in one event, from its first byte to the end that its framing announces.
    Complete,
    /// Its framing comes out even over several events. A lost or exchanged event that fits the framing would not show.
    Consistent,
    /// It ended with its connection, as nothing else marks its end: whether that is all is not known. The end of the connection
    /// shows in an empty read, or in what comes after it over the same descriptor.
    Closed,
    /// It goes on, or its end was not captured.
    Open,
    /// Bytes are missing or do not fit: see the defects.
    Broken,
}

impl Ending {
    /// Every ending, in the order of their codes.
    pub const ALL: [Self; 5] = [
        Self::Complete,
        Self::Consistent,
        Self::Closed,
        Self::Open,
        Self::Broken,
    ];

    /// The number that stands for it in a capture file.
    pub fn code(self) -> u8 {
        match self {
            Self::Complete => 1,
            Self::Consistent => 2,
            Self::Closed => 3,
            Self::Open => 4,
            Self::Broken => 5,
        }
    }

    /// The ending that `code` stands for.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.code() == code)
    }

    /// Its name in output and in filters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Consistent => "consistent",
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Broken => "broken",
        }
    }
}

bitflags::bitflags! {
    /// What is wrong with a message, or is to be known about how it was read.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
    pub struct Defects: u32 {
        /// Its beginning was not captured.
        const NO_START = 1;
        /// Bytes within it were lost.
        const LOST_BYTES = 1 << 1;
        /// Its framing breaks the rules of HTTP.
        const BAD_FRAMING = 1 << 2;
        /// Its head is larger than what is read of one, or there are more interim ones than are kept; the rest is left out.
        const LARGE_HEAD = 1 << 3;
        /// Fields are not known, since they refer to HTTP/2 frames that were lost or came before the capture began.
        const UNKNOWN_FIELDS = 1 << 4;
        /// A peer gave it up, or what it would have answered (RST_STREAM and GOAWAY, RFC 9113, sections 6.4 and 6.8).
        const RESET = 1 << 5;
        /// Too many messages or connections were open at a time: this one was given up here.
        const GIVEN_UP = 1 << 6;
        /// eCapture wrote the message anew: fields sorted, chunks joined, gzip undone (1.x).
        const RESERIALIZED = 1 << 7;
        /// It is recovered from eCapture's listing of HTTP/2 frames (1.x).
        const LISTING = 1 << 8;
        /// An event in it is as large as eCapture's buffer: what followed in the same call was not captured.
        const MAYBE_TRUNCATED = 1 << 9;
        /// Which request a response belongs to is not certain, since others were lost.
        const UNSURE_PAIR = 1 << 10;
        /// It has more pieces than are remembered: its body ends here.
        const MANY_PIECES = 1 << 11;
        /// Its start line or its fields break the rules of HTTP: they are read as they are meant, or left out.
        const BAD_HEAD = 1 << 12;
    }
}

impl Defects {
    /// The names of those that are set.
    pub fn names(self) -> Vec<&'static str> {
        [
            (Self::NO_START, "no_start"),
            (Self::LOST_BYTES, "lost_bytes"),
            (Self::BAD_FRAMING, "bad_framing"),
            (Self::LARGE_HEAD, "large_head"),
            (Self::UNKNOWN_FIELDS, "unknown_fields"),
            (Self::RESET, "reset"),
            (Self::GIVEN_UP, "given_up"),
            (Self::RESERIALIZED, "reserialized"),
            (Self::LISTING, "listing"),
            (Self::MAYBE_TRUNCATED, "maybe_truncated"),
            (Self::UNSURE_PAIR, "unsure_pair"),
            (Self::MANY_PIECES, "many_pieces"),
            (Self::BAD_HEAD, "bad_head"),
        ]
        .into_iter()
        .filter(|(flag, _)| self.contains(*flag))
        .map(|(_, name)| name)
        .collect()
    }
}

/// One half of an exchange, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its head; `None` if that was not captured. That of a response is the final one, as soon as it is there.
    pub head: Option<MessageHead>,
    /// The heads of the interim responses (1xx, RFC 9110, section 15.2) that came before it, as far as they are kept.
    pub interim: Vec<MessageHead>,
    /// The fields after the body.
    pub trailers: Vec<Field>,
    /// Its first event, and when that was.
    pub first: (EventId, Timestamp),
    /// Its last event so far, and when that was.
    pub last: (EventId, Timestamp),
    /// How many bytes the body has, without framing and with codings.
    pub body_bytes: u64,
    /// Where they are.
    pub body: Vec<Span>,
    /// How many bytes followed after the exchange turned into a tunnel (CONNECT, or an upgrade such as WebSocket).
    pub tunnel_bytes: u64,
    /// Where they are.
    pub tunnel: Vec<Span>,
    /// How it ended.
    pub ending: Ending,
    /// What is wrong with it.
    pub defects: Defects,
}

/// A request with its response; either may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Its number in the capture.
    pub id: i64,
    /// The recording and the run of eCapture that its first event came with.
    pub recording: RecordingId,
    /// The run of eCapture.
    pub run: RunId,
    /// The stream of its first event.
    pub stream: StreamId,
    /// The connection.
    pub connection: Option<ConnectionId>,
    /// Its place among the exchanges of its connection, from 0.
    pub number: u64,
    /// The HTTP/2 stream (RFC 9113, section 5.1.1).
    pub http2_stream: Option<u32>,
    /// Who did it.
    pub process: Process,
    /// Who that was, as far as the recorder's host told.
    pub identity: Option<Arc<Identity>>,
    /// The descriptor.
    pub fd: Option<u32>,
    /// The ends of the connection.
    pub endpoints: Endpoints,
    /// Which end the process is.
    pub role: Option<Role>,
    /// What the client sent.
    pub request: Option<Message>,
    /// What the server answered.
    pub response: Option<Message>,
}

impl Message {
    /// All heads that were seen, in their order.
    pub fn heads(&self) -> impl Iterator<Item = &MessageHead> {
        self.interim.iter().chain(&self.head)
    }

    /// The fields of the heads, and the trailers.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        let heads = self.heads().flat_map(|head| &head.fields);
        heads.chain(&self.trailers)
    }

    /// The heads and trailers as text, for a search.
    pub fn heads_to_text(&self) -> Vec<u8> {
        let mut text: Vec<_> = (self.interim.iter())
            .flat_map(|head| head.to_text(&[]))
            .collect();
        match &self.head {
            Some(head) => text.extend_from_slice(&head.to_text(&self.trailers)),
            None => Field::push_text(&self.trailers, &mut text),
        }
        text
    }
}

impl Exchange {
    /// One of its halves.
    pub fn half(&self, side: Side) -> Option<&Message> {
        match side {
            Side::Request => self.request.as_ref(),
            Side::Response => self.response.as_ref(),
        }
    }

    /// When its first event was.
    pub fn time(&self) -> Timestamp {
        let first = |message: &Option<Message>| message.as_ref().map(|message| message.first.1);
        match (first(&self.request), first(&self.response)) {
            (Some(request), Some(response)) => request.min(response),
            (one, other) => one.or(other).unwrap_or(Timestamp::MIN),
        }
    }

    /// From the first event of the request to the last of the response, in nanoseconds, if both are there and in order.
    pub fn elapsed_ns(&self) -> Option<i64> {
        elapsed_ns(self.request.as_ref()?, self.response.as_ref()?)
    }

    /// The head of one of its halves.
    pub fn head(&self, side: Side) -> Option<&MessageHead> {
        self.half(side)?.head.as_ref()
    }

    /// The host that the request names, in lower case and with the port if it has one: the authority of the target
    /// wins over `Host` (RFC 9112, section 3.2.2; RFC 9113, section 8.3.1).
    pub fn host(&self) -> Option<String> {
        self.head(Side::Request)?.host()
    }

    /// The URL that was asked for, if method, host and target give one. Everything was TLS.
    pub fn url(&self) -> Option<String> {
        let head = self.head(Side::Request)?;
        if head.is_connect() {
            return head.host();
        }
        let target = String::from_utf8_lossy(head.target.as_ref()?).into_owned();
        if target.contains("://") {
            return Some(target);
        }
        let host = head.host()?;
        let scheme = head.scheme.as_deref().unwrap_or(b"https");
        let scheme = String::from_utf8_lossy(scheme);
        target
            .starts_with('/')
            .then(|| format!("{scheme}://{host}{target}"))
    }
}

/// From the first event of a request to the last of its response, in nanoseconds, if they are in order.
pub fn elapsed_ns(request: &Message, response: &Message) -> Option<i64> {
    let begun = request.first.1.as_nanos();
    let ended = response.last.1.as_nanos();
    ended.checked_sub(begun).filter(|elapsed| *elapsed >= 0)
}

/// In which state the bytes of a body are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyForm {
    /// Without framing, with the codings that it was sent in.
    AsSent,
    /// With the codings undone.
    Decoded,
}

/// Where the bytes that spans are can be read from.
pub trait Spans {
    /// Reads them, one after another. Reading fails when the capture cannot be read.
    fn read<'a>(&'a self, spans: &'a [Span]) -> Box<dyn std::io::Read + 'a>;

    /// When an event was; `None` if it is not there any more.
    ///
    /// # Errors
    /// When the capture cannot be read.
    fn time(&self, event: EventId) -> std::io::Result<Option<Timestamp>>;
}

/// Where the bodies of exchanges are read from.
pub trait Bodies {
    /// Reads the body of one half from its beginning. A body that cannot be decoded further ends there; what its state
    /// is shows when it has been read to the end.
    ///
    /// # Errors
    /// When the capture cannot be read. So does reading.
    fn open<'a>(
        &'a self,
        message: &'a Message,
        form: BodyForm,
    ) -> std::io::Result<Box<dyn super::decode::BodyRead + 'a>>;

    /// Where what an exchange turned into can be read from; `None` if that is not to be shown.
    fn tunnels(&self) -> Option<&dyn Spans>;
}
