//! Messages of all kinds, whole and in their place.

use super::*;

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
