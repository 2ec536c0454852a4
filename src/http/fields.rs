//! The start line and the header fields of an HTTP/1 message (RFC 9112), as far as one payload has them.
//!
//! Only whole lines count, since half a value is a wrong one. Nothing is joined or validated beyond that: a field that
//! stands twice is given twice, and the continuation of a folded line is left out.

/// How many bytes of a payload a head may take; what is beyond is not looked at.
pub const HEAD_BYTES: usize = 64 << 10;

/// The head of an HTTP/1 message: a start line, and the header lines that are there.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Whether it is of a request; if not, it is of a response.
    pub is_request: bool,
    /// What follows `HTTP/` in the start line: `1.1`.
    pub version: &'a str,
    /// The method of a request.
    pub method: Option<&'a str>,
    /// The target of a request, as it is in the start line.
    pub target: Option<&'a str>,
    /// The status of a response, 100 to 999.
    pub status: Option<u16>,
    /// How many bytes the head takes, with the blank line: where the body begins. `None` if the head does not end in
    /// this payload, or not within [`HEAD_BYTES`].
    pub head_bytes: Option<usize>,
    /// The header lines, without the blank one.
    lines: &'a [u8],
}

impl<'a> Head<'a> {
    /// The header fields in their order: name and value, without the blanks around it.
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        of_lines(self.lines)
    }

    /// The values of the fields of one name, whatever its case, in their order.
    pub fn values<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.fields()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }
}

/// The fields in whole lines, as [`Head::fields`] gives them.
pub(super) fn of_lines(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> + use<'_> {
    Lines(lines).filter_map(|line| {
        if line.first().is_none_or(|byte| matches!(byte, b' ' | b'\t')) {
            return None;
        }
        let (name, value) = split_once(line, b':')?;
        (!name.is_empty()).then(|| (name, value.trim_ascii()))
    })
}

/// Reads the head that `payload` starts with, if it starts with a whole start line.
pub fn read(payload: &[u8]) -> Option<Head<'_>> {
    if !payload.first()?.is_ascii_alphabetic() {
        return None;
    }
    let scanned = payload.get(..HEAD_BYTES).unwrap_or(payload);
    let start_bytes = memchr::memchr(b'\n', scanned)?.checked_add(1)?;
    let (start, rest) = scanned.split_at_checked(start_bytes)?;
    let head = if start.starts_with(b"HTTP/1.") {
        response(start)?
    } else {
        request(start)?
    };
    let (lines, ended) = header_lines(rest);
    Some(Head {
        head_bytes: ended.map(|bytes| start_bytes.saturating_add(bytes)),
        lines,
        ..head
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

fn request(start: &[u8]) -> Option<Head<'_>> {
    let mut request = httparse::Request::new(&mut []);
    request.parse(start).ok()?;
    Some(Head {
        is_request: true,
        version: version(request.version?),
        method: Some(request.method?),
        target: Some(request.path?),
        status: None,
        head_bytes: None,
        lines: &[],
    })
}

fn response(start: &[u8]) -> Option<Head<'_>> {
    let mut response = httparse::Response::new(&mut []);
    response.parse(start).ok()?;
    let status = response.code.filter(|code| (100..=999).contains(code))?;
    Some(Head {
        is_request: false,
        version: version(response.version?),
        method: None,
        target: None,
        status: Some(status),
        head_bytes: None,
        lines: &[],
    })
}

fn version(minor: u8) -> &'static str {
    if minor == 0 { "1.0" } else { "1.1" }
}

/// The whole lines before the blank one, and how many bytes they take with it, if it is there.
fn header_lines(rest: &[u8]) -> (&[u8], Option<usize>) {
    let mut bytes = 0_usize;
    for line in rest.split_inclusive(|byte| *byte == b'\n') {
        if line.last() != Some(&b'\n') {
            break;
        }
        let after = bytes.saturating_add(line.len());
        if matches!(line, b"\n" | b"\r\n") {
            return (rest.get(..bytes).unwrap_or_default(), Some(after));
        }
        bytes = after;
    }
    (rest.get(..bytes).unwrap_or_default(), None)
}

/// Whole lines, without their ends.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (line, rest) = split_once(self.0, b'\n')?;
        self.0 = rest;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
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
        assert_eq!(text(head.fields()), ["A=b c", "a=", "X=1", "Y=x:y"]);
        assert_eq!(head.values("A").count(), 2);
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
