//! What looks like a secret wherever it stands: what follows `Bearer`, JSON Web Tokens, passwords in URLs. The same as the
//! expression of `redact::rules` says, byte by byte.

use super::Tools;
use super::covers::Covers;
use super::secret::{HARMLESS_BYTES, Secret, Writing};

/// Fewer bytes behind `Bearer` are none of a token.
const BEARER_BYTES: usize = 8;
/// How many letters of base64url come before the first point of a JSON Web Token at least.
const JWT_BYTES: usize = 8;
const BEARER: &[u8] = b"bearer";
const JWT: &[u8] = b"eyJ";
const AUTHORITY: &[u8] = b"://";

/// Text on its way.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    bearer: Bearer,
    jwt: Jwt,
    password: Password,
}

impl Tokens {
    pub(super) fn push(&mut self, tools: &Tools<'_>, bytes: &[u8], covers: &mut Covers) {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..) {
            if self.is_idle() {
                // The first letters of the words that are looked for.
                let is_first = |byte: &u8| matches!(byte, b'b' | b'B' | b'e' | b':');
                let Some(skipped) = rest.iter().position(is_first) else {
                    break;
                };
                at += skipped;
            }
            let Some(byte) = bytes.get(at) else { break };
            let place = (bytes, at, *byte);
            self.bearer = std::mem::take(&mut self.bearer).step(tools, place, covers);
            self.jwt = std::mem::take(&mut self.jwt).step(tools, place, covers);
            self.password = std::mem::take(&mut self.password).step(tools, place, covers);
            at += 1;
        }
        let all = bytes.len();
        match &mut self.bearer {
            Bearer::Token(secret, is_escaped) => {
                secret.pause(bytes, all.saturating_sub(usize::from(*is_escaped)), covers);
            }
            Bearer::Word(_) | Bearer::Blank(_) => {}
        }
        if let Jwt::Token { secret, .. } = &mut self.jwt {
            if secret.length(all) > HARMLESS_BYTES || secret.is_covered() {
                secret.pause(bytes, all, covers);
            } else {
                secret.skip(bytes);
            }
        }
        if let Password::Secret(secret, is_number) = &mut self.password {
            // Up to there it may be a port.
            let is_harmless = *is_number && secret.length(all) <= HARMLESS_BYTES;
            if is_harmless && !secret.is_covered() {
                secret.skip(bytes);
            } else {
                secret.pause(bytes, all, covers);
            }
        }
    }
}

impl Tokens {
    /// Whether it is within no word.
    fn is_idle(&self) -> bool {
        matches!(self.bearer, Bearer::Word(0))
            && matches!(self.jwt, Jwt::Word(0))
            && matches!(self.password, Password::Word(0))
    }
}

type Place<'b> = (&'b [u8], usize, u8);

/// How much of a word was read, with one byte more. In no word of these is its first letter found again.
fn progress(word: &[u8], read: usize, byte: u8) -> usize {
    if word.get(read) == Some(&byte) {
        read + 1
    } else {
        usize::from(word.first() == Some(&byte))
    }
}

#[derive(Debug)]
enum Bearer {
    Word(usize),
    /// Behind the word: whether something parts it from the token, and how much of `%20` was read.
    Blank(Option<usize>),
    /// With whether a backslash came before.
    Token(Secret, bool),
}

impl Default for Bearer {
    fn default() -> Self {
        Self::Word(0)
    }
}

impl Bearer {
    fn step(self, tools: &Tools<'_>, (bytes, at, byte): Place<'_>, covers: &mut Covers) -> Self {
        match self {
            Self::Word(read) => match progress(BEARER, read, byte.to_ascii_lowercase()) {
                read if read == BEARER.len() => Self::Blank(None),
                read => Self::Word(read),
            },
            Self::Blank(None) => match byte {
                b' ' | b'\t' | b'+' => Self::Blank(Some(3)),
                b'%' => Self::Blank(Some(1)),
                _ => Self::Word(progress(BEARER, 0, byte.to_ascii_lowercase())),
            },
            Self::Blank(Some(read)) if read < 3 => match (read, byte) {
                (1, b'2') | (2, b'0') => Self::Blank(Some(read + 1)),
                _ => Self::Word(progress(BEARER, 0, byte.to_ascii_lowercase())),
            },
            Self::Blank(_) if matches!(byte, b' ' | b'\t') => self,
            Self::Blank(_) if is_token(byte) => {
                Self::Token(Secret::new(tools.key, at, Writing::Plain), false)
            }
            Self::Blank(_) => Self::Word(progress(BEARER, 0, byte.to_ascii_lowercase())),
            Self::Token(secret, false) if is_token(byte) => Self::Token(secret, false),
            Self::Token(secret, false) if byte == b'\\' => Self::Token(secret, true),
            Self::Token(secret, true) if byte == b'/' => Self::Token(secret, false),
            Self::Token(secret, is_escaped) => {
                let end = at.saturating_sub(usize::from(is_escaped));
                if secret.length(end) >= BEARER_BYTES || secret.is_covered() {
                    secret.end(bytes, end, covers);
                }
                Self::Word(progress(BEARER, 0, byte.to_ascii_lowercase()))
            }
        }
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._~+/=-%".contains(&byte)
}

#[derive(Debug)]
enum Jwt {
    Word(usize),
    Token {
        secret: Box<Secret>,
        /// How long the part before the point is; `None` behind the point.
        first: Option<usize>,
        /// Whether the second part is there.
        is_sure: bool,
    },
}

impl Default for Jwt {
    fn default() -> Self {
        Self::Word(0)
    }
}

impl Jwt {
    fn step(self, tools: &Tools<'_>, (bytes, at, byte): Place<'_>, covers: &mut Covers) -> Self {
        let is_letter = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        match self {
            Self::Word(read) => match progress(JWT, read, byte) {
                read if read == JWT.len() => {
                    let start = (at + 1).saturating_sub(JWT.len());
                    let missing = JWT.len().saturating_sub(at + 1);
                    let before = JWT.get(..missing).unwrap_or_default();
                    Self::Token {
                        secret: Box::new(
                            Secret::new(tools.key, start, Writing::Plain).after(before),
                        ),
                        first: Some(JWT.len()),
                        is_sure: false,
                    }
                }
                read => Self::Word(read),
            },
            Self::Token {
                secret,
                first: Some(length),
                is_sure,
            } if is_letter => Self::Token {
                secret,
                first: Some(length.saturating_add(1)),
                is_sure,
            },
            Self::Token {
                secret,
                first: Some(length),
                is_sure,
            } if byte == b'.' && length >= JWT_BYTES => Self::Token {
                secret,
                first: None,
                is_sure,
            },
            Self::Token {
                secret,
                first: None,
                is_sure,
            } if is_letter || is_sure && byte == b'.' => Self::Token {
                secret,
                first: None,
                is_sure: true,
            },
            Self::Token {
                secret, is_sure, ..
            } => {
                if is_sure {
                    secret.end(bytes, at, covers);
                }
                Self::Word(progress(JWT, 0, byte))
            }
        }
    }
}

#[derive(Debug)]
enum Password {
    Word(usize),
    User,
    /// With whether it is made of digits alone, as a port is.
    Secret(Secret, bool),
}

impl Default for Password {
    fn default() -> Self {
        Self::Word(0)
    }
}

impl Password {
    fn step(self, tools: &Tools<'_>, (bytes, at, byte): Place<'_>, covers: &mut Covers) -> Self {
        let is_end = byte.is_ascii_whitespace() || b"/?#\"'<>".contains(&byte);
        match self {
            Self::Word(read) => match progress(AUTHORITY, read, byte) {
                read if read == AUTHORITY.len() => Self::User,
                read => Self::Word(read),
            },
            Self::User if byte == b':' => {
                Self::Secret(Secret::new(tools.key, at + 1, Writing::Plain), true)
            }
            Self::User if is_end || byte == b'@' => Self::Word(0),
            Self::User => Self::User,
            Self::Secret(secret, _) if byte == b'@' => {
                secret.end(bytes, at, covers);
                Self::Word(0)
            }
            Self::Secret(..) if is_end => Self::Word(0),
            Self::Secret(secret, is_number) => {
                Self::Secret(secret, is_number && byte.is_ascii_digit())
            }
        }
    }
}
