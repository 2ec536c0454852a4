//! Rows copied from one capture to another, as they are but for secrets that are to be taken out.

use std::ops::Range;
use std::path::Path;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Row, Statement, params_from_iter};

use super::redaction::Redact;
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
    /// Columns that can hold a secret, and what a redacted subset has in their place.
    pub(in crate::store) secrets: &'static [(&'static str, Secret)],
}

/// What stands in a redacted subset in place of the value of a column that can hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Secret {
    /// Of a text, the text without its secrets.
    Text,
    /// Of a filter, what may be known of it.
    Filter,
    /// An empty BLOB, if there is something.
    Blank,
    /// Nothing.
    Gone,
}

impl Secret {
    /// What stands in place of a value.
    fn instead(self, redact: &dyn Redact, value: ValueRef<'_>) -> Value {
        let text = |value: ValueRef<'_>| match value {
            ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        };
        match self {
            Self::Text => text(value).map(|text| redact.text(&text)).into(),
            Self::Filter => text(value).map(|text| redact.filter(&text)).into(),
            Self::Blank if value == ValueRef::Null => Value::Null,
            Self::Blank => Value::Blob(Vec::new()),
            Self::Gone => Value::Null,
        }
    }
}

impl Rows {
    /// With these columns that can hold secrets.
    pub(in crate::store) const fn hiding(
        mut self,
        secrets: &'static [(&'static str, Secret)],
    ) -> Self {
        self.secrets = secrets;
        self
    }

    /// What becomes of each of these columns of a statement that gives the rows.
    fn secrets(&self, statement: &Statement<'_>, columns: &Range<usize>) -> Vec<Option<Secret>> {
        columns
            .clone()
            .map(|column| {
                let name = statement.column_name(column).unwrap_or_default();
                let mut secrets = self.secrets.iter();
                secrets
                    .find(|(secret, _)| *secret == name)
                    .map(|found| found.1)
            })
            .collect()
    }
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
            secrets: &[],
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
    /// What takes secrets out of what is copied, if they are to be.
    pub(in crate::store) redact: Option<&'a dyn Redact>,
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
        let secrets = rows.secrets(&select, &columns);
        let mut found = select.query([id]).at(from)?;
        let Some(row) = found.next().at(from)? else {
            return Ok(false);
        };
        self.insert(&mut insert, row, (columns, &secrets))
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
        let secrets = rows.secrets(&select, &columns);
        let mut found = select.query(params_from_iter(keys)).at(from)?;
        while let Some(row) = found.next().at(from)?
            && !self.reader.watch().is_stopped()
        {
            if !is_kept(row).at(from)? {
                continue;
            }
            self.insert(&mut insert, row, (columns.clone(), &secrets))?;
        }
        Ok(())
    }

    /// Inserts what these columns of a row have; whether it was not there before.
    fn insert(
        &self,
        insert: &mut Statement<'_>,
        row: &Row<'_>,
        (columns, secrets): (Range<usize>, &[Option<Secret>]),
    ) -> Result<bool, Error> {
        for ((place, column), secret) in (1..).zip(columns).zip(secrets) {
            let value = row.get_ref(column).at(&self.reader.path)?;
            let value = match (secret, self.redact) {
                (Some(secret), Some(redact)) => ToSqlOutput::Owned(secret.instead(redact, value)),
                _ => ToSqlOutput::Borrowed(value),
            };
            insert.raw_bind_parameter(place, value).at(self.path)?;
        }
        Ok(insert.raw_execute().at(self.path)? > 0)
    }
}
