//! Every event of every commit, read and hashed again.

use rusqlite::{Transaction, TransactionBehavior};

use super::Verification;
use super::found::{Found, words};
use super::indexes::{Lists, Spans, span_of};
use super::links::{Links, scope_of};
use crate::event::{EventId, Part, RecordingId, Scope, Soundness, StoredEvent, Timestamp};
use crate::store::chain::{Commit, Stored};
use crate::store::digest::{BatchHasher, EventHasher};
use crate::store::error::{At, Error};
use crate::store::payload;
use crate::store::reader::Reader;
use crate::store::removed::{Removed, RemovedBatches};
use crate::store::walk::{Step, Walk, seek};

/// Checks commits, one after another in order of id.
pub(super) struct Commits<'a, 'f> {
    reader: &'a Reader,
    found: &'a mut Found<'f>,
    done: &'a mut Soundness,
    upper: i64,
    links: Links,
    spans: Spans,
    /// `None` if they cannot be read.
    lists: Option<Lists>,
    /// The last event of the commit before.
    before: i64,
    is_behind_hole: bool,
}

/// What of a commit was read.
struct Read {
    hasher: BatchHasher,
    /// Whether all that is there could be read.
    is_whole: bool,
    /// The next id, if none is missing.
    next: i64,
    missing: Scope,
    scope: Scope,
}

impl<'a, 'f> Commits<'a, 'f> {
    pub(super) fn new(
        reader: &'a Reader,
        against: &Verification,
        upper: i64,
        found: &'a mut Found<'f>,
        done: &'a mut Soundness,
    ) -> Result<Self, Error> {
        let links = Links::new(&reader.db, against, reader.has_chain()).at(&reader.path);
        let links = match found.pass(Part::Chain, links, Scope::default())? {
            Some(links) => links,
            // Without the row that names the key, links are taken for ones without.
            None => Links::new(&reader.db, against, false).at(&reader.path)?,
        };
        let lists = Lists::new(&reader.db).at(&reader.path);
        let lists = found.pass(Part::StreamIndex, lists, Scope::default())?;
        Ok(Self {
            reader,
            found,
            done,
            upper,
            links,
            spans: Spans::default(),
            lists,
            before: 0,
            is_behind_hole: false,
        })
    }

    pub(super) fn check(mut self) -> Result<(), Error> {
        let reader = self.reader;
        let mut walk = Walk::new(seek!("batches", "first_id"), i64::MIN, self.upper);
        while let Some(step) = walk.next(reader).at(&reader.path)?
            && !reader.watch().is_stopped()
        {
            match step {
                Step::Row(first) => self.check_row(first)?,
                Step::Hole(first, last) => self.note_hole(first, last),
            }
        }
        if reader.watch().is_stopped() {
            return Ok(());
        }
        let (after, upper) = (self.before.saturating_add(1), self.upper);
        self.check_outside(after, upper)?;
        self.count_removed()?;
        let result = self
            .links
            .end(&reader.db, reader.has_chain(), self.found, self.done)
            .at(&reader.path);
        self.found.pass(Part::Chain, result, Scope::default())?;
        Ok(())
    }

    fn note_hole(&mut self, first: i64, last: i64) {
        let mut scope = Scope::default();
        scope.add(EventId::new(first));
        if last < self.upper {
            scope.add_range(EventId::new(last), EventId::new(last), 0);
        }
        let detail = "rows of commits cannot be read";
        self.found.add(Part::Commit, detail, scope);
        self.is_behind_hole = true;
    }

    /// Checks the commit with this first event, in a read transaction of its own.
    fn check_row(&mut self, first: i64) -> Result<(), Error> {
        let reader = self.reader;
        let transaction = Transaction::new_unchecked(&reader.db, TransactionBehavior::Deferred)
            .at(&reader.path)?;
        let stored = Stored::read(&reader.db, first, reader.has_chain()).at(&reader.path);
        let mut scope = Scope::default();
        scope.add(EventId::new(first));
        match self.found.pass(Part::Commit, stored, scope)? {
            None => self.is_behind_hole = true,
            // It was removed since.
            Some(None) => {}
            Some(Some(stored)) => self.check_commit(&stored)?,
        }
        transaction.finish().at(&reader.path)
    }

    fn check_commit(&mut self, stored: &Stored) -> Result<(), Error> {
        self.done.commits += 1;
        let Commit { first, last, .. } = stored.commit;
        if first <= self.before || last < first {
            let detail = "its events are those of the commit before as well, or none";
            self.found.add(Part::Commit, detail, scope_of(stored));
        }
        self.check_place(first)?;
        self.check_outside(self.before.saturating_add(1), first.saturating_sub(1))?;
        self.check_events(stored)?;
        let is_behind_hole = std::mem::take(&mut self.is_behind_hole);
        self.links
            .take(stored, is_behind_hole, self.found, self.done);
        self.before = self.before.max(last);
        Ok(())
    }

    /// What is between the commit before and this one was removed for good, or is missing.
    fn check_place(&mut self, first: i64) -> Result<(), Error> {
        let reader = self.reader;
        let mut after = self.before;
        if reader.has_chain() {
            let removed = RemovedBatches::between(&reader.db, after, first).at(&reader.path);
            let removed = self.found.pass(Part::Chain, removed, Scope::default())?;
            if let Some(removed) = removed.flatten() {
                // Without a link it is of a capture that was salvaged, whose chain is a new one.
                if removed.last_link.is_some() {
                    self.links.go_on_from(removed.last_link);
                    self.is_behind_hole = false;
                }
                after = removed.through;
            }
        }
        if first > after.saturating_add(1) && !self.done.is_subset && !self.is_behind_hole {
            let mut scope = Scope::default();
            let events = u64::try_from(first.saturating_sub(after) - 1).unwrap_or(0);
            scope.add_range(EventId::new(after + 1), EventId::new(first - 1), events);
            self.add_period(&mut scope);
            let detail = "commits are missing, and no removal is on the record";
            self.found.add(Part::Commit, detail, scope);
        }
        Ok(())
    }

    /// Events that no commit has.
    fn check_outside(&mut self, first: i64, last: i64) -> Result<(), Error> {
        if first > last {
            return Ok(());
        }
        let reader = self.reader;
        let mut walk = Walk::new(seek!("events", "id"), first, last);
        while let Some(step) = walk.next(reader).at(&reader.path)?
            && !reader.watch().is_stopped()
        {
            match step {
                Step::Row(id) => {
                    let digest = self.check_event(id)?;
                    let mut scope = Scope::default();
                    scope.add(EventId::new(id));
                    if let Some((stored, _)) = &digest {
                        describe(stored, &mut scope);
                    }
                    let detail = "no commit that can be read has the event: nothing proves it";
                    self.found.add(Part::Commit, detail, scope);
                }
                Step::Hole(first, last) => self.add_hole(first, last, 0),
            }
        }
        Ok(())
    }

    fn check_events(&mut self, stored: &Stored) -> Result<(), Error> {
        let reader = self.reader;
        let Commit {
            first,
            last,
            recording,
            ..
        } = stored.commit;
        let mut read = Read {
            hasher: BatchHasher::new(
                RecordingId::new(recording),
                EventId::new(first),
                EventId::new(last),
            ),
            is_whole: true,
            next: first,
            missing: Scope::default(),
            scope: Scope::default(),
        };
        let mut removed = Removed::new((first, last), reader.has_chain());
        let mut walk = Walk::new(seek!("events", "id"), first, last);
        while let Some(step) = walk.next(reader).at(&reader.path)?
            && !reader.watch().is_stopped()
        {
            match step {
                Step::Row(id) => {
                    self.take_removed(&mut removed, id, &mut read)?;
                    read.reach(id);
                    match self.check_event(id)? {
                        None => read.is_whole = false,
                        Some((event, digest)) => {
                            read.hasher.update(&digest);
                            describe(&event, &mut read.scope);
                        }
                    }
                    read.next = id.saturating_add(1);
                }
                Step::Hole(from, to) => {
                    self.take_removed(&mut removed, from, &mut read)?;
                    read.reach(from);
                    read.is_whole = false;
                    let events = u64::try_from(to.saturating_sub(from)).unwrap_or(0);
                    self.add_hole(from, to, events.saturating_add(1));
                    read.next = to.saturating_add(1);
                }
            }
        }
        self.take_removed(&mut removed, last.saturating_add(1), &mut read)?;
        read.reach(last.saturating_add(1));
        if !reader.watch().is_stopped() {
            self.judge(stored, read);
        }
        Ok(())
    }

    fn take_removed(
        &mut self,
        removed: &mut Removed,
        below: i64,
        read: &mut Read,
    ) -> Result<(), Error> {
        let reader = self.reader;
        loop {
            let next = removed.next_below(&reader.db, below).at(&reader.path);
            let Some(next) = self.found.pass(Part::Commit, next, Scope::default())? else {
                read.is_whole = false;
                return Ok(());
            };
            let Some((id, digest)) = next else {
                return Ok(());
            };
            read.reach(id);
            match <[u8; 32]>::try_from(digest) {
                Ok(digest) => read.hasher.update(&digest),
                Err(_) => read.is_whole = false,
            }
            read.next = id.saturating_add(1);
        }
    }

    fn judge(&mut self, stored: &Stored, mut read: Read) {
        let is_missing = read.missing.events > 0 && !self.done.is_subset;
        if is_missing {
            self.add_period(&mut read.missing);
            let detail = "events of a commit are missing, and no removal is on the record";
            self.found.add(Part::Commit, detail, read.missing);
        }
        if !read.is_whole {
            return;
        }
        if read.hasher.finish().as_slice() == stored.commit.digest.as_slice() {
            self.done.proven_commits += 1;
        } else if !is_missing {
            let mut scope = scope_of(stored);
            scope.events = read.scope.events;
            for time in [read.scope.since, read.scope.until].into_iter().flatten() {
                scope.add_time(time);
            }
            scope.processes = read.scope.processes;
            let detail =
                "the digest does not fit: at least one of these events is not as it was recorded";
            self.found.add(Part::Commit, detail, scope);
        }
    }

    /// Reads an event and looks for it in the indexes. Its digest; `None` if not all of it can be read.
    fn check_event(&mut self, id: i64) -> Result<Option<(StoredEvent, [u8; 32])>, Error> {
        let reader = self.reader;
        let mut scope = Scope::default();
        scope.add(EventId::new(id));
        self.done.events += 1;
        let stored = match reader.event(EventId::new(id)) {
            Ok(Some(stored)) => stored,
            // There is a row, and something that it names is missing.
            Ok(None) => {
                self.add_period(&mut scope);
                let detail = "what the row of the event names is not there";
                self.found.add(Part::Event, detail, scope);
                return Ok(None);
            }
            Err(error) if error.is_damage() => {
                self.add_period(&mut scope);
                self.found.add(Part::Event, words(&error), scope);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        describe(&stored, &mut scope);
        scope.events = 1;
        self.check_indexes(&stored, &scope)?;
        if reader.lock().is_some() {
            let place = payload::check_place(reader, &stored);
            self.found.pass(Part::Payload, place, scope)?;
            return Ok(None);
        }
        let envelope = reader.envelope(stored.id);
        let Some(envelope) = self.found.pass(Part::Event, envelope, scope.clone())? else {
            return Ok(None);
        };
        let mut hasher = EventHasher::new(
            &reader.vault,
            stored.id,
            &stored.event,
            &envelope,
            stored.payload_bytes,
        );
        match hash_payload(reader, &stored, &mut hasher) {
            Ok(()) => {}
            Err(error) if error.is_damage() => {
                let words = words(&error);
                let of_event = format!("the payload of event {id} ");
                let words = match words.strip_prefix(&of_event) {
                    Some(rest) => format!("the payload {rest}"),
                    None => words,
                };
                self.found.add(Part::Payload, words, scope);
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        self.done.readable_events += 1;
        self.done.payload_bytes += stored.payload_bytes;
        reader.watch().add_scanned(stored.payload_bytes);
        Ok(Some((stored, hasher.finish())))
    }

    fn check_indexes(&mut self, stored: &StoredEvent, scope: &Scope) -> Result<(), Error> {
        let Reader { db, path, .. } = self.reader;
        let id = stored.id.number();
        let is_found = self
            .spans
            .has(db, id, stored.event.time.as_nanos())
            .at(path);
        let is_found = self.found.pass(Part::TimeIndex, is_found, scope.clone())?;
        if is_found == Some(false) {
            let detail = "the index on time does not lead to the event";
            self.found.add(Part::TimeIndex, detail, scope.clone());
        }
        let Some(lists) = &mut self.lists else {
            return Ok(());
        };
        let is_found = lists.has(db, stored.stream.row(), id).at(path);
        let is_found = self
            .found
            .pass(Part::StreamIndex, is_found, scope.clone())?;
        if is_found == Some(false) {
            let detail = "the list of its stream lacks the event";
            self.found.add(Part::StreamIndex, detail, scope.clone());
        }
        Ok(())
    }

    fn add_hole(&mut self, first: i64, last: i64, events: u64) {
        let mut scope = Scope::default();
        scope.add_range(EventId::new(first), EventId::new(last), events);
        self.add_period(&mut scope);
        let detail = "rows of events cannot be read";
        self.found.add(Part::Event, detail, scope);
    }

    /// Adds when events were that cannot be read themselves, as far as the index on time knows.
    fn add_period(&self, scope: &mut Scope) {
        for id in [scope.first, scope.last].into_iter().flatten() {
            if let Ok(Some([_, _, min, max])) = span_of(&self.reader.db, id.number()) {
                scope.add_time(Timestamp::from_nanos(min));
                scope.add_time(Timestamp::from_nanos(max));
            }
        }
    }

    fn count_removed(&mut self) -> Result<(), Error> {
        let reader = self.reader;
        if !reader.has_chain() {
            return Ok(());
        }
        let counted = reader
            .bounded(|| {
                reader.db.query_row(
                    "SELECT COUNT(*), COALESCE(SUM(events), 0) FROM removals WHERE events > 0",
                    [],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
            })
            .at(&reader.path);
        let counted = self.found.pass(Part::Count, counted, Scope::default())?;
        if let Some(counted) = counted {
            (self.done.removals, self.done.removed_events) = counted;
        }
        let before = reader.predecessor();
        let before = self.found.pass(Part::Count, before, Scope::default())?;
        self.done.predecessor = before.flatten();
        Ok(())
    }
}

impl Read {
    /// Goes on to this id: what was to come before it is missing.
    fn reach(&mut self, id: i64) {
        if id > self.next {
            let events = id.abs_diff(self.next);
            self.missing
                .add_range(EventId::new(self.next), EventId::new(id - 1), events);
        }
    }
}

fn hash_payload(
    reader: &Reader,
    stored: &StoredEvent,
    hasher: &mut EventHasher,
) -> Result<(), Error> {
    let mut payload = reader.payload(stored)?;
    while let Some(piece) = payload.next_piece()? {
        hasher.update(&piece);
    }
    Ok(())
}

/// Adds an event that can be read.
fn describe(stored: &StoredEvent, scope: &mut Scope) {
    scope.add(stored.id);
    scope.add_time(stored.event.time);
    scope.add_process(stored.event.process.pname.as_deref());
}
