//! Values of `ecq-record` on the command line: sizes, and addresses to listen at.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use super::keep;

/// A size on the command line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes(pub(super) usize);

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}M", self.0 >> 20)
    }
}

/// Reads a size of at most 1 GiB, at least 64 KiB.
pub(super) fn bytes(text: &str) -> Result<Bytes, String> {
    size(text, 64 << 10)?
        .map(Bytes)
        .ok_or_else(|| "a size from 64k to 1G is wanted".to_owned())
}

/// Reads a size of at most 1 GiB, at least 1 byte.
pub(super) fn snaplen(text: &str) -> Result<usize, String> {
    size(text, 1)?
        .ok_or_else(|| "a size from 1 to 1G is wanted; leave it out to store everything".to_owned())
}

/// Reads a size; `None` if it is less than that, or more than 1 GiB.
fn size(text: &str, least: usize) -> Result<Option<usize>, String> {
    let size = usize::try_from(keep::bytes(text)?).ok();
    Ok(size.filter(|size| (least..=1 << 30).contains(size)))
}

/// An address to listen at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Address(pub(super) SocketAddr);

/// Reads an address with its port, or a port of this host.
pub(super) fn address(text: &str) -> Result<Address, String> {
    let port = text.strip_prefix(':').unwrap_or(text).parse();
    port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .or_else(|_| text.parse())
        .map(Address)
        .map_err(|_| "an address is wanted, like 127.0.0.1:9464".to_owned())
}
