//! The hex dumps that eCapture writes: reading them back, and writing them line by line.

use std::io::{self, Write};
use std::iter;

/// A way to write bytes as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dump {
    /// Go's `encoding/hex.Dump`: 16 bytes a line (`pkg/event_processor/iparser.go:129@v1.5.2` uses it).
    Go,
    /// openssl's own in 2.x: 32 bytes a line, in groups of 8, capital digits
    /// (internal/probe/openssl/event.go:198-212@v2.5.1).
    Openssl,
}

/// Bytes that stand together in a line; every line has room for some of these groups.
const GROUP: usize = 8;

/// The most digits of an offset. A line is built behind as many, so that every column has its place however many
/// there are.
const OFFSET: usize = 16;

/// Room for the longest line, openssl's.
const LINE: usize = OFFSET + 107;

impl Dump {
    fn line_bytes(self) -> usize {
        self.groups().len() * GROUP
    }

    /// The first column of each group, counted from behind the offset.
    fn groups(self) -> &'static [usize] {
        match self {
            Self::Go => &[2, 27],
            Self::Openssl => &[2, 19, 37, 54],
        }
    }

    /// The columns from one byte of a group to the next.
    fn step(self) -> usize {
        match self {
            Self::Go => 3,
            Self::Openssl => 2,
        }
    }

    /// The digits that an offset has at least.
    fn least_digits(self) -> usize {
        match self {
            Self::Go => 8,
            Self::Openssl => 4,
        }
    }

    /// The column of the text in a line of `count` bytes. Where openssl has no byte it writes one blank, not two, so
    /// that its text moves.
    fn text_column(self, count: usize) -> usize {
        match self {
            Self::Go => 53,
            Self::Openssl => 42 + count,
        }
    }

    /// Writes the dump of `bytes`.
    pub(super) fn write(self, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Go => self.write_lines::<16, 3>(bytes, out, &LOWER),
            Self::Openssl => self.write_lines::<32, 2>(bytes, out, &UPPER),
        }
    }

    fn write_lines<const BYTES: usize, const STEP: usize>(
        self,
        bytes: &[u8],
        out: &mut impl Write,
        digits: &Pairs,
    ) -> io::Result<()> {
        let mut line = Line::new(self);
        let mut offset = 0_usize;
        let (full, rest) = bytes.as_chunks::<BYTES>();
        for chunk in full {
            line.fill::<STEP>(offset, chunk, digits);
            out.write_all(line.written(offset))?;
            offset = offset.saturating_add(BYTES);
        }
        if rest.is_empty() {
            return Ok(());
        }
        let mut chunk = [0; BYTES];
        for (slot, byte) in chunk.iter_mut().zip(rest) {
            *slot = *byte;
        }
        line.fill::<STEP>(offset, &chunk, digits);
        line.cut(rest);
        out.write_all(line.written(offset))
    }

    /// The size of the dump of `bytes` bytes.
    pub(super) fn size(self, bytes: usize) -> usize {
        let lines = bytes.div_ceil(self.line_bytes());
        let beside = match self {
            Self::Go => 52 + 3,
            Self::Openssl => 6 + 32 + 4 + 32 + 1,
        };
        let least = self.least_digits();
        // From offset 16^n on, a line has a digit more than n.
        let further: usize = iter::successors(Some(1_usize), |offset| offset.checked_mul(16))
            .skip(least)
            .map(|offset| lines.saturating_sub(offset / self.line_bytes()))
            .sum();
        lines
            .saturating_mul(least + beside)
            .saturating_add(further)
            .saturating_add(bytes)
    }

    /// Reads a dump of `count` bytes, or of as many as there are. `None` if `text` is no dump at all; what this accepts
    /// is compared with its own dump afterwards, so that only positions are looked at here.
    pub(super) fn read(self, text: &[u8], count: Option<usize>) -> Option<Vec<u8>> {
        match self {
            Self::Go => self.read_lines::<16, 3>(text, count),
            Self::Openssl => self.read_lines::<32, 2>(text, count),
        }
    }

    fn read_lines<const BYTES: usize, const STEP: usize>(
        self,
        text: &[u8],
        count: Option<usize>,
    ) -> Option<Vec<u8>> {
        let room = count.unwrap_or(usize::MAX).min(text.len() / 2);
        let mut bytes = Vec::with_capacity(room.min(text.len() / 3));
        let mut rest = text;
        while !rest.is_empty() {
            let width = offset_digits(bytes.len(), self.least_digits());
            let end = memchr::memchr(b'\n', rest.get(width..)?)?.checked_add(width)?;
            // The text column of openssl's dump cannot hold a newline, and neither can Go's.
            let line = rest.get(width..end)?;
            rest = rest.get(end.checked_add(1)?..)?;
            let wanted = match (self, count) {
                (_, Some(count)) => count.checked_sub(bytes.len())?.min(BYTES),
                // `|`, one character for each byte, `|`, after 52 columns.
                (Self::Go, None) => line.len().checked_sub(54)?,
                (Self::Openssl, None) => return None,
            };
            if !(1..=BYTES).contains(&wanted) {
                return None;
            }
            if wanted == BYTES
                && let Some(full) = self.full_line::<BYTES, STEP>(line)
            {
                bytes.extend_from_slice(&full);
                continue;
            }
            for place in 0..wanted {
                let group = self.groups().get(place / GROUP)?;
                let column = group + place % GROUP * self.step();
                bytes.push(pair(*line.get(column..)?.first_chunk()?)?);
            }
        }
        count
            .is_none_or(|count| count == bytes.len())
            .then_some(bytes)
    }

    /// Reads a line of as many bytes as fit in one; `None` if it lacks a column or a digit.
    fn full_line<const BYTES: usize, const STEP: usize>(self, line: &[u8]) -> Option<[u8; BYTES]> {
        let mut bytes = [0; BYTES];
        let mut found = 0;
        let (groups, _) = bytes.as_chunks_mut::<GROUP>();
        for (group, start) in groups.iter_mut().zip(self.groups()) {
            let columns = line.get(*start..start + GROUP * STEP)?;
            for (byte, column) in group.iter_mut().zip(columns.as_chunks::<STEP>().0) {
                let both = decoded(*column.first_chunk()?);
                found |= both;
                [*byte, _] = both.to_le_bytes();
            }
        }
        (found <= 0xff).then_some(bytes)
    }
}

/// Writes `bytes` as lower-case hex digits (Go's `%x`).
pub(super) fn write_digits(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    let mut line = [[0; 2]; 64];
    for chunk in bytes.chunks(line.len()) {
        for (slot, byte) in line.iter_mut().zip(chunk) {
            *slot = digits_of(*byte, &LOWER);
        }
        let written = line.get(..chunk.len()).unwrap_or_default();
        out.write_all(written.as_flattened())?;
    }
    Ok(())
}

/// Reads hex digits.
pub(super) fn read_digits(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    let mut found = 0;
    let bytes = pairs
        .iter()
        .map(|digits| {
            let both = decoded(*digits);
            found |= both;
            let [byte, _] = both.to_le_bytes();
            byte
        })
        .collect();
    (found <= 0xff).then_some(bytes)
}

/// What two characters are as hex digits; more than a byte if one of them is none.
fn decoded([high, low]: [u8; 2]) -> u16 {
    let value = |digit| VALUES.get(usize::from(digit)).copied().unwrap_or(NO_DIGIT);
    (value(high) << 4) | value(low)
}

fn pair(digits: [u8; 2]) -> Option<u8> {
    u8::try_from(decoded(digits)).ok()
}

/// The two digits of every byte.
type Pairs = [[u8; 2]; 256];

static LOWER: Pairs = pairs(b'a');
static UPPER: Pairs = pairs(b'A');

/// The value of every digit, `NO_DIGIT` for all other characters.
static VALUES: [u16; 256] = values();

const NO_DIGIT: u16 = 0x100;

const fn pairs(ten: u8) -> Pairs {
    const fn digit(value: u8, ten: u8) -> u8 {
        match value {
            0..10 => b'0' + value,
            _ => ten + (value - 10),
        }
    }
    let mut pairs = [[0; 2]; 256];
    let mut rest = pairs.as_mut_slice();
    let mut byte = 0_u8;
    while let Some((pair, others)) = rest.split_first_mut() {
        *pair = [digit(byte >> 4, ten), digit(byte & 15, ten)];
        byte = byte.wrapping_add(1);
        rest = others;
    }
    pairs
}

const fn values() -> [u16; 256] {
    let mut values = [NO_DIGIT; 256];
    let mut rest = values.as_mut_slice();
    let mut char = 0_u8;
    while let Some((value, others)) = rest.split_first_mut() {
        *value = match char {
            b'0'..=b'9' => (char - b'0') as u16,
            b'a'..=b'f' => (char - b'a' + 10) as u16,
            b'A'..=b'F' => (char - b'A' + 10) as u16,
            _ => NO_DIGIT,
        };
        char = char.wrapping_add(1);
        rest = others;
    }
    values
}

fn digits_of(byte: u8, digits: &Pairs) -> [u8; 2] {
    digits.get(usize::from(byte)).copied().unwrap_or_default()
}

fn printable(byte: u8) -> u8 {
    if (32..=126).contains(&byte) {
        byte
    } else {
        b'.'
    }
}

/// How many hex digits an offset takes, at least `least`.
fn offset_digits(offset: usize, least: usize) -> usize {
    let bits = usize::BITS.saturating_sub(offset.leading_zeros());
    usize::try_from(bits.div_ceil(4)).map_or(least, |digits| digits.max(least))
}

/// A line being written: `OFFSET` digits, of which the last ones count, and the columns. What no line changes is there
/// from the start.
struct Line {
    bytes: [u8; LINE],
    dump: Dump,
    /// Where the line ends.
    end: usize,
}

impl Line {
    fn new(dump: Dump) -> Self {
        let mut line = Self {
            bytes: [b' '; LINE],
            dump,
            end: 0,
        };
        if dump == Dump::Go {
            line.put(52, b"|");
        }
        line.finish(dump.line_bytes());
        line
    }

    /// Writes what stands behind the text of `count` bytes.
    fn finish(&mut self, count: usize) {
        let text = self.dump.text_column(count);
        let (column, last): (_, &[u8]) = match self.dump {
            Dump::Go => (text + count, b"|\n"),
            Dump::Openssl => (text + self.dump.line_bytes(), b"\n"),
        };
        self.put(column, last);
        self.end = OFFSET + column + last.len();
    }

    fn put(&mut self, column: usize, text: &[u8]) {
        let slots = self.bytes.iter_mut().skip(OFFSET + column);
        for (slot, byte) in slots.zip(text) {
            *slot = *byte;
        }
    }

    /// Writes the offset, the digits and the text of a full line.
    fn fill<const STEP: usize>(&mut self, offset: usize, chunk: &[u8], digits: &Pairs) {
        let Some((head, line)) = self.bytes.split_first_chunk_mut::<OFFSET>() else {
            return;
        };
        let offset = u64::try_from(offset).unwrap_or(u64::MAX).to_be_bytes();
        for (slot, byte) in head.as_chunks_mut::<2>().0.iter_mut().zip(offset) {
            *slot = digits_of(byte, digits);
        }
        let (groups, _) = chunk.as_chunks::<GROUP>();
        for (group, start) in groups.iter().zip(self.dump.groups()) {
            let columns = line.get_mut(*start..start + GROUP * STEP);
            let (columns, _) = columns.unwrap_or_default().as_chunks_mut::<STEP>();
            for (column, byte) in columns.iter_mut().zip(group) {
                if let Some(slot) = column.first_chunk_mut() {
                    *slot = digits_of(*byte, digits);
                }
            }
        }
        let text = self.dump.text_column(chunk.len());
        let text = line.get_mut(text..text + chunk.len()).unwrap_or_default();
        for (slot, byte) in text.iter_mut().zip(chunk) {
            *slot = printable(*byte);
        }
    }

    /// Makes of a full line one of the bytes that are left; it is the last one.
    fn cut(&mut self, rest: &[u8]) {
        let count = rest.len();
        let group = self.dump.groups().get(count / GROUP).copied();
        let blank = group.unwrap_or(0) + count % GROUP * self.dump.step();
        let text = self.dump.text_column(count);
        let edge = if self.dump == Dump::Go {
            text - 1
        } else {
            text
        };
        let columns = self.bytes.get_mut(OFFSET..).unwrap_or_default();
        if let Some(columns) = columns.get_mut(blank..edge) {
            columns.fill(b' ');
        }
        if let Some(columns) = columns.get_mut(text..) {
            columns.fill(b' ');
        }
        for (slot, byte) in columns.iter_mut().skip(text).zip(rest) {
            *slot = printable(*byte);
        }
        self.finish(count);
    }

    /// The line, from the digits of its offset that are written.
    fn written(&self, offset: usize) -> &[u8] {
        let start = OFFSET.saturating_sub(offset_digits(offset, self.dump.least_digits()));
        self.bytes.get(start..self.end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn dumped(dump: Dump, bytes: &[u8]) -> String {
        let mut text = Vec::new();
        dump.write(bytes, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn as_go_and_ecapture_write_it() {
        assert_eq!(
            dumped(Dump::Go, b"\x16\xff\xff\xff\xff\xffABCDEFGHIJKLMNOP"),
            "00000000  16 ff ff ff ff ff 41 42  43 44 45 46 47 48 49 4a  |......ABCDEFGHIJ|\n\
             00000010  4b 4c 4d 4e 4f 50                                 |KLMNOP|\n"
        );
        assert_eq!(
            dumped(
                Dump::Openssl,
                b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n"
            ),
            "0000  485454502F312E31 20323030204F4B0D  0A436F6E74656E74 2D4C656E6774683A    HTTP/1.1 200 OK..Content-Length:\n\
             0020  20330D0A0D0A6869 0A                               3....hi.                       \n"
        );
        let mut digits = Vec::new();
        write_digits(b"\x00\xabz", &mut digits).unwrap();
        assert_eq!(digits, b"00ab7a");
    }

    /// The dump as the two formats are described, byte by byte.
    fn described(dump: Dump, bytes: &[u8]) -> String {
        let mut text = String::new();
        for (number, chunk) in bytes.chunks(dump.line_bytes()).enumerate() {
            let offset = number * dump.line_bytes();
            let byte = |place: usize| chunk.get(place).copied();
            let chars = chunk.iter().map(|byte| char::from(printable(*byte)));
            let chars = chars.collect::<String>();
            match dump {
                Dump::Go => {
                    write!(text, "{offset:08x} ").unwrap();
                    for place in 0..16 {
                        text.push_str(if place % 8 == 0 { " " } else { "" });
                        match byte(place) {
                            Some(byte) => write!(text, "{byte:02x} ").unwrap(),
                            None => text.push_str("   "),
                        }
                    }
                    writeln!(text, " |{chars}|").unwrap();
                }
                Dump::Openssl => {
                    write!(text, "{offset:04X}").unwrap();
                    for place in 0..32 {
                        text.push_str(match place % 16 {
                            0 => "  ",
                            8 => " ",
                            _ => "",
                        });
                        match byte(place) {
                            Some(byte) => write!(text, "{byte:02X}").unwrap(),
                            None => text.push(' '),
                        }
                    }
                    writeln!(text, "    {chars:32}").unwrap();
                }
            }
        }
        text
    }

    #[test]
    fn lines_end_everywhere() {
        let bytes: Vec<u8> = (0..=48).map(|at: u8| at.wrapping_mul(37) ^ 0x5a).collect();
        for length in 0..=48 {
            let bytes = &bytes[..length];
            for dump in [Dump::Go, Dump::Openssl] {
                let text = dumped(dump, bytes);
                assert_eq!(text, described(dump, bytes), "{length}");
                assert_eq!(text.len(), dump.size(length), "{length}");
                assert_eq!(
                    dump.read(text.as_bytes(), Some(length)).as_deref(),
                    Some(bytes)
                );
                // One that is cut short is none of that many bytes, whatever it ends in.
                for cut in 0..text.len() {
                    assert_eq!(
                        dump.read(&text.as_bytes()[..cut], Some(length)),
                        None,
                        "{length} {cut}"
                    );
                }
            }
            assert_eq!(
                Dump::Go
                    .read(dumped(Dump::Go, bytes).as_bytes(), None)
                    .as_deref(),
                Some(bytes)
            );
            let mut digits = Vec::new();
            write_digits(bytes, &mut digits).unwrap();
            let mut expected = String::new();
            for byte in bytes {
                write!(expected, "{byte:02x}").unwrap();
            }
            assert_eq!(digits, expected.as_bytes());
            assert_eq!(read_digits(&digits).as_deref(), Some(bytes));
        }
    }

    /// Capital digits and small ones are read alike, and every other character is no digit, wherever it stands.
    #[test]
    fn only_digits_are_digits() {
        for char in 0..=u8::MAX {
            let value = char::from(char)
                .to_digit(16)
                .map(|value| u8::try_from(value).unwrap());
            assert_eq!(read_digits(&[b'0', char]), value.map(|value| vec![value]));
            assert_eq!(
                read_digits(&[char, b'1']),
                value.map(|value| vec![value << 4 | 1])
            );
        }
        for dump in [Dump::Go, Dump::Openssl] {
            let text = dumped(dump, &[0xab; 32]).into_bytes();
            for group in dump.groups() {
                for place in 0..GROUP {
                    for digit in 0..2 {
                        let mut other = text.clone();
                        other[dump.least_digits() + group + place * dump.step() + digit] = b'g';
                        assert_eq!(dump.read(&other, Some(32)), None, "{group} {place}");
                    }
                }
            }
        }
    }

    #[test]
    fn other_text_is_no_dump() {
        for text in [
            "x",
            "00000000",
            "00000000  zz",
            "\n",
            "00000000  16 ff  |..|\n",
        ] {
            assert_eq!(Dump::Go.read(text.as_bytes(), None), None, "{text}");
        }
        assert_eq!(Dump::Openssl.read(b"0000  41\n", Some(2)), None);
        assert_eq!(read_digits(b"0"), None);
        assert_eq!(read_digits(b"0g"), None);
    }

    proptest! {
        #[test]
        fn round_trips(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for dump in [Dump::Go, Dump::Openssl] {
                let text = dumped(dump, &bytes);
                prop_assert_eq!(&text, &described(dump, &bytes));
                prop_assert_eq!(text.len(), dump.size(bytes.len()));
                prop_assert_eq!(dump.read(text.as_bytes(), Some(bytes.len())), Some(bytes.clone()));
            }
            let text = dumped(Dump::Go, &bytes);
            prop_assert_eq!(Dump::Go.read(text.as_bytes(), None), Some(bytes.clone()));
            let mut digits = Vec::new();
            write_digits(&bytes, &mut digits).unwrap();
            prop_assert_eq!(read_digits(&digits), Some(bytes));
        }

        #[test]
        fn long_dumps_round_trip(length in 65_500_usize..65_700) {
            let bytes = vec![b'x'; length];
            let text = dumped(Dump::Openssl, &bytes);
            prop_assert_eq!(&text, &described(Dump::Openssl, &bytes));
            prop_assert_eq!(text.len(), Dump::Openssl.size(length));
            prop_assert_eq!(Dump::Openssl.read(text.as_bytes(), Some(length)), Some(bytes));
        }
    }
}
