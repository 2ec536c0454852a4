//! The fields of a form that was sent: `application/x-www-form-urlencoded` (WHATWG URL, section 5.1), and the parts of
//! `multipart/form-data` and its like (RFC 7578; RFC 2046, section 5.1).

use std::borrow::Cow;
use std::ops::Range;

use super::media_type;

/// How many parts are read; what is behind them is left.
pub const MAX_PARTS: usize = 1000;
/// How long a boundary may be, in bytes (RFC 2046, section 5.1.1).
const BOUNDARY_BYTES: usize = 70;
/// How many bytes of a part are read for its header fields.
const HEAD_BYTES: usize = 16 << 10;

/// The fields of a URL-encoded form, name and value, in their order. What is no UTF-8 has U+FFFD in its place.
pub fn fields(body: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(body)
}

/// The boundary that a `Content-Type` names.
pub fn boundary(content_type: &[u8]) -> Option<Vec<u8>> {
    media_type::parameter(content_type, "boundary")
        .filter(|boundary| (1..=BOUNDARY_BYTES).contains(&boundary.len()))
}

/// A body of several parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The parts, in their order.
    pub parts: Vec<Part>,
    /// Whether the last part is followed by the end that the format asks for.
    pub is_whole: bool,
}

/// A part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its header fields, name and value.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where its content is in the body.
    pub body: Range<usize>,
}

impl Part {
    /// The value of the first field of a name, whatever its case.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.fields
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_slice())
    }

    /// The name of the field of the form.
    pub fn name(&self) -> Option<Vec<u8>> {
        media_type::parameter(self.value("content-disposition")?, "name")
    }

    /// The name of the file, as the sender says; it may name any path.
    pub fn file_name(&self) -> Option<Vec<u8>> {
        media_type::parameter(self.value("content-disposition")?, "filename")
    }
}

/// Takes a body apart at `boundary`. What is before the first part and behind the last is left out.
pub fn parts(body: &[u8], boundary: &[u8]) -> Parts {
    let mut parts = Vec::new();
    let mark = [b"--", boundary].concat();
    let finder = memchr::memmem::Finder::new(&mark);
    let mut here = delimiter(body, 0, &finder);
    while let Some(Delimiter::Part { content, .. }) = here {
        if parts.len() >= MAX_PARTS {
            break;
        }
        let next = delimiter(body, content, &finder);
        let end = match &next {
            Some(Delimiter::Part { before, .. } | Delimiter::End { before }) => {
                (*before).max(content)
            }
            None => body.len(),
        };
        parts.push(part(body, content..end));
        here = next;
    }
    Parts {
        parts,
        is_whole: matches!(here, Some(Delimiter::End { .. })),
    }
}

/// What stands between parts.
enum Delimiter {
    /// Another part begins.
    Part {
        /// Where what is before it ends; the line break belongs to the delimiter.
        before: usize,
        /// Where the part begins.
        content: usize,
    },
    /// No part follows.
    End { before: usize },
}

/// The first delimiter from `from` on, where a line begins.
fn delimiter(body: &[u8], from: usize, finder: &memchr::memmem::Finder<'_>) -> Option<Delimiter> {
    let mut searched = from;
    loop {
        let at = searched.checked_add(finder.find(body.get(searched..)?)?)?;
        let before = body.get(..at)?;
        let after = at.checked_add(finder.needle().len())?;
        let rest = body.get(after..)?;
        if let Some(line_end) = before
            .strip_suffix(b"\r\n")
            .or_else(|| before.strip_suffix(b"\n"))
            .or_else(|| Some(before).filter(|before| before.is_empty()))
        {
            let before = line_end.len();
            if rest.starts_with(b"--") {
                return Some(Delimiter::End { before });
            }
            // RFC 2046, section 5.1.1: blanks may be added on the way.
            let padding = rest
                .iter()
                .take_while(|byte| matches!(byte, b' ' | b'\t'))
                .count();
            let line_break = match rest.get(padding..)? {
                [b'\r', b'\n', ..] => Some(2),
                [b'\n', ..] => Some(1_usize),
                _ => None,
            };
            if let Some(line_break) = line_break {
                let content = after.checked_add(padding)?.checked_add(line_break)?;
                return Some(Delimiter::Part { before, content });
            }
        }
        searched = after;
    }
}

/// The part that is at `place`.
fn part(body: &[u8], place: Range<usize>) -> Part {
    let bytes = body.get(place.clone()).unwrap_or_default();
    let scanned = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
    let mut fields = Vec::new();
    let mut head_bytes = 0_usize;
    for line in scanned.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        if !line.ends_with(b"\n") && !text.is_empty() {
            break;
        }
        head_bytes = head_bytes.saturating_add(line.len());
        if text.is_empty() {
            return Part {
                fields,
                body: place.start.saturating_add(head_bytes)..place.end,
            };
        }
        let Some(colon) = memchr::memchr(b':', text) else {
            break;
        };
        let (name, value) = text.split_at_checked(colon).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        fields.push((name.to_vec(), value.to_vec()));
    }
    // It has no head that ends, so nothing of it is one.
    Part {
        fields: Vec::new(),
        body: place,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_encoded_forms() {
        for (body, expected) in [
            (
                "a=1&b=two+words&c=%C3%A4%26",
                vec!["a=1", "b=two words", "c=\u{e4}&"],
            ),
            ("a&b=&=c&&d=e=f", vec!["a=", "b=", "=c", "d=e=f"]),
            ("a=%zz%4", vec!["a=%zz%4"]),
            ("a=%ff", vec!["a=\u{fffd}"]),
            ("", vec![]),
        ] {
            let found: Vec<_> = fields(body.as_bytes())
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            assert_eq!(found, expected, "{body}");
        }
    }

    #[test]
    fn reads_boundaries() {
        for (value, expected) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            (
                "multipart/mixed; boundary=\"gc0pJq0M:08jU5\"; x=y",
                Some("gc0pJq0M:08jU5"),
            ),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data", None),
        ] {
            assert_eq!(
                boundary(value.as_bytes()).as_deref(),
                expected.map(str::as_bytes)
            );
        }
        let long = format!(
            "multipart/mixed; boundary={}",
            "x".repeat(BOUNDARY_BYTES + 1)
        );
        assert_eq!(boundary(long.as_bytes()), None);
    }

    fn shown(body: &str) -> (Vec<String>, bool) {
        let parts = parts(body.as_bytes(), b"AaB03x");
        let text = |bytes: Option<Vec<u8>>| {
            bytes.map_or("-".to_owned(), |bytes| String::from_utf8(bytes).unwrap())
        };
        let shown = parts.parts.iter().map(|part| {
            let content = body.get(part.body.clone()).unwrap();
            format!("{}|{}|{content}", text(part.name()), text(part.file_name()))
        });
        (shown.collect(), parts.is_whole)
    }

    #[test]
    fn reads_parts() {
        for (body, expected, is_whole) in [
            (
                "preamble\r\n--AaB03x\r\nContent-Disposition: form-data; name=\"field1\"\r\n\r\nJoe Blow\r\n--AaB03x \r\n\
                 content-disposition: form-data; name=\"pics\"; filename=\"file1.txt\"\r\nContent-Type: text/plain\r\n\r\n\
                 one\r\ntwo\r\n\r\n--AaB03x--\r\nepilogue --AaB03x\r\n",
                vec!["field1|-|Joe Blow", "pics|file1.txt|one\r\ntwo\r\n"],
                true,
            ),
            ("--AaB03x\r\n\r\nbare\r\n--AaB03x--", vec!["-|-|bare"], true),
            ("--AaB03x\n\nbare\n--AaB03x--", vec!["-|-|bare"], true),
            ("--AaB03x\r\n\r\ncut o", vec!["-|-|cut o"], false),
            ("--AaB03x\r\nno head", vec!["-|-|no head"], false),
            (
                "--AaB03x\r\n--AaB03x\r\n\r\n--AaB03x--",
                vec!["-|-|", "-|-|"],
                true,
            ),
            (
                "--AaB03x\r\n\r\nx--AaB03x\r\n--AaB03xx\r\n--AaB03x--",
                vec!["-|-|x--AaB03x\r\n--AaB03xx"],
                true,
            ),
            ("--AaB03x--", vec![], true),
            ("nothing", vec![], false),
            ("", vec![], false),
        ] {
            let (found, whole) = shown(body);
            assert_eq!(found, expected, "{body:?}");
            assert_eq!(whole, is_whole, "{body:?}");
        }
        let many = parts("--b\r\n\r\n\r\n".repeat(MAX_PARTS + 5).as_bytes(), b"b");
        assert_eq!((many.parts.len(), many.is_whole), (MAX_PARTS, false));
    }

    proptest! {
        #[test]
        fn parts_come_back(contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..8)) {
            let mut body = Vec::new();
            for content in &contents {
                body.extend_from_slice(b"--gc0pJq0M08jU5\r\nA: b\r\n\r\n");
                body.extend_from_slice(content);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"--gc0pJq0M08jU5--\r\n");
            let found = parts(&body, b"gc0pJq0M08jU5");
            prop_assert!(found.is_whole);
            let bodies: Vec<_> = found.parts.iter().map(|part| body[part.body.clone()].to_vec()).collect();
            prop_assert_eq!(bodies, contents);
        }
    }
}
