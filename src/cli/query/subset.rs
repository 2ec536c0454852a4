//! Exports events as another capture.

use std::path::Path;

use anyhow::Context as _;

use crate::cli::exit::Exit;
use crate::cli::exposure;
use crate::cli::report::Advised;
use crate::filter::{Expr, Unit};
use crate::store::{SubsetOptions, Wanted, export_subset};

use super::Context;
use super::capture::Captures;

/// Where another capture goes, and who makes it when.
pub(super) fn options(output: &Path, context: &Context<'_>) -> SubsetOptions {
    SubsetOptions {
        output: output.to_owned(),
        program: concat!("ecq ", env!("CARGO_PKG_VERSION")).to_owned(),
        now: context.now,
    }
}

/// Writes what the filter is true of to the capture at `output`.
pub(super) fn run(
    captures: &Captures,
    unit: Unit,
    filter: Option<&Expr>,
    output: &Path,
    context: &mut Context<'_>,
) -> anyhow::Result<Exit> {
    if captures.are_several() {
        return Err(Advised {
            message: "a subset is of one capture, and several are named".to_owned(),
            hint: "give --db once".to_owned(),
        }
        .into());
    }
    exposure::check(output, context.terminal)?;
    let reader = captures.origin(0).reader;
    let wanted = match unit {
        Unit::Events => Wanted::Events(filter),
        Unit::Exchanges => Wanted::Exchanges(filter),
    };
    let made = export_subset(reader, wanted, &options(output, context))
        .with_context(|| format!("failed to write {}", output.display()))?;
    let Some(subset) = made else {
        context.terminal.note("interrupted: nothing was written");
        return Ok(Exit::Interrupted);
    };
    context.terminal.note(format_args!(
        "{} of {} events, {} exchanges in {}",
        subset.events,
        subset.of_events,
        subset.exchanges,
        output.display()
    ));
    Ok(Exit::of_search(subset.events > 0))
}
