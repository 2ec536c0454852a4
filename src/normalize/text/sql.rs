//! Queries: mysqld and postgres, in 2.x (internal/probe/mysql/event.go:114@v2.5.1,
//! internal/probe/postgres/event.go:113,119@v2.5.1) and bare in 1.4.3.

use bytes::Bytes;

use super::{tail, uncounted};
use crate::event::{Kind, Layout, Probe, Provenance};
use crate::normalize::dump;
use crate::normalize::reading::{Reading, Told};
use crate::normalize::scan::{Scanner, id, name, share};

/// eCapture's buffer for a mysqld query.
const MYSQLD_BYTES: u64 = 256;
/// 2.x prints 100 bytes of a postgres query, and then three dots.
const POSTGRES_CUT: usize = 103;
/// With `--hex`, it prints 32.
const POSTGRES_HEX: usize = 32;
/// The longest status word is `DISPATCH_COMMAND_NOT_CAPTURED`.
const STATUS_BYTES: usize = 64;

/// `MySQL Query[PID=%d, Comm=%s, Len=%d/%d, Status=%s]: %s`.
pub(super) fn read_mysqld(text: &Bytes) -> Option<Reading> {
    let mut scanner = Scanner::new(text);
    scanner.tag(b"MySQL Query[PID=")?;
    let pid = scanner.number()?;
    scanner.tag(b", Comm=")?;
    let (command, (captured, total, status, rest)) =
        scanner.command(b", Len=", |mut scanner| {
            let captured = scanner.number::<u64>()?;
            scanner.tag(b"/")?;
            let total = scanner.number::<u64>()?;
            scanner.tag(b", Status=")?;
            let status = scanner.until(b"]: ", STATUS_BYTES)?;
            Some((captured, total, status, scanner.rest()))
        })?;
    // The query stops at a NUL, so the count can be more than what is there.
    let whole = usize::try_from(captured).is_ok_and(|captured| captured == rest.len());
    let body = if whole { rest } else { uncounted(rest) };
    let payload = share(text, body, rest.len().saturating_sub(body.len()));
    let mut reading = Reading::new(Kind::Sql, Layout::MysqldText, payload);
    mysqld(&mut reading, pid, command, (captured, total), status);
    Some(reading)
}

fn mysqld(reading: &mut Reading, pid: u64, command: &[u8], length: (u64, u64), status: &[u8]) {
    let (captured, total) = length;
    reading.process.pid = id(pid);
    reading.process.pname = name(command);
    reading.probe = Some(Probe::Mysqld);
    reading.details.total_bytes = Some(total);
    reading.details.status =
        (!status.is_empty()).then(|| String::from_utf8_lossy(status).into_owned());
    reading.truncated(captured < total || captured == MYSQLD_BYTES);
}

/// `PID=%d Comm=%s Query=%s`, and with `--hex` `PID=0x%x Timestamp=0x%x Query=%x Comm=%x`.
pub(super) fn read_postgres(text: &Bytes) -> Option<Reading> {
    let mut scanner = Scanner::new(text);
    scanner.tag(b"PID=")?;
    if scanner.tag(b"0x").is_some() {
        return read_postgres_hex(scanner);
    }
    let pid = scanner.number()?;
    scanner.tag(b" Comm=")?;
    let (command, rest) = scanner.command(b" Query=", |scanner| Some(scanner.rest()))?;
    let payload = tail(text, rest, false)?;
    let cut = payload.len() == POSTGRES_CUT && payload.ends_with(b"...");
    let mut reading = postgres(Layout::PostgresText, payload, pid, command);
    reading.truncated(cut);
    Some(reading)
}

fn read_postgres_hex(mut scanner: Scanner<'_>) -> Option<Reading> {
    let pid = scanner.hex_number()?;
    scanner.tag(b" Timestamp=0x")?;
    let monotonic = scanner.hex_number::<u64>()?;
    scanner.tag(b" Query=")?;
    let query = scanner.until(b" Comm=", scanner.rest().len())?;
    let command = dump::read_digits(uncounted(scanner.rest()))?;
    let payload = Bytes::from(dump::read_digits(query)?);
    let cut = payload.len() == POSTGRES_HEX;
    let mut reading = postgres(Layout::PostgresText, payload, pid, &command);
    reading.details.monotonic_ns = Some(monotonic);
    reading.told = i64::try_from(monotonic).map_or(Told::Nothing, Told::Monotonic);
    reading.hex(true);
    reading.truncated(cut);
    Some(reading)
}

fn postgres(layout: Layout, payload: Bytes, pid: u64, command: &[u8]) -> Reading {
    let mut reading = Reading::new(Kind::Sql, layout, payload);
    reading.process.pid = id(pid);
    reading.process.pname = name(command);
    reading.probe = Some(Probe::Postgres);
    reading.provenance = Provenance::empty();
    reading
}

/// 1.4.3 mysqld: ` PID:%d, Comm:%s, Time:%d,  length:(%d/%d),  return:%s, Line:%s`; postgres:
/// ` PID: %d, Comm: %s, Time: %d, Query: %s`. The command names are padded, the time is Unix time in nanoseconds.
pub(super) fn read_bare(text: &Bytes) -> Option<Reading> {
    let mut scanner = Scanner::new(text);
    scanner.tag(b" PID:")?;
    if scanner.tag(b" ").is_some() {
        let pid = scanner.number()?;
        scanner.tag(b", Comm: ")?;
        let (command, (time, rest)) = scanner.command(b", Time: ", |mut scanner| {
            let time = scanner.signed()?;
            scanner.tag(b", Query: ")?;
            Some((time, scanner.rest()))
        })?;
        let mut reading = postgres(Layout::PostgresBare, share(text, rest, 0), pid, command);
        reading.told = Told::Field(time);
        return Some(reading);
    }
    let pid = scanner.number()?;
    scanner.tag(b", Comm:")?;
    let (command, (time, length, status, rest)) = scanner.command(b", Time:", |mut scanner| {
        let time = scanner.signed()?;
        scanner.tag(b",  length:(")?;
        let captured = scanner.number::<u64>()?;
        scanner.tag(b"/")?;
        let total = scanner.number::<u64>()?;
        scanner.tag(b"),  return:")?;
        let status = scanner.until(b", Line:", STATUS_BYTES)?;
        Some((time, (captured, total), status, scanner.rest()))
    })?;
    let mut reading = Reading::new(Kind::Sql, Layout::MysqldBare, share(text, rest, 0));
    mysqld(&mut reading, pid, command, length, status);
    reading.told = Told::Field(time);
    Some(reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mysqld_of(rest: &str) -> (Bytes, bool) {
        let text = format!("MySQL Query[PID=7, Comm=mysqld, {rest}");
        let reading = read_mysqld(&Bytes::from(text)).unwrap();
        let cut = reading.provenance.contains(Provenance::MAYBE_TRUNCATED);
        (reading.payload, cut)
    }

    #[test]
    fn mysqld_by_count_or_by_newline() {
        for (rest, payload, cut) in [
            ("Len=2/2, Status=OK]: ab\n", "ab", false),
            ("Len=3/3, Status=OK]: ab\n", "ab\n", false),
            ("Len=9/9, Status=OK]: ab\n", "ab", false),
            ("Len=2/5, Status=OK]: ab\n", "ab", true),
            ("Len=256/256, Status=OK]: ab\n", "ab", true),
        ] {
            let (found, truncated) = mysqld_of(rest);
            assert_eq!(
                (found.as_ref(), truncated),
                (payload.as_bytes(), cut),
                "{rest}"
            );
        }
    }

    #[test]
    fn postgres_says_when_it_cut() {
        for (query, cut) in [
            (format!("{}...", "x".repeat(100)), true),
            (format!("{}...", "x".repeat(99)), false),
            ("x".repeat(103), false),
        ] {
            let text = Bytes::from(format!("PID=7 Comm=postgres Query={query}\n"));
            let reading = read_postgres(&text).unwrap();
            assert_eq!(reading.payload, query.as_bytes());
            assert_eq!(
                reading.provenance.contains(Provenance::MAYBE_TRUNCATED),
                cut
            );
        }
    }
}
