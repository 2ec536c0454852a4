use super::*;
use crate::http::h2::PREFACE;

const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
const GET: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "h.test"),
    (":path", "/a"),
];
const POST: &[(&str, &str)] = &[(":method", "POST"), (":path", "/up"), ("x-a", "1")];
const OK: &[(&str, &str)] = &[(":status", "200"), ("server", "t")];

/// Both ends of a connection.
#[derive(Default)]
struct Ends {
    client: Encoder,
    server: Encoder,
}

impl Ends {
    fn client(&mut self, stream: u32, ends: bool, fields: &[(&str, &str)]) -> Vec<u8> {
        headers(&mut self.client, Choice::SMALL, stream, ends, fields)
    }

    fn server(&mut self, stream: u32, ends: bool, fields: &[(&str, &str)]) -> Vec<u8> {
        headers(&mut self.server, Choice::SMALL, stream, ends, fields)
    }
}

fn plain(stream: u32, ends: bool, fields: &[(&str, &str)]) -> Vec<u8> {
    headers(&mut Encoder::default(), Choice::PLAIN, stream, ends, fields)
}

fn begin() -> [Event; 2] {
    [
        event(CLIENT, [PREFACE, SETTINGS].concat()),
        event(SERVER, SETTINGS),
    ]
}

fn with_begin(events: &[Event]) -> Vec<Event> {
    [&begin(), events].concat()
}

#[test]
fn reads_an_exchange() {
    let mut ends = Ends::default();
    check(
        &with_begin(&[
            event(CLIENT, ends.client(1, true, GET)),
            event(
                SERVER,
                [ends.server(1, false, OK), data(1, true, b"hello")].concat(),
            ),
            event(CLIENT, ends.client(3, false, POST)),
            event(CLIENT, data(3, false, b"up")),
            event(CLIENT, data(3, true, b"load")),
            event(SERVER, ends.server(3, false, OK)),
            event(SERVER, data(3, false, b"x")),
            event(SERVER, ends.server(3, true, &[("grpc-status", "0")])),
        ]),
        &[
            "0/1 request: GET https h.test /a | complete",
            "0/1 response: 200 server=t | hello | complete",
            "1/3 request: POST /up x-a=1 | upload | consistent",
            "1/3 response: 200 server=t | x | grpc-status=0 | consistent",
        ],
    );
}

#[test]
fn takes_off_padding_and_priority() {
    let mut block = Vec::new();
    let mut encoder = Encoder::default();
    for (name, value) in GET {
        encoder.field(name.as_bytes(), value.as_bytes(), Choice::PLAIN, &mut block);
    }
    let (start, middle) = block.split_at(5);
    let (middle, end) = middle.split_at(3);
    let first = [&[2, 0x80, 0, 0, 0, 16], start, b"\0\0"].concat();
    let padded = [&[3], &b"body"[..], b"\0\0\0"].concat();
    check(
        &with_begin(&[event(
            CLIENT,
            [
                frame(1, 0x28, 1, &first),
                frame(9, 0, 1, middle),
                frame(9, 4, 1, end),
                frame(0x10, 0xff, 0, b"of an extension"),
                frame(8, 0, 0, b"\0\0\x01\0"),
                frame(6, 0, 0, b"12345678"),
                frame(0, 8, 1, &padded),
                frame(0, 9, 1, b"\0"),
            ]
            .concat(),
        )]),
        &["0/1 request: GET https h.test /a | body | complete"],
    );
}

#[test]
fn interim_responses_give_way() {
    check(
        &with_begin(&[
            event(CLIENT, plain(1, true, GET)),
            event(
                SERVER,
                [
                    plain(1, false, &[(":status", "103"), ("link", "x")]),
                    plain(1, true, &[(":status", "204")]),
                ]
                .concat(),
            ),
        ]),
        &[
            "0/1 request: GET https h.test /a | complete",
            "0/1 response: 103 link=x, 204 | complete",
        ],
    );
}

#[test]
fn a_length_must_be_met() {
    let answer = |status, length, body: &[u8]| {
        let head = [(":status", status), ("content-length", length)];
        [plain(1, false, &head), data(1, true, body)].concat()
    };
    for (method, status, length, body, expected) in [
        ("GET", "200", "5", &b"hello"[..], " | hello | complete"),
        ("GET", "200", "6", b"hello", " | hello | broken lost_bytes"),
        ("GET", "200", "4", b"hello", " | hello | broken lost_bytes"),
        ("GET", "200", "4", b"", " | broken lost_bytes"),
        ("GET", "200", "x", b"hello", " | hello | complete"),
        ("GET", "304", "5", b"", " | complete"),
        ("HEAD", "200", "5", b"", " | complete"),
    ] {
        let request = plain(1, true, &[(":method", method), (":path", "/")]);
        let listener = read(&with_begin(&[
            event(CLIENT, request),
            event(SERVER, answer(status, length, body)),
        ]));
        let line = &lines(&listener)[1];
        assert_eq!(
            *line,
            format!("0/1 response: {status} content-length={length}{expected}"),
            "{method}"
        );
    }
    // The request may have been HEAD.
    check(
        &[
            event(SERVER, answer("200", "5", b"")),
            event(SERVER, answer("200", "5", b"abc").replace_stream(3)),
        ],
        &[
            "0/1 response: 200 content-length=5 | complete",
            "1/3 response: 200 content-length=5 | abc | broken lost_bytes",
        ],
    );
}

trait ReplaceStream {
    fn replace_stream(self, stream: u8) -> Self;
}

impl ReplaceStream for Vec<u8> {
    /// Gives another number to the stream of all frames.
    fn replace_stream(mut self, stream: u8) -> Self {
        let mut at = 0;
        while at < self.len() {
            self[at + 8] = stream;
            at += 9 + usize::from(self[at + 2]) + (usize::from(self[at + 1]) << 8);
        }
        self
    }
}

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
fn connect_makes_a_tunnel() {
    let websocket = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":path", "/chat"),
    ];
    check(
        &with_begin(&[
            event(CLIENT, plain(1, false, &websocket)),
            event(SERVER, plain(1, false, OK)),
            event(CLIENT, data(1, false, b"ping")),
            event(SERVER, data(1, false, b"pong")),
            event(CLIENT, data(1, true, b"!")),
            event(SERVER, data(1, true, b"?")),
            event(
                CLIENT,
                plain(3, false, &[(":method", "CONNECT"), (":authority", "a:1")]),
            ),
            event(
                SERVER,
                [plain(3, false, &[(":status", "403")]), data(3, true, b"no")].concat(),
            ),
        ]),
        &[
            "0/1 request: CONNECT /chat :protocol=websocket | tunnel ping! | complete",
            "0/1 response: 200 server=t | tunnel pong? | complete",
            "1/3 request: CONNECT a:1 | complete",
            "1/3 response: 403 | no | complete",
        ],
    );
}

#[test]
fn a_server_can_push() {
    let mut ends = Ends::default();
    let first = ends.server(1, false, OK);
    let mut block = 2_u32.to_be_bytes().to_vec();
    for (name, value) in GET {
        ends.server
            .field(name.as_bytes(), value.as_bytes(), Choice::SMALL, &mut block);
    }
    check(
        &with_begin(&[
            event(CLIENT, ends.client(1, true, GET)),
            event(SERVER, [first, frame(5, 4, 1, &block)].concat()),
            event(
                SERVER,
                [ends.server(2, false, OK), data(2, true, b"pushed")].concat(),
            ),
            event(SERVER, data(1, true, b"asked")),
        ]),
        &[
            "0/1 request: GET https h.test /a | complete",
            "0/1 response: 200 server=t | asked | consistent",
            "1/2 request: GET https h.test /a | complete",
            "1/2 response: 200 server=t | pushed | consistent",
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
fn a_large_head_is_cut() {
    let value = "v".repeat(9000);
    let mut block = Vec::new();
    let mut encoder = Encoder::default();
    encoder.field(b":method", b"GET", Choice::PLAIN, &mut block);
    for _ in 0..40 {
        encoder.field(b"x", value.as_bytes(), Choice::PLAIN, &mut block);
    }
    let chunks: Vec<_> = block.chunks(16_000).collect();
    let mut events = begin().to_vec();
    for (place, chunk) in chunks.iter().enumerate() {
        let kind = if place == 0 { 1 } else { 9 };
        let ends = if place + 1 == chunks.len() { 4 } else { 0 };
        let flags = ends | u8::from(place == 0);
        events.push(event(CLIENT, frame(kind, flags, 1, chunk)));
    }
    events.push(event(CLIENT, plain(3, true, GET)));
    let listener = read(&events);
    let half = &listener.exchanges[&0].halves[0];
    assert!(half.defects.contains(Defects::LARGE_HEAD));
    let fields = half.heads[0].as_ref().unwrap().fields.len();
    assert!((20..30).contains(&fields), "{fields}");
    assert_eq!(
        lines(&listener)[1],
        "1/3 request: GET https h.test /a | complete"
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

#[test]
fn roles_can_be_learned_late() {
    check(
        &[
            event(SERVER, data(5, false, b"a body ")),
            event(CLIENT, data(7, false, b"up")),
            event(SERVER, data(5, true, b"of five words")),
            event(CLIENT, plain(9, true, GET)),
        ],
        &[
            "0/5 response: - | a body of five words | broken no_start",
            "1/7 request: - | up | open no_start",
            "2/9 request: GET https h.test /a | complete",
        ],
    );
    // Nothing but data tells.
    check(
        &[
            event(SERVER, data(5, false, b"a body")),
            event(CLIENT, data(5, true, b"up")),
        ],
        &[
            "0/5 request: - | up | broken no_start",
            "0/5 response: - | a body | open no_start",
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
