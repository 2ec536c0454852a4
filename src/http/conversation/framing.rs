//! Where the body of an HTTP/1 message ends, by its head (RFC 9112, section 6.3).

use crate::http::exchange::{Defects, MessageHead, Version};

/// What ends a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    Absent,
    /// So many bytes; more than 0.
    Length(u64),
    /// The last chunk.
    Chunked,
    /// The end of the connection.
    Close,
}

/// Which request a response answers, as far as that says where its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// HEAD: the response has no body.
    Head,
    /// CONNECT: after a 2xx the connection is a tunnel.
    Connect,
    /// Any other.
    Other,
}

impl Asked {
    /// By the head of a request.
    pub(super) fn of(head: &MessageHead) -> Self {
        match head.method.as_deref() {
            Some(b"HEAD") => Self::Head,
            Some(b"CONNECT") => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// What a head says of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Framed {
    /// What ends it.
    pub(super) framing: Framing,
    /// What is wrong with the fields that say so.
    pub(super) defects: Defects,
}

impl Framed {
    /// Of a request. One whose length cannot be known goes on until something shows that it is over.
    pub(super) fn of_request(head: &MessageHead) -> Self {
        Self::by_fields(head, Framing::Absent)
    }

    /// Of a response to a request as far as that is known.
    pub(super) fn of_response(head: &MessageHead, asked: Option<Asked>) -> Self {
        let has_none = asked == Some(Asked::Head)
            || is_tunnel(head, asked)
            || matches!(head.status, Some(100..=199 | 204 | 304));
        let framed = Self::by_fields(head, Framing::Close);
        if has_none {
            // Their fields speak of the body that another request would have got (RFC 9110, section 8.6).
            return Self {
                framing: Framing::Absent,
                defects: Defects::empty(),
            };
        }
        framed
    }

    fn by_fields(head: &MessageHead, otherwise: Framing) -> Self {
        let codings = transfer_codings(head);
        let length = length(head);
        let mut defects = Defects::empty();
        let framing = if let Some(last) = codings.last() {
            let chunked = codings.iter().filter(|coding| is_chunked(coding)).count();
            let is_framed = is_chunked(last);
            // RFC 9112, section 6.1: a length has no place beside it, and HTTP/1.0 does not know it.
            let breaks_rules =
                chunked > 1 || length != Length::Absent || head.version == Version::Http10;
            if breaks_rules || (!is_framed && (chunked > 0 || otherwise == Framing::Absent)) {
                defects |= Defects::BAD_FRAMING;
            }
            if is_framed {
                Framing::Chunked
            } else {
                Framing::Close
            }
        } else {
            match length {
                Length::Absent => otherwise,
                Length::Known(0) => Framing::Absent,
                Length::Known(bytes) => Framing::Length(bytes),
                Length::Contradictory => {
                    defects |= Defects::BAD_FRAMING;
                    Framing::Close
                }
            }
        };
        Self { framing, defects }
    }
}

/// Whether a response turns its connection into a tunnel.
pub(super) fn is_tunnel(head: &MessageHead, asked: Option<Asked>) -> bool {
    head.status == Some(101)
        || (asked == Some(Asked::Connect) && matches!(head.status, Some(200..=299)))
}

/// Whether a response tells where its body ends without regard to what was asked.
pub(super) fn is_told_by_response(head: &MessageHead) -> bool {
    matches!(head.status, Some(100..=199 | 204 | 304))
        || Framed::by_fields(head, Framing::Close).framing == Framing::Absent
}

/// Whether the head names the upgrade to HTTP/2 over cleartext (RFC 7540, section 3.2).
pub(super) fn names_h2c(head: &MessageHead) -> bool {
    head.values("upgrade")
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"h2c"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Absent,
    Known(u64),
    /// It is no number, or there are several that differ.
    Contradictory,
}

fn length(head: &MessageHead) -> Length {
    let items = head
        .values("content-length")
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(|item| {
            let item = std::str::from_utf8(item.trim_ascii()).ok()?;
            let is_number = item.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| item.parse::<u64>().ok()).flatten()
        });
    let mut length = Length::Absent;
    for item in items {
        length = match (length, item) {
            (Length::Absent, Some(bytes)) => Length::Known(bytes),
            (Length::Known(known), Some(bytes)) if known == bytes => length,
            _ => return Length::Contradictory,
        };
    }
    length
}

/// In the order in which they were applied, without what stands for none.
fn transfer_codings(head: &MessageHead) -> Vec<&[u8]> {
    head.values("transfer-encoding")
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(|coding| {
            let name = coding.split(|byte| *byte == b';').next();
            name.unwrap_or(coding).trim_ascii()
        })
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
        .collect()
}

fn is_chunked(coding: &[u8]) -> bool {
    coding.eq_ignore_ascii_case(b"chunked")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::exchange::Field;

    fn head(
        version: Version,
        status: Option<u16>,
        fields: &[(&'static str, &'static str)],
    ) -> MessageHead {
        MessageHead {
            status,
            fields: fields
                .iter()
                .map(|(name, value)| Field::known(*name, *value))
                .collect(),
            ..MessageHead::empty(version)
        }
    }

    #[test]
    fn follows_the_rules_in_their_order() {
        use Framing::{Absent, Chunked, Close, Length};
        const CL: &str = "Content-Length";
        const TE: &str = "transfer-encoding";
        // Fields, framing of a request, framing of a response, whether that is a defect of the request, of the response.
        for (fields, request, response, is_defect) in [
            (&[][..], Absent, Close, (false, false)),
            (&[(CL, "5")], Length(5), Length(5), (false, false)),
            (&[(CL, "0")], Absent, Absent, (false, false)),
            (
                &[(CL, "5, 5"), (CL, "5")],
                Length(5),
                Length(5),
                (false, false),
            ),
            (&[(CL, "5"), (CL, "6")], Close, Close, (true, true)),
            (&[(CL, "5,6")], Close, Close, (true, true)),
            (&[(CL, "+5")], Close, Close, (true, true)),
            (&[(CL, "")], Close, Close, (true, true)),
            (&[(CL, "99999999999999999999")], Close, Close, (true, true)),
            (&[(TE, "chunked")], Chunked, Chunked, (false, false)),
            (&[(TE, "gzip, Chunked ")], Chunked, Chunked, (false, false)),
            (
                &[(TE, "gzip"), (TE, "chunked;a=b")],
                Chunked,
                Chunked,
                (false, false),
            ),
            (
                &[(TE, "chunked"), (CL, "5")],
                Chunked,
                Chunked,
                (true, true),
            ),
            (&[(TE, "chunked, chunked")], Chunked, Chunked, (true, true)),
            (&[(TE, "gzip")], Close, Close, (true, false)),
            (&[(TE, "chunked, gzip")], Close, Close, (true, true)),
            (
                &[(TE, "identity"), (CL, "5")],
                Length(5),
                Length(5),
                (false, false),
            ),
        ] {
            let asked = head(Version::Http11, None, fields);
            let answer = head(Version::Http11, Some(200), fields);
            let of_request = Framed::of_request(&asked);
            let of_response = Framed::of_response(&answer, Some(Asked::Other));
            assert_eq!(
                (of_request.framing, of_response.framing),
                (request, response),
                "{fields:?}"
            );
            let defects = (
                !of_request.defects.is_empty(),
                !of_response.defects.is_empty(),
            );
            assert_eq!(defects, is_defect, "{fields:?}");
        }
        let old = head(Version::Http10, Some(200), &[(TE, "chunked")]);
        let framed = Framed::of_response(&old, None);
        assert_eq!(
            (framed.framing, framed.defects),
            (Chunked, Defects::BAD_FRAMING)
        );
    }

    #[test]
    fn some_responses_have_no_body() {
        let with = |status| head(Version::Http11, Some(status), &[("content-length", "5")]);
        for (status, asked, expected) in [
            (200, None, Framing::Length(5)),
            (200, Some(Asked::Head), Framing::Absent),
            (404, Some(Asked::Head), Framing::Absent),
            (200, Some(Asked::Connect), Framing::Absent),
            (299, Some(Asked::Connect), Framing::Absent),
            (407, Some(Asked::Connect), Framing::Length(5)),
            (100, Some(Asked::Other), Framing::Absent),
            (101, Some(Asked::Other), Framing::Absent),
            (204, None, Framing::Absent),
            (304, Some(Asked::Other), Framing::Absent),
            (205, Some(Asked::Other), Framing::Length(5)),
        ] {
            let found = Framed::of_response(&with(status), asked);
            assert_eq!(found.framing, expected, "{status} {asked:?}");
        }
    }

    #[test]
    fn upgrades_to_http_2_are_named() {
        for (value, expected) in [
            ("h2c", true),
            ("websocket, H2C", true),
            ("h2", false),
            ("h2cx", false),
        ] {
            assert_eq!(
                names_h2c(&head(Version::Http11, Some(101), &[("Upgrade", value)])),
                expected
            );
        }
    }
}
