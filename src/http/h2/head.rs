//! The head of an HTTP/2 message, from its fields (RFC 9113, section 8.3).

use bytes::Bytes;

use crate::http::exchange::{Field, MessageHead, Version};

/// What a header block is the head of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Request,
    Response,
    /// Trailers, or a head whose pseudo-header fields are not known.
    Unknown,
}

/// A head, and what follows from it.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) message: MessageHead,
    pub(super) role: Role,
    /// Whether any field's name is unknown, so that it may be a pseudo-header field.
    pub(super) may_have_more: bool,
    /// What it says the length of the body is, if it does so once.
    pub(super) body_bytes: Option<u64>,
}

/// Makes a head of fields. A pseudo-header field that is none of those known, or comes twice, stays among the others.
pub(super) fn head(fields: Vec<Field>) -> Head {
    let mut head = MessageHead::empty(Version::Http2);
    let mut may_have_more = false;
    for field in fields {
        let (Some(name), Some(value)) = (&field.name, &field.value) else {
            may_have_more |= field.name.is_none();
            head.fields.push(field);
            continue;
        };
        let slot = match &**name {
            b":method" => &mut head.method,
            b":path" => &mut head.target,
            b":scheme" => &mut head.scheme,
            b":authority" => &mut head.authority,
            b":status" if head.status.is_none() => {
                head.status = status(value);
                if head.status.is_none() {
                    head.fields.push(field);
                }
                continue;
            }
            _ => {
                head.fields.push(field);
                continue;
            }
        };
        if slot.is_none() {
            *slot = Some(value.clone());
        } else {
            head.fields.push(field);
        }
    }
    let role = if head.method.is_some() || head.target.is_some() || head.scheme.is_some() {
        Role::Request
    } else if head.status.is_some() {
        Role::Response
    } else {
        Role::Unknown
    };
    let body_bytes = content_length(&head);
    Head {
        message: head,
        role,
        may_have_more,
        body_bytes,
    }
}

fn status(value: &Bytes) -> Option<u16> {
    let digits = value.len() == 3 && value.iter().all(u8::is_ascii_digit);
    let status = std::str::from_utf8(value).ok()?.parse().ok()?;
    (digits && status >= 100).then_some(status)
}

fn content_length(head: &MessageHead) -> Option<u64> {
    let mut values = head.values("content-length");
    let value = values.next()?;
    if values.next().is_some() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudo_fields_make_the_start_line() {
        let known = |name: &'static str, value: &'static str| Field::known(name, value);
        let unknown = Field {
            name: None,
            value: None,
        };
        let found = head(vec![
            known(":method", "POST"),
            known(":path", "/a"),
            known(":scheme", "https"),
            known(":authority", "h"),
            known(":path", "/b"),
            known("content-length", "12"),
            unknown.clone(),
        ]);
        assert_eq!(found.role, Role::Request);
        assert_eq!(found.message.target.as_deref(), Some(&b"/a"[..]));
        assert_eq!(found.message.fields.len(), 3);
        assert!(found.may_have_more);
        assert_eq!(found.body_bytes, Some(12));
        for (value, status) in [
            ("200", Some(200)),
            ("99", None),
            ("+20", None),
            ("020", None),
            ("x", None),
        ] {
            let found = head(vec![known(":status", value)]);
            assert_eq!(found.message.status, status, "{value}");
        }
        let trailers = head(vec![known("grpc-status", "0")]);
        assert_eq!(trailers.role, Role::Unknown);
        for values in [&["1", "1"][..], &["x"], &["-1"], &[]] {
            let fields = values.iter().map(|value| known("Content-Length", value));
            assert_eq!(head(fields.collect()).body_bytes, None);
        }
    }
}
