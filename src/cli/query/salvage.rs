//! Writes what can be read of a damaged capture to another.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::exposure;
use crate::store::{self, Salvaged};

use super::{CommonArgs, Context, capture, subset};

#[derive(Debug, Args)]
#[command(after_help = "\
Events keep their numbers. What is missing or in doubt is told, and is on the record of the new capture: a gap where events \
are lost, the provenance `lost` where a payload is. The damaged file is not changed; keep it.

Exit status: 0 all of it could be read, 1 something is lost or in doubt, 2 failed, 130 interrupted.")]
pub(super) struct SalvageArgs {
    /// The capture to be made; nothing may be there
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

pub(super) fn run(args: &SalvageArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let mut reader = capture::open_damaged(context)?;
    exposure::check(&args.output, context.terminal)?;
    capture::unlock(&mut reader, context)?;
    let progress = context.progress()?;
    let done = store::salvage(&reader, &subset::options(&args.output, false, context))
        .with_context(|| format!("failed to write {}", args.output.display()))?;
    drop(progress);
    let Some(done) = done else {
        context.terminal.note("interrupted: nothing was written");
        return Ok(Exit::Interrupted);
    };
    context.terminal.note(format_args!(
        "{} events, {} exchanges in {}",
        done.events,
        done.exchanges,
        args.output.display()
    ));
    tell(&done, context);
    Ok(Exit::of_search(done.is_whole()))
}

/// Says what is lost and what is in doubt.
fn tell(done: &Salvaged, context: &mut Context<'_>) {
    let payloads = format!(
        "events lost their payload ({} bytes)",
        done.lost_payload_bytes
    );
    let lines = [
        (done.lost_events, "events are lost"),
        (done.lost_payloads, payloads.as_str()),
        (
            done.lost_facts,
            "events lost their HTTP head, their details or the rest of their frame",
        ),
        (
            done.doubtful_events,
            "events are in commits whose digest does not fit: at least one in each is not as it was recorded",
        ),
        (
            done.unproven_events,
            "events are in commits of which others are lost, and are not proven by a digest any more",
        ),
    ];
    for (count, what) in lines {
        if count > 0 {
            context.terminal.error(format_args!("{count} {what}"));
        }
    }
    if !done.lost_rows.is_empty() {
        context.terminal.error(format_args!(
            "rows of these tables are lost, and what they said about other rows with them: {}",
            done.lost_rows.join(", ")
        ));
    }
}
