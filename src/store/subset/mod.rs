//! A subset of a capture, written as another capture.
//!
//! The new file has the schema of a finished recording and answers as one: events keep their ids, and so do the rows they
//! name (streams, connections, processes, runs, recordings, …), their frames can be given again, and every batch that has
//! a chosen event has a digest, over those that were chosen. It names the capture that it came from in `origins`, and so
//! it does for the captures that one came from.
//!
//! ```text
//! filter ──▶ choice: ids, in a temporary file ──▶ events: rows, payloads, digests ──▶ surroundings ──▶ exchanges, anew
//!                                                                      target: a temporary name ──────▶ the final one
//! ```
//!
//! What is other than in the original:
//!
//! - Exchanges are made anew from the events that are there, and numbered anew. One that lacks events is read as one of
//!   which events were lost.
//! - A text that goes over from an event that was left out into one that was chosen is not found any more. Nor is one that
//!   only seems to, because events between the two are missing: such places are in `cuts`.
//! - Recordings without a chosen event are left out, with their links, gaps, heartbeats and run logs. The counters of the
//!   others are what the recorder counted, and not what is here.
//! - Of an encrypted capture it is encrypted with the same key, unless asked otherwise; request targets lack their query
//!   also then.
//! - What a recorder is writing just now ends, in the subset, with the last commit before the subset was begun.
//!
//! If secrets are to be taken out ([`Redact`]), events have other payloads, and facts that fit those; nothing of their frames
//! is kept, nor arguments of processes, frames of log lines and heartbeats, filters that can hold a secret, and the digest of
//! a file that was imported. Nothing of all that is ever in the new file: it is taken out on the way. Exchanges are made of
//! what is left.
//!
//! Always true: nothing of the original is changed. The file gets its name when it is complete, in a place where nothing
//! was before; until then it has a temporary one beside that, which is gone after a failure. What was chosen is copied
//! by reading and inserting, so that a private copy, an older schema and a live capture are all the same. A damaged
//! payload among the chosen ends it: the subset would be said to have what it has not.
//!
//! Memory does not depend on the size of the capture: ids are kept in a temporary file, and large payloads are copied in
//! parts of 1 MiB; where secrets are taken out, one payload at a time is held whole. The search for a cut looks up one event for each that was chosen.

mod choice;
pub(super) mod copy;
mod events;
mod losses;
pub(super) mod placer;
mod redaction;
pub(super) mod shared;
pub(super) mod surroundings;
pub(super) mod target;

use std::path::PathBuf;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use self::choice::Chosen;
use self::copy::{Copying, Rows, Secret, rows};
use self::events::{Copied, Copier};
pub use self::redaction::{Missing, Redact};
use self::target::Target;
use super::batch::Counters;
use super::error::{At, Error};
use super::exchanges::Indexer;
use super::reader::Reader;
use super::vault::Vault;
use super::{open, origins, unlock};
use crate::event::{EventId, Origin, Taken, Timestamp};
use crate::filter::Expr;

/// The captures that the original was taken from.
pub(super) const ORIGINS: Rows = rows!(
    "origins",
    ["id, path, began_ns, upper_id, of_events, selects, filter, events, exported_ns, program"],
    "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10",
    "ORDER BY id"
)
.hiding(&[("filter", Secret::Filter)]);

/// What a subset is made of.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// The events that a filter is true of; without one, all of them.
    Events(Option<&'a Expr>),
    /// The exchanges that a filter is true of: of each, all events of its connection up to its last one, since HTTP/2 is
    /// read from the beginning of the connection. [`Reader::prepare_exchanges`] must have been called.
    Exchanges(Option<&'a Expr>),
}

/// Where a subset goes, and what it says of its making.
#[derive(Debug, Clone)]
pub struct SubsetOptions {
    /// The file to be made. Its folder must be there, and nothing may be under its name.
    pub output: PathBuf,
    /// The program and its version.
    pub program: String,
    /// When.
    pub now: Timestamp,
    /// Whether what is encrypted in the original is in the clear here. Else it is encrypted with the same key.
    pub is_decrypted: bool,
}

/// What a subset has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Subset {
    /// How many events are in it.
    pub events: u64,
    /// How many there were in the capture.
    pub of_events: u64,
    /// The size of their payloads, in bytes, before compression.
    pub payload_bytes: u64,
    /// How many exchanges they make.
    pub exchanges: u64,
    /// What was taken out of them, if that was asked for.
    pub redacted: Counters,
}

/// Writes a subset of a capture as another capture; `None` if the reader's watch stopped it, and then there is no file.
///
/// Of a capture that is being written, what is there at the beginning is looked at. With `redact`, secrets are taken out.
///
/// # Errors
/// When there is something under the name of the file, it cannot be written, or the capture cannot be read or is damaged.
/// There is no file then.
pub fn export_subset(
    reader: &Reader,
    wanted: Wanted<'_>,
    options: &SubsetOptions,
    redact: Option<&dyn Redact>,
) -> Result<Option<Subset>, Error> {
    let target = Target::create(&options.output)?;
    let db = target.open()?;
    let vault = if options.is_decrypted {
        Vault::plain()
    } else {
        unlock::copy(reader, &db, target.path())?
    };
    let targeted = (&db, &target, &vault);
    let Some(mut subset) = copy(reader, wanted, options, targeted, redact)? else {
        return Ok(None);
    };
    let db = index_exchanges(reader, db, (&target, &vault))?;
    if reader.watch().is_stopped() {
        return Ok(None);
    }
    subset.exchanges = db
        .query_row("SELECT COUNT(*) FROM exchanges", [], |row| row.get(0))
        .at(target.path())?;
    open::leave_one_file(&db).at(target.path())?;
    target.finish(db)?;
    Ok(Some(subset))
}

/// Copies everything but exchanges, in one transaction; `None` if it was stopped.
fn copy(
    reader: &Reader,
    wanted: Wanted<'_>,
    options: &SubsetOptions,
    (db, target, vault): (&Connection, &Target, &Vault),
    redact: Option<&dyn Redact>,
) -> Result<Option<Subset>, Error> {
    let path = target.path();
    let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate).at(path)?;
    let copying = Copying {
        reader,
        db: &transaction,
        path,
        vault,
        redact,
    };
    // Before the newest event is fixed, so that no time counts as recorded of which nothing was looked at.
    surroundings::begin(&copying)?;
    let chosen = Chosen::find(reader, wanted)?;
    // Once to copy them, and once to read the exchanges.
    reader
        .watch()
        .add_total(chosen.payload_bytes.saturating_mul(2));
    let copied = Copier::new(copying, &chosen)?.run()?;
    surroundings::finish(&copying)?;
    let mut origin = origin(reader, wanted, options, (&chosen, copied))?;
    if let Some(redact) = redact {
        origin.filter = origin.filter.map(|filter| redact.filter(&filter));
    }
    add_origins(&copying, &origin)?;
    if reader.watch().is_stopped() {
        return Ok(None);
    }
    transaction.commit().at(path)?;
    Ok(Some(Subset {
        events: copied.events,
        of_events: chosen.of_events,
        payload_bytes: copied.payload_bytes,
        exchanges: 0,
        redacted: copied.redacted,
    }))
}

/// What this subset says of the capture that it is taken from.
fn origin(
    reader: &Reader,
    wanted: Wanted<'_>,
    options: &SubsetOptions,
    (chosen, copied): (&Chosen, Copied),
) -> Result<Origin, Error> {
    let (Wanted::Events(filter) | Wanted::Exchanges(filter)) = wanted;
    let began: Option<i64> = reader
        .db
        .query_row("SELECT MIN(started_ns) FROM recordings", [], |row| {
            row.get(0)
        })
        .at(&reader.path)?;
    Ok(Origin {
        path: reader.path.to_string_lossy().into_owned(),
        began: began.map(Timestamp::from_nanos),
        upper: EventId::new(chosen.upper),
        of_events: chosen.of_events,
        taken: match wanted {
            Wanted::Events(_) => Taken::Events,
            Wanted::Exchanges(_) => Taken::Exchanges,
        },
        filter: filter.map(Expr::to_string),
        events: copied.events,
        exported: options.now,
        program: options.program.clone(),
    })
}

/// Adds the origin of the subset, behind those of the capture that it is taken from.
fn add_origins(copying: &Copying<'_>, origin: &Origin) -> Result<(), Error> {
    if copying.reader.has_origins() {
        copying.copy(&ORIGINS, &[])?;
    }
    origins::add(copying.db, origin).at(copying.path)
}

/// Makes the index of exchanges, through the connection that the subset was written with.
pub(super) fn index_exchanges(
    reader: &Reader,
    db: Connection,
    (target, vault): (&Target, &Vault),
) -> Result<Connection, Error> {
    let subset = Reader::through(db, target.path(), vault)?;
    let newest = subset.newest_id()?;
    let mut indexer = Indexer::new(&subset, &subset.db)?;
    indexer.advance(newest, reader.watch())?;
    indexer.finish(reader.watch())?;
    Ok(subset.into_connection())
}
