//! Opening a capture: who may write it, what is on the disk, and how SQLite is set up.
//!
//! A recorder holds an exclusive `flock` on the file for as long as it runs, beside SQLite's own locks: it keeps a second
//! recorder out, and tells a reader whether the `-wal` beside the file is in use or left behind.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::{At, Error};

/// How long SQLite waits for a lock within one call.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_millis(250);

/// How a file is opened that somebody may write to, and one that nobody does (SQLite's "URI filenames").
pub(super) const SHARED: &str = "mode=ro";
pub(super) const UNCHANGING: &str = "mode=ro&immutable=1";

/// How often a recorder tries for the file's lock, and how long it waits in between: a reader may hold it for a moment.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// How often a change of the journal mode is tried, with the same pause.
const SWITCH_ATTEMPTS: u32 = 50;

/// 4 KiB pages: as fast as larger ones, and the last page of each block is half empty on average.
const PAGE_BYTES: u32 = 4096;

/// SQLite's page cache, in KiB, negative as `PRAGMA cache_size` wants it.
const CACHE_KIB: i32 = -16 * 1024;

/// The log is written back to the file after this many pages (32 MiB).
const CHECKPOINT_PAGES: u32 = 8192;

/// The log's part of a limit on size,
const LOG_SHARE: u64 = 32;

/// but not less than this many pages.
const LEAST_CHECKPOINT_PAGES: u64 = 64;

/// What a file's first bytes say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// It has no bytes.
    Empty,
    /// An SQLite database, in WAL mode or not.
    Sqlite { is_wal: bool },
}

/// The path with its folder resolved, so that SQLite can be told not to follow a link in the last step.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| Error::NotAFile {
        path: path.to_owned(),
    })?;
    let folder = folder.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::NoDirectory {
            path: folder.to_owned(),
        },
        _ => Error::from_io(folder, error),
    })?;
    Ok(folder.join(name))
}

/// Reads a file's first bytes. SQLite's file format, section 1.3: bytes 18 and 19 are 2 in WAL mode.
pub(super) fn header(file: &mut File, path: &Path) -> Result<Header, Error> {
    let mut bytes = Vec::with_capacity(100);
    file.take(100)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::from_io(path, error))?;
    if bytes.is_empty() {
        return Ok(Header::Empty);
    }
    match (bytes.get(..16), bytes.get(18)) {
        (Some(b"SQLite format 3\0"), Some(version)) => Ok(Header::Sqlite {
            is_wal: *version == 2,
        }),
        _ => Err(Error::Foreign {
            path: path.to_owned(),
            detail: "not an SQLite database".to_owned(),
        }),
    }
}

/// The path of a file beside the database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Refuses a file with something beside it that SQLite would take for its log and that is no plain file: it would wait for a
/// pipe, and write through a link. Or that is not `owner`'s, if one is named: in a folder where anyone makes files, commits
/// would go into theirs.
pub(super) fn refuse_strange_company(path: &Path, owner: Option<u32>) -> Result<(), Error> {
    for suffix in ["-wal", "-shm", "-journal"] {
        let path = beside(path, suffix);
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if !metadata.is_file() => return Err(Error::StrangeCompany { path }),
            Ok(metadata) => {
                if let Some(user) = owner.filter(|user| metadata.uid() != *user) {
                    let owner = metadata.uid();
                    return Err(Error::NotOwner { path, owner, user });
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::from_io(&path, error)),
        }
    }
    Ok(())
}

/// Makes nothing happen that only the schema of a capture asks for: it may come from anywhere. Temporary views are ours, and
/// are not concerned.
fn distrust(connection: &Connection) -> rusqlite::Result<()> {
    for setting in [
        DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA,
        DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER,
        DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW,
    ] {
        connection.set_db_config(setting, false)?;
    }
    Ok(())
}

/// The same for what only reads, and looks at pages more closely.
pub(super) fn distrust_to_read(connection: &Connection) -> rusqlite::Result<()> {
    distrust(connection)?;
    // SQLite's check of a whole file evaluates them.
    connection.pragma_update(None, "ignore_check_constraints", true)?;
    connection.pragma_update(None, "cell_size_check", true)
}

/// Opens (or creates, mode 0600) the file for a recorder and takes its lock.
pub(super) fn lock_for_writing(path: &Path) -> Result<File, Error> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            return Err(Error::Symlink {
                path: path.to_owned(),
            });
        }
        Ok(metadata) if !metadata.is_file() => {
            return Err(Error::NotAFile {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::from_io(path, error)),
    }
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map_err(|error| Error::from_io(path, error))?;
    let owner = file
        .metadata()
        .map_err(|error| Error::from_io(path, error))?
        .uid();
    let user = rustix::process::geteuid().as_raw();
    if owner != user {
        return Err(Error::NotOwner {
            path: path.to_owned(),
            owner,
            user,
        });
    }
    refuse_strange_company(path, Some(user))?;
    if header(&mut file, path)? == Header::Empty {
        // Somebody may have made it with the usual mode; nothing is in it that anyone could want to read.
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(|error| Error::from_io(path, error))?;
    }
    for attempt in 1..=LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if attempt < LOCK_ATTEMPTS => {
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(TryLockError::WouldBlock) => break,
            Err(TryLockError::Error(error)) => return Err(Error::from_io(path, error)),
        }
    }
    Err(Error::InUse {
        path: path.to_owned(),
    })
}

/// The value of a pragma that is a number, none below 0.
pub(super) fn pragma(db: &Connection, name: &str) -> rusqlite::Result<u64> {
    db.pragma_query_value(None, name, |row| row.get(0))
}

/// How long a file and its log are together, in bytes.
pub(super) fn bytes_of(path: &Path) -> u64 {
    ["", "-wal"]
        .iter()
        .filter_map(|suffix| std::fs::metadata(beside(path, suffix)).ok())
        .fold(0, |bytes, metadata| bytes.saturating_add(metadata.len()))
}

/// Whether `file` is what goes by this name.
pub(super) fn is_at(path: &Path, file: &File) -> Result<bool, Error> {
    let wrap = |error| Error::from_io(path, error);
    let ours = file.metadata().map_err(wrap)?;
    match std::fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(wrap(error)),
    }
}

/// Whether a new capture can have this name: nothing is there, and no `-wal` that belongs to another.
pub fn is_free(path: &Path) -> bool {
    let is_free = |path: &Path| std::fs::symlink_metadata(path).is_err();
    is_free(path) && is_free(&beside(path, "-wal"))
}

/// What a capture is called until it is made. One that was left by a recorder that was killed meanwhile is removed.
pub(super) fn draft_of(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let draft = path.with_file_name(name);
    for suffix in ["-journal", ""] {
        // Where it cannot be, opening it says why.
        drop(std::fs::remove_file(beside(&draft, suffix)));
    }
    draft
}

/// Gives a file another name, which nothing has.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::EXIST) => Err(Error::Exists {
            path: to.to_owned(),
        }),
        // The file system has no such call: nobody but a recorder, of which there is one, makes files of such names.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS)
            if std::fs::symlink_metadata(to).is_err() =>
        {
            std::fs::rename(from, to).map_err(|error| Error::from_io(to, error))
        }
        Err(error) => Err(Error::from_io(to, error.into())),
    }
}

/// Makes SQLite plan a statement once. It would otherwise plan again whenever a value is bound on which its statistics
/// have something to say, which for a row by its id costs ten times the row.
pub(super) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Opens the database for a recorder. Changes nothing in it.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    refuse_strange_company(path, None)?;
    let connection = Connection::open_with_flags(path, flags).at(path)?;
    connection.busy_timeout(BUSY_TIMEOUT).at(path)?;
    keep_plans(&connection).at(path)?;
    distrust(&connection).at(path)?;
    // A file that is refused is left as it was, and a -wal that a killed recorder left is not written back to it.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .at(path)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Opens the database for a reader, with these parameters of its URI.
pub(super) fn open_read_only(path: &Path, parameters: &str) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri(path, parameters), flags).at(path)?;
    connection.busy_timeout(BUSY_TIMEOUT * 20).at(path)?;
    Ok(connection)
}

/// A path as SQLite's `file:` URI. SQLite's "URI filenames": `?`, `#` and `%` must be escaped, other bytes may be.
fn uri(path: &Path, parameters: &str) -> String {
    use std::fmt::Write as _;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            other => write!(uri, "%{other:02X}").expect("writing to a string cannot fail"),
        }
    }
    uri.push('?');
    uri.push_str(parameters);
    uri
}

/// Sets what must be set before the first table exists. On an existing file it is no question but a change:
/// `auto_vacuum` writes to the header of another program's database as well.
pub(super) fn lay_out(connection: &Connection, path: &Path) -> Result<(), Error> {
    connection
        .pragma_update(None, "page_size", PAGE_BYTES)
        .at(path)?;
    connection
        .pragma_update(None, "auto_vacuum", "INCREMENTAL")
        .at(path)
}

/// Makes the tables of SQLite's statistics, which the end of a recording fills, of a new file. All of the schema is then in
/// the first pages, and a file that is cut short still has it. SQLite's documentation, "ANALYZE": this is how they are made.
pub(super) fn complete_schema(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("ANALYZE sqlite_schema")
}

/// Sets up the database of a file that nobody else knows of and that is thrown away if anything fails: nothing has to be
/// synced before its end, what is needed to take a transaction back is kept in memory (a new file has little of that), and
/// references are checked as little as by a recorder.
pub(super) fn prepare_unshared(connection: &Connection) -> rusqlite::Result<()> {
    switch_journal(connection, "memory")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)
}

/// Gives free pages back and leaves one file that stands on its own; `false` if a reader holds it, and its `-wal` still
/// belongs to it.
pub(super) fn leave_one_file(connection: &Connection) -> rusqlite::Result<bool> {
    let tidied =
        give_back_free_pages(connection).and_then(|()| connection.execute_batch("PRAGMA optimize"));
    match tidied {
        // Whoever writes just now keeps us from tidying up, and from nothing else.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
        other => other?,
    }
    connection.flush_prepared_statement_cache();
    switch_journal(connection, "delete")
}

/// The pragma frees one page a step.
fn give_back_free_pages(db: &Connection) -> rusqlite::Result<()> {
    let mut statement = db.prepare("PRAGMA incremental_vacuum")?;
    let mut steps = statement.query([])?;
    while steps.next()?.is_some() {}
    Ok(())
}

/// Changes the journal mode, for which nobody else may have the file open in a statement. SQLite's busy timeout does not
/// cover that, so it is tried for some seconds; `false` if somebody had it all that time.
pub(super) fn switch_journal(connection: &Connection, mode: &str) -> rusqlite::Result<bool> {
    for attempt in 1..=SWITCH_ATTEMPTS {
        let now: rusqlite::Result<String> =
            connection.pragma_update_and_check(None, "journal_mode", mode, |row| row.get(0));
        match now {
            Ok(now) if now == mode => return Ok(true),
            Err(error) if !is_busy(&error) => return Err(error),
            _ if attempt < SWITCH_ATTEMPTS => std::thread::sleep(LOCK_PAUSE),
            _ => {}
        }
    }
    Ok(false)
}

/// Lets the log take a small part of a limit on the size of the capture.
pub(super) fn limit_log(connection: &Connection, limit_bytes: u64) -> rusqlite::Result<()> {
    let pages = (limit_bytes / LOG_SHARE / u64::from(PAGE_BYTES))
        .clamp(LEAST_CHECKPOINT_PAGES, u64::from(CHECKPOINT_PAGES));
    connection.pragma_update(None, "wal_autocheckpoint", pages)?;
    connection.pragma_update(None, "journal_size_limit", pages * u64::from(PAGE_BYTES))
}

/// The version of SQLite that reads and writes captures.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// How much of the file system that holds `path` is free to this user, and how much there is, in bytes.
///
/// # Errors
/// What the system says.
pub fn disk_space(path: &Path) -> std::io::Result<(u64, u64)> {
    let found = rustix::fs::statvfs(path)?;
    Ok((
        found.f_bavail.saturating_mul(found.f_frsize),
        found.f_blocks.saturating_mul(found.f_frsize),
    ))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Sets up a recorder's database, in WAL mode and with every commit synced, after it is known to be ours.
pub(super) fn prepare_for_writing(connection: &Connection, path: &Path) -> Result<(), Error> {
    if !switch_journal(connection, "wal").at(path)? {
        return Err(Error::InUse {
            path: path.to_owned(),
        });
    }
    connection
        .pragma_update(None, "synchronous", "FULL")
        .at(path)?;
    // The bundled SQLite checks references unless told not to: a look-up in three tables for each event, for ids that
    // this recorder has just given itself.
    connection
        .pragma_update(None, "foreign_keys", false)
        .at(path)?;
    connection
        .pragma_update(None, "cache_size", CACHE_KIB)
        .at(path)?;
    connection
        .pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
        .at(path)?;
    connection
        .pragma_update(
            None,
            "journal_size_limit",
            i64::from(PAGE_BYTES) * i64::from(CHECKPOINT_PAGES) * 2,
        )
        .at(path)?;
    Ok(())
}
