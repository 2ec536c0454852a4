//! What the language refuses, what it says, and where it points.

use ecq::event::{Timestamp, Zone};
use ecq::filter::parse;

use super::{check, read};

#[test]
fn faults_of_form() {
    check(&[
        ("", "nothing is given"),
        ("  ", "nothing is given"),
        ("pname = curl", "7: use `==` instead of `=`"),
        ("pname <> curl", "7: use `!=` instead of `<>`"),
        ("pname =~ curl", "7: use `~` instead of `=~`"),
        (
            "pname ~* curl",
            "7: use `matches`, which ignores case unless it says `(?-i)`",
        ),
        (
            "pname !~ curl",
            "7: use `matches`, with `not` before the field",
        ),
        ("text & lossy", "6: use `&&` instead of `&`"),
        ("pid == 1 | tid == 1", "10: use `||` instead of `|`"),
        (
            "pname LIKE 'c%'",
            "7: use `contains`, or `matches` with a regular expression, instead of `LIKE`",
        ),
        (
            "pid between 1 and 2",
            "5: use `in {first..last}` instead of `between`",
        ),
        (
            "pname is null",
            "7: use the field alone if it has a value, `not` before it if it has none, instead of `is`",
        ),
        (
            "pname not contains x",
            "7: use `not` before the field instead of `not`",
        ),
        ("pname", "pname"),
        ("pname ==", "9: expected a value here"),
        ("pname == and pid == 1", "10: expected a value here"),
        ("pname == )", "10: expected a value here"),
        ("pname == not x", "10: expected a value here"),
        (
            "pname == !x",
            "10: expected a value: `!` stands before the field",
        ),
        ("== curl", "1: expected a field instead of `==`"),
        ("pid == 1 &&", "12: expected a field here"),
        ("pid == 1 && and text", "13: expected a field before `and`"),
        ("in {1}", "1: expected a field before `in`"),
        ("(pid == 1", "1: this parenthesis is not closed"),
        ("pid == 1)", "9: this parenthesis was never opened"),
        (
            "(pid == 1 x)",
            "11: expected `&&` or `||` here; a value with spaces in it needs quotes",
        ),
        (
            "time >= 10m ago",
            "13: expected `&&` or `||` here; a value with spaces in it needs quotes",
        ),
        (
            "1 < port < 9",
            "10: compare twice, with `&&` between the two",
        ),
        (
            "port in 80",
            "9: a set is written in braces, as in `port in {80, 443}`",
        ),
        (
            "port IN (80, 443)",
            "9: a set is written in braces, as in `port in {80, 443}`",
        ),
        ("port == {80, 443}", "9: use `in` with a set"),
        ("port in {}", "9: a set needs at least one value"),
        ("port in {80, 443", "9: this brace is not closed"),
        (
            "port in {80..}",
            "14: expected a field or value instead of `}`",
        ),
        ("port && && text", "9: expected a field instead of `&&`"),
        (
            "text lossy",
            "6: expected a comparison here, such as `==`, `contains` or `in`",
        ),
        ("pname == \"curl", "10: this text is not closed by a quote"),
        ("pname == a;b", "11: this has no meaning outside of quotes"),
        (
            "lower(lower(pname)) == x",
            "7: a function takes a field, not another function",
        ),
        ("lower(pname == x", "13: expected a `)` behind the argument"),
        ("lower(pname", "6: expected a `)` behind the argument"),
        ("header[\"a\"", "7: this bracket is not closed"),
    ]);
}

#[test]
fn faults_of_names() {
    check(&[
        (
            "pnme == \"curl\"",
            "1: unknown field `pnme`, did you mean `pname`?",
        ),
        (
            "text && hots == a",
            "9: unknown field `hots`, did you mean `host`?",
        ),
        (
            "shwo 12",
            "1: unknown field `shwo`, did you mean the command `show`?",
        ),
        (
            "shwo",
            "1: unknown field `shwo`, did you mean the command `show`?",
        ),
        (
            "http.x_request_id == 1",
            "1: unknown field `http.x_request_id`; header fields are written `header[\"x-request-id\"]`",
        ),
        (
            "hostt[0:4] == a",
            "1: unknown field `hostt`, did you mean `host`?",
        ),
        (
            "lover(pname) == a",
            "1: unknown function `lover`, did you mean `lower`?",
        ),
        (
            "lower(pnme) == a",
            "7: unknown field `pnme`, did you mean `pname`?",
        ),
        ("80 == 80", "1: a field is needed, this is a value"),
        (
            "\"a\" contains \"b\"",
            "1: a field is needed, this is a value",
        ),
        (
            "header == a",
            "1: `header` needs a name in brackets, as in `header[\"user-agent\"]`",
        ),
        ("pname[\"a\"] == a", "6: `pname` takes no name in brackets"),
        ("header[\"\"]", "7: a name is needed in the brackets"),
        (
            "port[0:1] == a",
            "5: only text and bytes have parts, and `port` has other values",
        ),
        (
            "payload[0:0]",
            "8: a part is `[start:length]`, `[first-last]` or `[at]`, a start from the end negative",
        ),
        ("payload[0:1][0:1]", "13: one part is enough"),
        (
            "http contains a",
            "1: `http` stands alone, it has no values",
        ),
        ("http == 1", "1: `http` stands alone, it has no values"),
    ]);
}

#[test]
fn faults_of_values() {
    check(&[
        (
            "port == https",
            "9: expected a whole number, such as 443 or 0x1bb",
        ),
        (
            "port == 99999999999999999999",
            "9: this number is too large",
        ),
        (
            "len > 5x",
            "7: expected a size in bytes, such as 1500, 100k, 2M or 1Gi",
        ),
        ("len > 9999999999T", "7: this number is too large"),
        (
            "status == ok",
            "11: expected a status like 200, a class like 5xx or a range like 400-499",
        ),
        (
            "ip == localhost",
            "7: expected an address or network like 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32",
        ),
        (
            "ip < 10.0.0.1",
            "4: the values of `ip` have no order: use a network, or `in {first..last}`",
        ),
        (
            "direction > in",
            "11: the values of `direction` have no order: use `==` or `in`",
        ),
        (
            "direction == inn",
            "14: unknown word `inn`, did you mean `in`?; `direction` is one of in, out",
        ),
        ("text == maybe", "9: expected `true` or `false`"),
        ("port in {9..1}", "10: the range ends before it begins"),
        (
            "ip in {10.0.0.1..::1}",
            "8: a range has addresses of one family",
        ),
        (
            "ip in {10.0.0.0/8..10.0.0.1}",
            "8: a range has addresses at its ends, not networks",
        ),
        (
            "pname in {\"a\"..\"b\"}",
            "11: only numbers, times and IP addresses have ranges",
        ),
        (
            "time > 10",
            "8: a bare number is no time: write `10s` for seconds ago, `@10` for seconds since 1970",
        ),
    ]);
}

#[test]
fn faults_of_texts() {
    check(&[
        (
            "port contains 4",
            "1: `contains` is for text and bytes; compare `port` with `==` or `in`",
        ),
        (
            "kind matches sh",
            "1: `matches` is for text and bytes; compare `kind` with `==` or `in`",
        ),
        (
            "len(port) == 1",
            "5: `len` is for text and bytes, and `port` has other values",
        ),
        ("len(body)", "1: compare the function with something"),
        ("body contains \"\"", "15: there is nothing to look for"),
        (
            "body contains hex(\"abc\")",
            "19: a text to be looked for in another form needs 4 bytes",
        ),
        (
            "body == hex(\"abcd\")",
            "9: `hex` stands only behind `contains`",
        ),
        (
            "body contains host",
            "15: `host` is a field: write it in quotes to mean the text",
        ),
        (
            "body matches host",
            "14: `host` is a field: write it in quotes to mean the text",
        ),
        (
            "pname in {curl, host}",
            "17: `host` is a field: write it in quotes to mean the text",
        ),
        (
            "body contains 50-4b",
            "15: write `50:4b` for bytes, or quotes for the text",
        ),
        (
            "body contains 0x504b",
            "15: write `50:4b` for bytes, or quotes for the text",
        ),
        (
            "payload[0] == 50",
            "15: write `:50` for bytes, or quotes for the text",
        ),
        (
            "pname == chrome*",
            "10: use `matches` with a regular expression, or quotes if `*` and `?` are meant as they are",
        ),
        (
            "host == server",
            "9: `host` and `dst` have values of different sorts; write \"server\" to mean the text",
        ),
        (
            "header[\"content-length\"] > 1000",
            "28: `header[\"content-length\"]` is compared as text, letter by letter: write the value in quotes if that is meant",
        ),
        (
            "body matches \"a(b\"",
            "14: this is no regular expression: unclosed group",
        ),
        (
            "body matches \"\\d\"",
            "15: unknown escape: write `\\\\d` for a backslash, or r\"…\" for a text in which it stands for itself",
        ),
        ("body matches \"\"", "14: nothing is given"),
    ]);
    assert!(
        read("time > soon")
            .starts_with("8: this is no time that is understood; a time is one of 10m,")
    );
}

#[test]
fn limits() {
    let nested = |count: usize| format!("{}text{}", "(".repeat(count), ")".repeat(count));
    assert_eq!(read(&nested(100)), "text");
    assert_eq!(read(&nested(101)), "101: this is nested more than 100 deep");
    assert!(read(&nested(30_000)).contains("nested"));
    assert!(read(&"not ".repeat(16_000)).contains("nested"));
    assert!(read(&"!".repeat(60_000)).contains("nested"));
    let nots = |count: usize, inner: &str| format!("{}{inner}", "!".repeat(count));
    assert!(read(&nots(99, "text")).starts_with("not not"));
    assert!(read(&nots(100, "text")).contains("nested"));
    assert!(read(&nots(98, "http")).ends_with("not (method || status)"));
    assert!(read(&nots(99, "http")).contains("nested"));
    assert!(read(&format!("{}text", "text ^^ ".repeat(8000))).contains("nested"));
    let chain = format!("{}text", "text && ".repeat(8000));
    assert!(read(&chain).starts_with("text && text"));
    let long = "a".repeat(70_000);
    assert_eq!(
        read(&long),
        "1: a filter can have 65536 bytes, this one has 70000"
    );
}

#[test]
fn a_fault_shows_the_place() {
    let error = parse("pnme == \"curl\"", Timestamp::MIN, Zone::Utc).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown field `pnme`, did you mean `pname`?\n    pnme == \"curl\"\n    ^^^^"
    );
}
