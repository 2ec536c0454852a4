//! Encrypted captures: what stands in the files, and what has to be known to read them.

mod changes;
mod damage;
mod live;
mod secrets;
mod typed;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ecq::event::{Frame, Opcode};
use memchr::memmem;

use crate::support::env::{Run, TestEnv};
use crate::support::frames::{RECEIVED, frame, openssl, save, text_event};

/// What must stand in no file: each is only in a payload or what is made of it.
const NEEDLES: [&str; 9] = [
    "NeedleInAHeader",
    "NeedleInAQuery",
    "NeedleInABody",
    "NeedleInAnAnswer",
    "NeedleInATrailer",
    "NeedleOfAShell",
    "NeedleOfSql",
    "NeedleInALargeBody",
    "NeedleInTwoEvents",
];

/// How many events [`frames`] are.
const EVENTS: i64 = 68;

/// Frames with needles, and enough else for some blocks.
fn frames() -> Vec<Frame> {
    let curl = "PID:100 TID:101 Comm:curl FD:5";
    let at = "2026-11-23 10:51:41.000";
    let request = b"POST /login?token=NeedleInAQuery HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer NeedleInAHeader\r\n\
        Content-Length: 18\r\n\r\npass=NeedleInABody";
    let answer =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n\
        8\r\nNeedleIn\r\n8\r\nAnAnswer\r\n0\r\n\r\nNeedleInAnAnswer";
    let mut state = 1_u32;
    let mut noise = |length: usize| -> Vec<u8> {
        (0..length)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b'a' + u8::try_from((state >> 24) % 26).unwrap()
            })
            .collect()
    };
    let mut large =
        b"HTTP/1.1 200 OK\r\nContent-Length: 1500018\r\n\r\nNeedleInALargeBody".to_vec();
    large.extend(noise(1_500_000));
    let mut messages = vec![
        openssl(at, curl, "WRITE", request),
        openssl(at, curl, "READ", answer),
        text_event(b"PID:1200, UID:1000, Comm:bash, Retvalue:3, Line:\nls NeedleOfAShell\n"),
        text_event(
            b"MySQL Query[PID=777, Comm=mysqld, Len=18/40, Status=SUCCESS]: SELECT NeedleOfSql\n",
        ),
        openssl(at, "PID:300 TID:300 Comm:wget FD:4", "READ", &large),
    ];
    // A body that no event has by itself, so that its text is in a filter of exchanges.
    let node = "PID:700 TID:700 Comm:node FD:9";
    let (start, end) = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nNeedleIn\r\n",
        b"9\r\nTwoEvents\r\n0\r\nX-Trailer: NeedleInATrailer\r\n\r\n",
    );
    messages.push(openssl(
        at,
        node,
        "WRITE",
        b"GET /split HTTP/1.1\r\nHost: api.test\r\n\r\n",
    ));
    messages.push(openssl(at, node, "READ", start));
    messages.push(openssl(at, node, "READ", end));
    for number in 0..60_u32 {
        let who = format!("PID:{} TID:{0} Comm:ssh FD:3", 400 + number % 7);
        let mut text =
            format!("HTTP/1.1 404 Not Found\r\nX-Number: {number}\r\nContent-Length: 9000\r\n\r\n")
                .into_bytes();
        text.extend(noise(9000));
        messages.push(openssl(at, &who, "WRITE", &text));
    }
    (0..)
        .zip(messages)
        .map(|(second, message)| Frame {
            received: RECEIVED.plus_nanos(second * 1_000_000_000),
            ..frame(Opcode::Binary, message)
        })
        .collect()
}

/// A secret in a file of its own.
fn write_secret(env: &TestEnv, name: &str, bytes: &[u8]) -> String {
    let path = env.path(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A capture of [`frames`] that is encrypted with the file `key`.
fn encrypted() -> (TestEnv, String) {
    let env = TestEnv::new();
    let key = write_secret(&env, "key", &[7; 32]);
    let file = env.path("frames");
    save(&file, &frames());
    env.import(&file, ["--encrypt", "--key-file", &key])
        .says(" 0 unreadable");
    (env, key)
}

/// The same that is not.
fn plain() -> TestEnv {
    let env = TestEnv::new();
    let file = env.path("frames");
    save(&file, &frames());
    env.import::<&str>(&file, []);
    env
}

/// Asks with the key.
#[track_caller]
fn ask(env: &TestEnv, key: &str, args: &[&str]) -> Run {
    env.query([args, &["--key-file", key]].concat())
}

/// The bytes of every file in a folder, and in its folders.
fn bytes_of(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(bytes_of(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            all.push((path.display().to_string(), bytes));
        }
    }
    all
}

/// No needle stands in any file of these folders.
#[track_caller]
fn check_hidden(env: &TestEnv) {
    for folder in ["db", "tmp", "home"] {
        for (name, bytes) in bytes_of(&env.path(folder)) {
            for needle in NEEDLES {
                assert_eq!(
                    memmem::find(&bytes, needle.as_bytes()),
                    None,
                    "{needle} in {name}"
                );
            }
        }
    }
}

/// Every value that is to be encrypted, of a capture that is not.
fn values(db: &Path) -> Vec<(String, Vec<u8>)> {
    let copy = crate::support::capture::copy(db);
    let mut all = Vec::new();
    for (table, column) in [
        ("block_data", "data"),
        ("tail", "data"),
        ("grams", "bits"),
        ("text_grams", "bits"),
        ("head_blocks", "data"),
        ("head_tail", "data"),
        ("envelopes", "before"),
    ] {
        let values: Vec<Vec<u8>> = copy
            .db
            .prepare(&format!("SELECT {column} FROM {table}"))
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        all.extend(
            values
                .into_iter()
                .map(|value| (format!("{table}.{column}"), value)),
        );
    }
    all
}

/// Nothing of what a plain capture of the same frames holds stands in an encrypted one: neither as it is nor compressed, and
/// none of the search filters.
#[test]
fn no_value_stands_in_the_clear() {
    let plain = plain();
    let (env, _) = encrypted();
    check_hidden(&env);
    let file = fs::read(env.db()).unwrap();
    let clear = fs::read(plain.db()).unwrap();
    let mut tables = Vec::new();
    for (name, value) in values(&plain.db()) {
        // What is all but empty is anywhere. The rest of a long one may be in other pages.
        let start = &value[..value.len().min(400)];
        if start.iter().filter(|byte| **byte != 0).count() < 12 {
            continue;
        }
        assert!(memmem::find(&clear, start).is_some(), "{name}");
        assert_eq!(memmem::find(&file, start), None, "{name}");
        tables.push(name);
    }
    for expected in ["block_data.data", "grams.bits", "head_blocks.data"] {
        assert!(tables.iter().any(|name| name == expected), "{expected}");
    }
    // Bitmaps of filters are as long as a power of two, and have a nonce and a tag here.
    for filter in ["grams.bits", "text_grams.bits"] {
        let lengths = |db: &Path| -> Vec<usize> {
            let values = values(db).into_iter().filter(|(name, _)| name == filter);
            values.map(|(_, value)| value.len()).collect()
        };
        let longer: Vec<_> = lengths(&plain.db())
            .iter()
            .map(|length| length + 40)
            .collect();
        assert!(longer.len() >= 32, "{filter}");
        assert_eq!(lengths(&env.db()), longer, "{filter}");
    }
}

/// With the key every answer is that of a plain capture, but for the query in a request's target.
#[test]
fn with_the_key_all_answers_are_the_same() {
    let plain = plain();
    let (env, key) = encrypted();
    let as_shown = |text: &str| {
        text.replace("?token=NeedleInAQuery", "?")
            .replace("login?", "login")
    };
    for args in [
        &["-o", "jsonl"][..],
        &["--exchanges", "-o", "jsonl"],
        &["--grep", "NeedleInABody", "--fixed", "-o", "jsonl"],
        &["--grep", "NeedleInAnAnswer", "--fixed", "-o", "jsonl"],
        &["--grep", "NeedleInALargeBody", "-o", "jsonl"],
        &["--exchanges", "--grep", "NeedleInTwoEvents", "--count"],
        &[
            "--exchanges",
            "--grep",
            "NeedleInAHeader",
            "--fixed",
            "--count",
        ],
        &["--top", "pname", "-o", "jsonl"],
        &["show", "1", "--raw"],
        &["show", "5", "--raw"],
        &["export", "raw", "--events", "id == 3"],
        &["export", "csv", "--events"],
        &[
            "sql",
            "SELECT length(payload(id)), instr(payload(id), 'Needle') FROM packets WHERE id < 5",
        ],
        &["sql", "payload_utf8 LIKE '%NeedleOfAShell%'"],
    ] {
        let expected = plain.query(args).exits(0);
        let given = ask(&env, &key, args).exits(0);
        assert!(!given.stdout.is_empty());
        if let (Ok(given), Ok(expected)) = (
            std::str::from_utf8(&given.stdout),
            std::str::from_utf8(&expected.stdout),
        ) {
            assert_eq!(as_shown(given), as_shown(expected), "{args:?}");
        } else {
            assert_eq!(given.stdout, expected.stdout, "{args:?}");
        }
    }
    // The query is in the payload, and in no column.
    ask(&env, &key, &["path contains \"NeedleInAQuery\""]).exits(1);
    let found = ask(&env, &key, &["--grep", "NeedleInAQuery", "--count"]).exits(0);
    assert_eq!(found.text(), "1\n");
    // The filter leaves most blocks closed.
    let explained = ask(
        &env,
        &key,
        &["--grep", "NeedleInABody", "--fixed", "--explain"],
    )
    .exits(0);
    assert!(
        explained.text().contains("search filter leaves"),
        "{}",
        explained.story()
    );
    let whole = ask(&env, &key, &["verify", "-o", "jsonl"]).exits(0).json();
    assert_eq!(whole[0]["is_sound"], true, "{whole:?}");
    assert_eq!(whole[0]["readable_events"], EVENTS);
    check_hidden(&env);
}

/// A recording goes on in the same file, and the search filters are made anew, all of it encrypted.
#[test]
fn what_is_added_and_made_anew_is_encrypted() {
    let (env, key) = encrypted();
    let file = env.path("frames");
    let file = file.to_str().unwrap();
    env.record(["--import", file, "--again", "--key-file", &key])
        .exits(0);
    env.query(["reindex", "--rebuild"])
        .exits(2)
        .says("--key-file");
    ask(&env, &key, &["reindex", "--rebuild"]).exits(0);
    let found = ask(
        &env,
        &key,
        &["--grep", "NeedleOfAShell", "--fixed", "--count"],
    )
    .exits(0);
    assert_eq!(found.text(), "2\n");
    let found = ask(
        &env,
        &key,
        &["--exchanges", "--grep", "NeedleInAnAnswer", "--count"],
    )
    .exits(0);
    assert_eq!(found.text(), "2\n");
    let whole = ask(&env, &key, &["verify", "-o", "jsonl"]).exits(0).json();
    assert_eq!(
        (&whole[0]["is_sound"], &whole[0]["readable_events"]),
        (&true.into(), &(2 * EVENTS).into())
    );
    check_hidden(&env);
}
