//! The characters of a body: which encoding its bytes are in, and its text.
//!
//! The order of what is believed is that of browsers (WHATWG Encoding, section 6; HTML, section 13.2.3.2): a byte order
//! mark, then the header field, then what the document says of itself. Where nothing is said it is UTF-8 if it can be.

use encoding_rs::{
    CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED,
};

use super::media_type;

/// How many bytes of a document are searched for what it says of itself (HTML, section 13.2.3.2).
const PRESCAN_BYTES: usize = 1024;
/// How long the name of an encoding may be, in bytes; the longest that is known is shorter.
const LABEL_BYTES: usize = 40;

/// An encoding, and how it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charset {
    encoding: &'static Encoding,
    /// How it is known.
    pub origin: Origin,
}

/// How the encoding of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It begins with a byte order mark.
    Mark,
    /// The header field says so.
    ContentType,
    /// The document says so, in `<meta>` or in `<?xml?>`.
    Document,
    /// Nothing says so, but the bytes are UTF-8.
    Valid,
    /// Nothing says so, and the bytes are not UTF-8: it is taken for windows-1252, as browsers do.
    Guessed,
}

/// The text of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text, without a byte order mark.
    pub text: String,
    /// Whether something in it stands for bytes that are no character in this encoding (U+FFFD).
    pub has_replacements: bool,
}

impl Charset {
    /// Of a body with this `Content-Type`, from its first bytes; 1024 are enough unless nothing is said.
    pub fn of(content_type: Option<&[u8]>, start: &[u8]) -> Self {
        let known = |encoding, origin| Self { encoding, origin };
        if let Some((encoding, _)) = Encoding::for_bom(start) {
            return known(encoding, Origin::Mark);
        }
        let named = content_type
            .and_then(|value| media_type::parameter(value, "charset"))
            .and_then(|label| Encoding::for_label_no_replacement(&label));
        if let Some(encoding) = named {
            return known(encoding, Origin::ContentType);
        }
        if let Some(encoding) = declared(start) {
            return known(encoding, Origin::Document);
        }
        match std::str::from_utf8(start) {
            Err(error) if error.error_len().is_some() => known(WINDOWS_1252, Origin::Guessed),
            _ => known(UTF_8, Origin::Valid),
        }
    }

    /// Its name, as the Encoding Standard writes it.
    pub fn name(self) -> &'static str {
        self.encoding.name()
    }

    /// The text of a whole body.
    pub fn text(self, body: &[u8]) -> Text {
        let mut text = String::new();
        let mut decoder = TextDecoder::new(self);
        decoder.push(body, &mut text);
        decoder.end(&mut text);
        Text {
            text,
            has_replacements: decoder.has_replacements(),
        }
    }
}

/// Gives the text of a body that is read piece by piece.
pub struct TextDecoder {
    decoder: Decoder,
    has_replacements: bool,
}

impl TextDecoder {
    /// For a body in this encoding.
    pub fn new(charset: Charset) -> Self {
        Self {
            decoder: charset.encoding.new_decoder_with_bom_removal(),
            has_replacements: false,
        }
    }

    /// Appends the text of `piece` to `text`. A character that goes on in the next piece comes with that.
    pub fn push(&mut self, piece: &[u8], text: &mut String) {
        self.decode(piece, text, false);
    }

    /// Appends what is left; nothing may be pushed afterwards.
    pub fn end(&mut self, text: &mut String) {
        self.decode(&[], text, true);
    }

    /// Whether something stands for bytes that are no character (U+FFFD), so far.
    pub fn has_replacements(&self) -> bool {
        self.has_replacements
    }

    fn decode(&mut self, mut piece: &[u8], text: &mut String, is_last: bool) {
        loop {
            let room = self
                .decoder
                .max_utf8_buffer_length(piece.len())
                .unwrap_or(piece.len());
            text.reserve(room.max(16));
            let (result, read, has_replacements) =
                self.decoder.decode_to_string(piece, text, is_last);
            self.has_replacements |= has_replacements;
            piece = piece.get(read..).unwrap_or_default();
            if result == CoderResult::InputEmpty {
                return;
            }
        }
    }
}

/// The encoding that a document of HTML or XML names in its first bytes.
fn declared(start: &[u8]) -> Option<&'static Encoding> {
    let start = start
        .get(..PRESCAN_BYTES)
        .unwrap_or(start)
        .trim_ascii_start();
    if start.first() != Some(&b'<') {
        return None;
    }
    let of_xml = start
        .strip_prefix(b"<?xml")
        .and_then(|rest| value_after(tag(rest)?, b"encoding"));
    let label = of_xml.or_else(|| of_meta(start))?;
    let encoding = Encoding::for_label_no_replacement(label)?;
    // HTML, section 13.2.3.2: the bytes of the name are ASCII, so it cannot be UTF-16.
    Some(if encoding == UTF_16BE || encoding == UTF_16LE {
        UTF_8
    } else if encoding == X_USER_DEFINED {
        WINDOWS_1252
    } else {
        encoding
    })
}

/// What the first `<meta>` names that names one.
fn of_meta(mut rest: &[u8]) -> Option<&[u8]> {
    while let Some(at) = memchr::memchr(b'<', rest) {
        rest = rest.get(at..)?;
        if let Some(comment) = rest.strip_prefix(b"<!--") {
            rest = comment.get(memchr::memmem::find(comment, b"-->")?..)?;
            continue;
        }
        let name = rest.get(..5)?;
        rest = rest.get(1..)?;
        if name.eq_ignore_ascii_case(b"<meta")
            && let Some(label) = value_after(tag(rest)?, b"charset")
        {
            return Some(label);
        }
    }
    None
}

/// What is before the end of a tag.
fn tag(rest: &[u8]) -> Option<&[u8]> {
    rest.get(..memchr::memchr(b'>', rest)?)
}

/// The value that follows `name` and `=`, within quotes or without.
fn value_after<'a>(tag: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = tag;
    loop {
        let at = rest
            .windows(name.len())
            .position(|window| window.eq_ignore_ascii_case(name))?;
        rest = rest.get(at.checked_add(name.len())?..)?;
        let Some(value) = rest.trim_ascii_start().strip_prefix(b"=") else {
            continue;
        };
        let value = value.trim_ascii_start();
        let value = value
            .strip_prefix(b"\"")
            .or_else(|| value.strip_prefix(b"'"))
            .unwrap_or(value);
        let end = value
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || b"\"';/?".contains(byte))
            .unwrap_or(value.len());
        return value.get(..end.min(LABEL_BYTES));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_encodings() {
        for (content_type, start, name, origin) in [
            ("", &b"abc"[..], "UTF-8", Origin::Valid),
            ("", b"gr\xc3\xbcn \xc3", "UTF-8", Origin::Valid),
            ("", b"gr\xfcn", "windows-1252", Origin::Guessed),
            (
                "text/plain; charset=ISO-8859-2",
                b"abc",
                "ISO-8859-2",
                Origin::ContentType,
            ),
            (
                "text/plain; charset=ISO-8859-2",
                b"\xef\xbb\xbfabc",
                "UTF-8",
                Origin::Mark,
            ),
            ("text/plain", b"\xff\xfea\0", "UTF-16LE", Origin::Mark),
            (
                "text/plain; charset=\"Shift_JIS\"",
                b"abc",
                "Shift_JIS",
                Origin::ContentType,
            ),
            (
                "text/plain; charset=klingon",
                b"abc",
                "UTF-8",
                Origin::Valid,
            ),
            (
                "text/plain; charset=iso-2022-cn",
                b"abc",
                "UTF-8",
                Origin::Valid,
            ),
            (
                "text/html",
                b"<html><META charset='koi8-r'>",
                "KOI8-R",
                Origin::Document,
            ),
            (
                "text/html",
                b"\n<meta http-equiv=Content-Type content=\"text/html; charset=gb2312\">",
                "GBK",
                Origin::Document,
            ),
            (
                "",
                b"<!-- <meta charset=koi8-r> --><meta charset=big5>",
                "Big5",
                Origin::Document,
            ),
            ("", b"<meta charset=utf-16>", "UTF-8", Origin::Document),
            (
                "",
                b"<meta name=charset content=x><meta charset=koi8-r",
                "UTF-8",
                Origin::Valid,
            ),
            (
                "",
                b"<?xml version=\"1.0\" encoding='EUC-JP'?><a/>",
                "EUC-JP",
                Origin::Document,
            ),
            (
                "",
                b"charset=koi8-r <meta charset=koi8-r>",
                "UTF-8",
                Origin::Valid,
            ),
        ] {
            let content_type = Some(content_type.as_bytes());
            let charset = Charset::of(content_type, start);
            let shown = String::from_utf8_lossy(start);
            assert_eq!((charset.name(), charset.origin), (name, origin), "{shown}");
        }
    }

    #[test]
    fn gives_text() {
        for (content_type, body, text, has_replacements) in [
            ("", &b"gr\xfcn \x80"[..], "gr\u{fc}n \u{20ac}", false),
            ("", b"\xff\xfea\0\xfc\0", "a\u{fc}", false),
            ("a/b;charset=utf-8", b"gr\xfcn", "gr\u{fffd}n", true),
            (
                "a/b;charset=utf-8",
                b"\xef\xbb\xbfgr\xc3\xbcn",
                "gr\u{fc}n",
                false,
            ),
            ("a/b;charset=utf-8", b"gr\xc3", "gr\u{fffd}", true),
            (
                "a/b;charset=shift_jis",
                b"\x93\xfa\x96\x7b",
                "\u{65e5}\u{672c}",
                false,
            ),
        ] {
            let charset = Charset::of(Some(content_type.as_bytes()), body);
            let expected = Text {
                text: text.to_owned(),
                has_replacements,
            };
            assert_eq!(charset.text(body), expected);
            let mut decoder = TextDecoder::new(charset);
            let mut pieces = String::new();
            for byte in body {
                decoder.push(&[*byte], &mut pieces);
            }
            decoder.end(&mut pieces);
            assert_eq!(
                (pieces, decoder.has_replacements()),
                (expected.text, has_replacements)
            );
        }
    }
}
