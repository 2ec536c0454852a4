//! What the fields about the payload look at.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::convert::Infallible;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::facts::Value;
use super::field_id::FieldId;
use crate::event::hex;
use crate::http::{body, fields};

/// How large a payload may be, in bytes, to be looked at as a whole; the same holds for a body once it is decoded. What is
/// larger has no `body` and no value of `payload`, but is searched piece by piece by `contains` and `matches`.
pub const MAX_TEXT_BYTES: usize = body::MAX_DECODED_BYTES;

/// How many bytes of the piece before are looked at again with the next one: in a payload that is searched piece by
/// piece, a match is found for certain if it is not longer than this.
const OVERLAP_BYTES: usize = 64 * 1024;

/// The bytes of an event's payload, and those before them in its stream.
pub trait PayloadBytes {
    /// Why bytes could not be had.
    type Error;

    /// The size of the payload.
    fn size(&self) -> u64;

    /// The whole payload. Asked for only if its size is at most [`MAX_TEXT_BYTES`].
    ///
    /// # Errors
    /// When it cannot be read.
    fn whole(&self) -> Result<Bytes, Self::Error>;

    /// Gives the payload to `each` piece by piece, until that says that it has enough.
    ///
    /// # Errors
    /// When it cannot be read.
    fn pieces(&self, each: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Self::Error>;

    /// The last `count` bytes before the payload in its stream, fewer if there are not so many.
    ///
    /// # Errors
    /// When they cannot be read.
    fn before(&self, count: usize) -> Result<Vec<u8>, Self::Error>;
}

/// A payload in memory, with nothing before it.
impl PayloadBytes for Bytes {
    type Error = Infallible;

    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn whole(&self) -> Result<Bytes, Infallible> {
        Ok(self.clone())
    }

    fn pieces(&self, each: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Infallible> {
        each(self);
        Ok(())
    }

    fn before(&self, _: usize) -> Result<Vec<u8>, Infallible> {
        Ok(Vec::new())
    }
}

/// The body of an HTTP/1 message.
#[derive(Debug, Clone)]
struct Body {
    bytes: Bytes,
    is_decoded: bool,
    is_request: bool,
}

/// What the fields about content look at: an event's payload, or the heads and bodies of an exchange.
pub trait Searched {
    /// Why bytes could not be had.
    type Error;

    /// Gives the values of a field to `each`, until it says that it has enough; whether it did.
    ///
    /// # Errors
    /// When bytes cannot be read.
    fn values(
        &self,
        field: FieldId,
        key: Option<&str>,
        each: &mut dyn FnMut(Value<'_>) -> bool,
    ) -> Result<bool, Self::Error>;

    /// Looks for something in what is too large to be a value of the field; `None` if nothing is.
    ///
    /// # Errors
    /// When bytes cannot be read.
    fn find_in_pieces(
        &self,
        field: FieldId,
        is_in: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<Option<bool>, Self::Error>;

    /// The first bytes, at most `count`.
    ///
    /// # Errors
    /// When they cannot be read.
    fn first(&self, count: usize) -> Result<Bytes, Self::Error>;

    /// The last bytes before them in their stream, at most `count`.
    ///
    /// # Errors
    /// When they cannot be read.
    fn before(&self, count: usize) -> Result<Vec<u8>, Self::Error>;
}

/// Looks for something in bytes that come piece by piece: a match is found for certain if it is not longer than
/// [`OVERLAP_BYTES`].
#[derive(Default)]
pub(super) struct Pieces {
    window: Vec<u8>,
}

impl Pieces {
    /// Takes in a piece; whether `is_in` finds something.
    pub(super) fn push(&mut self, piece: &[u8], is_in: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let kept = self.window.len().min(OVERLAP_BYTES);
        self.window.drain(..self.window.len() - kept);
        self.window.extend_from_slice(piece);
        is_in(&self.window)
    }
}

/// A payload that is asked several things, each worked out once.
pub struct Content<'p, P: PayloadBytes> {
    bytes: &'p P,
    whole: OnceCell<Option<Bytes>>,
    body: OnceCell<Option<Body>>,
}

impl<'p, P: PayloadBytes> Content<'p, P> {
    /// Of this payload.
    pub fn new(bytes: &'p P) -> Self {
        Self {
            bytes,
            whole: OnceCell::new(),
            body: OnceCell::new(),
        }
    }

    /// The whole payload; `None` if it is too large for that.
    fn whole(&self) -> Result<Option<&Bytes>, P::Error> {
        if self.whole.get().is_none() {
            let is_small = self.bytes.size() <= MAX_TEXT_BYTES as u64;
            let whole = is_small.then(|| self.bytes.whole()).transpose()?;
            drop(self.whole.set(whole));
        }
        Ok(self.whole.get().and_then(Option::as_ref))
    }

    fn body(&self) -> Result<Option<&Body>, P::Error> {
        if self.body.get().is_none() {
            let body = self.whole()?.and_then(read_body);
            drop(self.body.set(body));
        }
        Ok(self.body.get().and_then(Option::as_ref))
    }

    /// The start of the payload, in which an HTTP/1 head is.
    fn start(&self) -> Result<Bytes, P::Error> {
        if let Some(whole) = self.whole()? {
            return Ok(whole.clone());
        }
        let mut start = Bytes::new();
        self.bytes.pieces(&mut |piece| {
            start = Bytes::copy_from_slice(piece);
            true
        })?;
        Ok(start)
    }

    fn is_text(&self) -> Result<bool, P::Error> {
        let mut check = TextCheck::default();
        self.bytes.pieces(&mut |piece| !check.push(piece))?;
        Ok(check.finish())
    }

    fn sha256(&self) -> Result<Option<String>, P::Error> {
        if let Some(body) = self.body()? {
            return Ok(Some(hex(Sha256::digest(&body.bytes).as_ref())));
        }
        // The body of a message that is too large is not known, and the payload is no substitute for it.
        if self.whole()?.is_none() && fields::read(&self.start()?).is_some() {
            return Ok(None);
        }
        let mut digest = Sha256::new();
        self.bytes.pieces(&mut |piece| {
            digest.update(piece);
            false
        })?;
        Ok(Some(hex(digest.finalize().as_ref())))
    }
}

impl<P: PayloadBytes> Searched for Content<'_, P> {
    type Error = P::Error;

    fn values(
        &self,
        field: FieldId,
        key: Option<&str>,
        each: &mut dyn FnMut(Value<'_>) -> bool,
    ) -> Result<bool, P::Error> {
        let mut bytes = |bytes: &[u8]| each(Value::Bytes(Cow::Borrowed(bytes)));
        match field {
            FieldId::Payload => Ok(self.whole()?.is_some_and(|whole| bytes(whole))),
            FieldId::Any => {
                if self.whole()?.is_some_and(|whole| bytes(whole)) {
                    return Ok(true);
                }
                Ok(self
                    .body()?
                    .is_some_and(|body| body.is_decoded && bytes(&body.bytes)))
            }
            FieldId::Body => Ok(self.body()?.is_some_and(|body| bytes(&body.bytes))),
            FieldId::ReqBody => Ok(self
                .body()?
                .is_some_and(|body| body.is_request && bytes(&body.bytes))),
            FieldId::RespBody => Ok(self
                .body()?
                .is_some_and(|body| !body.is_request && bytes(&body.bytes))),
            FieldId::Version => {
                let start = self.start()?;
                Ok(fields::read(&start).is_some_and(|head| bytes(head.version.as_bytes())))
            }
            FieldId::Header | FieldId::ReqHeader | FieldId::RespHeader => {
                let start = self.start()?;
                let wanted = |is_request: bool| match field {
                    FieldId::ReqHeader => is_request,
                    FieldId::RespHeader => !is_request,
                    _ => true,
                };
                let name = key.unwrap_or_default().as_bytes();
                Ok(fields::read(&start).is_some_and(|head| {
                    wanted(head.is_request)
                        && head
                            .fields()
                            .any(|(found, value)| found.eq_ignore_ascii_case(name) && bytes(value))
                }))
            }
            FieldId::Cookie => {
                let start = self.start()?;
                let name = key.unwrap_or_default().as_bytes();
                Ok(fields::read(&start).is_some_and(|head| {
                    fields::cookies(&head).any(|(found, value)| found == name && bytes(value))
                }))
            }
            FieldId::Text => Ok(each(Value::Bool(self.is_text()?))),
            FieldId::Sha256 => Ok(self
                .sha256()?
                .is_some_and(|digest| each(Value::Bytes(Cow::Owned(digest.into_bytes()))))),
            _ => Ok(false),
        }
    }

    fn find_in_pieces(
        &self,
        _: FieldId,
        is_in: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<Option<bool>, P::Error> {
        if self.whole()?.is_some() {
            return Ok(None);
        }
        let mut pieces = Pieces::default();
        let mut is_found = false;
        self.bytes.pieces(&mut |piece| {
            is_found = pieces.push(piece, is_in);
            is_found
        })?;
        Ok(Some(is_found))
    }

    fn first(&self, count: usize) -> Result<Bytes, P::Error> {
        let start = self.start()?;
        Ok(start.slice(..start.len().min(count)))
    }

    fn before(&self, count: usize) -> Result<Vec<u8>, P::Error> {
        self.bytes.before(count)
    }
}

fn read_body(whole: &Bytes) -> Option<Body> {
    let is_request = fields::read(whole)?.is_request;
    let body = body::body(whole, MAX_TEXT_BYTES)?;
    let (bytes, is_decoded) = match body.bytes {
        Cow::Borrowed(part) => (whole.slice_ref(part), body.state != body::State::AsSent),
        Cow::Owned(bytes) => (Bytes::from(bytes), true),
    };
    Some(Body {
        bytes,
        is_decoded,
        is_request,
    })
}

/// Whether what comes piece by piece is text: UTF-8 without control characters other than tab and line ends.
#[derive(Default)]
struct TextCheck {
    is_other: bool,
    /// The start of a character that was cut.
    rest: Vec<u8>,
}

impl TextCheck {
    /// Takes in a piece; `false` once it cannot be text any more.
    fn push(&mut self, piece: &[u8]) -> bool {
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(piece);
        let good = match std::str::from_utf8(&bytes) {
            Ok(text) => text,
            Err(error) if error.error_len().is_some() => {
                self.is_other = true;
                return false;
            }
            Err(error) => {
                let (good, rest) = bytes.split_at(error.valid_up_to());
                self.rest = rest.to_vec();
                std::str::from_utf8(good).unwrap_or_default()
            }
        };
        let is_control =
            |byte: u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r');
        self.is_other |= good.bytes().any(is_control);
        !self.is_other
    }

    fn finish(self) -> bool {
        !self.is_other && self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_may_be_cut_inside_a_character() {
        let check = |pieces: &[&[u8]]| {
            let mut check = TextCheck::default();
            for piece in pieces {
                check.push(piece);
            }
            check.finish()
        };
        assert!(check(&[b"a\xc3", b"\xa9\r\n\t"]));
        assert!(check(&[]));
        assert!(!check(&[b"a\xc3"]));
        assert!(!check(&[b"a\xc3", b"a"]));
        assert!(!check(&[b"a\x00"]));
    }
}
