//! What the beginning of an event says: whether a message that is under way is over although bytes of it are missing.
//!
//! eCapture loses events and numbers none. So an event that begins with a start line, while more of a body is due, is
//! either the next message after a loss, or HTTP text within the body. It is the next message if
//!
//! - no start line is possible as part of the message: the line of a chunk, a trailer or a header line is due;
//! - for a request: the response to the one under way was seen, so that the server had all of it;
//! - for a response: another request was sent while it was under way, by a client that does not pipeline;
//! - the event before was cut off by eCapture and nothing contradicts a loss: for a response, a request must wait;
//! - the head was not captured, or neither the request was nor a byte of the body, as after HEAD.
//!
//! Otherwise it is body.

use std::mem;

use super::{Body, Context, OneWay, State, begun};
use crate::event::Provenance;
use crate::http::conversation::Piece;
use crate::http::conversation::head::Gathering;
use crate::http::conversation::open::Open;
use crate::http::conversation::pairing::Pairing;
use crate::http::exchange::{Defects, Ending, Side};

impl OneWay {
    /// The first bytes of an event are about to be read.
    pub(super) fn event_starts(&mut self, piece: &Piece<'_>, context: &mut Context<'_>) {
        let begun = begun(piece.content);
        let begins = begun.is_some() && (self.side.is_none() || self.side == begun);
        let state = mem::take(&mut self.state);
        if piece.provenance.contains(Provenance::RESERIALIZED) {
            self.interrupt(state, Ending::Broken, Defects::LOST_BYTES, context);
            self.state = if begins {
                let first = (piece.event, piece.time);
                let moment = context.pairing.moment(piece.time);
                let mut gathering = Gathering::new(first, piece.offset, moment);
                gathering.is_rewritten = true;
                gathering.defects = Defects::RESERIALIZED;
                State::Head(Box::new(gathering))
            } else {
                State::Skipping
            };
        } else {
            self.state = self.resume(state, begins, context);
        }
        self.is_cut = false;
        self.has_ended &= matches!(self.state, State::Tunnel(_));
    }

    fn resume(&mut self, state: State, begins: bool, context: &mut Context<'_>) -> State {
        match state {
            State::Skipping => match context.pairing.tunnel() {
                Some(exchange) => State::Tunnel(exchange),
                None if begins => State::Start,
                None => State::Skipping,
            },
            State::EarlyTunnel(_) => State::Start,
            State::Tunnel(_) if begins && self.has_ended => {
                context.pairing.set_tunnel(None);
                State::Start
            }
            State::Tunnel(_) if context.pairing.tunnel().is_none() => {
                if begins {
                    State::Start
                } else {
                    State::Skipping
                }
            }
            State::Head(gathering) if begins && self.is_cut_off(&gathering, context.pairing) => {
                let state = State::Head(gathering);
                self.interrupt(state, Ending::Broken, Defects::LOST_BYTES, context);
                context.pairing.damaged();
                State::Start
            }
            State::Body(open, body) if begins && self.is_over(&open, &body, context.pairing) => {
                let state = State::Body(open, body);
                self.interrupt(state, Ending::Broken, Defects::LOST_BYTES, context);
                context.pairing.damaged();
                State::Start
            }
            other => other,
        }
    }

    /// Whether a head that is under way has lost the rest, since a start line comes now.
    fn is_cut_off(&self, gathering: &Gathering, pairing: &Pairing) -> bool {
        let block = &gathering.block;
        let is_at_line = block.has_line() && block.is_at_line_start();
        is_at_line
            || self.is_cut
            || self
                .side
                .is_some_and(|side| pairing.shows_cut(side, &gathering.moment))
    }

    /// Whether a body that is under way has lost the rest, since a start line comes now.
    fn is_over(&self, open: &Open, body: &Body, pairing: &Pairing) -> bool {
        let is_impossible = match body {
            Body::Chunked(chunks) => chunks.is_between_data(),
            Body::Headless => true,
            Body::Length(_) | Body::Close | Body::Rewritten(_) | Body::Over(_) => false,
        };
        is_impossible
            || match open.side {
                Side::Request => self.is_cut || pairing.is_answered(open.exchange),
                Side::Response => {
                    pairing.is_asked_anew()
                        || (self.is_cut && pairing.is_asked())
                        || (!open.is_asked() && !open.has_body())
                }
            }
    }
}
