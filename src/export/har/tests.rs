use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::samples::{self, Memory};
use super::*;
use crate::event::{EventId, is_hazard};
use crate::http::body::Defect;
use crate::http::body::State;
use crate::http::exchange::{Field, Span, Version};

fn written(exchanges: &[(&Exchange, &Memory)]) -> String {
    let mut out = Vec::new();
    let mut har = Har::new();
    for (exchange, bodies) in exchanges {
        har.write(&mut out, None, exchange, *bodies).unwrap();
    }
    har.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn entry(exchange: &Exchange, bodies: &Memory) -> Value {
    let read: Value = serde_json::from_str(&written(&[(exchange, bodies)])).unwrap();
    read["log"]["entries"][0].clone()
}

#[test]
fn an_empty_archive() {
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "{{\"log\":{{\"version\":\"1.2\",\"creator\":{{\"name\":\"ecq\",\"version\":\"{version}\"}},\"_ecq\":{{\"format\":1}},\"entries\":[\n]}}}}\n"
    );
    assert_eq!(written(&[]), expected);
}

#[test]
fn an_exchange() {
    let exchange = samples::exchange();
    let mut found = entry(&exchange, &samples::bodies(&exchange));
    let details = found.as_object_mut().unwrap().remove("_ecq").unwrap();
    assert_eq!(
        found,
        json!({
            "startedDateTime": "2026-11-23T11:00:00.000000Z",
            "time": 40.0,
            "serverIPAddress": "93.184.216.34",
            "connection": "4",
            "cache": {},
            "timings": {"send": 10.0, "wait": 15.0, "receive": 15.0},
            "request": {
                "method": "POST",
                "url": "https://example.com/a?q=1",
                "httpVersion": "HTTP/1.1",
                "cookies": [
                    {"name": "sid", "value": "s3", "httpOnly": false, "secure": false},
                    {"name": "theme", "value": "dark", "httpOnly": false, "secure": false},
                ],
                "headers": [
                    {"name": "Host", "value": "example.com"},
                    {"name": "Cookie", "value": "sid=s3; theme=dark"},
                    {"name": "Content-Type", "value": "application/x-www-form-urlencoded"},
                ],
                "queryString": [{"name": "q", "value": "1"}],
                "headersSize": -1,
                "bodySize": 7,
                "postData": {
                    "mimeType": "application/x-www-form-urlencoded",
                    "params": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}],
                    "text": "a=1&b=2",
                },
            },
            "response": {
                "status": 200,
                "statusText": "OK",
                "httpVersion": "HTTP/1.1",
                "cookies": [],
                "headers": [
                    {"name": "Content-Type", "value": "text/plain; charset=utf-8"},
                    {"name": "Content-Encoding", "value": "gzip"},
                ],
                "redirectURL": "",
                "headersSize": -1,
                "bodySize": 9,
                "content": {
                    "size": 5,
                    "compression": -4,
                    "mimeType": "text/plain; charset=utf-8",
                    "text": "hello",
                },
            },
        })
    );
    for (name, expected) in [
        ("id", json!(12)),
        ("pid", json!(42)),
        ("role", json!("client")),
        ("url_inferred", json!(false)),
        (
            "request",
            json!({
                "ending": "complete", "first_event": 7, "first_time_ns": 1_795_431_600_000_000_000_i64,
                "last_event": 8, "last_time_ns": 1_795_431_600_010_000_000_i64, "body_bytes": 7,
                "decoding": "as_sent", "version": "1.1", "target": "/a?q=1",
            }),
        ),
    ] {
        assert_eq!(details[name], expected, "{name}");
    }
}

#[test]
fn halves_that_are_missing() {
    let mut exchange = samples::exchange();
    exchange.request = None;
    let found = entry(&exchange, &Memory::default());
    assert_eq!(found["request"]["method"], "");
    assert_eq!(found["request"]["url"], "https://93.184.216.34:443/");
    assert_eq!(found["request"]["httpVersion"], "HTTP/1.1");
    assert_eq!(found["request"]["bodySize"], -1);
    assert_eq!(found["_ecq"]["request"], Value::Null);
    assert_eq!(found["_ecq"]["url_inferred"], true);
    assert_eq!(
        found["timings"],
        json!({"send": 0.0, "wait": 0.0, "receive": 15.0})
    );
    assert_eq!(found["_ecq"]["timings_unknown"], json!(["send", "wait"]));

    let mut exchange = samples::exchange();
    exchange.response = None;
    let timings = entry(&exchange, &Memory::default());
    assert_eq!(
        timings["timings"],
        json!({"send": 10.0, "wait": 0.0, "receive": 0.0})
    );
    assert_eq!(
        timings["_ecq"]["timings_unknown"],
        json!(["wait", "receive"])
    );
    let found = entry(&exchange, &Memory::default());
    assert_eq!(found["response"]["status"], 0);
    assert_eq!(
        found["response"]["content"],
        json!({"size": 0, "mimeType": ""})
    );
    assert_eq!(found["time"], 10.0);
}

#[test]
fn bodies_as_text_or_not() {
    for (content_type, body, expected) in [
        (
            "text/plain; charset=iso-8859-1",
            &b"\xe9"[..],
            json!(["é", null, "windows-1252"]),
        ),
        (
            "text/plain; charset=utf-16le",
            b"a\0",
            json!(["a", null, "UTF-16LE"]),
        ),
        (
            "text/plain; charset=utf-16le",
            b"a\0\0",
            json!(["a\0\0", null, null]),
        ),
        (
            "text/plain; charset=nonsense",
            b"\xe9",
            json!(["6Q==", "base64", null]),
        ),
        (
            "image/png; charset=iso-8859-1",
            b"\xe9",
            json!(["6Q==", "base64", null]),
        ),
        ("image/png", b"\x89PNG", json!(["iVBORw==", "base64", null])),
        (
            "application/json",
            b"\xef\xbb\xbf{}",
            json!(["\u{feff}{}", null, null]),
        ),
    ] {
        let mut exchange = samples::exchange();
        let response = exchange.response.as_mut().unwrap();
        response.head.as_mut().unwrap().fields =
            samples::fields(&[(b"content-type", content_type.as_bytes())]);
        let state = State::Partial(Defect::CutOff);
        let bodies = Memory::default().with_state(response, body, body, Some(state));
        let found = entry(&exchange, &bodies);
        let content = &found["response"]["content"];
        let parts = json!([content["text"], content["encoding"], content["_charset"]]);
        assert_eq!(parts, expected, "{content_type}");
        assert_eq!(found["_ecq"]["response"]["decoding_defect"], "cut_off");
    }
    let exchange = samples::exchange();
    let request = exchange.request.as_ref().unwrap();
    let found = entry(
        &exchange,
        &Memory::default().with(request, b"\xff", b"\xff"),
    );
    assert_eq!(
        found["request"]["postData"],
        json!({"mimeType": "application/x-www-form-urlencoded", "text": "", "_base64": "/w=="})
    );
}

#[test]
fn cookies_that_are_set() {
    let mut exchange = samples::exchange();
    let head = exchange.response.as_mut().unwrap().head.as_mut().unwrap();
    head.version = Version::Http2;
    head.fields = samples::fields(&[
        (
            b"set-cookie",
            b"a=b=c; Path=/x; domain=h.test; Secure; HttpOnly; Max-Age=3",
        ),
        (b"location", b"/next"),
    ]);
    let found = entry(&exchange, &Memory::default());
    assert_eq!(
        found["response"]["cookies"],
        json!([{"name": "a", "value": "b=c", "path": "/x", "domain": "h.test", "httpOnly": true, "secure": true}])
    );
    assert_eq!(found["response"]["redirectURL"], "/next");
    assert_eq!(found["response"]["httpVersion"], "HTTP/2");
}

#[test]
fn clocks_that_disagree() {
    let mut exchange = samples::exchange();
    let request = exchange.request.as_mut().unwrap();
    request.last.1 = request.first.1.plus_nanos(30_000_000);
    let found = entry(&exchange, &Memory::default());
    assert_eq!(
        found["timings"],
        json!({"send": 25.0, "wait": 0.0, "receive": 15.0})
    );
    let response = exchange.response.as_mut().unwrap();
    response.first.1 = response.first.1.plus_nanos(-1_000_000_000);
    response.last.1 = response.first.1;
    let found = entry(&exchange, &Memory::default());
    assert_eq!(
        found["timings"],
        json!({"send": 0.0, "wait": 0.0, "receive": 0.0})
    );
}

/// The events of a tunnel count as its halves' own.
#[test]
fn the_time_of_a_tunnel_is_none_of_its_request() {
    let mut exchange = samples::exchange();
    let request = exchange.request.as_mut().unwrap();
    request.tunnel_bytes = 5;
    request.last.1 = request.first.1.plus_nanos(90_000_000);
    let found = entry(&exchange, &Memory::default());
    assert_eq!(
        found["timings"],
        json!({"send": 0.0, "wait": 25.0, "receive": 65.0})
    );
    assert_eq!(found["time"], 90.0);
    assert_eq!(found["_ecq"]["timings_unknown"], Value::Null);
}

fn part() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::of(prop_oneof![
        any::<Vec<u8>>(),
        any::<String>().prop_map(String::into_bytes)
    ])
}

proptest! {
    #[test]
    fn any_bytes_are_valid_and_come_back(
        fields in proptest::collection::vec((part(), part()), 0..4),
        target in part(),
        body in any::<Vec<u8>>(),
        large in 0_usize..3,
    ) {
        let body = body.repeat(large * 1000);
        let mut exchange = samples::exchange();
        let request = exchange.request.as_mut().unwrap().head.as_mut().unwrap();
        request.target = target.map(Bytes::from);
        let response = exchange.response.as_mut().unwrap();
        response.head.as_mut().unwrap().fields = fields
            .iter()
            .cloned()
            .map(|(name, value)| Field {
                name: name.map(Bytes::from),
                value: value.map(Bytes::from),
            })
            .collect();
        let bodies = Memory::default().with(response, &body, &body);
        let text = written(&[(&exchange, &bodies), (&exchange, &bodies)]);
        prop_assert!(!text.replace('\n', "").contains(is_hazard));
        let read: Value = serde_json::from_str(&text).unwrap();
        let entries = read["log"]["entries"].as_array().unwrap();
        prop_assert_eq!(entries.len(), 2);
        let found = &entries[1];
        let url = found["request"]["url"].as_str().unwrap();
        prop_assert!(url.starts_with("http") && url.bytes().all(|byte| byte.is_ascii_graphic()));
        let known = fields.iter().filter(|(name, value)| name.is_some() && value.is_some()).count();
        prop_assert_eq!(found["response"]["headers"].as_array().unwrap().len(), known);
        let odd = found["_ecq"]["response"]["fields"].as_array().cloned().unwrap_or_default();
        for field in odd {
            let (name, value) = &fields[usize::try_from(field[0].as_u64().unwrap()).unwrap()];
            prop_assert_eq!(&captured(&field[1]), name);
            prop_assert_eq!(&captured(&field[2]), value);
        }
        let content = &found["response"]["content"];
        let written = content["text"].as_str().unwrap_or_default();
        // A charset among the fields may say how to read it.
        if content["_charset"].is_null() {
            let bytes = if content["encoding"] == "base64" {
                STANDARD.decode(written).unwrap()
            } else {
                written.as_bytes().to_vec()
            };
            prop_assert!(bytes == body);
        }
    }
}

fn captured(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into_bytes()),
        other => Some(STANDARD.decode(other["base64"].as_str().unwrap()).unwrap()),
    }
}

/// What one side sent, as spans over events of its own.
fn tunnel(mut memory: Memory, message: &mut Message, pieces: &[(i64, &[u8])]) -> Memory {
    for (event, bytes) in pieces {
        message.tunnel.push(Span {
            event: EventId::new(*event),
            offset: 0,
            length: bytes.len() as u64,
        });
        memory = memory.with_payload(EventId::new(*event), bytes);
    }
    memory
}

/// One that an upgrade of HTTP/1 led to.
#[test]
fn the_messages_of_a_websocket() {
    let mut exchange = samples::exchange();
    let response = exchange.response.as_mut().unwrap();
    let upgraded = [
        (&b"upgrade"[..], &b"WebSocket"[..]),
        (b"connection", b"Upgrade"),
    ];
    response.head.as_mut().unwrap().fields = samples::fields(&upgraded);
    check_websocket(exchange);
}

#[test]
fn the_messages_of_a_websocket_on_a_stream() {
    let mut exchange = samples::exchange();
    let mut asked = MessageHead::empty(Version::Http2);
    asked.method = Some("CONNECT".into());
    asked.scheme = Some("https".into());
    asked.authority = Some("h.test".into());
    asked.target = Some("/chat".into());
    asked.fields = samples::fields(&[(b":protocol", b"websocket")]);
    exchange.request.as_mut().unwrap().head = Some(asked);
    let mut answered = MessageHead::empty(Version::Http2);
    answered.status = Some(200);
    exchange.response.as_mut().unwrap().head = Some(answered);
    let found = entry(&exchange, &Memory::default());
    assert_eq!(found["request"]["url"], "https://h.test/chat");
    check_websocket(exchange.clone());
    // It was refused.
    let response = exchange.response.as_mut().unwrap();
    response.head.as_mut().unwrap().status = Some(403);
    let found = entry(&exchange, &Memory::default());
    assert_eq!(found["_webSocketMessages"], Value::Null);
}

fn check_websocket(mut exchange: Exchange) {
    let response = exchange.response.as_mut().unwrap();
    // A text in two frames with a ping between them, bytes, a text that is none, and one that is cut off.
    let answered: &[(i64, &[u8])] = &[
        (20, b"\x01\x02he\x89\x01p\x80\x03llo"),
        (22, b"\x82\x02\xff\x00\x81\x01\xff"),
        (24, b"\x81\x05c"),
    ];
    let memory = tunnel(Memory::default(), response, answered);
    let request = exchange.request.as_mut().unwrap();
    // Masked with 1, 2, 3, 4 (RFC 6455, section 5.3).
    let sent: &[(i64, &[u8])] = &[(21, b"\x81\x83\x01\x02\x03\x04icz")];
    let memory = tunnel(memory, request, sent);
    let found = entry(&exchange, &memory);
    assert_eq!(found["_resourceType"], "websocket");
    assert_eq!(
        found["_webSocketMessages"],
        json!([
            {"type": "receive", "time": 20.0, "opcode": 1, "data": "hello"},
            {"type": "send", "time": 21.0, "opcode": 1, "data": "hay"},
            {"type": "receive", "time": 22.0, "opcode": 2, "data": "/wA="},
            {"type": "receive", "time": 22.0, "opcode": 1, "data": "/w==", "_ecq": {"encoding": "base64"}},
            {"type": "receive", "time": 24.0, "opcode": 1, "data": "c", "_ecq": {"defect": "cut_off"}},
        ])
    );
}
