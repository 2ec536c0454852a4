//! Regular expressions for captured bytes.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind};

use super::Error;
use super::chains::{Chain, Chains};

/// How large a compiled pattern may get, in bytes.
const MAX_COMPILED_BYTES: usize = 8 << 20;

/// A compiled regular expression for captured bytes.
///
/// It ignores case unless it says otherwise with `(?-i)`. `^` and `$` stand for the ends of a line, which `\r\n` ends
/// too. Classes know Unicode, unless the pattern names bytes from 0x80 on (`\xff`): then it is about bytes throughout.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
    hir: Hir,
    chains: Chains,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pattern({:?})", self.text)
    }
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`] if there is nothing, [`Error::Pattern`], whose text points at the place.
    pub fn new(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::Empty);
        }
        let unicode_first = !names_high_byte(text);
        build(text, unicode_first).or_else(|error| build(text, !unicode_first).map_err(|_| error))
    }

    /// Compiles a pattern of `--grep`: one with a capital letter minds the case, any other ignores it.
    ///
    /// # Errors
    ///
    /// As for [`Pattern::new`].
    pub fn smart_case(text: &str) -> Result<Self, Error> {
        // The text of an error shows what the user wrote.
        let pattern = Self::new(text)?;
        if has_capital(text) {
            Self::new(&format!("(?-i){text}"))
        } else {
            Ok(pattern)
        }
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The compiled form.
    pub fn regex(&self) -> &Regex {
        &self.regex
    }

    /// Whether it finds something in `haystack`.
    pub fn is_in(&self, haystack: &[u8]) -> bool {
        self.regex.is_match(haystack)
    }

    /// What it is made of.
    pub(super) fn hir(&self) -> &Hir {
        &self.hir
    }

    /// The pattern as a text that may cross the border between two events. It has none if the pattern is more than a
    /// text, each character as it is or in its several cases.
    pub(super) fn chains(&self) -> &Chains {
        &self.chains
    }
}

/// How many characters a class can have that stands for one character in all of its cases: `k` is three.
const MAX_CASES: u32 = 4;

/// The characters of a pattern that is no more than a text; `false` if it is more.
fn read_text(hir: &Hir, chain: &mut Chain) -> bool {
    match hir.kind() {
        HirKind::Literal(literal) => {
            chain.extend(literal.0.iter().map(|byte| vec![vec![*byte]]));
            true
        }
        HirKind::Class(class) if class_size(class) <= MAX_CASES => {
            chain.push(class_members(class));
            true
        }
        HirKind::Capture(capture) => read_text(&capture.sub, chain),
        HirKind::Concat(parts) => parts.iter().all(|part| read_text(part, chain)),
        _ => false,
    }
}

/// The byte strings that a class stands for.
pub(super) fn class_members(class: &Class) -> Vec<Vec<u8>> {
    match class {
        Class::Unicode(class) => class
            .iter()
            .flat_map(|range| range.start()..=range.end())
            .map(|character| character.encode_utf8(&mut [0; 4]).as_bytes().to_vec())
            .collect(),
        Class::Bytes(class) => class
            .iter()
            .flat_map(|range| range.start()..=range.end())
            .map(|byte| vec![byte])
            .collect(),
    }
}

/// How many characters, or bytes, a class has.
pub(super) fn class_size(class: &Class) -> u32 {
    let sum = |sizes: &mut dyn Iterator<Item = u32>| sizes.fold(0, u32::saturating_add);
    match class {
        Class::Unicode(class) => sum(&mut class
            .iter()
            .map(|range| u32::from(range.end()) - u32::from(range.start()) + 1)),
        Class::Bytes(class) => sum(&mut class
            .iter()
            .map(|range| u32::from(range.end()) - u32::from(range.start()) + 1)),
    }
}

fn build(text: &str, unicode: bool) -> Result<Pattern, Error> {
    let regex = RegexBuilder::new(text)
        .case_insensitive(true)
        .multi_line(true)
        .crlf(true)
        .unicode(unicode)
        .size_limit(MAX_COMPILED_BYTES)
        .build()
        .map_err(|error| Error::Pattern(error.to_string()))?;
    let hir = regex_syntax::ParserBuilder::new()
        .case_insensitive(true)
        .multi_line(true)
        .crlf(true)
        .unicode(unicode)
        .utf8(false)
        .build()
        .parse(text)
        .map_err(|error| Error::Pattern(error.to_string()))?;
    let mut chain = Chain::new();
    let is_text = read_text(&hir, &mut chain);
    let chains = Chains::new(is_text.then_some(chain).into_iter().collect());
    Ok(Pattern {
        text: text.to_owned(),
        regex,
        hir,
        chains,
    })
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
            let found = Pattern::smart_case(pattern).unwrap().is_in(text);
            assert_eq!(found, expected, "{pattern} in {text:?}");
        }
    }

    #[test]
    fn a_fault_is_pointed_at() {
        let text = Pattern::smart_case("abc(d").unwrap_err().to_string();
        assert!(text.contains("    abc(d\n       ^"), "{text}");
        assert_eq!(Pattern::new("").unwrap_err(), Error::Empty);
        assert!(Pattern::new(r"\w{1000}{1000}").is_err());
    }
}
