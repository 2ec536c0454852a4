//! The writer: decodes, normalises, batches and commits, on a thread of its own.

mod switch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::autostop::Autostop;
use super::clock_watch::ClockWatch;
use super::closing::Closer;
use super::error::Error;
use super::exchanges::ExchangeStage;
use super::frame_saver::FrameSaver;
use super::identities::Looker;
use super::intake::Taken;
use super::intakes::Intakes;
use super::log_watch::LogWatch;
use super::meters::Meters;
use super::notice::Notice;
use super::queue::{Item, Popped};
use super::retention::Retention;
use super::source::now;
use super::summary::Summary;
use super::switching::Switching;
use crate::event::Timestamp;
use crate::store::{self, Rules, Sealed, Writer};

/// A batch is committed when it has this many events,
const BATCH_EVENTS: usize = 10_000;

/// or this many bytes of frames,
const BATCH_BYTES: usize = 8 << 20;

/// or is this old. No more than a second of data is at risk; some of it goes into the commit itself.
const BATCH_AGE: Duration = Duration::from_millis(700);

/// How long to wait before trying again for the write lock; SQLite itself has waited before.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// How long to look for more when nothing is to be committed.
const IDLE: Duration = Duration::from_millis(500);

/// Commits the batches of one recording.
pub(super) struct Committer {
    store: Writer,
    intakes: Intakes,
    meters: Arc<Meters>,
    notices: Sender<Notice>,
    /// Set when the recorder is to end at once.
    abandon: Arc<AtomicBool>,
    began: Option<Instant>,
    last_commit: Timestamp,
    exchanges: ExchangeStage,
    /// Whether the end waits for the rest of the index of exchanges, however long that takes.
    has_time_to_end: bool,
    log_watch: LogWatch,
    /// None for an import, whose times are not those of this host's clock.
    clock_watch: Option<ClockWatch>,
    retention: Option<Retention>,
    /// Other files that the recording may go on in; none for an import.
    switching: Option<Switching>,
    closer: Closer,
    looker: Option<Looker>,
    autostop: Autostop,
    full: Option<watch::Sender<bool>>,
    /// Whether a limit of `autostop` is reached: nothing more is taken in.
    is_full: bool,
}

impl Committer {
    pub(super) fn new(
        store: Writer,
        intakes: Intakes,
        meters: Arc<Meters>,
        notices: Sender<Notice>,
        abandon: Arc<AtomicBool>,
    ) -> Result<Self, Error> {
        let exchanges = ExchangeStage::start(&store, notices.clone())?;
        Ok(Self {
            exchanges,
            has_time_to_end: false,
            log_watch: LogWatch::new(Arc::clone(&meters), notices.clone()),
            clock_watch: None,
            retention: None,
            switching: None,
            closer: Closer::default(),
            looker: None,
            autostop: Autostop::default(),
            full: None,
            is_full: false,
            store,
            intakes,
            meters,
            notices,
            abandon,
            began: None,
            last_commit: Timestamp::MIN,
        })
    }

    /// Makes the end wait for the rest of the index of exchanges.
    pub(super) fn has_time_to_end(&mut self) {
        self.has_time_to_end = true;
    }

    /// Notes when this host's clock is set.
    pub(super) fn watch_clock(&mut self) {
        let last = self.intakes.last_event();
        self.clock_watch = Some(ClockWatch::start(
            self.store.newest_before(),
            last,
            self.notices.clone(),
        ));
    }

    /// Keeps what these rules say. Whoever prunes has to watch the clock.
    pub(super) fn keep(&mut self, rules: &Rules) -> Result<(), Error> {
        if !rules.is_empty() {
            self.retention = Some(Retention::start(
                &mut self.store,
                rules,
                Arc::clone(&self.meters),
                self.notices.clone(),
            )?);
        }
        Ok(())
    }

    /// Finds out who the processes are.
    pub(super) fn identify(&mut self, looker: Looker) {
        self.looker = Some(looker);
    }

    /// Asks about processes that came up, and takes in what is known by now.
    fn ask(&mut self) {
        let Some(looker) = &self.looker else { return };
        while let Some(((source, question), answer)) = looker.answer() {
            self.intakes.answered(source, question, answer);
        }
        for (source, question) in self.intakes.take_questions() {
            if let Err(question) = looker.ask(source, question) {
                self.intakes.skipped(source, &question);
            }
        }
        if self.intakes.has_identified() {
            self.began.get_or_insert_with(Instant::now);
        }
    }

    /// Takes in nothing more when a limit on events or bytes is reached.
    pub(super) fn stop_after(&mut self, autostop: Autostop) {
        self.autostop = autostop;
    }

    /// Goes on in other files.
    pub(super) fn switch(&mut self, switching: Switching) {
        self.switching = Some(switching);
    }

    /// Says through this channel when a limit is reached.
    pub(super) fn tell_when_full(&mut self, full: watch::Sender<bool>) {
        self.full = Some(full);
    }

    /// Between two batches, prunes a little and looks at the log.
    fn tend(&mut self) {
        if self.began.is_some() {
            return;
        }
        let is_quiet = || self.meters.queue.backlog().frames == 0;
        let look = (self.clock_watch.as_mut())
            .and_then(|watch| watch.tend(&self.store, self.intakes.last_event(), is_quiet));
        if let Some(retention) = &mut self.retention {
            retention.tend(&mut self.store, &self.intakes, look);
        }
        self.log_watch.tend(&mut self.store);
    }

    /// Notes in a file that is complete what the clock did while it was written.
    fn end_watch(&mut self) {
        if let Some(watch) = &mut self.clock_watch {
            watch.end_file(&self.store, self.intakes.last_event(), || {
                self.meters.writer_rounds.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(LOCK_PAUSE);
                !self.abandon.load(Ordering::Relaxed)
            });
        }
    }

    fn set_full(&mut self) {
        self.is_full = true;
        if let Some(full) = &self.full {
            full.send_replace(true);
        }
    }

    /// Takes in one item of a source and commits if the batches are full.
    pub(super) fn take(&mut self, source: usize, item: &Item) -> Result<Taken, Error> {
        self.began.get_or_insert_with(Instant::now);
        let taken = self.intakes.take(source, item);
        self.ask();
        let events = self.intakes.batch_events();
        self.meters
            .uncommitted_events
            .store(events as u64, Ordering::Relaxed);
        for notice in self.intakes.take_notices() {
            self.notices.send(notice).ok();
        }
        let is_full = events >= BATCH_EVENTS || self.intakes.batch_bytes() >= BATCH_BYTES;
        if is_full || self.has_all() || self.has_all_of_file() {
            self.commit()?;
        } else {
            self.commit_if_due()?;
        }
        Ok(taken)
    }

    /// How long until the batch must be committed.
    pub(super) fn patience(&self) -> Duration {
        let idle = if self.store.is_pruning() {
            Duration::ZERO
        } else {
            IDLE
        };
        self.began
            .map_or(idle, |began| BATCH_AGE.saturating_sub(began.elapsed()))
    }

    /// Commits if the batch is old enough.
    pub(super) fn commit_if_due(&mut self) -> Result<(), Error> {
        if self.began.is_some_and(|began| began.elapsed() >= BATCH_AGE) {
            self.commit()
        } else {
            Ok(())
        }
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.ask();
        self.intakes.complete();
        let mut has_waited = false;
        let at = loop {
            let at = now().max(self.last_commit);
            match self.store.commit_all(&self.intakes.batches(), at) {
                Ok(()) => break at,
                Err(store::Error::Busy { .. }) if !self.abandon.load(Ordering::Relaxed) => {
                    if !has_waited {
                        self.notices.send(Notice::WaitingForLock).ok();
                    }
                    has_waited = true;
                    self.meters.writer_rounds.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(source) => return Err(self.failed(source)),
            }
        };
        if has_waited {
            self.notices.send(Notice::LockFree).ok();
        }
        self.last_commit = at;
        for (meters, counters) in self.meters.sources.iter().zip(self.intakes.counters()) {
            meters.committed(&counters);
        }
        self.meters.uncommitted_events.store(0, Ordering::Relaxed);
        self.intakes.committed();
        self.began = None;
        self.check_limits()
    }

    /// Whether as many events are taken in as were asked for.
    fn has_all(&self) -> bool {
        let Some(events) = self.autostop.events else {
            return false;
        };
        let counters = self.intakes.counters();
        counters.iter().map(|one| one.stored_events).sum::<u64>() >= events
    }

    /// Whether as many events are taken in as the file may have.
    fn has_all_of_file(&self) -> bool {
        let switching = self.switching.as_ref();
        switching.is_some_and(|switching| switching.has_all(self.intakes.file_events()))
    }

    /// Sees whether a limit of `autostop`, or of the file, is reached.
    fn check_limits(&mut self) -> Result<(), Error> {
        let of_file = self.switching.as_ref().and_then(Switching::file_bytes);
        let size = match self.autostop.file_bytes.or(of_file) {
            Some(_) => self.store.size()?.total(),
            None => 0,
        };
        let is_reached = |limit: Option<u64>| limit.is_some_and(|limit| size >= limit);
        if let Some(switching) = &mut self.switching {
            switching.is_large = is_reached(of_file);
        }
        let is_large = is_reached(self.autostop.file_bytes);
        if !self.is_full && (self.has_all() || is_large) {
            self.set_full();
        }
        Ok(())
    }

    fn failed(&self, source: store::Error) -> Error {
        Error::WriteFailed {
            source,
            lost_events: self.intakes.batch_events() as u64,
            lost_frames: self.meters.queue.backlog().frames,
        }
    }

    fn tell(&self, notice: Notice) {
        self.notices.send(notice).ok();
    }

    /// Commits the rest, closes the recording and says what it was.
    pub(super) fn finish(mut self, at: Timestamp) -> Result<Summary, Error> {
        self.intakes.end(at.max(self.last_commit));
        let answers = self.looker.take().map_or_else(Vec::new, Looker::finish);
        for ((source, question), answer) in answers {
            self.intakes.answered(source, question, answer);
        }
        self.commit()?;
        self.end_watch();
        let path = self.store.path().to_owned();
        let counters = self.intakes.file_counters();
        let at = at.max(self.last_commit);
        let retention = self.retention.as_ref();
        let pruned_events = retention.map_or(0, |retention| retention.pruned(&self.store));
        end_when_free(&self.abandon, &mut self.store, &counters, at)?;
        // It has the file open, which sealing does not allow.
        if !self.exchanges.finish(self.has_time_to_end, &self.abandon) {
            self.notices.send(Notice::ExchangesLeft).ok();
        }
        let sealed = self.store.seal()?;
        self.closer.wait(&self.meters);
        Ok(Summary {
            sources: self.intakes.summaries(),
            is_self_contained: sealed == Sealed::Yes,
            pruned_events,
            files: self.switching.map_or(1, |switching| switching.written),
            file_bytes: std::fs::metadata(&path).map_or(0, |metadata| metadata.len()),
            path,
        })
    }
}

fn end_when_free(
    abandon: &AtomicBool,
    store: &mut Writer,
    counters: &[store::Counters],
    at: Timestamp,
) -> Result<(), Error> {
    loop {
        match store.end_all(counters, at) {
            Err(store::Error::Busy { .. }) if !abandon.load(Ordering::Relaxed) => {
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(error) => return Err(error.into()),
            Ok(()) => return Ok(()),
        }
    }
}

/// The writer thread: takes from the queue until that is closed and empty. `savers` has one for each source, or none.
pub(super) fn run(mut committer: Committer, mut savers: Vec<FrameSaver>) -> Result<Summary, Error> {
    let meters = Arc::clone(&committer.meters);
    loop {
        meters.writer_rounds.fetch_add(1, Ordering::Relaxed);
        match meters.queue.pop(committer.patience()) {
            // What came after the limit was reached is not part of the recording.
            Popped::Item(_, Item::Frame(_)) if committer.is_full => {}
            Popped::Item(source, item) => {
                let taken = committer.take(source, &item)?;
                if let (Item::Frame(frame), Some(saver), Taken::In) =
                    (&item, savers.get_mut(source), taken)
                {
                    saver.save(frame);
                }
            }
            Popped::Nothing => {
                committer.ask();
                committer.commit_if_due()?;
            }
            Popped::Closed => break,
        }
        committer.tend();
        committer.switch_if_due()?;
        // After a commit, what is saved is as complete as the capture.
        if committer.began.is_none() {
            savers.iter_mut().for_each(FrameSaver::flush);
        }
    }
    savers.iter_mut().for_each(FrameSaver::flush);
    committer.finish(now())
}
