//! Whatever a connection carries, its messages are given by the rules: numbers in order, each half ended once and after it
//! began, and spans of the payloads that were given.
//!
//! The input is payloads, each after five bytes: direction, content and the size of the pieces that it is given in; its
//! provenance; how many milliseconds it came after the one before; and its length, little endian.

#![no_main]

use std::collections::HashMap;

use ecq::event::{Content, Direction, EventId, Provenance, Timestamp};
use ecq::http::conversation::{Assembler, Conversation, Part, Piece};
use ecq::http::exchange::{Side, Span};
use ecq::http::h1;
use libfuzzer_sys::fuzz_target;

struct Payload<'a> {
    direction: Direction,
    content: Content,
    piece: usize,
    provenance: Provenance,
    pause: u64,
    bytes: &'a [u8],
}

fuzz_target!(|input: &[u8]| {
    let payloads: Vec<_> = payloads(input).collect();
    let mut conversation = Conversation::new();
    let mut assembler = Assembler::new();
    let mut halves = HashMap::new();
    let mut body_bytes = 0;
    let mut is_upgraded = false;
    let mut sink = |part: Part<'_>| {
        if let Part::Head {
            head: Some(head), ..
        } = &part
        {
            is_upgraded |= head.status == Some(101);
        }
        check(&part, &payloads, &mut halves, &mut body_bytes);
        assembler.take(&part);
    };
    let mut time = Timestamp::from_seconds(1_795_431_600);
    for (number, payload) in (0..).zip(&payloads) {
        time = time.plus(std::time::Duration::from_millis(payload.pause));
        let mut offset = 0;
        loop {
            let rest = &payload.bytes[offset..];
            let bytes = &rest[..rest.len().min(payload.piece)];
            let is_last = bytes.len() == rest.len();
            let piece = Piece {
                event: EventId::new(number),
                time,
                direction: payload.direction,
                content: payload.content,
                provenance: payload.provenance,
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
    let mut again = Vec::new();
    conversation.end(&mut |part| again.push(format!("{part:?}")));
    assert!(again.is_empty(), "{again:?}");
    let exchanges = conversation.exchanges();
    assert!(halves.keys().all(|(number, _)| *number < exchanges));
    // After an upgrade to HTTP/2, its reader ends the response.
    assert!(is_upgraded || halves.values().all(|is_ended| *is_ended));
    let mut spans = 0;
    let Ok(()) = assembler.drain(&mut |exchange| {
        for message in exchange.halves.iter().flatten() {
            let length: u64 = message.body.iter().map(|span| span.length).sum();
            assert_eq!(length, message.body_bytes);
            spans += length;
        }
        Ok::<(), std::convert::Infallible>(())
    });
    assert!(spans <= body_bytes);
});

fn check(
    part: &Part<'_>,
    payloads: &[Payload<'_>],
    halves: &mut HashMap<(u64, Side), bool>,
    body_bytes: &mut u64,
) {
    match part {
        Part::Head { exchange, side, .. } => {
            assert_ne!(halves.insert((*exchange, *side), false), Some(true));
        }
        Part::Body {
            exchange,
            side,
            span,
            bytes,
            ..
        } => {
            assert_eq!(halves.get(&(*exchange, *side)), Some(&false));
            check_span(span, bytes, payloads);
            *body_bytes += span.length;
        }
        Part::Tunnel {
            exchange,
            side,
            span,
            bytes,
            ..
        } => {
            assert!(halves.contains_key(&(*exchange, *side)) || *side == Side::Request);
            check_span(span, bytes, payloads);
        }
        Part::Trailers { exchange, side, .. } => {
            assert_eq!(halves.get(&(*exchange, *side)), Some(&false));
        }
        Part::End { exchange, side, .. } => {
            assert_eq!(halves.insert((*exchange, *side), true), Some(false));
        }
        Part::Lost { exchange, side } => {
            assert_eq!(halves.get(&(*exchange, *side)), Some(&true));
        }
    }
}

fn check_span(span: &Span, bytes: &[u8], payloads: &[Payload<'_>]) {
    let payload = &payloads[usize::try_from(span.event.number()).unwrap()];
    let offset = usize::try_from(span.offset).unwrap();
    assert!(span.length > 0 && span.length == bytes.len() as u64);
    assert_eq!(&payload.bytes[offset..offset + bytes.len()], bytes);
}

fn payloads(mut input: &[u8]) -> impl Iterator<Item = Payload<'_>> {
    std::iter::from_fn(move || {
        let ([kind, provenance, pause, low, high], rest) = input.split_first_chunk::<5>()?;
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        input = rest;
        let content = match kind >> 1 & 0x0f {
            0..=9 => h1::head(bytes).map_or(Content::Text, |(content, _)| content),
            other => Content::from_code(other - 8).unwrap_or(Content::Empty),
        };
        Some(Payload {
            direction: Direction::from_code(kind & 1).unwrap_or(Direction::Inbound),
            content,
            piece: [usize::MAX, 1, 3, 100][usize::from(kind >> 5 & 3)],
            provenance: Provenance::from_bits_truncate(u16::from(*provenance)),
            pause: u64::from(*pause),
            bytes,
        })
    })
}
