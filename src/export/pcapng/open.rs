//! The connections that are under way in a file of packets, not more than a fixed number at a time.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use super::ends::Ends;
use crate::event::{ConnectionId, Role, StoredEvent, StreamId, Timestamp};

/// How many connections are told apart at a time, each in some hundred bytes of memory.
pub const MAX_OPEN_CONNECTIONS: usize = 8192;

/// What packets of one TCP connection have in common. Captures are told apart by their interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A connection.
    Connection(u32, ConnectionId),
    /// A stream of bytes that belongs to no connection.
    Stream(u32, StreamId),
}

impl Key {
    /// That of an event.
    pub(super) fn of(interface: u32, stored: &StoredEvent) -> Self {
        match stored.connection {
            Some(connection) => Self::Connection(interface, connection),
            None => Self::Stream(interface, stored.stream),
        }
    }

    /// The interface that stands for its capture.
    pub(super) fn interface(self) -> u32 {
        match self {
            Self::Connection(interface, _) | Self::Stream(interface, _) => interface,
        }
    }
}

/// A connection that is under way.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) key: Key,
    pub(super) ends: Ends,
    /// Which end the process is.
    pub(super) role: Role,
    /// The process's end, if it is known which that is.
    pub(super) local: Option<SocketAddr>,
    /// The sequence numbers of the next bytes.
    pub(super) next_of_client: u32,
    pub(super) next_of_server: u32,
    /// Events since the last packet that only repeated a head.
    pub(super) repeats: u64,
    /// Packets since the other end said something.
    pub(super) unanswered: u32,
    /// When its last event was.
    pub(super) last: Timestamp,
}

impl Open {
    /// The next sequence number of one end, which then is that after `bytes` more.
    pub(super) fn advance(&mut self, end: Role, bytes: u32) -> u32 {
        let next = match end {
            Role::Client => &mut self.next_of_client,
            Role::Server => &mut self.next_of_server,
        };
        let sequence = *next;
        *next = sequence.wrapping_add(bytes);
        sequence
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct OpenTable {
    connections: HashMap<Key, (u64, Open)>,
    /// In the order of their last use.
    by_use: BTreeMap<u64, Key>,
    by_ends: HashMap<(SocketAddr, SocketAddr), Key>,
    uses: u64,
}

impl OpenTable {
    /// A connection, which is in use from now on.
    pub(super) fn touch(&mut self, key: Key) -> Option<&mut Open> {
        let (used, open) = self.connections.get_mut(&key)?;
        self.by_use.remove(used);
        self.uses = self.uses.saturating_add(1);
        *used = self.uses;
        self.by_use.insert(self.uses, key);
        Some(open)
    }

    /// Which one has these ends.
    pub(super) fn holder(&self, ends: &Ends) -> Option<&Open> {
        let key = self.by_ends.get(&ends.unordered())?;
        self.connections.get(key).map(|(_, open)| open)
    }

    /// Adds one.
    pub(super) fn insert(&mut self, open: Open) {
        self.uses = self.uses.saturating_add(1);
        self.by_use.insert(self.uses, open.key);
        self.by_ends.insert(open.ends.unordered(), open.key);
        self.connections.insert(open.key, (self.uses, open));
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, key: Key) -> Option<Open> {
        let (used, open) = self.connections.remove(&key)?;
        self.by_use.remove(&used);
        self.by_ends.remove(&open.ends.unordered());
        Some(open)
    }

    /// Takes out the one that has been out of use for longest, if there is room for no other.
    pub(super) fn make_room(&mut self) -> Option<Open> {
        (self.connections.len() >= MAX_OPEN_CONNECTIONS)
            .then(|| self.pop())
            .flatten()
    }

    /// Takes out the one that has been out of use for longest.
    pub(super) fn pop(&mut self) -> Option<Open> {
        let (_, key) = self.by_use.first_key_value()?;
        self.remove(*key)
    }
}
