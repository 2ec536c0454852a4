//! Whether a filter is about events or about exchanges.

use super::expr::Expr;
use super::field::{About, Field};

/// What a query gives: events, or exchanges of requests and responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Events.
    Events,
    /// Exchanges.
    Exchanges,
}

/// Why there is nothing that a filter could be about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// One of its fields is about events alone, and another about exchanges alone.
    #[error("`{event}` is about events, `{exchange}` is about exchanges: nothing has both")]
    Mixed {
        /// The field about events.
        event: &'static str,
        /// The field about exchanges.
        exchange: &'static str,
    },
    /// A field is not about what is asked for.
    #[error("`{field}` is about {}, and {} are asked for", .unit.other().name(), .unit.name())]
    Absent {
        /// The field.
        field: &'static str,
        /// What is asked for.
        unit: Unit,
    },
}

impl Unit {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Exchanges => "exchanges",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Events => Self::Exchanges,
            Self::Exchanges => Self::Events,
        }
    }

    /// Whether it has values of this field.
    pub fn has(self, field: &Field) -> bool {
        match field.about() {
            About::Both | About::Http => true,
            About::Events => self == Self::Events,
            About::Exchanges => self == Self::Exchanges,
        }
    }

    /// What these fields are about: exchanges if one of them is about HTTP and none about events alone, events otherwise.
    ///
    /// # Errors
    /// When one is about events alone and another about exchanges alone.
    pub fn of<'a>(fields: impl IntoIterator<Item = &'a Field>) -> Result<Self, UnitError> {
        let (mut http, mut event, mut exchange) = (false, None, None);
        for field in fields {
            match field.about() {
                About::Both => {}
                About::Http => http = true,
                About::Events => event = event.or(Some(field.name)),
                About::Exchanges => exchange = exchange.or(Some(field.name)),
            }
        }
        match (event, exchange) {
            (Some(event), Some(exchange)) => Err(UnitError::Mixed { event, exchange }),
            (None, Some(_)) => Ok(Self::Exchanges),
            (None, None) if http => Ok(Self::Exchanges),
            (_, None) => Ok(Self::Events),
        }
    }

    /// Refuses fields of which it has no values.
    ///
    /// # Errors
    /// When there is such a field.
    pub fn check<'a>(self, fields: impl IntoIterator<Item = &'a Field>) -> Result<(), UnitError> {
        let absent = fields.into_iter().find(|field| !self.has(field));
        match absent {
            Some(field) => Err(UnitError::Absent {
                field: field.name,
                unit: self,
            }),
            None => Ok(()),
        }
    }
}

impl Expr {
    /// The fields that it is about, in order, as often as they are named.
    pub fn fields(&self) -> Vec<&'static Field> {
        let mut fields = Vec::new();
        self.for_each_test(&mut |test| {
            fields.extend(test.operands().map(|operand| operand.field));
        });
        fields
    }

    /// A field that it is about and that events have of HTTP/1 alone: HTTP/2 is compressed.
    pub fn of_http(&self) -> Option<&'static Field> {
        let mut fields = self.fields().into_iter();
        fields.find(|field| field.about() == About::Http)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Timestamp, Zone};

    #[test]
    fn fields_tell_the_unit() {
        let unit = |filter: &str| {
            let expr = crate::filter::parse(filter, Timestamp::MIN, Zone::Utc).unwrap();
            Unit::of(expr.fields()).map_err(|error| error.to_string())
        };
        for (filter, expected) in [
            ("pname == curl", Ok(Unit::Events)),
            ("any contains x", Ok(Unit::Events)),
            ("host == a && pid == 1", Ok(Unit::Exchanges)),
            ("method == POST && status >= 500", Ok(Unit::Exchanges)),
            ("elapsed > 1s", Ok(Unit::Exchanges)),
            ("status == 5xx && direction == in", Ok(Unit::Events)),
            (
                "elapsed > 1s || len > 5",
                Err(
                    "`len` is about events, `elapsed` is about exchanges: nothing has both"
                        .to_owned(),
                ),
            ),
        ] {
            assert_eq!(unit(filter), expected, "{filter}");
        }
    }
}
