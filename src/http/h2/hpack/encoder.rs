//! An encoder for tests: makes use of everything that RFC 7541 allows, as it is told.

use std::collections::VecDeque;

use super::plain::{self, integer};
use super::{huffman, table};

/// How a field is to be written, where there is a choice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    pub(crate) is_indexed: bool,
    pub(crate) is_added: bool,
    pub(crate) is_huffman: bool,
}

impl Choice {
    /// As small as may be.
    pub(crate) const SMALL: Self = Self {
        is_indexed: true,
        is_added: true,
        is_huffman: true,
    };
    /// Without the dynamic table.
    pub(crate) const PLAIN: Self = Self {
        is_indexed: false,
        is_added: false,
        is_huffman: false,
    };
}

#[derive(Debug)]
pub(crate) struct Encoder {
    fields: VecDeque<(Vec<u8>, Vec<u8>)>,
    size: usize,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            fields: VecDeque::new(),
            size: 4096,
        }
    }
}

impl Encoder {
    pub(crate) fn resize(&mut self, size: usize, block: &mut Vec<u8>) {
        integer(size, 5, 0x20, block);
        self.size = size;
        self.evict();
    }

    pub(crate) fn field(&mut self, name: &[u8], value: &[u8], choice: Choice, block: &mut Vec<u8>) {
        let place = |is_same: &dyn Fn(&[u8], &[u8]) -> bool| {
            let fixed = (1..=table::LENGTH).find(|index| {
                let (name, value) = table::field(*index).unwrap();
                is_same(name, value)
            });
            let dynamic = || {
                let place = self.fields.iter().position(|(n, v)| is_same(n, v))?;
                Some(place + table::LENGTH + 1)
            };
            fixed
                .or_else(dynamic)
                .filter(|index| choice.is_indexed || *index <= table::LENGTH)
        };
        if let Some(index) = place(&|n, v| n == name && v == value) {
            integer(index, 7, 0x80, block);
            return;
        }
        let index = place(&|n, _| n == name).unwrap_or(0);
        if choice.is_added {
            integer(index, 6, 0x40, block);
        } else {
            integer(index, 4, 0, block);
        }
        if index == 0 {
            string(name, choice.is_huffman, block);
        }
        string(value, choice.is_huffman, block);
        if choice.is_added {
            self.fields.push_front((name.to_vec(), value.to_vec()));
            self.evict();
        }
    }

    fn evict(&mut self) {
        let bytes = |fields: &VecDeque<(Vec<u8>, Vec<u8>)>| -> usize {
            fields.iter().map(|(n, v)| n.len() + v.len() + 32).sum()
        };
        while bytes(&self.fields) > self.size {
            self.fields.pop_back();
        }
    }
}

fn string(bytes: &[u8], is_huffman: bool, block: &mut Vec<u8>) {
    if is_huffman {
        let encoded = huffman::encode(bytes);
        integer(encoded.len(), 7, 0x80, block);
        block.extend(encoded);
    } else {
        plain::string(bytes, block);
    }
}
