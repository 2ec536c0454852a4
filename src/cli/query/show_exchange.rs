//! Shows one exchange whole, or all of a connection.

use std::io;

use anyhow::Context as _;

use crate::cli::exit::Exit;
use crate::export::exchange_jsonl::Jsonl;
use crate::export::exchanges::ExchangeWriter as _;
use crate::http::exchange::{Bodies as _, BodyForm, Side};
use crate::render::Paper;
use crate::render::exchange as detail;
use crate::store::ExchangeSummary;

use super::Context;
use super::capture::Origin;

/// What to write of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it for a person, with bodies as they go on this paper.
    Page(Paper),
    /// All of it for programs.
    Object,
    /// The decoded body of one half, and nothing else.
    Body(Side),
}

/// Shows the exchange of this number.
pub(super) fn run(
    origin: Origin<'_>,
    id: i64,
    part: Part,
    context: &mut Context<'_>,
) -> anyhow::Result<Exit> {
    let summary = origin
        .reader
        .exchange_summary(id)
        .with_context(|| format!("failed to read exchange x{id}"))?;
    let Some(summary) = summary else {
        context
            .terminal
            .note(format_args!("there is no exchange x{id}"));
        return Ok(Exit::Nothing);
    };
    write(origin, &summary, part, context)
}

/// Writes an exchange.
pub(super) fn write(
    origin: Origin<'_>,
    summary: &ExchangeSummary,
    part: Part,
    context: &mut Context<'_>,
) -> anyhow::Result<Exit> {
    let failed = || format!("failed to read exchange x{}", summary.exchange.id);
    let reader = origin.reader;
    let exchange = reader.whole_exchange(summary).with_context(failed)?;
    let style = context.style();
    let out = context.terminal.out();
    match part {
        Part::Page(paper) => {
            detail::write(out, &exchange, reader, &style, paper).with_context(failed)?;
        }
        Part::Object => {
            let mut jsonl = Jsonl;
            jsonl
                .write(out, origin.name, &exchange, reader)
                .and_then(|()| jsonl.finish(out))
                .with_context(failed)?;
        }
        Part::Body(side) => {
            let Some(message) = exchange.half(side) else {
                let name = side.name();
                context.terminal.note(format_args!(
                    "the {name} of exchange x{} was not captured",
                    exchange.id
                ));
                return Ok(Exit::Nothing);
            };
            let mut body = reader
                .open(message, BodyForm::Decoded)
                .with_context(failed)?;
            io::copy(&mut body, out).with_context(failed)?;
        }
    }
    Ok(Exit::Found)
}
