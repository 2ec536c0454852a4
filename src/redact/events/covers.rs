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
                done = cover.end;
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
