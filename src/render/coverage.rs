//! How much of a period was recorded, in words.
//!
//! What is known comes first, what nobody can know last. Link time is never called complete.

use std::time::Duration;

use crate::event::Coverage;

use super::Style;
use super::escape;
use super::length::{length, seconds};

const UNTOLD: &str = "an imported file does not tell it";

/// The coverage as one sentence, its parts apart by `; `, without a period at its end.
pub fn sentence(coverage: &Coverage, style: &Style) -> String {
    parts(coverage, style).join("; ")
}

/// The parts of the sentence.
pub(super) fn parts(coverage: &Coverage, style: &Style) -> Vec<String> {
    let gaps = gaps(coverage.gaps);
    let has_several = coverage.sources.len() > 1 && !coverage.period().is_zero();
    let mut parts = vec![
        match (coverage.period().is_zero(), coverage.is_received_estimated) {
            _ if has_several => format!("{}, {gaps} in all", by_source(coverage)),
            (false, false) => format!("{}, {gaps}", link_up(coverage)),
            (false, true) => format!("{} by an estimate, as {UNTOLD}, {gaps}", link_up(coverage)),
            (true, false) => gaps,
            (true, true) => format!("link time is not known, as {UNTOLD}, {gaps}"),
        },
    ];
    if coverage.is_subset {
        parts
            .push("this is a subset of another capture, without what was not asked for".to_owned());
    }
    for removed in &coverage.removals {
        parts.push(format!(
            "pruned: {} events from {} to {} ({})",
            removed.events,
            style.second(removed.first),
            style.second(removed.last),
            escape::line(&removed.rule)
        ));
    }
    parts.extend(clock_jumps(coverage, style));
    let borders = [
        coverage.nothing_before,
        coverage.nothing_after,
        coverage.last_commit,
    ];
    let is_pruned = !coverage.removals.is_empty();
    if coverage.recordings == 0 && !is_pruned && borders.iter().all(Option::is_none) {
        parts.push("nothing was recorded then".to_owned());
    }
    if let Some(first) = coverage.nothing_before {
        parts.push(format!(
            "nothing was recorded before {}",
            style.second(first)
        ));
    }
    if let Some(last) = coverage.nothing_after {
        parts.push(format!("nothing was recorded after {}", style.second(last)));
    }
    if let Some(last) = coverage.last_commit {
        parts.push(format!(
            "the recorder at work committed last at {}",
            style.second(last)
        ));
    }
    let counts = [
        (
            coverage.unclean_recordings,
            "recording ended without a word",
            "recordings ended without a word",
        ),
        (
            coverage.filtered_recordings,
            "recording stored only what its --filter let through",
            "recordings stored only what their --filter let through",
        ),
        (
            coverage.snaplen_recordings,
            "recording stored only the first bytes of payloads (--snaplen)",
            "recordings stored only the first bytes of payloads (--snaplen)",
        ),
        (
            coverage.shortened_events,
            "event of these recordings had more bytes than were stored",
            "events of these recordings had more bytes than were stored",
        ),
        (
            coverage.redacted_recordings,
            "recording replaced secrets, and left out what cannot be looked into (--redact)",
            "recordings replaced secrets, and left out what cannot be looked into (--redact)",
        ),
        (
            coverage.dropped_frames,
            "frame dropped by us",
            "frames dropped by us",
        ),
        (
            coverage.unreadable_frames,
            "frame of these recordings was unreadable and is kept as it is",
            "frames of these recordings were unreadable and are kept as they are",
        ),
    ];
    for (count, one, more) in counts {
        match count {
            0 => {}
            1 => parts.push(format!("1 {one}")),
            count => parts.push(format!("{count} {more}")),
        }
    }
    if coverage.links > 0 {
        parts.extend(inside_ecapture(coverage));
    }
    parts
}

/// Why times are not what they seem.
fn clock_jumps(coverage: &Coverage, style: &Style) -> Vec<String> {
    let jumps = &coverage.newest_clock_jumps;
    let mut parts: Vec<_> = jumps
        .iter()
        .map(|jump| {
            // Half a second is as near as two clocks are compared.
            let by = Duration::from_nanos(jump.by_ns.unsigned_abs());
            let by = by.saturating_add(Duration::from_millis(500));
            format!(
                "the recorder's clock was set {} by {}, to {}",
                if jump.by_ns < 0 { "back" } else { "forward" },
                length(by),
                style.second(jump.noticed)
            )
        })
        .collect();
    let unnamed = coverage.clock_jumps.saturating_sub(jumps.len() as u64);
    if unnamed > 0 {
        parts.push(format!("it was set {unnamed} more times"));
    }
    parts
}

fn gaps(count: u64) -> String {
    match count {
        0 => "no known gap".to_owned(),
        1 => "1 gap".to_owned(),
        count => format!("{count} gaps"),
    }
}

/// `link up 71 h 58 m of 72 h (db, 2 gaps) and 72 h of 72 h (web, no known gap)`: that one was listened to says nothing of
/// another.
fn by_source(coverage: &Coverage) -> String {
    let mut each: Vec<_> = coverage
        .sources
        .iter()
        .map(|source| {
            let up = up_of(source.link_up, coverage.period());
            format!(
                "{up} ({}, {})",
                escape::line(&source.name),
                gaps(source.gaps)
            )
        })
        .collect();
    let more = coverage
        .source_count
        .saturating_sub(coverage.sources.len() as u64);
    if more > 0 {
        each.push(format!("{more} other sources"));
    }
    let last = each.pop().unwrap_or_default();
    format!("link up {} and {last}", each.join(", "))
}

/// `link up 71 h 58 m of 72 h`.
pub(super) fn link_up(coverage: &Coverage) -> String {
    format!("link up {}", up_of(coverage.link_up, coverage.period()))
}

/// `71 h 58 m of 72 h`. What is not all of the period never looks as if it were.
fn up_of(up: Duration, period: Duration) -> String {
    let forms: [fn(Duration) -> String; 2] = [length, seconds];
    for form in forms {
        if up == period || form(up) != form(period) {
            return format!("{} of {}", form(up), form(period));
        }
    }
    format!("{} but for less than a second", seconds(period))
}

/// What eCapture says of its own losses. `docs/wire.md`, "What it loses".
fn inside_ecapture(coverage: &Coverage) -> Vec<String> {
    let is_first = |release: &&String| release.starts_with("1.");
    let releases = &coverage.ecapture_releases;
    let logging: Vec<_> = releases.iter().filter(is_first).collect();
    let silent: Vec<_> = releases
        .iter()
        .filter(|release| !is_first(release))
        .collect();
    let more = if coverage.has_more_releases {
        " and others"
    } else {
        ""
    };
    let mut parts = Vec::new();
    if !logging.is_empty() {
        let report = if logging.len() == 1 {
            "reports"
        } else {
            "report"
        };
        parts.push(format!(
            "eCapture {} {report} losses in the kernel only in the log: {} samples",
            listed(&logging),
            coverage.lost_samples
        ));
    }
    let losses = if logging.is_empty() {
        "losses"
    } else {
        "other losses"
    };
    let known: Vec<_> = logging.iter().chain(&silent).copied().collect();
    let name = if known.is_empty() {
        String::new()
    } else {
        format!(" {}{more}", listed(&known))
    };
    let by = if known.len() > 1 || !more.is_empty() {
        "them"
    } else {
        "it"
    };
    parts.push(format!(
        "{losses} inside eCapture{name} are not reported by {by} and can be large"
    ));
    parts
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[&String]) -> String {
    let names: Vec<_> = names.iter().map(|name| escape::line(name)).collect();
    match names.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        names => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{ClockJump, SourceCoverage, Timestamp, Zone};

    use super::*;

    #[track_caller]
    fn check(coverage: &Coverage, expected: &str) {
        let style = Style {
            color: false,
            width: 100,
            zone: Zone::Utc,
            now: Timestamp::from_seconds(0),
        };
        assert_eq!(sentence(coverage, &style), expected);
    }

    fn three_days() -> Coverage {
        Coverage {
            started: Timestamp::from_seconds(0),
            ended: Timestamp::from_seconds(72 * 3600),
            link_up: Duration::from_secs(72 * 3600 - 120),
            links: 3,
            recordings: 1,
            ..Coverage::default()
        }
    }

    #[test]
    fn what_was_pruned_is_not_nothing() {
        let coverage = Coverage {
            removals: vec![crate::event::Removed {
                rule: "--keep 7d".to_owned(),
                events: 12,
                first: Timestamp::from_seconds(60),
                last: Timestamp::from_seconds(120),
                ..crate::event::Removed::default()
            }],
            ended: Timestamp::from_seconds(180),
            ..Coverage::default()
        };
        check(
            &coverage,
            "link up 0 s of 3 m, no known gap; pruned: 12 events from 1970-01-01 00:01:00 +00:00 to 1970-01-01 00:02:00 +00:00 (--keep 7d)",
        );
    }

    #[test]
    fn a_clock_that_was_set_is_told() {
        let jump = |second, by_ns| ClockJump {
            noticed: Timestamp::from_seconds(second),
            by_ns,
        };
        check(
            &Coverage {
                clock_jumps: 5,
                newest_clock_jumps: vec![jump(7200, 3_600_500_000_000), jump(60, -90_000_000_000)],
                links: 0,
                ..three_days()
            },
            "link up 71 h 58 m of 72 h, no known gap; the recorder's clock was set forward by 1 h, to 1970-01-01 02:00:00 \
             +00:00; the recorder's clock was set back by 1 m 30 s, to 1970-01-01 00:01:00 +00:00; it was set 3 more times",
        );
    }

    #[test]
    fn what_is_known_and_what_nobody_can_know() {
        check(
            &Coverage {
                gaps: 2,
                dropped_frames: 310,
                ecapture_releases: vec!["2.5.1".to_owned()],
                ..three_days()
            },
            "link up 71 h 58 m of 72 h, 2 gaps; 310 frames dropped by us; losses inside eCapture 2.5.1 are not reported \
             by it and can be large",
        );
        check(
            &Coverage {
                ecapture_releases: vec!["1.5.2".to_owned()],
                lost_samples: 7,
                unclean_recordings: 1,
                ..three_days()
            },
            "link up 71 h 58 m of 72 h, no known gap; 1 recording ended without a word; eCapture 1.5.2 reports losses in \
             the kernel only in the log: 7 samples; other losses inside eCapture 1.5.2 are not reported by it and can be \
             large",
        );
        check(
            &Coverage {
                ecapture_releases: ["2.1.0", "1.5\x1b", "2.5.1"].map(str::to_owned).to_vec(),
                has_more_releases: true,
                gaps: 1,
                ..three_days()
            },
            "link up 71 h 58 m of 72 h, 1 gap; eCapture 1.5\\x1b reports losses in the kernel only in the log: 0 samples; \
             other losses inside eCapture 1.5\\x1b, 2.1.0 and 2.5.1 and others are not reported by them and can be large",
        );
        check(
            &three_days(),
            "link up 71 h 58 m of 72 h, no known gap; losses inside eCapture are not reported by it and can be large",
        );
        check(
            &Coverage {
                is_subset: true,
                ..three_days()
            },
            "link up 71 h 58 m of 72 h, no known gap; this is a subset of another capture, without what was not asked \
             for; losses inside eCapture are not reported by it and can be large",
        );
    }

    #[test]
    fn several_sources_each_by_itself() {
        let source = |name: &str, missing: u64, gaps| SourceCoverage {
            name: name.to_owned(),
            link_up: Duration::from_secs(72 * 3600 - missing),
            gaps,
        };
        check(
            &Coverage {
                sources: vec![source("d\x1bb", 7200, 1), source("web", 0, 0)],
                source_count: 2,
                gaps: 1,
                links: 0,
                ..three_days()
            },
            "link up 70 h of 72 h (d\\x1bb, 1 gap) and 72 h of 72 h (web, no known gap), 1 gap in all",
        );
    }

    #[test]
    fn what_was_left_out_of_payloads() {
        check(
            &Coverage {
                snaplen_recordings: 1,
                shortened_events: 7,
                links: 0,
                ..three_days()
            },
            "link up 71 h 58 m of 72 h, no known gap; 1 recording stored only the first bytes of payloads (--snaplen); \
             7 events of these recordings had more bytes than were stored",
        );
    }

    #[test]
    fn time_outside_of_recordings() {
        check(
            &Coverage {
                link_up: Duration::ZERO,
                links: 0,
                recordings: 0,
                nothing_after: Some(Timestamp::from_seconds(-60)),
                ..three_days()
            },
            "link up 0 s of 72 h, no known gap; nothing was recorded after 1969-12-31 23:59:00 +00:00",
        );
        check(
            &Coverage {
                link_up: Duration::ZERO,
                links: 0,
                recordings: 0,
                ..three_days()
            },
            "link up 0 s of 72 h, no known gap; nothing was recorded then",
        );
    }

    #[test]
    fn an_import_without_times() {
        let estimated = Coverage {
            is_received_estimated: true,
            ..three_days()
        };
        let losses = "losses inside eCapture are not reported by it and can be large";
        check(
            &estimated,
            &format!(
                "link up 71 h 58 m of 72 h by an estimate, as an imported file does not tell it, no known gap; {losses}"
            ),
        );
        check(
            &Coverage {
                ended: estimated.started,
                link_up: Duration::ZERO,
                ..estimated
            },
            &format!(
                "link time is not known, as an imported file does not tell it, no known gap; {losses}"
            ),
        );
    }

    #[test]
    fn a_part_never_looks_like_all() {
        let up = |millis| {
            link_up(&Coverage {
                link_up: Duration::from_millis(millis),
                ..three_days()
            })
        };
        assert_eq!(up(259_200_000), "link up 72 h of 72 h");
        assert_eq!(up(259_199_999), "link up 71 h 59 m of 72 h");
        let short = Coverage {
            ended: Timestamp::from_seconds(3605),
            link_up: Duration::from_secs(3602),
            ..three_days()
        };
        assert_eq!(link_up(&short), "link up 1 h 2 s of 1 h 5 s");
        let shorter = Coverage {
            ended: Timestamp::from_nanos(10_500_000_000),
            link_up: Duration::from_millis(10_200),
            ..three_days()
        };
        assert_eq!(link_up(&shorter), "link up 10 s but for less than a second");
    }
}
