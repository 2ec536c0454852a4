//! The Huffman code of HPACK (RFC 7541, appendix B).
//!
//! The code is canonical: codes of one length are consecutive numbers, in the order of their symbols, and follow those
//! that are shorter. So the lengths alone give it.

use std::sync::LazyLock;

/// How long the code of each byte is, in bits.
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, //
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, //
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, //
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, //
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, //
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, //
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, //
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, //
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, //
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, //
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, //
];
/// The longest code has 30 bits.
const CODE_BITS: usize = 30;

/// The codes of one length.
#[derive(Debug, Clone, Default)]
struct Class {
    first_code: u32,
    symbols: Vec<u8>,
}

static CLASSES: LazyLock<Vec<Class>> = LazyLock::new(|| {
    let mut classes = vec![Class::default(); CODE_BITS + 1];
    for (symbol, length) in (0..=u8::MAX).zip(LENGTHS) {
        if let Some(class) = classes.get_mut(usize::from(length)) {
            class.symbols.push(symbol);
        }
    }
    let mut next = 0_u32;
    for class in &mut classes {
        next = next.wrapping_shl(1);
        class.first_code = next;
        next = next.wrapping_add(u32::try_from(class.symbols.len()).unwrap_or(0));
    }
    classes
});

/// Decodes a string; `None` if it is no such code, or does not end as RFC 7541, section 5.2, wants it.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let classes = CLASSES.as_slice();
    let mut decoded = Vec::with_capacity(bytes.len().saturating_mul(8) / 5);
    let mut code = 0_u32;
    let mut bits = 0_usize;
    for byte in bytes {
        for shift in (0..8).rev() {
            code = code << 1 | u32::from(byte >> shift & 1);
            bits = bits.saturating_add(1);
            // Longer than any code, or the mark of the end, which must not be there: 30 bits of 1.
            let class = classes.get(bits)?;
            let symbol = code
                .checked_sub(class.first_code)
                .and_then(|place| class.symbols.get(usize::try_from(place).ok()?));
            if let Some(symbol) = symbol {
                decoded.push(*symbol);
                (code, bits) = (0, 0);
            }
        }
    }
    // What is left of the last byte is filled with bits of 1.
    let padding = 1_u32
        .checked_shl(u32::try_from(bits).ok()?)?
        .wrapping_sub(1);
    (bits < 8 && code == padding).then_some(decoded)
}

#[cfg(test)]
pub(in crate::http::h2) fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let (mut buffer, mut bits) = (0_u64, 0_u32);
    for byte in bytes {
        let length = LENGTHS[usize::from(*byte)];
        let class = &CLASSES[usize::from(length)];
        let place = class.symbols.iter().position(|symbol| symbol == byte);
        let code = u64::from(class.first_code) + place.unwrap() as u64;
        buffer = buffer << length | code;
        bits += u32::from(length);
        while bits >= 8 {
            bits -= 8;
            encoded.push((buffer >> bits & 0xff) as u8);
        }
    }
    if bits > 0 {
        encoded.push((buffer << (8 - bits) & 0xff) as u8 | (0xff >> bits));
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use loona_hpack::huffman::HuffmanDecoder;
    use proptest::prelude::*;

    #[test]
    fn every_byte_has_its_code() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)).unwrap(), all);
        assert_eq!(HuffmanDecoder::new().decode(&encode(&all)).unwrap(), all);
        // RFC 7541, C.4.1 and C.6.1.
        assert_eq!(
            decode(b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff").unwrap(),
            b"www.example.com"
        );
        assert_eq!(decode(b"\x64\x02").unwrap(), b"302");
        assert_eq!(decode(b"").unwrap(), b"");
    }

    #[test]
    fn the_end_must_be_right() {
        for bad in [
            &b"\xff"[..],
            b"\xff\xff\xff\xff",
            b"\x64\x02\xff",
            b"\x00\x00\x00",
            b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xfe",
        ] {
            assert_eq!(
                decode(bad).is_some(),
                HuffmanDecoder::new().decode(bad).is_ok(),
                "{bad:?}"
            );
        }
        assert_eq!(decode(b"\xff\xff\xff\xff"), None);
    }

    proptest! {
        #[test]
        fn decodes_as_another_decoder_does(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(decode(&bytes), HuffmanDecoder::new().decode(&bytes).ok());
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
