//! A message of which the head was given and whose end was not.

use super::Part;
use super::rest::Rest;
use crate::event::{EventId, Timestamp};
use crate::http::exchange::{Defects, Ending, Field, Side};

/// A half that has begun.
#[derive(Debug)]
pub(super) struct Open {
    /// Which exchange.
    pub(super) exchange: u64,
    /// Which half.
    pub(super) side: Side,
    /// The event in which it began.
    first: EventId,
    /// The last event that had a byte of it.
    last: (EventId, Timestamp),
    /// Whether its beginning and its framing are beyond doubt: then, in one event, it is complete.
    is_sure: bool,
    /// Whether its request is known; of a request, true.
    is_asked: bool,
    body: Seen,
    /// What is wrong with it, beyond what its head said.
    defects: Defects,
}

/// What was given of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    /// Nothing, and none is sent until the other end wants it (RFC 9110, section 10.1.1).
    Withheld,
    Bytes,
}

impl Open {
    /// Of which the head was just given, and that it is beyond doubt was not said.
    pub(super) fn new(
        exchange: u64,
        side: Side,
        first: EventId,
        last: (EventId, Timestamp),
    ) -> Self {
        Self {
            exchange,
            side,
            first,
            last,
            is_sure: false,
            is_asked: true,
            body: Seen::Nothing,
            defects: Defects::empty(),
        }
    }

    /// Whether its beginning and its framing are beyond doubt.
    pub(super) fn set_sure(&mut self, is_sure: bool) {
        self.is_sure = is_sure;
    }

    /// Whether the request of this response is known.
    pub(super) fn set_asked(&mut self, is_asked: bool) {
        self.is_asked = is_asked;
    }

    /// Whether the request of this response is known; of a request, true.
    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Its body is sent only when the other end wants it.
    pub(super) fn set_withheld(&mut self) {
        self.body = Seen::Withheld;
    }

    /// Whether its body was waited with, and nothing of it came.
    pub(super) fn has_waited(&self) -> bool {
        self.body == Seen::Withheld
    }

    /// Whether it had no byte in this event so far.
    pub(super) fn is_new_in(&self, event: EventId) -> bool {
        self.last.0 != event
    }

    /// Whether bytes of a body were given.
    pub(super) fn has_body(&self) -> bool {
        self.body == Seen::Bytes
    }

    /// Whether an event boundary lies within it.
    pub(super) fn is_split(&self) -> bool {
        self.last.0 != self.first
    }

    /// Whether it lies in one event, beyond doubt.
    pub(super) fn is_surely_whole(&self) -> bool {
        self.is_sure && !self.is_split()
    }

    /// Something is wrong with it.
    pub(super) fn mark(&mut self, defects: Defects) {
        self.defects |= defects;
    }

    /// Takes the next `count` bytes as framing.
    pub(super) fn skip(&mut self, rest: &mut Rest<'_>, count: usize) {
        self.touch(rest);
        rest.take(count);
    }

    /// Takes the next `count` bytes as body.
    pub(super) fn give(
        &mut self,
        rest: &mut Rest<'_>,
        count: usize,
        sink: &mut dyn FnMut(Part<'_>),
    ) {
        self.touch(rest);
        let (_, time) = rest.event();
        if let Some((span, bytes)) = rest.take(count) {
            self.body = Seen::Bytes;
            sink(Part::Body {
                exchange: self.exchange,
                side: self.side,
                span,
                time,
                bytes,
            });
        }
    }

    fn touch(&mut self, rest: &Rest<'_>) {
        self.last = rest.event();
    }

    /// Gives its trailers, if there are any.
    pub(super) fn trailers(&self, fields: Vec<Field>, sink: &mut dyn FnMut(Part<'_>)) {
        if !fields.is_empty() {
            sink(Part::Trailers {
                exchange: self.exchange,
                side: self.side,
                fields,
            });
        }
    }

    /// What it is if its framing came out even.
    pub(super) fn even(&self) -> Ending {
        if self.is_surely_whole() {
            Ending::Complete
        } else {
            Ending::Consistent
        }
    }

    /// Ends it.
    pub(super) fn end(self, ending: Ending, defects: Defects, sink: &mut dyn FnMut(Part<'_>)) {
        sink(Part::End {
            exchange: self.exchange,
            side: self.side,
            ending,
            defects: self.defects | defects,
            last: self.last,
        });
    }
}
