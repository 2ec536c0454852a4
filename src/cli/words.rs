//! What `ecq-record` says, in words.

use std::time::Duration;

use super::terminal::Terminal;
use crate::event::release;
use crate::record::{LinkEnd, Notice, Status, Summary};
use crate::render::{escape, human};
use crate::store::Holder;

/// Puts a notice into words.
pub(super) fn tell(terminal: &mut Terminal, notice: &Notice) {
    match notice {
        // The recorder's own business.
        Notice::Opened { .. } | Notice::Over => {}
        Notice::UncleanEnd { recording, last_commit } => terminal.note(format_args!(
            "recording {recording} ended without a word; everything up to its last commit at {last_commit} is there, and \
             the time since is noted as a gap"
        )),
        Notice::Connected => terminal.note("connected to eCapture"),
        Notice::CannotConnect { reason, wait } => {
            terminal.note(format_args!(
                "no eCapture yet ({}); next attempt in {}",
                escape::line(reason),
                seconds(*wait)
            ));
            terminal.advice("start it with `ecapture tls --ecaptureq ws://127.0.0.1:28257/`, or name its address with --url");
        }
        Notice::LinkEnded { end, wait } => link_ended(terminal, end, *wait),
        Notice::Version(version) => version_seen(terminal, version),
        Notice::Dropped(_) => terminal.error(
            "the disk did not keep up: frames are dropped; the gap is noted, and the summary counts them",
        ),
        Notice::LostSamples(lost) => {
            terminal.note(format_args!("eCapture says it lost {lost} samples in the kernel"));
        }
        Notice::WaitingForLock => {
            terminal.note("another program holds the capture's write lock; frames wait in memory");
        }
        Notice::LockFree => terminal.note("the capture's write lock is free again"),
        Notice::SaveFailed(reason) => {
            terminal.error(format_args!("frames are no longer saved to the file: {reason}; the capture goes on"));
        }
        Notice::ExchangesFailed(error) => terminal.error(format_args!(
            "the index of exchanges cannot be made ({error}): recording goes on without; `ecq-query reindex` makes it later"
        )),
        Notice::ExchangesLeft => terminal.note(
            "the index of exchanges is not complete: queries and the next recording make the rest",
        ),
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
        Notice::ClockSet { by_ns } => terminal.note(format_args!(
            "this host's clock was set {} by {} s: ages for --keep leave that out",
            if *by_ns < 0 { "back" } else { "forward" },
            by_ns.unsigned_abs() / 1_000_000_000
        )),
        Notice::PruningFailed(error) => terminal.error(format_args!(
            "nothing is pruned any more ({}): recording goes on; `ecq-query prune` can be tried after it",
            escape::line(error)
        )),
        Notice::ImportCutOff { bytes } => terminal.error(format_args!(
            "the file ends in the middle of a frame: its last {bytes} bytes are not imported"
        )),
        Notice::ReceivedEstimated(time) => terminal.note(format_args!(
            "the file does not say when its frames were received; {time} and later, by its heartbeats, stands in for it"
        )),
    }
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

fn link_ended(terminal: &mut Terminal, end: &LinkEnd, wait: Option<Duration>) {
    let Some(wait) = wait else { return };
    terminal.note(format_args!(
        "the link ended ({}); next attempt in {}",
        escape::line(&end.to_string()),
        seconds(wait)
    ));
    if let LinkEnd::TooLarge { .. } = end {
        terminal.advice("let it through with a larger --max-message");
    }
}

fn version_seen(terminal: &mut Terminal, version: &str) {
    terminal.note(format_args!("eCapture {}", escape::line(version)));
    let release = release(version).unwrap_or(version);
    if release.starts_with("2.0.") {
        terminal.error(format_args!(
            "eCapture {} sends no events over --ecaptureq, only its log: 1.4.0 to 1.5.2 and 2.1.0 or newer do",
            escape::line(release)
        ));
        terminal.advice("replace eCapture by 2.1.0 or newer");
    }
}

/// Where the recording stands, in one line.
pub(super) fn status(status: &Status, holders: &[Holder], running: Duration) -> String {
    let link = if status.is_linked {
        "linked"
    } else {
        "not linked"
    };
    let waiting = status.backlog.frames + status.uncommitted_events;
    let mut line = format!(
        "{link} · {} · received {} frames, {} · stored {} events · waiting {waiting}",
        clock(running),
        status.received_frames,
        human(status.received_bytes),
        status.stored_events,
    );
    if status.backlog.bytes > 1 << 20 {
        line = format!("{line} ({})", human(status.backlog.bytes as u64));
    }
    if status.filtered_events > 0 {
        line = format!("{line} · left out {}", status.filtered_events);
    }
    if status.pruned_events > 0 {
        line = format!("{line} · pruned {}", status.pruned_events);
    }
    if status.dropped_frames > 0 {
        line = format!("{line} · dropped {}", status.dropped_frames);
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

/// The closing lines.
pub(super) fn summarize(terminal: &mut Terminal, summary: &Summary) {
    let counters = &summary.counters;
    terminal.note(format_args!(
        "received {} frames ({}), stored {} events, {} unreadable, {} dropped by us",
        counters.received_frames,
        human(counters.received_bytes),
        counters.stored_events,
        counters.unreadable_frames,
        counters.dropped_frames
    ));
    terminal.note(format_args!(
        "{} heartbeats, {} log lines, {} links, {} gaps, {} on disk in {}",
        counters.heartbeats,
        counters.stored_logs,
        summary.links,
        summary.gaps,
        human(summary.file_bytes),
        escape::line(&summary.path.display().to_string())
    ));
    let left_out = [
        (counters.filtered_events, "by --filter"),
        (
            counters.withheld_keys,
            "with TLS secrets (--keep-keys stores them)",
        ),
        (
            counters.destroyed_sockets,
            "on closed sockets (they carry nothing)",
        ),
        (counters.replayed_logs, "log lines replayed"),
    ];
    let left_out: Vec<_> = left_out
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if !left_out.is_empty() {
        terminal.note(format_args!("not stored: {}", left_out.join(", ")));
    }
    if summary.pruned_events > 0 {
        terminal.note(format_args!("pruned {} events", summary.pruned_events));
    }
    if counters.lost_samples > 0 {
        terminal.note(format_args!(
            "eCapture says it lost {} samples in the kernel",
            counters.lost_samples
        ));
    }
    if counters.dropped_frames > 0 {
        terminal.error(format_args!(
            "{} frames ({}) were dropped because the disk did not keep up; see `ecq-query stats`",
            counters.dropped_frames,
            human(counters.dropped_bytes)
        ));
    }
    if !summary.is_self_contained {
        terminal.error("a query held the capture: it is complete, but keep its -wal file with it until the next recording");
    }
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
