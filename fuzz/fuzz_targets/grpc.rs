//! Any body has messages within their limit, decoded too, and the same ones however its bytes are split.

#![no_main]

use ecq::http::view::grpc::{Message, Messages};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 4 << 10;
const ENCODINGS: [&[u8]; 5] = [b"gzip", b"deflate", b"zstd", b"br", b"snappy"];

fn read(pieces: &[&[u8]]) -> (Vec<Message>, bool) {
    let mut messages = Messages::new(LIMIT);
    let mut found = Vec::new();
    for piece in pieces {
        messages.push(piece, &mut |message| found.push(message));
    }
    messages.end(&mut |message| found.push(message));
    (found, messages.is_broken())
}

fuzz_target!(|input: &[u8]| {
    let [choice, at, high, bytes @ ..] = input else {
        return;
    };
    let at = usize::from(u16::from_le_bytes([*at, *high])) % (bytes.len() + 1);
    let (first, second) = bytes.split_at(at);
    let whole = read(&[bytes]);
    assert!(whole == read(&[first, second]));
    let encoding = ENCODINGS.get(usize::from(*choice)).copied();
    for message in &whole.0 {
        assert!(message.bytes.len() <= LIMIT);
        assert!(message.defect.is_some() || message.bytes.len() == message.length as usize);
        assert!(message.decoded(encoding, LIMIT).0.len() <= LIMIT);
    }
});
