//! A table that is written column by column, a group of rows at a time.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

/// How many bytes of a payload or a body a cell takes.
pub const MAX_CELL_BYTES: usize = 4 << 20;
/// How many bytes a group of rows has, before compression. One row may take more than that, but no other with it.
pub const MAX_GROUP_BYTES: usize = 6 << 20;
/// How many rows a group has.
pub const MAX_GROUP_ROWS: usize = 64 << 10;

const ZSTD_LEVEL: i32 = 3;

/// What sort of values a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A number.
    Int,
    /// Nanoseconds since 1970 in UTC.
    Time,
    /// Yes or no.
    Bool,
    /// Text.
    Text,
    /// JSON.
    Json,
    /// Bytes.
    Bytes,
}

impl Sort {
    /// Its type in the language of Parquet's schemas.
    fn declared(self) -> (&'static str, &'static str) {
        match self {
            Self::Int => ("int64", ""),
            Self::Time => ("int64", " (TIMESTAMP(NANOS,true))"),
            Self::Bool => ("boolean", ""),
            Self::Text => ("binary", " (STRING)"),
            Self::Json => ("binary", " (JSON)"),
            Self::Bytes => ("binary", ""),
        }
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell<'a> {
    /// None.
    Null,
    /// A number or a time.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// Text, JSON or bytes.
    Bytes(Cow<'a, [u8]>),
}

impl<'a> Cell<'a> {
    /// A number that may be unknown.
    pub(super) fn int(number: Option<impl Into<i64>>) -> Self {
        number.map_or(Self::Null, |number| Self::Int(number.into()))
    }

    /// A number of bytes or nanoseconds; beyond 2⁶³ it is as good as unknown.
    pub(super) fn large(number: impl Into<Option<u64>>) -> Self {
        Self::int(number.into().and_then(|number| i64::try_from(number).ok()))
    }

    /// Text that may be unknown.
    pub(super) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, |text| Self::Bytes(text.as_bytes().into()))
    }

    /// Text that is made here.
    pub(super) fn made(text: Option<String>) -> Self {
        text.map_or(Self::Null, |text| Self::Bytes(text.into_bytes().into()))
    }

    /// How many bytes it takes.
    fn size(&self) -> usize {
        match self {
            Self::Null => 2,
            Self::Int(_) | Self::Bool(_) => 10,
            Self::Bytes(bytes) => bytes.len().saturating_add(10),
        }
    }
}

/// The values of one column that wait for their group to be full.
#[derive(Debug)]
struct Column {
    /// 1 where there is a value, 0 where there is none.
    levels: Vec<i16>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Ints(Vec<i64>),
    Bools(Vec<bool>),
    /// All bytes, and where each value ends.
    Bytes(Vec<u8>, Vec<usize>),
}

impl Column {
    fn new(sort: Sort) -> Self {
        Self {
            levels: Vec::new(),
            values: match sort {
                Sort::Int | Sort::Time => Values::Ints(Vec::new()),
                Sort::Bool => Values::Bools(Vec::new()),
                Sort::Text | Sort::Json | Sort::Bytes => Values::Bytes(Vec::new(), Vec::new()),
            },
        }
    }

    /// A value of another sort than the column's counts as none.
    fn push(&mut self, cell: &Cell<'_>) {
        let level = match (&mut self.values, cell) {
            (Values::Ints(values), Cell::Int(value)) => {
                values.push(*value);
                1
            }
            (Values::Bools(values), Cell::Bool(value)) => {
                values.push(*value);
                1
            }
            (Values::Bytes(bytes, ends), Cell::Bytes(value)) => {
                bytes.extend_from_slice(value);
                ends.push(bytes.len());
                1
            }
            _ => 0,
        };
        self.levels.push(level);
    }

    fn write(self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = Some(self.levels.as_slice());
        match self.values {
            Values::Ints(values) => writer
                .typed::<Int64Type>()
                .write_batch(&values, levels, None),
            Values::Bools(values) => writer
                .typed::<BoolType>()
                .write_batch(&values, levels, None),
            Values::Bytes(bytes, ends) => {
                let bytes = Bytes::from(bytes);
                let starts = std::iter::once(0).chain(ends.iter().copied());
                let values: Vec<_> = starts
                    .zip(&ends)
                    .map(|(start, end)| ByteArray::from(bytes.slice(start..*end)))
                    .collect();
                writer
                    .typed::<ByteArrayType>()
                    .write_batch(&values, levels, None)
            }
        }?;
        Ok(())
    }
}

/// A table in a file. Columns are nullable and have no structure.
#[derive(Debug)]
pub(super) struct Table<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    sorts: Vec<Sort>,
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
}

impl<W: Write + Send> Table<W> {
    /// Begins a table with these columns.
    ///
    /// # Errors
    /// What `out` says.
    pub(super) fn new(
        out: W,
        name: &str,
        columns: impl Iterator<Item = (&'static str, Sort)>,
    ) -> io::Result<Self> {
        let mut schema = format!("message {name} {{\n");
        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("ecq version ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(
                ZstdLevel::try_new(ZSTD_LEVEL).map_err(to_io)?,
            ))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true);
        let mut sorts = Vec::new();
        for (name, sort) in columns {
            let (kind, meaning) = sort.declared();
            // Writing into a string does not fail.
            writeln!(schema, "optional {kind} {name}{meaning};").ok();
            if sort == Sort::Bytes {
                let path = ColumnPath::from(name);
                properties = properties
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_statistics_enabled(path, EnabledStatistics::None);
            }
            sorts.push(sort);
        }
        schema.push('}');
        let schema = Arc::new(parse_message_type(&schema).map_err(to_io)?);
        let writer =
            SerializedFileWriter::new(out, schema, Arc::new(properties.build())).map_err(to_io)?;
        let columns = sorts.iter().copied().map(Column::new).collect();
        Ok(Self {
            writer,
            sorts,
            columns,
            rows: 0,
            bytes: 0,
        })
    }

    /// Adds a row, a cell for each column.
    ///
    /// # Errors
    /// What `out` says.
    pub(super) fn push(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let size: usize = cells.iter().map(Cell::size).sum();
        if self.rows >= MAX_GROUP_ROWS || self.bytes.saturating_add(size) > MAX_GROUP_BYTES {
            self.flush()?;
        }
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell);
        }
        self.rows = self.rows.saturating_add(1);
        self.bytes = self.bytes.saturating_add(size);
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// What `out` says.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.writer.finish().map_err(to_io)?;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group().map_err(to_io)?;
        for (column, sort) in self.columns.iter_mut().zip(&self.sorts) {
            let column = std::mem::replace(column, Column::new(*sort));
            if let Some(mut writer) = group.next_column().map_err(to_io)? {
                column.write(&mut writer).map_err(to_io)?;
                writer.close().map_err(to_io)?;
            }
        }
        group.close().map_err(to_io)?;
        self.rows = 0;
        self.bytes = 0;
        Ok(())
    }
}

/// The error of `out` itself, where it is one: a closed pipe is told from a failure.
fn to_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        other => io::Error::other(other),
    }
}
