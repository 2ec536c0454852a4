//! The recorder's side of a capture: one [`Writer`] a file, one transaction a commit.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::batch::{Batch, Counters, KnownRun, NextIds, RecordingStart, RunRow, UncleanEnd};
use super::begin::Begun;
use super::error::{At, Error};
use super::long_log::LongLog;
use super::patience::{self, Patience, Way};
use super::prune::{self, Done, Pruner, Step};
use super::retention::{Plan, Rules, Size};
use super::row_writer::RowWriter;
use super::vault::Vault;
use super::{begin, chain, migrate, open, unlock};
use crate::event::{ConnectionId, EventId, Predecessor, RecordingId, RunId, SourceId, Timestamp};

/// How a recording was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealed {
    /// The capture is one file that stands on its own.
    Yes,
    /// A reader held the file: it is complete, but its `-wal` file still belongs to it until the next recording ends.
    HeldByReader,
}

/// A capture that is being written.
pub struct Writer {
    db: Connection,
    path: PathBuf,
    vault: Vault,
    /// A recording a source; the first leads the others.
    begun: Vec<Begun>,
    rows: RowWriter,
    next: NextIds,
    unclean: Vec<UncleanEnd>,
    pruner: Option<Pruner>,
    newest_before: Option<(i64, Timestamp)>,
    log: LongLog,
    // Closed last: closing any descriptor of the file gives up SQLite's own locks (POSIX fcntl).
    lock: Arc<File>,
}

impl Writer {
    /// Opens the capture at `path`, creating it if there is none, and begins a recording.
    ///
    /// # Errors
    /// When the file is not ours to write, is held by another recorder, is newer than this program, is no capture, or
    /// cannot be written. Nothing is changed in a file that is refused.
    pub fn open(path: &Path, start: &RecordingStart) -> Result<Self, Error> {
        Self::open_all(path, std::slice::from_ref(start))
    }

    /// The same with a recording for each of several sources, no two of them the same.
    ///
    /// # Errors
    /// As for [`Writer::open`].
    pub fn open_all(path: &Path, starts: &[RecordingStart]) -> Result<Self, Error> {
        Self::open_behind(path, starts, None)
    }

    /// The same in a new file, for recordings that were in another one before: ids of events and the chain of commits go on.
    /// The file has its name only once it is a capture: nobody who looks at files of such names finds a part of one.
    ///
    /// # Errors
    /// As for [`Writer::open`], and when there is something at `path` already.
    pub fn open_next(
        path: &Path,
        starts: &[RecordingStart],
        before: Option<&Predecessor>,
    ) -> Result<Self, Error> {
        let path = open::resolve(path)?;
        let draft = open::draft_of(&path);
        {
            let _lock = open::lock_for_writing(&draft)?;
            let mut db = open::open_for_writing(&draft)?;
            open::lay_out(&db, &draft)?;
            migrate::climb(&mut db, &draft)?;
            open::complete_schema(&db).at(&draft)?;
        }
        open::rename(&draft, &path)?;
        Self::open_behind(&path, starts, before)
    }

    fn open_behind(
        path: &Path,
        starts: &[RecordingStart],
        before: Option<&Predecessor>,
    ) -> Result<Self, Error> {
        let start = starts.first().expect("there is a source");
        let path = open::resolve(path)?;
        let lock = Arc::new(open::lock_for_writing(&path)?);
        let mut db = open::open_for_writing(&path)?;
        let patience = Patience::with(&path, Way::InPlace(open::SHARED));
        patience.watch_over(&mut db, None).at(&path)?;
        // Whatever is a reason to refuse the file comes before the first change to it, which is to WAL mode.
        let version = migrate::check_writable(&db, &path)?;
        if version.is_some_and(|version| version >= chain::SINCE_VERSION) {
            chain::check_key(&db, &path, start.chain_key.as_ref())?;
        }
        let vault = match version {
            Some(_) => unlock::check(&db, &path, &start.protection)?,
            None => None,
        };
        if let (Some(_), Some(sha256), false) = (version, &start.import_sha256, start.is_again) {
            begin::refuse_second_import(&db, &path, sha256, start)?;
        }
        if version.is_none() {
            open::lay_out(&db, &path)?;
        }
        // The schema before WAL mode: a new file says by itself what it is, also without the -wal of a killed recorder.
        migrate::climb(&mut db, &path)?;
        if version.is_none() {
            open::complete_schema(&db).at(&path)?;
        }
        let vault = match vault {
            Some(vault) => vault,
            None => unlock::begin(&db, &path, &start.protection)?,
        };
        open::prepare_for_writing(&db, &path)?;
        let newest_before = prune::newest_commit(&db).at(&path)?;
        let transaction =
            Transaction::new_unchecked(&db, TransactionBehavior::Immediate).at(&path)?;
        let unclean = begin::note_unclean_ends(&transaction, start.started).at(&path)?;
        let begun = begin::add_recordings(&transaction, starts).at(&path)?;
        if let Some(before) = before {
            before.note(&transaction, start.started).at(&path)?;
        }
        transaction.commit().at(&path)?;
        let recordings: Vec<_> = begun.iter().map(|begun| begun.recording).collect();
        let lead = *recordings.first().expect("there is a source");
        let next = begin::next_ids(&db, lead).at(&path)?;
        let rows = RowWriter::new(
            &db,
            recordings,
            ConnectionId::new(next.connection),
            start.chain_key.clone(),
            vault.clone(),
        )
        .map_err(|error| error.at(&path))?;
        let log = LongLog::new(&path, Arc::clone(&lock));
        // What a recorder does from now on is written by the clock, and not to be held up.
        patience::leave_alone(&mut db).at(&path)?;
        Ok(Self {
            db,
            path,
            vault,
            begun,
            rows,
            next,
            unclean,
            pruner: None,
            newest_before,
            log,
            lock,
        })
    }

    /// The file, with its folder resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the capture is encrypted.
    pub fn is_encrypted(&self) -> bool {
        !self.vault.is_plain()
    }

    /// What encrypts this capture, to open it beside this writer.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// What a next file has to know of this one, which is or will be at `path`; `last` is the last event that was given an
    /// id. `None` if none was.
    pub fn predecessor(&self, path: &Path, last: EventId) -> Option<Predecessor> {
        let name = path.file_name().unwrap_or_default();
        (last.number() > 0).then(|| Predecessor {
            name: name.to_string_lossy().into_owned(),
            last,
            link: self.rows.chain_head().map(<[u8]>::to_vec),
        })
    }

    /// The recording that was begun; of several, the first.
    pub fn recording(&self) -> RecordingId {
        self.next.recording
    }

    /// The recordings that were begun, in the order in which their sources were given.
    pub fn recordings(&self) -> impl Iterator<Item = RecordingId> {
        self.begun.iter().map(|begun| begun.recording)
    }

    /// The ids that the first rows of this recording get.
    pub fn next_ids(&self) -> NextIds {
        self.next
    }

    /// Recordings that were found to have ended without a word; each is now a gap.
    pub fn unclean_ends(&self) -> &[UncleanEnd] {
        &self.unclean
    }

    /// What is known of the newest run of each source, in the order in which they were given.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn known_runs(&self) -> Result<Vec<Option<KnownRun>>, Error> {
        self.begun
            .iter()
            .map(|begun| self.read_known_run(begun.source).at(&self.path))
            .collect()
    }

    fn read_known_run(&self, source: SourceId) -> rusqlite::Result<Option<KnownRun>> {
        let run = self
            .db
            .query_row(
                "SELECT id, first_log, version, started_ns, zone_offset_seconds FROM runs
                 WHERE source_id = ?1 AND first_log IS NOT NULL
                 ORDER BY id DESC LIMIT 1",
                [source.number()],
                |row| {
                    Ok(RunRow {
                        id: RunId::new(row.get("id")?),
                        first_log: row.get("first_log")?,
                        version: row.get("version")?,
                        started: row
                            .get::<_, Option<i64>>("started_ns")?
                            .map(Timestamp::from_nanos),
                        zone_offset_seconds: row.get("zone_offset_seconds")?,
                    })
                },
            )
            .optional()?;
        let Some(run) = run else { return Ok(None) };
        let mut statement = self
            .db
            .prepare("SELECT line FROM run_logs WHERE run_id = ?1 ORDER BY id LIMIT 256")?;
        let first_lines = statement
            .query_map([run.id.number()], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Some(KnownRun { run, first_lines }))
    }

    /// Writes a batch in one transaction. When it returns, the batch is on the disk.
    ///
    /// # Errors
    /// [`Error::Busy`] when another connection holds the write lock: nothing was done, and the same batch can be tried
    /// again. Any other error means that the batch is not in the file and that this writer is of no further use.
    pub fn commit(&mut self, batch: &Batch, now: Timestamp) -> Result<(), Error> {
        self.commit_all(&[batch], now)
    }

    /// Writes a batch of each source in one transaction, in the order in which the sources were given. The ids of their
    /// events, taken together, follow each other.
    ///
    /// # Errors
    /// As for [`Writer::commit`].
    pub fn commit_all(&mut self, batches: &[&Batch], now: Timestamp) -> Result<(), Error> {
        let transaction =
            Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate).at(&self.path)?;
        self.rows
            .write(&transaction, batches, now)
            .map_err(|error| error.at(&self.path))?;
        transaction.commit().at(&self.path)?;
        self.log.tend(&self.db);
        Ok(())
    }

    /// Keeps from now on what these rules say. With a limit on size, the `-wal` is written back early enough to fit in,
    /// or into the file system.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn keep(&mut self, rules: Rules) -> Result<(), Error> {
        let of_disk = rules.min_free.as_ref().and_then(|_| {
            let (_, total) = open::disk_space(&self.path).ok()?;
            Some(total)
        });
        let of_rule = rules.max_size.as_ref().map(|rule| rule.bytes);
        if let Some(limit) = of_disk.into_iter().chain(of_rule).min() {
            open::limit_log(&self.db, limit).at(&self.path)?;
        }
        self.pruner = Some(Pruner::new(&self.path, rules, &self.vault)?);
        Ok(())
    }

    /// The newest event of the recordings before this one, and when it was received; `None` if there is none.
    pub fn newest_before(&self) -> Option<(i64, Timestamp)> {
        self.newest_before
    }

    /// What the rules say now. `None` without rules.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn plan(&self, now: Timestamp, disk: Option<(u64, u64)>) -> Result<Option<Plan>, Error> {
        self.pruner
            .as_ref()
            .map(|pruner| pruner.plan(&self.db, now, disk))
            .transpose()
    }

    /// Looks what is to go, which [`Self::prune`] then carries out step by step. With `by_age` false, only what rules
    /// on size say.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn look(
        &mut self,
        now: Timestamp,
        disk: Option<(u64, u64)>,
        by_age: bool,
    ) -> Result<(), Error> {
        match &mut self.pruner {
            Some(pruner) => pruner.look(&self.db, now, disk, by_age),
            None => Ok(()),
        }
    }

    /// Whether a plan is being carried out.
    pub fn is_pruning(&self) -> bool {
        self.pruner.as_ref().is_some_and(Pruner::is_busy)
    }

    /// Carries out one step, which takes some hundredths of a second; `false` if there was nothing to do. `is_live` tells
    /// connections that may get events again.
    ///
    /// # Errors
    /// As for [`Writer::commit`], but that what was committed before is not affected, and this writer goes on being of use.
    pub fn prune(&mut self, now: Timestamp, is_live: &dyn Fn(i64) -> bool) -> Result<bool, Error> {
        let Some(pruner) = &mut self.pruner else {
            return Ok(false);
        };
        match pruner.step(&self.db, now, is_live)? {
            Step::Idle => return Ok(false),
            Step::Done => {}
            Step::Removed(gone) => self.rows.forget_events(&gone),
            Step::Forget => self.rows.forget_shared(),
        }
        Ok(true)
    }

    /// How large the capture is.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn size(&self) -> Result<Size, Error> {
        prune::size(&self.db, &self.path)
    }

    /// What was pruned so far, and whether a rule on size cannot be met because nothing is left that may go.
    pub fn pruned(&self) -> (Done, bool) {
        self.pruner
            .as_ref()
            .map_or_else(Default::default, |pruner| {
                (pruner.done(), pruner.is_short())
            })
    }

    /// Writes the `-wal` back as far as no reader keeps it, without waiting for one. Whether a reader does.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_back(&mut self) -> Result<bool, Error> {
        match self.log.is_held(&self.db)? {
            Some(is_held) => Ok(is_held),
            None => prune::write_back(&self.db, &self.path),
        }
    }

    /// The first event behind `after` that was received from `since` up to `until`; `None` if there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn first_received(
        &self,
        after: EventId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Option<EventId>, Error> {
        self.db
            .prepare_cached(
                "SELECT id FROM events
                 WHERE id > ?1 AND time_ns + received_after_ns BETWEEN ?2 AND ?3 ORDER BY id LIMIT 1",
            )
            .and_then(|mut statement| {
                statement
                    .query_row(
                        [after.number(), since.as_nanos(), until.as_nanos()],
                        |row| row.get("id").map(EventId::new),
                    )
                    .optional()
            })
            .at(&self.path)
    }

    /// Notes that this host's clock was set: each time when that was noticed, after which event, and by how many
    /// nanoseconds.
    ///
    /// # Errors
    /// As for [`Writer::prune`].
    pub fn note_jumps(&self, jumps: &[(Timestamp, EventId, i64)]) -> Result<(), Error> {
        let note = || {
            let transaction = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
            for (noticed, before, by_ns) in jumps {
                prune::note_jump(&transaction, *noticed, *before, *by_ns)?;
            }
            transaction.commit()
        };
        note().at(&self.path)
    }

    /// Ends the recording: puts what waits into blocks and notes the clean end.
    ///
    /// # Errors
    /// As for [`Writer::commit`].
    pub fn end(&mut self, counters: &Counters, now: Timestamp) -> Result<(), Error> {
        self.end_all(std::slice::from_ref(counters), now)
    }

    /// The same with the counters of each source.
    ///
    /// # Errors
    /// As for [`Writer::commit`].
    pub fn end_all(&mut self, counters: &[Counters], now: Timestamp) -> Result<(), Error> {
        // They have the file open, which sealing does not allow.
        self.pruner = None;
        self.log.end();
        let transaction =
            Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate).at(&self.path)?;
        self.rows
            .finish(&transaction, counters, now)
            .map_err(|error| error.at(&self.path))?;
        transaction.commit().at(&self.path)
    }

    /// After the recording was ended: gives free pages back and leaves one self-contained file.
    ///
    /// # Errors
    /// When the file cannot be written. Nothing is lost by that: the next recorder or query finds what is in its `-wal`.
    pub fn seal(self) -> Result<Sealed, Error> {
        self.leave_one_file()
    }

    /// Whether the file still has the name that it was opened by. SQLite cannot complete one that was moved away.
    ///
    /// # Errors
    /// When that cannot be looked up.
    pub fn is_in_place(&self) -> Result<bool, Error> {
        open::is_at(&self.path, &self.lock)
    }

    /// The same, and then gives the file another name, which nothing may have, unless a reader holds it. This writer is of no further use, but keeps others out until it goes.
    ///
    /// # Errors
    /// As for [`Writer::seal`], and when the file cannot be renamed.
    pub fn set_aside(&mut self, name: &Path) -> Result<Sealed, Error> {
        let sealed = self.leave_one_file()?;
        if sealed == Sealed::Yes {
            open::rename(&self.path, name)?;
        }
        Ok(sealed)
    }

    /// What [`Writer::seal`] does, of a writer that keeps others out until it goes.
    ///
    /// # Errors
    /// As for [`Writer::seal`].
    pub fn leave_one_file(&self) -> Result<Sealed, Error> {
        let is_alone = open::leave_one_file(&self.db).at(&self.path)?;
        Ok(if is_alone {
            Sealed::Yes
        } else {
            Sealed::HeldByReader
        })
    }
}
