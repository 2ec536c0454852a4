//! Connections with secrets everywhere, cut and damaged.

use proptest::prelude::*;

use super::*;

/// Secrets have these letters only, and nothing else has them.
const SECRET: &str = "[QXYZ]{12,30}";

/// A connection with secrets everywhere: events of both directions.
fn conversation() -> impl Strategy<Value = (Vec<(Direction, Vec<u8>)>, Vec<String>)> {
    let exchange = (
        proptest::array::uniform4(SECRET),
        any::<[bool; 4]>(),
        0_usize..3,
    );
    proptest::collection::vec(exchange, 1..6).prop_map(|exchanges| {
        let (mut client, mut server) = (Side::default(), Side::default());
        let mut events = vec![(CLIENT, preface()), (SERVER, settings())];
        let mut secrets = Vec::new();
        for (place, ([auth, key, cookie, token], [is_cut, has_trailers, is_json, has_key], more)) in
            exchanges.into_iter().enumerate()
        {
            let stream = u32::try_from(place * 2 + 1).unwrap();
            let (basic, pair) = (format!("Basic {auth}"), format!("sid={cookie}"));
            let mut fields = request(&[("authorization", &basic), ("cookie", &pair)]);
            if has_key {
                fields.push(("x-api-key", &key));
            }
            fields.push(("content-type", "application/x-www-form-urlencoded"));
            let block = block(&mut client.0, Choice::SMALL, &fields);
            let (one, other) = block.split_at(if is_cut { block.len() / 2 } else { block.len() });
            let head = if is_cut {
                [frame(1, 0, stream, one), frame(9, 4, stream, other)].concat()
            } else {
                frame(1, 4, stream, one)
            };
            let form = format!("a=1&password={token}&b=2");
            events.push((CLIENT, [head, data(stream, true, form.as_bytes())].concat()));
            let kind = if is_json {
                "application/json"
            } else {
                "image/png"
            };
            let set = format!("sid={cookie}; HttpOnly");
            let head = server.headers(
                stream,
                false,
                &[
                    (":status", "200"),
                    ("set-cookie", &set),
                    ("content-type", kind),
                ],
            );
            let body = if is_json {
                format!("{{\"a\":[1,2],\"token\":\"{token}\",\"end\":true}}").into_bytes()
            } else {
                format!("\u{1}{token}").into_bytes()
            };
            events.push((SERVER, head));
            for _ in 0..more {
                events.push((SERVER, frame(6, 0, 0, &[1; 8])));
            }
            events.push((SERVER, data(stream, !has_trailers, &body)));
            if has_trailers {
                events.push((SERVER, server.headers(stream, true, &[("etag", "x")])));
            }
            secrets.extend([auth, key, cookie, token]);
        }
        (events, secrets)
    })
}

fn joined(events: &[(Direction, Vec<u8>)], direction: Direction) -> Vec<u8> {
    let of = events.iter().filter(|(of, _)| *of == direction);
    of.flat_map(|(_, bytes)| bytes.clone()).collect()
}

/// No piece of a secret is there, plain or in Huffman's code.
fn check_gone(shown: &[u8], secrets: &[String]) {
    for secret in secrets {
        let values = ["", "Basic ", "sid="].map(|before| format!("{before}{secret}"));
        let coded = values.map(|value| {
            let mut block = Vec::new();
            Encoder::default().field(b"x", value.as_bytes(), Choice::SMALL, &mut block);
            block[4..].to_vec()
        });
        let pieces = secret.as_bytes().windows(6);
        let codes = coded.iter().flat_map(|code| code.windows(6));
        for piece in pieces.chain(codes) {
            let found = memchr::memmem::find(shown, piece);
            assert_eq!(found, None, "{piece:?} of {secret} in {shown:?}");
        }
    }
}

proptest! {
    /// However it is cut into events, it is the same HTTP/2 without secrets.
    #[test]
    fn cuts_do_not_matter(
        (events, secrets) in conversation(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut redactor = redactor();
        let mut once = Vec::new();
        for (direction, payload) in &events {
            let found = whole(&mut redactor, *direction, payload);
            prop_assert_eq!(found.left_out_bytes, 0);
            once.push((*direction, found.payload.to_vec()));
        }
        let mut again = Vec::new();
        let mut redactor = self::redactor();
        for direction in [CLIENT, SERVER] {
            let all = joined(&events, direction);
            let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(all.len())).collect();
            // The preface comes in one event.
            places.retain(|place| direction == SERVER && *place >= 9 || *place >= 24);
            places.extend([0, all.len()]);
            places.sort_unstable();
            for ends in places.windows(2) {
                let found = whole(&mut redactor, direction, &all[ends[0]..ends[1]]);
                prop_assert_eq!(found.left_out_bytes, 0);
                again.push((direction, found.payload.to_vec()));
            }
        }
        for direction in [CLIENT, SERVER] {
            let (one, other) = (joined(&once, direction), joined(&again, direction));
            check_gone(&one, &secrets);
            check_gone(&other, &secrets);
            let (one, other) = (frames(&one), frames(&other));
            prop_assert_eq!(one.len(), other.len());
            for ((header, content), (again, other)) in one.iter().zip(&other) {
                prop_assert_eq!(header, again);
                // In a body that is cut, what stands in place of a secret is cut too.
                let is_data = header.kind == crate::http::h2::frame::Kind::Data;
                prop_assert!(is_data || content == other);
            }
        }
    }

    /// Whatever is lost or comes between, no secret is left.
    #[test]
    fn nothing_leaks_from_what_is_damaged(
        (events, secrets) in conversation(),
        lost in any::<prop::sample::Index>(),
        garbage in proptest::option::of((
            any::<prop::sample::Index>(),
            any::<bool>(),
            proptest::collection::vec(any::<u8>(), 1..30),
        )),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut pieces = Vec::new();
        for (direction, payload) in events {
            let cut = if payload.starts_with(PREFACE) { 0 } else { cut.index(payload.len()) };
            let (one, other) = payload.split_at(cut);
            pieces.push((direction, one.to_vec()));
            pieces.push((direction, other.to_vec()));
        }
        pieces.remove(lost.index(pieces.len()));
        if let Some((place, is_client, mut bytes)) = garbage {
            // Text could give a secret another name.
            bytes.insert(0, 0xff);
            let direction = if is_client { CLIENT } else { SERVER };
            pieces.insert(place.index(pieces.len()), (direction, bytes));
        }
        let mut redactor = redactor();
        let mut shown = Vec::new();
        for (direction, payload) in &pieces {
            shown.extend_from_slice(&whole(&mut redactor, *direction, payload).payload);
        }
        check_gone(&shown, &secrets);
    }

    #[test]
    fn anything_is_taken(
        payloads in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(prop_oneof![
                Just(preface()),
                Just(settings()),
                (0_u8..12, any::<u8>(), 0_u32..5, proptest::collection::vec(any::<u8>(), 0..20))
                    .prop_map(|(kind, flags, stream, content)| frame(kind, flags & 0x2d, stream, &content)),
                Just(Side::default().headers(1, false, &GET)),
                proptest::collection::vec(any::<u8>(), 0..9),
            ], 0..5)),
            0..8,
        ),
    ) {
        let mut redactor = redactor();
        for (is_client, parts) in payloads {
            let direction = if is_client { CLIENT } else { SERVER };
            whole(&mut redactor, direction, &parts.concat());
        }
    }
}
