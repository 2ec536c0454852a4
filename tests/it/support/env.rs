//! A place for one test: a temporary directory, and programs that see nothing else.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The recorder.
pub(crate) const RECORD: &str = env!("CARGO_BIN_EXE_ecq-record");
/// The query program.
pub(crate) const QUERY: &str = env!("CARGO_BIN_EXE_ecq-query");

/// A temporary directory with a `home` and a `tmp` in it. Programs run in it with a cleared environment, in UTC.
pub(crate) struct TestEnv {
    folder: TempDir,
}

impl TestEnv {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("ecq-it-")
            // Nothing is said of who else gets there.
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()
            .unwrap();
        for name in ["home", "tmp", "db"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    /// A file in the directory.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The capture, in a folder of its own.
    pub(crate) fn db(&self) -> PathBuf {
        self.path("db/test.db")
    }

    /// A program, ready to be run.
    pub(crate) fn command<S: AsRef<OsStr>>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    /// Runs the recorder on the capture.
    pub(crate) fn record<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        run(self.with_db(RECORD, args))
    }

    /// Runs the query program on the capture.
    pub(crate) fn query<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        run(self.with_db(QUERY, args))
    }

    /// Runs the query program without a capture.
    pub(crate) fn query_alone<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        run(self.command(QUERY, args))
    }

    /// A program, with `--db` last.
    pub(crate) fn with_db<S: AsRef<OsStr>>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = self.command(program, args);
        command.arg("--db").arg(self.db());
        command
    }

    /// Imports a file of frames, which must succeed.
    pub(crate) fn import<S: AsRef<OsStr>>(
        &self,
        file: &Path,
        args: impl IntoIterator<Item = S>,
    ) -> Run {
        let mut command = self.with_db(RECORD, args);
        command.arg("--import").arg(file);
        run(command).exits(0)
    }

    /// The lines of `--output jsonl`, oldest first.
    #[track_caller]
    pub(crate) fn events<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> Vec<serde_json::Value> {
        let mut command = self.with_db(QUERY, args);
        command.args(["--output", "jsonl", "--reverse", "--events"]);
        run(command).exits(0).json()
    }
}

/// Runs a program to its end.
pub(crate) fn run(mut command: Command) -> Run {
    let line = format!("{command:?}");
    let output = command.output().unwrap();
    Run {
        line,
        status: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) line: String,
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    /// All there is to know, for a failure.
    pub(crate) fn story(&self) -> String {
        let mut story = format!("$ {}\nexit status {:?}\n", self.line, self.status);
        let stdout: Vec<u8> = self.stdout.iter().copied().take(20_000).collect();
        let stdout = String::from_utf8_lossy(&stdout);
        write!(story, "--- stdout\n{stdout}--- stderr\n{}", self.stderr).unwrap();
        story
    }

    #[track_caller]
    pub(crate) fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "\n{}", self.story());
        self
    }

    /// Standard error holds this.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "says no {text:?}\n{}",
            self.story()
        );
        self
    }

    /// Standard error does not hold this.
    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Self {
        assert!(
            !self.stderr.contains(text),
            "says {text:?}\n{}",
            self.story()
        );
        self
    }

    /// Standard output as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap_or_else(|_| panic!("{}", self.story()))
    }

    /// Standard output as JSON lines.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let read =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{}", self.story()));
        self.text().lines().map(read).collect()
    }
}
