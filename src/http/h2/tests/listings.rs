use super::*;

fn listing(direction: Direction, text: &str) -> Event {
    let mut event = event(direction, text);
    event.provenance = Provenance::LISTING;
    event
}

fn block(kind: &str, stream: u32, length: usize) -> String {
    format!("\nFrame Type\t=>\t{kind}\nFrame StreamID\t=>\t{stream}\nFrame Length\t=>\t{length}\n")
}

fn other(kind: &str, stream: u32) -> String {
    format!("\nFrame Type\t=>\t{kind}\nFrame StreamID\t=>\t{stream}\n")
}

fn head(stream: u32, fields: &[(&str, &str)]) -> String {
    let field = |(name, value): (&&str, &&str)| format!("header field \"{name}\" = \"{value}\"\n");
    let fields: String = fields
        .iter()
        .map(|(name, value)| field((name, value)))
        .collect();
    block("HEADERS", stream, 25) + &fields
}

fn data(stream: u32, body: &str) -> String {
    format!("{}{body}\n", block("DATA", stream, body.len()))
}

const POST: &[(&str, &str)] = &[
    (":method", "POST"),
    (":path", "/x"),
    ("x-q", r#"a\"\xff\u00a0"#),
];

/// However the payloads are cut.
fn check(events: &[Event], expected: &[&str]) {
    for part_bytes in [1, 7, 100, usize::MAX] {
        let found = lines(&read_with(Session::new(0), events, part_bytes));
        assert_eq!(found, expected, "{part_bytes}: {found:#?}");
    }
}

#[test]
fn reads_listings() {
    let request = [
        other("SETTINGS", 0),
        other("WINDOW_UPDATE", 0),
        head(1, POST),
        data(1, "body\n\nFrame Type\t=>\tin it\n"),
        head(3, &[(":method", "GET"), (":path", "/")]),
    ];
    let response = [
        other("SETTINGS", 0),
        head(3, &[(":status", "200"), ("content-length", "5")]),
        data(3, "he"),
        head(1, &[(":status", "200")]),
        data(3, "llo"),
        data(1, ""),
        data(1, "x"),
        head(1, &[("grpc-status", "0\" (sensitive)")]).replace("e)\"", "e)"),
    ];
    check(
        &[
            listing(CLIENT, &request.concat()),
            listing(SERVER, &response.concat()),
        ],
        &[
            "0/1 request: POST /x x-q=a\"\u{fffd}\u{a0} | body\n\nFrame Type\t=>\tin it\n | closed listing",
            "0/1 response: 200 | x | grpc-status=0 | consistent listing",
            "1/3 request: GET / | consistent listing",
            "1/3 response: 200 content-length=5 | hello | consistent listing",
        ],
    );
}

#[test]
fn decoded_data_stands_for_what_was_left_out() {
    let coded = |stream: u32| {
        format!(
            "{}Partial entity body with gzip encoding ... \n",
            block("DATA", stream, 40)
        )
    };
    let response = [
        head(1, &[(":status", "200"), ("content-length", "80"), ("content-encoding", "gzip")]),
        head(3, &[(":status", "200"), ("content-encoding", "gzip")]),
        coded(1),
        coded(3),
        coded(1),
        "\nMerged Data Frame, StreamID\t=>\t1\nMerged Data Frame, Final Length\t=>\t12\n\nthe decoded\n\n"
            .to_owned(),
    ];
    check(
        &[listing(SERVER, &response.concat())],
        &[
            "0/1 response: 200 content-length=80 content-encoding=gzip | the decoded\n | consistent reserialized listing",
            "1/3 response: 200 content-encoding=gzip | broken lost_bytes listing",
        ],
    );
}

/// What was left out may be of every message that is not over.
#[test]
fn what_is_cut_lacks_bytes() {
    let response = [
        head(1, &[(":status", "200")]),
        data(1, "one"),
        head(3, &[(":status", "200"), ("content-length", "3")]),
        data(3, "two"),
        head(5, &[(":status", "200")]),
    ];
    let cut = |provenance| {
        let mut event = listing(SERVER, &response.concat());
        event.provenance |= provenance;
        event
    };
    let expected = [
        "0/1 response: 200 | one | closed listing",
        "1/3 response: 200 content-length=3 | two | consistent listing",
        "2/5 response: 200 | closed listing",
    ];
    let lacks = expected.map(|line| line.replace("closed listing", "broken lost_bytes listing"));
    let sorted = |event| {
        let mut found = lines(&read_with(Session::new(0), &[event], 7));
        found.sort();
        found
    };
    assert_eq!(sorted(cut(Provenance::empty())), expected);
    assert_eq!(sorted(cut(Provenance::SHORTENED)), lacks);
}

#[test]
fn padding_is_counted_and_not_listed() {
    let text = [
        head(1, POST),
        format!("{}pad\nded\n", block("DATA", 1, 107)),
        format!("{}end\n", block("DATA", 1, 20)),
    ];
    check(
        &[listing(CLIENT, &text.concat())],
        &["0/1 request: POST /x x-q=a\"\u{fffd}\u{a0} | pad\ndedend | closed listing"],
    );
}

#[test]
fn a_message_goes_on_in_the_next_listing() {
    let first = [
        head(1, &[(":status", "200"), ("content-length", "8")]),
        data(1, "abcd"),
    ];
    check(
        &[
            listing(SERVER, &first.concat()),
            listing(SERVER, &data(1, "efgh")),
        ],
        &["0/1 response: 200 content-length=8 | abcdefgh | consistent listing"],
    );
}

#[test]
fn a_body_shorter_than_its_length_is_not_over() {
    let ok = |length: &str, fields: &[(&str, &str)]| {
        head(
            1,
            &[&[(":status", "200"), ("content-length", length)], fields].concat(),
        )
    };
    let get = head(1, &[(":method", "GET"), (":path", "/")]);
    let asked_head = head(1, &[(":method", "HEAD"), (":path", "/")]);
    for (request, response, expected) in [
        (
            &get,
            ok("50", &[]) + &data(1, "12345"),
            "200 content-length=50 | 12345 | open listing",
        ),
        (&get, ok("50", &[]), "200 content-length=50 | open listing"),
        (
            &get,
            ok("5", &[]) + &data(1, "12345"),
            "200 content-length=5 | 12345 | consistent listing",
        ),
        (
            &asked_head,
            ok("50", &[]),
            "200 content-length=50 | consistent listing",
        ),
    ] {
        check(
            &[listing(CLIENT, request), listing(SERVER, &response)],
            &[
                &format!(
                    "0/1 request: {} / | consistent listing",
                    if *request == get { "GET" } else { "HEAD" }
                ),
                &format!("0/1 response: {expected}"),
            ],
        );
    }
    // It may be the response to a HEAD.
    check(
        &[listing(SERVER, &ok("50", &[]))],
        &["0/1 response: 200 content-length=50 | closed listing"],
    );
}

#[test]
fn a_listed_reset_is_one() {
    let get = head(1, &[(":method", "GET"), (":path", "/")]);
    let reset = other("RST_STREAM", 1);
    let half = head(1, &[(":status", "200")]) + &data(1, "half");
    let asked = "0/1 request: GET / | consistent listing";
    let broken = "0/1 response: 200 | half | broken reset listing";
    // By the server, and by the client, whose listing has it before that of what it did not want any more.
    check(
        &[
            listing(CLIENT, &get),
            listing(SERVER, &format!("{half}{reset}")),
        ],
        &[asked, broken],
    );
    check(
        &[
            listing(CLIENT, &format!("{get}{reset}")),
            listing(SERVER, &half),
        ],
        &[asked, broken],
    );
    check(
        &[listing(CLIENT, &format!("{get}{reset}"))],
        &[asked, "0/1 response: - | broken reset"],
    );
    // What has all that it is to have is not broken by it.
    let whole = head(1, &[(":status", "200"), ("content-length", "4")]) + &data(1, "full");
    let ended = head(1, &[(":status", "200")]) + &head(1, &[("grpc-status", "0")]);
    for (response, expected) in [
        (
            whole,
            "0/1 response: 200 content-length=4 | full | consistent listing",
        ),
        (
            ended,
            "0/1 response: 200 | grpc-status=0 | consistent listing",
        ),
    ] {
        check(
            &[
                listing(CLIENT, &(head(1, POST) + &data(1, "x"))),
                listing(SERVER, &format!("{response}{reset}")),
            ],
            &[
                "0/1 request: POST /x x-q=a\"\u{fffd}\u{a0} | x | closed listing",
                expected,
            ],
        );
    }
    let refused = head(1, &[(":status", "413"), ("content-length", "0")]);
    let post = head(
        1,
        &[(":method", "POST"), (":path", "/"), ("content-length", "9")],
    );
    check(
        &[
            listing(CLIENT, &(post + &data(1, "x"))),
            listing(SERVER, &format!("{refused}{reset}")),
        ],
        &[
            "0/1 request: POST / content-length=9 | x | broken reset listing",
            "0/1 response: 413 content-length=0 | consistent listing",
        ],
    );
}

#[test]
fn what_follows_a_block_that_was_left_out_is_not_certain() {
    let text = [
        block("HEADERS", 1, 9),
        "Incorrect HPACK context, Please use PCAP mode to get correct header fields ...\n"
            .to_owned(),
        head(
            3,
            &[(":method", "GET"), (":path", "/secret"), ("cookie", "a=b")],
        ),
    ];
    check(
        &[listing(CLIENT, &text.concat())],
        &[
            "0/1 request:  | closed unknown_fields listing",
            "1/3 request: GET ?=? ?=? | consistent unknown_fields listing",
        ],
    );
}

#[test]
fn a_cut_listing_is_read_as_far_as_it_goes() {
    let whole = [head(1, POST), data(1, "body of a request"), head(3, POST)].concat();
    let whole_lines = lines(&read(&[listing(CLIENT, &whole)]));
    assert_eq!(whole_lines.len(), 2);
    for end in 0..whole.len() {
        let listener = read(&[listing(CLIENT, whole.get(..end).unwrap())]);
        for exchange in listener.exchanges.values() {
            let half = &exchange.halves[0];
            assert!(b"body of a request".starts_with(&half.body[..]), "{end}");
            assert!(half.defects.contains(Defects::LISTING));
        }
    }
}
