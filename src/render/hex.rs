//! Hex dumps in the manner of `hexdump -C`, but with every line written out.

use std::fmt::Write as _;
use std::io::{self, Write};

const LINE_BYTES: usize = 16;

/// Dumps bytes that come in pieces. Offsets are those from the first byte.
#[derive(Debug, Default)]
pub struct Dump {
    offset: u64,
    pending: Vec<u8>,
}

impl Dump {
    /// Writes the lines that `piece` completes.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn push(&mut self, out: &mut dyn Write, mut piece: &[u8]) -> io::Result<()> {
        if !self.pending.is_empty() {
            let missing = (LINE_BYTES - self.pending.len()).min(piece.len());
            let (head, rest) = piece.split_at(missing);
            self.pending.extend_from_slice(head);
            piece = rest;
            if self.pending.len() < LINE_BYTES {
                return Ok(());
            }
            let full = std::mem::take(&mut self.pending);
            self.line(out, &full)?;
        }
        let mut lines = piece.chunks_exact(LINE_BYTES);
        for line in &mut lines {
            self.line(out, line)?;
        }
        self.pending.extend_from_slice(lines.remainder());
        Ok(())
    }

    /// Writes the last line and the total.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn finish(mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.pending.is_empty() {
            let rest = std::mem::take(&mut self.pending);
            self.line(out, &rest)?;
        }
        writeln!(out, "{:08x}", self.offset)
    }

    fn line(&mut self, out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
        let mut hex = String::with_capacity(3 * LINE_BYTES + 2);
        let mut text = String::with_capacity(LINE_BYTES);
        for (place, byte) in bytes.iter().enumerate() {
            if place == LINE_BYTES / 2 {
                hex.push(' ');
            }
            write!(hex, " {byte:02x}").expect("a string takes every write");
            let shown = byte.is_ascii_graphic() || *byte == b' ';
            text.push(if shown { char::from(*byte) } else { '.' });
        }
        let width = 3 * LINE_BYTES + 1;
        writeln!(out, "{:08x} {hex:width$}  |{text}|", self.offset)?;
        self.offset = self.offset.saturating_add(bytes.len() as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut dump = Dump::default();
        for piece in pieces {
            dump.push(&mut out, piece).unwrap();
        }
        dump.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn looks_like_hexdump() {
        assert_eq!(
            dump(&[b"GET / HTTP/1.1\r\n\x00\x1b\xff"]),
            "00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  |GET / HTTP/1.1..|\n\
             00000010  00 1b ff                                          |...|\n\
             00000013\n"
        );
        assert_eq!(dump(&[]), "00000000\n");
    }

    #[test]
    fn any_split_gives_the_same() {
        let bytes: Vec<u8> = (0..=99).collect();
        let whole = dump(&[&bytes]);
        for at in 0..bytes.len() {
            let (left, right) = bytes.split_at(at);
            let (middle, right) = right.split_at(right.len() / 2);
            assert_eq!(dump(&[left, middle, right]), whole);
        }
    }
}
