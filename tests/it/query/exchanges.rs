//! Exchanges: listed, filtered, searched, shown, followed and exported.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use ecq::event::Opcode;
use ecq::store::{Order, Reader};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::sample;
use crate::corpus::{self, imported};
use crate::stand_in::dialect::{Dialect, Message};
use crate::stand_in::options::Options;
use crate::stand_in::server::StandIn;
use crate::support::capture::copy;
use crate::support::env::{QUERY, TestEnv};
use crate::support::folder::{fingerprint, names};
use crate::support::frames::{frame, openssl, save};
use crate::support::live::Recorder;
use crate::support::skip::skip;
use crate::support::terminal::{has_terminals, on_terminal};
use crate::support::wait::until_true;

fn scenario(name: &str) -> TestEnv {
    imported(&corpus::scenario(name))
}

fn ids(lines: &[Value]) -> Vec<i64> {
    lines
        .iter()
        .map(|line| line["id"].as_i64().unwrap())
        .collect()
}

#[track_caller]
fn found(env: &TestEnv, args: &[&str]) -> Vec<Value> {
    let run = env.query(
        args.iter()
            .copied()
            .chain(["-o", "jsonl", "-r", "-n", "all"]),
    );
    let status = i32::from(run.stdout.is_empty());
    run.exits(status).json()
}

#[test]
fn a_filter_on_both_halves_finds_what_no_event_has() {
    let env = sample();
    let both = found(&env, &["method == POST && status == 404"]);
    assert_eq!(ids(&both), [2]);
    assert_eq!(
        found(&env, &["--method", "GET", "--host", "example.com"]).len(),
        1
    );
    assert_eq!(found(&env, &["req.body contains \"S3cr3t\""]).len(), 1);
    assert_eq!(found(&env, &["resp.body contains \"S3cr3t\""]).len(), 0);
    assert_eq!(found(&env, &["elapsed >= 1s && elapsed < 2s"]).len(), 2);
    assert_eq!(found(&env, &["ending == complete"]).len(), 2);
    let table = env.query(["--exchanges"]).exits(0);
    assert!(
        table.text().contains("https://example.com/a?b=1"),
        "{}",
        table.story()
    );
    assert!(table.text().contains("x1"), "{}", table.story());
    let count = env.query(["--exchanges", "--count"]).exits(0);
    assert_eq!(count.text().trim(), "2");
}

#[test]
fn the_fields_decide_between_events_and_exchanges() {
    let env = sample();
    env.query(["elapsed > 1s && len > 5"])
        .exits(2)
        .says("`len` is about events")
        .says("`elapsed` is about exchanges");
    env.query(["--events", "elapsed > 1s"])
        .exits(2)
        .says("events are asked for");
    env.query(["--exchanges", "--direction", "in"])
        .exits(2)
        .says("exchanges are asked for");
    // A field of events makes it events, with HTTP as far as an event has it.
    assert_eq!(
        ids(&found(&env, &["status == 404 && direction == out"])),
        [6]
    );
}

#[test]
fn http2_is_found_by_its_host_and_by_what_its_fields_say() {
    let env = scenario("node-http2");
    let by_host = found(&env, &["--host", "api.test", "--status", "2xx"]);
    assert!(by_host.len() >= 20, "{}", by_host.len());
    assert!(
        by_host
            .iter()
            .all(|line| line["http2_stream"].is_i64() || line["http2_stream"].is_u64())
    );
    // Compressed in HPACK, and in bodies that go over several events.
    for text in [
        "/coded/deflate/chunked/items.json?n=10",
        "hidden Z\u{fc}rich",
    ] {
        let args = ["--exchanges", "--fixed", "--grep", text];
        let filtered = ids(&found(&env, &args));
        assert!(!filtered.is_empty(), "{text}");
        // The search filter leaves out nothing.
        let mut reader = Reader::open(&env.db()).unwrap();
        reader.use_search_filter(false);
        reader.prepare_exchanges().unwrap();
        let filter = ecq::filter::flags::grep(text, true, false).unwrap();
        let mut exchanges = reader
            .exchanges(Some(&filter), Order::OldestFirst, None)
            .unwrap();
        let mut all = Vec::new();
        while let Some(summary) = exchanges.next_exchange().unwrap() {
            all.push(summary.exchange.id);
        }
        assert_eq!(filtered, all, "{text}");
    }
    assert_eq!(
        found(&env, &["--exchanges", "--grep", "there is no such text"]),
        [Value::Null; 0]
    );
}

/// Whoever searches events is not left with less than what is there.
/// Of events as of exchanges, and beside fields that only exchanges have.
#[test]
fn where_events_are_asked_for_http2_is_said_to_be_left_out() {
    let env = scenario("curl-nginx-http2");
    let note = "exchanges of both are found";
    env.query(["--status", "200", "--count"])
        .exits(0)
        .never_says(note);
    env.query(["--status", "200", "--cursor-file", "cursor"])
        .exits(1)
        .says("do not show their `status`, so these are of HTTP/1; without `--cursor-file`, exchanges");
    env.query(["http2 && direction == in && status == 200"])
        .exits(1)
        .says("without what is about events alone, exchanges");
    env.query(["--status", "200", "--events"])
        .exits(1)
        .never_says(note);
    env.query(["--pname", "curl", "--cursor-file", "other"])
        .exits(0)
        .never_says(note);
}

#[test]
fn the_version_of_http_is_a_field_like_others() {
    for (name, is_http2) in [("node-http2", true), ("curl-node-http1", false)] {
        let env = scenario(name);
        let count = |args: &[&str]| {
            let run = env.query(args.iter().copied().chain(["--count"]));
            run.text().trim().parse::<u64>().unwrap()
        };
        let all = count(&["--exchanges"]);
        let (same, other) = if is_http2 {
            ("http2", "http1")
        } else {
            ("http1", "http2")
        };
        assert_eq!(count(&[same]), all, "{name}");
        assert_eq!(count(&[other]), 0, "{name}");
        assert_eq!(
            count(&[&format!("not {other}"), "--exchanges"]),
            all,
            "{name}"
        );
        let good = count(&["status == 200"]);
        assert!(good > 0, "{name}");
        assert_eq!(
            count(&[&format!("{same} && status == 200")]),
            good,
            "{name}"
        );
        assert_eq!(
            count(&[&format!("{same} == false && elapsed > 0s")]),
            0,
            "{name}"
        );
        let words = if is_http2 {
            "{http2_preface, http2_frames, http2_listing}"
        } else {
            "{http1_request, http1_response}"
        };
        let events = count(&[&format!("content in {words}")]);
        assert!(events > 0, "{name}");
        assert_eq!(count(&["--events", same]), events, "{name}");
        assert_eq!(count(&[&format!("{same} && len > 0")]), events, "{name}");
    }
}

#[test]
fn a_search_of_events_tells_what_only_exchanges_show() {
    let env = scenario("node-http2");
    let text = "/coded/deflate/chunked/items.json?n=10";
    let search = ["--fixed", "--grep", text];
    let listed = env.query(search).exits(0).says("no event shows that text");
    let exchanges = env.query(["--exchanges", "--fixed", "--grep", text]);
    assert_eq!(listed.text(), exchanges.exits(0).text());
    // A program gets what it asked for.
    let args = ["--fixed", "--grep", text, "-o", "jsonl"];
    let run = env.query(args).exits(1).says("`--exchanges` lists them");
    assert_eq!(run.text(), "");
    env.query(["--events", "--fixed", "--grep", text])
        .exits(1)
        .never_says("exchanges have");
    let instead: [&[&str]; 4] = [
        &["--count"],
        &["--top", "pname"],
        &["-F", "pid"],
        &["--histogram", "5m"],
    ];
    for flags in instead {
        env.query([&["--fixed", "--grep", text], flags].concat())
            .exits(1)
            .says("`--exchanges` counts them");
    }
    for format in ["jsonl", "csv", "raw", "pcapng", "parquet"] {
        env.query(["export", format, "--fixed", "--grep", text])
            .exits(1)
            .says("`--exchanges` exports them");
    }
    let subset = ["export", "db", "--output", "sub.db"];
    env.query(subset.into_iter().chain(["--fixed", "--grep", text]))
        .exits(1)
        .says("`--exchanges` exports them");
    // In clear in one event, and compressed elsewhere.
    env.query(["--grep", "PRI \\* HTTP/2|accept-encoding"])
        .exits(0)
        .says("exchanges have that text too");
    env.query(["--grep", "there is no such text"])
        .exits(1)
        .never_says("exchanges have");
    // Without an index nobody knows.
    rusqlite::Connection::open(env.db())
        .unwrap()
        .execute_batch("DELETE FROM exchange_progress")
        .unwrap();
    env.query(search).exits(1).says("were not searched");
}

/// A recorder that was killed has told exchanges where their text will be, and has not stored it.
#[test]
fn text_whose_filter_was_never_stored_is_found() {
    let env = scenario("node-http2");
    let search = [
        "--exchanges",
        "--fixed",
        "--grep",
        "/coded/deflate/chunked/items.json?n=10",
    ];
    let before = found(&env, &search);
    assert!(!before.is_empty());
    rusqlite::Connection::open(env.db())
        .unwrap()
        .execute_batch("DELETE FROM text_grams")
        .unwrap();
    assert_eq!(found(&env, &search), before);
    // The next recording makes filters for all of them, and shares none of the new ones with the old.
    let other = env.path("node-http2.frames");
    env.import(&other, ["--again"]);
    let capture = copy(&env.db());
    assert_eq!(
        capture.number("SELECT COUNT(*) FROM exchanges WHERE text_id IS NULL"),
        0
    );
    let stray =
        "SELECT COUNT(*) FROM exchanges WHERE text_id > (SELECT MAX(text_id) FROM text_grams)";
    assert_eq!(capture.number(stray), 0);
    let twice: Vec<_> = found(&env, &search)
        .into_iter()
        .take(before.len())
        .collect();
    assert_eq!(ids(&twice), ids(&before));
    assert_eq!(found(&env, &search).len(), 2 * before.len());
}

/// What a query makes for itself is what the recorder makes, and leaves no trace.
#[test]
fn a_capture_without_an_index_answers_the_same() {
    let env = scenario("curl-node-http1");
    let with = found(&env, &["--exchanges"]);
    assert!(with.len() > 10);
    rusqlite::Connection::open(env.db())
        .unwrap()
        .execute_batch(
            "DELETE FROM exchange_parts; DELETE FROM head_blocks; DELETE FROM text_grams;
             DELETE FROM exchanges; DELETE FROM exchange_facts; DELETE FROM exchange_paths;
             DELETE FROM exchange_progress;",
        )
        .unwrap();
    let before = fingerprint(&env.path("db"));
    let without = found(&env, &["--exchanges"]);
    assert_eq!(fingerprint(&env.path("db")), before);
    assert_eq!(with, without);
    env.query(["--exchanges", "-n", "1"])
        .exits(0)
        .says("put together for this query alone");
    env.query(["reindex"])
        .exits(0)
        .says("exchanges are indexed");
    assert_eq!(found(&env, &["--exchanges"]), with);
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A capture of one exchange, the response of which is in these events.
pub(super) fn answered(events: &[&[u8]]) -> TestEnv {
    let env = TestEnv::new();
    let who = "PID:100 TID:100 Comm:curl FD:5";
    let request: &[u8] = b"GET /body HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let halves =
        std::iter::once(("WRITE", request)).chain(events.iter().map(|event| ("READ", *event)));
    let frames: Vec<_> = halves
        .zip(0..)
        .map(|((way, text), second)| {
            let time = format!("2026-11-23 10:51:{second:02}.000");
            frame(Opcode::Binary, openssl(&time, who, way, text))
        })
        .collect();
    let file = env.path("answered.frames");
    save(&file, &frames);
    env.import::<&str>(&file, []);
    env
}

/// Of text that begins with the mark of a coding, whatever the head says.
#[test]
fn a_coding_that_is_not_named_is_undone_and_searched() {
    let body = gzip(
        "a needle in it, and more that is not equal to it"
            .repeat(3)
            .as_bytes(),
    );
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let (first, second) = body.split_at(20);
    for events in [
        vec![head.as_bytes(), first, second],
        vec![head.as_bytes(), &first[..2], &first[2..], second],
    ] {
        let env = answered(&events);
        let shown = env.query(["show", "x1"]).exits(0);
        assert!(shown.text().contains("a needle in it"), "{}", shown.story());
        env.query(["--exchanges", "--grep", "needle", "--count"])
            .exits(0);
        env.query(["resp.body contains \"needle\""]).exits(0);
        let unknown = "SELECT COUNT(*) FROM exchanges WHERE text_id IS NULL OR text_id = 0";
        assert_eq!(copy(&env.db()).number(unknown), 0);
    }
    // In one event, a search of events finds it.
    let env = answered(&[&[head.as_bytes(), &body].concat()]);
    for unit in ["--events", "--exchanges"] {
        env.query([unit, "--grep", "needle", "--count"]).exits(0);
        env.query([unit, "--grep", "noodle", "--count"]).exits(1);
    }
}

/// Of a body that ends with its connection, only its coding can show that something is missing.
#[test]
fn a_coded_body_that_was_closed_is_cut_off_only_if_its_coding_says_so() {
    let mut coded = Vec::new();
    brotli::BrotliCompress(
        &mut &b"a body in brotli, and more of it ".repeat(9)[..],
        &mut coded,
        &brotli::enc::BrotliEncoderParams::default(),
    )
    .unwrap();
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: br\r\n\r\n";
    for (body, is_cut_off) in [(&coded[..], false), (&coded[..coded.len() - 2], true)] {
        let env = answered(&[head, body, b""]);
        let found = env.query(["--exchanges", "-o", "jsonl"]).exits(0);
        let response = &found.json()[0]["response"];
        assert_eq!(response["ending"], "closed", "{response}");
        let decoding = response.to_string();
        assert_eq!(decoding.contains("cut_off"), is_cut_off, "{response}");
        assert_eq!(decoding.contains("\"decoded\""), !is_cut_off, "{response}");
    }
}

/// What `show` shows is found, whatever the charset.
#[test]
fn text_in_another_charset_is_found() {
    let head = |charset: &str, length: usize| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain{charset}\r\nContent-Length: {length}\r\n\r\n"
        )
        .into_bytes()
    };
    let latin = b"Sch\xf6n, dass du da bist".as_slice();
    let wide: Vec<u8> = std::iter::once(0xfeff)
        .chain("Sch\u{f6}n".encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    for (charset, body) in [("; charset=iso-8859-1", latin), ("", &wide)] {
        let env = answered(&[&[&head(charset, body.len())[..], body].concat()]);
        let shown = env.query(["show", "x1"]).exits(0);
        assert!(shown.text().contains("Sch\u{f6}n"), "{}", shown.story());
        env.query(["--exchanges", "--grep", "Sch\u{f6}n", "--count"])
            .exits(0);
        env.query(["resp.body contains \"Sch\u{f6}n\""]).exits(0);
        env.query(["--grep", "Sch\u{f6}n"])
            .exits(0)
            .says("no event shows that text");
        env.query(["--exchanges", "--grep", "Sch\u{f6}nes"])
            .exits(1);
    }
}

/// What some bytes make of themselves ends.
#[test]
fn a_body_that_is_a_bomb_ends_within_bounds() {
    let bomb = gzip(&gzip(&vec![0; 64 << 20]));
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: {}\r\n\r\n",
        bomb.len()
    );
    let env = answered(&[head.as_bytes(), &bomb]);
    let run = env.query(["export", "raw", "--exchanges"]).exits(0);
    assert!(run.stdout.len() > 8 << 20 && run.stdout.len() < 12 << 20);
    let lines = env
        .query(["export", "jsonl", "--exchanges"])
        .exits(0)
        .json();
    assert!(lines[0].to_string().contains("too_large"));
}

/// A format either escapes what could steer a terminal, or is not written to one.
#[test]
fn no_export_steers_a_terminal() {
    if !has_terminals() {
        skip("exports to a terminal", "there is no python3");
        return;
    }
    let env = answered(&[
        b"HTTP/1.1 200 OK\r\nX: \x1b]0;x\x07\r\nContent-Length: 8\r\n\r\n\x1b]0;x\x07!\n",
    ]);
    for (format, status) in [
        ("jsonl", 0),
        ("har", 0),
        ("curl", 0),
        ("csv", 2),
        ("raw", 2),
        ("pcapng", 2),
        ("parquet", 2),
    ] {
        for unit in ["--events", "--exchanges"] {
            if unit == "--events" && ["har", "curl"].contains(&format) {
                continue;
            }
            let run = on_terminal(&env.with_db(QUERY, ["export", format, unit]), &[]);
            assert_eq!(run.status, Some(status), "{format}: {}", run.shown);
            assert!(!run.shown.contains("\x1b]0;x"), "{format}: {}", run.shown);
        }
    }
}

/// Nothing has to come after it.
#[test]
fn what_was_recorded_last_is_indexed_soon() {
    let env = TestEnv::new();
    let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
    let recorder = Recorder::linked(&env, &server, [""; 0]);
    let who = "PID:100 TID:100 Comm:curl FD:5";
    let halves = [
        ("WRITE", "GET /last HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        (
            "READ",
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        ),
    ];
    for (way, text) in halves {
        let bytes = openssl("2026-11-23 10:51:41.000", who, way, text.as_bytes());
        server.send(&Message { opcode: 2, bytes });
    }
    until_true("the exchange is found", || {
        env.query(["status == 404"]).status == Some(0)
    });
    env.query(["status == 404"])
        .exits(0)
        .never_says("not put together");
    recorder.stop().exits(0);
}

/// A recorder that goes on in a capture leaves on record that an earlier version read what was there.
#[test]
fn what_an_earlier_version_put_together_is_told_until_it_is_made_anew() {
    let env = scenario("node-http2");
    let whole = found(&env, &["--exchanges"]);
    rusqlite::Connection::open(env.db())
        .unwrap()
        .execute_batch("UPDATE exchange_progress SET reader = 1")
        .unwrap();
    let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
    let recorder = Recorder::linked(&env, &server, [""; 0]);
    env.query(["--exchanges"])
        .exits(0)
        .says("as an earlier version of ecq put them together")
        .says("`ecq-query reindex`");
    recorder.stop().exits(0);
    let read = "SELECT reader FROM exchange_progress";
    assert_eq!(copy(&env.db()).number(read), 1);
    env.query(["--exchanges"])
        .exits(0)
        .says("put together for this query alone");
    env.query(["reindex"]).exits(0);
    assert!(copy(&env.db()).number(read) > 1);
    env.query(["--exchanges"])
        .exits(0)
        .never_says("put together");
    assert_eq!(found(&env, &["--exchanges"]), whole);
}

#[test]
fn an_exchange_is_shown_whole() {
    let env = scenario("curl-node-http1");
    let form = found(&env, &["ctype contains \"urlencoded\""]);
    let id = format!("x{}", form[0]["id"]);
    let run = env.query(["show", &id]).exits(0);
    for part in [
        "POST /echo",
        "user = alice",
        "password = s3cr3t",
        "HTTP/1.1 200",
    ] {
        assert!(run.text().contains(part), "{part}: {}", run.story());
    }
    let raw = env.query(["show", &id, "--raw", "--request"]).exits(0);
    assert!(raw.text().starts_with("user=alice&"), "{}", raw.story());
    env.query(["show", "x999999"])
        .exits(1)
        .says("no exchange x999999");
    env.query(["show", "y1"])
        .exits(2)
        .says("of an exchange, such as x12");
}

#[test]
fn the_status_of_a_grpc_call_is_told() {
    let env = scenario("grpc");
    let calls = found(&env, &["resp.header[\"grpc-status\"] == \"0\""]);
    let id = format!("x{}", calls[0]["id"]);
    let run = env.query(["show", &id]).exits(0);
    assert!(
        run.text().contains("\n  grpc           0 OK\n"),
        "{}",
        run.story()
    );
}

#[test]
fn a_connection_is_followed() {
    let env = sample();
    let run = env.query(["follow-stream", "1"]).exits(0);
    assert!(
        run.text().contains("GET /a?b=1 HTTP/1.1"),
        "{}",
        run.story()
    );
    assert!(run.text().contains("hello"), "{}", run.story());
    let raw = env.query(["follow-stream", "1", "--raw", "in"]).exits(0);
    assert!(raw.text().ends_with("\r\n\r\nhello"), "{}", raw.story());
    let events = env.query(["follow-stream", "1", "--events"]).exits(0);
    assert!(events.text().contains("→ event 2"), "{}", events.story());
    env.query(["follow-stream", "999"]).exits(1);
}

#[test]
fn exports_are_whole_files_of_their_own() {
    let env = sample();
    let path = |name: &str| env.path(name).to_str().unwrap().to_owned();
    for format in ["jsonl", "csv", "har", "pcapng", "curl", "raw", "parquet"] {
        let file = path(&format!("out.{format}"));
        env.query(["export", format, "method", "--output", &file])
            .exits(0);
        let metadata = std::fs::metadata(&file).unwrap();
        assert!(metadata.len() > 0, "{format}");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{format}");
        env.query(["export", format, "method", "--output", &file])
            .exits(2)
            .says("is there already");
    }
    // What is no file stays what it is.
    let socket = path("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let force = ["export", "jsonl", "--force", "--output"];
    env.query(force.into_iter().chain([socket.as_str()]))
        .exits(2)
        .says("is no file");
    assert!(!std::fs::symlink_metadata(&socket).unwrap().is_file());
    env.query(force.into_iter().chain([path("out.jsonl").as_str()]))
        .exits(0);
    env.query(["export", "har", "--output", &path("none/out.har")])
        .exits(2)
        .says("none/out.har: No such file")
        .never_says(".incomplete");
    let har: Value = serde_json::from_slice(&std::fs::read(path("out.har")).unwrap()).unwrap();
    assert_eq!(har["log"]["entries"].as_array().unwrap().len(), 2);
    env.query(["export", "har", "status == 500"]).exits(1);
    env.query(["export", "har", "--events"]).exits(2);
    let files = path("files");
    env.query(["export", "--extract", &files]).exits(0);
    let index = std::fs::read_to_string(env.path("files/index.jsonl")).unwrap();
    assert_eq!(index.lines().count(), 2, "{index}");
    let some = path("some");
    env.query(["export", "--extract", &some, "method", "==", "POST"])
        .exits(0);
    let index = std::fs::read_to_string(env.path("some/index.jsonl")).unwrap();
    assert_eq!(index.lines().count(), 1, "{index}");
    env.query(["export", "hra", "method == POST"])
        .exits(2)
        .says("`hra` is no format");
    let subset = path("subset.db");
    env.query(["export", "db", "method == POST", "--output", &subset])
        .exits(0)
        .says("exchanges in");
}

/// What a body is decides how its file is named, and the index tells what was said as well.
#[test]
fn bodies_are_named_by_what_they_are() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01";
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
        png.len()
    );
    let env = answered(&[&[head.as_bytes(), png].concat()]);
    env.query(["export", "--extract", "files"]).exits(0);
    assert_eq!(
        std::fs::read(env.path("files/1-response-body.png")).unwrap(),
        png
    );
    let index = std::fs::read(env.path("files/index.jsonl")).unwrap();
    let line: Value = serde_json::from_slice(&index).unwrap();
    assert_eq!(
        (&line["mime"], &line["recognized"]),
        (&Value::from("text/html"), &Value::from("image/png"))
    );
}

/// Nothing is under the name of a file that is not whole, and that is what is said.
#[test]
fn an_interrupted_export_leaves_no_file() {
    let env = TestEnv::new();
    let who = "PID:100 TID:100 Comm:curl FD:5";
    let mut frames = Vec::new();
    for _ in 0..3000 {
        let time = "2026-11-23 10:51:00.000";
        let request = b"GET /body HTTP/1.1\r\nHost: a.test\r\n\r\n";
        let response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        for (way, text) in [("WRITE", &request[..]), ("READ", response)] {
            frames.push(frame(Opcode::Binary, openssl(time, who, way, text)));
        }
    }
    let file = env.path("frames");
    save(&file, &frames);
    env.import::<&str>(&file, []);
    std::fs::create_dir(env.path("out")).unwrap();
    let args = ["export", "har", "--output", "out/all.har"];
    let mut command = env.with_db(QUERY, args);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    until_true("the file is begun", || !names(&env.path("out")).is_empty());
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(
        said.contains("interrupted: nothing was written to out/all.har"),
        "{said}"
    );
    assert!(!said.contains("this is not all"), "{said}");
    assert_eq!(names(&env.path("out")), [""; 0]);
}

#[test]
fn secrets_are_replaced_and_equal_ones_alike() {
    let env = scenario("curl-node-http1");
    let key = env.path("key");
    std::fs::write(&key, [7; 32]).unwrap();
    let export = || {
        let args = [
            "export",
            "jsonl",
            "ctype contains \"urlencoded\"",
            "--redact",
        ];
        let more = ["--redact-key", key.to_str().unwrap()];
        env.query(args.into_iter().chain(more)).exits(0)
    };
    let (one, other) = (export(), export());
    assert!(!one.text().contains("s3cr3t"), "{}", one.story());
    assert!(one.text().contains("redacted"), "{}", one.story());
    assert_eq!(one.text(), other.text());
}
