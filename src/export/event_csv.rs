//! Events as CSV, for spreadsheets: one row each, with the payload.
//!
//! The first row names the columns. RFC 4180: UTF-8, commas, CRLF. An unknown value is an empty cell. A cell with
//! captured text that a spreadsheet could take for a formula begins with an apostrophe which was not captured: one that
//! begins with `=`, `+`, `-`, `@`, a tab, a line end or an apostrophe. Base64 has no formulas and is as it is.
//!
//! | column | what it is |
//! |---|---|
//! | `capture` | the capture, where several are read as one |
//! | `id` | the event's number in its capture |
//! | `time` | when it happened, RFC 3339 in UTC |
//! | `pid`, `tid`, `pname` | the process |
//! | `exe`, `ppid`, `container` | the file it runs, its parent, and its container, as `/proc` told |
//! | `fd` | its descriptor |
//! | `direction` | `in`: the process read; `out`: it wrote |
//! | `kind`, `content` | what it is, and what its payload holds; the names that `--type` takes |
//! | `type` | eCapture's own type number |
//! | `client`, `server` | the ends, as `10.0.0.1:443` or `[2001:db8::1]:443` |
//! | `method`, `host`, `path`, `status` | from the head of an HTTP message |
//! | `length` | the size of the payload in bytes |
//! | `payload` | the payload, if it is UTF-8 and not larger than 4 MiB |
//! | `payload_base64` | the payload, if it is not |

use std::borrow::Cow;
use std::io::{self, Write};

use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;
use bytes::Bytes;

use super::jsonl::MAX_TEXT_BYTES;
use super::spreadsheet::{cell, guarded, put_row};
use crate::event::{Direction, StoredEvent};

const COLUMNS: [&str; 23] = [
    "capture",
    "id",
    "time",
    "pid",
    "tid",
    "pname",
    "exe",
    "ppid",
    "container",
    "fd",
    "direction",
    "kind",
    "content",
    "type",
    "client",
    "server",
    "method",
    "host",
    "path",
    "status",
    "length",
    "payload",
    "payload_base64",
];

/// Writes the names of the columns, which come before the events.
///
/// # Errors
/// What `out` says.
pub fn columns(out: &mut dyn Write) -> io::Result<()> {
    put_row(out, COLUMNS.map(Cow::Borrowed))
}

/// Writes one event of this capture, where there are several. `next_piece` gives the payload piece by piece, then `None`.
///
/// # Errors
/// What `next_piece` says, or `out`.
pub fn write<E: From<io::Error>>(
    out: &mut dyn Write,
    capture: Option<&str>,
    stored: &StoredEvent,
    mut next_piece: impl FnMut() -> Result<Option<Bytes>, E>,
) -> Result<(), E> {
    let mut payload = Vec::new();
    let mut is_over = false;
    while payload.len() as u64 <= MAX_TEXT_BYTES {
        let Some(piece) = next_piece()? else {
            is_over = true;
            break;
        };
        payload.extend_from_slice(&piece);
    }
    let facts = facts(capture, stored);
    if is_over
        && payload.len() as u64 <= MAX_TEXT_BYTES
        && let Ok(text) = std::str::from_utf8(&payload)
    {
        put_row(out, facts.into_iter().chain([guarded(text), "".into()]))?;
        return Ok(());
    }
    let mut row = Vec::new();
    put_row(&mut row, facts.into_iter().chain(["".into(), "".into()]))?;
    // The last cell is empty: what comes before the line end continues it.
    out.write_all(row.strip_suffix(b"\r\n").unwrap_or(&row))?;
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
    out.write_all(b"\r\n")?;
    Ok(())
}

fn facts<'a>(
    capture: Option<&'a str>,
    stored: &'a StoredEvent,
) -> [Cow<'a, str>; COLUMNS.len() - 2] {
    let event = &stored.event;
    let http = event.http.as_ref();
    let who = stored.identity.as_deref();
    let text = |text: Option<&'a String>| guarded(text.map_or("", String::as_str));
    [
        guarded(capture.unwrap_or_default()),
        Cow::Owned(stored.id.to_string()),
        Cow::Owned(event.time.to_string()),
        cell(event.process.pid),
        cell(event.process.tid),
        text(event.process.pname.as_ref()),
        text(who.and_then(|who| who.exe.as_ref())),
        cell(who.and_then(|who| who.ppid)),
        text(who.and_then(|who| who.container.as_ref())),
        cell(event.fd),
        cell(event.direction.map(Direction::name)),
        Cow::Borrowed(event.kind.name()),
        Cow::Borrowed(event.content.name()),
        cell(event.ecapture_type),
        cell(stored.endpoints.client),
        cell(stored.endpoints.server),
        text(http.and_then(|http| http.method.as_ref())),
        text(http.and_then(|http| http.host.as_ref())),
        text(http.and_then(|http| http.path.as_ref())),
        cell(http.and_then(|http| http.status)),
        Cow::Owned(stored.payload_bytes.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;
    use crate::event::samples;

    fn row(stored: &StoredEvent, pieces: &[&[u8]]) -> String {
        let mut pieces = pieces.iter().map(|piece| Bytes::copy_from_slice(piece));
        let mut out = Vec::new();
        write::<io::Error>(&mut out, None, stored, || Ok(pieces.next())).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn events() {
        let mut out = Vec::new();
        columns(&mut out).unwrap();
        assert_eq!(out, (COLUMNS.join(",") + "\r\n").as_bytes());
        let facts = concat!(
            ",7,2026-11-23T11:00:00.000000000Z,42,43,curl\u{1b}[31m,,,,5,out,tls_data,http1_request,1,",
            "10.0.0.1:50000,93.184.216.34:443,GET,example.com,/a,,28,"
        );
        assert_eq!(
            row(&samples::request(), &[b"GET ", b"/\r\n"]),
            format!("{facts}\"GET /\r\n\",\r\n")
        );
        assert_eq!(
            row(&samples::request(), &[b"=1"]),
            format!("{facts}'=1,\r\n")
        );
        assert_eq!(
            row(&samples::request(), &[b"\xff", b"\x00"]),
            format!("{facts},/wA=\r\n")
        );
    }

    #[test]
    fn large_payloads_are_base64() {
        let large = vec![b'x'; usize::try_from(MAX_TEXT_BYTES + 1).unwrap()];
        let pieces: Vec<&[u8]> = large.chunks(1 << 20).collect();
        for (pieces, column) in [(&pieces[..4], 21), (&pieces[..], 22)] {
            let text = row(&samples::bare(), pieces);
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(text.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            let payload = if column == 21 {
                record[21].as_bytes().to_vec()
            } else {
                STANDARD.decode(&record[22]).unwrap()
            };
            assert!(payload == pieces.concat());
            assert_eq!(record[43 - column], *"");
        }
    }
}
