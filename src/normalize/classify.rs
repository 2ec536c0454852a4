//! What a payload holds, from its first bytes.

use super::http2;
use crate::event::{Content, HttpHead, Kind};
use crate::http::{h1, h2};

/// How many bytes decide between text and binary.
const SAMPLE_BYTES: usize = 256;
/// Of a hundred of them, how many may be no text.
const BINARY_PERCENT: usize = 30;

/// Judges `payload`. Only TLS data is looked at for HTTP; a shell line that looks like a request is a shell line.
pub fn classify(payload: &[u8], kind: Kind) -> (Content, Option<HttpHead>) {
    if payload.is_empty() {
        return (Content::Empty, None);
    }
    if kind == Kind::TlsData {
        if payload.starts_with(h2::PREFACE) {
            return (Content::Http2Preface, None);
        }
        if let Some(head) = http2::listing(payload) {
            return (Content::Http2Listing, Some(head));
        }
        if let Some((content, head)) = h1::head(payload) {
            return (content, Some(head));
        }
        if h2::is_frames(payload) {
            return (Content::Http2Frames, None);
        }
    }
    if is_binary(payload) {
        (Content::Binary, None)
    } else {
        (Content::Text, None)
    }
}

/// Control characters and what is no UTF-8 count against text.
fn is_binary(payload: &[u8]) -> bool {
    let sample = payload.get(..SAMPLE_BYTES).unwrap_or(payload);
    let cut = sample.len() < payload.len();
    let mut other = 0_usize;
    let mut chunks = sample.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        let control = chunk
            .valid()
            .bytes()
            .filter(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b))
            .count();
        // The sample may end within a character.
        let invalid = if cut && chunks.peek().is_none() {
            0
        } else {
            chunk.invalid().len()
        };
        other = other.saturating_add(control).saturating_add(invalid);
    }
    other.saturating_mul(100) > sample.len().saturating_mul(BINARY_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges() {
        let long = "ä".repeat(200);
        for (payload, content) in [
            (&b""[..], Content::Empty),
            (b"GET / HTTP/1.1\r\n", Content::Http1Request),
            (b"HTTP/1.1 200 OK\r\n", Content::Http1Response),
            (
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0",
                Content::Http2Preface,
            ),
            (b"\nFrame Type\t=>\tSETTINGS\n", Content::Http2Listing),
            (b"\0\0\0\x04\x01\0\0\0\0", Content::Http2Frames),
            (b"hello", Content::Text),
            (long.as_bytes(), Content::Text),
            (&long.as_bytes()[1..], Content::Text),
            (b"\0\x01\x02abc", Content::Binary),
            (b"\xff\xfe\xfdabc", Content::Binary),
            (b"caf\xe9 au lait", Content::Text),
        ] {
            assert_eq!(classify(payload, Kind::TlsData).0, content, "{payload:?}");
        }
        assert_eq!(
            classify(b"GET / HTTP/1.1\r\n", Kind::Shell),
            (Content::Text, None)
        );
    }
}
