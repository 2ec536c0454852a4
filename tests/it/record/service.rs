//! A recorder that is run as a service: what it tells a manager, a scraper, and a log.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;
use serde_json::Value;

use super::{messages, server};
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::live;
use crate::support::env::{RECORD, TestEnv};
use crate::support::live::Recorder;
use crate::support::wait::{LONG, until, until_true};

/// What is answered to a request, head and body.
pub(super) fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    write!(stream, "{request}\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Where the recorder says that its metrics are.
fn metrics_of(recorder: &Recorder) -> SocketAddr {
    until("the address of the metrics", || {
        let said = recorder.said();
        let (_, rest) = said.split_once("metrics are at http://")?;
        rest.split_once("/metrics")?.0.parse().ok()
    })
}

#[test]
fn metrics_are_what_happened() {
    let env = TestEnv::new();
    let (server, encoder) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, ["--metrics", "127.0.0.1:0"]);
    let address = metrics_of(&recorder);
    let sent = messages(&encoder, Traffic::new(1, Corpus::Small).take(200)).len();
    super::play(&server, Traffic::new(1, Corpus::Small).take(200));
    let of_source = |name: &str| format!("\necq_{name}{{source=\"{}\"}} ", server.url());
    let stored = format!("{}{sent}\n", of_source("stored_events_total"));
    let metrics = || ask(address, "GET /metrics HTTP/1.1");
    until_true("all events in the metrics", || metrics().contains(&stored));
    let answer = metrics();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n")
            && answer.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{answer}"
    );
    for line in [
        format!("{}1\n", of_source("linked")),
        format!("{}0\n", of_source("dropped_frames_total")),
    ] {
        assert!(answer.contains(&line), "no {line:?} in {answer}");
    }
    for line in [
        "\necq_uncommitted_events 0\n",
        "\necq_queue_bytes 0\n",
        "\necq_pruned_events_total 0\n",
        "\necq_wal_held_bytes 0\n",
        "\n# TYPE ecq_stored_events counter\n",
        "\n# UNIT ecq_received_bytes bytes\n",
        "\necq_capture_file_bytes{file=\"wal\"} ",
        "ecq_build_info{version=\"",
    ] {
        assert!(answer.contains(line), "no {line:?} in {answer}");
    }
    assert!(answer.ends_with("# EOF\n"), "{answer}");
    // Nothing else is there, and nothing can be changed.
    assert!(ask(address, "GET / HTTP/1.1").starts_with("HTTP/1.1 404 "));
    assert!(
        ask(address, "POST /metrics HTTP/1.1\r\nContent-Length: 0").starts_with("HTTP/1.1 405 ")
    );
    // Scrapers that never say anything take no room from those that do, nor from the recording.
    let idle: Vec<_> = (0..4)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    assert!(metrics().contains(&stored));
    drop(idle);
    recorder.stop().exits(0);
}

#[test]
fn an_address_that_is_taken_is_refused_before_anything_is_made() {
    let env = TestEnv::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    env.record(["--metrics", &address])
        .exits(2)
        .says("cannot serve metrics at")
        .says("--metrics");
    assert!(!env.db().exists());
    env.record(["--metrics", "somewhere"])
        .exits(2)
        .says("like 127.0.0.1:9464");
}

#[test]
fn a_signal_asks_where_it_stands() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    // Also where nothing else is said.
    let recorder = Recorder::start(&env, &server, ["--quiet"]);
    assert!(server.wait_for_clients(1, LONG));
    super::play(&server, Traffic::new(1, Corpus::Small).take(100));
    until_true("a commit", || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") > 0
    });
    until_true("the status", || {
        recorder.signal(Signal::USR1);
        recorder.said().contains("linked · ")
    });
    assert!(recorder.said().contains(" stored "), "{}", recorder.said());
    recorder.stop().exits(0);
}

/// `sd_notify(3)`: a datagram a message, a line a variable.
#[test]
fn a_service_manager_is_told() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let manager = UnixDatagram::bind(env.path("notify")).unwrap();
    manager.set_read_timeout(Some(LONG)).unwrap();
    let mut command = env.with_db::<&str>(RECORD, []);
    command
        .args(["--url", &server.url()])
        .env("NOTIFY_SOCKET", env.path("notify"))
        .env("WATCHDOG_USEC", "3000000");
    let recorder = Recorder::spawn(command);
    let mut told = Vec::new();
    let next = || {
        let mut buffer = [0; 1024];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    while !told.iter().any(|text: &String| text == "WATCHDOG=1\n") {
        told.push(next());
    }
    assert_eq!(told[0], "READY=1\n", "{told:?}");
    assert!(told[1].starts_with("STATUS="), "{told:?}");
    assert!(server.wait_for_clients(1, LONG));
    recorder.wait_for("connected to eCapture");
    recorder.interrupt();
    while next() != "STOPPING=1\n" {}
    recorder.end().exits(0);
}

#[test]
fn a_log_of_json_has_an_object_a_line() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, ["--log-format", "json"]);
    let run = recorder.stop().exits(0);
    let lines: Vec<Value> = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.len() > 2, "{}", run.stderr);
    for line in &lines {
        assert_eq!(line["program"], "ecq-record");
        let time = line["time"].as_str().unwrap();
        assert!(time.ends_with('Z') && time.len() == 30, "{time}");
    }
    assert!(
        lines
            .iter()
            .any(|line| line["level"] == "note" && line["message"] == "connected to eCapture")
    );
    // A failure as well.
    let run = env
        .record(["--log-format", "json", "--url", "http://x/"])
        .exits(2);
    let line: Value = serde_json::from_str(run.stderr.lines().next().unwrap()).unwrap();
    assert_eq!(line["level"], "error");
}

#[test]
fn the_doctor_touches_nothing() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let doctor = |args: &[&str]| {
        let url = server.url();
        let mut command = env.command(RECORD, ["doctor", "--url", &url]);
        command.arg("--db").arg(env.db()).args(args);
        crate::support::env::run(command)
    };
    let before = crate::support::folder::fingerprint(&env.path("db"));
    let run = doctor(&[]).exits(0);
    let port = server.address().port();
    for text in [
        "is not there yet and will be made".to_owned(),
        format!("listens at port {port}"),
        "are free of".to_owned(),
    ] {
        assert!(run.text().contains(&text), "{}", run.story());
    }
    assert_eq!(crate::support::folder::fingerprint(&env.path("db")), before);
    assert_eq!(server.handshakes(), (0, 0));

    let recorder = Recorder::linked::<&str>(&env, &server, []);
    let run = doctor(&[]).exits(1);
    assert!(
        run.text().contains("is being recorded to"),
        "{}",
        run.story()
    );
    recorder.stop().exits(0);
    let run = doctor(&[]).exits(0);
    assert!(run.text().contains("closed in order"), "{}", run.story());
    std::fs::set_permissions(env.db(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let run = doctor(&[]).exits(0);
    assert!(run.text().contains("chmod 600"), "{}", run.story());
    server.stop();
    let mut command = env.command(RECORD, ["doctor", "--url", "ws://127.0.0.1:1/", "--db"]);
    command.arg(env.path("nowhere/caps.db"));
    let run = crate::support::env::run(command).exits(1);
    assert!(
        run.text().contains("nobody listens at port 1"),
        "{}",
        run.story()
    );
    assert!(run.text().contains("is not there"), "{}", run.story());
}
