//! A passphrase that is typed in.

use super::{EVENTS, check_hidden, frames, write_secret};
use crate::support::env::{QUERY, RECORD, TestEnv};
use crate::support::folder::{fingerprint, names};
use crate::support::frames::save;
use crate::support::skip::skip;
use crate::support::terminal::{Typed, has_terminals, on_terminal};

const NEW: &str = "new passphrase for the capture: ";
const AGAIN: &str = "the same again: ";
const OLD: &str = "passphrase for ";

/// What is typed, and what else: neither may be shown.
const SECRETS: [&str; 3] = ["open sesame", "Open sesame", "open barley"];

impl Typed {
    /// Ends with this status after so many answers, having said this.
    #[track_caller]
    fn ends(self, status: i64, answers: u64, text: &str) -> Self {
        assert_eq!(self.status, Some(status), "{}", self.shown);
        assert_eq!(self.answers, answers, "{}", self.shown);
        assert!(self.shown.contains(text), "no {text:?}\n{}", self.shown);
        for secret in SECRETS {
            assert!(!self.shown.contains(secret), "{}", self.shown);
        }
        assert!(self.echoes, "the terminal is as it was before");
        self
    }
}

#[test]
fn a_passphrase_is_asked_for_and_not_shown() {
    if !has_terminals() {
        skip("a passphrase that is typed in", "there is no python3");
        return;
    }
    let env = TestEnv::new();
    let file = env.path("frames");
    save(&file, &frames());
    let file = file.to_str().unwrap();
    let record = |args: &[&str], answers: &[(&str, &str)]| {
        let args = [&["--import", file], args].concat();
        on_terminal(&env.with_db(RECORD, args), answers)
    };
    let query =
        |args: &[&str], answers: &[(&str, &str)]| on_terminal(&env.with_db(QUERY, args), answers);

    // What is mistyped, or nothing, makes no capture.
    record(
        &["--encrypt"],
        &[(NEW, "open sesame"), (AGAIN, "Open sesame")],
    )
    .ends(2, 2, "the two passphrases are not the same");
    record(&["--encrypt"], &[(NEW, ""), (AGAIN, "")]).ends(2, 2, "the passphrase is empty");
    assert_eq!(names(&env.path("db")), [""; 0]);
    record(
        &["--encrypt"],
        &[(NEW, "open sesame"), (AGAIN, "open sesame")],
    )
    .ends(0, 2, "0 unreadable");
    check_hidden(&env);

    let before = fingerprint(&env.path("db"));
    let count = format!("{EVENTS}\r\n");
    query(&["--count"], &[(OLD, "open sesame")]).ends(0, 1, &count);
    query(&["--count"], &[(OLD, "Open sesame")]).ends(2, 1, "another one is given");
    query(&["--count"], &[(OLD, "")]).ends(2, 1, "the passphrase is empty");
    // Without a terminal, nobody is asked.
    env.query(["--count"]).exits(2).says("none is given");
    // It is the same as one in a file.
    let passphrase = write_secret(&env, "passphrase", b"open sesame\n");
    env.query(["--count", "--passphrase-file", &passphrase])
        .exits(0);
    query(&["--count", "--passphrase-file", &passphrase], &[]).ends(0, 0, &count);
    assert_eq!(fingerprint(&env.path("db")), before);

    // Whoever records into it needs it, once.
    record(&["--again"], &[(OLD, "open barley")]).ends(2, 1, "another one is given");
    record(&["--again"], &[(OLD, "open sesame")]).ends(0, 1, "0 unreadable");
    query(
        &["rekey"],
        &[
            (OLD, "open sesame"),
            (NEW, "open barley"),
            (AGAIN, "open barley"),
        ],
    )
    .ends(0, 3, "the new secret");
    query(&["--count"], &[(OLD, "open sesame")]).ends(2, 1, "another one is given");
    let count = format!("{}\r\n", 2 * EVENTS);
    query(&["--count"], &[(OLD, "open barley")]).ends(0, 1, &count);
}
