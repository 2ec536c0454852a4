//! What of a piece is not yet read.

use super::Piece;
use crate::event::{EventId, Provenance, Timestamp};
use crate::http::exchange::{Defects, Span};

/// The bytes of a piece from a place on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest<'a> {
    piece: &'a Piece<'a>,
    bytes: &'a [u8],
}

impl<'a> Rest<'a> {
    /// All of it.
    pub(super) fn of(piece: &'a Piece<'a>) -> Self {
        Self {
            piece,
            bytes: piece.bytes,
        }
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether the event ends here.
    pub(super) fn is_end_of_event(&self) -> bool {
        self.bytes.is_empty() && self.piece.is_last
    }

    /// What is to be known of a message that is under way when the event ends.
    pub(super) fn cut_mark(&self) -> Defects {
        if self.piece.provenance.intersects(Provenance::INCOMPLETE) {
            Defects::MAYBE_TRUNCATED
        } else {
            Defects::empty()
        }
    }

    /// The event, and when it was.
    pub(super) fn event(&self) -> (EventId, Timestamp) {
        (self.piece.event, self.piece.time)
    }

    /// Where in the payload these bytes begin.
    pub(super) fn offset(&self) -> u64 {
        let before = self.piece.bytes.len().saturating_sub(self.bytes.len());
        self.piece.offset.saturating_add(wide(before))
    }

    /// Takes the next `count` bytes, or what is left. No span if that is nothing.
    pub(super) fn take(&mut self, count: usize) -> Option<(Span, &'a [u8])> {
        let offset = self.offset();
        let (taken, rest) = self
            .bytes
            .split_at_checked(count)
            .unwrap_or((self.bytes, &[]));
        self.bytes = rest;
        let span = Span {
            event: self.piece.event,
            offset,
            length: wide(taken.len()),
        };
        (!taken.is_empty()).then_some((span, taken))
    }

    /// Takes all that is left.
    pub(super) fn take_all(&mut self) -> Option<(Span, &'a [u8])> {
        self.take(self.bytes.len())
    }

    /// Goes back to a place in this event, if it is in this piece.
    pub(super) fn go_back(&mut self, event: EventId, offset: u64) -> bool {
        let bytes = offset
            .checked_sub(self.piece.offset)
            .and_then(|before| self.piece.bytes.get(usize::try_from(before).ok()?..));
        match bytes {
            Some(bytes) if event == self.piece.event && bytes.len() >= self.bytes.len() => {
                self.bytes = bytes;
                true
            }
            _ => false,
        }
    }
}

/// A number of bytes, as 64 bits.
pub(super) fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
