//! Fields that are named on the command line: to show, to count by, to sort by.

use crate::event::{Timestamp, Zone};
use crate::filter::{self, Expr, Operand, Test};

/// Fields in the order in which they were named, with their names as written.
#[derive(Debug, Clone)]
pub(super) struct Chosen(Vec<(String, Operand)>);

impl Chosen {
    /// The fields.
    pub(super) fn operands(&self) -> Vec<Operand> {
        self.0.iter().map(|(_, operand)| operand.clone()).collect()
    }

    /// The fields with their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Operand)> {
        self.0
            .iter()
            .map(|(name, operand)| (name.as_str(), operand))
    }
}

/// A field to sort by.
#[derive(Debug, Clone)]
pub(super) struct SortKey {
    /// The field.
    pub(super) operand: Operand,
    /// Whether the largest comes first.
    pub(super) is_descending: bool,
}

/// Reads fields with commas between them. A comma in brackets belongs to a name.
pub(super) fn list(text: &str) -> Result<Chosen, filter::Error> {
    let mut depth = 0_usize;
    let parts = text.split(|character| {
        match character {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    });
    let fields = parts
        .map(|part| Ok((part.trim().to_owned(), operand(part.trim())?)))
        .collect::<Result<_, filter::Error>>()?;
    Ok(Chosen(fields))
}

/// Reads a field to sort by, with `-` in front for the largest first.
pub(super) fn sort_key(text: &str) -> Result<SortKey, filter::Error> {
    let (is_descending, name) = match text.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, text),
    };
    Ok(SortKey {
        operand: operand(name)?,
        is_descending,
    })
}

/// A field is a filter by itself: that it is there.
fn operand(text: &str) -> Result<Operand, filter::Error> {
    match filter::parse(text, Timestamp::default(), Zone::Utc)? {
        Expr::Test(Test::Exists(operand)) => Ok(operand),
        _ => Err(filter::Error::NoField),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_apart_by_commas() {
        let names = |text: &str| -> Vec<String> {
            list(text)
                .unwrap()
                .iter()
                .map(|(name, _)| name.to_owned())
                .collect()
        };
        assert_eq!(names("pname, host"), ["pname", "host"]);
        assert_eq!(names(r#"header["a,b"],len"#), [r#"header["a,b"]"#, "len"]);
        for text in ["", "pname,", "pname == 1", "nosuch", "not text"] {
            assert!(list(text).is_err(), "{text}");
        }
        assert!(sort_key("-len").unwrap().is_descending);
        assert!(!sort_key("len").unwrap().is_descending);
    }
}
