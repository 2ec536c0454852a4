//! Makes the index of exchanges behind a recording, in the recorder's own process.

use std::path::Path;

use super::index::{Indexed, Indexer};
use crate::event::Timestamp;
use crate::store::error::{At, Error};
use crate::store::open;
use crate::store::patience::{Patience, Way};
use crate::store::reader::Reader;
use crate::store::vault::Vault;
use crate::store::watch::Watch;

/// How long a committed event waits before it is read: for events that happened earlier and arrive later, and for a
/// connection event that moves it to another connection.
const SETTLED_NS: i64 = 3_000_000_000;

/// How long the index waits for the recorder's write lock.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Read what has settled by this time.
    Until(Timestamp),
    /// The recording is over: read the rest and end.
    Rest,
    /// End; what is missing can be caught up on.
    Leave,
}

/// Follows a recording that a [`Writer`](crate::store::Writer) of this process makes, and asks `next` after each step what
/// to do. `vault` is that of the writer. `watch` stops a step that takes long.
///
/// # Errors
/// When the capture cannot be read or written. The recording is not touched by that.
pub fn follow(
    path: &Path,
    vault: &Vault,
    watch: &Watch,
    next: &mut dyn FnMut() -> Follow,
) -> Result<Indexed, Error> {
    let path = open::resolve(path)?;
    let mut reader = Reader::beside_writer(&path, vault)?;
    let mut db = open::open_for_writing(&path)?;
    // Of a file that others wrote to, nothing is known. Each step has patience of its own.
    let patience = Patience::with(&path, Way::InPlace(open::SHARED));
    for db in [&mut reader.db, &mut db] {
        patience.watch_over(db, Some(watch.clone())).at(&path)?;
    }
    db.busy_timeout(PATIENCE).at(&path)?;
    // What is lost in a power cut is made again.
    db.pragma_update(None, "synchronous", "NORMAL").at(&path)?;
    db.pragma_update(None, "foreign_keys", false).at(&path)?;
    // The log is the writer's to write back.
    db.pragma_update(None, "wal_autocheckpoint", 0).at(&path)?;
    let mut indexer = Indexer::new(&reader, &db)?;
    let mut done = indexer.done();
    loop {
        let follow = next();
        let result = patience.of(|| match follow {
            Follow::Until(now) => indexer.advance(settled(&reader, now)?, watch),
            Follow::Rest => indexer.advance(reader.newest_id()?, watch),
            Follow::Leave => Ok(()),
        });
        match (result, follow) {
            // It was told to stop in the middle of a statement.
            (Err(_), _) if watch.is_stopped() => return Ok(done),
            (Err(error), _) => return Err(error),
            (Ok(()), Follow::Until(_)) => done = indexer.done(),
            (Ok(()), Follow::Leave) => return Ok(indexer.done()),
            (Ok(()), Follow::Rest) => return patience.of(|| indexer.finish(watch)),
        }
    }
}

/// The last event of those that were committed long enough ago.
fn settled(reader: &Reader, now: Timestamp) -> Result<i64, Error> {
    reader
        .db
        .prepare_cached(
            "SELECT COALESCE(
                (SELECT last_id FROM batches WHERE committed_ns <= ?1 ORDER BY first_id DESC LIMIT 1), 0) AS id",
        )
        .and_then(|mut statement| {
            statement.query_row([now.plus_nanos(-SETTLED_NS).as_nanos()], |row| row.get("id"))
        })
        .at(&reader.path)
}
