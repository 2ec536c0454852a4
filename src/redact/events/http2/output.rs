//! What an event becomes.

use crate::http::h2::frame::{END_HEADERS, END_STREAM, FRAME_BYTES, Header, Kind, PRIORITY};

/// The bytes that are stored in place of those that came, and what was done to them.
#[derive(Debug, Default)]
pub(in crate::redact::events) struct Output {
    pub(in crate::redact::events) payload: Vec<u8>,
    /// How many secrets were replaced.
    pub(in crate::redact::events) secrets: u64,
    /// How many bytes could not be looked into, and have others in their place.
    pub(in crate::redact::events) covered_bytes: u64,
    /// How many bytes came, now or held back until now, for which there is nothing.
    pub(in crate::redact::events) left_out_bytes: u64,
}

impl Output {
    /// Puts out zeros.
    pub(super) fn zeros(&mut self, count: usize) {
        let length = self.payload.len() + count;
        self.payload.resize(length, 0);
    }

    /// Puts out a header block in as many frames as it takes. `before` is what stands before it in the first one, of which
    /// this was the header.
    pub(super) fn block(&mut self, header: &Header, before: &[u8], block: &[u8]) {
        let (kind, kept) = match header.kind {
            Kind::PushPromise => (5, 0),
            _ => (1, END_STREAM | PRIORITY),
        };
        let room = FRAME_BYTES.saturating_sub(before.len());
        let mut rest = block;
        let first = take(&mut rest, room);
        let flags = header.flags & kept | end(rest);
        self.frame((kind, flags), header.stream, &[before, first]);
        while !rest.is_empty() {
            let part = take(&mut rest, FRAME_BYTES);
            self.frame((9, end(rest)), header.stream, &[part]);
        }
    }

    fn frame(&mut self, (kind, flags): (u8, u8), stream: u32, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(length).unwrap_or_default().to_be_bytes();
        self.payload.extend(length.iter().skip(1));
        self.payload.extend([kind, flags]);
        self.payload.extend(stream.to_be_bytes());
        for part in parts {
            self.payload.extend_from_slice(part);
        }
    }
}

/// The flag of the frame that nothing of the block follows.
fn end(rest: &[u8]) -> u8 {
    if rest.is_empty() { END_HEADERS } else { 0 }
}

/// Takes up to `wanted` bytes off the front.
pub(super) fn take<'a>(rest: &mut &'a [u8], wanted: usize) -> &'a [u8] {
    let (taken, after) = rest.split_at_checked(wanted).unwrap_or((*rest, &[]));
    *rest = after;
    taken
}
