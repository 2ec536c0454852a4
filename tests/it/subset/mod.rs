//! A subset of a capture is a capture: it has the events that were asked for, as they were, and answers about them as the
//! whole does.

mod contents;
mod places;
mod property;
pub(crate) mod redacted;

use std::path::Path;

use ecq::event::{Timestamp, Zone};
use ecq::filter::{Expr, parse};
use ecq::store::{Reader, Subset, SubsetOptions, Wanted, export_subset};

use crate::equivalence::NOW;
use crate::support::capture::{Whole, beside, check_digests, copy, events};

fn filter(text: &str) -> Expr {
    parse(text, NOW, Zone::Utc).unwrap()
}

fn options(output: &Path) -> SubsetOptions {
    SubsetOptions {
        output: output.to_owned(),
        program: "ecq-query test".to_owned(),
        now: Timestamp::from_seconds(77),
        is_decrypted: false,
    }
}

/// Takes the events that a filter is true of.
#[track_caller]
fn take(from: &Path, wanted: Option<&Expr>, output: &Path) -> Subset {
    let reader = Reader::open(from).unwrap();
    export_subset(&reader, Wanted::Events(wanted), &options(output), None)
        .unwrap()
        .unwrap()
}

/// It is one sound file, and has these events of the whole as they were there.
#[track_caller]
fn check_sound(subset: &Path, whole: &[Whole], ids: &[i64]) {
    for suffix in ["-wal", "-shm", "-journal"] {
        assert!(!beside(subset, suffix).exists(), "{suffix}");
    }
    check_digests(subset);
    let copy = copy(subset);
    assert_eq!(copy.texts("PRAGMA foreign_key_check"), [""; 0]);
    assert_eq!(copy.texts("PRAGMA journal_mode"), ["delete"]);
    let taken = events(subset);
    let taken_ids: Vec<_> = taken.iter().map(|event| event.stored.id.number()).collect();
    assert_eq!(taken_ids, ids);
    let mut of_whole = whole.iter();
    for event in &taken {
        let original = of_whole
            .find(|original| original.stored.id == event.stored.id)
            .unwrap();
        assert_eq!(event.stored, original.stored);
        assert!(event.payload == original.payload, "{}", event.stored.id);
        assert_eq!(event.envelope, original.envelope);
    }
}
