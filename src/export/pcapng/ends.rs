//! Which two ends the packets of a connection go between.

use std::net::SocketAddr;

use super::ports;
use super::stand_ins::StandIns;
use crate::event::{Content, Direction, Role, StoredEvent};

/// Where the server's port is not known and the bytes are HTTP, or it is one that Wireshark does not show HTTP on.
const HTTP_PORT: u16 = 80;
/// Where the server's port is not known and the bytes are something else (RFC 4727, section 5: for experiments).
const OTHER_PORT: u16 = 1021;

/// Two ends, and how they differ from the true ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    /// What stands in for what, in words.
    pub(super) notes: Vec<String>,
}

/// Which end the process is: as the capture knows it, or as the bytes of this event suggest; failing that, the client.
pub(super) fn role(stored: &StoredEvent) -> Role {
    let ends = &stored.endpoints;
    let known = stored.role.or_else(|| match ends.local? {
        local if ends.client == Some(local) => Some(Role::Client),
        local if ends.server == Some(local) => Some(Role::Server),
        _ => None,
    });
    let suggested = || match (sender(stored.event.content)?, stored.event.direction?) {
        (sender, Direction::Outbound) => Some(sender),
        (Role::Client, Direction::Inbound) => Some(Role::Server),
        (Role::Server, Direction::Inbound) => Some(Role::Client),
    };
    known.or_else(suggested).unwrap_or(Role::Client)
}

/// Which end sent the bytes of an event, if the process is `role`.
pub(super) fn sender_of(stored: &StoredEvent, role: Role) -> Role {
    match stored.event.direction {
        Some(Direction::Outbound) => role,
        Some(Direction::Inbound) => other(role),
        None => sender(stored.event.content).unwrap_or(Role::Client),
    }
}

/// The other end.
pub(super) fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// Who sends such bytes.
fn sender(content: Content) -> Option<Role> {
    match content {
        Content::Http1Request | Content::Http2Preface => Some(Role::Client),
        Content::Http1Response => Some(Role::Server),
        _ => None,
    }
}

impl Ends {
    /// For a connection whose first bytes are those of this event; the process is `role`.
    pub(super) fn of(stored: &StoredEvent, role: Role, stand_ins: &mut StandIns) -> Self {
        let known = &stored.endpoints;
        let (of_client, of_server) = match role {
            Role::Client => (known.local, known.remote),
            Role::Server => (known.remote, known.local),
        };
        let client = known.client.or(of_client).map(canonical);
        let server = known.server.or(of_server).map(canonical);
        let is_v6 = client.or(server).is_some_and(|end| end.is_ipv6());
        let content = stored.event.content;
        let mut notes = Vec::new();

        let mut server_now = server.unwrap_or_else(|| {
            let stand_in = stand_ins.server(is_v6, unknown_port(content));
            notes.push(format!("server not known: {stand_in} stands in for it"));
            stand_in
        });
        if !shows(content, server_now.port()) {
            let port = server_now.port();
            server_now.set_port(HTTP_PORT);
            notes.push(format!(
                "server port is {port}: written as {HTTP_PORT}, where Wireshark finds HTTP"
            ));
        }
        let mut client_now = client.unwrap_or_else(|| {
            let stand_in = stand_ins.client(is_v6);
            notes.push(format!("client not known: {stand_in} stands in for it"));
            stand_in
        });
        if is_http(content) && !ports::shows_http1(client_now.port()) {
            let port = client_now.port();
            client_now.set_port(stand_ins.client(is_v6).port());
            notes.push(format!(
                "client port is {port}: written as {}, where Wireshark finds HTTP",
                client_now.port()
            ));
        }
        Self {
            client: client_now,
            server: server_now,
            notes,
        }
    }

    /// Lets another address stand in for the client, as these ends are taken.
    pub(super) fn evade(&mut self, stand_ins: &mut StandIns) {
        let stand_in = stand_ins.client(self.client.is_ipv6());
        self.notes.push(format!(
            "client is {}: {stand_in} stands in for it, as another connection has the same ends",
            self.client
        ));
        self.client = stand_in;
    }

    /// The same for both ways that the packets go.
    pub(super) fn unordered(&self) -> (SocketAddr, SocketAddr) {
        (self.client.min(self.server), self.client.max(self.server))
    }
}

fn is_http(content: Content) -> bool {
    matches!(
        content,
        Content::Http1Request
            | Content::Http1Response
            | Content::Http2Preface
            | Content::Http2Frames
    )
}

/// Whether Wireshark finds what it is on this port of the server.
fn shows(content: Content, port: u16) -> bool {
    match content {
        Content::Http1Request | Content::Http1Response => ports::shows_http1(port),
        Content::Http2Preface | Content::Http2Frames => ports::shows_http2(port),
        _ => true,
    }
}

fn unknown_port(content: Content) -> u16 {
    if is_http(content) {
        HTTP_PORT
    } else {
        OTHER_PORT
    }
}

/// An IPv4 address that a socket for both shows as IPv6 is an IPv4 address.
fn canonical(end: SocketAddr) -> SocketAddr {
    SocketAddr::new(end.ip().to_canonical(), end.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Endpoints, samples};

    fn stored(content: Content, direction: Option<Direction>, endpoints: Endpoints) -> StoredEvent {
        let mut stored = samples::request();
        stored.endpoints = endpoints;
        stored.event.content = content;
        stored.event.direction = direction;
        stored
    }

    fn both(client: &str, server: &str) -> Endpoints {
        Endpoints {
            client: Some(client.parse().unwrap()),
            server: Some(server.parse().unwrap()),
            ..Endpoints::default()
        }
    }

    fn own(local: &str, remote: &str) -> Endpoints {
        Endpoints {
            local: Some(local.parse().unwrap()),
            remote: Some(remote.parse().unwrap()),
            ..Endpoints::default()
        }
    }

    fn check(stored: &StoredEvent, client: &str, server: &str, notes: usize) {
        let ends = Ends::of(stored, role(stored), &mut StandIns::default());
        let found = (
            ends.client.to_string(),
            ends.server.to_string(),
            ends.notes.len(),
        );
        assert_eq!(
            found,
            (client.to_owned(), server.to_owned(), notes),
            "{ends:?}"
        );
    }

    #[test]
    fn the_process_is_the_end_that_the_bytes_suggest() {
        let (inbound, outbound) = (Some(Direction::Inbound), Some(Direction::Outbound));
        for (content, direction, expected, from) in [
            (Content::Http1Request, outbound, Role::Client, Role::Client),
            (Content::Http1Request, inbound, Role::Server, Role::Client),
            (Content::Http1Response, outbound, Role::Server, Role::Server),
            (Content::Http1Response, inbound, Role::Client, Role::Server),
            (Content::Http2Preface, inbound, Role::Server, Role::Client),
            (Content::Binary, inbound, Role::Client, Role::Server),
            (Content::Http1Response, None, Role::Client, Role::Server),
            (Content::Text, None, Role::Client, Role::Client),
        ] {
            let stored = stored(content, direction, Endpoints::default());
            let found = role(&stored);
            assert_eq!(
                (found, sender_of(&stored, found)),
                (expected, from),
                "{content:?}"
            );
        }
        let mut known = samples::request();
        known.role = Some(Role::Server);
        assert_eq!(role(&known), Role::Server);
        known.role = None;
        known.endpoints.local = known.endpoints.server;
        assert_eq!(role(&known), Role::Server);
    }

    #[test]
    fn true_ends_where_wireshark_shows_them_and_stand_ins_elsewhere() {
        let out = Some(Direction::Outbound);
        let h1 = Content::Http1Request;
        let h2 = Content::Http2Preface;
        let pair = both("10.0.0.1:50000", "10.0.0.2:443");
        check(&stored(h1, out, pair), "10.0.0.1:50000", "10.0.0.2:443", 0);
        check(&stored(h2, out, pair), "10.0.0.1:50000", "10.0.0.2:80", 1);
        check(
            &stored(Content::Binary, out, pair),
            "10.0.0.1:50000",
            "10.0.0.2:443",
            0,
        );
        let odd = both("10.0.0.1:57000", "10.0.0.2:6379");
        check(&stored(h1, out, odd), "10.0.0.1:49152", "10.0.0.2:80", 2);
        check(
            &stored(Content::Text, out, odd),
            "10.0.0.1:57000",
            "10.0.0.2:6379",
            0,
        );
        let mapped = both("[::ffff:10.0.0.1]:50000", "10.0.0.2:443");
        check(
            &stored(h1, out, mapped),
            "10.0.0.1:50000",
            "10.0.0.2:443",
            0,
        );
        let none = Endpoints::default();
        check(
            &stored(h1, out, none),
            "192.0.2.1:49152",
            "192.0.2.128:80",
            2,
        );
        check(
            &stored(Content::Text, out, none),
            "192.0.2.1:49152",
            "192.0.2.128:1021",
            2,
        );
        let v6 = own("[2001:db8:9::1]:443", "[2001:db8:9::2]:50000");
        check(
            &stored(h1, Some(Direction::Inbound), v6),
            "[2001:db8:9::2]:50000",
            "[2001:db8:9::1]:443",
            0,
        );
        let half = Endpoints { remote: None, ..v6 };
        check(
            &stored(h1, Some(Direction::Inbound), half),
            "[2001:db8::1:0]:49152",
            "[2001:db8:9::1]:443",
            1,
        );
    }
}
