//! The asking side of a capture: opened so that not one byte changes in it or appears beside it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OptionalExtension};

use super::error::{At, Error, is_damage};
use super::exchanges::HeadCache;
use super::identities::IdentityCache;
use super::open::{self, Header, SHARED, UNCHANGING, open_read_only};
use super::patience::{Patience, Way};
use super::payload::{BlockCache, Payload};
use super::private_copy::{self, LOGS};
use super::row::{self, EVENT_BY_ID};
use super::rows::Rows;
use super::spans::Order;
use super::vault::{Column, Place, Vault};
use super::watch::Watch;
use super::{chain, earlier, migrate, unlock};
use crate::event::{Envelope, EventId, RunId, StoredEvent, Timestamp};
use crate::filter::Expr;

/// How a capture was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// As the finished file that it is.
    Finished,
    /// A recorder is writing to it now.
    Live,
    /// A recorder was killed and left its `-wal` file: answers come from a private copy of both.
    PrivateCopy,
    /// The recorder did not end cleanly, and its `-wal` file is missing: the last commits may be absent.
    LogMissing,
}

/// No value that a reader looks at is larger, but for whole frames.
const MAX_VALUE_BYTES: i32 = 4 << 20;

/// No frame is larger.
const MAX_FRAME_BYTES: i32 = 1 << 30;

/// How many runs are remembered with their source.
const MAX_SOURCES: usize = 1024;

/// SQLite's page cache for a reader, in KiB, negative as `PRAGMA cache_size` wants it.
const CACHE_KIB: i32 = -8 * 1024;

/// The same for a thread that scans.
const SCAN_CACHE_KIB: i32 = -1024;

/// How a file is taken that does not fit together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Care {
    /// It is refused.
    Strict,
    /// What can be read of it is read.
    Tolerant,
}

impl Care {
    /// Sets up a connection before its first statement. SQLite's documentation, "PRAGMA `writable_schema`": it then opens a
    /// file that is shorter than its header says, too.
    fn set(self, db: &Connection) -> rusqlite::Result<()> {
        if self == Self::Tolerant {
            db.set_db_config(DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, true)?;
        }
        Ok(())
    }

    /// Passes over damage where it may.
    fn of<T>(self, error: rusqlite::Error) -> rusqlite::Result<Option<T>> {
        if self == Self::Tolerant && is_damage(&error) {
            Ok(None)
        } else {
            Err(error)
        }
    }
}

/// A capture that is being read.
pub struct Reader {
    pub(super) db: Connection,
    pub(super) path: PathBuf,
    /// What decrypts payloads and what is made of them; locked in a capture whose secret was not given yet.
    pub(super) vault: Vault,
    pub(super) blocks: RefCell<BlockCache>,
    pub(super) heads: RefCell<HeadCache>,
    sources: RefCell<HashMap<i64, Option<Arc<str>>>>,
    pub(super) identities: RefCell<IdentityCache>,
    access: Access,
    /// No frame in it is larger, in bytes.
    largest_frame: i32,
    /// The version of its schema.
    version: i64,
    pub(super) uses_search_filter: bool,
    /// Whether it is a subset that lacks events in the middle of streams.
    has_cuts: bool,
    watch: Watch,
    /// How long questions may go on before the file is looked at; `None` where this process writes it.
    pub(super) patience: Option<Patience>,
    // Held while the file is read as one that cannot change, so that no recorder changes it. Closed last.
    _lock: Option<File>,
}

impl Reader {
    /// Opens the capture at `path`.
    ///
    /// A finished file, and one whose folder or disk cannot be written, is read where it is. One that a killed recorder
    /// left with its log is copied to a private folder first, with mode 0600; the copy is unlinked as soon as it is open.
    ///
    /// # Errors
    /// When there is no such file, it cannot be read, is no capture, or was written by another version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_as(path, Care::Strict)
    }

    /// Opens a capture that may be damaged, to look at what of it can be read: also one that is shorter than it says.
    ///
    /// # Errors
    /// As for [`Reader::open`]; damage that keeps SQLite from finding the tables is one as well.
    pub fn open_damaged(path: &Path) -> Result<Self, Error> {
        Self::open_as(path, Care::Tolerant)
    }

    fn open_as(path: &Path, care: Care) -> Result<Self, Error> {
        let metadata = std::fs::metadata(path).map_err(|error| Error::from_io(path, error))?;
        if !metadata.is_file() {
            return Err(Error::NotAFile {
                path: path.to_owned(),
            });
        }
        let mut file = File::open(path).map_err(|error| Error::from_io(path, error))?;
        let header = open::header(&mut file, path)?;
        let is_live = match file.try_lock_shared() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(error)) => return Err(Error::from_io(path, error)),
        };
        // SQLite names the log after the file that a link leads to.
        let path = path
            .canonicalize()
            .map_err(|error| Error::from_io(path, error))?;
        open::refuse_strange_company(&path, None)?;
        // A -journal is what a recorder leaves that was killed while it made the tables, or at the very end.
        let has_log = LOGS
            .iter()
            .any(|log| std::fs::metadata(open::beside(&path, log)).is_ok_and(|log| log.len() > 0));
        let reader = |db, (access, way), lock| {
            care.set(&db).at(&path)?;
            let patience = Patience::with(&path, way);
            let mut reader = Self::new(db, path.clone(), access, lock);
            if access != Access::Live {
                // What claims to be larger than the file is a list of pages without an end.
                let bytes = open::bytes_of(&path).try_into().unwrap_or(i32::MAX);
                reader.largest_frame = bytes.clamp(MAX_VALUE_BYTES, MAX_FRAME_BYTES);
            }
            reader.be_patient(patience)?;
            Ok::<_, Error>(reader)
        };
        let reader = if is_live {
            // The lock is the recorder's. Our descriptor of the file goes before SQLite opens its own.
            drop(file);
            let access = (Access::Live, Way::InPlace(SHARED));
            reader(open_read_only(&path, SHARED)?, access, None)?
        } else if has_log {
            let db = private_copy::open(&path, |db| care.set(db))?;
            reader(db, (Access::PrivateCopy, Way::Copy), None)?
        } else if header == (Header::Sqlite { is_wal: true }) {
            let access = (Access::Finished, Way::InPlace(UNCHANGING));
            reader(open_read_only(&path, UNCHANGING)?, access, Some(file))?
        } else {
            // SQLite's own locks are enough: a recorder that begins now waits for a statement, not for a query.
            drop(file);
            let access = (Access::Finished, Way::InPlace(SHARED));
            reader(open_read_only(&path, SHARED)?, access, None)?
        };
        reader.set_up()?.with_access_judged(header, care)
    }

    /// Opens a capture that this process has open for writing. SQLite alone opens the file: closing a descriptor of ours
    /// would give up the locks of the writer (POSIX fcntl).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn beside_writer(path: &Path, vault: &Vault) -> Result<Self, Error> {
        let db = open_read_only(path, SHARED)?;
        let reader = Self::new(db, path.to_owned(), Access::Live, None);
        Ok(reader.set_up()?.with_vault(vault))
    }

    /// Reads through the connection that writes a capture nobody else knows of; errors name `path`.
    ///
    /// # Errors
    /// When it is no capture.
    pub(super) fn through(db: Connection, path: &Path, vault: &Vault) -> Result<Self, Error> {
        let reader = Self::new(db, path.to_owned(), Access::Finished, None);
        Ok(reader.set_up()?.with_vault(vault))
    }

    /// The connection alone.
    pub(super) fn into_connection(self) -> Connection {
        self.db
    }

    fn new(db: Connection, path: PathBuf, access: Access, lock: Option<File>) -> Self {
        Self {
            db,
            path,
            vault: Vault::plain(),
            blocks: RefCell::new(BlockCache::default()),
            heads: RefCell::new(HeadCache::default()),
            sources: RefCell::new(HashMap::new()),
            identities: RefCell::new(IdentityCache::new()),
            access,
            largest_frame: MAX_FRAME_BYTES,
            version: 0,
            uses_search_filter: true,
            has_cuts: false,
            watch: Watch::default(),
            patience: None,
            _lock: lock,
        }
    }

    fn set_up(mut self) -> Result<Self, Error> {
        open::keep_plans(&self.db).at(&self.path)?;
        open::distrust_to_read(&self.db).at(&self.path)?;
        self.limit_values(MAX_VALUE_BYTES)?;
        self.version = migrate::check_readable(&self.db, &self.path)?;
        earlier::hide(&self.db, self.version).at(&self.path)?;
        self.vault = unlock::locked(&self.db);
        // Where that cannot be read, none is looked up in vain.
        self.has_cuts = self.has_origins()
            && self
                .db
                .query_row("SELECT EXISTS (SELECT 1 FROM cuts)", [], |row| row.get(0))
                .unwrap_or(true);
        self.db
            .pragma_update(None, "cache_size", CACHE_KIB)
            .at(&self.path)?;
        self.db.set_prepared_statement_cache_capacity(32);
        Ok(self)
    }

    /// A file in WAL mode without a log is whole only if its last recording ended cleanly.
    fn with_access_judged(mut self, header: Header, care: Care) -> Result<Self, Error> {
        if self.access == Access::Finished && header == (Header::Sqlite { is_wal: true }) {
            let is_clean: Option<Option<bool>> = self
                .db
                .query_row(
                    "SELECT is_clean FROM recordings ORDER BY id DESC LIMIT 1",
                    [],
                    |row| row.get(0),
                )
                .optional()
                .or_else(|error| care.of(error))
                .at(&self.path)?;
            if is_clean.flatten() != Some(true) {
                self.access = Access::LogMissing;
            }
        }
        Ok(self)
    }

    /// Makes SQLite refuse larger values: a file that was made by hand is not to fill our memory.
    fn limit_values(&self, bytes: i32) -> Result<(), Error> {
        self.db
            .set_limit(Limit::SQLITE_LIMIT_LENGTH, bytes)
            .at(&self.path)?;
        Ok(())
    }

    /// How the file was opened.
    pub fn access(&self) -> Access {
        self.access
    }

    /// Lets another thread see how far queries are, and stop them: they then end early, with what was found.
    pub fn set_watch(&mut self, watch: Watch) {
        self.watch = watch;
    }

    /// Searches from now on with the search filter or without: what is found is the same.
    pub fn use_search_filter(&mut self, is_used: bool) {
        self.uses_search_filter = is_used;
    }

    /// How far queries are, and whether they are to stop.
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The file, with all links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The events that the filter is true of, ordered by event time and then by id; all of them without a filter. `limit`
    /// counts what is left after the whole filter. One query at a time: what is wanted stands in a temporary table, which
    /// the next query of this reader fills anew.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn events(
        &self,
        filter: Option<&Expr>,
        order: Order,
        limit: Option<u64>,
    ) -> Result<Rows<'_>, Error> {
        Rows::new(self, filter, order, limit)
    }

    /// The version of the file's schema.
    pub(super) fn schema_version(&self) -> i64 {
        self.version
    }

    /// Forgets heads that were read: they come from other tables now.
    pub(super) fn forget_heads(&self) {
        *self.heads.borrow_mut() = HeadCache::default();
    }

    /// Whether it has the tables of the search filter.
    pub(super) fn has_search_filter(&self) -> bool {
        self.version >= 2
    }

    /// Whether it has the tables that say what capture it was taken from.
    pub(super) fn has_origins(&self) -> bool {
        self.version >= 3
    }

    /// Whether it has the chain of commits, and the tables that say what was removed.
    pub(super) fn has_chain(&self) -> bool {
        self.version >= chain::SINCE_VERSION
    }

    /// Whether events were left out before this one in its stream when the capture was taken from another.
    pub(super) fn is_cut(&self, event: i64) -> Result<bool, Error> {
        if !self.has_cuts {
            return Ok(false);
        }
        self.db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM cuts WHERE event_id = ?1)")
            .and_then(|mut statement| statement.query_row([event], |row| row.get(0)))
            .at(&self.path)
    }

    /// Whether the capture can be opened a second time: a private copy has no name any more.
    pub(super) fn can_be_opened_again(&self) -> bool {
        self.access != Access::PrivateCopy
    }

    /// Opens the capture a second time, for another thread.
    pub(super) fn open_again(&self) -> Result<Self, Error> {
        let mut reader = Self::open_with(&self.path, &self.vault)?;
        // Each thread has one, and goes through the file once.
        reader
            .db
            .pragma_update(None, "cache_size", SCAN_CACHE_KIB)
            .at(&self.path)?;
        reader.watch = self.watch.clone();
        if let Some(patience) = self.patience() {
            reader.be_patient(patience)?;
        }
        reader.uses_search_filter = self.uses_search_filter;
        Ok(reader)
    }

    /// The name of the source that the events of a run came from; its URL, or the file, if it has none.
    pub(super) fn source_of(&self, run: RunId) -> Result<Option<Arc<str>>, Error> {
        let number = run.number();
        if let Some(source) = self.sources.borrow().get(&number) {
            return Ok(source.clone());
        }
        let source = self
            .db
            .prepare_cached(
                "SELECT COALESCE(s.name, s.url) AS source
                 FROM runs AS r JOIN sources AS s ON s.id = r.source_id WHERE r.id = ?1",
            )
            .at(&self.path)?
            .query_row([number], |row| row.get::<_, String>("source"))
            .optional()
            .at(&self.path)?
            .map(Arc::from);
        let mut sources = self.sources.borrow_mut();
        if sources.len() >= MAX_SOURCES {
            sources.clear();
        }
        sources.insert(number, source.clone());
        Ok(source)
    }

    /// One event; `None` if there is none with this id.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn event(&self, id: EventId) -> Result<Option<StoredEvent>, Error> {
        let mut statement = self.db.prepare_cached(EVENT_BY_ID).at(&self.path)?;
        let found = statement
            .query_row([id.number()], |row| Ok(row::read(row)))
            .optional()
            .at(&self.path)?;
        let found = found.transpose().map_err(|error| error.at(&self.path))?;
        let Some((mut event, identity)) = found else {
            return Ok(None);
        };
        event.identity = self.identity(identity)?;
        Ok(Some(event))
    }

    /// The payload of an event, to be read piece by piece.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn payload(&self, event: &StoredEvent) -> Result<Payload<'_>, Error> {
        Payload::new(self, event)
    }

    /// What of an event's frame its columns and payload do not give again.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn envelope(&self, id: EventId) -> Result<Envelope, Error> {
        self.with_frames(|| self.read_envelope(id))
    }

    /// Does what reads whole frames, which can be larger than other values.
    pub(super) fn with_frames<T>(
        &self,
        read: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.limit_values(self.largest_frame)?;
        let result = read();
        self.limit_values(MAX_VALUE_BYTES)?;
        result
    }

    fn read_envelope(&self, id: EventId) -> Result<Envelope, Error> {
        let found = self
            .db
            .prepare_cached("SELECT before, after FROM envelopes WHERE event_id = ?1")
            .at(&self.path)?
            .query_row([id.number()], |row| {
                Ok((
                    row.get::<_, Vec<u8>>("before")?,
                    row.get::<_, Option<Vec<u8>>>("after")?,
                ))
            })
            .optional()
            .at(&self.path)?;
        let Some((before, after)) = found else {
            return Ok(Envelope::Rendered);
        };
        let decrypt = |column, bytes: Vec<u8>| {
            let decrypted = self.vault.decrypt(Place::new(column, id.number()), bytes);
            decrypted.map(Cow::into_owned).at(&self.path)
        };
        let before = decrypt(Column::EnvelopeBefore, before)?.into();
        Ok(match after {
            Some(after) => Envelope::Around {
                head: before,
                tail: decrypt(Column::EnvelopeAfter, after)?.into(),
            },
            None => Envelope::Whole(before),
        })
    }

    /// The time of the newest event of all.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn newest_time(&self) -> Result<Option<Timestamp>, Error> {
        self.db
            .query_row("SELECT MAX(max_ns) FROM spans", [], |row| {
                row.get::<_, Option<i64>>(0)
            })
            .map(|time| time.map(Timestamp::from_nanos))
            .at(&self.path)
    }
}
