//! Events without their secrets, one after the other, each with as many bytes as it had; but for raw HTTP/2, which is written
//! again ([`http2`]).
//!
//! The rules are those for exchanges, but there is no exchange yet: a payload is a piece of a stream, cut anywhere. So of each
//! direction of a connection it is known where in its messages it is, and whether a secret is open. A secret that goes on in
//! the next event goes on being covered there, however long it is.
//!
//! **The length stays**, so that lengths of bodies, sizes of chunks and numbers of bytes stay true. In place of a secret
//! stands `redacted:` and as many digits of its hash as there is room for, or digits alone if it is short, filled up with
//! `*`. What begins a secret, perhaps, at the end of an event is covered too.
//!
//! **What cannot be looked into is left out**: the payload ends there, as with `--snaplen`, and is marked. That is
//!
//! - raw HTTP/2 of a connection of which the beginning was not seen, or of which something is lost or not as it must be; what
//!   is no listing of HTTP/2 for certain ([`listing`], which covers bodies that cannot be looked into with `*`); bodies that
//!   are coded or multipart, what follows a head of more than 16 KiB, what a connection turned into, dumps in hexadecimal
//!   digits, and everything that is no UTF-8 or has control characters;
//! - what could not be read, what no known probe writes, and TLS secrets;
//! - what comes up to the first line end where it is not known what came before: at the beginning of a stream that does not
//!   begin a message, and after a gap. If there is a line end, that is covered with `*` instead.
//!
//! A loss that eCapture does not tell is not noticed, but by the message that begins after it.
//!
//! Memory is bounded: raw HTTP/2 takes some 64 MiB; of all else [`STREAMS`] streams are told apart, each with at most some
//! 20 KiB, and 64 KiB more if the user has expressions; those that are silent longest are forgotten, and are then as after a
//! gap.

mod connections;
mod covers;
mod form;
mod framing;
mod http2;
mod lines;
mod listing;
mod members;
mod own;
mod secret;
mod stream;
#[cfg(test)]
mod tests;
mod text;
mod tokens;
mod typed;

use std::collections::HashMap;
use std::hash::BuildHasher as _;

use bytes::Bytes;

use self::connections::{Connections, Loss};
use self::covers::Covers;
use self::own::Patterns;
use self::stream::{Piece, Stream};
use self::text::{Text, is_text};
use super::Redactor;
use super::mark::Key;
use super::rules::Rules;
use crate::event::{
    Captured, ConnectionId, Content, Details, Direction, Envelope, Event, HttpHead, Kind,
    Provenance,
};
use crate::http::{h1, h2};

/// How many streams are told apart. Beyond that the half that is silent longest is forgotten.
pub const STREAMS: usize = 4096;
/// What a dump of bytes begins with, as eCapture 1.x makes it.
const DUMP: &[u8] = b"00000000  ";

/// What all that look for secrets need.
struct Tools<'a> {
    redactor: &'a Redactor,
    rules: &'a Rules,
    key: &'a Key,
    patterns: &'a Patterns,
}

impl<'a> Tools<'a> {
    fn new(redactor: &'a Redactor, patterns: &'a Patterns) -> Self {
        Self {
            redactor,
            rules: &redactor.rules,
            key: &redactor.key,
            patterns,
        }
    }
}

/// A direction of a connection of a capture. In place of the process name, which can be of any length, stands a hash of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Name {
    capture: usize,
    connection: ConnectionId,
    direction: Option<Direction>,
    pname: u64,
}

/// Takes secrets out of events.
#[derive(Debug)]
pub struct EventRedactor {
    redactor: Redactor,
    patterns: Patterns,
    /// Those of raw HTTP/2, which are none of `streams`.
    connections: Connections,
    /// Each with the number of the last event that it had.
    streams: HashMap<Name, (Stream, u64)>,
    count: u64,
    most: usize,
}

/// What became of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// What is left of it.
    pub payload: Bytes,
    /// How many secrets were replaced that begin in it.
    pub secrets: u64,
    /// How many bytes were left out.
    pub left_out_bytes: u64,
    /// How many bytes could not be looked into and have others in their place.
    pub covered_bytes: u64,
}

/// How much of an event was replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replaced {
    /// How many secrets that begin in it.
    pub secrets: u64,
    /// How many bytes could not be looked into: they were left out, or have others in their place.
    pub opaque_bytes: u64,
}

impl EventRedactor {
    /// With these rules and this key.
    pub fn new(redactor: Redactor) -> Self {
        Self {
            patterns: Patterns::new(&redactor.rules.patterns),
            redactor,
            connections: Connections::default(),
            streams: HashMap::new(),
            count: 0,
            most: STREAMS,
        }
    }

    /// Nothing is known any more of what came before: something is missing.
    pub fn forget(&mut self) {
        self.streams.clear();
        self.connections.forget();
    }

    /// The same of one connection.
    pub fn forget_connection(&mut self, capture: usize, connection: ConnectionId) {
        self.streams
            .retain(|name, _| (name.capture, name.connection) != (capture, connection));
        self.connections.forget_one((capture, connection));
    }

    /// Takes the secrets out of an event that is to be stored; what [`Self::redact`] says of it, without the payload.
    ///
    /// What of a frame its event does not give again can hold anything, so it is not kept: the frame cannot be given again.
    pub fn redact_captured(
        &mut self,
        capture: usize,
        connection: Option<ConnectionId>,
        captured: &mut Captured,
    ) -> Replaced {
        let redaction = self.redact(capture, connection, &mut captured.event, &captured.payload);
        captured.payload = redaction.payload;
        if captured.envelope != Envelope::Rendered {
            captured.event.provenance |= Provenance::REDACTED;
            captured.envelope = Envelope::Rendered;
        }
        Replaced {
            secrets: redaction.secrets,
            opaque_bytes: redaction.left_out_bytes + redaction.covered_bytes,
        }
    }

    /// An event without its secrets. The events of a connection of a capture are to come in their order, and all of them.
    ///
    /// If anything of the payload is changed, the event is marked as [`Provenance::REDACTED`]; if it is left out, also as
    /// [`Provenance::SHORTENED`], with the length that it had. What a payload of raw HTTP/2 becomes is longer or shorter, and
    /// may come with a later event.
    pub fn redact(
        &mut self,
        capture: usize,
        connection: Option<ConnectionId>,
        event: &mut Event,
        payload: &Bytes,
    ) -> Redaction {
        let redaction = match self.http2(capture, connection, event, payload) {
            Some(redaction) => redaction,
            None => self.shown(capture, connection, event, payload),
        };
        if redaction.payload != *payload {
            event.provenance |= Provenance::REDACTED;
        }
        if redaction.left_out_bytes > 0 {
            event.provenance |= Provenance::REDACTED | Provenance::SHORTENED;
            let total = &mut event.details.total_bytes;
            total.get_or_insert(payload.len() as u64);
        }
        let tools = Tools::new(&self.redactor, &self.patterns);
        if matches!(event.kind, Kind::Unreadable | Kind::UnknownText) {
            // It may say what could not be read.
            event.details.reason = (event.details.reason.take()).map(|_| REASON.to_owned());
        }
        redact_details(&tools, &mut event.details);
        if let Some(head) = event.http.take() {
            event.http = match event.content {
                Content::Http1Request | Content::Http1Response => {
                    h1::head(&redaction.payload).map(|(_, head)| head)
                }
                _ => Some(redacted_head(&tools, head)),
            };
        }
        redaction
    }

    /// Raw HTTP/2, which is written again.
    fn http2(
        &mut self,
        capture: usize,
        connection: Option<ConnectionId>,
        event: &mut Event,
        payload: &Bytes,
    ) -> Option<Redaction> {
        if payload.is_empty() {
            return None;
        }
        let tools = Tools::new(&self.redactor, &self.patterns);
        let name = (capture, connection?);
        let out = self.connections.push(&tools, name, event, payload)?;
        if h2::is_frames(&out.payload) && event.content != Content::Http2Preface {
            event.content = Content::Http2Frames;
        }
        Some(Redaction {
            payload: out.payload.into(),
            secrets: out.secrets,
            left_out_bytes: out.left_out_bytes,
            covered_bytes: out.covered_bytes,
        })
    }

    /// Anything else, of which the beginning is kept and has as many bytes as it had.
    fn shown(
        &mut self,
        capture: usize,
        connection: Option<ConnectionId>,
        event: &Event,
        payload: &Bytes,
    ) -> Redaction {
        let mut covers = Covers::default();
        let kept = self.kept(capture, connection, event, payload, &mut covers);
        let mut masked = payload.clone();
        let mut secrets = 0;
        let covered_bytes = covers.hidden_bytes();
        if !covers.is_empty() {
            let mut bytes = payload.to_vec();
            secrets = covers.put(&mut bytes);
            masked = bytes.into();
        }
        masked.truncate(kept);
        Redaction {
            payload: masked,
            secrets,
            left_out_bytes: (payload.len() - kept) as u64,
            covered_bytes,
        }
    }

    /// How many bytes of a payload can be kept; adds what of them is to be covered.
    fn kept(
        &mut self,
        capture: usize,
        connection: Option<ConnectionId>,
        event: &Event,
        payload: &Bytes,
        covers: &mut Covers,
    ) -> usize {
        let all = payload.len();
        if all == 0 {
            return 0;
        }
        let tools = Tools::new(&self.redactor, &self.patterns);
        match event.kind {
            Kind::KeyMaterial | Kind::UnknownText | Kind::Unreadable => return 0,
            Kind::Shell | Kind::Sql | Kind::Connection | Kind::Packet => {
                if !is_text(payload) {
                    return 0;
                }
                Text::new(false).push(&tools, 0, payload, covers);
                return all;
            }
            Kind::TlsData if payload.starts_with(DUMP) => return 0,
            Kind::TlsData => {}
        }
        let piece = Piece {
            payload,
            content: event.content,
            provenance: event.provenance,
        };
        let Some(connection) = connection else {
            return Stream::default().push(&tools, &piece, covers);
        };
        let name = Name {
            capture,
            connection,
            direction: event.direction,
            pname: (self.streams.hasher()).hash_one(event.process.pname.as_deref()),
        };
        if self.streams.len() >= self.most
            && !self.streams.contains_key(&name)
            && let Some(middle) = middle(self.streams.values().map(|(_, last)| *last))
        {
            self.streams.retain(|_, (_, last)| *last > middle);
        }
        self.count += 1;
        let (stream, last) = self.streams.entry(name).or_default();
        *last = self.count;
        let kept = stream.push(&tools, &piece, covers);
        if Loss::of(event) != Loss::Nothing {
            stream.lose();
        }
        kept
    }
}

/// What stands in place of why something could not be read.
const REASON: &str = "left out, as it could not be read and may hold secrets (--redact)";

/// The time up to which half of them were used last; `None` without any.
fn middle(times: impl Iterator<Item = u64>) -> Option<u64> {
    let mut times: Vec<_> = times.collect();
    let half = times.len() / 2;
    (!times.is_empty()).then(|| *times.select_nth_unstable(half).1)
}

fn redact_details(tools: &Tools<'_>, details: &mut Details) {
    if let Some(status) = details.status.take() {
        details.status = Some(redacted(tools, status));
    }
}

fn redacted_head(tools: &Tools<'_>, head: HttpHead) -> HttpHead {
    let redacted = |text: Option<String>| text.map(|text| redacted(tools, text));
    HttpHead {
        method: redacted(head.method),
        host: redacted(head.host),
        path: redacted(head.path),
        status: head.status,
        content_type: redacted(head.content_type),
    }
}

fn redacted(tools: &Tools<'_>, text: String) -> String {
    let mut covers = Covers::default();
    Text::new(false).push(tools, 0, text.as_bytes(), &mut covers);
    if covers.is_empty() {
        return text;
    }
    let mut bytes = text.into_bytes();
    covers.put(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Redactor {
    /// A text without secrets, of the same length in bytes but for a character that is covered in part.
    pub fn line(&self, text: &str) -> String {
        let patterns = Patterns::new(&self.rules.patterns);
        let tools = Tools::new(self, &patterns);
        redacted(&tools, text.to_owned())
    }
}
