//! Watches whether this host's clock is set while we record, and notes each jump in the capture: ages of events leave
//! it out (`store::retention`), and whoever asks is told that times are not what they seem.
//!
//! A jump is noticed up to a second after it happened, and what was received before it can still be waiting then. So it
//! is noted a look later, behind the last event that came before it: the first one that came after it is known by its
//! time of receipt, which is of the clock as it is since. Until then ages are not to be trusted, but for small jumps.
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

/// What comes is in the file sooner than this after a jump was noticed.
const LONGEST_WAIT_NS: i64 = 60_000_000_000;

/// Ages that are wrong by less than this do no harm.
const SMALL_NS: u64 = 60_000_000_000;

/// How often a user is told of jumps at most.
const TOLD_EVERY_NS: i64 = 60_000_000_000;

/// What was seen at a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// What the clock shows.
    pub(super) wall: Timestamp,
    /// Whether every jump is noted, or what is not is small: ages can be told.
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

/// Jumps of which the user is not told yet.
#[derive(Debug, Default)]
struct Untold {
    jumps: u64,
    by_ns: i64,
    /// When the user was told last.
    told_ns: Option<i64>,
}

/// Watches the clock of a recording.
pub(super) struct ClockWatch {
    notices: Sender<Notice>,
    untold: Untold,
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
            untold: Untold::default(),
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
        self.tell(TOLD_EVERY_NS);
        let is_quiet = !waiting.is_empty() && is_quiet();
        for jump in waiting {
            // What cannot be noted now is tried again.
            if !matches!(self.note(store, &jump, is_quiet), Ok(true)) {
                self.jumps.push(jump);
            }
        }
        Some(Look {
            wall: self.reading.wall,
            is_settled: self.is_settled(),
        })
    }

    /// Where the clock jumps at each look, there is always a jump that is not noted.
    fn is_settled(&self) -> bool {
        let sizes = self.jumps.iter().map(|jump| jump.by_ns.unsigned_abs());
        sizes.fold(0, u64::saturating_add) < SMALL_NS
    }

    /// Everything that was received is in the file, which is complete. Where the recording goes on in another one, what
    /// came last may be in that. `wait` waits for whoever else writes; it gives false where it is not to.
    pub(super) fn end_file(
        &mut self,
        store: &Writer,
        committed: EventId,
        mut wait: impl FnMut() -> bool,
    ) {
        self.look(committed);
        self.tell(0);
        for jump in self.jumps.clone() {
            // Where this cannot be written for another reason, the end cannot be either, and says so.
            while let Err(store::Error::Busy { .. }) = self.note(store, &jump, true) {
                if !wait() {
                    break;
                }
            }
        }
        self.earlier = None;
    }

    /// Tells the user of jumps, if that was not done for so long.
    fn tell(&mut self, every_ns: i64) {
        let steady_ns = self.reading.steady_ns;
        let is_due = |told_ns: i64| steady_ns.saturating_sub(told_ns) >= every_ns;
        if self.untold.jumps > 0 && self.untold.told_ns.is_none_or(is_due) {
            let untold = std::mem::take(&mut self.untold);
            self.untold.told_ns = Some(steady_ns);
            let notice = Notice::ClockSet {
                by_ns: untold.by_ns,
                jumps: untold.jumps,
            };
            self.notices.send(notice).ok();
        }
    }

    fn look(&mut self, committed: EventId) {
        let reading = Reading::at(now());
        if let Some(by_ns) = reading.jump_since(&self.reading) {
            self.untold.jumps += 1;
            self.untold.by_ns = self.untold.by_ns.saturating_add(by_ns);
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
            None if is_quiet || passed >= LONGEST_WAIT_NS => self.committed,
            None => return Ok(false),
        };
        let back_ns = jump.by_ns.saturating_neg();
        let corrected = self
            .earlier
            .filter(|(_, ago_ns)| (1..=*ago_ns).contains(&back_ns));
        let noticed = jump.noticed.wall;
        // What the clock showed until it was set right.
        let wrong = corrected.map(|(newest, _)| (noticed.plus_nanos(back_ns), newest, back_ns));
        let jumps: Vec<_> = wrong
            .into_iter()
            .chain([(noticed, before, jump.by_ns)])
            .collect();
        store.note_jumps(&jumps)?;
        if let Some((newest, ago_ns)) = corrected {
            self.earlier = Some((newest, ago_ns.saturating_add(jump.by_ns)));
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn watch() -> (ClockWatch, Receiver<Notice>) {
        let (notices, told) = channel();
        (ClockWatch::start(None, EventId::new(0), notices), told)
    }

    /// Looks as if the clock had been set since the last look.
    fn look_after(watch: &mut ClockWatch, seconds: i64) {
        watch.reading.wall = watch.reading.wall.plus_nanos(-seconds * SECOND);
        watch.look(EventId::new(0));
    }

    #[test]
    fn ages_are_told_while_only_small_jumps_are_not_noted() {
        let (mut watch, _told) = watch();
        assert!(watch.is_settled());
        look_after(&mut watch, 10);
        look_after(&mut watch, -10);
        assert_eq!(watch.jumps.len(), 2);
        assert!(watch.is_settled());
        look_after(&mut watch, 50);
        assert!(!watch.is_settled(), "together they are not small");
        let (mut watch, _told) = self::watch();
        look_after(&mut watch, -90);
        assert!(!watch.is_settled());
    }

    #[test]
    fn of_many_jumps_the_user_is_told_once_a_minute() {
        let (mut watch, told) = watch();
        let told = |watch: &mut ClockWatch, every_ns| {
            watch.tell(every_ns);
            told.try_iter()
                .map(|notice| match notice {
                    Notice::ClockSet { by_ns, jumps } => ((by_ns + SECOND / 2) / SECOND, jumps),
                    other => panic!("{other:?}"),
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&mut watch, TOLD_EVERY_NS), []);
        look_after(&mut watch, 1000);
        assert_eq!(told(&mut watch, TOLD_EVERY_NS), [(1000, 1)]);
        look_after(&mut watch, 200);
        look_after(&mut watch, -50);
        assert_eq!(told(&mut watch, TOLD_EVERY_NS), []);
        watch.untold.told_ns = Some(watch.reading.steady_ns - TOLD_EVERY_NS);
        assert_eq!(told(&mut watch, TOLD_EVERY_NS), [(150, 2)]);
        assert_eq!(told(&mut watch, TOLD_EVERY_NS), []);
        look_after(&mut watch, 20);
        assert_eq!(told(&mut watch, 0), [(20, 1)]);
        assert_eq!(told(&mut watch, 0), []);
    }
}
