//! The values of flags: addresses, networks, statuses, types and names.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{AddressPattern, Error};

/// Reads an address (`10.0.0.1`), a network (`10.0.0.0/8`), a port (`:443`), or one of the first two with a port
/// (`10.0.0.1:443`, `[2001:db8::1]:443`).
///
/// # Errors
///
/// [`Error::Address`] for anything else.
pub fn address(text: &str) -> Result<AddressPattern, Error> {
    let whole = |net| AddressPattern {
        net: Some(net),
        port: None,
    };
    if let Ok(net) = network(text) {
        return Ok(whole(net));
    }
    let (host, port) = text.rsplit_once(':').ok_or(Error::Address)?;
    // `u16::from_str` takes a sign, which no port has.
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| digits).ok_or(Error::Address)?;
    let net = if host.is_empty() {
        None
    } else if host.contains(':') && !host.starts_with('[') {
        return Err(Error::Address);
    } else {
        Some(network(host).map_err(|_| Error::Address)?)
    };
    Ok(AddressPattern {
        net,
        port: Some(port),
    })
}

/// Reads an address or a network; an IPv6 one may stand in brackets. An IPv4-mapped address is read as IPv4.
///
/// # Errors
///
/// [`Error::Network`] for anything else.
pub fn network(text: &str) -> Result<IpNet, Error> {
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .filter(|inner| inner.contains(':'))
        .unwrap_or(text);
    if let Ok(address) = inner.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    inner
        .parse::<IpNet>()
        .map(|net| net.trunc())
        .map_err(|_| Error::Network)
}

/// Status codes from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusPattern {
    /// The lowest code.
    pub first: u16,
    /// The highest code.
    pub last: u16,
}

/// Reads a status code (`404`), a class (`5xx`) or a range (`400-499`).
///
/// # Errors
///
/// [`Error::Status`] for anything else, [`Error::StatusOrder`] for a range that is upside down.
pub fn status(text: &str) -> Result<StatusPattern, Error> {
    if let Some(class) = text.to_ascii_lowercase().strip_suffix("xx") {
        let class: u16 = class.parse().map_err(|_| Error::Status)?;
        if !(1..=9).contains(&class) {
            return Err(Error::Status);
        }
        return Ok(StatusPattern {
            first: class * 100,
            last: class * 100 + 99,
        });
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (code(first)?, code(last)?);
    if first > last {
        return Err(Error::StatusOrder);
    }
    Ok(StatusPattern { first, last })
}

fn code(text: &str) -> Result<u16, Error> {
    text.parse()
        .ok()
        .filter(|code| (100..=999).contains(code))
        .ok_or(Error::Status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let cases = [
            ("10.0.0.1", "10.0.0.1/32 -"),
            ("10.1.2.3/8", "10.0.0.0/8 -"),
            ("10.0.0.1:443", "10.0.0.1/32 443"),
            ("10.0.0.0/8:443", "10.0.0.0/8 443"),
            (":443", "- 443"),
            ("::1", "::1/128 -"),
            ("::", "::/128 -"),
            ("[::1]", "::1/128 -"),
            ("[2001:db8::1]:443", "2001:db8::1/128 443"),
            ("2001:db8::/32", "2001:db8::/32 -"),
            ("[2001:db8::/32]:443", "2001:db8::/32 443"),
            ("::ffff:10.0.0.1", "10.0.0.1/32 -"),
        ];
        for (text, expected) in cases {
            let pattern = address(text).unwrap();
            let net = pattern.net.map_or("-".to_owned(), |net| net.to_string());
            let port = pattern.port.map_or("-".to_owned(), |port| port.to_string());
            assert_eq!(format!("{net} {port}"), expected, "{text}");
        }
        for text in [
            "",
            ":",
            "localhost",
            "10.0.0",
            "10.0.0.1:",
            "10.0.0.1:+80",
            "10.0.0.1:65536",
            "10.0.0.0/33",
            "[10.0.0.1",
            "2001:db8::1:99999",
            "[::1]443",
        ] {
            assert_eq!(address(text), Err(Error::Address), "{text}");
        }
        assert_eq!(network("10.0.0.1:443"), Err(Error::Network));
    }

    #[test]
    fn statuses() {
        let cases = [
            ("200", Ok((200, 200))),
            ("5xx", Ok((500, 599))),
            ("4XX", Ok((400, 499))),
            ("400-499", Ok((400, 499))),
            ("499-400", Err(Error::StatusOrder)),
            ("20", Err(Error::Status)),
            ("1000", Err(Error::Status)),
            ("xx", Err(Error::Status)),
            ("0xx", Err(Error::Status)),
            ("", Err(Error::Status)),
            ("200-", Err(Error::Status)),
            ("ok", Err(Error::Status)),
        ];
        for (text, expected) in cases {
            let read = status(text).map(|pattern| (pattern.first, pattern.last));
            assert_eq!(read, expected, "{text}");
        }
    }
}
