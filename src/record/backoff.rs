//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// The first wait. eCapture 1.5.0 to 2.5.1 does not survive a burst of short connections.
const FIRST: Duration = Duration::from_secs(1);

/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(30);

/// The first wait after a message that was too large: the next one may be as large.
const AFTER_TOO_LARGE: Duration = Duration::from_secs(5);

/// Waits that double up to a limit. Has no clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The wait before the next attempt.
    pub(super) fn next_wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        wait
    }

    /// A link was good: start again from the shortest wait.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// A message was too large: wait longer than after other ends.
    pub(super) fn slow_down(&mut self) {
        self.next = self.next.max(AFTER_TOO_LARGE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_limit() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..7).map(|_| backoff.next_wait().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.next_wait(), FIRST);
        backoff.slow_down();
        assert_eq!(backoff.next_wait(), AFTER_TOO_LARGE);
    }
}
