//! Exchanges as CSV, for spreadsheets: one row each, without heads and bodies.
//!
//! The first row names the columns. RFC 4180: UTF-8, commas, CRLF. An unknown value is an empty cell. Bytes of captured
//! text that are not UTF-8 are shown as U+FFFD, and a cell with captured text that a spreadsheet could take for a
//! formula begins with an apostrophe which was not captured: one that begins with `=`, `+`, `-`, `@`, a tab, a line
//! end or an apostrophe.
//!
//! | column | what it is |
//! |---|---|
//! | `capture` | the capture, where several are read as one |
//! | `id` | the exchange's number in its capture |
//! | `time` | when its first event was, RFC 3339 in UTC |
//! | `pname`, `pid` | the process |
//! | `exe`, `ppid`, `container` | the file it runs, its parent, and its container, as `/proc` told |
//! | `fd` | its descriptor |
//! | `role` | which end the process is: `client` or `server` |
//! | `client`, `server` | the ends, as `10.0.0.1:443` or `[2001:db8::1]:443` |
//! | `connection`, `http2_stream` | the connection, and the HTTP/2 stream |
//! | `version` | of HTTP: `1.0`, `1.1` or `2` |
//! | `method`, `url` | what was asked; the target where there is no URL |
//! | `status` | what was answered |
//! | `request_bytes`, `response_bytes` | the sizes of the bodies, without framing and with codings |
//! | `elapsed_ms` | from the first event of the request to the last of the response |
//! | `content_type` | of the response |
//! | `request_ending`, `response_ending` | `complete`, `consistent`, `closed`, `open` or `broken`; empty if not captured |
//! | `request_defects`, `response_defects` | what is wrong with them, with blanks between |

use std::borrow::Cow;
use std::io::{self, Write};

use super::exchanges::ExchangeWriter;
use super::spreadsheet::{cell, guarded, put_row};
use crate::event::{ConnectionId, Role};
use crate::http::exchange::{Bodies, Exchange, Side};

const COLUMNS: [&str; 26] = [
    "capture",
    "id",
    "time",
    "pname",
    "pid",
    "exe",
    "ppid",
    "container",
    "fd",
    "role",
    "client",
    "server",
    "connection",
    "http2_stream",
    "version",
    "method",
    "url",
    "status",
    "request_bytes",
    "response_bytes",
    "elapsed_ms",
    "content_type",
    "request_ending",
    "response_ending",
    "request_defects",
    "response_defects",
];

/// Writes the rows, and the names of the columns before them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Csv {
    has_columns: bool,
}

impl Csv {
    /// At the beginning of a file.
    pub fn new() -> Self {
        Self::default()
    }

    fn columns(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if std::mem::replace(&mut self.has_columns, true) {
            return Ok(());
        }
        put_row(out, COLUMNS.map(Cow::Borrowed))
    }
}

impl ExchangeWriter for Csv {
    fn write(
        &mut self,
        out: &mut dyn Write,
        capture: Option<&str>,
        exchange: &Exchange,
        _: &dyn Bodies,
    ) -> io::Result<()> {
        self.columns(out)?;
        put_row(out, row(capture, exchange))
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.columns(out)
    }
}

fn row<'a>(capture: Option<&'a str>, exchange: &'a Exchange) -> [Cow<'a, str>; COLUMNS.len()] {
    let text =
        |bytes: Option<&'a [u8]>| guarded(String::from_utf8_lossy(bytes.unwrap_or_default()));
    let request = exchange.head(Side::Request);
    let response = exchange.head(Side::Response);
    let url = exchange.url().map_or_else(
        || text(request.and_then(|head| head.target.as_deref())),
        guarded,
    );
    let bytes = |side| cell(exchange.half(side).map(|half| half.body_bytes));
    let ending = |side| cell(exchange.half(side).map(|half| half.ending.name()));
    let defects = |side| {
        cell(
            exchange
                .half(side)
                .map(|half| half.defects.names().join(" ")),
        )
    };
    let who = exchange.identity.as_deref();
    let content_type = response.and_then(|head| head.values("content-type").next());
    [
        guarded(capture.unwrap_or_default()),
        Cow::Owned(exchange.id.to_string()),
        Cow::Owned(exchange.time().to_string()),
        guarded(exchange.process.pname.as_deref().unwrap_or_default()),
        cell(exchange.process.pid),
        guarded(who.and_then(|who| who.exe.as_deref()).unwrap_or_default()),
        cell(who.and_then(|who| who.ppid)),
        guarded(
            who.and_then(|who| who.container.as_deref())
                .unwrap_or_default(),
        ),
        cell(exchange.fd),
        cell(exchange.role.map(Role::name)),
        cell(exchange.endpoints.client),
        cell(exchange.endpoints.server),
        cell(exchange.connection.map(ConnectionId::number)),
        cell(exchange.http2_stream),
        cell(request.or(response).map(|head| head.version.name())),
        text(request.and_then(|head| head.method.as_deref())),
        url,
        cell(response.and_then(|head| head.status)),
        bytes(Side::Request),
        bytes(Side::Response),
        cell(exchange.elapsed_ns().map(milliseconds)),
        text(content_type.map(AsRef::as_ref)),
        ending(Side::Request),
        ending(Side::Response),
        defects(Side::Request),
        defects(Side::Response),
    ]
}

/// Nanoseconds, which are not negative, as milliseconds with all their digits.
fn milliseconds(nanos: i64) -> String {
    format!("{}.{:06}", nanos / 1_000_000, nanos % 1_000_000)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::super::samples::{self, Memory};
    use super::*;

    fn written(exchanges: &[Exchange]) -> String {
        let mut out = Vec::new();
        let mut csv = Csv::new();
        for exchange in exchanges {
            csv.write(&mut out, None, exchange, &Memory::default())
                .unwrap();
        }
        csv.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn exchanges() {
        let head = COLUMNS.join(",") + "\r\n";
        assert_eq!(written(&[]), head);
        let mut orphan = samples::exchange();
        orphan.request = None;
        orphan.process.pname = Some("=cmd|' /C calc'!A0".to_owned());
        let rows = concat!(
            ",12,2026-11-23T11:00:00.000000000Z,curl,42,,,,5,client,10.0.0.1:50000,93.184.216.34:443,4,,1.1,POST,",
            "https://example.com/a?q=1,200,7,9,40.000000,text/plain; charset=utf-8,complete,complete,,\r\n",
            ",12,2026-11-23T11:00:00.025000000Z,'=cmd|' /C calc'!A0,42,,,,5,client,10.0.0.1:50000,93.184.216.34:443,4,,",
            "1.1,,,200,,9,,text/plain; charset=utf-8,,complete,,\r\n",
        );
        assert_eq!(written(&[samples::exchange(), orphan]), head + rows);
    }

    proptest! {
        #[test]
        fn any_text_is_one_row_of_harmless_cells(target in any::<Vec<u8>>(), method in any::<String>()) {
            let mut exchange = samples::exchange();
            let head = exchange.request.as_mut().unwrap().head.as_mut().unwrap();
            head.target = Some(Bytes::from(target));
            head.method = Some(Bytes::from(method.clone()));
            let text = written(&[exchange]);
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!(rows.len(), 1);
            prop_assert!(rows[0].iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n'])));
            let cell = &rows[0][15];
            prop_assert_eq!(cell.strip_prefix('\'').unwrap_or(cell), method);
        }
    }
}
