//! A program that runs on a terminal of its own, and somebody who types.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::python::python;

/// Runs a program on a new terminal that controls it: waits for each question, and until nothing is echoed any more,
/// and then types the answer. Prints what happened as JSON.
const SCRIPT: &str = r"
import json, os, pty, select, sys, termios, time

given = json.load(sys.stdin)
deadline = time.monotonic() + given['patience']
child, terminal = pty.fork()
if child == 0:
    os.chdir(given['folder'])
    os.execve(given['command'][0], given['command'], given['environment'])

def echoes():
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)

shown = b''
def listen(seconds):
    global shown
    if not select.select([terminal], [], [], seconds)[0]:
        return True
    try:
        read = os.read(terminal, 4096)
    except OSError:
        return False
    shown += read
    return bool(read)

typed = 0
answered = 0
while typed < len(given['answers']) and time.monotonic() < deadline:
    question, answer = given['answers'][typed]
    at = shown.find(question.encode(), answered)
    if at >= 0 and not echoes():
        answered = at + len(question)
        os.write(terminal, answer.encode() + b'\n')
        typed += 1
    elif not listen(0.01):
        break
while time.monotonic() < deadline and listen(0.1):
    pass
over = time.monotonic() < deadline
if not over:
    os.kill(child, 9)
_, status = os.waitpid(child, 0)
print(json.dumps({
    'status': os.waitstatus_to_exitcode(status) if over else None,
    'shown': shown.decode(errors='replace'),
    'typed': typed,
    'echoes': echoes(),
}))
";

/// What happened on the terminal.
#[derive(Debug)]
pub(crate) struct Typed {
    pub(crate) status: Option<i64>,
    /// All that it showed.
    pub(crate) shown: String,
    /// How many questions were answered.
    pub(crate) answers: u64,
    /// Whether what is typed is shown again after the end.
    pub(crate) echoes: bool,
}

/// Whether there is a Python to do it with.
pub(crate) fn has_terminals() -> bool {
    Command::new(python())
        .args(["-c", "import pty, termios"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a program on a terminal. Each question is answered once it is asked and nothing that is typed is shown.
pub(crate) fn on_terminal(program: &Command, answers: &[(&str, &str)]) -> Typed {
    let text = |part: &std::ffi::OsStr| part.to_str().unwrap().to_owned();
    let command: Vec<_> = std::iter::once(program.get_program())
        .chain(program.get_args())
        .map(text)
        .collect();
    let environment: serde_json::Map<_, _> = program
        .get_envs()
        .filter_map(|(name, value)| Some((text(name), Value::from(text(value?)))))
        .collect();
    let given = json!({
        "command": command,
        "environment": environment,
        "folder": program.get_current_dir().unwrap().to_str().unwrap(),
        "answers": answers,
        "patience": super::wait::LONG.as_secs(),
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), given.to_string()).unwrap();
    let output = Command::new(python())
        .args(["-c", SCRIPT])
        .stdin(file.reopen().unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    Typed {
        status: found["status"].as_i64(),
        shown: found["shown"].as_str().unwrap().to_owned(),
        answers: found["typed"].as_u64().unwrap(),
        echoes: found["echoes"].as_bool().unwrap(),
    }
}
