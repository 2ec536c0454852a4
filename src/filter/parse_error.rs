//! What is wrong with the text of a filter, and where.

use std::fmt;
use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use crate::event::is_hazard;

/// How many columns of the text are shown at most; of a longer one, the part around the fault.
const MAX_SHOWN_COLUMNS: usize = 100;
/// How many columns are shown before the fault then.
const LEAD_COLUMNS: usize = 40;
/// What stands before the text and before the marks below it.
const INDENT: &str = "    ";

/// What is wrong with a filter, and where.
///
/// It shows itself in three lines: what is wrong, the text, and marks below the place. The text is made harmless to a
/// terminal, and the marks allow for that and for characters of double width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    message: String,
    text: String,
    span: Range<usize>,
}

impl std::error::Error for ParseError {}

impl ParseError {
    /// A fault in `text`, of which `span` is in bytes.
    pub(crate) fn new(text: &str, span: Range<usize>, message: String) -> Self {
        Self {
            message,
            text: text.to_owned(),
            span,
        }
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The filter.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the fault is, in bytes of the text; empty if something is missing there.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The column where the fault begins, in characters, from 1 on.
    pub fn column(&self) -> usize {
        let before = self.text.char_indices();
        1 + before.take_while(|(at, _)| *at < self.span.start).count()
    }
}

/// `text` in one line, harmless to a terminal.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(shown).collect()
}

/// A character as it is shown.
fn shown(character: char) -> String {
    match character {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        other if is_hazard(other) && other.is_ascii() => format!("\\x{:02x}", u32::from(other)),
        other if is_hazard(other) => other.escape_unicode().to_string(),
        other => other.to_string(),
    }
}

fn columns(text: &str) -> usize {
    text.chars().map(|each| each.width().unwrap_or(0)).sum()
}

impl fmt::Display for ParseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |range: Range<usize>| harmless(self.text.get(range).unwrap_or_default());
        let before = part(0..self.span.start);
        let fault = part(self.span.clone());
        let after = part(self.span.end..self.text.len());
        let mut before = before.as_str();
        let mut dots = "";
        if columns(before) + columns(&fault) + columns(&after) > MAX_SHOWN_COLUMNS
            && columns(before) > LEAD_COLUMNS
        {
            before = last_columns(before, LEAD_COLUMNS);
            dots = "…";
        }
        let room = MAX_SHOWN_COLUMNS.saturating_sub(columns(before) + dots.chars().count());
        let (fault, is_cut) = first_columns(&fault, room);
        let room = if is_cut {
            0
        } else {
            room.saturating_sub(columns(fault))
        };
        let (after, is_after_cut) = first_columns(&after, room);
        let end = if is_cut || is_after_cut { "…" } else { "" };
        writeln!(formatter, "{}", self.message)?;
        writeln!(formatter, "{INDENT}{dots}{before}{fault}{after}{end}")?;
        let lead = columns(before) + dots.chars().count();
        let marks = columns(fault).max(1);
        write!(formatter, "{INDENT}{:lead$}{:^<marks$}", "", "")
    }
}

/// The last characters of `text` that fit into `width` columns.
fn last_columns(text: &str, width: usize) -> &str {
    let mut used = 0;
    let start = text
        .char_indices()
        .rev()
        .take_while(|(_, character)| {
            used += character.width().unwrap_or(0);
            used <= width
        })
        .last()
        .map_or(text.len(), |(at, _)| at);
    text.get(start..).unwrap_or_default()
}

/// The first characters of `text` that fit into `width` columns, and whether more follow.
fn first_columns(text: &str, width: usize) -> (&str, bool) {
    let mut used = 0;
    let end = text
        .char_indices()
        .find(|(_, character)| {
            used += character.width().unwrap_or(0);
            used > width
        })
        .map(|(at, _)| at);
    match end {
        Some(end) => (text.get(..end).unwrap_or_default(), true),
        None => (text, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, span: Range<usize>) -> String {
        ParseError::new(text, span, "wrong".to_owned()).to_string()
    }

    #[test]
    fn marks_stand_under_the_fault() {
        let cases = [
            ("pnme == 1", 0..4, "wrong\n    pnme == 1\n    ^^^^"),
            ("a ==", 4..4, "wrong\n    a ==\n        ^"),
            ("漢字 == x", 10..11, "wrong\n    漢字 == x\n            ^"),
            ("漢字 == x", 0..6, "wrong\n    漢字 == x\n    ^^^^"),
            (
                "a\n\u{1b}[2J == x",
                9..10,
                "wrong\n    a\\n\\x1b[2J == x\n                 ^",
            ),
            ("\u{202e}x", 3..4, "wrong\n    \\u{202e}x\n            ^"),
        ];
        for (text, span, expected) in cases {
            assert_eq!(shown(text, span), expected, "{text:?}");
        }
        let error = ParseError::new("é == x", 6..7, String::new());
        assert_eq!(error.column(), 6);
    }

    #[test]
    fn a_long_text_is_shown_in_part() {
        let text = format!("{} x {}", "a".repeat(500), "b".repeat(500));
        let shown = shown(&text, 501..502);
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(
            lines[1].chars().nth(lines[2].chars().count() - 1),
            Some('x')
        );
        assert!(columns(lines[1]) <= MAX_SHOWN_COLUMNS + 6, "{shown}");
        let shown = ParseError::new(&text, 0..1000, String::new()).to_string();
        assert!(columns(shown.lines().nth(1).unwrap()) <= MAX_SHOWN_COLUMNS + 6);
    }
}
