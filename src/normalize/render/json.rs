//! JSON strings as Go's `encoding/json` writes them.

use std::io::{self, Write};

/// Writes a string with its quotes. Go escapes `<`, `>` and `&` for the sake of HTML, U+2028 and U+2029 for that of
/// JavaScript, and writes what is no UTF-8 as `\ufffd`; a stored U+FFFD stands for that.
pub(super) fn write_string(text: &[u8], out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"\"")?;
    for chunk in text.utf8_chunks() {
        let mut plain = chunk.valid();
        while let Some((at, found)) = plain.char_indices().find(|(_, char)| is_escaped(*char)) {
            let (before, rest) = plain.split_at_checked(at).unwrap_or((plain, ""));
            out.write_all(before.as_bytes())?;
            escape(found, out)?;
            plain = rest.get(found.len_utf8()..).unwrap_or_default();
        }
        out.write_all(plain.as_bytes())?;
        for _ in chunk.invalid() {
            out.write_all(b"\\ufffd")?;
        }
    }
    out.write_all(b"\"")
}

fn is_escaped(char: char) -> bool {
    char < ' '
        || matches!(
            char,
            '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{fffd}'
        )
}

fn escape(char: char, out: &mut impl Write) -> io::Result<()> {
    match char {
        '"' => out.write_all(b"\\\""),
        '\\' => out.write_all(b"\\\\"),
        '\n' => out.write_all(b"\\n"),
        '\r' => out.write_all(b"\\r"),
        '\t' => out.write_all(b"\\t"),
        '\u{8}' => out.write_all(b"\\b"),
        '\u{c}' => out.write_all(b"\\f"),
        other => write!(out, "\\u{:04x}", u32::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_as_go_does() {
        for (text, expected) in [
            ("curl", r#""curl""#),
            ("a\0b", r#""a\u0000b""#),
            ("<&>", r#""\u003c\u0026\u003e""#),
            ("\"\\\n\u{2028}", r#""\"\\\n\u2028""#),
            ("bad\u{fffd}ö", r#""bad\ufffdö""#),
        ] {
            let mut written = Vec::new();
            write_string(text.as_bytes(), &mut written).unwrap();
            assert_eq!(written, expected.as_bytes());
        }
    }
}
