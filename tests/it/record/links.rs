//! Links that end, eCaptures that start anew, and what is noted about both.

use bytes::Bytes;
use std::net::SocketAddr;

use super::{play, server};
use crate::stand_in::event::{Ends, GeneratedEvent, Probe};
use crate::stand_in::server::StandIn;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{copy, live};
use crate::support::env::TestEnv;
use crate::support::live::Recorder;
use crate::support::wait::{LONG, until_true};

fn event(probe: Probe, payload: &'static str) -> GeneratedEvent {
    let address = |text: &str| -> SocketAddr { text.parse().unwrap() };
    let tuple = (probe == Probe::Connect).then(|| Ends {
        initiator: address("10.0.0.1:4000"),
        acceptor: address("10.0.0.2:443"),
        local_is_initiator: true,
    });
    GeneratedEvent {
        offset_ns: 0,
        pid: 10,
        tid: 10,
        uid: 0,
        comm: Bytes::from_static(b"curl"),
        fd: 5,
        written: true,
        tuple,
        probe,
        payload: Bytes::from_static(payload.as_bytes()),
    }
}

fn wait_for_events(env: &TestEnv, count: i64) {
    until_true("events in the file", || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") == count
    });
}

fn wait_for_link(server: &StandIn, number: u64) {
    until_true("a new link", || server.handshakes().0 == number);
    assert!(server.wait_for_clients(1, LONG));
}

#[test]
fn a_lost_link_is_a_gap_and_a_new_run_a_new_beginning() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    let data = || event(Probe::OpenSsl, "hello");
    play(&server, [event(Probe::Connect, ""), data()]);
    wait_for_events(&env, 2);
    server.drop_clients();
    wait_for_link(&server, 2);
    play(&server, [data()]);
    wait_for_events(&env, 3);
    server.restart_run();
    wait_for_link(&server, 3);
    play(&server, [data()]);
    wait_for_events(&env, 4);
    recorder
        .stop()
        .exits(0)
        .says("the link ended (connection lost")
        .says("3 links, 2 gaps");
    assert!(!server.crashed());

    let copy = copy(&env.db());
    let ends = copy.texts("SELECT end_reason FROM links ORDER BY id");
    assert!(ends[0].starts_with("connection lost") && ends[1].starts_with("connection lost"));
    assert_eq!(ends[2], "stopped by us");
    assert_eq!(
        copy.texts("SELECT number FROM links WHERE ended_ns < connected_ns"),
        [""; 0]
    );
    let gaps = "SELECT COUNT(*) FROM gaps WHERE reason = 1 AND ended_ns - started_ns > 900000000";
    assert_eq!(
        copy.number(gaps),
        2,
        "a second passes before the next attempt"
    );
    assert_eq!(copy.number("SELECT COUNT(*) FROM gaps"), 2);
    // The log of each run once; the one that came again over the second link was there.
    assert_eq!(copy.number("SELECT COUNT(*) FROM runs"), 2);
    assert_eq!(copy.number("SELECT COUNT(*) FROM run_logs"), 26);
    assert_eq!(copy.counter("replayed_logs"), 13);

    let events = env.events::<&str>([]);
    let by_id = |id: i64| events.iter().find(|event| event["id"] == id).unwrap();
    for id in [2, 3] {
        assert_eq!(
            by_id(id)["client"],
            "10.0.0.1:4000",
            "a lost link ends no connection"
        );
        assert_eq!(by_id(id)["connection"], by_id(1)["connection"]);
        assert_eq!(by_id(id)["run"], by_id(1)["run"]);
    }
    assert!(
        by_id(4)["client"].is_null(),
        "a new run knows of no connection"
    );
    assert_ne!(by_id(4)["connection"], by_id(1)["connection"]);
    assert_ne!(by_id(4)["run"], by_id(1)["run"]);
    let stats = env.query(["stats"]).exits(0);
    assert!(
        stats.text().contains("not_connected") || stats.text().contains("not connected"),
        "{}",
        stats.story()
    );
}

#[test]
fn the_next_recording_knows_the_run_and_its_log() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    for _ in 0..2 {
        let recorder = Recorder::linked::<&str>(&env, &server, []);
        play(&server, Traffic::new(1, Corpus::Small).take(20));
        recorder.stop().exits(0);
    }
    let copy = copy(&env.db());
    assert_eq!(
        copy.number("SELECT COUNT(*) FROM recordings WHERE is_clean = 1"),
        2
    );
    assert_eq!(copy.number("SELECT COUNT(*) FROM sources"), 1);
    assert_eq!(copy.number("SELECT COUNT(*) FROM runs"), 1);
    assert_eq!(copy.number("SELECT COUNT(*) FROM run_logs"), 13);
    assert_eq!(copy.counter("replayed_logs"), 13);
    let ids = "SELECT COUNT(*) = MAX(id) FROM events";
    assert_eq!(copy.number(ids), 1, "ids go on where they were");
}

#[test]
fn time_without_an_ecapture_is_a_gap() {
    let env = TestEnv::new();
    let (first, _) = server(|_| {});
    let address = first.address();
    first.stop();
    let url = format!("ws://{address}/");
    let command = env.with_db(crate::support::env::RECORD, ["--url", url.as_str()]);
    let recorder = Recorder::spawn(command);
    recorder.wait_for("no eCapture yet");
    let (server, _) = server(|options| options.listen = address);
    recorder.wait_for("connected to eCapture");
    assert!(server.wait_for_clients(1, LONG));
    recorder.stop().exits(0).says("1 links, 1 gaps");
    assert_eq!(
        copy(&env.db()).number("SELECT COUNT(*) FROM gaps WHERE reason = 1"),
        1
    );
}
