use super::encoder::{Choice, Encoder};
use super::*;
use proptest::prelude::*;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn shown(block: &Block) -> Vec<String> {
    let text = |part: &Option<Bytes>| {
        part.as_ref()
            .map_or("?".to_owned(), |part| String::from_utf8_lossy(part).into())
    };
    block
        .fields
        .iter()
        .map(|field| format!("{}={}", text(&field.name), text(&field.value)))
        .collect()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter_map(|byte| char::from(byte).to_digit(16))
        .map(|digit| u8::try_from(digit).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// Blocks that follow each other, and what they say.
fn check(decoder: &mut Decoder, blocks: &[(&str, &[&str])]) {
    for (bytes, expected) in blocks {
        let block = decoder.decode(&hex(bytes));
        assert_eq!(shown(&block), *expected, "{bytes}");
        assert_eq!(block.fault, None, "{bytes}");
    }
}

/// RFC 7541, C.3 to C.6.
#[test]
fn reads_the_examples_of_the_rfc() {
    let requests: [&[&str]; 3] = [
        &[
            ":method=GET",
            ":scheme=http",
            ":path=/",
            ":authority=www.example.com",
        ],
        &[
            ":method=GET",
            ":scheme=http",
            ":path=/",
            ":authority=www.example.com",
            "cache-control=no-cache",
        ],
        &[
            ":method=GET",
            ":scheme=https",
            ":path=/index.html",
            ":authority=www.example.com",
            "custom-key=custom-value",
        ],
    ];
    for blocks in [
        [
            "828684410f7777772e6578616d706c652e636f6d",
            "828684be58086e6f2d6361636865",
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        ],
        [
            "828684418cf1e3c2e5f23a6ba0ab90f4ff",
            "828684be5886a8eb10649cbf",
            "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        ],
    ] {
        let mut decoder = Decoder::default();
        for (bytes, expected) in blocks.iter().zip(requests) {
            check(&mut decoder, &[(bytes, expected)]);
        }
    }
    let (date, later) = (
        "date=Mon, 21 Oct 2013 20:13:21 GMT",
        "date=Mon, 21 Oct 2013 20:13:22 GMT",
    );
    let (private, location) = ("cache-control=private", "location=https://www.example.com");
    let responses: [&[&str]; 3] = [
        &[":status=302", private, date, location],
        &[":status=307", private, date, location],
        &[
            ":status=200",
            private,
            later,
            location,
            "content-encoding=gzip",
            "set-cookie=foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
        ],
    ];
    for blocks in [
        [
            "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54\
             6e1768747470733a2f2f7777772e6578616d706c652e636f6d",
            "4803333037c1c0bf",
            "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f\
             3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076\
             657273696f6e3d31",
        ],
        [
            "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f\
             0b97c8e9ae82ae43d3",
            "4883640effc1c0bf",
            "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335df\
             dfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
        ],
    ] {
        let mut decoder = Decoder::default();
        // The examples have a table of 256 bytes, so that fields are evicted.
        decoder.resize(256);
        for (bytes, expected) in blocks.iter().zip(responses) {
            check(&mut decoder, &[(bytes, expected)]);
        }
        assert_eq!(decoder.bytes, 215);
    }
}

#[test]
fn what_was_lost_is_unknown() {
    let mut decoder = Decoder::default();
    decoder.forget();
    check(
        &mut decoder,
        &[
            // GET; a field of the table; one that takes its name from there, and is added.
            ("82 be 7e 01 78", &[":method=GET", "?=?", "?=x"]),
            // That field; a literal that is added; both.
            ("be 40 01 61 01 62 bf be", &["?=x", "a=b", "?=x", "a=b"]),
            ("c0", &["?=?"]),
            // A table of no bytes is empty, and then what is in it is known.
            ("20 3f e1 1f 82", &[":method=GET"]),
            ("40 01 61 01 62", &["a=b"]),
        ],
    );
    assert_eq!(decoder.decode(&[0xbf]).fault, Some(Fault::Index));
    check(&mut decoder, &[("be", &["?=?"])]);
}

#[test]
fn a_field_may_be_too_large_for_the_table() {
    let mut block = vec![0x40, 1, b'n', 0x7f, 0x80, 0x40];
    block.extend(vec![b'x'; 127 + (0x40 << 7)]);
    for forgets in [false, true] {
        let mut decoder = Decoder::default();
        if forgets {
            decoder.forget();
        }
        check(&mut decoder, &[("40 01 61 01 62 be", &["a=b", "a=b"])]);
        assert_eq!(decoder.decode(&block).fields.len(), 1);
        check(&mut decoder, &[("40 01 61 01 63 be", &["a=c", "a=c"])]);
        // The table was emptied, which is certain if its size is known.
        let after = decoder.decode(&[0xc2]);
        assert_eq!(after.fault, (!forgets).then_some(Fault::Index));
        assert_eq!(shown(&after), ["?=?"]);
    }
}

#[test]
fn an_index_that_no_table_has_makes_the_block_unknown() {
    let mut decoder = Decoder::default();
    check(&mut decoder, &[("40 01 61 01 62 be", &["a=b", "a=b"])]);
    let block = decoder.decode(&hex("82 be bf"));
    assert_eq!(block.fault, Some(Fault::Index));
    assert_eq!(shown(&block), [":method=GET", "?=?", "?=?"]);
    assert!(block.uses_table && block.has_unknown);
}

#[test]
fn what_cannot_be_read_ends_there() {
    for (bytes, before) in [
        ("82 80", 1),
        ("82 40", 1),
        ("82 40 05 61", 1),
        ("40 01 61 01 62 41", 1),
        ("82 ff ff ff ff ff ff 01", 1),
        ("40 81 ff 01 61", 0),
        ("3f", 0),
    ] {
        let mut decoder = Decoder::default();
        let block = decoder.decode(&hex(bytes));
        assert_eq!(block.fault, Some(Fault::Malformed), "{bytes}");
        assert_eq!(block.fields.len(), before, "{bytes}");
        check(&mut decoder, &[("be", &["?=?"])]);
    }
}

#[test]
fn a_bomb_is_bounded() {
    let mut decoder = Decoder::default();
    let mut block = hex("40 01 61 7f 81 1e");
    block.extend([b'x'; 3968]);
    block.extend([0xbe; 10_000]);
    let read = decoder.decode(&block);
    assert!(read.is_large);
    assert_eq!(read.fault, None);
    let given: usize = read.fields.iter().map(size).sum();
    assert!(given <= GIVEN_BYTES, "{given}");
    // A table has its limit too.
    let mut block = hex("3f e1 ff ff 07");
    for _ in 0..50 {
        block.extend(hex("40 01 61 7f 81 1e"));
        block.extend([b'x'; 3968]);
    }
    assert_eq!(decoder.decode(&block).fault, None);
    assert!(decoder.bytes <= TABLE_BYTES && decoder.bytes > TABLE_BYTES / 2);
    check(&mut decoder, &[("ff 60", &["?=?"])]);
}

fn fields() -> impl Strategy<Value = Vec<(Fields, Choice)>> {
    let name = prop_oneof![
        Just(b":method".to_vec()),
        Just(b":status".to_vec()),
        Just(b"cookie".to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
        prop::collection::vec(prop::sample::select(b"ab".to_vec()), 1..3),
    ];
    let value = prop_oneof![
        Just(b"GET".to_vec()),
        prop::collection::vec(prop::sample::select(b"xy".to_vec()), 0..3),
        prop::collection::vec(any::<u8>(), 0..200),
    ];
    let choice = any::<[bool; 3]>().prop_map(|[is_indexed, is_added, is_huffman]| Choice {
        is_indexed,
        is_added,
        is_huffman,
    });
    let block = prop::collection::vec((name, value), 0..8);
    prop::collection::vec((block, choice), 1..12)
}

proptest! {
    #[test]
    fn decodes_what_was_encoded_and_as_another_decoder_does(
        blocks in fields(),
        sizes in prop::collection::vec(0_usize..600, 12),
    ) {
        let mut encoder = Encoder::default();
        let mut decoder = Decoder::default();
        let mut theirs = loona_hpack::Decoder::new();
        for ((fields, choice), size) in blocks.into_iter().zip(sizes) {
            let mut block = Vec::new();
            if size < 300 && !fields.is_empty() {
                encoder.resize(size, &mut block);
            }
            for (name, value) in &fields {
                encoder.field(name, value, choice, &mut block);
            }
            let read = decoder.decode(&block);
            prop_assert_eq!(read.fault, None);
            let known: Fields = read
                .fields
                .iter()
                .map(|field| (field.name.clone().unwrap().to_vec(), field.value.clone().unwrap().to_vec()))
                .collect();
            prop_assert_eq!(theirs.decode(&block).unwrap(), known.clone());
            prop_assert_eq!(known, fields);
        }
    }

    /// From any block on, whatever is said to be known is right, with any table size.
    #[test]
    fn after_a_loss_nothing_is_guessed(
        blocks in fields(),
        first_size in prop::option::of(100_usize..600),
        lost in 1_usize..6,
        is_noticed_late in any::<bool>(),
    ) {
        let mut encoder = Encoder::default();
        let mut decoder = Decoder::default();
        for (number, (fields, choice)) in blocks.into_iter().enumerate() {
            let mut block = Vec::new();
            if let (0, Some(size)) = (number, first_size) {
                encoder.resize(size, &mut block);
            }
            for (name, value) in &fields {
                encoder.field(name, value, choice, &mut block);
            }
            if number == 0 && is_noticed_late {
                decoder.decode(&block);
            }
            if number < lost {
                continue;
            }
            if number == lost {
                decoder.forget();
            }
            let read = decoder.decode(&block);
            prop_assert_eq!(read.fault, None);
            prop_assert_eq!(read.fields.len(), fields.len());
            for (field, (name, value)) in read.fields.iter().zip(&fields) {
                prop_assert!(field.name.as_ref().is_none_or(|found| found == name));
                prop_assert!(field.value.as_ref().is_none_or(|found| found == value));
            }
        }
    }

    #[test]
    fn reads_anything(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..8), forgets in any::<bool>()) {
        let mut decoder = Decoder::default();
        if forgets {
            decoder.forget();
        }
        for block in blocks {
            let read = decoder.decode(&block);
            prop_assert!(decoder.bytes <= TABLE_BYTES);
            prop_assert!(read.fields.iter().map(size).sum::<usize>() <= GIVEN_BYTES);
            prop_assert_eq!(decoder.bytes, decoder.fields.iter().map(size).sum::<usize>());
        }
    }
}
