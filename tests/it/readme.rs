//! The README's examples: what stands under a command is what the command prints.
//!
//! A block marked `console` is run from its top if its first command is one of ours. Commands begin with `$ `; what follows
//! is what they print, first to standard output and then to standard error. `$ echo $?` stands for the status of the
//! command before, which otherwise must be 0. All blocks share one folder, in which `tests` leads to the test data. The
//! reader's folder is shown as `/home/you`. `$ sqlite3 FILE "SELECT …"` is answered without that program.

#![expect(clippy::indexing_slicing, reason = "a test may panic, and shows where")]

use std::path::Path;
use std::process::{Command, Stdio};

const SHOWN_FOLDER: &str = "/home/you";

struct Step {
    command: String,
    line: usize,
    expected: String,
}

/// The commands of the `console` blocks.
fn steps(text: &str) -> Vec<Vec<Step>> {
    let mut blocks: Vec<Vec<Step>> = Vec::new();
    let mut is_inside = false;
    for (line, content) in (1..).zip(text.lines()) {
        if content.starts_with("```") {
            is_inside = content == "```console";
            if is_inside {
                blocks.push(Vec::new());
            }
        } else if is_inside {
            let steps = blocks.last_mut().expect("a block was begun");
            if let Some(command) = content.strip_prefix("$ ") {
                steps.push(Step {
                    command: command.to_owned(),
                    line,
                    expected: String::new(),
                });
            } else {
                let step = steps
                    .last_mut()
                    .unwrap_or_else(|| panic!("README.md:{line}: output without a command"));
                step.expected.push_str(content);
                step.expected.push('\n');
            }
        }
    }
    blocks
}

/// The words of a command, as a shell splits them: `'…'` and `"…"` hold together.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut is_word) = (Vec::new(), String::new(), None, false);
    for character in command.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => word.push(character),
            (None, '\'' | '"') => (quote, is_word) = (Some(character), true),
            (None, ' ') => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            (None, _) => {
                word.push(character);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

/// Status and output of a command in `folder`.
fn run(command: &str, folder: &Path) -> (Option<i32>, String) {
    let words = words(command);
    let program = match words[0].as_str() {
        "ecq-record" => env!("CARGO_BIN_EXE_ecq-record"),
        "ecq-query" => env!("CARGO_BIN_EXE_ecq-query"),
        "sqlite3" => return (Some(0), select(&folder.join(&words[1]), &words[2])),
        other => panic!("{other} is no program of ours: mark the block `sh` instead of `console`"),
    };
    let output = Command::new(program)
        .args(&words[1..])
        .current_dir(folder)
        .env_clear()
        .env("TZ", "UTC")
        .env("HOME", folder)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let text = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8(bytes).expect("it prints UTF-8"));
    (output.status.code(), text.concat())
}

/// Lines without what Markdown cannot show, and without the size of the file, which is SQLite's affair.
fn comparable(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| {
            match line
                .split_once(" gaps, ")
                .and_then(|(before, rest)| Some((before, rest.split_once(" on disk")?)))
            {
                Some((before, (_, after))) => format!("{before} gaps, … on disk{after}"),
                None => line.to_owned(),
            }
        })
        .collect()
}

/// What `sqlite3` prints in its default mode.
fn select(file: &Path, sql: &str) -> String {
    use rusqlite::types::Value;
    use std::fmt::Write as _;
    let db =
        rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
            .expect("a capture opens in plain SQLite");
    let mut statement = db.prepare(sql).expect("the README's SQL is right");
    let columns = statement.column_count();
    let mut rows = statement.query([]).expect("it can be run");
    let mut text = String::new();
    while let Some(row) = rows.next().expect("it can be read") {
        for column in 0..columns {
            let separator = if column == 0 { "" } else { "|" };
            match row.get(column).expect("there is such a column") {
                Value::Null => write!(text, "{separator}"),
                Value::Integer(number) => write!(text, "{separator}{number}"),
                Value::Real(number) => write!(text, "{separator}{number}"),
                Value::Text(value) => write!(text, "{separator}{value}"),
                Value::Blob(bytes) => {
                    write!(text, "{separator}{}", String::from_utf8_lossy(&bytes))
                }
            }
            .expect("a string takes all");
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_examples_print_what_they_show() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("README.md")).expect("there is a README");
    let folder = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .tempdir()
        .expect("a folder can be made");
    let path = folder.path().canonicalize().expect("it is there");
    std::os::unix::fs::symlink(root.join("tests"), path.join("tests")).expect("a link can be made");
    let mut commands = 0;
    for block in steps(&text) {
        let mut steps = block.iter().peekable();
        while let Some(Step {
            command,
            line,
            expected,
        }) = steps.next()
        {
            let (status, printed) = run(command, &path);
            let printed = printed.replace(&path.display().to_string(), SHOWN_FOLDER);
            assert!(
                comparable(&printed) == comparable(expected),
                "README.md:{line}: $ {command}\n--- it says\n{expected}--- it is (status {status:?})\n{printed}"
            );
            let wanted = match steps.next_if(|next| next.command == "echo $?") {
                Some(echo) => echo.expected.trim().parse().expect("a status is a number"),
                None => 0,
            };
            assert_eq!(
                status,
                Some(wanted),
                "README.md:{line}: the status of {command}\n{printed}"
            );
            commands += 1;
        }
    }
    assert!(commands >= 5, "only {commands} commands were found");
}

/// The questions in the `sh` blocks, without what the shell does with the answer.
fn questions(text: &str) -> Vec<(usize, &str)> {
    let mut is_inside = false;
    let mut found = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        if content.starts_with("```") {
            is_inside = content == "```sh";
        } else if is_inside && content.starts_with("ecq-query ") {
            let question = ["  #", " | ", " > "]
                .iter()
                .filter_map(|end| content.split_once(end))
                .map(|(question, _)| question)
                .min_by_key(|question| question.len());
            found.push((line, question.unwrap_or(content).trim_end()));
        }
    }
    found
}

/// They are understood, whether or not there is an answer.
#[test]
fn the_questions_can_be_asked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("README.md")).expect("there is a README");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path();
    let frames = root.join("tests/data/real/ecapture-2.5.1-text.frames");
    // Where a question looks without `--db`.
    let import = format!(
        "ecq-record --db caps.db --quiet --import '{}'",
        frames.display()
    );
    assert_eq!(run(&import, path).0, Some(0), "{import}");
    let mut asked = 0;
    for (line, question) in questions(&text) {
        // What goes on until it is interrupted, what needs a secret or another file, and what is shown in part.
        if [" -f ", "--key-file", "'caps_*.db'", "…"]
            .iter()
            .any(|part| question.contains(part))
        {
            continue;
        }
        let (status, printed) = run(question, path);
        assert!(
            matches!(status, Some(0 | 1)),
            "README.md:{line}: {question} ends with {status:?}\n{printed}"
        );
        asked += 1;
    }
    assert!(asked > 25, "only {asked} questions were found");
}

#[test]
fn words_are_split_as_a_shell_does() {
    assert_eq!(
        words(r#"a  --b 'c d' "e 'f'" x'y z'"#),
        ["a", "--b", "c d", "e 'f'", "xy z"]
    );
}
