//! How much of the time was recorded: said when nothing is found, and on request.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ecq::event::{Frame, Opcode, Timestamp};
use ecq::store::{Reader, Watch};
use rusqlite::{Connection, params};

use super::FIRST;
use crate::stand_in::dialect::Dialect;
use crate::stand_in::options::Options;
use crate::stand_in::server::StandIn;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::live;
use crate::support::env::TestEnv;
use crate::support::frames::{frame, log_line, save, text_event};
use crate::support::live::Recorder;
use crate::support::wait::until_true;

/// So many seconds after the first frame.
fn at(seconds: i64) -> Timestamp {
    FIRST.plus_nanos(seconds * 1_000_000_000)
}

fn shell(link: u32, seconds: i64) -> Frame {
    let text = b"PID:1200, UID:1000, Comm:bash, Retvalue:3, Line:\nls\n";
    Frame {
        link,
        received: at(seconds),
        ..frame(Opcode::Binary, text_event(text))
    }
}

fn log(link: u32, seconds: i64, fields: &str) -> Frame {
    let line = format!(
        "{{\"level\":\"info\",\"time\":\"{}\",{fields}}}\n",
        at(seconds)
    );
    Frame {
        link,
        received: at(seconds),
        ..frame(Opcode::Binary, log_line(&line))
    }
}

/// Two imports: 0 s to 10 s and 20 s to 30 s of eCapture 2.5.1, and 25 s to 40 s of 1.5.2.
fn imported() -> TestEnv {
    let env = TestEnv::new();
    let new = [
        log(
            1,
            0,
            r#""Version":"linux_amd64:v2.5.1-20260621-5ccbc23:6.8.0""#,
        ),
        shell(1, 1),
        shell(1, 10),
        shell(2, 20),
        shell(2, 30),
    ];
    let old = [
        log(1, 25, r#""Version":"linux_amd64:v1.5.2:6.8.0""#),
        log(1, 26, r#""lostSamples":7"#),
        log(1, 39, r#""lostSamples":5"#),
        log(1, 39, r#""lostSamples":"many""#),
        shell(1, 40),
    ];
    for (name, frames) in [("new", &new), ("old", &old)] {
        let file = env.path(name);
        save(&file, frames);
        env.import::<&str>(&file, []).says(" 0 unreadable");
    }
    env
}

fn flag(name: &str, seconds: i64) -> [String; 2] {
    [name.to_owned(), at(seconds).to_string()]
}

/// What is said when nothing is found in a period.
#[track_caller]
fn check(env: &TestEnv, since: Option<i64>, until: Option<i64>, expected: &str) {
    let mut args = vec!["--pname".to_owned(), "nobody".to_owned()];
    args.extend(since.into_iter().flat_map(|since| flag("--since", since)));
    args.extend(until.into_iter().flat_map(|until| flag("--until", until)));
    let run = env.query(args).exits(1);
    assert_eq!(run.stderr, format!("ecq-query: 0 matches; {expected}\n"));
}

#[test]
fn links_that_overlap_count_once() {
    let env = imported();
    check(
        &env,
        None,
        None,
        "link up 30 s of 40 s, 1 gap; eCapture 1.5.2 reports losses in the kernel only in the log: 12 samples; other \
         losses inside eCapture 1.5.2 and 2.5.1 are not reported by them and can be large",
    );
}

#[test]
fn only_the_period_counts() {
    let env = imported();
    let new = "losses inside eCapture 2.5.1 are not reported by it and can be large";
    check(
        &env,
        None,
        Some(24),
        &format!("link up 14 s of 24 s, 1 gap; {new}"),
    );
    check(
        &env,
        Some(2),
        Some(9),
        &format!("link up 7 s of 7 s, no known gap; {new}"),
    );
    check(
        &env,
        Some(31),
        Some(38),
        "link up 7 s of 7 s, no known gap; eCapture 1.5.2 reports losses in the kernel only in the log: 0 samples; other \
         losses inside eCapture 1.5.2 are not reported by it and can be large",
    );
    // No link, so eCapture has nothing to do with it.
    check(&env, Some(12), Some(18), "link up 0 s of 6 s, 1 gap");
}

#[test]
fn time_outside_of_recordings_is_named() {
    let env = imported();
    check(
        &env,
        Some(-60),
        Some(5),
        "link up 5 s of 1 m 5 s, no known gap; nothing was recorded before 2026-11-23 10:51:40 +00:00; losses inside \
         eCapture 2.5.1 are not reported by it and can be large",
    );
    env.query(["--since", "10m"])
        .exits(1)
        .says("nothing since ")
        .says("; link up 0 s of 10 m, no known gap; nothing was recorded after 2026-11-23 10:52:20 +00:00\n")
        .says("--relative-to last");
}

/// Of the gaps, those that touch the period; the recording's totals are of another length.
#[test]
fn dropped_frames_are_those_of_the_period() {
    let env = imported();
    let db = Connection::open(env.db()).unwrap();
    db.execute(
        "UPDATE recordings SET dropped_frames = 999, is_clean = 0 WHERE id = 1",
        [],
    )
    .unwrap();
    for (from, to, frames) in [(2, 4, 300), (9, 10, 10), (25, 27, 600)] {
        db.execute(
            "INSERT INTO gaps (recording_id, reason, started_ns, ended_ns, frames) VALUES (1, 2, ?1, ?2, ?3)",
            params![at(from).as_nanos(), at(to).as_nanos(), frames],
        )
        .unwrap();
    }
    drop(db);
    check(
        &env,
        Some(3),
        Some(9),
        "link up 6 s of 6 s, 2 gaps; 1 recording ended without a word; 310 frames dropped by us; losses inside eCapture \
         2.5.1 are not reported by it and can be large",
    );
}

#[test]
fn it_can_be_asked_for() {
    let env = imported();
    let table = env.query(["--coverage"]).exits(0);
    let said = "ecq-query: link up 30 s of 40 s, 1 gap; eCapture 1.5.2";
    assert!(table.stderr.starts_with(said), "{}", table.story());
    let quiet = env.query(["--coverage", "--quiet"]).exits(0);
    assert_eq!(quiet.stderr, "");

    let lines = env
        .query(["--coverage", "-o", "jsonl", "--until", &at(5).to_string()])
        .exits(0)
        .never_says("link up")
        .json();
    assert_eq!(lines.len(), 2);
    let coverage = &lines[1]["coverage"];
    assert_eq!(coverage["started"], "2026-11-23T10:51:40.000000000Z");
    assert_eq!(coverage["ended"], "2026-11-23T10:51:45.000000000Z");
    assert_eq!(coverage["link_up_seconds"], 5.0);
    assert_eq!(coverage["ecapture_releases"], serde_json::json!(["2.5.1"]));

    let none = env
        .query(["--coverage", "-o", "jsonl", "--pname", "nobody"])
        .exits(1)
        .says("0 matches; link up 30 s of 40 s")
        .json();
    assert_eq!(
        (none.len(), &none[0]["coverage"]["lost_samples"]),
        (1, &12.into())
    );
}

#[test]
fn stats_count_the_same() {
    let env = imported();
    let table = env.query(["stats"]).exits(0);
    assert!(
        table.text().contains("link up 30 s of 40 s, 1 gap\n"),
        "{}",
        table.story()
    );
    let json = env.query(["stats", "-o", "jsonl"]).exits(0).json();
    assert_eq!(json[0]["coverage"]["link_up_seconds"], 30.0);
    assert_eq!(
        (&json[0]["gap_count"], &json[0]["recording_count"]),
        (&1.into(), &2.into())
    );
}

#[test]
fn stats_list_the_newest_gaps_and_count_all() {
    let env = imported();
    let db = Connection::open(env.db()).unwrap();
    for number in 0..149 {
        db.execute(
            "INSERT INTO gaps (recording_id, reason, started_ns, ended_ns) VALUES (1, 1, ?1, ?1)",
            [at(number).as_nanos()],
        )
        .unwrap();
    }
    drop(db);
    let json = env.query(["stats", "-o", "jsonl"]).exits(0).json();
    assert_eq!(json[0]["gap_count"], 150);
    let gaps = json[0]["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 100);
    assert_eq!(gaps[99]["started"], at(148).to_string());
    assert_eq!(gaps[0]["started"], at(49).to_string());
    let table = env.query(["stats"]).exits(0);
    assert!(
        table.text().contains("\n  50 more, then\n"),
        "{}",
        table.story()
    );
}

#[test]
fn stopped_stats_give_nothing() {
    let env = imported();
    let mut reader = Reader::open(&env.db()).unwrap();
    let stats = reader.stats(None, None, at(50)).unwrap().unwrap();
    assert_eq!(stats.events, 5);
    reader.set_watch(Watch::stopped_by(Arc::new(AtomicBool::new(true))));
    assert_eq!(reader.stats(None, None, at(50)).unwrap(), None);
}

#[test]
fn a_recorder_at_work_and_one_that_was_killed() {
    let env = TestEnv::new();
    let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    server.play(Traffic::new(6, Corpus::Small).take(50), None);
    until_true("a commit", || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") > 0
    });
    let args = ["--since", "1h", "--pname", "nobody"];
    env.query(args)
        .exits(1)
        .says("0 matches; link up ")
        .says(" of 1 h, no known gap; nothing was recorded before ")
        .says("; the recorder at work committed last at ")
        .says("; losses inside eCapture 2.5.1 are not reported by it and can be large")
        .never_says("nothing was recorded after");
    recorder.kill();
    env.query(args)
        .exits(1)
        .says("; nothing was recorded after ")
        .says("; 1 recording ended without a word; losses inside")
        .never_says("at work");
}
