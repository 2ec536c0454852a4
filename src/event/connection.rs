//! Connections, as they become known.

use super::{ConnectionId, Tuple, TupleSource};

/// Which end of a connection the traced process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It opened the connection: it sends requests.
    Client,
    /// It accepted the connection: it answers.
    Server,
}

impl Role {
    /// The number that stands for it in a capture file.
    pub fn code(self) -> u8 {
        match self {
            Self::Client => 1,
            Self::Server => 2,
        }
    }

    /// Its name in output and in filters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    /// The role that `code` stands for.
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Client),
            2 => Some(Self::Server),
            _ => None,
        }
    }
}

/// A connection of one process: one epoch of one descriptor, or of one thread where the descriptor is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// The descriptor, as eCapture says it.
    pub fd: Option<u32>,
    /// The thread, where it takes the place of an unknown descriptor.
    pub tid: Option<u32>,
    /// Its ends, where known, with where that is from.
    pub tuple: Option<(Tuple, TupleSource)>,
    /// Which end the process is, where the traffic shows it.
    pub role: Option<Role>,
}

/// What became known about a connection after it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionUpdate {
    /// Its ends.
    Tuple(ConnectionId, Tuple, TupleSource),
    /// Which end the process is.
    Role(ConnectionId, Role),
}
