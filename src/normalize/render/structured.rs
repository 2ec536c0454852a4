//! Events with fields; the inverse of `normalize::structured`.

use std::io::{self, Write};
use std::net::SocketAddr;

use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;

use super::json::write_string;
use super::text::field;
use super::{Body, Short};
use crate::event::{Carrier, Event, Layout};

/// What probes without sockets send for an address (`docs/wire.md` section 2.3).
const NO_ADDRESS: &[u8] = b"127.0.0.1";
/// What openssl sends for an address that it does not know.
const UNKNOWN_ADDRESS: &[u8] = b"0.0.0.0";

/// The fields of an event, as they were sent.
pub(super) struct Columns<'a> {
    timestamp: i64,
    uuid: Short,
    src: Address,
    dst: Address,
    pid: u32,
    name: &'a str,
    /// Whether JSON has the name with its NUL bytes; protobuf never has.
    padded: bool,
    event_type: u32,
    body: Body<'a>,
}

struct Address {
    ip: Short,
    port: u16,
}

impl Address {
    fn fixed(ip: &[u8]) -> Option<Self> {
        let mut text = Short::new();
        text.write_all(ip).ok()?;
        Some(Self { ip: text, port: 0 })
    }

    fn of(address: SocketAddr) -> Option<Self> {
        let mut ip = Short::new();
        write!(ip, "{}", address.ip()).ok()?;
        Some(Self {
            ip,
            port: address.port(),
        })
    }
}

impl<'a> Columns<'a> {
    /// `None` if the columns do not hold what the form takes.
    pub(super) fn new(event: &'a Event, payload: &'a [u8]) -> Option<Self> {
        let layout = event.form.layout;
        let (src, dst) = match (layout, event.tuple) {
            (Layout::OpensslUuid, _) | (Layout::Fields, None) => {
                (Address::fixed(b"")?, Address::fixed(b"")?)
            }
            (Layout::OpensslFields | Layout::Fields, Some(tuple)) => {
                (Address::of(tuple.src)?, Address::of(tuple.dst)?)
            }
            (Layout::OpensslFields | Layout::OpensslUnknown, _) => (
                Address::fixed(UNKNOWN_ADDRESS)?,
                Address::fixed(UNKNOWN_ADDRESS)?,
            ),
            (Layout::Gnutls | Layout::Gotls | Layout::Sql, _) => {
                (Address::fixed(NO_ADDRESS)?, Address::fixed(NO_ADDRESS)?)
            }
            _ => return None,
        };
        Some(Self {
            timestamp: field(event)?,
            uuid: uuid(event)?,
            src,
            dst,
            pid: event.process.pid.unwrap_or(0),
            name: event.process.pname.as_deref().unwrap_or_default(),
            padded: matches!(layout, Layout::Gnutls | Layout::Gotls | Layout::Sql),
            event_type: event.ecapture_type?,
            body: Body::new(event, payload),
        })
    }

    /// Writes a protobuf `LogEntry` (iworker.go:208-224@v1.4.3).
    pub(super) fn write_protobuf(&self, out: &mut impl Write) -> io::Result<bool> {
        let size = self.body.size();
        let Ok(length) = u32::try_from(size) else {
            return Ok(false);
        };
        let mut event = Short::new();
        if self.protobuf_fields(length, size, &mut event).is_err() {
            return Ok(false);
        }
        let event_size = size.saturating_add(event.written().len());
        let mut entry = Short::new();
        entry.write_all(b"\x08\x02\x12")?;
        entry.varint(u64::try_from(event_size).map_err(io::Error::other)?)?;
        out.write_all(entry.written())?;
        out.write_all(event.written())?;
        self.body.write(out)?;
        Ok(true)
    }

    fn protobuf_fields(&self, length: u32, size: usize, event: &mut Short) -> io::Result<()> {
        event.number_field(0x08, u64::from_ne_bytes(self.timestamp.to_ne_bytes()))?;
        event.bytes_field(0x12, self.uuid.written())?;
        event.bytes_field(0x1a, self.src.ip.written())?;
        event.number_field(0x20, self.src.port.into())?;
        event.bytes_field(0x2a, self.dst.ip.written())?;
        event.number_field(0x30, self.dst.port.into())?;
        event.number_field(0x38, self.pid.into())?;
        event.bytes_field(0x42, self.name.as_bytes())?;
        event.number_field(0x48, self.event_type.into())?;
        event.number_field(0x50, length.into())?;
        event.bytes_key(0x5a, size)
    }

    /// Writes dialect A's frame (user/event/event_base.go:20-32@v1.4.0), or 1.4.3's bare one. `length` is that of the
    /// base64 text.
    pub(super) fn write_json(&self, carrier: Carrier, out: &mut impl Write) -> io::Result<bool> {
        let mut name = Short::new();
        let named = if self.padded {
            name.padded(self.name)
        } else {
            name.write_all(self.name.as_bytes())
        };
        if named.is_err() {
            return Ok(false);
        }
        let length = self.body.size().div_ceil(3).saturating_mul(4);
        let (head, key, tail) = match carrier {
            Carrier::Json => (r#"{"log_type":2,"payload":"#, "payload_base64", "\"}}"),
            _ => ("", "payload", "\"}"),
        };
        write!(out, r#"{head}{{"timestamp":{},"uuid":"#, self.timestamp)?;
        write_string(self.uuid.written(), out)?;
        for (end, address) in [("src", &self.src), ("dst", &self.dst)] {
            write!(out, r#","{end}_ip":"#)?;
            write_string(address.ip.written(), out)?;
            write!(out, r#","{end}_port":{}"#, address.port)?;
        }
        write!(out, r#","pid":{},"pname":"#, self.pid)?;
        write_string(name.written(), out)?;
        write!(
            out,
            r#","type":{},"length":{length},"{key}":""#,
            self.event_type
        )?;
        {
            let mut encoder = EncoderWriter::new(&mut *out, &STANDARD);
            self.body.write(&mut encoder)?;
            encoder.finish()?;
        }
        out.write_all(tail.as_bytes())?;
        Ok(true)
    }
}

/// The stream key (`docs/wire.md` section 2.2).
fn uuid(event: &Event) -> Option<Short> {
    let mut key = Short::new();
    let layout = event.form.layout;
    if layout == Layout::Fields {
        return Some(key);
    }
    let name = event.process.pname.as_deref().unwrap_or_default();
    if layout == Layout::OpensslUnknown {
        key.write_all(b"sock:").ok()?;
    }
    write!(key, "{}_", event.process.pid.unwrap_or(0)).ok()?;
    if layout != Layout::Sql {
        write!(key, "{}_", event.process.tid.unwrap_or(0)).ok()?;
    }
    match layout {
        Layout::Gnutls | Layout::Gotls | Layout::Sql => key.padded(name).ok()?,
        _ => write!(key, "{name}_{}", event.fd?).ok()?,
    }
    if !matches!(layout, Layout::Gotls | Layout::Sql) {
        write!(key, "_{}", event.direction?.code()).ok()?;
    }
    match layout {
        Layout::OpensslUnknown => key.write_all(b"_0.0.0.0:0-0.0.0.0:0_0").ok()?,
        Layout::OpensslFields | Layout::OpensslUuid => match event.tuple {
            Some(tuple) => write!(key, "_{}-{}", tuple.src, tuple.dst).ok()?,
            None => key.write_all(b"_0.0.0.0:0-0.0.0.0:0").ok()?,
        },
        _ => {}
    }
    Some(key)
}
