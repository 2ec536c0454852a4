//! What an entry of an archive says beside its request and response.

use serde::Serialize;

use super::super::facts::{Facts, HalfFacts, Interim, pairs};
use super::super::json::Captured;
use super::url;
use crate::event::{ConnectionId, Timestamp};
use crate::http::body::State;
use crate::http::exchange::{Exchange, Field, Message};

/// What an entry begins with; its request and response follow.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    started_date_time: String,
    time: f64,
    #[serde(rename = "serverIPAddress", skip_serializing_if = "Option::is_none")]
    server_ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    cache: Empty,
    timings: Timings,
    #[serde(rename = "_ecq")]
    ecq: Details<'a>,
}

#[derive(Debug, Serialize)]
struct Empty {}

/// In milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Timings {
    send: f64,
    wait: f64,
    receive: f64,
}

#[derive(Debug, Serialize)]
struct Details<'a> {
    #[serde(flatten)]
    facts: Facts<'a>,
    /// Whether the URL is not what was asked for.
    url_inferred: bool,
    /// The timings that are not known, and 0 for that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timings_unknown: Vec<&'static str>,
    request: Option<Half<'a>>,
    response: Option<Half<'a>>,
}

#[derive(Debug, Serialize)]
struct Half<'a> {
    #[serde(flatten)]
    facts: HalfFacts,
    #[serde(flatten)]
    head: Option<Head<'a>>,
    /// HAR has no place for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interim: Vec<Interim<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trailers: Vec<[Captured<'a>; 2]>,
}

/// What HAR does not say about a head.
#[derive(Debug, Serialize)]
struct Head<'a> {
    version: &'static str,
    #[serde(skip_serializing_if = "Captured::is_unknown")]
    target: Captured<'a>,
    #[serde(skip_serializing_if = "Captured::is_unknown")]
    scheme: Captured<'a>,
    #[serde(skip_serializing_if = "Captured::is_unknown")]
    authority: Captured<'a>,
    /// The fields that do not stand among the others as they were captured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<(usize, Captured<'a>, Captured<'a>)>,
}

impl<'a> Entry<'a> {
    /// `states` are those of the two bodies.
    pub(super) fn of(
        capture: Option<&'a str>,
        exchange: &'a Exchange,
        states: [Option<State>; 2],
    ) -> Self {
        let [sent, answered] = states;
        let Spent {
            whole,
            timings,
            unknown,
        } = Spent::on(exchange);
        let (_, url_inferred) = url::of(exchange);
        Self {
            started_date_time: date_time(exchange.time()),
            time: whole,
            server_ip_address: exchange.endpoints.server.map(|end| end.ip().to_string()),
            connection: exchange
                .connection
                .map(|connection| ConnectionId::number(connection).to_string()),
            cache: Empty {},
            timings,
            ecq: Details {
                facts: Facts::of(capture, exchange),
                url_inferred,
                timings_unknown: unknown,
                request: exchange.request.as_ref().map(|half| Half::of(half, sent)),
                response: exchange
                    .response
                    .as_ref()
                    .map(|half| Half::of(half, answered)),
            },
        }
    }
}

impl<'a> Half<'a> {
    fn of(message: &'a Message, state: Option<State>) -> Self {
        Self {
            facts: HalfFacts::of(message, state),
            head: message.head.as_ref().map(|head| Head {
                version: head.version.name(),
                target: Captured(head.target.as_deref()),
                scheme: Captured(head.scheme.as_deref()),
                authority: Captured(head.authority.as_deref()),
                fields: odd_fields(&head.fields),
            }),
            interim: Interim::of(message),
            trailers: pairs(&message.trailers),
        }
    }
}

fn odd_fields(fields: &[Field]) -> Vec<(usize, Captured<'_>, Captured<'_>)> {
    let is_text = |part: &Option<bytes::Bytes>| {
        part.as_ref()
            .is_some_and(|part| std::str::from_utf8(part).is_ok())
    };
    fields
        .iter()
        .enumerate()
        .filter(|(_, field)| !(is_text(&field.name) && is_text(&field.value)))
        .map(|(place, Field { name, value })| {
            (place, Captured(name.as_deref()), Captured(value.as_deref()))
        })
        .collect()
}

/// ISO 8601 with six digits of a second: some readers take no more. Years have four.
fn date_time(time: Timestamp) -> String {
    let text = time.to_string();
    match text.get(.."0000-00-00T00:00:00.000000".len()) {
        Some(cut) => format!("{cut}Z"),
        None => text,
    }
}

/// The whole time and its parts, of which each begins where the one before it ends.
struct Spent {
    whole: f64,
    timings: Timings,
    unknown: Vec<&'static str>,
}

impl Spent {
    fn on(exchange: &Exchange) -> Self {
        let [send, wait, receive] = parts(exchange);
        let named = [("send", send), ("wait", wait), ("receive", receive)];
        let whole = [send, wait, receive]
            .into_iter()
            .flatten()
            .fold(0_i64, i64::saturating_add);
        let part = |nanos: Option<i64>| milliseconds(nanos.unwrap_or(0));
        Self {
            whole: milliseconds(whole),
            timings: Timings {
                send: part(send),
                wait: part(wait),
                receive: part(receive),
            },
            unknown: named
                .into_iter()
                .filter(|(_, part)| part.is_none())
                .map(|(name, _)| name)
                .collect(),
        }
    }
}

/// `send`, `wait` and `receive` in nanoseconds, as far as they are known.
fn parts(exchange: &Exchange) -> [Option<i64>; 3] {
    let ends = |message: &Option<Message>| {
        message
            .as_ref()
            .map(|message| (message.first.1, message.last.1))
    };
    match (ends(&exchange.request), ends(&exchange.response)) {
        (Some((begun, sent)), Some((answered, ended))) => {
            // What follows in a tunnel, in either direction, came after the answer.
            let (sent, ended) = if is_tunnel(exchange) {
                (begun, ended.max(sent))
            } else {
                (sent, ended)
            };
            let sent = sent.min(answered).max(begun);
            let answered = answered.max(sent);
            let ended = ended.max(answered);
            [
                Some(sent.nanos_since(begun)),
                Some(answered.nanos_since(sent)),
                Some(ended.nanos_since(answered)),
            ]
        }
        (Some((begun, sent)), None) => [Some(sent.nanos_since(begun).max(0)), None, None],
        (None, Some((answered, ended))) => [None, None, Some(ended.nanos_since(answered).max(0))],
        (None, None) => [None; 3],
    }
}

fn is_tunnel(exchange: &Exchange) -> bool {
    [&exchange.request, &exchange.response]
        .into_iter()
        .flatten()
        .any(|message| message.tunnel_bytes > 0)
}

/// A span of time as HAR has it. Exact up to 104 days.
#[expect(
    clippy::cast_precision_loss,
    reason = "JSON numbers of other programs are no more precise, and the exact times stand beside"
)]
fn milliseconds(nanos: i64) -> f64 {
    nanos as f64 / 1e6
}
