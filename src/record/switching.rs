//! The files of a recording: which is written, which is next, and when.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::file_names::FileNames;
use super::ring::{Filled, Ring};
use super::source::now;
use crate::event::Timestamp;
use crate::store::{Protection, RecordingStart, Writer};

/// After a file that could not be begun, how long until it is tried again.
const PAUSE: Duration = Duration::from_secs(60);

/// Why the recording goes on in another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// A limit is reached.
    Full,
    /// A signal asked for it.
    Asked,
    /// A signal asked for it, and nothing is in the file that could be set aside.
    AskedInVain,
}

/// The files of a recording.
pub(super) struct Switching {
    /// `None` if there is one file, under its own name, until a signal asks for another.
    pub(super) ring: Option<Ring>,
    pub(super) names: FileNames,
    starts: Vec<RecordingStart>,
    asked: Arc<AtomicBool>,
    began: Instant,
    /// When the file that is written was begun.
    pub(super) began_at: Timestamp,
    /// Whether it is as large as it may be.
    pub(super) is_large: bool,
    not_before: Option<Instant>,
    /// How many files were written, that one included.
    pub(super) written: u64,
    /// Those that are kept, the oldest first; empty if all are.
    kept: VecDeque<PathBuf>,
}

impl Switching {
    /// The first file is begun, at `path`. `asked` is set when a signal asks for another.
    pub(super) fn new(
        ring: Option<Ring>,
        (names, path): (FileNames, PathBuf),
        starts: Vec<RecordingStart>,
        (began, asked): (Timestamp, Arc<AtomicBool>),
    ) -> Self {
        let mut switching = Self {
            ring,
            names,
            starts,
            asked,
            began: Instant::now(),
            began_at: began,
            is_large: false,
            not_before: None,
            written: 0,
            kept: VecDeque::new(),
        };
        switching.began(path, began);
        switching
    }

    /// Whether another file is due, with so many events in this one. `is_quiet` says whether nothing waits to be taken in.
    /// Asked for each frame: without a ring and a request, nothing is looked at.
    pub(super) fn due(&self, events: u64, is_quiet: impl FnOnce() -> bool) -> Option<Due> {
        let is_asked = self.asked.load(Ordering::Relaxed);
        if self.ring.is_none() && !is_asked
            || self.not_before.is_some_and(|time| Instant::now() < time)
        {
            return None;
        }
        if self
            .ring
            .is_some_and(|ring| ring.is_due(&self.filled(events)))
        {
            return Some(Due::Full);
        }
        if !is_asked {
            None
        } else if events > 0 {
            Some(Due::Asked)
        } else {
            // What came before the signal may still wait.
            is_quiet().then_some(Due::AskedInVain)
        }
    }

    fn filled(&self, events: u64) -> Filled {
        Filled {
            age: self.began.elapsed(),
            began: self.began_at,
            now: now(),
            events,
            is_large: self.is_large,
        }
    }

    /// The request is seen to; one that comes from now on is another.
    pub(super) fn answer(&self) {
        self.asked.store(false, Ordering::Relaxed);
    }

    /// Whether as many events are in the file as may be.
    pub(super) fn has_all(&self, events: u64) -> bool {
        let limit = self.ring.and_then(|ring| ring.events);
        limit.is_some_and(|limit| events >= limit)
    }

    /// How large a file may be, in bytes.
    pub(super) fn file_bytes(&self) -> Option<u64> {
        self.ring?.file_bytes
    }

    /// The recordings, as they begin in another file than `store`, which is encrypted if that one is.
    pub(super) fn starts(&self, at: Timestamp, store: &Writer) -> Vec<RecordingStart> {
        let at_this_time = |start: &RecordingStart| RecordingStart {
            started: at,
            protection: Protection {
                is_wanted: store.is_encrypted(),
                secret: start.protection.secret.clone(),
            },
            ..start.clone()
        };
        self.starts.iter().map(at_this_time).collect()
    }

    /// The next file cannot be begun now.
    pub(super) fn put_off(&mut self, is_asked: bool) {
        self.asked.fetch_or(is_asked, Ordering::Relaxed);
        self.not_before = Some(Instant::now() + PAUSE);
    }

    /// Another file is begun. Which files go then.
    pub(super) fn began(&mut self, path: PathBuf, at: Timestamp) -> Vec<PathBuf> {
        self.began = Instant::now();
        self.began_at = at;
        self.is_large = false;
        self.not_before = None;
        self.written += 1;
        let Some(limit) = self.ring.and_then(|ring| ring.files) else {
            return Vec::new();
        };
        self.kept.push_back(path);
        let more = self.kept.len().saturating_sub(limit.get());
        self.kept.drain(..more).collect()
    }
}
