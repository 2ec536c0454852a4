//! The messages of a WebSocket, as browsers write them into a HAR (Chrome's developer tools since 2018; mitmproxy writes the
//! same, addons/savehar.py): `_resourceType` is `websocket`, and `_webSocketMessages` has, of each, who sent it (`send`: the client),
//! when, in seconds since 1970, its opcode (RFC 6455, section 11.8) and what it says: a text as it is, bytes in base64.
//!
//! Frames that are about the connection (ping, pong, close) are not in it. A message that is not all there, and a text
//! that is no UTF-8 and therefore stands in base64, say so under `_ecq`. So does one of more than 8 MiB, which is cut off
//! there: a message is held in memory.

use std::io::{self, Write};
use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::event::Timestamp;
use crate::export::jsonl::put;
use crate::http::body::Defect;
use crate::http::exchange::{Exchange, Side, Spans};
use crate::http::view::tunnel::{self, Item, MESSAGE_BYTES};
use crate::http::view::websocket::{Kind, Message};

#[derive(Debug, Serialize)]
struct Line<'a> {
    r#type: &'static str,
    /// Absent if the event is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<f64>,
    opcode: u8,
    data: &'a str,
    #[serde(rename = "_ecq", skip_serializing_if = "Option::is_none")]
    ecq: Option<Details>,
}

#[derive(Debug, Serialize)]
struct Details {
    /// Why it is not all there.
    #[serde(skip_serializing_if = "Option::is_none")]
    defect: Option<&'static str>,
    /// `base64` if it was to be a text and is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
}

/// Writes the members of an entry that are about its WebSocket, if it turned into one: a comma before each.
pub(super) fn write(
    out: &mut dyn Write,
    exchange: &Exchange,
    source: &dyn Spans,
) -> io::Result<()> {
    if !tunnel::is_websocket(exchange) {
        return Ok(());
    }
    out.write_all(b",\"_resourceType\":\"websocket\",\"_webSocketMessages\":[")?;
    let mut has_before = false;
    tunnel::items(exchange, source, MESSAGE_BYTES, &mut |side, event, item| {
        let more = ControlFlow::Continue(());
        let Item::Message(message) = item else {
            return Ok(more);
        };
        let Some(opcode) = opcode(message.kind) else {
            return Ok(more);
        };
        if std::mem::replace(&mut has_before, true) {
            out.write_all(b",")?;
        }
        let time = source.time(event)?.map(seconds);
        write_message(out, side, (time, opcode), &message)?;
        Ok(more)
    })
    .map(|_| ())?;
    out.write_all(b"]")
}

fn write_message(
    out: &mut dyn Write,
    side: Side,
    (time, opcode): (Option<f64>, u8),
    message: &Message,
) -> io::Result<()> {
    let text = std::str::from_utf8(&message.bytes)
        .ok()
        .filter(|_| message.kind == Kind::Text);
    let encoded = text.is_none().then(|| STANDARD.encode(&message.bytes));
    let encoding = (message.kind == Kind::Text && text.is_none()).then_some("base64");
    let defect = message.defect.map(Defect::name);
    let line = Line {
        r#type: match side {
            Side::Request => "send",
            Side::Response => "receive",
        },
        time,
        opcode,
        data: text.or(encoded.as_deref()).unwrap_or_default(),
        ecq: (defect.is_some() || encoding.is_some()).then_some(Details { defect, encoding }),
    };
    put(out, &line)
}

fn opcode(kind: Kind) -> Option<u8> {
    match kind {
        Kind::Text => Some(1),
        Kind::Binary => Some(2),
        Kind::Close | Kind::Ping | Kind::Pong => None,
    }
}

/// As browsers write it: to the microsecond, which is as much as the number can hold.
#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds since 1970 are exact up to the year 2255"
)]
fn seconds(time: Timestamp) -> f64 {
    (time.as_nanos() / 1000) as f64 / 1e6
}
