//! What becomes of one thing after the other.

use super::*;

#[test]
fn a_conversation_goes_through_without_its_secrets() {
    let (mut client, mut server) = (Side::default(), Side::default());
    let mut redactor = redactor();
    let asked = request(&[
        ("authorization", "Bearer s3cr3t-s3cr3t"),
        ("cookie", "sid=s3cr3t"),
        ("x-own", "s3cr3t"),
        ("referer", "https://h.test/?token=s3cr3t&a=1"),
        ("content-type", "application/json"),
    ]);
    let body = br#"{"user":"bob","password":"s3cr3t-s3cr3t"}"#;
    for stream in [1, 3] {
        let sent = [
            if stream == 1 { preface() } else { Vec::new() },
            client.headers(stream, false, &asked),
            data(stream, true, body),
        ]
        .concat();
        let found = whole(&mut redactor, CLIENT, &sent);
        assert_eq!((found.secrets, found.left_out_bytes), (5, 0));
        assert_eq!(found.payload.starts_with(PREFACE), stream == 1);
        let frames = frames(&found.payload);
        let [.., (head, block), (_, shown)] = frames.as_slice() else {
            panic!("{frames:?}")
        };
        assert_eq!((head.flags, head.stream), (4, stream));
        let shown_fields = fields(block);
        let expected: Vec<_> = request(&[
            (
                "authorization",
                &format!("Bearer {}", hash("s3cr3t-s3cr3t")),
            ),
            ("cookie", &format!("sid={}", hash("s3cr3t"))),
            ("x-own", &hash("s3cr3t")),
            (
                "referer",
                &format!("https://h.test/?token={}&a=1", hash("s3cr3t")),
            ),
            ("content-type", "application/json"),
        ])
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        assert_eq!(shown_fields, expected);
        let expected = format!(
            r#"{{"user":"bob","password":"{}"}}"#,
            masked("s3cr3t-s3cr3t")
        );
        assert_eq!(String::from_utf8_lossy(shown), expected);

        let answered = [
            if stream == 1 { settings() } else { Vec::new() },
            server.headers(
                stream,
                false,
                &[(":status", "200"), ("set-cookie", "a=s3cr3t; Path=/")],
            ),
            data(stream, false, b"password=s3c"),
            data(stream, false, b"r3t\n&next"),
            server.headers(stream, true, &[("etag", "x")]),
        ]
        .concat();
        let found = whole(&mut redactor, SERVER, &answered);
        assert_eq!(found.left_out_bytes, 0);
        let all = String::from_utf8_lossy(&found.payload).into_owned();
        assert!(!all.contains("s3c") && !all.contains("r3t"), "{all}");
        assert!(all.contains("&next") && all.contains("Path=/"), "{all}");
    }
}

#[test]
fn other_frames_say_nothing() {
    let mut redactor = redactor();
    let sent = [
        preface(),
        frame(6, 0, 0, b"s3cr3t!!"),
        frame(0x10, 0, 0, b"s3cr3t"),
        frame(8, 0, 0, &[0, 0, 1, 0]),
        frame(7, 0, 0, b"\0\0\0\x01\0\0\0\0?token=s3cr3t."),
        frame(7, 0, 0, b"\0\0\0\x01\0\0\0\0\0s3cr3t."),
    ]
    .concat();
    let found = whole(&mut redactor, CLIENT, &sent);
    let expected = [
        preface(),
        frame(6, 0, 0, &[0; 8]),
        frame(0x10, 0, 0, &[0; 6]),
        frame(8, 0, 0, &[0, 0, 1, 0]),
        frame(
            7,
            0,
            0,
            format!("\0\0\0\x01\0\0\0\0?token={}", masked("s3cr3t.")).as_bytes(),
        ),
        frame(7, 0, 0, b"\0\0\0\x01\0\0\0\0********"),
    ]
    .concat();
    assert_eq!(found.payload, expected);
    assert_eq!((found.secrets, found.covered_bytes), (1, 6 + 8));
}

#[test]
fn what_cannot_be_looked_into_is_covered() {
    for (kind, coding, body) in [
        ("text/plain", "gzip", &b"password=x"[..]),
        ("multipart/form-data; boundary=a", "", b"--a\r\n"),
        ("application/grpc+proto", "", b"text"),
        ("text/plain", "", b"\xff\xfe\0a"),
    ] {
        let mut client = Side::default();
        let mut redactor = redactor();
        let mut asked = request(&[("content-type", kind)]);
        if !coding.is_empty() {
            asked.push(("content-encoding", coding));
        }
        let head = client.headers(1, false, &asked);
        // Padded, and what the padding has is none of anybody's business.
        let length = u8::try_from(body.len()).unwrap();
        let padded = [&[3], body, b"pad"].concat();
        let sent = [preface(), head, frame(0, 8 | END_STREAM, 1, &padded)].concat();
        let found = whole(&mut redactor, CLIENT, &sent);
        assert_eq!(found.covered_bytes, u64::from(length), "{kind}");
        let frames = frames(&found.payload);
        let stars = vec![b'*'; body.len()];
        let (_, shown) = frames.last().unwrap();
        assert_eq!(*shown, [&[3], &stars[..], &[0; 3]].concat(), "{kind}");
    }
    // Of a tunnel nothing is shown.
    let (mut client, mut server) = (Side::default(), Side::default());
    let mut redactor = redactor();
    let asked = client.headers(1, false, &[(":method", "CONNECT"), (":authority", "h:1")]);
    whole(
        &mut redactor,
        CLIENT,
        &[preface(), asked, data(1, false, b"text")].concat(),
    );
    let answer = server.headers(1, false, &[(":status", "200")]);
    let sent = [settings(), answer, data(1, false, b"text\nmore")].concat();
    assert_eq!(whole(&mut redactor, SERVER, &sent).covered_bytes, 9);
}

#[test]
fn long_header_blocks_are_several_frames() {
    let mut redactor = redactor();
    let (a, b) = ("a".repeat(11_000), "b".repeat(11_000));
    let asked = request(&[("x-a", &a), ("x-b", &b)]);
    let block = block(&mut Encoder::default(), Choice::SMALL, &asked);
    let (one, rest) = block.split_at(10);
    let (two, three) = rest.split_at(10);
    let first = [&[2, 0, 0, 0, 0, 9], one, &[7; 2]].concat();
    let sent = [
        preface(),
        frame(1, 0x08 | 0x20 | END_STREAM, 1, &first),
        frame(9, 0, 1, two),
        frame(9, 4, 1, three),
    ]
    .concat();
    let found = whole(&mut redactor, CLIENT, &sent);
    let frames = frames(&found.payload);
    let [_, (first, one), (second, two)] = frames.as_slice() else {
        panic!("{frames:?}")
    };
    assert_eq!((first.flags, first.length), (0x20 | END_STREAM, 16_384));
    assert_eq!(second.flags, 4);
    assert_eq!(one[..5], [0, 0, 0, 0, 9]);
    let found = fields(&[&one[5..], two].concat());
    assert_eq!(found.last().unwrap(), &("x-b".to_owned(), b));
}

#[test]
fn without_its_beginning_it_is_left_out() {
    let get = Side::default().headers(1, true, &GET);
    for begin in [
        Vec::new(),
        PREFACE.to_vec(),
        [PREFACE, &frame(6, 0, 0, &[0; 8])].concat(),
        [PREFACE, &frame(4, 1, 0, &[])].concat(),
    ] {
        let mut redactor = redactor();
        let sent = [begin, get.clone()].concat();
        let found = whole(&mut redactor, CLIENT, &sent);
        let kept = if sent.starts_with(PREFACE) { 24 } else { 0 };
        assert_eq!(found.payload, sent[..kept]);
        assert_eq!(found.left_out_bytes, (sent.len() - kept) as u64);
        // And so is what follows, up to the next preface.
        assert_eq!(
            whole(&mut redactor, CLIENT, b"text\nand more\n").payload,
            ""
        );
        let sent = [preface(), get.clone()].concat();
        assert_eq!(whole(&mut redactor, CLIENT, &sent).left_out_bytes, 0);
    }
}

#[test]
fn what_breaks_the_rules_ends_it() {
    let get = |stream, more: &[(&str, &str)]| Side::default().headers(stream, true, &request(more));
    for broken in [
        // No table has this field.
        frame(1, 5, 1, &[0x82, 0xc8]),
        frame(1, 5, 1, &[0x82, 0x84, 0x40]),
        get(2, &[]),
        get(1, &[("Upper", "x")]),
        get(1, &[(":own", "x")]),
        frame(1, 5, 1, &[0x88]),
        frame(9, 4, 1, &[]),
        frame(5, 4, 1, &[0, 0, 0, 2, 0x82, 0x84]),
        [frame(1, 0, 1, &[0x82]), frame(6, 0, 0, &[0; 8])].concat(),
        frame(0, 8, 1, &[]),
        frame(0, 8, 1, &[9, 1]),
        b"\xff\0\0\x01\0\0\0\0\x01".to_vec(),
    ] {
        let mut redactor = redactor();
        whole(&mut redactor, CLIENT, &preface());
        let found = whole(&mut redactor, CLIENT, &broken);
        assert!(found.left_out_bytes > 0, "{broken:?}");
        let found = whole(&mut redactor, CLIENT, &get(1, &[]));
        assert_eq!(found.payload, "", "{broken:?}");
        // The other direction has nothing to do with it.
        assert_eq!(whole(&mut redactor, SERVER, &settings()).left_out_bytes, 0);
    }
}

/// A request that is missing shows in the numbers of streams; what the next one has from the table is not known then.
#[test]
fn a_loss_has_the_table_forgotten() {
    let fields = request(&[("x-api-key", "s3cr3t")]);
    let mut client = Side::default();
    let mut redactor = redactor();
    whole(&mut redactor, CLIENT, &preface());
    let _lost = client.headers(1, true, &fields);
    let next = client.headers(3, true, &request(&[("x-api-key", "another")]));
    let found = whole(&mut redactor, CLIENT, &next);
    assert_eq!(found.payload, "");
    assert_eq!(found.left_out_bytes, next.len() as u64);
    // What depends on nothing is as good as before.
    let mut redactor = self::redactor();
    whole(&mut redactor, CLIENT, &preface());
    let block = block(&mut Encoder::default(), Choice::PLAIN, &fields);
    let found = whole(&mut redactor, CLIENT, &frame(1, 5, 7, &block));
    assert_eq!((found.secrets, found.left_out_bytes), (1, 0));
}

/// Where the name of a secret is in the table, a value whose name comes from there may be its.
#[test]
fn values_with_borrowed_names_may_be_secrets() {
    let mut server = Side::default();
    let mut redactor = redactor();
    whole(&mut redactor, SERVER, &settings());
    let fields_of = |found: &Redaction| fields(&frames(&found.payload)[0].1);
    let harmless = [(":status", "200"), ("x-a", "1")];
    whole(&mut redactor, SERVER, &server.headers(1, true, &harmless));
    let again = [(":status", "200"), ("x-a", "2")];
    let found = whole(&mut redactor, SERVER, &server.headers(3, true, &again));
    assert_eq!(fields_of(&found)[1].1, "2");
    let secret = [(":status", "200"), ("x-csrf-token", "s3cr3t")];
    whole(&mut redactor, SERVER, &server.headers(5, true, &secret));
    let again = [(":status", "200"), ("x-a", "3"), ("etag", "4")];
    let found = whole(&mut redactor, SERVER, &server.headers(7, true, &again));
    assert_eq!(fields_of(&found)[1].1, hash("3"));
    assert_eq!(fields_of(&found)[2].1, "4");
}

#[test]
fn what_comes_next_shows_whether_data_was_cut_off() {
    let text = request(&[("content-type", "text/plain")]);
    let (begun, rest) = (b"begun and ", b"lost\nthen more");
    let maybe = Provenance::MAYBE_TRUNCATED;
    let sent = |client: &mut Side| {
        [
            preface(),
            client.headers(1, false, &text),
            frame(0, END_STREAM, 1, &[&begun[..], rest].concat()),
        ]
        .concat()
    };
    let mut client = Side::default();
    let all = sent(&mut client);
    let (one, other) = all.split_at(all.len() - rest.len());
    let next = client.headers(3, true, &text);
    let mut redactor = redactor();
    redact(&mut redactor, CLIENT, one, maybe);
    // What is within the frame shows nothing, and what ends it elsewhere shows that something was missing.
    assert_eq!(whole(&mut redactor, CLIENT, b"th").payload, "**");
    let wrong = [b"at\nand this was ", &next[..]].concat();
    let found = whole(&mut redactor, CLIENT, &wrong);
    assert_eq!(found.payload[..12], *b"**\nand this ");
    assert!(found.left_out_bytes > 0);
    assert_eq!(whole(&mut redactor, CLIENT, &next).payload, "");

    // If the frame ends where it must, nothing was missing.
    let both = [other, &next].concat();
    for (first, shown, pieces) in [
        (&both[..], other, &[][..]),
        (other, other, &[&next[..]]),
        (&other[..2], b"**", &[&other[2..], &next]),
    ] {
        let mut redactor = self::redactor();
        redact(&mut redactor, CLIENT, one, maybe);
        let found = whole(&mut redactor, CLIENT, first);
        assert!(found.payload.starts_with(shown), "{found:?}");
        for piece in pieces {
            assert_eq!(whole(&mut redactor, CLIENT, piece).left_out_bytes, 0);
        }
    }

    // If frames come first, the rest of the frame is what is missing.
    let mut client = Side::default();
    let all = sent(&mut client);
    let mut redactor = self::redactor();
    redact(&mut redactor, CLIENT, &all[..all.len() - rest.len()], maybe);
    let block = block(&mut Encoder::default(), Choice::PLAIN, &text);
    let next = frame(1, 5, 3, &block);
    assert_eq!(whole(&mut redactor, CLIENT, &next).left_out_bytes, 0);

    let all = sent(&mut Side::default());
    let (one, other) = all.split_at(PREFACE.len() + 9 + 12);
    let mut redactor = self::redactor();
    let (event, found) = redact(&mut redactor, CLIENT, one, maybe);
    assert_eq!((found.payload.len(), found.left_out_bytes), (33, 12));
    assert!(event.provenance.contains(Provenance::SHORTENED));
    assert_eq!(event.details.total_bytes, Some(45));
    assert_eq!(whole(&mut redactor, CLIENT, other).payload, "");
}

#[test]
fn http_1_may_follow_on_the_same_descriptor() {
    let mut redactor = redactor();
    whole(&mut redactor, CLIENT, &preface());
    let http1 = b"GET /?token=s3cr3t HTTP/1.1\r\nHost: h\r\n\r\n";
    let found = whole(&mut redactor, CLIENT, http1);
    assert_eq!(found.payload.len(), http1.len());
    assert_eq!(found.secrets, 1);
}

#[test]
fn a_gap_ends_it() {
    let mut redactor = redactor();
    whole(&mut redactor, CLIENT, &preface());
    redactor.forget();
    let get = Side::default().headers(1, true, &GET);
    assert_eq!(whole(&mut redactor, CLIENT, &get).payload, "");
    assert_eq!(whole(&mut redactor, CLIENT, b"text\nmore\n").payload, "");
}
