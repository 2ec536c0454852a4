//! Makes the search filters and the index of exchanges that a capture lacks.

use anyhow::Context as _;
use clap::Args;

use crate::cli::capture_path::{self, Surroundings};
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
    let named = capture::one_named(&context.common)?;
    let chosen = capture_path::for_query(named, &Surroundings::read(), capture_path::is_there)
        .context("failed to find a capture")?;
    if !capture_path::is_there(&chosen.path) {
        return Err(store::Error::Missing { path: chosen.path })
            .context("failed to open the capture");
    }
    let progress = context.progress()?;
    let done = store::reindex(&chosen.path, args.rebuild, &context.watch)
        .context("failed to index the capture")?;
    drop(progress);
    let path = chosen.path.display();
    context.terminal.note(format_args!(
        "{path}: {} blocks got a search filter; {} exchanges are indexed",
        done.blocks, done.exchanges
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
