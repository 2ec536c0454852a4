//! How the streams of a connection end: by themselves, given up by a peer or by us, or with the connection.

use super::Streams;
use crate::event::Direction;
use crate::http::conversation::Part;
use crate::http::exchange::{Defects, Ending, Side};
use crate::http::h2::half::Phase;
use crate::http::h2::out::Out;
use crate::http::h2::reader::Moment;
use crate::http::h2::stream::{Method, Stream};

impl Streams {
    /// The peer marked the end of a half.
    pub(in crate::http::h2) fn ends(
        &mut self,
        out: &mut Out<'_>,
        direction: Direction,
        id: u32,
        now: Moment,
    ) {
        let method = self
            .open
            .get(&id)
            .map_or(Method::Unknown, |stream| stream.method);
        let is_client = out.client() == Some(direction);
        if let Some(half) = self.half_mut(direction, id) {
            half.touch(now);
            if method == Method::Unknown && !is_client {
                half.may_be_of_head();
            }
            if half.phase == Phase::Tunnel {
                half.phase = Phase::Over;
            }
        }
        self.end(out, direction, id, now);
        if self.open.get(&id).is_some_and(Stream::is_over) {
            self.open.remove(&id);
        }
    }

    /// Says the end of a half, if that was not done.
    pub(super) fn end(&mut self, out: &mut Out<'_>, direction: Direction, id: u32, now: Moment) {
        let Some(stream) = self.open.get_mut(&id) else {
            return;
        };
        let exchange = stream.exchange;
        let Some(half) = stream.half_mut(direction).filter(|half| !half.is_ended()) else {
            return;
        };
        half.phase = Phase::Over;
        half.touch(now);
        let (ending, defects) = half.ending();
        say_end(out, direction, exchange, (ending, defects), half.last);
    }

    /// A peer gave up a stream.
    pub(in crate::http::h2) fn reset(&mut self, out: &mut Out<'_>, id: u32, now: Moment) {
        self.identifiers.give_up(id);
        let Some(mut stream) = self.open.remove(&id) else {
            return;
        };
        let client = out.client().unwrap_or(Direction::Outbound);
        for direction in [client, client.reversed()] {
            let exchange = stream.exchange;
            if let Some(half) = stream.half_mut(direction).filter(|half| !half.is_ended()) {
                half.last = now;
                let defects = half.standing().1 | Defects::RESET;
                say_end(out, direction, exchange, (Ending::Broken, defects), now);
            }
        }
        let is_asked = stream.is_upgraded || stream.half(client).is_some();
        let is_answered = stream.half(client.reversed()).is_some();
        if out.client().is_some() && is_asked && !is_answered {
            say_unanswered(out, client.reversed(), (stream.exchange, id), now);
        }
    }

    /// A listing has that a peer gave up a stream. What it did before may be in a listing that is still to come.
    pub(in crate::http::h2) fn give_up_listed(&mut self, id: u32) {
        if let Some(stream) = self.open.get_mut(&id) {
            stream.is_given_up = true;
        }
    }

    /// A peer ends the connection and takes up none of the streams behind `last_stream` that the other opened.
    pub(in crate::http::h2) fn go_away(
        &mut self,
        out: &mut Out<'_>,
        direction: Direction,
        last_stream: u32,
        now: Moment,
    ) {
        let Some(client) = out.client() else { return };
        // Clients open those with odd numbers (RFC 9113, section 5.1.1).
        let parity = u32::from(direction != client);
        let ids: Vec<_> = (self.open.iter())
            .filter(|(id, _)| **id > last_stream && **id % 2 == parity)
            .filter(|(_, stream)| stream.half(client.reversed()).is_none())
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.reset(out, id, now);
        }
    }

    /// A listing is over that had something of a half; `has_end` says that it had its end.
    pub(in crate::http::h2) fn end_listed(
        &mut self,
        out: &mut Out<'_>,
        direction: Direction,
        id: u32,
        now: Moment,
        has_end: bool,
    ) {
        let half = self.half_mut(direction, id);
        if half.is_some_and(|half| has_end || half.is_evenly_filled()) {
            self.ends(out, direction, id, now);
        }
    }

    /// The connection is over.
    pub(in crate::http::h2) fn end_all(&mut self, out: &mut Out<'_>) {
        let mut ids: Vec<_> = self.open.iter().map(|(id, s)| (s.exchange, *id)).collect();
        ids.sort_unstable();
        for (_, id) in ids {
            self.abandon(out, id, Defects::empty());
        }
        let next_exchange = self.next_exchange;
        *self = Self::new(next_exchange);
    }

    /// Ends what is open of a stream as it stands.
    pub(in crate::http::h2) fn abandon(&mut self, out: &mut Out<'_>, id: u32, more: Defects) {
        let Some(mut stream) = self.open.remove(&id) else {
            return;
        };
        let client = out.client().unwrap_or(Direction::Outbound);
        let (exchange, method) = (stream.exchange, stream.method);
        let (is_given_up, is_answered) =
            (stream.is_given_up, stream.half(client.reversed()).is_some());
        for direction in [client, client.reversed()] {
            let half = stream.half_mut(direction);
            if let Some(half) = half.filter(|half| !half.is_ended()) {
                if method == Method::Unknown && out.client() != Some(direction) {
                    half.may_be_of_head();
                }
                let (mut ending, mut defects) = half.standing();
                // What was answered was over before, unless it is known not to be.
                let may_be_over = direction == client && is_answered && !half.is_short();
                if is_given_up && !may_be_over {
                    (ending, defects) = (Ending::Broken, defects | Defects::RESET);
                }
                say_end(
                    out,
                    direction,
                    exchange,
                    (ending, defects | more),
                    half.last,
                );
            }
        }
        if let Some(asked) = stream.half(client)
            && is_given_up
            && !is_answered
            && out.client().is_some()
        {
            say_unanswered(out, client.reversed(), (exchange, id), asked.last);
        }
    }
}

/// Says of a stream that a peer gave up that there will be no answer.
fn say_unanswered(
    out: &mut Out<'_>,
    direction: Direction,
    (exchange, stream): (u64, u32),
    now: Moment,
) {
    out.say(
        direction,
        Part::Head {
            exchange,
            side: Side::Request,
            http2_stream: Some(stream),
            head: None,
            first: now,
            last: now,
            defects: Defects::RESET,
        },
    );
    say_end(
        out,
        direction,
        exchange,
        (Ending::Broken, Defects::RESET),
        now,
    );
}

fn say_end(
    out: &mut Out<'_>,
    direction: Direction,
    exchange: u64,
    (ending, defects): (Ending, Defects),
    last: Moment,
) {
    out.say(
        direction,
        Part::End {
            exchange,
            side: Side::Request,
            ending,
            defects,
            last,
        },
    );
}
