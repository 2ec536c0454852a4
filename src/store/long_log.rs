//! The log after a reader has held it for long.
//!
//! SQLite writes the log (`-wal`) back to the file at the end of a commit, all of it at once. A reader that stands still in
//! the middle of a statement keeps it from doing so, and the log grows with every commit. Once the reader goes, one commit
//! would take as long as copying gigabytes, and a recorder that waits for it loses what comes in meanwhile. So a log that
//! is much longer than usual is written back by a thread, on a connection of its own and beside the commits, until what is
//! left is as little as usual.
//!
//! Two things that SQLite does at once then are done in parts, as either keeps a commit waiting for seconds: what was
//! written back is synced by the thread (a checkpoint that commits overtake leaves that to the next one), and the file of
//! the log, which stays as large as it ever was, is cut a little each time that the log begins anew. Cutting 8 GB off at
//! once took 9 s on an ext4 that discards what is freed, in parts of 256 MB 0.3 s each.

use std::fs::File;
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

/// How much at most is cut off the file of the log at once, in bytes.
const CUT_BYTES: u64 = 256 << 20;

/// After how many looks without a commit that cut it the file is cut all the same.
const REST_LOOKS: u32 = 5;

/// How long the thread waits when a reader still holds the log.
const PAUSE: Duration = Duration::from_millis(500);

/// Writes a long log back.
pub(super) struct LongLog {
    path: PathBuf,
    /// The capture itself. Whoever closes it gives up the locks of SQLite, so it is the writer's own.
    file: Arc<File>,
    /// How large the file of the log was when the last of it was written back: it stays as large until it is cut.
    written_back_bytes: u64,
    cut_bytes: u64,
    /// How large the file of the log was when it was last looked at, and at how many looks.
    seen: (u64, u32),
    /// Down to what the file of the log is cut when it is not long; `None` as long as it is not.
    usual_bytes: Option<u64>,
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
    /// Of the capture at `path`, which is `file`.
    pub(super) fn new(path: &Path, file: Arc<File>) -> Self {
        Self {
            path: path.to_owned(),
            file,
            written_back_bytes: 0,
            cut_bytes: CUT_BYTES,
            seen: (0, 0),
            usual_bytes: None,
            helper: None,
        }
    }

    /// Sees to the log after a commit on `db`. Where no thread can be had, commits write it back as usual.
    pub(super) fn tend(&mut self, db: &Connection) {
        self.try_tend(db).ok();
    }

    fn try_tend(&mut self, db: &Connection) -> Result<(), Error> {
        let log_bytes = self.log_bytes();
        self.limit_cut(db, log_bytes)?;
        self.end_if_done(db, log_bytes)?;
        if self.helper.is_some() {
            return Ok(());
        }
        let pages = open::pragma(db, "wal_autocheckpoint").at(&self.path)?;
        let page_bytes = open::pragma(db, "page_size").at(&self.path)?;
        let long = pages.saturating_mul(page_bytes).saturating_mul(LONG);
        self.written_back_bytes = self.written_back_bytes.min(log_bytes);
        if log_bytes <= long {
            self.written_back_bytes = 0;
        } else if log_bytes > self.written_back_bytes.saturating_add(long) {
            self.helper = Some(Helper::start(&self.path, &self.file, pages)?);
            db.pragma_update(None, "wal_autocheckpoint", 0)
                .at(&self.path)?;
        }
        Ok(())
    }

    /// Ends a thread that has done its work: the next commit does the rest.
    fn end_if_done(&mut self, db: &Connection, log_bytes: u64) -> Result<(), Error> {
        let helper = self.helper.take_if(|helper| helper.thread.is_finished());
        if let Some(helper) = helper {
            db.pragma_update(None, "wal_autocheckpoint", helper.usual_pages)
                .at(&self.path)?;
            helper.end();
            self.written_back_bytes = log_bytes;
        }
        Ok(())
    }

    /// Has no more cut off the file than may be at once, when the log begins anew.
    fn limit_cut(&mut self, db: &Connection, log_bytes: u64) -> Result<(), Error> {
        let usual = match self.usual_bytes {
            Some(bytes) => bytes,
            None => open::pragma(db, "journal_size_limit").at(&self.path)?,
        };
        let limit = log_bytes.saturating_sub(self.cut_bytes).max(usual);
        if limit > usual || self.usual_bytes.is_some() {
            db.pragma_update(None, "journal_size_limit", limit)
                .at(&self.path)?;
        }
        self.usual_bytes = (limit > usual).then_some(usual);
        Ok(())
    }

    /// Whether a reader holds the log, if it or its file is long; `None` if not. To be asked from time to time: where nothing
    /// is committed, the file is cut by that.
    pub(super) fn is_held(&mut self, db: &Connection) -> Result<Option<bool>, Error> {
        self.end_if_done(db, self.log_bytes())?;
        if let Some(helper) = &self.helper {
            return Ok(Some(helper.shared.is_held.load(Ordering::Relaxed)));
        }
        if self.usual_bytes.is_none() {
            return Ok(None);
        }
        // How much of its file the log takes is known to SQLite alone.
        let usual_pages = open::pragma(db, "wal_autocheckpoint").at(&self.path)?;
        let left = checkpoint(db).at(&self.path)?.left();
        let is_held = left > usual_pages;
        if is_held {
            self.written_back_bytes = 0;
        } else if left == 0 && self.has_rested() {
            // Any change makes the log begin anew.
            let version = open::pragma(db, "user_version").at(&self.path)?;
            db.pragma_update(None, "user_version", version)
                .at(&self.path)?;
            self.limit_cut(db, self.log_bytes())?;
        }
        Ok(Some(is_held))
    }

    /// Whether the file of the log was as large as it is at the looks before this one.
    fn has_rested(&mut self) -> bool {
        let log_bytes = self.log_bytes();
        let looks = match self.seen {
            (bytes, looks) if bytes == log_bytes => looks.saturating_add(1),
            _ => 0,
        };
        self.seen = (log_bytes, looks);
        looks >= REST_LOOKS
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
    fn start(path: &Path, file: &Arc<File>, usual_pages: u64) -> Result<Self, Error> {
        let db = open::open_for_writing(path)?;
        let shared = Arc::new(Shared::default());
        let interrupt = db.get_interrupt_handle();
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn({
                let (shared, file) = (Arc::clone(&shared), Arc::clone(file));
                move || write_back(&db, &file, usual_pages, &shared)
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
fn write_back(db: &Connection, file: &File, usual_pages: u64, shared: &Shared) {
    let mut before = None;
    while !shared.is_to_end.load(Ordering::Relaxed) {
        let Ok(state) = checkpoint(db) else {
            return;
        };
        // Whoever commits goes on meanwhile: there is more to do, unless a reader is in the way.
        let is_held = state.is_busy || before == Some(state.done);
        if !is_held && file.sync_data().is_err() {
            return;
        }
        if !state.is_busy && state.left() <= usual_pages {
            return;
        }
        shared.is_held.store(is_held, Ordering::Relaxed);
        if is_held {
            std::thread::park_timeout(PAUSE);
        }
        before = Some(state.done);
    }
}

/// How far the log is written back.
struct State {
    /// Whether somebody else writes it back just now.
    is_busy: bool,
    /// The pages in the log,
    pages: i64,
    /// and those of them that are in the file.
    done: i64,
}

impl State {
    /// How many pages are still to be written back.
    fn left(&self) -> u64 {
        u64::try_from(self.pages.saturating_sub(self.done)).unwrap_or(0)
    }
}

/// Writes the log back as far as no reader keeps it.
fn checkpoint(db: &Connection) -> rusqlite::Result<State> {
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        Ok(State {
            is_busy: row.get(0)?,
            pages: row.get(1)?,
            done: row.get(2)?,
        })
    })
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
        let file = Arc::new(File::open(&path).unwrap());
        let mut log = LongLog::new(&path, file);
        log.cut_bytes = 1_000_000;
        for _ in 0..50 {
            commit(&db, &mut log);
        }
        assert_eq!(log.is_held(&db).unwrap(), None);
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
        until("a reader holds it", &mut || {
            log.is_held(&db).unwrap() == Some(true)
        });

        reader.execute_batch("COMMIT").unwrap();
        let mut before = log.log_bytes();
        let mut is_quiet = false;
        until("it is written back, and its file cut in parts", &mut || {
            // The last parts without a commit.
            is_quiet |= log.helper.is_none() && before < 3_000_000;
            if !is_quiet {
                commit(&db, &mut log);
            }
            let cut = before.saturating_sub(log.log_bytes());
            assert!(cut <= 1_000_000, "{cut} bytes at once");
            before = log.log_bytes();
            log.is_held(&db).unwrap().is_none()
        });
        assert!(is_quiet && log.log_bytes() < 1_500_000);
        assert_eq!(open::pragma(&db, "journal_size_limit").unwrap(), 200_000);
        assert_eq!(open::pragma(&db, "wal_autocheckpoint").unwrap(), 40);
        assert!(std::fs::metadata(&path).unwrap().len() > 10_000_000);

        // Ended while a reader holds it, it waits for nothing.
        reader.execute_batch("BEGIN; SELECT * FROM kept").unwrap();
        until("it is long again", &mut || {
            commit(&db, &mut log);
            log.helper.is_some()
        });
        log.end();
        assert!(log.helper.is_none());
    }
}
