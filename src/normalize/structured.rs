//! Events with fields: 1.4.0 to 1.5.2 (`docs/wire.md` section 2).

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::compare::Comparer;
use super::dump::Dump;
use super::reading::{Reading, Told};
use super::scan::{id, name};
use super::tuple::tuple;
use super::uuid::StreamKey;
use crate::event::{Direction, Encoding, Kind, Layout, Probe, Provenance, Sense};
use crate::wire::Structured;

/// Reads an event with fields.
pub(super) fn read(event: Structured) -> Reading {
    let key = StreamKey::parse(&event.uuid);
    let fields = (address(&event.src_ip, event.src_port))
        .zip(address(&event.dst_ip, event.dst_port))
        .and_then(|(src, dst)| tuple(src, dst, Sense::InitiatorToAcceptor));
    let key_tuple = (key.as_ref().and_then(|key| key.tuple))
        .and_then(|(src, dst)| tuple(src, dst, Sense::InitiatorToAcceptor));
    let empty_fields = event.src_ip.is_empty() && event.dst_ip.is_empty();
    let from_key = fields.is_none() && (empty_fields || key_tuple.is_some());
    let layout = match key.as_ref().map(|key| key.layout) {
        // The code splits IPv6 addresses at their colons and then has none (user/event/event_openssl.go:246-262@v1.5.2).
        Some(Layout::OpensslFields) if from_key => Layout::OpensslUuid,
        Some(layout) => layout,
        None => Layout::Fields,
    };
    let kind = match layout {
        Layout::Sql => Kind::Sql,
        _ => Kind::TlsData,
    };
    let mut reading = Reading::new(kind, layout, event.payload);
    reading.probe = match layout {
        Layout::OpensslFields | Layout::OpensslUuid | Layout::OpensslUnknown => {
            Some(Probe::Openssl)
        }
        Layout::Gnutls => Some(Probe::GnutlsOrNspr),
        Layout::Gotls => Some(Probe::Gotls),
        _ => None,
    };
    reading.process.pid = u64::try_from(event.pid).ok().and_then(id);
    reading.process.pname = name(event.pname.as_bytes());
    reading.ecapture_type = Some(event.event_type);
    reading.told = Told::Field(event.timestamp);
    reading.tuple = fields.or(key_tuple);
    if let Some(key) = key {
        reading.process.tid = key.tid.and_then(id);
        reading.process.pid = reading.process.pid.or(key.pid.and_then(id));
        reading.fd = key.fd;
        reading.direction = key.direction;
    }
    by_type(&mut reading, event.event_type);
    reading
}

pub(super) fn address(ip: &str, port: u32) -> Option<SocketAddr> {
    let ip: IpAddr = ip.parse().ok()?;
    Some(SocketAddr::new(ip, u16::try_from(port).ok()?))
}

/// What `type` says depends on the probe (`docs/wire.md` section 2.4).
fn by_type(reading: &mut Reading, event_type: u32) {
    match reading.layout {
        Layout::Gotls => {
            // 0 is write and 1 is read, unlike in the stream key.
            reading.direction = match event_type {
                0 => Some(Direction::Outbound),
                1 => Some(Direction::Inbound),
                _ => None,
            };
        }
        Layout::Sql => {
            // mysqld's return value, an int8 that was widened; 0 for postgres.
            let value = i32::from_ne_bytes(event_type.to_ne_bytes());
            reading.details.return_value = Some(i64::from(value));
        }
        Layout::Fields => {}
        _ => by_parser(reading, event_type),
    }
}

/// For openssl, gnutls and nspr, `type` is the parser that rendered the payload (iparser.go:41-47@v1.5.2).
pub(super) fn by_parser(reading: &mut Reading, event_type: u32) {
    match event_type {
        1 | 3 => reading.provenance |= Provenance::RESERIALIZED,
        2 | 4 => reading.provenance |= Provenance::LISTING,
        _ => {}
    }
    if let Some(bytes) = undumped(&reading.payload) {
        reading.payload = bytes;
        reading.encoding = Encoding::GoHexDump;
        reading.provenance |= Provenance::HEX_UNDONE;
    } else if event_type == 0
        && let Some(32..=126) = reading.payload.first()
    {
        reading.provenance |= Provenance::CUT_AT_NUL;
    }
}

/// What was dumped, if `payload` is a Go hex dump to the byte. Bytes that do not begin like text are dumped always,
/// and with `--hex` openssl's renderings are.
fn undumped(payload: &[u8]) -> Option<Bytes> {
    if !payload.starts_with(b"00000000  ") {
        return None;
    }
    let bytes = Dump::Go.read(payload, None)?;
    let mut comparer = Comparer::new(payload);
    Dump::Go.write(&bytes, &mut comparer).ok()?;
    comparer.is_same().then(|| Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Carrier;

    fn event(event_type: u32, payload: &[u8]) -> Reading {
        read(Structured {
            carrier: Carrier::Protobuf,
            timestamp: 1,
            uuid: "1_2_a_3_1_1.1.1.1:1-2.2.2.2:2".to_owned(),
            src_ip: String::new(),
            src_port: 0,
            dst_ip: String::new(),
            dst_port: 0,
            pid: i64::MAX,
            pname: "a\0\0".to_owned(),
            event_type,
            length: 0,
            payload: Bytes::copy_from_slice(payload),
        })
    }

    #[test]
    fn provenance_by_type_and_payload() {
        let dump = b"00000000  0a 61 62 63                                       |.abc|\n";
        let (undone, cut) = (Provenance::HEX_UNDONE, Provenance::CUT_AT_NUL);
        for (event_type, payload, expected) in [
            (0, &b"text"[..], cut),
            (0, b"", Provenance::empty()),
            (0, b"\n", Provenance::empty()),
            (0, dump, undone),
            (0, &dump[..40], cut),
            (1, b"GET / HTTP/1.1\r\n\r\n", Provenance::RESERIALIZED),
            (3, dump, Provenance::RESERIALIZED | undone),
            (2, b"\nFrame Type", Provenance::LISTING),
        ] {
            let reading = event(event_type, payload);
            assert_eq!(reading.provenance, expected, "{event_type} {payload:?}");
        }
        assert_eq!(event(0, dump).payload, "\nabc");
    }

    #[test]
    fn fills_in_from_the_stream_key() {
        let reading = event(0, b"");
        assert_eq!(reading.process.pid, Some(1));
        assert_eq!(reading.process.pname.as_deref(), Some("a"));
        assert_eq!(reading.layout, Layout::OpensslUuid);
        assert!(reading.tuple.is_some());
    }
}
