//! The compression of messages, `permessage-deflate` (RFC 7692).

use flate2::{Decompress, FlushDecompress, Status};

use super::{Message, keep};
use crate::http::body::Defect;
use crate::http::exchange::Side;
use crate::http::view::media_type;

/// How far back deflate refers, in bytes, whatever smaller window was agreed (RFC 7692, section 7.1.2).
const WINDOW_BYTES: usize = 32 << 10;
/// How many bytes are inflated in one step; no less than the window, see `http::decode`.
const STEP_BYTES: usize = 32 << 10;
/// What the sender takes off the end of each message (RFC 7692, section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// How many times the limit is inflated of a message, since later messages refer to it, though it is not kept.
const INFLATED_LIMITS: u64 = 8;
/// How many blocks of one message may be marked as the last, since what follows one costs as much time as a window.
const MAX_LAST_BLOCKS: u32 = 256;

/// What was agreed about compression.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compression {
    /// The server compresses each message on its own.
    pub server_no_context_takeover: bool,
    /// The client compresses each message on its own.
    pub client_no_context_takeover: bool,
    /// The window of the server, as a power of two, if it is smaller than the largest.
    pub server_max_window_bits: Option<u8>,
    /// The window of the client, as a power of two, if it is smaller than the largest.
    pub client_max_window_bits: Option<u8>,
}

impl Compression {
    /// What the values of `Sec-WebSocket-Extensions` in the response say was agreed; `None` if it was not.
    pub fn agreed<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let extensions = values
            .into_iter()
            .flat_map(|value| value.split(|byte| *byte == b','));
        for extension in extensions {
            let name = extension.split(|byte| *byte == b';').next()?;
            if !name
                .trim_ascii()
                .eq_ignore_ascii_case(b"permessage-deflate")
            {
                continue;
            }
            let has = |name: &[u8]| {
                extension
                    .split(|byte| *byte == b';')
                    .skip(1)
                    .any(|parameter| parameter.trim_ascii().eq_ignore_ascii_case(name))
            };
            let bits = |name| {
                let bits = media_type::parameter(extension, name)?;
                let bits = std::str::from_utf8(&bits).ok()?.parse().ok()?;
                (8..=15).contains(&bits).then_some(bits)
            };
            return Some(Self {
                server_no_context_takeover: has(b"server_no_context_takeover"),
                client_no_context_takeover: has(b"client_no_context_takeover"),
                server_max_window_bits: bits("server_max_window_bits"),
                client_max_window_bits: bits("client_max_window_bits"),
            });
        }
        None
    }

    /// Whether messages of one side refer to those before them.
    pub(super) fn takes_over(self, side: Side) -> bool {
        match side {
            Side::Request => !self.client_no_context_takeover,
            Side::Response => !self.server_no_context_takeover,
        }
    }
}

/// Undoes the compression of the messages of one direction.
#[derive(Debug)]
pub(super) struct Inflater {
    takes_over: bool,
    decoder: Decompress,
    /// The last that was inflated.
    window: Vec<u8>,
    /// How many bytes were inflated of this message.
    inflated: u64,
    /// How many blocks of this message were marked as the last.
    last_blocks: u32,
    /// What was inflated before is not known, so that what refers to it cannot be.
    is_lost: bool,
}

impl Inflater {
    pub(super) fn new(takes_over: bool) -> Self {
        Self {
            takes_over,
            decoder: Decompress::new(false),
            window: Vec::new(),
            inflated: 0,
            last_blocks: 0,
            is_lost: false,
        }
    }

    /// Begins a message.
    pub(super) fn begin(&mut self) {
        self.inflated = 0;
        self.last_blocks = 0;
        if !self.takes_over {
            self.decoder.reset(false);
            self.window.clear();
            self.is_lost = false;
        }
    }

    /// Ends a message.
    pub(super) fn end(&mut self, message: &mut Message, limit: usize) {
        self.push(&TAIL, message, limit);
    }

    /// Inflates some more of a message.
    pub(super) fn push(&mut self, mut bytes: &[u8], message: &mut Message, limit: usize) {
        let mut step = vec![0; STEP_BYTES];
        while !self.is_lost {
            let (read, written) = (self.decoder.total_in(), self.decoder.total_out());
            let status = self
                .decoder
                .decompress(bytes, &mut step, FlushDecompress::None);
            let read = self.decoder.total_in().saturating_sub(read);
            let written = self.decoder.total_out().saturating_sub(written);
            let read = usize::try_from(read).unwrap_or(usize::MAX);
            bytes = bytes.get(read..).unwrap_or_default();
            self.inflated = self.inflated.saturating_add(written);
            let written = usize::try_from(written).unwrap_or(usize::MAX);
            let inflated = step.get(..written).unwrap_or_default();
            keep(message, inflated, limit);
            remember(&mut self.window, inflated);
            if self.inflated > INFLATED_LIMITS.saturating_mul(limit as u64) && written > 0 {
                self.is_lost = true;
                message.defect = message.defect.or(Some(Defect::TooLarge));
                return;
            }
            match status {
                Err(_) => {
                    self.is_lost = true;
                    message.defect = message.defect.or(Some(Defect::Damaged));
                    return;
                }
                Ok(Status::StreamEnd) => self.go_on(),
                Ok(_) if read == 0 && written == 0 => return,
                Ok(_) => {}
            }
            if bytes.is_empty() && written == 0 {
                return;
            }
        }
        message.defect = message.defect.or(Some(Defect::Damaged));
    }

    /// Makes a decoder that refers to what was inflated so far, as a block may be the last one and yet not end the
    /// message (RFC 7692, section 7.2.3.4). It is given that as a block that is not compressed (RFC 1951, section 3.2.4).
    fn go_on(&mut self) {
        self.last_blocks = self.last_blocks.saturating_add(1);
        if self.last_blocks > MAX_LAST_BLOCKS {
            self.is_lost = true;
            return;
        }
        self.decoder.reset(false);
        let Ok(length) = u16::try_from(self.window.len()) else {
            return;
        };
        if length == 0 {
            return;
        }
        let mut block = vec![0];
        block.extend_from_slice(&length.to_le_bytes());
        block.extend_from_slice(&(!length).to_le_bytes());
        block.extend_from_slice(&self.window);
        let mut sink = vec![0; STEP_BYTES];
        let mut rest = block.as_slice();
        while !rest.is_empty() {
            let before = self.decoder.total_in();
            let status = self
                .decoder
                .decompress(rest, &mut sink, FlushDecompress::None);
            let read = self.decoder.total_in().saturating_sub(before);
            rest = usize::try_from(read)
                .ok()
                .and_then(|read| rest.get(read..))
                .unwrap_or_default();
            if status.is_err() || read == 0 {
                self.is_lost = !rest.is_empty();
                return;
            }
        }
    }
}

/// Keeps the last of what was inflated.
fn remember(window: &mut Vec<u8>, inflated: &[u8]) {
    let new = inflated.len().saturating_sub(WINDOW_BYTES);
    let new = inflated.get(new..).unwrap_or_default();
    let beyond = window
        .len()
        .saturating_add(new.len())
        .saturating_sub(WINDOW_BYTES);
    window.drain(..beyond.min(window.len()));
    window.extend_from_slice(new);
}
