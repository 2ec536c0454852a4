//! What people type, covered where it stands: as `redact::words` finds it.

use std::ops::Range;

use super::Tools;
use super::covers::Covers;
use super::secret::{Secret, Writing};
use crate::redact::words::{Fate, Step, Words};

/// Text on its way.
#[derive(Debug, Default)]
pub(super) struct Typed {
    words: Words,
    /// The bytes that may be of a secret, also of pieces before.
    open: Vec<u8>,
    secret: Option<Secret>,
}

impl Typed {
    /// `cookies` is where a semicolon ends a value.
    pub(super) fn push(
        &mut self,
        tools: &Tools<'_>,
        (bytes, cookies): (&[u8], &[Range<usize>]),
        covers: &mut Covers,
    ) {
        let mut cookies = cookies.iter().peekable();
        for (at, byte) in bytes.iter().enumerate() {
            while cookies.next_if(|range| range.end <= at).is_some() {}
            if *byte == b';' && cookies.peek().is_some_and(|range| range.contains(&at)) {
                // `Lines` sees to what is before it.
                *self = Self::default();
                continue;
            }
            self.step(tools, (bytes, at, *byte), covers);
        }
        if let Some(secret) = &mut self.secret {
            let end = bytes.len().saturating_sub(self.open.len());
            secret.pause(bytes.get(..end).unwrap_or_default(), end, covers);
        }
    }

    fn step(
        &mut self,
        tools: &Tools<'_>,
        (bytes, at, byte): (&[u8], usize, u8),
        covers: &mut Covers,
    ) {
        let Step { open, byte: fate } = self.words.step(tools.rules, byte);
        if open != Fate::Open && !self.open.is_empty() {
            let start = at.saturating_sub(self.open.len());
            let secret = self.secret.take();
            if open == Fate::Secret {
                // What of it is in the pieces before stays as it is.
                let before = self.open.len().saturating_sub(at);
                let before = self.open.get(..before).unwrap_or_default();
                let begun = || Secret::new(tools.key, start, Writing::Plain);
                self.secret = Some(secret.unwrap_or_else(begun).after(before));
            } else if let Some(secret) = secret {
                secret.end(bytes, start, covers);
            }
            self.open.clear();
        }
        match fate {
            Fate::Plain => {
                if let Some(secret) = self.secret.take() {
                    secret.end(bytes, at, covers);
                }
            }
            Fate::Secret if self.secret.is_none() => {
                self.secret = Some(Secret::new(tools.key, at, Writing::Plain));
            }
            Fate::Secret => {}
            Fate::Open => self.open.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::own::Patterns;
    use super::super::text::Text;
    use super::*;
    use crate::redact::Redactor;
    use crate::redact::mark::Key;
    use crate::redact::words::cases::{PLAIN, SECRETS, parts};

    /// What is left of these pieces of one text.
    fn covered(pieces: &[&[u8]]) -> Vec<u8> {
        let (redactor, patterns) = (Redactor::new(&[1; 32], Vec::new()), Patterns::new(&[]));
        let tools = Tools::new(&redactor, &patterns);
        let mut text = Text::new(false);
        let mut found = Vec::new();
        for piece in pieces {
            let mut covers = Covers::default();
            text.push(&tools, 0, piece, &mut covers);
            let mut bytes = piece.to_vec();
            covers.put(&mut bytes);
            found.extend(bytes);
        }
        found
    }

    fn whole(case: &str) -> String {
        parts(case).map(|(part, _)| part).collect()
    }

    #[test]
    fn what_is_found() {
        for case in SECRETS {
            let expected: Vec<u8> = parts(case)
                .flat_map(|(part, is_secret)| {
                    let mut mark = Key::new(&[1; 32]).mark();
                    mark.update(part.as_bytes());
                    if is_secret {
                        mark.of_length(part.len())
                    } else {
                        part.as_bytes().to_vec()
                    }
                })
                .collect();
            let found = covered(&[whole(case).as_bytes()]);
            assert_eq!(
                String::from_utf8(found).unwrap(),
                String::from_utf8(expected).unwrap(),
                "{case}"
            );
        }
    }

    #[test]
    fn what_is_none() {
        for text in PLAIN {
            let found = covered(&[text.as_bytes()]);
            assert_eq!(String::from_utf8(found).unwrap(), *text);
        }
    }

    /// However a text is cut: of a secret nothing is left that tells it, and everything else.
    #[test]
    fn what_is_found_over_pieces() {
        for case in SECRETS.iter().chain(PLAIN) {
            let text = whole(case);
            let secrets: Vec<bool> = parts(case)
                .flat_map(|(part, is_secret)| part.bytes().map(move |_| is_secret))
                .collect();
            let check = |pieces: &[&[u8]]| {
                let found = covered(pieces);
                assert_eq!(found.len(), text.len(), "{case}");
                for ((found, byte), is_secret) in found.iter().zip(text.bytes()).zip(&secrets) {
                    let is_right = if *is_secret {
                        // No replacement has a capital letter.
                        !found.is_ascii_uppercase()
                    } else {
                        *found == byte
                    };
                    assert!(
                        is_right,
                        "{case}: {}",
                        String::from_utf8_lossy(&covered(pieces))
                    );
                }
            };
            for at in 0..=text.len() {
                let (one, other) = text.as_bytes().split_at(at);
                check(&[one, other]);
            }
            let bytes: Vec<_> = text.as_bytes().chunks(1).collect();
            check(&bytes);
        }
    }
}
