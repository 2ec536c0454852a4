//! The quoted strings of a listing: those of Go's `%q`.

/// Reads a quoted string that `input` begins with; gives what it stands for and what follows it.
pub(super) fn unquoted(input: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = input.strip_prefix(b"\"")?;
    let mut plain = Vec::new();
    loop {
        let special = memchr::memchr2(b'"', b'\\', rest)?;
        let (before, after) = rest.split_at_checked(special)?;
        plain.extend_from_slice(before);
        let (byte, after) = after.split_first()?;
        if *byte == b'"' {
            return Some((plain, after));
        }
        rest = escape(after, &mut plain)?;
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
