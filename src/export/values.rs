//! Chosen fields of events, and counts by them, as JSON, one object a line.
//!
//! Numbers are numbers, yes and no are booleans, times are RFC 3339 in UTC, everything else is a string. Bytes that are
//! not UTF-8 stand under the field's name and `_base64`. A field that can have several values is always an array; one
//! without a value is absent.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use super::jsonl::put;
use crate::filter::Value;

/// An object that is being put together.
#[derive(Debug, Default)]
pub struct Object(Map<String, Json>);

impl Object {
    /// A field of an event with its values; `has_many` if it can have several.
    pub fn field(&mut self, name: &str, has_many: bool, values: &[Value<'_>]) {
        if has_many {
            let is_text = values.iter().all(is_text);
            let array: Vec<_> = values.iter().map(|value| json(value, is_text)).collect();
            if !array.is_empty() {
                self.put(name, is_text, Json::Array(array));
            }
        } else if let Some(value) = values.first() {
            let is_text = is_text(value);
            self.put(name, is_text, json(value, is_text));
        }
    }

    /// A part of a key, as bytes; absent if there is none.
    pub fn key(&mut self, name: &str, bytes: Option<&[u8]>) {
        if let Some(bytes) = bytes {
            let value = Value::Bytes(bytes.into());
            self.field(name, false, &[value]);
        }
    }

    /// A number.
    pub fn number(&mut self, name: &str, number: u64) {
        self.0.insert(name.to_owned(), Json::from(number));
    }

    /// A text.
    pub fn text(&mut self, name: &str, text: impl Into<String>) {
        self.0.insert(name.to_owned(), Json::String(text.into()));
    }

    /// A number with a sign.
    pub fn integer(&mut self, name: &str, number: i64) {
        self.0.insert(name.to_owned(), Json::from(number));
    }

    /// A number with a fraction. JSON has none for the infinite, which is written as a string.
    pub fn real(&mut self, name: &str, number: f64) {
        let value = if number.is_finite() {
            Json::from(number)
        } else {
            Json::String(number.to_string())
        };
        self.0.insert(name.to_owned(), value);
    }

    /// Bytes, as an object with `base64` in it.
    pub fn blob(&mut self, name: &str, bytes: &[u8]) {
        let text = Json::String(STANDARD.encode(bytes));
        let object = Map::from_iter([("base64".to_owned(), text)]);
        self.0.insert(name.to_owned(), Json::Object(object));
    }

    /// No value, where the columns are fixed.
    pub fn null(&mut self, name: &str) {
        self.0.insert(name.to_owned(), Json::Null);
    }

    /// Writes the object and a line end.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        put(&mut *out, &self.0)?;
        out.write_all(b"\n")
    }

    /// Writes the object as the only field of another, and a line end.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn write_as(self, out: &mut dyn Write, name: &str) -> io::Result<()> {
        let mut outer = Map::new();
        outer.insert(name.to_owned(), Json::Object(self.0));
        Self(outer).write(out)
    }

    fn put(&mut self, name: &str, is_text: bool, value: Json) {
        let name = if is_text {
            name.to_owned()
        } else {
            format!("{name}_base64")
        };
        self.0.insert(name, value);
    }
}

fn is_text(value: &Value<'_>) -> bool {
    match value {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).is_ok(),
        _ => true,
    }
}

fn json(value: &Value<'_>, is_text: bool) -> Json {
    match value {
        Value::Int(number) => Json::from(*number),
        Value::Bool(is_so) => Json::Bool(*is_so),
        Value::Bytes(bytes) if !is_text => Json::String(STANDARD.encode(bytes)),
        other => Json::String(String::from_utf8_lossy(&other.to_bytes()).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_keep_their_sort() {
        let mut object = Object::default();
        object.null("a");
        object.integer("b", i64::MIN);
        object.real("c", 0.5);
        object.real("d", f64::NEG_INFINITY);
        object.blob("e", b"\xff\x00");
        let mut out = Vec::new();
        object.write(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"a\":null,\"b\":-9223372036854775808,\"c\":0.5,\"d\":\"-inf\",\"e\":{\"base64\":\"/wA=\"}}\n"
        );
    }

    #[test]
    fn values_keep_their_sort() {
        let mut object = Object::default();
        object.field("pid", false, &[Value::Int(7)]);
        object.field("port", true, &[Value::Int(1), Value::Int(2)]);
        object.field("text", false, &[Value::Bool(true)]);
        object.field("body", false, &[Value::Bytes(b"\xff".into())]);
        object.field("uid", false, &[]);
        object.key("host", Some(b"a\x1b"));
        object.number("events", 3);
        let mut out = Vec::new();
        object.write(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"pid\":7,\"port\":[1,2],\"text\":true,\"body_base64\":\"/w==\",\"host\":\"a\\u001b\",\"events\":3}\n"
        );
    }
}
