//! Makes the index of exchanges behind a recording, in the recorder's own process.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use super::index::{Indexed, Indexer};
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
const PATIENCE: Duration = Duration::from_secs(60);

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Read what has settled by now: so many nanoseconds on a clock that nobody can set.
    At(i64),
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
    let mut settling = Settling::default();
    loop {
        let follow = next();
        let result = patience.of(|| match follow {
            Follow::At(now_ns) => {
                let newest = reader.newest_id()?;
                let settled = settling.look(now_ns, newest);
                indexer.advance(settled, watch)?;
                if settled == newest {
                    indexer.settle(watch)?;
                }
                Ok(())
            }
            Follow::Rest => indexer.advance(reader.newest_id()?, watch),
            Follow::Leave => Ok(()),
        });
        match (result, follow) {
            // It was told to stop in the middle of a statement.
            (Err(_), _) if watch.is_stopped() => return Ok(done),
            (Err(error), _) => return Err(error),
            (Ok(()), Follow::At(_)) => done = indexer.done(),
            (Ok(()), Follow::Leave) => return Ok(indexer.done()),
            (Ok(()), Follow::Rest) => return patience.of(|| indexer.finish(watch)),
        }
    }
}

/// Which events were there long enough ago.
#[derive(Debug, Default)]
struct Settling {
    /// The newest event at each look, the oldest look first.
    seen: VecDeque<(i64, i64)>,
    settled: i64,
}

impl Settling {
    /// The last event that was there long enough before this time. `newest` is the newest now.
    fn look(&mut self, now_ns: i64, newest: i64) -> i64 {
        self.seen.push_back((now_ns, newest));
        while let Some((at, newest)) = self.seen.front().copied()
            && at.saturating_add(SETTLED_NS) <= now_ns
        {
            self.settled = newest;
            self.seen.pop_front();
        }
        self.settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_settle_after_three_seconds() {
        let mut settling = Settling::default();
        let looks = [
            (0, 5),
            (1, 5),
            (2, 7),
            (3, 7),
            (4, 9),
            (5, 9),
            (60, 20),
            (61, 20),
            (63, 30),
        ];
        let settled = looks.map(|(second, newest)| settling.look(second * 1_000_000_000, newest));
        assert_eq!(settled, [0, 0, 0, 5, 5, 7, 9, 9, 20]);
    }
}
