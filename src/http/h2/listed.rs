//! The parts of a listing, as `listing.rs` reads them; for those, too, who take a listing apart without its streams.

use super::quoted::{Unquoted, unquoted};

/// How much padding a frame can have, with the byte that says how much; its length counts it and the listing leaves it
/// out (RFC 9113, section 6.1).
pub(super) const PADDING_BYTES: usize = 256;

const FRAME: &[u8] = b"\nFrame Type\t=>\t";
pub(super) const MERGED: &[u8] = b"\nMerged Data Frame, ";

const FIELD: &[u8] = b"header field ";
const EQUALS: &[u8] = b" = ";

/// A number in a line.
pub(crate) fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Name and value of a line `header field "name" = "value"`; what must not be indexed is marked behind it
/// (`golang.org/x/net/http2/hpack`, `HeaderField.String`).
pub(super) fn field(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (name, quoted) = field_name(line)?;
    let (value, rest) = unquoted(quoted)?;
    is_field_end(rest).then_some((name, value))
}

/// The name in such a line, and the rest, with which the value begins.
fn field_name(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (name, rest) = unquoted(line.strip_prefix(FIELD)?)?;
    Some((name, rest.strip_prefix(EQUALS)?))
}

fn is_field_end(rest: &[u8]) -> bool {
    matches!(rest, b"" | b" (sensitive)")
}

/// The field of such a line, and where its value is.
#[derive(Debug)]
pub(crate) struct ListedField {
    pub(crate) name: Vec<u8>,
    pub(crate) value: Unquoted,
    /// Where in the line the value begins, with its quote.
    pub(crate) value_start: usize,
}

impl ListedField {
    /// What [`field`] reads.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        let (name, quoted) = field_name(line)?;
        let (value, rest) = Unquoted::new(quoted)?;
        is_field_end(rest).then_some(Self {
            name,
            value,
            value_start: line.len().saturating_sub(quoted.len()),
        })
    }
}

/// Where the data of a frame ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    /// After so many bytes.
    Bytes(usize),
    /// It is cut off, and all of what is left.
    Cut,
    /// What follows it is none of a listing.
    Broken,
}

/// Where in `rest`, which is all that is left of a listing, the data of a frame ends that says to have `length` bytes.
pub(crate) fn data(rest: &[u8], length: usize) -> Data {
    let free = length.saturating_sub(PADDING_BYTES).min(rest.len());
    let left = length.saturating_sub(free);
    let after = rest.get(free..).unwrap_or_default();
    let wanted = left.saturating_add(1).saturating_add(MERGED.len());
    let window = after.get(..wanted).unwrap_or(after);
    match end_of_data(window, left, true) {
        Some(end) => Data::Bytes(free.saturating_add(end)),
        None if window.len() > left => Data::Broken,
        None => Data::Cut,
    }
}

/// Where data ends that has at most `most` bytes: before a line break that another frame follows, or nothing.
pub(super) fn end_of_data(window: &[u8], most: usize, is_last: bool) -> Option<usize> {
    let ends_at = |place: usize| {
        let (_, after) = window.split_at_checked(place)?;
        let after = after.strip_prefix(b"\n")?;
        let is_end = after.is_empty() && is_last;
        (is_end || after.starts_with(FRAME) || after.starts_with(MERGED)).then_some(place)
    };
    ends_at(most).or_else(|| {
        memchr::memchr_iter(b'\n', window)
            .take_while(|place| *place < most)
            .find_map(ends_at)
    })
}
