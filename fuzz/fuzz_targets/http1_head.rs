//! Any payload has a head of HTTP/1 or has none, and what is found in it is within its limits.

#![no_main]

use ecq::event::Content;
use ecq::http::h1;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    let Some((content, head)) = h1::head(payload) else {
        return;
    };
    assert!(matches!(
        content,
        Content::Http1Request | Content::Http1Response
    ));
    assert_eq!(content == Content::Http1Request, head.method.is_some());
    assert!(
        head.status
            .is_none_or(|status| (100..=999).contains(&status))
    );
    for kept in [&head.method, &head.host, &head.path, &head.content_type]
        .into_iter()
        .flatten()
    {
        assert!(kept.len() <= 64 << 10);
    }
});
