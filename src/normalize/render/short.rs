//! A short text on the stack.

use std::io::{self, Write};

/// More than the longest header of any form with the longest names and numbers.
const BYTES: usize = 512;

/// A short text. Writing beyond its end fails.
pub(super) struct Short {
    bytes: [u8; BYTES],
    length: usize,
}

impl Short {
    pub(super) fn new() -> Self {
        Self {
            bytes: [0; BYTES],
            length: 0,
        }
    }

    pub(super) fn written(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Writes a command name as some probes send it: padded with NUL bytes to the kernel's 16.
    pub(super) fn padded(&mut self, name: &str) -> io::Result<()> {
        self.write_all(name.as_bytes())?;
        for _ in crate::normalize::uuid::padded_bytes(name)..16 {
            self.write_all(b"\0")?;
        }
        Ok(())
    }

    /// Writes a protobuf varint.
    pub(super) fn varint(&mut self, mut value: u64) -> io::Result<()> {
        while value >= 0x80 {
            let [low, ..] = value.to_le_bytes();
            self.write_all(&[low | 0x80])?;
            value >>= 7;
        }
        let [low, ..] = value.to_le_bytes();
        self.write_all(&[low])
    }

    /// Writes a protobuf varint field, unless it is 0.
    pub(super) fn number_field(&mut self, key: u8, value: u64) -> io::Result<()> {
        if value == 0 {
            return Ok(());
        }
        self.write_all(&[key])?;
        self.varint(value)
    }

    /// Writes a protobuf field of bytes, unless it is empty.
    pub(super) fn bytes_field(&mut self, key: u8, bytes: &[u8]) -> io::Result<()> {
        self.bytes_key(key, bytes.len())?;
        self.write_all(bytes)
    }

    /// Writes what stands before such a field's bytes.
    pub(super) fn bytes_key(&mut self, key: u8, length: usize) -> io::Result<()> {
        self.number_field(key, u64::try_from(length).map_err(io::Error::other)?)
    }
}

impl Write for Short {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = self.length.saturating_add(bytes.len());
        let Some(room) = self.bytes.get_mut(self.length..end) else {
            return Err(io::ErrorKind::WriteZero.into());
        };
        room.copy_from_slice(bytes);
        self.length = end;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_fits() {
        let mut short = Short::new();
        short.varint(300).unwrap();
        short.padded("a\u{fffd}").unwrap();
        assert_eq!(
            short.written(),
            b"\xac\x02a\xef\xbf\xbd\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        );
        assert!(short.write_all(&[0; BYTES]).is_err());
    }
}
