//! Carries out what a plan of [`super::retention`] says: removes events with all that only they need, and gives pages back.
//!
//! Step by step, each a short transaction of some megabytes at most, so that whoever records is never held up for long.
//! Killed between two steps, it leaves a sound file, and the next one goes on: rows of events go with their batch, then
//! blocks of which every member is gone, then what nothing refers to any more, and last the free pages.
//!
//! What went is on the record (`removals`, `removed_events`): an answer about that time says so.

mod anchors;
mod command;
mod commits;
mod events;
mod facts;
mod jumps;
mod removed_exchanges;
mod shrink;
pub(super) mod surroundings;
mod sweep;

pub use self::command::{Preview, Pruning, prune};
pub(super) use self::jumps::note as note_jump;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use self::sweep::Sweep;
use super::error::{At, Error};
use super::reader::Reader;
use super::retention::{Excess, Goes, Plan, Removal, Rules, Size};
use super::vault::Vault;
use crate::event::Timestamp;

/// Nothing is swept before a sixteenth of what was removed since is as much as what is left: a sweep reads all events.
const SWEEP_SHARE: u64 = 16;

/// Free pages are given back unasked when they are this part of the file.
const FREE_SHARE: u64 = 4;

/// Events that went, for whoever remembers some of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gone {
    /// All up to this one.
    Through(i64),
    /// These, in order of id.
    Events(Vec<i64>),
}

/// What a step did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// There is nothing to do.
    Idle,
    /// Something, and there may be more.
    Done,
    /// Events went.
    Removed(Gone),
    /// A sweep begins: rows that events share are to be forgotten.
    Forget,
}

/// What was done, all steps together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// How many events went.
    pub events: u64,
    /// How many bytes the file gave back.
    pub bytes: u64,
}

/// Carries out plans, one step at a time.
pub(super) struct Pruner {
    rules: Rules,
    reader: Reader,
    path: PathBuf,
    removals: VecDeque<Removal>,
    excess: Option<Excess>,
    /// How much of `excess` was given back.
    given_back: u64,
    /// Blocks up to this event may be without members.
    blocks: Option<i64>,
    sweep: Option<Sweep>,
    unswept: u64,
    /// What surrounds events is too old up to here. `None` without an age, or as long as none can be told.
    aged: Option<Timestamp>,
    /// What surrounds events is removed up to here.
    horizon: Option<Timestamp>,
    /// Whether everything is to be swept and given back, however little it is.
    is_thorough: bool,
    done: Done,
    is_short: bool,
}

impl Pruner {
    /// For the capture at `path`, which this process has open for writing.
    pub(super) fn new(path: &Path, rules: Rules, vault: &Vault) -> Result<Self, Error> {
        Ok(Self {
            rules,
            reader: Reader::beside_writer(path, vault)?,
            path: path.to_owned(),
            removals: VecDeque::new(),
            excess: None,
            given_back: 0,
            blocks: Some(i64::MIN),
            sweep: None,
            unswept: 0,
            aged: None,
            horizon: None,
            is_thorough: false,
            done: Done::default(),
            is_short: false,
        })
    }

    /// Leaves nothing for later that could be swept or given back.
    pub(super) fn make_thorough(&mut self) {
        self.is_thorough = true;
    }

    /// What was done so far.
    pub(super) fn done(&self) -> Done {
        self.done
    }

    /// Whether the last plan on size could not be carried out: there is nothing left that may go.
    pub(super) fn is_short(&self) -> bool {
        self.is_short
    }

    /// Whether a plan is being carried out, or what it leaves to be done.
    pub(super) fn is_busy(&self) -> bool {
        !self.removals.is_empty()
            || self.excess.is_some()
            || self.blocks.is_some()
            || self.sweep.is_some()
            || self.horizon.is_some()
    }

    /// The plan as it is now, without making anything of it.
    pub(super) fn plan(
        &self,
        db: &Connection,
        now: Timestamp,
        disk: Option<(u64, u64)>,
    ) -> Result<Plan, Error> {
        let state = facts::state(db, &self.path, now, disk)?;
        facts::plan(db, &self.path, &self.rules, &state)
    }

    /// Makes a plan, to be carried out from now on. `by_age` is false as long as the clock is not to be trusted. `disk` is how
    /// much of the file system is free, and how much there is.
    pub(super) fn look(
        &mut self,
        db: &Connection,
        now: Timestamp,
        disk: Option<(u64, u64)>,
        by_age: bool,
    ) -> Result<(), Error> {
        let mut plan = self.plan(db, now, disk)?;
        if !by_age {
            plan.removals.clear();
        }
        // How much is too much shows once what is too old is gone.
        self.excess = plan.excess.filter(|_| plan.removals.is_empty());
        self.removals = plan.removals.into();
        self.given_back = 0;
        self.is_short = false;
        let age = self
            .rules
            .levels()
            .into_iter()
            .rev()
            .find(|level| level.goes == Goes::Commits);
        self.aged = match age.filter(|_| by_age) {
            Some(level) => Some(surroundings::of_age(db, now, level.age).at(&self.path)?),
            None => None,
        };
        if self.aged.is_some() {
            self.set_horizon(db, None)?;
        }
        Ok(())
    }

    /// What surrounds events goes if it is too old or came before the last commit that goes for its size, but not beyond
    /// the oldest event that is left.
    fn set_horizon(&mut self, db: &Connection, by_size: Option<Timestamp>) -> Result<(), Error> {
        let left = surroundings::oldest_received(db).at(&self.path)?;
        let wanted = self.aged.max(by_size);
        self.horizon = match left {
            Some(left) => wanted.map(|wanted| wanted.min(left)),
            None => wanted,
        };
        Ok(())
    }

    /// Does the next step. `is_live` tells connections that may get events again.
    pub(super) fn step(
        &mut self,
        db: &Connection,
        now: Timestamp,
        is_live: &dyn Fn(i64) -> bool,
    ) -> Result<Step, Error> {
        let path = self.path.clone();
        if let Some(through) = self.blocks {
            let through = facts::pruned(db).at(&path)?.max(through);
            let transaction = begin(db, &path)?;
            let has_more = commits::drop_blocks(&transaction, through).at(&path)?;
            transaction.commit().at(&path)?;
            self.blocks = has_more.then_some(through);
            return Ok(Step::Done);
        }
        if let Some(removal) = self.removals.front().cloned() {
            return self.remove(db, &removal, now);
        }
        if let Some(excess) = self.excess.clone() {
            return self.reduce(db, &excess, now);
        }
        if let Some(horizon) = self.horizon {
            let transaction = begin(db, &path)?;
            let has_more = surroundings::remove(&transaction, horizon).at(&path)?;
            transaction.commit().at(&path)?;
            self.horizon = has_more.then_some(horizon);
            return Ok(Step::Done);
        }
        if let Some(sweep) = &mut self.sweep {
            let transaction = begin(db, &path)?;
            let is_over = sweep.step(&transaction, is_live)?;
            transaction.commit().at(&path)?;
            if is_over {
                self.sweep = None;
            }
            return Ok(Step::Done);
        }
        if self.is_sweep_due(db)? {
            let transaction = begin(db, &path)?;
            self.sweep = Some(Sweep::begin(&transaction)?);
            transaction.commit().at(&path)?;
            self.unswept = 0;
            return Ok(Step::Forget);
        }
        self.tidy(db)
    }

    fn remove(
        &mut self,
        db: &Connection,
        removal: &Removal,
        now: Timestamp,
    ) -> Result<Step, Error> {
        let filter = match &removal.goes {
            Goes::Commits => {
                let all = (removal.through, u64::MAX);
                let gone = self.remove_commits(db, (all, false), &removal.rule, now)?;
                if gone.is_none() {
                    self.removals.pop_front();
                }
                return Ok(gone.map_or(Step::Done, Step::Removed));
            }
            Goes::Events(filter) => filter,
        };
        let found = events::find(&self.reader, filter, removal)?;
        let transaction = begin(db, &self.path)?;
        events::remove(
            &transaction,
            &self.reader.vault,
            filter,
            &removal.rule,
            &found,
            now,
        )
        .at(&self.path)?;
        transaction.commit().at(&self.path)?;
        if found.looked_at >= removal.through {
            self.removals.pop_front();
        } else if let Some(removal) = self.removals.front_mut() {
            removal.after = found.looked_at;
        }
        if found.going.is_empty() {
            return Ok(Step::Done);
        }
        self.count(found.going.len() as u64);
        Ok(Step::Removed(Gone::Events(
            found.going.iter().map(|going| going.id).collect(),
        )))
    }

    fn count(&mut self, events: u64) {
        self.done.events += events;
        self.unswept += events;
    }

    fn remove_commits(
        &mut self,
        db: &Connection,
        (most, is_by_size): ((i64, u64), bool),
        rule: &str,
        now: Timestamp,
    ) -> Result<Option<Gone>, Error> {
        let transaction = begin(db, &self.path)?;
        let gone = commits::remove(&transaction, most, rule, now).at(&self.path)?;
        // To whoever reads beside, they are still there.
        let received = match gone {
            Some((last, _)) if is_by_size => {
                facts::commit_at(&self.reader.db, last).at(&self.path)?
            }
            _ => None,
        };
        transaction.commit().at(&self.path)?;
        let Some((last, events)) = gone else {
            return Ok(None);
        };
        self.count(events.max(1));
        self.blocks = Some(last);
        self.set_horizon(db, received.map(|commit| commit.received))?;
        Ok(Some(Gone::Through(last)))
    }

    /// Removes commits until enough pages are free, and gives these back.
    fn reduce(&mut self, db: &Connection, excess: &Excess, now: Timestamp) -> Result<Step, Error> {
        let missing = excess.bytes.saturating_sub(self.given_back);
        let size = shrink::size(db, &self.path, None).at(&self.path)?;
        if size.free_pages < missing {
            // The newest commit stays: what is being recorded is what the recorder is there for.
            let through = facts::last_but_one(db).at(&self.path)?;
            // Compressed, the payloads are less: this goes on until it is enough.
            let bytes = missing - size.free_pages;
            if let Some(through) = through
                && let Some(gone) =
                    self.remove_commits(db, ((through, bytes), true), &excess.rule, now)?
            {
                return Ok(Step::Removed(gone));
            }
            self.is_short = true;
        }
        let given_back = shrink::give_back(db, missing).at(&self.path)?;
        self.given_back += given_back;
        self.done.bytes += given_back;
        if given_back == 0 || self.given_back >= excess.bytes {
            self.excess = None;
        }
        Ok(Step::Done)
    }

    fn is_sweep_due(&self, db: &Connection) -> Result<bool, Error> {
        if self.unswept == 0 {
            return Ok(false);
        }
        let left = facts::width(db).at(&self.path)?;
        Ok(self.is_thorough || self.unswept.saturating_mul(SWEEP_SHARE) >= left)
    }

    /// Gives pages back if there are many, or all of them if it is to be thorough.
    fn tidy(&mut self, db: &Connection) -> Result<Step, Error> {
        let size = shrink::size(db, &self.path, None).at(&self.path)?;
        if !self.is_thorough && size.free_pages.saturating_mul(FREE_SHARE) < size.file {
            return Ok(Step::Idle);
        }
        let given_back = shrink::give_back(db, size.free_pages).at(&self.path)?;
        self.done.bytes += given_back;
        Ok(if given_back == 0 {
            Step::Idle
        } else {
            Step::Done
        })
    }
}

/// The newest event of the newest commit, and when that was received.
pub(super) fn newest_commit(db: &Connection) -> rusqlite::Result<Option<(i64, Timestamp)>> {
    let newest = facts::commit_at(db, i64::MAX)?;
    Ok(newest.map(|commit| (commit.last, commit.received)))
}

/// How large the capture is.
pub(super) fn size(db: &Connection, path: &Path) -> Result<Size, Error> {
    shrink::size(db, path, None).at(path)
}

/// Writes the log back as far as nobody holds it. Whether a reader does.
pub(super) fn write_back(db: &Connection, path: &Path) -> Result<bool, Error> {
    shrink::write_back(db).at(path)
}

fn begin<'d>(db: &'d Connection, path: &Path) -> Result<Transaction<'d>, Error> {
    Transaction::new_unchecked(db, TransactionBehavior::Immediate).at(path)
}
