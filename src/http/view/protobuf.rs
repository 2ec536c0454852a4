//! A message of Protocol Buffers without its schema: numbers of fields, and what their bytes look like.
//!
//! The wire format says how long a value is, not what it means: a number may be signed or not, and bytes may be text or
//! another message. What is given is the likeliest, and the bytes can be read otherwise.

/// How deep messages may be nested; deeper ones are given as bytes.
const MAX_DEPTH: usize = 24;
/// How many fields are read in all, also in attempts to read bytes as a message.
const MAX_FIELDS: usize = 20_000;
/// The largest number of a field.
const MAX_NUMBER: u64 = (1 << 29) - 1;

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field<'a> {
    /// Its number, 1 to 536,870,911.
    pub number: u32,
    /// Its value.
    pub value: Value<'a>,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A number of any integer type, a truth value or an enumeration; those of the types `sint` are in zigzag.
    Varint(u64),
    /// Eight bytes: `fixed64`, `sfixed64` or `double`.
    Fixed64(u64),
    /// Four bytes: `fixed32`, `sfixed32` or `float`.
    Fixed32(u32),
    /// Bytes that are printable text.
    Text(&'a str),
    /// Bytes that are fields from beginning to end.
    Message(Vec<Field<'a>>),
    /// Other bytes.
    Bytes(&'a [u8]),
    /// A group, which is what messages within messages were once.
    Group(Vec<Field<'a>>),
}

/// What was read of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Dump<'a> {
    /// The fields, in their order.
    pub fields: Vec<Field<'a>>,
    /// What follows them and is no field, or is beyond the limit. Empty if the message was read to its end.
    pub rest: &'a [u8],
}

/// Reads a message.
pub fn dump(message: &[u8]) -> Dump<'_> {
    let mut budget = MAX_FIELDS;
    let (fields, rest, _) = fields(message, 0, None, &mut budget);
    Dump { fields, rest }
}

/// The fields at the beginning of `bytes`, up to the end of the group `group` or to what is none; what follows; and
/// whether that group ended.
fn fields<'a>(
    mut bytes: &'a [u8],
    depth: usize,
    group: Option<u32>,
    budget: &mut usize,
) -> (Vec<Field<'a>>, &'a [u8], bool) {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let Some((number, wire_type, after)) = tag(bytes) else {
            break;
        };
        if wire_type == 4 {
            let is_ended = group == Some(number);
            return (found, if is_ended { after } else { bytes }, is_ended);
        }
        let Some(left) = budget.checked_sub(1) else {
            break;
        };
        *budget = left;
        let Some((value, after)) = value(number, wire_type, after, depth, budget) else {
            break;
        };
        found.push(Field { number, value });
        bytes = after;
    }
    (found, bytes, false)
}

fn value<'a>(
    number: u32,
    wire_type: u64,
    bytes: &'a [u8],
    depth: usize,
    budget: &mut usize,
) -> Option<(Value<'a>, &'a [u8])> {
    match wire_type {
        0 => {
            let (value, rest) = varint(bytes)?;
            Some((Value::Varint(value), rest))
        }
        1 => {
            let (value, rest) = bytes.split_first_chunk()?;
            Some((Value::Fixed64(u64::from_le_bytes(*value)), rest))
        }
        2 => {
            let (length, rest) = varint(bytes)?;
            let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            Some((likely(value, depth, budget), rest))
        }
        3 => {
            let deeper = depth.checked_add(1).filter(|deeper| *deeper < MAX_DEPTH)?;
            let (inner, rest, is_ended) = fields(bytes, deeper, Some(number), budget);
            is_ended.then_some((Value::Group(inner), rest))
        }
        5 => {
            let (value, rest) = bytes.split_first_chunk()?;
            Some((Value::Fixed32(u32::from_le_bytes(*value)), rest))
        }
        _ => None,
    }
}

/// What bytes are likely to be.
fn likely<'a>(bytes: &'a [u8], depth: usize, budget: &mut usize) -> Value<'a> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let is_printable = |each: char| !each.is_control() || matches!(each, '\t' | '\n' | '\r');
        if text.chars().all(is_printable) {
            return Value::Text(text);
        }
    }
    if let Some(deeper) = depth.checked_add(1).filter(|deeper| *deeper < MAX_DEPTH) {
        let (inner, rest, _) = fields(bytes, deeper, None, budget);
        if rest.is_empty() {
            return Value::Message(inner);
        }
    }
    Value::Bytes(bytes)
}

/// The number and the wire type of a field, and what follows them.
fn tag(bytes: &[u8]) -> Option<(u32, u64, &[u8])> {
    let (tag, rest) = varint(bytes)?;
    let number = tag >> 3;
    if !(1..=MAX_NUMBER).contains(&number) {
        return None;
    }
    Some((u32::try_from(number).ok()?, tag & 7, rest))
}

/// A number in base 128, the least digits first.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().take(10).enumerate() {
        let digits = u64::from(byte & 0x7f);
        let shift = u32::try_from(place).ok()?.checked_mul(7)?;
        // Of the tenth byte there is room for one bit.
        if place == 9 && digits > 1 {
            return None;
        }
        value |= digits.checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place.checked_add(1)?..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(dump: &Dump<'_>) -> String {
        let fields = list(&dump.fields);
        if dump.rest.is_empty() {
            fields
        } else {
            format!("{fields} + {}", dump.rest.len())
        }
    }

    fn list(fields: &[Field<'_>]) -> String {
        let fields: Vec<_> = fields
            .iter()
            .map(|Field { number, value }| match value {
                Value::Varint(value) => format!("{number}:{value}"),
                Value::Fixed64(value) => format!("{number}:{value:#x}l"),
                Value::Fixed32(value) => format!("{number}:{value:#x}"),
                Value::Text(text) => format!("{number}:{text:?}"),
                Value::Message(inner) => format!("{number}:{{{}}}", list(inner)),
                Value::Bytes(bytes) => format!("{number}:{bytes:?}"),
                Value::Group(inner) => format!("{number}:({})", list(inner)),
            })
            .collect();
        fields.join(" ")
    }

    #[test]
    fn reads_messages() {
        // The first four are the examples of the encoding guide of Protocol Buffers.
        for (message, expected) in [
            (&b"\x08\x96\x01"[..], "1:150"),
            (b"\x12\x07testing", "2:\"testing\""),
            (b"\x1a\x03\x08\x96\x01", "3:{1:150}"),
            (b"\x22\x05hello\x28\x01\x28\x02", "4:\"hello\" 5:1 5:2"),
            (
                b"\x32\x06\x03\x8e\x02\x9e\xa7\x05",
                "6:[3, 142, 2, 158, 167, 5]",
            ),
            (b"\x09\x01\0\0\0\0\0\0\0\x15\x02\0\0\0", "1:0x1l 2:0x2"),
            (
                b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                "1:18446744073709551615",
            ),
            (b"\x0b\x08\x01\x13\x14\x0c\x10\x02", "1:(1:1 2:()) 2:2"),
            (b"\x12\0", "2:\"\""),
            (b"", ""),
            // What is none.
            (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", " + 11"),
            (b"\x08\x01\x00\x01", "1:1 + 2"),
            (b"\x08\x01\x0c", "1:1 + 1"),
            (b"\x08\x01\x0b\x08\x01", "1:1 + 3"),
            (b"\x0b\x14", " + 2"),
            (b"\x08\x01\x12\x03ab", "1:1 + 4"),
            (b"\x0e", " + 1"),
            (b"\x09\0\0", " + 3"),
            (b"\x08\x80", " + 2"),
            (b"\x80\x80\x80\x80\x80\x01\x01", " + 7"),
        ] {
            assert_eq!(text(&dump(message)), expected, "{message:?}");
        }
    }

    #[test]
    fn what_is_read_has_limits() {
        let mut nested = vec![8, 1];
        for _ in 0..100 {
            let mut outer = vec![0x0a];
            let length = nested.len();
            let [low, high, ..] = length.to_le_bytes();
            if length < 128 {
                outer.push(low);
            } else {
                outer.extend([low | 0x80, high << 1 | low >> 7]);
            }
            outer.append(&mut nested);
            nested = outer;
        }
        let dump_of_nested = dump(&nested);
        assert!(dump_of_nested.rest.is_empty());
        let mut depth = 0;
        let mut fields = &dump_of_nested.fields;
        while let [
            Field {
                value: Value::Message(inner),
                ..
            },
        ] = &fields[..]
        {
            fields = inner;
            depth += 1;
        }
        assert_eq!(depth, MAX_DEPTH - 1);
        assert!(matches!(fields[0].value, Value::Bytes(_)));
        let many = b"\x08\x01".repeat(MAX_FIELDS + 5);
        let dump = dump(&many);
        assert_eq!((dump.fields.len(), dump.rest.len()), (MAX_FIELDS, 10));
        assert!(super::dump(&b"\x0b".repeat(100_000)).fields.is_empty());
    }
}
