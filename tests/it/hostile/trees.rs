//! Pages that lead in circles: SQLite's trees, chains and lists, put together so that no end comes.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{CHANGES, QUESTIONS, ask, ask_all, asking, capture, change, report};
use crate::support::bounded::run_bounded;
use crate::support::capture::beside;
use crate::support::env::{RECORD, TestEnv};
use crate::support::frames::data;
use crate::support::long::{is_long, seed, short_or_long};
use crate::support::numbers::Numbers;

pub(super) const PAGE: usize = 4096;

/// The questions that go through whole tables, in the short form.
const THROUGH_ALL: &[&[&str]] = &[
    &["--events", "-n", "all"],
    &["--events", "-n", "5"],
    &["--count"],
    &["--exchanges", "-n", "all"],
    &["--top", "pname"],
    &["stats"],
    &["-n", "all", "--fixed", "--grep", "HTTP/1.1"],
    &["verify"],
    &["salvage", "-o", "FILE"],
    &["prune", "--keep", "1d"],
    &["export", "jsonl", "--events"],
];

/// A capture whose pages can be forged.
pub(super) struct Pages {
    pub(super) bytes: Vec<u8>,
}

impl Pages {
    pub(super) fn of(env: &TestEnv) -> Self {
        Self {
            bytes: fs::read(env.db()).unwrap(),
        }
    }

    fn page(&mut self, number: usize) -> &mut [u8] {
        &mut self.bytes[(number - 1) * PAGE..number * PAGE]
    }

    /// Adds a page; its number.
    fn add(&mut self, page: &[u8]) -> usize {
        self.bytes.extend_from_slice(page);
        self.bytes
            .resize(self.bytes.len().next_multiple_of(PAGE), 0);
        let count = self.bytes.len() / PAGE;
        // SQLite's file format, section 1.3.8: the size counts if the two change counters are equal.
        self.bytes[28..32].copy_from_slice(&u32::try_from(count).unwrap().to_be_bytes());
        let counter: [u8; 4] = self.bytes[24..28].try_into().unwrap();
        self.bytes[92..96].copy_from_slice(&counter);
        count
    }

    pub(super) fn save(&self, env: &TestEnv) -> PathBuf {
        let path = env.path("forged/forged.db");
        fs::write(&path, &self.bytes).unwrap();
        path
    }
}

/// The first page of a table or index.
pub(super) fn root(path: &Path, name: &str) -> usize {
    Connection::open(path)
        .unwrap()
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?1",
            [name],
            |row| row.get(0),
        )
        .unwrap()
}

/// An inner page of a table whose children are all the same. SQLite's file format, section 1.6.
fn inner(child: usize, count: usize) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    let child = u32::try_from(child).unwrap().to_be_bytes();
    page[0] = 5;
    page[3..5].copy_from_slice(&u16::try_from(count).unwrap().to_be_bytes());
    page[8..12].copy_from_slice(&child);
    let mut end = PAGE;
    for number in 0..count {
        let mut cell = child.to_vec();
        let key = number + 1;
        cell.push(u8::try_from(key >> 7).unwrap() | 0x80);
        cell.push(u8::try_from(key & 0x7f).unwrap());
        end -= cell.len();
        page[end..end + cell.len()].copy_from_slice(&cell);
        let at = 12 + 2 * number;
        page[at..at + 2].copy_from_slice(&u16::try_from(end).unwrap().to_be_bytes());
    }
    page[5..7].copy_from_slice(&u16::try_from(end).unwrap().to_be_bytes());
    page
}

fn check(env: &TestEnv, path: &Path, what: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if is_long() {
        faults = ask_all(env, path);
    } else {
        for question in THROUGH_ALL {
            faults.extend(ask(env, path, question).err());
        }
        faults.extend(change(env, path, &["reindex", "--rebuild"]).err());
        faults.extend(change(env, path, &["prune", "--keep", "1d", "--yes"]).err());
    }
    faults
        .iter()
        .map(|fault| format!("{what}: {fault}"))
        .collect()
}

/// How long a row of an index is at most that lies in its page whole, in bytes. SQLite's file format, section 1.6.
const WHOLE: usize = (PAGE - 12) * 64 / 255 - 23;

/// The first row of an index, or of a table without ids, as it lies in a page: its length and its columns; `None` if there
/// is none, or it goes on in other pages.
fn entry(pages: &mut Pages, root: usize) -> Option<Vec<u8>> {
    let mut number = root;
    loop {
        let page = pages.page(number);
        if page[3..5] == [0, 0] {
            return None;
        }
        let is_leaf = page[0] == 10;
        assert!(is_leaf || page[0] == 2, "page {number}");
        let at = if is_leaf { 8 } else { 12 };
        let mut at = usize::from(u16::from_be_bytes([page[at], page[at + 1]]));
        if is_leaf {
            let mut length = 0;
            let begin = at;
            loop {
                length = length << 7 | usize::from(page[at] & 0x7f);
                at += 1;
                if page[at - 1] < 0x80 {
                    return (length <= WHOLE).then(|| page[begin..at + length].to_vec());
                }
            }
        }
        number = u32::from_be_bytes(page[8..12].try_into().unwrap())
            .try_into()
            .unwrap();
    }
}

/// An inner page of an index whose children and rows are all the same. SQLite's file format, section 1.6.
fn inner_of_index(child: usize, entry: &[u8]) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    let child = u32::try_from(child).unwrap().to_be_bytes();
    page[0] = 2;
    page[8..12].copy_from_slice(&child);
    let mut end = PAGE;
    let mut count = 0_u16;
    while count < 400 && end > entry.len() + 4 + 12 + 2 * usize::from(count + 1) {
        end -= 4 + entry.len();
        page[end..end + 4].copy_from_slice(&child);
        page[end + 4..end + 4 + entry.len()].copy_from_slice(entry);
        let at = 12 + 2 * usize::from(count);
        page[at..at + 2].copy_from_slice(&u16::try_from(end).unwrap().to_be_bytes());
        count += 1;
    }
    page[3..5].copy_from_slice(&count.to_be_bytes());
    page[5..7].copy_from_slice(&u16::try_from(end).unwrap().to_be_bytes());
    page
}

/// Puts few pages in place of a tree, each of which leads to the next some hundred times: more rows than anybody can count.
/// `false` if it has no row.
pub(super) fn knot(pages: &mut Pages, root: usize) -> bool {
    let first = pages.page(root).to_vec();
    let is_table = matches!(first[0], 5 | 13);
    let entry = if is_table { None } else { entry(pages, root) };
    if entry.is_none() && (!is_table || first[3..5] == [0, 0]) {
        return false;
    }
    let above = |child| match &entry {
        None => inner(child, 400),
        Some(entry) => inner_of_index(child, entry),
    };
    let mut child = pages.add(&first);
    for _ in 0..6 {
        child = pages.add(&above(child));
    }
    let top = above(child);
    pages.page(root).copy_from_slice(&top);
    true
}

/// All tables and indexes, with their first pages.
fn trees(path: &Path) -> Vec<(String, usize)> {
    Connection::open(path)
        .unwrap()
        .prepare(
            "SELECT name, rootpage FROM sqlite_schema
             WHERE rootpage > 0 AND name NOT LIKE 'sqlite%' ORDER BY name",
        )
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// Whatever table or index it is: everything ends, and what is told is that the file is damaged.
#[test]
fn a_tree_that_meets_itself() {
    let env = capture();
    let mut lots = Numbers::new(seed("trees"));
    let mut faults = Vec::new();
    for (name, root) in trees(&env.db()) {
        let chosen = ["events", "streams", "recordings", "spans_max"];
        let is_chosen = chosen.contains(&name.as_str());
        if !is_chosen && lots.below(short_or_long(8, 1)) > 0 {
            continue;
        }
        let mut pages = Pages::of(&env);
        if !knot(&mut pages, root) {
            continue;
        }
        let path = pages.save(&env);
        let story = |fault: String| format!("{name}: {fault}");
        if is_long() {
            faults.extend(ask_all(&env, &path).into_iter().map(story));
        } else if is_chosen {
            faults.extend(check(&env, &path, &name));
        } else {
            for _ in 0..3 {
                let question = lots.pick(QUESTIONS);
                faults.extend(ask(&env, &path, question).err().map(story));
            }
            let request = lots.pick(CHANGES);
            faults.extend(change(&env, &path, request).err().map(story));
        }
        match ask(&env, &path, &["verify"]) {
            Ok(run) if run.status == Some(1) && run.story().contains("2nd reference to page") => {}
            Ok(run) => faults.push(story(run.story())),
            Err(fault) => faults.push(story(fault)),
        }
    }
    report(&faults);
}

/// A recorder that is to go on in such a file refuses it, or records; either way it ends.
#[test]
fn a_recorder_in_a_tree_that_meets_itself() {
    let env = capture();
    let frames = data("real/ecapture-2.5.1-text.frames");
    let mut faults = Vec::new();
    for (name, root) in trees(&env.db()) {
        if !is_long() && !["events", "blocks", "exchanges"].contains(&name.as_str()) {
            continue;
        }
        let mut pages = Pages::of(&env);
        if !knot(&mut pages, root) {
            continue;
        }
        let path = pages.save(&env);
        let mut command = env.command(RECORD, ["--again", "--import"]);
        command.arg(&frames).arg("--db").arg(&path);
        let fault = run_bounded(command).err();
        faults.extend(fault.map(|fault| format!("{name}: {fault}")));
        for suffix in ["-wal", "-shm"] {
            fs::remove_file(beside(&path, suffix)).ok();
        }
    }
    report(&faults);
}

/// Who lists events of which there is no end is told so, and what to do; what is left can be saved.
#[test]
fn events_without_an_end() {
    let env = capture();
    let mut pages = Pages::of(&env);
    let root = root(&env.db(), "events");
    assert!(knot(&mut pages, root));
    let path = pages.save(&env);
    for question in [
        ["--events", "-n", "all"].as_slice(),
        &["--count"],
        &["stats"],
        &["export", "jsonl", "--events"],
        &["export", "db", "--pname", "*", "-o", "FILE"],
        &["sql", "SELECT MAX(time_ns) FROM events", "--timeout", "0"],
    ] {
        let run = ask(&env, &path, question).unwrap();
        assert_eq!(run.status, Some(2), "{}", run.story());
        for said in ["is damaged", "lead in circles", "salvage"] {
            assert!(run.stderr.contains(said), "{}", run.story());
        }
    }
    // SQLite counts in one step, which the limit of time ends.
    let question = ["sql", "SELECT COUNT(*) FROM events", "--timeout", "1s"];
    let run = ask(&env, &path, &question).unwrap();
    assert_eq!(run.status, Some(2), "{}", run.story());
    let (made, command) = asking(&env, &path, &["salvage", "-o", "FILE"]);
    let run = run_bounded(command).unwrap();
    assert_eq!(run.status, Some(1), "{}", run.story());
    let saved = Connection::open(made.path().join("made")).unwrap();
    let events: i64 = saved
        .query_row("SELECT COUNT(*) FROM events", [], |row| row.get(0))
        .unwrap();
    assert!(events > 0, "{}", run.story());
}

/// A page that is its own child.
#[test]
fn a_tree_without_an_end() {
    let env = capture();
    let mut faults = Vec::new();
    for table in ["events", "streams"] {
        let root = root(&env.db(), table);
        let mut pages = Pages::of(&env);
        let page = inner(root, 300);
        pages.page(root).copy_from_slice(&page);
        faults.extend(check(&env, &pages.save(&env), table));
    }
    report(&faults);
}

/// The list of free pages leads to itself, to pages in use, and out of the file.
#[test]
fn a_list_of_free_pages_without_an_end() {
    let env = capture();
    let mut faults = Vec::new();
    for next in [None, Some(1_u32), Some(u32::MAX)] {
        let mut pages = Pages::of(&env);
        let number = pages.add(&vec![0; PAGE]);
        let own = u32::try_from(number).unwrap();
        let mut page = vec![0; PAGE];
        page[..4].copy_from_slice(&next.unwrap_or(own).to_be_bytes());
        page[4..8].copy_from_slice(&900_u32.to_be_bytes());
        for at in (8..8 + 900 * 4).step_by(4) {
            page[at..at + 4]
                .copy_from_slice(&(own - u32::try_from(at % 100).unwrap()).to_be_bytes());
        }
        pages.page(number).copy_from_slice(&page);
        pages.bytes[32..36].copy_from_slice(&own.to_be_bytes());
        pages.bytes[36..40].copy_from_slice(&0x7fff_ffff_u32.to_be_bytes());
        faults.extend(check(&env, &pages.save(&env), &format!("{next:?}")));
    }
    report(&faults);
}

/// A value whose pages lead in a circle is as long as it says, which is limited.
#[test]
fn a_value_without_an_end() {
    let env = capture();
    let mut faults = Vec::new();
    for (table, column) in [
        ("block_data", "data"),
        ("envelopes", "before"),
        ("tail", "data"),
        ("names", "name"),
    ] {
        // A long value first, then its head is made to say that it is longer.
        let path = env.path("forged/forged.db");
        fs::copy(env.db(), &path).unwrap();
        let db = Connection::open(&path).unwrap();
        db.pragma_update(None, "foreign_keys", false).unwrap();
        let marker = vec![0x77_u8; LONG as usize];
        let sql = match table {
            "envelopes" => "INSERT INTO envelopes (event_id, before) VALUES (9, ?1)".to_owned(),
            "tail" => "INSERT INTO tail (event_id, class, data) VALUES (9, 0, ?1)".to_owned(),
            "names" => "INSERT INTO names (domain, code, name) VALUES ('x', 1, CAST(?1 AS TEXT))"
                .to_owned(),
            _ => format!("UPDATE {table} SET {column} = ?1 WHERE id = 1"),
        };
        db.execute(&sql, [marker]).unwrap();
        drop(db);
        let mut pages = Pages {
            bytes: fs::read(&path).unwrap(),
        };
        assert!(lengthen(&mut pages, table == "names"), "{table}");
        faults.extend(check(&env, &pages.save(&env), table));
    }
    report(&faults);
}

/// The length of the long value.
const LONG: u32 = 2_200_000;

/// A number of four bytes as SQLite writes it (file format, section 1.6).
fn varint(number: u32) -> [u8; 4] {
    let byte = |shift: u32| u8::try_from(number >> shift & 0x7f).unwrap();
    [byte(21) | 0x80, byte(14) | 0x80, byte(7) | 0x80, byte(0)]
}

/// Makes the value say that it has 134 MB, and leads its pages in a circle; `false` if it is not found.
fn lengthen(pages: &mut Pages, is_text: bool) -> bool {
    const LARGEST: [u8; 4] = [0xff, 0xff, 0xff, 0x7f];
    let kind = varint(2 * LONG + 12 + u32::from(is_text));
    let mut is_found = false;
    for number in 2..=pages.bytes.len() / PAGE {
        let page = pages.page(number);
        if page[4..].iter().all(|byte| *byte == 0x77) {
            let own = u32::try_from(number).unwrap().to_be_bytes();
            page[..4].copy_from_slice(&own);
        } else if page[0] == 13 || page[0] == 10 {
            let Some(at) = page.windows(4).position(|bytes| bytes == kind) else {
                continue;
            };
            page[at..at + 4].copy_from_slice(&LARGEST);
            // The length of the row is a little more, and stands some bytes before.
            let length = (at - 20..at)
                .find(|at| (LONG..LONG + 100).any(|bytes| page[*at..*at + 4] == varint(bytes)));
            let length = length.unwrap();
            page[length..length + 4].copy_from_slice(&LARGEST);
            is_found = true;
        }
    }
    is_found
}
