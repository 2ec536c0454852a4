//! What is given instead of events, and in which form.

use super::sample;
use crate::support::env::TestEnv;

fn lines(env: &TestEnv, args: &[&str]) -> Vec<String> {
    let run = env.query(args).exits(0);
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    run.text().lines().map(squeezed).collect()
}

#[test]
fn counts() {
    let env = sample();
    assert_eq!(lines(&env, &["--count"]), ["10"]);
    assert_eq!(lines(&env, &["--count", "--pname", "curl"]), ["3"]);
    // Decided by SQL, by the lists of streams, and by payloads.
    for (filter, expected) in [
        ("len > 40", "4"),
        ("pname == nginx && status == 4xx", "1"),
        ("any contains \"S3cr3t\"", "1"),
        ("not any contains \"S3cr3t\"", "9"),
    ] {
        assert_eq!(lines(&env, &["--count", filter]), [expected], "{filter}");
    }
    let run = env.query(["--count", "--pname", "wgetx"]).exits(1);
    assert_eq!(run.text(), "0\n");
    let run = run.says("0 matches; ");
    drop(run);
    let json = env
        .query(["--count", "--pname", "curl", "-o", "jsonl"])
        .exits(0)
        .json();
    assert_eq!(json[0]["events"], 3);
    let sizes: u64 = env
        .events(["--pname", "curl"])
        .iter()
        .map(|event| event["length"].as_u64().unwrap())
        .sum();
    assert_eq!(json[0]["payload_bytes"], sizes);
}

#[test]
fn what_most_events_have() {
    let env = sample();
    let found = lines(&env, &["--top", "pname", "-n", "2"]);
    assert_eq!(found[0], "PNAME EVENTS SIZE FIRST LAST");
    assert!(found[1].starts_with("curl 3 "), "{found:?}");
    assert!(found[2].starts_with("nginx 3 "), "{found:?}");
    assert_eq!(found.len(), 3);
    let json = env
        .query(["--top", "pname,direction", "-o", "jsonl"])
        .exits(0)
        .json();
    assert_eq!(json.len(), 10);
    assert_eq!(
        json.iter()
            .map(|count| count["events"].as_u64().unwrap())
            .sum::<u64>(),
        10
    );
    // What an event lacks is absent.
    assert!(
        json.iter()
            .any(|count| count["pname"] == "bash" && count.get("direction").is_none())
    );
    let hosts = env.query(["-F", "host", "-o", "jsonl"]).exits(0).json();
    let names: Vec<_> = hosts
        .iter()
        .map(|host| host["host"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["api.test:8443", "example.com"]);
    assert_eq!(hosts[1]["first"], "2026-11-23T10:51:41.000000000Z");
    // Of payloads, event by event.
    let cookies = env
        .query(["--top", "header[\"content-length\"]", "-o", "jsonl"])
        .exits(0)
        .json();
    let of = |value: &str| {
        cookies
            .iter()
            .find(|count| count["header[\"content-length\"]"] == value)
            .map(|count| count["events"].clone())
    };
    assert_eq!(of("11"), Some(1.into()));
    assert_eq!(of("5"), Some(1.into()));
}

#[test]
fn events_by_time() {
    let env = sample();
    let json = env
        .query(["--histogram", "5s", "-o", "jsonl"])
        .exits(0)
        .json();
    assert_eq!(
        json.iter()
            .map(|count| count["events"].as_u64().unwrap())
            .sum::<u64>(),
        10
    );
    assert_eq!(json[0]["start"], "2026-11-23T10:51:40.000000000Z");
    assert_eq!(json[0]["seconds"], 5);
    let drawn = lines(&env, &["--histogram", "1s", "--pname", "curl"]);
    assert_eq!(drawn.len(), 4, "{drawn:?}");
    assert!(drawn[1].ends_with('█'), "{drawn:?}");
    env.query(["--histogram", "soon"])
        .exits(2)
        .says("a length of time like");
}

#[test]
fn columns_and_order() {
    let env = sample();
    let found = lines(
        &env,
        &["--columns", "id,pname,len", "--sort", "-len", "-n", "2"],
    );
    assert_eq!(found, ["ID PNAME LEN", "5 nginx 76 B", "3 curl 68 B"]);
    let found = lines(&env, &["--columns", "id", "--sort", "status", "-n", "3"]);
    // Events without a value come last.
    assert_eq!(found[..3], ["ID", "3", "6"]);
    let json = env
        .query([
            "--columns",
            "id,port,uid,time,payload",
            "-o",
            "jsonl",
            "-r",
            "-n",
            "2",
        ])
        .exits(0)
        .json();
    assert_eq!(json[1]["id"], 2);
    assert_eq!(json[1]["port"], serde_json::json!([50_000, 443]));
    assert!(json[1].get("uid").is_none());
    assert!(json[1]["payload"].as_str().unwrap().starts_with("GET /a"));
    let json = env
        .query(["--columns", "payload", "-o", "jsonl", "--pname", "wget"])
        .exits(0)
        .json();
    assert!(json[0]["payload_base64"].is_string());
}

#[test]
fn how_it_is_answered() {
    let env = sample();
    let run = env
        .query([
            "--explain",
            "--pname",
            "curl",
            "len > 40 && any contains \"hello\"",
        ])
        .exits(0);
    let text = run.text();
    for part in [
        "filter     len > 40 && any contains \"hello\" && pname == \"curl\"",
        "1 streams fit pname == \"curl\"",
        "processes_pname",
        "e.payload_bytes > ?",
        "payload    any contains \"hello\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("hello')"), "a value is never SQL text");
}

#[test]
fn what_is_seen_for_the_first_time() {
    let env = sample();
    let json = env
        .query([
            "first-seen",
            "--since",
            "2026-11-23T10:51:44Z",
            "-o",
            "jsonl",
        ])
        .exits(0)
        .json();
    assert_eq!(json.len(), 1);
    assert_eq!(
        (&json[0]["pname"], &json[0]["host"]),
        (&"nginx".into(), &"api.test:8443".into())
    );
    let json = env
        .query([
            "first-seen",
            "--since",
            "2026-11-23T10:51:00Z",
            "--by",
            "pname",
            "-o",
            "jsonl",
        ])
        .exits(0)
        .json();
    assert_eq!(json.len(), 6);
    env.query(["first-seen", "--since", "2026-11-23T10:52:00Z"])
        .exits(1)
        .says("nothing since 2026-11-23 10:52:00");
    env.query(["first-seen"]).exits(2).says("--since");
}

#[test]
fn filters_and_their_faults() {
    let env = sample();
    for (filter, expected) in [
        ("pname == curl && time >= \"2026-11-23T10:51:42Z\"", vec![3]),
        (
            "(pname == curl || pname ~ \"^ng\") && not port == 443",
            vec![4, 5, 6],
        ),
        (
            "addr == 10.0.0.1:50000 && addr == 93.184.216.34:443",
            vec![1, 2, 3],
        ),
        ("ip == 2001:db8::/32 && status >= 400", vec![6]),
        ("body matches \"S3CR3T\"", vec![5]),
        ("req.header[\"content-length\"] == \"11\"", vec![5]),
        ("payload contains ff:fe:01", vec![9]),
        ("len > 60", vec![3, 5]),
        ("host == \"EXAMPLE.com\"", vec![2]),
        ("host == api.test", vec![5]),
        ("uid == 1000 xor kind == sql", vec![7, 8]),
        ("not text && len > 0", vec![9, 10]),
        ("id in {2, 5..6}", vec![2, 5, 6]),
    ] {
        let ids: Vec<_> = env
            .events([filter])
            .iter()
            .map(|event| event["id"].as_i64().unwrap())
            .collect();
        assert_eq!(ids, expected, "{filter}");
    }
    // Words and flags must all hold.
    let ids: Vec<_> = env
        .events(["pname", "==", "curl", "--direction", "in"])
        .iter()
        .map(|event| event["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [3]);
    for (args, expected) in [
        (
            &["pnme == 3"][..],
            "did you mean `pname`?\n    pnme == 3\n    ^^^^\n",
        ),
        (&["shwo", "1"], "did you mean the command `show`?"),
        (&["pid == curl"], "    pid == curl\n           ^^^^"),
        (&["--grep", "a(b"], "    a(b\n     ^"),
        (
            &["--grep", "a(b", "--columns", "pnme"],
            "did you mean `pname`?",
        ),
        (&["--hex", "5"], "hexadecimal"),
    ] {
        env.query(args).exits(2).says(expected);
    }
    env.query(["--grep", "a(b", "--fixed"]).exits(1);
    let found = env.events(["--fixed", "--encoded", "--grep", "S3cr3t"]);
    assert_eq!(found.len(), 1);
    assert_eq!(env.events(["--hex", "fffe 01"]).len(), 1);
}
