//! What is missing or in doubt: counted, and put on the record of the new file.

use rusqlite::{Connection, params};

use crate::store::batch::GapReason;

/// What was salvaged of a capture, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// How many events are in the new file.
    pub events: u64,
    /// How many are not: their rows could not be read.
    pub lost_events: u64,
    /// How many have lost their payload.
    pub lost_payloads: u64,
    /// The size of those payloads, in bytes.
    pub lost_payload_bytes: u64,
    /// How many have lost their HTTP head, details or envelope.
    pub lost_facts: u64,
    /// How many are of a commit of which everything could be read and the digest does not fit.
    pub doubtful_events: u64,
    /// How many are of a commit of which others are lost.
    pub unproven_events: u64,
    /// Names of the tables of which rows could not be read.
    pub lost_rows: Vec<&'static str>,
    /// How many exchanges the events make.
    pub exchanges: u64,
    /// The newest event that was seen or is known to be lost.
    pub upper: i64,
}

impl Salvaged {
    /// Whether nothing is missing and nothing in doubt.
    pub fn is_whole(&self) -> bool {
        let faults = [
            self.lost_events,
            self.lost_payloads,
            self.lost_facts,
            self.doubtful_events,
            self.unproven_events,
        ];
        faults == [0; 5] && self.lost_rows.is_empty()
    }
}

/// What happened to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Loss {
    Event,
    Payload,
    Facts,
    Doubtful,
    Unproven,
}

impl Loss {
    /// Every one.
    pub(in crate::store) const ALL: [Self; 5] = [
        Self::Event,
        Self::Payload,
        Self::Facts,
        Self::Doubtful,
        Self::Unproven,
    ];

    /// Its name in the table `names`.
    #[cfg(test)]
    pub(in crate::store) fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Payload => "payload",
            Self::Facts => "facts",
            Self::Doubtful => "doubtful",
            Self::Unproven => "unproven",
        }
    }

    /// The number that stands for it in a capture file.
    pub(in crate::store) fn code(self) -> u8 {
        match self {
            Self::Event => 1,
            Self::Payload => 2,
            Self::Facts => 3,
            Self::Doubtful => 4,
            Self::Unproven => 5,
        }
    }
}

/// Neighbors with the same loss.
#[derive(Debug, Clone, Copy)]
struct Range {
    first: i64,
    last: i64,
    events: u64,
}

/// Writes losses, neighbors as one.
#[derive(Debug, Default)]
pub(super) struct Losses {
    open: [Option<Range>; Loss::ALL.len()],
    /// When the last event was received that could be read.
    received: Option<i64>,
    recording: Option<i64>,
}

impl Losses {
    /// Adds so many events from `first` to `last`, in order of id for each loss.
    pub(super) fn add(
        &mut self,
        db: &Connection,
        loss: Loss,
        (first, last): (i64, i64),
        events: u64,
    ) -> rusqlite::Result<()> {
        let Some(open) = self.open.get_mut(usize::from(loss.code()) - 1) else {
            return Ok(());
        };
        match open {
            Some(range) if range.last.saturating_add(1) >= first => {
                range.last = last;
                range.events = range
                    .events
                    .saturating_add(events)
                    .min(i64::MAX.unsigned_abs());
                Ok(())
            }
            _ => {
                let new = Range {
                    first,
                    last,
                    events,
                };
                match open.replace(new) {
                    Some(before) => write(db, loss, before),
                    None => Ok(()),
                }
            }
        }
    }

    /// Notes an event that could be read: lost ones before it are a gap that ends here.
    pub(super) fn note_read(
        &mut self,
        db: &Connection,
        received: i64,
        recording: i64,
    ) -> rusqlite::Result<()> {
        self.end_gap(db, received, recording)?;
        (self.received, self.recording) = (Some(received), Some(recording));
        Ok(())
    }

    /// Writes what is still open.
    pub(super) fn finish(&mut self, db: &Connection) -> rusqlite::Result<()> {
        if let (Some(received), Some(recording)) = (self.received, self.recording) {
            self.end_gap(db, received, recording)?;
        }
        for loss in Loss::ALL {
            let open = self.open.get_mut(usize::from(loss.code()) - 1);
            if let Some(range) = open.and_then(Option::take) {
                write(db, loss, range)?;
            }
        }
        Ok(())
    }

    fn end_gap(&mut self, db: &Connection, received: i64, recording: i64) -> rusqlite::Result<()> {
        let [open, ..] = &mut self.open;
        let Some(range) = open.take() else {
            return Ok(());
        };
        write(db, Loss::Event, range)?;
        let started = self.received.unwrap_or(received);
        db.prepare_cached(
            "INSERT INTO gaps (recording_id, reason, started_ns, ended_ns, frames, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            recording,
            GapReason::Damaged.code(),
            started.min(received),
            started.max(received),
            range.events,
            format!(
                "events {} to {} could not be read when the capture was salvaged",
                range.first, range.last
            )
        ])?;
        Ok(())
    }
}

fn write(db: &Connection, loss: Loss, range: Range) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO losses (loss, first_id, last_id, events) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![loss.code(), range.first, range.last, range.events])?;
    Ok(())
}
