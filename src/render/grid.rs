//! A table with any columns.

use std::io::{self, Write};

use super::escape::{columns, fit};
use super::{Paint, Style};

/// How many rows decide the widths of the columns. The rest is written as it comes.
const ROWS_MEASURED: usize = 100;

/// How wide a column may get that is not the last.
const WIDEST: usize = 48;

/// How wide the last column is even where there is no room for it.
const LAST_LEAST: usize = 8;

/// A table that is written as it grows. Its cells are harmless text already.
#[derive(Debug)]
pub struct Grid {
    style: Style,
    titles: Vec<Title>,
    waiting: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
}

/// The title of a column.
#[derive(Debug, Clone)]
pub struct Title {
    text: String,
    is_number: bool,
}

impl Title {
    /// Of a column of text, which stands at the left and is cut where there is no room.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_number: false,
        }
    }

    /// Of a column of numbers, which stand at the right and are never cut.
    pub fn number(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_number: true,
        }
    }
}

impl Grid {
    /// A table without rows yet.
    pub fn new(style: Style, titles: Vec<Title>) -> Self {
        Self {
            style,
            titles,
            waiting: Vec::new(),
            widths: None,
        }
    }

    /// Adds a row, with a cell for each column.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn push(&mut self, out: &mut dyn Write, cells: Vec<String>) -> io::Result<()> {
        if self.widths.is_some() {
            return self.write(out, &cells);
        }
        self.waiting.push(cells);
        if self.waiting.len() < ROWS_MEASURED {
            return Ok(());
        }
        self.start(out)
    }

    /// Writes what is waiting, so that rows that come one by one are seen at once.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.widths.is_none() && !self.waiting.is_empty() {
            self.start(out)?;
        }
        Ok(())
    }

    fn start(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let mut widths: Vec<_> = self
            .titles
            .iter()
            .map(|title| columns(&title.text))
            .collect();
        for row in &self.waiting {
            for ((width, cell), title) in widths.iter_mut().zip(row).zip(&self.titles) {
                let widest = if title.is_number { usize::MAX } else { WIDEST };
                *width = (*width).max(columns(cell).min(widest));
            }
        }
        if let Some((last, before)) = widths.split_last_mut() {
            let taken: usize = before.iter().map(|width| width + 2).sum();
            *last = self.style.width.saturating_sub(taken).max(LAST_LEAST);
        }
        self.widths = Some(widths);
        let titles: Vec<_> = self.titles.iter().map(|title| title.text.clone()).collect();
        let heading = self.line(&titles);
        writeln!(out, "{}", self.style.paint(Paint::Heading, &heading))?;
        for row in std::mem::take(&mut self.waiting) {
            self.write(out, &row)?;
        }
        Ok(())
    }

    fn write(&self, out: &mut dyn Write, cells: &[String]) -> io::Result<()> {
        writeln!(out, "{}", self.line(cells))
    }

    fn line(&self, cells: &[String]) -> String {
        let widths = self.widths.as_deref().unwrap_or_default();
        let mut line = String::new();
        for (place, ((cell, width), title)) in
            cells.iter().zip(widths).zip(&self.titles).enumerate()
        {
            if place > 0 {
                line.push_str("  ");
            }
            let is_last = place + 1 == widths.len();
            if title.is_number {
                let wide = if is_last {
                    columns(&title.text)
                } else {
                    *width
                };
                line.push_str(&" ".repeat(wide.saturating_sub(columns(cell))));
                line.push_str(cell);
            } else {
                let text = fit(cell, *width);
                line.push_str(&text);
                line.push_str(&" ".repeat(width.saturating_sub(columns(&text))));
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{Timestamp, Zone};

    use super::*;

    fn grid(width: usize, rows: &[[&str; 3]]) -> String {
        let style = Style {
            color: false,
            width,
            zone: Zone::Utc,
            now: Timestamp::default(),
        };
        let titles = vec![
            Title::text("PNAME"),
            Title::number("EVENTS"),
            Title::text("HOST"),
        ];
        let mut grid = Grid::new(style, titles);
        let mut out = Vec::new();
        for row in rows {
            grid.push(&mut out, row.map(str::to_owned).to_vec())
                .unwrap();
        }
        grid.flush(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_stand_at_the_right() {
        let text = grid(
            80,
            &[["curl", "7", "a.example"], ["python3", "12345678", "b"]],
        );
        assert_eq!(
            text,
            "PNAME      EVENTS  HOST\ncurl            7  a.example\npython3  12345678  b\n"
        );
        assert_eq!(grid(80, &[]), "");
    }

    #[test]
    fn text_is_cut() {
        let text = grid(24, &[["curl", "7", "a.very.long.example.com"]]);
        assert!(text.lines().all(|line| columns(line) <= 24), "{text}");
        assert!(text.contains('…'), "{text}");
    }
}
