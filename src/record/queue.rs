//! Frames between the socket and the writer: bounded in bytes, and never waited for on the socket's side.
//!
//! A reader that waits makes eCapture kick it, and from 1.5.0 on crash. So a full queue drops the newest frames, counts
//! them, and passes the count on in their place. Several sources share the room evenly: one that floods takes
//! nothing of the others' part.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::event::{Frame, Timestamp};

/// What a frame costs beyond its message.
const FRAME_BYTES: usize = 128;

/// Smaller messages are copied out of the socket's read buffer, which they share: one that is kept among many that are
/// dropped would keep all of it in memory, uncounted.
const SHARED_BYTES: usize = 64 * 1024;

/// What goes from the socket to the writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A link is up.
    LinkBegan {
        /// Its number in this recording, from 1.
        number: u32,
        /// When the handshake was done.
        at: Timestamp,
    },
    /// A frame came.
    Frame(Frame),
    /// Frames came that there was no room for.
    Dropped(Dropped),
    /// A link ended.
    LinkEnded {
        /// When.
        at: Timestamp,
        /// How.
        end: LinkEnd,
    },
}

/// Frames that there was no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// How many.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the first of them came.
    pub first: Timestamp,
    /// When the last of them came.
    pub last: Timestamp,
}

/// How a link ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEnd {
    /// We ended it because the recorder was asked to stop.
    Stopped,
    /// eCapture closed it with a close frame, as it does when a client falls behind.
    Closed,
    /// The connection ended without a close frame, as it does when eCapture exits.
    Lost(String),
    /// eCapture sent a message larger than the limit.
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
    },
    /// Nothing came for longer than two heartbeats.
    Stalled {
        /// When the last frame came.
        since: Timestamp,
    },
}

impl std::fmt::Display for LinkEnd {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stopped => formatter.write_str("stopped by us"),
            Self::Closed => formatter.write_str("closed by eCapture"),
            Self::Lost(reason) => write!(formatter, "connection lost: {reason}"),
            Self::TooLarge { bytes } => write!(
                formatter,
                "a message of {bytes} bytes is larger than the limit"
            ),
            Self::Stalled { .. } => {
                formatter.write_str("nothing came any more, not even heartbeats")
            }
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    /// With the number of the source.
    items: VecDeque<(usize, Item)>,
    frames: u64,
    /// A part a source.
    parts: Vec<Part>,
    is_closed: bool,
}

/// What of the queue is one source's.
#[derive(Debug, Clone, Default)]
struct Part {
    bytes: usize,
    dropping: Option<Dropped>,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    filled: Condvar,
    /// For each source.
    limit_bytes: usize,
}

/// What `pop` found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Popped {
    /// The oldest item, and the number of its source.
    Item(usize, Item),
    /// Nothing came in time.
    Nothing,
    /// Nothing is left and nothing more will come.
    Closed,
}

/// How much is waiting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Frames.
    pub frames: u64,
    /// Bytes of memory they take.
    pub bytes: usize,
}

impl Queue {
    /// A queue for `limit_bytes` of frames of so many sources. One frame of each always has room, however large.
    pub(super) fn new(limit_bytes: usize, sources: usize) -> Self {
        let inner = Inner {
            parts: vec![Part::default(); sources],
            ..Inner::default()
        };
        Self {
            inner: Mutex::new(inner),
            filled: Condvar::new(),
            limit_bytes: limit_bytes / sources.max(1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every critical section leaves the queue whole, so a panic elsewhere while it was held is no reason to stop.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a frame, or counts it as dropped and says so with `false`. Never waits.
    pub(super) fn push_frame(&self, source: usize, mut frame: Frame) -> bool {
        let cost = frame.message.len() + FRAME_BYTES;
        let mut inner = self.lock();
        let Some(part) = inner.parts.get_mut(source) else {
            return false;
        };
        if part.bytes > 0 && part.bytes + cost > self.limit_bytes {
            let (bytes, received) = (frame.message.len() as u64, frame.received);
            let dropping = part.dropping.get_or_insert(Dropped {
                frames: 0,
                bytes: 0,
                first: received,
                last: received,
            });
            dropping.frames += 1;
            dropping.bytes += bytes;
            dropping.last = received;
            return false;
        }
        part.bytes += cost;
        inner.pass_on_dropped();
        inner.frames += 1;
        if frame.message.len() <= SHARED_BYTES {
            frame.message = Bytes::copy_from_slice(&frame.message);
        }
        inner.items.push_back((source, Item::Frame(frame)));
        self.filled.notify_one();
        true
    }

    /// Adds anything but a frame; there is always room.
    pub(super) fn push(&self, source: usize, item: Item) {
        let mut inner = self.lock();
        inner.pass_on_dropped();
        inner.items.push_back((source, item));
        self.filled.notify_one();
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.pass_on_dropped();
        inner.is_closed = true;
        self.filled.notify_one();
    }

    /// Takes the oldest item, waiting for one at most `patience`.
    pub(super) fn pop(&self, patience: Duration) -> Popped {
        let inner = self.lock();
        let (mut inner, _) = self
            .filled
            .wait_timeout_while(inner, patience, |inner| {
                let is_dropping = inner.parts.iter().any(|part| part.dropping.is_some());
                inner.items.is_empty() && !is_dropping && !inner.is_closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        if inner.items.is_empty() {
            inner.pass_on_dropped();
        }
        match inner.items.pop_front() {
            Some((source, item)) => {
                if let Item::Frame(frame) = &item {
                    inner.frames -= 1;
                    if let Some(part) = inner.parts.get_mut(source) {
                        part.bytes -= frame.message.len() + FRAME_BYTES;
                    }
                }
                Popped::Item(source, item)
            }
            None if inner.is_closed => Popped::Closed,
            None => Popped::Nothing,
        }
    }

    /// Whether more than half of the room of a source is taken: there is no time for anything but to take in what waits.
    pub(super) fn is_crowded(&self) -> bool {
        let half = self.limit_bytes / 2;
        self.lock().parts.iter().any(|part| part.bytes > half)
    }

    /// How much is waiting.
    pub(super) fn backlog(&self) -> Backlog {
        let inner = self.lock();
        Backlog {
            frames: inner.frames,
            bytes: inner.parts.iter().map(|part| part.bytes).sum(),
        }
    }
}

impl Inner {
    fn pass_on_dropped(&mut self) {
        for (source, part) in self.parts.iter_mut().enumerate() {
            if let Some(dropped) = part.dropping.take() {
                self.items.push_back((source, Item::Dropped(dropped)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::Opcode;

    fn frame(at: i64, bytes: usize) -> Frame {
        Frame {
            link: 1,
            received: Timestamp::from_nanos(at),
            opcode: Opcode::Binary,
            message: Bytes::from(vec![0; bytes]),
        }
    }

    #[test]
    fn a_full_queue_drops_the_newest_and_says_so_in_their_place() {
        let queue = Queue::new(2 * (100 + FRAME_BYTES), 1);
        assert!(queue.push_frame(0, frame(1, 100)));
        assert!(!queue.is_crowded());
        assert!(queue.push_frame(0, frame(2, 100)));
        assert!(queue.is_crowded());
        assert!(!queue.push_frame(0, frame(3, 100)));
        assert!(!queue.push_frame(0, frame(4, 50)));
        assert_eq!(
            queue.pop(Duration::ZERO),
            Popped::Item(0, Item::Frame(frame(1, 100)))
        );
        assert!(queue.push_frame(0, frame(5, 100)));
        queue.close();
        assert_eq!(
            queue.pop(Duration::ZERO),
            Popped::Item(0, Item::Frame(frame(2, 100)))
        );
        let (first, last) = (Timestamp::from_nanos(3), Timestamp::from_nanos(4));
        let dropped = Dropped {
            frames: 2,
            bytes: 150,
            first,
            last,
        };
        assert_eq!(
            queue.pop(Duration::ZERO),
            Popped::Item(0, Item::Dropped(dropped))
        );
        assert_eq!(
            queue.pop(Duration::ZERO),
            Popped::Item(0, Item::Frame(frame(5, 100)))
        );
        assert_eq!(queue.backlog(), Backlog::default());
        assert_eq!(queue.pop(Duration::ZERO), Popped::Closed);
    }

    #[test]
    fn one_source_takes_nothing_of_the_room_of_another() {
        let queue = Queue::new(4 * (100 + FRAME_BYTES), 2);
        assert!(queue.push_frame(0, frame(1, 100)));
        assert!(queue.push_frame(0, frame(2, 100)));
        assert!(!queue.push_frame(0, frame(3, 100)));
        assert!(queue.push_frame(1, frame(4, 100)));
        assert!(queue.push_frame(1, frame(5, 100)));
        assert!(!queue.push_frame(1, frame(6, 100)));
        queue.close();
        let mut order = Vec::new();
        while let Popped::Item(source, item) = queue.pop(Duration::ZERO) {
            order.push((source, matches!(item, Item::Dropped(_))));
        }
        let expected = [
            (0, false),
            (0, false),
            // In the place of the frame that was dropped.
            (0, true),
            (1, false),
            (1, false),
            (1, true),
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn one_frame_always_has_room() {
        let queue = Queue::new(10, 1);
        assert!(queue.push_frame(0, frame(1, 1000)));
        assert!(!queue.push_frame(0, frame(2, 1)));
        queue.close();
        assert!(matches!(
            queue.pop(Duration::ZERO),
            Popped::Item(0, Item::Frame(_))
        ));
        assert!(matches!(
            queue.pop(Duration::ZERO),
            Popped::Item(0, Item::Dropped(_))
        ));
    }

    #[test]
    fn an_empty_queue_lets_go_in_time() {
        assert_eq!(
            Queue::new(10, 1).pop(Duration::from_millis(1)),
            Popped::Nothing
        );
    }
}
