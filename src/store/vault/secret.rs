//! What a user opens an encrypted capture with.

use std::fmt;

use zeroize::Zeroizing;

use crate::store::chain::MIN_KEY_BYTES;

/// What sort of secret it is. The numbers are part of the file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// The bytes of a file.
    KeyFile = 1,
    /// What somebody remembers.
    Passphrase = 2,
}

impl SecretKind {
    /// Every kind.
    pub(super) const ALL: [Self; 2] = [Self::KeyFile, Self::Passphrase];

    /// The number that stands for it in a capture file.
    pub(in crate::store) fn code(self) -> u8 {
        self as u8
    }

    /// The kind that `code` stands for.
    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Its name in the table `names`.
    #[cfg(test)]
    pub(in crate::store) fn name(self) -> &'static str {
        match self {
            Self::KeyFile => "key_file",
            Self::Passphrase => "passphrase",
        }
    }
}

impl fmt::Display for SecretKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::KeyFile => "a key file",
            Self::Passphrase => "a passphrase",
        })
    }
}

/// A secret, which is never shown, and overwritten in memory when it is not needed any more.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    kind: SecretKind,
    bytes: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret ({})", self.kind)
    }
}

impl Secret {
    /// Takes all bytes of a key file; `None` if they are fewer than [`MIN_KEY_BYTES`].
    pub fn key_file(bytes: Vec<u8>) -> Option<Self> {
        let bytes = Zeroizing::new(bytes);
        (bytes.len() >= MIN_KEY_BYTES).then_some(Self {
            kind: SecretKind::KeyFile,
            bytes,
        })
    }

    /// Takes a passphrase; `None` if it is empty.
    pub fn passphrase(bytes: Vec<u8>) -> Option<Self> {
        let bytes = Zeroizing::new(bytes);
        (!bytes.is_empty()).then_some(Self {
            kind: SecretKind::Passphrase,
            bytes,
        })
    }

    /// What sort it is.
    pub fn kind(&self) -> SecretKind {
        self.kind
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// How a capture that is written is protected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protection {
    /// Whether it is to be encrypted: a new file is then made so, and one that is there must be.
    pub is_wanted: bool,
    /// What opens it. Without one, an encrypted capture is refused.
    pub secret: Option<Secret>,
}
