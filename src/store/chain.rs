//! The chain of commits: each batch's link ties it to all before it.
//!
//! A link is SHA-256 over the ASCII text `ecq link 1`, the link before (a byte 0 where there is none, else a byte 1 and its
//! 32 bytes), the batch's first and last event id, its recording, when it was committed, and its digest. Numbers are 8
//! bytes, little endian. With a key it is HMAC-SHA-256 of the same bytes. Order is that of ids.
//!
//! Without a key, whoever can write the file can also write a new chain: it then shows damage, and tampering only to who
//! has noted an earlier link elsewhere. A key that is kept elsewhere shows both. A capture has one key: once links are
//! keyed, all later ones are, so that what follows cannot be passed off as recorded without it.
//!
//! What was removed for good leaves the link of its last batch in `removals`, and the chain goes on from there. Batches of
//! earlier versions have no link; the first link behind them has none before it.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest as _, Sha256};

use super::error::{At, Error};
use super::reader::Reader;
use crate::event::{ChainLink, EventId, RecordingId, Timestamp};

/// The first version of the schema with a chain.
pub(super) const SINCE_VERSION: i64 = 4;

/// How many bytes a key has at least.
pub const MIN_KEY_BYTES: usize = 32;

/// How many bytes of a key's fingerprint are kept.
const FINGERPRINT_BYTES: usize = 16;

/// The key of a chain.
#[derive(Clone, PartialEq, Eq)]
pub struct ChainKey(Vec<u8>);

impl fmt::Debug for ChainKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ChainKey")
    }
}

impl ChainKey {
    /// Takes all of these bytes for the key; `None` if they are fewer than [`MIN_KEY_BYTES`].
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() >= MIN_KEY_BYTES).then_some(Self(bytes))
    }

    /// What tells it from other keys and says nothing else about it: the first 16 bytes of HMAC-SHA-256 of the ASCII text
    /// `ecq chain key 1`.
    pub fn fingerprint(&self) -> Vec<u8> {
        let mut mac = self.mac(b"ecq chain key 1");
        mac.truncate(FINGERPRINT_BYTES);
        mac
    }

    fn mac(&self, bytes: &[u8]) -> Vec<u8> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(bytes);
        mac.finalize().into_bytes().to_vec()
    }
}

/// What of a batch its link is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) recording: i64,
    pub(super) committed_ns: i64,
    pub(super) digest: Vec<u8>,
}

impl Commit {
    pub(super) fn new(
        (first, last): (EventId, EventId),
        recording: RecordingId,
        committed: Timestamp,
        digest: [u8; 32],
    ) -> Self {
        Self {
            first: first.number(),
            last: last.number(),
            recording: recording.number(),
            committed_ns: committed.as_nanos(),
            digest: digest.to_vec(),
        }
    }

    /// The link of this batch behind `before`.
    pub(super) fn link(&self, before: Option<&[u8]>, key: Option<&ChainKey>) -> Vec<u8> {
        let mut bytes = b"ecq link 1".to_vec();
        match before {
            None => bytes.push(0),
            Some(before) => {
                bytes.push(1);
                bytes.extend_from_slice(before);
            }
        }
        for number in [self.first, self.last, self.recording, self.committed_ns] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.digest);
        match key {
            None => Sha256::digest(&bytes).to_vec(),
            Some(key) => key.mac(&bytes),
        }
    }

    /// Adds the row, with its link.
    pub(super) fn insert(&self, db: &Connection, link: &[u8]) -> rusqlite::Result<()> {
        db.prepare_cached(
            "INSERT INTO batches (first_id, last_id, recording_id, committed_ns, digest, link)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            self.first,
            self.last,
            self.recording,
            self.committed_ns,
            self.digest,
            link
        ])?;
        Ok(())
    }
}

/// A batch as it stands in the file.
pub(super) struct Stored {
    pub(super) commit: Commit,
    pub(super) link: Option<Vec<u8>>,
}

impl Stored {
    /// Reads the row of a batch; `None` if it is not there any more.
    pub(super) fn read(
        db: &Connection,
        first: i64,
        has_chain: bool,
    ) -> rusqlite::Result<Option<Self>> {
        let sql = if has_chain {
            "SELECT last_id, recording_id, committed_ns, digest, link FROM batches WHERE first_id = ?1"
        } else {
            "SELECT last_id, recording_id, committed_ns, digest, NULL AS link FROM batches WHERE first_id = ?1"
        };
        db.prepare_cached(sql)?
            .query_row([first], |row| {
                Ok(Self {
                    commit: Commit {
                        first,
                        last: row.get("last_id")?,
                        recording: row.get("recording_id")?,
                        committed_ns: row.get("committed_ns")?,
                        digest: row.get("digest")?,
                    },
                    link: row.get("link")?,
                })
            })
            .optional()
    }
}

/// The key that a capture was recorded with, as far as the capture knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownKey {
    pub(super) fingerprint: Vec<u8>,
    /// The first batch whose link is keyed.
    pub(super) first_id: i64,
}

impl KnownKey {
    /// What the capture says; `None` if nothing was keyed yet.
    pub(super) fn read(db: &Connection) -> rusqlite::Result<Option<Self>> {
        db.query_row(
            "SELECT fingerprint, first_id FROM chain_key WHERE id = 1",
            [],
            |row| {
                Ok(Self {
                    fingerprint: row.get("fingerprint")?,
                    first_id: row.get("first_id")?,
                })
            },
        )
        .optional()
    }

    /// Whether it is this one.
    pub(super) fn is(&self, key: &ChainKey) -> bool {
        self.fingerprint == key.fingerprint()
    }
}

/// Refuses to go on in a keyed capture without its key.
///
/// # Errors
/// [`Error::WrongKey`] if `key` is not the one of the capture.
pub(super) fn check_key(
    db: &Connection,
    path: &std::path::Path,
    key: Option<&ChainKey>,
) -> Result<(), Error> {
    match KnownKey::read(db).at(path)? {
        Some(known) if !key.is_some_and(|key| known.is(key)) => Err(Error::WrongKey {
            path: path.to_owned(),
            is_given: key.is_some(),
        }),
        _ => Ok(()),
    }
}

impl Reader {
    /// The newest link of the chain of commits that are there; `None` if none has one.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn head(&self) -> Result<Option<ChainLink>, Error> {
        if !self.has_chain() {
            return Ok(None);
        }
        self.db
            .query_row(
                "SELECT last_id, committed_ns, lower(hex(link)) AS link FROM batches
                 WHERE link IS NOT NULL ORDER BY first_id DESC LIMIT 1",
                [],
                |row| {
                    Ok(ChainLink {
                        link: row.get("link")?,
                        last: EventId::new(row.get("last_id")?),
                        committed: Timestamp::from_nanos(row.get("committed_ns")?),
                    })
                },
            )
            .optional()
            .at(&self.path)
    }
}

/// The end of the chain, to which batches are added in order of id.
#[derive(Debug)]
pub(super) struct Chain {
    key: Option<ChainKey>,
    before: Option<Vec<u8>>,
    /// Whether the capture names the key already.
    is_key_noted: bool,
}

impl Chain {
    /// Goes on behind the newest batch, or behind the last that was removed if that was newer.
    pub(super) fn new(db: &Connection, key: Option<ChainKey>) -> rusqlite::Result<Self> {
        let before = db
            .query_row(
                "SELECT link FROM (
                    SELECT last_id, link FROM batches
                    UNION ALL SELECT last_id, last_link FROM removals WHERE batches > 0
                 ) ORDER BY last_id DESC LIMIT 1",
                [],
                |row| row.get("link"),
            )
            .optional()?
            .flatten();
        Ok(Self {
            is_key_noted: KnownKey::read(db)?.is_some(),
            key,
            before,
        })
    }

    /// The newest link, if there is one.
    pub(super) fn head(&self) -> Option<&[u8]> {
        self.before.as_deref()
    }

    /// Adds a batch to the capture and to its chain.
    pub(super) fn add(&mut self, db: &Connection, commit: &Commit) -> rusqlite::Result<()> {
        if let Some(key) = &self.key
            && !self.is_key_noted
        {
            db.execute(
                "INSERT INTO chain_key (id, fingerprint, first_id) VALUES (1, ?1, ?2)",
                params![key.fingerprint(), commit.first],
            )?;
            self.is_key_noted = true;
        }
        let link = commit.link(self.before.as_deref(), self.key.as_ref());
        commit.insert(db, &link)?;
        self.before = Some(link);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::hex;

    fn key(byte: u8) -> ChainKey {
        ChainKey::new(vec![byte; MIN_KEY_BYTES]).unwrap()
    }

    fn commit() -> Commit {
        Commit {
            first: 1,
            last: 2,
            recording: 3,
            committed_ns: 4,
            digest: vec![5; 32],
        }
    }

    /// Made with Python's hashlib and hmac from the description above.
    #[test]
    fn links_are_as_they_are_described() {
        let vectors = [
            (
                None,
                None,
                "1fe43ecd03a0b4e18ec7e210f387b39303a54c36c754d347378bb28db2359516",
            ),
            (
                Some(vec![6; 32]),
                None,
                "20c0ee70113d49d151fe14eb56dfc2914e35f30343f878a8ba0c806ed3b1aa75",
            ),
            (
                Some(vec![6; 32]),
                Some(key(7)),
                "30b1de4097e04f508c387d759a943b30e51baf9fd5a0d8a580a05f4a2db1bf16",
            ),
        ];
        for (before, key, expected) in vectors {
            let link = commit().link(before.as_deref(), key.as_ref());
            assert_eq!(hex(&link), expected);
        }
        assert_eq!(
            hex(&key(7).fingerprint()),
            "779bdc1c2958461adfc71462b31338cc"
        );
    }

    #[test]
    fn a_short_key_is_none() {
        assert_eq!(ChainKey::new(vec![1; MIN_KEY_BYTES - 1]), None);
        assert_eq!(
            format!("{:?}", key(65)),
            "ChainKey",
            "a key is not to get into a log"
        );
    }

    proptest! {
        /// Whatever is changed, the link is another one, with a key and without.
        #[test]
        fn a_link_depends_on_all_of_it(place in 0_usize..7, other in 1_u8..=255, byte in 0_usize..32, is_keyed: bool) {
            let key = is_keyed.then(|| key(7));
            let before = vec![6; 32];
            let mut changed = (before.clone(), commit(), key.clone());
            match place {
                0 => changed.0[byte] ^= other,
                1 => changed.1.first += i64::from(other),
                2 => changed.1.last += i64::from(other),
                3 => changed.1.recording += i64::from(other),
                4 => changed.1.committed_ns += i64::from(other),
                5 => changed.1.digest[byte] ^= other,
                _ => changed.2 = if is_keyed { None } else { Some(self::key(other)) },
            }
            prop_assert_ne!(
                commit().link(Some(&before), key.as_ref()),
                changed.1.link(Some(&changed.0), changed.2.as_ref())
            );
        }
    }
}
