//! What each release sends is recorded whole and in order.

use super::{messages, play, server};
use crate::stand_in::dialect::{Dialect, Release};
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{check_digests, copy, events};
use crate::support::env::TestEnv;
use crate::support::live::Recorder;
use std::time::Duration;

fn check(release: Release, hex: bool, count: usize) {
    let env = TestEnv::new();
    let (server, encoder) = server(|options| {
        options.release = release;
        options.hex = hex;
        // Some send none on connecting, and a recorder that stops waits for one.
        options.heartbeat_every = Some(Duration::from_millis(200));
    });
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    let traffic = || Traffic::new(u64::from(hex) + 7, Corpus::Realistic).take(count);
    play(&server, traffic());
    recorder
        .stop()
        .exits(0)
        .says(" 0 unreadable, 0 dropped by us")
        .says(" 1 links, 0 gaps");
    assert!(!server.crashed());
    let expected = messages(&encoder, traffic());
    let stored = events(&env.db());
    assert_eq!(stored.len(), expected.len(), "{release}");
    for (event, message) in stored.iter().zip(&expected) {
        assert!(
            event.frame() == message.bytes,
            "event {} of {release}",
            event.stored.id
        );
        assert_eq!(event.stored.event.form.opcode.code(), message.opcode);
    }
    check_digests(&env.db());
    let copy = copy(&env.db());
    let logs = copy.number("SELECT COUNT(*) FROM run_logs");
    assert_eq!((logs, copy.counter("stored_logs")), (logs, logs));
    assert!(logs >= 12);
    assert!(copy.counter("heartbeats") > 0);
    let received = copy.counter("received_frames");
    let expected = i64::try_from(stored.len()).unwrap()
        + logs
        + copy.counter("heartbeats")
        + copy.counter("destroyed_sockets");
    assert_eq!(received, expected, "every frame is accounted for");
}

#[test]
fn json_in_text_frames() {
    check(Release::new(1, 4, 0), false, 400);
    check(Dialect::Json.newest_release(), true, 300);
}

#[test]
fn filled_protobuf_and_its_holes() {
    check(Release::new(1, 4, 3), false, 300);
    check(Release::new(1, 5, 0), true, 300);
    check(Dialect::Fields.newest_release(), false, 400);
}

#[test]
fn text_in_protobuf() {
    check(Release::new(2, 1, 0), false, 300);
    check(Dialect::Text.newest_release(), false, 600);
    check(Dialect::Text.newest_release(), true, 400);
}

/// In 2.x a payload is what was read or written, so it can be compared with that.
#[test]
fn payloads_are_what_was_read_and_written() {
    for hex in [false, true] {
        let env = TestEnv::new();
        let (server, _) = server(|options| options.hex = hex);
        let recorder = Recorder::linked::<&str>(&env, &server, []);
        let traffic = || Traffic::new(3, Corpus::Realistic).only_tls().take(500);
        play(&server, traffic());
        recorder.stop().exits(0);
        let stored = events(&env.db());
        // GnuTLS sends nothing in 2.x.
        let sent: Vec<_> = traffic()
            .filter(|event| event.probe != crate::stand_in::event::Probe::GnuTls)
            .collect();
        assert_eq!(stored.len(), sent.len());
        for (event, sent) in stored.iter().zip(&sent) {
            assert!(event.payload == sent.payload, "event {}", event.stored.id);
            let process = &event.stored.event.process;
            assert_eq!((process.pid, process.tid), (Some(sent.pid), Some(sent.tid)));
            assert_eq!(event.stored.event.fd, Some(sent.fd));
        }
    }
}

#[test]
fn a_release_without_events_is_told_of() {
    let env = TestEnv::new();
    let (server, _) = server(|options| options.release = Dialect::LogsOnly.newest_release());
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    play(&server, Traffic::new(1, Corpus::Small).take(50));
    recorder.wait_for("sends no events");
    recorder
        .stop()
        .exits(0)
        .says("eCapture 2.0.1")
        .says("1.4.0 to 1.5.2 and 2.1.0 or newer do")
        .says("stored 0 events");
    env.query::<&str>([]).exits(1).says("holds no events");
}
