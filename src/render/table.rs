//! One line per event.

use std::io::{self, Write};

use crate::event::{Direction, StoredEvent};

use super::escape::{columns, fit, fit_end};
use super::growing::{Growing, Shape};
use super::row::{COLUMNS, Row};
use super::{Paint, Style, TimeForm};

/// How much of a payload the last column needs at most, in bytes.
pub const FIRST_LINE_BYTES: usize = 1024;
/// How wide the last column should be, at the cost of the others.
const FIRST_LINE_WISHED: usize = 24;
/// How wide the last column should be before others are cut.
const FIRST_LINE_NARROW: usize = 20;
/// How wide the last column is even where there is no room for it.
const FIRST_LINE_LEAST: usize = 8;

const TITLES: [&str; COLUMNS] = [
    "ID",
    "TIME",
    "PROCESS",
    "DIR",
    "ENDPOINTS",
    "KIND",
    "SIZE",
    "FIRST LINE",
];
/// Columns whose content stands at the right. They are numbers, and are never cut.
const RIGHT: [usize; 3] = [0, 1, 6];
/// How wide a column may get.
const WIDEST: [usize; COLUMNS] = [12, 25, 24, 3, 64, 14, 9, usize::MAX];
/// Which columns shrink on a narrow terminal, in this order, and how far.
const SHRINK: [(usize, usize); 3] = [(KIND, 8), (PROCESS, 10), (ENDPOINTS, 15)];
const TIME: usize = 1;
const PROCESS: usize = 2;
const DIRECTION: usize = 3;
const ENDPOINTS: usize = 4;
const KIND: usize = 5;
const SIZE: usize = 6;

/// A table of events that is written as it grows.
#[derive(Debug)]
pub struct Table {
    rows: Growing<Columns>,
}

#[derive(Debug)]
struct Columns {
    widths: [usize; COLUMNS],
    gap: usize,
    peer_only: bool,
    time: TimeForm,
    has_size: bool,
}

impl Table {
    /// A table without rows yet.
    pub fn new(style: Style) -> Self {
        Self {
            rows: Growing::new(style),
        }
    }

    /// Adds a row. `capture` is the number of the capture, where there are several; `start` is the beginning of the payload, [`FIRST_LINE_BYTES`] or all of it.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn push(
        &mut self,
        out: &mut dyn Write,
        capture: Option<usize>,
        event: &StoredEvent,
        start: &[u8],
    ) -> io::Result<()> {
        let row = Row::of(&self.rows.style, capture, event, start);
        self.rows.push(out, row)
    }

    /// Writes what is waiting. A table without rows is nothing at all.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.rows.flush(out)
    }
}

impl Shape for Columns {
    type Row = Row;

    fn of(rows: &[Row], width: usize) -> Self {
        let mut widths = TITLES.map(str::len);
        let mut peer_width = widths[ENDPOINTS];
        let (mut second_width, mut clock_width) = (widths[TIME], widths[TIME]);
        for row in rows {
            for ((wide, cell), widest) in widths.iter_mut().zip(&row.cells).zip(WIDEST) {
                *wide = (*wide).max(columns(cell)).min(widest);
            }
            peer_width = peer_width.max(columns(&row.peer));
            second_width = second_width.max(columns(&row.second));
            clock_width = clock_width.max(columns(&row.clock));
        }
        let mut shape = Self {
            widths,
            gap: 2,
            peer_only: false,
            time: TimeForm::Millisecond,
            has_size: true,
        };
        if shape.missing(width, FIRST_LINE_WISHED) > 0 {
            shape.peer_only = true;
            shape.widths[ENDPOINTS] = peer_width;
        }
        if shape.missing(width, FIRST_LINE_WISHED) > 0 {
            shape.gap = 1;
        }
        if shape.missing(width, FIRST_LINE_WISHED) > 0 {
            shape.time = TimeForm::Second;
            shape.widths[TIME] = second_width;
        }
        for (column, least) in SHRINK {
            let missing = shape.missing(width, FIRST_LINE_NARROW);
            if let Some(wide) = shape.widths.get_mut(column) {
                *wide = wide.saturating_sub(missing).max(least.min(*wide));
            }
        }
        shape.has_size = shape.missing(width, FIRST_LINE_NARROW) == 0;
        if shape.missing(width, FIRST_LINE_NARROW) > 0 {
            shape.time = TimeForm::Clock;
            shape.widths[TIME] = clock_width;
        }
        let rest = width.saturating_sub(shape.before_last());
        shape.widths[COLUMNS - 1] = rest.max(FIRST_LINE_LEAST);
        shape
    }

    fn heading(&self) -> String {
        let mut line = String::new();
        for (column, title) in TITLES.into_iter().enumerate() {
            self.cell(&mut line, column, title, title);
        }
        line.truncate(line.trim_end().len());
        line
    }

    fn line(&self, row: &Row, style: &Style) -> String {
        let mut line = String::with_capacity(style.width);
        let mut taken = 0;
        for (column, cell) in row.cells.iter().enumerate() {
            let cell = match column {
                ENDPOINTS if self.peer_only => &row.peer,
                TIME if self.time == TimeForm::Second => &row.second,
                TIME if self.time == TimeForm::Clock => &row.clock,
                _ => cell,
            };
            let width = self.width(column);
            let text = match column {
                _ if RIGHT.contains(&column) => cell.clone(),
                // The port says more than the network, and `request` more than `http1`.
                ENDPOINTS | KIND => fit_end(cell, width),
                // A number that is longer than those measured takes its room from the last column.
                _ if column + 1 == COLUMNS => {
                    let room = style.width.saturating_sub(taken);
                    fit(cell, room.max(FIRST_LINE_LEAST))
                }
                _ => fit(cell, width),
            };
            let paint = match (column, row.direction) {
                (DIRECTION, Some(Direction::Inbound)) => Some(Paint::Inbound),
                (DIRECTION, Some(Direction::Outbound)) => Some(Paint::Outbound),
                (KIND, _) => Some(Paint::Kind),
                _ => None,
            };
            let painted = match paint {
                Some(paint) => style.paint(paint, &text),
                None => text.as_str().into(),
            };
            self.cell(&mut line, column, &text, &painted);
            if self.has(column) {
                taken += width.max(columns(&text)) + self.gap;
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

impl Columns {
    fn width(&self, column: usize) -> usize {
        self.widths.get(column).copied().unwrap_or(0)
    }

    /// Columns taken by all but the last.
    fn before_last(&self) -> usize {
        let before = (0..COLUMNS - 1).filter(|column| self.has(*column));
        before.map(|column| self.width(column) + self.gap).sum()
    }

    fn has(&self, column: usize) -> bool {
        column != SIZE || self.has_size
    }

    /// How many columns are missing for a last column of `wished`.
    fn missing(&self, width: usize, wished: usize) -> usize {
        (self.before_last() + wished).saturating_sub(width)
    }

    /// Writes a cell; `painted` is `text` with its color.
    fn cell(&self, line: &mut String, column: usize, text: &str, painted: &str) {
        if !self.has(column) {
            return;
        }
        let padding = " ".repeat(self.width(column).saturating_sub(columns(text)));
        if column > 0 {
            line.push_str(&" ".repeat(self.gap));
        }
        let (before, after) = if RIGHT.contains(&column) {
            (padding.as_str(), "")
        } else {
            ("", padding.as_str())
        };
        line.push_str(before);
        line.push_str(painted);
        if column + 1 < COLUMNS {
            line.push_str(after);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::event::samples;
    use crate::event::{EventId, Timestamp, Zone};

    use super::super::growing::ROWS_MEASURED;
    use super::*;

    fn table(width: usize, color: bool, count: usize) -> String {
        let style = Style {
            color,
            width,
            zone: Zone::Utc,
            now: Timestamp::from_seconds(1_795_431_600),
        };
        let mut out = Vec::new();
        let mut table = Table::new(style);
        for number in 0..count {
            let mut event = samples::request();
            if number == 1 {
                event = samples::bare();
            }
            table
                .push(&mut out, None, &event, b"GET /a HTTP/1.1\r\nHost: x\r\n")
                .unwrap();
        }
        table.flush(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn wide() {
        assert_eq!(
            table(160, false, 2),
            r"ID           TIME  PROCESS           DIR  ENDPOINTS                           KIND           SIZE  FIRST LINE
 7   11:00:00.000  curl\x1b[31m[42]  out  10.0.0.1:50000 → 93.184.216.34:443  http1_request  28 B  GET /a HTTP/1.1
 8  11:00:00.000~  -                 -    -                                   unreadable      0 B  not a message
"
        );
    }

    #[test]
    fn narrow_shows_the_other_end_alone() {
        let text = table(80, false, 2);
        assert!(text.lines().all(|line| columns(line) <= 80), "{text}");
        assert!(text.contains(" 93.184.216.34:443 "), "{text}");
        assert!(!text.contains('→'), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [66, 80, 100, 120, 160] {
            let mut table = Table::new(Style {
                color: false,
                width,
                zone: Zone::Utc,
                now: Timestamp::default(),
            });
            let mut out = Vec::new();
            for id in 90..1100 {
                let mut event = samples::request();
                event.id = EventId::new(id);
                let start = b"GET /a/long/path/to/something/that/takes/room?and=more HTTP/1.1\r\n";
                table.push(&mut out, None, &event, start).unwrap();
            }
            let text = String::from_utf8(out).unwrap();
            for line in text.lines() {
                assert!(columns(line) <= width, "{width}: {line}");
            }
            let path = if width < 80 {
                "GET /a/l"
            } else {
                "GET /a/long/path"
            };
            assert!(text.contains("request ") && text.contains(path), "{text}");
        }
    }

    #[test]
    fn color_does_not_move_columns() {
        let colored = table(160, true, 1);
        assert!(colored.contains("\x1b[32mout\x1b[0m"));
        let plain = ["\x1b[32m", "\x1b[33m", "\x1b[1m", "\x1b[0m"]
            .iter()
            .fold(colored, |text, code| text.replace(code, ""));
        assert_eq!(plain, table(160, false, 1));
    }

    #[test]
    fn rows_stream_after_the_first_hundred() {
        let mut table = Table::new(Style {
            color: false,
            width: 100,
            zone: Zone::Utc,
            now: Timestamp::default(),
        });
        let mut out = Vec::new();
        for number in 1..=250 {
            table
                .push(&mut out, None, &samples::request(), b"x")
                .unwrap();
            let written = std::str::from_utf8(&out).unwrap().lines().count();
            let expected = if number < ROWS_MEASURED {
                0
            } else {
                number + 1
            };
            assert_eq!(written, expected);
        }
        Table::new(table.rows.style).flush(&mut Vec::new()).unwrap();
    }
}
