//! What one commit writes: plain rows, with the ids already given.

use std::sync::Arc;

use bytes::Bytes;

use super::chain::ChainKey;
use super::vault::Protection;
use crate::event::{
    Captured, Carrier, Connection, ConnectionId, ConnectionUpdate, EventId, Identity, LinkId,
    RecordingId, RunId, Timestamp,
};

/// Everything that goes into the file in one transaction.
#[derive(Debug, Default)]
pub struct Batch {
    /// Runs of eCapture that are new or about which more is known.
    pub runs: Vec<RunRow>,
    /// Links that are new or about which more is known.
    pub links: Vec<LinkRow>,
    /// Gaps that are new or have ended.
    pub gaps: Vec<GapRow>,
    /// Heartbeats.
    pub heartbeats: Vec<HeartbeatRow>,
    /// Lines of the run log.
    pub logs: Vec<LogRow>,
    /// Connections that began.
    pub connections: Vec<Connection>,
    /// What became known about connections that began before.
    pub connection_updates: Vec<ConnectionUpdate>,
    /// Events, in order of arrival, with consecutive ids.
    pub events: Vec<NewEvent>,
    /// Events, of this batch or an earlier one, that turned out to belong to another connection.
    pub moves: Vec<(EventId, ConnectionId)>,
    /// Processes that became known: streams that are in the file already get their identity.
    pub identified: Vec<Identified>,
    /// The recording's counters after this batch.
    pub counters: Counters,
}

impl Batch {
    /// Whether there is nothing to write but counters.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
            && self.links.is_empty()
            && self.gaps.is_empty()
            && self.heartbeats.is_empty()
            && self.logs.is_empty()
            && self.connections.is_empty()
            && self.connection_updates.is_empty()
            && self.events.is_empty()
            && self.moves.is_empty()
            && self.identified.is_empty()
    }

    /// Makes room for the next one.
    pub fn clear(&mut self) {
        *self = Self {
            counters: self.counters,
            events: std::mem::take(&mut self.events),
            ..Self::default()
        };
        self.events.clear();
    }
}

/// One run of eCapture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// The first line of its run log.
    pub first_log: Option<String>,
    /// The version string that its run log shows.
    pub version: Option<String>,
    /// The time of its first log line.
    pub started: Option<Timestamp>,
    /// The offset of the zone it prints times in, east of Greenwich.
    pub zone_offset_seconds: Option<i32>,
}

/// One link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// Its id.
    pub id: LinkId,
    /// Its number in the recording, from 1.
    pub number: u32,
    /// When the handshake was done.
    pub connected: Timestamp,
    /// When the last frame came.
    pub last_frame: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it ended, in words.
    pub end_reason: Option<String>,
}

/// Why something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// No link to eCapture was up.
    NotConnected,
    /// Our queue was full and the newest frames were dropped.
    QueueOverflow,
    /// eCapture sent a message larger than the limit, which ended the link.
    MessageTooLarge,
    /// The link was up, but nothing came over it, not even heartbeats.
    Stalled,
    /// The recorder ended without a word: killed, crashed, or the machine went down.
    UncleanEnd,
    /// Events were damaged in the capture that this one was salvaged from.
    Damaged,
}

impl GapReason {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::NotConnected,
        Self::QueueOverflow,
        Self::MessageTooLarge,
        Self::Stalled,
        Self::UncleanEnd,
        Self::Damaged,
    ];

    /// The number that stands for it in a capture file.
    pub fn code(self) -> u8 {
        match self {
            Self::NotConnected => 1,
            Self::QueueOverflow => 2,
            Self::MessageTooLarge => 3,
            Self::Stalled => 4,
            Self::UncleanEnd => 5,
            Self::Damaged => 6,
        }
    }

    /// The reason that `code` stands for.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotConnected => "not_connected",
            Self::QueueOverflow => "queue_overflow",
            Self::MessageTooLarge => "message_too_large",
            Self::Stalled => "stalled",
            Self::UncleanEnd => "unclean_end",
            Self::Damaged => "damaged",
        }
    }
}

/// A gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapRow {
    /// Its id.
    pub id: i64,
    /// Why.
    pub reason: GapReason,
    /// From when on something is missing.
    pub started: Timestamp,
    /// Until when; `None` while it lasts.
    pub ended: Option<Timestamp>,
    /// How many frames are missing, where that is known.
    pub frames: Option<u64>,
    /// How many bytes of frames are missing, where that is known.
    pub bytes: Option<u64>,
    /// More about it, in words.
    pub detail: Option<String>,
}

/// A heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatRow {
    /// Over which link it came.
    pub link: LinkId,
    /// When.
    pub received: Timestamp,
    /// eCapture's time in Unix seconds.
    pub timestamp_seconds: i64,
    /// Counts from 0 on each link.
    pub count: i64,
    /// Its text.
    pub message: String,
    /// What carried it.
    pub carrier: Carrier,
    /// The frame, where the fields do not give it again.
    pub frame: Option<Bytes>,
}

/// A line of the run log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// Which run wrote it.
    pub run: RunId,
    /// Over which link it came.
    pub link: LinkId,
    /// When.
    pub received: Timestamp,
    /// The line as sent.
    pub line: String,
    /// What carried it.
    pub carrier: Carrier,
    /// The frame, where the line does not give it again.
    pub frame: Option<Bytes>,
}

/// An event to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Its place in the order of arrival.
    pub id: EventId,
    /// The run of eCapture that captured it.
    pub run: RunId,
    /// The connection that it belongs to.
    pub connection: Option<ConnectionId>,
    /// Who its process was, as far as that is known.
    pub identity: Option<Arc<Identity>>,
    /// What it says, and its bytes.
    pub captured: Captured,
}

/// A process that became known after events of it were taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The name that the events carry.
    pub pname: String,
    /// Who it was. Events are its own if they were received after it started.
    pub identity: Arc<Identity>,
}

/// What a recording has counted so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames that reached our socket, those that we dropped included.
    pub received_frames: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Events in the file.
    pub stored_events: u64,
    /// Frames among them that were no message of eCapture's; they are stored whole.
    pub unreadable_frames: u64,
    /// Frames that we dropped because the queue was full.
    pub dropped_frames: u64,
    /// Their bytes.
    pub dropped_bytes: u64,
    /// Events with TLS secrets, which are not stored unless asked for.
    pub withheld_keys: u64,
    /// Mentions of destroyed sockets, which say nothing and are not stored.
    pub destroyed_sockets: u64,
    /// Run-log lines that had been stored before.
    pub replayed_logs: u64,
    /// Run-log lines in the file.
    pub stored_logs: u64,
    /// Heartbeats in the file.
    pub heartbeats: u64,
    /// Samples that eCapture 1.x says it lost in the kernel.
    pub lost_samples: u64,
    /// Events that a record-time filter left out.
    pub filtered_events: u64,
    /// The bytes of their payloads.
    pub filtered_bytes: u64,
    /// Events in the file of whose payloads only the first bytes were stored.
    pub shortened_events: u64,
    /// The bytes of those payloads that were not.
    pub shortened_bytes: u64,
    /// Processes that were looked for in `/proc` and not found there any more.
    pub gone_processes: u64,
    /// Processes of which `/proc` says another name than their events.
    pub unlike_processes: u64,
    /// How often a process was not looked for, as too many were waiting.
    pub skipped_processes: u64,
    /// Secrets that were replaced.
    pub redacted_secrets: u64,
    /// Events in the file of whose payloads bytes were left out because they could not be looked into for secrets.
    pub opaque_events: u64,
    /// The bytes of those payloads that were.
    pub opaque_bytes: u64,
}

impl Counters {
    /// What both counted, taken together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            received_frames: self.received_frames + other.received_frames,
            received_bytes: self.received_bytes + other.received_bytes,
            stored_events: self.stored_events + other.stored_events,
            unreadable_frames: self.unreadable_frames + other.unreadable_frames,
            dropped_frames: self.dropped_frames + other.dropped_frames,
            dropped_bytes: self.dropped_bytes + other.dropped_bytes,
            withheld_keys: self.withheld_keys + other.withheld_keys,
            destroyed_sockets: self.destroyed_sockets + other.destroyed_sockets,
            replayed_logs: self.replayed_logs + other.replayed_logs,
            stored_logs: self.stored_logs + other.stored_logs,
            heartbeats: self.heartbeats + other.heartbeats,
            lost_samples: self.lost_samples + other.lost_samples,
            filtered_events: self.filtered_events + other.filtered_events,
            filtered_bytes: self.filtered_bytes + other.filtered_bytes,
            shortened_events: self.shortened_events + other.shortened_events,
            shortened_bytes: self.shortened_bytes + other.shortened_bytes,
            gone_processes: self.gone_processes + other.gone_processes,
            unlike_processes: self.unlike_processes + other.unlike_processes,
            skipped_processes: self.skipped_processes + other.skipped_processes,
            redacted_secrets: self.redacted_secrets + other.redacted_secrets,
            opaque_events: self.opaque_events + other.opaque_events,
            opaque_bytes: self.opaque_bytes + other.opaque_bytes,
        }
    }
}

/// What a new recording is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingStart {
    /// Where events come from: eCapture's URL, or `file:` and the name of an imported file.
    pub url: String,
    /// What the user calls the source.
    pub name: Option<String>,
    /// The name of the host that eCapture runs on, if it is this one.
    pub host_name: Option<String>,
    /// That host's boot id.
    pub boot_id: Option<String>,
    /// The program and its version.
    pub program: String,
    /// When it starts.
    pub started: Timestamp,
    /// Whether receive times are only stand-ins.
    pub is_received_estimated: bool,
    /// The SHA-256 of the imported file.
    pub import_sha256: Option<[u8; 32]>,
    /// Whether a file may be imported that the capture holds already.
    pub is_again: bool,
    /// The filter that says which events are stored.
    pub filter: Option<String>,
    /// How many bytes of a payload are stored at most.
    pub snaplen_bytes: Option<u64>,
    /// The fingerprint of the key that secrets are hashed with, if they are replaced.
    pub redaction_key: Option<String>,
    /// The key of the chain of commits.
    pub chain_key: Option<ChainKey>,
    /// Whether the capture is encrypted, and what opens it.
    pub protection: Protection,
}

/// The ids that the next rows get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextIds {
    /// The recording that was begun.
    pub recording: RecordingId,
    /// For events.
    pub event: i64,
    /// For connections.
    pub connection: i64,
    /// For runs.
    pub run: i64,
    /// For links.
    pub link: i64,
    /// For gaps.
    pub gap: i64,
    /// For identities.
    pub identity: i64,
}

/// What the capture knows of the newest run of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRun {
    /// The run.
    pub run: RunRow,
    /// The first lines of its log that are in the file, at most 256.
    pub first_lines: Vec<String>,
}

/// A recording that ended without a word, found at the start of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UncleanEnd {
    /// That recording.
    pub recording: RecordingId,
    /// Its last commit.
    pub last_commit: Timestamp,
}
