//! A recorder that runs, and the stand-in that it listens to.

use std::ffi::OsStr;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};

use super::env::{RECORD, Run, TestEnv};
use super::wait::{until, until_true};
use crate::stand_in::server::StandIn;

/// A recorder that runs. Dropped, it is killed.
pub(crate) struct Recorder {
    child: Child,
    line: String,
    said: Arc<Mutex<Vec<u8>>>,
    listener: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts one on the capture.
    pub(crate) fn start<S: AsRef<OsStr>>(
        env: &TestEnv,
        server: &StandIn,
        args: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut command = env.with_db(RECORD, args);
        command.args(["--url", &server.url()]);
        Self::spawn(command)
    }

    /// Starts one, and waits until its link had a heartbeat.
    pub(crate) fn linked<S: AsRef<OsStr>>(
        env: &TestEnv,
        server: &StandIn,
        args: impl IntoIterator<Item = S>,
    ) -> Self {
        let recorder = Self::start(env, server, args);
        recorder.wait_for("connected to eCapture");
        assert!(server.wait_for_clients(1, super::wait::LONG));
        recorder
    }

    /// Starts it.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let line = format!("{command:?}");
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stream = child.stderr.take().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let listener = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                heard.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self {
            child,
            line,
            said,
            listener: Some(listener),
        }
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    /// Waits until it has said something.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let what = format!("{text:?} from {}", self.line);
        let deadline = std::time::Instant::now() + super::wait::LONG;
        until_true(&what, || {
            assert!(
                std::time::Instant::now() < deadline,
                "no {text:?}\n$ {}\n{}",
                self.line,
                self.said()
            );
            self.said().contains(text)
        });
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The most memory that it has had in use so far, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        super::bounded::status_kib(&self.child, "VmHWM:").unwrap()
    }

    /// The memory that it has in use now, in KiB: its own, without mapped files (the `-shm` grows with a log that is held).
    pub(crate) fn memory_kib(&self) -> u64 {
        super::bounded::status_kib(&self.child, "RssAnon:").unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// SIGINT, as Ctrl-C sends it.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// SIGKILL, and the end of it.
    pub(crate) fn kill(mut self) -> Run {
        self.child.kill().unwrap();
        self.end()
    }

    /// Interrupts it and waits for its end.
    #[track_caller]
    pub(crate) fn stop(self) -> Run {
        self.interrupt();
        self.end()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Run {
        let what = format!("the end of {}", self.line);
        let status = until(&what, || self.child.try_wait().unwrap());
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap();
        }
        Run {
            line: self.line.clone(),
            status: status.code(),
            stdout: Vec::new(),
            stderr: self.said(),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
