//! HTTP/2 (RFC 9113) as far as the traffic needs it: frames written, and listed as eCapture 1.x lists them.
//!
//! Headers are literals without Huffman coding (RFC 7541 section 6.2.2), so that the listing can read them.

use std::io::{self, Write as _};

/// What a client sends first.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types.
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const SETTINGS: u8 = 4;
pub(super) const WINDOW_UPDATE: u8 = 8;

/// Appends the head of a frame.
pub(super) fn frame_head(size: usize, kind: u8, flags: u8, stream: u32, out: &mut Vec<u8>) {
    let size = u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes();
    out.extend(size.iter().skip(1));
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
}

/// Appends a HEADERS frame. Values longer than 126 bytes are cut.
pub(super) fn headers_frame(stream: u32, end: bool, fields: &[(&[u8], &[u8])], out: &mut Vec<u8>) {
    let short = |text: &[u8]| u8::try_from(text.len().min(126)).unwrap_or(126);
    let size = fields
        .iter()
        .map(|(name, value)| 3 + usize::from(short(name)) + usize::from(short(value)))
        .sum();
    frame_head(size, HEADERS, if end { 5 } else { 4 }, stream, out);
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            out.push(short(text));
            out.extend(text.iter().take(usize::from(short(text))));
        }
    }
}

struct Frame<'a> {
    kind: u8,
    stream: u32,
    body: &'a [u8],
}

/// Takes the next whole frame off `bytes`.
fn next_frame<'a>(bytes: &mut &'a [u8]) -> Option<Frame<'a>> {
    let (head, rest) = bytes.split_first_chunk::<9>()?;
    let [high, middle, low, kind, _, stream @ ..] = *head;
    let size = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
    let (body, rest) = rest.split_at_checked(size)?;
    *bytes = rest;
    Some(Frame {
        kind,
        stream: u32::from_be_bytes(stream),
        body,
    })
}

/// Whether `bytes` begin with a whole frame of a known type.
pub(super) fn looks_like_frames(mut bytes: &[u8]) -> bool {
    next_frame(&mut bytes).is_some_and(|frame| frame.kind <= 9 && frame.stream < 1 << 31)
}

/// eCapture 1.x's prose. An incomplete frame at the end is dropped, as there.
pub(super) fn listing(bytes: &[u8]) -> Vec<u8> {
    let mut rest = bytes.strip_prefix(PREFACE).unwrap_or(bytes);
    let mut out = Vec::with_capacity(bytes.len() * 2);
    while let Some(frame) = next_frame(&mut rest) {
        list(&frame, &mut out).expect("a Vec takes everything");
    }
    out
}

fn list(frame: &Frame<'_>, out: &mut Vec<u8>) -> io::Result<()> {
    let name = match frame.kind {
        DATA => "DATA",
        HEADERS => "HEADERS",
        SETTINGS => "SETTINGS",
        WINDOW_UPDATE => "WINDOW_UPDATE",
        _ => "UNKNOWN",
    };
    let (stream, size) = (frame.stream, frame.body.len());
    write!(
        out,
        "\nFrame Type\t=>\t{name}\nFrame StreamID\t=>\t{stream}\n"
    )?;
    if !matches!(frame.kind, DATA | HEADERS) {
        return Ok(());
    }
    writeln!(out, "Frame Length\t=>\t{size}")?;
    if frame.kind == DATA {
        out.extend_from_slice(frame.body);
        return writeln!(out);
    }
    let mut rest = frame.body;
    while let Some((&0, field)) = rest.split_first() {
        let Some((name, field)) = literal(field) else {
            break;
        };
        let Some((value, field)) = literal(field) else {
            break;
        };
        let (name, value) = (name.escape_ascii(), value.escape_ascii());
        writeln!(out, "header field \"{name}\" = \"{value}\"")?;
        rest = field;
    }
    Ok(())
}

/// A string shorter than 127 bytes without Huffman coding, and what follows it.
fn literal(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*size))
}
