//! Exchanges as a HAR 1.2 archive (<http://www.softwareishard.com/blog/har-12-spec/>).
//!
//! Every member is there that HAR wants, and what it has no place for stands under `_ecq`, as it allows for names that
//! begin with an underscore. Where HAR wants a value and none is known, it gets:
//!
//! - the method of a request without a head: an empty text; its status as a response: 0, as browsers write it. The half's
//!   `_ecq` is then null if it was not captured at all, and has no `version` if its head was not.
//! - the URL: see `url.rs`; `_ecq.url_inferred` is true then.
//! - sizes of heads: -1. Sizes of bodies that were not captured: -1.
//! - a timing: 0, as these three may not be negative; `_ecq.timings_unknown` names it then. What is known is from the first to
//!   the last event of the request (`send`), to the first of the response (`wait`), and to its last (`receive`); where clocks
//!   disagree a part is 0. Of what turned into a tunnel, such as a WebSocket, `send` ends with the first event of the request,
//!   and `receive` with the last of both directions. The exact times are in `_ecq`.
//!
//! Texts are UTF-8. Bytes of a head that are not are shown as U+FFFD; the field then stands as it was captured, or as far
//! as it is known, under `_ecq.request.fields` with its place in the head, counted from 0. A field of which the name or the
//! value is not known stands only there.
//!
//! A body is text if it is UTF-8 or in the encoding that its type names (then `_charset` says in which it was), and base64
//! otherwise. HAR 1.2 knows no base64 for what was sent: such a body has an empty `postData.text`, and the bytes are in
//! `postData._base64`.
//!
//! The heads of interim responses (1xx) are in `_ecq.response.interim`.
//!
//! The messages of a WebSocket are in `_webSocketMessages`; see `socket.rs`.

mod entry;
mod parts;
mod socket;
mod url;

use std::io::{self, Write};

use encoding_rs::{Encoding, UTF_8};
use serde::Serialize;

use super::body::Body;
use super::exchanges::ExchangeWriter;
use super::json::put_open;
use crate::http::exchange::{Bodies, BodyForm, Exchange, Message, MessageHead, Side};
use crate::http::media;

/// The version of what stands under `_ecq`.
const ECQ_FORMAT: u32 = 1;

/// Writes the archive.
#[derive(Debug, Clone, Copy, Default)]
pub struct Har {
    has_begun: bool,
    has_entries: bool,
}

#[derive(Debug, Serialize)]
struct Log {
    version: &'static str,
    creator: Creator,
    #[serde(rename = "_ecq")]
    ecq: LogDetails,
}

#[derive(Debug, Serialize)]
struct Creator {
    name: &'static str,
    version: &'static str,
}

#[derive(Debug, Serialize)]
struct LogDetails {
    format: u32,
}

impl Har {
    /// At the beginning of a file.
    pub fn new() -> Self {
        Self::default()
    }

    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        let log = Log {
            version: "1.2",
            creator: Creator {
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
            },
            ecq: LogDetails { format: ECQ_FORMAT },
        };
        out.write_all(b"{\"log\":")?;
        put_open(out, &log)?;
        out.write_all(b",\"entries\":[")
    }
}

impl ExchangeWriter for Har {
    fn write(
        &mut self,
        out: &mut dyn Write,
        capture: Option<&str>,
        exchange: &Exchange,
        bodies: &dyn Bodies,
    ) -> io::Result<()> {
        self.begin(out)?;
        let has_before = std::mem::replace(&mut self.has_entries, true);
        out.write_all(if has_before { b",\n" } else { b"\n" })?;

        let read = |side| {
            exchange
                .half(side)
                .map(|message| read(bodies, message))
                .transpose()
        };
        let (sent, answered) = (read(Side::Request)?, read(Side::Response)?);
        let states = [&sent, &answered].map(|body| body.as_ref().map(|body| body.state));
        put_open(out, &entry::Entry::of(capture, exchange, states))?;

        out.write_all(b",\"request\":")?;
        put_open(out, &parts::Request::of(exchange))?;
        if let Some(body) = sent.filter(|body| body.bytes > 0) {
            out.write_all(b",\"postData\":")?;
            posted(out, exchange.head(Side::Request), &body)?;
        }
        out.write_all(b"},\"response\":")?;
        put_open(out, &parts::Response::of(exchange))?;
        out.write_all(b",\"content\":")?;
        content(out, exchange.half(Side::Response), answered.as_ref())?;
        out.write_all(b"}")?;
        if let Some(source) = bodies.tunnels() {
            socket::write(out, exchange, source)?;
        }
        out.write_all(b"}")
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.begin(out)?;
        out.write_all(b"\n]}}\n")
    }
}

/// Reads a body, in the encoding that its type names if that is a type of text.
fn read<'a>(bodies: &'a dyn Bodies, message: &'a Message) -> io::Result<Body<'a>> {
    let encoding = media_type(message.head.as_ref())
        .filter(|value| media::is_textual(value))
        .and_then(media::charset)
        .and_then(Encoding::for_label_no_replacement)
        .unwrap_or(UTF_8);
    let body = Body::read(bodies, message, BodyForm::Decoded, encoding)?;
    if body.is_text() || encoding == UTF_8 {
        return Ok(body);
    }
    Body::read(bodies, message, BodyForm::Decoded, UTF_8)
}

fn media_type(head: Option<&MessageHead>) -> Option<&[u8]> {
    head?.values("content-type").next().map(AsRef::as_ref)
}

fn posted(out: &mut dyn Write, head: Option<&MessageHead>, body: &Body<'_>) -> io::Result<()> {
    put_open(out, &parts::Posted::of(media_type(head), body))?;
    if body.is_text() {
        out.write_all(b",\"text\":")?;
    } else {
        out.write_all(b",\"text\":\"\",\"_base64\":")?;
    }
    body.write_json(out)?;
    out.write_all(b"}")
}

fn content(
    out: &mut dyn Write,
    message: Option<&Message>,
    body: Option<&Body<'_>>,
) -> io::Result<()> {
    let head = message.and_then(|message| message.head.as_ref());
    put_open(out, &parts::Content::of(media_type(head), message, body))?;
    if let Some(body) = body.filter(|body| body.bytes > 0) {
        out.write_all(b",\"text\":")?;
        body.write_json(out)?;
        if !body.is_text() {
            out.write_all(b",\"encoding\":\"base64\"")?;
        }
    }
    out.write_all(b"}")
}

#[cfg(test)]
mod tests;
