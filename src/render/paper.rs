//! What captured text is written on, and how much of it.

use std::io::{self, Write};

/// How much of one body or payload a terminal is shown, in bytes and in lines, unless all of it is asked for.
const SHOWN_BYTES: usize = 32 << 10;
const SHOWN_LINES: usize = 500;

/// What is written on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paper {
    /// Whether it is a terminal, which captured bytes could steer, rather than a file or a pipe.
    pub is_terminal: bool,
    /// Whether all of a body is asked for, however long it is.
    pub is_full: bool,
}

/// Writes one body or payload: as much of it as is shown.
pub struct Bounded<'a> {
    out: &'a mut dyn Write,
    /// What is left, in bytes and lines; `None` without a limit.
    left: Option<(usize, usize)>,
    last: Option<u8>,
    is_cut: bool,
}

impl<'a> Bounded<'a> {
    /// Nothing is written yet.
    pub fn new(out: &'a mut dyn Write, paper: Paper) -> Self {
        let is_bounded = paper.is_terminal && !paper.is_full;
        Self {
            out,
            left: is_bounded.then_some((SHOWN_BYTES, SHOWN_LINES)),
            last: None,
            is_cut: false,
        }
    }

    /// Whether there was more than is shown. Then the last write failed, and what it said is of no interest.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Ends a line that was cut.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn end_line(self) -> io::Result<()> {
        if self.last.is_some_and(|last| last != b'\n') {
            writeln!(self.out)?;
        }
        Ok(())
    }

    /// How many of these bytes there is room for. The end of a line costs nothing, and no character is split.
    fn room(&self, bytes: &[u8]) -> usize {
        let Some((left, lines)) = self.left else {
            return bytes.len();
        };
        if lines == 0 {
            return 0;
        }
        if bytes == b"\n" {
            return 1;
        }
        let end = memchr::memchr_iter(b'\n', bytes).nth(lines - 1);
        let mut room = end.map_or(bytes.len(), |end| end + 1).min(left);
        while room > 0 && bytes.get(room).is_some_and(|byte| byte & 0xc0 == 0x80) {
            room -= 1;
        }
        room
    }
}

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room(bytes);
        if room == 0 && !bytes.is_empty() {
            self.is_cut = true;
            return Err(io::Error::other("no more than this is shown"));
        }
        let written = self.out.write(bytes.get(..room).unwrap_or(bytes))?;
        let written_bytes = bytes.get(..written).unwrap_or(bytes);
        self.last = written_bytes.last().copied().or(self.last);
        if let Some((left, lines)) = &mut self.left {
            *left = left.saturating_sub(written);
            let ended = memchr::memchr_iter(b'\n', written_bytes).count();
            *lines = lines.saturating_sub(ended);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMINAL: Paper = Paper {
        is_terminal: true,
        is_full: false,
    };

    /// What is shown of these pieces, and whether that is not all.
    fn shown(paper: Paper, pieces: &[&[u8]]) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        let mut bounded = Bounded::new(&mut out, paper);
        let result = pieces.iter().try_for_each(|piece| bounded.write_all(piece));
        let is_cut = bounded.is_cut();
        assert_eq!(result.is_err(), is_cut);
        bounded.end_line().unwrap();
        (out, is_cut)
    }

    #[test]
    fn a_terminal_is_shown_so_much() {
        let line = vec![b'a'; SHOWN_BYTES];
        let mut ended = line.clone();
        ended.push(b'\n');
        assert_eq!(shown(TERMINAL, &[&line]), (ended.clone(), false));
        assert_eq!(shown(TERMINAL, &[&line, b"\n"]), (ended.clone(), false));
        assert_eq!(shown(TERMINAL, &[&line, b"b"]), (ended.clone(), true));
        assert_eq!(
            shown(TERMINAL, &[&line[1..], "é".as_bytes()]).0.len(),
            SHOWN_BYTES
        );
        let lines = "b\n".repeat(SHOWN_LINES).into_bytes();
        assert_eq!(shown(TERMINAL, &[&lines]), (lines.clone(), false));
        assert_eq!(shown(TERMINAL, &[&lines, b"\n"]), (lines.clone(), true));
        assert_eq!(shown(TERMINAL, &[b"b\n", &lines]), (lines, true));
    }

    #[test]
    fn anything_else_is_written_whole() {
        let long = vec![b'a'; 3 * SHOWN_BYTES];
        for (is_terminal, is_full) in [(true, true), (false, false), (false, true)] {
            let paper = Paper {
                is_terminal,
                is_full,
            };
            let (out, is_cut) = shown(paper, &[&long]);
            assert_eq!((out.len(), is_cut), (long.len() + 1, false));
        }
    }
}
