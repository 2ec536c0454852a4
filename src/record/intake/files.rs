//! The recording goes on in another file: what is open is closed in this one, and told to the next.

use super::Intake;
use crate::event::{RecordingId, Timestamp};
use crate::store::{Counters, LinkRow};

impl Intake {
    /// The recording's counters, over all of its files.
    pub fn counters(&self) -> Counters {
        self.before.plus(&self.batch.counters)
    }

    /// What of that was counted in this file.
    pub fn file_counters(&self) -> Counters {
        self.batch.counters
    }

    /// The recording goes on in another file: in this one, what is open is closed. The batch is to be written after it.
    pub fn end_file(&mut self, at: Timestamp) {
        self.overflow = None;
        if let Some(link) = &self.link {
            self.batch.links.push(LinkRow {
                ended: Some(at),
                end_reason: Some("the recording goes on in another file".to_owned()),
                ..link.clone()
            });
        }
        let lasting = self.gap.clone();
        self.close_gap(at);
        self.gap = lasting;
    }

    /// The batch is written: the next rows are for another file, where this recording has another number. What is known and
    /// what is open is told to it, too.
    pub fn begin_file(&mut self, at: Timestamp, recording: RecordingId) {
        if let Some(processes) = &mut self.processes {
            processes.go_on_as(recording);
        }
        self.committed();
        self.before = self.counters();
        self.batch.counters = Counters::default();
        self.connections.start_file();
        self.batch.runs.extend(self.run.clone());
        if let Some(link) = &mut self.link {
            // This file has nothing of what came over it before.
            link.connected = at;
            link.last_frame = None;
            self.batch.links.push(link.clone());
        }
        if let Some(gap) = &mut self.gap {
            gap.started = at;
            if gap.detail.is_some() {
                self.batch.gaps.push(gap.clone());
            }
        }
    }
}
