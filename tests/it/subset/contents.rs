//! What a subset has besides random events: large payloads, what surrounds events, exchanges.

use std::path::Path;

use bytes::Bytes;
use ecq::event::{
    Captured, Carrier, ConnectionId, Direction, EventId, Kind, LinkId, RunId, Timestamp,
};
use ecq::store::{
    Batch, GapReason, GapRow, HeartbeatRow, LinkRow, LogRow, NewEvent, Reader, Wanted, Writer,
    export_subset,
};

use super::{check_sound, filter, options, take};
use crate::support::batches;
use crate::support::capture::{check_digests, copy, events};
use crate::support::env::TestEnv;
use crate::support::frames::data;
use crate::support::numbers::Numbers;

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(second)
}

fn event(id: i64, connection: i64, direction: Direction, payload: impl Into<Bytes>) -> NewEvent {
    let mut captured: Captured = batches::captured(Kind::TlsData, payload.into(), at(id));
    captured.event.direction = Some(direction);
    captured.event.process.pid = Some(7);
    NewEvent {
        id: EventId::new(id),
        run: RunId::new(1),
        identity: None,
        connection: Some(ConnectionId::new(connection)),
        captured,
    }
}

/// A link from this second on, with a gap, a heartbeat and a line of the run log.
fn add_surroundings(batch: &mut Batch, id: i64, second: i64) {
    batch.links.push(LinkRow {
        id: LinkId::new(id),
        number: u32::try_from(id).unwrap(),
        connected: at(second),
        last_frame: Some(at(second + 2)),
        ended: None,
        end_reason: None,
    });
    batch.gaps.push(GapRow {
        id,
        reason: GapReason::Stalled,
        started: at(second + 1),
        ended: None,
        frames: None,
        bytes: None,
        detail: None,
    });
    batch.heartbeats.push(HeartbeatRow {
        link: LinkId::new(id),
        received: at(second + 1),
        timestamp_seconds: second,
        count: 0,
        message: "odd".to_owned(),
        carrier: Carrier::ProtobufText,
        // More than a reader takes for a value of any other sort.
        frame: Some(vec![b'x'; 5 << 20].into()),
    });
    batch.logs.push(LogRow {
        run: RunId::new(id),
        link: LinkId::new(id),
        received: at(second + 1),
        line: format!("line {id}"),
        carrier: Carrier::ProtobufText,
        frame: None,
    });
    let mut run = batches::first_run();
    run.id = RunId::new(id);
    run.version = Some(format!("linux_amd64:v2.5.{id}:6.8.0"));
    batch.runs.push(run);
}

#[test]
fn large_payloads_are_copied_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    let mut numbers = Numbers::new(3);
    let mut random = |length: usize| -> Vec<u8> {
        (0..length)
            .map(|_| u8::try_from(numbers.below(256)).unwrap())
            .collect()
    };
    let mut body = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n".to_vec();
    body.extend(random(400_000));
    let mut parts = random((2 << 20) + 7);
    parts.extend_from_slice(b"the end is cr");
    let mut writer = Writer::open(&path, &batches::start("ws://test/")).unwrap();
    let mut batch = Batch::default();
    batch.runs.push(batches::first_run());
    batch.connections.push(batches::connection(1));
    batch.events = vec![
        event(1, 1, Direction::Outbound, random(300_000)),
        event(2, 1, Direction::Outbound, body),
        event(3, 1, Direction::Outbound, parts),
        event(4, 1, Direction::Outbound, &b"ossed here"[..]),
    ];
    // Many blocks, of each of which one payload is wanted.
    for id in 5..3000 {
        let payload = random(if id % 300 == 0 { 700 } else { 1200 });
        batch.events.push(event(id, 1, Direction::Inbound, payload));
    }
    writer.commit(&batch, at(5)).unwrap();
    writer.end(&batch.counters, at(6)).unwrap();
    writer.seal().unwrap();
    let output = folder.path().join("subset.db");
    let wanted = filter("id in {2 3 4} or len == 700");
    let subset = take(&path, Some(&wanted), &output);
    let ids = [2, 3, 4, 300, 600, 900, 1200, 1500, 1800, 2100, 2400, 2700];
    assert_eq!(subset.events, ids.len() as u64);
    check_sound(&output, &events(&path), &ids);
    let undecoded = "SELECT event_id || ' ' || defect FROM undecoded";
    assert_eq!(copy(&output).texts(undecoded), copy(&path).texts(undecoded));
    assert_eq!(copy(&output).texts(undecoded).len(), 1);
    let reader = Reader::open(&output).unwrap();
    let found = crate::equivalence::by_plan(&reader, &filter("any contains \"is crossed\""));
    assert_eq!(found, [4]);
    let cuts = copy(&output).texts("SELECT CAST(event_id AS TEXT) FROM cuts ORDER BY event_id");
    assert_eq!(
        cuts,
        ids.iter()
            .filter(|id| ![3, 4].contains(*id))
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    );
}

/// Three recordings, of which the second has nothing that is asked for.
fn three_recordings(path: &Path) {
    for number in 1..=3 {
        let mut start = batches::start("ws://test/");
        start.url = format!("ws://test{number}/");
        start.started = at(number * 100);
        let mut writer = Writer::open(path, &start).unwrap();
        let mut batch = Batch::default();
        add_surroundings(&mut batch, number, number * 100);
        batch.connections.push(batches::connection(number));
        for id in [number * 10 - 9, number * 10 - 8] {
            let mut event = event(id, number, Direction::Outbound, format!("text {number}"));
            event.run = RunId::new(number);
            batch.events.push(event);
        }
        writer.commit(&batch, at(number * 100 + 50)).unwrap();
        writer.end(&batch.counters, at(number * 100 + 60)).unwrap();
        writer.seal().unwrap();
    }
}

#[test]
fn what_surrounds_chosen_events_comes_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    three_recordings(&path);
    let output = folder.path().join("subset.db");
    take(&path, Some(&filter("id in {1 21}")), &output);
    check_sound(&output, &events(&path), &[1, 21]);
    for table in [
        "recordings",
        "sources",
        "runs",
        "links",
        "gaps",
        "heartbeats",
        "run_logs",
        "connections",
    ] {
        let rows = |path: &Path, condition: &str| {
            let copy = copy(path);
            let columns = copy.texts(&format!("SELECT name FROM pragma_table_info('{table}')"));
            let columns: Vec<_> = columns
                .iter()
                .map(|name| format!("quote({name})"))
                .collect();
            let columns = columns.join(" || ' ' || ");
            copy.texts(&format!(
                "SELECT {columns} FROM {table} {condition} ORDER BY id"
            ))
        };
        assert_eq!(rows(&output, ""), rows(&path, "WHERE id <> 2"), "{table}");
    }
    let mut subset = Reader::open(&output).unwrap();
    let whole = Reader::open(&path).unwrap();
    for (since, until) in [(100, 160), (300, 360), (90, 155)] {
        let period = (Some(at(since)), Some(at(until)));
        let mut of_subset = subset.coverage(period.0, period.1, at(1000)).unwrap();
        assert!(of_subset.is_subset);
        of_subset.is_subset = false;
        let of_whole = whole.coverage(period.0, period.1, at(1000)).unwrap();
        assert_eq!(of_subset, of_whole, "{since} to {until}");
    }
    let stats = subset.stats(None, None, at(1000)).unwrap().unwrap();
    assert_eq!(stats.events, 2);
    let origin = &stats.origins[0];
    assert_eq!(stats.origins.len(), 1);
    assert_eq!(origin.path, path.canonicalize().unwrap().to_str().unwrap());
    assert_eq!((origin.events, origin.of_events), (2, 6));
    assert_eq!((origin.began, origin.exported), (Some(at(100)), at(77)));
    assert_eq!(origin.upper.number(), 22);
    assert_eq!(origin.filter.as_deref(), Some("id in {1, 21}"));
    assert!(whole.origins().unwrap().is_empty());
}

#[test]
fn a_live_capture_ends_with_its_last_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    let mut start = batches::start("ws://test/");
    start.started = at(1);
    let mut writer = Writer::open(&path, &start).unwrap();
    let mut batch = Batch::default();
    add_surroundings(&mut batch, 1, 10);
    batch.connections.push(batches::connection(1));
    batch.events.push(event(1, 1, Direction::Outbound, "one"));
    writer.commit(&batch, at(15)).unwrap();
    let reader = Reader::open(&path).unwrap();
    let output = folder.path().join("subset.db");
    export_subset(&reader, Wanted::Events(None), &options(&output), None)
        .unwrap()
        .unwrap();
    check_sound(&output, &events(&path), &[1]);
    let subset = copy(&output);
    assert_eq!(
        subset.texts("SELECT (ended_ns / 1000000000) || ' ' || is_clean FROM recordings"),
        ["15 1"]
    );
    for table in ["links", "gaps"] {
        let ended = subset.texts(&format!(
            "SELECT CAST(ended_ns / 1000000000 AS TEXT) FROM {table}"
        ));
        let ended: Vec<_> = ended.iter().map(String::as_str).collect();
        assert_eq!(ended, ["15"], "{table}");
    }
    // It goes on as if nothing had been.
    let mut batch = Batch::default();
    batch.events.push(event(2, 1, Direction::Outbound, "two"));
    writer.commit(&batch, at(16)).unwrap();
    writer.end(&batch.counters, at(17)).unwrap();
    check_digests(&path);
}

#[test]
fn a_recorder_goes_on_in_a_subset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    three_recordings(&path);
    let output = folder.path().join("subset.db");
    take(&path, Some(&filter("id == 11")), &output);
    let mut writer = Writer::open(&output, &batches::start("ws://more/")).unwrap();
    assert!(writer.unclean_ends().is_empty());
    let next = writer.next_ids();
    // The batch of event 11 had event 12 as well.
    assert_eq!(
        (next.event, next.connection, next.recording.number()),
        (13, 3, 3)
    );
    let mut batch = Batch::default();
    batch.runs.push(batches::first_run());
    batch.runs[0].id = RunId::new(next.run);
    batch.connections.push(batches::connection(next.connection));
    let mut new = event(next.event, next.connection, Direction::Outbound, "new text");
    new.run = RunId::new(next.run);
    batch.events.push(new);
    writer.commit(&batch, at(500)).unwrap();
    writer.end(&batch.counters, at(501)).unwrap();
    writer.seal().unwrap();
    assert_eq!(check_digests(&output), 2);
    let copy = copy(&output);
    assert_eq!(copy.texts("PRAGMA foreign_key_check"), [""; 0]);
    let reader = Reader::open(&output).unwrap();
    for (text, found) in [("text 2", 11), ("new text", 13)] {
        let filter = filter(&format!("any contains \"{text}\""));
        assert_eq!(crate::equivalence::by_plan(&reader, &filter), [found]);
    }
}

#[test]
fn of_a_capture_of_the_first_version() {
    let env = TestEnv::new();
    let path = env.path("old.db");
    std::fs::copy(data("schema/v0001.db"), &path).unwrap();
    let output = env.path("subset.db");
    let subset = take(&path, Some(&filter("id > 4")), &output);
    assert_eq!((subset.events, subset.of_events), (8, 12));
    check_sound(&output, &events(&path), &(5..=12).collect::<Vec<_>>());
    let reader = Reader::open(&output).unwrap();
    // The filters that the old one lacks are there.
    let lines = reader
        .explain(Some(&filter("any contains \"no such text\"")))
        .unwrap();
    assert!(
        lines.iter().any(|(_, way)| way.contains("leaves 0 of")),
        "{lines:?}"
    );
    assert_eq!(
        copy(&output).texts("SELECT filter FROM recordings"),
        [""],
        "nothing is known of a filter"
    );
}

/// The index of exchanges, as a recorder makes it.
fn index(path: &Path) {
    rusqlite::Connection::open(path)
        .unwrap()
        .execute_batch(
            "INSERT INTO exchange_facts (id, method, host, status) VALUES (1, 'GET', 'a', 200);
             INSERT INTO exchange_paths (id, path) VALUES (1, '/one'), (2, '/two'), (3, '/three');
             INSERT INTO exchanges (id, time_ns, connection_id, number, stream_id, facts_id, path_id,
                request_first_id, request_first_after_ns, request_last_id, request_last_after_ns,
                request_body_bytes, request_tunnel_bytes, request_ending, request_defects,
                response_first_id, response_first_after_ns, response_last_id, response_last_after_ns,
                response_body_bytes, response_tunnel_bytes, response_ending, response_defects, text_id)
             SELECT e.id, e.time_ns, s.connection_id, (e.id - 1) / 4, e.stream_id, 1, p.id,
                e.id, 0, e.id, 0, 0, 0, 1, 0,
                e.id + 2, 2000000000, e.id + 2, 2000000000, 0, 0, 1, 0, 0
             FROM exchange_paths AS p
             JOIN events AS e ON e.id = (SELECT x.column2 FROM (VALUES (1, 1), (2, 5), (3, 2)) AS x WHERE x.column1 = p.id)
             JOIN streams AS s ON s.id = e.stream_id;
             INSERT INTO exchange_progress (id, event_id, reader) VALUES (1, 8, 1)",
        )
        .unwrap();
}

#[test]
fn exchanges_bring_their_connection_up_to_their_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let mut writer = Writer::open(&path, &batches::start("ws://test/")).unwrap();
    let mut batch = Batch::default();
    batch.runs.push(batches::first_run());
    batch.connections = vec![batches::connection(1), batches::connection(2)];
    let (asks, answers) = (Direction::Outbound, Direction::Inbound);
    batch.events = vec![
        event(1, 1, asks, request("/one")),
        event(2, 2, asks, request("/three")),
        event(3, 1, answers, response),
        event(4, 2, answers, response),
        event(5, 1, asks, request("/two")),
        event(6, 2, asks, request("/four")),
        event(7, 1, answers, response),
        event(8, 2, answers, response),
    ];
    writer.commit(&batch, at(20)).unwrap();
    writer.end(&batch.counters, at(21)).unwrap();
    writer.seal().unwrap();
    index(&path);
    let whole = events(&path);
    for (text, ids) in [
        ("path == \"/one\"", &[1, 3][..]),
        ("path == \"/two\"", &[1, 3, 5, 7]),
        ("path in {\"/one\" \"/three\"}", &[1, 2, 3, 4]),
        ("path == \"/none\"", &[]),
    ] {
        let output = folder
            .path()
            .join(format!("subset{}.db", ids.len() + text.len()));
        let reader = Reader::open(&path).unwrap();
        reader.prepare_exchanges().unwrap();
        let wanted = filter(text);
        let subset = export_subset(
            &reader,
            Wanted::Exchanges(Some(&wanted)),
            &options(&output),
            None,
        )
        .unwrap()
        .unwrap();
        assert_eq!(subset.events, ids.len() as u64, "{text}");
        check_sound(&output, &whole, ids);
        let origins = Reader::open(&output).unwrap().origins().unwrap();
        assert_eq!(origins[0].taken, ecq::event::Taken::Exchanges);
        assert_eq!(
            origins[0].filter.as_deref(),
            Some(wanted.to_string().as_str())
        );
        // Its own index goes as far as its events.
        let reader = Reader::open(&output).unwrap();
        assert_eq!(
            reader.prepare_exchanges().unwrap(),
            ecq::store::IndexState::Complete
        );
    }
}
