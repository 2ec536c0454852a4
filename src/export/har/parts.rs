//! The request and the response of an entry, without their bodies.

use std::borrow::Cow;

use serde::Serialize;

use super::super::body::Body;
use super::url;
use crate::http::body::State;
use crate::http::exchange::{Exchange, Message, MessageHead, Side, Version};
use crate::http::fields::split_once;
use crate::http::media;

/// A form of at most this many bytes is also given as its parameters.
const FORM_BYTES: usize = 64 << 10;
/// What HAR writes where a size or a time does not apply.
const UNKNOWN: i64 = -1;

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
        .and_then(|whole| split_once(whole, b'?'))
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
    let (name, value) = split_once(pair, b'=')?;
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
        let (name, value) = split_once(part, b'=').unwrap_or((part, b""));
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
