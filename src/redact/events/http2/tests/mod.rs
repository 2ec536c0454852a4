//! Connections as a test writes them, and what becomes of them.

mod cases;
mod random;

use bytes::Bytes;

use crate::event::{ConnectionId, Content, Direction, Event, Provenance, samples};
use crate::http::exchange::Field;
use crate::http::h2::frame::{END_STREAM, Header};
use crate::http::h2::hpack::Decoder;
use crate::http::h2::hpack::encoder::{Choice, Encoder};
use crate::http::h2::tests::frame;
use crate::http::h2::{PREFACE, is_frames};
use crate::redact::events::{EventRedactor, Redaction};
use crate::redact::{Redactor, Rule};

const CLIENT: Direction = Direction::Outbound;
const SERVER: Direction = Direction::Inbound;

fn redactor() -> EventRedactor {
    let own = Rule::parse("header:x-own").unwrap();
    EventRedactor::new(Redactor::new(&[1; 32], vec![own]))
}

/// What an event of the connection becomes.
fn redact(
    redactor: &mut EventRedactor,
    direction: Direction,
    payload: &[u8],
    provenance: Provenance,
) -> (Event, Redaction) {
    let mut event = samples::request().event;
    event.http = None;
    event.content = if payload.starts_with(PREFACE) {
        Content::Http2Preface
    } else if is_frames(payload) {
        Content::Http2Frames
    } else {
        Content::Binary
    };
    event.direction = Some(direction);
    event.provenance = provenance;
    let payload = Bytes::copy_from_slice(payload);
    let redaction = redactor.redact(0, Some(ConnectionId::new(1)), &mut event, &payload);
    let is_changed = redaction.payload != payload || redaction.left_out_bytes > 0;
    assert_eq!(event.provenance.contains(Provenance::REDACTED), is_changed);
    (event, redaction)
}

fn whole(redactor: &mut EventRedactor, direction: Direction, payload: &[u8]) -> Redaction {
    redact(redactor, direction, payload, Provenance::empty()).1
}

fn block(encoder: &mut Encoder, choice: Choice, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        encoder.field(name.as_bytes(), value.as_bytes(), choice, &mut block);
    }
    block
}

/// A side of a connection.
#[derive(Default)]
struct Side(Encoder);

impl Side {
    fn headers(&mut self, stream: u32, ends: bool, fields: &[(&str, &str)]) -> Vec<u8> {
        let block = block(&mut self.0, Choice::SMALL, fields);
        frame(1, 4 | u8::from(ends), stream, &block)
    }
}

fn data(stream: u32, ends: bool, bytes: &[u8]) -> Vec<u8> {
    frame(0, u8::from(ends), stream, bytes)
}

fn settings() -> Vec<u8> {
    frame(4, 0, 0, &[])
}

fn preface() -> Vec<u8> {
    [PREFACE, &settings()].concat()
}

const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "h.test"),
    (":path", "/"),
];

fn request<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&GET[..], more].concat()
}

/// The frames of what was put out: header, and content.
fn frames(mut bytes: &[u8]) -> Vec<(Header, Vec<u8>)> {
    bytes = bytes.strip_prefix(PREFACE).unwrap_or(bytes);
    let mut frames = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk() {
        let header = Header::read(*header);
        let (content, rest) = rest.split_at(header.length);
        frames.push((header, content.to_vec()));
        bytes = rest;
    }
    assert!(bytes.is_empty(), "{bytes:?} is no frame");
    frames
}

/// The fields of a header block that was put out; it depends on nothing.
fn fields(block: &[u8]) -> Vec<(String, String)> {
    let found = Decoder::default().decode(block);
    assert!(found.fault.is_none() && !found.uses_table, "{found:?}");
    let text = |bytes: Option<Bytes>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    let pairs = found.fields.into_iter();
    pairs
        .map(|Field { name, value }| (text(name), text(value)))
        .collect()
}

fn hash(secret: &str) -> String {
    let redactor = Redactor::new(&[1; 32], Vec::new());
    redactor.key.replacement(secret.as_bytes())
}

fn masked(secret: &str) -> String {
    let mut mark = Redactor::new(&[1; 32], Vec::new()).key.mark();
    mark.update(secret.as_bytes());
    String::from_utf8(mark.of_length(secret.len())).unwrap()
}
