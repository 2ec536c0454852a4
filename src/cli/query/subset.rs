//! Exports events as another capture.

use std::path::Path;

use anyhow::Context as _;

use crate::cli::exit::Exit;
use crate::cli::exposure;
use crate::filter::{Expr, Unit};
use crate::redact::Redactor;
use crate::render::human;
use crate::store::{Counters, Reader, Redact, Subset, SubsetOptions, Wanted, export_subset};

use super::Context;
use super::capture::Captures;
use super::secrets::SubsetRedactor;

/// The program and its version.
pub(super) const PROGRAM: &str = concat!("ecq ", env!("CARGO_PKG_VERSION"));

/// Another capture that is to be made.
pub(super) struct Target<'a> {
    /// The file.
    pub(super) output: &'a Path,
    /// Whether what is encrypted in the original is in the clear in it.
    pub(super) is_decrypted: bool,
    /// What takes secrets out, if they are not to go along.
    pub(super) redactor: Option<&'a Redactor>,
}

/// Where another capture goes, and who makes it when.
pub(super) fn options(output: &Path, is_decrypted: bool, context: &Context<'_>) -> SubsetOptions {
    SubsetOptions {
        output: output.to_owned(),
        program: PROGRAM.to_owned(),
        now: context.now,
        is_decrypted,
    }
}

/// Writes what the filter is true of to another capture.
pub(super) fn run(
    captures: &Captures,
    unit: Unit,
    filter: Option<&Expr>,
    target: &Target<'_>,
    context: &mut Context<'_>,
) -> anyhow::Result<Exit> {
    let reader = captures.only("a subset is of")?;
    exposure::check(target.output, context.terminal)?;
    let Some(subset) = make(reader, unit, filter, target, context)? else {
        context.terminal.note("interrupted: nothing was written");
        return Ok(Exit::Interrupted);
    };
    tell(&subset, target.output, target.redactor, context);
    Ok(Exit::of_search(subset.events > 0))
}

/// Says what was written, and what was taken out.
pub(super) fn tell(
    subset: &Subset,
    output: &Path,
    redactor: Option<&Redactor>,
    context: &mut Context<'_>,
) {
    if let Some(redactor) = redactor {
        let Counters {
            redacted_secrets,
            opaque_events,
            opaque_bytes,
            ..
        } = subset.redacted;
        context.terminal.note(format_args!(
            "replaced {redacted_secrets} secrets (key {}); {} of {opaque_events} events could not be looked into, and are left out",
            redactor.fingerprint(),
            human(opaque_bytes)
        ));
    }
    context.terminal.note(format_args!(
        "{} of {} events, {} exchanges in {}",
        subset.events,
        subset.of_events,
        subset.exchanges,
        output.display()
    ));
}

/// Writes what the filter is true of to another capture; `None` if it was stopped, and then there is no file.
pub(super) fn make(
    reader: &Reader,
    unit: Unit,
    filter: Option<&Expr>,
    target: &Target<'_>,
    context: &Context<'_>,
) -> anyhow::Result<Option<Subset>> {
    let (wanted, are_all) = match unit {
        Unit::Events => (Wanted::Events(filter), filter.is_none()),
        Unit::Exchanges => (Wanted::Exchanges(filter), true),
    };
    let redactor = target
        .redactor
        .map(|redactor| SubsetRedactor::new(redactor, reader, are_all, context))
        .transpose()?;
    let redact = redactor.as_ref().map(|redactor| redactor as &dyn Redact);
    let options = options(target.output, target.is_decrypted, context);
    export_subset(reader, wanted, &options, redact)
        .with_context(|| format!("failed to write {}", target.output.display()))
}
