//! The exchanges of a connection that are not over, put together from what its conversation says.

use std::collections::BTreeMap;

use crate::event::{EventId, Timestamp};
use crate::http::conversation::Part;
use crate::http::exchange::{Defects, Ending, Field, Message, MessageHead, Side, Span};

/// How many pieces of one body are remembered: beyond this it ends there, and says so. 1 GiB in frames of 16 KiB is
/// 65,536 of them.
const MAX_PIECES: u64 = 4 << 20;

/// One half that is not over, or not stored as it is.
#[derive(Debug)]
pub(super) struct Half {
    /// What is known of it; of its body and tunnel, the pieces that are not stored yet.
    pub(super) message: Message,
    /// How many pieces it has in all.
    pieces: u64,
    /// The block that its head is in, once that is stored.
    pub(super) head_block: Option<i64>,
    /// Whether its head is not stored as it is.
    pub(super) is_head_new: bool,
    /// Whether its trailers are not stored.
    pub(super) are_trailers_new: bool,
    /// Whether it is over.
    pub(super) is_ended: bool,
}

/// An exchange that is not over, or not stored as it is.
#[derive(Debug)]
pub(super) struct Open {
    /// Its number in the capture, once it is stored.
    pub(super) id: Option<i64>,
    /// The row of `streams` of its first event.
    pub(super) stream: i64,
    /// The HTTP/2 stream.
    pub(super) http2_stream: Option<u32>,
    /// The request and the response.
    pub(super) halves: [Option<Half>; 2],
    /// How many rows of `exchange_parts` each part has.
    pub(super) rows: [u32; 4],
    /// Whether it is not stored as it is.
    pub(super) is_changed: bool,
    /// Whether its halves go on as a tunnel.
    is_tunnel: bool,
}

/// The open exchanges of one connection.
#[derive(Debug, Default)]
pub(super) struct OpenExchanges {
    pub(super) by_number: BTreeMap<u64, Open>,
    /// About how many bytes of memory the pieces take that are not stored.
    pub(super) bytes: usize,
}

/// The place of a half.
pub(super) fn place(side: Side) -> usize {
    match side {
        Side::Request => 0,
        Side::Response => 1,
    }
}

impl Half {
    fn new(head: Option<MessageHead>, at: [(EventId, Timestamp); 2], defects: Defects) -> Self {
        let [first, last] = at;
        Self {
            is_head_new: head.is_some(),
            message: Message {
                head,
                trailers: Vec::new(),
                first,
                last,
                body_bytes: 0,
                body: Vec::new(),
                tunnel_bytes: 0,
                tunnel: Vec::new(),
                ending: Ending::Open,
                defects,
            },
            pieces: 0,
            head_block: None,
            are_trailers_new: false,
            is_ended: false,
        }
    }

    fn seen(&mut self, event: EventId, time: Timestamp) {
        if time >= self.message.last.1 {
            self.message.last = (event, time);
        }
    }

    /// Adds a piece; tells how much memory it takes.
    fn add(&mut self, is_tunnel: bool, span: Span) -> usize {
        let (spans, total) = if is_tunnel {
            (&mut self.message.tunnel, &mut self.message.tunnel_bytes)
        } else {
            (&mut self.message.body, &mut self.message.body_bytes)
        };
        if let Some(last) = spans.last_mut()
            && last.event == span.event
            && last.offset.saturating_add(last.length) == span.offset
        {
            *total = total.saturating_add(span.length);
            last.length = last.length.saturating_add(span.length);
            return 0;
        }
        if self.pieces >= MAX_PIECES {
            self.message.defects |= Defects::MANY_PIECES;
            self.message.ending = Ending::Broken;
            return 0;
        }
        *total = total.saturating_add(span.length);
        self.pieces += 1;
        spans.push(span);
        size_of::<Span>()
    }
}

impl Open {
    /// When its first event was.
    pub(super) fn time(&self) -> Timestamp {
        let halves = self.halves.iter().flatten();
        halves
            .map(|half| half.message.first.1)
            .min()
            .unwrap_or(Timestamp::MIN)
    }

    /// Whether nothing more can come of it.
    pub(super) fn is_over(&self) -> bool {
        !self.is_tunnel
            && self
                .halves
                .iter()
                .all(|half| half.as_ref().is_some_and(|half| half.is_ended))
    }

    pub(super) fn half(&self, side: Side) -> Option<&Half> {
        self.halves.get(place(side))?.as_ref()
    }

    fn half_mut(&mut self, side: Side) -> &mut Option<Half> {
        let [request, response] = &mut self.halves;
        match side {
            Side::Request => request,
            Side::Response => response,
        }
    }
}

impl OpenExchanges {
    /// The exchanges that have no id yet: when they began, the connection, and their place in it.
    pub(super) fn begun(&self, connection: i64) -> impl Iterator<Item = (Timestamp, i64, u64)> {
        self.by_number
            .iter()
            .filter(|(_, open)| open.id.is_none())
            .map(move |(number, open)| (open.time(), connection, *number))
    }

    /// Takes in what the conversation says; `stream` is the row of `streams` of the event that it says it of.
    pub(super) fn take(&mut self, stream: i64, part: Part<'_>) {
        let (number, http2) = match &part {
            Part::Head {
                exchange,
                http2_stream,
                ..
            } => (*exchange, *http2_stream),
            Part::Body { exchange, .. }
            | Part::Tunnel { exchange, .. }
            | Part::Trailers { exchange, .. }
            | Part::End { exchange, .. } => (*exchange, None),
        };
        let open = self.by_number.entry(number).or_insert_with(|| Open {
            id: None,
            stream,
            http2_stream: http2,
            halves: [None, None],
            rows: [0; 4],
            is_changed: true,
            is_tunnel: false,
        });
        open.is_changed = true;
        match part {
            Part::Head {
                side,
                head,
                first,
                last,
                defects,
                http2_stream,
                ..
            } => {
                open.http2_stream = open.http2_stream.or(http2_stream);
                match open.half_mut(side) {
                    // The final response behind an interim one.
                    Some(half) => {
                        half.is_head_new = head.is_some();
                        half.message.head = head.or(half.message.head.take());
                        half.message.defects |= defects;
                        half.seen(last.0, last.1);
                    }
                    none => *none = Some(Half::new(head, [first, last], defects)),
                }
            }
            Part::Body {
                side, span, time, ..
            } => self.add(number, side, false, span, time),
            Part::Tunnel {
                side, span, time, ..
            } => self.add(number, side, true, span, time),
            Part::Trailers { side, fields, .. } => {
                if let Some(half) = open.half_mut(side) {
                    half.set_trailers(fields);
                }
            }
            Part::End {
                side,
                ending,
                defects,
                last,
                ..
            } => {
                if let Some(half) = open.half_mut(side) {
                    half.message.ending = if half.message.defects.contains(Defects::MANY_PIECES) {
                        Ending::Broken
                    } else {
                        ending
                    };
                    half.message.defects |= defects;
                    half.is_ended = true;
                    half.seen(last.0, last.1);
                }
            }
        }
    }

    fn add(&mut self, number: u64, side: Side, is_tunnel: bool, span: Span, time: Timestamp) {
        let Some(open) = self.by_number.get_mut(&number) else {
            return;
        };
        open.is_tunnel |= is_tunnel;
        // A tunnel can begin in a direction in which nothing else was seen.
        let half = open
            .half_mut(side)
            .get_or_insert_with(|| Half::new(None, [(span.event, time); 2], Defects::NO_START));
        half.seen(span.event, time);
        self.bytes = self.bytes.saturating_add(half.add(is_tunnel, span));
    }
}

impl Half {
    fn set_trailers(&mut self, fields: Vec<Field>) {
        self.are_trailers_new = true;
        self.message.trailers = fields;
    }
}
