//! Lists exchanges: requests with their responses.

use anyhow::Context as _;

use crate::cli::exit::Exit;
use crate::event::EventId;
use crate::export::exchange_jsonl::Jsonl;
use crate::export::exchanges::ExchangeWriter as _;
use crate::filter::{Expr, Field, Unit};
use crate::render::exchange_row::Facts;
use crate::render::exchange_table::ExchangeTable;
use crate::render::{Style, escape};
use crate::store::{ExchangeSummary, Exchanges, IndexState, Merged, Order, Reader, Sorted};

use super::capture::{Captures, Origin};
use super::chosen_fields::{Chosen, SortKey};
use super::columns::Columns;
use super::list::{ListArgs, Shown, shown_by_key, shown_of};
use super::{Context, Output};

/// The fields that the arguments name.
pub(super) fn fields(args: &ListArgs, filter: Option<&Expr>) -> Vec<&'static Field> {
    let chosen = [&args.columns, &args.instead.top, &args.instead.field];
    let named = chosen
        .into_iter()
        .flatten()
        .flat_map(Chosen::operands)
        .map(|operand| operand.field);
    let sorted = args.sort.as_ref().map(|key| key.operand.field);
    filter
        .map(Expr::fields)
        .unwrap_or_default()
        .into_iter()
        .chain(named)
        .chain(sorted)
        .collect()
}

/// Whether the arguments ask for events or for exchanges.
pub(super) fn unit(args: &ListArgs, filter: Option<&Expr>) -> anyhow::Result<Unit> {
    let fields = fields(args, filter);
    let forced = match (
        args.events || args.follow || args.cursor_file.is_some(),
        args.exchanges,
    ) {
        (true, _) => Some(Unit::Events),
        (_, true) => Some(Unit::Exchanges),
        _ => None,
    };
    match forced {
        Some(unit) => {
            unit.check(fields)?;
            Ok(unit)
        }
        None => Ok(Unit::of(fields)?),
    }
}

/// Sees to it that the captures have an index of exchanges.
pub(super) fn prepare(captures: &Captures, context: &mut Context<'_>) -> anyhow::Result<()> {
    for (number, reader) in captures.readers().enumerate() {
        prepare_one(reader, captures.origin(number).name, context)?;
    }
    Ok(())
}

/// Sees to it that a capture has an index of exchanges; it is named if there are several.
pub(super) fn prepare_one(
    reader: &Reader,
    name: Option<&str>,
    context: &mut Context<'_>,
) -> anyhow::Result<()> {
    let progress = context.progress()?;
    let state = reader
        .prepare_exchanges()
        .context("failed to put exchanges together")?;
    drop(progress);
    let capture = name.map_or_else(String::new, |name| format!("{}: ", escape::line(name)));
    match state {
        IndexState::Complete => {}
        IndexState::Recording {
            behind,
            is_outdated,
        } => {
            if behind > 0 {
                context.terminal.note(format_args!(
                    "{capture}the newest {behind} events are not put together yet: their exchanges are missing here"
                ));
            }
            if is_outdated {
                context.terminal.note(format_args!(
                    "{capture}earlier exchanges are as an earlier version of ecq put them together"
                ));
                context.terminal.advice(
                    "once the recording is over, `ecq-query reindex` puts them together anew",
                );
            }
        }
        IndexState::Made => {
            context.terminal.note(format_args!(
                "{capture}exchanges were put together for this query alone"
            ));
            context
                .terminal
                .advice("`ecq-query reindex` keeps them in the capture");
        }
    }
    Ok(())
}

/// Lists the exchanges that are asked for.
pub(super) fn rows(
    args: &ListArgs,
    captures: &Captures,
    filter: Option<&Expr>,
    context: &mut Context<'_>,
) -> anyhow::Result<Exit> {
    let (shown, asked) = args.shown_and_asked();
    let _progress = context.progress()?;
    let mut sink = Sink::new(
        context.style(),
        context.terminal.is_terminal(),
        args,
        captures.are_several(),
    );
    let count = if let Some(key) = &args.sort {
        sorted(captures, filter, key, (shown, asked), &mut sink, context)?
    } else {
        in_order(
            captures,
            filter,
            args.order(),
            (shown, asked),
            &mut sink,
            context,
        )?
    };
    sink.finish(context)?;
    args.tell_cut(&count, context);
    Ok(Exit::of_search(count.shown > 0))
}

fn in_order(
    captures: &Captures,
    filter: Option<&Expr>,
    order: Order,
    (shown, asked): (Option<u64>, Option<u64>),
    sink: &mut Sink<'_>,
    context: &mut Context<'_>,
) -> anyhow::Result<Shown> {
    let merged = merged(captures, filter, order, asked)?;
    shown_of(
        merged,
        shown,
        "failed to read exchanges",
        |number, summary| sink.write(context, captures.origin(number), &summary),
    )
}

/// Exchanges by the value of a field: every one is looked at before the first is shown.
fn sorted(
    captures: &Captures,
    filter: Option<&Expr>,
    key: &SortKey,
    (shown, asked): (Option<u64>, Option<u64>),
    sink: &mut Sink<'_>,
    context: &mut Context<'_>,
) -> anyhow::Result<Shown> {
    let failed = "failed to sort exchanges";
    let mut sorted = Sorted::new().context(failed)?;
    for (number, reader) in captures.readers().enumerate() {
        let mut exchanges = reader
            .exchanges(filter, Order::OldestFirst, None)
            .context("failed to select exchanges")?;
        while let Some(summary) = exchanges
            .next_exchange()
            .context("failed to read exchanges")?
        {
            let values = reader
                .exchange_values(&summary, &key.operand)
                .context("failed to read exchanges")?;
            let id = EventId::new(summary.exchange.id);
            sorted
                .add(values.first(), summary.time(), number, id)
                .context(failed)?;
        }
    }
    shown_by_key(&sorted, key, (shown, asked), |number, id| {
        let origin = captures.origin(number);
        let summary = origin
            .reader
            .exchange_summary(id.number())
            .context("failed to read exchanges")?;
        summary.map_or(Ok(()), |summary| sink.write(context, origin, &summary))
    })
}

/// What the filter is true of in all captures, at most `limit` of them.
pub(super) fn merged<'a>(
    captures: &'a Captures,
    filter: Option<&Expr>,
    order: Order,
    limit: Option<u64>,
) -> anyhow::Result<Merged<Exchanges<'a>>> {
    let inputs = captures
        .readers()
        .map(|reader| reader.exchanges(filter, order, limit))
        .collect::<Result<_, _>>()
        .context("failed to select exchanges")?;
    Ok(Merged::new(order, inputs, limit))
}

/// Where listed exchanges go.
enum Sink<'a> {
    /// The usual table.
    Table(ExchangeTable),
    /// Chosen fields.
    Columns(Columns<'a>),
    /// An object an exchange.
    Jsonl(Jsonl),
}

impl<'a> Sink<'a> {
    fn new(style: Style, is_terminal: bool, args: &'a ListArgs, are_several: bool) -> Self {
        // Whoever searches the lines for a URL finds all of it.
        let table_style = Style {
            width: if is_terminal { style.width } else { usize::MAX },
            ..style
        };
        match (args.output, &args.columns) {
            (output, Some(chosen)) => {
                Self::Columns(Columns::new(style, output, chosen, are_several))
            }
            (Output::Table, None) => Self::Table(ExchangeTable::new(table_style)),
            (Output::Jsonl, None) => Self::Jsonl(Jsonl),
        }
    }

    fn write(
        &mut self,
        context: &mut Context<'_>,
        origin: Origin<'_>,
        summary: &ExchangeSummary,
    ) -> anyhow::Result<()> {
        let failed = || format!("failed to read exchange {}", summary.exchange.id);
        let Origin {
            reader,
            number,
            name,
        } = origin;
        let out = context.terminal.out();
        match self {
            Self::Table(table) => {
                let facts = Facts {
                    method: summary.method.as_deref(),
                    host: summary.host.as_deref(),
                    path: summary.path.as_deref(),
                    status: summary.status,
                };
                let capture = name.map(|_| number + 1);
                table.push(out, capture, &summary.exchange, facts)?;
            }
            Self::Columns(columns) => columns.write(out, name, |operand| {
                reader
                    .exchange_values(summary, operand)
                    .with_context(failed)
            })?,
            Self::Jsonl(jsonl) => {
                let exchange = reader.whole_exchange(summary).with_context(failed)?;
                jsonl
                    .write(out, name, &exchange, reader)
                    .with_context(failed)?;
            }
        }
        Ok(())
    }

    fn finish(self, context: &mut Context<'_>) -> anyhow::Result<()> {
        match self {
            Self::Table(mut table) => table.flush(context.terminal.out())?,
            Self::Columns(mut columns) => columns.flush(context.terminal.out())?,
            Self::Jsonl(mut jsonl) => jsonl.finish(context.terminal.out())?,
        }
        Ok(())
    }
}
