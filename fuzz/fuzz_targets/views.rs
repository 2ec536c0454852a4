//! Any body can be looked at in every way, and what is given is of it and within its limits.

#![no_main]

use ecq::http::view::charset::{Charset, TextDecoder};
use ecq::http::view::protobuf::{Field, Value, dump};
use ecq::http::view::{form, json, kind};
use libfuzzer_sys::fuzz_target;

fn depth(fields: &[Field<'_>]) -> usize {
    let inner = fields.iter().map(|field| match &field.value {
        Value::Message(inner) | Value::Group(inner) => depth(inner),
        _ => 0,
    });
    1 + inner.max().unwrap_or(0)
}

/// The layout of what is JSON as far as it goes.
fn laid_out(text: &[u8]) -> Option<Vec<u8>> {
    let (mut layout, mut out) = (json::Layout::new(), Vec::new());
    let taken = layout.push_json(text, &mut out);
    assert!(taken <= text.len());
    (taken == text.len()).then_some(out)
}

/// Whether a layout is its own.
fn laid_out_again(text: &[u8]) -> bool {
    laid_out(text).is_none_or(|again| again == text)
}

fuzz_target!(|body: &[u8]| {
    let (said, rest) = body.split_at(body.len().min(40));
    for (content_type, body) in [(None, body), (Some(said), rest), (Some(said), &[][..])] {
        let kind = kind::kind(content_type, body);
        assert!((1..=8).contains(&kind.extension.len()));
        assert!(
            kind.extension
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        );
        assert!(kind.mime.is_ascii() && kind.mime.contains('/'));

        let charset = Charset::of(content_type, body);
        let text = charset.text(body);
        let (first, second) = body.split_at(body.len() / 3);
        let mut decoder = TextDecoder::new(charset);
        let mut pieces = String::new();
        decoder.push(first, &mut pieces);
        decoder.push(second, &mut pieces);
        decoder.end(&mut pieces);
        assert!(pieces == text.text && decoder.has_replacements() == text.has_replacements);

        if let Some(laid_out) = laid_out(text.text.as_bytes()) {
            assert!(laid_out_again(&laid_out));
        }
        if let Some(found) = kind::recognized(content_type, body) {
            assert!(found.mime.contains('/') && !body.is_empty());
        }
        let boundary = content_type
            .and_then(form::boundary)
            .unwrap_or_else(|| said.get(..2).unwrap_or_default().to_vec());
        let parts = form::parts(body, &boundary);
        assert!(parts.parts.len() <= form::MAX_PARTS);
        for part in &parts.parts {
            assert!(body.get(part.body.clone()).is_some());
            let _ = (part.name(), part.file_name());
        }
    }
    assert!(form::fields(body).count() <= body.len());
    let dump = dump(body);
    assert!(body.ends_with(dump.rest) && depth(&dump.fields) <= 32);
});
