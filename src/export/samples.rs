//! Exchanges for tests, and bodies that lie in memory.

use std::collections::HashMap;
use std::io::{self, Read};

use bytes::Bytes;

use crate::event::{
    ConnectionId, Endpoints, EventId, Process, RecordingId, Role, RunId, StreamId, Timestamp,
    TupleSource,
};
use crate::http::body::State;
use crate::http::decode::BodyRead;
use crate::http::exchange::{
    Bodies, BodyForm, Defects, Ending, Exchange, Field, Message, MessageHead, Span, Spans, Version,
};

/// As sent, decoded, and what is said of the decoding.
type Stored = (Vec<u8>, Vec<u8>, Option<State>);

/// Bodies by the first event of their message.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    bodies: HashMap<EventId, Stored>,
    payloads: HashMap<EventId, Vec<u8>>,
    step: Option<usize>,
}

impl Memory {
    pub(crate) fn with(self, message: &Message, sent: &[u8], decoded: &[u8]) -> Self {
        self.with_state(message, sent, decoded, None)
    }

    pub(crate) fn with_state(
        mut self,
        message: &Message,
        sent: &[u8],
        decoded: &[u8],
        state: Option<State>,
    ) -> Self {
        let body = (sent.to_vec(), decoded.to_vec(), state);
        self.bodies.insert(message.first.0, body);
        self
    }

    /// The bytes of an event, for tunnels.
    pub(crate) fn with_payload(mut self, event: EventId, payload: &[u8]) -> Self {
        self.payloads.insert(event, payload.to_vec());
        self
    }

    /// Reads give at most `step` bytes at a time.
    pub(crate) fn in_steps(mut self, step: usize) -> Self {
        self.step = Some(step);
        self
    }
}

impl Bodies for Memory {
    fn open<'a>(
        &'a self,
        message: &'a Message,
        form: BodyForm,
    ) -> io::Result<Box<dyn BodyRead + 'a>> {
        let (bytes, state) = match (self.bodies.get(&message.first.0), form) {
            (None, _) => (&[][..], State::AsSent),
            (Some((sent, _, _)), BodyForm::AsSent) => (&sent[..], State::AsSent),
            (Some((sent, decoded, state)), BodyForm::Decoded) => {
                let is_coded = sent != decoded;
                let found = if is_coded {
                    State::Decoded
                } else {
                    State::AsSent
                };
                (&decoded[..], state.unwrap_or(found))
            }
        };
        Ok(Box::new(Reading {
            bytes,
            state,
            step: self.step.unwrap_or(usize::MAX),
        }))
    }

    fn tunnels(&self) -> Option<&dyn Spans> {
        Some(self)
    }
}

impl Spans for Memory {
    fn read<'a>(&'a self, spans: &'a [Span]) -> Box<dyn Read + 'a> {
        let mut bytes = Vec::new();
        for span in spans {
            let [from, length] = [span.offset, span.length].map(|at| usize::try_from(at).unwrap());
            bytes.extend_from_slice(&self.payloads[&span.event][from..from + length]);
        }
        Box::new(io::Cursor::new(bytes))
    }

    /// A second for each event.
    fn time(&self, event: EventId) -> io::Result<Option<Timestamp>> {
        Ok(Some(Timestamp::from_seconds(event.number())))
    }
}

struct Reading<'a> {
    bytes: &'a [u8],
    state: State,
    step: usize,
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(self.step);
        self.bytes.read(&mut buffer[..room])
    }
}

impl BodyRead for Reading<'_> {
    fn state(&self) -> State {
        self.state
    }
}

/// Fields of which both parts are known.
pub(crate) fn fields(pairs: &[(&[u8], &[u8])]) -> Vec<Field> {
    pairs
        .iter()
        .map(|(name, value)| {
            Field::known(Bytes::copy_from_slice(name), Bytes::copy_from_slice(value))
        })
        .collect()
}

/// A message between two times, in milliseconds, whose body has `body_bytes`.
pub(crate) fn message(
    head: MessageHead,
    events: [i64; 2],
    ms: [i64; 2],
    body_bytes: u64,
) -> Message {
    let base = Timestamp::from_seconds(1_795_431_600);
    let at = |index: usize| {
        let time = base.plus_nanos(ms[index] * 1_000_000);
        (EventId::new(events[index]), time)
    };
    Message {
        head: Some(head),
        interim: Vec::new(),
        trailers: Vec::new(),
        first: at(0),
        last: at(1),
        body_bytes,
        body: (body_bytes > 0)
            .then_some(Span {
                event: EventId::new(events[0]),
                offset: 0,
                length: body_bytes,
            })
            .into_iter()
            .collect(),
        tunnel_bytes: 0,
        tunnel: Vec::new(),
        ending: Ending::Complete,
        defects: Defects::empty(),
    }
}

/// `POST /a?q=1` with a form of 7 bytes, answered by a text of 5 that was 9 when it was sent.
pub(crate) fn exchange() -> Exchange {
    let client = "10.0.0.1:50000".parse().unwrap();
    let server = "93.184.216.34:443".parse().unwrap();
    let request = MessageHead {
        method: Some(Bytes::from_static(b"POST")),
        target: Some(Bytes::from_static(b"/a?q=1")),
        fields: fields(&[
            (b"Host", b"example.com"),
            (b"Cookie", b"sid=s3; theme=dark"),
            (b"Content-Type", b"application/x-www-form-urlencoded"),
        ]),
        ..MessageHead::empty(Version::Http11)
    };
    let response = MessageHead {
        status: Some(200),
        reason: Some(Bytes::from_static(b"OK")),
        fields: fields(&[
            (b"Content-Type", b"text/plain; charset=utf-8"),
            (b"Content-Encoding", b"gzip"),
        ]),
        ..MessageHead::empty(Version::Http11)
    };
    Exchange {
        id: 12,
        recording: RecordingId::new(1),
        run: RunId::new(2),
        stream: StreamId::new(3),
        connection: Some(ConnectionId::new(4)),
        number: 0,
        http2_stream: None,
        process: Process {
            pid: Some(42),
            tid: Some(43),
            uid: None,
            pname: Some("curl".to_owned()),
        },
        identity: None,
        fd: Some(5),
        endpoints: Endpoints {
            client: Some(client),
            server: Some(server),
            local: Some(client),
            remote: Some(server),
            source: Some(TupleSource::Field),
            role_inferred: false,
        },
        role: Some(Role::Client),
        request: Some(message(request, [7, 8], [0, 10], 7)),
        response: Some(message(response, [9, 10], [25, 40], 9)),
    }
}

/// The bodies of [`exchange`].
pub(crate) fn bodies(exchange: &Exchange) -> Memory {
    Memory::default()
        .with(exchange.request.as_ref().unwrap(), b"a=1&b=2", b"a=1&b=2")
        .with(
            exchange.response.as_ref().unwrap(),
            b"\x1f\x8bcoded!!",
            b"hello",
        )
}
