//! 2.x openssl connections: `PID:%d, Comm:%s, TID:%d, FD:%d, Tuple: [%s]:%d->[%s]:%d\n`
//! (`internal/probe/openssl/event_connect.go:140@v2.5.1`).

use bytes::Bytes;

use super::uncounted;
use crate::event::{Kind, Layout, Sense};
use crate::normalize::reading::Reading;
use crate::normalize::scan::{Scanner, id, name};
use crate::normalize::tuple::{bracketed, tuple};

/// Sent for every TCP socket that is destroyed on the host, unfiltered, with nothing that says which
/// (kern/openssl.h:508-520@v2.5.1).
const DESTROYED: &[u8] = b"PID:0, Comm:, TID:0, FD:0, Tuple: [::]:0->[::]:0\n";

/// Whether `text` says that some socket was destroyed.
pub(in crate::normalize) fn is_destroyed(text: &[u8]) -> bool {
    text == DESTROYED
}

pub(super) fn read(text: &Bytes) -> Option<Reading> {
    let mut scanner = Scanner::new(text);
    scanner.tag(b"PID:")?;
    let pid = scanner.number()?;
    scanner.tag(b", Comm:")?;
    let (command, (tid, fd, src, dst)) = scanner.command(b", TID:", |mut scanner| {
        let tid = scanner.number()?;
        scanner.tag(b", FD:")?;
        let fd = scanner.number()?;
        scanner.tag(b", Tuple: ")?;
        let src = bracketed(&mut scanner)?;
        scanner.tag(b"->")?;
        let dst = bracketed(&mut scanner)?;
        uncounted(scanner.rest())
            .is_empty()
            .then_some((tid, fd, src, dst))
    })?;
    // The whole text is header; a frame that is not rendered again is kept whole.
    let mut reading = Reading::new(Kind::Connection, Layout::ConnectionText, Bytes::new());
    reading.process.pid = id(pid);
    reading.process.tid = id(tid);
    reading.process.pname = name(command);
    reading.fd = Some(fd);
    reading.tuple = tuple(src, dst, Sense::InitiatorToAcceptor);
    Some(reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tid_counts() {
        let text = Bytes::from_static(
            b"PID:1, Comm:a, TID:9, , TID:2, FD:3, Tuple: [::1]:4->[1.2.3.4]:5\n",
        );
        let reading = read(&text).unwrap();
        assert_eq!(reading.process.pname.as_deref(), Some("a, TID:9, "));
        assert_eq!(reading.process.tid, Some(2));
        let tuple = reading.tuple.unwrap();
        assert_eq!(tuple.src, "[::1]:4".parse().unwrap());
        assert_eq!(tuple.dst, "1.2.3.4:5".parse().unwrap());
    }
}
