//! Requests as commands of curl that send them again, for any POSIX shell.
//!
//! Before each command stands a comment with the exchange's number, time, process and status, and one with the address
//! that the request went to. A request of which the method or the host is not known is a comment alone.
//!
//! A command sends what was sent: the fields in their order, and none that curl adds of its own. Left to curl are
//! `Content-Length`, a `Host` that the URL has, and what belongs to a connection (RFC 9110, section 7.6.1), unless the
//! request asks for an upgrade. A body that came in chunks goes in chunks, but in those that curl makes. Fields of which the name or the value is not known, or that no
//! argument can hold, are left out, and a comment says so.
//!
//! A body is sent in the codings that it was captured in. A short text is given by `--data-raw`. Every other body is
//! printed into curl by `printf`, in octal where it is not visible ASCII: that is exact for every byte and needs nothing
//! but the shell.

use std::io::{self, Write};

use encoding_rs::UTF_8;

use super::body::Body;
use super::exchanges::ExchangeWriter;
use super::shell::{put_comment, put_printing, word};
use crate::http::exchange::{
    Bodies, BodyForm, Ending, Exchange, Field, Message, MessageHead, Side, Version,
};

/// A text of more bytes than this is not given as an argument; Linux allows 128 KiB for one.
const ARGUMENT_BYTES: usize = 16 << 10;

/// What curl writes itself, in lower case.
const OF_CURL: [&str; 2] = ["content-length", "transfer-encoding"];
/// What belongs to one connection, in lower case; kept if the request asks for an upgrade.
const OF_CONNECTION: [&str; 6] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "upgrade",
    "http2-settings",
];
/// What curl adds where it is not given or taken back by name.
const ADDED: [&str; 2] = ["User-Agent", "Accept"];
/// What it adds besides if there is a body.
const ADDED_TO_BODIES: [&str; 2] = ["Content-Type", "Expect"];

/// Writes the commands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Curl;

impl ExchangeWriter for Curl {
    fn write(
        &mut self,
        out: &mut dyn Write,
        capture: Option<&str>,
        exchange: &Exchange,
        bodies: &dyn Bodies,
    ) -> io::Result<()> {
        put_comment(out, &title(capture, exchange))?;
        let request = exchange.request.as_ref();
        let command = request.and_then(|request| {
            let head = request.head.as_ref()?;
            Some((request, head, Command::of(exchange, head)?))
        });
        if let Some((request, head, command)) = command {
            if let Some(server) = exchange.endpoints.server {
                let text = format!("sent to {server}: --connect-to '::{server}' sends it there");
                put_comment(out, &text)?;
            }
            write(out, request, head, command, bodies)?;
        } else {
            put_comment(out, "not enough of the request is known to send it again")?;
        }
        out.write_all(b"\n")
    }

    fn finish(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

fn title(capture: Option<&str>, exchange: &Exchange) -> String {
    let id = exchange.id;
    let of = capture.map(|capture| format!(" of {capture}"));
    let pname = exchange.process.pname.as_deref().unwrap_or("?");
    let pid = exchange.process.pid.map(|pid| format!("[{pid}]"));
    let status = exchange.head(Side::Response).and_then(|head| head.status);
    format!(
        "exchange {id}{}: {} {pname}{} -> {}",
        of.unwrap_or_default(),
        exchange.time(),
        pid.unwrap_or_default(),
        status.map_or_else(|| "?".to_owned(), |status| status.to_string()),
    )
}

fn write(
    out: &mut dyn Write,
    request: &Message,
    head: &MessageHead,
    mut command: Command,
    bodies: &dyn Bodies,
) -> io::Result<()> {
    if !matches!(request.ending, Ending::Complete | Ending::Consistent) {
        let text = format!(
            "the request is {}: it may not be all",
            request.ending.name()
        );
        put_comment(out, &text)?;
    }
    for left_out in &command.left_out {
        put_comment(out, left_out)?;
    }
    let body = Body::read(bodies, request, BodyForm::AsSent, UTF_8)?;
    let is_sent =
        body.bytes > 0 || head.values("content-length").next().is_some() || is_chunked(head);
    if is_sent {
        command.take_back(head, &ADDED_TO_BODIES);
    }
    let argument = body
        .small(ARGUMENT_BYTES)
        .filter(|_| body.is_text() && is_sent)
        .and_then(word);
    if let Some(argument) = argument {
        command.add(&[b"--data-raw", &argument]);
    } else if is_sent {
        command.add(&[b"--data-binary @-"]);
        out.write_all(b"{\n")?;
        body.pieces(&mut |piece| put_printing(out, piece))?;
        out.write_all(b"} | ")?;
    }
    out.write_all(&command.text)?;
    out.write_all(b"\n")
}

/// A command as far as the head says it.
#[derive(Debug)]
struct Command {
    text: Vec<u8>,
    /// What could not be part of it, in words.
    left_out: Vec<String>,
}

impl Command {
    /// `None` if the head does not say enough.
    fn of(exchange: &Exchange, head: &MessageHead) -> Option<Self> {
        let method = head.method.as_deref()?;
        let target = head.target.as_deref()?;
        if method == b"CONNECT" {
            return None;
        }
        let url = exchange.url();
        let is_plain = |target: &[u8]| {
            target
                .iter()
                .all(|byte| byte.is_ascii_graphic() && *byte != b'#')
        };
        let mut command = Self {
            text: b"curl --globoff --path-as-is".to_vec(),
            left_out: Vec::new(),
        };
        command.add(&[match head.version {
            Version::Http10 => b"--http1.0",
            Version::Http11 => b"--http1.1",
            Version::Http2 => b"--http2",
        }]);
        // Without this curl waits for the body that an answer to HEAD does not have.
        if method == b"HEAD" {
            command.add(&[b"--head"]);
        } else {
            command.add(&[b"-X", &word(method)?]);
        }
        if let Some(url) = url.filter(|_| is_plain(target)) {
            command.add(&[b"--url", &word(url.as_bytes())?]);
            // As a proxy was asked (RFC 9112, section 3.2.2).
            if !target.starts_with(b"/") {
                command.add(&[b"--request-target", &word(target)?]);
            }
        } else {
            // What is no path, or what a URL cannot hold, is sent as it is.
            let scheme = head.scheme.as_deref().unwrap_or(b"https");
            let root = [scheme, b"://", exchange.host()?.as_bytes(), b"/"].concat();
            command.add(&[b"--url", &word(&root)?]);
            command.add(&[b"--request-target", &word(target)?]);
        }
        command.add_fields(exchange, head);
        command.take_back(head, &ADDED);
        if head.values("accept-encoding").next().is_some() {
            command.add(&[b"--compressed"]);
        }
        Some(command)
    }

    fn add(&mut self, words: &[&[u8]]) {
        for word in words {
            self.text.push(b' ');
            self.text.extend_from_slice(word);
        }
    }

    fn add_fields(&mut self, exchange: &Exchange, head: &MessageHead) {
        let is_upgrade = head.values("upgrade").next().is_some();
        let host = exchange.host();
        for field in &head.fields {
            let (Some(name), Some(value)) = (&field.name, &field.value) else {
                let known = field.name.as_deref().or(field.value.as_deref());
                let known = String::from_utf8_lossy(known.unwrap_or_default());
                self.left_out
                    .push(format!("left out: a field known only as far as {known:?}"));
                continue;
            };
            let is = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
            let is_host = is(&"host")
                && host
                    .as_ref()
                    .is_some_and(|host| value.eq_ignore_ascii_case(host.as_bytes()));
            let is_of_connection = !is_upgrade && OF_CONNECTION.iter().any(is);
            if is_host || is_of_connection || OF_CURL.iter().any(is) && !is_chunks(head, field) {
                continue;
            }
            match argument(name, value) {
                Some(argument) => self.add(&[b"-H", &argument]),
                None => self.left_out.push(format!(
                    "left out: the field {:?}, which no argument can hold",
                    String::from_utf8_lossy(name)
                )),
            }
        }
    }

    /// Keeps curl from adding these fields of its own.
    fn take_back(&mut self, head: &MessageHead, names: &[&str]) {
        for name in names {
            if head.values(name).next().is_none() {
                self.add(&[b"-H", format!("'{name}:'").as_bytes()]);
            }
        }
    }
}

/// Whether the body came in chunks, and curl makes chunks when it is told so.
fn is_chunked(head: &MessageHead) -> bool {
    head.fields.iter().any(|field| is_chunks(head, field))
}

fn is_chunks(head: &MessageHead, field: &Field) -> bool {
    let is_field = field
        .name
        .as_ref()
        .is_some_and(|name| name.eq_ignore_ascii_case(b"transfer-encoding"));
    let value = field.value.as_deref().unwrap_or_default();
    head.version == Version::Http11 && is_field && value.eq_ignore_ascii_case(b"chunked")
}

/// A field as curl takes it. A name that is no token could mean a file (`@`) or another field to it.
fn argument(name: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let is_token = !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte));
    if !is_token || value.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return None;
    }
    let field = if value.is_empty() {
        [name, b";"].concat()
    } else {
        [name, b": ", value].concat()
    };
    word(&field)
}

#[cfg(test)]
mod tests;
