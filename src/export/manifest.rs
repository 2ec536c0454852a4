//! What an evidence bundle says of its making, as JSON.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;

use serde::Serialize;

use super::bundle::Member;
use super::jsonl::put;
use super::soundness::Link;
use super::stats::{TakenFrom, taken_from};
use super::{shell, soundness};
use crate::event::{ChainLink, Origin, Timestamp};

/// The version of the layout of a bundle.
const LAYOUT: u32 = 1;

/// Who made a bundle, when, by what command, and of what.
#[derive(Debug)]
pub struct Making<'a> {
    /// When.
    pub made: Timestamp,
    /// The program and its version.
    pub program: &'a str,
    /// The version of SQLite that read and wrote the captures.
    pub sqlite: &'a str,
    /// The host it was made on.
    pub host: Option<&'a str>,
    /// The number of the user who made it.
    pub uid: u32,
    /// The folder it was made in, which the names in the command are relative to.
    pub folder: Option<String>,
    /// The arguments, beginning with the program; `None` if they may hold a secret that is not to be known.
    pub command: Option<&'a [OsString]>,
    /// What the user says of it.
    pub note: Option<&'a str>,
    /// What was taken out, if secrets were.
    pub redaction: Option<Redaction>,
    /// The newest link of the chain of commits that the capture had.
    pub head: Option<&'a ChainLink>,
    /// What was taken of the capture; the ones before it are those that it was taken from itself.
    pub taken: &'a [Origin],
    /// What is in the bundle.
    pub members: &'a [Member],
}

/// What was taken out of a bundle.
#[derive(Debug, Serialize)]
pub struct Redaction {
    /// The fingerprint of the key that secrets were hashed with.
    pub key: String,
    /// How many secrets were replaced.
    pub secrets: u64,
    /// How many events have bytes that were left out, or covered, because they could not be looked into.
    pub opaque_events: u64,
    /// How many bytes those are.
    pub opaque_bytes: u64,
}

/// The object. Times are RFC 3339 in UTC, sizes bytes; what is unknown is absent.
#[derive(Debug, Serialize)]
struct Object<'a> {
    /// The version of the layout of the bundle.
    bundle: u32,
    made: String,
    program: &'a str,
    sqlite: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    uid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<&'a str>,
    /// The arguments; what of them is no UTF-8 is replaced. `command_line` has them exactly, for a POSIX shell; absent if
    /// no line of a shell can have them. Both are absent if they may hold a secret that was taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_line: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    /// Absent if nothing was taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    redaction: Option<&'a Redaction>,
    /// For `ecq-query verify --expect-head`, on the capture that the bundle was made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<Link<'a>>,
    /// What `capture.db` was taken from, the nearest last.
    taken_from: Vec<TakenFrom<'a>>,
    files: Vec<File<'a>>,
}

#[derive(Debug, Serialize)]
struct File<'a> {
    name: &'a str,
    bytes: u64,
    sha256: &'a str,
}

/// Writes the object and a line end.
///
/// # Errors
/// What `out` says.
pub fn write(out: &mut dyn Write, making: &Making<'_>) -> io::Result<()> {
    let object = Object {
        bundle: LAYOUT,
        made: making.made.to_string(),
        program: making.program,
        sqlite: making.sqlite,
        host: making.host,
        uid: making.uid,
        folder: making.folder.as_deref(),
        command: making.command.map(words),
        command_line: making.command.and_then(line),
        note: making.note,
        redaction: making.redaction.as_ref(),
        head: making.head.map(soundness::link),
        taken_from: making.taken.iter().map(taken_from).collect(),
        files: making
            .members
            .iter()
            .map(
                |Member {
                     name,
                     bytes,
                     sha256,
                 }| File {
                    name,
                    bytes: *bytes,
                    sha256,
                },
            )
            .collect(),
    };
    put(&mut *out, &object)?;
    out.write_all(b"\n")
}

fn words(command: &[OsString]) -> Vec<String> {
    let words = command.iter();
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// A line of a POSIX shell with these words, if there is one.
fn line(words: &[OsString]) -> Option<String> {
    let words = words
        .iter()
        .map(|word| {
            let bytes = word.as_bytes();
            let is_plain = !bytes.is_empty()
                && bytes
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_./=:,@+".contains(byte));
            if is_plain {
                Some(bytes.to_vec())
            } else {
                shell::word(bytes)
            }
        })
        .collect::<Option<Vec<_>>>()?;
    String::from_utf8(words.join(&b' ')).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn a_line_means_the_words() {
        for (words, expected) in [
            (&["ecq-query", "bundle"][..], "ecq-query bundle"),
            (&["q", "--since=10m", ""], "q --since=10m ''"),
            (&["q", "pname == \"it's\""], r#"q 'pname == "it'\''s"'"#),
        ] {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            assert_eq!(line(&words).as_deref(), Some(expected));
        }
        let odd = OsString::from_vec(b"a\xff\x1b".to_vec());
        let line = line(&[odd]).unwrap();
        assert!(line.is_ascii() && !line.contains('\x1b'), "{line}");
    }
}
