//! The body of a message, as it comes in DATA frames: whatever is done to it, its length stays.

use super::output::Output;
use crate::redact::events::Tools;
use crate::redact::events::covers::Covers;
use crate::redact::events::framing::{self, TextSort};
use crate::redact::events::text::{Text, is_text};

/// What stands for what cannot be looked into.
const COVER: u8 = b'*';

/// A body on its way.
#[derive(Debug)]
pub(super) enum Body {
    Text {
        text: Box<Text>,
        /// Whether no byte of it came yet, and the first ones may be those of a form.
        may_be_form: bool,
    },
    /// Bytes of it were lost, perhaps: up to the end of the line it may be anything.
    Torn,
    /// It cannot be looked into.
    Opaque,
}

impl Body {
    /// What can be looked into is text.
    pub(super) fn new(sort: Option<TextSort>) -> Self {
        sort.map_or(Self::Opaque, |sort| Self::Text {
            text: Box::new(Text::new(sort.is_form)),
            may_be_form: sort.may_be_form,
        })
    }

    /// Bytes were lost that may be of it.
    pub(super) fn tear(&mut self) {
        if !matches!(self, Self::Opaque) {
            *self = Self::Torn;
        }
    }

    /// Gives the next piece of it without secrets.
    pub(super) fn push(&mut self, tools: &Tools<'_>, piece: &[u8], out: &mut Output) {
        if piece.is_empty() {
            return;
        }
        if !is_text(piece) {
            *self = Self::Opaque;
        }
        match self {
            Self::Opaque => cover(piece, out),
            Self::Text { text, may_be_form } => {
                if std::mem::take(may_be_form) && framing::begins_as_form(piece) {
                    **text = Text::new(true);
                }
                let mut covers = Covers::default();
                text.push(tools, 0, piece, &mut covers);
                let mut shown = piece.to_vec();
                out.secrets += covers.put(&mut shown);
                out.payload.extend_from_slice(&shown);
            }
            Self::Torn => {
                let Some(end) = memchr::memchr(b'\n', piece) else {
                    return cover(piece, out);
                };
                let (line, rest) = piece.split_at_checked(end).unwrap_or((piece, &[]));
                cover(line, out);
                *self = Self::Text {
                    text: Box::new(Text::new(false)),
                    may_be_form: false,
                };
                self.push(tools, rest, out);
            }
        }
    }
}

/// Gives as many bytes that say nothing.
pub(super) fn cover(piece: &[u8], out: &mut Output) {
    let length = out.payload.len() + piece.len();
    out.payload.resize(length, COVER);
    out.covered_bytes += piece.len() as u64;
}

/// The content of a GOAWAY frame (RFC 9113, section 6.8), of which the end may be a text; none if it has an error code that
/// nobody uses.
pub(super) fn goaway(tools: &Tools<'_>, content: &[u8], out: &mut Output) -> Option<Vec<u8>> {
    let (known, text) = content.split_at_checked(8)?;
    known.get(4..).filter(|code| code.starts_with(&[0, 0]))?;
    let mut kept = Output {
        payload: known.to_vec(),
        ..Output::default()
    };
    Body::new(Some(TextSort::default())).push(tools, text, &mut kept);
    out.secrets += kept.secrets;
    out.covered_bytes += kept.covered_bytes;
    Some(kept.payload)
}
