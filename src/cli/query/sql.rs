//! Answers the user's own SQL.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::report::Advised;
use crate::export::values::Object;
use crate::render::escape;
use crate::render::grid::{Grid, Title};
use crate::store::{Cell, Sql, SqlError};

use super::list::Limit;
use super::{CommonArgs, Context, Output, capture, count};

/// How many rows a table has unless `--limit` says otherwise.
const DEFAULT_LIMIT: u64 = 1000;

/// How long a statement may run unless `--timeout` says otherwise.
const DEFAULT_TIMEOUT: &str = "60s";

/// How many bytes of a text or BLOB a table shows at most.
const SHOWN_TEXT_BYTES: usize = 1024;
const SHOWN_BLOB_BYTES: usize = 16;

const AFTER_HELP: &str = "\
The statement is one SELECT (WITH, VALUES, EXPLAIN), or the bare condition of one on `packets`. What eCaptureQ's guide \
documents runs unchanged: `packets` is a view with the columns of its table, \"index\", timestamp (nanoseconds), uuid, \
src_ip, src_port, dst_ip, dst_port, pid, pname, type, length, is_binary, payload_utf8 and payload_binary, and with id \
and time_text. In it, what is not known is an empty text or 0, and a pattern of LIKE minds the case. `event_list` and \
`connection_list` have everything else, with NULL for what is not known; events join by id.

Functions beside SQLite's own: cidr(src_ip, '10.0.0.0/8'), x REGEXP 'pattern' (the case counts), payload(id), \
ip_text(BLOB), time_text(nanoseconds). Payloads of more than 16 MiB are an error: leave them out with `length`, before \
what looks at the payload.

In JSON a BLOB is {\"base64\": \"…\"}, and a name that repeats gets `_2`, `_3`.

A statement sees the capture as it was when it began. Beside a live recorder that keeps its -wal file from shrinking, \
so do not let one run for long: --timeout ends it, and so does an interrupt.

Exit status: 0 there are rows, 1 there is none, 2 failed, 130 interrupted.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct SqlArgs {
    /// A statement that only reads, or a bare condition
    #[arg(value_name = "STATEMENT", allow_hyphen_values = true)]
    statement: String,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// How many rows at most [default: 1000 in a table, all in jsonl]
    #[arg(short = 'n', long, value_name = "N|all")]
    limit: Option<Limit>,
    /// How long it may run; 0 is for as long as it takes
    #[arg(long, value_name = "DURATION", value_parser = timeout, default_value = DEFAULT_TIMEOUT)]
    timeout: Timeout,
    /// How to write the rows
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
}

/// How long a statement may run, if not forever, and how that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Timeout {
    length: Option<Duration>,
    text: String,
}

fn timeout(text: &str) -> Result<Timeout, String> {
    let length = match text {
        "0" => None,
        _ => Some(count::length(text)?),
    };
    Ok(Timeout {
        length,
        text: text.to_owned(),
    })
}

pub(super) fn run(args: &SqlArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let reader = capture::open(context)?;
    let deadline = args
        .timeout
        .length
        .and_then(|length| Instant::now().checked_add(length));
    let is_over = move || deadline.is_some_and(|deadline| Instant::now() >= deadline);
    let watch = context.watch.clone();
    let sql = Sql::new(reader, move || watch.is_stopped() || is_over())
        .context("failed to set up the capture for SQL")?;
    let shown = Limit::or_default(args.limit, args.output, Some(DEFAULT_LIMIT));
    let rows = answer(&sql, args, shown, context);
    context.terminal.flush()?;
    let rows = match rows {
        Err(error) if matches!(error.downcast_ref(), Some(SqlError::Stopped)) => {
            if context.watch.is_stopped() {
                context
                    .terminal
                    .error("the statement was interrupted: there may be more rows");
                return Ok(Exit::Interrupted);
            }
            return Err(Advised {
                message: format!(
                    "the statement was stopped after {}: there may be more rows",
                    args.timeout.text
                ),
                hint: "give it longer with --timeout, or 0 for as long as it takes".to_owned(),
            }
            .into());
        }
        other => other?,
    };
    if rows.are_more && args.limit.is_none() {
        context.terminal.note(format_args!(
            "these are the first {} rows; `-n all` shows all",
            rows.shown
        ));
    }
    if rows.shown == 0 {
        context.terminal.note("no rows");
    }
    Ok(Exit::of_search(rows.shown > 0))
}

/// What became of the rows.
#[derive(Debug, Default)]
struct Rows {
    shown: u64,
    are_more: bool,
}

fn answer(
    sql: &Sql,
    args: &SqlArgs,
    shown: Option<u64>,
    context: &mut Context<'_>,
) -> anyhow::Result<Rows> {
    let mut question = sql.ask(&args.statement)?;
    if let Some((number, nanoseconds)) = question.coarse_time() {
        context.terminal.note(format_args!(
            "`timestamp` is in nanoseconds, and {number} is not: did you mean {nanoseconds}?"
        ));
    }
    let mut sink = Sink::new(args.output, question.columns(), context);
    let mut rows = Rows::default();
    let out = context.terminal.out();
    let result = question.for_each::<anyhow::Error>(|cells| {
        if Some(rows.shown) == shown {
            rows.are_more = true;
            return Ok(ControlFlow::Break(()));
        }
        rows.shown += 1;
        sink.write(out, cells)?;
        Ok(ControlFlow::Continue(()))
    });
    sink.finish(out)?;
    result.map(|()| rows)
}

/// Where rows go.
enum Sink {
    Table {
        style: crate::render::Style,
        names: Vec<String>,
        grid: Option<Grid>,
    },
    Jsonl {
        names: Vec<String>,
    },
}

impl Sink {
    fn new(output: Output, columns: &[String], context: &Context<'_>) -> Self {
        match output {
            Output::Table => Self::Table {
                style: context.style(),
                names: columns.iter().map(|name| escape::line(name)).collect(),
                grid: None,
            },
            Output::Jsonl => Self::Jsonl {
                names: distinct(columns),
            },
        }
    }

    fn write(&mut self, out: &mut dyn std::io::Write, cells: &[Cell<'_>]) -> anyhow::Result<()> {
        match self {
            Self::Table { style, names, grid } => {
                let grid = grid.get_or_insert_with(|| {
                    // The first row says what a column holds.
                    let titles = names.iter().zip(cells).map(|(name, cell)| match cell {
                        Cell::Integer(_) | Cell::Real(_) => Title::number(name),
                        _ => Title::text(name),
                    });
                    Grid::new(*style, titles.collect())
                });
                grid.push(out, cells.iter().map(shown_cell).collect())?;
            }
            Self::Jsonl { names } => {
                let mut object = Object::default();
                for (name, cell) in names.iter().zip(cells) {
                    match cell {
                        Cell::Null => object.null(name),
                        Cell::Integer(number) => object.integer(name, *number),
                        Cell::Real(number) => object.real(name, *number),
                        Cell::Text(text) => match std::str::from_utf8(text) {
                            Ok(text) => object.text(name, text),
                            Err(_) => object.blob(name, text),
                        },
                        Cell::Blob(bytes) => object.blob(name, bytes),
                    }
                }
                object.write(out)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn std::io::Write) -> anyhow::Result<()> {
        if let Self::Table {
            grid: Some(grid), ..
        } = self
        {
            grid.flush(out)?;
        }
        Ok(())
    }
}

/// A cell of a table: harmless, and not longer than anyone looks at.
fn shown_cell(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Integer(number) => number.to_string(),
        // With a point, as SQLite shows them.
        Cell::Real(number) => format!("{number:?}"),
        Cell::Text(text) => {
            let (start, more) = start(text, SHOWN_TEXT_BYTES);
            escape::bytes(start) + more
        }
        Cell::Blob(bytes) => {
            let (start, more) = start(bytes, SHOWN_BLOB_BYTES);
            let hex: Vec<_> = start.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x'{}{more}'", hex.concat())
        }
    }
}

fn start(bytes: &[u8], most: usize) -> (&[u8], &'static str) {
    match bytes.get(..most) {
        Some(start) if bytes.len() > most => (start, "…"),
        _ => (bytes, ""),
    }
}

/// The names, with a number behind one that was there before.
fn distinct(names: &[String]) -> Vec<String> {
    let mut seen: HashSet<String> = HashSet::new();
    names
        .iter()
        .map(|name| {
            let mut candidates = std::iter::once(name.clone())
                .chain((2_u32..).map(|number| format!("{name}_{number}")));
            let free = candidates
                .find(|candidate| {
                    !seen.contains(candidate) && (candidate == name || !names.contains(candidate))
                })
                .unwrap_or_default();
            seen.insert(free.clone());
            free
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_distinct() {
        let names = ["a", "a", "a_2", "b", "a"].map(str::to_owned);
        assert_eq!(distinct(&names), ["a", "a_3", "a_2", "b", "a_4"]);
    }

    #[test]
    fn cells() {
        let long = [7_u8; 17];
        for (cell, expected) in [
            (Cell::Null, "NULL"),
            (Cell::Integer(-7), "-7"),
            (Cell::Real(1.0), "1.0"),
            (Cell::Text(b"a\x1b[2J\xff\n"), r"a\x1b[2J\xff\n"),
            (Cell::Blob(b"\x00\xff"), "x'00ff'"),
            (Cell::Blob(&long), "x'07070707070707070707070707070707…'"),
        ] {
            assert_eq!(shown_cell(&cell), expected);
        }
        let text = [b'x'; SHOWN_TEXT_BYTES + 1];
        assert!(shown_cell(&Cell::Text(&text)).ends_with("x…"));
    }

    #[test]
    fn timeouts() {
        let length = |text| timeout(text).map(|timeout| timeout.length);
        assert_eq!(length("0"), Ok(None));
        assert_eq!(length(DEFAULT_TIMEOUT), Ok(Some(Duration::from_secs(60))));
        assert!(length("60").is_err());
    }
}
