//! The content of SETTINGS frames (RFC 9113, section 6.5).

use super::output::Output;

/// The setting that says how long a frame the sender takes.
const MAX_FRAME_SIZE: u16 = 5;
/// The settings that have a meaning (IANA, "HTTP/2 Settings").
const KNOWN: std::ops::RangeInclusive<u16> = 1..=16;

/// Settings, of which those that nobody knows are nothing.
pub(super) fn settings(content: &[u8], out: &mut Output) -> Vec<u8> {
    let mut kept = content.to_vec();
    for setting in kept.as_chunks_mut::<6>().0 {
        let [i0, i1, ..] = *setting;
        if !KNOWN.contains(&u16::from_be_bytes([i0, i1])) {
            *setting = [0; 6];
            out.covered_bytes += 6;
        }
    }
    kept
}

/// How long a frame the sender takes, if it says so.
pub(super) fn frame_limit(settings: &[u8]) -> Option<usize> {
    let mut found = settings.as_chunks().0.iter().filter_map(|setting| {
        let [i0, i1, v0, v1, v2, v3] = *setting;
        let value = u32::from_be_bytes([v0, v1, v2, v3]);
        (u16::from_be_bytes([i0, i1]) == MAX_FRAME_SIZE).then_some(value)
    });
    usize::try_from(found.next_back()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_knows_is_nothing() {
        let mut out = Output::default();
        let kept = settings(b"\0\x05\0\x01\0\0s3cr3t\0\x03\0\0\0\x64", &mut out);
        assert_eq!(kept, b"\0\x05\0\x01\0\0\0\0\0\0\0\0\0\x03\0\0\0\x64");
        assert_eq!(out.covered_bytes, 6);
        assert_eq!(frame_limit(&kept), Some(1 << 16));
        assert_eq!(frame_limit(b""), None);
    }
}
