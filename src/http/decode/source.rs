//! The bytes that a stage reads: those of a body as sent, taken up in pieces of one size, and a look ahead at the first.

use std::io::{self, BufRead, ErrorKind, Read};

use super::stage::{Layer, Report};

/// How many bytes of a body are taken up at a time.
const PIECE_BYTES: usize = 32 << 10;

/// A body as sent.
///
/// A piece is filled before any of it is given, and errors stay: so whatever the reader gives at a time, decoders see
/// the same, and a body that could not be read does not look like one that ended.
pub(super) struct Sent<R> {
    reader: R,
    piece: Box<[u8]>,
    /// What of the piece is still to be given.
    at: usize,
    end: usize,
    /// How reading failed.
    failure: Option<Failure>,
    is_empty: bool,
    is_whole: bool,
}

enum Failure {
    /// Not yet told.
    New(io::Error),
    Told(ErrorKind),
}

impl<R: Read> Sent<R> {
    pub(super) fn new(reader: R, is_whole: bool) -> Self {
        Self {
            reader,
            piece: vec![0; PIECE_BYTES].into(),
            at: 0,
            end: 0,
            failure: None,
            is_empty: true,
            is_whole,
        }
    }

    /// Fills the piece, as far as the reader gives something.
    fn refill(&mut self) {
        (self.at, self.end) = (0, 0);
        while let Some(room) = self.piece.get_mut(self.end..)
            && !room.is_empty()
        {
            match self.reader.read(room) {
                Ok(0) => break,
                Ok(read) => self.end = self.end.saturating_add(read).min(PIECE_BYTES),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Some(Failure::New(error));
                    break;
                }
            }
        }
        self.is_empty &= self.end == 0;
    }
}

impl<R: Read> Read for Sent<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for Sent<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.end && self.failure.is_none() {
            self.refill();
        }
        if self.at >= self.end
            && let Some(failure) = self.failure.take()
        {
            let (error, kind) = match failure {
                Failure::New(error) => {
                    let kind = error.kind();
                    (error, kind)
                }
                Failure::Told(kind) => (kind.into(), kind),
            };
            self.failure = Some(Failure::Told(kind));
            return Err(error);
        }
        Ok(self.piece.get(self.at..self.end).unwrap_or_default())
    }

    fn consume(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.end);
    }
}

impl<R: Read> Layer for Sent<R> {
    /// Of a body that is not there but should be, the end is missing.
    fn report(&self) -> Report {
        Report {
            is_decoded: !self.is_whole && self.is_empty,
            is_cut_off: !self.is_whole,
            is_whole: self.is_whole,
            defect: None,
        }
    }

    fn is_stopped(&self) -> bool {
        false
    }

    fn drain(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is before a stage, with a look at its first bytes.
pub(super) struct Ahead<'a> {
    pub(super) source: Box<dyn Layer + 'a>,
    looked_at: Vec<u8>,
    /// How many of those were given.
    at: usize,
}

impl<'a> Ahead<'a> {
    pub(super) fn new(source: Box<dyn Layer + 'a>) -> Self {
        Self {
            source,
            looked_at: Vec::new(),
            at: 0,
        }
    }

    /// The first `bytes` bytes, or all if there are fewer; whether there may be more. Nothing was read before.
    pub(super) fn look(&mut self, bytes: usize) -> io::Result<(&[u8], bool)> {
        let mut has_more = true;
        while has_more && self.looked_at.len() < bytes {
            let missing = bytes.saturating_sub(self.looked_at.len());
            let piece = self.source.fill_buf()?;
            let piece = piece.get(..missing).unwrap_or(piece);
            self.looked_at.extend_from_slice(piece);
            has_more = !piece.is_empty();
            let taken = piece.len();
            self.source.consume(taken);
        }
        Ok((&self.looked_at, has_more))
    }
}

impl Read for Ahead<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Ahead<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at < self.looked_at.len() {
            return Ok(self.looked_at.get(self.at..).unwrap_or_default());
        }
        if !self.looked_at.is_empty() {
            (self.looked_at, self.at) = (Vec::new(), 0);
        }
        self.source.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        if self.looked_at.is_empty() {
            self.source.consume(bytes);
        } else {
            self.at = self.at.saturating_add(bytes).min(self.looked_at.len());
        }
    }
}
