//! What is written for shells and for `man`.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::env::TestEnv;
use crate::support::folder::names;

/// Runs a script by bash; what it wrote.
fn bash(args: &[&str], script: &[u8]) -> String {
    let mut child = Command::new("bash")
        .args(["--noprofile", "--norc"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bash_completes_both_programs() {
    let env = TestEnv::new();
    let script = env.query_alone(["completions", "bash"]).exits(0).stdout;
    bash(&["-n"], &script);
    for (words, expected) in [
        ("ecq-query s", "show stats sql"),
        ("ecq-query show --ra", "--raw"),
        ("ecq-query sql --time", "--timeout"),
        ("ecq-query first-seen --si", "--since"),
        ("ecq-query stats -o js", "jsonl"),
        ("ecq-record --save", "--save-frames"),
    ] {
        let (before, last) = words.rsplit_once(' ').unwrap();
        let program = words.split(' ').next().unwrap();
        let previous = before.rsplit(' ').next().unwrap();
        let count = before.split(' ').count();
        let function = program.replace('-', "__");
        let ask = format!(
            "\nCOMP_WORDS=({words}); COMP_CWORD={count}; _{function} {program} {last} {previous}; echo \"${{COMPREPLY[*]}}\"\n"
        );
        let mut whole = script.clone();
        whole.extend_from_slice(ask.as_bytes());
        let offered = bash(&[], &whole);
        let offered: Vec<_> = offered.split_whitespace().collect();
        for word in expected.split(' ') {
            assert!(offered.contains(&word), "{words}: {offered:?}");
        }
    }
}

#[test]
fn every_shell_gets_a_script() {
    let env = TestEnv::new();
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let run = env.query_alone(["completions", shell]).exits(0);
        assert!(run.text().contains("ecq-record"), "{}", run.story());
    }
    env.query_alone(["completions", "tcsh"]).exits(2);
}

#[test]
fn manual_pages() {
    let env = TestEnv::new();
    let page = env.query_alone(["man"]).exits(0);
    assert!(
        page.text().contains("\n.TH ecq-query 1"),
        "{}",
        page.story()
    );
    let folder = env.path("man");
    let ask = || env.query_alone(["man", "--dir", "man"]);
    ask().exits(2).says("man/ecq-query.1");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("ecq-record.1"), "an older page").unwrap();
    ask().exits(0).says("pages to man");
    let written = names(&folder);
    for name in ["ecq-query.1", "ecq-query-sql.1", "ecq-record.1"] {
        assert!(written.iter().any(|other| other == name), "{written:?}");
    }
    assert_eq!(fs::read(folder.join("ecq-query.1")).unwrap(), page.stdout);
    let record = fs::read_to_string(folder.join("ecq-record.1")).unwrap();
    assert!(record.contains("\\-\\-save\\-frames"), "{record}");
}
