//! The first line of an HTTP/1 message (RFC 9112, sections 3 and 4), also where it is not quite as it should be.
//!
//! What programs send is not always what the rules say, and what was captured is to be seen all the same. So blanks that
//! are too many or of another kind, blanks within the target, later versions and statuses that are none are read as they
//! are meant, and [`StartLine::is_odd`] says so.

/// How long a method may be where the line is not whole, in bytes. None of those registered has more than 17.
const METHOD_BYTES: usize = 64;
/// What each status line begins with.
const VERSION: &[u8] = b"HTTP/1.";

/// A start line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StartLine<'a> {
    pub(super) kind: Kind<'a>,
    /// What follows `HTTP/`: `1.0` or `1.1`. Later ones are read as the latter (RFC 9110, section 2.5).
    pub(super) version: &'static str,
    /// Whether it breaks the rules.
    pub(super) is_odd: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Request {
        method: &'a str,
        target: &'a [u8],
    },
    /// Digits follow the version. If they are no status, all of it is the reason.
    Response {
        status: Option<u16>,
        reason: &'a [u8],
    },
}

impl<'a> StartLine<'a> {
    /// Reads a line, with its end or without.
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(VERSION) {
            Self::response(line)
        } else {
            Self::request(line)
        }
    }

    fn request(line: &'a [u8]) -> Option<Self> {
        let (method, rest) =
            line.split_at_checked(line.iter().position(|byte| !is_token(*byte))?)?;
        let method = std::str::from_utf8(method)
            .ok()
            .filter(|name| !name.is_empty())?;
        let end = rest.trim_ascii_end();
        let (before, version) = end.split_at_checked(end.len().checked_sub(VERSION.len() + 1)?)?;
        let (version, is_later) = version_of(version)?;
        let target = before.trim_ascii();
        // A blank on each side, and nothing else.
        let has_blanks = before.first().is_some_and(u8::is_ascii_whitespace)
            && before.last().is_some_and(u8::is_ascii_whitespace);
        if !has_blanks || target.is_empty() {
            return None;
        }
        let is_exact = end.len() == rest.len()
            && before
                .strip_prefix(b" ")
                .and_then(|rest| rest.strip_suffix(b" "))
                == Some(target)
            && target.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
        let is_odd = is_later || !is_exact;
        (!is_odd || is_targetlike(method, target)).then_some(Self {
            kind: Kind::Request { method, target },
            version,
            is_odd,
        })
    }

    fn response(line: &'a [u8]) -> Option<Self> {
        let (version, rest) = line.split_at_checked(VERSION.len() + 1)?;
        let (version, is_later) = version_of(version)?;
        if !rest.first().is_some_and(|byte| is_blank(*byte)) {
            return None;
        }
        let text = rest.trim_ascii();
        if !text.first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let digits = text.get(..3).and_then(|digits| {
            let is_number = digits.iter().all(u8::is_ascii_digit);
            std::str::from_utf8(digits).ok().filter(|_| is_number)
        });
        let after = text.get(3..).unwrap_or_default();
        let is_alone = after.first().is_none_or(|byte| is_blank(*byte));
        let status = digits
            .filter(|_| is_alone)
            .and_then(|digits| digits.parse().ok())
            .filter(|status| (100..=999).contains(status));
        let is_exact = rest.get(1..).is_some_and(|rest| rest.starts_with(text))
            && rest.starts_with(b" ")
            && after.first().is_none_or(|byte| *byte == b' ')
            && !text.iter().any(|byte| matches!(byte, 0 | b'\r'));
        Some(Self {
            kind: Kind::Response {
                status,
                reason: if status.is_some() {
                    after.trim_ascii()
                } else {
                    text
                },
            },
            version,
            is_odd: is_later || status.is_none() || !is_exact,
        })
    }
}

/// Whether `bytes`, which are not empty, can be the beginning of a request's line.
pub(super) fn may_begin_request(bytes: &[u8]) -> bool {
    if !bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        return false;
    }
    if let Some(end) = memchr::memchr(b'\n', bytes) {
        let line = StartLine::read(bytes.get(..end).unwrap_or_default());
        return line.is_some_and(|line| match line.kind {
            Kind::Request { method, .. } => method.len() <= METHOD_BYTES,
            Kind::Response { .. } => false,
        });
    }
    let method = bytes.iter().take_while(|byte| is_token(**byte)).count();
    let (method, rest) = bytes.split_at_checked(method).unwrap_or_default();
    if method.len() > METHOD_BYTES || rest.first().is_some_and(|byte| !is_blank(*byte)) {
        return false;
    }
    let target = rest.trim_ascii_start();
    // Only a host to connect to and the target of old have no mark of their own.
    is_marked(target)
        || (target.iter().position(|byte| is_blank(*byte)))
            .and_then(|end| target.get(end..))
            .is_none_or(|version| {
                method == b"CONNECT" || begins(version.trim_ascii_start(), VERSION)
            })
}

/// Whether `bytes`, which are not empty, can be the beginning of a status line.
pub(super) fn may_begin_response(bytes: &[u8]) -> bool {
    begins(bytes, VERSION)
}

/// Whether something is a target without any doubt, so that the line may be odd.
fn is_targetlike(method: &str, target: &[u8]) -> bool {
    method == "CONNECT" || is_marked(target)
}

fn is_marked(target: &[u8]) -> bool {
    let word = target.split(|byte| is_blank(*byte)).next();
    matches!(target.first(), Some(b'/' | b'*'))
        || word.is_some_and(|word| memchr::memmem::find(word, b"://").is_some())
}

/// The version, and whether it is a later one.
fn version_of(version: &[u8]) -> Option<(&'static str, bool)> {
    match version.strip_prefix(VERSION)? {
        b"0" => Some(("1.0", false)),
        b"1" => Some(("1.1", false)),
        [b'2'..=b'9'] => Some(("1.1", true)),
        _ => None,
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether one of them is the beginning of the other.
fn begins(bytes: &[u8], whole: &[u8]) -> bool {
    bytes.starts_with(whole) || whole.starts_with(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of a line, with `odd` where it is.
    fn said(line: &[u8]) -> Option<String> {
        let read = StartLine::read(line)?;
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let parts = match read.kind {
            Kind::Request { method, target } => format!("{method}|{}", text(target)),
            Kind::Response { status, reason } => {
                let status = status.map_or("-".to_owned(), |status| status.to_string());
                format!("{status}|{}", text(reason))
            }
        };
        let odd = if read.is_odd { " odd" } else { "" };
        Some(format!("{parts}|{}{odd}", read.version))
    }

    #[test]
    fn lines() {
        for (line, expected) in [
            (&b"GET / HTTP/1.1\r\n"[..], Some("GET|/|1.1")),
            (b"get /a?b=%20 HTTP/1.0\n", Some("get|/a?b=%20|1.0")),
            (b"M-SEARCH * HTTP/1.1", Some("M-SEARCH|*|1.1")),
            (b"GET /\xc3\xa4 HTTP/1.1\r\n", Some("GET|/\\xc3\\xa4|1.1")),
            (b"GET /\xe4 HTTP/1.1\r\n", Some("GET|/\\xe4|1.1")),
            (b"GET foo HTTP/1.1\r\n", Some("GET|foo|1.1")),
            (b"CONNECT h:443 HTTP/1.1\r\n", Some("CONNECT|h:443|1.1")),
            (b"GET /a b HTTP/1.1\r\n", Some("GET|/a b|1.1 odd")),
            (
                b"GET /a HTTP/1.0 HTTP/1.1\r\n",
                Some("GET|/a HTTP/1.0|1.1 odd"),
            ),
            (
                b"GET http://h/a b HTTP/1.1\r\n",
                Some("GET|http://h/a b|1.1 odd"),
            ),
            (b"GET\t/a\tHTTP/1.1\r\n", Some("GET|/a|1.1 odd")),
            (b"GET  /a  HTTP/1.1 \r\n", Some("GET|/a|1.1 odd")),
            (b"GET /a\0b HTTP/1.1\r\n", Some("GET|/a\\x00b|1.1 odd")),
            (b"GET /a HTTP/1.3\r\n", Some("GET|/a|1.1 odd")),
            (
                b"CONNECT h : 443 HTTP/1.1\r\n",
                Some("CONNECT|h : 443|1.1 odd"),
            ),
            (b"I think that HTTP/1.1\r\n", None),
            (b"GET HTTP/1.1\r\n", None),
            (b"GET  HTTP/1.1\r\n", None),
            (b"GET /a HTTP/2.0\r\n", None),
            (b"GET /a HTTP/1.12\r\n", None),
            (b"GET /aHTTP/1.1\r\n", None),
            (b"GET /a\r\n", None),
            (b"G(T /a HTTP/1.1\r\n", None),
            (b"Host: a", None),
            (b"", None),
            (b"HTTP/1.1 200 OK\r\n", Some("200|OK|1.1")),
            (b"HTTP/1.0 404 Not  Found \n", Some("404|Not  Found|1.0")),
            (b"HTTP/1.1 200\r\n", Some("200||1.1")),
            (b"HTTP/1.1 200 \r\n", Some("200||1.1")),
            (
                b"HTTP/1.1 299 Sch\xf6n \x1b[31m\r\n",
                Some("299|Sch\\xf6n \\x1b[31m|1.1"),
            ),
            (b"HTTP/1.1  200  OK\r\n", Some("200|OK|1.1 odd")),
            (b"HTTP/1.1\t200\tOK\r\n", Some("200|OK|1.1 odd")),
            (b"HTTP/1.2 200 OK\r\n", Some("200|OK|1.1 odd")),
            (b"HTTP/1.1 200 a\0b\r\n", Some("200|a\\x00b|1.1 odd")),
            (b"HTTP/1.1 2000 OK\r\n", Some("-|2000 OK|1.1 odd")),
            (b"HTTP/1.1 099 No\r\n", Some("-|099 No|1.1 odd")),
            (b"HTTP/1.1 20\r\n", Some("-|20|1.1 odd")),
            (b"HTTP/1.1 OK\r\n", None),
            (b"HTTP/1.1\r\n", None),
            (b"HTTP/1.10 200 OK\r\n", None),
            (b"HTTP/2 200\r\n", None),
        ] {
            assert_eq!(said(line).as_deref(), expected, "{}", line.escape_ascii());
            let is_request = expected.is_some_and(|_| !line.starts_with(VERSION));
            let has_end = line.ends_with(b"\n");
            for end in 1..=line.len() {
                let begun = &line[..end];
                let may_begin = may_begin_request(begun);
                assert!(!is_request || may_begin, "{}", begun.escape_ascii());
                assert!(is_request || !has_end || end < line.len() || !may_begin);
                assert!(
                    !line.starts_with(VERSION) || may_begin_response(begun) || expected.is_none()
                );
            }
        }
    }

    #[test]
    fn a_request_shows_from_its_first_bytes() {
        for bytes in [
            &b"\0"[..],
            b" GET",
            b"GET\r",
            b"GET foo FTP",
            b"HTTP/2 200",
            b"Host: a",
            b"G\xffT / HTTP/1.1",
            b"{\"a\":1}",
            b"a=b",
            b"two words, and more",
            &[b'a'; METHOD_BYTES + 1],
        ] {
            assert!(!may_begin_request(bytes), "{}", bytes.escape_ascii());
        }
    }
}
