//! Lists events, and what else is asked of the same selection: counts, a plan, events as they come.

use std::str::FromStr;

use anyhow::Context as _;
use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::select::SelectArgs;
use crate::event::EventId;
use crate::filter::{Expr, Unit};
use crate::store::{InOrder, Merged, Order, Sorted};

use super::capture::Captures;
use super::chosen_fields::{self, Chosen, SortKey};
use super::cursor::Cursor;
use super::sink::Sink;
use super::{
    CommonArgs, Context, Output, beyond_events, capture, count, exchanges, explain, follow,
};

/// How many events a table has unless `--limit` says otherwise.
const DEFAULT_LIMIT: u64 = 50;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) select: SelectArgs,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// How many events at most [default: 50 in a table, all in jsonl]; of --top, how many lines [default: 20]
    #[arg(short = 'n', long, value_name = "N|all")]
    pub(super) limit: Option<Limit>,
    /// Oldest first instead of newest first; with -n, the oldest N
    #[arg(short, long)]
    reverse: bool,
    /// List events, whatever the filter is about
    #[arg(long)]
    pub(super) events: bool,
    /// List exchanges: requests with their responses. Filters on HTTP do that by themselves
    #[arg(long, conflicts_with_all = ["events", "follow", "cursor_file"])]
    pub(super) exchanges: bool,
    /// Sort by a field; with `-` in front, the largest first
    #[arg(long, value_name = "FIELD", value_parser = chosen_fields::sort_key, allow_hyphen_values = true, conflicts_with_all = ["reverse", "follow"])]
    pub(super) sort: Option<SortKey>,
    /// Which fields to show, and in which order
    #[arg(long, value_name = "FIELD,…", value_parser = chosen_fields::list, conflicts_with = "count")]
    pub(super) columns: Option<Chosen>,
    /// Go on with events as they come, in order of arrival
    #[arg(short, long)]
    pub(super) follow: bool,
    #[command(flatten)]
    pub(super) instead: Instead,
    /// Only events that came after those of the last run with this file, which is brought up to date at the end
    #[arg(long, value_name = "FILE", conflicts_with_all = ["limit", "follow", "Instead"])]
    pub(super) cursor_file: Option<std::path::PathBuf>,
    /// Also say how much of the time was recorded; as a last line in jsonl
    #[arg(long, conflicts_with = "follow")]
    pub(super) coverage: bool,
    /// How to write them
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(super) output: Output,
}

/// What to give instead of events.
#[derive(Debug, Args)]
#[group(multiple = false)]
#[command(next_help_heading = "Instead of events")]
pub(super) struct Instead {
    /// How many there are
    #[arg(long, conflicts_with = "follow")]
    pub(super) count: bool,
    /// Which values of a field, or combinations of several, most events have
    #[arg(long, value_name = "FIELD,…", value_parser = chosen_fields::list, conflicts_with = "follow")]
    pub(super) top: Option<Chosen>,
    /// Every value of a field, with its first and last time
    #[arg(short = 'F', long = "field", value_name = "FIELD", value_parser = chosen_fields::list, conflicts_with = "follow")]
    pub(super) field: Option<Chosen>,
    /// How many there are in each period of this length (5m, 1h, 1d)
    #[arg(long, value_name = "LENGTH", value_parser = count::length, conflicts_with = "follow")]
    pub(super) histogram: Option<std::time::Duration>,
    /// How the capture is asked: the filter, what is decided by index, and what is left
    #[arg(long, conflicts_with = "follow")]
    pub(super) explain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    All,
    Count(u64),
}

impl Limit {
    /// How many are shown, if not all: without a limit, this many in a table and all for programs.
    pub(super) fn or_default(
        limit: Option<Self>,
        output: Output,
        in_table: Option<u64>,
    ) -> Option<u64> {
        match (limit, output) {
            (Some(limit), _) => limit.number(),
            (None, Output::Table) => in_table,
            (None, Output::Jsonl) => None,
        }
    }

    /// The limit, if it is a number.
    pub(super) fn number(self) -> Option<u64> {
        match self {
            Self::All => None,
            Self::Count(count) => Some(count),
        }
    }
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
    let captures = Captures::open(context)?;
    let (period, filter) = args.select.selection(captures.anchor(context)?)?;
    let unit = exchanges::unit(args, filter.as_ref())?;
    if unit == Unit::Exchanges {
        exchanges::prepare(&captures, context)?;
    }
    if args.instead.explain {
        return explain::run(&captures, unit, filter.as_ref(), context);
    }
    if unit == Unit::Events && !args.events {
        tell_of_http2(args, filter.as_ref(), context);
    }
    if args.follow {
        return follow::run(args, captures, filter.as_ref(), context);
    }
    let exit = if args.instead.is_asked() {
        let exit = count::run(args, &captures, unit, filter.as_ref(), context)?;
        if unit == Unit::Events
            && let Some(filter) = filter.as_ref().filter(|filter| args.can_be_hidden(filter))
        {
            beyond_events::look_after(&captures, filter, exit, "counts them", context)?;
        }
        exit
    } else if unit == Unit::Exchanges {
        exchanges::rows(args, &captures, filter.as_ref(), context)?
    } else {
        let exit = rows(args, &captures, filter.as_ref(), context)?;
        beyond_events::look(args, &captures, filter.as_ref(), exit, context)?
    };
    capture::conclude(
        context,
        &captures,
        (period, filter.as_ref()),
        exit,
        args.coverage,
        args.output,
    )
}

/// Says that a filter on HTTP is about HTTP/1 alone, where something else asks for events.
fn tell_of_http2(args: &ListArgs, filter: Option<&Expr>, context: &mut Context<'_>) {
    let Some(field) = filter.and_then(Expr::of_http) else {
        return;
    };
    let is_of_both = Unit::of(exchanges::fields(args, filter)) == Ok(Unit::Exchanges);
    let without = match (is_of_both, args.follow) {
        (false, _) => "without what is about events alone",
        (true, true) => "without `--follow`",
        (true, false) => "without `--cursor-file`",
    };
    context.terminal.note(format_args!(
        "events of HTTP/2 do not show their `{}`, so these are of HTTP/1; {without}, exchanges of both are found",
        field.name
    ));
}

impl Instead {
    fn is_asked(&self) -> bool {
        self.count || self.top.is_some() || self.field.is_some() || self.histogram.is_some()
    }
}

impl ListArgs {
    /// Where the events go.
    pub(super) fn sink<'a>(&'a self, context: &Context<'_>, captures: &Captures) -> Sink<'a> {
        Sink::new(
            context.style(),
            self.output,
            self.columns.as_ref(),
            captures.are_several(),
        )
    }

    /// How many events are shown, if not all.
    fn shown(&self) -> Option<u64> {
        let default = self.cursor_file.is_none().then_some(DEFAULT_LIMIT);
        Limit::or_default(self.limit, self.output, default)
    }

    /// How many are shown, if not all, and how many are asked for: by default one more, to be able to say that there is
    /// more.
    pub(super) fn shown_and_asked(&self) -> (Option<u64>, Option<u64>) {
        let shown = self.shown();
        let asked = match self.limit {
            None => shown.map(|count| count + 1),
            Some(_) => shown,
        };
        (shown, asked)
    }

    /// The order by time.
    pub(super) fn order(&self) -> Order {
        if self.reverse {
            Order::OldestFirst
        } else {
            Order::NewestFirst
        }
    }

    /// Says so if there is more than was shown.
    pub(super) fn tell_cut(&self, count: &Shown, context: &mut Context<'_>) {
        if count.is_cut {
            let which = match (&self.sort, self.reverse) {
                (Some(_), _) => "first",
                (None, true) => "oldest",
                (None, false) => "newest",
            };
            context.terminal.note(format_args!(
                "these are the {which} {}; `-n all` lists all",
                count.shown
            ));
        }
    }
}

fn rows(
    args: &ListArgs,
    captures: &Captures,
    filter: Option<&Expr>,
    context: &mut Context<'_>,
) -> anyhow::Result<Exit> {
    let (shown, asked) = args.shown_and_asked();
    let _progress = context.progress()?;
    let mut sink = args.sink(context, captures);
    let mut cursor = args
        .cursor_file
        .as_deref()
        .map(|file| Cursor::read(file, captures))
        .transpose()?;
    let count = if let Some(key) = &args.sort {
        sorted(captures, filter, key, (shown, asked), &mut sink, context)?
    } else {
        in_order(
            captures,
            filter,
            args.order(),
            (shown, asked),
            cursor.as_mut(),
            &mut sink,
            context,
        )?
    };
    sink.finish(context)?;
    if let Some(cursor) = cursor {
        context.terminal.flush()?;
        cursor.write()?;
    }
    args.tell_cut(&count, context);
    Ok(Exit::of_search(count.shown > 0))
}

/// What was shown.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) shown: u64,
    pub(super) is_cut: bool,
}

impl Shown {
    /// Counts one more, unless so many were shown already: then there is more than is shown.
    fn is_full(&mut self, most: Option<u64>) -> bool {
        self.is_cut = Some(self.shown) == most;
        self.shown += u64::from(!self.is_cut);
        self.is_cut
    }
}

fn in_order(
    captures: &Captures,
    filter: Option<&Expr>,
    order: Order,
    (shown, asked): (Option<u64>, Option<u64>),
    mut cursor: Option<&mut Cursor>,
    sink: &mut Sink<'_>,
    context: &mut Context<'_>,
) -> anyhow::Result<Shown> {
    let mut inputs = Vec::new();
    for (number, reader) in captures.readers().enumerate() {
        let after = cursor
            .as_ref()
            .and_then(|cursor| cursor.after(number))
            .map(Expr::after);
        let filter = Expr::all(after.into_iter().chain(filter.cloned()));
        let rows = reader
            .events(filter.as_ref(), order, asked)
            .context("failed to select events")?;
        if let Some(cursor) = &mut cursor {
            cursor.advance(number, rows.upper());
        }
        inputs.push(rows);
    }
    let merged = Merged::new(order, inputs, asked);
    shown_of(merged, shown, "failed to read events", |number, event| {
        sink.write(context, captures.origin(number), &event)
    })
}

/// Gives the items of captures to `each`, with the number of their capture, as long as they are to be shown.
pub(super) fn shown_of<R: InOrder>(
    mut merged: Merged<R>,
    shown: Option<u64>,
    failed: &'static str,
    mut each: impl FnMut(usize, R::Item) -> anyhow::Result<()>,
) -> anyhow::Result<Shown> {
    let mut count = Shown::default();
    while let Some((number, item)) = merged.next_item().context(failed)? {
        if count.is_full(shown) {
            break;
        }
        each(number, item)?;
    }
    Ok(count)
}

/// Events by the value of a field: every one is looked at before the first is shown.
fn sorted(
    captures: &Captures,
    filter: Option<&Expr>,
    key: &SortKey,
    (shown, asked): (Option<u64>, Option<u64>),
    sink: &mut Sink<'_>,
    context: &mut Context<'_>,
) -> anyhow::Result<Shown> {
    let failed = "failed to sort events";
    let mut sorted = Sorted::new().context(failed)?;
    for (number, reader) in captures.readers().enumerate() {
        let mut rows = reader
            .events(filter, Order::OldestFirst, None)
            .context("failed to select events")?;
        while let Some(event) = rows.next_event().context("failed to read events")? {
            let values = reader
                .values(&event, &key.operand)
                .context("failed to read events")?;
            sorted
                .add(values.first(), event.event.time, number, event.id)
                .context(failed)?;
        }
    }
    shown_by_key(&sorted, key, (shown, asked), |number, id| {
        let origin = captures.origin(number);
        let event = origin.reader.event(id).context("failed to read events")?;
        event.map_or(Ok(()), |event| sink.write(context, origin, &event))
    })
}

/// Gives what was sorted to `each`, with the number of its capture, as long as it is to be shown.
pub(super) fn shown_by_key(
    sorted: &Sorted,
    key: &SortKey,
    (shown, asked): (Option<u64>, Option<u64>),
    mut each: impl FnMut(usize, EventId) -> anyhow::Result<()>,
) -> anyhow::Result<Shown> {
    let mut count = Shown::default();
    sorted.for_each::<anyhow::Error>(key.is_descending, asked, |number, id| {
        if count.is_full(shown) {
            Ok(())
        } else {
            each(number, id)
        }
    })?;
    Ok(count)
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
