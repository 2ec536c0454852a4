//! Pruning a capture that nobody records into.

use ecq::event::{Frame, Opcode, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

use crate::support::capture::{check_digests, check_sound, check_swept, copy};
use crate::support::env::TestEnv;
use crate::support::frames::{frame, openssl, save, text_event};

fn days_ago(days: i64) -> Timestamp {
    Timestamp::from_seconds(clock_gettime(ClockId::Realtime).tv_sec - days * 86_400)
}

/// Adds an import of four events that were received so many days ago: an exchange of curl's, a line of bash and bytes of ssh.
fn add(env: &TestEnv, days: i64) {
    let at = "2026-11-23 10:51:41.000";
    let curl = "PID:100 TID:101 Comm:curl FD:5";
    let request = format!("GET /{days} HTTP/1.1\r\nHost: h{days}.test\r\n\r\n");
    let messages = [
        openssl(at, curl, "WRITE", request.as_bytes()),
        openssl(at, curl, "READ", b"HTTP/1.1 204 No Content\r\n\r\n"),
        text_event(
            format!("PID:1200, UID:1000, Comm:bash, Retvalue:3, Line:\nls {days}\n").as_bytes(),
        ),
        openssl(
            at,
            "PID:300 TID:300 Comm:ssh FD:3",
            "WRITE",
            b"\x00\xff\xfe\x01binary",
        ),
    ];
    let frames: Vec<Frame> = (0..)
        .zip(messages)
        .map(|(second, message)| Frame {
            received: days_ago(days).plus_nanos(second * 1_000_000_000),
            ..frame(Opcode::Binary, message)
        })
        .collect();
    let file = env.path(format!("frames-{days}"));
    save(&file, &frames);
    env.import::<&str>(&file, []).says(" 0 unreadable");
}

fn capture(days: &[i64]) -> TestEnv {
    let env = TestEnv::new();
    for days in days {
        add(&env, *days);
    }
    env
}

fn ids(env: &TestEnv) -> Vec<i64> {
    let mut ids: Vec<_> = env
        .events::<&str>([])
        .iter()
        .map(|event| event["id"].as_i64().unwrap())
        .collect();
    ids.sort_unstable();
    ids
}

fn check(env: &TestEnv) {
    check_sound(&env.db());
    check_swept(&env.db());
    check_digests(&env.db());
}

#[test]
fn what_is_too_old_goes_and_stays_on_record() {
    let env = capture(&[30, 10, 1]);
    let planned = env.query(["prune", "--keep", "7d"]).exits(0);
    assert!(
        planned.text().starts_with("--keep 7days: 8 events"),
        "{}",
        planned.story()
    );
    planned.says("nothing was removed: --yes removes it");
    assert_eq!(ids(&env), (1..=12).collect::<Vec<_>>());

    env.query(["prune", "--keep", "7d", "--yes"])
        .exits(0)
        .says("removed 8 events");
    assert_eq!(ids(&env), [9, 10, 11, 12]);
    check(&env);
    let copy = copy(&env.db());
    assert_eq!(copy.number("SELECT COUNT(*) FROM exchanges"), 1);
    assert_eq!(copy.number("SELECT COUNT(*) FROM removals"), 1);
    assert_eq!(
        copy.texts("SELECT first_id || ' ' || last_id || ' ' || events || ' ' || batches || ' ' || rule FROM removals"),
        ["1 8 8 2 --keep 7days"]
    );
    assert_eq!(copy.number("SELECT LENGTH(digest) FROM removals"), 32);

    // An answer about that time says so.
    let since = days_ago(31).to_string();
    let until = days_ago(9).to_string();
    let period = ["--events", "--since", &since, "--until", &until];
    env.query(period).exits(1).says("pruned: 8 events from");
    let stats = env.query(["stats", "-o", "jsonl"]).exits(0).json();
    let pruned = find(&stats, "pruned").expect("stats tell it");
    assert_eq!(pruned[0]["events"], 8);

    env.query(["prune", "--keep", "7d", "--yes"]).exits(1);
    // No id is given twice.
    add(&env, 0);
    assert_eq!(ids(&env), (9..=16).collect::<Vec<_>>());
    check_digests(&env.db());
}

/// The value of a key, wherever it is.
fn find<'a>(values: impl IntoIterator<Item = &'a Value>, key: &str) -> Option<&'a Value> {
    values.into_iter().find_map(|value| match value {
        Value::Object(object) => object.get(key).or_else(|| find(object.values(), key)),
        Value::Array(values) => find(values, key),
        _ => None,
    })
}

#[test]
fn everything_can_go() {
    let env = capture(&[30, 20]);
    env.query(["prune", "--keep", "1d", "--yes"]).exits(0);
    assert_eq!(copy(&env.db()).number("SELECT COUNT(*) FROM events"), 0);
    check_sound(&env.db());
    env.query::<&str>(["--events"])
        .exits(1)
        .says("holds no events");
    add(&env, 0);
    assert_eq!(ids(&env), (9..=12).collect::<Vec<_>>());
    check_sound(&env.db());
    check_digests(&env.db());
}

/// A clock that was wrong once leaves times behind that are yet to come. They make nothing older.
#[test]
fn what_went_does_not_take_the_time_since_along() {
    let env = capture(&[30]);
    env.query(["prune", "--keep", "1d", "--yes"]).exits(0);
    let (now, soon) = (days_ago(0).as_nanos(), days_ago(-3650).as_nanos());
    let db = rusqlite::Connection::open(env.db()).unwrap();
    db.execute("UPDATE removals SET max_received_ns = ?1", [soon])
        .unwrap();
    for _ in 0..2 {
        db.execute(
            "INSERT INTO gaps (recording_id, reason, started_ns, ended_ns, frames, bytes)
             SELECT MAX(id), 1, ?1, ?1, 0, 0 FROM recordings",
            [now],
        )
        .unwrap();
    }
    drop(db);
    let gaps = copy(&env.db()).number("SELECT COUNT(*) FROM gaps");
    env.query(["prune", "--keep", "1d", "--yes"]).exits(1);
    assert_eq!(copy(&env.db()).number("SELECT COUNT(*) FROM gaps"), gaps);
}

#[test]
fn finer_rules_keep_longer_and_shorter() {
    let env = capture(&[30, 10, 1]);
    let rules = [
        "prune",
        "--keep",
        "7d",
        "--keep-where",
        "pname == \"ssh\"=365d",
        "--keep-where",
        "pname == \"bash\"=1h",
    ];
    let planned = env.query(rules).exits(0);
    assert_eq!(planned.text().lines().count(), 2, "{}", planned.story());
    env.query(rules.iter().chain(&["--yes"]))
        .exits(0)
        .says("removed 7 events");
    // Of each import: request, response, bash, ssh.
    assert_eq!(ids(&env), [4, 8, 9, 10, 12]);
    check(&env);
    let pruned = copy(&env.db());
    assert_eq!(pruned.number("SELECT COUNT(*) FROM removed_events"), 7);
    assert_eq!(pruned.number("SELECT COUNT(*) FROM batches"), 3);
    // What they hold is still found.
    assert_eq!(
        env.query(["--count", "payload contains \"binary\""])
            .exits(0)
            .text(),
        "3\n"
    );
    env.query(rules.iter().chain(&["--yes"])).exits(1);

    // Without --keep, what no rule is true of stays.
    env.query(["prune", "--keep-where", "pname == \"ssh\"=20d", "--yes"])
        .exits(0);
    assert_eq!(ids(&env), [8, 9, 10, 12]);
    check(&env);
    // And with it whole commits go, with the digests of what went before.
    env.query(["prune", "--keep", "5d", "--yes"]).exits(0);
    assert_eq!(ids(&env), [9, 10, 12]);
    assert_eq!(
        copy(&env.db()).number("SELECT COUNT(*) FROM removed_events"),
        1
    );
    check(&env);
}

#[test]
fn rules_are_refused_in_words() {
    let env = capture(&[1]);
    env.query(["prune"])
        .exits(2)
        .says("--max-size or --min-free");
    env.query(["prune", "--keep", "soon"]).exits(2);
    env.query(["prune", "--keep-where", "pname == \"ssh\""])
        .exits(2)
        .says("no age is given");
    env.query(["prune", "--keep-where", "pnme == \"ssh\"=1d"])
        .exits(2)
        .says("pname");
}
