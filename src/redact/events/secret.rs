//! A secret that is being read, over as many pieces of text as it takes.

use super::covers::Covers;
use crate::redact::form::Percent;
use crate::redact::json::Unescape;
use crate::redact::mark::{Key, Mark};

/// A piece of a secret that is no longer tells nothing of it, in bytes. What may be none is left as it is up to there.
pub(super) const HARMLESS_BYTES: usize = 5;

/// How a secret is written.
#[derive(Debug)]
pub(super) enum Writing {
    Plain,
    Percent(Percent),
    Json(Unescape),
}

/// A secret that is not over. Its bytes are those of the piece that is looked at, from `start` on, and those before it.
#[derive(Debug)]
pub(super) struct Secret {
    start: usize,
    /// How many bytes it has in the pieces before.
    before: usize,
    mark: Mark,
    writing: Writing,
    /// Whether its cover is a string of JSON with its quotes.
    has_quotes: bool,
    is_covered: bool,
}

impl Secret {
    /// Begins in this place.
    pub(super) fn new(key: &Key, start: usize, writing: Writing) -> Self {
        Self {
            start,
            before: 0,
            mark: key.mark(),
            writing,
            has_quotes: false,
            is_covered: false,
        }
    }

    /// Covers itself with a string in quotes: it is a value of JSON that is none.
    pub(super) fn with_quotes(self) -> Self {
        Self {
            has_quotes: true,
            ..self
        }
    }

    /// It has these bytes in the pieces before, too, which are not covered.
    pub(super) fn after(mut self, bytes: &[u8]) -> Self {
        self.mark.update(bytes);
        self.before = self.before.saturating_add(bytes.len());
        self
    }

    /// How long it is up to this place.
    pub(super) fn length(&self, at: usize) -> usize {
        self.before + at.saturating_sub(self.start)
    }

    /// Whether a part of it is covered: then it is to be covered whatever comes.
    pub(super) fn is_covered(&self) -> bool {
        self.is_covered
    }

    fn take(&mut self, bytes: &[u8], end: usize) {
        let bytes = bytes.get(self.start..end).unwrap_or_default();
        let mark = &mut self.mark;
        match &mut self.writing {
            Writing::Plain => mark.update(bytes),
            Writing::Percent(percent) => {
                for byte in bytes {
                    percent.push(*byte, &mut |byte| mark.update(&[byte]));
                }
            }
            Writing::Json(unescape) => {
                for byte in bytes {
                    unescape.push(*byte, &mut |bytes| mark.update(bytes));
                }
            }
        }
    }

    fn cover(&mut self, end: usize, is_over: bool, covers: &mut Covers) {
        let length = end.saturating_sub(self.start);
        if length == 0 {
            return;
        }
        let has_first = self.has_quotes && !self.is_covered;
        let has_last = self.has_quotes && is_over;
        let text = match (has_first, has_last) {
            (true, true) if length == 1 => b"0".to_vec(),
            _ => {
                let quotes = usize::from(has_first) + usize::from(has_last);
                let mut text = Vec::with_capacity(length);
                text.extend(has_first.then_some(b'"'));
                text.extend(self.mark.clone().of_length(length.saturating_sub(quotes)));
                text.extend(has_last.then_some(b'"'));
                text
            }
        };
        covers.add(&(self.start..end), text, !self.is_covered);
        self.is_covered = true;
    }

    /// The piece is over and the secret is not: it is covered up to `end`.
    pub(super) fn pause(&mut self, bytes: &[u8], end: usize, covers: &mut Covers) {
        self.take(bytes, bytes.len());
        self.cover(end, false, covers);
        self.before = self.length(bytes.len());
        self.start = 0;
    }

    /// The piece is over, and it may be no secret.
    pub(super) fn skip(&mut self, bytes: &[u8]) {
        self.take(bytes, bytes.len());
        self.before = self.length(bytes.len());
        self.start = 0;
    }

    /// It is over.
    pub(super) fn end(mut self, bytes: &[u8], end: usize, covers: &mut Covers) {
        self.take(bytes, end);
        let mark = &mut self.mark;
        match std::mem::replace(&mut self.writing, Writing::Plain) {
            Writing::Plain => {}
            Writing::Percent(percent) => percent.finish(&mut |byte| mark.update(&[byte])),
            Writing::Json(mut unescape) => unescape.end(&mut |bytes| mark.update(bytes)),
        }
        self.cover(end, true, covers);
    }
}
