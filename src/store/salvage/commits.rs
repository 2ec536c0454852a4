//! Commit by commit: what of each can be read, its digest computed again and compared, and a new chain.

use rusqlite::{Transaction, TransactionBehavior};

use super::events::{Saved, Saver, unless_damaged};
use super::losses::{Loss, Salvaged};
use super::tables::ensure_recording;
use crate::event::{EventId, RecordingId};
use crate::store::chain::{Chain, Commit, Stored};
use crate::store::digest::BatchHasher;
use crate::store::error::{At, Error};
use crate::store::removed::{Removed, RemovedBatches};
use crate::store::subset::copy::Copying;
use crate::store::walk::{Step, Walk, seek};

/// How many events without a commit are put into one.
const TOGETHER: usize = 4096;

/// What of a commit was saved.
struct Saving {
    hasher: BatchHasher,
    events: u64,
    is_whole: bool,
    /// The next id, if none is missing.
    next: i64,
}

/// Saves commits.
pub(super) struct Commits<'a> {
    saver: Saver<'a>,
    chain: Chain,
    /// Whether events are missing in commits because they were not taken along.
    is_subset: bool,
    /// The newest event that the capture knows of.
    upper: i64,
    /// The last event of the commit before.
    before: i64,
}

impl<'a> Commits<'a> {
    pub(super) fn new(copying: Copying<'a>) -> Result<Self, Error> {
        let Copying {
            reader, db, path, ..
        } = copying;
        Ok(Self {
            saver: Saver::new(copying)?,
            chain: Chain::new(db, None).at(path)?,
            is_subset: reader.origins().is_ok_and(|origins| !origins.is_empty()),
            upper: newest(copying),
            before: 0,
        })
    }

    /// Saves all that can be read. Ends early when it is stopped.
    pub(super) fn run(mut self) -> Result<Salvaged, Error> {
        let Copying { reader, .. } = self.saver.copying;
        let mut walk = Walk::new(seek!("batches", "first_id"), i64::MIN, i64::MAX);
        while let Some(step) = walk.next(reader).at(&reader.path)?
            && !reader.watch().is_stopped()
        {
            let Step::Row(first) = step else { continue };
            let transaction = Transaction::new_unchecked(&reader.db, TransactionBehavior::Deferred)
                .at(&reader.path)?;
            let stored = unless_damaged(
                Stored::read(&reader.db, first, reader.has_chain()).at(&reader.path),
            )?;
            if let Some(Some(stored)) = stored
                && stored.commit.first > self.before
                && stored.commit.last >= stored.commit.first
            {
                self.save_commit(&stored)?;
            }
            transaction.finish().at(&reader.path)?;
            self.saver.end_commit()?;
        }
        self.save_outside(self.before.saturating_add(1), i64::MAX)?;
        let mut done = self.saver.finish()?;
        done.upper = done.upper.max(self.before);
        Ok(done)
    }

    fn save_commit(&mut self, stored: &Stored) -> Result<(), Error> {
        let Copying {
            reader, db, path, ..
        } = self.saver.copying;
        let Commit {
            first,
            last,
            recording,
            committed_ns,
            ..
        } = stored.commit;
        self.save_outside(self.before.saturating_add(1), first - 1)?;
        ensure_recording(db, recording, committed_ns).at(path)?;
        self.saver.recording = Some(recording);
        let mut saving = Saving {
            hasher: BatchHasher::new(
                RecordingId::new(recording),
                EventId::new(first),
                EventId::new(last),
            ),
            events: 0,
            is_whole: true,
            next: first,
        };
        let mut removed = Removed::new((first, last), true);
        let mut walk = Walk::new(seek!("events", "id"), first, last);
        while let Some(step) = walk.next(reader).at(&reader.path)?
            && !reader.watch().is_stopped()
        {
            let (from, to) = match step {
                Step::Row(id) => (id, id),
                Step::Hole(from, to) => (from, to),
            };
            self.take_removed(&mut removed, from, &mut saving)?;
            self.reach(from, &mut saving)?;
            if let Step::Row(id) = step {
                match self.saver.save(id)? {
                    Some(saved) => {
                        saving.hasher.update(&saved.digest);
                        saving.events += 1;
                        saving.is_whole &= saved.is_whole;
                    }
                    None => saving.is_whole = false,
                }
            } else {
                saving.is_whole = false;
                self.saver.lose(from, to)?;
            }
            saving.next = to.saturating_add(1);
        }
        let behind = last.saturating_add(1);
        self.take_removed(&mut removed, behind, &mut saving)?;
        self.reach(behind, &mut saving)?;
        self.end_commit(stored, saving)?;
        self.before = last;
        Ok(())
    }

    fn end_commit(&mut self, stored: &Stored, saving: Saving) -> Result<(), Error> {
        let Copying { db, path, .. } = self.saver.copying;
        let digest = saving.hasher.finish().to_vec();
        let Commit { first, last, .. } = stored.commit;
        let loss = if !saving.is_whole {
            Some(Loss::Unproven)
        } else if digest != stored.commit.digest {
            Some(Loss::Doubtful)
        } else {
            None
        };
        if let Some(loss) = loss.filter(|_| saving.events > 0) {
            let count = match loss {
                Loss::Doubtful => &mut self.saver.done.doubtful_events,
                _ => &mut self.saver.done.unproven_events,
            };
            *count += saving.events;
            self.saver
                .losses
                .add(db, loss, (first, last), saving.events)
                .at(path)?;
        }
        let commit = Commit {
            digest,
            ..stored.commit.clone()
        };
        self.chain.add(db, &commit).at(path)
    }

    fn take_removed(
        &mut self,
        removed: &mut Removed,
        below: i64,
        saving: &mut Saving,
    ) -> Result<(), Error> {
        let Copying { db, path, .. } = self.saver.copying;
        while let Some((id, digest)) = removed.next_below(db, below).at(path)? {
            self.reach(id, saving)?;
            match <[u8; 32]>::try_from(digest) {
                Ok(digest) => saving.hasher.update(&digest),
                Err(_) => saving.is_whole = false,
            }
            saving.next = id.saturating_add(1);
        }
        Ok(())
    }

    /// Goes on to this id: what was to come before it in the commit is lost.
    fn reach(&mut self, id: i64, saving: &mut Saving) -> Result<(), Error> {
        if id > saving.next && !self.is_subset {
            saving.is_whole = false;
            self.saver.lose(saving.next, id - 1)?;
        }
        Ok(())
    }

    /// Saves events that no commit has which can be read, and loses what is missing between commits.
    fn save_outside(&mut self, first: i64, last: i64) -> Result<(), Error> {
        if first > last {
            return Ok(());
        }
        let Copying { reader, .. } = self.saver.copying;
        let mut next = self.first_not_removed(first, last)?;
        let mut together = Vec::new();
        let mut walk = Walk::new(seek!("events", "id"), first, last);
        while let Some(step) = walk.next(reader).at(&reader.path)?
            && !reader.watch().is_stopped()
        {
            match step {
                Step::Row(id) => {
                    if id > next && !self.is_subset {
                        self.saver.lose(next, id - 1)?;
                    }
                    if let Some(saved) = self.saver.save(id)? {
                        together.push((id, saved));
                    }
                    next = next.max(id.saturating_add(1));
                }
                Step::Hole(from, to) => {
                    let from = from.min(next);
                    let known = to.min(self.upper);
                    if from <= known {
                        self.saver.lose(from, known)?;
                    } else if self.upper == 0 {
                        // Nothing tells how many there were: one, or more.
                        self.saver.lose_some(from, to, 1)?;
                    }
                    next = next.max(to.saturating_add(1));
                }
            }
            if together.len() >= TOGETHER {
                self.commit_together(&together)?;
                together.clear();
            }
        }
        self.commit_together(&together)?;
        let last = last.min(self.upper);
        if next <= last && !self.is_subset {
            self.saver.lose(next, last)?;
        }
        Ok(())
    }

    /// Where what is missing between two commits begins: what was removed is not missing.
    fn first_not_removed(&self, first: i64, last: i64) -> Result<i64, Error> {
        let Copying { reader, .. } = self.saver.copying;
        if !reader.has_chain() {
            return Ok(first);
        }
        let removed = RemovedBatches::between(&reader.db, first - 1, last.saturating_add(1));
        let removed = unless_damaged(removed.at(&reader.path))?.flatten();
        Ok(removed.map_or(first, |removed| removed.through.saturating_add(1)))
    }

    /// Makes a commit of events that have none.
    fn commit_together(&mut self, events: &[(i64, Saved)]) -> Result<(), Error> {
        let Copying { db, path, .. } = self.saver.copying;
        let (Some((first, _)), Some((last, newest))) = (events.first(), events.last()) else {
            return Ok(());
        };
        let recording = self.saver.recording.unwrap_or(1);
        let committed_ns = newest.received.as_nanos();
        ensure_recording(db, recording, committed_ns).at(path)?;
        let mut hasher = BatchHasher::new(
            RecordingId::new(recording),
            EventId::new(*first),
            EventId::new(*last),
        );
        for (_, saved) in events {
            hasher.update(&saved.digest);
        }
        let commit = Commit {
            first: *first,
            last: *last,
            recording,
            committed_ns,
            digest: hasher.finish().to_vec(),
        };
        self.chain.add(db, &commit).at(path)?;
        let count = events.len() as u64;
        self.saver.done.unproven_events += count;
        self.saver
            .losses
            .add(db, Loss::Unproven, (*first, *last), count)
            .at(path)
    }
}

/// The newest event that any table knows of that can be read.
fn newest(copying: Copying<'_>) -> i64 {
    [
        "SELECT MAX(last_id) FROM batches",
        "SELECT MAX(last_id) FROM spans",
        "SELECT MAX(id) FROM events",
        "SELECT MAX(event_id) FROM progress",
    ]
    .into_iter()
    .filter_map(|sql| {
        let reader = copying.reader;
        let newest = reader.bounded(|| reader.db.query_row(sql, [], |row| row.get(0)));
        newest.ok().flatten()
    })
    .max()
    .unwrap_or(0)
}
