//! One coding in the chain of those that are undone: whether it is there, and how far it goes.

use std::io::{self, BufRead, Read};

use super::brotli::Brotli;
use super::gzip::Gzip;
use super::inflate::Inflate;
use super::source::Ahead;
use super::step::{Decoder, STEP_BYTES, outcome};
use super::zstd::Zstd;
use crate::http::body::{Defect, MAX_DECODED_BYTES};
use crate::http::coding::{self, Coding, GZIP_MAGIC, MARK_BYTES, ZSTD_MAGIC};

/// How many bytes a coding without a mark of its own is judged by.
pub(super) const JUDGED_BYTES: usize = 64 << 10;
/// How many bytes are enough in most cases: hardly any coded bytes are text for so long.
const FIRST_JUDGED_BYTES: usize = 64;
/// How many bytes are decoded at most to judge.
const JUDGED_DECODED_BYTES: u64 = MAX_DECODED_BYTES as u64;
/// How many bytes in a row may decode to nothing. It bounds the time that goes by without a result.
const IDLE_BYTES: u64 = 16 << 20;

/// What became of a body up to a certain stage; final once that has come to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report {
    /// Whether a coding was undone.
    pub(super) is_decoded: bool,
    /// Whether the body as sent is cut off, as far as its length counts: it does not if a coding was removed.
    pub(super) is_cut_off: bool,
    /// Whether these bytes are known to be all.
    pub(super) is_whole: bool,
    /// The first defect.
    pub(super) defect: Option<Defect>,
}

/// A body with some of its codings undone.
pub(super) trait Layer: BufRead {
    fn report(&self) -> Report;

    /// Whether nothing more can be undone.
    fn is_stopped(&self) -> bool;

    /// Reads to the end, so that the report is final.
    fn drain(&mut self) -> io::Result<()>;
}

/// What a stage does.
enum Act {
    /// It is not known yet.
    Judge,
    /// Gives what is before it: the coding is not there.
    Absent,
    /// Gives what is before it: nothing more can be undone.
    Stop,
    Decode(Box<dyn Decoder>),
    /// Gives nothing more.
    Ended(Result<(), Defect>),
}

/// A coding, and the body before it.
pub(super) struct Stage<'a> {
    before: Ahead<'a>,
    /// `None` if there are too many.
    coding: Option<Coding>,
    limit: u64,
    act: Act,
    output: Vec<u8>,
    /// What of the output is still to be given.
    at: usize,
    end: usize,
    /// How the decoder ended, once the output is given.
    next_end: Option<Result<(), Defect>>,
    written: u64,
    idle: u64,
}

impl<'a> Stage<'a> {
    pub(super) fn new(before: Box<dyn Layer + 'a>, coding: Option<Coding>, limit: u64) -> Self {
        Self {
            before: Ahead::new(before),
            coding,
            limit,
            act: Act::Judge,
            output: Vec::new(),
            at: 0,
            end: 0,
            next_end: None,
            written: 0,
            idle: 0,
        }
    }

    fn judge(&mut self) -> io::Result<Act> {
        let is_empty = self.before.look(1)?.0.is_empty();
        if self.before.source.is_stopped() {
            return Ok(Act::Stop);
        }
        if is_empty {
            return Ok(Act::Absent);
        }
        let (start, _) = self.before.look(MARK_BYTES)?;
        let coding = self.coding.map(|coding| coding.seen(start));
        let decoder: Option<Box<dyn Decoder>> = match coding {
            Some(Coding::Gzip) => {
                let (start, _) = self.before.look(GZIP_MAGIC.len())?;
                coding::begins(start, GZIP_MAGIC).then(|| Box::new(Gzip::new()) as _)
            }
            Some(Coding::Zstd) => {
                let (start, _) = self.before.look(ZSTD_MAGIC.len())?;
                coding::is_zstd(start).then(|| Box::new(Zstd::new()) as _)
            }
            Some(Coding::Deflate) => self.judge_deflate()?,
            Some(Coding::Brotli) => {
                let is_coded = self.is_coded(&mut Brotli::new())?;
                is_coded.then(|| Box::new(Brotli::new()) as _)
            }
            Some(Coding::Chunked | Coding::Unknown) | None => return Ok(Act::Stop),
        };
        Ok(decoder.map_or(Act::Absent, Act::Decode))
    }

    /// What is called deflate is to be in zlib's wrapping, but some send it without (RFC 9110, section 8.4.1.2).
    fn judge_deflate(&mut self) -> io::Result<Option<Box<dyn Decoder>>> {
        let mut is_wrapped = coding::is_zlib(self.before.look(2)?.0);
        if is_wrapped {
            let limit = self.limit.min(JUDGED_DECODED_BYTES);
            let (start, has_more) = self.before.look(JUDGED_BYTES)?;
            let outcome = |is_wrapped| outcome(&mut Inflate::new(is_wrapped), start, limit);
            if outcome(true)? == Err(Defect::Damaged) {
                is_wrapped = match outcome(false)? {
                    Ok(()) => false,
                    Err(Defect::CutOff) => !has_more,
                    Err(_) => true,
                };
            }
        }
        let is_coded = self.is_coded(&mut Inflate::new(is_wrapped))?;
        Ok(is_coded.then(|| Box::new(Inflate::new(is_wrapped)) as _))
    }

    /// Whether the bytes are what `decoder` undoes, not text.
    fn is_coded(&mut self, decoder: &mut dyn Decoder) -> io::Result<bool> {
        let mut looked_at = FIRST_JUDGED_BYTES;
        let has_more = loop {
            let (start, has_more) = self.before.look(looked_at)?;
            if !may_be_text(start) {
                return Ok(true);
            }
            if !has_more || looked_at >= JUDGED_BYTES {
                break has_more;
            }
            looked_at = looked_at.saturating_mul(2).min(JUDGED_BYTES);
        };
        let is_whole = !has_more && self.before.source.report().is_whole;
        let limit = self.limit.min(JUDGED_DECODED_BYTES);
        let (start, _) = self.before.look(looked_at)?;
        Ok(match outcome(decoder, start, limit)? {
            Ok(()) => true,
            Err(defect) => !coding::was_never_coded(start, is_whole, defect),
        })
    }

    /// Decodes some.
    fn refill(&mut self) -> io::Result<()> {
        (self.at, self.end) = (0, 0);
        loop {
            if let Some(end) = self.next_end {
                if end.is_err() {
                    // The defect of an earlier stage is the first one, and may be at its end.
                    self.before.source.drain()?;
                }
                self.act = Act::Ended(end);
                self.output = Vec::new();
                return Ok(());
            }
            let Act::Decode(decoder) = &mut self.act else {
                return Ok(());
            };
            let step = decoder.step(&mut self.before, &mut self.output)?;
            self.next_end = step.end;
            let room =
                usize::try_from(self.limit.saturating_sub(self.written)).unwrap_or(usize::MAX);
            self.idle = if step.written > 0 {
                0
            } else {
                self.idle.saturating_add(step.read as u64)
            };
            if step.written > room || self.idle > IDLE_BYTES {
                self.next_end = Some(Err(Defect::TooLarge));
            }
            self.end = step.written.min(room);
            self.written = self.written.saturating_add(self.end as u64);
            if self.end > 0 {
                return Ok(());
            }
        }
    }
}

/// Whether text can begin so.
fn may_be_text(start: &[u8]) -> bool {
    start.len() < 4 || coding::is_text(start)
}

impl Read for Stage<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Stage<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if matches!(self.act, Act::Judge) {
            self.act = self.judge()?;
            if matches!(self.act, Act::Decode(_)) {
                self.output = vec![0; STEP_BYTES];
            }
        }
        if matches!(self.act, Act::Decode(_)) && self.at >= self.end {
            self.refill()?;
        }
        match self.act {
            Act::Judge | Act::Absent | Act::Stop => self.before.fill_buf(),
            Act::Decode(_) => Ok(self.output.get(self.at..self.end).unwrap_or_default()),
            Act::Ended(_) => Ok(&[]),
        }
    }

    fn consume(&mut self, bytes: usize) {
        match self.act {
            Act::Judge | Act::Absent | Act::Stop => self.before.consume(bytes),
            Act::Decode(_) => self.at = self.at.saturating_add(bytes).min(self.end),
            Act::Ended(_) => {}
        }
    }
}

impl Layer for Stage<'_> {
    fn report(&self) -> Report {
        let before = self.before.source.report();
        match &self.act {
            Act::Judge => before,
            Act::Absent => Report {
                is_cut_off: before.is_cut_off && before.is_decoded,
                ..before
            },
            Act::Stop if self.before.source.is_stopped() => before,
            Act::Stop => Report {
                defect: before.defect.or(Some(Defect::UnknownCoding)),
                ..before
            },
            Act::Decode(_) => Report {
                is_decoded: true,
                is_whole: false,
                ..before
            },
            Act::Ended(end) => Report {
                is_decoded: true,
                is_whole: end.is_ok(),
                defect: before.defect.or(end.err()),
                ..before
            },
        }
    }

    fn is_stopped(&self) -> bool {
        matches!(self.act, Act::Stop)
    }

    fn drain(&mut self) -> io::Result<()> {
        loop {
            let given = self.fill_buf()?.len();
            if given == 0 {
                return Ok(());
            }
            self.consume(given);
        }
    }
}
