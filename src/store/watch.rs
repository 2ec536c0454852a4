//! How far a long query is, and whether it is to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A view of a query from outside: another thread can see how far it is, and stop it.
#[derive(Debug, Clone, Default)]
pub struct Watch(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    is_stopped: Arc<AtomicBool>,
    scanned: AtomicU64,
    total: AtomicU64,
    written: AtomicU64,
}

impl Watch {
    /// One that is stopped by setting `flag`.
    pub fn stopped_by(flag: Arc<AtomicBool>) -> Self {
        Self(Arc::new(Shared {
            is_stopped: flag,
            ..Shared::default()
        }))
    }

    /// Whether the query is to stop, with what it has found.
    pub fn is_stopped(&self) -> bool {
        self.0.is_stopped.load(Ordering::Relaxed)
    }

    /// How many bytes of payloads were gone through, before compression.
    pub fn scanned(&self) -> u64 {
        self.0.scanned.load(Ordering::Relaxed)
    }

    /// How many there are to go through; 0 while that is not known.
    pub fn total(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }

    /// How many answers were written.
    pub fn written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }

    /// Counts an answer that was written.
    pub fn add_written(&self) {
        self.0.written.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds bytes that were gone through.
    pub(super) fn add_scanned(&self, bytes: u64) {
        self.0.scanned.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds bytes that are to be gone through.
    pub(super) fn add_total(&self, bytes: u64) {
        self.0.total.fetch_add(bytes, Ordering::Relaxed);
    }
}
