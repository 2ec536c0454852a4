//! Whether an event is what a filter asks for: the one judge of stored events and of events that are being captured.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

use bytes::Bytes;

use super::chains::Chains;
use super::content::{Content, Searched};
use super::expr::{Comparison, Expr, Function, Literal, Operand, Slice, Test};
use super::facts::{Facts, Value};
use super::field::Level;
use super::field_id::FieldId;
use super::needle::Needle;
use super::pattern::Pattern;
use crate::event::Kind;

impl Expr {
    /// Whether it is true of the event of which these are the facts and this the content.
    ///
    /// # Errors
    /// When the payload is needed and cannot be read.
    pub fn matches<C: Searched>(&self, facts: &Facts<'_>, content: &C) -> Result<bool, C::Error> {
        match self {
            Self::And(parts) => {
                for part in parts {
                    if !part.matches(facts, content)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(parts) => {
                for part in parts {
                    if part.matches(facts, content)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Xor(left, right) => {
                Ok(left.matches(facts, content)? != right.matches(facts, content)?)
            }
            Self::Not(inner) => Ok(!inner.matches(facts, content)?),
            Self::Test(test) => test.matches(facts, content),
        }
    }

    /// Whether it is true of what has these facts and no payload.
    pub fn matches_facts(&self, facts: &Facts<'_>) -> bool {
        let nothing = Bytes::new();
        match self.matches(facts, &Content::new(&nothing)) {
            Ok(is_true) => is_true,
            Err(never) => match never {},
        }
    }
}

impl Operand {
    /// Whether it can have several values that are worth showing.
    pub fn has_many_shown(&self) -> bool {
        let is_one = self.function == Some(Function::Count);
        self.field.has_many && !is_one && !matches!(self.field.id, FieldId::Host | FieldId::Type)
    }

    /// Gives its values that are worth showing to `each`: of several that say the same, such as a host with its port and
    /// without, the most telling.
    ///
    /// # Errors
    /// When the payload is needed and cannot be read.
    pub fn for_each_shown<C: Searched>(
        &self,
        facts: &Facts<'_>,
        content: &C,
        mut each: impl FnMut(&Value<'_>),
    ) -> Result<(), C::Error> {
        // Of a type, the content of what was plaintext, and the kind of anything else.
        let skipped = match (self.field.id, facts.kind) {
            (FieldId::Type, Some(Kind::TlsData)) => 1,
            _ => 0,
        };
        let most = if self.has_many_shown() { usize::MAX } else { 1 };
        let mut number = 0;
        self.for_each_value(facts, content, |value| {
            if (skipped..most.saturating_add(skipped)).contains(&number) {
                each(value);
            }
            number += 1;
        })
    }

    /// Gives its values, of the event of which these are the facts and this the content, to `each`.
    ///
    /// # Errors
    /// When the payload is needed and cannot be read.
    pub fn for_each_value<C: Searched>(
        &self,
        facts: &Facts<'_>,
        content: &C,
        mut each: impl FnMut(&Value<'_>),
    ) -> Result<(), C::Error> {
        let asked = Asked { facts, content };
        asked.values(self, |value| {
            each(&value);
            false
        })?;
        Ok(())
    }
}

impl Test {
    fn matches<C: Searched>(&self, facts: &Facts<'_>, content: &C) -> Result<bool, C::Error> {
        let asked = Asked { facts, content };
        match self {
            Self::Exists(operand) => asked.values(operand, |value| value != Value::Bool(false)),
            Self::Compare(operand, Comparison::NotEqual, literal) => {
                asked.none(operand, |value| is_equal(operand, value, literal))
            }
            Self::Compare(operand, comparison, literal) => asked.values(operand, |value| {
                compares(operand, &value, *comparison, literal)
            }),
            Self::In(operand, literals) => asked.values(operand, |value| {
                literals
                    .iter()
                    .any(|literal| is_equal(operand, &value, literal))
            }),
            Self::Contains(operand, needle) => asked.contains(operand, needle),
            Self::Matches(operand, pattern) => asked.finds(operand, pattern),
            Self::CompareOperands(left, comparison, right) => {
                asked.compare(left, *comparison, right)
            }
        }
    }
}

/// An event that is asked about.
struct Asked<'a, C: Searched> {
    facts: &'a Facts<'a>,
    content: &'a C,
}

impl<C: Searched> Asked<'_, C> {
    /// Gives the operand's values to `each`, until that says that it has enough; whether it did.
    fn values(
        &self,
        operand: &Operand,
        mut each: impl FnMut(Value<'_>) -> bool,
    ) -> Result<bool, C::Error> {
        if operand.function == Some(Function::Count) {
            let mut count = 0;
            self.raw_values(operand, |value| {
                count += i64::from(with_slice(operand.slice, value).is_some());
                false
            })?;
            return Ok(each(Value::Int(count)));
        }
        self.raw_values(operand, |value| {
            with_slice(operand.slice, value)
                .map(|value| with_function(operand.function, value))
                .is_some_and(&mut each)
        })
    }

    /// The field's values, before slice and function.
    fn raw_values(
        &self,
        operand: &Operand,
        mut each: impl FnMut(Value<'_>) -> bool,
    ) -> Result<bool, C::Error> {
        let field = operand.field;
        if field.level == Level::Payload {
            self.content
                .values(field.id, operand.key.as_deref(), &mut each)
        } else {
            Ok(self.facts.values(field.id, each))
        }
    }

    /// Whether there are values and none is `excluded`.
    fn none(
        &self,
        operand: &Operand,
        mut excluded: impl FnMut(&Value<'_>) -> bool,
    ) -> Result<bool, C::Error> {
        let mut has_any = false;
        let found = self.values(operand, |value| {
            has_any = true;
            excluded(&value)
        })?;
        Ok(has_any && !found)
    }

    fn contains(&self, operand: &Operand, needle: &Needle) -> Result<bool, C::Error> {
        if operand.field.ignores_case {
            self.finds_bytes(
                operand,
                |bytes| needle.is_in_without_case(bytes),
                needle.chains(),
            )
        } else {
            self.finds_bytes(operand, |bytes| needle.is_in(bytes), needle.chains())
        }
    }

    fn finds(&self, operand: &Operand, pattern: &Pattern) -> Result<bool, C::Error> {
        self.finds_bytes(operand, |bytes| pattern.is_in(bytes), pattern.chains())
    }

    /// Whether `is_in` holds for one of the values; in `payload` and `any` also for a text that begins in an earlier
    /// event of the stream and ends in this one.
    fn finds_bytes(
        &self,
        operand: &Operand,
        is_in: impl Fn(&[u8]) -> bool,
        chains: &Chains,
    ) -> Result<bool, C::Error> {
        let is_in_value = |value: Value<'_>| matches!(value, Value::Bytes(bytes) if is_in(&bytes));
        if self.values(operand, is_in_value)? {
            return Ok(true);
        }
        if !operand.is_text() || operand.slice.is_some() {
            return Ok(false);
        }
        let in_pieces = self
            .content
            .find_in_pieces(operand.field.id, &mut |window| {
                is_in_value(with_function(
                    operand.function,
                    Value::Bytes(Cow::Borrowed(window)),
                ))
            })?;
        if in_pieces == Some(true) {
            return Ok(true);
        }
        if !operand.is_whole_text() || chains.longest() < 2 {
            return Ok(false);
        }
        let reach = chains.longest() - 1;
        let start = self.content.first(reach)?;
        Ok(chains.may_end_in(&start) && chains.crosses(&self.content.before(reach)?, &start))
    }

    fn compare(
        &self,
        left: &Operand,
        comparison: Comparison,
        right: &Operand,
    ) -> Result<bool, C::Error> {
        let mut rights = Vec::new();
        self.values(right, |value| {
            rights.push(value.into_owned());
            false
        })?;
        let ignores_case = left.field.ignores_case || right.field.ignores_case;
        let holds = |value: &Value<'_>, wanted: Comparison| {
            rights.iter().any(|other| {
                order(ignores_case, value, other).is_some_and(|ordering| is_so(ordering, wanted))
            })
        };
        if comparison == Comparison::NotEqual {
            return Ok(
                !rights.is_empty() && self.none(left, |value| holds(value, Comparison::Equal))?
            );
        }
        self.values(left, |value| holds(&value, comparison))
    }
}

fn with_slice(slice: Option<Slice>, value: Value<'_>) -> Option<Value<'_>> {
    let Some(Slice { start, length }) = slice else {
        return Some(value);
    };
    let Value::Bytes(bytes) = value else {
        return None;
    };
    let size = i64::try_from(bytes.len()).ok()?;
    let start = if start < 0 {
        start.checked_add(size)?
    } else {
        start
    };
    let start = usize::try_from(start).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    match bytes {
        Cow::Borrowed(bytes) => bytes
            .get(start..end)
            .map(|part| Value::Bytes(Cow::Borrowed(part))),
        Cow::Owned(bytes) => bytes
            .get(start..end)
            .map(|part| Value::Bytes(Cow::Owned(part.to_vec()))),
    }
}

fn with_function(function: Option<Function>, value: Value<'_>) -> Value<'_> {
    match (function, value) {
        (Some(Function::Lower), Value::Bytes(bytes)) => {
            Value::Bytes(Cow::Owned(bytes.to_ascii_lowercase()))
        }
        (Some(Function::Upper), Value::Bytes(bytes)) => {
            Value::Bytes(Cow::Owned(bytes.to_ascii_uppercase()))
        }
        (Some(Function::Len), Value::Bytes(bytes)) => {
            Value::Int(i64::try_from(bytes.len()).unwrap_or(i64::MAX))
        }
        (_, value) => value,
    }
}

/// Whether a value equals a literal, or lies in it where that is a range or a network.
fn is_equal(operand: &Operand, value: &Value<'_>, literal: &Literal) -> bool {
    match (value, literal) {
        (Value::Int(number), Literal::Int(wanted)) => number == wanted,
        (Value::Int(number), Literal::Ints(first, last)) => (first..=last).contains(&number),
        (Value::Time(time), Literal::Time(wanted)) => time == wanted,
        (Value::Time(time), Literal::Times(first, last)) => (first..=last).contains(&time),
        (Value::Bytes(bytes), Literal::Bytes(wanted)) if operand.field.ignores_case => {
            bytes.eq_ignore_ascii_case(wanted)
        }
        (Value::Bytes(bytes), Literal::Bytes(wanted)) => bytes.as_ref() == wanted.as_slice(),
        (Value::Ip(ip), Literal::Net(net)) => net.contains(ip),
        (Value::Ip(ip), Literal::Ips(first, last)) => is_between(*ip, *first, *last),
        (Value::Endpoint(end), Literal::Endpoint(pattern)) => pattern.fits(*end),
        (Value::Bool(is_so), Literal::Bool(wanted)) => is_so == wanted,
        _ => false,
    }
}

fn is_between(ip: IpAddr, first: IpAddr, last: IpAddr) -> bool {
    ip.is_ipv4() == first.is_ipv4() && (first..=last).contains(&ip)
}

/// Whether a value compares so with a literal. A range is less than what is above its last number, and so on.
fn compares(
    operand: &Operand,
    value: &Value<'_>,
    comparison: Comparison,
    literal: &Literal,
) -> bool {
    if comparison == Comparison::Equal {
        return is_equal(operand, value, literal);
    }
    let (first, last) = match literal {
        Literal::Int(number) => (Value::Int(*number), Value::Int(*number)),
        Literal::Ints(first, last) => (Value::Int(*first), Value::Int(*last)),
        Literal::Time(time) => (Value::Time(*time), Value::Time(*time)),
        Literal::Times(first, last) => (Value::Time(*first), Value::Time(*last)),
        Literal::Bytes(bytes) => {
            let bytes = || Value::Bytes(Cow::Borrowed(bytes.as_slice()));
            (bytes(), bytes())
        }
        Literal::Net(_) | Literal::Ips(..) | Literal::Endpoint(_) | Literal::Bool(_) => {
            return false;
        }
    };
    // `<` and `>=` are about the first of a range, `<=` and `>` about the last.
    let edge = match comparison {
        Comparison::Less | Comparison::GreaterOrEqual => first,
        _ => last,
    };
    order(operand.field.ignores_case, value, &edge)
        .is_some_and(|ordering| is_so(ordering, comparison))
}

/// How two values are ordered; `None` if they are of different sorts.
fn order(ignores_case: bool, left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Time(left), Value::Time(right)) => Some(left.cmp(right)),
        (Value::Bytes(left), Value::Bytes(right)) if ignores_case => {
            Some(left.to_ascii_lowercase().cmp(&right.to_ascii_lowercase()))
        }
        (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
        (Value::Ip(left), Value::Ip(right)) => Some(left.cmp(right)),
        (Value::Endpoint(left), Value::Endpoint(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn is_so(ordering: Ordering, comparison: Comparison) -> bool {
    match comparison {
        Comparison::Equal => ordering.is_eq(),
        Comparison::NotEqual => ordering.is_ne(),
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::GreaterOrEqual => ordering.is_ge(),
    }
}
