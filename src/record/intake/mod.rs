//! From frames to batches: everything that is decided between the queue and the file. No clock, no I/O.

mod files;
mod gaps;
mod processes;
#[cfg(test)]
mod tests;

use crate::event::{Captured, ConnectionId, EventId, Frame, Kind, LinkId, RunId, Timestamp};
use crate::normalize::{Connections, LogLine, Normalized, Normalizer, Runs};
use crate::redact::Redactor;
use crate::store::{
    Batch, Counters, GapReason, GapRow, HeartbeatRow, KnownRun, LinkRow, LogRow, NewEvent, NextIds,
    RunRow,
};
use crate::wire::{self, Heartbeat, Incoming, RunLog, WireEvent};

use super::identities::KnownProcesses;
use super::judge::{Judge, Place, RecordFilter};
use super::notice::Notice;
use super::queue::{Item, LinkEnd};
use super::redaction::Redaction;
use super::shorten::shorten;

/// What a recorder does with what it reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IntakeOptions {
    /// Whether TLS secrets are stored.
    pub keep_keys: bool,
    /// Whether receive times are only stand-ins.
    pub is_received_estimated: bool,
    /// How many bytes of a payload are stored at most; all of them without it.
    pub snaplen_bytes: Option<usize>,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is in the batch or in the books.
    In,
    /// It was a frame with TLS secrets, which are not to be stored anywhere.
    Withheld,
}

/// Turns frames into a batch, and keeps the books.
pub struct Intake {
    options: IntakeOptions,
    judge: Option<Judge>,
    redaction: Option<Redaction>,
    normalizer: Normalizer,
    connections: Connections,
    runs: Runs,
    next: NextIds,
    run: Option<RunRow>,
    link: Option<LinkRow>,
    gap: Option<GapRow>,
    /// The last overflow of the queue on this link, which the next one may be part of.
    overflow: Option<GapRow>,
    /// Whether a gap is noted only once it has an end: in an import, nothing is missing after the last frame.
    is_file: bool,
    gaps: u64,
    links: u64,
    /// What was counted in the files before this one.
    before: Counters,
    batch: Batch,
    batch_bytes: usize,
    notices: Vec<Notice>,
    /// Whose events come in, if that is to be found out.
    processes: Option<KnownProcesses>,
}

impl Intake {
    /// Starts a recording at `started`, with what the capture knows of this eCapture.
    pub fn new(
        options: IntakeOptions,
        next: NextIds,
        known: Option<KnownRun>,
        started: Timestamp,
    ) -> Self {
        let runs = known.as_ref().map_or_else(Runs::default, |known| {
            Runs::resume(known.run.first_log.clone(), &known.first_lines)
        });
        let mut normalizer = Normalizer::new();
        normalizer.set_received_estimated(options.is_received_estimated);
        let mut intake = Self {
            options,
            judge: None,
            redaction: None,
            normalizer,
            connections: Connections::new(next.connection),
            runs,
            next,
            run: known.map(|known| known.run),
            link: None,
            gap: None,
            overflow: None,
            is_file: false,
            gaps: 0,
            links: 0,
            before: Counters::default(),
            batch: Batch::default(),
            batch_bytes: 0,
            notices: Vec::new(),
            processes: None,
        };
        intake.gap = Some(intake.new_gap(GapReason::NotConnected, started));
        intake
    }

    /// Starts an import: nothing is missing but what the file lacks.
    pub fn of_file(options: IntakeOptions, next: NextIds) -> Self {
        Self {
            gap: None,
            is_file: true,
            ..Self::new(options, next, None, Timestamp::MIN)
        }
    }

    /// Stores only the events that the filter is true of, and counts the others. `source` is where all of them come from.
    pub fn set_filter(&mut self, filter: RecordFilter, source: String) {
        self.judge = Some(Judge::new(filter, source));
    }

    /// Takes secrets out of everything that is stored. Filters still see what was there.
    pub fn redact(&mut self, redactor: Redactor) {
        self.redaction = Some(Redaction::new(redactor));
    }

    /// Something is missing from here on.
    fn forget_before(&mut self) {
        if let Some(redaction) = &mut self.redaction {
            redaction.forget();
        }
    }

    /// The ids that its next rows get.
    pub fn next_ids(&self) -> NextIds {
        NextIds {
            connection: self.connections.next_id(),
            ..self.next
        }
    }

    /// Goes on with these ids, as others have used some since.
    pub fn set_next_ids(&mut self, next: NextIds) {
        self.connections.set_next_id(next.connection);
        self.next = next;
    }

    /// The batch so far.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// How many bytes of frames the batch holds.
    pub fn batch_bytes(&self) -> usize {
        self.batch_bytes
    }

    /// Begins the next batch: this one is in the file.
    pub fn committed(&mut self) {
        self.batch.clear();
        self.batch_bytes = 0;
    }

    /// The connections that events may still be given to.
    pub fn live_connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.live()
    }

    /// How many links there were.
    pub fn links(&self) -> u64 {
        self.links
    }

    /// How many gaps there are, one that still lasts included.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// What is worth telling the user since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Takes in what came from the queue.
    pub fn take(&mut self, item: &Item) -> Taken {
        let withheld = self.batch.counters.withheld_keys;
        match item {
            Item::LinkBegan { number, at } => self.link_began(*number, *at),
            Item::Frame(frame) => self.frame(frame),
            Item::Dropped(dropped) => self.dropped(*dropped),
            Item::LinkEnded { at, end } => self.link_ended(*at, end),
        }
        if self.batch.counters.withheld_keys > withheld {
            Taken::Withheld
        } else {
            Taken::In
        }
    }

    /// The recording ends: what is open is closed.
    pub fn end(&mut self, at: Timestamp) {
        if self.link.is_some() {
            self.link_ended(at, &LinkEnd::Stopped);
        }
        if !self.is_file {
            self.close_gap(at);
        }
    }

    fn link_began(&mut self, number: u32, at: Timestamp) {
        self.close_gap(at);
        let id = LinkId::new(self.next.link);
        self.next.link += 1;
        self.links += 1;
        let link = LinkRow {
            id,
            number,
            connected: at,
            last_frame: None,
            ended: None,
            end_reason: None,
        };
        self.batch.links.push(link.clone());
        self.link = Some(link);
        self.runs.start_link();
    }

    fn link_ended(&mut self, at: Timestamp, end: &LinkEnd) {
        self.forget_before();
        self.overflow = None;
        if let Some(link) = self.link.take() {
            self.batch.links.push(LinkRow {
                ended: Some(at),
                end_reason: Some(end.to_string()),
                ..link
            });
        }
        let gap = match end {
            // Nothing is missing: the recording ends with the link.
            LinkEnd::Stopped => return,
            LinkEnd::TooLarge { bytes } => GapRow {
                frames: Some(1),
                // A frame can claim more than a number of the file can say.
                bytes: Some((*bytes).min(i64::MAX.unsigned_abs())),
                ..self.new_gap(GapReason::MessageTooLarge, at)
            },
            LinkEnd::Stalled { since } => self.new_gap(GapReason::Stalled, *since),
            LinkEnd::Closed | LinkEnd::Lost(_) => self.new_gap(GapReason::NotConnected, at),
        };
        let gap = GapRow {
            detail: Some(end.to_string()),
            ..gap
        };
        if !self.is_file {
            self.gaps += 1;
            self.batch.gaps.push(gap.clone());
        }
        self.gap = Some(gap);
    }

    fn frame(&mut self, frame: &Frame) {
        let counters = &mut self.batch.counters;
        counters.received_frames += 1;
        counters.received_bytes += frame.message.len() as u64;
        self.batch_bytes += frame.message.len();
        match wire::decode(frame.opcode, &frame.message) {
            Incoming::Event(event) => self.event(frame, event),
            Incoming::Heartbeat(heartbeat) => self.heartbeat(frame, heartbeat),
            Incoming::Log(log) => self.log(frame, log),
            Incoming::Unreadable { reason } => {
                self.batch.counters.unreadable_frames += 1;
                let captured = self.normalizer.unreadable(frame, reason);
                self.store(captured);
            }
        }
        if let Some(link) = &mut self.link {
            link.last_frame = Some(frame.received);
        }
    }

    fn event(&mut self, frame: &Frame, event: WireEvent) {
        match self.normalizer.event(frame, event) {
            Normalized::ConnectionDestroyed => self.batch.counters.destroyed_sockets += 1,
            Normalized::Captured(captured) => {
                if captured.event.kind == Kind::KeyMaterial && !self.options.keep_keys {
                    self.batch.counters.withheld_keys += 1;
                } else {
                    self.store(captured);
                }
            }
        }
    }

    fn store(&mut self, mut captured: Captured) {
        let run = self.run_id();
        let id = EventId::new(self.next.event);
        let placement = self.connections.place(id, &captured);
        self.batch.connections.extend(placement.began);
        self.batch.connection_updates.extend(placement.updates);
        self.batch.moves.extend(placement.moves);
        let payload_bytes = captured.payload.len() as u64;
        let is_kept = self.keeps(&captured, placement.connection);
        let redacted = (self.redaction.as_mut())
            .map(|redaction| redaction.event(&mut captured, placement.connection));
        if !is_kept {
            // The next event gets the id.
            self.connections.leave_out(id);
            self.batch.counters.filtered_events += 1;
            self.batch.counters.filtered_bytes += payload_bytes;
            return;
        }
        if let Some(counted) = redacted {
            self.batch.counters = self.batch.counters.plus(&counted);
        }
        if let Some(snaplen) = self.options.snaplen_bytes {
            let left_out = shorten(&mut captured, snaplen);
            self.batch.counters.shortened_events += u64::from(left_out > 0);
            self.batch.counters.shortened_bytes += left_out;
        }
        if let Some(processes) = &mut self.processes {
            processes.see(&captured.event);
        }
        self.next.event += 1;
        self.batch.counters.stored_events += 1;
        self.batch.events.push(NewEvent {
            id,
            run,
            connection: placement.connection,
            identity: None,
            captured,
        });
    }

    /// Whether the filter, if there is one, lets the event in. It has been placed.
    fn keeps(&mut self, captured: &Captured, connection: Option<ConnectionId>) -> bool {
        let Some(judge) = &mut self.judge else {
            return true;
        };
        let (endpoints, role) = connection
            .map(|_| self.connections.ends(&captured.event))
            .unwrap_or_default();
        let place = Place {
            connection,
            endpoints,
            role,
        };
        judge.keeps(captured, &place)
    }

    /// The current run. Events that come before any line of a run log are of a run that has none yet.
    fn run_id(&mut self) -> RunId {
        if let Some(run) = &self.run {
            return run.id;
        }
        self.begin_run(None).id
    }

    fn begin_run(&mut self, first_log: Option<&RunLog>) -> &RunRow {
        let run = RunRow {
            id: RunId::new(self.next.run),
            first_log: first_log.map(|log| log.text.clone()),
            version: first_log.and_then(|log| log.version.clone()),
            started: first_log.and_then(|log| log.time),
            zone_offset_seconds: first_log.and_then(|log| log.zone_offset_seconds),
        };
        self.next.run += 1;
        self.normalizer.start_run();
        self.connections.start_run();
        self.forget_before();
        self.batch.runs.push(run.clone());
        self.run.insert(run)
    }

    fn log(&mut self, frame: &Frame, mut log: RunLog) {
        if let Some(redaction) = &self.redaction {
            redaction.log(&mut log);
        }
        match self.runs.judge(&log.text) {
            LogLine::NewRun => {
                // Events that slipped in before the first line of the first run belong to it.
                let is_nameless = self.run.as_ref().is_some_and(|run| run.first_log.is_none());
                if is_nameless && let Some(run) = &mut self.run {
                    run.first_log = Some(log.text.clone());
                    run.started = log.time;
                    run.zone_offset_seconds = log.zone_offset_seconds;
                    self.batch.runs.push(run.clone());
                } else {
                    self.begin_run(Some(&log));
                }
            }
            LogLine::Replayed => {
                self.batch.counters.replayed_logs += 1;
                self.normalizer.learn(&log);
                return;
            }
            LogLine::New => {}
        }
        self.normalizer.learn(&log);
        if let (Some(version), Some(run)) = (&log.version, &mut self.run)
            && run.version.as_ref() != Some(version)
        {
            run.version = Some(version.clone());
            self.batch.runs.push(run.clone());
            self.notices.push(Notice::Version(version.clone()));
        }
        if let Some(lost) = log.lost_samples {
            self.batch.counters.lost_samples += lost;
            self.notices.push(Notice::LostSamples(lost));
        }
        let (run, link) = (self.run_id(), self.link_id(frame.received));
        self.batch.counters.stored_logs += 1;
        self.batch.logs.push(LogRow {
            run,
            link,
            received: frame.received,
            line: log.text,
            carrier: log.carrier,
            frame: log.raw,
        });
    }

    fn heartbeat(&mut self, frame: &Frame, mut heartbeat: Heartbeat) {
        if let Some(redaction) = &self.redaction {
            redaction.heartbeat(&mut heartbeat);
        }
        let link = self.link_id(frame.received);
        self.batch.counters.heartbeats += 1;
        self.batch.heartbeats.push(HeartbeatRow {
            link,
            received: frame.received,
            timestamp_seconds: heartbeat.timestamp_seconds,
            count: heartbeat.count,
            message: heartbeat.message,
            carrier: heartbeat.carrier,
            frame: heartbeat.raw,
        });
        // The link's sign of life goes with it.
        if let Some(link) = &self.link {
            self.batch.links.push(LinkRow {
                last_frame: Some(frame.received),
                ..link.clone()
            });
        }
    }

    fn link_id(&mut self, at: Timestamp) -> LinkId {
        if self.link.is_none() {
            self.link_began(1, at);
        }
        self.link.as_ref().map_or(LinkId::new(0), |link| link.id)
    }
}
