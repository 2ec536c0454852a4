//! A filter as a typed expression.
//!
//! Every expression is either true or false of an event. A comparison is true if one of the field's values satisfies it;
//! [`Comparison::NotEqual`] is true if there are values and none equals. A field without a value satisfies no comparison,
//! and `not` of that comparison is true.

use std::net::IpAddr;

use ipnet::IpNet;

use super::field::{Field, Level};
use super::field_id::FieldId;
use super::needle::Needle;
use super::pattern::Pattern;
use crate::event::{EventId, Timestamp};

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// All of them; at least two.
    And(Vec<Self>),
    /// At least one of them; at least two.
    Or(Vec<Self>),
    /// Exactly one of the two.
    Xor(Box<Self>, Box<Self>),
    /// Not this.
    Not(Box<Self>),
    /// A leaf.
    Test(Test),
}

/// A leaf of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The operand has a value; of a yes-or-no field: it is yes.
    Exists(Operand),
    /// A value compares so with the literal.
    Compare(Operand, Comparison, Literal),
    /// A value equals one of the literals; at least one literal.
    In(Operand, Vec<Literal>),
    /// A value contains these bytes.
    Contains(Operand, Needle),
    /// The regular expression finds something in a value.
    Matches(Operand, Pattern),
    /// A value of the one compares so with a value of the other.
    CompareOperands(Operand, Comparison, Operand),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`: there are values, and none is equal.
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A field, or a function of it, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operand {
    /// The field.
    pub field: &'static Field,
    /// The name in brackets, in lower case for header fields, where the field takes one.
    pub key: Option<String>,
    /// A part of each value; text and bytes only.
    pub slice: Option<Slice>,
    /// The function of the values, if any.
    pub function: Option<Function>,
}

/// A part of a value. A value that is too short for it counts as missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Where it begins, in bytes from the value's start; from its end if negative.
    pub start: i64,
    /// Its length in bytes, at least 1.
    pub length: u32,
}

/// A function of an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// ASCII letters in lower case.
    Lower,
    /// ASCII letters in upper case.
    Upper,
    /// The length of each value in bytes.
    Len,
    /// The number of values, 0 if there is none.
    Count,
}

/// What values are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// A number.
    Int(i64),
    /// Numbers from the first to the last.
    Ints(i64, i64),
    /// A point in time.
    Time(Timestamp),
    /// Times from the first to the last.
    Times(Timestamp, Timestamp),
    /// Text or bytes.
    Bytes(Vec<u8>),
    /// An address (a network of full length) or a network, as IPv4 where it is IPv4-mapped.
    Net(IpNet),
    /// Addresses of one family from the first to the last.
    Ips(IpAddr, IpAddr),
    /// An address or network, a port, or both.
    Endpoint(AddressPattern),
    /// Yes or no.
    Bool(bool),
}

/// An address or network, a port, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPattern {
    /// The network; one address is a network of full length.
    pub net: Option<IpNet>,
    /// The port.
    pub port: Option<u16>,
}

impl AddressPattern {
    /// Whether `address` fits. An IPv4 address and its IPv4-mapped IPv6 form (RFC 4291 section 2.5.5.2) are the same.
    pub fn fits(&self, address: std::net::SocketAddr) -> bool {
        self.net
            .is_none_or(|net| net.contains(&address.ip().to_canonical()))
            && self.port.is_none_or(|port| port == address.port())
    }
}

impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Field {}

impl Operand {
    /// The field itself.
    pub fn field(field: &'static Field) -> Self {
        Self {
            field,
            key: None,
            slice: None,
            function: None,
        }
    }
}

impl Test {
    /// Its operands, one or two.
    pub fn operands(&self) -> impl Iterator<Item = &Operand> {
        let (first, second) = match self {
            Self::Exists(operand)
            | Self::Compare(operand, ..)
            | Self::In(operand, _)
            | Self::Contains(operand, _)
            | Self::Matches(operand, _) => (operand, None),
            Self::CompareOperands(left, _, right) => (left, Some(right)),
        };
        std::iter::once(first).chain(second)
    }
}

impl Expr {
    /// All of these; `None` if there are none. One alone is itself, and what is all-of already is not nested.
    pub fn all<I: IntoIterator<Item = Self>>(exprs: I) -> Option<Self> {
        Self::joined(exprs, Self::And, |expr| match expr {
            Self::And(parts) => parts,
            other => vec![other],
        })
    }

    /// At least one of these; `None` if there are none. One alone is itself, and what is any-of already is not nested.
    pub fn any<I: IntoIterator<Item = Self>>(exprs: I) -> Option<Self> {
        Self::joined(exprs, Self::Or, |expr| match expr {
            Self::Or(parts) => parts,
            other => vec![other],
        })
    }

    fn joined(
        exprs: impl IntoIterator<Item = Self>,
        join: impl FnOnce(Vec<Self>) -> Self,
        split: impl Fn(Self) -> Vec<Self>,
    ) -> Option<Self> {
        let mut parts: Vec<_> = exprs.into_iter().flat_map(split).collect();
        if parts.len() > 1 {
            Some(join(parts))
        } else {
            parts.pop()
        }
    }

    /// Events that came after this one.
    pub fn after(event: EventId) -> Self {
        Self::Test(Test::Compare(
            Operand::field(Field::of(FieldId::Id)),
            Comparison::Greater,
            Literal::Int(event.number()),
        ))
    }

    /// Events that came no later than this one.
    pub fn up_to(event: EventId) -> Self {
        Self::Test(Test::Compare(
            Operand::field(Field::of(FieldId::Id)),
            Comparison::LessOrEqual,
            Literal::Int(event.number()),
        ))
    }

    /// Not this.
    #[must_use]
    pub fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Calls `each` on every leaf, from left to right.
    pub fn for_each_test(&self, each: &mut impl FnMut(&Test)) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                for part in parts {
                    part.for_each_test(each);
                }
            }
            Self::Xor(left, right) => {
                left.for_each_test(each);
                right.for_each_test(each);
            }
            Self::Not(inner) => inner.for_each_test(each),
            Self::Test(test) => each(test),
        }
    }

    /// Whether it looks into decoded bodies.
    pub fn asks_bodies(&self) -> bool {
        let mut asks = false;
        self.for_each_test(&mut |test| {
            asks |= test.operands().any(|operand| {
                matches!(
                    operand.field.id,
                    FieldId::Any
                        | FieldId::Body
                        | FieldId::ReqBody
                        | FieldId::RespBody
                        | FieldId::Sha256
                )
            });
        });
        asks
    }

    /// The levels that it is decided on, in order, each once.
    pub fn levels(&self) -> Vec<Level> {
        let mut levels = Vec::new();
        self.for_each_test(&mut |test| {
            levels.extend(test.operands().map(|operand| operand.field.level));
        });
        levels.sort_unstable();
        levels.dedup();
        levels
    }
}
