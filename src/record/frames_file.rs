//! Frames in a file: what `--save-frames` writes and `--import` reads.
//!
//! A saved file begins with 16 bytes: the ASCII text `ecqframes`, a zero byte, the format's version (2 bytes, now 1) and
//! four zero bytes. Then each frame: its receive time (8 bytes, signed, nanoseconds since 1970 in UTC), the number of the
//! link that it came over (4 bytes, from 1), its WebSocket opcode (1 byte: 1 text, 2 binary), the length of the message
//! (4 bytes) and the message. Numbers are little endian.
//!
//! A bare file has no header, and each frame is only the length of the message (4 bytes, little endian) and the message.
//! Receive times, links and opcodes are not in it: all frames are of one link, and a message that starts as the JSON of
//! eCapture 1.4.0 to 1.4.2 is taken for text.

use std::io::{self, Read, Write};

use bytes::Bytes;

use crate::event::{Frame, Opcode, Timestamp};

const MAGIC: &[u8; 10] = b"ecqframes\0";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 16;

/// No message in a file may be larger: the length is 4 bytes, and SQLite stores no larger value.
pub const MAX_MESSAGE_BYTES: usize = 1 << 30;

/// Writes the header of a saved file.
///
/// # Errors
/// When `out` fails.
pub fn write_header(out: &mut impl Write) -> io::Result<()> {
    out.write_all(MAGIC)?;
    out.write_all(&VERSION.to_le_bytes())?;
    out.write_all(&[0; 4])
}

/// Writes one frame of a saved file.
///
/// # Errors
/// When `out` fails, or the message is 4 GiB or more.
pub fn write_frame(out: &mut impl Write, frame: &Frame) -> io::Result<()> {
    let length = u32::try_from(frame.message.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    out.write_all(&frame.received.as_nanos().to_le_bytes())?;
    out.write_all(&frame.link.to_le_bytes())?;
    out.write_all(&[frame.opcode.code()])?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&frame.message)
}

/// Why a file is no file of frames.
#[derive(Debug, thiserror::Error)]
pub enum FramesError {
    /// It could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It was saved by a newer version of ecq.
    #[error("format version {0} is newer than this program's {VERSION}")]
    Newer(u16),
    /// What should be the length of a message cannot be one.
    #[error(
        "no file of frames, no event file of eCapture 1.x and no output of 2.x: \
         as frames, a message of {length} bytes is said to begin at byte {at}"
    )]
    NotFrames {
        /// Where in the file.
        at: u64,
        /// The length it says.
        length: u64,
    },
    /// It is a pipe, a directory or a device.
    #[error("not a regular file; save it to one first")]
    NotAFile,
    /// There is nothing in it.
    #[error(
        "no file of frames, no event file of eCapture 1.x and no output of 2.x: there is nothing whole in it"
    )]
    NoFrames,
    /// What should be an opcode is none.
    #[error("damaged: byte {at} should be an opcode and is {code}")]
    BadOpcode {
        /// Where in the file.
        at: u64,
        /// What is there.
        code: u8,
    },
}

/// Reads frames one after another.
pub struct FramesReader<R> {
    input: R,
    at: u64,
    is_saved: bool,
    /// Bytes of a bare file that were read in search of a header.
    peeked: io::Cursor<Vec<u8>>,
    cut_off: u64,
}

/// A frame of a file; a bare file tells neither time nor link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFrame {
    /// When it was received.
    pub received: Option<Timestamp>,
    /// Which link it came over.
    pub link: Option<u32>,
    /// Text or binary.
    pub opcode: Opcode,
    /// The message.
    pub message: Bytes,
}

impl<R: Read> FramesReader<R> {
    /// Looks for the header.
    ///
    /// # Errors
    /// When the file cannot be read or is of a newer version.
    pub fn new(mut input: R) -> Result<Self, FramesError> {
        let mut start = Vec::with_capacity(HEADER_BYTES);
        input
            .by_ref()
            .take(HEADER_BYTES as u64)
            .read_to_end(&mut start)?;
        let is_saved = start.len() == HEADER_BYTES && start.starts_with(MAGIC);
        if let (true, Some([low, high])) = (is_saved, start.get(10..12)) {
            let version = u16::from_le_bytes([*low, *high]);
            if version > VERSION {
                return Err(FramesError::Newer(version));
            }
            return Ok(Self {
                input,
                at: HEADER_BYTES as u64,
                is_saved,
                peeked: io::Cursor::default(),
                cut_off: 0,
            });
        }
        Ok(Self {
            input,
            at: 0,
            is_saved,
            peeked: io::Cursor::new(start),
            cut_off: 0,
        })
    }

    /// Whether the file tells receive times.
    pub fn is_saved(&self) -> bool {
        self.is_saved
    }

    /// How many bytes at the end were no whole frame; known once `next_frame` gave `None`.
    pub fn cut_off(&self) -> u64 {
        self.cut_off
    }

    /// The next frame; `None` at the end, or where the file ends in the middle of a frame.
    ///
    /// # Errors
    /// When the file cannot be read, or is no file of frames.
    pub fn next_frame(&mut self) -> Result<Option<FileFrame>, FramesError> {
        let start = self.at;
        let (received, link, opcode) = if self.is_saved {
            let (Some(received), Some(link), Some([code])) =
                (self.read(start)?, self.read(start)?, self.read(start)?)
            else {
                return Ok(None);
            };
            let opcode = Opcode::from_code(code).ok_or(FramesError::BadOpcode {
                at: start + 12,
                code,
            })?;
            let received = Timestamp::from_nanos(i64::from_le_bytes(received));
            (Some(received), Some(u32::from_le_bytes(link)), Some(opcode))
        } else {
            (None, None, None)
        };
        let Some(length) = self.read::<4>(start)? else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_MESSAGE_BYTES {
            return Err(FramesError::NotFrames {
                at: start,
                length: length as u64,
            });
        }
        // Grows with what is really there: a damaged length does not reserve a gigabyte.
        let mut message = Vec::with_capacity(length.min(1 << 20));
        let read = (&mut self.peeked)
            .chain(&mut self.input)
            .take(length as u64)
            .read_to_end(&mut message)?;
        self.at += read as u64;
        if read < length {
            if !self.is_saved && start == 0 {
                return Err(FramesError::NotFrames {
                    at: 0,
                    length: length as u64,
                });
            }
            self.cut_off = self.at - start;
            return Ok(None);
        }
        let message = Bytes::from(message);
        let opcode = opcode.unwrap_or(if message.starts_with(br#"{"log_type""#) {
            Opcode::Text
        } else {
            Opcode::Binary
        });
        Ok(Some(FileFrame {
            received,
            link,
            opcode,
            message,
        }))
    }

    /// The next `N` bytes; `None` at the end.
    fn read<const N: usize>(&mut self, start: u64) -> io::Result<Option<[u8; N]>> {
        let mut bytes = Vec::with_capacity(N);
        let read = (&mut self.peeked)
            .chain(&mut self.input)
            .take(N as u64)
            .read_to_end(&mut bytes)?;
        self.at += read as u64;
        let whole = <[u8; N]>::try_from(bytes).ok();
        if whole.is_none() {
            self.cut_off = self.at - start;
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(bytes: &[u8]) -> (Vec<FileFrame>, u64) {
        let mut reader = FramesReader::new(bytes).unwrap();
        let mut frames = Vec::new();
        while let Some(frame) = reader.next_frame().unwrap() {
            frames.push(frame);
        }
        (frames, reader.cut_off())
    }

    proptest! {
        #[test]
        fn saved_frames_come_back(
            frames in proptest::collection::vec((any::<i64>(), any::<u32>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..50)), 0..9),
            cut in 0_usize..20,
        ) {
            let mut file = Vec::new();
            write_header(&mut file).unwrap();
            let mut ends = vec![file.len()];
            let frames: Vec<_> = frames
                .into_iter()
                .map(|(received, link, is_text, message)| Frame {
                    received: Timestamp::from_nanos(received),
                    link,
                    opcode: if is_text { Opcode::Text } else { Opcode::Binary },
                    message: Bytes::from(message),
                })
                .collect();
            for frame in &frames {
                write_frame(&mut file, frame).unwrap();
                ends.push(file.len());
            }
            let kept = file.len().saturating_sub(cut).max(HEADER_BYTES);
            let (read, cut_off) = read_all(&file[..kept]);
            let whole = ends.iter().filter(|end| **end <= kept).count() - 1;
            prop_assert_eq!(read.len(), whole);
            prop_assert_eq!(usize::try_from(cut_off).unwrap(), kept - ends[whole]);
            for (read, frame) in read.iter().zip(&frames) {
                prop_assert_eq!(read.received, Some(frame.received));
                prop_assert_eq!(read.link, Some(frame.link));
                prop_assert_eq!(read.opcode, frame.opcode);
                prop_assert_eq!(&read.message, &frame.message);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(mut reader) = FramesReader::new(bytes.as_slice()) {
                while let Ok(Some(_)) = reader.next_frame() {}
            }
        }
    }

    #[test]
    fn a_bare_file_has_only_messages() {
        let (frames, cut_off) = read_all(b"\x03\0\0\0abc\x0d\0\0\0{\"log_type\":0\x05\0\0\0ab");
        let messages: Vec<_> = frames
            .iter()
            .map(|frame| (frame.opcode, frame.message.as_ref()))
            .collect();
        assert_eq!(
            messages,
            [
                (Opcode::Binary, b"abc".as_slice()),
                (Opcode::Text, br#"{"log_type":0"#)
            ]
        );
        assert_eq!(cut_off, 6);
    }

    #[test]
    fn another_file_is_refused() {
        assert!(matches!(
            FramesReader::new(b"SQLite format 3\0".as_slice())
                .unwrap()
                .next_frame(),
            Err(FramesError::NotFrames { at: 0, .. })
        ));
    }
}
