//! Which captures a capture was taken from.

use rusqlite::{Connection, Result, params};

use super::error::{At, Error};
use super::reader::Reader;
use crate::event::{EventId, Origin, Taken, Timestamp};

impl Reader {
    /// The captures that this one was taken from, one out of the other, the nearest last; none if it is no subset. At most
    /// [`Origin::MAX_LISTED`] of them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn origins(&self) -> std::result::Result<Vec<Origin>, Error> {
        if !self.has_origins() {
            return Ok(Vec::new());
        }
        let mut origins: Vec<_> = read(&self.db).at(&self.path)?;
        origins.reverse();
        Ok(origins)
    }
}

fn read(db: &Connection) -> Result<Vec<Origin>> {
    db.prepare_cached(
        "SELECT path, began_ns, upper_id, of_events, selects, filter, events, exported_ns, program
         FROM origins ORDER BY id DESC LIMIT ?1",
    )?
    .query_map([Origin::MAX_LISTED], |row| {
        Ok(Origin {
            path: row.get("path")?,
            began: row
                .get::<_, Option<i64>>("began_ns")?
                .map(Timestamp::from_nanos),
            upper: EventId::new(row.get("upper_id")?),
            of_events: row.get("of_events")?,
            taken: Taken::from_code(row.get("selects")?).unwrap_or(Taken::Events),
            filter: row.get("filter")?,
            events: row.get("events")?,
            exported: Timestamp::from_nanos(row.get("exported_ns")?),
            program: row.get("program")?,
        })
    })?
    .collect()
}

/// Adds the nearest.
pub(super) fn add(db: &Connection, origin: &Origin) -> Result<()> {
    db.prepare(
        "INSERT INTO origins
            (path, began_ns, upper_id, of_events, selects, filter, events, exported_ns, program)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        origin.path,
        origin.began.map(Timestamp::as_nanos),
        origin.upper.number(),
        origin.of_events,
        origin.taken.code(),
        origin.filter,
        origin.events,
        origin.exported.as_nanos(),
        origin.program
    ])?;
    Ok(())
}
