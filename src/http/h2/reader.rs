//! The frames of one direction, from bytes that are cut anywhere.
//!
//! It takes what it is given to be the frames' bytes without a hole; whether that can be is judged by [`Reader::fit`]
//! before an event is read. Data is handed out in place; only header blocks and small frames are kept until they are
//! whole.

use super::frame::{
    END_STREAM, FRAME_BYTES, HEADER_BYTES, Header, Kind, PADDED, PREFACE, Rules, chain, limit_bytes,
};
use super::hpack::Decoder;
use super::seen::{Headers, Seen};
use crate::event::{EventId, Timestamp};

/// An event, and when it was.
pub(super) type Moment = (EventId, Timestamp);

/// How long a header block may be; the rest of it is left out.
const BLOCK_BYTES: usize = 256 << 10;
/// How much of a SETTINGS frame is read, which has 6 bytes for each setting.
const SETTINGS_BYTES: usize = 384;
/// The setting that says how long a frame the sender takes (RFC 9113, section 6.5.2).
const MAX_FRAME_SIZE: u16 = 5;

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Reader {
    state: State,
    block: Option<Headers>,
    /// For its header blocks.
    pub(super) decoder: Decoder,
    /// How long its frames may be: what the other end said that it takes.
    pub(super) limit_bytes: usize,
    /// Whether the event that is read began with a frame.
    is_aligned: bool,
    /// Whether something is missing before the event that is read.
    has_gap: bool,
    /// Whether the event that is read may have been sent before one that was read already. What its header blocks add to the
    /// table is not what is newest there.
    pub(super) is_astray: bool,
}

#[derive(Debug)]
enum State {
    /// Before a frame, with what is there of its header or of a preface.
    Between {
        begun: Vec<u8>,
        since: Option<Start>,
    },
    Within(Frame),
    /// Bytes were lost; nothing is read until it is [resumed](Reader::resume).
    Lost,
}

/// Where something began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// The event.
    pub(super) moment: Moment,
    /// Whether that event began with a frame.
    pub(super) is_aligned: bool,
}

#[derive(Debug)]
struct Frame {
    header: Header,
    start: Start,
    /// How many bytes of its content are still to come, padding included.
    left: usize,
    /// How many of these are padding.
    padding: usize,
    /// The bytes before its data or its part of a header block; of small frames, the content.
    small: Vec<u8>,
    /// How many bytes belong there.
    small_bytes: usize,
    is_open: bool,
}

/// Whether an event can follow what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// What was begun goes on in it, and frames follow.
    Frames,
    /// It is only a part of what was begun, which can be anything.
    Inside,
    /// It is nothing that follows.
    Broken,
}

/// What was under way when bytes were lost.
#[derive(Debug, Default)]
pub(super) struct Torn {
    /// What is certain of a header block.
    pub(super) headers: Option<Headers>,
    /// Whether any bytes of a frame had been read.
    pub(super) is_within: bool,
    /// The stream of which data was under way: some of it is missing.
    pub(super) data: Option<u32>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            state: State::between(),
            block: None,
            decoder: Decoder::default(),
            limit_bytes: FRAME_BYTES,
            is_aligned: true,
            has_gap: false,
            is_astray: false,
        }
    }
}

impl State {
    fn between() -> Self {
        Self::Between {
            begun: Vec::new(),
            since: None,
        }
    }
}

impl Reader {
    /// Whether bytes were lost and nothing is read.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost)
    }

    /// Whether a part of a message is begun in a frame: content of it was read, and more is to come. (Whatever is lost in a
    /// frame of another kind, nothing that is said comes of it.)
    pub(super) fn is_within_message(&self) -> bool {
        let State::Within(frame) = &self.state else {
            return false;
        };
        frame.left < frame.header.length && frame.header.is_of_message()
    }

    /// Whether the bytes of an event can follow what was read.
    pub(super) fn fit(
        &self,
        bytes: &[u8],
        fits_stream: &dyn Fn(&Header) -> bool,
        is_awaited: &dyn Fn(&Header) -> bool,
    ) -> Fit {
        let rules = |continued| Rules {
            is_strict: false,
            limit_bytes: self.limit_bytes,
            is_awaited,
            continued,
            fits_stream,
        };
        let continued = self.block.as_ref().map(|block| block.stream);
        let found = match &self.state {
            State::Lost => None,
            State::Between { begun, .. } if begun.is_empty() => chain(bytes, rules(continued)),
            State::Between { begun, .. } => {
                let whole = [begun.as_slice(), bytes].concat();
                chain(&whole, rules(continued))
            }
            State::Within(frame) => match bytes.split_at_checked(frame.left) {
                Some((_, rest)) if !rest.is_empty() => {
                    let found = chain(rest, rules(frame.header.continued()));
                    if found.is_some() && rest.len() < HEADER_BYTES {
                        // So few bytes say next to nothing.
                        return Fit::Inside;
                    }
                    found
                }
                _ => return Fit::Inside,
            },
        };
        if found.is_some() {
            Fit::Frames
        } else {
            Fit::Broken
        }
    }

    /// Gives up what was begun, and the table of header fields with it. The next event that is read begins with a frame,
    /// if there is to be one.
    pub(super) fn lose(&mut self) -> Torn {
        let was = std::mem::replace(&mut self.state, State::Lost);
        let is_within = match &was {
            State::Within(_) => true,
            State::Between { begun, .. } => !begun.is_empty() || self.block.is_some(),
            State::Lost => false,
        };
        let data = match &was {
            State::Within(frame)
                if frame.header.kind == Kind::Data && frame.left > frame.padding =>
            {
                Some(frame.header.stream)
            }
            _ => None,
        };
        let mut headers = self.block.take();
        if let Some(headers) = &mut headers {
            headers.block.truncate(headers.sure_bytes);
        }
        Torn {
            headers,
            is_within,
            data,
        }
    }

    /// Reads frames again: the next byte begins one.
    pub(super) fn resume(&mut self) {
        self.state = State::between();
        self.block = None;
    }

    /// An event is over, and another one follows.
    pub(super) fn finish_event(&mut self) {
        if self.is_astray || self.has_gap {
            self.decoder.forget();
        }
        // What is missing may be lost, or come now.
        self.is_astray = std::mem::take(&mut self.has_gap);
    }

    /// A connection begins with the frames that come now, and with it another table.
    pub(super) fn begin_connection(&mut self) {
        self.decoder = Decoder::default();
        self.has_gap = false;
        self.is_astray = false;
    }

    /// An event begins.
    pub(super) fn begin_event(&mut self) {
        self.is_aligned = match &self.state {
            State::Between { begun, .. } => begun.is_empty() && self.block.is_none(),
            _ => false,
        };
    }

    /// Something is missing before the event that is read. The table is forgotten.
    pub(super) fn misses(&mut self) {
        self.decoder.forget();
        self.has_gap = true;
    }

    /// Takes bytes off the front of `rest` up to the next thing to be said; `None` when all are taken. `is_awaited` tells
    /// whether the data of a frame is.
    pub(super) fn next<'a>(
        &mut self,
        rest: &mut &'a [u8],
        now: Moment,
        is_awaited: &dyn Fn(&Header) -> bool,
    ) -> Option<Seen<'a>> {
        while !rest.is_empty() || self.is_at_an_end() {
            let seen = match &self.state {
                State::Lost => {
                    *rest = &[];
                    return None;
                }
                State::Between { .. } => self.header(rest, now, is_awaited),
                State::Within(_) => self.content(rest, now),
            };
            if seen.is_some() {
                return seen;
            }
        }
        None
    }

    /// Whether there is something to be said without another byte.
    fn is_at_an_end(&self) -> bool {
        matches!(&self.state, State::Within(frame) if frame.left == 0 || (!frame.is_open && frame.small.len() == frame.small_bytes))
    }

    fn header<'a>(
        &mut self,
        rest: &mut &'a [u8],
        now: Moment,
        is_awaited: &dyn Fn(&Header) -> bool,
    ) -> Option<Seen<'a>> {
        let State::Between { begun, since } = &mut self.state else {
            return None;
        };
        let start = *since.get_or_insert(Start {
            moment: now,
            is_aligned: self.is_aligned,
        });
        while let Some((byte, after)) = rest.split_first() {
            begun.push(*byte);
            *rest = after;
            if PREFACE.starts_with(begun) {
                if begun.len() == PREFACE.len() {
                    self.resume();
                    return Some(Seen::Preface);
                }
            } else if begun.len() >= HEADER_BYTES {
                let header = begun.as_slice().try_into().ok().map(Header::read);
                return self.frame(header, start, is_awaited);
            }
        }
        None
    }

    fn frame<'a>(
        &mut self,
        header: Option<Header>,
        start: Start,
        is_awaited: &dyn Fn(&Header) -> bool,
    ) -> Option<Seen<'a>> {
        let continued = self.block.as_ref().map(|block| block.stream);
        let header = header.filter(|header| {
            let follows = match continued {
                Some(stream) => header.kind == Kind::Continuation && header.stream == stream,
                None => header.kind != Kind::Continuation,
            };
            follows && header.is_possible(limit_bytes(header, self.limit_bytes, is_awaited))
        });
        let Some(header) = header else {
            return Some(Seen::Broken);
        };
        let small_bytes = match header.kind {
            Kind::Reset => header.length,
            // The last stream; the code and more follow.
            Kind::GoAway => 4,
            Kind::Settings => header.length.min(SETTINGS_BYTES),
            _ => header.extra_bytes(),
        };
        self.state = State::Within(Frame {
            header,
            start,
            left: header.length,
            padding: 0,
            small: Vec::new(),
            small_bytes: small_bytes.min(header.length),
            is_open: false,
        });
        None
    }

    fn content<'a>(&mut self, rest: &mut &'a [u8], now: Moment) -> Option<Seen<'a>> {
        let State::Within(frame) = &mut self.state else {
            return None;
        };
        if !frame.is_open {
            let wanted = frame.small_bytes.saturating_sub(frame.small.len());
            let taken = take(rest, wanted);
            frame.small.extend_from_slice(taken);
            frame.left = frame.left.saturating_sub(taken.len());
            if frame.small.len() < frame.small_bytes {
                return None;
            }
            return self.open();
        }
        let taken = take(rest, frame.left.saturating_sub(frame.padding));
        frame.left = frame.left.saturating_sub(taken.len());
        if !taken.is_empty() {
            if frame.header.kind == Kind::Data {
                return Some(Seen::Data {
                    stream: frame.header.stream,
                    bytes: taken,
                });
            }
            if let Some(headers) = &mut self.block {
                let room = BLOCK_BYTES.saturating_sub(headers.block.len());
                headers.is_cut |= taken.len() > room;
                let kept = taken.get(..room).unwrap_or(taken);
                headers.block.extend_from_slice(kept);
                if headers.start.moment.0 == now.0 {
                    headers.sure_bytes = headers.block.len();
                }
            }
            return None;
        }
        let padding = take(rest, frame.left);
        frame.left = frame.left.saturating_sub(padding.len());
        if frame.left > 0 { None } else { self.close() }
    }

    /// The first bytes of a frame are there.
    fn open<'a>(&mut self) -> Option<Seen<'a>> {
        let State::Within(frame) = &mut self.state else {
            return None;
        };
        frame.is_open = true;
        let header = frame.header;
        let may_be_padded = matches!(header.kind, Kind::Data | Kind::Headers | Kind::PushPromise);
        if may_be_padded && header.has(PADDED) {
            let padding = frame.small.first().map(|padding| usize::from(*padding));
            match padding.filter(|padding| *padding <= frame.left) {
                Some(padding) => frame.padding = padding,
                None => return Some(Seen::Broken),
            }
        }
        match header.kind {
            Kind::Data => Some(Seen::DataBegins {
                stream: header.stream,
                start: frame.start,
            }),
            Kind::Headers | Kind::PushPromise => {
                let promised = frame.small.last_chunk().map(|id| u32::from_be_bytes(*id));
                self.block = Some(Headers {
                    stream: header.stream,
                    promised: promised
                        .filter(|_| header.kind == Kind::PushPromise)
                        .map(|id| id & 0x7fff_ffff),
                    block: Vec::new(),
                    sure_bytes: 0,
                    is_cut: false,
                    ends_stream: header.kind == Kind::Headers && header.has(END_STREAM),
                    start: frame.start,
                });
                None
            }
            _ => None,
        }
    }

    /// A frame is over.
    fn close<'a>(&mut self) -> Option<Seen<'a>> {
        let State::Within(frame) = std::mem::replace(&mut self.state, State::between()) else {
            return None;
        };
        let (header, stream) = (frame.header, frame.header.stream);
        match header.kind {
            Kind::Data => Some(Seen::DataEnds {
                stream,
                ends_stream: header.has(END_STREAM),
            }),
            Kind::Headers | Kind::PushPromise | Kind::Continuation => {
                if header.continued().is_some() {
                    return None;
                }
                self.block.take().map(Seen::Headers)
            }
            Kind::Reset => Some(Seen::Reset { stream }),
            Kind::Priority => Some(Seen::Priority { stream }),
            Kind::GoAway => frame.small.first_chunk().map(|id| Seen::GoAway {
                last_stream: u32::from_be_bytes(*id) & 0x7fff_ffff,
            }),
            Kind::Settings => frame
                .small
                .as_chunks()
                .0
                .iter()
                .filter_map(|[i0, i1, v0, v1, v2, v3]| {
                    let value = u32::from_be_bytes([*v0, *v1, *v2, *v3]);
                    (u16::from_be_bytes([*i0, *i1]) == MAX_FRAME_SIZE)
                        .then(|| usize::try_from(value).ok())?
                })
                .next_back()
                .map(Seen::FrameLimit),
            _ => None,
        }
    }
}

/// Takes up to `wanted` bytes off the front.
fn take<'a>(rest: &mut &'a [u8], wanted: usize) -> &'a [u8] {
    let (taken, after) = rest.split_at_checked(wanted).unwrap_or((*rest, &[]));
    *rest = after;
    taken
}
