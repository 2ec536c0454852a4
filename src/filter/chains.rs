//! Plain text that may cross the border between two events of a stream.
//!
//! A chain is a text as a row of characters, each with the byte strings it can be: itself, or its several cases. It is
//! looked for in the bytes before an event and those at the event's start.

/// The longest text, in bytes, that is looked for across the border of an event.
pub const MAX_CROSSING_BYTES: usize = 1024;

/// A text, as a row of characters with their cases.
pub(super) type Chain = Vec<Vec<Vec<u8>>>;

/// Texts, each of which may cross a border.
#[derive(Debug, Clone, Default)]
pub(super) struct Chains {
    texts: Vec<Chain>,
    longest: usize,
    /// Which bytes a payload can start with for a text to end in it.
    starts: Vec<u8>,
}

impl Chains {
    /// Texts of exactly these bytes.
    pub(super) fn of_bytes<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Self {
        Self::new(
            texts
                .map(|text| text.iter().map(|byte| vec![vec![*byte]]).collect())
                .collect(),
        )
    }

    /// Texts of characters that have several cases. Texts of more than [`MAX_CROSSING_BYTES`] are left out.
    pub(super) fn new(mut texts: Vec<Chain>) -> Self {
        let length = |chain: &Chain| -> usize {
            let longest = |cases: &Vec<Vec<u8>>| cases.iter().map(Vec::len).max().unwrap_or(0);
            chain.iter().map(longest).sum()
        };
        texts.retain(|chain| length(chain) <= MAX_CROSSING_BYTES);
        let mut starts = Vec::new();
        for chain in &texts {
            for (place, cases) in chain.iter().enumerate() {
                let skipped = usize::from(place == 0);
                starts.extend(cases.iter().flat_map(|case| case.iter().skip(skipped)));
            }
        }
        starts.sort_unstable();
        starts.dedup();
        Self {
            longest: texts.iter().map(length).max().unwrap_or(0),
            texts,
            starts,
        }
    }

    /// The length in bytes of the longest text; 0 if there is none.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Whether a payload that starts like this can hold the end of one of the texts.
    pub(super) fn may_end_in(&self, start: &[u8]) -> bool {
        let Some(first) = start.first() else {
            return false;
        };
        self.starts.binary_search(first).is_ok()
            && self.texts.iter().any(|chain| {
                (0..chain.len()).any(|place| {
                    let (cases, rest) = (chain.get(place), chain.get(place + 1..));
                    let (Some(cases), Some(rest)) = (cases, rest) else {
                        return false;
                    };
                    cases.iter().any(|case| {
                        (usize::from(place == 0)..case.len())
                            .filter_map(|cut| case.get(cut..))
                            .any(|tail| agrees(tail, rest, start))
                    })
                })
            })
    }

    /// Whether one of the texts begins in `before` and ends in `start`, which follows it.
    pub(super) fn crosses(&self, before: &[u8], start: &[u8]) -> bool {
        let window = [before, start].concat();
        let first = before.len().saturating_sub(self.longest);
        self.texts.iter().any(|chain| {
            (first..before.len()).any(|from| {
                window
                    .get(from..)
                    .is_some_and(|rest| ends_behind(chain, rest, before.len() - from))
            })
        })
    }
}

/// Whether `tail` and what follows it agree with `bytes` as far as those go.
fn agrees(tail: &[u8], rest: &[Vec<Vec<u8>>], bytes: &[u8]) -> bool {
    if bytes.len() <= tail.len() {
        return tail.starts_with(bytes);
    }
    let Some(bytes) = bytes.strip_prefix(tail) else {
        return false;
    };
    match rest.split_first() {
        None => true,
        Some((cases, rest)) => cases.iter().any(|case| agrees(case, rest, bytes)),
    }
}

/// Whether the text can be read from the start of `bytes` and then ends behind the `border`th of them.
fn ends_behind(chain: &[Vec<Vec<u8>>], bytes: &[u8], border: usize) -> bool {
    let Some((cases, rest)) = chain.split_first() else {
        return false;
    };
    cases.iter().any(|case| {
        bytes.strip_prefix(case.as_slice()).is_some_and(|bytes| {
            if rest.is_empty() {
                case.len() > border
            } else {
                ends_behind(rest, bytes, border.saturating_sub(case.len()))
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chains(text: &str) -> Chains {
        Chains::of_bytes(std::iter::once(text.as_bytes()))
    }

    #[test]
    fn a_text_is_found_wherever_it_is_cut() {
        let secret = chains("secret");
        for cut in 1..6 {
            let (before, start) = "secret".split_at(cut);
            let before = format!("a {before}");
            for start in [start.to_owned(), format!("{start} and more")] {
                assert!(secret.may_end_in(start.as_bytes()), "{start}");
                assert!(
                    secret.crosses(before.as_bytes(), start.as_bytes()),
                    "{before}|{start}"
                );
            }
        }
    }

    #[test]
    fn what_does_not_cross() {
        let secret = chains("secret");
        for (before, start) in [
            ("secret", "x"),
            ("x", "secret"),
            ("sec", "et"),
            ("", "secret"),
            ("secre", ""),
        ] {
            assert!(
                !secret.crosses(before.as_bytes(), start.as_bytes()),
                "{before}|{start}"
            );
        }
        assert!(!secret.may_end_in(b"secret"));
        assert!(!secret.may_end_in(b"xyz"));
        // A payload that is shorter than the rest of the text can be in the middle of it.
        assert!(secret.may_end_in(b"cr"));
        assert!(!secret.crosses(b"se", b"cr"));
    }

    #[test]
    fn characters_have_cases() {
        let cases = |characters: &[&str]| -> Vec<Vec<u8>> {
            characters
                .iter()
                .map(|case| case.as_bytes().to_vec())
                .collect()
        };
        let chain = Chains::new(vec![vec![
            cases(&["a", "A"]),
            cases(&["s", "S", "\u{17f}"]),
            cases(&["k"]),
        ]]);
        assert_eq!(chain.longest(), 4);
        assert!(chain.crosses(b"A\xc5", b"\xbfk"));
        assert!(chain.may_end_in(b"\xbfk"));
        // The shorter form ended before the border.
        assert!(!chain.crosses(b"ask", b"ask"));
    }

    #[test]
    fn a_text_that_is_too_long_does_not_cross() {
        assert_eq!(
            chains(&"x".repeat(MAX_CROSSING_BYTES)).longest(),
            MAX_CROSSING_BYTES
        );
        assert_eq!(chains(&"x".repeat(MAX_CROSSING_BYTES + 1)).longest(), 0);
    }
}
