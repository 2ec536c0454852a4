//! The text of a filter, cut into tokens.
//!
//! What a word means depends on what it is compared with: `10:00` is a time, two bytes or a text. So words stay as they
//! are here, and `check` reads them.

use std::ops::Range;

use super::parse_error::{ParseError, harmless};

/// A piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// Where it stands, in bytes.
    pub(super) span: Range<usize>,
    /// What it is.
    pub(super) kind: TokenKind<'a>,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind<'a> {
    /// A name, a keyword or a value without quotes.
    Word(&'a str),
    /// A value in quotes: what the quotes hold, escapes undone.
    Quoted(Vec<u8>),
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// Everything that is neither word nor quoted; of those that begin alike, the longest comes first. Those from other
/// languages are here so that they can be answered with the right one.
const SYMBOLS: [&str; 30] = [
    "===", "!==", "&&", "||", "^^", "==", "!=", "<=", ">=", "=~", "!~", "~=", "~*", "<>", "=>",
    "=<", "..", "<", ">", "~", "!", "=", "&", "|", "^", "(", ")", "{", "}", ",",
];

/// A text, and how far it is read.
struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token<'a>>,
}

/// Cuts `text` into tokens, the last of which is its end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, ParseError> {
    let mut lexer = Lexer {
        text,
        at: 0,
        tokens: Vec::new(),
    };
    while let Some(character) = lexer.peek() {
        if character.is_whitespace() {
            lexer.at += character.len_utf8();
        } else {
            lexer.token(character)?;
        }
    }
    let end = text.len();
    lexer.push(end, TokenKind::End);
    Ok(lexer.tokens)
}

/// Whether `character` can be in a word: a name, a number, an address, a time, a path.
fn is_in_word(character: char) -> bool {
    character.is_alphanumeric() || "_.:/+-@%*?".contains(character)
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn push(&mut self, start: usize, kind: TokenKind<'a>) {
        self.tokens.push(Token {
            span: start..self.at,
            kind,
        });
    }

    fn token(&mut self, first: char) -> Result<(), ParseError> {
        let start = self.at;
        if matches!(first, '"' | '\'') {
            return self.quoted(start, first);
        }
        if matches!(first, 'r' | 'R')
            && let Some(quote @ ('"' | '\'')) = self.rest().chars().nth(1)
        {
            return self.raw(start, quote);
        }
        if first == '[' && !self.is_bracket() {
            return self.address_in_brackets(start);
        }
        for (bracket, symbol) in [('[', "["), (']', "]")] {
            if first == bracket {
                self.at += 1;
                self.push(start, TokenKind::Symbol(symbol));
                return Ok(());
            }
        }
        if let Some(symbol) = SYMBOLS.iter().find(|each| self.rest().starts_with(**each)) {
            self.at += symbol.len();
            self.push(start, TokenKind::Symbol(symbol));
            return Ok(());
        }
        if is_in_word(first) {
            self.word(start);
            return Ok(());
        }
        self.at += first.len_utf8();
        Err(self.fault(start, unexpected(first)))
    }

    /// Whether a `[` belongs to what stands directly before it, or a name in quotes follows.
    fn is_bracket(&self) -> bool {
        let is_behind = self.tokens.last().is_some_and(|before| {
            before.span.end == self.at
                && matches!(before.kind, TokenKind::Word(_) | TokenKind::Symbol("]"))
        });
        is_behind || matches!(self.rest().chars().nth(1), Some('"' | '\''))
    }

    /// Reads on while there are characters of a word; `..` ends it.
    fn word(&mut self, start: usize) {
        let mut length = 0;
        let rest = self.rest();
        for (at, character) in rest.char_indices() {
            let is_range = rest.get(at..).is_some_and(|rest| rest.starts_with(".."));
            if !is_in_word(character) || is_range {
                break;
            }
            length = at + character.len_utf8();
        }
        self.at += length;
        self.push_word(start);
    }

    fn push_word(&mut self, start: usize) {
        let word = self.text.get(start..self.at).unwrap_or_default();
        self.push(start, TokenKind::Word(word));
    }

    /// `[2001:db8::1]:443`
    fn address_in_brackets(&mut self, start: usize) -> Result<(), ParseError> {
        self.at += 1;
        let inner = self
            .rest()
            .find(|character| !is_in_word(character))
            .unwrap_or(self.rest().len());
        self.at += inner;
        if self.peek() != Some(']') {
            return Err(self.fault(start, "this bracket is not closed".to_owned()));
        }
        self.at += 1;
        self.word(start);
        Ok(())
    }

    /// `r"…"`: a backslash stays, and so does what it stands before.
    fn raw(&mut self, start: usize, quote: char) -> Result<(), ParseError> {
        self.at += 2;
        let mut value = String::new();
        while let Some(character) = self.next() {
            if character == quote {
                self.push(start, TokenKind::Quoted(value.into_bytes()));
                return Ok(());
            }
            value.push(character);
            if character == '\\' {
                value.extend(self.next());
            }
        }
        Err(self.unclosed(start))
    }

    fn quoted(&mut self, start: usize, quote: char) -> Result<(), ParseError> {
        self.at += 1;
        let mut value = Vec::new();
        loop {
            let at = self.at;
            match self.next() {
                None => return Err(self.unclosed(start)),
                Some('\\') => self.escape(at, &mut value)?,
                Some(character) if character == quote => break,
                Some(character) => push_char(&mut value, character),
            }
        }
        self.push(start, TokenKind::Quoted(value));
        Ok(())
    }

    /// What follows a backslash, which stands at `start`.
    fn escape(&mut self, start: usize, value: &mut Vec<u8>) -> Result<(), ParseError> {
        let Some(letter) = self.next() else {
            return Ok(());
        };
        match letter {
            '"' | '\'' | '\\' => push_char(value, letter),
            'n' => value.push(b'\n'),
            'r' => value.push(b'\r'),
            't' => value.push(b'\t'),
            'x' => {
                let byte = self.digits(start, 2, 16)?;
                value.extend(u8::try_from(byte));
            }
            '0'..='7' => {
                self.at -= 1;
                let length = self
                    .rest()
                    .bytes()
                    .take(3)
                    .take_while(|digit| is_octal(*digit))
                    .count();
                let number = self.digits(start, length, 8)?;
                let byte = u8::try_from(number).map_err(|_| {
                    self.fault(start, "an octal escape goes up to `\\377`".to_owned())
                })?;
                value.push(byte);
            }
            'u' | 'U' => {
                let length = if letter == 'u' { 4 } else { 8 };
                let number = self.digits(start, length, 16)?;
                let character = char::from_u32(number)
                    .ok_or_else(|| self.fault(start, "there is no such character".to_owned()))?;
                push_char(value, character);
            }
            other => {
                let other = harmless(other.encode_utf8(&mut [0; 4]));
                return Err(self.fault(
                    start,
                    format!(
                        "unknown escape: write `\\\\{other}` for a backslash, or r\"…\" for a text in which it \
                         stands for itself"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// A number of exactly `length` digits.
    fn digits(&mut self, start: usize, length: usize, base: u32) -> Result<u32, ParseError> {
        let digits = self.rest().get(..length).filter(|digits| {
            !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base))
        });
        match digits.and_then(|digits| u32::from_str_radix(digits, base).ok()) {
            Some(number) => {
                self.at += length;
                Ok(number)
            }
            None => Err(self.fault(start, format!("this escape needs {length} digits"))),
        }
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    fn unclosed(&self, start: usize) -> ParseError {
        self.fault(start, "this text is not closed by a quote".to_owned())
    }

    fn fault(&self, start: usize, message: String) -> ParseError {
        ParseError::new(self.text, start..self.at, message)
    }
}

fn is_octal(digit: u8) -> bool {
    (b'0'..=b'7').contains(&digit)
}

fn push_char(value: &mut Vec<u8>, character: char) {
    value.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn unexpected(character: char) -> String {
    match character {
        '“' | '”' | '„' | '‘' | '’' | '«' | '»' => {
            "this is no quote that is understood: use `\"`".to_owned()
        }
        _ => "this has no meaning outside of quotes".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match tokens(text) {
            Ok(tokens) => tokens
                .iter()
                .map(|token| match &token.kind {
                    TokenKind::Word(word) => (*word).to_owned(),
                    TokenKind::Quoted(value) => format!("<{}>", value.escape_ascii()),
                    TokenKind::Symbol(symbol) => format!("`{symbol}`"),
                    TokenKind::End => ".".to_owned(),
                })
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => format!("{} {:?}", error.message(), error.span()),
        }
    }

    #[test]
    fn cut() {
        let cases = [
            ("", "."),
            ("port==443", "port `==` 443 ."),
            (
                "port in{80 8000..8100}",
                "port in `{` 80 8000 `..` 8100 `}` .",
            ),
            ("10.0.0.1..10.0.0.9", "10.0.0.1 `..` 10.0.0.9 ."),
            ("a>=-10m&&!b", "a `>=` -10m `&&` `!` b ."),
            ("src==[::1]:443", "src `==` [::1]:443 ."),
            (
                "src in {[::1]:443,:80 [::1]}",
                "src in `{` [::1]:443 `,` :80 [::1] `}` .",
            ),
            ("header[\"a\"][0:4]", "header `[` <a> `]` `[` 0:4 `]` ."),
            (
                "payload[-4:4] == 50:4b",
                "payload `[` -4:4 `]` `==` 50:4b .",
            ),
            (
                r#""a\"\\\n\r\t\x41\101\0\u00e9\U0001F600""#,
                r#"<a\"\\\n\r\tAA\x00\xc3\xa9\xf0\x9f\x98\x80> ."#,
            ),
            (r#"'it\'s "x"'"#, r#"<it\'s \"x\"> ."#),
            (r#"r"\b4\"x""#, r#"<\\b4\\\"x> ."#),
            (r#"r "x""#, "r <x> ."),
            ("2026-11-20T10:00:00+02:00", "2026-11-20T10:00:00+02:00 ."),
            ("café", "café ."),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_token() {
        let cases = [
            ("a \"b", "this text is not closed by a quote 2..4"),
            ("r\"a\\\"", "this text is not closed by a quote 0..5"),
            ("\"a\\", "this text is not closed by a quote 0..3"),
            ("\"\\x4\"", "this escape needs 2 digits 1..3"),
            ("\"\\u12g4\"", "this escape needs 4 digits 1..3"),
            ("\"\\u12é\"", "this escape needs 4 digits 1..3"),
            ("\"\\ud800\"", "there is no such character 1..7"),
            ("\"\\400\"", "an octal escape goes up to `\\377` 1..5"),
            ("a == [::1", "this bracket is not closed 5..9"),
            ("a; b", "this has no meaning outside of quotes 1..2"),
            (
                "a == “b”",
                "this is no quote that is understood: use `\"` 5..8",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
        assert!(shown("\"\\d\"").starts_with("unknown escape: write `\\\\d`"));
        assert!(shown("\"\\\u{1b}\"").starts_with("unknown escape: write `\\\\\\x1b`"));
    }
}
