//! The last bytes of each stream, for texts that begin in one event and end in a later one.
//!
//! A stream is one direction of one connection, of the events of one process name, as for `ecq-query`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::BuildHasher as _;

use bytes::Bytes;

use crate::event::{ConnectionId, Direction, Event};
use crate::filter::{PayloadBytes, push_end};

/// How many streams are remembered, each with less than [`crate::filter::MAX_CROSSING_BYTES`] and some 100 bytes around
/// them. Beyond that the longer idle half is forgotten.
const STREAMS: usize = 16 * 1024;

/// The size of the pieces, in bytes, in which a large payload is searched.
const PIECE_BYTES: usize = 1 << 20;

/// A stream. In place of the process name, which can be of any length, stands a hash of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stream {
    connection: ConnectionId,
    direction: Option<Direction>,
    pname: u64,
}

#[derive(Debug, Default)]
struct End {
    bytes: Vec<u8>,
    last: u64,
}

/// The last bytes of each stream.
#[derive(Debug)]
pub(super) struct Before {
    ends: HashMap<Stream, End>,
    /// How many bytes of each.
    reach: usize,
    /// How many events there were.
    count: u64,
    most: usize,
}

impl Before {
    /// Keeps the last `reach` bytes of each stream; nothing at all if that is 0.
    pub(super) fn new(reach: usize) -> Self {
        Self {
            ends: HashMap::new(),
            reach,
            count: 0,
            most: STREAMS,
        }
    }

    /// The stream of an event of this connection.
    pub(super) fn stream(&self, connection: ConnectionId, event: &Event) -> Stream {
        let pname = event.process.pname.as_deref();
        let has_use = self.reach > 0;
        Stream {
            connection,
            direction: event.direction,
            pname: if has_use {
                self.ends.hasher().hash_one(pname)
            } else {
                0
            },
        }
    }

    /// The last bytes of a stream; none where it was forgotten.
    pub(super) fn of(&self, stream: Stream) -> &[u8] {
        self.ends.get(&stream).map_or(&[], |end| &end.bytes)
    }

    /// Takes in the next payload of a stream.
    pub(super) fn push(&mut self, stream: Stream, payload: &[u8]) {
        if self.reach == 0 || payload.is_empty() {
            return;
        }
        if self.ends.len() >= self.most && !self.ends.contains_key(&stream) {
            self.forget_idle();
        }
        self.count += 1;
        let end = self.ends.entry(stream).or_default();
        end.last = self.count;
        push_end(&mut end.bytes, payload, self.reach);
    }

    fn forget_idle(&mut self) {
        let mut times: Vec<_> = self.ends.values().map(|end| end.last).collect();
        let half = times.len() / 2;
        if !times.is_empty() {
            let middle = *times.select_nth_unstable(half).1;
            self.ends.retain(|_, end| end.last > middle);
        }
    }
}

/// A payload that is being captured, and the bytes before it in its stream.
pub(super) struct WithBefore<'a> {
    pub(super) payload: &'a Bytes,
    pub(super) before: &'a [u8],
}

impl PayloadBytes for WithBefore<'_> {
    type Error = Infallible;

    fn size(&self) -> u64 {
        self.payload.len() as u64
    }

    fn whole(&self) -> Result<Bytes, Infallible> {
        Ok(self.payload.clone())
    }

    fn pieces(&self, each: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Infallible> {
        for piece in self.payload.chunks(PIECE_BYTES) {
            if each(piece) {
                break;
            }
        }
        Ok(())
    }

    fn before(&self, count: usize) -> Result<Vec<u8>, Infallible> {
        let first = self.before.len().saturating_sub(count);
        Ok(self.before.get(first..).unwrap_or_default().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(number: i64) -> Stream {
        Stream {
            connection: ConnectionId::new(number),
            direction: None,
            pname: 0,
        }
    }

    #[test]
    fn the_last_bytes_are_kept_over_events() {
        let mut before = Before::new(5);
        let mut push = |number, payload: &[u8]| {
            before.push(stream(number), payload);
            (
                before.of(stream(number)).to_vec(),
                before.of(stream(9)).len(),
            )
        };
        assert_eq!(push(1, b"ab"), (b"ab".to_vec(), 0));
        assert_eq!(push(2, b"xyz"), (b"xyz".to_vec(), 0));
        assert_eq!(push(1, b""), (b"ab".to_vec(), 0));
        assert_eq!(push(1, b"cdef"), (b"bcdef".to_vec(), 0));
        assert_eq!(push(1, b"0123456789"), (b"56789".to_vec(), 0));
        assert_eq!(push(1, b"!"), (b"6789!".to_vec(), 0));
        assert_eq!(push(2, b"."), (b"xyz.".to_vec(), 0));
    }

    #[test]
    fn nothing_is_kept_for_filters_without_such_texts() {
        let mut before = Before::new(0);
        before.push(stream(1), b"abc");
        assert_eq!((before.of(stream(1)).len(), before.ends.len()), (0, 0));
    }

    #[test]
    fn idle_streams_are_forgotten_first() {
        let mut before = Before::new(3);
        before.most = 8;
        for number in 0..8 {
            before.push(stream(number), b"abc");
        }
        before.push(stream(0), b"def");
        assert_eq!(before.ends.len(), 8);
        before.push(stream(8), b"new");
        assert!(before.ends.len() <= 5, "{}", before.ends.len());
        assert_eq!(before.of(stream(0)), b"def");
        assert_eq!(before.of(stream(8)), b"new");
        assert_eq!(before.of(stream(1)), b"");
        for number in 100..10_000 {
            before.push(stream(number), b"abc");
            assert!(before.ends.len() <= 8);
        }
    }

    #[test]
    fn large_payloads_come_in_pieces() {
        let payload = Bytes::from(vec![b'x'; PIECE_BYTES * 2 + 1]);
        let bytes = WithBefore {
            payload: &payload,
            before: b"abc",
        };
        let mut sizes = Vec::new();
        let Ok(()) = bytes.pieces(&mut |piece| {
            sizes.push(piece.len());
            sizes.len() == 2
        });
        assert_eq!(sizes, [PIECE_BYTES, PIECE_BYTES]);
        assert_eq!(bytes.before(2), Ok(b"bc".to_vec()));
        assert_eq!(bytes.before(4), Ok(b"abc".to_vec()));
    }
}
