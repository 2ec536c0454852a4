//! HTTP/1 on one connection: which direction carries the requests, and the two readers.

use super::one_way::{Context, OneWay, Upgrade, begun};
use super::pairing::Pairing;
use super::{Part, Piece};
use crate::event::{Content, Direction};
use crate::http::exchange::Side;

/// A connection that is HTTP/1, or not known to be anything.
///
/// Until a head was seen, nothing is given. The first head tells which direction carries requests. A head that
/// contradicts it is believed as long as the other direction has not confirmed the first.
#[derive(Debug, Default)]
pub(super) struct Http1 {
    inbound: OneWay,
    outbound: OneWay,
    pairing: Pairing,
    /// What the first head was of.
    first: Option<Side>,
    /// Whether a head of the other direction agrees with the first on who asks.
    is_confirmed: bool,
}

impl Http1 {
    /// Whether a head was seen.
    pub(super) fn is_recognized(&self) -> bool {
        self.inbound.side().is_some()
    }

    /// How many exchanges have begun.
    pub(super) fn exchanges(&self) -> u64 {
        self.pairing.exchanges()
    }

    /// See [`super::Conversation::phantoms`].
    pub(super) fn phantoms(&self) -> u64 {
        self.inbound
            .phantoms()
            .saturating_add(self.outbound.phantoms())
    }

    /// Whether this is the beginning of an HTTP/2 connection: the first that is recognized at all, or a preface where a
    /// request could stand.
    pub(super) fn is_left_for_http2(&self, piece: &Piece<'_>) -> bool {
        let is_http2 = matches!(
            piece.content,
            Content::Http2Preface | Content::Http2Frames | Content::Http2Listing
        );
        let way = match piece.direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        };
        piece.offset == 0
            && is_http2
            && (!self.is_recognized()
                || (piece.content == Content::Http2Preface
                    && way.side() == Some(Side::Request)
                    && way.is_between()
                    && self.pairing.tunnel().is_none()))
    }

    /// Reads a piece.
    pub(super) fn push(
        &mut self,
        piece: &Piece<'_>,
        sink: &mut dyn FnMut(Part<'_>),
    ) -> Option<Upgrade> {
        if piece.offset == 0 && self.is_contradicted(piece) {
            self.end(sink);
            self.inbound = OneWay::default();
            self.outbound = OneWay::default();
            self.first = None;
        }
        let (way, other) = match piece.direction {
            Direction::Inbound => (&mut self.inbound, &mut self.outbound),
            Direction::Outbound => (&mut self.outbound, &mut self.inbound),
        };
        let mut context = Context {
            pairing: &mut self.pairing,
            sink,
        };
        let upgrade = way.push(piece, &mut context);
        if let Some((exchange, asked)) = context.pairing.take_joined() {
            other.joined(exchange, asked, &mut context);
        }
        if let Some(side) = way.side() {
            if other.side().is_none() {
                other.set_side(side.other());
                self.first = Some(side);
            }
            let is_of_other = self.first.is_some_and(|first| first != side);
            self.is_confirmed |= is_of_other && way.has_head();
        }
        self.pairing.saw(piece.time);
        upgrade
    }

    fn is_contradicted(&self, piece: &Piece<'_>) -> bool {
        let way = match piece.direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        };
        !self.is_confirmed
            && way.is_between()
            && self.pairing.tunnel().is_none()
            && begun(piece.content)
                .is_some_and(|side| way.side().is_some_and(|known| known != side))
    }

    /// Ends what is under way.
    pub(super) fn end(&mut self, sink: &mut dyn FnMut(Part<'_>)) {
        let mut context = Context {
            pairing: &mut self.pairing,
            sink,
        };
        self.inbound.end(&mut context);
        self.outbound.end(&mut context);
        self.pairing.end(sink);
    }
}
