//! Where a capture comes from that is a subset of another, or goes on from one.

use super::{EventId, Timestamp, hex};

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
    /// What was asked for.
    pub taken: Taken,
    /// Which of them, as text of the filter language; `None` if that was everything.
    pub filter: Option<String>,
    /// How many events were taken.
    pub events: u64,
    /// When.
    pub exported: Timestamp,
    /// The program that did it, and its version.
    pub program: String,
}

/// The capture that the first recording of this one was in before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predecessor {
    /// Its name, without a folder.
    pub name: String,
    /// The last event that was given an id; at least 1.
    pub last: EventId,
    /// The head of its chain.
    pub link: Option<Vec<u8>>,
}

impl Predecessor {
    /// The head of its chain in hexadecimal digits, as `verify --expect-head` takes it.
    pub fn head(&self) -> Option<String> {
        self.link.as_deref().map(hex)
    }
}

/// What is taken of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Events.
    Events,
    /// Exchanges: of each, all events of its connection up to its last one.
    Exchanges,
    /// All that could still be read.
    Salvage,
}

impl Taken {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Events, Self::Exchanges, Self::Salvage];

    /// The number that stands for it in a capture file.
    pub fn code(self) -> u8 {
        match self {
            Self::Events => 0,
            Self::Exchanges => 1,
            Self::Salvage => 2,
        }
    }

    /// What `code` stands for.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|taken| taken.code() == code)
    }

    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Exchanges => "exchanges",
            Self::Salvage => "salvage",
        }
    }
}

impl Origin {
    /// How many steps are told, the newest of them.
    pub const MAX_LISTED: usize = 100;
}
