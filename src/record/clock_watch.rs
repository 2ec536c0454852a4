//! Watches whether this host's clock is set while we record, and notes each jump in the capture: ages of events leave
//! it out (`store::retention`), and whoever asks is told that times are not what they seem.
//!
//! A jump is noticed up to a second after it happened, and what was received before it can still be waiting then. So it
//! is noted a look later, behind the last event that came before it: the first one that came after it is known by its
//! time of receipt, which is of the clock as it is since. Until then ages are not to be trusted.
//!
//! What earlier recordings hold has its times by the clock as it was. Where the clock says that this is longer ago than
//! it is set back afterwards, it had been set forward in between, as by a bad battery. That is noted as well, so that
//! nothing of it becomes older by the correction.

use std::sync::mpsc::Sender;
use std::time::Duration;

use super::clock::{Reading, steady_ns};
use super::notice::Notice;
use super::source::now;
use crate::event::{EventId, Timestamp};
use crate::store::{self, Writer};

/// How often is looked at the clock.
const LOOK_NS: i64 = 1_000_000_000;

/// The two clocks are not read at the same instant.
const SLACK: Duration = Duration::from_millis(500);

/// What was seen at a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// What the clock shows.
    pub(super) wall: Timestamp,
    /// Whether every jump is noted: ages can be told.
    pub(super) is_settled: bool,
}

/// A jump that is not noted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Jump {
    by_ns: i64,
    /// When it was noticed.
    noticed: Reading,
    /// What was received since has no earlier time than this.
    since: Timestamp,
    /// The newest event that was committed when nothing had happened yet.
    committed: EventId,
}

/// Watches the clock of a recording.
pub(super) struct ClockWatch {
    notices: Sender<Notice>,
    /// What was read at the last look.
    reading: Reading,
    /// The newest event that was committed then.
    committed: EventId,
    jumps: Vec<Jump>,
    /// The newest event of the recordings before this one, and how long ago it was received by the clock that they did
    /// not see, in nanoseconds.
    earlier: Option<(EventId, i64)>,
}

impl ClockWatch {
    /// Begins with the newest event of earlier recordings, when it was received, and the newest that was ever
    /// committed.
    pub(super) fn start(
        earlier: Option<(i64, Timestamp)>,
        committed: EventId,
        notices: Sender<Notice>,
    ) -> Self {
        let reading = Reading::at(now());
        let ago = |(id, received)| (EventId::new(id), reading.wall.nanos_since(received));
        Self {
            notices,
            reading,
            committed,
            jumps: Vec::new(),
            earlier: earlier.map(ago),
        }
    }

    /// Looks, if it is time to. `committed` is the newest event in the file, and nothing else has an id; `is_quiet`
    /// tells whether nothing waits.
    pub(super) fn tend(
        &mut self,
        store: &Writer,
        committed: EventId,
        is_quiet: impl FnOnce() -> bool,
    ) -> Option<Look> {
        let passed = steady_ns().saturating_sub(self.reading.steady_ns);
        if passed < LOOK_NS {
            return None;
        }
        let waiting = std::mem::take(&mut self.jumps);
        self.look(committed);
        let is_quiet = !waiting.is_empty() && is_quiet();
        for jump in waiting {
            // What cannot be noted now is tried again.
            if !matches!(self.note(store, &jump, is_quiet), Ok(true)) {
                self.jumps.push(jump);
            }
        }
        Some(Look {
            wall: self.reading.wall,
            is_settled: self.jumps.is_empty(),
        })
    }

    /// Everything that was received is in the file, which is complete. Where the recording goes on in another one, what
    /// came last may be in that.
    pub(super) fn end_file(&mut self, store: &Writer, committed: EventId) {
        self.look(committed);
        for jump in self.jumps.clone() {
            // The next commit fails as well where this one cannot be written, and says so.
            self.note(store, &jump, true).ok();
        }
        self.earlier = None;
    }

    fn look(&mut self, committed: EventId) {
        let reading = Reading::at(now());
        if let Some(by_ns) = reading.jump_since(&self.reading) {
            self.notices.send(Notice::ClockSet { by_ns }).ok();
            self.jumps.push(Jump {
                by_ns,
                noticed: reading,
                since: self.reading.wall.plus_nanos(by_ns).minus(SLACK),
                committed: self.committed,
            });
        }
        self.reading = reading;
        self.committed = committed;
    }

    /// Notes a jump that was noticed at an earlier look, if it is known which events came before it. Whether it was.
    fn note(&mut self, store: &Writer, jump: &Jump, is_quiet: bool) -> Result<bool, store::Error> {
        let passed = self
            .reading
            .steady_ns
            .saturating_sub(jump.noticed.steady_ns);
        let until = jump.noticed.wall.plus_nanos(passed);
        let first = store.first_received(jump.committed, jump.since, until)?;
        let before = match first {
            Some(first) => EventId::new(first.number().saturating_sub(1)),
            None if is_quiet => self.committed,
            None => return Ok(false),
        };
        let mut jumps = vec![(before, jump.by_ns)];
        let corrected = self.earlier.filter(|(_, ago_ns)| {
            let back_ns = jump.by_ns.saturating_neg();
            (1..=*ago_ns).contains(&back_ns)
        });
        if let Some((newest, _)) = corrected {
            jumps.insert(0, (newest, jump.by_ns.saturating_neg()));
        }
        store.note_jumps(jump.noticed.wall, &jumps)?;
        if let Some((newest, ago_ns)) = corrected {
            self.earlier = Some((newest, ago_ns.saturating_add(jump.by_ns)));
        }
        Ok(true)
    }
}
