//! bash and zsh, in 2.x (`internal/probe/bash/event.go:81@v2.5.1`, `internal/probe/zsh/event.go:84@v2.5.1`) and bare
//! in 1.x (`user/event/event_bash.go@v1.5.2`), where the command name is padded with NUL bytes to 16.
//!
//! bash: `PID:%d, UID:%d, Comm:%s, Retvalue:%d, Line:\n%s`; in 1.x with tabs. zsh: `PID:%d, UID:%d, \tComm:%s,
//! \tLine:\n%s`. With `--hex` of 2.x, `Line(hex):\n%x`.

use bytes::Bytes;

use super::tail;
use crate::event::{Kind, Layout, Probe};
use crate::normalize::reading::Reading;
use crate::normalize::scan::{Scanner, id, name, share};

/// eCapture's buffer for a line is 256 bytes, of which a NUL may be one.
const LINE_BYTES: usize = 255;
const PADDED_BYTES: usize = 16;

pub(super) fn read(text: &Bytes) -> Option<Reading> {
    let mut scanner = Scanner::new(text);
    scanner.tag(b"PID:")?;
    let pid = scanner.number()?;
    scanner.tag(b", UID:")?;
    let uid = scanner.number()?;
    scanner.tag(b", ")?;
    let (layout, command, status, hex, rest) = if scanner.tag(b"Comm:").is_some() {
        let (command, (status, hex, rest)) = scanner.command(b", Retvalue:", |mut scanner| {
            let status = scanner.signed()?;
            scanner.tag(b", ")?;
            let (hex, rest) = line(scanner)?;
            Some((status, hex, rest))
        })?;
        (Layout::BashText, command, Some(status), hex, rest)
    } else {
        scanner.tag(b"\tComm:")?;
        read_tabbed(scanner)?
    };
    let payload = match layout {
        Layout::BashBare | Layout::ZshBare => (!hex).then(|| share(text, rest, 0))?,
        _ => tail(text, rest, hex)?,
    };
    let probe = match layout {
        Layout::BashText | Layout::BashBare => Probe::Bash,
        _ => Probe::Zsh,
    };
    let truncated = payload
        .split(|byte| *byte == b'\n')
        .any(|line| line.len() >= LINE_BYTES);
    let mut reading = Reading::new(Kind::Shell, layout, payload);
    reading.process.pid = id(pid);
    reading.process.uid = Some(uid);
    reading.process.pname = name(command);
    reading.probe = Some(probe);
    reading.details.return_value = status;
    reading.hex(hex);
    reading.truncated(truncated);
    Some(reading)
}

type Parts<'a> = (Layout, &'a [u8], Option<i64>, bool, &'a [u8]);

fn read_tabbed(scanner: Scanner<'_>) -> Option<Parts<'_>> {
    let bash = scanner.command(b", \tRetvalue:", |mut scanner| {
        let status = scanner.signed()?;
        scanner.tag(b", \t")?;
        let (hex, rest) = line(scanner)?;
        Some((status, hex, rest))
    });
    if let Some((command, (status, hex, rest))) = bash {
        return Some((Layout::BashBare, command, Some(status), hex, rest));
    }
    let (command, (hex, rest)) = scanner.command(b", \t", line)?;
    let layout = if command.len() == PADDED_BYTES {
        Layout::ZshBare
    } else {
        Layout::ZshText
    };
    Some((layout, command, None, hex, rest))
}

fn line(mut scanner: Scanner<'_>) -> Option<(bool, &[u8])> {
    scanner.tag(b"Line")?;
    let hex = scanner.tag(b"(hex)").is_some();
    scanner.tag(b":\n")?;
    Some((hex, scanner.rest()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_each() {
        for (text, layout, status, payload) in [
            (
                "PID:1, UID:0, Comm:bash, Retvalue:-1, Line:\nls\n\n",
                Layout::BashText,
                Some(-1),
                "ls\n",
            ),
            (
                "PID:1, UID:0, Comm:bash, Retvalue:7, Line(hex):\n6c73\n",
                Layout::BashText,
                Some(7),
                "ls",
            ),
            (
                "PID:1, UID:0, \tComm:zsh, \tLine:\nls\n",
                Layout::ZshText,
                None,
                "ls",
            ),
            (
                "PID:1, UID:0, \tComm:bash\0\0\0\0\0\0\0\0\0\0\0\0, \tRetvalue:0, \tLine:\nls\n",
                Layout::BashBare,
                Some(0),
                "ls\n",
            ),
            (
                "PID:1, UID:0, \tComm:zsh\0\0\0\0\0\0\0\0\0\0\0\0\0, \tLine:\nls",
                Layout::ZshBare,
                None,
                "ls",
            ),
        ] {
            let reading = read(&Bytes::from(text)).unwrap();
            assert_eq!(reading.layout, layout, "{text}");
            assert_eq!(reading.details.return_value, status, "{text}");
            assert_eq!(reading.payload, payload, "{text}");
            assert_eq!(reading.process.uid, Some(0));
        }
    }
}
