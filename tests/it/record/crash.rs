//! Recorders that are killed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{messages, server};
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{check_digests, copy, events, live};
use crate::support::env::{RECORD, TestEnv};
use crate::support::frames::data;
use crate::support::live::Recorder;
use crate::support::wait::until_true;

#[test]
fn killed_at_any_moment_it_loses_nothing_that_was_committed() {
    let env = TestEnv::new();
    let (server, encoder) = server(|options| options.crashes = false);
    let mut total = 0;
    for (round, millis) in (1_u32..).zip([20_u64, 310, 130, 770, 450]) {
        let recorder = Recorder::linked::<&str>(&env, &server, []);
        if round > 1 {
            recorder.wait_for("ended without a word");
        }
        let is_over = AtomicBool::new(false);
        let traffic = || Traffic::new(u64::from(round), Corpus::Realistic);
        let committed = std::thread::scope(|scope| {
            let playing = || {
                let load = traffic()
                    .take(100_000)
                    .take_while(|_| !is_over.load(Ordering::Relaxed));
                server.play(load, Some(2000.0))
            };
            scope.spawn(playing);
            let sql = "SELECT COUNT(*) FROM events";
            until_true("a commit", || live(&env.db()).number(sql) > total);
            std::thread::sleep(Duration::from_millis(millis));
            let committed = live(&env.db()).number(sql);
            recorder.kill();
            is_over.store(true, Ordering::Relaxed);
            committed
        });
        check_digests(&env.db());
        let all = events(&env.db());
        assert!(
            all.len() >= usize::try_from(committed).unwrap(),
            "round {round}"
        );
        let stored = &all[usize::try_from(total).unwrap()..];
        assert!(
            stored
                .iter()
                .all(|event| event.stored.recording.number() == i64::from(round))
        );
        let sent = messages(&encoder, traffic().take(stored.len() * 2 + 200));
        for (event, message) in stored.iter().zip(&sent) {
            assert!(
                event.frame() == message.bytes,
                "event {} of round {round}",
                event.stored.id
            );
        }
        total = i64::try_from(all.len()).unwrap();
        let counted = copy(&env.db()).counter("stored_events");
        assert_eq!(
            counted,
            i64::try_from(stored.len()).unwrap(),
            "the counters are as of the last commit"
        );
        assert!(server.wait_for_nobody(crate::support::wait::LONG));
    }
    Recorder::linked::<&str>(&env, &server, []).stop().exits(0);
    let copy = copy(&env.db());
    assert_eq!(
        copy.number("SELECT COUNT(*) FROM gaps WHERE reason = 5 AND ended_ns >= started_ns"),
        5
    );
    assert_eq!(
        copy.number("SELECT COUNT(*) FROM recordings WHERE is_clean = 0"),
        5
    );
    assert_eq!(
        copy.number("SELECT COUNT(*) FROM recordings WHERE is_clean = 1"),
        1
    );
    assert_eq!(
        copy.number("SELECT COUNT(*) FROM links WHERE ended_ns IS NULL"),
        0
    );
    assert_eq!(copy.number("SELECT COUNT(*) = MAX(id) FROM events"), 1);
    let stats = env.query(["stats"]).exits(0);
    assert!(stats.text().contains("unclean"), "{}", stats.story());
}

/// Killed anywhere from opening the file to sealing it, an import is there whole or not at all.
#[test]
fn a_killed_import_is_there_whole_or_not_at_all() {
    let [first, second] =
        ["text", "hex"].map(|mode| data(&format!("real/ecapture-2.5.1-{mode}.frames")));
    for round in 0..12 {
        let env = TestEnv::new();
        env.import::<&str>(&first, []);
        let mut command = env.with_db(RECORD, ["--import"; 0]);
        command.arg("--import").arg(&second);
        let recorder = Recorder::spawn(command);
        std::thread::sleep(Duration::from_millis(round * 11));
        recorder.kill();
        check_digests(&env.db());
        let count = env.events::<&str>([]).len();
        assert!(
            [53, 53 + 59].contains(&count),
            "{count} events in round {round}"
        );
        env.import(&second, ["--again"]);
        assert_eq!(env.events::<&str>([]).len(), count + 59);
        check_digests(&env.db());
    }
}
