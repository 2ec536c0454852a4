//! Names that were mistyped: which one may have been meant.

use super::field::{FIELDS, Field, HEADER_ALIASES};
use super::parse_error::harmless;

/// The commands of `ecq-query`: a mistyped one arrives as a filter.
const COMMANDS: [&str; 9] = [
    "completions",
    "fields",
    "first-seen",
    "help",
    "man",
    "reindex",
    "show",
    "sql",
    "stats",
];
/// What stands alone for a protocol, as in Wireshark.
pub(super) const PROTOCOLS: [&str; 3] = ["http", "http.request", "http.response"];
/// How many letters a name may be away from what was typed to be offered instead.
const MAX_DISTANCE: usize = 3;
/// Nothing is like a word of more letters than this.
const MAX_LETTERS: usize = 64;
/// How many letters of a name are repeated in a message.
const MAX_SHOWN_LETTERS: usize = 40;

/// Whether a word is the name of a field, or stands for something alone.
pub(super) fn is_known(word: &str) -> bool {
    Field::named(word).is_some() || HEADER_ALIASES.contains(&word) || PROTOCOLS.contains(&word)
}

/// What to say about the name of a field that there is none of. `is_first`: it is the first word of the filter.
pub(super) fn unknown_field(word: &str, is_first: bool) -> String {
    let names = FIELDS
        .iter()
        .flat_map(|field| std::iter::once(field.name).chain(field.aliases.iter().copied()))
        .chain(HEADER_ALIASES)
        .chain(PROTOCOLS);
    let field = nearest(word, names);
    let command = nearest(word, COMMANDS).filter(|_| is_first);
    let shown = quoted(word);
    match (field, command) {
        (field, Some((distance, command))) if field.is_none_or(|(other, _)| distance < other) => {
            format!("unknown field {shown}, did you mean the command `{command}`?")
        }
        (Some((_, name)), _) => format!("unknown field {shown}, did you mean `{name}`?"),
        (None, _) => match word.strip_prefix("http.").filter(|name| !name.is_empty()) {
            Some(name) => format!(
                "unknown field {shown}; header fields are written `header[\"{}\"]`",
                harmless(&name.replace('_', "-"))
            ),
            None => format!("unknown field {shown}; `ecq-query fields` lists them"),
        },
    }
}

/// `, did you mean …?`, or nothing if no name comes close.
pub(super) fn suggestion<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    nearest(word, names)
        .map(|(_, name)| format!(", did you mean `{name}`?"))
        .unwrap_or_default()
}

/// A word as it is shown in a message.
pub(super) fn quoted(word: &str) -> String {
    match word.char_indices().nth(MAX_SHOWN_LETTERS) {
        Some((end, _)) => format!("`{}…`", harmless(word.get(..end).unwrap_or_default())),
        None => format!("`{}`", harmless(word)),
    }
}

/// The name that comes closest, if one comes close, and how far away it is.
fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<(usize, &'n str)> {
    let letters = word.chars().count();
    if letters > MAX_LETTERS {
        return None;
    }
    let limit = letters.div_ceil(3).min(MAX_DISTANCE);
    names
        .into_iter()
        .map(|name| (distance(name, word), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= limit)
}

/// How many letters must be put in, taken out, changed or exchanged with their neighbor to make `left` into `right`.
pub(super) fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    let mut one_before = None;
    for (line, one) in left.chars().enumerate() {
        let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
        let mut next = vec![line + 1];
        let mut other_before = None;
        for (index, &other) in right.iter().enumerate() {
            let mut least = (at(&row, index) + usize::from(one != other))
                .min(at(&row, index + 1) + 1)
                .min(at(&next, index) + 1);
            if one_before == Some(other) && other_before == Some(one) && index > 0 {
                least = least.min(at(&before, index - 1) + 1);
            }
            next.push(least);
            other_before = Some(other);
        }
        before = std::mem::replace(&mut row, next);
        one_before = Some(one);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let cases = [
            ("pnme", "unknown field `pnme`, did you mean `pname`?"),
            (
                "shwo",
                "unknown field `shwo`, did you mean the command `show`?",
            ),
            (
                "stat",
                "unknown field `stat`, did you mean the command `stats`?",
            ),
            ("statu", "unknown field `statu`, did you mean `status`?"),
            (
                "http.x_api_key",
                "unknown field `http.x_api_key`; header fields are written `header[\"x-api-key\"]`",
            ),
            (
                "zzzzzzzz",
                "unknown field `zzzzzzzz`; `ecq-query fields` lists them",
            ),
            (
                "\u{1b}[2Jxxxxx",
                "unknown field `\\x1b[2Jxxxxx`; `ecq-query fields` lists them",
            ),
        ];
        for (word, expected) in cases {
            assert_eq!(unknown_field(word, true), expected);
        }
        assert!(!unknown_field("shwo", false).contains("command"));
        assert!(unknown_field(&"x".repeat(5000), true).len() < 200);
    }

    #[test]
    fn distances() {
        for (left, right, expected) in [
            ("", "", 0),
            ("abc", "", 3),
            ("abc", "abd", 1),
            ("kitten", "sitting", 3),
            ("prot", "port", 1),
            ("ba", "ab", 1),
            ("abcd", "badc", 2),
        ] {
            assert_eq!(distance(left, right), expected);
        }
    }
}
