//! Deflate, with zlib's wrapping and without (RFC 1950, RFC 1951).

use std::io::{self, BufRead};

use flate2::{Decompress, FlushDecompress, Status};

use super::step::{Decoder, Step};
use crate::http::body::Defect;

/// Undoes deflate, to the end of what it reads.
pub(super) struct Inflate {
    decoder: Decompress,
    is_ended: bool,
}

impl Inflate {
    pub(super) fn new(is_wrapped: bool) -> Self {
        Self {
            decoder: Decompress::new(is_wrapped),
            is_ended: false,
        }
    }
}

impl Decoder for Inflate {
    fn step(&mut self, input: &mut dyn BufRead, output: &mut [u8]) -> io::Result<Step> {
        if !self.is_ended {
            let step = inflate(&mut self.decoder, input, output)?;
            self.is_ended = step.end == Some(Ok(()));
            if !self.is_ended {
                return Ok(step);
            }
            return Ok(Step { end: None, ..step });
        }
        let end = input.fill_buf()?.is_empty();
        Ok(Step {
            read: 0,
            written: 0,
            end: Some(end.then_some(()).ok_or(Defect::Damaged)),
        })
    }
}

/// One step of `decoder`; what follows its end is left in `input`.
pub(super) fn inflate(
    decoder: &mut Decompress,
    input: &mut dyn BufRead,
    output: &mut [u8],
) -> io::Result<Step> {
    let piece = input.fill_buf()?;
    let (read_before, written_before) = (decoder.total_in(), decoder.total_out());
    let status = decoder.decompress(piece, output, FlushDecompress::None);
    let read = difference(decoder.total_in(), read_before);
    let written = difference(decoder.total_out(), written_before);
    input.consume(read);
    let end = match status {
        Ok(Status::StreamEnd) => Some(Ok(())),
        Err(_) => Some(Err(Defect::Damaged)),
        Ok(_) if read == 0 && written == 0 => Some(Err(Defect::CutOff)),
        Ok(_) => None,
    };
    Ok(Step { read, written, end })
}

fn difference(after: u64, before: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}
