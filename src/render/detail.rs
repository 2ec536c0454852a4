//! One event in full: every fact, a line each. The payload is written by whoever has it.

use std::fmt::Display;
use std::io::{self, Write};

use crate::event::{ClockKind, Direction, Event, Probe, StoredEvent, TupleSource};

use super::{Paint, Style, end, escape, human, identity};

/// Writes all that is known of an event but its payload.
///
/// # Errors
///
/// What `out` says.
pub fn write(out: &mut dyn Write, stored: &StoredEvent, style: &Style) -> io::Result<()> {
    let mut facts = Facts::default();
    origin(&mut facts, stored, style);
    ends(&mut facts, stored);
    http(&mut facts, &stored.event);
    details(&mut facts, &stored.event);
    place(&mut facts, stored);
    let title = format!("event {}", stored.id);
    writeln!(out, "{}", style.paint(Paint::Heading, &title))?;
    for (name, value) in facts.0 {
        writeln!(out, "  {name:<14} {value}")?;
    }
    Ok(())
}

/// Names with values, escaped.
#[derive(Debug, Default)]
struct Facts(Vec<(&'static str, String)>);

impl Facts {
    fn is(&mut self, name: &'static str, value: impl Display) {
        self.0.push((name, value.to_string()));
    }

    fn may(&mut self, name: &'static str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.is(name, value);
        }
    }

    fn text(&mut self, name: &'static str, value: Option<&String>) {
        self.may(name, value.map(|text| escape::line(text)));
    }
}

fn origin(facts: &mut Facts, stored: &StoredEvent, style: &Style) {
    let event = &stored.event;
    let time = style.full_time(event.time);
    facts.is("time", format_args!("{time} ({})", clock(event.clock.kind)));
    let stand_in = if stored.is_received_estimated {
        " (a stand-in: the imported file tells none)"
    } else {
        ""
    };
    facts.is(
        "received",
        format_args!("{}{stand_in}", style.full_time(event.received)),
    );
    let process = &event.process;
    facts.text("process", process.pname.as_ref());
    facts.may("pid", process.pid);
    facts.may("tid", process.tid);
    facts.may("uid", stored.uid());
    if let Some(identity) = &stored.identity {
        facts.0.extend(identity::facts(identity, style));
    }
    facts.may("fd", event.fd);
    facts.may("direction", event.direction.map(direction));
    facts.is("kind", event.kind.name());
    facts.is("content", event.content.name());
    facts.may("probe", event.probe.map(Probe::name));
    if let Some(number) = event.ecapture_type {
        facts.is("type", format_args!("{number} (eCapture's number)"));
    }
}

fn ends(facts: &mut Facts, stored: &StoredEvent) {
    let known = &stored.endpoints;
    if known.client.is_some() || known.server.is_some() {
        let (client, server) = (end(known.client), end(known.server));
        facts.is("client", format_args!("{client} → server {server}"));
    }
    if known.local.is_some() || known.remote.is_some() {
        let (local, remote) = (end(known.local), end(known.remote));
        facts.is("local", format_args!("{local} ↔ remote {remote}"));
    }
    if let Some(from) = known.source {
        let inferred = if known.role_inferred {
            "; which end is whose is inferred"
        } else {
            ""
        };
        facts.is("addresses", format_args!("{}{inferred}", source(from)));
    }
    if let Some(tuple) = stored.event.tuple {
        facts.is(
            "tuple",
            format_args!("{} → {} (as sent)", tuple.src, tuple.dst),
        );
    }
}

fn http(facts: &mut Facts, event: &Event) {
    if let Some(http) = &event.http {
        facts.text("http method", http.method.as_ref());
        facts.text("http host", http.host.as_ref());
        facts.text("http path", http.path.as_ref());
        facts.may("http status", http.status);
        facts.text("content type", http.content_type.as_ref());
    }
}

fn details(facts: &mut Facts, event: &Event) {
    let details = &event.details;
    facts.may("return value", details.return_value);
    facts.text("status", details.status.as_ref());
    if let Some(total) = details.total_bytes {
        facts.is("captured of", format_args!("{total} bytes"));
    }
    if let Some(nanos) = details.monotonic_ns {
        facts.is("monotonic", format_args!("{nanos} ns since boot"));
    }
    facts.may("interface", details.interface_index);
    facts.text("reason", details.reason.as_ref());
    facts.is("provenance", event.provenance.names().join(", "));
}

fn place(facts: &mut Facts, stored: &StoredEvent) {
    let (recording, run) = (stored.recording, stored.run);
    facts.is(
        "recording",
        format_args!("{recording}, run {run} of eCapture"),
    );
    let connection = stored.connection.map_or_else(String::new, |connection| {
        format!(", connection {connection}")
    });
    let stream = stored.stream;
    facts.is("stream", format_args!("{stream}{connection}"));
    let bytes = stored.payload_bytes;
    if bytes < 1024 {
        facts.is("payload", format_args!("{bytes} bytes"));
    } else {
        facts.is("payload", format_args!("{bytes} bytes ({})", human(bytes)));
    }
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

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "in (the process read)",
        Direction::Outbound => "out (the process wrote)",
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
  stream         3, connection 4
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
}
