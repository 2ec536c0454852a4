//! The fields of the filter language, as one JSON object each.

use std::io::{self, Write};

use serde::Serialize;

use super::jsonl::put;

/// A field. Lists that would be empty are absent, and so is what is false.
#[derive(Debug, Serialize)]
pub struct FieldLine<'a> {
    /// Its name.
    pub name: &'a str,
    /// Other names for it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub aliases: &'a [&'a str],
    /// What sort of values it has.
    pub sort: &'a str,
    /// Whether an event can have several values of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub several: bool,
    /// Whether case does not matter.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub any_case: bool,
    /// Whether it is written with a name in brackets.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub takes_name: bool,
    /// The words that its values are, where they are words of a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<&'a str>,
    /// What it is.
    pub description: &'a str,
    /// A filter that uses it.
    pub example: &'a str,
}

/// Writes one line.
///
/// # Errors
///
/// What `out` says.
pub fn write(out: &mut dyn Write, line: &FieldLine<'_>) -> io::Result<()> {
    put(&mut *out, line)?;
    out.write_all(b"\n")
}
