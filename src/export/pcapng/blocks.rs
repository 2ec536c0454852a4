//! The blocks of a pcapng file (draft-ietf-opsawg-pcapng, sections 4.1 to 4.3), in little endian.

use std::io::{self, Write};

use crate::event::{Direction, Timestamp};

/// How many bytes of an option's text are written: its length has 16 bits, and people are to read it.
const MAX_TEXT_BYTES: usize = 4096;

/// `LINKTYPE_ETHERNET`.
const ETHERNET: u16 = 1;
/// Times are in units of 10⁻⁹ seconds.
const NANOSECONDS: u8 = 9;

/// Writes the head of the file. The section's length is left open, as the file may be a pipe.
pub(super) fn section(out: &mut dyn Write, application: &str) -> io::Result<()> {
    let mut body = Vec::new();
    body.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
    body.extend_from_slice(&1_u16.to_le_bytes());
    body.extend_from_slice(&0_u16.to_le_bytes());
    body.extend_from_slice(&(-1_i64).to_le_bytes());
    let mut options = Options(&mut body);
    options.text(4, application);
    options.end();
    block(out, 0x0a0d_0d0a, &body)
}

/// Writes an interface; they are numbered from 0 in the order of the file.
pub(super) fn interface(
    out: &mut dyn Write,
    name: Option<&str>,
    description: &str,
) -> io::Result<()> {
    let mut body = Vec::new();
    body.extend_from_slice(&ETHERNET.to_le_bytes());
    body.extend_from_slice(&0_u16.to_le_bytes());
    // No limit to the size of a packet.
    body.extend_from_slice(&0_u32.to_le_bytes());
    let mut options = Options(&mut body);
    if let Some(name) = name {
        options.text(2, name);
    }
    options.text(3, description);
    options.bytes(9, &[NANOSECONDS]);
    options.end();
    block(out, 1, &body)
}

/// What is said of a packet beside its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct PacketNote<'a> {
    pub(super) interface: u32,
    pub(super) time: Timestamp,
    /// As the process sees it.
    pub(super) direction: Option<Direction>,
    pub(super) comments: &'a [String],
}

/// Writes a packet.
pub(super) fn packet(out: &mut dyn Write, note: &PacketNote<'_>, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let nanos = u64::try_from(note.time.as_nanos()).unwrap_or(0);
    let mut body = Vec::with_capacity(frame.len().saturating_add(256));
    body.extend_from_slice(&note.interface.to_le_bytes());
    // The upper half first, whatever the byte order.
    body.extend_from_slice(&u32::try_from(nanos >> 32).unwrap_or(u32::MAX).to_le_bytes());
    body.extend_from_slice(
        &u32::try_from(nanos & u64::from(u32::MAX))
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    body.extend_from_slice(&length.to_le_bytes());
    body.extend_from_slice(&length.to_le_bytes());
    body.extend_from_slice(frame);
    pad(&mut body);
    let mut options = Options(&mut body);
    for comment in note.comments {
        options.text(1, comment);
    }
    if let Some(direction) = note.direction {
        let flags: u32 = match direction {
            Direction::Inbound => 1,
            Direction::Outbound => 2,
        };
        options.bytes(2, &flags.to_le_bytes());
    }
    options.end();
    block(out, 6, &body)
}

fn block(out: &mut dyn Write, sort: u32, body: &[u8]) -> io::Result<()> {
    let length =
        u32::try_from(body.len().saturating_add(12)).map_err(|_| io::ErrorKind::InvalidInput)?;
    out.write_all(&sort.to_le_bytes())?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(body)?;
    out.write_all(&length.to_le_bytes())
}

/// Options at the end of a block's body, which is a multiple of 4 bytes before and after.
struct Options<'a>(&'a mut Vec<u8>);

impl Options<'_> {
    fn text(&mut self, code: u16, text: &str) {
        let ends = text.char_indices().map(|(at, one)| at + one.len_utf8());
        let end = ends.take_while(|end| *end <= MAX_TEXT_BYTES).last();
        let kept = text.get(..end.unwrap_or(0)).unwrap_or_default();
        self.bytes(code, kept.as_bytes());
    }

    fn bytes(&mut self, code: u16, bytes: &[u8]) {
        let Ok(length) = u16::try_from(bytes.len()) else {
            return;
        };
        self.0.extend_from_slice(&code.to_le_bytes());
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(bytes);
        pad(self.0);
    }

    fn end(self) {
        self.0.extend_from_slice(&[0; 4]);
    }
}

/// To a multiple of 4 bytes.
fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_laid_out_as_the_draft_says() {
        let comments = ["é".to_owned()];
        let note = PacketNote {
            interface: 1,
            time: Timestamp::from_nanos(0x0000_0002_0000_0003),
            direction: Some(Direction::Outbound),
            comments: &comments,
        };
        let mut out = Vec::new();
        packet(&mut out, &note, b"abcde").unwrap();
        let words: Vec<u32> = out
            .chunks(4)
            .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
            .collect();
        assert_eq!(
            words,
            [
                6,
                60,
                1,
                2,
                3,
                5,
                5,
                0x6463_6261,
                0x65,
                0x0002_0001,
                0xa9c3,
                0x0004_0002,
                2,
                0,
                60
            ]
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_times_before_1970_are_1970() {
        let comments = ["ä".repeat(MAX_TEXT_BYTES)];
        let note = PacketNote {
            interface: 0,
            time: Timestamp::MIN,
            direction: None,
            comments: &comments,
        };
        let mut out = Vec::new();
        packet(&mut out, &note, b"").unwrap();
        assert_eq!(out[12..20], [0; 8]);
        assert_eq!(out.len(), 28 + 4 + MAX_TEXT_BYTES + 4 + 4);
        std::str::from_utf8(&out[32..32 + MAX_TEXT_BYTES]).unwrap();
    }
}
