//! Where a recording stands, readable from any thread at any time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::queue::{Backlog, Queue};
use crate::store::Holder;

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
    pub(super) pruned_events: AtomicU64,
    pub(super) held_bytes: AtomicU64,
    holders: Mutex<Vec<Holder>>,
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
    /// Events that were pruned.
    pub pruned_events: u64,
    /// By how many bytes the `-wal` is larger than it need be because a reader holds it.
    pub held_bytes: u64,
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
            pruned_events: AtomicU64::new(0),
            held_bytes: AtomicU64::new(0),
            holders: Mutex::default(),
        }
    }

    /// Who keeps the `-wal` from being written back, as far as that is known.
    pub fn holders(&self) -> Vec<Holder> {
        self.holders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set_holders(&self, holders: &[Holder]) {
        *self.holders.lock().unwrap_or_else(PoisonError::into_inner) = holders.to_vec();
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
            pruned_events: self.pruned_events.load(Ordering::Relaxed),
            held_bytes: self.held_bytes.load(Ordering::Relaxed),
        }
    }
}
