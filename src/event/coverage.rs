//! What a capture holds and what it misses, in numbers.

use std::time::Duration;

use super::{Origin, Predecessor, Timestamp};

/// How much of a period was recorded, and what is known to be missing from it.
///
/// Link time says that somebody listened, and not that everything was heard: what eCapture loses by itself is in no
/// number here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// When the period begins.
    pub started: Timestamp,
    /// When it ends; not before it begins.
    pub ended: Timestamp,
    /// How long at least one link was up in it, all recordings and sources taken together. A link whose end is not known
    /// counts up to its recording's last commit.
    pub link_up: Duration,
    /// The eCaptures that were to be listened to in it, each by itself, by name; at most [`Coverage::MAX_SOURCES`]. With
    /// more than one, that a link was up says nothing of the others. Imported files are not among them.
    pub sources: Vec<SourceCoverage>,
    /// How many there are.
    pub source_count: u64,
    /// Number of links that touch the period.
    pub links: u64,
    /// Number of gaps that touch it.
    pub gaps: u64,
    /// Number of frames that the recorder had to drop, in those gaps.
    pub dropped_frames: u64,
    /// Number of recordings and imports that touch it.
    pub recordings: u64,
    /// How many of them ended without a word: the recorder was killed, or the machine went down.
    pub unclean_recordings: u64,
    /// How many of them stored only what a filter of the recorder is true of.
    pub filtered_recordings: u64,
    /// How many of them stored only the first bytes of payloads.
    pub snaplen_recordings: u64,
    /// How many events of theirs had more, in the whole of those recordings.
    pub shortened_events: u64,
    /// How many recordings replaced secrets, and left out what cannot be looked into.
    pub redacted_recordings: u64,
    /// Number of frames that could not be read, in the whole of those recordings; they are stored as they are.
    pub unreadable_frames: u64,
    /// Whether the capture is a subset of another: it lacks what was not asked for, whatever was recorded.
    pub is_subset: bool,
    /// Whether the times of receipt in one of them are stand-ins, and link time with them.
    pub is_received_estimated: bool,
    /// Releases of eCapture that were seen on these links, in the order of their first log lines; at most
    /// [`Coverage::MAX_RELEASES`].
    pub ecapture_releases: Vec<String>,
    /// Whether there were more of them.
    pub has_more_releases: bool,
    /// Number of samples that an eCapture 1.x reported as lost in the kernel, in log lines of the period.
    pub lost_samples: u64,
    /// When the first recording began, if that is after the period's begin.
    pub nothing_before: Option<Timestamp>,
    /// When the last recording ended, if that is before the period's end.
    pub nothing_after: Option<Timestamp>,
    /// When the recorder that is at work committed last, if that is before the period's end.
    pub last_commit: Option<Timestamp>,
    /// Removals that touch the period, by event time or by that of the receipt: the newest, oldest of them first; at most
    /// [`Coverage::MAX_REMOVALS`]. What they removed is not here any more, whatever was recorded.
    pub removals: Vec<Removed>,
    /// How often the clock of the recording host was set, so that times of the period are not what they seem: each that
    /// leads out of it, into it, or over it.
    pub clock_jumps: u64,
    /// The newest of them, oldest first; at most [`Coverage::MAX_CLOCK_JUMPS`].
    pub newest_clock_jumps: Vec<ClockJump>,
}

/// A time at which the clock of the recording host was set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClockJump {
    /// When that was noticed, by the clock as it was then.
    pub noticed: Timestamp,
    /// How far it jumped, in nanoseconds; negative if it was set back.
    pub by_ns: i64,
}

/// Events that were pruned, by one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// The rule, in the words of the command line.
    pub rule: String,
    /// How many events, also those outside of the period that is asked about.
    pub events: u64,
    /// Size of their payloads, in bytes.
    pub payload_bytes: u64,
    /// When the first of them happened, or was received if that was earlier.
    pub first: Timestamp,
    /// When the last of them happened, or was received if that was later.
    pub last: Timestamp,
    /// When the last of them was removed.
    pub at: Timestamp,
}

impl Coverage {
    /// How many releases of eCapture are named.
    pub const MAX_RELEASES: usize = 8;

    /// How many sources are named.
    pub const MAX_SOURCES: usize = 16;
    /// How many removals are named.
    pub const MAX_REMOVALS: usize = 8;
    /// How many jumps of the clock are named.
    pub const MAX_CLOCK_JUMPS: usize = 8;

    /// The length of the period.
    pub fn period(&self) -> Duration {
        self.ended.since(self.started)
    }
}

/// How much of a period was recorded of one eCapture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceCoverage {
    /// Its name, or its URL.
    pub name: String,
    /// How long a link to it was up.
    pub link_up: Duration,
    /// Number of its gaps that touch the period.
    pub gaps: u64,
}

/// The release in a version that eCapture's run log shows: `2.5.1` in `linux_amd64:v2.5.1-20260621-5ccbc23:6.8.0-88`.
///
/// It stands in the second of the parts between colons (`functions.mk:52`@v2.5.1), before date and commit, and may be missing.
pub fn release(version: &str) -> Option<&str> {
    let part = version.split(':').nth(1).unwrap_or(version);
    let release = part.trim_start_matches('v').split('-').next()?;
    Some(release).filter(|release| !release.is_empty())
}

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
    /// How much of the time was recorded.
    pub coverage: Coverage,
    /// The newest recordings, oldest of them first; at most [`Stats::MAX_LISTED`].
    pub recordings: Vec<RecordingStats>,
    /// How many recordings there are.
    pub recording_count: u64,
    /// What is known to be missing: the newest gaps, oldest of them first; at most [`Stats::MAX_LISTED`].
    pub gaps: Vec<Gap>,
    /// How many gaps there are.
    pub gap_count: u64,
    /// The captures that this one was taken from, one out of the other, the nearest last; at most [`Origin::MAX_LISTED`].
    pub origins: Vec<Origin>,
    /// The file that its first recording was in before; `None` if it began here.
    pub predecessor: Option<Predecessor>,
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
    /// Where it listened, or what was imported: the name, or the URL of a source without one.
    pub source: String,
    /// The URL of a source that has a name.
    pub url: Option<String>,
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
    /// Number of events that the recorder's filter left out.
    pub filtered_events: u64,
    /// The size of their payloads, in bytes.
    pub filtered_bytes: u64,
    /// The recorder's filter, if it had one.
    pub filter: Option<String>,
    /// How many bytes of a payload it stored at most, if there was a limit.
    pub snaplen_bytes: Option<u64>,
    /// Number of events with payloads of more than that.
    pub shortened_events: u64,
    /// The size of what was not stored of them, in bytes.
    pub shortened_bytes: u64,
    /// The fingerprint of the key that secrets were hashed with, if they were replaced: when it recorded them, or when a subset
    /// was taken. If that was done several times, all of them, with commas between.
    pub redaction_key: Option<String>,
    /// Number of secrets that were replaced.
    pub redacted_secrets: u64,
    /// Number of events with bytes that were left out, or covered, because they could not be looked into.
    pub opaque_events: u64,
    /// How many bytes that are.
    pub opaque_bytes: u64,
    /// What is known of its processes from `/proc`.
    pub identities: IdentityCounts,
}

/// How many processes of a recording `/proc` was asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IdentityCounts {
    /// Those that were identified, as far as events of them are there still.
    pub identified: u64,
    /// Those that had ended before.
    pub gone: u64,
    /// Those of which `/proc` had another name than their events.
    pub unlike: u64,
    /// How often there was no time to ask.
    pub skipped: u64,
}

/// A span of time, or a number of frames, that is known to be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gap {
    /// Where it is: the name of the source, or its URL, if recordings of several sources are in the capture.
    pub source: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended, if it has.
    pub ended: Option<Timestamp>,
    /// Why, in one word: `not_connected`, `queue_overflow`, `message_too_large`, `stalled`, `unclean_end`, `damaged`.
    pub reason: String,
    /// How many frames are missing, where that is known.
    pub frames: Option<u64>,
    /// How many bytes are missing, where that is known.
    pub bytes: Option<u64>,
    /// More, in words.
    pub detail: Option<String>,
}

impl Stats {
    /// How many recordings, and how many gaps, are listed.
    pub const MAX_LISTED: usize = 100;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_a_part_of_the_version() {
        for (version, expected) in [
            ("linux_amd64:v2.5.1:6.8.0-88-generic", Some("2.5.1")),
            ("linux_amd64:v2.5.1-20260621-5ccbc23:6.8.0", Some("2.5.1")),
            ("linux_amd64:1.5.2", Some("1.5.2")),
            ("v2.5.1", Some("2.5.1")),
            ("linux_amd64::6.8.0", None),
            ("", None),
        ] {
            assert_eq!(release(version), expected, "{version}");
        }
    }
}
