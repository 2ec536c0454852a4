//! Recorders that prune, and that stop by themselves.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use ecq::store::disk_space;
use rusqlite::Connection;

use super::disk::Disk;
use super::{messages, server, server_encoder};
use crate::stand_in::dialect::Encoder;
use crate::stand_in::event::{GeneratedEvent, Probe};
use crate::stand_in::server::StandIn;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{
    Whole, assert_sound, check_digests, check_sound, copy, events, live, removed, size,
};
use crate::support::env::TestEnv;
use crate::support::folder::contents;
use crate::support::live::Recorder;
use crate::support::skip::skip;
use crate::support::wait::{LONG, until_true};

/// How many messages are played at once.
const PLAYED: usize = 200;

/// The limit on size in these tests.
const LIMIT: u64 = 16 << 20;

/// The newest event that was ever committed.
fn newest(env: &TestEnv) -> i64 {
    live(&env.db()).number(
        "SELECT MAX(COALESCE((SELECT MAX(id) FROM events), 0), COALESCE((SELECT MAX(last_id) FROM removals), 0))",
    )
}

/// Checks that the events that are left are the newest of what was played, without a hole. Gives them, and the number of
/// the first.
fn check_left(env: &TestEnv, encoder: &Encoder) -> (Vec<Whole>, usize) {
    let left = events(&env.db());
    let first = usize::try_from(left.first().unwrap().stored.id.number()).unwrap();
    let sent = messages(
        encoder,
        Traffic::new(1, Corpus::Incompressible).take((first + left.len()) * 2),
    );
    for (event, message) in left.iter().zip(sent.iter().skip(first - 1)) {
        assert!(event.frame() == message.bytes, "event {}", event.stored.id);
    }
    (left, first)
}

/// Plays random bodies until `is_enough`, as fast as they are recorded.
fn play_until(env: &TestEnv, server: &StandIn, seed: u64, is_enough: impl Fn() -> bool) {
    play_while(env, server, seed, || true, is_enough);
}

/// The same, but waits each time until there is room.
fn play_while(
    env: &TestEnv,
    server: &StandIn,
    seed: u64,
    has_room: impl Fn() -> bool + Sync,
    is_enough: impl Fn() -> bool,
) {
    /// Ends the play also when a check fails.
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let is_over = AtomicBool::new(false);
    let mut expected = newest(env);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let traffic = || Traffic::new(seed, Corpus::Incompressible);
            let (mut played, mut stored) = (traffic(), traffic());
            let encoder = server_encoder();
            while !is_over.load(Ordering::Relaxed) {
                server.play(played.by_ref().take(PLAYED), None);
                let stored = messages(&encoder, stored.by_ref().take(PLAYED));
                expected += i64::try_from(stored.len()).unwrap();
                until_true("what was played", || {
                    is_over.load(Ordering::Relaxed) || newest(env) >= expected && has_room()
                });
            }
        });
        let _over = Over(&is_over);
        until_true("enough", is_enough);
    });
    assert!(server.wait_for_empty_queues(LONG));
}

#[test]
fn a_limit_on_size_is_kept_while_queries_go_on() {
    let env = TestEnv::new();
    let (server, encoder) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, ["--max-size", "16M"]);
    play_until(&env, &server, 1, || {
        if removed(&env.db()) > 0 {
            env.query(["--grep", "HTTP", "-n", "50", "-o", "jsonl", "--events"])
                .exits(0);
            env.query(["--count", "payload contains \"HTTP\""]).exits(0);
        }
        removed(&env.db()) > 3000
    });
    until_true("less than the limit", || size(&env.db()) <= LIMIT);
    recorder
        .stop()
        .exits(0)
        .says("pruned ")
        .says(" 0 dropped by us");
    assert!(size(&env.db()) <= LIMIT, "{}", size(&env.db()));
    check_sound(&env.db());
    check_digests(&env.db());
    let (_, first) = check_left(&env, &encoder);
    assert!(first > 3000);
    env.query(["stats"]).exits(0);
    env.query(["--coverage", "-n", "1", "--events"])
        .exits(0)
        .says("(--max-size 16M)");
}

/// The oldest go as the disk fills up, and it never is full; who comes later can make more room.
#[test]
fn so_much_of_the_disk_stays_free() {
    const MIB: u64 = 1 << 20;
    for (words, wanted) in [("4M", 4 * MIB), ("25%", 4 * MIB)] {
        let env = TestEnv::new();
        let Some(_disk) = Disk::mount(env.path("db"), 16) else {
            skip("--min-free", "this user may not mount a tmpfs");
            return;
        };
        let free = || disk_space(&env.path("db")).unwrap().0;
        assert_eq!(free(), 16 * MIB);
        let (server, encoder) = server(|_| {});
        let recorder = Recorder::linked(&env, &server, ["--min-free", words]);
        let least = AtomicU64::new(u64::MAX);
        // A recorder looks once a second, and a fast one could fill all that is to stay free in between.
        let has_room = || free() >= wanted;
        play_while(&env, &server, 1, has_room, || {
            least.fetch_min(free(), Ordering::Relaxed);
            removed(&env.db()) > 1000
        });
        assert!(least.into_inner() > 0);
        until_true("so much to be free", || free() >= wanted);
        recorder
            .stop()
            .exits(0)
            .says("pruned ")
            .says(" 0 dropped by us")
            .never_says("is not met");
        assert!(free() >= wanted, "{}", free());
        assert_sound(&env.db());
        // Not much more goes than has to: a limit is fallen below by a twentieth, and a commit has half a megabyte.
        assert!(free() < 2 * wanted, "{}", free());
        // What is left is the newest, without a hole.
        let (left, first) = check_left(&env, &encoder);
        assert!(first > 1000);
        let rule = format!("(--min-free {words})");
        env.query(["--coverage", "-n", "1", "--events"])
            .exits(0)
            .says("pruned: ")
            .says(&rule);

        let before = contents(&env.path("db"));
        let planned = env.query(["prune", "--min-free", "75%"]).exits(0);
        assert!(
            planned.text().starts_with("--min-free 75%: about"),
            "{}",
            planned.story()
        );
        planned.says("nothing was removed: --yes removes it");
        assert!(contents(&env.path("db")) == before);
        assert!(free() < 12 * MIB);
        env.query(["prune", "--min-free", "75%", "--yes"])
            .exits(0)
            .says("removed ");
        assert!(free() >= 12 * MIB, "{}", free());
        assert_sound(&env.db());
        let later = events(&env.db());
        assert!(
            later.len() < left.len() && later.len() > left.len() / 8,
            "{} of {}",
            later.len(),
            left.len()
        );
        assert_eq!(
            later.last().map(|event| event.stored.id),
            left.last().map(|event| event.stored.id)
        );
        env.query(["prune", "--min-free", "75%", "--yes"]).exits(1);
    }
}

/// An exchange on a connection that goes on for as long as eCapture runs.
fn exchange() -> [GeneratedEvent; 2] {
    let event = |written, payload: &'static [u8]| GeneratedEvent {
        offset_ns: 0,
        pid: 10,
        tid: 10,
        uid: 0,
        comm: Bytes::from_static(b"curl"),
        fd: 5,
        written,
        tuple: None,
        probe: Probe::OpenSsl,
        payload: Bytes::from_static(payload),
    };
    [
        event(true, b"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        event(false, b"HTTP/1.1 204 No Content\r\n\r\n"),
    ]
}

/// Whoever prunes, and however a recording ends: the next one goes on behind all that ever was.
#[test]
fn nothing_is_numbered_twice_after_everything_went() {
    const TABLES: [(&str, &str); 3] = [("events", "id"), ("batches", "first_id"), ("links", "id")];
    let env = TestEnv::new();
    let (server, _) = server(|options| options.crashes = false);
    let number = |sql: &str| live(&env.db()).number(sql);
    let (mut given, mut exchange_id) = (TABLES.map(|_| 0), 0);
    for (round, (is_killed, is_by_recorder)) in (1..).zip([
        (false, false),
        (false, true),
        (true, false),
        (true, true),
        (false, false),
    ]) {
        let recorder = Recorder::linked::<&str>(&env, &server, []);
        super::play(&server, exchange());
        until_true("both events", || number("SELECT COUNT(*) FROM events") == 2);
        if is_killed {
            recorder.kill();
        } else {
            recorder.stop().exits(0);
        }
        assert_sound(&env.db());
        for ((table, id), given) in TABLES.iter().zip(&mut given) {
            let behind = format!("SELECT COUNT(*) FROM {table} WHERE {id} > {given}");
            // Two events of one commit, or of two.
            assert!(
                (1..=2).contains(&number(&behind)),
                "{table} in round {round}"
            );
            *given = number(&format!("SELECT MAX({id}) FROM {table}"));
        }
        assert_eq!(number("SELECT MIN(id) FROM events"), given[0] - 1);
        let found = env.query(["--exchanges", "-o", "jsonl"]).exits(0).json();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["response"]["status"], 204, "{found:?}");
        let id = found[0]["id"].as_i64().unwrap();
        if !is_killed {
            assert!(id > exchange_id, "{id} after {exchange_id}");
            exchange_id = id;
        }

        if is_by_recorder {
            let recorder = Recorder::linked(&env, &server, ["--keep", "1s"]);
            until_true("all to go", || removed(&env.db()) == 2 * round);
            recorder.stop().exits(0);
        } else {
            until_true("all to go", || {
                let run = env.query(["prune", "--keep", "1s", "--yes"]);
                run.stderr.contains("removed 2 events")
            });
        }
        given[2] = number("SELECT MAX(id) FROM links");
        assert_eq!(copy(&env.db()).number("SELECT COUNT(*) FROM events"), 0);
        assert_sound(&env.db());
        env.query(["--exchanges"]).exits(1).says("pruned: ");
        env.query(["verify"]).exits(0);
    }
}

#[test]
fn old_events_go_while_new_ones_come() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, ["--keep", "1s"]);
    server.play(Traffic::new(1, Corpus::Small).take(500), None);
    until_true("a commit", || {
        live(&env.db()).number("SELECT COALESCE(MAX(id), 0) FROM events") > 0
    });
    until_true("the first to go", || removed(&env.db()) > 0);
    server.play(Traffic::new(2, Corpus::Small).take(500), None);
    until_true("all to go", || {
        let copy = live(&env.db());
        copy.number("SELECT COUNT(*) FROM events") == 0
            && copy.number("SELECT COUNT(*) FROM removals") == 1
            && copy.number("SELECT COALESCE(SUM(events), 0) FROM removals") > 500
    });
    recorder.stop().exits(0);
    check_sound(&env.db());
    check_digests(&env.db());
    let copy = copy(&env.db());
    assert_eq!(copy.number("SELECT COUNT(*) FROM blocks"), 0);
    assert_eq!(copy.number("SELECT COUNT(*) FROM tail"), 0);
}

#[test]
fn killed_while_pruning_it_leaves_a_sound_file() {
    let env = TestEnv::new();
    let (server, _) = server(|options| options.crashes = false);
    for round in 1..=4_i64 {
        let recorder = Recorder::linked(&env, &server, ["--max-size", "2M"]);
        let before = removed(&env.db());
        play_until(&env, &server, round.unsigned_abs(), || {
            removed(&env.db()) > before + 700 * round
        });
        recorder.kill();
        check_sound(&env.db());
        check_digests(&env.db());
    }
    let recorder = Recorder::linked(&env, &server, ["--max-size", "2M"]);
    recorder.stop().exits(0);
    check_sound(&env.db());
    check_digests(&env.db());
}

#[test]
fn a_reader_that_holds_the_log_is_named() {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, ["--max-size", "16M"]);
    play_until(&env, &server, 1, || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") > 100
    });
    let reader = Connection::open(env.db()).unwrap();
    reader
        .execute_batch("BEGIN; SELECT COUNT(*) FROM events")
        .unwrap();
    let count = |reader: &Connection| -> i64 {
        reader
            .query_row("SELECT COUNT(*) FROM events", [], |row| row.get(0))
            .unwrap()
    };
    let seen = count(&reader);
    let holder = format!("pid {}", std::process::id());
    play_until(&env, &server, 2, || recorder.said().contains(&holder));
    assert!(
        recorder
            .said()
            .contains("keeps the capture's -wal from being written back")
    );
    assert_eq!(count(&reader), seen, "it sees what it saw");
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    recorder.wait_for("-wal is written back again");
    until_true("less than the limit", || size(&env.db()) <= LIMIT);
    recorder.stop().exits(0);
    check_sound(&env.db());
    check_digests(&env.db());
}

#[test]
fn it_stops_by_itself() {
    let env = TestEnv::new();
    let (server, encoder) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, ["-c", "50"]);
    server.play(Traffic::new(1, Corpus::Small).take(400), None);
    recorder
        .end()
        .exits(0)
        .says("limit of --autostop")
        .says("stored 50 events");
    let stored = events(&env.db());
    let sent = messages(&encoder, Traffic::new(1, Corpus::Small).take(400));
    assert_eq!(stored.len(), 50);
    assert!(
        stored
            .iter()
            .zip(&sent)
            .all(|(event, message)| event.frame() == message.bytes)
    );
    check_digests(&env.db());

    Recorder::linked(&env, &server, ["-a", "duration:0.1"])
        .end()
        .exits(0)
        .says("limit of --autostop");
    let recorder = Recorder::linked(&env, &server, ["-a", "filesize:2000"]);
    play_until(&env, &server, 2, || {
        recorder.said().contains("limit of --autostop")
    });
    recorder.end().exits(0);
    // The log counted as well, and is gone.
    assert!(
        (700_000..=2_500_000).contains(&size(&env.db())),
        "{}",
        size(&env.db())
    );
    check_digests(&env.db());
}
