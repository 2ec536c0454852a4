//! Counts events instead of listing them: all, by the values of fields, or by time.

use std::time::Duration;

use anyhow::Context as _;

use crate::cli::exit::Exit;
use crate::event::Timestamp;
use crate::export::values::Object;
use crate::filter::{Expr, Unit};
use crate::render::grid::{Grid, Title};
use crate::render::{bar, escape, human};
use crate::store::{Buckets, Count, CountOrder, Tally, Total};

use super::capture::Captures;
use super::chosen_fields::Chosen;
use super::list::{Limit, ListArgs};
use super::{Context, Output};

/// How many lines `--top` has unless `--limit` says otherwise.
const TOP: u64 = 20;

/// How many empty periods in a row a histogram draws one by one.
const DRAWN_EMPTY: i64 = 24;

/// Reads the length of a period: at least a millisecond.
pub(super) fn length(text: &str) -> Result<Duration, String> {
    let length = humantime::parse_duration(text)
        .map_err(|_| "expected a length of time like 30s, 5m, 1h or 1d".to_owned())?;
    if length < Duration::from_millis(1) || i64::try_from(length.as_nanos()).is_err() {
        return Err("expected a length of time from 1ms to 292 years".to_owned());
    }
    Ok(length)
}

pub(super) fn run(
    args: &ListArgs,
    captures: &Captures,
    unit: Unit,
    filter: Option<&Expr>,
    context: &mut Context<'_>,
) -> anyhow::Result<Exit> {
    // Results end it, as far as they go to the same terminal.
    let _progress = context.progress()?;
    let is_any = if let Some(keys) = &args.instead.top {
        let limit = args.limit.map_or(Some(TOP), Limit::number);
        by_value(
            args,
            captures,
            unit,
            filter,
            keys,
            (CountOrder::MostEvents, limit),
            context,
        )?
    } else if let Some(keys) = &args.instead.field {
        let limit = args.limit.and_then(Limit::number);
        by_value(
            args,
            captures,
            unit,
            filter,
            keys,
            (CountOrder::Key, limit),
            context,
        )?
    } else if let Some(length) = args.instead.histogram {
        by_time(args, captures, unit, filter, length, context)?
    } else {
        all(args, captures, unit, filter, context)?
    };
    Ok(Exit::of_search(is_any))
}

fn all(
    args: &ListArgs,
    captures: &Captures,
    unit: Unit,
    filter: Option<&Expr>,
    context: &mut Context<'_>,
) -> anyhow::Result<bool> {
    let mut total = Total::default();
    for reader in captures.readers() {
        let one = match unit {
            Unit::Events => reader.count(filter).context("failed to count events")?,
            Unit::Exchanges => reader
                .count_exchanges(filter)
                .context("failed to count exchanges")?,
        };
        total.events = total.events.saturating_add(one.events);
        total.bytes = total.bytes.saturating_add(one.bytes);
    }
    let out = context.terminal.out();
    match args.output {
        Output::Table => writeln!(out, "{}", total.events)?,
        Output::Jsonl => {
            let mut object = Object::default();
            object.number(unit.name(), total.events);
            object.number(bytes_name(unit), total.bytes);
            object.write(out)?;
        }
    }
    Ok(total.events > 0)
}

fn by_value(
    args: &ListArgs,
    captures: &Captures,
    unit: Unit,
    filter: Option<&Expr>,
    keys: &Chosen,
    (order, limit): (CountOrder, Option<u64>),
    context: &mut Context<'_>,
) -> anyhow::Result<bool> {
    let failed = match unit {
        Unit::Events => "failed to count events",
        Unit::Exchanges => "failed to count exchanges",
    };
    let mut tally = Tally::new().context(failed)?;
    for reader in captures.readers() {
        match unit {
            Unit::Events => reader.count_by(filter, &keys.operands(), &mut tally),
            Unit::Exchanges => reader.count_exchanges_by(filter, &keys.operands(), &mut tally),
        }
        .context(failed)?;
    }
    let style = context.style();
    let mut titles: Vec<_> = keys
        .iter()
        .map(|(name, _)| Title::text(name.to_uppercase()))
        .collect();
    titles.extend([
        Title::number(unit.name().to_uppercase()),
        Title::number("SIZE"),
        Title::number("FIRST"),
        Title::number("LAST"),
    ]);
    let mut grid = Grid::new(style, titles);
    let mut lines = 0_u64;
    let out = context.terminal.out();
    tally.for_each::<anyhow::Error>(order, None, None, |count| {
        // Of `--field`, the values there are; of `--top`, also that there is none.
        let is_shown = order == CountOrder::MostEvents || count.key.iter().all(Option::is_some);
        if !is_shown || limit.is_some_and(|limit| lines >= limit) {
            return Ok(());
        }
        lines += 1;
        match args.output {
            Output::Table => {
                let mut cells: Vec<_> = count
                    .key
                    .iter()
                    .map(|value| {
                        value
                            .as_deref()
                            .map_or_else(|| "-".to_owned(), escape::bytes)
                    })
                    .collect();
                cells.extend([
                    count.events.to_string(),
                    human(count.bytes),
                    style.short_time(count.first),
                    style.short_time(count.last),
                ]);
                grid.push(out, cells)?;
            }
            Output::Jsonl => counted(keys, unit, count).write(out)?,
        }
        Ok(())
    })?;
    grid.flush(out)?;
    let all = tally.keys().context(failed)?;
    if order == CountOrder::MostEvents && limit.is_some_and(|limit| limit < all) {
        context.terminal.note(format_args!(
            "these are {lines} of {all}; `-n all` lists all"
        ));
    }
    Ok(lines > 0)
}

/// What the bytes are that are counted: those of payloads, or of bodies as they were sent.
fn bytes_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Events => "payload_bytes",
        Unit::Exchanges => "body_bytes",
    }
}

/// A count as an object.
pub(super) fn counted(keys: &Chosen, unit: Unit, count: &Count) -> Object {
    let mut object = Object::default();
    for ((name, _), value) in keys.iter().zip(&count.key) {
        object.key(name, value.as_deref());
    }
    object.number(unit.name(), count.events);
    object.number(bytes_name(unit), count.bytes);
    object.text("first", count.first.to_string());
    object.text("last", count.last.to_string());
    object
}

fn by_time(
    args: &ListArgs,
    captures: &Captures,
    unit: Unit,
    filter: Option<&Expr>,
    length: Duration,
    context: &mut Context<'_>,
) -> anyhow::Result<bool> {
    let failed = match unit {
        Unit::Events => "failed to count events",
        Unit::Exchanges => "failed to count exchanges",
    };
    let buckets = Buckets {
        origin: context.zone.midnight(context.now),
        width_ns: i64::try_from(length.as_nanos()).unwrap_or(i64::MAX),
    };
    let mut tally = Tally::new().context(failed)?;
    for reader in captures.readers() {
        match unit {
            Unit::Events => reader.count_by_time(filter, buckets, &mut tally),
            Unit::Exchanges => reader.count_exchanges_by_time(filter, buckets, &mut tally),
        }
        .context(failed)?;
    }
    let mut most = 0;
    tally.for_each::<anyhow::Error>(CountOrder::MostEvents, None, Some(1), |count| {
        most = count.events;
        Ok(())
    })?;
    let style = context.style();
    let out = context.terminal.out();
    let titles = vec![
        Title::number("TIME"),
        Title::number(unit.name().to_uppercase()),
        Title::text(""),
    ];
    let mut grid = Grid::new(style, titles);
    let mut before: Option<Timestamp> = None;
    tally.for_each::<anyhow::Error>(CountOrder::First, None, None, |count| {
        let start = buckets.start_of(count.first);
        match args.output {
            Output::Table => {
                for empty in buckets.between(before, start, DRAWN_EMPTY) {
                    let (time, events) = match empty {
                        Some(start) => (style.short_time(start), "0"),
                        None => (String::new(), "…"),
                    };
                    grid.push(out, vec![time, events.to_owned(), String::new()])?;
                }
                let width = style.width / 2;
                let cells = vec![
                    style.short_time(start),
                    count.events.to_string(),
                    bar(count.events, most, width),
                ];
                grid.push(out, cells)?;
            }
            Output::Jsonl => {
                let mut object = Object::default();
                object.text("start", start.to_string());
                if length.subsec_nanos() == 0 {
                    object.number("seconds", length.as_secs());
                } else {
                    object.real("seconds", length.as_secs_f64());
                }
                object.number(unit.name(), count.events);
                object.number(bytes_name(unit), count.bytes);
                object.write(out)?;
            }
        }
        before = Some(start);
        Ok(())
    })?;
    grid.flush(out)?;
    Ok(most > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(length("5m"), Ok(Duration::from_secs(300)));
        for text in ["", "5", "0s", "1us", "300y", "soon"] {
            assert!(length(text).is_err(), "{text}");
        }
    }
}
