//! A search with the search filter finds what one without it finds, and what is there.

use std::collections::BTreeMap;
use std::path::Path;

use ecq::event::{Captured, ConnectionId, Direction, EventId, Kind, RunId, Timestamp};
use ecq::filter::{Expr, Field, FieldId, Form, Needle, Operand, Pattern, Test};
use ecq::store::{Batch, NewEvent, Order, Reader, Writer, reindex};
use proptest::prelude::*;

use crate::support::batches;
use crate::support::numbers::Numbers;

/// Text of words, random bytes, or an HTTP message with a body in chunks.
fn payload(numbers: &mut Numbers) -> Vec<u8> {
    let length = match numbers.below(12) {
        0 => 0,
        1..=4 => 1 + numbers.below(10),
        5 => 20_000 + numbers.below(30_000),
        6 if numbers.below(20) == 0 => 300_000,
        _ => 30 + numbers.below(400),
    };
    match numbers.below(5) {
        0 => (0..length)
            .map(|_| u8::try_from(numbers.below(256)).unwrap())
            .collect(),
        1 => {
            let mut message = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for _ in 0..=numbers.below(4) {
                let length = 1 + numbers.below(60);
                let chunk = text(numbers, length);
                message.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                message.extend_from_slice(&chunk);
                message.extend_from_slice(b"\r\n");
            }
            if numbers.below(3) > 0 {
                message.extend_from_slice(b"0\r\n\r\n");
            }
            message
        }
        _ => text(numbers, length),
    }
}

fn text(numbers: &mut Numbers, length: usize) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < length {
        let word = numbers.below(5_000) * 2_654_435_761 % 4_294_967_296;
        text.extend_from_slice(format!("{word:x} ").as_bytes());
    }
    text.truncate(length);
    text
}

struct Recorded {
    events: Vec<NewEvent>,
}

fn captured(payload: Vec<u8>, connection: i64, direction: Direction) -> Captured {
    let time = Timestamp::from_seconds(1_795_431_600);
    let mut captured = batches::captured(Kind::TlsData, payload.into(), time);
    captured.event.process.pid = Some(u32::try_from(connection).unwrap() % 3);
    captured.event.process.pname = Some("curl".to_owned());
    captured.event.direction = Some(direction);
    captured
}

/// Records events over few connections, some of which move to a new one afterwards, in several recordings, some of which
/// are killed.
fn record(path: &Path, numbers: &mut Numbers, count: usize) -> Recorded {
    let start = batches::start("ws://test/");
    let now = Timestamp::from_seconds(2);
    let mut events: Vec<NewEvent> = Vec::new();
    let mut writer = Writer::open(path, &start).unwrap();
    let mut batch = Batch::default();
    batch.runs.push(batches::first_run());
    let mut connections = 0_i64;
    let mut oldest = 1_i64;
    let connect = |batch: &mut Batch, connections: &mut i64| {
        *connections += 1;
        batch.connections.push(batches::connection(*connections));
    };
    for _ in 0..4 {
        connect(&mut batch, &mut connections);
    }
    for number in 1..=count {
        let id = EventId::new(i64::try_from(number).unwrap());
        let open = usize::try_from(connections - oldest + 1).unwrap();
        let connection = oldest + i64::try_from(numbers.below(open)).unwrap();
        let direction = if numbers.below(2) == 0 {
            Direction::Inbound
        } else {
            Direction::Outbound
        };
        let new = NewEvent {
            id,
            run: RunId::new(1),
            identity: None,
            connection: (numbers.below(8) > 0).then(|| ConnectionId::new(connection)),
            captured: captured(payload(numbers), connection, direction),
        };
        batch.events.push(new.clone());
        events.push(new);
        if numbers.below(60) == 0 {
            // The last events of a connection turn out to belong to a new one.
            connect(&mut batch, &mut connections);
            let newest = ConnectionId::new(connections);
            let from = events.len().saturating_sub(1 + numbers.below(12));
            for event in &mut events[from..] {
                if event.connection == Some(ConnectionId::new(connection)) {
                    event.connection = Some(newest);
                    batch.moves.push((event.id, newest));
                    // As its process is that of the stream it was in.
                    event.captured.event.process.pid = Some(u32::try_from(connection).unwrap() % 3);
                }
            }
        }
        if numbers.below(40) == 0 || number == count {
            writer.commit(&batch, now).unwrap();
            batch.clear();
            let ends = numbers.below(6);
            if ends < 2 && number < count {
                if ends == 0 {
                    writer.end(&batch.counters, now).unwrap();
                    writer.seal().unwrap();
                } else {
                    drop(writer);
                }
                writer = Writer::open(path, &start).unwrap();
                // A recorder has new connections.
                oldest = connections + 1;
                for _ in 0..3 {
                    connect(&mut batch, &mut connections);
                }
            }
        }
    }
    if numbers.below(2) == 0 {
        writer.end(&batch.counters, now).unwrap();
        writer.seal().unwrap();
    }
    Recorded { events }
}

impl Recorded {
    /// The text of each event as a search sees it: what is before it in its stream, itself, and its decoded body.
    fn texts(&self) -> Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> {
        let mut streams: BTreeMap<_, Vec<u8>> = BTreeMap::new();
        self.events
            .iter()
            .map(|event| {
                let payload = event.captured.payload.to_vec();
                let body = ecq::http::body::body(&payload, 1 << 23)
                    .map_or_else(Vec::new, |body| body.bytes.into_owned());
                let mut before = Vec::new();
                if let Some(connection) = event.connection {
                    let process = event.captured.event.process.pid;
                    let direction = event.captured.event.direction.map(Direction::code);
                    let stream = streams
                        .entry((connection.number(), process, direction))
                        .or_default();
                    before.clone_from(stream);
                    stream.extend_from_slice(&payload);
                }
                (before, payload, body)
            })
            .collect()
    }
}

fn find(reader: &Reader, test: Test) -> Vec<i64> {
    let mut rows = reader
        .events(Some(&Expr::Test(test)), Order::OldestFirst, None)
        .unwrap();
    let mut ids = Vec::new();
    while let Some((_, id)) = rows.next_id().unwrap() {
        ids.push(id.number());
    }
    ids.sort_unstable();
    ids
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

fn check(path: &Path, recorded: &Recorded, numbers: &mut Numbers, searches: usize) {
    let texts = recorded.texts();
    let mut plain = Reader::open(path).unwrap();
    plain.use_search_filter(false);
    let filtered = Reader::open(path).unwrap();
    for search in 0..searches {
        let (before, payload, body) = &texts[numbers.below(texts.len())];
        let length = 4 + numbers.below(80);
        let text = if search % 5 == 4 && !body.is_empty() {
            body.clone()
        } else {
            [&before[before.len().saturating_sub(70)..], payload].concat()
        };
        // Mostly across the end of what is before.
        let last = text.len().saturating_sub(length);
        let border = before.len().min(70).saturating_sub(length / 2);
        let start = if search % 2 == 0 {
            border.min(last)
        } else {
            numbers.below(last + 1)
        };
        let needle = text[start..text.len().min(start + length)].to_vec();
        if needle.is_empty() {
            continue;
        }
        let expected: Vec<_> = (1_i64..)
            .zip(&texts)
            .filter(|(_, (before, payload, body))| {
                let reach = needle.len() - 1;
                let window = [
                    &before[before.len().saturating_sub(reach)..],
                    &payload[..payload.len().min(reach)],
                ]
                .concat();
                contains(payload, &needle)
                    || contains(body, &needle)
                    || (!payload.is_empty() && contains(&window, &needle))
            })
            .map(|(id, _)| id)
            .collect();
        let any = || Operand::field(Field::of(FieldId::Any));
        let test = Test::Contains(any(), Needle::new(needle.clone(), Form::Plain).unwrap());
        let shown = String::from_utf8_lossy(&needle).into_owned();
        assert_eq!(
            find(&plain, test.clone()),
            expected,
            "without filter: {shown}"
        );
        assert_eq!(find(&filtered, test), expected, "with filter: {shown}");
        if let Ok(text) = std::str::from_utf8(&needle) {
            let pattern = Pattern::new(&regex::escape(&text.to_uppercase())).unwrap();
            let test = Test::Matches(any(), pattern);
            assert_eq!(
                find(&filtered, test.clone()),
                find(&plain, test),
                "pattern: {text}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_filter_hides_nothing(seed in any::<u64>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let mut numbers = Numbers::new(seed);
        let recorded = record(&path, &mut numbers, 300);
        check(&path, &recorded, &mut numbers, 16);
        reindex(&path, None, true, &ecq::store::Watch::default()).unwrap();
        check(&path, &recorded, &mut numbers, 8);
    }
}

#[test]
fn a_text_that_came_together_when_an_event_moved_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let now = Timestamp::from_seconds(2);
    let mut writer = Writer::open(&path, &batches::start("ws://test/")).unwrap();
    let mut batch = Batch::default();
    batch.runs.push(batches::first_run());
    for (number, text) in [(1, "user=root&passw"), (2, "ord=secret")] {
        batch.connections.push(batches::connection(number));
        batch.events.push(NewEvent {
            id: EventId::new(number),
            run: RunId::new(1),
            identity: None,
            connection: Some(ConnectionId::new(number)),
            captured: captured(text.as_bytes().to_vec(), 1, Direction::Outbound),
        });
    }
    // Both are of one process; the second turns out to go on where the first ends.
    batch.moves.push((EventId::new(2), ConnectionId::new(1)));
    writer.commit(&batch, now).unwrap();
    writer.end(&batch.counters, now).unwrap();
    writer.seal().unwrap();
    let password = || {
        let needle = Needle::new(b"Password=".to_ascii_lowercase(), Form::Plain).unwrap();
        Test::Contains(Operand::field(Field::of(FieldId::Any)), needle)
    };
    assert_eq!(find(&Reader::open(&path).unwrap(), password()), [2]);
    // Afterwards the filter itself knows.
    reindex(&path, None, true, &ecq::store::Watch::default()).unwrap();
    assert_eq!(find(&Reader::open(&path).unwrap(), password()), [2]);
}
