//! What a capture holds and what it misses, as one JSON object.

use std::io::{self, Write};

use serde::Serialize;

use crate::event::{Counted, Gap, Origin, Predecessor, RecordingStats, Stats, Timestamp};

use super::coverage::{self, Coverage};
use super::jsonl::put;

/// The object. Sizes are bytes, times RFC 3339 in UTC; what is unknown is absent.
#[derive(Debug, Serialize)]
struct Object<'a> {
    events: u64,
    /// The payloads as received, and as stored (compressed).
    payload_bytes: u64,
    stored_payload_bytes: u64,
    /// The whole capture on disk.
    file_bytes: u64,
    /// Both sizes of the payloads by the number of events; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_bytes_per_event: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_payload_bytes_per_event: Option<u64>,
    /// The earliest and the latest event.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    /// How much of the time was recorded; `src/export/coverage.rs` defines it.
    coverage: Coverage<'a>,
    /// The newest, at most 100, oldest first; and how many there are.
    gaps: Vec<Missing<'a>>,
    gap_count: u64,
    /// Most events first, at most 20 each.
    processes: Vec<Count<'a>>,
    hosts: Vec<Count<'a>>,
    /// The newest, at most 100, oldest first; and how many there are.
    recordings: Vec<Recording<'a>>,
    recording_count: u64,
    /// The captures that this one was taken from, the nearest last; absent if it is no subset.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    taken_from: Vec<TakenFrom<'a>>,
    /// The file that its first recording was in before; absent if it began in this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    goes_on_from: Option<GoesOnFrom<'a>>,
}

/// The file before this one.
#[derive(Debug, Serialize)]
pub(super) struct GoesOnFrom<'a> {
    /// Its name, without a folder.
    file: &'a str,
    /// Its last event, and the head of its chain.
    last_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<String>,
}

pub(super) fn goes_on_from(before: &Predecessor) -> GoesOnFrom<'_> {
    GoesOnFrom {
        file: &before.name,
        last_id: before.last.number(),
        head: before.head(),
    }
}

/// A capture that another was taken from.
#[derive(Debug, Serialize)]
pub(super) struct TakenFrom<'a> {
    path: &'a str,
    /// When its first recording began.
    #[serde(skip_serializing_if = "Option::is_none")]
    began: Option<String>,
    /// Its newest event that was looked at, and how many it had up to there.
    upper_id: i64,
    of_events: u64,
    /// What the filter is about: `events`, or `exchanges` with all events of their connections up to their last;
    /// `salvage` if it is what could be read of a damaged capture.
    of: &'static str,
    /// Absent if everything was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'a str>,
    /// How many events were taken, when and by what.
    events: u64,
    exported: String,
    program: &'a str,
}

#[derive(Debug, Serialize)]
struct Missing<'a> {
    /// The name of its source, or its URL; absent if the capture has only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    started: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Count<'a> {
    name: &'a str,
    events: u64,
    payload_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Recording<'a> {
    number: i64,
    /// Its name, and then its URL too; of a source without a name, its URL.
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ecapture_version: Option<&'a str>,
    started: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    ended_cleanly: bool,
    events: u64,
    link_up_seconds: f64,
    frames_received: u64,
    unreadable: u64,
    dropped_by_us: u64,
    keys_withheld: u64,
    /// What the recorder's filter left out, and the filter.
    filtered_events: u64,
    filtered_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'a str>,
    /// How much of a payload was stored at most, if not all; how many events had more, and how many bytes were not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    snaplen_bytes: Option<u64>,
    shortened_events: u64,
    shortened_bytes: u64,
    /// The fingerprint of the key that secrets were hashed with, if they were replaced, or several with commas between; how many there were; of how many events
    /// bytes were left out that could not be looked into, and how many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    redaction_key: Option<&'a str>,
    redacted_secrets: u64,
    opaque_events: u64,
    opaque_bytes: u64,
    /// Processes that `/proc` was asked about: those that were identified, that had ended before, that had another name
    /// there; and how often there was no time to ask.
    identified_processes: u64,
    gone_processes: u64,
    unlike_processes: u64,
    skipped_processes: u64,
}

/// Writes the object and a line end.
///
/// # Errors
///
/// What `out` says.
pub fn write(out: &mut dyn Write, stats: &Stats) -> io::Result<()> {
    let text = |time: Timestamp| time.to_string();
    let object = Object {
        events: stats.events,
        payload_bytes: stats.payload_bytes,
        stored_payload_bytes: stats.stored_payload_bytes,
        file_bytes: stats.file_bytes,
        payload_bytes_per_event: stats.payload_bytes.checked_div(stats.events),
        stored_payload_bytes_per_event: stats.stored_payload_bytes.checked_div(stats.events),
        first: stats.first.map(text),
        last: stats.last.map(text),
        coverage: coverage::object(&stats.coverage),
        gaps: stats.gaps.iter().map(missing).collect(),
        gap_count: stats.gap_count,
        processes: stats.processes.iter().map(count).collect(),
        hosts: stats.hosts.iter().map(count).collect(),
        recordings: stats.recordings.iter().map(recording).collect(),
        recording_count: stats.recording_count,
        taken_from: stats.origins.iter().map(taken_from).collect(),
        goes_on_from: stats.predecessor.as_ref().map(goes_on_from),
    };
    put(&mut *out, &object)?;
    out.write_all(b"\n")
}

pub(super) fn taken_from(origin: &Origin) -> TakenFrom<'_> {
    TakenFrom {
        path: &origin.path,
        began: origin.began.map(|time| time.to_string()),
        upper_id: origin.upper.number(),
        of_events: origin.of_events,
        of: origin.taken.name(),
        filter: origin.filter.as_deref(),
        events: origin.events,
        exported: origin.exported.to_string(),
        program: &origin.program,
    }
}

fn missing(gap: &Gap) -> Missing<'_> {
    Missing {
        source: gap.source.as_deref(),
        started: gap.started.to_string(),
        ended: gap.ended.map(|time| time.to_string()),
        reason: &gap.reason,
        frames: gap.frames,
        bytes: gap.bytes,
        detail: gap.detail.as_deref(),
    }
}

fn count(counted: &Counted) -> Count<'_> {
    Count {
        name: &counted.name,
        events: counted.events,
        payload_bytes: counted.bytes,
    }
}

fn recording(each: &RecordingStats) -> Recording<'_> {
    Recording {
        number: each.number,
        source: &each.source,
        url: each.url.as_deref(),
        ecapture_version: each.ecapture_version.as_deref(),
        started: each.started.to_string(),
        ended: each.ended.map(|time| time.to_string()),
        ended_cleanly: each.ended_cleanly,
        events: each.events,
        link_up_seconds: each.link_up_seconds,
        frames_received: each.frames_received,
        unreadable: each.unreadable,
        dropped_by_us: each.dropped_by_us,
        keys_withheld: each.keys_withheld,
        filtered_events: each.filtered_events,
        filtered_bytes: each.filtered_bytes,
        filter: each.filter.as_deref(),
        snaplen_bytes: each.snaplen_bytes,
        shortened_events: each.shortened_events,
        shortened_bytes: each.shortened_bytes,
        redaction_key: each.redaction_key.as_deref(),
        redacted_secrets: each.redacted_secrets,
        opaque_events: each.opaque_events,
        opaque_bytes: each.opaque_bytes,
        identified_processes: each.identities.identified,
        gone_processes: each.identities.gone,
        unlike_processes: each.identities.unlike,
        skipped_processes: each.identities.skipped,
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{EventId, Taken};

    use super::*;

    #[test]
    fn one_object() {
        let stats = Stats {
            events: 2,
            payload_bytes: 10,
            stored_payload_bytes: 5,
            gaps: vec![Gap {
                reason: "stalled".to_owned(),
                ..Gap::default()
            }],
            gap_count: 3,
            origins: vec![Origin {
                path: "/a.db".to_owned(),
                began: None,
                upper: EventId::new(9),
                of_events: 8,
                taken: Taken::Exchanges,
                filter: Some("pid == 1".to_owned()),
                events: 2,
                exported: Timestamp::from_seconds(0),
                program: "ecq-query".to_owned(),
            }],
            ..Stats::default()
        };
        let mut out = Vec::new();
        write(&mut out, &stats).unwrap();
        let text = String::from_utf8(out).unwrap();
        let (before, coverage) = text.split_once(r#""coverage":{"#).unwrap();
        let (_, after) = coverage.split_once("},").unwrap();
        assert_eq!(
            before,
            concat!(
                r#"{"events":2,"payload_bytes":10,"stored_payload_bytes":5,"file_bytes":0,"#,
                r#""payload_bytes_per_event":5,"stored_payload_bytes_per_event":2,"#,
            )
        );
        assert_eq!(
            after,
            concat!(
                r#""gaps":[{"started":"1970-01-01T00:00:00.000000000Z","reason":"stalled"}],"gap_count":3,"#,
                r#""processes":[],"hosts":[],"recordings":[],"recording_count":0,"#,
                r#""taken_from":[{"path":"/a.db","upper_id":9,"of_events":8,"of":"exchanges","filter":"pid == 1","#,
                r#""events":2,"exported":"1970-01-01T00:00:00.000000000Z","program":"ecq-query"}]}"#,
                "\n"
            )
        );
    }
}
