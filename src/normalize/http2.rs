//! HTTP/2, as far as its first bytes show: raw frames (RFC 9113), and the prose that eCapture 1.x makes of them.

use crate::event::HttpHead;
use crate::http::h1::kept;

/// RFC 9113 section 3.4.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How a listing starts (`pkg/event_processor/http2_request.go@v1.5.2`).
const LISTING: &[u8] = b"\nFrame Type\t=>\t";
/// How many bytes of a listing are looked at.
const SCAN_BYTES: usize = 64 * 1024;
/// How many bytes of a header value are kept.
const VALUE_BYTES: usize = 8 * 1024;

const HEADER_BYTES: usize = 9;
/// The frame size that every peer must take and that hardly any raises (RFC 9113 section 4.2).
const FRAME_BYTES: usize = 16_384;

/// Whether `payload` is HTTP/2 frames: a chain of frames that are each as RFC 9113 section 6 wants them, to the end or
/// to within the last one. The first byte of such a frame is 0, so no text passes.
pub(super) fn is_frames(payload: &[u8]) -> bool {
    let mut rest = payload;
    let mut frames = 0_usize;
    while let Some((header, body)) = rest.split_at_checked(HEADER_BYTES) {
        let Some(length) = frame_length(header) else {
            return false;
        };
        frames = frames.saturating_add(1);
        match body.get(length..) {
            Some(after) => rest = after,
            None => return true,
        }
    }
    // A piece of a header at the end is the mark of a buffer that was full.
    frames > 0 && (rest.is_empty() || payload.len() == FRAME_BYTES)
}

/// The length of the frame with this header, if type, flags, stream and length fit each other.
fn frame_length(header: &[u8]) -> Option<usize> {
    let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *header else {
        return None;
    };
    let length = usize::try_from(u32::from_be_bytes([0, l0, l1, l2])).ok()?;
    let stream = u32::from_be_bytes([s0, s1, s2, s3]);
    let only = |allowed: u8| flags & !allowed == 0;
    let fits = match kind {
        0 => stream != 0 && only(0x09),
        1 => stream != 0 && only(0x2d),
        2 => stream != 0 && length == 5 && only(0),
        3 => stream != 0 && length == 4 && only(0),
        4 => stream == 0 && only(0x01) && length % 6 == 0 && (flags == 0 || length == 0),
        5 => stream != 0 && length >= 4 && only(0x0c),
        6 => stream == 0 && length == 8 && only(0x01),
        7 => stream == 0 && length >= 8 && only(0),
        8 => length == 4 && only(0),
        9 => stream != 0 && only(0x04),
        _ => false,
    };
    (fits && stream >> 31 == 0 && length <= FRAME_BYTES).then_some(length)
}

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
    fn frames_must_fit() {
        for (payload, expected) in [
            (&b"\0\0\0\x04\0\0\0\0\0"[..], true),
            (
                b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\0\x04\x08\0\0\0\0\0\0\0\xff\xff",
                true,
            ),
            (b"\0\0\x20\x01\x04\0\0\0\x01cut", true),
            (b"\0\0\0\x04\x01\0\0\0\0rest", false),
            (b"\0\0\x12\x04\xff\xfe\0\0\0", false),
            (b"\0\0\0\0\0\0\0\0\0", false),
            (b"\0\0\x05\x04\0\0\0\0\0", false),
            (b"\0\0\x08\x06\0\0\0\0\x01", false),
            (b"\0\0\0\x01\x04\x80\0\0\x01", false),
            (b"\0\0\0", false),
            (b"GET / HTT", false),
        ] {
            assert_eq!(is_frames(payload), expected, "{payload:?}");
        }
    }

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
