//! Any payloads of a connection are read as HTTP/2; whatever is said of them is in them, and in order.
//!
//! The input is payloads, each after a byte (bit 0: written; bit 1: a listing; bit 2: cut by eCapture; bit 3: in parts of
//! 7 bytes) and two bytes of length, little endian; the last may be shorter than it says. The first byte of the input
//! says whether the connection was upgraded from HTTP/1.

#![no_main]

use std::collections::BTreeMap;

use ecq::event::{Content, Direction, EventId, Provenance, Timestamp};
use ecq::http::conversation::{Part, Piece};
use ecq::http::exchange::{Field, Side, Span};
use ecq::http::h2::Session;
use libfuzzer_sys::fuzz_target;

/// A head may have this many bytes, with those that each field counts beside.
const HEAD_BYTES: usize = 300 << 10;

#[derive(Default)]
struct Half {
    has_begun: bool,
    has_ended: bool,
}

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else {
        return;
    };
    let payloads: Vec<(u8, &[u8])> = payloads(rest).collect();
    let mut halves: BTreeMap<(u64, Side), Half> = BTreeMap::new();
    let mut hear = |part: Part<'_>| hear(&mut halves, &payloads, part);
    let mut session = if first & 1 == 1 {
        Session::upgraded(0, 1)
    } else {
        Session::new(0)
    };
    for (number, (flags, payload)) in (0..).zip(&payloads) {
        let part_bytes = if flags & 8 == 0 { usize::MAX } else { 7 };
        let parts = payload.chunks(part_bytes);
        let count = parts.len();
        let mut offset = 0;
        for (place, bytes) in parts.enumerate() {
            let is_listing = flags & 2 != 0;
            let mut provenance = Provenance::empty();
            provenance.set(Provenance::LISTING, is_listing);
            provenance.set(Provenance::MAYBE_TRUNCATED, flags & 4 != 0);
            let piece = Piece {
                event: EventId::new(number),
                time: Timestamp::from_seconds(1_795_431_600),
                direction: if flags & 1 == 1 {
                    Direction::Outbound
                } else {
                    Direction::Inbound
                },
                content: if is_listing {
                    Content::Http2Listing
                } else {
                    Content::Http2Frames
                },
                provenance,
                offset,
                bytes,
                is_last: place + 1 == count,
            };
            session.push(&piece, &mut hear);
            offset += bytes.len() as u64;
        }
    }
    session.end(&mut hear);
    let next = session.exchanges();
    for ((exchange, _), half) in &halves {
        assert!(*exchange < next && half.has_begun && half.has_ended);
    }
});

fn hear(halves: &mut BTreeMap<(u64, Side), Half>, payloads: &[(u8, &[u8])], part: Part<'_>) {
    match part {
        Part::Head {
            exchange,
            side,
            head,
            ..
        } => {
            let half = halves.entry((exchange, side)).or_default();
            half.has_begun = true;
            assert!(!half.has_ended);
            check_size(&head.map_or(Vec::new(), |head| head.fields));
        }
        Part::Body {
            exchange,
            side,
            span,
            bytes,
            ..
        } => {
            let half = halves.entry((exchange, side)).or_default();
            assert!(half.has_begun && !half.has_ended);
            check_place(payloads, span, bytes);
        }
        Part::Tunnel {
            exchange,
            side,
            span,
            bytes,
            ..
        } => {
            let half = halves.entry((exchange, side)).or_default();
            assert!(half.has_begun && half.has_ended);
            check_place(payloads, span, bytes);
        }
        Part::Trailers {
            exchange,
            side,
            fields,
        } => {
            let half = halves.entry((exchange, side)).or_default();
            assert!(half.has_begun && !half.has_ended);
            check_size(&fields);
        }
        Part::End { exchange, side, .. } => {
            let half = halves.entry((exchange, side)).or_default();
            assert!(half.has_begun && !half.has_ended);
            half.has_ended = true;
        }
        Part::Lost { exchange, side } => {
            let half = halves.entry((exchange, side)).or_default();
            assert!(half.has_begun && half.has_ended);
        }
    }
}

fn check_place(payloads: &[(u8, &[u8])], span: Span, bytes: &[u8]) {
    let event = usize::try_from(span.event.number()).expect("events are counted from 0");
    let (_, payload) = payloads[event];
    let offset = usize::try_from(span.offset).expect("it is within a payload");
    assert!(!bytes.is_empty() && span.length == bytes.len() as u64);
    assert_eq!(&payload[offset..offset + bytes.len()], bytes);
}

fn check_size(fields: &[Field]) {
    let bytes: usize = fields
        .iter()
        .flat_map(|field| [&field.name, &field.value])
        .flatten()
        .map(|part| part.len())
        .sum();
    assert!(bytes + fields.len() * 32 <= HEAD_BYTES);
}

fn payloads(mut input: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let ([flags, low, high], rest) = input.split_first_chunk::<3>()?;
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (payload, rest) = rest.split_at(length);
        input = rest;
        Some((*flags, payload))
    })
}
