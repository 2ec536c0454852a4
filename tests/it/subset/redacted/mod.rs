//! A subset without secrets: none is left anywhere in it, and all else is what it was.

mod every_place;
mod listings;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ecq::event::{Envelope, Frame, Opcode, Provenance};
use memchr::memmem;
use rusqlite::types::ValueRef;
use serde_json::Value;

use crate::corpus::unpacked;
use crate::record::redaction_http2;
use crate::support::capture::{Whole, assert_sound, copy, events};
use crate::support::env::{Run, TestEnv};
use crate::support::frames::{RECEIVED, frame, log_line, openssl, save, text_event};

/// What must not be found. The first of them are those of [`redaction_http2::messages`].
pub(crate) const SECRETS: [&str; 18] = [
    "QVQUERYPARAMETERQV",
    "QWAUTHORIZATIONQW",
    "QXCOOKIEQX",
    "QYAPIKEYQY",
    "QZFORMPASSWORDQZ",
    "RVSETCOOKIERV",
    "RWJSONTOKENRW",
    "GVAUTHORIZATIONGV",
    "GWCOOKIEGW",
    "GXFORMPASSWORDGX",
    "GYQUERYPARAMETERGY",
    "GZJSONTOKENGZ",
    "HVBEGINNINGHV",
    "HWGOINGONHW",
    "HXSHELLTOKENHX",
    "HYSQLPASSWORDHY",
    "HZUNREADABLEHZ",
    "JVLOGLINEJV",
];

const AT: &str = "2026-11-23 10:51:41.000";

/// An event of a process with this number and descriptor.
fn of(pid: u32, way: &str, payload: &str) -> Bytes {
    let who = format!("PID:{pid} TID:{pid} Comm:wget FD:{}", pid % 100);
    openssl(AT, &who, way, payload.as_bytes())
}

/// Messages with all secrets: HTTP/2 of curl, HTTP/1 of wget, a shell, a database, what cannot be read and a line of the log.
fn messages() -> Vec<Bytes> {
    let mut messages = redaction_http2::messages();
    let form = "user=alice&password=GXFORMPASSWORDGX&next=yes";
    let json = r#"{"user":"bob","token":"GZJSONTOKENGZ","kept":"visible"}"#;
    let begun = r#"{"access_token":"HVBEGINNINGHV"#;
    let ongoing = r#"HWGOINGONHW","kept":"behind it"}"#;
    messages.extend([
        of(
            205,
            "WRITE",
            &format!(
                "POST /login?lang=en&api_key=GYQUERYPARAMETERGY HTTP/1.1\r\nHost: one.test\r\n\
                 Authorization: Bearer GVAUTHORIZATIONGV\r\nCookie: sid=GWCOOKIEGW\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                form.len()
            ),
        ),
        of(
            205,
            "READ",
            &format!(
                "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
                json.len()
            ),
        ),
        of(206, "WRITE", "GET /parts HTTP/1.1\r\nHost: parts.test\r\n\r\n"),
        of(
            206,
            "READ",
            &format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{begun}",
                begun.len() + ongoing.len()
            ),
        ),
        of(206, "READ", ongoing),
        text_event(b"PID:1200, UID:1000, Comm:bash, Retvalue:3, Line:\nTOKEN=HXSHELLTOKENHX ./run --verbose\n"),
        text_event(
            b"MySQL Query[PID=777, Comm=mysqld, Len=47/47, Status=SUCCESS]: ALTER USER x IDENTIFIED BY 'HYSQLPASSWORDHY'\n",
        ),
        Bytes::from_static(b"HZUNREADABLEHZ is no message"),
        log_line("2026-11-23T10:51:40Z INF password=JVLOGLINEJV is read"),
    ]);
    messages
}

pub(crate) fn frames() -> Vec<Frame> {
    (0..)
        .zip(messages())
        .map(|(second, message)| Frame {
            received: RECEIVED.plus_nanos(second * 1_000_000_000),
            ..frame(Opcode::Binary, message)
        })
        .collect()
}

/// A capture of [`frames`].
fn recorded(args: &[&str]) -> TestEnv {
    let env = TestEnv::new();
    let file = env.path("frames");
    save(&file, &frames());
    env.import(&file, args);
    env
}

/// Every value of every table of a capture, with where it stands.
fn values(path: &Path) -> Vec<(String, Vec<u8>)> {
    let copy = copy(path);
    let mut values = Vec::new();
    for table in copy.texts("SELECT name FROM sqlite_schema WHERE type = 'table'") {
        let mut statement = copy.db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let names: Vec<_> = statement
            .column_names()
            .map(|name| format!("{table}.{name}"))
            .collect();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for (column, name) in names.iter().enumerate() {
                if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = row.get_ref(column).unwrap()
                {
                    values.push((name.clone(), bytes.to_vec()));
                }
            }
        }
    }
    values
}

/// Which of these stand in a capture, and where: in its file as it is, in its values, and in what its events say.
fn places(path: &Path, secrets: &[&str]) -> Vec<(String, String)> {
    let mut all = values(path);
    all.push(("file".to_owned(), std::fs::read(path).unwrap()));
    for event in events(path) {
        let facts = format!("{:?}{:?}", event.stored, event.envelope);
        all.push(("facts of an event".to_owned(), facts.into_bytes()));
        all.push(("payload".to_owned(), event.payload));
    }
    let mut found: Vec<_> = all
        .iter()
        .flat_map(|(place, bytes)| {
            secrets
                .iter()
                .filter(|secret| memmem::find(bytes, secret.as_bytes()).is_some())
                .map(|secret| ((*secret).to_owned(), place.clone()))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Asks another capture.
#[track_caller]
fn ask(env: &TestEnv, path: &Path, args: &[&str]) -> Run {
    env.query_alone([args, &["--db", path.to_str().unwrap()]].concat())
}

/// None of the secrets is in the capture or in an answer from it, and it is sound.
#[track_caller]
pub(crate) fn check_gone(env: &TestEnv, path: &Path) {
    assert_eq!(places(path, &SECRETS), []);
    assert_sound(path);
    ask(env, path, &["verify"]);
    for args in [
        &["-o", "jsonl"][..],
        &["--exchanges", "-o", "jsonl"],
        &["export", "har"],
        &["export", "raw", "--events"],
        &["stats", "-o", "jsonl"],
    ] {
        let shown = ask(env, path, args);
        assert_ne!(shown.status, Some(2), "{}", shown.story());
        for secret in SECRETS {
            let found = memmem::find(&shown.stdout, secret.as_bytes());
            assert_eq!(found, None, "{secret} in {args:?}");
        }
    }
    for secret in SECRETS {
        for unit in ["--events", "--exchanges"] {
            ask(env, path, &["--grep", secret, unit]).exits(1);
        }
    }
}

/// Takes a subset, as it is and redacted.
#[track_caller]
fn take(env: &TestEnv, args: &[&str], filter: &[&str]) -> [PathBuf; 2] {
    ["plain.db", "redacted.db"].map(|name| {
        let path = env.path(name);
        let redact: &[&str] = if name == "plain.db" { &[] } else { args };
        let export = ["export", "db", "--output", name];
        env.query([&export, redact, filter].concat()).exits(0);
        path
    })
}

fn ids(events: &[Whole]) -> Vec<i64> {
    events
        .iter()
        .map(|event| event.stored.id.number())
        .collect()
}

#[test]
fn no_secret_is_left() {
    for (filter, count) in [
        (&[][..], 18),
        (
            &["host in {\"login.test\" \"one.test\" \"parts.test\"}"],
            13,
        ),
        (&["--events", "pid in {100 205 206 777 1200}"], 14),
        (&["--events", "direction == \"in\""], 4),
    ] {
        let env = recorded(&[]);
        let [plain, redacted] = take(&env, &["--redact"], filter);
        let found = places(&plain, &SECRETS);
        assert!(found.len() >= count, "{filter:?}: {found:?}");
        check_gone(&env, &redacted);
        let [was, is] = [&plain, &redacted].map(|path| events(path));
        assert_eq!(ids(&is), ids(&was), "{filter:?}");
        for (is, was) in is.iter().zip(&was) {
            let story = format!("{:?} became {:?}", was.stored, is.stored);
            assert_eq!(is.envelope, Envelope::Rendered, "{story}");
            let is_marked = is.stored.event.provenance.contains(Provenance::REDACTED);
            let is_same = is.payload == was.payload && was.envelope == Envelope::Rendered;
            assert_eq!(!is_marked, is_same, "{story}");
            let who = |event: &Whole| {
                let stored = event.stored.clone();
                (
                    (
                        stored.stream,
                        stored.connection,
                        stored.run,
                        stored.recording,
                    ),
                    (
                        stored.event.time,
                        stored.event.received,
                        stored.event.process,
                    ),
                )
            };
            assert_eq!(who(is), who(was), "{story}");
        }
    }
}

/// Of connections that are whole, HTTP/2 and what goes over from one event to the next can be looked into; else not.
#[test]
fn what_is_no_secret_is_there() {
    let env = recorded(&[]);
    let shown = |filter: &[&str]| {
        let [_, redacted] = take(&env, &["--redact"], filter);
        let lines = ask(&env, &redacted, &["--exchanges", "-o", "jsonl", "-r"]);
        let bodies = [
            "req.body matches \"^user=alice&password=.{16}&next=yes$\"",
            "resp.body matches \"\\\"token\\\":\\\".{13}\\\",\\\"kept\\\":(true|\\\"visible)\"",
            "resp.body contains \"\\\",\\\"kept\\\":\\\"behind it\\\"}\"",
        ]
        .map(|filter| {
            let counted = ask(&env, &redacted, &["--exchanges", filter, "--count"]);
            counted.text().trim().parse::<u64>().unwrap()
        });
        for path in ["plain.db", "redacted.db"] {
            std::fs::remove_file(env.path(path)).unwrap();
        }
        (lines.json(), bodies)
    };
    for filter in [
        &[][..],
        &["host in {\"login.test\" \"one.test\" \"parts.test\"}"],
    ] {
        let (exchanges, bodies) = shown(filter);
        assert_eq!(exchanges.len(), 4);
        assert_eq!(bodies, [3, 3, 1], "{filter:?}");
        for exchange in &exchanges[..2] {
            let text = exchange.to_string();
            for kept in [
                "/login?lang=en&api_key=redacted:",
                "\"POST\"",
                "201",
                "; HttpOnly",
            ] {
                assert!(text.contains(kept), "{kept} in {text}");
            }
        }
    }
    let (_, bodies) = shown(&["--exchanges", "host == \"login.test\""]);
    assert_eq!(bodies, [2, 2, 0]);
    // Each event by itself.
    let (exchanges, bodies) = shown(&["--events", "pid > 1"]);
    assert_eq!((exchanges.len(), bodies), (2, [1, 1, 0]));
}

/// The same secret under the same key is the same everywhere.
#[test]
fn hashes_agree() {
    let env = recorded(&[]);
    std::fs::write(env.path("key"), [7; 32]).unwrap();
    let args = ["--redact", "--redact-key", "key"];
    let [_, redacted] = take(&env, &args, &[]);
    let digits = |text: &str, before: &str| {
        let (_, rest) = text.split_once(before).unwrap();
        let digits = rest.get(.."redacted:".len() + 7).unwrap();
        assert!(digits.starts_with("redacted:"), "{digits}");
        digits.to_owned()
    };
    let har = env.query([&["export", "har"][..], &args].concat()).exits(0);
    let of_har = digits(har.text(), "\"Bearer ");
    let jsonl = [&["export", "jsonl", "--events"][..], &args].concat();
    let jsonl = env.query(jsonl).exits(0);
    assert_eq!(digits(jsonl.text(), "Authorization: Bearer "), of_har);
    let of_db = ask(&env, &redacted, &["-o", "jsonl", "--events"]).exits(0);
    assert_eq!(digits(of_db.text(), "Authorization: Bearer "), of_har);
    // In HTTP/2 as well.
    let of_db = ask(&env, &redacted, &["export", "har"]).exits(0);
    assert_eq!(
        digits(of_db.text(), "\"Basic "),
        digits(har.text(), "\"Basic ")
    );
}

fn first(run: &Run) -> Value {
    run.json().remove(0)
}

/// It is what a recorder would have stored with `--redact` and the same key.
#[test]
fn it_is_what_a_recorder_stores() {
    let mut compared = 0;
    for name in [
        "",
        "curl-nginx-http2",
        "node-http2-endings",
        "nghttp-http2",
        "grpc",
    ] {
        let [recorded, exported] = [TestEnv::new(), TestEnv::new()];
        let rule = "header:user-agent";
        let args = ["--redact", "--redact-key", "key", "--redact-rule", rule];
        for (env, args) in [(&recorded, &args[..]), (&exported, &[])] {
            std::fs::write(env.path("key"), [7; 32]).unwrap();
            let file = if name.is_empty() {
                save(&env.path("frames"), &frames());
                env.path("frames")
            } else {
                unpacked(env, name)
            };
            env.import(&file, args);
        }
        let [_, redacted] = take(&exported, &args, &[]);
        let [was, is] = [&recorded.db(), &redacted].map(|path| events(path));
        assert_eq!(ids(&is), ids(&was), "{name}");
        for (is, was) in is.iter().zip(&was) {
            assert_eq!(is.stored, was.stored, "{name}");
            assert!(is.payload == was.payload, "{} of {name}", is.stored.id);
            assert_eq!(is.envelope, was.envelope, "{name}");
            compared += 1;
        }
        let counters = |path: &Path| {
            ["redacted_secrets", "opaque_events", "opaque_bytes"]
                .map(|name| copy(path).counter(name))
        };
        assert_eq!(counters(&redacted), counters(&recorded.db()), "{name}");
        assert_sound(&redacted);
    }
    assert!(compared > 200, "{compared}");
}

/// It says of itself that secrets are gone, and under which key; what it was taken with is no place for a secret either.
#[test]
fn it_says_so() {
    let env = recorded(&["--filter", "not payload contains \"GVNOTHERE\" or pid == 1"]);
    let looked_for = "req.body contains \"GXFORMPASSWORDGX\"";
    let taken = env
        .query([
            "export",
            "db",
            "--redact",
            "--output",
            "redacted.db",
            looked_for,
        ])
        .exits(0)
        .says("replaced 5 secrets (key ")
        .says("2 of 20 events, 1 exchanges in redacted.db");
    let redacted = env.path("redacted.db");
    check_gone(&env, &redacted);
    assert_eq!(places(&redacted, &["GVNOTHERE"]), []);
    let stats = first(&ask(&env, &redacted, &["stats", "-o", "jsonl"]).exits(0));
    let recording = &stats["recordings"][0];
    let key = recording["redaction_key"].as_str().unwrap();
    assert!(
        taken.stderr.contains(&format!("(key {key})")),
        "{}",
        taken.story()
    );
    assert_eq!(recording["redacted_secrets"], 5);
    assert_eq!(
        recording["filter"],
        "left out, as it may hold a secret (--redact)"
    );
    assert_eq!(stats["taken_from"][0]["filter"], recording["filter"]);
    assert_eq!(stats["coverage"]["redacted_recordings"], 1);
    ask(&env, &redacted, &["pid == 99"])
        .exits(1)
        .says("1 recording replaced secrets, and left out what cannot be looked into (--redact)")
        .says("1 recording stored only what its --filter let through");

    // Once more, with a filter that is harmless.
    let again = [
        "export",
        "db",
        "--redact",
        "--output",
        "again.db",
        "host == \"one.test\"",
    ];
    ask(&env, &redacted, &again).exits(0);
    let again = env.path("again.db");
    let stats = first(&ask(&env, &again, &["stats", "-o", "jsonl"]).exits(0));
    let keys = stats["recordings"][0]["redaction_key"].as_str().unwrap();
    assert!(
        keys.starts_with(&format!("{key}, ")) && keys.len() == 34,
        "{keys}"
    );
    assert_eq!(stats["taken_from"][1]["filter"], "host == \"one.test\"");
    assert_sound(&again);
}

/// Nothing is taken to go on over what is known to be missing, and what is whole beside it is not lost by it.
#[test]
fn a_gap_ends_what_was_known() {
    let env = TestEnv::new();
    let file = env.path("frames");
    let mut frames: Vec<_> = frames()
        .into_iter()
        .filter(|frame| memmem::find(&frame.message, b"Comm:").is_some())
        .collect();
    let begun = frames
        .iter()
        .position(|frame| memmem::find(&frame.message, b"HVBEGINNING").is_some())
        .unwrap();
    // All that comes after the beginning of the secret comes over another link, an hour later; HTTP/2 once more, of another
    // descriptor.
    for frame in frames.iter_mut().skip(begun + 1) {
        frame.link = 2;
        frame.received = frame.received.plus_nanos(3_600_000_000_000);
    }
    let last = frames.last().unwrap().clone();
    for message in redaction_http2::messages() {
        let at = memmem::find(&message, b"FD:5").unwrap();
        let mut bytes = message.to_vec();
        bytes[at + 3] = b'6';
        frames.push(Frame {
            message: bytes.into(),
            ..last.clone()
        });
    }
    save(&file, &frames);
    env.import::<&str>(&file, []);
    assert_eq!(copy(&env.db()).number("SELECT COUNT(*) FROM gaps"), 1);
    let filter = "host in {\"login.test\" \"parts.test\"}";
    let [plain, redacted] = take(&env, &["--redact"], &[filter]);
    check_gone(&env, &redacted);
    let count = |path: &Path, filter: &str| {
        let counted = ask(&env, path, &["--exchanges", filter, "--count"]);
        counted.text().trim().parse::<u64>().unwrap()
    };
    let form = "req.body contains \"user=alice&password=\"";
    assert_eq!((count(&plain, form), count(&redacted, form)), (4, 4));
    // It is not known of what it is the rest.
    let rest = "resp.body contains \"behind it\"";
    assert_eq!((count(&plain, rest), count(&redacted, rest)), (1, 0));
}

/// The same of what was pruned.
#[test]
fn what_was_removed_ends_what_was_known() {
    for (removed, rest) in [((17, 17), 0), ((18, 40), 1)] {
        let env = recorded(&[]);
        rusqlite::Connection::open(env.db())
            .unwrap()
            .execute(
                "INSERT INTO removals (at_ns, first_id, last_id, events, payload_bytes, rule, batches)
                 VALUES (1, ?1, ?2, 1, 1, '--keep 1s', 0)",
                removed,
            )
            .unwrap();
        let filter = "host in {\"login.test\" \"parts.test\"}";
        let [_, redacted] = take(&env, &["--redact"], &[filter]);
        let count = |filter: &str| {
            let counted = ask(&env, &redacted, &["--exchanges", filter, "--count"]);
            counted.text().trim().parse::<u64>().unwrap()
        };
        assert_eq!(count("req.body contains \"user=alice&password=\""), 2);
        assert_eq!(
            count("resp.body contains \"behind it\""),
            rest,
            "{removed:?}"
        );
    }
}

/// Of an encrypted capture it is encrypted, unless it is to be in the clear.
#[test]
fn of_an_encrypted_capture() {
    let env = TestEnv::new();
    let (file, key) = (env.path("frames"), env.path("secret"));
    save(&file, &frames());
    std::fs::write(&key, [9; 32]).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let unlock = ["--key-file", key.to_str().unwrap()];
    env.import(&file, [&["--encrypt"][..], &unlock].concat());
    let args = ["export", "db", "--redact", "--output"];
    let filter = "host in {\"login.test\" \"one.test\" \"parts.test\"}";
    env.query([&args[..], &["clear.db", "--decrypt", filter], &unlock].concat())
        .exits(0);
    check_gone(&env, &env.path("clear.db"));
    env.query([&args[..], &["locked.db", filter], &unlock].concat())
        .exits(0);
    let locked = env.path("locked.db");
    ask(&env, &locked, &["-o", "jsonl"])
        .exits(2)
        .says("is encrypted");
    let verified = ask(
        &env,
        &locked,
        &[&["verify", "-o", "jsonl"][..], &unlock].concat(),
    );
    assert_eq!(first(&verified.exits(0))["is_sound"], true);
    for unit in ["--events", "--exchanges"] {
        let [one, other] = [&locked, &env.path("clear.db")].map(|path| {
            let shown = ask(&env, path, &[&["-o", "jsonl", unit][..], &unlock].concat());
            let text = shown.exits(0).text().to_owned();
            for secret in SECRETS {
                assert!(!text.contains(secret), "{secret} in {unit}");
            }
            text.lines().count()
        });
        assert_eq!(one, other);
    }
    let found = ["--exchanges", "req.body contains \"alice\"", "--count"];
    let found = ask(&env, &locked, &[&found[..], &unlock].concat());
    assert_eq!(found.exits(0).text(), "3\n");
    for (place, bytes) in values(&locked) {
        for secret in SECRETS {
            assert_eq!(
                memmem::find(&bytes, secret.as_bytes()),
                None,
                "{secret} in {place}"
            );
        }
    }
}
