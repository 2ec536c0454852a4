#![expect(
    clippy::string_slice,
    reason = "a test may panic, and all of it is ASCII"
)]

use proptest::prelude::*;

use super::*;
use crate::event::samples;
use crate::redact::rules::Rule;

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

fn redactor() -> EventRedactor {
    let own = ["header:X-Own", "field:iban", r"regex:\bsk-[A-Z0-9]+"];
    let own = own.map(|rule| Rule::parse(rule).unwrap());
    EventRedactor::new(Redactor::new(&[1; 32], own.into()))
}

fn content(payload: &[u8]) -> Content {
    match h1::head(payload) {
        Some((content, _)) => content,
        None => Content::Text,
    }
}

fn event(payload: &[u8]) -> Event {
    let mut event = samples::request().event;
    event.content = content(payload);
    event.http = h1::head(payload).map(|(_, head)| head);
    event.direction = Some(Direction::Inbound);
    event
}

/// The payloads of one stream, one event after the other.
fn redact(redactor: &mut EventRedactor, payload: &[u8]) -> (Event, Redaction) {
    let mut event = event(payload);
    let connection = Some(ConnectionId::new(1));
    let payload = Bytes::copy_from_slice(payload);
    let redaction = redactor.redact(0, connection, &mut event, &payload);
    (event, redaction)
}

fn one(payload: &str) -> String {
    let (_, redaction) = redact(&mut redactor(), payload.as_bytes());
    String::from_utf8(redaction.payload.to_vec()).unwrap()
}

fn mask(secret: &str, bytes: usize) -> String {
    let mut mark = Redactor::new(&[1; 32], Vec::new()).key.mark();
    mark.update(secret.as_bytes());
    String::from_utf8(mark.of_length(bytes)).unwrap()
}

fn masked(secret: &str) -> String {
    mask(secret, secret.len())
}

#[test]
fn what_stands_in_place_of_a_secret_is_as_long() {
    let all = mask("x", 25);
    assert!(all.starts_with("redacted:"), "{all}");
    assert_eq!(mask("x", 27), format!("{all}**"));
    assert_eq!(mask("x", 17), all[..17]);
    assert_eq!(mask("x", 16), all[9..]);
    assert_eq!(mask("x", 3), all[9..12]);
    assert_eq!(mask("x", 0), "");
}

#[test]
fn secrets_of_a_message_are_covered() {
    let head =
        |field: &str| format!("GET / HTTP/1.1\r\nHost: h.test\r\n{field}\r\nAccept: */*\r\n\r\n");
    for (field, secret) in [
        (
            "Authorization: Basic dXNlcjpwYXNzd29yZA==",
            "dXNlcjpwYXNzd29yZA==",
        ),
        ("authorization: s3cr3t", "s3cr3t"),
        ("X-Api-Key:  s3 cr3t", "s3 cr3t"),
        ("X-Own: a", "a"),
        ("Authorization : s3cr3t", "s3cr3t"),
        ("X-Api-Key \t:s3cr3t", "s3cr3t"),
        ("Set-Cookie: sid=s3cr3t; Path=/", "s3cr3t"),
        ("Cookie: s3cr3t", "s3cr3t"),
        ("Referer: https://h.test/?a=1&token=x,y&b", "x,y"),
        ("Referer: https://u:p4ss@h.test:80/", "p4ss"),
        ("X-Data: {\"password\": \"s3cr3t\"}", "s3cr3t"),
        ("X-A: sk-AB1", "sk-AB1"),
        (&format!("X-A: {JWT},"), JWT),
        ("X-A: Bearer abcdefgh", "abcdefgh"),
    ] {
        let text = head(field);
        assert_eq!(one(&text), text.replace(secret, &masked(secret)), "{field}");
    }
    let cookies = head("Cookie: a=1; b=s3=cr3t;c=");
    let expected = format!("a={}; b={};c=", masked("1"), masked("s3=cr3t"));
    assert_eq!(
        one(&cookies),
        cookies.replace("a=1; b=s3=cr3t;c=", &expected)
    );
    for field in [
        "X: bearer of news",
        "X: https://h:443/",
        "Token-Count:",
        "X: eyJabcdefgh",
        "X Authorization : yes",
    ] {
        assert_eq!(one(&head(field)), head(field));
    }
}

#[test]
fn secrets_of_bodies_are_covered() {
    let message = |kind: &str, body: &str| {
        let length = body.len();
        format!(
            "POST /a?pin=77 HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let json = "application/json";
    let form = "application/x-www-form-urlencoded";
    for (kind, body, expected) in [
        (
            json,
            "{\"token\":\"x\\u00e9\\\"\",\"a\":1}",
            format!("{{\"token\":\"{}\",\"a\":1}}", mask("xé\"", 9)),
        ),
        (
            json,
            "{\"pin\":1234,\"otp\":true}",
            format!("{{\"pin\":\"{}\",\"otp\":true}}", mask("1234", 2)),
        ),
        (
            json,
            "{\"auth\":[\"a\",{}]}",
            format!("{{\"auth\":\"{}\"}}", mask("[\"a\",{}]", 6)),
        ),
        (json, "{\"pin\":7}", "{\"pin\":0}".to_owned()),
        (
            form,
            "a=1&password=my%20 \"x&b=2",
            format!("a=1&password={}&b=2", mask("my  \"x", 8)),
        ),
        (
            "text/plain",
            "iban=DE 1&b=2",
            format!("iban={}&b=2", masked("DE 1")),
        ),
        (
            "text/html",
            "<a href='?iban=DE1'> x",
            format!("<a href='?iban={}> x", masked("DE1'")),
        ),
    ] {
        let text = message(kind, body);
        let whole = text
            .replace(body, &expected)
            .replace("pin=77", &format!("pin={}", masked("77")));
        assert_eq!(one(&text), whole, "{body}");
    }
}

#[test]
fn facts_are_those_of_what_is_left() {
    let (event, redaction) = redact(
        &mut redactor(),
        b"GET /a?q=1&token=s3cr3t HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    let path = format!("/a?q=1&token={}", masked("s3cr3t"));
    assert_eq!(event.http.unwrap().path.unwrap(), path);
    assert_eq!(event.provenance, Provenance::REDACTED);
    assert_eq!((redaction.secrets, redaction.left_out_bytes), (1, 0));
    let (event, redaction) = redact(&mut redactor(), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(event.provenance, Provenance::empty());
    assert_eq!(redaction.secrets, 0);
    // What is left out is in no column either.
    let (event, redaction) = redact(
        &mut redactor(),
        b"GET /a?token=s3cr3t HTTP/1.1\r\nHost: h\r\nX: \0\r\n\r\n",
    );
    assert_eq!(redaction.payload, "");
    assert_eq!(event.http, None);
}

#[test]
fn what_cannot_be_looked_into_is_left_out() {
    let length = "Content-Length: 20\r\n\r\n";
    for (payload, kept) in [
        (
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n{length}password=x"),
            "password",
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: multipart/form-data; boundary=a\r\n{length}--a"
            ),
            "--a",
        ),
        (format!("HTTP/1.1 200 OK\r\n{length}\u{1}x"), "\u{1}"),
        ("HTTP/1.1 101 Switching\r\n\r\nabc".to_owned(), "abc"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\n".to_owned(),
            "5\r\n",
        ),
        ("in the middle of something".to_owned(), "in"),
        ("00000000  16 ff".to_owned(), "00"),
    ] {
        let mut redactor = redactor();
        let (event, redaction) = redact(&mut redactor, payload.as_bytes());
        let all = payload.len();
        let kept = payload.find(kept).unwrap();
        assert_eq!(redaction.payload, payload.as_bytes()[..kept], "{payload}");
        assert_eq!(redaction.left_out_bytes, (all - kept) as u64);
        assert_eq!(
            event.provenance,
            Provenance::REDACTED | Provenance::SHORTENED
        );
        assert_eq!(event.details.total_bytes, Some(all as u64));
        // And so is what comes after it, up to the next message.
        let (_, redaction) = redact(&mut redactor, b"more of that");
        assert_eq!(redaction.payload, "", "{payload}");
        let next = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(redact(&mut redactor, next).1.payload, &next[..]);
    }
}

#[test]
fn after_a_gap_text_begins_with_the_next_line() {
    let mut redactor = redactor();
    redact(&mut redactor, b"HTTP/1.1 200 OK\r\n\r\n{\"token\":\"abc");
    redactor.forget();
    let (event, redaction) = redact(&mut redactor, b"def\",\"a\":1}\r\nmore\n");
    assert_eq!(redaction.payload, "***********\r\nmore\n");
    assert_eq!(
        (event.provenance, redaction.secrets),
        (Provenance::REDACTED, 1)
    );
    assert_eq!(redact(&mut redactor, b"and more").1.payload, "and more");
}

/// What is known of another connection stays.
#[test]
fn one_connection_is_forgotten() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n{\"token\":\"one";
    let rest = b"two\",\"kept\":true}";
    let mut redactor = redactor();
    let push = |redactor: &mut EventRedactor, connection, payload: &'static [u8]| {
        let connection = Some(ConnectionId::new(connection));
        let payload = Bytes::from_static(payload);
        let redaction = redactor.redact(0, connection, &mut event(&payload), &payload);
        String::from_utf8(redaction.payload.to_vec()).unwrap()
    };
    for connection in [1, 2] {
        push(&mut redactor, connection, head);
    }
    redactor.forget_connection(1, ConnectionId::new(2));
    redactor.forget_connection(0, ConnectionId::new(1));
    assert_eq!(push(&mut redactor, 1, rest), "");
    let shown = push(&mut redactor, 2, rest);
    assert!(shown.ends_with("\",\"kept\":true}"), "{shown}");
}

#[test]
fn chunks_stay_as_they_are() {
    let mut redactor = redactor();
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"tok\r";
    assert_eq!(redact(&mut redactor, head).1.payload, &head[..]);
    let (_, redaction) = redact(&mut redactor, b"\n9\r\nen\":\"abcd\r\n4\r");
    assert_eq!(
        redaction.payload,
        format!("\n9\r\nen\":\"{}\r\n4\r", masked("abcd"))
    );
    let (_, redaction) = redact(
        &mut redactor,
        b"\nef\"}\r\n0\r\nX-Api-Key: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
    );
    let payload = String::from_utf8(redaction.payload.to_vec()).unwrap();
    let expected = format!(
        "\n{}\"}}\r\n0\r\nX-Api-Key: {}\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
        mask("abcdef", 2),
        masked("x")
    );
    assert_eq!(payload, expected);
}

#[test]
fn listings_keep_their_fields() {
    let listing = "\nFrame Type\t=>\tHEADERS\nFrame StreamID\t=>\t1\nFrame Length\t=>\t25\n\
        header field \":method\" = \"PUT\"\nheader field \":path\" = \"/a?token=s3cr3t\"\nheader field \"authorization\" = \"Bearer s3\\\"cr3t\"\n\
        header field \"accept\" = \"*/*\"\n\nFrame Type\t=>\tDATA\nFrame StreamID\t=>\t1\nFrame Length\t=>\t5\nabcde\n\
        \nFrame Type\t=>\tDATA\nFrame StreamID\t=>\t3\nFrame Length\t=>\t5\n*****\n";
    let mut event = event(b"");
    event.content = Content::Http2Listing;
    event.http = Some(HttpHead {
        path: Some("/a?token=s3cr3t".to_owned()),
        ..HttpHead::default()
    });
    // Of the last one no head is there.
    let payload = Bytes::from(listing.replace("*****", "fghij"));
    let redaction = redactor().redact(0, None, &mut event, &payload);
    assert_eq!(
        (
            redaction.secrets,
            redaction.left_out_bytes,
            redaction.covered_bytes
        ),
        (2, 0, 5)
    );
    assert_eq!(event.provenance, Provenance::REDACTED);
    let expected = listing
        .replace("token=s3cr3t", &format!("token={}", masked("s3cr3t")))
        .replace("s3\\\"cr3t", &(mask("s3\"cr3t", 7) + "*"));
    assert_eq!(redaction.payload, expected.as_bytes());
    let path = format!("/a?token={}", masked("s3cr3t"));
    assert_eq!(event.http.unwrap().path, Some(path));
}

#[test]
fn shells_and_queries_are_texts_by_themselves() {
    for kind in [Kind::Shell, Kind::Sql] {
        let text = "TOKEN='s3 cr3t' curl -u x https://u:p4ss@h/ # pin=5";
        let mut event = event(b"");
        event.kind = kind;
        let redaction = redactor().redact(0, None, &mut event, &Bytes::from(text));
        let expected = text
            .replace("s3 cr3t", &masked("s3 cr3t"))
            .replace("p4ss", &masked("p4ss"))
            .replace("pin=5", &format!("pin={}", masked("5")));
        assert_eq!(redaction.payload, expected.as_bytes());
    }
    for kind in [Kind::Unreadable, Kind::UnknownText, Kind::KeyMaterial] {
        let mut event = event(b"");
        event.kind = kind;
        event.details.reason = Some("invalid type: string \"s3cr3t\"".to_owned());
        let redaction = redactor().redact(0, None, &mut event, &Bytes::from("s3cr3t"));
        assert_eq!(redaction.payload, "");
        assert!(kind == Kind::KeyMaterial || !event.details.reason.unwrap().contains("s3"));
    }
}

/// A text in a message that is cut anywhere into two events.
#[test]
fn what_people_type_is_covered_over_events() {
    const SECRET: &str = "QXYZQXYZQXYZ";
    let body = format!(
        "PGPASSWORD={SECRET} psql\ncurl -u a:{SECRET} -H 'Authorization: Basic {SECRET}'\n\
         mysql -p'{SECRET}'; ALTER USER a IDENTIFIED BY '{SECRET}'; SET PASSWORD = '{SECRET}'"
    );
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    for at in 0..=body.len() {
        let (one, other) = body.as_bytes().split_at(at);
        let mut redactor = redactor();
        let first = redact(&mut redactor, &[head.as_bytes(), one].concat()).1;
        let second = redact(&mut redactor, other).1;
        let shown = [&first.payload[head.len()..], &second.payload].concat();
        assert_eq!(shown.len(), body.len());
        let shown = String::from_utf8(shown).unwrap();
        assert!(!shown.contains(&SECRET[..3]), "{at}: {shown}");
        let kept = body.split(SECRET);
        assert!(
            kept.into_iter().all(|part| shown.contains(part)),
            "{at}: {shown}"
        );
    }
}

#[test]
fn silent_streams_are_forgotten_first() {
    let mut redactor = redactor();
    redactor.most = 8;
    for number in 0..100 {
        let head = Bytes::from("HTTP/1.1 200 OK\r\n\r\n{\"token\":\"abc");
        let mut event = event(&head);
        redactor.redact(0, Some(ConnectionId::new(number)), &mut event, &head);
        assert!(redactor.streams.len() <= 8);
    }
    let rest = Bytes::from("def");
    for (number, kept) in [(99, 3), (0, 0)] {
        let mut event = event(&rest);
        let redaction = redactor.redact(0, Some(ConnectionId::new(number)), &mut event, &rest);
        assert_eq!(redaction.payload.len(), kept);
        assert!(!redaction.payload.starts_with(b"d"));
    }
}

/// A message with secrets, and its secrets.
fn message() -> impl Strategy<Value = (String, Vec<String>)> {
    let secret = || "[A-Z]{12,40}";
    let secrets = proptest::collection::vec(secret(), 8);
    (secrets, any::<bool>()).prop_map(|(s, is_form)| {
        let body = if is_form {
            format!("a=1&password={}&b=2&iban={}&c=3", s[5], s[6])
        } else {
            format!(
                "{{\"a\":\"b c\",\"token\":\"{}\",\"n\":[1,{{\"pin\" : \"{}\"}}],\"z\":\"see https://u:{}@h.test:8080/x\"}}",
                s[5], s[6], s[7]
            )
        };
        let kind = if is_form { "application/x-www-form-urlencoded" } else { "application/json" };
        let text = format!(
            "POST /x?q=1&token={}&r=2 HTTP/1.1\r\nHost: h.test\r\nAuthorization: Bearer {}\r\nCookie: a={}; b={}\r\n\
             X-Own: {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            s[0], s[1], s[2], s[3], s[4], body.len()
        );
        (text, s)
    })
}

fn pieces(text: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut % text.len()).collect();
    places.sort_unstable();
    places.push(text.len());
    let mut start = 0;
    let mut pieces = Vec::new();
    for place in places {
        pieces.push(text[start..place].to_vec());
        start = place;
    }
    pieces
}

proptest! {
    /// However a text is cut into events: no piece of a secret is left, and everything else is as it was.
    #[test]
    fn secrets_over_several_events_are_covered(
        (text, secrets) in message(),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut redactor = redactor();
        let mut found = Vec::new();
        for piece in pieces(text.as_bytes(), &cuts) {
            let (_, redaction) = redact(&mut redactor, &piece);
            prop_assert_eq!(redaction.payload.len(), piece.len());
            found.extend_from_slice(&redaction.payload);
        }
        let shown = String::from_utf8(found).unwrap();
        for secret in secrets.iter().filter(|secret| text.contains(*secret)) {
            for at in 0..=secret.len() - 6 {
                prop_assert!(!shown.contains(&secret[at..at + 6]), "{} of {} in {}", at, secret, shown);
            }
        }
        // Secrets alone have such letters. What stands in their place has none, and is as long.
        let others = |text: &str| -> String {
            let letters: Vec<_> = text.chars().collect();
            let mut is_secret = vec![false; letters.len()];
            for secret in &secrets {
                for (at, _) in text.match_indices(secret.as_str()) {
                    is_secret[at..at + secret.len()].fill(true);
                }
            }
            let kept = letters.iter().zip(&is_secret).filter(|(_, is)| !**is);
            kept.map(|(letter, _)| *letter).collect()
        };
        let is_secret = |at: usize| {
            secrets.iter().any(|secret| {
                text.match_indices(secret.as_str()).any(|(start, _)| (start..start + secret.len()).contains(&at))
            })
        };
        let rest: String = shown.chars().enumerate().filter(|(at, _)| !is_secret(*at)).map(|(_, letter)| letter).collect();
        prop_assert_eq!(rest, others(&text));
    }

    #[test]
    fn own_expressions_match_over_events(
        secret in "[A-Z0-9]{6,400}",
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        let text = format!("HTTP/1.1 200 OK\r\n\r\nkey sk-{secret} end of\n");
        let mut redactor = redactor();
        let mut found = Vec::new();
        for piece in pieces(text.as_bytes(), &cuts) {
            found.extend_from_slice(&redact(&mut redactor, &piece).1.payload);
        }
        let shown = String::from_utf8(found).unwrap();
        prop_assert_eq!(shown.len(), text.len());
        for at in 0..=secret.len() - 6 {
            prop_assert!(!shown.contains(&secret[at..at + 6]), "{} in {}", secret, shown);
        }
        prop_assert!(shown.ends_with(" end of\n"));
    }

    #[test]
    fn anything_is_taken(
        payloads in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..60),
                proptest::collection::vec(
                    prop::sample::select(vec![
                        "\"password\":", "\"", "\\", "\\u00", "{", "}", "[", "\r\n", "\n", "12", "null", "&", "=", "?token=",
                        "Bearer ", "eyJabcdefg", ".abc", "sk-A", "%4", "é", "://u:", "@", "GET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n",
                        "Cookie: ", "a=b", ";", "Authorization: ", "Basic ", "Transfer-Encoding: chunked\r\n", "5\r\n", "0\r\n",
                        "Content-Length: 9\r\n", "header field \"", "\" = \"", "'",
                        "password '", "identified by ", "curl -u a:", "--token ", "-H 'Authorization: ", "\\u0026", " ",
                    ]),
                    0..30,
                )
                .prop_map(|words| words.concat().into_bytes()),
            ],
            0..8,
        ),
    ) {
        let mut redactor = redactor();
        for payload in payloads {
            let (event, redaction) = redact(&mut redactor, &payload);
            let left_out = usize::try_from(redaction.left_out_bytes).unwrap();
            prop_assert_eq!(redaction.payload.len() + left_out, payload.len());
            let is_changed = redaction.payload != payload;
            prop_assert_eq!(event.provenance.contains(Provenance::REDACTED), is_changed);
        }
    }
}
