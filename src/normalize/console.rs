//! Events on the standard output of 2.x, where control characters but newline and tab are written as escapes
//! (internal/logger/logger.go:37@v2.5.1): `\r`, `\x00`. A backslash is not escaped, so that an escape can as well be what
//! was sent. A text that counts its bytes tells; one that does not is left as it is. A count leaves one case open: a single
//! `\r` and a newline at the end, which eCapture adds to texts without one. That is then taken for the end of a line.

use std::borrow::Cow;

use bytes::Bytes;

use super::reading::Reading;
use super::text;
use crate::event::{Kind, Provenance};

/// The longest header, up to the count of a payload.
const HEADER_BYTES: usize = 256;
/// What stands for a byte that was no UTF-8.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// Reads the text of an event.
pub(super) fn read(text: &Bytes) -> Reading {
    let undone = Bytes::from(undo(text).into_owned());
    let counted = |text: &Bytes| {
        let reading = text::read(text);
        (reading.kind == Kind::TlsData).then_some(reading)
    };
    let (mut reading, is_changed) = if let Some(reading) = counted(&undone) {
        (reading, undone.len() != text.len())
    } else if let Some(reading) = counted(text) {
        (reading, false)
    } else if let Some(reading) = recounted(&undone).and_then(|text| counted(&text)) {
        // Each byte that was lost is now three.
        (reading, true)
    } else {
        (text::read(text), false)
    };
    if is_changed || memchr::memmem::find(text, REPLACEMENT).is_some() {
        reading.provenance |= Provenance::TEXT_FILE;
    }
    reading
}

/// With all escapes undone.
fn undo(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', text).is_none() {
        return text.into();
    }
    let mut undone = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, escape) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        undone.extend_from_slice(before);
        let (byte, length) = match escape {
            [_, b'a', ..] => (0x07, 2),
            [_, b'b', ..] => (0x08, 2),
            [_, b'f', ..] => (0x0c, 2),
            [_, b'r', ..] => (b'\r', 2),
            [_, b'v', ..] => (0x0b, 2),
            [_, b'x', high, low, ..] if let Some(byte) = control(*high, *low) => (byte, 4),
            _ => (b'\\', 1),
        };
        undone.push(byte);
        rest = escape.get(length..).unwrap_or_default();
    }
    undone.extend_from_slice(rest);
    undone.into()
}

/// A control character in the two lower-case digits that it is written with.
fn control(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    };
    let byte = digit(high)?.checked_mul(16)?.checked_add(digit(low)?)?;
    byte.is_ascii_control().then_some(byte)
}

/// The text with the count of what is there now, if it counts and bytes of it were lost.
fn recounted(text: &Bytes) -> Option<Bytes> {
    memchr::memmem::find(text, REPLACEMENT)?;
    let header = text.get(..HEADER_BYTES).unwrap_or(text);
    let end = memchr::memmem::find(header, b" bytes):\n")?;
    let start = header.get(..end)?.iter().rposition(|byte| *byte == b'(')?;
    let (before, rest) = text.split_at_checked(start.checked_add(1)?)?;
    let rest = rest.get(end.checked_sub(before.len())?..)?;
    let body = rest.strip_prefix(b" bytes):\n")?;
    let count = body.strip_suffix(b"\n").unwrap_or(body).len();
    let mut counted = before.to_vec();
    counted.extend_from_slice(count.to_string().as_bytes());
    counted.extend_from_slice(rest);
    Some(counted.into())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    /// As eCapture writes it.
    fn written(text: &str) -> String {
        let mut written = String::new();
        for character in text.chars() {
            match character {
                '\n' | '\t' => written.push(character),
                '\u{7}' => written.push_str("\\a"),
                '\u{8}' => written.push_str("\\b"),
                '\u{c}' => written.push_str("\\f"),
                '\r' => written.push_str("\\r"),
                '\u{b}' => written.push_str("\\v"),
                other if other.is_ascii_control() => {
                    write!(written, "\\x{:02x}", u32::from(other)).unwrap();
                }
                other => written.push(other),
            }
        }
        written
    }

    fn openssl(payload: &str) -> Bytes {
        let newline = if payload.ends_with('\n') { "" } else { "\n" };
        let count = payload.len();
        let text = format!(
            "[2026-11-23 10:40:38.032] PID:1 TID:2 Comm:a FD:5 WRITE ({count} bytes):\n{payload}{newline}"
        );
        Bytes::from(written(&text))
    }

    #[test]
    fn a_count_tells_what_was_escaped() {
        for payload in [
            "GET / HTTP/1.1\r\n\r\n",
            "a\\r\\rb",
            "\0\u{1b}[0m",
            "",
            "x\\",
            "\\x0g\\q",
        ] {
            let reading = read(&openssl(payload));
            assert_eq!(reading.payload, payload.as_bytes(), "{payload:?}");
            assert_eq!(reading.process.pid, Some(1));
            let is_marked = reading.provenance.contains(Provenance::TEXT_FILE);
            let is_escaped = payload.bytes().any(|byte| byte.is_ascii_control());
            assert_eq!(is_marked, is_escaped, "{payload:?}");
        }
    }

    #[test]
    fn lost_bytes_are_said_and_cost_nothing_else() {
        let text = "[2026-11-23 10:40:38.032] PID:1 TID:2 Comm:a FD:5 WRITE (4 bytes):\n\u{fffd}\\x00\u{fffd}a\n";
        let reading = read(&Bytes::from(text));
        assert_eq!(reading.payload, "\u{fffd}\0\u{fffd}a");
        assert_eq!((reading.kind, reading.fd), (Kind::TlsData, Some(5)));
        assert!(reading.provenance.contains(Provenance::TEXT_FILE));
    }

    #[test]
    fn without_a_count_nothing_is_undone() {
        let text = Bytes::from("PID:1200, UID:1000, Comm:bash, Retvalue:0, Line:\nprintf 'a\\r'\n");
        let reading = read(&text);
        assert_eq!(reading.payload, "printf 'a\\r'");
        assert_eq!(reading.provenance, Provenance::empty());
    }

    proptest! {
        #[test]
        fn what_was_written_is_undone(text in "[a-z\\x00-\\x1f\\x7fé]{0,40}") {
            let payload = read(&openssl(&text)).payload;
            prop_assert_eq!(payload, text.as_bytes());
        }

        #[test]
        fn any_text_is_read(text in proptest::collection::vec(any::<u8>(), 0..100)) {
            read(&Bytes::from(text));
        }
    }
}
