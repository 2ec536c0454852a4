//! Events as JSON, one object a line. The fields are listed in `export/line.rs`.

use std::io::{self, Write};

use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;
use bytes::Bytes;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use crate::event::{StoredEvent, is_hazard};

use super::line::Line;

/// Payloads of more bytes than this are written in base64, in pieces, whatever they hold.
pub const MAX_TEXT_BYTES: u64 = 4 << 20;

/// Writes one event of this capture, where there are several. `next_piece` gives the payload piece by piece, then `None`.
///
/// # Errors
///
/// What `next_piece` says, or `out`.
pub fn write<E: From<io::Error>>(
    out: &mut dyn Write,
    capture: Option<&str>,
    stored: &StoredEvent,
    mut next_piece: impl FnMut() -> Result<Option<Bytes>, E>,
) -> Result<(), E> {
    let mut head = Vec::new();
    put(&mut head, &Line::of(capture, stored))?;
    // The payload comes inside the object.
    head.pop();
    out.write_all(&head)?;

    let mut payload = Vec::new();
    let mut is_over = false;
    while payload.len() as u64 <= MAX_TEXT_BYTES {
        let Some(piece) = next_piece()? else {
            is_over = true;
            break;
        };
        payload.extend_from_slice(&piece);
    }
    match std::str::from_utf8(&payload) {
        Ok(text) if is_over && payload.len() as u64 <= MAX_TEXT_BYTES => {
            out.write_all(b",\"payload\":")?;
            put(&mut *out, text)?;
        }
        _ => {
            out.write_all(b",\"payload_base64\":\"")?;
            let mut encoder = EncoderWriter::new(&mut *out, &STANDARD);
            encoder.write_all(&payload)?;
            drop(payload);
            while !is_over {
                match next_piece()? {
                    Some(piece) => encoder.write_all(&piece)?,
                    None => is_over = true,
                }
            }
            encoder.finish()?;
            drop(encoder);
            out.write_all(b"\"")?;
        }
    }
    out.write_all(b"}\n")?;
    Ok(())
}

/// Writes a value in one line, harmless to a terminal.
pub(super) fn put<T: Serialize + ?Sized>(out: impl Write, value: &T) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Harmless(CompactFormatter));
    Ok(value.serialize(&mut serializer)?)
}

/// Writes [hazards](is_hazard) as `\u` escapes, beyond those that JSON wants escaped.
struct Harmless(CompactFormatter);

impl Formatter for Harmless {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Most text has none, and of ASCII, what JSON does not want escaped has one.
        if fragment.is_ascii() && memchr::memchr(0x7f, fragment.as_bytes()).is_none() {
            return self.0.write_string_fragment(writer, fragment);
        }
        let mut rest = fragment;
        while let Some((at, hazard)) = rest.char_indices().find(|(_, each)| is_hazard(*each)) {
            let (before, after) = rest.split_at(at);
            self.0.write_string_fragment(writer, before)?;
            for unit in hazard.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = after.strip_prefix(hazard).unwrap_or_default();
        }
        self.0.write_string_fragment(writer, rest)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;

    use crate::event::samples;

    use super::*;

    fn line(stored: &StoredEvent, pieces: &[&[u8]]) -> String {
        let mut pieces = pieces.iter().map(|piece| Bytes::copy_from_slice(piece));
        let mut out = Vec::new();
        write::<io::Error>(&mut out, None, stored, || Ok(pieces.next())).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_event() {
        let expected = concat!(
            r#"{"id":7,"time":"2026-11-23T11:00:00.000000000Z","time_ns":1795431600000000000,"time_source":"field","#,
            r#""received":"2026-11-23T11:00:01.000000000Z","received_ns":1795431601000000000,"recording":1,"run":2,"#,
            r#""stream":3,"connection":4,"pid":42,"tid":43,"pname":"curl\u001b[31m","fd":5,"#,
            r#""direction":"out","kind":"tls_data","content":"http1_request","probe":"openssl","type":1,"#,
            r#""client":"10.0.0.1:50000","server":"93.184.216.34:443","local":"10.0.0.1:50000","#,
            r#""remote":"93.184.216.34:443","address_source":"field","role_inferred":false,"#,
            r#""src":"10.0.0.1:50000","dst":"93.184.216.34:443","tuple_sense":"initiator_to_acceptor","#,
            r#""http":{"method":"GET","host":"example.com","path":"/a"},"provenance":["wire"],"length":28,"#,
            r#""payload":"GET /\r\n"}"#,
            "\n"
        );
        assert_eq!(line(&samples::request(), &[b"GET ", b"/\r\n"]), expected);
    }

    #[test]
    fn the_unknown_is_absent() {
        let text = line(&samples::bare(), &[]);
        assert!(!text.contains("null") && !text.contains("pid"), "{text}");
        assert!(
            text.ends_with(
                ",\"provenance\":[\"wire\"],\"details\":{\"reason\":\"not a message\"},\"length\":0,\"payload\":\"\"}\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn payloads_come_back_as_they_were() {
        let large = vec![b'x'; usize::try_from(MAX_TEXT_BYTES + 1).unwrap()];
        let pieces: Vec<&[u8]> = large.chunks(1 << 20).collect();
        let exact: Vec<&[u8]> = pieces[..4].to_vec();
        let cases: [(&[&[u8]], bool); 6] = [
            (&["\u{202e}\u{9b}\u{7f}\u{e0041}é".as_bytes()], true),
            (&[b"\xe6\xbc", b"\xa2"], true),
            (&[b"\xff\x00"], false),
            (&[b"a", b"b\xff", b"c"], false),
            (&exact, true),
            (&pieces, false),
        ];
        for (pieces, is_text) in cases {
            let line = line(&samples::request(), pieces);
            assert!(!line.trim_end().contains(is_hazard));
            let object: serde_json::Value = serde_json::from_str(&line).unwrap();
            let bytes = if is_text {
                object["payload"].as_str().unwrap().as_bytes().to_vec()
            } else {
                STANDARD
                    .decode(object["payload_base64"].as_str().unwrap())
                    .unwrap()
            };
            assert!(bytes == pieces.concat());
        }
    }
}
