//! How a payload is best shown.

use crate::event::Content;

use super::escape;

/// How a payload is best shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadForm {
    /// As text.
    Text,
    /// As a hex dump.
    Hex,
    /// This many bytes as text (the head of an HTTP/1 message), the rest as a hex dump.
    TextThenHex(usize),
}

impl PayloadForm {
    /// The form for a payload that begins with `start`, some of it or all.
    pub fn of(content: Content, start: &[u8]) -> Self {
        if matches!(content, Content::Http1Request | Content::Http1Response) {
            let end = start.windows(4).position(|window| window == b"\r\n\r\n");
            let body = end
                .map(|end| end + 4)
                .and_then(|at| Some((at, start.get(at..)?)));
            return match body {
                Some((at, body)) if is_binary(body) => Self::TextThenHex(at),
                _ => Self::Text,
            };
        }
        match content {
            Content::Http2Preface | Content::Http2Frames | Content::Binary => Self::Hex,
            _ if is_binary(start) => Self::Hex,
            _ => Self::Text,
        }
    }
}

/// Whether bytes are no text: a NUL among them, or more than one in ten that text does not have.
fn is_binary(bytes: &[u8]) -> bool {
    let bytes = escape::whole_characters(bytes);
    let odd: usize = bytes
        .utf8_chunks()
        .map(|chunk| {
            let controls = chunk.valid().bytes().filter(|byte| {
                byte.is_ascii_control() && !matches!(byte, b'\n' | b'\r' | b'\t' | 0x1b)
            });
            controls.count() + chunk.invalid().len()
        })
        .sum();
    bytes.contains(&0) || odd * 10 > bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let cases: [(Content, &[u8], PayloadForm); 7] = [
            (Content::Text, b"hello\n\x1b[0m", PayloadForm::Text),
            (Content::Text, b"hello\0", PayloadForm::Hex),
            (Content::Text, "caf\u{e9}".as_bytes(), PayloadForm::Text),
            (Content::Binary, b"hello", PayloadForm::Hex),
            (
                Content::Http1Response,
                b"HTTP/1.1 200 OK\r\n\r\nhello",
                PayloadForm::Text,
            ),
            (
                Content::Http1Response,
                b"HTTP/1.1 200 OK\r\n\r\n\x1f\x8b\0",
                PayloadForm::TextThenHex(19),
            ),
            (Content::Empty, b"", PayloadForm::Text),
        ];
        for (content, start, expected) in cases {
            assert_eq!(PayloadForm::of(content, start), expected, "{start:?}");
        }
    }
}
