//! What a capture holds and what it misses, for a person.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use crate::event::{Counted, Coverage, IdentityCounts, Origin, RecordingStats, Stats, Taken};

use super::coverage::parts;
use super::escape::{self, columns};
use super::length::seconds;
use super::{Paint, Style, human};

/// How wide the name of a process or host is shown.
const NAME_COLUMNS: usize = 40;
const WRITES: &str = "a string takes every write";

/// Writes a summary.
///
/// # Errors
///
/// What `out` says.
pub fn write(out: &mut dyn Write, stats: &Stats, style: &Style) -> io::Result<()> {
    totals(out, stats, style)?;
    if let Some(before) = &stats.predecessor {
        writeln!(
            out,
            "before    in {}, up to event {}",
            escape::line(&before.name),
            before.last
        )?;
    }
    for each in &stats.origins {
        origin(out, each, style)?;
    }
    coverage(out, &stats.coverage, style)?;
    gaps(out, stats, style)?;
    counted(out, "processes", &stats.processes, style)?;
    counted(out, "hosts", &stats.hosts, style)?;
    if !stats.recordings.is_empty() {
        heading(out, "recordings", style)?;
        more(out, stats.recording_count, stats.recordings.len())?;
    }
    for each in &stats.recordings {
        recording(out, each, style)?;
    }
    Ok(())
}

fn heading(out: &mut dyn Write, text: &str, style: &Style) -> io::Result<()> {
    writeln!(out, "\n{}", style.paint(Paint::Heading, text))
}

fn totals(out: &mut dyn Write, stats: &Stats, style: &Style) -> io::Result<()> {
    writeln!(out, "events    {}", stats.events)?;
    if let (Some(first), Some(last)) = (stats.first, stats.last) {
        writeln!(out, "first     {}", style.second(first))?;
        writeln!(out, "last      {}", style.second(last))?;
    }
    let each = |bytes: u64| match bytes.checked_div(stats.events) {
        Some(mean) => format!(", {mean} bytes per event"),
        None => String::new(),
    };
    let line = |bytes| format!("{}{}", human(bytes), each(bytes));
    writeln!(out, "payload   {}", line(stats.payload_bytes))?;
    writeln!(
        out,
        "stored    {} (compressed)",
        line(stats.stored_payload_bytes)
    )?;
    writeln!(out, "file      {}", human(stats.file_bytes))
}

/// Which capture this one was taken from.
fn origin(out: &mut dyn Write, origin: &Origin, style: &Style) -> io::Result<()> {
    writeln!(out, "\ntaken from {}", escape::line(&origin.path))?;
    writeln!(
        out,
        "  {} of {} events, up to event {}, on {} by {}",
        origin.events,
        origin.of_events,
        origin.upper,
        style.second(origin.exported),
        escape::line(&origin.program)
    )?;
    if let Some(began) = origin.began {
        writeln!(out, "  it began on {}", style.second(began))?;
    }
    match (&origin.filter, origin.taken) {
        (_, Taken::Salvage) => writeln!(out, "  it was damaged: this is what could be read of it"),
        (None, Taken::Events) => Ok(()),
        (None, Taken::Exchanges) => writeln!(out, "  only connections with exchanges"),
        (Some(filter), Taken::Events) => writeln!(out, "  only {}", escape::line(filter)),
        (Some(filter), Taken::Exchanges) => writeln!(
            out,
            "  only connections with exchanges that are {}",
            escape::line(filter)
        ),
    }
}

fn coverage(out: &mut dyn Write, coverage: &Coverage, style: &Style) -> io::Result<()> {
    if coverage.recordings == 0 && coverage.period().is_zero() {
        return Ok(());
    }
    heading(out, "coverage", style)?;
    writeln!(
        out,
        "  from {} to {}",
        style.second(coverage.started),
        style.second(coverage.ended)
    )?;
    for part in parts(coverage, style) {
        writeln!(out, "  {part}")?;
    }
    Ok(())
}

fn gaps(out: &mut dyn Write, stats: &Stats, style: &Style) -> io::Result<()> {
    heading(out, "gaps", style)?;
    if stats.gap_count == 0 {
        return writeln!(out, "  none known");
    }
    more(out, stats.gap_count, stats.gaps.len())?;
    for gap in &stats.gaps {
        let mut line = format!("  {}  ", style.second(gap.started));
        let lasted = match gap.ended {
            Some(ended) => seconds(ended.since(gap.started)),
            None => "open".to_owned(),
        };
        write!(line, "{lasted:>9}").expect(WRITES);
        line.push_str("  ");
        line.push_str(&escape::line(&gap.reason));
        if let Some(source) = &gap.source {
            write!(line, " ({})", escape::line(source)).expect(WRITES);
        }
        if let Some(frames) = gap.frames {
            write!(line, ", {frames} frames").expect(WRITES);
        }
        if let Some(bytes) = gap.bytes {
            write!(line, ", {}", human(bytes)).expect(WRITES);
        }
        if let Some(detail) = &gap.detail {
            line.push_str(": ");
            line.push_str(&escape::line(detail));
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// Says that there are older ones than those that follow.
fn more(out: &mut dyn Write, count: u64, listed: usize) -> io::Result<()> {
    match count.checked_sub(listed as u64) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(out, "  {more} more, then"),
    }
}

fn counted(out: &mut dyn Write, title: &str, all: &[Counted], style: &Style) -> io::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    heading(out, title, style)?;
    let names: Vec<_> = all
        .iter()
        .map(|each| escape::fit(&escape::line(&each.name), NAME_COLUMNS))
        .collect();
    let wide = names.iter().map(|name| columns(name)).max().unwrap_or(0);
    for (each, name) in all.iter().zip(names) {
        let padding = " ".repeat(wide.saturating_sub(columns(&name)));
        let events = each.events;
        writeln!(
            out,
            "  {name}{padding}  {events:>9} events  {:>9}",
            human(each.bytes)
        )?;
    }
    Ok(())
}

fn recording(out: &mut dyn Write, each: &RecordingStats, style: &Style) -> io::Result<()> {
    let version = each.ecapture_version.as_deref().map_or_else(
        || "eCapture of unknown version".to_owned(),
        |version| format!("eCapture {}", escape::line(version)),
    );
    let url = each
        .url
        .as_deref()
        .map(|url| format!(" ({})", escape::line(url)));
    writeln!(
        out,
        "  {}  {}{}, {version}",
        each.number,
        escape::line(&each.source),
        url.unwrap_or_default()
    )?;
    let until = match each.ended {
        Some(ended) if each.ended_cleanly => style.second(ended),
        Some(ended) => format!("{} (not ended in order)", style.second(ended)),
        None => "now, or it was not ended in order".to_owned(),
    };
    writeln!(out, "     {} to {until}", style.second(each.started))?;
    let up = Duration::try_from_secs_f64(each.link_up_seconds).unwrap_or(Duration::ZERO);
    let mut line = format!(
        "     {} events from {} frames, link up {}",
        each.events,
        each.frames_received,
        seconds(up)
    );
    for (count, what) in [
        (each.unreadable, "unreadable"),
        (each.dropped_by_us, "dropped by ecq-record"),
        (each.keys_withheld, "with keys not stored"),
        (each.filtered_events, "left out by --filter"),
    ] {
        if count > 0 {
            write!(line, ", {count} {what}").expect(WRITES);
        }
    }
    if each.filtered_bytes > 0 {
        write!(line, " ({})", human(each.filtered_bytes)).expect(WRITES);
    }
    writeln!(out, "{line}")?;
    identities(out, &each.identities)?;
    if let Some(filter) = &each.filter {
        writeln!(out, "     only {}", escape::line(filter))?;
    }
    if let Some(snaplen) = each.snaplen_bytes {
        writeln!(
            out,
            "     only the first {snaplen} bytes of payloads (--snaplen): {} events had {} more",
            each.shortened_events,
            human(each.shortened_bytes)
        )?;
    }
    if let Some(key) = &each.redaction_key {
        writeln!(
            out,
            "     redacted (--redact), key {}: {} secrets replaced, {} of {} events left out",
            escape::line(key),
            each.redacted_secrets,
            human(each.opaque_bytes),
            each.opaque_events
        )?;
    }
    Ok(())
}

/// Whom of its processes a recording knew; nothing if it asked about none.
fn identities(out: &mut dyn Write, counts: &IdentityCounts) -> io::Result<()> {
    if *counts == IdentityCounts::default() {
        return Ok(());
    }
    let mut line = format!("     {} processes identified", counts.identified);
    for (count, what) in [
        (counts.gone, "gone before they could be"),
        (counts.unlike, "with another name in /proc"),
        (counts.skipped, "not looked for in time"),
    ] {
        if count > 0 {
            write!(line, ", {count} {what}").expect(WRITES);
        }
    }
    writeln!(out, "{line}")
}

#[cfg(test)]
mod tests {
    use crate::event::{EventId, Gap, Timestamp, Zone};

    use super::*;

    #[test]
    fn a_summary() {
        let at = |seconds: i64| Timestamp::from_seconds(1_795_431_600 + seconds);
        let stats = Stats {
            events: 3,
            payload_bytes: 3000,
            stored_payload_bytes: 600,
            file_bytes: 40_960,
            first: Some(at(1)),
            last: Some(at(50)),
            processes: vec![Counted {
                name: "cu\x1brl".to_owned(),
                events: 3,
                bytes: 3000,
            }],
            hosts: Vec::new(),
            recordings: vec![RecordingStats {
                number: 1,
                source: "ws://127.0.0.1:28257/".to_owned(),
                ecapture_version: Some("1.5.2".to_owned()),
                started: at(0),
                ended: Some(at(100)),
                ended_cleanly: true,
                events: 3,
                link_up_seconds: 99.97,
                frames_received: 4,
                unreadable: 1,
                ..RecordingStats::default()
            }],
            recording_count: 1,
            coverage: Coverage {
                started: at(0),
                ended: at(100),
                link_up: Duration::from_millis(99_970),
                links: 1,
                recordings: 1,
                gaps: 3,
                ecapture_releases: vec!["1.5.2".to_owned()],
                ..Coverage::default()
            },
            gap_count: 3,
            gaps: vec![Gap {
                started: at(10),
                ended: Some(at(11)),
                reason: "not_connected".to_owned(),
                frames: Some(2),
                ..Gap::default()
            }],
            predecessor: None,
            origins: vec![Origin {
                path: "/var/cap\x1bture.db".to_owned(),
                began: Some(at(-10)),
                upper: EventId::new(70),
                of_events: 69,
                taken: Taken::Events,
                filter: Some("pname == \"curl\"".to_owned()),
                events: 3,
                exported: at(110),
                program: "ecq-query 1".to_owned(),
            }],
        };
        let style = Style {
            color: false,
            width: 100,
            zone: Zone::Utc,
            now: at(0),
        };
        let mut out = Vec::new();
        write(&mut out, &stats, &style).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"events    3
first     2026-11-23 11:00:01 +00:00
last      2026-11-23 11:00:50 +00:00
payload   2.9 KiB, 1000 bytes per event
stored    600 B, 200 bytes per event (compressed)
file      40.0 KiB

taken from /var/cap\x1bture.db
  3 of 69 events, up to event 70, on 2026-11-23 11:01:50 +00:00 by ecq-query 1
  it began on 2026-11-23 10:59:50 +00:00
  only pname == "curl"

coverage
  from 2026-11-23 11:00:00 +00:00 to 2026-11-23 11:01:40 +00:00
  link up 1 m 39 s of 1 m 40 s, 3 gaps
  eCapture 1.5.2 reports losses in the kernel only in the log: 0 samples
  other losses inside eCapture 1.5.2 are not reported by it and can be large

gaps
  2 more, then
  2026-11-23 11:00:10 +00:00        1 s  not_connected, 2 frames

processes
  cu\x1brl          3 events    2.9 KiB

recordings
  1  ws://127.0.0.1:28257/, eCapture 1.5.2
     2026-11-23 11:00:00 +00:00 to 2026-11-23 11:01:40 +00:00
     3 events from 4 frames, link up 1 m 39 s, 1 unreadable
"#
        );
    }
}
