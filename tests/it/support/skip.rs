//! Leaving something out, for all to see.

use std::io::Write as _;

/// Says that this machine or user does not allow a test. Not by `println`, which a passing test keeps to itself.
pub(crate) fn skip(what: &str, why: &str) {
    let line = format!("SKIPPED {what}: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
