//! The three ways to judge an event agree: by SQL with what it leaves over, by the stored event alone, and by the event
//! as it is captured.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use ecq::event::{
    Captured, Connection, ConnectionId, Direction, Endpoints, EventId, Identity, IdentityId, Kind,
    Probe, Process, Provenance, RecordingId, Role, RunId, Sense, Timestamp, Tuple, TupleSource,
    Zone,
};
use ecq::filter::{Content, Expr, Facts, PayloadBytes, parse};
use ecq::store::{Batch, NewEvent, Order, Reader, Writer};

use crate::support::batches;
use crate::support::exprs::RandomFilters;
use crate::support::numbers::Numbers;

/// 2026-11-23 11:00 UTC.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_431_600);

const URL: &str = "ws://127.0.0.1:28257/";

/// What payloads are made of: each can be cut anywhere.
const MESSAGES: [&[u8]; 9] = [
    b"GET /a?b=1 HTTP/1.1\r\nHost: api.test:8443\r\nCookie: session=hello\r\n\r\n",
    b"POST /login HTTP/1.1\r\nHost: example.com\r\nContent-Type: text/html\r\nContent-Length: 10\r\n\r\nb=1&S3cr3t",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
    b"HTTP/1.0 404 Not Found\r\nTransfer-Encoding: chunked\r\nX-None: binary\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
    b"hello S3cr3t curl",
    b"aGVsbG8gUzNjcjN0 68656c6c6f %2Fa%3Fb%3D1",
    b"\x00\xff\xfe\x01binary\x1b[0m",
    b"S3c",
    b"",
];

fn payload(numbers: &mut Numbers) -> Bytes {
    let message = numbers.pick(&MESSAGES);
    match numbers.below(4) {
        0 => Bytes::copy_from_slice(&message[..numbers.below(message.len() + 1)]),
        1 => Bytes::copy_from_slice(&message[numbers.below(message.len() + 1)..]),
        2 if numbers.below(20) == 0 => message.repeat(5_000).into(),
        _ => Bytes::from_static(message),
    }
}

fn connection(numbers: &mut Numbers, id: i64) -> Connection {
    let ends: [SocketAddr; 5] = [
        "10.0.0.1:50000".parse().unwrap(),
        "93.184.216.34:443".parse().unwrap(),
        "[2001:db8::2]:8443".parse().unwrap(),
        "[::ffff:10.0.0.5]:80".parse().unwrap(),
        "10.0.0.9:200".parse().unwrap(),
    ];
    let sense = numbers.pick(&[Sense::InitiatorToAcceptor, Sense::LocalToRemote]);
    let tuple = Tuple {
        src: numbers.pick(&ends),
        dst: numbers.pick(&ends),
        sense,
    };
    Connection {
        id: ConnectionId::new(id),
        fd: numbers.pick(&[None, Some(0), Some(5), Some(7)]),
        tid: None,
        tuple: (numbers.below(3) > 0).then_some((tuple, TupleSource::Field)),
        role: numbers.pick(&[None, Some(Role::Client), Some(Role::Server)]),
    }
}

fn event(numbers: &mut Numbers, connection: Option<&Connection>) -> Captured {
    let payload = payload(numbers);
    let kind = numbers.pick(&[
        Kind::TlsData,
        Kind::TlsData,
        Kind::TlsData,
        Kind::Shell,
        Kind::Sql,
    ]);
    let second = i64::try_from(numbers.below(12)).unwrap();
    let time = NOW.plus_nanos((second - 500) * 1_000_000_000);
    let pid = numbers.pick(&[None, Some(1), Some(2), Some(443), Some(1200)]);
    let mut captured = batches::captured(kind, payload, time);
    let event = &mut captured.event;
    event.received = time.plus_nanos(i64::try_from(numbers.below(3)).unwrap() * 1_000_000_000);
    event.process = Process {
        pid,
        tid: numbers.pick(&[None, Some(2), Some(1200)]),
        uid: numbers.pick(&[None, Some(0), Some(7)]),
        pname: numbers
            .pick(&[None, Some("curl"), Some("nginx"), Some("Example.com")])
            .map(str::to_owned),
    };
    event.fd = connection.and_then(|connection| connection.fd);
    event.direction = Direction::from_code(u8::try_from(numbers.below(3)).unwrap());
    event.probe = numbers.pick(&[None, Some(Probe::Openssl), Some(Probe::Gotls)]);
    event.ecapture_type = numbers.pick(&[None, Some(0), Some(3)]);
    event.provenance = numbers.pick(&[
        Provenance::empty(),
        Provenance::RESERIALIZED,
        Provenance::MAYBE_TRUNCATED,
        Provenance::LISTING | Provenance::CUT_AT_NUL,
    ]);
    captured
}

/// An event as it is captured: with its connection as it is known, and the text before it in its stream.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) new: NewEvent,
    connection: Option<Connection>,
    pub(crate) before: Vec<u8>,
}

impl PayloadBytes for Live {
    type Error = Infallible;

    fn size(&self) -> u64 {
        self.new.captured.payload.len() as u64
    }

    fn whole(&self) -> Result<Bytes, Infallible> {
        Ok(self.new.captured.payload.clone())
    }

    fn pieces(&self, each: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Infallible> {
        each(&self.new.captured.payload);
        Ok(())
    }

    fn before(&self, count: usize) -> Result<Vec<u8>, Infallible> {
        Ok(self.before[self.before.len().saturating_sub(count)..].to_vec())
    }
}

impl Live {
    pub(crate) fn fits(&self, filter: &Expr) -> bool {
        let event = &self.new.captured.event;
        let role = self
            .connection
            .as_ref()
            .and_then(|connection| connection.role);
        let tuple = self
            .connection
            .as_ref()
            .and_then(|connection| connection.tuple);
        let facts = Facts {
            id: Some(self.new.id.number()),
            source: Some(URL),
            endpoints: tuple.map_or_else(Endpoints::default, |(tuple, source)| {
                Endpoints::new(tuple, source, role)
            }),
            role,
            connection: self.new.connection.map(ConnectionId::number),
            ..Facts::of_event(event, self.size())
        };
        let facts = facts.with_identity(self.new.identity.as_deref());
        let Ok(fits) = filter.matches(&facts, &Content::new(self));
        fits
    }
}

/// Who a process is: the same for all events of one, and of some that is not known.
fn identity(process: &Process, connection: Option<&Connection>) -> Option<Arc<Identity>> {
    let known = [
        (Some("curl"), Some(1), None),
        (Some("/login"), Some(7), Some("api.test")),
        (None, Some(443), Some("S3cr3t")),
    ];
    let number = match connection {
        Some(connection) => connection.id.number(),
        None => i64::from(process.pid?) % 4 + 1,
    };
    let (exe, ppid, container) = *known.get(usize::try_from(number - 1).ok()?)?;
    Some(Arc::new(Identity {
        id: IdentityId::new(number * 100_000 + i64::from(process.pid?)),
        recording: RecordingId::new(1),
        pid: process.pid?,
        started: Timestamp::from_seconds(1),
        read: Timestamp::from_seconds(2),
        exe: exe.map(str::to_owned),
        ppid,
        parent: None,
        uid: Some(7),
        cgroup: None,
        container: container.map(str::to_owned),
        cmdline: None,
    }))
}

/// Records random events over few streams, some of them still in the tail.
pub(crate) fn record(path: &Path, numbers: &mut Numbers, count: usize) -> Vec<Live> {
    let start = batches::start(URL);
    let mut writer = Writer::open(path, &start).unwrap();
    let mut batch = Batch::default();
    batch.runs.push(batches::first_run());
    let connections: Vec<_> = (1..=6).map(|id| connection(numbers, id)).collect();
    batch.connections.clone_from(&connections);
    let mut streams: HashMap<_, Vec<u8>> = HashMap::new();
    let mut all = Vec::new();
    for number in 1..=count {
        let connection = (numbers.below(6) > 0).then(|| numbers.pick(&connections));
        let mut captured = event(numbers, connection.as_ref());
        // One process name a connection, as a stream belongs to one.
        if let Some(connection) = &connection {
            let process = &mut captured.event.process;
            process.pname = Some(format!("p{}", connection.id));
            process.pid = Some(443);
            process.uid = None;
        }
        let stream = streams
            .entry((
                connection.as_ref().map(|connection| connection.id),
                captured.event.direction,
            ))
            .or_default();
        let before = if connection.is_some() {
            stream.clone()
        } else {
            Vec::new()
        };
        stream.extend_from_slice(&captured.payload);
        let new = NewEvent {
            id: EventId::new(i64::try_from(number).unwrap()),
            run: RunId::new(1),
            identity: identity(&captured.event.process, connection.as_ref()),
            connection: connection.as_ref().map(|connection| connection.id),
            captured,
        };
        batch.events.push(new.clone());
        all.push(Live {
            new,
            connection,
            before,
        });
        if numbers.below(50) == 0 || number == count {
            writer.commit(&batch, Timestamp::from_seconds(2)).unwrap();
            batch.clear();
        }
    }
    if numbers.below(2) == 0 {
        writer
            .end(&batch.counters, Timestamp::from_seconds(3))
            .unwrap();
    }
    drop(writer);
    all
}

pub(crate) fn by_plan(reader: &Reader, filter: &Expr) -> Vec<i64> {
    let mut rows = reader
        .events(Some(filter), Order::OldestFirst, None)
        .unwrap();
    let mut found = Vec::new();
    while let Some(event) = rows.next_event().unwrap() {
        found.push((event.event.time, event.id.number()));
    }
    assert!(found.is_sorted(), "in order of time and id");
    let mut ids: Vec<_> = found.into_iter().map(|(_, id)| id).collect();
    ids.sort_unstable();
    ids
}

pub(crate) fn by_stored_event(reader: &Reader, filter: &Expr) -> Vec<i64> {
    let mut ids = Vec::new();
    let mut after = EventId::new(0);
    loop {
        let (events, last) = reader.newer(after, Some(filter)).unwrap();
        ids.extend(events.iter().map(|event| event.id.number()));
        if last == after {
            return ids;
        }
        after = last;
    }
}

fn check(seed: u64, events: usize, filters: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    // Other numbers than those that the filters are made of.
    let mut numbers = Numbers::new(!seed);
    let live = record(&path, &mut numbers, events);
    let reader = Reader::open(&path).unwrap();
    let mut random = RandomFilters::new(seed);
    let (mut sometimes, mut never) = (0, 0);
    for _ in 0..filters {
        let text = random.filter(2);
        let filter = parse(&text, NOW, Zone::Utc).unwrap();
        let expected: Vec<_> = live
            .iter()
            .filter(|event| event.fits(&filter))
            .map(|event| event.new.id.number())
            .collect();
        assert_eq!(
            by_plan(&reader, &filter),
            expected,
            "by plan, seed {seed}: {text}"
        );
        assert_eq!(
            by_stored_event(&reader, &filter),
            expected,
            "by stored event, seed {seed}: {text}"
        );
        let total = reader.count(Some(&filter)).unwrap();
        assert_eq!(
            total.events,
            expected.len() as u64,
            "counted, seed {seed}: {text}"
        );
        if expected.is_empty() {
            never += 1;
        } else if expected.len() < live.len() {
            sometimes += 1;
        }
    }
    // Else the filters would say nothing.
    assert!(
        sometimes > filters / 4,
        "{sometimes} of {filters} true of some, {never} of none"
    );
}

/// Filters of which one part is a condition on a number that can be absent.
#[test]
fn one_or_the_other_where_a_number_is_absent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let live = record(&path, &mut Numbers::new(1), 200);
    let reader = Reader::open(&path).unwrap();
    for text in [
        "local.port != 80 xor tid",
        "tid xor local.port != 80",
        "pname == \"p1\" xor tid == 1200",
        "tid == 1200 xor tid > 2 xor len > 40",
    ] {
        let filter = parse(text, NOW, Zone::Utc).unwrap();
        let expected: Vec<_> = live
            .iter()
            .filter(|event| event.fits(&filter))
            .map(|event| event.new.id.number())
            .collect();
        assert!(
            !expected.is_empty() && expected.len() < live.len(),
            "{text}"
        );
        assert_eq!(by_plan(&reader, &filter), expected, "{text}");
    }
}

#[test]
fn random_filters_on_random_events() {
    for seed in 1..=4 {
        check(seed, 200, 60);
    }
}

/// Enough for several units of a scan and several blocks.
#[test]
fn random_filters_on_many_events() {
    check(9, 3_000, 8);
}
