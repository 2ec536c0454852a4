//! Shows one event or exchange whole.

use std::io::{self, Write};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::report::Advised;
use crate::event::{EventId, StoredEvent};
use crate::export::jsonl;
use crate::http::exchange::Side;
use crate::render::{Bounded, Paper, PayloadForm, detail, escape, hex, human};

use super::capture::Captures;
use super::listed_id::{ListedId, Number};
use super::show_exchange::{self, Part};
use super::{CommonArgs, Context, Output, exchanges};

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The number from the first column of a list: of an event, or of an exchange with `x` before it
    #[arg(value_name = "ID|xID")]
    id: ListedId,
    /// Write the exact bytes of the payload and nothing else; of an exchange, the decoded body of the response
    #[arg(long, conflicts_with = "output")]
    raw: bool,
    /// With --raw, write the body of the request
    #[arg(long, requires = "raw")]
    request: bool,
    /// All of a long body: on a terminal, and of what is no text
    #[arg(long, conflicts_with = "raw")]
    full: bool,
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
    let captures = Captures::open(context)?;
    let example = format!("show 1:{}", args.id);
    let origin = captures.numbered(args.id.capture, &example)?;
    let reader = origin.reader;
    let paper = Paper {
        is_terminal: context.terminal.is_terminal(),
        is_full: args.full,
    };
    let id = match args.id.number {
        Number::Plain(id) => EventId::new(id),
        Number::Exchange(id) => {
            exchanges::prepare_one(reader, origin.name, context)?;
            let part = match (args.raw, args.request, args.output) {
                (false, _, Output::Table) => Part::Page(paper),
                (false, _, Output::Jsonl) => Part::Object,
                (true, false, _) => Part::Body(Side::Response),
                (true, true, _) => Part::Body(Side::Request),
            };
            return show_exchange::run(origin, id, part, context);
        }
    };
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
        jsonl::write(context.terminal.out(), origin.name, &event, next)?;
    } else {
        let style = context.style();
        detail::write(context.terminal.out(), &event, &style)?;
        if event.payload_bytes > 0 {
            writeln!(context.terminal.out())?;
        }
        write_payload(context.terminal.out(), &event, paper, next)?;
    }
    Ok(Exit::Found)
}

/// Writes a payload as text, as a hex dump, or one after the other: as much of it as is shown.
pub(super) fn write_payload(
    out: &mut dyn Write,
    event: &StoredEvent,
    paper: Paper,
    next: impl FnMut() -> anyhow::Result<Option<Bytes>>,
) -> anyhow::Result<()> {
    let mut bounded = Bounded::new(out, paper);
    let result = write_shown(&mut bounded, event, paper.is_terminal, next);
    if !bounded.is_cut() {
        return result;
    }
    bounded.end_line()?;
    writeln!(
        out,
        "(cut here, of {}: `--full` shows all of it, and `show --raw` writes it)",
        human(event.payload_bytes)
    )?;
    Ok(())
}

fn write_shown(
    out: &mut dyn Write,
    event: &StoredEvent,
    is_terminal: bool,
    mut next: impl FnMut() -> anyhow::Result<Option<Bytes>>,
) -> anyhow::Result<()> {
    let Some(first) = next()? else {
        return Ok(());
    };
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
