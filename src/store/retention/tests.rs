//! The plan, against the plain reading of the rules.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::event::{Timestamp, Zone};
use crate::filter::{self, Facts};

fn filter(text: &str) -> Expr {
    filter::parse(text, Timestamp::from_seconds(0), Zone::Utc).unwrap()
}

fn rules(keep: Option<u64>, finer: &[(&str, u64)]) -> Rules {
    Rules {
        keep: keep.map(|age| Keep {
            age: Duration::from_secs(age),
            words: "keep".to_owned(),
        }),
        keep_where: finer
            .iter()
            .map(|(text, age)| KeepWhere {
                filter: filter(text),
                age: Duration::from_secs(*age),
                words: (*text).to_owned(),
            })
            .collect(),
        ..Rules::default()
    }
}

fn commit(first: i64, last: i64, received: i64) -> Commit {
    Commit {
        first,
        last,
        received: Timestamp::from_seconds(received),
    }
}

fn plan_of(rules: &Rules, commits: &[Commit], now: i64, jumps: &[Jump]) -> Plan {
    let state = State {
        now: Timestamp::from_seconds(now),
        ids: commits
            .first()
            .zip(commits.last())
            .map(|(first, last)| (first.first, last.last)),
        jumps: jumps.to_vec(),
        size: Size::default(),
    };
    let mut commit_at = |id| {
        let behind = commits.partition_point(|commit| commit.first <= id);
        Ok::<_, Infallible>(behind.checked_sub(1).map(|at| commits[at]))
    };
    plan(rules, &state, &mut |_| Ok(i64::MIN), &mut commit_at).unwrap()
}

/// Up to which event whole commits go.
fn whole(rules: &Rules, commits: &[Commit], now: i64, jumps: &[Jump]) -> Option<i64> {
    let plan = plan_of(rules, commits, now, jumps);
    let whole = |removal: &&Removal| removal.goes == Goes::Commits;
    plan.removals
        .iter()
        .find(whole)
        .map(|removal| removal.through)
}

proptest! {
    /// An event goes at the longest age of the rules that are true of it, or at that of `--keep` if none is.
    #[test]
    fn every_event_goes_at_its_age(
        keep in prop::option::of(1_u64..6),
        ages in prop::collection::vec(1_u64..6, 0..4),
        bits in 0_usize..16,
    ) {
        let fields = ["fd == 1", "uid == 1", "tid == 1", "pid == 1"];
        let finer: Vec<_> = fields.iter().copied().zip(ages.iter().copied()).collect();
        let rules = rules(keep, &finer);
        let is_set = |at: usize| u32::from(bits >> at & 1 == 1);
        let facts = Facts {
            fd: Some(is_set(0)),
            uid: Some(is_set(1)),
            tid: Some(is_set(2)),
            pid: Some(is_set(3)),
            ..Facts::default()
        };
        let expected = finer
            .iter()
            .enumerate()
            .filter(|(at, _)| is_set(*at) == 1)
            .map(|(_, (_, age))| *age)
            .max()
            .or(keep);
        let goes = rules.levels().into_iter().find(|level| match &level.goes {
            Goes::Commits => true,
            Goes::Events(filter) => filter.matches_facts(&facts),
        });
        prop_assert_eq!(goes.map(|level| level.age.as_secs()), expected);
    }

    /// Where times are in order, everything goes that is too old, and nothing else.
    #[test]
    fn what_is_too_old_goes(
        steps in prop::collection::vec((1_i64..5, 0_i64..10), 1..40),
        keep in 1_u64..60,
        later in 0_i64..100,
    ) {
        let (mut id, mut time) = (1, 1000);
        let mut commits = Vec::new();
        for (events, pause) in steps {
            time += pause;
            commits.push(commit(id, id + events - 1, time));
            id += events;
        }
        let now = time + later;
        let expected = commits
            .iter()
            .filter(|commit| now - commit.received.as_nanos() / 1_000_000_000 > i64::try_from(keep).unwrap())
            .map(|commit| commit.last)
            .max();
        prop_assert_eq!(whole(&rules(Some(keep), &[]), &commits, now, &[]), expected);
    }

    /// Whatever the times, the last that goes is old.
    #[test]
    fn what_goes_last_is_old(times in prop::collection::vec(0_i64..100, 1..40), now in 0_i64..200) {
        let commits: Vec<_> = (1_i64..).zip(&times).map(|(id, time)| commit(id, id, *time)).collect();
        if let Some(through) = whole(&rules(Some(30), &[]), &commits, now, &[]) {
            let at = usize::try_from(through - 1).unwrap();
            prop_assert!(now - times[at] > 30);
        }
    }

    /// A limit is kept once what the plan says was given back, and it is not planned for before.
    #[test]
    fn size_falls_below_the_limit(file in 0_u64..1 << 40, logs in 0_u64..1 << 30, bytes in 1_u64..1 << 40) {
        let rules = Rules {
            max_size: Some(MaxSize { bytes, words: "max".to_owned() }),
            ..Rules::default()
        };
        let size = Size { file, logs, ..Size::default() };
        match excess(&rules, &size) {
            None => prop_assert!(file + logs <= bytes),
            Some(excess) => {
                prop_assert!(file + logs > bytes);
                prop_assert!(file + logs - excess.bytes <= bytes);
            }
        }
    }
}

#[test]
fn a_clock_that_was_set_neither_pins_nor_prunes() {
    const YEARS: i64 = 10 * 365 * 86_400;
    let by_ns = i128::from(YEARS) * 1_000_000_000;
    let rules = rules(Some(60), &[]);
    let ahead = Jump { before: 2, by_ns };
    // Forward: what came before is as old as it is.
    let commits = [
        commit(1, 1, 1000),
        commit(2, 2, 1010),
        commit(3, 3, YEARS + 1020),
    ];
    assert_eq!(whole(&rules, &commits, YEARS + 1030, &[ahead]), None);
    assert_eq!(whole(&rules, &commits, YEARS + 1065, &[ahead]), Some(1));
    // And back again.
    let back = Jump {
        before: 3,
        by_ns: -by_ns,
    };
    let commits = [commits[0], commits[1], commits[2], commit(4, 4, 1040)];
    assert_eq!(whole(&rules, &commits, 1050, &[ahead, back]), None);
    assert_eq!(whole(&rules, &commits, 1075, &[ahead, back]), Some(2));
    assert_eq!(whole(&rules, &commits, 1090, &[ahead, back]), Some(3));
    // Set back while nobody recorded: nothing stays longer than what came after it.
    let commits = [commit(1, 1, YEARS), commit(2, 2, 1000)];
    assert_eq!(whole(&rules, &commits, 1050, &[]), None);
    assert_eq!(whole(&rules, &commits, 1061, &[]), Some(2));
}

#[test]
fn finer_rules_work_on_what_whole_commits_leave() {
    let commits: Vec<_> = (1..=100).map(|id| commit(id, id, id)).collect();
    let plan = plan_of(
        &rules(Some(20), &[("pname == \"ssh\"", 50), ("pid == 1", 10)]),
        &commits,
        100,
        &[],
    );
    let found: Vec<_> = plan
        .removals
        .iter()
        .map(|removal| (removal.rule.as_str(), removal.after, removal.through))
        .collect();
    assert_eq!(
        found,
        [
            ("pname == \"ssh\"", i64::MIN, 49),
            ("keep", 49, 79),
            ("pid == 1", 49, 89)
        ]
    );
}

#[test]
fn the_disk_has_its_share() {
    let rules = Rules {
        min_free: Some(MinFree {
            share: Share::Hundredths(500),
            words: "free".to_owned(),
        }),
        ..Rules::default()
    };
    let size = |free| Size {
        disk: Some((free, 1000)),
        ..Size::default()
    };
    assert_eq!(excess(&rules, &size(50)), None);
    assert_eq!(
        excess(&rules, &size(40)).map(|excess| excess.bytes),
        Some(12)
    );
    // A log that a reader holds, and what was given back but is not cut off yet, are not to be made room for again.
    for (held, to_cut) in [(10, 0), (0, 10), (5, 5)] {
        let size = Size {
            to_cut,
            held,
            ..size(40)
        };
        assert_eq!(excess(&rules, &size), None);
    }
    assert_eq!(excess(&rules, &Size::default()), None);
}
