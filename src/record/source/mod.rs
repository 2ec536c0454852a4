//! Links to eCapture: connect, read, notice how a link ended, try again. Computes nothing and waits for no disk.
//!
//! What makes eCapture crash decides the rules (`docs/wire.md`): from 1.5.0 to 2.5.1 a client that leaves before its
//! first heartbeat, and any client that stops reading. So a link that was begun is held until its first heartbeat, two
//! seconds at most when we are asked to stop, and reading never waits. `Origin` must be sent, or the handshake is refused.
//!
//! Each eCapture has a link of its own, with its own waits. What one of them does holds up no other: all of them only
//! take what came and go back to wait.

mod header;
mod target;
mod tls;

pub use header::Header;
pub use target::local_port;
pub(super) use target::{Target, is_secure};
pub(super) use tls::config as tls_config;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError, ProtocolError};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::backoff::Backoff;
use super::meters::Meters;
use super::notice::{Notice, Teller, Why};
use super::queue::{Item, LinkEnd};
use crate::event::{Frame, Opcode, Timestamp};
use crate::wire;

/// How long the system may take to connect.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// How long eCapture may take to answer the handshake. Giving up may leave it with a client that left too early.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(20);

/// How long a link is held for its first heartbeat when we are asked to stop.
const HOLD: Duration = Duration::from_secs(2);

/// How long eCapture may take to answer our close frame.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// From 1.5.0 on a heartbeat comes on connect and every 15 s: after two and a half of those the link is stalled.
const SILENCE_AFTER_QUICK_HEARTBEAT: Duration = Duration::from_secs(38);

/// Up to 1.4.3 a heartbeat comes every 60 s, and none on connect.
const SILENCE_OTHERWISE: Duration = Duration::from_secs(150);

/// A first heartbeat within this time is one that is sent on connect.
const QUICK: Duration = Duration::from_secs(10);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Keeps a link up until told to stop.
pub(super) struct Source {
    /// Its place among the sources.
    pub(super) number: usize,
    pub(super) target: Target,
    pub(super) meters: Arc<Meters>,
    pub(super) teller: Teller,
    /// Becomes true when the recorder is to stop.
    pub(super) stop: watch::Receiver<bool>,
}

/// The wall clock, where frames are stamped.
#[expect(
    clippy::disallowed_methods,
    reason = "frames are stamped here, as they are read"
)]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Keeps the links of all sources up; returns when all have ended.
pub(super) async fn run_all(sources: Vec<Source>) {
    join_all(sources.into_iter().map(Source::run)).await;
}

impl Source {
    /// Connects, reads until the link ends, waits, and tries again; returns when told to stop.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::default();
        let mut number = 0;
        let mut last_reason = None;
        while !*self.stop.borrow() {
            let wait = match self.connect().await {
                Connected::Stopped => return,
                Connected::Failed(why, reason) => {
                    let wait = backoff.next_wait();
                    // Attempts can go on for days: the same answer is news only once.
                    if last_reason.as_ref() != Some(&reason) {
                        self.teller.tell(Notice::CannotConnect {
                            why,
                            reason: reason.clone(),
                            wait,
                        });
                        last_reason = Some(reason);
                    }
                    wait
                }
                Connected::Up(socket) => {
                    number += 1;
                    last_reason = None;
                    self.queue(Item::LinkBegan { number, at: now() });
                    self.set_linked(true);
                    self.teller.tell(Notice::Connected);
                    let (end, was_good) = self.read(*socket, number).await;
                    self.set_linked(false);
                    self.queue(Item::LinkEnded {
                        at: now(),
                        end: end.clone(),
                    });
                    if was_good {
                        backoff.reset();
                    }
                    if matches!(end, LinkEnd::TooLarge { .. }) {
                        backoff.slow_down();
                    }
                    let is_last = end == LinkEnd::Stopped || *self.stop.borrow();
                    let wait = backoff.next_wait();
                    self.teller.tell(Notice::LinkEnded {
                        end,
                        wait: (!is_last).then_some(wait),
                    });
                    wait
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = stopped(&mut self.stop) => {}
            }
        }
    }

    fn queue(&self, item: Item) {
        self.meters.queue.push(self.number, item);
    }

    fn set_linked(&self, is_linked: bool) {
        if let Some(meters) = self.meters.sources.get(self.number) {
            meters.is_linked.store(is_linked, Ordering::Relaxed);
        }
    }

    async fn connect(&mut self) -> Connected {
        let address = (self.target.host.as_str(), self.target.port);
        // Up to here nothing was said to eCapture, so stopping is harmless.
        let stream = tokio::select! {
            stream = timeout(CONNECT_PATIENCE, TcpStream::connect(address)) => stream,
            () = stopped(&mut self.stop) => return Connected::Stopped,
        };
        let stream = match stream {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Connected::Failed(Why::Unreachable, error.to_string()),
            Err(_) => return Connected::Failed(Why::Unreachable, "no answer".to_owned()),
        };
        // From here on eCapture may know us: the handshake is seen through even when we are asked to stop.
        let handshake = client_async_tls_with_config(
            self.target.request.clone(),
            stream,
            Some(self.target.config),
            self.target.connector(),
        );
        let answer = tokio::select! {
            answer = timeout(HANDSHAKE_PATIENCE, handshake) => answer,
            () = held(&mut self.stop) => return Connected::Stopped,
        };
        match answer {
            Ok(Ok((socket, _))) => Connected::Up(Box::new(socket)),
            Ok(Err(error)) => {
                let (why, reason) = refusal(error);
                Connected::Failed(why, reason)
            }
            Err(_) => Connected::Failed(
                Why::Other,
                "no answer to the WebSocket handshake".to_owned(),
            ),
        }
    }

    /// Reads until the link ends. The second value is whether it was a good one: it had a heartbeat.
    async fn read(&mut self, mut socket: Socket, link: u32) -> (LinkEnd, bool) {
        let began = Instant::now();
        let mut silence = SILENCE_OTHERWISE;
        let mut has_heartbeat = false;
        let mut last = (Instant::now(), now());
        let mut stop_at = None;
        loop {
            if *self.stop.borrow() {
                if has_heartbeat {
                    return (self.close(socket, link).await, true);
                }
                stop_at = stop_at.or_else(|| Some(Instant::now() + HOLD));
            }
            let message = tokio::select! {
                message = socket.next() => message,
                () = stopped_unless(&mut self.stop, stop_at.is_some()) => continue,
                () = deadline(stop_at) => return (self.close(socket, link).await, false),
                () = sleep_until(last.0 + silence) => return (LinkEnd::Stalled { since: last.1 }, has_heartbeat),
            };
            let message = match message {
                Some(Ok(message)) => message,
                Some(Err(error)) => return (end_of(error), has_heartbeat),
                None => return (LinkEnd::Lost("end of stream".to_owned()), has_heartbeat),
            };
            let received = now();
            last = (Instant::now(), received);
            let Some((opcode, bytes)) = data(message) else {
                continue;
            };
            if !has_heartbeat && wire::is_heartbeat(opcode, &bytes) {
                has_heartbeat = true;
                silence = silence_limit(began.elapsed());
            }
            self.push(Frame {
                link,
                received,
                opcode,
                message: bytes,
            });
        }
    }

    fn push(&self, frame: Frame) {
        let bytes = frame.message.len() as u64;
        let was_taken = self.meters.queue.push_frame(self.number, frame);
        if let Some(meters) = self.meters.sources.get(self.number) {
            meters.received_frames.fetch_add(1, Ordering::Relaxed);
            meters.received_bytes.fetch_add(bytes, Ordering::Relaxed);
            if !was_taken {
                meters.dropped_frames.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Says goodbye, and keeps what was on its way.
    async fn close(&self, mut socket: Socket, link: u32) -> LinkEnd {
        if socket.send(Message::Close(None)).await.is_ok() {
            let rest = async {
                while let Some(Ok(message)) = socket.next().await {
                    if let Some((opcode, message)) = data(message) {
                        self.push(Frame {
                            link,
                            received: now(),
                            opcode,
                            message,
                        });
                    }
                }
            };
            // Whether eCapture answers in time makes no difference.
            timeout(CLOSE_PATIENCE, rest).await.ok();
        }
        LinkEnd::Stopped
    }
}

enum Connected {
    Up(Box<Socket>),
    Failed(Why, String),
    Stopped,
}

/// Why a handshake failed, and in words.
fn refusal(error: WsError) -> (Why, String) {
    match error {
        WsError::Http(response) => {
            let status = response.status();
            let why = match status.as_u16() {
                401 | 403 | 407 => Why::Denied,
                _ => Why::Other,
            };
            (why, format!("refused with HTTP status {status}"))
        }
        WsError::Io(error) => {
            tls::failure(&error).unwrap_or_else(|| (Why::Other, error.to_string()))
        }
        other => (Why::Other, other.to_string()),
    }
}

/// How long a link may be silent, by when its first heartbeat came.
fn silence_limit(first_heartbeat_after: Duration) -> Duration {
    if first_heartbeat_after < QUICK {
        SILENCE_AFTER_QUICK_HEARTBEAT
    } else {
        SILENCE_OTHERWISE
    }
}

/// The data of a message; pings and the like have none.
fn data(message: Message) -> Option<(Opcode, Bytes)> {
    match message {
        Message::Text(text) => Some((Opcode::Text, text.into())),
        Message::Binary(bytes) => Some((Opcode::Binary, bytes)),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => None,
    }
}

fn end_of(error: WsError) -> LinkEnd {
    match error {
        WsError::ConnectionClosed | WsError::AlreadyClosed => LinkEnd::Closed,
        WsError::Capacity(CapacityError::MessageTooLong { size, .. }) => {
            LinkEnd::TooLarge { bytes: size as u64 }
        }
        // What eCapture's own end looks like: the TCP connection ends without a close frame.
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            LinkEnd::Lost("eCapture went away".to_owned())
        }
        other => LinkEnd::Lost(other.to_string()),
    }
}

/// Completes when the recorder is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // The sender lives as long as the recorder.
        pending::<()>().await;
    }
}

/// Completes when the recorder is to stop and eCapture has had its time.
async fn held(stop: &mut watch::Receiver<bool>) {
    stopped(stop).await;
    sleep(HOLD).await;
}

/// Completes when the recorder is to stop, unless that is known already.
async fn stopped_unless(stop: &mut watch::Receiver<bool>, is_known: bool) {
    if is_known {
        pending::<()>().await;
    }
    stopped(stop).await;
}

async fn deadline(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::net::TcpListener;

    use super::*;
    use crate::record::queue::Popped;

    #[test]
    fn silence_is_judged_by_the_release() {
        assert_eq!(
            silence_limit(Duration::from_millis(3)),
            SILENCE_AFTER_QUICK_HEARTBEAT
        );
        assert_eq!(silence_limit(Duration::from_secs(60)), SILENCE_OTHERWISE);
    }

    /// The clock is stopped once the link is up, so that it leaps over the silence.
    #[tokio::test]
    async fn a_link_without_heartbeats_is_stalled() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let heartbeat =
                Bytes::from_static(b"\x1a\x13\x08\xe4\xba\x90\xd8\x06\x1a\x0bheartbeat:0");
            socket.send(Message::Binary(heartbeat)).await.unwrap();
            sleep(Duration::from_millis(100)).await;
            tokio::time::pause();
            pending::<()>().await;
        };
        let (notices, told) = mpsc::channel();
        let (_stop, stopped) = watch::channel(false);
        let meters = Arc::new(Meters::new(1 << 20, vec![url.clone()]));
        let mut source = Source {
            number: 0,
            target: Target::new(&url, &[], 1 << 20, None).unwrap(),
            meters: Arc::clone(&meters),
            teller: Teller::new(notices, None),
            stop: stopped,
        };
        let client = async {
            let Connected::Up(socket) = source.connect().await else {
                panic!("{:?}", told.try_recv())
            };
            source.read(*socket, 1).await
        };
        let (end, was_good) = tokio::select! {
            end = client => end,
            () = server => unreachable!(),
        };
        assert!(matches!(end, LinkEnd::Stalled { .. }), "{end:?}");
        assert!(was_good);
        assert!(matches!(
            meters.queue.pop(Duration::ZERO),
            Popped::Item(0, Item::Frame(_))
        ));
    }
}
