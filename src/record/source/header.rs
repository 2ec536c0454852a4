//! Headers of the user's, sent with the handshake: for a proxy that wants to know who asks.
//!
//! A value can be a secret: it is in no message, is not stored, and stands in no `Debug` text.

use std::io::Read as _;
use std::path::PathBuf;

use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, header};

use crate::record::error::Error;

/// A longer value, in bytes, is refused: servers take some 8 KiB of headers in all.
const MAX_VALUE_BYTES: u64 = 8 << 10;

/// A header of the handshake.
#[derive(Debug, Clone)]
pub struct Header {
    pub(super) name: HeaderName,
    // Marked as sensitive, so that its `Debug` text hides it.
    pub(super) value: HeaderValue,
}

impl Header {
    /// Reads `Name: value`; of a value `@FILE`, the file, without the line end at its end.
    ///
    /// # Errors
    /// When it is no header, its name is one that the handshake needs for itself, or the file cannot be read.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |name: &str, reason: &'static str| Error::BadHeader {
            name: name.to_owned(),
            reason,
        };
        // Without a colon nobody knows what of it is secret.
        let (name, value) = text
            .split_once(':')
            .ok_or_else(|| bad("", "has no colon: a header is `Name: value`"))?;
        let value = value.trim();
        let parsed = HeaderName::from_bytes(name.trim().as_bytes())
            .map_err(|_| bad("", "what stands before the colon is no name of a header"))?;
        if is_reserved(&parsed) {
            return Err(bad(
                parsed.as_str(),
                "the WebSocket handshake needs it for itself",
            ));
        }
        let value = match value.strip_prefix('@') {
            Some(file) => read(PathBuf::from(file))?,
            None => value.to_owned(),
        };
        let mut value = HeaderValue::from_str(&value)
            .ok()
            .filter(|value| value.to_str().is_ok())
            .ok_or_else(|| bad(parsed.as_str(), "its value is not one line of ASCII text"))?;
        value.set_sensitive(true);
        Ok(Self {
            name: parsed,
            value,
        })
    }

    /// Whether one of these is all that there can be.
    pub(super) fn is_single(&self) -> bool {
        [header::ORIGIN, header::HOST].contains(&self.name)
    }
}

fn read(path: PathBuf) -> Result<String, Error> {
    let read = || {
        let mut text = String::new();
        std::fs::File::open(&path)?
            .take(MAX_VALUE_BYTES + 1)
            .read_to_string(&mut text)?;
        if text.len() as u64 > MAX_VALUE_BYTES {
            return Err(std::io::Error::other(
                "is too long for a header: more than 8 KiB",
            ));
        }
        Ok(text)
    };
    match read() {
        Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(source) => Err(Error::HeaderFile { path, source }),
    }
}

fn is_reserved(name: &HeaderName) -> bool {
    [
        header::CONNECTION,
        header::UPGRADE,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
    ]
    .contains(name)
        || name.as_str().starts_with("sec-websocket-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_or_refused_and_never_shown() {
        let header = Header::parse("Authorization:  Bearer s3cret ").unwrap();
        assert_eq!(header.name, "authorization");
        assert_eq!(header.value, "Bearer s3cret");
        assert!(!format!("{header:?}").contains("s3cret"));
        for text in [
            "s3cret",
            "s3 cret: x",
            ": s3cret",
            "Upgrade: s3cret",
            "Sec-WebSocket-Key: s3cret",
            "X-A: s3cret\r\nX-B: b",
            "X-A: s3crét",
        ] {
            let error = Header::parse(text).unwrap_err();
            assert!(matches!(error, Error::BadHeader { .. }), "{text}");
            assert!(!error.to_string().contains("s3c"), "{error}");
        }
    }

    #[test]
    fn a_value_may_stand_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Header::parse(&format!("X-Token: @{}", file.display()))
        };
        assert_eq!(read("s3cret\r\n").unwrap().value, "s3cret");
        assert!(matches!(read("two\nlines"), Err(Error::BadHeader { .. })));
        let long = "x".repeat(9000);
        assert!(matches!(read(&long), Err(Error::HeaderFile { .. })));
        assert!(matches!(
            Header::parse("X-Token: @/no/such/file"),
            Err(Error::HeaderFile { .. })
        ));
    }
}
