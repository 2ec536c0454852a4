//! The streams of a connection (RFC 9113, section 5), and the exchanges that are on them.
//!
//! It is told what the frames say, and says how the halves of the exchanges go on. It knows nothing of frames that do
//! not come; whoever notices a loss tells it by [`Streams::doubt`].

mod endings;

use std::collections::BTreeMap;

use super::frame::Header;
use super::half::{Half, HeadSeen, Phase};
use super::head::Head;
use super::identifiers::{Identifiers, Order};
use super::out::Out;
use super::reader::{Moment, Start};
use super::stream::{Method, Stream};
use crate::event::{Direction, EventId};
use crate::http::conversation::Part;
use crate::http::exchange::{Defects, Field, Side, Span};

/// How many streams are open at a time, each with two halves. When there is one more, the one that was idle for longest
/// is given up.
const OPEN_STREAMS: usize = 512;

/// The streams of one connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: BTreeMap<u32, Stream>,
    pub(super) identifiers: Identifiers,
    next_exchange: u64,
    /// Counts what happens, to tell how long a stream has been idle.
    clock: u64,
}

/// Where in its half a header block comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It begins the half of a stream whose other half is known.
    Half,
    /// It is the first that is seen of a stream with a new identifier.
    Stream,
    /// Identifiers before its own are missing.
    Skipping,
    /// A head is expected or trailers.
    Within,
    /// It comes after body bytes, without a head before them.
    Late,
    /// Its half, or its stream, is over.
    Over,
    /// A peer gave up its stream.
    Reset,
}

/// What a head is part of.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) direction: Direction,
    pub(super) stream: u32,
    pub(super) start: Start,
    pub(super) now: Moment,
}

impl Streams {
    /// Of a connection whose first exchange gets this number.
    pub(super) fn new(next_exchange: u64) -> Self {
        Self {
            next_exchange,
            ..Self::default()
        }
    }

    /// The request of the first stream came before HTTP/2 did (RFC 7540, section 3.2).
    pub(super) fn upgrade(&mut self, exchange: u64) {
        let stream = self.open(1);
        stream.exchange = exchange;
        stream.is_upgraded = true;
        self.next_exchange = self.next_exchange.saturating_sub(1);
    }

    /// Whether such a frame is likely; see [`Identifiers::expects`].
    pub(super) fn expects(&self, header: &Header) -> bool {
        let is_open = self.open.contains_key(&header.stream);
        self.identifiers.expects(header, is_open)
    }

    /// The next number for an exchange.
    pub(super) fn exchanges(&self) -> u64 {
        self.next_exchange
    }

    /// Where a header block of this stream comes.
    pub(super) fn place(&self, direction: Direction, stream: u32) -> Place {
        let Some(open) = self.open.get(&stream) else {
            return match self.identifiers.order(stream) {
                Order::GivenUp => Place::Reset,
                Order::Past => Place::Over,
                Order::Skipping => Place::Skipping,
                Order::Next => Place::Stream,
            };
        };
        match open.half(direction) {
            None => Place::Half,
            Some(half) if half.is_ended() => Place::Over,
            Some(half) if half.head == HeadSeen::Missing => Place::Late,
            Some(_) => Place::Within,
        }
    }

    /// Whether the half of a stream has its head, so that trailers can follow.
    pub(super) fn has_head(&self, direction: Direction, stream: u32) -> bool {
        let half = self.open.get(&stream).and_then(|open| open.half(direction));
        half.is_some_and(|half| half.head == HeadSeen::Final && !half.is_ended())
    }

    /// A head was read.
    pub(super) fn head(
        &mut self,
        out: &mut Out<'_>,
        at: At,
        head: Head,
        uses_table: bool,
        defects: Defects,
    ) {
        let stream = self.begin(out, at);
        let status = head.message.status;
        let is_interim = status.is_some_and(|status| status < 200);
        let seen = if is_interim {
            HeadSeen::Interim
        } else {
            HeadSeen::Final
        };
        if stream.half(at.direction).is_none() {
            stream.set_half(at.direction, Half::new(seen, at.start));
        }
        if let Some(method) = &head.message.method {
            stream.method = match &**method {
                b"GET" => Method::Get,
                b"HEAD" => Method::Head,
                b"CONNECT" => Method::Connect,
                _ => Method::Other,
            };
        }
        let (exchange, method) = (stream.exchange, stream.method);
        let Some(half) = stream.half_mut(at.direction) else {
            return;
        };
        half.touch(at.now);
        if half.head == HeadSeen::Missing {
            // Bytes of its body came first.
            half.defects |= Defects::BAD_FRAMING;
        }
        half.head = seen;
        if uses_table || !(defects - Defects::UNKNOWN_FIELDS).is_empty() {
            half.depends_on_others();
        }
        if defects.intersects(Defects::LOST_BYTES | Defects::BAD_FRAMING) {
            half.defects |= defects & (Defects::LOST_BYTES | Defects::BAD_FRAMING);
        }
        let has_no_body = match status {
            Some(status) => matches!(status, 204 | 304) || method == Method::Head,
            None => matches!(method, Method::Get | Method::Head),
        };
        // Of a response to an unknown request without a body, it may be that of a HEAD; see `ends`.
        let is_connected = status.is_none_or(|status| (200..300).contains(&status));
        let is_tunnel = method == Method::Connect && is_connected;
        // A length that is said without a body is that of what GET would give (RFC 9110, section 8.6).
        let is_answered = is_tunnel || (status.is_some() && has_no_body);
        half.expected_bytes = head.body_bytes.filter(|_| !is_answered);
        half.is_bodiless = has_no_body;
        let first = half.first;
        out.say(
            at.direction,
            Part::Head {
                exchange,
                side: Side::Request,
                http2_stream: Some(at.stream),
                head: Some(head.message),
                first,
                last: at.now,
                defects,
            },
        );
        if is_tunnel {
            self.end(out, at.direction, at.stream, at.now);
            if let Some(half) = self.half_mut(at.direction, at.stream) {
                half.phase = Phase::Tunnel;
            }
        }
    }

    /// A half begins whose head was not captured.
    pub(super) fn begin_without_head(&mut self, out: &mut Out<'_>, at: At) {
        let stream = self.begin(out, at);
        let exchange = stream.exchange;
        stream.set_half(at.direction, Half::new(HeadSeen::Missing, at.start));
        out.say(
            at.direction,
            Part::Head {
                exchange,
                side: Side::Request,
                http2_stream: Some(at.stream),
                head: None,
                first: at.start.moment,
                last: at.start.moment,
                defects: Defects::NO_START,
            },
        );
    }

    /// Fields after a body, or instead of a head that was not captured.
    pub(super) fn trailers(
        &mut self,
        out: &mut Out<'_>,
        at: At,
        fields: Vec<Field>,
        uses_table: bool,
        defects: Defects,
    ) {
        let Some(stream) = self.open.get_mut(&at.stream) else {
            return;
        };
        let exchange = stream.exchange;
        let Some(half) = stream.half_mut(at.direction) else {
            return;
        };
        half.touch(at.now);
        half.defects |= defects;
        if uses_table {
            half.depends_on_others();
        }
        out.say(
            at.direction,
            Part::Trailers {
                exchange,
                side: Side::Request,
                fields,
            },
        );
    }

    /// How a DATA frame finds the half that it is of.
    pub(super) fn data_place(&self, direction: Direction, stream: u32) -> Place {
        let half = self.open.get(&stream).and_then(|open| open.half(direction));
        match half {
            Some(half) if half.phase == Phase::Over => Place::Over,
            Some(_) => Place::Within,
            None if self.identifiers.is_given_up(stream) => Place::Reset,
            None if self.open.contains_key(&stream) => Place::Half,
            None => Place::Stream,
        }
    }

    /// Whether data may come on this stream, which is open.
    pub(super) fn awaits_data(&self, direction: Direction, stream: u32) -> bool {
        let open = self.open.get(&stream);
        open.is_some_and(|open| {
            let half = open.half(direction);
            half.is_none_or(|half| half.phase != Phase::Over)
        })
    }

    /// Bytes of a body or a tunnel. They are of no half if that is over.
    pub(super) fn data(
        &mut self,
        out: &mut Out<'_>,
        direction: Direction,
        id: u32,
        now: Moment,
        offset: u64,
        bytes: &[u8],
    ) {
        let clock = self.tick();
        let Some(stream) = self.open.get_mut(&id) else {
            return;
        };
        stream.used = clock;
        let exchange = stream.exchange;
        let Some(half) = stream.half_mut(direction) else {
            return;
        };
        half.touch(now);
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if length == 0 {
            return;
        }
        let side = Side::Request;
        let span = Span {
            event: now.0,
            offset,
            length,
        };
        let time = now.1;
        if half.phase == Phase::Tunnel {
            out.say(
                direction,
                Part::Tunnel {
                    exchange,
                    side,
                    span,
                    time,
                    bytes,
                },
            );
        } else if !half.is_ended() {
            half.body_bytes = half.body_bytes.saturating_add(length);
            out.say(
                direction,
                Part::Body {
                    exchange,
                    side,
                    span,
                    time,
                    bytes,
                },
            );
        }
    }

    /// Data of a half was lost.
    pub(super) fn lacks_data(&mut self, direction: Direction, id: u32) {
        let half = self.half_mut(direction, id);
        if let Some(half) = half.filter(|half| !half.is_ended()) {
            half.defects |= Defects::LOST_BYTES;
        }
    }

    /// Bytes of one direction were lost. Any half may have been in them that is not over.
    pub(super) fn doubt(&mut self, direction: Direction) {
        for stream in self.open.values_mut() {
            if let Some(half) = stream.half_mut(direction).filter(|half| !half.is_ended()) {
                half.is_doubtful = true;
            }
        }
    }

    /// What follows an event in the same call was not captured. It may have been of any half that was in the event.
    pub(super) fn truncated(&mut self, direction: Direction, event: EventId) {
        for stream in self.open.values_mut() {
            let half = stream.half_mut(direction);
            if let Some(half) = half.filter(|half| !half.is_ended() && half.last.0 == event) {
                half.defects |= Defects::MAYBE_TRUNCATED;
            }
        }
    }

    /// A half is read from a listing; notes what else is to be said at its end.
    pub(super) fn list(&mut self, direction: Direction, id: u32, defects: Defects) {
        if let Some(half) = self.half_mut(direction, id) {
            half.defects |= defects | Defects::LISTING;
            if defects.contains(Defects::RESERIALIZED) {
                // The length is that of the coded body.
                half.expected_bytes = None;
            }
        }
    }

    fn half_mut(&mut self, direction: Direction, id: u32) -> Option<&mut Half> {
        self.open.get_mut(&id)?.half_mut(direction)
    }

    fn tick(&mut self) -> u64 {
        self.clock = self.clock.saturating_add(1);
        self.clock
    }

    /// The stream, which is opened if it is not open.
    fn open(&mut self, id: u32) -> &mut Stream {
        let used = self.tick();
        self.identifiers.open(id);
        let next_exchange = &mut self.next_exchange;
        let stream = self.open.entry(id).or_insert_with(|| {
            let exchange = *next_exchange;
            *next_exchange = next_exchange.saturating_add(1);
            Stream::new(exchange, used)
        });
        stream.used = used;
        stream
    }

    /// The stream on which a half begins; where that half is over, the stream is another one.
    fn begin(&mut self, out: &mut Out<'_>, at: At) -> &mut Stream {
        if self.place(at.direction, at.stream) == Place::Over {
            self.abandon(out, at.stream, Defects::empty());
        }
        self.make_room(out, at.stream);
        self.open(at.stream)
    }

    /// Sees to it that there is room for a stream.
    fn make_room(&mut self, out: &mut Out<'_>, id: u32) {
        if self.open.len() < OPEN_STREAMS || self.open.contains_key(&id) {
            return;
        }
        let idle = self.open.iter().min_by_key(|(_, stream)| stream.used);
        if let Some(id) = idle.map(|(id, _)| *id) {
            self.abandon(out, id, Defects::GIVEN_UP);
        }
    }
}
