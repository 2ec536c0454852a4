//! Files of frames: saved, imported, cut off, imported again.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use ecq::event::{RecordingId, StoredEvent};

use super::{play, server};
use crate::stand_in::dialect::Dialect;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{Whole, check_digests, copy, events};
use crate::support::env::{RECORD, TestEnv, run};
use crate::support::folder::fingerprint;
use crate::support::frames::{data, real};
use crate::support::live::Recorder;
use crate::support::wait::{LONG, until_true};

/// All but which recording it was.
fn comparable(events: Vec<Whole>) -> Vec<(StoredEvent, Vec<u8>, ecq::event::Envelope)> {
    let strip = |event: Whole| {
        let stored = StoredEvent {
            recording: RecordingId::new(0),
            ..event.stored
        };
        (stored, event.payload, event.envelope)
    };
    events.into_iter().map(strip).collect()
}

#[test]
fn saved_frames_reproduce_a_recording_exactly() {
    for (dialect, hex) in [
        (Dialect::Text, false),
        (Dialect::Text, true),
        (Dialect::Fields, false),
    ] {
        let env = TestEnv::new();
        let (server, _) = server(|options| {
            options.release = dialect.newest_release();
            options.hex = hex;
        });
        let saved = env.path("saved");
        let recorder = Recorder::linked(&env, &server, ["--save-frames", saved.to_str().unwrap()]);
        play(&server, Traffic::new(1, Corpus::Realistic).take(300));
        server.drop_clients();
        until_true("a new link", || server.handshakes().0 == 2);
        assert!(server.wait_for_clients(1, LONG));
        play(&server, Traffic::new(2, Corpus::Realistic).take(300));
        recorder.stop().exits(0);
        assert_eq!(fs::metadata(&saved).unwrap().mode() & 0o777, 0o600);
        let recorded = comparable(events(&env.db()));

        let second = TestEnv::new();
        second
            .import::<&str>(&saved, [])
            .says("0 unreadable")
            .never_says("does not say when");
        let imported = comparable(events(&second.db()));
        assert_eq!(imported.len(), recorded.len());
        for (imported, recorded) in imported.iter().zip(&recorded) {
            assert_eq!(imported, recorded, "{dialect:?}");
        }
        let counters = "SELECT group_concat(line, '') FROM run_logs ORDER BY id";
        assert_eq!(
            copy(&second.db()).texts(counters),
            copy(&env.db()).texts(counters)
        );
        let links = "SELECT number || ' ' || last_frame_ns FROM links ORDER BY id";
        assert_eq!(
            copy(&second.db()).texts(links),
            copy(&env.db()).texts(links)
        );
        check_digests(&second.db());

        // An existing file is not overwritten.
        let args = ["--save-frames", saved.to_str().unwrap()];
        Recorder::start(&env, &server, args)
            .end()
            .exits(2)
            .says("saved");
    }
}

#[test]
fn a_file_is_imported_once_unless_asked_for() {
    let env = TestEnv::new();
    let file = data("real/ecapture-2.5.1-text.frames");
    env.import::<&str>(&file, []);
    let before = fingerprint(&env.path("db"));
    let again = |args: &[&str]| {
        let mut command = env.with_db(RECORD, args);
        command.arg("--import").arg(&file);
        run(command)
    };
    again(&[])
        .exits(2)
        .says("was imported before, as recording 1");
    assert_eq!(
        fingerprint(&env.path("db")),
        before,
        "nothing changes in a file that is refused"
    );
    again(&["--again"]).exits(0);
    let copy = copy(&env.db());
    assert_eq!(copy.number("SELECT COUNT(*) FROM recordings"), 2);
    assert_eq!(copy.number("SELECT COUNT(*) FROM events"), 2 * 53);
    assert_eq!(copy.number("SELECT COUNT(*) = MAX(id) FROM events"), 1);
    // Two imports are two runs: a connection of one is none of the other.
    assert_eq!(copy.number("SELECT COUNT(DISTINCT run_id) FROM streams"), 2);
}

#[test]
fn a_file_that_ends_in_the_middle_of_a_frame_is_kept_up_to_there() {
    let env = TestEnv::new();
    let bytes = fs::read(data("real/ecapture-2.5.1-text.frames")).unwrap();
    let file = env.path("cut.frames");
    fs::write(&file, &bytes[..bytes.len() - 10]).unwrap();
    let last = real("ecapture-2.5.1-text").last().unwrap().len() + 4;
    env.import::<&str>(&file, [])
        .says("are no whole frame")
        .says(&format!("the last {} bytes of the file", last - 10));
    let frames = i64::try_from(real("ecapture-2.5.1-text").len()).unwrap();
    assert_eq!(copy(&env.db()).counter("received_frames"), frames - 1);
}

#[test]
fn a_file_that_is_damaged_in_the_middle_is_kept_up_to_there() {
    let env = TestEnv::new();
    let mut bytes = fs::read(data("real/ecapture-2.5.1-text.frames")).unwrap();
    // A length that cannot be one, where the last frame should begin.
    let last = real("ecapture-2.5.1-text").last().unwrap().len() + 4;
    let at = bytes.len() - last;
    bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let file = env.path("damaged.frames");
    fs::write(&file, bytes).unwrap();
    let mut command = env.with_db::<&str>(RECORD, []);
    command.arg("--import").arg(&file);
    run(command)
        .exits(2)
        .says("the 52 events before that are in the capture");
    assert_eq!(copy(&env.db()).number("SELECT COUNT(*) FROM events"), 52);
    assert_eq!(copy(&env.db()).counter("is_clean"), 1);
}

#[test]
fn a_bare_file_is_received_when_one_says() {
    let env = TestEnv::new();
    let file = data("real/ecapture-2.5.1-text.frames");
    env.import(&file, ["--received-at", "2026-01-02T03:04:05Z"])
        .says("2026-01-02T03:04:05");
    let events = env.events::<&str>([]);
    assert_eq!(events[0]["received"], "2026-01-02T03:04:05.000000000Z");
    assert_eq!(copy(&env.db()).counter("is_received_estimated"), 1);
    // Times in the events themselves are not judged by a time that is only a stand-in.
    let plain = TestEnv::new();
    plain.import::<&str>(&file, []);
    let times = |events: &[serde_json::Value]| -> Vec<_> {
        events
            .iter()
            .map(|event| event["time"].to_string())
            .collect()
    };
    assert_eq!(times(&events), times(&plain.events::<&str>([])));
    let mut command = env.with_db(RECORD, ["--again", "--received-at", "some day"]);
    command.arg("--import").arg(&file);
    run(command).exits(2).says("--received-at");
}

#[test]
fn what_is_no_file_of_frames_is_refused() {
    let env = TestEnv::new();
    let file = env.path("words");
    fs::write(&file, "these are words, and no frames at all\n").unwrap();
    for file in [file, env.path("missing"), env.path("home")] {
        let mut command = env.with_db(RECORD, ["--received-at", "now"]);
        command.arg("--import").arg(&file);
        run(command).exits(2).says(&file.display().to_string());
    }
}
