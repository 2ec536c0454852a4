//! What an event is, and what its payload holds: our own reading, beside eCapture's.

/// What sort of event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Plaintext that a TLS library read or wrote.
    TlsData,
    /// A TCP connect or accept, with addresses and without payload (2.x openssl).
    Connection,
    /// A line typed into bash or zsh.
    Shell,
    /// A query seen by mysqld or postgres.
    Sql,
    /// The mention of a captured network packet; its bytes are not sent.
    Packet,
    /// TLS secrets. Stored only when asked for.
    KeyMaterial,
    /// Text that no known probe writes. The payload is that text.
    UnknownText,
    /// A frame that is no message of eCapture's. The payload is the whole frame.
    Unreadable,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::TlsData,
        Self::Connection,
        Self::Shell,
        Self::Sql,
        Self::Packet,
        Self::KeyMaterial,
        Self::UnknownText,
        Self::Unreadable,
    ];

    /// The number that stands for it in a capture file.
    pub fn code(self) -> u8 {
        match self {
            Self::TlsData => 1,
            Self::Connection => 2,
            Self::Shell => 3,
            Self::Sql => 4,
            Self::Packet => 5,
            Self::KeyMaterial => 6,
            Self::UnknownText => 7,
            Self::Unreadable => 8,
        }
    }

    /// The kind that `code` stands for.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Its name in output and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::TlsData => "tls_data",
            Self::Connection => "conn",
            Self::Shell => "shell",
            Self::Sql => "sql",
            Self::Packet => "packet",
            Self::KeyMaterial => "key_material",
            Self::UnknownText => "unknown_text",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What a payload holds, judged by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// Nothing. On TLS data that was read, this is the end of the stream.
    Empty,
    /// An HTTP/1 request, at least its request line.
    Http1Request,
    /// An HTTP/1 response, at least its status line.
    Http1Response,
    /// An HTTP/2 client preface (RFC 9113 section 3.4), with whatever frames follow it.
    Http2Preface,
    /// HTTP/2 frames (RFC 9113 section 4.1).
    Http2Frames,
    /// eCapture 1.x's prose listing of HTTP/2 frames.
    Http2Listing,
    /// Other text.
    Text,
    /// Anything else.
    Binary,
}

impl Content {
    /// Every content.
    pub const ALL: [Self; 8] = [
        Self::Empty,
        Self::Http1Request,
        Self::Http1Response,
        Self::Http2Preface,
        Self::Http2Frames,
        Self::Http2Listing,
        Self::Text,
        Self::Binary,
    ];

    /// The number that stands for it in a capture file.
    pub fn code(self) -> u8 {
        match self {
            Self::Empty => 0,
            Self::Http1Request => 1,
            Self::Http1Response => 2,
            Self::Http2Preface => 3,
            Self::Http2Frames => 4,
            Self::Http2Listing => 5,
            Self::Text => 6,
            Self::Binary => 7,
        }
    }

    /// The content that `code` stands for.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Its name in output and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Http1Request => "http1_request",
            Self::Http1Response => "http1_response",
            Self::Http2Preface => "http2_preface",
            Self::Http2Frames => "http2_frames",
            Self::Http2Listing => "http2_listing",
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }
}

/// Which eCapture probe made an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Probe {
    /// OpenSSL and `BoringSSL`.
    Openssl,
    /// Go's crypto/tls.
    Gotls,
    /// GnuTLS or NSPR, which look the same on the wire.
    GnutlsOrNspr,
    /// bash.
    Bash,
    /// zsh.
    Zsh,
    /// mysqld.
    Mysqld,
    /// postgres.
    Postgres,
}

impl Probe {
    /// Every probe.
    pub const ALL: [Self; 7] = [
        Self::Openssl,
        Self::Gotls,
        Self::GnutlsOrNspr,
        Self::Bash,
        Self::Zsh,
        Self::Mysqld,
        Self::Postgres,
    ];

    /// The number that stands for it in a capture file.
    pub fn code(self) -> u8 {
        match self {
            Self::Openssl => 1,
            Self::Gotls => 2,
            Self::GnutlsOrNspr => 3,
            Self::Bash => 4,
            Self::Zsh => 5,
            Self::Mysqld => 6,
            Self::Postgres => 7,
        }
    }

    /// The probe that `code` stands for.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|probe| probe.code() == code)
    }

    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Openssl => "openssl",
            Self::Gotls => "gotls",
            Self::GnutlsOrNspr => "gnutls_or_nspr",
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Mysqld => "mysqld",
            Self::Postgres => "postgres",
        }
    }
}

/// The facts of an HTTP message's head that are worth an index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct HttpHead {
    /// The request method, as sent.
    pub method: Option<String>,
    /// The `Host` field (HTTP/2: `:authority`), in lower case, with the port if it has one.
    pub host: Option<String>,
    /// The request target (HTTP/2: `:path`), with its query, as sent.
    pub path: Option<String>,
    /// The status code, 100 to 999.
    pub status: Option<u16>,
    /// The `Content-Type` field, as sent.
    pub content_type: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_code(kind.code()), Some(kind));
        }
        for content in Content::ALL {
            assert_eq!(Content::from_code(content.code()), Some(content));
        }
        for probe in Probe::ALL {
            assert_eq!(Probe::from_code(probe.code()), Some(probe));
        }
        assert_eq!(Kind::from_code(0), None);
    }
}
