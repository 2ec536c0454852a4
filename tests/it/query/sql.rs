//! The user's own SQL: what eCaptureQ documents, what is refused, and what bounds it.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use bytes::Bytes;
use ecq::event::Opcode;
use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{imported, sample};
use crate::support::env::{QUERY, Run, TestEnv};
use crate::support::folder::fingerprint;
use crate::support::frames::{data, frame, openssl, text_event};
use crate::support::wait::until_true;

/// Events to which eCaptureQ's snippets apply, numbered in the order of their lines: a connection and its first payload
/// each, then two events of which no addresses are known.
fn snippets_sample() -> TestEnv {
    let date = "2026-11-23 10:51:40.000";
    let long = "x".repeat(2000);
    let conversations: [(&str, &str, &[u8]); 6] = [
        (
            "curl",
            "[192.168.1.5]:50001->[104.16.2.1]:80",
            b"GET /a HTTP/1.1\r\nHost: baidu.com\r\n\r\n",
        ),
        (
            "chrome",
            "[192.168.1.6]:50002->[104.16.2.1]:443",
            b"a token=1",
        ),
        (
            "python",
            "[10.0.0.5]:50003->[10.0.0.9]:3306",
            long.as_bytes(),
        ),
        (
            "wget",
            "[127.0.0.1]:50004->[127.0.0.1]:8080",
            br#"{"password": "x"}"#,
        ),
        (
            "mDNSResponder",
            "[10.0.0.7]:50005->[224.0.0.251]:53",
            b"\xff\x00password",
        ),
        ("nginx", "[::1]:50006->[::1]:8443", b"PASSWORD"),
    ];
    let mut messages = Vec::new();
    for (number, (pname, tuple, payload)) in (1..).zip(conversations) {
        let pid = number * 100;
        messages.push(text_event(
            format!("PID:{pid}, Comm:{pname}, TID:{pid}, FD:5, Tuple: {tuple}\n").as_bytes(),
        ));
        let who = format!("PID:{pid} TID:{pid} Comm:{pname} FD:5");
        messages.push(openssl(date, &who, "WRITE", payload));
    }
    messages.push(text_event(
        b"PID:1200, UID:1000, Comm:bash, Retvalue:3, Line:\nls -la\n",
    ));
    messages.push(openssl(
        date,
        "PID:700 TID:700 Comm:Curl FD:0",
        "WRITE",
        b"token",
    ));
    let frames: Vec<_> = messages
        .into_iter()
        .map(|message| frame(Opcode::Binary, message))
        .collect();
    imported(&frames)
}

fn ask(env: &TestEnv, statement: &str) -> Run {
    env.query(["sql", statement, "-o", "jsonl"])
}

/// The numbers of the events that a statement gives, in order of number.
#[track_caller]
fn ids(env: &TestEnv, statement: &str) -> Vec<u64> {
    let run = ask(env, statement);
    assert!(matches!(run.status, Some(0 | 1)), "{}", run.story());
    let mut ids: Vec<_> = run
        .json()
        .iter()
        .map(|row| row["index"].as_u64().unwrap())
        .collect();
    ids.sort_unstable();
    ids
}

#[test]
fn what_ecaptureq_documents_gives_what_it_promises() {
    let file = fs::read_to_string(data("ecaptureq/snippets.sql")).unwrap();
    let snippets: Vec<(&str, &str)> = file
        .split("--- ")
        .skip(1)
        .map(|snippet| snippet.split_once('\n').unwrap())
        .collect();
    let expected: [&[u64]; 20] = [
        &[1, 2],
        &[1, 2, 7, 8],
        &[1, 2, 3, 4],
        // All but the loopback: also those of which no addresses are known.
        &[1, 2, 3, 4, 5, 6, 9, 10, 13, 14],
        &[1, 2, 3, 4],
        &[3, 4, 5, 6],
        &[1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14],
        &[4, 8, 14],
        &[2],
        &[2],
        &[8],
        &[5],
        &[1, 2, 7, 8],
        &[3, 4],
        &[1, 2, 3, 4, 5, 6],
        &[1, 2, 3, 4],
        &[1, 2],
        &[1, 2, 3, 4],
        &[8],
        &[1, 2, 14],
    ];
    assert_eq!(snippets.len(), expected.len());
    let env = snippets_sample();
    for ((place, snippet), expected) in snippets.iter().zip(expected) {
        assert_eq!(ids(&env, snippet), expected, "{place}: {snippet}");
    }
}

#[test]
fn a_row_of_packets() {
    let env = snippets_sample();
    let rows = ask(
        &env,
        "SELECT * FROM packets WHERE id IN (2, 10, 14) ORDER BY id",
    )
    .json();
    let expected = json!({
        "index": 2, "timestamp": 1_795_431_100_000_000_000_i64,
        "uuid": "100_100_curl_5_1_192.168.1.5:50001-104.16.2.1:80",
        "src_ip": "192.168.1.5", "src_port": 50001, "dst_ip": "104.16.2.1", "dst_port": 80,
        "pid": 100, "pname": "curl", "type": 0, "length": 36, "is_binary": 0,
        "payload_utf8": "GET /a HTTP/1.1\r\nHost: baidu.com\r\n\r\n", "payload_binary": {"base64": ""},
        "id": 2, "time_text": "2026-11-23T10:51:40.000000000Z"
    });
    assert_eq!(rows[0], expected);
    assert_eq!(rows[1]["is_binary"], 1);
    assert_eq!(rows[1]["payload_utf8"], "");
    assert_eq!(
        rows[1]["payload_binary"],
        json!({"base64": "/wBwYXNzd29yZA=="})
    );
    // Nothing is NULL, so that `!=` hides nothing.
    assert_eq!(rows[2]["src_ip"], "");
    assert_eq!(rows[2]["dst_port"], 0);
    assert_eq!(rows[2]["uuid"], "700_700_Curl_0_1_0.0.0.0:0-0.0.0.0:0");
}

#[test]
fn functions() {
    let env = snippets_sample();
    for (condition, expected) in [
        ("cidr(src_ip, '10.0.0.0/8')", &[5, 6, 9, 10][..]),
        ("NOT cidr(src_ip, '0.0.0.0/0')", &[11, 12, 13, 14]),
        ("cidr(dst_ip, '::1')", &[11, 12]),
        ("payload_utf8 REGEXP '^get|TOKEN'", &[]),
        ("payload_utf8 REGEXP '^GET|token$'", &[2, 14]),
        ("payload_utf8 REGEXP '(?i)passw.rd'", &[8, 12]),
        ("instr(payload(id), x'ff00') > 0", &[10]),
        ("payload(4711) IS NULL AND id = 1", &[1]),
        ("dst_port = '80'", &[1, 2]),
        (
            "src_ip = (SELECT ip_text(src_ip) FROM connections WHERE dst_port = 3306)",
            &[5, 6],
        ),
        ("(SELECT 1) = 1 AND pid = 300 -- a comment", &[5, 6]),
    ] {
        assert_eq!(ids(&env, condition), expected, "{condition}");
    }
    ask(&env, "cidr(src_ip, '10.0.0.0/33')")
        .exits(2)
        .says("10.0.0.0/33");
    ask(&env, "pname REGEXP '('")
        .exits(2)
        .says("unclosed group");
}

#[test]
fn what_a_statement_gives() {
    let env = sample();
    let run = ask(
        &env,
        "SELECT 1 AS a, 'x' AS a, NULL AS b, 0.5 AS c, x'00ff' AS d",
    )
    .exits(0);
    assert_eq!(
        run.text(),
        "{\"a\":1,\"a_2\":\"x\",\"b\":null,\"c\":0.5,\"d\":{\"base64\":\"AP8=\"}}\n"
    );
    let table = env.query(["sql", "SELECT id, pname FROM packets WHERE id > 8"]);
    assert_eq!(
        table.exits(0).text(),
        "id  pname\n 9  wget\n10  ev\\x1b[31mil\n"
    );
    ask(&env, "pname = 'nobody'").exits(1).says("no rows");
    let numbers = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 1500) SELECT n FROM n";
    let cut = env
        .query(["sql", numbers])
        .exits(0)
        .says("the first 1000 rows; `-n all`");
    assert_eq!(cut.text().lines().count(), 1001);
    let all = env
        .query(["sql", numbers, "-n", "all"])
        .exits(0)
        .never_says("first");
    assert_eq!(all.text().lines().count(), 1501);
    assert_eq!(ask(&env, numbers).json().len(), 1500);
    let asked = env
        .query(["sql", numbers, "-n", "3"])
        .exits(0)
        .never_says("first");
    assert_eq!(asked.text(), "n\n1\n2\n3\n");
    // An aggregate needs no payload and joins with the views of the file.
    let joined = ask(
        &env,
        "SELECT l.method, count(*) AS n FROM packets JOIN event_list AS l USING (id)
         WHERE l.method IS NOT NULL GROUP BY 1 ORDER BY 1",
    );
    assert_eq!(
        joined.text(),
        "{\"method\":\"GET\",\"n\":1}\n{\"method\":\"POST\",\"n\":1}\n"
    );
}

#[test]
fn faults_are_pointed_at() {
    let env = sample();
    for (statement, words) in [
        ("", &["there is no statement"][..]),
        (
            "1) UNION SELECT 1 --",
            &["closes nothing", "1) UNION SELECT 1 --", "     ^\n"],
        ),
        ("dst_port = ", &["something is missing at the end"]),
        (
            "index > 5",
            &["near \"index\"", "write \"index\" in double quotes, or id"],
        ),
        (
            "SELECT index FROM packets",
            &["    SELECT index FROM packets\n           ^^^^^\n"],
        ),
        (
            "pname = 'a' ORDER BY id",
            &["near \"ORDER\"", "SELECT * FROM packets WHERE"],
        ),
        ("pname = \"curl\"", &["no such column", "single quotes"]),
        ("SELECT 1; DROP TABLE events", &["here a second begins"]),
        ("pid = ?1", &["nothing gives a value"]),
        ("SELECT abs(-9223372036854775808)", &["integer overflow"]),
        ("SELECT zeroblob(20000000)", &["more than 16 MiB"]),
    ] {
        let run = ask(&env, statement).exits(2);
        for words in words {
            assert!(run.stderr.contains(words), "{words:?}\n{}", run.story());
        }
    }
    ask(&env, "timestamp > 1679812345000")
        .exits(0)
        .says("did you mean 1679812345000000000?");
}

#[test]
fn nothing_can_be_changed_or_reached() {
    let env = sample();
    let before = fingerprint(&env.path("db"));
    let other = env.path("other.db");
    let attach = format!("ATTACH '{}' AS other", other.display());
    for statement in [
        attach.as_str(),
        "DELETE FROM events",
        "WITH a AS (SELECT 1) DELETE FROM events",
        "WITH a AS (SELECT 1) INSERT INTO names SELECT 'a', 1, 'b'",
        "REPLACE INTO names VALUES ('a', 1, 'b')",
        "CREATE TEMP TABLE a (b)",
        "PRAGMA query_only = off",
        "EXPLAIN PRAGMA page_size",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM pragma_table_info('events')",
        "BEGIN IMMEDIATE",
        "SAVEPOINT a",
        "VACUUM INTO 'other.db'",
        "SELECT load_extension('/tmp/a.so')",
        "SELECT fts3_tokenizer('simple')",
    ] {
        ask(&env, statement)
            .exits(2)
            .says("only reading is allowed");
    }
    assert_eq!(fingerprint(&env.path("db")), before);
    assert!(!other.exists());
}

/// A capture from elsewhere can hold anything.
#[test]
fn a_capture_cannot_call_what_a_user_can() {
    let env = sample();
    let db = Connection::open(env.db()).unwrap();
    db.execute_batch(
        "CREATE VIEW evil AS SELECT payload(1) AS stolen;
         CREATE VIEW worse AS SELECT load_extension('/tmp/a.so');
         CREATE VIEW tokens AS SELECT fts3_tokenizer('simple');
         CREATE TABLE packets (\"index\");
         INSERT INTO packets VALUES (4711);",
    )
    .unwrap();
    drop(db);
    ask(&env, "SELECT * FROM evil")
        .exits(2)
        .says("unsafe use of payload()");
    for view in ["worse", "tokens"] {
        ask(&env, &format!("SELECT * FROM {view}")).exits(2);
    }
    // A table that pretends to be the view is not asked.
    assert_eq!(ids(&env, "id > 0").len(), 10);
}

#[test]
fn large_payloads() {
    let date = "2026-11-23 10:51:40.000";
    let who = "PID:1 TID:1 Comm:curl FD:3";
    let text = "0123456789abcdé\n".repeat(1_000_000);
    let mut binary = text.clone().into_bytes();
    binary.push(0xc3);
    let whole: Vec<u8> = text.bytes().take(16 << 20).collect();
    let payloads: [Bytes; 4] = [text.into(), binary.into(), whole.into(), "small".into()];
    let expected = payloads
        .each_ref()
        .map(|payload| i32::from(std::str::from_utf8(payload).is_err()));
    assert_eq!(expected[..2], [0, 1]);
    let frames =
        payloads.map(|payload| frame(Opcode::Binary, openssl(date, who, "READ", &payload)));
    let env = imported(&frames);
    let rows = ask(&env, "SELECT is_binary FROM packets ORDER BY id").json();
    let found: Vec<_> = rows.iter().map(|row| row["is_binary"].clone()).collect();
    assert_eq!(found, expected);
    ask(&env, "payload_utf8 LIKE '%small%'")
        .exits(2)
        .says("the payload of event 1 has")
        .says("length <= 16777216 AND");
    assert_eq!(
        ids(&env, "length <= 16777216 AND payload_utf8 LIKE '%small%'"),
        [4]
    );
    // The other of the two columns is empty whatever the size.
    assert_eq!(ids(&env, "payload_utf8 = '' AND id = 2"), [2]);
    assert_eq!(ids(&env, "payload_binary = x'' AND id = 1"), [1]);
    assert_eq!(ids(&env, "length(payload(id)) = 16777216 AND id = 3"), [3]);
}

const ENDLESS: &str =
    "WITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM a) SELECT count(*) FROM a";

#[test]
fn time_is_limited() {
    let env = sample();
    env.query(["sql", ENDLESS, "--timeout", "50ms"])
        .exits(2)
        .says("stopped after 50ms")
        .says("--timeout");
}

#[test]
fn an_interrupt_ends_it() {
    let env = sample();
    let first = "WITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM a) SELECT x FROM a";
    let child = env
        .with_db(QUERY, ["sql", first, "--timeout", "0", "-o", "jsonl"])
        .stdout(fs::File::create(env.path("out")).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Once there are rows, it listens for interrupts.
    until_true("a row", || fs::metadata(env.path("out")).unwrap().len() > 0);
    let pid = Pid::from_child(&child);
    // As some programs do that pass signals on, to the process and to its group: that is one interrupt. Both are there when it
    // goes on.
    for signal in [Signal::STOP, Signal::INT, Signal::TERM, Signal::CONT] {
        kill_process(pid, signal).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.status.signal()),
        (Some(130), None)
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the statement was interrupted"), "{said}");
    let text = fs::read_to_string(env.path("out")).unwrap();
    assert!(text.ends_with("}\n"), "the last line is whole");
}
