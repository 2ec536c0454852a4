//! Which words of a statement are followed by a secret.

use super::commands::Take;

/// How many words may name the user in `SET PASSWORD FOR`, with those that its quotes part.
const USER_WORDS: u8 = 8;

/// What is awaited behind the words that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Expect {
    #[default]
    Nothing,
    /// A word came last: an equals sign may follow, and then a string.
    Sign,
    /// Behind `PASSWORD`: a string, also in parentheses or after an equals sign, or `FOR`.
    Password,
    /// Behind `PASSWORD FOR`, and so many words: an equals sign.
    User(u8),
    /// Behind `IDENTIFIED`.
    Identified,
    /// Behind `IDENTIFIED WITH`: the name of a plugin.
    Plugin,
    /// Behind that: what says that a string follows.
    Named,
    /// A string.
    String,
    /// Behind a string that was a secret: another one may be replaced by it.
    Another,
    /// The value of an option.
    Value(Take),
}

impl Expect {
    /// Whether a string that comes next is a secret.
    pub(super) fn takes_string(self) -> bool {
        matches!(self, Self::String | Self::Password)
    }

    /// With a word more.
    pub(super) fn after_word(self, word: &[u8]) -> Self {
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        match self {
            _ if is("identified") => Self::Identified,
            Self::Identified if is("by") => Self::String,
            Self::Identified if is("with") || is("via") => Self::Plugin,
            Self::Plugin => Self::Named,
            Self::Named if is("by") || is("as") || is("using") => Self::String,
            Self::Another if is("replace") => Self::String,
            Self::Password if is("for") => Self::User(0),
            Self::User(count) if count < USER_WORDS => Self::User(count + 1),
            _ if is("password") || is("old_password") => Self::Password,
            _ => Self::Sign,
        }
    }

    /// With a byte more that is of no word, right behind one or not. `is_named` says whether the last word is the name of a
    /// secret.
    pub(super) fn after_byte(
        self,
        byte: u8,
        is_behind_word: bool,
        is_named: impl FnOnce() -> bool,
    ) -> Self {
        let is_blank = byte.is_ascii_whitespace() || byte == b'\\';
        let is_quote = matches!(byte, b'\'' | b'"' | b'`');
        match self {
            // Right behind a word a quote rather ends a string, also if it is escaped.
            Self::Password if is_behind_word && (is_quote || byte == b'\\') => Self::Sign,
            _ if is_blank => self,
            _ if byte == b';' => Self::Nothing,
            Self::Password if byte == b'=' || byte == b'(' => Self::String,
            Self::String if byte == b'(' => Self::String,
            Self::Sign if byte == b'=' && !is_behind_word && is_named() => Self::String,
            Self::User(_) if byte == b'=' => Self::String,
            Self::User(_) => self,
            // The quotes of a name.
            Self::Plugin | Self::Named | Self::Sign if is_quote => self,
            Self::Another if byte == b')' => self,
            _ => Self::Nothing,
        }
    }
}
