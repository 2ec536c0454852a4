//! Undoing the codings of a body piece by piece, in memory that does not grow with it.
//!
//! What is undone, and when, is as in [`super::body`], which does it for a body that is in memory and is what searches
//! use; the judgments are shared. Two things differ. A coding without a mark of its own (deflate, brotli) is judged by
//! the first 64 KiB of its input, since no more is held. And of what was decoded before a damage hardly anything is lost;
//! the other way gives up the step that it was in.
//!
//! Each coding is a stage that reads from the one before it. How the reader below splits the bytes changes nothing:
//! they are taken up in pieces of one size. An error of that reader is passed on, for it means that the capture cannot be
//! read. A fault in the coded bytes never is one: the body ends there, and [`BodyRead::state`] says so.

mod brotli;
mod gzip;
mod inflate;
mod source;
mod stage;
mod step;
#[cfg(test)]
mod tests;
mod zstd;

use std::io::{self, BufRead, Cursor, Read};

use self::source::Sent;
use self::stage::{Layer, Stage};
use super::body::{Defect, MAX_CODINGS, State};
use super::coding::{self, Coding, MARK_BYTES};
use super::exchange::MessageHead;

/// A body that is being read.
pub trait BodyRead: Read {
    /// How far its codings were undone; what it says is final once reading has come to the end.
    fn state(&self) -> State;
}

/// Reads `body` as it was sent, from which the framing is taken off already.
pub fn as_sent<'a>(body: impl Read + 'a) -> Box<dyn BodyRead + 'a> {
    Box::new(AsSent(body))
}

/// Reads `body`, from which the framing is taken off already, and undoes the codings that `head` names, those which the
/// bytes show to be there; and one that it does not name, if the bytes have its mark and
/// [it is to be expected](MessageHead::implies_coding).
///
/// `is_whole` says that the bytes are all of the body, as far as is known; if they are not, what is decoded of them is
/// [`Defect::CutOff`], even if it comes out even. No stage gives more than `limit` bytes, and none takes up much that
/// gives nothing: beyond that the body is [`Defect::TooLarge`]. The memory in use is some 100 KiB a coding, and with
/// brotli and zstd as much more as the body had written, up to 16 and 128 MiB.
pub fn decoded<'a>(
    head: Option<&MessageHead>,
    body: impl Read + 'a,
    is_whole: bool,
    limit: u64,
) -> Box<dyn BodyRead + 'a> {
    let codings = head.map(MessageHead::codings).unwrap_or_default();
    if codings.is_empty() {
        if !head.is_none_or(MessageHead::implies_coding) {
            return as_sent(body);
        }
        let (start, body) = ahead(body);
        return match coding::marked(&start) {
            Some(coding) => undone(vec![coding], body, is_whole, limit),
            None => as_sent(body),
        };
    }
    undone(codings, body, is_whole, limit)
}

/// The first bytes of a body, and the body with them.
fn ahead<'a>(mut body: impl Read + 'a) -> (Vec<u8>, impl Read + 'a) {
    let mut start = Vec::with_capacity(MARK_BYTES);
    let read = body
        .by_ref()
        .take(MARK_BYTES as u64)
        .read_to_end(&mut start);
    let failure = FailsOnce(read.err());
    (start.clone(), Cursor::new(start).chain(failure).chain(body))
}

/// Fails to be read, if there is a reason left, and is empty else.
struct FailsOnce(Option<io::Error>);

impl Read for FailsOnce {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Undoes codings, the last of which was applied last.
fn undone<'a>(
    codings: Vec<Coding>,
    body: impl Read + 'a,
    is_whole: bool,
    limit: u64,
) -> Box<dyn BodyRead + 'a> {
    let sent: Box<dyn Layer + 'a> = Box::new(Sent::new(body, is_whole));
    // Of those beyond the limit one is enough to say that there are more.
    let undone = codings
        .into_iter()
        .rev()
        .take(MAX_CODINGS.saturating_add(1));
    let last = undone.enumerate().fold(sent, |before, (number, coding)| {
        let coding = (number < MAX_CODINGS).then_some(coding);
        Box::new(Stage::new(before, coding, limit))
    });
    Box::new(Decoded(last))
}

struct AsSent<R>(R);

impl<R: Read> Read for AsSent<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> BodyRead for AsSent<R> {
    fn state(&self) -> State {
        State::AsSent
    }
}

/// The last of the stages.
struct Decoded<'a>(Box<dyn Layer + 'a>);

impl Read for Decoded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.0.fill_buf()?.read(buffer)?;
        self.0.consume(read);
        Ok(read)
    }
}

impl BodyRead for Decoded<'_> {
    fn state(&self) -> State {
        let report = self.0.report();
        let cut_off = (report.is_decoded && report.is_cut_off).then_some(Defect::CutOff);
        match report.defect.or(cut_off) {
            Some(defect) => State::Partial(defect),
            None if report.is_decoded => State::Decoded,
            None => State::AsSent,
        }
    }
}
