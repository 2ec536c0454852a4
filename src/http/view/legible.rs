//! Text that a person reads in a body and that its bytes do not show: in another charset than UTF-8, or in the messages of a gRPC
//! call, which are compressed one by one.

use encoding_rs::UTF_8;

use super::charset::{Charset, Origin};
use super::grpc::Messages;
use super::media_type;
use crate::http::body::State;
use crate::http::exchange::MessageHead;
use crate::http::media;

/// What a body begins with that is UTF-16: its byte order marks.
const UTF_16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Whether a body can have such text, as far as its head, and the first bytes with codings undone, tell.
pub fn may_differ(head: Option<&MessageHead>, start: &[u8]) -> bool {
    UTF_16_MARKS.iter().any(|mark| start.starts_with(mark))
        || head.is_some_and(|head| names_other_charset(head) || grpc_encoding(head).is_some())
}

/// Gives such text to `each` until that has seen enough; whether it did. Of a message, `limit` bytes are decoded.
pub fn each_text(
    head: Option<&MessageHead>,
    body: &[u8],
    limit: usize,
    each: &mut dyn FnMut(&[u8]) -> bool,
) -> bool {
    if !may_differ(head, body) {
        return false;
    }
    let content_type = head.and_then(content_type);
    if let Some(encoding) = head.and_then(grpc_encoding) {
        return each_message(encoding, body, limit, each);
    }
    let charset = Charset::of(content_type, body);
    if !matches!(charset.origin, Origin::Mark | Origin::ContentType) {
        return false;
    }
    let text = charset.text(body).text;
    text.as_bytes() != body && each(text.as_bytes())
}

fn each_message(
    encoding: &[u8],
    body: &[u8],
    limit: usize,
    each: &mut dyn FnMut(&[u8]) -> bool,
) -> bool {
    let mut is_enough = false;
    let mut messages = Messages::new(limit);
    messages.push(body, &mut |message| {
        if !is_enough && message.is_compressed {
            let (text, state) = message.decoded(Some(encoding), limit);
            is_enough = state != State::AsSent && each(&text);
        }
    });
    is_enough
}

fn content_type(head: &MessageHead) -> Option<&[u8]> {
    head.values("content-type").next().map(AsRef::as_ref)
}

/// Whether the head says that the body is text in another charset than UTF-8, or than ASCII, which is a part of that.
fn names_other_charset(head: &MessageHead) -> bool {
    let Some(value) = content_type(head).filter(|value| media::is_textual(value)) else {
        return false;
    };
    let is_said = media_type::parameter(value, "charset").is_some();
    let charset = Charset::of(Some(value), b"");
    is_said && charset.origin == Origin::ContentType && charset.name() != UTF_8.name()
}

/// The coding of the compressed messages of a gRPC call.
fn grpc_encoding(head: &MessageHead) -> Option<&[u8]> {
    let is_grpc = content_type(head).is_some_and(|value| {
        media::essence(value)
            .to_ascii_lowercase()
            .starts_with(b"application/grpc")
    });
    head.values("grpc-encoding")
        .next()
        .map(AsRef::as_ref)
        .filter(|encoding: &&[u8]| is_grpc && !encoding.eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::exchange::{Field, Version};
    use crate::http::tests::gzip;

    fn head(fields: &[(&'static str, &str)]) -> MessageHead {
        let mut head = MessageHead::empty(Version::Http2);
        head.fields = fields
            .iter()
            .map(|(name, value)| Field::known(*name, value.as_bytes().to_vec()))
            .collect();
        head
    }

    fn texts(head: Option<&MessageHead>, body: &[u8]) -> Vec<String> {
        let mut texts = Vec::new();
        let is_enough = each_text(head, body, 1000, &mut |text| {
            texts.push(String::from_utf8_lossy(text).into_owned());
            false
        });
        assert!(!is_enough);
        // What differs is announced.
        assert!(texts.is_empty() || may_differ(head, body));
        let mut first = 0;
        each_text(head, body, 1000, &mut |_| {
            first += 1;
            true
        });
        assert_eq!(first, texts.len().min(1));
        texts
    }

    #[test]
    fn other_charsets() {
        let latin = [("content-type", "text/plain; charset=ISO-8859-1")];
        assert_eq!(texts(Some(&head(&latin)), b"Sch\xf6n"), ["Sch\u{f6}n"]);
        assert!(texts(Some(&head(&latin)), b"plain").is_empty());
        let wide = [("content-type", "application/json; charset=\"UTF-16LE\"")];
        assert_eq!(texts(Some(&head(&wide)), b"a\0b\0"), ["ab"]);
        assert_eq!(texts(None, b"\xfe\xff\0a\0b"), ["ab"]);
        for fields in [
            [("content-type", "text/plain; charset=utf-8")],
            [("content-type", "text/plain")],
            [("content-type", "text/plain; charset=unheard-of")],
            [("content-type", "image/png; charset=ISO-8859-1")],
        ] {
            let head = head(&fields);
            assert!(texts(Some(&head), b"Sch\xf6n").is_empty(), "{fields:?}");
            assert!(!may_differ(Some(&head), b"Sch\xf6n"), "{fields:?}");
        }
    }

    #[test]
    fn compressed_messages() {
        let framed = |flag: u8, message: &[u8]| {
            let length = u32::try_from(message.len()).unwrap();
            [&[flag], &length.to_be_bytes()[..], message].concat()
        };
        let body = [
            framed(1, &gzip(b"one")),
            framed(0, b"two"),
            framed(1, &gzip(b"three")),
        ]
        .concat();
        let grpc = ("content-type", "Application/gRPC+proto");
        let coded = head(&[grpc, ("grpc-encoding", "gzip")]);
        assert_eq!(texts(Some(&coded), &body), ["one", "three"]);
        for fields in [
            &[grpc, ("grpc-encoding", "identity")][..],
            &[grpc],
            &[("grpc-encoding", "gzip")],
        ] {
            assert!(texts(Some(&head(fields)), &body).is_empty());
        }
    }
}
