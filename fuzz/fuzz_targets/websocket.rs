//! Any tunnel has messages within their limit, and the same ones however its bytes are split.

#![no_main]

use ecq::http::exchange::Side;
use ecq::http::view::websocket::{Compression, Fault, Message, Messages};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 4 << 10;

fn read(choice: u8, pieces: &[&[u8]]) -> (Vec<Message>, Option<(Fault, u64)>) {
    let compression = (choice & 1 == 0).then(|| Compression {
        server_no_context_takeover: choice & 2 != 0,
        ..Compression::default()
    });
    let mut messages = Messages::new(compression, Side::Response, LIMIT);
    let mut found = Vec::new();
    for piece in pieces {
        messages.push(piece, &mut |message| found.push(message));
    }
    messages.end(&mut |message| found.push(message));
    (found, messages.fault())
}

fuzz_target!(|input: &[u8]| {
    let [choice, at, high, bytes @ ..] = input else {
        return;
    };
    let at = usize::from(u16::from_le_bytes([*at, *high])) % (bytes.len() + 1);
    let (first, second) = bytes.split_at(at);
    let whole = read(*choice, &[bytes]);
    assert!(whole == read(*choice, &[first, second]));
    let mut sent = 0;
    for message in &whole.0 {
        assert!(message.bytes.len() <= LIMIT && message.frames > 0);
        sent += message.sent_bytes;
    }
    assert!(sent <= bytes.len() as u64);
    assert!(whole.1.is_none_or(|(_, at)| at <= bytes.len() as u64));
    let _ = Compression::agreed([bytes]);
});
