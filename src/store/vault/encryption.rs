//! The row that says how a capture is encrypted, and holds the key of the file.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use hkdf::Hkdf;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::Sha256;

use super::{
    Column, KEY_BYTES, Key, OVERHEAD_BYTES, Place, Secret, SecretKind, State, Vault, VaultError,
    decrypt, derive, encrypt,
};

/// How long the salt is.
const SALT_BYTES: usize = 16;

/// How much of the check of a secret is kept.
const CHECK_BYTES: usize = 16;

/// What a new passphrase costs whoever tries one: RFC 9106, section 4, the second recommended option.
const COST: Cost = Cost {
    memory_kib: 64 << 10,
    passes: 3,
    lanes: 4,
};

/// What a file may ask for at most: 1 GiB, so many times. A file that asks for more was made to harm.
const MOST: Cost = Cost {
    memory_kib: 1 << 20,
    passes: 16,
    lanes: 16,
};

/// Where the key of the file stands.
const KEY_PLACE: Place = Place {
    column: Column::FileKey,
    row: 1,
    part: 0,
};

/// What Argon2id is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Why a secret does not open the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Unfit {
    /// It is another one, or of another kind.
    Other,
    /// The row is damaged, or was made to harm.
    Damaged(String),
}

/// How a capture is encrypted.
#[derive(Debug, Clone)]
pub(in crate::store) struct Encryption {
    kind: SecretKind,
    salt: Vec<u8>,
    /// Of a passphrase.
    cost: Option<Cost>,
    check: Vec<u8>,
    wrapped: Vec<u8>,
}

impl Encryption {
    /// A new key of a file, for whoever has this secret.
    pub(in crate::store) fn begin(secret: &Secret) -> Result<(Self, Vault), VaultError> {
        let mut key = Key::default();
        getrandom::fill(key.as_mut_slice()).map_err(|_| VaultError::NoRandom)?;
        let vault = Vault::of_key(key);
        Ok((Self::of(&vault, secret)?, vault))
    }

    /// The key of an open vault, for whoever has this secret.
    ///
    /// # Errors
    /// When the vault has no key.
    pub(in crate::store) fn of(vault: &Vault, secret: &Secret) -> Result<Self, VaultError> {
        let State::Open(file) = &vault.0 else {
            return Err(VaultError::Locked(secret.kind()));
        };
        let mut salt = vec![0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| VaultError::NoRandom)?;
        let cost = (secret.kind() == SecretKind::Passphrase).then_some(COST);
        let keys = Keys::of(secret, &salt, cost)
            .expect("our own parameters are good, and memory that is lacking is not reported");
        Ok(Self {
            kind: secret.kind(),
            salt,
            cost,
            check: keys.check,
            wrapped: encrypt(&keys.wrap, KEY_PLACE, file.key.as_slice())?,
        })
    }

    /// What it is encrypted with.
    pub(in crate::store) fn kind(&self) -> SecretKind {
        self.kind
    }

    /// The vault of the file, for whoever has its secret.
    pub(in crate::store) fn open(&self, secret: &Secret) -> Result<Vault, Unfit> {
        if secret.kind() != self.kind {
            return Err(Unfit::Other);
        }
        let keys = Keys::of(secret, &self.salt, self.cost).map_err(Unfit::Damaged)?;
        if keys.check != self.check {
            return Err(Unfit::Other);
        }
        decrypt(&keys.wrap, KEY_PLACE, self.wrapped.clone())
            .and_then(|key| {
                let mut bytes = Key::default();
                if key.len() != KEY_BYTES {
                    return None;
                }
                bytes.copy_from_slice(&key);
                drop(zeroize::Zeroizing::new(key));
                Some(Vault::of_key(bytes))
            })
            .ok_or_else(|| Unfit::Damaged("the key of the file is damaged".to_owned()))
    }

    /// Reads the row; says why if it makes no sense. `None` if the capture is not encrypted, or is of a version that did not know
    /// of this.
    pub(in crate::store) fn read(
        db: &Connection,
    ) -> rusqlite::Result<Option<Result<Self, String>>> {
        let has_table: bool = db.query_row(
            "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'encryption')",
            [],
            |row| row.get(0),
        )?;
        if !has_table {
            return Ok(None);
        }
        db.query_row(
            "SELECT secret, salt, memory_kib, passes, lanes, key_check, wrapped_key FROM main.encryption WHERE id = 1",
            [],
            Self::read_row,
        )
        .optional()
    }

    fn read_row(row: &Row<'_>) -> rusqlite::Result<Result<Self, String>> {
        let damaged = |what: &str| Ok(Err(what.to_owned()));
        let code: i64 = row.get("secret")?;
        let kind = u8::try_from(code).ok().and_then(SecretKind::from_code);
        let Some(kind) = kind else {
            return damaged("it is encrypted in a way that is not known");
        };
        let cost = match kind {
            SecretKind::KeyFile => None,
            SecretKind::Passphrase => {
                let number = |name| {
                    let number: Option<i64> = row.get(name)?;
                    Ok::<_, rusqlite::Error>(number.and_then(|number| u32::try_from(number).ok()))
                };
                match (number("memory_kib")?, number("passes")?, number("lanes")?) {
                    (Some(memory_kib), Some(passes), Some(lanes)) => Some(Cost {
                        memory_kib,
                        passes,
                        lanes,
                    }),
                    _ => return damaged("what its passphrase costs is not said, or is too much"),
                }
            }
        };
        let read = Self {
            kind,
            salt: row.get("salt")?,
            cost,
            check: row.get("key_check")?,
            wrapped: row.get("wrapped_key")?,
        };
        if read.salt.len() != SALT_BYTES
            || read.check.len() != CHECK_BYTES
            || read.wrapped.len() != KEY_BYTES + OVERHEAD_BYTES
        {
            return damaged("the row of its key is damaged");
        }
        Ok(Ok(read))
    }

    /// Writes the row, in the place of what was there.
    pub(in crate::store) fn write(&self, db: &Connection) -> rusqlite::Result<()> {
        db.execute(
            "INSERT OR REPLACE INTO encryption
                (id, secret, salt, memory_kib, passes, lanes, key_check, wrapped_key)
             VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                self.kind.code(),
                self.salt,
                self.cost.map(|cost| cost.memory_kib),
                self.cost.map(|cost| cost.passes),
                self.cost.map(|cost| cost.lanes),
                self.check,
                self.wrapped
            ],
        )?;
        Ok(())
    }
}

/// What is made of a secret.
struct Keys {
    /// Encrypts the key of the file.
    wrap: XChaCha20Poly1305,
    /// Tells the secret from others, and says nothing else about it.
    check: Vec<u8>,
}

impl Keys {
    /// Makes them; says why not if the file asks for too much.
    fn of(secret: &Secret, salt: &[u8], cost: Option<Cost>) -> Result<Self, String> {
        let stretched;
        let bytes = match cost {
            None => secret.bytes(),
            Some(cost) => {
                stretched = cost.stretch(secret.bytes(), salt)?;
                stretched.as_slice()
            }
        };
        let hkdf = Hkdf::<Sha256>::new(Some(salt), bytes);
        let check = derive(&hkdf, b"ecq secret 1 check");
        Ok(Self {
            wrap: XChaCha20Poly1305::new((&*derive(&hkdf, b"ecq secret 1 wrap")).into()),
            check: check.get(..CHECK_BYTES).unwrap_or_default().to_vec(),
        })
    }
}

impl Cost {
    /// A key that takes so much to be made of a passphrase.
    fn stretch(self, passphrase: &[u8], salt: &[u8]) -> Result<Key, String> {
        if self.memory_kib > MOST.memory_kib || self.passes > MOST.passes || self.lanes > MOST.lanes
        {
            return Err(format!(
                "its passphrase would take {} KiB of memory, {} times in {} lanes, and at most {} KiB, {} times in {} lanes are \
                 accepted",
                self.memory_kib, self.passes, self.lanes, MOST.memory_kib, MOST.passes, MOST.lanes
            ));
        }
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(KEY_BYTES))
            .map_err(|error| format!("what its passphrase costs makes no sense: {error}"))?;
        let mut key = Key::default();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, salt, key.as_mut_slice())
            .map_err(|error| format!("its passphrase cannot be checked: {error}"))?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Secret {
        Secret::key_file(vec![byte; 32]).unwrap()
    }

    fn passphrase(text: &str) -> Secret {
        Secret::passphrase(text.into()).unwrap()
    }

    /// Whether what one of them encrypts is decrypted by the other.
    fn are_one(a: &Vault, b: &Vault) -> bool {
        let place = Place::new(Column::Tail, 1);
        let stored = a.encrypt(place, b"payload").unwrap().into_owned();
        b.decrypt(place, stored).is_ok()
    }

    #[test]
    fn the_secret_opens_it_and_no_other_does() {
        for (right, wrong) in [
            (key(1), [key(2), passphrase("x")]),
            (passphrase("open"), [passphrase("Open"), key(1)]),
        ] {
            let (encryption, vault) = Encryption::begin(&right).unwrap();
            assert!(are_one(&vault, &encryption.open(&right).unwrap()));
            for wrong in wrong {
                assert_eq!(encryption.open(&wrong).unwrap_err(), Unfit::Other);
            }
        }
    }

    #[test]
    fn another_secret_opens_the_same_file() {
        let (_, vault) = Encryption::begin(&key(1)).unwrap();
        let changed = Encryption::of(&vault, &key(2)).unwrap();
        assert!(are_one(&vault, &changed.open(&key(2)).unwrap()));
        assert_eq!(changed.open(&key(1)).unwrap_err(), Unfit::Other);
    }

    #[test]
    fn damage_is_told_from_another_secret() {
        let (mut encryption, _) = Encryption::begin(&key(1)).unwrap();
        encryption.wrapped[3] ^= 1;
        assert!(matches!(encryption.open(&key(1)), Err(Unfit::Damaged(_))));
    }

    #[test]
    fn what_a_file_asks_for_is_limited() {
        let (encryption, _) = Encryption::begin(&passphrase("open")).unwrap();
        for cost in [
            Cost {
                memory_kib: 4 << 20,
                ..COST
            },
            Cost {
                memory_kib: u32::MAX,
                ..COST
            },
            Cost {
                passes: u32::MAX,
                ..COST
            },
            Cost {
                lanes: 1 << 20,
                ..COST
            },
            Cost { lanes: 0, ..COST },
            Cost {
                memory_kib: 1,
                ..COST
            },
            Cost { passes: 0, ..COST },
        ] {
            let hostile = Encryption {
                cost: Some(cost),
                ..encryption.clone()
            };
            let refused = hostile.open(&passphrase("open"));
            assert!(matches!(refused, Err(Unfit::Damaged(_))), "{cost:?}");
        }
    }

    #[test]
    fn the_row_is_read_back() {
        let mut db = Connection::open_in_memory().unwrap();
        assert!(Encryption::read(&db).unwrap().is_none());
        crate::store::migrate::climb(&mut db, std::path::Path::new("test")).unwrap();
        assert!(Encryption::read(&db).unwrap().is_none());
        for secret in [key(1), passphrase("open")] {
            let (encryption, vault) = Encryption::begin(&secret).unwrap();
            encryption.write(&db).unwrap();
            let read = Encryption::read(&db).unwrap().unwrap().unwrap();
            assert!(are_one(&vault, &read.open(&secret).unwrap()));
        }
        for sql in [
            "UPDATE encryption SET memory_kib = 1 << 40",
            "UPDATE encryption SET salt = zeroblob(1000)",
            "UPDATE encryption SET secret = 300",
        ] {
            db.execute(sql, []).unwrap();
            let read = Encryption::read(&db).unwrap().unwrap();
            assert!(read.is_err(), "{sql}");
        }
    }
}
