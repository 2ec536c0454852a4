//! Shows how a capture is asked.

use anyhow::Context as _;

use crate::cli::exit::Exit;
use crate::filter::{Expr, Unit};
use crate::render::escape;

use super::Context;
use super::capture::Captures;

pub(super) fn run(
    captures: &Captures,
    unit: Unit,
    filter: Option<&Expr>,
    context: &mut Context<'_>,
) -> anyhow::Result<Exit> {
    for (number, reader) in captures.readers().enumerate() {
        let lines = match unit {
            Unit::Events => reader.explain(filter),
            Unit::Exchanges => reader.explain_exchanges(filter),
        }
        .context("failed to plan the query")?;
        let out = context.terminal.out();
        if let Some(name) = captures.origin(number).name {
            writeln!(out, "{}", escape::line(name))?;
        }
        for (what, detail) in lines {
            writeln!(out, "{what:<10} {}", escape::line(&detail))?;
        }
    }
    Ok(Exit::Found)
}
