//! Members of JSON, in whatever text: as `redact::json` finds them, and covered where they are.

use super::Tools;
use super::covers::Covers;
use super::secret::{Secret, Writing};
use crate::redact::json::{NAME_BYTES, Unescape, WORD_BYTES, is_word};

/// Text on its way.
#[derive(Debug, Default)]
pub(super) struct Members {
    state: State,
    /// The string that was read last, if that can be a name.
    name: Option<Vec<u8>>,
    /// Whether what comes next is the value of a secret member.
    is_secret: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Outside,
    String(Unescape),
    /// With whether the next byte is escaped.
    SecretString(Secret, bool),
    SecretWord(Secret, Vec<u8>),
    SecretTree {
        secret: Secret,
        depth: u64,
        /// Within a string: whether the next byte is escaped.
        string: Option<bool>,
    },
}

impl Members {
    pub(super) fn push(&mut self, tools: &Tools<'_>, bytes: &[u8], covers: &mut Covers) {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..) {
            // Outside, only a quote begins something.
            let is_idle = matches!(self.state, State::Outside) && self.name.is_none();
            if is_idle && !self.is_secret {
                let Some(skipped) = memchr::memchr(b'"', rest) else {
                    break;
                };
                at += skipped;
            }
            let Some(byte) = bytes.get(at) else { break };
            self.step(tools, (bytes, at, *byte), covers);
            at += 1;
        }
        match &mut self.state {
            State::SecretWord(secret, word) if begins_literal(word) && !secret.is_covered() => {
                secret.skip(bytes);
            }
            State::SecretString(secret, _)
            | State::SecretWord(secret, _)
            | State::SecretTree { secret, .. } => secret.pause(bytes, bytes.len(), covers),
            State::Outside | State::String(_) => {}
        }
    }

    fn step(
        &mut self,
        tools: &Tools<'_>,
        (bytes, at, byte): (&[u8], usize, u8),
        covers: &mut Covers,
    ) {
        self.state = match std::mem::take(&mut self.state) {
            State::Outside => self.outside(tools, at, byte),
            State::String(_) if byte == b'\n' => {
                self.name = None;
                State::Outside
            }
            State::String(mut unescape) => {
                let name = &mut self.name;
                let is_over = unescape.push(byte, &mut |bytes| {
                    *name = name.take().filter(|name| name.len() <= NAME_BYTES);
                    if let Some(name) = name {
                        name.extend_from_slice(bytes);
                    }
                });
                if is_over {
                    State::Outside
                } else {
                    State::String(unescape)
                }
            }
            State::SecretString(secret, false) if byte == b'"' => {
                secret.end(bytes, at, covers);
                State::Outside
            }
            State::SecretString(secret, is_escaped) => {
                State::SecretString(secret, !is_escaped && byte == b'\\')
            }
            State::SecretWord(secret, mut word) if is_word(byte) => {
                if word.len() <= WORD_BYTES {
                    word.push(byte);
                }
                State::SecretWord(secret, word)
            }
            State::SecretWord(secret, word) => {
                if secret.is_covered() || !matches!(&word[..], b"true" | b"false" | b"null") {
                    secret.end(bytes, at, covers);
                }
                self.outside(tools, at, byte)
            }
            State::SecretTree {
                secret,
                mut depth,
                mut string,
            } => {
                match (string, byte) {
                    (Some(true), _) | (Some(false), b'\\') => string = string.map(|is| !is),
                    (Some(false), b'"') => string = None,
                    (None, b'"') => string = Some(false),
                    (None, b'{' | b'[') => depth = depth.saturating_add(1),
                    (None, b'}' | b']') => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if depth == 0 {
                    secret.end(bytes, at + 1, covers);
                    State::Outside
                } else {
                    State::SecretTree {
                        secret,
                        depth,
                        string,
                    }
                }
            }
        };
    }

    fn outside(&mut self, tools: &Tools<'_>, at: usize, byte: u8) -> State {
        if byte.is_ascii_whitespace() {
            return State::Outside;
        }
        let name = self.name.take();
        let plain = |at| Secret::new(tools.key, at, Writing::Plain).with_quotes();
        if std::mem::take(&mut self.is_secret) {
            match byte {
                b'"' => {
                    let writing = Writing::Json(Unescape::default());
                    return State::SecretString(Secret::new(tools.key, at + 1, writing), false);
                }
                b'{' | b'[' => {
                    return State::SecretTree {
                        secret: plain(at),
                        depth: 1,
                        string: None,
                    };
                }
                _ if is_word(byte) => return State::SecretWord(plain(at), vec![byte]),
                _ => {}
            }
        }
        if byte == b'"' {
            self.name = Some(Vec::new());
            return State::String(Unescape::default());
        }
        if byte == b':' {
            self.is_secret = name.is_some_and(|name| tools.rules.is_secret(&name));
        }
        State::Outside
    }
}

fn begins_literal(word: &[u8]) -> bool {
    ["true", "false", "null"]
        .iter()
        .any(|literal| literal.as_bytes().starts_with(word))
}
