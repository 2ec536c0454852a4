//! Where a connection begins and ends.

use super::*;
use crate::event::TupleSource::ConnectionEvent;

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
fn all_of_the_last_two_seconds_is_moved() {
    let mut story = Story::new();
    for millis in 0..50 {
        story.place(millis, wrote(5, b"a"));
    }
    story.place(2010, conn(5, 1));
    let groups = story.groups();
    // Received before 10 ms is too early.
    let moved = groups.iter().filter(|group| **group == 1).count() - 1;
    assert_eq!(moved, 40);
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
    // The rest of an answer is still the old one's. Nothing can be read after the end.
    check_groups(ended().chain([wrote(5, b"rest")]), &[0, 0, 0, 0, 0]);
    check_groups(ended().chain([read_by(5, b"rest")]), &[0, 0, 0, 0, 1]);
    // A client's next request, where its first was lost.
    check_groups(
        [
            conn(5, 1),
            read_by(5, RESPONSE),
            read_by(5, b""),
            wrote(5, REQUEST),
        ],
        &[0, 0, 0, 1],
    );
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
fn what_is_written_long_after_the_end_of_the_stream_is_a_new_connection() {
    for (millis, expected) in [(9_000, 0), (10_000, 1)] {
        let mut story = Story::new();
        story.place(0, conn(5, 1));
        story.place(0, wrote(5, b"a"));
        story.place(0, read_by(5, b"b"));
        story.place(0, read_by(5, b""));
        story.place(millis, wrote(5, b"c"));
        assert_eq!(story.groups(), [0, 0, 0, 0, expected], "{millis} ms");
    }
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
