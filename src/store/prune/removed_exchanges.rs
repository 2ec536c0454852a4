//! What removed exchanges shared with others: their facts, paths, blocks of heads and search filters.
//!
//! Whoever makes the index may be another thread. It forgets the rows that it knows when it learns that a sweep began, so
//! rows that are newer than the beginning are left alone, and older ones are in use only where an exchange names them.

use rusqlite::{Connection, Result};

pub(super) const FACTS: u8 = 10;
pub(super) const PATHS: u8 = 11;
pub(super) const HEADS: u8 = 12;
pub(super) const TEXTS: u8 = 13;

/// The columns of an exchange, and what they name.
pub(super) const COLUMNS: [(u8, &str); 5] = [
    (FACTS, "facts_id"),
    (PATHS, "path_id"),
    (HEADS, "request_head_block"),
    (HEADS, "response_head_block"),
    (TEXTS, "text_id"),
];

/// A table of which only the rows go that were there when the sweep began.
pub(super) struct Bounded {
    pub(super) kind: u8,
    pub(super) next: &'static str,
    pub(super) delete: &'static [&'static str],
    /// Whether its rows are the parts of a search filter.
    pub(super) has_parts: bool,
}

pub(super) const BOUNDED: [Bounded; 4] = [
    Bounded {
        kind: FACTS,
        next: "SELECT id FROM exchange_facts WHERE id > ?1 ORDER BY id LIMIT ?2",
        delete: &["DELETE FROM exchange_facts WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM exchanges WHERE facts_id = ?1)"],
        has_parts: false,
    },
    Bounded {
        kind: PATHS,
        next: "SELECT id FROM exchange_paths WHERE id > ?1 ORDER BY id LIMIT ?2",
        delete: &["DELETE FROM exchange_paths WHERE id = ?1"],
        has_parts: false,
    },
    Bounded {
        kind: HEADS,
        // The newest stays, so that the block that is open does not get its number.
        next: "SELECT id FROM head_blocks WHERE id > ?1 AND id < (SELECT MAX(id) FROM head_blocks) ORDER BY id LIMIT ?2",
        delete: &["DELETE FROM head_blocks WHERE id = ?1"],
        has_parts: false,
    },
    Bounded {
        kind: TEXTS,
        next: "SELECT text_id AS id FROM text_grams WHERE part = 0 AND text_id > ?1
                AND text_id < (SELECT MAX(text_id) FROM text_grams WHERE part = 0)
             ORDER BY text_id LIMIT ?2",
        delete: &[],
        has_parts: true,
    },
];

/// The newest rows when the sweep began.
pub(super) struct Shared([i64; 4]);

impl Shared {
    pub(super) fn of(db: &Connection) -> Result<Self> {
        let newest = |sql| db.query_row(sql, [], |row| row.get::<_, i64>(0));
        Ok(Self([
            newest("SELECT COALESCE(MAX(id), 0) FROM exchange_facts")?,
            newest("SELECT COALESCE(MAX(id), 0) FROM exchange_paths")?,
            newest("SELECT COALESCE(MAX(id), 0) FROM head_blocks")?,
            newest("SELECT COALESCE(MAX(text_id), 0) FROM text_grams WHERE part = 0")?,
        ]))
    }

    /// The newest row of a kind.
    pub(super) fn bound(&self, kind: u8) -> i64 {
        let at = usize::from(kind.saturating_sub(FACTS));
        self.0.get(at).copied().unwrap_or(0)
    }
}
