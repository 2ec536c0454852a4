//! Rows copied as they are, from one capture to another.

use std::path::Path;

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Row, params_from_iter};

use crate::store::error::{At, Error};
use crate::store::reader::Reader;
use crate::store::vault::Vault;

/// Which rows of a table are copied.
pub(in crate::store) struct Rows {
    /// Gives them, perhaps with other columns before theirs.
    pub(in crate::store) select: &'static str,
    /// The same, of the whole table.
    pub(in crate::store) from: &'static str,
    /// Takes one; one that is there already is left as it is.
    pub(in crate::store) insert: &'static str,
}

/// What the key of a table is called.
#[derive(Clone, Copy)]
pub(in crate::store) enum Key {
    Id,
    EventId,
}

impl Key {
    fn condition(self) -> &'static str {
        match self {
            Self::Id => " WHERE id = ?1",
            Self::EventId => " WHERE event_id = ?1",
        }
    }
}

/// Defines [`Rows`] from one list of columns, so that what is read and what is written cannot drift apart.
macro_rules! rows {
    ($table:literal, [$columns:literal], $values:literal, $which:literal) => {
        rows!($table, "", [$columns], $values, $which)
    };
    ($table:literal, $before:literal, [$columns:literal], $values:literal, $which:literal) => {
        Rows {
            from: concat!("SELECT ", $before, $columns, " FROM ", $table),
            select: concat!("SELECT ", $before, $columns, " FROM ", $table, " ", $which),
            insert: concat!(
                "INSERT OR IGNORE INTO ",
                $table,
                " (",
                $columns,
                ") VALUES (",
                $values,
                ")"
            ),
        }
    };
}

pub(in crate::store) use rows;

/// From where to where rows are copied.
#[derive(Clone, Copy)]
pub(in crate::store) struct Copying<'a> {
    pub(in crate::store) reader: &'a Reader,
    /// The subset.
    pub(in crate::store) db: &'a Connection,
    /// The name of the subset, for errors.
    pub(in crate::store) path: &'a Path,
    /// What encrypts the subset.
    pub(in crate::store) vault: &'a Vault,
}

impl Copying<'_> {
    /// Copies the rows that these keys select.
    pub(in crate::store) fn copy(&self, rows: &Rows, keys: &[i64]) -> Result<(), Error> {
        self.copy_if(rows, (keys, 0), |_| Ok(true))
    }

    /// Copies the row with this id, without the columns before its own. Whether there is one.
    pub(in crate::store) fn copy_row(
        &self,
        rows: &Rows,
        (key, columns_before): (Key, usize),
        id: i64,
    ) -> Result<bool, Error> {
        let from = &self.reader.path;
        let select = [rows.from, key.condition()].concat();
        let mut select = self.reader.db.prepare_cached(&select).at(from)?;
        let mut insert = self.db.prepare_cached(rows.insert).at(self.path)?;
        let columns = columns_before..select.column_count();
        let mut found = select.query([id]).at(from)?;
        let Some(row) = found.next().at(from)? else {
            return Ok(false);
        };
        for (place, column) in (1..).zip(columns) {
            let value = row.get_ref(column).at(from)?;
            insert
                .raw_bind_parameter(place, ToSqlOutput::Borrowed(value))
                .at(self.path)?;
        }
        Ok(insert.raw_execute().at(self.path)? > 0)
    }

    /// Copies those of them that are to be kept, without the columns before theirs. Ends early when it is stopped.
    pub(in crate::store) fn copy_if(
        &self,
        rows: &Rows,
        (keys, columns_before): (&[i64], usize),
        is_kept: impl Fn(&Row<'_>) -> rusqlite::Result<bool>,
    ) -> Result<(), Error> {
        let from = &self.reader.path;
        let mut select = self.reader.db.prepare_cached(rows.select).at(from)?;
        let mut insert = self.db.prepare_cached(rows.insert).at(self.path)?;
        let columns = columns_before..select.column_count();
        let mut found = select.query(params_from_iter(keys)).at(from)?;
        while let Some(row) = found.next().at(from)?
            && !self.reader.watch().is_stopped()
        {
            if !is_kept(row).at(from)? {
                continue;
            }
            for (place, column) in (1..).zip(columns.clone()) {
                let value = row.get_ref(column).at(from)?;
                insert
                    .raw_bind_parameter(place, ToSqlOutput::Borrowed(value))
                    .at(self.path)?;
            }
            insert.raw_execute().at(self.path)?;
        }
        Ok(())
    }
}
