//! Giving pages back, and how large a capture is.

use std::path::Path;

use rusqlite::{Connection, Result};

use crate::store::open;
use crate::store::retention::Size;

/// How many pages are given back in one step: 2 MiB.
const STEP_PAGES: u64 = 512;

/// The size of the capture at `path`. `disk` is how much of the file system is free, and how much there is.
pub(super) fn size(db: &Connection, path: &Path, disk: Option<(u64, u64)>) -> Result<Size> {
    let page_bytes = open::pragma(db, "page_size")?;
    let beside =
        |suffix| std::fs::metadata(open::beside(path, suffix)).map_or(0, |metadata| metadata.len());
    let (wal, shm) = (beside("-wal"), beside("-shm"));
    let file = open::pragma(db, "page_count")?.saturating_mul(page_bytes);
    let on_disk = std::fs::metadata(path).map_or(file, |metadata| metadata.len());
    Ok(Size {
        file,
        to_cut: on_disk.saturating_sub(file),
        free_pages: open::pragma(db, "freelist_count")?.saturating_mul(page_bytes),
        logs: wal.saturating_add(shm),
        held: wal.saturating_sub(usual_log_bytes(db)?),
        disk,
    })
}

/// How large the `-wal` gets as long as nobody holds it, in bytes: what is written back at once, twice for the commit that
/// comes on top, and the size that is left when it begins anew.
fn usual_log_bytes(db: &Connection) -> Result<u64> {
    let pages = open::pragma(db, "wal_autocheckpoint")?;
    Ok(pages
        .saturating_mul(open::pragma(db, "page_size")?)
        .saturating_mul(2))
}

/// Gives some free pages back, at most `bytes` of them. How many bytes were given back; 0 if there was nothing to give.
pub(super) fn give_back(db: &Connection, bytes: u64) -> Result<u64> {
    let page_bytes = open::pragma(db, "page_size")?.max(1);
    let before = open::pragma(db, "freelist_count")?;
    let pages = bytes.div_ceil(page_bytes).min(STEP_PAGES).min(before);
    if pages == 0 {
        return Ok(0);
    }
    let mut statement = db.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut steps = statement.query([])?;
    while steps.next()?.is_some() {}
    drop(steps);
    let after = open::pragma(db, "freelist_count")?;
    Ok(before.saturating_sub(after).saturating_mul(page_bytes))
}

/// Writes the log back to the file as far as no reader keeps it, and begins it anew, without waiting for anybody. Whether a
/// reader holds it.
pub(super) fn write_back(db: &Connection) -> Result<bool> {
    db.busy_timeout(std::time::Duration::ZERO)?;
    let held = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, bool>(0)
    });
    db.busy_timeout(open::BUSY_TIMEOUT)?;
    match held {
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
            Ok(true)
        }
        held => held,
    }
}
