//! What is taken out of an encrypted capture, or removed from it.

use super::{EVENTS, ask, check_hidden, encrypted};
use crate::support::env::{QUERY, Run, TestEnv, run};

fn of_file(env: &TestEnv, name: &str, args: &[&str]) -> Run {
    let mut command = env.command(QUERY, args);
    command.arg("--db").arg(env.path(name));
    run(command)
}

/// The capture in a bundle is as safe as its original; what was asked for in the clear is said to be that.
#[test]
fn a_bundle() {
    let (env, key) = encrypted();
    let capture_of = |name: &str| {
        let file = std::fs::File::open(env.path(format!("{name}.tar.zst"))).unwrap();
        let archive = zstd::Decoder::new(file).unwrap();
        // Where `check_hidden` looks.
        let folder = env.path("db").join(name);
        tar::Archive::new(archive).unpack(&folder).unwrap();
        folder.join(name)
    };
    ask(&env, &key, &["bundle", "-o", "safe.tar.zst", "--verify"])
        .exits(0)
        .never_says("not encrypted");
    capture_of("safe");
    check_hidden(&env);
    ask(
        &env,
        &key,
        &["bundle", "-o", "open.tar.zst", "--export", "har"],
    )
    .exits(0)
    .says("put into the bundle is not encrypted");
    let har = std::fs::read_to_string(capture_of("open").join("exports/exchanges.har")).unwrap();
    assert!(har.contains("NeedleInAHeader"));
    of_file(&env, "db/open/open/capture.db", &["--count"]).exits(2);
    ask(&env, &key, &["bundle", "-o", "clear.tar.zst", "--decrypt"]).exits(0);
    capture_of("clear");
    of_file(
        &env,
        "db/clear/clear/capture.db",
        &["--grep", "NeedleInAHeader"],
    )
    .exits(0);
    env.query(["bundle", "-o", "none.tar.zst"]).exits(2);
}

/// A subset is as safe as its original, unless it is asked otherwise.
#[test]
fn a_subset() {
    let (env, key) = encrypted();
    let output = |name: &str| env.path(name).to_str().unwrap().to_owned();
    let filter = "pname in {\"curl\", \"bash\"}";
    ask(
        &env,
        &key,
        &["export", "db", "-o", &output("db/subset.db"), filter],
    )
    .exits(0);
    check_hidden(&env);
    of_file(&env, "db/subset.db", &["--count"])
        .exits(2)
        .says("is encrypted with a key file");
    let with_key = |args: &[&str]| {
        of_file(
            &env,
            "db/subset.db",
            &[args, &["--key-file", &key]].concat(),
        )
    };
    assert_eq!(with_key(&["--count", "--events"]).exits(0).text(), "3\n");
    let whole = with_key(&["verify", "-o", "jsonl"]).exits(0).json();
    assert_eq!(whole[0]["is_sound"], true, "{whole:?}");
    let found = with_key(&["--exchanges", "--grep", "NeedleInAnAnswer", "--count"]).exits(0);
    assert_eq!(found.text(), "1\n");
    // Somewhere else, as it is in the clear.
    ask(
        &env,
        &key,
        &[
            "export",
            "db",
            "--decrypt",
            "-o",
            &output("plain.db"),
            filter,
        ],
    )
    .exits(0);
    let plain = |args: &[&str]| of_file(&env, "plain.db", args);
    let shown = plain(&["show", "1", "--raw"]).exits(0);
    assert!(shown.text().contains("NeedleInAHeader"));
    let whole = plain(&["verify", "-o", "jsonl"]).exits(0).json();
    assert_eq!(whole[0]["is_sound"], true, "{whole:?}");
    assert_eq!(
        plain(&["-o", "jsonl", "--events"]).exits(0).text(),
        with_key(&["-o", "jsonl", "--events"]).exits(0).text()
    );
    ask(&env, &key, &["export", "csv", "--decrypt"])
        .exits(2)
        .says("never encrypted");
}

/// Blocks that are written anew when most of their members go are encrypted again, and digests of what went still fit.
#[test]
fn pruning() {
    let (env, key) = encrypted();
    let rule = "pname == \"ssh\"=1s";
    ask(&env, &key, &["prune", "--keep-where", rule, "--yes"]).exits(0);
    let whole = ask(&env, &key, &["verify", "-o", "jsonl"]).exits(0).json();
    assert_eq!(whole[0]["is_sound"], true, "{whole:?}");
    assert_eq!(
        (&whole[0]["events"], &whole[0]["removed_events"]),
        (&(EVENTS - 60).into(), &60.into())
    );
    for (text, count) in [
        ("NeedleInAnAnswer", "1\n"),
        ("NeedleOfAShell", "1\n"),
        ("NeedleInALargeBody", "1\n"),
    ] {
        let found = ask(&env, &key, &["--grep", text, "--fixed", "--count"]).exits(0);
        assert_eq!(found.text(), count, "{text}");
    }
    check_hidden(&env);
    ask(&env, &key, &["prune", "--keep", "1s", "--yes"]).exits(0);
    ask(&env, &key, &["verify"]).exits(0);
    check_hidden(&env);
}
