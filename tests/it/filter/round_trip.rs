//! What is written reads as the same, and no text is too much.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ecq::event::{Timestamp, Zone};
use ecq::filter::{
    AddressPattern, Comparison, Expr, FIELDS, Field, FieldId, Form, Function, Literal,
    MIN_ENCODED_BYTES, Needle, Operand, Pattern, Slice, Test, Type, parse,
};
use ipnet::IpNet;
use proptest::prelude::*;
use proptest::sample::select;

use super::parsed;
use crate::support::exprs::RandomFilters;

const ORDERS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];

fn value_type(operand: &Operand) -> Type {
    match operand.function {
        Some(Function::Len) => Type::Size,
        Some(Function::Count) => Type::Int,
        _ => operand.field.kind,
    }
}

fn is_text(kind: Type) -> bool {
    matches!(kind, Type::Text | Type::Bytes)
}

fn operand() -> impl Strategy<Value = Operand> {
    let parts = (
        any::<i64>(),
        -9..9_i64,
        any::<bool>(),
        1..=u32::MAX,
        1..9_u32,
    );
    let slice = parts.prop_map(|(far, near, is_far, long, short)| Slice {
        start: if is_far { far } else { near },
        length: if is_far { long } else { short },
    });
    let functions = [
        None,
        None,
        Some(Function::Lower),
        Some(Function::Upper),
        Some(Function::Len),
    ];
    (
        select(FIELDS.iter().collect::<Vec<_>>()),
        any::<String>(),
        proptest::option::weighted(0.3, slice),
        select(functions.to_vec()),
        proptest::bool::weighted(0.1),
    )
        .prop_map(|(field, key, slice, function, is_counted)| {
            operand_of(field, &key, slice, function, is_counted)
        })
}

fn operand_of(
    field: &'static Field,
    key: &str,
    slice: Option<Slice>,
    function: Option<Function>,
    is_counted: bool,
) -> Operand {
    let key = if field.id == FieldId::Cookie {
        format!("k{key}")
    } else {
        format!("k{}", key.to_ascii_lowercase())
    };
    Operand {
        field,
        key: field.takes_key.then_some(key),
        slice: slice.filter(|_| is_text(field.kind)),
        function: if is_counted {
            Some(Function::Count)
        } else {
            function.filter(|_| is_text(field.kind))
        },
    }
}

fn bytes() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..6),
        any::<String>().prop_map(String::into_bytes),
        select(vec!["host", "*", "50", "50:4b", "\u{202e}", "\\", "\""])
            .prop_map(|text| text.as_bytes().to_vec()),
    ]
    .boxed()
}

fn address() -> BoxedStrategy<IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits)).to_canonical()),
        Just(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ]
    .boxed()
}

fn net() -> BoxedStrategy<IpNet> {
    (address(), any::<u8>())
        .prop_map(|(address, length)| {
            let most = if address.is_ipv4() { 32 } else { 128 };
            IpNet::new(address, length.min(most)).unwrap().trunc()
        })
        .boxed()
}

fn sorted<T: Ord>((left, right): (T, T)) -> (T, T) {
    if left <= right {
        (left, right)
    } else {
        (right, left)
    }
}

fn literal(field: &'static Field, kind: Type, is_in_set: bool) -> BoxedStrategy<Literal> {
    let time = || any::<i64>().prop_map(Timestamp::from_nanos);
    let int = prop_oneof![any::<i64>(), -2..1000_i64];
    match kind {
        Type::Time if is_in_set => prop_oneof![
            time().prop_map(Literal::Time),
            (time(), time())
                .prop_map(sorted)
                .prop_map(|(first, last)| Literal::Times(first, last)),
        ]
        .boxed(),
        Type::Time => time().prop_map(Literal::Time).boxed(),
        Type::Duration if is_in_set => (0..=i64::MAX, 0..=i64::MAX)
            .prop_map(sorted)
            .prop_map(|(first, last)| Literal::Ints(first, last))
            .boxed(),
        Type::Duration => prop_oneof![
            0..=i64::MAX,
            (0..1000_i64).prop_map(|seconds| seconds * 1_000_000_000)
        ]
        .prop_map(Literal::Int)
        .boxed(),
        Type::Int | Type::Size if !is_in_set => int.prop_map(Literal::Int).boxed(),
        Type::Int | Type::Size | Type::Status => {
            let least = if is_in_set { i64::MIN } else { 100 };
            let most = if is_in_set { i64::MAX } else { 999 };
            prop_oneof![
                int.prop_map(Literal::Int),
                (least..=most, least..=most)
                    .prop_map(sorted)
                    .prop_map(|(first, last)| Literal::Ints(first, last)),
                (1..=9_i64).prop_map(|class| Literal::Ints(class * 100, class * 100 + 99)),
            ]
            .boxed()
        }
        Type::Text | Type::Bytes => bytes().prop_map(Literal::Bytes).boxed(),
        Type::Ip if is_in_set => prop_oneof![
            net().prop_map(Literal::Net),
            (address(), address())
                .prop_map(sorted)
                .prop_filter("one family", |(first, last)| first.is_ipv4()
                    == last.is_ipv4())
                .prop_map(|(first, last)| Literal::Ips(first, last)),
        ]
        .boxed(),
        Type::Ip => net().prop_map(Literal::Net).boxed(),
        Type::Endpoint => (net(), any::<u16>(), 0..3)
            .prop_map(|(net, port, parts)| {
                Literal::Endpoint(AddressPattern {
                    net: (parts != 0).then_some(net),
                    port: (parts != 1).then_some(port),
                })
            })
            .boxed(),
        Type::Word | Type::WordOrNumber => {
            let words = select(field.words()).prop_map(|word| Literal::Bytes(word.into()));
            if kind == Type::Word {
                return words.boxed();
            }
            let number = any::<u32>().prop_map(|number| Literal::Bytes(number.to_string().into()));
            prop_oneof![words, number].boxed()
        }
        Type::Bool => any::<bool>().prop_map(Literal::Bool).boxed(),
    }
}

fn comparison(kind: Type) -> impl Strategy<Value = Comparison> {
    let has_order = matches!(
        kind,
        Type::Time | Type::Int | Type::Size | Type::Status | Type::Text | Type::Bytes
    );
    select(ORDERS[..if has_order { 6 } else { 2 }].to_vec())
}

fn needle() -> impl Strategy<Value = Needle> {
    let forms = vec![Form::Plain, Form::Base64, Form::Hex, Form::Percent];
    (bytes(), select(forms)).prop_map(|(mut bytes, form)| {
        bytes.resize(bytes.len().max(MIN_ENCODED_BYTES), b'x');
        Needle::new(bytes, form).unwrap()
    })
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let odd = vec![
        r#"a"b\d"#,
        r"\\",
        r"\",
        "(?x) a\n b",
        r#"\"x"#,
        r"\xff",
        "host",
        "a\u{1b}",
        r"\b4[0-9]{15}\b",
    ];
    let escaped = any::<String>().prop_map(|text| regex::escape(&text));
    prop_oneof![select(odd).prop_map(str::to_owned), escaped]
        .prop_filter_map("no pattern", |text| Pattern::new(&text).ok())
}

fn test() -> impl Strategy<Value = Test> {
    operand().prop_flat_map(|operand| {
        let kind = value_type(&operand);
        let field = operand.field;
        let one = || Just(operand.clone());
        let mut choices = vec![
            (one(), comparison(kind), literal(field, kind, false))
                .prop_map(|(operand, comparison, literal)| {
                    Test::Compare(operand, comparison, literal)
                })
                .boxed(),
            (
                one(),
                proptest::collection::vec(literal(field, kind, true), 1..4),
            )
                .prop_map(|(operand, literals)| Test::In(operand, literals))
                .boxed(),
            (one(), comparison(kind))
                .prop_map(|(operand, comparison)| {
                    Test::CompareOperands(operand.clone(), comparison, operand)
                })
                .boxed(),
        ];
        if operand.function.is_none() {
            choices.push(one().prop_map(Test::Exists).boxed());
        }
        if is_text(kind) {
            choices.push(
                (one(), needle())
                    .prop_map(|(operand, needle)| Test::Contains(operand, needle))
                    .boxed(),
            );
            choices.push(
                (one(), pattern())
                    .prop_map(|(operand, pattern)| Test::Matches(operand, pattern))
                    .boxed(),
            );
        }
        proptest::strategy::Union::new(choices)
    })
}

fn expr() -> impl Strategy<Value = Expr> {
    test()
        .prop_map(Expr::Test)
        .prop_recursive(6, 24, 4, |inner| {
            let parts = proptest::collection::vec(inner.clone(), 1..4);
            prop_oneof![
                parts.clone().prop_map(|parts| Expr::all(parts).unwrap()),
                parts.prop_map(|parts| Expr::any(parts).unwrap()),
                (inner.clone(), inner.clone())
                    .prop_map(|(left, right)| Expr::Xor(Box::new(left), Box::new(right))),
                inner.prop_map(Expr::negated),
            ]
        })
}

/// Pieces of the language, for texts that come close to being filters.
const PIECES: [&str; 40] = [
    "pname", "port", "time", "header", "payload", "type", "ip", "src", "text", "status", "==",
    "!=", "<", "contains", "matches", "in", "not", "and", "||", "^^", "(", ")", "{", "}", "[", "]",
    ",", "..", "\"a\"", "r\"", "'", "\\", "10.0.0.1", "::1", "50:4b", "-10m", "5xx", "lower(", "é",
    "\u{202e}",
];

proptest! {
    #[test]
    fn what_is_written_reads_as_the_same(expr in expr()) {
        let written = expr.to_string();
        let again = parse(&written, Timestamp::MIN, Zone::Utc);
        prop_assert_eq!(again.as_ref(), Ok(&expr), "{}", &written);
        prop_assert_eq!(again.unwrap().to_string(), written);
    }

    #[test]
    fn any_text_has_an_answer(text in any::<String>()) {
        answer(&text);
    }

    #[test]
    fn texts_like_filters_have_an_answer(
        pieces in proptest::collection::vec(select(PIECES.to_vec()), 0..12),
        separator in select(vec!["", " "]),
    ) {
        answer(&pieces.join(separator));
    }
}

/// A filter that reads as itself, or a fault that can be shown.
fn answer(text: &str) {
    match parsed(text) {
        Ok(expr) => assert_eq!(parsed(&expr.to_string()), Ok(expr)),
        Err(error) => {
            let shown = error.to_string();
            let is_harmless = |each: char| each == '\n' || !ecq::event::is_hazard(each);
            assert!(shown.chars().all(is_harmless), "{shown:?}");
        }
    }
}

#[test]
fn random_filters_are_valid() {
    let mut filters = RandomFilters::new(1);
    for _ in 0..3000 {
        let text = filters.filter(3);
        let expr = parsed(&text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(parsed(&expr.to_string()), Ok(expr), "{text}");
    }
}
