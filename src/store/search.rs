//! A pattern in a payload, however large the payload is.

use regex::bytes::Regex;

use super::error::Error;
use super::payload::Payload;

/// How many bytes of the piece before are looked at again with the next one: a match that crosses from one part of a
/// large payload into the next is found if it is not longer than this.
const OVERLAP_BYTES: usize = 64 * 1024;

/// Whether the pattern is somewhere in the payload.
pub(super) fn contains(mut payload: Payload<'_>, pattern: &Regex) -> Result<bool, Error> {
    let mut window = Vec::new();
    while let Some(piece) = payload.next_piece()? {
        if window.is_empty() {
            if pattern.is_match(&piece) {
                return Ok(true);
            }
            window = piece.to_vec();
        } else {
            let kept = window.len().min(OVERLAP_BYTES);
            window.drain(..window.len() - kept);
            window.extend_from_slice(&piece);
            if pattern.is_match(&window) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
