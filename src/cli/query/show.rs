//! Shows one event whole.

use std::io::{self, Write};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::report::Advised;
use crate::event::{EventId, StoredEvent};
use crate::export::jsonl;
use crate::render::{PayloadForm, detail, escape, hex};

use super::{CommonArgs, Context, Output, capture};

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The event's number, from the first column of the list
    #[arg(value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    id: i64,
    /// Write the exact bytes of the payload and nothing else
    #[arg(long, conflicts_with = "output")]
    raw: bool,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// How to write it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
}

pub(super) fn run(args: &ShowArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    if args.raw && context.terminal.is_terminal() {
        return Err(Advised {
            message:
                "failed to write raw bytes: standard output is a terminal, which they could steer"
                    .to_owned(),
            hint: format!(
                "redirect them, as in `ecq-query show {} --raw > payload.bin`",
                args.id
            ),
        }
        .into());
    }
    let reader = capture::open(context)?;
    let id = EventId::new(args.id);
    let Some(event) = reader
        .event(id)
        .with_context(|| format!("failed to read event {id}"))?
    else {
        context
            .terminal
            .note(format_args!("there is no event {id}"));
        return Ok(Exit::Nothing);
    };
    let failed = || format!("failed to read the payload of event {id}");
    let mut payload = reader.payload(&event).with_context(failed)?;
    let mut next = || payload.next_piece().with_context(failed);
    if args.raw {
        while let Some(piece) = next()? {
            context.terminal.out().write_all(&piece)?;
        }
    } else if args.output == Output::Jsonl {
        jsonl::write(context.terminal.out(), None, &event, next)?;
    } else {
        let style = context.style();
        detail::write(context.terminal.out(), &event, &style)?;
        show_payload(context, &event, next)?;
    }
    Ok(Exit::Found)
}

fn show_payload(
    context: &mut Context<'_>,
    event: &StoredEvent,
    mut next: impl FnMut() -> anyhow::Result<Option<Bytes>>,
) -> anyhow::Result<()> {
    let is_terminal = context.terminal.is_terminal();
    let out = context.terminal.out();
    let Some(first) = next()? else {
        return Ok(());
    };
    writeln!(out)?;
    let form = PayloadForm::of(event.event.content, &first);
    let (text, hex) = match form {
        PayloadForm::Text => (first, None),
        PayloadForm::Hex => (Bytes::new(), Some(first)),
        PayloadForm::TextThenHex(at) => {
            let mut head = first;
            let body = head.split_off(at.min(head.len()));
            (head, Some(body))
        }
    };
    let mut last = text.last().copied();
    let mut writer = TextOut::new(is_terminal);
    writer.push(out, &text)?;
    let Some(hex) = hex else {
        while let Some(piece) = next()? {
            writer.push(out, &piece)?;
            last = piece.last().copied().or(last);
        }
        writer.finish(out)?;
        // The prompt of a shell begins on a line of its own.
        if is_terminal && last != Some(b'\n') {
            writeln!(out)?;
        }
        return Ok(());
    };
    writer.finish(out)?;
    let mut dump = hex::Dump::default();
    dump.push(out, &hex)?;
    while let Some(piece) = next()? {
        dump.push(out, &piece)?;
    }
    dump.finish(out)?;
    Ok(())
}

/// Text goes to a terminal escaped, and anywhere else as it is.
enum TextOut {
    Escaped(escape::Text),
    AsIs,
}

impl TextOut {
    fn new(is_terminal: bool) -> Self {
        if is_terminal {
            Self::Escaped(escape::Text::default())
        } else {
            Self::AsIs
        }
    }

    fn push(&mut self, out: &mut dyn Write, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Escaped(text) => text.push(out, piece),
            Self::AsIs => out.write_all(piece),
        }
    }

    fn finish(self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Escaped(text) => text.finish(out),
            Self::AsIs => Ok(()),
        }
    }
}
