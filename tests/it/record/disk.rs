//! A disk that is full, and one that cannot be written.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{server, server_encoder};
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{assert_sound, check_digests, copy, live};
use crate::support::env::{QUERY, RECORD, TestEnv, run};
use crate::support::folder::{fingerprint, names};
use crate::support::live::Recorder;
use crate::support::skip::skip;
use crate::support::wait::{LONG, until_true};

/// A small file system of its own.
pub(super) struct Disk(PathBuf);

impl Disk {
    /// Of so many MiB. `None` where one may not mount.
    pub(super) fn mount(path: PathBuf, mib: u32) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let mut command = Command::new("mount");
        command
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(&path);
        let is_mounted = command.output().is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self(path))
    }

    fn make_read_only(&self) {
        let mut command = Command::new("mount");
        command.args(["-o", "remount,ro"]).arg(&self.0);
        assert!(command.status().unwrap().success());
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_ends_the_recording_in_words_and_without_damage() {
    let env = TestEnv::new();
    let Some(disk) = Disk::mount(env.path("disk"), 2) else {
        skip("a full disk", "this user may not mount a tmpfs");
        return;
    };
    let db = disk.path().join("full.db");
    let (server, _) = server(|_| {});
    let mut command = env.command(RECORD, ["--url", &server.url(), "--db"]);
    command.arg(&db);
    let recorder = Recorder::spawn(command);
    recorder.wait_for("connected to eCapture");
    assert!(server.wait_for_clients(1, LONG));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let load = Traffic::new(1, Corpus::Incompressible).take_while(|_| server.clients() > 0);
            server.play(load.take(50_000), Some(200.0));
        });
        recorder
            .end()
            .exits(2)
            .says("no space left on the device")
            .says("recording stopped")
            .says("full.db");
    });
    assert!(!server.crashed());
    let query = |args: &[&str]| {
        let mut command = env.command(QUERY, args);
        command.arg("--db").arg(&db);
        run(command)
    };
    query(&["-n", "3"]).exits(0);
    assert!(check_digests(&db) > 0);
    assert!(copy(&db).number("SELECT COUNT(*) FROM events") > 0);
}

/// A program that is started by a shell which lets no file of it be larger than so many KiB. Writing more fails (EFBIG).
fn limited(program: &Command, limit_kib: u32) -> Command {
    let mut command = Command::new("/bin/bash");
    // In bash, the unit is 1024 bytes.
    let script = format!("ulimit -f {limit_kib} && trap '' XFSZ && exec \"$@\"");
    command
        .args(["-c", &script, "limited"])
        .arg(program.get_program())
        .args(program.get_args())
        .env_clear()
        .stdin(Stdio::null());
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.current_dir(program.get_current_dir().unwrap());
    command
}

/// What the system refuses to write ends the recording in words; what was committed before is there.
#[test]
fn a_write_that_fails_ends_the_recording_in_words_and_without_damage() {
    for limit_kib in [700, 1500, 2500] {
        let env = TestEnv::new();
        let (server, _) = server(|_| {});
        let command = env.with_db(RECORD, ["--url", &server.url()]);
        let recorder = Recorder::spawn(limited(&command, limit_kib));
        recorder.wait_for("connected to eCapture");
        assert!(server.wait_for_clients(1, LONG));
        super::play(&server, Traffic::new(2, Corpus::Small).take(50));
        let stored = "SELECT COUNT(*) FROM events";
        until_true("some are stored", || live(&env.db()).number(stored) > 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let load =
                    Traffic::new(1, Corpus::Incompressible).take_while(|_| server.clients() > 0);
                server.play(load.take(50_000), Some(500.0));
            });
            recorder
                .end()
                .exits(2)
                .says("recording stopped")
                .says("test.db")
                .says("disk I/O error")
                .never_says("panicked");
        });
        assert!(!server.crashed());
        env.query(["-n", "3"]).exits(0);
        assert!(assert_sound(&env.db()) > 0, "{limit_kib} KiB");
        // Whoever records again, goes on.
        let before = copy(&env.db()).number(stored);
        assert!(before > 0, "{limit_kib} KiB");
        let recorder = Recorder::linked::<&str>(&env, &server, []);
        super::play(&server, Traffic::new(2, Corpus::Small).take(50));
        recorder.stop().exits(0);
        assert_sound(&env.db());
        assert!(copy(&env.db()).number(stored) > before);
    }
}

#[test]
fn frames_that_can_no_longer_be_saved_do_not_end_the_recording() {
    let env = TestEnv::new();
    let Some(disk) = Disk::mount(env.path("disk"), 2) else {
        skip(
            "saving frames to a full disk",
            "this user may not mount a tmpfs",
        );
        return;
    };
    let (server, _) = server(|_| {});
    let saved = disk.path().join("saved");
    let recorder = Recorder::linked(&env, &server, ["--save-frames", saved.to_str().unwrap()]);
    let traffic = || Traffic::new(1, Corpus::Incompressible).take(2000);
    super::play(&server, traffic());
    recorder.wait_for("frames are no longer saved to the file");
    super::play(&server, traffic());
    recorder.stop().exits(0).says("No space left on device");
    let sent = super::messages(&server_encoder(), traffic()).len();
    let stored = copy(&env.db()).counter("stored_events");
    assert_eq!(stored, i64::try_from(2 * sent).unwrap());
    // What was saved before is whole.
    let second = TestEnv::new();
    second.import::<&str>(&saved, []).says("are no whole frame");
}

#[test]
fn a_disk_that_cannot_be_written_is_refused_by_the_recorder_and_read_by_the_query() {
    let env = TestEnv::new();
    let Some(disk) = Disk::mount(env.path("disk"), 2) else {
        skip("a read-only disk", "this user may not mount a tmpfs");
        return;
    };
    let real = crate::support::frames::data("real/ecapture-2.5.1-text.frames");
    let with_db = |program, args: &[&str], name: &str| {
        let mut command = env.command(program, args);
        command.arg("--db").arg(disk.path().join(name));
        command
    };
    let import = |name| {
        with_db(
            RECORD,
            &["--again", "--import", real.to_str().unwrap()],
            name,
        )
    };
    run(import("caps.db")).exits(0);
    disk.make_read_only();
    let before = fingerprint(disk.path());
    for name in ["caps.db", "new.db"] {
        run(import(name)).exits(2).says(name).says("read-only");
    }
    run(with_db(QUERY, &["--pname", "curl"], "caps.db")).exits(0);
    assert_eq!(fingerprint(disk.path()), before);
    assert_eq!(names(disk.path()), ["caps.db"]);
}
