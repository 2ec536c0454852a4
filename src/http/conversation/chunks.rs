//! The chunked transfer coding (RFC 9112, section 7.1), taken off piece by piece.
//!
//! No data is held: a step says how many of the given bytes are data, and how many are framing. Only trailers are kept.

use bytes::Bytes;

use super::block::Block;
use crate::http::chunked::{SIZE_DIGITS, SIZE_LINE_BYTES};
use crate::http::exchange::{Defects, Field};
use crate::http::fields;

/// How many bytes of trailers are kept; what is beyond is left out.
pub(super) const TRAILER_BYTES: usize = 16 << 10;

/// Where in a chunked body its reader is.
#[derive(Debug)]
pub(super) struct Chunks {
    state: State,
}

#[derive(Debug)]
enum State {
    Size(SizeLine),
    /// So many bytes of the chunk are still to come; more than 0.
    Data(u64),
    /// The line end after the data of a chunk; whether its CR was there.
    DataEnd(bool),
    Trailers(Block),
}

/// The line before a chunk, as far as it was read.
#[derive(Debug, Default)]
struct SizeLine {
    size: u64,
    digits: usize,
    bytes: usize,
    part: SizePart,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum SizePart {
    #[default]
    Digits,
    Blanks,
    Extensions,
    Return,
}

/// What the next bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many bytes of framing; more than 0.
    Framing(usize),
    /// So many bytes of data; more than 0.
    Data(usize),
    /// The body ends with so many bytes of framing.
    End {
        /// How many bytes that takes.
        bytes: usize,
        /// The trailers.
        trailers: Vec<Field>,
        /// What is wrong with them.
        defects: Defects,
    },
    /// They are nothing that can stand here.
    Broken,
}

impl Chunks {
    /// Before the first chunk.
    pub(super) fn new() -> Self {
        Self {
            state: State::Size(SizeLine::default()),
        }
    }

    /// Whether a start line cannot be what comes next: it would stand where the line before a chunk, the line after its
    /// data or a trailer is due.
    pub(super) fn is_between_data(&self) -> bool {
        match &self.state {
            State::Size(line) => line.bytes == 0,
            State::Data(_) => false,
            State::DataEnd(has_return) => !has_return,
            State::Trailers(block) => block.is_at_line_start(),
        }
    }

    /// What the first of `bytes`, of which there is at least one, are.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Step {
        match &mut self.state {
            State::Size(line) => match line.take(bytes) {
                Some((taken, true)) => {
                    self.state = match line.size {
                        0 => State::Trailers(Block::new(TRAILER_BYTES)),
                        size => State::Data(size),
                    };
                    Step::Framing(taken)
                }
                Some((taken, false)) => Step::Framing(taken),
                None => Step::Broken,
            },
            State::Data(left) => {
                let here = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                let taken = here.min(*left);
                *left = left.saturating_sub(taken);
                if *left == 0 {
                    self.state = State::DataEnd(false);
                }
                Step::Data(usize::try_from(taken).unwrap_or(bytes.len()))
            }
            State::DataEnd(has_return) => match (bytes.first(), *has_return) {
                (Some(b'\r'), false) => {
                    *has_return = true;
                    Step::Framing(1)
                }
                (Some(b'\n'), _) => {
                    self.state = State::Size(SizeLine::default());
                    Step::Framing(1)
                }
                _ => Step::Broken,
            },
            State::Trailers(block) => match block.take(bytes) {
                (bytes, true) => Step::End {
                    bytes,
                    trailers: trailers(block),
                    defects: defects(block),
                },
                (bytes, false) => Step::Framing(bytes),
            },
        }
    }
}

impl SizeLine {
    /// How many of `bytes` belong to the line, and whether it ends with them. `None` if it is no such line.
    fn take(&mut self, bytes: &[u8]) -> Option<(usize, bool)> {
        for (before, byte) in bytes.iter().enumerate() {
            let taken = before.saturating_add(1);
            self.bytes = self.bytes.saturating_add(1);
            if self.bytes > SIZE_LINE_BYTES {
                return None;
            }
            self.part = match (self.part, byte) {
                (SizePart::Digits, digit) if digit.is_ascii_hexdigit() => {
                    self.digits = self.digits.saturating_add(1);
                    let value = char::from(*digit).to_digit(16)?;
                    self.size = self.size.checked_mul(16)?.checked_add(u64::from(value))?;
                    if self.digits > SIZE_DIGITS {
                        return None;
                    }
                    SizePart::Digits
                }
                _ if self.digits == 0 => return None,
                (_, b'\n') => return Some((taken, true)),
                (SizePart::Extensions, _) => SizePart::Extensions,
                (SizePart::Return, _) => return None,
                (_, b'\r') => SizePart::Return,
                (_, b' ' | b'\t') => SizePart::Blanks,
                (_, b';') => SizePart::Extensions,
                _ => return None,
            };
        }
        Some((bytes.len(), false))
    }
}

fn trailers(block: &Block) -> Vec<Field> {
    fields::of_lines(block.bytes())
        .map(|(name, value)| {
            let value = fields::unfolded(value).into_owned();
            Field::known(Bytes::copy_from_slice(name), value)
        })
        .collect()
}

/// Lines that are left out or not as they should be; trailers say nothing of the framing.
fn defects(block: &Block) -> Defects {
    let mut defects = fields::defects_of_lines(block.bytes()) & Defects::BAD_HEAD;
    defects.set(Defects::LARGE_HEAD, block.is_large());
    defects
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data, the names of the trailers, and what is left after the end; `None` if it breaks.
    fn undo(pieces: &[&[u8]]) -> Option<(String, Vec<String>, Option<String>)> {
        let mut chunks = Chunks::new();
        let mut data = Vec::new();
        let mut pieces = pieces.iter();
        while let Some(piece) = pieces.next() {
            let mut rest = *piece;
            while !rest.is_empty() {
                match chunks.step(rest) {
                    Step::Framing(bytes) => rest = &rest[bytes..],
                    Step::Data(bytes) => {
                        data.extend_from_slice(&rest[..bytes]);
                        rest = &rest[bytes..];
                    }
                    Step::End {
                        bytes, trailers, ..
                    } => {
                        let names = trailers.iter().map(|field| {
                            String::from_utf8(field.name.clone().unwrap().to_vec()).unwrap()
                        });
                        let mut after = rest[bytes..].to_vec();
                        after.extend(pieces.flat_map(|piece| piece.iter().copied()));
                        return Some((
                            String::from_utf8(data).unwrap(),
                            names.collect(),
                            Some(String::from_utf8(after).unwrap()),
                        ));
                    }
                    Step::Broken => return None,
                }
            }
        }
        Some((String::from_utf8(data).unwrap(), Vec::new(), None))
    }

    #[test]
    fn takes_chunks_off_however_they_are_cut() {
        let long_line = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(SIZE_LINE_BYTES - 4));
        let too_long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(SIZE_LINE_BYTES - 3));
        for (text, expected) in [
            ("0\r\n\r\n", Some(("", "", Some("")))),
            ("3\r\nabc\r\n0\r\n\r\nGET", Some(("abc", "", Some("GET")))),
            ("3\nabc\n0\n\nx", Some(("abc", "", Some("x")))),
            (
                "0003  \r\nabc\r\n5;a=\"b\"\r\ndefgh\r\n000\r\n\r\n",
                Some(("abcdefgh", "", Some(""))),
            ),
            (
                "2\r\n\r\n\r\n0;y\r\nA: b\r\nC: d\r\n\r\nx",
                Some(("\r\n", "A,C", Some("x"))),
            ),
            ("3\r\nab", Some(("ab", "", None))),
            ("3\r\nabc\r\n1;", Some(("abc", "", None))),
            ("0\r\nA: b\r\n", Some(("", "", None))),
            (&long_line, Some(("a", "", Some("")))),
            (&too_long, None),
            ("3\r\nabcd\r\n", None),
            ("3\r\nabc\r\r\n", None),
            ("\r\nabc", None),
            ("-1\r\n", None),
            ("4 apples\r\n", None),
            ("11112222333344445\r\n", None),
            ("HTTP/1.1 200 OK\r\n", None),
        ] {
            let expected = expected.map(|(data, names, after): (&str, &str, Option<&str>)| {
                let names = names.split(',').filter(|name| !name.is_empty());
                (
                    data.to_owned(),
                    names.map(str::to_owned).collect(),
                    after.map(str::to_owned),
                )
            });
            let bytes = text.as_bytes();
            for cut in (0..=bytes.len()).step_by(1 + bytes.len() / 100) {
                let (first, second) = bytes.split_at(cut);
                assert_eq!(undo(&[first, second]), expected, "{text:?} at {cut}");
            }
            let single: Vec<_> = bytes.chunks(1).collect();
            assert_eq!(undo(&single), expected, "{text:?} byte by byte");
        }
    }

    #[test]
    fn trailers_have_a_limit() {
        let mut chunks = Chunks::new();
        let lines = "abc: d\r\n".repeat(TRAILER_BYTES / 8 + 10);
        assert_eq!(chunks.step(b"0\r\n"), Step::Framing(3));
        let text = format!("{lines}\r\n");
        let Step::End {
            bytes,
            trailers,
            defects,
        } = chunks.step(text.as_bytes())
        else {
            panic!("no end");
        };
        assert_eq!((bytes, trailers.len()), (text.len(), TRAILER_BYTES / 8));
        assert_eq!(defects, Defects::LARGE_HEAD);
    }
}
