//! The parts of a test: fields, values, functions and sets, by their form.

use super::parse::{Parsed, Parser};
use super::spelling::{is_keyword, is_spelled, wrong_symbol};
use super::syntax::{Bracket, Item, Term, TermKind};
use super::token::TokenKind;

impl<'a> Parser<'a> {
    /// What a test begins with.
    pub(super) fn left(&mut self) -> Parsed<Term<'a>> {
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
    pub(super) fn right(&mut self) -> Parsed<Term<'a>> {
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

    pub(super) fn set(&mut self) -> Parsed<Vec<Item<'a>>> {
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
}
