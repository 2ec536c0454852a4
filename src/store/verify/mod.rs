//! Checks a capture: what of it is damaged, what can still be read, and how far the chain of its commits holds.
//!
//! ```text
//! pages       SQLite's own checks of pages, indexes, types and references
//! blocks      the header and the list of members of each block, against the events
//! commits     every event read, its digest and that of its batch computed again, the chain followed;
//!             beside it, whether the index on time and the lists of streams lead to the event
//! counts      what recordings counted, against the rows that are there
//! ```
//!
//! Always true: nothing is changed. What cannot be read is a fault, said once for neighbors with the same fault, and the
//! check goes on behind it. The newest event is fixed at the begin. Each commit is read in a transaction of its own, so
//! that a recorder's log can be written back meanwhile; SQLite's check of a whole file takes one, and of a live file
//! the tables are checked one by one, payloads left to the rest. Memory does not depend on the size of the capture.
//!
//! Of an encrypted capture that was not unlocked, payloads must be there and nothing of them is read; digests are taken as they
//! are stored, to follow the chain.
//!
//! What becomes known after a commit is in no digest: to which connection an event belongs, the addresses and role of
//! connections, exchanges and the search filter; nor are gaps, links, heartbeats, run logs and counters.

mod blocks;
mod commits;
mod counts;
mod found;
mod indexes;
mod links;
mod pages;

use rusqlite::Connection;

use self::commits::Commits;
use self::found::Found;
use super::chain::ChainKey;
use super::error::{At, Error};
use super::reader::{Access, Reader};
use crate::event::{EventId, Fault, Part, Scope, Soundness};

/// What a capture is checked against.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// The key of its chain.
    pub key: Option<ChainKey>,
    /// A link that was noted elsewhere, which must be in the chain.
    pub noted: Option<[u8; 32]>,
}

/// Checks a capture that was opened with [`Reader::open_damaged`]. Each fault is given to `each` as it is found. The
/// reader's [`super::Watch`] shows how far it is, and can stop it: it then ends early and says so.
///
/// # Errors
/// When the file cannot be read for another reason than damage.
pub fn verify(
    reader: &mut Reader,
    against: &Verification,
    each: &mut dyn FnMut(&Fault),
) -> Result<Soundness, Error> {
    reader.while_watched(|reader| Verify::new(reader, each)?.run(against))
}

struct Verify<'a> {
    reader: &'a Reader,
    found: Found<'a>,
    done: Soundness,
    upper: i64,
}

impl<'a> Verify<'a> {
    fn new(reader: &'a Reader, each: &'a mut dyn FnMut(&Fault)) -> Result<Self, Error> {
        let mut found = Found::new(each, reader.watch());
        let upper = found
            .pass(
                Part::Pages,
                reader.bounded(|| read_upper(&reader.db)).at(&reader.path),
                Scope::default(),
            )?
            .unwrap_or(i64::MAX);
        let is_subset = found.pass(
            Part::Pages,
            reader.origins().map(|origins| !origins.is_empty()),
            Scope::default(),
        )?;
        Ok(Self {
            reader,
            found,
            done: Soundness {
                is_subset: is_subset.unwrap_or(false),
                is_locked: reader.lock().is_some(),
                ..Soundness::default()
            },
            upper,
        })
    }

    fn run(mut self, against: &Verification) -> Result<Soundness, Error> {
        let result = self.check(against);
        self.found.flush();
        self.done.faults = self.found.count;
        self.done.upper = (self.upper < i64::MAX).then(|| EventId::new(self.upper));
        self.done.is_stopped = self.reader.watch().is_stopped();
        match result {
            // SQLite was told to stop in the middle of a statement.
            Err(_) if self.done.is_stopped => Ok(self.done),
            Err(error) => Err(error),
            Ok(()) => Ok(self.done),
        }
    }

    fn check(&mut self, against: &Verification) -> Result<(), Error> {
        let Self {
            reader,
            found,
            done,
            upper,
        } = self;
        let total = reader
            .bounded(|| total(&reader.db, *upper))
            .at(&reader.path);
        if let Some(total) = found.pass(Part::Pages, total, Scope::default())? {
            reader.watch().add_total(total);
        }
        let is_live = reader.access() == Access::Live;
        pages::check(reader, is_live, found)?;
        blocks::check(reader, *upper, found, done)?;
        Commits::new(reader, against, *upper, found, done)?.check()?;
        counts::check(reader, found, done)
    }
}

/// The newest event, and the newest id that was given.
fn read_upper(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row(
        "SELECT MAX(
            COALESCE((SELECT MAX(last_id) FROM batches), 0),
            COALESCE((SELECT MAX(id) FROM events), 0)
         )",
        [],
        |row| row.get(0),
    )
}

/// How many bytes of payloads there are to be read.
fn total(db: &Connection, upper: i64) -> rusqlite::Result<u64> {
    db.query_row(
        "SELECT COALESCE(SUM(payload_bytes), 0) FROM events WHERE id <= ?1",
        [upper],
        |row| row.get(0),
    )
}
