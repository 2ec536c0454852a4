//! What an exchange turned into: the messages of a WebSocket, or bytes, as they went to and fro.

use std::io::{self, Read, Write};

use super::Source;
use super::body::{Ink, Paper, text_or_dump};
use crate::http::exchange::{Exchange, Side, Span};
use crate::http::view::websocket::{Compression, Kind, Message, Messages};
use crate::render::{Paint, Style, escape, human};

/// How large a message may be that is shown whole, in bytes.
const MESSAGE_BYTES: usize = 1 << 20;

/// How many bytes are read at once.
const STEP_BYTES: usize = 64 << 10;

/// Writes the tunnel of an exchange, if it has one.
pub(super) fn write(
    out: &mut dyn Write,
    exchange: &Exchange,
    source: &dyn Source,
    style: &Style,
    paper: Paper,
) -> io::Result<()> {
    let spans = in_order(exchange);
    if spans.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let writer = Writer { style, paper };
    let mut sockets = is_websocket(exchange).then(|| {
        let compression = compression(exchange);
        Side::BOTH.map(|side| Messages::new(compression, side, MESSAGE_BYTES))
    });
    let mut step = vec![0; STEP_BYTES];
    for (side, span) in spans {
        let one = [span];
        let mut bytes = source.read(&one);
        loop {
            let read = bytes.read(&mut step)?;
            if read == 0 {
                break;
            }
            let piece = step.get(..read).unwrap_or_default();
            let Some([request, response]) = &mut sockets else {
                writer.bytes(out, side, piece)?;
                continue;
            };
            let messages = match side {
                Side::Request => request,
                Side::Response => response,
            };
            let mut found = Vec::new();
            messages.push(piece, &mut |message| found.push(message));
            for message in found {
                writer.message(out, side, &message)?;
            }
        }
    }
    for (side, mut messages) in Side::BOTH.into_iter().zip(sockets.into_iter().flatten()) {
        let mut found = Vec::new();
        messages.end(&mut |message| found.push(message));
        for message in found {
            writer.message(out, side, &message)?;
        }
        if let Some((fault, at)) = messages.fault() {
            writeln!(
                out,
                "{} (byte {at} begins no frame: {})",
                arrow(side),
                fault.name()
            )?;
        }
    }
    Ok(())
}

/// The pieces of both directions, in order of their events.
fn in_order(exchange: &Exchange) -> Vec<(Side, Span)> {
    let mut spans: Vec<_> = Side::BOTH
        .into_iter()
        .filter_map(|side| Some((side, exchange.half(side)?)))
        .flat_map(|(side, message)| message.tunnel.iter().map(move |span| (side, *span)))
        .collect();
    spans.sort_by_key(|(_, span)| span.event);
    spans
}

fn is_websocket(exchange: &Exchange) -> bool {
    exchange.head(Side::Response).is_some_and(|head| {
        head.values("upgrade")
            .any(|value| value.eq_ignore_ascii_case(b"websocket"))
    })
}

fn compression(exchange: &Exchange) -> Option<Compression> {
    let head = exchange.head(Side::Response)?;
    let values = head.values("sec-websocket-extensions");
    Compression::agreed(values.map(AsRef::as_ref))
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
