//! The flags of `ecq-query` as filters: each is short for an expression that could be written as well.
//!
//! The values of one flag widen it, except for names with `!` in front, which narrow it. Different flags are joined with
//! [`Expr::all`].

mod globs;
mod search;

use ipnet::IpNet;

pub use globs::{host_glob, pname_glob, url_glob, url_regex};
pub use search::{grep, header, hex};

use super::Error;
use super::expr::{AddressPattern, Comparison, Expr, Literal, Operand, Test};
use super::field::Field;
use super::field_id::FieldId;
use super::literal::status;
use super::pattern::Pattern;
use super::value::word;
use crate::event::{Direction, Timestamp};

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

/// `--since`: events from this time on.
pub fn since(time: Timestamp) -> Expr {
    at_time(Comparison::GreaterOrEqual, time)
}

/// `--until`: events before this time.
pub fn until(time: Timestamp) -> Expr {
    at_time(Comparison::Less, time)
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

fn matches(operand: Operand, pattern: &str) -> Result<Expr, Error> {
    Ok(Expr::Test(Test::Matches(operand, Pattern::new(pattern)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Zone;
    use crate::filter::{address, network, parse};

    #[track_caller]
    pub(super) fn check(cases: &[(Result<Expr, Error>, &str)]) {
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
}
