//! `ecq-record` as a service: what it tells systemd, if systemd started it (`sd_notify(3)`, `Type=notify`).
//!
//! Ready is said when the capture is open, with or without an eCapture. The watchdog is answered as long as both the
//! reader and the writer of the recording go round; a writer that waits for somebody's lock does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::record::{Meters, Pulse};

use super::words;

/// How often it is looked whether all is over.
const LOOK: Duration = Duration::from_millis(100);

/// How often the status is told.
const STATUS: Duration = Duration::from_secs(10);

/// The service manager that started us, if one did.
pub(super) struct Manager {
    /// How long it waits for a sign of life before it takes us for dead.
    watchdog: Option<Duration>,
}

impl Manager {
    /// Finds it in the environment; `None` where there is none.
    #[expect(
        clippy::disallowed_methods,
        reason = "cli is where the environment is read"
    )]
    pub(super) fn find() -> Option<Self> {
        std::env::var_os("NOTIFY_SOCKET")?;
        Some(Self {
            watchdog: sd_notify::watchdog_enabled(),
        })
    }

    /// Tells it that we are ready, how we stand and that we live, until it is over.
    pub(super) fn attend(&self, meters: &Meters, is_over: &AtomicBool) {
        tell(&[NotifyState::Ready]);
        let began = Instant::now();
        let mut status_due = began;
        let mut sign_due = began;
        let mut life = Life::default();
        while !is_over.load(Ordering::Relaxed) {
            let now = Instant::now();
            if now >= status_due {
                let text = words::status(&meters.status(), &meters.holders(), began.elapsed());
                tell(&[NotifyState::Status(&text)]);
                status_due = now + STATUS;
            }
            if let Some(watchdog) = self.watchdog
                && now >= sign_due
            {
                // Three signs in the time that is given.
                if life.goes_on(meters.pulse()) {
                    tell(&[NotifyState::Watchdog]);
                    sign_due = now + watchdog / 3;
                }
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// Whether a recording lives, from one sign to the next.
#[derive(Debug, Default)]
struct Life {
    seen: Pulse,
}

impl Life {
    /// Whether both threads went round since this was last true.
    fn goes_on(&mut self, pulse: Pulse) -> bool {
        let goes_on = pulse.reader != self.seen.reader && pulse.writer != self.seen.writer;
        if goes_on {
            self.seen = pulse;
        }
        goes_on
    }
}

/// Tells the service manager that the recording is being ended.
pub(super) fn tell_stopping() {
    tell(&[NotifyState::Stopping]);
}

/// A manager that does not listen misses something, and nothing else happens.
fn tell(states: &[NotifyState<'_>]) {
    drop(sd_notify::notify(states));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_hangs_is_no_life() {
        let mut life = Life::default();
        for (reader, writer, goes_on) in [
            (1, 1, true),
            (1, 1, false),
            (2, 1, false),
            (9, 1, false),
            (9, 2, true),
            (9, 900, false),
            (10, 901, true),
        ] {
            assert_eq!(
                life.goes_on(Pulse { reader, writer }),
                goes_on,
                "{reader} {writer}"
            );
        }
    }
}
