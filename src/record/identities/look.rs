//! Reads what `/proc` says of a process.
//!
//! The folder of the process is opened once and everything is read through that: when the process ends, reading fails,
//! and a process that has its pid afterwards is not taken for it. What a process does to itself meanwhile, as running
//! another program, shows in a second look at its name and program.

use std::io::Read as _;

use procfs::ProcessCGroups;
use procfs::process::{Process, Stat};

use super::container::{self, Line};
use super::{Answer, Question, Reading};
use crate::event::Timestamp;
use crate::record::clock;
use crate::record::source::now;

/// How many bytes of arguments are read at most.
const MAX_CMDLINE_BYTES: u64 = 4096;

/// How many bytes of a name the kernel keeps (`TASK_COMM_LEN` without the zero byte). It tells longer ones of its own
/// workers alone.
const COMM_BYTES: usize = 15;

/// How often a process is read that changes while it is read.
const ATTEMPTS: usize = 2;

/// Looks who has the pid.
pub(super) fn look(question: &Question, reads_cmdline: bool) -> Answer {
    let Some(process) = open(question.pid) else {
        return Answer::Gone;
    };
    for _ in 0..ATTEMPTS {
        let Ok(stat) = process.stat() else {
            return Answer::Gone;
        };
        let exe = exe(&process);
        let is_known = (question.known.as_ref())
            .is_some_and(|known| known.ticks == stat.starttime && known.identity.exe == exe);
        let naming = naming(&process, &stat, question);
        if is_known && (question.is_by_name || naming != Naming::Another) {
            return Answer::Same;
        }
        if naming != Naming::Same {
            return Answer::Unlike;
        }
        let reading = read(&process, &stat, exe, reads_cmdline);
        match process.stat() {
            Err(_) => return Answer::Gone,
            Ok(after) if is_unchanged(&process, &stat, &after, &reading) => {
                return Answer::Found(Box::new(reading));
            }
            Ok(_) => {}
        }
    }
    Answer::Gone
}

fn open(pid: u32) -> Option<Process> {
    Process::new(i32::try_from(pid).ok()?).ok()
}

fn exe(process: &Process) -> Option<String> {
    let path = process.exe().ok()?;
    Some(path.to_string_lossy().into_owned())
}

/// What `/proc` says of the name that an event carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// The process or the thread goes by it.
    Same,
    /// Neither does.
    Another,
    /// The process does not, and the thread has ended. Of a process that is known otherwise that is no objection.
    NobodyToAsk,
}

/// Threads have names of their own.
fn naming(process: &Process, stat: &Stat, question: &Question) -> Naming {
    if is_name(&question.pname, &stat.comm) {
        return Naming::Same;
    }
    let Some(tid) = question.tid.and_then(|tid| i32::try_from(tid).ok()) else {
        return Naming::Another;
    };
    match process.task_from_tid(tid).and_then(|task| task.stat()) {
        Ok(thread) if is_name(&question.pname, &thread.comm) => Naming::Same,
        Ok(_) => Naming::Another,
        Err(_) => Naming::NobodyToAsk,
    }
}

/// Whether the kernel's name is the one that eCapture gives, which is cut.
fn is_name(pname: &str, comm: &str) -> bool {
    pname == comm || pname.len() == COMM_BYTES && comm.starts_with(pname)
}

fn is_unchanged(process: &Process, before: &Stat, after: &Stat, reading: &Reading) -> bool {
    before.comm == after.comm && before.ppid == after.ppid && exe(process) == reading.exe
}

fn read(process: &Process, stat: &Stat, exe: Option<String>, reads_cmdline: bool) -> Reading {
    let clocks = clock::Reading::at(now());
    let ppid = u32::try_from(stat.ppid).ok();
    let parent = ppid
        .filter(|ppid| *ppid > 0)
        .and_then(open)
        .and_then(|parent| parent.stat().ok());
    let cgroups = process.cgroups().ok();
    let (cgroup, container) = cgroups.as_ref().map_or((None, None), told);
    Reading {
        ticks: stat.starttime,
        started: started(&clocks, stat.starttime, procfs::ticks_per_second()),
        read: clocks.wall,
        exe,
        ppid,
        parent: parent.map(|parent| parent.comm),
        uid: process.status().ok().map(|status| status.ruid),
        cgroup,
        container,
        cmdline: reads_cmdline.then(|| cmdline(process)).flatten(),
    }
}

/// The cgroup and the container.
fn told(cgroups: &ProcessCGroups) -> (Option<String>, Option<String>) {
    let lines: Vec<_> = (cgroups.0.iter())
        .map(|line| Line {
            hierarchy: line.hierarchy,
            controllers: &line.controllers,
            path: &line.pathname,
        })
        .collect();
    let telling = container::telling(&lines).map(str::to_owned);
    (telling, container::container(&lines))
}

/// The arguments, each with a zero byte behind it. The kernel's threads have none.
fn cmdline(process: &Process) -> Option<Vec<u8>> {
    let file = process.open_relative("cmdline").ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_CMDLINE_BYTES).read_to_end(&mut bytes).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}

/// When a process started that started so many ticks after boot. The kernel rounds the ticks down.
fn started(clocks: &clock::Reading, ticks: u64, ticks_per_second: u64) -> Timestamp {
    let after_boot = u128::from(ticks) * 1_000_000_000 / u128::from(ticks_per_second.max(1));
    let after_boot = i64::try_from(after_boot).unwrap_or(i64::MAX);
    let booted = clocks.wall.as_nanos().saturating_sub(clocks.steady_ns);
    Timestamp::from_nanos(booted.saturating_add(after_boot))
}

#[cfg(test)]
mod tests {
    use std::io::BufRead as _;
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;

    use procfs::{FromBufRead as _, FromRead as _};

    use super::super::Known;
    use super::*;
    use crate::event::samples;

    /// A process that lives as long as this.
    struct Living(Child);

    impl Living {
        /// `cat`, which waits for what it is given to read, and has begun to when this returns.
        fn start() -> Self {
            let mut child = Command::new("cat")
                .args(["-", "a b"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"on\n").unwrap();
            let mut line = String::new();
            std::io::BufReader::new(child.stdout.as_mut().unwrap())
                .read_line(&mut line)
                .unwrap();
            Self(child)
        }

        fn question(&self, pname: &str) -> Question {
            Question {
                pid: self.0.id(),
                tid: None,
                pname: pname.to_owned(),
                known: None,
                is_by_name: false,
            }
        }
    }

    impl Drop for Living {
        fn drop(&mut self) {
            self.0.kill().ok();
            self.0.wait().ok();
        }
    }

    fn found(answer: Answer) -> Reading {
        match answer {
            Answer::Found(reading) => *reading,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_process_is_read() {
        let before = now();
        let living = Living::start();
        let reading = found(look(&living.question("cat"), true));
        let exe = std::fs::read_link(format!("/proc/{}/exe", living.0.id())).unwrap();
        assert_eq!(reading.exe.as_deref(), exe.to_str());
        assert_eq!(reading.ppid, Some(std::process::id()));
        assert!(reading.parent.is_some());
        assert_eq!(reading.uid, Some(rustix_uid()));
        assert!(reading.cgroup.is_some());
        assert_eq!(reading.cmdline.as_deref(), Some(&b"cat\0-\0a b\0"[..]));
        // It started when it was started, as far as the kernel's ticks and two clocks tell.
        let late = reading.started.nanos_since(before);
        assert!((-50_000_000..20_000_000_000).contains(&late), "{late}");
        assert!(reading.read >= reading.started);
        assert_eq!(found(look(&living.question("cat"), false)).cmdline, None);
    }

    fn rustix_uid() -> u32 {
        std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap())
    }

    #[test]
    fn another_name_is_another_process() {
        let living = Living::start();
        assert_eq!(look(&living.question("curl"), false), Answer::Unlike);
        let mut gone = living.question("cat");
        gone.pid = u32::MAX;
        assert_eq!(look(&gone, false), Answer::Gone);
        // Beyond the kernel's largest pid.
        gone.pid = (1 << 22) + 1;
        assert_eq!(look(&gone, false), Answer::Gone);
    }

    #[test]
    fn who_is_known_is_not_read_again() {
        let living = Living::start();
        let mut question = living.question("cat");
        question.tid = Some(living.0.id());
        let reading = found(look(&question, false));
        let mut identity = samples::identity();
        identity.exe.clone_from(&reading.exe);
        question.known = Some(Known {
            ticks: reading.ticks,
            identity: Arc::new(identity),
        });
        assert_eq!(look(&question, false), Answer::Same);
        // Another name is no reason to believe that it is the same, unless it was its own before, or was that of a thread
        // that nobody can be asked about any more.
        question.pname = "another name".to_owned();
        assert_eq!(look(&question, false), Answer::Unlike);
        question.is_by_name = true;
        assert_eq!(look(&question, false), Answer::Same);
        question.is_by_name = false;
        question.tid = Some(u32::MAX >> 1);
        assert_eq!(look(&question, false), Answer::Same);
        // Another start is another process.
        question.known.as_mut().unwrap().ticks += 1;
        assert_eq!(look(&question, false), Answer::Unlike);
        question.is_by_name = true;
        assert_eq!(look(&question, false), Answer::Unlike);
    }

    /// Threads have names of their own.
    #[test]
    fn a_thread_is_known_by_its_name() {
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("a thread's name".to_owned())
            .spawn(move || {
                let link = std::fs::read_link("/proc/thread-self").unwrap();
                let tid: u32 = link.file_name().unwrap().to_str().unwrap().parse().unwrap();
                tell.send(tid).unwrap();
                ended.recv().ok();
            })
            .unwrap();
        let mut question = Question {
            pid: std::process::id(),
            tid: Some(told.recv().unwrap()),
            pname: "a thread's name".to_owned(),
            known: None,
            is_by_name: false,
        };
        found(look(&question, false));
        question.tid = None;
        assert_eq!(look(&question, false), Answer::Unlike);
        drop(end);
        thread.join().unwrap();
    }

    #[test]
    fn names_are_compared_as_far_as_they_go() {
        for (pname, comm, expected) in [
            ("curl", "curl", true),
            ("curl", "curl2", false),
            ("cur", "curl", false),
            ("kworker/u8:1-ev", "kworker/u8:1-events_unbound", true),
            ("kworker/u8:1-e", "kworker/u8:1-events_unbound", false),
            ("a\u{fffd}", "a\u{fffd}", true),
            ("", "curl", false),
        ] {
            assert_eq!(is_name(pname, comm), expected, "{pname} {comm}");
        }
    }

    #[test]
    fn the_start_is_told_by_boot_and_ticks() {
        let clocks = clock::Reading {
            wall: Timestamp::from_seconds(5000),
            steady_ns: 1000 * 1_000_000_000,
        };
        let at = |ticks, per_second| started(&clocks, ticks, per_second).as_nanos();
        assert_eq!(at(0, 100), 4000 * 1_000_000_000);
        assert_eq!(at(150, 100), 4_001_500_000_000);
        assert_eq!(at(1, 1024), 4_000_000_976_562);
        assert_eq!(at(u64::MAX, 0), i64::MAX);
    }

    /// Names with everything in them that could end a field, as the kernel writes them: stat escapes nothing.
    #[test]
    fn hostile_names_end_no_field() {
        for comm in ["a) R 1", "(", "\u{1b}[31m\n", "x (y) z", " ", ") ) )"] {
            let numbers = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 20 0 1 0 4285311 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32";
            let line = format!("7 ({comm}) S {numbers}\n");
            let stat = Stat::from_read(line.as_bytes()).unwrap();
            assert_eq!(
                (stat.comm.as_str(), stat.ppid, stat.starttime),
                (comm, 1, 4_285_311)
            );
        }
        let cgroups = |text: &[u8]| ProcessCGroups::from_buf_read(text).ok();
        let (cgroup, container) = told(&cgroups(b"0::/a:b\x1b[31m/\xe2\x80\xae\n").unwrap());
        assert_eq!(cgroup.as_deref(), Some("/a:b\u{1b}[31m/\u{202e}"));
        assert_eq!(container, None);
        // Bytes that are no text, and lines that are no cgroup, are absent and no failure.
        for text in [&b"0::/\xff\n"[..], b"0:\n", b"x::/\n"] {
            assert!(cgroups(text).is_none());
        }
        assert_eq!(told(&cgroups(b"").unwrap()), (None, None));
    }
}
