//! The chunked transfer coding (RFC 9112, section 7.1).

use super::body::Defect;
use super::fields::split_once;

/// How long the line before a chunk may be, in bytes: its size and its extensions.
pub(super) const SIZE_LINE_BYTES: usize = 4 << 10;
/// How many digits the size of a chunk may have.
pub(super) const SIZE_DIGITS: usize = 16;

/// What the line before a chunk says.
enum SizeLine<'a> {
    /// How long the chunk is, and what follows the line.
    Whole(u64, &'a [u8]),
    /// The line does not end here.
    CutOff,
    /// It is no such line.
    Other,
}

/// The data of the chunks in `bytes`, up to `limit`, and why it is not all. `None` if `bytes` are not chunked: they
/// do not begin with the line of a chunk, or its data does not end where the line says.
pub(super) fn undo(bytes: &[u8], limit: usize) -> Option<(Vec<u8>, Option<Defect>)> {
    let mut data = Vec::new();
    let mut rest = bytes;
    let mut is_first = true;
    loop {
        let (size, after) = match size_line(rest) {
            SizeLine::Whole(size, after) => (size, after),
            _ if is_first => return None,
            SizeLine::CutOff => return Some((data, Some(Defect::CutOff))),
            SizeLine::Other => return Some((data, Some(Defect::Damaged))),
        };
        if size == 0 {
            return Some((data, trailers(after)));
        }
        let chunk = usize::try_from(size)
            .ok()
            .and_then(|size| after.split_at_checked(size));
        let (chunk, after) = chunk.map_or((after, None), |(chunk, after)| (chunk, Some(after)));
        // The end of the chunk is looked at before its size against the limit, since it tells whether this is one.
        let end = match after {
            None | Some(b"" | b"\r") => Err(Defect::CutOff),
            Some(after) => after.strip_prefix(b"\r\n").ok_or(Defect::Damaged),
        };
        if is_first && end == Err(Defect::Damaged) {
            return None;
        }
        let room = limit.saturating_sub(data.len());
        if let Some(fitting) = chunk.get(..room)
            && chunk.len() > room
        {
            data.extend_from_slice(fitting);
            return Some((data, Some(Defect::TooLarge)));
        }
        data.extend_from_slice(chunk);
        match end {
            Ok(after) => rest = after,
            Err(defect) => return Some((data, Some(defect))),
        }
        is_first = false;
    }
}

fn size_line(rest: &[u8]) -> SizeLine<'_> {
    let scanned = rest.get(..SIZE_LINE_BYTES).unwrap_or(rest);
    let (line, is_whole) = match memchr::memchr(b'\n', scanned) {
        Some(end) => match scanned.get(..end).and_then(|line| line.strip_suffix(b"\r")) {
            Some(line) => (line, true),
            None => return SizeLine::Other,
        },
        None if scanned.len() < rest.len() => return SizeLine::Other,
        None => (scanned, false),
    };
    let digits = line
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let (size, extensions) = line.split_at_checked(digits).unwrap_or_default();
    if digits > SIZE_DIGITS || (digits == 0 && !line.is_empty()) {
        return SizeLine::Other;
    }
    if !matches!(extensions.trim_ascii().first(), None | Some(b';')) {
        return SizeLine::Other;
    }
    if !is_whole {
        return SizeLine::CutOff;
    }
    let size = std::str::from_utf8(size)
        .ok()
        .and_then(|size| u64::from_str_radix(size, 16).ok());
    match (size, rest.get(line.len().saturating_add(2)..)) {
        (Some(size), Some(after)) => SizeLine::Whole(size, after),
        _ => SizeLine::Other,
    }
}

/// Whether the lines after the last chunk end, with a blank one.
fn trailers(mut rest: &[u8]) -> Option<Defect> {
    loop {
        let Some((line, after)) = split_once(rest, b'\n') else {
            return Some(Defect::CutOff);
        };
        if matches!(line, b"" | b"\r") {
            return None;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undoes_chunks() {
        let undo = |bytes: &str| {
            undo(bytes.as_bytes(), 8)
                .map(|(data, defect)| (String::from_utf8(data).unwrap(), defect))
        };
        let found = |data: &str, defect| Some((data.to_owned(), defect));
        for (bytes, expected) in [
            ("0\r\n\r\n", found("", None)),
            ("3\r\nabc\r\n0\r\n\r\n", found("abc", None)),
            (
                "0003  \r\nabc\r\n5;a=\"b\"\r\ndefgh\r\n000\r\n\r\nGET",
                found("abcdefgh", None),
            ),
            (
                "3 ;x\r\nabc\r\n0;y\r\nA: b\r\nC: d\r\n\r\n",
                found("abc", None),
            ),
            (
                "3\r\nabc\r\n0\r\nA: b\r\n",
                found("abc", Some(Defect::CutOff)),
            ),
            (
                "A\r\n0123456789\r\n0\r\n\r\n",
                found("01234567", Some(Defect::TooLarge)),
            ),
            ("3\r\nab", found("ab", Some(Defect::CutOff))),
            ("3\r\nabc", found("abc", Some(Defect::CutOff))),
            ("3\r\nabc\r", found("abc", Some(Defect::CutOff))),
            ("3\r\nabc\r\n1", found("abc", Some(Defect::CutOff))),
            ("3\r\nabc\r\n1;x\r", found("abc", Some(Defect::CutOff))),
            ("3\r\nabc\r\nxyz", found("abc", Some(Defect::Damaged))),
            (
                "3\r\nabc\r\n2\r\nabcd\r\n",
                found("abcab", Some(Defect::Damaged)),
            ),
            ("3\r\nabc\r\n2\nab\r\n", found("abc", Some(Defect::Damaged))),
            ("ffffffffffffffff\r\nab", found("ab", Some(Defect::CutOff))),
            ("0ffffffffffffffff\r\nab", None),
            ("3\r\nabcd\r\n0\r\n\r\n", None),
            ("3\nabc\n0\n\n", None),
            ("", None),
            ("42", None),
            ("42\r", None),
            ("\r\n", None),
            ("-1\r\na\r\n", None),
            ("4 apples\r\n", None),
            ("{\"a\":1}\r\n", None),
        ] {
            assert_eq!(undo(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn the_line_of_a_chunk_has_a_limit() {
        for (extension, is_read) in [(SIZE_LINE_BYTES - 4, true), (SIZE_LINE_BYTES - 3, false)] {
            let bytes = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(extension));
            assert_eq!(undo(bytes.as_bytes(), 8).is_some(), is_read, "{extension}");
        }
    }
}
