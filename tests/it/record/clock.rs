//! A wall clock that is set, back and forth: libfaketime stands between the recorder and the system's.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;

use bytes::Bytes;

use super::server;
use crate::stand_in::calendar::{SECOND_NS, now_ns};
use crate::stand_in::dialect::Encoder;
use crate::stand_in::event::{GeneratedEvent, Probe};
use crate::stand_in::server::StandIn;
use crate::support::capture::{assert_sound, copy, live, removed};
use crate::support::env::{QUERY, RECORD, Run, TestEnv, run};
use crate::support::live::Recorder;
use crate::support::skip::skip;
use crate::support::wait::{LONG, until_true};

/// Seconds.
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How many events are sent at once.
const SENT: i64 = 20;

/// What is not "short" stays for longer than any test takes.
const KEEP: [&str; 4] = ["--keep", "1h", "--keep-where", "pname == \"short\"=1s"];

const EVENTS: &str = "SELECT COUNT(*) FROM events";
const INDEXED: &str = "SELECT COALESCE(MAX(event_id), 0) FROM exchange_progress";
const JUMPS: &str = "SELECT COUNT(*) FROM clock_jumps";

/// A clock that stands still, at an end of what a capture can hold, falls behind by a little whenever a look takes
/// long.
const LARGE_JUMPS: &str = "SELECT COUNT(*) FROM clock_jumps
    WHERE by_ns NOT BETWEEN -86400000000000 AND 86400000000000";

/// The wall clock of the programs that are started on it. The clocks that nobody can set are the system's.
struct Clock {
    library: PathBuf,
    file: PathBuf,
    /// How far it is off, in seconds.
    off: i64,
}

impl Clock {
    /// `None` where the library is not, which is said.
    fn find(env: &TestEnv) -> Option<Self> {
        let folders = std::fs::read_dir("/usr/lib").unwrap();
        let found = folders
            .map(|folder| folder.unwrap().path().join("faketime/libfaketime.so.1"))
            .filter(|library| library.exists())
            // One of another architecture cannot be loaded, which the loader says.
            .find(|library| {
                let mut command = env.command(QUERY, ["--version"]);
                command.env("LD_PRELOAD", library);
                run(command).stderr.is_empty()
            });
        let Some(library) = found else {
            skip("a clock that is set", "libfaketime is not installed");
            return None;
        };
        let mut clock = Self {
            library,
            file: env.path("clock"),
            off: 0,
        };
        clock.set(0);
        Some(clock)
    }

    /// Makes a program go by it.
    fn on(&self, mut command: Command) -> Command {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
        command
    }

    /// Sets it so many seconds off the system's.
    fn set(&mut self, off: i64) {
        self.off = off;
        self.set_to(&format!("{off:+}"));
    }

    /// Sets it in the library's words.
    fn set_to(&self, words: &str) {
        // Who reads it finds the old one or the new one, and never a part.
        let new = self.file.with_extension("new");
        std::fs::write(&new, words).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    /// What it shows, in nanoseconds since 1970.
    fn now_ns(&self) -> i64 {
        now_ns() + self.off * SECOND_NS
    }

    /// Starts a recorder on it, and waits until its link had a heartbeat.
    fn record(&self, env: &TestEnv, server: &StandIn, args: &[&str]) -> Recorder {
        let mut command = env.with_db(RECORD, args);
        command.args(["--url", &server.url()]);
        let recorder = Recorder::spawn(self.on(command));
        recorder.wait_for("connected to eCapture");
        assert!(server.wait_for_clients(1, LONG));
        recorder
    }

    /// Asks somebody who goes by it.
    fn query(&self, env: &TestEnv, args: &[&str]) -> Run {
        run(self.on(env.with_db(QUERY, args)))
    }

    /// Sends events of a process on the host whose clock it is.
    fn send(&self, server: &StandIn, encoder: &Encoder, pname: &'static str) {
        for _ in 0..SENT {
            let event = GeneratedEvent {
                offset_ns: 0,
                pid: 10,
                tid: 10,
                uid: 0,
                comm: Bytes::from_static(pname.as_bytes()),
                fd: 5,
                written: true,
                tuple: None,
                probe: Probe::OpenSsl,
                payload: Bytes::from_static(b"hello"),
            };
            server.send(&encoder.encode(&event, self.now_ns()).unwrap());
        }
        assert!(server.wait_for_empty_queues(LONG));
    }
}

fn of(pname: &str) -> String {
    format!(
        "SELECT COUNT(*) FROM events AS e JOIN streams AS s ON s.id = e.stream_id
         JOIN processes AS p ON p.id = s.process_id WHERE p.pname = '{pname}'"
    )
}

/// Waits until there are so many.
#[track_caller]
fn wait_for(env: &TestEnv, sql: &str, count: i64) {
    until_true(&format!("{count} from {sql}"), || {
        live(&env.db()).number(sql) == count
    });
}

/// Sees that ages are told: what is to go after a second goes, and nothing else does.
#[track_caller]
fn check_pruning(env: &TestEnv, clock: &Clock, server: &StandIn, encoder: &Encoder) {
    let stay = live(&env.db()).number(&of("curl"));
    let gone = removed(&env.db());
    clock.send(server, encoder, "short");
    until_true("what is to go after a second", || {
        removed(&env.db()) == gone + SENT
    });
    assert_eq!(live(&env.db()).number(&of("curl")), stay);
    assert_eq!(live(&env.db()).number(EVENTS), stay);
}

/// Waits until the watchdog is answered once more.
#[track_caller]
fn hear_watchdog(manager: &UnixDatagram) {
    let mut buffer = [0; 1024];
    manager.set_nonblocking(true).unwrap();
    while manager.recv(&mut buffer).is_ok() {}
    manager.set_nonblocking(false).unwrap();
    loop {
        let length = manager.recv(&mut buffer).unwrap();
        if &buffer[..length] == b"WATCHDOG=1\n" {
            return;
        }
    }
}

/// Events have the times of the clock as it was in these spans, and are found by them.
#[track_caller]
fn check_times(env: &TestEnv, clock: &Clock, spans: &[(i64, i64)]) {
    let events = env.events::<&str>([]);
    for name in ["time_ns", "received_ns"] {
        let mut counted = 0;
        for (began, ended) in spans {
            let span = began - HOUR * SECOND_NS..ended + HOUR * SECOND_NS;
            let inside = events
                .iter()
                .filter(|event| span.contains(&event[name].as_i64().unwrap()));
            counted += inside.count();
        }
        assert_eq!(counted, events.len(), "{name}");
    }
    for (began, ended) in spans {
        let time = |ns: i64| format!("@{}", ns / SECOND_NS);
        let (since, until) = (time(*began), time(*ended + SECOND_NS));
        let run = clock.query(env, &["--since", &since, "--until", &until, "--coverage"]);
        let run = run.exits(0).says("link up");
        assert!(run.text().contains("curl"), "{}", run.story());
    }
}

#[test]
fn a_clock_that_is_set_back_and_forth_loses_nothing() {
    let env = TestEnv::new();
    let Some(mut clock) = Clock::find(&env) else {
        return;
    };
    let (server, encoder) = server(|_| {});
    let manager = UnixDatagram::bind(env.path("notify")).unwrap();
    manager.set_read_timeout(Some(LONG)).unwrap();
    let mut command = env.with_db(RECORD, KEEP);
    command
        .args(["--url", &server.url()])
        .env("NOTIFY_SOCKET", env.path("notify"))
        .env("WATCHDOG_USEC", "3000000");
    let recorder = Recorder::spawn(clock.on(command));
    recorder.wait_for("connected to eCapture");
    assert!(server.wait_for_clients(1, LONG));
    let offsets = [0, -3 * DAY, 21 * DAY, -DAY];
    let mut spans = Vec::new();
    let (mut stored, mut links) = (0, 1);
    for (jumps, off) in (0..).zip(offsets) {
        clock.set(off);
        let began = clock.now_ns();
        let mut store = || {
            clock.send(&server, &encoder, "curl");
            stored += SENT;
            wait_for(&env, EVENTS, stored);
        };
        // The jump is noticed while they come.
        until_true("the jump", || {
            store();
            live(&env.db()).number(JUMPS) == jumps
        });
        check_pruning(&env, &clock, &server, &encoder);
        // A link ends, and another begins.
        server.drop_clients();
        links += 1;
        until_true("a new link", || server.handshakes().0 == links);
        assert!(server.wait_for_clients(1, LONG));
        store();
        // The index of exchanges follows, some seconds behind.
        let newest = live(&env.db()).number("SELECT MAX(id) FROM events");
        until_true("the index", || {
            store();
            live(&env.db()).number(INDEXED) >= newest
        });
        spans.push((began, clock.now_ns()));
        hear_watchdog(&manager);
    }
    recorder
        .stop()
        .exits(0)
        .says("this host's clock was set back by")
        .says("this host's clock was set forward by")
        .says(" 0 dropped by us")
        .never_says("ended without a word");
    assert!(!server.crashed());
    assert_sound(&env.db());
    env.query(["verify"]).exits(0);

    let copy = copy(&env.db());
    assert_eq!(copy.number(EVENTS), stored);
    let noted = copy.texts("SELECT CAST(by_ns / 1000000000 AS TEXT) FROM clock_jumps ORDER BY id");
    let noted: Vec<i64> = noted.iter().map(|by| by.parse().unwrap()).collect();
    assert_eq!(noted.len(), offsets.len() - 1, "{noted:?}");
    for (pair, by) in offsets.windows(2).zip(&noted) {
        assert!((pair[1] - pair[0] - by).abs() < MINUTE, "{noted:?}");
    }
    let turned = "SELECT COUNT(*) FROM gaps WHERE ended_ns < started_ns";
    assert_eq!(copy.number(turned), 0);
    // One for each link that ended, and those before a link that took long.
    assert!(copy.number("SELECT COUNT(*) FROM gaps") >= 4);
    check_times(&env, &clock, &spans);
    env.query(["--pname", "nobody"])
        .exits(1)
        .says("link up")
        .says("clock was set");
    // What is made of it knows as well.
    let made = |args: &[&str], name: &str| {
        let path = env.path(name);
        let output = ["--output", path.to_str().unwrap()];
        env.query([args, &output].concat()).exits(0);
        path
    };
    let subset = made(&["export", "db", "pname == \"curl\""], "subset.db");
    let salvaged = made(&["salvage"], "salvaged.db");
    for capture in [env.db(), subset, salvaged] {
        let mut command = env.command(QUERY, ["stats", "--db"]);
        command.arg(capture);
        let stats = run(command).exits(0);
        let told = stats.text().matches("clock was set").count();
        assert_eq!(told, 3, "{}", stats.story());
    }
}

/// An age goes on across a jump: nothing stays for ever.
#[test]
fn a_clock_that_is_set_pins_nothing() {
    let env = TestEnv::new();
    let Some(mut clock) = Clock::find(&env) else {
        return;
    };
    let (server, encoder) = server(|_| {});
    let recorder = clock.record(&env, &server, &["--keep", "1s"]);
    for (jumps, off) in (1..).zip([-3 * DAY, 21 * DAY, 0]) {
        clock.send(&server, &encoder, "curl");
        clock.set(off);
        clock.send(&server, &encoder, "curl");
        until_true("all to go", || removed(&env.db()) == jumps * 2 * SENT);
    }
    // Nor do jumps, but those of days that the clock does not show yet.
    until_true("a jump to go", || live(&env.db()).number(JUMPS) < 3);
    recorder.stop().exits(0);
    assert_sound(&env.db());
    assert_eq!(copy(&env.db()).number(EVENTS), 0);
    env.query(["--coverage"]).exits(1).says("pruned: ");
}

/// What was recorded before is kept if only a wrong clock says that it is old, also when that is set right again.
#[test]
fn a_clock_that_is_wrong_when_a_recording_begins_removes_nothing() {
    let env = TestEnv::new();
    let Some(mut clock) = Clock::find(&env) else {
        return;
    };
    let (server, encoder) = server(|_| {});
    let recorder = clock.record(&env, &server, &KEEP);
    clock.send(&server, &encoder, "curl");
    wait_for(&env, EVENTS, SENT);
    recorder.stop().exits(0);

    clock.set(21 * DAY);
    let recorder = clock.record(&env, &server, &KEEP);
    recorder.wait_for("everything that was recorded before is older than --keep");
    clock.send(&server, &encoder, "curl");
    wait_for(&env, EVENTS, 2 * SENT);
    clock.set(0);
    recorder.wait_for("this host's clock was set back by");
    check_pruning(&env, &clock, &server, &encoder);
    assert_eq!(live(&env.db()).number(EVENTS), 2 * SENT);
    recorder.stop().exits(0);
    assert_sound(&env.db());
    // That it had been set forward was noticed when it was set right, by the clock as it was until then.
    let noticed =
        copy(&env.db()).texts("SELECT CAST(noticed_ns AS TEXT) FROM clock_jumps ORDER BY id");
    assert_eq!(noticed.len(), 2, "{noticed:?}");
    for (noticed, off) in noticed.iter().zip([21 * DAY, 0]) {
        let noticed: i64 = noticed.parse().unwrap();
        let late = now_ns() + off * SECOND_NS - noticed;
        assert!((0..HOUR * SECOND_NS).contains(&late), "{noticed}, {late}");
    }
    // So nothing is said of a time of which nothing is wrong.
    let until = format!("@{}", now_ns() / SECOND_NS - DAY);
    let run = env.query(["--until", &until, "--coverage"]);
    assert!(!run.stderr.contains("clock was set"), "{}", run.story());

    // A clock that is behind.
    clock.set(-3 * DAY);
    let recorder = clock.record(&env, &server, &KEEP);
    check_pruning(&env, &clock, &server, &encoder);
    clock.send(&server, &encoder, "curl");
    wait_for(&env, EVENTS, 3 * SENT);
    recorder.stop().exits(0);
    assert_sound(&env.db());
    assert_eq!(copy(&env.db()).number(EVENTS), 3 * SENT);
    let stats = env.query(["stats"]).exits(0);
    let told = [
        "clock was set forward by 504 h",
        "clock was set back by 504 h",
    ];
    for told in told {
        assert!(stats.text().contains(told), "{}", stats.story());
    }
}

/// Nor does a recorder need rules to note it: `ecq-query prune` can come later.
#[test]
fn times_that_no_capture_can_hold_end_nothing() {
    let env = TestEnv::new();
    let Some(mut clock) = Clock::find(&env) else {
        return;
    };
    let (server, encoder) = server(|_| {});
    clock.set_to("1950-01-01 00:00:00");
    let recorder = clock.record(&env, &server, &[]);
    clock.send(&server, &encoder, "curl");
    wait_for(&env, EVENTS, SENT);
    for (round, words) in (2..).zip(["2300-01-01 00:00:00", "1950-01-01 00:00:00", "+0"]) {
        clock.set_to(words);
        clock.send(&server, &encoder, "curl");
        wait_for(&env, EVENTS, round * SENT);
        wait_for(&env, LARGE_JUMPS, round - 1);
    }
    clock.off = 0;
    recorder.stop().exits(0);
    assert_sound(&env.db());
    env.query(["--coverage"]).exits(0);
    env.query(["stats"]).exits(0);
    env.query(["verify"]).exits(0);
    // And the next one goes on.
    let recorder = clock.record(&env, &server, &[]);
    clock.send(&server, &encoder, "curl");
    wait_for(&env, EVENTS, 5 * SENT);
    recorder.stop().exits(0);
    assert_sound(&env.db());
}
