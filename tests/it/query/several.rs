//! Several captures as one, and jobs that run again and again.

use std::os::unix::fs::PermissionsExt as _;

use super::{FIRST, imported, sample};
use crate::support::env::TestEnv;
use crate::support::frames::{frame, openssl};
use ecq::event::{Frame, Opcode};

/// One event, between the second and third of the sample.
fn other() -> TestEnv {
    let message = openssl(
        "2026-11-23 10:51:41.500",
        "PID:9 TID:9 Comm:perl FD:3",
        "WRITE",
        b"from the other",
    );
    imported(&[Frame {
        received: FIRST,
        ..frame(Opcode::Binary, message)
    }])
}

#[test]
fn are_merged_by_time() {
    let (env, other) = (sample(), other());
    let also = other.db().display().to_string();
    let run = env
        .query(["-r", "-n", "4", "--db", &also])
        .exits(0)
        .says("captures: 1 ");
    let ids: Vec<_> = run
        .text()
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    // The capture that is named first has number 1: the other one.
    assert_eq!(ids, ["2:1", "2:2", "1:1", "2:3"]);
    let json = env.events(["--db", &also, "--pname", "perl"]);
    assert_eq!(json[0]["capture"], also.as_str());
    assert_eq!(
        env.query(["--db", &also, "--count"]).exits(0).text(),
        "11\n"
    );
    let top = env
        .query(["--db", &also, "--top", "pname", "-o", "jsonl"])
        .exits(0)
        .json();
    assert!(top.iter().any(|count| count["pname"] == "perl"));
    env.query(["show", "1", "--db", &also])
        .exits(2)
        .says("about one capture");
}

#[test]
fn a_job_sees_every_event_once() {
    let env = sample();
    let cursor = env.path("cursor").display().to_string();
    let ids = |env: &TestEnv| -> Vec<i64> {
        let run = env.query(["-o", "jsonl", "-r", "--cursor-file", &cursor]);
        run.json()
            .iter()
            .map(|event| event["id"].as_i64().unwrap())
            .collect()
    };
    assert_eq!(ids(&env), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let mode = std::fs::metadata(&cursor).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(ids(&env).is_empty());
    let more = env.path("more");
    let message = openssl(
        "2026-11-23 10:52:00.000",
        "PID:9 TID:9 Comm:perl FD:3",
        "WRITE",
        b"more",
    );
    crate::support::frames::save(
        &more,
        &[Frame {
            received: FIRST.plus_nanos(20_000_000_000),
            ..frame(Opcode::Binary, message)
        }],
    );
    env.import::<&str>(&more, []);
    assert_eq!(ids(&env), [11]);
    // Another capture under the same path begins from its start.
    std::fs::copy(other().db(), env.db()).unwrap();
    assert_eq!(ids(&env), [1]);
    std::fs::write(&cursor, "something else").unwrap();
    env.query(["--cursor-file", &cursor])
        .exits(2)
        .says("no cursor file");
}
