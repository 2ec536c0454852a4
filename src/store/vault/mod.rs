//! Encryption at rest: of every value in a capture that holds captured bytes, or that is made of them.
//!
//! ```text
//! secret (key file, passphrase) ──▶ key of the secret ──▶ key of the file ──▶ values, each bound to its place
//!           `Secret`                        `Encryption`, a row                    `Vault`
//! ```
//!
//! A value is encrypted with XChaCha20-Poly1305 under the key of the file, with 24 random bytes of its own as nonce and its
//! place (table, row, part) as associated data: one that was changed, or put in the place of another, is not decrypted.
//! Stored is the ciphertext, the tag of 16 bytes and the nonce. What is compressed is compressed before.
//!
//! A capture that is not encrypted has a vault that leaves everything as it is, so that whoever reads or writes such a value
//! need not ask. An encrypted one that was opened without its secret has a vault that gives nothing: reading such a value
//! is then an error, and writing it as well.
//!
//! Not for: what is indexed and stands in the clear. `docs/decisions/0024-encryption.md` has the list.

mod encryption;
mod secret;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use rusqlite::types::Type;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::event::Event;

pub(super) use self::encryption::{Encryption, Unfit};
pub use self::secret::{Protection, Secret, SecretKind};

/// How long keys are.
const KEY_BYTES: usize = 32;

/// How long nonces are.
const NONCE_BYTES: usize = 24;

/// How long tags are.
const TAG_BYTES: usize = 16;

/// How much longer a value is when it is encrypted.
pub(super) const OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;

/// A key in memory, overwritten when it is not needed any more.
type Key = Zeroizing<[u8; KEY_BYTES]>;

/// The columns with encrypted values. The numbers are part of the file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// `encryption.wrapped_key`.
    FileKey = 0,
    /// `block_data.data`, by the block.
    BlockData = 1,
    /// `tail.data`, by the event.
    Tail = 2,
    /// `envelopes.before`, by the event.
    EnvelopeBefore = 3,
    /// `envelopes.after`, by the event.
    EnvelopeAfter = 4,
    /// `grams.bits`, by the block and the part of its filter.
    Grams = 5,
    /// `text_grams.bits`, by the text and the part of its filter.
    TextGrams = 6,
    /// `head_blocks.data`, by the block.
    HeadBlock = 7,
    /// `head_tail.data`, by the block and how many bytes of members stand before it.
    HeadTail = 8,
    /// `exchange_parts.data` of trailers, by the exchange and the part.
    Trailers = 9,
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::FileKey => "key",
            Self::BlockData => "block",
            Self::Tail => "payload in the tail, event",
            Self::EnvelopeBefore | Self::EnvelopeAfter => "envelope of event",
            Self::Grams => "search filter of block",
            Self::TextGrams => "search filter of exchanges",
            Self::HeadBlock => "block of heads",
            Self::HeadTail => "heads for block",
            Self::Trailers => "trailers of exchange",
        }
    }
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    column: Column,
    row: i64,
    part: u64,
}

impl Place {
    /// The only value of its column in this row.
    pub(super) fn new(column: Column, row: i64) -> Self {
        Self::part(column, row, 0)
    }

    /// One of several.
    pub(super) fn part(column: Column, row: i64, part: usize) -> Self {
        Self {
            column,
            row,
            part: part as u64,
        }
    }

    /// What a value is bound to: the ASCII text `ecq value 1`, the column's number, the row and the part, each 8 bytes, little
    /// endian.
    fn associated_data(self) -> Vec<u8> {
        let mut data = b"ecq value 1".to_vec();
        data.extend_from_slice(&u64::from(self.column as u8).to_le_bytes());
        data.extend_from_slice(&self.row.to_le_bytes());
        data.extend_from_slice(&self.part.to_le_bytes());
        data
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.column.name(), self.row)
    }
}

/// Why a value cannot be had, or not be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum VaultError {
    /// The capture is encrypted, and was opened without its secret.
    #[error("is encrypted with {0}, and none is given")]
    Locked(SecretKind),
    /// The value is not what was encrypted there.
    #[error("what is encrypted there was damaged or changed: {0}")]
    Broken(Place),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
}

impl From<VaultError> for rusqlite::Error {
    /// Where values are read and written, everything else that fails is SQLite's. [`super::Error`] tells them apart again.
    fn from(error: VaultError) -> Self {
        Self::FromSqlConversionFailure(0, Type::Blob, Box::new(error))
    }
}

/// Why a value could not be had, if that is what SQLite's error says.
pub(super) fn cause(error: &rusqlite::Error) -> Option<VaultError> {
    match error {
        rusqlite::Error::FromSqlConversionFailure(_, _, cause) => cause.downcast_ref().copied(),
        _ => None,
    }
}

/// The key of a file, and what is made of it.
struct FileKey {
    key: Key,
    cipher: XChaCha20Poly1305,
    digest: Key,
}

/// What encrypts and decrypts the values of a capture.
#[derive(Clone, Default)]
pub struct Vault(State);

#[derive(Clone, Default)]
enum State {
    #[default]
    Plain,
    Locked(SecretKind),
    Open(Arc<FileKey>),
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            State::Plain => "Vault (not encrypted)",
            State::Locked(_) => "Vault (locked)",
            State::Open(_) => "Vault (open)",
        })
    }
}

impl Vault {
    /// That of a capture that is not encrypted.
    pub(super) fn plain() -> Self {
        Self::default()
    }

    /// That of a capture whose secret is not known.
    pub(super) fn locked(kind: SecretKind) -> Self {
        Self(State::Locked(kind))
    }

    /// That of this key.
    fn of_key(key: Key) -> Self {
        let cipher = XChaCha20Poly1305::new((&*key).into());
        let digest = derive(&Hkdf::<Sha256>::new(None, key.as_slice()), b"ecq digest 1");
        Self(State::Open(Arc::new(FileKey {
            key,
            cipher,
            digest,
        })))
    }

    /// With what it is locked.
    pub(super) fn lock(&self) -> Option<SecretKind> {
        match self.0 {
            State::Locked(kind) => Some(kind),
            State::Plain | State::Open(_) => None,
        }
    }

    /// Whether it leaves everything as it is.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.0, State::Plain)
    }

    /// What the digests of events begin with, so that nobody without the key can try out what an event might have been;
    /// `None` where nothing is encrypted.
    pub(super) fn digest_key(&self) -> Option<&[u8]> {
        match &self.0 {
            State::Open(file) => Some(file.digest.as_slice()),
            State::Plain | State::Locked(_) => None,
        }
    }

    /// An event with nothing in its columns that is not to stand in the clear: its request target is without the query, up to
    /// the `?`, which holds tokens and what was asked for often enough. The query is in the payload.
    pub(super) fn indexed<'a>(&self, event: &'a Event) -> Cow<'a, Event> {
        let path = event.http.as_ref().and_then(|head| head.path.as_deref());
        match path {
            Some(path) if self.indexed_path(path).len() < path.len() => {
                let path = self.indexed_path(path).to_owned();
                let mut event = event.clone();
                if let Some(head) = &mut event.http {
                    head.path = Some(path);
                }
                Cow::Owned(event)
            }
            _ => Cow::Borrowed(event),
        }
    }

    /// What of a request target stands in the clear.
    pub(super) fn indexed_path<'a>(&self, path: &'a str) -> &'a str {
        let end = path.find('?').map(|at| at + 1);
        match end.and_then(|end| path.get(..end)) {
            Some(without) if !self.is_plain() => without,
            _ => path,
        }
    }

    /// The value as it is stored in this place.
    pub(super) fn encrypt<'a>(
        &self,
        place: Place,
        value: &'a [u8],
    ) -> Result<Cow<'a, [u8]>, VaultError> {
        match &self.0 {
            State::Plain => Ok(Cow::Borrowed(value)),
            State::Locked(kind) => Err(VaultError::Locked(*kind)),
            State::Open(file) => encrypt(&file.cipher, place, value).map(Cow::Owned),
        }
    }

    /// The value that is stored in this place.
    pub(super) fn decrypt<'a>(
        &self,
        place: Place,
        stored: impl Into<Cow<'a, [u8]>>,
    ) -> Result<Cow<'a, [u8]>, VaultError> {
        match &self.0 {
            State::Plain => Ok(stored.into()),
            State::Locked(kind) => Err(VaultError::Locked(*kind)),
            State::Open(file) => decrypt(&file.cipher, place, stored.into().into_owned())
                .map(Cow::Owned)
                .ok_or(VaultError::Broken(place)),
        }
    }
}

fn encrypt(cipher: &XChaCha20Poly1305, place: Place, value: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|_| VaultError::NoRandom)?;
    let mut out = Vec::with_capacity(value.len() + OVERHEAD_BYTES);
    out.extend_from_slice(value);
    let tag = cipher
        .encrypt_inout_detached(
            &XNonce::from(nonce),
            &place.associated_data(),
            out.as_mut_slice().into(),
        )
        .expect("no value is as long as what one nonce can encrypt, which is 256 GiB");
    out.extend_from_slice(&tag);
    out.extend_from_slice(&nonce);
    Ok(out)
}

fn decrypt(cipher: &XChaCha20Poly1305, place: Place, mut stored: Vec<u8>) -> Option<Vec<u8>> {
    let length = stored.len().checked_sub(OVERHEAD_BYTES)?;
    let (value, rest) = stored.split_at_mut(length);
    let (tag, nonce) = rest.split_at(TAG_BYTES);
    cipher
        .decrypt_inout_detached(
            &XNonce::try_from(nonce).ok()?,
            &place.associated_data(),
            value.into(),
            &Tag::try_from(tag).ok()?,
        )
        .ok()?;
    stored.truncate(length);
    Some(stored)
}

/// A key that is made of another, for one purpose.
fn derive(from: &Hkdf<Sha256>, purpose: &[u8]) -> Key {
    let mut key = Key::default();
    from.expand(purpose, key.as_mut_slice())
        .expect("HKDF makes keys of 32 bytes");
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::of_key(Key::new([byte; KEY_BYTES]))
    }

    fn place(column: Column, row: i64, part: usize) -> Place {
        Place::part(column, row, part)
    }

    proptest! {
        #[test]
        fn what_was_encrypted_is_decrypted(value in proptest::collection::vec(any::<u8>(), 0..3000), row: i64, part in 0_usize..100) {
            let (vault, place) = (vault(1), place(Column::Grams, row, part));
            let stored = vault.encrypt(place, &value).unwrap().into_owned();
            prop_assert_eq!(stored.len(), value.len() + OVERHEAD_BYTES);
            prop_assert_eq!(vault.decrypt(place, stored).unwrap().into_owned(), value);
        }

        #[test]
        fn what_was_changed_is_not(
            value in proptest::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            bit in 0_u8..8,
            cut in 1_usize..60,
        ) {
            let (vault, place) = (vault(1), place(Column::BlockData, 7, 0));
            let stored = vault.encrypt(place, &value).unwrap().into_owned();
            let mut flipped = stored.clone();
            flipped[at.index(stored.len())] ^= 1 << bit;
            prop_assert_eq!(vault.decrypt(place, flipped), Err(VaultError::Broken(place)));
            let shorter = &stored[..stored.len().saturating_sub(cut)];
            prop_assert_eq!(vault.decrypt(place, shorter), Err(VaultError::Broken(place)));
        }
    }

    #[test]
    fn a_value_belongs_to_its_place_and_its_file() {
        let at = place(Column::Tail, 7, 0);
        let stored = vault(1).encrypt(at, b"payload").unwrap().into_owned();
        for other in [
            place(Column::Tail, 8, 0),
            place(Column::Tail, 7, 1),
            place(Column::BlockData, 7, 0),
        ] {
            let decrypted = vault(1).decrypt(other, stored.as_slice());
            assert_eq!(decrypted, Err(VaultError::Broken(other)));
        }
        let decrypted = vault(2).decrypt(at, stored.as_slice());
        assert_eq!(decrypted, Err(VaultError::Broken(at)));
    }

    #[test]
    fn queries_do_not_stand_in_the_clear() {
        for (path, expected) in [
            ("/", "/"),
            ("/a?token=1", "/a?"),
            ("/ä?ü=?x", "/ä?"),
            ("?", "?"),
            ("http://host/a?b", "http://host/a?"),
        ] {
            assert_eq!(vault(1).indexed_path(path), expected);
            assert_eq!(Vault::plain().indexed_path(path), path);
        }
    }

    #[test]
    fn the_same_is_never_encrypted_alike() {
        let at = place(Column::Tail, 7, 0);
        let stored = || vault(1).encrypt(at, b"payload").unwrap().into_owned();
        assert_ne!(stored(), stored());
    }

    #[test]
    fn a_plain_vault_changes_nothing_and_a_locked_one_gives_nothing() {
        let at = place(Column::Tail, 7, 0);
        let plain = Vault::plain();
        assert_eq!(plain.encrypt(at, b"payload").unwrap().as_ref(), b"payload");
        assert_eq!(
            plain.decrypt(at, &b"payload"[..]).unwrap().as_ref(),
            b"payload"
        );
        let locked = Vault::locked(SecretKind::Passphrase);
        let refused = Err(VaultError::Locked(SecretKind::Passphrase));
        assert_eq!(locked.encrypt(at, b"payload"), refused);
        assert_eq!(locked.decrypt(at, &b"payload"[..]), refused);
    }
}
