//! The ladder: which schema version a capture has, and how it gets to ours.
//!
//! `user_version` counts the migrations that were applied; the file's `application_id` says that it is a capture. Only
//! a recorder climbs; a reader compares and refuses in words. Each step is one transaction with its own version bump.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::{At, Error};
use super::patience::{Patience, Way};
use super::vault::{Secret, Vault};
use super::{definitions, open, unlock};

/// `ecq1` in ASCII: the `application_id` of every capture.
pub const APPLICATION_ID: i64 = 0x6563_7131;

/// The files of `migrations/`, in order. Position (from 1) is the `user_version` that the file leads to.
pub const MIGRATIONS: [(&str, &str); 7] = [
    (
        "0001_initial.sql",
        include_str!("../../migrations/0001_initial.sql"),
    ),
    (
        "0002_search_filter.sql",
        include_str!("../../migrations/0002_search_filter.sql"),
    ),
    (
        "0003_exchanges.sql",
        include_str!("../../migrations/0003_exchanges.sql"),
    ),
    (
        "0004_keeping.sql",
        include_str!("../../migrations/0004_keeping.sql"),
    ),
    (
        "0005_identities.sql",
        include_str!("../../migrations/0005_identities.sql"),
    ),
    (
        "0006_sealed.sql",
        include_str!("../../migrations/0006_sealed.sql"),
    ),
    (
        "0007_redaction.sql",
        include_str!("../../migrations/0007_redaction.sql"),
    ),
];

/// What makes the tables of the index of exchanges as temporary ones, which hide those of the file: the statements of
/// their migration, up to what is no table or index of them.
pub(super) fn exchange_tables_as_temporary() -> String {
    let (_, sql) = MIGRATIONS[2];
    let tables = sql.split("INSERT INTO names").next().unwrap_or_default();
    tables
        .replace("CREATE TABLE ", "CREATE TEMP TABLE ")
        .replace("CREATE INDEX ", "CREATE INDEX temp.")
        .replace("CREATE UNIQUE INDEX ", "CREATE UNIQUE INDEX temp.")
}

/// The schema version of this program.
pub fn newest_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// What a database says of itself.
pub(super) enum Identity {
    /// It has no tables and no identity yet.
    Empty,
    /// It is a capture with this schema version.
    Capture(i64),
}

/// Reads who wrote the database and in which version; refuses other programs' databases.
pub(super) fn identify(connection: &Connection, path: &Path) -> Result<Identity, Error> {
    let pragma = |name: &str| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .at(path)
    };
    let application = pragma("application_id")?;
    let version = pragma("user_version")?;
    if application == APPLICATION_ID && version > 0 {
        return Ok(Identity::Capture(version));
    }
    let has_tables: bool = connection
        .query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| {
            row.get(0)
        })
        .at(path)?;
    if !has_tables && (application == 0 || application == APPLICATION_ID) {
        return Ok(Identity::Empty);
    }
    let detail = format!("an SQLite database of another program (application id {application:#x})");
    Err(Error::Foreign {
        path: path.to_owned(),
        detail,
    })
}

/// The schema version of a capture that this program may write; `None` if it has no schema yet. Changes nothing.
pub(super) fn check_writable(connection: &Connection, path: &Path) -> Result<Option<i64>, Error> {
    let known = newest_version();
    match identify(connection, path)? {
        Identity::Empty => Ok(None),
        Identity::Capture(found) if found > known => Err(Error::Newer {
            path: path.to_owned(),
            found,
            known,
        }),
        Identity::Capture(found) => {
            definitions::check(connection, path)?;
            Ok(Some(found))
        }
    }
}

/// Brings the database to this program's schema version.
pub(super) fn climb(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let found = check_writable(connection, path)?.unwrap_or(0);
    for (version, (_, sql)) in (1_i64..).zip(MIGRATIONS) {
        if version <= found {
            continue;
        }
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .at(path)?;
        transaction
            .pragma_update(None, "application_id", APPLICATION_ID)
            .at(path)?;
        transaction.execute_batch(sql).at(path)?;
        transaction
            .pragma_update(None, "user_version", version)
            .at(path)?;
        transaction.commit().at(path)?;
    }
    Ok(())
}

/// Takes the lock of a capture that is there, opens it and brings it to this program's schema version. `secret` opens one that
/// is encrypted.
pub(super) fn open_to_change(
    path: &Path,
    secret: Option<&Secret>,
) -> Result<(File, Connection, Vault), Error> {
    // The lock makes a file where there is none.
    std::fs::symlink_metadata(path).map_err(|error| Error::from_io(path, error))?;
    let lock = open::lock_for_writing(path)?;
    let mut db = open::open_for_writing(path)?;
    let patience = Patience::with(path, Way::InPlace(open::SHARED));
    patience.watch_over(&mut db, None).at(path)?;
    if check_writable(&db, path)?.is_none() {
        return Err(Error::Foreign {
            path: path.to_owned(),
            detail: "an empty database".to_owned(),
        });
    }
    let vault = unlock::vault_of(&db, path, secret)?;
    climb(&mut db, path)?;
    open::prepare_for_writing(&db, path)?;
    Ok((lock, db, vault))
}

/// The schema version of a capture, which a reader of this program understands: ours or an older one.
pub(super) fn check_readable(connection: &Connection, path: &Path) -> Result<i64, Error> {
    let known = newest_version();
    match identify(connection, path)? {
        Identity::Empty => Err(Error::Foreign {
            path: path.to_owned(),
            detail: "an empty database".to_owned(),
        }),
        Identity::Capture(found) if found > known => Err(Error::Newer {
            path: path.to_owned(),
            found,
            known,
        }),
        Identity::Capture(found) => {
            definitions::check(connection, path)?;
            Ok(found)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ClockKind, Content, Direction, Kind, Probe, Taken, TupleSource};
    use crate::http::body::Defect;
    use crate::http::exchange::Ending;
    use crate::store::grams::Covers;
    use crate::store::vault::SecretKind;

    #[test]
    fn the_list_is_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, MIGRATIONS.map(|(name, _)| name));
    }

    #[test]
    fn the_names_in_the_file_are_those_of_the_enums() {
        let mut connection = Connection::open_in_memory().unwrap();
        climb(&mut connection, Path::new("test")).unwrap();
        let names = |domain: &str| -> Vec<(u8, String)> {
            connection
                .prepare("SELECT code, name FROM names WHERE domain = ?1 ORDER BY code")
                .unwrap()
                .query_map([domain], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap()
                .map(Result::unwrap)
                .collect()
        };
        let pair = |code: u8, name: &str| (code, name.to_owned());
        assert_eq!(
            names("kind"),
            Kind::ALL.map(|kind| pair(kind.code(), kind.name()))
        );
        assert_eq!(
            names("content"),
            Content::ALL.map(|content| pair(content.code(), content.name()))
        );
        assert_eq!(
            names("probe"),
            Probe::ALL.map(|probe| pair(probe.code(), probe.name()))
        );
        assert_eq!(
            names("clock"),
            ClockKind::ALL.map(|clock| pair(clock.code(), clock.name()))
        );
        assert_eq!(
            names("direction"),
            [Direction::Inbound, Direction::Outbound]
                .map(|direction| pair(direction.code(), direction.name()))
        );
        let sources: Vec<_> = (1..=5).filter_map(TupleSource::from_code).collect();
        assert_eq!(
            names("tuple_source"),
            sources
                .into_iter()
                .map(|source| pair(source.code(), source.name()))
                .collect::<Vec<_>>()
        );
        assert_eq!(
            names("gap"),
            super::super::batch::GapReason::ALL.map(|gap| pair(gap.code(), gap.name()))
        );
        assert_eq!(
            names("ending"),
            Ending::ALL.map(|ending| pair(ending.code(), ending.name()))
        );
        assert_eq!(
            names("covers"),
            [Covers::All, Covers::Plain].map(|covers| pair(covers.code(), covers.name()))
        );
        assert_eq!(
            names("defect"),
            Defect::ALL.map(|defect| pair(defect.code(), defect.name()))
        );
        assert_eq!(
            names("selects"),
            Taken::ALL.map(|taken| pair(taken.code(), taken.name()))
        );
        assert_eq!(
            names("loss"),
            super::super::salvage::Loss::ALL.map(|loss| pair(loss.code(), loss.name()))
        );
        assert_eq!(
            names("secret"),
            [SecretKind::KeyFile, SecretKind::Passphrase]
                .map(|kind| pair(kind.code(), kind.name()))
        );
        assert_eq!(
            names("class"),
            super::super::block::Class::ALL.map(|class| pair(class.code(), class.name()))
        );
    }

    #[test]
    fn refuses_other_databases_and_newer_ones() {
        let mut other = Connection::open_in_memory().unwrap();
        other.execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(matches!(
            climb(&mut other, Path::new("t")),
            Err(Error::Foreign { .. })
        ));
        let mut newer = Connection::open_in_memory().unwrap();
        climb(&mut newer, Path::new("t")).unwrap();
        newer.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(
            climb(&mut newer, Path::new("t")),
            Err(Error::Newer { found: 99, .. })
        ));
        assert!(matches!(
            check_readable(&newer, Path::new("t")),
            Err(Error::Newer { .. })
        ));
    }
}
