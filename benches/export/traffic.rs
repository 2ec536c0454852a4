//! Conversations for the benchmark: raw HTTP/2 with real HPACK, HTTP/1, and bodies of a few gigabytes.

use std::io::Write as _;
use std::net::SocketAddr;

use bytes::Bytes;

use crate::stand_in::event::{Ends, GeneratedEvent, Probe};

/// What eCapture takes of one call, in bytes.
const CALL_BYTES: usize = 16_384;

/// How many exchanges a connection carries.
const EXCHANGES: u64 = 50;

/// The host that one request in a thousand is for.
pub(crate) const RARE_HOST: &str = "rare.example.com";

/// Events of exchanges, `http2_percent` of them over HTTP/2.
pub(crate) fn exchanges(count: u64, http2_percent: u64) -> impl Iterator<Item = GeneratedEvent> {
    (0..count.div_ceil(EXCHANGES)).flat_map(move |connection| {
        let exchanges = EXCHANGES.min(count - connection * EXCHANGES);
        let mut talk = Talk::new(connection);
        if connection * 7 % 100 < http2_percent {
            talk.http2(exchanges);
        } else {
            talk.http1(exchanges);
        }
        talk.events
    })
}

/// Events of one response with a body of so many bytes, in pieces as eCapture would give them.
pub(crate) fn large_body(bytes: u64) -> impl Iterator<Item = GeneratedEvent> {
    let mut talk = Talk::new(0);
    talk.wrote(b"GET /large.bin HTTP/1.1\r\nHost: files.example.com\r\n\r\n".to_vec());
    talk.read(
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {bytes}\r\n\r\n"
        )
        .into_bytes(),
    );
    let template = talk.template();
    let mut events = talk.events;
    let pieces = bytes / CALL_BYTES as u64;
    let piece = Bytes::from(words(CALL_BYTES, 1));
    let rest = usize::try_from(bytes % CALL_BYTES as u64).unwrap_or(0);
    let rest = (rest > 0).then(|| piece.slice(..rest));
    let body = (0..pieces)
        .map(move |_| piece.clone())
        .chain(rest)
        .zip(10_i64..)
        .map(move |(payload, number)| GeneratedEvent {
            offset_ns: number * 100_000,
            written: false,
            payload,
            ..template.clone()
        });
    std::mem::take(&mut events).into_iter().chain(body)
}

/// A connection of one process.
struct Talk {
    number: u64,
    at: i64,
    events: Vec<GeneratedEvent>,
}

impl Talk {
    fn new(number: u64) -> Self {
        let mut talk = Self {
            number,
            at: i64::try_from(number).unwrap_or(0) * 20_000_000,
            events: Vec::new(),
        };
        let connect = GeneratedEvent {
            probe: Probe::Connect,
            payload: Bytes::new(),
            ..talk.template()
        };
        talk.events.push(connect);
        talk
    }

    fn template(&self) -> GeneratedEvent {
        let port = 1024 + u16::try_from(self.number % 60_000).unwrap_or(0);
        let pid = 1000 + u32::try_from(self.number % 500).unwrap_or(0);
        GeneratedEvent {
            offset_ns: self.at,
            pid,
            tid: pid,
            uid: 1000,
            comm: Bytes::from_static(b"client"),
            fd: 5 + u32::try_from(self.number / 500 % 1000).unwrap_or(0),
            written: true,
            tuple: Some(Ends {
                initiator: SocketAddr::from(([10, 0, 0, 1], port)),
                acceptor: SocketAddr::from(([192, 0, 2, 7], 443)),
                local_is_initiator: true,
            }),
            probe: Probe::OpenSsl,
            payload: Bytes::new(),
        }
    }

    fn said(&mut self, written: bool, bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        let mut from = 0;
        while from < bytes.len() {
            let to = bytes.len().min(from + CALL_BYTES);
            self.at += 200_000;
            let event = GeneratedEvent {
                written,
                payload: bytes.slice(from..to),
                ..self.template()
            };
            self.events.push(event);
            from = to;
        }
    }

    fn wrote(&mut self, bytes: Vec<u8>) {
        self.said(true, bytes);
    }

    fn read(&mut self, bytes: Vec<u8>) {
        self.said(false, bytes);
    }

    fn facts(&self, exchange: u64) -> Facts {
        let number = self.number * EXCHANGES + exchange;
        let is_rare = number.is_multiple_of(1000);
        Facts {
            number,
            host: if is_rare {
                RARE_HOST
            } else {
                "api.example.com"
            },
            status: if number.is_multiple_of(50) { 503 } else { 200 },
            path: format!("/v1/items/{number}?page={}", number % 17),
            body: words(
                300 + usize::try_from(number * 7919 % 3000).unwrap_or(0),
                number,
            ),
        }
    }

    fn http1(&mut self, exchanges: u64) {
        for exchange in 0..exchanges {
            let facts = self.facts(exchange);
            self.wrote(
                format!(
                    "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: client/1.0\r\nAccept: */*\r\nX-Request-Id: {:016x}\r\n\r\n",
                    facts.path, facts.host, facts.number
                )
                .into_bytes(),
            );
            let mut answer = format!(
                "HTTP/1.1 {} Answer\r\nContent-Type: application/json\r\nServer: bench\r\nContent-Length: {}\r\n\r\n",
                facts.status,
                facts.body.len()
            )
            .into_bytes();
            answer.extend_from_slice(&facts.body);
            self.read(answer);
        }
    }

    fn http2(&mut self, exchanges: u64) {
        let mut asking = loona_hpack::Encoder::new();
        let mut answering = loona_hpack::Encoder::new();
        let mut preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        frame(&mut preface, 4, 0, 0, b"");
        self.wrote(preface);
        let mut settings = Vec::new();
        frame(&mut settings, 4, 0, 0, b"");
        self.read(settings);
        for exchange in 0..exchanges {
            let facts = self.facts(exchange);
            let stream = u32::try_from(exchange * 2 + 1).unwrap_or(1);
            let id = format!("{:016x}", facts.number);
            let block = asking.encode([
                (&b":method"[..], &b"GET"[..]),
                (b":scheme", b"https"),
                (b":authority", facts.host.as_bytes()),
                (b":path", facts.path.as_bytes()),
                (b"user-agent", b"client/1.0"),
                (b"accept", b"*/*"),
                (b"x-request-id", id.as_bytes()),
            ]);
            let mut request = Vec::new();
            frame(&mut request, 1, 5, stream, &block);
            self.wrote(request);
            let status = facts.status.to_string();
            let length = facts.body.len().to_string();
            let block = answering.encode([
                (&b":status"[..], status.as_bytes()),
                (b"content-type", b"application/json"),
                (b"server", b"bench"),
                (b"content-length", length.as_bytes()),
            ]);
            let mut response = Vec::new();
            frame(&mut response, 1, 4, stream, &block);
            frame(&mut response, 0, 1, stream, &facts.body);
            self.read(response);
        }
    }
}

struct Facts {
    number: u64,
    host: &'static str,
    status: u16,
    path: String,
    body: Vec<u8>,
}

/// RFC 9113, section 4.1.
fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// JSON of this size or a little more, other for each seed.
fn words(bytes: usize, seed: u64) -> Vec<u8> {
    let mut text = b"[".to_vec();
    let mut state = seed | 1;
    while text.len() + 80 < bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        write!(
            text,
            "{{\"id\":{},\"name\":\"item {:x}\",\"price\":{}}},",
            state >> 40,
            state >> 20 & 0xff_ffff,
            state >> 50
        )
        .expect("writing to a vector cannot fail");
    }
    text.resize(bytes.max(2) - 1, b' ');
    text.push(b']');
    text
}
