//! Who the processes are, as `/proc` of this host tells while they live.

use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use serde_json::Value;

use super::ring::{check_each, files};
use super::{play, server};
use crate::stand_in::event::{GeneratedEvent, Probe};
use crate::support::capture::{check_digests, check_sound, copy, live};
use crate::support::env::{QUERY, RECORD, TestEnv, run};
use crate::support::live::Recorder;
use crate::support::wait::until_true;

/// Beyond the largest pid that the kernel gives.
const NOBODY: u32 = (1 << 22) + 1;

/// A process that lives until this is dropped.
struct Living(Child);

impl Living {
    fn start() -> Self {
        let mut command = Command::new("sleep");
        command.arg("1000").stdin(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// What it runs.
    fn exe(&self) -> String {
        let link = std::fs::read_link(format!("/proc/{}/exe", self.pid())).unwrap();
        link.to_str().unwrap().to_owned()
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn event(pid: u32, comm: &'static str) -> GeneratedEvent {
    GeneratedEvent {
        offset_ns: 0,
        pid,
        tid: pid,
        uid: 0,
        comm: Bytes::from_static(comm.as_bytes()),
        fd: 5,
        written: true,
        tuple: None,
        probe: Probe::OpenSsl,
        payload: Bytes::from_static(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    }
}

/// Records one event of each of these, and waits until `/proc` was asked about all of them.
fn record(args: &[&str], events: Vec<GeneratedEvent>, asked: i64) -> TestEnv {
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, args);
    play(&server, events);
    until_true("answers", || {
        let capture = live(&env.db());
        let answered = capture.number("SELECT COUNT(*) FROM identities")
            + capture.counter("gone_processes")
            + capture.counter("unlike_processes");
        answered == asked
    });
    recorder.stop().exits(0);
    check_sound(&env.db());
    check_digests(&env.db());
    env
}

fn pids(events: &[Value]) -> Vec<u64> {
    let pid = |event: &Value| event["pid"].as_u64().unwrap();
    events.iter().map(pid).collect()
}

#[test]
fn a_process_is_found_by_what_proc_told_of_it() {
    let living = Living::start();
    let (pid, exe) = (living.pid(), living.exe());
    let env = record(
        &[],
        vec![
            event(pid, "sleep"),
            event(NOBODY, "sleep"),
            event(pid, "curl"),
        ],
        3,
    );
    let ppid = std::process::id();
    for filter in [
        format!("exe == \"{exe}\""),
        "exe contains \"/sleep\" && not exe contains \"curl\"".to_owned(),
        format!("exe matches \"/[s]l?eep$\" && ppid == {ppid}"),
        format!("ppid in {{{ppid}, 0}}"),
        format!("exe && source contains \"127\" && pid == {pid}"),
        "len(exe) > 1 && direction == out".to_owned(),
    ] {
        let found = env.events([&filter]);
        assert_eq!(pids(&found), [u64::from(pid)], "{filter}");
        assert_eq!(found[0]["pname"], "sleep");
    }
    assert_eq!(env.events([format!("not exe == \"{exe}\"")]).len(), 2);
    assert_eq!(env.events(["not ppid >= 0"]).len(), 2);
    // The same of exchanges.
    let exchanges = env.query(["--exchanges", "-o", "jsonl", &format!("exe == \"{exe}\"")]);
    let exchanges = exchanges.exits(0).json();
    assert_eq!(pids(&exchanges), [u64::from(pid)]);

    let told = &env.events(["exe"])[0];
    assert_eq!(told["exe"], exe.as_str());
    assert_eq!(told["ppid"], ppid);
    assert!(told["parent"].is_string() && told["uid"].is_u64(), "{told}");
    assert!(told.get("cmdline").is_none(), "{told}");
    let (started, read) = (&told["process_started"], &told["process_read"]);
    assert!(started.as_str() < read.as_str(), "{told}");
    assert!(started.as_str() <= told["received"].as_str(), "{told}");
    assert_eq!(exchanges[0]["exe"], exe.as_str());
    let id = told["id"].to_string();
    let shown = env.query(["show", &id]).exits(0);
    assert!(
        shown.text().contains("read from /proc on "),
        "{}",
        shown.story()
    );
    assert!(
        shown.text().contains(&format!("exe            {exe}\n")),
        "{}",
        shown.story()
    );
    let shown = env
        .query(["show", &format!("x{}", exchanges[0]["id"])])
        .exits(0);
    assert!(
        shown.text().contains("read from /proc on "),
        "{}",
        shown.story()
    );
    let top = env.query(["--top", "exe", "-o", "jsonl"]).exits(0).json();
    assert!(
        top.iter().any(|line| line["exe"] == exe.as_str()),
        "{top:?}"
    );

    let stats = &env.query(["stats", "-o", "jsonl"]).exits(0).json()[0];
    let recording = &stats["recordings"][0];
    assert_eq!(recording["identified_processes"], 1);
    assert_eq!(recording["gone_processes"], 1);
    assert_eq!(recording["unlike_processes"], 1);
    assert_eq!(recording["skipped_processes"], 0);
    let text = env.query(["stats"]).exits(0);
    let line = "1 processes identified, 1 gone before they could be, 1 with another name in /proc";
    assert!(text.text().contains(line), "{}", text.story());
}

#[test]
fn what_proc_told_goes_along_into_the_next_files() {
    let living = Living::start();
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, ["-b", "events:2"]);
    let sleep = || event(living.pid(), "sleep");
    play(&server, [sleep()]);
    until_true("an answer", || {
        live(&files(&env)[0]).number("SELECT COUNT(*) FROM identities") == 1
    });
    play(&server, [sleep(), sleep(), sleep(), sleep()]);
    until_true("the files", || files(&env).len() == 3);
    recorder.stop().exits(0);

    let written = files(&env);
    check_each(&env, &written);
    for (file, count) in written.iter().zip([2, 2, 1]) {
        let filter = format!("exe == \"{}\"", living.exe());
        let mut command = env.command(QUERY, ["-o", "jsonl", "--events", &filter, "--db"]);
        command.arg(file);
        let found = run(command).exits(0).json();
        assert_eq!(
            pids(&found),
            vec![u64::from(living.pid()); count],
            "{}",
            file.display()
        );
    }
}

#[test]
fn arguments_are_noted_only_where_they_are_asked_for() {
    let living = Living::start();
    let env = record(&["--cmdline"], vec![event(living.pid(), "sleep")], 1);
    let told = &env.events::<&str>([])[0];
    assert_eq!(told["cmdline"], serde_json::json!(["sleep", "1000"]));
    let shown = env.query(["show", "1"]).exits(0);
    assert!(
        shown.text().contains("arguments      sleep 1000\n"),
        "{}",
        shown.story()
    );
    let redacted = env.query(["export", "har", "--redact", "exe"]).exits(0);
    assert!(
        redacted.text().contains("\"exe\"") && !redacted.text().contains("cmdline"),
        "{}",
        redacted.story()
    );
}

#[test]
fn nobody_is_asked_who_is_not_to_be() {
    let living = Living::start();
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked(&env, &server, ["--no-proc"]);
    play(
        &server,
        [event(living.pid(), "sleep"), event(NOBODY, "sleep")],
    );
    recorder.stop().exits(0);
    let copy = copy(&env.db());
    assert_eq!(copy.number("SELECT COUNT(*) FROM events"), 2);
    assert_eq!(copy.number("SELECT COUNT(*) FROM identities"), 0);
    assert_eq!(
        copy.number("SELECT COUNT(*) FROM processes WHERE identity_id IS NOT NULL"),
        0
    );
    assert_eq!(copy.counter("gone_processes"), 0);
    assert!(
        env.events::<&str>([])
            .iter()
            .all(|event| event.get("exe").is_none())
    );
    env.query(["exe"]).exits(1);
}

#[test]
fn what_is_not_known_yet_is_no_filter_for_a_recording() {
    let env = TestEnv::new();
    for field in ["exe == \"/bin/curl\"", "ppid == 1", "not container"] {
        let run = run(env.with_db(RECORD, ["--filter", field]));
        let name = field.trim_start_matches("not ").split(' ').next().unwrap();
        run.exits(2)
            .says(&format!(
                "the filter asks for `{name}`, and that is not known yet"
            ))
            .says("hint: ");
    }
    assert!(!env.db().exists());
}
