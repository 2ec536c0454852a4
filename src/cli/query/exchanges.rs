//! Lists exchanges: requests with their responses.

use std::collections::VecDeque;

use anyhow::Context as _;

use crate::cli::exit::Exit;
use crate::event::EventId;
use crate::export::exchange_jsonl::Jsonl;
use crate::export::exchanges::ExchangeWriter as _;
use crate::export::values;
use crate::filter::{Expr, Unit};
use crate::render::exchange_row::{self, Facts};
use crate::render::grid::{Grid, Title};
use crate::render::{Style, escape};
use crate::store::{ExchangeSummary, Exchanges, IndexState, Order, Reader, Sorted};

use super::capture::{Captures, Origin};
use super::chosen_fields::{Chosen, SortKey};
use super::list::{ListArgs, Shown};
use super::sink::{cell, title};
use super::{Context, Output};

/// Whether the arguments ask for events or for exchanges.
pub(super) fn unit(args: &ListArgs, filter: Option<&Expr>) -> anyhow::Result<Unit> {
    let chosen = [&args.columns, &args.instead.top, &args.instead.field];
    let named = chosen
        .into_iter()
        .flatten()
        .flat_map(Chosen::operands)
        .map(|operand| operand.field);
    let sorted = args.sort.as_ref().map(|key| key.operand.field);
    let fields: Vec<_> = filter
        .map(Expr::fields)
        .unwrap_or_default()
        .into_iter()
        .chain(named)
        .chain(sorted)
        .collect();
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
        IndexState::Behind(events) => context.terminal.note(format_args!(
            "{capture}the newest {events} events are not put together yet: their exchanges are missing here"
        )),
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
    let mut sink = Sink::new(context.style(), args, captures.are_several());
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
    let mut merged = MergedExchanges::new(captures, filter, order, asked)?;
    let mut count = 0;
    while let Some((number, summary)) = merged.next()? {
        if Some(count) == shown {
            return Ok(Shown {
                shown: count,
                is_cut: true,
            });
        }
        count += 1;
        sink.write(context, captures.origin(number), &summary)?;
    }
    Ok(Shown {
        shown: count,
        is_cut: false,
    })
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
    let mut count = Shown {
        shown: 0,
        is_cut: false,
    };
    sorted.for_each::<anyhow::Error>(key.is_descending, asked, |number, id: EventId| {
        if Some(count.shown) == shown {
            count.is_cut = true;
            return Ok(());
        }
        count.shown += 1;
        let origin = captures.origin(number);
        let summary = origin
            .reader
            .exchange_summary(id.number())
            .context("failed to read exchanges")?;
        summary.map_or(Ok(()), |summary| sink.write(context, origin, &summary))
    })?;
    Ok(count)
}

/// The exchanges of several captures in one order.
pub(super) struct MergedExchanges<'a> {
    order: Order,
    inputs: Vec<(Exchanges<'a>, VecDeque<ExchangeSummary>, bool)>,
    left: u64,
}

impl<'a> MergedExchanges<'a> {
    /// What the filter is true of, at most `limit` of them.
    pub(super) fn new(
        captures: &'a Captures,
        filter: Option<&Expr>,
        order: Order,
        limit: Option<u64>,
    ) -> anyhow::Result<Self> {
        let inputs = captures
            .readers()
            .map(|reader| {
                let exchanges = reader
                    .exchanges(filter, order, limit)
                    .context("failed to select exchanges")?;
                Ok((exchanges, VecDeque::new(), false))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            order,
            inputs,
            left: limit.unwrap_or(u64::MAX),
        })
    }

    /// The next exchange and the number of its capture, from 0; `None` at the end.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<(usize, ExchangeSummary)>> {
        if self.left == 0 {
            return Ok(None);
        }
        for (exchanges, next, is_over) in &mut self.inputs {
            if next.is_empty() && !*is_over {
                let found = exchanges
                    .next_exchange()
                    .context("failed to read exchanges")?;
                *is_over = found.is_none();
                next.extend(found);
            }
        }
        let heads = self
            .inputs
            .iter()
            .enumerate()
            .filter_map(|(number, (_, next, _))| Some((next.front()?.time(), number)));
        let first = match self.order {
            Order::OldestFirst => heads.min(),
            Order::NewestFirst => heads.max_by_key(|(time, number)| (*time, usize::MAX - number)),
        };
        let Some((_, number)) = first else {
            return Ok(None);
        };
        self.left -= 1;
        let next = self.inputs.get_mut(number);
        Ok(next.and_then(|(_, next, _)| Some((number, next.pop_front()?))))
    }
}

/// Where listed exchanges go.
enum Sink<'a> {
    /// The usual table.
    Table(Style, Grid),
    /// A table of chosen fields.
    Columns(Style, Grid, &'a Chosen),
    /// An object an exchange.
    Jsonl(Jsonl),
    /// An object an exchange, with chosen fields.
    JsonlColumns(&'a Chosen),
}

impl<'a> Sink<'a> {
    fn new(style: Style, args: &'a ListArgs, are_several: bool) -> Self {
        match (args.output, &args.columns) {
            (Output::Table, None) => Self::Table(style, Grid::new(style, exchange_row::titles())),
            (Output::Table, Some(columns)) => {
                let capture = are_several.then(|| Title::text("CAPTURE"));
                let titles = columns.iter().map(|(name, operand)| title(name, operand));
                let titles = capture.into_iter().chain(titles).collect();
                Self::Columns(style, Grid::new(style, titles), columns)
            }
            (Output::Jsonl, None) => Self::Jsonl(Jsonl),
            (Output::Jsonl, Some(columns)) => Self::JsonlColumns(columns),
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
            Self::Table(style, grid) => {
                let facts = Facts {
                    method: summary.method.as_deref(),
                    host: summary.host.as_deref(),
                    path: summary.path.as_deref(),
                    status: summary.status,
                };
                let capture = name.map(|_| number + 1);
                grid.push(
                    out,
                    exchange_row::cells(style, capture, &summary.exchange, facts),
                )?;
            }
            Self::Columns(style, grid, columns) => {
                let mut cells: Vec<_> = name.into_iter().map(escape::line).collect();
                for (_, operand) in columns.iter() {
                    let values = reader
                        .exchange_values(summary, operand)
                        .with_context(failed)?;
                    let texts: Vec<_> = values
                        .iter()
                        .map(|value| cell(style, operand.value_type(), value))
                        .collect();
                    cells.push(if texts.is_empty() {
                        "-".to_owned()
                    } else {
                        texts.join(", ")
                    });
                }
                grid.push(out, cells)?;
            }
            Self::Jsonl(jsonl) => {
                let exchange = reader.whole_exchange(summary).with_context(failed)?;
                jsonl
                    .write(out, name, &exchange, reader)
                    .with_context(failed)?;
            }
            Self::JsonlColumns(columns) => {
                let mut object = values::Object::default();
                if let Some(name) = name {
                    object.text("capture", name);
                }
                for (name, operand) in columns.iter() {
                    let values = reader
                        .exchange_values(summary, operand)
                        .with_context(failed)?;
                    object.field(name, operand.has_many_shown(), &values);
                }
                object.write(out)?;
            }
        }
        Ok(())
    }

    fn finish(self, context: &mut Context<'_>) -> anyhow::Result<()> {
        match self {
            Self::Table(_, mut grid) | Self::Columns(_, mut grid, _) => {
                grid.flush(context.terminal.out())?;
            }
            Self::Jsonl(mut jsonl) => jsonl.finish(context.terminal.out())?,
            Self::JsonlColumns(_) => {}
        }
        Ok(())
    }
}
