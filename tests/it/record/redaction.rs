//! A recorder that takes secrets out before anything is stored.

use std::time::Duration;

use bytes::Bytes;
use ecq::event::{Frame, Opcode, Provenance};
use memchr::memmem;
use serde_json::Value;

use super::{messages, play, server, server_encoder};
use crate::stand_in::dialect::{Dialect, Release};
use crate::stand_in::event::{Ends, GeneratedEvent, Probe};
use crate::support::capture::{beside, check_digests, copy, events};
use crate::support::env::{RECORD, TestEnv, run};
use crate::support::frames::{frame, save};
use crate::support::live::Recorder;

/// What must not be found, but for pieces of less than six bytes.
const SECRETS: [&str; 11] = [
    "QVAUTHORIZATIONQV",
    "QWCOOKIEQW",
    "QXFORMPASSWORDQX",
    "QYJSONTOKENQY",
    "QZURLPASSWORDQZ",
    "RVBEGINNINGRV",
    "RWGOINGONRW",
    "RXSHELLTOKENRX",
    "RYQUERYPARAMETERRY",
    "RZHTTPTWOFRAMERZ",
    "SVMULTIPARTSV",
];

pub(super) fn event(
    place: i64,
    probe: Probe,
    fd: u32,
    written: bool,
    payload: &str,
) -> GeneratedEvent {
    GeneratedEvent {
        offset_ns: place * 10_000_000,
        pid: 4711,
        tid: 4711,
        uid: 1000,
        comm: Bytes::from_static(b"curl"),
        fd,
        written,
        tuple: Some(Ends {
            initiator: format!("10.0.0.1:{}", 50_000 + fd).parse().unwrap(),
            acceptor: "10.0.0.2:443".parse().unwrap(),
            local_is_initiator: true,
        }),
        probe,
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

/// What a host with secrets does.
fn traffic() -> Vec<GeneratedEvent> {
    let [
        auth,
        cookie,
        form,
        json,
        url,
        begun,
        ongoing,
        shell,
        query,
        frame,
        part,
    ] = SECRETS;
    let form = format!("user=alice&password={form}&next=yes");
    let json = format!(
        "{{\"user\":\"bob\",\"token\":\"{json}\",\"link\":\"https://bob:{url}@h.test/x\"}}"
    );
    let begun = format!("{{\"access_token\":\"{begun}");
    let ongoing = format!("{ongoing}\",\"kept\":\"visible\"}}");
    let all = begun.len() + ongoing.len();
    let http2 = format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x1a\x01\x04\0\0\0\x01{frame}");
    let texts = [
        (
            5,
            true,
            format!(
                "POST /login?lang=en&api_key={query} HTTP/1.1\r\nHost: login.test\r\nAuthorization: Bearer {auth}\r\nCookie: sid={cookie}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                form.len()
            ),
        ),
        (
            5,
            false,
            format!(
                "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
                json.len()
            ),
        ),
        (
            6,
            false,
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {all}\r\n\r\n{begun}"
            ),
        ),
        (6, false, ongoing),
        (7, true, http2),
        (
            8,
            true,
            format!(
                "POST /upload HTTP/1.1\r\nHost: files.test\r\nContent-Type: multipart/form-data; boundary=b\r\n\
             Content-Length: 30\r\n\r\n--b\r\n\r\n{part}"
            ),
        ),
        (
            9,
            true,
            "GET /plain HTTP/1.1\r\nHost: plain.test\r\n\r\n".to_owned(),
        ),
    ];
    let mut events: Vec<_> = (0..)
        .zip(texts)
        .map(|(place, (fd, written, text))| event(place, Probe::OpenSsl, fd, written, &text))
        .collect();
    let command = format!("TOKEN={shell} ./run --verbose");
    events.push(event(20, Probe::Bash(0), 0, false, &command));
    events
}

/// No piece of a secret is in these bytes.
#[track_caller]
fn check_gone(bytes: &[u8], place: &str) {
    for secret in SECRETS {
        for piece in secret.as_bytes().windows(6) {
            let piece = std::str::from_utf8(piece).unwrap();
            assert_eq!(
                memmem::find(bytes, piece.as_bytes()),
                None,
                "{piece} in {place}"
            );
        }
    }
}

/// Nothing that can be read of the capture has a secret.
#[track_caller]
fn check_capture(env: &TestEnv) {
    let db = env.db();
    for path in [db.clone(), beside(&db, "-wal")] {
        check_gone(
            &std::fs::read(&path).unwrap_or_default(),
            &path.display().to_string(),
        );
    }
    for event in events(&db) {
        check_gone(&event.payload, "a payload");
        check_gone(
            format!("{:?}{:?}", event.stored, event.envelope).as_bytes(),
            "an event",
        );
    }
    for args in [
        &["-o", "jsonl"][..],
        &["--exchanges", "-o", "jsonl"],
        &["export", "har"],
        &["export", "raw", "--events"],
        &["sql", "SELECT * FROM run_logs"],
        &["sql", "SELECT * FROM heads, paths"],
    ] {
        let shown = env.query(args);
        assert_ne!(shown.status, Some(2), "{}", shown.story());
        check_gone(&shown.stdout, &args.join(" "));
    }
}

fn check(release: Release, hex: bool) {
    let env = TestEnv::new();
    let (server, _) = server(|options| {
        options.release = release;
        options.hex = hex;
        options.heartbeat_every = Some(Duration::from_millis(200));
    });
    // It is sent to everybody who connects.
    server.log(&format!("password={} is no secret", SECRETS[2]));
    let recorder = Recorder::linked(&env, &server, ["--redact"]);
    play(&server, traffic());
    let said = recorder
        .stop()
        .exits(0)
        .says("secrets are replaced before anything is stored")
        .says("replaced ");
    assert!(said.text().is_empty());
    check_capture(&env);
    check_digests(&env.db());
    let known = env.events::<&str>([]);
    let facts = |of: fn(&Value) -> &Value| -> Vec<&Value> {
        known
            .iter()
            .map(of)
            .filter(|value| !value.is_null())
            .collect()
    };
    let hosts = facts(|event| &event["http"]["host"]);
    for host in ["login.test", "files.test", "plain.test"] {
        assert!(
            hosts.iter().any(|found| *found == host),
            "{host} of {release}: {hosts:?}"
        );
    }
    assert!(
        facts(|event| &event["http"]["status"]).len() >= 2,
        "{release}"
    );
    let all = known.iter().map(ToString::to_string).collect::<String>();
    for text in [
        "user=alice",
        "&next=yes",
        "\\\"user\\\":\\\"bob\\\"",
        "/login?lang=en&api_key=",
        "/plain",
    ] {
        assert!(all.contains(text), "{text} of {release} in {all}");
    }
    if release.dialect() != Dialect::Json {
        assert!(all.contains("./run --verbose"), "{all}");
    }
    let (secrets, opaque) = (
        copy(&env.db()).counter("redacted_secrets"),
        copy(&env.db()).counter("opaque_events"),
    );
    assert!(
        secrets >= 6 && opaque >= 1,
        "{secrets} {opaque} of {release}"
    );
    let marked = events(&env.db());
    let left_out = |event: &&crate::support::capture::Whole| {
        event
            .stored
            .event
            .provenance
            .contains(Provenance::REDACTED | Provenance::SHORTENED)
    };
    let bytes: u64 = marked
        .iter()
        .filter(left_out)
        .map(|event| event.stored.event.details.total_bytes.unwrap() - event.payload.len() as u64)
        .sum();
    assert_eq!(
        copy(&env.db()).counter("opaque_bytes"),
        i64::try_from(bytes).unwrap()
    );
    assert_eq!(
        marked.iter().filter(left_out).count(),
        usize::try_from(opaque).unwrap()
    );
}

#[test]
fn secrets_of_every_dialect_are_gone() {
    check(Dialect::Json.newest_release(), false);
    check(Dialect::Json.newest_release(), true);
    check(Release::new(1, 4, 3), false);
    check(Dialect::Fields.newest_release(), false);
    check(Dialect::Text.newest_release(), false);
    check(Dialect::Text.newest_release(), true);
}

/// The messages, and one that is none of eCapture's and can hold anything.
fn frames() -> Vec<Frame> {
    let messages = messages(&server_encoder(), traffic()).into_iter();
    messages
        .map(|message| message.bytes)
        .chain([Bytes::from(SECRETS[0])])
        .map(|message| frame(Opcode::Binary, message))
        .collect()
}

#[test]
fn an_import_is_redacted_and_told() {
    let env = TestEnv::new();
    let file = env.path("frames");
    save(&file, &frames());
    let key = env.path("key");
    std::fs::write(&key, [7; 32]).unwrap();
    let key = key.to_str().unwrap();
    env.import(
        &file,
        [
            "--redact",
            "--redact-key",
            key,
            "--redact-rule",
            "field:user",
        ],
    )
    .says("replaced ")
    .says("payloads that --redact cannot look into (");
    check_capture(&env);
    check_digests(&env.db());
    let all = env
        .events::<&str>([])
        .iter()
        .map(ToString::to_string)
        .collect::<String>();
    assert!(!all.contains("alice") && all.contains("visible"), "{all}");
    // The same secret under the same key is the same in both.
    let again = TestEnv::new();
    let file = again.path("frames");
    save(&file, &frames());
    again.import(
        &file,
        [
            "--redact",
            "--redact-key",
            key,
            "--redact-rule",
            "field:user",
        ],
    );
    let payloads = |env: &TestEnv| {
        events(&env.db())
            .into_iter()
            .map(|event| event.payload)
            .collect::<Vec<_>>()
    };
    assert_eq!(payloads(&again), payloads(&env));

    let redacted = env.events(["provenance == \"redacted\""]);
    let left_out = env.events(["provenance == \"redacted\" && truncated"]);
    assert!(!left_out.is_empty() && left_out.len() < redacted.len());
    assert_eq!(
        left_out[0]["provenance"],
        serde_json::json!(["shortened", "redacted"])
    );
    let whole = env.events(["not provenance == \"redacted\""]);
    assert!(whole.iter().any(|event| event["http"]["path"] == "/plain"));
    env.query(["pid == 99"])
        .exits(1)
        .says("1 recording replaced secrets, and left out what cannot be looked into (--redact)");
    let stats = env.query(["stats", "--output", "jsonl"]).exits(0).json();
    let recording = &stats[0]["recordings"][0];
    assert_eq!(recording["redaction_key"].as_str().unwrap().len(), 16);
    assert_eq!(recording["opaque_events"], left_out.len());
    assert_eq!(stats[0]["coverage"]["redacted_recordings"], 1);
    let text = env.query(["stats"]).exits(0);
    assert!(
        text.text().contains(" secrets replaced, "),
        "{}",
        text.story()
    );
    env.query(["verify"]).exits(0);
    // A subset of it says so too.
    let subset = env.path("subset.db");
    env.query(["export", "db", "--output", subset.to_str().unwrap()])
        .exits(0);
    assert_eq!(
        copy(&subset).number("SELECT redaction_key IS NOT NULL FROM recordings"),
        1
    );
}

/// The filter sees what was there; what it leaves out still belongs to what comes next.
#[test]
fn filters_see_what_was_there() {
    let env = TestEnv::new();
    let file = env.path("frames");
    save(&file, &frames());
    let filter = "payload matches \"^RW[A-Z]+RW\"";
    env.import(&file, ["--redact", "--filter", filter]);
    check_capture(&env);
    let stored = events(&env.db());
    // With what could not be read, which is kept whatever the filter says.
    assert_eq!(stored.len(), 2);
    let text = String::from_utf8_lossy(&stored[0].payload).into_owned();
    assert!(
        text.ends_with("\",\"kept\":\"visible\"}") && !text.starts_with('R'),
        "{text}"
    );
    assert!(stored[1].payload.is_empty());
}

/// What is known of a stream goes along into the next file.
#[test]
fn a_switch_of_files_loses_no_secret() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, ["--redact", "-b", "events:3"]);
    let mut all = Vec::new();
    for event in traffic() {
        play(&server, [event]);
    }
    recorder.stop().exits(0);
    for entry in std::fs::read_dir(env.path("db")).unwrap() {
        let path = entry.unwrap().path();
        check_gone(&std::fs::read(&path).unwrap(), &path.display().to_string());
        all.extend(events(&path).into_iter().map(|event| event.payload));
    }
    check_gone(&all.concat(), "payloads");
    assert!(memmem::find(&all.concat(), b"\",\"kept\":\"visible\"}").is_some());
}

#[test]
fn what_contradicts_it_is_refused() {
    let env = TestEnv::new();
    for (flags, words) in [
        (
            &["--save-frames", "f"][..],
            "--save-frames keeps frames as they are",
        ),
        (&["--keep-keys"], "--keep-keys keeps TLS secrets"),
        (&["--cmdline"], "--cmdline keeps arguments"),
    ] {
        let args = [&["--url", "ws://127.0.0.1:9/", "--redact"], flags].concat();
        run(env.with_db(RECORD, args))
            .exits(2)
            .says(words)
            .says("leave out one of them");
        assert!(!env.db().exists(), "{words}");
    }
}

/// A capture with all secrets, exported without them.
#[test]
fn an_export_is_redacted_as_well() {
    let env = TestEnv::new();
    let file = env.path("frames");
    save(&file, &frames());
    env.import::<&str>(&file, []);
    let all = env.query(["export", "jsonl", "--events"]).exits(0);
    assert!(memmem::find(&all.stdout, SECRETS[0].as_bytes()).is_some());
    for filter in [None, Some("pname == curl")] {
        for format in ["jsonl", "csv", "raw", "parquet", "pcapng"] {
            let args = ["export", format, "--events", "--redact"];
            let exported = env.query(args.into_iter().chain(filter)).exits(0);
            check_gone(&exported.stdout, format);
            if format != "parquet" {
                assert!(
                    memmem::find(&exported.stdout, b"login.test").is_some(),
                    "{format}"
                );
            }
            // What goes on from one event to the next can be looked at if nothing is missing.
            if format == "raw" {
                let goes_on = memmem::find(&exported.stdout, b"\",\"kept\":\"visible\"}").is_some();
                assert_eq!(goes_on, filter.is_none());
            }
        }
    }
    let lines = env
        .query(["export", "jsonl", "--events", "--redact"])
        .exits(0)
        .json();
    assert!(
        lines
            .iter()
            .any(|event| event["provenance"] == serde_json::json!(["redacted"]))
    );
    assert!(
        lines.iter().all(|event| event["length"].as_u64()
            >= event["payload"].as_str().map(|text| text.len() as u64))
    );
}
