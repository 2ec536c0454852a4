//! The identifiers of streams (RFC 9113, section 5.1.1): which there were, and which there can be.

use std::collections::VecDeque;

use super::frame::{END_STREAM, Header, Kind};

/// How many streams are remembered that a peer gave up, since the other may still send on them.
const RESET_STREAMS: usize = 64;
/// How far ahead of the streams that were seen the identifier of another can be.
const STREAMS_AHEAD: u32 = 4096;
/// How far ahead it can be if nothing else speaks for it.
const STREAMS_NEXT: u32 = 16;

/// The identifiers that were seen on a connection.
#[derive(Debug, Default)]
pub(super) struct Identifiers {
    /// The highest, of the streams that a server opens and of those that a client opens.
    highest: [u32; 2],
    /// The highest one of a client's that was only named, by PRIORITY.
    named: u32,
    given_up: VecDeque<u32>,
}

/// Where the identifier of a stream that is not open stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Its stream was given up by a peer.
    GivenUp,
    /// Its stream is over, or was never seen although later ones were.
    Past,
    /// It is the next.
    Next,
    /// There must have been others before it that were not seen.
    Skipping,
}

impl Identifiers {
    /// Whether any was seen.
    pub(super) fn has_any(&self) -> bool {
        self.highest != [0; 2]
    }

    /// Whether a frame can be of this stream, as far as its identifier shows.
    pub(super) fn may_have(&self, stream: u32) -> bool {
        stream <= self.highest_like(stream).saturating_add(STREAMS_AHEAD)
    }

    /// Whether such a frame is likely, so that even bytes that may be anything else can be taken for it.
    pub(super) fn expects(&self, header: &Header, is_open: bool) -> bool {
        let stream = header.stream;
        let highest = self.highest_like(stream);
        let is_next = stream > highest && stream <= highest.saturating_add(STREAMS_NEXT);
        match header.kind {
            // Who has nothing to say does not say it.
            Kind::Data if header.length == 0 && !header.has(END_STREAM) => false,
            Kind::Headers if is_next => stream % 2 == 1,
            _ => is_open,
        }
    }

    /// Where that of a stream stands that is not open.
    pub(super) fn order(&self, stream: u32) -> Order {
        let highest = self.highest_like(stream);
        if self.is_given_up(stream) {
            Order::GivenUp
        } else if stream <= highest {
            Order::Past
        } else if !stream.is_multiple_of(2) && stream > highest.max(self.named).saturating_add(2) {
            // A client opens its streams one after another, but may name some for their priority alone.
            Order::Skipping
        } else {
            Order::Next
        }
    }

    /// A stream is seen.
    pub(super) fn open(&mut self, stream: u32) {
        let [even, odd] = &mut self.highest;
        let highest = if stream.is_multiple_of(2) { even } else { odd };
        *highest = (*highest).max(stream);
    }

    /// A peer gave up a stream. The other may send on it for a while.
    pub(super) fn give_up(&mut self, stream: u32) {
        if !self.is_given_up(stream) {
            if self.given_up.len() >= RESET_STREAMS {
                self.given_up.pop_front();
            }
            self.given_up.push_back(stream);
        }
    }

    /// Whether a peer gave up a stream, not long ago.
    pub(super) fn is_given_up(&self, stream: u32) -> bool {
        self.given_up.contains(&stream)
    }

    /// A stream is named that need not be open.
    pub(super) fn name(&mut self, stream: u32) {
        self.named = self.named.max(stream);
    }

    fn highest_like(&self, stream: u32) -> u32 {
        let [even, odd] = self.highest;
        if stream.is_multiple_of(2) { even } else { odd }
    }
}
