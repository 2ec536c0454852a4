//! The form of a filter: what belongs to what, before anything is known about fields and values.

use std::ops::Range;

use super::expr::Comparison;

/// A filter, or a part of it, by its form.
#[derive(Debug, Clone)]
pub(super) struct Syntax<'a> {
    /// Where it stands, in bytes.
    pub(super) span: Range<usize>,
    /// What it is.
    pub(super) kind: SyntaxKind<'a>,
    /// How deep it is nested.
    pub(super) depth: usize,
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
