//! Connections as events, and what is made of them.

mod damage;
mod rules;
mod splits;
mod streams;

use std::collections::BTreeMap;
use std::time::Duration;

use super::framing::names_h2c;
use super::{Assembler, Conversation, Part, Piece};
use crate::event::{Content, Direction, EventId, Provenance, Timestamp};
use crate::http::exchange::{Message, Side};
use crate::http::h1;

/// An event: of a request if it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Event {
    direction: Direction,
    bytes: Vec<u8>,
    /// How long after the event before.
    pause: Duration,
    provenance: Provenance,
    content: Option<Content>,
}

/// The client writes, after a pause.
fn asks(bytes: &str) -> Event {
    Event {
        direction: Direction::Outbound,
        bytes: bytes.as_bytes().to_vec(),
        pause: Duration::from_millis(20),
        provenance: Provenance::empty(),
        content: None,
    }
}

/// The client reads, after a pause.
fn gets(bytes: &str) -> Event {
    Event {
        direction: Direction::Inbound,
        ..asks(bytes)
    }
}

impl Event {
    /// At once, without a pause.
    fn now(self) -> Self {
        Self {
            pause: Duration::ZERO,
            ..self
        }
    }

    fn after(self, milliseconds: u64) -> Self {
        Self {
            pause: Duration::from_millis(milliseconds),
            ..self
        }
    }

    fn with(self, provenance: Provenance) -> Self {
        Self { provenance, ..self }
    }

    fn cut(self) -> Self {
        self.with(Provenance::MAYBE_TRUNCATED)
    }

    fn rewritten(self) -> Self {
        self.with(Provenance::RESERIALIZED)
    }

    fn content(&self) -> Content {
        self.content.unwrap_or_else(|| match h1::head(&self.bytes) {
            Some((content, _)) => content,
            None if self.bytes.is_empty() => Content::Empty,
            None => Content::Text,
        })
    }
}

/// What was made of a connection.
#[derive(Debug, Default)]
struct Found {
    assembler: Assembler,
    bodies: BTreeMap<(u64, Side), Vec<u8>>,
    tunnels: BTreeMap<(u64, Side), Vec<u8>>,
    exchanges: u64,
    phantoms: u64,
}

/// Reads `events`, each given in pieces of at most `piece` bytes, and checks what always holds.
fn read(events: &[Event], piece: usize) -> Found {
    let mut conversation = Conversation::new();
    let mut found = Found::default();
    let mut time = Timestamp::from_seconds(1_795_431_600);
    let mut ended = BTreeMap::new();
    let mut is_upgraded = false;
    let mut sink = |part: Part<'_>| {
        match &part {
            Part::Head {
                exchange,
                side,
                head,
                ..
            } => {
                is_upgraded |= head.as_ref().is_some_and(names_h2c);
                assert_ne!(
                    ended.insert((*exchange, *side), false),
                    Some(true),
                    "{part:?}"
                );
            }
            Part::Body {
                exchange,
                side,
                span,
                bytes,
                ..
            } => {
                assert_eq!(ended.get(&(*exchange, *side)), Some(&false), "{part:?}");
                let place = usize::try_from(span.offset).unwrap();
                let event = usize::try_from(span.event.number()).unwrap();
                assert_eq!(&events[event].bytes[place..place + bytes.len()], *bytes);
                assert_eq!(span.length, bytes.len() as u64);
                found
                    .bodies
                    .entry((*exchange, *side))
                    .or_default()
                    .extend_from_slice(bytes);
            }
            Part::Tunnel {
                exchange,
                side,
                bytes,
                ..
            } => {
                found
                    .tunnels
                    .entry((*exchange, *side))
                    .or_default()
                    .extend_from_slice(bytes);
            }
            Part::Trailers { exchange, side, .. } => {
                assert_eq!(ended.get(&(*exchange, *side)), Some(&false), "{part:?}");
            }
            Part::End { exchange, side, .. } => {
                assert_eq!(
                    ended.insert((*exchange, *side), true),
                    Some(false),
                    "{part:?}"
                );
            }
            // It may be of a half that was not captured.
            Part::Lost { exchange, side } => {
                assert_ne!(ended.get(&(*exchange, *side)), Some(&false), "{part:?}");
            }
        }
        found.assembler.take(&part);
    };
    for (number, event) in (0..).zip(events) {
        time = time.plus(event.pause);
        let mut offset = 0;
        loop {
            let rest = &event.bytes[offset..];
            let bytes = &rest[..rest.len().min(piece)];
            let is_last = bytes.len() == rest.len();
            let piece = Piece {
                event: EventId::new(number),
                time,
                direction: event.direction,
                content: event.content(),
                provenance: event.provenance,
                offset: offset as u64,
                bytes,
                is_last,
            };
            conversation.push(&piece, &mut sink);
            offset += bytes.len();
            if is_last {
                break;
            }
        }
    }
    conversation.end(&mut sink);
    conversation.end(&mut |part| panic!("after the end: {part:?}"));
    // After an upgrade to HTTP/2, its reader ends the response.
    assert!(
        is_upgraded || ended.values().all(|is_ended| *is_ended),
        "{ended:?}"
    );
    found.exchanges = conversation.exchanges();
    found.phantoms = conversation.phantoms();
    found
}

impl Found {
    /// One line for each half: `0 > GET / [body] complete`, with defects and what went through a tunnel.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for exchange in self.assembler.all() {
            assert!(exchange.number < self.exchanges);
            for (side, half) in Side::BOTH.into_iter().zip(&exchange.halves) {
                if let Some(message) = half {
                    lines.push(self.line(exchange.number, side, message));
                }
            }
        }
        lines
    }

    fn line(&self, number: u64, side: Side, message: &Message) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let start = match &message.head {
            None => "?".to_owned(),
            Some(head) => match (&head.method, head.status) {
                (Some(method), _) => {
                    format!("{} {}", text(method), text(head.target.as_ref().unwrap()))
                }
                (_, Some(status)) => status.to_string(),
                _ => unreachable!(),
            },
        };
        let arrow = if side == Side::Request { '>' } else { '<' };
        let of = |which: &BTreeMap<_, Vec<u8>>| which.get(&(number, side)).map(|bytes| text(bytes));
        let body = of(&self.bodies).unwrap_or_default();
        assert_eq!(body.len() as u64, message.body_bytes);
        let mut words = vec![format!("{number} {arrow} {start} [{body}]")];
        words.push(message.ending.name().to_owned());
        let trailers = message.trailers.iter();
        words.extend(trailers.map(|trailer| text(trailer.name.as_ref().unwrap())));
        words.extend(
            message
                .defects
                .names()
                .iter()
                .map(|name| (*name).to_owned()),
        );
        words.extend(of(&self.tunnels).map(|tunnel| format!("({tunnel})")));
        words.join(" ")
    }
}

/// Reads `events` whole and byte by byte: both must give `expected`.
#[track_caller]
fn check(events: &[Event], expected: &[&str]) {
    for piece in [usize::MAX, 1] {
        assert_eq!(read(events, piece).lines(), expected, "pieces of {piece}");
    }
}
