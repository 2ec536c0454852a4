//! The server as a client meets it.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message as WebSocketMessage};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::dialect::{Dialect, Message, Release};
use super::options::Options;
use super::server::StandIn;
use super::traffic::{Corpus, Traffic};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const LONG: Duration = Duration::from_secs(30);

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { tokio::time::timeout(LONG, test).await.unwrap() });
}

async fn connect(server: &StandIn, origin: Option<&str>) -> Result<Socket, Error> {
    let mut request = format!("{}any/path?x=1", server.url()).into_client_request()?;
    if let Some(origin) = origin {
        request
            .headers_mut()
            .insert("Origin", origin.parse().unwrap());
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

async fn greeted(server: &StandIn) -> (Socket, usize) {
    let mut socket = connect(server, Some("http://localhost/")).await.unwrap();
    let mut logs = 0;
    while !next(&mut socket).await.ends_with(b"heartbeat:0") {
        logs += 1;
    }
    (socket, logs)
}

async fn next(socket: &mut Socket) -> Vec<u8> {
    socket.next().await.unwrap().unwrap().into_data().to_vec()
}

#[test]
fn origin_is_asked_for() {
    run(async {
        let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
        for origin in [None, Some("null"), Some("foo")] {
            let Err(Error::Http(response)) = connect(&server, origin).await else {
                panic!("{origin:?} was accepted");
            };
            assert_eq!(response.status(), 403);
            assert!(response.body().as_ref().is_none_or(Vec::is_empty));
        }
        assert!(!server.crashed());
        let (_socket, logs) = greeted(&server).await;
        assert_eq!(logs, 13);
        assert_eq!(server.handshakes(), (1, 3));
    });
}

#[test]
fn events_arrive_in_order_and_once() {
    run(async {
        let mut options = Options::for_dialect(Dialect::Text);
        options.start_ns = Some(super::START_NS);
        let encoder = options.encoder();
        let server = StandIn::start(options).unwrap();
        let (mut socket, _) = greeted(&server).await;
        let events = || Traffic::new(5, Corpus::Realistic).take(3_000);
        let played = std::thread::spawn(move || {
            assert_eq!(server.play(events(), None), 3_000);
            server
        });
        for event in events() {
            let expected = encoder.encode(&event, super::START_NS + event.offset_ns);
            assert_eq!(next(&mut socket).await, expected.unwrap().bytes);
        }
        let server = tokio::task::spawn_blocking(|| played.join().unwrap())
            .await
            .unwrap();
        assert_eq!((server.kicked(), server.lost()), (0, 0));
        // Its own exit: the stream ends without a close frame.
        server.stop();
        assert!(matches!(
            socket.next().await,
            Some(Err(Error::Protocol(_) | Error::Io(_)))
        ));
    });
}

#[test]
fn leaving_before_the_first_heartbeat_crashes_it() {
    run(async {
        let mut options = Options::for_dialect(Dialect::Text);
        options.first_heartbeat_after = LONG;
        let server = StandIn::start(options).unwrap();
        drop(connect(&server, Some("/")).await.unwrap());
        assert!(server.wait_for_nobody(LONG));
        while !server.has_ended() {
            tokio::task::yield_now().await;
        }
        assert!(server.crashed());

        // 1.4.x sends no heartbeat on connect, and survives.
        let server = StandIn::start(Options::for_release(Release::new(1, 4, 2))).unwrap();
        drop(connect(&server, Some("/")).await.unwrap());
        while server.handshakes().0 == 0 {
            tokio::task::yield_now().await;
        }
        assert!(server.wait_for_nobody(LONG));
        assert!(!server.has_ended());
    });
}

/// Sends to a client that does not read until it is kicked.
fn stall(server: &StandIn) -> u64 {
    let message = Message::binary(vec![7; 16_384]);
    let mut sent = 0;
    while server.kicked() == 0 {
        server.send(&message);
        sent += 1;
    }
    sent
}

#[test]
fn a_kicked_client_gets_what_was_queued_and_a_close() {
    run(async {
        let server = StandIn::start(Options::for_dialect(Dialect::Text)).unwrap();
        let (mut socket, _) = greeted(&server).await;
        let sent = stall(&server);
        assert!(sent > 256);
        assert_eq!(server.clients(), 0);
        let mut received = 0;
        let close = loop {
            match socket.next().await.unwrap().unwrap() {
                WebSocketMessage::Close(close) => break close.unwrap(),
                _ => received += 1,
            }
        };
        // All but the one that found the queue full.
        assert_eq!(received, sent - 1);
        assert_eq!(close.code, CloseCode::Normal);
        assert!(!server.has_ended());
    });
}

#[test]
fn a_heartbeat_for_a_kicked_client_crashes_it() {
    run(async {
        let mut options = Options::for_dialect(Dialect::Text);
        options.heartbeat_every = Some(Duration::from_millis(100));
        let server = StandIn::start(options).unwrap();
        let (socket, _) = greeted(&server).await;
        stall(&server);
        while !server.crashed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(socket);
    });
}

#[test]
fn pings_are_answered_and_a_close_is_returned() {
    run(async {
        let server = StandIn::start(Options::for_dialect(Dialect::Fields)).unwrap();
        let (mut socket, _) = greeted(&server).await;
        socket
            .send(WebSocketMessage::text("ignored"))
            .await
            .unwrap();
        let ping = WebSocketMessage::Ping(b"here"[..].into());
        socket.send(ping).await.unwrap();
        assert_eq!(
            socket.next().await.unwrap().unwrap(),
            WebSocketMessage::Pong(b"here"[..].into())
        );
        socket.close(None).await.unwrap();
        assert!(matches!(
            socket.next().await,
            Some(Ok(WebSocketMessage::Close(_)))
        ));
        assert!(server.wait_for_nobody(LONG));
        assert!(!server.has_ended());
    });
}

#[test]
fn a_new_run_breaks_links_and_has_other_logs() {
    run(async {
        let mut options = Options::for_dialect(Dialect::Text);
        options.start_ns = Some(super::START_NS);
        let server = StandIn::start(options).unwrap();
        let mut first = connect(&server, Some("*")).await.unwrap();
        let line = next(&mut first).await;
        while !next(&mut first).await.ends_with(b"heartbeat:0") {}
        server.restart_run();
        while let Some(Ok(_)) = first.next().await {}
        let mut second = connect(&server, Some("*")).await.unwrap();
        assert_ne!(next(&mut second).await, line);
        while !next(&mut second).await.ends_with(b"heartbeat:0") {}
    });
}
