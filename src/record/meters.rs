//! Where a recording stands, readable from any thread at any time.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::queue::{Backlog, Queue};
use crate::store::{Counters, Holder};

/// Counters that the reader and the writer keep up to date, and the status line reads.
#[derive(Debug)]
pub struct Meters {
    pub(super) queue: Queue,
    pub(super) uncommitted_events: AtomicU64,
    pub(super) reader_rounds: AtomicU64,
    pub(super) writer_rounds: AtomicU64,
    pub(super) pruned_events: AtomicU64,
    pub(super) held_bytes: AtomicU64,
    holders: Mutex<Vec<Holder>>,
    /// The file that is written.
    capture: Mutex<PathBuf>,
    files: AtomicU64,
    /// In the order in which they were given.
    pub(super) sources: Vec<SourceMeters>,
}

/// What is counted of one source.
#[derive(Debug, Default)]
pub(super) struct SourceMeters {
    name: String,
    pub(super) is_linked: AtomicBool,
    pub(super) received_frames: AtomicU64,
    pub(super) received_bytes: AtomicU64,
    pub(super) dropped_frames: AtomicU64,
    stored_events: AtomicU64,
    filtered_events: AtomicU64,
    filtered_bytes: AtomicU64,
    shortened_events: AtomicU64,
    shortened_bytes: AtomicU64,
    redacted_secrets: AtomicU64,
    opaque_events: AtomicU64,
    opaque_bytes: AtomicU64,
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Frames waiting to be decoded.
    pub backlog: Backlog,
    /// Events decoded and not committed yet.
    pub uncommitted_events: u64,
    /// Files that were begun.
    pub files: u64,
    /// Events that were pruned.
    pub pruned_events: u64,
    /// By how many bytes the `-wal` is larger than it need be because a reader holds it.
    pub held_bytes: u64,
    /// Each source by itself.
    pub sources: Vec<SourceStatus>,
}

/// Where one source stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceStatus {
    /// Its name, or its URL.
    pub name: String,
    /// Whether a link to it is up.
    pub is_linked: bool,
    /// Frames received.
    pub received_frames: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Frames dropped for want of room.
    pub dropped_frames: u64,
    /// Events committed to the file.
    pub stored_events: u64,
    /// Events that the filter left out, up to the last commit.
    pub filtered_events: u64,
    /// The bytes of their payloads.
    pub filtered_bytes: u64,
    /// Events of whose payloads only the first bytes were stored, up to the last commit.
    pub shortened_events: u64,
    /// The bytes of those that were not.
    pub shortened_bytes: u64,
    /// Secrets that were replaced, up to the last commit.
    pub redacted_secrets: u64,
    /// Events with bytes that were left out because they could not be looked into, up to the last commit.
    pub opaque_events: u64,
    /// Those bytes.
    pub opaque_bytes: u64,
}

impl Status {
    /// All sources taken together: `of` says what.
    pub fn total(&self, of: impl Fn(&SourceStatus) -> u64) -> u64 {
        self.sources.iter().map(of).sum()
    }
}

impl Meters {
    /// For sources of these names.
    pub(super) fn new(queue_bytes: usize, sources: Vec<String>) -> Self {
        Self {
            queue: Queue::new(queue_bytes, sources.len()),
            uncommitted_events: AtomicU64::new(0),
            reader_rounds: AtomicU64::new(0),
            writer_rounds: AtomicU64::new(0),
            pruned_events: AtomicU64::new(0),
            held_bytes: AtomicU64::new(0),
            holders: Mutex::default(),
            capture: Mutex::default(),
            files: AtomicU64::new(0),
            sources: sources
                .into_iter()
                .map(|name| SourceMeters {
                    name,
                    ..SourceMeters::default()
                })
                .collect(),
        }
    }

    /// How often the reader and the writer went round.
    pub fn pulse(&self) -> Pulse {
        Pulse {
            reader: self.reader_rounds.load(Ordering::Relaxed),
            writer: self.writer_rounds.load(Ordering::Relaxed),
        }
    }

    /// Another file is written from now on.
    pub(super) fn begin_file(&self, path: PathBuf) {
        *self.capture.lock().unwrap_or_else(PoisonError::into_inner) = path;
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    /// The file that is written.
    pub(super) fn capture(&self) -> PathBuf {
        self.capture
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Who keeps the `-wal` from being written back, as far as that is known.
    pub fn holders(&self) -> Vec<Holder> {
        self.holders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// By how many bytes the `-wal` is larger than it need be, and who holds it.
    pub(super) fn set_held(&self, bytes: u64, holders: &[Holder]) {
        self.held_bytes.store(bytes, Ordering::Relaxed);
        *self.holders.lock().unwrap_or_else(PoisonError::into_inner) = holders.to_vec();
    }

    /// Where the recording stands now. The numbers are read one after another, so they can differ by what came between.
    pub fn status(&self) -> Status {
        Status {
            uncommitted_events: self.uncommitted_events.load(Ordering::Relaxed),
            backlog: self.queue.backlog(),
            files: self.files.load(Ordering::Relaxed),
            pruned_events: self.pruned_events.load(Ordering::Relaxed),
            held_bytes: self.held_bytes.load(Ordering::Relaxed),
            sources: self.sources.iter().map(SourceMeters::status).collect(),
        }
    }
}

impl SourceMeters {
    /// Notes what was committed.
    pub(super) fn committed(&self, counters: &Counters) {
        for (meter, count) in [
            (&self.stored_events, counters.stored_events),
            (&self.filtered_events, counters.filtered_events),
            (&self.filtered_bytes, counters.filtered_bytes),
            (&self.shortened_events, counters.shortened_events),
            (&self.shortened_bytes, counters.shortened_bytes),
            (&self.redacted_secrets, counters.redacted_secrets),
            (&self.opaque_events, counters.opaque_events),
            (&self.opaque_bytes, counters.opaque_bytes),
        ] {
            meter.store(count, Ordering::Relaxed);
        }
    }

    fn status(&self) -> SourceStatus {
        SourceStatus {
            name: self.name.clone(),
            is_linked: self.is_linked.load(Ordering::Relaxed),
            received_frames: self.received_frames.load(Ordering::Relaxed),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            dropped_frames: self.dropped_frames.load(Ordering::Relaxed),
            stored_events: self.stored_events.load(Ordering::Relaxed),
            filtered_events: self.filtered_events.load(Ordering::Relaxed),
            filtered_bytes: self.filtered_bytes.load(Ordering::Relaxed),
            shortened_events: self.shortened_events.load(Ordering::Relaxed),
            shortened_bytes: self.shortened_bytes.load(Ordering::Relaxed),
            redacted_secrets: self.redacted_secrets.load(Ordering::Relaxed),
            opaque_events: self.opaque_events.load(Ordering::Relaxed),
            opaque_bytes: self.opaque_bytes.load(Ordering::Relaxed),
        }
    }
}
