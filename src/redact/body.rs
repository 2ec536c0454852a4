//! A body without its secrets, read piece by piece.

use std::io::{self, Read};

use encoding_rs::{Encoding, UTF_8};

use super::Redactor;
use super::form::FormFilter;
use super::json::JsonFilter;
use super::mark::Mark;
use super::text::TextFilter;
use super::words::WordFilter;
use crate::http::body::State;
use crate::http::decode::BodyRead;
use crate::http::fields::split_once;
use crate::http::media;

/// How much of a body is looked at to see what it is, in bytes, and how much is read at a time.
const SAMPLE_BYTES: usize = 64 << 10;
/// How long the first name of a form is that is not said to be one, in bytes.
const FORM_NAME_BYTES: usize = 64;

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Json,
    Form,
    Text,
    /// A picture, a font, sound or film: what has no members.
    Media,
    /// Anything else.
    Opaque,
}

/// Takes secrets out of what it is given.
#[derive(Debug)]
struct Filter<'a> {
    redactor: &'a Redactor,
    stage: Stage,
    words: WordFilter,
    text: TextFilter,
    /// What the stage before the words has written, and what they have.
    between: [Vec<u8>; 2],
}

#[derive(Debug)]
enum Stage {
    Json(JsonFilter),
    Form(FormFilter),
    Media,
    Opaque(Mark),
}

impl<'a> Filter<'a> {
    fn new(redactor: &'a Redactor, sort: Sort) -> Self {
        Self {
            redactor,
            stage: match sort {
                Sort::Json => Stage::Json(JsonFilter::new(true)),
                Sort::Text => Stage::Json(JsonFilter::new(false)),
                Sort::Form => Stage::Form(FormFilter::default()),
                Sort::Media => Stage::Media,
                Sort::Opaque => Stage::Opaque(redactor.key.mark()),
            },
            words: WordFilter::default(),
            text: TextFilter::default(),
            between: Default::default(),
        }
    }

    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Redactor { rules, key } = self.redactor;
        let [read, written] = &mut self.between;
        match &mut self.stage {
            Stage::Json(json) => json.push(rules, key, bytes, read),
            Stage::Form(form) => form.push(rules, key, bytes, read),
            Stage::Media => out.extend_from_slice(bytes),
            Stage::Opaque(mark) => mark.update(bytes),
        }
        self.words.push(rules, key, read, written);
        self.text.push(rules, key, written, out);
        read.clear();
        written.clear();
    }

    fn finish(self, out: &mut Vec<u8>) {
        let Redactor { rules, key } = self.redactor;
        let (mut words, mut text) = (self.words, self.text);
        let [mut read, mut written] = self.between;
        match self.stage {
            Stage::Json(json) => json.finish(&mut read),
            Stage::Form(form) => form.finish(&mut read),
            Stage::Media => {}
            Stage::Opaque(mark) => out.extend_from_slice(mark.replacement().as_bytes()),
        }
        words.push(rules, key, &read, &mut written);
        words.finish(&mut written);
        text.push(rules, key, &written, out);
        text.finish(rules, key, out);
    }
}

impl Redactor {
    /// A text without secrets, whatever it is.
    pub(super) fn text(&self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut filter = Filter::new(self, Sort::Text);
        filter.push(text, &mut out);
        filter.finish(&mut out);
        out
    }
}

/// A body that is being read.
pub(super) struct RedactedBody<'a> {
    inner: Box<dyn BodyRead + 'a>,
    redactor: &'a Redactor,
    content_type: Option<&'a [u8]>,
    /// `None` before the first read.
    filter: Option<Filter<'a>>,
    is_over: bool,
    out: Vec<u8>,
    /// How many bytes of it are read.
    read: usize,
}

impl<'a> RedactedBody<'a> {
    pub(super) fn new(
        redactor: &'a Redactor,
        content_type: Option<&'a [u8]>,
        inner: Box<dyn BodyRead + 'a>,
    ) -> Self {
        Self {
            inner,
            redactor,
            content_type,
            filter: None,
            is_over: false,
            out: Vec::new(),
            read: 0,
        }
    }

    /// Reads on until there is something, or the body is over.
    fn fill(&mut self) -> io::Result<()> {
        self.out.clear();
        self.read = 0;
        let mut step = Vec::new();
        while self.out.is_empty() && !self.is_over {
            step.clear();
            let limit = u64::try_from(SAMPLE_BYTES).unwrap_or(u64::MAX);
            // Reads until so many bytes are there: the first ones decide what the body is.
            self.inner.by_ref().take(limit).read_to_end(&mut step)?;
            self.is_over = step.len() < SAMPLE_BYTES;
            let mut filter = match self.filter.take() {
                Some(filter) => filter,
                None => Filter::new(self.redactor, sort(self.content_type, &step, self.is_over)),
            };
            filter.push(&step, &mut self.out);
            if self.is_over {
                filter.finish(&mut self.out);
            } else {
                self.filter = Some(filter);
            }
        }
        Ok(())
    }
}

impl Read for RedactedBody<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read >= self.out.len() {
            self.fill()?;
        }
        let mut left = self.out.get(self.read..).unwrap_or_default();
        let read = left.read(buffer)?;
        self.read = self.read.saturating_add(read);
        Ok(read)
    }
}

impl BodyRead for RedactedBody<'_> {
    fn state(&self) -> State {
        self.inner.state()
    }
}

/// What a body is, by its type and by its first bytes; the bytes decide where the two disagree.
fn sort(content_type: Option<&[u8]>, sample: &[u8], is_whole: bool) -> Sort {
    let content_type = content_type.unwrap_or_default();
    let essence = media::essence(content_type).to_ascii_lowercase();
    let begins = |start: &str| essence.starts_with(start.as_bytes());
    if begins("multipart/") {
        return Sort::Opaque;
    }
    let is_text = is_text(content_type, sample, is_whole);
    let marked = sample.strip_prefix(b"\xef\xbb\xbf").unwrap_or(sample);
    let first = marked.trim_ascii_start().first();
    if is_text && (matches!(first, Some(b'{' | b'[')) || essence.ends_with(b"json")) {
        Sort::Json
    } else if media::is_form(content_type) {
        Sort::Form
    } else if is_text {
        let is_unsaid = essence.is_empty() || essence == b"text/plain";
        if is_unsaid && begins_as_form(marked) {
            Sort::Form
        } else {
            Sort::Text
        }
    } else if ["image/", "audio/", "video/", "font/"]
        .into_iter()
        .any(begins)
    {
        Sort::Media
    } else {
        Sort::Opaque
    }
}

/// Whether it is a text in which ASCII is ASCII.
fn is_text(content_type: &[u8], sample: &[u8], is_whole: bool) -> bool {
    let encoding = media::charset(content_type)
        .filter(|_| media::is_textual(content_type))
        .map_or(Some(UTF_8), Encoding::for_label_no_replacement);
    if sample.contains(&0) || !encoding.is_none_or(Encoding::is_ascii_compatible) {
        return false;
    }
    match std::str::from_utf8(sample) {
        Ok(_) => true,
        Err(error) if error.error_len().is_none() && !is_whole => true,
        Err(_) => encoding.is_some_and(|encoding| encoding != UTF_8),
    }
}

/// Whether a name and an equals sign come first.
pub(super) fn begins_as_form(sample: &[u8]) -> bool {
    let sample = sample.get(..FORM_NAME_BYTES).unwrap_or(sample);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-~%+[]*".contains(byte);
    split_once(sample, b'=').is_some_and(|(name, _)| !name.is_empty() && name.iter().all(is_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bodies_are() {
        for (content_type, sample, expected) in [
            ("application/json", &b"1"[..], Sort::Json),
            (
                "application/x-www-form-urlencoded",
                b" {\"a\":1}",
                Sort::Json,
            ),
            ("application/x-www-form-urlencoded", b"a=\xff", Sort::Form),
            ("", b"a=1&b", Sort::Form),
            ("text/plain", b"user[name]=1", Sort::Form),
            ("text/plain", b"a b=1", Sort::Text),
            ("text/html", b"a=1", Sort::Text),
            ("", b"\xef\xbb\xbf[1]", Sort::Json),
            ("image/png", b"\x89PNG", Sort::Media),
            ("image/png", b"password", Sort::Text),
            ("image/svg+xml", b"<svg/>", Sort::Text),
            ("text/plain; charset=iso-8859-1", b"caf\xe9 x", Sort::Text),
            ("text/plain; charset=utf-16le", b"ab", Sort::Opaque),
            ("text/plain", b"a\0", Sort::Opaque),
            ("text/plain", b"\xff", Sort::Opaque),
            ("multipart/form-data; boundary=x", b"--x", Sort::Opaque),
            ("application/grpc", b"\0\0\0\0\x01a", Sort::Opaque),
        ] {
            assert_eq!(
                sort(Some(content_type.as_bytes()), sample, true),
                expected,
                "{content_type}"
            );
        }
        assert_eq!(sort(None, b"a \xc3", false), Sort::Text);
        assert_eq!(sort(None, b"a \xc3", true), Sort::Opaque);
    }
}
