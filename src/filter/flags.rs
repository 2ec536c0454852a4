//! The flags of `ecq-query` as filters: each is short for an expression that could be written as well.
//!
//! The values of one flag widen it, except for names with `!` in front, which narrow it. Different flags are joined with
//! [`Expr::all`].

use ipnet::IpNet;

use super::Error;
use super::expr::{AddressPattern, Comparison, Expr, Literal, Operand, Test};
use super::field::{Field, FieldId};
use super::literal::status;
use super::needle::{Form, Needle};
use super::pattern::Pattern;
use super::value::{hex_digits, word};
use crate::event::{Direction, Timestamp};

/// `--pname`: process names with `*` and `?`; `!` in front leaves out.
///
/// # Errors
///
/// [`Error::Empty`] if there is no pattern or nothing in one.
pub fn pname_glob<S: AsRef<str>>(patterns: &[S]) -> Result<Expr, Error> {
    globs(FieldId::Pname, r"(?s-i)", patterns)
}

/// `--host`: hosts with `*` and `?`, without regard to case; `!` in front leaves out. A pattern without a port fits any
/// port.
///
/// # Errors
///
/// As for [`pname_glob`].
pub fn host_glob<S: AsRef<str>>(patterns: &[S]) -> Result<Expr, Error> {
    globs(FieldId::Host, r"(?s)", patterns)
}

/// `--url` with a glob: `*` and `?` in the whole URL, without regard to case; without `://` in it, any scheme.
///
/// # Errors
///
/// [`Error::Empty`] if there is nothing.
pub fn url_glob(pattern: &str) -> Result<Expr, Error> {
    if pattern.is_empty() {
        return Err(Error::Empty);
    }
    let scheme = if pattern.contains("://") {
        ""
    } else {
        "(?:[a-z]+://)?"
    };
    matches(
        Operand::field(Field::of(FieldId::Url)),
        &anchored("(?s)", scheme, pattern),
    )
}

/// `--url` with a regular expression, which ignores case unless it says `(?-i)`.
///
/// # Errors
///
/// As for [`Pattern::new`].
pub fn url_regex(pattern: &str) -> Result<Expr, Error> {
    matches(Operand::field(Field::of(FieldId::Url)), pattern)
}

/// `--ip`: addresses or networks at either end.
///
/// # Errors
///
/// [`Error::Empty`] if there are none; so for all that follow.
pub fn ips(nets: &[IpNet]) -> Result<Expr, Error> {
    one_of(FieldId::Ip, nets.iter().map(|net| Literal::Net(*net)))
}

/// `--port`: ports at either end.
///
/// # Errors
///
/// As for [`ips`].
pub fn ports(ports: &[u16]) -> Result<Expr, Error> {
    numbers(FieldId::Port, ports)
}

/// `--src`: the end that opened the connection.
///
/// # Errors
///
/// As for [`ips`].
pub fn src(patterns: &[AddressPattern]) -> Result<Expr, Error> {
    ends(FieldId::Src, patterns)
}

/// `--dst`: the end that accepted the connection.
///
/// # Errors
///
/// As for [`ips`].
pub fn dst(patterns: &[AddressPattern]) -> Result<Expr, Error> {
    ends(FieldId::Dst, patterns)
}

/// `--type`: kinds, contents or eCapture's numbers.
///
/// # Errors
///
/// As for [`ips`], and [`Error::Word`] for what is none of them.
pub fn types<S: AsRef<str>>(names: &[S]) -> Result<Expr, Error> {
    let field = Field::of(FieldId::Type);
    let words = names
        .iter()
        .map(|name| word(field, name.as_ref()).map_err(Error::Word))
        .collect::<Result<Vec<_>, _>>()?;
    one_of(field.id, words.into_iter().map(text))
}

/// `--direction`: whether the process read or wrote.
pub fn direction(direction: Direction) -> Expr {
    let field = Operand::field(Field::of(FieldId::Direction));
    Expr::Test(Test::Compare(
        field,
        Comparison::Equal,
        text(direction.name()),
    ))
}

/// `--method`: methods of HTTP requests.
///
/// # Errors
///
/// As for [`ips`].
pub fn methods<S: AsRef<str>>(methods: &[S]) -> Result<Expr, Error> {
    one_of(
        FieldId::Method,
        methods.iter().map(|method| text(method.as_ref())),
    )
}

/// `--status`: codes, classes or ranges, such as `404`, `5xx` and `400-499`.
///
/// # Errors
///
/// As for [`ips`], and [`Error::Status`] or [`Error::StatusOrder`].
pub fn statuses<S: AsRef<str>>(statuses: &[S]) -> Result<Expr, Error> {
    let literals = statuses
        .iter()
        .map(|text| {
            let pattern = status(text.as_ref())?;
            let (first, last) = (i64::from(pattern.first), i64::from(pattern.last));
            Ok(if first == last {
                Literal::Int(first)
            } else {
                Literal::Ints(first, last)
            })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    one_of(FieldId::Status, literals)
}

/// `--pid`: process ids.
///
/// # Errors
///
/// As for [`ips`].
pub fn pids(pids: &[u32]) -> Result<Expr, Error> {
    numbers(FieldId::Pid, pids)
}

/// `--uid`: user ids.
///
/// # Errors
///
/// As for [`ips`].
pub fn uids(uids: &[u32]) -> Result<Expr, Error> {
    numbers(FieldId::Uid, uids)
}

/// `--conn`: numbers of connections.
///
/// # Errors
///
/// As for [`ips`].
pub fn conns(conns: &[i64]) -> Result<Expr, Error> {
    numbers(FieldId::Conn, conns)
}

/// `--header`: `name` for a header field that is there, `name: pattern` for one in which a regular expression finds
/// something.
///
/// # Errors
///
/// [`Error::Header`] if there is no name; as for [`Pattern::new`].
pub fn header(text: &str) -> Result<Expr, Error> {
    let (name, pattern) = match text.split_once(':') {
        Some((name, pattern)) => (name, Some(pattern.trim())),
        None => (text, None),
    };
    let name = name.trim();
    if name.is_empty() {
        return Err(Error::Header);
    }
    let operand = Operand {
        key: Some(name.to_ascii_lowercase()),
        ..Operand::field(Field::of(FieldId::Header))
    };
    match pattern.filter(|pattern| !pattern.is_empty()) {
        Some(pattern) => matches(operand, pattern),
        None => Ok(Expr::Test(Test::Exists(operand))),
    }
}

/// `--since`: events from this time on.
pub fn since(time: Timestamp) -> Expr {
    at_time(Comparison::GreaterOrEqual, time)
}

/// `--until`: events before this time.
pub fn until(time: Timestamp) -> Expr {
    at_time(Comparison::Less, time)
}

/// `--grep`: a regular expression, or with `is_fixed` a text, somewhere in the payload or the decoded body. It minds the
/// case if it has a capital letter. With `with_encoded`, also the text in base64, hexadecimal digits and
/// percent-encoding, in the case that is given.
///
/// # Errors
///
/// As for [`Pattern::smart_case`]; [`Error::EncodedPattern`] if encoded forms of a pattern are asked for,
/// [`Error::ShortText`] if those of a text that is too short.
pub fn grep(pattern: &str, is_fixed: bool, with_encoded: bool) -> Result<Expr, Error> {
    let escaped = regex::escape(pattern);
    let plain = if is_fixed && pattern.chars().any(char::is_uppercase) {
        contains(FieldId::Any, pattern.as_bytes(), Form::Plain).ok_or(Error::Empty)?
    } else {
        let source = if is_fixed { escaped.as_str() } else { pattern };
        let pattern = Pattern::smart_case(source)?;
        Expr::Test(Test::Matches(
            Operand::field(Field::of(FieldId::Any)),
            pattern,
        ))
    };
    if !with_encoded {
        return Ok(plain);
    }
    if !is_fixed && escaped != pattern {
        return Err(Error::EncodedPattern);
    }
    let mut forms = vec![plain];
    for form in [Form::Base64, Form::Hex, Form::Percent] {
        let encoded = contains(FieldId::Any, pattern.as_bytes(), form);
        forms.push(encoded.ok_or(Error::ShortText)?);
    }
    Expr::any(forms).ok_or(Error::Empty)
}

/// `--hex`: bytes somewhere in the payload, in hexadecimal digits; spaces, colons and a `0x` in front are allowed.
///
/// # Errors
///
/// [`Error::Hex`] for anything else.
pub fn hex(digits: &str) -> Result<Expr, Error> {
    let digits = digits.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let bytes: String = digits
        .chars()
        .filter(|each| !each.is_whitespace() && *each != ':')
        .collect();
    hex_digits(&bytes)
        .and_then(|bytes| contains(FieldId::Payload, &bytes, Form::Plain))
        .ok_or(Error::Hex)
}

fn at_time(comparison: Comparison, time: Timestamp) -> Expr {
    let field = Operand::field(Field::of(FieldId::Time));
    Expr::Test(Test::Compare(field, comparison, Literal::Time(time)))
}

fn text(text: impl Into<String>) -> Literal {
    Literal::Bytes(text.into().into_bytes())
}

fn numbers<N: Copy + Into<i64>>(id: FieldId, numbers: &[N]) -> Result<Expr, Error> {
    one_of(
        id,
        numbers.iter().map(|number| Literal::Int((*number).into())),
    )
}

fn ends(id: FieldId, patterns: &[AddressPattern]) -> Result<Expr, Error> {
    one_of(
        id,
        patterns.iter().map(|pattern| Literal::Endpoint(*pattern)),
    )
}

/// The field equals one of these.
fn one_of<I: IntoIterator<Item = Literal>>(id: FieldId, literals: I) -> Result<Expr, Error> {
    let field = Operand::field(Field::of(id));
    let mut literals: Vec<_> = literals.into_iter().collect();
    match (literals.len(), literals.pop()) {
        (1, Some(literal)) => Ok(Expr::Test(Test::Compare(field, Comparison::Equal, literal))),
        (_, Some(last)) => {
            literals.push(last);
            Ok(Expr::Test(Test::In(field, literals)))
        }
        (_, None) => Err(Error::Empty),
    }
}

fn contains(id: FieldId, bytes: &[u8], form: Form) -> Option<Expr> {
    let needle = Needle::new(bytes.to_vec(), form)?;
    Some(Expr::Test(Test::Contains(
        Operand::field(Field::of(id)),
        needle,
    )))
}

fn matches(operand: Operand, pattern: &str) -> Result<Expr, Error> {
    Ok(Expr::Test(Test::Matches(operand, Pattern::new(pattern)?)))
}

/// Names of which one has to fit and none with `!` in front may. A missing name fits neither.
fn globs<S: AsRef<str>>(id: FieldId, mode: &str, patterns: &[S]) -> Result<Expr, Error> {
    let field = || Operand::field(Field::of(id));
    let (mut names, mut wanted, mut unwanted) = (Vec::new(), Vec::new(), Vec::new());
    for pattern in patterns {
        let pattern = pattern.as_ref();
        let (is_negated, name) = match pattern.strip_prefix('!') {
            Some(name) => (true, name),
            None => (false, pattern),
        };
        if name.is_empty() {
            return Err(Error::Empty);
        }
        let is_literal = !name.contains(['*', '?']);
        let glob = || matches(field(), &anchored(mode, "", name));
        match (is_negated, is_literal) {
            (false, true) => names.push(text(name)),
            (false, false) => wanted.push(glob()?),
            (true, true) => unwanted.push(Expr::Test(Test::Compare(
                field(),
                Comparison::NotEqual,
                text(name),
            ))),
            (true, false) => {
                // `not` alone is true of a missing name.
                unwanted.push(Expr::Test(Test::Exists(field())));
                unwanted.push(glob()?.negated());
            }
        }
    }
    if !names.is_empty() {
        wanted.insert(0, one_of(id, names)?);
    }
    Expr::all(Expr::any(wanted).into_iter().chain(deduplicated(unwanted))).ok_or(Error::Empty)
}

fn deduplicated(exprs: Vec<Expr>) -> Vec<Expr> {
    let mut kept: Vec<Expr> = Vec::with_capacity(exprs.len());
    for expr in exprs {
        if !kept.contains(&expr) {
            kept.push(expr);
        }
    }
    kept
}

/// A regular expression that fits the same as a glob does.
fn anchored(mode: &str, before: &str, glob: &str) -> String {
    let mut source = format!(r"{mode}\A{before}");
    for character in glob.chars() {
        match character {
            '*' => source.push_str(".*"),
            '?' => source.push('.'),
            other => source.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    source.push_str(r"\z");
    source
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Zone;
    use crate::filter::{address, network, parse};

    #[track_caller]
    fn check(cases: &[(Result<Expr, Error>, &str)]) {
        for (expr, expected) in cases {
            let written = match expr {
                Ok(expr) => {
                    let written = expr.to_string();
                    let again = parse(&written, Timestamp::MIN, Zone::Utc);
                    assert_eq!(again.as_ref(), Ok(expr), "{written}");
                    written
                }
                Err(error) => format!("{error:?}"),
            };
            assert_eq!(&written, expected);
        }
    }

    #[test]
    fn names() {
        check(&[
            (pname_glob(&["curl"]), r#"pname == "curl""#),
            (
                pname_glob(&["curl", "wget"]),
                r#"pname in {"curl", "wget"}"#,
            ),
            (
                pname_glob(&["py*.?"]),
                r#"pname matches r"(?s-i)\Apy.*\..\z""#,
            ),
            (
                pname_glob(&["a*", "b"]),
                r#"pname == "b" || pname matches r"(?s-i)\Aa.*\z""#,
            ),
            (pname_glob(&["!curl"]), r#"pname != "curl""#),
            (
                pname_glob(&["!c*", "!d*"]),
                r#"pname && not pname matches r"(?s-i)\Ac.*\z" && not pname matches r"(?s-i)\Ad.*\z""#,
            ),
            (
                pname_glob(&["a", "b*", "!bc"]),
                r#"(pname == "a" || pname matches r"(?s-i)\Ab.*\z") && pname != "bc""#,
            ),
            (
                host_glob(&["*.Example.com"]),
                r#"host matches r"(?s)\A.*\.Example\.com\z""#,
            ),
            (pname_glob::<&str>(&[]), "Empty"),
            (pname_glob(&["!"]), "Empty"),
            (
                url_glob("example.com/*"),
                r#"url matches r"(?s)\A(?:[a-z]+://)?example\.com/.*\z""#,
            ),
            (
                url_glob("https://a/"),
                r#"url matches r"(?s)\Ahttps://a/\z""#,
            ),
            (url_regex("/login$"), r#"url matches "/login$""#),
        ]);
    }

    #[test]
    fn lists() {
        check(&[
            (ips(&[network("10.0.0.0/8").unwrap()]), "ip == 10.0.0.0/8"),
            (ports(&[80, 443]), "port in {80, 443}"),
            (src(&[address("[::1]:80").unwrap()]), "src == [::1]:80"),
            (
                dst(&[address(":80").unwrap(), address("::1").unwrap()]),
                "dst in {:80, ::1}",
            ),
            (
                types(&["shell", "HTTP1-request", "3"]),
                r#"type in {"shell", "http1_request", "3"}"#,
            ),
            (Ok(direction(Direction::Inbound)), r#"direction == "in""#),
            (methods(&["post"]), r#"method == "post""#),
            (
                statuses(&["5xx", "404", "400-403"]),
                "status in {5xx, 404, 400..403}",
            ),
            (statuses(&["400-403"]), "status == 400-403"),
            (pids(&[1]), "pid == 1"),
            (uids(&[0, 1]), "uid in {0, 1}"),
            (conns(&[7]), "conn == 7"),
            (ports(&[]), "Empty"),
            (statuses(&["20"]), "Status"),
            (
                Ok(since(Timestamp::from_seconds(0))),
                r#"time >= "1970-01-01T00:00:00Z""#,
            ),
            (
                Ok(until(Timestamp::from_seconds(0))),
                r#"time < "1970-01-01T00:00:00Z""#,
            ),
        ]);
        let unknown = types(&["shel"]).unwrap_err().to_string();
        assert!(
            unknown.starts_with("unknown word `shel`, did you mean `shell`?"),
            "{unknown}"
        );
    }

    #[test]
    fn content() {
        check(&[
            (header("X-Api-Key"), r#"header["x-api-key"]"#),
            (
                header("User-Agent: ^curl/"),
                r#"header["user-agent"] matches "^curl/""#,
            ),
            (header(": x"), "Header"),
            (grep("secret", false, false), r#"any matches "secret""#),
            (grep("Secret", false, false), r#"any matches "(?-i)Secret""#),
            (grep("a.b", true, false), r#"any matches r"a\.b""#),
            (grep("A.b", true, false), r#"any contains "A.b""#),
            (
                grep("s3cr3t", false, true),
                r#"any matches "s3cr3t" || any contains base64("s3cr3t") || any contains hex("s3cr3t") || any contains percent("s3cr3t")"#,
            ),
            (
                grep("a.bc", true, true),
                r#"any matches r"a\.bc" || any contains base64("a.bc") || any contains hex("a.bc") || any contains percent("a.bc")"#,
            ),
            (grep("a.bc", false, true), "EncodedPattern"),
            (grep("abc", false, true), "ShortText"),
            (grep("", true, false), "Empty"),
            (hex("504b0304"), "payload contains 50:4b:03:04"),
            (hex(" 0x50 4B:03 04"), "payload contains 50:4b:03:04"),
            (hex("ff"), "payload contains :ff"),
            (hex("50 4"), "Hex"),
            (hex(""), "Hex"),
            (hex("zz"), "Hex"),
        ]);
    }
}
