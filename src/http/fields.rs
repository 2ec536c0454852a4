//! The start line and the header fields of an HTTP/1 message (RFC 9112), as far as one payload has them.
//!
//! Only whole lines count, since half a value is a wrong one. A field that stands twice is given twice. What breaks the
//! rules is read as it is meant where that is clear, and left out where not; `Head::defects` says that there was some.

use std::borrow::Cow;

use super::exchange::Defects;
use super::start_line::{Kind, StartLine};

/// How many bytes of a payload a head may take; what is beyond is not looked at.
pub const HEAD_BYTES: usize = 64 << 10;

/// The head of an HTTP/1 message: a start line, and the header lines that are there.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Whether it is of a request; if not, it is of a response.
    pub is_request: bool,
    /// What follows `HTTP/` in the start line: `1.0` or `1.1`.
    pub version: &'static str,
    /// The method of a request.
    pub method: Option<&'a str>,
    /// The target of a request, as it is in the start line.
    pub target: Option<&'a [u8]>,
    /// The status of a response, 100 to 999; `None` if it has none that can be read.
    pub status: Option<u16>,
    /// What follows the status in the start line of a response, or all that does the version.
    pub reason: Option<&'a [u8]>,
    /// Whether the start line breaks the rules.
    is_odd: bool,
    /// How many bytes the head takes, with the blank line: where the body begins. `None` if the head does not end in
    /// this payload, or not within [`HEAD_BYTES`].
    pub head_bytes: Option<usize>,
    /// The header lines, without the blank one.
    lines: &'a [u8],
}

impl<'a> Head<'a> {
    /// The header fields in their order: name and value, without the blanks around it. A value that goes over several lines
    /// (RFC 9112, section 5.2) is given with their ends; [`unfolded`] makes one line of it.
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        of_lines(self.lines)
    }

    /// The values of the fields of one name, whatever its case, in their order.
    pub fn values<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.fields()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// What is wrong with the start line and the header lines.
    pub(super) fn defects(&self) -> Defects {
        let mut defects = defects_of_lines(self.lines);
        defects.set(
            Defects::BAD_HEAD,
            self.is_odd || defects.contains(Defects::BAD_HEAD),
        );
        defects
    }
}

/// The fields in whole lines, as [`Head::fields`] gives them.
pub(super) fn of_lines(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> + use<'_> {
    Lines(lines).filter_map(|line| {
        let (name, value) = field(line)?;
        Some((name.trim_ascii_end(), value))
    })
}

/// Name and value of a line that is a field.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    if line.first().is_none_or(|byte| is_blank(*byte)) {
        return None;
    }
    let (name, value) = split_once(line, b':')?;
    (!name.is_empty() && !name.contains(&b'\n')).then(|| (name, value.trim_ascii()))
}

/// What breaks the rules of HTTP in whole lines (RFC 9112, section 5; RFC 9110, section 5.5): lines that are no fields, and
/// fields that go over several lines, have a blank behind their name, or bytes that end texts elsewhere.
pub(super) fn defects_of_lines(lines: &[u8]) -> Defects {
    let mut defects = Defects::empty();
    for line in Lines(lines).filter(|line| !line.is_empty()) {
        let Some((name, _)) = field(line) else {
            defects |= Defects::BAD_HEAD;
            continue;
        };
        let is_apart = name.last().is_some_and(|byte| is_blank(*byte));
        if is_apart || memchr::memchr3(0, b'\r', b'\n', line).is_some() {
            defects |= Defects::BAD_HEAD;
        }
        let tells_length = |name: &[u8]| {
            name.eq_ignore_ascii_case(b"content-length")
                || name.eq_ignore_ascii_case(b"transfer-encoding")
        };
        if is_apart && tells_length(name.trim_ascii_end()) {
            // Not everybody takes it for that field.
            defects |= Defects::BAD_FRAMING;
        }
    }
    defects
}

/// A value in one line: a blank stands for each end of a line and the blanks around it (RFC 9112, section 5.2).
pub fn unfolded(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let lines: Vec<_> = value
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .collect();
    Cow::Owned(lines.join(&b' '))
}

/// Reads the head that `payload` starts with, if it starts with a whole start line.
pub fn read(payload: &[u8]) -> Option<Head<'_>> {
    if !payload.first()?.is_ascii_alphabetic() {
        return None;
    }
    let scanned = payload.get(..HEAD_BYTES).unwrap_or(payload);
    let start_bytes = memchr::memchr(b'\n', scanned)?.checked_add(1)?;
    let (start, rest) = scanned.split_at_checked(start_bytes)?;
    let line = StartLine::read(start)?;
    let (lines, ended) = header_lines(rest);
    let head = Head {
        is_request: true,
        version: line.version,
        method: None,
        target: None,
        status: None,
        reason: None,
        is_odd: line.is_odd,
        head_bytes: ended.map(|bytes| start_bytes.saturating_add(bytes)),
        lines,
    };
    Some(match line.kind {
        Kind::Request { method, target } => Head {
            method: Some(method),
            target: Some(target),
            ..head
        },
        Kind::Response { status, reason } => Head {
            is_request: false,
            status,
            reason: Some(reason),
            ..head
        },
    })
}

/// The cookies of a head, name and value: all that a request sends in `Cookie`, or that a response sets with
/// `Set-Cookie`, without their attributes (RFC 6265, section 4). What has no name is left out.
pub fn cookies<'a>(head: &Head<'a>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
    let (name, pairs) = if head.is_request {
        ("cookie", usize::MAX)
    } else {
        ("set-cookie", 1)
    };
    head.values(name)
        .flat_map(move |value| cookie_pairs(value, pairs))
}

/// The first `count` pairs of name and value in a field about cookies; what has no name is left out.
pub(super) fn cookie_pairs(value: &[u8], count: usize) -> impl Iterator<Item = (&[u8], &[u8])> {
    value
        .split(|byte| *byte == b';')
        .take(count)
        .filter_map(|pair| {
            let (name, value) = split_once(pair, b'=')?;
            let name = name.trim_ascii();
            (!name.is_empty()).then(|| (name, value.trim_ascii()))
        })
}

/// The whole lines before the blank one, and how many bytes they take with it, if it is there. A line that goes on in one
/// that is not whole is not whole either.
fn header_lines(rest: &[u8]) -> (&[u8], Option<usize>) {
    let mut bytes = 0_usize;
    let mut field = 0_usize;
    for line in rest.split_inclusive(|byte| *byte == b'\n') {
        let is_continued = line.first().is_some_and(|byte| is_blank(*byte));
        if line.last() != Some(&b'\n') {
            if is_continued {
                bytes = field;
            }
            break;
        }
        if !is_continued {
            field = bytes;
        }
        let after = bytes.saturating_add(line.len());
        if matches!(line, b"\n" | b"\r\n") {
            return (rest.get(..bytes).unwrap_or_default(), Some(after));
        }
        bytes = after;
    }
    (rest.get(..bytes).unwrap_or_default(), None)
}

/// Whole lines, each with those that continue it, without the last end.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut end = memchr::memchr(b'\n', self.0)?;
        while let Some(after) = self.0.get(end.saturating_add(1)..)
            && after.first().is_some_and(|byte| is_blank(*byte))
            && let Some(more) = memchr::memchr(b'\n', after)
        {
            end = end.saturating_add(1).saturating_add(more);
        }
        let (line, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// What is before the first `byte`, and what is after it.
pub(crate) fn split_once(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let (before, rest) = bytes.split_at_checked(memchr::memchr(byte, bytes)?)?;
    Some((before, rest.get(1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pairs: impl Iterator<Item = (&'static [u8], &'static [u8])>) -> Vec<String> {
        pairs
            .map(|(name, value)| {
                format!(
                    "{}={}",
                    String::from_utf8_lossy(name),
                    String::from_utf8_lossy(value)
                )
            })
            .collect()
    }

    #[test]
    fn reads_fields() {
        let payload = b"GET /a HTTP/1.0\r\nA:  b c \t\r\nno colon\r\na:\r\nX: 1\r\n folded: 2\r\n: no\r\nY:x:y\n\r\nZ: 3\r\n";
        let head = read(payload).unwrap();
        assert!(head.is_request);
        assert_eq!((head.version, head.method), ("1.0", Some("GET")));
        assert_eq!(
            text(head.fields()),
            ["A=b c", "a=", "X=1\r\n folded: 2", "Y=x:y"]
        );
        assert_eq!(head.values("A").count(), 2);
        assert_eq!(head.defects(), Defects::BAD_HEAD);
        assert_eq!(payload[head.head_bytes.unwrap()..], *b"Z: 3\r\n");
    }

    #[test]
    fn only_whole_lines_count() {
        let whole = b"HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n";
        for end in 0..=whole.len() {
            let expected: &[&str] = match end {
                ..23 => &[],
                23..29 => &["A=1"],
                _ => &["A=1", "B=2"],
            };
            let Some(head) = read(&whole[..end]) else {
                assert!(end < 17);
                continue;
            };
            assert_eq!(text(head.fields()), expected, "{end}");
            assert_eq!((head.version, head.status), ("1.1", Some(200)));
            assert_eq!(head.head_bytes, (end == whole.len()).then_some(whole.len()));
        }
    }

    #[test]
    fn a_value_may_go_over_several_lines() {
        for (value, expected) in [
            ("a", "a"),
            ("a\r\n b", "a b"),
            ("a \t\r\n\t  b\n c", "a b c"),
            ("a\r\n \r\n b", "a  b"),
        ] {
            assert_eq!(unfolded(value.as_bytes()), expected.as_bytes(), "{value:?}");
        }
        // Where the last line is cut, so is the value.
        let cut = read(b"GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\n 3\r\n 4").unwrap();
        assert_eq!(text(cut.fields()), ["A=1"]);
        let whole = read(b"GET / HTTP/1.1\r\nA: 1\r\nB:\r\n 3\r\n").unwrap();
        assert_eq!(text(whole.fields()), ["A=1", "B=3"]);
    }

    #[test]
    fn what_breaks_the_rules_is_told() {
        let framing = Defects::BAD_HEAD | Defects::BAD_FRAMING;
        for (lines, expected) in [
            ("A: b\r\nB:\r\n", Defects::empty()),
            ("A: \u{e4}\u{1b}\tb\r\n", Defects::empty()),
            ("A: b\nC: d\n", Defects::empty()),
            ("no colon\r\n", Defects::BAD_HEAD),
            (": no name\r\n", Defects::BAD_HEAD),
            (" A: b\r\n", Defects::BAD_HEAD),
            ("no\r\n A: b\r\n", Defects::BAD_HEAD),
            ("A: b\r\n c\r\n", Defects::BAD_HEAD),
            ("A: b\0c\r\n", Defects::BAD_HEAD),
            ("A: b\rc\r\n", Defects::BAD_HEAD),
            ("A : b\r\n", Defects::BAD_HEAD),
            ("Content-Length : 5\r\n", framing),
            ("transfer-encoding\t: chunked\r\n", framing),
        ] {
            assert_eq!(defects_of_lines(lines.as_bytes()), expected, "{lines:?}");
        }
        assert_eq!(
            read(b"GET /a b HTTP/1.1\r\n").unwrap().defects(),
            Defects::BAD_HEAD
        );
        assert_eq!(
            read(b"GET /a HTTP/1.1\r\n").unwrap().defects(),
            Defects::empty()
        );
        let apart: Vec<_> = of_lines(b"Host : a\r\n").collect();
        assert_eq!(apart, [(&b"Host"[..], &b"a"[..])]);
    }

    #[test]
    fn a_head_has_a_limit_of_bytes_and_none_of_lines() {
        let with = |fields: usize| {
            format!("GET / HTTP/1.1\r\n{}\r\nbody", "abc: d\r\n".repeat(fields)).into_bytes()
        };
        let (some, many) = (with(1000), with(10_000));
        let head = read(&some).unwrap();
        assert_eq!(head.fields().count(), 1000);
        assert_eq!(head.head_bytes, Some(some.len() - 4));
        let head = read(&many).unwrap();
        assert_eq!(head.fields().count(), (HEAD_BYTES - 16) / 8);
        assert_eq!(head.head_bytes, None);
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(HEAD_BYTES));
        assert!(read(long.as_bytes()).is_none());
    }

    #[test]
    fn reads_cookies() {
        let request = read(
            b"GET / HTTP/1.1\r\nCookie: a=1; b=\"x=y\";c;=d; =e;f=\r\nSet-Cookie: no=1\r\ncookie:g = 2\r\n\r\n",
        )
        .unwrap();
        assert_eq!(text(cookies(&request)), ["a=1", "b=\"x=y\"", "f=", "g=2"]);
        let response = read(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: id=a3f; Path=/; Secure\r\nSET-COOKIE: t=\r\nset-cookie: none; a=b\r\nCookie: no=1\r\n",
        )
        .unwrap();
        assert_eq!(text(cookies(&response)), ["id=a3f", "t="]);
    }
}
