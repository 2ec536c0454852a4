//! The codings of a body, and undoing one of them (RFC 9110, section 8.4.1).
//!
//! Whether a coding is there is judged by the bytes, since eCapture removes some and leaves the fields that name them.
//! Every decoder runs in steps, so that what it decoded before an end, an error or the limit is kept.

use std::io::{ErrorKind, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};

use super::body::Defect;
use super::chunked;

/// How many bytes a decoder writes in one step.
const STEP_BYTES: usize = 16 << 10;
/// The largest window of a zstd frame, as a power of two: 128 MiB, of which no more is touched than is decoded.
pub(super) const ZSTD_WINDOW_LOG: u32 = 27;
/// From how many bytes on text is taken for text although a coding without a mark could begin so.
const TEXT_BYTES: usize = 16;
/// How many members of gzip are read, since one that holds nothing costs as much time as one that does.
pub(super) const GZIP_MEMBERS: usize = 4096;

pub(super) const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
/// How many bytes tell a coding that has a mark of its own.
pub(super) const MARK_BYTES: usize = 4;
pub(super) const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// What follows the first byte of a zstd frame to be skipped; that is 0x50 to 0x5f.
const ZSTD_SKIPPABLE_MAGIC: &[u8] = &[0x2a, 0x4d, 0x18];

/// What a message says was done to its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Chunked,
    Gzip,
    Deflate,
    Brotli,
    Zstd,
    Unknown,
}

/// What came of undoing a coding.
pub(super) enum Undone {
    /// It is not there: the bytes are as they were before it.
    Absent,
    /// It is not known.
    Unknown,
    /// What was before it, and why it is not all.
    Bytes(Vec<u8>, Option<Defect>),
}

impl Coding {
    /// The codings that a field lists, in the order they were applied; `identity` is none.
    pub(super) fn listed(value: &[u8], is_transfer: bool) -> impl Iterator<Item = Self> {
        value.split(|byte| *byte == b',').filter_map(move |item| {
            let name = item.split(|byte| *byte == b';').next()?.trim_ascii();
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            Some(match name {
                b"" => return None,
                _ if is("identity") => return None,
                _ if is("chunked") && is_transfer => Self::Chunked,
                _ if is("gzip") || is("x-gzip") => Self::Gzip,
                _ if is("deflate") => Self::Deflate,
                _ if is("br") => Self::Brotli,
                _ if is("zstd") => Self::Zstd,
                _ => Self::Unknown,
            })
        })
    }

    /// The coding that is there, of bytes that begin so and are said to have this one. One that is not known stays so: its
    /// marks are not known either.
    pub(super) fn seen(self, start: &[u8]) -> Self {
        match self {
            Self::Chunked | Self::Unknown => self,
            Self::Gzip | Self::Deflate | Self::Brotli | Self::Zstd => marked(start).unwrap_or(self),
        }
    }

    /// Undoes this coding, or the one that the bytes show instead, up to `limit` bytes. `is_whole` says that `bytes` are known
    /// not to be cut off.
    pub(super) fn undo(self, bytes: &[u8], is_whole: bool, limit: usize) -> Undone {
        if bytes.is_empty() {
            return Undone::Absent;
        }
        match self.seen(bytes) {
            Self::Chunked => chunked::undo(bytes, limit)
                .map_or(Undone::Absent, |(data, defect)| Undone::Bytes(data, defect)),
            Self::Gzip if begins(bytes, GZIP_MAGIC) => gzip(bytes, limit),
            Self::Zstd if is_zstd(bytes) => zstd(bytes, limit),
            Self::Gzip | Self::Zstd => Undone::Absent,
            Self::Deflate => unless_text(bytes, is_whole, deflate(bytes, limit)),
            Self::Brotli => unless_text(bytes, is_whole, brotli(bytes, limit)),
            Self::Unknown => Undone::Unknown,
        }
    }
}

/// What marks begin with.
pub(crate) const MARKS: [&[u8]; 2] = [&[0x1f, 0x8b, 8], ZSTD_MAGIC];

/// The coding whose mark bytes begin with, whatever fields say: gzip (RFC 1952, section 2.3: method 8, and no flags that are
/// reserved) or a frame of zstd.
pub(super) fn marked(start: &[u8]) -> Option<Coding> {
    match start {
        [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0 => Some(Coding::Gzip),
        _ if start.starts_with(ZSTD_MAGIC) => Some(Coding::Zstd),
        _ => None,
    }
}

/// Whether bytes that begin so, perhaps cut off early, can have such a mark.
pub(crate) fn may_be_marked(start: &[u8]) -> bool {
    marked(start).is_some()
        || start.len() < MARK_BYTES
            && (begins(start, &[0x1f, 0x8b, 8]) || begins(start, ZSTD_MAGIC))
}

/// Whether `bytes` begin with `magic`, or are a part of it cut off.
pub(super) fn begins(bytes: &[u8], magic: &[u8]) -> bool {
    bytes.iter().zip(magic).all(|(byte, magic)| byte == magic)
}

/// Whether a frame of zstd, or one to be skipped, can begin so (RFC 8878, section 3.1).
pub(super) fn is_zstd(bytes: &[u8]) -> bool {
    match bytes {
        [0x50..=0x5f, rest @ ..] => rest.starts_with(ZSTD_SKIPPABLE_MAGIC),
        _ => begins(bytes, ZSTD_MAGIC),
    }
}

/// Takes up what a decoder writes, as far as the limit.
struct Output {
    bytes: Vec<u8>,
    limit: usize,
}

impl Output {
    fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
        }
    }

    /// Whether all of `more` is taken.
    fn take(&mut self, more: &[u8]) -> bool {
        let room = self.limit.saturating_sub(self.bytes.len());
        self.bytes
            .extend_from_slice(more.get(..room).unwrap_or(more));
        more.len() <= room
    }

    fn end(self, defect: impl Into<Option<Defect>>) -> Undone {
        Undone::Bytes(self.bytes, defect.into())
    }
}

/// Takes up all that `decoder` gives, as far as the limit, and says why it is not all.
fn read(mut decoder: impl Read, output: &mut Output) -> Option<Defect> {
    let mut step = vec![0; STEP_BYTES];
    loop {
        match decoder.read(&mut step) {
            Ok(0) => return None,
            Ok(read) => {
                if !output.take(step.get(..read).unwrap_or_default()) {
                    return Some(Defect::TooLarge);
                }
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Some(Defect::CutOff),
            Err(_) => return Some(Defect::Damaged),
        }
    }
}

fn gzip(bytes: &[u8], limit: usize) -> Undone {
    let mut output = Output::new(limit);
    let mut rest = bytes;
    for _ in 0..GZIP_MEMBERS {
        let mut member = flate2::bufread::GzDecoder::new(rest);
        if let Some(defect) = read(&mut member, &mut output) {
            return output.end(defect);
        }
        rest = member.into_inner();
        if rest.is_empty() {
            return output.end(None);
        }
        if !begins(rest, GZIP_MAGIC) {
            return output.end(Defect::Damaged);
        }
    }
    output.end(Defect::TooLarge)
}

fn zstd(bytes: &[u8], limit: usize) -> Undone {
    let decoder = zstd::stream::read::Decoder::with_buffer(bytes).and_then(|mut decoder| {
        decoder.window_log_max(ZSTD_WINDOW_LOG)?;
        Ok(decoder)
    });
    let mut output = Output::new(limit);
    let defect = match decoder {
        Ok(decoder) => read(decoder, &mut output),
        Err(_) => Some(Defect::Damaged),
    };
    output.end(defect)
}

/// What is called deflate is to be in zlib's wrapping, but some send it without (RFC 9110, section 8.4.1.2).
fn deflate(bytes: &[u8], limit: usize) -> Undone {
    if !is_zlib(bytes) {
        return inflate(bytes, false, limit);
    }
    let wrapped = inflate(bytes, true, limit);
    if !matches!(wrapped, Undone::Bytes(_, Some(Defect::Damaged))) {
        return wrapped;
    }
    match inflate(bytes, false, limit) {
        bare @ Undone::Bytes(_, None) => bare,
        _ => wrapped,
    }
}

/// Whether a zlib stream (RFC 1950) can begin so.
pub(super) fn is_zlib(bytes: &[u8]) -> bool {
    match bytes {
        [0x78] => true,
        [method, flags, ..] => {
            method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        }
        _ => false,
    }
}

fn inflate(bytes: &[u8], is_wrapped: bool, limit: usize) -> Undone {
    let mut decoder = Decompress::new(is_wrapped);
    let mut output = Output::new(limit);
    let mut step = vec![0; STEP_BYTES];
    let mut rest = bytes;
    loop {
        let (read_before, written_before) = (decoder.total_in(), decoder.total_out());
        let status = decoder.decompress(rest, &mut step, FlushDecompress::None);
        let read = difference(decoder.total_in(), read_before);
        let written = difference(decoder.total_out(), written_before);
        rest = rest.get(read..).unwrap_or_default();
        if !output.take(step.get(..written).unwrap_or_default()) {
            return output.end(Defect::TooLarge);
        }
        match status {
            Ok(Status::StreamEnd) if rest.is_empty() => return output.end(None),
            Ok(Status::StreamEnd) | Err(_) => return output.end(Defect::Damaged),
            Ok(_) if read == 0 && written == 0 => return output.end(Defect::CutOff),
            Ok(_) => {}
        }
    }
}

fn difference(after: u64, before: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}

fn brotli(bytes: &[u8], limit: usize) -> Undone {
    let alloc = StandardAlloc::default;
    // Strict: without the large windows that RFC 7932 does not have.
    let mut state = BrotliState::new_strict(alloc(), alloc(), alloc());
    let mut output = Output::new(limit);
    let mut step = vec![0; STEP_BYTES];
    let (mut left, mut offset, mut total) = (bytes.len(), 0, 0);
    loop {
        let (mut room, mut written) = (step.len(), 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut offset,
            bytes,
            &mut room,
            &mut written,
            &mut step,
            &mut total,
            &mut state,
        );
        if !output.take(step.get(..written).unwrap_or_default()) {
            return output.end(Defect::TooLarge);
        }
        match result {
            BrotliResult::NeedsMoreOutput => {}
            // What it has decoded may not all have had room: it gives the rest when it is asked again.
            BrotliResult::NeedsMoreInput if written > 0 => {}
            BrotliResult::NeedsMoreInput => return output.end(Defect::CutOff),
            BrotliResult::ResultSuccess if left == 0 => return output.end(None),
            BrotliResult::ResultSuccess | BrotliResult::ResultFailure => {
                return output.end(Defect::Damaged);
            }
        }
    }
}

/// What was decoded, unless the coding was not there.
fn unless_text(bytes: &[u8], is_whole: bool, undone: Undone) -> Undone {
    match undone {
        Undone::Bytes(_, Some(defect)) if was_never_coded(bytes, is_whole, defect) => {
            Undone::Absent
        }
        _ => undone,
    }
}

/// Whether a coding without a mark was not there, as decoding `bytes` ended in `defect` and they are text anyhow. A few
/// bytes that may be cut off are too few to tell.
pub(super) fn was_never_coded(bytes: &[u8], is_whole: bool, defect: Defect) -> bool {
    match defect {
        Defect::Damaged => is_text(bytes),
        Defect::CutOff => (is_whole || bytes.len() >= TEXT_BYTES) && is_text(bytes),
        Defect::TooLarge | Defect::UnknownCoding => false,
    }
}

/// Whether `bytes` are UTF-8, but for a last character that may be cut off, and have no control characters.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => bytes
            .get(..error.valid_up_to())
            .and_then(|whole| std::str::from_utf8(whole).ok())
            .unwrap_or_default(),
        Err(_) => return false,
    };
    !text.is_empty()
        && !text
            .chars()
            .any(|each| each.is_control() && !matches!(each, '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_of_codings() {
        let listed = |value: &str, is_transfer| {
            Coding::listed(value.as_bytes(), is_transfer).collect::<Vec<_>>()
        };
        assert_eq!(
            listed("GZip, x-gzip ,br;q=1,, Zstd,deflate, identity", false),
            [
                Coding::Gzip,
                Coding::Gzip,
                Coding::Brotli,
                Coding::Zstd,
                Coding::Deflate
            ]
        );
        assert_eq!(
            listed("gzip,Chunked", true),
            [Coding::Gzip, Coding::Chunked]
        );
        assert_eq!(listed("chunked,utf-8", false), [Coding::Unknown; 2]);
        assert_eq!(listed("", true), []);
    }

    #[test]
    fn tells_text() {
        for (bytes, expected) in [
            (b"a\tb\r\n".as_slice(), true),
            ("gr\u{fc}n".as_bytes(), true),
            (b"gr\xc3", true),
            (b"\xc3", false),
            (b"gr\xfcn", false),
            (b"a\0", false),
            (b"a\x1b[m", false),
            (b"", false),
        ] {
            assert_eq!(is_text(bytes), expected, "{bytes:?}");
        }
    }
}
