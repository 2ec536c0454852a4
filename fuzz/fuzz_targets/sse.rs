//! Any stream has the same events however its bytes are split, and no more in them than was sent.

#![no_main]

use ecq::http::view::sse::{Event, Events};
use libfuzzer_sys::fuzz_target;

fn read(pieces: &[&[u8]]) -> Vec<Event> {
    let mut events = Events::new();
    let mut found = Vec::new();
    for piece in pieces {
        events.push(piece, &mut |event| found.push(event));
    }
    events.end(&mut |event| found.push(event));
    found
}

fuzz_target!(|input: &[u8]| {
    let [at, high, bytes @ ..] = input else {
        return;
    };
    let at = usize::from(u16::from_le_bytes([*at, *high])) % (bytes.len() + 1);
    let (first, second) = bytes.split_at(at);
    let whole = read(&[bytes]);
    assert!(whole == read(&[first, second]));
    let data: usize = whole
        .iter()
        .filter_map(|event| Some(event.data.as_ref()?.len()))
        .sum();
    assert!(data <= bytes.len());
});
