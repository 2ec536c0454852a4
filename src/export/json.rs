//! JSON that is written piece by piece, since what stands in it may not fit into memory; harmless to a terminal as
//! all JSON here.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::jsonl::put;

/// Writes an object up to its closing brace, so that more can be added to it. It must have a member at least.
pub(super) fn put_open<T: Serialize>(out: &mut dyn Write, object: &T) -> io::Result<()> {
    let mut text = Vec::new();
    put(&mut text, object)?;
    text.pop();
    out.write_all(&text)
}

/// Writes a piece of what stands in a string: escaped, without the quotes.
pub(super) fn put_piece(out: &mut dyn Write, piece: &str) -> io::Result<()> {
    let mut text = Vec::new();
    put(&mut text, piece)?;
    let inner = text
        .strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""));
    out.write_all(inner.unwrap_or_default())
}

/// Captured bytes: a string if they are UTF-8, an object with `base64` in it if not, null where they are not known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Captured<'a>(pub(super) Option<&'a [u8]>);

impl Captured<'_> {
    /// Whether there are none.
    pub(super) fn is_unknown(&self) -> bool {
        self.0.is_none()
    }
}

impl Serialize for Captured<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(bytes) = self.0 else {
            return serializer.serialize_none();
        };
        if let Ok(text) = std::str::from_utf8(bytes) {
            return serializer.serialize_str(text);
        }
        let mut object = serializer.serialize_map(Some(1))?;
        object.serialize_entry("base64", &STANDARD.encode(bytes))?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn captured_bytes() {
        let mut out = Vec::new();
        let known = [Some(&b"a\x1b\""[..]), Some(b"\xff"), None].map(Captured);
        put(&mut out, &known).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"["a\u001b\"",{"base64":"/w=="},null]"#
        );
    }

    proptest! {
        #[test]
        fn pieces_make_the_whole(text in any::<String>(), at in any::<prop::sample::Index>()) {
            let mut at = at.index(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let (before, after) = text.split_at(at);
            let mut pieces = b"\"".to_vec();
            put_piece(&mut pieces, before).unwrap();
            put_piece(&mut pieces, after).unwrap();
            pieces.push(b'"');
            let read: String = serde_json::from_slice(&pieces).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
