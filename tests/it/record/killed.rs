//! Recorders that are killed at moments that nobody chose, again and again, on one file.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::server;
use crate::stand_in::server::StandIn;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{assert_sound, copy, live, removed};
use crate::support::env::{RECORD, TestEnv};
use crate::support::live::Recorder;
use crate::support::long::{seed, short_or_long};
use crate::support::numbers::Numbers;
use crate::support::wait::{LONG, until_true};

/// The longest life of a recorder, in milliseconds.
const LIFE: usize = 700;

/// What may be kept in the rounds that prune: little enough that they do, also of what rounds before left.
const KEEP: [&str; 4] = ["--max-size", "2M", "--keep", "1s"];

/// The ids that a capture has given: events by themselves, and by what is said of those that are gone.
const GIVEN: &str = "SELECT max(coalesce((SELECT MAX(id) FROM events), 0),
    coalesce((SELECT MAX(last_id) FROM batches), 0), coalesce((SELECT MAX(last_id) FROM removals), 0))";

/// How many events were committed, of which some may be gone.
const COMMITTED: &str =
    "SELECT (SELECT COUNT(*) FROM events) + (SELECT coalesce(SUM(events), 0) FROM removals)";

/// What a capture had at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Past {
    given: i64,
    committed: i64,
}

fn past(env: &TestEnv) -> Past {
    let db = live(&env.db());
    db.db.execute_batch("BEGIN").unwrap();
    Past {
        given: db.number(GIVEN),
        committed: db.number(COMMITTED),
    }
}

/// Lets a recorder live for some time while its sources send; what it had committed just before it was killed, as anybody
/// could see.
fn live_and_die(env: &TestEnv, servers: &[&StandIn], round: u64, lots: &mut Numbers) -> Past {
    let mut command = env.with_db(RECORD, [""; 0]);
    for (number, server) in servers.iter().enumerate() {
        command
            .arg("--url")
            .arg(format!("s{number}={}", server.url()));
    }
    let life = Duration::from_millis(lots.below(LIFE) as u64);
    let is_pruning = round % 3 == 2;
    if is_pruning {
        command.args(KEEP);
    }
    // Some are killed before they have begun.
    let is_early = lots.below(8) == 0;
    let recorder = Recorder::spawn(command);
    if is_early {
        std::thread::sleep(life / 4);
        recorder.kill();
        return Past {
            given: 0,
            committed: 0,
        };
    }
    for server in servers {
        assert!(server.wait_for_clients(1, LONG));
    }
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (number, server) in (0..).zip(servers) {
            let is_over = &is_over;
            scope.spawn(move || {
                let corpus = [Corpus::Realistic, Corpus::Incompressible][number % 2];
                let load = Traffic::new(round * 2 + number as u64, corpus)
                    .take(100_000)
                    .take_while(|_| !is_over.load(Ordering::Relaxed));
                server.play(load, Some(1500.0))
            });
        }
        if is_pruning {
            let before = removed(&env.db());
            until_true("something to go", || removed(&env.db()) > before);
        }
        std::thread::sleep(life);
        let seen = past(env);
        recorder.kill();
        is_over.store(true, Ordering::Relaxed);
        seen
    })
}

#[test]
fn killed_again_and_again() {
    let env = TestEnv::new();
    let mut lots = Numbers::new(seed("killed"));
    let servers = [(); 2].map(|()| server(|options| options.crashes = false).0);
    // The file is there, and has the tables.
    let first = Recorder::linked::<&str>(&env, &servers[0], []);
    first.stop().exits(0);
    let mut before = past(&env);
    let rounds = short_or_long(20, 200);
    for round in 0..rounds {
        let count = 1 + usize::from(round % 2 == 1);
        let servers: Vec<_> = servers.iter().take(count).collect();
        let seen = live_and_die(&env, &servers, round, &mut lots);
        let story = format!("round {round}: {before:?} before, {seen:?} seen");
        assert_sound(&env.db());
        let left = copy(&env.db());
        let after = Past {
            given: left.number(GIVEN),
            committed: left.number(COMMITTED),
        };
        assert!(
            after.given >= seen.given && after.committed >= seen.committed,
            "{story}, {after:?} left"
        );
        assert!(
            after.given >= before.given && after.committed >= before.committed,
            "{story}, {after:?} left"
        );
        // No id is given twice, and none is left out.
        assert_eq!(after.given, after.committed, "{story}");
        before = after;
        for server in servers {
            assert!(server.wait_for_nobody(LONG));
        }
    }
    let last = Recorder::linked::<&str>(&env, &servers[0], []);
    let given = past(&env).given;
    servers[0].play(Traffic::new(rounds, Corpus::Realistic).take(200), None);
    until_true("the last events", || past(&env).given > given);
    last.stop().exits(0);
    let copy = copy(&env.db());
    let unclean = copy.number("SELECT COUNT(*) FROM recordings WHERE is_clean = 0");
    assert!(unclean > i64::try_from(rounds).unwrap() / 2, "{unclean}");
    // Each is a gap, as far as that is not too old to be kept.
    let gaps = copy.number("SELECT COUNT(*) FROM gaps WHERE reason = 5 AND ended_ns >= started_ns");
    assert!((1..=unclean).contains(&gaps), "{gaps} of {unclean}");
    assert_eq!(
        copy.number("SELECT COUNT(*) FROM recordings WHERE ended_ns IS NULL"),
        0
    );
    assert!(
        copy.number("SELECT COUNT(*) FROM removals") > 0,
        "some pruned"
    );
    assert!(copy.number("SELECT COUNT(*) FROM exchanges") > 0);
    env.query(["verify"]).exits(0);
}
