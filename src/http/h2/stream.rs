//! One stream of a connection: its exchange, and how far the halves of that are.

use super::half::{Half, Phase};
use crate::event::Direction;

/// A stream that is open.
#[derive(Debug)]
pub(super) struct Stream {
    /// The number of its exchange.
    pub(super) exchange: u64,
    /// By their directions.
    halves: [Option<Half>; 2],
    /// That of its request.
    pub(super) method: Method,
    /// Whether its request came before HTTP/2 did.
    pub(super) is_upgraded: bool,
    /// Whether a listing has that a peer gave it up. When that was is not certain, as a listing has the time of its end.
    pub(super) is_given_up: bool,
    /// When something last came of it, as [`Streams`](super::streams::Streams) counts.
    pub(super) used: u64,
}

/// What the method of a request means for its framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Unknown,
    Get,
    Head,
    Connect,
    Other,
}

impl Stream {
    /// One that begins.
    pub(super) fn new(exchange: u64, used: u64) -> Self {
        Self {
            exchange,
            halves: [None, None],
            method: Method::Unknown,
            is_upgraded: false,
            is_given_up: false,
            used,
        }
    }

    /// The half that is sent in a direction.
    pub(super) fn half(&self, direction: Direction) -> Option<&Half> {
        self.halves.get(slot(direction))?.as_ref()
    }

    /// The same, to be changed.
    pub(super) fn half_mut(&mut self, direction: Direction) -> Option<&mut Half> {
        self.halves.get_mut(slot(direction))?.as_mut()
    }

    /// A half begins, or begins anew.
    pub(super) fn set_half(&mut self, direction: Direction, half: Half) {
        if let Some(slot) = self.halves.get_mut(slot(direction)) {
            *slot = Some(half);
        }
    }

    /// Whether nothing more can come of it.
    pub(super) fn is_over(&self) -> bool {
        let mut begun = self.halves.iter().flatten();
        let count = begun.clone().count();
        begun.all(|half| half.phase == Phase::Over)
            && count.saturating_add(usize::from(self.is_upgraded)) >= 2
    }
}

fn slot(direction: Direction) -> usize {
    usize::from(direction.code())
}
