//! The examples of the RFCs, and what breaks their rules.

use flate2::{Compress, Compression as Level, FlushCompress};
use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1 << 16;
const AGREED: Compression = Compression {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: None,
    client_max_window_bits: None,
};

type Read = (Vec<Message>, Option<(Fault, u64)>);

fn read(compression: Option<Compression>, pieces: &[&[u8]], limit: usize) -> Read {
    let mut messages = Messages::new(compression, Side::Response, limit);
    let mut found = Vec::new();
    for piece in pieces {
        messages.push(piece, &mut |message| found.push(message));
    }
    messages.end(&mut |message| found.push(message));
    (found, messages.fault())
}

fn said((messages, fault): &Read) -> (Vec<(Kind, String)>, Option<Fault>) {
    let said = messages.iter().map(|message| {
        let text = String::from_utf8_lossy(&message.bytes).into_owned();
        let defect = message
            .defect
            .map_or(String::new(), |defect| format!(" {}", defect.name()));
        (message.kind, text + &defect)
    });
    (said.collect(), fault.map(|(fault, _)| fault))
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        length @ ..126 => out.push(length.try_into().unwrap()),
        length @ ..0x1_0000 => {
            out.push(126);
            out.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

#[test]
fn reads_frames() {
    let text = |text: &str| (Kind::Text, text.to_owned());
    for (bytes, expected, fault) in [
        // RFC 6455, section 5.7.
        (&b"\x81\x05Hello"[..], vec![text("Hello")], None),
        (
            b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
            vec![text("Hello")],
            None,
        ),
        (b"\x01\x03Hel\x80\x02lo", vec![text("Hello")], None),
        (
            b"\x89\x05Hello\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
            vec![
                (Kind::Ping, "Hello".to_owned()),
                (Kind::Pong, "Hello".to_owned()),
            ],
            None,
        ),
        // A control frame within a message (section 5.4).
        (
            b"\x01\x03Hel\x89\x00\x00\x00\x80\x02lo",
            vec![(Kind::Ping, String::new()), text("Hello")],
            None,
        ),
        (b"\x82\x00", vec![(Kind::Binary, String::new())], None),
        (b"", vec![], None),
        (b"\x81\x05Hel", vec![text("Hel cut_off")], None),
        (b"\x01\x03Hel", vec![text("Hel cut_off")], None),
        (
            b"\x01\x03Hel\x80",
            vec![text("Hel cut_off")],
            Some(Fault::CutOff),
        ),
        (b"\x81", vec![], Some(Fault::CutOff)),
        (
            b"\x81\x01a\xc1\x01b",
            vec![text("a")],
            Some(Fault::ReservedBits),
        ),
        (b"\xa1", vec![], Some(Fault::ReservedBits)),
        (b"\x83", vec![], Some(Fault::UnknownKind)),
        (b"\x80", vec![], Some(Fault::OutOfOrder)),
        (
            b"\x01\x01a\x81",
            vec![text("a cut_off")],
            Some(Fault::OutOfOrder),
        ),
        (b"\x89\x7e", vec![], Some(Fault::LongControl)),
        (b"\x09\x01", vec![], Some(Fault::LongControl)),
        (b"\x82\x7f\x80\0\0\0\0\0\0\0", vec![], Some(Fault::TooLong)),
        (
            b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xffab",
            vec![(Kind::Binary, "ab cut_off".to_owned())],
            None,
        ),
    ] {
        assert_eq!(
            said(&read(None, &[bytes], LIMIT)),
            (expected, fault),
            "{bytes:x?}"
        );
    }
    for length in [125, 126, 256, 65_535, 65_536] {
        let payload = vec![b'x'; length];
        let (found, _) = read(None, &[&frame(0x82, &payload), &frame(0x81, b"y")], 1 << 20);
        assert_eq!(found[0].bytes, payload);
        assert_eq!(found[1].offset, frame(0x82, &payload).len() as u64);
        let (found, _) = read(None, &[&frame(0x82, &payload)], 100);
        assert_eq!(
            (found[0].bytes.len(), found[0].defect),
            (100, Some(Defect::TooLarge))
        );
        assert_eq!(found[0].sent_bytes, length as u64);
    }
}

#[test]
fn tells_where_and_why_it_closed() {
    let (found, fault) = read(
        None,
        &[b"\x81\x01a", b"\x88\x06\x03\xe8done\x83\x00"],
        LIMIT,
    );
    assert_eq!(found[1].close(), Some((1000, &b"done"[..])));
    assert_eq!(found[0].close(), None);
    assert_eq!(fault, Some((Fault::UnknownKind, 11)));
    assert_eq!(read(None, &[b"\x88\x00"], LIMIT).0[0].close(), None);
}

#[test]
fn undoes_compression() {
    let hello = |count: usize| vec![(Kind::Text, "Hello".to_owned()); count];
    // RFC 7692, section 7.2.3.
    for (bytes, messages) in [
        (&b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"[..], 1),
        (b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00", 1),
        // The window is shared with the message before.
        (
            b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00",
            2,
        ),
        // A block without compression.
        (b"\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 1),
        // A block that is marked as the last.
        (b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 1),
        (
            b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00\xc1\x05\xf2\x00\x11\x00\x00",
            2,
        ),
        // Two blocks in one message.
        (
            b"\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
            1,
        ),
        // One that is not compressed.
        (b"\x81\x05Hello\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", 2),
    ] {
        let found = read(Some(AGREED), &[bytes], LIMIT);
        assert_eq!(said(&found), (hello(messages), None), "{bytes:x?}");
    }
    let alone = Some(Compression {
        server_no_context_takeover: true,
        ..AGREED
    });
    let referring = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
    // The decoder takes what was before the beginning for zeros, and does not say so.
    let (found, _) = read(alone, &[referring], LIMIT);
    let texts: Vec<_> = found
        .iter()
        .map(|message| message.bytes.as_slice())
        .collect();
    assert_eq!(texts, [&b"Hello"[..], b"H\0\0\0\0", b"Hello"]);
    let (found, fault) = read(
        Some(AGREED),
        &[b"\xc1\x02\xff\xff\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\x81\x01a"],
        LIMIT,
    );
    let defects: Vec<_> = found.iter().map(|message| message.defect).collect();
    assert_eq!(
        (defects, fault),
        (
            vec![Some(Defect::Damaged), Some(Defect::Damaged), None],
            None
        )
    );
    let last_blocks = frame(0xc1, &b"\x03\x00".repeat(1000));
    assert_eq!(
        read(Some(AGREED), &[&last_blocks], LIMIT).0[0].defect,
        Some(Defect::Damaged)
    );
}

#[test]
fn reads_what_was_agreed() {
    for (values, expected) in [
        (&[][..], None),
        (&["x-webkit-deflate-frame"], None),
        (&["permessage-deflate"], Some(AGREED)),
        (
            &["foo, Permessage-Deflate; server_no_context_takeover; client_max_window_bits=10"],
            Some(Compression {
                server_no_context_takeover: true,
                client_max_window_bits: Some(10),
                ..AGREED
            }),
        ),
        (
            &[
                "foo",
                "permessage-deflate;client_no_context_takeover;server_max_window_bits=\"15\"",
            ],
            Some(Compression {
                client_no_context_takeover: true,
                server_max_window_bits: Some(15),
                ..AGREED
            }),
        ),
        (
            &["permessage-deflate; server_max_window_bits=99"],
            Some(AGREED),
        ),
    ] {
        let agreed = Compression::agreed(values.iter().map(|value| value.as_bytes()));
        assert_eq!(agreed, expected, "{values:?}");
    }
    let server = Compression {
        server_no_context_takeover: true,
        ..AGREED
    };
    assert!(!server.takes_over(Side::Response) && server.takes_over(Side::Request));
}

/// A message as a sender compresses it, and what is taken off at its end.
fn deflated(sender: &mut Compress, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 1000);
    sender
        .compress_vec(message, &mut out, FlushCompress::Sync)
        .unwrap();
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
    out.truncate(out.len() - 4);
    out
}

#[test]
fn a_bomb_is_stopped() {
    let zeros = vec![0; 4 << 20];
    let mut sender = Compress::new(Level::best(), false);
    let bytes = [
        frame(0xc2, &deflated(&mut sender, &zeros)),
        frame(0xc2, &deflated(&mut sender, b"abc")),
    ]
    .concat();
    let (found, _) = read(Some(AGREED), &[&bytes], 1000);
    assert_eq!(
        (found[0].bytes.len(), found[0].defect),
        (1000, Some(Defect::TooLarge))
    );
    assert_eq!(
        (found[1].bytes.len(), found[1].defect),
        (0, Some(Defect::Damaged))
    );
    // What is somewhat too large is left out, but what refers to it can be read.
    let (found, _) = read(Some(AGREED), &[&bytes], 1 << 20);
    assert_eq!(
        (found[0].bytes.len(), found[0].defect),
        (1 << 20, Some(Defect::TooLarge))
    );
    assert_eq!(
        (found[1].bytes.as_slice(), found[1].defect),
        (&b"abc"[..], None)
    );
}

proptest! {
    #[test]
    fn messages_come_back(
        messages in proptest::collection::vec(
            (proptest::collection::vec(b'a'..b'e', 0..3000), any::<bool>(), 1_usize..900),
            0..12,
        ),
        sizes in proptest::collection::vec(1_usize..300, 1..4),
    ) {
        let mut sender = Compress::new(Level::default(), false);
        let mut bytes = Vec::new();
        for (message, is_compressed, part) in &messages {
            let (sent, bit) = if *is_compressed {
                (deflated(&mut sender, message), 0x40)
            } else {
                (message.clone(), 0)
            };
            let mut parts: Vec<_> = sent.chunks(*part).collect();
            if parts.is_empty() {
                parts.push(&[]);
            }
            for (number, part) in parts.iter().enumerate() {
                let first = if number == 0 { 2 | bit } else { 0 };
                let last = if number + 1 == parts.len() { 0x80 } else { 0 };
                bytes.extend_from_slice(&frame(first | last, part));
            }
        }
        let mut pieces = Vec::new();
        let mut rest = bytes.as_slice();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        let (found, fault) = read(Some(AGREED), &pieces, LIMIT);
        prop_assert_eq!(fault, None);
        prop_assert_eq!(found.len(), messages.len());
        for (found, (message, is_compressed, _)) in found.iter().zip(&messages) {
            prop_assert_eq!((&found.bytes, found.defect, found.is_compressed), (message, None, *is_compressed));
        }
    }

    #[test]
    fn pieces_change_nothing(
        frames in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40), 0..4_u8), 0..8),
        text in proptest::collection::vec(b'a'..b'd', 0..200),
        at in any::<prop::sample::Index>(),
        limit in 0_usize..200,
    ) {
        let mut sender = Compress::new(Level::default(), false);
        let mut bytes = Vec::new();
        for (first, payload, kind) in &frames {
            match kind {
                0 => bytes.extend_from_slice(&frame(*first, payload)),
                1 => bytes.extend_from_slice(&frame(0xc1, payload)),
                2 => bytes.extend_from_slice(&frame(0x81, payload)),
                _ => bytes.extend_from_slice(&frame(0xc1, &deflated(&mut sender, &text))),
            }
        }
        let (first, second) = bytes.split_at(at.index(bytes.len() + 1));
        let whole = read(Some(AGREED), &[&bytes], limit);
        prop_assert_eq!(read(Some(AGREED), &[first, second], limit), whole);
    }
}
