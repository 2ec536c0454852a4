//! Raw HTTP/2 of real programs, recorded without secrets: it is what it was but for them.

use std::fs::File;
use std::io::{BufReader, Read as _};

use bytes::Bytes;
use ecq::event::{Frame, Opcode};
use ecq::http::exchange::{Bodies as _, BodyForm, Ending, Exchange, Field, Message, Side};
use ecq::record::FramesReader;
use ecq::store::{Order, Reader};
use loona_hpack::Encoder;
use memchr::memmem;

use crate::corpus::{imported, scenario, unpacked};
use crate::support::capture::{Whole, copy, events};
use crate::support::env::TestEnv;
use crate::support::frames::{frame, openssl, save};

/// Those of `tests/data/http` that are HTTP/2.
const SCENARIOS: [&str; 6] = [
    "curl-nginx-http2",
    "httpx-nginx-http2",
    "node-http2",
    "node-http2-endings",
    "grpc",
    "nghttp-http2",
];
/// The programs' own names are what is secret here, as there is no secret in them.
const ARGS: [&str; 3] = ["--redact", "--redact-rule", "header:user-agent"];
/// Of one of them, and how Huffman's code has it (RFC 7541, appendix B).
const AGENT: &[u8] = b"curl/7.88.1";
const AGENT_CODE: &[u8] = b"\x25\xb6\x50\xc3\xab\xbc\xf2\xe1";

fn exchanges(reader: &Reader) -> Vec<Exchange> {
    reader.prepare_exchanges().unwrap();
    let mut rows = reader.exchanges(None, Order::OldestFirst, None).unwrap();
    let mut exchanges = Vec::new();
    while let Some(summary) = rows.next_exchange().unwrap() {
        exchanges.push(reader.whole_exchange(&summary).unwrap());
    }
    // Several of an instant are in any order.
    exchanges.sort_by_key(|exchange| (exchange.connection, exchange.http2_stream));
    exchanges
}

fn body(reader: &Reader, message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut body = reader.open(message, BodyForm::AsSent).unwrap();
    body.read_to_end(&mut bytes).unwrap();
    bytes
}

fn is_agent(field: &Field) -> bool {
    field.name.as_deref() == Some(b"user-agent")
}

/// What is left of a half is as it was. Gives whether it has a body that is.
#[track_caller]
fn check_half(readers: [&Reader; 2], halves: [&Message; 2], is_shown: bool, story: &str) -> bool {
    let [was, is] = halves;
    if was.head.is_none() {
        // Its stream was given up before.
        assert_eq!(
            (&is.head, is.defects, is.ending),
            (&None, was.defects, was.ending),
            "{story}"
        );
        return false;
    }
    let [old, new] = halves.map(|half| half.head.as_ref().unwrap());
    let line = |half: &Message| {
        let head = half.head.as_ref().unwrap();
        (
            head.method.clone(),
            head.target.clone(),
            head.scheme.clone(),
            head.authority.clone(),
            head.status,
        )
    };
    assert_eq!(line(is), line(was), "{story}");
    let others = |fields: &[Field]| -> Vec<Field> {
        fields
            .iter()
            .filter(|field| !is_agent(field))
            .cloned()
            .collect()
    };
    assert_eq!(others(&new.fields), others(&old.fields), "{story}");
    for field in new.fields.iter().filter(|field| is_agent(field)) {
        let value = field.value.as_deref().unwrap();
        assert!(value.starts_with(b"redacted:"), "{story}");
    }
    assert_eq!(is.trailers, was.trailers, "{story}");
    assert_eq!(is.body_bytes, was.body_bytes, "{story}");
    // What depends on no table is complete by itself.
    let is_surer = is.ending == Ending::Complete && was.ending == Ending::Consistent;
    assert!(is_surer || is.ending == was.ending, "{story}");
    let (before, after) = (body(readers[0], was), body(readers[1], is));
    assert_eq!(after.len(), before.len(), "{story}");
    let is_coded = old.values("content-encoding").next().is_some();
    let is_text = std::str::from_utf8(&before).is_ok() && !before.contains(&0);
    if is_shown && is_text && !is_coded {
        // After a write that eCapture may have cut, the rest of a line is covered if what comes next does not show otherwise.
        let is_alone = was.first.0 == was.last.0;
        let mut pairs = before.iter().zip(&after);
        let is_same = pairs.all(|(was, is)| is == was || *is == b'*' && !is_alone);
        assert!(is_same, "{story}");
    }
    !after.is_empty() && after == before
}

#[test]
fn real_http2_goes_through() {
    let (mut compared, mut shown, mut lost) = (0, 0, 0);
    for name in SCENARIOS {
        let scenario = scenario(name);
        let plain = imported(&scenario);
        let redacted = TestEnv::new();
        redacted.import(&unpacked(&redacted, name), ARGS);
        let readers = [&plain, &redacted].map(|env| Reader::open(&env.db()).unwrap());
        let [before, after] = [0, 1].map(|place| exchanges(&readers[place]));
        assert_eq!(after.len(), before.len(), "{name}");
        for (was, is) in before.iter().zip(&after) {
            let story = format!("{name}: {was:#?} became {is:#?}");
            assert_eq!(
                (is.connection, is.http2_stream),
                (was.connection, was.http2_stream),
                "{story}"
            );
            // nghttp writes a header block of more than 16 KiB: of that, eCapture may have left out the rest.
            let is_lost = was.request.is_some() && is.request.is_none();
            assert!(!is_lost || name == "nghttp-http2", "{story}");
            lost += u64::from(is_lost);
            for side in Side::BOTH {
                let (Some(old), Some(new)) = (was.half(side), is.half(side)) else {
                    assert!(was.half(side).is_none() || is_lost, "{story}");
                    continue;
                };
                compared += 1;
                let both = [&readers[0], &readers[1]];
                let is_shown = name != "grpc" && is.request.is_some();
                shown += u64::from(check_half(both, [old, new], is_shown, &story));
            }
        }
    }
    assert_eq!(lost, 2);
    assert!(compared > 150 && shown > 40, "{compared} {shown}");
}

/// The agent is in no payload, plain or coded.
#[track_caller]
fn check_gone(env: &TestEnv, story: &str) {
    for event in events(&env.db()) {
        for secret in [AGENT, AGENT_CODE] {
            let found = memmem::find(&event.payload, secret);
            assert_eq!(found, None, "event {} of {story}", event.stored.id);
        }
    }
}

#[test]
fn no_coded_form_is_left() {
    let scenario = scenario("curl-nginx-http2");
    let plain = events(&imported(&scenario).db());
    let has = |event: &&Whole| memmem::find(&event.payload, AGENT_CODE).is_some();
    let count = i64::try_from(plain.iter().filter(has).count()).unwrap();
    let env = TestEnv::new();
    env.import(&unpacked(&env, "curl-nginx-http2"), ARGS);
    check_gone(&env, "all of it");
    assert!(count > 3);
    assert_eq!(copy(&env.db()).counter("redacted_secrets"), count);
    // What is compressed is covered, and said to be.
    assert!(copy(&env.db()).counter("opaque_bytes") > 1000);
}

fn frames(env: &TestEnv, name: &str) -> Vec<Frame> {
    let file = File::open(unpacked(env, name)).unwrap();
    let mut reader = FramesReader::new(BufReader::new(file)).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        frames.push(Frame {
            link: frame.link.unwrap(),
            received: frame.received.unwrap(),
            opcode: frame.opcode,
            message: frame.message,
        });
    }
    frames
}

/// Whichever event is lost.
#[test]
fn a_lost_event_reveals_nothing() {
    let all = frames(&TestEnv::new(), "nghttp-http2");
    for lost in (0..all.len()).step_by(all.len() / 12) {
        let mut left = all.clone();
        left.remove(lost);
        let env = TestEnv::new();
        let file = env.path("frames");
        save(&file, &left);
        env.import(&file, ARGS);
        check_gone(&env, &format!("all but {lost}"));
    }
}

/// A frame.
fn http2(kind: u8, flags: u8, stream: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], content].concat()
}

/// Two exchanges of a client that sends the same secrets twice: in its table, and out of it.
pub(crate) fn messages() -> Vec<Bytes> {
    let (mut client, mut server) = (Encoder::new(), Encoder::new());
    let block = |encoder: &mut Encoder<'_>, fields: &[(&str, &str)]| {
        encoder.encode(
            fields
                .iter()
                .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
        )
    };
    let (mut sent, mut got) = (Vec::new(), Vec::new());
    sent.push(
        [
            &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
            &http2(4, 0, 0, &[]),
        ]
        .concat(),
    );
    got.push(http2(4, 0, 0, &[]));
    for stream in [1, 3] {
        let head = block(
            &mut client,
            &[
                (":method", "POST"),
                (":scheme", "https"),
                (":path", "/login?lang=en&api_key=QVQUERYPARAMETERQV"),
                (":authority", "login.test"),
                ("authorization", "Basic QWAUTHORIZATIONQW"),
                ("cookie", "sid=QXCOOKIEQX"),
                ("x-api-key", "QYAPIKEYQY"),
                ("content-type", "application/x-www-form-urlencoded"),
            ],
        );
        // In pieces: of the block, and of the body.
        let (one, other) = head.split_at(head.len() / 2);
        let form = b"user=alice&password=QZFORMPASSWORDQZ&next=yes";
        let whole = [
            http2(1, 0, stream, one),
            http2(9, 4, stream, other),
            http2(0, 1, stream, form),
        ]
        .concat();
        sent.extend(whole.chunks(whole.len() / 3).map(<[u8]>::to_vec));
        let fields = [
            (":status", "201"),
            ("set-cookie", "sid=RVSETCOOKIERV; HttpOnly"),
            ("content-type", "application/json"),
        ];
        let head = block(&mut server, &fields);
        let json = br#"{"user":"alice","token":"RWJSONTOKENRW","kept":true}"#;
        got.push([http2(1, 4, stream, &head), http2(0, 1, stream, json)].concat());
    }
    let who = "PID:100 TID:101 Comm:curl FD:5";
    let event = |way: &str, payload: &[u8]| openssl("2026-11-23 10:51:41.000", who, way, payload);
    let sent = sent.iter().map(|payload| event("WRITE", payload));
    let got = got.iter().map(|payload| event("READ", payload));
    sent.chain(got).collect()
}

#[test]
fn secrets_in_http2_are_gone() {
    let messages = messages();
    for lost in (0..messages.len()).map(Some).chain([None]) {
        let env = TestEnv::new();
        let file = env.path("frames");
        let frames: Vec<_> = (messages.iter().enumerate())
            .filter(|(place, _)| Some(*place) != lost)
            .map(|(_, message)| frame(Opcode::Binary, message.clone()))
            .collect();
        save(&file, &frames);
        env.import(&file, ["--redact"]);
        let shown = env.query(["--exchanges", "-o", "jsonl"]);
        let mut all = std::fs::read(env.db()).unwrap();
        all.extend_from_slice(&shown.stdout);
        for event in events(&env.db()) {
            all.extend_from_slice(&event.payload);
        }
        for secret in [
            "QVQUERY", "QWAUTH", "QXCOOKIE", "QYAPI", "QZFORM", "RVSET", "RWJSON",
        ] {
            let found = memmem::find(&all, secret.as_bytes());
            assert_eq!(found, None, "{secret} without {lost:?}");
        }
        if lost.is_some() {
            continue;
        }
        let found = shown.exits(0).json();
        assert_eq!(found.len(), 2);
        for exchange in &found {
            assert_eq!(exchange["host"], "login.test", "{exchange}");
            let text = exchange.to_string();
            for kept in [
                "/login?lang=en&api_key=redacted:",
                "\"POST\"",
                "201",
                "; HttpOnly",
            ] {
                assert!(text.contains(kept), "{kept} in {text}");
            }
        }
        for (side, kept) in [
            ("req", "user=alice&password=.{16}&next=yes"),
            ("resp", "\"token\":\".{13}\",\"kept\":true"),
        ] {
            let filter = format!("{side}.body matches {kept:?}");
            let counted = env.query(["--exchanges", &filter, "--count"]).exits(0);
            assert_eq!(counted.text(), "2\n", "{}", counted.story());
        }
    }
}
