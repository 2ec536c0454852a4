//! Events for tests.

use super::{
    Carrier, Clock, ClockKind, ConnectionId, Content, Details, Direction, Encoding, Endpoints,
    Event, EventId, Form, HttpHead, Identity, IdentityId, Kind, Layout, Opcode, Probe, Process,
    Provenance, RecordingId, RunId, Sense, StoredEvent, StreamId, Timestamp, Tuple, TupleSource,
};

/// A request with everything known, by a process with a hostile name.
pub(crate) fn request() -> StoredEvent {
    let client = "10.0.0.1:50000".parse().unwrap();
    let server = "93.184.216.34:443".parse().unwrap();
    StoredEvent {
        id: EventId::new(7),
        recording: RecordingId::new(1),
        is_received_estimated: false,
        run: RunId::new(2),
        stream: StreamId::new(3),
        connection: Some(ConnectionId::new(4)),
        endpoints: Endpoints {
            client: Some(client),
            server: Some(server),
            local: Some(client),
            remote: Some(server),
            source: Some(TupleSource::Field),
            role_inferred: false,
        },
        role: None,
        identity: None,
        event: Event {
            time: Timestamp::from_seconds(1_795_431_600),
            clock: Clock {
                kind: ClockKind::FieldNanos,
                offset_ns: 0,
            },
            received: Timestamp::from_seconds(1_795_431_601),
            process: Process {
                pid: Some(42),
                tid: Some(43),
                uid: None,
                pname: Some("curl\x1b[31m".to_owned()),
            },
            fd: Some(5),
            direction: Some(Direction::Outbound),
            tuple: Some(Tuple {
                src: client,
                dst: server,
                sense: Sense::InitiatorToAcceptor,
            }),
            kind: Kind::TlsData,
            content: Content::Http1Request,
            probe: Some(Probe::Openssl),
            ecapture_type: Some(1),
            form: form(),
            provenance: Provenance::empty(),
            http: Some(HttpHead {
                method: Some("GET".to_owned()),
                host: Some("example.com".to_owned()),
                path: Some("/a".to_owned()),
                status: None,
                content_type: None,
            }),
            details: Details::default(),
        },
        payload_bytes: 28,
    }
}

/// Who the process of [`request`] was, in a container and with a secret among its arguments.
pub(crate) fn identity() -> Identity {
    Identity {
        id: IdentityId::new(9),
        recording: RecordingId::new(1),
        pid: 42,
        started: Timestamp::from_seconds(1_795_431_590),
        read: Timestamp::from_seconds(1_795_431_602),
        exe: Some("/usr/bin/curl\x1b[31m (deleted)".to_owned()),
        ppid: Some(41),
        parent: Some("bash".to_owned()),
        uid: Some(1000),
        cgroup: Some(format!("/docker/{CONTAINER}")),
        container: Some(CONTAINER.to_owned()),
        cmdline: Some(b"curl\0-u\0me:s3cr3t\0".to_vec()),
    }
}

const CONTAINER: &str = "4f3c0a9b1122334455667788990011223344556677889900aabbccddeeff0011";

/// A frame of which nothing is known.
pub(crate) fn bare() -> StoredEvent {
    let mut stored = request();
    stored.id = EventId::new(8);
    stored.connection = None;
    stored.endpoints = Endpoints::default();
    stored.payload_bytes = 0;
    stored.event = Event {
        clock: Clock::RECEIVED,
        process: Process::default(),
        fd: None,
        direction: None,
        tuple: None,
        kind: Kind::Unreadable,
        content: Content::Empty,
        probe: None,
        ecapture_type: None,
        http: None,
        details: Details {
            reason: Some("not a message".to_owned()),
            ..Details::default()
        },
        ..stored.event
    };
    stored
}

fn form() -> Form {
    Form {
        opcode: Opcode::Binary,
        carrier: Carrier::Protobuf,
        layout: Layout::OpensslFields,
        encoding: Encoding::Plain,
    }
}
