//! STUB of the reading side: signatures only.
#![allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::todo,
    unused_variables,
    dead_code
)]

use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::event::{EventId, StoredEvent, Timestamp};
use crate::filter::Selection;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: no such file", .path.display())]
    Missing { path: PathBuf },
    // the real one has more variants, each with facts (path, version, ...)
}

/// Order of results by (event time, id).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    NewestFirst,
    OldestFirst,
}

/// How a capture had to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// As it is.
    Direct,
    /// A recorder was killed and left a log beside the file: answers come from a private copy.
    PrivateCopy,
    /// A recorder is writing to it now.
    Live,
    /// The recorder did not end cleanly and its log is missing: the last commits may be absent.
    LogMissing,
}

pub struct Reader {}

impl Reader {
    pub fn open(path: &Path) -> Result<Self, Error> {
        todo!()
    }

    pub fn access(&self) -> Access {
        todo!()
    }

    /// Events that the selection asks for, ordered by (time, id). `limit` counts events after the selection, grep
    /// included.
    pub fn events(
        &self,
        selection: &Selection,
        order: Order,
        limit: Option<u64>,
    ) -> Result<Rows<'_>, Error> {
        todo!()
    }

    pub fn event(&self, id: EventId) -> Result<Option<StoredEvent>, Error> {
        todo!()
    }

    pub fn payload(&self, event: &StoredEvent) -> Result<Payload<'_>, Error> {
        todo!()
    }

    /// Time of the newest event of all, if there is one.
    pub fn newest_time(&self) -> Result<Option<Timestamp>, Error> {
        todo!()
    }

    pub fn stats(&self, selection: &Selection) -> Result<Stats, Error> {
        todo!()
    }
}

pub struct Rows<'a> {
    reader: &'a Reader,
}

impl Rows<'_> {
    /// The next event; `None` at the end.
    pub fn next(&mut self) -> Result<Option<StoredEvent>, Error> {
        todo!()
    }
}

/// A payload, read piece by piece.
pub struct Payload<'a> {
    reader: &'a Reader,
}

impl Payload<'_> {
    /// The next piece, at most 1 MiB; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Bytes>, Error> {
        todo!()
    }

    /// Its first bytes, at most `limit` of them, in one piece.
    pub fn start(self, limit: usize) -> Result<Bytes, Error> {
        todo!()
    }
}

/// What a capture holds.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    pub events: u64,
    pub payload_bytes: u64,
    /// Compressed payload as stored.
    pub stored_payload_bytes: u64,
    /// Size of the file with its -wal.
    pub file_bytes: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    pub processes: Vec<Counted>,
    pub hosts: Vec<Counted>,
    pub recordings: Vec<RecordingStats>,
    pub gaps: Vec<Gap>,
}

/// A name with counts; most events first, at most 20.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    pub name: String,
    pub events: u64,
    pub bytes: u64,
}

#[derive(Debug, Clone, Default)]
pub struct RecordingStats {
    pub number: i64,
    pub source: String,
    pub ecapture_version: Option<String>,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    pub ended_cleanly: bool,
    pub events: u64,
    /// Seconds during which a link was up.
    pub link_up_seconds: f64,
    pub frames_received: u64,
    pub unreadable: u64,
    pub dropped_by_us: u64,
    pub keys_withheld: u64,
}

#[derive(Debug, Clone, Default)]
pub struct Gap {
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// e.g. `not_connected`, `queue_overflow`, `message_too_large`, `stalled`, `unclean_end`
    pub reason: String,
    pub frames: Option<u64>,
    pub bytes: Option<u64>,
    pub detail: Option<String>,
}
