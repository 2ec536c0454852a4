//! Which processes talked to which hosts for the first time in a period.

use anyhow::Context as _;
use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::report::Advised;
use crate::cli::select::SelectArgs;
use crate::filter::{Expr, Unit, flags};
use crate::render::grid::{Grid, Title};
use crate::render::{escape, human};
use crate::store::{CountOrder, Tally};

use super::capture::{self, Captures};
use super::chosen_fields::{self, Chosen};
use super::{CommonArgs, Context, Output, count, exchanges};

#[derive(Debug, Args)]
pub(super) struct FirstSeenArgs {
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// Which fields make what is seen
    #[arg(long, value_name = "FIELD,…", value_parser = chosen_fields::list, default_value = "pname,host")]
    by: Chosen,
    /// Also say how much of the time was recorded; as a last line in jsonl
    #[arg(long)]
    coverage: bool,
    /// How to write them
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
}

pub(super) fn run(args: &FirstSeenArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let captures = Captures::open(context)?;
    let anchor = captures.anchor(context)?;
    let period = args.select.period(anchor)?;
    let Some(since) = period.since else {
        return Err(Advised {
            message: "everything is seen for the first time since the capture began".to_owned(),
            hint: "say from when on it counts as new, as in `ecq-query first-seen --since 7d`"
                .to_owned(),
        }
        .into());
    };
    // What came before the period decides what is new in it.
    let until = period.until.map(flags::until);
    let filter = Expr::all(until.into_iter().chain(args.select.filter(anchor)?));
    let named = args.by.operands();
    let fields = named.iter().map(|operand| operand.field);
    let asked = filter.as_ref().map(Expr::fields).unwrap_or_default();
    let unit = Unit::of(fields.chain(asked))?;
    if unit == Unit::Exchanges {
        exchanges::prepare(&captures, context)?;
    }
    let failed = "failed to count";
    let progress = context.progress()?;
    let mut tally = Tally::new().context(failed)?;
    for reader in captures.readers() {
        match unit {
            Unit::Events => reader.count_by(filter.as_ref(), &named, &mut tally),
            Unit::Exchanges => reader.count_exchanges_by(filter.as_ref(), &named, &mut tally),
        }
        .context(failed)?;
    }
    drop(progress);
    let style = context.style();
    let mut titles = vec![Title::number("FIRST")];
    titles.extend(
        args.by
            .iter()
            .map(|(name, _)| Title::text(name.to_uppercase())),
    );
    titles.extend([
        Title::number(unit.name().to_uppercase()),
        Title::number("SIZE"),
        Title::number("LAST"),
    ]);
    let mut grid = Grid::new(style, titles);
    let mut lines = 0_u64;
    let mut without = 0_u64;
    let out = context.terminal.out();
    tally.for_each::<anyhow::Error>(CountOrder::First, None, None, |count| {
        if count.key.iter().any(Option::is_none) {
            without += count.events;
            return Ok(());
        }
        if count.first < since {
            return Ok(());
        }
        lines += 1;
        match args.output {
            Output::Table => {
                let mut cells = vec![style.short_time(count.first)];
                let keys = count.key.iter().flatten();
                cells.extend(keys.map(|value| escape::bytes(value)));
                cells.extend([
                    count.events.to_string(),
                    human(count.bytes),
                    style.short_time(count.last),
                ]);
                grid.push(out, cells)?;
            }
            Output::Jsonl => count::counted(&args.by, unit, count).write(out)?,
        }
        Ok(())
    })?;
    grid.flush(out)?;
    if without > 0 {
        let names: Vec<_> = args.by.iter().map(|(name, _)| name).collect();
        context.terminal.note(format_args!(
            "{without} {} lack {}: they are not in this list",
            unit.name(),
            names.join(" or ")
        ));
    }
    capture::conclude(
        context,
        &captures,
        (period, filter.as_ref()),
        Exit::of_search(lines > 0),
        args.coverage,
        args.output,
    )
}
