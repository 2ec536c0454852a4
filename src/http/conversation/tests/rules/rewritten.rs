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
