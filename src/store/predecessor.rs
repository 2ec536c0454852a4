//! The file that a recording was in before it went on in this one.
//!
//! Ids go on, and so does the chain of commits: the new file says so by a row of `removals` without events. To whoever
//! checks or adds to the chain, what is in the other file is as good as removed; to whoever asks for a time, it is not.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::{At, Error};
use super::reader::Reader;
use crate::event::{EventId, Predecessor, Timestamp};

/// What the row says in place of a rule, before the name.
const BEGUN_IN: &str = "begun in ";

impl Predecessor {
    /// Notes it in a new capture.
    pub(super) fn note(&self, db: &Connection, at: Timestamp) -> rusqlite::Result<()> {
        db.execute(
            "INSERT INTO removals (at_ns, first_id, last_id, events, payload_bytes, rule, batches, last_link)
             VALUES (?1, 1, ?2, 0, 0, ?3, 1, ?4)",
            params![
                at.as_nanos(),
                self.last.number(),
                format!("{BEGUN_IN}{}", self.name),
                self.link
            ],
        )?;
        Ok(())
    }
}

impl Reader {
    /// The file that the first recording of this one was in before; `None` if it began here.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn predecessor(&self) -> Result<Option<Predecessor>, Error> {
        if !self.has_chain() {
            return Ok(None);
        }
        let row = self
            .db
            .query_row(
                "SELECT last_id, rule, last_link FROM removals WHERE events = 0 AND first_id = 1 ORDER BY id LIMIT 1",
                [],
                |row| {
                    let rule: String = row.get("rule")?;
                    let name = rule.strip_prefix(BEGUN_IN).map(str::to_owned);
                    Ok((name, row.get("last_id")?, row.get("last_link")?))
                },
            )
            .optional()
            .at(&self.path)?;
        Ok(row.and_then(|(name, last, link)| {
            Some(Predecessor {
                name: name?,
                last: EventId::new(last),
                link,
            })
        }))
    }
}
