use std::io::Read as _;
use std::sync::LazyLock;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::export::curl::Curl;
use crate::export::exchange_jsonl::Jsonl;
use crate::export::exchanges::ExchangeWriter;
use crate::export::har::Har;
use crate::export::redact::Redacting;
use crate::export::samples::{self, Memory};
use crate::http::exchange::Field;

const KEY: [u8; 32] = [1; 32];

fn redactor() -> &'static Redactor {
    static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| {
        let own = ["header:X-Own", "field:iban", "regex:sk-[a-z0-9]+"];
        let own = own.map(|rule| Rule::parse(rule).unwrap());
        Redactor::new(&KEY, own.into())
    });
    &REDACTOR
}

fn hash(secret: &str) -> String {
    Key::new(&KEY).replacement(secret.as_bytes())
}

fn redacted_fields(fields: &[(&[u8], &[u8])]) -> Vec<String> {
    let mut exchange = samples::exchange();
    exchange
        .request
        .as_mut()
        .unwrap()
        .head
        .as_mut()
        .unwrap()
        .fields = samples::fields(fields);
    let redactor = redactor();
    let bodies = Memory::default();
    let redacted = redactor.redact(&exchange, &bodies);
    redacted
        .exchange()
        .head(Side::Request)
        .unwrap()
        .fields
        .iter()
        .map(|field| String::from_utf8(field.value.clone().unwrap().into()).unwrap())
        .collect()
}

fn redacted_body(content_type: &str, body: &[u8], step: usize) -> Vec<u8> {
    let mut exchange = samples::exchange();
    let response = exchange.response.as_mut().unwrap();
    response.head.as_mut().unwrap().fields =
        samples::fields(&[(b"content-type", content_type.as_bytes())]);
    let bodies = Memory::default()
        .with(response, b"coded", body)
        .in_steps(step);
    let redactor = redactor();
    let redacted = redactor.redact(&exchange, &bodies);
    let message = redacted.exchange().response.as_ref().unwrap();
    let mut read = Vec::new();
    redacted
        .open(message, BodyForm::AsSent)
        .unwrap()
        .read_to_end(&mut read)
        .unwrap();
    read
}

#[test]
fn interim_heads() {
    let mut exchange = samples::exchange();
    exchange.response.as_mut().unwrap().interim = vec![crate::http::exchange::MessageHead {
        fields: samples::fields(&[(b"x-api-key", b"s3cr3t")]),
        ..exchange.head(Side::Response).unwrap().clone()
    }];
    let (redactor, bodies) = (redactor(), Memory::default());
    let redacted = redactor.redact(&exchange, &bodies);
    let interim = &redacted.exchange().response.as_ref().unwrap().interim;
    let value = interim[0].fields[0].value.as_deref();
    assert_eq!(value, Some(hash("s3cr3t").as_bytes()));
}

#[test]
fn fields() {
    for (name, value, expected) in [
        (
            "Authorization",
            "Bearer s3cr3t",
            format!("Bearer {}", hash("s3cr3t")),
        ),
        ("Authorization", "s3cr3t", hash("s3cr3t")),
        ("Authorization", "s3cr3t s3cr3t", hash("s3cr3t s3cr3t")),
        (
            "Cookie",
            "a=1; b=s3=cr3t; flag;c=",
            format!(
                "a={}; b={}; {};c=",
                hash("1"),
                hash("s3=cr3t"),
                hash("flag")
            ),
        ),
        (
            "Set-Cookie",
            "sid=1; Path=/; HttpOnly",
            format!("sid={}; Path=/; HttpOnly", hash("1")),
        ),
        ("X-Api-Key", "s3cr3t", hash("s3cr3t")),
        ("X-Own", "s3cr3t", hash("s3cr3t")),
        (
            "Referer",
            "https://h/?q=1&token=s3cr3t",
            format!("https://h/?q=1&token={}", hash("s3cr3t")),
        ),
        (
            "X-Data",
            "{\"password\":\"s3cr3t\"}",
            format!("{{\"password\":\"{}\"}}", hash("s3cr3t")),
        ),
        ("Accept", "text/html", "text/html".to_owned()),
    ] {
        assert_eq!(
            redacted_fields(&[(name.as_bytes(), value.as_bytes())]),
            [expected],
            "{name}"
        );
    }
    assert!(redacted_fields(&[(b"Content-Encoding", b"gzip")]).is_empty());
}

#[test]
fn a_value_without_a_name_and_the_target() {
    let mut exchange = samples::exchange();
    let head = exchange.request.as_mut().unwrap().head.as_mut().unwrap();
    head.target = Some(Bytes::from_static(b"/a?q=1&api_key=s3cr3t"));
    head.fields.push(Field {
        name: None,
        value: Some(Bytes::from_static(b"s3cr3t")),
    });
    let redactor = redactor();
    let bodies = Memory::default();
    let redacted = redactor.redact(&exchange, &bodies);
    let url = redacted.exchange().url().unwrap();
    assert_eq!(
        url,
        format!("https://example.com/a?q=1&api_key={}", hash("s3cr3t"))
    );
    let head = redacted.exchange().head(Side::Request).unwrap();
    assert_eq!(
        head.fields.last().unwrap().value.as_deref(),
        Some(hash("s3cr3t").as_bytes())
    );
}

#[test]
fn bodies() {
    for (content_type, body, expected) in [
        (
            "application/x-www-form-urlencoded",
            "a=1&password=s3%20c",
            format!("a=1&password={}", hash("s3 c")),
        ),
        (
            "application/json",
            r#"{"iban":"s3 c","key":"sk-1"}"#,
            format!(r#"{{"iban":"{}","key":"{}"}}"#, hash("s3 c"), hash("sk-1")),
        ),
        (
            "text/event-stream",
            "data: {\"token\":\"s3 c\"}\n\n",
            format!("data: {{\"token\":\"{}\"}}\n\n", hash("s3 c")),
        ),
        ("multipart/form-data; boundary=x", "--x", hash("--x")),
        ("application/octet-stream", "\0", hash("\0")),
        ("image/png", "\0", "\0".to_owned()),
        ("application/json", "", String::new()),
    ] {
        let found = redacted_body(content_type, body.as_bytes(), usize::MAX);
        assert_eq!(
            String::from_utf8(found).unwrap(),
            expected,
            "{content_type}"
        );
    }
}

#[test]
fn a_message_of_another_exchange_is_refused() {
    let exchange = samples::exchange();
    let bodies = Memory::default();
    let redactor = redactor();
    let redacted = redactor.redact(&exchange, &bodies);
    let other = exchange.request.as_ref().unwrap();
    assert!(redacted.open(other, BodyForm::Decoded).is_err());
}

#[test]
fn every_format_is_redacted() {
    let exchange = samples::exchange();
    let response = exchange.response.as_ref().unwrap();
    let request = exchange.request.as_ref().unwrap();
    let bodies = Memory::default().with(request, b"pin=s3", b"pin=s3").with(
        response,
        b"x",
        b"{\"token\":\"s3\"}",
    );
    let writers: [Box<dyn ExchangeWriter>; 3] =
        [Box::new(Jsonl), Box::new(Har::new()), Box::new(Curl)];
    for (writer, count) in writers.into_iter().zip([3, 4, 2]) {
        let mut out = Vec::new();
        let mut writer = Redacting::new(writer, redactor().clone());
        writer.write(&mut out, None, &exchange, &bodies).unwrap();
        writer.finish(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            !text.contains("s3") && !text.contains("Content-Encoding"),
            "{text}"
        );
        assert!(text.matches(&hash("s3")).count() >= count, "{text}");
    }
}

#[test]
fn keys_of_passphrases() {
    let key = Redactor::passphrase_key(b"a");
    assert_eq!(key, Redactor::passphrase_key(b"a"));
    assert_ne!(key, Redactor::passphrase_key(b"b"));
}

/// What stands for a secret in the tests: nothing else has such letters.
fn secret() -> impl Strategy<Value = String> {
    "[A-Z]{12,16}[ \"\\\\/=&;,%+é]{0,2}[A-Z]{12}"
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "password",
        "access_token",
        "iban",
        "user[pin]",
        "X-Api-Key",
    ])
}

fn json(depth: u32) -> BoxedStrategy<serde_json::Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(serde_json::Value::from),
        "[a-z\"\\\\\n{}:, ]{0,9}".prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    leaf.prop_recursive(depth, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            proptest::collection::btree_map("[x-z\"\\\\]{1,4}", inner, 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}

/// No piece of `secret` of 12 letters is in `text`.
fn is_gone(secret: &str, text: &[u8]) -> bool {
    let is_in = |piece: &[u8]| text.windows(piece.len()).any(|window| window == piece);
    let letters: Vec<_> = secret
        .split(|each: char| !each.is_ascii_uppercase())
        .collect();
    letters
        .iter()
        .filter(|piece| piece.len() >= 12)
        .all(|piece| !is_in(piece.as_bytes()))
}

proptest! {
    #[test]
    fn secrets_in_json_are_gone(
        before in json(3),
        after in json(3),
        name in name(),
        secret in secret(),
        is_nested in any::<bool>(),
        step in 1_usize..40,
        is_pretty in any::<bool>(),
    ) {
        let value = if is_nested { serde_json::json!({"a": [secret]}) } else { serde_json::json!(secret) };
        let whole = serde_json::json!([before, {"x": before, name: value, "y": after}, after]);
        let text = if is_pretty { serde_json::to_vec_pretty(&whole) } else { serde_json::to_vec(&whole) }.unwrap();
        let found = redacted_body("application/json", &text, step);
        prop_assert!(is_gone(&secret, &found));
        prop_assert_eq!(&found, &redacted_body("application/json", &text, usize::MAX));
        let read: serde_json::Value = serde_json::from_slice(&found).unwrap();
        prop_assert_eq!(&read[0], &before);
        prop_assert_eq!(&read[1]["y"], &after);
        prop_assert_eq!(&read[2], &after);
        let replaced = read[1][name].as_str().unwrap();
        prop_assert!(mark::is_replacement(replaced.as_bytes()));
        if !is_nested {
            prop_assert_eq!(replaced, hash(&secret));
        }
    }

    #[test]
    fn secrets_in_forms_and_queries_are_gone(
        // Of these letters, there is no name of a secret.
        others in proptest::collection::vec("[g-k0-9+]{0,8}=[a-z0-9%+]{0,8}", 0..5),
        name in name(),
        secret in secret(),
        step in 1_usize..40,
    ) {
        let coded: String = secret
            .bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect();
        let mut parts = others.clone();
        parts.insert(others.len() / 2, format!("{name}={coded}"));
        let form = parts.join("&");
        let found = redacted_body("application/x-www-form-urlencoded", form.as_bytes(), step);
        prop_assert_eq!(String::from_utf8(found).unwrap(), form.replace(&coded, &hash(&secret)));
        let referer = format!("https://h.test/?q=1&{form}");
        let found = redacted_fields(&[(b"Referer", referer.as_bytes())]);
        prop_assert!(is_gone(&secret, found[0].as_bytes()), "{:?}", found);
    }

    #[test]
    fn secrets_in_fields_are_gone(
        secret in secret(),
        sort in 0_usize..6,
        blanks in "[ \t]{0,2}",
    ) {
        let (name, value) = match sort {
            0 => ("authorization", format!("Basic {blanks}{secret}")),
            1 => ("cookie", format!("a=b;{blanks}c={}", secret.replace(';', ""))),
            2 => ("set-cookie", format!("c={};{blanks}Path=/", secret.replace(';', ""))),
            3 => ("x-own", secret.clone()),
            4 => ("x-auth-token", secret.clone()),
            _ => ("proxy-authorization", secret.clone()),
        };
        let found = redacted_fields(&[(name.as_bytes(), value.as_bytes())]);
        prop_assert!(is_gone(&secret, found[0].as_bytes()), "{:?}", found);
    }

    #[test]
    fn how_a_body_is_read_changes_nothing(
        body in prop_oneof![
            any::<Vec<u8>>(),
            any::<String>().prop_map(String::into_bytes),
            proptest::collection::vec(
                prop::sample::select(vec![
                    "\"password\":", "\"a\":", "\"", "x", "\\", "\\u00", "{", "}", "[", "]", ",", "\n", "12", "null",
                    "&", "=", "?token", "Bearer abcdefgh", "eyJabcdefg.abc", "sk-1", "%4", "é",
                    "password '", "identified by ", "'", "curl -u a:", "--token ", "-H 'Authorization: ", "\\u0026", " ",
                ]),
                0..60,
            )
            .prop_map(|words| words.concat().into_bytes()),
        ],
        content_type in prop::sample::select(vec![
            "application/json", "text/plain", "application/x-www-form-urlencoded", "", "image/png",
        ]),
        step in 1_usize..20,
    ) {
        let whole = redacted_body(content_type, &body, usize::MAX);
        prop_assert_eq!(redacted_body(content_type, &body, step), whole);
    }
}
