//! What is known about the ends of a connection, and what is not.

use super::*;
use crate::event::TupleSource::{Field, Inferred};

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
