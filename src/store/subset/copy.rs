//! Rows copied as they are, from one capture to another.

use std::path::Path;

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Row, params_from_iter};

use crate::store::error::{At, Error};
use crate::store::reader::Reader;

/// Which rows of a table are copied.
pub(super) struct Rows {
    /// Gives them, perhaps with other columns before theirs.
    pub(super) select: &'static str,
    /// Takes one; one that is there already is left as it is.
    pub(super) insert: &'static str,
}

/// Defines [`Rows`] from one list of columns, so that what is read and what is written cannot drift apart.
macro_rules! rows {
    ($table:literal, [$columns:literal], $values:literal, $which:literal) => {
        rows!($table, "", [$columns], $values, $which)
    };
    ($table:literal, $before:literal, [$columns:literal], $values:literal, $which:literal) => {
        Rows {
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

pub(super) use rows;

/// From where to where rows are copied.
#[derive(Clone, Copy)]
pub(super) struct Copying<'a> {
    pub(super) reader: &'a Reader,
    /// The subset.
    pub(super) db: &'a Connection,
    /// The name of the subset, for errors.
    pub(super) path: &'a Path,
}

impl Copying<'_> {
    /// Copies the rows that these keys select.
    pub(super) fn copy(&self, rows: &Rows, keys: &[i64]) -> Result<(), Error> {
        self.copy_if(rows, (keys, 0), |_| Ok(true))
    }

    /// Copies those of them that are to be kept, without the columns before theirs. Ends early when it is stopped.
    pub(super) fn copy_if(
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
