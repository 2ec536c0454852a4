//! What a decoder does at a time.

use std::io::{self, BufRead};

use crate::http::body::Defect;

/// How many bytes a decoder can write in one step. It is no less than the window of deflate: what is decoded and does
/// not fit is held back by the decoder, and lost if damage follows.
pub(super) const STEP_BYTES: usize = 32 << 10;

/// What a decoder did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// How many bytes it took.
    pub(super) read: usize,
    /// How many bytes it wrote.
    pub(super) written: usize,
    /// Whether the decoded bytes end with these, and whether that is an end as it should be.
    pub(super) end: Option<Result<(), Defect>>,
}

/// Undoes one coding.
pub(super) trait Decoder {
    /// Takes some of `input` and writes to `output`, which has [`STEP_BYTES`]. Each step reads, writes or ends.
    ///
    /// # Errors
    /// Those of `input` only.
    fn step(&mut self, input: &mut dyn BufRead, output: &mut [u8]) -> io::Result<Step>;
}

/// What decoding all of `bytes` comes to, with nothing kept; at most `limit` bytes are decoded.
pub(super) fn outcome(
    decoder: &mut dyn Decoder,
    mut bytes: &[u8],
    limit: u64,
) -> io::Result<Result<(), Defect>> {
    let mut output = vec![0; STEP_BYTES];
    let mut written = 0_u64;
    loop {
        let step = decoder.step(&mut bytes, &mut output)?;
        written = written.saturating_add(u64::try_from(step.written).unwrap_or(u64::MAX));
        if written > limit {
            return Ok(Err(Defect::TooLarge));
        }
        if let Some(end) = step.end {
            return Ok(end);
        }
    }
}
