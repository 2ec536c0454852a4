//! Following a capture while it is recorded.

use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::sample;
use crate::stand_in::dialect::{Dialect, Message};
use crate::stand_in::options::Options;
use crate::stand_in::server::StandIn;
use crate::support::capture::live;
use crate::support::env::{QUERY, TestEnv};
use crate::support::frames::openssl;
use crate::support::live::Recorder;
use crate::support::wait::{until, until_true};

/// What a program has written so far.
type Said = Arc<Mutex<Vec<u8>>>;

/// A query that goes on. Dropped, it is killed.
struct Follower {
    child: Child,
    out: Said,
    err: Said,
    listeners: Vec<JoinHandle<()>>,
}

impl Follower {
    fn start(env: &TestEnv, args: &[&str]) -> Self {
        Self::spawn(env.with_db(QUERY, ["-f", "-o", "jsonl"].iter().chain(args)))
    }

    /// The same on another capture.
    fn start_on(env: &TestEnv, db: &std::path::Path) -> Self {
        let mut command = env.command(QUERY, ["-f", "-o", "jsonl", "--db"]);
        command.arg(db);
        Self::spawn(command)
    }

    fn spawn(mut command: std::process::Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, err) = (Said::default(), Said::default());
        let listeners = vec![
            listen(child.stdout.take().unwrap(), &out),
            listen(child.stderr.take().unwrap(), &err),
        ];
        Self {
            child,
            out,
            err,
            listeners,
        }
    }

    /// The events that are whole so far.
    fn events(&self) -> Vec<Value> {
        let out = self.out.lock().unwrap();
        let text = String::from_utf8(out.clone()).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn ids(&self) -> Vec<i64> {
        let id = |event: &Value| event["id"].as_i64().unwrap();
        self.events().iter().map(id).collect()
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&self.err.lock().unwrap()).into_owned()
    }

    /// Waits until these are the events.
    #[track_caller]
    fn wait_for(&mut self, ids: &[i64]) {
        let what = format!("the events {ids:?}");
        until_true(&what, || {
            assert_eq!(self.child.try_wait().unwrap(), None, "{}", self.said());
            self.ids().len() >= ids.len()
        });
        assert_eq!(self.ids(), ids);
    }

    /// SIGINT, and the end of it: the exit status.
    #[track_caller]
    fn stop(&mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let status = until("the end of a query", || self.child.try_wait().unwrap());
        for listener in self.listeners.drain(..) {
            listener.join().unwrap();
        }
        status.code()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn listen(mut stream: impl std::io::Read + Send + 'static, said: &Said) -> JoinHandle<()> {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            said.lock().unwrap().extend_from_slice(&buffer[..count]);
        }
    })
}

/// Sends an event of each of these processes, one after the other.
fn send(server: &StandIn, names: &[&str]) {
    for name in names {
        let who = format!("PID:100 TID:100 Comm:{name} FD:5");
        let bytes = openssl("2026-11-23 10:51:41.000", &who, "WRITE", name.as_bytes());
        server.send(&Message { opcode: 2, bytes });
    }
}

fn stored(env: &TestEnv) -> i64 {
    live(&env.db()).number("SELECT COUNT(*) FROM events")
}

#[test]
fn events_come_as_they_are_recorded() {
    let env = TestEnv::new();
    let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    send(&server, &["curl", "wget", "curl"]);
    until_true("a commit", || stored(&env) == 3);
    let mut all = Follower::start(&env, &[]);
    let mut some = Follower::start(&env, &["pname == curl", "-n", "1"]);
    all.wait_for(&[1, 2, 3]);
    some.wait_for(&[3]);
    send(&server, &["wget", "curl"]);
    all.wait_for(&[1, 2, 3, 4, 5]);
    some.wait_for(&[3, 5]);
    send(&server, &["curl", "wget", "wget"]);
    all.wait_for(&[1, 2, 3, 4, 5, 6, 7, 8]);
    some.wait_for(&[3, 5, 6]);
    assert_eq!(all.stop(), Some(0));
    // It stays while recorders go and come.
    recorder.stop().exits(0);
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    send(&server, &["wget", "curl"]);
    some.wait_for(&[3, 5, 6, 10]);
    assert_eq!(some.stop(), Some(0));
    assert_eq!(some.ids(), [3, 5, 6, 10]);
    assert!(some.events().iter().all(|event| event["pname"] == "curl"));
    assert_eq!(all.ids(), [1, 2, 3, 4, 5, 6, 7, 8]);
    recorder.stop().exits(0);
}

#[test]
fn a_finished_capture_is_waited_at() {
    let env = sample();
    let mut follower = Follower::start(&env, &["-n", "2"]);
    follower.wait_for(&[9, 10]);
    until_true("a word about it", || {
        follower.said().contains("waiting for one")
    });
    // What is imported counts as recorded.
    env.import(&env.path("frames"), ["--again"]);
    follower.wait_for(&[9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    assert_eq!(follower.stop(), Some(0));
}

/// A text that one look saw begin is found in what the next one brings.
#[test]
fn a_text_is_found_over_the_end_of_an_event() {
    let env = TestEnv::new();
    let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    let part = |text: &str| {
        let who = "PID:100 TID:100 Comm:curl FD:5";
        let bytes = openssl("2026-11-23 10:51:41.000", who, "WRITE", text.as_bytes());
        server.send(&Message { opcode: 2, bytes });
    };
    part("a halftext, whole");
    part("the first half");
    until_true("a commit", || stored(&env) == 2);
    let mut follower = Follower::start(&env, &["--grep", "halftext"]);
    follower.wait_for(&[1]);
    part("text and half");
    follower.wait_for(&[1, 3]);
    part("text and the end");
    follower.wait_for(&[1, 3, 4]);
    part("text that nothing came before");
    part("halftext");
    follower.wait_for(&[1, 3, 4, 6]);
    assert_eq!(follower.stop(), Some(0));
    recorder.stop().exits(0);
}

#[test]
fn a_recording_is_followed_into_its_next_files() {
    let env = TestEnv::new();
    let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    send(&server, &["wget"]);
    until_true("a commit", || stored(&env) == 1);
    let mut follower = Follower::start(&env, &[]);
    follower.wait_for(&[1]);
    for last in 2..5 {
        // The last event before may not have been looked at yet.
        send(&server, &["curl"]);
        let before = recorder.said().matches("goes on in").count();
        until_true("another file", || {
            recorder.signal(Signal::HUP);
            recorder.said().matches("goes on in").count() > before
        });
        follower.wait_for(&(1..=last).collect::<Vec<_>>());
    }
    send(&server, &["curl"]);
    follower.wait_for(&[1, 2, 3, 4, 5]);
    assert_eq!(follower.stop(), Some(0));
    recorder.stop().exits(0);
}

#[test]
fn a_ring_is_followed_from_file_to_file() {
    let env = TestEnv::new();
    let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
    let recorder = Recorder::linked(&env, &server, ["-b", "events:2", "-b", "files:2"]);
    let entry = std::fs::read_dir(env.path("db")).unwrap().next().unwrap();
    let name = entry.unwrap().file_name().into_string().unwrap();
    // Beside it are its -wal and -shm.
    let (name, _) = name.split_once(".db").unwrap();
    let mut follower = Follower::start_on(&env, &env.path(format!("db/{name}.db")));
    for last in 1..=9 {
        send(&server, &["curl"]);
        follower.wait_for(&(1..=last).collect::<Vec<_>>());
    }
    assert!(follower.said().contains("the recording went on"));
    recorder.stop().exits(0);
    // The next recording has numbers of its own.
    let recorder = Recorder::linked(&env, &server, ["-b", "events:2", "-b", "files:2"]);
    send(&server, &["wget", "wget", "wget"]);
    until_true("the next recording", || follower.ids().len() == 12);
    assert_eq!(follower.ids()[9..], [1, 2, 3]);
    assert_eq!(follower.stop(), Some(0));
    recorder.stop().exits(0);
}
