//! Texts of 2.x that mention something without its bytes: packets (`-m pcap`), and key material (`-m keylog`).

use bytes::Bytes;

use super::tail;
use crate::event::{Kind, Layout};
use crate::normalize::reading::{Reading, Told};
use crate::normalize::scan::Scanner;

/// `internal/probe/openssl/event_masterkey.go:138,145@v2.5.1` and `internal/probe/gotls/event_masterkey.go:92,101@v2.5.1`.
const KEYS: [&[u8]; 3] = [b"TLS Version: ", b"Version: 0x", b"Label:"];

/// `Packet captured: len=%d bytes, timestamp=%d, interface=%d`, or a line about keys. The payload is the line.
pub(super) fn read(text: &Bytes) -> Option<Reading> {
    let line = tail(text, text, false)?;
    if KEYS.iter().any(|start| text.starts_with(start)) {
        return Some(Reading::new(Kind::KeyMaterial, Layout::KeyText, line));
    }
    let mut scanner = Scanner::new(&line);
    scanner.tag(b"Packet captured: len=")?;
    let total = scanner.number()?;
    scanner.tag(b" bytes, timestamp=")?;
    let monotonic = scanner.number::<u64>()?;
    scanner.tag(b", interface=")?;
    let interface = scanner.number()?;
    if !scanner.rest().is_empty() {
        return None;
    }
    let mut reading = Reading::new(Kind::Packet, Layout::PacketText, line.clone());
    reading.details.total_bytes = Some(total);
    reading.details.monotonic_ns = Some(monotonic);
    reading.details.interface_index = Some(interface);
    reading.told = i64::try_from(monotonic).map_or(Told::Nothing, Told::Monotonic);
    Some(reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_packets_and_keys() {
        for (text, kind) in [
            (
                "Packet captured: len=74 bytes, timestamp=12, interface=2\n",
                Some(Kind::Packet),
            ),
            (
                "Packet captured: len=74 bytes, timestamp=12, interface=2 x",
                None,
            ),
            (
                "Label: CLIENT_RANDOM, ClientRandom: 00\n",
                Some(Kind::KeyMaterial),
            ),
            ("Version: 0x0304, ClientRandom: 00", Some(Kind::KeyMaterial)),
            ("Version: 1.2", None),
        ] {
            let kind_found = read(&Bytes::from(text)).map(|reading| reading.kind);
            assert_eq!(kind_found, kind, "{text}");
        }
    }
}
