//! Lists events.

use std::str::FromStr;

use anyhow::Context as _;
use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::select::SelectArgs;
use crate::event::StoredEvent;
use crate::export::jsonl;
use crate::render::table::{FIRST_LINE_BYTES, Table};
use crate::store::{Order, Reader};

use super::{CommonArgs, Context, Output, capture};

/// How many events a table has unless `--limit` says otherwise.
const DEFAULT_LIMIT: u64 = 50;

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// How many events at most [default: 50 in a table, all in jsonl]
    #[arg(short = 'n', long, value_name = "N|all")]
    limit: Option<Limit>,
    /// Oldest first instead of newest first; with -n, the oldest N
    #[arg(short, long)]
    reverse: bool,
    /// How to write them
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    All,
    Count(u64),
}

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            _ if text == "all" => Ok(Self::All),
            Ok(count) if count > 0 => Ok(Self::Count(count)),
            _ => Err("expected a number, at least 1, or `all`"),
        }
    }
}

pub(super) fn run(args: &ListArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let reader = capture::open(context)?;
    let anchor = capture::anchor(context, &reader)?;
    let selection = args.select.selection(anchor)?;
    let order = if args.reverse {
        Order::OldestFirst
    } else {
        Order::NewestFirst
    };
    let shown = match (args.limit, args.output) {
        (Some(Limit::Count(count)), _) => Some(count),
        (None, Output::Table) => Some(DEFAULT_LIMIT),
        (Some(Limit::All), _) | (None, Output::Jsonl) => None,
    };
    // One more than is shown by default, to be able to say that there is more.
    let asked = match args.limit {
        None => shown.map(|count| count + 1),
        Some(_) => shown,
    };
    let mut rows = reader
        .events(selection.expr().as_ref(), order, asked)
        .context("failed to select events")?;
    let mut sink = match args.output {
        Output::Table => Sink::Table(Table::new(context.style())),
        Output::Jsonl => Sink::Jsonl,
    };
    let mut count: u64 = 0;
    let mut is_cut = false;
    while let Some(event) = rows.next_event().context("failed to read events")? {
        if Some(count) == shown {
            is_cut = true;
            break;
        }
        count += 1;
        sink.write(context, &reader, &event)?;
    }
    sink.finish(context)?;
    if is_cut {
        let end = if args.reverse { "oldest" } else { "newest" };
        context.terminal.note(format_args!(
            "these are the {end} {count}; `-n all` lists all"
        ));
    }
    if count == 0 {
        capture::explain_nothing(context, selection.since, anchor.newest);
        return Ok(Exit::Nothing);
    }
    Ok(Exit::Found)
}

/// Where events go.
enum Sink {
    Table(Table),
    Jsonl,
}

impl Sink {
    fn write(
        &mut self,
        context: &mut Context<'_>,
        reader: &Reader,
        event: &StoredEvent,
    ) -> anyhow::Result<()> {
        let failed = || format!("failed to read the payload of event {}", event.id);
        let mut payload = reader.payload(event).with_context(failed)?;
        let out = context.terminal.out();
        match self {
            Self::Table(table) => {
                let start = payload.start(FIRST_LINE_BYTES).with_context(failed)?;
                table.push(out, event, &start)?;
                Ok(())
            }
            Self::Jsonl => jsonl::write(out, event, || payload.next_piece().with_context(failed)),
        }
    }

    fn finish(self, context: &mut Context<'_>) -> anyhow::Result<()> {
        if let Self::Table(table) = self {
            table.finish(context.terminal.out())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!("all".parse(), Ok(Limit::All));
        assert_eq!("7".parse(), Ok(Limit::Count(7)));
        for text in ["0", "-1", "", "ALL", "1k"] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }
}
