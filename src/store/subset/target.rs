//! The file that a subset is written to: under a temporary name until it is complete.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempPath;

use crate::store::error::{At, Error};
use crate::store::{migrate, open};

/// The file, which is removed unless it is finished.
pub(in crate::store) struct Target {
    /// The name that it is to get.
    path: PathBuf,
    temporary: TempPath,
}

impl Target {
    /// Makes an empty file of mode 0600 beside the one that is to be, so that it can be renamed.
    pub(in crate::store) fn create(output: &Path) -> Result<Self, Error> {
        let path = open::resolve(output)?;
        // It is looked at again in the end. A long export is not to fail then for what can be told now.
        if std::fs::symlink_metadata(&path).is_ok() {
            return Err(Error::Exists { path });
        }
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".");
        let temporary = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".part")
            .tempfile_in(folder(&path))
            .map_err(|error| Error::from_io(&path, error))?
            // SQLite alone has it open: closing a descriptor of ours would give up its locks (POSIX fcntl).
            .into_temp_path();
        Ok(Self { path, temporary })
    }

    /// The name that it is to get, which is the one to tell.
    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it, with the schema of a capture.
    pub(in crate::store) fn open(&self) -> Result<Connection, Error> {
        let mut db = open::open_for_writing(&self.temporary)?;
        open::lay_out(&db, &self.path)?;
        open::prepare_unshared(&db).at(&self.path)?;
        migrate::climb(&mut db, &self.path)?;
        Ok(db)
    }

    /// Closes it, sees to it that it is on the disk, and gives it its name.
    pub(in crate::store) fn finish(self, db: Connection) -> Result<(), Error> {
        db.close().map_err(|(_, error)| error).at(&self.path)?;
        let Self { path, temporary } = self;
        let synced = |path: &Path| File::open(path).and_then(|file| file.sync_all());
        synced(&temporary).map_err(|error| Error::from_io(&path, error))?;
        temporary
            .persist_noclobber(&path)
            .map_err(|failed| match failed.error.kind() {
                ErrorKind::AlreadyExists => Error::Exists { path: path.clone() },
                _ => Error::from_io(&path, failed.error),
            })?;
        synced(folder(&path)).map_err(|error| Error::from_io(&path, error))
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}
