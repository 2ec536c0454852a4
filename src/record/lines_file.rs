//! Files of text that eCapture wrote: `--eventaddr FILE` of 1.x, and the standard output of 2.x, redirected.
//!
//! What one event or one line of the log takes in the file, its last newline included, is one frame: in 1.x a line, in 2.x
//! a line with those that follow, up to the next that begins with a time and a level. The time that it says, to the
//! second, is when it was received. What comes without a time, as what other programs printed, has that of the frame
//! before it. All is of one link.

use std::io::{self, BufRead, Read as _};

use bytes::Bytes;

use super::frames_file::{FileFrame, MAX_MESSAGE_BYTES};
use crate::event::{Opcode, Timestamp};
use crate::wire::{LineKind, line_start};

/// Within this many bytes of its beginning a file shows what it is.
pub(super) const START_BYTES: u64 = 64 << 10;

/// Of which sort a file is that begins with `start`, and the first time in it; `None` if it is none of eCapture's.
pub fn first_line(start: &[u8]) -> Option<(LineKind, Timestamp)> {
    // The length of the first frame in a file of frames, or of a header, has a zero byte. Text has none.
    if start.get(..4)?.contains(&0) {
        return None;
    }
    start
        .split_inclusive(|byte| *byte == b'\n')
        .find_map(line_start)
}

/// Reads a file of text, frame by frame.
pub struct LinesReader<R> {
    input: R,
    kind: LineKind,
    time: Timestamp,
    /// A line that begins the next frame, and its time if it says one.
    next: Option<(Vec<u8>, Option<Timestamp>)>,
}

impl<R: BufRead> LinesReader<R> {
    /// Of a file of this sort; `first` is the time for what comes before any.
    pub fn new(input: R, kind: LineKind, first: Timestamp) -> Self {
        Self {
            input,
            kind,
            time: first,
            next: None,
        }
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_frame(&mut self) -> io::Result<Option<FileFrame>> {
        let begun = match self.next.take() {
            Some(begun) => Some(begun),
            None => self.line()?,
        };
        let Some((mut message, time)) = begun else {
            return Ok(None);
        };
        if let Some(time) = time {
            self.time = time;
        }
        while self.kind == LineKind::Console && time.is_some() {
            match self.line()? {
                Some((line, None))
                    if message.len().saturating_add(line.len()) <= MAX_MESSAGE_BYTES =>
                {
                    message.extend_from_slice(&line);
                }
                other => {
                    self.next = other;
                    break;
                }
            }
        }
        Ok(Some(FileFrame {
            received: Some(self.time),
            link: Some(1),
            // As nothing in it can be protobuf.
            opcode: Opcode::Text,
            message: Bytes::from(message),
        }))
    }

    /// The next line, and its time if it begins a frame. A line beyond the limit counts as several.
    fn line(&mut self) -> io::Result<Option<(Vec<u8>, Option<Timestamp>)>> {
        let mut line = Vec::new();
        let limit = u64::try_from(MAX_MESSAGE_BYTES).unwrap_or(u64::MAX);
        self.input
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        let time = line_start(&line).filter(|(kind, _)| *kind == self.kind);
        Ok(Some((line, time.map(|(_, time)| time))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(file: &[u8]) -> Vec<(i64, String)> {
        let (kind, first) = first_line(file).unwrap();
        let mut reader = LinesReader::new(file, kind, first);
        let mut frames = Vec::new();
        while let Some(frame) = reader.next_frame().unwrap() {
            frames.push((
                frame.received.unwrap().as_nanos() / 1_000_000_000,
                String::from_utf8_lossy(&frame.message).into_owned(),
            ));
        }
        let whole: String = frames.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(whole, String::from_utf8_lossy(file));
        frames
    }

    #[test]
    fn a_frame_is_a_line_of_1_x() {
        let file = b"{\"level\":\"info\",\"time\":\"1970-01-01T00:00:05Z\",\"message\":\"a\"}\nwords\n{\"time\":\"1970-01-01T00:00:07Z\",\"message\":\"b\"}";
        let frames = read(file);
        let times: Vec<_> = frames.iter().map(|(time, _)| *time).collect();
        assert_eq!(times, [5, 5, 7]);
    }

    #[test]
    fn a_frame_is_several_lines_of_2_x() {
        let file = b"banner\n1970-01-01T00:00:05Z INF PID:1\n{\"time\":\"1970-01-01T00:00:06Z\",\"message\":\"b\"}\n probe=a\n\x1b[90m1970-01-01T00:00:07Z\x1b[0m \x1b[32mINF\x1b[0m b\n";
        let frames = read(file);
        let lines: Vec<_> = frames
            .iter()
            .map(|(time, text)| (*time, text.lines().count()))
            .collect();
        assert_eq!(lines, [(5, 1), (5, 3), (7, 1)]);
    }

    #[test]
    fn other_files_are_not_text_of_ecaptures() {
        for file in [
            &b""[..],
            b"words\n",
            b"\x05\0\0\x001970-01-01T00:00:05Z INF a\n",
            b"ecqframes\0\x01\0\0\0\0\0",
            b"SQLite format 3\0",
            b"{\"a\":1}\n",
        ] {
            assert_eq!(first_line(file), None, "{file:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), is_console in any::<bool>()) {
            let kind = if is_console { LineKind::Console } else { LineKind::Json };
            let mut reader = LinesReader::new(bytes.as_slice(), kind, Timestamp::MIN);
            let mut whole = Vec::new();
            while let Some(frame) = reader.next_frame().unwrap() {
                whole.extend_from_slice(&frame.message);
            }
            prop_assert_eq!(whole, bytes);
        }
    }
}
