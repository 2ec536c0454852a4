//! A body, laid out for reading.

use std::io::{self, Read, Write};

use crate::http::body::{Defect, State};
use crate::http::exchange::{Bodies, BodyForm, Message};
use crate::http::view::charset::{Charset, TextDecoder};
use crate::http::view::kind::{self, BodyKind, Format};
use crate::http::view::{form, grpc, json, protobuf, sse};
use crate::render::{escape, hex, human};

/// How much of a body is laid out. What is larger is written as it is.
const LAID_OUT_BYTES: usize = 4 << 20;

/// How many bytes of what is no text are dumped.
const DUMPED_BYTES: usize = 4 << 10;

/// How many bytes are read at once.
const STEP_BYTES: usize = 64 << 10;

/// What is written on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paper {
    /// A terminal, which captured bytes could steer.
    Terminal,
    /// A file or a pipe.
    Plain,
}

/// Writes captured text, of which the terminal gets no more than text.
pub(super) struct Ink {
    escaper: Option<escape::Text>,
    last: Option<u8>,
}

impl Ink {
    pub(super) fn new(paper: Paper) -> Self {
        Self {
            escaper: (paper == Paper::Terminal).then(escape::Text::default),
            last: None,
        }
    }

    pub(super) fn push(&mut self, out: &mut dyn Write, piece: &[u8]) -> io::Result<()> {
        self.last = piece.last().copied().or(self.last);
        match &mut self.escaper {
            Some(text) => text.push(out, piece),
            None => out.write_all(piece),
        }
    }

    /// Ends the text, and its last line.
    pub(super) fn finish(self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(text) = self.escaper {
            text.finish(out)?;
        }
        if self.last.is_some_and(|last| last != b'\n') {
            writeln!(out)?;
        }
        Ok(())
    }
}

/// Writes the body of a message.
pub(super) fn write(
    out: &mut dyn Write,
    message: &Message,
    source: &(impl Bodies + ?Sized),
    paper: Paper,
) -> io::Result<()> {
    let value = |name| {
        let head = message.head.as_ref()?;
        head.values(name).next().map(|value| value.to_vec())
    };
    let content_type = value("content-type");
    let mut body = source.open(message, BodyForm::Decoded)?;
    let mut start = Vec::new();
    body.by_ref()
        .take(LAID_OUT_BYTES as u64)
        .read_to_end(&mut start)?;
    let sample = start.get(..kind::START_BYTES).unwrap_or(&start);
    let kind = kind::kind(content_type.as_deref(), sample);
    let is_all = start.len() < LAID_OUT_BYTES;
    if is_all {
        let encoding = value("grpc-encoding");
        laid_out(
            out,
            &start,
            &kind,
            content_type.as_deref(),
            encoding.as_deref(),
            paper,
        )?;
    } else if kind.is_text {
        text(out, &start, &mut body, content_type.as_deref(), paper)?;
    } else {
        let rest = io::copy(&mut body, &mut io::sink())?;
        dump(out, &start, start.len() as u64 + rest, &kind)?;
    }
    if let State::Partial(defect) = body.state() {
        writeln!(out, "(the body ends here: {})", why(defect))?;
    }
    Ok(())
}

fn why(defect: Defect) -> &'static str {
    match defect {
        Defect::CutOff => "the rest was not captured",
        Defect::Damaged => "what follows does not decode",
        Defect::TooLarge => "it decodes to more than is read of one",
        Defect::UnknownCoding => "its coding is not known",
    }
}

fn laid_out(
    out: &mut dyn Write,
    body: &[u8],
    kind: &BodyKind,
    content_type: Option<&[u8]>,
    encoding: Option<&[u8]>,
    paper: Paper,
) -> io::Result<()> {
    match kind.format {
        Format::Json => {
            let decoded = Charset::of(content_type, body).text(body).text;
            let pretty = json::pretty(&decoded, 4 * LAID_OUT_BYTES).unwrap_or(decoded);
            put(out, pretty.as_bytes(), paper)
        }
        Format::Form => {
            for (name, value) in form::fields(body) {
                writeln!(out, "{} = {}", escape::line(&name), escape::line(&value))?;
            }
            Ok(())
        }
        Format::Multipart => match content_type.and_then(form::boundary) {
            Some(boundary) => parts(out, body, &boundary, paper),
            None => dump(out, body, body.len() as u64, kind),
        },
        Format::EventStream => {
            let mut ink = Ink::new(paper);
            let mut result = Ok(());
            let mut each = |event: sse::Event| {
                if result.is_ok() {
                    result = write_event(out, &mut ink, &event);
                }
            };
            let mut events = sse::Events::new();
            events.push(body, &mut each);
            events.end(&mut each);
            result?;
            ink.finish(out)
        }
        Format::Grpc => {
            let mut found = Vec::new();
            let mut messages = grpc::Messages::new(LAID_OUT_BYTES);
            messages.push(body, &mut |message| found.push(message));
            messages.end(&mut |message| found.push(message));
            for (number, message) in (1..).zip(&found) {
                let (bytes, _) = message.decoded(encoding, LAID_OUT_BYTES);
                writeln!(
                    out,
                    "message {number}, {}",
                    human(u64::from(message.length))
                )?;
                write_protobuf(out, &bytes, 1, paper)?;
            }
            Ok(())
        }
        Format::Protobuf => write_protobuf(out, body, 0, paper),
        Format::Html | Format::Xml | Format::Text => {
            text(out, body, &mut io::empty(), content_type, paper)
        }
        Format::Binary => dump(out, body, body.len() as u64, kind),
    }
}

fn put(out: &mut dyn Write, bytes: &[u8], paper: Paper) -> io::Result<()> {
    let mut ink = Ink::new(paper);
    ink.push(out, bytes)?;
    ink.finish(out)
}

fn text(
    out: &mut dyn Write,
    start: &[u8],
    rest: &mut dyn Read,
    content_type: Option<&[u8]>,
    paper: Paper,
) -> io::Result<()> {
    let mut decoder = TextDecoder::new(Charset::of(content_type, start));
    let mut ink = Ink::new(paper);
    let mut decoded = String::new();
    decoder.push(start, &mut decoded);
    ink.push(out, decoded.as_bytes())?;
    let mut step = vec![0; STEP_BYTES];
    loop {
        let read = rest.read(&mut step)?;
        if read == 0 {
            break;
        }
        decoded.clear();
        decoder.push(step.get(..read).unwrap_or_default(), &mut decoded);
        ink.push(out, decoded.as_bytes())?;
    }
    decoded.clear();
    decoder.end(&mut decoded);
    ink.push(out, decoded.as_bytes())?;
    ink.finish(out)
}

/// Dumps the beginning of what is no text, of which there are `total` bytes.
fn dump(out: &mut dyn Write, bytes: &[u8], total: u64, kind: &BodyKind) -> io::Result<()> {
    writeln!(out, "({}, {})", escape::line(&kind.mime), human(total))?;
    let shown = bytes.get(..DUMPED_BYTES).unwrap_or(bytes);
    let mut dump = hex::Dump::default();
    dump.push(out, shown)?;
    dump.finish(out)?;
    let more = total.saturating_sub(shown.len() as u64);
    if more > 0 {
        writeln!(out, "({more} bytes more: `show --raw` writes all of them)")?;
    }
    Ok(())
}

fn parts(out: &mut dyn Write, body: &[u8], boundary: &[u8], paper: Paper) -> io::Result<()> {
    for (number, part) in form::parts(body, boundary).parts.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        for (name, value) in &part.fields {
            writeln!(out, "{}: {}", escape::bytes(name), escape::bytes(value))?;
        }
        writeln!(out)?;
        let content_type = part.value("content-type");
        let bytes = body.get(part.body.clone()).unwrap_or_default();
        let sample = bytes.get(..kind::START_BYTES).unwrap_or(bytes);
        let kind = kind::kind(content_type, sample);
        if kind.is_text {
            text(out, bytes, &mut io::empty(), content_type, paper)?;
        } else {
            dump(out, bytes, bytes.len() as u64, &kind)?;
        }
    }
    Ok(())
}

fn write_event(out: &mut dyn Write, ink: &mut Ink, event: &sse::Event) -> io::Result<()> {
    for (name, value) in [
        ("event", &event.event),
        ("id", &event.id),
        ("data", &event.data),
    ] {
        let Some(value) = value else { continue };
        for line in value.split(|byte| *byte == b'\n') {
            ink.push(out, name.as_bytes())?;
            ink.push(out, b": ")?;
            ink.push(out, line)?;
            ink.push(out, b"\n")?;
        }
    }
    ink.push(out, b"\n")
}

/// A message of Protocol Buffers, or what it is instead.
fn write_protobuf(out: &mut dyn Write, bytes: &[u8], depth: usize, paper: Paper) -> io::Result<()> {
    let dump = protobuf::dump(bytes);
    if dump.rest.is_empty() {
        protobuf_fields(out, &dump.fields, depth)
    } else {
        text_or_dump(out, bytes, paper)
    }
}

/// Bytes of which nothing is said.
pub(super) fn text_or_dump(out: &mut dyn Write, bytes: &[u8], paper: Paper) -> io::Result<()> {
    let sample = bytes.get(..kind::START_BYTES).unwrap_or(bytes);
    let kind = kind::kind(None, sample);
    if kind.is_text {
        put(out, bytes, paper)
    } else {
        dump(out, bytes, bytes.len() as u64, &kind)
    }
}

fn protobuf_fields(
    out: &mut dyn Write,
    fields: &[protobuf::Field<'_>],
    depth: usize,
) -> io::Result<()> {
    let indent = "  ".repeat(depth);
    for field in fields {
        let number = field.number;
        match &field.value {
            protobuf::Value::Varint(value) | protobuf::Value::Fixed64(value) => {
                writeln!(out, "{indent}{number}: {value}")?;
            }
            protobuf::Value::Fixed32(value) => writeln!(out, "{indent}{number}: {value}")?,
            protobuf::Value::Text(text) => {
                writeln!(out, "{indent}{number}: \"{}\"", escape::line(text))?;
            }
            protobuf::Value::Bytes(bytes) => {
                let shown = bytes.get(..DUMPED_BYTES).unwrap_or(bytes);
                writeln!(out, "{indent}{number}: {}", escape::bytes(shown))?;
            }
            protobuf::Value::Message(fields) | protobuf::Value::Group(fields) => {
                writeln!(out, "{indent}{number}:")?;
                protobuf_fields(out, fields, depth + 1)?;
            }
        }
    }
    Ok(())
}
