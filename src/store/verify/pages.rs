//! SQLite's own checks.

use rusqlite::Connection;

use super::found::Found;
use crate::event::{EventId, Part, Scope};
use crate::store::error::{At, Error, is_damage};
use crate::store::reader::Reader;

/// The check of the whole file, of which SQLite tells at most 100 faults, as of a table.
const WHOLE: &str = "PRAGMA integrity_check(100)";

/// What is read anyway, block by block, of a file that a recorder writes to: the check of the whole table would keep the
/// recorder's log from being written back for as long as it takes.
const LARGE_TABLE: &str = "block_data";

/// Checks pages, indexes, types and references.
pub(super) fn check(reader: &Reader, is_live: bool, found: &mut Found<'_>) -> Result<(), Error> {
    let db = &reader.db;
    if is_live {
        let tables = found.pass(Part::Pages, tables(db).at(&reader.path), Scope::default())?;
        for table in tables.unwrap_or_default() {
            let result = reader
                .bounded(|| integrity(db, Some(&table), found))
                .at(&reader.path);
            found.pass(Part::Pages, result, Scope::default())?;
        }
    } else {
        let result = reader
            .bounded(|| integrity(db, None, found))
            .at(&reader.path);
        found.pass(Part::Pages, result, Scope::default())?;
    }
    let result = reader.bounded(|| references(db, found)).at(&reader.path);
    found.pass(Part::References, result, Scope::default())?;
    Ok(())
}

fn tables(db: &Connection) -> rusqlite::Result<Vec<String>> {
    db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> ?1 ORDER BY name")?
        .query_map([LARGE_TABLE], |row| row.get("name"))?
        .collect()
}

/// SQLite's documentation, "PRAGMA `integrity_check`": one row `ok`, or one a fault.
fn integrity(db: &Connection, table: Option<&str>, found: &mut Found<'_>) -> rusqlite::Result<()> {
    let mut statement = match table {
        None => db.prepare(WHOLE)?,
        Some(_) => db.prepare("SELECT integrity_check FROM pragma_integrity_check(?1)")?,
    };
    let mut rows = match table {
        None => statement.query([])?,
        Some(table) => statement.query([table])?,
    };
    while let Some(row) = rows.next()? {
        let message: String = row.get("integrity_check")?;
        // The first comes below a heading that names the database, of which there is one.
        for line in message.lines() {
            if line != "ok" && !line.starts_with("***") {
                found.add(Part::Pages, line, Scope::default());
            }
        }
    }
    Ok(())
}

/// SQLite's documentation, "PRAGMA `foreign_key_check`": the table, row and missing parent of each broken reference.
fn references(db: &Connection, found: &mut Found<'_>) -> rusqlite::Result<()> {
    let mut statement = db.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(()),
            Err(error) if is_damage(&error) => {
                found.add(Part::References, error.to_string(), Scope::default());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let table: String = row.get("table")?;
        let parent: String = row.get("parent")?;
        let id: Option<i64> = row.get("rowid")?;
        let mut scope = Scope::default();
        if table == "events"
            && let Some(id) = id
        {
            scope.add(EventId::new(id));
        }
        let detail = format!("a row of {table} names a row of {parent} that is not there");
        found.add(Part::References, detail, scope);
    }
}
