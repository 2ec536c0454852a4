//! eCapture's rendered texts: those of 2.x, and the bare ones of 1.x (`docs/wire.md` sections 3 and 2.4).
//!
//! Each reader takes a whole text and gives `None` if it is not of its form. They work on bytes, since payloads and
//! command names can be any, and never look beyond the header: a body that contains a header is just a body.

mod connection;
mod event_line;
mod gotls;
mod notice;
mod openssl;
mod shell;
mod sql;

use bytes::Bytes;

use super::dump;
use super::reading::Reading;
use super::scan::share;
use crate::event::{Kind, Layout};

pub(super) use connection::is_destroyed;
pub(super) use event_line::read as read_event_line;
pub(super) use gotls::UNKNOWN_TUPLE;

/// eCapture's buffer for one read or write (kern/common.h:39).
const CALL_BYTES: usize = 16_384;

/// Reads a text of any form; a text of none is kept whole.
pub(super) fn read(text: &Bytes) -> Reading {
    let known = match text.first() {
        Some(b'[') => openssl::read(text),
        Some(b'P') => connection::read(text)
            .or_else(|| gotls::read(text))
            .or_else(|| shell::read(text))
            .or_else(|| sql::read_postgres(text))
            .or_else(|| notice::read(text)),
        Some(b'M') => sql::read_mysqld(text),
        Some(b' ') => sql::read_bare(text),
        _ => notice::read(text),
    };
    known.unwrap_or_else(|| {
        let mut reading = Reading::new(Kind::UnknownText, Layout::Unknown, text.clone());
        reading.details.reason = Some("the text has no form that is known".to_owned());
        reading
    })
}

/// The body that a count in the header gives, with nothing behind it but the newline that eCapture adds to a text
/// without one (text_handler.go:71-79@v2.5.1).
fn counted(rest: &[u8], count: usize) -> Option<&[u8]> {
    let (body, after) = rest.split_at_checked(count)?;
    (after.is_empty() || after == b"\n").then_some(body)
}

/// The body without the newline that eCapture adds, where no count tells.
fn uncounted(rest: &[u8]) -> &[u8] {
    rest.strip_suffix(b"\n").unwrap_or(rest)
}

/// The payload that stands at the end of `text` as `rest`, plain or as hex digits.
fn tail(text: &Bytes, rest: &[u8], hex: bool) -> Option<Bytes> {
    let body = uncounted(rest);
    if hex {
        Some(Bytes::from(dump::read_digits(body)?))
    } else {
        Some(share(text, body, rest.len().saturating_sub(body.len())))
    }
}
