//! The search filter of a block: which grams the searched text of its events has.
//!
//! A *gram* is four neighboring bytes, ASCII letters in lower case. A text can only be in a block whose filter has every
//! gram of it. The filter is 32 bitmaps, each a power of two long: a hash of the gram says which bitmap, and which bit of it.
//! Bitmaps are made at their largest size and folded in half as long as few enough of their bits are set.
//!
//! Searched is, of each event: its payload, together with the last [`CROSSING_BYTES`] before it in its stream, so that a
//! text which crosses from one event into the next is in the filter of the block where it ends; and its HTTP body,
//! decoded as far as it can be.
//!
//! Random bytes have too many grams for that. Of a block that is full of them only the grams of *plain* bytes are
//! taken: ASCII text, and the bytes of the two other characters that are equal to an ASCII letter when case is ignored
//! (U+017F and U+212A). Among random bytes those are few, and yet any text of such bytes is found.

use rusqlite::{Connection, params};

use super::vault::{Column, Place, Vault};
use crate::http::body::{self, Defect, MAX_DECODED_BYTES, State};

/// How many bytes of the stream before an event are taken into its block's filter.
pub(super) const CROSSING_BYTES: usize = 64;

/// How many bytes at the end of a text are looked up: all of them are before or in the event in which the text ends.
pub(super) const LOOKED_UP_BYTES: usize = CROSSING_BYTES + 1;

/// How long a gram is.
const GRAM_BYTES: usize = 4;

/// How many parts a filter has.
pub(super) const PARTS: usize = 32;

/// How many words of 64 bits a part has before it is folded: 4 KiB. What is stored is at most 512 bytes, as the largest
/// filter of a block is 1/16 of it: a row of more than some 1000 bytes would take a page of its own.
const PART_WORDS: usize = 512;

/// The share of set bits, in percent, up to which a part is folded.
const FULL_PERCENT: u64 = 60;

/// The part of a block's bytes, as its divisor, above which a filter of all grams is too large.
const TOO_LARGE: usize = 16;

/// Which grams a filter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Covers {
    /// Every gram.
    All,
    /// Those of plain bytes.
    Plain,
}

impl Covers {
    /// The number that stands for it in a capture file.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::All => 1,
            Self::Plain => 2,
        }
    }

    /// Its name in the table `names`.
    #[cfg(test)]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Plain => "plain",
        }
    }
}

/// A hashed gram: the part that it belongs to, and its bit there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gram {
    hash: u32,
    /// Whether its bytes are all plain.
    pub(super) is_plain: bool,
}

impl Gram {
    /// The part of a filter that it is in.
    pub(super) fn part(self) -> usize {
        self.hash as usize >> 15
    }

    /// Whether the bit for it is set in a bitmap of its part, however far that is folded.
    pub(super) fn is_in(self, bits: &[u8]) -> bool {
        let mask = (bits.len() * 8).wrapping_sub(1);
        let bit = self.hash as usize & 0x7fff & mask;
        bits.get(bit / 8)
            .is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    }
}

/// 20 bits: five for the part and fifteen for the place in it.
fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9e37_79b1) >> 12
}

const fn is_plain(byte: u8) -> bool {
    matches!(
        byte,
        0x20..=0x7e | b'\t' | b'\r' | b'\n' | 0xc5 | 0xbf | 0xe2 | 0x84 | 0xaa
    )
}

/// Every byte in lower case, and 1 where it is not plain.
static FOLDED: [(u8, u8); 256] = {
    let mut table = [(0, 0); 256];
    let mut rest: &mut [(u8, u8)] = &mut table;
    let mut byte = 0_u8;
    while let Some((entry, behind)) = rest.split_first_mut() {
        *entry = (byte.to_ascii_lowercase(), !is_plain(byte) as u8);
        rest = behind;
        byte = byte.wrapping_add(1);
    }
    table
};

/// The grams of the end of a text.
pub(super) fn of_text(text: &[u8]) -> Vec<Gram> {
    let start = text.len().saturating_sub(LOOKED_UP_BYTES);
    let mut grams: Vec<_> = text
        .get(start..)
        .unwrap_or_default()
        .windows(GRAM_BYTES)
        .map(|bytes| {
            let gram = bytes.iter().fold(0_u32, |gram, byte| {
                gram << 8 | u32::from(byte.to_ascii_lowercase())
            });
            Gram {
                hash: hash(gram),
                is_plain: bytes.iter().all(|byte| is_plain(*byte)),
            }
        })
        .collect();
    grams.sort_unstable();
    grams.dedup();
    grams
}

/// One event in a block.
pub(super) struct Searched<'a> {
    /// The event.
    pub(super) id: i64,
    /// The last bytes before it in its stream, at most [`CROSSING_BYTES`].
    pub(super) before: &'a [u8],
    /// Its payload.
    pub(super) payload: &'a [u8],
}

/// A filter that is ready to be stored.
#[derive(Debug)]
pub(super) struct Filter {
    /// Which grams it has.
    pub(super) covers: Covers,
    /// Its parts.
    pub(super) parts: Vec<Vec<u8>>,
    /// Events with a body that could not be decoded, or not to its end.
    pub(super) undecoded: Vec<(i64, Defect)>,
}

impl Filter {
    /// Stores the filter of this block.
    pub(super) fn store(&self, db: &Connection, vault: &Vault, block: i64) -> rusqlite::Result<()> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO grams (part, block_id, covers, bits) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (part, bits) in self.parts.iter().enumerate() {
            let bits = vault.encrypt(Place::part(Column::Grams, block, part), bits)?;
            insert.execute(params![part, block, self.covers.code(), bits])?;
        }
        store_undecoded(db, &self.undecoded)
    }
}

/// Notes events with a body that could not be decoded, or not to its end.
pub(super) fn store_undecoded(db: &Connection, events: &[(i64, Defect)]) -> rusqlite::Result<()> {
    let mut insert =
        db.prepare_cached("INSERT OR REPLACE INTO undecoded (event_id, defect) VALUES (?1, ?2)")?;
    for (event, defect) in events {
        insert.execute(params![event, defect.code()])?;
    }
    Ok(())
}

/// Notes events that a search looks at whatever the filter of their block says.
pub(super) fn add_junction(db: &Connection, event: i64) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO junctions (event_id) VALUES (?1)")?
        .execute([event])?;
    Ok(())
}

/// Makes filters, one after another.
pub(super) struct FilterMaker {
    bits: Vec<u64>,
}

impl FilterMaker {
    pub(super) fn new() -> Self {
        Self {
            bits: vec![0; PARTS * PART_WORDS],
        }
    }

    /// The filter of a block of these events.
    pub(super) fn make(&mut self, events: &[Searched<'_>]) -> Filter {
        let raw_bytes: usize = events.iter().map(|event| event.payload.len()).sum();
        let undecoded = self.add(events, false);
        let parts = self.folded();
        let largest = (raw_bytes / TOO_LARGE).max(PARTS * 8);
        if parts.iter().map(Vec::len).sum::<usize>() <= largest {
            return Filter {
                covers: Covers::All,
                parts,
                undecoded,
            };
        }
        self.add(events, true);
        Filter {
            covers: Covers::Plain,
            parts: self.folded(),
            undecoded,
        }
    }

    /// Sets the bits of the events' grams, or of the plain ones alone, and no others.
    fn add(&mut self, events: &[Searched<'_>], only_plain: bool) -> Vec<(i64, Defect)> {
        self.bits.fill(0);
        let mut undecoded = Vec::new();
        for event in events {
            let mut window = Window::default();
            self.add_text(&mut window, event.before, only_plain);
            self.add_text(&mut window, event.payload, only_plain);
            if !body::needs_decoding(event.payload) {
                continue;
            }
            let Some(body) = body::body(event.payload, MAX_DECODED_BYTES) else {
                continue;
            };
            if body.state != State::AsSent {
                self.add_text(&mut Window::default(), &body.bytes, only_plain);
            }
            if let State::Partial(defect) = body.state {
                undecoded.push((event.id, defect));
            }
        }
        undecoded
    }

    fn add_text(&mut self, window: &mut Window, text: &[u8], only_plain: bool) {
        for byte in text {
            let (folded, is_odd) = FOLDED.get(usize::from(*byte)).copied().unwrap_or((0, 1));
            window.gram = window.gram << 8 | u32::from(folded);
            window.odd = window.odd << 1 | u32::from(is_odd);
            window.length += 1;
            if window.length >= GRAM_BYTES && !(only_plain && window.odd & 0xf != 0) {
                let bit = hash(window.gram);
                if let Some(word) = self.bits.get_mut(bit as usize / 64) {
                    *word |= 1 << (bit % 64);
                }
            }
        }
    }

    /// The parts, folded as far as they may be.
    fn folded(&self) -> Vec<Vec<u8>> {
        self.bits
            .chunks(PART_WORDS)
            .map(|part| {
                let mut words = part.to_vec();
                while words.len() > 1 {
                    let (low, high) = words.split_at(words.len() / 2);
                    let half: Vec<u64> =
                        low.iter().zip(high).map(|(low, high)| low | high).collect();
                    let set: u32 = half.iter().map(|word| word.count_ones()).sum();
                    let bits = half.len() as u64 * 64;
                    if u64::from(set) * 100 > bits * FULL_PERCENT {
                        break;
                    }
                    words = half;
                }
                words.iter().flat_map(|word| word.to_le_bytes()).collect()
            })
            .collect()
    }
}

/// The last bytes that were read, as a gram to be.
#[derive(Default)]
struct Window {
    gram: u32,
    /// A bit for each byte that is not plain.
    odd: u32,
    length: usize,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filter(payloads: &[&[u8]]) -> Filter {
        let events: Vec<_> = (1..)
            .zip(payloads)
            .map(|(id, payload)| Searched {
                id,
                before: b"",
                payload,
            })
            .collect();
        FilterMaker::new().make(&events)
    }

    fn holds(filter: &Filter, text: &[u8]) -> bool {
        of_text(text)
            .iter()
            .filter(|gram| filter.covers == Covers::All || gram.is_plain)
            .all(|gram| gram.is_in(&filter.parts[gram.part()]))
    }

    proptest! {
        #[test]
        fn every_text_of_an_event_is_held(
            payload in proptest::collection::vec(any::<u8>(), 1..20_000),
            repeat in 1_usize..20,
            at in any::<prop::sample::Index>(),
            length in 1_usize..200,
        ) {
            let payload = payload.repeat(repeat);
            let filter = filter(&[&payload]);
            let start = at.index(payload.len());
            let text = &payload[start..payload.len().min(start + length)];
            prop_assert!(holds(&filter, text));
            prop_assert!(holds(&filter, &text.to_ascii_uppercase()));
        }
    }

    #[test]
    fn text_before_and_decoded_bodies_are_held() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsecr\r\n2\r\net\r\n0\r\n\r\n";
        let filter = FilterMaker::new().make(&[
            Searched {
                id: 7,
                before: b"GET /pass",
                payload: b"word HTTP/1.1",
            },
            Searched {
                id: 8,
                before: b"",
                payload: chunked,
            },
        ]);
        for text in ["password", "secret", "chunked", "PASSword http"] {
            assert!(holds(&filter, text.as_bytes()), "{text}");
        }
        for text in ["passwort", "no such text"] {
            assert!(!holds(&filter, text.as_bytes()), "{text}");
        }
        assert!(filter.undecoded.is_empty());
        let cut = FilterMaker::new().make(&[Searched {
            id: 9,
            before: b"",
            payload: &chunked[..60],
        }]);
        assert_eq!(cut.undecoded, [(9, Defect::CutOff)]);
    }

    #[test]
    fn random_bytes_take_little_room() {
        let mut state = 1_u64;
        let random: Vec<u8> = (0..256 * 1024)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        let mut payload = random;
        payload[1000..1030].copy_from_slice(b"a token among the random bytes");
        let filter = filter(&[&payload]);
        assert_eq!(filter.covers, Covers::Plain);
        assert!(holds(&filter, b"a token among the random bytes"));
        assert!(!holds(&filter, b"another token that is not there"));
        assert!(filter.parts.iter().map(Vec::len).sum::<usize>() <= payload.len() / 100);
    }

    #[test]
    fn the_two_odd_letters_are_plain() {
        for character in ["\u{17f}", "\u{212a}"] {
            assert!(character.bytes().all(is_plain), "{character}");
        }
        assert!(!is_plain(0xc3) && !is_plain(0));
    }
}
