//! Zstandard: frames one after another (RFC 8878).

use std::io::{self, BufRead};

use zstd::stream::raw::{DParameter, Decoder as Raw, InBuffer, Operation, OutBuffer};

use super::step::{Decoder, Step};
use crate::http::body::Defect;
use crate::http::coding::ZSTD_WINDOW_LOG;

/// How long the head of a block is, in bytes (RFC 8878, section 3.1.1.2).
const BLOCK_HEAD_BYTES: usize = 3;
/// How many bytes are needed to tell what sort of frame begins.
const FRAME_HEAD_BYTES: usize = 5;

/// Undoes zstd, to the end of what it reads.
pub(super) struct Zstd {
    /// `None` if there was no memory for it.
    decoder: Option<Raw<'static>>,
    /// How many bytes the decoder said it takes next: 0 at the end of a frame.
    wanted: usize,
    /// Whether the decoder may hold back what there was no room for.
    is_full: bool,
}

impl Zstd {
    pub(super) fn new() -> Self {
        let decoder = Raw::new().and_then(|mut decoder| {
            decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
            Ok(decoder)
        });
        Self {
            decoder: decoder.ok(),
            wanted: FRAME_HEAD_BYTES,
            is_full: false,
        }
    }

    /// How many bytes to give. What the decoder wants is a block and the head of the next. It is given one by one, since
    /// a fault in the second makes it forget that it wrote the first.
    fn given(&self) -> usize {
        match (self.is_full, self.wanted) {
            (true, _) => 0,
            (false, 0) => BLOCK_HEAD_BYTES,
            (false, 1..=BLOCK_HEAD_BYTES) => self.wanted,
            (false, _) => self.wanted.saturating_sub(BLOCK_HEAD_BYTES),
        }
    }
}

impl Decoder for Zstd {
    fn step(&mut self, input: &mut dyn BufRead, output: &mut [u8]) -> io::Result<Step> {
        let end = |end| Step {
            read: 0,
            written: 0,
            end: Some(end),
        };
        loop {
            let given = self.given();
            let Some(decoder) = &mut self.decoder else {
                return Ok(end(Err(Defect::Damaged)));
            };
            let piece = input.fill_buf()?;
            let is_last = piece.is_empty();
            if is_last && self.wanted == 0 {
                return Ok(end(Ok(())));
            }
            let mut piece = InBuffer::around(piece.get(..given).unwrap_or(piece));
            let mut room = OutBuffer::around(&mut *output);
            let Ok(wanted) = decoder.run(&mut piece, &mut room) else {
                return Ok(end(Err(Defect::Damaged)));
            };
            let (read, written) = (piece.pos(), room.pos());
            input.consume(read);
            self.wanted = wanted;
            let was_full = self.is_full;
            self.is_full = written == output.len();
            if read > 0 || written > 0 {
                return Ok(Step {
                    read,
                    written,
                    end: None,
                });
            }
            if !was_full {
                let defect = if is_last {
                    Defect::CutOff
                } else {
                    Defect::Damaged
                };
                return Ok(end(Err(defect)));
            }
        }
    }
}
