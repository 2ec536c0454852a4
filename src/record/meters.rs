//! Where a recording stands, readable from any thread at any time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::queue::{Backlog, Queue};

/// Counters that the reader and the writer keep up to date, and the status line reads.
#[derive(Debug)]
pub struct Meters {
    pub(super) queue: Queue,
    pub(super) received_frames: AtomicU64,
    pub(super) received_bytes: AtomicU64,
    pub(super) stored_events: AtomicU64,
    pub(super) filtered_events: AtomicU64,
    pub(super) dropped_frames: AtomicU64,
    pub(super) uncommitted_events: AtomicU64,
    pub(super) is_linked: AtomicBool,
    pub(super) reader_rounds: AtomicU64,
    pub(super) writer_rounds: AtomicU64,
}

/// How often the two threads of a recording went round: what stands still hangs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pulse {
    /// The reader, about once a second.
    pub reader: u64,
    /// The writer, at least about once a second unless a commit takes longer.
    pub writer: u64,
}

/// Where a recording stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    /// Frames received.
    pub received_frames: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Events committed to the file.
    pub stored_events: u64,
    /// Events that the filter left out, up to the last commit.
    pub filtered_events: u64,
    /// Frames dropped for want of room.
    pub dropped_frames: u64,
    /// Events decoded and not committed yet.
    pub uncommitted_events: u64,
    /// Frames waiting to be decoded.
    pub backlog: Backlog,
    /// Whether a link to eCapture is up.
    pub is_linked: bool,
}

impl Meters {
    pub(super) fn new(queue_bytes: usize) -> Self {
        Self {
            queue: Queue::new(queue_bytes),
            received_frames: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            stored_events: AtomicU64::new(0),
            filtered_events: AtomicU64::new(0),
            dropped_frames: AtomicU64::new(0),
            uncommitted_events: AtomicU64::new(0),
            is_linked: AtomicBool::new(false),
            reader_rounds: AtomicU64::new(0),
            writer_rounds: AtomicU64::new(0),
        }
    }

    /// How often the reader and the writer went round.
    pub fn pulse(&self) -> Pulse {
        Pulse {
            reader: self.reader_rounds.load(Ordering::Relaxed),
            writer: self.writer_rounds.load(Ordering::Relaxed),
        }
    }

    /// Where the recording stands now. The numbers are read one after another, so they can differ by what came between.
    pub fn status(&self) -> Status {
        Status {
            received_frames: self.received_frames.load(Ordering::Relaxed),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            stored_events: self.stored_events.load(Ordering::Relaxed),
            filtered_events: self.filtered_events.load(Ordering::Relaxed),
            dropped_frames: self.dropped_frames.load(Ordering::Relaxed),
            uncommitted_events: self.uncommitted_events.load(Ordering::Relaxed),
            backlog: self.queue.backlog(),
            is_linked: self.is_linked.load(Ordering::Relaxed),
        }
    }
}
