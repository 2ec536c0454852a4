//! What 1.x makes of a payload before it sends it, wire.md section 1.3.
//!
//! Left out: gzip stays as it is, and the accidents (text taken for HTTP/2, a preface lost at random).

use std::io::Write as _;

use super::http2;

/// The `type` and the rendering of one burst.
pub(super) fn render(bytes: &[u8]) -> (u32, Vec<u8>) {
    if bytes.starts_with(http2::PREFACE) {
        return (2, http2::listing(bytes));
    }
    if bytes.starts_with(b"HTTP/1.") {
        if let Some(message) = reserialize(bytes) {
            return (3, message);
        }
    } else if let Some(message) = request_line(bytes).then(|| reserialize(bytes)).flatten() {
        return (1, message);
    }
    if http2::looks_like_frames(bytes) {
        // The parser for requests is asked first only where the preface shows one.
        return (4, http2::listing(bytes));
    }
    match bytes.first() {
        Some(32..=126) => {
            let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            (0, text.to_vec())
        }
        Some(_) => (0, go_hex_dump(bytes)),
        None => (0, Vec::new()),
    }
}

/// Whether the first line ends as that of a request.
fn request_line(bytes: &[u8]) -> bool {
    let line = bytes
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0")
}

/// An HTTP/1 message with its headers sorted, the body de-chunked.
fn reserialize(bytes: &[u8]) -> Option<Vec<u8>> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (bytes.get(..end)?, bytes.get(end + 4..)?);
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut out = lines.next()?.to_vec();
    out.extend_from_slice(b"\r\n");
    let mut headers: Vec<_> = lines.collect();
    headers.sort_by_key(|line| (rank(line, head.starts_with(b"HTTP/")), *line));
    let mut chunked = false;
    for header in headers {
        chunked |= header.eq_ignore_ascii_case(b"Transfer-Encoding: chunked");
        out.extend_from_slice(header);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    if chunked {
        dechunk(body, &mut out);
    } else {
        out.extend_from_slice(body);
    }
    Some(out)
}

/// What Go writes before the sorted headers.
fn rank(header: &[u8], response: bool) -> u8 {
    let first = |name: &[u8]| {
        header
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let special = if response {
        first(b"content-length:") || first(b"transfer-encoding:")
    } else {
        first(b"host:")
    };
    u8::from(!special)
}

fn dechunk(mut body: &[u8], out: &mut Vec<u8>) {
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = body
            .get(..end)
            .and_then(|line| std::str::from_utf8(line).ok())
            .and_then(|line| usize::from_str_radix(line, 16).ok());
        let rest = body.get(end + 2..).unwrap_or_default();
        let Some(size) = size.filter(|size| *size > 0) else {
            return;
        };
        out.extend(rest.iter().take(size));
        body = rest.get(size + 2..).unwrap_or_default();
    }
}

/// Go's `hex.Dump`.
pub(super) fn go_hex_dump(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 5 + 80);
    for (number, line) in bytes.chunks(16).enumerate() {
        let mut text = format!("{:08x}", number * 16).into_bytes();
        for position in 0..16 {
            if position % 8 == 0 {
                text.push(b' ');
            }
            match line.get(position) {
                Some(byte) => write!(text, " {byte:02x}").expect("a Vec takes everything"),
                None => text.extend_from_slice(b"   "),
            }
        }
        text.extend_from_slice(b"  |");
        text.extend(line.iter().map(|byte| match byte {
            32..=126 => *byte,
            _ => b'.',
        }));
        text.extend_from_slice(b"|\n");
        out.append(&mut text);
    }
    out
}
