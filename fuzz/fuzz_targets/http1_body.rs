//! Any payload has a body or has none; what is decoded of it is within the limit, and borrowed if nothing is undone.

#![no_main]

use std::borrow::Cow;

use ecq::http::body::{self, State};
use ecq::http::fields;
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 64 << 10;

fuzz_target!(|payload: &[u8]| {
    let head = fields::read(payload);
    if let Some(head) = &head {
        let fields = head.fields().count();
        assert!(fields <= fields::HEAD_BYTES && fields::cookies(head).count() <= payload.len());
    }
    let body = body::body(payload, LIMIT);
    assert_eq!(
        body.is_some(),
        head.is_some_and(|head| head.head_bytes.is_some())
    );
    let Some(body) = body else {
        assert!(!body::needs_decoding(payload));
        return;
    };
    assert!(body.state == State::AsSent || body::needs_decoding(payload));
    match body.bytes {
        Cow::Owned(decoded) => assert!(decoded.len() <= LIMIT && body.state != State::AsSent),
        Cow::Borrowed(sent) => assert!(sent.len() <= payload.len() && body.state != State::Decoded),
    }
});
