//! Several captures read as one, and runs that go on where the last one stopped.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ecq::event::{Frame, Opcode};
use serde_json::Value;

use super::{FIRST, sample};
use crate::support::env::{Run, TestEnv, run};
use crate::support::frames::{frame, openssl, save};

/// Imports events of a process at these seconds into a capture; the name of the file.
fn capture(
    env: &TestEnv,
    name: &str,
    pname: &str,
    seconds: impl IntoIterator<Item = i64>,
) -> PathBuf {
    let frames: Vec<_> = seconds
        .into_iter()
        .map(|second| {
            let received = FIRST.plus_nanos(second * 1_000_000_000);
            let time = received.to_string().replace('T', " ");
            let who = format!("PID:100 TID:100 Comm:{pname} FD:5");
            let message = openssl(time.get(..23).unwrap(), &who, "WRITE", pname.as_bytes());
            Frame {
                received,
                ..frame(Opcode::Binary, message)
            }
        })
        .collect();
    let file = env.path("frames");
    save(&file, &frames);
    let db = env.path(name);
    let mut command = env.command(crate::support::env::RECORD, ["--import"]);
    command.arg(file).arg("--db").arg(&db);
    run(command).exits(0).says(" 0 unreadable");
    db
}

/// Two captures whose events take turns: three of `one` and four of `two`.
fn two() -> TestEnv {
    let env = TestEnv::new();
    capture(&env, "one.db", "one", [0, 2, 4]);
    capture(&env, "two.db", "two", [1, 3, 5, 7]);
    env
}

/// The name of the file that an event is from.
fn origin(line: &Value) -> &str {
    let path = Path::new(line["capture"].as_str().unwrap());
    path.file_name().and_then(|name| name.to_str()).unwrap()
}

fn ask(env: &TestEnv, args: &[&str]) -> Run {
    let both = ["--db", "one.db", "--db", "two.db"];
    env.query_alone(args.iter().copied().chain(both))
}

#[test]
fn events_of_several_captures_are_merged_by_time() {
    let env = two();
    let first = |run: &Run| -> Vec<String> {
        let rows = run.text().lines().skip(1);
        rows.map(|line| line.split_whitespace().next().unwrap().to_owned())
            .collect()
    };
    let table = ask(&env, &[])
        .exits(0)
        .says("captures: 1 ")
        .says("one.db, 2 ")
        .says("two.db\n");
    assert_eq!(
        first(&table),
        ["2:4", "2:3", "1:3", "2:2", "1:2", "2:1", "1:1"]
    );
    let table = ask(&env, &["-r", "-n", "3"]).exits(0);
    assert_eq!(first(&table), ["1:1", "2:1", "1:2"]);
    let table = ask(&env, &["-n", "2", "--pname", "one"]).exits(0);
    assert_eq!(first(&table), ["1:3", "1:2"]);

    let lines = ask(&env, &["-o", "jsonl", "-r"]).exits(0).json();
    let places: Vec<_> = lines
        .iter()
        .map(|line| (origin(line), line["id"].as_i64().unwrap()))
        .collect();
    let (one, two) = ("one.db", "two.db");
    assert_eq!(
        places,
        [
            (one, 1),
            (two, 1),
            (one, 2),
            (two, 2),
            (one, 3),
            (two, 3),
            (two, 4)
        ]
    );
    let sorted = ask(
        &env,
        &[
            "--sort",
            "-pname",
            "--columns",
            "pname,id",
            "-o",
            "jsonl",
            "-n",
            "5",
        ],
    );
    let names: Vec<_> = sorted
        .exits(0)
        .json()
        .iter()
        .map(|line| (origin(line).to_owned(), line["pname"].clone()))
        .collect();
    assert_eq!(names[3], ("two.db".into(), "two".into()));
    assert_eq!(names[4], ("one.db".into(), "one".into()));
    // Of one capture, nothing tells which.
    let alone = env.query_alone(["--db", "one.db", "-o", "jsonl"]).exits(0);
    assert!(
        alone
            .json()
            .iter()
            .all(|line| line.get("capture").is_none())
    );
}

#[test]
fn counts_of_several_captures_are_added_up() {
    let env = two();
    assert_eq!(ask(&env, &["--count"]).exits(0).text(), "7\n");
    assert_eq!(
        ask(&env, &["--count", "--pname", "two"]).exits(0).text(),
        "4\n"
    );
    assert_eq!(
        ask(&env, &["--count", "--pname", "no"]).exits(1).text(),
        "0\n"
    );
    let lines = ask(&env, &["--top", "pid", "-o", "jsonl"]).exits(0).json();
    assert_eq!((lines.len(), &lines[0]["events"]), (1, &7.into()));
    assert_eq!(lines[0]["first"], "2026-11-23T10:51:40.000000000Z");
    assert_eq!(lines[0]["last"], "2026-11-23T10:51:47.000000000Z");
    let lines = ask(&env, &["--histogram", "1h", "-o", "jsonl"])
        .exits(0)
        .json();
    assert_eq!((lines.len(), &lines[0]["events"]), (1, &7.into()));
    let since = [
        "first-seen",
        "--since",
        "2026-11-23T10:51:41Z",
        "--by",
        "pname",
    ];
    let table = ask(&env, &since).exits(0);
    assert!(
        table.text().contains("two") && !table.text().contains("one"),
        "{}",
        table.story()
    );
}

#[test]
fn what_is_about_one_capture_refuses_several() {
    let env = two();
    for args in [
        &["show", "1"][..],
        &["follow-stream", "1"],
        &["stats"],
        &["sql", "SELECT 1"],
        &["reindex"],
    ] {
        let run = ask(&env, args).exits(2).says("give --db once");
        assert_eq!(run.text(), "");
    }
    let run = env
        .query_alone(["--db", "one.db", "--db", "none.db"])
        .exits(2);
    assert_eq!(run.text(), "");
    run.says("none.db");
}

#[test]
fn ids_are_taken_as_they_are_listed() {
    let env = two();
    let http = |name: &str, host: &str| {
        let request = format!("GET /{host} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let who = "PID:7 TID:7 Comm:curl FD:9";
        let time = "2026-11-23 10:59:00.000";
        let message = openssl(time, who, "WRITE", request.as_bytes());
        let file = env.path("http.frames");
        save(&file, &[frame(Opcode::Binary, message)]);
        let mut command = env.command(crate::support::env::RECORD, ["--import"]);
        command.arg(file).arg("--db").arg(env.path(name));
        run(command).exits(0);
    };
    http("one.db", "one.test");
    http("two.db", "two.test");
    let ids = |args: &[&str]| -> Vec<String> {
        let table = ask(&env, args).exits(0);
        let rows = table.text().lines().skip(1);
        rows.map(|line| line.split_whitespace().next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&["-n", "3", "--pname", "one"]), ["1:3", "1:2", "1:1"]);
    assert_eq!(ids(&["--exchanges", "-r"]), ["1:x1", "2:x1"]);
    for (id, expected) in [
        ("1:3", "process        one"),
        ("2:3", "process        two"),
        ("1:x1", "https://one.test/one.test"),
        ("2:x1", "https://two.test/two.test"),
    ] {
        let shown = ask(&env, &["show", id]).exits(0);
        assert!(shown.text().contains(expected), "{}", shown.story());
        let line = &ask(&env, &["show", id, "-o", "jsonl"]).exits(0).json()[0];
        assert_eq!(
            origin(line),
            if id.starts_with('1') {
                "one.db"
            } else {
                "two.db"
            }
        );
    }
    ask(&env, &["show", "3:1"])
        .exits(2)
        .says("there is no capture 3: 2 are named");
    ask(&env, &["show", "x1"])
        .exits(2)
        .says("as lists show it: show 1:x1");
    // Of one capture, its number may be left out.
    let one = env.query_alone(["show", "1:x1", "--db", "two.db"]).exits(0);
    assert!(one.text().contains("two.test"), "{}", one.story());

    let conns = ask(&env, &["pname == curl", "--columns", "conn", "-o", "jsonl"]).json();
    assert_eq!(conns.len(), 2);
    for line in &conns {
        let (number, host) = if origin(line) == "one.db" {
            (1, "one.test")
        } else {
            (2, "two.test")
        };
        let id = format!("{number}:{}", line["conn"]);
        let followed = ask(&env, &["follow-stream", &id]).exits(0);
        assert!(followed.text().contains(host), "{}", followed.story());
    }
    ask(&env, &["follow-stream", "x1"]).exits(2);
}

/// The ids that a run with a cursor finds; what it exits with says whether it found any.
#[track_caller]
fn after_cursor(env: &TestEnv, args: &[&str]) -> Vec<i64> {
    let base = ["--cursor-file", "cursor", "-o", "jsonl", "-r"];
    let run = env.query(base.iter().chain(args).copied());
    let lines = run.json();
    run.exits(i32::from(lines.is_empty()));
    let id = |line: &Value| line["id"].as_i64().unwrap();
    lines.iter().map(id).collect()
}

#[test]
fn a_cursor_gives_every_event_once() {
    let env = TestEnv::new();
    capture(&env, "db/test.db", "curl", 0..3);
    assert_eq!(after_cursor(&env, &[]), [1, 2, 3]);
    let mode = fs::metadata(env.path("cursor"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(after_cursor(&env, &[]), [0; 0]);
    capture(&env, "db/test.db", "curl", 3..5);
    capture(&env, "db/test.db", "wget", 5..6);
    // What a filter leaves out was looked at as well.
    assert_eq!(after_cursor(&env, &["--pname", "curl"]), [4, 5]);
    assert_eq!(after_cursor(&env, &[]), [0; 0]);
    // In a table, all that came.
    capture(&env, "db/test.db", "curl", 6..66);
    let table = env.query(["--cursor-file", "cursor"]).exits(0);
    assert_eq!(table.text().lines().count(), 61, "{}", table.story());
    assert_eq!(after_cursor(&env, &[]), [0; 0]);
    for flag in [&["-f"][..], &["-n", "3"], &["--count"], &["--top", "pname"]] {
        env.query(["--cursor-file", "cursor"].iter().chain(flag))
            .exits(2);
    }
}

/// Each capture has its own place, and another one under the same name begins from its start.
#[test]
fn a_cursor_tells_captures_apart() {
    let env = two();
    let asked = ["--cursor-file", "cursor", "-o", "jsonl"];
    let one = env.query_alone(asked.into_iter().chain(["--db", "one.db"]));
    assert_eq!(one.exits(0).json().len(), 3);
    assert_eq!(ask(&env, &asked).exits(0).json().len(), 4);
    assert_eq!(ask(&env, &asked).exits(1).json().len(), 0);
    fs::remove_file(env.path("two.db")).unwrap();
    capture(&env, "two.db", "new", [100, 101]);
    let lines = ask(&env, &asked).exits(0).json();
    let found: Vec<_> = lines
        .iter()
        .map(|line| (origin(line), line["pname"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [("two.db", "new"); 2]);
    assert_eq!(ask(&env, &asked).exits(1).json().len(), 0);
}

#[test]
fn what_is_no_cursor_is_refused_and_left_alone() {
    let env = sample();
    for text in [
        "what else is in this folder\n",
        "ecq cursor 2\n",
        "\n",
        "ecq cursor 10\n",
    ] {
        fs::write(env.path("cursor"), text).unwrap();
        let run = env.query(["--cursor-file", "cursor"]).exits(2);
        assert_eq!(run.text(), "", "{}", run.story());
        run.says("is no cursor file").says("--cursor-file wrote");
        assert_eq!(fs::read_to_string(env.path("cursor")).unwrap(), text);
    }
    fs::write(env.path("cursor"), b"\xff\xfe").unwrap();
    env.query(["--cursor-file", "cursor"])
        .exits(2)
        .says("cursor");
    env.query(["--cursor-file", "none/cursor"])
        .exits(2)
        .says("failed to write the cursor none/cursor");
}
