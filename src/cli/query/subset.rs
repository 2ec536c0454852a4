//! Exports events as another capture.

use std::path::Path;

use anyhow::Context as _;

use crate::cli::exit::Exit;
use crate::cli::exposure;
use crate::filter::{Expr, Unit};
use crate::store::{Reader, Subset, SubsetOptions, Wanted, export_subset};

use super::Context;
use super::capture::Captures;

/// The program and its version.
pub(super) const PROGRAM: &str = concat!("ecq ", env!("CARGO_PKG_VERSION"));

/// Where another capture goes, and who makes it when.
pub(super) fn options(output: &Path, is_decrypted: bool, context: &Context<'_>) -> SubsetOptions {
    SubsetOptions {
        output: output.to_owned(),
        program: PROGRAM.to_owned(),
        now: context.now,
        is_decrypted,
    }
}

/// Writes what the filter is true of to the capture at `output`.
pub(super) fn run(
    captures: &Captures,
    unit: Unit,
    filter: Option<&Expr>,
    (output, is_decrypted): (&Path, bool),
    context: &mut Context<'_>,
) -> anyhow::Result<Exit> {
    let reader = captures.only("a subset is of")?;
    exposure::check(output, context.terminal)?;
    let Some(subset) = make(reader, unit, filter, (output, is_decrypted), context)? else {
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

/// Writes what the filter is true of to the capture at `output`; `None` if it was stopped, and then there is no file.
pub(super) fn make(
    reader: &Reader,
    unit: Unit,
    filter: Option<&Expr>,
    (output, is_decrypted): (&Path, bool),
    context: &Context<'_>,
) -> anyhow::Result<Option<Subset>> {
    let wanted = match unit {
        Unit::Events => Wanted::Events(filter),
        Unit::Exchanges => Wanted::Exchanges(filter),
    };
    export_subset(reader, wanted, &options(output, is_decrypted, context))
        .with_context(|| format!("failed to write {}", output.display()))
}
