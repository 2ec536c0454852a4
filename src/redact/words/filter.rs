//! Replaces what people type in a text that is read piece by piece.

use super::{Fate, Step, Words};
use crate::redact::mark::{Key, Mark, REPLACEMENT_BYTES, is_replacement};
use crate::redact::rules::Rules;

/// A text on its way.
#[derive(Debug, Default)]
pub(in crate::redact) struct WordFilter {
    words: Words,
    open: Vec<u8>,
    secret: Option<Secret>,
}

/// A secret that is not over.
#[derive(Debug)]
struct Secret {
    mark: Mark,
    /// Its first bytes: what is a replacement already is not replaced again.
    first: Vec<u8>,
}

impl WordFilter {
    pub(in crate::redact) fn push(
        &mut self,
        rules: &Rules,
        key: &Key,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) {
        for byte in bytes {
            let Step { open, byte: fate } = self.words.step(rules, *byte);
            if open != Fate::Open && !self.open.is_empty() {
                let bytes = std::mem::take(&mut self.open);
                self.put(key, open, &bytes, out);
            }
            self.put(key, fate, &[*byte], out);
        }
    }

    /// What is left when the text is over.
    pub(in crate::redact) fn finish(mut self, out: &mut Vec<u8>) {
        self.close(out);
        out.extend_from_slice(&self.open);
    }

    fn put(&mut self, key: &Key, fate: Fate, bytes: &[u8], out: &mut Vec<u8>) {
        match fate {
            Fate::Plain => {
                self.close(out);
                out.extend_from_slice(bytes);
            }
            Fate::Secret => {
                let secret = self.secret.get_or_insert_with(|| Secret {
                    mark: key.mark(),
                    first: Vec::new(),
                });
                secret.mark.update(bytes);
                // One byte more shows that it is longer.
                let room = (REPLACEMENT_BYTES + 1).saturating_sub(secret.first.len());
                let first = bytes.iter().take(room);
                secret.first.extend(first);
            }
            Fate::Open => self.open.extend_from_slice(bytes),
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if let Some(Secret { mark, first }) = self.secret.take() {
            if is_replacement(&first) {
                out.extend_from_slice(&first);
            } else {
                out.extend_from_slice(mark.replacement().as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::{PLAIN, SECRETS, parts};
    use super::*;

    fn filtered(text: &str, step: usize) -> String {
        let (rules, key) = (Rules::new(Vec::new()), Key::new(&[1; 32]));
        let mut out = Vec::new();
        let mut filter = WordFilter::default();
        for piece in text.as_bytes().chunks(step) {
            filter.push(&rules, &key, piece, &mut out);
        }
        filter.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_found() {
        let key = Key::new(&[1; 32]);
        for case in SECRETS {
            let text: String = parts(case).map(|(part, _)| part).collect();
            let expected: String = parts(case)
                .map(|(part, is_secret)| {
                    if is_secret {
                        key.replacement(part.as_bytes())
                    } else {
                        part.to_owned()
                    }
                })
                .collect();
            for step in [1, 3, usize::MAX] {
                assert_eq!(filtered(&text, step), expected, "{case}");
            }
        }
    }

    #[test]
    fn what_is_none() {
        for text in PLAIN {
            assert_eq!(filtered(text, 1), *text);
        }
    }

    #[test]
    fn a_replacement_is_not_replaced() {
        let mark = "redacted:0123456789abcdef";
        for text in [
            format!("password={mark} b"),
            format!("IDENTIFIED BY '{mark}'"),
        ] {
            assert_eq!(filtered(&text, 1), text);
        }
        let longer = format!("password={mark}0");
        assert_ne!(filtered(&longer, 1), longer);
    }
}
