//! What a writer is given, as plain as it can be: a test changes what it is about.

use bytes::Bytes;
use ecq::event::{
    Captured, Carrier, Clock, ClockKind, Connection, ConnectionId, Details, Encoding, Envelope,
    Event, Form, Kind, Layout, Opcode, Process, Provenance, RunId, Timestamp,
};
use ecq::normalize::classify;
use ecq::store::{Protection, RecordingStart, RunRow};

/// The start of a recording of what comes from `url`.
pub(crate) fn start(url: &str) -> RecordingStart {
    RecordingStart {
        url: url.to_owned(),
        name: None,
        host_name: None,
        boot_id: None,
        program: "test".to_owned(),
        started: Timestamp::from_seconds(1),
        is_received_estimated: false,
        import_sha256: None,
        is_again: false,
        filter: None,
        snaplen_bytes: None,
        redaction_key: None,
        chain_key: None,
        protection: Protection::default(),
    }
}

/// The first run of eCapture in a capture.
pub(crate) fn first_run() -> RunRow {
    RunRow {
        id: RunId::new(1),
        first_log: None,
        version: None,
        started: None,
        zone_offset_seconds: None,
    }
}

/// A connection of which nothing is known.
pub(crate) fn connection(id: i64) -> Connection {
    Connection {
        id: ConnectionId::new(id),
        fd: None,
        tid: None,
        tuple: None,
        role: None,
    }
}

/// An event of this kind with this payload, of which nothing else is known.
pub(crate) fn captured(kind: Kind, payload: Bytes, time: Timestamp) -> Captured {
    let (content, http) = classify(&payload, kind);
    Captured {
        event: Event {
            time,
            clock: Clock {
                kind: ClockKind::FieldNanos,
                offset_ns: 0,
            },
            received: time,
            process: Process {
                pid: None,
                tid: None,
                uid: None,
                pname: None,
            },
            fd: None,
            direction: None,
            tuple: None,
            kind,
            content,
            probe: None,
            ecapture_type: None,
            form: Form {
                opcode: Opcode::Binary,
                carrier: Carrier::ProtobufText,
                layout: Layout::OpensslText,
                encoding: Encoding::Plain,
            },
            provenance: Provenance::empty(),
            http,
            details: Details::default(),
        },
        envelope: Envelope::Rendered,
        payload,
    }
}
