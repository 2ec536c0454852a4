//! What a message is: its head, its body, and where it ends.

use super::*;
use crate::http::conversation::Collected;
use crate::http::exchange::{Defects, Ending};

#[test]
fn heads_are_given_as_they_were_sent() {
    let events = [
        asks("POST /x HTTP/1.0\r\nA: b\r\na:  c \r\nContent-Length: 0\r\n\r\n"),
        gets("HTTP/1.1 404 Not  Found \r\nB:\r\n\r\n"),
        gets(""),
    ];
    let found = read(&events, usize::MAX);
    let exchange = found.assembler.all().next().unwrap();
    let asked = exchange.request().unwrap().head.as_ref().unwrap();
    assert_eq!(asked.version.name(), "1.0");
    let values: Vec<_> = asked.values("A").map(|value| value.to_vec()).collect();
    assert_eq!(values, [b"b".to_vec(), b"c".to_vec()]);
    assert_eq!((asked.reason.as_ref(), asked.fields.len()), (None, 3));
    let answer = exchange.response().unwrap();
    let head = answer.head.as_ref().unwrap();
    assert_eq!(head.reason.as_deref(), Some(&b"Not  Found"[..]));
    assert_eq!(answer.first.0, EventId::new(1));
    assert_eq!(exchange.http2_stream, None);
}

#[test]
fn framing() {
    for (answer, expected) in [
        (HELLO, "0 < 200 [hello] complete"),
        (
            "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
            "0 < 204 [] complete",
        ),
        (
            "HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n",
            "0 < 304 [] complete",
        ),
        ("HTTP/1.1 200 OK\n\nrest", "0 < 200 [rest] closed"),
        ("HTTP/1.0 200 OK\r\n\r\n", "0 < 200 [] closed"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\nllo\n0\r\nEtag: x\r\n\r\n",
            "0 < 200 [hello] complete Etag",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA: b\r\nno colon\r\n\r\n",
            "0 < 200 [a] complete A bad_head",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            "0 < 200 [a] complete bad_framing",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nabc",
            "0 < 200 [abc] closed bad_framing",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\nxyz",
            "0 < 200 [he] broken bad_framing",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhexxx",
            "0 < 200 [he] broken bad_framing",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
            "0 < 200 [hello] broken lost_bytes",
        ),
    ] {
        let events = [asks(GET), gets(answer), gets("")];
        check(&events, &["0 > GET /a [] complete", expected]);
    }
}

#[test]
fn requests_have_bodies() {
    for (request, expected) in [
        (
            "PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "0 > PUT / [abc] complete",
        ),
        (
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "0 > PUT / [abc] complete",
        ),
        (
            "PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nabc",
            "0 > PUT / [abc] open bad_framing",
        ),
        ("\r\n\nGET /a HTTP/1.1\r\n\r\n", "0 > GET /a [] complete"),
    ] {
        check(
            &[asks(request), gets(HELLO)],
            &[expected, "0 < 200 [hello] complete"],
        );
    }
}

#[test]
fn what_was_asked_decides_whether_there_is_a_body() {
    check(
        &[
            asks("HEAD /a HTTP/1.1\r\n\r\n"),
            gets(HEAD_OF_10),
            asks(GET_B),
            gets(HELLO),
        ],
        &[
            "0 > HEAD /a [] complete",
            "0 < 200 [] complete",
            "1 > GET /b [] complete",
            "1 < 200 [hello] complete",
        ],
    );
}

#[test]
fn a_message_in_several_events_is_consistent() {
    check(
        &[
            asks("POST / HTTP/1.1\r\nContent-Le"),
            asks("ngth: 4\r\n\r\nab"),
            asks("cd"),
            gets(HEAD_OF_10),
            gets("01234"),
            gets("56789"),
            asks(GET),
            gets("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ],
        &[
            "0 > POST / [abcd] consistent",
            "0 < 200 [0123456789] consistent",
            "1 > GET /a [] complete",
            "1 < 200 [] complete",
        ],
    );
}

#[test]
fn interim_responses_give_way() {
    check(
        &[
            asks("PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"),
            gets("HTTP/1.1 100 Continue\r\n\r\n"),
            asks("abc"),
            gets(
                "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            ),
            asks(GET_B),
            gets("HTTP/1.1 100 Continue\r\n\r\n"),
        ],
        &[
            "0 > PUT /a [abc] consistent",
            "0 < 200 [hello] complete",
            "1 > GET /b [] complete",
            "1 < 100 [] open",
        ],
    );
}

#[test]
fn large_heads_are_read_to_their_limit() {
    let fields = "abc: d\r\n".repeat(10_000);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{fields}\r\nhi");
    let events = [asks(GET), gets(&head), asks(GET_B), gets(HELLO)];
    for piece in [usize::MAX, 1000] {
        let found = read(&events, piece);
        assert_eq!(
            found.lines(),
            [
                "0 > GET /a [] complete",
                "0 < 200 [hi] complete large_head",
                "1 > GET /b [] complete",
                "1 < 200 [hello] complete",
            ]
        );
        let exchange = found.assembler.all().next().unwrap();
        let head = exchange.response().unwrap().head.as_ref().unwrap();
        assert!(head.fields.len() > 8000 && head.fields.len() < 8192);
    }
}

#[test]
fn fields_may_go_over_several_lines() {
    let events = [
        asks("GET /a HTTP/1.1\r\nX-Long: one\r\n two\r\n\tthree\r\nX-After: z\r\n\r\n"),
        gets("HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\n\r\nhello"),
    ];
    check(
        &events,
        &[
            "0 > GET /a [] complete bad_head",
            "0 < 200 [hello] complete bad_head",
        ],
    );
    let found = read(&events, usize::MAX);
    let exchange = found.assembler.all().next().unwrap();
    let head = exchange.request().unwrap().head.as_ref().unwrap();
    let value = |name| head.values(name).next().map(|value| value.to_vec());
    assert_eq!(value("x-long").as_deref(), Some(&b"one two three"[..]));
    assert_eq!(value("x-after").as_deref(), Some(&b"z"[..]));
}

#[test]
fn odd_heads_are_read_as_they_are_meant() {
    for (request, answer, expected) in [
        (
            "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
            HELLO,
            [
                "0 > GET /a b [] complete bad_head",
                "0 < 200 [hello] complete",
            ],
        ),
        (
            "GET\t/a HTTP/1.1\r\n\r\n",
            HELLO,
            [
                "0 > GET /a [] complete bad_head",
                "0 < 200 [hello] complete",
            ],
        ),
        (
            "get /a HTTP/1.1\r\n\r\n",
            "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
            ["0 > get /a [] complete", "0 < 200 [] complete"],
        ),
        (
            "GET /\u{0}a HTTP/1.1\r\nno colon\r\nA: b\u{0}\r\n\r\n",
            HELLO,
            [
                "0 > GET /\u{0}a [] complete bad_head",
                "0 < 200 [hello] complete",
            ],
        ),
        (
            "PUT / HTTP/1.1\r\nContent-Length : 3\r\n\r\nabc",
            HELLO,
            [
                "0 > PUT / [abc] complete bad_framing bad_head",
                "0 < 200 [hello] complete",
            ],
        ),
    ] {
        check(&[asks(request), gets(answer)], &expected);
    }
}

#[test]
fn what_a_status_that_is_none_means_is_not_known() {
    let events = [
        asks(GET),
        gets("HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nhi"),
        asks(GET_B),
        gets(HELLO),
    ];
    let found = read(&events, usize::MAX);
    let answered: Vec<_> = found
        .assembler
        .all()
        .filter_map(Collected::response)
        .collect();
    let head = answered[0].head.as_ref().unwrap();
    assert_eq!(
        (head.status, head.reason.as_deref()),
        (None, Some(&b"2000 OK"[..]))
    );
    assert_eq!(
        (answered[0].ending, answered[0].body_bytes),
        (Ending::Consistent, 2)
    );
    assert_eq!(answered[0].defects, Defects::BAD_HEAD);
    assert_eq!(answered[1].ending, Ending::Complete);
}
