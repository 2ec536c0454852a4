//! A capture that is being recorded, and one whose recorder was killed.

use super::{ask, bytes_of, write_secret};
use crate::stand_in::dialect::Dialect;
use crate::stand_in::options::Options;
use crate::stand_in::server::StandIn;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::live;
use crate::support::env::TestEnv;
use crate::support::live::Recorder;
use crate::support::wait::{LONG, until_true};

const TOKEN: &str = "NeedleInTheTraffic";

/// Whether the token stands in one of the files.
fn stands_there(env: &TestEnv) -> bool {
    bytes_of(&env.path("db"))
        .iter()
        .any(|(_, bytes)| memchr::memmem::find(bytes, TOKEN.as_bytes()).is_some())
}

/// Records traffic with a token in it until all of it is committed, with these arguments.
fn record(env: &TestEnv, server: &StandIn, args: &[&str], seed: u64) -> Recorder {
    let recorder = Recorder::linked(env, server, args);
    let before = live(&env.db()).number("SELECT COUNT(*) FROM events");
    let traffic = Traffic::new(seed, Corpus::Small)
        .only_tls()
        .with_needle(10, TOKEN);
    server.play(traffic.take(300), None);
    assert!(server.wait_for_empty_queues(LONG));
    until_true("all of it", || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") >= before + 300
    });
    recorder
}

#[test]
fn while_it_is_recorded_and_after_a_crash() {
    let server = StandIn::start(Options::for_dialect(Dialect::Fields)).unwrap();
    // A plain one has the token in its tail: it would be seen.
    let plain = TestEnv::new();
    let recorder = record(&plain, &server, &[], 1);
    assert!(stands_there(&plain));
    recorder.stop().exits(0);

    let env = TestEnv::new();
    let key = write_secret(&env, "key", &[7; 32]);
    let recorder = record(&env, &server, &["--encrypt", "--key-file", &key], 1);
    assert!(live(&env.db()).number("SELECT COUNT(*) FROM tail") > 0);
    assert!(!stands_there(&env));
    let count = || {
        let run = ask(
            &env,
            &key,
            &["--grep", TOKEN, "--fixed", "--count", "--events"],
        );
        run.exits(0).text().trim().parse::<u32>().unwrap()
    };
    let first = count();
    assert!(first > 5, "{first}");
    env.query(["--count"]).exits(2).says("--key-file");
    recorder.kill();
    assert!(!stands_there(&env));
    assert_eq!(count(), first, "from a private copy");

    // The next recorder goes on with what is in the tail.
    let recorder = record(&env, &server, &["--key-file", &key], 2);
    let second = count();
    assert!(second > first, "{second}");
    until_true("exchanges", || {
        live(&env.db())
            .number("SELECT COUNT(*) FROM exchanges WHERE request_head_block IS NOT NULL")
            > 20
    });
    assert!(live(&env.db()).number("SELECT COUNT(*) FROM head_tail") > 0);
    let har = ask(&env, &key, &["export", "har"]).exits(0);
    assert!(har.text().contains("\"headers\""));
    assert!(!stands_there(&env));
    recorder.stop().exits(0);
    assert!(!stands_there(&env));
    assert_eq!(count(), second);
    let whole = ask(&env, &key, &["verify", "-o", "jsonl"]).exits(0).json();
    assert_eq!(
        (&whole[0]["is_sound"], &whole[0]["readable_events"]),
        (&true.into(), &600.into())
    );
}

/// Every file of a ring is encrypted with the same secret, and one that follows goes from one into the next.
#[test]
fn a_ring() {
    let server = StandIn::start(Options::for_dialect(Dialect::Fields)).unwrap();
    let env = TestEnv::new();
    let key = write_secret(&env, "key", &[7; 32]);
    let args = ["--encrypt", "--key-file", &key, "-b", "events:100"];
    let recorder = Recorder::linked(&env, &server, args);
    let traffic = Traffic::new(1, Corpus::Small)
        .only_tls()
        .with_needle(10, TOKEN);
    server.play(traffic.take(350), None);
    until_true("four files", || {
        recorder.said().matches("goes on in").count() >= 3
    });
    recorder.stop().exits(0);
    assert!(!stands_there(&env));
    let pattern = env.path("db/test_*.db");
    let ask = |args: &[&str]| {
        let mut all = args.to_vec();
        all.extend(["--count", "--events", "--db", pattern.to_str().unwrap()]);
        env.query_alone(all)
    };
    ask(&[]).exits(2).says("--key-file");
    assert_eq!(ask(&["--key-file", &key]).exits(0).text(), "350\n");
    let found = ask(&["--key-file", &key, "--grep", TOKEN]).exits(0);
    assert_ne!(found.text(), "0\n");
}
