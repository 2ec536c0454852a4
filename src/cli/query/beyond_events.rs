//! Text that is searched for and that no single event shows: in fields of HTTP/2, which are compressed, and in bodies that
//! lie in several events. Whoever searches events is told of it.

use anyhow::Context as _;

use crate::cli::exit::Exit;
use crate::filter::{Expr, Level, Unit};

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
    let Some(filter) = filter.filter(|filter| can_be_hidden(args, filter)) else {
        return Ok(found);
    };
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
    match (is_hidden, found) {
        (Some(true), Exit::Nothing) if args.output == Output::Table => {
            context.terminal.note(
                "no event shows that text; these exchanges have it in fields of HTTP/2 or in bodies in several pieces",
            );
            exchanges::prepare(captures, context)?;
            exchanges::rows(args, captures, Some(filter), context)
        }
        (Some(true), _) => {
            context.terminal.note(
                "exchanges have that text too, in fields of HTTP/2 or in bodies in several pieces: `--exchanges` lists them",
            );
            Ok(found)
        }
        (None, Exit::Nothing) => {
            context.terminal.note(
                "fields of HTTP/2 and bodies in several pieces were not searched: `--exchanges` does that",
            );
            Ok(found)
        }
        _ => Ok(found),
    }
}

/// Whether the filter looks into payloads and can be asked of exchanges as well.
fn can_be_hidden(args: &ListArgs, filter: &Expr) -> bool {
    !args.events
        && args.cursor_file.is_none()
        && filter.levels().contains(&Level::Payload)
        && Unit::Exchanges
            .check(exchanges::fields(args, Some(filter)))
            .is_ok()
}
