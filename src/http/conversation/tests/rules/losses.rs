//! What is missing, before, within or after a message.

use super::*;

const HEAD_OF_CHUNKS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

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
