//! Which response answers which request, on one HTTP/1 connection.
//!
//! A server answers in the order of the requests (RFC 9112, section 9.3.2), so the first response belongs to the oldest
//! request that waits. That alone would be wrong for good after one lost response, so three kinds of evidence are used:
//!
//! - A request that began after a response did is not the one that it answers.
//! - A client that does not pipeline asks again only when it has its answer. So a request that comes after a pause while
//!   another waits, on a connection that does not pipeline, says that the answer to the other was lost: the next response
//!   belongs to the newer one, and is marked [`Defects::UNSURE_PAIR`].
//! - Pipelining shows when requests are sent in one write, or when responses follow each other without a request between.
//!   Before it does, requests that quickly follow each other are taken as pipelined, and the response as unsure.
//!
//! A response that no request waits for is an exchange of its own. If the request follows with the same or an earlier time,
//! as events of two directions do not arrive in the order of their times, it joins that exchange.

mod words;

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

pub(super) use words::{Answer, Moment, Request, Response};

use super::Part;
use super::framing::Asked;
use crate::event::{EventId, Timestamp};
use crate::http::exchange::{Defects, Ending, Side};
use words::{Link, Orphan, Waiting, joins, latest};

/// How many requests of a connection may wait for their response; the oldest is given up for one more.
pub const MAX_WAITING: usize = 1024;
/// How long the connection must have been silent for a request not to count as pipelined behind the one that waits. On a
/// busy machine the writes of one client are some milliseconds apart.
const PAUSE: Duration = Duration::from_millis(5);
/// The requests and responses of one connection.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    next: u64,
    waiting: VecDeque<Waiting>,
    /// The response that is under way.
    answering: Option<u64>,
    orphan: Option<Orphan>,
    /// Where a request joined the response that was there before it.
    joined: Option<(u64, Option<Asked>)>,
    pipelines: bool,
    /// Which side the last head was of, interim ones apart.
    last_side: Option<Side>,
    /// Whether damage made uncertain which request is next.
    is_in_doubt: bool,
    responses_ended: bool,
    last_time: Option<Timestamp>,
    requests: u64,
    responses: u64,
    /// The request that was last told to go on.
    continued: Option<u64>,
    tunnel: Option<u64>,
}

impl Pairing {
    /// How many exchanges have begun.
    pub(super) fn exchanges(&self) -> u64 {
        self.next
    }

    /// An event was read.
    pub(super) fn saw(&mut self, time: Timestamp) {
        self.last_time = self.last_time.max(Some(time));
    }

    /// What is going on when a head begins at this time.
    pub(super) fn moment(&self, time: Timestamp) -> Moment {
        Moment {
            silence: self
                .last_time
                .map_or(Duration::ZERO, |last| time.since(last)),
            is_amid_response: self.answering.is_some(),
            requests: self.requests,
            is_asked: self.is_asked(),
            responses: self.responses,
        }
    }

    /// Whether what the other side did since then shows that a head which began then did not go on.
    pub(super) fn shows_cut(&self, side: Side, moment: &Moment) -> bool {
        match side {
            // Either nothing else was asked, or the client that had not its answer did not begin to ask anew.
            Side::Request => {
                self.responses > moment.responses && !(moment.is_asked && self.pipelines)
            }
            Side::Response => self.requests > moment.requests,
        }
    }

    /// A request begins. Gives its exchange, and what is unsure about that.
    pub(super) fn request(
        &mut self,
        request: &Request,
        sink: &mut dyn FnMut(Part<'_>),
    ) -> (u64, Defects) {
        self.requests = self.requests.saturating_add(1);
        self.last_side = Some(Side::Request);
        if mem::take(&mut self.responses_ended) {
            // What waits from before belongs to a connection that is over.
            self.abandon(self.waiting.len(), sink);
        }
        if self.waiting.is_empty()
            && let Some(orphan) = self.orphan.take_if(|orphan| joins(orphan, request))
        {
            return self.join(&orphan, request);
        }
        self.drop_orphan(sink);
        let link = if self.waiting.is_empty() {
            if self.answering.is_none() {
                self.pipelines = false;
                self.is_in_doubt = false;
            }
            Link::Soon
        } else if request.is_joined {
            Link::Joined
        } else if request.moment.silence > PAUSE || self.is_last_headless() {
            Link::Late
        } else {
            Link::Soon
        };
        if self.waiting.len() >= MAX_WAITING {
            self.give_up(request.first, sink);
        }
        let exchange = self.number();
        self.wait(exchange, request, link, None);
        (exchange, Defects::empty())
    }

    /// Whether the head of the newest request was not captured. It may be none at all, but bytes of the one that follows,
    /// which came too early.
    fn is_last_headless(&self) -> bool {
        self.waiting
            .back()
            .is_some_and(|waiting| waiting.asked.is_none())
    }

    fn join(&mut self, orphan: &Orphan, request: &Request) -> (u64, Defects) {
        let exchange = orphan.exchange;
        if orphan.interim.is_some() {
            self.wait(exchange, request, Link::Soon, orphan.interim);
        } else {
            self.joined = Some((exchange, request.asked));
        }
        let is_sure = request.is_rewritten || request.first.1 < orphan.time;
        let defects = if is_sure {
            Defects::empty()
        } else {
            Defects::UNSURE_PAIR
        };
        (exchange, defects)
    }

    fn wait(
        &mut self,
        exchange: u64,
        request: &Request,
        link: Link,
        interim: Option<(EventId, Timestamp)>,
    ) {
        self.waiting.push_back(Waiting {
            exchange,
            began: request.first.1,
            asked: request.asked,
            upgrades: request.upgrades,
            link,
            is_amid_response: request.moment.is_amid_response,
            is_rewritten: request.is_rewritten,
            interim,
        });
    }

    /// A response begins.
    pub(super) fn response(
        &mut self,
        response: &Response,
        sink: &mut dyn FnMut(Part<'_>),
    ) -> Answer {
        self.responses_ended = false;
        self.responses = self.responses.saturating_add(1);
        let candidates = self
            .waiting
            .iter()
            .take_while(|waiting| {
                waiting.began <= latest(response, waiting.is_rewritten || response.is_rewritten)
            })
            .count();
        if candidates == 0 {
            return self.unasked(response);
        }
        if self.last_side == Some(Side::Response) {
            self.pipelines = true;
        }
        let skipped = if self.pipelines {
            0
        } else {
            let links = self.waiting.iter().take(candidates).enumerate().skip(1);
            links
                .filter(|(_, waiting)| waiting.link == Link::Late)
                .map(|(place, _)| place)
                .next_back()
                .unwrap_or(0)
        };
        self.abandon(skipped, sink);
        let behind = candidates.saturating_sub(skipped).saturating_sub(1);
        let is_unproven = !self.pipelines
            && self
                .waiting
                .iter()
                .skip(1)
                .take(behind)
                .any(|waiting| waiting.link != Link::Joined);
        let mut answer = Answer {
            exchange: 0,
            asked: None,
            defects: Defects::empty(),
        };
        if skipped > 0 || is_unproven || self.is_in_doubt {
            answer.defects |= Defects::UNSURE_PAIR;
        }
        if let Some(asked) = self.waiting.front_mut() {
            answer.exchange = asked.exchange;
            answer.asked = asked.asked;
            asked.interim = Some(response.last);
        }
        if response.is_interim {
            self.continued = self.continued.max(Some(answer.exchange));
        }
        if !response.is_interim {
            self.waiting.pop_front();
            self.drop_orphan(sink);
            self.begin_answer(answer.exchange);
        }
        answer
    }

    fn unasked(&mut self, response: &Response) -> Answer {
        // The final response follows the interim one, whose request was not seen either.
        let exchange = match self.orphan.take() {
            Some(orphan) if orphan.interim.is_some() => orphan.exchange,
            _ => self.number(),
        };
        self.orphan = Some(Orphan {
            exchange,
            time: response.time,
            is_rewritten: response.is_rewritten,
            interim: response.is_interim.then_some(response.last),
        });
        if !response.is_interim {
            self.begin_answer(exchange);
        }
        Answer {
            exchange,
            asked: None,
            defects: Defects::empty(),
        }
    }

    fn begin_answer(&mut self, exchange: u64) {
        self.answering = Some(exchange);
        self.last_side = Some(Side::Response);
    }

    /// A response is over.
    pub(super) fn answered(&mut self) {
        self.answering = None;
    }

    /// The response without its head that the oldest waiting request got, if one waits.
    pub(super) fn headless(&mut self) -> Option<u64> {
        let waiting = self.waiting.front()?;
        if waiting.interim.is_some() {
            return None;
        }
        let exchange = waiting.exchange;
        self.waiting.pop_front();
        self.begin_answer(exchange);
        Some(exchange)
    }

    /// Whether nothing is asked and nothing answered.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.answering.is_none()
    }

    /// Whether the final response to this request was seen, or is not to be expected any more.
    pub(super) fn is_answered(&self, exchange: u64) -> bool {
        let mut waiting = self.waiting.iter().rev();
        !waiting.any(|waiting| waiting.exchange == exchange)
    }

    /// Whether the final response to this request was seen, and none that tells its client to go on.
    pub(super) fn is_refused(&self, exchange: u64) -> bool {
        self.is_answered(exchange) && self.continued < Some(exchange)
    }

    /// Whether a request waits.
    pub(super) fn is_asked(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether a request came while the response was under way, on a connection that does not pipeline: the response is
    /// over then.
    pub(super) fn is_asked_anew(&self) -> bool {
        !self.pipelines && self.waiting.iter().any(|waiting| waiting.is_amid_response)
    }

    /// The exchange that becomes a tunnel if its request, the newest, is granted.
    pub(super) fn may_tunnel(&self) -> Option<u64> {
        self.waiting
            .back()
            .filter(|waiting| waiting.upgrades || waiting.asked == Some(Asked::Connect))
            .map(|waiting| waiting.exchange)
    }

    /// The exchange that the connection has become a tunnel for.
    pub(super) fn tunnel(&self) -> Option<u64> {
        self.tunnel
    }

    /// The connection becomes a tunnel, or is none any more.
    pub(super) fn set_tunnel(&mut self, exchange: Option<u64>) {
        self.tunnel = exchange;
    }

    /// The exchange and the request that joined a response which was there before it.
    pub(super) fn take_joined(&mut self) -> Option<(u64, Option<Asked>)> {
        self.joined.take()
    }

    /// Bytes were lost, and messages may have been. Which request is next is in doubt if several wait.
    pub(super) fn damaged(&mut self) {
        self.is_in_doubt |= self.waiting.len() > 1;
    }

    /// The direction of the responses has ended. Events of one time may be exchanged, so that a response still counts.
    pub(super) fn responses_ended(&mut self) {
        self.responses_ended = true;
    }

    /// Ends what has begun of responses that will not come any more.
    pub(super) fn end(&mut self, sink: &mut dyn FnMut(Part<'_>)) {
        self.abandon(self.waiting.len(), sink);
        self.drop_orphan(sink);
    }

    /// No request joins it any more.
    fn drop_orphan(&mut self, sink: &mut dyn FnMut(Part<'_>)) {
        if let Some(orphan) = self.orphan.take()
            && let Some(last) = orphan.interim
        {
            end_interim(orphan.exchange, last, Defects::empty(), sink);
        }
    }

    /// The next number, for an exchange.
    pub(super) fn number(&mut self) -> u64 {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        number
    }

    fn abandon(&mut self, count: usize, sink: &mut dyn FnMut(Part<'_>)) {
        for waiting in self.waiting.drain(..count.min(self.waiting.len())) {
            if let Some(last) = waiting.interim {
                end_interim(waiting.exchange, last, Defects::empty(), sink);
            }
        }
    }

    /// Gives up the oldest, and says so of its response.
    fn give_up(&mut self, now: (EventId, Timestamp), sink: &mut dyn FnMut(Part<'_>)) {
        let Some(oldest) = self.waiting.pop_front() else {
            return;
        };
        if oldest.interim.is_none() {
            sink(Part::Head {
                exchange: oldest.exchange,
                side: Side::Response,
                http2_stream: None,
                head: None,
                first: now,
                last: now,
                defects: Defects::GIVEN_UP,
            });
        }
        let last = oldest.interim.unwrap_or(now);
        end_interim(oldest.exchange, last, Defects::GIVEN_UP, sink);
    }
}

fn end_interim(
    exchange: u64,
    last: (EventId, Timestamp),
    defects: Defects,
    sink: &mut dyn FnMut(Part<'_>),
) {
    sink(Part::End {
        exchange,
        side: Side::Response,
        ending: Ending::Open,
        defects,
        last,
    });
}
