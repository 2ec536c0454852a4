//! Pages that lead in circles: SQLite's trees, chains and lists, put together so that no end comes.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{ask, ask_all, asking, capture, change, report};
use crate::support::bounded::run_impatiently;
use crate::support::env::TestEnv;
use crate::support::folder::contents;
use crate::support::long::{is_long, short_or_long};

const PAGE: usize = 4096;

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
struct Pages {
    bytes: Vec<u8>,
}

impl Pages {
    fn of(env: &TestEnv) -> Self {
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

    fn save(&self, env: &TestEnv) -> PathBuf {
        let path = env.path("forged/forged.db");
        fs::write(&path, &self.bytes).unwrap();
        path
    }
}

/// The first page of a table or index.
fn root(path: &Path, name: &str) -> usize {
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

/// Few pages, each of which leads to the next some hundred times: more rows than anybody can count. Only `PRAGMA
/// integrity_check` could tell such a tree from a large one, in as long as it takes to read the file; that an interrupt ends
/// it, and that nothing is written, is what can be had.
#[test]
fn a_tree_that_meets_itself() {
    let env = capture();
    let tables = [
        "events",
        "streams",
        "exchanges",
        "blocks",
        "batches",
        "postings",
        "names",
    ];
    let mut faults = Vec::new();
    for table in short_or_long(&tables[..2], &tables[..]) {
        let root = root(&env.db(), table);
        let mut pages = Pages::of(&env);
        let first = pages.page(root).to_vec();
        let mut child = pages.add(&first);
        for _ in 0..6 {
            child = pages.add(&inner(child, 400));
        }
        let top = inner(child, 400);
        pages.page(root).copy_from_slice(&top);
        let path = pages.save(&env);
        let before = contents(path.parent().unwrap());
        for question in short_or_long(&THROUGH_ALL[..5], THROUGH_ALL) {
            let (_made, command) = asking(&env, &path, question);
            faults.extend(run_impatiently(command).err());
        }
        assert!(contents(path.parent().unwrap()) == before, "{table}");
    }
    report(&faults);
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
