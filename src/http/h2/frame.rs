//! The headers of HTTP/2 frames (RFC 9113, section 4.1), and whether bytes can be a chain of frames.
//!
//! Frames have no mark by which they could be found again after a loss. But an event begins where a process began to
//! write, most often with a frame, and a chain of headers that all fit is hardly ever found in other bytes.

/// What a client sends first (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a frame's header is.
pub(crate) const HEADER_BYTES: usize = 9;
/// The length of a frame that every peer must take and that few raise (RFC 9113, section 4.2).
pub(crate) const FRAME_BYTES: usize = 16_384;

/// How long a frame may be at most (RFC 9113, section 6.5.2).
pub(super) const MAX_FRAME_BYTES: usize = (1 << 24) - 1;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
pub(crate) const PRIORITY: u8 = 0x20;

/// What a frame is (RFC 9113, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Headers,
    Priority,
    Reset,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// Of an extension; such a frame is passed over (RFC 9113, section 4.1).
    Other,
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) length: usize,
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
    /// The bit before it, which is reserved and to be ignored, taken off.
    pub(crate) stream: u32,
    is_reserved_set: bool,
}

impl Header {
    /// Reads one.
    pub(crate) fn read(bytes: [u8; HEADER_BYTES]) -> Self {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = bytes;
        let stream = u32::from_be_bytes([s0, s1, s2, s3]);
        let length = [l0, l1, l2]
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        Self {
            length,
            kind: match kind {
                0 => Kind::Data,
                1 => Kind::Headers,
                2 => Kind::Priority,
                3 => Kind::Reset,
                4 => Kind::Settings,
                5 => Kind::PushPromise,
                6 => Kind::Ping,
                7 => Kind::GoAway,
                8 => Kind::WindowUpdate,
                9 => Kind::Continuation,
                _ => Kind::Other,
            },
            flags,
            stream: stream & 0x7fff_ffff,
            is_reserved_set: stream >> 31 != 0,
        }
    }

    /// Whether a flag is set.
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether a peer may take it for a frame: stream and length are right for its kind.
    pub(crate) fn is_possible(&self, limit_bytes: usize) -> bool {
        let (length, on_stream) = (self.length, self.stream != 0);
        let fits = match self.kind {
            Kind::Data | Kind::Continuation => on_stream,
            Kind::Headers | Kind::PushPromise => on_stream && length >= self.extra_bytes(),
            Kind::Priority => on_stream && length == 5,
            Kind::Reset => on_stream && length == 4,
            Kind::Settings => {
                !on_stream && length.is_multiple_of(6) && (!self.has(ACK) || length == 0)
            }
            Kind::Ping => !on_stream && length == 8,
            Kind::GoAway => !on_stream && length >= 8,
            Kind::WindowUpdate => length == 4,
            Kind::Other => true,
        };
        fits && length <= limit_bytes
    }

    /// Whether it is also as everybody writes them: of a known kind and with no flags but those of its kind.
    pub(crate) fn is_usual(&self, limit_bytes: usize) -> bool {
        let allowed = match self.kind {
            Kind::Data => END_STREAM | PADDED,
            Kind::Headers => END_STREAM | END_HEADERS | PADDED | PRIORITY,
            Kind::Settings | Kind::Ping => ACK,
            Kind::PushPromise => END_HEADERS | PADDED,
            Kind::Continuation => END_HEADERS,
            Kind::Priority | Kind::Reset | Kind::GoAway | Kind::WindowUpdate => 0,
            Kind::Other => return false,
        };
        self.flags & !allowed == 0 && !self.is_reserved_set && self.is_possible(limit_bytes)
    }

    /// How many bytes of it come before its data or its part of a header block.
    pub(crate) fn extra_bytes(&self) -> usize {
        let has = |flag| usize::from(self.has(flag));
        match self.kind {
            Kind::Data => has(PADDED),
            Kind::Headers => has(PADDED).saturating_add(5 * has(PRIORITY)),
            Kind::PushPromise => has(PADDED).saturating_add(4),
            _ => 0,
        }
    }

    /// Of which stream a CONTINUATION must follow it.
    pub(super) fn continued(&self) -> Option<u32> {
        (self.has_block() && !self.has(END_HEADERS)).then_some(self.stream)
    }

    /// Whether it has a part of a message's head, body or trailers.
    pub(super) fn is_of_message(&self) -> bool {
        self.kind == Kind::Data || self.has_block()
    }

    /// Whether it has a part of a header block.
    fn has_block(&self) -> bool {
        matches!(
            self.kind,
            Kind::Headers | Kind::PushPromise | Kind::Continuation
        )
    }
}

/// What a chain of frames must be like.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    /// Whether each frame must be as everybody writes them, and there be at least one.
    pub(super) is_strict: bool,
    /// How long a frame may be.
    pub(super) limit_bytes: usize,
    /// Whether data is awaited on its stream. Then it may be longer: the setting that raises the limit need not have been
    /// captured.
    pub(super) is_awaited: &'a dyn Fn(&Header) -> bool,
    /// Of which stream a CONTINUATION must come first.
    pub(super) continued: Option<u32>,
    /// Whether there can be such a frame on its stream, if that is not 0.
    pub(super) fits_stream: &'a dyn Fn(&Header) -> bool,
}

impl Rules<'_> {
    fn limit_bytes(&self, header: &Header) -> usize {
        limit_bytes(header, self.limit_bytes, self.is_awaited)
    }
}

/// How long a frame with this header may be.
pub(super) fn limit_bytes(
    header: &Header,
    known: usize,
    is_awaited: &dyn Fn(&Header) -> bool,
) -> usize {
    let is_long = header.length > known && header.kind == Kind::Data && is_awaited(header);
    if is_long { MAX_FRAME_BYTES } else { known }
}

/// How a chain of frames ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChainEnd {
    /// With a frame.
    Even,
    /// Within the content of a frame.
    WithinFrame,
    /// Within the header of a frame.
    WithinHeader,
}

/// Whether `bytes` are frames from their first to their last, which may be cut, and how they end. They may begin with a
/// preface; of no bytes nothing is known.
pub(super) fn chain(bytes: &[u8], rules: Rules<'_>) -> Option<ChainEnd> {
    let mut rest = bytes;
    if rules.continued.is_none() {
        if PREFACE.starts_with(rest) {
            return (!rules.is_strict || rest.len() == PREFACE.len()).then_some(ChainEnd::Even);
        }
        rest = rest.strip_prefix(PREFACE).unwrap_or(rest);
    }
    let mut continued = rules.continued;
    let mut frames = 0_usize;
    while let Some((header, content)) = rest.split_first_chunk() {
        let header = Header::read(*header);
        let limit_bytes = rules.limit_bytes(&header);
        let fits = if rules.is_strict {
            header.is_usual(limit_bytes)
        } else {
            header.is_possible(limit_bytes)
        };
        let follows = match continued {
            Some(stream) => header.kind == Kind::Continuation && header.stream == stream,
            None => header.kind != Kind::Continuation,
        };
        let is_known = header.stream == 0 || (rules.fits_stream)(&header);
        if !fits || !follows || !is_known || has_too_much_padding(&header, content) {
            return None;
        }
        continued = header.continued();
        frames = frames.saturating_add(1);
        match content.get(header.length..) {
            Some(after) => rest = after,
            None => return Some(ChainEnd::WithinFrame),
        }
    }
    if rest.is_empty() {
        return (frames > 0).then_some(ChainEnd::Even);
    }
    let may_begin = may_begin_header(rest, rules);
    (may_begin && (frames > 0 || !rules.is_strict)).then_some(ChainEnd::WithinHeader)
}

/// Whether a header can begin with these bytes, as far as the most significant ones of its numbers show.
fn may_begin_header(begun: &[u8], rules: Rules<'_>) -> bool {
    let mut least = [0; HEADER_BYTES];
    for (byte, known) in least.iter_mut().zip(begun) {
        *byte = *known;
    }
    let least = Header::read(least);
    let is_known = rules.is_strict || least.stream == 0 || (rules.fits_stream)(&least);
    least.length <= rules.limit_bytes && is_known
}

fn has_too_much_padding(header: &Header, content: &[u8]) -> bool {
    let is_padded =
        matches!(header.kind, Kind::Data | Kind::Headers | Kind::PushPromise) && header.has(PADDED);
    let Some(padding) = content.first().filter(|_| is_padded) else {
        return is_padded && header.length == 0;
    };
    usize::from(*padding).saturating_add(header.extra_bytes()) > header.length
}

/// Whether `payload` is HTTP/2 frames, told without knowing its connection: a chain of frames that are each as RFC 9113,
/// section 6, wants them, to the end or to within the last one. The first byte of such a frame is 0, so no text passes.
pub(crate) fn is_frames(payload: &[u8]) -> bool {
    let rules = Rules {
        is_strict: true,
        limit_bytes: FRAME_BYTES,
        is_awaited: &|_| false,
        continued: payload_begins_with_continuation(payload),
        fits_stream: &|_| true,
    };
    match chain(payload, rules) {
        Some(ChainEnd::Even | ChainEnd::WithinFrame) => true,
        // A piece of a header at the end is the mark of a buffer that was full.
        Some(ChainEnd::WithinHeader) => payload.len() == FRAME_BYTES,
        None => false,
    }
}

/// The stream of the CONTINUATION that comes first: what it continues came with an event before.
fn payload_begins_with_continuation(payload: &[u8]) -> Option<u32> {
    let header = Header::read(*payload.first_chunk()?);
    (header.kind == Kind::Continuation).then_some(header.stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_must_fit() {
        for (payload, expected) in [
            (&b"\0\0\0\x04\0\0\0\0\0"[..], true),
            (
                b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\0\x04\x08\0\0\0\0\0\0\0\xff\xff",
                true,
            ),
            (b"\0\0\x20\x01\x04\0\0\0\x01cut", true),
            (b"\0\0\x03\x09\x04\0\0\0\x01abc", true),
            (
                b"\0\0\x03\x01\x04\0\0\0\x01abc\0\0\x01\0\x01\0\0\0\x01x",
                true,
            ),
            (
                b"\0\0\x03\x01\0\0\0\0\x01abc\0\0\x01\x09\x04\0\0\0\x01x",
                true,
            ),
            // A header block is not to be interrupted, and goes on in its own stream.
            (
                b"\0\0\x03\x01\0\0\0\0\x01abc\0\0\x01\0\x01\0\0\0\x01x",
                false,
            ),
            (
                b"\0\0\x03\x01\0\0\0\0\x01abc\0\0\x01\x09\x04\0\0\0\x03x",
                false,
            ),
            (b"\0\0\0\x04\x01\0\0\0\0rest", false),
            (b"\0\0\x12\x04\xff\xfe\0\0\0", false),
            (b"\0\0\0\0\0\0\0\0\0", false),
            (b"\0\0\x05\x04\0\0\0\0\0", false),
            (b"\0\0\x08\x06\0\0\0\0\x01", false),
            (b"\0\0\0\x01\x04\x80\0\0\x01", false),
            (b"\0\0\x02\0\x08\0\0\0\x01\x02x", false),
            (b"\0\0\x02\0\x08\0\0\0\x01\x01x", true),
            (b"\0\0\0", false),
            (b"GET / HTT", false),
        ] {
            assert_eq!(is_frames(payload), expected, "{payload:?}");
        }
    }

    #[test]
    fn what_peers_ignore_is_possible() {
        let rules = |is_strict| Rules {
            is_strict,
            limit_bytes: FRAME_BYTES,
            is_awaited: &|header| header.stream == 3,
            continued: None,
            fits_stream: &|header| header.stream < 4,
        };
        for (bytes, possible, usual) in [
            // An extension; an unknown flag; a reserved bit.
            (&b"\0\0\x02\x10\xff\0\0\0\0ab"[..], true, false),
            (b"\0\0\x02\0\x40\0\0\0\x01ab", true, false),
            (b"\0\0\x02\0\0\x80\0\0\x01ab", true, false),
            (b"\0\0\x02\0\0\0\0\0\x01ab", true, true),
            (b"\0\0\x02\0\0\0\0\0\x05ab", false, false),
            (PREFACE, true, true),
            (
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
                true,
                true,
            ),
            (b"PRI * HTTP/2", true, false),
            (b"\0\0\x02\0", true, false),
            (b"abc", false, false),
            (b"\0\0\x02\0\0\0\0\x01", false, false),
            (b"\0\x40\x01\0\0\0\0\0\x01ab", false, false),
            // Data that is awaited may be longer; nothing else may.
            (b"\0\x40\x01\0\0\0\0\0\x03ab", true, true),
            (b"\0\x40\x01\x01\x04\0\0\0\x03ab", false, false),
        ] {
            assert_eq!(chain(bytes, rules(false)).is_some(), possible, "{bytes:?}");
            assert_eq!(chain(bytes, rules(true)).is_some(), usual, "{bytes:?}");
        }
    }
}
