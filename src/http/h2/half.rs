//! One half of an exchange while it is read: what its end depends on.

use super::reader::{Moment, Start};
use crate::event::EventId;
use crate::http::exchange::{Defects, Ending};

/// What was seen of the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadSeen {
    /// Nothing: it was not captured.
    Missing,
    /// That of an interim response (1xx); another one follows.
    Interim,
    /// It.
    Final,
}

/// What comes of a half next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// More of the message.
    Message,
    /// Bytes of a tunnel; the end of the message was said.
    Tunnel,
    /// Nothing.
    Over,
}

/// A half that has begun.
#[derive(Debug)]
pub(super) struct Half {
    pub(super) head: HeadSeen,
    /// The event that has all of it so far, if one has.
    whole_in: Option<EventId>,
    pub(super) first: Moment,
    pub(super) last: Moment,
    /// What its head says the length of the body is, if that must be so.
    pub(super) expected_bytes: Option<u64>,
    pub(super) body_bytes: u64,
    /// Whether it is usual, or must be, that it has no body.
    pub(super) is_bodiless: bool,
    pub(super) phase: Phase,
    /// Whether bytes were lost that may have been of it.
    pub(super) is_doubtful: bool,
    /// What is to be said at its end.
    pub(super) defects: Defects,
}

impl Half {
    /// It begins.
    pub(super) fn new(head: HeadSeen, start: Start) -> Self {
        Self {
            head,
            whole_in: start.is_aligned.then_some(start.moment.0),
            first: start.moment,
            last: start.moment,
            expected_bytes: None,
            body_bytes: 0,
            is_bodiless: false,
            phase: Phase::Message,
            is_doubtful: false,
            defects: Defects::empty(),
        }
    }

    /// Whether the end of the message was said.
    pub(super) fn is_ended(&self) -> bool {
        self.phase != Phase::Message
    }

    /// Something of it is in this event.
    pub(super) fn touch(&mut self, now: Moment) {
        self.last = now;
        self.whole_in = self.whole_in.filter(|event| *event == now.0);
    }

    /// It depends on more than the event that it lies in.
    pub(super) fn depends_on_others(&mut self) {
        self.whole_in = None;
    }

    /// How it ended, given that the peer marked its end.
    pub(super) fn ending(&self) -> (Ending, Defects) {
        let mut defects = self.defects;
        let mut is_broken = defects.intersects(Defects::BAD_FRAMING | Defects::LOST_BYTES);
        match self.expected_bytes {
            Some(expected) if expected == self.body_bytes => {}
            None if !self.is_doubtful => {}
            _ => {
                defects |= Defects::LOST_BYTES;
                is_broken = true;
            }
        }
        if self.head == HeadSeen::Missing {
            is_broken = true;
        }
        if self.head == HeadSeen::Interim {
            defects |= Defects::LOST_BYTES;
            is_broken = true;
        }
        let ending = if is_broken {
            Ending::Broken
        } else if self.whole_in == Some(self.last.0) {
            Ending::Complete
        } else {
            Ending::Consistent
        };
        (ending, defects)
    }

    /// Whether it has what it is to have, as far as that can be told without a mark of its end.
    pub(super) fn is_evenly_filled(&self) -> bool {
        let is_filled = self.expected_bytes == Some(self.body_bytes);
        let is_empty = self.body_bytes == 0 && self.is_bodiless;
        self.head == HeadSeen::Final && (is_filled || is_empty)
    }

    /// Whether its body has fewer bytes than its head says.
    pub(super) fn is_short(&self) -> bool {
        self.expected_bytes
            .is_some_and(|expected| self.body_bytes < expected)
    }

    /// Where its request is not known, a response without a body may be that to a HEAD, whatever length it says.
    pub(super) fn may_be_of_head(&mut self) {
        if self.body_bytes == 0 && self.head == HeadSeen::Final {
            self.expected_bytes = self.expected_bytes.filter(|expected| *expected == 0);
        }
    }

    /// How it stands, given that no end of it was seen.
    pub(super) fn standing(&self) -> (Ending, Defects) {
        let mut defects = self.defects;
        let lacks_bytes = defects.contains(Defects::LOST_BYTES);
        if self.is_doubtful {
            defects |= Defects::LOST_BYTES;
        }
        let ending = match defects.contains(Defects::LISTING) {
            // A listing shows no ends at all.
            true if defects.contains(Defects::LOST_BYTES) => Ending::Broken,
            true if self.is_short() => Ending::Open,
            true => Ending::Closed,
            false if lacks_bytes => Ending::Broken,
            false => Ending::Open,
        };
        (ending, defects)
    }
}
