//! Shows what a capture holds and what it misses.

use anyhow::Context as _;
use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::select::TimeArgs;
use crate::event::{Counted, Gap, RecordingStats, Stats};
use crate::export;
use crate::render::summary;
use crate::store;

use super::{CommonArgs, Context, Output, capture};

#[derive(Debug, Args)]
pub(super) struct StatsArgs {
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// How to write it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
}

pub(super) fn run(args: &StatsArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let reader = capture::open(context)?;
    let anchor = capture::anchor(context, &reader)?;
    let selection = args.time.selection(anchor)?;
    let stats = reader.stats(&selection).context("failed to count events")?;
    let stats = plain(stats);
    let style = context.style();
    match args.output {
        Output::Table => summary::write(context.terminal.out(), &stats, &style)?,
        Output::Jsonl => export::stats::write(context.terminal.out(), &stats)?,
    }
    if stats.events == 0 {
        capture::explain_nothing(context, selection.since, anchor.newest);
        return Ok(Exit::Nothing);
    }
    Ok(Exit::Found)
}

/// The store's numbers as plain values, which `render` and `export` may know.
fn plain(stats: store::Stats) -> Stats {
    Stats {
        events: stats.events,
        payload_bytes: stats.payload_bytes,
        stored_payload_bytes: stats.stored_payload_bytes,
        file_bytes: stats.file_bytes,
        first: stats.first,
        last: stats.last,
        processes: stats
            .processes
            .into_iter()
            .map(|each| Counted {
                name: each.name,
                events: each.events,
                bytes: each.bytes,
            })
            .collect(),
        hosts: stats
            .hosts
            .into_iter()
            .map(|each| Counted {
                name: each.name,
                events: each.events,
                bytes: each.bytes,
            })
            .collect(),
        recordings: stats
            .recordings
            .into_iter()
            .map(|each| RecordingStats {
                number: each.number,
                source: each.source,
                ecapture_version: each.ecapture_version,
                started: each.started,
                ended: each.ended,
                ended_cleanly: each.ended_cleanly,
                events: each.events,
                link_up_seconds: each.link_up_seconds,
                frames_received: each.frames_received,
                unreadable: each.unreadable,
                dropped_by_us: each.dropped_by_us,
                keys_withheld: each.keys_withheld,
            })
            .collect(),
        gaps: stats
            .gaps
            .into_iter()
            .map(|each| Gap {
                started: each.started,
                ended: each.ended,
                reason: each.reason,
                frames: each.frames,
                bytes: each.bytes,
                detail: each.detail,
            })
            .collect(),
    }
}
