//! The frames of both directions of a connection, and what is to be made of bytes that were lost between them.
//!
//! eCapture loses whole events and does not number them. A loss shows where an event cannot follow those before it, or
//! where frames speak of others that were not seen. What was under way then is doubtful, the dynamic table of the
//! direction is forgotten, and reading goes on with the next event that is frames from its first byte on.
//!
//! Events can also come in another order than they were sent in. So what was missing may be the event that comes next, and
//! what these two add to the table is forgotten as well.

use super::frame::{ChainEnd, FRAME_BYTES, Header, MAX_FRAME_BYTES, PREFACE, Rules, chain};
use super::head::{self, Role};
use super::hpack::{Block, Fault};
use super::out::Out;
use super::reader::{Fit, Moment, Reader};
use super::seen::{Headers, Seen};
use super::streams::{At, Place, Streams};
use crate::event::Direction;
use crate::http::exchange::Defects;

/// The bytes of an event, or a part of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) direction: Direction,
    pub(super) now: Moment,
    /// Where in the payload they begin.
    pub(super) offset: u64,
    pub(super) bytes: &'a [u8],
    /// Whether nothing of the event came before them.
    pub(super) is_first: bool,
    /// Whether the event was cut.
    pub(super) is_truncated: bool,
}

/// One connection after another over the same descriptor.
#[derive(Debug, Default)]
pub(super) struct Connection {
    readers: [Reader; 2],
    pub(super) streams: Streams,
    /// Whether it was seen from its beginning on.
    is_whole: bool,
    /// Whether the preface was seen, or must have been sent.
    has_begun: bool,
}

/// What is to be done with an event.
enum Verdict {
    /// It follows.
    Read,
    /// Bytes before it were lost; it begins with a frame.
    Resume,
    /// Bytes before it were lost, and where in it a frame begins is not known.
    Skip,
}

impl Connection {
    /// A connection whose first exchange gets this number.
    pub(super) fn new(first_exchange: u64) -> Self {
        let mut connection = Self {
            streams: Streams::new(first_exchange),
            ..Self::default()
        };
        for reader in &mut connection.readers {
            // Capturing may have begun anywhere in it.
            reader.decoder.forget();
            reader.lose();
        }
        connection
    }

    /// One that HTTP/1 was upgraded to.
    pub(super) fn upgraded(exchange: u64, first_exchange: u64) -> Self {
        let mut streams = Streams::new(first_exchange);
        streams.upgrade(exchange);
        Self {
            streams,
            is_whole: true,
            ..Self::default()
        }
    }

    /// Whether all of the table of header fields of a direction is known.
    #[cfg(test)]
    pub(super) fn is_certain(&self, place: usize) -> bool {
        self.readers[place].decoder.is_certain()
    }

    fn reader(&mut self, direction: Direction) -> &mut Reader {
        let [inbound, outbound] = &mut self.readers;
        match direction {
            Direction::Inbound => inbound,
            Direction::Outbound => outbound,
        }
    }

    /// Reads bytes of an event.
    pub(super) fn read(&mut self, out: &mut Out<'_>, input: Input<'_>) {
        let direction = input.direction;
        if input.is_first {
            self.reader(direction).finish_event();
            match self.judge(&input) {
                Verdict::Read => {}
                Verdict::Resume => {
                    self.lose(out, direction);
                    self.reader(direction).resume();
                }
                Verdict::Skip => {
                    self.lose(out, direction);
                    self.reader(direction).misses();
                }
            }
            self.reader(direction).begin_event();
        }
        let mut rest = input.bytes;
        while let Some(seen) = self.next(direction, &mut rest, input.now) {
            let taken = input.bytes.len().saturating_sub(rest.len());
            self.see(out, &input, seen, taken);
        }
        if input.is_truncated {
            self.streams.truncated(direction, input.now.0);
        }
    }

    fn next<'a>(
        &mut self,
        direction: Direction,
        rest: &mut &'a [u8],
        now: Moment,
    ) -> Option<Seen<'a>> {
        let [inbound, outbound] = &mut self.readers;
        let reader = match direction {
            Direction::Inbound => inbound,
            Direction::Outbound => outbound,
        };
        let streams = &self.streams;
        reader.next(rest, now, &|header| {
            streams.awaits_data(direction, header.stream)
        })
    }

    /// The connection is over.
    pub(super) fn end(&mut self, out: &mut Out<'_>) {
        self.streams.end_all(out);
    }

    fn judge(&self, input: &Input<'_>) -> Verdict {
        let [inbound, outbound] = &self.readers;
        let reader = match input.direction {
            Direction::Inbound => inbound,
            Direction::Outbound => outbound,
        };
        let knows_streams = self.is_whole || self.streams.identifiers.has_any();
        let may_have =
            |header: &Header| !knows_streams || self.streams.identifiers.may_have(header.stream);
        let is_awaited = |header: &Header| self.streams.awaits_data(input.direction, header.stream);
        let alone = |fits_stream: &dyn Fn(&Header) -> bool| {
            // A piece of something else can begin like a frame that is longer than all of it.
            let rules = Rules {
                is_strict: true,
                limit_bytes: reader.limit_bytes,
                is_awaited: &|_| false,
                continued: None,
                fits_stream,
            };
            chain(input.bytes, rules)
        };
        match reader.fit(input.bytes, &may_have, &is_awaited) {
            Fit::Frames => Verdict::Read,
            Fit::Inside => {
                let is_begun = input.bytes.starts_with(PREFACE);
                let is_likely = |header: &Header| is_begun || self.streams.expects(header);
                // Who writes the header of a frame and its content apart may well write what looks like frames.
                if reader.is_within_message() && alone(&is_likely).is_some() {
                    Verdict::Resume
                } else {
                    Verdict::Read
                }
            }
            Fit::Broken => {
                // After a loss, the streams may have moved on far.
                let is_even = alone(&|_| true) == Some(ChainEnd::Even);
                let is_begun = PREFACE.starts_with(input.bytes);
                if is_even || is_begun || alone(&may_have).is_some() {
                    Verdict::Resume
                } else {
                    Verdict::Skip
                }
            }
        }
    }

    /// Bytes of a direction were lost.
    fn lose(&mut self, out: &mut Out<'_>, direction: Direction) {
        let reader = self.reader(direction);
        let is_news = !reader.is_lost();
        let torn = reader.lose();
        if let Some(headers) = torn.headers {
            let at = headers.start.moment;
            self.headers(out, direction, &headers, at, true);
        }
        if let Some(stream) = torn.data {
            self.streams.lacks_data(direction, stream);
        }
        if is_news || torn.is_within {
            self.gap(direction);
        }
    }

    /// Frames of a direction are missing before those of the event that is read, which is of that direction.
    fn gap(&mut self, direction: Direction) {
        self.reader(direction).misses();
        self.streams.doubt(direction);
    }

    fn see(&mut self, out: &mut Out<'_>, input: &Input<'_>, seen: Seen<'_>, taken: usize) {
        let (direction, now) = (input.direction, input.now);
        match seen {
            Seen::Preface => self.preface(out, direction),
            Seen::DataBegins { stream, start } => {
                let at = At {
                    direction,
                    stream,
                    start,
                    now,
                };
                self.data_begins(out, at);
            }
            Seen::Data { stream, bytes } => {
                let before = u64::try_from(taken.saturating_sub(bytes.len())).unwrap_or(0);
                let offset = input.offset.saturating_add(before);
                self.streams
                    .data(out, direction, stream, now, offset, bytes);
            }
            Seen::DataEnds {
                stream,
                ends_stream,
            } => {
                self.streams.data(out, direction, stream, now, 0, &[]);
                if ends_stream {
                    self.streams.ends(out, direction, stream, now);
                }
            }
            Seen::Headers(headers) => self.headers(out, direction, &headers, now, false),
            Seen::Reset { stream } => self.streams.reset(out, stream, now),
            Seen::GoAway { last_stream } => {
                self.streams.go_away(out, direction, last_stream, now);
            }
            Seen::Priority { stream } => self.streams.identifiers.name(stream),
            Seen::FrameLimit(limit) => {
                let other = self.reader(direction.reversed());
                other.limit_bytes = other.limit_bytes.max(limit.min(MAX_FRAME_BYTES));
            }
            Seen::Broken => self.lose(out, direction),
        }
    }

    /// A client begins a connection: this one, or the next over the same descriptor.
    fn preface(&mut self, out: &mut Out<'_>, direction: Direction) {
        let other = direction.reversed();
        let is_other_way = out.client().is_some_and(|client| client != direction);
        if self.has_begun || is_other_way || (self.streams.identifiers.has_any() && !self.is_whole)
        {
            self.streams.end_all(out);
            *self.reader(other) = Reader::default();
            self.reader(direction).limit_bytes = FRAME_BYTES;
        } else if !self.is_whole {
            let reader = self.reader(other);
            reader.begin_connection();
            if reader.is_lost() {
                reader.resume();
            }
        }
        self.reader(direction).begin_connection();
        self.has_begun = true;
        self.is_whole = true;
        out.learn_client(direction);
    }

    fn data_begins(&mut self, out: &mut Out<'_>, at: At) {
        match self.streams.data_place(at.direction, at.stream) {
            Place::Half | Place::Stream => {
                // Its HEADERS were lost, or came before the capture.
                if self.is_whole {
                    self.gap(at.direction);
                }
                self.streams.begin_without_head(out, at);
            }
            Place::Over => self.astray(at.direction),
            _ => {}
        }
    }

    /// The event that is read may come after one that it was sent before.
    fn astray(&mut self, direction: Direction) {
        self.gap(direction);
        self.reader(direction).is_astray = true;
    }

    /// A header block, of which `is_torn` says that its end was lost.
    fn headers(
        &mut self,
        out: &mut Out<'_>,
        direction: Direction,
        headers: &Headers,
        now: Moment,
        is_torn: bool,
    ) {
        let (sender, id) = match headers.promised {
            Some(promised) => (direction.reversed(), promised),
            None => (direction, headers.stream),
        };
        let place = self.streams.place(sender, id);
        let has_head = self.streams.has_head(sender, id);
        self.notice_order(out, direction, sender, place);
        let mut block = self.reader(direction).decoder.decode(&headers.block);
        if has_head && is_head(&block) {
            // It is of another exchange, and what is between the two was lost; or it came before the other. The table was not
            // what it seemed.
            self.astray(direction);
            self.streams.abandon(out, id, Defects::LOST_BYTES);
            block = self.reader(direction).decoder.decode(&headers.block);
        }
        if is_torn || headers.is_cut {
            self.reader(direction).decoder.forget();
        }
        if block.fault.is_some() && !is_torn {
            self.gap(direction);
        }
        if place == Place::Reset {
            return;
        }
        let at = At {
            direction: sender,
            stream: id,
            start: headers.start,
            now,
        };
        let defects = defects(&block, headers, is_torn);
        self.block(out, at, block, headers, defects);
        if !is_torn && (headers.ends_stream || headers.promised.is_some()) {
            self.streams.ends(out, sender, id, now);
        }
    }

    /// Makes a head or trailers of a header block.
    fn block(
        &mut self,
        out: &mut Out<'_>,
        at: At,
        block: Block,
        headers: &Headers,
        mut defects: Defects,
    ) {
        let place = self.streams.place(at.direction, at.stream);
        let has_head = self.streams.has_head(at.direction, at.stream);
        let uses_table = block.uses_table;
        let head = head::head(block.fields);
        if out.client().is_none() {
            match head.role {
                Role::Request => out.learn_client(at.direction),
                Role::Response => out.learn_client(at.direction.reversed()),
                Role::Unknown => {}
            }
        }
        // Trailers of which the head was lost: they end their stream, and none of them can be a pseudo-header field.
        let is_end = headers.ends_stream && place != Place::Within;
        let is_bare = is_end && !head.may_have_more && !defects.contains(Defects::LOST_BYTES);
        if head.role != Role::Unknown || !(has_head || is_bare) {
            self.streams.head(out, at, head, uses_table, defects);
            return;
        }
        if !has_head && place != Place::Late {
            self.streams.begin_without_head(out, at);
        }
        if !headers.ends_stream {
            defects |= Defects::BAD_FRAMING;
        }
        let fields = head.message.fields;
        self.streams.trailers(out, at, fields, uses_table, defects);
    }

    /// Looks whether a header block comes where it should. If not, its direction's table is forgotten.
    fn notice_order(
        &mut self,
        out: &Out<'_>,
        direction: Direction,
        sender: Direction,
        place: Place,
    ) {
        let is_request = out.client() == Some(sender);
        let is_response = out.client() == Some(sender.reversed());
        match place {
            Place::Skipping if is_request && self.is_whole => self.gap(direction),
            // The request was lost.
            Place::Stream | Place::Skipping if is_response && self.is_whole => {
                let other = direction.reversed();
                self.reader(other).decoder.forget();
                self.streams.doubt(other);
            }
            // The response was first.
            Place::Half if is_request => self.astray(direction),
            Place::Late | Place::Over => self.astray(direction),
            _ => {}
        }
    }
}

/// Whether a header block has pseudo-header fields, which trailers have not (RFC 9113, section 8.1).
fn is_head(block: &Block) -> bool {
    let mut names = block.fields.iter().filter_map(|field| field.name.as_ref());
    names.any(|name| matches!(&**name, b":status" | b":method" | b":path" | b":scheme"))
}

fn defects(block: &Block, headers: &Headers, is_torn: bool) -> Defects {
    let mut defects = Defects::empty();
    defects.set(
        Defects::UNKNOWN_FIELDS,
        block.has_unknown || block.fault.is_some() || is_torn,
    );
    defects.set(Defects::LOST_BYTES, is_torn);
    defects.set(
        Defects::BAD_FRAMING,
        block.fault == Some(Fault::Malformed) && !is_torn && !headers.is_cut,
    );
    defects.set(Defects::LARGE_HEAD, block.is_large || headers.is_cut);
    defects
}
