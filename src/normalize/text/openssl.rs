//! 2.x openssl data: `[%s] PID:%d TID:%d Comm:%s FD:%d READ|WRITE (%d bytes):\n%s`
//! (internal/probe/openssl/event.go:179@v2.5.1), and with `--hex` a dump (`:198-212`).

use bytes::Bytes;

use super::{CALL_BYTES, counted};
use crate::event::{Direction, Kind, Layout, Probe};
use crate::normalize::clocks::told_by;
use crate::normalize::dump::Dump;
use crate::normalize::reading::Reading;
use crate::normalize::scan::{Scanner, id, name, share};

/// The longest date: a year of 12 digits.
const DATE_BYTES: usize = 32;

/// Everything behind the command name.
struct Rest<'a> {
    fd: u32,
    direction: Direction,
    count: usize,
    body: Body<'a>,
}

enum Body<'a> {
    Plain { body: &'a [u8], after: usize },
    Dumped(Vec<u8>),
}

pub(super) fn read(text: &Bytes) -> Option<Reading> {
    let mut scanner = Scanner::new(text);
    scanner.tag(b"[")?;
    let date = scanner.until(b"] PID:", DATE_BYTES)?;
    let pid = scanner.number()?;
    scanner.tag(b" TID:")?;
    let tid = scanner.number()?;
    scanner.tag(b" Comm:")?;
    let (command, rest) = scanner.command(b" FD:", read_rest)?;
    let (payload, hex) = match rest.body {
        Body::Plain { body, after } => (share(text, body, after), false),
        Body::Dumped(bytes) => (Bytes::from(bytes), true),
    };
    let mut reading = Reading::new(Kind::TlsData, Layout::OpensslText, payload);
    reading.process.pid = id(pid);
    reading.process.tid = id(tid);
    reading.process.pname = name(command);
    reading.fd = Some(rest.fd);
    reading.direction = Some(rest.direction);
    reading.probe = Some(Probe::Openssl);
    reading.told = told_by(date, hex);
    reading.hex(hex);
    reading.truncated(rest.count == CALL_BYTES);
    Some(reading)
}

fn read_rest(mut scanner: Scanner<'_>) -> Option<Rest<'_>> {
    let fd = scanner.number()?;
    let direction = if scanner.tag(b" READ (").is_some() {
        Direction::Inbound
    } else {
        scanner.tag(b" WRITE (")?;
        Direction::Outbound
    };
    let count = scanner.number()?;
    let body = if scanner.tag(b" bytes):\n").is_some() {
        let body = counted(scanner.rest(), count)?;
        Body::Plain {
            body,
            after: scanner.rest().len().saturating_sub(body.len()),
        }
    } else {
        scanner.tag(b" bytes, hex):\n")?;
        Body::Dumped(Dump::Openssl.read(scanner.rest(), Some(count))?)
    };
    Some(Rest {
        fd,
        direction,
        count,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(rest: &str) -> Option<Bytes> {
        let text = format!("[2026-11-23 10:40:38.036] PID:1 TID:2 Comm:{rest}");
        read(&Bytes::from(text)).map(|reading| reading.payload)
    }

    #[test]
    fn the_count_decides() {
        for (rest, expected) in [
            ("a FD:5 READ (2 bytes):\nhi\n", Some("hi")),
            ("a FD:5 READ (3 bytes):\nhi\n", Some("hi\n")),
            ("a FD:5 READ (0 bytes):\n", Some("")),
            ("a FD:5 READ (2 bytes):\nhi\n\n", None),
            ("a FD:5 READ (9 bytes):\nhi\n", None),
            ("a FD:5 SEND (2 bytes):\nhi\n", None),
            ("a FD:1 READ (1 FD:5 READ (2 bytes):\nhi\n", Some("hi")),
            (
                "a FD:5 READ (20 bytes):\nx FD:5 READ (2 bytes\n",
                Some("x FD:5 READ (2 bytes"),
            ),
        ] {
            assert_eq!(
                payload(rest).as_deref(),
                expected.map(str::as_bytes),
                "{rest}"
            );
        }
    }
}
