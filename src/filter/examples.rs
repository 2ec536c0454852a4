//! Filters for the reference: each of them is read by a test.

use std::net::IpAddr;

use super::expr::{AddressPattern, Expr};
use super::{Error, flags};
use crate::event::{Direction, Timestamp};

/// A question, and the filter that asks it.
pub(super) const QUESTIONS: [(&str, &str); 12] = [
    (
        "what curl sent and got in the last ten minutes",
        r#"pname == "curl" && time >= -10m"#,
    ),
    (
        "`POST` requests to one host",
        r#"method == "POST" && host == "api.example.com""#,
    ),
    ("server errors", "status >= 500"),
    ("a network, at either end", "ip == 10.0.0.0/8"),
    (
        "one connection by its two ends, in either direction",
        "addr == 10.0.0.5:54321 && addr == 1.2.3.4:443",
    ),
    (
        "\"password\" in a body, in any case",
        r#"body matches "password""#,
    ),
    (
        "requests with an `Authorization` field",
        r#"req.header["authorization"]"#,
    ),
    ("payloads above 100 kB", "len > 100k"),
    (
        "the magic bytes of a zip file, anywhere in the payload",
        "payload contains 50:4b:03:04",
    ),
    (
        "a number of 16 digits that begins with 4",
        r#"body matches r"\b4[0-9]{15}\b""#,
    ),
    (
        "curl or any Python, other than on port 443",
        r#"(pname == "curl" || pname matches "^python") && not port == 443"#,
    ),
    (
        "HTTP/2 that was read on one day and mentions JSON",
        r#"http2 && direction == "in" && any contains "json" && time >= "2026-11-20T00:00:00Z" && time < "2026-11-21T00:00:00Z""#,
    ),
];

/// A filter from the documentation of eCaptureQ, and what it is here.
pub(super) const FROM_ECAPTUREQ: [(&str, &str); 13] = [
    (
        "`dst_port = 80 AND pname = 'curl'`",
        r#"dst.port == 80 && pname == "curl""#,
    ),
    (
        "`… dst_port = 80 UNION … dst_port = 8080`",
        "dst.port in {80, 8080}",
    ),
    ("`dst_port IN (80, 443)`", "dst.port in {80, 443}"),
    (
        "not loopback, in three terms (events without addresses are kept)",
        "not ip in {127.0.0.0/8, ::1}",
    ),
    ("`src_ip LIKE '192.168.1.%'`", "src.ip == 192.168.1.0/24"),
    (
        "`pname = 'python' OR pname LIKE 'chrome%'`",
        r#"pname == "python" || pname matches "^chrome""#,
    ),
    (
        "`dst_port != 53 AND pname != 'mDNSResponder'`",
        r#"not dst.port == 53 && pname != "mDNSResponder""#,
    ),
    (
        "`is_binary = false AND (… '%password%' OR … '%token%')`",
        r#"text && body matches "password|token""#,
    ),
    ("`payload_utf8 LIKE 'GET %'`", r#"method == "GET""#),
    (
        "`payload_utf8 LIKE '%baidu.com%'`",
        r#"host contains "baidu.com" || any contains "baidu.com""#,
    ),
    (
        "`payload_utf8 LIKE '{%}'`",
        r#"ctype contains "json" || payload[0] == "{""#,
    ),
    (
        "`(src_ip = '10.0.0.5' OR dst_port = 3306) AND length < 1000`",
        "(src.ip == 10.0.0.5 || dst.port == 3306) && len < 1000",
    ),
    ("`lower(pname) = 'curl'`", r#"lower(pname) == "curl""#),
];

/// Flags, and what they stand for.
pub(super) fn flag_examples() -> Result<Vec<(&'static str, Expr)>, Error> {
    let address: IpAddr = [10, 0, 0, 5].into();
    let end = AddressPattern {
        net: Some(address.into()),
        port: Some(443),
    };
    let port = AddressPattern {
        net: None,
        port: Some(443),
    };
    let day = Timestamp::from_seconds(1_795_132_800);
    Ok(vec![
        (
            "--pname curl --pname wget",
            flags::pname_glob(&["curl", "wget"])?,
        ),
        ("--pname 'python*'", flags::pname_glob(&["python*"])?),
        ("--pname '!curl'", flags::pname_glob(&["!curl"])?),
        ("--pname '!kworker*'", flags::pname_glob(&["!kworker*"])?),
        ("--pid 11836", flags::pids(&[11_836])?),
        ("--uid 0,1000", flags::uids(&[0, 1000])?),
        ("--ip 10.0.0.5", flags::ips(&[address.into()])?),
        ("--port 80,443", flags::ports(&[80, 443])?),
        ("--src 10.0.0.5:443", flags::src(&[end])?),
        ("--dst :443", flags::dst(&[port])?),
        (
            "--type shell,http1_request",
            flags::types(&["shell", "http1_request"])?,
        ),
        ("--direction in", flags::direction(Direction::Inbound)),
        ("--method POST", flags::methods(&["POST"])?),
        (
            "--host '*.example.com'",
            flags::host_glob(&["*.example.com"])?,
        ),
        ("--status 5xx,404", flags::statuses(&["5xx", "404"])?),
        ("--conn 2", flags::conns(&[2])?),
        (
            "--url 'example.com/login*'",
            flags::url_glob("example.com/login*")?,
        ),
        ("--header authorization", flags::header("authorization")?),
        (
            "--header 'user-agent: ^curl/'",
            flags::header("user-agent: ^curl/")?,
        ),
        ("--hex 504b0304", flags::hex("504b0304")?),
        ("--since 2026-11-20T00:00:00Z", flags::since(day)),
        ("--until 2026-11-20T00:00:00Z", flags::until(day)),
        ("--grep secret", flags::grep("secret", false, false)?),
        ("--grep Secret", flags::grep("Secret", false, false)?),
        ("--fixed --grep a.b", flags::grep("a.b", true, false)?),
        ("--fixed --grep A.b", flags::grep("A.b", true, false)?),
        (
            "--encoded --grep s3cr3t",
            flags::grep("s3cr3t", false, true)?,
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Zone;
    use crate::filter::parse;

    #[test]
    fn all_are_filters() {
        let texts = QUESTIONS
            .iter()
            .chain(&FROM_ECAPTUREQ)
            .map(|(_, text)| *text);
        for text in texts {
            let expr =
                parse(text, Timestamp::MAX, Zone::Utc).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(
                parse(&expr.to_string(), Timestamp::MAX, Zone::Utc),
                Ok(expr)
            );
        }
        for (_, expr) in flag_examples().unwrap() {
            assert_eq!(
                parse(&expr.to_string(), Timestamp::MAX, Zone::Utc),
                Ok(expr)
            );
        }
    }
}
