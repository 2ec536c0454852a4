//! Somebody changes an event and makes all digests and links fit again, as far as he can.

use std::path::Path;

use ecq::event::{EventId, Keyed, Noted, RecordingId};
use ecq::store::{BatchHasher, Error, Reader, Verification, Writer};
use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};

use super::{ALL, EVENTS, capture, check, check_sound, details, digest, key, write};
use crate::support::batches;

/// The link of a batch, without a key: `src/store/chain.rs` defines it.
fn link(before: Option<&[u8]>, numbers: [i64; 4], digest: &[u8]) -> Vec<u8> {
    let mut bytes = b"ecq link 1".to_vec();
    match before {
        None => bytes.push(0),
        Some(before) => {
            bytes.push(1);
            bytes.extend_from_slice(before);
        }
    }
    for number in numbers {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(digest);
    Sha256::digest(&bytes).to_vec()
}

/// Changes an event. Then makes the digest of its commit fit, and with `relinks` all links, without a key.
fn tamper(path: &Path, relinks: bool) {
    let db = Connection::open(path).unwrap();
    db.execute("UPDATE events SET time_ns = time_ns + 1 WHERE id = 20", [])
        .unwrap();
    let reader = Reader::open(path).unwrap();
    let (first, last) = (1 + EVENTS, 2 * EVENTS);
    let mut hasher = BatchHasher::new(RecordingId::new(1), EventId::new(first), EventId::new(last));
    for id in first..=last {
        hasher.update(&digest(&reader, id).unwrap());
    }
    drop(reader);
    let set = "UPDATE batches SET digest = ?2 WHERE first_id = ?1";
    db.execute(set, params![first, hasher.finish()]).unwrap();
    if !relinks {
        return;
    }
    let batches: Vec<([i64; 4], Vec<u8>)> = db
        .prepare(
            "SELECT first_id, last_id, recording_id, committed_ns, digest FROM batches ORDER BY 1",
        )
        .unwrap()
        .query_map([], |row| {
            let numbers = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?];
            Ok((numbers, row.get(4)?))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut before: Option<Vec<u8>> = None;
    for (numbers, digest) in batches {
        let link = link(before.as_deref(), numbers, &digest);
        let set = "UPDATE batches SET link = ?2 WHERE first_id = ?1";
        db.execute(set, params![numbers[0], link]).unwrap();
        before = Some(link);
    }
}

fn keyed(byte: u8) -> Verification {
    Verification {
        key: Some(key(byte)),
        noted: None,
    }
}

#[test]
fn a_changed_event_does_not_fit_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, None);
    let db = Connection::open(&path).unwrap();
    db.execute("UPDATE events SET time_ns = time_ns + 1 WHERE id = 20", [])
        .unwrap();
    let (done, faults) = check(&path, &Verification::default()).unwrap();
    assert_eq!((done.proven_commits, done.readable_events), (5, 72));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].detail.contains("digest does not fit"));
    let scope = &faults[0].scope;
    assert_eq!(
        (scope.first, scope.last, scope.events),
        (Some(EventId::new(13)), Some(EventId::new(24)), 12)
    );
    assert_eq!(scope.processes.len(), 4);
}

#[test]
fn without_a_key_only_a_noted_head_shows_who_writes_new_digests_and_links() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, None);
    let head = check_sound(&path, &Verification::default()).head.unwrap();
    let bytes: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(head.link.get(at * 2..at * 2 + 2).unwrap(), 16).unwrap())
        .collect();
    let noted = Verification {
        key: None,
        noted: Some(bytes.try_into().unwrap()),
    };
    let done = check_sound(&path, &noted);
    assert!(done.shows_tampering());
    let Some(Noted::Found {
        commits_since: 0, ..
    }) = done.noted
    else {
        panic!("{done:?}")
    };
    // The digest alone: the links do not fit any more, of this commit and none behind it.
    tamper(&path, false);
    let (_, faults) = check(&path, &Verification::default()).unwrap();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].detail.contains("link does not fit"));
    // All of it.
    let path = folder.path().join("b.db");
    capture(&path, None);
    tamper(&path, true);
    let done = check_sound(&path, &Verification::default());
    assert!(!done.shows_tampering(), "and it does not say that it does");
    let (done, faults) = check(&path, &noted).unwrap();
    assert_eq!(done.noted, Some(Noted::Missing));
    assert_eq!(
        details(&faults),
        ["the link that was noted elsewhere is not in the chain"]
    );
}

#[test]
fn with_a_key_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, Some(key(1)));
    let done = check_sound(&path, &keyed(1));
    assert_eq!(done.keyed, Keyed::Checked(EventId::new(1)));
    assert!(done.shows_tampering());
    // Not without it, which is said.
    let done = check_sound(&path, &Verification::default());
    assert_eq!(done.keyed, Keyed::Unchecked(EventId::new(1)));
    assert_eq!((done.links, done.proven_commits), (0, 6));
    assert!(!done.shows_tampering());
    let (done, faults) = check(&path, &keyed(2)).unwrap();
    assert_eq!(done.keyed, Keyed::OtherKey(EventId::new(1)));
    assert_eq!(details(&faults).len(), 1);
    assert!(faults[0].detail.contains("another key"));
    tamper(&path, true);
    let (done, _) = check(&path, &keyed(1)).unwrap();
    assert!(done.faults > 0);
    // Nor does it help to deny that there was a key, or to say that it came later.
    let db = Connection::open(&path).unwrap();
    db.execute("UPDATE chain_key SET first_id = 1000", [])
        .unwrap();
    let (_, faults) = check(&path, &keyed(1)).unwrap();
    assert_eq!(
        details(&faults),
        ["a key is given, and it fits no commit that is there"]
    );
    db.execute("DELETE FROM chain_key", []).unwrap();
    let (done, faults) = check(&path, &keyed(1)).unwrap();
    assert_eq!(done.keyed, Keyed::Nothing);
    assert_eq!(details(&faults), ["a key is given, and no commit is keyed"]);
}

#[test]
fn a_commit_that_is_taken_out_or_put_in_shows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, Some(key(1)));
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "DELETE FROM batches WHERE first_id = 13; DELETE FROM events WHERE id BETWEEN 13 AND 24",
    )
    .unwrap();
    let (_, faults) = check(&path, &keyed(1)).unwrap();
    let details = details(&faults);
    assert!(
        details
            .iter()
            .any(|text| text.contains("commits are missing")),
        "{details:?}"
    );
    assert!(
        details
            .iter()
            .any(|text| text.contains("link does not fit")),
        "{details:?}"
    );
    let missing = &faults
        .iter()
        .find(|fault| fault.detail.contains("commits are missing"))
        .unwrap()
        .scope;
    assert_eq!(
        (missing.first, missing.last, missing.events),
        (Some(EventId::new(13)), Some(EventId::new(24)), 12)
    );
    assert!(
        missing.since.is_some(),
        "the index on time still knows when"
    );
}

#[test]
fn a_key_is_one_for_all_of_a_capture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    write(&path, None, 1, true);
    // It can begin later: what was before is tied to it by its first link.
    write(&path, Some(key(1)), 37, true);
    let done = check_sound(&path, &keyed(1));
    assert_eq!(done.keyed, Keyed::Checked(EventId::new(37)));
    assert_eq!(done.links, 6);
    tamper(&path, false);
    let (_, faults) = check(&path, &keyed(1)).unwrap();
    assert_eq!(faults.len(), 1, "{faults:?}");
    let before = std::fs::read(&path).unwrap();
    for (other, expected) in [(None, false), (Some(key(2)), true)] {
        let mut start = batches::start("ws://test/");
        start.chain_key = other;
        match Writer::open(&path, &start).err() {
            Some(Error::WrongKey { is_given, .. }) => assert_eq!(is_given, expected),
            other => panic!("{other:?}"),
        }
    }
    assert!(std::fs::read(&path).unwrap() == before, "it is not touched");
    write(&path, Some(key(1)), 1 + ALL, true);
}
