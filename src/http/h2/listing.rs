//! What eCapture 1.x makes of HTTP/2 frames: a listing of one direction's frames up to a pause
//! (`pkg/event_processor/http2_request.go@v1.5.2`, and `http2_response.go` alike).
//!
//! ```text
//!
//! Frame Type\t=>\tHEADERS
//! Frame StreamID\t=>\t1
//! Frame Length\t=>\t25
//! header field ":method" = "POST"
//!
//! Frame Type\t=>\tDATA
//! Frame StreamID\t=>\t1
//! Frame Length\t=>\t5
//! body!
//! ```
//!
//! Flags are not listed, so nothing says where a message ends; it is ended by what else shows it. Data coded with gzip
//! is left out, and stands decoded at the end of the listing. Each listing is made with an empty table of header
//! fields: blocks that refer to an earlier listing are left out, and what comes after such a block may be taken from the
//! wrong place of the table, so that only what stands in the static table is certain.

use std::collections::BTreeSet;

use memchr::memmem;

use super::head::{self, Role};
use super::hpack;
use super::listed::{MERGED, PADDING_BYTES, end_of_data, field, number};
use super::out::Out;
use super::reader::{Moment, Start};
use super::streams::{At, Place, Streams};
use crate::event::Direction;
use crate::http::exchange::{Defects, Field, Side};

/// How long a line may be; of a longer one nothing is known.
pub(super) const LINE_BYTES: usize = 256 << 10;
/// How many bytes of fields are taken of a head; the rest is left out.
const FIELDS_BYTES: usize = 256 << 10;
/// What each field counts beside its bytes.
const FIELD_BYTES: usize = 32;
/// How many streams of one listing are kept in mind.
const LISTED_STREAMS: usize = 4096;

const METHOD: &[u8] = b"\nheader field \":method\" = ";
const STATUS: &[u8] = b"\nheader field \":status\" = ";

/// Whose frames a listing has, as the first head in `start`, its beginning, tells (RFC 9113, section 8.3): only requests have a
/// method, only responses a status. `None` if there is no head in it.
pub fn listed_side(start: &[u8]) -> Option<Side> {
    let find = |field: &[u8]| memmem::find(start, field);
    match (find(METHOD), find(STATUS)) {
        (Some(method), Some(status)) if method > status => Some(Side::Response),
        (Some(_), _) => Some(Side::Request),
        (None, Some(_)) => Some(Side::Response),
        (None, None) => None,
    }
}

/// Reads the listings of one direction.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// What was not read yet.
    pending: Vec<u8>,
    /// Where in the payload that begins.
    offset: u64,
    state: State,
    kind: Kind,
    stream: u32,
    block: Block,
    /// Whether a header block was left out, so that later ones may be wrong.
    is_unsure: bool,
    /// The streams whose data is left out.
    coded: BTreeSet<u32>,
    /// Of these, those of which data was left out and not given yet.
    missing: BTreeSet<u32>,
    /// The streams that came in this listing, and whether their end showed.
    touched: BTreeSet<(u32, bool)>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Lines.
    #[default]
    Lines,
    /// The rest of a line that is too long.
    LongLine,
    /// The data of a frame, and how many bytes of it are to come.
    Data { left: usize },
    /// The decoded data of a stream; whether the empty line before it was read, and how many bytes are to come.
    Merged { is_begun: bool, left: usize },
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Headers,
    Data,
    Merged,
    Reset,
    #[default]
    Other,
}

/// A header block that is being listed.
#[derive(Debug, Default)]
struct Block {
    is_open: bool,
    fields: Vec<Field>,
    bytes: usize,
    defects: Defects,
    is_left_out: bool,
}

/// A part of a payload.
pub(super) struct Listed<'a> {
    pub(super) direction: Direction,
    pub(super) now: Moment,
    pub(super) offset: u64,
    pub(super) bytes: &'a [u8],
    pub(super) is_last: bool,
    /// Whether the payload was cut when it was stored.
    pub(super) is_cut: bool,
}

/// Where what was read goes.
struct To<'a, 'o> {
    streams: &'a mut Streams,
    out: &'a mut Out<'o>,
    direction: Direction,
    now: Moment,
}

impl Listing {
    /// Reads a part of a listing.
    pub(super) fn read(&mut self, streams: &mut Streams, out: &mut Out<'_>, listed: &Listed<'_>) {
        if listed.offset == 0 {
            *self = Self::default();
        }
        if self.pending.is_empty() {
            self.offset = listed.offset;
        }
        let mut to = To {
            streams,
            out,
            direction: listed.direction,
            now: listed.now,
        };
        let mut pending = std::mem::take(&mut self.pending);
        let mut rest = listed.bytes;
        if !pending.is_empty() {
            pending.extend_from_slice(listed.bytes);
            rest = &pending;
        }
        while let Some(taken) = self.step(&mut to, rest, listed.is_last) {
            rest = rest.get(taken..).unwrap_or_default();
            let taken = u64::try_from(taken).unwrap_or(0);
            self.offset = self.offset.saturating_add(taken);
        }
        self.pending = rest.to_vec();
        if listed.is_last {
            self.end(&mut to);
            if listed.is_cut {
                to.streams.doubt(listed.direction);
            }
        }
    }

    /// Reads one thing; gives how many bytes that takes, or `None` if there is nothing more to be read yet.
    fn step(&mut self, to: &mut To<'_, '_>, rest: &[u8], is_last: bool) -> Option<usize> {
        match self.state {
            State::Data { left } => return self.data(to, rest, left, is_last),
            State::Merged { is_begun, left } => return self.merged(to, rest, is_begun, left),
            State::Lines | State::LongLine => {}
        }
        let end = memchr::memchr(b'\n', rest);
        if self.state == State::LongLine {
            if end.is_some() {
                self.state = State::Lines;
            }
            return end
                .map(|end| end.saturating_add(1))
                .or((!rest.is_empty()).then_some(rest.len()));
        }
        let Some(end) = end else {
            if rest.len() > LINE_BYTES {
                self.state = State::LongLine;
                self.block.defects |= Defects::LARGE_HEAD;
                return Some(rest.len());
            }
            return None;
        };
        self.line(to, rest.get(..end).unwrap_or_default());
        Some(end.saturating_add(1))
    }

    fn line(&mut self, to: &mut To<'_, '_>, line: &[u8]) {
        if let Some(kind) = line.strip_prefix(b"Frame Type\t=>\t") {
            self.close(to);
            self.stream = 0;
            self.kind = match kind {
                b"HEADERS" => Kind::Headers,
                b"DATA" => Kind::Data,
                b"RST_STREAM" => Kind::Reset,
                _ => Kind::Other,
            };
        } else if let Some(stream) = line.strip_prefix(b"Frame StreamID\t=>\t") {
            self.stream = number(stream).unwrap_or(0);
            if self.kind == Kind::Reset {
                to.streams.give_up_listed(self.stream);
            }
        } else if let Some(length) = line.strip_prefix(b"Frame Length\t=>\t") {
            self.length(to, number(length));
        } else if let Some(stream) = line.strip_prefix(b"Merged Data Frame, StreamID\t=>\t") {
            self.close(to);
            self.kind = Kind::Merged;
            self.stream = number(stream).unwrap_or(0);
        } else if let Some(length) = line.strip_prefix(b"Merged Data Frame, Final Length\t=>\t") {
            self.length(to, number(length));
        } else if line.starts_with(b"header field ") {
            self.field(line);
        } else if line.starts_with(b"Incorrect HPACK context")
            || line.starts_with(b"Not Supported HEADERS Frame")
        {
            self.block.is_left_out = true;
        } else if line.is_empty() {
            if self.kind == Kind::Headers {
                self.close(to);
            }
        } else if self.block.is_open {
            self.block.defects |= Defects::BAD_FRAMING;
        }
    }

    /// The length of a frame is the last thing that is said of it before its content.
    fn length(&mut self, to: &mut To<'_, '_>, length: Option<usize>) {
        let (Some(length), true) = (length, self.stream != 0) else {
            return;
        };
        match self.kind {
            Kind::Headers => {
                self.block = Block {
                    is_open: true,
                    ..Block::default()
                }
            }
            Kind::Data => {
                let stream = self.stream;
                self.begin(to, stream);
                if self.coded.contains(&stream) {
                    if length > 0 && self.missing.len() < LISTED_STREAMS {
                        self.missing.insert(stream);
                    }
                    // A line says so; then comes the next frame.
                    self.kind = Kind::Other;
                } else {
                    self.state = State::Data { left: length };
                }
            }
            Kind::Merged => {
                let stream = self.stream;
                self.begin(to, stream);
                self.state = State::Merged {
                    is_begun: false,
                    left: length,
                };
            }
            Kind::Reset | Kind::Other => {}
        }
    }

    /// Data of a stream comes.
    fn begin(&mut self, to: &mut To<'_, '_>, stream: u32) {
        self.touch(stream, false);
        if matches!(
            to.streams.data_place(to.direction, stream),
            Place::Half | Place::Stream | Place::Over
        ) {
            to.streams.begin_without_head(to.out, to.at(stream));
            to.streams.list(to.direction, stream, Defects::empty());
        }
    }

    fn touch(&mut self, stream: u32, has_end: bool) {
        if self.touched.len() < LISTED_STREAMS {
            self.touched.insert((stream, has_end));
        }
    }

    fn data(
        &mut self,
        to: &mut To<'_, '_>,
        rest: &[u8],
        left: usize,
        is_last: bool,
    ) -> Option<usize> {
        let free = left.saturating_sub(PADDING_BYTES).min(rest.len());
        if free > 0 {
            self.say(to, rest.get(..free).unwrap_or_default());
            self.state = State::Data {
                left: left.saturating_sub(free),
            };
            return Some(free);
        }
        // The end is looked for where it is and, as there may be padding, before.
        let wanted = left.saturating_add(1).saturating_add(MERGED.len());
        if rest.len() < wanted && !is_last {
            return None;
        }
        let window = rest.get(..wanted).unwrap_or(rest);
        let (length, defects) = match end_of_data(window, left, is_last) {
            Some(length) => (length, Defects::empty()),
            None if window.len() > left => (left, Defects::BAD_FRAMING),
            None => (window.len(), Defects::LOST_BYTES),
        };
        self.say(to, window.get(..length).unwrap_or_default());
        to.streams.list(to.direction, self.stream, defects);
        self.state = State::Lines;
        self.kind = Kind::Other;
        Some(length.saturating_add(1).min(rest.len()))
    }

    /// Data that eCapture decoded.
    fn merged(
        &mut self,
        to: &mut To<'_, '_>,
        rest: &[u8],
        is_begun: bool,
        left: usize,
    ) -> Option<usize> {
        if is_begun && left == 0 {
            self.missing.remove(&self.stream);
            to.streams
                .list(to.direction, self.stream, Defects::RESERIALIZED);
            self.touch(self.stream, true);
            self.state = State::Lines;
            self.kind = Kind::Other;
            return Some(0);
        }
        let first = rest.first()?;
        if !is_begun {
            self.state = State::Merged {
                is_begun: true,
                left,
            };
            return Some(usize::from(*first == b'\n'));
        }
        let taken = rest.get(..left).unwrap_or(rest);
        self.say(to, taken);
        self.state = State::Merged {
            is_begun,
            left: left.saturating_sub(taken.len()),
        };
        Some(taken.len())
    }

    /// Says bytes of the data.
    fn say(&self, to: &mut To<'_, '_>, bytes: &[u8]) {
        to.streams.data(
            to.out,
            to.direction,
            self.stream,
            to.now,
            self.offset,
            bytes,
        );
    }

    fn field(&mut self, line: &[u8]) {
        let Some((name, value)) = field(line).filter(|_| self.block.is_open) else {
            self.block.defects |= Defects::BAD_FRAMING;
            return;
        };
        let bytes = name.len().saturating_add(value.len());
        let bytes = bytes.saturating_add(FIELD_BYTES);
        self.block.bytes = self.block.bytes.saturating_add(bytes);
        if self.block.bytes > FIELDS_BYTES {
            self.block.defects |= Defects::LARGE_HEAD;
            return;
        }
        if self.is_unsure && !hpack::is_static(&name, &value) {
            self.block.defects |= Defects::UNKNOWN_FIELDS;
            self.block.fields.push(Field {
                name: None,
                value: None,
            });
            return;
        }
        // The last one counts (`http2_request.go:139@v1.5.2`).
        if name == b"content-encoding" {
            if value == b"gzip" && self.coded.len() < LISTED_STREAMS {
                self.coded.insert(self.stream);
            } else {
                self.coded.remove(&self.stream);
            }
        }
        self.block.fields.push(Field::known(name, value));
    }

    /// The header block that is open is over.
    fn close(&mut self, to: &mut To<'_, '_>) {
        let block = std::mem::take(&mut self.block);
        if !block.is_open {
            return;
        }
        let (direction, stream) = (to.direction, self.stream);
        self.is_unsure |= block.is_left_out;
        let has_head = to.streams.has_head(direction, stream);
        let mut defects = block.defects | Defects::LISTING;
        if block.is_left_out {
            defects |= Defects::UNKNOWN_FIELDS;
        }
        let head = head::head(block.fields);
        if to.out.client().is_none() {
            match head.role {
                Role::Request => to.out.learn_client(direction),
                Role::Response => to.out.learn_client(direction.reversed()),
                Role::Unknown => {}
            }
        }
        if has_head && head.role == Role::Unknown {
            // Trailers, which end their stream.
            let fields = head.message.fields;
            to.streams
                .trailers(to.out, to.at(stream), fields, true, defects);
            self.touch(stream, true);
            return;
        }
        if has_head {
            to.streams.abandon(to.out, stream, Defects::empty());
        }
        to.streams.head(to.out, to.at(stream), head, true, defects);
        to.streams.list(direction, stream, Defects::empty());
        self.touch(stream, false);
    }

    /// The listing is over: so are the messages whose end shows.
    fn end(&mut self, to: &mut To<'_, '_>) {
        self.close(to);
        if let State::Merged { .. } = self.state {
            to.streams
                .list(to.direction, self.stream, Defects::LOST_BYTES);
        }
        for stream in std::mem::take(&mut self.missing) {
            to.streams.list(to.direction, stream, Defects::LOST_BYTES);
        }
        for (stream, has_end) in std::mem::take(&mut self.touched) {
            to.streams
                .end_listed(to.out, to.direction, stream, to.now, has_end);
        }
        *self = Self::default();
    }
}

impl To<'_, '_> {
    fn at(&self, stream: u32) -> At {
        At {
            direction: self.direction,
            stream,
            start: Start {
                moment: self.now,
                is_aligned: false,
            },
            now: self.now,
        }
    }
}
