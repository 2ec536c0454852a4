//! Random subsets of random captures.

use std::collections::{HashMap, HashSet};

use ecq::event::ConnectionId;
use ecq::filter::Expr;
use ecq::store::Reader;

use super::{check_sound, filter, take};
use crate::equivalence::{Live, by_plan, by_stored_event, record};
use crate::support::capture::{copy, events};
use crate::support::exprs::RandomFilters;
use crate::support::folder::names;
use crate::support::numbers::Numbers;

/// The events that were chosen, each with the text before it that the subset has: from the last place on where events of
/// its stream are missing.
fn with_text_of_subset(live: &[Live], chosen: &[i64]) -> Vec<Live> {
    let chosen: HashSet<_> = chosen.iter().collect();
    let mut texts: HashMap<(Option<ConnectionId>, _), Vec<u8>> = HashMap::new();
    let mut taken = Vec::new();
    for event in live {
        let key = (event.new.connection, event.new.captured.event.direction);
        let text = texts.entry(key).or_default();
        if event.new.connection.is_none() || !chosen.contains(&event.new.id.number()) {
            text.clear();
        }
        if chosen.contains(&event.new.id.number()) {
            let mut event = event.clone();
            event.before.clone_from(text);
            text.extend_from_slice(&event.new.captured.payload);
            taken.push(event);
        }
    }
    taken
}

/// Filters with something to find, and what is found.
fn some_filter(reader: &Reader, random: &mut RandomFilters) -> (String, Expr, Vec<i64>) {
    loop {
        let text = random.filter(2);
        let expr = filter(&text);
        let ids = by_plan(reader, &expr);
        if !ids.is_empty() {
            return (text, expr, ids);
        }
    }
}

fn check(seed: u64, count_of_events: usize, subsets: usize, filters: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    let mut random = RandomFilters::new(seed);
    let live = record(&path, &mut Numbers::new(!seed), count_of_events);
    let before = names(folder.path());
    let whole = events(&path);
    let whole_reader = Reader::open(&path).unwrap();
    for number in 0..subsets {
        let (text, expr, ids) = some_filter(&whole_reader, &mut random);
        let output = folder.path().join(format!("subset{number}.db"));
        let subset = take(&path, Some(&expr), &output);
        assert_eq!(subset.events, ids.len() as u64, "seed {seed}: {text}");
        assert_eq!(subset.of_events, count_of_events as u64);
        check_sound(&output, &whole, &ids);
        let taken = with_text_of_subset(&live, &ids);
        let reader = Reader::open(&output).unwrap();
        for _ in 0..filters {
            let question = random.filter(2);
            let asked = filter(&question);
            let expected: Vec<_> = taken
                .iter()
                .filter(|event| event.fits(&asked))
                .map(|event| event.new.id.number())
                .collect();
            let story = format!("seed {seed}, of {text}: {question}");
            assert_eq!(by_plan(&reader, &asked), expected, "by plan, {story}");
            assert_eq!(
                by_stored_event(&reader, &asked),
                expected,
                "by stored event, {story}"
            );
            assert_eq!(
                reader.count(Some(&asked)).unwrap().events,
                expected.len() as u64,
                "counted, {story}"
            );
        }
        assert_eq!(copy(&output).number("SELECT COUNT(*) FROM junctions"), 0);
    }
    let left: Vec<_> = names(folder.path())
        .into_iter()
        .filter(|name| !name.starts_with("subset"))
        .collect();
    assert_eq!(left, before, "nothing else is left");
    assert_eq!(names(folder.path()).len(), before.len() + subsets);
}

#[test]
fn random_subsets_of_random_captures() {
    for seed in 1..=3 {
        check(seed, 200, 4, 15);
    }
}

/// Enough for several blocks, spans and lists.
#[test]
fn random_subsets_of_a_larger_capture() {
    check(5, 2_500, 2, 2);
}

/// One step or two: the same subset, but for what it says of its origin.
#[test]
fn a_subset_of_a_subset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    record(&path, &mut Numbers::new(9), 300);
    let whole = events(&path);
    let mut random = RandomFilters::new(9);
    let mut compared = 0;
    for number in 0..16 {
        let (first, second) = (random.filter(1), random.filter(1));
        let both = format!("({first}) and ({second})");
        let at = |name: &str| folder.path().join(format!("{name}{number}.db"));
        take(&path, Some(&filter(&first)), &at("first"));
        let two_steps = take(&at("first"), Some(&filter(&second)), &at("second"));
        let one_step = take(&path, Some(&filter(&both)), &at("both"));
        // A text of the second filter may have gone over a cut that the first made.
        if two_steps.events != one_step.events {
            assert!(two_steps.events < one_step.events, "{both}");
            continue;
        }
        compared += u32::from(one_step.events > 0);
        let ids = by_plan(&Reader::open(&at("both")).unwrap(), &filter("id > 0"));
        for name in ["second", "both"] {
            check_sound(&at(name), &whole, &ids);
        }
        for sql in [
            "SELECT CAST(event_id AS TEXT) FROM cuts ORDER BY event_id",
            "SELECT first_id || ' ' || last_id || ' ' || hex(digest) FROM batches ORDER BY first_id",
            "SELECT id || ' ' || run_id || ' ' || process_id || ' ' || coalesce(connection_id, '')
             FROM streams ORDER BY id",
        ] {
            assert_eq!(
                copy(&at("second")).texts(sql),
                copy(&at("both")).texts(sql),
                "{both}"
            );
        }
        let origins = Reader::open(&at("second")).unwrap().origins().unwrap();
        let filters: Vec<_> = origins.iter().map(|origin| origin.filter.clone()).collect();
        assert_eq!(
            filters,
            [&first, &second].map(|text| Some(filter(text).to_string()))
        );
        assert!(origins[0].path.ends_with("whole.db"));
        assert!(origins[1].path.ends_with(&format!("first{number}.db")));
        assert_eq!(origins[1].of_events, origins[0].events);
    }
    assert!(compared > 2, "{compared}");
}
