//! What the language accepts, and as what it is written again.

use ecq::event::{Timestamp, Zone};
use ecq::filter::{FIELDS, parse};

use super::check;

#[test]
fn values_by_sort() {
    check(&[
        // Text.
        ("pname==curl", r#"pname == "curl""#),
        ("comm eq 'curl'", r#"pname == "curl""#),
        (
            r#"pname == "a\"\\\n\x1b\u202e\xff""#,
            r#"pname == "a\"\\\n\x1b\u202e\xff""#,
        ),
        ("version == 1.0", r#"version == "1.0""#),
        ("path == /login/a%20b", r#"path == "/login/a%20b""#),
        (r#"pname == "host""#, r#"pname == "host""#),
        (r#"pname < "b""#, r#"pname < "b""#),
        // Bytes.
        (
            "payload contains 50:4B:03:04",
            "payload contains 50:4b:03:04",
        ),
        ("payload contains ff:d8", "payload contains ff:d8"),
        ("payload[0] == :ff", "payload[0:1] == :ff"),
        (r#"payload[0] == "\xff""#, "payload[0:1] == :ff"),
        (r#"payload[0] == "{""#, r#"payload[0:1] == "{""#),
        ("body contains password", r#"body contains "password""#),
        (
            "any contains base64(\"s3cr3t\")",
            "any contains base64(\"s3cr3t\")",
        ),
        (
            "any contains hex(ff:d8:ff:e0)",
            "any contains hex(ff:d8:ff:e0)",
        ),
        (
            "any contains percent('a b c')",
            "any contains percent(\"a b c\")",
        ),
        // Numbers, sizes, statuses.
        ("port == 0x1bb", "port == 443"),
        ("fd gt -1", "fd > -1"),
        ("id == -9223372036854775808", "id == -9223372036854775808"),
        ("port == \"443\"", "port == 443"),
        ("len > 100k", "len > 100000"),
        (
            "len in {1Ki..2MiB, 3GB, 7B}",
            "len in {1024..2097152, 3000000000, 7}",
        ),
        ("len(body) >= 2K", "len(body) >= 2000"),
        ("status == 5xx", "status == 5xx"),
        ("status == 400-404", "status == 400-404"),
        (
            "status in {2xx, 404 400-403 4xx..5xx}",
            "status in {2xx, 404, 400..403, 400..599}",
        ),
        ("status >= 500", "status >= 500"),
        // Times.
        ("time >= -10m", r#"time >= "2026-11-23T10:50:00Z""#),
        ("time >= 10m", r#"time >= "2026-11-23T10:50:00Z""#),
        (
            "frame.time < \"10m ago\"",
            r#"time < "2026-11-23T10:50:00Z""#,
        ),
        ("time >= today", r#"time >= "2026-11-23T00:00:00Z""#),
        ("time >= 10:00", r#"time >= "2026-11-23T10:00:00Z""#),
        (
            "time < 2026-11-20T10:00:00.5+02:00",
            r#"time < "2026-11-20T08:00:00.500000000Z""#,
        ),
        (
            "time in {2026-11-20..2026-11-21}",
            r#"time in {"2026-11-20T00:00:00Z".."2026-11-21T00:00:00Z"}"#,
        ),
        ("time > @1767348000", r#"time > "2026-01-02T10:00:00Z""#),
        // Addresses.
        ("ip == 10.1.2.3/8", "ip == 10.0.0.0/8"),
        ("ip.addr==::1", "ip == ::1"),
        ("ip == ::ffff:10.0.0.1", "ip == 10.0.0.1"),
        (
            "ip in {10.0.0.1..10.0.0.9, ::1..::2 fe80::/10}",
            "ip in {10.0.0.1..10.0.0.9, ::1..::2, fe80::/10}",
        ),
        ("addr == 10.0.0.5:54321", "addr == 10.0.0.5:54321"),
        (
            "src in {[::1]:443, [2001:db8::/32]:80, ::1, :443 10.0.0.0/8}",
            "src in {[::1]:443, [2001:db8::/32]:80, ::1, :443, 10.0.0.0/8}",
        ),
        // Words.
        ("direction == in", r#"direction == "in""#),
        ("direction == OUT", r#"direction == "out""#),
        ("type == h1.request", r#"type == "http1_request""#),
        (
            "type in {h2.preface, h2-frames, 3, text}",
            r#"type in {"http2_preface", "http2_frames", "3", "text"}"#,
        ),
        ("role == server", r#"role == "server""#),
        ("text == type", r#"type == "text""#),
        ("provenance != wire", r#"provenance != "wire""#),
        // Yes or no.
        ("text", "text"),
        ("not text", "not text"),
        ("text == false", "text == false"),
        ("lossy != 1", "lossy != true"),
    ]);
}

#[test]
fn fields() {
    check(&[
        ("tcp.dstport == 443", "dst.port == 443"),
        ("header[\"X-Api-Key\"]", r#"header["x-api-key"]"#),
        (
            "req.header[Authorization][0:6] == Bearer",
            r#"req.header["authorization"][0:6] == "Bearer""#,
        ),
        ("cookie[\"Session\"]", r#"cookie["Session"]"#),
        (
            "http.user_agent contains curl",
            r#"header["user-agent"] contains "curl""#,
        ),
        (
            "http.user_agent[0:4] == curl",
            r#"header["user-agent"][0:4] == "curl""#,
        ),
        (
            "payload[-4:4] == 00:00:00:01",
            "payload[-4:4] == 00:00:00:01",
        ),
        ("payload[2-3] == ab:cd", "payload[2:2] == ab:cd"),
        ("payload[ 0 : 2 ]", "payload[0:2]"),
        ("lower(pname) == \"curl\"", r#"lower(pname) == "curl""#),
        (
            "upper(payload[0:3]) == GET",
            r#"upper(payload[0:3]) == "GET""#,
        ),
        (
            "count(header[\"set-cookie\"]) > 1",
            r#"count(header["set-cookie"]) > 1"#,
        ),
        ("len == len(payload)", "len == len(payload)"),
        ("443 == port", "port == 443"),
        ("500 <= status", "status >= 500"),
        ("-10m < time", r#"time > "2026-11-23T10:50:00Z""#),
        ("src.port == dst.port", "src.port == dst.port"),
        (
            "host != resp.header[\"server\"]",
            r#"host != resp.header["server"]"#,
        ),
        ("http", "method || status"),
        ("http && pid == 1", "(method || status) && pid == 1"),
        ("http.request", "method"),
        ("http2 && status == 200", "http2 && status == 200"),
        ("not http1", "not http1"),
    ]);
}

#[test]
fn joints() {
    check(&[
        (
            "pid==1 and tid==2 or uid==3",
            "pid == 1 && tid == 2 || uid == 3",
        ),
        (
            "pid==1 && (tid==2 || uid==3)",
            "pid == 1 && (tid == 2 || uid == 3)",
        ),
        (
            "pid==1 OR tid==2 XOR uid==3 AND NOT fd==4",
            "pid == 1 || tid == 2 ^^ uid == 3 && not fd == 4",
        ),
        (
            "(pid==1 && tid==2) && (uid==3)",
            "pid == 1 && tid == 2 && uid == 3",
        ),
        (
            "pid==1 ^^ tid==2 xor uid==3",
            "pid == 1 ^^ tid == 2 ^^ uid == 3",
        ),
        (
            "pid==1 ^^ (tid==2 ^^ uid==3)",
            "pid == 1 ^^ (tid == 2 ^^ uid == 3)",
        ),
        (
            "(text or lossy) xor truncated",
            "(text || lossy) ^^ truncated",
        ),
        ("!(text and lossy)", "not (text && lossy)"),
        ("!!text", "not not text"),
        ("!text&&!lossy", "not text && not lossy"),
        ("port not in {80,443}", "not port in {80, 443}"),
        ("not port in {80 443,}", "not port in {80, 443}"),
        ("((((text))))", "text"),
    ]);
}

#[test]
fn patterns() {
    check(&[
        ("body matches password", r#"body matches "password""#),
        (
            r#"body ~ r"\b4[0-9]{15}\b""#,
            r#"body matches r"\b4[0-9]{15}\b""#,
        ),
        (r#"body matches "\\d""#, r#"body matches r"\d""#),
        (r#"body matches "\xff""#, r#"body matches r"\xff""#),
        (r#"body matches "a\"\\d""#, r#"body matches "a\"\\d""#),
        (r#"body matches r"a\"b""#, r#"body matches r"a\"b""#),
        ("body matches \"a\\nb\\\\d\"", r#"body matches "a\nb\\d""#),
    ]);
}

#[test]
fn the_examples_of_the_fields() {
    for field in &FIELDS {
        let expr = parse(field.example, Timestamp::MIN, Zone::Utc);
        let mut is_used = false;
        expr.unwrap_or_else(|error| panic!("{error}"))
            .for_each_test(&mut |test| is_used |= test.operands().any(|each| each.field == field));
        assert!(is_used, "{}", field.example);
    }
}
