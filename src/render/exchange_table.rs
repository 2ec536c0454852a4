//! One line per exchange.

use std::io::{self, Write};

use crate::http::exchange::Exchange;

use super::escape::{columns, fit};
use super::exchange_row::{COLUMNS, Facts, Row};
use super::growing::{Growing, Shape};
use super::{Style, TimeForm};

/// How wide the URL should be where there is more of it, at the cost of what is the same or much alike on every line.
const URL_WISHED: usize = 48;
/// How wide the URL should be before whole columns are left out.
const URL_NARROW: usize = 30;
/// How wide the URL is even where there is no room for it.
const URL_LEAST: usize = 8;
/// How wide a process and a method may get.
const PROCESS_WIDEST: usize = 24;
const METHOD_WIDEST: usize = 16;
/// How narrow a process may get before it is left out.
const PROCESS_LEAST: usize = 10;

const ID: usize = 0;
const TIME: usize = 1;
const PROCESS: usize = 2;
const METHOD: usize = 3;
const SENT: usize = 5;
const RECEIVED: usize = 6;
const ELAPSED: usize = 7;

const TITLES: [&str; COLUMNS] = [
    "ID", "TIME", "PROCESS", "METHOD", "STATUS", "SENT", "RECEIVED", "ELAPSED",
];
/// The same where there is no room for titles that are longer than what stands below them.
const SHORT_TITLES: [&str; COLUMNS] = [
    "ID", "TIME", "PROCESS", "METH", "STAT", "SENT", "RECV", "ELAPSED",
];
/// Columns whose content stands at the right. They are never cut.
const RIGHT: [usize; 5] = [ID, TIME, SENT, RECEIVED, ELAPSED];

/// What gives way to the URL on a narrow terminal, in this order, as long as the URL has less than the width at the
/// left. Method and status stay.
const STEPS: [(usize, Step); 12] = [
    (URL_WISHED, Step::Scheme),
    (URL_WISHED, Step::Gap),
    (URL_WISHED, Step::Milliseconds),
    (URL_WISHED, Step::Titles),
    (URL_NARROW, Step::Column(SENT)),
    (URL_NARROW, Step::Process),
    (URL_NARROW, Step::Column(ELAPSED)),
    (URL_NARROW, Step::Date),
    (URL_NARROW, Step::Column(RECEIVED)),
    (URL_NARROW, Step::Column(PROCESS)),
    (URL_LEAST, Step::Column(TIME)),
    (URL_LEAST, Step::Column(ID)),
];

/// One thing that gives way.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// `https://`, which every URL begins with.
    Scheme,
    /// One of the two blanks between columns.
    Gap,
    /// The milliseconds of times.
    Milliseconds,
    /// Titles become short.
    Titles,
    /// A whole column.
    Column(usize),
    /// The end of processes.
    Process,
    /// The date of times.
    Date,
}

/// A table of exchanges that is written as it grows.
#[derive(Debug)]
pub struct ExchangeTable {
    rows: Growing<Columns>,
}

impl ExchangeTable {
    /// A table without rows yet.
    pub fn new(style: Style) -> Self {
        Self {
            rows: Growing::new(style),
        }
    }

    /// Adds a row. `capture` is the number of the capture, where there are several.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn push(
        &mut self,
        out: &mut dyn Write,
        capture: Option<usize>,
        exchange: &Exchange,
        facts: Facts<'_>,
    ) -> io::Result<()> {
        let row = Row::of(&self.rows.style, capture, exchange, facts);
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

/// Which columns there are, and how wide.
#[derive(Debug, Clone)]
struct Columns {
    /// How wide each column is; `None` if it is left out.
    widths: [Option<usize>; COLUMNS],
    titles: [&'static str; COLUMNS],
    gap: usize,
    time: TimeForm,
    /// How wide a process may get.
    process: usize,
    has_scheme: bool,
}

impl Shape for Columns {
    type Row = Row;

    fn of(rows: &[Row], width: usize) -> Self {
        let mut shape = Self {
            widths: [Some(0); COLUMNS],
            titles: TITLES,
            gap: 2,
            time: TimeForm::Millisecond,
            process: PROCESS_WIDEST,
            has_scheme: true,
        };
        shape.measure(rows);
        for (wished, step) in STEPS {
            let longest = rows.iter().map(|row| row.url.columns(shape.has_scheme));
            let wished = longest.max().unwrap_or(0).min(wished);
            let missing = (shape.before_url() + wished).saturating_sub(width);
            if missing > 0 {
                shape.take(step, missing, rows);
            }
        }
        shape
    }

    fn heading(&self) -> String {
        let mut line = String::new();
        for (column, title) in self.titles.into_iter().enumerate() {
            self.put(&mut line, column, title);
        }
        line.push_str("URL");
        line
    }

    fn line(&self, row: &Row, style: &Style) -> String {
        let mut line = String::new();
        for column in 0..COLUMNS {
            self.put(&mut line, column, self.cell(row, column));
        }
        // A number that is longer than those measured takes its room from the URL.
        let room = style.width.saturating_sub(columns(&line)).max(URL_LEAST);
        line.push_str(&row.url.fit(room, self.has_scheme));
        line
    }
}

impl Columns {
    fn take(&mut self, step: Step, missing: usize, rows: &[Row]) {
        match step {
            Step::Scheme => self.has_scheme = false,
            Step::Gap => self.gap = 1,
            Step::Milliseconds => self.time = TimeForm::Second,
            Step::Date => self.time = TimeForm::Clock,
            Step::Titles => self.titles = SHORT_TITLES,
            Step::Column(column) => {
                if let Some(width) = self.widths.get_mut(column) {
                    *width = None;
                }
            }
            Step::Process => {
                let width = self.widths[PROCESS].unwrap_or(0);
                self.process = width.saturating_sub(missing).max(PROCESS_LEAST);
            }
        }
        self.measure(rows);
    }

    /// Makes columns that are not left out as wide as their title and what stands below.
    fn measure(&mut self, rows: &[Row]) {
        for (column, title) in self.titles.into_iter().enumerate() {
            let cells = rows.iter().map(|row| columns(self.cell(row, column)));
            let widest = cells.chain([title.len()]).max().unwrap_or(0);
            let most = match column {
                PROCESS => self.process,
                METHOD => METHOD_WIDEST,
                _ => usize::MAX,
            };
            if let Some(Some(width)) = self.widths.get_mut(column) {
                *width = widest.min(most);
            }
        }
    }

    fn cell<'a>(&self, row: &'a Row, column: usize) -> &'a str {
        match (column, self.time) {
            (TIME, TimeForm::Second) => &row.second,
            (TIME, TimeForm::Clock) => &row.clock,
            _ => row.cells.get(column).map_or("", String::as_str),
        }
    }

    /// Columns taken by all that stands before the URL.
    fn before_url(&self) -> usize {
        self.widths
            .iter()
            .flatten()
            .map(|width| width + self.gap)
            .sum()
    }

    fn put(&self, line: &mut String, column: usize, cell: &str) {
        let Some(Some(width)) = self.widths.get(column).copied() else {
            return;
        };
        if RIGHT.contains(&column) {
            line.push_str(&" ".repeat(width.saturating_sub(columns(cell))));
            line.push_str(cell);
        } else {
            let cell = fit(cell, width);
            line.push_str(&cell);
            line.push_str(&" ".repeat(width.saturating_sub(columns(&cell))));
        }
        line.push_str(&" ".repeat(self.gap));
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{Timestamp, Zone};

    use super::super::exchange_row::Url;
    use super::*;

    fn row(id: usize, host: &str, path: &str) -> Row {
        let cells = [
            &format!("x{id}"),
            "11-28 12:00:01.650",
            "python3[12345]",
            "GET",
            "200",
            "0 B",
            "12.5 KiB!",
            "10 ms",
        ];
        Row {
            cells: cells.map(str::to_owned),
            second: "11-28 12:00:01".to_owned(),
            clock: "12:00:01".to_owned(),
            url: Url::of(Facts {
                method: Some("GET"),
                host: Some(host),
                path: Some(path),
                status: Some(200),
            }),
        }
    }

    fn table(width: usize, rows: impl IntoIterator<Item = Row>) -> String {
        let mut table = ExchangeTable::new(Style {
            color: false,
            width,
            zone: Zone::Utc,
            now: Timestamp::default(),
        });
        let mut out = Vec::new();
        for row in rows {
            table.rows.push(&mut out, row).unwrap();
        }
        table.flush(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_gives_way_to_a_long_url() {
        for (width, expected) in [
            (
                160,
                "\
ID                TIME  PROCESS         METHOD  STATUS  SENT   RECEIVED  ELAPSED  URL
x7  11-28 12:00:01.650  python3[12345]  GET     200      0 B  12.5 KiB!    10 ms  https://api.example.com/v1/customers/1234567/orders
",
            ),
            (
                120,
                "\
ID               TIME PROCESS        METHOD STATUS SENT  RECEIVED ELAPSED URL
x7 11-28 12:00:01.650 python3[12345] GET    200     0 B 12.5 KiB!   10 ms api.example.com/v1/customers/1234567/orders
",
            ),
            (
                80,
                "\
ID           TIME PROCESS    METH STAT      RECV URL
x7 11-28 12:00:01 python3[1… GET  200  12.5 KiB! api.example.com/v1/customers/1…
",
            ),
            (
                60,
                "\
ID     TIME METH STAT URL
x7 12:00:01 GET  200  api.example.com/v1/customers/1234567/…
",
            ),
            (
                40,
                "\
ID     TIME METH STAT URL
x7 12:00:01 GET  200  …ample.com/v1/cus…
",
            ),
            (
                20,
                "\
METH STAT URL
GET  200  …e.com/v1…
",
            ),
        ] {
            let long = row(7, "api.example.com", "/v1/customers/1234567/orders");
            assert_eq!(table(width, [long]), expected, "{width}");
        }
    }

    #[test]
    fn a_short_url_costs_nothing() {
        assert_eq!(
            table(100, [row(7, "a", "/b")]),
            "\
ID                TIME  PROCESS         METHOD  STATUS  SENT   RECEIVED  ELAPSED  URL
x7  11-28 12:00:01.650  python3[12345]  GET     200      0 B  12.5 KiB!    10 ms  https://a/b
"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 40..200 {
            let rows = (90..1100).map(|id| row(id, "a.rather.long.name.example.com", "/path"));
            for line in table(width, rows).lines() {
                assert!(columns(line) <= width, "{width}: {line}");
            }
        }
    }
}
