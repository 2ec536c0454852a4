//! The URL of an entry, which must be one whatever was captured.
//!
//! It is the one that was asked for, with whatever a URL cannot hold in percent encoding; for CONNECT, `https:` with the
//! host. Where no host is known that could be one, the address of the server takes its place, and where that is not known
//! either, `unknown.invalid` (RFC 2606, section 2). Reading tools give up on a whole archive over a URL that is none.

use std::net::Ipv6Addr;

use crate::http::exchange::{Exchange, Side};
use crate::http::media::hex_digits;

/// The host where none is known.
const UNKNOWN_HOST: &str = "unknown.invalid";
/// The longest host name, and the longest part of one, in bytes (RFC 1035, section 2.3.4).
const HOST_BYTES: usize = 253;
const LABEL_BYTES: usize = 63;

/// The URL, and whether anything of it is not what was asked for.
pub(super) fn of(exchange: &Exchange) -> (String, bool) {
    if let Some(url) = exchange.url()
        && let Some((scheme, rest)) = url.split_once("://")
        && matches!(scheme, "http" | "https" | "ws" | "wss")
    {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let host = authority.rsplit('@').next().unwrap_or(authority);
        if is_host(host) {
            return (format!("{scheme}://{host}{}", encoded(path)), false);
        }
    }
    let head = exchange.head(Side::Request);
    let is_connect = head.is_some_and(|head| head.method.as_deref() == Some(b"CONNECT"));
    let host = exchange.host().filter(|host| is_host(host));
    let is_inferred = !(is_connect && host.is_some());
    let host = host
        .or_else(|| exchange.endpoints.server.map(|end| end.to_string()))
        .unwrap_or_else(|| UNKNOWN_HOST.to_owned());
    let path = head
        .and_then(|head| head.target.as_deref())
        .map(String::from_utf8_lossy)
        .filter(|target| target.starts_with('/'));
    let path = path.as_deref().unwrap_or("/");
    (format!("https://{host}{}", encoded(path)), is_inferred)
}

/// Whether `host` is a name or an address, with or without a port.
fn is_host(host: &str) -> bool {
    if let Some((address, port)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.parse::<Ipv6Addr>().is_ok()
            && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (name, port) = match host.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let is_label = |label: &str| {
        (1..=LABEL_BYTES).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= HOST_BYTES
        && name
            .strip_suffix('.')
            .unwrap_or(name)
            .split('.')
            .all(is_label)
        && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// With everything in percent encoding that is not visible ASCII.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.extend(hex_digits(byte).map(|digit| digit.to_ascii_uppercase()));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::super::samples;
    use super::*;

    #[test]
    fn urls() {
        for (method, target, host, expected) in [
            (
                "GET",
                "/a?b=c",
                "h.test:8443",
                ("https://h.test:8443/a?b=c", false),
            ),
            (
                "GET",
                "/ä b",
                "[2001:db8::1]:1",
                ("https://[2001:db8::1]:1/%C3%A4%20b", false),
            ),
            (
                "GET",
                "http://u:p@h.test/x",
                "other",
                ("http://h.test/x", false),
            ),
            ("CONNECT", "h.test:443", "", ("https://h.test:443/", false)),
            ("OPTIONS", "*", "h.test", ("https://h.test/", true)),
            ("GET", "/a", "h test", ("https://93.184.216.34:443/a", true)),
            (
                "GET",
                "/a",
                "h.test:99999",
                ("https://93.184.216.34:443/a", true),
            ),
            ("GET", "/a", "", ("https://93.184.216.34:443/a", true)),
            ("GET", "ftp:", "a..b", ("https://93.184.216.34:443/", true)),
        ] {
            let mut exchange = samples::exchange();
            let head = exchange.request.as_mut().unwrap().head.as_mut().unwrap();
            head.method = Some(Bytes::from(method));
            head.target = Some(Bytes::from(target));
            head.fields = samples::fields(&[(b"Host", host.as_bytes())]);
            let (url, is_inferred) = of(&exchange);
            assert_eq!((url.as_str(), is_inferred), expected);
        }
    }

    #[test]
    fn nothing_known() {
        let mut exchange = samples::exchange();
        exchange.request = None;
        exchange.endpoints.server = None;
        assert_eq!(of(&exchange), ("https://unknown.invalid/".to_owned(), true));
    }
}
