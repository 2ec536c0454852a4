//! The texts of event files of 1.x (`--eventaddr FILE`, `docs/wire.md` section 8).
//!
//! Up to 1.3.1 they have a stream key: `UUID:%s, Name:%s, Type:%d, Length:%d\n%s\n` (Display in iworker.go@v1.3.1).
//! From 1.4.1 to 1.5.2 they have addresses instead, and tell neither thread, descriptor nor direction:
//! `PID:%d, Comm:%s, Src:%s:%d, Dest:%s:%d,\n%s` (iworker.go:206@v1.5.2). IPv6 addresses are missing. gotls of 1.5 has
//! `PID: %d, Comm: %s, TID: %d, PayloadType:%d, Payload: %s\n`. Shells and databases write their bare texts.
//!
//! The last newline of a text was taken off when the file was written, and bytes that are no UTF-8 have become U+FFFD.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::event::{Content, Direction, Kind, Layout, Probe, Provenance, Sense};
use crate::http::h1;
use crate::normalize::reading::Reading;
use crate::normalize::scan::{Scanner, id, name, share};
use crate::normalize::structured::{address, by_parser};
use crate::normalize::tuple::tuple;
use crate::normalize::uuid::StreamKey;

/// The longest stream key: three numbers, a command name and two IPv6 addresses.
const KEY_BYTES: usize = 256;
/// The longest name of a parser, and then some.
const NAME_BYTES: usize = 64;
/// The longest address.
const ADDRESS_BYTES: usize = 64;

/// Reads the text of a line of such a file.
pub(crate) fn read(text: &Bytes) -> Reading {
    let mut reading = keyed(text)
        .or_else(|| addressed(text))
        .or_else(|| gotls(text))
        .unwrap_or_else(|| super::read(text));
    reading.provenance |= Provenance::TEXT_FILE;
    reading
}

fn keyed(text: &Bytes) -> Option<Reading> {
    let mut scanner = Scanner::new(text);
    scanner.tag(b"UUID:")?;
    let key = scanner.until(b", Name:", KEY_BYTES)?;
    scanner.until(b", Type:", NAME_BYTES)?;
    let event_type = scanner.number()?;
    scanner.tag(b", Length:")?;
    // Counts the bytes before some were replaced, and before a dump is undone.
    scanner.number::<u64>()?;
    scanner.tag(b"\n")?;
    // The newline that was taken off is the one of the format.
    let mut reading = Reading::new(Kind::TlsData, Layout::KeyedLine, tail(text, scanner));
    reading.ecapture_type = Some(event_type);
    reading.probe = Some(Probe::Openssl);
    let key = std::str::from_utf8(key).ok()?;
    if let Some(key) = StreamKey::parse(key).or_else(|| StreamKey::parse_short(key)) {
        reading.process.pid = key.pid.and_then(id);
        reading.process.tid = key.tid.and_then(id);
        reading.process.pname = key.command.and_then(|command| name(command.as_bytes()));
        reading.fd = key.fd;
        reading.direction = key.direction;
        reading.probe = match key.layout {
            Layout::Gnutls => Some(Probe::GnutlsOrNspr),
            Layout::Gotls => Some(Probe::Gotls),
            Layout::Sql => None,
            _ => Some(Probe::Openssl),
        };
        reading.tuple = key
            .tuple
            .and_then(|(src, dst)| tuple(src, dst, Sense::InitiatorToAcceptor));
    }
    by_parser(&mut reading, event_type);
    Some(reading)
}

fn addressed(text: &Bytes) -> Option<Reading> {
    let mut scanner = Scanner::new(text);
    scanner.tag(b"PID:")?;
    let pid = scanner.number()?;
    scanner.tag(b", Comm:")?;
    let (command, (src, dst, rest)) = scanner.command(b", Src:", |mut scanner| {
        let src = end(&mut scanner)?;
        scanner.tag(b", Dest:")?;
        let dst = end(&mut scanner)?;
        scanner.tag(b",\n")?;
        Some((src, dst, scanner))
    })?;
    let payload = with_newline(tail(text, rest));
    let mut reading = Reading::new(Kind::TlsData, Layout::AddressedLine, payload);
    reading.process.pid = id(pid);
    reading.process.pname = name(command);
    reading.tuple = known(src)
        .zip(known(dst))
        .and_then(|(src, dst)| tuple(src, dst, Sense::InitiatorToAcceptor));
    // The parser is not told, but shows.
    let event_type = match h1::head(&reading.payload) {
        Some((Content::Http1Request, _)) => 1,
        Some(_) => 3,
        None if reading.payload.starts_with(b"\nFrame Type") => 2,
        None => 0,
    };
    by_parser(&mut reading, event_type);
    Some(reading)
}

fn gotls(text: &Bytes) -> Option<Reading> {
    let mut scanner = Scanner::new(text);
    scanner.tag(b"PID: ")?;
    let pid = scanner.number()?;
    scanner.tag(b", Comm: ")?;
    let (command, (tid, payload_type, rest)) = scanner.command(b", TID: ", |mut scanner| {
        let tid = scanner.number()?;
        scanner.tag(b", PayloadType:")?;
        let payload_type = scanner.number::<u32>()?;
        scanner.tag(b", Payload: ")?;
        Some((tid, payload_type, scanner))
    })?;
    let mut reading = Reading::new(Kind::TlsData, Layout::GotlsLine, tail(text, rest));
    reading.process.pid = id(pid);
    reading.process.tid = id(tid);
    reading.process.pname = name(command);
    reading.probe = Some(Probe::Gotls);
    reading.ecapture_type = Some(payload_type);
    // As in frames: 0 is write and 1 is read.
    reading.direction = match payload_type {
        0 => Some(Direction::Outbound),
        1 => Some(Direction::Inbound),
        _ => None,
    };
    Some(reading)
}

/// `%s:%d`, where the address may be missing.
fn end<'a>(scanner: &mut Scanner<'a>) -> Option<(&'a [u8], u32)> {
    let ip = scanner.until(b":", ADDRESS_BYTES)?;
    Some((ip, scanner.number()?))
}

fn known((ip, port): (&[u8], u32)) -> Option<SocketAddr> {
    address(std::str::from_utf8(ip).ok()?, port)
}

/// All that is left.
fn tail(text: &Bytes, scanner: Scanner<'_>) -> Bytes {
    share(text, scanner.rest(), 0)
}

/// With the newline that was taken off, where it shows that there was one: behind a carriage return, and at the end of a
/// dump of Go's.
fn with_newline(payload: Bytes) -> Bytes {
    let is_dump = payload.starts_with(b"00000000  ") && payload.ends_with(b"|");
    if is_dump || payload.ends_with(b"\r") {
        let mut whole = payload.to_vec();
        whole.push(b'\n');
        return whole.into();
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let reading = read(&Bytes::copy_from_slice(text.as_bytes()));
        let process = &reading.process;
        let found = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {:?}",
            reading.layout,
            process.pid,
            process.tid,
            process.pname.as_deref(),
            reading.fd,
            reading.direction.map(Direction::name),
            reading
                .tuple
                .map(|tuple| format!("{}-{}", tuple.src, tuple.dst)),
            reading.provenance.names().join("+"),
            String::from_utf8_lossy(&reading.payload),
        );
        assert_eq!(found, expected);
    }

    #[test]
    fn reads_the_lines_of_1_x() {
        check(
            "UUID:1_2_my_app_5_1_10.0.0.1:5-10.0.0.2:443, Name:HTTPRequest, Type:1, Length:18\nGET / HTTP/1.1\r\n\r\n",
            r#"KeyedLine Some(1) Some(2) Some("my_app") Some(5) Some("out") Some("10.0.0.1:5-10.0.0.2:443") reserialized+text_file "GET / HTTP/1.1\r\n\r\n""#,
        );
        check(
            "UUID:1_2_curl_5_0, Name:HTTPResponse, Type:3, Length:2\nhi",
            r#"KeyedLine Some(1) Some(2) Some("curl") Some(5) Some("in") None reserialized+text_file "hi""#,
        );
        check(
            "PID:1, Comm:my, Src:app, Src:10.0.0.1:5, Dest:10.0.0.2:443,\nGET / HTTP/1.1\r\n\r",
            r#"AddressedLine Some(1) None Some("my, Src:app") None None Some("10.0.0.1:5-10.0.0.2:443") reserialized+text_file "GET / HTTP/1.1\r\n\r\n""#,
        );
        check(
            "PID:1, Comm:curl, Src::0, Dest::0,\n00000000  0a 61 62 63                                       |.abc|",
            r#"AddressedLine Some(1) None Some("curl") None None None hex_undone+text_file "\nabc""#,
        );
        check(
            "PID: 1, Comm: caddy, TID: 2, PayloadType:1, Payload: hello",
            r#"GotlsLine Some(1) Some(2) Some("caddy") None Some("in") None text_file "hello""#,
        );
        check(
            "PID:1, UID:2, \tComm:bash\0\0, \tRetvalue:0, \tLine:\nls",
            r#"BashBare Some(1) None Some("bash") None None None text_file "ls""#,
        );
        check(
            "Events truncated, size: 5 bytes",
            r#"Unknown None None None None None None text_file "Events truncated, size: 5 bytes""#,
        );
    }
}
