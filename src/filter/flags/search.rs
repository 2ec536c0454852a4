//! Flags that look for something in payloads, bodies and header fields.

use super::matches;
use crate::filter::Error;
use crate::filter::expr::{Expr, Operand, Test};
use crate::filter::field::Field;
use crate::filter::field_id::FieldId;
use crate::filter::needle::{Form, Needle};
use crate::filter::pattern::Pattern;
use crate::filter::value::hex_digits;

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

fn contains(id: FieldId, bytes: &[u8], form: Form) -> Option<Expr> {
    let needle = Needle::new(bytes.to_vec(), form)?;
    Some(Expr::Test(Test::Contains(
        Operand::field(Field::of(id)),
        needle,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::flags::tests::check;

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
