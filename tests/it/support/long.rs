//! The short and the long form of a test: the gate runs the one, `.ci/long` the other.

use std::io::Write as _;

/// Set to 1, it makes tests take their long form; `.ci/long faults` sets it.
const LONG: &str = "ECQ_LONG";

/// How many minutes the soak takes; `.ci/long soak` sets it.
const SOAK_MINUTES: &str = "ECQ_SOAK_MINUTES";

/// A number from which the tests that draw lots begin, to see again what one of them found.
const SEED: &str = "ECQ_SEED";

/// From which number they begin otherwise.
const USUAL_SEED: u64 = 5;

#[expect(
    clippy::disallowed_methods,
    reason = "how long tests may take, and with which lots, is said by the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether the long form is asked for.
pub(crate) fn is_long() -> bool {
    variable(LONG).is_some_and(|value| value != "0")
}

/// The one number in the short form, the other in the long one.
pub(crate) fn short_or_long<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// The number to begin with, which is printed: the usual one, or what the environment says.
pub(crate) fn seed(what: &str) -> u64 {
    let seed = variable(SEED).map_or(USUAL_SEED, |value| {
        value
            .parse()
            .unwrap_or_else(|_| panic!("{SEED} is to be a number, and is {value:?}"))
    });
    let line = format!("{what}: {SEED}={seed}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    seed
}

/// How many minutes the soak takes; `None` for its short form.
pub(crate) fn soak_minutes() -> Option<u64> {
    variable(SOAK_MINUTES).map(|value| {
        value
            .parse()
            .unwrap_or_else(|_| panic!("{SOAK_MINUTES} is to be a number, and is {value:?}"))
    })
}
