//! Shows a whole connection, both directions.

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use crate::cli::exit::Exit;
use crate::cli::report::Advised;
use crate::event::{Direction, StoredEvent};
use crate::filter::Expr;
use crate::filter::flags;
use crate::render::escape;
use crate::store::{Order, Reader};

use super::show_exchange::{self, Part};
use super::sink::unless_pruned;
use super::{CommonArgs, Context, Output, capture, show};

#[derive(Debug, Args)]
pub(super) struct FollowStreamArgs {
    /// The connection's number, as `show` and `--columns conn` tell it
    #[arg(value_name = "CONN", value_parser = clap::value_parser!(i64).range(1..))]
    connection: i64,
    /// Show what was captured, event by event, instead of the exchanges that it is
    #[arg(long)]
    events: bool,
    /// Write the exact bytes of one direction and nothing else
    #[arg(long, value_name = "DIRECTION", conflicts_with_all = ["events", "output"])]
    raw: Option<Way>,
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
    let reader = capture::open(context)?;
    let filter = flags::conns(&[args.connection]).context("failed to read the number")?;
    let is_any = if let Some(way) = args.raw {
        raw(&reader, &filter, way, context)?
    } else if args.events || args.output == Output::Jsonl {
        events(&reader, &filter, args.output, context)?
    } else {
        // What is no HTTP is shown as it was captured.
        exchanges(&reader, &filter, context)? || events(&reader, &filter, args.output, context)?
    };
    if !is_any {
        context
            .terminal
            .note(format_args!("there is no connection {}", args.connection));
    }
    Ok(Exit::of_search(is_any))
}

fn exchanges(reader: &Reader, filter: &Expr, context: &mut Context<'_>) -> anyhow::Result<bool> {
    super::exchanges::prepare_one(reader, None, context)?;
    let mut found = reader
        .exchanges(Some(filter), Order::OldestFirst, None)
        .context("failed to select exchanges")?;
    let mut is_any = false;
    while let Some(summary) = found.next_exchange().context("failed to read exchanges")? {
        if is_any {
            writeln!(context.terminal.out())?;
        }
        is_any = true;
        show_exchange::write(reader, &summary, Part::All(Output::Table), context)?;
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

fn events(
    reader: &Reader,
    filter: &Expr,
    output: Output,
    context: &mut Context<'_>,
) -> anyhow::Result<bool> {
    let style = context.style();
    each(reader, filter, |event| {
        let failed = || format!("failed to read the payload of event {}", event.id);
        let mut payload = reader.payload(event).with_context(failed)?;
        let next = || payload.next_piece().with_context(failed);
        if output == Output::Jsonl {
            return crate::export::jsonl::write(context.terminal.out(), None, event, next);
        }
        let arrow = match event.event.direction {
            Some(Direction::Inbound) => "←",
            Some(Direction::Outbound) => "→",
            None => "·",
        };
        let process = event.event.process.pname.as_deref().unwrap_or("-");
        writeln!(
            context.terminal.out(),
            "{arrow} event {}, {}, {}, {} bytes",
            event.id,
            style.short_time(event.event.time),
            escape::line(process),
            event.payload_bytes
        )?;
        show::write_payload(context, event, next)?;
        Ok(())
    })
}
