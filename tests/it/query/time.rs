//! Times: forms, spans, zones, and what an old file says.

use super::sample;
use crate::support::env::{QUERY, TestEnv, run};

fn ids(env: &TestEnv, args: &[&str]) -> Vec<i64> {
    let mut command = env.with_db(QUERY, args);
    command.args(["-o", "jsonl", "-r"]);
    run(command)
        .json()
        .iter()
        .map(|line| line["id"].as_i64().unwrap())
        .collect()
}

#[test]
fn a_time_can_be_given_in_many_forms() {
    let env = sample();
    for since in [
        "2026-11-23T10:51:45Z",
        "2026-11-23T12:51:45+02:00",
        "2026-11-23 10:51:45",
        "2026-11-23T10:51:45",
        "@1795431105",
        "@1795431105000",
        "@1795431105000000000",
    ] {
        assert_eq!(ids(&env, &["--since", since]), [6, 7, 8, 9, 10], "{since}");
        // The end is not part of the span.
        assert_eq!(ids(&env, &["--until", since]), [1, 2, 3, 4, 5], "{since}");
    }
    for (relative, expected) in [
        ("3s", &[7, 8, 9, 10][..]),
        ("-3s", &[7, 8, 9, 10]),
        ("3s ago", &[7, 8, 9, 10]),
        ("10m", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("2h30m", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("today", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("yesterday", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("10:51:48", &[9, 10]),
    ] {
        assert_eq!(
            ids(&env, &["--relative-to", "last", "-S", relative]),
            expected,
            "{relative}"
        );
    }
    assert_eq!(
        ids(
            &env,
            &[
                "--relative-to",
                "2026-11-23T10:51:46Z",
                "-S",
                "2s",
                "-U",
                "now"
            ]
        ),
        [5, 6]
    );
    assert_eq!(
        ids(&env, &["--since", "2026-11-23", "--until", "2026-11-24"]).len(),
        10
    );
}

#[test]
fn an_old_file_says_when_its_newest_event_was() {
    let env = sample();
    let run = env.query(["--since", "10m", "--until", "now"]).exits(1);
    assert_eq!(run.text(), "");
    run.says("the newest event is from 2026-11-23 10:51:49")
        .says("--relative-to last");
    env.query(["--since", "10m", "--relative-to", "last"])
        .exits(0)
        .never_says("newest event is");
    let run = env.query(["--since", "10m", "--quiet"]).exits(1);
    assert_eq!(run.stderr, "");
    env.query(["stats", "--since", "10m"])
        .exits(1)
        .says("--relative-to last");
}

#[test]
fn the_zone_is_the_users_or_utc() {
    let env = sample();
    let shown = |args: &[&str]| {
        let mut command = env.with_db(QUERY, args);
        command.env("TZ", "JST-9");
        run(command).exits(0).text().to_owned()
    };
    assert!(
        shown(&["-n", "1"]).contains("19:51:49"),
        "{}",
        shown(&["-n", "1"])
    );
    assert!(shown(&["-n", "1", "--utc"]).contains("10:51:49"));
    assert!(shown(&["show", "2"]).contains("19:51:41"));
    assert!(shown(&["--utc", "show", "2"]).contains("10:51:41"));
    // What says no zone is read in the same one.
    let count = |args: &[&str]| shown(args).lines().count();
    assert_eq!(count(&["-o", "jsonl", "--since", "2026-11-23 19:51:45"]), 5);
    assert_eq!(
        count(&["-o", "jsonl", "--utc", "--since", "2026-11-23 10:51:45"]),
        5
    );
    // JSON is in UTC always.
    assert!(shown(&["-o", "jsonl", "-n", "1"]).contains("\"2026-11-23T10:51:49.000000000Z\""));
}
