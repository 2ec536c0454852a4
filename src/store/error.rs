//! What can go wrong with a capture file.

use std::path::PathBuf;

use super::patience::IN_CIRCLES;
use super::vault::{self, SecretKind, VaultError};

/// What can go wrong with a capture file. Each variant is a situation that a user must be told differently.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing at that path.
    #[error("{}: no such file", .path.display())]
    Missing {
        /// The path as given.
        path: PathBuf,
    },
    /// The folder that the file is to be created in does not exist.
    #[error("{}: no such directory", .path.display())]
    NoDirectory {
        /// The folder.
        path: PathBuf,
    },
    /// The path leads to a directory, a device, a pipe or a socket.
    #[error("{}: not a regular file", .path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// What lies beside the file, under the name of its log, is no regular file.
    #[error("{}: not a regular file, and would be taken for the log of the capture", .path.display())]
    StrangeCompany {
        /// The path of what lies there.
        path: PathBuf,
    },
    /// The recorder does not write through a symbolic link.
    #[error("{}: is a symbolic link, and a recorder does not write through one", .path.display())]
    Symlink {
        /// The path as given.
        path: PathBuf,
    },
    /// The recorder does not append to somebody else's file.
    #[error("{}: belongs to user id {owner}, and this program runs as user id {user}", .path.display())]
    NotOwner {
        /// The path as given.
        path: PathBuf,
        /// Who owns the file.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// The system does not let us.
    #[error("{}: permission denied", .path.display())]
    Denied {
        /// The path as given.
        path: PathBuf,
    },
    /// The file, or the file system it is on, can only be read.
    #[error("{}: is on a read-only file system or cannot be written", .path.display())]
    ReadOnly {
        /// The path as given.
        path: PathBuf,
    },
    /// Something is there already, and what is to be written replaces nothing.
    #[error("{}: exists already, and is not written over", .path.display())]
    Exists {
        /// The path as given.
        path: PathBuf,
    },
    /// The file is no SQLite database, or an SQLite database of another program.
    #[error("{}: is not a capture: {detail}", .path.display())]
    Foreign {
        /// The path as given.
        path: PathBuf,
        /// What it is instead, as far as that shows.
        detail: String,
    },
    /// The file was written by a newer version of ecq.
    #[error("{}: schema version {found} is newer than this program's {known}", .path.display())]
    Newer {
        /// The path as given.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// Another recorder holds the file, or a query reads it as a finished one.
    #[error("{}: is in use by another program", .path.display())]
    InUse {
        /// The path as given.
        path: PathBuf,
    },
    /// Another connection holds the database's write lock. Nothing was changed; trying again may succeed.
    #[error("{}: the database is locked", .path.display())]
    Busy {
        /// The path as given.
        path: PathBuf,
    },
    /// There is no room left. What was being written is not in the file; what was in it is.
    #[error("{}: no space left on the device", .path.display())]
    Full {
        /// The path as given.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("{}: is damaged: {detail}", .path.display())]
    Corrupt {
        /// The path as given.
        path: PathBuf,
        /// What does not fit.
        detail: String,
    },
    /// The commits of the capture are chained with a key, and this is another one, or none was given.
    #[error("{}: is chained with {}", .path.display(), if *.is_given { "another key" } else { "a key, and none is given" })]
    WrongKey {
        /// The path as given.
        path: PathBuf,
        /// Whether a key was given.
        is_given: bool,
    },
    /// The capture is encrypted, and what was given does not open it.
    #[error("{}: is encrypted with {kind}, and {}", .path.display(), not_fitting(*.kind, *.given))]
    Encrypted {
        /// The path as given.
        path: PathBuf,
        /// With what it is encrypted.
        kind: SecretKind,
        /// What was given.
        given: Option<SecretKind>,
    },
    /// A capture that is not encrypted was to be written as one that is.
    #[error("{}: is not encrypted", .path.display())]
    NotEncrypted {
        /// The path as given.
        path: PathBuf,
    },
    /// An event or exchange was pruned while it was being read.
    #[error("{}: {what} was pruned while it was read", .path.display())]
    Pruned {
        /// The path of the file.
        path: PathBuf,
        /// The event or exchange.
        what: String,
    },
    /// This file was imported before.
    #[error("{import}: was imported before, as recording {recording} on {when}")]
    AlreadyImported {
        /// The name of the imported file.
        import: String,
        /// Its recording.
        recording: i64,
        /// When that began.
        when: crate::event::Timestamp,
    },
    /// The system failed in another way.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The path concerned.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite failed in another way.
    #[error("{}: {source}", .path.display())]
    Sqlite {
        /// The path of the file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl Error {
    /// Sorts what SQLite said into the situations above.
    pub(super) fn from_sqlite(path: &std::path::Path, error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        if let Some(cause) = vault::cause(&error) {
            return Self::from_vault(path, cause);
        }
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::NotADatabase) => Self::Foreign {
                path,
                detail: "not an SQLite database".to_owned(),
            },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::TooBig | ErrorCode::TypeMismatch) => {
                Self::Corrupt {
                    path,
                    detail: error.to_string(),
                }
            }
            // Nothing of ours ends a statement for another reason, but for what was told to, and knows.
            Some(ErrorCode::OperationInterrupted) => Self::Corrupt {
                path,
                detail: IN_CIRCLES.to_owned(),
            },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::PermissionDenied) => Self::Denied { path },
            _ => Self::Sqlite {
                path,
                source: error,
            },
        }
    }

    /// Adds the file's path to why a value could not be decrypted or encrypted.
    pub(super) fn from_vault(path: &std::path::Path, error: VaultError) -> Self {
        let path = path.to_owned();
        match error {
            VaultError::Locked(kind) => Self::Encrypted {
                path,
                kind,
                given: None,
            },
            VaultError::Broken(_) => Self::Corrupt {
                path,
                detail: error.to_string(),
            },
            VaultError::NoRandom => Self::Io {
                path,
                source: std::io::Error::other(error),
            },
        }
    }

    /// Whether what was read is damaged: other parts of the file may well be readable.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Corrupt { .. } | Self::Foreign { .. } => true,
            Self::Sqlite { source, .. } => is_damage(source),
            _ => false,
        }
    }

    /// Sorts what the system said into the situations above.
    pub(super) fn from_io(path: &std::path::Path, error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::NotFound => Self::Missing { path },
            ErrorKind::PermissionDenied => Self::Denied { path },
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { path },
            ErrorKind::IsADirectory => Self::NotAFile { path },
            _ => Self::Io {
                path,
                source: error,
            },
        }
    }
}

/// What is said of a secret that does not fit.
fn not_fitting(kind: SecretKind, given: Option<SecretKind>) -> String {
    match given {
        None => "none is given".to_owned(),
        Some(given) if given == kind => "another one is given".to_owned(),
        Some(given) => format!("{given} is given"),
    }
}

/// Whether SQLite says that what it read is damaged, and not that it may not or cannot go on for another reason. What was ended
/// is: its pages lead in circles.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode;
    if let Some(cause) = vault::cause(error) {
        return matches!(cause, VaultError::Broken(_));
    }
    !matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::OutOfMemory
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::ApiMisuse
        )
    )
}

/// Adds the file's path to what SQLite says, or the vault.
pub(super) trait At<T> {
    /// Turns the error into ours.
    fn at(self, path: &std::path::Path) -> Result<T, Error>;
}

impl<T> At<T> for Result<T, VaultError> {
    fn at(self, path: &std::path::Path) -> Result<T, Error> {
        self.map_err(|error| Error::from_vault(path, error))
    }
}

impl<T> At<T> for rusqlite::Result<T> {
    fn at(self, path: &std::path::Path) -> Result<T, Error> {
        self.map_err(|error| Error::from_sqlite(path, error))
    }
}
