//! A pattern to look for in payloads.

use regex::bytes::{Regex, RegexBuilder};

use super::Error;

/// A compiled pattern for payloads.
pub type Pattern = Regex;

/// How large a compiled pattern may get, in bytes.
const MAX_COMPILED_BYTES: usize = 8 << 20;

/// Reads a regular expression for payloads.
///
/// A pattern without a capital letter ignores case. `^` and `$` stand for the ends of a line, which `\r\n` ends too.
/// Classes know Unicode, unless the pattern names bytes from 0x80 on (`\xff`): then it is about bytes throughout.
///
/// # Errors
///
/// [`Error::Pattern`], whose text points at the place.
pub fn grep(pattern: &str) -> Result<Regex, Error> {
    if pattern.is_empty() {
        return Err(Error::Empty);
    }
    let ignore_case = !has_capital(pattern);
    let build = |unicode| {
        RegexBuilder::new(pattern)
            .case_insensitive(ignore_case)
            .multi_line(true)
            .crlf(true)
            .unicode(unicode)
            .size_limit(MAX_COMPILED_BYTES)
            .build()
    };
    let unicode_first = !names_high_byte(pattern);
    build(unicode_first)
        .or_else(|error| build(!unicode_first).map_err(|_| error))
        .map_err(|error| Error::Pattern(error.to_string()))
}

/// Whether a capital letter is meant: one that is not part of an escape such as `\S`, `\xFF` or `\p{Lu}`.
fn has_capital(pattern: &str) -> bool {
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            if character.is_uppercase() {
                return true;
            }
            continue;
        }
        let escape = characters.next();
        if !matches!(escape, Some('x' | 'u' | 'U' | 'p' | 'P')) {
            continue;
        }
        if characters.peek() == Some(&'{') {
            characters.by_ref().find(|&character| character == '}');
        } else {
            let digits = match escape {
                Some('p' | 'P') => 1,
                Some('x') => 2,
                Some('u') => 4,
                _ => 8,
            };
            characters.by_ref().take(digits).for_each(drop);
        }
    }
    false
}

/// Whether the pattern has an escape from `\x80` to `\xff`.
fn names_high_byte(pattern: &str) -> bool {
    let mut rest = pattern.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'\\' && rest.next() == Some(b'x') {
            let [Some(high), Some(low)] = [rest.next(), rest.next()] else {
                return false;
            };
            if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() && !(b'0'..=b'7').contains(&high)
            {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_meant() {
        let cases: [(&str, &[u8], bool); 12] = [
            ("secret", b"My SECRET", true),
            ("Secret", b"my secret", false),
            (r"\Secret", b"XECRET", true),
            (r"^host:", b"GET / HTTP/1.1\r\nHost: a\r\n", true),
            (r"1\.1$", b"GET / HTTP/1.1\r\nHost: a\r\n", true),
            (r"\xff\xd8", b"..\xff\xd8..", true),
            (r"\xFF\xD8", b"..\xff\xd8..", true),
            (r"\xc3\x28é", b"\xc3\x28\xc3\xa9", true),
            ("é", "É".as_bytes(), true),
            (r"\p{Lu}x", b"ax", true),
            (r"(?-i)\p{Lu}x", b"ax", false),
            (r"\x41", b"a", true),
        ];
        for (pattern, text, expected) in cases {
            let found = grep(pattern).unwrap().is_match(text);
            assert_eq!(found, expected, "{pattern} in {text:?}");
        }
    }

    #[test]
    fn a_fault_is_pointed_at() {
        let text = grep("abc(d").unwrap_err().to_string();
        assert!(text.contains("    abc(d\n       ^"), "{text}");
        assert_eq!(grep("").unwrap_err(), Error::Empty);
        assert!(grep(r"\w{1000}{1000}").is_err());
    }
}
