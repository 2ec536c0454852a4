//! Several eCaptures into one capture.

use std::ffi::OsStr;
use std::process::Command;

use ecq::event::RecordingId;
use serde_json::Value;

use super::ring::{check_each, files};
use super::{messages, play, server};
use crate::stand_in::dialect::{Dialect, Encoder, Message};
use crate::stand_in::event::GeneratedEvent;
use crate::stand_in::options::Options;
use crate::stand_in::server::StandIn;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{Whole, check_digests, copy, events, live};
use crate::support::env::{RECORD, TestEnv, run};
use crate::support::folder::names;
use crate::support::live::Recorder;
use crate::support::wait::{LONG, until_true};

/// How many messages a stand-in keeps for a client that is not quick enough for its rate.
const ROOM: usize = 10_000;

/// A recorder of these sources, ready to be run.
fn command<S: AsRef<OsStr>>(
    env: &TestEnv,
    sources: &[(&str, &StandIn)],
    args: impl IntoIterator<Item = S>,
) -> Command {
    let mut command = env.with_db(RECORD, args);
    for (name, server) in sources {
        command.arg("--url").arg(format!("{name}={}", server.url()));
    }
    command
}

/// Starts one, and waits until all are linked.
fn linked<S: AsRef<OsStr>>(
    env: &TestEnv,
    sources: &[(&str, &StandIn)],
    args: impl IntoIterator<Item = S>,
) -> Recorder {
    let recorder = Recorder::spawn(command(env, sources, args));
    for (name, server) in sources {
        recorder.wait_for(&format!("{name}: connected to eCapture"));
        assert!(server.wait_for_clients(1, LONG));
    }
    recorder
}

fn old(change: impl FnOnce(&mut Options)) -> (StandIn, Encoder) {
    server(|options| {
        options.release = Dialect::Fields.newest_release();
        change(options);
    })
}

fn traffic(seed: u64, count: usize) -> impl Iterator<Item = GeneratedEvent> {
    Traffic::new(seed, Corpus::Small).take(count)
}

fn wait_for_events(env: &TestEnv, source: &str, count: usize) {
    let sql = format!(
        "SELECT COUNT(*) FROM events AS e JOIN streams AS s ON s.id = e.stream_id JOIN runs AS r ON r.id = s.run_id
         JOIN sources AS so ON so.id = r.source_id WHERE so.name = '{source}'"
    );
    until_true("events in the file", || {
        usize::try_from(live(&env.db()).number(&sql)).unwrap() == count
    });
}

/// The events of a source, as frames, are these messages.
#[track_caller]
fn check_source(env: &TestEnv, source: &str, recording: i64, expected: &[Message]) {
    let all = events(&env.db());
    let ids: Vec<_> = env
        .events([format!("source == \"{source}\"")])
        .iter()
        .map(|event| {
            assert_eq!(event["recording"], recording, "{event}");
            event["id"].as_i64().unwrap()
        })
        .collect();
    assert_eq!(ids.len(), expected.len(), "{source}");
    let mut of_source: Vec<_> = all
        .iter()
        .filter(|event| ids.contains(&event.stored.id.number()))
        .collect();
    of_source.sort_by_key(|event| event.stored.id);
    for (event, message) in of_source.iter().zip(expected) {
        assert_eq!(event.frame(), message.bytes, "{source}");
        assert_eq!(event.stored.recording, RecordingId::new(recording));
    }
}

#[test]
fn two_dialects_at_once_of_which_one_dies_and_comes_back() {
    let env = TestEnv::new();
    let (web, web_encoder) = server(|options| {
        options.zone_seconds = 7200;
        options.queue = ROOM;
    });
    let (first, old_encoder) = old(|options| options.queue = ROOM);
    let recorder = linked::<&str>(&env, &[("web", &web), ("old", &first)], []);
    std::thread::scope(|scope| {
        scope.spawn(|| web.play(traffic(1, 400), Some(800.0)));
        scope.spawn(|| first.play(traffic(2, 200), Some(400.0)));
    });
    let of_old = messages(&old_encoder, traffic(2, 200));
    wait_for_events(&env, "old", of_old.len());
    let address = first.address();
    first.stop();
    recorder.wait_for("old: the link ended");
    play(&web, traffic(3, 100));
    let (second, _) = old(|options| options.listen = address);
    until_true("the second link", || {
        recorder
            .said()
            .matches("old: connected to eCapture")
            .count()
            == 2
    });
    assert!(second.wait_for_clients(1, LONG));
    play(&second, traffic(4, 50));
    recorder
        .stop()
        .exits(0)
        .says("web: received ")
        .says("3 links, 1 gaps")
        .says(" 1 links, 0 gaps")
        .says(" 2 links, 1 gaps");
    assert!(!web.crashed() && !second.crashed());

    check_digests(&env.db());
    let mut expected = messages(&web_encoder, traffic(1, 400));
    expected.extend(messages(&web_encoder, traffic(3, 100)));
    check_source(&env, "web", 1, &expected);
    let mut expected = of_old;
    expected.extend(messages(&old_encoder, traffic(4, 50)));
    check_source(&env, "old", 2, &expected);

    // The ids are the order of arrival, whatever it was of.
    let all = events(&env.db());
    let in_order = all.windows(2).all(|pair| {
        pair[1].stored.id.number() == pair[0].stored.id.number() + 1
            && pair[1].stored.event.received >= pair[0].stored.event.received
    });
    assert!(in_order);
    let switches = all
        .windows(2)
        .filter(|pair| pair[0].stored.recording != pair[1].stored.recording)
        .count();
    assert!(switches > 10, "they came mixed: {switches}");

    let copy = copy(&env.db());
    assert_eq!(copy.texts("PRAGMA foreign_key_check"), [""; 0]);
    let zones = "SELECT so.name || ' ' || r.zone_offset_seconds FROM runs AS r JOIN sources AS so ON so.id = r.source_id
         ORDER BY r.id";
    let mut zones = copy.texts(zones);
    zones.sort();
    zones.dedup();
    assert_eq!(zones, ["old 0", "web 7200"]);
    let shared = "SELECT COUNT(*) FROM (SELECT s.connection_id FROM streams AS s JOIN runs AS r ON r.id = s.run_id
         WHERE s.connection_id IS NOT NULL GROUP BY s.connection_id HAVING COUNT(DISTINCT r.source_id) > 1)";
    assert_eq!(copy.number(shared), 0, "no connection is of two sources");
    check_told(&env);
}

fn check_told(env: &TestEnv) {
    let stats = env.query(["stats", "--output", "jsonl"]).exits(0).json();
    let stats = &stats[0];
    let told: Vec<_> = stats["recordings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|recording| {
            let text = |name: &str| recording[name].as_str().unwrap().to_owned();
            (text("source"), text("url"), text("ecapture_version"))
        })
        .collect();
    assert_eq!(told.len(), 2);
    assert_eq!((told[0].0.as_str(), told[1].0.as_str()), ("web", "old"));
    assert!(told[0].1.starts_with("ws://127.0.0.1:"));
    assert!(told[0].2.contains("2.5.1"), "{told:?}");
    assert!(told[1].2.contains("1.5.2"), "{told:?}");
    let gaps = stats["gaps"].as_array().unwrap();
    assert_eq!((gaps.len(), &gaps[0]["source"]), (1, &Value::from("old")));

    let sources = stats["coverage"]["sources"].as_array().unwrap();
    let up = |place: usize| sources[place]["link_up_seconds"].as_f64().unwrap();
    assert_eq!(
        (&sources[0]["name"], &sources[1]["name"]),
        (&"old".into(), &"web".into())
    );
    assert!(up(0) + 0.5 < up(1), "{sources:?}");
    assert_eq!(
        (&sources[0]["gaps"], &sources[1]["gaps"]),
        (&1.into(), &0.into())
    );
    // One that was up does not stand for the other.
    env.query(["pid == 1"])
        .exits(1)
        .says("(old, 1 gap) and ")
        .says("(web, no known gap), 1 gap in all");
    let text = env.query(["stats"]).exits(0);
    assert!(
        text.text().contains("not_connected (old)"),
        "{}",
        text.story()
    );
    assert!(
        text.text().contains("  1  web (ws://127.0.0.1:"),
        "{}",
        text.story()
    );
}

#[test]
fn all_of_them_go_on_in_the_next_files() {
    let env = TestEnv::new();
    let (web, web_encoder) = server(|options| options.zone_seconds = 7200);
    let (old, old_encoder) = old(|_| {});
    let recorder = linked(&env, &[("web", &web), ("old", &old)], ["-b", "events:100"]);
    let of_web = messages(&web_encoder, traffic(1, 300));
    let of_old = messages(&old_encoder, traffic(2, 200));
    std::thread::scope(|scope| {
        scope.spawn(|| play(&web, traffic(1, 300)));
        scope.spawn(|| play(&old, traffic(2, 200)));
    });
    let all = of_web.len() + of_old.len();
    until_true("all of it", || {
        recorder.said().matches("goes on in").count() >= all / 100
    });
    recorder.stop().exits(0).says("2 links, 0 gaps");

    let written = files(&env);
    assert_eq!(written.len(), all / 100 + 1);
    check_each(&env, &written);
    let mut stored = [Vec::new(), Vec::new()];
    for file in &written {
        let copy = copy(file);
        // Both are there in each file, with what is known of them.
        let zones = "SELECT so.name || ' ' || r.zone_offset_seconds FROM runs AS r JOIN sources AS so ON so.id = r.source_id
             ORDER BY so.name";
        assert_eq!(copy.texts(zones), ["old 0", "web 7200"]);
        for event in events(file) {
            let recording = event.stored.recording.number();
            let source = format!(
                "SELECT so.name FROM recordings AS r JOIN sources AS so ON so.id = r.source_id WHERE r.id = {recording}"
            );
            stored[usize::from(copy.texts(&source) == ["old"])].push(event);
        }
    }
    for (stored, sent) in stored.iter().zip([of_web, of_old]) {
        assert_eq!(stored.len(), sent.len());
        assert!(
            stored
                .iter()
                .zip(&sent)
                .all(|(event, message)| event.frame() == message.bytes)
        );
    }
}

#[test]
fn one_that_is_slow_and_one_that_is_absent_hold_up_no_other() {
    let env = TestEnv::new();
    let (quick, encoder) = server(|_| {});
    let (slow, slow_encoder) = old(|options| {
        options.first_heartbeat_after = std::time::Duration::from_millis(1500);
    });
    let (absent, _) = server(|_| {});
    let address = absent.address();
    absent.stop();
    let mut command = command::<&str>(&env, &[("quick", &quick), ("slow", &slow)], []);
    command.arg("--url").arg(format!("absent=ws://{address}/"));
    let recorder = Recorder::spawn(command);
    recorder.wait_for("absent: no eCapture yet");
    recorder.wait_for("quick: connected to eCapture");
    recorder.wait_for("slow: connected to eCapture");
    assert!(quick.wait_for_clients(1, LONG) && slow.wait_for_clients(1, LONG));
    std::thread::scope(|scope| {
        scope.spawn(|| slow.play(traffic(2, 20), Some(10.0)));
        quick.play(traffic(1, 2000), None);
        let expected = messages(&encoder, traffic(1, 2000)).len();
        wait_for_events(&env, "quick", expected);
    });
    assert!(slow.wait_for_empty_queues(LONG));
    recorder
        .stop()
        .exits(0)
        .says("absent: received 0 frames")
        .says("0 links, 1 gaps");
    assert!(!quick.crashed() && !slow.crashed());
    check_source(&env, "quick", 1, &messages(&encoder, traffic(1, 2000)));
    check_source(&env, "slow", 2, &messages(&slow_encoder, traffic(2, 20)));
    let stats = env.query(["stats", "--output", "jsonl"]).exits(0).json();
    let sources = &stats[0]["coverage"]["sources"];
    assert_eq!(sources[0]["name"], "absent");
    assert_eq!(sources[0]["link_up_seconds"], 0.0);
    env.query(["pid == 1"])
        .exits(1)
        .says("link up 0 s of ")
        .says(" (absent, 1 gap)");
}

#[test]
fn the_next_recording_knows_the_run_of_each() {
    let env = TestEnv::new();
    let (web, encoder) = server(|_| {});
    let (old, old_encoder) = old(|_| {});
    let sources = [("web", &web), ("old", &old)];
    linked::<&str>(&env, &sources, []).stop().exits(0);
    // In another order, and killed.
    let recorder = linked::<&str>(&env, &[("old", &old), ("web", &web)], []);
    play(&web, traffic(1, 20));
    play(&old, traffic(2, 20));
    wait_for_events(&env, "web", messages(&encoder, traffic(1, 20)).len());
    wait_for_events(&env, "old", messages(&old_encoder, traffic(2, 20)).len());
    recorder.kill();
    let recorder = linked::<&str>(&env, &sources, []);
    recorder.wait_for("recording 3 ended without a word");
    recorder.wait_for("recording 4 ended without a word");
    recorder.stop().exits(0);
    let copy = copy(&env.db());
    assert_eq!(copy.number("SELECT COUNT(*) FROM sources"), 2);
    assert_eq!(copy.number("SELECT COUNT(*) FROM runs"), 2);
    let led = "SELECT GROUP_CONCAT(lead_id, ' ') FROM recordings";
    assert_eq!(copy.texts(led), ["1 1 3 3 5 5"]);
    let unclean = "SELECT COUNT(DISTINCT recording_id) FROM gaps WHERE reason = 5";
    assert_eq!(copy.number(unclean), 2);
    for (source, recording) in [("old", 3), ("web", 4)] {
        for event in env.events([format!("source == {source}")]) {
            assert_eq!(event["recording"], recording);
        }
    }
}

#[test]
fn a_recorder_may_be_told_to_store_only_one_source() {
    let env = TestEnv::new();
    let (web, encoder) = server(|_| {});
    let (old, old_encoder) = old(|_| {});
    let sources = [("web", &web), ("old", &old)];
    let recorder = linked(&env, &sources, ["--filter", "source == \"web\""]);
    play(&old, traffic(2, 50));
    play(&web, traffic(1, 50));
    play(&old, traffic(3, 50));
    recorder.stop().exits(0);
    check_source(&env, "web", 1, &messages(&encoder, traffic(1, 50)));
    let copy = copy(&env.db());
    assert_eq!(copy.counter("stored_events"), 0);
    let left_out = messages(&old_encoder, traffic(2, 50).chain(traffic(3, 50)));
    assert_eq!(
        usize::try_from(copy.counter("filtered_events")).unwrap(),
        left_out.len()
    );
    assert!(copy.counter("filtered_bytes") > 1000);
    check_digests(&env.db());
}

#[test]
fn frames_are_saved_apart_and_give_each_source_again() {
    let env = TestEnv::new();
    let (web, encoder) = server(|options| options.queue = ROOM);
    let (old, old_encoder) = old(|options| options.queue = ROOM);
    let saved = env.path("saved");
    let recorder = linked(
        &env,
        &[("web", &web), ("old", &old)],
        ["--save-frames", saved.to_str().unwrap()],
    );
    recorder.wait_for("web: frames go to ");
    std::thread::scope(|scope| {
        scope.spawn(|| web.play(traffic(1, 100), Some(400.0)));
        scope.spawn(|| old.play(traffic(2, 100), Some(400.0)));
    });
    assert!(web.wait_for_empty_queues(LONG) && old.wait_for_empty_queues(LONG));
    recorder.stop().exits(0);
    assert!(!saved.exists());
    for (name, expected) in [
        ("saved.web", messages(&encoder, traffic(1, 100))),
        ("saved.old", messages(&old_encoder, traffic(2, 100))),
    ] {
        let other = TestEnv::new();
        other
            .import::<&str>(&env.path(name), [])
            .says(" 0 unreadable");
        let frames: Vec<_> = events(&other.db()).iter().map(Whole::frame).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|message| message.bytes.to_vec())
            .collect();
        assert_eq!(frames, expected, "{name}");
    }
}

/// A subset keeps what was recorded beside what was chosen, so that it can say when nobody listened.
#[test]
fn a_subset_of_one_source_keeps_the_recording_of_the_other() {
    let env = TestEnv::new();
    let (web, _) = server(|_| {});
    let (old, _) = old(|_| {});
    let recorder = linked::<&str>(&env, &[("web", &web), ("old", &old)], []);
    play(&web, traffic(1, 30));
    play(&old, traffic(2, 30));
    recorder.stop().exits(0);
    let part = TestEnv::new();
    env.query([
        OsStr::new("export"),
        OsStr::new("db"),
        OsStr::new("source == \"old\""),
        OsStr::new("--output"),
        part.db().as_os_str(),
    ])
    .exits(0);
    let whole = env.events(["source == old"]);
    assert!(whole.len() > 10);
    assert_eq!(part.events::<&str>([]), whole);
    assert_eq!(part.events(["source == old"]).len(), whole.len());
    check_digests(&part.db());
    let copy = copy(&part.db());
    assert_eq!(copy.texts("PRAGMA foreign_key_check"), [""; 0]);
    assert_eq!(
        copy.texts("SELECT name FROM sources ORDER BY id"),
        ["web", "old"]
    );
    assert_eq!(copy.number("SELECT COUNT(*) FROM recordings"), 2);
}

#[test]
fn what_cannot_be_several_sources_is_refused_before_anything_is_made() {
    let env = TestEnv::new();
    for (urls, words) in [
        (
            ["a=ws://127.0.0.1:9/", "a=ws://127.0.0.1:8/"],
            "a is given twice",
        ),
        (
            ["a=ws://127.0.0.1:9/", "b=ws://127.0.0.1:9/"],
            "b is given twice",
        ),
        (
            ["a=ws://127.0.0.1:9/", "b=http://127.0.0.1/"],
            "must begin with ws:// or wss://",
        ),
        (
            ["a=ws://127.0.0.1:9/", "b c=ws://h/"],
            "is no name of a source",
        ),
        (
            ["a=ws://127.0.0.1:9/", "ws://me:s3cret@h/"],
            "has a user name or password in it",
        ),
    ] {
        let mut command = env.with_db::<&str>(RECORD, []);
        for url in urls {
            command.args(["--url", url]);
        }
        run(command).exits(2).says(words).never_says("s3cret@h: ");
    }
    assert!(names(&env.path("db")).is_empty());
}
