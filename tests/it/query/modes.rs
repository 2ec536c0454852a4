//! What is asked of a selection besides its events: counts, values, columns, order, a plan.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::sample;
use crate::support::env::{Run, TestEnv};

/// The lines of a table below its head, as words.
fn rows(run: &Run) -> Vec<Vec<&str>> {
    let lines = run.text().lines().skip(1);
    lines
        .map(|line| line.split_whitespace().collect())
        .collect()
}

/// The numbers in a member of every line.
#[track_caller]
fn numbers(lines: &[Value], name: &str) -> Vec<u64> {
    lines
        .iter()
        .map(|line| line[name].as_u64().unwrap())
        .collect()
}

/// What `--count` says in `jsonl`.
fn counted(env: &TestEnv, args: &[&str]) -> Value {
    let mut all = vec!["--count", "-o", "jsonl"];
    all.extend(args);
    let lines = env.query(all).json();
    assert_eq!(lines.len(), 1);
    lines[0].clone()
}

#[test]
fn events_are_counted() {
    let env = sample();
    assert_eq!(env.query(["--count"]).exits(0).text(), "10\n");
    let some = ["--count", "--direction", "in"];
    assert_eq!(env.query(some).exits(0).text(), "3\n");
    assert_eq!(
        counted(&env, &["id in {7, 9}"]),
        json!({"events": 2, "payload_bytes": 16})
    );
    let nothing = env.query(["--count", "--pname", "nobody"]).exits(1);
    assert_eq!(nothing.text(), "0\n");
    nothing.says("0 matches");
    assert_eq!(
        counted(&env, &["--pname", "nobody"]),
        json!({"events": 0, "payload_bytes": 0})
    );
    // A limit is of what is listed.
    assert_eq!(env.query(["--count", "-n", "3"]).exits(0).text(), "10\n");
}

#[test]
fn the_values_that_most_events_have_come_first() {
    let env = sample();
    let lines = env.query(["--top", "pname", "-o", "jsonl"]).exits(0).json();
    let found: BTreeMap<_, _> = lines
        .iter()
        .map(|line| (line["pname"].as_str().unwrap(), &line["events"]))
        .map(|(name, events)| (name, events.as_u64().unwrap()))
        .collect();
    let expected = [
        ("bash", 1),
        ("curl", 3),
        ("ev\u{1b}[31mil", 1),
        ("mysqld", 1),
        ("nginx", 3),
        ("wget", 1),
    ];
    assert_eq!(found, BTreeMap::from(expected));
    let events = numbers(&lines, "events");
    assert!(events.is_sorted_by(|one, next| one >= next), "{events:?}");
    assert_eq!(lines[0]["first"].as_str().map(str::len), Some(30));

    let table = env.query(["--top", "pname", "-n", "2"]).exits(0);
    let names: Vec<_> = rows(&table).iter().map(|row| (row[0], row[1])).collect();
    assert_eq!(names, [("curl", "3"), ("nginx", "3")], "{}", table.story());

    let both = env.query(["--top", "pname,host", "--type", "tls_data", "-o", "jsonl"]);
    let both: Vec<_> = both
        .exits(0)
        .json()
        .iter()
        .map(|line| {
            (
                line["pname"].clone(),
                line["host"].clone(),
                line["events"].clone(),
            )
        })
        .collect();
    for expected in [
        (json!("curl"), json!("Example.com"), json!(1)),
        (json!("curl"), Value::Null, json!(1)),
        (json!("nginx"), json!("api.test:8443"), json!(1)),
        (json!("nginx"), Value::Null, json!(1)),
    ] {
        let (name, host, _) = &expected;
        let hosts = || both.iter().filter(|(other, ..)| other == name);
        let is_there = hosts().any(|(_, other, events)| {
            events == &expected.2
                && other.as_str().map(str::to_lowercase) == host.as_str().map(str::to_lowercase)
        });
        assert!(is_there, "{expected:?} in {both:?}");
    }
    env.query(["--top", "pname", "--pname", "nobody"]).exits(1);
    env.query(["--top", "nosuch"]).exits(2).says("nosuch");
}

#[test]
fn every_value_of_a_field_is_listed() {
    let env = sample();
    let table = env.query(["-F", "host"]).exits(0);
    let names: Vec<_> = rows(&table).iter().map(|row| (row[0], row[1])).collect();
    assert_eq!(
        names,
        [("api.test:8443", "1"), ("example.com", "1")],
        "{}",
        table.story()
    );
    let lines = env.query(["-F", "method", "-o", "jsonl"]).exits(0).json();
    let of = |line: &Value| (line["method"].clone(), line["first"].clone());
    assert_eq!(
        lines.iter().map(of).collect::<Vec<_>>(),
        [
            (json!("GET"), json!("2026-11-23T10:51:41.000000000Z")),
            (json!("POST"), json!("2026-11-23T10:51:44.000000000Z")),
        ]
    );
    env.query(["-F", "host", "--pname", "bash"]).exits(1);
}

#[test]
fn the_periods_of_a_histogram_make_up_the_count() {
    let env = sample();
    for (length, seconds, periods) in [("100ms", 0.1, 10), ("2s", 2.0, 5), ("1d", 86_400.0, 1)] {
        for args in [&[][..], &["pname != wget"]] {
            let mut all = vec!["--histogram", length, "-o", "jsonl"];
            all.extend(args);
            let lines = env.query(all).exits(0).json();
            let whole = counted(&env, args);
            for name in ["events", "payload_bytes"] {
                let sum: u64 = numbers(&lines, name).iter().sum();
                assert_eq!(sum, whole[name], "{length} {args:?} {name}");
            }
            assert!(
                lines.iter().all(|line| line["seconds"] == seconds),
                "{lines:?}"
            );
            if args.is_empty() {
                assert_eq!(lines.len(), periods, "{length}");
            }
        }
    }
    let table = env.query(["--histogram", "2s"]).exits(0);
    let rows = rows(&table);
    let counts: Vec<u64> = rows.iter().map(|row| row[2].parse().unwrap()).collect();
    assert_eq!(counts, [2; 5], "{}", table.story());
    env.query(["--histogram", "2s", "--pname", "nobody"])
        .exits(1);
    env.query(["--histogram", "1us"]).exits(2).says("1ms");
}

/// The ids of a list that is sorted by a field, and the field's values in that order.
#[track_caller]
fn sorted(env: &TestEnv, key: &str, field: &str) -> Vec<(i64, Option<i64>)> {
    let columns = format!("id,{field}");
    let run = env.query([
        "--events",
        "--sort",
        key,
        "--columns",
        &columns,
        "-o",
        "jsonl",
    ]);
    let lines = run.exits(0).json();
    let pair = |line: &Value| (line["id"].as_i64().unwrap(), line[field].as_i64());
    lines.iter().map(pair).collect()
}

#[test]
fn a_list_is_sorted_by_a_field() {
    let env = sample();
    let up = sorted(&env, "len", "len");
    assert_eq!(up.len(), 10);
    assert!(up.is_sorted_by_key(|(_, len)| *len), "{up:?}");
    let down = sorted(&env, "-len", "len");
    assert_eq!(down.len(), 10);
    assert!(
        down.is_sorted_by(|(_, one), (_, next)| one >= next),
        "{down:?}"
    );
    assert_eq!(down[0].0, 5, "the longest: {down:?}");
    // What has no value is last, whichever way.
    for (key, expected) in [
        ("status", [(3, Some(200)), (6, Some(404))]),
        ("-status", [(6, Some(404)), (3, Some(200))]),
    ] {
        let all = sorted(&env, key, "status");
        assert_eq!(all[..2], expected, "{key}");
        assert_eq!(all.len(), 10, "{key}");
        assert!(
            all[2..].iter().all(|(_, status)| status.is_none()),
            "{all:?}"
        );
    }
    let first = env.query(["--sort", "-len", "-n", "1", "--columns", "id"]);
    assert_eq!(rows(&first.exits(0)), [["5"]]);
    env.query(["--sort", "len", "-r"])
        .exits(2)
        .says("--reverse");
}

#[test]
fn columns_are_shown_in_their_order() {
    let env = sample();
    let table = env
        .query(["--columns", "len,id,pname,port,host", "-r", "-n", "2"])
        .exits(0);
    assert_eq!(
        table
            .text()
            .lines()
            .next()
            .map(|line| line.split_whitespace().collect()),
        Some(vec!["LEN", "ID", "PNAME", "PORT", "HOST"])
    );
    let rows = rows(&table);
    assert_eq!(rows[0][..4], ["0", "B", "1", "curl"], "{}", table.story());
    assert_eq!(rows[1][..4], ["42", "B", "2", "curl"], "{}", table.story());
    let row = table.text().lines().nth(2).unwrap();
    for port in ["50000", "443", "example.com"] {
        assert!(row.contains(port), "{}", table.story());
    }

    let fields = "id,pname,len,status,port,ip,direction,text,host,time,header[\"host\"]";
    let lines = env
        .query(["--columns", fields, "-o", "jsonl", "-r"])
        .exits(0)
        .json();
    assert_eq!(lines.len(), 10);
    let request = &lines[1];
    assert_eq!(
        (&request["id"], &request["pname"], &request["len"]),
        (&json!(2), &json!("curl"), &json!(42))
    );
    assert_eq!(request["port"], json!([50_000, 443]));
    assert_eq!(request["ip"], json!(["10.0.0.1", "93.184.216.34"]));
    assert_eq!(request["direction"], "out");
    assert_eq!(request["text"], true);
    assert_eq!(request["time"], "2026-11-23T10:51:41.000000000Z");
    assert_eq!(request["header[\"host\"]"], json!(["Example.com"]));
    assert_eq!(lines[2]["status"], 200);
    assert_eq!(lines[8]["text"], false);
    assert!(lines[6].get("status").is_none(), "{}", lines[6]);
    env.query(["--columns", "id,nosuch"])
        .exits(2)
        .says("nosuch");
    env.query(["--columns", "id", "--count"]).exits(2);
}

#[test]
fn a_plan_says_what_is_asked_and_what_is_left() {
    let env = sample();
    let args = [
        "--explain",
        "--events",
        "--pname",
        "curl",
        "body contains \"ell\"",
    ];
    let run = env.query(args).exits(0);
    let part = |name: &str| {
        let lines = run.text().lines();
        let mut found = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found
            .next()
            .unwrap_or_else(|| panic!("{name}\n{}", run.story()))
    };
    let filter = part("filter").trim();
    assert!(filter.contains("body contains \"ell\""), "{filter}");
    assert!(filter.contains("pname == \"curl\""), "{filter}");
    assert!(part("sql").trim().starts_with("SELECT "), "{}", run.story());
    assert!(!part("sql").contains("curl"), "a value became SQL");
    assert_eq!(part("payload").trim(), "body contains \"ell\"");
    let none = env.query(["--explain"]).exits(0);
    assert!(
        none.text().contains("none: every event"),
        "{}",
        none.story()
    );
    // What is printed as the filter means the same.
    let ids = |args: &[&str]| {
        let lines = env.events(args.iter().copied());
        lines
            .iter()
            .map(|line| line["id"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&[filter]), ids(&args[2..]));
    assert_eq!(ids(&[filter]), [3]);
}

#[test]
fn what_is_seen_for_the_first_time_is_told() {
    let env = sample();
    let since = |time: &str, by: &str| {
        let run = env.query(["first-seen", "--since", time, "--by", by, "-o", "jsonl"]);
        let status = i32::from(run.stdout.is_empty());
        run.exits(status).json()
    };
    let names = |lines: &[Value]| -> Vec<String> {
        let name = |line: &Value| line["pname"].as_str().unwrap().to_owned();
        lines.iter().map(name).collect()
    };
    let time = |second: u64| format!("2026-11-23T10:51:{second}Z");
    // nginx wrote at :44 and :45, but its connection was there at :43.
    assert_eq!(
        names(&since(&time(43), "pname")),
        ["nginx", "bash", "mysqld", "wget", "ev\u{1b}[31mil"]
    );
    assert_eq!(
        names(&since(&time(44), "pname")),
        ["bash", "mysqld", "wget", "ev\u{1b}[31mil"]
    );
    let pairs = since(&time(42), "pname,host");
    assert_eq!(names(&pairs), ["nginx"]);
    assert_eq!(pairs[0]["host"], "api.test:8443");
    assert_eq!(names(&since(&time(40), "pname,host")), ["curl", "nginx"]);
    assert_eq!(since(&time(50), "pname,host"), [Value::Null; 0]);

    let table = env.query(["first-seen", "--since", &time(42)]).exits(0);
    assert_eq!(rows(&table).len(), 1, "{}", table.story());
    let by_thread = env.query(["first-seen", "--since", &time(42), "--by", "pname,conn"]);
    by_thread.exits(0).says("events lack pname or conn");
    env.query(["first-seen", "--since", &time(42), "--until", &time(44)])
        .exits(1);
    let run = env.query(["first-seen"]).exits(2);
    assert_eq!(run.text(), "");
    run.says("--since 7d");
}

#[test]
fn fields_are_explained() {
    let env = TestEnv::new();
    let all = env.query_alone(["fields"]).exits(0);
    let lines = env.query_alone(["fields", "-o", "jsonl"]).exits(0).json();
    assert!(lines.len() > 40);
    for line in &lines {
        let name = line["name"].as_str().unwrap();
        assert!(all.text().contains(name), "{name}");
        let one = env.query_alone(["fields", name, "-o", "jsonl"]).exits(0);
        assert_eq!(one.json(), std::slice::from_ref(line));
    }
    let one = env.query_alone(["fields", "comm"]).exits(0);
    assert!(
        one.text().starts_with("field    pname\n"),
        "{}",
        one.story()
    );
    env.query_alone(["fields", "pnam"])
        .exits(2)
        .says("did you mean `pname`?");
    let all = env.query_alone(["fields", "--markdown"]).exits(0);
    assert!(all.text().starts_with("# The filter language\n"));
}
