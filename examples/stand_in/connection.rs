//! One imagined connection: what it sends next.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;

use super::event::{Ends, GeneratedEvent, Probe};
use super::http1::{self, Body, Framing, Style};
use super::pools::Pools;
use super::random::Random;
use super::traffic::Corpus;

/// What one call of `SSL_read` or `SSL_write` captures at most.
const CALL_BYTES: usize = 16_384;

/// A program that has connections.
#[derive(Debug)]
pub(super) struct Program {
    comm: &'static [u8],
    /// Whether it accepts connections and does not open them.
    server: bool,
    probe: Probe,
    /// Whether its events lack the descriptor: it hands OpenSSL a BIO of its own.
    hides_fd: bool,
    uid: u32,
}

const PROGRAMS: &[Program] = &[
    program(b"curl", false, Probe::OpenSsl, true, 1000),
    program(b"python3", false, Probe::OpenSsl, false, 1000),
    program(b"nginx", true, Probe::OpenSsl, false, 33),
    program(b"node", false, Probe::OpenSsl, false, 1001),
    program(b"Socket Thread", false, Probe::OpenSsl, false, 1000),
    program(b"caddy", true, Probe::GoTls, false, 998),
];

const fn program(
    comm: &'static [u8],
    server: bool,
    probe: Probe,
    hides_fd: bool,
    uid: u32,
) -> Program {
    Program {
        comm,
        server,
        probe,
        hides_fd,
        uid,
    }
}

/// What comes next.
#[derive(Debug)]
enum Next {
    Connect,
    Request,
    Response,
    /// The rest of a body: so many bytes of `body`, then `ending`.
    Rest {
        body: Body,
        bytes: usize,
        ending: &'static [u8],
    },
    End,
    Over,
}

/// One connection of one process.
#[derive(Debug)]
pub(super) struct Connection {
    program: &'static Program,
    pid: u32,
    tid: u32,
    fd: u32,
    ends: Ends,
    http2: bool,
    style: Style,
    /// How much it reads or writes in one call at most.
    call_bytes: usize,
    exchanges: u32,
    stream: u32,
    next: Next,
}

impl Connection {
    /// Opens the connection that slot `slot` holds next. A slot is one process and one descriptor, both reused.
    pub(super) fn open(slot: usize, random: &mut Random) -> Self {
        let program = PROGRAMS
            .get(slot % PROGRAMS.len())
            .expect("the remainder is a place in the list");
        let number = u32::try_from(slot).unwrap_or(0);
        // A browser's or a server's process has several connections; curl has one each and lives no longer.
        let pid = if program.hides_fd {
            random.between(20_000, 60_000)
        } else {
            4_000 + number % u32::try_from(PROGRAMS.len()).unwrap_or(1)
        };
        let style = Style::new(program.comm, random);
        Self {
            program,
            pid,
            tid: pid
                + if program.comm == b"Socket Thread" {
                    7
                } else {
                    0
                },
            fd: 5 + number,
            ends: ends(&style, program.server, random),
            http2: random.percent(12),
            style,
            call_bytes: *random.pick(&[2_048, 4_096, 8_192, CALL_BYTES]),
            exchanges: exchanges(random),
            stream: 1,
            // Connection events are the openssl probe's.
            next: match program.probe {
                Probe::OpenSsl => Next::Connect,
                _ => Next::Request,
            },
        }
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.next, Next::Over)
    }

    /// Its next event, at `offset_ns`. A due `needle` is put where it does no harm; `None` is left where it was used.
    pub(super) fn step(
        &mut self,
        offset_ns: i64,
        corpus: Corpus,
        needle: &mut Option<&str>,
        random: &mut Random,
    ) -> GeneratedEvent {
        let mut out = Vec::new();
        // A client writes requests and reads responses; a server the other way around.
        let mut written = self.program.server;
        let mut probe = self.program.probe.clone();
        match std::mem::replace(&mut self.next, Next::End) {
            Next::Connect => {
                probe = Probe::Connect;
                self.next = Next::Request;
            }
            Next::Request => {
                written = !self.program.server;
                self.request(corpus, needle, random, &mut out);
                self.next = Next::Response;
            }
            Next::Response => self.respond(offset_ns, corpus, random, &mut out),
            Next::Rest {
                body,
                bytes,
                ending,
            } => {
                let part = bytes.min(self.call_bytes - ending.len());
                body.append(part, random, &mut out);
                if part < bytes {
                    self.next = Next::Rest {
                        body,
                        bytes: bytes - part,
                        ending,
                    };
                } else {
                    out.extend_from_slice(ending);
                    self.next = self.after_exchange();
                }
            }
            Next::End | Next::Over => {
                written = false;
                self.next = Next::Over;
            }
        }
        if probe != Probe::Connect
            && let Some(token) = needle
            && overwrite_end(&mut out, token)
        {
            *needle = None;
        }
        self.event(offset_ns, written, probe, out)
    }

    fn event(
        &self,
        offset_ns: i64,
        written: bool,
        probe: Probe,
        payload: Vec<u8>,
    ) -> GeneratedEvent {
        let hidden = self.program.hides_fd && probe != Probe::Connect;
        GeneratedEvent {
            offset_ns,
            pid: self.pid,
            tid: self.tid,
            uid: self.program.uid,
            comm: Bytes::from_static(self.program.comm),
            fd: if hidden { 0 } else { self.fd },
            written,
            tuple: Some(self.ends),
            probe,
            payload: payload.into(),
        }
    }

    fn request(
        &mut self,
        corpus: Corpus,
        needle: &mut Option<&str>,
        random: &mut Random,
        out: &mut Vec<u8>,
    ) {
        self.exchanges = self.exchanges.saturating_sub(1);
        out.reserve(1024);
        if self.http2 {
            http1::h2_request(&self.style, self.stream == 1, self.stream, random, out);
            return;
        }
        let mut body = Vec::new();
        if random.percent(18) {
            let median = if corpus == Corpus::Small { 60.0 } else { 300.0 };
            let size = Pools::shared().size(median, random).clamp(2, 8_000);
            body_of(Body::Json, corpus).append(size, random, &mut body);
        }
        http1::request(&self.style, needle.take(), &body, random, out);
    }

    fn respond(&mut self, offset_ns: i64, corpus: Corpus, random: &mut Random, out: &mut Vec<u8>) {
        let status = http1::status(random);
        let kind = match random.below(100) {
            0..=49 => Body::Json,
            50..=72 => Body::Html,
            73..=89 => Body::Text,
            _ => Body::Gzip,
        };
        let body = body_of(kind, corpus);
        let size = match corpus {
            Corpus::Small => Pools::shared().size(90.0, random).min(1_500),
            _ => Pools::shared().size(3_600.0, random).min(200_000),
        };
        let size = if http1::has_body(status) { size } else { 0 };
        if self.http2 {
            let mut bytes = Vec::new();
            body.append(size.min(CALL_BYTES - 200), random, &mut bytes);
            http1::h2_response(status, body, self.stream, &bytes, out);
            self.stream += 2;
            self.next = self.after_exchange();
            return;
        }
        let chunked = size > 0 && random.percent(15);
        let (framing, ending): (_, &'static [u8]) = if chunked {
            (Framing::Chunked(size), http1::LAST_CHUNK)
        } else {
            (Framing::Length(size), b"")
        };
        out.reserve(512 + size.min(self.call_bytes));
        http1::response_head(status, body, framing, offset_ns, random, out);
        // Some servers write the head on its own.
        let room = self.call_bytes.saturating_sub(out.len() + ending.len());
        let part = if corpus != Corpus::Small && random.percent(22) {
            0
        } else {
            size.min(room)
        };
        body.append(part, random, out);
        self.next = if part < size {
            Next::Rest {
                body,
                bytes: size - part,
                ending,
            }
        } else {
            out.extend_from_slice(ending);
            self.after_exchange()
        };
    }

    fn after_exchange(&self) -> Next {
        if self.exchanges == 0 {
            Next::End
        } else {
            Next::Request
        }
    }
}

/// How many requests a connection carries: most connections are short, and most traffic is on those that are kept alive.
/// Makes about 12 events a stream, as in the corpus that the storage design was measured with.
fn exchanges(random: &mut Random) -> u32 {
    if random.percent(60) {
        random.between(1, 6)
    } else {
        random.between(7, 20)
    }
}

fn body_of(kind: Body, corpus: Corpus) -> Body {
    if corpus == Corpus::Incompressible {
        Body::Gzip
    } else {
        kind
    }
}

/// Writes `token` over the end of `payload` where a body of text surely is.
fn overwrite_end(payload: &mut [u8], token: &str) -> bool {
    let size = payload.len();
    let roomy = size > 1_024 + token.len() && !payload.ends_with(http1::LAST_CHUNK);
    if roomy && let Some(end) = payload.get_mut(size - token.len()..) {
        end.copy_from_slice(token.as_bytes());
    }
    roomy
}

/// Addresses: a host always has the same one; one connection of eight is IPv6.
fn ends(style: &Style, server: bool, random: &mut Random) -> Ends {
    let number = style
        .host
        .bytes()
        .fold(7_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    let port = u16::try_from(random.between(32_768, 60_999)).unwrap_or(40_000);
    let (here, there): (IpAddr, IpAddr) = if random.percent(12) {
        let net = |last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
        (net(1).into(), net(0x100 + u16::from(number)).into())
    } else {
        (
            Ipv4Addr::new(192, 168, 1, 10).into(),
            Ipv4Addr::new(203, 0, 113, number).into(),
        )
    };
    let (initiator, acceptor) = if server { (there, here) } else { (here, there) };
    Ends {
        initiator: SocketAddr::new(initiator, port),
        acceptor: SocketAddr::new(acceptor, 443),
        local_is_initiator: !server,
    }
}
