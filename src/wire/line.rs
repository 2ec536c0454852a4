//! Lines of the files that eCapture writes (`docs/wire.md` section 8), which are imported in place of frames.
//!
//! 1.x writes events into `--eventaddr FILE` as JSON, `{"time":…,"message":…}`, and log lines, which have a `level`, may
//! stand between them. 2.x has no such file; its standard output has the events' texts, each with a time, a level and
//! fields around it, in colors even where it is no terminal: `␛[90m2026-11-23T10:40:38Z␛[0m ␛[32mINF␛[0m text
//! ␛[36mprobe=␛[0mOpenSSL`. A text has several lines; what escapes there are is for `normalize`, which knows the counts.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use super::{Incoming, RunLog, WireEvent, json, run_log, shape};
use crate::event::{Carrier, Timestamp};

/// The longest time: `2026-11-23T10:40:38.000000000+08:00`.
const TIME_BYTES: usize = 40;
/// Before a field of a record: a blank, and cyan.
const FIELD_START: &[u8] = b" \x1b[36m";
/// What stands behind an event's text where there are no colors.
const PLAIN_FIELD: &[u8] = b" probe=";

/// Which sort of file a line is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// JSON of 1.x; each line is one event or one line of the log.
    Json,
    /// Standard output of 2.x; this line may be followed by others that belong to it.
    Console,
}

/// What a line begins, if it begins an event or a log line of such a file, and the time that it says.
pub fn line_start(line: &[u8]) -> Option<(LineKind, Timestamp)> {
    // The usual form, of which the time is enough: the rest may be large.
    if let Some(rest) = line.strip_prefix(b"{\"time\":\"") {
        let end = memchr::memchr(b'"', rest.get(..TIME_BYTES).unwrap_or(rest))?;
        let (time, _) = run_log::time_of(std::str::from_utf8(rest.get(..end)?).ok()?)?;
        return Some((LineKind::Json, time));
    }
    if line.first() == Some(&b'{') {
        let line = JsonLine::parse(line)?;
        return Some((LineKind::Json, line.time()?));
    }
    Some((LineKind::Console, Record::parse(line)?.time))
}

/// A line of 1.x.
#[derive(Deserialize)]
struct JsonLine<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    level: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

impl<'a> JsonLine<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    fn time(&self) -> Option<Timestamp> {
        Some(run_log::time_of(&self.time)?.0)
    }
}

/// Reads a line of 1.x, if it is one.
pub(super) fn decode_json(message: &Bytes) -> Option<Incoming> {
    let line = JsonLine::parse(message)?;
    line.time()?;
    match (line.level, line.message) {
        (None, Some(text)) => Some(
            json::event(text.as_bytes(), Carrier::EventLine).unwrap_or_else(|| {
                Incoming::Event(WireEvent::Text {
                    carrier: Carrier::EventLine,
                    text: Bytes::from(text.into_owned()),
                })
            }),
        ),
        (Some(_), _) => {
            let text = String::from_utf8_lossy(message).into_owned();
            Some(Incoming::Log(
                run_log::parse(text, Carrier::Protobuf).with_frame(message),
            ))
        }
        (None, None) => None,
    }
}

/// Reads a record of 2.x, if it is one.
pub(super) fn decode_console(message: &Bytes) -> Option<Incoming> {
    let record = Record::parse(message)?;
    if shape::starts_like_text(record.message) {
        return Some(Incoming::Event(WireEvent::Text {
            carrier: Carrier::ConsoleLine,
            text: message.slice_ref(record.message),
        }));
    }
    let level = match record.level {
        b"TRC" => Some("trace"),
        b"DBG" => Some("debug"),
        b"INF" => Some("info"),
        b"WRN" => Some("warn"),
        b"ERR" => Some("error"),
        b"FTL" => Some("fatal"),
        b"PNC" => Some("panic"),
        _ => None,
    };
    let log = RunLog {
        text: String::from_utf8_lossy(message).into_owned(),
        carrier: Carrier::Protobuf,
        raw: None,
        level: level.map(str::to_owned),
        time: Some(record.time),
        zone_offset_seconds: Some(record.zone_offset_seconds),
        version: record.field(b"Version="),
        lost_samples: None,
    };
    Some(Incoming::Log(log.with_frame(message)))
}

/// A record of 2.x.
struct Record<'a> {
    time: Timestamp,
    zone_offset_seconds: i32,
    level: &'a [u8],
    /// What it says, without the fields behind it.
    message: &'a [u8],
    /// Message and fields.
    rest: &'a [u8],
}

impl<'a> Record<'a> {
    fn parse(record: &'a [u8]) -> Option<Self> {
        let rest = without_colors(record);
        if !rest.first()?.is_ascii_digit() {
            return None;
        }
        let end = rest
            .iter()
            .take(TIME_BYTES)
            .position(|byte| matches!(byte, b' ' | b'\x1b'))?;
        let (time, rest) = rest.split_at_checked(end)?;
        let (time, zone_offset_seconds) = run_log::time_of(std::str::from_utf8(time).ok()?)?;
        let rest = without_colors(without_colors(rest).strip_prefix(b" ")?);
        let (level, rest) = rest.split_at_checked(3)?;
        let rest = without_colors(rest);
        let rest = if matches!(rest, b"" | b"\n") {
            rest
        } else {
            rest.strip_prefix(b" ")?
        };
        if !level
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || *byte == b'?')
        {
            return None;
        }
        Some(Self {
            time,
            zone_offset_seconds,
            level,
            message: without_fields(rest),
            rest,
        })
    }

    /// The value of a field, up to a blank.
    fn field(&self, name: &[u8]) -> Option<String> {
        let at = memchr::memmem::find(self.rest, name)?.checked_add(name.len())?;
        let value = without_colors(self.rest.get(at..)?);
        let end = value
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || *byte == b'\x1b');
        let value = value.get(..end.unwrap_or(value.len()))?;
        (!value.is_empty()).then(|| String::from_utf8_lossy(value).into_owned())
    }
}

/// Without the sequences of the kind `␛[32m` that it begins with.
fn without_colors(mut text: &[u8]) -> &[u8] {
    while let Some(sequence) = text.strip_prefix(b"\x1b[") {
        let digits = sequence
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || **byte == b';')
            .count();
        match sequence
            .get(digits..)
            .and_then(|rest| rest.strip_prefix(b"m"))
        {
            Some(rest) => text = rest,
            None => break,
        }
    }
    text
}

/// The message before the fields. Escape characters of the message itself were written as `\x1b` (internal/logger/
/// logger.go:37@v2.5.1), so that the first real one ends it. Without colors only the last field is known.
fn without_fields(rest: &[u8]) -> &[u8] {
    if let Some(end) = memchr::memmem::find(rest, FIELD_START) {
        return rest.get(..end).unwrap_or(rest);
    }
    let rest = rest.strip_suffix(b"\n").unwrap_or(rest);
    match memchr::memmem::rfind(rest, PLAIN_FIELD) {
        Some(end)
            if rest
                .get(end.saturating_add(PLAIN_FIELD.len())..)
                .is_some_and(|value| value.iter().all(u8::is_ascii_alphanumeric)) =>
        {
            rest.get(..end).unwrap_or(rest)
        }
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message: &'static str) -> (Carrier, Bytes) {
        match super::super::decode(crate::event::Opcode::Text, &Bytes::from(message)) {
            Incoming::Event(WireEvent::Text { carrier, text }) => (carrier, text),
            other => panic!("{other:?}"),
        }
    }

    fn log(message: &'static str) -> RunLog {
        match super::super::decode(crate::event::Opcode::Text, &Bytes::from(message)) {
            Incoming::Log(log) => log,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn events_of_both() {
        for (message, carrier, expected) in [
            (
                "{\"time\":\"2026-11-23T10:40:38Z\",\"message\":\"PID:1, Comm:a,\\nb\"}\n",
                Carrier::EventLine,
                "PID:1, Comm:a,\nb",
            ),
            (
                "\x1b[90m2026-11-23T10:40:38Z\x1b[0m \x1b[32mINF\x1b[0m PID:1, Comm:a\nb \\r\n \x1b[36mprobe=\x1b[0mOpenSSL\n",
                Carrier::ConsoleLine,
                "PID:1, Comm:a\nb \\r\n",
            ),
            (
                "2026-11-23T10:40:38+08:00 INF PID:1, Comm:a probe=x y\nb\n probe=Bash\n",
                Carrier::ConsoleLine,
                "PID:1, Comm:a probe=x y\nb\n",
            ),
        ] {
            assert_eq!(text(message), (carrier, Bytes::from(expected)));
        }
        let nested = "{\"time\":\"2026-11-23T10:40:38Z\",\"message\":\"{\\\"timestamp\\\":1,\\\"uuid\\\":\\\"a\\\",\\\"payload_base64\\\":\\\"aGk=\\\"}\"}";
        let Incoming::Event(WireEvent::Structured(event)) =
            super::super::decode(crate::event::Opcode::Binary, &Bytes::from(nested))
        else {
            panic!("not structured");
        };
        assert_eq!(
            (event.carrier, event.payload),
            (Carrier::EventLine, Bytes::from("hi"))
        );
    }

    #[test]
    fn logs_of_both() {
        let line =
            "{\"level\":\"info\",\"time\":\"2026-11-23T10:40:38+08:00\",\"message\":\"m\"}\n";
        let found = log(line);
        assert_eq!(found.level.as_deref(), Some("info"));
        let mut frame = Vec::new();
        found.write_frame(&mut frame).unwrap();
        assert_eq!(frame, line.as_bytes());
        let found = log(
            "\x1b[90m2026-11-23T10:40:38+08:00\x1b[0m \x1b[1m\x1b[31mERR\x1b[0m\x1b[0m \x1b[36mVersion=\x1b[0mlinux:v2.5.1:x \x1b[36mb=\x1b[0m1\n",
        );
        assert_eq!(found.level.as_deref(), Some("error"));
        assert_eq!(found.version.as_deref(), Some("linux:v2.5.1:x"));
        assert_eq!(found.zone_offset_seconds, Some(28_800));
    }

    #[test]
    fn other_lines_begin_nothing() {
        for line in [
            "",
            "{}",
            "{\"time\":\"now\",\"message\":\"\"}",
            "2026-11-23T10:40:38Z",
            "2026-11-23T10:40:38Z info x",
            "[2026-11-23 10:40:38.032] PID:1",
            "\x1b[90m\x1b[",
        ] {
            assert_eq!(line_start(line.as_bytes()), None, "{line:?}");
        }
    }
}
