//! What can be read of a damaged capture, written as another capture.
//!
//! ```text
//! tables: rows that others name, one by one ──▶ commits: digests, chain ──▶ events: rows, payloads, losses ──▶ exchanges, anew
//! ```
//!
//! Every row is read by itself: where one cannot be read, the next is looked for (`walk`). Events keep their ids, and so do
//! the rows they name. The new file says what it lacks, in the table `losses` and to whoever asks for its coverage:
//!
//! | loss | what it means | what is there |
//! |---|---|---|
//! | `event` | the row of the event, or its stream or shape, could not be read | nothing; a gap says so |
//! | `payload` | its bytes could not be read | the rest, with the provenance `lost` and an empty payload |
//! | `facts` | its HTTP head, details or envelope could not be read | the rest |
//! | `doubtful` | all of its commit could be read, and the digest does not fit: one event or more is not as recorded | as read |
//! | `unproven` | others of its commit are lost, so that the digest cannot be compared | as read |
//!
//! Rows that others name and that cannot be read stand there empty: a connection without addresses, a process without a
//! name. Blocks, index on time, lists, search filter, digests and exchanges are made anew, and so is the chain of commits,
//! without a key: what the old one proves, the old file proves.
//!
//! Of an encrypted capture, the new one is encrypted with the same key.
//!
//! The list of tables itself, in the first pages, must be readable: without it nothing is found, and no file is made.
//!
//! Always true: the damaged file is not changed. The new one gets its name when it is complete, in a place where nothing was
//! before. Memory does not depend on the size of the capture.

mod commits;
mod events;
mod losses;
mod tables;

use rusqlite::{Transaction, TransactionBehavior};

use self::commits::Commits;
#[cfg(test)]
pub(super) use self::losses::Loss;
pub use self::losses::Salvaged;
use super::error::{At, Error, is_damage};
use super::reader::{Access, Reader};
use super::subset::copy::Copying;
use super::subset::target::Target;
use super::subset::{SubsetOptions, index_exchanges};
use super::{open, origins, unlock};
use crate::event::{EventId, Origin, Taken, Timestamp};

/// Writes what can be read of a capture that was opened with [`Reader::open_damaged`] to another; `None` if the reader's
/// watch stopped it, and then there is no file.
///
/// # Errors
/// When there is something under the name of the file, it cannot be written, or the capture cannot be read for another
/// reason than damage, also because it is encrypted and not unlocked. There is no file then.
pub fn salvage(reader: &Reader, options: &SubsetOptions) -> Result<Option<Salvaged>, Error> {
    check_tables(reader)?;
    let target = Target::create(&options.output)?;
    let path = target.path().to_owned();
    let db = target.open()?;
    let vault = unlock::copy(reader, &db, &path)?;
    let total = reader.bounded(|| {
        let sql = "SELECT SUM(payload_bytes) FROM events";
        reader.db.query_row(sql, [], |row| row.get(0))
    });
    // A bar without an end is better than none.
    reader.watch().add_total(total.unwrap_or(0));
    let transaction = Transaction::new_unchecked(&db, TransactionBehavior::Immediate).at(&path)?;
    let copying = Copying {
        reader,
        db: &transaction,
        path: &path,
        vault: &vault,
        redact: None,
    };
    let lost_rows = tables::copy(&copying)?;
    let mut done = Commits::new(copying)?.run()?;
    done.lost_rows = lost_rows;
    if reader.watch().is_stopped() {
        return Ok(None);
    }
    let is_killed = reader.access() != Access::Live;
    tables::finish(&transaction, is_killed).at(&path)?;
    origins::add(&transaction, &origin(reader, options, &done)).at(&path)?;
    transaction.commit().at(&path)?;
    let db = index_exchanges(reader, db, (&target, &vault))?;
    if reader.watch().is_stopped() {
        return Ok(None);
    }
    done.exchanges = db
        .query_row("SELECT COUNT(*) FROM exchanges", [], |row| row.get(0))
        .at(&path)?;
    open::leave_one_file(&db).at(&path)?;
    target.finish(db)?;
    Ok(Some(done))
}

/// Refuses a file of which the list of tables is lost: nobody knows then where anything is.
fn check_tables(reader: &Reader) -> Result<(), Error> {
    match reader
        .db
        .prepare("SELECT 1 FROM events CROSS JOIN streams CROSS JOIN shapes")
    {
        Err(error) if is_damage(&error) => Err(Error::Corrupt {
            path: reader.path.clone(),
            detail: format!(
                "its list of tables cannot be read ({error}), and nothing is found without it"
            ),
        }),
        Err(error) => Err(error).at(&reader.path),
        Ok(_) => Ok(()),
    }
}

fn origin(reader: &Reader, options: &SubsetOptions, done: &Salvaged) -> Origin {
    let began = reader
        .bounded(|| {
            let sql = "SELECT MIN(started_ns) FROM recordings";
            reader.db.query_row(sql, [], |row| row.get(0))
        })
        .unwrap_or(None);
    Origin {
        path: reader.path.to_string_lossy().into_owned(),
        began: began.map(Timestamp::from_nanos),
        upper: EventId::new(done.upper),
        of_events: done
            .events
            .saturating_add(done.lost_events)
            .min(i64::MAX.unsigned_abs()),
        taken: Taken::Salvage,
        filter: None,
        events: done.events,
        exported: options.now,
        program: options.program.clone(),
    }
}
