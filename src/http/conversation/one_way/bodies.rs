//! Bodies, given where they are.

use super::super::chunks::Step;
use super::super::framing::Asked;
use super::super::head::may_begin;
use super::super::open::Open;
use super::super::rest::{Rest, wide};
use super::{Body, Context, OneWay, State, finish, is_line_end};
use crate::http::exchange::{Defects, Ending, Side};

impl OneWay {
    /// Reads some of a body.
    pub(super) fn body(
        &mut self,
        mut open: Box<Open>,
        body: Body,
        rest: &mut Rest<'_>,
        context: &mut Context<'_>,
    ) -> State {
        match body {
            Body::Length(left) => {
                let here = wide(rest.bytes().len()).min(left);
                let count = usize::try_from(here).unwrap_or(rest.bytes().len());
                open.give(rest, count, context.sink);
                match left.saturating_sub(here) {
                    0 => self.come_out(*open, true, rest, context),
                    left => State::Body(open, Body::Length(left)),
                }
            }
            Body::Chunked(mut chunks) => {
                match chunks.step(rest.bytes()) {
                    Step::Framing(count) => open.skip(rest, count),
                    Step::Data(count) => open.give(rest, count, context.sink),
                    Step::End {
                        bytes,
                        trailers,
                        defects,
                    } => {
                        open.skip(rest, bytes);
                        open.trailers(trailers, context.sink);
                        open.mark(defects);
                        return self.come_out(*open, false, rest, context);
                    }
                    Step::Broken => return chunks_break(*open, rest, context),
                }
                State::Body(open, Body::Chunked(chunks))
            }
            Body::Over(is_counted) => self.come_out(*open, is_counted, rest, context),
            Body::Rewritten(left) => {
                let here = wide(rest.bytes().len());
                open.give(rest, rest.bytes().len(), context.sink);
                let left = left.map(|left| left.saturating_sub(here));
                State::Body(open, Body::Rewritten(left))
            }
            Body::Close | Body::Headless => {
                let count = rest.bytes().len();
                open.give(rest, count, context.sink);
                State::Body(open, body)
            }
        }
    }

    /// The framing came out. If what follows in the same event is no message, then bytes of other messages were taken for
    /// the counted ones that were lost.
    pub(super) fn come_out(
        &mut self,
        open: Open,
        is_counted: bool,
        rest: &mut Rest<'_>,
        context: &mut Context<'_>,
    ) -> State {
        if rest.is_empty() && !rest.is_end_of_event() {
            return State::Body(Box::new(open), Body::Over(is_counted));
        }
        let is_followed = is_followed(&open, self.side, rest, context);
        let (ending, defects) = match (is_followed, open.is_split()) {
            (false, true) if is_counted => (Ending::Broken, Defects::LOST_BYTES),
            (false, _) => (Ending::Consistent, Defects::empty()),
            (true, _) => (open.even(), Defects::empty()),
        };
        let is_whole = is_followed && open.is_surely_whole();
        self.ended_in = Some((rest.event().0, is_whole));
        finish(open, ending, defects, context);
        State::Start
    }

    /// The request of this response was seen after it: one to HEAD has no body.
    pub(in crate::http::conversation) fn joined(
        &mut self,
        exchange: u64,
        asked: Option<Asked>,
        context: &mut Context<'_>,
    ) {
        if let Some(last) = &mut self.unmeasured
            && last.exchange == exchange
        {
            last.has_body |= asked != Some(Asked::Head);
        }
        self.state = match std::mem::take(&mut self.state) {
            State::Body(open, Body::Length(_) | Body::Chunked(_) | Body::Close)
                if open.exchange == exchange && asked == Some(Asked::Head) && !open.has_body() =>
            {
                finish(*open, Ending::Consistent, Defects::empty(), context);
                State::Start
            }
            State::Body(mut open, body) if open.exchange == exchange => {
                open.set_asked(true);
                State::Body(open, body)
            }
            other => other,
        };
    }
}

/// Whether what is left of the event can follow the message.
fn is_followed(open: &Open, side: Option<Side>, rest: &Rest<'_>, context: &Context<'_>) -> bool {
    let blank = rest.bytes().iter().take_while(|byte| is_line_end(**byte));
    let next = rest.bytes().get(blank.count()..).unwrap_or_default();
    next.is_empty()
        || may_begin(next, side)
        || (open.side == Side::Request && context.pairing.may_tunnel() == Some(open.exchange))
        || context.pairing.tunnel().is_some()
}

/// What stands where the line of a chunk should is none.
fn chunks_break(open: Open, rest: &mut Rest<'_>, context: &mut Context<'_>) -> State {
    let (event, _) = rest.event();
    let defects = if open.is_split() || open.is_new_in(event) {
        Defects::BAD_FRAMING | Defects::LOST_BYTES
    } else {
        Defects::BAD_FRAMING
    };
    rest.take_all();
    finish(open, Ending::Broken, defects, context);
    context.pairing.damaged();
    State::Skipping
}
