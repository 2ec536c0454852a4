//! What bytes look like, before anything is parsed.

/// How the texts start that some eCapture sends.
const STARTS: [&[u8]; 9] = [
    b"PID:",
    b"PID=",
    b" PID:",
    b"MySQL Query[PID=",
    b"TLS Version: ",
    b"Version: 0x",
    b"Label:",
    b"Packet captured: ",
    b"UUID:",
];

/// Of a hundred characters of text, how many may be control characters other than tab, newline and carriage return.
const CONTROL_PERCENT: usize = 30;

/// Whether `bytes` start like one of eCapture's texts. A protobuf `LogEntry` of eCapture's never does: it starts with
/// the key of one of its four fields.
pub(super) fn starts_like_text(bytes: &[u8]) -> bool {
    STARTS.iter().any(|start| bytes.starts_with(start))
        || matches!(bytes, [b'[', first, ..] if first.is_ascii_digit())
}

/// Whether `bytes` can pass for text: valid UTF-8 without too many control characters, and not empty.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    if bytes.is_empty() || std::str::from_utf8(bytes).is_err() {
        return false;
    }
    let control = bytes
        .iter()
        .filter(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r'))
        .count();
    control.saturating_mul(100) <= bytes.len().saturating_mul(CONTROL_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_text() {
        for (bytes, like, text) in [
            (&b"PID:1"[..], true, true),
            (b"[2026-01-01 ", true, true),
            (b"[x", false, true),
            (b"\x08\x02\x12\x00", false, false),
            (b"", false, false),
            (b"\xff\xff", false, false),
            ("wörld\n".as_bytes(), false, true),
        ] {
            assert_eq!(starts_like_text(bytes), like, "{bytes:?}");
            assert_eq!(is_text(bytes), text, "{bytes:?}");
        }
    }
}
