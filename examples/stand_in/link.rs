//! One client of the stand-in: what it is sent, and what happens when it leaves or falls behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::{self, Message as WebSocketMessage};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use super::calendar;
use super::dialect::Message;
use super::handshake::Judge;
use super::run_log;
use super::server::{Exit, Shared};

/// How long a client that was closed may take to hang up.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a WebSocket is spoken over: TCP, or TLS over it.
trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Carrier for T {}

type Socket = WebSocketStream<Box<dyn Carrier>>;

type Sink = SplitSink<Socket, WebSocketMessage>;

/// Why the writing side ended.
enum Ending {
    /// The queue was closed and is empty: the client was kicked, or the stand-in leaves politely.
    Closed,
    /// A heartbeat fell due while the queue was closed: eCapture writes to a closed channel and dies.
    Crashed,
    /// The client cannot be written to any more.
    Broken,
}

/// Serves one client to its end.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut cut = shared.cut.subscribe();
    let Some(socket) = accept(&shared, stream).await else {
        shared.count_refused();
        return;
    };
    let (sink, stream) = socket.split();
    let (number, queue, replay) = shared.register();
    let greeted = AtomicBool::new(!shared.options.release.greets());
    let ending = tokio::select! {
        biased;
        _ = cut.changed() => Ending::Broken,
        () = heartbeat_for_kicked(&shared, number) => Ending::Crashed,
        ending = write(&shared, sink, queue, replay, &greeted) => ending,
        () = read(stream) => {
            if greeted.load(Ordering::Relaxed) { Ending::Broken } else { Ending::Crashed }
        }
    };
    shared.unregister(number);
    if matches!(ending, Ending::Crashed) && shared.options.crashes {
        shared.exit.send_replace(Some(Exit::Crashed));
    }
}

/// Both handshakes.
async fn accept(shared: &Shared, stream: TcpStream) -> Option<Socket> {
    let carrier: Box<dyn Carrier> = match &shared.options.tls {
        None => Box::new(stream),
        Some(config) => {
            let acceptor = TlsAcceptor::from(Arc::clone(config));
            Box::new(acceptor.accept(stream).await.ok()?)
        }
    };
    let wanted = &shared.options.wanted_headers;
    accept_hdr_async(carrier, Judge { wanted }).await.ok()
}

/// Completes when a heartbeat is due for a client that was kicked. eCapture's ticker runs beside the writing
/// (`pkg/ecaptureq/client.go`@v2.5.1) and does not see that the queue is closed: it writes to it, and all of eCapture goes.
async fn heartbeat_for_kicked(shared: &Shared, number: u64) {
    let every = shared.options.heartbeat_every();
    let mut tick = interval_at(Instant::now() + every, every);
    loop {
        tick.tick().await;
        if shared.was_kicked(number) {
            return;
        }
    }
}

/// Reads and throws away, which also answers pings and closes, until the client is gone.
async fn read(mut stream: SplitStream<Socket>) {
    while let Some(Ok(_)) = stream.next().await {}
}

async fn write(
    shared: &Shared,
    mut sink: Sink,
    mut queue: mpsc::Receiver<Message>,
    replay: Vec<Message>,
    greeted: &AtomicBool,
) -> Ending {
    let written = write_all(shared, &mut sink, &mut queue, replay, greeted).await;
    match written {
        Ok(ending @ Ending::Crashed) => ending,
        Ok(ending) => {
            let frame = CloseFrame {
                code: CloseCode::Normal,
                reason: "".into(),
            };
            if sink
                .send(WebSocketMessage::Close(Some(frame)))
                .await
                .is_ok()
            {
                sleep(FAREWELL).await;
            }
            ending
        }
        Err(_) => Ending::Broken,
    }
}

async fn write_all(
    shared: &Shared,
    sink: &mut Sink,
    queue: &mut mpsc::Receiver<Message>,
    replay: Vec<Message>,
    greeted: &AtomicBool,
) -> Result<Ending, tungstenite::Error> {
    let release = shared.options.release;
    let mut heartbeats = (0..).map(|count| run_log::heartbeat(release, count, calendar::now_ns()));
    for message in replay {
        sink.feed(frame(message)).await?;
    }
    sink.flush().await?;
    if release.greets() {
        sleep(shared.options.first_heartbeat_after).await;
        greeted.store(true, Ordering::Relaxed);
        if let Some(message) = heartbeats.next() {
            sink.send(frame(message)).await?;
        }
    }
    let every = shared.options.heartbeat_every();
    let mut tick = interval_at(Instant::now() + every, every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            _ = tick.tick() => {
                if let Some(message) = heartbeats.next() {
                    sink.send(frame(message)).await?;
                }
            }
            message = queue.recv() => {
                let Some(message) = message else {
                    return Ok(Ending::Closed);
                };
                sink.feed(frame(message)).await?;
                if queue.is_empty() {
                    sink.flush().await?;
                }
            }
        }
    }
}

/// One message is one frame. Text is not looked at, so that a test can send what is not UTF-8.
fn frame(message: Message) -> WebSocketMessage {
    let kind = if message.opcode == 1 {
        Data::Text
    } else {
        Data::Binary
    };
    WebSocketMessage::Frame(Frame::message(message.bytes, OpCode::Data(kind), true))
}
