//! The chain goes on behind what was removed for good, and a removal has to be on the record.

use std::path::Path;

use ecq::event::{EventId, Noted};
use ecq::store::{Reader, Verification};
use rusqlite::{Connection, params};

use super::damage::save;
use super::{ALL, EVENTS, capture, check, check_sound, details, digest, key, write};

/// Takes events away as pruning does, apart from the record of it.
fn remove(db: &Connection, first: i64, last: i64) {
    for sql in [
        "DELETE FROM events WHERE id BETWEEN ?1 AND ?2",
        "DELETE FROM details WHERE event_id BETWEEN ?1 AND ?2",
        "DELETE FROM envelopes WHERE event_id BETWEEN ?1 AND ?2",
        "DELETE FROM tail WHERE event_id BETWEEN ?1 AND ?2",
    ] {
        db.execute(sql, [first, last]).unwrap();
    }
}

fn note(db: &Connection, id: i64, (first, last): (i64, i64), batches: i64, link: Option<&[u8]>) {
    db.execute(
        "INSERT INTO removals
            (id, at_ns, first_id, last_id, min_ns, max_ns, min_received_ns, max_received_ns, events, payload_bytes, rule,
             batches, last_link, digest)
         VALUES (?1, 0, ?2, ?3, 0, 0, 0, 0, ?3 - ?2 + 1, 0, '--keep 7d', ?4, ?5, x'00')",
        params![id, first, last, batches, link],
    )
    .unwrap();
}

fn link_of(db: &Connection, last: i64) -> Vec<u8> {
    db.query_row(
        "SELECT link FROM batches WHERE last_id = ?1",
        [last],
        |row| row.get(0),
    )
    .unwrap()
}

fn pruned(path: &Path) -> Vec<u8> {
    capture(path, Some(key(1)));
    let db = Connection::open(path).unwrap();
    let last = 2 * EVENTS;
    let link = link_of(&db, last);
    remove(&db, 1, last);
    db.execute("DELETE FROM batches WHERE last_id <= ?1", [last])
        .unwrap();
    note(&db, 1, (1, last), 2, Some(&link));
    link
}

#[test]
fn whole_commits_from_the_begin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let link = pruned(&path);
    let against = Verification {
        key: Some(key(1)),
        noted: Some(link.clone().try_into().unwrap()),
    };
    let done = check_sound(&path, &against);
    assert_eq!((done.links, done.commits), (4, 4));
    assert_eq!((done.removals, done.removed_events), (1, 24));
    assert_eq!(done.noted, Some(Noted::Removed(EventId::new(24))));
    // What is recorded later ties in.
    write(&path, Some(key(1)), 1 + ALL, true);
    assert_eq!(check_sound(&path, &against).links, 7);
    // Not from another place.
    let db = Connection::open(&path).unwrap();
    db.execute("UPDATE removals SET last_link = zeroblob(32)", [])
        .unwrap();
    let (_, faults) = check(&path, &against).unwrap();
    assert!(
        details(&faults)[0].contains("link does not fit"),
        "{faults:?}"
    );
}

#[test]
fn a_removal_that_nobody_noted_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    pruned(&path);
    Connection::open(&path)
        .unwrap()
        .execute("DELETE FROM removals", [])
        .unwrap();
    let (_, faults) = check(&path, &Verification::default()).unwrap();
    assert!(
        details(&faults)[0].contains("commits are missing"),
        "{faults:?}"
    );
}

#[test]
fn by_one_rule_after_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, Some(key(1)));
    let db = Connection::open(&path).unwrap();
    let gone = [1, 2, 3].map(|commit| ((commit - 1) * EVENTS + 1, commit * EVENTS));
    let links = gone.map(|(_, last)| link_of(&db, last));
    for (id, (range, link)) in (1..).zip(gone.into_iter().zip(&links)) {
        remove(&db, range.0, range.1);
        db.execute("DELETE FROM batches WHERE last_id = ?1", [range.1])
            .unwrap();
        note(&db, id, range, 1, Some(link));
    }
    let done = check_sound(&path, &Verification::default());
    assert_eq!((done.removals, done.commits), (3, 3));
    let saved = save(&path, &folder.path().join("b.db"));
    assert!(saved.unwrap().is_whole());
    // Each of them counts.
    db.execute("DELETE FROM removals WHERE id = 2", []).unwrap();
    let (_, faults) = check(&path, &Verification::default()).unwrap();
    assert!(
        details(&faults)[0].contains("commits are missing"),
        "{faults:?}"
    );
}

#[test]
fn all_commits_were_removed_before_the_next_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, Some(key(1)));
    let db = Connection::open(&path).unwrap();
    let link = link_of(&db, ALL);
    remove(&db, 1, ALL);
    db.execute("DELETE FROM batches", []).unwrap();
    note(&db, 1, (1, ALL), 6, Some(&link));
    drop(db);
    let against = Verification {
        key: Some(key(1)),
        noted: None,
    };
    // Nothing is left that the key could prove.
    assert_eq!(check(&path, &against).unwrap().0.faults, 1);
}

#[test]
fn single_events_out_of_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, None);
    let reader = Reader::open(&path).unwrap();
    let gone = [13, 14, 20, 24, 50];
    let digests: Vec<_> = gone.map(|id| (id, digest(&reader, id).unwrap())).into();
    drop(reader);
    let db = Connection::open(&path).unwrap();
    for id in gone {
        remove(&db, id, id);
    }
    let (_, faults) = check(&path, &Verification::default()).unwrap();
    let missing = faults
        .iter()
        .find(|fault| fault.detail.contains("events of a commit are missing"))
        .unwrap();
    assert_eq!(missing.scope.events, 5);
    note(&db, 1, (13, 50), 0, None);
    db.execute("UPDATE removals SET events = 5", []).unwrap();
    for (id, digest) in digests {
        db.execute(
            "INSERT INTO removed_events VALUES (?1, 1, ?2)",
            params![id, digest],
        )
        .unwrap();
    }
    let done = check_sound(&path, &Verification::default());
    assert_eq!((done.proven_commits, done.links), (6, 6));
    assert_eq!(done.removed_events, 5);
    // Their digests are part of what is proven.
    db.execute(
        "UPDATE removed_events SET digest = zeroblob(32) WHERE event_id = 20",
        [],
    )
    .unwrap();
    let (_, faults) = check(&path, &Verification::default()).unwrap();
    assert!(details(&faults)[0].contains("digest does not fit"));
}
