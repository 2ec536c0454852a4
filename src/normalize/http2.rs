//! The prose that eCapture 1.x makes of HTTP/2 frames, as far as its first headers.

use crate::event::HttpHead;
use crate::http::h1::kept;

/// How a listing starts (`pkg/event_processor/http2_request.go@v1.5.2`).
const LISTING: &[u8] = b"\nFrame Type\t=>\t";
/// How many bytes of a listing are looked at.
const SCAN_BYTES: usize = 64 * 1024;
/// How many bytes of a header value are kept.
const VALUE_BYTES: usize = 8 * 1024;

/// The first headers of a listing, if `payload` is one.
pub(super) fn listing(payload: &[u8]) -> Option<HttpHead> {
    if !payload.starts_with(LISTING) {
        return None;
    }
    let scanned = payload.get(..SCAN_BYTES).unwrap_or(payload);
    let mut head = HttpHead::default();
    for line in scanned.split(|byte| *byte == b'\n') {
        let Some(field) = line.strip_prefix(b"header field \"") else {
            continue;
        };
        let Some(middle) = memchr::memmem::find(field, b"\" = \"") else {
            continue;
        };
        let (name, value) = field.split_at(middle);
        let value = value.get(5..).unwrap_or_default();
        let slot = match name {
            b":method" => &mut head.method,
            b":path" => &mut head.path,
            b":authority" => &mut head.host,
            b"content-type" => &mut head.content_type,
            b":status" => {
                if head.status.is_none() {
                    head.status = unquoted(value)
                        .parse()
                        .ok()
                        .filter(|status| (100..=999).contains(status));
                }
                continue;
            }
            _ => continue,
        };
        if slot.is_none() {
            *slot = Some(unquoted(value));
        }
    }
    if let Some(host) = &mut head.host {
        host.make_ascii_lowercase();
    }
    Some(head)
}

/// A value up to its closing quote, as Go's `%q` writes it; only `\"` and `\\` are undone, for the rest stays readable.
fn unquoted(value: &[u8]) -> String {
    let mut plain = Vec::new();
    let mut bytes = value.iter().take(VALUE_BYTES);
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => match bytes.next() {
                Some(escaped @ (b'"' | b'\\')) => plain.push(*escaped),
                Some(other) => plain.extend([b'\\', *other]),
                None => break,
            },
            _ => plain.push(*byte),
        }
    }
    kept(&plain, VALUE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_tell_their_headers() {
        let head = listing(
            b"\nFrame Type\t=>\tHEADERS\nheader field \":method\" = \"POST\"\nheader field \":authority\" = \"Example.com\"\n\
              header field \":path\" = \"/x?a=\\\"b\\\"\"\nheader field \":status\" = \"204\"\nheader field \":path\" = \"/y\"\n",
        )
        .unwrap();
        assert_eq!(head.method.as_deref(), Some("POST"));
        assert_eq!(head.host.as_deref(), Some("example.com"));
        assert_eq!(head.path.as_deref(), Some("/x?a=\"b\""));
        assert_eq!(head.status, Some(204));
        assert_eq!(head.content_type, None);
        assert_eq!(listing(b"Frame Type\t=>\t"), None);
    }
}
