//! A listing of HTTP/2 without its secrets, as long as it was: taken apart as `http::h2` reads it.
//!
//! - **Fields** are looked at as what their quotes stand for, each by itself. What is covered is whole escapes, and what stands
//!   there needs none but for the quotes of JSON, so it is quoted as before.
//! - **Data** is looked at if its stream's head stands before it in the listing and says that it is text, as is what eCapture
//!   decoded. All other data has `*` in its place: it goes on from another listing, or is coded or multipart, or no text.
//! - **What is no listing**, or not certain, is left out, and all that follows it: a line of a field that is none or cut off, a
//!   line that is too long, data that no frame follows, and what comes behind a header block that eCapture could not read,
//!   where fields may go under wrong names.
//!
//! Each listing is one by itself.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::Tools;
use super::covers::Covers;
use super::framing::{self, TextSort};
use super::text::{Text, is_text};
use crate::http::h2::{self, Data, ListedField};

/// How long a line may be, in bytes.
const LINE_BYTES: usize = 256 << 10;
/// How many streams of a listing are known. The data of others is covered.
const STREAMS: usize = 128;

const TYPE: &[u8] = b"Frame Type\t=>\t";
const STREAM: &[u8] = b"Frame StreamID\t=>\t";
const LENGTH: &[u8] = b"Frame Length\t=>\t";
const MERGED: &[u8] = b"Merged Data Frame, StreamID\t=>\t";
const MERGED_LENGTH: &[u8] = b"Merged Data Frame, Final Length\t=>\t";
const FIELD: &[u8] = b"header field ";
/// What stands in place of data that eCapture gives later.
const PARTIAL: &[u8] = b"Partial entity body with gzip encoding";
/// What stands in place of a header block that it could not read.
const UNREAD: [&[u8]; 2] = [b"Incorrect HPACK context", b"Not Supported HEADERS Frame"];

/// What a frame is, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Headers,
    Data,
    Merged,
    Other,
}

/// What a header block says of the body that follows it.
#[derive(Debug, Default)]
struct Head {
    coding: Vec<u8>,
    content_type: Vec<u8>,
    /// Whether it begins a message: trailers do not.
    begins: bool,
    has_tunnel: bool,
}

/// The body of a stream.
#[derive(Debug)]
struct Body {
    /// Whether data of it is left out, up to where it stands decoded.
    is_coded: bool,
    sort: Option<TextSort>,
    text: Option<Box<Text>>,
}

/// A listing on its way.
struct Walk<'a, 't, 'c> {
    tools: &'a Tools<'t>,
    payload: &'a [u8],
    covers: &'c mut Covers,
    kind: Kind,
    stream: u32,
    head: Option<Head>,
    bodies: BTreeMap<u32, Body>,
}

/// Adds what is to be covered of a listing, and gives how many bytes of it can be kept.
pub(super) fn listing(tools: &Tools<'_>, payload: &[u8], covers: &mut Covers) -> usize {
    let mut walk = Walk {
        tools,
        payload,
        covers,
        kind: Kind::Other,
        stream: 0,
        head: None,
        bodies: BTreeMap::new(),
    };
    let mut at = 0;
    while at < payload.len() {
        match walk.line(at) {
            Ok(next) => at = next,
            Err(kept) => return kept,
        }
    }
    payload.len()
}

impl Walk<'_, '_, '_> {
    /// Reads the line at `at` and the data that follows it. Gives where the next one begins, or up to where the listing can be
    /// kept if that is all.
    fn line(&mut self, at: usize) -> Result<usize, usize> {
        let rest = self.payload.get(at..).unwrap_or_default();
        let window = rest.get(..=LINE_BYTES).unwrap_or(rest);
        let end = memchr::memchr(b'\n', window);
        if end.is_none() && rest.len() > LINE_BYTES {
            return Err(at);
        }
        let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let next = at + (line.len() + 1).min(rest.len());
        if !is_text(line) {
            return Err(at);
        }
        if let Some(kind) = line.strip_prefix(TYPE) {
            self.close();
            self.stream = 0;
            self.kind = match kind {
                b"HEADERS" => Kind::Headers,
                b"DATA" => Kind::Data,
                _ => Kind::Other,
            };
            return is_word(kind).then_some(next).ok_or(at);
        }
        if let Some(stream) = line.strip_prefix(STREAM) {
            self.stream = h2::number(stream).ok_or(at)?;
            return Ok(next);
        }
        if let Some(stream) = line.strip_prefix(MERGED) {
            self.close();
            self.kind = Kind::Merged;
            self.stream = h2::number(stream).ok_or(at)?;
            return Ok(next);
        }
        if let Some(length) = line
            .strip_prefix(LENGTH)
            .or(line.strip_prefix(MERGED_LENGTH))
        {
            let length = h2::number(length).ok_or(at)?;
            return self.length(length, next);
        }
        if line.starts_with(FIELD) {
            // A line that is cut off is no field to anyone who reads the listing.
            let field = ListedField::read(line).filter(|_| end.is_some());
            return match (field, self.head.is_some()) {
                (Some(field), true) => {
                    self.field(&field, at);
                    Ok(next)
                }
                _ => Err(at),
            };
        }
        if line.is_empty() {
            if self.kind == Kind::Headers {
                self.close();
            }
            return Ok(next);
        }
        Text::new(false).push(self.tools, at, line, self.covers);
        if UNREAD.iter().any(|unread| line.starts_with(unread)) {
            return Err(next);
        }
        Ok(next)
    }

    /// The length of a frame comes before its content, which begins at `at`.
    fn length(&mut self, length: usize, at: usize) -> Result<usize, usize> {
        let rest = self.payload.get(at..).unwrap_or_default();
        match self.kind {
            Kind::Other => return Ok(at),
            _ if self.stream == 0 => return Err(at),
            Kind::Headers => {
                self.head = Some(Head::default());
                return Ok(at);
            }
            Kind::Data | Kind::Merged => {}
        }
        let is_merged = self.kind == Kind::Merged;
        self.kind = Kind::Other;
        let body = self.bodies.get_mut(&self.stream);
        if !is_merged && body.as_ref().is_some_and(|body| body.is_coded) {
            // Nothing of it is here.
            return rest.starts_with(PARTIAL).then_some(at).ok_or(at);
        }
        let (start, bytes) = if is_merged {
            let start = at + usize::from(rest.starts_with(b"\n"));
            (start, length.min(self.payload.len().saturating_sub(start)))
        } else {
            match h2::data(rest, length) {
                Data::Bytes(bytes) => (at, bytes),
                Data::Cut => (at, rest.len()),
                Data::Broken => return Err(at),
            }
        };
        let end = start + bytes;
        let content = self.payload.get(start..end).unwrap_or_default();
        let is_seen = body.is_some_and(|body| {
            (is_merged || !body.is_coded) && body.push(self.tools, start, content, self.covers)
        });
        if !is_seen {
            self.covers.hide(&(start..end));
        }
        // The line break behind data is not of it; behind what was decoded it is a line of its own.
        let has_end = !is_merged && end < self.payload.len();
        Ok(end + usize::from(has_end))
    }

    /// A field of the header block that is open; its line begins at `at`.
    fn field(&mut self, field: &ListedField, at: usize) {
        let value = &field.value;
        let mut found = Covers::default();
        // There is one line, whatever it says.
        let shown = value.plain.iter().map(|byte| match byte {
            b'\n' | b'\r' => b' ',
            other => *other,
        });
        let line: Vec<u8> = shown.chain(std::iter::once(b'\n')).collect();
        let mut text = Text::of_field(self.tools.rules, &field.name);
        text.push(self.tools, 0, &line, &mut found);
        self.covers.set_base(at + field.value_start);
        self.covers
            .add_written(found, value.plain.len(), &|range| value.written(range));
        let Some(head) = &mut self.head else { return };
        match &field.name[..] {
            b":method" => {
                head.begins = true;
                head.has_tunnel |= value.plain == b"CONNECT";
            }
            b":status" => {
                head.begins = true;
                head.has_tunnel |= value.plain == b"101";
            }
            // The last one counts (`http2_request.go:139@v1.5.2`).
            b"content-encoding" => head.coding.clone_from(&value.plain),
            b"content-type" => head.content_type.clone_from(&value.plain),
            _ => {}
        }
    }

    /// The header block that is open is over.
    fn close(&mut self) {
        let Some(head) = self.head.take() else { return };
        let is_known = self.bodies.contains_key(&self.stream);
        if !head.begins {
            if !head.coding.is_empty() {
                // Trailers say nothing of how the body is coded, but they do here.
                self.bodies.remove(&self.stream);
            }
            return;
        }
        if !is_known && self.bodies.len() >= STREAMS {
            return;
        }
        // Only that is given decoded.
        let is_coded = head.coding == b"gzip";
        let coding = if is_coded { &[][..] } else { &head.coding };
        let sort = framing::text_sort(coding, &head.content_type).filter(|_| !head.has_tunnel);
        let body = Body {
            is_coded,
            sort,
            text: None,
        };
        self.bodies.insert(self.stream, body);
    }
}

impl Body {
    /// The next piece of it, which begins at `base`: whether it can be looked into.
    fn push(&mut self, tools: &Tools<'_>, base: usize, piece: &[u8], covers: &mut Covers) -> bool {
        if piece.is_empty() {
            return true;
        }
        let Some(sort) = self.sort.filter(|_| is_text(piece)) else {
            self.sort = None;
            return false;
        };
        let text = self.text.get_or_insert_with(|| {
            let is_form = sort.is_form || sort.may_be_form && framing::begins_as_form(piece);
            Box::new(Text::new(is_form))
        });
        text.push(tools, base, piece, covers);
        true
    }
}

/// Whether this names a sort of frames and nothing else.
fn is_word(kind: &[u8]) -> bool {
    kind.iter()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
}
