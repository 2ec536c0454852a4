//! Tables, JSON lines, single events, statistics, and how the program ends.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::sample;
use crate::support::capture::copy;
use crate::support::env::{QUERY, TestEnv};
use crate::support::frames::data;

fn first_column(text: &str) -> Vec<i64> {
    let rows = text.lines().skip(1);
    rows.map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn a_table_shows_the_newest_first() {
    let env = sample();
    let all = env.query::<&str>([]).exits(0);
    assert_eq!(first_column(all.text()), [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    for words in [
        "curl[100]",
        "10.0.0.1:50000 → 93.184.216.34:443",
        "[2001:db8::9]:40000 → [2001:db8::2]:8443",
        "GET /a?b=1 HTTP/1.1",
        "http1_request",
        "SELECT 1",
        "ls -la",
    ] {
        assert!(all.text().contains(words), "{words}\n{}", all.story());
    }
    assert_eq!(first_column(env.query(["-n", "3"]).text()), [10, 9, 8]);
    assert_eq!(first_column(env.query(["-n", "3", "-r"]).text()), [1, 2, 3]);
    assert_eq!(first_column(env.query(["-n", "all"]).text()).len(), 10);
    assert_eq!(env.query(["-n", "4", "-o", "jsonl"]).json().len(), 4);
}

#[test]
fn a_table_that_is_cut_says_so() {
    let env = TestEnv::new();
    env.import::<&str>(&data("real/ecapture-2.5.1-text.frames"), []);
    let cut = env
        .query::<&str>([])
        .exits(0)
        .says("these are the newest 50; `-n all` lists all");
    assert_eq!(first_column(cut.text()).len(), 50);
    env.query(["-n", "all"]).exits(0).never_says("these are");
    env.query(["-n", "50"]).exits(0).never_says("these are");
    assert_eq!(env.query(["-o", "jsonl"]).exits(0).json().len(), 53);
}

#[test]
fn what_was_captured_does_not_steer_the_terminal() {
    let env = sample();
    for args in [
        &["-n", "all"][..],
        &["-o", "jsonl"],
        &["stats"],
        &["show", "10", "-o", "jsonl"],
    ] {
        let run = env.query(args).exits(0);
        let steers = |byte: &u8| *byte < 0x20 && *byte != b'\n' || *byte == 0x7f;
        assert!(!run.stdout.iter().any(steers), "{}", run.story());
    }
    let table = env.query(["-n", "1"]).exits(0);
    assert!(table.text().contains(r"ev\x1b[31mil"), "{}", table.story());
    assert!(table.text().contains(r"\x1b]0;title"), "{}", table.story());
    // Facts are escaped; the payload below them goes into a pipe as it is.
    let shown = env.query(["show", "10"]).exits(0);
    let facts = shown.text().split("\n\n").next().unwrap();
    assert!(
        facts.contains(r"ev\x1b[31mil") && !facts.contains('\x1b'),
        "{}",
        shown.story()
    );
    assert!(shown.stdout.ends_with(b"\n\n\x1b]0;title\x07\x1b[2Jtext\n"));
}

#[test]
fn show_prints_one_event_whole() {
    let env = sample();
    let text = env.query(["show", "5"]).exits(0);
    for words in [
        "nginx",
        "in (the process read)",
        "POST",
        "/login",
        "api.test:8443",
        "pass=S3cr3t",
    ] {
        assert!(text.text().contains(words), "{words}\n{}", text.story());
    }
    let binary = env.query(["show", "9"]).exits(0);
    assert!(binary.text().contains("00 ff fe 01"), "{}", binary.story());
    assert_eq!(
        env.query(["show", "9", "--raw"]).exits(0).stdout,
        b"\x00\xff\xfe\x01binary"
    );
    assert_eq!(env.query(["show", "7", "--raw"]).exits(0).stdout, b"ls -la");
    let json = env.query(["show", "7", "-o", "jsonl"]).exits(0).json();
    assert_eq!(
        (json.len(), &json[0]["details"]["return_value"]),
        (1, &3.into())
    );
    env.query(["show", "11"])
        .exits(1)
        .says("there is no event 11");
    env.query(["show", "0"]).exits(2);
    env.query(["show"]).exits(2);
}

#[test]
fn stats_say_what_there_is() {
    let env = sample();
    let table = env.query(["stats"]).exits(0);
    for words in [
        "events    10",
        "curl",
        "nginx",
        "example.com",
        "file:frames",
        "none known",
        "per event",
    ] {
        assert!(table.text().contains(words), "{words}\n{}", table.story());
    }
    let json = env.query(["stats", "-o", "jsonl"]).exits(0).json();
    assert_eq!((json.len(), &json[0]["events"]), (1, &10.into()));
    assert_eq!(json[0]["first"], "2026-11-23T10:51:40.000000000Z");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let env = TestEnv::new();
    env.import::<&str>(&data("real/ecapture-2.5.1-text.frames"), []);
    for args in [&["-o", "jsonl"][..], &["-n", "all", "-o", "jsonl", "-r"]] {
        let mut command = env.with_db(QUERY, args);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::with_capacity(512, child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.starts_with("{\"id\""), "{line}");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
}

#[test]
fn help_and_version_are_results() {
    let env = TestEnv::new();
    for program in [QUERY, crate::support::env::RECORD] {
        for flag in ["--help", "-h", "--version"] {
            let run = crate::support::env::run(env.command(program, [flag])).exits(0);
            assert!(
                run.text().contains("ecq-") && run.stderr.is_empty(),
                "{}",
                run.story()
            );
        }
    }
    let help = crate::support::env::run(env.command(QUERY, ["--help"]));
    assert!(
        help.text().contains("Whichever way the bytes went"),
        "{}",
        help.story()
    );
}

/// The file explains itself to plain `sqlite3`, without any function of ours.
#[test]
fn a_view_shows_events_in_words() {
    let env = sample();
    let copy = copy(&env.db());
    assert_eq!(
        copy.number("SELECT COUNT(*) FROM (SELECT * FROM event_list)"),
        10
    );
    let words = copy.texts(
        "SELECT concat_ws(' ', time, time_source, pid, tid, pname, fd, direction, kind, content, probe, src, dst, method, host, path, payload_bytes)
         FROM event_list WHERE id IN (2, 6) ORDER BY id",
    );
    assert_eq!(
        words,
        [
            "2026-11-23T10:51:41.000000000Z text_inferred 100 101 curl 5 out tls_data http1_request openssl 10.0.0.1:50000 93.184.216.34:443 GET example.com /a?b=1 42",
            "2026-11-23T10:51:45.000000000Z text_inferred 200 200 nginx 7 out tls_data http1_response openssl [2001:0db8:0000:0000:0000:0000:0000:0009]:40000 [2001:0db8:0000:0000:0000:0000:0000:0002]:8443 45",
        ]
    );
    assert_eq!(
        copy.number("SELECT id FROM event_list WHERE status = 404"),
        6
    );
    assert_eq!(copy.number("PRAGMA application_id"), 0x6563_7131);
    assert_eq!(copy.number("PRAGMA user_version"), 4);
}
