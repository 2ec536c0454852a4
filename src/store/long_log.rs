//! The log after a reader has held it for long.
//!
//! SQLite writes the log (`-wal`) back to the file at the end of a commit, all of it at once. A reader that stands still in
//! the middle of a statement keeps it from doing so, and the log grows with every commit. Once the reader goes, one commit
//! would take as long as copying gigabytes, and a recorder that waits for it loses what comes in meanwhile. So a log that
//! is much longer than usual is written back by a thread, on a connection of its own and beside the commits, until what is
//! left is as little as usual.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, InterruptHandle};

use super::error::{At, Error};
use super::open;

/// A log is long when it has so many times as many bytes as are usually written back at once.
const LONG: u64 = 4;

/// How long the thread waits when a reader still holds the log.
const PAUSE: Duration = Duration::from_millis(500);

/// Writes a long log back.
pub(super) struct LongLog {
    path: PathBuf,
    /// How large the file of the log was when the last of it was written back: it stays as large until it begins anew.
    written_back_bytes: u64,
    helper: Option<Helper>,
}

/// The thread that writes it back.
struct Helper {
    thread: JoinHandle<()>,
    shared: Arc<Shared>,
    interrupt: InterruptHandle,
    /// After how many pages a commit wrote the log back.
    usual_pages: u64,
}

#[derive(Default)]
struct Shared {
    is_to_end: AtomicBool,
    /// Whether a reader keeps it from going on.
    is_held: AtomicBool,
}

impl LongLog {
    /// Of the capture at `path`.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            written_back_bytes: 0,
            helper: None,
        }
    }

    /// Sees to the log after a commit on `db`. Where no thread can be had, commits write it back as usual.
    pub(super) fn tend(&mut self, db: &Connection) {
        self.try_tend(db).ok();
    }

    fn try_tend(&mut self, db: &Connection) -> Result<(), Error> {
        let log_bytes = self.log_bytes();
        if let Some(helper) = self.helper.take_if(|helper| helper.thread.is_finished()) {
            // The next commit does the rest.
            db.pragma_update(None, "wal_autocheckpoint", helper.usual_pages)
                .at(&self.path)?;
            helper.end();
            self.written_back_bytes = log_bytes;
        }
        if self.helper.is_some() {
            return Ok(());
        }
        let pages = open::pragma(db, "wal_autocheckpoint").at(&self.path)?;
        let page_bytes = open::pragma(db, "page_size").at(&self.path)?;
        let long = pages.saturating_mul(page_bytes).saturating_mul(LONG);
        if log_bytes <= long {
            self.written_back_bytes = 0;
        } else if log_bytes > self.written_back_bytes.saturating_add(long) {
            self.helper = Some(Helper::start(&self.path, pages)?);
            db.pragma_update(None, "wal_autocheckpoint", 0)
                .at(&self.path)?;
        }
        Ok(())
    }

    /// Whether a reader holds the log, if it is written back now; `None` if it is not.
    pub(super) fn is_held(&self) -> Option<bool> {
        let helper = self.helper.as_ref()?;
        Some(helper.shared.is_held.load(Ordering::Relaxed))
    }

    /// Ends the thread: the log is to be written back at once.
    pub(super) fn end(&mut self) {
        if let Some(helper) = self.helper.take() {
            helper.end();
        }
    }

    fn log_bytes(&self) -> u64 {
        std::fs::metadata(open::beside(&self.path, "-wal")).map_or(0, |metadata| metadata.len())
    }
}

impl Drop for LongLog {
    fn drop(&mut self) {
        self.end();
    }
}

impl Helper {
    fn start(path: &Path, usual_pages: u64) -> Result<Self, Error> {
        let db = open::open_for_writing(path)?;
        let shared = Arc::new(Shared::default());
        let interrupt = db.get_interrupt_handle();
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || write_back(&db, usual_pages, &shared)
            })
            .map_err(|error| Error::from_io(path, error))?;
        Ok(Self {
            thread,
            shared,
            interrupt,
            usual_pages,
        })
    }

    fn end(self) {
        self.shared.is_to_end.store(true, Ordering::Relaxed);
        self.interrupt.interrupt();
        self.thread.thread().unpark();
        // If it panicked, the next commit writes the log back.
        drop(self.thread.join());
    }
}

/// Writes the log back until no more than `usual_pages` of it are left. What goes wrong ends it: the next commit then
/// fails as well, and says so.
fn write_back(db: &Connection, usual_pages: u64, shared: &Shared) {
    let mut before = None;
    while !shared.is_to_end.load(Ordering::Relaxed) {
        let state = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok((
                row.get::<_, bool>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, i64>(2)?,
            ))
        });
        let Ok((is_busy, pages, done)) = state else {
            return;
        };
        if !is_busy && u64::try_from(pages - done).unwrap_or(0) <= usual_pages {
            return;
        }
        // Whoever commits goes on meanwhile: there is more to do, unless a reader is in the way.
        let is_held = is_busy || before == Some(done);
        shared.is_held.store(is_held, Ordering::Relaxed);
        if is_held {
            std::thread::park_timeout(PAUSE);
        }
        before = Some(done);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn commit(db: &Connection, log: &mut LongLog) {
        db.execute("INSERT INTO kept VALUES (randomblob(100000))", [])
            .unwrap();
        log.tend(db);
    }

    #[test]
    fn a_log_that_was_held_is_written_back_beside_the_commits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA wal_autocheckpoint = 40;
             PRAGMA journal_size_limit = 200000;
             CREATE TABLE kept (bytes);",
        )
        .unwrap();
        let mut log = LongLog::new(&path);
        for _ in 0..50 {
            commit(&db, &mut log);
        }
        assert_eq!(log.is_held(), None);
        assert!(log.log_bytes() < 500_000);

        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM kept").unwrap();
        for _ in 0..50 {
            commit(&db, &mut log);
        }
        assert!(log.log_bytes() > 5_000_000);
        assert_eq!(open::pragma(&db, "wal_autocheckpoint").unwrap(), 0);
        let began = Instant::now();
        let until = |what: &str, is_so: &mut dyn FnMut() -> bool| {
            while !is_so() {
                assert!(began.elapsed() < Duration::from_secs(60), "{what}");
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        until("a reader holds it", &mut || log.is_held() == Some(true));

        reader.execute_batch("COMMIT").unwrap();
        until("it is written back, and begins anew", &mut || {
            commit(&db, &mut log);
            log.is_held().is_none() && log.log_bytes() < 500_000
        });
        assert_eq!(open::pragma(&db, "wal_autocheckpoint").unwrap(), 40);
        assert!(std::fs::metadata(&path).unwrap().len() > 10_000_000);

        // Ended while a reader holds it, it waits for nothing.
        reader.execute_batch("BEGIN; SELECT * FROM kept").unwrap();
        until("it is long again", &mut || {
            commit(&db, &mut log);
            log.is_held().is_some()
        });
        log.end();
        assert_eq!(log.is_held(), None);
    }
}
