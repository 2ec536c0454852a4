//! What `ecq-record` says, in words.

use std::path::Path;
use std::time::Duration;

use super::terminal::Terminal;
use crate::event::release;
use crate::record::{LinkEnd, Notice, SourceStatus, SourceSummary, Status, Summary, Why};
use crate::render::{escape, human};
use crate::store::{Counters, Holder};

/// Puts a notice into words.
pub(super) fn tell(terminal: &mut Terminal, notice: &Notice) {
    match notice {
        // The recorder's own business.
        Notice::Opened { .. } | Notice::Over | Notice::StatusAsked => {}
        Notice::Metrics(address) => {
            terminal.note(format_args!("metrics are at http://{address}/metrics"));
            if !address.ip().is_loopback() {
                terminal.note("whoever reaches that address can read them; they hold counts, and nothing that was captured");
            }
        }
        Notice::UncleanEnd { recording, last_commit } => terminal.note(format_args!(
            "recording {recording} ended without a word; everything up to its last commit at {last_commit} is there, and \
             the time since is noted as a gap"
        )),
        Notice::Of { source, notice } => {
            of_source(terminal, &format!("{}: ", escape::line(source)), notice);
        }
        Notice::WaitingForLock => {
            terminal.note("another program holds the capture's write lock; frames wait in memory");
        }
        Notice::LockFree => terminal.note("the capture's write lock is free again"),
        Notice::ExchangesFailed(error) => terminal.error(format_args!(
            "the index of exchanges cannot be made ({error}): recording goes on without; `ecq-query reindex` makes it later"
        )),
        Notice::ExchangesLeft => terminal.note(
            "the index of exchanges is not complete: queries and the next recording make the rest",
        ),
        Notice::GoesOnIn(path) => terminal.note(format_args!("recording goes on in {}", shown(path))),
        Notice::SetAside(path) => terminal.note(format_args!("what was recorded so far is in {}", shown(path))),
        Notice::NothingToSetAside => {
            terminal.note("SIGHUP asks for another file, and this one has no events yet: recording goes on in it");
        }
        Notice::MovedAway(path) => {
            terminal.error(format_args!(
                "{} was moved away while it is recorded to: recording goes on in it, and its end is in a -wal under the old name",
                shown(path)
            ));
            terminal.advice("move it back; SIGHUP alone gives it another name and begins a new file");
        }
        Notice::CannotSwitch { path, reason } => terminal.error(format_args!(
            "the next file cannot be begun ({}): recording goes on in this one, and {} is tried again in a minute",
            escape::line(reason),
            shown(path)
        )),
        Notice::ExchangesLeftIn(path) => {
            terminal.note(format_args!("the index of exchanges of {} is not complete", shown(path)));
            terminal.advice("`ecq-query reindex` makes the rest; until then queries do it each time");
        }
        Notice::FileHeld(path) => terminal.error(format_args!(
            "a query held {}: it is complete, but keep its -wal file with it",
            shown(path)
        )),
        Notice::FileLeft { path, reason } => terminal.error(format_args!(
            "{} cannot be completed ({}): nothing in it is lost, but keep its -wal file with it",
            shown(path),
            escape::line(reason)
        )),
        Notice::CannotRemove { path, reason } => terminal.error(format_args!(
            "{} is one file too many, and cannot be removed: {}",
            shown(path),
            escape::line(reason)
        )),
        Notice::Stopping => terminal.note("stopping: storing what is waiting (interrupt again to end at once)"),
        Notice::LimitReached => terminal.note("the limit of --autostop is reached: storing what is waiting"),
        Notice::LogHeld { bytes, holders } => {
            terminal.error(format_args!(
                "a reader keeps the capture's -wal from being written back ({}): it is {} larger than it need be, and grows",
                named(holders),
                human(*bytes)
            ));
            terminal.advice("let that program end its query or its transaction, or stop it");
        }
        Notice::LogFree => terminal.note("the capture's -wal is written back again"),
        Notice::CannotShrink => terminal.error(
            "--max-size or --min-free is not met, and only the newest commit is left: recording goes on",
        ),
        Notice::PruningWaits(wait) => terminal.note(format_args!(
            "everything that was recorded before is older than --keep: it is kept for {} more, in case the clock is wrong",
            seconds(*wait)
        )),
        Notice::ClockSet { by_ns, jumps } => terminal.note(format_args!(
            "this host's clock was set {} by {} s{}: that is noted, and ages for --keep leave it out",
            if *by_ns < 0 { "back" } else { "forward" },
            by_ns.unsigned_abs() / 1_000_000_000,
            if *jumps > 1 {
                format!(" in {jumps} jumps")
            } else {
                String::new()
            }
        )),
        Notice::PruningFailed(error) => terminal.error(format_args!(
            "nothing is pruned any more ({}): recording goes on; `ecq-query prune` can be tried after it",
            escape::line(error)
        )),
        Notice::ImportCutOff { bytes } => terminal.error(format_args!(
            "the last {bytes} bytes of the file are no whole frame and are not imported: it was cut off, or is damaged there"
        )),
        Notice::ReceivedEstimated(time) => terminal.note(format_args!(
            "the file does not say when its frames were received; {time} and later, by its heartbeats, stands in for it"
        )),
        other => of_source(terminal, "", other),
    }
}

/// A path, fit for a terminal.
fn shown(path: &Path) -> String {
    escape::line(&path.display().to_string())
}

/// Processes by name and id.
fn named(holders: &[Holder]) -> String {
    if holders.is_empty() {
        return "the system does not tell which".to_owned();
    }
    let names: Vec<_> = holders
        .iter()
        .map(|holder| {
            let name = holder.name.as_deref().unwrap_or("a process");
            format!("{}, pid {}", escape::line(name), holder.pid)
        })
        .collect();
    names.join("; ")
}

/// What is about one source; `name` comes in front.
fn of_source(terminal: &mut Terminal, name: &str, notice: &Notice) {
    match notice {
        Notice::Connected => terminal.note(format_args!("{name}connected to eCapture")),
        Notice::CannotConnect { why, reason, wait } => {
            terminal.note(format_args!(
                "{name}no eCapture yet ({}); next attempt in {}",
                escape::line(reason),
                seconds(*wait)
            ));
            terminal.advice(connect_advice(*why));
        }
        Notice::LinkEnded { end, wait } => link_ended(terminal, name, end, *wait),
        Notice::Version(version) => version_seen(terminal, name, version),
        Notice::Dropped(_) => terminal.error(format_args!(
            "{name}the disk did not keep up: frames are dropped; the gap is noted, and the summary counts them"
        )),
        Notice::LostSamples(lost) => terminal.note(format_args!(
            "{name}eCapture says it lost {lost} samples in the kernel"
        )),
        Notice::SavesFrames(path) => terminal.note(format_args!(
            "{name}frames go to {}",
            escape::line(&path.display().to_string())
        )),
        Notice::SaveFailed(reason) => terminal.error(format_args!(
            "{name}frames are no longer saved to the file: {reason}; the capture goes on"
        )),
        // The recorder's own business.
        _ => {}
    }
}

fn connect_advice(why: Why) -> &'static str {
    match why {
        Why::Unreachable | Why::Other => {
            "start it with `ecapture tls --ecaptureq ws://127.0.0.1:28257/`, or name its address with --url"
        }
        Why::Denied => {
            "if a proxy in front asks who you are, say it with --header 'Authorization: @FILE'"
        }
        Why::UnknownAuthority => {
            "if you trust who signed it, name the file with that certificate (PEM) with --ca"
        }
        Why::WrongName => "use the name in the certificate in --url, as in wss://NAME:PORT/",
        Why::Certificate => "renew the certificate, or set this host's clock",
        Why::NotTls => {
            "eCapture itself speaks no TLS: use ws://, or name the port of the proxy that does"
        }
    }
}

fn link_ended(terminal: &mut Terminal, name: &str, end: &LinkEnd, wait: Option<Duration>) {
    let Some(wait) = wait else { return };
    terminal.note(format_args!(
        "{name}the link ended ({}); next attempt in {}",
        escape::line(&end.to_string()),
        seconds(wait)
    ));
    if let LinkEnd::TooLarge { .. } = end {
        terminal.advice("let it through with a larger --max-message");
    }
}

fn version_seen(terminal: &mut Terminal, name: &str, version: &str) {
    terminal.note(format_args!("{name}eCapture {}", escape::line(version)));
    let release = release(version).unwrap_or(version);
    if release.starts_with("2.0.") {
        terminal.error(format_args!(
            "{name}eCapture {} sends no events over --ecaptureq, only its log: 1.4.0 to 1.5.2 and 2.1.0 or newer do",
            escape::line(release)
        ));
        terminal.advice("replace eCapture by 2.1.0 or newer");
    }
}

/// So many sources are told apart in the status; of more, those without a link are.
const MAX_TOLD: usize = 4;

/// Where the recording stands, in one line.
pub(super) fn status(status: &Status, holders: &[Holder], running: Duration) -> String {
    let sources = &status.sources;
    let linked = sources.iter().filter(|source| source.is_linked).count();
    let link = match (linked, sources.len()) {
        (0, _) => "not linked".to_owned(),
        (1, 1) => "linked".to_owned(),
        (linked, all) => format!("{linked} of {all} linked"),
    };
    let waiting = status.backlog.frames + status.uncommitted_events;
    let mut line = format!(
        "{link} · {} · received {} frames, {} · stored {} events · waiting {waiting}",
        clock(running),
        status.total(|source| source.received_frames),
        human(status.total(|source| source.received_bytes)),
        status.total(|source| source.stored_events),
    );
    if status.backlog.bytes > 1 << 20 {
        line = format!("{line} ({})", human(status.backlog.bytes as u64));
    }
    for (what, count, bytes) in [
        (
            "left out",
            status.total(|source| source.filtered_events),
            status.total(|source| source.filtered_bytes),
        ),
        (
            "shortened",
            status.total(|source| source.shortened_events),
            status.total(|source| source.shortened_bytes),
        ),
        (
            "not looked into",
            status.total(|source| source.opaque_events),
            status.total(|source| source.opaque_bytes),
        ),
    ] {
        if count > 0 {
            line = format!("{line} · {what} {count} ({})", human(bytes));
        }
    }
    let redacted = status.total(|source| source.redacted_secrets);
    if redacted > 0 {
        line = format!("{line} · {redacted} secrets replaced");
    }
    if status.pruned_events > 0 {
        line = format!("{line} · pruned {}", status.pruned_events);
    }
    let dropped = status.total(|source| source.dropped_frames);
    if dropped > 0 {
        line = format!("{line} · dropped {dropped}");
    }
    if sources.len() > 1 {
        let told = sources
            .iter()
            .filter(|source| sources.len() <= MAX_TOLD || !source.is_linked);
        for source in told {
            line = format!("{line} · {}", source_status(source));
        }
    }
    if status.held_bytes > 0 {
        line = format!(
            "{line} · -wal {} too large, held by a reader ({})",
            human(status.held_bytes),
            named(holders)
        );
    }
    line
}

/// `web 12 events`, `web not linked, 12 events`.
fn source_status(source: &SourceStatus) -> String {
    let link = if source.is_linked { "" } else { "not linked, " };
    let dropped = match source.dropped_frames {
        0 => String::new(),
        dropped => format!(", dropped {dropped}"),
    };
    let name = escape::line(&source.name);
    format!("{name} {link}{} events{dropped}", source.stored_events)
}

/// The closing lines.
pub(super) fn summarize(terminal: &mut Terminal, summary: &Summary) {
    let total = |of: fn(&Counters) -> u64| summary.total(|source| of(&source.counters));
    let dropped = total(|counters| counters.dropped_frames);
    terminal.note(format_args!(
        "received {} frames ({}), stored {} events, {} unreadable, {dropped} dropped by us",
        total(|counters| counters.received_frames),
        human(total(|counters| counters.received_bytes)),
        total(|counters| counters.stored_events),
        total(|counters| counters.unreadable_frames),
    ));
    terminal.note(format_args!(
        "{} heartbeats, {} log lines, {} links, {} gaps, {} on disk in {}",
        total(|counters| counters.heartbeats),
        total(|counters| counters.stored_logs),
        summary.total(|source| source.links),
        summary.total(|source| source.gaps),
        human(summary.file_bytes),
        escape::line(&summary.path.display().to_string())
    ));
    if summary.files > 1 {
        terminal.note(format_args!("that is the last of {} files", summary.files));
    }
    if summary.sources.len() > 1 {
        for source in &summary.sources {
            terminal.note(source_summary(source));
        }
    }
    let redacted = total(|counters| counters.redacted_secrets);
    if redacted > 0 {
        terminal.note(format_args!("replaced {redacted} secrets"));
    }
    let left_out = left_out(&total);
    if !left_out.is_empty() {
        terminal.note(format_args!("not stored: {}", left_out.join(", ")));
    }
    if summary.pruned_events > 0 {
        terminal.note(format_args!("pruned {} events", summary.pruned_events));
    }
    let lost = total(|counters| counters.lost_samples);
    if lost > 0 {
        terminal.note(format_args!(
            "eCapture says it lost {lost} samples in the kernel"
        ));
    }
    let unlike = total(|counters| counters.unlike_processes);
    if unlike > 0 {
        terminal.note(format_args!(
            "{unlike} processes have another name in /proc than in their events, and were not identified; if eCapture runs on \
             another host, say --no-proc"
        ));
    }
    if dropped > 0 {
        terminal.error(format_args!(
            "{dropped} frames ({}) were dropped because the disk did not keep up; see `ecq-query stats`",
            human(total(|counters| counters.dropped_bytes))
        ));
    }
    if !summary.is_self_contained {
        terminal.error("a query held the capture: it is complete, but keep its -wal file with it until the next recording");
    }
}

/// One of several sources.
fn source_summary(source: &SourceSummary) -> String {
    let counters = &source.counters;
    format!(
        "{}: received {} frames ({}), stored {} events, {} dropped by us, {} links, {} gaps",
        escape::line(&source.name),
        counters.received_frames,
        human(counters.received_bytes),
        counters.stored_events,
        counters.dropped_frames,
        source.links,
        source.gaps
    )
}

fn left_out(total: &impl Fn(fn(&Counters) -> u64) -> u64) -> Vec<String> {
    let filtered = format!(
        "by --filter ({})",
        human(total(|counters| counters.filtered_bytes))
    );
    let shortened = format!(
        "payloads beyond --snaplen ({})",
        human(total(|counters| counters.shortened_bytes))
    );
    let opaque = format!(
        "payloads that --redact cannot look into ({})",
        human(total(|counters| counters.opaque_bytes))
    );
    [
        (
            total(|counters| counters.filtered_events),
            filtered.as_str(),
        ),
        (total(|counters| counters.shortened_events), &shortened),
        (total(|counters| counters.opaque_events), &opaque),
        (
            total(|counters| counters.withheld_keys),
            "with TLS secrets (--keep-keys stores them)",
        ),
        (
            total(|counters| counters.destroyed_sockets),
            "on closed sockets (they carry nothing)",
        ),
        (
            total(|counters| counters.replayed_logs),
            "log lines replayed",
        ),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect()
}

/// What a second interrupt did.
pub(super) fn abandoned(terminal: &mut Terminal, status: &Status) {
    terminal.error(format_args!(
        "ended at once: {} events and {} frames that were waiting are lost; what was stored is safe",
        status.uncommitted_events, status.backlog.frames
    ));
    terminal.error("eCapture 1.5.0 to 2.5.1 crashes when a client leaves before its first heartbeat: check that it still runs");
}

fn seconds(wait: Duration) -> String {
    format!("{} s", wait.as_secs())
}

/// Hours, minutes and seconds.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, is_linked: bool, events: u64) -> SourceStatus {
        SourceStatus {
            name: name.to_owned(),
            is_linked,
            received_frames: events + 1,
            received_bytes: 1024,
            stored_events: events,
            ..SourceStatus::default()
        }
    }

    #[track_caller]
    fn check(sources: Vec<SourceStatus>, expected: &str) {
        let status = Status {
            sources,
            ..Status::default()
        };
        assert_eq!(
            super::status(&status, &[], Duration::from_secs(61)),
            expected
        );
    }

    #[test]
    fn one_source_needs_no_name() {
        let one = SourceStatus {
            filtered_events: 2,
            filtered_bytes: 3000,
            shortened_events: 1,
            shortened_bytes: 10,
            redacted_secrets: 4,
            opaque_events: 3,
            opaque_bytes: 20,
            ..source("ws://h/", true, 5)
        };
        check(
            vec![one],
            "linked · 00:01:01 · received 6 frames, 1.0 KiB · stored 5 events · waiting 0 · left out 2 (2.9 KiB) · \
             shortened 1 (10 B) · not looked into 3 (20 B) · 4 secrets replaced",
        );
    }

    #[test]
    fn several_sources_are_told_apart() {
        let dropping = SourceStatus {
            dropped_frames: 3,
            ..source("db", true, 2)
        };
        check(
            vec![source("w\x1bb", false, 5), dropping],
            "1 of 2 linked · 00:01:01 · received 9 frames, 2.0 KiB · stored 7 events · waiting 0 · dropped 3 · \
             w\\x1bb not linked, 5 events · db 2 events, dropped 3",
        );
        let mut many: Vec<_> = (0..9)
            .map(|number| source(&format!("s{number}"), number != 4, 1))
            .collect();
        check(
            many.clone(),
            "8 of 9 linked · 00:01:01 · received 18 frames, 9.0 KiB · stored 9 events · waiting 0 · s4 not linked, 1 events",
        );
        many.truncate(1);
        many[0].is_linked = false;
        check(
            many,
            "not linked · 00:01:01 · received 2 frames, 1.0 KiB · stored 1 events · waiting 0",
        );
    }
}
