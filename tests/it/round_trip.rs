//! What a writer is given, a reader gives back: any batches, in any order of time, through any restarts.

use std::path::Path;

use bytes::Bytes;
use ecq::event::{
    Captured, ConnectionId, Details, Direction, Envelope, EventId, Kind, Probe, Process, RunId,
    StoredEvent, Timestamp,
};
use ecq::filter::{Expr, flags};
use ecq::store::{Batch, NewEvent, Order, Reader, Sealed, Writer};
use proptest::prelude::*;

use crate::support::batches;
use crate::support::capture::{check_digests, payload};

/// What comes after a batch.
#[derive(Debug, Clone, Copy)]
enum Then {
    GoOn,
    EndCleanly,
    BreakOff,
}

/// A source of numbers, the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit
    }

    fn bytes(&mut self) -> Bytes {
        let length = usize::try_from(match self.below(20) {
            0 | 1 => 0,
            2 => 20_000 + self.below(20_000),
            3 => 2_000,
            _ => self.below(200),
        })
        .unwrap();
        match self.below(4) {
            0 => b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
                .repeat(length / 28)
                .into(),
            1 => "text and more of it\n".repeat(length / 20).into(),
            2 => vec![0; length].into(),
            _ => (0..length)
                .map(|_| self.0.to_le_bytes()[usize::try_from(self.below(8)).unwrap()])
                .collect(),
        }
    }
}

fn event(numbers: &mut Numbers, spread: u64) -> Captured {
    let payload = numbers.bytes();
    let time = Timestamp::from_nanos(i64::try_from(numbers.below(spread)).unwrap() - 1_000);
    let pid = u32::try_from(numbers.below(3)).unwrap();
    let is_odd = numbers.below(9) == 0;
    let mut captured = batches::captured(Kind::TlsData, payload, time);
    let event = &mut captured.event;
    event.received = time.plus_nanos(i64::try_from(numbers.below(5_000)).unwrap() - 2_500);
    event.process = Process {
        pid: (pid > 0).then_some(pid),
        tid: (numbers.below(2) > 0).then_some(u32::MAX - pid),
        uid: None,
        pname: (pid > 0).then(|| format!("process {pid}")),
    };
    event.fd = (pid > 0).then_some(pid + 3);
    event.direction = Direction::from_code(u8::try_from(numbers.below(3)).unwrap());
    event.probe = Some(Probe::Openssl);
    event.ecapture_type = is_odd.then_some(u32::MAX);
    event.details = Details {
        return_value: is_odd.then_some(i64::MIN),
        reason: is_odd.then(|| "odd".to_owned()),
        ..Details::default()
    };
    captured.envelope = match numbers.below(5) {
        0 => Envelope::Whole(Bytes::from_static(b"frame")),
        1 => Envelope::Around {
            head: Bytes::from_static(b"<"),
            tail: Bytes::new(),
        },
        _ => Envelope::Rendered,
    };
    captured
}

/// Writes batches of generated events; what was written, in the order of arrival.
struct Recording<'a> {
    path: &'a Path,
    writer: Option<Writer>,
    written: Vec<NewEvent>,
    connections: Vec<u32>,
    batch: Batch,
}

impl<'a> Recording<'a> {
    fn new(path: &'a Path) -> Self {
        Self {
            path,
            writer: None,
            written: Vec::new(),
            connections: Vec::new(),
            batch: Batch::default(),
        }
    }

    fn writer(&mut self) -> Writer {
        if let Some(writer) = self.writer.take() {
            return writer;
        }
        let writer = Writer::open(self.path, &batches::start("ws://test/")).unwrap();
        let next = i64::try_from(self.written.len()).unwrap() + 1;
        assert_eq!(writer.next_ids().event, next, "ids go on where they were");
        writer
    }

    fn write(&mut self, count: u64, numbers: &mut Numbers, spread: u64, then: Then) {
        let mut writer = self.writer();
        self.batch.clear();
        if self.written.is_empty() {
            self.batch.runs.push(batches::first_run());
        }
        for _ in 0..count {
            let captured = event(numbers, spread);
            let fd = captured.event.fd.unwrap_or(0);
            let id = EventId::new(i64::try_from(self.written.len()).unwrap() + 1);
            let new = NewEvent {
                id,
                run: RunId::new(1),
                identity: None,
                connection: self.connection(fd),
                captured,
            };
            self.written.push(new.clone());
            self.batch.events.push(new);
        }
        self.batch.counters.stored_events += count;
        writer
            .commit(&self.batch, Timestamp::from_seconds(2))
            .unwrap();
        match then {
            Then::GoOn => self.writer = Some(writer),
            Then::EndCleanly => {
                writer
                    .end(&self.batch.counters, Timestamp::from_seconds(3))
                    .unwrap();
                assert_eq!(writer.seal().unwrap(), Sealed::Yes);
            }
            Then::BreakOff => drop(writer),
        }
    }

    /// Descriptor 0 stands for no connection.
    fn connection(&mut self, fd: u32) -> Option<ConnectionId> {
        if fd == 0 {
            return None;
        }
        let known = self.connections.iter().position(|known| *known == fd);
        let at = known.unwrap_or_else(|| {
            self.connections.push(fd);
            let mut connection =
                batches::connection(i64::try_from(self.connections.len()).unwrap());
            connection.fd = Some(fd);
            self.batch.connections.push(connection);
            self.connections.len() - 1
        });
        Some(ConnectionId::new(i64::try_from(at).unwrap() + 1))
    }

    /// Reads everything back, in both orders, whole and in part.
    fn check(&self) {
        let reader = Reader::open(self.path).unwrap();
        let mut expected: Vec<_> = self.written.iter().collect();
        expected.sort_by_key(|event| (event.captured.event.time, event.id));
        let count = expected.len();
        for limit in [
            None,
            Some(0),
            Some(1),
            Some(count / 2),
            Some(count),
            Some(count + 1),
        ] {
            let limit_rows = limit.map(|limit| limit as u64);
            let take = limit.unwrap_or(count);
            let oldest = read(&reader, None, Order::OldestFirst, limit_rows);
            compare(&reader, &oldest, expected.iter().take(take));
            let newest = read(&reader, None, Order::NewestFirst, limit_rows);
            compare(&reader, &newest, expected.iter().rev().take(take));
        }
        self.check_selections(&reader, &expected);
        drop(reader);
        check_digests(self.path);
    }

    fn check_selections(&self, reader: &Reader, expected: &[&NewEvent]) {
        for pid in 1..3 {
            let filter = flags::pids(&[pid]).unwrap();
            let of_pid = expected
                .iter()
                .filter(|event| event.captured.event.process.pid == Some(pid));
            compare(
                reader,
                &read(reader, Some(&filter), Order::OldestFirst, None),
                of_pid,
            );
        }
        let Some(middle) = expected.get(expected.len() / 2) else {
            return;
        };
        let middle = middle.captured.event.time;
        let since = flags::since(middle);
        let late = expected
            .iter()
            .rev()
            .filter(|event| event.captured.event.time >= middle);
        compare(
            reader,
            &read(reader, Some(&since), Order::NewestFirst, None),
            late,
        );
        let until = flags::until(middle);
        let early = expected
            .iter()
            .filter(|event| event.captured.event.time < middle);
        compare(
            reader,
            &read(reader, Some(&until), Order::OldestFirst, None),
            early,
        );
        assert!(
            reader
                .event(EventId::new(i64::try_from(self.written.len()).unwrap() + 1))
                .unwrap()
                .is_none()
        );
    }
}

fn read(
    reader: &Reader,
    filter: Option<&Expr>,
    order: Order,
    limit: Option<u64>,
) -> Vec<StoredEvent> {
    let mut rows = reader.events(filter, order, limit).unwrap();
    let mut events = Vec::new();
    while let Some(event) = rows.next_event().unwrap() {
        events.push(event);
    }
    events
}

fn compare<'a>(
    reader: &Reader,
    found: &[StoredEvent],
    expected: impl Iterator<Item = &'a &'a NewEvent>,
) {
    let expected: Vec<_> = expected.collect();
    let ids = |event: &StoredEvent| event.id;
    let found_ids: Vec<_> = found.iter().map(ids).collect();
    let expected_ids: Vec<_> = expected.iter().map(|event| event.id).collect();
    assert_eq!(found_ids, expected_ids);
    for (found, expected) in found.iter().zip(expected) {
        let Captured {
            event,
            payload: bytes,
            envelope,
        } = &expected.captured;
        assert_eq!(&found.event, event);
        assert_eq!(found.connection, expected.connection);
        assert!(payload(reader, found) == *bytes, "payload of {}", found.id);
        assert_eq!(&reader.envelope(found.id).unwrap(), envelope);
    }
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![3 => Just(Then::GoOn), 1 => Just(Then::EndCleanly), 1 => Just(Then::BreakOff)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_batches_come_back_in_order(
        seed in 1_u64..,
        spread in prop_oneof![Just(1_u64), Just(60), Just(1 << 40)],
        batches in proptest::collection::vec((prop_oneof![1_u64..4, 1_u64..400], then()), 1..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let mut recording = Recording::new(&path);
        let mut numbers = Numbers(seed);
        for (count, then) in batches {
            recording.write(count, &mut numbers, spread, then);
            if !matches!(then, Then::GoOn) {
                recording.check();
            }
        }
        recording.check();
    }
}

/// One event a commit, as when little happens: many spans, and a tail that is moved into blocks again and again.
#[test]
fn one_event_a_commit_comes_back_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let mut recording = Recording::new(&path);
    let mut numbers = Numbers(7);
    for number in 0..400 {
        let then = match number % 100 {
            40 => Then::EndCleanly,
            80 => Then::BreakOff,
            _ => Then::GoOn,
        };
        recording.write(1, &mut numbers, 1000, then);
    }
    recording.check();
    recording.write(1, &mut numbers, 1000, Then::EndCleanly);
    recording.check();
}
