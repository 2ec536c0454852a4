//! The values of `Content-Type` and of fields like it: a word, and parameters behind it (RFC 9110, section 5.6.6).

/// What is before the first parameter, in lower case; `None` if it is not a type and a subtype (RFC 9110, section 8.3.1).
pub(super) fn essence(value: &[u8]) -> Option<String> {
    let end = value.iter().position(|byte| *byte == b';');
    let essence = end.and_then(|end| value.get(..end)).unwrap_or(value);
    let essence = std::str::from_utf8(essence.trim_ascii()).ok()?;
    let (kind, subtype) = essence.split_once('/')?;
    (is_token(kind) && is_token(subtype)).then(|| essence.to_ascii_lowercase())
}

/// Whether `word` is a token (RFC 9110, section 5.6.2).
fn is_token(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// The parameters of a value: names in lower case, and values with the quotes and escapes taken off. What is no
/// parameter is left out.
pub(super) fn parameters(value: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut parameters = Vec::new();
    let mut bytes = value.iter().copied().skip_while(|byte| *byte != b';');
    while bytes.next().is_some() {
        let mut name = Vec::new();
        let mut value = Vec::new();
        let mut is_named = false;
        let mut is_quoted = false;
        while let Some(byte) = bytes.clone().next() {
            if byte == b';' && !is_quoted {
                break;
            }
            bytes.next();
            match byte {
                b'=' if !is_named => is_named = true,
                _ if !is_named => name.push(byte.to_ascii_lowercase()),
                b'"' if is_quoted => is_quoted = false,
                b'"' if value.trim_ascii().is_empty() => {
                    value.clear();
                    is_quoted = true;
                }
                b'\\' if is_quoted => value.extend(bytes.next()),
                _ => value.push(byte),
            }
        }
        let name = String::from_utf8_lossy(name.trim_ascii()).into_owned();
        if is_named && is_token(&name) {
            parameters.push((name, value.trim_ascii().to_vec()));
        }
    }
    parameters
}

/// The first parameter of a name, which is in lower case.
pub(super) fn parameter(value: &[u8], name: &str) -> Option<Vec<u8>> {
    parameters(value)
        .into_iter()
        .find(|(found, _)| found == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_types_and_parameters() {
        for (value, expected) in [
            ("Text/HTML; charset=utf-8", Some("text/html")),
            (" application/json ", Some("application/json")),
            (
                "application/vnd.api+json;v=1",
                Some("application/vnd.api+json"),
            ),
            ("text", None),
            ("a/b/c", None),
            ("", None),
        ] {
            assert_eq!(essence(value.as_bytes()).as_deref(), expected, "{value}");
        }
        for (value, expected) in [
            ("a/b; Charset=\"utf-8\"; x=1", vec!["charset=utf-8", "x=1"]),
            ("a/b;x=\"a;b\\\"c\" ;y = z", vec!["x=a;b\"c", "y=z"]),
            (
                "form-data; name=\"\"; filename=a b.txt",
                vec!["name=", "filename=a b.txt"],
            ),
            ("a/b; no; =no; x=\"open", vec!["x=open"]),
            ("a/b;;", vec![]),
        ] {
            let found: Vec<_> = parameters(value.as_bytes())
                .into_iter()
                .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(&value)))
                .collect();
            assert_eq!(found, expected, "{value}");
        }
    }
}
