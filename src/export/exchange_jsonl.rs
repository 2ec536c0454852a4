//! Exchanges as JSON, one object a line.
//!
//! What is unknown is absent, so a half that was not captured is no member. The members of a line:
//!
//! | member | what it is |
//! |---|---|
//! | `capture` | the capture, where several are read as one |
//! | `id` | the exchange's number in its capture |
//! | `recording`, `run`, `stream` | the run of `ecq-record`, the run of eCapture, the stream of the first event |
//! | `connection`, `number` | the connection, and its place among the exchanges of that, from 0 |
//! | `http2_stream` | the HTTP/2 stream |
//! | `pid`, `tid`, `uid`, `pname`, `fd` | the process and its descriptor |
//! | `exe`, `ppid`, `parent`, `cgroup`, `container`, `cmdline` | who the process was, as `/proc` told; arguments as a list |
//! | `process_started`, `process_read` | when it started, and when that was read |
//! | `role` | which end the process is: `client` or `server` |
//! | `client`, `server`, `local`, `remote` | the ends, as `10.0.0.1:443` or `[2001:db8::1]:443` |
//! | `address_source`, `role_inferred` | where they come from, and whether it is inferred which is whose |
//! | `time`, `time_ns` | when its first event was: RFC 3339 in UTC, and in nanoseconds since 1970 |
//! | `elapsed_ns` | from the first event of the request to the last of the response |
//! | `url`, `host` | what was asked for |
//! | `request`, `response` | the halves |
//! | `messages` | what was said in the WebSocket that it turned into; absent with `--redact` |
//!
//! and those of a half:
//!
//! | member | what it is |
//! |---|---|
//! | `ending` | `complete`, `consistent`, `closed`, `open` or `broken` |
//! | `defects` | what is wrong with it, if anything |
//! | `first_event`, `first_time_ns`, `last_event`, `last_time_ns` | its first and its last event |
//! | `body_bytes` | the size of the body without framing, in the codings that it was sent in |
//! | `tunnel_bytes` | how many bytes followed after the exchange turned into a tunnel |
//! | `decoding`, `decoding_defect` | `as_sent`, `decoded`, or `partial` and why |
//! | `decoded_bytes` | the size of the body as it is written here |
//! | `version` | `1.0`, `1.1` or `2`; absent, as all that follows up to the trailers, if there is no head |
//! | `method`, `target`, `scheme`, `authority` | of a request |
//! | `status`, `reason` | of a response |
//! | `headers`, `trailers` | the fields in their order, each as `[name, value]` |
//! | `interim` | the heads of interim responses (1xx), each with `status`, `reason` and `headers`, if there were any |
//! | `body` | the decoded body, if it is UTF-8 |
//! | `body_base64` | the decoded body, if it is not |
//!
//! and those of a message:
//!
//! | member | what it is |
//! |---|---|
//! | `from` | `client` or `server` |
//! | `event`, `time_ns` | the event that it ends in |
//! | `kind` | `text`, `binary`, `close`, `ping` or `pong` (RFC 6455, section 5.6) |
//! | `text` | what it says, if it is UTF-8 and no `binary` |
//! | `base64` | what it says, else |
//! | `defect` | why it is not all there; one of more than 8 MiB is cut off there |
//!
//! A text of a head that is not UTF-8 is an object, `{"base64": "..."}`; null stands for the name or the value of a
//! field which is not known. A half without a body has neither `body` nor `body_base64`.

use std::io::{self, Write};
use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::UTF_8;
use serde::Serialize;

use super::body::Body;
use super::exchanges::ExchangeWriter;
use super::facts::{Facts, HalfFacts, Interim, pairs};
use super::json::{Captured, put_open};
use super::jsonl::put;
use crate::event::Timestamp;
use crate::http::body::Defect;
use crate::http::exchange::{Bodies, BodyForm, Exchange, Message, Side, Spans};
use crate::http::view::tunnel::{self, Item, MESSAGE_BYTES};
use crate::http::view::websocket::Kind;

/// Writes the lines.
#[derive(Debug, Clone, Copy, Default)]
pub struct Jsonl;

#[derive(Debug, Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    facts: Facts<'a>,
    time: String,
    time_ns: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_ns: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
}

#[derive(Debug, Serialize)]
struct Half<'a> {
    #[serde(flatten)]
    facts: HalfFacts,
    decoded_bytes: u64,
    #[serde(flatten)]
    head: Option<Head<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interim: Vec<Interim<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trailers: Vec<[Captured<'a>; 2]>,
}

#[derive(Debug, Serialize)]
struct Head<'a> {
    version: &'static str,
    #[serde(skip_serializing_if = "Captured::is_unknown")]
    method: Captured<'a>,
    #[serde(skip_serializing_if = "Captured::is_unknown")]
    target: Captured<'a>,
    #[serde(skip_serializing_if = "Captured::is_unknown")]
    scheme: Captured<'a>,
    #[serde(skip_serializing_if = "Captured::is_unknown")]
    authority: Captured<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Captured::is_unknown")]
    reason: Captured<'a>,
    headers: Vec<[Captured<'a>; 2]>,
}

#[derive(Debug, Serialize)]
struct Said<'a> {
    from: &'static str,
    event: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_ns: Option<i64>,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    defect: Option<&'static str>,
}

impl ExchangeWriter for Jsonl {
    fn write(
        &mut self,
        out: &mut dyn Write,
        capture: Option<&str>,
        exchange: &Exchange,
        bodies: &dyn Bodies,
    ) -> io::Result<()> {
        let line = Line {
            facts: Facts::of(capture, exchange),
            time: exchange.time().to_string(),
            time_ns: exchange.time().as_nanos(),
            elapsed_ns: exchange.elapsed_ns(),
            url: exchange.url(),
            host: exchange.host(),
        };
        put_open(out, &line)?;
        for side in Side::BOTH {
            if let Some(message) = exchange.half(side) {
                write!(out, ",\"{}\":", side.name())?;
                half(out, message, bodies)?;
            }
        }
        if let Some(source) = bodies.tunnels() {
            messages(out, exchange, source)?;
        }
        out.write_all(b"}\n")
    }

    fn finish(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what was said in a WebSocket, if the exchange turned into one, with a comma before it.
fn messages(out: &mut dyn Write, exchange: &Exchange, source: &dyn Spans) -> io::Result<()> {
    if !tunnel::is_websocket(exchange) {
        return Ok(());
    }
    out.write_all(b",\"messages\":")?;
    let mut before = "[";
    tunnel::items(exchange, source, MESSAGE_BYTES, &mut |side, event, item| {
        if let Item::Message(message) = item {
            out.write_all(before.as_bytes())?;
            before = ",";
            let text = std::str::from_utf8(&message.bytes)
                .ok()
                .filter(|_| message.kind != Kind::Binary);
            let said = Said {
                from: match side {
                    Side::Request => "client",
                    Side::Response => "server",
                },
                event: event.number(),
                time_ns: source.time(event)?.map(Timestamp::as_nanos),
                kind: message.kind.name(),
                text,
                base64: text.is_none().then(|| STANDARD.encode(&message.bytes)),
                defect: message.defect.map(Defect::name),
            };
            put(&mut *out, &said)?;
        }
        Ok(ControlFlow::Continue(()))
    })
    .map(|_| ())?;
    out.write_all(if before == "[" { b"[]" } else { b"]" })
}

fn half(out: &mut dyn Write, message: &Message, bodies: &dyn Bodies) -> io::Result<()> {
    let body = Body::read(bodies, message, BodyForm::Decoded, UTF_8)?;
    let half = Half {
        facts: HalfFacts::of(message, Some(body.state)),
        decoded_bytes: body.bytes,
        head: message.head.as_ref().map(|head| Head {
            version: head.version.name(),
            method: Captured(head.method.as_deref()),
            target: Captured(head.target.as_deref()),
            scheme: Captured(head.scheme.as_deref()),
            authority: Captured(head.authority.as_deref()),
            status: head.status,
            reason: Captured(head.reason.as_deref()),
            headers: pairs(&head.fields),
        }),
        interim: Interim::of(message),
        trailers: pairs(&message.trailers),
    };
    put_open(out, &half)?;
    if body.bytes > 0 {
        let name = if body.is_text() {
            "body"
        } else {
            "body_base64"
        };
        write!(out, ",\"{name}\":")?;
        body.write_json(out)?;
    }
    out.write_all(b"}")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::super::samples::{self, Memory};
    use super::*;
    use crate::event::is_hazard;
    use crate::http::exchange::{Field, MessageHead, Version};

    fn line(exchange: &Exchange, bodies: &Memory) -> String {
        let mut out = Vec::new();
        Jsonl.write(&mut out, None, exchange, bodies).unwrap();
        Jsonl.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_exchange() {
        let exchange = samples::exchange();
        let expected = concat!(
            r#"{"id":12,"recording":1,"run":2,"stream":3,"connection":4,"number":0,"pid":42,"tid":43,"pname":"curl","#,
            r#""fd":5,"role":"client","client":"10.0.0.1:50000","server":"93.184.216.34:443","#,
            r#""local":"10.0.0.1:50000","remote":"93.184.216.34:443","address_source":"field","role_inferred":false,"#,
            r#""time":"2026-11-23T11:00:00.000000000Z","time_ns":1795431600000000000,"elapsed_ns":40000000,"#,
            r#""url":"https://example.com/a?q=1","host":"example.com","#,
            r#""request":{"ending":"complete","first_event":7,"first_time_ns":1795431600000000000,"#,
            r#""last_event":8,"last_time_ns":1795431600010000000,"body_bytes":7,"decoding":"as_sent","#,
            r#""decoded_bytes":7,"version":"1.1","method":"POST","target":"/a?q=1","#,
            r#""headers":[["Host","example.com"],["Cookie","sid=s3; theme=dark"],"#,
            r#"["Content-Type","application/x-www-form-urlencoded"]],"body":"a=1&b=2"},"#,
            r#""response":{"ending":"complete","first_event":9,"first_time_ns":1795431600025000000,"#,
            r#""last_event":10,"last_time_ns":1795431600040000000,"body_bytes":9,"decoding":"decoded","#,
            r#""decoded_bytes":5,"version":"1.1","status":200,"reason":"OK","#,
            r#""headers":[["Content-Type","text/plain; charset=utf-8"],["Content-Encoding","gzip"]],"body":"hello"}}"#,
            "\n"
        );
        assert_eq!(line(&exchange, &samples::bodies(&exchange)), expected);
    }

    #[test]
    fn the_unknown_is_absent() {
        let mut exchange = samples::exchange();
        exchange.request = None;
        let response = exchange.response.as_mut().unwrap();
        response.head = None;
        let text = line(&exchange, &Memory::default());
        assert!(
            !text.contains("null") && !text.contains("\"request\""),
            "{text}"
        );
        assert!(
            text.ends_with("\"body_bytes\":9,\"decoding\":\"as_sent\",\"decoded_bytes\":0}}\n"),
            "{text}"
        );
    }

    #[test]
    fn interim_responses_stand_beside_the_final_head() {
        let mut exchange = samples::exchange();
        exchange.response.as_mut().unwrap().interim = vec![
            MessageHead {
                status: Some(103),
                fields: vec![Field::known("link", "</a>"), Field::known("x", vec![0xff])],
                ..MessageHead::empty(Version::Http2)
            },
            MessageHead {
                status: Some(100),
                reason: Some(Bytes::from("Go on")),
                ..MessageHead::empty(Version::Http11)
            },
        ];
        let text = line(&exchange, &samples::bodies(&exchange));
        let expected = concat!(
            r#"["Content-Encoding","gzip"]],"interim":[{"status":103,"headers":[["link","</a>"],["x",{"base64":"/w=="}]]},"#,
            r#"{"status":100,"reason":"Go on","headers":[]}],"body":"hello"}}"#
        );
        assert!(text.contains(expected), "{text}");
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(
            fields in proptest::collection::vec(
                (proptest::option::of(any::<Vec<u8>>()), proptest::option::of(any::<Vec<u8>>())),
                0..4,
            ),
            target in any::<Vec<u8>>(),
            body in any::<Vec<u8>>(),
        ) {
            let mut exchange = samples::exchange();
            let request = exchange.request.as_mut().unwrap();
            let head = request.head.as_mut().unwrap();
            head.target = Some(Bytes::from(target.clone()));
            head.fields = fields
                .iter()
                .map(|(name, value)| Field {
                    name: name.clone().map(Bytes::from),
                    value: value.clone().map(Bytes::from),
                })
                .collect();
            let bodies = Memory::default().with(request, &body, &body);
            let text = line(&exchange, &bodies);
            prop_assert!(!text.trim_end().contains(is_hazard));
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            let request = &read["request"];
            let bytes = |value: &serde_json::Value| match value {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(text.clone().into_bytes()),
                other => Some(STANDARD.decode(other["base64"].as_str().unwrap()).unwrap()),
            };
            prop_assert_eq!(bytes(&request["target"]), Some(target));
            let found: Vec<_> = request["headers"]
                .as_array()
                .unwrap()
                .iter()
                .map(|pair| (bytes(&pair[0]), bytes(&pair[1])))
                .collect();
            prop_assert_eq!(found, fields);
            let found = match (&request["body"], &request["body_base64"]) {
                (serde_json::Value::String(text), _) => text.clone().into_bytes(),
                (_, serde_json::Value::String(text)) => STANDARD.decode(text).unwrap(),
                _ => Vec::new(),
            };
            prop_assert_eq!(found, body);
        }
    }
}
