//! A sink that compares what is written to it with what is expected.

use std::io::{self, Write};

/// Compares what is written with the bytes it was made with, and fails at the first difference, so that a writer
/// stops there.
pub(super) struct Comparer<'a> {
    rest: &'a [u8],
}

impl<'a> Comparer<'a> {
    pub(super) fn new(expected: &'a [u8]) -> Self {
        Self { rest: expected }
    }

    /// Whether everything expected has been written. Nothing else can have been, without a failure.
    pub(super) fn is_same(&self) -> bool {
        self.rest.is_empty()
    }
}

impl Write for Comparer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest = self
            .rest
            .strip_prefix(bytes)
            .ok_or(io::ErrorKind::InvalidData)?;
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
    fn compares() {
        let mut comparer = Comparer::new(b"abc");
        assert!(comparer.write_all(b"a").is_ok());
        assert!(!comparer.is_same());
        assert!(comparer.write_all(b"bc").is_ok());
        assert!(comparer.is_same());
        assert!(comparer.write_all(b"d").is_err());
    }
}
