//! A body on its way into an export: read once to see whether it is text, and again to be written.
//!
//! A small body is kept from the first reading; a larger one is read twice rather than held.

use std::io::{self, Read, Write};

use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;
use encoding_rs::{Decoder, DecoderResult, Encoding};

use super::json::put_piece;
use crate::http::body::State;
use crate::http::exchange::{Bodies, BodyForm, Message};

/// How many bytes are read at a time,
const STEP_BYTES: usize = 64 << 10;
/// and at first: most bodies are small.
const FIRST_STEP_BYTES: usize = 4 << 10;
/// A body of at most this many bytes is kept from the first reading.
const KEPT_BYTES: usize = 256 << 10;

/// A body that was read to its end once.
pub(super) struct Body<'a> {
    bodies: &'a dyn Bodies,
    message: &'a Message,
    form: BodyForm,
    /// What it is written in, if it is text throughout.
    encoding: Option<&'static Encoding>,
    /// All of it, if that is not much.
    kept: Option<Vec<u8>>,
    /// How many bytes it has in the form that it was asked for in.
    pub(super) bytes: u64,
    /// How far its codings were undone.
    pub(super) state: State,
}

impl<'a> Body<'a> {
    /// Reads the body of `message`; `encoding` is what it is written in if it is text.
    pub(super) fn read(
        bodies: &'a dyn Bodies,
        message: &'a Message,
        form: BodyForm,
        encoding: &'static Encoding,
    ) -> io::Result<Self> {
        let mut reader = bodies.open(message, form)?;
        let mut kept = Some(Vec::new());
        let mut bytes = 0_u64;
        let mut text = TextDecoder::new(encoding);
        let mut is_text = true;
        each_step(&mut *reader, &mut |step| {
            bytes = bytes.saturating_add(step.len() as u64);
            is_text = is_text && text.decode(step, false, &mut |_| Ok(()))?;
            kept = kept
                .take()
                .filter(|kept| kept.len().saturating_add(step.len()) <= KEPT_BYTES);
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(step);
            }
            Ok(())
        })?;
        is_text = is_text && text.decode(&[], true, &mut |_| Ok(()))?;
        Ok(Self {
            bodies,
            message,
            form,
            encoding: is_text.then_some(encoding),
            kept,
            bytes,
            state: reader.state(),
        })
    }

    /// Whether all of it is text.
    pub(super) fn is_text(&self) -> bool {
        self.encoding.is_some()
    }

    /// The name of what it is written in, if it is text and that is not UTF-8.
    pub(super) fn other_charset(&self) -> Option<&'static str> {
        self.encoding
            .filter(|encoding| *encoding != encoding_rs::UTF_8)
            .map(Encoding::name)
    }

    /// All of it, if it has at most `limit` bytes (and not more than are kept).
    pub(super) fn small(&self, limit: usize) -> Option<&[u8]> {
        self.kept.as_deref().filter(|kept| kept.len() <= limit)
    }

    /// Gives its bytes to `each`, piece by piece.
    pub(super) fn pieces(&self, each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if let Some(kept) = &self.kept {
            return kept.chunks(STEP_BYTES).try_for_each(each);
        }
        each_step(&mut *self.bodies.open(self.message, self.form)?, each)
    }

    /// Writes it as a JSON string: as text if it is that, in base64 if not.
    pub(super) fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"\"")?;
        if let Some(encoding) = self.encoding {
            let mut text = TextDecoder::new(encoding);
            let mut put = |piece: &str| put_piece(out, piece);
            let mut is_text = true;
            self.pieces(&mut |step| {
                is_text = is_text && text.decode(step, false, &mut put)?;
                Ok(())
            })?;
            if !(is_text && text.decode(&[], true, &mut put)?) {
                return Err(io::Error::other("a body changed between two readings"));
            }
        } else {
            let mut encoder = EncoderWriter::new(&mut *out, &STANDARD);
            self.pieces(&mut |step| encoder.write_all(step))?;
            encoder.finish()?;
            drop(encoder);
        }
        out.write_all(b"\"")
    }
}

/// Reads to the end, and gives what was read to `each`.
pub(super) fn each_step(
    reader: &mut (impl Read + ?Sized),
    each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut step = vec![0; FIRST_STEP_BYTES];
    loop {
        match reader.read(&mut step) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                each(step.get(..read).unwrap_or_default())?;
                if read == step.len() {
                    step.resize(STEP_BYTES, 0);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Turns bytes into text, as long as they are text. A byte order mark is a character like any other, so that nothing
/// is lost.
struct TextDecoder {
    decoder: Decoder,
    text: String,
}

impl TextDecoder {
    fn new(encoding: &'static Encoding) -> Self {
        Self {
            decoder: encoding.new_decoder_without_bom_handling(),
            text: String::with_capacity(STEP_BYTES),
        }
    }

    /// Whether `bytes` go on as text. Nothing may be decoded after the last, or after what is none.
    fn decode(
        &mut self,
        bytes: &[u8],
        is_last: bool,
        each: &mut dyn FnMut(&str) -> io::Result<()>,
    ) -> io::Result<bool> {
        let mut rest = bytes;
        loop {
            self.text.clear();
            let (result, read) =
                self.decoder
                    .decode_to_string_without_replacement(rest, &mut self.text, is_last);
            each(&self.text)?;
            match result {
                DecoderResult::InputEmpty => return Ok(true),
                DecoderResult::OutputFull => rest = rest.get(read..).unwrap_or_default(),
                DecoderResult::Malformed(..) => return Ok(false),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{UTF_8, WINDOWS_1252};
    use proptest::prelude::*;

    use super::super::samples::{self, Memory};
    use super::*;

    fn json(body: &[u8], encoding: &'static Encoding, step: usize) -> (bool, String) {
        let exchange = samples::exchange();
        let bodies = Memory::default()
            .with(exchange.response.as_ref().unwrap(), body, body)
            .in_steps(step);
        let body = Body::read(
            &bodies,
            exchange.response.as_ref().unwrap(),
            BodyForm::Decoded,
            encoding,
        )
        .unwrap();
        let mut out = Vec::new();
        body.write_json(&mut out).unwrap();
        (body.is_text(), serde_json::from_slice(&out).unwrap())
    }

    #[test]
    fn text_is_text_throughout() {
        assert_eq!(json(b"a\xc3\xa9", UTF_8, 1), (true, "aé".to_owned()));
        assert_eq!(json(b"a\xc3", UTF_8, 1), (false, "YcM=".to_owned()));
        assert_eq!(
            json(b"\x93\xe9\x94", WINDOWS_1252, 1),
            (true, "“é”".to_owned())
        );
        assert_eq!(
            json(b"\xef\xbb\xbfa", UTF_8, 2),
            (true, "\u{feff}a".to_owned())
        );
        let mut large = "漢".repeat(KEPT_BYTES).into_bytes();
        assert_eq!(json(&large, UTF_8, 4096), (true, "漢".repeat(KEPT_BYTES)));
        large.push(0xff);
        assert!(!json(&large, UTF_8, 4096).0);
    }

    proptest! {
        #[test]
        fn bytes_come_back(
            body in prop_oneof![any::<Vec<u8>>(), any::<String>().prop_map(String::into_bytes)],
            step in 1_usize..9,
        ) {
            use base64::Engine as _;
            let (is_text, written) = json(&body, UTF_8, step);
            prop_assert_eq!(is_text, std::str::from_utf8(&body).is_ok());
            let read = if is_text {
                written.into_bytes()
            } else {
                STANDARD.decode(written).unwrap()
            };
            prop_assert_eq!(read, body);
        }
    }
}
