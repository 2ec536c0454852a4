//! Which processes are asked about, and what the answers mean. No clock, no I/O.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Answer, Known, Question, Reading};
use crate::event::{Event, Identity, IdentityId, RecordingId, Timestamp};
use crate::store::{Counters, Identified};

/// How long an answer is good: with the first event behind that, it is looked whether another process has the pid. To use
/// one again within that time, a host would have to start as many processes as there are pids, 32,768 at least.
const AGAIN: Duration = Duration::from_secs(2);

/// How many names of processes are remembered in all, and how many of one process, whose threads can have names of their
/// own. Beyond that they are forgotten, all of them or all of that process, and asked about again.
const REMEMBERED: usize = 16 * 1024;
const REMEMBERED_OF_ONE: usize = 64;

/// No name of a process is longer, in bytes: the kernel's have 15, each of which can have become three.
const MAX_PNAME_BYTES: usize = 45;

/// How many processes that had one pid are remembered, as events of the one before can still come in.
const GENERATIONS: usize = 2;

/// What one name of a process is known by.
#[derive(Debug)]
struct Name {
    pname: String,
    /// When it was last asked about.
    asked: Timestamp,
    is_pending: bool,
    /// Whether it was counted that nobody was found under it.
    is_counted: bool,
    /// Who had it, the newest last.
    known: Vec<Known>,
}

#[derive(Debug, Default)]
struct Pid {
    names: Vec<Name>,
    /// Who has it.
    known: Option<Known>,
}

/// The processes of one source.
#[derive(Debug)]
pub(in crate::record) struct KnownProcesses {
    recording: RecordingId,
    pids: HashMap<u32, Pid>,
    names: usize,
    questions: Vec<Question>,
}

impl KnownProcesses {
    /// Of a source that is recorded as this recording.
    pub(in crate::record) fn new(recording: RecordingId) -> Self {
        Self {
            recording,
            pids: HashMap::new(),
            names: 0,
            questions: Vec::new(),
        }
    }

    /// Goes on as another recording, in another file: what is known is told to that as it comes up again.
    pub(in crate::record) fn go_on_as(&mut self, recording: RecordingId) {
        self.recording = recording;
        for pid in self.pids.values_mut() {
            let of_names = pid.names.iter_mut().flat_map(|name| &mut name.known);
            for known in of_names.chain(&mut pid.known) {
                known.go_on_as(recording);
            }
        }
    }

    /// Sees an event, and asks about its process if that is new, or was not looked at for a while.
    pub(in crate::record) fn see(&mut self, event: &Event) {
        let (Some(pid @ 1..), Some(pname)) = (event.process.pid, &event.process.pname) else {
            return;
        };
        if pname.is_empty() || pname.len() > MAX_PNAME_BYTES {
            return;
        }
        if self.names >= REMEMBERED {
            self.pids.clear();
            self.names = 0;
        }
        let known = self.pids.entry(pid).or_default();
        if known.names.len() >= REMEMBERED_OF_ONE
            && !known.names.iter().any(|name| name.pname == *pname)
        {
            self.names -= known.names.len();
            known.names.clear();
        }
        let (name, is_new) = known.name(pname);
        self.names += usize::from(is_new);
        let since = event.received.nanos_since(name.asked).unsigned_abs();
        if name.is_pending || u128::from(since) < AGAIN.as_nanos() {
            return;
        }
        name.asked = event.received;
        name.is_pending = true;
        let by_name = name.known.last().map(|by_name| by_name.ticks);
        let known = known.known.clone();
        self.questions.push(Question {
            pid,
            tid: event.process.tid,
            pname: pname.clone(),
            is_by_name: (known.as_ref()).is_some_and(|known| by_name == Some(known.ticks)),
            known,
        });
    }

    /// What is to be asked since the last call.
    pub(in crate::record) fn take_questions(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.questions)
    }

    /// A question could not be asked: the next event asks it again.
    pub(in crate::record) fn skipped(&mut self, question: &Question, counters: &mut Counters) {
        counters.skipped_processes += 1;
        if let Some(known) = self.pids.get_mut(&question.pid)
            && let Some(name) = (known.names.iter_mut()).find(|name| name.pname == question.pname)
        {
            name.is_pending = false;
            name.asked = Timestamp::MIN;
        }
    }

    /// Takes in an answer. `next_id` is the id for a new identity, and is counted up if there is one. Gives what became known.
    pub(in crate::record) fn answered(
        &mut self,
        question: Question,
        answer: Answer,
        next_id: &mut i64,
        counters: &mut Counters,
    ) -> Option<Identified> {
        let pid = self.pids.entry(question.pid).or_default();
        match answer {
            Answer::Same => {
                pid.known = question.known.map(|mut known| {
                    known.go_on_as(self.recording);
                    known
                });
            }
            Answer::Found(reading) => {
                if !(pid.known.as_ref()).is_some_and(|known| is_same(known, &reading)) {
                    let ticks = reading.ticks;
                    let id = IdentityId::new(*next_id);
                    *next_id += 1;
                    let identity = Arc::new(identity(id, self.recording, question.pid, *reading));
                    pid.known = Some(Known { ticks, identity });
                }
            }
            Answer::Unlike | Answer::Gone => {
                let (name, is_new) = pid.name(&question.pname);
                self.names += usize::from(is_new);
                name.is_pending = false;
                if name.known.is_empty() && !std::mem::replace(&mut name.is_counted, true) {
                    if answer == Answer::Gone {
                        counters.gone_processes += 1;
                    } else {
                        counters.unlike_processes += 1;
                    }
                }
                return None;
            }
        }
        let known = pid.known.clone()?;
        let (name, is_new) = pid.name(&question.pname);
        self.names += usize::from(is_new);
        name.is_pending = false;
        if name.known.last() == Some(&known) {
            return None;
        }
        if name.known.len() >= GENERATIONS {
            name.known.remove(0);
        }
        name.known.push(known.clone());
        Some(Identified {
            pname: question.pname,
            identity: known.identity,
        })
    }

    /// Who the process of an event is, as far as that is known: the last of that pid and name that had started when the
    /// event was received. Where the same process has run one program after the other, the other is believed from when it
    /// was seen.
    pub(in crate::record) fn identity_of(&self, event: &Event) -> Option<Arc<Identity>> {
        let (pid, pname) = (event.process.pid?, event.process.pname.as_ref()?);
        let names = &self.pids.get(&pid)?.names;
        let name = names.iter().find(|name| name.pname == *pname)?;
        let mut newest_first = name.known.iter().enumerate().rev();
        let (_, known) = newest_first.find(|(at, known)| {
            let before = name.known.iter().take(*at);
            let runs_another = before.clone().any(|before| before.ticks == known.ticks);
            let from = if runs_another {
                known.identity.read
            } else {
                known.identity.started
            };
            from <= event.received
        })?;
        Some(Arc::clone(&known.identity))
    }
}

impl Known {
    fn go_on_as(&mut self, recording: RecordingId) {
        if self.identity.recording != recording {
            self.identity = Arc::new(Identity {
                recording,
                ..(*self.identity).clone()
            });
        }
    }
}

impl Pid {
    /// What is known of a name, and whether it is new.
    fn name(&mut self, pname: &str) -> (&mut Name, bool) {
        let found = self.names.iter().position(|name| name.pname == pname);
        let at = found.unwrap_or_else(|| {
            self.names.push(Name {
                pname: pname.to_owned(),
                asked: Timestamp::MIN,
                is_pending: false,
                is_counted: false,
                known: Vec::new(),
            });
            self.names.len() - 1
        });
        let name = self.names.get_mut(at).expect("it was found or added");
        (name, found.is_none())
    }
}

/// Whether it is the process that is known, and runs the same program still.
fn is_same(known: &Known, reading: &Reading) -> bool {
    known.ticks == reading.ticks && known.identity.exe == reading.exe
}

fn identity(id: IdentityId, recording: RecordingId, pid: u32, reading: Reading) -> Identity {
    Identity {
        id,
        recording,
        pid,
        started: reading.started,
        read: reading.read,
        exe: reading.exe,
        ppid: reading.ppid,
        parent: reading.parent,
        uid: reading.uid,
        cgroup: reading.cgroup,
        container: reading.container,
        cmdline: reading.cmdline,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::samples;

    /// Processes of a source, and what came of them.
    struct Source {
        processes: KnownProcesses,
        next_id: i64,
        counters: Counters,
        asked: usize,
    }

    fn source() -> Source {
        Source {
            processes: KnownProcesses::new(RecordingId::new(1)),
            next_id: 1,
            counters: Counters::default(),
            asked: 0,
        }
    }

    fn event(pid: u32, pname: &str, second: i64) -> Event {
        let mut event = samples::request().event;
        event.process.pid = Some(pid);
        event.process.pname = Some(pname.to_owned());
        event.received = Timestamp::from_seconds(second);
        event
    }

    /// A process that started in this second after boot, which was at 1000, and was seen at 1110.
    fn found(ticks: u64, exe: &str) -> Answer {
        let started = 1000 + i64::try_from(ticks).unwrap();
        Answer::Found(Box::new(Reading {
            ticks,
            started: Timestamp::from_seconds(started),
            read: Timestamp::from_seconds(1110),
            exe: Some(exe.to_owned()),
            ..Reading::default()
        }))
    }

    impl Source {
        /// Sees an event and has its question answered, if it asks one; gives what became known.
        fn see(&mut self, event: &Event, answer: Answer) -> Option<Identified> {
            self.processes.see(event);
            let question = self.processes.take_questions().pop()?;
            self.asked += 1;
            self.answer(question, answer)
        }

        fn answer(&mut self, question: Question, answer: Answer) -> Option<Identified> {
            let Self {
                processes,
                next_id,
                counters,
                ..
            } = self;
            processes.answered(question, answer, next_id, counters)
        }

        fn exe_of(&self, event: &Event) -> Option<String> {
            self.processes.identity_of(event)?.exe.clone()
        }
    }

    #[test]
    fn a_process_is_asked_about_once_and_again_after_a_while() {
        let mut source = source();
        let first = source.see(&event(7, "curl", 2000), found(10, "/curl"));
        assert!(first.is_some());
        source.see(&event(7, "curl", 2001), Answer::Gone);
        assert_eq!(source.asked, 1);
        // It is still there: nothing new is known. A clock that was set back is no reason to wait for years.
        let same = source.see(&event(7, "curl", 2002), Answer::Same);
        let earlier = source.see(&event(7, "curl", 1500), found(10, "/curl"));
        assert_eq!((same, earlier, source.asked), (None, None, 3));
        // It was recognized by this name, and by no other.
        let mut asks = |pname| {
            source.processes.see(&event(7, pname, 3000));
            source.processes.take_questions().pop().unwrap()
        };
        let (by_name, by_another) = (asks("curl"), asks("curl-thread"));
        assert!(by_name.is_by_name && !by_another.is_by_name);
        assert_eq!(by_name.known, by_another.known);
        assert!(by_name.known.is_some());
        assert_eq!(source.next_id, 2);
        assert_eq!(
            source.exe_of(&event(7, "curl", 2005)).as_deref(),
            Some("/curl")
        );
    }

    /// As long as one answer is to come, the same is not asked again.
    #[test]
    fn questions_wait_for_their_answers() {
        let mut source = source();
        source.processes.see(&event(7, "curl", 2000));
        source.processes.see(&event(7, "curl", 2010));
        let questions = source.processes.take_questions();
        assert_eq!(questions.len(), 1);
        // What could not be asked is asked with the next event.
        source
            .processes
            .skipped(&questions[0], &mut source.counters);
        assert_eq!(source.counters.skipped_processes, 1);
        source.processes.see(&event(7, "curl", 2010));
        assert_eq!(source.processes.take_questions(), questions);
    }

    #[test]
    fn a_pid_that_is_used_again_is_another_process() {
        let mut source = source();
        source.see(&event(7, "curl", 1100), found(50, "/old/curl"));
        source.see(&event(7, "curl", 1300), found(250, "/new/curl"));
        for (second, expected) in [
            (1040, None),
            (1050, Some("/old/curl")),
            (1249, Some("/old/curl")),
            (1250, Some("/new/curl")),
            (9999, Some("/new/curl")),
        ] {
            let exe = source.exe_of(&event(7, "curl", second));
            assert_eq!(exe.as_deref(), expected, "{second}");
        }
        // A process of another name that takes the pid over takes nothing from those before.
        source.see(&event(7, "wget", 1400), found(350, "/wget"));
        assert_eq!(
            source.exe_of(&event(7, "curl", 1400)).as_deref(),
            Some("/new/curl")
        );
        assert_eq!(
            source.exe_of(&event(7, "wget", 1400)).as_deref(),
            Some("/wget")
        );
    }

    /// The pid and the time stay, and the program is another.
    #[test]
    fn a_program_that_runs_another_is_read_again() {
        let mut source = source();
        source.see(&event(7, "bash", 1100), found(50, "/bin/bash"));
        source.see(&event(7, "curl", 1101), found(50, "/bin/curl"));
        assert_eq!(source.next_id, 3);
        // Also where the name stays: what came before that was seen is of the first.
        let again = found(50, "/bin/curl (deleted)");
        source.see(&event(7, "curl", 1110), again);
        let exe = |second| source.exe_of(&event(7, "curl", second));
        assert_eq!(exe(1109).as_deref(), Some("/bin/curl"));
        assert_eq!(exe(1110).as_deref(), Some("/bin/curl (deleted)"));
        assert_eq!(
            source.exe_of(&event(7, "bash", 1102)).as_deref(),
            Some("/bin/bash")
        );
        assert_eq!(
            source.exe_of(&event(7, "curl", 1102)).as_deref(),
            Some("/bin/curl")
        );
    }

    /// Threads have names of their own; it is one identity.
    #[test]
    fn the_names_of_one_process_share_an_identity() {
        let mut source = source();
        let main = source.see(&event(7, "java", 1100), found(50, "/java"));
        let thread = source.see(&event(7, "worker-1", 1100), Answer::Same);
        let (main, thread) = (main.unwrap(), thread.unwrap());
        assert_eq!(main.identity, thread.identity);
        assert_eq!(thread.pname, "worker-1");
        let read_twice = source.see(&event(7, "worker-2", 1100), found(50, "/java"));
        assert_eq!(read_twice.unwrap().identity, main.identity);
        assert_eq!(source.next_id, 2);
    }

    #[test]
    fn nobody_is_counted_once() {
        let mut source = source();
        for second in [1100, 1110, 1120] {
            source.see(&event(7, "curl", second), Answer::Gone);
            source.see(&event(8, "curl", second), Answer::Unlike);
        }
        assert_eq!(source.counters.gone_processes, 1);
        assert_eq!(source.counters.unlike_processes, 1);
        // One that was known and has ended is neither.
        source.see(&event(9, "curl", 1100), found(50, "/curl"));
        source.see(&event(9, "curl", 1110), Answer::Gone);
        assert_eq!(source.counters.gone_processes, 1);
        assert_eq!(
            source.exe_of(&event(9, "curl", 1111)).as_deref(),
            Some("/curl")
        );
    }

    #[test]
    fn what_tells_no_process_is_not_asked_about() {
        let mut source = source();
        let mut nameless = event(7, "curl", 1);
        nameless.process.pname = None;
        let mut without = event(7, "curl", 1);
        without.process.pid = None;
        for event in [
            nameless,
            without,
            event(0, "curl", 1),
            event(7, "", 1),
            event(7, &"x".repeat(99), 1),
        ] {
            source.processes.see(&event);
        }
        assert_eq!(source.processes.take_questions(), []);
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let mut source = source();
        for number in 0..100 {
            source
                .processes
                .see(&event(7, &format!("thread-{number}"), 1));
        }
        assert!(source.processes.names <= REMEMBERED_OF_ONE);
        for pid in 1..=u32::try_from(REMEMBERED + 10).unwrap() {
            source.processes.see(&event(pid, "curl", 1));
            source.processes.take_questions();
        }
        assert!(source.processes.names <= REMEMBERED);
        let counted = source
            .processes
            .pids
            .values()
            .map(|pid| pid.names.len())
            .sum::<usize>();
        assert_eq!(source.processes.names, counted);
    }
}
