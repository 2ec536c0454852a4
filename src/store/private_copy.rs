//! A private copy of a file and the log that a killed recorder left beside it: it has no name, and is gone with its reader.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::error::{At, Error};
use super::open::beside;

/// What can lie beside the file and belong to it.
pub(super) const LOGS: [&str; 2] = ["-wal", "-journal"];

/// Copies the file and its log to a private folder and opens the copy, which needs nothing beside it from then on: in
/// exclusive mode the index of the log is in memory, so that all of it can be unlinked at once. `set` sets the
/// connection up before its first statement.
pub(super) fn open(
    path: &Path,
    set: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Result<Connection, Error> {
    let folder = tempfile::Builder::new()
        .prefix("ecq-")
        .tempdir_in(large_temporary_folder())
        .map_err(|error| Error::from_io(&large_temporary_folder(), error))?;
    let copy = folder.path().join("capture.db");
    copy_private(path, &copy)?;
    refuse_super_journal(path)?;
    for suffix in LOGS {
        match copy_private(&beside(path, suffix), &beside(&copy, suffix)) {
            Ok(()) | Err(Error::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&copy, flags).at(path)?;
    set(&connection)
        .and_then(|()| connection.pragma_update(None, "locking_mode", "EXCLUSIVE"))
        .at(path)?;
    connection
        .query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| {
            row.get::<_, bool>(0)
        })
        .at(path)?;
    // Not `query_only`: that would forbid the temporary tables of a plan as well. Nothing can reach this copy again.
    folder
        .close()
        .map_err(|error| Error::from_io(path, error))?;
    Ok(connection)
}

/// A rollback journal can end with the name of another file, which SQLite then looks into and deletes. Ours never do, and
/// a capture from elsewhere is not to reach beyond itself. SQLite's file format, section 3: such a name is followed by the
/// journal's magic bytes, at the very end.
fn refuse_super_journal(path: &Path) -> Result<(), Error> {
    const MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    let journal = beside(path, "-journal");
    let mut file = match File::open(&journal) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::from_io(&journal, error)),
    };
    let mut end = Vec::with_capacity(MAGIC.len());
    let at_end = file
        .seek(SeekFrom::End(-8))
        .and_then(|_| file.read_to_end(&mut end));
    if at_end.is_ok() && end == MAGIC {
        let detail = "its -journal names another file".to_owned();
        return Err(Error::Corrupt {
            path: path.to_owned(),
            detail,
        });
    }
    Ok(())
}

/// The copy can be as large as the capture, and `/tmp` is often memory.
fn large_temporary_folder() -> PathBuf {
    let folder = std::env::temp_dir();
    if folder == Path::new("/tmp") && Path::new("/var/tmp").is_dir() {
        PathBuf::from("/var/tmp")
    } else {
        folder
    }
}

fn copy_private(from: &Path, to: &Path) -> Result<(), Error> {
    let mut source = File::open(from).map_err(|error| Error::from_io(from, error))?;
    let mut target = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|error| Error::from_io(to, error))?;
    std::io::copy(&mut source, &mut target).map_err(|error| Error::from_io(to, error))?;
    target.flush().map_err(|error| Error::from_io(to, error))
}
