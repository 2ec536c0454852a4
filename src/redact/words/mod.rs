//! What people type: assignments, statements of SQL and options of commands, in whatever text.
//!
//! One machine reads a text byte by byte and says what of it is a secret. Whoever replaces secrets in exchanges
//! ([`WordFilter`]) and in events (`redact::events::typed`) asks this one, so that both know the same. Known are:
//!
//! - **`NAME=VALUE`**, if the name is that of a secret: in queries, shell lines, connection strings. The value is in quotes
//!   up to the quote or the end of the line; or it ends with a blank, `"`, `&`, `<` or `>`, in a query with `#`, too, and an
//!   escaped blank belongs to it but in a query.
//! - **`NAME = 'VALUE'`** with blanks: only in quotes, as other values are rather code.
//! - **SQL**: `PASSWORD 'x'`, `PASSWORD('x')`, `OLD_PASSWORD('x')`, `SET PASSWORD [FOR user] = 'x'`, `IDENTIFIED BY [PASSWORD]
//!   'x'`, `IDENTIFIED WITH|VIA plugin BY|AS|USING 'x'`, and `REPLACE 'x'` behind one of these. Case does not matter, blanks
//!   and line ends may stand between, and quotes may be single or double. A quote within is doubled or escaped.
//! - **Options**: `--NAME VALUE`, if the name is that of a secret and does not begin with `no-`, and the value does not begin
//!   with `-`; of `-H` and `--header` what is secret by the rules for header fields, and a cookie as a whole; and what
//!   `commands.rs` has, in the line of the command or [`COMMAND_BYTES`] behind it where that line ends within quotes.
//!
//! A string may also be in quotes that are escaped, as within another string. Not known are values that stand apart from
//! their names (`VALUES ('x')`), bare values of Oracle's `IDENTIFIED BY`, strings between dollars, and what a command asks for.
//!
//! Words of more than [`WORD_BYTES`] are none. No more is kept of a text than two words.

#[cfg(test)]
pub(super) mod cases;
mod commands;
mod filter;
mod statement;
mod value;

pub(super) use self::filter::WordFilter;

use self::commands::{Command, Take};
use self::statement::Expect;
use self::value::{Begin, Behind, Quote, State};
use super::rules::{FieldSort, Rules};

/// Longer words are none, in bytes.
const WORD_BYTES: usize = 512;
/// How far behind a command its options are looked for at most, in bytes.
const COMMAND_BYTES: u16 = 4096;
/// How an ampersand may be written in JSON.
const AMPERSAND: &[u8] = b"\\u0026";

/// What a byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Plain,
    /// A byte of a secret. The next byte that is plain ends it.
    Secret,
    /// It depends on what comes. At the end of a text it is plain.
    Open,
}

/// What a byte tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// What the bytes before are that were open. If they still are, so is this one. There are never more than some twenty.
    pub(super) open: Fate,
    /// What this one is.
    pub(super) byte: Fate,
}

impl Step {
    const PLAIN: Self = Self::of(Fate::Plain);
    const SECRET: Self = Self::of(Fate::Secret);
    const OPEN: Self = Self::of(Fate::Open);

    const fn of(byte: Fate) -> Self {
        Self {
            open: match byte {
                Fate::Open => Fate::Open,
                _ => Fate::Plain,
            },
            byte,
        }
    }

    const fn with_open(self, open: Fate) -> Self {
        Self { open, ..self }
    }
}

/// A text on its way.
#[derive(Debug)]
pub(super) struct Words {
    state: State,
    /// The word that is being read, or the name or the scheme within a value.
    word: Vec<u8>,
    is_long: bool,
    /// The one before it.
    last: Vec<u8>,
    /// The byte before the word.
    before: u8,
    /// The byte that was read last.
    previous: u8,
    expect: Expect,
    running: Option<Running>,
}

/// A command of which options are looked for.
#[derive(Debug, Clone, Copy)]
struct Running {
    command: &'static Command,
    /// In which quotes it is, as far as quotes tell.
    quote: Option<u8>,
    is_escaped: bool,
    left_bytes: u16,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            state: State::Outside,
            word: Vec::new(),
            is_long: false,
            last: Vec::new(),
            before: b'\n',
            previous: b'\n',
            expect: Expect::Nothing,
            running: None,
        }
    }
}

impl Words {
    /// The next byte.
    pub(super) fn step(&mut self, rules: &Rules, byte: u8) -> Step {
        self.running = self.running.and_then(|running| running.after(byte));
        let step = match self.state {
            State::Outside => self.outside(rules, byte),
            state => self.value(rules, state, byte),
        };
        self.previous = byte;
        step
    }

    /// A byte outside of values.
    fn outside(&mut self, rules: &Rules, byte: u8) -> Step {
        self.state = State::Outside;
        if let Expect::Value(take) = self.expect {
            match byte {
                b'\n' | b'-' => self.expect = Expect::Nothing,
                _ if byte.is_ascii_whitespace() => return Step::PLAIN,
                _ => {
                    self.expect = Expect::Nothing;
                    return self.begin(rules, Begin::new(take, Behind::Option), byte);
                }
            }
        }
        if is_name(byte) {
            self.letter(byte);
            return Step::PLAIN;
        }
        if let Some(state) = self.begun(rules, byte) {
            self.take_word();
            self.expect = Expect::Nothing;
            self.state = state;
            return Step::PLAIN;
        }
        let is_behind_word = !self.word.is_empty();
        if is_behind_word {
            self.end_word(rules, byte);
        }
        let last = &self.last;
        let is_named = || is_secret(rules, last);
        self.expect = self.expect.after_byte(byte, is_behind_word, is_named);
        Step::PLAIN
    }

    fn letter(&mut self, byte: u8) {
        if self.word.is_empty() {
            self.before = self.previous;
        }
        if self.word.len() < WORD_BYTES {
            self.word.push(byte);
        } else {
            self.is_long = true;
        }
        let Some(running) = &self.running else {
            return;
        };
        if self.is_option()
            && let Some(short) = running.command.short(&self.word)
        {
            self.take_word();
            self.expect = Expect::Nothing;
            self.state = State::Begin(Begin::new(short.take, Behind::Letter(short.is_apart)));
        }
    }

    /// The word is over; it stays known as the last one.
    fn take_word(&mut self) {
        std::mem::swap(&mut self.word, &mut self.last);
        self.word.clear();
        if std::mem::take(&mut self.is_long) {
            self.last.clear();
        }
    }

    /// The word so far; nothing if it is too long to be one.
    fn whole_word(&self) -> &[u8] {
        if self.is_long { &[] } else { &self.word }
    }

    /// What begins behind this byte, with the word before it or what is awaited.
    fn begun(&self, rules: &Rules, byte: u8) -> Option<State> {
        let word = self.whole_word();
        let command = self.running.map(|running| running.command);
        match byte {
            b'\'' | b'"' => {
                let is_string = match word {
                    [] => self.expect.takes_string(),
                    // The letter says how the string is written.
                    [letter] if byte == b'\'' && is_prefix(*letter) => self.expect.takes_string(),
                    word => self.expect.after_word(word) == Expect::String,
                };
                let quote = Quote::new(byte, self.previous == b'\\');
                let has_scheme =
                    || word.is_empty() && rules.field(&self.last) == FieldSort::Credentials;
                is_string.then(|| {
                    if has_scheme() {
                        State::FieldBlank(Some(quote), true)
                    } else {
                        State::Quoted(quote, false)
                    }
                })
            }
            b'=' if word.is_empty() => None,
            b'=' => {
                let option = commands::option(command, word).filter(|_| self.is_option());
                let behind = match self.before {
                    b'?' | b'&' | b'#' => Behind::Query,
                    b'\\' if word.starts_with(after_backslash(AMPERSAND)) => Behind::Query,
                    before => Behind::Name(before),
                };
                match option {
                    Some(take) => Some(State::Begin(Begin::new(take, Behind::Option))),
                    None if is_secret(rules, word) => {
                        Some(State::Begin(Begin::new(Take::Whole, behind)))
                    }
                    None => None,
                }
            }
            b':' if command.is_some_and(|command| command.has_before_colon(word)) => {
                Some(match self.before {
                    quote @ (b'\'' | b'"') => State::Quoted(Quote::new(quote, false), false),
                    _ => State::Begin(Begin::new(Take::Whole, Behind::Option)),
                })
            }
            _ => None,
        }
    }

    /// The word ends with this byte.
    fn end_word(&mut self, rules: &Rules, byte: u8) {
        self.expect = self.expect.after_word(self.whole_word());
        let word = self.whole_word();
        if matches!(byte, b' ' | b'\t') && self.is_option() {
            let command = self.running.map(|running| running.command);
            let option = commands::option(command, word).or_else(|| {
                let name = word.strip_prefix(b"--")?;
                let is_one = !name.starts_with(b"no-") && is_secret(rules, name);
                is_one.then_some(Take::Whole)
            });
            if let Some(take) = option {
                self.expect = Expect::Value(take);
            }
        }
        if byte != b'\n'
            && let Some(command) = commands::named(self.whole_word())
        {
            self.running = Some(Running {
                command,
                quote: None,
                is_escaped: byte == b'\\',
                left_bytes: COMMAND_BYTES,
            });
        }
        self.take_word();
    }

    /// Whether the word stands where an option can.
    fn is_option(&self) -> bool {
        self.word.starts_with(b"-")
            && (self.before.is_ascii_whitespace() || matches!(self.before, b'"' | b'\''))
    }
}

impl Running {
    /// With this byte more; none if the command is over.
    fn after(mut self, byte: u8) -> Option<Self> {
        self.left_bytes = self.left_bytes.checked_sub(1)?;
        let is_escaped = std::mem::replace(&mut self.is_escaped, false);
        match (self.quote, byte) {
            _ if is_escaped => {}
            (_, b'\\') => self.is_escaped = true,
            (None, b'\n') => return None,
            (None, b'\'' | b'"') => self.quote = Some(byte),
            (Some(quote), _) if quote == byte => self.quote = None,
            _ => {}
        }
        Some(self)
    }
}

fn is_secret(rules: &Rules, name: &[u8]) -> bool {
    let after_escape = name.strip_prefix(after_backslash(AMPERSAND));
    rules.is_secret_encoded(name) || after_escape.is_some_and(|name| rules.is_secret_encoded(name))
}

fn after_backslash(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\\").unwrap_or(text)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._~%[]-".contains(&byte)
}

/// Whether this may stand before a string: `N'x'` and `E'x'` in SQL, `$'x'` in a shell.
fn is_prefix(byte: u8) -> bool {
    b"nNeE$".contains(&byte)
}
