//! A table that is written as it grows: its first rows wait until they have told how wide its columns are.

use std::io::{self, Write};

use super::{Paint, Style};

/// How many rows decide the widths of the columns. The rest is written as it comes.
pub(super) const ROWS_MEASURED: usize = 100;

/// Which columns a table has, and how wide.
pub(super) trait Shape {
    /// What a line is made of.
    type Row;

    /// What suits these rows and a terminal of this width.
    fn of(rows: &[Self::Row], width: usize) -> Self;

    /// The line above the rows.
    fn heading(&self) -> String;

    /// The line of a row.
    fn line(&self, row: &Self::Row, style: &Style) -> String;
}

/// The rows of a table.
#[derive(Debug)]
pub(super) struct Growing<S: Shape> {
    pub(super) style: Style,
    waiting: Vec<S::Row>,
    shape: Option<S>,
}

impl<S: Shape> Growing<S> {
    /// None yet.
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            waiting: Vec::new(),
            shape: None,
        }
    }

    /// Adds one.
    pub(super) fn push(&mut self, out: &mut dyn Write, row: S::Row) -> io::Result<()> {
        if let Some(shape) = &self.shape {
            return writeln!(out, "{}", shape.line(&row, &self.style));
        }
        self.waiting.push(row);
        if self.waiting.len() < ROWS_MEASURED {
            return Ok(());
        }
        self.start(out)
    }

    /// Writes what is waiting. A table without rows is nothing at all.
    pub(super) fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.start(out)
    }

    fn start(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        let shape = S::of(&rows, self.style.width);
        let heading = shape.heading();
        writeln!(out, "{}", self.style.paint(Paint::Heading, &heading))?;
        for row in &rows {
            writeln!(out, "{}", shape.line(row, &self.style))?;
        }
        self.shape = Some(shape);
        Ok(())
    }
}
