//! Addresses as eCapture prints them.

use std::net::{IpAddr, SocketAddr};

use super::scan::Scanner;
use crate::event::{Sense, Tuple};

/// `0000:0000:0000:0000:0000:ffff:255.255.255.255`, and a zone.
const ADDRESS_BYTES: usize = 64;

/// Reads `[address]:port`; IPv4 is bracketed too.
pub(super) fn bracketed(scanner: &mut Scanner<'_>) -> Option<SocketAddr> {
    scanner.tag(b"[")?;
    let address = scanner.until(b"]:", ADDRESS_BYTES)?;
    let address: IpAddr = std::str::from_utf8(address).ok()?.parse().ok()?;
    Some(SocketAddr::new(address, scanner.number()?))
}

/// The tuple of two addresses, if both are known.
pub(super) fn tuple(src: SocketAddr, dst: SocketAddr, sense: Sense) -> Option<Tuple> {
    (!is_placeholder(src) && !is_placeholder(dst)).then_some(Tuple { src, dst, sense })
}

/// What eCapture sends for an address that it does not know: `0.0.0.0:0`, `127.0.0.1:0`, `[::]:0`.
fn is_placeholder(address: SocketAddr) -> bool {
    address.port() == 0
        && match address.ip() {
            IpAddr::V4(ip) => ip.is_unspecified() || ip.is_loopback(),
            IpAddr::V6(ip) => ip.is_unspecified(),
        }
}

/// Reads `SRC:SPORT-DST:DPORT` of a stream key, as `PLACEHOLDER` or as two socket addresses.
pub(super) fn dashed(text: &str) -> Option<(SocketAddr, SocketAddr)> {
    let (src, dst) = text.split_once('-')?;
    Some((src.parse().ok()?, dst.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses() {
        for (text, expected) in [
            ("[1.2.3.4]:5", Some("1.2.3.4:5")),
            ("[2001:db8::1]:443", Some("[2001:db8::1]:443")),
            ("[::ffff:10.0.0.9]:1", Some("[::ffff:10.0.0.9]:1")),
            ("1.2.3.4:5", None),
            ("[1.2.3.4]:70000", None),
            ("[x]:1", None),
        ] {
            let found = bracketed(&mut Scanner::new(text.as_bytes()));
            assert_eq!(found, expected.map(|text| text.parse().unwrap()), "{text}");
        }
        for placeholder in ["0.0.0.0:0", "127.0.0.1:0", "[::]:0"] {
            let unknown: SocketAddr = placeholder.parse().unwrap();
            let known: SocketAddr = "1.1.1.1:1".parse().unwrap();
            assert_eq!(tuple(known, unknown, Sense::LocalToRemote), None);
        }
    }
}
