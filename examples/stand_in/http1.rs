//! HTTP/1.1 messages as the traffic has them, and the HTTP/2 bytes that mean the same.

use super::calendar;
use super::http2;
use super::pools::Pools;
use super::random::{BASE64, HEX, Random, decimal};

const AGENTS: &[&str] = &[
    "curl/8.5.0",
    "curl/7.88.1",
    "python-requests/2.32.3",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "axios/1.7.9",
    "Go-http-client/1.1",
];

/// What stays the same for all messages of one connection.
#[derive(Debug, Clone)]
pub(super) struct Style {
    pub(super) host: &'static str,
    agent: &'static str,
    cookie: Option<Vec<u8>>,
    token: Option<Vec<u8>>,
}

impl Style {
    /// A style for a connection of the program `comm`.
    pub(super) fn new(comm: &[u8], random: &mut Random) -> Self {
        let agent = match comm {
            b"curl" => random.word(AGENTS.get(..2).unwrap_or(AGENTS)),
            b"python3" => "python-requests/2.32.3",
            b"caddy" => "Go-http-client/1.1",
            _ => random.word(AGENTS),
        };
        let cookie = random.percent(65).then(|| {
            let mut cookie = b"sid=".to_vec();
            random.text(HEX, 32, &mut cookie);
            cookie.extend_from_slice(b"; theme=dark; _ga=GA1.2.");
            decimal(random.bits() % 10_000_000_000, &mut cookie);
            cookie
        });
        let token = random.percent(35).then(|| {
            let mut token = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.".to_vec();
            random.text(BASE64, 90, &mut token);
            token.push(b'.');
            random.text(BASE64, 43, &mut token);
            token
        });
        Self {
            host: Pools::shared().host(random),
            agent,
            cookie,
            token,
        }
    }
}

/// The kind of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Json,
    Html,
    Text,
    /// Random bytes, said to be gzip.
    Gzip,
}

impl Body {
    /// Appends `size` bytes of such a body, or a whole text if that is shorter.
    pub(super) fn append(self, size: usize, random: &mut Random, out: &mut Vec<u8>) {
        let pools = Pools::shared();
        let text = match self {
            Self::Json => &pools.json,
            Self::Html => &pools.html,
            Self::Text => &pools.text,
            // Never the same bytes twice, or a compressor with a long memory would find them again.
            Self::Gzip => return random.bytes(size, out),
        };
        out.extend_from_slice(Pools::cut(text, size, random));
    }

    fn content_type(self) -> &'static [u8] {
        match self {
            Self::Json => b"application/json",
            Self::Html | Self::Gzip => b"text/html; charset=utf-8",
            Self::Text => b"text/plain; charset=utf-8",
        }
    }
}

fn header(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// A path: four of five from the pool, the rest new.
pub(super) fn path(random: &mut Random) -> Vec<u8> {
    let pools = Pools::shared();
    if random.percent(80) {
        let rank = random.below(pools.paths.len());
        let popular = random.below(rank + 1);
        return pools
            .paths
            .get(popular)
            .map_or_else(Vec::new, |path| path.as_bytes().to_vec());
    }
    let mut path = b"/api/v1/orders/".to_vec();
    decimal(random.bits() % 100_000_000, &mut path);
    path.extend_from_slice(b"?trace=");
    random.text(HEX, 16, &mut path);
    path
}

/// Appends a request; one with a body is a POST or PUT of JSON.
pub(super) fn request(
    style: &Style,
    needle: Option<&str>,
    body: &[u8],
    random: &mut Random,
    out: &mut Vec<u8>,
) {
    let method = if !body.is_empty() {
        random.word(&["POST ", "POST ", "POST ", "PUT "])
    } else if random.percent(94) {
        "GET "
    } else {
        random.word(&["DELETE ", "OPTIONS "])
    };
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(&path(random));
    out.extend_from_slice(b" HTTP/1.1\r\n");
    header(b"Host", style.host.as_bytes(), out);
    header(b"User-Agent", style.agent.as_bytes(), out);
    header(b"Accept", b"*/*", out);
    if style.agent.starts_with("Mozilla") {
        header(b"Accept-Encoding", b"gzip, deflate, br", out);
        header(b"Accept-Language", b"en-US,en;q=0.9", out);
    }
    if let Some(cookie) = &style.cookie {
        header(b"Cookie", cookie, out);
    }
    if let Some(token) = &style.token {
        out.extend_from_slice(b"Authorization: Bearer ");
        out.extend_from_slice(token);
        out.extend_from_slice(b"\r\n");
    }
    if let Some(needle) = needle {
        header(b"X-Needle", needle.as_bytes(), out);
    }
    if !body.is_empty() {
        header(b"Content-Type", b"application/json", out);
        content_length(body.len(), out);
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}

fn content_length(size: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Content-Length: ");
    decimal(size as u64, out);
    out.extend_from_slice(b"\r\n");
}

/// How a response says where its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    /// One chunk of so many bytes. Who writes the body ends it.
    Chunked(usize),
}

/// Ends a chunked body.
pub(super) const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// A status line's code and phrase.
pub(super) fn status(random: &mut Random) -> &'static str {
    match random.below(100) {
        0..=77 => "200 OK",
        78..=83 => "304 Not Modified",
        84..=88 => "404 Not Found",
        89..=91 => "302 Found",
        92..=93 => "201 Created",
        94..=95 => "204 No Content",
        96 => "401 Unauthorized",
        97..=98 => "500 Internal Server Error",
        _ => "503 Service Unavailable",
    }
}

/// Whether a response with this status has a body.
pub(super) fn has_body(status: &str) -> bool {
    !(status.starts_with("304") || status.starts_with("204"))
}

/// Appends the head of a response.
pub(super) fn response_head(
    status: &str,
    body: Body,
    framing: Framing,
    offset_ns: i64,
    random: &mut Random,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_bytes());
    out.extend_from_slice(b"\r\nServer: nginx\r\nDate: ");
    calendar::write_http_date(offset_ns, out);
    out.extend_from_slice(b"\r\n");
    if has_body(status) {
        header(b"Content-Type", body.content_type(), out);
        if body == Body::Gzip {
            header(b"Content-Encoding", b"gzip", out);
        }
        match framing {
            Framing::Length(size) => content_length(size, out),
            Framing::Chunked(_) => header(b"Transfer-Encoding", b"chunked", out),
        }
    }
    if status.starts_with("302") {
        header(b"Location", &path(random), out);
    }
    out.extend_from_slice(b"Connection: keep-alive\r\n");
    out.extend_from_slice(b"X-Request-Id: ");
    random.text(HEX, 32, out);
    out.extend_from_slice(b"\r\n\r\n");
    if let Framing::Chunked(size) = framing {
        out.extend_from_slice(format!("{size:x}\r\n").as_bytes());
    }
}

/// Appends an HTTP/2 request without a body; `first` begins the connection.
pub(super) fn h2_request(
    style: &Style,
    first: bool,
    stream: u32,
    random: &mut Random,
    out: &mut Vec<u8>,
) {
    if first {
        out.extend_from_slice(http2::PREFACE);
        http2::frame_head(12, http2::SETTINGS, 0, 0, out);
        out.extend([0, 3, 0, 0, 0, 100, 0, 4, 0, 160, 0, 0]);
        http2::frame_head(4, http2::WINDOW_UPDATE, 0, 0, out);
        out.extend([0x3E, 0x7F, 0, 1]);
    }
    let path = path(random);
    let mut fields: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", style.host.as_bytes()),
        (b":path", &path),
        (b"user-agent", style.agent.as_bytes()),
    ];
    if let Some(cookie) = &style.cookie {
        fields.push((b"cookie", cookie));
    }
    http2::headers_frame(stream, true, &fields, out);
}

/// Appends an HTTP/2 response with its body in one DATA frame.
pub(super) fn h2_response(status: &str, body: Body, stream: u32, bytes: &[u8], out: &mut Vec<u8>) {
    let code = status.as_bytes().get(..3).unwrap_or(b"200");
    let fields: [(&[u8], &[u8]); 3] = [
        (b":status", code),
        (b"content-type", body.content_type()),
        (b"server", b"h2o"),
    ];
    http2::headers_frame(stream, bytes.is_empty(), &fields, out);
    if !bytes.is_empty() {
        http2::frame_head(bytes.len(), http2::DATA, 1, stream, out);
        out.extend_from_slice(bytes);
    }
}
