//! One direction of an HTTP/1 connection: heads, bodies, and what to do where bytes are missing.
//!
//! While nothing is missing, only the bytes decide, so that it does not matter how they were cut into events and pieces.
//! Where an event begins with a start line although more of a message is due, the other direction decides
//! ([`starts`]): HTTP text within a body stays body unless something else says that the message is over.
//!
//! After damage, everything is skipped up to an event that begins with a start line.

mod bodies;
mod heads;
mod starts;

use std::mem;

use bytes::Bytes;

use super::chunks::Chunks;
use super::head::Gathering;
use super::open::Open;
use super::pairing::Pairing;
use super::rest::Rest;
use super::{Part, Piece};
use crate::event::{Content, EventId, Provenance};
use crate::http::exchange::{Defects, Ending, Side};

/// The reader of one direction.
#[derive(Debug, Default)]
pub(super) struct OneWay {
    /// Which half of the exchanges it carries, once that is known.
    side: Option<Side>,
    state: State,
    /// Whether a head was given.
    has_head: bool,
    /// The event in which the last message ended, and whether all of the message lies there beyond doubt: then so does
    /// the beginning of what follows there.
    ended_in: Option<(EventId, bool)>,
    /// Whether the last event was cut off by eCapture, with a message under way.
    is_cut: bool,
    /// Whether the end of the stream was seen.
    has_ended: bool,
    /// The last head that eCapture wrote anew.
    rewritten: Option<Bytes>,
    /// The last message that eCapture wrote anew, if only a phantom would show that bytes of it are missing.
    unmeasured: Option<Unmeasured>,
    phantoms: u64,
}

/// Where in its direction a reader is.
#[derive(Debug, Default)]
enum State {
    /// Between messages.
    #[default]
    Start,
    /// In a head.
    Head(Box<Gathering>),
    /// In a body, or after the head of one that eCapture wrote anew.
    Body(Box<Open>, Body),
    /// After damage: nothing is read until an event begins with a start line.
    Skipping,
    /// In what is no HTTP any more.
    Tunnel(u64),
    /// In an event with bytes of a tunnel that was asked for and is not granted yet.
    EarlyTunnel(u64),
    /// In HTTP/2 that an upgrade led to.
    Upgraded(u64),
}

/// What ends the body.
#[derive(Debug)]
enum Body {
    /// So many bytes are still to come; more than 0.
    Length(u64),
    Chunked(Chunks),
    Close,
    /// The head was not captured: it goes on until another begins.
    Headless,
    /// The end of the event, since eCapture wrote the message anew. How many bytes are still to come, if that is known:
    /// none if it has no body.
    Rewritten(Option<u64>),
    /// It is over; whether what follows in the event fits is still to be seen. Whether its bytes were counted.
    Over(bool),
}

/// A message that is over, and of whose body nothing says how long it is.
#[derive(Debug, Clone, Copy)]
struct Unmeasured {
    exchange: u64,
    /// Whether it has a body beyond doubt: without its request, a response may be that to a HEAD.
    has_body: bool,
}

/// Where parts go, and what the two directions share.
pub(super) struct Context<'c> {
    /// Which request a response belongs to.
    pub(super) pairing: &'c mut Pairing,
    /// Where parts go.
    pub(super) sink: &'c mut dyn FnMut(Part<'_>),
}

/// From here on, the connection speaks HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Upgrade {
    /// The exchange that asked for it.
    pub(super) exchange: u64,
    /// How many bytes of the piece are left.
    pub(super) left: usize,
}

impl OneWay {
    /// Which half of the exchanges it carries.
    pub(super) fn side(&self) -> Option<Side> {
        self.side
    }

    /// It is known now which half it carries.
    pub(super) fn set_side(&mut self, side: Side) {
        self.side = Some(side);
    }

    /// Whether a head was given.
    pub(super) fn has_head(&self) -> bool {
        self.has_head
    }

    /// Whether no message is under way.
    pub(super) fn is_between(&self) -> bool {
        matches!(
            self.state,
            State::Start | State::Skipping | State::EarlyTunnel(_)
        )
    }

    /// How many messages were left out, since eCapture only repeated a head.
    pub(super) fn phantoms(&self) -> u64 {
        self.phantoms
    }

    /// Reads a piece.
    pub(super) fn push(&mut self, piece: &Piece<'_>, context: &mut Context<'_>) -> Option<Upgrade> {
        if piece.offset == 0 {
            if piece.bytes.is_empty() {
                self.stream_ends(context);
                return None;
            }
            self.event_starts(piece, context);
        }
        let mut rest = Rest::of(piece);
        while !rest.is_empty() {
            self.state = match mem::take(&mut self.state) {
                State::Start => self.start(&mut rest, context),
                State::Head(gathering) => self.gather(gathering, &mut rest, context),
                State::Body(open, body) => self.body(open, body, &mut rest, context),
                State::Tunnel(exchange) => {
                    self.tunnel(exchange, &mut rest, context);
                    State::Tunnel(exchange)
                }
                State::EarlyTunnel(exchange) => {
                    self.tunnel(exchange, &mut rest, context);
                    State::EarlyTunnel(exchange)
                }
                State::Skipping => {
                    rest.take_all();
                    State::Skipping
                }
                State::Upgraded(exchange) => {
                    self.state = State::Upgraded(exchange);
                    break;
                }
            };
        }
        if let State::Upgraded(exchange) = self.state {
            let left = rest.bytes().len();
            return Some(Upgrade { exchange, left });
        }
        if piece.is_last {
            self.event_ends(piece, context);
        }
        None
    }

    fn start(&mut self, rest: &mut Rest<'_>, context: &mut Context<'_>) -> State {
        if let Some(exchange) = context.pairing.tunnel() {
            return State::Tunnel(exchange);
        }
        // RFC 9112, section 2.2: empty lines before a start line mean nothing.
        let blank = rest.bytes().iter().take_while(|byte| is_line_end(**byte));
        rest.take(blank.count());
        if rest.is_empty() {
            return State::Start;
        }
        let (event, offset) = (rest.event(), rest.offset());
        if !super::head::may_begin(rest.bytes(), self.side) {
            return self.not_a_head(event.0, offset, rest, context);
        }
        let moment = context.pairing.moment(event.1);
        let mut gathering = Gathering::new(event, offset, moment);
        gathering.is_sure = self
            .ended_in
            .is_none_or(|(ended_in, is_whole)| ended_in != event.0 || is_whole);
        State::Head(Box::new(gathering))
    }

    fn tunnel(&self, exchange: u64, rest: &mut Rest<'_>, context: &mut Context<'_>) {
        let (_, time) = rest.event();
        if let (Some(side), Some((span, bytes))) = (self.side, rest.take_all()) {
            (context.sink)(Part::Tunnel {
                exchange,
                side,
                span,
                time,
                bytes,
            });
        }
    }

    fn event_ends(&mut self, piece: &Piece<'_>, context: &mut Context<'_>) {
        let mark = Rest::of(piece).cut_mark();
        self.state = match mem::take(&mut self.state) {
            State::Head(gathering) if gathering.is_rewritten => {
                self.rewritten_head_ends(*gathering, piece, context)
            }
            State::Head(mut gathering) => {
                gathering.defects |= mark;
                State::Head(gathering)
            }
            State::Body(open, Body::Rewritten(left)) => {
                self.end_rewritten(*open, left, mark, context)
            }
            State::Body(open, Body::Over(_)) => {
                let ending = open.even();
                finish(*open, ending, Defects::empty(), context);
                State::Start
            }
            State::Body(mut open, body) => {
                open.mark(mark);
                State::Body(open, body)
            }
            other => other,
        };
        let cut = Provenance::INCOMPLETE | Provenance::CUT_AT_NUL;
        self.is_cut = piece.provenance.intersects(cut) && !self.is_between();
    }

    /// Ends a message that eCapture wrote anew, with its event. Of its body, it leaves out what came after a pause, and so
    /// many bytes as are left are known to be missing. Where that is not known, a phantom may follow that shows it.
    fn end_rewritten(
        &mut self,
        open: Open,
        left: Option<u64>,
        mark: Defects,
        context: &mut Context<'_>,
    ) -> State {
        // Without its request, what has no body may be the response to a HEAD.
        let is_told = open.is_asked() || open.has_body();
        let (ending, defects) = match left {
            Some(1..) if is_told => (Ending::Broken, Defects::LOST_BYTES),
            _ if mark.is_empty() => (Ending::Consistent, mark),
            _ => (Ending::Open, mark),
        };
        self.unmeasured = left.is_none().then_some(Unmeasured {
            exchange: open.exchange,
            has_body: is_told,
        });
        finish(open, ending, defects | mark, context);
        State::Skipping
    }

    /// A phantom stands for a burst of bytes that eCapture did not pass on. They were of the tunnel, or of the body of the
    /// last message, unless that has all that it is to have.
    fn phantom(&mut self, context: &mut Context<'_>) {
        self.phantoms = self.phantoms.saturating_add(1);
        let lacking = context.pairing.tunnel().or_else(|| {
            let last = self.unmeasured.take().filter(|last| last.has_body)?;
            // What other exchanges have followed is over for those who hear of it.
            let is_newest = context.pairing.exchanges() == last.exchange.saturating_add(1);
            is_newest.then_some(last.exchange)
        });
        if let (Some(exchange), Some(side)) = (lacking, self.side) {
            (context.sink)(Part::Lost { exchange, side });
        }
    }

    /// An empty read: the peer has closed its end. A message may follow, if the descriptor serves another connection.
    fn stream_ends(&mut self, context: &mut Context<'_>) {
        self.has_ended = true;
        self.state = match mem::take(&mut self.state) {
            State::Tunnel(exchange) => State::Tunnel(exchange),
            state => {
                self.interrupt(state, Ending::Broken, Defects::LOST_BYTES, context);
                State::Start
            }
        };
        if self.side == Some(Side::Response) {
            context.pairing.responses_ended();
        }
    }

    /// Ends what is under way: nothing more comes.
    pub(super) fn end(&mut self, context: &mut Context<'_>) {
        let state = mem::take(&mut self.state);
        self.interrupt(state, Ending::Open, Defects::empty(), context);
    }

    /// Ends what is under way although its framing has not come out.
    fn interrupt(
        &mut self,
        state: State,
        ending: Ending,
        defects: Defects,
        context: &mut Context<'_>,
    ) {
        match state {
            State::Head(gathering) => self.cut_head(*gathering, ending, defects, context),
            // The connection is over if something shows it, and not because no more was captured.
            State::Body(open, Body::Close) if ending != Ending::Open => {
                finish(*open, Ending::Closed, Defects::empty(), context);
            }
            State::Body(open, Body::Headless) => {
                finish(*open, Ending::Broken, Defects::empty(), context);
            }
            State::Body(open, Body::Over(_)) => {
                let ending = open.even();
                finish(*open, ending, Defects::empty(), context);
            }
            // It was refused, and so not sent.
            State::Body(open, Body::Length(_) | Body::Chunked(_))
                if open.has_waited() && context.pairing.is_refused(open.exchange) =>
            {
                finish(*open, Ending::Consistent, Defects::empty(), context);
            }
            State::Body(open, _) => finish(*open, ending, defects, context),
            State::Start
            | State::Skipping
            | State::Tunnel(_)
            | State::EarlyTunnel(_)
            | State::Upgraded(_) => {}
        }
    }
}

/// Ends a message.
fn finish(open: Open, ending: Ending, defects: Defects, context: &mut Context<'_>) {
    if open.side == Side::Response {
        context.pairing.answered();
    }
    open.end(ending, defects, context.sink);
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Which half a payload begins, by its content.
pub(super) fn begun(content: Content) -> Option<Side> {
    match content {
        Content::Http1Request => Some(Side::Request),
        Content::Http1Response => Some(Side::Response),
        _ => None,
    }
}
