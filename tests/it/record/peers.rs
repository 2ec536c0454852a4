//! What listens is no eCapture, or one that is dying: it says nothing, breaks off, or sends what is no message.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::server;
use crate::stand_in::dialect::Message;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::bounded::run_within;
use crate::support::capture::{Whole, assert_sound, copy, events, live};
use crate::support::env::{QUERY, RECORD, TestEnv};
use crate::support::frames::openssl;
use crate::support::live::Recorder;
use crate::support::long::{is_long, seed, short_or_long};
use crate::support::numbers::Numbers;
use crate::support::wait::{LONG, until_true};

/// A peer that treats the first connection in this way, and then listens no more.
fn peer(way: impl FnOnce(TcpStream) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || way(listener.accept().unwrap().0));
    (address, thread)
}

/// Reads the request of a handshake and answers it. RFC 6455, section 4.2.2.
fn upgrade(stream: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap();
    let key = request
        .lines()
        .find_map(|line| {
            line.split_once(": ")
                .filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        })
        .unwrap()
        .1;
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .unwrap();
}

/// A frame as a server sends it. RFC 6455, section 5.2.
fn raw_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(u8::try_from(length).unwrap()),
        length @ 126..65_536 => {
            frame.push(126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

fn recorder(env: &TestEnv, address: SocketAddr) -> Recorder {
    let url = format!("ws://{address}/");
    Recorder::spawn(env.with_db(RECORD, ["--url", url.as_str()]))
}

/// An event as eCapture 2.5.1 sends it.
fn event(number: usize) -> Vec<u8> {
    let time = format!("2026-11-23 10:51:{:02}.000", number % 60);
    openssl(
        &time,
        "PID:1 TID:1 Comm:curl FD:3",
        "READ",
        format!("event {number}").as_bytes(),
    )
    .to_vec()
}

/// Peers that break off, or reset the connection: before the handshake, in it, in the head of a frame, in a frame. What came
/// before is there.
#[test]
fn a_peer_that_breaks_off_anywhere() {
    let env = TestEnv::new();
    let whole = raw_frame(0x82, &event(3));
    let mut ways: Vec<Box<dyn FnOnce(TcpStream) + Send>> = vec![
        Box::new(drop),
        Box::new(|mut stream| stream.write_all(b"HTTP/1.1 101 Switching").unwrap()),
    ];
    for length in [0, 1, 2, 10, whole.len() - 1] {
        for is_reset in [false, true] {
            let part = whole[..length].to_vec();
            ways.push(Box::new(move |mut stream| {
                upgrade(&mut stream);
                stream.write_all(&raw_frame(0x82, &event(length))).unwrap();
                if is_reset {
                    // Linux resets a connection that is closed while there is something to read: here, the answer to a ping,
                    // which comes when everything before was read.
                    stream.write_all(&raw_frame(0x89, b"")).unwrap();
                    assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
                }
                stream.write_all(&part).unwrap();
            }));
        }
    }
    for (number, way) in (0_i64..).zip(ways) {
        let (address, thread) = peer(way);
        let recorder = recorder(&env, address);
        recorder.wait_for("next attempt");
        thread.join().unwrap();
        recorder.stop().exits(0);
        let copy = copy(&env.db());
        assert_eq!(
            copy.number("SELECT COUNT(*) FROM events"),
            (number - 1).max(0)
        );
        let gaps = "SELECT COUNT(*) FROM gaps WHERE reason = 1 AND recording_id = (SELECT MAX(id) FROM recordings)";
        // Without a link nothing was begun that could have a gap.
        assert_eq!(copy.number(gaps), i64::from(number > 1), "way {number}");
        assert_eq!(
            copy.number("SELECT COUNT(*) FROM links WHERE end_reason IS NULL"),
            0
        );
    }
    assert_sound(&env.db());
}

/// A peer that takes the connection and says nothing, one that never answers the handshake, one that falls silent after
/// it: the recorder does not wait for them when it is stopped.
#[test]
fn a_peer_that_says_nothing() {
    for is_upgraded in [false, true] {
        let env = TestEnv::new();
        let (sender, receiver) = std::sync::mpsc::channel();
        let (address, thread) = peer(move |mut stream| {
            if is_upgraded {
                upgrade(&mut stream);
            }
            sender.send(stream).unwrap();
        });
        let recorder = recorder(&env, address);
        let stream = receiver.recv().unwrap();
        thread.join().unwrap();
        recorder.stop().exits(0);
        drop(stream);
        assert_sound(&env.db());
        assert_eq!(
            copy(&env.db()).number("SELECT COUNT(*) FROM recordings WHERE is_clean = 1"),
            1
        );
    }
}

/// Frames with opcodes that there are not, masked ones, ones in pieces, lengths that are lies, noise. The link ends or
/// goes on, and the recorder goes on.
#[test]
fn what_is_no_frame() {
    let env = TestEnv::new();
    let mut lots = Numbers::new(seed("frames"));
    let mut cases: Vec<Vec<u8>> = vec![
        raw_frame(0x83, b"an opcode of the future"),
        raw_frame(0x8b, b"a control of the future"),
        raw_frame(0xf2, b"all bits set"),
        raw_frame(0x80, b"the rest of nothing"),
        [
            raw_frame(0x02, b"begun"),
            raw_frame(0x02, b"and begun again"),
        ]
        .concat(),
        raw_frame(0x89, &[b'p'; 126]),
        raw_frame(0x88, b"\x03"),
        vec![0x82, 0x84, 1, 2, 3, 4, 5, 6, 7, 8],
        vec![0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![
            0x82, 127, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3,
        ],
        raw_frame(0x81, b"\xff\xfe no text"),
    ];
    for _ in 0..short_or_long(3, 40) {
        cases.push(
            (0..lots.below(5000))
                .map(|_| u8::try_from(lots.below(256)).unwrap())
                .collect(),
        );
    }
    let count = cases.len();
    for (number, case) in cases.into_iter().enumerate() {
        let (address, thread) = peer(move |mut stream| {
            upgrade(&mut stream);
            // An event in pieces, one of them empty, is as good as another.
            let event = event(number);
            let (begin, end) = event.split_at(event.len() / 2);
            for frame in [
                raw_frame(0x02, begin),
                raw_frame(0x00, b""),
                raw_frame(0x80, end),
                case,
            ] {
                stream.write_all(&frame).unwrap();
            }
        });
        let recorder = recorder(&env, address);
        recorder.wait_for("next attempt");
        thread.join().unwrap();
        recorder.stop().exits(0).never_says("panicked");
    }
    assert_sound(&env.db());
    let stored = events(&env.db());
    let is_good = |event: &&Whole| event.payload.starts_with(b"event ");
    assert_eq!(stored.iter().filter(is_good).count(), count);
}

/// A message of 100 MB: below the limit it is stored; above it, it is a gap, and the link ends.
#[test]
fn a_hundred_megabytes() {
    const BYTES: usize = 100 << 20;
    for (limit, is_stored) in [("128M", true), ("64M", false)] {
        let env = TestEnv::new();
        let (server, _) = server(|_| {});
        let recorder = Recorder::linked(&env, &server, ["--max-message", limit, "--queue", "256M"]);
        server.send(&Message::binary(openssl(
            "2026-11-23 10:51:40.000",
            "PID:1 TID:1 Comm:curl FD:3",
            "READ",
            &vec![b'a'; BYTES],
        )));
        if is_stored {
            until_true("it is in the file", || {
                live(&env.db())
                    .number("SELECT COUNT(*) FROM events WHERE payload_bytes = 104857600")
                    == 1
            });
            server.play(Traffic::new(1, Corpus::Small).take(20), None);
            assert!(server.wait_for_empty_queues(LONG));
        } else {
            recorder.wait_for("is larger than the limit");
        }
        recorder.stop().exits(0);
        assert_sound(&env.db());
        let gaps =
            copy(&env.db()).number("SELECT COUNT(*) FROM gaps WHERE reason = 3 AND frames = 1");
        assert_eq!(gaps, i64::from(!is_stored));
    }
}

/// Bodies that are a thousand times what was captured of them, or a million times: neither the index of exchanges nor a search
/// needs memory for that. The events are there whole, and marked as ones of which not all was looked through.
#[test]
fn bodies_that_are_bombs() {
    /// What a query may have in use (KiB): less than the bodies in the clear.
    const MEMORY_KIB: u64 = 128 << 10;
    // Of each body, in the clear. As JSON, all four are some 3.5 GB.
    let clear = short_or_long(48 << 20, 144 << 20);
    let env = TestEnv::new();
    let (server, _) = server(|_| {});
    let recorder = Recorder::linked::<&str>(&env, &server, []);
    for (number, (coding, bomb)) in bombs(clear).into_iter().enumerate() {
        let who = format!("PID:1 TID:1 Comm:curl FD:{}", number + 3);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
            bomb.len()
        );
        let request = b"GET /bomb HTTP/1.1\r\nHost: bomb.test\r\n\r\n";
        let response = [head.as_bytes(), &bomb].concat();
        let time = "2026-11-23 10:51:40.000";
        server.send(&Message::binary(openssl(time, &who, "WRITE", request)));
        server.send(&Message::binary(openssl(time, &who, "READ", &response)));
    }
    assert!(server.wait_for_empty_queues(LONG));
    until_true("they are in the file", || {
        live(&env.db()).number("SELECT COUNT(*) FROM events") == 8
    });
    let peak = recorder.peak_kib();
    recorder.stop().exits(0);
    assert!(peak < MEMORY_KIB, "{peak} KiB");
    assert_sound(&env.db());
    let copy = copy(&env.db());
    let progress = "SELECT COUNT(*) FROM exchange_progress WHERE event_id = 8";
    assert_eq!(copy.number(progress), 1);
    let whole = "SELECT COUNT(*) FROM exchanges WHERE response_ending = 1";
    assert_eq!(copy.number(whole), 4);
    let marked = "SELECT u.event_id || ' ' || n.name FROM undecoded AS u JOIN names AS n ON n.code = u.defect
         WHERE n.domain = 'defect' ORDER BY u.event_id";
    let expected = ["2 too_large", "4 too_large", "6 too_large", "8 too_large"];
    assert_eq!(copy.texts(marked), expected);
    let mut questions: Vec<&[&str]> = vec![
        &["--exchanges", "-n", "all", "--grep", "nowhere"],
        &["show", "x1"],
        &["follow-stream", "1"],
        &["export", "raw"],
    ];
    // What writes all of it as text takes long in a build for development.
    if is_long() {
        questions.push(&["--exchanges", "-n", "all", "-o", "jsonl"]);
        questions.push(&["export", "har"]);
        questions.push(&["export", "curl"]);
    }
    for args in questions {
        run_within(MEMORY_KIB, env.with_db(QUERY, args))
            .unwrap_or_else(|fault| panic!("{}", fault.chars().take(3000).collect::<String>()));
    }
}

/// 128 MiB of zeros, as Google's brotli 1.2.0 writes them at quality 9: `brotli.compress(bytes(128 << 20), quality=9)`.
const BROTLI: &str = "y///PwAkAOKxQHLv//j//weABEAcFoDu/R////8AkACIwwLQvf/j//8fABIAcVgAuvd//P//A0ACIA4LQPf+j///fwBIAMRhAeje//H//w8ACYA4LADd\
    +z/+//8BIAEQhwWge//H//8/ACQA4rAAdO//+P//B4AEQBwWgO79H////wCQAIjDAtC9/+P//x8AEgBxWAC693/8//8DQAIgDgtA9/6P//9/AEgAxGEB6N7/\
    8f//DwAJgDgsAN37P/7//wEgARCHBaB7/zc=";

/// Zeros in each of the codings; of gzip and zstd many small streams one after the other.
fn bombs(clear: usize) -> Vec<(&'static str, Vec<u8>)> {
    const PIECE: usize = 4 << 20;
    let zeros = vec![0; PIECE];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros).unwrap();
    let gzip = gzip.finish().unwrap().repeat(clear / PIECE);
    let zstd = zstd::bulk::compress(&zeros, 1)
        .unwrap()
        .repeat(clear / PIECE);
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    // More than is decoded of a body to be searched.
    for _ in 0..(clear / PIECE / 8).max(3) {
        deflate.write_all(&zeros).unwrap();
    }
    vec![
        ("gzip", gzip),
        ("zstd", zstd),
        ("deflate", deflate.finish().unwrap()),
        ("br", STANDARD.decode(BROTLI).unwrap()),
    ]
}
