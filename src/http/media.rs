//! What a `Content-Type` says.

use super::fields::split_once;

/// The type itself, without parameters.
pub(crate) fn essence(content_type: &[u8]) -> &[u8] {
    content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii()
}

/// Whether the type is `name`, whatever its case and its parameters.
pub(crate) fn is(content_type: &[u8], name: &str) -> bool {
    essence(content_type).eq_ignore_ascii_case(name.as_bytes())
}

/// Whether the type is one of the forms that a browser sends in place of a query.
pub(crate) fn is_form(content_type: &[u8]) -> bool {
    is(content_type, "application/x-www-form-urlencoded")
}

/// Whether what has this type is text by its definition, so that a charset means something.
pub(crate) fn is_textual(content_type: &[u8]) -> bool {
    let essence = essence(content_type).to_ascii_lowercase();
    let Some((top, sub)) = split_once(&essence, b'/') else {
        return false;
    };
    let last = sub.rsplit(|byte| *byte == b'+').next();
    top == b"text"
        || matches!(last, Some(b"json" | b"xml"))
        || top == b"application"
            && matches!(
                sub,
                b"javascript"
                    | b"x-javascript"
                    | b"ecmascript"
                    | b"x-www-form-urlencoded"
                    | b"x-ndjson"
                    | b"graphql"
            )
}

/// The charset that the type names.
pub(crate) fn charset(content_type: &[u8]) -> Option<&[u8]> {
    content_type
        .split(|byte| *byte == b';')
        .skip(1)
        .find_map(|parameter| {
            let (name, value) = split_once(parameter, b'=')?;
            name.trim_ascii()
                .eq_ignore_ascii_case(b"charset")
                .then(|| value.trim_ascii())
        })
        .map(|value| {
            value
                .strip_prefix(b"\"")
                .and_then(|value| value.strip_suffix(b"\""))
                .unwrap_or(value)
        })
}

/// The pairs of a query or a form, with percent encoding and `+` undone (WHATWG URL, section 5.1). A part without `=` is
/// a name with an empty value.
pub(crate) fn pairs(query: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    query
        .split(|byte| *byte == b'&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = split_once(part, b'=').unwrap_or((part, b""));
            (form_decoded(name), form_decoded(value))
        })
}

/// Percent encoding and `+` undone. What is no percent encoding stays as it is.
fn form_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        decoded.push(match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            (first, _) => *first,
        });
    }
    decoded
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// A byte as two hexadecimal digits, in lower case.
pub(crate) fn hex_digits(byte: u8) -> impl Iterator<Item = char> {
    [byte >> 4, byte & 0x0f]
        .into_iter()
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_text() {
        for (content_type, expected) in [
            ("text/html", true),
            ("TEXT/PLAIN; charset=x", true),
            ("application/json", true),
            ("application/problem+json", true),
            ("image/svg+xml", true),
            ("application/javascript", true),
            ("image/png", false),
            ("application/octet-stream", false),
            ("", false),
            ("text", false),
        ] {
            assert_eq!(
                is_textual(content_type.as_bytes()),
                expected,
                "{content_type}"
            );
        }
    }

    #[test]
    fn charsets() {
        for (content_type, expected) in [
            ("text/html", None),
            ("text/html;charset=utf-8", Some("utf-8")),
            ("text/html; a=b; Charset=\"ISO-8859-1\"", Some("ISO-8859-1")),
            ("charset=utf-8", None),
        ] {
            let found = charset(content_type.as_bytes());
            assert_eq!(found, expected.map(str::as_bytes), "{content_type}");
        }
    }

    #[test]
    fn pairs_of_queries() {
        let found: Vec<_> = pairs(b"a=1&b&=c&&d=%20%2g%f+%")
            .map(|(name, value)| [name, value].map(|text| String::from_utf8(text).unwrap()))
            .collect();
        assert_eq!(found, [["a", "1"], ["b", ""], ["", "c"], ["d", " %2g%f %"]]);
    }
}
