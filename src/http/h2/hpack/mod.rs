//! Header blocks of HTTP/2 (RFC 7541), of a connection of which parts may be missing.
//!
//! What refers to a part of the dynamic table that was not seen comes out as unknown, never as a guess. That works since
//! an index counts from the newest field of the table: fields that are added after a loss push those from before it
//! back, so an index is either of a field that was seen, or of one from before the loss. The table here may hold more
//! than the peer's, which does no harm, since nobody refers to a field that was evicted.
//!
//! No ready-made decoder tells whether a field came from the dynamic table, or goes on after an index that it does not
//! know; `loona-hpack` is what this one is tested against.

#[cfg(test)]
pub(crate) mod encoder;
mod huffman;
pub(crate) mod plain;
mod table;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::Bytes;

use crate::http::exchange::Field;

/// The size of a dynamic table unless a peer says otherwise (RFC 9113, section 6.5.2).
const DEFAULT_TABLE_BYTES: usize = 4096;
/// How large a dynamic table is kept at most, whatever the peer's size, by the count of RFC 7541, section 4.1.
const TABLE_BYTES: usize = 64 << 10;
/// What each field counts beside its bytes (RFC 7541, section 4.1).
const FIELD_BYTES: usize = 32;
/// How much of a header block's fields is given, by the same count; a block of some kilobytes can stand for megabytes.
const GIVEN_BYTES: usize = 256 << 10;
/// How many bytes an integer may take after its first (RFC 7541, section 5.1).
const INTEGER_BYTES: usize = 4;

/// One direction's decoder.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// The newest first. A name or value that is `None` is unknown.
    fields: VecDeque<Field>,
    /// How large they are, counting what is unknown as nothing.
    bytes: usize,
    /// The size that the peer last gave its table, as far as that was seen.
    size: usize,
    /// Whether the peer may have given it another size since.
    is_size_certain: bool,
    /// Whether the peer's table goes on behind `fields` with what was not seen.
    has_unknown_rest: bool,
}

/// What a header block says.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// The fields, in their order, pseudo-header fields among them.
    pub(crate) fields: Vec<Field>,
    /// Which of them have a name that the dynamic table gave to a value of their own.
    pub(crate) borrowed: Vec<usize>,
    /// Whether any of it depends on an earlier header block.
    pub(crate) uses_table: bool,
    /// Whether any name or value is unknown.
    pub(crate) has_unknown: bool,
    /// Whether fields were left out, as there were too many.
    pub(crate) is_large: bool,
    /// Why the rest of it could not be read.
    pub(crate) fault: Option<Fault>,
}

/// Why a header block cannot be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It refers to a field that no table has: a header block before it was lost.
    Index,
    /// It breaks RFC 7541, or ends too early.
    Malformed,
}

impl Default for Decoder {
    /// For a connection that begins.
    fn default() -> Self {
        Self {
            fields: VecDeque::new(),
            bytes: 0,
            size: DEFAULT_TABLE_BYTES,
            is_size_certain: true,
            has_unknown_rest: false,
        }
    }
}

impl Decoder {
    /// Forgets the table: what the peer has in it is not known any more.
    pub(crate) fn forget(&mut self) {
        self.fields.clear();
        self.bytes = 0;
        self.is_size_certain = false;
        self.has_unknown_rest = true;
    }

    /// Whether nothing of the table is unknown.
    #[cfg(test)]
    pub(super) fn is_certain(&self) -> bool {
        self.is_size_certain && !self.has_unknown_rest
    }

    /// How large the table is, by the count of RFC 7541, section 4.1.
    pub(crate) fn table_bytes(&self) -> usize {
        self.bytes
    }

    /// Reads a whole header block. After a fault, all is forgotten.
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> Block {
        let block = self.read(bytes);
        match block.fault {
            None => block,
            Some(Fault::Malformed) => {
                self.forget();
                block
            }
            Some(Fault::Index) => {
                // A block before this one was lost. What it put into the table moves everything, so that nothing of
                // what this block took from there is right.
                self.forget();
                let again = self.read(bytes);
                if again.fault.is_some() {
                    self.forget();
                }
                Block {
                    fault: again.fault.or(Some(Fault::Index)),
                    ..again
                }
            }
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Block {
        let mut block = Block::default();
        let mut given = 0_usize;
        let mut input = Input(bytes);
        while !input.0.is_empty() {
            let field = match self.field(&mut input, &mut block) {
                Ok(Some(field)) => field,
                Ok(None) => continue,
                Err(fault) => {
                    block.fault = Some(fault);
                    break;
                }
            };
            block.has_unknown |= field.name.is_none() || field.value.is_none();
            given = given.saturating_add(size(&field));
            if given > GIVEN_BYTES {
                block.is_large = true;
            } else {
                block.fields.push(field);
            }
        }
        block
    }

    /// Reads one representation (RFC 7541, section 6); `None` for one that is no field.
    fn field(&mut self, input: &mut Input<'_>, block: &mut Block) -> Result<Option<Field>, Fault> {
        let first = input.0.first().copied().ok_or(Fault::Malformed)?;
        if first & 0x80 != 0 {
            let index = input.integer(7)?;
            return self.indexed(index, &mut block.uses_table).map(Some);
        }
        if first & 0xe0 == 0x20 {
            let size = input.integer(5)?;
            self.resize(size);
            return Ok(None);
        }
        let is_added = first & 0x40 != 0;
        let index = input.integer(if is_added { 6 } else { 4 })?;
        let name = if index == 0 {
            Some(input.string()?)
        } else {
            if index > table::LENGTH {
                block.borrowed.push(block.fields.len());
            }
            self.indexed(index, &mut block.uses_table)?.name
        };
        let field = Field {
            name,
            value: Some(input.string()?),
        };
        if is_added {
            self.add(field.clone());
        }
        Ok(Some(field))
    }

    fn indexed(&self, index: usize, uses_table: &mut bool) -> Result<Field, Fault> {
        if let Some((name, value)) = table::field(index) {
            return Ok(Field::known(name, value));
        }
        let place = index
            .checked_sub(table::LENGTH.saturating_add(1))
            .ok_or(Fault::Malformed)?;
        *uses_table = true;
        match self.fields.get(place) {
            Some(field) => Ok(field.clone()),
            None if self.has_unknown_rest => Ok(Field {
                name: None,
                value: None,
            }),
            None => Err(Fault::Index),
        }
    }

    /// RFC 7541, section 4.3.
    fn resize(&mut self, size: usize) {
        self.size = size;
        self.is_size_certain = true;
        self.evict(0);
        if size == 0 {
            // Whatever was not seen is gone with the rest.
            self.fields.clear();
            self.bytes = 0;
            self.has_unknown_rest = false;
        }
    }

    /// RFC 7541, section 4.4.
    fn add(&mut self, field: Field) {
        let bytes = size(&field);
        if bytes > self.size && self.is_size_certain {
            // It is not added, and empties the table.
            self.fields.clear();
            self.bytes = 0;
            self.has_unknown_rest = false;
            return;
        }
        if bytes > TABLE_BYTES {
            self.fields.clear();
            self.bytes = 0;
            self.has_unknown_rest = true;
            return;
        }
        // If it is too large for a table whose size is not known, the peer's is empty now: nobody will refer to it.
        self.evict(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        self.fields.push_front(field);
    }

    /// Makes room for `wanted` bytes.
    fn evict(&mut self, wanted: usize) {
        loop {
            let bytes = self.bytes.saturating_add(wanted);
            let by_peer = self.is_size_certain && bytes > self.size;
            if !by_peer && bytes <= TABLE_BYTES {
                return;
            }
            let Some(oldest) = self.fields.pop_back() else {
                return;
            };
            self.bytes = self.bytes.saturating_sub(size(&oldest));
            // The peer evicted this field too, and so all that is older, unless it is only we who have no room.
            self.has_unknown_rest = !by_peer;
        }
    }
}

/// Whether the static table has a field with this name and this value.
pub(super) fn is_static(name: &[u8], value: &[u8]) -> bool {
    !value.is_empty() && (1..=table::LENGTH).any(|index| table::field(index) == Some((name, value)))
}

/// Whether the static table has a field with this name.
pub(crate) fn has_static_name(name: &[u8]) -> bool {
    (1..=table::LENGTH).any(|index| table::field(index).is_some_and(|(known, _)| known == name))
}

/// How large a field is in a table, counting what is unknown as nothing.
fn size(field: &Field) -> usize {
    let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
    FIELD_BYTES
        .saturating_add(length(&field.name))
        .saturating_add(length(&field.value))
}

/// What is left of a header block.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    /// RFC 7541, section 5.1, with a prefix of fewer than 8 bits.
    fn integer(&mut self, prefix_bits: u32) -> Result<usize, Fault> {
        let (first, mut rest) = self.0.split_first().ok_or(Fault::Malformed)?;
        let most = (1_usize << prefix_bits).wrapping_sub(1);
        let mut value = usize::from(*first) & most;
        if value == most {
            let mut shift = 0_u32;
            for read in 0..=INTEGER_BYTES {
                if read == INTEGER_BYTES {
                    return Err(Fault::Malformed);
                }
                let (byte, after) = rest.split_first().ok_or(Fault::Malformed)?;
                rest = after;
                value = value.saturating_add(usize::from(byte & 0x7f) << shift);
                shift = shift.saturating_add(7);
                if byte & 0x80 == 0 {
                    break;
                }
            }
        }
        self.0 = rest;
        Ok(value)
    }

    /// RFC 7541, section 5.2.
    fn string(&mut self) -> Result<Bytes, Fault> {
        let is_huffman = self.0.first().is_some_and(|byte| byte & 0x80 != 0);
        let length = self.integer(7)?;
        let (string, rest) = self.0.split_at_checked(length).ok_or(Fault::Malformed)?;
        self.0 = rest;
        if is_huffman {
            huffman::decode(string)
                .map(Bytes::from)
                .ok_or(Fault::Malformed)
        } else {
            Ok(Bytes::copy_from_slice(string))
        }
    }
}
