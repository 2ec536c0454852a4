//! Runs of eCapture, and which lines of a run log are replays.
//!
//! eCapture replays the first 129 lines of its run log to every client that connects (`pkg/ecaptureq/server.go`@v2.5.1).
//! The first of them carries the time at which it started: the same line means the same run, another a new one.

use std::collections::HashMap;

/// How many lines eCapture keeps for replay. Lines after as many on a link are live.
pub const REPLAYED_LINES: usize = 129;

/// What a run-log line turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLine {
    /// The first line of a run that was not seen before.
    NewRun,
    /// The first line of a known run, or another line that was stored before.
    Replayed,
    /// A line of the current run that was not seen before.
    New,
}

/// Tells runs apart and replays from news. A function of the lines it is shown, in order.
#[derive(Debug, Default)]
pub struct Runs {
    /// The first line of the current run; `None` before the first line of all.
    first: Option<String>,
    /// How often each line of the current run that can be replayed was stored.
    stored: HashMap<String, u32>,
    stored_lines: usize,
    /// How often each line came on this link, among the first ones.
    on_link: HashMap<String, u32>,
    on_link_lines: usize,
}

impl Runs {
    /// Starts with what a capture knows of the newest run: its first line, and those that are in the file, in order.
    pub fn resume(first: Option<String>, lines: &[String]) -> Self {
        let mut runs = Self {
            first,
            ..Self::default()
        };
        for line in lines {
            runs.store(line);
        }
        runs
    }

    /// A link begins: replays follow.
    pub fn start_link(&mut self) {
        self.on_link.clear();
        self.on_link_lines = 0;
    }

    /// Judges a line.
    pub fn judge(&mut self, line: &str) -> LogLine {
        self.on_link_lines += 1;
        if self.on_link_lines == 1 && self.first.as_deref() != Some(line) {
            *self = Self {
                first: Some(line.to_owned()),
                on_link_lines: 1,
                ..Self::default()
            };
            *self.on_link.entry(line.to_owned()).or_default() += 1;
            self.store(line);
            return LogLine::NewRun;
        }
        if self.on_link_lines > REPLAYED_LINES {
            return LogLine::New;
        }
        let count = self.on_link.entry(line.to_owned()).or_default();
        *count += 1;
        if *count <= self.stored.get(line).copied().unwrap_or(0) {
            return LogLine::Replayed;
        }
        self.store(line);
        LogLine::New
    }

    fn store(&mut self, line: &str) {
        // Twice as many as can be replayed: in 1.4.0 to 1.4.2 a line can come live and again as a replay.
        if self.stored_lines < 2 * REPLAYED_LINES {
            self.stored_lines += 1;
            *self.stored.entry(line.to_owned()).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_is_stored_once() {
        let mut runs = Runs::default();
        runs.start_link();
        assert_eq!(
            ["a", "b", "b"].map(|line| runs.judge(line)),
            [LogLine::NewRun, LogLine::New, LogLine::New]
        );
        runs.start_link();
        assert_eq!(
            ["a", "b", "b"].map(|line| runs.judge(line)),
            [LogLine::Replayed; 3]
        );
        assert_eq!(runs.judge("b"), LogLine::New);
    }

    #[test]
    fn another_first_line_is_another_run() {
        let mut runs = Runs::resume(Some("a".to_owned()), &["a".to_owned(), "b".to_owned()]);
        runs.start_link();
        assert_eq!(runs.judge("a"), LogLine::Replayed);
        assert_eq!(runs.judge("b"), LogLine::Replayed);
        runs.start_link();
        assert_eq!(runs.judge("z"), LogLine::NewRun);
        assert_eq!(runs.judge("b"), LogLine::New);
    }
}
