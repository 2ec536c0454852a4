//! The messages of one connection, from the payloads of its events in the order of their times.

use super::exchange::{Defects, Ending, Field, MessageHead, Side, Span};
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
    /// head, and the final one takes its place.
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
    /// A half is over; nothing more comes of it but, after an upgrade, a tunnel.
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
}

/// Reads one connection.
#[derive(Debug, Default)]
pub struct Conversation {}

impl Conversation {
    /// Of a connection that begins.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next part of a payload and gives what it says to `sink`.
    pub fn push(&mut self, piece: &Piece<'_>, sink: &mut dyn FnMut(Part<'_>)) {
        let _ = (piece, sink);
    }

    /// Ends what is still open: nothing more of the connection is there.
    pub fn end(&mut self, sink: &mut dyn FnMut(Part<'_>)) {
        let _ = sink;
    }

    /// How many exchanges have begun.
    pub fn exchanges(&self) -> u64 {
        0
    }
}
