//! Rows of CSV (RFC 4180) that a spreadsheet can open without running what stands in them.
//!
//! Spreadsheets take a cell for a formula if it begins with one of a few characters, whatever its quotes. So a cell with
//! captured text that begins with one of them, or with an apostrophe, gets an apostrophe in front, as OWASP advises ("CSV
//! Injection"). Whoever takes one apostrophe off the beginning of each such cell has what was captured.

use std::borrow::Cow;
use std::io::{self, Write};

/// The room for a row that is put together, in bytes; it grows if it must.
const ROW_BYTES: usize = 1 << 10;

/// With what a cell may begin that is no text to a spreadsheet, and the apostrophe itself.
const MARKS: [u8; 8] = *b"=+-@\t\r\n'";

/// A cell with captured text.
pub(super) fn guarded<'a>(text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let text = text.into();
    match text.as_bytes().first() {
        Some(first) if MARKS.contains(first) => Cow::Owned(format!("'{text}")),
        _ => text,
    }
}

/// Writes one row, its cells as they are.
pub(super) fn put_row<'a>(
    out: &mut dyn Write,
    cells: impl IntoIterator<Item = Cow<'a, str>>,
) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .buffer_capacity(ROW_BYTES)
        .from_writer(out);
    writer.write_record(cells.into_iter().map(CellBytes))?;
    writer.flush()
}

/// A cell as the library takes it.
struct CellBytes<'a>(Cow<'a, str>);

impl AsRef<[u8]> for CellBytes<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A cell for what may be unknown: empty then.
pub(super) fn cell<'a>(value: Option<impl ToString>) -> Cow<'a, str> {
    value.map_or(Cow::Borrowed(""), |value| Cow::Owned(value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text() {
        for (text, expected) in [
            ("a=1", "a=1"),
            ("", ""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\n=1", "'\n=1"),
            ("'=1", "''=1"),
        ] {
            assert_eq!(guarded(text), expected);
        }
    }

    #[test]
    fn a_row() {
        let mut out = Vec::new();
        let cells = ["a,b", "say \"hi\"", "", "line\nend", "é"];
        put_row(&mut out, cells.map(Cow::Borrowed)).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\"a,b\",\"say \"\"hi\"\"\",,\"line\nend\",é\r\n"
        );
    }
}
