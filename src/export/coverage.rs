//! How much of a period was recorded, as one JSON object.

use std::io::{self, Write};

use serde::Serialize;

use crate::event;

use super::jsonl::put;

/// The line: an object around the coverage, so that it is told from the events before it.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// The capture, if several were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    capture: Option<&'a str>,
    coverage: Coverage<'a>,
}

/// The coverage. Times are RFC 3339 in UTC; what is unknown is absent.
///
/// `link_up_seconds` is how long somebody listened. How much of it eCapture sent is not known: it reports no losses, but
/// for `lost_samples` in 1.x.
#[derive(Debug, Serialize)]
pub(super) struct Coverage<'a> {
    /// The period.
    started: String,
    ended: String,
    span_seconds: f64,
    /// During which at least one link was up, all recordings taken together.
    link_up_seconds: f64,
    /// Each eCapture by itself, at most 16, and how many there are; absent if there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sources: Vec<Source<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    source_count: u64,
    /// What touches the period.
    links: u64,
    recordings: u64,
    /// Recordings that ended without a word.
    unclean_recordings: u64,
    /// Recordings that stored only what a filter of the recorder is true of.
    filtered_recordings: u64,
    /// Recordings that stored only the first bytes of payloads, and how many events had more; absent if there is none.
    #[serde(skip_serializing_if = "is_zero")]
    snaplen_recordings: u64,
    #[serde(skip_serializing_if = "is_zero")]
    shortened_events: u64,
    /// Recordings that replaced secrets and left out what cannot be looked into; absent if there is none.
    #[serde(skip_serializing_if = "is_zero")]
    redacted_recordings: u64,
    gaps: u64,
    /// In those gaps.
    dropped_by_us: u64,
    /// In the whole of those recordings.
    unreadable: u64,
    /// Whether the capture is a subset of another, without what was not asked for; absent if it is none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_subset: bool,
    /// Whether times of receipt are stand-ins, and link time with them.
    is_received_estimated: bool,
    /// At most 8; `has_more_releases` says whether there were others.
    ecapture_releases: &'a [String],
    has_more_releases: bool,
    /// What an eCapture 1.x said in its log that it lost in the kernel.
    lost_samples: u64,
    /// The first recording began only then, and the last ended already then.
    #[serde(skip_serializing_if = "Option::is_none")]
    nothing_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nothing_after: Option<String>,
    /// What was pruned and touches the period, at most 8 removals; absent if nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pruned: Vec<Removed<'a>>,
    /// How often the recorder's clock was set, so that times of the period are not what they seem, and the newest eight
    /// of those jumps; absent if it was not.
    #[serde(skip_serializing_if = "is_zero")]
    clock_jumps: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    newest_clock_jumps: Vec<ClockJump>,
    /// The recorder is still at work, and committed last at this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_commit: Option<String>,
}

/// Events that were pruned by one rule, also those outside of the period.
#[derive(Debug, Serialize)]
struct Removed<'a> {
    rule: &'a str,
    events: u64,
    payload_bytes: u64,
    /// By event time, or that of the receipt where it reaches further.
    first: String,
    last: String,
    /// When the last of them was removed.
    at: String,
}

/// A time at which the recorder's clock was set.
#[derive(Debug, Serialize)]
struct ClockJump {
    /// When that was noticed, by the clock as it was then.
    noticed: String,
    /// How far; negative if it was set back.
    by_seconds: f64,
}

/// How much was recorded of one eCapture.
#[derive(Debug, Serialize)]
struct Source<'a> {
    name: &'a str,
    link_up_seconds: f64,
    gaps: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Writes the line; `capture` names the capture if several were asked.
///
/// # Errors
///
/// What `out` says.
pub fn write(
    out: &mut dyn Write,
    capture: Option<&str>,
    coverage: &event::Coverage,
) -> io::Result<()> {
    let line = Line {
        capture,
        coverage: object(coverage),
    };
    put(&mut *out, &line)?;
    out.write_all(b"\n")
}

pub(super) fn object(coverage: &event::Coverage) -> Coverage<'_> {
    let text = |time: event::Timestamp| time.to_string();
    Coverage {
        started: text(coverage.started),
        ended: text(coverage.ended),
        span_seconds: coverage.period().as_secs_f64(),
        link_up_seconds: coverage.link_up.as_secs_f64(),
        sources: coverage.sources.iter().map(source).collect(),
        source_count: coverage.source_count,
        links: coverage.links,
        recordings: coverage.recordings,
        unclean_recordings: coverage.unclean_recordings,
        filtered_recordings: coverage.filtered_recordings,
        snaplen_recordings: coverage.snaplen_recordings,
        shortened_events: coverage.shortened_events,
        redacted_recordings: coverage.redacted_recordings,
        gaps: coverage.gaps,
        dropped_by_us: coverage.dropped_frames,
        unreadable: coverage.unreadable_frames,
        is_subset: coverage.is_subset,
        is_received_estimated: coverage.is_received_estimated,
        ecapture_releases: &coverage.ecapture_releases,
        has_more_releases: coverage.has_more_releases,
        lost_samples: coverage.lost_samples,
        pruned: coverage
            .removals
            .iter()
            .map(|removed| Removed {
                rule: &removed.rule,
                events: removed.events,
                payload_bytes: removed.payload_bytes,
                first: text(removed.first),
                last: text(removed.last),
                at: text(removed.at),
            })
            .collect(),
        clock_jumps: coverage.clock_jumps,
        newest_clock_jumps: coverage.newest_clock_jumps.iter().map(jump).collect(),
        nothing_before: coverage.nothing_before.map(text),
        nothing_after: coverage.nothing_after.map(text),
        last_commit: coverage.last_commit.map(text),
    }
}

fn jump(each: &event::ClockJump) -> ClockJump {
    let by = std::time::Duration::from_nanos(each.by_ns.unsigned_abs()).as_secs_f64();
    ClockJump {
        noticed: each.noticed.to_string(),
        by_seconds: if each.by_ns < 0 { -by } else { by },
    }
}

fn source(each: &event::SourceCoverage) -> Source<'_> {
    Source {
        name: &each.name,
        link_up_seconds: each.link_up.as_secs_f64(),
        gaps: each.gaps,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::event::Timestamp;

    use super::*;

    #[test]
    fn one_line() {
        let coverage = event::Coverage {
            ended: Timestamp::from_seconds(10),
            link_up: Duration::from_millis(9500),
            sources: vec![event::SourceCoverage {
                name: "web".to_owned(),
                link_up: Duration::from_millis(9500),
                gaps: 1,
            }],
            source_count: 1,
            links: 2,
            recordings: 1,
            gaps: 1,
            ecapture_releases: vec!["2.5.1".to_owned()],
            nothing_after: Some(Timestamp::from_seconds(9)),
            ..event::Coverage::default()
        };
        let mut out = Vec::new();
        write(&mut out, Some("a.db"), &coverage).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"capture":"a.db","coverage":{"started":"1970-01-01T00:00:00.000000000Z","#,
                r#""ended":"1970-01-01T00:00:10.000000000Z","span_seconds":10.0,"link_up_seconds":9.5,"#,
                r#""sources":[{"name":"web","link_up_seconds":9.5,"gaps":1}],"source_count":1,"links":2,"#,
                r#""recordings":1,"unclean_recordings":0,"filtered_recordings":0,"gaps":1,"dropped_by_us":0,"unreadable":0,"#,
                r#""is_received_estimated":false,"ecapture_releases":["2.5.1"],"has_more_releases":false,"#,
                r#""lost_samples":0,"nothing_after":"1970-01-01T00:00:09.000000000Z"}}"#,
                "\n"
            )
        );
    }
}
