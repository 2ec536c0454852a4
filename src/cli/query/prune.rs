//! Removes from a capture what rules say, or tells what they would remove.

use anyhow::Context as _;
use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::keep::KeepArgs;
use crate::cli::report::Advised;
use crate::render::{Style, escape, human};
use crate::store::{self, Preview};

use super::{CommonArgs, Context, capture};

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct PruneArgs {
    #[command(flatten)]
    keep: KeepArgs,
    /// Remove it; without this flag, only tell what would be removed
    #[arg(long, visible_alias = "force")]
    yes: bool,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

const AFTER_HELP: &str = "\
Age is that since the receipt. What is removed is gone for good; that it was removed, when and by which rule stays on \
record, and answers about that time say so. A capture that is being recorded into is pruned by its recorder, which takes \
the same flags.

Exit status: 0 something goes or went, 1 nothing does, 2 failed.";

pub(super) fn run(args: &PruneArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let rules = args.keep.rules()?;
    if rules.is_empty() {
        return Err(Advised {
            message: "no rule says what is to be kept".to_owned(),
            hint: "give --keep, --keep-where, --max-size or --min-free".to_owned(),
        }
        .into());
    }
    let path = capture::one_to_change(&context.common)?;
    let disk = store::disk_space(&path).ok();
    let secret = context.common.secret.of(&path, context.terminal)?;
    let progress = context.progress()?;
    let pruning = store::prune(
        &path,
        (&rules, secret.as_ref()),
        (context.now, disk),
        args.yes,
        &context.watch,
    )
    .context("failed to prune the capture")?;
    drop(progress);
    let style = context.style();
    for preview in &pruning.previews {
        writeln!(context.terminal.out(), "{}", line(preview, &style))?;
    }
    match pruning.done {
        Some(done) => context.terminal.note(format_args!(
            "removed {} events; the file gave back {}",
            done.events,
            human(done.bytes)
        )),
        None if pruning.previews.is_empty() => {
            context.terminal.note("nothing is to be removed");
        }
        None => context
            .terminal
            .note("nothing was removed: --yes removes it"),
    }
    if pruning.is_short {
        context
            .terminal
            .error("--max-size or --min-free is not met, and only the newest commit is left");
    }
    if context.watch.is_stopped() {
        context
            .terminal
            .note("interrupted: what is left goes the next time");
        return Ok(Exit::Interrupted);
    }
    Ok(Exit::of_search(!pruning.previews.is_empty()))
}

/// One rule, in a line.
fn line(preview: &Preview, style: &Style) -> String {
    let about = if preview.is_estimated { "about " } else { "" };
    let times = preview.times.map_or_else(String::new, |(first, last)| {
        format!(", {} to {}", style.second(first), style.second(last))
    });
    format!(
        "{}: {about}{} events, {} of payloads{times}",
        escape::line(&preview.rule),
        preview.events,
        human(preview.payload_bytes)
    )
}
