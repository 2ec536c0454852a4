//! Fields that stand in a line of their own: those of HTTP/1 heads, and those of eCapture's listings of HTTP/2.
//!
//! A line that begins like a field is taken for one wherever it stands, so nothing has to be known of what came before.

use std::ops::Range;

use super::Tools;
use super::covers::Covers;
use super::secret::{HARMLESS_BYTES, Secret, Writing};
use crate::redact::rules::{FieldSort, Rules, begins_scheme, is_scheme};

/// How long the beginning of a line may be that names a field, in bytes.
const NAME_BYTES: usize = 256;
/// How long the word is that may be the scheme of credentials.
const SCHEME_BYTES: usize = 32;
/// What a field of a listing begins with, and what is between its name and its value.
const LISTED: &[u8] = b"header field \"";
const LISTED_VALUE: &[u8] = b"\" = \"";

/// Text on its way, line by line.
#[derive(Debug)]
pub(super) struct Lines {
    state: State,
    /// Where in the piece cookies are.
    cookies: Vec<Range<usize>>,
}

#[derive(Debug)]
enum State {
    /// In the beginning of a line, which may name a field.
    Name(Vec<u8>),
    /// In a line without a secret, or behind it.
    Rest,
    Value(Value),
    /// Behind the line of a field, which a blank continues.
    Folded(FieldSort),
}

#[derive(Debug)]
struct Value {
    sort: FieldSort,
    /// Whether it is in quotes, and whether the next byte is escaped.
    is_quoted: bool,
    is_escaped: bool,
    part: Part,
}

#[derive(Debug)]
enum Part {
    Blank,
    /// A scheme, or a secret without one.
    Word(Vec<u8>, Secret),
    Secret(Secret),
    /// The name of a cookie, or one without a name.
    Cookie(Secret),
    CookieValue(Secret),
    /// Nothing secret up to the end of the line.
    Plain,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            state: State::Name(Vec::new()),
            cookies: Vec::new(),
        }
    }
}

impl Lines {
    /// In the value of a field of this sort.
    pub(super) fn in_value(sort: FieldSort) -> Self {
        Self {
            state: State::value(sort, false),
            cookies: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, tools: &Tools<'_>, bytes: &[u8], covers: &mut Covers) {
        self.cookies.clear();
        let mut at = 0;
        while let Some(rest) = bytes.get(at..) {
            // The rest of a line ends with it.
            if matches!(self.state, State::Rest) {
                let Some(skipped) = memchr::memchr(b'\n', rest) else {
                    break;
                };
                at += skipped;
            }
            let Some(byte) = bytes.get(at) else { break };
            let state = std::mem::replace(&mut self.state, State::Rest);
            if state.has_cookies() {
                match self.cookies.last_mut() {
                    Some(last) if last.end == at => last.end = at + 1,
                    _ => self.cookies.push(at..at + 1),
                }
            }
            self.state = state.step(tools, (bytes, at, *byte), covers);
            at += 1;
        }
        if let State::Value(value) = &mut self.state {
            value.part.pause(bytes, covers);
        }
    }

    /// Where in the piece that was pushed last cookies are, in order: a semicolon ends each.
    pub(super) fn cookies(&self) -> &[Range<usize>] {
        &self.cookies
    }
}

impl State {
    fn value(sort: FieldSort, is_quoted: bool) -> Self {
        match sort {
            FieldSort::Text => Self::Rest,
            sort => Self::Value(Value {
                sort,
                is_quoted,
                is_escaped: false,
                part: Part::Blank,
            }),
        }
    }

    fn has_cookies(&self) -> bool {
        let sorts = [FieldSort::Cookies, FieldSort::SetCookie];
        matches!(self, Self::Value(value) if sorts.contains(&value.sort))
    }

    fn step(
        self,
        tools: &Tools<'_>,
        (bytes, at, byte): (&[u8], usize, u8),
        covers: &mut Covers,
    ) -> Self {
        match self {
            Self::Name(name) => in_name(tools.rules, name, byte),
            Self::Rest if byte == b'\n' => Self::Name(Vec::new()),
            Self::Rest => Self::Rest,
            Self::Folded(sort) if is_blank(byte) => Self::Value(Value {
                sort,
                is_quoted: false,
                is_escaped: false,
                part: Part::Blank,
            }),
            Self::Folded(_) => in_name(tools.rules, Vec::new(), byte),
            Self::Value(value) => value.step(tools, (bytes, at, byte), covers),
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The next byte of what a line begins with.
fn in_name(rules: &Rules, mut name: Vec<u8>, byte: u8) -> State {
    if byte == b'\n' {
        return State::Name(Vec::new());
    }
    // Some write a blank before the colon, which RFC 9112, section 5.1, forbids.
    let bare = name.trim_ascii_end();
    let is_field = bare.iter().all(|byte| is_token(*byte));
    if is_field && byte == b':' && !bare.is_empty() {
        return State::value(rules.field(bare), false);
    }
    let may_go_on = if is_blank(byte) {
        !bare.is_empty()
    } else {
        is_token(byte) && bare.len() == name.len()
    };
    let is_listed = LISTED.get(..name.len()).is_some_and(|start| start == name)
        && LISTED.get(name.len()).is_none_or(|next| *next == byte)
        || name.starts_with(LISTED);
    if name.len() >= NAME_BYTES || !(is_listed || is_field && may_go_on) {
        return State::Rest;
    }
    name.push(byte);
    let listed = name.strip_prefix(LISTED);
    match listed.and_then(|name| name.strip_suffix(LISTED_VALUE)) {
        Some(name) => State::value(rules.field(name), true),
        None => State::Name(name),
    }
}

impl Value {
    fn step(
        mut self,
        tools: &Tools<'_>,
        (bytes, at, byte): (&[u8], usize, u8),
        covers: &mut Covers,
    ) -> State {
        let is_end = self.is_quoted && !self.is_escaped && byte == b'"';
        if byte == b'\n' || is_end {
            let has_return = byte == b'\n' && at > 0 && bytes.get(at - 1) == Some(&b'\r');
            self.part.end(bytes, at - usize::from(has_return), covers);
            return match self.part {
                _ if is_end => State::Rest,
                Part::Plain => State::Name(Vec::new()),
                _ if self.is_quoted => State::Name(Vec::new()),
                _ => State::Folded(self.sort),
            };
        }
        self.is_escaped = self.is_quoted && !self.is_escaped && byte == b'\\';
        let begun = |start| Secret::new(tools.key, start, Writing::Plain);
        let next_cookie = if self.sort == FieldSort::Cookies {
            Part::Blank
        } else {
            Part::Plain
        };
        self.part = match std::mem::replace(&mut self.part, Part::Plain) {
            Part::Blank if is_blank(byte) || byte == b'\r' => Part::Blank,
            Part::Blank => match self.sort {
                FieldSort::Secret => Part::Secret(begun(at)),
                FieldSort::Credentials => Part::Word(vec![byte], begun(at)),
                FieldSort::Text => Part::Plain,
                _ if byte == b'=' => Part::CookieValue(begun(at + 1)),
                _ if byte == b';' => next_cookie,
                _ => Part::Cookie(begun(at)),
            },
            Part::Word(word, secret) if is_blank(byte) => {
                if is_scheme(&word) && !secret.is_covered() {
                    self.sort = FieldSort::Secret;
                    Part::Blank
                } else {
                    Part::Secret(secret)
                }
            }
            Part::Word(mut word, secret) => {
                if word.len() < SCHEME_BYTES {
                    word.push(byte);
                }
                Part::Word(word, secret)
            }
            Part::Cookie(_) if byte == b'=' => Part::CookieValue(begun(at + 1)),
            Part::Cookie(secret) | Part::CookieValue(secret) if byte == b';' => {
                secret.end(bytes, at, covers);
                next_cookie
            }
            other => other,
        };
        State::Value(self)
    }
}

impl Part {
    fn end(&mut self, bytes: &[u8], end: usize, covers: &mut Covers) {
        match std::mem::replace(self, Self::Blank) {
            Self::Plain => *self = Self::Plain,
            Self::Blank => {}
            Self::Word(_, secret)
            | Self::Secret(secret)
            | Self::Cookie(secret)
            | Self::CookieValue(secret) => secret.end(bytes, end, covers),
        }
    }

    fn pause(&mut self, bytes: &[u8], covers: &mut Covers) {
        let has_return = bytes.last() == Some(&b'\r');
        let end = bytes.len() - usize::from(has_return);
        match self {
            Self::Blank | Self::Plain => {}
            Self::Word(word, secret) if begins_scheme(word) => secret.skip(bytes),
            Self::Cookie(secret)
                if secret.length(end) <= HARMLESS_BYTES && !secret.is_covered() =>
            {
                secret.skip(bytes);
            }
            Self::Word(_, secret)
            | Self::Secret(secret)
            | Self::Cookie(secret)
            | Self::CookieValue(secret) => secret.pause(bytes, end, covers),
        }
    }
}
