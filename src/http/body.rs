//! The body of an HTTP/1 message, as far as one payload has it, with the codings undone.
//!
//! Codings are judged by the bytes first, and by the header fields second: eCapture 1.x writes messages anew, with the
//! chunks joined and gzip undone, and leaves the fields that say otherwise. A coding that is claimed and not there was
//! removed; then the length that the head gives, which counts coded bytes, bounds nothing.

use std::borrow::Cow;

use super::coding::{self, Coding, Undone};
pub(crate) use super::coding::{MARKS, may_be_marked};
use super::fields::{self, Head};
use super::media;

/// How many bytes of a decoded body are usually enough.
pub const MAX_DECODED_BYTES: usize = 8 << 20;
/// How many codings of one body are undone.
pub(super) const MAX_CODINGS: usize = 4;

/// A body, and how it came to be these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body<'a> {
    /// The bytes. They are those of the payload if nothing was undone.
    pub bytes: Cow<'a, [u8]>,
    /// What was done to them.
    pub state: State,
}

/// How far the codings of a body were undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// There are none: the bytes are as they were sent.
    AsSent,
    /// All of them, completely.
    Decoded,
    /// Some could not be undone, or not to the end. The bytes are the beginning of the body, and may be none; with
    /// [`Defect::UnknownCoding`] they are still in that coding.
    Partial(Defect),
}

/// Why a body could not be decoded completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Defect {
    /// The bytes end before their coding does, or before the length that the head gives.
    CutOff,
    /// The bytes break the rules of their coding, or something follows its end.
    Damaged,
    /// There is more to decode than the limit, or than can be decoded in little time.
    TooLarge,
    /// A coding is not known here, or there are too many.
    UnknownCoding,
}

impl Defect {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 4] = [
        Self::CutOff,
        Self::Damaged,
        Self::TooLarge,
        Self::UnknownCoding,
    ];

    /// Its name, as it is written and read.
    pub fn name(self) -> &'static str {
        match self {
            Self::CutOff => "cut_off",
            Self::Damaged => "damaged",
            Self::TooLarge => "too_large",
            Self::UnknownCoding => "unknown_coding",
        }
    }

    /// Its number, 1 to 4.
    pub fn code(self) -> u8 {
        match self {
            Self::CutOff => 1,
            Self::Damaged => 2,
            Self::TooLarge => 3,
            Self::UnknownCoding => 4,
        }
    }
}

/// Reads and decodes the body of the HTTP/1 message that `payload` starts with; at no stage more than `limit` bytes
/// are decoded. `None` if there is no message, or its head does not end in this payload.
pub fn body(payload: &[u8], limit: usize) -> Option<Body<'_>> {
    let framed = Framed::read(payload)?;
    if !framed.is_coded() {
        return Some(Body {
            bytes: Cow::Borrowed(framed.as_sent()),
            state: State::AsSent,
        });
    }
    Some(framed.decode(limit))
}

/// Whether [`body`] would have something to undo, as far as the head tells: if not, what it gives is as sent, or it
/// gives nothing. Decodes nothing.
pub fn needs_decoding(payload: &[u8]) -> bool {
    Framed::read(payload).is_some_and(|framed| framed.is_coded())
}

/// Why [`body`] would not be complete; `None` if it would, or there is none.
pub fn defect(payload: &[u8], limit: usize) -> Option<Defect> {
    match body(payload, limit)?.state {
        State::AsSent | State::Decoded => None,
        State::Partial(defect) => Some(defect),
    }
}

/// What follows a head, and what the head says about it.
struct Framed<'a> {
    rest: &'a [u8],
    /// How many bytes the body has, if they are counted.
    length: Option<u64>,
    /// In the order they were applied.
    codings: Vec<Coding>,
    /// Whether a coding that is not named, and that the bytes show by its mark, is to be undone as well.
    implies_coding: bool,
}

impl<'a> Framed<'a> {
    fn read(payload: &'a [u8]) -> Option<Self> {
        let head = fields::read(payload)?;
        let (_, rest) = payload.split_at_checked(head.head_bytes?)?;
        // RFC 9112, section 6.3: these have no body, whatever their fields say.
        if matches!(head.status, Some(100..=199 | 204 | 304)) {
            return Some(Self {
                rest: rest.get(..0)?,
                length: None,
                codings: Vec::new(),
                implies_coding: false,
            });
        }
        let listed = |name, is_transfer| {
            head.values(name)
                .flat_map(move |value| Coding::listed(value, is_transfer))
        };
        let mut codings: Vec<_> = listed("content-encoding", false).collect();
        let of_content = codings.len();
        codings.extend(listed("transfer-encoding", true));
        // RFC 9112, section 6.3: a transfer coding tells where the body ends, and no length does.
        let length = (codings.len() == of_content)
            .then(|| length(&head))
            .flatten();
        let is_text = || {
            let mut types = head.values("content-type");
            types.next().is_some_and(media::is_textual)
        };
        let implies_coding = codings.iter().all(|each| *each == Coding::Chunked) && is_text();
        Some(Self {
            rest,
            length,
            codings,
            implies_coding,
        })
    }

    /// Whether there is something that a coding is said to be applied to.
    fn is_coded(&self) -> bool {
        if self.codings.is_empty() {
            return self.implies_coding && coding::marked(self.as_sent()).is_some();
        }
        !self.as_sent().is_empty() || self.is_cut_off()
    }

    fn is_cut_off(&self) -> bool {
        let present = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        self.length.is_some_and(|length| length > present)
    }

    /// What follows the head, up to the length; after it begins another message.
    fn as_sent(&self) -> &'a [u8] {
        self.length
            .and_then(|length| self.rest.get(..usize::try_from(length).ok()?))
            .unwrap_or(self.rest)
    }

    fn decode(&self, limit: usize) -> Body<'a> {
        let mut bytes = Cow::Borrowed(self.as_sent());
        let mut is_cut_off = self.is_cut_off();
        let mut is_whole = self.length.is_some() && !is_cut_off;
        let mut is_decoded = is_cut_off && bytes.is_empty();
        let mut defect = None;
        for (undone_before, coding) in self.codings.iter().rev().enumerate() {
            let undone = if undone_before < MAX_CODINGS || bytes.is_empty() {
                coding.undo(&bytes, is_whole, limit)
            } else {
                Undone::Unknown
            };
            match undone {
                Undone::Absent if is_decoded => {}
                Undone::Absent => {
                    bytes = Cow::Borrowed(self.rest);
                    is_cut_off = false;
                    is_whole &= self.as_sent().len() == self.rest.len();
                }
                Undone::Unknown => {
                    defect = defect.or(Some(Defect::UnknownCoding));
                    break;
                }
                Undone::Bytes(decoded, reason) => {
                    bytes = Cow::Owned(decoded);
                    is_decoded = true;
                    is_whole = reason.is_none();
                    defect = defect.or(reason);
                }
            }
        }
        if self.implies_coding
            && let Some(coding) = coding::marked(&bytes)
            && let Undone::Bytes(decoded, reason) = coding.undo(&bytes, is_whole, limit)
        {
            bytes = Cow::Owned(decoded);
            is_decoded = true;
            defect = defect.or(reason);
        }
        let defect = defect.or((is_decoded && is_cut_off).then_some(Defect::CutOff));
        let state = match defect {
            Some(defect) => State::Partial(defect),
            None if is_decoded => State::Decoded,
            None => State::AsSent,
        };
        Body { bytes, state }
    }
}

/// How many bytes the body has by its field. Lengths that contradict each other say nothing.
fn length(head: &Head<'_>) -> Option<u64> {
    let mut lengths = head
        .values("content-length")
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(|item| {
            let item = std::str::from_utf8(item.trim_ascii()).ok()?;
            let is_number = item.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| item.parse().ok()).flatten()
        });
    let first = lengths.next()??;
    lengths.all(|other| other == Some(first)).then_some(first)
}
