//! Raw HTTP/2: read frame by frame, and written again without secrets.
//!
//! What is put out is HTTP/2 again, from the beginning of the connection on. Header blocks are decoded and written anew: each
//! field as a literal, without the dynamic table and without Huffman's code, so that no block depends on another and nothing
//! secret is left in a coded form. They take more room than they did, and so do the events that complete them. Of DATA frames
//! the length stays: text is looked at as any other body is, and what cannot be looked into has `*` in its place. PING and
//! frames of extensions have zeros, and so has padding.
//!
//! That takes a connection that is known from its beginning on. Where its beginning was not seen, where frames or header
//! blocks are not as they must be, and after a loss, the rest of a direction is left out, up to the next preface.

mod block;
mod body;
mod half;
mod output;
mod settings;
mod streams;
#[cfg(test)]
mod tests;

use self::half::{Around, Half};
pub(super) use self::output::Output;
use self::streams::{Sender, Streams};
use super::Tools;
use crate::event::{Content, Direction};
use crate::http::h2::frame::{ACK, Header, Kind};

/// About how much memory a stream takes, in bytes, and how much more if the user has expressions.
const STREAM_BYTES: usize = 4 << 10;
const OWN_BYTES: usize = 64 << 10;

/// A connection.
#[derive(Debug)]
pub(super) struct Http2 {
    /// In which direction its requests go.
    client: Direction,
    requests: Half,
    responses: Half,
    streams: Streams,
}

impl Http2 {
    /// The connection that begins with such a payload, if one does: with the preface of a client, or with the settings that a
    /// server sends first (RFC 9113, section 3.4).
    pub(super) fn begun(direction: Direction, content: Content, payload: &[u8]) -> Option<Self> {
        let client = match content {
            Content::Http2Preface => direction,
            Content::Http2Frames => {
                let header = Header::read(*payload.first_chunk()?);
                let is_first = header.kind == Kind::Settings && !header.has(ACK);
                if !is_first {
                    return None;
                }
                direction.reversed()
            }
            _ => return None,
        };
        Some(Self {
            client,
            requests: Half::new(Sender::Client),
            responses: Half::new(Sender::Server),
            streams: Streams::default(),
        })
    }

    fn sender(&self, direction: Direction) -> Sender {
        if direction == self.client {
            Sender::Client
        } else {
            Sender::Server
        }
    }

    fn half(&mut self, direction: Direction) -> &mut Half {
        match self.sender(direction) {
            Sender::Client => &mut self.requests,
            Sender::Server => &mut self.responses,
        }
    }

    /// Whether an event in this direction that looks like the beginning of something else may be one: no frame goes on there.
    pub(super) fn may_be_over(&mut self, direction: Direction) -> bool {
        let half = self.half(direction);
        (half.is_lost() || half.is_between()) && !half.awaits_preface()
    }

    /// Reads an event.
    pub(super) fn push(
        &mut self,
        tools: &Tools<'_>,
        direction: Direction,
        payload: &[u8],
    ) -> Output {
        let sender = self.sender(direction);
        let (half, other) = match sender {
            Sender::Client => (&mut self.requests, &mut self.responses),
            Sender::Server => (&mut self.responses, &mut self.requests),
        };
        let mut out = Output::default();
        let mut around = Around {
            tools,
            streams: &mut self.streams,
            sender,
            out: &mut out,
            frame_limit: None,
        };
        half.read(&mut around, payload);
        if let Some(limit) = around.frame_limit {
            other.allow(limit);
        }
        out
    }

    /// What follows in this direction was lost. Gives how many bytes were held back.
    pub(super) fn lose(&mut self, direction: Direction) -> usize {
        self.half(direction).lose()
    }

    /// What follows in this direction was lost, perhaps. Gives how many bytes were held back that are left out now.
    pub(super) fn doubt(&mut self, direction: Direction) -> usize {
        match self.sender(direction) {
            sender @ Sender::Client => self.requests.doubt(&mut self.streams, sender),
            sender @ Sender::Server => self.responses.doubt(&mut self.streams, sender),
        }
    }

    /// Nothing is known of it any more.
    pub(super) fn forget(&mut self) {
        self.requests.lose();
        self.responses.lose();
        self.streams = Streams::default();
    }

    /// About how many bytes it holds.
    pub(super) fn weight(&self, has_own: bool) -> usize {
        let stream = STREAM_BYTES + if has_own { OWN_BYTES } else { 0 };
        size_of::<Self>()
            + self.requests.weight()
            + self.responses.weight()
            + self.streams.len() * stream
    }
}
