//! The exchanges of a connection that are not over, with what is stored of them.

use std::collections::BTreeMap;

use super::texts::Start;
use super::writer::PARTS;
use crate::event::Timestamp;
use crate::http::conversation::{Assembler, Collected, Part};
use crate::http::exchange::{Side, Span};

/// About how many bytes of memory an exchange takes for each of its heads.
const HEAD_BYTES: usize = 1024;

/// What is stored of an exchange.
#[derive(Debug)]
pub(super) struct Stored {
    /// Its number in the capture.
    pub(super) id: Option<i64>,
    /// Its place in its connection, where that is not the one that the conversation counts: events before it were pruned.
    pub(super) number: Option<u64>,
    /// Whether it was pruned: nothing more is stored of it.
    pub(super) is_gone: bool,
    /// The row of `streams` of its first event.
    pub(super) stream: i64,
    /// Of each half, the block that its head is in, the status that this has, and how many heads of interim responses came
    /// before it: the next one takes its place.
    pub(super) heads: [Option<(i64, Option<u16>, usize)>; 2],
    /// How many rows of `exchange_parts` each part has.
    pub(super) rows: [u32; PARTS],
    /// How many pieces the bodies are in.
    pub(super) pieces: [usize; 2],
    /// The first bytes of the bodies, of those that were begun.
    pub(super) starts: [Option<Start>; 2],
    /// Whether it has a row.
    pub(super) has_row: bool,
    /// Where its text is, or will be; `None` if it has to be read back when the exchange is over.
    pub(super) text: Option<i64>,
}

impl Stored {
    /// Nothing, of an exchange whose first event is of this row of `streams`.
    pub(super) fn new(stream: i64) -> Self {
        Self {
            id: None,
            number: None,
            is_gone: false,
            stream,
            heads: [None, None],
            rows: [0; PARTS],
            pieces: [0; 2],
            starts: [None; 2],
            has_row: false,
            text: None,
        }
    }
}

/// The open exchanges of one connection.
#[derive(Debug, Default)]
pub(super) struct OpenExchanges {
    pub(super) assembler: Assembler,
    pub(super) stored: BTreeMap<u64, Stored>,
    /// Whether the connection's exchanges may have been stored before, by another conversation.
    pub(super) is_replayed: bool,
    /// About how many bytes of memory that takes which is not stored.
    pub(super) bytes: usize,
    /// Of a connection that is read again and may have lost its beginning.
    pub(super) renumbered: Option<Renumbered>,
}

/// How the exchanges of a connection are counted whose beginning was pruned.
#[derive(Debug, Default)]
pub(super) struct Renumbered {
    /// What is added to the conversation's numbers, once that is known.
    pub(super) shift: Option<i64>,
}

/// The place of a half.
pub(super) fn place(side: Side) -> usize {
    match side {
        Side::Request => 0,
        Side::Response => 1,
    }
}

/// When the first event of an exchange was.
pub(super) fn time_of(exchange: &Collected) -> Timestamp {
    let halves = [exchange.request(), exchange.response()];
    halves
        .into_iter()
        .flatten()
        .map(|message| message.first.1)
        .min()
        .unwrap_or(Timestamp::MIN)
}

impl OpenExchanges {
    /// Takes in what the conversation says; `stream` is the row of `streams` of the event that it says it of.
    pub(super) fn take(&mut self, stream: i64, part: &Part<'_>) {
        match part {
            Part::Head { exchange, .. } => {
                self.bytes += HEAD_BYTES;
                self.stored
                    .entry(*exchange)
                    .or_insert_with(|| Stored::new(stream));
            }
            Part::Body {
                exchange,
                side,
                bytes,
                ..
            } => {
                self.bytes += size_of::<Span>();
                let stored = self.stored.get_mut(exchange);
                if let Some(start) = stored.and_then(|stored| stored.starts.get_mut(place(*side))) {
                    start.get_or_insert_with(|| Start::of(bytes));
                }
            }
            Part::Tunnel { .. } => self.bytes += size_of::<Span>(),
            Part::Trailers { .. } | Part::End { .. } | Part::Lost { .. } => {}
        }
        self.assembler.take(part);
    }

    /// The exchanges that have no id yet: when they began, the connection, and their place in it.
    pub(super) fn begun(&self, connection: i64) -> impl Iterator<Item = (Timestamp, i64, u64)> {
        self.assembler
            .all()
            .filter(|exchange| {
                self.stored
                    .get(&exchange.number)
                    .is_some_and(|stored| stored.id.is_none())
            })
            .map(move |exchange| (time_of(exchange), connection, exchange.number))
    }
}
