#![expect(clippy::string_slice, reason = "a test may panic, and is to see it")]

use proptest::prelude::*;

use super::*;
use crate::redact::events::own::Patterns;
use crate::redact::{Redactor, Rule};

/// What Go's `%q` makes of a text.
fn quoted(text: &str) -> String {
    let escape = |letter: char| match letter {
        '"' | '\\' => format!("\\{letter}"),
        '\n' => "\\n".to_owned(),
        '\u{a0}' => "\\u00a0".to_owned(),
        letter if letter.is_ascii_control() => format!("\\x{:02x}", u32::from(letter)),
        letter => letter.to_string(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

fn block(kind: &str, stream: u32, length: usize) -> String {
    format!("\nFrame Type\t=>\t{kind}\nFrame StreamID\t=>\t{stream}\nFrame Length\t=>\t{length}\n")
}

fn line(name: &str, value: &str) -> String {
    format!("header field {} = {}\n", quoted(name), quoted(value))
}

fn head(stream: u32, fields: &[(&str, &str)]) -> String {
    let lines: String = fields
        .iter()
        .map(|(name, value)| line(name, value))
        .collect();
    block("HEADERS", stream, 25) + &lines
}

fn data(stream: u32, body: &str) -> String {
    format!("{}{body}\n", block("DATA", stream, body.len()))
}

fn merged(stream: u32, body: &str) -> String {
    format!(
        "\nMerged Data Frame, StreamID\t=>\t{stream}\nMerged Data Frame, Final Length\t=>\t{}\n\n{body}\n",
        body.len()
    )
}

fn rules() -> Vec<Rule> {
    let own = ["header:x-own", "regex:Q-[A-Z]+-\"x"];
    own.map(|rule| Rule::parse(rule).unwrap()).into()
}

fn redact(text: &[u8]) -> (Vec<u8>, u64) {
    let redactor = Redactor::new(&[1; 32], rules());
    let patterns = Patterns::new(&redactor.rules.patterns);
    let mut covers = Covers::default();
    let kept = listing(&Tools::new(&redactor, &patterns), text, &mut covers);
    let hidden = covers.hidden_bytes();
    let mut shown = text.to_vec();
    covers.put(&mut shown);
    shown.truncate(kept);
    (shown, hidden)
}

fn shown(text: &str) -> String {
    let (shown, _) = redact(text.as_bytes());
    String::from_utf8(shown).unwrap()
}

fn mask(secret: &str, bytes: usize) -> String {
    let mut mark = Redactor::new(&[1; 32], Vec::new()).key.mark();
    mark.update(secret.as_bytes());
    String::from_utf8(mark.of_length(bytes)).unwrap()
}

/// The secret stands in guillemets; of what is written of it, nothing is left, and all else as it was.
#[test]
fn what_quotes_stand_for_is_looked_at() {
    for (name, value) in [
        ("x-j", r#"{"password":"«SECRETone»"}"#),
        (
            "x-j",
            r#"{"a\\":"b\"c","password" : "«SEC\"RET\\one»","z":1}"#,
        ),
        ("x-j", r#"[{"a":{"token":"«S»"}}]"#),
        (":path", r#"/a?x="q"&token=«SECRETone»&b="c""#),
        (":path", r"/a?x=\z&token=«SEC\RET»"),
        ("location", r#"https://u:«SECRET\x»@h.test/?x="y""#),
        (
            "referer",
            r#"https://h.test/?q="a=1"&token="«SECRET one»"&x"#,
        ),
        (
            "authorization",
            r#"Digest «username="a", response="SECRET"»"#,
        ),
        ("authorization", r#"«"SECRET"»"#),
        ("cookie", r#"a=«"SEC\RET"»; b=«SECRET"»"#),
        ("set-cookie", r#"a=«"SECRET"»; Path="/""#),
        ("x-api-key", r#"«"SECRET"\»"#),
        ("x-own", "«SEC\nRET\u{a0}\u{1}»"),
        ("x-form", r#"user="a"&password=«SECRET\one»"#),
        ("x-a", r#"a Q-B-y «Q-SECRET-"x» z"#),
    ] {
        let plain = value.replace(['«', '»'], "");
        let parts: Vec<_> = value.split(['«', '»']).collect();
        let text = head(1, &[("a", "b"), (name, &plain), ("c", "\"d\"")]);
        let found = shown(&text);
        assert_eq!(found.len(), text.len(), "{value}");
        let mut rest = &found[..];
        for (at, part) in parts.iter().enumerate() {
            let part = quoted(part);
            let part = part.get(1..part.len() - 1).unwrap();
            let is_secret = at % 2 == 1;
            if at == 0 {
                let start = format!(
                    "{}{}header field {} = \"",
                    block("HEADERS", 1, 25),
                    line("a", "b"),
                    quoted(name)
                );
                rest = rest.strip_prefix(&start[..]).expect(value);
            }
            let (this, after) = rest.split_at(part.len());
            if is_secret {
                assert!(
                    this.bytes()
                        .all(|byte| !byte.is_ascii_uppercase() && byte != b'"'),
                    "{value}: {this}"
                );
            } else {
                assert_eq!(this, part, "{value}");
            }
            rest = after;
        }
        assert_eq!(rest, format!("\"\n{}", line("c", "\"d\"")), "{value}");
    }
}

#[test]
fn what_is_covered_is_quoted_again() {
    let expected =
        |value: String| block("HEADERS", 1, 25) + &format!("header field \"x\" = \"{value}\"\n");
    for (value, covered) in [
        (
            r#"{"pin":1234567}"#,
            format!(
                r#"{{\"pin\":\"{}\"}}"#,
                mask("1234567", 5).get(..3).unwrap()
            ),
        ),
        (r#"{"pin":12}"#, r#"{\"pin\":0 }"#.to_owned()),
        (
            r#"{"pin":["a"]}"#,
            format!(r#"{{\"pin\":\"{}\"}}"#, mask(r#"["a"]"#, 3)),
        ),
    ] {
        assert_eq!(
            shown(&head(1, &[("x", value)])),
            expected(covered),
            "{value}"
        );
    }
    let text = head(1, &[("x", r#"{"a":true}"#), ("token", "")]);
    assert_eq!(shown(&text), text);
    let marked = text.replace("true}\\\"\n", "true}\\\" (sensitive)\n");
    assert_eq!(shown(&marked), marked);
}

#[test]
fn text_of_bodies_is_looked_into() {
    let json = [("content-type", "application/json")];
    let form = [
        (":method", "POST"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let status = (":status", "200");
    let text = [
        head(1, &[status, json[0]]),
        head(3, &form),
        head(5, &[status, json[0], ("content-encoding", "gzip")]),
        data(1, r#"{"user":"a","tok"#),
        data(3, "a=1&password=SEC\"RET&b=\""),
        data(1, r#"en":"SECRETone"#),
        block("DATA", 5, 400) + "Partial entity body with gzip encoding ... \n",
        data(3, "&c=2"),
        data(1, r#"SECRETtwo","kept":1}"#),
        head(1, &[("grpc-status", "0")]),
        merged(5, r#"{"access_token":"SECRETgz","kept":2}"#),
    ]
    .concat();
    let found = shown(&text);
    assert_eq!(found.len(), text.len());
    let secrets = ["SECRETone", "SECRETtwo", "SEC\"RET", "SECRETgz"];
    let mut expected = text.clone();
    for secret in secrets {
        assert!(!found.contains(secret), "{found}");
        let at = expected.find(secret).unwrap();
        expected.replace_range(at..at + secret.len(), &found[at..at + secret.len()]);
    }
    assert_eq!(found, expected);
    assert!(found.contains(&mask("SECRETgz", 8)));
}

#[test]
fn bodies_that_cannot_be_looked_into_are_covered() {
    let ok = (":status", "200");
    for (fields, body) in [
        (&[ok, ("content-encoding", "br")][..], "SECRET"),
        (
            &[ok, ("content-type", "multipart/form-data; boundary=a")],
            "--a SECRET",
        ),
        (&[ok, ("content-type", "application/grpc")], "SECRET"),
        (&[ok], "SECRET\u{1}"),
        (&[(":method", "CONNECT")], "SECRET"),
        // It goes on from another listing.
        (&[], "SECRET\n"),
    ] {
        let (before, after) = (head(1, fields), data(3, "") + &head(5, &[ok]));
        let before = if fields.is_empty() {
            String::new()
        } else {
            before
        };
        let text = [&before[..], &data(1, body), &after].concat();
        let (found, hidden) = redact(text.as_bytes());
        let expected = [&before[..], &data(1, &"*".repeat(body.len())), &after].concat();
        assert_eq!(String::from_utf8(found).unwrap(), expected);
        assert_eq!(hidden, body.len() as u64);
    }
    // As many streams as are known.
    let most = u32::try_from(STREAMS).unwrap();
    let streams = (1..=most + 1).map(|stream| head(stream, &[ok]));
    let data = |stream| data(stream, "text");
    let text = streams.collect::<String>() + &data(most) + &data(most + 1);
    assert!(shown(&text).ends_with("text\n".replace("text", "****").as_str()));
    assert!(shown(&text).contains("\ntext\n"));
}

#[test]
fn what_is_no_listing_is_left_out() {
    let ok = head(1, &[(":status", "200")]);
    let keeps = |rest: &str, kept: &str| {
        let text = format!("{ok}{rest}");
        assert_eq!(shown(&text), format!("{ok}{kept}"), "{rest}");
    };
    let incorrect = "Incorrect HPACK context, Please use PCAP mode\n";
    keeps(&format!("{incorrect}{}", line("a", "b")), incorrect);
    keeps("header field \"x-j\" = \"{\\\"password\\\":\\\"SEC", "");
    keeps("header field \"x-j\" = \"\\q\"\nx\n", "");
    keeps(&format!("\n{}", line("a", "b")), "\n");
    let frame = block("DATA", 1, 4);
    keeps(&format!("{frame}SECRET and more\n"), &frame);
    keeps("\nFrame Type\t=>\tdata SECRET\n", "\n");
    let unsaid = "\nFrame Type\t=>\tDATA\nFrame StreamID\t=>\t";
    keeps(&format!("{unsaid}a\n"), "\nFrame Type\t=>\tDATA\n");
    let none = format!("{unsaid}0\nFrame Length\t=>\t5\n");
    keeps(&format!("{none}abcde\n"), &none);
    // Data that is cut off is data.
    keeps(&format!("{frame}ab"), &format!("{frame}ab"));
    let coded = head(3, &[(":status", "200"), ("content-encoding", "gzip")]) + &block("DATA", 3, 6);
    keeps(&format!("{coded}SECRET\n"), &coded);
    let long = format!("x{}\n", "x".repeat(LINE_BYTES));
    keeps(&long, "");
    keeps(&long[1..], &long[1..]);
}

proptest! {
    /// However a value is made: it is as long, and it is a field of the same name again.
    #[test]
    fn fields_stay_fields(
        parts in proptest::collection::vec(
            prop::sample::select(vec![
                "\"password\":", "\"", "\\", "{", "}", "[", "\n", "12", "null", "&", "=", "?token=", "Bearer ", "eyJabcdefg",
                ".abc", "Q-A-\"x", "é", "\u{a0}", "://u:", "@", "a=b", ";", "'", "password '", "--token ", " ", ":", "\u{1}",
            ]),
            0..20,
        ),
        name in prop::sample::select(vec!["x-j", "cookie", "set-cookie", "authorization", ":path", "x-own", "x y"]),
    ) {
        let text = head(1, &[(name, &parts.concat()), ("z", "1")]);
        let (found, hidden) = redact(text.as_bytes());
        prop_assert_eq!((found.len(), hidden), (text.len(), 0));
        let lines: Vec<_> = found.split(|byte| *byte == b'\n').collect();
        let field = ListedField::read(lines[4]).map(|field| field.name);
        prop_assert_eq!(field.as_deref(), Some(name.as_bytes()), "{}", String::from_utf8_lossy(&found));
        prop_assert_eq!(lines[5], b"header field \"z\" = \"1\"");
    }

    #[test]
    fn any_listing_is_taken(
        parts in proptest::collection::vec(
            prop_oneof![
                prop::sample::select(vec![
                    head(1, &[(":status", "200")]), head(3, &[(":method", "POST"), ("content-encoding", "gzip")]),
                    data(1, "{\"token\":\"abc"), data(3, "x"), merged(3, "token=abc"), block("DATA", 1, 300), line("cookie", "a=\"b"),
                    "\n".to_owned(), "Partial entity body with gzip encoding ... \n".to_owned(), "header field \"".to_owned(),
                ]),
                "[ -~]{0,9}",
            ],
            0..12,
        ),
    ) {
        let text = parts.concat();
        let (found, _) = redact(text.as_bytes());
        prop_assert!(found.len() <= text.len());
        // What is left is kept as it is, if it is asked again.
        prop_assert_eq!(redact(&found).0.len(), found.len());
    }
}
