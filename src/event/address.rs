//! Addresses, and which way bytes went.

use std::net::SocketAddr;

use super::Role;

/// Whether the traced process read or wrote. It says nothing about who opened the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The process read: the bytes came in.
    Inbound,
    /// The process wrote: the bytes went out.
    Outbound,
}

impl Direction {
    /// The number that stands for it in a capture file and in eCapture's `uuid`: 0 read, 1 write.
    pub fn code(self) -> u8 {
        match self {
            Self::Inbound => 0,
            Self::Outbound => 1,
        }
    }

    /// The direction that `code` stands for.
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Inbound),
            1 => Some(Self::Outbound),
            _ => None,
        }
    }

    /// `in` or `out`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbound => "in",
            Self::Outbound => "out",
        }
    }

    /// The other one.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Inbound => Self::Outbound,
            Self::Outbound => Self::Inbound,
        }
    }
}

/// What the order of a tuple's two addresses means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sense {
    /// `src` opened the connection and `dst` accepted it (openssl and connection events, every release).
    InitiatorToAcceptor,
    /// `src` is the traced process's own end. gotls in 2.x prints the tuple in the direction of the data; turned
    /// around for reads, that is local to remote.
    LocalToRemote,
}

impl Sense {
    /// The number that stands for it in a capture file.
    pub fn code(self) -> u8 {
        match self {
            Self::InitiatorToAcceptor => 1,
            Self::LocalToRemote => 2,
        }
    }

    /// The sense that `code` stands for.
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::InitiatorToAcceptor),
            2 => Some(Self::LocalToRemote),
            _ => None,
        }
    }
}

/// The two ends of a connection, with what their order means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// The first address.
    pub src: SocketAddr,
    /// The second address.
    pub dst: SocketAddr,
    /// What their order means.
    pub sense: Sense,
}

/// Where a connection's addresses come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TupleSource {
    /// Address fields of the event.
    Field,
    /// eCapture's `uuid`, where the fields are empty (IPv6 up to 1.5.2).
    Uuid,
    /// A connection event for the same process and descriptor (2.x openssl).
    ConnectionEvent,
    /// A connection event of the same process, the only candidate at the time, for a stream without a descriptor.
    Inferred,
    /// The text of the event itself (2.x gotls).
    Text,
}

impl TupleSource {
    /// The number that stands for it in a capture file.
    pub fn code(self) -> u8 {
        match self {
            Self::Field => 1,
            Self::Uuid => 2,
            Self::ConnectionEvent => 3,
            Self::Inferred => 4,
            Self::Text => 5,
        }
    }

    /// The source that `code` stands for.
    pub fn from_code(code: u8) -> Option<Self> {
        [
            Self::Field,
            Self::Uuid,
            Self::ConnectionEvent,
            Self::Inferred,
            Self::Text,
        ]
        .into_iter()
        .find(|source| source.code() == code)
    }

    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::Uuid => "uuid",
            Self::ConnectionEvent => "connection_event",
            Self::Inferred => "inferred",
            Self::Text => "text",
        }
    }
}

/// What is known about the two ends of a connection. Each pair is known or unknown on its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// The end that opened the connection.
    pub client: Option<SocketAddr>,
    /// The end that accepted it.
    pub server: Option<SocketAddr>,
    /// The end that the traced process holds.
    pub local: Option<SocketAddr>,
    /// The end that the traced process talks to.
    pub remote: Option<SocketAddr>,
    /// Where the addresses come from.
    pub source: Option<TupleSource>,
    /// Whether it is an inference from the traffic which end is whose (client and server in gotls, local and remote
    /// elsewhere), and not something that eCapture said.
    pub role_inferred: bool,
}

impl Endpoints {
    /// What follows from a connection's addresses and from which end the process is.
    pub fn new(tuple: Tuple, source: TupleSource, role: Option<Role>) -> Self {
        let Tuple { src, dst, sense } = tuple;
        let (client, server, local, remote) = match (sense, role) {
            (Sense::InitiatorToAcceptor, None) => (Some(src), Some(dst), None, None),
            (_, Some(Role::Client)) => (Some(src), Some(dst), Some(src), Some(dst)),
            (Sense::InitiatorToAcceptor, Some(Role::Server)) => {
                (Some(src), Some(dst), Some(dst), Some(src))
            }
            (Sense::LocalToRemote, None) => (None, None, Some(src), Some(dst)),
            (Sense::LocalToRemote, Some(Role::Server)) => {
                (Some(dst), Some(src), Some(src), Some(dst))
            }
        };
        Self {
            client,
            server,
            local,
            remote,
            source: Some(source),
            role_inferred: role.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip() {
        for code in 1..=5 {
            assert_eq!(
                TupleSource::from_code(code).map(TupleSource::code),
                Some(code)
            );
        }
        assert_eq!(TupleSource::from_code(0), None);
        for direction in [Direction::Inbound, Direction::Outbound] {
            assert_eq!(Direction::from_code(direction.code()), Some(direction));
            assert_eq!(direction.reversed().reversed(), direction);
        }
    }

    #[test]
    fn the_role_tells_the_ends_apart() {
        let (a, b) = (
            "10.0.0.1:1000".parse().unwrap(),
            "10.0.0.2:443".parse().unwrap(),
        );
        let accepted = Tuple {
            src: a,
            dst: b,
            sense: Sense::InitiatorToAcceptor,
        };
        let ends = Endpoints::new(accepted, TupleSource::Field, Some(Role::Server));
        assert_eq!((ends.client, ends.local), (Some(a), Some(b)));
        let own = Tuple {
            src: a,
            dst: b,
            sense: Sense::LocalToRemote,
        };
        let ends = Endpoints::new(own, TupleSource::Text, None);
        assert_eq!(
            (ends.client, ends.local, ends.remote),
            (None, Some(a), Some(b))
        );
        let ends = Endpoints::new(own, TupleSource::Text, Some(Role::Server));
        assert_eq!((ends.client, ends.server), (Some(b), Some(a)));
    }
}
