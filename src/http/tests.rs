//! Bodies as servers send them and as eCapture writes them anew.

use std::borrow::Cow;
use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use proptest::prelude::*;

use super::body::{Defect, MAX_DECODED_BYTES, State, body, needs_decoding};

const TEXT: &str = "{\"name\":\"gr\u{fc}n\",\"list\":[1,2,3,1,2,3,1,2,3]}\n";

pub(super) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zlib(data: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn bare_deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn brotli(data: &[u8]) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
    encoder.write_all(data).unwrap();
    encoder.into_inner()
}

pub(super) fn zstd(data: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) type Encode = fn(&[u8]) -> Vec<u8>;

/// The codings under test: how a field names them, and what does them.
pub(super) const CODINGS: [(&str, Encode); 6] = [
    ("gzip", gzip),
    ("X-GZIP", gzip),
    ("deflate", |data| zlib(data, 6)),
    ("Deflate", bare_deflate),
    ("br", brotli),
    ("zstd", zstd),
];

fn chunks(data: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in data.chunks(size) {
        write!(out, "{:x};n=\"v\"\r\n", chunk.len()).unwrap();
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\nDigest: x\r\n\r\n");
    out
}

pub(super) fn response(fields: &str, body: &[u8]) -> Vec<u8> {
    let mut payload = format!("HTTP/1.1 200 OK\r\n{fields}\r\n").into_bytes();
    payload.extend_from_slice(body);
    payload
}

pub(super) fn counted(fields: &str, body: &[u8]) -> Vec<u8> {
    response(&format!("Content-Length: {}\r\n{fields}", body.len()), body)
}

fn check(payload: &[u8], expected: &[u8], state: State) {
    let shown = String::from_utf8_lossy(payload);
    let body = body(payload, MAX_DECODED_BYTES).unwrap();
    assert_eq!(body.state, state, "{shown}");
    assert_eq!(*body.bytes, *expected, "{shown}");
    if state == State::AsSent {
        assert!(matches!(body.bytes, Cow::Borrowed(_)), "{shown}");
    } else {
        assert!(needs_decoding(payload), "{shown}");
    }
}

#[test]
fn what_is_not_coded_is_as_sent() {
    for (payload, expected) in [
        ("GET / HTTP/1.1\r\n\r\n", ""),
        ("POST / HTTP/1.1\r\n\r\nabc", "abc"),
        (
            "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET / HTTP/1.1\r\n\r\n",
            "ab",
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Encoding: gzip\r\n\r\nGET",
            "",
        ),
        ("HTTP/1.0 200 OK\n\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "abc"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nabc",
            "abc",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nabc",
            "ab",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 1\r\n\r\nabc",
            "abc",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nabc", "abc"),
        (
            "HTTP/1.1 200 OK\r\nContent-Encoding: identity,\r\nContent-Length: 1\r\n\r\nabc",
            "a",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nabc",
            "a",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n",
            "",
        ),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ""),
        (
            "HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n",
            "",
        ),
        (
            "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200",
            "",
        ),
    ] {
        check(payload.as_bytes(), expected.as_bytes(), State::AsSent);
        assert!(!needs_decoding(payload.as_bytes()), "{payload}");
    }
}

#[test]
fn without_a_whole_head_there_is_no_body() {
    for payload in [
        "",
        "abc",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
        "HTTP/2 200\r\n\r\n",
    ] {
        assert_eq!(body(payload.as_bytes(), MAX_DECODED_BYTES), None);
        assert!(!needs_decoding(payload.as_bytes()), "{payload}");
    }
}

#[test]
fn undoes_each_coding() {
    let long = TEXT.repeat(5000);
    for text in ["", "a", TEXT, &long] {
        for (name, encode) in CODINGS {
            let (text, coded) = (text.as_bytes(), encode(text.as_bytes()));
            let content = format!("content-encoding: {name}\r\n");
            check(&response(&content, &coded), text, State::Decoded);
            check(&counted(&content, &coded), text, State::Decoded);
            let mut pipelined = counted(&content, &coded);
            pipelined.extend_from_slice(b"HTTP/1.1 404 Not Found\r\n\r\n");
            check(&pipelined, text, State::Decoded);
            let chunked = format!("{content}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n");
            let mut message = response(&chunked, &chunks(&coded, 700));
            message.extend_from_slice(b"HTTP/1.1 404 Not Found\r\n\r\n");
            check(&message, text, State::Decoded);
            let transfer = format!("Transfer-Encoding: {name}, chunked\r\n");
            check(
                &response(&transfer, &chunks(&coded, 700)),
                text,
                State::Decoded,
            );
        }
    }
}

#[test]
fn undoes_all_members_and_frames() {
    let twice = |encode: Encode| [encode(b"ab"), encode(b""), encode(b"cd")].concat();
    check(
        &response("Content-Encoding: gzip\r\n", &twice(gzip)),
        b"abcd",
        State::Decoded,
    );
    let skipped = b"\x53\x2a\x4d\x18\x02\0\0\0xx";
    let frames = [&skipped[..], &twice(zstd)].concat();
    check(
        &response("Content-Encoding: zstd\r\n", &frames),
        b"abcd",
        State::Decoded,
    );
}

#[test]
fn undoes_chains_from_the_right() {
    let coded = brotli(&gzip(&zstd(&zlib(TEXT.as_bytes(), 9))));
    for fields in [
        "Content-Encoding: deflate, zstd, identity, gzip, br\r\n",
        "Content-Encoding: deflate\r\nA: b\r\nContent-Encoding: zstd,gzip\r\nTransfer-Encoding: br\r\n",
    ] {
        check(&response(fields, &coded), TEXT.as_bytes(), State::Decoded);
    }
    check(
        &response(
            "Content-Encoding: gzip, deflate, zstd, gzip, br\r\n",
            &brotli(&gzip(&zstd(&zlib(&gzip(b"a"), 6)))),
        ),
        &gzip(b"a"),
        State::Partial(Defect::UnknownCoding),
    );
}

#[test]
fn what_ecapture_wrote_anew_is_as_sent() {
    let text = TEXT.as_bytes();
    for fields in [
        "Transfer-Encoding: chunked\r\n",
        "Content-Encoding: gzip\r\n",
        // The length of what gzip made.
        "Content-Encoding: gzip\r\nContent-Length: 3\r\n",
        "Content-Encoding: gzip\r\nContent-Length: 300\r\n",
        "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "Content-Encoding: zstd\r\n",
        "Content-Encoding: br\r\n",
        "Content-Encoding: deflate\r\n",
        "Content-Encoding: gzip, br\r\nTransfer-Encoding: chunked\r\n",
    ] {
        check(&response(fields, text), text, State::AsSent);
        assert!(needs_decoding(&response(fields, text)));
    }
    let chunked = "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n";
    check(&response(chunked, b"42"), b"42", State::AsSent);
    // Of the two codings only one was removed.
    check(&response(chunked, &gzip(text)), text, State::Decoded);
    check(&response(chunked, &chunks(text, 7)), text, State::Decoded);
    for (name, encode) in CODINGS {
        let fields = format!("Content-Encoding: {name}\r\nTransfer-Encoding: chunked\r\n");
        check(&response(&fields, &encode(text)), text, State::Decoded);
    }
}

#[test]
fn text_is_no_brotli_or_deflate() {
    for text in [
        "hello",
        "[]",
        "1",
        "<html></html>",
        "name=value&other=thing&more=x",
    ] {
        for name in ["br", "deflate", "deflate, br", "br, deflate, gzip"] {
            let fields = format!("Content-Encoding: {name}\r\n");
            check(
                &counted(&fields, text.as_bytes()),
                text.as_bytes(),
                State::AsSent,
            );
            if text.len() >= 16 {
                check(
                    &response(&fields, text.as_bytes()),
                    text.as_bytes(),
                    State::AsSent,
                );
            }
        }
    }
}

#[test]
fn a_body_cut_off_gives_its_beginning() {
    let mut source = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        source = source.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (source >> 24) as u8 % 26
    })
    .take(3000)
    .collect();
    for (name, encode) in CODINGS {
        let coded = encode(&noise);
        let content = format!("Content-Encoding: {name}\r\n");
        let chunked = format!("{content}Transfer-Encoding: chunked\r\n");
        let whole = counted(&content, &coded);
        let in_chunks = response(&chunked, &chunks(&coded, 100));
        for payload in [whole, in_chunks] {
            let mut longest = 0;
            for end in 0..payload.len() {
                let Some(body) = body(&payload[..end], MAX_DECODED_BYTES) else {
                    continue;
                };
                if body.state == State::AsSent {
                    // Not even the line before the first chunk is whole.
                    assert!(b"64;n=\"v\"\r".starts_with(&body.bytes), "{name}, {end}");
                    continue;
                }
                let cut_off = State::Partial(Defect::CutOff);
                assert_eq!(body.state, cut_off, "{name}, {end}");
                assert!(noise.starts_with(&body.bytes), "{name}, {end}");
                assert!(body.bytes.len() >= longest, "{name}, {end}");
                longest = body.bytes.len();
            }
            // A block of zstd is decoded whole or not at all.
            let enough = if name == "zstd" { 0 } else { 2700 };
            assert!(longest >= enough, "{name}: {longest}");
        }
    }
}

#[test]
fn damage_leaves_what_was_before_it() {
    let text = TEXT.repeat(3000).into_bytes();
    for (name, encode) in CODINGS {
        let fields = format!("Content-Encoding: {name}\r\n");
        let coded = encode(&text);
        let followed = [&coded, &b"\0more"[..]].concat();
        check(
            &response(&fields, &followed),
            &text,
            State::Partial(Defect::Damaged),
        );
        if name == "Deflate" || name == "br" {
            continue; // They have no checksum.
        }
        let mut changed = coded.clone();
        let last = changed.len() - 2;
        changed[last] ^= 0x10;
        let payload = response(&fields, &changed);
        let body = body(&payload, MAX_DECODED_BYTES).unwrap();
        assert_eq!(body.state, State::Partial(Defect::Damaged), "{name}");
        assert!(text.starts_with(&body.bytes), "{name}");
    }
    check(
        &response("Transfer-Encoding: chunked\r\n", b"2\r\nab\r\nzz\r\n"),
        b"ab",
        State::Partial(Defect::Damaged),
    );
    // The first of two defects is why the second is there.
    let broken = [&b"5\r\n"[..], &gzip(b"abc")[..5], b"\r\n?"].concat();
    check(
        &response(
            "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            &broken,
        ),
        b"",
        State::Partial(Defect::Damaged),
    );
}

#[test]
fn what_is_not_known_stays() {
    let partial = State::Partial(Defect::UnknownCoding);
    check(
        &counted("Content-Encoding: compress\r\n", b"\x1f\x9dx"),
        b"\x1f\x9dx",
        partial,
    );
    check(
        &response(
            "Content-Encoding: aws-chunked\r\nTransfer-Encoding: chunked\r\n",
            &chunks(b"abc", 2),
        ),
        b"abc",
        partial,
    );
    check(
        &response("Content-Encoding: gzip, utf-8\r\n", &gzip(b"abc")),
        &gzip(b"abc"),
        partial,
    );
    check(
        &response("Content-Length: 9\r\nContent-Encoding: gzip\r\n", b""),
        b"",
        State::Partial(Defect::CutOff),
    );
}

#[test]
fn a_bomb_is_stopped() {
    const LIMIT: usize = 1 << 20;
    let zeros = vec![0; 100 << 20];
    let coded = [
        ("gzip", gzip(&zeros)),
        ("br", brotli(&zeros[..16 << 20])),
        ("zstd", zstd(&zeros)),
    ];
    let nested = ("gzip, gzip", gzip(&coded[0].1));
    for (name, coded) in coded.iter().chain([&nested]) {
        let payload = response(&format!("Content-Encoding: {name}\r\n"), coded);
        let begun = Instant::now();
        let body = body(&payload, LIMIT).unwrap();
        assert_eq!(body.state, State::Partial(Defect::TooLarge), "{name}");
        assert_eq!(body.bytes.len(), LIMIT, "{name}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{name}");
    }
}

#[test]
fn the_limit_is_of_every_stage() {
    let noise: Vec<u8> = (0..200_u8).collect();
    let inner = gzip(&noise);
    let payload = response("Content-Encoding: gzip, br\r\n", &brotli(&inner));
    for (limit, is_whole) in [(inner.len(), true), (inner.len() - 1, false), (0, false)] {
        let body = body(&payload, limit).unwrap();
        assert_eq!(body.state == State::Decoded, is_whole, "{limit}");
        if !is_whole {
            assert_eq!(body.state, State::Partial(Defect::TooLarge));
            assert!(body.bytes.len() <= limit && noise.starts_with(&body.bytes));
        }
    }
    for (name, encode) in CODINGS {
        let payload = response(&format!("Content-Encoding: {name}\r\n"), &encode(&noise));
        assert_eq!(body(&payload, 200).unwrap().state, State::Decoded, "{name}");
        let short = body(&payload, 199).unwrap();
        assert_eq!(short.state, State::Partial(Defect::TooLarge), "{name}");
        assert_eq!(*short.bytes, noise[..199], "{name}");
    }
}

#[test]
fn defects_have_codes_and_names() {
    let codes: Vec<u8> = Defect::ALL.iter().map(|defect| defect.code()).collect();
    assert_eq!(codes, [1, 2, 3, 4]);
    let mut names: Vec<_> = Defect::ALL.iter().map(|defect| defect.name()).collect();
    names.dedup();
    assert_eq!(names.len(), 4);
}

#[test]
fn members_have_a_limit() {
    let fields = "Content-Encoding: gzip\r\n";
    let begun = Instant::now();
    let payload = response(fields, &gzip(b"").repeat(800_000));
    check(&payload, b"", State::Partial(Defect::TooLarge));
    assert!(begun.elapsed() < Duration::from_secs(10));
    let payload = response(fields, &gzip(b"a").repeat(1000));
    check(&payload, &[b'a'; 1000], State::Decoded);
}

proptest! {
    #[test]
    fn any_body_comes_back(
        data in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..3000),
            proptest::collection::vec(b'a'..b'e', 0..30_000),
        ],
        chain in proptest::collection::vec(0..CODINGS.len(), 1..=3),
        chunk in proptest::option::of(1_usize..2000),
    ) {
        let names: Vec<_> = chain.iter().map(|coding| CODINGS[*coding].0).collect();
        let coded = chain.iter().fold(data.clone(), |bytes, coding| (CODINGS[*coding].1)(&bytes));
        let fields = format!("Content-Encoding: {}\r\n", names.join(", "));
        let payload = match chunk {
            Some(size) => response(&format!("{fields}Transfer-Encoding: chunked\r\n"), &chunks(&coded, size)),
            None => counted(&fields, &coded),
        };
        let body = body(&payload, MAX_DECODED_BYTES).unwrap();
        prop_assert_eq!(body.state, State::Decoded);
        prop_assert_eq!(&*body.bytes, &*data);
    }

    #[test]
    fn any_bytes_are_within_the_limit(
        data in proptest::collection::vec(any::<u8>(), 0..300),
        coding in 0..CODINGS.len(),
        limit in 0_usize..100,
        is_chunked in any::<bool>(),
        flip in proptest::option::of((any::<prop::sample::Index>(), 1_u8..)),
    ) {
        let (name, encode) = CODINGS[coding];
        let mut coded = encode(&data);
        if let Some((at, bits)) = flip {
            let at = at.index(coded.len());
            coded[at] ^= bits;
        }
        let mut fields = format!("Content-Encoding: {name}\r\n");
        if is_chunked {
            fields.push_str("Transfer-Encoding: chunked\r\n");
            coded = chunks(&coded, 50);
        }
        let payload = response(&fields, &coded);
        let body = body(&payload, limit).unwrap();
        if let Cow::Owned(decoded) = &body.bytes {
            prop_assert!(decoded.len() <= limit);
        } else {
            prop_assert_eq!(body.state, State::AsSent);
        }
    }
}
