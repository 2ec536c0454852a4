//! Any events are redacted, whatever is in them: what is left has the length that is said, and nothing that was planted.

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

fn event(payload: &[u8], provenance: Provenance) -> Event {
    let kind = Kind::TlsData;
    let (content, http) = classify(payload, kind);
    Event {
        time: Timestamp::default(),
        clock: Clock::RECEIVED,
        received: Timestamp::default(),
        process: Process::default(),
        fd: None,
        direction: Some(Direction::Inbound),
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

fn redact(redactor: &mut EventRedactor, payload: &[u8], provenance: Provenance) -> Bytes {
    let mut event = event(payload, provenance);
    let payload = Bytes::copy_from_slice(payload);
    let was_empty = event.content == Content::Empty;
    let redaction = redactor.redact(0, Some(ConnectionId::new(1)), &mut event, &payload);
    let left_out = redaction.left_out_bytes as usize;
    assert_eq!(redaction.payload.len() + left_out, payload.len());
    assert_eq!(
        event.provenance.contains(Provenance::REDACTED),
        redaction.payload != payload
    );
    assert!(!was_empty || redaction.payload.is_empty());
    redaction.payload
}

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else {
        return;
    };
    let own = ["header:X-Own", "regex:own-[a-z]+"].map(|rule| Rule::parse(rule).unwrap());
    let mut redactor = EventRedactor::new(Redactor::new(&[1; 32], own.into()));
    let provenance = Provenance::from_bits_truncate(u16::from(first & 0x1f));
    for payload in rest.split(|byte| *byte == 0xff) {
        redact(&mut redactor, payload, provenance);
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
    let (one, other) = message.as_bytes().split_at(place.max(17));
    let mut shown = redact(&mut redactor, one, Provenance::empty()).to_vec();
    shown.extend_from_slice(&redact(&mut redactor, other, Provenance::empty()));
    assert!(
        !shown
            .windows(6)
            .any(|piece| piece == &SECRET.as_bytes()[..6])
    );
    assert_eq!(shown.len(), message.len());
});
