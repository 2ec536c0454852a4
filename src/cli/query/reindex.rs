//! Makes the search filters and the index of exchanges that a capture lacks.

use anyhow::Context as _;
use clap::Args;

use crate::cli::exit::Exit;
use crate::store;

use super::{CommonArgs, Context, capture};

#[derive(Debug, Args)]
pub(super) struct ReindexArgs {
    /// Make all of them anew, also those that are there
    #[arg(long)]
    rebuild: bool,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

pub(super) fn run(args: &ReindexArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let path = capture::one_to_change(&context.common)?;
    let secret = context.common.secret.of(&path, context.terminal)?;
    let progress = context.progress()?;
    let done = store::reindex(&path, secret.as_ref(), args.rebuild, &context.watch)
        .context("failed to index the capture")?;
    drop(progress);
    context.terminal.note(format_args!(
        "{}: {} blocks got a search filter; {} exchanges are indexed",
        path.display(),
        done.blocks,
        done.exchanges
    ));
    if done.damaged > 0 {
        context.terminal.error(format_args!(
            "{} payloads cannot be read: their blocks have no filter, and every search opens them",
            done.damaged
        ));
    }
    if context.watch.is_stopped() {
        context
            .terminal
            .note("interrupted: the next run goes on from here");
        return Ok(Exit::Interrupted);
    }
    Ok(Exit::Found)
}
