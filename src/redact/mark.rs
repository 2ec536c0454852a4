//! What stands in place of a secret: a keyed hash of it, so that equal secrets look equal and nothing else shows.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::http::media::hex_digits;

/// What every replacement begins with.
const PREFIX: &str = "redacted:";
/// How many digits stand behind that at least, where the length is given.
const LEAST_DIGITS: usize = 8;
/// How many bytes of the hash are shown, as two hexadecimal digits each.
const SHOWN_BYTES: usize = 8;

/// How long a replacement is.
pub(super) const REPLACEMENT_BYTES: usize = PREFIX.len() + SHOWN_BYTES * 2;

/// A key.
#[derive(Clone)]
pub(super) struct Key(Hmac<Sha256>);

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key")
    }
}

impl Key {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        // A key of a block's size is taken as it is; zeros at its end change nothing (RFC 2104, section 2).
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        Self(Hmac::new(&block.into()))
    }

    /// Of a secret that comes in pieces.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            hash: Box::new(self.0.clone()),
            is_empty: true,
        }
    }

    /// The replacement of a secret.
    pub(super) fn replacement(&self, secret: &[u8]) -> String {
        let mut mark = self.mark();
        mark.update(secret);
        mark.replacement()
    }
}

/// A secret that is being read. It holds nothing of it but the state of the hash.
#[derive(Clone)]
pub(super) struct Mark {
    /// Apart, as what reads a text byte by byte moves what is open with each byte, and this is large.
    hash: Box<Hmac<Sha256>>,
    is_empty: bool,
}

impl fmt::Debug for Mark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Mark")
    }
}

impl Mark {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.is_empty &= bytes.is_empty();
        self.hash.update(bytes);
    }

    /// What stands in place of it: nothing for nothing.
    pub(super) fn replacement(self) -> String {
        if self.is_empty {
            return String::new();
        }
        PREFIX.chars().chain(self.digits()).collect()
    }

    fn digits(self) -> impl Iterator<Item = char> {
        let hash = self.hash.finalize().into_bytes();
        hash.into_iter().take(SHOWN_BYTES).flat_map(hex_digits)
    }

    /// What stands in place of it where the length is given: as much of the replacement as fits, or as many digits of it if
    /// it is short, filled up with `*`.
    pub(super) fn of_length(self, bytes: usize) -> Vec<u8> {
        let has_prefix = bytes >= PREFIX.len() + LEAST_DIGITS;
        let prefix = if has_prefix { PREFIX } else { "" };
        let text: String = (prefix.chars().chain(self.digits()))
            .chain(std::iter::repeat('*'))
            .take(bytes)
            .collect();
        text.into_bytes()
    }
}

/// Whether this is a replacement already.
pub(super) fn is_replacement(value: &[u8]) -> bool {
    value.strip_prefix(PREFIX.as_bytes()).is_some_and(|digits| {
        digits.len() == SHOWN_BYTES * 2 && digits.iter().all(u8::is_ascii_hexdigit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements() {
        // HMAC-SHA-256 with the key of RFC 4231, section 4.2, and its data.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let key = Key::new(&key);
        let found = key.replacement(b"Hi There");
        assert_eq!(found, "redacted:b0344c61d8db3853");
        assert!(is_replacement(found.as_bytes()));
        assert!(!is_replacement(b"redacted:b0344c61d8db385"));
        assert_eq!(key.replacement(b""), "");
        let mut mark = key.mark();
        mark.update(b"Hi ");
        mark.update(b"There");
        assert_eq!(mark.replacement(), found);
    }
}
