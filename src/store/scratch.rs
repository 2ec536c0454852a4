//! A private database for what does not fit in memory.
//!
//! SQLite keeps it in its page cache and, where that is not enough, in a temporary file that has no name (SQLite's
//! documentation, "Temporary Files Used By SQLite"). So the memory is bounded.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::{At, Error};

/// How much of it is kept in memory, in KiB and negative as `PRAGMA cache_size` wants it.
const CACHE_KIB: i32 = -8 * 1024;

/// How errors name it.
pub(super) fn place() -> PathBuf {
    PathBuf::from("a temporary file")
}

/// Makes one with this schema, in a transaction that is never committed for long.
pub(super) fn open(schema: &str) -> Result<Connection, Error> {
    let db = Connection::open(Path::new("")).at(&place())?;
    db.pragma_update(None, "cache_size", CACHE_KIB)
        .and_then(|()| db.execute_batch(schema))
        .and_then(|()| db.execute_batch("BEGIN"))
        .at(&place())?;
    Ok(db)
}
