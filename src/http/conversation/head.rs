//! A head that is being gathered, and what it says once it is there.

use std::borrow::Cow;

use bytes::Bytes;

use super::block::Block;
use super::framing::{Framed, Framing};
use super::pairing::Moment;
use crate::event::{EventId, Timestamp};
use crate::http::exchange::{Defects, Field, MessageHead, Side, Version};
use crate::http::fields::{self, HEAD_BYTES, Head};
use crate::http::start_line::{may_begin_request, may_begin_response};

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

    /// What is there, as a head with what is wrong with it; `None` if its start line is not there.
    pub(super) fn read(self) -> Option<(Side, MessageHead, Defects, Bytes)> {
        let block = Bytes::from(self.block.into_bytes());
        let head = fields::read(&block)?;
        let message = message_head(&block, &head);
        Some((side(&head), message, head.defects(), block.clone()))
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
    let shared = |part: &[u8]| block.slice_ref(part);
    let value = |value| match fields::unfolded(value) {
        Cow::Borrowed(value) => block.slice_ref(value),
        Cow::Owned(value) => Bytes::from(value),
    };
    MessageHead {
        version: if head.version == "1.0" {
            Version::Http10
        } else {
            Version::Http11
        },
        method: head.method.map(str::as_bytes).map(shared),
        target: head.target.map(shared),
        scheme: None,
        authority: None,
        status: head.status,
        reason: head.reason.filter(|text| !text.is_empty()).map(shared),
        fields: head
            .fields()
            .map(|(name, of_name)| Field::known(block.slice_ref(name), value(of_name)))
            .collect(),
    }
}

/// Whether `bytes`, which are not empty, can be the beginning of a start line; `side` if it is known whose.
pub(super) fn may_begin(bytes: &[u8], side: Option<Side>) -> bool {
    match side {
        Some(Side::Response) => may_begin_response(bytes),
        Some(Side::Request) => may_begin_request(bytes),
        None => may_begin_response(bytes) || may_begin_request(bytes),
    }
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
            b"GET\r\n",
            b"GET / FTP\r\n",
            b"GET /\r\n",
            b"HTTP/2 200",
            b"Host: a\r\n",
        ] {
            assert!(!may_begin(bytes, None), "{bytes:?}");
        }
    }
}
