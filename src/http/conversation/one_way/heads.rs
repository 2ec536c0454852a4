//! Heads: gathered, given, and what follows them.

use super::super::framing::{Asked, Framed, Framing, is_told_by_response, is_tunnel, names_h2c};
use super::super::head::{Gathering, Progress, may_begin};
use super::super::open::Open;
use super::super::pairing::{Request, Response};
use super::super::rest::Rest;
use super::super::{Part, Piece};
use super::{Body, Chunks, Context, OneWay, State, finish};
use crate::event::EventId;
use crate::http::exchange::{Defects, Ending, MessageHead, Side};

/// How many bytes of a start line are judged again whenever more of it comes.
const JUDGED_BYTES: usize = 256;

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Body(Framing),
    /// Another head to the same request.
    Head,
    Tunnel,
    Http2,
}

impl OneWay {
    pub(super) fn gather(
        &mut self,
        mut gathering: Box<Gathering>,
        rest: &mut Rest<'_>,
        context: &mut Context<'_>,
    ) -> State {
        if gathering.progress != Progress::Whole {
            let block = &mut gathering.block;
            let (taken, is_whole) = block.take(rest.bytes());
            rest.take(taken);
            gathering.last = rest.event();
            if gathering.progress == Progress::StartLine && !self.check(&mut gathering) {
                let (event, offset) = (gathering.first.0, gathering.offset);
                if gathering.is_rewritten {
                    rest.take_all();
                    return State::Skipping;
                }
                return self.not_a_head(event, offset, rest, context);
            }
            if is_whole {
                gathering.progress = Progress::Whole;
            }
            // Only the end of the event tells whether a message that was written anew has a body.
            let is_undecided = gathering.is_rewritten && rest.is_empty() && !rest.is_end_of_event();
            if !is_whole || is_undecided {
                return State::Head(gathering);
            }
        }
        self.begin(*gathering, rest, context)
    }

    /// Whether it can still be a head of this direction.
    fn check(&self, gathering: &mut Gathering) -> bool {
        let block = &gathering.block;
        if block.has_line() || block.is_large() {
            gathering.progress = Progress::Fields;
            let side = gathering.side();
            return side.is_some() && (self.side.is_none() || self.side == side);
        }
        block.bytes().len() > JUDGED_BYTES || may_begin(block.bytes(), self.side)
    }

    /// What stands where a message should begin is none.
    pub(super) fn not_a_head(
        &mut self,
        event: EventId,
        offset: u64,
        rest: &mut Rest<'_>,
        context: &mut Context<'_>,
    ) -> State {
        let is_here = rest.go_back(event, offset);
        if is_here && let Some(side) = self.side {
            // A client need not wait before it uses the tunnel that it asked for.
            if side == Side::Request
                && let Some(exchange) = context.pairing.may_tunnel()
            {
                self.tunnel(exchange, rest, context);
                return State::EarlyTunnel(exchange);
            }
            if offset == 0
                && let Some(exchange) = headless(side, rest, context)
            {
                let first = rest.event();
                (context.sink)(Part::Head {
                    exchange,
                    side,
                    http2_stream: None,
                    head: None,
                    first,
                    last: first,
                    defects: Defects::NO_START,
                });
                let open = Open::new(exchange, side, first.0, first);
                return State::Body(Box::new(open), Body::Headless);
            }
        }
        context.pairing.damaged();
        rest.take_all();
        State::Skipping
    }

    /// The head is whole.
    fn begin(
        &mut self,
        gathering: Gathering,
        rest: &mut Rest<'_>,
        context: &mut Context<'_>,
    ) -> State {
        let is_rewritten = gathering.is_rewritten;
        if is_rewritten && rest.is_empty() && self.is_phantom(&gathering, context) {
            self.phantom(context);
            return State::Skipping;
        }
        if is_rewritten {
            context.pairing.set_tunnel(None);
            self.unmeasured = None;
        }
        let Some((open, next)) = self.open(gathering, Defects::empty(), context) else {
            return State::Skipping;
        };
        match next {
            Next::Head => {
                self.ended_in = Some((rest.event().0, open.is_surely_whole()));
                State::Start
            }
            Next::Http2 => State::Upgraded(open.exchange),
            Next::Tunnel => {
                let exchange = open.exchange;
                context.pairing.set_tunnel(Some(exchange));
                let ending = if is_rewritten {
                    Ending::Consistent
                } else {
                    open.even()
                };
                finish(open, ending, Defects::empty(), context);
                State::Tunnel(exchange)
            }
            Next::Body(framing) if is_rewritten => {
                let length = match framing {
                    Framing::Length(bytes) => Some(bytes),
                    Framing::Absent => Some(0),
                    Framing::Chunked | Framing::Close => None,
                };
                if rest.is_end_of_event() {
                    return self.end_rewritten(open, length, rest.cut_mark(), context);
                }
                State::Body(Box::new(open), Body::Rewritten(length))
            }
            Next::Body(Framing::Absent) => self.come_out(open, false, rest, context),
            Next::Body(Framing::Length(bytes)) => State::Body(Box::new(open), Body::Length(bytes)),
            Next::Body(Framing::Chunked) => {
                State::Body(Box::new(open), Body::Chunked(Chunks::new()))
            }
            Next::Body(Framing::Close) => State::Body(Box::new(open), Body::Close),
        }
    }

    /// Gives what there is of a head as a message that ends with it, if its start line is there.
    pub(super) fn cut_head(
        &mut self,
        gathering: Gathering,
        ending: Ending,
        defects: Defects,
        context: &mut Context<'_>,
    ) {
        if gathering.progress == Progress::StartLine {
            return;
        }
        match self.open(gathering, defects, context) {
            // The request still waits for its final response.
            None | Some((_, Next::Head)) => {}
            Some((open, _)) => finish(open, ending, defects, context),
        }
    }

    /// At the end of its event, a head that eCapture wrote anew is still open.
    pub(super) fn rewritten_head_ends(
        &mut self,
        gathering: Gathering,
        piece: &Piece<'_>,
        context: &mut Context<'_>,
    ) -> State {
        if gathering.progress == Progress::Whole {
            let mut rest = Rest::of(piece);
            rest.take_all();
            return self.begin(gathering, &mut rest, context);
        }
        self.cut_head(gathering, Ending::Broken, Defects::LOST_BYTES, context);
        State::Skipping
    }

    /// Whether a message that eCapture wrote anew is no message: a burst that does not begin with one is sent as the head
    /// of the last message once more, without any bytes of the burst (`pkg/event_processor/iworker.go@v1.5.2`).
    fn is_phantom(&mut self, gathering: &Gathering, context: &Context<'_>) -> bool {
        let is_repeated = self.rewritten.as_deref() == Some(gathering.block.bytes());
        let is_asked = context.pairing.is_asked();
        is_repeated
            && (context.pairing.tunnel().is_some()
                || gathering.announces_body().is_some_and(|side| match side {
                    Side::Request => true,
                    Side::Response => !is_asked,
                }))
    }

    /// Gives the head.
    fn open(
        &mut self,
        gathering: Gathering,
        defects: Defects,
        context: &mut Context<'_>,
    ) -> Option<(Open, Next)> {
        let (first, last) = (gathering.first, gathering.last);
        let (is_sure, is_rewritten) = (gathering.is_sure, gathering.is_rewritten);
        let moment = gathering.moment;
        let mut defects = defects | gathering.defects;
        if gathering.block.is_large() {
            defects |= Defects::LARGE_HEAD;
        }
        let (side, head, broken_rules, block) = gathering.read()?;
        // The codings of a body that was written anew are undone, and its length is that of the coded one.
        let is_unmeasured = is_rewritten && head.is_coded();
        defects |= broken_rules;
        self.side = Some(side);
        self.has_head = true;
        if is_rewritten {
            self.rewritten = Some(block);
        }
        let mut open;
        let next;
        match side {
            Side::Request => {
                let framed = Framed::of_request(&head);
                let request = Request {
                    first,
                    moment,
                    asked: Some(Asked::of(&head)),
                    upgrades: head.values("upgrade").next().is_some(),
                    is_joined: self.ended_in.is_some_and(|(event, _)| event == first.0),
                    is_rewritten,
                };
                let (exchange, unsure) = context.pairing.request(&request, context.sink);
                defects |= unsure | of_framing(framed, is_rewritten);
                open = Open::new(exchange, side, first.0, last);
                open.set_sure(is_sure);
                let expected = head.values("expect").next();
                if expected.is_some_and(|what| what.eq_ignore_ascii_case(b"100-continue")) {
                    open.set_withheld();
                }
                next = Next::Body(measured(framed.framing, is_unmeasured));
            }
            Side::Response => {
                let is_interim = head.is_interim();
                let response = Response {
                    time: first.1,
                    last,
                    is_interim,
                    is_rewritten,
                };
                let answer = context.pairing.response(&response, context.sink);
                let framed = Framed::of_response(&head, answer.asked);
                defects |= answer.defects | of_framing(framed, is_rewritten);
                open = Open::new(answer.exchange, side, first.0, last);
                open.set_asked(answer.asked.is_some());
                let is_pair = answer.asked.is_some() && answer.defects.is_empty();
                // Some have no body, whatever their fields say.
                let is_told = head.status.is_some() && (is_pair || is_told_by_response(&head));
                open.set_sure(is_sure && is_told);
                let framing = measured(framed.framing, is_unmeasured);
                next = after(&head, answer.asked, is_interim, framing);
            }
        }
        (context.sink)(Part::Head {
            exchange: open.exchange,
            side,
            http2_stream: None,
            head: Some(head),
            first,
            last,
            defects,
        });
        Some((open, next))
    }
}

/// What is wrong with the framing. That of a message which was written anew is not what its fields say.
fn of_framing(framed: Framed, is_rewritten: bool) -> Defects {
    if is_rewritten {
        Defects::empty()
    } else {
        framed.defects
    }
}

/// The framing, without a length that is not that of what was captured.
fn measured(framing: Framing, is_unmeasured: bool) -> Framing {
    match framing {
        Framing::Length(_) if is_unmeasured => Framing::Close,
        framing => framing,
    }
}

fn after(head: &MessageHead, asked: Option<Asked>, is_interim: bool, framing: Framing) -> Next {
    if is_interim {
        Next::Head
    } else if head.status == Some(101) && names_h2c(head) {
        Next::Http2
    } else if is_tunnel(head, asked) {
        Next::Tunnel
    } else {
        Next::Body(framing)
    }
}

/// The exchange that bytes without a head belong to, if that is clear: the response that is due, or a request where none
/// is under way.
fn headless(side: Side, rest: &Rest<'_>, context: &mut Context<'_>) -> Option<u64> {
    match side {
        Side::Response => context.pairing.headless(),
        Side::Request => context.pairing.is_idle().then(|| {
            let first = rest.event();
            let request = Request {
                first,
                moment: context.pairing.moment(first.1),
                asked: None,
                upgrades: false,
                is_joined: false,
                is_rewritten: false,
            };
            context.pairing.request(&request, context.sink).0
        }),
    }
}
