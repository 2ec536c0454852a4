//! Payload blocks: which class a payload belongs to, how payloads are put together, and the list of members.
//!
//! A block is a run of payloads of one class, concatenated in order of arrival and compressed as one zstd frame with a
//! checksum, or stored as it is where that saves less than 5 %. Blocks of one class do not overlap: the block of an
//! event is the one of its class with the largest `first_id` that is not above the event's id.
//!
//! Members are listed in order of id as unsigned LEB128 numbers. Two a member: the id less the one before (the first:
//! less the block's `first_id`), and twice the length. Where bytes were skipped since the end of the one before, because
//! members were removed, the second number is one more, and how many bytes follows as a third. A payload of the class
//! `large` is cut into parts of at most [`PART_BYTES`], each a block of its own.

use super::varint;
use crate::event::Content;

/// A block is closed when it holds this many bytes, before compression.
pub(super) const TARGET_BYTES: usize = 256 * 1024;

/// Larger payloads than [`TARGET_BYTES`] are cut into parts of this many bytes.
pub(super) const PART_BYTES: usize = 1024 * 1024;

/// No block is larger than this before compression; one that claims to be is damaged.
pub(super) const MAX_RAW_BYTES: usize = PART_BYTES;

/// zstd's level: with the classes apart, level 1 is as small as level 3 without, at half the time.
const LEVEL: i32 = 1;

/// Which payloads share blocks. Random bytes among text would spoil the compression of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// HTTP/1 requests.
    Requests,
    /// HTTP/1 responses and other text.
    Text,
    /// Everything else.
    Binary,
    /// Payloads above [`TARGET_BYTES`], whatever they hold.
    Large,
}

impl Class {
    /// Every class.
    #[cfg(test)]
    pub(super) const ALL: [Self; 4] = [Self::Requests, Self::Text, Self::Binary, Self::Large];

    /// The class of a payload; an empty one is in no block. This is part of the file format.
    pub(super) fn of(content: Content, payload_bytes: u64) -> Option<Self> {
        if payload_bytes == 0 {
            return None;
        }
        if usize::try_from(payload_bytes).map_or(true, |bytes| bytes > TARGET_BYTES) {
            return Some(Self::Large);
        }
        Some(match content {
            Content::Http1Request => Self::Requests,
            Content::Http1Response | Content::Text | Content::Http2Listing | Content::Empty => {
                Self::Text
            }
            Content::Http2Preface | Content::Http2Frames | Content::Binary => Self::Binary,
        })
    }

    /// The number that stands for it in a capture file.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Requests => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Large => 3,
        }
    }

    /// Its name in the table `names`.
    #[cfg(test)]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Large => "large",
        }
    }
}

/// One payload (or part of one) in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    /// The event.
    pub(super) id: i64,
    /// Where it begins in the block, in bytes.
    pub(super) offset: usize,
    /// How long it is, in bytes.
    pub(super) length: usize,
}

/// How a block's bytes are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Codec {
    /// As they are.
    Stored,
    /// One zstd frame.
    Zstd,
}

impl Codec {
    /// The number that stands for it in a capture file.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Stored => 0,
            Self::Zstd => 1,
        }
    }

    /// The codec that `code` stands for.
    pub(super) fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Stored),
            1 => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Writes the list of members.
pub(super) fn encode_members(first_id: i64, members: &[Member]) -> Vec<u8> {
    let mut out = Vec::with_capacity(members.len() * 4);
    let (mut id, mut end) = (first_id, 0);
    for member in members {
        varint::push(&mut out, u64::try_from(member.id - id).unwrap_or(0));
        let skipped = member.offset.saturating_sub(end) as u64;
        varint::push(&mut out, 2 * member.length as u64 + u64::from(skipped > 0));
        if skipped > 0 {
            varint::push(&mut out, skipped);
        }
        id = member.id;
        end = member.offset + member.length;
    }
    out
}

/// Reads the list of members; `None` if it is damaged.
pub(super) fn decode_members(first_id: i64, mut bytes: &[u8]) -> Option<Vec<Member>> {
    let mut members = Vec::with_capacity(bytes.len() / 4);
    let (mut id, mut end) = (first_id, 0_usize);
    while !bytes.is_empty() {
        id = id.checked_add_unsigned(varint::take(&mut bytes)?)?;
        let length = varint::take(&mut bytes)?;
        let skipped = if length % 2 == 1 {
            varint::take(&mut bytes)?
        } else {
            0
        };
        let length = usize::try_from(length / 2)
            .ok()
            .filter(|length| *length > 0)?;
        let offset = end.checked_add(usize::try_from(skipped).ok()?)?;
        end = offset
            .checked_add(length)
            .filter(|end| *end <= MAX_RAW_BYTES)?;
        members.push(Member { id, offset, length });
    }
    Some(members)
}

/// Compresses blocks.
pub(super) struct Compressor {
    zstd: zstd::bulk::Compressor<'static>,
    out: Vec<u8>,
}

impl Compressor {
    /// Sets up zstd.
    ///
    /// # Errors
    /// When zstd has no memory.
    pub(super) fn new() -> std::io::Result<Self> {
        let mut zstd = zstd::bulk::Compressor::new(LEVEL)?;
        zstd.include_checksum(true)?;
        Ok(Self {
            zstd,
            out: Vec::new(),
        })
    }

    /// The smaller of `raw` and its compressed form, with which of the two it is.
    ///
    /// # Errors
    /// When zstd fails.
    pub(super) fn compress<'a>(&'a mut self, raw: &'a [u8]) -> std::io::Result<(Codec, &'a [u8])> {
        self.out.clear();
        self.out.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        self.zstd.compress_to_buffer(raw, &mut self.out)?;
        if self.out.len() <= raw.len() / 20 * 19 {
            Ok((Codec::Zstd, &self.out))
        } else {
            Ok((Codec::Stored, raw))
        }
    }
}

/// The bytes of a block; `None` if it is damaged or larger than a block can be.
pub(super) fn decompress(codec: Codec, data: Vec<u8>, raw_bytes: usize) -> Option<Vec<u8>> {
    if raw_bytes > MAX_RAW_BYTES {
        return None;
    }
    let raw = match codec {
        Codec::Stored => data,
        Codec::Zstd => zstd::bulk::decompress(&data, raw_bytes).ok()?,
    };
    (raw.len() == raw_bytes).then_some(raw)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn members_round_trip(steps in proptest::collection::vec((0_i64..1000, 0_usize..50, 1_usize..2000), 0..60)) {
            let (mut id, mut end) = (17, 0);
            let mut members = Vec::new();
            for (step, skipped, length) in steps {
                id += step;
                members.push(Member { id, offset: end + skipped, length });
                end += skipped + length;
            }
            prop_assert_eq!(decode_members(17, &encode_members(17, &members)), Some(members));
        }

        #[test]
        fn damaged_members_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            drop(decode_members(1, &bytes));
        }

        #[test]
        fn blocks_round_trip(raw in proptest::collection::vec(any::<u8>(), 0..3000), repeat in 1_usize..20) {
            let raw = raw.repeat(repeat);
            let mut compressor = Compressor::new().unwrap();
            let (codec, data) = compressor.compress(&raw).unwrap();
            prop_assert_eq!(decompress(codec, data.to_vec(), raw.len()), Some(raw.clone()));
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = zstd::bulk::compress(&vec![0; 50_000_000], 1).unwrap();
        assert_eq!(decompress(Codec::Zstd, bomb.clone(), 50_000_000), None);
        assert_eq!(decompress(Codec::Zstd, bomb, 1000), None);
    }

    #[test]
    fn large_payloads_have_a_class_of_their_own() {
        assert_eq!(Class::of(Content::Text, 0), None);
        assert_eq!(
            Class::of(Content::Text, TARGET_BYTES as u64),
            Some(Class::Text)
        );
        assert_eq!(
            Class::of(Content::Text, TARGET_BYTES as u64 + 1),
            Some(Class::Large)
        );
    }
}
