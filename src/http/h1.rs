//! The head of an HTTP/1 message (RFC 9112), from the first bytes of a payload.
//!
//! Captured payloads are cut anywhere, so a head need not be complete: the start line suffices, and header lines count
//! as far as they are there. Nothing is decoded, joined or validated beyond that.

use super::fields;
use crate::event::{Content, HttpHead};

/// How many bytes of a request target are kept.
const PATH_BYTES: usize = 8 * 1024;
/// How many bytes of a method, host or content type are kept.
const VALUE_BYTES: usize = 1024;

/// Reads the head that `payload` starts with, if it starts with a whole start line.
pub fn head(payload: &[u8]) -> Option<(Content, HttpHead)> {
    let head = fields::read(payload)?;
    let content = if head.is_request {
        Content::Http1Request
    } else {
        Content::Http1Response
    };
    let first = |name| {
        head.values(name)
            .find(|value| !value.is_empty())
            .map(|value| kept(&fields::unfolded(value), VALUE_BYTES))
    };
    let host = if head.is_request {
        head.target
            .and_then(|target| asked_host(head.method.map(str::as_bytes), target))
            .map(|host| kept(&host, VALUE_BYTES))
            .or_else(|| first("host"))
    } else {
        None
    };
    let indexed = HttpHead {
        method: head
            .method
            .map(|method| kept(method.as_bytes(), VALUE_BYTES)),
        host: host.map(|mut host| {
            host.make_ascii_lowercase();
            host
        }),
        path: head.target.map(|target| kept(target, PATH_BYTES)),
        status: head.status,
        content_type: first("content-type"),
    };
    Some((content, indexed))
}

/// The host in the target, which wins over the field (RFC 9112, section 3.2.2).
pub(super) fn asked_host(method: Option<&[u8]>, target: &[u8]) -> Option<Vec<u8>> {
    if method == Some(b"CONNECT") {
        return Some(target.to_vec());
    }
    authority(std::str::from_utf8(target).ok()?).map(<[u8]>::to_vec)
}

/// The authority of an absolute-form target, `http://host:port/path`, without user information.
fn authority(target: &str) -> Option<&[u8]> {
    let (scheme, rest) = target.split_once("://")?;
    if scheme.is_empty() || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let authority = rest
        .as_bytes()
        .split(|byte| matches!(byte, b'/' | b'?' | b'#'))
        .next()?;
    let host = authority.rsplit(|byte| *byte == b'@').next()?;
    (!host.is_empty()).then_some(host)
}

/// At most `limit` bytes of `value`, as text. A character that the limit cuts is left out whole.
pub(crate) fn kept(value: &[u8], limit: usize) -> String {
    let cut = value.get(..limit).unwrap_or(value);
    let whole = match std::str::from_utf8(cut) {
        Err(error) if error.error_len().is_none() && cut.len() < value.len() => {
            cut.get(..error.valid_up_to()).unwrap_or(cut)
        }
        _ => cut,
    };
    String::from_utf8_lossy(whole).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(payload: &str, expected: [&str; 5]) {
        let (content, head) = head(payload.as_bytes()).unwrap();
        let status = head.status.map(|status| status.to_string());
        let found = [
            head.method.as_deref().unwrap_or_default(),
            head.host.as_deref().unwrap_or_default(),
            head.path.as_deref().unwrap_or_default(),
            status.as_deref().unwrap_or_default(),
            head.content_type.as_deref().unwrap_or_default(),
        ];
        assert_eq!(found, expected, "{payload:?}");
        assert_eq!(content == Content::Http1Response, head.status.is_some());
    }

    #[test]
    fn reads_heads() {
        check("GET /a?b HTTP/1.1\r\n", ["GET", "", "/a?b", "", ""]);
        check(
            "POST / HTTP/1.1\r\nhost: Example.COM:8443 \r\nContent-Type: text/plain\r\n\r\nHost: no\r\n",
            ["POST", "example.com:8443", "/", "", "text/plain"],
        );
        check(
            "GET http://u@Proxy.test:80/x HTTP/1.1\r\nHost: other\r\n",
            ["GET", "proxy.test:80", "http://u@Proxy.test:80/x", "", ""],
        );
        check(
            "CONNECT h.test:443 HTTP/1.1\r\n\r\n",
            ["CONNECT", "h.test:443", "h.test:443", "", ""],
        );
        check("GET / HTTP/1.0\nHost: a\n\n", ["GET", "a", "/", "", ""]);
        check("GET / HTTP/1.1\r\nHost: cut.exam", ["GET", "", "/", "", ""]);
        check(
            "HTTP/1.1 204 No Content\r\nContent-type: a/b; c=d\r\n",
            ["", "", "", "204", "a/b; c=d"],
        );
        check("HTTP/1.0 200\r\n\r\n", ["", "", "", "200", ""]);
    }

    #[test]
    fn other_text_is_no_head() {
        for payload in [
            "",
            "GET / HTTP/1.1",
            "GET /\r\n",
            "hello world\r\n",
            "HTTP/1.1 abc\r\n",
            "HTTP/2 200\r\n",
            "\r\nGET / HTTP/1.1\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ] {
            assert_eq!(head(payload.as_bytes()), None, "{payload:?}");
        }
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let path = format!("/{}", "ä".repeat(PATH_BYTES));
        let line = format!("GET {} HTTP/1.1\r\n", "/x".repeat(6000));
        let (_, head) = head(line.as_bytes()).unwrap();
        assert_eq!(head.path.unwrap().len(), PATH_BYTES);
        assert_eq!(kept(path.as_bytes(), PATH_BYTES).len(), PATH_BYTES - 1);
    }
}
