//! Lines up to a blank one, gathered from any number of pieces: heads and trailers.
//!
//! Lines end with CR LF or with a bare LF (RFC 9112, section 2.2). No more than a limit is kept, and where the blank line
//! is found does not depend on how the bytes were cut.

/// Lines that are being gathered.
#[derive(Debug)]
pub(super) struct Block {
    bytes: Vec<u8>,
    limit: usize,
    /// Whether bytes were left out, since there are more than the limit.
    is_large: bool,
    lines: usize,
    line: Line,
}

/// The line that has not ended yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Empty,
    Return,
    Other,
}

impl Block {
    /// Keeps at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
            is_large: false,
            lines: 0,
            line: Line::Empty,
        }
    }

    /// Takes from `bytes` up to the blank line; how many, and whether it was found.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut rest = bytes;
        let mut taken = 0_usize;
        while let Some((line, after)) =
            memchr::memchr(b'\n', rest).and_then(|end| rest.split_at_checked(end.saturating_add(1)))
        {
            self.keep(line);
            taken = taken.saturating_add(line.len());
            let is_blank = self.goes_on(line.strip_suffix(b"\n").unwrap_or(line)) != Line::Other;
            self.lines = self.lines.saturating_add(1);
            self.line = Line::Empty;
            if is_blank {
                return (taken, true);
            }
            rest = after;
        }
        self.keep(rest);
        self.goes_on(rest);
        (bytes.len(), false)
    }

    fn goes_on(&mut self, bytes: &[u8]) -> Line {
        self.line = match (self.line, bytes) {
            (line, []) => line,
            (Line::Empty, b"\r") => Line::Return,
            _ => Line::Other,
        };
        self.line
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.limit.saturating_sub(self.bytes.len());
        self.is_large |= bytes.len() > room;
        self.bytes
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// What is kept.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is kept, and nothing else any more.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Whether bytes were left out.
    pub(super) fn is_large(&self) -> bool {
        self.is_large
    }

    /// Whether the first line is whole.
    pub(super) fn has_line(&self) -> bool {
        self.lines > 0
    }

    /// Whether the next byte begins a line.
    pub(super) fn is_at_line_start(&self) -> bool {
        self.line == Line::Empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_blank_line_however_it_is_cut() {
        for (text, end) in [
            ("a\r\n\r\nrest", Some(5)),
            ("a\nb\n\nrest", Some(5)),
            ("a\r\nb\r\n\nrest", Some(7)),
            ("\r\nrest", Some(2)),
            ("\nrest", Some(1)),
            ("a\r\n\r\r\n\r\nrest", Some(8)),
            ("a\n \n\nx", Some(5)),
            ("a\r\nb\r\n", None),
            ("a\r\n\r", None),
            ("", None),
        ] {
            for cut in 0..=text.len() {
                let mut block = Block::new(100);
                let (first, rest) = text.as_bytes().split_at(cut);
                let (mut taken, mut found) = block.take(first);
                if !found {
                    let (more, now) = block.take(rest);
                    (taken, found) = (taken + more, now);
                }
                assert_eq!(found.then_some(taken), end, "{text:?} at {cut}");
                assert_eq!(
                    block.bytes(),
                    &text.as_bytes()[..taken],
                    "{text:?} at {cut}"
                );
            }
        }
    }

    #[test]
    fn keeps_no_more_than_its_limit() {
        let mut block = Block::new(4);
        assert_eq!(block.take(b"abcdef\n\nx"), (8, true));
        assert_eq!((block.bytes(), block.is_large()), (&b"abcd"[..], true));
        let mut block = Block::new(4);
        assert_eq!(block.take(b"ab\n\n"), (4, true));
        assert!(!block.is_large());
    }
}
