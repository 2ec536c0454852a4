//! One direction of a connection: its frames are read as they come, and written again without secrets.
//!
//! What is whole is put out in the event that completes it: of DATA every byte at once, of other frames all or nothing, and of
//! a header block all of its frames. A doubt whether frames are missing has the table of HPACK forgotten; a header block that
//! then refers to what was in it, and whatever can be no frame, ends the reading for good.

use super::block::{self, Section};
use super::body::{cover, goaway};
use super::output::{Output, take};
use super::settings::{frame_limit, settings};
use super::streams::{Data, Place, Sender, Streams};
use crate::http::h2::frame::{
    ACK, END_HEADERS, END_STREAM, FRAME_BYTES, HEADER_BYTES, Header, Kind, PADDED,
};
use crate::http::h2::hpack::Decoder;
use crate::http::h2::{PREFACE, is_frames};
use crate::redact::events::Tools;

/// How long a header block may be, as it was sent, and how long a frame that is kept until it is whole.
const BLOCK_BYTES: usize = 64 << 10;
/// How many bytes an event may become more than it had. A header block of some kilobytes can stand for megabytes.
const OUTPUT_BYTES: usize = 1 << 20;
/// How long a frame may be at most.
const MAX_FRAME_BYTES: usize = (1 << 24) - 1;

/// One direction.
#[derive(Debug)]
pub(super) struct Half {
    state: State,
    /// How it must go on: with what a connection begins with, or anyhow.
    beginning: Beginning,
    block: Option<Begun>,
    decoder: Decoder,
    /// How long its frames may be: what the other end said that it takes.
    limit_bytes: usize,
    /// How many bytes were taken that may still be put out.
    held: usize,
    /// Whether bytes are missing, perhaps, of the frame that it is within.
    is_torn: bool,
    /// Whether the dynamic table may have the name of a secret that the static one has not.
    names_secret: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    Preface,
    Settings,
    Over,
}

#[derive(Debug)]
enum State {
    /// Before a frame, with what is there of its header or of the preface.
    Between(Vec<u8>),
    /// Within a frame that is put out whole, with what is there of its content.
    Whole([u8; HEADER_BYTES], Vec<u8>),
    /// Within a frame that is put out as it comes.
    Flow(Flow),
    /// Nothing more can be read.
    Lost,
}

#[derive(Debug)]
struct Flow {
    header: Header,
    /// Whether the length of the padding comes next.
    is_length_next: bool,
    /// How many bytes are to come, without padding.
    left: usize,
    padding: usize,
}

/// A header block of which frames are to come.
#[derive(Debug)]
struct Begun {
    header: Header,
    /// What stands before the block: a priority, or the promised stream.
    before: Vec<u8>,
    bytes: Vec<u8>,
}

/// What reading needs of the connection.
pub(super) struct Around<'a> {
    pub(super) tools: &'a Tools<'a>,
    pub(super) streams: &'a mut Streams,
    pub(super) sender: Sender,
    pub(super) out: &'a mut Output,
    /// How long frames the sender takes, once it says so.
    pub(super) frame_limit: Option<usize>,
}

impl Half {
    /// Of a connection that begins.
    pub(super) fn new(sender: Sender) -> Self {
        Self {
            state: State::Between(Vec::new()),
            beginning: match sender {
                Sender::Client => Beginning::Preface,
                Sender::Server => Beginning::Settings,
            },
            block: None,
            decoder: Decoder::default(),
            limit_bytes: FRAME_BYTES,
            held: 0,
            is_torn: false,
            names_secret: false,
        }
    }

    /// About how many bytes it holds.
    pub(super) fn weight(&self) -> usize {
        self.held + self.decoder.table_bytes()
    }

    pub(super) fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost)
    }

    /// Whether it is a client's of which nothing came.
    pub(super) fn awaits_preface(&self) -> bool {
        self.beginning == Beginning::Preface && self.held == 0 && !self.is_lost()
    }

    /// Whether the next byte begins a frame.
    pub(super) fn is_between(&self) -> bool {
        self.block.is_none() && matches!(&self.state, State::Between(begun) if begun.is_empty())
    }

    /// The other end takes frames of up to so many bytes.
    pub(super) fn allow(&mut self, bytes: usize) {
        self.limit_bytes = self.limit_bytes.max(bytes.min(MAX_FRAME_BYTES));
    }

    /// Bytes are missing: nothing more is read. Gives how many were held back.
    pub(super) fn lose(&mut self) -> usize {
        self.state = State::Lost;
        self.block = None;
        self.decoder = Decoder::default();
        std::mem::take(&mut self.held)
    }

    /// Bytes are missing, perhaps. Within DATA, what comes next shows it; what else was begun is lost. Gives how many bytes
    /// were held back that are left out now.
    pub(super) fn doubt(&mut self, streams: &mut Streams, sender: Sender) -> usize {
        if matches!(self.state, State::Flow(_)) {
            self.is_torn = true;
            return 0;
        }
        self.forget(streams, sender);
        if self.is_between() { 0 } else { self.lose() }
    }

    /// Frames are missing, perhaps: what they put into the table is not known, nor what they had of bodies.
    fn forget(&mut self, streams: &mut Streams, sender: Sender) {
        self.decoder.forget();
        streams.doubt(sender);
    }

    /// Reads the bytes of an event.
    pub(super) fn read(&mut self, around: &mut Around<'_>, bytes: &[u8]) {
        if std::mem::take(&mut self.is_torn) {
            self.mend(around, bytes);
        }
        let mut rest = bytes;
        let limit = OUTPUT_BYTES + bytes.len();
        while !rest.is_empty() {
            let state = match std::mem::replace(&mut self.state, State::Lost) {
                State::Lost => None,
                State::Between(begun) => self.header(around, begun, &mut rest),
                State::Whole(header, content) => self.whole(around, header, content, &mut rest),
                State::Flow(flow) => step(around, flow, &mut rest),
            };
            let is_too_much = around.out.payload.len() > limit;
            let Some(state) = state.filter(|_| !is_too_much) else {
                let left_out = self.lose() + rest.len();
                around.out.left_out_bytes += left_out as u64;
                return;
            };
            self.state = state;
        }
    }

    /// Finds out whether bytes are missing of the frame that it is within, by what came next: that is the case unless the
    /// frame ends where the event does, or where other frames begin.
    fn mend(&mut self, around: &mut Around<'_>, bytes: &[u8]) {
        let State::Flow(flow) = &self.state else {
            return;
        };
        let left = flow.left + flow.padding;
        let is_lost = is_frames(bytes);
        let fits = |rest: &[u8]| rest.is_empty() || is_frames(rest);
        if !is_lost && bytes.get(left..).is_some_and(fits) {
            return;
        }
        if !is_lost && bytes.len() < left {
            // The end of the frame will show it.
            self.is_torn = true;
            around.streams.doubt(around.sender);
            return;
        }
        if is_lost {
            if flow.ends() {
                around.streams.end(around.sender, flow.header.stream);
            }
            self.state = State::Between(Vec::new());
        }
        self.forget(around.streams, around.sender);
    }

    /// Takes bytes off the front that may be put out later.
    fn hold(&mut self, rest: &mut &[u8], wanted: usize, into: &mut Vec<u8>) {
        let taken = take(rest, wanted);
        into.extend_from_slice(taken);
        self.held += taken.len();
    }

    fn header(
        &mut self,
        around: &mut Around<'_>,
        mut begun: Vec<u8>,
        rest: &mut &[u8],
    ) -> Option<State> {
        if self.beginning == Beginning::Preface {
            self.hold(rest, PREFACE.len() - begun.len(), &mut begun);
            if begun == PREFACE {
                self.beginning = Beginning::Settings;
                self.held = 0;
                around.out.payload.append(&mut begun);
            }
            return PREFACE.starts_with(&begun).then_some(State::Between(begun));
        }
        self.hold(rest, HEADER_BYTES - begun.len(), &mut begun);
        let Ok(bytes) = <[u8; HEADER_BYTES]>::try_from(begun.as_slice()) else {
            return Some(State::Between(begun));
        };
        let header = Header::read(bytes);
        if !self.fits(&header, around.sender) {
            return None;
        }
        self.beginning = Beginning::Over;
        if matches!(header.kind, Kind::Data | Kind::Other) {
            self.held = 0;
            let mut shown = bytes;
            if header.kind == Kind::Other {
                // Nobody knows what they mean.
                let [.., flags, _, _, _, _] = &mut shown;
                *flags = 0;
            }
            around.out.payload.extend_from_slice(&shown);
            if header.kind == Kind::Data
                && let Data::Astray = around.streams.data(around.sender, header.stream)
            {
                self.forget(around.streams, around.sender);
            }
            let flow = Flow {
                is_length_next: header.kind == Kind::Data && header.has(PADDED),
                left: header.length,
                padding: 0,
                header,
            };
            return Some(flow.next(around));
        }
        if header.length == 0 {
            return self.frame(around, bytes, &[]);
        }
        Some(State::Whole(bytes, Vec::new()))
    }

    /// Whether such a frame can come now.
    fn fits(&self, header: &Header, sender: Sender) -> bool {
        let block = self.block.as_ref();
        let follows = match block {
            Some(begun) => {
                header.kind == Kind::Continuation && header.stream == begun.header.stream
            }
            None => header.kind != Kind::Continuation,
        };
        let begins =
            self.beginning == Beginning::Over || header.kind == Kind::Settings && !header.has(ACK);
        let is_usual = match header.kind {
            Kind::Other => header.is_possible(FRAME_BYTES),
            Kind::PushPromise if sender == Sender::Client => false,
            _ => header.is_usual(self.limit_bytes),
        };
        let held = block.map_or(0, |begun| begun.bytes.len());
        let is_short =
            matches!(header.kind, Kind::Data | Kind::Other) || held + header.length <= BLOCK_BYTES;
        let has_length = header.kind != Kind::Data || header.length >= header.extra_bytes();
        follows && begins && is_usual && is_short && has_length
    }

    fn whole(
        &mut self,
        around: &mut Around<'_>,
        header: [u8; HEADER_BYTES],
        mut content: Vec<u8>,
        rest: &mut &[u8],
    ) -> Option<State> {
        let length = Header::read(header).length;
        self.hold(rest, length - content.len(), &mut content);
        if content.len() < length {
            return Some(State::Whole(header, content));
        }
        self.frame(around, header, &content)
    }

    /// A frame is whole that is no DATA.
    fn frame(
        &mut self,
        around: &mut Around<'_>,
        bytes: [u8; HEADER_BYTES],
        content: &[u8],
    ) -> Option<State> {
        let header = Header::read(bytes);
        let kept = match header.kind {
            Kind::Headers | Kind::PushPromise | Kind::Continuation => {
                self.block_part(around, header, content)?;
                return Some(State::Between(Vec::new()));
            }
            // What is in it can be anything.
            Kind::Ping => vec![0; content.len()],
            Kind::Settings => settings(content, around.out),
            Kind::GoAway => goaway(around.tools, content, around.out)?,
            _ => content.to_vec(),
        };
        match header.kind {
            Kind::Settings => around.frame_limit = frame_limit(&kept).or(around.frame_limit),
            Kind::Reset => around.streams.reset(header.stream),
            Kind::Priority if around.sender == Sender::Client => around.streams.name(header.stream),
            _ => {}
        }
        self.held = 0;
        around.out.payload.extend_from_slice(&bytes);
        around.out.payload.extend_from_slice(&kept);
        Some(State::Between(Vec::new()))
    }

    /// A frame is whole that has a part of a header block.
    fn block_part(
        &mut self,
        around: &mut Around<'_>,
        header: Header,
        content: &[u8],
    ) -> Option<()> {
        let (extra, rest) = content.split_at_checked(header.extra_bytes())?;
        let is_padded = header.kind != Kind::Continuation && header.has(PADDED);
        let (padding, before) = if is_padded {
            let (padding, before) = extra.split_first()?;
            (usize::from(*padding), before)
        } else {
            (0, extra)
        };
        let part = rest.get(..rest.len().checked_sub(padding)?)?;
        let mut begun = match self.block.take() {
            Some(begun) => begun,
            None => Begun {
                header,
                before: before.to_vec(),
                bytes: Vec::new(),
            },
        };
        begun.bytes.extend_from_slice(part);
        if header.has(END_HEADERS) {
            self.section(around, &begun)?;
            self.held = 0;
        } else {
            self.block = Some(begun);
        }
        Some(())
    }

    /// A header block is whole.
    fn section(&mut self, around: &mut Around<'_>, begun: &Begun) -> Option<()> {
        let (sender, stream) = (around.sender, begun.header.stream);
        let is_promise = begun.header.kind == Kind::PushPromise;
        let place = if is_promise {
            Place::New { is_next: true }
        } else {
            around.streams.place(sender, stream)
        };
        if place == (Place::New { is_next: false }) {
            self.forget(around.streams, sender);
        }
        let block = self.decoder.decode(&begun.bytes);
        if block.fault.is_some() || block.has_unknown || block.is_large {
            return None;
        }
        let ends = !is_promise && begun.header.has(END_STREAM);
        let head = block::read(&block.fields)?;
        let fits = match (place, head.section) {
            (Place::New { .. }, Section::Request { .. })
            | (Place::Before | Place::Reset, Section::Response) => true,
            (Place::Before | Place::Reset, Section::Interim) => !ends,
            (Place::Within | Place::Reset, Section::Trailers) => ends,
            _ => false,
        };
        if !fits {
            return None;
        }
        let redactor = around.tools.redactor;
        self.names_secret = self.names_secret || block::names_secret(redactor, &block.fields);
        let (written, secrets) = block::write(redactor, &block, self.names_secret);
        if is_promise {
            let promised = u32::from_be_bytes(*begun.before.last_chunk()?);
            if !promised.is_multiple_of(2) {
                return None;
            }
            around.streams.promise(promised & 0x7fff_ffff);
        } else {
            around.streams.head(sender, stream, &head, ends);
        }
        around.out.secrets += secrets;
        around.out.block(&begun.header, &begun.before, &written);
        Some(())
    }
}

impl Flow {
    /// Whether its stream is over with it.
    fn ends(&self) -> bool {
        self.header.kind == Kind::Data && self.header.has(END_STREAM)
    }

    /// What comes next: more of the frame, or another one.
    fn next(self, around: &mut Around<'_>) -> State {
        if self.left > 0 || self.padding > 0 {
            return State::Flow(self);
        }
        if self.ends() {
            around.streams.end(around.sender, self.header.stream);
        }
        State::Between(Vec::new())
    }
}

/// Puts out what is there of a frame.
fn step(around: &mut Around<'_>, mut flow: Flow, rest: &mut &[u8]) -> Option<State> {
    if flow.is_length_next {
        let length = take(rest, 1);
        flow.padding = usize::from(*length.first()?);
        flow.left = flow.left.checked_sub(flow.padding + 1)?;
        flow.is_length_next = false;
        around.out.payload.extend_from_slice(length);
        return Some(flow.next(around));
    }
    let content = take(rest, flow.left);
    flow.left -= content.len();
    if flow.header.kind == Kind::Data {
        match around.streams.data(around.sender, flow.header.stream) {
            Data::Body(body) => body.push(around.tools, content, around.out),
            Data::Reset | Data::Astray => cover(content, around.out),
        }
    } else {
        around.out.zeros(content.len());
        around.out.covered_bytes += content.len() as u64;
    }
    if flow.left == 0 {
        let padding = take(rest, flow.padding);
        flow.padding -= padding.len();
        around.out.zeros(padding.len());
    }
    Some(flow.next(around))
}
