//! Streams that are given up, refused or taken over, and connections that follow each other.

use super::*;

#[test]
fn a_stream_can_be_given_up() {
    let cancel = |stream| frame(3, 0, stream, b"\0\0\0\x08");
    check(
        &with_begin(&[
            event(CLIENT, plain(1, true, GET)),
            event(
                SERVER,
                [plain(1, false, OK), data(1, false, b"he")].concat(),
            ),
            event(CLIENT, cancel(1)),
            event(SERVER, data(1, true, b"llo")),
            event(
                CLIENT,
                [plain(3, false, POST), data(3, false, b"a")].concat(),
            ),
            event(
                SERVER,
                [plain(3, true, OK), frame(3, 0, 3, b"\0\0\0\0")].concat(),
            ),
            event(CLIENT, data(3, false, b"b")),
        ]),
        &[
            "0/1 request: GET https h.test /a | complete",
            "0/1 response: 200 server=t | he | broken reset",
            "1/3 request: POST /up x-a=1 | a | broken reset",
            "1/3 response: 200 server=t | complete",
        ],
    );
}

#[test]
fn what_is_given_up_before_its_answer_is_told() {
    let refuse = |stream| frame(3, 0, stream, b"\0\0\0\x07");
    check(
        &with_begin(&[
            event(CLIENT, plain(1, true, GET)),
            event(SERVER, refuse(1)),
            event(
                CLIENT,
                [plain(3, false, POST), data(3, false, b"a")].concat(),
            ),
            event(CLIENT, refuse(3)),
            event(SERVER, plain(3, true, OK)),
        ]),
        &[
            "0/1 request: GET https h.test /a | complete",
            "0/1 response: - | broken reset",
            "1/3 request: POST /up x-a=1 | a | broken reset",
            "1/3 response: - | broken reset",
        ],
    );
}

#[test]
fn what_is_sent_after_the_last_stream_has_no_answer() {
    let go_away = |last: u32| {
        let content = [&last.to_be_bytes()[..], b"\0\0\0\0bye"].concat();
        frame(7, 0, 0, &content)
    };
    check(
        &with_begin(&[
            event(
                CLIENT,
                [
                    plain(1, true, GET),
                    plain(3, true, GET),
                    plain(5, true, GET),
                ]
                .concat(),
            ),
            event(SERVER, go_away(0x7fff_ffff)),
            event(SERVER, [plain(5, false, OK), go_away(1)].concat()),
            event(SERVER, [data(5, true, b"5"), plain(1, true, OK)].concat()),
            event(CLIENT, go_away(0)),
        ]),
        &[
            "0/1 request: GET https h.test /a | complete",
            "0/1 response: 200 server=t | complete",
            "1/3 request: GET https h.test /a | complete",
            "1/3 response: - | broken reset",
            "2/5 request: GET https h.test /a | complete",
            "2/5 response: 200 server=t | 5 | consistent",
        ],
    );
}

#[test]
fn an_upgrade_is_answered_on_stream_1() {
    let mut ends = Ends::default();
    let events = [
        event(
            SERVER,
            [SETTINGS.to_vec(), ends.server(1, false, OK)].concat(),
        ),
        event(CLIENT, [PREFACE, SETTINGS].concat()),
        event(SERVER, data(1, true, b"hi")),
        event(CLIENT, ends.client(3, true, GET)),
        event(SERVER, ends.server(3, true, OK)),
    ];
    let listener = read_with(Session::upgraded(4, 5), &events, usize::MAX);
    assert_eq!(
        lines(&listener),
        [
            "4/1 response: 200 server=t | hi | consistent",
            "5/3 request: GET https h.test /a | complete",
            "5/3 response: 200 server=t | consistent",
        ]
    );
}

#[test]
fn what_the_client_sends_on_stream_1_after_an_upgrade_does_not_end_its_answer() {
    let mut ends = Ends::default();
    let events = [
        event(
            SERVER,
            [SETTINGS.to_vec(), ends.server(1, false, OK)].concat(),
        ),
        event(SERVER, data(1, false, b"h")),
        event(CLIENT, [PREFACE, SETTINGS, &data(1, true, b"")].concat()),
        event(SERVER, data(1, true, b"i")),
    ];
    let listener = read_with(Session::upgraded(4, 5), &events, usize::MAX);
    assert_eq!(
        lines(&listener),
        [
            "4/1 request: - | broken no_start",
            "4/1 response: 200 server=t | hi | consistent",
        ]
    );
}

#[test]
fn the_next_connection_begins_with_a_preface() {
    let mut ends = Ends::default();
    let mut events = with_begin(&[
        event(CLIENT, ends.client(1, true, GET)),
        event(
            SERVER,
            [ends.server(1, false, OK), data(1, false, b"a")].concat(),
        ),
        // More of a frame is expected here.
        event(SERVER, &data(1, false, b"abc")[..10]),
    ]);
    let mut ends = Ends::default();
    events.extend(with_begin(&[
        event(CLIENT, ends.client(1, true, GET)),
        event(
            SERVER,
            [ends.server(1, false, OK), data(1, true, b"b")].concat(),
        ),
    ]));
    check(
        &events,
        &[
            "0/1 request: GET https h.test /a | complete",
            "0/1 response: 200 server=t | aa | open",
            "1/1 request: GET https h.test /a | complete",
            "1/1 response: 200 server=t | b | complete",
        ],
    );
}

/// What was lost of the connection before is nothing to the next one.
#[test]
fn a_connection_begins_with_a_table_of_its_own() {
    let mut ends = Ends::default();
    let mut events = with_begin(&[
        event(CLIENT, plain(1, false, POST)),
        event(CLIENT, &data(1, true, b"cut off")[..12]),
        event(CLIENT, PREFACE),
        event(SERVER, SETTINGS),
    ]);
    let request = [(":method", "GET"), (":path", "/a"), ("x-n", "1")];
    for stream in [1, 3, 5] {
        events.push(event(CLIENT, ends.client(stream, true, &request)));
    }
    let found = lines(&read(&events));
    assert_eq!(
        found[found.len() - 3..],
        [
            "1/1 request: GET /a x-n=1 | complete",
            "2/3 request: GET /a x-n=1 | consistent",
            "3/5 request: GET /a x-n=1 | consistent",
        ],
        "{found:#?}"
    );
}

#[test]
fn streams_are_given_up_when_too_many_are_open() {
    let mut events = begin().to_vec();
    for stream in 0..600 {
        events.push(event(CLIENT, plain(stream * 2 + 1, false, POST)));
    }
    let listener = read(&events);
    let given_up = |half: &Half| half.defects.contains(Defects::GIVEN_UP);
    let halves: Vec<_> = listener
        .exchanges
        .values()
        .map(|each| &each.halves[0])
        .collect();
    assert_eq!(halves.len(), 600);
    assert_eq!(
        halves.iter().filter(|half| given_up(half)).count(),
        600 - 512
    );
    assert!(given_up(halves[87]) && !given_up(halves[88]));
}
