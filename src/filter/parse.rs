//! From tokens to the form of a filter: what belongs to what, before anything is known about fields and values.
//!
//! `not` binds closest, then `and`, `xor`, `or`. Nesting is limited, and so is the length, so that no text needs more of
//! the stack than another.

use std::ops::Range;

use super::expr::Comparison;
use super::names;
use super::parse_error::{ParseError, harmless};
use super::token::{Token, TokenKind, tokens};

/// How long a filter can be, in bytes.
pub const MAX_FILTER_BYTES: usize = 64 << 10;
/// How deep parentheses, `not` and `xor` can be nested.
pub const MAX_FILTER_DEPTH: usize = 100;

/// A filter, or a part of it, by its form.
#[derive(Debug, Clone)]
pub(super) struct Syntax<'a> {
    /// Where it stands, in bytes.
    pub(super) span: Range<usize>,
    /// What it is.
    pub(super) kind: SyntaxKind<'a>,
    depth: usize,
}

/// The forms.
#[derive(Debug, Clone)]
pub(super) enum SyntaxKind<'a> {
    All(Vec<Syntax<'a>>),
    Any(Vec<Syntax<'a>>),
    OneOf(Box<Syntax<'a>>, Box<Syntax<'a>>),
    Not(Box<Syntax<'a>>),
    /// A field without a comparison.
    Alone(Term<'a>),
    Compare(Term<'a>, Operator, Term<'a>),
    In(Term<'a>, Vec<Item<'a>>),
    Contains(Term<'a>, Term<'a>),
    Matches(Term<'a>, Term<'a>),
}

/// A comparison as written.
#[derive(Debug, Clone)]
pub(super) struct Operator {
    pub(super) span: Range<usize>,
    pub(super) comparison: Comparison,
}

/// A value of a set, or two with `..` between them.
#[derive(Debug, Clone)]
pub(super) struct Item<'a> {
    pub(super) first: Term<'a>,
    pub(super) last: Option<Term<'a>>,
}

/// What stands on one side of a comparison.
#[derive(Debug, Clone)]
pub(super) struct Term<'a> {
    pub(super) span: Range<usize>,
    pub(super) kind: TermKind<'a>,
}

/// The sorts of terms.
#[derive(Debug, Clone)]
pub(super) enum TermKind<'a> {
    /// A field or a value, and what stands in brackets behind it.
    Word {
        word: &'a str,
        brackets: Vec<Bracket>,
    },
    /// A value in quotes.
    Quoted(Vec<u8>),
    /// A function.
    Call {
        name: &'a str,
        name_span: Range<usize>,
        argument: Box<Term<'a>>,
    },
}

/// What stands in brackets.
#[derive(Debug, Clone)]
pub(super) struct Bracket {
    pub(super) span: Range<usize>,
    /// Without spaces.
    pub(super) text: Vec<u8>,
    pub(super) is_quoted: bool,
}

type Parsed<T> = Result<T, ParseError>;

/// What joins tests.
#[derive(Debug, Clone, Copy)]
enum Joint {
    And,
    Xor,
    Or,
}

impl Joint {
    fn spellings(self) -> [&'static str; 2] {
        match self {
            Self::And => ["and", "&&"],
            Self::Xor => ["xor", "^^"],
            Self::Or => ["or", "||"],
        }
    }
}

/// Reads the form of a filter.
pub(super) fn syntax(text: &str) -> Parsed<Syntax<'_>> {
    if text.len() > MAX_FILTER_BYTES {
        let message = format!(
            "a filter can have {MAX_FILTER_BYTES} bytes, this one has {}",
            text.len()
        );
        return Err(ParseError::new(text, 0..0, message));
    }
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    let syntax = parser.any()?;
    match parser.kind() {
        TokenKind::End => Ok(syntax),
        _ => Err(parser.left_over()),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn kind(&self) -> &TokenKind<'a> {
        self.kind_after(0)
    }

    fn kind_after(&self, count: usize) -> &TokenKind<'a> {
        self.tokens
            .get(self.at + count)
            .map_or(&TokenKind::End, |token| &token.kind)
    }

    /// Where the next token stands.
    fn span(&self) -> Range<usize> {
        let end = self.text.len();
        self.tokens
            .get(self.at)
            .map_or(end..end, |token| token.span.clone())
    }

    /// Whether the next token is this symbol, or this word in any case.
    fn is_next(&self, spelling: &str) -> bool {
        is_spelled(self.kind(), spelling)
    }

    fn takes(&mut self, spelling: &str) -> bool {
        let is_next = self.is_next(spelling);
        self.at += usize::from(is_next);
        is_next
    }

    fn fault(&self, span: Range<usize>, message: impl Into<String>) -> ParseError {
        ParseError::new(self.text, span, message.into())
    }

    /// A fault at the next token.
    fn fault_here(&self, message: impl Into<String>) -> ParseError {
        self.fault(self.span(), message)
    }

    fn any(&mut self) -> Parsed<Syntax<'a>> {
        self.joined(Joint::Or)
    }

    /// Parts with this joint between them; one part alone is itself.
    fn joined(&mut self, joint: Joint) -> Parsed<Syntax<'a>> {
        let mut parts = vec![self.part(joint)?];
        loop {
            let span = self.span();
            let [word, symbol] = joint.spellings();
            if !self.takes(word) && !self.takes(symbol) {
                break;
            }
            let part = self.part(joint)?;
            let before = match joint {
                Joint::Xor => parts.pop(),
                Joint::And | Joint::Or => None,
            };
            parts.push(match before {
                Some(before) => self.one_of(before, part, span)?,
                None => part,
            });
        }
        if parts.len() == 1
            && let Some(part) = parts.pop()
        {
            return Ok(part);
        }
        let span = parts.first().map_or(0, |part| part.span.start)
            ..parts.last().map_or(0, |part| part.span.end);
        let depth = 1 + parts.iter().map(|part| part.depth).max().unwrap_or(0);
        let kind = match joint {
            Joint::And => SyntaxKind::All(parts),
            Joint::Or | Joint::Xor => SyntaxKind::Any(parts),
        };
        self.syntax(span, kind, depth)
    }

    fn part(&mut self, joint: Joint) -> Parsed<Syntax<'a>> {
        match joint {
            Joint::Or => self.joined(Joint::Xor),
            Joint::Xor => self.joined(Joint::And),
            Joint::And => self.not(),
        }
    }

    fn one_of(&self, left: Syntax<'a>, right: Syntax<'a>, at: Range<usize>) -> Parsed<Syntax<'a>> {
        let depth = 1 + left.depth.max(right.depth);
        if depth > MAX_FILTER_DEPTH {
            return Err(self.too_deep(at));
        }
        let span = left.span.start..right.span.end;
        self.syntax(
            span,
            SyntaxKind::OneOf(Box::new(left), Box::new(right)),
            depth,
        )
    }

    fn syntax(&self, span: Range<usize>, kind: SyntaxKind<'a>, depth: usize) -> Parsed<Syntax<'a>> {
        if depth > MAX_FILTER_DEPTH {
            return Err(self.too_deep(span));
        }
        Ok(Syntax { span, kind, depth })
    }

    fn too_deep(&self, span: Range<usize>) -> ParseError {
        self.fault(
            span,
            format!("this is nested more than {MAX_FILTER_DEPTH} deep"),
        )
    }

    fn deeper(&mut self, span: Range<usize>) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_FILTER_DEPTH {
            return Err(self.too_deep(span));
        }
        Ok(())
    }

    fn not(&mut self) -> Parsed<Syntax<'a>> {
        let span = self.span();
        if self.takes("not") || self.takes("!") {
            self.deeper(span.clone())?;
            let inner = self.not()?;
            self.depth -= 1;
            let (span, depth) = (span.start..inner.span.end, inner.depth + 1);
            return self.syntax(span, SyntaxKind::Not(Box::new(inner)), depth);
        }
        if !self.takes("(") {
            return self.test();
        }
        self.deeper(span.clone())?;
        let inner = self.any()?;
        self.depth -= 1;
        if self.takes(")") {
            return Ok(inner);
        }
        match self.kind() {
            TokenKind::End => Err(self.fault(span, "this parenthesis is not closed")),
            _ => Err(self.left_over()),
        }
    }

    fn test(&mut self) -> Parsed<Syntax<'a>> {
        let left = self.left()?;
        let start = left.span.start;
        let operator_span = self.span();
        let mut is_negated = false;
        let (kind, depth) = if let Some(comparison) = comparison(self.kind()) {
            self.at += 1;
            let operator = Operator {
                span: operator_span,
                comparison,
            };
            let right = self.right()?;
            (SyntaxKind::Compare(left, operator, right), 1)
        } else if self.takes("contains") {
            (SyntaxKind::Contains(left, self.right()?), 1)
        } else if self.takes("matches") || self.takes("~") {
            (SyntaxKind::Matches(left, self.right()?), 1)
        } else if self.takes("in") {
            (SyntaxKind::In(left, self.set()?), 1)
        } else if (self.is_next("not") || self.is_next("!")) && is_spelled(self.kind_after(1), "in")
        {
            self.at += 2;
            is_negated = true;
            (SyntaxKind::In(left, self.set()?), 1)
        } else if self.is_end_of_test() {
            (SyntaxKind::Alone(left), 1)
        } else {
            return Err(self.no_operator(&left));
        };
        let span = start..self.end();
        let syntax = self.syntax(span.clone(), kind, depth)?;
        if is_negated {
            return self.syntax(span, SyntaxKind::Not(Box::new(syntax)), depth + 1);
        }
        Ok(syntax)
    }

    /// Where the last token that was taken ends.
    fn end(&self) -> usize {
        self.at
            .checked_sub(1)
            .and_then(|before| self.tokens.get(before))
            .map_or(0, |token| token.span.end)
    }

    fn is_end_of_test(&self) -> bool {
        let joints = [Joint::And, Joint::Xor, Joint::Or];
        *self.kind() == TokenKind::End
            || self.is_next(")")
            || joints
                .iter()
                .flat_map(|joint| joint.spellings())
                .any(|spelling| self.is_next(spelling))
    }

    /// What a test begins with.
    fn left(&mut self) -> Parsed<Term<'a>> {
        match self.kind() {
            TokenKind::End => Err(self.fault_here("expected a field here")),
            TokenKind::Symbol(symbol) => {
                let message = wrong_symbol(symbol)
                    .unwrap_or_else(|| format!("expected a field instead of `{symbol}`"));
                Err(self.fault_here(message))
            }
            TokenKind::Word(word) if is_keyword(word) => {
                Err(self.fault_here(format!("expected a field before `{word}`")))
            }
            TokenKind::Word(_) | TokenKind::Quoted(_) => self.term(),
        }
    }

    /// What follows a comparison.
    fn right(&mut self) -> Parsed<Term<'a>> {
        match self.kind() {
            TokenKind::Symbol("{") => Err(self.fault_here("use `in` with a set")),
            TokenKind::Symbol("(") => {
                Err(self.fault_here("expected a value: parentheses stand around whole comparisons"))
            }
            TokenKind::Symbol("!") => {
                Err(self.fault_here("expected a value: `!` stands before the field"))
            }
            TokenKind::Symbol("=" | "==" | "~" | "..") => {
                Err(self.fault_here("expected a value in quotes"))
            }
            _ if self.is_end_of_test() || self.is_next("not") => {
                Err(self.fault_here("expected a value here"))
            }
            TokenKind::Symbol(symbol) => {
                Err(self.fault_here(format!("expected a value instead of `{symbol}`")))
            }
            TokenKind::Word(_) | TokenKind::Quoted(_) | TokenKind::End => self.term(),
        }
    }

    /// A word or a text, or a function of one.
    fn term(&mut self) -> Parsed<Term<'a>> {
        let name_span = self.span();
        let TokenKind::Word(name) = *self.kind() else {
            return self.simple_term();
        };
        if !is_spelled(self.kind_after(1), "(") {
            return self.simple_term();
        }
        let open = self.tokens.get(self.at + 1).map(|token| token.span.clone());
        self.at += 2;
        if is_spelled(self.kind_after(1), "(") {
            return Err(self.fault_here("a function takes a field, not another function"));
        }
        let argument = Box::new(self.simple_term()?);
        if !self.takes(")") {
            let span = match self.kind() {
                TokenKind::End => open.unwrap_or_else(|| self.span()),
                _ => self.span(),
            };
            return Err(self.fault(span, "expected a `)` behind the argument"));
        }
        Ok(Term {
            span: name_span.start..self.end(),
            kind: TermKind::Call {
                name,
                name_span,
                argument,
            },
        })
    }

    fn simple_term(&mut self) -> Parsed<Term<'a>> {
        let start = self.span().start;
        let kind = match self.kind() {
            TokenKind::Quoted(value) => {
                let value = value.clone();
                self.at += 1;
                TermKind::Quoted(value)
            }
            TokenKind::Word(word) => {
                let word = *word;
                self.at += 1;
                TermKind::Word {
                    word,
                    brackets: self.brackets()?,
                }
            }
            TokenKind::Symbol(symbol) => {
                return Err(
                    self.fault_here(format!("expected a field or value instead of `{symbol}`"))
                );
            }
            TokenKind::End => return Err(self.fault_here("expected a field or value here")),
        };
        Ok(Term {
            span: start..self.end(),
            kind,
        })
    }

    fn brackets(&mut self) -> Parsed<Vec<Bracket>> {
        let mut brackets = Vec::new();
        while self.is_next("[") {
            let open = self.span();
            self.at += 1;
            let (mut text, mut is_quoted) = (Vec::new(), false);
            while !self.takes("]") {
                match self.kind() {
                    TokenKind::Word(word) if !is_quoted => text.extend_from_slice(word.as_bytes()),
                    TokenKind::Quoted(value) if text.is_empty() && !is_quoted => {
                        text.clone_from(value);
                        is_quoted = true;
                    }
                    TokenKind::End => return Err(self.fault(open, "this bracket is not closed")),
                    _ => return Err(self.fault_here("expected a `]` here")),
                }
                self.at += 1;
            }
            brackets.push(Bracket {
                span: open.start..self.end(),
                text,
                is_quoted,
            });
        }
        Ok(brackets)
    }

    fn set(&mut self) -> Parsed<Vec<Item<'a>>> {
        let open = self.span();
        if !self.takes("{") {
            return Err(self.fault_here("a set is written in braces, as in `port in {80, 443}`"));
        }
        let mut items = Vec::new();
        loop {
            while self.takes(",") {}
            if self.takes("}") {
                break;
            }
            if *self.kind() == TokenKind::End {
                return Err(self.fault(open, "this brace is not closed"));
            }
            let first = self.simple_term()?;
            let last = if self.takes("..") {
                Some(self.simple_term()?)
            } else {
                None
            };
            items.push(Item { first, last });
        }
        if items.is_empty() {
            return Err(self.fault(open.start..self.end(), "a set needs at least one value"));
        }
        Ok(items)
    }

    /// What to say when neither an operator nor the end of the test follows what it begins with.
    fn no_operator(&self, left: &Term<'a>) -> ParseError {
        if let TermKind::Word { word, .. } = left.kind
            && !names::is_known(word)
        {
            let is_first =
                left.span.start == self.tokens.first().map_or(0, |token| token.span.start);
            return self.fault(left.span.clone(), names::unknown_field(word, is_first));
        }
        let message = match self.kind() {
            TokenKind::Symbol(symbol) => wrong_symbol(symbol),
            TokenKind::Word(word) => wrong_word(word),
            TokenKind::Quoted(_) | TokenKind::End => None,
        };
        self.fault_here(message.unwrap_or_else(|| {
            "expected a comparison here, such as `==`, `contains` or `in`".to_owned()
        }))
    }

    /// What to say about something behind a whole test.
    fn left_over(&self) -> ParseError {
        let message = match self.kind() {
            TokenKind::Symbol(")") => "this parenthesis was never opened".to_owned(),
            kind if comparison(kind).is_some() => {
                "compare twice, with `&&` between the two".to_owned()
            }
            TokenKind::Symbol(symbol) => wrong_symbol(symbol)
                .unwrap_or_else(|| format!("expected `&&` or `||` instead of `{symbol}`")),
            _ => "expected `&&` or `||` here; a value with spaces in it needs quotes".to_owned(),
        };
        self.fault_here(message)
    }
}

fn is_spelled(kind: &TokenKind<'_>, spelling: &str) -> bool {
    match kind {
        TokenKind::Word(word) => word.eq_ignore_ascii_case(spelling),
        TokenKind::Symbol(symbol) => *symbol == spelling,
        TokenKind::Quoted(_) | TokenKind::End => false,
    }
}

fn comparison(kind: &TokenKind<'_>) -> Option<Comparison> {
    const SPELLINGS: [(&str, &str, Comparison); 6] = [
        ("==", "eq", Comparison::Equal),
        ("!=", "ne", Comparison::NotEqual),
        ("<", "lt", Comparison::Less),
        ("<=", "le", Comparison::LessOrEqual),
        (">", "gt", Comparison::Greater),
        (">=", "ge", Comparison::GreaterOrEqual),
    ];
    SPELLINGS
        .iter()
        .find(|(symbol, word, _)| is_spelled(kind, symbol) || is_spelled(kind, word))
        .map(|(.., comparison)| *comparison)
}

fn is_keyword(word: &str) -> bool {
    let words = ["and", "or", "xor", "not", "in", "contains", "matches"];
    words.iter().any(|each| word.eq_ignore_ascii_case(each))
        || comparison(&TokenKind::Word(word)).is_some()
}

/// What to say about a symbol of another language.
fn wrong_symbol(symbol: &str) -> Option<String> {
    let right = match symbol {
        "=" | "===" => "==",
        "<>" | "!==" | "~=" => "!=",
        "=>" => ">=",
        "=<" => "<=",
        "&" => "&&",
        "|" => "||",
        "^" => "^^",
        "=~" => "~",
        "~*" => return Some("use `matches`, which ignores case unless it says `(?-i)`".to_owned()),
        "!~" => return Some("use `matches`, with `not` before the field".to_owned()),
        _ => return None,
    };
    Some(format!("use `{right}` instead of `{symbol}`"))
}

/// What to say about a word of another language.
fn wrong_word(word: &str) -> Option<String> {
    let upper = word.to_ascii_uppercase();
    let advice = match upper.as_str() {
        "LIKE" | "ILIKE" | "GLOB" => "use `contains`, or `matches` with a regular expression,",
        "REGEXP" | "RLIKE" | "REGEX" => "use `matches`",
        "BETWEEN" => "use `in {first..last}`",
        "IS" => "use the field alone if it has a value, `not` before it if it has none,",
        "NOT" => "use `not` before the field",
        "HAS" | "INCLUDES" | "CONTAIN" => "use `contains`",
        "MATCH" => "use `matches`",
        "EQUALS" => "use `==`",
        _ => return None,
    };
    Some(format!("{advice} instead of `{}`", harmless(word)))
}
