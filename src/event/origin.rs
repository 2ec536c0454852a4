//! Where a capture comes from that is a subset of another.

use super::{EventId, Timestamp};

/// One step: a capture, what was taken of it, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Where the capture lay. What of its path is no UTF-8 is replaced.
    pub path: String,
    /// When its first recording began.
    pub began: Option<Timestamp>,
    /// Its newest event that was looked at.
    pub upper: EventId,
    /// How many events it had up to that one.
    pub of_events: u64,
    /// Whether exchanges were asked for: of each, all events of its connection up to its last one were taken.
    pub is_of_exchanges: bool,
    /// What was asked for, as text of the filter language; `None` if that was everything.
    pub filter: Option<String>,
    /// How many events were taken.
    pub events: u64,
    /// When.
    pub exported: Timestamp,
    /// The program that did it, and its version.
    pub program: String,
}

impl Origin {
    /// How many steps are told, the newest of them.
    pub const MAX_LISTED: usize = 100;
}
