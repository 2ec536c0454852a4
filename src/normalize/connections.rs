//! Which connection an event belongs to, and what is known about its ends.
//!
//! eCapture gives no connection a name. What it gives is a process and a descriptor, which is used again by one
//! connection after another; in 2.x the addresses come in an event of their own, before or after the data. The rules:
//!
//! - A connection is one epoch of (run, pid, fd). Where fd is 0 or unknown, the thread takes its place.
//! - An epoch ends at a connection event for the same (pid, fd), at the start of a new conversation after the end of the
//!   stream (anything that is read; written, an HTTP/2 preface of either side, RFC 9113 section 3.4, an HTTP/1 request, or
//!   anything after a long silence), at a second HTTP/2 client preface, when an event itself carries other addresses, and with a new run of eCapture.
//! - A connection event reaches back over data received at most [`REACH_BACK`] earlier in an epoch without addresses.
//! - A stream without a descriptor gets addresses only where its process had exactly one connection to choose from, and
//!   is marked as inferred.
//! - Everything else stays unknown.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use foldhash::fast::RandomState;

use super::epoch::{Epoch, Marks, is_structured};
use crate::event::{
    Captured, Connection, ConnectionId, ConnectionUpdate, Content, Direction, Endpoints, Event,
    EventId, Kind, Role, Timestamp, Tuple, TupleSource,
};

/// How far a connection event reaches back.
pub const REACH_BACK: Duration = Duration::from_secs(2);

/// How many connections, and how many processes, are remembered; beyond that the longer idle half is forgotten.
const REMEMBERED: usize = 16 * 1024;

/// How many events of the last [`REACH_BACK`], of all connections without addresses, can be given to a later connection.
/// 24 bytes each. At more than half as many a second the oldest stay where they are.
const MOVABLE: usize = 256 * 1024;

/// What tells the connections of a process apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Descriptor {
        pid: Option<u32>,
        fd: u32,
    },
    Thread {
        pid: Option<u32>,
        tid: Option<u32>,
        fd: Option<u32>,
    },
}

impl Key {
    /// The thread, where it stands for a descriptor.
    fn tid(self) -> Option<u32> {
        match self {
            Self::Descriptor { .. } => None,
            Self::Thread { tid, .. } => tid,
        }
    }
}

/// What is known about a process, for its streams without a descriptor.
#[derive(Debug)]
struct Known {
    /// Connections of the process that no data was seen on. More than two are as good as two.
    candidates: Vec<(u32, Tuple)>,
    /// Threads with streams without a descriptor. More than two are as good as two.
    threads: Vec<Key>,
    last: Timestamp,
}

/// What became known with an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The connection that the event belongs to; events without a socket have none.
    pub connection: Option<ConnectionId>,
    /// The connection, if it begins with this event, or is in this file for the first time.
    pub began: Option<Connection>,
    /// What became known about connections.
    pub updates: Vec<ConnectionUpdate>,
    /// Earlier events that belong to another connection than was thought.
    pub moves: Vec<(EventId, ConnectionId)>,
}

/// An event that a connection event may still give to another connection.
#[derive(Debug)]
struct Recent {
    received: Timestamp,
    event: EventId,
    of: ConnectionId,
}

/// Keeps track of connections. A function of the events it is shown, in order.
#[derive(Debug)]
pub struct Connections {
    epochs: HashMap<Key, Epoch, RandomState>,
    processes: HashMap<u32, Known, RandomState>,
    /// Data of the last [`REACH_BACK`] on connections without addresses, in order of arrival.
    recent: VecDeque<Recent>,
    next: i64,
}

impl Connections {
    /// `next` is the id that the first connection gets.
    pub fn new(next: i64) -> Self {
        Self {
            epochs: HashMap::default(),
            processes: HashMap::default(),
            recent: VecDeque::new(),
            next,
        }
    }

    /// The id that the next connection gets.
    pub fn next_id(&self) -> i64 {
        self.next
    }

    /// Goes on with this id: connections of other eCaptures have those before it.
    pub fn set_next_id(&mut self, next: i64) {
        self.next = next;
    }

    /// Forgets everything: a new run of eCapture begins.
    pub fn start_run(&mut self) {
        self.epochs.clear();
        self.processes.clear();
        self.recent.clear();
    }

    /// Another file begins: a connection is told again with its next event, with all that is known of it, and events that
    /// were placed before stay where they are.
    pub fn start_file(&mut self) {
        self.recent.clear();
        for epoch in self.epochs.values_mut() {
            epoch.is_told = false;
        }
    }

    /// Finds the connection of an event, which will be stored under `id`.
    pub fn place(&mut self, id: EventId, captured: &Captured) -> Placement {
        let event = &captured.event;
        let has_socket = matches!(event.kind, Kind::TlsData | Kind::Connection)
            || event.fd.is_some()
            || event.tuple.is_some();
        if !has_socket {
            return Placement::default();
        }
        self.forget_idle();
        let key = key(event);
        let mut placement = Placement::default();
        if event.kind == Kind::Connection {
            self.place_connection_event(key, event, &mut placement);
        } else {
            self.place_data(key, captured, &mut placement);
        }
        if let Some(epoch) = self.epochs.get_mut(&key) {
            placement.connection = Some(epoch.id);
            if !std::mem::replace(&mut epoch.is_told, true) {
                placement.began = Some(Connection {
                    id: epoch.id,
                    fd: event.fd,
                    tid: key.tid(),
                    tuple: epoch.tuple,
                    role: epoch.role,
                });
            }
            epoch.last = event.received;
            if epoch.tuple.is_none() && event.kind == Kind::TlsData && !is_structured(event) {
                let since = event.received.minus(REACH_BACK);
                let is_old = |recent: &Recent| recent.received < since;
                while self.recent.len() >= MOVABLE || self.recent.front().is_some_and(is_old) {
                    self.recent.pop_front();
                }
                self.recent.push_back(Recent {
                    received: event.received,
                    event: id,
                    of: epoch.id,
                });
            }
            epoch.see(captured);
            if epoch.role.is_none()
                && let Some(role) = role(event)
            {
                epoch.role = Some(role);
                placement
                    .updates
                    .push(ConnectionUpdate::Role(epoch.id, role));
            }
        }
        placement
    }

    /// The connections that events may still be given to.
    pub fn live(&self) -> impl Iterator<Item = ConnectionId> {
        let recent = self.recent.iter().map(|recent| recent.of);
        self.epochs.values().map(|epoch| epoch.id).chain(recent)
    }

    /// What is known of the connection that an event was given to just now: its ends, and which of them the process is.
    pub fn ends(&self, event: &Event) -> (Endpoints, Option<Role>) {
        let Some(epoch) = self.epochs.get(&key(event)) else {
            return (Endpoints::default(), None);
        };
        let endpoints = epoch
            .tuple
            .map_or_else(Endpoints::default, |(tuple, source)| {
                Endpoints::new(tuple, source, epoch.role)
            });
        (endpoints, epoch.role)
    }

    /// The event that was placed last is not stored, so it cannot move; the next one gets its id.
    pub fn leave_out(&mut self, id: EventId) {
        if self.recent.back().is_some_and(|last| last.event == id) {
            self.recent.pop_back();
        }
    }

    fn place_connection_event(&mut self, key: Key, event: &Event, placement: &mut Placement) {
        let Some(tuple) = event.tuple else {
            return self.begin(key, event, None, placement);
        };
        self.learn(key, event, (tuple, TupleSource::ConnectionEvent), placement);
        let has_data = self
            .epochs
            .get(&key)
            .is_some_and(|epoch| epoch.marks.intersects(Marks::DATA));
        if let (Key::Descriptor { fd, .. }, Some(pid), false) = (key, event.process.pid, has_data) {
            self.offer(pid, fd, tuple, event.received, placement);
        }
    }

    /// Addresses became known for a key: for the current epoch, for its last moments, or for a new one.
    fn learn(
        &mut self,
        key: Key,
        event: &Event,
        ends: (Tuple, TupleSource),
        placement: &mut Placement,
    ) {
        let since = event.received.minus(REACH_BACK);
        match self.epochs.get_mut(&key) {
            Some(epoch) if epoch.marks.contains(Marks::NAMELESS) => {
                self.begin(key, event, Some(ends), placement);
            }
            Some(epoch) if epoch.tuple.is_none() && epoch.began >= since => {
                epoch.tuple = Some(ends);
                placement
                    .updates
                    .push(ConnectionUpdate::Tuple(epoch.id, ends.0, ends.1));
            }
            Some(epoch) if epoch.tuple.is_none() => {
                let old = epoch.id;
                self.begin(key, event, Some(ends), placement);
                let recent = self
                    .recent
                    .iter()
                    .filter(|recent| recent.of == old && recent.received >= since);
                let moved: Vec<_> = recent.map(|recent| recent.event).collect();
                if let Some(epoch) = self.epochs.get(&key) {
                    placement
                        .moves
                        .extend(moved.into_iter().map(|event| (event, epoch.id)));
                }
            }
            // The same addresses before any data: eCapture mentions a pending connect more than once.
            Some(epoch) if epoch.tuple == Some(ends) && !epoch.marks.intersects(Marks::DATA) => {}
            _ => self.begin(key, event, Some(ends), placement),
        }
    }

    /// A connection of a process is one that its streams without a descriptor may belong to.
    fn offer(
        &mut self,
        pid: u32,
        fd: u32,
        tuple: Tuple,
        received: Timestamp,
        placement: &mut Placement,
    ) {
        let known = self.known(pid, received);
        if !known.candidates.contains(&(fd, tuple)) && known.candidates.len() < 2 {
            known.candidates.push((fd, tuple));
        }
        let is_only = known.candidates.len() == 1;
        let [thread] = known.threads.as_slice() else {
            return;
        };
        let thread = *thread;
        let Some(epoch) = self.epochs.get_mut(&thread) else {
            return;
        };
        if epoch.marks.contains(Marks::NAMELESS) {
            return;
        }
        if is_only && epoch.tuple.is_none() && epoch.began >= received.minus(REACH_BACK) {
            epoch.tuple = Some((tuple, TupleSource::Inferred));
            placement.updates.push(ConnectionUpdate::Tuple(
                epoch.id,
                tuple,
                TupleSource::Inferred,
            ));
        } else if !is_only && epoch.tuple.is_some() {
            epoch.marks |= Marks::DOUBTFUL;
        }
    }

    fn known(&mut self, pid: u32, now: Timestamp) -> &mut Known {
        let known = self.processes.entry(pid).or_insert_with(|| Known {
            candidates: Vec::new(),
            threads: Vec::new(),
            last: now,
        });
        known.last = now;
        known
    }

    fn place_data(&mut self, key: Key, captured: &Captured, placement: &mut Placement) {
        let event = &captured.event;
        if let Some(tuple) = event.tuple {
            let source = event.form.tuple_source().unwrap_or(TupleSource::Field);
            let is_other = self
                .epochs
                .get(&key)
                .is_none_or(|epoch| epoch.tuple.map(|(known, _)| known) != Some(tuple));
            if is_other {
                self.learn(key, event, (tuple, source), placement);
            } else if self
                .epochs
                .get(&key)
                .is_some_and(|epoch| epoch.starts_anew(captured))
            {
                self.begin(key, event, Some((tuple, source)), placement);
            }
            return;
        }
        // An event with address fields that are not filled is not on a connection whose addresses eCapture knew.
        let is_structured = is_structured(event);
        let must_begin = self.epochs.get(&key).is_none_or(|epoch| {
            epoch.starts_anew(captured)
                || epoch.marks.contains(Marks::DOUBTFUL)
                || (is_structured && epoch.tuple.is_some())
        });
        if must_begin {
            let inferred = if is_structured {
                None
            } else {
                self.inferred(key, event)
            };
            self.begin(key, event, inferred, placement);
        }
        if let (Key::Descriptor { fd, .. }, Some(pid)) = (key, event.process.pid)
            && let Some(known) = self.processes.get_mut(&pid)
        {
            known.candidates.retain(|(of, _)| *of != fd);
        }
    }

    /// The addresses of the only connection that a stream without a descriptor can belong to.
    fn inferred(&self, key: Key, event: &Event) -> Option<(Tuple, TupleSource)> {
        let Key::Thread { pid: Some(pid), .. } = key else {
            return None;
        };
        let known = self.processes.get(&pid)?;
        let [(_, tuple)] = known.candidates.as_slice() else {
            return None;
        };
        let others = known
            .threads
            .iter()
            .any(|other| *other != key && self.epochs.contains_key(other));
        // A second conversation on the same thread is not the one that the only candidate was opened for.
        let had_it = self
            .epochs
            .get(&key)
            .is_some_and(|epoch| epoch.tuple.map(|(known, _)| known) == Some(*tuple));
        (!others && !had_it && event.kind == Kind::TlsData)
            .then_some((*tuple, TupleSource::Inferred))
    }

    fn begin(
        &mut self,
        key: Key,
        event: &Event,
        tuple: Option<(Tuple, TupleSource)>,
        placement: &mut Placement,
    ) {
        let id = ConnectionId::new(self.next);
        self.next += 1;
        placement.began = Some(Connection {
            id,
            fd: event.fd,
            tid: key.tid(),
            tuple,
            role: None,
        });
        let epoch = Epoch {
            id,
            tuple,
            role: None,
            began: event.received,
            last: event.received,
            marks: Marks::empty(),
            is_told: true,
        };
        self.epochs.insert(key, epoch);
        if let Key::Thread { pid: Some(pid), .. } = key {
            let known = self.known(pid, event.received);
            if !known.threads.contains(&key) && known.threads.len() < 2 {
                known.threads.push(key);
            }
        }
    }

    fn forget_idle(&mut self) {
        if self.epochs.len() >= REMEMBERED {
            let middle = middle(self.epochs.values().map(|epoch| epoch.last));
            self.epochs.retain(|_, epoch| epoch.last > middle);
        }
        if self.processes.len() >= REMEMBERED {
            let middle = middle(self.processes.values().map(|known| known.last));
            self.processes.retain(|_, known| known.last > middle);
        }
    }
}

/// The time that as many lie before as after.
fn middle(times: impl Iterator<Item = Timestamp>) -> Timestamp {
    let mut times: Vec<_> = times.collect();
    let half = times.len() / 2;
    if times.is_empty() {
        Timestamp::MIN
    } else {
        *times.select_nth_unstable(half).1
    }
}

fn key(event: &Event) -> Key {
    let pid = event.process.pid;
    match event.fd {
        Some(fd) if fd != 0 => Key::Descriptor { pid, fd },
        fd => Key::Thread {
            pid,
            tid: event.process.tid,
            fd,
        },
    }
}

/// Which end the process is, if the event shows it: who sends requests opened the connection.
fn role(event: &Event) -> Option<Role> {
    let is_request = match event.content {
        Content::Http1Request | Content::Http2Preface => true,
        Content::Http1Response => false,
        _ => return None,
    };
    let is_outbound = event.direction? == Direction::Outbound;
    Some(if is_request == is_outbound {
        Role::Client
    } else {
        Role::Server
    })
}
