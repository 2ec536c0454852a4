//! What happened to a payload's bytes before they reached us.

bitflags::bitflags! {
    /// What happened to a payload's bytes between the traced process and us. Nothing set means: as on the wire.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
    pub struct Provenance: u16 {
        /// eCapture parsed an HTTP/1 message and wrote it out anew: headers sorted and re-cased, body de-chunked and
        /// gunzipped, later messages of the burst missing (1.x).
        const RESERIALIZED = 1;
        /// A hex dump was undone: the bytes are those that were dumped.
        const HEX_UNDONE = 2;
        /// eCapture's prose listing of HTTP/2 frames (1.x).
        const LISTING = 4;
        /// The size is that of eCapture's buffer: more may have followed that was not captured.
        const MAYBE_TRUNCATED = 8;
        /// eCapture cuts such text at its first NUL byte: more may have followed (1.x).
        const CUT_AT_NUL = 16;
        /// It stood in a text file that eCapture wrote: bytes that are no UTF-8 are lost, a last newline may be, and
        /// escapes of control characters were undone.
        const TEXT_FILE = 32;
        /// We stored only the first bytes, as we were told to. How many there were is in `Details::total_bytes`.
        const SHORTENED = 64;
        /// It was damaged in the capture that this one was salvaged from, and is not here.
        const LOST = 128;
        /// Secrets in it were replaced before it was stored, or what could not be looked into was left out, as we were told
        /// to. With `SHORTENED` only the first bytes are here, and `Details::total_bytes` says how many there were. Raw HTTP/2
        /// was written again: its length is another one.
        const REDACTED = 256;
    }
}

impl Provenance {
    /// Any of these: bytes may be missing at the end, or are.
    pub const INCOMPLETE: Self = Self::MAYBE_TRUNCATED.union(Self::SHORTENED);

    /// The flags that are set, by their names in output; `wire` alone when none is.
    pub fn names(self) -> Vec<&'static str> {
        let names: Vec<_> = [
            (Self::RESERIALIZED, "reserialized"),
            (Self::HEX_UNDONE, "hex_undone"),
            (Self::LISTING, "listing"),
            (Self::MAYBE_TRUNCATED, "maybe_truncated"),
            (Self::CUT_AT_NUL, "cut_at_nul"),
            (Self::TEXT_FILE, "text_file"),
            (Self::SHORTENED, "shortened"),
            (Self::LOST, "lost"),
            (Self::REDACTED, "redacted"),
        ]
        .into_iter()
        .filter(|(flag, _)| self.contains(*flag))
        .map(|(_, name)| name)
        .collect();
        if names.is_empty() {
            vec!["wire"]
        } else {
            names
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_set() {
        assert_eq!(Provenance::empty().names(), ["wire"]);
        assert_eq!(
            (Provenance::HEX_UNDONE | Provenance::MAYBE_TRUNCATED).names(),
            ["hex_undone", "maybe_truncated"]
        );
    }
}
