//! One exchange in full, as a person reads it: facts, heads, decoded bodies, and what it turned into.
//!
//! Heads are always escaped. Bodies are escaped where they go to a terminal and left as they are elsewhere, but laid out
//! in either case: JSON is indented, forms are fields, and what is no text is a hex dump. What is not shown of a long one
//! is said.

mod body;
mod tunnel;

use std::fmt::Display;
use std::io::{self, Write};

use super::exchange_row::elapsed;
use super::{Paint, Paper, Style, end, escape, human, identity};
use crate::http::exchange::{Bodies, Defects, Exchange, Field, Message, MessageHead, Side, Spans};
use crate::http::view::grpc_status::GrpcStatus;

/// What an exchange is read from.
pub trait Source: Bodies + Spans {}

impl<T: Bodies + Spans> Source for T {}

/// Writes an exchange.
///
/// # Errors
///
/// What `out` says, or `source`.
pub fn write(
    out: &mut dyn Write,
    exchange: &Exchange,
    source: &dyn Source,
    style: &Style,
    paper: Paper,
) -> io::Result<()> {
    facts(out, exchange, style)?;
    for side in Side::BOTH {
        let Some(message) = exchange.half(side) else {
            continue;
        };
        writeln!(out)?;
        for head in &message.interim {
            write_head(out, head, side, exchange, style)?;
            writeln!(out)?;
        }
        match &message.head {
            Some(head) => write_head(out, head, side, exchange, style)?,
            None if message.defects.contains(Defects::RESET) && message.body_bytes == 0 => {
                writeln!(out, "(given up before the head of the {})", side.name())?;
            }
            None => writeln!(out, "(the head of the {} was not captured)", side.name())?,
        }
        if message.body_bytes > 0 {
            writeln!(out)?;
            body::write(out, message, source, paper)?;
        }
        if !message.trailers.is_empty() {
            writeln!(out)?;
            write_fields(out, &message.trailers, style)?;
        }
    }
    tunnel::write(out, exchange, source, style, paper)
}

fn facts(out: &mut dyn Write, exchange: &Exchange, style: &Style) -> io::Result<()> {
    let title = format!("exchange x{}", exchange.id);
    writeln!(out, "{}", style.paint(Paint::Heading, &title))?;
    let mut fact = |name: &str, value: &dyn Display| writeln!(out, "  {name:<14} {value}");
    fact("time", &style.full_time(exchange.time()))?;
    if let Some(nanos) = exchange.elapsed_ns() {
        fact("elapsed", &elapsed(nanos))?;
    }
    fact("process", &super::exchange_row::process(&exchange.process))?;
    if let Some(uid) = exchange.process.uid_or(exchange.identity.as_deref()) {
        fact("uid", &uid)?;
    }
    for (name, value) in exchange
        .identity
        .iter()
        .flat_map(|identity| identity::facts(identity, style))
    {
        fact(name, &value)?;
    }
    let known = &exchange.endpoints;
    let mark = if known.role_inferred { "~" } else { "" };
    if known.client.is_some() || known.server.is_some() {
        let ends = format!("{} → {}{mark}", end(known.client), end(known.server));
        fact("endpoints", &ends)?;
    } else if known.local.is_some() || known.remote.is_some() {
        let ends = format!("{} ↔ {}{mark}", end(known.local), end(known.remote));
        fact("endpoints", &ends)?;
    }
    if let Some(connection) = exchange.connection {
        let place = exchange.number.saturating_add(1);
        let stream = exchange
            .http2_stream
            .map_or_else(String::new, |stream| format!(", HTTP/2 stream {stream}"));
        fact(
            "connection",
            &format_args!("{connection}, its exchange {place}{stream}"),
        )?;
    }
    if let Some(url) = exchange.url() {
        fact("url", &escape::line(&url))?;
    }
    if let Some(status) = exchange.half(Side::Response).and_then(GrpcStatus::of) {
        let message = match &*status.message {
            [] => String::new(),
            message => format!(": {}", escape::bytes(message)),
        };
        fact("grpc", &format_args!("{status}{message}"))?;
    }
    for side in Side::BOTH {
        match exchange.half(side) {
            Some(message) => fact(side.name(), &half(message))?,
            None => fact(side.name(), &"not captured")?,
        }
    }
    Ok(())
}

/// What is known of a half in a few words.
fn half(message: &Message) -> String {
    let (first, last) = (message.first.0, message.last.0);
    let events = if first == last {
        format!("event {first}")
    } else {
        format!("events {first} to {last}")
    };
    let defects = message.defects.names();
    let defects = if defects.is_empty() {
        String::new()
    } else {
        format!(" ({})", defects.join(", "))
    };
    format!(
        "{}{defects}; {events}; body of {} as sent",
        message.ending.name(),
        human(message.body_bytes)
    )
}

fn write_head(
    out: &mut dyn Write,
    head: &MessageHead,
    side: Side,
    exchange: &Exchange,
    style: &Style,
) -> io::Result<()> {
    let text = |bytes: Option<&bytes::Bytes>| {
        bytes.map_or_else(|| "?".to_owned(), |bytes| escape::bytes(bytes))
    };
    let version = head.version.name();
    let start = match side {
        Side::Request => {
            // HTTP/2 has no Host field: what it asks for is best said as a URL.
            let target = match (&head.authority, exchange.url()) {
                (Some(_), Some(url)) => escape::line(&url),
                _ => text(head.target.as_ref()),
            };
            format!("{} {target} HTTP/{version}", text(head.method.as_ref()))
        }
        Side::Response => {
            let status = head
                .status
                .map_or_else(|| "?".to_owned(), |status| status.to_string());
            let reason = head
                .reason
                .as_ref()
                .map_or_else(String::new, |reason| format!(" {}", escape::bytes(reason)));
            format!("HTTP/{version} {status}{reason}")
        }
    };
    let paint = match side {
        Side::Request => Paint::Outbound,
        Side::Response => Paint::Inbound,
    };
    writeln!(out, "{}", style.paint(paint, &start))?;
    write_fields(out, &head.fields, style)
}

fn write_fields(out: &mut dyn Write, fields: &[Field], style: &Style) -> io::Result<()> {
    let shown = |part: &Option<bytes::Bytes>| {
        part.as_ref()
            .map_or_else(|| "(not known)".to_owned(), |bytes| escape::bytes(bytes))
    };
    for field in fields {
        let name = shown(&field.name);
        writeln!(
            out,
            "{}: {}",
            style.paint(Paint::Kind, &name),
            shown(&field.value)
        )?;
    }
    Ok(())
}
