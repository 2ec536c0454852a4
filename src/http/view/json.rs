//! JSON, laid out for reading: one member or element a line.
//!
//! It is rewritten token by token. Numbers, strings, the order of members and members that are there twice stay as they
//! were sent; only the white space between tokens is other. No tree is built, so memory is bounded by the depth.
//! Several values, each on lines of its own (JSON Lines), are laid out one after another.

/// How deep values may be nested.
const MAX_DEPTH: usize = 512;
/// By how many blanks each level is indented.
const INDENT: usize = 2;
/// How far a line is indented at most, in blanks, so that what is nested deeply does not grow out of proportion.
const MAX_INDENT: usize = 64;

/// The bytes are not JSON (RFC 8259), or nested too deeply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not JSON, or nested too deeply")]
pub struct NotJson;

/// Whether `start` is JSON as far as it goes: the beginning of an object or an array, of which the rest may be missing.
pub(super) fn is_start(start: &[u8]) -> bool {
    matches!(start.trim_ascii_start().first(), Some(b'{' | b'[')) && may_be(start)
}

/// Whether any JSON can begin so.
pub fn may_be(start: &[u8]) -> bool {
    Layout::new().push(start, &mut Vec::new()).is_ok()
}

/// Lays out JSON that comes piece by piece.
#[derive(Debug)]
pub struct Layout {
    /// For each open value, whether it is an object.
    open: Vec<bool>,
    state: State,
    /// Whether a value was ended, and no line since.
    is_after_value: bool,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A value.
    Value,
    /// The first element or the end.
    FirstElement,
    /// The first name or the end.
    FirstName,
    Name,
    Colon,
    /// A comma or the end; at the top, another value.
    After,
    Text {
        is_name: bool,
        within: Within,
    },
    Number(Number),
    /// The rest of `true`, `false` or `null`.
    Word(&'static [u8]),
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Characters,
    Escape,
    /// So many hexadecimal digits are missing.
    Hex(u8),
}

/// How far a number is (RFC 8259, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Number {
    fn next(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Integer, b'0'..=b'9') => Self::Integer,
            (Self::Zero | Self::Integer, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => {
                Self::ExponentDigits
            }
            _ => return None,
        })
    }

    fn can_end(self) -> bool {
        matches!(
            self,
            Self::Zero | Self::Integer | Self::Fraction | Self::ExponentDigits
        )
    }
}

impl Default for Layout {
    fn default() -> Self {
        Self::new()
    }
}

impl Layout {
    /// Before the first byte.
    pub fn new() -> Self {
        Self {
            open: Vec::new(),
            state: State::Value,
            is_after_value: false,
        }
    }

    /// Lays out `piece` and appends it to `out`.
    ///
    /// # Errors
    /// If it is not JSON; then everything after it is not, too.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), NotJson> {
        if self.push_json(piece, out) < piece.len() {
            return Err(NotJson);
        }
        Ok(())
    }

    /// The same, as far as it is JSON: of how many bytes the layout was appended.
    pub fn push_json(&mut self, piece: &[u8], out: &mut Vec<u8>) -> usize {
        for (at, byte) in piece.iter().enumerate() {
            let before = out.len();
            self.state = self.take(*byte, out).unwrap_or(State::Broken);
            if self.state == State::Broken {
                out.truncate(before);
                return at;
            }
        }
        piece.len()
    }

    /// Ends the last line.
    ///
    /// # Errors
    /// If a value is not complete, or there is none.
    pub fn end(&mut self, out: &mut Vec<u8>) -> Result<(), NotJson> {
        let is_number = matches!(self.state, State::Number(number) if number.can_end());
        if !self.open.is_empty() || !(is_number || self.state == State::After) {
            return Err(NotJson);
        }
        out.push(b'\n');
        Ok(())
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>) -> Option<State> {
        match self.state {
            State::Text { is_name, within } => {
                out.push(byte);
                return text(byte, is_name, within);
            }
            State::Word([next, rest @ ..]) if *next == byte => {
                out.push(byte);
                return Some(if rest.is_empty() {
                    State::After
                } else {
                    State::Word(rest)
                });
            }
            State::Word(_) | State::Broken => return None,
            State::Number(number) => {
                if let Some(number) = number.next(byte) {
                    out.push(byte);
                    return Some(State::Number(number));
                }
                if !number.can_end() {
                    return None;
                }
                self.state = State::After;
            }
            _ => {}
        }
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            self.is_after_value |=
                byte == b'\n' && self.state == State::After && self.open.is_empty();
            return Some(self.state);
        }
        match (self.state, byte) {
            (State::FirstElement, b']') | (State::FirstName, b'}') => {
                self.open.pop();
                out.push(byte);
                Some(State::After)
            }
            (State::FirstElement, _) => {
                self.line(out);
                self.value(byte, out)
            }
            (State::FirstName | State::Name, b'"') => {
                self.line(out);
                out.push(byte);
                Some(State::Text {
                    is_name: true,
                    within: Within::Characters,
                })
            }
            (State::Value, _) => self.value(byte, out),
            (State::Colon, b':') => {
                out.extend_from_slice(b": ");
                Some(State::Value)
            }
            (State::After, _) => self.after(byte, out),
            _ => None,
        }
    }

    fn after(&mut self, byte: u8, out: &mut Vec<u8>) -> Option<State> {
        match (self.open.last().copied(), byte) {
            (Some(true), b',') => {
                out.push(byte);
                Some(State::Name)
            }
            (Some(false), b',') => {
                out.push(byte);
                self.line(out);
                Some(State::Value)
            }
            (Some(true), b'}') | (Some(false), b']') => {
                self.open.pop();
                self.line(out);
                out.push(byte);
                Some(State::After)
            }
            (None, _) if self.is_after_value => {
                self.is_after_value = false;
                out.push(b'\n');
                self.value(byte, out)
            }
            _ => None,
        }
    }

    fn value(&mut self, byte: u8, out: &mut Vec<u8>) -> Option<State> {
        out.push(byte);
        Some(match byte {
            b'{' | b'[' => {
                if self.open.len() >= MAX_DEPTH {
                    return None;
                }
                let is_object = byte == b'{';
                self.open.push(is_object);
                if is_object {
                    State::FirstName
                } else {
                    State::FirstElement
                }
            }
            b'"' => State::Text {
                is_name: false,
                within: Within::Characters,
            },
            b'-' => State::Number(Number::Minus),
            b'0' => State::Number(Number::Zero),
            b'1'..=b'9' => State::Number(Number::Integer),
            b't' => State::Word(b"rue"),
            b'f' => State::Word(b"alse"),
            b'n' => State::Word(b"ull"),
            _ => return None,
        })
    }

    /// Begins a line.
    fn line(&self, out: &mut Vec<u8>) {
        let blanks = self.open.len().saturating_mul(INDENT).min(MAX_INDENT);
        out.push(b'\n');
        out.extend(std::iter::repeat_n(b' ', blanks));
    }
}

/// What follows a byte of a string (RFC 8259, section 7).
fn text(byte: u8, is_name: bool, within: Within) -> Option<State> {
    let within = match (within, byte) {
        (Within::Characters, b'"') => {
            return Some(if is_name { State::Colon } else { State::After });
        }
        (Within::Characters, b'\\') => Within::Escape,
        (Within::Characters, 0x20..)
        | (Within::Hex(1), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => Within::Characters,
        (Within::Escape, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
            Within::Characters
        }
        (Within::Escape, b'u') => Within::Hex(4),
        (Within::Hex(missing), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
            Within::Hex(missing.saturating_sub(1))
        }
        _ => return None,
    };
    Some(State::Text { is_name, within })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The layout of `text`; `None` if it is not JSON.
    fn pretty(text: &str) -> Option<String> {
        let mut layout = Layout::new();
        let mut out = Vec::new();
        layout.push(text.as_bytes(), &mut out).ok()?;
        layout.end(&mut out).ok()?;
        String::from_utf8(out).ok()
    }

    #[test]
    fn it_is_laid_out_as_far_as_it_is_json() {
        for (text, expected, taken) in [
            ("[1,2}x", "[\n  1,\n  2", 4),
            ("[\"a\tb\"]", "[\n  \"a", 3),
            ("{\"a\":?", "{\n  \"a\": ", 5),
            ("[1,2]", "[\n  1,\n  2\n]", 5),
        ] {
            let mut out = Vec::new();
            let mut layout = Layout::new();
            assert_eq!(layout.push_json(text.as_bytes(), &mut out), taken, "{text}");
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn lays_out() {
        for (text, expected) in [
            ("1", "1\n"),
            (" -0.50e+07 ", "-0.50e+07\n"),
            ("[]", "[]\n"),
            ("{ }", "{}\n"),
            ("[1, [ ],{}]", "[\n  1,\n  [],\n  {}\n]\n"),
            (
                "{\"b\":1.0,\"a\":\"\\u00e4\\\"\",\"b\":{\"c\":null}}",
                "{\n  \"b\": 1.0,\n  \"a\": \"\\u00e4\\\"\",\n  \"b\": {\n    \"c\": null\n  }\n}\n",
            ),
            ("12345678901234567890123", "12345678901234567890123\n"),
            (
                "{\"a\":1}\n{\"a\":2}\r\n",
                "{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n",
            ),
            ("1\n2", "1\n2\n"),
            ("\"gr\u{fc}n\"", "\"gr\u{fc}n\"\n"),
        ] {
            assert_eq!(pretty(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_text_is_left() {
        for text in [
            "",
            " ",
            "{",
            "]",
            "[1",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            "-",
            "1e",
            "+1",
            ".5",
            "tru",
            "nul l",
            "True",
            "\"a",
            "\"\t\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "1 2",
            "{}{}",
            "[1}",
            "{\"a\":1]",
            "NaN",
            "[1 2]",
            "'a'",
            "{\"a\" 1}",
            "hello",
        ] {
            assert_eq!(pretty(text), None, "{text}");
        }
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(pretty(&nested(MAX_DEPTH)).is_some());
        assert_eq!(pretty(&nested(MAX_DEPTH + 1)), None);
    }

    #[test]
    fn tells_a_start() {
        assert!(is_start(b" {\"a\":[1,2,tr"));
        assert!(!is_start(b"{\"a\":[1,2,tx"));
        assert!(!is_start(b"12"));
        assert!(!is_start(b"[link] (to)"));
    }

    fn any_json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<i64>().prop_map(|number| number.to_string()),
            any::<f64>()
                .prop_filter("finite", |number| number.is_finite())
                .prop_map(|number| format!("{number:e}")),
            "[ -~\\t\u{e4}]{0,6}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5)
                    .prop_map(|all| format!("[{}]", all.join(" , "))),
                proptest::collection::vec(inner, 0..5).prop_map(|all| {
                    let members: Vec<_> = all
                        .iter()
                        .map(|value| format!("\"a\\n\" :{value}"))
                        .collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn only_white_space_changes(text in any_json()) {
            let pretty = pretty(&text).unwrap();
            let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            prop_assert_eq!(read(&pretty), read(&text));
            let bare = |text: &str| text.replace([' ', '\n'], "");
            prop_assert_eq!(bare(&pretty), bare(&text));
        }

        #[test]
        fn pieces_change_nothing(text in prop_oneof![any_json(), "[\\[\\]{}\",:0-9a-f \\n\\\\eE.+-]{0,30}"], at in any::<prop::sample::Index>()) {
            let whole = pretty(&text);
            let (first, second) = text.as_bytes().split_at(at.index(text.len() + 1));
            let mut layout = Layout::new();
            let mut out = Vec::new();
            let pieces = layout.push(first, &mut out)
                .and_then(|()| layout.push(second, &mut out))
                .and_then(|()| layout.end(&mut out));
            prop_assert_eq!(pieces.ok().map(|()| String::from_utf8(out).unwrap()), whole.clone());
            if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() {
                prop_assert!(whole.is_some());
            }
        }
    }
}
