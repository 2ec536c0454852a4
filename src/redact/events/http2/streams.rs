//! The streams of a connection: what comes next of each, and whether it comes in its order.
//!
//! Nothing but this shows that a whole event was lost: a client numbers its streams one after the other, and data comes
//! behind a head.

use std::collections::HashMap;

use super::block::{Head, Section};
use super::body::Body;

/// How many streams are known at a time. Beyond that the one that is silent longest is forgotten.
const OPEN_STREAMS: usize = 256;

/// Whose bytes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Client,
    Server,
}

/// Where on its stream a header block comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It begins a stream: the next one, or one after others that were not seen.
    New { is_next: bool },
    /// Before the head of a response.
    Before,
    /// Behind a head.
    Within,
    /// The stream was given up, and this crossed with that.
    Reset,
    /// Where none belongs.
    Astray,
}

/// Where data comes.
#[derive(Debug)]
pub(super) enum Data<'a> {
    Body(&'a mut Body),
    /// The stream was given up.
    Reset,
    /// There was no head.
    Astray,
}

/// What comes of one side of a stream.
#[derive(Debug, Default)]
enum Half {
    #[default]
    Before,
    Body(Body),
    Over,
}

#[derive(Debug, Default)]
struct Stream {
    request: Half,
    response: Half,
    /// Whether its request is known, and asks for no tunnel.
    is_plain: bool,
    is_reset: bool,
    /// When something of it came last.
    used: u64,
}

impl Stream {
    fn half(&mut self, sender: Sender) -> &mut Half {
        match sender {
            Sender::Client => &mut self.request,
            Sender::Server => &mut self.response,
        }
    }
}

/// All streams of a connection.
#[derive(Debug)]
pub(super) struct Streams {
    known: HashMap<u32, Stream>,
    /// The number that the client's next stream has.
    next: u32,
    /// The greatest number that the client named without using it.
    named: u32,
    clock: u64,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            next: 1,
            named: 0,
            clock: 0,
        }
    }
}

impl Streams {
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Where a header block comes.
    pub(super) fn place(&self, sender: Sender, id: u32) -> Place {
        let is_pushed = id.is_multiple_of(2);
        if sender == Sender::Client && id >= self.next {
            let is_next = id == self.next || id <= self.named.saturating_add(2);
            return if is_pushed {
                Place::Astray
            } else {
                Place::New { is_next }
            };
        }
        let Some(stream) = self.known.get(&id) else {
            // Of a response, the request may come late.
            return match sender {
                Sender::Server if !is_pushed => Place::Before,
                _ => Place::Astray,
            };
        };
        let half = match sender {
            Sender::Client => &stream.request,
            Sender::Server => &stream.response,
        };
        match half {
            _ if stream.is_reset => Place::Reset,
            Half::Before if sender == Sender::Server => Place::Before,
            Half::Body(_) => Place::Within,
            Half::Before | Half::Over => Place::Astray,
        }
    }

    /// Notes the head of a message, or its end.
    pub(super) fn head(&mut self, sender: Sender, id: u32, head: &Head, ends: bool) {
        let stream = self.stream(id);
        if stream.is_reset {
            return;
        }
        match head.section {
            Section::Request { is_connect } => {
                stream.is_plain = !is_connect;
                let sort = head.body.filter(|_| !is_connect);
                stream.request = Half::Body(Body::new(sort));
            }
            Section::Response => {
                let sort = head.body.filter(|_| stream.is_plain);
                stream.response = Half::Body(Body::new(sort));
            }
            Section::Interim | Section::Trailers => {}
        }
        if matches!(head.section, Section::Request { .. }) {
            self.next = self.next.max(id.saturating_add(2));
        }
        if ends {
            self.end(sender, id);
        }
    }

    /// A server promises a stream.
    pub(super) fn promise(&mut self, id: u32) {
        let stream = self.stream(id);
        stream.is_plain = true;
        stream.request = Half::Over;
    }

    /// Where data comes.
    pub(super) fn data(&mut self, sender: Sender, id: u32) -> Data<'_> {
        self.clock += 1;
        let clock = self.clock;
        let Some(stream) = self.known.get_mut(&id) else {
            return Data::Astray;
        };
        stream.used = clock;
        if stream.is_reset {
            return Data::Reset;
        }
        match stream.half(sender) {
            Half::Body(body) => Data::Body(body),
            Half::Before | Half::Over => Data::Astray,
        }
    }

    /// A side said that it has no more to say.
    pub(super) fn end(&mut self, sender: Sender, id: u32) {
        let Some(stream) = self.known.get_mut(&id) else {
            return;
        };
        *stream.half(sender) = Half::Over;
        if matches!(
            (&stream.request, &stream.response),
            (Half::Over, Half::Over)
        ) {
            self.known.remove(&id);
        }
    }

    /// A side gave a stream up.
    pub(super) fn reset(&mut self, id: u32) {
        if let Some(stream) = self.known.get_mut(&id) {
            stream.is_reset = true;
            stream.request = Half::Over;
            stream.response = Half::Over;
        }
    }

    /// The client named a stream.
    pub(super) fn name(&mut self, id: u32) {
        self.named = self.named.max(id);
    }

    /// Bytes of one side were lost, perhaps, and any body may have been in them.
    pub(super) fn doubt(&mut self, sender: Sender) {
        for stream in self.known.values_mut() {
            if let Half::Body(body) = stream.half(sender) {
                body.tear();
            }
        }
    }

    fn stream(&mut self, id: u32) -> &mut Stream {
        if self.known.len() >= OPEN_STREAMS && !self.known.contains_key(&id) {
            let idle = self.known.iter().min_by_key(|(_, stream)| stream.used);
            if let Some(idle) = idle.map(|(id, _)| *id) {
                self.known.remove(&idle);
            }
        }
        self.clock += 1;
        let stream = self.known.entry(id).or_default();
        stream.used = self.clock;
        stream
    }
}
