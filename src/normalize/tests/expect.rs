//! Comparing an event with what a vector expects of it.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{RECEIVED, Vector};
use crate::event::{
    Captured, Carrier, Clock, ClockKind, Direction, Encoding, Event, Kind, Probe, Provenance,
    Sense, Timestamp, TupleSource,
};
use crate::normalize::civil::Civil;

fn number<T: TryFrom<u64>>(value: &Value) -> Option<T> {
    value.as_u64().and_then(|number| T::try_from(number).ok())
}

/// Compares with `expect` what it says, and that nothing is said beyond it.
pub(super) fn check_event(vector: &Vector, captured: &Captured) {
    let (event, expect, id) = (&captured.event, &vector.expect, &vector.id);
    let text = |key: &str| expect[key].as_str();
    assert_eq!(Some(event.kind.name()), text("kind"), "{id}");
    assert_eq!(event.process.pid, number(&expect["pid"]), "{id}");
    assert_eq!(event.process.tid, number(&expect["tid"]), "{id}");
    assert_eq!(event.process.uid, number(&expect["uid"]), "{id}");
    assert_eq!(event.fd, number(&expect["fd"]), "{id}");
    assert_eq!(event.process.pname.as_deref(), text("pname"), "{id}");
    let direction = event.direction.map(|direction| match direction {
        Direction::Inbound => "read",
        Direction::Outbound => "write",
    });
    assert_eq!(direction, text("direction"), "{id}");
    assert_eq!(event.probe.map(Probe::name), text("probe"), "{id}");
    check_tuple(vector, event);
    check_payload(vector, captured);
    check_details(vector, event);
    check_time(vector, event);
}

fn check_tuple(vector: &Vector, event: &Event) {
    let expect = &vector.expect["tuple"];
    let address = |ip: &str, port: &str| -> SocketAddr {
        SocketAddr::new(
            expect[ip].as_str().unwrap().parse().unwrap(),
            number(&expect[port]).unwrap(),
        )
    };
    let found = event.tuple.map(|tuple| {
        // `expect` has what is printed, which for gotls is the direction of the data.
        let turned =
            tuple.sense == Sense::LocalToRemote && event.direction == Some(Direction::Inbound);
        if turned {
            (tuple.dst, tuple.src)
        } else {
            (tuple.src, tuple.dst)
        }
    });
    let expected = expect
        .is_object()
        .then(|| (address("src", "sport"), address("dst", "dport")));
    assert_eq!(found, expected, "{}", vector.id);
    if let Some((src, _)) = found
        && event.form.carrier != Carrier::ProtobufText
    {
        let source = if src.is_ipv6() {
            TupleSource::Uuid
        } else {
            TupleSource::Field
        };
        assert_eq!(event.form.tuple_source(), Some(source), "{}", vector.id);
    }
}

fn check_payload(vector: &Vector, captured: &Captured) {
    let (expect, id) = (&vector.expect, &vector.id);
    let expected = match (expect["payload_b64"].as_str(), expect["text"].as_str()) {
        (Some(payload), _) => STANDARD.decode(payload).unwrap(),
        (None, Some(text)) => text.as_bytes().to_vec(),
        (None, None) => {
            assert!(matches!(
                captured.event.kind,
                Kind::Connection | Kind::Packet
            ));
            return;
        }
    };
    assert_eq!(captured.payload, expected, "{id}");
    let provenance = captured.event.provenance;
    let cut = expect["maybe_truncated"].as_bool().unwrap_or(false);
    assert_eq!(
        provenance.contains(Provenance::MAYBE_TRUNCATED),
        cut,
        "{id}"
    );
    let hex = captured.event.form.encoding == Encoding::Hex;
    assert_eq!(
        hex,
        provenance.contains(Provenance::HEX_UNDONE) && expect["payload_form"].is_null()
    );
    let rest = provenance - Provenance::MAYBE_TRUNCATED;
    match expect["payload_form"].as_str() {
        None if hex => assert_eq!(rest, Provenance::HEX_UNDONE, "{id}"),
        None | Some("raw") => assert_eq!(rest, Provenance::empty(), "{id}"),
        Some("http1_rebuilt") => assert_eq!(rest, Provenance::RESERIALIZED, "{id}"),
        Some("http2_text") => assert_eq!(rest, Provenance::LISTING, "{id}"),
        Some("hexdump") => assert_eq!(rest, Provenance::HEX_UNDONE, "{id}"),
        Some("text_cut_at_first_nul") => assert_eq!(rest, Provenance::CUT_AT_NUL, "{id}"),
        Some(other) => panic!("{id}: {other}"),
    }
}

fn check_details(vector: &Vector, event: &Event) {
    let (expect, id, details) = (&vector.expect, &vector.id, &event.details);
    let returned = expect["retvalue"].as_i64().or(expect["status"].as_i64());
    assert_eq!(details.return_value, returned, "{id}");
    assert_eq!(details.status.as_deref(), expect["status"].as_str(), "{id}");
    let total = number(&expect["total"]).or(number(&expect["length"]));
    assert_eq!(details.total_bytes, total, "{id}");
    assert_eq!(details.monotonic_ns, number(&expect["ktime_ns"]), "{id}");
    assert_eq!(details.interface_index, number(&expect["ifindex"]), "{id}");
    assert_eq!(
        details.reason.is_some(),
        event.kind == Kind::UnknownText,
        "{id}"
    );
    let parser = match event.ecapture_type {
        Some(_) if event.probe == Some(Probe::Gotls) || event.kind == Kind::Sql => None,
        Some(0) => Some("default"),
        Some(1) => Some("http1_request"),
        Some(2) => Some("http2_request"),
        Some(3) => Some("http1_response"),
        Some(4) => Some("http2_response"),
        _ => None,
    };
    assert_eq!(parser, expect["parser"].as_str(), "{id}");
}

fn check_time(vector: &Vector, event: &Event) {
    let (expect, id) = (&vector.expect, &vector.id);
    if let Some(nanos) = expect["time_unix_ns"].as_i64() {
        assert_eq!(event.time, Timestamp::from_nanos(nanos), "{id}");
        assert_eq!(event.clock.kind.name(), "field", "{id}");
    } else if let Some(text) = expect["time_text"].as_str() {
        let mut printed = Vec::new();
        let reading = event.clock.reading_ns(event.time);
        Civil::from_nanos(reading)
            .unwrap()
            .write(&mut printed)
            .unwrap();
        assert_eq!(String::from_utf8(printed).unwrap(), text, "{id}");
        // The vectors' run log says UTC, and the receive time, ten minutes later, does not contradict it enough.
        assert!(event.clock.kind.name().starts_with("text"), "{id}");
    } else if event.details.monotonic_ns.is_some()
        || (event.probe == Some(Probe::Openssl) && event.form.encoding == Encoding::Hex)
    {
        assert_eq!(event.clock.kind, ClockKind::Monotonic, "{id}");
    } else {
        assert_eq!(
            (event.clock, event.time),
            (Clock::RECEIVED, RECEIVED),
            "{id}"
        );
    }
}
