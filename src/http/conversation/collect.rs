//! Parts put together again: the exchanges of one connection as values, handed out whenever they have changed.
//!
//! What is handed out need not be held: [`Assembler::drain`] gives each changed exchange once, with the spans that are
//! new since it was last given, and forgets what is over. So memory depends on how many exchanges are under way, not on
//! how long they are or how long the connection lives.

use std::collections::BTreeMap;

use super::Part;
use crate::event::{EventId, Timestamp};
use crate::http::exchange::{Defects, Ending, Message, MessageHead, Side, Span};

/// How many spans of a body, and of a tunnel, are remembered of one message; it ends there for us.
pub const MAX_SPANS: u64 = 1 << 20;
/// How many exchanges that are not over are held after a [`Assembler::drain`]. Beyond, the oldest are given no more: of
/// most of them a response was lost, and nothing will come.
pub const MAX_HELD: usize = 2048;
/// How many heads of interim responses are kept of one exchange, and how many bytes of them; later ones are left out.
const MAX_INTERIM: usize = 16;
const INTERIM_BYTES: usize = 64 << 10;

/// An exchange, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// Its place among the exchanges of its connection, from 0.
    pub number: u64,
    /// The HTTP/2 stream.
    pub http2_stream: Option<u32>,
    /// Request and response. Their spans are those since the exchange was last drained, their sizes the whole.
    pub halves: [Option<Message>; 2],
}

impl Collected {
    /// What the client sent.
    pub fn request(&self) -> Option<&Message> {
        let [request, _] = &self.halves;
        request.as_ref()
    }

    /// What the server answered.
    pub fn response(&self) -> Option<&Message> {
        let [_, response] = &self.halves;
        response.as_ref()
    }

    fn half_mut(&mut self, side: Side) -> &mut Option<Message> {
        let [request, response] = &mut self.halves;
        match side {
            Side::Request => request,
            Side::Response => response,
        }
    }

    /// Whether eCapture wrote it anew, so that a phantom may follow.
    fn is_rewritten(&self) -> bool {
        let mut halves = self.halves.iter().flatten();
        halves.any(|message| message.defects.contains(Defects::RESERIALIZED))
    }

    /// Whether a tunnel may follow the end of both halves.
    fn may_tunnel(&self) -> bool {
        let answer = self.response().and_then(|message| message.head.as_ref());
        let asked = self.request().and_then(|message| message.head.as_ref());
        let status = answer.and_then(|head| head.status);
        let method = asked.and_then(|head| head.method.as_deref());
        status == Some(101) || (method == Some(b"CONNECT") && matches!(status, Some(200..=299)))
    }
}

/// Puts the parts of one connection together.
#[derive(Debug, Default)]
pub struct Assembler {
    held: BTreeMap<u64, Held>,
}

#[derive(Debug)]
struct Held {
    exchange: Collected,
    is_changed: bool,
    /// Whether request and response have ended.
    ended: [bool; 2],
    /// How many spans were drained before: of the bodies and of the tunnels.
    drained: [Drained; 2],
}

#[derive(Debug, Default, Clone, Copy)]
struct Drained {
    body: u64,
    tunnel: u64,
}

impl Assembler {
    /// Of a connection that begins.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what a part says.
    pub fn take(&mut self, part: &Part<'_>) {
        match part {
            Part::Head {
                exchange,
                side,
                http2_stream,
                head,
                first,
                last,
                defects,
            } => {
                let held = self
                    .held
                    .entry(*exchange)
                    .or_insert_with(|| Held::new(*exchange));
                held.is_changed = true;
                held.exchange.http2_stream = http2_stream.or(held.exchange.http2_stream);
                let message = begun(head.clone(), *first, *last, *defects);
                let half = held.exchange.half_mut(*side);
                *half = Some(match half.take() {
                    Some(before) => follow(before, message),
                    None => message,
                });
            }
            Part::Body {
                exchange,
                side,
                span,
                time,
                ..
            } => self.change(*exchange, *side, |message, drained| {
                let place = (span, *time);
                add(message, place, drained.body, |message| {
                    (&mut message.body, &mut message.body_bytes)
                });
            }),
            Part::Tunnel {
                exchange,
                side,
                span,
                time,
                ..
            } => self.change(*exchange, *side, |message, drained| {
                let place = (span, *time);
                add(message, place, drained.tunnel, |message| {
                    (&mut message.tunnel, &mut message.tunnel_bytes)
                });
            }),
            Part::Trailers {
                exchange,
                side,
                fields,
            } => self.change(*exchange, *side, |message, _| {
                message.trailers.clone_from(fields);
            }),
            Part::End {
                exchange,
                side,
                ending,
                defects,
                last,
            } => {
                self.change(*exchange, *side, |message, _| {
                    message.ending = *ending;
                    message.defects |= *defects;
                    message.last = *last;
                });
                if let Some(held) = self.held.get_mut(exchange) {
                    *held.ended_mut(*side) = true;
                }
            }
            Part::Lost { exchange, side } => self.change(*exchange, *side, |message, _| {
                message.ending = Ending::Broken;
                message.defects |= Defects::LOST_BYTES;
            }),
        }
    }

    fn change(&mut self, exchange: u64, side: Side, change: impl FnOnce(&mut Message, Drained)) {
        let Some(held) = self.held.get_mut(&exchange) else {
            return;
        };
        let [request, response] = held.drained;
        let drained = match side {
            Side::Request => request,
            Side::Response => response,
        };
        if let Some(message) = held.exchange.half_mut(side) {
            change(message, drained);
            held.is_changed = true;
        }
    }

    /// Gives each exchange that has changed since it was last given, in the order of their numbers, and forgets what is
    /// over: exchanges of which both halves have ended, unless they are a tunnel or it may yet show that bytes of them are
    /// missing, and the spans that were given. What is given of an exchange later is to be added to what was given before.
    ///
    /// # Errors
    /// The first that `give` says; what it was not given then is forgotten as well.
    pub fn drain<E>(&mut self, give: &mut dyn FnMut(&Collected) -> Result<(), E>) -> Result<(), E> {
        let mut result = Ok(());
        let newest = self.held.last_key_value().map(|(number, _)| *number);
        self.held.retain(|number, held| {
            if held.is_changed && result.is_ok() {
                result = give(&held.exchange);
            }
            held.forget_spans();
            let [request, response] = held.ended;
            let may_lack = Some(*number) == newest && held.exchange.is_rewritten();
            !(request && response) || held.exchange.may_tunnel() || may_lack
        });
        while self.held.len() > MAX_HELD {
            self.held.pop_first();
        }
        result
    }

    /// Whether more can come of this exchange.
    pub fn holds(&self, number: u64) -> bool {
        self.held.contains_key(&number)
    }

    /// What is held, in the order of their numbers: without draining, all that was taken.
    pub fn all(&self) -> impl Iterator<Item = &Collected> {
        self.held.values().map(|held| &held.exchange)
    }
}

impl Held {
    fn new(number: u64) -> Self {
        Self {
            exchange: Collected {
                number,
                http2_stream: None,
                halves: [None, None],
            },
            is_changed: true,
            ended: [false; 2],
            drained: [Drained::default(); 2],
        }
    }

    fn ended_mut(&mut self, side: Side) -> &mut bool {
        let [request, response] = &mut self.ended;
        match side {
            Side::Request => request,
            Side::Response => response,
        }
    }

    fn forget_spans(&mut self) {
        self.is_changed = false;
        for (half, drained) in self.exchange.halves.iter_mut().zip(&mut self.drained) {
            if let Some(message) = half {
                let count = |spans: &[Span]| u64::try_from(spans.len()).unwrap_or(u64::MAX);
                drained.body = drained.body.saturating_add(count(&message.body));
                drained.tunnel = drained.tunnel.saturating_add(count(&message.tunnel));
                message.body = Vec::new();
                message.tunnel = Vec::new();
            }
        }
    }
}

fn begun(
    head: Option<MessageHead>,
    first: (EventId, Timestamp),
    last: (EventId, Timestamp),
    defects: Defects,
) -> Message {
    Message {
        head,
        interim: Vec::new(),
        trailers: Vec::new(),
        first,
        last,
        body_bytes: 0,
        body: Vec::new(),
        tunnel_bytes: 0,
        tunnel: Vec::new(),
        ending: Ending::Open,
        defects,
    }
}

/// A half begins anew: its head comes after interim ones, or after bytes of its body.
fn follow(mut before: Message, now: Message) -> Message {
    match std::mem::replace(&mut before.head, now.head) {
        Some(head) if head.status.is_some_and(|status| status < 200) => {
            let kept: usize = before.interim.iter().map(MessageHead::text_bytes).sum();
            let bytes = kept.saturating_add(head.text_bytes());
            if before.interim.len() < MAX_INTERIM && bytes <= INTERIM_BYTES {
                before.interim.push(head);
            } else {
                before.defects |= Defects::LARGE_HEAD;
            }
            before.defects |= now.defects;
        }
        _ => before.defects = now.defects,
    }
    (before.first, before.last) = (now.first, now.last);
    before
}

/// Adds a span to those that `which` tells.
fn add(
    message: &mut Message,
    (span, time): (&Span, Timestamp),
    drained: u64,
    which: impl Fn(&mut Message) -> (&mut Vec<Span>, &mut u64),
) {
    message.last = (span.event, time);
    let (spans, bytes) = which(message);
    let count = drained.saturating_add(u64::try_from(spans.len()).unwrap_or(u64::MAX));
    match spans.last_mut() {
        Some(before)
            if before.event == span.event
                && before.offset.checked_add(before.length) == Some(span.offset) =>
        {
            before.length = before.length.saturating_add(span.length);
        }
        _ if count < MAX_SPANS => spans.push(*span),
        _ => {
            message.defects |= Defects::MANY_PIECES;
            return;
        }
    }
    *bytes = bytes.saturating_add(span.length);
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const BOTH: [Side; 2] = Side::BOTH;

    fn at(event: i64) -> (EventId, Timestamp) {
        (EventId::new(event), Timestamp::from_seconds(event))
    }

    fn head(exchange: u64, side: Side, status: Option<u16>) -> Part<'static> {
        Part::Head {
            exchange,
            side,
            http2_stream: None,
            head: Some(MessageHead {
                status,
                ..MessageHead::empty(crate::http::exchange::Version::Http11)
            }),
            first: at(1),
            last: at(1),
            defects: Defects::empty(),
        }
    }

    fn body(exchange: u64, side: Side, event: i64, offset: u64, bytes: &[u8]) -> Part<'_> {
        Part::Body {
            exchange,
            side,
            span: Span {
                event: EventId::new(event),
                offset,
                length: bytes.len() as u64,
            },
            time: at(event).1,
            bytes,
        }
    }

    fn end(exchange: u64, side: Side, event: i64) -> Part<'static> {
        Part::End {
            exchange,
            side,
            ending: Ending::Consistent,
            defects: Defects::LOST_BYTES,
            last: at(event),
        }
    }

    /// Number, size, and place and length of each span.
    type Given = (u64, u64, Vec<(u64, u64)>);

    fn drained(assembler: &mut Assembler) -> Vec<Given> {
        let mut given = Vec::new();
        let Ok(()) = assembler.drain::<Infallible>(&mut |exchange| {
            let message = exchange.response().or(exchange.request()).unwrap();
            let spans = message.body.iter().map(|span| (span.offset, span.length));
            given.push((exchange.number, message.body_bytes, spans.collect()));
            Ok(())
        });
        given
    }

    #[test]
    fn neighboring_spans_are_one() {
        let mut assembler = Assembler::new();
        assembler.take(&head(0, Side::Request, None));
        for part in [
            body(0, Side::Request, 1, 10, b"ab"),
            body(0, Side::Request, 1, 12, b"c"),
            body(0, Side::Request, 1, 15, b"d"),
            body(0, Side::Request, 2, 16, b"e"),
        ] {
            assembler.take(&part);
        }
        assert_eq!(
            drained(&mut assembler),
            [(0, 5, vec![(10, 3), (15, 1), (16, 1)])]
        );
    }

    #[test]
    fn gives_what_changed_and_forgets_what_is_over() {
        let mut assembler = Assembler::new();
        assembler.take(&head(0, Side::Request, None));
        assembler.take(&head(1, Side::Request, None));
        assert_eq!(drained(&mut assembler).len(), 2);
        assert_eq!(drained(&mut assembler), []);
        assembler.take(&end(0, Side::Request, 1));
        assembler.take(&head(0, Side::Response, Some(200)));
        assembler.take(&body(0, Side::Response, 2, 0, b"abc"));
        assert_eq!(drained(&mut assembler), [(0, 3, vec![(0, 3)])]);
        assembler.take(&body(0, Side::Response, 3, 5, b"de"));
        assembler.take(&end(0, Side::Response, 4));
        let all: Vec<_> = assembler.all().cloned().collect();
        assert_eq!(drained(&mut assembler), [(0, 5, vec![(5, 2)])]);
        let response = all[0].response().unwrap();
        assert_eq!(
            (response.last, response.defects),
            (at(4), Defects::LOST_BYTES)
        );
        assert_eq!(
            assembler
                .all()
                .map(|exchange| exchange.number)
                .collect::<Vec<_>>(),
            [1]
        );
        assembler.take(&body(0, Side::Response, 5, 0, b"late"));
        assert_eq!(drained(&mut assembler), []);
    }

    fn statuses(message: &Message) -> Vec<u16> {
        message.heads().filter_map(|head| head.status).collect()
    }

    #[test]
    fn an_interim_response_gives_way_and_is_kept() {
        let mut assembler = Assembler::new();
        for (event, status) in [(1, 100), (2, 103), (3, 200)] {
            let mut part = head(0, Side::Response, Some(status));
            if let Part::Head { first, last, .. } = &mut part {
                (*first, *last) = (at(event), at(event));
            }
            assembler.take(&part);
        }
        let found = assembler.all().next().unwrap().response().unwrap();
        assert_eq!(found.head.as_ref().unwrap().status, Some(200));
        assert_eq!(statuses(found), [100, 103, 200]);
        assert_eq!((found.first, found.last), (at(3), at(3)));
        assert_eq!(found.defects, Defects::empty());
    }

    #[test]
    fn interim_responses_have_limits() {
        let mut assembler = Assembler::new();
        for _ in 0..MAX_INTERIM + 2 {
            assembler.take(&head(0, Side::Response, Some(102)));
        }
        assembler.take(&head(0, Side::Response, Some(204)));
        let found = assembler.all().next().unwrap().response().unwrap();
        assert_eq!(statuses(found).len(), MAX_INTERIM + 1);
        assert_eq!(found.head.as_ref().unwrap().status, Some(204));
        assert_eq!(found.defects, Defects::LARGE_HEAD);
        let mut large = head(1, Side::Response, Some(103));
        if let Part::Head { head, .. } = &mut large {
            let value = vec![b'x'; INTERIM_BYTES / 2];
            head.as_mut().unwrap().fields = vec![crate::http::exchange::Field::known("a", value)];
        }
        for _ in 0..2 {
            assembler.take(&large);
        }
        assembler.take(&head(1, Side::Response, Some(200)));
        let found = assembler.all().nth(1).unwrap().response().unwrap();
        assert_eq!(statuses(found), [103, 200]);
        assert_eq!(found.defects, Defects::LARGE_HEAD);
    }

    #[test]
    fn a_late_head_keeps_the_body() {
        let mut assembler = Assembler::new();
        let mut part = head(0, Side::Response, None);
        if let Part::Head { head, defects, .. } = &mut part {
            (*head, *defects) = (None, Defects::NO_START);
        }
        assembler.take(&part);
        assembler.take(&body(0, Side::Response, 1, 0, b"abc"));
        assembler.take(&head(0, Side::Response, Some(200)));
        let found = assembler.all().next().unwrap().response().unwrap();
        assert_eq!((found.body_bytes, found.body.len()), (3, 1));
        assert_eq!(found.defects, Defects::empty());
    }

    #[test]
    fn a_tunnel_is_not_forgotten() {
        let mut assembler = Assembler::new();
        assembler.take(&head(0, Side::Request, None));
        assembler.take(&head(0, Side::Response, Some(101)));
        for side in BOTH {
            assembler.take(&end(0, side, 1));
        }
        drained(&mut assembler);
        assembler.take(&Part::Tunnel {
            exchange: 0,
            side: Side::Request,
            span: Span {
                event: EventId::new(2),
                offset: 0,
                length: 3,
            },
            time: at(2).1,
            bytes: b"abc",
        });
        let found = assembler.all().next().unwrap().request().unwrap();
        assert_eq!(
            (found.tunnel_bytes, found.tunnel.len(), found.last),
            (3, 1, at(2))
        );
    }

    #[test]
    fn a_loss_may_show_after_the_end_of_what_was_written_anew() {
        let lost = |exchange| Part::Lost {
            exchange,
            side: Side::Response,
        };
        let mut assembler = Assembler::new();
        for number in [0, 1] {
            for side in BOTH {
                let mut part = head(number, side, Some(200));
                if let Part::Head { defects, .. } = &mut part {
                    *defects = Defects::RESERIALIZED;
                }
                assembler.take(&part);
                assembler.take(&Part::End {
                    exchange: number,
                    side,
                    ending: Ending::Consistent,
                    defects: Defects::empty(),
                    last: at(2),
                });
            }
        }
        assert_eq!(drained(&mut assembler).len(), 2);
        // Only of the newest.
        assembler.take(&lost(0));
        assert_eq!(drained(&mut assembler), []);
        assembler.take(&lost(1));
        let found = assembler.all().next().unwrap().clone();
        assert_eq!(drained(&mut assembler), [(1, 0, vec![])]);
        let ended = |message: Option<&Message>| message.map(|one| (one.ending, one.defects));
        let rewritten = Defects::RESERIALIZED;
        assert_eq!(
            ended(found.request()),
            Some((Ending::Consistent, rewritten))
        );
        assert_eq!(
            ended(found.response()),
            Some((Ending::Broken, rewritten | Defects::LOST_BYTES))
        );
    }

    #[test]
    fn spans_and_exchanges_have_limits() {
        let mut assembler = Assembler::new();
        assembler.take(&head(0, Side::Request, None));
        for number in 0..MAX_SPANS + 2 {
            assembler.take(&body(0, Side::Request, 1, number * 2, b"a"));
            if number % (MAX_SPANS / 4) == 0 {
                drained(&mut assembler);
            }
        }
        let message = assembler.all().next().unwrap().request().unwrap();
        assert_eq!(
            (message.body_bytes, message.defects),
            (MAX_SPANS, Defects::MANY_PIECES)
        );
        for number in 0..MAX_HELD as u64 + 3 {
            assembler.take(&head(number, Side::Request, None));
        }
        assert_eq!(drained(&mut assembler).len(), MAX_HELD + 3);
        assert_eq!(assembler.all().next().unwrap().number, 3);
    }
}
