//! Events on the standard output of 2.x, where control characters but newline and tab are written as escapes
//! (internal/logger/logger.go:37@v2.5.1): `\r`, `\x00`. A backslash is not escaped, so that an escape can as well be what
//! was sent. A text that counts its bytes tells; one that does not is left as it is.
//!
//! A count leaves cases open, so what is likeliest is tried first: that `\r` before a newline is the end of a line, as in
//! the head of a message, and every other escape what was sent, as in JSON and paths. Then, that all were undone, and that
//! none was. Where the count fits none of these, some of the others are control characters and some are not: all but ends
//! of lines stay as they are, and the count becomes that of what is there.

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
    let with_lines = Bytes::from(undo(text, Undone::LineEnds).into_owned());
    let undone = Bytes::from(undo(text, Undone::All).into_owned());
    let counted = |text: &Bytes| {
        let reading = text::read(text);
        (reading.kind == Kind::TlsData).then_some(reading)
    };
    // Each byte that was lost is now three.
    let is_lossy = memchr::memmem::find(text, REPLACEMENT).is_some();
    let anyhow = if is_lossy { &undone } else { &with_lines };
    let (mut reading, is_changed) = if let Some(reading) = counted(&with_lines) {
        (reading, with_lines.len() != text.len())
    } else if let Some(reading) = counted(&undone) {
        (reading, undone.len() != text.len())
    } else if let Some(reading) = counted(text) {
        (reading, false)
    } else if let Some(reading) =
        recounted(anyhow, with_lines.len() - undone.len(), is_lossy).and_then(|text| counted(&text))
    {
        (reading, true)
    } else {
        (text::read(text), false)
    };
    if is_changed || is_lossy {
        reading.provenance |= Provenance::TEXT_FILE;
    }
    reading
}

/// Which escapes are undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undone {
    /// `\r` before a newline.
    LineEnds,
    All,
}

/// With escapes undone.
fn undo(text: &[u8], which: Undone) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', text).is_none() {
        return text.into();
    }
    let mut undone = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, escape) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        undone.extend_from_slice(before);
        let (byte, length) = match escape {
            [_, b'r', b'\n', ..] => (b'\r', 2),
            _ if which == Undone::LineEnds => (b'\\', 1),
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

/// The text with the count of what is there now, if it counts, and the count can be explained: by bytes that were lost, or
/// by escapes that are control characters, which `escapes` bytes more are written with than they are.
fn recounted(text: &Bytes, escapes: usize, is_lossy: bool) -> Option<Bytes> {
    let header = text.get(..HEADER_BYTES).unwrap_or(text);
    let end = memchr::memmem::find(header, b" bytes):\n")?;
    let start = header.get(..end)?.iter().rposition(|byte| *byte == b'(')?;
    let (before, rest) = text.split_at_checked(start.checked_add(1)?)?;
    let rest = rest.get(end.checked_sub(before.len())?..)?;
    let body = rest.strip_prefix(b" bytes):\n")?;
    let count = body.strip_suffix(b"\n").unwrap_or(body).len();
    let said = header.get(start.checked_add(1)?..end)?;
    let said: usize = std::str::from_utf8(said).ok()?.parse().ok()?;
    if !is_lossy && !(count.saturating_sub(escapes)..=count).contains(&said) {
        return None;
    }
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
            "POST / HTTP/1.1\r\n\r\nplain C:\\bin",
            "POST / HTTP/1.1\r\n\r\n{\"text\":\"line\\r\\nnext\"}",
            "POST / HTTP/1.1\r\n\r\n{\"path\":\"C:\\\\foo\\\\bar\"}",
            "POST / HTTP/1.1\r\n\r\n\0\x01 \u{1b}",
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
    fn what_a_count_leaves_open_is_read_as_is_likeliest() {
        for (payload, expected) in [
            ("a\u{7}b\n", "a\\ab"),
            // Some of these escapes are what was sent, one is not.
            ("C:\\bin\\r x\r\n\0", "C:\\bin\\r x\r\n\\x00"),
        ] {
            let reading = read(&openssl(payload));
            assert_eq!(reading.payload, expected.as_bytes(), "{payload:?}");
            assert!(reading.provenance.contains(Provenance::TEXT_FILE) || !expected.contains('\r'));
            assert_eq!(reading.process.pid, Some(1));
        }
    }

    #[test]
    fn what_is_not_there_is_not_counted_away() {
        let mut text = openssl("GET / HTTP/1.1\r\nHost: a\r\n\r\n").to_vec();
        text.truncate(text.len() - 8);
        let reading = read(&Bytes::from(text));
        assert_ne!(reading.kind, Kind::TlsData);
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
            // One escape and a newline at the end look like what was sent, and the newline that eCapture adds.
            let more = written(&text).len() - text.len() - text.matches("\r\n").count();
            prop_assume!(more != 1 || !text.ends_with('\n'));
            let payload = read(&openssl(&text)).payload;
            prop_assert_eq!(payload, text.as_bytes());
        }

        #[test]
        fn any_text_is_read(text in proptest::collection::vec(any::<u8>(), 0..100)) {
            read(&Bytes::from(text));
        }
    }
}
