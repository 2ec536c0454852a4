//! Where a subset is written: never over anything, and not at all if it does not come to its end.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ecq::store::{Error, Reader, Subset, Wanted, Watch, export_subset};

use super::{options, take};
use crate::equivalence::record;
use crate::support::folder::names;
use crate::support::numbers::Numbers;

fn try_to_take(from: &Path, output: &Path) -> Result<Option<Subset>, Error> {
    let reader = Reader::open(from).unwrap();
    export_subset(&reader, Wanted::Events(None), &options(output), None)
}

#[test]
fn nobody_else_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    record(&path, &mut Numbers::new(1), 20);
    let output = folder.path().join("subset.db");
    take(&path, None, &output);
    let mode = fs::metadata(&output).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn nothing_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    record(&path, &mut Numbers::new(1), 20);
    let there = folder.path().join("there.db");
    fs::write(&there, "mine").unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let before = names(folder.path());
    for output in [&there, &link, &path] {
        let result = try_to_take(&path, output);
        assert!(matches!(result, Err(Error::Exists { .. })), "{result:?}");
    }
    assert!(matches!(
        try_to_take(&path, &folder.path().join("none/subset.db")),
        Err(Error::NoDirectory { .. })
    ));
    assert_eq!(fs::read(&there).unwrap(), b"mine");
    assert_eq!(names(folder.path()), before);
}

#[test]
fn what_is_stopped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    record(&path, &mut Numbers::new(1), 200);
    let before = names(folder.path());
    let mut reader = Reader::open(&path).unwrap();
    reader.set_watch(Watch::stopped_by(Arc::new(AtomicBool::new(true))));
    let output = folder.path().join("subset.db");
    let result = export_subset(&reader, Wanted::Events(None), &options(&output), None).unwrap();
    assert_eq!(result, None);
    assert_eq!(names(folder.path()), before);
}

#[test]
fn what_is_damaged_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, whole) = (
        folder.path().join("damaged.db"),
        folder.path().join("whole.db"),
    );
    record(&path, &mut Numbers::new(1), 200);
    take(&path, None, &whole);
    rusqlite::Connection::open(&whole)
        .unwrap()
        .execute_batch("UPDATE block_data SET data = x'00' WHERE id = 1")
        .unwrap();
    let before = names(folder.path());
    let result = try_to_take(&whole, &folder.path().join("subset.db"));
    assert!(matches!(result, Err(Error::Corrupt { .. })), "{result:?}");
    assert_eq!(names(folder.path()), before);
}

#[test]
fn progress_shows_what_is_to_be_done_and_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    record(&path, &mut Numbers::new(1), 200);
    let mut reader = Reader::open(&path).unwrap();
    let watch = Watch::default();
    reader.set_watch(watch.clone());
    let output = folder.path().join("subset.db");
    let subset = export_subset(&reader, Wanted::Events(None), &options(&output), None)
        .unwrap()
        .unwrap();
    assert_eq!(watch.total(), subset.payload_bytes * 2);
    assert!((subset.payload_bytes..=watch.total()).contains(&watch.scanned()));
}
