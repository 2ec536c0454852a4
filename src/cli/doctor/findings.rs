//! From what there is to what it means for a recording.

use super::look::{Facts, Folder, Listener, Sight};
use crate::cli::exposure::{self, Exposure};
use crate::event::Timestamp;
use crate::render::human;
use crate::store::Condition;

/// Below this much free space a recording is warned about: some minutes of a busy host.
const LITTLE_BYTES: u64 = 1 << 30;

/// File systems over a network, on which SQLite's write-ahead log does not work, by `statfs(2)`'s number: NFS, SMB, SMB2,
/// CIFS, 9P, Ceph, AFS.
const NETWORK: [(i64, &str); 7] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xfe53_4d42, "SMB2"),
    (0xff53_4d42, "CIFS"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
    (0x6b41_4653, "AFS"),
];

/// `tmpfs` and `ramfs`.
const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];

/// How sound something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    /// A recording works, and somebody should know.
    Warning,
    /// A recording fails.
    Bad,
}

impl Verdict {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning => "warn",
            Self::Bad => "FAIL",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) about: &'static str,
    pub(super) verdict: Verdict,
    pub(super) text: String,
    pub(super) hint: Option<&'static str>,
}

impl Finding {
    fn new(about: &'static str, verdict: Verdict, text: impl Into<String>) -> Self {
        Self {
            about,
            verdict,
            text: text.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

/// What the facts mean, in the order in which a recording meets them.
pub(super) fn of(facts: &Facts, now: Timestamp) -> Vec<Finding> {
    let mut findings = vec![file(facts), permissions(facts), folder(&facts.folder)];
    findings.extend(disk(&facts.folder));
    findings.push(clock(facts.last_commit, now));
    findings.push(listener(facts));
    // Of an eCapture on another host nobody is looked for.
    if !matches!(facts.listener, Ok(Listener::Elsewhere)) {
        findings.push(processes(facts.processes));
    }
    findings
}

/// Whether it can be told who the processes are.
fn processes(sight: Sight) -> Finding {
    let finding = |verdict, text: &str| Finding::new("processes", verdict, text);
    match sight {
        Sight::Everything => finding(Verdict::Good, "/proc tells who they are"),
        Sight::NoFiles => finding(
            Verdict::Warning,
            "/proc does not tell this user which files the processes of others run",
        )
        .hint("record as root, or with the capability CAP_SYS_PTRACE"),
        Sight::Nothing => finding(
            Verdict::Warning,
            "/proc does not show the processes of others",
        )
        .hint("record as root, or as a user of the group that the gid= of /proc names (hidepid)"),
    }
}

fn file(facts: &Facts) -> Finding {
    let path = facts.file.display();
    let good = |text| Finding::new("file", Verdict::Good, text);
    match &facts.condition {
        Ok(Condition::Absent) => good(format!("{path} is not there yet and will be made")),
        Ok(Condition::Empty) => good(format!("{path} is empty and will be a capture")),
        Ok(Condition::Finished) => good(format!("{path} is a capture that was closed in order")),
        Ok(Condition::LogLeft) => Finding::new(
            "file",
            Verdict::Warning,
            format!(
                "{path} was left by a recorder that did not end in order; the next one takes it up"
            ),
        ),
        Ok(Condition::InUse) => {
            Finding::new("file", Verdict::Bad, format!("{path} is being recorded to"))
                .hint("stop that recorder, or name another file with --db")
        }
        Err(error) => Finding::new("file", Verdict::Bad, error.to_string())
            .hint("name a capture, or a file that is not there yet, with --db"),
    }
}

fn permissions(facts: &Facts) -> Finding {
    let finding = |verdict, text: String| Finding::new("permissions", verdict, text);
    match facts.file_mode {
        None => finding(
            Verdict::Good,
            "the file will be readable by its owner alone".to_owned(),
        ),
        Some((mode, _)) if mode & 0o170_000 == 0o120_000 => {
            finding(Verdict::Bad, "the file is a symbolic link".to_owned())
                .hint("name the file that it leads to with --db")
        }
        Some((_, owner)) if owner != facts.user => finding(
            Verdict::Bad,
            format!(
                "the file belongs to user {owner}, and this is user {}",
                facts.user
            ),
        )
        .hint("run as that user, or name another file with --db"),
        Some((mode, _)) if mode & 0o077 != 0 => finding(
            Verdict::Warning,
            format!(
                "others may read the captured plaintext: the file has mode {:o}",
                mode & 0o777
            ),
        )
        .hint("chmod 600 FILE"),
        Some((mode, _)) => finding(
            Verdict::Good,
            format!("the file is its owner's alone (mode {:o})", mode & 0o777),
        ),
    }
}

fn folder(folder: &Folder) -> Finding {
    let path = folder.path.display();
    let finding = |verdict, text| Finding::new("folder", verdict, text);
    let Some(exposure) = folder.exposure else {
        return finding(Verdict::Bad, format!("{path} is not there"))
            .hint("make the directory, or name another file with --db");
    };
    if !folder.is_writable {
        return finding(
            Verdict::Bad,
            format!("{path} cannot be written by this user"),
        )
        .hint("use `sudo`, or name another file with --db");
    }
    let verdict = match exposure {
        Exposure::Closed => Verdict::Good,
        Exposure::Seen | Exposure::Shared => Verdict::Warning,
        // A recording refuses it.
        Exposure::Replaceable => Verdict::Bad,
    };
    match exposure.meaning() {
        Some(meaning) => finding(verdict, format!("{path} {meaning}")).hint(exposure::ADVICE),
        None => finding(
            verdict,
            format!("{path} can be written, and only by whom it may"),
        ),
    }
}

fn disk(folder: &Folder) -> Vec<Finding> {
    let Some((free, all, kind)) = folder.disk else {
        return Vec::new();
    };
    let finding = |verdict, text| Finding::new("disk", verdict, text);
    let mut findings = vec![if free < LITTLE_BYTES {
        finding(
            Verdict::Warning,
            format!("{} are free of {}", human(free), human(all)),
        )
        .hint("make room, or record to another disk with --db")
    } else {
        finding(
            Verdict::Good,
            format!("{} are free of {}", human(free), human(all)),
        )
    }];
    if let Some((_, name)) = NETWORK.iter().find(|(number, _)| *number == kind) {
        findings.push(
            finding(
                Verdict::Bad,
                format!("the file system is {name}: what is read while it is written cannot be trusted there"),
            )
            .hint("record to a local disk, and copy the finished capture"),
        );
    } else if IN_MEMORY.contains(&kind) {
        findings.push(
            finding(
                Verdict::Warning,
                "the file system is in memory: the capture is gone after a restart".to_owned(),
            )
            .hint("record to a disk"),
        );
    }
    findings
}

fn clock(last_commit: Option<Timestamp>, now: Timestamp) -> Finding {
    let finding = |verdict, text: String| Finding::new("clock", verdict, text);
    // 2024-01-01: before that, this program was not there.
    if now.as_nanos() < 1_704_067_200_000_000_000 {
        return finding(Verdict::Warning, format!("it is {now}, says this host"))
            .hint("set the clock: events are filed under what it says");
    }
    match last_commit {
        Some(last) if last > now => finding(
            Verdict::Warning,
            format!(
                "it is {now}, and the capture's last commit was at {last}: the clock went back"
            ),
        )
        .hint("set the clock: events are filed under what it says"),
        _ => finding(Verdict::Good, format!("it is {now}")),
    }
}

fn listener(facts: &Facts) -> Finding {
    let finding = |verdict, text: String| Finding::new("eCapture", verdict, text);
    match &facts.listener {
        Err(error) => finding(Verdict::Bad, error.to_string())
            .hint("it is what eCapture's --ecaptureq was given, usually ws://127.0.0.1:28257/"),
        Ok(Listener::Elsewhere) => finding(
            Verdict::Warning,
            "it is on another host, and was not looked for".to_owned(),
        ),
        Ok(Listener::Unknown) => finding(
            Verdict::Warning,
            "the kernel does not tell who listens".to_owned(),
        ),
        Ok(Listener::Nobody(port)) => finding(
            Verdict::Warning,
            format!("nobody listens at port {port} yet; a recorder waits for it"),
        )
        .hint("start it with `ecapture tls --ecaptureq ws://127.0.0.1:28257/`"),
        Ok(Listener::Somebody(port, process)) => finding(
            Verdict::Good,
            match process {
                Some(process) => format!("{process} listens at port {port}"),
                None => format!("somebody listens at port {port}"),
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::store;

    fn sound() -> Facts {
        Facts {
            file: PathBuf::from("/x/caps.db"),
            condition: Ok(Condition::Absent),
            file_mode: None,
            user: 1000,
            folder: Folder {
                path: PathBuf::from("/x"),
                exposure: Some(Exposure::Closed),
                is_writable: true,
                disk: Some((50 << 30, 100 << 30, 0xef53)),
            },
            last_commit: None,
            listener: Ok(Listener::Somebody(
                28257,
                Some("ecapture (pid 7)".to_owned()),
            )),
            processes: Sight::Everything,
        }
    }

    fn worst(facts: &Facts) -> (Verdict, String) {
        let now = Timestamp::from_nanos(1_790_000_000_000_000_000);
        let findings = of(facts, now);
        let of_verdict = |verdict| {
            findings
                .iter()
                .find(|finding| finding.verdict == verdict)
                .map(|finding| (verdict, finding.text.clone()))
        };
        of_verdict(Verdict::Bad)
            .or_else(|| of_verdict(Verdict::Warning))
            .unwrap_or((Verdict::Good, String::new()))
    }

    #[test]
    fn a_sound_place_has_nothing_to_say() {
        assert_eq!(worst(&sound()), (Verdict::Good, String::new()));
    }

    type Change = fn(&mut Facts);

    #[test]
    fn what_is_wrong_is_said() {
        let cases: [(Verdict, &str, Change); 17] = [
            (Verdict::Bad, "being recorded to", |facts| {
                facts.condition = Ok(Condition::InUse);
            }),
            (Verdict::Warning, "did not end in order", |facts| {
                facts.condition = Ok(Condition::LogLeft);
            }),
            (Verdict::Bad, "not a capture", |facts| {
                facts.condition = Err(store::Error::Foreign {
                    path: PathBuf::from("x"),
                    detail: "a picture".to_owned(),
                });
            }),
            (Verdict::Bad, "belongs to user 0", |facts| {
                facts.file_mode = Some((0o100_600, 0));
            }),
            (Verdict::Warning, "mode 644", |facts| {
                facts.file_mode = Some((0o100_644, 1000));
            }),
            (Verdict::Bad, "symbolic link", |facts| {
                facts.file_mode = Some((0o120_777, 1000));
            }),
            (Verdict::Bad, "is not there", |facts| {
                facts.folder.exposure = None;
            }),
            (Verdict::Bad, "cannot be written", |facts| {
                facts.folder.is_writable = false;
            }),
            (Verdict::Bad, "replace the capture", |facts| {
                facts.folder.exposure = Some(Exposure::Replaceable);
            }),
            (Verdict::Warning, "names can be taken", |facts| {
                facts.folder.exposure = Some(Exposure::Shared);
            }),
            (Verdict::Warning, "sizes of captures are seen", |facts| {
                facts.folder.exposure = Some(Exposure::Seen);
            }),
            (Verdict::Warning, "are free of", |facts| {
                facts.folder.disk = Some((1 << 20, 1 << 40, 0xef53));
            }),
            (Verdict::Bad, "NFS", |facts| {
                facts.folder.disk = Some((1 << 40, 1 << 41, 0x6969));
            }),
            (Verdict::Warning, "went back", |facts| {
                facts.last_commit = Some(Timestamp::from_nanos(1_800_000_000_000_000_000));
            }),
            (Verdict::Warning, "nobody listens", |facts| {
                facts.listener = Ok(Listener::Nobody(28257));
            }),
            (Verdict::Warning, "which files", |facts| {
                facts.processes = Sight::NoFiles;
            }),
            (Verdict::Warning, "does not show", |facts| {
                facts.processes = Sight::Nothing;
            }),
        ];
        for (verdict, text, change) in cases {
            let mut facts = sound();
            change(&mut facts);
            let (found, said) = worst(&facts);
            assert_eq!(found, verdict, "{text}: {said}");
            assert!(said.contains(text), "{text}: {said}");
        }
    }
}
