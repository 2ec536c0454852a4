//! Bundles: what is in them, that it can be checked with common tools, and that nothing is left after a failure.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use memchr::memmem;
use serde_json::Value;

use super::sample;
use crate::stand_in::dialect::Dialect;
use crate::stand_in::options::Options;
use crate::stand_in::server::StandIn;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::subset::redacted::{SECRETS, check_gone, frames};
use crate::support::capture::live;
use crate::support::env::{Run, TestEnv, run};
use crate::support::folder::names;
use crate::support::frames::save;
use crate::support::live::Recorder;
use crate::support::wait::until_true;

/// The folder of an unpacked bundle.
fn unpacked(env: &TestEnv, bundle: &str) -> PathBuf {
    let folder = env.path(format!("{bundle}-unpacked"));
    let file = fs::File::open(env.path(bundle)).unwrap();
    let plain = zstd::Decoder::new(file).unwrap();
    tar::Archive::new(plain).unpack(&folder).unwrap();
    folder
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Asks the capture of a bundle.
fn ask(env: &TestEnv, capture: &Path, args: &[&str]) -> Run {
    let mut all = args.to_vec();
    all.extend(["--db", capture.to_str().unwrap()]);
    env.query_alone(all)
}

/// `sha256sum --check`, as the bundle says.
fn check_sums(folder: &Path) {
    let mut command = Command::new("sha256sum");
    command
        .args(["--check", "--quiet", "SHA256SUMS"])
        .current_dir(folder);
    run(command).exits(0);
}

#[test]
fn everything_about_a_case_is_in_it() {
    let env = sample();
    let made = env
        .query([
            "bundle",
            "--output",
            "case.tar.zst",
            "--export",
            "har,pcapng,jsonl",
            "--bodies",
            "--verify",
            "--export",
            "har,jsonl,pcapng,csv,curl",
            "--note",
            "case 7",
            "host == \"example.com\"",
        ])
        .exits(0)
        .says("3 of 10 events, 1 exchanges in case.tar.zst");
    let mode = fs::metadata(env.path("case.tar.zst"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o7777, 0o600);

    // What is printed is what sha256sum says.
    fs::write(env.path("noted"), &made.stdout).unwrap();
    let mut sum = Command::new("sha256sum");
    sum.args(["--check", "noted"]).current_dir(env.path(""));
    run(sum).exits(0);

    let case = unpacked(&env, "case.tar.zst").join("case");
    check_sums(&case);
    assert_eq!(
        names(&case),
        [
            "README.txt",
            "SHA256SUMS",
            "bodies",
            "capture.db",
            "coverage.json",
            "coverage.txt",
            "exports",
            "manifest.json",
            "verification.jsonl"
        ]
    );
    let capture = case.join("capture.db");
    let ids: Vec<_> = ask(&env, &capture, &["--events", "-o", "jsonl", "-r"])
        .exits(0)
        .json()
        .iter()
        .map(|event| event["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [1, 2, 3]);
    ask(&env, &capture, &["verify"]).exits(0);

    let har = json(&case.join("exports/exchanges.har"));
    assert_eq!(har["log"]["entries"].as_array().unwrap().len(), 1);
    let lines = fs::read_to_string(case.join("exports/exchanges.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 1);
    assert!(case.join("exports/exchanges.pcapng").exists());
    let index = fs::read_to_string(case.join("bodies/index.jsonl")).unwrap();
    let body: Value = serde_json::from_str(index.lines().next().unwrap()).unwrap();
    let file = case.join("bodies").join(body["file"].as_str().unwrap());
    assert_eq!(fs::read(file).unwrap(), b"hello");

    let checked = fs::read_to_string(case.join("verification.jsonl")).unwrap();
    assert!(checked.contains("\"is_sound\":true"), "{checked}");
    assert_eq!(json(&case.join("coverage.json"))["events"], 10);
    let words = fs::read_to_string(case.join("coverage.txt")).unwrap();
    assert!(words.contains("events    10"), "{words}");

    let manifest = json(&case.join("manifest.json"));
    assert_eq!(manifest["note"], "case 7");
    assert_eq!(manifest["command"][1], "bundle");
    let line = manifest["command_line"].as_str().unwrap();
    assert!(line.contains(r#"'host == "example.com"'"#), "{line}");
    let taken = &manifest["taken_from"][0];
    assert_eq!(
        (&taken["of"], &taken["events"]),
        (&"exchanges".into(), &3.into())
    );
    assert_eq!(
        taken["path"],
        env.db().canonicalize().unwrap().to_str().unwrap()
    );
    // The noted head is in the chain of the original.
    let head = manifest["head"]["link"].as_str().unwrap();
    env.query(["verify", "--expect-head", head]).exits(0);
    // All files but the manifest itself and the sums.
    let sums = fs::read_to_string(case.join("SHA256SUMS")).unwrap();
    let files = manifest["files"].as_array().unwrap();
    assert_eq!(files.len() + 1, sums.lines().count());
    for file in files {
        let (name, sum) = (
            file["name"].as_str().unwrap(),
            file["sha256"].as_str().unwrap(),
        );
        assert!(sums.contains(&format!("{sum}  {name}\n")), "{name}");
        assert_eq!(fs::metadata(case.join(name)).unwrap().len(), file["bytes"]);
    }
}

#[test]
fn events_are_exported_as_they_were_chosen() {
    let env = sample();
    env.query([
        "bundle",
        "-o",
        "b.tar.zst",
        "--export",
        "jsonl,csv",
        "--pid",
        "200,777",
    ])
    .exits(0);
    let case = unpacked(&env, "b.tar.zst").join("b");
    check_sums(&case);
    let lines = fs::read_to_string(case.join("exports/events.jsonl")).unwrap();
    let ids: Vec<_> = lines
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["id"]
                .as_i64()
                .unwrap()
        })
        .collect();
    let asked: Vec<_> = env
        .events(["--pid", "200,777"])
        .iter()
        .map(|event| event["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, asked);
    assert!(!ids.is_empty());
    let mut csv = csv::Reader::from_path(case.join("exports/events.csv")).unwrap();
    assert_eq!(csv.records().count(), ids.len());
}

#[test]
fn nothing_found_is_evidence_as_well() {
    let env = sample();
    env.query(["bundle", "-o", "none.tar.zst", "--pname", "nobody"])
        .exits(1)
        .says("0 of 10 events");
    let case = unpacked(&env, "none.tar.zst").join("none");
    check_sums(&case);
    assert!(case.join("coverage.txt").exists());
    ask(&env, &case.join("capture.db"), &["--count"]).exits(1);
}

#[test]
fn a_damaged_capture_is_said_to_be_one() {
    let env = sample();
    rusqlite::Connection::open(env.db())
        .unwrap()
        .execute_batch("UPDATE batches SET digest = zeroblob(32)")
        .unwrap();
    env.query(["bundle", "-o", "b.tar.zst", "--verify"])
        .exits(1)
        .says("faults: verification.jsonl tells them");
    let case = unpacked(&env, "b.tar.zst").join("b");
    let checked = fs::read_to_string(case.join("verification.jsonl")).unwrap();
    assert!(checked.contains("\"part\":\"commit\""), "{checked}");
}

/// A bundle of a capture with secrets, unpacked.
#[track_caller]
fn redacted(env: &TestEnv, name: &str, args: &[&str]) -> PathBuf {
    let file = format!("{name}.tar.zst");
    let always = ["bundle", "--redact", "-o", &file];
    let made = env.query([&always[..], args].concat()).exits(0);
    for secret in SECRETS {
        let said = format!("{}{}", made.stderr, made.text());
        assert!(!said.contains(secret), "{}", made.story());
    }
    let case = unpacked(env, &file).join(name);
    check_sums(&case);
    check_gone(env, &case.join("capture.db"));
    let mut folders = vec![case.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            for secret in SECRETS {
                let found = memmem::find(&bytes, secret.as_bytes());
                assert_eq!(found, None, "{secret} in {}", path.display());
            }
        }
    }
    case
}

/// How many exchanges a bundle has as HAR, and in its capture.
fn exchanges(env: &TestEnv, case: &Path) -> (usize, String) {
    let har = json(&case.join("exports/exchanges.har"));
    let counted = ask(env, &case.join("capture.db"), &["--exchanges", "--count"]);
    (
        har["log"]["entries"].as_array().unwrap().len(),
        counted.text().trim().to_owned(),
    )
}

#[test]
fn no_secret_goes_into_a_redacted_one() {
    let env = TestEnv::new();
    let file = env.path("frames");
    save(&file, &frames());
    env.import::<&str>(&file, []);
    let case = redacted(
        &env,
        "case",
        &[
            "--bodies",
            "--verify",
            "--export",
            "har,jsonl,pcapng,csv,curl",
            "host in {\"login.test\" \"parts.test\"}",
        ],
    );
    // Bodies of HTTP/2 and what goes over from one event to the next are there.
    let har = fs::read_to_string(case.join("exports/exchanges.har")).unwrap();
    for kept in ["user=alice&password=", "&next=yes", "HttpOnly", "behind it"] {
        assert!(har.contains(kept), "{kept} in {har}");
    }
    let manifest = json(&case.join("manifest.json"));
    let key = manifest["redaction"]["key"].as_str().unwrap();
    assert_eq!(key.len(), 16);
    assert!(
        manifest["redaction"]["secrets"].as_u64() > Some(12),
        "{manifest}"
    );
    assert_eq!(manifest["redaction"]["opaque_bytes"], 0);
    let line = manifest["command_line"].as_str().unwrap();
    assert!(line.contains("login.test"), "{line}");
    let stats = ask(&env, &case.join("capture.db"), &["stats", "-o", "jsonl"]);
    assert_eq!(
        stats.exits(0).json()[0]["recordings"][0]["redaction_key"],
        key
    );
    // The head is that of the original, and not where all of that but the secrets is known.
    let head = manifest["head"]["link"].as_str().unwrap();
    env.query(["verify", "--expect-head", head]).exits(0);
    let checked = fs::read_to_string(case.join("verification.jsonl")).unwrap();
    assert!(
        checked.contains("\"is_sound\":true") && !checked.contains(head),
        "{checked}"
    );
    let whole = redacted(&env, "whole", &["--events", "--export", "jsonl,pcapng"]);
    assert!(json(&whole.join("manifest.json")).get("head").is_none());
    let words = fs::read_to_string(case.join("README.txt")).unwrap();
    assert!(words.contains("Secrets in it were replaced"), "{words}");

    // A filter that is true of nothing any more: the exports are of all that is there.
    let form = format!("req.body contains \"{}\"", SECRETS[4]);
    let case = redacted(&env, "form", &["--export", "har", &form]);
    assert_eq!(exchanges(&env, &case), (2, "2".to_owned()));
    let manifest = json(&case.join("manifest.json"));
    for left_out in ["command", "command_line"] {
        assert!(manifest.get(left_out).is_none(), "{manifest}");
    }
    assert_eq!(
        manifest["taken_from"][0]["filter"],
        "left out, as it may hold a secret (--redact)"
    );
    // So it is of a rule.
    let rule = format!("regex:{}", SECRETS[17]);
    let case = redacted(
        &env,
        "rule",
        &[
            "--export",
            "har",
            "--redact-rule",
            &rule,
            "host == \"one.test\"",
        ],
    );
    assert_eq!(exchanges(&env, &case), (1, "1".to_owned()));
    let manifest = json(&case.join("manifest.json"));
    assert!(manifest.get("command").is_none(), "{manifest}");
    assert_eq!(manifest["taken_from"][0]["filter"], "host == \"one.test\"");

    // What is told of the original is no place for one either.
    let again = TestEnv::new();
    let file = again.path("frames");
    save(&file, &frames());
    again.import(&file, ["--filter", "not payload contains \"GVNOTHERE\""]);
    let case = redacted(&again, "filtered", &["host == \"one.test\""]);
    let coverage = fs::read_to_string(case.join("coverage.json")).unwrap();
    let words = fs::read_to_string(case.join("coverage.txt")).unwrap();
    for text in [coverage, words] {
        assert!(!text.contains("GVNOTHERE"), "{text}");
        assert!(text.contains("left out, as it may hold a secret"), "{text}");
    }
}

#[test]
fn of_a_capture_that_is_written() {
    let env = TestEnv::new();
    let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    server.play(Traffic::new(7, Corpus::Realistic).take(300), None);
    until_true("events", || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") > 100
    });
    env.query(["bundle", "-o", "live.tar.zst", "--export", "jsonl"])
        .exits(0);
    recorder.stop().exits(0);
    let case = unpacked(&env, "live.tar.zst").join("live");
    check_sums(&case);
    ask(&env, &case.join("capture.db"), &["verify"]).exits(0);
}

#[test]
fn what_is_refused_leaves_nothing() {
    let env = sample();
    fs::write(env.path("there"), "mine").unwrap();
    let before = names(&env.path(""));
    for (args, says) in [
        (&["-o", "there"][..], "there is there already"),
        (
            &["-o", "x", "--export", "db"],
            "has the events as a capture anyway",
        ),
        (
            &["-o", "x", "--export", "har", "--events"],
            "this format is made of exchanges",
        ),
        (&["-o", "none/x"], "failed to create none/x"),
        (&["-o", "x", "--chain-key", "k"], "--verify"),
        (&["-o", "x", "nonsense =="], "nonsense"),
    ] {
        let mut all = vec!["bundle"];
        all.extend(args);
        env.query(all).exits(2).says(says);
        assert_eq!(names(&env.path("")), before, "{args:?}");
    }
    env.query(["bundle", "-o", "there", "--force"]).exits(0);
    assert!(
        fs::read(env.path("there"))
            .unwrap()
            .starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
    );
    assert_eq!(names(&env.path("")), before);
}
