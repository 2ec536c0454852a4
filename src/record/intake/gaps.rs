//! The gaps of a recording: when one begins, how long it lasts, and what of it is noted.

use std::time::Duration;

use super::Intake;
use crate::event::Timestamp;
use crate::record::notice::Notice;
use crate::record::queue::Dropped;
use crate::store::{GapReason, GapRow};

/// The time before the first link is a gap only if it is longer than connecting takes.
const SHORT: Duration = Duration::from_secs(1);

/// Overflows of the queue that are less than this apart are one gap. A queue that is full lets a frame in now and then,
/// and each of those would part two gaps: hundreds a second.
const APART: Duration = Duration::from_secs(1);

impl Intake {
    pub(super) fn new_gap(&mut self, reason: GapReason, started: Timestamp) -> GapRow {
        let id = self.next.gap;
        self.next.gap += 1;
        GapRow {
            id,
            reason,
            started,
            ended: None,
            frames: None,
            bytes: None,
            detail: None,
        }
    }

    pub(super) fn close_gap(&mut self, at: Timestamp) {
        let Some(gap) = self.gap.take() else { return };
        // What was not noted while it lasted: the time before the first link, and between the links of a file.
        let is_noted = gap.detail.is_some() && !self.is_file;
        if !is_noted {
            if at.since(gap.started) < SHORT {
                return;
            }
            self.gaps += 1;
        }
        self.batch.gaps.push(GapRow {
            ended: Some(at.max(gap.started)),
            ..gap
        });
    }

    pub(super) fn dropped(&mut self, dropped: Dropped) {
        self.forget_before();
        let counters = &mut self.batch.counters;
        counters.received_frames += dropped.frames;
        counters.received_bytes += dropped.bytes;
        counters.dropped_frames += dropped.frames;
        counters.dropped_bytes += dropped.bytes;
        let last = self.overflow.take();
        let gap = last.filter(|gap| is_part_of(gap, dropped.first));
        let gap = gap.unwrap_or_else(|| {
            self.gaps += 1;
            // Told once a gap; the status line and the summary count.
            self.notices.push(Notice::Dropped(dropped));
            self.new_gap(GapReason::QueueOverflow, dropped.first)
        });
        let gap = GapRow {
            ended: gap.ended.max(Some(dropped.last)),
            frames: Some(gap.frames.unwrap_or(0) + dropped.frames),
            bytes: Some(gap.bytes.unwrap_or(0) + dropped.bytes),
            ..gap
        };
        // One row a commit, however often it goes on.
        match (self.batch.gaps.iter_mut()).rfind(|row| row.id == gap.id) {
            Some(row) => *row = gap.clone(),
            None => self.batch.gaps.push(gap.clone()),
        }
        self.overflow = Some(gap);
    }
}

/// Whether what is dropped at `at` is part of a gap that is in the file perhaps. Clocks may go back, but the row keeps
/// its beginning.
fn is_part_of(gap: &GapRow, at: Timestamp) -> bool {
    let ended = gap.ended.unwrap_or(gap.started);
    at >= gap.started && at.since(ended) < APART
}
