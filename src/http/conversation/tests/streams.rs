//! Whole connections, made up at random, and how they are cut into events.

use proptest::prelude::*;

use super::{Direction, Event, asks, gets};

/// What bodies are made of: among it, what looks like framing and heads.
const WORDS: [&str; 10] = [
    "a",
    "\r\n",
    "0\r\n\r\n",
    "3\r\nabc\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
    "HTTP/1.1 404 No\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "POST /p HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
    "\u{0}\u{1}",
    "some text that is longer than a start line",
];
/// Those that no start line can be found in.
const PLAIN_WORDS: [&str; 4] = [
    "x.",
    "\r\n:",
    "{}\r\n0\r\n\r\n",
    "\u{0}\u{1}---------------",
];

/// How the end of a body is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    Length,
    /// In chunks of so many bytes, with a trailer or not.
    Chunks(usize, bool),
    Close,
}

/// One exchange.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) method: &'static str,
    pub(super) asked: Option<(Vec<u8>, Told)>,
    pub(super) status: u16,
    pub(super) answer: Vec<u8>,
    pub(super) told: Told,
    /// Whether the client waits for 100 (Continue).
    pub(super) waits: bool,
    /// Whether lines end with a bare LF.
    pub(super) is_bare: bool,
}

impl Spec {
    pub(super) fn answer_has_body(&self) -> bool {
        self.method != "HEAD" && !matches!(self.status, 204 | 304)
    }
}

fn bodies(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(proptest::sample::select(words), 0..6)
        .prop_map(|words| words.concat().into_bytes())
}

fn told() -> impl Strategy<Value = Told> {
    prop_oneof![
        Just(Told::Length),
        (1_usize..20, any::<bool>()).prop_map(|(size, trailer)| Told::Chunks(size, trailer)),
    ]
}

fn spec(words: &'static [&'static str]) -> impl Strategy<Value = Spec> {
    (
        proptest::sample::select(&["GET", "HEAD", "POST", "PUT"][..]),
        (bodies(words), told()),
        proptest::sample::select(&[200_u16, 200, 200, 404, 204, 304][..]),
        bodies(words),
        told(),
        any::<[bool; 2]>(),
    )
        .prop_map(|(method, asked, status, answer, told, [waits, is_bare])| {
            let has_body = matches!(method, "POST" | "PUT");
            Spec {
                method,
                asked: has_body.then_some(asked),
                status,
                answer,
                told,
                waits: waits && has_body,
                is_bare,
            }
        })
}

/// Exchanges, in batches that are sent at once.
pub(super) fn batches(plain: bool, pipelined: usize) -> impl Strategy<Value = Vec<Vec<Spec>>> {
    let words = if plain { &PLAIN_WORDS[..] } else { &WORDS[..] };
    let batch = proptest::collection::vec(spec(words), 1..=pipelined);
    (proptest::collection::vec(batch, 1..5), any::<bool>()).prop_map(|(mut batches, closes)| {
        if let Some(last) = batches.last_mut().and_then(|batch| batch.last_mut())
            && closes
        {
            last.told = Told::Close;
        }
        batches
    })
}

/// What one side sends before the other does.
#[derive(Debug, Clone)]
pub(super) struct Burst {
    pub(super) direction: Direction,
    /// The bytes of each message, with the number of its exchange.
    pub(super) messages: Vec<(usize, Vec<u8>)>,
}

fn head(spec: &Spec, start: &str, number: usize, body: Option<(&[u8], &Told)>) -> Vec<u8> {
    let mut head = format!("{start}\r\nX-Id: {number}\r\n");
    if let Some((body, told)) = body {
        match told {
            Told::Length => head += &["Content-Length: ", &body.len().to_string(), "\r\n"].concat(),
            Told::Chunks(..) => head += "Transfer-Encoding: chunked\r\n",
            Told::Close => {}
        }
    }
    head += "\r\n";
    if spec.is_bare {
        head = head.replace("\r\n", "\n");
    }
    head.into_bytes()
}

fn framed(body: &[u8], told: &Told) -> Vec<u8> {
    let Told::Chunks(size, has_trailer) = told else {
        return body.to_vec();
    };
    let mut framed = Vec::new();
    for chunk in body.chunks(*size) {
        framed.extend(format!("{:X};x=\"y\"\r\n", chunk.len()).into_bytes());
        framed.extend_from_slice(chunk);
        framed.extend_from_slice(b"\r\n");
    }
    framed.extend_from_slice(b"0\r\n");
    if *has_trailer {
        framed.extend_from_slice(b"X-Sum: 1\r\n");
    }
    framed.extend_from_slice(b"\r\n");
    framed
}

/// The bytes of the batches in the order in which they are sent.
pub(super) fn bursts(batches: &[Vec<Spec>]) -> Vec<Burst> {
    let mut bursts = Vec::new();
    let mut number = 0;
    for batch in batches {
        let mut asked = Vec::new();
        let mut answered = Vec::new();
        let waits = matches!(batch.as_slice(), [spec] if spec.waits);
        for spec in batch {
            let body = spec.asked.as_ref().map(|(body, told)| (&body[..], told));
            let start = format!("{} /{number} HTTP/1.1", spec.method);
            let mut message = head(spec, &start, number, body);
            let body = body
                .map(|(body, told)| framed(body, told))
                .unwrap_or_default();
            if waits {
                let interim = b"HTTP/1.1 100 Continue\r\n\r\n".to_vec();
                bursts.push((Direction::Outbound, vec![(number, message)]));
                bursts.push((Direction::Inbound, vec![(number, interim)]));
                message = Vec::new();
            }
            message.extend(body);
            asked.push((number, message));
            let start = format!("HTTP/1.1 {} Is", spec.status);
            let mut message = head(spec, &start, number, Some((&spec.answer, &spec.told)));
            if spec.answer_has_body() {
                message.extend(framed(&spec.answer, &spec.told));
            }
            answered.push((number, message));
            number += 1;
        }
        bursts.push((Direction::Outbound, asked));
        bursts.push((Direction::Inbound, answered));
    }
    bursts
        .into_iter()
        .map(|(direction, messages)| Burst {
            direction,
            messages,
        })
        .collect()
}

/// Cuts the bursts into events: after each byte for which `is_cut` says so, and at the end of each. Beside each event is
/// the number of the first exchange that it has bytes of.
pub(super) fn events(
    bursts: &[Burst],
    mut is_cut: impl FnMut(&[u8], usize) -> bool,
) -> Vec<(usize, Event)> {
    let mut events = Vec::new();
    for burst in bursts {
        let event = |bytes: &[u8]| Event {
            direction: burst.direction,
            bytes: bytes.to_vec(),
            ..asks("").after(1)
        };
        let mut bytes = Vec::new();
        let mut first = None;
        for (number, message) in &burst.messages {
            for place in 0..message.len() {
                first = first.or(Some(*number));
                bytes.push(message[place]);
                if is_cut(message, place + 1) {
                    events.push((first.take().unwrap(), event(&std::mem::take(&mut bytes))));
                }
            }
        }
        if let Some(first) = first {
            events.push((first, event(&bytes)));
        }
    }
    let last = events.last().map_or(0, |(number, _)| *number);
    events.push((last, gets("").now()));
    events
}
