//! The hex dumps that eCapture writes: reading them back, and writing them line by line.

use std::io::{self, Write};

/// A way to write bytes as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dump {
    /// Go's `encoding/hex.Dump`: 16 bytes a line (`pkg/event_processor/iparser.go:129@v1.5.2` uses it).
    Go,
    /// openssl's own in 2.x: 32 bytes a line, in groups of 8, capital digits
    /// (internal/probe/openssl/event.go:198-212@v2.5.1).
    Openssl,
}

impl Dump {
    fn line_bytes(self) -> usize {
        match self {
            Self::Go => 16,
            Self::Openssl => 32,
        }
    }

    /// Writes the dump of `bytes`.
    pub(super) fn write(self, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        let mut line = Line::default();
        let mut offset = 0_usize;
        for chunk in bytes.chunks(self.line_bytes()) {
            line.clear();
            self.line(offset, chunk, &mut line)?;
            out.write_all(line.written())?;
            offset = offset.saturating_add(chunk.len());
        }
        Ok(())
    }

    /// The size of the dump of `bytes` bytes.
    pub(super) fn size(self, bytes: usize) -> usize {
        let full = bytes / self.line_bytes();
        let rest = bytes % self.line_bytes();
        let line = |index: usize, count: usize| {
            let offset = index.saturating_mul(self.line_bytes());
            match self {
                Self::Go => offset_digits(offset, 8) + 52 + count + 3,
                Self::Openssl => offset_digits(offset, 4) + 6 + 32 + count + 4 + 32 + 1,
            }
        };
        let size: usize = (0..full).map(|index| line(index, self.line_bytes())).sum();
        if rest == 0 {
            size
        } else {
            size.saturating_add(line(full, rest))
        }
    }

    fn line(self, offset: usize, chunk: &[u8], out: &mut Line) -> io::Result<()> {
        match self {
            Self::Go => {
                write!(out, "{offset:08x} ")?;
                for place in 0..16 {
                    if place % 8 == 0 {
                        out.push(b' ');
                    }
                    match chunk.get(place) {
                        Some(byte) => out.pair(*byte, b"0123456789abcdef"),
                        None => out.write_all(b"  ")?,
                    }
                    out.push(b' ');
                }
                out.write_all(b" |")?;
                for byte in chunk {
                    out.push(printable(*byte));
                }
                out.write_all(b"|\n")
            }
            Self::Openssl => {
                write!(out, "{offset:04X}")?;
                for place in 0..32 {
                    match place % 16 {
                        0 => out.write_all(b"  ")?,
                        8 => out.push(b' '),
                        _ => {}
                    }
                    match chunk.get(place) {
                        Some(byte) => out.pair(*byte, b"0123456789ABCDEF"),
                        // One blank, not two: that is how eCapture counts.
                        None => out.push(b' '),
                    }
                }
                out.write_all(b"    ")?;
                for place in 0..32 {
                    out.push(chunk.get(place).map_or(b' ', |byte| printable(*byte)));
                }
                out.write_all(b"\n")
            }
        }
    }

    /// Reads a dump of `count` bytes, or of as many as there are. `None` if `text` is no dump at all; what this accepts
    /// is compared with its own dump afterwards, so that only positions are looked at here.
    pub(super) fn read(self, text: &[u8], count: Option<usize>) -> Option<Vec<u8>> {
        let room = count.unwrap_or(usize::MAX).min(text.len() / 2);
        let mut bytes = Vec::with_capacity(room.min(text.len() / 3));
        let mut rest = text;
        while !rest.is_empty() {
            let width = offset_digits(bytes.len(), if self == Self::Go { 8 } else { 4 });
            let end = memchr::memchr(b'\n', rest.get(width..)?)?.checked_add(width)?;
            // The text column of openssl's dump cannot hold a newline, and neither can Go's.
            let line = rest.get(width..end)?;
            rest = rest.get(end.checked_add(1)?..)?;
            let wanted = match (self, count) {
                (_, Some(count)) => count.checked_sub(bytes.len())?.min(self.line_bytes()),
                // `|`, one character for each byte, `|`, after 52 columns.
                (Self::Go, None) => line.len().checked_sub(54)?,
                (Self::Openssl, None) => return None,
            };
            if !(1..=self.line_bytes()).contains(&wanted) {
                return None;
            }
            for place in 0..wanted {
                let column = match self {
                    Self::Go => place * 3 + 2 + place / 8,
                    Self::Openssl => place * 2 + 2 + place / 8 + place / 16,
                };
                bytes.push(pair(line.get(column..column.checked_add(2)?)?)?);
            }
        }
        count
            .is_none_or(|count| count == bytes.len())
            .then_some(bytes)
    }
}

/// Writes `bytes` as lower-case hex digits (Go's `%x`).
pub(super) fn write_digits(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    let mut line = Line::default();
    for chunk in bytes.chunks(64) {
        line.clear();
        for byte in chunk {
            line.pair(*byte, b"0123456789abcdef");
        }
        out.write_all(line.written())?;
    }
    Ok(())
}

/// Reads hex digits.
pub(super) fn read_digits(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.chunks_exact(2).map(pair).collect()
}

fn pair(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

fn printable(byte: u8) -> u8 {
    if (32..=126).contains(&byte) {
        byte
    } else {
        b'.'
    }
}

/// How many hex digits an offset takes, at least `least`.
fn offset_digits(offset: usize, least: usize) -> usize {
    let bits = usize::BITS.saturating_sub(offset.leading_zeros());
    usize::try_from(bits.div_ceil(4)).map_or(least, |digits| digits.max(least))
}

/// A line being written; the longest has 127 bytes.
struct Line {
    bytes: [u8; 160],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            bytes: [0; 160],
            length: 0,
        }
    }
}

impl Line {
    fn clear(&mut self) {
        self.length = 0;
    }

    fn written(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = byte;
            self.length = self.length.saturating_add(1);
        }
    }

    fn pair(&mut self, byte: u8, digits: &[u8; 16]) {
        for nibble in [byte >> 4, byte & 15] {
            self.push(digits.get(usize::from(nibble)).copied().unwrap_or(b'0'));
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            self.push(*byte);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dumped(dump: Dump, bytes: &[u8]) -> String {
        let mut text = Vec::new();
        dump.write(bytes, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn as_go_and_ecapture_write_it() {
        assert_eq!(
            dumped(Dump::Go, b"\x16\xff\xff\xff\xff\xffABCDEFGHIJKLMNOP"),
            "00000000  16 ff ff ff ff ff 41 42  43 44 45 46 47 48 49 4a  |......ABCDEFGHIJ|\n\
             00000010  4b 4c 4d 4e 4f 50                                 |KLMNOP|\n"
        );
        assert_eq!(
            dumped(
                Dump::Openssl,
                b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n"
            ),
            "0000  485454502F312E31 20323030204F4B0D  0A436F6E74656E74 2D4C656E6774683A    HTTP/1.1 200 OK..Content-Length:\n\
             0020  20330D0A0D0A6869 0A                               3....hi.                       \n"
        );
        let mut digits = Vec::new();
        write_digits(b"\x00\xabz", &mut digits).unwrap();
        assert_eq!(digits, b"00ab7a");
    }

    #[test]
    fn other_text_is_no_dump() {
        for text in [
            "x",
            "00000000",
            "00000000  zz",
            "\n",
            "00000000  16 ff  |..|\n",
        ] {
            assert_eq!(Dump::Go.read(text.as_bytes(), None), None, "{text}");
        }
        assert_eq!(Dump::Openssl.read(b"0000  41\n", Some(2)), None);
        assert_eq!(read_digits(b"0"), None);
        assert_eq!(read_digits(b"0g"), None);
    }

    proptest! {
        #[test]
        fn round_trips(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for dump in [Dump::Go, Dump::Openssl] {
                let text = dumped(dump, &bytes);
                prop_assert_eq!(text.len(), dump.size(bytes.len()));
                prop_assert_eq!(dump.read(text.as_bytes(), Some(bytes.len())), Some(bytes.clone()));
            }
            let text = dumped(Dump::Go, &bytes);
            prop_assert_eq!(Dump::Go.read(text.as_bytes(), None), Some(bytes.clone()));
            let mut digits = Vec::new();
            write_digits(&bytes, &mut digits).unwrap();
            prop_assert_eq!(read_digits(&digits), Some(bytes));
        }

        #[test]
        fn long_dumps_round_trip(length in 65_500_usize..65_700) {
            let bytes = vec![b'x'; length];
            let text = dumped(Dump::Openssl, &bytes);
            prop_assert_eq!(text.len(), Dump::Openssl.size(length));
            prop_assert_eq!(Dump::Openssl.read(text.as_bytes(), Some(length)), Some(bytes));
        }
    }
}
