//! Rows without an end: when to look whether the pages of a file lead in circles.
//!
//! In a file that somebody made by hand, or that is damaged, a page can be its own child, or a few pages can lead to each
//! other over and over. SQLite then gives rows for ever, each of which looks like any other. Only a look at all pages
//! tells such a file from a large one, and nobody should pay for that who asks a short question.
//!
//! So SQLite's steps are counted, which costs nothing. Once they are far more than it takes to read all of the file
//! several times, its pages are looked at, once, by SQLite's own check and beside what is going on. Where a page is met
//! twice, what is going on is ended, as damage. Otherwise somebody has asked a costly question, and may take all the time
//! that it takes.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ffi};

use super::error::{At, Error, is_damage};
use super::open::open_read_only;
use super::reader::Reader;
use super::watch::Watch;
use super::{open, private_copy};

/// How many steps of SQLite's machine pass between two looks: a fraction of a millisecond.
const STEPS: i32 = 10_000;

/// How many steps are taken of any file: far more than it takes to open it a second time.
const LEAST_STEPS: i64 = 2_000_000;

/// How many steps are taken for each byte that the file takes on the disk. To list all events takes about one, and the look
/// at all pages as long as one or two.
const STEPS_A_BYTE: i64 = 10;

/// How many steps are taken for one row of a damaged file, with all that it names: a block can have ten thousand members.
const STEPS_A_ROW: i64 = 2_000_000;

/// How many faults are asked for: where there are more, nothing in the file can be relied on.
const FAULTS: usize = 1000;

/// How the file can be opened a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Where it is, with these parameters of its URI.
    InPlace(&'static str),
    /// As a private copy of its own.
    Copy,
}

/// How long questions to one file may go on before it is looked at, all connections together.
#[derive(Debug, Clone)]
pub(super) struct Patience(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    way: Way,
    budget: i64,
    left: AtomicI64,
    leads_in_circles: OnceLock<bool>,
}

impl Patience {
    /// With the file at `path`, which can be opened in this way.
    pub(super) fn with(path: &Path, way: Way) -> Self {
        let budget = budget(bytes_on_disk(path));
        Self(Arc::new(Shared {
            path: path.to_owned(),
            way,
            budget,
            left: AtomicI64::new(budget),
            leads_in_circles: OnceLock::new(),
        }))
    }

    /// Counts the steps of this connection as well. What runs there is ended where it has no end, and when `watch` says so.
    pub(super) fn watch_over(
        &self,
        db: &mut Connection,
        watch: Option<Watch>,
    ) -> rusqlite::Result<()> {
        let patience = self.clone();
        let is_over =
            move || watch.as_ref().is_some_and(Watch::is_stopped) || patience.is_over(STEPS);
        db.progress_handler(STEPS, Some(is_over))
    }

    /// Begins to count anew, for one row of a file that is read row by row as it is damaged: each stands for itself.
    pub(super) fn of_a_row(&self) {
        self.0.left.store(STEPS_A_ROW, Ordering::Relaxed);
    }

    /// Runs what goes through a whole table of such a file, with patience of its own.
    pub(super) fn of<T>(&self, run: impl FnOnce() -> T) -> T {
        self.0.left.store(self.0.budget, Ordering::Relaxed);
        let result = run();
        self.of_a_row();
        result
    }

    /// Whether what runs is to end, as so many steps were taken more.
    pub(super) fn is_over(&self, steps: i32) -> bool {
        let shared = &self.0;
        if shared.left.fetch_sub(i64::from(steps), Ordering::Relaxed) > 0 {
            return false;
        }
        *shared
            .leads_in_circles
            .get_or_init(|| leads_in_circles(&shared.path, shared.way))
    }

    /// Whether something was ended for that reason.
    pub(super) fn is_lost(&self) -> bool {
        self.0.leads_in_circles.get() == Some(&true)
    }
}

impl Reader {
    /// Counts the steps of this reader together with those of others.
    pub(super) fn be_patient(&mut self, patience: Patience) -> Result<(), Error> {
        patience.watch_over(&mut self.db, None).at(&self.path)?;
        self.patience = Some(patience);
        Ok(())
    }

    /// Runs what the watch can stop also in the middle of a statement, as damage that nobody is to be told of.
    pub(super) fn while_watched<T>(
        &mut self,
        run: impl FnOnce(&Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(patience) = self.patience() else {
            return run(self);
        };
        let watch = self.watch().clone();
        patience
            .watch_over(&mut self.db, Some(watch))
            .at(&self.path)?;
        let result = run(self);
        patience.watch_over(&mut self.db, None).at(&self.path)?;
        result
    }

    /// Runs one statement of many rows on a capture that may be damaged: it ends also where its pages lead in circles.
    pub(super) fn bounded<T>(&self, run: impl FnOnce() -> T) -> T {
        match &self.patience {
            Some(patience) => patience.of(run),
            None => run(),
        }
    }

    /// How long questions may go on before the file is looked at.
    pub(super) fn patience(&self) -> Option<Patience> {
        self.patience.clone()
    }
}

/// No longer counts the steps of a connection.
pub(super) fn leave_alone(db: &mut Connection) -> rusqlite::Result<()> {
    db.progress_handler(0, None::<fn() -> bool>)
}

/// How many steps are taken before a file of this size is looked at.
fn budget(bytes: u64) -> i64 {
    i64::try_from(bytes)
        .unwrap_or(i64::MAX)
        .saturating_mul(STEPS_A_BYTE)
        .saturating_add(LEAST_STEPS)
}

/// How much there is to be read of a file and its log; holes in it hold no rows.
fn bytes_on_disk(path: &Path) -> u64 {
    ["", "-wal"]
        .map(|suffix| std::fs::metadata(open::beside(path, suffix)))
        .into_iter()
        .flatten()
        // stat(2): blocks of 512 bytes, whatever those of the file system are.
        .map(|metadata| metadata.len().min(metadata.blocks().saturating_mul(512)))
        .fold(0, u64::saturating_add)
}

/// Whether one page leads to another in two ways. Where that cannot be found out, nothing is held against the file.
fn leads_in_circles(path: &Path, way: Way) -> bool {
    let db = match way {
        Way::InPlace(parameters) => open_read_only(path, parameters),
        Way::Copy => private_copy::open(path, |_| Ok(())),
    };
    db.is_ok_and(|db| meets_a_page_twice(&db).unwrap_or_else(|error| is_damage(&error)))
}

/// SQLite's documentation, "PRAGMA `quick_check`"; the words are those of its `btree.c`. What is said of pages comes first.
fn meets_a_page_twice(db: &Connection) -> rusqlite::Result<bool> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, true)?;
    open::distrust_to_read(db)?;
    let mut statement = db.prepare(&format!("PRAGMA quick_check({FAULTS})"))?;
    let mut rows = statement.query([])?;
    let mut faults = 0;
    while let Some(row) = rows.next()? {
        let message = row.get_ref(0)?.as_str()?;
        faults += message.lines().count();
        if faults >= FAULTS || message.contains("2nd reference to page") {
            return Ok(true);
        }
        if message != "ok" {
            // Faults of rows, which are told after those of pages, are none of ours.
            return Ok(false);
        }
    }
    Ok(false)
}

/// What is said of rows that come in another order than that of their ids: no tree gives them so.
pub(super) fn not_rising() -> rusqlite::Error {
    let detail = "rows come again, or in no order: its pages lead in circles";
    rusqlite::Error::SqliteFailure(
        ffi::Error::new(ffi::SQLITE_CORRUPT),
        Some(detail.to_owned()),
    )
}

/// What is said of a statement that was ended.
pub(super) const IN_CIRCLES: &str =
    "far more rows came than it can hold: its pages lead in circles";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_files_may_take_longer() {
        assert_eq!(budget(0), LEAST_STEPS);
        assert_eq!(budget(4096), LEAST_STEPS + 40_960);
        assert_eq!(budget(u64::MAX), i64::MAX);
    }

    /// A question that has no end of its own.
    fn endless(db: &Connection, rows: u64) -> rusqlite::Result<u64> {
        db.query_row(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT ?1) SELECT COUNT(*) FROM n",
            [rows],
            |row| row.get(0),
        )
    }

    fn file(folder: &Path) -> (PathBuf, Connection) {
        let path = folder.join("t.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(
            "PRAGMA page_size = 512; CREATE TABLE t (id INTEGER PRIMARY KEY, x);
             WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 1000)
             INSERT INTO t SELECT x, zeroblob(50) FROM n",
        )
        .unwrap();
        (path, db)
    }

    #[test]
    fn a_costly_question_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mut db) = file(folder.path());
        let patience = Patience::with(&path, Way::InPlace("mode=ro"));
        patience.watch_over(&mut db, None).unwrap();
        let rows = u64::try_from(LEAST_STEPS).unwrap() / 5;
        assert_eq!(endless(&db, rows).unwrap(), rows);
        assert!(patience.0.leads_in_circles.get() == Some(&false));
        assert!(!patience.is_lost());
    }

    #[test]
    fn a_circle_is_found_and_what_runs_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let (path, db) = file(folder.path());
        let root: usize = db
            .query_row(
                "SELECT rootpage FROM sqlite_schema WHERE name = 't'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        drop(db);
        // The last child of the root, an inner page, is the root (SQLite's file format, section 1.6).
        let mut bytes = std::fs::read(&path).unwrap();
        let at = (root - 1) * 512;
        assert_eq!(bytes[at], 5);
        bytes[at + 8..at + 12].copy_from_slice(&u32::try_from(root).unwrap().to_be_bytes());
        std::fs::write(&path, bytes).unwrap();
        let mut db = Connection::open(&path).unwrap();
        let patience = Patience::with(&path, Way::InPlace("mode=ro"));
        patience.watch_over(&mut db, None).unwrap();
        let is_interrupted = |result: rusqlite::Result<u64>| {
            result.unwrap_err().sqlite_error_code()
                == Some(rusqlite::ErrorCode::OperationInterrupted)
        };
        assert!(is_interrupted(endless(&db, u64::MAX >> 1)));
        assert!(patience.is_lost());
        // In a damaged file, each row and each statement has its own.
        patience.of_a_row();
        assert_eq!(endless(&db, 100_000).unwrap(), 100_000);
        assert!(is_interrupted(patience.of(|| endless(&db, u64::MAX >> 1))));
        assert_eq!(patience.of(|| endless(&db, 100_000)).unwrap(), 100_000);
    }
}
