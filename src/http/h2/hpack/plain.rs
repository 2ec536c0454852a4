//! Fields written so that they depend on nothing: literals with their names, without indexing and without Huffman's code
//! (RFC 7541, section 6.2.2).

/// Adds a field to a header block.
pub(crate) fn field(name: &[u8], value: &[u8], block: &mut Vec<u8>) {
    integer(0, 4, 0, block);
    string(name, block);
    string(value, block);
}

/// RFC 7541, section 5.2.
pub(super) fn string(bytes: &[u8], block: &mut Vec<u8>) {
    integer(bytes.len(), 7, 0, block);
    block.extend_from_slice(bytes);
}

/// RFC 7541, section 5.1: a number of which the first `prefix_bits` bits, fewer than 8, come behind those of `first`.
pub(super) fn integer(value: usize, prefix_bits: u32, first: u8, block: &mut Vec<u8>) {
    let most = (1_u8 << prefix_bits).wrapping_sub(1);
    let Some(mut rest) = value.checked_sub(usize::from(most)) else {
        block.push(first | u8::try_from(value).unwrap_or(most));
        return;
    };
    block.push(first | most);
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap_or_default();
        rest >>= 7;
        if rest == 0 {
            block.push(low);
            return;
        }
        block.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decoder;
    use super::*;
    use crate::http::exchange::Field;

    #[test]
    fn integers() {
        // RFC 7541, C.1.
        for (value, prefix_bits, expected) in [
            (10, 5, &[0x0a][..]),
            (31, 5, &[0x1f, 0]),
            (1337, 5, &[0x1f, 0x9a, 0x0a]),
            (126, 7, &[0x7e]),
            (127, 7, &[0x7f, 0]),
            (255, 7, &[0x7f, 0x80, 0x01]),
        ] {
            let mut block = Vec::new();
            integer(value, prefix_bits, 0, &mut block);
            assert_eq!(block, expected, "{value}");
        }
    }

    #[test]
    fn fields_depend_on_nothing() {
        let fields = [
            Field::known(":path", "/a"),
            Field::known("x", ""),
            Field::known("long", "v".repeat(70_000)),
        ];
        let mut block = Vec::new();
        for known in &fields {
            let (name, value) = (known.name.as_ref(), known.value.as_ref());
            field(name.unwrap(), value.unwrap(), &mut block);
        }
        let mut decoder = Decoder::default();
        let found = decoder.decode(&block);
        assert_eq!(found.fields, fields);
        assert!(!found.uses_table && found.fault.is_none());
        assert_eq!(decoder.table_bytes(), 0);
    }
}
