//! What is seen in the bytes of one direction, one thing after the other.

use super::reader::Start;

/// A header block with what its frame says about it.
#[derive(Debug)]
pub(super) struct Headers {
    pub(super) stream: u32,
    /// The stream that is promised (RFC 9113, section 6.6).
    pub(super) promised: Option<u32>,
    pub(super) block: Vec<u8>,
    /// How much of the block came with the event in which it began: no loss can be within that.
    pub(super) sure_bytes: usize,
    /// Whether the block is longer than what is kept of it.
    pub(super) is_cut: bool,
    pub(super) ends_stream: bool,
    pub(super) start: Start,
}

/// What a step has seen.
#[derive(Debug)]
pub(super) enum Seen<'a> {
    Preface,
    DataBegins {
        stream: u32,
        start: Start,
    },
    /// The bytes last taken.
    Data {
        stream: u32,
        bytes: &'a [u8],
    },
    DataEnds {
        stream: u32,
        ends_stream: bool,
    },
    Headers(Headers),
    Reset {
        stream: u32,
    },
    Priority {
        stream: u32,
    },
    /// The sender ends the connection, and takes up no stream of the other behind this one (RFC 9113, section 6.8).
    GoAway {
        last_stream: u32,
    },
    /// The sender takes frames of up to so many bytes.
    FrameLimit(usize),
    /// This can be no frame. Nothing more is read until it is resumed.
    Broken,
}
