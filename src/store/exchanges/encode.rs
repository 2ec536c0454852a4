//! How heads, fields and places of bodies are written down.
//!
//! Numbers are unsigned LEB128 (`super::super::varint`). A *text* is its length and its bytes; an *optional text* is 0 if
//! there is none, and otherwise its length plus one and its bytes.
//!
//! - A *head*: the version (10, 11 or 20), method, target, scheme, authority and reason as optional texts, the status (0 if
//!   there is none), and fields.
//! - *Heads*: one after another, each after its length.
//! - *Fields*: how many, and of each the name and the value as optional texts.
//! - *Spans*: of each the event less that of the span before (in zigzag, the first less 0), the offset and the length.

use bytes::Bytes;

use crate::event::EventId;
use crate::http::exchange::{Field, MessageHead, Span, Version};
use crate::store::varint;

/// Writes a head.
pub(super) fn head(head: &MessageHead) -> Vec<u8> {
    let texts = [
        &head.method,
        &head.target,
        &head.scheme,
        &head.authority,
        &head.reason,
    ];
    let bytes: usize = texts.iter().map(|text| length(text.as_ref())).sum();
    let mut out = Vec::with_capacity(16 + bytes + fields_bytes(&head.fields));
    out.push(head.version.code());
    for text in texts {
        optional(&mut out, text.as_deref());
    }
    varint::push(&mut out, u64::from(head.status.unwrap_or(0)));
    push_fields(&mut out, &head.fields);
    out
}

/// Reads a head; `None` if it is damaged.
pub(super) fn read_head(mut bytes: &[u8]) -> Option<MessageHead> {
    let (version, rest) = bytes.split_first()?;
    bytes = rest;
    let mut text = || take_optional(&mut bytes);
    let (method, target, scheme, authority, reason) = (text()?, text()?, text()?, text()?, text()?);
    let status = u16::try_from(varint::take(&mut bytes)?).ok()?;
    Some(MessageHead {
        version: Version::from_code(*version)?,
        method,
        target,
        scheme,
        authority,
        reason,
        status: (status != 0).then_some(status),
        fields: take_fields(&mut bytes)?,
    })
}

/// Writes heads.
pub(super) fn heads(heads: &[MessageHead]) -> Vec<u8> {
    let mut out = Vec::new();
    for each in heads {
        let data = head(each);
        varint::push(&mut out, data.len() as u64);
        out.extend_from_slice(&data);
    }
    out
}

/// Reads heads; `None` if they are damaged.
pub(super) fn read_heads(mut bytes: &[u8]) -> Option<Vec<MessageHead>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let length = usize::try_from(varint::take(&mut bytes)?).ok()?;
        let (data, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        found.push(read_head(data)?);
    }
    Some(found)
}

/// Writes fields.
pub(super) fn fields(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::with_capacity(fields_bytes(fields));
    push_fields(&mut out, fields);
    out
}

/// About how many bytes fields take.
fn fields_bytes(fields: &[Field]) -> usize {
    let bytes = |field: &Field| length(field.name.as_ref()) + length(field.value.as_ref());
    2 + fields.iter().map(bytes).sum::<usize>()
}

/// About how many bytes a text takes.
fn length(text: Option<&Bytes>) -> usize {
    2 + text.map_or(0, Bytes::len)
}

/// Reads fields; `None` if they are damaged.
pub(super) fn read_fields(mut bytes: &[u8]) -> Option<Vec<Field>> {
    take_fields(&mut bytes)
}

fn push_fields(out: &mut Vec<u8>, fields: &[Field]) {
    varint::push(out, fields.len() as u64);
    for field in fields {
        optional(out, field.name.as_deref());
        optional(out, field.value.as_deref());
    }
}

fn take_fields(bytes: &mut &[u8]) -> Option<Vec<Field>> {
    let count = usize::try_from(varint::take(bytes)?).ok()?;
    // Two bytes at least are taken by each, so that what claims more is damaged.
    if count > bytes.len() / 2 {
        return None;
    }
    (0..count)
        .map(|_| {
            Some(Field {
                name: take_optional(bytes)?,
                value: take_optional(bytes)?,
            })
        })
        .collect()
}

fn optional(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        None => out.push(0),
        Some(text) => {
            varint::push(out, text.len() as u64 + 1);
            out.extend_from_slice(text);
        }
    }
}

#[expect(clippy::option_option, reason = "damaged, none and some are three")]
fn take_optional(bytes: &mut &[u8]) -> Option<Option<Bytes>> {
    let Some(length) = varint::take(bytes)?.checked_sub(1) else {
        return Some(None);
    };
    let (text, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(Some(Bytes::copy_from_slice(text)))
}

/// A row of `exchange_parts` with no more than this many bytes lies on a page of the file as a whole. To find one beside a
/// longer row, SQLite reads all of that one (`WITHOUT ROWID` tables are indexes, of which each entry is a key).
pub(super) const ROW_BYTES: usize = 900;

/// The most bytes of a span.
const SPAN_BYTES: usize = 30;

/// Writes spans, in rows.
pub(super) fn spans(spans: &[Span]) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    let (mut row, mut before) = (Vec::new(), 0);
    for span in spans {
        if row.len() + SPAN_BYTES > ROW_BYTES {
            rows.push(std::mem::take(&mut row));
            before = 0;
        }
        let event = span.event.number();
        varint::push(&mut row, zigzag(event.wrapping_sub(before)));
        varint::push(&mut row, span.offset);
        varint::push(&mut row, span.length);
        before = event;
    }
    if !row.is_empty() {
        rows.push(row);
    }
    rows
}

/// Reads the spans of a row; `None` if they are damaged.
pub(super) fn read_spans(mut bytes: &[u8]) -> Option<Vec<Span>> {
    let mut found = Vec::new();
    let mut before = 0_i64;
    while !bytes.is_empty() {
        before = before.wrapping_add(unzigzag(varint::take(&mut bytes)?));
        found.push(Span {
            event: EventId::new(before),
            offset: varint::take(&mut bytes)?,
            length: varint::take(&mut bytes)?,
        });
    }
    Some(found)
}

/// Whether some bytes are in more than one of the spans.
pub(super) fn overlap(spans: &[Span]) -> bool {
    let mut sorted: Vec<_> = spans
        .iter()
        .map(|span| (span.event, span.offset, span.length))
        .collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| match pair {
        [(event, offset, length), (next, begin, _)] => {
            event == next && offset.saturating_add(*length) > *begin
        }
        _ => false,
    })
}

/// Small numbers of either sign as small ones without.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_that_are_named_twice() {
        let overlap = |spans: &[(i64, u64, u64)]| {
            let spans: Vec<_> = spans
                .iter()
                .map(|(event, offset, length)| Span {
                    event: EventId::new(*event),
                    offset: *offset,
                    length: *length,
                })
                .collect();
            overlap(&spans)
        };
        assert!(!overlap(&[]));
        assert!(!overlap(&[(7, 10, 5), (6, 0, 99), (7, 0, 10)]));
        assert!(overlap(&[(7, 10, 5), (6, 0, 99), (7, 0, 11)]));
        assert!(overlap(&[(7, 10, 5), (7, 10, 5)]));
        assert!(overlap(&[(7, 10, u64::MAX), (7, 11, 1)]));
    }

    fn text() -> impl Strategy<Value = Option<Bytes>> {
        option::of(vec(any::<u8>(), 0..300).prop_map(Bytes::from))
    }

    fn heads_of_any_kind() -> impl Strategy<Value = MessageHead> {
        let field = (text(), text()).prop_map(|(name, value)| Field { name, value });
        (
            prop::sample::select(Version::ALL.to_vec()),
            [text(), text(), text(), text(), text()],
            option::of(100_u16..1000),
            vec(field, 0..20),
        )
            .prop_map(|(version, texts, status, fields)| {
                let [method, target, scheme, authority, reason] = texts;
                MessageHead {
                    version,
                    method,
                    target,
                    scheme,
                    authority,
                    status,
                    reason,
                    fields,
                }
            })
    }

    proptest! {
        #[test]
        fn heads_round_trip(written in heads_of_any_kind()) {
            let bytes = head(&written);
            prop_assert_eq!(read_head(&bytes), Some(written.clone()));
            for end in 0..bytes.len() {
                prop_assert_eq!(read_head(&bytes[..end]), None);
            }
            prop_assert_eq!(read_fields(&fields(&written.fields)), Some(written.fields));
        }

        #[test]
        fn lists_of_heads_round_trip(written in vec(heads_of_any_kind(), 0..4)) {
            prop_assert_eq!(read_heads(&heads(&written)), Some(written));
        }

        #[test]
        fn spans_round_trip(written in vec((any::<i64>(), any::<u64>(), any::<u64>()), 0..50)) {
            let written: Vec<_> = written
                .into_iter()
                .map(|(event, offset, length)| Span { event: EventId::new(event), offset, length })
                .collect();
            let rows = spans(&written);
            prop_assert!(rows.iter().all(|row| row.len() <= ROW_BYTES));
            let read: Option<Vec<_>> = rows.iter().map(|row| read_spans(row)).collect();
            prop_assert_eq!(read.map(|rows| rows.concat()), Some(written));
        }

        #[test]
        fn damaged_bytes_are_refused(bytes in vec(any::<u8>(), 0..200)) {
            read_head(&bytes);
            read_heads(&bytes);
            read_fields(&bytes);
            read_spans(&bytes);
        }
    }
}
