//! A capture with a secret in every place that can hold one: none is left in the subset.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use ecq::event::{
    Captured, Carrier, ConnectionId, Direction, Envelope, EventId, Identity, IdentityId, Kind,
    LinkId, RecordingId, RunId, Timestamp,
};
use ecq::store::{
    Batch, GapReason, GapRow, HeartbeatRow, LinkRow, LogRow, NewEvent, Reader, Writer,
};

use super::{ids, places, take};
use crate::support::batches;
use crate::support::capture::{Whole, assert_sound, copy, events};
use crate::support::env::TestEnv;

/// An event with a secret in this direction of a connection.
fn event(id: i64, kind: Kind, payload: impl Into<Bytes>) -> NewEvent {
    let mut captured: Captured =
        batches::captured(kind, payload.into(), Timestamp::from_seconds(id));
    captured.event.direction = Some(Direction::Outbound);
    captured.event.process.pid = Some(7);
    NewEvent {
        id: EventId::new(id),
        run: RunId::new(1),
        identity: None,
        connection: Some(ConnectionId::new(1)),
        captured,
    }
}

/// A secret in every place of a capture that can hold captured bytes, or what somebody looked for, each another one.
fn write_everywhere(path: &Path) {
    let at = Timestamp::from_seconds;
    let mut start = batches::start("ws://test/");
    start.filter = Some("payload contains \"SECRETFILTER\"".to_owned());
    start.import_sha256 = Some(*b"SECRETDIGEST00000000000000000000");
    let mut writer = Writer::open(path, &start).unwrap();
    let mut batch = Batch::default();
    let mut run = batches::first_run();
    run.first_log = Some("password=SECRETFIRSTLOG".to_owned());
    batch.runs.push(run);
    batch.connections.push(batches::connection(1));
    batch.links.push(LinkRow {
        id: LinkId::new(1),
        number: 1,
        connected: at(1),
        last_frame: None,
        ended: None,
        end_reason: None,
    });
    batch.gaps.push(GapRow {
        id: 1,
        reason: GapReason::Stalled,
        started: at(1),
        ended: Some(at(2)),
        frames: None,
        bytes: None,
        detail: None,
    });
    batch.logs.push(LogRow {
        run: RunId::new(1),
        link: LinkId::new(1),
        received: at(2),
        line: "password=SECRETLINE".to_owned(),
        carrier: Carrier::ProtobufText,
        frame: Some(Bytes::from_static(b"SECRETLOGFRAME")),
    });
    batch.heartbeats.push(HeartbeatRow {
        link: LinkId::new(1),
        received: at(2),
        timestamp_seconds: 2,
        count: 0,
        message: "password=SECRETMESSAGE".to_owned(),
        carrier: Carrier::ProtobufText,
        frame: Some(Bytes::from_static(b"SECRETHEARTBEAT")),
    });
    let target = "GET /a?token=SECRETPATH HTTP/1.1\r\nHost: a.test\r\nContent-Type: text/x;\ttoken=SECRETTYPE\r\n\r\n";
    let mut whole = event(3, Kind::TlsData, target);
    whole.captured.envelope = Envelope::Around {
        head: Bytes::from_static(b"SECRETHEAD"),
        tail: Bytes::from_static(b"SECRETTAIL"),
    };
    whole.identity = Some(Arc::new(Identity {
        id: IdentityId::new(1),
        recording: RecordingId::new(1),
        pid: 7,
        started: at(1),
        read: at(2),
        exe: Some("/bin/x".to_owned()),
        ppid: None,
        parent: None,
        uid: None,
        cgroup: None,
        container: None,
        cmdline: Some(b"x\0--user\0SECRETARGUMENT\0".to_vec()),
    }));
    let mut query = event(4, Kind::Sql, "SELECT 1");
    query.captured.event.details.status = Some("password=SECRETSTATUS".to_owned());
    let mut unread = event(5, Kind::Unreadable, "SECRETUNREAD");
    unread.captured.event.details.reason = Some("no field SECRETREASON".to_owned());
    let mut large = b"GET / HTTP/1.1\r\nX-Padding: ".to_vec();
    large.resize(3 << 20, b'p');
    large.extend_from_slice(b"\r\n\r\n");
    let large = event(
        6,
        Kind::Shell,
        [b"TOKEN=SECRETLARGE x ".as_slice(), &large].concat(),
    );
    batch.events = vec![whole, query, unread, large];
    writer.commit(&batch, at(10)).unwrap();
    writer.end(&batch.counters, at(11)).unwrap();
    writer.seal().unwrap();
}

#[test]
fn no_table_holds_one() {
    let env = TestEnv::new();
    std::fs::create_dir_all(env.path("db")).unwrap();
    write_everywhere(&env.db());
    let [plain, redacted] = take(
        &env,
        &["--redact"],
        &["--events", "id > 0 or payload contains \"SECRET\""],
    );
    let secret = ["SECRET"];
    let named = |path: &Path| -> Vec<String> {
        let places = places(path, &secret).into_iter().map(|(_, place)| place);
        places.filter(|place| place.contains('.')).collect()
    };
    assert_eq!(
        named(&plain),
        [
            // Some payloads are as they are, as compressing would save little.
            "block_data.data",
            "details.reason",
            "details.status",
            "envelopes.after",
            "envelopes.before",
            "exchange_facts.request_type",
            "exchange_paths.path",
            "head_blocks.data",
            "heads.content_type",
            "heartbeats.frame",
            "heartbeats.message",
            "identities.cmdline",
            "origins.filter",
            "paths.path",
            "recordings.filter",
            "recordings.import_sha256",
            "run_logs.frame",
            "run_logs.line",
            "runs.first_log",
        ]
    );
    assert_eq!(places(&redacted, &secret), []);
    assert_sound(&redacted);
    let [was, is] = [&plain, &redacted].map(|path| events(path));
    assert_eq!(ids(&is), ids(&was));
    let lengths = |events: &[Whole]| events[3].payload.len();
    assert_eq!(lengths(&is), lengths(&was));
    assert!(is[3].payload.starts_with(b"TOKEN=") && is[3].payload.ends_with(b"pp\r\n\r\n"));
    assert_eq!(
        is[0].stored.identity.as_ref().unwrap().exe.as_deref(),
        Some("/bin/x")
    );
    // It is an import still, and goes on being a recording that was filtered.
    let copy = copy(&redacted);
    for sql in [
        "SELECT import_sha256 IS NOT NULL FROM recordings",
        "SELECT filter IS NOT NULL FROM recordings",
        "SELECT message LIKE 'password=%' FROM heartbeats",
        "SELECT line LIKE 'password=%' FROM run_logs",
    ] {
        assert_eq!(copy.number(sql), 1, "{sql}");
    }
    assert!(Reader::open(&redacted).unwrap().origins().unwrap().len() == 1);
}
