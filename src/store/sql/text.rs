//! What a user wrote as SQL: one statement, or the condition of one.
//!
//! Only as much of the language is known here as it takes to see where a text ends: quotes, comments, parentheses and
//! semicolons, as SQLite reads them. Everything else is for SQLite to judge.

use std::ops::Range;

use super::error::SqlError;

/// Words that begin a statement that only reads.
const READING: [&str; 4] = ["SELECT", "WITH", "VALUES", "EXPLAIN"];

/// Words that begin any other statement.
const OTHER: [&str; 21] = [
    "ALTER",
    "ANALYZE",
    "ATTACH",
    "BEGIN",
    "COMMIT",
    "CREATE",
    "DELETE",
    "DETACH",
    "DROP",
    "END",
    "INSERT",
    "PRAGMA",
    "REINDEX",
    "RELEASE",
    "REPLACE",
    "ROLLBACK",
    "SAVEPOINT",
    "TABLE",
    "TRUNCATE",
    "UPDATE",
    "VACUUM",
];

/// How many digits seconds and milliseconds since 1970 have: from 2001 to 2286.
const SECONDS_DIGITS: usize = 10;
const MILLISECONDS_DIGITS: usize = 13;

/// One statement, without its semicolon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text<'a> {
    /// The statement or condition.
    pub(super) body: &'a str,
    /// Whether it is what follows WHERE, and no statement.
    pub(super) is_condition: bool,
}

impl<'a> Text<'a> {
    /// Reads a statement, which can be followed by a semicolon and comments.
    pub(super) fn read(text: &'a str) -> Result<Self, SqlError> {
        let mut words = Pieces::of(text).filter(Piece::counts);
        let Some(first) = words.next() else {
            return Err(SqlError::Empty);
        };
        let is_call = words.next().is_some_and(|piece| piece.sort == Sort::Open);
        let is = |words: &[&str]| words.iter().any(|word| first.is_word(word));
        if is(&OTHER) && !is_call {
            return Err(SqlError::Denied {
                what: first.text.to_uppercase(),
            });
        }
        let is_condition = !is(&READING);
        Ok(Self {
            body: body(text, is_condition)?,
            is_condition,
        })
    }

    /// A number beside the word `timestamp` that looks like seconds or milliseconds, where nanoseconds are wanted, with
    /// what it would be in those.
    pub(super) fn coarse_time(&self) -> Option<(&'a str, String)> {
        let pieces: Vec<_> = Pieces::of(self.body).filter(Piece::counts).collect();
        if !pieces.iter().any(|piece| piece.is_word("timestamp")) {
            return None;
        }
        let is_factor = |at: Option<usize>| {
            at.and_then(|at| pieces.get(at))
                .is_some_and(|piece| matches!(piece.text, "*" | "/"))
        };
        pieces.iter().enumerate().find_map(|(at, piece)| {
            let is_digits = piece.text.bytes().all(|byte| byte.is_ascii_digit());
            let zeros = match piece.text.len() {
                SECONDS_DIGITS => 9,
                MILLISECONDS_DIGITS => 6,
                _ => return None,
            };
            let is_alone = !is_factor(at.checked_sub(1)) && !is_factor(Some(at + 1));
            (is_digits && is_alone)
                .then(|| (piece.text, format!("{}{}", piece.text, "0".repeat(zeros))))
        })
    }
}

/// The statement without what follows its end. The parentheses of a condition are counted, since it is put between two.
fn body(text: &str, is_condition: bool) -> Result<&str, SqlError> {
    let fault =
        |range: Range<usize>, message: &str| Err(SqlError::at(text, range, message, is_condition));
    let mut end = None;
    let mut open = Vec::new();
    for piece in Pieces::of(text) {
        let range = piece.range();
        match piece.sort {
            Sort::Unclosed => return fault(range, "this is not closed"),
            Sort::Space => {}
            _ if end.is_some() => {
                return if piece.sort == Sort::Semicolon {
                    continue;
                } else {
                    fault(range, "one statement is expected, and here a second begins")
                };
            }
            Sort::Semicolon => end = Some(piece.at),
            Sort::Open => open.push(range),
            Sort::Close if open.pop().is_none() && is_condition => {
                return fault(range, "this parenthesis closes nothing");
            }
            Sort::Close | Sort::Other => {}
        }
    }
    if is_condition && let Some(range) = open.pop() {
        return fault(range, "this parenthesis is not closed");
    }
    Ok(end.and_then(|end| text.get(..end)).unwrap_or(text))
}

/// The part of `text` that begins at `at`; empty at the end.
pub(super) fn range_at(text: &str, at: usize) -> Range<usize> {
    Pieces::of(text)
        .find(|piece| piece.range().contains(&at))
        .map_or(text.len()..text.len(), |piece| piece.range())
}

/// What sort of piece it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// White space, or a comment.
    Space,
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `;`.
    Semicolon,
    /// A quote or comment to which there is no end.
    Unclosed,
    /// Anything else.
    Other,
}

/// A piece of a text.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    sort: Sort,
    at: usize,
    text: &'a str,
}

impl Piece<'_> {
    fn range(&self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }

    fn counts(&self) -> bool {
        !matches!(self.sort, Sort::Space | Sort::Semicolon)
    }

    fn is_word(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }
}

/// The pieces of a text, in order and without gaps.
#[derive(Debug)]
struct Pieces<'a> {
    rest: &'a str,
    at: usize,
}

impl<'a> Pieces<'a> {
    fn of(text: &'a str) -> Self {
        Self { rest: text, at: 0 }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let (sort, length) = measure(self.rest)?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        let piece = Piece {
            sort,
            at: self.at,
            text,
        };
        self.rest = rest;
        self.at += length;
        Some(piece)
    }
}

/// The sort of the first piece, and its length in bytes. SQLite's `src/tokenize.c`.
fn measure(text: &str) -> Option<(Sort, usize)> {
    let first = text.chars().next()?;
    let rest = text.get(first.len_utf8()..).unwrap_or_default();
    let one = first.len_utf8();
    Some(match first {
        '(' => (Sort::Open, one),
        ')' => (Sort::Close, one),
        ';' => (Sort::Semicolon, one),
        '\'' | '"' | '`' => quoted(rest, first),
        '[' => match rest.find(']') {
            Some(at) => (Sort::Other, one + at + 1),
            None => (Sort::Unclosed, one),
        },
        '-' if rest.starts_with('-') => {
            let length = text.find('\n').unwrap_or(text.len());
            (Sort::Space, length)
        }
        '/' if rest.starts_with('*') => match text.get(2..).and_then(|rest| rest.find("*/")) {
            Some(at) => (Sort::Space, 2 + at + 2),
            None => (Sort::Unclosed, 2),
        },
        _ if first.is_ascii_whitespace() => {
            (Sort::Space, run(text, |each| each.is_ascii_whitespace()))
        }
        _ if is_word(first) => (Sort::Other, run(text, is_word)),
        _ => (Sort::Other, one),
    })
}

/// The length of a quoted text, of which `rest` is what follows the first mark. A doubled mark stands for itself.
fn quoted(rest: &str, mark: char) -> (Sort, usize) {
    let mut end = 1;
    let mut rest = rest;
    while let Some((inner, behind)) = rest.split_once(mark) {
        end += inner.len() + 1;
        let Some(after) = behind.strip_prefix(mark) else {
            return (Sort::Other, end);
        };
        end += 1;
        rest = after;
    }
    (Sort::Unclosed, 1)
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|each| !belongs(each)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        match Text::read(text) {
            Ok(read) => format!(
                "{} {}",
                if read.is_condition {
                    "condition"
                } else {
                    "whole"
                },
                read.body
            ),
            Err(SqlError::Statement { source, .. }) => source.to_string(),
            Err(other) => other.to_string(),
        }
    }

    #[test]
    fn statements_and_conditions() {
        for (text, expected) in [
            ("dst_port = 80", "condition dst_port = 80"),
            ("(a = 1) OR b = 2", "condition (a = 1) OR b = 2"),
            ("a = ';)' -- ; (", "condition a = ';)' -- ; ("),
            ("a = 1; -- done", "condition a = 1"),
            (
                "replace(pname, 'a', 'b') = 'x'",
                "condition replace(pname, 'a', 'b') = 'x'",
            ),
            ("select 1;;", "whole select 1"),
            (
                " /* x */ WITH a AS (SELECT 1) SELECT * FROM a",
                "whole  /* x */ WITH a AS (SELECT 1) SELECT * FROM a",
            ),
            ("selected = 1", "condition selected = 1"),
            ("\"it's\" = 'a''b'", "condition \"it's\" = 'a''b'"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_refused() {
        for (text, expected) in [
            ("", "there is no statement"),
            ("-- nothing", "there is no statement"),
            (
                "1) UNION SELECT 1 --",
                "this parenthesis closes nothing\n    1) UNION SELECT 1 --\n     ^",
            ),
            (
                "(a = 1",
                "this parenthesis is not closed\n    (a = 1\n    ^",
            ),
            ("a = 'x", "this is not closed\n    a = 'x\n        ^"),
            (
                "a = 1 /* x",
                "this is not closed\n    a = 1 /* x\n          ^^",
            ),
            ("a = [x", "this is not closed\n    a = [x\n        ^"),
            (
                "SELECT 1; SELECT 2",
                "one statement is expected, and here a second begins\n    SELECT 1; SELECT 2\n              ^^^^^^",
            ),
            (
                "delete from events",
                "only reading is allowed, and this asks for DELETE",
            ),
            (
                "PRAGMA page_size",
                "only reading is allowed, and this asks for PRAGMA",
            ),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn coarse_times() {
        for (text, expected) in [
            ("timestamp > 1679812345000", Some("1679812345000000000")),
            ("TIMESTAMP > 1679812345", Some("1679812345000000000")),
            ("timestamp > 1679812345 * 1000000000", None),
            ("timestamp / 1000000000 > 1679812345", None),
            ("timestamp > 1679812345000000000", None),
            ("length > 1679812345000", None),
        ] {
            let found = Text::read(text).unwrap().coarse_time();
            let found = found.map(|(_, nanoseconds)| nanoseconds);
            // A comparison with a factor on its other side is beyond this.
            if text.contains('/') {
                assert!(found.is_some());
            } else {
                assert_eq!(found.as_deref(), expected, "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_are_the_text(text in "[ a'\"`\\[\\]()/*;\n-]{0,24}|\\PC{0,20}") {
            let joined: String = Pieces::of(&text).map(|piece| piece.text).collect();
            prop_assert_eq!(joined, text.clone());
            let _read = Text::read(&text);
        }
    }
}
