//! Events as packets, judged by tshark, which knows nothing of ecq.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use ecq::event::{ConnectionId, Content, Direction, Frame, Opcode, Provenance, Timestamp};
use ecq::export::pcapng::PcapngWriter;
use ecq::store::{Order, Reader};

use crate::support::capture::{Whole, events};
use crate::support::env::TestEnv;
use crate::support::frames::{data, frame, log_line, openssl, save, text_event, vectors};
use crate::support::skip::skip;

fn has_tshark() -> bool {
    let mut version = Command::new("tshark");
    let found = version
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let is_there = found.is_ok_and(|status| status.success());
    if !is_there {
        skip("packets as tshark reads them", "tshark is not installed");
    }
    is_there
}

/// What tshark says with its defaults, checksums verified, in its own empty home.
fn tshark(env: &TestEnv, args: &[&str]) -> String {
    let file = env.path("out.pcapng");
    let output = Command::new("tshark")
        .env("HOME", env.path(""))
        .args([
            "-o",
            "tcp.check_checksum:TRUE",
            "-o",
            "ip.check_checksum:TRUE",
        ])
        .arg("-r")
        .arg(file)
        .args(args)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn export(db: &Path, file: &Path) -> PcapngWriter {
    let reader = Reader::open(db).unwrap();
    let mut rows = reader.events(None, Order::OldestFirst, None).unwrap();
    let mut out = File::create(file).unwrap();
    let mut writer = PcapngWriter::new();
    while let Some(stored) = rows.next_event().unwrap() {
        let mut payload = reader.payload(&stored).unwrap();
        writer
            .write(&mut out, None, &stored, || {
                payload.next_piece().map_err(std::io::Error::other)
            })
            .unwrap();
    }
    writer.finish(&mut out).unwrap();
    out.flush().unwrap();
    writer
}

/// A stream as tshark follows it: what the client sent, and the server.
fn followed(env: &TestEnv, stream: usize) -> [Vec<u8>; 2] {
    let text = tshark(env, &["-q", "-z", &format!("follow,tcp,raw,{stream}")]);
    let mut sides = [Vec::new(), Vec::new()];
    for line in text
        .lines()
        .skip_while(|line| !line.starts_with("Node 1"))
        .skip(1)
    {
        if line.starts_with('=') {
            continue;
        }
        let side = usize::from(line.starts_with('\t'));
        sides[side].extend(
            line.trim()
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()),
        );
    }
    sides
}

/// What was written and read on each connection, one after another, in the order of the client's bytes.
fn expected(events: &[Whole]) -> Vec<[Vec<u8>; 2]> {
    let mut sorted: Vec<_> = events.iter().collect();
    sorted.sort_by_key(|event| (event.stored.event.time, event.stored.id));
    let mut connections: Vec<(_, [Vec<u8>; 2])> = Vec::new();
    for Whole {
        stored, payload, ..
    } in sorted
    {
        let key = stored
            .connection
            .map(ConnectionId::number)
            .ok_or(stored.stream);
        let at = connections
            .iter()
            .position(|(other, _)| *other == key)
            .unwrap_or_else(|| {
                connections.push((key, [Vec::new(), Vec::new()]));
                connections.len() - 1
            });
        let is_out = stored.event.direction == Some(Direction::Outbound);
        connections[at].1[usize::from(is_out)].extend(payload);
    }
    let mut sides: Vec<_> = connections.into_iter().map(|(_, sides)| sides).collect();
    sides.retain(|sides| sides.iter().any(|side| !side.is_empty()));
    sides
}

/// Whichever side is the client's.
fn unordered(streams: Vec<[Vec<u8>; 2]>) -> Vec<[Vec<u8>; 2]> {
    let mut streams: Vec<_> = streams
        .into_iter()
        .map(|mut sides| {
            sides.sort();
            sides
        })
        .collect();
    streams.sort();
    streams
}

/// Nothing that Wireshark warns of, in whole words: with its defaults it would color these packets.
fn check_warnings(env: &TestEnv, allowed: &[&str]) {
    for severity in ["error", "warn"] {
        let text = tshark(env, &["-q", "-z", &format!("expert,{severity}")]);
        let found: Vec<_> = text
            .lines()
            .map(str::trim_start)
            .filter(|line| line.starts_with(|first: char| first.is_ascii_digit()))
            .filter(|line| !allowed.iter().any(|allowed| line.contains(allowed)))
            .collect();
        assert!(found.is_empty(), "{text}");
    }
}

/// Each packet that has one of these fields, with all of them.
fn rows(env: &TestEnv, filter: &str, fields: &[&str]) -> Vec<String> {
    let mut args = vec!["-Y", filter, "-T", "fields"];
    for field in fields {
        args.extend(["-e", field]);
    }
    tshark(env, &args).lines().map(str::to_owned).collect()
}

#[test]
fn a_real_capture_in_tshark() {
    if !has_tshark() {
        return;
    }
    let env = TestEnv::new();
    env.import::<&str>(&data("real/ecapture-2.5.1-text.frames"), []);
    let writer = export(&env.db(), &env.path("out.pcapng"));
    let events = events(&env.db());
    let without = events.iter().filter(|event| event.payload.is_empty());
    assert_eq!(writer.skipped(), without.count() as u64);
    check_warnings(&env, &[]);

    let streams = expected(&events);
    let found: Vec<_> = (0..streams.len())
        .map(|stream| followed(&env, stream))
        .collect();
    assert!(unordered(found) == unordered(streams));

    let requests = rows(
        &env,
        "http.request",
        &["http.request.method", "http.request.uri"],
    );
    let mut expected: Vec<_> = events
        .iter()
        .filter(|event| event.stored.event.content == Content::Http1Request)
        .map(|event| {
            let http = event.stored.event.http.as_ref().unwrap();
            let part = |part: &Option<String>| part.clone().unwrap();
            format!("{}\t{}", part(&http.method), part(&http.path))
        })
        .collect();
    expected.sort();
    let mut found = requests;
    found.sort();
    assert_eq!(found, expected);
    // The body of the fourth response was lost.
    let statuses = rows(&env, "http.response", &["http.response.code"]);
    assert_eq!(statuses, ["200", "200", "200"]);
    let http2 = rows(
        &env,
        "http2.headers.method",
        &["http2.headers.method", "http2.headers.path"],
    );
    assert_eq!(
        http2,
        ["POST\t/index.json", "POST\t/index.json", "GET\t/big.txt"]
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one capture, and what is seen of it")]
fn true_ends_times_and_processes_in_tshark() {
    if !has_tshark() {
        return;
    }
    let env = TestEnv::new();
    let tuple =
        "PID:4711, Comm:curl, TID:4712, FD:5, Tuple: [192.168.1.10]:51514->[93.184.216.34]:443\n";
    let who = "PID:4711 TID:4712 Comm:curl FD:5";
    let event = |milli: u32, way: &str, payload: &[u8]| {
        frame(
            Opcode::Binary,
            openssl(
                &format!("2026-11-23 10:40:38.{milli:03}"),
                who,
                way,
                payload,
            ),
        )
    };
    let mut body =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n".to_vec();
    body.resize(body.len() + 100_000, b'x');
    let mut frames = vec![
        frame(
            Opcode::Binary,
            log_line(
                "{\"level\":\"info\",\"time\":\"2026-11-23T10:40:00Z\",\"message\":\"started\"}\n",
            ),
        ),
        frame(Opcode::Binary, text_event(tuple.as_bytes())),
        event(
            1,
            "WRITE",
            b"GET /a?b=1 HTTP/1.1\r\nHost: example.com\r\n\r\n",
        ),
    ];
    frames.extend(body.chunks(16_384).map(|piece| event(2, "READ", piece)));
    frames.push(event(
        3,
        "WRITE",
        b"DELETE /c HTTP/1.1\r\nHost: example.com\r\n\r\n",
    ));
    frames.push(event(
        4,
        "READ",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    ));
    for frame in &mut frames {
        frame.received = Timestamp::from_seconds(1_795_430_439);
    }
    import(&env, &frames);
    check_warnings(
        &env,
        &["Unencrypted HTTP protocol detected over encrypted port"],
    );
    let ends = ["ip.src", "tcp.srcport", "ip.dst", "tcp.dstport"];
    assert_eq!(
        rows(
            &env,
            "http.request",
            &[
                &ends[..],
                &[
                    "http.request.method",
                    "http.request.uri",
                    "http.host",
                    "frame.time_epoch"
                ]
            ]
            .concat()
        ),
        [
            "192.168.1.10\t51514\t93.184.216.34\t443\tGET\t/a?b=1\texample.com\t1795430438.001000000",
            "192.168.1.10\t51514\t93.184.216.34\t443\tDELETE\t/c\texample.com\t1795430438.003000000",
        ]
    );
    assert_eq!(
        rows(
            &env,
            "http.response",
            &[
                &ends[..],
                &[
                    "http.response.code",
                    "http.content_length",
                    "frame.time_epoch"
                ]
            ]
            .concat()
        ),
        [
            "93.184.216.34\t443\t192.168.1.10\t51514\t200\t100000\t1795430438.002000000",
            "93.184.216.34\t443\t192.168.1.10\t51514\t404\t0\t1795430438.004000000",
        ]
    );
    let comments = rows(&env, "http.request", &["frame.comment"]);
    assert!(
        comments[0].starts_with("pid 4711 tid 4712 curl fd 5 event "),
        "{comments:?}"
    );
    let [sent, received] = followed(&env, 0);
    assert!(sent.ends_with(b"DELETE /c HTTP/1.1\r\nHost: example.com\r\n\r\n"));
    assert!(received.starts_with(&body));
    let out = rows(&env, "http.request", &["frame.packet_flags_direction"]);
    assert_eq!(out, ["0x00000002", "0x00000002"]);
}

#[test]
fn what_every_release_sends_in_tshark() {
    if !has_tshark() {
        return;
    }
    let env = TestEnv::new();
    let frames: Vec<_> = vectors().into_iter().map(|vector| vector.frame).collect();
    import(&env, &frames);
    check_warnings(
        &env,
        &["Unencrypted HTTP protocol detected over encrypted port"],
    );
    let events = events(&env.db());
    let is_changed = |event: &Whole| {
        let provenance = event.stored.event.provenance;
        provenance.contains(Provenance::RESERIALIZED)
    };
    assert!(events.iter().any(is_changed));
    let statuses = events.iter().filter(|event| {
        event
            .stored
            .event
            .http
            .as_ref()
            .is_some_and(|http| http.status.is_some())
    });
    let responses = rows(&env, "http.response", &["http.response.code"]);
    assert_eq!(responses.len(), statuses.count());
}

fn import(env: &TestEnv, frames: &[Frame]) {
    let file = env.path("in.frames");
    save(&file, frames);
    env.import::<&str>(&file, []);
    export(&env.db(), &env.path("out.pcapng"));
}

/// What stands in place of secrets is as long, so that every length is still true.
#[test]
fn redacted_packets_in_tshark() {
    if !has_tshark() {
        return;
    }
    let env = TestEnv::new();
    let form = "user=alice&password=QXFORMPASSWORDQX";
    let json = "{\"user\":\"bob\",\"token\":\"QYJSONTOKENQY\",\"pin\":12345678}";
    let request = format!(
        "POST /login?api_key=RYQUERYPARAMETERRY HTTP/1.1\r\nHost: login.test\r\nAuthorization: Basic QVAUTHORIZATIONQVA=\r\n\
         Cookie: sid=QWCOOKIEQW\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let (first, second) = json.split_at(30);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n",
        first.len(),
        second.len()
    );
    let rest = format!("{second}\r\n0\r\n\r\n");
    let who = "PID:10 TID:10 Comm:curl FD:5";
    let connection = text_event(
        b"PID:10, Comm:curl, TID:10, FD:5, Tuple: [192.168.1.10]:51514->[93.184.216.34]:8080\n",
    );
    let pieces = [("WRITE", &request), ("READ", &answer), ("READ", &rest)];
    let messages = (0..).zip(pieces).map(|(second, (way, payload))| {
        let time = format!("2026-11-23 10:40:4{second}.000");
        openssl(&time, who, way, payload.as_bytes())
    });
    let frames: Vec<_> = std::iter::once(connection)
        .chain(messages)
        .map(|message| frame(Opcode::Binary, message))
        .collect();
    let file = env.path("frames");
    save(&file, &frames);
    env.import::<&str>(&file, []);
    let out = env.path("out.pcapng");
    let out = out.to_str().unwrap();
    env.query(["export", "pcapng", "--events", "--redact", "--output", out])
        .exits(0);
    check_warnings(&env, &[]);
    let bytes = std::fs::read(out).unwrap();
    for secret in [
        "FORMPASSWORD",
        "JSONTOKEN",
        "QUERYPARAMETER",
        "AUTHORIZATION",
        "COOKIEQW",
        "345678",
    ] {
        assert_eq!(
            memchr::memmem::find(&bytes, secret.as_bytes()),
            None,
            "{secret}"
        );
    }
    let fields = ["http.request.method", "http.host", "http.response.code"];
    let found = rows(&env, "http", &fields);
    assert_eq!(found, ["POST\tlogin.test\t", "\t\t200"]);
    let members = rows(&env, "json", &["json.member"]);
    assert_eq!(members, ["user,token,pin"]);
}
