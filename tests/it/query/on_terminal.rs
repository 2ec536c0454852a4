//! What a person sees on a terminal.

use super::sample;
use crate::support::env::{QUERY, TestEnv};
use crate::support::skip::skip;
use crate::support::terminal::{has_terminals, on_terminal};

/// What a query shows on a terminal with so many columns; `None` without a Python to make one.
#[track_caller]
fn shown(env: &TestEnv, columns: usize, args: &[&str]) -> Option<String> {
    if !has_terminals() {
        skip("what a person sees on a terminal", "there is no python3");
        return None;
    }
    let mut command = env.with_db(QUERY, args);
    command
        .env("COLUMNS", columns.to_string())
        .env("NO_COLOR", "1");
    let typed = on_terminal(&command, &[]);
    assert_eq!(typed.status, Some(0), "{args:?}\n{}", typed.shown);
    Some(typed.shown.replace("\r\n", "\n"))
}

#[test]
fn tables_fit_and_show_what_was_asked() {
    let env = sample();
    for columns in [80, 100, 160] {
        for args in [&["--exchanges", "-q"][..], &["--events", "-q"]] {
            let Some(text) = shown(&env, columns, args) else {
                return;
            };
            assert!(
                text.lines().all(|line| line.chars().count() <= columns),
                "{args:?} in {columns}\n{text}"
            );
        }
    }
    let exchanges = shown(&env, 80, &["--exchanges", "-q"]).unwrap_or_default();
    for line in [
        ["curl[100]", "GET", "200", "example.com/a?b=1"],
        ["nginx[200]", "POST", "404", "api.test:8443/login"],
    ] {
        let is_there = |text: &str| line.iter().all(|word| text.contains(word));
        assert!(exchanges.lines().any(is_there), "{line:?}\n{exchanges}");
    }
    let events = shown(&env, 80, &["-q", "--pname", "curl"]).unwrap_or_default();
    for line in [
        ["curl[100]", "out", "request", "GET /a?b=1 HTTP/1.1"],
        ["curl[100]", "in", "sponse", "HTTP/1.1 200 OK"],
    ] {
        let is_there = |text: &str| line.iter().all(|word| text.contains(word));
        assert!(events.lines().any(is_there), "{line:?}\n{events}");
    }
}
