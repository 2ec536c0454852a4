//! Who the processes are whose events come in, as `/proc` of this host tells (decision 0022).
//!
//! A thread of its own looks, so that nothing that a process or the kernel does holds up the writer. It gets its questions
//! through a queue of limited length; what finds no room there is counted, and asked again with the next event of that
//! process. The writer takes the answers before it commits. What is asked, and what an answer means, is decided on plain
//! values in `known`; `look` reads, and `container` knows what the paths of cgroups say.

mod container;
mod known;
mod look;

pub(super) use known::KnownProcesses;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::event::{Identity, Timestamp};

/// How many questions wait at most.
const QUEUE: usize = 1024;

/// How long the end of a recording waits for the last answers. A process can keep its arguments from being read for as
/// long as it likes.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Who is this?
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) pid: u32,
    /// The thread that the event is of.
    pub(super) tid: Option<u32>,
    /// The name that the event carries.
    pub(super) pname: String,
    /// Who had the pid when it was last looked.
    pub(super) known: Option<Known>,
    /// Whether that was recognized by this name before.
    pub(super) is_by_name: bool,
}

/// A process that was recognized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// When it started, in the kernel's ticks since boot: what tells it from another with its pid, whatever is done to the
    /// clock.
    pub(super) ticks: u64,
    pub(super) identity: Arc<Identity>,
}

/// What `/proc` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is the process that is known, and runs the same program.
    Same,
    /// It is this one.
    Found(Box<Reading>),
    /// The process with this pid has another name.
    Unlike,
    /// There is no process with this pid any more.
    Gone,
}

/// What was read of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) ticks: u64,
    pub(super) started: Timestamp,
    pub(super) read: Timestamp,
    pub(super) exe: Option<String>,
    pub(super) ppid: Option<u32>,
    pub(super) parent: Option<String>,
    pub(super) uid: Option<u32>,
    pub(super) cgroup: Option<String>,
    pub(super) container: Option<String>,
    pub(super) cmdline: Option<Vec<u8>>,
}

/// A question of one of several sources, by its number.
type Asked = (usize, Question);

/// The thread that looks.
pub(super) struct Looker {
    questions: SyncSender<Asked>,
    answers: Receiver<(Asked, Answer)>,
    thread: JoinHandle<()>,
}

impl Looker {
    /// Begins to look; at arguments only if that is asked for.
    pub(super) fn start(reads_cmdline: bool) -> io::Result<Self> {
        let (questions, asked) = mpsc::sync_channel::<Asked>(QUEUE);
        let (answer, answers) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("processes".to_owned())
            .spawn(move || {
                for (source, question) in asked {
                    let found = look::look(&question, reads_cmdline);
                    if answer.send(((source, question), found)).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self {
            questions,
            answers,
            thread,
        })
    }

    /// Asks; gives the question back if too many wait. Never blocks.
    pub(super) fn ask(&self, source: usize, question: Question) -> Result<(), Question> {
        self.questions
            .try_send((source, question))
            .map_err(|error| match error {
                mpsc::TrySendError::Full((_, question))
                | mpsc::TrySendError::Disconnected((_, question)) => question,
            })
    }

    /// The next answer that is there.
    pub(super) fn answer(&self) -> Option<(Asked, Answer)> {
        self.answers.try_recv().ok()
    }

    /// Waits for the answers to what was asked, though not for long. A thread that hangs is left behind.
    pub(super) fn finish(self) -> Vec<(Asked, Answer)> {
        let Self {
            questions,
            answers,
            thread,
        } = self;
        drop(questions);
        let end = Instant::now() + LAST_ANSWERS;
        let mut last = Vec::new();
        loop {
            match answers.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(answer) => last.push(answer),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    // A panic in it lost some answers and no event.
                    drop(thread.join());
                    break;
                }
            }
        }
        last
    }
}
