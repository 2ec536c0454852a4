//! A recorder under load for a long time: memory, size, losses and answers, while it prunes and is read by many.
//!
//! The short form takes two minutes of a build for development, beside other tests, and so does not judge how long answers
//! take. `.ci/long soak` is the real one: 20 minutes at 20,000 events a second on a release build.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};

use crate::stand_in::dialect::Dialect;
use crate::stand_in::event::{GeneratedEvent, Probe};
use crate::stand_in::options::Options;
use crate::stand_in::server::StandIn;
use crate::support::capture::{assert_sound, copy, live, size};
use crate::support::env::{QUERY, TestEnv, run};
use crate::support::live::Recorder;
use crate::support::long::soak_minutes;
use crate::support::wait::{LONG, until_true};

/// How long it takes, how much comes, and how much may be kept.
struct Plan {
    time: Duration,
    events_a_second: u32,
    limit_bytes: u64,
    readers: usize,
    /// How many times its idle time a list of the newest may take, of all but one in a hundred.
    slower: Option<u32>,
}

impl Plan {
    fn new() -> Self {
        match soak_minutes() {
            Some(minutes) => Self {
                time: Duration::from_secs(60 * minutes),
                events_a_second: 20_000,
                limit_bytes: 1 << 30,
                readers: 10,
                slower: Some(20),
            },
            None => Self {
                time: Duration::from_secs(120),
                events_a_second: 400,
                limit_bytes: 2 << 20,
                readers: 2,
                slower: None,
            },
        }
    }
}

/// Of each payload.
const PAYLOAD_BYTES: usize = 300;

/// By how much the memory of the last third may be above that of the second (KiB). In the first, caches fill, and pruning
/// begins.
const GROWTH_KIB: u64 = 24 << 10;

/// A thing that ends when the test does, however that is.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Tells the threads that it is over, also when a check fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Events of some hundred connections, with bytes that compress as little as encrypted ones.
fn events() -> impl Iterator<Item = GeneratedEvent> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0_u32..).map(move |number| {
        let payload: Vec<u8> = std::iter::repeat_with(&mut noise)
            .flatten()
            .take(PAYLOAD_BYTES)
            .collect();
        GeneratedEvent {
            offset_ns: i64::from(number) * 50_000,
            pid: 1000 + number % 50,
            tid: 1000 + number % 50,
            uid: 0,
            comm: Bytes::from_static(b"curl"),
            fd: 3 + number % 200,
            written: number % 2 == 0,
            tuple: None,
            probe: Probe::OpenSsl,
            payload: payload.into(),
        }
    })
}

/// How many events are sent at a time.
const BURST: u32 = 100;

/// Sends so many events a second until it is over, but never more than the queue of a client has room for: a machine on
/// which a dozen programs share two cores lets each of them wait for longer than the queue of eCapture lasts at this rate,
/// and that is no fault of the recorder. How many were sent.
fn play(server: &StandIn, events_a_second: u32, is_over: &AtomicBool) -> u64 {
    let began = Instant::now();
    let pace = Duration::from_secs(1) * BURST / events_a_second;
    let (mut events, mut due, mut played) = (events(), Duration::ZERO, 0);
    while !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        played += server.play(events.by_ref().take(BURST as usize), None);
        due += pace;
    }
    played
}

/// How long a list of the newest takes.
fn newest(env: &TestEnv) -> Duration {
    let began = Instant::now();
    run(env.with_db(QUERY, ["--events", "-n", "50"])).exits(0);
    began.elapsed()
}

/// The one that so many of a hundred are not above.
fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

/// A query in the middle of a statement, which holds the log of the capture.
fn holder(env: &TestEnv) -> Ended {
    let statement = "SELECT count(*) FROM events AS a, events AS b, events AS c";
    let mut command: Command = env.with_db(QUERY, ["sql", statement, "--timeout", "0"]);
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let holder = Ended(child);
    until_true("it holds the log", || {
        ecq::store::holders(&env.db())
            .iter()
            .any(|found| found.pid == holder.0.id())
    });
    holder
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// What was seen during the time.
#[derive(Default)]
struct Seen {
    memory_kib: Vec<u64>,
    largest_bytes: u64,
    times: Vec<Duration>,
}

/// Lets it all run for the time; for the middle half of it a query is stopped that holds the log.
fn watch(env: &TestEnv, recorder: &Recorder, plan: &Plan) -> Seen {
    let began = Instant::now();
    let (mut seen, mut held) = (Seen::default(), None::<Ended>);
    while began.elapsed() < plan.time {
        let quarter = 4 * began.elapsed().as_millis() / plan.time.as_millis();
        match (quarter, &held) {
            (1 | 2, None) => {
                let stopped = holder(env);
                signal(&stopped.0, Signal::STOP);
                held = Some(stopped);
            }
            (3.., Some(stopped)) => {
                let pid = format!("pid {}", stopped.0.id());
                if size(&env.db()) > plan.limit_bytes {
                    until_true("it says who holds the log", || {
                        recorder.said().contains(&pid)
                    });
                }
                signal(&stopped.0, Signal::CONT);
                held = None;
            }
            _ => {}
        }
        seen.memory_kib.push(recorder.memory_kib());
        seen.largest_bytes = seen.largest_bytes.max(size(&env.db()));
        std::thread::sleep(plan.time / 200);
    }
    seen
}

/// The means of the three thirds.
fn thirds(values: &[u64]) -> [u64; 3] {
    let third = values.len() / 3;
    let mean = |values: &[u64]| values.iter().sum::<u64>() / values.len() as u64;
    [
        mean(&values[..third]),
        mean(&values[third..2 * third]),
        mean(&values[2 * third..]),
    ]
}

#[test]
fn soak() {
    let plan = Plan::new();
    let env = TestEnv::new();
    let mut options = Options::for_dialect(Dialect::Text);
    options.crashes = false;
    let server = StandIn::start(options).unwrap();
    let limit = plan.limit_bytes.to_string();
    let recorder = Recorder::linked(&env, &server, ["--max-size", &limit]);
    server.play(events().take(500), None);
    until_true("the first events", || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") == 500
    });
    let mut idle: Vec<_> = (0..20).map(|_| newest(&env)).collect();
    let idle = percentile(&mut idle, 50);

    let is_over = AtomicBool::new(false);
    let mut seen = std::thread::scope(|scope| {
        let player = scope.spawn(|| play(&server, plan.events_a_second, &is_over));
        let readers: Vec<_> = (0..plan.readers)
            .map(|_| {
                scope.spawn(|| {
                    let mut times = Vec::new();
                    while !is_over.load(Ordering::Relaxed) {
                        times.push(newest(&env));
                        // A person looks at what it says.
                        std::thread::sleep(idle * 10);
                    }
                    times
                })
            })
            .collect();
        let over = Over(&is_over);
        let mut seen = watch(&env, &recorder, &plan);
        drop(over);
        for reader in readers {
            seen.times.extend(reader.join().unwrap());
        }
        let played = player.join().unwrap();
        assert!(server.wait_for_empty_queues(LONG));
        tell(&plan, &seen, idle, played);
        assert_eq!(server.kicked(), 0);
        let sent = i64::try_from(played + 500).unwrap();
        let deadline = Instant::now() + LONG;
        loop {
            let sql = "SELECT (SELECT COUNT(*) FROM events) + (SELECT coalesce(SUM(events), 0) FROM removals)";
            let kept_or_pruned = live(&env.db()).number(sql);
            if kept_or_pruned == sent {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "{kept_or_pruned} of {sent} events are in the file or were:\n{}",
                recorder.said()
            );
        }
        seen
    });
    until_true("less than the limit", || {
        size(&env.db()) <= plan.limit_bytes
    });
    recorder.stop().exits(0).says(" 0 dropped by us");
    assert_sound_as_far_as_it_is_quick(&env);
    assert!(
        copy(&env.db()).number("SELECT coalesce(SUM(events), 0) FROM removals") > 0,
        "it pruned"
    );
    let [_, second, last] = thirds(&seen.memory_kib);
    assert!(
        last <= second + GROWTH_KIB,
        "memory grew from {second} to {last} KiB"
    );
    if let Some(times) = plan.slower {
        let slowest = percentile(&mut seen.times, 99);
        assert!(slowest <= idle * times, "{slowest:?}, and idle {idle:?}");
    }
}

/// Each digest is computed again of a small capture; of a large one the program does that.
fn assert_sound_as_far_as_it_is_quick(env: &TestEnv) {
    env.query(["verify"]).exits(0);
    if size(&env.db()) < 64 << 20 {
        assert_sound(&env.db());
    }
}

/// Says what was measured, for all to see.
fn tell(plan: &Plan, seen: &Seen, idle: Duration, played: u64) {
    let [first, second, last] = thirds(&seen.memory_kib);
    let mut times = seen.times.clone();
    let line = format!(
        "soak: {} s, {played} events, {} a second, memory by thirds {first}, {second} and {last} KiB, largest {} MB of {} MB, newest 50: idle {idle:?}, p50 {:?}, p99 {:?} of {}\n",
        plan.time.as_secs(),
        played / plan.time.as_secs(),
        seen.largest_bytes / 1_000_000,
        plan.limit_bytes / 1_000_000,
        percentile(&mut times, 50),
        percentile(&mut times, 99),
        times.len(),
    );
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
