//! Shows a whole connection, both directions.

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use crate::cli::exit::Exit;
use crate::cli::report::Advised;
use crate::event::{Direction, StoredEvent};
use crate::export::jsonl;
use crate::filter::Expr;
use crate::filter::flags;
use crate::render::{Paper, escape};
use crate::store::{Order, Reader};

use super::capture::{Captures, Origin};
use super::listed_id::{self, ListedId, Number};
use super::show_exchange::{self, Part};
use super::sink::unless_pruned;
use super::{CommonArgs, Context, Output, show};

#[derive(Debug, Args)]
pub(super) struct FollowStreamArgs {
    /// The connection's number, as `show` and `--columns conn` tell it
    #[arg(value_name = "CONN", value_parser = listed_id::connection)]
    connection: ListedId,
    /// Show what was captured, event by event, instead of the exchanges that it is
    #[arg(long)]
    events: bool,
    /// Write the exact bytes of one direction and nothing else
    #[arg(long, value_name = "DIRECTION", conflicts_with_all = ["events", "output"])]
    raw: Option<Way>,
    /// All of long bodies and payloads: on a terminal, and of what is no text
    #[arg(long, conflicts_with = "raw")]
    full: bool,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// How to write it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    /// What the process read
    In,
    /// What it wrote
    Out,
}

pub(super) fn run(args: &FollowStreamArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    if args.raw.is_some() && context.terminal.is_terminal() {
        return Err(Advised {
            message:
                "failed to write raw bytes: standard output is a terminal, which they could steer"
                    .to_owned(),
            hint: format!(
                "redirect them, as in `ecq-query follow-stream {} --raw in > stream.bin`",
                args.connection
            ),
        }
        .into());
    }
    let captures = Captures::open(context)?;
    let example = format!("follow-stream 1:{}", args.connection);
    let origin = captures.numbered(args.connection.capture, &example)?;
    let (Number::Plain(number) | Number::Exchange(number)) = args.connection.number;
    let filter = flags::conns(&[number]).context("failed to read the number")?;
    let paper = Paper {
        is_terminal: context.terminal.is_terminal(),
        is_full: args.full,
    };
    let is_any = if let Some(way) = args.raw {
        raw(origin.reader, &filter, way, context)?
    } else if args.output == Output::Jsonl {
        objects(origin, &filter, context)?
    } else if args.events {
        events(origin.reader, &filter, paper, context)?
    } else {
        // What is no HTTP is shown as it was captured.
        exchanges(origin, &filter, paper, context)?
            || events(origin.reader, &filter, paper, context)?
    };
    if !is_any {
        context
            .terminal
            .note(format_args!("there is no connection {}", args.connection));
    }
    Ok(Exit::of_search(is_any))
}

fn exchanges(
    origin: Origin<'_>,
    filter: &Expr,
    paper: Paper,
    context: &mut Context<'_>,
) -> anyhow::Result<bool> {
    super::exchanges::prepare_one(origin.reader, origin.name, context)?;
    let mut found = origin
        .reader
        .exchanges(Some(filter), Order::OldestFirst, None)
        .context("failed to select exchanges")?;
    let mut is_any = false;
    while let Some(summary) = found.next_exchange().context("failed to read exchanges")? {
        if is_any {
            writeln!(context.terminal.out())?;
        }
        is_any = true;
        show_exchange::write(origin, &summary, Part::Page(paper), context)?;
    }
    Ok(is_any)
}

/// Gives the events of the connection to `each`, oldest first; whether there are any.
fn each(
    reader: &Reader,
    filter: &Expr,
    mut each: impl FnMut(&StoredEvent) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let mut rows = reader
        .events(Some(filter), Order::OldestFirst, None)
        .context("failed to select events")?;
    let mut is_any = false;
    while let Some(event) = rows.next_event().context("failed to read events")? {
        // What was pruned since it was found is gone, and not damaged.
        if unless_pruned(reader.payload(&event))
            .with_context(|| format!("failed to read the payload of event {}", event.id))?
            .is_none()
        {
            continue;
        }
        is_any = true;
        each(&event)?;
    }
    Ok(is_any)
}

fn raw(
    reader: &Reader,
    filter: &Expr,
    way: Way,
    context: &mut Context<'_>,
) -> anyhow::Result<bool> {
    let wanted = match way {
        Way::In => Direction::Inbound,
        Way::Out => Direction::Outbound,
    };
    each(reader, filter, |event| {
        if event.event.direction == Some(wanted) {
            let failed = || format!("failed to read the payload of event {}", event.id);
            let mut payload = reader.payload(event).with_context(failed)?;
            while let Some(piece) = payload.next_piece().with_context(failed)? {
                context.terminal.out().write_all(&piece)?;
            }
        }
        Ok(())
    })
}

fn objects(origin: Origin<'_>, filter: &Expr, context: &mut Context<'_>) -> anyhow::Result<bool> {
    each(origin.reader, filter, |event| {
        let failed = || format!("failed to read the payload of event {}", event.id);
        let mut payload = origin.reader.payload(event).with_context(failed)?;
        jsonl::write(context.terminal.out(), origin.name, event, || {
            payload.next_piece().with_context(failed)
        })
    })
}

fn events(
    reader: &Reader,
    filter: &Expr,
    paper: Paper,
    context: &mut Context<'_>,
) -> anyhow::Result<bool> {
    let style = context.style();
    each(reader, filter, |event| {
        let failed = || format!("failed to read the payload of event {}", event.id);
        let mut payload = reader.payload(event).with_context(failed)?;
        let arrow = match event.event.direction {
            Some(Direction::Inbound) => "←",
            Some(Direction::Outbound) => "→",
            None => "·",
        };
        let process = event.event.process.pname.as_deref().unwrap_or("-");
        let out = context.terminal.out();
        writeln!(
            out,
            "{arrow} event {}, {}, {}, {} bytes",
            event.id,
            style.short_time(event.event.time),
            escape::line(process),
            event.payload_bytes
        )?;
        show::write_payload(out, event, paper, || {
            payload.next_piece().with_context(failed)
        })
    })
}
