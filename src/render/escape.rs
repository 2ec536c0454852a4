//! Makes captured bytes harmless to a terminal.
//!
//! Control characters, whatever turns the direction of text, and bytes that are not UTF-8 are written as `\n`,
//! `\x1b`, `\u{202e}`. A backslash stays as it is: this is for the eye; the bytes themselves are to be had with
//! `--raw`.

use std::fmt::Write as _;
use std::io::{self, Write};

use unicode_width::UnicodeWidthChar;

use crate::event::is_hazard;

/// `text` in one line.
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        push(&mut out, character);
    }
    out
}

/// `bytes` in one line, with `\xNN` for what is not UTF-8.
pub fn bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push(&mut out, character);
        }
        for byte in chunk.invalid() {
            push_byte(&mut out, *byte);
        }
    }
    out
}

/// How many columns escaped `text` takes.
pub fn columns(text: &str) -> usize {
    text.chars().map(|each| each.width().unwrap_or(0)).sum()
}

/// Escaped `text` in at most `width` columns, with `…` for what was cut off.
pub fn fit(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut left = width.saturating_sub(1);
    for character in text.chars() {
        let Some(rest) = left.checked_sub(character.width().unwrap_or(0)) else {
            break;
        };
        left = rest;
        out.push(character);
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// Escaped `text` in at most `width` columns, with `…` for what was cut off in front.
pub fn fit_end(text: &str, width: usize) -> String {
    let backwards: String = text.chars().rev().collect();
    fit(&backwards, width).chars().rev().collect()
}

fn push(out: &mut String, character: char) {
    if !is_hazard(character) {
        out.push(character);
        return;
    }
    match character {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        other => match u8::try_from(other) {
            Ok(byte) if byte < 0x80 => push_byte(out, byte),
            _ => out.extend(other.escape_unicode()),
        },
    }
}

fn push_byte(out: &mut String, byte: u8) {
    write!(out, "\\x{byte:02x}").expect("a string takes every write");
}

/// Escapes a text that comes in pieces and keeps its lines: `\n`, `\r\n` and tabs pass.
#[derive(Debug, Default)]
pub struct Text {
    /// The beginning of a character, or a `\r`, whose rest is in the next piece. At most four bytes.
    pending: Vec<u8>,
}

impl Text {
    /// Writes the next piece.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn push(&mut self, out: &mut dyn Write, piece: &[u8]) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.pending);
        bytes.extend_from_slice(piece);
        let keep = unfinished(&bytes);
        let done = bytes.len() - keep;
        self.pending = bytes.split_off(done);
        out.write_all(lines(&bytes).as_bytes())
    }

    /// Writes what is left.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn finish(self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(lines(&self.pending).as_bytes())
    }
}

/// `bytes` without a character at the end of which only the beginning is there.
pub(super) fn whole_characters(bytes: &[u8]) -> &[u8] {
    bytes
        .len()
        .checked_sub(unfinished(bytes))
        .and_then(|end| bytes.get(..end))
        .unwrap_or(bytes)
}

/// How many bytes at the end can only be judged with the next piece.
fn unfinished(bytes: &[u8]) -> usize {
    if bytes.last() == Some(&b'\r') {
        return 1;
    }
    // A character has at most four bytes, so that an unfinished one has at most three.
    (1..=3)
        .rev()
        .find(|&count| {
            let tail = bytes
                .len()
                .checked_sub(count)
                .and_then(|at| bytes.get(at..));
            tail.is_some_and(|tail| {
                tail.first().is_some_and(|first| *first >= 0xc0)
                    && std::str::from_utf8(tail)
                        .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
            })
        })
        .unwrap_or(0)
}

fn lines(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + bytes.len() / 8);
    for chunk in bytes.utf8_chunks() {
        let mut characters = chunk.valid().chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\n' | '\t' => out.push(character),
                '\r' if characters.peek() == Some(&'\n') => {}
                other => push(&mut out, other),
            }
        }
        for byte in chunk.invalid() {
            push_byte(&mut out, *byte);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line() {
        let cases: [(&[u8], &str); 9] = [
            (b"plain \\ text", "plain \\ text"),
            ("h\u{e9}llo 漢".as_bytes(), "h\u{e9}llo 漢"),
            (b"a\r\nb\tc", r"a\r\nb\tc"),
            (b"\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
            (b"\x00\x07\x7f", r"\x00\x07\x7f"),
            ("\u{9b}2J".as_bytes(), r"\u{9b}2J"),
            ("\u{202e}gpj.exe".as_bytes(), r"\u{202e}gpj.exe"),
            ("\u{2066}\u{2069}".as_bytes(), r"\u{2066}\u{2069}"),
            (b"\xff\x9b\xc3", r"\xff\x9b\xc3"),
        ];
        for (input, expected) in cases {
            assert_eq!(bytes(input), expected);
        }
    }

    #[test]
    fn fits() {
        let cases = [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("漢字漢", 5, "漢字…"),
            ("漢字漢", 4, "漢…"),
            ("ab", 1, "…"),
            ("ab", 0, ""),
        ];
        for (text, width, expected) in cases {
            assert_eq!(fit(text, width), expected, "{text} in {width}");
        }
        assert_eq!(fit_end("10.0.0.1:443", 6), "…1:443");
    }

    #[test]
    fn any_split_of_a_text_gives_the_same() {
        let text = "a\r\nb\rc\u{1b}[0m\t漢\u{202e}é\u{1f600}\n".as_bytes();
        let mut text = text.to_vec();
        text.extend_from_slice(b"\xe6\xbc\xff\xf0\x9f\r");
        let expected = "a\nb\\rc\\x1b[0m\t漢\\u{202e}é\u{1f600}\n\\xe6\\xbc\\xff\\xf0\\x9f\\r";
        for first in 0..text.len() {
            for second in first..text.len() {
                let mut out = Vec::new();
                let mut escaper = Text::default();
                for piece in [&text[..first], &text[first..second], &text[second..]] {
                    escaper.push(&mut out, piece).unwrap();
                    assert!(escaper.pending.len() <= 4);
                }
                escaper.finish(&mut out).unwrap();
                assert_eq!(String::from_utf8(out).unwrap(), expected);
            }
        }
    }
}
