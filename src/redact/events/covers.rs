//! What is to be covered in a piece of text.

use std::ops::Range;

/// Bytes that something of the same length is put in place of.
#[derive(Debug)]
struct Cover {
    start: usize,
    end: usize,
    text: Vec<u8>,
    /// Whether it is the beginning of a secret, and counts as one.
    is_beginning: bool,
}

/// The covers of a payload. Each has the length of what it covers, and what lies in two of them is covered once.
#[derive(Debug, Default)]
pub(super) struct Covers {
    list: Vec<Cover>,
    /// Where in the payload the text begins that is looked at.
    base: usize,
    hidden_bytes: u64,
}

impl Covers {
    /// What is added from now on counts its places from here.
    pub(super) fn set_base(&mut self, base: usize) {
        self.base = base;
    }

    /// Covers a range, as long as `text` is.
    pub(super) fn add(&mut self, range: &Range<usize>, text: Vec<u8>, is_beginning: bool) {
        if range.start < range.end {
            self.list.push(Cover {
                start: self.base + range.start,
                end: self.base + range.end,
                text,
                is_beginning,
            });
        }
    }

    /// Covers a range of the payload that cannot be looked into.
    pub(super) fn hide(&mut self, range: &Range<usize>) {
        let bytes = range.len();
        self.set_base(0);
        self.add(range, vec![b'*'; bytes], false);
        self.hidden_bytes += bytes as u64;
    }

    /// How many bytes cannot be looked into.
    pub(super) fn hidden_bytes(&self) -> u64 {
        self.hidden_bytes
    }

    /// Adds the covers of a text of this length that is written in another way, with escapes: `written` says where. A quote in
    /// what covers it is escaped.
    pub(super) fn add_written(
        &mut self,
        covers: Self,
        length: usize,
        written: &dyn Fn(&Range<usize>) -> Option<Range<usize>>,
    ) {
        for cover in covers.list {
            let range = cover.start..cover.end.min(length);
            if let Some(range) = written(&range) {
                let text = escaped(&cover.text, range.len());
                self.add(&range, text, cover.is_beginning);
            }
        }
    }

    /// Whether nothing is to be covered.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Puts everything in its place; how many secrets that are.
    pub(super) fn put(mut self, bytes: &mut [u8]) -> u64 {
        self.list
            .sort_by_key(|cover| (cover.start, std::cmp::Reverse(cover.end)));
        let (mut done, mut count) = (0, 0);
        for cover in &self.list {
            let is_within = cover.end <= done;
            count += u64::from(cover.is_beginning && !is_within);
            let start = cover.start.max(done);
            if let (Some(to), Some(from)) = (
                bytes.get_mut(start..cover.end),
                cover.text.get(start - cover.start..),
            ) && to.len() == from.len()
            {
                to.copy_from_slice(from);
                // Of an escape that lies in two, the first half is covered already.
                if let (Some(b'\\'), Some(first)) = (
                    start
                        .checked_sub(cover.start + 1)
                        .and_then(|at| cover.text.get(at)),
                    to.first_mut(),
                ) {
                    *first = b'*';
                }
                done = cover.end;
            }
        }
        count
    }
}

/// A cover with its quotes escaped, as long as this. Where there is no room for them it is a number, which needs none.
fn escaped(text: &[u8], length: usize) -> Vec<u8> {
    const QUOTE: &[u8] = b"\\\"";
    let (is_begun, rest) = match text.strip_prefix(b"\"") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (is_ended, rest) = match rest.strip_suffix(b"\"") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let quotes = QUOTE.len() * (usize::from(is_begun) + usize::from(is_ended));
    let Some(room) = length.checked_sub(quotes) else {
        let mut number = vec![b' '; length];
        number.splice(..length.min(1), *b"0");
        number.truncate(length);
        return number;
    };
    let quote = |is_there| if is_there { QUOTE } else { &[] };
    let mut cover = Vec::with_capacity(length);
    cover.extend_from_slice(quote(is_begun));
    cover.extend(
        rest.iter()
            .copied()
            .chain(std::iter::repeat(b'*'))
            .take(room),
    );
    cover.extend_from_slice(quote(is_ended));
    cover
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_escaped() {
        for (text, length, expected) in [
            ("abc", 3, "abc"),
            ("abc", 5, "abc**"),
            ("\"ab\"", 4, r#"\"\""#),
            ("\"ab\"", 6, r#"\"ab\""#),
            ("\"ab\"", 7, r#"\"ab*\""#),
            ("\"\"", 2, "0 "),
            ("\"", 1, "0"),
            ("\"abc", 4, r#"\"ab"#),
        ] {
            let found = escaped(text.as_bytes(), length);
            assert_eq!(String::from_utf8(found).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_lies_in_two_is_covered_once() {
        let mut covers = Covers::default();
        covers.add(&(4..6), b"ee".to_vec(), true);
        covers.add(&(1..4), b"abc".to_vec(), true);
        covers.set_base(1);
        covers.add(&(0..2), b"xy".to_vec(), true);
        covers.add(&(2..4), b"zz".to_vec(), false);
        covers.add(&(3..3), Vec::new(), true);
        let mut bytes = *b"0123456789";
        assert_eq!(covers.put(&mut bytes), 2);
        assert_eq!(&bytes, b"0abcze6789");
    }
}
