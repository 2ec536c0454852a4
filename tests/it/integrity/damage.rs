//! A capture with a byte that is another one, in every region of the file, and one that is cut short: `verify` sees it, and
//! `salvage` saves the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ecq::event::{EventId, Timestamp};
use ecq::store::{Error, Reader, Salvaged, SubsetOptions, Verification, salvage};
use rusqlite::Connection;

use super::{ALL, EVENTS, capture, check, check_sound, digest};
use crate::support::capture::copy;

/// Every so many bytes one is changed: no divisor of a page, so that all places in pages come up.
const STEP: usize = 1021;

/// Of so many damaged files one is salvaged as well.
const SALVAGED: usize = 8;

/// The first pages are the schema's, without which there are no tables.
const PAGE: usize = 4096;

type Digests = BTreeMap<i64, [u8; 32]>;

fn digests(path: &Path) -> Option<Digests> {
    let reader = Reader::open_damaged(path).ok()?;
    Some(
        (1..=ALL)
            .filter_map(|id| Some((id, digest(&reader, id)?)))
            .collect(),
    )
}

pub(super) fn save(from: &Path, to: &Path) -> Option<Salvaged> {
    let reader = Reader::open_damaged(from).ok()?;
    let options = SubsetOptions {
        output: to.to_owned(),
        program: "test".to_owned(),
        now: Timestamp::from_seconds(1),
        is_decrypted: false,
    };
    match salvage(&reader, &options) {
        // Where the list of tables is lost, that is said, and no file made.
        Err(Error::Corrupt { detail, .. }) => {
            assert!(detail.contains("list of tables"), "{detail}");
            assert!(!to.exists());
            None
        }
        other => Some(other.unwrap().unwrap()),
    }
}

/// The events of each loss that the new file says it has.
fn losses(path: &Path) -> BTreeMap<i64, BTreeSet<i64>> {
    let db = copy(path).db;
    let mut losses = BTreeMap::<i64, BTreeSet<i64>>::new();
    let mut statement = db
        .prepare("SELECT loss, first_id, last_id FROM losses")
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let last: i64 = row.get(2).unwrap();
        losses
            .entry(row.get(0).unwrap())
            .or_default()
            .extend(row.get::<_, i64>(1).unwrap()..=last.min(ALL));
    }
    losses
}

/// What was saved of a damaged file is sound, and is what was recorded but for what it says.
#[track_caller]
fn check_saved(damaged: &Path, original: &Digests, story: &str) -> Option<Salvaged> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved.db");
    let saved = save(damaged, &path)?;
    let (done, faults) = check(&path, &Verification::default()).unwrap();
    assert_eq!(faults, [], "{story}");
    assert_eq!(done.events, saved.events, "{story}");
    let found = digests(&path).unwrap();
    assert_eq!(found.len() as u64, saved.events, "{story}: all can be read");
    let losses = losses(&path);
    let lost = losses.get(&1).cloned().unwrap_or_default();
    let is_told = |id: &i64| losses.values().any(|ids| ids.contains(id));
    for (id, digest) in original {
        match found.get(id) {
            None => assert!(lost.contains(id), "{story}: event {id} is gone"),
            Some(saved) if saved != digest => {
                assert!(is_told(id), "{story}: event {id} is another one");
            }
            Some(_) => {}
        }
    }
    let strangers =
        copy(&path).texts("SELECT CAST(id AS TEXT) FROM events WHERE id NOT BETWEEN 1 AND 72");
    assert!(strangers.is_empty() || !losses.is_empty(), "{story}");
    Some(saved)
}

/// Changes a byte: whatever can be seen of that in an event is found.
fn damage(path: &Path, whole: &[u8], original: &Digests, at: usize, mask: u8) {
    let mut bytes = whole.to_vec();
    bytes[at] ^= mask;
    fs::write(path, &bytes).unwrap();
    let story = format!("byte {at} of {} ^ {mask:#x}", whole.len());
    let is_same = digests(path).is_some_and(|digests| &digests == original);
    match check(path, &Verification::default()) {
        Some((done, _)) => assert!(is_same || done.faults > 0, "{story}: nothing is found"),
        None => assert!(!is_same, "{story}"),
    }
}

#[test]
fn a_flipped_byte_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, None);
    let original = digests(&path).unwrap();
    assert_eq!(original.len(), usize::try_from(ALL).unwrap());
    let whole = fs::read(&path).unwrap();
    let (mut saved_files, mut files, mut whole_files) = (0, 0, 0);
    for (number, at) in (0..whole.len()).step_by(STEP).enumerate() {
        let mask = [0x01, 0x80, 0xff][number % 3];
        damage(&path, &whole, &original, at, mask);
        // It takes ten times as long.
        if number % SALVAGED == 0 {
            files += 1;
            if let Some(saved) = check_saved(&path, &original, &format!("byte {at}")) {
                saved_files += 1;
                whole_files += usize::from(saved.is_whole());
            }
        }
    }
    assert!(saved_files > files / 2, "{saved_files} of {files}");
    assert!(whole_files > 0, "not every byte matters");
}

/// The header and the first page of the schema, more densely.
#[test]
fn a_flipped_byte_in_the_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, None);
    let original = digests(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    for at in (0..100).step_by(3).chain((100..PAGE).step_by(197)) {
        damage(&path, &whole, &original, at, 0xff);
        if at % SALVAGED == 0 {
            check_saved(&path, &original, &format!("byte {at}"));
        }
    }
}

/// Pages of each table and index, overwritten as a whole.
#[test]
fn a_page_of_every_table_and_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, None);
    let original = digests(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    let roots: Vec<(String, usize)> = copy(&path)
        .db
        .prepare("SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0 ORDER BY name")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(roots.len() > 30);
    for (name, root) in roots {
        let mut bytes = whole.clone();
        bytes[(root - 1) * PAGE..root * PAGE].fill(0x5a);
        fs::write(&path, &bytes).unwrap();
        let (done, _) = check(&path, &Verification::default()).unwrap();
        assert!(done.faults > 0, "{name}");
        let saved = check_saved(&path, &original, &name).unwrap();
        let is_needed = ["events", "streams", "shapes"].contains(&name.as_str());
        let expected = if is_needed { 0 } else { original.len() as u64 };
        assert_eq!(saved.events, expected, "{name}");
        assert_eq!(
            saved.lost_events,
            original.len() as u64 - expected,
            "{name}"
        );
    }
}

#[test]
fn a_file_that_is_cut_short() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, None);
    let original = digests(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    let pages = whole.len() / PAGE;
    let mut most_saved = 0;
    for length in (0..pages).step_by(7).map(|page| page * PAGE + 77 * page) {
        let length = length.min(whole.len() - 1);
        fs::write(&path, &whole[..length]).unwrap();
        let story = format!("{length} of {} bytes", whole.len());
        if let Some((done, _)) = check(&path, &Verification::default()) {
            assert!(done.faults > 0, "{story}");
        }
        if let Some(saved) = check_saved(&path, &original, &story) {
            assert!(!saved.is_whole(), "{story}");
            most_saved = most_saved.max(saved.events);
        }
    }
    assert!(most_saved > 0, "the list of tables is in the first pages");
}

#[test]
fn a_block_that_cannot_be_read_takes_its_payloads_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, None);
    let original = digests(&path).unwrap();
    let db = Connection::open(&path).unwrap();
    db.execute(
        "UPDATE block_data SET data = zeroblob(length(data)) WHERE id = (SELECT id FROM blocks WHERE class = 0)",
        [],
    )
    .unwrap();
    drop(db);
    let (done, faults) = check(&path, &Verification::default()).unwrap();
    let requests = u64::try_from(ALL / 2 / 3).unwrap();
    assert_eq!(done.readable_events, done.events - requests);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].detail.contains("cannot be decompressed"));
    let scope = &faults[0].scope;
    assert_eq!(
        (scope.events, scope.first, scope.last),
        (requests, Some(EventId::new(3)), Some(EventId::new(36)))
    );
    assert!(scope.since.is_some() && scope.until.is_some());
    assert!(
        scope
            .processes
            .iter()
            .all(|name| name.starts_with("program"))
    );
    let saved = check_saved(&path, &original, "a block").unwrap();
    assert_eq!((saved.events, saved.lost_events), (72, 0));
    assert_eq!(saved.lost_payloads, requests);
    assert_eq!(saved.unproven_events, 36);
    let to = folder.path().join("saved.db");
    save(&path, &to).unwrap();
    let reader = Reader::open(&to).unwrap();
    let stored = reader.event(EventId::new(3)).unwrap().unwrap();
    assert_eq!(stored.payload_bytes, 0);
    assert_eq!(stored.event.provenance.names(), ["lost"]);
    assert_eq!(stored.event.http.unwrap().method.as_deref(), Some("GET"));
    assert_eq!(
        copy(&to).texts("SELECT loss || ' ' || events FROM losses WHERE loss = 5"),
        ["5 36"]
    );
}

#[test]
fn a_sound_capture_is_salvaged_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, None);
    let original = digests(&path).unwrap();
    let saved = check_saved(&path, &original, "sound").unwrap();
    assert!(saved.is_whole());
    assert_eq!(saved.events, 72);
}

/// What is lost is a gap, and what a search could take for one text is cut.
#[test]
fn lost_events_are_on_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    capture(&path, None);
    let db = Connection::open(&path).unwrap();
    db.execute("DELETE FROM events WHERE id BETWEEN 15 AND 17", [])
        .unwrap();
    drop(db);
    let to = folder.path().join("saved.db");
    let saved = save(&path, &to).unwrap();
    assert_eq!((saved.events, saved.lost_events), (69, 3));
    assert_eq!(saved.unproven_events, u64::try_from(EVENTS).unwrap() - 3);
    check_sound(&to, &Verification::default());
    let copy = copy(&to);
    assert_eq!(
        copy.texts("SELECT (SELECT name FROM names WHERE domain = 'gap' AND code = reason) || ' ' || frames FROM gaps"),
        ["damaged 3"]
    );
    assert_eq!(
        copy.texts("SELECT CAST(event_id AS TEXT) FROM cuts"),
        ["18", "19", "20", "21"]
    );
    let reader = Reader::open(&to).unwrap();
    let origins = reader.origins().unwrap();
    assert_eq!(origins[0].taken, ecq::event::Taken::Salvage);
    assert_eq!((origins[0].events, origins[0].of_events), (69, 72));
    let coverage = reader.coverage(None, None, super::at(100)).unwrap();
    assert_eq!((coverage.gaps, coverage.is_subset), (1, true));
}
