//! From the form of a filter to its meaning: names become fields, and values what their fields have.

use std::ops::Range;

use super::Error;
use super::expr::{Comparison, Expr, Operand, Test};
use super::field::{Field, Type};
use super::field_id::FieldId;
use super::number::is_number;
use super::parse::syntax;
use super::parse_error::ParseError;
use super::syntax::{Item, Operator, Syntax, SyntaxKind, Term, TermKind};
use super::value::word;
use crate::event::{Timestamp, Zone};

/// Reads a filter. `now` and `zone` are for times such as `-10m` and `10:00`.
///
/// # Errors
///
/// [`Error::Empty`] if there is nothing, [`Error::Filter`], which points at the place.
pub fn parse(text: &str, now: Timestamp, zone: Zone) -> Result<Expr, Error> {
    if text.trim().is_empty() {
        return Err(Error::Empty);
    }
    let checker = Checker { text, now, zone };
    let expr = syntax(text).and_then(|syntax| checker.expr(&syntax))?;
    Ok(expr)
}

/// What a filter's meaning depends on, apart from its form.
pub(super) struct Checker<'a> {
    pub(super) text: &'a str,
    pub(super) now: Timestamp,
    pub(super) zone: Zone,
}

type Checked<T> = Result<T, ParseError>;

impl Checker<'_> {
    pub(super) fn fault(&self, span: Range<usize>, message: impl Into<String>) -> ParseError {
        ParseError::new(self.text, span, message.into())
    }

    fn expr(&self, syntax: &Syntax<'_>) -> Checked<Expr> {
        match &syntax.kind {
            SyntaxKind::All(parts) => self.joined(syntax, parts, Expr::all),
            SyntaxKind::Any(parts) => self.joined(syntax, parts, Expr::any),
            SyntaxKind::OneOf(left, right) => Ok(Expr::Xor(
                Box::new(self.expr(left)?),
                Box::new(self.expr(right)?),
            )),
            SyntaxKind::Not(inner) => Ok(self.expr(inner)?.negated()),
            SyntaxKind::Alone(term) => self.alone(term),
            SyntaxKind::Compare(left, operator, right) => {
                self.compare(left, operator, right).map(Expr::Test)
            }
            SyntaxKind::In(term, items) => self.in_set(term, items).map(Expr::Test),
            SyntaxKind::Contains(term, value) => {
                let operand = self.text_operand(term, "contains")?;
                let needle = self.needle(operand.field, operand.value_type(), value)?;
                Ok(Expr::Test(Test::Contains(operand, needle)))
            }
            SyntaxKind::Matches(term, value) => {
                let operand = self.text_operand(term, "matches")?;
                Ok(Expr::Test(Test::Matches(operand, self.pattern(value)?)))
            }
        }
    }

    fn joined(
        &self,
        syntax: &Syntax<'_>,
        parts: &[Syntax<'_>],
        join: fn(Vec<Expr>) -> Option<Expr>,
    ) -> Checked<Expr> {
        let parts: Vec<_> = parts
            .iter()
            .map(|part| self.expr(part))
            .collect::<Checked<_>>()?;
        join(parts).ok_or_else(|| self.fault(syntax.span.clone(), "nothing is given"))
    }

    /// A field alone, or a protocol.
    fn alone(&self, term: &Term<'_>) -> Checked<Expr> {
        if let TermKind::Word { word, brackets } = &term.kind
            && brackets.is_empty()
            && let Some(expr) = protocol(word)
        {
            return Ok(expr);
        }
        let operand = self.needs_operand(term)?;
        if operand.function.is_some() {
            return Err(self.fault(term.span.clone(), "compare the function with something"));
        }
        Ok(Expr::Test(Test::Exists(operand)))
    }

    fn needs_operand(&self, term: &Term<'_>) -> Checked<Operand> {
        self.operand(term)?.ok_or_else(|| self.no_field(term))
    }

    fn text_operand(&self, term: &Term<'_>, operator: &str) -> Checked<Operand> {
        let operand = self.needs_operand(term)?;
        if matches!(operand.value_type(), Type::Text | Type::Bytes) {
            return Ok(operand);
        }
        Err(self.fault(
            term.span.clone(),
            format!(
                "`{operator}` is for text and bytes; compare {} with `==` or `in`",
                describe(&operand)
            ),
        ))
    }

    fn in_set(&self, term: &Term<'_>, items: &[Item<'_>]) -> Checked<Test> {
        let operand = self.needs_operand(term)?;
        let literals = items
            .iter()
            .map(|item| self.item(operand.field, operand.value_type(), item))
            .collect::<Checked<Vec<_>>>()?;
        Ok(Test::In(operand, literals))
    }

    /// A comparison. A word that the field on the other side has for a value is that value, even where it is also the
    /// name of a field; any other name of a field is that field.
    fn compare(&self, left: &Term<'_>, operator: &Operator, right: &Term<'_>) -> Checked<Test> {
        let comparison = operator.comparison;
        if let Some(operand) = self.operand(left)? {
            if is_word_of(&operand, right) {
                return self.compare_literal(operand, operator, comparison, right);
            }
            if let Some(other) = self.operand(right)? {
                if is_word_of(&other, left) {
                    return self.compare_literal(other, operator, flipped(comparison), left);
                }
                return self.compare_operands(operand, operator, other, right);
            }
            return self.compare_literal(operand, operator, comparison, right);
        }
        match self.operand(right)? {
            Some(operand) => self.compare_literal(operand, operator, flipped(comparison), left),
            None => Err(self.no_field(left)),
        }
    }

    fn compare_literal(
        &self,
        operand: Operand,
        operator: &Operator,
        comparison: Comparison,
        value: &Term<'_>,
    ) -> Checked<Test> {
        let kind = operand.value_type();
        self.check_order(&operand, operator)?;
        if is_order(comparison)
            && matches!(kind, Type::Text | Type::Bytes)
            && let TermKind::Word { word, .. } = &value.kind
            && is_number(word)
        {
            return Err(self.fault(
                value.span.clone(),
                format!(
                    "{} is compared as text, letter by letter: write the value in quotes if that is meant",
                    describe(&operand)
                ),
            ));
        }
        let literal = self.literal(operand.field, kind, value)?;
        Ok(Test::Compare(operand, comparison, literal))
    }

    fn compare_operands(
        &self,
        left: Operand,
        operator: &Operator,
        right: Operand,
        term: &Term<'_>,
    ) -> Checked<Test> {
        let kinds = [left.value_type(), right.value_type()].map(sort);
        if kinds[0] != kinds[1] {
            let mut message = format!(
                "{} and {} have values of different sorts",
                describe(&left),
                describe(&right)
            );
            if matches!(left.value_type(), Type::Text | Type::Bytes)
                && let TermKind::Word { word, .. } = &term.kind
            {
                message = format!("{message}; write \"{word}\" to mean the text");
            }
            return Err(self.fault(term.span.clone(), message));
        }
        self.check_order(&left, operator)?;
        self.check_order(&right, operator)?;
        Ok(Test::CompareOperands(left, operator.comparison, right))
    }

    fn check_order(&self, operand: &Operand, operator: &Operator) -> Checked<()> {
        if !is_order(operator.comparison) {
            return Ok(());
        }
        let advice = match operand.value_type() {
            Type::Ip => "use a network, or `in {first..last}`",
            Type::Endpoint => "compare its port or its address",
            Type::Word | Type::WordOrNumber | Type::Bool => "use `==` or `in`",
            Type::Time
            | Type::Int
            | Type::Duration
            | Type::Size
            | Type::Status
            | Type::Text
            | Type::Bytes => {
                return Ok(());
            }
        };
        Err(self.fault(
            operator.span.clone(),
            format!(
                "the values of {} have no order: {advice}",
                describe(operand)
            ),
        ))
    }
}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        Self::Filter(error)
    }
}

/// A field as it is named in a message.
fn describe(operand: &Operand) -> String {
    format!("`{operand}`")
}

/// Whether a term is a word without quotes that is one of the values that the operand's field can have.
fn is_word_of(operand: &Operand, term: &Term<'_>) -> bool {
    let is_word = matches!(operand.value_type(), Type::Word | Type::WordOrNumber);
    match &term.kind {
        TermKind::Word {
            word: text,
            brackets,
        } => is_word && brackets.is_empty() && word(operand.field, text).is_ok(),
        _ => false,
    }
}

/// What values are compared with values of the same sort of other fields.
fn sort(kind: Type) -> Type {
    match kind {
        Type::Int | Type::Size | Type::Status => Type::Int,
        Type::Text | Type::Bytes | Type::Word | Type::WordOrNumber => Type::Bytes,
        Type::Time | Type::Duration | Type::Ip | Type::Endpoint | Type::Bool => kind,
    }
}

fn is_order(comparison: Comparison) -> bool {
    !matches!(comparison, Comparison::Equal | Comparison::NotEqual)
}

/// The comparison with its sides exchanged.
fn flipped(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same @ (Comparison::Equal | Comparison::NotEqual) => same,
    }
}

/// What the name of a protocol stands for.
fn protocol(word: &str) -> Option<Expr> {
    let exists = |id| Expr::Test(Test::Exists(Operand::field(Field::of(id))));
    match word {
        "http" => Expr::any([exists(FieldId::Method), exists(FieldId::Status)]),
        "http.request" => Some(exists(FieldId::Method)),
        "http.response" => Some(exists(FieldId::Status)),
        _ => None,
    }
}
