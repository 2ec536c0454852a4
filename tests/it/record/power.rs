//! A power cut, as the files show it: the log ends anywhere, or what is in it is not what was written.

use std::fs;
use std::path::{Path, PathBuf};

use ecq::event::Timestamp;
use ecq::store::{Reader, SubsetOptions, salvage};
use rustix::process::Signal;

use super::server;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::bounded::run_bounded;
use crate::support::capture::{assert_sound, beside, copy, live};
use crate::support::env::{QUERY, RECORD, TestEnv};
use crate::support::frames::data;
use crate::support::live::Recorder;
use crate::support::long::{seed, short_or_long};
use crate::support::numbers::Numbers;
use crate::support::wait::until_true;

/// SQLite's documentation, "WAL-mode File Format": the head of the log, and of each of its frames, and a page.
const HEAD: usize = 32;
const FRAME_HEAD: usize = 24;
const FRAME: usize = FRAME_HEAD + 4096;

/// The files of a capture at one moment.
#[derive(Clone)]
struct Files {
    db: Vec<u8>,
    log: Vec<u8>,
    /// How much of the log was written back to the database. A power cut cannot take that away: the log is synced before.
    settled: usize,
}

impl Files {
    /// Stops the recorder for a moment to copy them.
    fn of(recorder: &Recorder, path: &Path) -> Self {
        recorder.signal(Signal::STOP);
        let index = fs::read(beside(path, "-shm")).unwrap();
        // The number of frames written back, section 2.1 of the same document.
        let frames = u32::from_ne_bytes(index[96..100].try_into().unwrap()) as usize;
        let files = Self {
            db: fs::read(path).unwrap(),
            log: fs::read(beside(path, "-wal")).unwrap(),
            settled: if frames == 0 {
                0
            } else {
                HEAD + frames * FRAME
            },
        };
        recorder.signal(Signal::CONT);
        files
    }

    /// Lays them out in a folder.
    fn lay_out(&self, folder: &Path) -> PathBuf {
        let path = folder.join("cut.db");
        fs::remove_file(beside(&path, "-shm")).ok();
        fs::write(&path, &self.db).unwrap();
        fs::write(beside(&path, "-wal"), &self.log).unwrap();
        path
    }

    /// With a log that ends here.
    fn torn(&self, length: usize) -> Self {
        Self {
            log: self.log[..length].to_vec(),
            ..self.clone()
        }
    }

    /// Where frames end that end a commit: their head says how large the database is then, and not 0. Those of the log's
    /// last lap only: others have another salt.
    fn commits(&self) -> Vec<usize> {
        let salt = &self.log[16..24];
        let is_of_this_lap = |at: &usize| &self.log[at + 8..at + 16] == salt;
        (HEAD..=self.log.len() - FRAME)
            .step_by(FRAME)
            .take_while(is_of_this_lap)
            .filter(|at| self.log[at + 4..at + 8] != [0; 4])
            .map(|at| at + FRAME)
            .collect()
    }
}

/// The newest event that a batch of the file has; `None` if it is no capture.
fn committed(path: &Path) -> Option<i64> {
    drop(Reader::open(path).ok()?);
    Some(copy(path).number("SELECT coalesce(MAX(last_id), 0) FROM batches"))
}

/// Records, and copies the files now and then.
fn moments(env: &TestEnv, lots: &mut Numbers) -> Vec<Files> {
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked::<&str>(env, &server, []);
    let mut found = Vec::new();
    for number in 0..short_or_long(3, 20) {
        let before = live(&env.db()).number("SELECT coalesce(MAX(last_id), 0) FROM batches");
        let corpus = lots.pick(&[Corpus::Realistic, Corpus::Incompressible]);
        server.play(
            Traffic::new(number, corpus).take(200 + lots.below(800)),
            None,
        );
        until_true("a commit", || {
            live(&env.db()).number("SELECT coalesce(MAX(last_id), 0) FROM batches") > before
        });
        found.push(Files::of(&recorder, &env.db()));
    }
    recorder.stop().exits(0);
    found
}

/// Whatever is in the files, everybody ends in words; a recorder goes on in what it takes.
fn check_everybody(env: &TestEnv, files: &Files, what: &str) {
    let folder = tempfile::tempdir_in(env.path("")).unwrap();
    let path = files.lay_out(folder.path());
    let ask = |args: &[&str]| {
        let mut command = env.command(QUERY, args);
        command.arg("--db").arg(&path);
        run_bounded(command).unwrap_or_else(|fault| panic!("{what}: {fault}"))
    };
    ask(&["-n", "all", "-o", "jsonl"]);
    ask(&["verify"]);
    let saved = folder.path().join("saved.db");
    let run = ask(&["salvage", "-o", saved.to_str().unwrap()]);
    if saved.exists() {
        assert_sound(&saved);
    } else {
        assert_eq!(run.status, Some(2), "{what}: {}", run.story());
    }
    let mut command = env.command(RECORD, ["--again", "--import"]);
    command
        .arg(data("real/ecapture-2.5.1-text.frames"))
        .arg("--db")
        .arg(&path);
    run_bounded(command).unwrap_or_else(|fault| panic!("{what}: {fault}"));
}

#[test]
fn what_was_committed_before_a_tear_is_there() {
    let env = TestEnv::new();
    let mut lots = Numbers::new(seed("torn"));
    let folder = tempfile::tempdir().unwrap();
    for (moment, files) in moments(&env, &mut lots).iter().enumerate() {
        let commits = files.commits();
        let whole = committed(&files.lay_out(folder.path())).unwrap();
        assert!(!commits.is_empty() && whole > 0);
        // At the start, and at each commit: just before its end, in its head, in its page, just behind it.
        let chosen: Vec<usize> = (0..short_or_long(6, 40))
            .map(|_| lots.pick(&commits))
            .collect();
        let mut lengths = vec![0, 7, HEAD, HEAD + 5, files.log.len()];
        for end in chosen {
            lengths.extend([end, end - 1, end - FRAME, end - FRAME + 9, end - 2000]);
            lengths.extend([end + 11, end + FRAME_HEAD + 77].map(|at| at.min(files.log.len())));
        }
        lengths.retain(|length| *length >= files.settled);
        lengths.sort_unstable();
        lengths.dedup();
        let mut before = 0;
        for length in lengths {
            let story = format!("moment {moment}, {length} of {} bytes", files.log.len());
            let path = files.torn(length).lay_out(folder.path());
            let found = committed(&path).unwrap_or_else(|| panic!("{story}"));
            assert!(found >= before, "{story}: {found}, and {before} before");
            before = found;
            // What the last whole commit had is there, and no more.
            let last = commits
                .iter()
                .rfind(|end| **end <= length)
                .copied()
                .unwrap_or(0);
            let path = files.torn(last).lay_out(folder.path());
            assert_eq!(committed(&path), Some(found), "{story}");
            assert_sound(&path);
        }
        assert_eq!(before, whole, "moment {moment}");
        check_everybody(&env, &files.torn(files.log.len() / 2), "half of the log");
    }
}

#[test]
fn a_byte_of_the_log_that_is_another_one() {
    let env = TestEnv::new();
    let mut lots = Numbers::new(seed("flipped"));
    let folder = tempfile::tempdir().unwrap();
    let moments = moments(&env, &mut lots);
    for number in 0..short_or_long(40, 800) {
        let files = lots.pick(&(0..moments.len()).collect::<Vec<_>>());
        let mut changed = moments[files].clone();
        let frames = (changed.log.len() - HEAD) / FRAME;
        let frame = HEAD + lots.below(frames) * FRAME;
        let at = match number % 4 {
            0 => lots.below(HEAD),
            1 => frame + lots.below(FRAME_HEAD),
            _ => frame + FRAME_HEAD + lots.below(4096),
        };
        if at < changed.settled {
            continue;
        }
        changed.log[at] ^= lots.pick(&[1, 0x80, 0xff]);
        let story = format!("byte {at} of the log of moment {files}");
        let path = changed.lay_out(folder.path());
        // The log has checksums: what is behind the byte is as if it had not been written.
        let found = committed(&path).unwrap_or_else(|| panic!("{story}"));
        let commits = changed.commits();
        let least = commits
            .iter()
            .rfind(|end| **end <= at)
            .copied()
            .unwrap_or(0);
        if at >= HEAD {
            let path = moments[files].torn(least).lay_out(folder.path());
            assert!(found >= committed(&path).unwrap(), "{story}");
        }
        let path = changed.lay_out(folder.path());
        assert_sound(&path);
        if number % 20 == 0 {
            check_everybody(&env, &changed, &story);
        }
    }
}

/// A file that is shorter than it was, or with other bytes, and the log that goes with it.
#[test]
fn a_file_that_does_not_fit_its_log() {
    let env = TestEnv::new();
    let mut lots = Numbers::new(seed("unfitting"));
    let moments = moments(&env, &mut lots);
    for number in 0..short_or_long(12, 200) {
        let mut changed = moments[lots.below(moments.len())].clone();
        let bytes = changed.db.len();
        let what = match number % 4 {
            0 => {
                changed.db.truncate(lots.below(bytes));
                "a shorter file"
            }
            1 => {
                let at = lots.below(bytes);
                changed.db[at] ^= 0xff;
                "another byte"
            }
            2 => {
                changed.log = moments[lots.below(moments.len())].log.clone();
                "the log of another moment"
            }
            _ => {
                let page = lots.below(bytes / 4096) * 4096;
                changed.db[page..page + 4096].fill(0);
                "a page of zeros"
            }
        };
        check_everybody(&env, &changed, what);
        // The library does not panic either.
        let folder = tempfile::tempdir().unwrap();
        let path = changed.lay_out(folder.path());
        if let Ok(reader) = Reader::open_damaged(&path) {
            let options = SubsetOptions {
                output: folder.path().join("saved.db"),
                is_decrypted: false,
                program: "test".to_owned(),
                now: Timestamp::from_seconds(1),
            };
            salvage(&reader, &options).ok();
        }
    }
}
