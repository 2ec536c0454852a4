//! One TCP segment in IP in Ethernet, with its checksums.

use std::io;
use std::net::{IpAddr, SocketAddr};

use etherparse::err::packet::BuildWriteError;
use etherparse::{PacketBuilder, TcpHeader, TcpOptionElement};

/// How many bytes of a payload one packet takes: more than an event of eCapture 2.x has, less than IP allows.
pub(super) const SEGMENT_BYTES: usize = 32 << 10;

/// Receive windows are multiples of 2 to this, which makes them a gibibyte: nothing is held back (RFC 7323, section 2).
const WINDOW_SHIFT: u8 = 14;
const HOPS: u8 = 64;

/// Which of TCP's flags are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// SYN, or SYN and ACK where there is something to acknowledge.
    Open,
    /// ACK.
    Acknowledge,
    /// PSH and ACK, with bytes.
    Push,
    /// FIN and ACK.
    Close,
}

/// A segment, its bytes apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) sort: Sort,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// Whether the sender opened the connection; it has a MAC address of its own.
    pub(super) is_from_client: bool,
    pub(super) sequence: u32,
    /// The next byte that is expected from the other end, if anything has come from there.
    pub(super) acknowledged: Option<u32>,
}

impl Segment {
    /// Puts the frame with these bytes into `frame`, in place of what was there.
    ///
    /// # Errors
    /// When there are more than [`SEGMENT_BYTES`].
    pub(super) fn build(&self, payload: &[u8], frame: &mut Vec<u8>) -> io::Result<()> {
        frame.clear();
        // Locally administered, so that they are nobody's.
        let (client, server) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let link = if self.is_from_client {
            PacketBuilder::ethernet2(client, server)
        } else {
            PacketBuilder::ethernet2(server, client)
        };
        let network = match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => link.ipv4(from.octets(), to.octets(), HOPS),
            (from, to) => link.ipv6(wide(from), wide(to), HOPS),
        };
        network
            .tcp_header(self.header()?)
            .write(frame, payload)
            .map_err(|error| match error {
                BuildWriteError::Io(error) => error,
                _ => io::ErrorKind::InvalidInput.into(),
            })
    }

    fn header(&self) -> io::Result<TcpHeader> {
        let mut header = TcpHeader::new(self.from.port(), self.to.port(), self.sequence, u16::MAX);
        header.ack = self.acknowledged.is_some();
        header.acknowledgment_number = self.acknowledged.unwrap_or(0);
        match self.sort {
            Sort::Open => {
                header.syn = true;
                let largest = u16::try_from(SEGMENT_BYTES).unwrap_or(u16::MAX);
                header
                    .set_options(&[
                        TcpOptionElement::MaximumSegmentSize(largest),
                        TcpOptionElement::Noop,
                        TcpOptionElement::WindowScale(WINDOW_SHIFT),
                    ])
                    .map_err(|_| io::ErrorKind::InvalidInput)?;
            }
            Sort::Acknowledge => {}
            Sort::Push => header.psh = true,
            Sort::Close => header.fin = true,
        }
        Ok(header)
    }
}

/// As the IPv6 address that it is or that stands for it (RFC 4291, section 2.5.5.2).
fn wide(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}
