//! Says what a recorder has to say while it runs: its notices as they come, and the status from time to time.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::service;
use super::terminal::{StatusLine, Terminal};
use super::words;
use crate::record::{Meters, Notice};

/// How often the status line changes on a terminal.
const STATUS_LINE: Duration = Duration::from_millis(500);

/// How often a line is written where there is no terminal.
const STATUS_LOG: Duration = Duration::from_secs(60);

/// Puts notices and the status into words until it is over.
pub(super) fn talk(
    terminal: &mut Terminal,
    receiver: &Receiver<Notice>,
    meters: &Meters,
    quiet: bool,
) {
    let mut line = StatusLine::new(quiet || !terminal.is_for_people());
    let interval = if line.is_live() {
        STATUS_LINE
    } else {
        STATUS_LOG
    };
    let mut next = Instant::now() + interval;
    let began = Instant::now();
    loop {
        match receiver.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(Notice::Over) | Err(RecvTimeoutError::Disconnected) => {
                line.clear();
                return;
            }
            Ok(Notice::StatusAsked) => {
                line.clear();
                terminal.error(words::status(
                    &meters.status(),
                    &meters.holders(),
                    began.elapsed(),
                ));
            }
            Ok(notice) => {
                line.clear();
                if notice == Notice::Stopping {
                    service::tell_stopping();
                }
                words::tell(terminal, &notice);
            }
            Err(RecvTimeoutError::Timeout) => {
                let text = words::status(&meters.status(), &meters.holders(), began.elapsed());
                if line.is_live() {
                    line.show(&text);
                } else {
                    terminal.note(text);
                }
                next = Instant::now() + interval;
            }
        }
    }
}
