//! HTTP/2 of one connection (RFC 9113), read as it passes by: from the frames of both directions, or from what eCapture
//! 1.x lists of them.
//!
//! It is no peer: it cannot ask again, and what it gets has holes. So it never needs a part to be there, and never
//! guesses one. What is known to be missing is a defect of the messages that it may have been in; what refers to it is
//! unknown. What it holds is bounded: open streams, a header block and a table for each direction, an event.

mod connection;
pub(crate) mod frame;
mod half;
mod head;
pub(crate) mod hpack;
mod identifiers;
mod listed;
mod listing;
mod out;
mod quoted;
mod reader;
mod seen;
mod stream;
mod streams;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use frame::{PREFACE, is_frames};
pub(crate) use listed::{Data, ListedField, data, number};

use super::conversation::{Part, Piece};
use crate::event::{Content, Direction, EventId, Provenance};
use connection::{Connection, Input};
pub use listing::listed_side;
use listing::{Listed, Listing};
use out::{Out, Roles};

/// How much of an event is put together before it is read, if it comes in parts. eCapture 2.x makes none that is larger.
const EVENT_BYTES: usize = 16 << 10;

/// Reads the HTTP/2 of one connection: frames of both directions, or eCapture 1.x's listings of them.
#[derive(Debug)]
pub struct Session {
    connection: Connection,
    roles: Roles,
    listings: [Listing; 2],
    gathered: Option<Gathered>,
    /// The last event of which bytes were read, of each direction.
    last_read: [Option<EventId>; 2],
}

/// The first parts of an event.
#[derive(Debug)]
struct Gathered {
    /// What there is to be known about them but the bytes.
    input: Input<'static>,
    bytes: Vec<u8>,
}

impl Session {
    /// Of a connection of which nothing was read; `first_exchange` is the number that its first exchange gets.
    pub fn new(first_exchange: u64) -> Self {
        Self::of(Connection::new(first_exchange))
    }

    /// Of a connection that HTTP/1 was upgraded to HTTP/2 on (RFC 7540, section 3.2): the request that asked for it, which
    /// is that of `exchange`, is answered on stream 1.
    pub fn upgraded(exchange: u64, first_exchange: u64) -> Self {
        Self::of(Connection::upgraded(exchange, first_exchange))
    }

    fn of(connection: Connection) -> Self {
        Self {
            connection,
            roles: Roles::default(),
            listings: Default::default(),
            gathered: None,
            last_read: [None; 2],
        }
    }

    /// Takes the next part of a payload and gives what it says to `sink`.
    pub fn push(&mut self, piece: &Piece<'_>, sink: &mut dyn FnMut(Part<'_>)) {
        let goes_on = self
            .gathered
            .as_ref()
            .is_some_and(|gathered| gathered.input.now.0 == piece.event);
        if !goes_on {
            self.read_gathered(sink);
        }
        if piece.bytes.is_empty() {
            return;
        }
        if piece.content == Content::Http2Listing || piece.provenance.contains(Provenance::LISTING)
        {
            self.read_listing(piece, sink);
            return;
        }
        let last = self.last_read.get(usize::from(piece.direction.code()));
        let input = Input {
            direction: piece.direction,
            now: (piece.event, piece.time),
            offset: piece.offset,
            bytes: &[],
            is_first: last.is_none_or(|last| *last != Some(piece.event)),
            is_truncated: piece.provenance.intersects(Provenance::INCOMPLETE),
        };
        if !goes_on && (piece.is_last || !input.is_first) {
            let bytes = piece.bytes;
            self.read(Input { bytes, ..input }, sink);
            return;
        }
        let gathered = self.gathered.get_or_insert(Gathered {
            input,
            bytes: Vec::new(),
        });
        gathered.bytes.extend_from_slice(piece.bytes);
        if piece.is_last || gathered.bytes.len() >= EVENT_BYTES {
            self.read_gathered(sink);
        }
    }

    /// Ends what is still open: nothing more of the connection is there.
    pub fn end(&mut self, sink: &mut dyn FnMut(Part<'_>)) {
        self.read_gathered(sink);
        let mut out = Out {
            roles: &mut self.roles,
            sink,
        };
        self.connection.end(&mut out);
        out.settle();
    }

    /// The next number for an exchange.
    pub fn exchanges(&self) -> u64 {
        self.connection.streams.exchanges()
    }

    fn read_gathered(&mut self, sink: &mut dyn FnMut(Part<'_>)) {
        if let Some(Gathered { input, bytes }) = self.gathered.take() {
            let bytes = &bytes;
            self.read(Input { bytes, ..input }, sink);
        }
    }

    fn read_listing(&mut self, piece: &Piece<'_>, sink: &mut dyn FnMut(Part<'_>)) {
        let [inbound, outbound] = &mut self.listings;
        let listing = match piece.direction {
            Direction::Inbound => inbound,
            Direction::Outbound => outbound,
        };
        let mut out = Out {
            roles: &mut self.roles,
            sink,
        };
        let listed = Listed {
            direction: piece.direction,
            now: (piece.event, piece.time),
            offset: piece.offset,
            bytes: piece.bytes,
            is_last: piece.is_last,
            is_cut: piece.provenance.contains(Provenance::SHORTENED),
        };
        listing.read(&mut self.connection.streams, &mut out, &listed);
    }

    fn read(&mut self, input: Input<'_>, sink: &mut dyn FnMut(Part<'_>)) {
        let [inbound, outbound] = &mut self.last_read;
        let last = match input.direction {
            Direction::Inbound => inbound,
            Direction::Outbound => outbound,
        };
        *last = Some(input.now.0);
        let mut out = Out {
            roles: &mut self.roles,
            sink,
        };
        self.connection.read(&mut out, input);
    }
}
