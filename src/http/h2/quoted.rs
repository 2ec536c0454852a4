//! The quoted strings of a listing: those of Go's `%q`.

use std::ops::Range;

/// Reads a quoted string that `input` begins with; gives what it stands for and what follows it.
pub(super) fn unquoted(input: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    read(input, |_, _| {})
}

/// The same. `note` is told, in order, which bytes of the input stand for how many: themselves, or an escape for what it
/// is; and last the closing quote, as itself.
fn read(input: &[u8], mut note: impl FnMut(Range<usize>, usize)) -> Option<(Vec<u8>, &[u8])> {
    let place = |rest: &[u8]| input.len().saturating_sub(rest.len());
    let mut rest = input.strip_prefix(b"\"")?;
    let mut plain = Vec::new();
    loop {
        let special = memchr::memchr2(b'"', b'\\', rest)?;
        let (before, at_special) = rest.split_at_checked(special)?;
        plain.extend_from_slice(before);
        note(place(rest)..place(at_special), before.len());
        let (byte, after) = at_special.split_first()?;
        if *byte == b'"' {
            note(place(at_special)..place(after), 1);
            return Some((plain, after));
        }
        let known = plain.len();
        rest = escape(after, &mut plain)?;
        note(
            place(at_special)..place(rest),
            plain.len().saturating_sub(known),
        );
    }
}

/// What a quoted string stands for, and where in it each byte of that is written.
#[derive(Debug)]
pub(crate) struct Unquoted {
    /// What it stands for.
    pub(crate) plain: Vec<u8>,
    /// Where each byte of that begins. What an escape stands for begins with the escape. Last comes the closing quote.
    starts: Vec<usize>,
}

impl Unquoted {
    /// The same as [`unquoted`], with the places.
    pub(super) fn new(input: &[u8]) -> Option<(Self, &[u8])> {
        let mut starts = Vec::new();
        let (plain, rest) = read(input, |written, count| {
            if written.len() == count {
                starts.extend(written);
            } else {
                // An escape is longer than what it stands for.
                starts.extend(std::iter::repeat_n(written.start, count));
            }
        })?;
        Some((Self { plain, starts }, rest))
    }

    /// Where a range of what it stands for is written: whole escapes.
    pub(crate) fn written(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let start = *self.starts.get(range.start)?;
        let last = *self.starts.get(range.end.checked_sub(1)?)?;
        let ends = self.starts.get(range.end..)?;
        Some(start..*ends.iter().find(|end| **end > last)?)
    }
}

/// Undoes what follows a backslash; gives what follows that.
fn escape<'a>(input: &'a [u8], plain: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (kind, rest) = input.split_first()?;
    let digits = match kind {
        b'x' => 2,
        b'u' => 4,
        b'U' => 8,
        _ => {
            plain.push(match kind {
                b'a' => 0x07,
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 0x0b,
                b'"' | b'\\' | b'\'' => *kind,
                _ => return None,
            });
            return Some(rest);
        }
    };
    let (number, rest) = rest.split_at_checked(digits)?;
    let number = number.iter().try_fold(0_u32, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number << 4 | digit)
    })?;
    if *kind == b'x' {
        plain.push(u8::try_from(number).ok()?);
    } else {
        let character = char::from_u32(number)?;
        plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_what_is_written() {
        let quoted = br#""a\"\u00a0b" x"#;
        let (found, rest) = Unquoted::new(quoted).unwrap();
        assert_eq!(
            (&found.plain[..], rest),
            ("a\"\u{a0}b".as_bytes(), &b" x"[..])
        );
        for (range, expected) in [
            (0..1, Some(&b"a"[..])),
            (1..2, Some(br#"\""#)),
            (0..3, Some(br#"a\"\u00a0"#)),
            (3..5, Some(br"\u00a0b")),
            (4..5, Some(b"b")),
            (0..0, None),
            (4..6, None),
        ] {
            let written = found.written(&range).map(|range| &quoted[range]);
            assert_eq!(written, expected, "{range:?}");
        }
        assert!(Unquoted::new(br#""open\""#).is_none());
    }

    #[test]
    fn undoes_go_quoting() {
        for (quoted, plain) in [
            (&br#""" rest"#[..], Some((&b""[..], &b" rest"[..]))),
            (br#""a b""#, Some((b"a b", b""))),
            (br#""a\"b\\c""#, Some((b"a\"b\\c", b""))),
            (
                br#""\a\b\f\n\r\t\v\x00\xff\x7f""#,
                Some((b"\x07\x08\x0c\n\r\t\x0b\0\xff\x7f", b"")),
            ),
            (
                br#""\u00a0\U0001f600""#,
                Some(("\u{a0}\u{1f600}".as_bytes(), b"")),
            ),
            ("\"ä\"".as_bytes(), Some(("ä".as_bytes(), b""))),
            (br#""\ud800""#, None),
            (br#""\q""#, None),
            (br#""\x0""#, None),
            (br#""open"#, None),
            (br#""open\"#, None),
            (b"bare", None),
        ] {
            let found = unquoted(quoted);
            let found = found.as_ref().map(|(plain, rest)| (&plain[..], *rest));
            assert_eq!(found, plain, "{}", String::from_utf8_lossy(quoted));
        }
    }
}
