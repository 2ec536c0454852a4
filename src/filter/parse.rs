//! From tokens to the form of a filter: what belongs to what, before anything is known about fields and values.
//!
//! `not` binds closest, then `and`, `xor`, `or`. Nesting is limited, and so is the length, so that no text needs more of
//! the stack than another.

use std::ops::Range;

use super::names;
use super::parse_error::ParseError;
use super::spelling::{comparison, is_spelled, wrong_symbol, wrong_word};
use super::syntax::{Operator, Syntax, SyntaxKind, Term, TermKind};
use super::token::{Token, TokenKind, tokens};

/// How long a filter can be, in bytes.
pub const MAX_FILTER_BYTES: usize = 64 << 10;
/// How deep parentheses, `not` and `xor` can be nested.
pub const MAX_FILTER_DEPTH: usize = 100;

/// What was read, or where it could not be.
pub(super) type Parsed<T> = Result<T, ParseError>;

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

/// A text in tokens, and how far it is read.
pub(super) struct Parser<'a> {
    text: &'a str,
    pub(super) tokens: Vec<Token<'a>>,
    pub(super) at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// The next token.
    pub(super) fn kind(&self) -> &TokenKind<'a> {
        self.kind_after(0)
    }

    /// The token after `count` others.
    pub(super) fn kind_after(&self, count: usize) -> &TokenKind<'a> {
        self.tokens
            .get(self.at + count)
            .map_or(&TokenKind::End, |token| &token.kind)
    }

    /// Where the next token stands.
    pub(super) fn span(&self) -> Range<usize> {
        let end = self.text.len();
        self.tokens
            .get(self.at)
            .map_or(end..end, |token| token.span.clone())
    }

    /// Whether the next token is this symbol, or this word in any case.
    pub(super) fn is_next(&self, spelling: &str) -> bool {
        is_spelled(self.kind(), spelling)
    }

    /// Takes the next token if it is spelled so.
    pub(super) fn takes(&mut self, spelling: &str) -> bool {
        let is_next = self.is_next(spelling);
        self.at += usize::from(is_next);
        is_next
    }

    /// A fault at a place.
    pub(super) fn fault(&self, span: Range<usize>, message: impl Into<String>) -> ParseError {
        ParseError::new(self.text, span, message.into())
    }

    /// A fault at the next token.
    pub(super) fn fault_here(&self, message: impl Into<String>) -> ParseError {
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
            // What stands for several tests is as deep as they are.
            let is_several = matches!(left.kind, TermKind::Word { word, .. } if names::PROTOCOLS.contains(&word));
            (SyntaxKind::Alone(left), 1 + usize::from(is_several))
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
    pub(super) fn end(&self) -> usize {
        self.at
            .checked_sub(1)
            .and_then(|before| self.tokens.get(before))
            .map_or(0, |token| token.span.end)
    }

    /// Whether a test can not go on here.
    pub(super) fn is_end_of_test(&self) -> bool {
        let joints = [Joint::And, Joint::Xor, Joint::Or];
        *self.kind() == TokenKind::End
            || self.is_next(")")
            || joints
                .iter()
                .flat_map(|joint| joint.spellings())
                .any(|spelling| self.is_next(spelling))
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
