//! The reference, as a document and as a command.

use std::fmt::Write as _;

use ecq::filter::{FIELDS, reference};

use crate::support::env::TestEnv;

const DOCUMENT: &str = "docs/filter.md";

#[test]
fn the_document_is_what_the_command_writes() {
    let written =
        std::fs::read_to_string(format!("{}/{DOCUMENT}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let made = reference::markdown();
    let first = written
        .lines()
        .zip(made.lines())
        .find(|(old, new)| old != new);
    assert!(
        written == made,
        "{DOCUMENT} is out of date; renew it with\n\n    cargo run --bin ecq-query -- fields --markdown > {DOCUMENT}\n\n\
         first difference: {first:?}"
    );
    let run = TestEnv::new().query(["fields", "--markdown"]).exits(0);
    assert_eq!(String::from_utf8(run.stdout).unwrap(), made);
}

/// Rows of tables and URLs can not be broken.
#[test]
fn the_lines_of_the_document_are_not_too_long() {
    let made = reference::markdown();
    let mut is_code = false;
    for line in made.lines() {
        is_code ^= line.starts_with("```");
        let is_long = line.chars().count() > 120 && !line.starts_with('|') && !is_code;
        assert!(!is_long, "{line}");
    }
}

#[test]
fn all_fields_are_listed() {
    let env = TestEnv::new();
    let run = env.query(["fields"]).exits(0);
    let text = String::from_utf8(run.stdout).unwrap();
    let lines = env.query(["fields", "-o", "jsonl"]).exits(0).json();
    assert_eq!(lines.len(), FIELDS.len());
    for (field, line) in FIELDS.iter().zip(lines) {
        assert!(
            text.lines().any(|line| line.starts_with(&field.form())),
            "{}",
            field.name
        );
        assert_eq!(line["name"], field.name);
        assert_eq!(line["example"], field.example);
    }
}

#[test]
fn one_field_is_explained() {
    let env = TestEnv::new();
    let run = env.query(["fields", "tcp.port"]).exits(0);
    let text = String::from_utf8(run.stdout).unwrap();
    let mut expected = String::new();
    for (title, value) in [
        ("field", "port"),
        ("also", "tcp.port"),
        ("sort", "number, several"),
        ("means", "A port at either end"),
        ("example", "port in {80, 8000..8100}"),
    ] {
        writeln!(expected, "{title:9}{value}").unwrap();
    }
    assert_eq!(text, expected);
    let lines = env
        .query(["fields", "direction", "-o", "jsonl"])
        .exits(0)
        .json();
    assert_eq!(lines[0]["words"], serde_json::json!(["in", "out"]));
    env.query(["fields", "prt"])
        .exits(2)
        .says("unknown field `prt`, did you mean `port`?");
}
