//! Messages that eCapture wrote anew.

use super::*;

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
        "0 < 200 [body] broken lost_bytes reserialized",
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
fn phantoms_show_that_bytes_are_missing() {
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
    const HEAD: &str = "HEAD /a HTTP/1.1\r\n\r\n";
    const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    let ask = "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
    let upgrade = [asks(ask).rewritten(), gets(SWITCH).rewritten()];
    let phantom_of = |event: Event| [upgrade[0].clone(), upgrade[1].clone(), event];
    check(
        &phantom_of(gets(SWITCH).rewritten().after(1300)),
        &[
            "0 > GET /ws [] consistent reserialized",
            "0 < 101 [] broken lost_bytes reserialized",
        ],
    );
    check(
        &phantom_of(asks(ask).rewritten().after(1300)),
        &[
            "0 > GET /ws [] broken lost_bytes reserialized",
            "0 < 101 [] consistent reserialized",
        ],
    );
    for (request, fields, body, expected) in [
        (
            Some(GET),
            CHUNKED,
            "data",
            "[data] broken lost_bytes reserialized",
        ),
        (Some(GET), CHUNKED, "", "[] broken lost_bytes reserialized"),
        (
            Some(GET),
            "Connection: close\r\n",
            "data",
            "[data] broken lost_bytes reserialized",
        ),
        // Its length is that of the coded body.
        (
            Some(GET),
            "Content-Length: 90\r\nContent-Encoding: gzip\r\n",
            "data",
            "[data] broken lost_bytes reserialized",
        ),
        (
            None,
            CHUNKED,
            "data",
            "[data] broken lost_bytes reserialized",
        ),
        // It has all of its body, or none that could lack something.
        (
            Some(GET),
            "Content-Length: 4\r\n",
            "data",
            "[data] consistent reserialized",
        ),
        (Some(HEAD), CHUNKED, "", "[] consistent reserialized"),
        (None, CHUNKED, "", "[] consistent reserialized"),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        let mut events: Vec<_> = request.iter().map(|text| asks(text).rewritten()).collect();
        events.push(gets(&format!("{head}{body}")).rewritten());
        for _ in 0..2 {
            events.push(gets(&head).rewritten().after(1300));
        }
        for piece in [usize::MAX, 1] {
            let found = read(&events, piece);
            let lines = found.lines();
            assert!(
                lines.last().unwrap().ends_with(expected),
                "{fields} {lines:?}"
            );
            assert_eq!((found.exchanges, found.phantoms), (1, 2), "{fields}");
        }
    }
    // Its request was seen after it.
    let head = format!("HTTP/1.1 200 OK\r\n{CHUNKED}\r\n");
    for (request, expected) in [
        (GET, "0 < 200 [] broken lost_bytes reserialized"),
        (HEAD, "0 < 200 [] consistent reserialized"),
    ] {
        let events = [
            gets(&head).rewritten(),
            asks(request).rewritten().after(3),
            gets(&head).rewritten().after(1300),
        ];
        assert_eq!(read(&events, usize::MAX).lines()[1], expected);
    }
    // Those of the next message say nothing of the one before.
    let measured = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
    check(
        &[
            asks(GET).rewritten(),
            gets(&format!("{head}one")).rewritten(),
            asks(GET).rewritten(),
            gets(&format!("{measured}data")).rewritten(),
            gets(measured).rewritten().after(1300),
        ],
        &[
            "0 > GET /a [] consistent reserialized",
            "0 < 200 [one] consistent reserialized",
            "1 > GET /a [] consistent reserialized",
            "1 < 200 [data] consistent reserialized",
        ],
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
