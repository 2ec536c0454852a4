//! Each rule in the head of `connections.rs`, as a story of events.

mod addresses;
mod epochs;

use std::collections::HashMap;

use super::*;
use crate::event::{
    ConnectionId, ConnectionUpdate, Content, Direction, EventId, Role, Sense, Tuple, TupleSource,
};

/// Places events and keeps what is known by now.
struct Story {
    connections: Connections,
    places: Vec<Option<ConnectionId>>,
    tuples: HashMap<ConnectionId, (Tuple, TupleSource)>,
    roles: HashMap<ConnectionId, Role>,
}

/// One event of a story: its place in it.
type At = usize;

impl Story {
    fn new() -> Self {
        Self {
            connections: Connections::new(1),
            places: Vec::new(),
            tuples: HashMap::new(),
            roles: HashMap::new(),
        }
    }

    fn place(&mut self, millis: i64, mut captured: Captured) -> At {
        captured.event.received = RECEIVED.plus_nanos(millis * 1_000_000);
        let id = EventId::new(i64::try_from(self.places.len()).unwrap());
        let Placement {
            connection,
            began,
            updates,
            moves,
        } = self.connections.place(id, &captured);
        if let Some(began) = began {
            assert_eq!(Some(began.id), connection);
            if let Some(ends) = began.tuple {
                self.tuples.insert(began.id, ends);
            }
        }
        for update in updates {
            match update {
                ConnectionUpdate::Tuple(id, tuple, source) => {
                    assert_eq!(self.tuples.insert(id, (tuple, source)), None);
                }
                ConnectionUpdate::Role(id, role) => {
                    assert_eq!(self.roles.insert(id, role), None);
                }
            }
        }
        for (event, connection) in moves {
            self.places[usize::try_from(event.number()).unwrap()] = Some(connection);
        }
        self.places.push(connection);
        self.places.len() - 1
    }

    /// Which of the events are on one connection: equal numbers, in order of appearance.
    fn groups(&self) -> Vec<usize> {
        let mut seen = Vec::new();
        let number = |place: &Option<ConnectionId>| {
            let known = seen.iter().position(|known| known == place);
            known.unwrap_or_else(|| {
                seen.push(*place);
                seen.len() - 1
            })
        };
        self.places.iter().map(number).collect()
    }

    /// The port that tells the tuples of a story apart, and where it is from.
    fn port(&self, at: At) -> Option<(u16, TupleSource)> {
        let (tuple, source) = self.tuples.get(&self.places[at]?)?;
        Some((tuple.src.port(), *source))
    }

    fn role(&self, at: At) -> Option<Role> {
        self.roles.get(&self.places[at]?).copied()
    }
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
const SETTINGS: &[u8] = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00";
const ACKNOWLEDGED: &[u8] = b"\x00\x00\x00\x04\x01\x00\x00\x00\x00";

fn tuple(port: u16) -> Tuple {
    Tuple {
        src: ([10, 0, 0, 1], port).into(),
        dst: ([10, 0, 0, 2], 443).into(),
        sense: Sense::InitiatorToAcceptor,
    }
}

fn text(text: &str, payload: &[u8]) -> Captured {
    let mut bytes = text.as_bytes().to_vec();
    bytes.extend_from_slice(payload);
    let text = Bytes::from(bytes);
    let event = WireEvent::Text {
        carrier: Carrier::ProtobufText,
        text: text.clone(),
    };
    match Normalizer::new().event(&frame(Opcode::Binary, text), event) {
        Normalized::Captured(captured) => captured,
        Normalized::ConnectionDestroyed => panic!("not an event"),
    }
}

fn data(fd: u32, tid: u32, way: &str, payload: &[u8]) -> Captured {
    let header = format!(
        "[2026-11-23 10:40:38.000] PID:7 TID:{tid} Comm:x FD:{fd} {way} ({} bytes):\n",
        payload.len()
    );
    let mut body = payload.to_vec();
    if !body.ends_with(b"\n") {
        body.push(b'\n');
    }
    text(&header, &body)
}

/// The process wrote.
fn wrote(fd: u32, payload: &[u8]) -> Captured {
    data(fd, 7, "WRITE", payload)
}

/// The process read.
fn read_by(fd: u32, payload: &[u8]) -> Captured {
    data(fd, 7, "READ", payload)
}

/// A connection event.
fn conn(fd: u32, port: u16) -> Captured {
    let line = format!("PID:7, Comm:x, TID:7, FD:{fd}, Tuple: [10.0.0.1]:{port}->[10.0.0.2]:443\n");
    text(&line, b"")
}

/// As 1.5.2 sends it: with address fields, filled or not.
fn structured(fd: u32, payload: &[u8], port: Option<u16>) -> Captured {
    let mut captured = wrote(fd, payload);
    captured.event.form.carrier = Carrier::Protobuf;
    captured.event.form.layout = Layout::OpensslFields;
    captured.event.tuple = port.map(tuple);
    captured
}

/// Places events a millisecond apart.
fn story(events: impl IntoIterator<Item = Captured>) -> Story {
    let mut story = Story::new();
    for (millis, event) in (0..).zip(events) {
        story.place(millis, event);
    }
    story
}

#[track_caller]
fn check_groups(events: impl IntoIterator<Item = Captured>, expected: &[usize]) {
    assert_eq!(story(events).groups(), expected);
}

#[test]
fn the_samples_are_what_they_are_taken_for() {
    let content = |payload| wrote(5, payload).event.content;
    assert_eq!(content(REQUEST), Content::Http1Request);
    assert_eq!(content(RESPONSE), Content::Http1Response);
    assert_eq!(content(PREFACE), Content::Http2Preface);
    assert_eq!(content(SETTINGS), Content::Http2Frames);
    assert_eq!(wrote(5, b"").event.direction, Some(Direction::Outbound));
    assert_eq!(conn(5, 1).event.kind, Kind::Connection);
}
