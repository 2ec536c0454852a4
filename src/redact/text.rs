//! What looks like a secret in a text, whatever the text is, read piece by piece.
//!
//! The text is looked at in windows of a fixed size, so that what is found does not depend on how it is read. What
//! begins in the first half of a window is replaced; the rest is looked at again in the next one. A secret that reaches
//! the end of a window, and so is longer than half of one, goes on for as long as its bytes do; what an expression of the
//! user matches up to there is taken to go on to the end of the text. So nothing is ever replaced in part.

use regex::bytes::{Captures, Match, Regex};

use super::mark::{Key, Mark, REPLACEMENT_BYTES, is_replacement};
use super::rules::Rules;

/// The size of a window, in bytes.
const WINDOW_BYTES: usize = 128 << 10;
/// How much of it is looked at again in the next one: the size up to which the user's expressions match for certain.
const AGAIN_BYTES: usize = WINDOW_BYTES / 2;
/// How many bytes before the place where it goes on an expression may look at, for a word boundary.
const BEFORE_BYTES: usize = 4;

/// A text on its way.
#[derive(Debug, Default)]
pub(super) struct TextFilter {
    window: Vec<u8>,
    /// How many bytes at the beginning of the window are done.
    done: usize,
    /// A secret that is not over.
    open: Option<(Sort, Mark)>,
}

/// What a secret is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Token,
    UserInfo,
    Own,
}

impl Sort {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Token => byte.is_ascii_alphanumeric() || b"._~+/=-\\%".contains(&byte),
            Self::UserInfo => !byte.is_ascii_whitespace() && !b"/?#@\"'<>".contains(&byte),
            Self::Own => true,
        }
    }
}

/// A secret in the window.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// Where what tells it begins; not after it.
    from: usize,
    start: usize,
    end: usize,
    sort: Sort,
}

impl TextFilter {
    pub(super) fn push(&mut self, rules: &Rules, key: &Key, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = WINDOW_BYTES.saturating_sub(self.window.len());
            let (taken, after) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.window.extend_from_slice(taken);
            rest = after;
            if self.window.len() >= WINDOW_BYTES {
                self.look(rules, key, false, out);
            }
        }
    }

    /// What is left when the text is over.
    pub(super) fn finish(mut self, rules: &Rules, key: &Key, out: &mut Vec<u8>) {
        self.look(rules, key, true, out);
        if let Some((_, mark)) = self.open {
            out.extend_from_slice(mark.replacement().as_bytes());
        }
    }

    fn look(&mut self, rules: &Rules, key: &Key, is_last: bool, out: &mut Vec<u8>) {
        let window = std::mem::take(&mut self.window);
        let mut at = self.go_on(&window, out);
        let limit = if is_last {
            window.len()
        } else {
            window.len().saturating_sub(AGAIN_BYTES)
        };
        let mut secrets = Secrets::new(rules, &window);
        while at < limit && self.open.is_none() {
            let Some(found) = secrets.next(at).filter(|found| found.from < limit) else {
                break;
            };
            out.extend_from_slice(window.get(at..found.start).unwrap_or_default());
            let secret = window.get(found.start..found.end).unwrap_or_default();
            at = found.end;
            if at == window.len() && !is_last {
                let mut mark = key.mark();
                mark.update(secret);
                self.open = Some((found.sort, mark));
            } else {
                out.extend_from_slice(key.replacement(secret).as_bytes());
            }
        }
        if at < limit {
            out.extend_from_slice(window.get(at..limit).unwrap_or_default());
            at = limit;
        }
        let kept = at.saturating_sub(BEFORE_BYTES);
        self.done = at.saturating_sub(kept);
        self.window = window.get(kept..).unwrap_or_default().to_vec();
    }

    /// Goes on with a secret that is not over; gives the place after it.
    fn go_on(&mut self, window: &[u8], out: &mut Vec<u8>) -> usize {
        let Some((sort, mut mark)) = self.open.take() else {
            return self.done;
        };
        let rest = window.get(self.done..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| !sort.has(*byte))
            .unwrap_or(rest.len());
        mark.update(rest.get(..length).unwrap_or_default());
        if length < rest.len() {
            out.extend_from_slice(mark.replacement().as_bytes());
        } else {
            self.open = Some((sort, mark));
        }
        self.done.saturating_add(length)
    }
}

/// The secrets of a window in their order. Each expression is asked again only once what it found last is passed.
struct Secrets<'a> {
    rules: &'a Rules,
    window: &'a [u8],
    looks: Next,
    own: Vec<Next>,
}

/// What an expression finds next.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// It was not asked, or is passed.
    Unknown,
    Found(Found),
    Nothing,
}

impl Next {
    fn is_known(self, at: usize) -> bool {
        match self {
            Self::Unknown => false,
            Self::Found(found) => found.start >= at,
            Self::Nothing => true,
        }
    }

    fn found(self) -> Option<Found> {
        match self {
            Self::Found(found) => Some(found),
            _ => None,
        }
    }
}

impl From<Option<Found>> for Next {
    fn from(found: Option<Found>) -> Self {
        found.map_or(Self::Nothing, Self::Found)
    }
}

impl<'a> Secrets<'a> {
    fn new(rules: &'a Rules, window: &'a [u8]) -> Self {
        Self {
            rules,
            window,
            looks: Next::Unknown,
            own: vec![Next::Unknown; rules.patterns.len()],
        }
    }

    /// The first one that begins at `at` or after it.
    fn next(&mut self, at: usize) -> Option<Found> {
        if !self.looks.is_known(at) {
            self.looks = looking_so(self.rules, self.window, at).into();
        }
        for (pattern, next) in self.rules.patterns.iter().zip(&mut self.own) {
            if !next.is_known(at) {
                *next = matching(pattern, self.window, at).into();
            }
        }
        let own = self.own.iter().filter_map(|next| next.found());
        own.chain(self.looks.found())
            .min_by_key(|found| found.start)
    }
}

fn matching(pattern: &Regex, window: &[u8], at: usize) -> Option<Found> {
    let mut at = at;
    loop {
        let found = pattern.find_at(window, at)?;
        if !found.is_empty() && !is_replacement(found.as_bytes()) {
            return Some(Found {
                from: found.start(),
                start: found.start(),
                end: found.end(),
                sort: Sort::Own,
            });
        }
        at = found.end().max(at.checked_add(1)?);
        if at > window.len() {
            return None;
        }
    }
}

fn looking_so(rules: &Rules, window: &[u8], at: usize) -> Option<Found> {
    let mut at = at;
    loop {
        let captures = rules.looks.captures_at(window, at)?;
        let (secret, sort) = secret(&captures)?;
        if !begins_replacement(window, secret.start()) {
            return Some(Found {
                from: captures.get_match().start(),
                start: secret.start(),
                end: secret.end(),
                sort,
            });
        }
        at = secret.start();
    }
}

/// Whether a replacement stands here already.
fn begins_replacement(window: &[u8], start: usize) -> bool {
    let rest = window.get(start..).unwrap_or_default();
    rest.get(..REPLACEMENT_BYTES).is_some_and(is_replacement)
}

/// What of a match is a secret, and of which sort.
fn secret<'w>(captures: &Captures<'w>) -> Option<(Match<'w>, Sort)> {
    [
        ("bearer", Sort::Token),
        ("jwt", Sort::Token),
        ("userinfo", Sort::UserInfo),
    ]
    .into_iter()
    .find_map(|(group, sort)| Some((captures.name(group)?, sort)))
}

#[cfg(test)]
mod tests {
    use super::super::rules::Rule;
    use super::*;

    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

    fn filtered(rules: &Rules, text: &str, step: usize) -> String {
        let key = Key::new(&[1; 32]);
        let mut out = Vec::new();
        let mut filter = TextFilter::default();
        for piece in text.as_bytes().chunks(step) {
            filter.push(rules, &key, piece, &mut out);
        }
        filter.finish(rules, &key, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn hash(secret: &str) -> String {
        Key::new(&[1; 32]).replacement(secret.as_bytes())
    }

    #[test]
    fn secrets_in_text() {
        let own = Rule::parse(r"regex:\bsk-\w+").unwrap();
        let rules = Rules::new(vec![own]);
        for (text, expected) in [
            ("no bearer of news", None),
            (&format!("a {JWT}, b"), Some(format!("a {}, b", hash(JWT)))),
            (
                "Bearer abcdef\\/gh\" x",
                Some(format!("Bearer {}\" x", hash("abcdef\\/gh"))),
            ),
            (
                "https://u:p4ss@h/x",
                Some(format!("https://u:{}@h/x", hash("p4ss"))),
            ),
            ("Bearer redacted:0123456789abcdef", None),
            ("https://u:redacted:0123456789abcdef@h/x", None),
            (&format!("?q={JWT}&b"), Some(format!("?q={}&b", hash(JWT)))),
            ("sk-1 xsk-2", Some(format!("{} xsk-2", hash("sk-1")))),
        ] {
            let expected = expected.unwrap_or_else(|| text.to_owned());
            assert_eq!(filtered(&rules, text, 3), expected);
        }
    }

    #[test]
    fn secrets_across_windows() {
        let own = Rule::parse("regex:<own>.*").unwrap();
        let rules = Rules::new(vec![own]);
        for before in [
            0,
            AGAIN_BYTES - 5,
            AGAIN_BYTES - 1,
            WINDOW_BYTES - 3,
            WINDOW_BYTES * 2,
        ] {
            for length in [9, AGAIN_BYTES, WINDOW_BYTES + 7, WINDOW_BYTES * 3] {
                let padding = " ".repeat(before);
                let token = "t".repeat(length);
                let text = format!("{padding}Bearer {token} {JWT}");
                let expected = format!("{padding}Bearer {} {}", hash(&token), hash(JWT));
                for step in [1 << 10, 4096, usize::MAX] {
                    assert!(
                        filtered(&rules, &text, step) == expected,
                        "{before} {length} {step}"
                    );
                }
                let text = format!("{padding}<own>{token}");
                let expected = format!("{padding}{}", hash(&format!("<own>{token}")));
                assert!(
                    filtered(&rules, &text, 4096) == expected,
                    "{before} {length}"
                );
            }
        }
    }
}
