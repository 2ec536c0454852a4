//! Frames: eCapture's own from `tests/data`, the stand-in's, and files of them.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ecq::event::{Frame, Opcode, Timestamp};
use ecq::record::{write_frame, write_header};
use serde_json::Value;

/// Shortly after the last of the vectors was captured.
pub(crate) const RECEIVED: Timestamp = Timestamp::from_seconds(1_795_431_100);

/// When the vectors of 2.5.1 were captured, which print local times.
const RECEIVED_TEXT: Timestamp = Timestamp::from_seconds(1_795_430_439);

/// A frame of eCapture's own code, and what is expected of it.
pub(crate) struct Vector {
    pub(crate) id: String,
    pub(crate) frame: Frame,
    pub(crate) expect: Value,
}

/// A file of `tests/data`.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// A frame that came over the first link at [`RECEIVED`].
pub(crate) fn frame(opcode: Opcode, message: impl Into<Bytes>) -> Frame {
    Frame {
        link: 1,
        received: RECEIVED,
        opcode,
        message: message.into(),
    }
}

/// Every vector.
pub(crate) fn vectors() -> Vec<Vector> {
    let lines = std::fs::read_to_string(data("wire/vectors.jsonl")).unwrap();
    let read = |line: &str| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        let opcode = u8::try_from(value["opcode"].as_u64().unwrap()).unwrap();
        let message = STANDARD
            .decode(value["frame_b64"].as_str().unwrap())
            .unwrap();
        Vector {
            id: value["id"].as_str().unwrap().to_owned(),
            frame: Frame {
                received: if value["version"] == "v2.5.1" {
                    RECEIVED_TEXT
                } else {
                    RECEIVED
                },
                ..frame(Opcode::from_code(opcode).unwrap(), message)
            },
            expect: value["expect"].take(),
        }
    };
    lines.lines().map(read).collect()
}

/// The messages of one of the real captures.
pub(crate) fn real(name: &str) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(data(&format!("real/{name}.frames"))).unwrap();
    let (mut rest, mut messages) = (bytes.as_slice(), Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (message, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        messages.push(message.to_vec());
        rest = after;
    }
    messages
}

/// Writes a file of saved frames.
pub(crate) fn save(path: &Path, frames: &[Frame]) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    write_header(&mut file).unwrap();
    for frame in frames {
        write_frame(&mut file, frame).unwrap();
    }
    file.flush().unwrap();
}

/// A frame as 2.5.1 sends it: an event with nothing but this text and its length.
pub(crate) fn text_event(text: &[u8]) -> Bytes {
    let mut event = vec![0x50];
    varint(&mut event, text.len());
    event.push(0x5a);
    varint(&mut event, text.len());
    event.extend_from_slice(text);
    let mut entry = vec![0x08, 0x02, 0x12];
    varint(&mut entry, event.len());
    entry.extend_from_slice(&event);
    entry.into()
}

/// A line of the run log as 1.4.3 and newer send it.
pub(crate) fn log_line(line: &str) -> Bytes {
    let mut entry = vec![0x08, 0x01, 0x22];
    varint(&mut entry, line.len());
    entry.extend_from_slice(line.as_bytes());
    entry.into()
}

/// An openssl event of 2.5.1 with this payload.
pub(crate) fn openssl(time: &str, who: &str, way: &str, payload: &[u8]) -> Bytes {
    let mut text = format!("[{time}] {who} {way} ({} bytes):\n", payload.len()).into_bytes();
    text.extend_from_slice(payload);
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text_event(&text)
}

fn varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap());
}
