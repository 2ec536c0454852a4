//! Gzip: members one after another, each with a head, deflate, and a checksum (RFC 1952).

use std::io::{self, BufRead};

use flate2::{Crc, Decompress};

use super::inflate::inflate;
use super::step::{Decoder, Step};
use crate::http::body::Defect;
use crate::http::coding::{GZIP_MAGIC, GZIP_MEMBERS};

/// How long a name or a comment in a head may be, in bytes.
const TEXT_BYTES: usize = 65_535;

/// The parts of a head that need not be there (RFC 1952, section 2.3.1).
const HAS_CHECKSUM: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// Undoes gzip, to the end of what it reads.
pub(super) struct Gzip {
    part: Part,
    flags: u8,
    /// Of the head, then of the data.
    checksum: Crc,
    decoder: Decompress,
    /// The bytes of a part of fixed length, as far as they are there.
    held: Vec<u8>,
    members: usize,
}

/// What of a member comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The first two bytes, or the end.
    Magic,
    Head,
    ExtraLength,
    Extra(usize),
    /// How long it is so far.
    Name(usize),
    Comment(usize),
    HeadChecksum,
    Data,
    Trailer,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self {
            part: Part::Magic,
            flags: 0,
            checksum: Crc::new(),
            decoder: Decompress::new(false),
            held: Vec::new(),
            members: 0,
        }
    }

    /// Goes to the next part of the head that is there.
    fn after(&mut self, part: Part) -> Part {
        let has = |flag| self.flags & flag != 0;
        let next = match part {
            Part::Magic => return Part::Head,
            Part::Head if has(HAS_EXTRA) => return Part::ExtraLength,
            Part::Head | Part::ExtraLength | Part::Extra(_) if has(HAS_NAME) => Part::Name(0),
            Part::Head | Part::ExtraLength | Part::Extra(_) | Part::Name(_) if has(HAS_COMMENT) => {
                Part::Comment(0)
            }
            Part::HeadChecksum => Part::Data,
            _ if has(HAS_CHECKSUM) => Part::HeadChecksum,
            _ => Part::Data,
        };
        if next == Part::Data {
            self.checksum.reset();
            self.decoder.reset(false);
        }
        next
    }

    /// Takes what is there of a part that has `bytes` bytes; whether that is all of it.
    fn hold(&mut self, piece: &[u8], bytes: usize) -> (usize, bool) {
        let missing = bytes.saturating_sub(self.held.len());
        let taken = piece.get(..missing).unwrap_or(piece);
        self.held.extend_from_slice(taken);
        (taken.len(), self.held.len() >= bytes)
    }

    /// Takes some of a part that is not the data. `None` if it is broken.
    fn take(&mut self, piece: &[u8]) -> Option<usize> {
        let (read, is_over) = match self.part {
            Part::Magic => {
                let held = self.hold(piece, GZIP_MAGIC.len());
                if !GZIP_MAGIC.starts_with(&self.held) {
                    return None;
                }
                held
            }
            Part::ExtraLength | Part::HeadChecksum => self.hold(piece, 2),
            Part::Head | Part::Trailer | Part::Data => self.hold(piece, 8),
            Part::Extra(missing) => {
                let read = missing.min(piece.len());
                self.checksum.update(piece.get(..read)?);
                self.part = Part::Extra(missing.checked_sub(read)?);
                (read, read == missing)
            }
            Part::Name(length) | Part::Comment(length) => {
                let end = memchr::memchr(0, piece);
                let text = end.unwrap_or(piece.len());
                let length = length.saturating_add(text);
                if length > TEXT_BYTES {
                    return None;
                }
                self.part = match self.part {
                    Part::Name(_) => Part::Name(length),
                    _ => Part::Comment(length),
                };
                let read = end.map_or(text, |end| end.saturating_add(1));
                self.checksum.update(piece.get(..read)?);
                (read, end.is_some())
            }
        };
        if is_over {
            self.part = self.finish()?;
            self.held.clear();
        }
        Some(read)
    }

    /// What follows a part that is all there. `None` if it is broken.
    fn finish(&mut self) -> Option<Part> {
        let held = self.held.as_slice();
        match self.part {
            Part::Magic => {
                self.checksum.reset();
                self.checksum.update(held);
            }
            Part::Head => {
                let [method, flags, ..] = *held else {
                    return None;
                };
                // Section 2.3.1.2: a reserved flag may announce what is not known here.
                if method != 8 || flags & RESERVED != 0 {
                    return None;
                }
                self.flags = flags;
                self.checksum.update(held);
            }
            Part::ExtraLength => {
                self.checksum.update(held);
                let length = u16::from_le_bytes(held.try_into().ok()?);
                if length > 0 {
                    return Some(Part::Extra(length.into()));
                }
            }
            Part::HeadChecksum => {
                let expected = self.checksum.sum().to_le_bytes();
                if !expected.starts_with(held) {
                    return None;
                }
            }
            Part::Trailer => {
                let expected = [
                    self.checksum.sum().to_le_bytes(),
                    self.checksum.amount().to_le_bytes(),
                ];
                self.members = self.members.saturating_add(1);
                return (expected.as_flattened() == held).then_some(Part::Magic);
            }
            Part::Extra(_) | Part::Name(_) | Part::Comment(_) | Part::Data => {}
        }
        Some(self.after(self.part))
    }
}

impl Decoder for Gzip {
    fn step(&mut self, input: &mut dyn BufRead, output: &mut [u8]) -> io::Result<Step> {
        if self.part == Part::Data {
            let step = inflate(&mut self.decoder, input, output)?;
            self.checksum
                .update(output.get(..step.written).unwrap_or_default());
            if step.end != Some(Ok(())) {
                return Ok(step);
            }
            self.part = Part::Trailer;
            return Ok(Step { end: None, ..step });
        }
        let piece = input.fill_buf()?;
        let end = |end| Step {
            read: 0,
            written: 0,
            end: Some(end),
        };
        if piece.is_empty() {
            let is_between = self.part == Part::Magic && self.held.is_empty() && self.members > 0;
            return Ok(end(is_between.then_some(()).ok_or(Defect::CutOff)));
        }
        let is_another = self.part == Part::Magic && self.members >= GZIP_MEMBERS;
        let Some(read) = self.take(piece) else {
            return Ok(end(Err(Defect::Damaged)));
        };
        if is_another {
            return Ok(end(Err(Defect::TooLarge)));
        }
        input.consume(read);
        Ok(Step {
            read,
            written: 0,
            end: None,
        })
    }
}
