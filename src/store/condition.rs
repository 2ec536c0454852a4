//! What is at a path, without opening a capture: nothing is read but its first bytes, and nothing is changed.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::error::Error;
use super::open::{self, Header};

/// What is at a path that a recorder is to write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Absent,
    /// A file without a byte in it, which will be a capture.
    Empty,
    /// A capture that a recorder is writing to.
    InUse,
    /// A capture with the log that its recorder left when it was killed. The next one takes it up.
    LogLeft,
    /// A capture that was closed in order.
    Finished,
}

/// Looks at a path.
///
/// # Errors
/// When it cannot be read, or is an SQLite database or a file of something else.
pub fn condition(path: &Path) -> Result<Condition, Error> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Condition::Absent),
        Err(error) => return Err(Error::from_io(path, error)),
    };
    let is_wal = match open::header(&mut file, path)? {
        Header::Empty => return Ok(Condition::Empty),
        Header::Sqlite { is_wal } => is_wal,
    };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Ok(Condition::InUse),
        Err(TryLockError::Error(error)) => Err(Error::from_io(path, error)),
        Ok(()) if is_wal || open::beside(path, "-wal").exists() => Ok(Condition::LogLeft),
        Ok(()) => Ok(Condition::Finished),
    }
}
