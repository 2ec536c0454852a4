//! Values: where they begin, what of them is a secret, and where they end.

use super::commands::Take;
use super::statement::Expect;
use super::{AMPERSAND, Fate, Step, Words, after_backslash, is_prefix};
use crate::redact::rules::{FieldSort, Rules, begins_scheme, is_scheme};

/// Longer names are not those of fields, in bytes.
const FIELD_NAME_BYTES: usize = 256;

/// Where in a value the text is.
#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    /// In none.
    Outside,
    Begin(Begin),
    /// Behind this quote and the sign of a parameter: it may also end a string that the parameter ends.
    QueryQuote(u8),
    /// In what comes before the colon and a password.
    User(Option<Quote>),
    FieldName(Option<Quote>),
    /// In the blanks before the value of a field; and whether it is credentials.
    FieldBlank(Option<Quote>, bool),
    /// In what may be the scheme of credentials.
    Scheme(Option<Quote>),
    Bare(Bare),
    /// In a secret in quotes, and whether a backslash came before.
    Quoted(Quote, bool),
    /// Behind a quote that ends it, if it is not doubled.
    Closing(Quote),
}

/// What a value is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quote {
    byte: u8,
    /// Whether it stands behind a backslash, as it is within another string.
    is_escaped: bool,
}

/// The beginning of a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begin {
    take: Take,
    behind: Behind,
    /// Whether a backslash came.
    is_escaped: bool,
}

/// What a value stands behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// The name of a parameter.
    Query,
    /// A name elsewhere, behind this byte.
    Name(u8),
    Option,
    /// An option of one letter, and whether its value may be the next word.
    Letter(bool),
}

/// A secret without quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bare {
    is_query: bool,
    /// How much of an ampersand as JSON has it was read.
    matched: usize,
    /// Whether it is a letter that may stand before a string, so far.
    is_prefix: bool,
}

impl Quote {
    pub(super) fn new(byte: u8, is_escaped: bool) -> Self {
        Self { byte, is_escaped }
    }
}

impl Begin {
    pub(super) fn new(take: Take, behind: Behind) -> Self {
        Self {
            take,
            behind,
            is_escaped: false,
        }
    }

    fn within(self, quote: Option<Quote>) -> State {
        match (self.take, quote) {
            (Take::Whole, Some(quote)) => State::Quoted(quote, false),
            (Take::Whole, None) => State::Bare(Bare::new(self.behind == Behind::Query)),
            (Take::Password, quote) => State::User(quote),
            (Take::Field, quote) => State::FieldName(quote),
        }
    }
}

impl Bare {
    fn new(is_query: bool) -> Self {
        Self {
            is_query,
            matched: 0,
            is_prefix: false,
        }
    }
}

impl Words {
    /// A byte in this state.
    pub(super) fn value(&mut self, rules: &Rules, state: State, byte: u8) -> Step {
        match state {
            State::Outside => self.outside(rules, byte),
            State::Begin(begin) => self.begin(rules, begin, byte),
            State::QueryQuote(_) if is_blank(byte) || b",;)}]+>&".contains(&byte) => {
                self.leave(rules, Expect::Nothing, byte)
            }
            State::QueryQuote(quote) => self.quoted(rules, (Quote::new(quote, false), false), byte),
            State::User(quote) => match byte {
                b':' => {
                    self.state = match quote {
                        Some(quote) => State::Quoted(quote, false),
                        None => State::Begin(Begin::new(Take::Whole, Behind::Option)),
                    };
                    Step::PLAIN
                }
                _ if ends(quote, byte) => self.leave(rules, Expect::Nothing, byte),
                _ => Step::PLAIN,
            },
            State::FieldName(quote) => self.field_name(rules, quote, byte),
            State::FieldBlank(_, _) if matches!(byte, b' ' | b'\t') => Step::PLAIN,
            State::FieldBlank(quote, _) if ends(quote, byte) => {
                self.leave(rules, Expect::Nothing, byte)
            }
            State::FieldBlank(quote, true) | State::Scheme(quote) => {
                self.scheme(rules, quote, byte)
            }
            State::FieldBlank(quote, false) => self.secret(rules, quote, byte),
            State::Bare(bare) => self.bare(rules, bare, byte),
            State::Quoted(quote, is_escaped) => self.quoted(rules, (quote, is_escaped), byte),
            State::Closing(quote) if byte == quote.byte => {
                self.state = State::Quoted(quote, false);
                Step::SECRET.with_open(Fate::Secret)
            }
            State::Closing(_) => self.leave(rules, Expect::Another, byte),
        }
    }

    /// The value is over before this byte.
    fn leave(&mut self, rules: &Rules, expect: Expect, byte: u8) -> Step {
        self.expect = expect;
        self.word.clear();
        self.outside(rules, byte)
    }

    /// The first byte of a value, or what comes before it.
    pub(super) fn begin(&mut self, rules: &Rules, begin: Begin, byte: u8) -> Step {
        let is_quote = matches!(byte, b'\'' | b'"');
        let is_query = begin.behind == Behind::Query;
        if begin.is_escaped {
            if byte == b'\n' && matches!(begin.behind, Behind::Option | Behind::Letter(_)) {
                // The line goes on in the next one.
                self.state = State::Outside;
                self.expect = Expect::Value(begin.take);
                return Step::PLAIN;
            }
            if is_quote {
                self.state = begin.within(Some(Quote::new(byte, true)));
                return Step::PLAIN;
            }
            self.state = begin.within(None);
            if let State::Bare(bare) = &mut self.state {
                bare.matched = 1;
            }
            return self.value(rules, self.state, byte);
        }
        match byte {
            _ if is_blank(byte) => {
                let expect = match begin.behind {
                    Behind::Query | Behind::Name(_) => Expect::String,
                    Behind::Letter(true) => Expect::Value(begin.take),
                    Behind::Letter(false) | Behind::Option => Expect::Nothing,
                };
                self.leave(rules, expect, byte)
            }
            b'\\' => {
                self.state = State::Begin(Begin {
                    is_escaped: true,
                    ..begin
                });
                Step::OPEN
            }
            // The string began with the name.
            _ if is_quote && begin.behind == Behind::Name(byte) => {
                self.leave(rules, Expect::Nothing, byte)
            }
            _ if is_quote && is_query => {
                self.state = State::QueryQuote(byte);
                Step::PLAIN
            }
            _ if is_quote => {
                self.state = begin.within(Some(Quote::new(byte, false)));
                Step::PLAIN
            }
            _ => {
                let state = begin.within(None);
                self.state = state;
                let step = self.value(rules, state, byte);
                if let State::Bare(bare) = &mut self.state {
                    bare.is_prefix = !is_query && is_prefix(byte);
                }
                step
            }
        }
    }

    fn field_name(&mut self, rules: &Rules, quote: Option<Quote>, byte: u8) -> Step {
        let is_token = byte.is_ascii_alphanumeric() || b"!#$%*+-.^_|~".contains(&byte);
        if byte == b':' {
            let sort = rules.field(&self.word);
            self.word.clear();
            self.state = match sort {
                FieldSort::Text => State::Outside,
                sort => State::FieldBlank(quote, sort == FieldSort::Credentials),
            };
            Step::PLAIN
        } else if is_token && self.word.len() < FIELD_NAME_BYTES {
            self.word.push(byte);
            self.state = State::FieldName(quote);
            Step::PLAIN
        } else {
            self.leave(rules, Expect::Nothing, byte)
        }
    }

    fn scheme(&mut self, rules: &Rules, quote: Option<Quote>, byte: u8) -> Step {
        if matches!(byte, b' ' | b'\t') && is_scheme(&self.word) {
            self.word.clear();
            self.state = State::FieldBlank(quote, false);
            return Step::PLAIN;
        }
        self.word.push(byte);
        if begins_scheme(&self.word) {
            self.state = State::Scheme(quote);
            return Step::OPEN;
        }
        self.word.clear();
        self.secret(rules, quote, byte).with_open(Fate::Secret)
    }

    /// A byte of a secret.
    fn secret(&mut self, rules: &Rules, quote: Option<Quote>, byte: u8) -> Step {
        match quote {
            Some(quote) => self.quoted(rules, (quote, false), byte),
            None => self.bare(rules, Bare::new(false), byte),
        }
    }

    fn bare(&mut self, rules: &Rules, mut bare: Bare, byte: u8) -> Step {
        let mut open = Fate::Plain;
        if bare.matched > 0 {
            if AMPERSAND.get(bare.matched) == Some(&byte) {
                bare.matched += 1;
                self.state = State::Bare(bare);
                if bare.matched < AMPERSAND.len() {
                    return Step::OPEN;
                }
                self.state = State::Outside;
                self.expect = Expect::Nothing;
                self.before = b'\\';
                self.word.clear();
                self.word.extend_from_slice(after_backslash(AMPERSAND));
                return Step::PLAIN;
            }
            let is_escaped = bare.matched == 1 && byte != b'"';
            if is_escaped && (!is_blank(byte) || !bare.is_query && byte != b'\n') {
                bare.matched = 0;
                self.state = State::Bare(bare);
                return Step::SECRET.with_open(Fate::Secret);
            }
            if bare.matched > 1 {
                open = Fate::Secret;
            }
            bare.matched = 0;
        }
        let is_prefixed = std::mem::take(&mut bare.is_prefix) && byte == b'\'';
        let step = match byte {
            _ if is_end(byte) || bare.is_query && byte == b'#' => {
                self.leave(rules, Expect::Nothing, byte)
            }
            _ if is_prefixed => {
                self.state = State::Quoted(Quote::new(byte, false), false);
                Step::SECRET
            }
            b'\\' => {
                bare.matched = 1;
                self.state = State::Bare(bare);
                Step::OPEN
            }
            _ => {
                self.state = State::Bare(bare);
                Step::SECRET
            }
        };
        step.with_open(open)
    }

    fn quoted(&mut self, rules: &Rules, (quote, was_escape): (Quote, bool), byte: u8) -> Step {
        let is_quote = byte == quote.byte;
        let open = if was_escape && !is_quote {
            Fate::Secret
        } else {
            Fate::Plain
        };
        let step = match byte {
            b'\n' => self.leave(rules, Expect::Nothing, byte),
            // Escaped quotes end what escaped quotes began.
            _ if is_quote && quote.is_escaped => self.leave(rules, Expect::Another, byte),
            b'\\' if quote.is_escaped && !was_escape => {
                self.state = State::Quoted(quote, true);
                Step::OPEN
            }
            _ if was_escape => {
                self.state = State::Quoted(quote, false);
                Step::SECRET
            }
            _ if is_quote => {
                self.state = State::Closing(quote);
                Step::OPEN
            }
            _ => {
                self.state = State::Quoted(quote, byte == b'\\');
                Step::SECRET
            }
        };
        if quote.is_escaped {
            step.with_open(open)
        } else {
            step
        }
    }
}

/// Whether a value in these quotes, or in none, is over.
fn ends(quote: Option<Quote>, byte: u8) -> bool {
    match quote {
        Some(quote) => byte == quote.byte || byte == b'\n',
        None => is_end(byte),
    }
}

/// Whether a value without quotes ends here.
fn is_end(byte: u8) -> bool {
    is_blank(byte) || b"&\"<>".contains(&byte)
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}
