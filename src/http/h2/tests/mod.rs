//! Connections as a test writes them, and what is read of them.

mod cases;
mod listings;
mod random;

use std::collections::BTreeMap;

use super::Session;
use super::hpack::encoder::{Choice, Encoder};
use crate::event::{Content, Direction, EventId, Provenance, Timestamp};
use crate::http::conversation::{Part, Piece};
use crate::http::exchange::{Defects, Ending, Field, MessageHead, Side};

pub(super) const CLIENT: Direction = Direction::Outbound;
pub(super) const SERVER: Direction = Direction::Inbound;

/// An event as it is captured.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) direction: Direction,
    pub(super) bytes: Vec<u8>,
    pub(super) provenance: Provenance,
}

pub(super) fn event(direction: Direction, bytes: impl AsRef<[u8]>) -> Event {
    Event {
        direction,
        bytes: bytes.as_ref().to_vec(),
        provenance: Provenance::empty(),
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(content);
    frame
}

pub(super) fn data(stream: u32, ends: bool, bytes: &[u8]) -> Vec<u8> {
    frame(0, u8::from(ends), stream, bytes)
}

/// A whole header block in one frame.
pub(super) fn headers(
    encoder: &mut Encoder,
    choice: Choice,
    stream: u32,
    ends: bool,
    fields: &[(&str, &str)],
) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        encoder.field(name.as_bytes(), value.as_bytes(), choice, &mut block);
    }
    frame(1, 4 | u8::from(ends), stream, &block)
}

/// One half as it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Half {
    pub(super) heads: Vec<Option<MessageHead>>,
    pub(super) body: Vec<u8>,
    pub(super) tunnel: Vec<u8>,
    pub(super) trailers: Vec<Field>,
    pub(super) ending: Option<Ending>,
    pub(super) defects: Defects,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Exchange {
    pub(super) http2_stream: Option<u32>,
    pub(super) halves: [Half; 2],
}

/// Takes what is said of a connection and checks what must always be so.
#[derive(Debug, Default)]
pub(super) struct Listener {
    pub(super) exchanges: BTreeMap<u64, Exchange>,
}

impl Listener {
    fn half(&mut self, exchange: u64, side: Side) -> &mut Half {
        let halves = &mut self.exchanges.entry(exchange).or_default().halves;
        &mut halves[usize::from(side == Side::Response)]
    }

    pub(super) fn hear(&mut self, part: Part<'_>, payloads: &[Vec<u8>]) {
        match part {
            Part::Head {
                exchange,
                side,
                http2_stream,
                head,
                defects,
                first,
                last,
            } => {
                assert!(first.0 <= last.0 || defects.contains(Defects::LOST_BYTES));
                let half = self.half(exchange, side);
                assert_eq!(half.ending, None);
                half.heads.push(head);
                half.defects |= defects;
                let exchange = self.exchanges.get_mut(&exchange).unwrap();
                assert!(
                    exchange
                        .http2_stream
                        .is_none_or(|id| Some(id) == http2_stream)
                );
                exchange.http2_stream = http2_stream;
            }
            Part::Body {
                exchange,
                side,
                span,
                bytes,
                ..
            } => {
                let half = self.half(exchange, side);
                assert!(!half.heads.is_empty() && half.ending.is_none());
                half.body.extend(bytes);
                same(payloads, span, bytes);
            }
            Part::Tunnel {
                exchange,
                side,
                span,
                bytes,
                ..
            } => {
                let half = self.half(exchange, side);
                assert!(half.ending.is_some());
                half.tunnel.extend(bytes);
                same(payloads, span, bytes);
            }
            Part::Trailers {
                exchange,
                side,
                fields,
            } => {
                let half = self.half(exchange, side);
                assert!(!half.heads.is_empty() && half.ending.is_none());
                half.trailers.extend(fields);
            }
            Part::End {
                exchange,
                side,
                ending,
                defects,
                ..
            } => {
                let half = self.half(exchange, side);
                assert!(!half.heads.is_empty());
                assert_eq!(half.ending.replace(ending), None);
                half.defects |= defects;
            }
            Part::Lost { .. } => panic!("HTTP/2 has no phantoms: {part:?}"),
        }
    }
}

fn same(payloads: &[Vec<u8>], span: crate::http::exchange::Span, bytes: &[u8]) {
    assert!(!bytes.is_empty());
    let payload = &payloads[usize::try_from(span.event.number()).unwrap()];
    let offset = usize::try_from(span.offset).unwrap();
    assert_eq!(span.length, bytes.len() as u64);
    assert_eq!(&payload[offset..offset + bytes.len()], bytes);
}

/// Hands an event to the session, in parts of at most so many bytes.
pub(super) fn push(
    session: &mut Session,
    number: usize,
    event: &Event,
    part_bytes: usize,
    sink: &mut dyn FnMut(Part<'_>),
) {
    let parts: Vec<_> = event.bytes.chunks(part_bytes).collect();
    let mut offset = 0;
    let content = if event.provenance.contains(Provenance::LISTING) {
        Content::Http2Listing
    } else {
        Content::Http2Frames
    };
    for (place, bytes) in parts.iter().enumerate() {
        let piece = Piece {
            event: EventId::new(i64::try_from(number).unwrap()),
            time: Timestamp::from_seconds(1_795_431_600),
            direction: event.direction,
            content,
            provenance: event.provenance,
            offset,
            bytes,
            is_last: place + 1 == parts.len(),
        };
        session.push(&piece, sink);
        offset += bytes.len() as u64;
    }
}

pub(super) fn read_with(mut session: Session, events: &[Event], part_bytes: usize) -> Listener {
    let payloads: Vec<_> = events.iter().map(|event| event.bytes.clone()).collect();
    let mut listener = Listener::default();
    for (number, event) in events.iter().enumerate() {
        push(&mut session, number, event, part_bytes, &mut |part| {
            listener.hear(part, &payloads);
        });
    }
    session.end(&mut |part| listener.hear(part, &payloads));
    let begun = listener
        .exchanges
        .keys()
        .next_back()
        .map_or(0, |last| last + 1);
    assert!(begun <= session.exchanges());
    listener
}

pub(super) fn read(events: &[Event]) -> Listener {
    read_with(Session::new(0), events, usize::MAX)
}

/// A head in short.
pub(super) fn short(head: &MessageHead) -> String {
    let text = |part: &Option<bytes::Bytes>| {
        part.as_ref()
            .map_or("?".to_owned(), |part| String::from_utf8_lossy(part).into())
    };
    let mut words = Vec::new();
    for part in [&head.method, &head.scheme, &head.authority, &head.target] {
        words.extend(part.is_some().then(|| text(part)));
    }
    words.extend(head.status.map(|status| status.to_string()));
    for field in &head.fields {
        words.push(format!("{}={}", text(&field.name), text(&field.value)));
    }
    words.join(" ")
}

/// What was read, a line for each half: `stream side: heads | body | trailers | tunnel | ending defects`.
pub(super) fn lines(listener: &Listener) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, exchange) in &listener.exchanges {
        for (side, half) in ["request", "response"].iter().zip(&exchange.halves) {
            if half.heads.is_empty() {
                continue;
            }
            let heads: Vec<_> = half
                .heads
                .iter()
                .map(|head| head.as_ref().map_or("-".to_owned(), short))
                .collect();
            let trailers = MessageHead {
                fields: half.trailers.clone(),
                ..MessageHead::empty(crate::http::exchange::Version::Http2)
            };
            let line = format!(
                "{number}/{} {side}: {}",
                exchange.http2_stream.unwrap(),
                heads.join(", ")
            );
            let mut words = vec![line];
            if !half.body.is_empty() {
                words.push(String::from_utf8_lossy(&half.body).into());
            }
            if !half.trailers.is_empty() {
                words.push(short(&trailers));
            }
            if !half.tunnel.is_empty() {
                words.push(format!("tunnel {}", String::from_utf8_lossy(&half.tunnel)));
            }
            let mut ending = vec![half.ending.unwrap().name()];
            ending.extend(half.defects.names());
            words.push(ending.join(" "));
            lines.push(words.join(" | "));
        }
    }
    lines
}

pub(super) fn check(events: &[Event], expected: &[&str]) {
    let found = lines(&read(events));
    assert_eq!(found, expected, "{found:#?}");
}
