//! Sees to it that a reader has an index of exchanges, whatever the file has.

use super::index::{self, Indexer};
use crate::store::error::{At, Error};
use crate::store::migrate;
use crate::store::reader::{Access, Reader};

/// The version of the schema that brought the index.
pub(super) const VERSION: i64 = 3;

/// How far the index of a capture goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexState {
    /// It is complete.
    Complete,
    /// A recorder is working on it.
    Recording {
        /// How many of the newest events are not in it yet.
        behind: u64,
        /// Whether an earlier version of what reads conversations made it, or a part of it, when the capture was begun.
        is_outdated: bool,
    },
    /// The file has none, not all of it, or one of an earlier version: it was made for this query, and is gone after it.
    Made,
}

impl Reader {
    /// Makes what the file lacks of the index of exchanges, for this reader alone: nothing is written to the file. Takes as
    /// long as reading the capture once if it has no index. While a recorder works on it, it is taken as it is.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged, or there is no room for temporary files.
    pub fn prepare_exchanges(&self) -> Result<IndexState, Error> {
        let path = &self.path;
        let newest = self.newest_id()?;
        if self.schema_version() >= VERSION {
            let behind = newest
                .saturating_sub(index::indexed(&self.db).at(path)?)
                .max(0)
                .unsigned_abs();
            let is_outdated = index::is_outdated(&self.db).at(path)?;
            if behind == 0 && !is_outdated {
                return Ok(IndexState::Complete);
            }
            if self.access() == Access::Live {
                return Ok(IndexState::Recording {
                    behind,
                    is_outdated,
                });
            }
        }
        self.db
            .pragma_update(None, "foreign_keys", false)
            .and_then(|()| {
                self.db
                    .execute_batch(&migrate::exchange_tables_as_temporary())
            })
            .at(path)?;
        self.forget_heads();
        let bytes: u64 = self
            .db
            .query_row(
                "SELECT COALESCE(SUM(payload_bytes), 0) FROM events",
                [],
                |row| row.get(0),
            )
            .at(path)?;
        self.watch().add_total(bytes);
        let mut indexer = Indexer::new(self, &self.db)?;
        indexer.advance(newest, self.watch())?;
        indexer.finish(self.watch())?;
        Ok(IndexState::Made)
    }
}
