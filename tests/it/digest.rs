//! The digest of every commit can be computed again, whatever became of its payloads.

use crate::stand_in::dialect::Dialect;
use crate::stand_in::options::Options;
use crate::stand_in::server::StandIn;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{check_digests, copy, live};
use crate::support::env::TestEnv;
use crate::support::live::Recorder;
use crate::support::wait::{LONG, until_true};

#[test]
fn digests_hold_in_the_tail_in_blocks_and_after_a_clean_end() {
    let env = TestEnv::new();
    let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    for seed in 1..=3 {
        server.play(Traffic::new(seed, Corpus::Realistic).take(400), None);
        let commits = i64::try_from(seed).unwrap();
        until_true("a commit", || {
            live(&env.db()).number("SELECT COUNT(*) FROM batches") >= commits
        });
    }
    assert!(server.wait_for_empty_queues(LONG));
    let before = live(&env.db());
    assert!(
        before.number("SELECT COUNT(*) FROM tail") > 0,
        "some payloads wait"
    );
    assert!(
        before.number("SELECT COUNT(*) FROM blocks") > 0,
        "some payloads are in blocks"
    );
    drop(before);
    recorder.stop().exits(0);
    assert!(check_digests(&env.db()) >= 3);
    assert_eq!(copy(&env.db()).number("SELECT COUNT(*) FROM tail"), 0);
}

#[test]
fn digests_hold_after_a_kill() {
    let env = TestEnv::new();
    let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    server.play(Traffic::new(4, Corpus::Realistic).take(300), None);
    until_true("a commit", || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") > 0
    });
    recorder.kill();
    assert!(check_digests(&env.db()) >= 1);
    assert!(copy(&env.db()).number("SELECT COUNT(*) FROM tail") > 0);
    // Another recording goes on in the same file.
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    server.play(Traffic::new(5, Corpus::Realistic).take(300), None);
    assert!(server.wait_for_empty_queues(LONG));
    recorder.stop().exits(0).says("ended without a word");
    assert!(check_digests(&env.db()) >= 2);
}
