//! What the schema of a capture may not define: anything that computes when it is read. A recorder makes none of that, and a
//! file that was made by hand could keep a reader busy without an end.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::error::{At, Error};
use super::migrate::MIGRATIONS;

/// The first thing that computes. Virtual tables have no first page; the pragmas would already set them up, so that these
/// are looked for before.
const VIRTUAL: &str = "
    SELECT 'the table ' || name || ' is a virtual one' FROM sqlite_schema
    WHERE type = 'table' AND coalesce(rootpage, 0) <= 0 LIMIT 1";

/// SQLite's documentation, "PRAGMA `table_xinfo`" (2 and 3 are generated columns) and "PRAGMA `index_xinfo`" (-2 is an
/// expression).
const COMPUTED: &str = "
    SELECT 'the column ' || c.name || ' of the table ' || s.name || ' is computed'
    FROM sqlite_schema AS s, pragma_table_xinfo(s.name) AS c WHERE s.type = 'table' AND c.hidden > 1
    UNION ALL
    SELECT 'the index ' || s.name || ' is computed'
    FROM sqlite_schema AS s, pragma_index_xinfo(s.name) AS c WHERE s.type = 'index' AND c.cid = -2
    LIMIT 1";

/// Indexes of a part of a table, which a condition chooses.
const PARTIAL: &str = "
    SELECT s.name, s.sql FROM sqlite_schema AS s, pragma_index_list(s.tbl_name) AS i
    WHERE s.type = 'index' AND i.name = s.name AND i.partial";

/// Refuses a capture with anything that computes. Conditions of indexes are those of the migrations, to the letter.
///
/// # Errors
/// That, and what SQLite says.
pub(super) fn check(db: &Connection, path: &Path) -> Result<(), Error> {
    match first(db).at(path)? {
        None => Ok(()),
        Some(detail) => Err(Error::Corrupt {
            path: path.to_owned(),
            detail,
        }),
    }
}

fn first(db: &Connection) -> rusqlite::Result<Option<String>> {
    for sql in [VIRTUAL, COMPUTED] {
        let found = db.query_row(sql, [], |row| row.get(0)).optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    let mut statement = db.prepare(PARTIAL)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let sql: String = row.get("sql")?;
        if !MIGRATIONS.iter().any(|(_, text)| text.contains(&sql)) {
            let name: String = row.get("name")?;
            return Ok(Some(format!(
                "the index {name} has another condition than ours"
            )));
        }
    }
    Ok(None)
}
