//! An event as it stands in a capture.

use std::sync::Arc;

use super::{
    ConnectionId, Endpoints, Event, EventId, Identity, RecordingId, Role, RunId, StreamId,
};

/// An event as it stands in a capture, its payload apart: what was captured, and what is known by now about its
/// surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place in the order of arrival.
    pub id: EventId,
    /// The recording that it came with.
    pub recording: RecordingId,
    /// Whether its receive time is only a stand-in: it was imported from a file that tells none.
    pub is_received_estimated: bool,
    /// The run of eCapture that captured it.
    pub run: RunId,
    /// The stream that it belongs to.
    pub stream: StreamId,
    /// The connection that it belongs to, which is one epoch of a descriptor (or of a thread, where that is unknown);
    /// events without a socket have none.
    pub connection: Option<ConnectionId>,
    /// What is known about the ends of its connection. Can become known after the event was stored.
    pub endpoints: Endpoints,
    /// Which end of its connection the process is, where the traffic shows it. Can become known later, too.
    pub role: Option<Role>,
    /// Who its process was, as far as the recorder's host told. Can become known later, too.
    pub identity: Option<Arc<Identity>>,
    /// What was captured.
    pub event: Event,
    /// The size of its payload.
    pub payload_bytes: u64,
}

impl StoredEvent {
    /// The user id: as the event tells it, or else as it was read of its process.
    pub fn uid(&self) -> Option<u32> {
        self.event.process.uid_or(self.identity.as_deref())
    }
}
