//! The head of a message: the start line of HTTP/1 or the pseudo-header fields of HTTP/2, and the other fields.

use bytes::Bytes;

use super::coding::Coding;
use super::exchange::Version;
use super::media;

/// A header field.
///
/// After a loss of HTTP/2 frames, what refers to the part of the dynamic table (RFC 7541, section 2.3.2) from before it
/// is not known; it is then `None` rather than a guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name, as sent.
    pub name: Option<Bytes>,
    /// The value, without the blanks around it.
    pub value: Option<Bytes>,
}

impl Field {
    /// A field of which both are known.
    pub fn known(name: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self {
            name: Some(name.into()),
            value: Some(value.into()),
        }
    }

    /// Whether this is its name, whatever the case.
    pub fn is_named(&self, name: &str) -> bool {
        let found = self.name.as_ref();
        found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Adds fields as text, a line each. What is not known is left out.
    pub(super) fn push_text(fields: &[Self], text: &mut Vec<u8>) {
        for field in fields {
            text.extend_from_slice(field.name.as_deref().unwrap_or_default());
            text.extend_from_slice(b": ");
            text.extend_from_slice(field.value.as_deref().unwrap_or_default());
            text.extend_from_slice(b"\r\n");
        }
    }
}

/// The start line and the header fields of a message; of HTTP/2, the pseudo-header fields in place of the start line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageHead {
    /// In which version of HTTP it was sent.
    pub version: Version,
    /// The method of a request.
    pub method: Option<Bytes>,
    /// The target of a request as sent: that of the start line, or `:path`.
    pub target: Option<Bytes>,
    /// `:scheme`.
    pub scheme: Option<Bytes>,
    /// `:authority`.
    pub authority: Option<Bytes>,
    /// The status of a response, 100 to 999.
    pub status: Option<u16>,
    /// The reason phrase of an HTTP/1 response, if it is not empty.
    pub reason: Option<Bytes>,
    /// The other fields, in their order.
    pub fields: Vec<Field>,
}

impl MessageHead {
    /// A head of which nothing but the version is known.
    pub fn empty(version: Version) -> Self {
        Self {
            version,
            method: None,
            target: None,
            scheme: None,
            authority: None,
            status: None,
            reason: None,
            fields: Vec::new(),
        }
    }

    /// The values of the fields of one name, whatever its case, in their order.
    pub fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Bytes> {
        self.fields
            .iter()
            .filter(move |field| field.is_named(name))
            .filter_map(|field| field.value.as_ref())
    }

    /// The cookies, name and value: all that a request sends in `Cookie`, or that a response sets with `Set-Cookie`,
    /// without their attributes (RFC 6265, section 4). What has no name is left out.
    pub fn cookies(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (name, pairs) = if self.status.is_none() {
            ("cookie", usize::MAX)
        } else {
            ("set-cookie", 1)
        };
        self.values(name)
            .flat_map(move |value| super::fields::cookie_pairs(value, pairs))
    }

    /// Whether it is of an interim response: another head follows (RFC 9110, section 15.2). After 101 none does.
    pub fn is_interim(&self) -> bool {
        matches!(self.status, Some(100 | 102..=199))
    }

    /// How many bytes its texts take, about.
    pub fn text_bytes(&self) -> usize {
        let part = |part: &Option<Bytes>| part.as_ref().map_or(0, Bytes::len);
        let start = [&self.method, &self.target, &self.scheme, &self.authority];
        let fields = self.fields.iter();
        start.into_iter().map(part).sum::<usize>()
            + fields
                .map(|field| part(&field.name) + part(&field.value) + 4)
                .sum::<usize>()
    }

    /// The head as text, a line a field as HTTP/1 writes them, for a search. What is not known is left out.
    pub fn to_text(&self, trailers: &[Field]) -> Vec<u8> {
        let mut text = Vec::with_capacity(128 + self.text_bytes());
        let pseudo = [&self.method, &self.target, &self.scheme, &self.authority];
        for part in pseudo.into_iter().flatten() {
            text.extend_from_slice(part);
            text.push(b' ');
        }
        if let Some(status) = self.status {
            text.extend_from_slice(status.to_string().as_bytes());
        }
        text.extend_from_slice(b"\r\n");
        Field::push_text(&self.fields, &mut text);
        Field::push_text(trailers, &mut text);
        text
    }

    /// Whether the head names a coding of the body, chunks apart.
    pub fn is_coded(&self) -> bool {
        !self.codings().is_empty()
    }

    /// Whether a body that begins with the mark of a coding has it although the head names none: what is said to be text
    /// begins with no such mark, and fields that are not known may name one.
    pub fn implies_coding(&self) -> bool {
        let is_unknown = |field: &Field| field.name.is_none() || field.value.is_none();
        self.fields.iter().any(is_unknown)
            || self
                .values("content-type")
                .next()
                .is_some_and(|value| media::is_textual(value))
    }

    /// The codings of the body that the head names, in the order in which they were applied; chunks are framing and
    /// not among them.
    pub(super) fn codings(&self) -> Vec<Coding> {
        let listed = |name, is_transfer| {
            self.values(name)
                .flat_map(move |value| Coding::listed(value, is_transfer))
        };
        let content = listed("content-encoding", false);
        content
            .chain(listed("transfer-encoding", true).filter(|coding| *coding != Coding::Chunked))
            .collect()
    }

    /// The protocol that a request wants to speak on its stream of HTTP/2 (RFC 8441, section 4).
    pub fn protocol(&self) -> Option<&Bytes> {
        let is_extended = self.version == Version::Http2;
        is_extended.then(|| self.values(":protocol").next())?
    }

    /// Whether it is a request for a tunnel to a host, rather than one for something that has a path.
    pub fn is_connect(&self) -> bool {
        self.method.as_deref() == Some(b"CONNECT") && self.protocol().is_none()
    }

    /// The host of a request; see [`super::exchange::Exchange::host`].
    pub fn host(&self) -> Option<String> {
        let from_target = self
            .target
            .as_ref()
            .filter(|_| self.version != Version::Http2)
            .and_then(|target| super::h1::asked_host(self.method.as_deref(), target));
        let host = from_target
            .or_else(|| self.authority.as_deref().map(<[u8]>::to_vec))
            .or_else(|| {
                self.values("host")
                    .find(|value| !value.is_empty())
                    .map(|value| value.to_vec())
            })?;
        Some(String::from_utf8_lossy(&host).to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(
        version: Version,
        texts: [Option<&'static str>; 3],
        fields: &[[&'static str; 2]],
    ) -> MessageHead {
        let [method, target, authority] = texts.map(|text| text.map(Bytes::from));
        MessageHead {
            method,
            target,
            authority,
            fields: (fields.iter())
                .map(|[name, value]| Field::known(*name, *value))
                .collect(),
            ..MessageHead::empty(version)
        }
    }

    #[test]
    fn hosts() {
        let websocket = [":protocol", "websocket"];
        for (version, texts, fields, host, is_connect) in [
            (
                Version::Http11,
                [Some("GET"), Some("/a"), None],
                vec![["Host", "H:1"]],
                Some("h:1"),
                false,
            ),
            (
                Version::Http11,
                [Some("GET"), Some("http://o/a"), None],
                vec![["Host", "h"]],
                Some("o"),
                false,
            ),
            (
                Version::Http11,
                [Some("CONNECT"), Some("c:443"), None],
                vec![["Host", "h"]],
                Some("c:443"),
                true,
            ),
            (
                Version::Http2,
                [Some("CONNECT"), None, Some("C:443")],
                vec![],
                Some("c:443"),
                true,
            ),
            (
                Version::Http2,
                [Some("CONNECT"), None, None],
                vec![],
                None,
                true,
            ),
            (
                Version::Http2,
                [Some("CONNECT"), Some("/chat"), Some("h")],
                vec![websocket],
                Some("h"),
                false,
            ),
            (
                Version::Http2,
                [Some("CONNECT"), Some("/chat"), None],
                vec![websocket],
                None,
                false,
            ),
            (
                Version::Http2,
                [Some("GET"), Some("/a"), None],
                vec![["host", "h"]],
                Some("h"),
                false,
            ),
        ] {
            let head = head(version, texts, &fields);
            assert_eq!(
                (head.host().as_deref(), head.is_connect()),
                (host, is_connect),
                "{head:?}"
            );
        }
    }
}
