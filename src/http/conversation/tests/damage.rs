//! After one lost event, or two that changed places, nothing wrong is called complete, and later messages are found.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::streams::{batches, bursts, events};
use super::*;
use crate::http::exchange::{Ending, MessageHead};

type Messages = BTreeMap<(Vec<u8>, Side), (MessageHead, Vec<u8>, Ending)>;

/// The messages that have a head, by what is in it.
fn messages(found: &Found) -> Messages {
    let mut messages = BTreeMap::new();
    for exchange in found.assembler.all() {
        for (side, half) in Side::BOTH.into_iter().zip(&exchange.halves) {
            let Some(message) = half else { continue };
            let Some(head) = &message.head else { continue };
            let id = head.values("x-id").next().map(|id| id.to_vec());
            let body = found
                .bodies
                .get(&(exchange.number, side))
                .cloned()
                .unwrap_or_default();
            messages.insert(
                (id.unwrap_or_default(), side),
                (head.clone(), body, message.ending),
            );
        }
    }
    messages
}

/// Whether an event begins with a whole head, and of which message.
fn fresh(event: &Event) -> Option<(Vec<u8>, Side)> {
    let head = crate::http::fields::read(&event.bytes)?;
    head.head_bytes?;
    let id = head.values("x-id").next()?.to_vec();
    let side = if head.is_request {
        Side::Request
    } else {
        Side::Response
    };
    Some((id, side))
}

proptest! {
    #[test]
    fn damage_ends_at_the_next_message(
        batches in batches(true, 1),
        often in 1_u32..60,
        seed in any::<u32>(),
        place in any::<proptest::sample::Index>(),
        is_removed in any::<bool>(),
        keeps_times in any::<bool>(),
        piece in proptest::sample::select(&[1_usize, 50, usize::MAX][..]),
    ) {
        let mut state = seed;
        let whole = events(&bursts(&batches), |message, place| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // The end of a start line may look like another.
            (state >> 16) % often == 0 && message[..place].contains(&b'\n')
        });
        let original: Vec<_> = whole.iter().map(|(_, event)| event.clone()).collect();
        let expected = messages(&read(&original, usize::MAX));
        let mut damaged = whole.clone();
        let place = place.index(damaged.len());
        let mut last = damaged[place].0;
        if is_removed {
            damaged.remove(place);
        } else if place + 1 < damaged.len() {
            last = damaged[place + 1].0;
            damaged.swap(place, place + 1);
            if keeps_times {
                damaged[place].1.pause = Duration::ZERO;
                damaged[place + 1].1.pause = Duration::ZERO;
            }
        }
        let events: Vec<_> = damaged.iter().map(|(_, event)| event.clone()).collect();
        let found = read(&events, piece);
        let read = messages(&found);
        for (key, (head, body, ending)) in &read {
            if *ending == Ending::Complete {
                let (expected_head, expected_body, _) = &expected[key];
                prop_assert_eq!((head, body), (expected_head, expected_body));
            }
        }
        for (number, event) in damaged {
            if number > last && let Some(key) = fresh(&event) {
                let head = read.get(&key).map(|(head, ..)| head);
                prop_assert_eq!(head, Some(&expected[&key].0), "{:?}: {:#?}", key, found.lines());
            }
        }
    }

    #[test]
    fn whatever_is_sent_the_rules_of_parts_hold(
        events in proptest::collection::vec(
            (
                any::<bool>(),
                proptest::collection::vec(proptest::sample::select(&TEXTS[..]), 0..5),
                proptest::sample::select(&[0_u16, 1, 8, 9, 16][..]),
                0_u64..8,
                proptest::option::weighted(0.1, proptest::sample::select(&Content::ALL[..])),
            ),
            0..20,
        ),
        piece in proptest::sample::select(&[1_usize, 7, usize::MAX][..]),
    ) {
        let events: Vec<_> = events
            .into_iter()
            .map(|(inbound, words, provenance, pause, content)| {
                let event = if inbound { gets(&words.concat()) } else { asks(&words.concat()) };
                let event = Event { content, ..event };
                event.with(Provenance::from_bits_truncate(provenance)).after(pause)
            })
            .collect();
        // `read` checks them.
        let found = read(&events, piece);
        prop_assert!(found.assembler.all().count() as u64 <= found.exchanges);
    }
}

const TEXTS: [&str; 16] = [
    "GET / HTTP/1.1\r\n\r\n",
    "HEAD / HTTP/1.1\r\nA: b\r\n\r\n",
    "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "CONNECT a:1 HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 101 Go\r\n\r\n",
    "HTTP/1.1 304 No\r\n",
    "hello",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "GE",
];
