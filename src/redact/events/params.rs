//! Parameters of queries and forms, and whatever else is a name, an equals sign and a value.

use std::ops::Range;

use super::Tools;
use super::covers::Covers;
use super::secret::{Secret, Writing};
use crate::redact::form::Percent;

/// Names of more bytes are not those of secrets.
const NAME_BYTES: usize = 512;

/// How an ampersand may be written in JSON, behind the backslash.
const ESCAPED_AMPERSAND: &[u8] = b"u0026";

/// Text on its way.
#[derive(Debug)]
pub(super) struct Params {
    /// Whether it is a form, in which only an ampersand ends a value.
    is_form: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Within what may be a name; `None` if it is none.
    Name(Option<Vec<u8>>),
    /// Within a value of a form that is no secret.
    Value,
    /// In the beginning of a value, before which a quote may stand.
    Begin(usize),
    /// Within a secret, and whether a backslash came before.
    Secret(Secret, bool),
    /// Within a secret in such quotes.
    Quoted(Secret, u8),
}

impl Params {
    pub(super) fn new(is_form: bool) -> Self {
        Self {
            is_form,
            state: State::Name(Some(Vec::new())),
        }
    }

    /// `cookies` is where a semicolon ends a value.
    pub(super) fn push(
        &mut self,
        tools: &Tools<'_>,
        (bytes, cookies): (&[u8], &[Range<usize>]),
        covers: &mut Covers,
    ) {
        let mut cookies = cookies.iter().peekable();
        for (at, byte) in bytes.iter().enumerate() {
            while cookies.next_if(|range| range.end <= at).is_some() {}
            if *byte == b';' && cookies.peek().is_some_and(|range| range.contains(&at)) {
                // `Lines` sees to what is before it.
                self.state = State::Name(Some(Vec::new()));
                continue;
            }
            let state = std::mem::replace(&mut self.state, State::Value);
            self.state = if self.is_form {
                in_form(state, tools, (bytes, at, *byte), covers)
            } else {
                in_text(state, tools, (bytes, at, *byte), covers)
            };
        }
        match &mut self.state {
            State::Begin(at) => *at = 0,
            State::Secret(secret, is_escaped) => {
                let end = bytes.len().saturating_sub(usize::from(*is_escaped));
                secret.pause(bytes, end, covers);
            }
            State::Quoted(secret, _) => secret.pause(bytes, bytes.len(), covers),
            State::Name(_) | State::Value => {}
        }
    }
}

fn in_form(
    state: State,
    tools: &Tools<'_>,
    (bytes, at, byte): (&[u8], usize, u8),
    covers: &mut Covers,
) -> State {
    match state {
        State::Secret(secret, _) if byte == b'&' => {
            secret.end(bytes, at, covers);
            State::Name(Some(Vec::new()))
        }
        State::Name(_) | State::Value if byte == b'&' => State::Name(Some(Vec::new())),
        State::Name(name) if byte == b'=' => {
            if name.is_some_and(|name| tools.rules.is_secret_encoded(&name)) {
                let writing = Writing::Percent(Percent::default());
                State::Secret(Secret::new(tools.key, at + 1, writing), false)
            } else {
                State::Value
            }
        }
        State::Name(name) => State::Name(longer(name, byte)),
        other => other,
    }
}

fn longer(name: Option<Vec<u8>>, byte: u8) -> Option<Vec<u8>> {
    let mut name = name.filter(|name| name.len() < NAME_BYTES)?;
    name.push(byte);
    Some(name)
}

fn in_text(
    state: State,
    tools: &Tools<'_>,
    (bytes, at, byte): (&[u8], usize, u8),
    covers: &mut Covers,
) -> State {
    match state {
        State::Name(name) if is_name(byte) => State::Name(longer(name, byte)),
        State::Name(Some(name)) if byte == b'=' && is_secret(tools, &name) => State::Begin(at + 1),
        State::Name(_) | State::Value => State::Name(Some(Vec::new())),
        State::Begin(start) => match byte {
            b'"' | b'\'' => State::Quoted(begun(tools, at + 1), byte),
            _ => in_text(
                State::Secret(begun(tools, start), false),
                tools,
                (bytes, at, byte),
                covers,
            ),
        },
        State::Quoted(secret, quote) if byte == quote || byte == b'\n' => {
            secret.end(bytes, at, covers);
            State::Name(Some(Vec::new()))
        }
        State::Secret(secret, is_escaped) => {
            let is_over = byte.is_ascii_whitespace()
                || b"&#\"<>".contains(&byte)
                || is_escaped && byte == b'u';
            if is_over {
                let end = at.saturating_sub(usize::from(is_escaped));
                secret.end(bytes, end, covers);
                let name = (byte == b'u').then_some(byte);
                State::Name(Some(name.into_iter().collect()))
            } else {
                State::Secret(secret, byte == b'\\' && !is_escaped)
            }
        }
        State::Quoted(..) => state,
    }
}

fn begun(tools: &Tools<'_>, start: usize) -> Secret {
    Secret::new(tools.key, start, Writing::Plain)
}

fn is_secret(tools: &Tools<'_>, name: &[u8]) -> bool {
    let after_escape = name.strip_prefix(ESCAPED_AMPERSAND);
    tools.rules.is_secret_encoded(name)
        || after_escape.is_some_and(|name| tools.rules.is_secret_encoded(name))
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._~%[]-".contains(&byte)
}
