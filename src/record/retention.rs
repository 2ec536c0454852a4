//! Pruning while recording: looks once a second what is to go, and carries it out between commits, a little at a time.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::clock_watch::Look;
use super::error::Error;
use super::intakes::Intakes;
use super::meters::Meters;
use super::notice::Notice;
use super::source::now;
use crate::event::Timestamp;
use crate::store::{self, Goes, Plan, Rules, Writer};

/// How long pruning goes on between two commits. The step that is under way is finished. While the queue is crowded it is one
/// step, which removes about as much as a commit adds.
const BUDGET: Duration = Duration::from_millis(100);

/// How long a clock that makes everything too old has to go on before it is believed.
const DOUBT: Duration = Duration::from_secs(600);

/// Where the newest commit of an earlier recording is no older than this, nothing is doubted.
const USUAL_ABSENCE_NS: i64 = 86_400_000_000_000;

/// Carries out the rules.
pub(super) struct Retention {
    rules: Rules,
    meters: Arc<Meters>,
    notices: Sender<Notice>,
    /// How many events were pruned out of the files before this one.
    before: u64,
    began: Instant,
    /// Whether all that was there at the beginning is too old by a clock that may be wrong.
    is_doubted: Option<bool>,
    is_told_short: bool,
    is_broken: bool,
}

impl Retention {
    /// Begins to keep what the rules say.
    pub(super) fn start(
        store: &mut Writer,
        rules: &Rules,
        meters: Arc<Meters>,
        notices: Sender<Notice>,
    ) -> Result<Self, Error> {
        store.keep(rules.clone())?;
        Ok(Self {
            rules: rules.clone(),
            meters,
            notices,
            before: 0,
            began: Instant::now(),
            is_doubted: None,
            is_told_short: false,
            is_broken: false,
        })
    }

    /// Goes on in another file, of which nothing was pruned yet.
    pub(super) fn go_on(&mut self, store: &mut Writer) -> Result<(), Error> {
        self.before = self.meters.pruned_events.load(Ordering::Relaxed);
        self.is_doubted = None;
        self.is_told_short = false;
        store.keep(self.rules.clone())?;
        Ok(())
    }

    /// How many events were pruned, out of all files.
    pub(super) fn pruned(&self, store: &Writer) -> u64 {
        self.before.saturating_add(store.pruned().0.events)
    }

    /// Looks, each time that somebody looked at the clock, and prunes a little, if there is something to do. A failure
    /// ends the pruning and not the recording.
    pub(super) fn tend(&mut self, store: &mut Writer, intakes: &Intakes, look: Option<Look>) {
        if self.is_broken {
            return;
        }
        match self.try_tend(store, intakes, look) {
            // Somebody else writes just now.
            Ok(()) | Err(store::Error::Busy { .. }) => {}
            Err(error) => {
                self.is_broken = true;
                self.tell(Notice::PruningFailed(error.to_string()));
            }
        }
    }

    fn try_tend(
        &mut self,
        store: &mut Writer,
        intakes: &Intakes,
        look: Option<Look>,
    ) -> Result<(), store::Error> {
        if let Some(look) = look {
            self.look(store, look)?;
        }
        let live = std::cell::OnceCell::new();
        let is_live = |id| {
            let all = || -> HashSet<i64> {
                intakes
                    .live_connections()
                    .map(crate::event::ConnectionId::number)
                    .collect()
            };
            live.get_or_init(all).contains(&id)
        };
        let began = Instant::now();
        let has_time = || began.elapsed() < BUDGET && !self.meters.queue.is_crowded();
        while store.is_pruning() && store.prune(now(), &is_live)? && has_time() {}
        if look.is_some() && !store.is_pruning() {
            // What is left to be swept and given back is not part of a plan.
            while has_time() && store.prune(now(), &is_live)? {}
        }
        let (_, is_short) = store.pruned();
        self.meters
            .pruned_events
            .store(self.pruned(store), Ordering::Relaxed);
        if is_short && !self.is_told_short {
            self.tell(Notice::CannotShrink);
        }
        self.is_told_short = is_short;
        Ok(())
    }

    fn look(&mut self, store: &mut Writer, look: Look) -> Result<(), store::Error> {
        if !look.is_settled {
            // It may have been set right.
            self.is_doubted = None;
        }
        if !store.is_pruning() {
            let disk = store::disk_space(store.path()).ok();
            let by_age = look.is_settled && !self.is_in_doubt(store, look.wall)?;
            store.look(look.wall, disk, by_age)?;
        }
        Ok(())
    }

    /// Whether ages are not to be trusted yet: the clock says that all that was recorded before is too old, and that it
    /// is long ago. It can be that nobody recorded for so long, or that the clock is wrong.
    fn is_in_doubt(&mut self, store: &Writer, wall: Timestamp) -> Result<bool, store::Error> {
        if self.is_doubted.is_none() {
            let before = store.newest_before();
            let is_everything = |plan: &Plan| {
                plan.removals.iter().any(|removal| {
                    removal.goes == Goes::Commits
                        && before.is_some_and(|(newest, received)| {
                            removal.through >= newest
                                && wall.nanos_since(received) > USUAL_ABSENCE_NS
                        })
                })
            };
            let plan = store.plan(wall, None)?;
            let is_doubted = plan.is_some_and(|plan| is_everything(&plan));
            if is_doubted {
                self.tell(Notice::PruningWaits(DOUBT));
            }
            self.is_doubted = Some(is_doubted);
        }
        let is_doubted = self.is_doubted == Some(true);
        Ok(is_doubted && self.began.elapsed() < DOUBT)
    }

    fn tell(&self, notice: Notice) {
        self.notices.send(notice).ok();
    }
}
