//! Any file of text is read to its end, and its frames together are the file.

#![no_main]

use ecq::record::{LinesReader, first_line};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let Some((kind, time)) = first_line(file) else {
        return;
    };
    let mut reader = LinesReader::new(file, kind, time);
    let mut whole = Vec::new();
    while let Ok(Some(frame)) = reader.next_frame() {
        ecq::wire::decode(frame.opcode, &frame.message);
        whole.extend_from_slice(&frame.message);
    }
    assert_eq!(whole, file);
});
