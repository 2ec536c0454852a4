//! Any sequence of messages is read without a panic, and every frame can be written out again byte for byte.
//!
//! The input is messages, each after a byte whose lowest bit says text and two bytes of length, little endian; the last
//! may be shorter than it says. One normalizer sees them all, so that what it learns is under test too.

#![no_main]

use bytes::Bytes;
use ecq::event::{Captured, EventId, Frame, Opcode, Timestamp};
use ecq::normalize::{Connections, Normalized, Normalizer, rebuild};
use ecq::wire::{Incoming, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut normalizer = Normalizer::new();
    let mut connections = Connections::new(1);
    let mut received = Timestamp::from_seconds(1_795_431_600);
    for (number, (opcode, message)) in (1..).zip(messages(input)) {
        received = received.plus(std::time::Duration::from_millis(1));
        let frame = Frame {
            link: 1,
            received,
            opcode,
            message: Bytes::copy_from_slice(message),
        };
        if let Some(captured) = read(&mut normalizer, &frame) {
            connections.place(EventId::new(number), &captured);
        }
    }
});

fn read(normalizer: &mut Normalizer, frame: &Frame) -> Option<Captured> {
    let mut again = Vec::new();
    let captured = match decode(frame.opcode, &frame.message) {
        Incoming::Event(event) => match normalizer.event(frame, event) {
            Normalized::Captured(captured) => captured,
            Normalized::ConnectionDestroyed => return None,
        },
        Incoming::Unreadable { reason } => normalizer.unreadable(frame, reason),
        Incoming::Heartbeat(heartbeat) => {
            heartbeat
                .write_frame(&mut again)
                .expect("a vector takes all");
            assert_eq!(again, frame.message);
            return None;
        }
        Incoming::Log(log) => {
            normalizer.learn(&log);
            log.write_frame(&mut again).expect("a vector takes all");
            assert_eq!(again, frame.message);
            return None;
        }
    };
    let is_whole = rebuild(
        &captured.event,
        &captured.payload,
        &captured.envelope,
        &mut again,
    );
    assert!(is_whole.expect("a vector takes all"));
    assert_eq!(again, frame.message);
    Some(captured)
}

fn messages(mut input: &[u8]) -> impl Iterator<Item = (Opcode, &[u8])> {
    std::iter::from_fn(move || {
        let ([kind, low, high], rest) = input.split_first_chunk::<3>()?;
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (message, rest) = rest.split_at(length);
        input = rest;
        let opcode = if kind & 1 == 1 {
            Opcode::Text
        } else {
            Opcode::Binary
        };
        Some((opcode, message))
    })
}
