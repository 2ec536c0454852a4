//! What a recording was.

use std::path::PathBuf;

use crate::store::Counters;

/// What a recording was, once it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Each source by itself.
    pub sources: Vec<SourceSummary>,
    /// How many files it was written to, one after the other; those that went are counted, too.
    pub files: u64,
    /// How many events were pruned.
    pub pruned_events: u64,
    /// Whether that is one file that stands on its own; otherwise a reader held it.
    pub is_self_contained: bool,
    /// The size of the capture, or of the last of several files.
    pub file_bytes: u64,
    /// The capture, or the last of several files.
    pub path: PathBuf,
}

/// What was recorded of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSummary {
    /// Its name, or its URL.
    pub name: String,
    /// What was counted.
    pub counters: Counters,
    /// How many links there were.
    pub links: u64,
    /// How many gaps were noted.
    pub gaps: u64,
}

impl Summary {
    /// All sources taken together: `of` says what.
    pub fn total(&self, of: impl Fn(&SourceSummary) -> u64) -> u64 {
        self.sources.iter().map(of).sum()
    }
}
