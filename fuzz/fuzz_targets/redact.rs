//! Any events are redacted, whatever is in them: what is left has the length that is said, but for raw HTTP/2, and nothing that
//! was planted.

#![no_main]

use bytes::Bytes;
use ecq::event::{
    Carrier, Clock, ConnectionId, Content, Details, Direction, Encoding, Event, Form, Kind, Layout,
    Opcode, Process, Provenance, Timestamp,
};
use ecq::normalize::classify;
use ecq::redact::{EventRedactor, Redactor, Rule};
use libfuzzer_sys::fuzz_target;

/// What stands in a message that is cut somewhere.
const SECRET: &str = "QXYZQXYZQXYZ";

/// A header block of HTTP/2 with secrets, each field a literal: `authorization` by its index, `x-own` and `cookie` by name.
fn headers() -> Vec<u8> {
    let value = |value: &str| [&[value.len() as u8], value.as_bytes()].concat();
    let block = [
        vec![0x82, 0x84, 0x0f, 8],
        value(&format!("Basic {SECRET}")),
        vec![0x40],
        value("x-own"),
        value(SECRET),
        vec![0x40],
        value("cookie"),
        value(&format!("a={SECRET}")),
    ]
    .concat();
    [&[0, 0, block.len() as u8, 1, 5, 0, 0, 0, 1], &block[..]].concat()
}

fn event(payload: &[u8], direction: Direction, provenance: Provenance) -> Event {
    let kind = Kind::TlsData;
    let (content, http) = classify(payload, kind);
    Event {
        time: Timestamp::default(),
        clock: Clock::RECEIVED,
        received: Timestamp::default(),
        process: Process::default(),
        fd: None,
        direction: Some(direction),
        tuple: None,
        kind,
        content,
        probe: None,
        ecapture_type: None,
        form: Form {
            opcode: Opcode::Binary,
            carrier: Carrier::ProtobufText,
            layout: Layout::Unknown,
            encoding: Encoding::Plain,
        },
        provenance,
        http,
        details: Details::default(),
    }
}

/// A connection, and whether it may be one of raw HTTP/2.
struct Connection(i64, bool);

impl Connection {
    fn redact(
        &mut self,
        redactor: &mut EventRedactor,
        payload: &[u8],
        direction: Direction,
        provenance: Provenance,
    ) -> Bytes {
        let mut event = event(payload, direction, provenance);
        self.1 |= matches!(event.content, Content::Http2Preface | Content::Http2Frames);
        let payload = Bytes::copy_from_slice(payload);
        let was_empty = event.content == Content::Empty;
        let connection = Some(ConnectionId::new(self.0));
        let redaction = redactor.redact(0, connection, &mut event, &payload);
        let left_out = redaction.left_out_bytes as usize;
        assert!(self.1 || redaction.payload.len() + left_out == payload.len());
        assert_eq!(
            event.provenance.contains(Provenance::REDACTED),
            redaction.payload != payload || left_out > 0
        );
        assert!(!was_empty || redaction.payload.is_empty());
        redaction.payload
    }
}

/// Whether any six bytes are the first ones of [`SECRET`].
fn has_secret(bytes: &[u8]) -> bool {
    let piece = &SECRET.as_bytes()[..6];
    bytes.windows(6).any(|found| found == piece)
}

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else {
        return;
    };
    let own = ["header:X-Own", "regex:own-[a-z]+"].map(|rule| Rule::parse(rule).unwrap());
    let mut redactor = EventRedactor::new(Redactor::new(&[1; 32], own.into()));
    let provenance = Provenance::from_bits_truncate(u16::from(first & 0x1f));
    let direction = |bit: u8| match first & bit {
        0 => Direction::Inbound,
        _ => Direction::Outbound,
    };
    // What is no secret where it stands may stay.
    let joined: Vec<u8> = rest.iter().copied().filter(|byte| *byte != 0xff).collect();
    if has_secret(&joined) {
        return;
    }
    let mut one = Connection(1, false);
    for payload in rest.split(|byte| *byte == 0xff) {
        one.redact(&mut redactor, payload, direction(0x20), provenance);
    }
    // A message that begins anew, however it is cut.
    let body = format!(
        "PGPASSWORD={SECRET} psql\ncurl -u a:{SECRET} -H 'Authorization: Basic {SECRET}'\n\
         ALTER USER a IDENTIFIED BY '{SECRET}'"
    );
    let message = format!(
        "POST / HTTP/1.1\r\nAuthorization: Bearer {SECRET}\r\nCookie: a={SECRET}\r\n\
         Content-Type: text/html\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let place = usize::from(*first) * 2 % message.len();
    let (begin, end) = message.as_bytes().split_at(place.max(17));
    let mut shown = Vec::new();
    let mut fresh = Connection(2, false);
    for connection in [&mut one, &mut fresh] {
        for piece in [begin, end] {
            let kept = connection.redact(
                &mut redactor,
                piece,
                Direction::Inbound,
                Provenance::empty(),
            );
            shown.extend_from_slice(&kept);
        }
    }
    assert!(!has_secret(&shown));
    assert!(shown.len() >= message.len());

    // HTTP/2 with anything before a header block, which is cut anywhere.
    let mut http2 = Connection(3, false);
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let block = headers();
    let (begin, end) = block.split_at(usize::from(*first) % block.len());
    let garbage = rest.split(|byte| *byte == 0xff);
    for piece in std::iter::once(&preface[..]).chain(garbage) {
        http2.redact(&mut redactor, piece, direction(0x40), Provenance::empty());
    }
    let mut shown = Vec::new();
    for piece in [begin, end] {
        shown.extend_from_slice(&http2.redact(
            &mut redactor,
            piece,
            direction(0x40),
            Provenance::empty(),
        ));
    }
    assert!(!has_secret(&shown));
});
