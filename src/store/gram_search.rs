//! Which blocks a search has to open.

use std::fmt;

use rusqlite::{Connection, Result, Row, params};

use super::grams::{self, Gram};
use super::reader::Reader;
use super::vault::{Column, Place, VaultError};
use crate::filter::Required;

/// How many events share a bit of what is touched.
const EVENTS_A_BIT: i64 = 512;

/// Which blocks a search has to open, in bits: nothing else of it grows with the capture.
pub(super) struct OpenBlocks {
    blocks: Bits,
    /// Events that lie in open blocks, wait for one, or are looked at in any case, some hundred to a bit.
    touched: Bits,
    /// How many blocks are open, and how many bytes they hold before compression.
    pub(super) open: u64,
    pub(super) open_bytes: u64,
    /// How many blocks there are.
    pub(super) all: u64,
    /// Whether the filter is not used.
    is_everything: bool,
}

/// The largest number that a set is made for, of 16 MiB: 2^27 blocks are some ten terabytes. A file that claims more was made by
/// hand, and is searched without the filter.
const MAX_NUMBER: i64 = 1 << 27;

/// How many numbers are gone through to tell whether a span is touched: some hundred events are neighbors, or nearly.
const MAX_LOOKED_AT: i64 = 1 << 12;

/// How often all numbers can be covered by blocks: those of a class, of which there are four, do not overlap, and at both ends a
/// number is shared.
const MAX_COVERS: i64 = 8;

/// A set of numbers from 0 on.
#[derive(Default)]
struct Bits {
    words: Vec<u64>,
}

impl Bits {
    fn set(&mut self, number: i64) {
        let Ok(number) = usize::try_from(number) else {
            return;
        };
        if self.words.len() <= number / 64 {
            self.words.resize(number / 64 + 1, 0);
        }
        if let Some(word) = self.words.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    /// Sets all from the first to the last.
    fn set_range(&mut self, first: i64, last: i64) {
        let (Ok(first), Ok(last)) = (usize::try_from(first), usize::try_from(last)) else {
            return;
        };
        if self.words.len() <= last / 64 {
            self.words.resize(last / 64 + 1, 0);
        }
        let (begin, end) = (first / 64, last / 64);
        for (at, word) in self.words.iter_mut().enumerate().take(end + 1).skip(begin) {
            let mut bits = u64::MAX;
            if at == begin {
                bits &= u64::MAX << (first % 64);
            }
            if at == end {
                bits &= u64::MAX >> (63 - last % 64);
            }
            *word |= bits;
        }
    }

    fn is_set(&self, number: i64) -> bool {
        usize::try_from(number).is_ok_and(|number| {
            self.words
                .get(number / 64)
                .is_some_and(|word| word >> (number % 64) & 1 == 1)
        })
    }

    fn numbers(&self) -> impl Iterator<Item = i64> + '_ {
        (0_i64..).zip(&self.words).flat_map(|(place, word)| {
            (0..64)
                .filter(move |bit| word >> bit & 1 == 1)
                .map(move |bit| place * 64 + bit)
        })
    }
}

impl OpenBlocks {
    /// Decides which blocks a search for what is required has to open, among those that can hold events with these ids.
    pub(super) fn new(
        reader: &Reader,
        required: &Required,
        first_id: i64,
        last_id: i64,
    ) -> Result<Self> {
        let db = &reader.db;
        let (first, last) = blocks_between(db, first_id, last_id)?;
        if first < 0 || last > MAX_NUMBER || last_id / EVENTS_A_BIT > MAX_NUMBER {
            return Ok(Self::everything());
        }
        let mut blocks = Bits::default();
        for grams in asked(required) {
            open_group(reader, &BLOCKS, &grams, (first, last), &mut blocks)?;
        }
        let mut open_blocks = Self {
            blocks,
            touched: Bits::default(),
            open: 0,
            open_bytes: 0,
            all: u64::try_from(last.saturating_sub(first).saturating_add(1)).unwrap_or(0),
            is_everything: false,
        };
        open_blocks.touch_blocks(db)?;
        for sql in [
            "SELECT event_id AS id FROM tail WHERE event_id BETWEEN ?1 AND ?2",
            "SELECT event_id AS id FROM junctions WHERE event_id BETWEEN ?1 AND ?2",
            "SELECT first_id AS id FROM blocks WHERE class = 3 AND first_id BETWEEN ?1 AND ?2",
        ] {
            let mut statement = db.prepare(sql)?;
            let mut rows = statement.query([first_id, last_id])?;
            while let Some(row) = rows.next()? {
                let id: i64 = row.get("id")?;
                open_blocks.touched.set(id / EVENTS_A_BIT);
            }
        }
        Ok(open_blocks)
    }

    /// What stands in for a filter where there is none.
    pub(super) fn everything() -> Self {
        Self {
            blocks: Bits::default(),
            touched: Bits::default(),
            open: 0,
            open_bytes: 0,
            all: 0,
            is_everything: true,
        }
    }

    fn touch_blocks(&mut self, db: &Connection) -> Result<()> {
        let mut find =
            db.prepare("SELECT first_id, last_id, raw_bytes FROM blocks WHERE id = ?1")?;
        let mut covered = 0_i64;
        for block in self.blocks.numbers() {
            let mut rows = find.query([block])?;
            let Some(row) = rows.next()? else { continue };
            self.open += 1;
            self.open_bytes = self.open_bytes.saturating_add(row.get("raw_bytes")?);
            let (first, last): (i64, i64) = (row.get("first_id")?, row.get("last_id")?);
            if first < 0 || last < first || last / EVENTS_A_BIT > MAX_NUMBER {
                self.is_everything = true;
                return Ok(());
            }
            let (first, last) = (first / EVENTS_A_BIT, last / EVENTS_A_BIT);
            covered += last - first;
            if covered > MAX_COVERS * MAX_NUMBER {
                self.is_everything = true;
                return Ok(());
            }
            self.touched.set_range(first, last);
        }
        Ok(())
    }

    /// Whether the block has to be opened.
    pub(super) fn is_open(&self, block: i64) -> bool {
        self.is_everything || self.blocks.is_set(block)
    }

    /// Whether anything has to be looked at among these events; says so too often rather than too seldom.
    pub(super) fn touches(&self, first_id: i64, last_id: i64) -> bool {
        let (first, last) = (first_id / EVENTS_A_BIT, last_id / EVENTS_A_BIT);
        self.is_everything
            || last.abs_diff(first) >= MAX_LOOKED_AT.unsigned_abs()
            || (first..=last).any(|number| self.touched.is_set(number))
    }
}

impl fmt::Display for OpenBlocks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("through the index on time, judged block by block on all cores; ")?;
        if self.is_everything {
            formatter.write_str("every block is opened")
        } else {
            write!(
                formatter,
                "the search filter leaves {} of {} blocks to open, {} bytes",
                self.open, self.all, self.open_bytes
            )
        }
    }
}

/// Where filters are: the statements that give one part of them, and one part of one of them.
struct Filters {
    scan: &'static str,
    look_up: &'static str,
    column: Column,
}

const BLOCKS: Filters = Filters {
    scan: "SELECT block_id AS id, covers, bits FROM grams WHERE part = ?1 AND block_id BETWEEN ?2 AND ?3 ORDER BY block_id",
    look_up: "SELECT bits FROM grams WHERE part = ?1 AND block_id = ?2",
    column: Column::Grams,
};

const TEXTS: Filters = Filters {
    scan: "SELECT text_id AS id, covers, bits FROM text_grams WHERE part = ?1 AND text_id BETWEEN ?2 AND ?3 ORDER BY text_id",
    look_up: "SELECT bits FROM text_grams WHERE part = ?1 AND text_id = ?2",
    column: Column::TextGrams,
};

/// Which texts of exchanges a search has to look at.
pub(super) struct OpenTexts {
    /// Those that may hold what is sought; `None` for all.
    may_hold: Option<Bits>,
    /// The last that has a filter; those behind it wait for one.
    last: i64,
}

impl OpenTexts {
    /// Decides which texts may hold what is required.
    pub(super) fn new(reader: &Reader, required: &Required) -> Result<Self> {
        let last: i64 = reader.db.query_row(
            "SELECT COALESCE(MAX(text_id), 0) FROM text_grams WHERE part = 0",
            [],
            |row| row.get(0),
        )?;
        if last > MAX_NUMBER {
            return Ok(Self::everything());
        }
        let mut texts = Bits::default();
        for grams in asked(required) {
            open_group(reader, &TEXTS, &grams, (1, last), &mut texts)?;
        }
        Ok(Self {
            may_hold: Some(texts),
            last,
        })
    }

    /// All of them.
    pub(super) fn everything() -> Self {
        Self {
            may_hold: None,
            last: 0,
        }
    }

    /// Whether the text has to be looked at.
    pub(super) fn is_open(&self, text: i64) -> bool {
        let may_hold = self.may_hold.as_ref();
        text > self.last || may_hold.is_none_or(|texts| texts.is_set(text))
    }
}

/// How many grams that all groups have in common are telling enough to ask for them alone.
const TELLING: usize = 8;

/// The grams of which a block must have those of one set: the sets of the groups or, where the groups differ in few
/// characters, what they have in common. A text with an `s` and a `k` is four texts when case is ignored.
fn asked(required: &Required) -> Vec<Vec<Gram>> {
    let sets: Vec<Vec<Gram>> = required
        .groups()
        .map(|group| {
            let mut grams: Vec<_> = group.flat_map(grams::of_text).collect();
            grams.sort_unstable();
            grams.dedup();
            grams
        })
        .collect();
    let Some((first, others)) = sets.split_first() else {
        return sets;
    };
    let mut common = first.clone();
    common.retain(|gram| others.iter().all(|set| set.binary_search(gram).is_ok()));
    if !others.is_empty() && common.iter().filter(|gram| gram.is_plain).count() >= TELLING {
        vec![common]
    } else {
        sets
    }
}

/// The first and last block that can hold events with these ids.
fn blocks_between(db: &Connection, first_id: i64, last_id: i64) -> Result<(i64, i64)> {
    db.query_row(
        "SELECT
            -- Blocks are numbered as they are closed, and of each class in order of their events.
            COALESCE((SELECT MIN(id) FROM (
                SELECT COALESCE((SELECT id FROM blocks WHERE class = c.class AND first_id <= ?1 ORDER BY first_id DESC LIMIT 1), 1) AS id
                FROM (SELECT DISTINCT class FROM blocks) AS c)), 1) AS first,
            COALESCE((SELECT MAX(id) FROM (
                SELECT (SELECT id FROM blocks WHERE class = c.class AND first_id <= ?2 ORDER BY first_id DESC LIMIT 1) AS id
                FROM (SELECT DISTINCT class FROM blocks) AS c)), 0) AS last",
        params![first_id, last_id],
        |row| Ok((row.get("first")?, row.get("last")?)),
    )
}

/// Opens the blocks that may hold a text with all of these grams. One part of all filters is gone through; of the blocks
/// that are left, the other parts are looked up.
fn open_group(
    reader: &Reader,
    filters: &Filters,
    grams: &[Gram],
    (first, last): (i64, i64),
    blocks: &mut Bits,
) -> Result<()> {
    let Reader { db, vault, .. } = reader;
    if grams.is_empty() {
        blocks.set_range(first, last);
        return Ok(());
    }
    // The part that tells most: every filter has the plain grams, whatever it covers.
    let plain_in = |part: usize| {
        let is_in = |gram: &&Gram| gram.part() == part && gram.is_plain;
        grams.iter().filter(is_in).count()
    };
    let scanned = (0..grams::PARTS)
        .max_by_key(|part| plain_in(*part))
        .unwrap_or(0);
    let mut scan = db.prepare(filters.scan)?;
    let mut look_up = db.prepare(filters.look_up)?;
    let mut rows = scan.query(params![scanned, first, last])?;
    let mut next = first;
    while let Some(row) = rows.next()? {
        let block: i64 = row.get("id")?;
        // Those between have no filter.
        blocks.set_range(next, block.saturating_sub(1));
        next = block.saturating_add(1);
        let covers_all = row.get::<_, u8>("covers")? == grams::Covers::All.code();
        let asked = || grams.iter().filter(|gram| covers_all || gram.is_plain);
        let in_part = |part: usize| asked().filter(move |gram| gram.part() == part);
        // A damaged filter says nothing.
        let holds = |row: &Row<'_>, part: usize| -> Result<bool> {
            let bits = row.get_ref("bits")?.as_blob()?;
            match vault.decrypt(Place::part(filters.column, block, part), bits) {
                Ok(bits) => Ok(in_part(part).all(|gram| gram.is_in(&bits))),
                Err(VaultError::Broken(_)) => Ok(true),
                Err(error) => Err(error.into()),
            }
        };
        if in_part(scanned).next().is_some() && !holds(row, scanned)? {
            continue;
        }
        let mut is_open = true;
        for part in (0..grams::PARTS).filter(|part| *part != scanned) {
            if in_part(part).next().is_none() {
                continue;
            }
            let mut found = look_up.query(params![part, block])?;
            let is_held = match found.next()? {
                Some(row) => holds(row, part)?,
                None => true,
            };
            if !is_held {
                is_open = false;
                break;
            }
        }
        if is_open {
            blocks.set(block);
        }
    }
    blocks.set_range(next, last);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touched(blocks: &[(i64, i64)]) -> OpenBlocks {
        let mut db = Connection::open_in_memory().unwrap();
        crate::store::migrate::climb(&mut db, std::path::Path::new("test")).unwrap();
        let mut open = OpenBlocks {
            is_everything: false,
            ..OpenBlocks::everything()
        };
        for (id, (first, last)) in (1_i64..).zip(blocks) {
            db.execute(
                "INSERT INTO blocks (id, class, first_id, last_id, part_bytes, raw_bytes, stored_bytes, codec, members)
                 VALUES (?1, 0, ?2, ?3, ?1, ?4, 1, 0, x'')",
                params![id, first, last, i64::MAX],
            )
            .unwrap();
            open.blocks.set(id);
        }
        open.touch_blocks(&db).unwrap();
        open
    }

    #[test]
    fn ranges_are_what_they_hold() {
        for (first, last) in [
            (0, 0),
            (0, 63),
            (63, 64),
            (3, 70),
            (64, 127),
            (1, 200),
            (9, 8),
            (-1, 5),
        ] {
            let (mut one_by_one, mut at_once) = (Bits::default(), Bits::default());
            one_by_one.set(100);
            at_once.set(100);
            if first >= 0 {
                (first..=last).for_each(|number| one_by_one.set(number));
            }
            at_once.set_range(first, last);
            assert!(
                one_by_one.numbers().eq(at_once.numbers()),
                "{first} to {last}"
            );
        }
    }

    #[test]
    fn events_of_open_blocks_are_touched() {
        let open = touched(&[(1, 2000), (5000, 5001)]);
        for (first, last, expected) in [
            (1, 1, true),
            (1990, 2100, true),
            (2600, 4000, false),
            (4900, 6000, true),
            (6000, 7000, false),
            (i64::MIN, -1, true),
            (6000, i64::MAX, true),
        ] {
            assert_eq!(open.touches(first, last), expected, "{first} to {last}");
        }
    }

    /// What a file that was made by hand claims: all of it is looked at, which costs no more than there is.
    #[test]
    fn blocks_that_no_file_has() {
        let widest = MAX_NUMBER * EVENTS_A_BIT;
        let many = vec![(0, widest); 10];
        for blocks in [
            [(-5, 3)].as_slice(),
            &[(9, 3)],
            &[(0, i64::MAX)],
            &[(0, widest + EVENTS_A_BIT)],
            &many,
        ] {
            assert!(touched(blocks).touches(1 << 40, 1 << 40), "{blocks:?}");
        }
        assert_eq!(touched(&[(1, 2), (3, 4), (5, 6)]).open_bytes, u64::MAX);
    }
}
