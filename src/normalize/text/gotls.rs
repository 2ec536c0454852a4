//! 2.x gotls data: `PID:%d, TID:%d, Comm:%s, FD:%d, Tuple:%s, Type:READ|WRITE, Len:%d\nData:\n%s`, and with `--hex`
//! `Data(hex):\n%x` (internal/probe/gotls/event.go:316,331@v2.5.1).

use std::net::SocketAddr;

use bytes::Bytes;

use super::{CALL_BYTES, counted, uncounted};
use crate::event::{Direction, Kind, Layout, Probe, Sense};
use crate::normalize::dump;
use crate::normalize::reading::Reading;
use crate::normalize::scan::{Scanner, id, name, share};
use crate::normalize::tuple::{bracketed, tuple};

/// What is printed for a tuple that is not known.
pub(in crate::normalize) const UNKNOWN_TUPLE: &[u8] = b"0.0.0.0:0-0.0.0.0:0";

/// Everything behind the command name.
struct Rest<'a> {
    fd: u32,
    /// As printed: in the direction of the data.
    printed: Option<(SocketAddr, SocketAddr)>,
    direction: Direction,
    count: usize,
    hex: bool,
    /// From behind `Data:\n` to the end.
    data: &'a [u8],
}

pub(super) fn read(text: &Bytes) -> Option<Reading> {
    let mut scanner = Scanner::new(text);
    scanner.tag(b"PID:")?;
    let pid = scanner.number()?;
    scanner.tag(b", TID:")?;
    let tid = scanner.number()?;
    scanner.tag(b", Comm:")?;
    let (command, rest) = scanner.command(b", FD:", read_rest)?;
    let payload = if rest.hex {
        let bytes = dump::read_digits(uncounted(rest.data))?;
        (bytes.len() == rest.count).then(|| Bytes::from(bytes))?
    } else {
        let body = counted(rest.data, rest.count)?;
        share(text, body, rest.data.len().saturating_sub(body.len()))
    };
    let layout = match rest.printed {
        Some(_) => Layout::GotlsText,
        None => Layout::GotlsTextUnknown,
    };
    let mut reading = Reading::new(Kind::TlsData, layout, payload);
    reading.process.pid = id(pid);
    reading.process.tid = id(tid);
    reading.process.pname = name(command);
    reading.fd = Some(rest.fd);
    reading.direction = Some(rest.direction);
    reading.probe = Some(Probe::Gotls);
    reading.tuple = rest.printed.and_then(|(from, to)| {
        let (local, remote) = match rest.direction {
            Direction::Inbound => (to, from),
            Direction::Outbound => (from, to),
        };
        tuple(local, remote, Sense::LocalToRemote)
    });
    reading.hex(rest.hex);
    reading.truncated(rest.count == CALL_BYTES);
    Some(reading)
}

fn read_rest(mut scanner: Scanner<'_>) -> Option<Rest<'_>> {
    let fd = scanner.number()?;
    scanner.tag(b", Tuple:")?;
    let printed = if scanner.tag(UNKNOWN_TUPLE).is_some() {
        None
    } else {
        let from = bracketed(&mut scanner)?;
        scanner.tag(b"->")?;
        Some((from, bracketed(&mut scanner)?))
    };
    let direction = if scanner.tag(b", Type:READ, Len:").is_some() {
        Direction::Inbound
    } else {
        scanner.tag(b", Type:WRITE, Len:")?;
        Direction::Outbound
    };
    let count = scanner.number()?;
    scanner.tag(b"\nData")?;
    let hex = scanner.tag(b"(hex)").is_some();
    scanner.tag(b":\n")?;
    Some(Rest {
        fd,
        printed,
        direction,
        count,
        hex,
        data: scanner.rest(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_turned_around() {
        for (kind, src) in [("READ", "2.2.2.2:2"), ("WRITE", "1.1.1.1:1")] {
            let text = format!(
                "PID:8, TID:9, Comm:a, FD:3, Tuple:[1.1.1.1]:1->[2.2.2.2]:2, Type:{kind}, Len:1\nData:\nz\n"
            );
            let reading = read(&Bytes::from(text)).unwrap();
            assert_eq!(reading.tuple.unwrap().src, src.parse().unwrap());
            assert_eq!(reading.payload, "z");
        }
    }

    #[test]
    fn the_count_decides() {
        for (rest, expected) in [
            ("Len:2\nData:\nz\n", Some("z\n")),
            ("Len:3\nData:\nz\n", None),
            ("Len:0\nData:\n", Some("")),
            ("Len:1\nData(hex):\n7a\n", Some("z")),
            ("Len:2\nData(hex):\n7a\n", None),
        ] {
            let text =
                format!("PID:8, TID:9, Comm:a, FD:3, Tuple:0.0.0.0:0-0.0.0.0:0, Type:READ, {rest}");
            let payload = read(&Bytes::from(text)).map(|reading| reading.payload);
            assert_eq!(payload.as_deref(), expected.map(str::as_bytes), "{rest}");
        }
    }
}
