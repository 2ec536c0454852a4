//! Heads of HTTP/1 messages that eCapture 1.x wrote anew, made to fit their bodies.
//!
//! It joins chunks and undoes gzip, and leaves the fields that speak of both, and of the old length
//! (`docs/wire.md`, section 2.4). A reader of packets would look for chunks that are not there.

use crate::http::fields::{self, Head};

/// What a body begins with that is still in gzip (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A head in place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rewritten {
    /// Its bytes.
    pub(super) head: Vec<u8>,
    /// How many bytes of the payload it replaces.
    pub(super) replaced_bytes: usize,
    /// What was changed, in words.
    pub(super) note: String,
}

/// The head of a message that begins with `start` and has `payload_bytes` in all; `None` if nothing is to be changed, or
/// the head is not whole. Whether it may have a body: a response to HEAD may not.
pub(super) fn rewrite(start: &[u8], payload_bytes: u64, may_have_body: bool) -> Option<Rewritten> {
    let head = fields::read(start)?;
    let replaced_bytes = head.head_bytes?;
    // RFC 9112, section 6.3: these have no body, whatever their fields say.
    if matches!(head.status, Some(100..=199 | 204 | 304)) {
        return None;
    }
    let (lines, rest) = start.split_at_checked(replaced_bytes)?;
    let body_bytes = payload_bytes.checked_sub(u64::try_from(replaced_bytes).ok()?)?;
    if body_bytes == 0 && !may_have_body {
        return None;
    }
    let changes = Changes::of(&head, rest, body_bytes);
    if changes.is_none() {
        return None;
    }
    let mut written = Vec::with_capacity(replaced_bytes.saturating_add(40));
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        if matches!(line, b"\n" | b"\r\n") {
            break;
        }
        if !changes.drops(line) {
            written.extend_from_slice(line);
        }
    }
    if let Some((_, length)) = &changes.length {
        written.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
    }
    written.extend_from_slice(b"\r\n");
    Some(Rewritten {
        head: written,
        replaced_bytes,
        note: changes.to_string(),
    })
}

/// What of a head does not fit.
#[derive(Debug, Default)]
struct Changes {
    drops_transfer_encoding: bool,
    drops_content_encoding: bool,
    /// The length that it says, if it does, and the one that there is.
    length: Option<(Option<String>, u64)>,
}

impl Changes {
    fn of(head: &Head<'_>, body: &[u8], body_bytes: u64) -> Self {
        let said: Vec<_> = head.values("content-length").collect();
        let has_transfer_encoding = head.values("transfer-encoding").next().is_some();
        let is_length_right =
            matches!(said.as_slice(), [one] if *one == body_bytes.to_string().as_bytes());
        // A request without a body says nothing of it, and needs not.
        let needs_length = !head.is_request || body_bytes > 0 || !said.is_empty();
        let is_gzip = |value: &[u8]| {
            value.eq_ignore_ascii_case(b"gzip") || value.eq_ignore_ascii_case(b"x-gzip")
        };
        let mut codings = head.values("content-encoding").peekable();
        Self {
            drops_transfer_encoding: has_transfer_encoding,
            drops_content_encoding: codings.peek().is_some()
                && codings.all(is_gzip)
                && !body.starts_with(&GZIP_MAGIC),
            length: (needs_length && !is_length_right).then(|| {
                let said = said
                    .first()
                    .map(|value| String::from_utf8_lossy(value).into_owned());
                (said, body_bytes)
            }),
        }
    }

    fn is_none(&self) -> bool {
        !self.drops_transfer_encoding && !self.drops_content_encoding && self.length.is_none()
    }

    fn drops(&self, line: &[u8]) -> bool {
        let is = |name: &[u8]| {
            line.split_at_checked(name.len())
                .is_some_and(|(start, rest)| {
                    start.eq_ignore_ascii_case(name) && rest.first() == Some(&b':')
                })
        };
        self.drops_transfer_encoding && is(b"transfer-encoding")
            || self.drops_content_encoding && is(b"content-encoding")
            || self.length.is_some() && is(b"content-length")
    }
}

impl std::fmt::Display for Changes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut changes = Vec::new();
        if self.drops_transfer_encoding {
            changes.push("without Transfer-Encoding".to_owned());
        }
        if self.drops_content_encoding {
            changes.push("without Content-Encoding".to_owned());
        }
        if let Some((said, length)) = &self.length {
            let said = said.as_deref().unwrap_or("not given");
            changes.push(format!(
                "with Content-Length {length} (was {})",
                said.escape_debug()
            ));
        }
        let changes = changes.join(", ");
        write!(
            formatter,
            "head made to fit the body, which eCapture decoded: {changes}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(payload: &str, expected: Option<&str>) {
        let rewritten = rewrite(payload.as_bytes(), payload.len() as u64, true);
        let found = rewritten.map(|rewritten| {
            let mut whole = rewritten.head;
            whole.extend_from_slice(&payload.as_bytes()[rewritten.replaced_bytes..]);
            String::from_utf8(whole).unwrap()
        });
        assert_eq!(found.as_deref(), expected, "{payload:?}");
    }

    #[test]
    fn heads_fit_their_bodies() {
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: 1\r\nContent-Encoding: gzip\r\n\r\nhello",
            Some("HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 5\r\n\r\nhello"),
        );
        check(
            "HTTP/1.1 200 OK\r\nContent-Length: 31\r\nContent-Encoding: x-gzip\r\n\r\nhello",
            Some("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        );
        check(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: br\r\n\r\nhello",
            None,
        );
        check(
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
            Some("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"),
        );
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", None);
        check(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nab",
            Some("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"),
        );
        check(
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
            None,
        );
        check("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n", None);
        check("hello\r\n\r\n", None);
    }

    #[test]
    fn says_what_it_changed() {
        let payload = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello";
        assert_eq!(
            rewrite(payload, payload.len() as u64, true).unwrap().note,
            "head made to fit the body, which eCapture decoded: without Transfer-Encoding, \
             with Content-Length 5 (was not given)"
        );
        let gzip =
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b";
        assert_eq!(rewrite(gzip, gzip.len() as u64, true), None);
    }
}
