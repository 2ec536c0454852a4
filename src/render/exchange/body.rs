//! A body, laid out for reading.

use std::io::{self, Read, Write};

use crate::http::body::{Defect, State};
use crate::http::decode::BodyRead;
use crate::http::exchange::{Bodies, BodyForm, Message};
use crate::http::view::charset::{Charset, TextDecoder};
use crate::http::view::kind::{self, BodyKind, Format};
use crate::http::view::{form, grpc, json, protobuf, sse};
use crate::render::{Bounded, Paper, escape, hex, human};

/// How large a body may be of which more than text and JSON is laid out; those are as they come. A larger one is written
/// as it is.
const LAID_OUT_BYTES: usize = 4 << 20;

/// How many bytes of what is no text are dumped, unless all is asked for.
const DUMPED_BYTES: usize = 4 << 10;

/// How many bytes are read at once.
const STEP_BYTES: usize = 64 << 10;

/// How many bytes of JSON are laid out at once.
const JSON_STEP_BYTES: usize = 4 << 10;

/// Writes captured text, of which the terminal gets no more than text.
pub(super) struct Ink {
    escaper: Option<escape::Text>,
    last: Option<u8>,
}

impl Ink {
    pub(super) fn new(paper: Paper) -> Self {
        Self {
            escaper: paper.is_terminal.then(escape::Text::default),
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

/// A body that is being read, and how much of it was.
struct Counted<'a> {
    body: Box<dyn BodyRead + 'a>,
    bytes: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(buffer)?;
        self.bytes = self.bytes.saturating_add(read as u64);
        Ok(read)
    }
}

/// Writes the body of a message, or as much of it as is shown.
pub(super) fn write(
    out: &mut dyn Write,
    message: &Message,
    source: &(impl Bodies + ?Sized),
    paper: Paper,
) -> io::Result<()> {
    let mut body = Counted {
        body: source.open(message, BodyForm::Decoded)?,
        bytes: 0,
    };
    let mut bounded = Bounded::new(out, paper);
    let result = write_shown(&mut bounded, message, &mut body, paper);
    let is_cut = bounded.is_cut();
    if is_cut {
        bounded.end_line()?;
        io::copy(&mut body, &mut io::sink())?;
    } else {
        result?;
    }
    let end = match body.body.state() {
        State::Partial(defect) => Some(why(defect)),
        _ => None,
    };
    match (is_cut, end) {
        (false, None) => Ok(()),
        (false, Some(end)) => writeln!(out, "(the body ends here: {end})"),
        (true, end) => {
            let end = end.map_or_else(String::new, |end| format!(", after which {end}"));
            let all = human(body.bytes);
            writeln!(
                out,
                "(cut here, of {all}{end}: `--full` shows all of it, and `--raw` writes it)"
            )
        }
    }
}

fn write_shown(
    out: &mut dyn Write,
    message: &Message,
    body: &mut dyn Read,
    paper: Paper,
) -> io::Result<()> {
    let value = |name| {
        let head = message.head.as_ref()?;
        head.values(name).next().map(|value| value.to_vec())
    };
    let content_type = value("content-type");
    let content_type = content_type.as_deref();
    let mut start = Vec::new();
    Read::take(&mut *body, LAID_OUT_BYTES as u64).read_to_end(&mut start)?;
    let sample = start.get(..kind::START_BYTES).unwrap_or(&start);
    let kind = kind::kind(content_type, sample);
    if start.len() < LAID_OUT_BYTES {
        let encoding = value("grpc-encoding");
        return laid_out(out, &start, &kind, content_type, encoding.as_deref(), paper);
    }
    match kind.format {
        Format::Json => json_text(out, &start, body, content_type, paper),
        Format::Html | Format::Xml | Format::Text => text(out, &start, body, content_type, paper),
        format => {
            if format != Format::Binary {
                writeln!(
                    out,
                    "(more than {}: as it was sent)",
                    human(LAID_OUT_BYTES as u64)
                )?;
            }
            if kind.is_text {
                text(out, &start, body, content_type, paper)
            } else {
                dump(out, &start, body, &kind, paper)
            }
        }
    }
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
            if json::may_be(decoded.as_bytes()) {
                json_text(out, body, &mut io::empty(), content_type, paper)
            } else {
                put(out, decoded.as_bytes(), paper)
            }
        }
        Format::Form => {
            for (name, value) in form::fields(body) {
                writeln!(out, "{} = {}", escape::line(&name), escape::line(&value))?;
            }
            Ok(())
        }
        Format::Multipart => match content_type.and_then(form::boundary) {
            Some(boundary) => parts(out, body, &boundary, paper),
            None => dump(out, body, &mut io::empty(), kind, paper),
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
        Format::Binary => dump(out, body, &mut io::empty(), kind, paper),
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
    let mut ink = Ink::new(paper);
    each_decoded(start, rest, content_type, &mut |decoded| {
        ink.push(out, decoded.as_bytes())
    })?;
    ink.finish(out)
}

/// JSON, laid out as far as it is that; what follows stands as it was sent.
fn json_text(
    out: &mut dyn Write,
    start: &[u8],
    rest: &mut dyn Read,
    content_type: Option<&[u8]>,
    paper: Paper,
) -> io::Result<()> {
    let mut layout = json::Layout::new();
    let mut laid_out = Vec::new();
    let mut ink = Ink::new(paper);
    let mut is_json = true;
    each_decoded(start, rest, content_type, &mut |decoded| {
        for piece in decoded.as_bytes().chunks(JSON_STEP_BYTES) {
            if !is_json {
                ink.push(out, piece)?;
                continue;
            }
            laid_out.clear();
            let taken = layout.push_json(piece, &mut laid_out);
            ink.push(out, &laid_out)?;
            if taken < piece.len() {
                is_json = false;
                std::mem::replace(&mut ink, Ink::new(paper)).finish(out)?;
                writeln!(out, "(from here on it is no JSON: as it was sent)")?;
                ink.push(out, piece.get(taken..).unwrap_or_default())?;
            }
        }
        Ok(())
    })?;
    ink.finish(out)
}

/// Gives the text of a body to `each`, piece by piece.
fn each_decoded(
    start: &[u8],
    rest: &mut dyn Read,
    content_type: Option<&[u8]>,
    each: &mut dyn FnMut(&str) -> io::Result<()>,
) -> io::Result<()> {
    let mut decoder = TextDecoder::new(Charset::of(content_type, start));
    let mut decoded = String::new();
    for piece in start.chunks(STEP_BYTES) {
        decoded.clear();
        decoder.push(piece, &mut decoded);
        each(&decoded)?;
    }
    let mut step = vec![0; STEP_BYTES];
    loop {
        let read = rest.read(&mut step)?;
        if read == 0 {
            break;
        }
        decoded.clear();
        decoder.push(step.get(..read).unwrap_or_default(), &mut decoded);
        each(&decoded)?;
    }
    decoded.clear();
    decoder.end(&mut decoded);
    each(&decoded)
}

/// Dumps what is no text: its beginning, or all of it.
fn dump(
    out: &mut dyn Write,
    start: &[u8],
    rest: &mut dyn Read,
    kind: &BodyKind,
    paper: Paper,
) -> io::Result<()> {
    let mime = escape::line(&kind.mime);
    let mut dump = hex::Dump::default();
    if paper.is_full {
        writeln!(out, "({mime})")?;
        dump.push(out, start)?;
        let mut step = vec![0; STEP_BYTES];
        loop {
            let read = rest.read(&mut step)?;
            if read == 0 {
                return dump.finish(out);
            }
            dump.push(out, step.get(..read).unwrap_or_default())?;
        }
    }
    let total = start.len() as u64 + io::copy(rest, &mut io::sink())?;
    writeln!(out, "({mime}, {})", human(total))?;
    let shown = start.get(..DUMPED_BYTES).unwrap_or(start);
    dump.push(out, shown)?;
    dump.finish(out)?;
    let more = total.saturating_sub(shown.len() as u64);
    if more > 0 {
        writeln!(
            out,
            "({more} bytes more: `--full` shows all of them, and `show --raw` writes them)"
        )?;
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
            dump(out, bytes, &mut io::empty(), &kind, paper)?;
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
        dump(out, bytes, &mut io::empty(), &kind, paper)
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
                let more = bytes.len() - shown.len();
                write!(out, "{indent}{number}: {}", escape::bytes(shown))?;
                if more > 0 {
                    write!(out, "… ({more} bytes more)")?;
                }
                writeln!(out)?;
            }
            protobuf::Value::Message(fields) | protobuf::Value::Group(fields) => {
                writeln!(out, "{indent}{number}:")?;
                protobuf_fields(out, fields, depth + 1)?;
            }
        }
    }
    Ok(())
}
