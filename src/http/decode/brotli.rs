//! Brotli (RFC 7932).

use std::io::{self, BufRead};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::step::{Decoder, Step};
use crate::http::body::Defect;

/// How many bytes are given to the decoder at a time. It gives out what it decoded when it has taken them all, and
/// nothing if it finds damage in them.
const PIECE_BYTES: usize = 512;

/// Undoes brotli, to the end of what it reads.
pub(super) struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    is_ended: bool,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let alloc = StandardAlloc::default;
        Self {
            // Strict: without the large windows that RFC 7932 does not have.
            state: Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())),
            is_ended: false,
        }
    }
}

impl Decoder for Brotli {
    fn step(&mut self, input: &mut dyn BufRead, output: &mut [u8]) -> io::Result<Step> {
        let piece = input.fill_buf()?;
        let is_last = piece.is_empty();
        if self.is_ended {
            return Ok(Step {
                read: 0,
                written: 0,
                end: Some(is_last.then_some(()).ok_or(Defect::Damaged)),
            });
        }
        let piece = piece.get(..PIECE_BYTES).unwrap_or(piece);
        let (mut left, mut read, mut total) = (piece.len(), 0, 0);
        let (mut room, mut written) = (output.len(), 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut read,
            piece,
            &mut room,
            &mut written,
            output,
            &mut total,
            &mut self.state,
        );
        input.consume(read);
        let end = match result {
            // What it has decoded may not all have had room: it gives the rest when it is asked again.
            BrotliResult::NeedsMoreInput if is_last && written == 0 => Some(Err(Defect::CutOff)),
            BrotliResult::NeedsMoreOutput | BrotliResult::NeedsMoreInput => None,
            BrotliResult::ResultFailure => Some(Err(Defect::Damaged)),
            BrotliResult::ResultSuccess => {
                self.is_ended = true;
                None
            }
        };
        Ok(Step { read, written, end })
    }
}
