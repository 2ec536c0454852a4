//! Flags whose values have `*` and `?`.

use super::{matches, one_of, text};
use crate::filter::Error;
use crate::filter::expr::{Comparison, Expr, Operand, Test};
use crate::filter::field::Field;
use crate::filter::field_id::FieldId;

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
/// As for [`Pattern::new`](crate::filter::Pattern::new).
pub fn url_regex(pattern: &str) -> Result<Expr, Error> {
    matches(Operand::field(Field::of(FieldId::Url)), pattern)
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
    use crate::filter::flags::tests::check;

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
}
