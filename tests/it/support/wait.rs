//! Waiting for something to happen, with a deadline and without guessing how long it takes.

use std::time::{Duration, Instant};

/// Long enough for anything that happens at all, on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(90);

const POLL: Duration = Duration::from_millis(5);

/// Asks until there is an answer; panics with `what` after [`LONG`].
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(POLL);
    }
}

/// Asks until the answer is yes.
#[track_caller]
pub(crate) fn until_true(what: &str, mut ask: impl FnMut() -> bool) {
    until(what, || ask().then_some(()));
}
