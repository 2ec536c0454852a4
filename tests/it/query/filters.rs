//! Filters as arguments: what they find, how they join with flags, and how their faults are told.

use std::io::Write as _;

use bytes::Bytes;
use ecq::event::{Frame, Opcode};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{FIRST, imported, sample};
use crate::support::env::TestEnv;
use crate::support::frames::{frame, openssl, text_event};

const CURL: &str = "PID:100 TID:100 Comm:curl FD:5";
const PYTHON: &str = "PID:200 TID:200 Comm:python3 FD:6";
const WGET: &str = "PID:300 TID:300 Comm:wget FD:7";
const UNPLACED: &str = "PID:100 TID:100 Comm:curl FD:9";

/// A request of one line, these lines of fields and this body, with its length.
fn request(line: &str, fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("{line}\r\n{fields}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// A text in gzip, in chunks of seven bytes.
fn gzip_in_chunks(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    let mut out = Vec::new();
    for chunk in encoder.finish().unwrap().chunks(7) {
        write!(out, "{:x}\r\n", chunk.len()).unwrap();
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// Events of four connections and a shell, numbered in the order of these lines.
fn traffic() -> TestEnv {
    let plain = |second: i64, text: &str| (second, text_event(text.as_bytes()));
    let data = |second: i64, who: &str, way: &str, payload: &[u8]| {
        let time = FIRST.plus_nanos(second * 1_000_000_000).to_string();
        let time = time.replace('T', " ");
        (second, openssl(time.get(..23).unwrap(), who, way, payload))
    };
    let mut zipped = b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\n\r\n".to_vec();
    zipped.extend_from_slice(b"PK\x03\x04\x14\x00zipped");
    let mut coded =
        b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n".to_vec();
    coded.extend_from_slice(&gzip_in_chunks("this is the secret word of the day"));
    let login = request(
        "POST /login HTTP/1.1",
        "Host: api.example.com\r\nAuthorization: Bearer abc\r\nCookie: session=s1; theme=dark",
        "user=me&PassWord=1",
    );
    let down =
        b"HTTP/1.1 503 Busy\r\nContent-Type: application/json\r\nSet-Cookie: session=s2\r\n\r\n\
                 [41111111111111112]";
    let zip = request("GET /password.zip HTTP/1.1", "Host: files.example.com", "");
    let card = request(
        "POST /pay HTTP/1.1",
        "Host: api.example.com",
        "card=4111111111111111;",
    );
    let late = b"GET /late?v=aGlkZGVuLXZhbHVl HTTP/1.1\r\nHost: late.example.com\r\n\r\n";
    let messages: Vec<(i64, Bytes)> = vec![
        plain(
            0,
            "PID:100, Comm:curl, TID:100, FD:5, Tuple: [10.0.0.5]:54321->[1.2.3.4]:443\n",
        ),
        data(1, CURL, "WRITE", &login),
        data(2, CURL, "READ", down),
        plain(
            3,
            "PID:200, Comm:python3, TID:200, FD:6, Tuple: [10.9.9.9]:40000->[192.168.1.1]:8080\n",
        ),
        data(4, PYTHON, "WRITE", &zip),
        data(5, PYTHON, "READ", &zipped),
        plain(
            6,
            "PID:300, Comm:wget, TID:300, FD:7, Tuple: [172.16.0.1]:50001->[1.2.3.4]:443\n",
        ),
        data(7, WGET, "WRITE", &card),
        data(8, WGET, "READ", &coded),
        data(9, WGET, "READ", &vec![b'x'; 100_001]),
        data(1200, UNPLACED, "WRITE", late),
        (
            1201,
            text_event(b"PID:1200, UID:1000, Comm:bash, Retvalue:0, Line:\ncurl -v\n"),
        ),
        data(1202, UNPLACED, "WRITE", b"\x01what begins here is a cross"),
        data(1203, UNPLACED, "READ", b"\x01cross"),
        data(1204, UNPLACED, "WRITE", b"ing, and it ends here\x02"),
    ];
    let frames: Vec<_> = messages
        .into_iter()
        .map(|(second, message)| Frame {
            received: FIRST.plus_nanos(second * 1_000_000_000),
            ..frame(Opcode::Binary, message)
        })
        .collect();
    imported(&frames)
}

/// Each of these must find these events, as a list and as a count.
#[track_caller]
fn check(env: &TestEnv, cases: &[(&[&str], &[i64])]) {
    for (args, expected) in cases {
        let mut all = args.to_vec();
        all.extend(["-o", "jsonl", "--events"]);
        let count = env.query(all.iter().copied().chain(["--count"]));
        all.push("-r");
        let run = env.query(all).exits(i32::from(expected.is_empty()));
        let ids: Vec<_> = run
            .json()
            .iter()
            .map(|line| line["id"].as_i64().unwrap())
            .collect();
        assert_eq!(ids, *expected, "{}", run.story());
        assert_eq!(
            count.json()[0]["events"],
            expected.len(),
            "{}",
            count.story()
        );
    }
}

#[test]
fn the_questions_of_the_reference_find_their_events() {
    check(
        &traffic(),
        &[
            (
                &[
                    r#"pname == "curl" && time >= -10m"#,
                    "--relative-to",
                    "last",
                ],
                &[11, 13, 14, 15],
            ),
            (
                &[r#"method == "POST" && host == "api.example.com""#],
                &[2, 8],
            ),
            (&["status >= 500"], &[3, 9]),
            (&["ip == 10.0.0.0/8"], &[1, 2, 3, 4, 5, 6]),
            (
                &["addr == 10.0.0.5:54321 && addr == 1.2.3.4:443"],
                &[1, 2, 3],
            ),
            (&[r#"body matches "password""#], &[2]),
            (&[r#"req.header["authorization"]"#], &[2]),
            (&["len > 100k"], &[10]),
            (&["payload contains 50:4b:03:04"], &[6]),
            (&[r#"body matches r"\b4[0-9]{15}\b""#], &[8]),
            (
                &[r#"(pname == "curl" || pname matches "^python") && not port == 443"#],
                &[4, 5, 6, 11, 13, 14, 15],
            ),
            // The twelfth is about HTTP/2; this is the same of HTTP/1.
            (
                &[
                    r#"http && direction == "in" && any contains "json" && time >= "2026-11-23T00:00:00Z" && time < "2026-11-24T00:00:00Z""#,
                ],
                &[3],
            ),
        ],
    );
}

#[test]
fn heads_and_bodies_are_looked_into() {
    check(
        &traffic(),
        &[
            (&[r#"header["Authorization"] contains "Bearer""#], &[2]),
            (&[r#"req.header["host"] contains "api""#], &[2, 8]),
            (&[r#"resp.header["host"]"#], &[]),
            (&[r#"resp.header["content-type"] matches "JSON""#], &[3]),
            (&[r#"cookie["session"]"#], &[2, 3]),
            (&[r#"cookie["theme"] == "dark""#], &[2]),
            (&[r#"cookie["session"] == "s1""#], &[2]),
            (&[r#"req.body contains "PassWord""#], &[2]),
            (&[r#"resp.body contains "PassWord""#], &[]),
            // Under gzip, in chunks: in the body, and not in the payload.
            (&[r#"body contains "the secret word""#], &[9]),
            (&[r#"any contains "the secret word""#], &[9]),
            (&[r#"payload contains "the secret word""#], &[]),
            (&["--grep", "the secret word"], &[9]),
            (&["--grep", "The Secret Word"], &[]),
            (&["--grep", "secret (word|sword) of"], &[9]),
            (&["--header", "authorization: ^bearer"], &[2]),
            (&["--header", "transfer-encoding"], &[9]),
            (&["--url", "*/password.zip"], &[5]),
            (&["--grep", "hidden-value", "--fixed"], &[]),
            (&["--grep", "hidden-value", "--fixed", "--encoded"], &[11]),
            (&["--grep", "e.d", "--fixed"], &[]),
            (&["--hex", "504b0304"], &[6]),
            (&["--hex", "50 4b 03 04 14 00"], &[6]),
            (&["--hex", "504b0305"], &[]),
        ],
    );
}

/// A text that one event begins and the next of its stream ends belongs to the second of them.
#[test]
fn what_goes_over_the_end_of_an_event_is_found() {
    check(
        &traffic(),
        &[
            (&["--grep", "a crossing, and"], &[15]),
            (&[r#"payload contains "a crossing, and""#], &[15]),
            (&[r#"any contains "a crossing, and""#], &[15]),
            (&["--grep", "crossing"], &[15]),
            // Within one event it is that one, and what came between was another stream.
            (&["--grep", "cross"], &[13, 14]),
            (&["--grep", "crosscross"], &[]),
            (&["--grep", "cross\x01"], &[]),
            (&[r#"payload matches "cross.*ing""#], &[]),
        ],
    );
}

#[test]
fn a_filter_joins_with_flags() {
    check(
        &traffic(),
        &[
            (&["status >= 500", "--pname", "wget"], &[9]),
            (&["--pname", "wget", "status >= 500"], &[9]),
            (&["status >= 500", "--pname", "nobody"], &[]),
            (
                &["pname == wget || pname == curl", "--direction", "in"],
                &[3, 9, 10, 14],
            ),
            // Several words are one filter.
            (&["status", ">=", "500", "and", "pname", "==", "wget"], &[9]),
            (&["not http", "--pid", "300"], &[7, 10]),
            (
                &["--since", "2026-11-23T11:00:00Z", "direction == in"],
                &[14],
            ),
        ],
    );
}

#[test]
fn the_place_of_a_fault_is_marked() {
    let env = sample();
    let cases: [(&[&str], &str, &str); 6] = [
        (
            &[r#"pnam == "curl""#],
            "did you mean `pname`?",
            "    pnam == \"curl\"\n    ^^^^\n",
        ),
        (
            &["pid == 100 && ststus >= 500"],
            "did you mean `status`?",
            "    pid == 100 && ststus >= 500\n                  ^^^^^^\n",
        ),
        (
            &["pid", "==", "100", "&&", "ststus", ">=", "500"],
            "did you mean `status`?",
            "    pid == 100 && ststus >= 500\n                  ^^^^^^\n",
        ),
        (&["(pid == 100"], "", "    (pid == 100\n"),
        (
            &[r#"pname matches "a(b""#],
            "",
            "    pname matches \"a(b\"\n",
        ),
        (
            &["shwo", "1"],
            "did you mean the command `show`?",
            "    shwo 1\n    ^^^^\n",
        ),
    ];
    for (args, words, drawn) in cases {
        let run = env.query(args).exits(2).says(words).says(drawn);
        assert_eq!(run.text(), "", "{}", run.story());
        assert!(
            run.stderr
                .lines()
                .any(|line| line.trim_start().starts_with('^'))
        );
    }
    for flag in ["--top", "-F", "--sort", "--columns"] {
        env.query([flag, "hots"])
            .exits(2)
            .says("did you mean `host`?");
    }
}
