//! Judging payloads, block by block and on all cores.
//!
//! What SQL cannot decide is decided here, for a *unit* of neighboring events at a time: the blocks that hold their
//! payloads are decompressed and searched, and what may fit is judged in full. Units are worked on by threads with a
//! connection each, and answered in the order in which they were asked for. Each is one short read transaction.

mod finder;
mod unit;

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use super::error::Error;
use super::gram_search::OpenBlocks;
use super::reader::Reader;
use crate::filter::Expr;

pub(super) use unit::{StoredPayload, fits};

use unit::Judge;

/// How many threads at most judge payloads.
const MAX_THREADS: usize = 8;

/// How many units per thread are asked for ahead.
const AHEAD: usize = 3;

/// Events with ids in these ranges.
pub(super) type Ranges = Vec<RangeInclusive<i64>>;

/// The times and ids of the events that fit.
pub(super) type Found = Vec<(i64, i64)>;

struct Job {
    ranges: Ranges,
    answer: SyncSender<Result<Found, Error>>,
}

/// What is judged.
struct Task {
    filter: Expr,
    open: Arc<OpenBlocks>,
    upper: i64,
}

/// Threads that judge units, and their answers.
pub(super) struct Scan {
    task: Task,
    /// How many threads there are to be; none if the caller's own judges.
    threads_wanted: usize,
    jobs: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
    answers: VecDeque<Receiver<Result<Found, Error>>>,
    stop: Arc<AtomicBool>,
    /// Judges on the caller's thread where there are no others.
    alone: Option<Judge>,
}

impl Scan {
    /// For as many threads as there are cores, each with a connection of its own to the capture. They start with the first
    /// unit: often none is asked for. A private copy cannot be opened a second time, and is searched by the caller's thread.
    pub(super) fn new(reader: &Reader, filter: &Expr, open: &Arc<OpenBlocks>, upper: i64) -> Self {
        let cores = std::thread::available_parallelism()
            .map_or(1, std::num::NonZero::get)
            .min(MAX_THREADS);
        let threads_wanted = if cores > 1 && reader.can_be_opened_again() {
            cores
        } else {
            0
        };
        Self {
            task: Task {
                filter: filter.clone(),
                open: Arc::clone(open),
                upper,
            },
            threads_wanted,
            jobs: None,
            threads: Vec::new(),
            answers: VecDeque::new(),
            stop: Arc::new(AtomicBool::new(false)),
            alone: None,
        }
    }

    fn judge(&self, reader: &Reader) -> Result<Judge, Error> {
        let Task {
            filter,
            open,
            upper,
        } = &self.task;
        Judge::new(reader, filter, Arc::clone(open), *upper)
    }

    fn start(&mut self, reader: &Reader) -> Result<(), Error> {
        if self.threads_wanted == 0 {
            self.alone = Some(self.judge(reader)?);
            return Ok(());
        }
        let (jobs, taken) = sync_channel::<Job>(self.threads_wanted * AHEAD);
        let taken = Arc::new(Mutex::new(taken));
        for number in 0..self.threads_wanted {
            let own = reader.open_again()?;
            let judge = self.judge(&own)?;
            let (taken, stop) = (Arc::clone(&taken), Arc::clone(&self.stop));
            let thread = std::thread::Builder::new()
                .name(format!("scan {number}"))
                .spawn(move || work(&own, &judge, &taken, &stop))
                .map_err(|error| Error::from_io(&reader.path, error))?;
            self.threads.push(thread);
        }
        self.jobs = Some(jobs);
        Ok(())
    }

    /// Whether there is no use in asking for more before an answer was taken.
    pub(super) fn is_full(&self) -> bool {
        self.answers.len() >= (self.threads_wanted * AHEAD).max(1)
    }

    /// Asks for a unit.
    pub(super) fn ask(&mut self, reader: &Reader, ranges: Ranges) -> Result<(), Error> {
        if self.jobs.is_none() && self.alone.is_none() {
            self.start(reader)?;
        }
        let (answer, answered) = sync_channel(1);
        match (&self.jobs, &self.alone) {
            (Some(jobs), _) => {
                // If the threads are gone, the answer will say so.
                drop(jobs.send(Job { ranges, answer }));
            }
            (None, Some(judge)) => {
                drop(answer.send(judge.unit(reader, &ranges, &self.stop)));
            }
            (None, None) => {}
        }
        self.answers.push_back(answered);
        Ok(())
    }

    /// The answer to the unit that was asked for first.
    pub(super) fn answer(&mut self, reader: &Reader) -> Result<Found, Error> {
        let answer = self
            .answers
            .pop_front()
            .and_then(|answer| answer.recv().ok());
        answer.unwrap_or_else(|| {
            let error = std::io::Error::other("a thread that searches has ended");
            Err(Error::from_io(&reader.path, error))
        })
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.jobs = None;
        self.answers.clear();
        for thread in self.threads.drain(..) {
            // A panic in it has shown before, as an answer that never came.
            drop(thread.join());
        }
    }
}

fn work(reader: &Reader, judge: &Judge, jobs: &Mutex<Receiver<Job>>, stop: &AtomicBool) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // Nobody waits for it any more if the query was given up.
        drop(job.answer.send(judge.unit(reader, &job.ranges, stop)));
    }
}
