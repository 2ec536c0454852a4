//! What a body is: its media type, whether it is text, and how a file with it is named.
//!
//! Judged by the bytes first, since what is said of them is often wrong, and by `Content-Type` where they do not tell.
//! An extension is one to eight small letters and digits, whatever was said.

use std::borrow::Cow;

use super::{json, media_type};

/// How many bytes at the beginning of a body are enough to tell.
pub const START_BYTES: usize = 8 << 10;
/// How long a media type may be that is given as it was said, in bytes (RFC 6838, section 4.2).
const MEDIA_TYPE_BYTES: usize = 255;

/// What a body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyKind {
    /// The media type, in lower case and without parameters.
    pub mime: Cow<'static, str>,
    /// What a file's name ends with, behind the dot.
    pub extension: &'static str,
    /// Whether it is text, in whatever encoding.
    pub is_text: bool,
    /// How it is read.
    pub format: Format,
}

/// How a body can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON, or lines of JSON: [`super::json`].
    Json,
    /// A form: [`super::form::fields`].
    Form,
    /// Parts behind each other: [`super::form::parts`].
    Multipart,
    /// Server-sent events: [`super::sse`].
    EventStream,
    /// Messages of gRPC: [`super::grpc`].
    Grpc,
    /// A message of Protocol Buffers: [`super::protobuf`].
    Protobuf,
    /// HTML.
    Html,
    /// XML of any kind.
    Xml,
    /// Other text.
    Text,
    /// Bytes.
    Binary,
}

impl Format {
    fn is_text(self) -> bool {
        !matches!(
            self,
            Self::Binary | Self::Grpc | Self::Protobuf | Self::Multipart
        )
    }
}

/// Media types that are said rather than seen, or have another extension than their subtype.
const KNOWN: [(&str, &str, Format); 36] = [
    ("application/json", "json", Format::Json),
    ("application/x-ndjson", "jsonl", Format::Json),
    ("application/jsonl", "jsonl", Format::Json),
    ("application/x-www-form-urlencoded", "txt", Format::Form),
    ("multipart/form-data", "txt", Format::Multipart),
    ("text/event-stream", "txt", Format::EventStream),
    ("application/grpc", "bin", Format::Grpc),
    ("application/protobuf", "pb", Format::Protobuf),
    ("application/x-protobuf", "pb", Format::Protobuf),
    ("application/vnd.google.protobuf", "pb", Format::Protobuf),
    ("text/html", "html", Format::Html),
    ("application/xhtml+xml", "xhtml", Format::Xml),
    ("application/xml", "xml", Format::Xml),
    ("text/xml", "xml", Format::Xml),
    ("image/svg+xml", "svg", Format::Xml),
    ("text/plain", "txt", Format::Text),
    ("text/css", "css", Format::Text),
    ("text/csv", "csv", Format::Text),
    ("text/markdown", "md", Format::Text),
    ("text/calendar", "ics", Format::Text),
    ("text/javascript", "js", Format::Text),
    ("application/javascript", "js", Format::Text),
    ("application/x-javascript", "js", Format::Text),
    ("application/graphql", "graphql", Format::Text),
    ("application/yaml", "yaml", Format::Text),
    ("application/x-yaml", "yaml", Format::Text),
    ("application/toml", "toml", Format::Text),
    ("application/sql", "sql", Format::Text),
    ("application/x-sh", "sh", Format::Text),
    ("application/dns-message", "bin", Format::Binary),
    ("application/dns-json", "json", Format::Json),
    ("application/msgpack", "bin", Format::Binary),
    ("application/cbor", "cbor", Format::Binary),
    ("application/octet-stream", "bin", Format::Binary),
    ("application/vnd.apple.mpegurl", "m3u8", Format::Text),
    ("application/dash+xml", "mpd", Format::Xml),
];

/// Media types whose mark is text; of other marks, what is text is not taken for one.
const MARKED_TEXT: [&str; 6] = [
    "application/pdf",
    "application/rtf",
    "application/postscript",
    "application/x-x509-ca-cert",
    "text/html",
    "text/x-shellscript",
];

/// What a body is that begins with `start` and is said to be of `content_type`. [`START_BYTES`] are looked at.
pub fn kind(content_type: Option<&[u8]>, start: &[u8]) -> BodyKind {
    let start = start.get(..START_BYTES).unwrap_or(start);
    let said = content_type
        .and_then(media_type::essence)
        .filter(|said| said.len() <= MEDIA_TYPE_BYTES)
        .map(said);
    if start.is_empty() {
        return said.unwrap_or_else(|| known("application/octet-stream", "bin", Format::Binary));
    }
    if is_text(start, said.as_ref().is_some_and(|said| said.is_text)) {
        text_kind(said, start)
    } else {
        binary_kind(said, start)
    }
}

/// What a body that begins with `start` is by these bytes alone, if they have the mark of something. What is said of it
/// decides only whether it is text, as text can begin with what looks like a mark of something else.
pub fn recognized(content_type: Option<&[u8]>, start: &[u8]) -> Option<BodyKind> {
    let start = start.get(..START_BYTES).unwrap_or(start);
    let said = content_type.and_then(media_type::essence).map(said);
    if start.is_empty() {
        return None;
    }
    if is_text(start, said.as_ref().is_some_and(|said| said.is_text)) {
        let has_no_mark =
            |said: &BodyKind| matches!(said.format, Format::Multipart | Format::EventStream);
        let found = seen(start)?;
        let is_told = |said: &BodyKind| has_no_mark(said) || is_xml_after_all(said, &found, start);
        return (!said.as_ref().is_some_and(is_told)).then_some(found);
    }
    if said.as_ref().is_some_and(is_framed) {
        return None;
    }
    marked(start)
}

fn known(mime: &'static str, extension: &'static str, format: Format) -> BodyKind {
    BodyKind {
        mime: Cow::Borrowed(mime),
        extension,
        is_text: format.is_text(),
        format,
    }
}

/// What is said of a body.
fn said(essence: String) -> BodyKind {
    if let Some((mime, extension, format)) = KNOWN.iter().find(|(known, ..)| *known == essence) {
        return known(mime, extension, *format);
    }
    let (extension, format) = if essence.ends_with("+json") {
        ("json", Format::Json)
    } else if essence.ends_with("+xml") {
        ("xml", Format::Xml)
    } else if essence.starts_with("application/grpc+") {
        ("bin", Format::Grpc)
    } else if essence.ends_with("+protobuf") {
        ("pb", Format::Protobuf)
    } else if essence.starts_with("multipart/") {
        ("txt", Format::Multipart)
    } else if essence.starts_with("text/") {
        ("txt", Format::Text)
    } else {
        ("bin", Format::Binary)
    };
    BodyKind {
        mime: Cow::Owned(essence),
        extension,
        is_text: format.is_text(),
        format,
    }
}

fn binary_kind(said: Option<BodyKind>, start: &[u8]) -> BodyKind {
    if let Some(said) = said.as_ref().filter(|said| is_framed(said)) {
        return said.clone();
    }
    if let Some(found) = marked(start) {
        return found;
    }
    said.filter(|said| !said.is_text)
        .unwrap_or_else(|| known("application/octet-stream", "bin", Format::Binary))
}

/// These have no mark, and what they begin with may be that of another.
fn is_framed(said: &BodyKind) -> bool {
    matches!(
        said.format,
        Format::Multipart | Format::Grpc | Format::Protobuf
    )
}

/// What bytes are by the mark at their beginning.
fn marked(start: &[u8]) -> Option<BodyKind> {
    let found = infer::get(start)?;
    Some(known(
        found.mime_type(),
        safe(found.extension()),
        Format::Binary,
    ))
}

fn text_kind(said: Option<BodyKind>, start: &[u8]) -> BodyKind {
    let plain = || known("text/plain", "txt", Format::Text);
    match (said, seen(start)) {
        (Some(said), Some(seen)) if said.format == seen.format => said,
        (Some(said), Some(seen)) if is_xml_after_all(&said, &seen, start) => said,
        // Of these, some begin with what looks like a mark of others.
        (Some(said), _) if matches!(said.format, Format::Multipart | Format::EventStream) => said,
        (_, Some(seen)) => seen,
        (Some(said), None) if said.format == Format::Json && !json::may_be(start) => plain(),
        // Other text has no mark, or not at its beginning.
        (Some(said), None) if said.is_text => said,
        (_, None) => plain(),
    }
}

/// Whether what looks like HTML is XML, as it is said: many elements of XML have names that HTML has, such as `<a>`.
fn is_xml_after_all(said: &BodyKind, seen: &BodyKind, start: &[u8]) -> bool {
    let start = start.trim_ascii_start();
    let is_document = [&b"<!doctype html"[..], b"<html"].iter().any(|mark| {
        start
            .get(..mark.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(mark))
    });
    (said.format, seen.format) == (Format::Xml, Format::Html) && !is_document
}

/// What text is by its first characters.
fn seen(start: &[u8]) -> Option<BodyKind> {
    let found = infer::get(start).filter(|found| MARKED_TEXT.contains(&found.mime_type()));
    if let Some(found) = found {
        let format = match found.mime_type() {
            "text/html" => Format::Html,
            "application/pdf" => Format::Binary,
            _ => Format::Text,
        };
        return Some(known(found.mime_type(), safe(found.extension()), format));
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    if json::is_start(text) {
        return Some(known("application/json", "json", Format::Json));
    }
    let text = text.trim_ascii_start();
    let begins = |mark: &[u8]| {
        text.get(..mark.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(mark))
    };
    if begins(b"<?xml") {
        let is_svg = memchr::memmem::find(text, b"<svg").is_some();
        return Some(if is_svg {
            known("image/svg+xml", "svg", Format::Xml)
        } else {
            known("application/xml", "xml", Format::Xml)
        });
    }
    if begins(b"<svg") {
        return Some(known("image/svg+xml", "svg", Format::Xml));
    }
    None
}

/// Whether text begins so: UTF-8 or UTF-16 with its mark, or some other encoding if it is said to be text.
fn is_text(start: &[u8], is_said: bool) -> bool {
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return is_said || start.get(2..).is_some_and(|rest| rest.contains(&0));
    }
    // WHATWG MIME Sniffing, section 3: no text has these.
    let is_binary = |byte: &u8| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    if start.iter().any(is_binary) {
        return false;
    }
    is_said
        || std::str::from_utf8(start).map_or_else(
            |error| error.error_len().is_none() && error.valid_up_to() > 0,
            |_| true,
        )
}

/// The extension, if it is one that every file system takes.
fn safe(extension: &'static str) -> &'static str {
    match extension {
        // `compress` names its files so; not every file system tells it from `z`.
        "Z" => "z",
        _ if (1..=8).contains(&extension.len())
            && extension
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) =>
        {
            extension
        }
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (
        &'static str,
        &'static [u8],
        &'static str,
        &'static str,
        Format,
    );

    /// What is said, how the body begins, and what it is.
    const KINDS: &[Row] = &[
        (
            "",
            b"\x89PNG\r\n\x1a\n\0\0",
            "image/png",
            "png",
            Format::Binary,
        ),
        (
            "text/html",
            b"\x89PNG\r\n\x1a\n\0\0",
            "image/png",
            "png",
            Format::Binary,
        ),
        (
            "image/png",
            b"<html><body>",
            "text/html",
            "html",
            Format::Html,
        ),
        (
            "application/xml",
            b"<a><b>c</b></a>",
            "application/xml",
            "xml",
            Format::Xml,
        ),
        (
            "application/xml",
            b"<!DOCTYPE HTML><a>",
            "text/html",
            "html",
            Format::Html,
        ),
        (
            "text/plain",
            b"{\"a\": [1, 2",
            "application/json",
            "json",
            Format::Json,
        ),
        (
            "application/vnd.api+json",
            b"{\"a\":1}",
            "application/vnd.api+json",
            "json",
            Format::Json,
        ),
        (
            "application/json",
            b"not json",
            "text/plain",
            "txt",
            Format::Text,
        ),
        (
            "application/json",
            b"\"text\"",
            "application/json",
            "json",
            Format::Json,
        ),
        (
            "application/x-ndjson",
            b"{}\n{}\n",
            "application/x-ndjson",
            "jsonl",
            Format::Json,
        ),
        (
            "",
            b"<?xml version='1.0'?><a/>",
            "application/xml",
            "xml",
            Format::Xml,
        ),
        (
            "image/svg+xml",
            b"<svg xmlns=''>",
            "image/svg+xml",
            "svg",
            Format::Xml,
        ),
        (
            "application/x-www-form-urlencoded",
            b"a=1&b=2",
            "application/x-www-form-urlencoded",
            "txt",
            Format::Form,
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\n\0",
            "multipart/form-data",
            "txt",
            Format::Multipart,
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\n",
            "multipart/form-data",
            "txt",
            Format::Multipart,
        ),
        (
            "text/event-stream",
            b"data: 1\n\n",
            "text/event-stream",
            "txt",
            Format::EventStream,
        ),
        (
            "application/grpc+proto",
            b"\0\0\0\0\x05abcde",
            "application/grpc+proto",
            "bin",
            Format::Grpc,
        ),
        (
            "application/x-protobuf",
            b"\x08\x96\x01",
            "application/x-protobuf",
            "pb",
            Format::Protobuf,
        ),
        (
            "text/css; charset=utf-8",
            b"a { b: c }",
            "text/css",
            "css",
            Format::Text,
        ),
        (
            "",
            b"BM is how this text begins",
            "text/plain",
            "txt",
            Format::Text,
        ),
        ("", b"MZ too", "text/plain", "txt", Format::Text),
        ("", b"%PDF-1.4\n", "application/pdf", "pdf", Format::Binary),
        (
            "",
            b"\x1f\x8b\x08\0\0\0",
            "application/gzip",
            "gz",
            Format::Binary,
        ),
        (
            "",
            b"\x1f\x9d\x90",
            "application/x-compress",
            "z",
            Format::Binary,
        ),
        ("text/plain", b"gr\xfcn", "text/plain", "txt", Format::Text),
        (
            "",
            b"gr\xfcn",
            "application/octet-stream",
            "bin",
            Format::Binary,
        ),
        ("", b"gr\xc3", "text/plain", "txt", Format::Text),
        ("", b"\xff\xfea\0", "text/plain", "txt", Format::Text),
        (
            "application/x-foo; a=b",
            b"\0\x01\x02",
            "application/x-foo",
            "bin",
            Format::Binary,
        ),
        (
            "image/../../x",
            b"\0\x01\x02",
            "application/octet-stream",
            "bin",
            Format::Binary,
        ),
        (
            "text/html",
            b"\0\x01\x02",
            "application/octet-stream",
            "bin",
            Format::Binary,
        ),
        ("text/html", b"", "text/html", "html", Format::Html),
        ("", b"", "application/octet-stream", "bin", Format::Binary),
    ];

    #[test]
    fn tells_kinds() {
        for (content_type, start, mime, extension, format) in KINDS {
            let found = kind(Some(content_type.as_bytes()), start);
            let shown = String::from_utf8_lossy(start);
            let facts = (&&*found.mime, &found.extension, &found.format);
            assert_eq!(facts, (mime, extension, format), "{content_type} {shown}");
        }
    }

    #[test]
    fn extensions_are_safe() {
        for (mime, extension, _) in KNOWN {
            assert_eq!(safe(extension), extension, "{mime}");
            assert_eq!(media_type::essence(mime.as_bytes()).as_deref(), Some(mime));
        }
        for extension in ["", "tar.gz", "../x", "toolongext", "PNG"] {
            assert_eq!(safe(extension), "bin");
        }
    }
}
