//! Shows one event or exchange whole.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::report::Advised;
use crate::event::{EventId, StoredEvent};
use crate::export::jsonl;
use crate::http::exchange::Side;
use crate::render::{PayloadForm, detail, escape, hex};

use super::show_exchange::{self, Part};
use super::{CommonArgs, Context, Output, capture, exchanges};

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The number from the first column of a list: of an event, or of an exchange with `x` before it
    #[arg(value_name = "ID|xID")]
    id: Number,
    /// Write the exact bytes of the payload and nothing else; of an exchange, the decoded body of the response
    #[arg(long, conflicts_with = "output")]
    raw: bool,
    /// With --raw, write the body of the request
    #[arg(long, requires = "raw")]
    request: bool,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// How to write it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
}

/// The number of what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Event(i64),
    Exchange(i64),
}

impl FromStr for Number {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, of): (_, fn(i64) -> Self) = match text.strip_prefix('x') {
            Some(digits) => (digits, Self::Exchange),
            None => (text, Self::Event),
        };
        match digits.parse() {
            Ok(number) if number > 0 => Ok(of(number)),
            _ => Err("expected the number of an event, such as 12, or of an exchange, such as x12"),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(id) => write!(formatter, "{id}"),
            Self::Exchange(id) => write!(formatter, "x{id}"),
        }
    }
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
    let id = match args.id {
        Number::Event(id) => EventId::new(id),
        Number::Exchange(id) => {
            exchanges::prepare_one(&reader, None, context)?;
            let part = match (args.raw, args.request) {
                (false, _) => Part::All(args.output),
                (true, false) => Part::Body(Side::Response),
                (true, true) => Part::Body(Side::Request),
            };
            return show_exchange::run(&reader, id, part, context);
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
        jsonl::write(context.terminal.out(), None, &event, next)?;
    } else {
        let style = context.style();
        detail::write(context.terminal.out(), &event, &style)?;
        if event.payload_bytes > 0 {
            writeln!(context.terminal.out())?;
        }
        write_payload(context, &event, next)?;
    }
    Ok(Exit::Found)
}

/// Writes a payload as text, as a hex dump, or one after the other.
pub(super) fn write_payload(
    context: &mut Context<'_>,
    event: &StoredEvent,
    mut next: impl FnMut() -> anyhow::Result<Option<Bytes>>,
) -> anyhow::Result<()> {
    let is_terminal = context.terminal.is_terminal();
    let out = context.terminal.out();
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
