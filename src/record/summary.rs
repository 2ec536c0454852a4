//! What a recording was.

use std::path::PathBuf;

use crate::store::Counters;

/// What a recording was, once it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What was counted.
    pub counters: Counters,
    /// How many links there were.
    pub links: u64,
    /// How many gaps were noted.
    pub gaps: u64,
    /// How many events were pruned.
    pub pruned_events: u64,
    /// Whether the capture is one file that stands on its own; otherwise a reader held it.
    pub is_self_contained: bool,
    /// The size of the capture.
    pub file_bytes: u64,
    /// The capture.
    pub path: PathBuf,
}
