//! What a capture holds and what it misses, in numbers.

use std::time::Duration;

use super::Timestamp;

/// What a capture, or a span of it, holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// Number of events.
    pub events: u64,
    /// Size of their payloads, in bytes, as they were received.
    pub payload_bytes: u64,
    /// Size of their payloads, in bytes, as they are stored (compressed).
    pub stored_payload_bytes: u64,
    /// Size of the whole capture on disk, in bytes.
    pub file_bytes: u64,
    /// Time of the earliest event.
    pub first: Option<Timestamp>,
    /// Time of the latest event.
    pub last: Option<Timestamp>,
    /// By process name, most events first, at most 20.
    pub processes: Vec<Counted>,
    /// By host, most events first, at most 20.
    pub hosts: Vec<Counted>,
    /// The recordings, oldest first.
    pub recordings: Vec<RecordingStats>,
    /// What is known to be missing, oldest first.
    pub gaps: Vec<Gap>,
}

/// A name with counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// The name, as captured.
    pub name: String,
    /// Number of events.
    pub events: u64,
    /// Size of their payloads, in bytes.
    pub bytes: u64,
}

/// One recording, in numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordingStats {
    /// Its number in the capture.
    pub number: i64,
    /// Where it listened, or what was imported.
    pub source: String,
    /// eCapture's version, where its run log or the events showed it.
    pub ecapture_version: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; a recording that runs has no end yet.
    pub ended: Option<Timestamp>,
    /// Whether it was closed in order.
    pub ended_cleanly: bool,
    /// Number of events.
    pub events: u64,
    /// Seconds during which a link was up.
    pub link_up_seconds: f64,
    /// Number of frames received.
    pub frames_received: u64,
    /// Number of frames that could not be read; they are stored as they are.
    pub unreadable: u64,
    /// Number of frames that the recorder had to drop.
    pub dropped_by_us: u64,
    /// Number of events with TLS secrets that were not stored.
    pub keys_withheld: u64,
}

/// A span of time, or a number of frames, that is known to be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gap {
    /// When it began.
    pub started: Timestamp,
    /// When it ended, if it has.
    pub ended: Option<Timestamp>,
    /// Why, in one word: `not_connected`, `queue_overflow`, `message_too_large`, `stalled`, `unclean_end`.
    pub reason: String,
    /// How many frames are missing, where that is known.
    pub frames: Option<u64>,
    /// How many bytes are missing, where that is known.
    pub bytes: Option<u64>,
    /// More, in words.
    pub detail: Option<String>,
}

impl Stats {
    /// From the start of the first recording to the end of the last. One that has not ended reaches to its newest
    /// event.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let started = self.recordings.iter().map(|each| each.started).min()?;
        let ended = self
            .recordings
            .iter()
            .map(|each| each.ended.or(self.last).unwrap_or(each.started))
            .max()?;
        Some((started, ended.max(started)))
    }

    /// How long a link was up, over all recordings; never more than the span.
    pub fn link_up(&self) -> Duration {
        let seconds: f64 = self
            .recordings
            .iter()
            .map(|each| each.link_up_seconds)
            .sum();
        let up = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO);
        self.span()
            .map_or(up, |(started, ended)| up.min(ended.since(started)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_recording_reaches_to_the_newest_event() {
        let recording = |started, ended: Option<i64>, up| RecordingStats {
            started: Timestamp::from_seconds(started),
            ended: ended.map(Timestamp::from_seconds),
            link_up_seconds: up,
            ..RecordingStats::default()
        };
        let mut stats = Stats {
            last: Some(Timestamp::from_seconds(90)),
            recordings: vec![recording(10, Some(20), 9.5), recording(50, None, 20.0)],
            ..Stats::default()
        };
        let span = (Timestamp::from_seconds(10), Timestamp::from_seconds(90));
        assert_eq!(stats.span(), Some(span));
        assert_eq!(stats.link_up(), Duration::from_millis(29_500));
        stats.recordings.push(recording(50, None, 2000.0));
        assert_eq!(stats.link_up(), Duration::from_secs(80));
        assert_eq!(Stats::default().span(), None);
    }
}
