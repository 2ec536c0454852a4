//! What is no HTTP/1, from the beginning or from some message on.

use super::*;

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
