//! Dialects A and B (1.4.0 to 1.5.2), wire.md sections 1.2 to 1.4.

use std::io::{self, Write as _};
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::calendar::SECOND_NS;
use super::dialect::{Encoder, Message, Release};
use super::event::{Ends, GeneratedEvent, Probe};
use super::protobuf::EventFields;
use super::rendering;

/// The JSON message of 1.4.0 to 1.4.2: openssl, gnutls and gotls only, the last two not with `--hex`.
pub(super) fn json(encoder: &Encoder, event: &GeneratedEvent, unix_ns: i64) -> Option<Message> {
    let rendered = Rendered::new(encoder, event)?;
    let text = STANDARD.encode(&rendered.payload);
    let event = rendered.json(
        event,
        unix_ns.div_euclid(SECOND_NS),
        "payload_base64",
        &text,
    );
    let text = json!({"log_type": 2, "payload": event}).to_string();
    // Go's encoder writes these so that JSON can stand in HTML.
    let text = text
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    Some(Message::text(text.into_bytes()))
}

/// The message of 1.4.3 to 1.5.2: protobuf, or what was sent in its place.
pub(super) fn protobuf(encoder: &Encoder, event: &GeneratedEvent, unix_ns: i64) -> Option<Message> {
    let holes = encoder.release < Release::new(1, 5, 0);
    match event.probe {
        Probe::Bash(_) | Probe::Zsh => return bare_text(event, unix_ns).ok().map(Message::binary),
        Probe::MySql { .. } | Probe::Postgres if holes => {
            return bare_text(event, unix_ns).ok().map(Message::binary);
        }
        // A protobuf string must be UTF-8: the release loses the event.
        _ if std::str::from_utf8(&event.comm).is_err() => return None,
        _ => {}
    }
    let rendered = Rendered::new(encoder, event)?;
    if event.probe == Probe::GoTls && holes {
        let text = STANDARD.encode(&rendered.payload);
        let json = rendered.json(event, unix_ns, "payload", &text);
        return Some(Message::binary(json.to_string().into_bytes()));
    }
    let pname = rendered.pname.trim_end_matches('\0').trim();
    Some(Message::binary(super::protobuf::event(&EventFields {
        timestamp: unix_ns,
        uuid: &rendered.uuid,
        src_ip: &rendered.src.0,
        src_port: u32::from(rendered.src.1),
        dst_ip: &rendered.dst.0,
        dst_port: u32::from(rendered.dst.1),
        pid: i64::from(event.pid),
        pname,
        kind: rendered.kind,
        length: u32::try_from(rendered.payload.len()).unwrap_or(u32::MAX),
        payload: &rendered.payload,
    })))
}

/// What both dialects say about an event that they have fields for.
struct Rendered {
    uuid: String,
    src: (String, u16),
    dst: (String, u16),
    pname: String,
    kind: u32,
    payload: Vec<u8>,
}

impl Rendered {
    /// Nothing for the events that these releases do not send, or not in these fields.
    fn new(encoder: &Encoder, event: &GeneratedEvent) -> Option<Self> {
        let comm = String::from_utf8_lossy(&event.comm).into_owned();
        let padded = format!("{comm:\0<16}");
        let (pid, tid) = (event.pid, event.tid);
        let direction = u8::from(event.written);
        let nowhere = (String::from("127.0.0.1"), 0);
        let (kind, payload) = match event.probe {
            Probe::OpenSsl | Probe::GnuTls => rendering::render(&event.payload),
            Probe::GoTls => (u32::from(!event.written), event.payload.to_vec()),
            Probe::MySql { .. } | Probe::Postgres if !encoder.release.sends_json() => {
                (0, event.payload.to_vec())
            }
            _ => return None,
        };
        let uuid = match event.probe {
            Probe::OpenSsl => {
                let mut rendered = openssl(event, &comm);
                (rendered.kind, rendered.payload) = (kind, payload);
                if encoder.hex {
                    rendered.payload = rendering::go_hex_dump(&rendered.payload);
                }
                return Some(rendered);
            }
            // Bare colored text in B, lost in A; its spacing is not known well enough to imitate.
            _ if encoder.hex => return None,
            Probe::GnuTls => format!("{pid}_{tid}_{padded}_{direction}"),
            Probe::GoTls => format!("{pid}_{tid}_{padded}"),
            _ => format!("{pid}_{padded}"),
        };
        Some(Self {
            uuid,
            src: nowhere.clone(),
            dst: nowhere,
            pname: padded,
            kind,
            payload,
        })
    }

    /// The JSON object of an event.
    fn json(&self, event: &GeneratedEvent, timestamp: i64, key: &str, base64: &str) -> Value {
        let mut object = Map::new();
        for (name, value) in [
            ("timestamp", json!(timestamp)),
            ("uuid", json!(self.uuid)),
            ("src_ip", json!(self.src.0)),
            ("src_port", json!(self.src.1)),
            ("dst_ip", json!(self.dst.0)),
            ("dst_port", json!(self.dst.1)),
            ("pid", json!(event.pid)),
            ("pname", json!(self.pname)),
            ("type", json!(self.kind)),
            ("length", json!(base64.len())),
            (key, json!(base64)),
        ] {
            object.insert(name.to_owned(), value);
        }
        Value::Object(object)
    }
}

/// The addresses and the uuid of an openssl event; kind and payload are still to be set.
fn openssl(event: &GeneratedEvent, comm: &str) -> Rendered {
    let (pid, tid, fd) = (event.pid, event.tid, event.fd);
    let direction = u8::from(event.written);
    let comm = comm.trim();
    // The code splits at ':', so that IPv6 leaves the fields empty.
    let field = |end: SocketAddr| match end {
        SocketAddr::V4(end) => (end.ip().to_string(), end.port()),
        SocketAddr::V6(_) => (String::new(), 0),
    };
    let (uuid, src, dst) = match event.tuple {
        Some(Ends {
            initiator,
            acceptor,
            ..
        }) if fd > 0 => (
            format!("{pid}_{tid}_{comm}_{fd}_{direction}_{initiator}-{acceptor}"),
            field(initiator),
            field(acceptor),
        ),
        _ => {
            let nowhere = (String::from("0.0.0.0"), 0);
            (
                format!("sock:{pid}_{tid}_{comm}_{fd}_{direction}_0.0.0.0:0-0.0.0.0:0_0"),
                nowhere.clone(),
                nowhere,
            )
        }
    };
    Rendered {
        uuid,
        src,
        dst,
        pname: comm.to_owned(),
        kind: 0,
        payload: Vec::new(),
    }
}

/// What 1.4.3 sends for shells and SQL, and 1.5.x for shells, in place of protobuf. `--hex` is not imitated.
fn bare_text(event: &GeneratedEvent, unix_ns: i64) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(event.payload.len() + 128);
    let mut comm = event.comm.to_vec();
    comm.resize(16, 0);
    let (pid, uid, size) = (event.pid, event.uid, event.payload.len());
    match event.probe {
        Probe::Bash(value) => {
            write!(out, "PID:{pid}, UID:{uid}, \tComm:")?;
            out.extend_from_slice(&comm);
            writeln!(out, ", \tRetvalue:{value}, \tLine:")?;
        }
        Probe::Zsh => {
            write!(out, "PID:{pid}, UID:{uid}, \tComm:")?;
            out.extend_from_slice(&comm);
            out.extend_from_slice(b", \tLine:\n");
        }
        Probe::MySql {
            total_bytes,
            status,
        } => {
            write!(out, " PID:{pid}, Comm:")?;
            out.extend_from_slice(&comm);
            write!(
                out,
                ", Time:{unix_ns},  length:({size}/{total_bytes}),  return:DISPATCH_COMMAND_{status}, Line:"
            )?;
        }
        _ => {
            write!(out, " PID: {pid}, Comm: ")?;
            out.extend_from_slice(&comm);
            write!(out, ", Time: {unix_ns}, Query: ")?;
        }
    }
    out.extend_from_slice(&event.payload);
    Ok(out)
}
