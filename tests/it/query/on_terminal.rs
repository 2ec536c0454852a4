//! What a person sees on a terminal.

use super::exchanges::answered;
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

/// How many lines of a body there are on a terminal at most, with what else is said of its exchange.
const LINES: usize = 540;

/// Of a long body, the beginning is shown, and how to see the rest.
#[test]
fn what_is_long_is_cut() {
    let numbers: Vec<_> = (0..700_000).map(|number| number.to_string()).collect();
    let json = format!("{{\"all\":[{}]}}", numbers.join(","));
    assert!(json.len() > 4 << 20);
    let lines: Vec<_> = (0..100_000)
        .map(|number| format!("line {number}\n"))
        .collect();
    let lines = lines.concat();
    let bytes: Vec<u8> = (0..200_000_u32)
        .map(|number| number.to_le_bytes()[0])
        .collect();
    for (content_type, body, first, last, size) in [
        (
            "application/json",
            json.as_bytes(),
            "    1,\n",
            "    699999\n  ]\n}\n",
            "4.6 MiB",
        ),
        (
            "text/plain",
            lines.as_bytes(),
            "line 1\n",
            "line 99999\n",
            "1.0 MiB",
        ),
        (
            "application/octet-stream",
            &bytes,
            "00000010 ",
            "00030d30 ",
            "",
        ),
    ] {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let env = answered(&[&[head.as_bytes(), body].concat()]);
        let Some(text) = shown(&env, 80, &["show", "x1"]) else {
            return;
        };
        assert!(text.lines().count() < LINES, "{content_type}");
        assert!(text.contains(first) && !text.contains(last), "{text}");
        assert!(text.contains("`--full` shows all of"), "{text}");
        let full = shown(&env, 80, &["show", "x1", "--full"]).unwrap_or_default();
        assert!(
            full.contains(last) && !full.contains("--full"),
            "{content_type}"
        );
        // Elsewhere, text is whole.
        let piped = env.query(["show", "x1"]).exits(0);
        let is_text = !size.is_empty();
        assert_eq!(piped.text().contains(last), is_text, "{content_type}");
        if is_text {
            assert!(text.contains(&format!("(cut here, of {size}: ")), "{text}");
            assert_eq!(piped.text(), full, "{content_type}");
        }
        // So it is with payloads and connections.
        for args in [&["show", "2"][..], &["follow-stream", "1"]] {
            let text = shown(&env, 80, args).unwrap_or_default();
            assert!(text.lines().count() < 2 * LINES, "{args:?}\n{text}");
            assert!(text.contains("`--full` shows all of"), "{args:?}\n{text}");
        }
    }
}

#[test]
fn csv_is_not_for_a_terminal() {
    if !has_terminals() {
        skip("what a person sees on a terminal", "there is no python3");
        return;
    }
    let env = sample();
    let command = env.with_db(QUERY, ["export", "csv", "--events"]);
    let typed = on_terminal(&command, &[]);
    assert_eq!(typed.status, Some(2), "{}", typed.shown);
    assert!(
        typed.shown.contains("csv is not for a terminal") && !typed.shown.contains("\x1b["),
        "{}",
        typed.shown
    );
}
