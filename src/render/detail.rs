//! One event in full: every fact, a line each. The payload is written by whoever has it, as [`Form`] says.

use std::io::{self, Write};

use crate::event::{ClockKind, Content, Direction, StoredEvent, TupleSource};

use super::{Paint, Style, end, escape, human};

/// How a payload is best shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As text.
    Text,
    /// As a hex dump.
    Hex,
    /// This many bytes as text (the head of an HTTP/1 message), the rest as a hex dump.
    TextThenHex(usize),
}

impl Form {
    /// The form for a payload that begins with `start`, some of it or all.
    pub fn of(content: Content, start: &[u8]) -> Self {
        if matches!(content, Content::Http1Request | Content::Http1Response) {
            let end = start.windows(4).position(|window| window == b"\r\n\r\n");
            let body = end
                .map(|end| end + 4)
                .and_then(|at| Some((at, start.get(at..)?)));
            return match body {
                Some((at, body)) if is_binary(body) => Self::TextThenHex(at),
                _ => Self::Text,
            };
        }
        match content {
            Content::Http2Preface | Content::Http2Frames | Content::Binary => Self::Hex,
            _ if is_binary(start) => Self::Hex,
            _ => Self::Text,
        }
    }
}

/// Whether bytes are no text: a NUL among them, or more than one in ten that text does not have.
fn is_binary(bytes: &[u8]) -> bool {
    let bytes = escape::whole_characters(bytes);
    let odd: usize = bytes
        .utf8_chunks()
        .map(|chunk| {
            let controls = chunk.valid().bytes().filter(|byte| {
                byte.is_ascii_control() && !matches!(byte, b'\n' | b'\r' | b'\t' | 0x1b)
            });
            controls.count() + chunk.invalid().len()
        })
        .sum();
    bytes.contains(&0) || odd * 10 > bytes.len()
}

/// Writes all that is known of an event but its payload.
///
/// # Errors
///
/// What `out` says.
pub fn write(out: &mut dyn Write, stored: &StoredEvent, style: &Style) -> io::Result<()> {
    let event = &stored.event;
    let title = format!("event {}", stored.id);
    writeln!(out, "{}", style.paint(Paint::Heading, &title))?;
    let mut fact = |name: &str, value: Option<String>| match value {
        Some(value) => writeln!(out, "  {name:<14} {value}"),
        None => Ok(()),
    };
    fact(
        "time",
        Some(format!(
            "{} ({})",
            style.full_time(event.time),
            clock(event.clock.kind)
        )),
    )?;
    fact("received", Some(style.full_time(event.received)))?;
    fact("process", event.process.pname.as_deref().map(escape::line))?;
    fact("pid", event.process.pid.map(|pid| pid.to_string()))?;
    fact("tid", event.process.tid.map(|tid| tid.to_string()))?;
    fact("uid", event.process.uid.map(|uid| uid.to_string()))?;
    fact("fd", event.fd.map(|fd| fd.to_string()))?;
    fact("direction", event.direction.map(direction))?;
    fact("kind", Some(event.kind.name().to_owned()))?;
    fact("content", Some(event.content.name().to_owned()))?;
    fact("probe", event.probe.map(|probe| probe.name().to_owned()))?;
    fact(
        "type",
        event
            .ecapture_type
            .map(|number| format!("{number} (eCapture's number)")),
    )?;

    let ends = &stored.endpoints;
    let pair = |left: Option<_>, right: Option<_>| {
        (left.is_some() || right.is_some()).then(|| (end(left), end(right)))
    };
    let inferred = if ends.role_inferred {
        "; which end is whose is inferred"
    } else {
        ""
    };
    let opened = pair(ends.client, ends.server);
    fact(
        "client",
        opened.map(|(client, server)| format!("{client} → server {server}")),
    )?;
    let own = pair(ends.local, ends.remote);
    fact(
        "local",
        own.map(|(local, remote)| format!("{local} ↔ remote {remote}")),
    )?;
    fact(
        "addresses",
        ends.source
            .map(|from| format!("{}{inferred}", source(from))),
    )?;
    let tuple = event
        .tuple
        .map(|tuple| format!("{} → {} (as sent)", tuple.src, tuple.dst));
    fact("tuple", tuple)?;

    if let Some(http) = &event.http {
        let text = |value: &Option<String>| value.as_deref().map(escape::line);
        fact("http method", text(&http.method))?;
        fact("http host", text(&http.host))?;
        fact("http path", text(&http.path))?;
        fact("http status", http.status.map(|status| status.to_string()))?;
        fact("content type", text(&http.content_type))?;
    }
    let details = &event.details;
    fact(
        "return value",
        details.return_value.map(|value| value.to_string()),
    )?;
    fact("status", details.status.as_deref().map(escape::line))?;
    fact(
        "captured of",
        details.total_bytes.map(|total| format!("{total} bytes")),
    )?;
    fact(
        "monotonic",
        details
            .monotonic_ns
            .map(|nanos| format!("{nanos} ns since boot")),
    )?;
    fact(
        "interface",
        details.interface_index.map(|index| index.to_string()),
    )?;
    fact("reason", details.reason.as_deref().map(escape::line))?;

    fact("provenance", Some(event.provenance.names().join(", ")))?;
    fact(
        "recording",
        Some(format!(
            "{}, run {} of eCapture",
            stored.recording, stored.run
        )),
    )?;
    let connection = stored.connection.map_or_else(String::new, |connection| {
        format!(", connection {connection}")
    });
    fact(
        "stream",
        Some(format!(
            "{}{connection}, epoch {}",
            stored.stream, stored.epoch
        )),
    )?;
    let bytes = stored.payload_bytes;
    let size = if bytes < 1024 {
        format!("{bytes} bytes")
    } else {
        format!("{bytes} bytes ({})", human(bytes))
    };
    fact("payload", Some(size))
}

fn clock(kind: ClockKind) -> &'static str {
    match kind {
        ClockKind::Received => "estimated: when it was received, as the event tells no time",
        ClockKind::FieldSeconds => "from the event, in seconds",
        ClockKind::FieldMillis => "from the event, in milliseconds",
        ClockKind::FieldMicros => "from the event, in microseconds",
        ClockKind::FieldNanos => "from the event",
        ClockKind::LocalText => "from the event's text, in the zone of the capturing host",
        ClockKind::LocalTextInferred => "estimated: from the event's text, in an inferred zone",
        ClockKind::Monotonic => "from the kernel's monotonic clock, set by receive times",
    }
}

fn direction(direction: Direction) -> String {
    match direction {
        Direction::Inbound => "in (the process read)".to_owned(),
        Direction::Outbound => "out (the process wrote)".to_owned(),
    }
}

fn source(source: TupleSource) -> &'static str {
    match source {
        TupleSource::Field => "from the event's fields",
        TupleSource::Uuid => "from eCapture's uuid",
        TupleSource::ConnectionEvent => "from a connection event of the same descriptor",
        TupleSource::Inferred => "inferred: the only connection event of the process that fits",
        TupleSource::Text => "from the event's text",
    }
}

#[cfg(test)]
mod tests {
    use crate::event::samples;
    use crate::event::{Timestamp, Zone};

    use super::*;

    fn text(stored: &StoredEvent) -> String {
        let style = Style {
            color: false,
            width: 100,
            zone: Zone::Utc,
            now: Timestamp::default(),
        };
        let mut out = Vec::new();
        write(&mut out, stored, &style).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn everything_is_told() {
        assert_eq!(
            text(&samples::request()),
            r"event 7
  time           2026-11-23 11:00:00.000000000 +00:00 (from the event)
  received       2026-11-23 11:00:01.000000000 +00:00
  process        curl\x1b[31m
  pid            42
  tid            43
  fd             5
  direction      out (the process wrote)
  kind           tls_data
  content        http1_request
  probe          openssl
  type           1 (eCapture's number)
  client         10.0.0.1:50000 → server 93.184.216.34:443
  local          10.0.0.1:50000 ↔ remote 93.184.216.34:443
  addresses      from the event's fields
  tuple          10.0.0.1:50000 → 93.184.216.34:443 (as sent)
  http method    GET
  http host      example.com
  http path      /a
  provenance     wire
  recording      1, run 2 of eCapture
  stream         3, connection 4, epoch 0
  payload        28 bytes
"
        );
    }

    #[test]
    fn the_unknown_is_left_out() {
        let text = text(&samples::bare());
        assert!(text.contains("estimated: when it was received"), "{text}");
        assert!(text.contains("  reason         not a message\n"), "{text}");
        assert!(!text.contains("pid") && !text.contains("client"), "{text}");
    }

    #[test]
    fn forms() {
        let cases: [(Content, &[u8], Form); 7] = [
            (Content::Text, b"hello\n\x1b[0m", Form::Text),
            (Content::Text, b"hello\0", Form::Hex),
            (Content::Text, "caf\u{e9}".as_bytes(), Form::Text),
            (Content::Binary, b"hello", Form::Hex),
            (
                Content::Http1Response,
                b"HTTP/1.1 200 OK\r\n\r\nhello",
                Form::Text,
            ),
            (
                Content::Http1Response,
                b"HTTP/1.1 200 OK\r\n\r\n\x1f\x8b\0",
                Form::TextThenHex(19),
            ),
            (Content::Empty, b"", Form::Text),
        ];
        for (content, start, expected) in cases {
            assert_eq!(Form::of(content, start), expected, "{start:?}");
        }
    }
}
