//! Shows what a capture holds and what it misses.

use anyhow::Context as _;
use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::select::{Anchor, TimeArgs};
use crate::export;
use crate::render::{self, summary};

use super::{CommonArgs, Context, Output, capture};

#[derive(Debug, Args)]
pub(super) struct StatsArgs {
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// How to write it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
}

pub(super) fn run(args: &StatsArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let mut reader = capture::open_locked(context)?;
    let newest = reader
        .newest_time()
        .context("failed to look up the newest event")?;
    let anchor = Anchor {
        now: context.now,
        newest,
        zone: context.zone,
    };
    let period = args.time.period(anchor)?;
    let stats = reader
        .stats(period.since, period.until, context.now)
        .context("failed to count events")?;
    let Some(stats) = stats else {
        context.terminal.note("interrupted: nothing was counted");
        return Ok(Exit::Interrupted);
    };
    let style = context.style();
    match args.output {
        Output::Table => summary::write(context.terminal.out(), &stats, &style)?,
        Output::Jsonl => export::stats::write(context.terminal.out(), &stats)?,
    }
    if stats.events == 0 {
        let coverage = render::coverage(&stats.coverage, &style);
        capture::explain_nothing(context, period.since, newest, Some(&coverage));
        return Ok(Exit::Nothing);
    }
    Ok(Exit::Found)
}
