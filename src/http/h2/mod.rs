//! HTTP/2 of one connection; see [`Session`].

use super::conversation::{Part, Piece};

/// Reads the HTTP/2 of one connection: frames of both directions, or eCapture 1.x listings of them.
#[derive(Debug)]
pub(crate) struct Session {
    next: u64,
}

impl Session {
    /// `first_exchange`: the number that its first exchange gets.
    pub(crate) fn new(first_exchange: u64) -> Self {
        Self {
            next: first_exchange,
        }
    }

    /// The first request of an h2c upgrade becomes stream 1 (RFC 7540, section 3.2).
    pub(crate) fn upgraded(exchange: u64, first_exchange: u64) -> Self {
        Self {
            next: first_exchange.max(exchange),
        }
    }

    pub(crate) fn push(&mut self, piece: &Piece<'_>, sink: &mut dyn FnMut(Part<'_>)) {
        let _ = (piece, sink, &mut *self);
    }

    pub(crate) fn end(&mut self, sink: &mut dyn FnMut(Part<'_>)) {
        let _ = (sink, &mut *self);
    }

    /// The next exchange number that is free.
    pub(crate) fn exchanges(&self) -> u64 {
        self.next
    }
}
