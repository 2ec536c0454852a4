//! One case for each rule.

use super::*;
use crate::http::conversation::Collected;
use crate::http::exchange::{Defects, Ending};

const GET: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const GET_B: &str = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n";
const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const HEAD_OF_10: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
const HEAD_OF_CHUNKS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

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
fn pipelined_requests_are_answered_in_order() {
    let both = format!("{GET}{GET_B}");
    let answers = format!("{HELLO}HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    check(
        &[asks(&both), gets(&answers)],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [hello] complete",
            "1 > GET /b [] complete",
            "1 < 404 [] complete",
        ],
    );
    // In two writes, pipelining shows only when the second response comes without another request.
    check(
        &[asks(GET), asks(GET_B).after(1), gets(&answers)],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [hello] consistent unsure_pair",
            "1 > GET /b [] complete",
            "1 < 404 [] consistent",
        ],
    );
}

#[test]
fn tunnels() {
    check(
        &[
            asks("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
            gets("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\u{1}ab"),
            asks("GET / HTTP/1.1\r\n\r\n"),
            gets("HTTP/1.1 200 OK\r\n\r\n"),
        ],
        &[
            "0 > GET /ws [] complete (GET / HTTP/1.1\r\n\r\n)",
            "0 < 101 [] complete (\u{1}abHTTP/1.1 200 OK\r\n\r\n)",
        ],
    );
    check(
        &[
            asks("CONNECT h:443 HTTP/1.1\r\n\r\n"),
            asks("\u{16}early"),
            gets("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\u{16}\u{3}"),
            asks("\u{17}"),
            gets(""),
            gets("more"),
            gets(""),
            asks(""),
            asks(GET),
            gets(HELLO),
        ],
        &[
            "0 > CONNECT h:443 [] complete (\u{16}early\u{17})",
            "0 < 200 [] complete (\u{16}\u{3}more)",
            "1 > GET /a [] complete",
            "1 < 200 [hello] complete",
        ],
    );
    check(
        &[
            asks("CONNECT h:443 HTTP/1.1\r\n\r\n"),
            gets("HTTP/1.1 407 No\r\nContent-Length: 1\r\n\r\nx"),
            asks(GET),
            gets(HELLO),
        ],
        &[
            "0 > CONNECT h:443 [] complete",
            "0 < 407 [x] complete",
            "1 > GET /a [] complete",
            "1 < 200 [hello] complete",
        ],
    );
}

#[test]
fn what_is_no_http_gives_nothing() {
    for events in [
        vec![
            asks("EHLO x\r\n"),
            gets("250 hello\r\n"),
            asks("GET me\r\n"),
        ],
        vec![asks("\u{1}\u{2}"), gets("x"), gets("")],
        vec![asks("select 1"), gets("1")],
        vec![asks("GET / HTTP/1.1")],
    ] {
        let found = read(&events, usize::MAX);
        assert_eq!((found.lines(), found.exchanges), (vec![], 0), "{events:?}");
    }
    // It may begin later.
    check(
        &[asks("EHLO x\r\n"), gets("250\r\n"), asks(GET), gets(HELLO)],
        &["0 > GET /a [] complete", "0 < 200 [hello] complete"],
    );
}

#[test]
fn a_capture_may_begin_amid_a_connection() {
    check(
        &[gets("rest of a body"), gets(HELLO), asks(GET), gets(HELLO)],
        &[
            "0 < 200 [hello] consistent",
            "1 > GET /a [] complete",
            "1 < 200 [hello] complete",
        ],
    );
    // The process may be the server.
    let swapped: Vec<_> = [asks(GET), gets(HELLO)]
        .into_iter()
        .map(|event| Event {
            direction: event.direction.reversed(),
            ..event
        })
        .collect();
    check(
        &swapped,
        &["0 > GET /a [] complete", "0 < 200 [hello] complete"],
    );
    // What looked like a request was the body of a response.
    check(
        &[gets(GET_B), gets(HELLO), asks(GET), gets(HELLO)],
        &[
            "0 > GET /b [] complete",
            "1 < 200 [hello] consistent",
            "2 > GET /a [] complete",
            "2 < 200 [hello] complete",
        ],
    );
}

#[test]
fn a_lost_head_leaves_a_body() {
    check(
        &[
            asks(GET),
            gets("some"),
            gets(" body"),
            asks(GET_B),
            gets(HELLO),
        ],
        &[
            "0 > GET /a [] complete",
            "0 < ? [some body] broken no_start",
            "1 > GET /b [] complete",
            "1 < 200 [hello] complete",
        ],
    );
    let events = [
        asks(GET),
        gets(HELLO),
        asks("a=b"),
        gets(HELLO),
        asks(GET_B),
        gets(HELLO),
    ];
    assert_eq!(
        read(&events, usize::MAX).lines(),
        [
            "0 > GET /a [] complete",
            "0 < 200 [hello] complete",
            "1 > ? [a=b] broken no_start",
            "1 < 200 [hello] consistent",
            "2 > GET /b [] complete",
            "2 < 200 [hello] complete",
        ]
    );
    // Nothing says whose these bytes are.
    check(
        &[
            asks(GET),
            gets(HELLO),
            gets("stray"),
            gets("more"),
            asks(GET_B),
            gets(HELLO),
        ],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [hello] complete",
            "1 > GET /b [] complete",
            "1 < 200 [hello] complete",
        ],
    );
}

#[test]
fn http_text_in_a_body_is_body_unless_another_request_came() {
    let embedded = "HTTP/1.1 1";
    check(
        &[asks(GET), gets(HEAD_OF_10), gets("HTTP/1.1 200 OK\r\n\r\n")],
        &[
            "0 > GET /a [] complete",
            &format!("0 < 200 [{embedded}] broken lost_bytes").replace("1.1 1", "1.1 2"),
        ],
    );
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n";
    check(
        &[asks(GET), gets(head), gets("HTTP/1.1 200 OK\r\n\r\n")],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [HTTP/1.1 200 OK\r\n\r\n] consistent",
        ],
    );
    // The client asked again, so the response must be over.
    check(
        &[
            asks(GET),
            gets(HEAD_OF_10),
            gets("0123"),
            asks(GET_B),
            gets(HELLO),
        ],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [0123] broken lost_bytes",
            "1 > GET /b [] complete",
            "1 < 200 [hello] complete",
        ],
    );
    // A client that pipelines has asked before.
    let both = format!("{GET}{GET_B}");
    check(
        &[
            asks(&both),
            gets(head),
            gets("HTTP/1.1 200 OK\r\n\r\n"),
            gets(HELLO),
        ],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [HTTP/1.1 200 OK\r\n\r\n] consistent",
            "1 > GET /b [] complete",
            "1 < 200 [hello] complete",
        ],
    );
    // But eCapture cut the event before.
    check(
        &[asks(&both), gets(HEAD_OF_10).cut(), gets(HELLO)],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [] broken lost_bytes maybe_truncated",
            "1 > GET /b [] complete",
            "1 < 200 [hello] complete",
        ],
    );
}

#[test]
fn a_request_in_a_request_is_body_until_the_response_came() {
    let head = "POST / HTTP/1.1\r\nContent-Length: 28\r\n\r\n";
    assert_eq!(GET.len(), 28);
    check(
        &[asks(head), asks(GET), gets(HELLO)],
        &[
            &format!("0 > POST / [{GET}] consistent"),
            "0 < 200 [hello] complete",
        ],
    );
    for last in [asks("abc"), asks("abc").cut()] {
        let marks = if last.provenance.is_empty() {
            ""
        } else {
            " maybe_truncated"
        };
        check(
            &[asks(head), last, gets(HELLO), asks(GET), gets(HELLO)],
            &[
                &format!("0 > POST / [abc] broken lost_bytes{marks}"),
                "0 < 200 [hello] complete",
                "1 > GET /a [] complete",
                "1 < 200 [hello] complete",
            ],
        );
    }
    check(
        &[asks(head), asks("abc").cut(), asks(GET), gets(HELLO)],
        &[
            "0 > POST / [abc] broken lost_bytes maybe_truncated",
            "1 > GET /a [] complete",
            "1 < 200 [hello] consistent unsure_pair",
        ],
    );
}

#[test]
fn a_start_line_cannot_stand_between_chunks() {
    for cut in ["3\r\nabc\r\n", "3\r\nabc", "3\r\nabc\r\n0\r\nA: b\r\n"] {
        let body = format!("{HEAD_OF_CHUNKS}{cut}");
        check(
            &[asks(&format!("{GET}{GET_B}")), gets(&body), gets(HELLO)],
            &[
                "0 > GET /a [] complete",
                "0 < 200 [abc] broken lost_bytes",
                "1 > GET /b [] complete",
                "1 < 200 [hello] complete",
            ],
        );
    }
    // Within the data of one it can.
    let text = "HTTP/1.1 200 OK\r\n\r\n";
    check(
        &[
            asks(GET),
            gets(&format!("{HEAD_OF_CHUNKS}16\r\nabc")),
            gets(&format!("{text}\r\n0\r\n\r\n")),
        ],
        &[
            "0 > GET /a [] complete",
            &format!("0 < 200 [abc{text}] consistent"),
        ],
    );
    // After a broken line, everything up to the next start line at the beginning of an event is skipped.
    check(
        &[
            asks(GET),
            gets(&format!("{HEAD_OF_CHUNKS}1\r\na\r\n")),
            gets("lost\r\n"),
            gets("x"),
            asks(GET_B),
            gets(HELLO),
        ],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [a] broken lost_bytes bad_framing",
            "1 > GET /b [] complete",
            "1 < 200 [hello] complete",
        ],
    );
}

#[test]
fn what_follows_shows_that_counted_bytes_were_lost() {
    let events = [
        asks(GET),
        gets(HEAD_OF_10),
        gets("012"),
        gets("89abcdefgh"),
        asks(GET_B),
        gets(HELLO),
    ];
    assert_eq!(
        read(&events, usize::MAX).lines(),
        [
            "0 > GET /a [] complete",
            "0 < 200 [01289abcde] broken lost_bytes",
            "1 > GET /b [] complete",
            "1 < 200 [hello] complete",
        ]
    );
}

#[test]
fn cut_heads_are_given_as_far_as_they_are_there() {
    let second = ["1 > GET /a [] complete", "1 < 200 [hello] complete"];
    // The response shows that the request was over, though its head does not end.
    for cut in [
        "GET /x HTTP/1.1\r\nA: b\r\nHo",
        "GET /x HTTP/1.1\r\nA: b\r\n",
    ] {
        check(
            &[asks(cut), gets(HELLO), asks(GET), gets(HELLO)],
            &[
                &[
                    "0 > GET /x [] broken lost_bytes",
                    "0 < 200 [hello] consistent",
                ][..],
                &second,
            ]
            .concat(),
        );
    }
    for cut in ["HTTP/1.1 404 No\r\nA", "HTTP/1.1 404 No\r\n"] {
        check(
            &[asks(GET_B), gets(cut), asks(GET), gets(HELLO)],
            &[
                &["0 > GET /b [] complete", "0 < 404 [] broken lost_bytes"][..],
                &second,
            ]
            .concat(),
        );
    }
    check(
        &[asks(GET_B), gets("HTTP/1."), asks(GET), gets(HELLO)],
        &[
            "0 > GET /b [] complete",
            "1 > GET /a [] complete",
            "1 < 200 [hello] consistent unsure_pair",
        ],
    );
    // A field may have such a value, in an event of its own.
    check(
        &[
            asks("GET /x HTTP/1.1\r\nA: "),
            asks("GET /y HTTP/1.1\r\n\r\n"),
            gets(HELLO),
        ],
        &["0 > GET /x [] consistent", "0 < 200 [hello] complete"],
    );
}

#[test]
fn lost_responses_and_requests() {
    // The answer to the first was lost: the next belongs to the second.
    check(
        &[asks(GET), asks(GET_B), gets(HELLO), asks(GET), gets(HELLO)],
        &[
            "0 > GET /a [] complete",
            "1 > GET /b [] complete",
            "1 < 200 [hello] consistent unsure_pair",
            "2 > GET /a [] complete",
            "2 < 200 [hello] complete",
        ],
    );
    check(
        &[
            gets(HELLO),
            gets(HELLO),
            asks(GET),
            gets(HELLO),
            gets(HELLO),
        ],
        &[
            "0 < 200 [hello] consistent",
            "1 < 200 [hello] consistent",
            "2 > GET /a [] complete",
            "2 < 200 [hello] complete",
            "3 < 200 [hello] consistent",
        ],
    );
    // A response to HEAD whose request was lost ends with the next.
    check(
        &[asks(GET), gets(HELLO), gets(HEAD_OF_10), gets(HELLO)],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [hello] complete",
            "1 < 200 [] broken lost_bytes",
            "2 < 200 [hello] consistent",
        ],
    );
}

#[test]
fn a_request_may_come_after_its_response_at_one_time() {
    check(
        &[asks(GET), gets(HELLO), gets(HELLO), asks(GET_B).now()],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [hello] complete",
            "1 > GET /b [] complete unsure_pair",
            "1 < 200 [hello] consistent",
        ],
    );
    check(
        &[
            gets(HEAD_OF_10),
            asks("HEAD / HTTP/1.1\r\n\r\n").now(),
            asks(GET),
            gets(HELLO),
        ],
        &[
            "0 > HEAD / [] complete unsure_pair",
            "0 < 200 [] consistent",
            "1 > GET /a [] complete",
            "1 < 200 [hello] complete",
        ],
    );
    check(
        &[gets(HELLO), asks(GET).after(1), gets(HELLO)],
        &[
            "0 < 200 [hello] consistent",
            "1 > GET /a [] complete",
            "1 < 200 [hello] complete",
        ],
    );
}

#[test]
fn the_end_of_a_stream_ends_what_is_under_way() {
    check(
        &[
            asks(GET),
            gets("HTTP/1.0 200 OK\r\n\r\nab"),
            gets("c"),
            gets(""),
            gets(""),
            asks(GET_B),
            gets(HELLO),
        ],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [abc] closed",
            "1 > GET /b [] complete",
            "1 < 200 [hello] complete",
        ],
    );
    check(
        &[
            asks("PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab"),
            asks(""),
        ],
        &["0 > PUT / [ab] broken lost_bytes"],
    );
    check(
        &[asks(GET), gets("HTTP/1.1 200 OK\r\nA: b\r\nC"), gets("")],
        &["0 > GET /a [] complete", "0 < 200 [] broken lost_bytes"],
    );
    // That is as good as an empty read: no client asks anew within a response, so its connection is over.
    check(
        &[
            asks(GET),
            gets("HTTP/1.1 200 OK\r\n\r\nab"),
            asks(GET_B),
            gets(HELLO),
        ],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [ab] closed",
            "1 > GET /b [] complete",
            "1 < 200 [hello] complete",
        ],
    );
    // A request of a connection that is over gets no answer.
    check(
        &[asks(GET), gets(""), asks(GET_B).after(1), gets(HELLO)],
        &[
            "0 > GET /a [] complete",
            "1 > GET /b [] complete",
            "1 < 200 [hello] complete",
        ],
    );
}

#[test]
fn what_is_under_way_at_the_end_is_open() {
    for (answer, expected) in [
        (HEAD_OF_10, "0 < 200 [] open"),
        ("HTTP/1.1 200 OK\r\nA: b", "0 < 200 [] open"),
        ("HTTP/1.1 200 OK\r\n\r\nab", "0 < 200 [ab] open"),
        ("ab", "0 < ? [ab] broken no_start"),
    ] {
        check(
            &[asks(GET), gets(answer)],
            &["0 > GET /a [] complete", expected],
        );
    }
}

#[test]
fn only_what_goes_on_was_truncated() {
    check(
        &[
            asks(GET),
            gets(HELLO).cut(),
            asks(GET_B),
            gets(HEAD_OF_10).cut(),
            gets("0123456789"),
        ],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [hello] complete",
            "1 > GET /b [] complete",
            "1 < 200 [0123456789] consistent maybe_truncated",
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
fn waiting_requests_have_a_limit() {
    let many = GET.repeat(super::super::MAX_WAITING + 1);
    let found = read(&[asks(&many), gets(HELLO)], usize::MAX);
    let lines = found.lines();
    assert_eq!(
        lines[..4],
        [
            "0 > GET /a [] complete",
            "0 < ? [] open given_up",
            "1 > GET /a [] complete",
            "1 < 200 [hello] complete",
        ]
    );
}

#[test]
fn messages_that_were_written_anew_are_whole() {
    let get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    let gzip =
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Encoding: gzip\r\n\r\nlonger than three";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunks";
    let events = [
        asks(get).rewritten(),
        gets(gzip).rewritten(),
        asks(get).rewritten(),
        gets(chunked).rewritten(),
    ];
    let expected = [
        "0 > GET /a [] consistent reserialized",
        "0 < 200 [longer than three] consistent reserialized",
        "1 > GET /a [] consistent reserialized",
        "1 < 200 [no chunks] consistent reserialized",
    ];
    check(&events, &expected);
    // Text and binary between them is part of none.
    let mut more = events.to_vec();
    more.insert(2, gets("some text"));
    more.insert(4, asks("\u{1}\u{2}"));
    check(&more, &expected);
}

#[test]
fn phantoms_are_no_messages() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = format!("{chunked}body");
    let post = "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n";
    let sent = format!("{post}data");
    let events = [
        asks(&sent).rewritten(),
        asks(post).rewritten(),
        gets(&body).rewritten(),
        gets(chunked).rewritten(),
        gets(chunked).rewritten(),
        asks(&sent).rewritten(),
        gets(chunked).rewritten(),
    ];
    let expected = [
        "0 > POST / [data] broken lost_bytes reserialized",
        "0 < 200 [body] consistent reserialized",
        "1 > POST / [data] broken lost_bytes reserialized",
        "1 < 200 [] consistent reserialized",
    ];
    check(&events, &expected);
    assert_eq!(read(&events, usize::MAX).phantoms, 3);
    // A request without a body may well be repeated.
    let get = "GET / HTTP/1.1\r\n\r\n";
    assert_eq!(
        read(&[asks(get).rewritten(), asks(get).rewritten()], 1).exchanges,
        2
    );
}

#[test]
fn a_message_written_anew_may_seem_earlier_than_its_request() {
    check(
        &[
            gets("HTTP/1.1 200 OK\r\n\r\nx").rewritten(),
            asks(GET).rewritten().after(3),
        ],
        &[
            "0 > GET /a [] consistent reserialized",
            "0 < 200 [x] consistent reserialized",
        ],
    );
}

#[test]
fn http_2_is_left_to_its_reader() {
    let mut preface = asks("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    preface.content = Some(Content::Http2Preface);
    let mut conversation = Conversation::new();
    let mut parts = 0;
    let mut sink = |_: Part<'_>| parts += 1;
    for event in [asks("x"), preface, asks(GET)] {
        let piece = Piece {
            event: EventId::new(1),
            time: Timestamp::from_seconds(1),
            direction: event.direction,
            content: event.content(),
            provenance: event.provenance,
            offset: 0,
            bytes: &event.bytes,
            is_last: true,
        };
        conversation.push(&piece, &mut sink);
    }
    conversation.end(&mut sink);
    assert_eq!(parts, 0);
}

#[test]
fn an_upgrade_leads_to_http_2() {
    // What follows is none, so nothing but the head of the 101 is given.
    let upgrade = "GET /a HTTP/1.1\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n";
    let found = read(
        &[
            asks(upgrade),
            gets("HTTP/1.1 101 Go\r\nUpgrade: h2c\r\n\r\n"),
            asks("x"),
        ],
        usize::MAX,
    );
    let lines = found.lines();
    assert_eq!(lines[0], "0 > GET /a [] complete");
    assert!(lines[1].starts_with("0 < 101 []"), "{lines:?}");
    assert_eq!(found.exchanges, 1);
}

#[test]
fn bytes_of_a_head_that_came_too_early_get_no_response() {
    check(
        &[
            asks(GET),
            gets(HELLO),
            asks(": split"),
            asks("PUT /b HTTP/1.1\r\nContent-Length: 5\r\nA").after(1),
            asks("\r\n\r\nab").after(1),
            gets(HELLO),
            asks(GET),
            gets(HELLO),
        ],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [hello] complete",
            "1 > ? [: split] broken no_start",
            "2 > PUT /b [ab] broken lost_bytes bad_head",
            "2 < 200 [hello] consistent unsure_pair",
            "3 > GET /a [] complete",
            "3 < 200 [hello] complete",
        ],
    );
}

#[test]
fn a_client_may_keep_two_requests_under_way() {
    let get_c = "GET /c HTTP/1.1\r\n\r\n";
    check(
        &[
            asks(GET),
            asks(GET_B).after(1),
            gets("HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n"),
            asks(get_c).after(1),
            gets("HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n"),
            gets("HTTP/1.1 203 OK\r\nContent-Length: 0\r\n\r\n"),
        ],
        &[
            "0 > GET /a [] complete",
            "0 < 201 [] complete unsure_pair",
            "1 > GET /b [] complete",
            "1 < 202 [] complete unsure_pair",
            "2 > GET /c [] complete",
            "2 < 203 [] complete",
        ],
    );
}

#[test]
fn text_that_was_cut_at_a_nul_lost_the_rest() {
    let both = format!("{GET}{GET_B}");
    check(
        &[
            asks(&both),
            gets(HEAD_OF_10).with(Provenance::CUT_AT_NUL),
            gets(HELLO),
        ],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [] broken lost_bytes",
            "1 > GET /b [] complete",
            "1 < 200 [hello] complete",
        ],
    );
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

/// The vectors `v1.5.2-text-tls_data-openssl-09`, `-19` and `-21` in `tests/data/wire`, and what must not be taken for the same.
#[test]
fn a_message_written_anew_may_lack_some_of_its_body() {
    const HEAD: &str = "HEAD /a HTTP/1.1\r\n\r\n";
    for (request, answer, expected) in [
        (
            Some(GET),
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npartial",
            "< 200 [partial] broken lost_bytes reserialized",
        ),
        (
            Some(GET),
            HEAD_OF_10,
            "< 200 [] broken lost_bytes reserialized",
        ),
        (
            Some(GET),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "< 200 [hello] consistent reserialized",
        ),
        // Its length is that of the coded body.
        (
            Some(GET),
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\nhello",
            "< 200 [hello] consistent reserialized",
        ),
        (
            Some(GET),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello",
            "< 200 [hello] consistent reserialized",
        ),
        // One to HEAD has none.
        (Some(HEAD), HEAD_OF_10, "< 200 [] consistent reserialized"),
        (None, HEAD_OF_10, "< 200 [] consistent reserialized"),
        (
            None,
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
            "< 200 [hello] broken lost_bytes reserialized",
        ),
    ] {
        let mut events: Vec<_> = request.iter().map(|text| asks(text).rewritten()).collect();
        events.push(gets(answer).rewritten());
        for piece in [usize::MAX, 1] {
            let lines = read(&events, piece).lines();
            assert!(lines.last().unwrap().ends_with(expected), "{lines:?}");
        }
    }
    let cut = Provenance::RESERIALIZED | Provenance::SHORTENED;
    check(
        &[
            asks("PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhello").rewritten(),
            gets("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nhello").with(cut),
        ],
        &[
            "0 > PUT / [hello] broken lost_bytes reserialized",
            "0 < 200 [hello] open reserialized maybe_truncated",
        ],
    );
}

#[test]
fn a_body_that_was_refused_is_not_missing() {
    let put = "PUT /b HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    let refused = "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n";
    check(
        &[asks(put), gets(refused), asks(GET), gets(HELLO)],
        &[
            "0 > PUT /b [] consistent",
            "0 < 417 [] complete",
            "1 > GET /a [] complete",
            "1 < 200 [hello] complete",
        ],
    );
    check(
        &[asks(put), gets(refused)],
        &["0 > PUT /b [] consistent", "0 < 417 [] complete"],
    );
    // It was wanted, and so must have been sent.
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    check(
        &[
            asks(put),
            gets(go_on),
            gets(refused),
            asks(GET),
            gets(HELLO),
        ],
        &[
            "0 > PUT /b [] broken lost_bytes",
            "0 < 417 [] complete",
            "1 > GET /a [] complete",
            "1 < 200 [hello] complete",
        ],
    );
    // Nobody has answered.
    check(&[asks(put)], &["0 > PUT /b [] open"]);
}
