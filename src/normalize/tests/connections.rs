//! Each rule in the head of `connections.rs`, as a story of events.

use std::collections::HashMap;

use super::super::{Connections, Placement};
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

use TupleSource::{ConnectionEvent, Field, Inferred};

#[test]
fn a_descriptor_is_a_connection_whatever_the_thread_or_the_direction() {
    check_groups(
        [
            wrote(5, b"a"),
            read_by(5, b"b"),
            data(5, 8, "WRITE", b"c"),
            wrote(6, b"d"),
        ],
        &[0, 0, 0, 1],
    );
}

#[test]
fn without_a_descriptor_a_thread_is_a_connection() {
    check_groups(
        [
            wrote(0, b"a"),
            read_by(0, b"b"),
            data(0, 8, "WRITE", b"c"),
            data(0, 8, "READ", b"d"),
        ],
        &[0, 0, 1, 1],
    );
}

#[test]
fn what_has_no_socket_has_no_connection() {
    let shell = text(
        "PID:1200, UID:1000, Comm:bash, Retvalue:0, Line:\n",
        b"ls\n",
    );
    let story = story([shell]);
    assert_eq!(story.places, [None]);
}

#[test]
fn a_connection_event_names_what_follows() {
    let story = story([conn(5, 1), wrote(5, b"a"), read_by(5, b"b")]);
    assert_eq!(story.groups(), [0, 0, 0]);
    assert_eq!(story.port(2), Some((1, ConnectionEvent)));
}

#[test]
fn a_connection_event_reaches_back_two_seconds_and_no_more() {
    for (late, expected) in [(1, true), (1999, true), (2000, true), (2001, false)] {
        let mut story = Story::new();
        story.place(0, wrote(5, b"a"));
        story.place(late, conn(5, 1));
        story.place(late + 1, wrote(5, b"b"));
        let ends = Some((1, ConnectionEvent));
        assert_eq!(story.port(0), ends.filter(|_| expected), "{late} ms");
        assert_eq!(story.port(2), ends, "{late} ms");
        assert_eq!(
            story.groups()[0] == story.groups()[2],
            expected,
            "{late} ms"
        );
    }
}

#[test]
fn an_older_epoch_is_split_and_its_last_two_seconds_are_moved() {
    let mut story = Story::new();
    for millis in [0, 999, 1000, 2500] {
        story.place(millis, wrote(5, b"a"));
    }
    story.place(3000, conn(5, 1));
    assert_eq!(story.groups(), [0, 0, 1, 1, 1]);
    assert_eq!(story.port(1), None);
    assert_eq!(story.port(2), Some((1, ConnectionEvent)));
}

#[test]
fn only_the_last_events_of_an_epoch_are_moved() {
    let mut story = Story::new();
    for millis in 0..50 {
        story.place(millis, wrote(5, b"a"));
    }
    story.place(2010, conn(5, 1));
    let groups = story.groups();
    // Received before 10 ms is too early; of the rest, as many as are remembered.
    let moved = groups.iter().filter(|group| **group == 1).count() - 1;
    assert_eq!(moved, 32);
    assert!(groups.is_sorted());
}

#[test]
fn a_second_connection_event_is_a_second_connection() {
    // eCapture mentions a pending connect more than once: the same addresses before any data are the same.
    check_groups([conn(5, 1), conn(5, 1), wrote(5, b"a")], &[0, 0, 0]);
    check_groups([conn(5, 1), conn(5, 2), wrote(5, b"a")], &[0, 1, 1]);
    check_groups(
        [conn(5, 1), wrote(5, b"a"), conn(5, 1), wrote(5, b"b")],
        &[0, 0, 1, 1],
    );
    let story = story([
        wrote(5, b"a"),
        conn(5, 1),
        wrote(5, b"b"),
        conn(5, 2),
        wrote(5, b"c"),
    ]);
    assert_eq!(story.groups(), [0, 0, 0, 1, 1]);
    assert_eq!(
        story.port(2),
        Some((1, ConnectionEvent)),
        "known addresses are not replaced"
    );
    assert_eq!(story.port(4), Some((2, ConnectionEvent)));
}

#[test]
fn a_request_after_the_end_of_the_stream_is_a_new_connection() {
    let begin = || [read_by(5, REQUEST), wrote(5, RESPONSE)];
    // Keep-alive: another request on the same connection.
    check_groups(begin().into_iter().chain([read_by(5, REQUEST)]), &[0, 0, 0]);
    let ended = || {
        begin()
            .into_iter()
            .chain([read_by(5, b""), read_by(5, b"")])
    };
    check_groups(
        ended().chain([read_by(5, REQUEST), wrote(5, RESPONSE)]),
        &[0, 0, 0, 0, 1, 1],
    );
    // The rest of an answer is still the old one's, and so are bytes that begin nothing.
    check_groups(ended().chain([wrote(5, b"rest")]), &[0, 0, 0, 0, 0]);
    check_groups(ended().chain([read_by(5, b"rest")]), &[0, 0, 0, 0, 0]);
    // Writing nothing ends nothing.
    check_groups(
        begin()
            .into_iter()
            .chain([wrote(5, b""), read_by(5, REQUEST)]),
        &[0, 0, 0, 0],
    );
    assert_eq!(story(ended().chain([read_by(5, REQUEST)])).port(4), None);
}

#[test]
fn either_preface_after_the_end_of_the_stream_is_a_new_connection() {
    let conversation = || {
        [
            read_by(12, PREFACE),
            wrote(12, SETTINGS),
            read_by(12, ACKNOWLEDGED),
        ]
    };
    let ended = || conversation().into_iter().chain([read_by(12, b"")]);
    // The client's preface first, or the server's.
    check_groups(
        ended().chain([read_by(12, PREFACE), wrote(12, SETTINGS)]),
        &[0, 0, 0, 0, 1, 1],
    );
    check_groups(
        ended().chain([wrote(12, SETTINGS), read_by(12, PREFACE)]),
        &[0, 0, 0, 0, 1, 1],
    );
    // An acknowledgement is no preface.
    check_groups(ended().chain([wrote(12, ACKNOWLEDGED)]), &[0, 0, 0, 0, 0]);
    // Settings can be sent at any time; only after the end do they begin something.
    check_groups(
        conversation().into_iter().chain([wrote(12, SETTINGS)]),
        &[0, 0, 0, 0],
    );
}

#[test]
fn a_second_client_preface_is_a_new_connection_even_without_an_end() {
    check_groups(
        [
            read_by(12, PREFACE),
            wrote(12, SETTINGS),
            read_by(12, PREFACE),
        ],
        &[0, 0, 1],
    );
    check_groups(
        [wrote(5, PREFACE), read_by(5, SETTINGS), wrote(5, PREFACE)],
        &[0, 0, 1],
    );
}

#[test]
fn a_new_run_knows_nothing() {
    let mut story = Story::new();
    story.place(0, conn(5, 1));
    story.place(1, wrote(5, b"a"));
    story.connections.start_run();
    let after = story.place(2, wrote(5, b"b"));
    assert_eq!(story.groups(), [0, 0, 1]);
    assert_eq!(story.port(after), None);
    // Neither do its streams without a descriptor.
    story.place(3, conn(6, 2));
    story.connections.start_run();
    let after = story.place(4, wrote(0, b"c"));
    assert_eq!(story.port(after), None);
}

#[test]
fn a_stream_without_a_descriptor_gets_the_only_addresses_there_are() {
    let one = story([conn(5, 1), wrote(0, b"a")]);
    assert_eq!(one.groups(), [0, 1]);
    assert_eq!(one.port(1), Some((1, Inferred)));
    let two = story([conn(5, 1), conn(6, 2), wrote(0, b"a")]);
    assert_eq!(two.port(2), None);
    // A connection on which data was seen is taken.
    let taken = story([conn(5, 1), conn(6, 2), wrote(5, b"x"), wrote(0, b"a")]);
    assert_eq!(taken.port(3), Some((2, Inferred)));
    let all_taken = story([conn(5, 1), wrote(5, b"x"), wrote(0, b"a")]);
    assert_eq!(all_taken.port(2), None);
    // Two streams and one connection: it may be either's.
    let rivals = story([conn(5, 1), wrote(0, b"a"), data(0, 8, "WRITE", b"b")]);
    assert_eq!(
        (rivals.port(1), rivals.port(2)),
        (Some((1, Inferred)), None)
    );
    let mut other = wrote(0, b"a");
    other.event.process.pid = Some(8);
    assert_eq!(
        story([conn(5, 1), other]).port(1),
        None,
        "of another process"
    );
}

#[test]
fn the_only_addresses_reach_back_two_seconds_too() {
    for (late, expected) in [(0, true), (2000, true), (2001, false)] {
        let mut story = Story::new();
        story.place(0, wrote(0, b"a"));
        story.place(late, conn(5, 1));
        assert_eq!(
            story.port(0),
            Some((1, Inferred)).filter(|_| expected),
            "{late} ms"
        );
        story.place(late + 1, wrote(0, b"b"));
        assert_eq!(story.groups()[0], story.groups()[2], "{late} ms");
    }
    let rivals = story([wrote(0, b"a"), data(0, 8, "WRITE", b"b"), conn(5, 1)]);
    assert_eq!((rivals.port(0), rivals.port(1)), (None, None));
}

#[test]
fn a_second_conversation_does_not_take_the_addresses_of_the_first() {
    let story = story([
        conn(5, 1),
        wrote(0, REQUEST),
        read_by(0, RESPONSE),
        read_by(0, b""),
        wrote(0, REQUEST),
    ]);
    assert_eq!(story.groups(), [0, 1, 1, 1, 2]);
    assert_eq!(story.port(1), Some((1, Inferred)));
    assert_eq!(story.port(4), None);
}

#[test]
fn inferred_addresses_are_doubtful_once_there_is_another_connection() {
    let story = story([
        conn(5, 1),
        wrote(0, b"a"),
        conn(6, 2),
        wrote(0, b"b"),
        read_by(0, b"c"),
    ]);
    assert_eq!(story.groups(), [0, 1, 2, 3, 3]);
    assert_eq!(
        story.port(1),
        Some((1, Inferred)),
        "what was said is not taken back"
    );
    assert_eq!(story.port(3), None);
}

#[test]
fn addresses_in_the_event_itself_decide() {
    let same = story([structured(5, b"a", Some(1)), structured(5, b"b", Some(1))]);
    assert_eq!(same.groups(), [0, 0]);
    assert_eq!(same.port(1), Some((1, Field)));
    let other = story([structured(5, b"a", Some(1)), structured(5, b"b", Some(2))]);
    assert_eq!(other.groups(), [0, 1]);
    assert_eq!(other.port(1), Some((2, Field)));
}

#[test]
fn an_event_with_empty_address_fields_is_on_no_known_connection() {
    let story = story([
        structured(5, b"a", Some(1)),
        structured(5, b"b", None),
        structured(5, b"c", None),
        structured(5, b"d", Some(2)),
    ]);
    assert_eq!(story.groups(), [0, 1, 1, 2], "nothing reaches back to it");
    assert_eq!((story.port(1), story.port(2)), (None, None));
    assert_eq!(story.port(3), Some((2, Field)));
    // And none is inferred for it.
    let unknown = self::story([conn(5, 1), structured(0, b"a", None)]);
    assert_eq!(unknown.port(1), None);
    let mut late = Story::new();
    late.place(0, structured(0, b"a", None));
    late.place(1, conn(5, 1));
    assert_eq!(late.port(0), None);
}

#[test]
fn who_sends_requests_opened_the_connection() {
    for (event, expected) in [
        (wrote(5, REQUEST), Some(Role::Client)),
        (read_by(5, REQUEST), Some(Role::Server)),
        (wrote(5, RESPONSE), Some(Role::Server)),
        (read_by(5, RESPONSE), Some(Role::Client)),
        (wrote(5, PREFACE), Some(Role::Client)),
        (read_by(5, PREFACE), Some(Role::Server)),
        (wrote(5, SETTINGS), None),
        (wrote(5, b"words"), None),
    ] {
        let (content, direction) = (event.event.content, event.event.direction);
        assert_eq!(
            story([event]).role(0),
            expected,
            "{content:?} {direction:?}"
        );
    }
    // It is told once.
    assert_eq!(
        story([wrote(5, REQUEST), wrote(5, RESPONSE)]).role(0),
        Some(Role::Client)
    );
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
