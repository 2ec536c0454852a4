//! Members of JSON whose names are those of secrets, in a text that is read piece by piece.
//!
//! It looks for a string, a colon and a value, and wants no more of JSON than that: so it works on JSON that is cut off,
//! on many documents in one text, and on text with JSON in it. The value of a secret member is replaced:
//!
//! - a string by its hash, once its escapes are undone;
//! - a number, or a word that is neither `true`, `false` nor `null`, by a string with its hash;
//! - an object or an array as a whole, by a string with the hash of its text.

use super::mark::{Key, Mark};
use super::rules::Rules;
use crate::http::media::hex;

/// Names of more bytes are not those of secrets.
pub(super) const NAME_BYTES: usize = 256;
/// The length of `false`.
pub(super) const WORD_BYTES: usize = 5;

/// A text on its way.
#[derive(Debug)]
pub(super) struct JsonFilter {
    /// Whether a line end cannot be within a string: in text that is not JSON a quote may stand alone.
    ends_at_line: bool,
    state: State,
    /// The string that was read last, if that can be a name.
    name: Option<Vec<u8>>,
    /// Whether what comes next is the value of a secret member.
    is_secret: bool,
}

#[derive(Debug)]
enum State {
    Outside,
    String(Unescape),
    SecretString(Unescape, Mark),
    SecretWord(Vec<u8>, Mark),
    SecretTree {
        depth: u64,
        string: Option<bool>,
        mark: Mark,
    },
}

impl JsonFilter {
    /// `is_json` says that the text is nothing but JSON.
    pub(super) fn new(is_json: bool) -> Self {
        Self {
            ends_at_line: !is_json,
            state: State::Outside,
            name: None,
            is_secret: false,
        }
    }

    pub(super) fn push(&mut self, rules: &Rules, key: &Key, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            self.step(rules, key, *byte, out);
        }
    }

    /// What is left when the text is over.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        match self.state {
            State::Outside | State::String(_) => {}
            State::SecretString(mut unescape, mut mark) => {
                unescape.end(&mut |bytes| mark.update(bytes));
                out.extend_from_slice(mark.replacement().as_bytes());
            }
            State::SecretWord(word, mark) => put_word(&word, mark, out),
            State::SecretTree { mark, .. } => put_string(mark, out),
        }
    }

    fn step(&mut self, rules: &Rules, key: &Key, byte: u8, out: &mut Vec<u8>) {
        match &mut self.state {
            State::Outside => self.outside(rules, key, byte, out),
            State::String(unescape) => {
                out.push(byte);
                if byte == b'\n' && self.ends_at_line {
                    self.name = None;
                    self.state = State::Outside;
                    return;
                }
                let name = &mut self.name;
                let is_over = unescape.push(byte, &mut |bytes| {
                    *name = name.take().filter(|name| name.len() <= NAME_BYTES);
                    if let Some(name) = name {
                        name.extend_from_slice(bytes);
                    }
                });
                if is_over {
                    self.state = State::Outside;
                }
            }
            State::SecretString(unescape, mark) => {
                if unescape.push(byte, &mut |bytes| mark.update(bytes)) {
                    out.extend_from_slice(mark.clone().replacement().as_bytes());
                    out.push(b'"');
                    self.state = State::Outside;
                }
            }
            State::SecretWord(word, mark) => {
                if is_word(byte) {
                    mark.update(&[byte]);
                    if word.len() <= WORD_BYTES {
                        word.push(byte);
                    }
                } else {
                    put_word(word, mark.clone(), out);
                    self.state = State::Outside;
                    self.outside(rules, key, byte, out);
                }
            }
            State::SecretTree {
                depth,
                string,
                mark,
            } => {
                mark.update(&[byte]);
                match (*string, byte) {
                    (Some(true), _) | (Some(false), b'\\') => *string = string.map(|is| !is),
                    (Some(false), b'"') => *string = None,
                    (None, b'"') => *string = Some(false),
                    (None, b'{' | b'[') => *depth = depth.saturating_add(1),
                    (None, b'}' | b']') => *depth = depth.saturating_sub(1),
                    _ => {}
                }
                if *depth == 0 {
                    put_string(mark.clone(), out);
                    self.state = State::Outside;
                }
            }
        }
    }

    fn outside(&mut self, rules: &Rules, key: &Key, byte: u8, out: &mut Vec<u8>) {
        if byte.is_ascii_whitespace() {
            out.push(byte);
            return;
        }
        let name = self.name.take();
        if std::mem::take(&mut self.is_secret) {
            match byte {
                b'"' => {
                    out.push(byte);
                    self.state = State::SecretString(Unescape::default(), key.mark());
                    return;
                }
                b'{' | b'[' => {
                    let mut mark = key.mark();
                    mark.update(&[byte]);
                    self.state = State::SecretTree {
                        depth: 1,
                        string: None,
                        mark,
                    };
                    return;
                }
                _ if is_word(byte) => {
                    let mut mark = key.mark();
                    mark.update(&[byte]);
                    self.state = State::SecretWord(vec![byte], mark);
                    return;
                }
                _ => {}
            }
        }
        out.push(byte);
        if byte == b'"' {
            self.name = Some(Vec::new());
            self.state = State::String(Unescape::default());
        } else if byte == b':' {
            self.is_secret = name.is_some_and(|name| rules.is_secret(&name));
        }
    }
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'+' | b'-' | b'.' | b'_' | b'$' | b'\'')
        || byte >= 0x80
}

fn put_word(word: &[u8], mark: Mark, out: &mut Vec<u8>) {
    if matches!(word, b"true" | b"false" | b"null") {
        out.extend_from_slice(word);
    } else {
        put_string(mark, out);
    }
}

fn put_string(mark: Mark, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(mark.replacement().as_bytes());
    out.push(b'"');
}

/// A string whose escapes are being undone (RFC 8259, section 7).
#[derive(Debug, Default)]
pub(super) struct Unescape {
    state: Escape,
    /// The first half of a surrogate pair.
    high: Option<u32>,
}

#[derive(Debug, Default, Clone, Copy)]
enum Escape {
    #[default]
    None,
    Begun,
    /// How many digits were read, and what they are.
    Unicode(u8, u32),
}

impl Unescape {
    /// Whether the string is over with this byte.
    pub(super) fn push(&mut self, byte: u8, each: &mut dyn FnMut(&[u8])) -> bool {
        match self.state {
            Escape::None if byte == b'\\' => self.state = Escape::Begun,
            Escape::None => {
                self.end(each);
                if byte == b'"' {
                    return true;
                }
                each(&[byte]);
            }
            Escape::Begun if byte == b'u' => self.state = Escape::Unicode(0, 0),
            Escape::Begun => {
                self.state = Escape::None;
                self.end(each);
                each(&[match byte {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'b' => 8,
                    b'f' => 12,
                    other => other,
                }]);
            }
            Escape::Unicode(digits, code) => {
                let Some(digit) = hex(byte) else {
                    // No escape after all.
                    self.state = Escape::None;
                    return self.push(byte, each);
                };
                let code = code << 4 | u32::from(digit);
                if digits == 3 {
                    self.state = Escape::None;
                    self.unit(code, each);
                } else {
                    self.state = Escape::Unicode(digits + 1, code);
                }
            }
        }
        false
    }

    fn unit(&mut self, unit: u32, each: &mut dyn FnMut(&[u8])) {
        if let (Some(high), 0xdc00..=0xdfff) = (self.high, unit) {
            self.high = None;
            let code = 0x1_0000 + ((high & 0x3ff) << 10 | unit & 0x3ff);
            put_char(code, each);
            return;
        }
        self.end(each);
        if (0xd800..=0xdbff).contains(&unit) {
            self.high = Some(unit);
        } else {
            put_char(unit, each);
        }
    }

    /// Half a pair is no character.
    pub(super) fn end(&mut self, each: &mut dyn FnMut(&[u8])) {
        if self.high.take().is_some() {
            put_char(u32::from(char::REPLACEMENT_CHARACTER), each);
        }
    }
}

fn put_char(code: u32, each: &mut dyn FnMut(&[u8])) {
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    each(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(text: &str, is_json: bool) -> String {
        let (rules, key) = (Rules::new(Vec::new()), Key::new(&[1; 32]));
        let mut out = Vec::new();
        let mut filter = JsonFilter::new(is_json);
        filter.push(&rules, &key, text.as_bytes(), &mut out);
        filter.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn secret_members() {
        let hash = |secret: &str| Key::new(&[1; 32]).replacement(secret.as_bytes());
        let x = hash("x\"é😀/");
        for (text, expected) in [
            (
                r#"{"a":"password","b":[1,"token",{"c":"d"}]}"#.to_owned(),
                None,
            ),
            (
                r#"{"password" : "x\"\u00e9\ud83d\ude00\/"}"#.to_owned(),
                Some(format!(r#"{{"password" : "{x}"}}"#)),
            ),
            (
                r#"{"pass\u0077ord":"x\"é😀/","b":1}"#.to_owned(),
                Some(format!(r#"{{"pass\u0077ord":"{x}","b":1}}"#)),
            ),
            (
                r#"{"pin":1234,"a":1}"#.to_owned(),
                Some(format!(r#"{{"pin":"{}","a":1}}"#, hash("1234"))),
            ),
            (
                r#"{"token":null,"pin":true,"otp":false,"auth":""}"#.to_owned(),
                None,
            ),
            (
                r#"{"auth":{"u":"}\"","p":[1]},"b":"c"}"#.to_owned(),
                Some(format!(
                    r#"{{"auth":"{}","b":"c"}}"#,
                    hash(r#"{"u":"}\"","p":[1]}"#)
                )),
            ),
            (
                r#"{"token":"cut"#.to_owned(),
                Some(format!(r#"{{"token":"{}"#, hash("cut"))),
            ),
            (
                r#"{"token":[1,"#.to_owned(),
                Some(format!(r#"{{"token":"{}""#, hash("[1,"))),
            ),
            (
                r#"{"pin":12"#.to_owned(),
                Some(format!(r#"{{"pin":"{}""#, hash("12"))),
            ),
            (
                "{\"a\":\"x\ny\",\"pin\":\"1\"}".to_owned(),
                Some(format!("{{\"a\":\"x\ny\",\"pin\":\"{}\"}}", hash("1"))),
            ),
        ] {
            assert_eq!(filtered(&text, true), expected.unwrap_or(text));
        }
        assert_eq!(
            filtered("a \" alone\ndata: {\"pin\":\"1\"}\n", false),
            format!("a \" alone\ndata: {{\"pin\":\"{}\"}}\n", hash("1"))
        );
    }
}
