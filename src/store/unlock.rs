//! Opening an encrypted capture with its secret, or making a new one encrypted.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::{At, Error};
use super::open::open_read_only;
use super::reader::Reader;
use super::vault::{Encryption, Protection, Secret, SecretKind, Unfit, Vault};
use super::{migrate, open};

impl Reader {
    /// Opens a capture that was opened before, by the vault that it had then.
    ///
    /// # Errors
    /// As for [`Reader::open`].
    pub fn open_with(path: &Path, vault: &Vault) -> Result<Self, Error> {
        Ok(Self::open(path)?.with_vault(vault))
    }

    /// The capture, by the vault that it had when it was opened before.
    #[must_use]
    pub fn with_vault(mut self, vault: &Vault) -> Self {
        self.vault = vault.clone();
        self
    }

    /// With what the capture is encrypted, if it is and its secret was not given yet: payloads and what is made of them
    /// cannot be read then.
    pub fn lock(&self) -> Option<SecretKind> {
        self.vault.lock()
    }

    /// Gives the secret of an encrypted capture. One that is not encrypted needs none, and does not look at it.
    ///
    /// # Errors
    /// When it is another secret or there is none, or the key of the file is damaged.
    pub fn unlock(&mut self, secret: Option<&Secret>) -> Result<(), Error> {
        if self.lock().is_some() {
            self.vault = vault_of(&self.db, &self.path, secret)?;
        }
        Ok(())
    }

    /// Whether the capture is encrypted.
    pub fn is_encrypted(&self) -> bool {
        !self.vault.is_plain()
    }

    /// What decrypts this capture, to open it again with.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }
}

/// With what the capture at `path` is encrypted; `None` if it is not, or that cannot be found out. Whatever state the file is
/// in, the row stands in the file itself and in no log: it was written before there was one.
pub fn encrypted_with(path: &Path) -> Option<SecretKind> {
    // Opening a pipe would wait for whoever writes to it.
    if !std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return None;
    }
    let db = open_read_only(path, open::UNCHANGING).ok()?;
    Encryption::read(&db)
        .ok()??
        .ok()
        .map(|encryption| encryption.kind())
}

/// The vault of a capture whose secret is not known yet.
pub(super) fn locked(db: &Connection) -> Vault {
    // Where the row cannot be read, the first value says that it is damaged.
    match Encryption::read(db) {
        Ok(Some(Ok(encryption))) => Vault::locked(encryption.kind()),
        Ok(Some(Err(_))) => Vault::locked(SecretKind::KeyFile),
        Ok(None) | Err(_) => Vault::plain(),
    }
}

/// The vault of a capture, for whoever has its secret; one that is not encrypted needs none.
///
/// # Errors
/// When it is another secret or there is none, or the key of the file is damaged.
pub(super) fn vault_of(
    db: &Connection,
    path: &Path,
    secret: Option<&Secret>,
) -> Result<Vault, Error> {
    let damaged = |detail| Error::Corrupt {
        path: path.to_owned(),
        detail,
    };
    let Some(encryption) = Encryption::read(db).at(path)? else {
        return Ok(Vault::plain());
    };
    let encryption = encryption.map_err(damaged)?;
    let unfit = |given| Error::Encrypted {
        path: path.to_owned(),
        kind: encryption.kind(),
        given,
    };
    let secret = secret.ok_or_else(|| unfit(None))?;
    encryption.open(secret).map_err(|error| match error {
        Unfit::Other => unfit(Some(secret.kind())),
        Unfit::Damaged(detail) => damaged(detail),
    })
}

/// The vault of a capture that is there and is to be written; `None` if it is not encrypted and may still become so,
/// because nothing was recorded into it. Changes nothing.
///
/// # Errors
/// As for [`vault_of`]; also when it is not encrypted and is to be, or a secret is given that nothing needs.
pub(super) fn check(
    db: &Connection,
    path: &Path,
    protection: &Protection,
) -> Result<Option<Vault>, Error> {
    let vault = vault_of(db, path, protection.secret.as_ref())?;
    if !vault.is_plain() || (!protection.is_wanted && protection.secret.is_none()) {
        return Ok(Some(vault));
    }
    let is_empty: bool = db
        .query_row("SELECT NOT EXISTS (SELECT 1 FROM recordings)", [], |row| {
            row.get(0)
        })
        .at(path)?;
    if is_empty && protection.is_wanted {
        return Ok(None);
    }
    Err(Error::NotEncrypted {
        path: path.to_owned(),
    })
}

/// The vault of a new capture, which is encrypted if that is wanted.
///
/// # Errors
/// When it is to be and no secret is given, or one is given and it is not to be; or the file cannot be written.
pub(super) fn begin(db: &Connection, path: &Path, protection: &Protection) -> Result<Vault, Error> {
    let (true, Some(secret)) = (protection.is_wanted, &protection.secret) else {
        return if protection.is_wanted || protection.secret.is_some() {
            Err(Error::NotEncrypted {
                path: path.to_owned(),
            })
        } else {
            Ok(Vault::plain())
        };
    };
    let (encryption, vault) = Encryption::begin(secret).at(path)?;
    write(db, path, &encryption)?;
    Ok(vault)
}

/// Gives a file that is made from another the same key, for the same secret.
pub(super) fn copy(from: &Reader, db: &Connection, path: &Path) -> Result<Vault, Error> {
    let encryption = if from.vault.is_plain() {
        None
    } else {
        Encryption::read(&from.db).at(&from.path)?
    };
    if let Some(Ok(encryption)) = encryption {
        write(db, path, &encryption)?;
    }
    Ok(from.vault.clone())
}

/// Encrypts the key of the file at `path` for whoever has the secret `new`, and no longer for whoever has the one that opens it
/// now. Nothing else is written.
///
/// # Errors
/// When the file is not ours to write, a recorder has it, `secret` does not open it, or it is not encrypted.
pub fn rekey(path: &Path, secret: Option<&Secret>, new: &Secret) -> Result<(), Error> {
    let path = open::resolve(path)?;
    let (_lock, db, vault) = migrate::open_to_change(&path, secret)?;
    if vault.is_plain() {
        return Err(Error::NotEncrypted { path });
    }
    // The old row is overwritten, and does not stay behind where pages have room.
    db.pragma_update(None, "secure_delete", true).at(&path)?;
    write(&db, &path, &Encryption::of(&vault, new).at(&path)?)?;
    open::leave_one_file(&db).at(&path)?;
    Ok(())
}

fn write(db: &Connection, path: &Path, encryption: &Encryption) -> Result<(), Error> {
    let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate).at(path)?;
    encryption.write(&transaction).at(path)?;
    transaction.commit().at(path)
}
