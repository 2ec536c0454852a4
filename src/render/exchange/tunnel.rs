//! What an exchange turned into: the messages of a WebSocket, or bytes, as they went to and fro.

use std::io::{self, Write};
use std::ops::ControlFlow;

use super::Source;
use super::body::{Ink, text_or_dump};
use crate::http::exchange::{Exchange, Side};
use crate::http::view::tunnel::{self, Item};
use crate::http::view::websocket::{Kind, Message};
use crate::render::{Bounded, Paint, Paper, Style, escape, human};

/// How large a message may be that is shown whole, in bytes.
const MESSAGE_BYTES: usize = 1 << 20;

/// Writes the tunnel of an exchange, if it has one, or as much of it as is shown.
pub(super) fn write(
    out: &mut dyn Write,
    exchange: &Exchange,
    source: &dyn Source,
    style: &Style,
    paper: Paper,
) -> io::Result<()> {
    let mut bounded = Bounded::new(out, paper);
    let result = write_shown(&mut bounded, exchange, source, style, paper);
    if !bounded.is_cut() {
        return result;
    }
    bounded.end_line()?;
    writeln!(out, "(cut here: `--full` shows all of it)")
}

fn write_shown(
    out: &mut dyn Write,
    exchange: &Exchange,
    source: &dyn Source,
    style: &Style,
    paper: Paper,
) -> io::Result<()> {
    let writer = Writer { style, paper };
    let mut has_begun = false;
    tunnel::items(exchange, source, MESSAGE_BYTES, &mut |side, _, item| {
        if !std::mem::replace(&mut has_begun, true) {
            writeln!(out)?;
        }
        match item {
            Item::Message(message) => writer.message(out, side, &message),
            Item::Bytes(piece) => writer.bytes(out, side, piece),
            Item::Fault(fault, at) => writeln!(
                out,
                "{} (byte {at} begins no frame: {})",
                arrow(side),
                fault.name()
            ),
        }?;
        Ok(ControlFlow::Continue(()))
    })
    .map(|_| ())
}

fn arrow(side: Side) -> &'static str {
    match side {
        Side::Request => "→",
        Side::Response => "←",
    }
}

struct Writer<'a> {
    style: &'a Style,
    paper: Paper,
}

impl Writer<'_> {
    fn title(&self, out: &mut dyn Write, side: Side, text: &str) -> io::Result<()> {
        let paint = match side {
            Side::Request => Paint::Outbound,
            Side::Response => Paint::Inbound,
        };
        let title = format!("{} {text}", arrow(side));
        writeln!(out, "{}", self.style.paint(paint, &title))
    }

    fn message(&self, out: &mut dyn Write, side: Side, message: &Message) -> io::Result<()> {
        let compressed = if message.is_compressed {
            ", sent compressed"
        } else {
            ""
        };
        let size = human(message.bytes.len() as u64);
        let defect = message
            .defect
            .map_or_else(String::new, |defect| format!(" ({})", defect.name()));
        let kind = message.kind.name();
        if let Some((code, reason)) = message.close() {
            let reason = escape::bytes(reason);
            return self.title(out, side, &format!("{kind} {code} {reason}"));
        }
        self.title(out, side, &format!("{kind}, {size}{compressed}{defect}"))?;
        if message.kind == Kind::Text {
            let mut ink = Ink::new(self.paper);
            ink.push(out, &message.bytes)?;
            return ink.finish(out);
        }
        text_or_dump(out, &message.bytes, self.paper)
    }

    fn bytes(&self, out: &mut dyn Write, side: Side, piece: &[u8]) -> io::Result<()> {
        self.title(out, side, &human(piece.len() as u64))?;
        text_or_dump(out, piece, self.paper)
    }
}
