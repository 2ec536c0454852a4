//! A head that is being gathered, and what it says once it is there.

use bytes::Bytes;

use super::block::Block;
use super::framing::{Framed, Framing};
use super::pairing::Moment;
use crate::event::{EventId, Timestamp};
use crate::http::exchange::{Defects, Field, MessageHead, Side, Version};
use crate::http::fields::{self, HEAD_BYTES, Head};

/// How long a method may be, in bytes. None of those registered has more than 17.
const METHOD_BYTES: usize = 64;
/// What each status line begins with.
const STATUS_LINE: &[u8] = b"HTTP/1.";

/// A head of which some bytes are there.
#[derive(Debug)]
pub(super) struct Gathering {
    /// The lines.
    pub(super) block: Block,
    /// The event in which it begins.
    pub(super) first: (EventId, Timestamp),
    /// Where in that event.
    pub(super) offset: u64,
    /// The last event that had bytes of it.
    pub(super) last: (EventId, Timestamp),
    /// What was going on when it began.
    pub(super) moment: Moment,
    /// Whether it begins where a message must begin, if what was captured is all there is.
    pub(super) is_sure: bool,
    /// Whether eCapture wrote the message anew.
    pub(super) is_rewritten: bool,
    /// How far it was read.
    pub(super) progress: Progress,
    /// What is known to be wrong with it.
    pub(super) defects: Defects,
}

/// How far a head was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The start line is not whole.
    StartLine,
    /// The start line is one; the blank line was not found.
    Fields,
    /// The blank line was found.
    Whole,
}

impl Gathering {
    /// Of a head that begins here.
    pub(super) fn new(first: (EventId, Timestamp), offset: u64, moment: Moment) -> Self {
        Self {
            block: Block::new(HEAD_BYTES),
            first,
            offset,
            last: first,
            moment,
            is_sure: false,
            is_rewritten: false,
            progress: Progress::StartLine,
            defects: Defects::empty(),
        }
    }

    /// Which half the start line begins, if it is whole.
    pub(super) fn side(&self) -> Option<Side> {
        fields::read(self.block.bytes()).map(|head| side(&head))
    }

    /// Which half it begins, if it announces a body.
    pub(super) fn announces_body(&self) -> Option<Side> {
        let block = Bytes::copy_from_slice(self.block.bytes());
        let head = fields::read(&block)?;
        let (side, head) = (side(&head), message_head(&block, &head));
        let framed = match side {
            Side::Request => Framed::of_request(&head),
            Side::Response => Framed::of_response(&head, None),
        };
        (framed.framing != Framing::Absent).then_some(side)
    }

    /// What is there, as a head; `None` if its start line is not there.
    pub(super) fn read(self) -> Option<(Side, MessageHead, Bytes)> {
        let block = Bytes::from(self.block.into_bytes());
        let head = fields::read(&block)?;
        Some((side(&head), message_head(&block, &head), block.clone()))
    }
}

fn side(head: &Head<'_>) -> Side {
    if head.is_request {
        Side::Request
    } else {
        Side::Response
    }
}

/// The head in `block`, whose memory the result shares.
fn message_head(block: &Bytes, head: &Head<'_>) -> MessageHead {
    let shared = |text: &str| block.slice_ref(text.as_bytes());
    MessageHead {
        version: if head.version == "1.0" {
            Version::Http10
        } else {
            Version::Http11
        },
        method: head.method.map(shared),
        target: head.target.map(shared),
        scheme: None,
        authority: None,
        status: head.status,
        reason: head.status.and_then(|_| reason(block)),
        fields: head
            .fields()
            .map(|(name, value)| Field::known(block.slice_ref(name), block.slice_ref(value)))
            .collect(),
    }
}

/// What follows the status in the status line.
fn reason(block: &Bytes) -> Option<Bytes> {
    let line = block.split(|byte| *byte == b'\n').next()?;
    let reason = line.splitn(3, |byte| *byte == b' ').nth(2)?.trim_ascii();
    (!reason.is_empty()).then(|| block.slice_ref(reason))
}

/// Whether `bytes`, which are not empty, can be the beginning of a start line; `side` if it is known whose.
pub(super) fn may_begin(bytes: &[u8], side: Option<Side>) -> bool {
    let is_status = || begins(bytes, STATUS_LINE);
    match side {
        Some(Side::Response) => is_status(),
        Some(Side::Request) => may_begin_request(bytes),
        None => is_status() || may_begin_request(bytes),
    }
}

/// Method, target and version, as far as they are there (RFC 9112, section 3).
fn may_begin_request(bytes: &[u8]) -> bool {
    if !bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        return false;
    }
    let word = |bytes: &[u8]| bytes.iter().position(|byte| *byte <= b' ' || *byte == 0x7f);
    let is_method =
        |bytes: &[u8]| bytes.len() <= METHOD_BYTES && bytes.iter().all(|byte| is_token(*byte));
    let Some(method) = word(bytes) else {
        return is_method(bytes);
    };
    let Some((name, [b' ', rest @ ..])) = bytes.split_at_checked(method) else {
        return false;
    };
    if !is_method(name) {
        return false;
    }
    match word(rest).and_then(|target| rest.split_at_checked(target)) {
        None => true,
        Some(([], _)) => false,
        Some((_, after)) => after
            .strip_prefix(b" ")
            .is_some_and(|version| begins(version, STATUS_LINE)),
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether one of them is the beginning of the other.
fn begins(bytes: &[u8], whole: &[u8]) -> bool {
    bytes.starts_with(whole) || whole.starts_with(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_line_shows_from_its_first_byte() {
        for (line, side) in [
            ("GET / HTTP/1.1\r\n", Side::Request),
            ("M-SEARCH * HTTP/1.0\n", Side::Request),
            ("HTTP/1.1 200 OK\r\n", Side::Response),
        ] {
            for end in 1..=line.len() {
                let bytes = &line.as_bytes()[..end];
                assert!(
                    may_begin(bytes, Some(side)) && may_begin(bytes, None),
                    "{line:?} {end}"
                );
            }
            assert!(!may_begin(line.as_bytes(), Some(side.other())), "{line:?}");
        }
        for bytes in [
            &b"\0"[..],
            b" GET",
            b"GET\r\n",
            b"GET  /",
            b"GET / FTP",
            b"GET /\r\n",
            b"HTTP/2 200",
            b"Host: a\r\n",
            b"G\xffT / HTTP/1.1\r\n",
            b"{\"a\":1}",
            b"a=b",
            &[b'a'; METHOD_BYTES + 1],
        ] {
            assert!(!may_begin(bytes, None), "{bytes:?}");
        }
    }
}
