//! Addresses that stand in for those that are not known, from the blocks that are set aside for documentation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::ports;

/// The first port of the dynamic range (RFC 6335, section 6).
const FIRST_PORT: u16 = 49152;
/// How many there are.
const PORTS: u32 = 16_384;
/// How many addresses of 192.0.2.0/24 stand in for clients, and as many for servers.
const ADDRESSES: u32 = 127;

/// Gives each client another address or port, until all 2 million are used up and it begins again.
#[derive(Debug, Default)]
pub(super) struct StandIns {
    clients: u32,
    servers: u32,
}

impl StandIns {
    /// For a client.
    pub(super) fn client(&mut self, is_v6: bool) -> SocketAddr {
        loop {
            let number = self.clients;
            self.clients = self.clients.wrapping_add(1) % (PORTS * ADDRESSES);
            let port = u16::try_from(number % PORTS)
                .unwrap_or(0)
                .saturating_add(FIRST_PORT);
            if ports::shows_http1(port) {
                return SocketAddr::new(address(is_v6, 1, number / PORTS), port);
            }
        }
    }

    /// For a server.
    pub(super) fn server(&mut self, is_v6: bool, port: u16) -> SocketAddr {
        let number = self.servers;
        self.servers = self.servers.wrapping_add(1) % ADDRESSES;
        SocketAddr::new(address(is_v6, 128, number), port)
    }
}

/// 192.0.2.0/24 (RFC 5737) or `2001:db8::/32` (RFC 3849).
fn address(is_v6: bool, first: u8, number: u32) -> IpAddr {
    let number = u8::try_from(number % ADDRESSES).unwrap_or(0);
    if is_v6 {
        let [group, host] = [u16::from(first), u16::from(number)];
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, group, host).into()
    } else {
        Ipv4Addr::new(192, 0, 2, first.saturating_add(number)).into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn clients_are_told_apart_and_stay_within_their_block() {
        let mut stand_ins = StandIns::default();
        for is_v6 in [false, true] {
            let seen: HashSet<_> = (0..100_000).map(|_| stand_ins.client(is_v6)).collect();
            assert_eq!(seen.len(), 100_000);
            assert!(seen.iter().all(|client| match client.ip() {
                IpAddr::V4(ip) => matches!(ip.octets(), [192, 0, 2, 1..=127]),
                IpAddr::V6(ip) => matches!(ip.segments(), [0x2001, 0xdb8, 0, 0, 0, 0, 1, 0..=127]),
            }));
        }
        let servers: Vec<_> = (0..128).map(|_| stand_ins.server(false, 80)).collect();
        assert_eq!(servers[0].to_string(), "192.0.2.128:80");
        assert_eq!(servers[126].to_string(), "192.0.2.254:80");
        assert_eq!(servers[127], servers[0]);
    }
}
