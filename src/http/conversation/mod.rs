//! The messages of one connection, from the payloads of its events in the order of their times.

mod block;
mod chunks;
mod collect;
mod framing;
mod head;
mod http1;
mod one_way;
mod open;
mod pairing;
mod rest;
#[cfg(test)]
mod tests;

pub use collect::{Assembler, Collected, MAX_HELD, MAX_SPANS};
pub use pairing::MAX_WAITING;

use http1::Http1;
use rest::wide;

use super::exchange::{Defects, Ending, Field, MessageHead, Side, Span};
use super::h2::Session;
use crate::event::{Content, Direction, EventId, Provenance, Timestamp};

/// A payload, or a part of one: events of a connection are given in their order, and so are the parts of each.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// The event.
    pub event: EventId,
    /// When it happened.
    pub time: Timestamp,
    /// Whether the process read or wrote it.
    pub direction: Direction,
    /// What the payload starts with.
    pub content: Content,
    /// What happened to the payload on its way.
    pub provenance: Provenance,
    /// Where in the payload this part begins.
    pub offset: u64,
    /// The part. Empty only for an empty payload, which marks the end of a direction (`READ (0 bytes)`).
    pub bytes: &'a [u8],
    /// Whether the payload ends with it.
    pub is_last: bool,
}

/// What a message is about to say. Exchanges of a connection are numbered from 0 in the order in which they appear.
#[derive(Debug)]
pub enum Part<'a> {
    /// A half begins, with its head if that was captured. A half can begin twice: an interim response (1xx) is given as a
    /// head, and the final one follows it.
    Head {
        /// Which exchange.
        exchange: u64,
        /// Which half.
        side: Side,
        /// The HTTP/2 stream.
        http2_stream: Option<u32>,
        /// The head; `None` if it was not captured.
        head: Option<MessageHead>,
        /// The event in which the half began.
        first: (EventId, Timestamp),
        /// The event in which the head ended.
        last: (EventId, Timestamp),
        /// What is wrong with it so far.
        defects: Defects,
    },
    /// Bytes of the body, framing taken off.
    Body {
        /// Which exchange.
        exchange: u64,
        /// Which half.
        side: Side,
        /// Where the bytes are.
        span: Span,
        /// When that event was.
        time: Timestamp,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Bytes of what the exchange turned into: WebSocket, or anything else behind CONNECT.
    Tunnel {
        /// Which exchange.
        exchange: u64,
        /// Which half.
        side: Side,
        /// Where the bytes are.
        span: Span,
        /// When that event was.
        time: Timestamp,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Fields after the body.
    Trailers {
        /// Which exchange.
        exchange: u64,
        /// Which half.
        side: Side,
        /// The fields.
        fields: Vec<Field>,
    },
    /// A half is over; nothing more comes of it but, after an upgrade, a tunnel, or word that bytes of it were lost.
    End {
        /// Which exchange.
        exchange: u64,
        /// Which half.
        side: Side,
        /// How it ended.
        ending: Ending,
        /// What is wrong with it; in addition to what its head said.
        defects: Defects,
        /// The event in which it ended.
        last: (EventId, Timestamp),
    },
    /// It shows now that bytes are missing of a half that is over: its body, or its tunnel.
    Lost {
        /// Which exchange.
        exchange: u64,
        /// Which half.
        side: Side,
    },
}

/// Reads one connection.
///
/// The first that is recognized decides what it speaks: a head of HTTP/1 at the beginning of an event (or, of the
/// connection, in any number of events), or HTTP/2. Until then nothing is given; of a connection that speaks something
/// else, nothing ever is. Bytes before that are not given later.
///
/// The messages of one direction are told apart by the bytes alone, however these were cut, as long as nothing is missing.
/// What happens after a loss is told where the parts are: a half ends as [`Ending::Broken`], and the next one begins with
/// an event that begins with a head.
#[derive(Debug, Default)]
pub struct Conversation {
    protocol: Protocol,
    /// Those of HTTP/1 before an upgrade.
    phantoms: u64,
}

#[derive(Debug)]
enum Protocol {
    /// HTTP/1, or nothing known.
    Http1(Box<Http1>),
    Http2(Box<Session>),
}

impl Default for Protocol {
    fn default() -> Self {
        Self::Http1(Box::default())
    }
}

impl Conversation {
    /// Of a connection that begins.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next part of a payload and gives what it says to `sink`.
    pub fn push(&mut self, piece: &Piece<'_>, sink: &mut dyn FnMut(Part<'_>)) {
        if piece.provenance.contains(Provenance::TEXT_FILE) {
            self.read(piece, &mut |part| sink(doubted(part)));
        } else {
            self.read(piece, sink);
        }
    }

    fn read(&mut self, piece: &Piece<'_>, sink: &mut dyn FnMut(Part<'_>)) {
        let next = match &mut self.protocol {
            Protocol::Http2(session) => {
                session.push(piece, sink);
                return;
            }
            Protocol::Http1(http1) if http1.is_left_for_http2(piece) => {
                http1.end(sink);
                self.phantoms = http1.phantoms();
                let mut session = Session::new(http1.exchanges());
                session.push(piece, sink);
                session
            }
            Protocol::Http1(http1) => {
                let Some(upgrade) = http1.push(piece, sink) else {
                    return;
                };
                http1.end(sink);
                self.phantoms = http1.phantoms();
                let mut session = Session::upgraded(upgrade.exchange, http1.exchanges());
                if let Some(rest) = left(piece, upgrade.left) {
                    session.push(&rest, sink);
                }
                session
            }
        };
        self.protocol = Protocol::Http2(Box::new(next));
    }

    /// Ends what is still open: nothing more of the connection is there.
    pub fn end(&mut self, sink: &mut dyn FnMut(Part<'_>)) {
        match &mut self.protocol {
            Protocol::Http1(http1) => http1.end(sink),
            Protocol::Http2(session) => session.end(sink),
        }
    }

    /// How many exchanges have begun.
    pub fn exchanges(&self) -> u64 {
        match &self.protocol {
            Protocol::Http1(http1) => http1.exchanges(),
            Protocol::Http2(session) => session.exchanges(),
        }
    }

    /// How many messages were left out since they are none: when a burst of bytes does not begin with a message, eCapture
    /// 1.x sends the head of the last message once more in place of the bytes.
    pub fn phantoms(&self) -> u64 {
        match &self.protocol {
            Protocol::Http1(http1) => http1.phantoms(),
            Protocol::Http2(_) => self.phantoms,
        }
    }
}

/// A part of what a text file shows, where bytes may be others than those that were sent: even in one event, nothing is
/// complete for certain.
fn doubted(mut part: Part<'_>) -> Part<'_> {
    if let Part::End { ending, .. } = &mut part
        && *ending == Ending::Complete
    {
        *ending = Ending::Consistent;
    }
    part
}

/// The last `count` bytes of a piece, if there are any.
fn left<'a>(piece: &Piece<'a>, count: usize) -> Option<Piece<'a>> {
    let before = piece.bytes.len().checked_sub(count)?;
    let bytes = piece
        .bytes
        .get(before..)
        .filter(|bytes| !bytes.is_empty())?;
    Some(Piece {
        offset: piece.offset.saturating_add(wide(before)),
        bytes,
        ..*piece
    })
}
