//! The objects of an archive, without the bodies.

use std::borrow::Cow;

use serde::Serialize;

use super::super::body::Body;
use super::super::facts::{Facts, HalfFacts};
use super::super::json::Captured;
use super::super::media;
use super::url;
use crate::event::{ConnectionId, Timestamp};
use crate::http::body::State;
use crate::http::exchange::{Exchange, Field, Message, MessageHead, Side};

/// A form of at most this many bytes is also given as its parameters.
const FORM_BYTES: usize = 64 << 10;
/// What HAR writes where a size or a time does not apply.
const UNKNOWN: i64 = -1;

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
    request: Option<Half<'a>>,
    response: Option<Half<'a>>,
}

#[derive(Debug, Serialize)]
struct Half<'a> {
    #[serde(flatten)]
    facts: HalfFacts,
    #[serde(flatten)]
    head: Option<Head<'a>>,
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
        let (time, timings) = timings(exchange);
        let (_, url_inferred) = url::of(exchange);
        Self {
            started_date_time: date_time(exchange.time()),
            time,
            server_ip_address: exchange.endpoints.server.map(|end| end.ip().to_string()),
            connection: exchange
                .connection
                .map(|connection| ConnectionId::number(connection).to_string()),
            cache: Empty {},
            timings,
            ecq: Details {
                facts: Facts::of(capture, exchange),
                url_inferred,
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
            trailers: message
                .trailers
                .iter()
                .map(|field| [&field.name, &field.value].map(|part| Captured(part.as_deref())))
                .collect(),
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

/// The whole time and its parts. Each part begins where the one before it ends.
fn timings(exchange: &Exchange) -> (f64, Timings) {
    let ends = |message: &Option<Message>| {
        message
            .as_ref()
            .map(|message| (message.first.1, message.last.1))
    };
    let [send, wait, receive] = match (ends(&exchange.request), ends(&exchange.response)) {
        (Some((begun, sent)), Some((answered, ended))) => {
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
    };
    let whole = [send, wait, receive]
        .into_iter()
        .flatten()
        .fold(0_i64, i64::saturating_add);
    let part = |nanos: Option<i64>| nanos.map_or(-1.0, milliseconds);
    let timings = Timings {
        send: part(send),
        wait: part(wait),
        receive: part(receive),
    };
    (milliseconds(whole), timings)
}

/// A span of time as HAR has it. Exact up to 104 days.
#[expect(
    clippy::cast_precision_loss,
    reason = "JSON numbers of other programs are no more precise, and the exact times stand beside"
)]
fn milliseconds(nanos: i64) -> f64 {
    nanos as f64 / 1e6
}

#[derive(Debug, Serialize)]
struct Named<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Cookie<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<Cow<'a, str>>,
    http_only: bool,
    secure: bool,
}

/// A request; what it posted may follow.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    method: Cow<'a, str>,
    url: String,
    http_version: &'static str,
    cookies: Vec<Cookie<'a>>,
    headers: Vec<Named<'a>>,
    query_string: Vec<Named<'static>>,
    headers_size: i64,
    body_size: i64,
}

impl<'a> Request<'a> {
    pub(super) fn of(exchange: &'a Exchange) -> Self {
        let head = exchange.head(Side::Request);
        let (url, _) = url::of(exchange);
        let cookies = head
            .into_iter()
            .flat_map(|head| head.values("cookie"))
            .flat_map(|value| value.split(|byte| *byte == b';'))
            .filter_map(cookie)
            .collect();
        Self {
            method: lossy(head.and_then(|head| head.method.as_deref())),
            query_string: query(head),
            url,
            http_version: http_version(exchange, Side::Request),
            cookies,
            headers: head.map(headers).unwrap_or_default(),
            headers_size: UNKNOWN,
            body_size: body_size(exchange.half(Side::Request)),
        }
    }
}

/// A response; its content follows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response<'a> {
    status: u16,
    status_text: Cow<'a, str>,
    http_version: &'static str,
    cookies: Vec<Cookie<'a>>,
    headers: Vec<Named<'a>>,
    #[serde(rename = "redirectURL")]
    redirect_url: Cow<'a, str>,
    headers_size: i64,
    body_size: i64,
}

impl<'a> Response<'a> {
    pub(super) fn of(exchange: &'a Exchange) -> Self {
        let head = exchange.head(Side::Response);
        let location = head.and_then(|head| head.values("location").next());
        let cookies = head
            .into_iter()
            .flat_map(|head| head.values("set-cookie"))
            .filter_map(|value| set_cookie(value))
            .collect();
        Self {
            status: head.and_then(|head| head.status).unwrap_or(0),
            status_text: lossy(head.and_then(|head| head.reason.as_deref())),
            http_version: http_version(exchange, Side::Response),
            cookies,
            headers: head.map(headers).unwrap_or_default(),
            redirect_url: lossy(location.map(AsRef::as_ref)),
            headers_size: UNKNOWN,
            body_size: body_size(exchange.half(Side::Response)),
        }
    }
}

/// What a request posted; the text follows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Posted<'a> {
    mime_type: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<Named<'static>>,
    #[serde(rename = "_charset", skip_serializing_if = "Option::is_none")]
    charset: Option<&'static str>,
}

impl<'a> Posted<'a> {
    pub(super) fn of(content_type: Option<&'a [u8]>, body: &Body<'_>) -> Self {
        let form = body
            .small(FORM_BYTES)
            .filter(|_| body.is_text() && content_type.is_some_and(media::is_form));
        Self {
            mime_type: lossy(content_type),
            params: form.map(pairs).unwrap_or_default(),
            charset: body.other_charset(),
        }
    }
}

/// The content of a response; the text follows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content<'a> {
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression: Option<i64>,
    mime_type: Cow<'a, str>,
    #[serde(rename = "_charset", skip_serializing_if = "Option::is_none")]
    charset: Option<&'static str>,
}

impl<'a> Content<'a> {
    pub(super) fn of(
        content_type: Option<&'a [u8]>,
        message: Option<&Message>,
        body: Option<&Body<'_>>,
    ) -> Self {
        let size = body.map_or(0, |body| body.bytes);
        let saved = message
            .zip(body)
            .filter(|(_, body)| body.state == State::Decoded)
            .and_then(|(message, _)| {
                let sent = i64::try_from(message.body_bytes).ok()?;
                i64::try_from(size).ok()?.checked_sub(sent)
            });
        Self {
            size,
            compression: saved,
            mime_type: lossy(content_type),
            charset: body.and_then(Body::other_charset),
        }
    }
}

fn lossy(bytes: Option<&[u8]>) -> Cow<'_, str> {
    bytes.map_or(Cow::Borrowed(""), String::from_utf8_lossy)
}

/// That of this half, or else of the other, which is the same.
fn http_version(exchange: &Exchange, side: Side) -> &'static str {
    use crate::http::exchange::Version;
    let head = exchange.head(side).or_else(|| exchange.head(side.other()));
    match head.map(|head| head.version) {
        Some(Version::Http10) => "HTTP/1.0",
        Some(Version::Http11) => "HTTP/1.1",
        Some(Version::Http2) => "HTTP/2",
        None => "",
    }
}

fn headers(head: &MessageHead) -> Vec<Named<'_>> {
    head.fields
        .iter()
        .filter_map(|field| {
            Some(Named {
                name: String::from_utf8_lossy(field.name.as_ref()?),
                value: String::from_utf8_lossy(field.value.as_ref()?),
            })
        })
        .collect()
}

fn body_size(message: Option<&Message>) -> i64 {
    message.map_or(UNKNOWN, |message| {
        i64::try_from(message.body_bytes).unwrap_or(UNKNOWN)
    })
}

fn query(head: Option<&MessageHead>) -> Vec<Named<'static>> {
    let target = head
        .and_then(|head| head.target.as_deref())
        .unwrap_or_default();
    let whole = target.split(|byte| *byte == b'#').next();
    whole
        .and_then(|whole| media::split_once(whole, b'?'))
        .map(|(_, query)| pairs(query))
        .unwrap_or_default()
}

fn pairs(query: &[u8]) -> Vec<Named<'static>> {
    let text = |bytes: Vec<u8>| Cow::Owned(String::from_utf8_lossy(&bytes).into_owned());
    media::pairs(query)
        .map(|(name, value)| Named {
            name: text(name),
            value: text(value),
        })
        .collect()
}

fn cookie(pair: &[u8]) -> Option<Cookie<'_>> {
    let (name, value) = media::split_once(pair, b'=')?;
    Some(Cookie {
        name: String::from_utf8_lossy(name.trim_ascii()),
        value: String::from_utf8_lossy(value.trim_ascii()),
        path: None,
        domain: None,
        http_only: false,
        secure: false,
    })
}

/// A cookie with its attributes (RFC 6265, section 4.1.1). `expires` is left out, since HAR has it in another form.
fn set_cookie(value: &[u8]) -> Option<Cookie<'_>> {
    let mut parts = value.split(|byte| *byte == b';');
    let mut cookie = cookie(parts.next()?)?;
    for part in parts {
        let (name, value) = media::split_once(part, b'=').unwrap_or((part, b""));
        let is = |known: &[u8]| name.trim_ascii().eq_ignore_ascii_case(known);
        let text = || Some(String::from_utf8_lossy(value.trim_ascii()));
        if is(b"path") {
            cookie.path = text();
        } else if is(b"domain") {
            cookie.domain = text();
        } else if is(b"httponly") {
            cookie.http_only = true;
        } else if is(b"secure") {
            cookie.secure = true;
        }
    }
    Some(cookie)
}
