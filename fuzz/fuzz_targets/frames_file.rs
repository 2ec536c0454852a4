//! Any file is read to its end or refused, and frames that were read and saved come back the same.

#![no_main]

use ecq::event::Frame;
use ecq::record::{FileFrame, FramesReader, write_frame, write_header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let frames = read_all(file);
    let mut saved = Vec::new();
    write_header(&mut saved).expect("a vector takes all");
    for frame in &frames {
        let frame = Frame {
            link: frame.link.unwrap_or(1),
            received: frame.received.unwrap_or_default(),
            opcode: frame.opcode,
            message: frame.message.clone(),
        };
        write_frame(&mut saved, &frame).expect("a vector takes all");
    }
    let again = read_all(&saved);
    assert_eq!(frames.len(), again.len());
    for (frame, again) in frames.iter().zip(&again) {
        assert_eq!(
            (frame.opcode, &frame.message),
            (again.opcode, &again.message)
        );
    }
});

fn read_all(file: &[u8]) -> Vec<FileFrame> {
    let mut frames = Vec::new();
    if let Ok(mut reader) = FramesReader::new(file) {
        while let Ok(Some(frame)) = reader.next_frame() {
            frames.push(frame);
        }
    }
    frames
}
