//! What is missing or came late, and what looks like frames or like something else.

use super::*;

#[test]
fn capturing_can_begin_within_a_connection() {
    let mut ends = Ends::default();
    ends.client(1, true, GET);
    ends.server(1, true, OK);
    ends.client(3, true, GET);
    let all = [
        // The rest of a frame; who is who is not known from DATA.
        event(SERVER, b"rest of something"),
        event(SERVER, data(3, false, b"he")),
        event(SERVER, data(3, true, b"llo")),
        event(
            CLIENT,
            ends.client(
                9,
                true,
                &[(":method", "GET"), (":authority", "h.test"), ("x-b", "2")],
            ),
        ),
        event(
            SERVER,
            ends.server(
                9,
                true,
                &[(":status", "200"), ("server", "t"), ("etag", "e")],
            ),
        ),
        event(
            CLIENT,
            ends.client(11, true, &[(":method", "GET"), ("x-b", "2")]),
        ),
    ];
    check(
        &all,
        &[
            "0/3 response: - | hello | broken no_start",
            "1/9 request: GET ?=? x-b=2 | consistent unknown_fields",
            "1/9 response: 200 ?=? etag=e | consistent unknown_fields",
            "2/11 request: GET x-b=2 | consistent",
        ],
    );
}

/// An event that is missing, and what is left.
#[test]
fn losses_are_noticed() {
    let mut ends = Ends::default();
    let long = [b'x'; 40];
    let long_data = data(1, false, &long);
    let events = with_begin(&[
        /* 2 */ event(CLIENT, ends.client(1, true, GET)),
        /* 3 */
        event(
            SERVER,
            [ends.server(1, false, OK), long_data[..20].to_vec()].concat(),
        ),
        /* 4 */ event(SERVER, &long_data[20..]),
        /* 5 */ event(CLIENT, ends.client(3, true, GET)),
        /* 6 */ event(SERVER, ends.server(3, false, OK)),
        /* 7 */ event(SERVER, data(3, true, b"abc")),
        /* 8 */ event(SERVER, data(1, true, b"y")),
        /* 9 */
        event(
            CLIENT,
            ends.client(
                5,
                true,
                &[(":method", "GET"), ("x-n", "1"), (":path", "/a")],
            ),
        ),
        /* 10 */
        event(
            SERVER,
            ends.server(
                5,
                true,
                &[(":status", "200"), ("server", "t"), ("x-m", "1")],
            ),
        ),
    ]);
    let xs = "x".repeat(40);
    let whole = [
        "0/1 request: GET https h.test /a | complete".to_owned(),
        format!("0/1 response: 200 server=t | {xs}y | consistent"),
        "1/3 request: GET https h.test /a | consistent".to_owned(),
        "1/3 response: 200 server=t | abc | consistent".to_owned(),
        "2/5 request: GET /a x-n=1 | consistent".to_owned(),
        "2/5 response: 200 server=t x-m=1 | consistent".to_owned(),
    ];
    let torn = format!(
        "0/1 response: 200 server=t | {}y | broken lost_bytes",
        "x".repeat(11)
    );
    for (lost, changes) in [
        (
            // The requests before are not known to have been 1.
            2,
            &[
                (0, ""),
                (
                    2,
                    "1/3 request: GET https ?=? ?=? | consistent unknown_fields",
                ),
                (4, "2/5 request: GET x-n=1 ?=? | consistent unknown_fields"),
            ][..],
        ),
        (
            4,
            &[
                (1, &*torn),
                (3, "1/3 response: 200 ?=? | abc | consistent unknown_fields"),
                (5, "2/5 response: 200 ?=? x-m=1 | consistent unknown_fields"),
            ],
        ),
        (
            // That it is missing shows by the response and by the next request.
            5,
            &[
                (2, ""),
                (4, "2/5 request: GET x-n=1 ?=? | consistent unknown_fields"),
            ],
        ),
        (
            // The response of stream 1 may have been touched.
            6,
            &[
                (
                    1,
                    "0/1 response: 200 server=t | xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy | broken lost_bytes",
                ),
                (3, "1/3 response: - | abc | broken no_start"),
                (5, "2/5 response: 200 ?=? x-m=1 | consistent unknown_fields"),
            ],
        ),
        (7, &[(3, "1/3 response: 200 server=t | open")]),
    ] {
        let mut events = events.clone();
        events.remove(lost);
        let mut expected = whole.to_vec();
        for (line, change) in changes {
            expected[*line] = (*change).to_owned();
        }
        expected.retain(|line| !line.is_empty());
        let found = lines(&read(&events));
        assert_eq!(found, expected, "without {lost}: {found:#?}");
    }
    assert_eq!(lines(&read(&events)), whole);
}

/// What came late was put into the table before what is there already, so that an index says something else.
#[test]
fn nothing_is_known_by_what_came_late() {
    let mut ends = Ends::default();
    let mut client = |stream, ends_stream, fields: &[(&str, &str)]| {
        event(CLIENT, ends.client(stream, ends_stream, fields))
    };
    let requests = [
        client(1, true, GET),
        client(3, true, GET),
        client(5, true, GET),
    ];
    let last = [(":status", "204"), ("x-a", "1"), ("x-b", "2")];
    let early_hints = [(":status", "103"), ("x-a", "1")];
    let ok = [(":status", "200"), ("x-b", "2")];
    // An interim response behind the response.
    let mut late = ends.server(1, false, &early_hints);
    let mut early = ends.server(1, false, &ok);
    let interim = [late, early, ends.server(5, true, &last)];
    // The response that a body is of, in one event with another response.
    ends.server = Encoder::default();
    late = ends.server(1, false, OK);
    late.extend(ends.server(3, true, &[(":status", "200"), ("x-a", "1")]));
    early = [data(1, true, b"body"), ends.server(5, false, &ok)].concat();
    let body = [late, early, ends.server(5, true, &last[1..])];
    // Nothing shows that the second is late: trailers that refer to what it has are why something must be missing.
    ends.server = Encoder::default();
    let begun = plain(1, false, OK);
    late = ends.server(3, true, &[(":status", "200"), ("x-a", "1"), ("x-b", "2")]);
    early = ends.server(1, true, &[("x-a", "3"), ("x-b", "2")]);
    let trailers = [late, early, ends.server(5, true, &last)];
    for (first, [late, early, last], expected) in [
        (
            None,
            interim,
            "2/5 response: 204 ?=? ?=? | consistent unknown_fields",
        ),
        (
            None,
            body,
            "2/5 response: 200 x-b=2 | ?=? ?=? | broken lost_bytes unknown_fields",
        ),
        (
            Some(begun),
            trailers,
            "2/5 response: 204 ?=? ?=? | consistent unknown_fields",
        ),
    ] {
        let mut events = with_begin(&requests);
        let responses = first.into_iter().chain([early, late, last]);
        events.extend(responses.map(|bytes| event(SERVER, bytes)));
        let found = lines(&read(&events));
        let last = found.iter().find(|line| line.starts_with("2/5 response"));
        assert_eq!(last.map(String::as_str), Some(expected), "{found:#?}");
    }
}

/// A piece of a frame that ends in it cannot be told from a frame of another kind. Where no message is in it, nothing that
/// is said depends on which it is.
#[test]
fn the_rest_of_settings_may_look_like_a_frame() {
    let block = plain(1, false, GET).split_off(9);
    let begun = [
        frame(4, 0, 0, b"\0\x05\0\0\x40\0"),
        frame(1, 0, 1, &block[..4]),
        frame(9, 4, 1, &block[4..]),
        data(1, true, b""),
    ]
    .concat();
    // The last byte of the settings and the first eight of the next frame's header are what acknowledges settings.
    let (settings, rest) = begun.split_at(9 + 5);
    let (looks, rest) = rest.split_at(9);
    assert_eq!(looks, frame(4, 1, 0, b""));
    check(
        &[
            event(CLIENT, PREFACE),
            event(SERVER, SETTINGS),
            event(CLIENT, settings),
            event(CLIENT, looks),
            event(CLIENT, rest),
        ],
        &["0/1 request: GET https h.test /a | consistent"],
    );
}

#[test]
fn a_cut_call_is_followed_by_frames() {
    let body = vec![b'x'; 16_384];
    let mut cut = event(SERVER, &data(1, false, &body)[..16_384]);
    cut.provenance = Provenance::MAYBE_TRUNCATED;
    let listener = read(&with_begin(&[
        event(CLIENT, plain(1, true, GET)),
        event(SERVER, plain(1, false, OK)),
        cut,
        event(SERVER, data(1, true, b"end")),
    ]));
    let half = &listener.exchanges[&0].halves[1];
    assert_eq!(half.body.len(), 16_375 + 3);
    assert_eq!(half.ending, Some(Ending::Broken));
    assert_eq!(half.defects, Defects::LOST_BYTES | Defects::MAYBE_TRUNCATED);
}

#[test]
fn a_body_may_look_like_frames() {
    let inner = [data(1, false, b"inner"), data(1, true, b"more")].concat();
    let outer = data(1, false, &inner);
    // The header of the frame in an event of its own, then content that is frames by itself.
    check(
        &with_begin(&[
            event(CLIENT, plain(1, true, GET)),
            event(SERVER, [plain(1, false, OK), outer[..9].to_vec()].concat()),
            event(SERVER, &outer[9..]),
            event(SERVER, data(1, true, b"!")),
        ]),
        &[
            "0/1 request: GET https h.test /a | complete",
            &format!(
                "0/1 response: 200 server=t | {}! | consistent",
                String::from_utf8_lossy(&inner)
            ),
        ],
    );
}

#[test]
fn a_torn_head_says_what_is_certain() {
    let head = plain(
        1,
        true,
        &[
            (":method", "GET"),
            (":path", "/"),
            ("x-long", "a long value"),
        ],
    );
    check(
        &with_begin(&[
            event(CLIENT, &head[..25]),
            event(CLIENT, plain(3, true, GET)),
            event(SERVER, plain(1, true, OK)),
        ]),
        &[
            "0/1 request: GET / | broken lost_bytes unknown_fields",
            "0/1 response: 200 server=t | complete",
            "1/3 request: GET https h.test /a | complete",
        ],
    );
}

#[test]
fn data_may_be_longer_than_was_agreed_as_far_as_that_was_seen() {
    // The setting that raises the limit was not captured.
    let long = data(1, true, &vec![b'z'; 20_000]);
    let (first, rest) = long.split_at(9_000);
    let answer = [&plain(1, false, OK)[..], first].concat();
    let events = with_begin(&[
        event(CLIENT, plain(1, true, GET)),
        event(SERVER, answer),
        event(SERVER, rest),
        event(CLIENT, plain(3, true, GET)),
        event(SERVER, [plain(3, false, OK), data(3, true, b"x")].concat()),
    ]);
    let listener = read(&events);
    let half = &listener.exchanges[&0].halves[1];
    assert_eq!(
        (half.body.len(), half.ending),
        (20_000, Some(Ending::Consistent))
    );
    assert_eq!(
        listener.exchanges[&1].halves[1].ending,
        Some(Ending::Complete)
    );
    // Of a frame that is cut, what was captured is kept.
    let cut: Vec<_> = events.iter().take(4).cloned().collect();
    let listener = read(&cut);
    let half = &listener.exchanges[&0].halves[1];
    assert_eq!((half.body.len(), half.ending), (8_991, Some(Ending::Open)));
    let lost = [&events[..4], &events[5..]].concat();
    let listener = read(&lost);
    let half = &listener.exchanges[&0].halves[1];
    assert_eq!(
        (half.body.len(), half.ending),
        (8_991, Some(Ending::Broken))
    );
    assert_eq!(half.defects, Defects::LOST_BYTES);
    // No data is awaited on a stream that nobody opened.
    let stray = with_begin(&[event(SERVER, data(7, true, &vec![b'z'; 20_000]))]);
    assert_eq!(read(&stray).exchanges.len(), 0);
}
