//! A header block: whether a peer can have sent it, what follows from it, and how it is written without its secrets.

use crate::http::exchange::Field;
use crate::http::h2::hpack::{Block, has_static_name, plain};
use crate::redact::Redactor;
use crate::redact::events::framing::{self, TextSort};
use crate::redact::events::text::is_text;
use crate::redact::rules::FieldSort;

/// What a header block is the head of, or the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Request {
        is_connect: bool,
    },
    /// A response that another one follows (1xx).
    Interim,
    Response,
    Trailers,
}

/// A header block that was understood.
#[derive(Debug, PartialEq)]
pub(super) struct Head {
    pub(super) section: Section,
    /// What its body is, if that can be looked into.
    pub(super) body: Option<TextSort>,
}

/// Reads the fields of a header block. There must be nothing odd about them (RFC 9113, sections 8.2 and 8.3): a table that
/// has gone wrong shows in that.
pub(super) fn read(fields: &[Field]) -> Option<Head> {
    let mut pseudo: Vec<&[u8]> = Vec::new();
    let mut status = None;
    let mut is_connect = false;
    let mut is_behind = false;
    for field in fields {
        let (name, value) = (field.name.as_deref()?, field.value.as_deref()?);
        if value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return None;
        }
        let Some(of) = name.strip_prefix(b":") else {
            is_behind = true;
            if name.is_empty() || !name.iter().all(|byte| is_name(*byte)) {
                return None;
            }
            continue;
        };
        if is_behind || pseudo.contains(&of) {
            return None;
        }
        pseudo.push(of);
        match of {
            b"method" => is_connect = value == b"CONNECT",
            b"status" => status = Some(value),
            b"scheme" | b"authority" | b"path" | b"protocol" => {}
            _ => return None,
        }
    }
    let section = match (status, pseudo.as_slice()) {
        (None, []) => Section::Trailers,
        (None, names) if names.contains(&&b"method"[..]) => Section::Request { is_connect },
        (Some([b'1', b'0'..=b'9', b'0'..=b'9']), [_]) => Section::Interim,
        (Some([b'2'..=b'9', b'0'..=b'9', b'0'..=b'9']), [_]) => Section::Response,
        _ => return None,
    };
    let of = |name: &[u8]| {
        let named = fields
            .iter()
            .filter(|field| field.name.as_deref() == Some(name));
        let values: Vec<_> = named.filter_map(|field| field.value.as_deref()).collect();
        values.join(&b',')
    };
    Some(Head {
        section,
        body: framing::text_sort(&of(b"content-encoding"), &of(b"content-type")),
    })
}

/// Those of tokens, without upper case.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether it has the name of a secret that only the dynamic table gives. A value that follows such a name, but was lost with
/// the header block that told the name, would go under another.
pub(super) fn names_secret(redactor: &Redactor, fields: &[Field]) -> bool {
    let mut names = fields.iter().filter_map(|field| field.name.as_deref());
    names.any(|name| redactor.rules.field(name) != FieldSort::Text && !has_static_name(name))
}

/// The fields without secrets, as a header block that depends on nothing, and how many of them were changed. With
/// `are_names_doubtful`, every value is a secret that has its name from the dynamic table.
pub(super) fn write(
    redactor: &Redactor,
    block: &Block,
    are_names_doubtful: bool,
) -> (Vec<u8>, u64) {
    let mut written = Vec::new();
    let mut secrets = 0;
    for (place, field) in block.fields.iter().enumerate() {
        let (Some(name), Some(value)) = (&field.name, &field.value) else {
            continue;
        };
        let is_doubtful = are_names_doubtful && block.borrowed.binary_search(&place).is_ok();
        let sort = if is_doubtful || !is_text(value) {
            FieldSort::Secret
        } else {
            redactor.rules.field(name)
        };
        let shown = redactor.value(sort, value);
        secrets += u64::from(shown != **value);
        plain::field(name, &shown, &mut written);
    }
    (written, secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_block_must_be_in_order() {
        let get: &[(&str, &str)] = &[(":method", "GET"), (":path", "/")];
        for (fields, expected) in [
            (get, Some(Section::Request { is_connect: false })),
            (
                &[(":method", "CONNECT"), (":authority", "h:1")],
                Some(Section::Request { is_connect: true }),
            ),
            (&[(":status", "103")], Some(Section::Interim)),
            (
                &[(":status", "200"), ("etag", "x")],
                Some(Section::Response),
            ),
            (&[("grpc-status", "0")], Some(Section::Trailers)),
            (&[], Some(Section::Trailers)),
            (&[(":path", "/")], None),
            (&[(":status", "20")], None),
            (&[(":status", "200"), (":method", "GET")], None),
            (&[("a", "b"), (":status", "200")], None),
            (&[(":method", "GET"), (":method", "GET")], None),
            (&[(":own", "x")], None),
            (&[(":status", "200"), ("Etag", "x")], None),
            (&[(":status", "200"), ("", "x")], None),
            (&[(":status", "200"), ("a", "b\r\nc: d")], None),
        ] {
            let known: Vec<_> = (fields.iter())
                .map(|(name, value)| Field::known(*name, *value))
                .collect();
            let found = read(&known).map(|head| head.section);
            assert_eq!(found, expected, "{fields:?}");
        }
        let unknown = Field {
            name: None,
            value: None,
        };
        assert_eq!(read(&[unknown]), None);
    }
}
