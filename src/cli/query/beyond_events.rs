//! Text that is searched for and that no single event shows: in fields of HTTP/2, which are compressed, and in bodies that
//! lie in several events. Whoever searches events is told of it.

use anyhow::Context as _;

use crate::cli::exit::Exit;
use crate::filter::{Expr, Field, Level, Unit};

use super::capture::Captures;
use super::list::ListArgs;
use super::{Context, Output, exchanges};

/// After a search of events that found something or nothing: says whether exchanges hold the text, and lists them for a
/// person who would have seen nothing.
pub(super) fn look(
    args: &ListArgs,
    captures: &Captures,
    filter: Option<&Expr>,
    found: Exit,
    context: &mut Context<'_>,
) -> anyhow::Result<Exit> {
    let Some(filter) = filter.filter(|filter| args.can_be_hidden(filter)) else {
        return Ok(found);
    };
    let is_hidden = is_hidden(captures, filter, context)?;
    if is_hidden == Some(true) && found == Exit::Nothing && args.output == Output::Table {
        context.terminal.note(
            "no event shows that text; these exchanges have it in fields of HTTP/2 or in bodies in several pieces",
        );
        exchanges::prepare(captures, context)?;
        return exchanges::rows(args, captures, Some(filter), context);
    }
    tell(is_hidden, found, "lists them", context);
    Ok(found)
}

/// After events were counted or exported: says whether exchanges hold the text.
pub(super) fn look_after(
    captures: &Captures,
    filter: &Expr,
    found: Exit,
    does: &str,
    context: &mut Context<'_>,
) -> anyhow::Result<()> {
    let is_hidden = is_hidden(captures, filter, context)?;
    tell(is_hidden, found, does, context);
    Ok(())
}

/// Whether exchanges hold the text where no event shows it; `None` if nobody knows.
fn is_hidden(
    captures: &Captures,
    filter: &Expr,
    context: &mut Context<'_>,
) -> anyhow::Result<Option<bool>> {
    let mut is_hidden = Some(false);
    let progress = context.progress()?;
    for reader in captures.readers() {
        is_hidden = match reader
            .is_in_hidden_text(filter)
            .context("failed to search exchanges")?
        {
            Some(true) => Some(true),
            Some(false) => is_hidden,
            None => is_hidden.filter(|is_hidden| *is_hidden),
        };
        if is_hidden == Some(true) {
            break;
        }
    }
    drop(progress);
    Ok(is_hidden)
}

fn tell(is_hidden: Option<bool>, found: Exit, does: &str, context: &mut Context<'_>) {
    match (is_hidden, found) {
        (Some(true), _) => context.terminal.note(format_args!(
            "exchanges have that text too, in fields of HTTP/2 or in bodies in several pieces: `--exchanges` {does}"
        )),
        (None, Exit::Nothing) => context.terminal.note(
            "fields of HTTP/2 and bodies in several pieces were not searched: `--exchanges` does that",
        ),
        _ => {}
    }
}

/// Whether a filter looks into payloads and can be asked of exchanges as well, with these other fields.
pub(super) fn can_be_hidden<'f>(
    filter: &Expr,
    others: impl IntoIterator<Item = &'f Field>,
) -> bool {
    let fields = filter.fields().into_iter().chain(others);
    filter.levels().contains(&Level::Payload) && Unit::Exchanges.check(fields).is_ok()
}

impl ListArgs {
    /// Whether exchanges can hold what the filter looks for, and may be looked at.
    pub(super) fn can_be_hidden(&self, filter: &Expr) -> bool {
        !self.events
            && self.cursor_file.is_none()
            && can_be_hidden(filter, exchanges::fields(self, None))
    }
}
