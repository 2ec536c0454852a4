//! What is said of the two directions, with the sides that they turn out to be.
//!
//! Which direction is the client's shows by a preface, or by what a head says. Until then, what there is to say is held
//! back, within limits.

use bytes::Bytes;

use crate::event::Direction;
use crate::http::conversation::Part;
use crate::http::exchange::Side;

/// How many bytes of bodies are held back.
const HELD_BYTES: usize = 64 << 10;
/// How many parts are held back.
const HELD_PARTS: usize = 1024;

/// Which direction is whose, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Roles {
    client: Option<Direction>,
    held: Vec<Held>,
    held_bytes: usize,
}

#[derive(Debug)]
struct Held {
    direction: Direction,
    part: Part<'static>,
    /// Those of the part.
    bytes: Bytes,
}

/// Where parts go.
pub(super) struct Out<'a> {
    pub(super) roles: &'a mut Roles,
    pub(super) sink: &'a mut dyn FnMut(Part<'_>),
}

impl Out<'_> {
    /// The direction in which requests are sent.
    pub(super) fn client(&self) -> Option<Direction> {
        self.roles.client
    }

    /// Says a part of a direction; the side that the part names is only a stand-in.
    pub(super) fn say(&mut self, direction: Direction, part: Part<'_>) {
        if let Some(client) = self.roles.client {
            (self.sink)(with_side(part, side(direction, client)));
            return;
        }
        let (part, bytes) = held(part);
        self.roles.held_bytes = self.roles.held_bytes.saturating_add(bytes.len());
        self.roles.held.push(Held {
            direction,
            part,
            bytes,
        });
        if self.roles.held.len() > HELD_PARTS || self.roles.held_bytes > HELD_BYTES {
            self.settle();
        }
    }

    /// Learns that requests are sent in `direction`.
    pub(super) fn learn_client(&mut self, direction: Direction) {
        self.roles.client = Some(direction);
        self.roles.held_bytes = 0;
        for held in std::mem::take(&mut self.roles.held) {
            let part = with_side(held.part, side(held.direction, direction));
            (self.sink)(with_bytes(part, &held.bytes));
        }
    }

    /// Says what is held back, without having seen a head or a preface: the direction in which more bytes went is that
    /// of the responses, and if there is none, the one that was silent first.
    pub(super) fn settle(&mut self) {
        let Some(first) = self.roles.held.first() else {
            return;
        };
        let first = first.direction;
        let bytes_of = |direction| -> usize {
            let held = self.roles.held.iter();
            held.filter(|held| held.direction == direction)
                .map(|held| held.bytes.len())
                .sum()
        };
        if bytes_of(first) > bytes_of(first.reversed()) {
            self.learn_client(first.reversed());
        } else {
            self.learn_client(first);
        }
    }
}

fn side(direction: Direction, client: Direction) -> Side {
    if direction == client {
        Side::Request
    } else {
        Side::Response
    }
}

fn with_side(mut part: Part<'_>, new: Side) -> Part<'_> {
    match &mut part {
        Part::Head { side, .. }
        | Part::Body { side, .. }
        | Part::Tunnel { side, .. }
        | Part::Trailers { side, .. }
        | Part::End { side, .. }
        | Part::Lost { side, .. } => *side = new,
    }
    part
}

fn with_bytes<'a>(mut part: Part<'a>, new: &'a [u8]) -> Part<'a> {
    if let Part::Body { bytes, .. } | Part::Tunnel { bytes, .. } = &mut part {
        *bytes = new;
    }
    part
}

/// The part without its bytes, and a copy of these.
fn held(part: Part<'_>) -> (Part<'static>, Bytes) {
    match part {
        Part::Head {
            exchange,
            side,
            http2_stream,
            head,
            first,
            last,
            defects,
        } => {
            let part = Part::Head {
                exchange,
                side,
                http2_stream,
                head,
                first,
                last,
                defects,
            };
            (part, Bytes::new())
        }
        Part::Body {
            exchange,
            side,
            span,
            time,
            bytes,
        } => {
            let part = Part::Body {
                exchange,
                side,
                span,
                time,
                bytes: &[],
            };
            (part, Bytes::copy_from_slice(bytes))
        }
        Part::Tunnel {
            exchange,
            side,
            span,
            time,
            bytes,
        } => {
            let part = Part::Tunnel {
                exchange,
                side,
                span,
                time,
                bytes: &[],
            };
            (part, Bytes::copy_from_slice(bytes))
        }
        Part::Trailers {
            exchange,
            side,
            fields,
        } => {
            let part = Part::Trailers {
                exchange,
                side,
                fields,
            };
            (part, Bytes::new())
        }
        Part::End {
            exchange,
            side,
            ending,
            defects,
            last,
        } => {
            let part = Part::End {
                exchange,
                side,
                ending,
                defects,
                last,
            };
            (part, Bytes::new())
        }
        Part::Lost { exchange, side } => (Part::Lost { exchange, side }, Bytes::new()),
    }
}
