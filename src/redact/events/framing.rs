//! How far the parts of an HTTP/1 message go, and which bodies can be looked into.

use crate::http::fields::{self, Head};
use crate::http::media;
use crate::redact::body;

/// How many digits the size of a chunk may have.
const SIZE_DIGITS: usize = 8;

/// What messages begin with.
const BEGINNINGS: [&[u8]; 10] = [
    b"GET ",
    b"POST ",
    b"PUT ",
    b"HEAD ",
    b"PATCH ",
    b"DELETE ",
    b"OPTIONS ",
    b"CONNECT ",
    b"TRACE ",
    b"HTTP/1.",
];

/// Whether a message may begin so, or one does: a first line that is cut off is enough.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    let is_begun = |beginning: &&[u8]| bytes.starts_with(beginning) || beginning.starts_with(bytes);
    match memchr::memchr(b'\n', bytes) {
        Some(_) => fields::read(bytes).is_some(),
        None => BEGINNINGS.iter().any(is_begun),
    }
}

/// The same, if as much of it is there as tells it from others.
pub(super) fn begins(bytes: &[u8]) -> bool {
    may_begin(bytes) && (BEGINNINGS.iter()).any(|beginning| bytes.starts_with(beginning))
}

/// Where the head ends, with its empty line. Up to `known` that is known not to be.
pub(super) fn head_end(head: &[u8], known: usize) -> Option<usize> {
    let mut at = known;
    while let Some(end) = head.get(at..).and_then(|rest| memchr::memchr(b'\n', rest)) {
        at += end + 1;
        let lines = head.get(..at).unwrap_or_default();
        if lines.ends_with(b"\n\r\n") || lines.ends_with(b"\n\n") {
            return Some(at);
        }
    }
    None
}

/// A body, as far as its head tells.
#[derive(Debug)]
pub(super) enum Body {
    None,
    /// It cannot be looked into, or nobody knows how.
    Opaque,
    Text {
        extent: Extent,
        is_form: bool,
        /// Its first bytes tell.
        may_be_form: bool,
    },
}

/// How far a body goes.
#[derive(Debug)]
pub(super) enum Extent {
    /// So many bytes.
    Length(u64),
    Chunked(Chunk),
    /// Until another message begins.
    Open,
}

/// What body follows a head. `is_anew` says that eCapture wrote the message anew: without chunks and gzip, of which the
/// head tells still, and with another length.
pub(super) fn body(head: &[u8], is_anew: bool) -> Body {
    let Some(head) = fields::read(head) else {
        return Body::Opaque;
    };
    let of = |name| head.values(name).collect::<Vec<_>>().join(&b',');
    let is = |value: &[u8], word: &str| value.eq_ignore_ascii_case(word.as_bytes());
    let mut coding = of("content-encoding");
    if is_anew && is(&coding, "gzip") {
        coding.clear();
    }
    let has_tunnel = head.status == Some(101) || head.method == Some("CONNECT");
    let sort = text_sort(&coding, &of("content-type")).filter(|_| !has_tunnel);
    let Some(TextSort {
        is_form,
        may_be_form,
    }) = sort
    else {
        return Body::Opaque;
    };
    let Some(extent) = extent(&head, is_anew) else {
        return Body::Opaque;
    };
    if matches!(extent, Extent::Length(0)) {
        return Body::None;
    }
    Body::Text {
        extent,
        is_form,
        may_be_form,
    }
}

/// What text a body is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TextSort {
    pub(super) is_form: bool,
    /// Its first bytes tell.
    pub(super) may_be_form: bool,
}

/// What text a body is by the values of `Content-Encoding` and `Content-Type`, if it can be looked into.
pub(super) fn text_sort(coding: &[u8], content_type: &[u8]) -> Option<TextSort> {
    let begins = |start: &str| {
        let begun = content_type.get(..start.len());
        begun.is_some_and(|begun| begun.eq_ignore_ascii_case(start.as_bytes()))
    };
    let is_plain = coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
    let essence = media::essence(content_type);
    let is_text = is_plain && !begins("multipart/") && !begins("application/grpc");
    is_text.then(|| TextSort {
        is_form: media::is_form(content_type),
        may_be_form: essence.is_empty() || essence.eq_ignore_ascii_case(b"text/plain"),
    })
}

fn extent(head: &Head<'_>, is_anew: bool) -> Option<Extent> {
    if is_anew {
        return Some(Extent::Open);
    }
    let transfer = head.values("transfer-encoding").collect::<Vec<_>>();
    if let Some(coding) = transfer.first() {
        let is_chunked = transfer.len() == 1 && coding.eq_ignore_ascii_case(b"chunked");
        return is_chunked.then(|| Extent::Chunked(Chunk::Size(Vec::new())));
    }
    let no_body = head.is_request || matches!(head.status, Some(100..=199 | 204 | 304));
    match head.values("content-length").next() {
        Some(length) => {
            let length = std::str::from_utf8(length).ok()?;
            Some(Extent::Length(length.parse().ok()?))
        }
        None if no_body => Some(Extent::Length(0)),
        None => Some(Extent::Open),
    }
}

/// Whether a body that is not said to be a form begins as one.
pub(super) fn begins_as_form(content: &[u8]) -> bool {
    body::begins_as_form(content)
}

impl Extent {
    /// How many of the next bytes are content.
    pub(super) fn content_bytes(&self, rest: &[u8]) -> usize {
        let left = match self {
            Self::Length(left) | Self::Chunked(Chunk::Content(left)) => *left,
            Self::Open | Self::Chunked(_) => u64::MAX,
        };
        let line = match self {
            Self::Chunked(Chunk::Trailer) => memchr::memchr(b'\n', rest).map(|end| end + 1),
            _ => None,
        };
        let all = line.unwrap_or(rest.len());
        usize::try_from(left).map_or(all, |left| left.min(all))
    }

    /// So many bytes of content came; whether the body is over.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        match self {
            Self::Length(left) => {
                *left = left.saturating_sub(bytes as u64);
                *left == 0
            }
            Self::Chunked(chunk) => {
                if let Chunk::Content(left) = chunk {
                    *left = left.saturating_sub(bytes as u64);
                    if *left == 0 {
                        *chunk = Chunk::End(0);
                    }
                }
                false
            }
            Self::Open => false,
        }
    }
}

/// Where in the chunks of a body it is (RFC 9112, section 7.1).
#[derive(Debug)]
pub(super) enum Chunk {
    /// In the line that says how large the next one is.
    Size(Vec<u8>),
    /// So many bytes of it are to come.
    Content(u64),
    /// In the end of its line, of which so many bytes were read.
    End(usize),
    /// Behind the last one, where fields may follow, up to an empty line.
    Trailer,
    /// It is none.
    Broken,
}

impl Chunk {
    /// Whether what comes is to be looked at as text.
    pub(super) fn is_content(&self) -> bool {
        matches!(self, Self::Content(_) | Self::Trailer)
    }

    /// Reads framing: how many bytes of it.
    pub(super) fn step(&mut self, rest: &[u8]) -> usize {
        match self {
            Self::Size(line) => {
                let wanted = (SIZE_DIGITS + 2).saturating_sub(line.len());
                let end = memchr::memchr(b'\n', rest.get(..wanted).unwrap_or(rest));
                let taken = end.map_or(rest.len().min(wanted), |end| end + 1);
                line.extend_from_slice(rest.get(..taken).unwrap_or_default());
                let digits = line.strip_suffix(b"\n").unwrap_or(line);
                let digits = digits.strip_suffix(b"\r").unwrap_or(digits);
                let is_size = digits.iter().all(u8::is_ascii_hexdigit)
                    && digits.len() <= SIZE_DIGITS
                    && (end.is_none() || !digits.is_empty());
                let size = std::str::from_utf8(digits)
                    .ok()
                    .and_then(|digits| u64::from_str_radix(digits, 16).ok());
                *self = match (end, size) {
                    _ if !is_size => Self::Broken,
                    (Some(_), Some(0)) => Self::Trailer,
                    (Some(_), Some(size)) => Self::Content(size),
                    (Some(_), None) => Self::Broken,
                    (None, _) => Self::Size(std::mem::take(line)),
                };
                taken
            }
            Self::End(read) => {
                let end = b"\r\n".get(*read..).unwrap_or_default();
                let taken = end.len().min(rest.len());
                if !rest.starts_with(end.get(..taken).unwrap_or_default()) {
                    *self = Self::Broken;
                    return 0;
                }
                *read += taken;
                if *read == 2 {
                    *self = Self::Size(Vec::new());
                }
                taken
            }
            Self::Content(_) | Self::Trailer | Self::Broken => 0,
        }
    }
}
