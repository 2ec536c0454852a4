//! SIGHUP: what it means here.
//!
//! To a service it means that another file is to be begun, as log rotation has it. To a program in a terminal it means that
//! the terminal was closed: then the recording is stopped in order. Where it is ignored, as under `nohup`, it stays so.

use std::fs::File;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The recording is to go on in another file.
    AnotherFile,
    /// The terminal that we were started in is no more.
    TerminalGone,
}

/// Listens for it.
pub(super) struct Hangup {
    /// `None` if it is ignored.
    signal: Option<Signal>,
    had_terminal: bool,
}

impl Hangup {
    /// Begins to listen.
    pub(super) fn listen() -> io::Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let signal = (!is_ignored(&status))
            .then(|| signal(SignalKind::hangup()))
            .transpose()?;
        Ok(Self {
            signal,
            had_terminal: has_terminal(),
        })
    }

    /// What the next one means.
    pub(super) async fn next(&mut self) -> Meaning {
        let came = match &mut self.signal {
            Some(signal) => signal.recv().await,
            None => None,
        };
        match came {
            Some(()) if self.had_terminal && !has_terminal() => Meaning::TerminalGone,
            Some(()) => Meaning::AnotherFile,
            None => std::future::pending().await,
        }
    }
}

/// Whether there is a terminal that controls us.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Whether the signal is ignored: its bit in a mask of `proc_pid_status(5)`.
fn is_ignored(status: &str) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::is_ignored;

    #[test]
    fn the_mask_says_what_is_ignored() {
        for (status, expected) in [
            ("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0", true),
            ("Name:\tx\nSigIgn:\t0000000000001000\nSigCgt:\t1", false),
            ("SigIgn:\tx", false),
            ("", false),
        ] {
            assert_eq!(is_ignored(status), expected, "{status:?}");
        }
    }
}
