//! One direction of a connection: where in its messages it is, and what of its payloads can be looked at.

use super::Tools;
use super::covers::Covers;
use super::framing::{self, Body, Chunk, Extent};
use super::listing::listing;
use super::text::{Text, is_text};
use crate::event::{Content, Provenance};

/// How much of a head is kept, to see what its body is. Nothing is known of the body of a longer one.
const HEAD_BYTES: usize = 16 << 10;
/// Where it is.
#[derive(Debug, Default)]
enum Place {
    /// Somewhere: what came before is not known.
    #[default]
    Lost,
    /// In a head, of which these bytes were read.
    Head(Vec<u8>),
    /// In a body; what it is shows with its first bytes if that is not known.
    Body(Extent),
    /// Behind a message.
    Between,
    /// In what cannot be looked into.
    Opaque,
}

/// A stream.
#[derive(Debug)]
pub(super) struct Stream {
    place: Place,
    text: Text,
    /// Whether the next byte of a body is its first one, and whether that may be a form.
    may_be_form: bool,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            place: Place::Lost,
            text: Text::new(false),
            may_be_form: false,
        }
    }
}

/// What is known of a payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) payload: &'a [u8],
    pub(super) content: Content,
    pub(super) provenance: Provenance,
}

impl Stream {
    /// The next payload: adds what is to be covered, and gives how many bytes can be kept.
    pub(super) fn push(
        &mut self,
        tools: &Tools<'_>,
        piece: &Piece<'_>,
        covers: &mut Covers,
    ) -> usize {
        let Piece {
            payload, content, ..
        } = *piece;
        match content {
            Content::Http2Preface | Content::Http2Frames => {
                self.place = Place::Opaque;
                return 0;
            }
            Content::Http2Listing => {
                self.place = Place::Opaque;
                return listing(tools, payload, covers);
            }
            Content::Http1Request | Content::Http1Response => self.begin(),
            _ => match self.place {
                Place::Lost | Place::Between if framing::may_begin(payload) => self.begin(),
                Place::Opaque if framing::begins(payload) => self.begin(),
                _ => {}
            },
        }
        let mut at = 0;
        while at < payload.len() {
            match self.step(tools, piece, at, covers) {
                Some(taken) => at += taken,
                None => return at,
            }
        }
        payload.len()
    }

    /// A hole follows, which the next payload may begin behind.
    pub(super) fn lose(&mut self) {
        if !matches!(self.place, Place::Opaque) {
            self.place = Place::Lost;
        }
    }

    fn begin(&mut self) {
        self.place = Place::Head(Vec::new());
        self.text = Text::new(false);
    }

    /// Looks at what comes at `at`: how many bytes that are, or `None` if no more of the payload can be looked at.
    fn step(
        &mut self,
        tools: &Tools<'_>,
        piece: &Piece<'_>,
        at: usize,
        covers: &mut Covers,
    ) -> Option<usize> {
        let rest = piece.payload.get(at..).unwrap_or_default();
        match std::mem::take(&mut self.place) {
            Place::Opaque => {
                self.place = Place::Opaque;
                None
            }
            Place::Lost => self.lost(rest, at, covers),
            Place::Head(head) => self.head(tools, piece, (head, rest, at), covers),
            Place::Between => {
                let blank = rest
                    .iter()
                    .take_while(|byte| b"\r\n".contains(byte))
                    .count();
                let after = rest.get(blank..).unwrap_or_default();
                if after.is_empty() {
                    self.place = Place::Between;
                } else if framing::may_begin(after) {
                    self.begin();
                }
                // What is no message is something that is not known.
                Some(blank)
            }
            Place::Body(extent) => self.body(tools, extent, (rest, at), covers),
        }
    }

    /// Up to the end of the line it may be anything; from there on it is text.
    fn lost(&mut self, rest: &[u8], at: usize, covers: &mut Covers) -> Option<usize> {
        if !is_text(rest) {
            return None;
        }
        let end = memchr::memchr(b'\n', rest)?;
        let has_return = end > 0 && rest.get(end - 1) == Some(&b'\r');
        let hidden = end - usize::from(has_return);
        covers.set_base(at);
        covers.add(&(0..hidden), vec![b'*'; hidden], true);
        self.text = Text::new(false);
        self.may_be_form = false;
        self.place = Place::Body(Extent::Open);
        Some(end + 1)
    }

    fn head(
        &mut self,
        tools: &Tools<'_>,
        piece: &Piece<'_>,
        (mut head, rest, at): (Vec<u8>, &[u8], usize),
        covers: &mut Covers,
    ) -> Option<usize> {
        let known = head.len();
        let room = HEAD_BYTES.saturating_sub(known);
        head.extend_from_slice(rest.get(..room).unwrap_or(rest));
        if !framing::may_begin(&head) {
            // No message after all. What is known of it began no secret's value.
            return Some(0);
        }
        let end = framing::head_end(&head, known);
        let taken = end.map_or(rest.len(), |end| end - known);
        let lines = rest.get(..taken).unwrap_or_default();
        if lines.contains(&0) || end.is_none() && head.len() >= HEAD_BYTES {
            self.place = Place::Opaque;
            return None;
        }
        self.text.push(tools, at, lines, covers);
        let Some(end) = end else {
            self.place = Place::Head(head);
            return Some(taken);
        };
        head.truncate(end);
        let is_anew = piece.provenance.contains(Provenance::RESERIALIZED);
        match framing::body(&head, is_anew) {
            Body::None => self.place = Place::Between,
            Body::Opaque => self.place = Place::Opaque,
            Body::Text {
                extent,
                is_form,
                may_be_form,
            } => {
                self.text = Text::new(is_form);
                self.may_be_form = may_be_form;
                self.place = Place::Body(extent);
            }
        }
        Some(taken)
    }

    fn body(
        &mut self,
        tools: &Tools<'_>,
        mut extent: Extent,
        (rest, at): (&[u8], usize),
        covers: &mut Covers,
    ) -> Option<usize> {
        if let Extent::Chunked(chunk) = &mut extent
            && !chunk.is_content()
        {
            // What is no framing is something that is not known.
            let taken = chunk.step(rest);
            match chunk {
                Chunk::Broken => return Some(0),
                Chunk::Trailer => self.text = Text::new(false),
                _ => {}
            }
            self.place = Place::Body(extent);
            return Some(taken);
        }
        let taken = extent.content_bytes(rest);
        let content = rest.get(..taken).unwrap_or_default();
        if !is_text(content) {
            self.place = Place::Opaque;
            return None;
        }
        if std::mem::take(&mut self.may_be_form) && framing::begins_as_form(content) {
            self.text = Text::new(true);
        }
        self.text.push(tools, at, content, covers);
        let is_trailer = matches!(extent, Extent::Chunked(Chunk::Trailer));
        let is_empty_line = matches!(content, b"\r\n" | b"\n");
        self.place = if extent.take(taken) || is_trailer && is_empty_line {
            Place::Between
        } else {
            Place::Body(extent)
        };
        Some(taken)
    }
}
